"""Validators and the conditions on them (RFC 9110 §8.8, §13.1): If-Match, If-None-Match, If-Modified-Since."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from tracker.api.errors import Refusal

_ONE = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LIST = re.compile(rf"\s*(?:{_ONE.pattern}\s*(?:,\s*|$))+\s*")
_VERSIONED = re.compile(r"([1-9][0-9]{0,9})-[0-9a-f]{12}")
_LONGEST = 2_000
_LONGEST_DATE = 100


@dataclass(frozen=True)
class EntityTag:
    """One tag; `opaque` is what stands between the quotes."""

    opaque: str
    is_weak: bool = False

    def __str__(self) -> str:
        return f'W/"{self.opaque}"' if self.is_weak else f'"{self.opaque}"'


def digest(body: bytes) -> str:
    """Twelve hex digits of a representation: enough to tell two of one resource apart."""
    return hashlib.sha256(body).hexdigest()[:12]


def version_tag(row_version: int, body: bytes) -> EntityTag:
    """The strong tag of a resource: the version of its row, then the digest of how it is shown.

    What is derived from the day (a status, days late) changes the digest and not the version, so that a
    condition on a change asks only whether somebody changed the row.

    >>> str(version_tag(3, b"x"))
    '"3-2d711642b726"'
    """
    return EntityTag(f"{row_version}-{digest(body)}")


def weak_tag(body: bytes) -> EntityTag:
    """The weak tag of a list."""
    return EntityTag(digest(body), is_weak=True)


def parse_tags(header: str, name: str) -> tuple[EntityTag, ...] | None:
    """The tags of a condition, None for `*`. Raises Refusal bad_etag for anything else.

    >>> parse_tags('W/"a", "b"', "If-Match")
    (EntityTag(opaque='a', is_weak=True), EntityTag(opaque='b', is_weak=False))
    """
    if header.strip() == "*":
        return None
    if len(header) > _LONGEST or not _LIST.fullmatch(header):
        raise Refusal("bad_etag", header=name)
    return tuple(EntityTag(match[2], match[1] is not None) for match in _ONE.finditer(header))


def is_fresh(if_none_match: str | None, tag: EntityTag) -> bool:
    """Whether the client has this representation already (304); weak comparison, RFC 9110 §13.1.2."""
    if if_none_match is None:
        return False
    tags = parse_tags(if_none_match, "If-None-Match")
    return tags is None or any(known.opaque == tag.opaque for known in tags)


def wanted_versions(if_match: str | None) -> frozenset[int] | None:
    """The row versions a change is meant for; None for `*`, an empty set when no tag can be one of ours.

    Strong comparison: a weak tag never matches. Raises Refusal precondition_required without a condition.
    """
    if if_match is None:
        raise Refusal("precondition_required")
    tags = parse_tags(if_match, "If-Match")
    if tags is None:
        return None
    matches = (_VERSIONED.fullmatch(tag.opaque) for tag in tags if not tag.is_weak)
    return frozenset(int(match[1]) for match in matches if match)


def http_date(instant: datetime) -> str:
    """An instant as HTTP headers write it, in whole seconds (RFC 9110 §5.6.7).

    >>> http_date(datetime(2025, 11, 24, 0, 30, 59, 900_000, tzinfo=UTC))
    'Mon, 24 Nov 2025 00:30:59 GMT'
    """
    return format_datetime(instant.astimezone(UTC).replace(microsecond=0), usegmt=True)


def is_unmodified(if_modified_since: str | None, modified_at: datetime, now: datetime) -> bool:
    """Whether nothing has changed since the client's date (304); the weaker condition, RFC 9110 §13.1.3.

    A date that cannot be read, or that lies in the future, is no condition.

    >>> at = datetime(2025, 11, 24, 0, 30, tzinfo=UTC)
    >>> is_unmodified("Mon, 24 Nov 2025 00:30:00 GMT", at, at), is_unmodified("yesterday", at, at)
    (True, False)
    """
    if if_modified_since is None or len(if_modified_since) > _LONGEST_DATE:
        return False
    try:
        since = parsedate_to_datetime(if_modified_since)
    except (TypeError, ValueError, OverflowError, IndexError):
        return False
    if since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return modified_at.replace(microsecond=0) <= since <= now

"""Making, listing and revoking API tokens: the secret is shown once and kept only as its hash."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tracker.actions import account_mail
from tracker.db import tokens as tokens_db
from tracker.db.directory import get_official
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.tokens import ApiToken, Bearer
from tracker.domain import lengths
from tracker.domain.access import Scope, Subject, Verb, require
from tracker.domain.directory import Actor
from tracker.domain.errors import Conflict, Invalid, NotPermitted, Problem
from tracker.domain.text import clean_text

PREFIX = "ddt_"
TOKEN = re.compile(r"ddt_[0-9A-Za-z]{32}")
"""The form of a secret, 190 bits behind the prefix: also the pattern for scanners of leaked secrets."""

MOST_TOKENS = 50
MOST_NETWORKS = 20

_ALPHABET = string.digits + string.ascii_letters
_LENGTH = 32


class TokenRevoked(Conflict):
    """The token has been revoked already; params: revoked_at."""

    code = "token_revoked"


class TooManyTokens(Conflict):
    """The person has as many tokens in force as one may have; params: most."""

    code = "too_many_tokens"


class AddressNotAllowed(NotPermitted):
    """The token is in force, and not for use from where it is used; params: address."""

    code = "address_not_allowed"


@dataclass(frozen=True)
class NewToken:
    """A token that is asked for; without `expires_at` it lasts until it is revoked.

    `allowed_networks` are addresses or networks in CIDR form; without any it can be used from everywhere.
    """

    official_id: int
    name: str
    scopes: Sequence[str]
    expires_at: datetime | None = None
    allowed_networks: Sequence[str] = ()


@dataclass(frozen=True)
class Made:
    """A fresh token; `secret` is shown now and never again."""

    token: ApiToken
    secret: str


def new_secret() -> str:
    """A secret nobody can guess."""
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def hash_of(secret: str) -> bytes:
    """What is kept of a secret; a fast hash serves because there is nothing to guess in 190 random bits.

    >>> hash_of("ddt_x").hex()[:12]
    'f277b3d4e8c7'
    """
    return hashlib.sha256(secret.encode()).digest()


async def create(actor: Actor, new: NewToken, now: datetime, *, ip: str = "") -> Made:
    """Make a token for an official, who is told; its rights are theirs, narrowed to the scopes. Raises Invalid."""
    require(actor, Verb.MANAGE_TOKENS, Subject.owned_by(new.official_id, noun="token"))
    problems = [
        Problem(f"/scopes/{index}", "not_a_choice", scope, {"allowed": ", ".join(Scope)})
        for index, scope in enumerate(new.scopes)
        if scope not in set(Scope)
    ]
    if not new.scopes:
        problems.append(Problem("/scopes", "scope_required", None, {"allowed": ", ".join(Scope)}))
    if new.expires_at is not None and new.expires_at <= now:
        problems.append(Problem("/expires_at", "expires_in_past", new.expires_at, {"now": now}))
    name = _name(new.name, problems)
    networks = _networks(new.allowed_networks, problems)
    official = await get_official(new.official_id)
    if not official.is_active:
        problems.append(Problem("/official_id", "official_inactive", official.email))
    if problems:
        raise Invalid(problems)
    secret = new_secret()
    scopes = sorted(set(new.scopes))
    async with transaction():
        if await tokens_db.count_tokens_in_force(official.id, now) >= MOST_TOKENS:
            raise TooManyTokens(most=MOST_TOKENS)
        token_id = await tokens_db.insert_token(
            official.id, name, hash_of(secret), secret[-4:], scopes, new.expires_at, networks, now
        )
        detail = {
            "token": token_id,
            "official": official.email,
            "official_id": official.id,
            "name": name,
            "scopes": scopes,
            "expires_at": new.expires_at,
            "allowed_networks": networks,
        }
        await insert_history(actor, [HistoryEntry("create_token", detail=detail)], now)
        await account_mail.tell(official.id, "token_made", now, ip=ip, by=actor, about=name)
        token = await tokens_db.get_token(actor, token_id)
    return Made(token, secret)


def _name(name: str, problems: list[Problem]) -> str:
    try:
        return clean_text(name, "/name", lengths.TOKEN_NAME)
    except Invalid as invalid:
        problems.extend(invalid.problems)
        return name


def _networks(given: Sequence[str], problems: list[Problem]) -> list[str]:
    """Networks in their one form, each once; what is none is noted."""
    if len(given) > MOST_NETWORKS:
        problems.append(
            Problem("/allowed_networks", "too_many_networks", len(given), {"most": MOST_NETWORKS})
        )
        return []
    found: list[str] = []
    for index, text in enumerate(given):
        try:
            # A host inside a network ("10.1.2.3/8") is refused: it could mean the one as well as the other.
            network = str(ipaddress.ip_network(text.strip()))
        except ValueError:
            problems.append(Problem(f"/allowed_networks/{index}", "network_form", text))
            continue
        if network not in found:
            found.append(network)
    return found


def is_allowed(address: str, networks: Iterable[str]) -> bool:
    """Whether a token for these networks can be used from an address; without networks from everywhere.

    An address that cannot be read is in no network; an IPv4 address written as IPv6 is the IPv4 address.

    >>> is_allowed("10.1.2.3", ["10.1.0.0/16"]), is_allowed("::ffff:10.1.2.3", ["10.1.0.0/16"])
    (True, True)
    >>> is_allowed("10.2.2.3", ["10.1.0.0/16"]), is_allowed("", ["10.1.0.0/16"]), is_allowed("", [])
    (False, False, True)
    """
    listed = [ipaddress.ip_network(network) for network in networks]
    if not listed:
        return True
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = read.ipv4_mapped if isinstance(read, ipaddress.IPv6Address) else None
    return any((mapped or read) in network for network in listed)


def require_allowed(bearer: Bearer, address: str) -> None:
    """Pass when the token may be used from where it is used. Raises AddressNotAllowed."""
    if not is_allowed(address, bearer.allowed_networks):
        raise AddressNotAllowed(address=address)


async def list_own(actor: Actor) -> list[ApiToken]:
    """The actor's tokens; the system's list holds everybody's."""
    require(actor, Verb.READ)
    return await tokens_db.list_tokens(actor)


async def revoke(actor: Actor, token_id: int, now: datetime) -> None:
    """End a token at once. Raises NotFound, or TokenRevoked when it has ended already."""
    token = await tokens_db.get_token(actor, token_id)
    require(actor, Verb.MANAGE_TOKENS, Subject.owned_by(token.official_id, noun="token", id=token_id))
    await _end(actor, token, now)


async def revoke_self(bearer: Bearer, now: datetime) -> None:
    """A token ends itself: whoever holds a leaked one may always make it worthless."""
    await _end(bearer.actor, await tokens_db.get_token(bearer.actor, bearer.token_id), now)


async def _end(actor: Actor, token: ApiToken, now: datetime) -> None:
    async with transaction():
        if not await tokens_db.mark_token_revoked(token.id, now):
            raise TokenRevoked(revoked_at=token.revoked_at)
        detail = {"token": token.id, "official_id": token.official_id, "name": token.name}
        await insert_history(actor, [HistoryEntry("revoke_token", detail=detail)], now)

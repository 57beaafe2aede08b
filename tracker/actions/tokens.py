"""Making, listing and revoking API tokens: the secret is shown once and kept only as its hash."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tracker.db import tokens as tokens_db
from tracker.db.directory import get_official
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.tokens import ApiToken, Bearer
from tracker.domain.access import Scope, Subject, Verb, require
from tracker.domain.directory import Actor
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.domain.text import clean_text

PREFIX = "ddt_"
TOKEN = re.compile(r"ddt_[0-9A-Za-z]{32}")
"""The form of a secret, 190 bits behind the prefix: also the pattern for scanners of leaked secrets."""

_ALPHABET = string.digits + string.ascii_letters
_LENGTH = 32


class TokenRevoked(Conflict):
    """The token has been revoked already; params: revoked_at."""

    code = "token_revoked"


@dataclass(frozen=True)
class NewToken:
    """A token that is asked for; without `expires_at` it lasts until it is revoked."""

    official_id: int
    name: str
    scopes: Sequence[str]
    expires_at: datetime | None = None


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


async def create(actor: Actor, new: NewToken, now: datetime) -> Made:
    """Make a token for an official; its rights are theirs, narrowed to the scopes. Raises Invalid."""
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
    official = await get_official(new.official_id)
    if not official.is_active:
        problems.append(Problem("/official_id", "official_inactive", official.email))
    if problems:
        raise Invalid(problems)
    secret = new_secret()
    scopes = sorted(set(new.scopes))
    async with transaction():
        token_id = await tokens_db.insert_token(
            official.id, name, hash_of(secret), secret[-4:], scopes, new.expires_at, now
        )
        detail = {"token": token_id, "official": official.email, "name": name, "scopes": scopes}
        await insert_history(actor, [HistoryEntry("create_token", detail=detail)], now)
        token = await tokens_db.get_token(actor, token_id)
    return Made(token, secret)


def _name(name: str, problems: list[Problem]) -> str:
    try:
        return clean_text(name, "/name", 100)
    except Invalid as invalid:
        problems.extend(invalid.problems)
        return name


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

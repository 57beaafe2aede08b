"""Passwords by argon2id, beside the event loop, since a storm of sign-ins must not hold up anybody else; and tokens.

There are as many threads as cores, at a lower priority than the loop; more than a full queue of them is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import string
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from tracker.domain.passwords import LONGEST, composed

T = TypeVar("T")

# OWASP's lowest: 19 MiB, two passes, one lane; some 50 ms on a core of 2020.
HASHER = PasswordHasher(
    time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)
THREADS = os.cpu_count() or 1
LONGEST_QUEUE = 150 * THREADS
"""Some ten seconds of work: who would wait longer has gone."""

_NICER = 10
_waiting = 0


class HashingBusy(TimeoutError):
    """More passwords wait than can be looked at in time; try later (the edge answers 503)."""


def _give_way() -> None:
    """Let the event loop's thread go first; Linux knows a priority of each thread."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICER)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="passwords", initializer=_give_way)


async def _beside(work: Callable[[], T]) -> T:
    """Run in one of the threads. Raises HashingBusy when too many wait."""
    global _waiting
    if _waiting >= LONGEST_QUEUE:
        raise HashingBusy
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads(), work)
    finally:
        _waiting -= 1


async def hash_password(password: str) -> str:
    """What is kept of a password: salt, parameters and hash in one text."""
    return await _beside(partial(HASHER.hash, composed(password)))


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether this is the password; without a hash the same work is done, so that nobody can tell (attack case 71)."""
    given = composed(password)
    # No password is longer, and a longer text would only cost time.
    fits = len(given) <= LONGEST
    known = password_hash is not None
    is_right = await _beside(partial(_verify, password_hash or _nobodys_hash(), given[:LONGEST]))
    return is_right and fits and known


def needs_rehash(password_hash: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return HASHER.check_needs_rehash(password_hash)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    """A hash with today's parameters that no password has."""
    return HASHER.hash(os.urandom(32))


_ALPHABET = string.digits + string.ascii_letters


def new_token(prefix: str) -> str:
    """A secret of 190 random bits behind a prefix that scanners of leaked secrets can know it by."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(32))


def token_hash(token: str) -> bytes:
    """What is kept of a token; a fast hash serves because there is nothing to guess."""
    return hashlib.sha256(token.encode()).digest()

"""Signing in, and the sessions that follow: one refusal for every cause, a new token at every change of privilege.

`now` is the machine's real time, also in the demonstration (`page.real_now()`): sessions do not live by a moved clock.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.actions import account_mail
from tracker.actions.hashing import hash_password, needs_rehash, new_token, token_hash, verify_password
from tracker.actions.sealing import seal_text, unseal_text
from tracker.actions.second_factor import (
    clean_code,
    is_recovery_code,
    matching_step,
    recovery_hash,
    secret_anew,
)
from tracker.db import accounts as accounts_db
from tracker.db import sessions as db
from tracker.db.accounts import Account
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.kept_forms import insert_kept_form
from tracker.db.rates import take
from tracker.db.sessions import Method, Session
from tracker.domain.access import Subject, Verb, require
from tracker.domain.directory import SYSTEM, Actor, Role
from tracker.domain.errors import Conflict, Invalid, NotFound
from tracker.domain.text import endless_marks

PREFIX = "dds_"
TOKEN = re.compile(r"dds_[0-9A-Za-z]{32}")
"""The form of a session's token, 190 bits behind the prefix."""

MUST_HAVE_SECOND_FACTOR = frozenset({Role.ADMINISTRATOR, Role.SECRETARIAT})
CODE_LIFE = timedelta(minutes=5)
DEVICE_LIFE = timedelta(days=365)
RECENT = timedelta(minutes=10)
"""For so long a person need not prove again who they are before changing how they do so."""

LONGEST_ADDRESS = 254
LONGEST_AGENT = 300
_CODE_PURPOSE = "sign-in code"
_DEVICE_PURPOSE = "known device"

logger = logging.getLogger("tracker.sign_in")


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many tries a bucket holds, and after how many seconds one comes back."""

    tries: int
    refill_seconds: float


# A whole ministry may come from one address at eight o'clock.
BY_ADDRESS = Allowance(60, 2)
BY_ACCOUNT = Allowance(10, 60)
# A device that has signed in as this person before: strangers cannot use these up.
BY_DEVICE = Allowance(10, 30)
BY_CODE = Allowance(6, 120)
BY_PERSON = Allowance(10, 60)


class _Changed(Exception):
    """Between the proof and the session the person was switched off, or changed how they prove who they are."""


class TooManyTries(Conflict):
    """The next try is allowed later; params: retry_after_seconds."""

    code = "too_many_tries"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session; `token` goes into the session cookie and `device` into the long-lived one, both shown once."""

    token: str
    session_id: int
    official_id: int
    device: str


@dataclass(frozen=True, slots=True)
class NeedsCode:
    """The password was right and a code is asked for; `pending` is no session and opens nothing by itself."""

    pending: str


@dataclass(frozen=True, slots=True)
class Refused:
    """No; the same whatever the cause. `is_over` says that the first step must be done again."""

    retry_after_seconds: int = 0
    is_over: bool = False


# -- signing in ----------------------------------------------------------------------------------------


async def sign_in(
    email: str, password: str, *, ip: str, user_agent: str, now: datetime, device: str = ""
) -> SignedIn | NeedsCode | Refused:
    """Sign in with a password; `device` is what an earlier sign-in left with this browser.

    An unknown address, a wrong password, a person who was switched off and one without a password are refused
    with the same words after the same work. Raises HashingBusy.
    """
    email = clean_address(email)
    account, folded = await accounts_db.find_account_by_email(email) if email else (None, "")
    seconds = await _wait_for_try(folded, account, ip, device, now)
    if seconds:
        logger.warning("sign-in put off", extra={"ip": ip, "retry_after_seconds": seconds})
        return Refused(seconds)
    usable = account if account is not None and account.is_active else None
    password_hash = None if usable is None else usable.password_hash
    is_right = await verify_password(password_hash, password)
    if not is_right or usable is None or password_hash is None:
        await _note_failure("sign_in_failed", account, ip, now)
        return Refused()
    if needs_rehash(password_hash):
        await accounts_db.mark_rehashed(usable.official_id, password_hash, await hash_password(password))
    if usable.totp_confirmed_at is not None:
        return NeedsCode(_pending(usable, "password", now))
    try:
        return await _begin(
            usable, "password", ip=ip, user_agent=user_agent, now=now, is_new=_is_new(device, usable)
        )
    except _Changed:
        return Refused()


async def give_code(
    pending: str, code: str, *, ip: str, user_agent: str, now: datetime, device: str = ""
) -> SignedIn | Refused:
    """The second step: a one-time code, used once, or a recovery code, used up."""
    given = unseal_text(pending, _CODE_PURPOSE)
    account = None if given is None else await accounts_db.find_account(int(str(given["official"])))
    if given is None or account is None or not _still_pending(given, account, now):
        return Refused(is_over=True)
    known = "known" if _device_of(device, account) else "new"
    taken = await take(
        f"sign-in:code:{account.official_id}:{known}",
        capacity=BY_CODE.tries,
        refill_seconds=BY_CODE.refill_seconds,
    )
    if not taken.allowed:
        return Refused(taken.retry_after_seconds)
    method: Method = "oidc" if given["method"] == "oidc" else "password"
    try:
        async with transaction():
            factor = await use_code(account, code, now)
            if factor is not None:
                return await _insert(
                    account,
                    method,
                    ip=ip,
                    user_agent=user_agent,
                    now=now,
                    factor=factor,
                    is_new=_is_new(device, account),
                )
    except _Changed:
        return Refused(is_over=True)
    await _note_failure("second_factor_failed", account, ip, now)
    return Refused()


async def begin(
    official_id: int, method: Method, *, ip: str, user_agent: str, now: datetime, second_factor: bool = False
) -> SignedIn | NeedsCode:
    """A session for somebody whom a provider vouches for, or who is played in the demonstration.

    `second_factor` says that the provider asked for one; otherwise a person who has one here is asked for its code.
    Raises NotFound for a person who is not in office.
    """
    account = await accounts_db.find_account(official_id)
    if account is None or not account.is_active:
        raise NotFound(noun="official", id=official_id)
    if method == "oidc" and account.totp_confirmed_at is not None and not second_factor:
        return NeedsCode(_pending(account, method, now))
    factor = "provider" if second_factor else ""
    try:
        return await _begin(account, method, ip=ip, user_agent=user_agent, now=now, factor=factor)
    except _Changed:
        raise NotFound(noun="official", id=official_id) from None


async def _begin(
    account: Account,
    method: Method,
    *,
    ip: str,
    user_agent: str,
    now: datetime,
    factor: str = "",
    is_new: bool = False,
) -> SignedIn:
    async with transaction():
        return await _insert(
            account, method, ip=ip, user_agent=user_agent, now=now, factor=factor, is_new=is_new
        )


async def _insert(
    account: Account,
    method: Method,
    *,
    ip: str,
    user_agent: str,
    now: datetime,
    factor: str,
    is_new: bool,
) -> SignedIn:
    """The session, in the caller's transaction; `is_new` says that the device is. Raises _Changed.

    _Changed says that what was proved holds no longer.
    """
    present = await accounts_db.lock_account(account.official_id)
    if present is None or not present.is_active or _proof(present) != _proof(account):
        raise _Changed
    token = new_token(PREFIX)
    session_id = await db.insert_session(
        account.official_id,
        method,
        token_hash(token),
        has_second_factor=bool(factor),
        ip=ip[:64],
        user_agent=user_agent[:LONGEST_AGENT],
    )
    if method != "demonstration":
        await accounts_db.put_account(account.official_id, now)
        await accounts_db.mark_signed_in(account.official_id, now)
    detail = {"session": session_id, "method": method, "second_factor": factor, "ip": ip}
    await insert_history(actor_of(account), [HistoryEntry("sign_in", detail=detail)], now)
    if factor == "recovery":
        await account_mail.tell(account.official_id, "recovery_code_used", now, ip=ip)
    elif is_new:
        await account_mail.tell(account.official_id, "new_device", now, ip=ip)
    return SignedIn(token, session_id, account.official_id, _new_device(account, now))


async def use_code(account: Account, code: str, now: datetime) -> str | None:
    """Use up a one-time code or a recovery code, in the caller's transaction; which it was, None for a wrong one."""
    code = clean_code(code)
    if is_recovery_code(code):
        used = await accounts_db.claim_recovery_code(account.official_id, recovery_hash(code), now)
        return "recovery" if used else None
    if account.totp_secret is None:
        return None
    if not await use_step(account.official_id, account.totp_secret, code, now):
        return None
    return "totp"


async def use_step(official_id: int, sealed: bytes, code: str, now: datetime) -> bool:
    """Use up the one-time code of a stored secret, in the caller's transaction; False for a wrong or used one.

    A secret that a former key of the service sealed is sealed anew with the present one.
    """
    step = matching_step(sealed, official_id, code, now)
    if step is None or not await accounts_db.claim_totp_step(official_id, step):
        return False
    anew = secret_anew(sealed, official_id)
    if anew is not None:
        await accounts_db.replace_totp_secret(official_id, sealed, anew)
    return True


def clean_address(email: str) -> str:
    """An address as typed; empty for what cannot be one."""
    if len(email) > 2 * LONGEST_ADDRESS or endless_marks(email) is not None:
        return ""
    email = unicodedata.normalize("NFC", email).strip()
    return email if 3 <= len(email) <= LONGEST_ADDRESS and email.isprintable() else ""


def address_key(ip: str) -> str:
    """Whose tries count together: an address of IPv4, a network of IPv6, of which everybody has millions.

    >>> address_key("203.0.113.7"), address_key("2001:db8:1:2:3::4"), address_key("::ffff:203.0.113.7")
    ('203.0.113.7', '2001:db8:1:2::/64', '203.0.113.7')
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def account_key(folded: str, account: Account | None) -> str:
    """Whom a try counts for: a person, however their address is written, else the address as a short hash.

    `folded` comes from the database's comparison: Python folds some letters differently, and an address that is
    nobody's must not have a bucket for each way of writing it where a person's has one for all.
    """
    if account is not None:
        return str(account.official_id)
    return hashlib.sha256(folded.encode()).hexdigest()[:32]


async def _wait_for_try(folded: str, account: Account | None, ip: str, device: str, now: datetime) -> int:
    """0 when one more try is allowed, else in how many seconds the next one is.

    A device that has signed in as this person before has a bucket of its own, so that strangers who use up all
    others lock nobody out.
    """
    device_id = _device_of(device, account)
    if device_id:
        buckets = [(f"sign-in:device:{device_id}", BY_DEVICE)]
    else:
        buckets = [
            (f"sign-in:ip:{address_key(ip)}", BY_ADDRESS),
            (f"sign-in:account:{account_key(folded, account)}", BY_ACCOUNT),
        ]
    for key, allowance in buckets:
        taken = await take(key, capacity=allowance.tries, refill_seconds=allowance.refill_seconds)
        if not taken.allowed:
            return taken.retry_after_seconds
    return 0


async def _note_failure(verb: str, account: Account | None, ip: str, now: datetime) -> None:
    """A failure into the log, and into the history where it was tried on somebody we know."""
    official_id = None if account is None else account.official_id
    logger.warning(verb.replace("_", " "), extra={"ip": ip, "official_id": official_id})
    if account is not None:
        # Never what was typed: people type their password into the wrong field.
        detail = {"official_id": official_id, "email": account.email, "ip": ip}
        async with transaction():
            await insert_history(SYSTEM, [HistoryEntry(verb, detail=detail)], now)


def _pending(account: Account, method: Method, now: datetime) -> str:
    value: dict[str, object] = {
        "official": account.official_id,
        "method": method,
        "at": now.timestamp(),
        "password": _stamp(account),
    }
    return seal_text(value, _CODE_PURPOSE)


def _still_pending(given: dict[str, object], account: Account, now: datetime) -> bool:
    age = now.timestamp() - float(str(given["at"]))
    return (
        -db.SKEW.total_seconds() <= age <= CODE_LIFE.total_seconds()
        and account.is_active
        and account.totp_confirmed_at is not None
        and given["password"] == _stamp(account)
    )


def _stamp(account: Account) -> float:
    """What changes with the password, so that what was given for the old one dies with it."""
    return 0.0 if account.password_changed_at is None else account.password_changed_at.timestamp()


def _proof(account: Account) -> tuple[object, ...]:
    """What a session that begins now was proved by."""
    return account.password_changed_at, account.totp_confirmed_at


def _new_device(account: Account, now: datetime) -> str:
    value: dict[str, object] = {
        "official": account.official_id,
        "id": secrets.token_hex(16),
        "at": now.timestamp(),
        "password": _stamp(account),
    }
    return seal_text(value, _DEVICE_PURPOSE)


def _device_of(device: str, account: Account | None) -> str:
    """The id of a device that signed in as this person since their last change of password; else empty."""
    if account is None or not device or len(device) > 1000:
        return ""
    given = unseal_text(device, _DEVICE_PURPOSE)
    if given is None or given["official"] != account.official_id or given["password"] != _stamp(account):
        return ""
    return str(given["id"])


def _is_new(device: str, account: Account) -> bool:
    """Whether a person who has signed in before does so with a device that has not, in this browser's memory.

    Unlike for the buckets a change of password makes no device strange.
    """
    given = unseal_text(device, _DEVICE_PURPOSE) if 0 < len(device) <= 1000 else None
    return account.last_signed_in_at is not None and (
        given is None or given["official"] != account.official_id
    )


def actor_of(account: Account) -> Actor:
    """The person of an account as who did it, for the history."""
    return Actor(account.official_id, account.name, account.role, language=account.language)


# -- sessions ------------------------------------------------------------------------------------------


async def find(token: str, now: datetime) -> Session | None:
    """The session of a token: in force, its person in office, with a second factor where the person has to have one.

    It counts as used now.
    """
    if not TOKEN.fullmatch(token):
        return None
    session = await db.find_session(token_hash(token), now)
    if session is None:
        if await db.end_met_by_clock(token_hash(token)):
            logger.warning("session ended: the clock was set back")
        return None
    if _lacks_second_factor(session) and session.has_second_factor:
        # Begun before the person, or their new role, got the second factor.
        await db.end_session(session.id, session.official_id, "second_factor")
        return None
    if session.is_stale:
        await touch(session.id)
    return session


async def keep_form(token: str, path: str, fields: Mapping[str, Sequence[str]]) -> int | None:
    """Keep what was typed into a form whose session ran out, for who typed it; its id, None where nobody's is kept.

    A session that somebody ended is not forgiven: what came with it may be a stranger's.
    """
    if not TOKEN.fullmatch(token):
        return None
    owner = await db.find_owner_of_expired(token_hash(token))
    if owner is None:
        return None
    async with transaction():
        return await insert_kept_form(owner, path, fields)


async def touch(session_id: int) -> None:
    """Remember that a session is used; writes at most once a minute."""
    await db.mark_seen(session_id)


def needs_enrolment(session: Session) -> bool:
    """Whether only the page that sets up the second factor is open to this session."""
    return _lacks_second_factor(session)


def _lacks_second_factor(session: Session) -> bool:
    return (
        session.role in MUST_HAVE_SECOND_FACTOR
        and session.method != "demonstration"
        and session.second_factor_at is None
    )


async def renew(session_id: int) -> str:
    """Another token for the same session, after a change of privilege; the old one opens nothing any more.

    Raises NotFound for a session that has ended.
    """
    token = new_token(PREFIX)
    if not await db.mark_renewed(session_id, token_hash(token)):
        raise NotFound(noun="session", id=session_id)
    return token


async def end(actor: Actor, session_id: int, now: datetime) -> None:
    """Sign out; harmless when the session has ended already."""
    async with transaction():
        if await db.end_session(session_id, _own(actor), "signed_out"):
            await insert_history(actor, [HistoryEntry("sign_out", detail={"session": session_id})], now)


def rest_seconds(session: Session, now: datetime) -> int:
    """How long the session lasts if nothing more is asked of it, in seconds: it ends by rest or by age."""
    return max(int(min(db.IDLE, session.expires_at - now).total_seconds()), 0)


async def replace(session: Session) -> None:
    """End the session that a browser came with when it signs in again."""
    await db.end_session(session.id, session.official_id, "signed_in_again")


async def list_sessions(actor: Actor, now: datetime) -> list[Session]:
    """The actor's own sessions in force, the last used first."""
    require(actor, Verb.MANAGE_SESSIONS)
    return await db.list_sessions(_own(actor), now)


async def revoke_session(actor: Actor, session_id: int, now: datetime) -> None:
    """End one of the actor's own sessions. Raises NotFound for a foreign one and for one that has ended."""
    require(actor, Verb.MANAGE_SESSIONS)
    async with transaction():
        if not await db.end_session(session_id, _own(actor), "revoked"):
            raise NotFound(noun="session", id=session_id)
        await insert_history(actor, [HistoryEntry("revoke_session", detail={"session": session_id})], now)


async def revoke_others(actor: Actor, session_id: int, now: datetime) -> int:
    """End all of the actor's sessions but this one; how many."""
    require(actor, Verb.MANAGE_ACCOUNT)
    async with transaction():
        ended = await db.end_sessions(_own(actor), "revoked", except_id=session_id)
        if ended:
            detail = {"ended": ended, "kept": session_id}
            await insert_history(actor, [HistoryEntry("revoke_sessions", detail=detail)], now)
    return ended


async def reauthenticate(actor: Actor, session_id: int, password: str, now: datetime) -> None:
    """Prove again who one is, before changing how one does so. Raises Invalid, TooManyTries, HashingBusy."""
    require(actor, Verb.MANAGE_ACCOUNT)
    await check_own_password(actor, password, "/password", now)
    async with transaction():
        if not await db.mark_authenticated(session_id, _own(actor)):
            raise NotFound(noun="session", id=session_id)
        await insert_history(actor, [HistoryEntry("reauthenticate", detail={"session": session_id})], now)


async def check_own_password(actor: Actor, password: str, field: str, now: datetime) -> Account:
    """The actor's account, when this is its password. Raises Invalid naming `field`, TooManyTries, HashingBusy."""
    official_id = _own(actor)
    await limit(f"own-password:{official_id}", BY_PERSON)
    account = await accounts_db.find_account(official_id)
    if account is None:
        raise NotFound(noun="official", id=official_id)
    if not await verify_password(account.password_hash, password):
        detail: dict[str, object] = {"official_id": official_id}
        async with transaction():
            await insert_history(actor, [HistoryEntry("reauthenticate_failed", detail=detail)], now)
        raise Invalid.one(field, "password_wrong")
    return account


async def limit(key: str, allowance: Allowance) -> None:
    """Pass while the bucket holds a try. Raises TooManyTries."""
    taken = await take(key, capacity=allowance.tries, refill_seconds=allowance.refill_seconds)
    if not taken.allowed:
        raise TooManyTries(retry_after_seconds=taken.retry_after_seconds)


def own_account(actor: Actor) -> Subject:
    """The actor's account as what it is done to."""
    return Subject.owned_by(_own(actor), noun="account")


def _own(actor: Actor) -> int:
    if actor.official_id is None:
        raise NotFound(noun="account")
    return actor.official_id

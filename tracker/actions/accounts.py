"""Accounts: who is invited, with which password and second factor they come in, and how all of it ends.

There is no default account: the first administrator comes by a one-time link from the command line.
`now` is the machine's real time, also in the demonstration.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from tracker.actions import account_mail, notices
from tracker.actions.hashing import hash_password, new_token, token_hash
from tracker.actions.office import office
from tracker.actions.officials import LastAdministrator, require_session_for
from tracker.actions.second_factor import (
    Enrolment,
    clean_code,
    enrolment,
    matching_step,
    new_recovery_codes,
    new_sealed_secret,
    recovery_hash,
)
from tracker.actions.sessions import (
    BY_CODE,
    RECENT,
    Allowance,
    account_key,
    actor_of,
    address_key,
    check_own_password,
    clean_address,
    limit,
    own_account,
    use_step,
)
from tracker.db import accounts as db
from tracker.db import jobs as jobs_db
from tracker.db import people as people_db
from tracker.db import sessions as sessions_db
from tracker.db.accounts import Account, AccountRow, Purpose
from tracker.db.directory import get_official
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.rates import take
from tracker.domain.access import Verb, require
from tracker.domain.directory import SYSTEM, Actor, Role
from tracker.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from tracker.domain.passwords import CommonPasswords, Owner, check_password
from tracker.domain.people import PersonDraft, checked_person
from tracker.mail.addresses import check_address
from tracker.mail.contexts import AccountInvitation, Context, PasswordReset

PREFIX = "ddl_"
TOKEN = re.compile(r"ddl_[0-9A-Za-z]{32}")
"""The form of a link's token, 190 bits behind the prefix."""

INVITATION_LIFE = timedelta(days=7)
FIRST_ADMIN_LIFE = timedelta(hours=24)
RESET_LIFE = timedelta(hours=1)

RESET_BY_ADDRESS = Allowance(20, 60)
RESET_BY_ACCOUNT = Allowance(3, 900)
EVEN_SECONDS = 0.4
"""How long asking for a reset takes, whoever is asked for."""


class LinkNotValid(NotFound):
    """The link was used, ended or ran out, or never was: all the same to whoever holds it."""

    code = "link_not_valid"


class AccountExists(Conflict):
    """The person can sign in already, or once did, and needs no invitation; params: name."""

    code = "account_exists"


class FirstAdministratorExists(Conflict):
    """An administrator can sign in: they invite everybody else."""

    code = "first_administrator_exists"


class AlreadySwitched(Conflict):
    """The person is switched off, or on, already; params: name."""

    code = "already_switched"


class PersonInactive(Conflict):
    """The person is switched off and must be switched on first; params: name."""

    code = "person_inactive"


class ReauthenticationNeeded(NotPermitted):
    """Whoever changes how they prove who they are must have proved it lately, so that no stolen session can."""

    code = "reauthentication_needed"


class NoSecondFactor(Conflict):
    """There is none that this could be done with."""

    code = "no_second_factor"


@dataclass(frozen=True, slots=True)
class Invited:
    """A link that sets a password, once. Whoever holds the token becomes that person: show it to nobody else."""

    token: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LinkOwner:
    """Whom a link in force was made for."""

    official_id: int
    name: str
    email: str
    purpose: Purpose
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """What died when a person was switched off."""

    sessions: int
    tokens: int
    feeds: int
    links: int


@cache
def common_passwords() -> CommonPasswords:
    """The shipped list of well-known passwords."""
    shipped = json.loads(files("tracker").joinpath("data", "common_passwords.json").read_text("utf-8"))
    return CommonPasswords.of(shipped["words"], shipped["endings"], shipped["whole"], shipped["rows"])


# -- invitations ---------------------------------------------------------------------------------------


async def invite(actor: Actor, official_id: int, now: datetime) -> Invited:
    """Send a person a link with which they set their password; earlier links end.

    Raises NotFound, SessionNeeded, PersonInactive, and AccountExists for somebody who has a password; for
    who has a linked identity or once signed in, unless the operator invites.
    """
    require(actor, Verb.MANAGE_PEOPLE)
    async with transaction():
        account = await _lock(official_id, now)
        require_session_for(actor, account.role)
        if not account.is_active:
            raise PersonInactive(name=account.name)
        # The operator may, where an identity provider went away and nobody has a password to reset.
        if account.password_hash is not None or (not actor.is_system and await db.has_way_in(official_id)):
            raise AccountExists(name=account.name)
        invited = await _make_link(account, "invitation", INVITATION_LIFE, actor, now)
        context = AccountInvitation(account.email, actor.name, invited.url, invited.expires_at)
        await _send(account, "account_invitation", context, invited, now)
        detail = {"official_id": official_id, "email": account.email, "expires_at": invited.expires_at}
        await insert_history(actor, [HistoryEntry("invite_official", detail=detail)], now)
    return invited


async def first_administrator(email: str, name: str, now: datetime) -> Invited:
    """A link for the first administrator, who is written down in passing; earlier links end.

    Raises FirstAdministratorExists once an active administrator can sign in, and Invalid.
    """
    require(SYSTEM, Verb.MANAGE_PEOPLE)
    draft = checked_person(PersonDraft(name=name, email=check_address(email), role=Role.ADMINISTRATOR.value))
    async with transaction():
        if await db.has_administrator():
            raise FirstAdministratorExists()
        account, _ = await db.find_account_by_email(draft.email)
        if account is not None and (account.role is not Role.ADMINISTRATOR or not account.is_active):
            raise Invalid.one("--email", "email_taken", draft.email)
        official_id = await people_db.insert_official(draft, None) if account is None else account.official_id
        account = await _lock(official_id, now)
        invited = await _make_link(account, "first_admin", FIRST_ADMIN_LIFE, SYSTEM, now)
        detail = {"official_id": official_id, "email": account.email, "expires_at": invited.expires_at}
        await insert_history(SYSTEM, [HistoryEntry("invite_first_administrator", detail=detail)], now)
    return invited


async def read_link(token: str, purpose: Purpose, now: datetime) -> LinkOwner:
    """Whom a link was made for; nothing changes (attack case 89). An invitation may be the first administrator's.

    Raises LinkNotValid.
    """
    link = await db.find_link(token_hash(token), now) if TOKEN.fullmatch(token) else None
    account = None if link is None else await db.find_account(link.official_id)
    if link is None or account is None or not account.is_active or not _serves(link.purpose, purpose):
        raise LinkNotValid()
    return LinkOwner(account.official_id, account.name, account.email, link.purpose, link.expires_at)


async def accept_invitation(token: str, password: str, now: datetime) -> int:
    """Set the first password by an invitation and use the link up; the official's id.

    Raises LinkNotValid, and Invalid for a password that is not taken. Signs nobody in.
    """
    return await _set_by_link(token, "invitation", password, now)


async def ask_reset(email: str, ip: str, now: datetime) -> None:
    """Send a link to whoever has a password under this address; the answer and its time are the same for everybody.

    More than a few in a row are passed over in silence.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + EVEN_SECONDS
    await _ask_reset(clean_address(email), ip, now)
    await asyncio.sleep(until - loop.time())


async def _ask_reset(email: str, ip: str, now: datetime) -> None:
    account, folded = await db.find_account_by_email(email) if email else (None, "")
    for key, allowance in (
        (f"reset:ip:{address_key(ip)}", RESET_BY_ADDRESS),
        (f"reset:account:{account_key(folded, account)}", RESET_BY_ACCOUNT),
    ):
        taken = await take(key, capacity=allowance.tries, refill_seconds=allowance.refill_seconds)
        if not taken.allowed:
            return
    if account is None or not account.is_active or account.password_hash is None:
        return
    async with transaction():
        account = await _lock(account.official_id, now)
        if not account.is_active or account.password_hash is None:
            return
        link = await _make_link(account, "reset", RESET_LIFE, SYSTEM, now)
        context = PasswordReset(account.email, link.url, link.expires_at)
        await _send(account, "password_reset", context, link, now)
        detail = {"official_id": account.official_id, "email": account.email, "ip": ip}
        await insert_history(SYSTEM, [HistoryEntry("ask_password_reset", detail=detail)], now)


async def reset_password(token: str, new: str, now: datetime, *, ip: str = "") -> int:
    """Set a new password by a link of a reset; the official's id. Every session of the person ends.

    The second factor stays as it is, and is asked for at the next sign-in. Raises LinkNotValid, Invalid.
    """
    return await _set_by_link(token, "reset", new, now, ip)


async def _set_by_link(token: str, purpose: Purpose, password: str, now: datetime, ip: str = "") -> int:
    owner = await read_link(token, purpose, now)
    account = await _get(owner.official_id)
    password_hash = await _hash_new(account, password, "/password")
    async with transaction():
        # Before the link is looked at: one that is being made meanwhile is there to be ended, or waits and is not made.
        await _lock(account.official_id, now)
        link = await db.claim_link(token_hash(token), now)
        if link is None or not (account := await _get(link.official_id)).is_active:
            raise LinkNotValid()
        await db.mark_password(account.official_id, password_hash, now)
        await db.end_links(account.official_id)
        await db.supersede_secret_mails(account.official_id)
        ended = await sessions_db.end_sessions(account.official_id, "password_reset")
        verb = "reset_password" if purpose == "reset" else "accept_invitation"
        detail = {"official_id": account.official_id, "sessions_ended": ended}
        await insert_history(actor_of(account), [HistoryEntry(verb, detail=detail)], now)
        if purpose == "reset":
            await account_mail.tell(account.official_id, "password_reset", now, ip=ip)
    return account.official_id


async def _make_link(
    account: Account, purpose: Purpose, life: timedelta, actor: Actor, now: datetime
) -> Invited:
    """In the caller's transaction, which holds the account by `_lock`."""
    await db.supersede_secret_mails(account.official_id)
    token = new_token(PREFIX)
    expires_at = await db.insert_link(
        account.official_id, purpose, token_hash(token), life, actor.official_id, now
    )
    folder = "dat-lai-mat-khau" if purpose == "reset" else "loi-moi"
    # The public address of the settings, never the Host header of a request (attack case 63).
    return Invited(token, f"{office().url}/{folder}/{token}", expires_at)


async def _send(account: Account, kind: str, context: Context, link: Invited, now: datetime) -> None:
    key = f"{kind}-{account.official_id}-{token_hash(link.token).hex()[:16]}"
    recipient = await get_official(account.official_id)
    await notices.queue([notices.Draft(kind, context, recipient, key, (), urgent=True)], now)


def _serves(made_for: Purpose, asked: Purpose) -> bool:
    return made_for == asked or (made_for == "first_admin" and asked == "invitation")


# -- password ------------------------------------------------------------------------------------------


async def change_password(
    actor: Actor, session_id: int, current: str, new: str, now: datetime, *, ip: str = ""
) -> None:
    """Set another password; every other session of the person ends, and links that were sent.

    Give this session a new token afterwards (`sessions.renew`).
    Raises Invalid naming /current or /password, TooManyTries.
    """
    require(actor, Verb.MANAGE_ACCOUNT, own_account(actor))
    account = await check_own_password(actor, current, "/current", now)
    password_hash = await _hash_new(account, new, "/password")
    async with transaction():
        await _lock(account.official_id, now)
        await db.mark_password(account.official_id, password_hash, now)
        await db.end_links(account.official_id)
        await db.supersede_secret_mails(account.official_id)
        ended = await sessions_db.end_sessions(account.official_id, "password_changed", except_id=session_id)
        await sessions_db.mark_authenticated(session_id, account.official_id)
        detail = {"official_id": account.official_id, "sessions_ended": ended}
        await insert_history(actor, [HistoryEntry("change_password", detail=detail)], now)
        await account_mail.tell(account.official_id, "password_changed", now, ip=ip)


async def _hash_new(account: Account, password: str, field: str) -> str:
    """The hash of a new password. Raises Invalid when it is not taken."""
    owner = Owner(account.name, account.email, account.agency_code)
    problem = check_password(password, common_passwords(), owner, field)
    if problem is not None:
        raise Invalid([problem])
    return await hash_password(password)


# -- second factor -------------------------------------------------------------------------------------


async def begin_totp(actor: Actor, now: datetime) -> Enrolment:
    """A fresh secret to be copied into a phone; one that holds already stays until the new one is confirmed."""
    require(actor, Verb.MANAGE_ACCOUNT, own_account(actor))
    async with transaction():
        account = await _get_own(actor)
        await db.put_account(account.official_id, now)
        sealed = new_sealed_secret(account.official_id)
        await db.mark_totp_pending(account.official_id, sealed)
    made = enrolment(sealed, account.official_id, account.email)
    assert made is not None
    return made


async def read_enrolment(actor: Actor, session_id: int) -> Enrolment | None:
    """The secret that was begun and not confirmed yet, for ten minutes; None when there is none.

    None also for a session whose person has not proved lately who they are: whoever sees it can make codes.
    """
    require(actor, Verb.MANAGE_ACCOUNT, own_account(actor))
    account = await _get_own(actor)
    if account.totp_pending is None:
        return None
    if not await sessions_db.is_recently_authenticated(session_id, account.official_id, RECENT):
        return None
    return enrolment(account.totp_pending, account.official_id, account.email)


async def confirm_totp(
    actor: Actor, session_id: int, code: str, now: datetime, *, ip: str = ""
) -> tuple[str, ...]:
    """The first code of a new secret: from now on it is asked for. The recovery codes, this once.

    Every other session of the person ends; give this one a new token afterwards (`sessions.renew`).
    Raises ReauthenticationNeeded, NoSecondFactor, Invalid naming /code, TooManyTries.
    """
    require(actor, Verb.MANAGE_ACCOUNT, own_account(actor))
    account = await _get_own(actor)
    if not await sessions_db.is_recently_authenticated(session_id, account.official_id, RECENT):
        raise ReauthenticationNeeded()
    await limit(f"own-code:{account.official_id}", BY_CODE)
    if account.totp_pending is None:
        raise NoSecondFactor()
    step = matching_step(account.totp_pending, account.official_id, clean_code(code), now)
    if step is None:
        raise Invalid.one("/code", "code_wrong")
    codes = new_recovery_codes()
    async with transaction():
        if not await db.mark_totp_confirmed(account.official_id, account.totp_pending, step, now):
            raise NoSecondFactor()
        await db.put_recovery_codes(account.official_id, [recovery_hash(c) for c in codes], now)
        await sessions_db.mark_authenticated(session_id, account.official_id, second_factor=True)
        ended = await sessions_db.end_sessions(account.official_id, "second_factor", except_id=session_id)
        detail = {"official_id": account.official_id, "sessions_ended": ended}
        await insert_history(actor, [HistoryEntry("confirm_second_factor", detail=detail)], now)
        await account_mail.tell(account.official_id, "second_factor_set_up", now, ip=ip)
    return codes


async def renew_recovery_codes(actor: Actor, code: str, now: datetime, *, ip: str = "") -> tuple[str, ...]:
    """New recovery codes in place of the old ones, for a one-time code of the phone; shown this once.

    Raises NoSecondFactor, Invalid naming /code, TooManyTries.
    """
    require(actor, Verb.MANAGE_ACCOUNT, own_account(actor))
    account = await _get_own(actor)
    await limit(f"own-code:{account.official_id}", BY_CODE)
    if account.totp_secret is None:
        raise NoSecondFactor()
    codes = new_recovery_codes()
    async with transaction():
        if not await use_step(account.official_id, account.totp_secret, clean_code(code), now):
            raise Invalid.one("/code", "code_wrong")
        await db.put_recovery_codes(account.official_id, [recovery_hash(c) for c in codes], now)
        detail = {"official_id": account.official_id}
        await insert_history(actor, [HistoryEntry("renew_recovery_codes", detail=detail)], now)
        await account_mail.tell(account.official_id, "recovery_codes_renewed", now, ip=ip)
    return codes


async def count_recovery_codes(actor: Actor) -> int:
    """How many of the actor's recovery codes are left."""
    require(actor, Verb.MANAGE_ACCOUNT, own_account(actor))
    return await db.count_recovery_codes((await _get_own(actor)).official_id)


async def own(actor: Actor) -> Account:
    """The actor's own account, for pages that show how they sign in."""
    require(actor, Verb.MANAGE_ACCOUNT, own_account(actor))
    return await _get_own(actor)


async def reset_second_factor(actor: Actor, official_id: int, now: datetime) -> bool:
    """Take away the second factor of somebody who lost phone and codes; their sessions end. Whether there was one.

    Whoever has to have one is asked to set it up at the next sign-in. Raises NotFound.
    """
    require(actor, Verb.MANAGE_PEOPLE)
    async with transaction():
        account = await _get(official_id)
        there_was = await db.clear_second_factor(official_id)
        ended = await sessions_db.end_sessions(official_id, "second_factor")
        detail = {"official_id": official_id, "email": account.email, "sessions_ended": ended}
        await insert_history(actor, [HistoryEntry("reset_second_factor", detail=detail)], now)
        if there_was:
            await account_mail.tell(official_id, "second_factor_reset", now, by=actor)
    return there_was


# -- switching off and on ------------------------------------------------------------------------------


async def disable(actor: Actor, official_id: int, now: datetime) -> Ended:
    """Switch a person off: sessions, tokens, calendar links and links in mails are dead when this returns.

    Jobs end at their next step; webhooks at the next look of the worker, which sends nothing before it.

    Raises NotFound, AlreadySwitched, LastAdministrator.
    """
    require(actor, Verb.MANAGE_PEOPLE)
    async with transaction():
        administrators = await people_db.lock_administrators()
        account = await _get(official_id)
        if administrators == {official_id}:
            raise LastAdministrator(name=account.name)
        if not await db.mark_active(official_id, is_active=False):
            raise AlreadySwitched(name=account.name)
        tokens, feeds = await db.end_tokens_and_feeds(official_id, now)
        ended = Ended(
            sessions=await sessions_db.end_sessions(official_id, "disabled"),
            tokens=tokens,
            feeds=feeds,
            links=await db.end_links(official_id),
        )
        await db.supersede_secret_mails(official_id, with_notices=True)
        detail: dict[str, object] = {
            "official_id": official_id,
            "email": account.email,
            "jobs": await jobs_db.request_cancel_of(official_id),
            "sessions": ended.sessions,
            "tokens": ended.tokens,
            "feeds": ended.feeds,
            "links": ended.links,
        }
        await insert_history(actor, [HistoryEntry("disable_official", detail=detail)], now)
    return ended


async def enable(actor: Actor, official_id: int, now: datetime) -> None:
    """Switch a person on again: they sign in as before; tokens and links stay dead.

    Raises NotFound, SessionNeeded, AlreadySwitched.
    """
    require(actor, Verb.MANAGE_PEOPLE)
    async with transaction():
        account = await _get(official_id)
        require_session_for(actor, account.role)
        if not await db.mark_active(official_id, is_active=True):
            raise AlreadySwitched(name=account.name)
        detail = {"official_id": official_id, "email": account.email}
        await insert_history(actor, [HistoryEntry("enable_official", detail=detail)], now)


async def list_accounts(actor: Actor) -> list[AccountRow]:
    """Everybody who has an account, with what it holds and never a secret."""
    require(actor, Verb.MANAGE_PEOPLE)
    return await db.list_accounts()


async def _get(official_id: int) -> Account:
    account = await db.find_account(official_id)
    if account is None:
        raise NotFound(noun="official", id=official_id)
    return account


async def _lock(official_id: int, now: datetime) -> Account:
    """The account, made where there is none; whoever makes or uses its links comes after this transaction.

    Raises NotFound.
    """
    if await db.lock_account(official_id) is None:
        raise NotFound(noun="official", id=official_id)
    await db.put_account(official_id, now)
    account = await db.lock_account(official_id)
    assert account is not None
    return account


async def _get_own(actor: Actor) -> Account:
    if actor.official_id is None:
        raise NotFound(noun="account")
    return await _get(actor.official_id)

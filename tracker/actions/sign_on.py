"""Single sign-on: sending a person to the identity provider, and what follows from the answer.

An identity opens only the account it was linked to, by the person (signed in, or with their invitation) or,
where the operator allows it, when they were entered from its claims. An address never links anything.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tracker.actions import account_mail, officials
from tracker.actions.accounts import ReauthenticationNeeded
from tracker.actions.sessions import RECENT, address_key
from tracker.db import accounts as accounts_db
from tracker.db import identities as db
from tracker.db import sessions as sessions_db
from tracker.db.engine import enclosing_transaction, transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.identities import Flow, Linked, LinkedBy, Person
from tracker.db.rates import take
from tracker.db.reads_api import get_official_view
from tracker.domain.access import Verb, require
from tracker.domain.claims import (
    Cause,
    Identity,
    Mapped,
    RoleRule,
    SignOnRefused,
    map_role,
    new_person,
    proves_second_factor,
    role_rules,
)
from tracker.domain.directory import SYSTEM, Actor
from tracker.domain.errors import Conflict, Invalid, NotFound
from tracker.domain.people import DUTIES_OF, PersonDraft
from tracker.settings import Settings
from tracker.sign_on.config import config_of
from tracker.sign_on.provider import Provider, new_secrets, provider_of

CALLBACK_PATH = "/dang-nhap-mot-lan/ve"
"""Where the provider sends people back to: this address of ours is registered there."""
FLOW_LIFE = timedelta(minutes=10)
STARTS_AT_ONCE = 60
START_COMES_BACK_SECONDS = 1.0
"""Whole ministries come from one address in the morning, so the allowance is wide: a start costs one row."""

logger = logging.getLogger("tracker.sign_on")


@dataclass(frozen=True)
class SingleSignOn:
    """The provider of this installation and what its claims may do."""

    provider: Provider
    rules: tuple[RoleRule, ...]
    role_claim: str
    agency_claim: str | None
    creates_people: bool
    follows_roles: bool
    acr: tuple[str, ...]
    amr: tuple[str, ...]

    def role_of(self, identity: Identity) -> Mapped:
        """The role that the claims give. Raises SignOnRefused."""
        return map_role(identity.claims, self.rules, self.role_claim, self.agency_claim)


def single_sign_on(settings: Settings) -> SingleSignOn | None:
    """What the settings describe; None where there is no single sign-on."""
    config = config_of(settings, CALLBACK_PATH)
    if config is None:
        return None
    return SingleSignOn(
        provider=provider_of(config),
        rules=role_rules(settings.oidc_role_map),
        role_claim=settings.oidc_role_claim,
        agency_claim=settings.oidc_agency_claim,
        creates_people=settings.oidc_create_people,
        follows_roles=settings.oidc_follow_roles,
        acr=settings.oidc_mfa_acr,
        amr=settings.oidc_mfa_amr,
    )


# -- the way there -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """Where to send the browser, and the secret it must bring back in its cookie."""

    address: str
    browser: str


@dataclass(frozen=True)
class Refused:
    """A sign-on that does not go through; people are told the same whatever the cause."""

    cause: Cause


async def start_sign_in(
    sso: SingleSignOn, next_path: str, ip: str, language: str, now: datetime
) -> Started | Refused:
    """Begin to sign in."""
    return await _start(sso, "sign_in", ip, language, now, next_path=next_path)


async def start_link(
    actor: Actor, session_id: int, sso: SingleSignOn, ip: str, language: str, now: datetime
) -> Started | Refused:
    """Begin to link the actor's own identity. Raises ReauthenticationNeeded for a session that is not fresh."""
    await _require_fresh(actor, session_id)
    return await _start(sso, "link", ip, language, now, official_id=actor.official_id)


async def start_invited(
    sso: SingleSignOn, invitation_hash: bytes, ip: str, language: str, now: datetime
) -> Started | Refused:
    """Begin to accept an invitation by single sign-on instead of a password."""
    return await _start(sso, "invitation", ip, language, now, invitation_hash=invitation_hash)


async def _start(
    sso: SingleSignOn,
    purpose: db.Purpose,
    ip: str,
    language: str,
    now: datetime,
    *,
    next_path: str = "",
    official_id: int | None = None,
    invitation_hash: bytes | None = None,
) -> Started | Refused:
    allowed = await take(
        f"sign-on:ip:{address_key(ip)}", capacity=STARTS_AT_ONCE, refill_seconds=START_COMES_BACK_SECONDS
    )
    if not allowed.allowed:
        return _refused(Cause.TOO_OFTEN)
    chosen, browser = new_secrets(), secrets.token_urlsafe(32)
    try:
        address = await sso.provider.address(chosen, language)
    except SignOnRefused as refusal:
        return _refused(refusal.cause, refusal.detail)
    flow = Flow(purpose, chosen.nonce, chosen.verifier, next_path, official_id, invitation_hash)
    async with transaction():
        await db.insert_flow(hash_of(chosen.state), hash_of(browser), flow, now, now + FLOW_LIFE)
    return Started(address, browser)


def hash_of(secret: str) -> bytes:
    """What is kept of a secret; a fast hash serves because there is nothing to guess in 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def _refused(cause: Cause, detail: str = "") -> Refused:
    """The one way a refusal leaves: with its cause in the log."""
    logger.warning("sign-on refused", extra={"cause": cause.value, "detail": detail})
    return Refused(cause)


# -- the way back --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SignedOn:
    """Somebody who proved who they are; `is_second_factor_proved` as the operator's settings read the claims."""

    official_id: int
    next_path: str
    is_second_factor_proved: bool


@dataclass(frozen=True)
class NewlyLinked:
    """An identity that now opens the account of the person who asked for it."""

    label: str


async def finish(
    sso: SingleSignOn,
    answer: Mapping[str, str],
    browser: str,
    viewer_id: int | None,
    now: datetime,
    *,
    ip: str = "",
) -> SignedOn | NewlyLinked | Refused:
    """What follows from the provider's answer in this browser; `now` is real time, `viewer_id` who is signed in.

    1. The state is used up, and only by the browser that began.
    2. The code is exchanged, the token judged: no transaction is open meanwhile.
    3. The identity is looked up, linked or entered, and the history written, in one transaction.
    """
    state_hash = hash_of(answer.get("state", ""))
    flow = await db.claim_flow(state_hash, hash_of(browser), now)
    if flow is None:
        # Strangers can make any number of these, so they stand in the log only.
        is_elsewhere = await db.is_flow_known(state_hash)
        return _refused(Cause.OTHER_BROWSER if is_elsewhere else Cause.FLOW_UNKNOWN)
    subject = ""
    try:
        if flow.purpose == "link" and flow.official_id != viewer_id:
            raise SignOnRefused(Cause.SESSION_CHANGED)
        code = await sso.provider.check_answer(answer)
        identity = await sso.provider.redeem(code, flow.nonce, flow.verifier, now)
        subject = identity.subject
        return await _follow(sso, flow, identity, ip, now)
    except SignOnRefused as refusal:
        detail = {
            "cause": refusal.cause.value,
            "detail": refusal.detail,
            "purpose": flow.purpose,
            "issuer": sso.provider.config.issuer,
            "subject": subject,
        }
        async with transaction():
            await insert_history(SYSTEM, [HistoryEntry("refuse_sign_on", detail=detail)], now)
        return _refused(refusal.cause, refusal.detail)


async def _follow(
    sso: SingleSignOn, flow: Flow, identity: Identity, ip: str, now: datetime
) -> SignedOn | NewlyLinked:
    proved = proves_second_factor(identity.claims, sso.acr, sso.amr)
    if flow.official_id is not None:
        async with transaction():
            await _link(await _active(flow.official_id), identity, "person", now)
            label = identity.label
            await account_mail.tell(flow.official_id, "identity_linked", now, ip=ip, about=label)
        return NewlyLinked(identity.label)
    if flow.invitation_hash is not None:
        official_id = await _accept(flow.invitation_hash, identity, ip, now)
        return SignedOn(official_id, flow.next_path, proved)
    linked = await db.find_identity(identity.issuer, identity.subject)
    if linked is None:
        official_id = await _enter(sso, identity, now)
    else:
        official_id = linked.official_id
        if sso.follows_roles:
            async with transaction():
                await _active(official_id)
            await _follow_role(sso, official_id, identity, now)
    async with transaction():
        # Looked at again: the link may have ended, or the person been switched off, a moment ago.
        current = await db.find_identity(identity.issuer, identity.subject)
        if current is None or current.official_id != official_id:
            raise SignOnRefused(Cause.NOT_LINKED)
        person = await _active(official_id)
        await db.mark_used(current.id, identity.label, now)
        await _remember(person, "sign_on", identity, now)
    return SignedOn(official_id, flow.next_path, proved)


async def _active(official_id: int) -> Person:
    person = await db.find_person(official_id)
    if person is None or not person.is_active:
        raise SignOnRefused(Cause.OFFICIAL_INACTIVE)
    return person


async def _link(person: Person, identity: Identity, by: LinkedBy, now: datetime) -> None:
    """Link an identity that nobody has to a person who has none of this provider. Raises SignOnRefused."""
    known = await db.find_identity(identity.issuer, identity.subject)
    if known is not None and known.official_id != person.id:
        raise SignOnRefused(Cause.LINKED_TO_ANOTHER)
    if not await db.insert_identity(person.id, identity.issuer, identity.subject, identity.label, by, now):
        raise SignOnRefused(Cause.HAS_ANOTHER_LINK)
    await _remember(person, "link_identity", identity, now, by=by)


async def _remember(person: Person, verb: str, identity: Identity, now: datetime, **more: object) -> None:
    actor = Actor(person.id, person.name, person.role, person.agency_id)
    detail = {"issuer": identity.issuer, "subject": identity.subject, "label": identity.label, **more}
    await insert_history(actor, [HistoryEntry(verb, detail=detail)], now)


async def _enter(sso: SingleSignOn, identity: Identity, now: datetime) -> int:
    """Write down a person nobody knew, where the operator allows it; their id. Raises SignOnRefused."""
    if not sso.creates_people:
        raise SignOnRefused(Cause.NOT_LINKED)
    person, mapped = new_person(identity.claims), sso.role_of(identity)
    draft = PersonDraft(person.name, person.email, mapped.role.value, agency=mapped.agency_code)
    try:
        # The person and the link are there together or not at all.
        async with enclosing_transaction():
            made = await officials.create(SYSTEM, draft, now)
            await _link(await _active(made.id), identity, "claims", now)
    except Invalid as invalid:
        codes = {problem.code for problem in invalid.problems}
        raise SignOnRefused(
            Cause.EMAIL_TAKEN if "email_taken" in codes else Cause.CLAIMS_REFUSED, ", ".join(sorted(codes))
        ) from None
    return made.id


async def _follow_role(sso: SingleSignOn, official_id: int, identity: Identity, now: datetime) -> None:
    """Give a person the role and agency their claims say now. Raises SignOnRefused, also for the last administrator."""
    mapped = sso.role_of(identity)
    view = await get_official_view(SYSTEM, official_id)
    stands = officials.draft_of(view)
    agency = mapped.agency_code
    if agency is None and mapped.role == stands.role:
        agency = stands.agency
    if (stands.role, stands.agency) == (mapped.role, agency):
        return
    duty = stands.duty if stands.duty in DUTIES_OF[mapped.role] else None
    draft = replace(stands, role=mapped.role.value, agency=agency, duty=duty)
    try:
        await officials.change(SYSTEM, official_id, draft, view.row_version, now)
    except (Invalid, Conflict, NotFound) as error:
        raise SignOnRefused(Cause.CLAIMS_REFUSED, error.code) from None


async def _accept(invitation_hash: bytes, identity: Identity, ip: str, now: datetime) -> int:
    """Link the identity to the person of an invitation, which is used up by it. Raises SignOnRefused.

    A link that resets a password invites nobody.
    """
    async with transaction():
        known = await accounts_db.find_link(invitation_hash, now)
        if known is not None:
            # As with a password: a link that is being made meanwhile does not outlive this one.
            await accounts_db.lock_account(known.official_id)
        invitation = await accounts_db.claim_link(invitation_hash, now)
        if invitation is None or invitation.purpose == "reset":
            raise SignOnRefused(Cause.INVITATION_VOID)
        person = await _active(invitation.official_id)
        await accounts_db.put_account(person.id, now)
        await _link(person, identity, "invitation", now)
        await account_mail.tell(person.id, "identity_linked", now, ip=ip, about=identity.label)
        # Nobody sets a password with what is left of the invitation.
        await accounts_db.end_links(person.id)
        await accounts_db.supersede_secret_mails(person.id)
        await _remember(person, "sign_on", identity, now)
    return person.id


# -- one's own links -----------------------------------------------------------------------------------


async def list_own(actor: Actor) -> list[Linked]:
    """The actor's linked identities."""
    require(actor, Verb.MANAGE_ACCOUNT)
    assert actor.official_id is not None
    return await db.list_identities(actor.official_id)


class LastWayIn(Conflict):
    """Without this link the person could not sign in any more: there is no password."""

    code = "last_way_in"


async def _require_fresh(actor: Actor, session_id: int) -> int:
    """Whose account it is, when they proved who they are a few minutes ago. Raises ReauthenticationNeeded."""
    require(actor, Verb.MANAGE_ACCOUNT)
    if actor.official_id is None or not await sessions_db.is_recently_authenticated(
        session_id, actor.official_id, RECENT
    ):
        raise ReauthenticationNeeded()
    return actor.official_id


async def unlink(
    actor: Actor, session_id: int, sso: SingleSignOn, identity_id: int, now: datetime, *, ip: str = ""
) -> None:
    """End one of the actor's own links. Raises ReauthenticationNeeded, NotFound, LastWayIn."""
    official_id = await _require_fresh(actor, session_id)
    async with transaction():
        own = await db.list_identities(official_id)
        ended = next((linked for linked in own if linked.id == identity_id), None)
        if ended is None or not await db.delete_identity(official_id, identity_id):
            raise NotFound(noun="identity", id=identity_id)
        # A link to a provider of earlier times opens nothing.
        opens = ended.issuer == sso.provider.config.issuer
        account = await accounts_db.find_account(official_id)
        if opens and (account is None or account.password_hash is None):
            raise LastWayIn()
        detail = {"issuer": ended.issuer, "subject": ended.subject, "label": ended.label}
        await insert_history(actor, [HistoryEntry("unlink_identity", detail=detail)], now)
        await account_mail.tell(official_id, "identity_unlinked", now, ip=ip, about=ended.label)

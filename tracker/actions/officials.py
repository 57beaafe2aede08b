"""Writing down people: new officials, changes of role, agency, address, absence and deputy.

A change of role or agency counts at once: actors are read anew at each request, and the person's web sessions end.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, datetime

from tracker.db import accounts as accounts_db
from tracker.db import mandates as mandates_db
from tracker.db import people as db
from tracker.db import sessions as sessions_db
from tracker.db.directory import find_official, list_agencies
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.reads_api import OfficialView, get_official_view, is_official_seen
from tracker.domain.access import Subject, Verb, may, require
from tracker.domain.directory import AGENCY_ROLES, Actor, Role, check_exists
from tracker.domain.errors import Conflict, Invalid, NotPermitted, Problem, StaleVersion
from tracker.domain.people import PersonDraft, checked_person, deputy_fault
from tracker.domain.zone import civil_day
from tracker.mail.addresses import check_address

OWN_FIELDS = frozenset({"language", "absent_from", "absent_until", "deputy_id"})
"""What everybody may set of themselves; the rest is the administrator's."""


class LastAdministrator(Conflict):
    """Nobody could manage the service any more; params: name."""

    code = "last_administrator"


class SessionNeeded(NotPermitted):
    """Whom the whole service trusts is decided by somebody who has signed in, never by an API token; params: role."""

    code = "session_needed"


TRUSTED = frozenset({Role.ADMINISTRATOR, Role.SECRETARIAT})
"""The roles that see and change everything: they must have a second factor, and no token hands them out."""


def require_session_for(actor: Actor, *roles: str) -> None:
    """Refuse an API token what touches how a trusted person comes in. Raises SessionNeeded."""
    touched = next((role for role in roles if role in TRUSTED), None)
    if actor.scopes is not None and touched is not None:
        raise SessionNeeded(role=str(touched))


@dataclass(frozen=True)
class Changed:
    """What a change came to: who it is now, and what had to end with it."""

    official: OfficialView
    sessions_ended: int = 0
    mandates_ended: int = 0
    tokens_ended: int = 0


def draft_of(view: OfficialView) -> PersonDraft:
    """What stands, as a draft to change."""
    return PersonDraft(
        name=view.full_name,
        email=view.email,
        role=view.role,
        position=view.position,
        agency=view.agency_code,
        duty=view.duty,
        contact_order=view.contact_order,
        language=view.language,
        absent_from=view.absent_from,
        absent_until=view.absent_to,
        deputy_id=view.deputy_id,
    )


async def create(actor: Actor, draft: PersonDraft, now: datetime) -> OfficialView:
    """Write down a new person, who cannot sign in before they are invited. Raises Invalid naming every fault.

    Raises SessionNeeded when an API token would make an administrator or a person of the secretariat.
    """
    require(actor, Verb.MANAGE_PEOPLE)
    require_session_for(actor, draft.role)
    async with transaction():
        draft, agency_id = await _checked(actor, None, draft, None, civil_day(now))
        official_id = await db.insert_official(draft, agency_id)
        detail = {"official_id": official_id, "email": draft.email, "after": _plain(draft)}
        await insert_history(actor, [HistoryEntry("create_official", detail=detail)], now)
        return await get_official_view(actor, official_id)


async def change(
    actor: Actor,
    official_id: int,
    draft: PersonDraft,
    version: int | None,
    now: datetime,
    *,
    mends_mailbox: bool = False,
) -> Changed:
    """Write `draft` over what stands; a new address, or `mends_mailbox`, lets mail go to the person again.

    People set their own language, absence and deputy; the rest is the administrator's.
    Raises NotFound, NotPermitted, SessionNeeded, StaleVersion, Invalid, LastAdministrator.
    """
    async with transaction():
        # Administrators before the row: two who demote each other then wait in one order, and no deadlock comes.
        administrators = await db.lock_administrators()
        view = await db.lock_official(actor, official_id)
        stands = draft_of(view)
        await _require(actor, view, _differing(stands, draft), mends_mailbox)
        _require_session(actor, stands, draft)
        if version is not None and version != view.row_version:
            raise StaleVersion(current=view.row_version)
        draft, agency_id = await _checked(actor, view, draft, stands, civil_day(now))
        changed = _differing(stands, draft)
        is_mended = view.mailbox == "dead" and (mends_mailbox or "email" in changed)
        if not changed and not is_mended:
            return Changed(view)
        if "role" in changed and administrators == {official_id}:
            raise LastAdministrator(name=view.full_name)
        await db.update_official(official_id, draft, agency_id, mends_mailbox=is_mended)
        sessions = 0
        mandates = 0
        tokens = 0
        if changed & {"role", "agency"}:
            sessions = await sessions_db.end_sessions(official_id, "role_changed")
            mandates = await _end_what_hung_on(view, draft, agency_id, now)
        if "role" in changed and draft.role in TRUSTED:
            # They were made before the person had to prove by a second factor who they are.
            tokens = await accounts_db.end_tokens(official_id, now)
        if "email" in changed:
            # A link sent to the former address must not make its reader this person.
            await accounts_db.end_links(official_id)
            await accounts_db.supersede_secret_mails(official_id)
        before, after = _plain(stands), _plain(draft)
        detail: dict[str, object] = {
            "official_id": official_id,
            "email": draft.email,
            "before": {name: before[name] for name in sorted(changed)},
            "after": {name: after[name] for name in sorted(changed)},
        }
        if tokens:
            detail["tokens"] = tokens
        if is_mended:
            detail["mailbox_mended"] = True
        await insert_history(actor, [HistoryEntry("edit_official", detail=detail)], now)
        return Changed(await get_official_view(actor, official_id), sessions, mandates, tokens)


async def may_mend_address(actor: Actor, official_id: int) -> bool:
    """Whether the actor may give this contact, to whom no mail comes, another address."""
    if may(actor, Verb.MANAGE_PEOPLE):
        return True
    view = await get_official_view(actor, official_id)
    return may(actor, Verb.MEND_ADDRESS) and await _is_mere_contact(view)


async def _is_mere_contact(view: OfficialView) -> bool:
    """Whether somebody of an agency is unreachable and has no way to sign in: an address alone makes nobody them."""
    return (
        view.mailbox == "dead"
        and Role(view.role) in AGENCY_ROLES
        and not await accounts_db.is_known_to_sign_in(view.id)
    )


async def _require(actor: Actor, view: OfficialView, changed: frozenset[str], mends_mailbox: bool) -> None:
    if changed <= {"email"} and not may(actor, Verb.MANAGE_PEOPLE) and await _is_mere_contact(view):
        require(actor, Verb.MEND_ADDRESS)
    elif view.id == actor.official_id and changed <= OWN_FIELDS and not mends_mailbox:
        require(actor, Verb.EDIT_SELF, Subject.owned_by(view.id, noun="official", id=view.id))
    else:
        require(actor, Verb.MANAGE_PEOPLE)


def _require_session(actor: Actor, stands: PersonDraft, draft: PersonDraft) -> None:
    """A token promotes nobody, and sends the mail of nobody trusted elsewhere. Raises SessionNeeded."""
    if stands.role not in {draft.role, Role.ADMINISTRATOR}:
        require_session_for(actor, draft.role)
    if stands.email != draft.email:
        require_session_for(actor, stands.role, draft.role)


def _differing(stands: PersonDraft, draft: PersonDraft) -> frozenset[str]:
    return frozenset(f.name for f in fields(PersonDraft) if getattr(stands, f.name) != getattr(draft, f.name))


def _plain(draft: PersonDraft) -> dict[str, object]:
    return {f.name: getattr(draft, f.name) for f in fields(PersonDraft)}


async def _checked(
    actor: Actor, view: OfficialView | None, draft: PersonDraft, stands: PersonDraft | None, today: date
) -> tuple[PersonDraft, int | None]:
    """The draft as it may be written, with its agency's id. Raises Invalid naming every fault at once."""
    problems: list[Problem] = []
    try:
        draft = checked_person(draft)
    except Invalid as invalid:
        problems.extend(invalid.problems)
    draft = await _with_address(view, draft, problems)
    agency_id = await _agency_id(draft, stands, today, problems)
    if draft.deputy_id is not None and draft.role in set(Role):
        kept = stands is not None and stands.deputy_id == draft.deputy_id
        deputy = None
        if kept or await is_official_seen(actor, draft.deputy_id):
            deputy = await find_official(draft.deputy_id)
        own_id = None if view is None else view.id
        fault = deputy_fault(own_id, Role(draft.role), agency_id, deputy, draft.deputy_id)
        if fault is not None and kept:
            # Nobody asked for this deputy again: whoever goes elsewhere leaves the old one behind. One who was
            # switched off may come back; meanwhile nothing is sent to them.
            if fault.code != "official_inactive":
                draft = replace(draft, deputy_id=None)
        elif fault is not None:
            problems.append(fault)
    if problems:
        raise Invalid(problems)
    return draft, agency_id


async def _with_address(
    view: OfficialView | None, draft: PersonDraft, problems: list[Problem]
) -> PersonDraft:
    """The draft with its address in the form it is sent to."""
    if view is not None and view.email == draft.email:
        return draft
    try:
        draft = replace(draft, email=check_address(draft.email))
    except Invalid as invalid:
        problems.extend(invalid.problems)
        return draft
    if await db.is_email_taken(draft.email, None if view is None else view.id):
        problems.append(Problem("/email", "email_taken", draft.email))
    return draft


async def _agency_id(
    draft: PersonDraft, stands: PersonDraft | None, today: date, problems: list[Problem]
) -> int | None:
    """The id of the draft's agency; one that is newly chosen must exist today."""
    if draft.agency is None:
        return None
    agencies = await list_agencies()
    agency = next((agency for agency in agencies if agency.code == draft.agency), None)
    if agency is None:
        problems.append(Problem("/agency", "agency_unknown", draft.agency))
        return None
    if stands is None or stands.agency != draft.agency:
        fault = check_exists(agency, agencies, today, "/agency")
        if fault is not None:
            problems.append(fault)
    return agency.id


async def _end_what_hung_on(
    view: OfficialView, draft: PersonDraft, agency_id: int | None, now: datetime
) -> int:
    """End what the person held by the former role or agency: being a deputy, mandates, followed agencies."""
    await db.clear_as_deputy(view.id)
    ended = list(await mandates_db.end_mandates(now, on_behalf_of=view.id))
    if Role(draft.role) not in AGENCY_ROLES:
        ended += await mandates_db.end_mandates(now, official_id=view.id)
    elif agency_id is not None:
        ended += await mandates_db.end_mandates(now, official_id=view.id, agency_id=agency_id)
    if draft.role != Role.MEMBER:
        await db.delete_followed_agencies(view.id)
    return len(ended)

"""Inviting people to an inspection session by hand: looking, sending, taking back; and what a dead mailbox brings.

Updates and cancellations follow from changes of the plan by themselves: inspection_letters.follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tracker.actions import inspection_letters as letters_of
from tracker.actions import inspections
from tracker.actions.inspection_letters import Count, Sent, Unreached
from tracker.actions.notices import rendered
from tracker.db import inspection_letters as db
from tracker.db import inspections as inspections_db
from tracker.db.engine import as_service, transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.inspection_letters import Told
from tracker.db.inspections import Inspection
from tracker.domain.access import Verb, require
from tracker.domain.directory import SYSTEM, Actor, Official
from tracker.domain.errors import Conflict, NotFound, StaleVersion
from tracker.domain.inspection_letters import Letter, Method, Seat
from tracker.domain.inspections import State
from tracker.domain.second_thoughts import UNDO_FOR
from tracker.domain.zone import civil_day
from tracker.mail.stored import read_message

HOLD = UNDO_FOR
"""For so long invitations that somebody sends off can be taken back."""


class InvitationsGone(Conflict):
    """A letter has left, or is leaving: who has been invited is told what changes, not nothing."""

    code = "invitations_gone"


class SessionOver(Conflict):
    """The day of the session has passed; params: held_on."""

    code = "session_over"


# --- looking -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A letter as its reader will see it."""

    letter: Letter
    person: Official
    agency_name: str
    subject: str
    text: str


@dataclass(frozen=True)
class Preview:
    """The letters that `invite` would send, and whom none can reach."""

    letters: tuple[Seen, ...]
    unreached: tuple[Unreached, ...]


async def preview(actor: Actor, inspection_id: int, now: datetime) -> Preview:
    """What exactly would go to whom. Writes nothing. Raises NotFound, InspectionMoved, SessionOver."""
    require(actor, Verb.INSPECT)
    found = await inspections_db.get_inspection(inspection_id)
    _check(found, now)
    async with as_service():
        due, people = await letters_of.differing(found, now)
        unreached = (await letters_of.list_invitees(found)).unreached
        drafts = await letters_of.drafts_of(found, due, people, _count(actor, found, now), "", now)
    seen = []
    for letter, draft in drafts:
        read = read_message(rendered(draft, now).raw)
        name = getattr(draft.context, "agency_name", "")
        seen.append(Seen(letter, draft.recipient, name, dict(read.headers)["Subject"], read.text))
    return Preview(tuple(seen), unreached)


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody who should be invited, or was, with the last letter to them; None where none was written yet.

    `is_update`: they had been invited before that letter. Who was taken out has no `seat`.
    """

    name: str
    seat: Seat | None
    agency_name: str
    address: str
    last: Told | None
    is_update: bool = False


@dataclass(frozen=True)
class Board:
    """Where the invitations of a session stand; `due` counts the letters that a sending would write now.

    `latest` are the letters of the last sending that was not taken back, by hand or because the plan changed.
    """

    lines: tuple[Line, ...]
    unreached: tuple[Unreached, ...]
    due: int
    is_open: bool
    latest: tuple[Told, ...] = ()


async def board(viewer: Actor, found: Inspection, now: datetime) -> Board:
    """Who is invited to a session and what became of each letter."""
    require(viewer, Verb.LIST)
    async with as_service():
        invited = await letters_of.list_invitees(found)
        letters = await db.list_letters(found.id)
        is_open = _is_open(found, now)
        due = (await letters_of.compared(found, invited, letters, now))[0] if is_open else ()
    names = {t.agency_id: t.agency_name for t in letters}
    names |= await letters_of.agency_names_of(found)
    by_person: dict[int, list[Told]] = {}
    for told in letters:
        if told.state != "superseded":
            by_person.setdefault(told.official_id, []).append(told)
    lines = []
    for invitee in () if found.state is State.CANCELLED else invited.invitees:
        person = invited.people[invitee.official_id]
        told_so_far = by_person.pop(invitee.official_id, [])
        lines.append(
            Line(
                person.name,
                invitee.seat,
                names.get(invitee.agency_id, ""),
                person.email,
                told_so_far[-1] if told_so_far else None,
                _is_update(told_so_far),
            )
        )
    for told_so_far in by_person.values():
        last = told_so_far[-1]
        if last.method is Method.CANCEL or not last.is_void:
            lines.append(Line(last.official_name, None, last.agency_name, last.address, last))
    kept = [t for t in letters if t.state != "superseded"]
    newest = max(kept, key=lambda t: (t.queued_at, t.outbox_id), default=None)
    return Board(
        tuple(lines),
        () if found.state is State.CANCELLED else invited.unreached,
        len(due),
        is_open,
        tuple(t for t in kept if newest is not None and t.batch == newest.batch),
    )


def _is_update(told: list[Told]) -> bool:
    """Whether the last of these letters changed an invitation that the person held."""
    return any(t.method is Method.REQUEST and not t.is_void for t in told[:-1])


def _is_open(found: Inspection, now: datetime) -> bool:
    return found.state in (State.PLANNED, State.FROZEN) and found.held_on >= civil_day(now)


def _check(found: Inspection, now: datetime) -> None:
    if found.state not in (State.PLANNED, State.FROZEN):
        raise inspections.InspectionMoved(state=found.state.value)
    if found.held_on < civil_day(now):
        raise SessionOver(held_on=found.held_on)


def _count(actor: Actor, found: Inspection, now: datetime) -> Count:
    return lambda: inspections.count_items(actor, found.id, now)


# --- sending and taking back ---------------------------------------------------------------------------------


async def invite(actor: Actor, inspection_id: int, version: int | None, now: datetime) -> Sent:
    """Invite everybody who should be and is not: asked twice it is done once, asked again only who is new is told.

    Raises NotFound, InspectionMoved, SessionOver, StaleVersion.
    """
    require(actor, Verb.INSPECT)
    async with transaction():
        found = await inspections_db.lock_inspection(inspection_id)
        _check(found, now)
        if version is not None and found.row_version != version:
            raise StaleVersion(current=found.row_version, changed_at=found.changed_at)
        sent = await letters_of.follow(
            inspection_id, now, _count(actor, found, now), is_first=True, hold=HOLD
        )
        if sent.letters:
            await _remember(actor, "invite_to_inspection", found, sent.batch, len(sent.letters), now)
    return sent


async def undo(actor: Actor, inspection_id: int, batch: UUID, now: datetime) -> int:
    """Take back all letters of one sending while none has left: then nobody was invited by it; how many.

    Doing it twice is doing it once. Raises NotFound, and InvitationsGone once a worker has begun.
    """
    require(actor, Verb.INSPECT)
    async with transaction():
        found = await inspections_db.lock_inspection(inspection_id)
        taken = await db.take_back(inspection_id, batch)
        if taken == "unknown":
            raise NotFound(noun="invitation", id=batch)
        if taken == "gone":
            raise InvitationsGone()
        if taken:
            await _remember(actor, "undo_invitations", found, batch, taken, now)
    return taken


async def _remember(
    actor: Actor, verb: str, found: Inspection, batch: UUID, letters: int, now: datetime
) -> None:
    detail: Mapping[str, object] = {"inspection": found.id, "batch": str(batch), "letters": letters}
    await insert_history(actor, [HistoryEntry(verb, detail=detail)], now)


async def reroute(outbox_id: int, now: datetime) -> tuple[str, ...]:
    """An invitation came back: whoever stands in is invited instead, while there is time; their names."""
    inspection_id = await db.find_session_of(outbox_id)
    if inspection_id is None:
        return ()
    found = await inspections_db.lock_inspection(inspection_id)
    if not _is_open(found, now):
        return ()
    sent = await letters_of.follow(inspection_id, now, _count(SYSTEM, found, now), is_first=True)
    return tuple(person.name for letter, person in sent.letters if letter.method is Method.REQUEST)

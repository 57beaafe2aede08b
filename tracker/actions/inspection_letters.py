"""Bringing everybody from what they hold of an inspection session to what they should hold: in the same transaction.

1. Who should be invited follows from the plan: the working group, and each agency's leader and focal officer.
2. What everybody holds follows from the letters written so far.
3. The rule compares the two; letters that wait and are out of date are taken back, then it compares again.
4. Each difference becomes one letter with its calendar part, kept with what it said.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from tracker.actions.notices import Draft, queue
from tracker.actions.office import office
from tracker.actions.people import address_book
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import inspection_letters as db
from tracker.db import inspections as inspections_db
from tracker.db.engine import as_service
from tracker.db.inspection_letters import Told
from tracker.db.inspections import Inspection
from tracker.domain.directory import SYSTEM, Duty, Official
from tracker.domain.inspection_letters import Facts, Invitee, Letter, Method, Seat, decide
from tracker.domain.inspections import State, Topic
from tracker.domain.recipients import Route, audience
from tracker.domain.zone import civil_day
from tracker.mail import contexts
from tracker.mail.compose import session_invitation

Count = Callable[[], Awaitable[Mapping[str, int]]]
"""How many items each agency has on the agenda, by code; asked only where a letter says it."""

DUTIES = (Duty.LEADER, Duty.FOCAL)
"""Who is invited for an agency, or stands in for them."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """Somebody, or an agency, that no letter can reach; `official_name` is empty where nobody is known."""

    seat: Seat
    official_id: int | None = None
    official_name: str = ""
    address: str = ""
    agency_id: int | None = None
    agency_name: str = ""


@dataclass(frozen=True)
class Invited:
    """Who should hold an invitation, the people behind the ids, and who cannot be reached."""

    invitees: tuple[Invitee, ...]
    people: Mapping[int, Official]
    unreached: tuple[Unreached, ...]


async def list_invitees(found: Inspection) -> Invited:
    """Who should be invited to a session. Whoever is away that day is replaced as for any duty mail."""
    ids = [i for i in (found.chair_id, found.secretary_id, *found.member_ids) if i is not None]
    people = await directory_db.get_officials(ids)
    facts = await _facts_of(found, people)
    invitees: dict[int, Invitee] = {}
    unreached: list[Unreached] = []
    for official_id, seat in _seats(found):
        person = people[official_id]
        if not _is_reachable(person):
            unreached.append(Unreached(seat, person.id, person.name, person.email))
        else:
            invitees.setdefault(person.id, Invitee(person.id, seat, facts(None)))
    agency_ids = await directory_db.find_agency_ids(found.agency_codes)
    book = await address_book(agency_ids.values())
    for code, name in zip(found.agency_codes, found.agency_names, strict=True):
        agency_id = agency_ids[code]
        contacts = book.contacts(agency_id, None)
        reached = [
            r.official
            for r in audience(DUTIES, (), contacts, found.held_on).recipients
            if r.route is not Route.NOBODY_AT_AGENCY and _is_reachable(r.official)
        ]
        for person in reached:
            people.setdefault(person.id, person)
            invitees.setdefault(person.id, Invitee(person.id, Seat.AGENCY, facts(code), agency_id))
        if not reached:
            dead = next((o for o in contacts.agency if o.is_active), None)
            unreached.append(
                Unreached(
                    Seat.AGENCY,
                    dead.id if dead else None,
                    dead.name if dead else "",
                    dead.email if dead else "",
                    agency_id,
                    name,
                )
            )
    return Invited(tuple(invitees.values()), people, tuple(unreached))


async def agency_names_of(found: Inspection) -> dict[int | None, str]:
    """The names of the inspected agencies, by id."""
    ids = await directory_db.find_agency_ids(found.agency_codes)
    return {ids[code]: name for code, name in zip(found.agency_codes, found.agency_names, strict=True)}


def _seats(found: Inspection) -> list[tuple[int, Seat]]:
    seats = [(found.chair_id, Seat.CHAIR), (found.secretary_id, Seat.SECRETARY)]
    taken = {i for i, _ in seats}
    return [(i, seat) for i, seat in seats if i is not None and seat is not None] + [
        (i, Seat.MEMBER) for i in found.member_ids if i not in taken
    ]


def _is_reachable(person: Official) -> bool:
    return person.is_active and not person.is_mailbox_dead and bool(person.email)


async def _facts_of(found: Inspection, people: Mapping[int, Official]) -> Callable[[str | None], Facts]:
    """What a letter tells: to an agency by its code, to the working group without one."""
    topic_of = found.field
    if found.topic is Topic.DIRECTIVE and found.directive_id is not None:
        topic_of = (await directives_db.get_directive(SYSTEM, found.directive_id)).number
    chair = people[found.chair_id].name if found.chair_id is not None else ""

    def facts(code: str | None) -> Facts:
        return Facts(
            title=found.title,
            topic=found.topic,
            topic_of=topic_of,
            held_on=found.held_on,
            held_at=found.held_at,
            ends_at=found.ends_at,
            place=found.place,
            chair=chair,
            explain_by=found.explain_by if code is not None else None,
            agencies=found.agency_names if code is None else (),
        )

    return facts


@dataclass(frozen=True)
class Sent:
    """What was written: each letter with the person, and the mark under which all can be taken back."""

    batch: UUID
    letters: tuple[tuple[Letter, Official], ...] = ()


async def follow(
    inspection_id: int,
    now: datetime,
    count: Count,
    *,
    reason: str = "",
    is_first: bool = False,
    hold: timedelta = timedelta(),
) -> Sent:
    """Write the letters that bring everybody up to date with a session that the caller has locked.

    Before anybody was invited only `is_first` writes any. `reason` is why the session was called off.
    """
    batch = uuid4()
    async with as_service():
        found = await inspections_db.get_inspection(inspection_id)
        held = db.held_after(await db.list_letters(inspection_id))
        if not is_first and not any(h.facts for h in held.values()):
            return Sent(batch)
        letters, people = await differing(found, now)
        if not letters:
            return Sent(batch)
        if await db.supersede_waiting(inspection_id, [letter.official_id for letter in letters]):
            letters, people = await differing(found, now)
        drafts = await drafts_of(found, letters, people, count, reason, now)
        queued = await queue([draft for _, draft in drafts], now, hold=hold)
        written = [(letter, queued[draft.key]) for letter, draft in drafts if draft.key in queued]
        await db.insert_letters(inspection_id, written, batch, now)
    return Sent(batch, tuple((letter, people[letter.official_id]) for letter, _ in written))


async def differing(found: Inspection, now: datetime) -> tuple[tuple[Letter, ...], dict[int, Official]]:
    """The letters that are due, and the people they go to; nobody is written to whom no letter can reach."""
    return await compared(found, await list_invitees(found), await db.list_letters(found.id), now)


async def compared(
    found: Inspection, invited: Invited, letters: Sequence[Told], now: datetime
) -> tuple[tuple[Letter, ...], dict[int, Official]]:
    """As `differing`, of what has been read before."""
    entry = await db.get_entry(found.id)
    invitees = () if found.state is State.CANCELLED else invited.invitees
    due = decide(invitees, db.held_after(letters), entry.sequence, civil_day(now))
    unknown = [x.official_id for x in due if x.official_id not in invited.people]
    people = {**invited.people, **(await directory_db.get_officials(unknown) if unknown else {})}
    return tuple(x for x in due if _is_reachable(people[x.official_id])), people


async def drafts_of(
    found: Inspection,
    letters: Sequence[Letter],
    people: Mapping[int, Official],
    count: Count,
    reason: str,
    now: datetime,
) -> list[tuple[Letter, Draft]]:
    """The letters as messages that are yet to be rendered."""
    entry = await db.get_entry(found.id)
    agencies = {a.id: a for a in await directory_db.list_agencies()}
    says_items = any(x.method is Method.REQUEST and x.agency_id is not None for x in letters)
    items = await count() if says_items else {}
    made = []
    for letter in letters:
        agency = None if letter.agency_id is None else agencies[letter.agency_id]
        person = people[letter.official_id]
        is_over = letter.method is Method.CANCEL
        # Who is taken out may not open the session any more.
        url = f"{office().url}/kiem-tra" if is_over else f"{office().url}/kiem-tra/{found.id}"
        context: contexts.SessionInvited | contexts.SessionCancelled
        if is_over:
            what: Literal["called_off", "taken_out"] = "taken_out"
            if found.state is State.CANCELLED:
                what = "called_off"
            context = contexts.SessionCancelled(
                letter.facts, what, url, reason, agency_name=agency.name if agency else ""
            )
        else:
            assert letter.seat is not None
            context = contexts.SessionInvited(
                letter.facts,
                letter.seat,
                url,
                agency_name=agency.name if agency else "",
                items=items.get(agency.code, 0) if agency else None,
                previous=letter.previous,
            )
        made.append((letter, _with_calendar(letter, context, person, entry, found.id, url, now)))
    return made


def _with_calendar(
    letter: Letter,
    context: contexts.SessionInvited | contexts.SessionCancelled,
    person: Official,
    entry: db.Entry,
    inspection_id: int,
    url: str,
    now: datetime,
) -> Draft:
    kind = "session_cancelled" if letter.method is Method.CANCEL else "session_invited"
    draft = Draft(
        kind=kind,
        context=context,
        recipient=person,
        key=f"session-{inspection_id}-{letter.sequence}-{letter.method.lower()}-{person.id}",
        entries=(),
        duty=next(iter(sorted(person.duties)), None),
    )
    invitation = session_invitation(
        letter.facts,
        draft.addressing(now),
        person.language,
        method="CANCEL" if letter.method is Method.CANCEL else "REQUEST",
        inspection_uid=entry.uid,
        sequence=letter.sequence,
        url=url,
        stamped_at=now,
    )
    return replace(draft, context=replace(context, invitation=invitation))

"""Escalation policies: saved as versions, never changed in place; rehearsed over the past; gone over to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from tracker.actions.people import AddressBook, address_book
from tracker.db import assignments as assignments_db
from tracker.db import directory as directory_db
from tracker.db import ladder_replay as replay_db
from tracker.db import ladders as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.ladder_replay import ReallySent, Replanned
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.assignments import State
from tracker.domain.directory import SYSTEM, Actor, Agency
from tracker.domain.errors import Invalid, NotFound, Problem, StaleVersion
from tracker.domain.ladders import DEFAULT_STEPS, Anchor, Ladder, Moment, Step, check_ladder
from tracker.domain.moments import DEFAULT_HOURS, Hours, moment_of
from tracker.domain.recipients import Audience, audience
from tracker.domain.rehearsal import Course, Rehearsal, Sending, carried_rank, next_moment
from tracker.domain.text import clean_text
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import at_official, civil_day

K = TypeVar("K", bound=Hashable)

LONGEST_SPAN = 100
"""Days that one rehearsal looks back over."""
QUARTER = 91
MOST_REHEARSED = 20_000
"""Assignments that one rehearsal replays; beyond that an agency or a shorter span is asked for."""
EXAMPLES = 20
MOST_REPLANNED = 500


class RehearsalTooLarge(Invalid):
    """More assignments than one rehearsal replays; params: count, most."""

    code = "rehearsal_too_large"


# -- versions ----------------------------------------------------------------------------------------------


async def save_version(
    actor: Actor,
    code: str,
    name: str,
    steps: Sequence[Step],
    note: str,
    now: datetime,
    expected: int | None = None,
) -> int:
    """A new version of the ladder `code`, in force for what is assigned from `now` on. Raises Invalid.

    `expected` is the number of the version that the caller read: StaleVersion when another has come since.
    """
    require(actor, Verb.MANAGE_LADDER)
    check_ladder(steps)
    code, name = clean_text(code, "/code", 60), clean_text(name, "/name", 200)
    note = clean_text(note, "/note", lengths.NOTE, allow_newlines=True) if note else ""
    async with transaction():
        ladder_id = await db.insert_ladder(code, name)
        stands = await db.newest_version(code)
        if expected is not None and expected != (stands.version if stands else 0):
            raise StaleVersion(current=stands.version if stands else 0)
        version_id = await db.insert_version(ladder_id, steps, note, actor.official_id, now)
        entry = HistoryEntry("save_ladder", reason=note, detail={"code": code, "version_id": version_id})
        await insert_history(actor, [entry], now)
    return version_id


async def ensure_default(name: str) -> None:
    """The policy a new installation starts with, in force from ever; nothing happens where a ladder stands."""
    async with transaction():
        ladder_id = await db.insert_ladder("default", name)
        if not await db.list_ladders():
            await db.insert_version(ladder_id, DEFAULT_STEPS, "", SYSTEM.official_id, None)


# -- rehearsal ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counted:
    """Reminders that the ladder would have given, beside those that were given."""

    would: int
    sent: int


@dataclass(frozen=True)
class Example:
    """One reminder that would have been given, with the people it would have gone to."""

    assignment: Assignment
    sending: Sending
    people: Audience


@dataclass(frozen=True)
class Rehearsed:
    """What a ladder would have given between two civil days, both inclusive, and what was given in fact.

    `unreached` are reminders that nobody could be found for.
    """

    first_day: date
    last_day: date
    agency: Agency | None
    assignments: int
    reminders: Counted
    messages: Counted
    people: Counted
    unreached: int
    by_step: Mapping[str, Counted]
    by_agency: Sequence[tuple[Agency, Counted]]
    by_week: Mapping[date, Counted]
    examples: tuple[Example, ...]


async def rehearse(
    actor: Actor,
    ladder: Ladder | Sequence[Step],
    now: datetime,
    *,
    first_day: date | None = None,
    last_day: date | None = None,
    agency_code: str | None = None,
    hours: Hours = DEFAULT_HOURS,
) -> Rehearsed:
    """What the ladder would have given over the past quarter, or the given span. Writes nothing.

    Deadlines and reports are as they were known at each moment, people are those of today.
    Raises Invalid for steps that make no ladder, a span too long or not past; RehearsalTooLarge.
    """
    require(actor, Verb.MANAGE_LADDER)
    if not isinstance(ladder, Ladder):
        check_ladder(ladder)
        ladder = Ladder(0, "", 0, tuple(ladder))
    last_day = last_day or civil_day(now)
    first_day = first_day or last_day - timedelta(days=QUARTER - 1)
    _check_span(first_day, last_day, civil_day(now))
    start = at_official(first_day, time.min)
    end = min(at_official(last_day + timedelta(days=1), time.min) - timedelta(microseconds=1), now)
    agencies = {a.id: a for a in await directory_db.list_agencies()}
    agency = None
    if agency_code is not None:
        agency = next((a for a in agencies.values() if a.code == agency_code), None)
        if agency is None:
            raise Invalid.one("/agency", "agency_unknown", agency_code)
    agency_id = None if agency is None else agency.id
    async with transaction("repeatable_read", readonly=True):
        count = await replay_db.count_alive(start, end, agency_id)
        if count > MOST_REHEARSED:
            problem = Problem("/agency", "rehearsal_too_large", agency_code, _too_many(count))
            raise RehearsalTooLarge([problem], **_too_many(count))
        courses = await replay_db.list_courses(start, end, agency_id)
        given = await replay_db.count_really_sent(start, end, agency_id)
        people_told, messages_sent = await replay_db.count_people_told(start, end, agency_id)
        calendar = await load_calendar()
        officers = {c.officer_id for c in courses if c.officer_id is not None}
        book = await address_book({c.agency_id for c in courses}, officers)
    rehearsal = Rehearsal(ladder, calendar, hours)
    # In a thread: a second of counting must not hold up the pages.
    told = await asyncio.to_thread(_told, rehearsal, courses, start, end, book)
    rows = {r.id: r for r in await assignments_db.list_by_ids([s.assignment_id for s, _ in told.examples])}
    return Rehearsed(
        first_day=first_day,
        last_day=last_day,
        agency=agency,
        assignments=len(courses),
        reminders=Counted(sum(told.by_step.values()), sum(g.reminders for g in given)),
        messages=Counted(told.messages, messages_sent),
        people=Counted(told.people, people_told),
        unreached=told.unreached,
        by_step=dict(sorted(_beside(told.by_step, given, lambda g: g.step_code).items())),
        by_agency=_by_agency(_beside(told.by_agency, given, lambda g: g.agency_id), agencies),
        by_week=dict(sorted(_beside(told.by_week, given, lambda g: g.monday).items())),
        examples=tuple(Example(rows[s.assignment_id], s, people) for s, people in told.examples),
    )


def _too_many(count: int) -> dict[str, object]:
    return {"count": count, "most": MOST_REHEARSED}


def _check_span(first_day: date, last_day: date, today: date) -> None:
    if last_day > today:
        raise Invalid.one("/last_day", "rehearsal_in_future", last_day, today=today)
    if first_day > last_day:
        raise Invalid.one("/first_day", "span_reversed", first_day, **{"from": first_day, "to": last_day})
    if (last_day - first_day).days >= LONGEST_SPAN:
        raise Invalid.one("/first_day", "rehearsal_span_too_long", first_day, most=LONGEST_SPAN)


@dataclass
class _Told:
    """The tally of a rehearsal; a message is what one person gets at one moment."""

    by_step: Counter[str]
    by_agency: Counter[int]
    by_week: Counter[date]
    messages: int
    people: int
    unreached: int
    examples: list[tuple[Sending, Audience]]


def _told(
    rehearsal: Rehearsal, courses: Sequence[Course], start: datetime, end: datetime, book: AddressBook
) -> _Told:
    """Replay course after course; what is kept grows with days and people, not with assignments."""
    told = _Told(Counter(), Counter(), Counter(), 0, 0, 0, [])
    found: dict[tuple[int, int | None, str, date], Audience] = {}
    people: set[int] = set()
    digests: set[tuple[int, datetime, bool]] = set()
    apart = 0
    for course in courses:
        for sending in rehearsal.run(course, start, end):
            step, day = sending.moment.step, civil_day(sending.at)
            key = (sending.agency_id, sending.officer_id, step.code, day)
            if key not in found:
                contacts = book.contacts(sending.agency_id, sending.officer_id)
                found[key] = audience(step.to, step.copy, contacts, day)
            reached = found[key]
            told.by_step[step.code] += 1
            told.by_agency[sending.agency_id] += 1
            told.by_week[day - timedelta(days=day.weekday())] += 1
            told.unreached += not reached.recipients
            ids = [r.official.id for r in reached.recipients]
            people.update(ids)
            if step.anchor is Anchor.ASSIGNED:
                apart += len(ids)
            else:
                digests.update((i, sending.at, step.anchor is Anchor.REVIEW) for i in ids)
            if len(told.examples) < EXAMPLES:
                told.examples.append((sending, reached))
    told.messages, told.people = apart + len(digests), len(people)
    return told


def _beside(
    would: Mapping[K, int], given: Sequence[ReallySent], key: Callable[[ReallySent], K]
) -> dict[K, Counted]:
    sent: Counter[K] = Counter()
    for row in given:
        sent[key(row)] += row.reminders
    return {k: Counted(would.get(k, 0), sent[k]) for k in dict.fromkeys([*would, *sent])}


def _by_agency(
    counted: Mapping[int, Counted], agencies: Mapping[int, Agency]
) -> list[tuple[Agency, Counted]]:
    """In the Vietnamese order of the directory."""
    return [(agency, counted[i]) for i, agency in agencies.items() if i in counted]


# -- re-planning -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ahead:
    """The reminder that comes next; `at` is None while its year has no calendar."""

    step_code: str
    occurrence: int
    at: datetime | None


@dataclass(frozen=True)
class PlanChange:
    """One assignment that goes over to the newest version: what comes next before and after."""

    assignment: Assignment
    from_version: int
    to_version: int
    before: Ahead | None
    after: Ahead | None


@dataclass(frozen=True)
class ReplanDone:
    """What a re-planning did or would do; `left` follow older versions still."""

    group: UUID
    to_version: int
    changes: tuple[PlanChange, ...]
    left: int
    is_rehearsal: bool


@dataclass(frozen=True)
class Foreseen:
    """What a version that is not saved would change: for the first MOST_REPLANNED of `total` open assignments."""

    changes: tuple[PlanChange, ...]
    total: int


async def foresee(
    actor: Actor, code: str, steps: Sequence[Step], now: datetime, *, hours: Hours = DEFAULT_HOURS
) -> Foreseen:
    """What comes next for whoever follows the ladder, if these steps were its newest version. Writes nothing.

    Raises Invalid for steps that make no ladder, NotFound.
    """
    require(actor, Verb.MANAGE_LADDER)
    check_ladder(steps)
    newest = await db.newest_version(code)
    if newest is None:
        raise NotFound(noun="ladder", id=code)
    new = Ladder(0, code, newest.version + 1, tuple(steps))
    ids, total = await replay_db.list_on_older_versions(code, new.id, None, MOST_REPLANNED)
    rows = await assignments_db.list_by_ids(ids)
    followed = {i: await db.get_ladder(i) for i in sorted({r.ladder_version_id for r in rows})}
    calendar = await load_calendar()
    return Foreseen(
        tuple(_over(r, followed[r.ladder_version_id], new, calendar, hours, now)[1] for r in rows), total
    )


async def replan(
    actor: Actor,
    code: str,
    assignment_ids: Sequence[int] | None,
    reason: str,
    now: datetime,
    *,
    expected: int | None = None,
    dry_run: bool = False,
    hours: Hours = DEFAULT_HOURS,
) -> ReplanDone:
    """Let open assignments (None: all) follow the newest version of their ladder, up to MOST_REPLANNED at once.

    What was settled stays settled, what is owed now stays owed, and a step that was told of a deadline under
    the same code is not told of it again. Raises NotFound, StaleVersion.
    """
    require(actor, Verb.MANAGE_LADDER)
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    group = uuid4()
    async with transaction():
        newest = await db.newest_version(code)
        if newest is None:
            raise NotFound(noun="ladder", id=code)
        if expected is not None and expected != newest.version:
            raise StaleVersion(current=newest.version)
        ids, total = await replay_db.list_on_older_versions(code, newest.id, assignment_ids, MOST_REPLANNED)
        rows = await assignments_db.list_by_ids(ids, lock=not dry_run)
        followed = {i: await db.get_ladder(i) for i in sorted({r.ladder_version_id for r in rows})}
        calendar = await load_calendar()
        planned = [_over(r, followed[r.ladder_version_id], newest, calendar, hours, now) for r in rows]
        if planned and not dry_run:
            await replay_db.put_on_version([p for p, _ in planned])
            await insert_history(
                actor,
                [
                    HistoryEntry(
                        "replan",
                        assignment_id=c.assignment.id,
                        reason=reason,
                        detail={
                            "group": str(group),
                            "code": code,
                            "before": c.from_version,
                            "after": c.to_version,
                        },
                    )
                    for _, c in planned
                ],
                now,
            )
    return ReplanDone(group, newest.version, tuple(c for _, c in planned), total - len(planned), dry_run)


def _over(
    row: Assignment, old: Ladder, new: Ladder, calendar: WorkCalendar, hours: Hours, now: datetime
) -> tuple[Replanned, PlanChange]:
    def around(moment: Moment) -> datetime | None:
        if row.due_on is None:
            return None
        return moment_of(moment, row.due_on, row.due_time, calendar, hours.digest)

    def waiting(moment: Moment) -> datetime | None:
        if row.state is not State.REPORTED or row.reported_at is None:
            return None
        return moment_of(moment, civil_day(row.reported_at), None, calendar, hours.digest)

    settled = carried_rank(old.moments, row.settled_rank, new.moments, around, now)
    reviewed = carried_rank(old.review_moments, row.review_rank, new.review_moments, waiting, now)
    if row.state is State.REPORTED:
        before = _ahead(next_moment(old.review_moments, row.review_rank, waiting))
        after = _ahead(next_moment(new.review_moments, reviewed, waiting))
    elif row.due_on is None:
        before = after = None
    else:
        before = _ahead(next_moment(old.moments, row.settled_rank, around))
        after = _ahead(next_moment(new.moments, settled, around))
    change = PlanChange(row, old.version, new.version, before, after)
    return Replanned(row.id, new.id, settled, reviewed), change


def _ahead(found: tuple[Moment, datetime | None] | None) -> Ahead | None:
    return None if found is None else Ahead(*found[0].key, found[1])

"""The official figures of any day under several heads, each with its rate, its check and the list behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from weakref import WeakKeyDictionary

from tracker.actions.overdue import agency_ids_of, extent_of, facts_of
from tracker.actions.standing import facts_now
from tracker.db import directives as directives_db
from tracker.db import statistics as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import in_transaction, transaction
from tracker.db.overdue import Extent
from tracker.db.statistics import HeadCount, Headed, Span
from tracker.domain.access import Verb, require
from tracker.domain.assignments import Bucket, Facts, Fine, Knowledge, Status, classify
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid
from tracker.domain.statistics import (
    Buckets,
    Denominator,
    Identity,
    Rate,
    Rounding,
    identities,
    official_rate,
    percentage,
    total_of,
)
from tracker.domain.workdays import WorkCalendar

MOST_WEEKS = 53
NUMERATORS: dict[Denominator, tuple[str, ...]] = {
    Denominator.FALLEN_DUE: ("done", "done_on_time", "done_late", "open_overdue"),
    Denominator.TOTAL: ("done", "done_on_time", "done_late", "open", "open_in_term", "open_overdue"),
    Denominator.UNFINISHED: ("open_overdue", "open_in_term"),
}
"""What each denominator is made of; the first is taken where none is named."""


@dataclass(frozen=True)
class Question:
    """Which figures: the day they are told of, what they cover, and how a rate is reckoned."""

    as_of: date
    by: str = "agency"
    agency_codes: Sequence[str] = ()
    directive_id: int | None = None
    span: Span = field(default_factory=Span)
    denominator: Denominator = Denominator.FALLEN_DUE
    numerator: str | None = None
    rounding: Rounding = Rounding.HALF_UP
    decimals: int = 2
    knowledge: Knowledge = Knowledge.AS_KNOWN_THEN

    def rate(self, buckets: Buckets) -> Rate:
        """The rate asked for; REMAINDER is 100 less what the other part comes to when it is cut off."""
        name = self.numerator or NUMERATORS[self.denominator][0]
        plain = official_rate(buckets, name, self.denominator, self.rounding, self.decimals)
        if self.rounding is not Rounding.REMAINDER or plain.denominator == 0:
            return plain
        rest = percentage(
            plain.denominator - plain.numerator, plain.denominator, Rounding.TRUNCATED, self.decimals
        )
        others: tuple[Decimal, ...] = (rest,)
        return Rate(
            plain.numerator_name,
            plain.numerator,
            plain.denominator_name,
            plain.denominator,
            Rounding.REMAINDER,
            self.decimals,
            others,
        )

    def check(self) -> None:
        """Raise Invalid for a numerator that is no part of its denominator, or a reversed span."""
        if self.numerator is not None and self.numerator not in NUMERATORS[self.denominator]:
            allowed = ", ".join(NUMERATORS[self.denominator])
            raise Invalid.one("/numerator", "numerator_not_part", self.numerator, allowed=allowed)
        first, last = self.span.first, self.span.last
        if first is not None and last is not None and first > last:
            raise Invalid.one("/assigned_from", "span_reversed", first, **{"from": first, "to": last})


@dataclass(frozen=True)
class Figures:
    """The figures under one head, with the rate and the sums they must keep."""

    count: HeadCount
    rate: Rate
    identities: tuple[Identity, ...]


@dataclass(frozen=True)
class Statistics:
    """All heads in their order, and the totals."""

    question: Question
    rows: tuple[Figures, ...]
    total: Figures

    @property
    def is_sound(self) -> bool:
        """Whether every sum holds, and the rows add up to the totals."""
        added = total_of(row.count.buckets for row in self.rows) == self.total.count.buckets
        return added and all(i.holds for row in (*self.rows, self.total) for i in row.identities)


def _figures(question: Question, count: HeadCount) -> Figures:
    return Figures(count, question.rate(count.buckets), tuple(identities(count.buckets.cells())))


async def statistics(viewer: Actor, question: Question) -> Statistics:
    """The figures of a day. Raises Invalid, and NotFound for a directive the viewer has no part in."""
    require(viewer, Verb.EXPORT)
    question.check()
    if in_transaction():
        return await _read(viewer, question)
    async with transaction("repeatable_read", readonly=True):
        return await _read(viewer, question)


async def _read(viewer: Actor, question: Question) -> Statistics:
    extent = await _extent(viewer, question)
    counts = await db.count_unchanged(viewer, extent, question.span, question.by)
    changed = await db.list_changed(viewer, extent, question.span)
    calendar = await load_calendar()
    facts = await facts_of([h.row for h in changed]) if changed else {}
    told = await asyncio.to_thread(_told, changed, facts, question, calendar)
    rows = db.merged([*counts, *(_one(h, status, question.by) for h, status in told)])
    totals = HeadCount("", "", "", total_of(r.buckets for r in rows), sum(r.awaiting for r in rows))
    return Statistics(question, tuple(_figures(question, r) for r in rows), _figures(question, totals))


async def _extent(viewer: Actor, question: Question) -> Extent:
    if question.directive_id is not None:
        await directives_db.get_directive(viewer, question.directive_id)
    return extent_of(question.as_of, await agency_ids_of(question.agency_codes), question.directive_id)


def _told(
    changed: Iterable[Headed], facts: dict[int, Facts], question: Question, calendar: WorkCalendar
) -> list[tuple[Headed, Status]]:
    """What the history says of those that changed since; what was not yet assigned that day is nowhere."""
    told = (
        (h, classify(facts[h.row.id], question.as_of, calendar, knowledge=question.knowledge))
        for h in changed
    )
    return [(h, status) for h, status in told if status.fine is not Fine.NOT_YET_ASSIGNED]


def _one(headed: Headed, status: Status, head: str) -> HeadCount:
    key = db.key_of(headed, head, status.due_on)
    return HeadCount(*key, Buckets.count([status]), _awaits(status))


def _awaits(status: Status) -> int:
    return int(status.fine is Fine.AWAITING_CONFIRMATION)


# -- the list behind a figure ------------------------------------------------------------------------------


async def list_behind(
    viewer: Actor,
    question: Question,
    head: str | None,
    key: str,
    bucket: Bucket | None,
    after_id: int,
    limit: int,
) -> list[tuple[Assignment, Status]]:
    """The assignments that a figure counts, in order of id after `after_id`."""
    require(viewer, Verb.EXPORT)
    question.check()
    async with transaction("repeatable_read", readonly=True):
        extent = await _extent(viewer, question)
        rows = await db.list_unchanged_of(viewer, extent, question.span, head, key, bucket, after_id, limit)
        changed = [h for h in await db.list_changed(viewer, extent, question.span) if h.row.id > after_id]
        facts = await facts_of([h.row for h in changed]) if changed else {}
        calendar = await load_calendar()
    found = [(row, classify(facts_now(row), question.as_of, calendar)) for row in rows]
    for headed, status in _told(changed, facts, question, calendar):
        is_there = head is None or db.key_of(headed, head, status.due_on)[0] == key
        if is_there and bucket in (None, status.bucket):
            found.append((headed.row, status))
    return sorted(found, key=lambda pair: pair[0].id)[:limit]


# -- the trend ---------------------------------------------------------------------------------------------


class TrendBusy(TimeoutError):
    """Another trend is being reckoned and does not end; try later (the edge answers 503)."""


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
PATIENCE_SECONDS = 2.0
LONGEST_QUEUE = 2
_waiting = 0


@asynccontextmanager
async def _turn() -> AsyncIterator[None]:
    """One trend at a time in a process, so that none holds up what is cheap. Raises TrendBusy."""
    global _waiting
    if _waiting >= LONGEST_QUEUE:
        raise TrendBusy
    # A process has one loop; only tests have several, one after the other.
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1))
    _waiting += 1
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await turn.acquire()
    except TimeoutError:
        raise TrendBusy from None
    finally:
        _waiting -= 1
    try:
        yield
    finally:
        turn.release()


async def trend(viewer: Actor, question: Question, weeks: int) -> list[tuple[date, Figures]]:
    """The totals at the end of each of the last weeks up to `as_of`, the oldest first.

    The history is read once, for all that changed since the oldest of the days, and replayed for a day only where
    something changed after it. Raises TrendBusy while others are being reckoned.
    """
    require(viewer, Verb.EXPORT)
    question.check()
    if not 1 <= weeks <= MOST_WEEKS:
        raise Invalid.one("/weeks", "out_of_range", weeks, least=1, most=MOST_WEEKS)
    async with _turn():
        return await _trend(viewer, question, weeks)


async def _trend(viewer: Actor, question: Question, weeks: int) -> list[tuple[date, Figures]]:
    days = [question.as_of - timedelta(weeks=back) for back in range(weeks - 1, -1, -1)]
    questions = [replace(question, as_of=day) for day in days]
    async with transaction("repeatable_read", readonly=True):
        extents = [await _extent(viewer, q) for q in questions]
        counts = [await db.count_unchanged(viewer, extent, question.span, "kind") for extent in extents]
        changed = await db.list_changed(viewer, _reaching(extents[0], extents[-1]), question.span)
        facts = await facts_of([h.row for h in changed]) if changed else {}
        calendar = await load_calendar()
    found = []
    for own, extent, unchanged in zip(questions, extents, counts, strict=True):
        # What was not assigned by that day is nowhere, and what changed no more is in the database's count.
        later = [h for h in changed if h.row.assigned_on <= own.as_of and h.row.changed_at > extent.instant]
        told = await asyncio.to_thread(_told, later, facts, own, calendar)
        statuses = [status for _, status in told]
        buckets = total_of([Buckets.count(statuses), *(c.buckets for c in unchanged)])
        awaiting = sum(map(_awaits, statuses)) + sum(c.awaiting for c in unchanged)
        found.append((own.as_of, _figures(own, HeadCount("", "", "", buckets, awaiting))))
    return found


def _reaching(oldest: Extent, newest: Extent) -> Extent:
    """What had been assigned by the newest day and changed after the oldest."""
    return Extent(newest.day, newest.hour, oldest.instant, newest.agency_ids, newest.directive_id)

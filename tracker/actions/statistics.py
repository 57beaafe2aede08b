"""The official figures of any day under several heads, each with its rate, its check and the list behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from weakref import WeakKeyDictionary

from tracker.actions.overdue import agency_ids_of, extent_of, facts_of
from tracker.actions.standing import facts_now
from tracker.db import directives as directives_db
from tracker.db import statistics as db
from tracker.db.assignments import Assignment, list_by_ids
from tracker.db.calendar import load_calendar
from tracker.db.engine import in_transaction, transaction
from tracker.db.overdue import Extent
from tracker.db.statistics import PERIODS, Figure, HeadCount, Headed, Raw, Scope, Span
from tracker.domain.access import Verb, require
from tracker.domain.assignments import Bucket, Facts, Fine, Knowledge, Status, classify
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid, Problem
from tracker.domain.measures import (
    RUSH_DAYS,
    RUSH_LEAST,
    RUSH_PERIODS,
    Rush,
    Waits,
    rush,
    waits,
    working_days_between,
)
from tracker.domain.statistics import (
    Buckets,
    Denominator,
    Identity,
    Rate,
    Rounding,
    identities,
    official_rate,
    percentage,
)
from tracker.domain.tallies import (
    NO_KEY,
    Block,
    Change,
    Period,
    Tally,
    day_before,
    period_key,
    period_of,
    tally_of,
)
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day

MOST_POINTS = 53
NUMERATORS: dict[Denominator, tuple[str, ...]] = {
    Denominator.FALLEN_DUE: ("done", "done_on_time", "done_late", "open_overdue"),
    Denominator.TOTAL: ("done", "done_on_time", "done_late", "open", "open_in_term", "open_overdue"),
    Denominator.UNFINISHED: ("open_overdue", "open_in_term"),
}
"""What each denominator is made of; the first is taken where none is named."""


@dataclass(frozen=True)
class Question:
    """Which figures: the day they are told of, what they cover, and how a rate is reckoned.

    `span` are the days of assignment, `due` those of the deadline in force, `confirmed` those on which what is done
    was confirmed; `field` is "-" for tasks of none.
    """

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
    block: Block | None = None
    due: Span = field(default_factory=Span)
    confirmed: Span = field(default_factory=Span)
    field: str | None = None

    @property
    def day(self) -> date:
        """The civil day of the cut-off."""
        return civil_day(self.as_of) if isinstance(self.as_of, datetime) else self.as_of

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

    def check(self, today: date | None = None) -> None:
        """Raise Invalid for a numerator that is no part of its denominator, a reversed span, or a day to come."""
        problems = []
        if self.numerator is not None and self.numerator not in NUMERATORS[self.denominator]:
            allowed = ", ".join(NUMERATORS[self.denominator])
            problems.append(Problem("/numerator", "numerator_not_part", self.numerator, {"allowed": allowed}))
        if today is not None and self.day > today:
            problems.append(Problem("/as_of", "as_of_future", self.day, {"today": today}))
        for pointer, span in (("/assigned_from", self.span), ("/due_from", self.due)):
            first, last = span.first, span.last
            if first is not None and last is not None and first > last:
                problems.append(Problem(pointer, "span_reversed", first, {"from": first, "to": last}))
        if problems:
            raise Invalid(problems)

    def before(self, period: Period) -> Question:
        """The same question one period earlier; the days it is limited to move with it."""

        def moved(span: Span) -> Span:
            first, last = (
                None if day is None else day_before(day, period) for day in (span.first, span.last)
            )
            return Span(first, last)

        return replace(self, as_of=day_before(self.day, period), span=moved(self.span), due=moved(self.due))


@dataclass(frozen=True)
class Figures:
    """The figures under one head, with the rate and the sums they must keep."""

    count: HeadCount
    question: Question

    @cached_property
    def rate(self) -> Rate:
        """The rate as it was asked for; only what is shown is reckoned."""
        return self.question.rate(self.count.buckets)

    @property
    def identities(self) -> tuple[Identity, ...]:
        """The sums that the buckets must keep."""
        return tuple(identities(self.count.buckets.cells()))


@dataclass(frozen=True)
class Statistics:
    """All heads in their order, and the totals."""

    question: Question
    rows: tuple[Figures, ...]
    total: Figures

    @property
    def is_sound(self) -> bool:
        """Whether every sum holds, and the rows add up to the totals."""
        added = tally_of(row.count.tally for row in self.rows) == self.total.count.tally
        holds = all(identity.holds for identity in self.total.identities)
        return added and holds and all(row.count.tally.is_sound for row in self.rows)


def _figures(question: Question, count: HeadCount) -> Figures:
    return Figures(count, question)


def statistics_of(question: Question, counts: Sequence[HeadCount]) -> Statistics:
    """The figures of counted heads with their totals."""
    totals = HeadCount("", "", "", tally_of(count.tally for count in counts))
    return Statistics(
        question, tuple(_figures(question, count) for count in counts), _figures(question, totals)
    )


async def statistics(viewer: Actor, question: Question, *, today: date | None = None) -> Statistics:
    """The figures of a day.

    Raises Invalid, also for a day after `today` where one is given, and NotFound for a directive the viewer has no
    part in.
    """
    require(viewer, Verb.EXPORT)
    question.check(today)
    async with _reading():
        return await _read(viewer, question)


@asynccontextmanager
async def _reading() -> AsyncIterator[None]:
    """One snapshot for all that is read inside."""
    if in_transaction():
        yield
    else:
        async with transaction("repeatable_read", readonly=True):
            yield


async def _read(
    viewer: Actor, question: Question, scope: Scope | None = None, tallies: dict[Raw, Tally] | None = None
) -> Statistics:
    """The figures; `tallies` are those of what has not changed since, where they are known."""
    scope = scope or await _scope(viewer, question)
    if tallies is None:
        tallies = await db.count_unchanged(viewer, scope, question.by)
    changed = await db.list_changed(viewer, scope)
    if changed:
        calendar = await load_calendar()
        facts = await facts_of([h.row for h in changed])
        told = await asyncio.to_thread(_told, changed, facts, question, calendar)
        _add(tallies, told, question.by)
    return statistics_of(question, await db.named(question.by, tallies))


async def _read_both(viewer: Actor, question: Question, earlier: Question) -> tuple[Statistics, Statistics]:
    """The figures of two days; in one reading where nothing but the day differs."""
    if (earlier.span, earlier.due) != (question.span, question.due):
        return await _read(viewer, question), await _read(viewer, earlier)
    scope = await _scope(viewer, question)
    before = replace(scope, extent=_on(scope.extent, earlier.day))
    now, then = await db.count_unchanged_twice(viewer, scope, before.extent, question.by)
    return await _read(viewer, question, scope, now), await _read(viewer, earlier, before, then)


def _add(tallies: dict[Raw, Tally], told: Iterable[tuple[Headed, Status]], head: str) -> None:
    """Add what the history tells to what the database counted."""
    later: dict[Raw, list[Status]] = {}
    for headed, status in told:
        later.setdefault(db.raw_of(headed, head, status.due_on), []).append(status)
    for raw, statuses in later.items():
        tallies[raw] = tallies.get(raw, Tally()) + Tally.count(statuses)


async def _scope(viewer: Actor, question: Question) -> Scope:
    """What the question covers. Raises Invalid for an agency or a field that is not known, NotFound."""
    if question.directive_id is not None:
        await directives_db.get_directive(viewer, question.directive_id)
    if question.field not in (None, NO_KEY) and not await db.is_field(question.field or ""):
        raise Invalid.one("/field", "field_unknown", question.field)
    ids = await agency_ids_of(question.agency_codes)
    if question.block is not None:
        of_block = await db.list_agencies_of_block(question.block)
        ids = tuple(sorted(of_block if ids is None else set(ids) & set(of_block)))
    extent = extent_of(question.as_of, ids, question.directive_id)
    return Scope(extent, question.span, question.due, question.confirmed, question.field)


def _told(
    changed: Iterable[Headed], facts: dict[int, Facts], question: Question, calendar: WorkCalendar
) -> list[tuple[Headed, Status]]:
    """What the history says of those that changed since; what was not yet assigned that day is nowhere.

    One that a successor took over later counts at its predecessor still.
    """
    instant = extent_of(question.as_of, None, None).instant
    told = (
        (h, classify(facts[h.row.id], question.as_of, calendar, knowledge=question.knowledge))
        for h in changed
        if h.taken_over_at is None or h.taken_over_at <= instant
    )
    return [
        (h, status)
        for h, status in told
        if status.fine is not Fine.NOT_YET_ASSIGNED
        and question.due.has(status.due_on)
        and _is_confirmed_in(question.confirmed, h.row, status)
    ]


def _is_confirmed_in(span: Span, row: Assignment, status: Status) -> bool:
    if span.is_whole:
        return True
    is_done = status.bucket in (Bucket.DONE_ON_TIME, Bucket.DONE_LATE)
    return is_done and row.confirmed_at is not None and span.has(civil_day(row.confirmed_at))


# -- the official table ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OfficialRow:
    """One row of the official table, and the row of the period before that it is compared with."""

    figures: Figures
    earlier: Figures | None = None

    @property
    def change(self) -> Change | None:
        """By how much its rate moved since the period before, where there is one."""
        return None if self.earlier is None else Change(self.figures.rate, self.earlier.rate)

    @property
    def key(self) -> str:
        """The key of its head; "" for the totals."""
        return self.figures.count.key

    @property
    def cells(self) -> dict[str, int]:
        """Every figure of the row under its name."""
        return self.figures.count.tally.cells()


@dataclass(frozen=True)
class OfficialTable:
    """The official table of a day, with the day its rates are compared with, and what was closed before the cut-off.

    Rows of periods are compared with the period before in the same table; all others with the same row of
    `before`. `rush` is that of all rows together, `rushed` are the agencies of which it holds by itself.
    """

    question: Question
    rows: tuple[OfficialRow, ...]
    total: OfficialRow
    is_sound: bool
    before: Question | None = None
    rush: Rush | None = None
    rushed: tuple[tuple[str, Rush], ...] = ()

    def lines(self) -> Iterator[OfficialRow]:
        """The rows and then the totals, as a file writes them."""
        yield from self.rows
        yield self.total

    def without_rush(self) -> Rate | None:
        """The rate of the totals as if what was closed in the last days were still open."""
        return None if self.rush is None else self.question.rate(self.rush.without)


async def official_table(
    viewer: Actor, question: Question, against: Period | None = None, *, today: date | None = None
) -> OfficialTable:
    """The table with its changes against the day one period earlier. Raises Invalid and NotFound as `statistics`."""
    require(viewer, Verb.EXPORT)
    question.check(today)
    async with _reading():
        before = None
        if against is None:
            told = await _read(viewer, question)
        else:
            told, before = await _read_both(viewer, question, question.before(against))
        found, rushed = await _closings(viewer, question, told.total.count.buckets)
    return _table(told, before, found, rushed)


async def _closings(
    viewer: Actor, question: Question, buckets: Buckets
) -> tuple[Rush | None, tuple[tuple[str, Rush], ...]]:
    """What was closed shortly before the cut-off, of all together, and the agencies where that crowds."""
    day = question.day
    begin = day_before(day, Period.MONTH, RUSH_PERIODS + 1) + timedelta(days=1)
    scope = replace(await _scope(viewer, question), confirmed=Span(begin, day))
    last_days = replace(scope, confirmed=Span(day - timedelta(days=RUSH_DAYS - 1), day))
    whole = rush(await db.list_closings(viewer, scope), day, buckets)
    busy = await db.list_busy_agencies(viewer, last_days, RUSH_LEAST) if whole.last >= RUSH_LEAST else []
    names = await db.agency_names(busy)
    closings = await db.list_closings_of(viewer, scope, busy) if busy else {}
    # Of an agency only whether they crowd is said, so its buckets are not asked for.
    own = ((names[id][1], rush(found, day, Buckets())) for id, found in closings.items())
    rushed = sorted((pair for pair in own if pair[1].is_mass), key=lambda pair: (-pair[1].last, pair[0]))
    return whole if whole.last else None, tuple(rushed)


def _table(
    told: Statistics,
    before: Statistics | None,
    found: Rush | None,
    rushed: tuple[tuple[str, Rush], ...],
) -> OfficialTable:
    question = told.question
    earlier = {row.count.key: row for row in before.rows} if before is not None else {}
    if question.by in PERIODS:
        earlier = _following(told.rows, question.by)
    rows = tuple(OfficialRow(row, earlier.get(row.count.key)) for row in told.rows)
    return OfficialTable(
        question,
        rows,
        OfficialRow(told.total, None if before is None else before.total),
        told.is_sound,
        None if before is None else before.question,
        found,
        rushed,
    )


def _following(rows: Sequence[Figures], head: str) -> dict[str, Figures]:
    """The row of the period before, by the key of the period after it."""
    found = {}
    for row in rows:
        days = period_of(head, row.count.key)
        if days is not None:
            found[period_key(head, days[1] + timedelta(days=1))] = row
    return found


# -- the list behind a figure ------------------------------------------------------------------------------

_ANY_DAY = date.max


async def list_behind(
    viewer: Actor, question: Question, figure: Figure, after_id: int, limit: int, *, today: date | None = None
) -> list[tuple[Assignment, Status]]:
    """The assignments that a figure counts, in order of id after `after_id`."""
    require(viewer, Verb.EXPORT)
    question.check(today)
    async with _reading():
        scope = await _scope(viewer, question)
        rows = await db.list_unchanged_of(viewer, scope, figure, after_id, limit)
        calendar = await load_calendar()
        told = [pair for pair in await _told_of(viewer, scope, question, figure) if pair[0].id > after_id]
    found = [(row, classify(facts_now(row), question.as_of, calendar)) for row in rows]
    return sorted([*found, *told], key=lambda pair: pair[0].id)[:limit]


@dataclass(frozen=True)
class ListPage:
    """One page of the list behind a figure: how many there are altogether, and the rows of the page."""

    total: int
    rows: tuple[tuple[Assignment, Status], ...]


async def page_behind(
    viewer: Actor, question: Question, figure: Figure, first: int, size: int, *, today: date | None = None
) -> ListPage:
    """The assignments that a figure counts, by deadline from place `first` on: only those of the page are read."""
    require(viewer, Verb.EXPORT)
    question.check(today)
    async with _reading():
        scope = await _scope(viewer, question)
        told = await _told_of(viewer, scope, question, figure)
        count = await db.count_unchanged_of(viewer, scope, figure)
        # Each of the told rows can stand before the page and push one of the others onto it.
        begin = max(first - len(told), 0)
        places = await db.list_places_of(viewer, scope, figure, begin, first + size - begin)
        later = {row.id: (row, status) for row, status in told}
        places += [(status.due_on, id) for id, (_, status) in later.items()]
        places.sort(key=lambda place: (place[0] or _ANY_DAY, place[1]))
        ids = [id for _, id in places[first - begin : first - begin + size]]
        rows = {row.id: row for row in await list_by_ids([id for id in ids if id not in later])}
        calendar = await load_calendar()
    shown = [
        later[id] if id in later else (rows[id], classify(facts_now(rows[id]), question.as_of, calendar))
        for id in ids
    ]
    return ListPage(count + len(told), tuple(shown))


async def _told_of(
    viewer: Actor, scope: Scope, question: Question, figure: Figure
) -> list[tuple[Assignment, Status]]:
    """The rows of a figure that the history tells."""
    changed = await db.list_changed(viewer, scope)
    if not changed:
        return []
    facts, calendar = await facts_of([h.row for h in changed]), await load_calendar()
    told = await asyncio.to_thread(_told, changed, facts, question, calendar)
    return [
        (headed.row, status)
        for headed, status in told
        if db.counts(status, figure.cell)
        and (figure.head is None or db.key_of(headed, figure.head, status.due_on) == figure.key)
    ]


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


async def trend(
    viewer: Actor,
    question: Question,
    points: int,
    step: Period = Period.WEEK,
    *,
    today: date | None = None,
) -> list[tuple[date, Figures]]:
    """The totals at the end of each of the last weeks (or months, quarters, years) up to `as_of`, the oldest first.

    The history is read once, for all that changed since the oldest of the days, and replayed for a day only where
    something changed after it. Raises TrendBusy while others are being reckoned.
    """
    require(viewer, Verb.EXPORT)
    question.check(today)
    if not 1 <= points <= MOST_POINTS:
        raise Invalid.one("/weeks", "out_of_range", points, least=1, most=MOST_POINTS)
    async with _turn():
        return await _trend(viewer, question, points, step)


async def _trend(
    viewer: Actor, question: Question, points: int, step: Period = Period.WEEK
) -> list[tuple[date, Figures]]:
    days = [day_before(question.day, step, back) for back in range(points - 1, -1, -1)]
    questions = [replace(question, as_of=day) for day in days]
    async with _reading():
        scope = await _scope(viewer, question)
        scopes = [replace(scope, extent=_on(scope.extent, day)) for day in days]
        counts = await db.count_unchanged_on(viewer, scopes)
        reaching = replace(scopes[-1], extent=_reaching(scopes[0].extent, scopes[-1].extent))
        changed = await db.list_changed(viewer, reaching)
        facts = await facts_of([h.row for h in changed]) if changed else {}
        calendar = await load_calendar()
    found = []
    for own, scope, unchanged in zip(questions, scopes, counts, strict=True):
        # What was not assigned by that day is nowhere, and what changed no more is in the database's count.
        later = [
            h for h in changed if h.row.assigned_on <= own.day and h.row.changed_at > scope.extent.instant
        ]
        told = await asyncio.to_thread(_told, later, facts, own, calendar)
        tally = unchanged + Tally.count(status for _, status in told)
        found.append((own.day, _figures(own, HeadCount("", "", "", tally))))
    return found


def _on(extent: Extent, day: date) -> Extent:
    """The same at the end of another day."""
    end = extent_of(day, None, None)
    return replace(extent, day=end.day, hour=end.hour, instant=end.instant)


def _reaching(oldest: Extent, newest: Extent) -> Extent:
    """What had been assigned by the newest day and changed after the oldest."""
    return Extent(newest.day, newest.hour, oldest.instant, newest.agency_ids, newest.directive_id)


# -- what goes on ------------------------------------------------------------------------------------------

PACE_WEEKS = 12
AHEAD_WEEKS = 4


@dataclass(frozen=True)
class Coming:
    """What falls due at one agency in each of the next weeks; `total` of the totals is of all agencies."""

    key: str
    label: str
    weeks: tuple[int, ...]

    @property
    def total(self) -> int:
        """All weeks together."""
        return sum(self.weeks)


@dataclass(frozen=True)
class Pace:
    """How long confirmation takes and what falls due, as of a day.

    `waits` are the working days from the report to its confirmation, over what was confirmed in `confirmed`;
    `weeks` are the coming weeks, each beginning the day after the one before.
    """

    question: Question
    confirmed: Span
    waits: Waits
    weeks: tuple[Span, ...]
    coming: tuple[Coming, ...]
    total: Coming
    figures: Figures


async def pace(
    viewer: Actor, question: Question, ahead: int = AHEAD_WEEKS, *, today: date | None = None
) -> Pace:
    """How confirmation goes and what is coming. Raises Invalid and NotFound as `statistics`."""
    require(viewer, Verb.EXPORT)
    question.check(today)
    if not 1 <= ahead <= PACE_WEEKS:
        raise Invalid.one("/ahead", "out_of_range", ahead, least=1, most=PACE_WEEKS)
    day = question.day
    confirmed = Span(day - timedelta(weeks=PACE_WEEKS) + timedelta(days=1), day)
    weeks = tuple(
        Span(day + timedelta(days=7 * n + 1), day + timedelta(days=7 * n + 7)) for n in range(ahead)
    )
    async with _reading():
        told = await _read(viewer, question)
        scope = await _scope(viewer, question)
        calendar = await load_calendar()
        pairs = await db.list_confirmations(viewer, replace(scope, confirmed=confirmed))
        coming = await _falling_due(viewer, scope, question, weeks, calendar)
        names = await db.agency_names(coming)
    lengths: dict[int, int] = {}
    for reported, decided, count in pairs:
        length = working_days_between(reported, decided, calendar)
        lengths[length] = lengths.get(length, 0) + count
    rows = [Coming(*names[id], tuple(found)) for id, found in coming.items()]
    rows.sort(key=lambda row: (-row.total, row.label))
    totals = tuple(sum(row.weeks[n] for row in rows) for n in range(ahead))
    return Pace(question, confirmed, waits(lengths), weeks, tuple(rows), Coming("", "", totals), told.total)


async def _falling_due(
    viewer: Actor, scope: Scope, question: Question, weeks: Sequence[Span], calendar: WorkCalendar
) -> dict[int, list[int]]:
    """By agency, how many open assignments in term fall due in each week."""
    last = weeks[-1].last
    assert last is not None  # nosec B101  # the weeks of `pace` have both ends
    found: dict[int, list[int]] = {}

    def add(agency_id: int, due_on: date, count: int) -> None:
        week = (due_on - question.day).days - 1
        found.setdefault(agency_id, [0] * len(weeks))[week // 7] += count

    for (agency_id, due_on), count in (await db.count_falling_due(viewer, scope, last)).items():
        add(agency_id, due_on, count)
    changed = await db.list_changed(viewer, scope)
    if changed:
        facts = await facts_of([h.row for h in changed])
        for headed, status in await asyncio.to_thread(_told, changed, facts, question, calendar):
            falls = status.due_on
            if status.bucket is Bucket.OPEN_IN_TERM and falls and question.day < falls <= last:
                add(headed.row.agency_id, falls, 1)
    return found

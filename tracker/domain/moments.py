"""When the moments of a ladder come, and which of them are owed.

`latest_due_reached` is the exact inverse of `moment_of`, so that a sweep can ask the database by date.
Source: docs/decisions/0014-ranks.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import takewhile

from tracker.domain.assignments import is_past
from tracker.domain.ladders import Anchor, Ladder, Moment, Unit, moments
from tracker.domain.workdays import CalendarUnknown, WorkCalendar, add_workdays, subtract_workdays
from tracker.domain.zone import at_official, civil_now

DIGEST_TIME = time(8)
QUIET_FROM = time(18)


@dataclass(frozen=True, slots=True)
class Hours:
    """When mail may go: from the daily digest until the quiet hours, wall-clock time in the official zone."""

    digest: time = DIGEST_TIME
    quiet_from: time = QUIET_FROM


DEFAULT_HOURS = Hours()


def moment_of(
    moment: Moment,
    due_on: date,
    due_time: time | None,
    calendar: WorkCalendar,
    digest_time: time = DIGEST_TIME,
) -> datetime | None:
    """The UTC instant at which `moment` comes for a deadline; for a review moment, for the day of the report.

    At digest time, except on the day itself of a deadline with an hour.
    Offsets in calendar days that end on a day off move to the working day before (BEFORE) or after (AFTER):
    only the reminder of the day itself comes on a day off.
    In years without a calendar a day counts in the way that makes the reminder later, never earlier;
    None when it cannot come before such a year is loaded.
    """
    step = moment.step
    if step.anchor is Anchor.ON:
        if due_time is not None and step.unit is Unit.HOURS:
            return at_official(due_on, due_time) - timedelta(hours=step.offset)
        return at_official(due_on, digest_time)
    day = _day_of(moment, due_on, calendar)
    return None if day is None else at_official(day, digest_time)


def _day_of(moment: Moment, due_on: date, calendar: WorkCalendar) -> date | None:
    if moment.anchor is Anchor.BEFORE:
        if moment.step.unit is Unit.WORKING:
            return _walk(due_on, moment.offset, calendar, back=True, unknown_works=True)
        return _walk(due_on - timedelta(days=moment.offset - 1), 1, calendar, back=True, unknown_works=True)
    if due_on.year > max(calendar.years, default=0):
        return None
    if moment.step.unit is Unit.WORKING:
        return _walk(due_on, moment.offset, calendar, back=False, unknown_works=False)
    return _walk(due_on + timedelta(days=moment.offset - 1), 1, calendar, back=False, unknown_works=False)


def _walk(day: date, count: int, calendar: WorkCalendar, *, back: bool, unknown_works: bool) -> date | None:
    """The `count`-th working day after (`back`: before) `day`, days of unknown years as `unknown_works` says.

    None when there is none before the known years end.
    """
    try:
        return subtract_workdays(day, count, calendar) if back else add_workdays(day, count, calendar)
    except CalendarUnknown:
        pass
    pace = timedelta(days=-1 if back else 1)
    end = min(calendar.years, default=9999) if back else max(calendar.years, default=0)
    while count:
        day += pace
        is_off = calendar.is_off(day)
        if is_off is None and not unknown_works and (day.year < end if back else day.year > end):
            return None
        count -= unknown_works if is_off is None else not is_off
    return day


def latest_due_reached(moment: Moment, today: date, calendar: WorkCalendar) -> date:
    """The latest due date whose `moment` falls on `today` or earlier: the exact inverse of moment_of by days.

    Never falls when `today` rises. date.min when no due date is reached.
    Deadlines with an hour are reached on the day itself by `Horizon.timed_until` instead.
    """
    if moment.anchor is Anchor.ON:
        return today
    is_working = moment.step.unit is Unit.WORKING
    if moment.anchor is Anchor.BEFORE:
        count, shift = (moment.offset, 0) if is_working else (1, moment.offset - 1)
        reached = _walk(today, count, calendar, back=False, unknown_works=True)
        return date.max if reached is None else reached + timedelta(days=shift)
    count, shift = (moment.offset, 1) if is_working else (1, moment.offset)
    reached = _walk(today + timedelta(days=1), count, calendar, back=True, unknown_works=False)
    return date.min if reached is None else reached - timedelta(days=shift)


@dataclass(frozen=True, slots=True)
class Horizon:
    """Which deadlines have reached a moment: those with `due_on <= due_until`.

    Where `timed_until` is given, those with an hour instead by `due_on + due_time <= timed_until`
    (naive wall-clock time in the official zone).
    """

    due_until: date
    timed_until: datetime | None = None


def horizon(
    moment: Moment, now: datetime, calendar: WorkCalendar, digest_time: time = DIGEST_TIME
) -> Horizon:
    """What a sweep at `now` asks the database for; agrees with moment_of for every deadline."""
    local = civil_now(now).replace(tzinfo=None)
    today = local.date() if local.time() >= digest_time else local.date() - timedelta(days=1)
    timed = None
    if moment.anchor is Anchor.ON and moment.step.unit is Unit.HOURS:
        timed = local + timedelta(hours=moment.step.offset)
    return Horizon(latest_due_reached(moment, today, calendar), timed)


@dataclass(frozen=True, slots=True)
class Planned:
    """A moment with the UTC instant it comes at; None while its year has no calendar."""

    moment: Moment
    at: datetime | None


def plan(
    ladder: Ladder,
    due_on: date,
    due_time: time | None,
    calendar: WorkCalendar,
    digest_time: time = DIGEST_TIME,
) -> tuple[Planned, ...]:
    """All moments of a deadline, in order, past ones included."""
    return tuple(Planned(m, moment_of(m, due_on, due_time, calendar, digest_time)) for m in moments(ladder))


def skipped_rank(
    ladder: Ladder,
    due_on: date,
    due_time: time | None,
    now: datetime,
    calendar: WorkCalendar,
    digest_time: time = DIGEST_TIME,
) -> int:
    """The rank up to which moments have passed when a deadline is set, moved, or runs again after a return.

    The message about that very change stands for them: a deadline shorter than a step's lead skips the step.
    """
    passed = [
        p.moment.rank for p in plan(ladder, due_on, due_time, calendar, digest_time) if p.at and p.at <= now
    ]
    return max(passed, default=0)


@dataclass(frozen=True, slots=True)
class Owed:
    """What is to be sent now, and the moments that are settled by it without being sent.

    `newest` is None when nothing is owed, or when what is owed would speak of a deadline already past.
    """

    newest: Moment | None = None
    superseded: tuple[Moment, ...] = ()


def owed(
    ladder: Ladder,
    settled_rank: int,
    due_on: date,
    due_time: time | None,
    now: datetime,
    calendar: WorkCalendar,
    digest_time: time = DIGEST_TIME,
) -> Owed:
    """After an outage several moments may have passed: the newest is owed, the earlier are superseded."""
    unsettled = (m for m in moments(ladder) if m.rank > settled_rank)
    # The order of ranks is the order of time, so the first that has not come ends the search.
    reached = list(
        takewhile(lambda m: has_come(moment_of(m, due_on, due_time, calendar, digest_time), now), unsettled)
    )
    if not reached:
        return Owed()
    *earlier, newest = reached
    if _is_stale(newest, due_on, due_time, now):
        return Owed(None, tuple(reached))
    return Owed(newest, tuple(earlier))


def has_come(at: datetime | None, now: datetime) -> bool:
    """Whether the instant has been reached; an unknown one has not."""
    return at is not None and at <= now


def _is_stale(moment: Moment, due_on: date, due_time: time | None, now: datetime) -> bool:
    """Whether the words of the step ("coming", "today") would be wrong, because the deadline has passed."""
    local = civil_now(now).replace(tzinfo=None)
    return moment.anchor in (Anchor.BEFORE, Anchor.ON) and is_past(due_on, due_time, local)


def is_quiet(
    moment: Moment, due_time: time | None, now: datetime, calendar: WorkCalendar, hours: Hours
) -> bool:
    """Whether `now` is outside the hours in which this moment may go out.

    The day itself counts though it be a day off, and an hour deadline whatever the hour.
    """
    if moment.anchor is Anchor.ON and due_time is not None:
        return False
    local = civil_now(now)
    if not hours.digest <= local.time() < hours.quiet_from:
        return True
    return moment.anchor is not Anchor.ON and calendar.is_off(local.date()) is True

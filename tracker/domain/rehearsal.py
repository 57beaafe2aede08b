"""What a ladder would have sent over days that have passed, and how an assignment goes over to another ladder.

The rules are those of the sweep (moments.py): of what has come only the newest is sent, in the hours in which mail
may go; the clock stops while a report waits. People are those of today: the past directory is not kept.
Source: docs/decisions/0013-ladder.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from tracker.domain.assignments import is_past
from tracker.domain.ladders import Anchor, Ladder, Moment, assigned_moment
from tracker.domain.moments import DEFAULT_HOURS, Hours, is_quiet, moment_of
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import at_official, civil_day, civil_now


@dataclass(frozen=True, slots=True)
class DeadlineSet:
    """A deadline that was given; `set_at` a UTC instant."""

    version: int
    set_at: datetime
    due_on: date | None
    due_time: time | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report of completion that waited: from when, until when (None: still), and whether it was returned."""

    reported_at: datetime
    decided_at: datetime | None = None
    is_returned: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """All that reminders of one assignment hang on; UTC instants.

    `given_at` is when the system learnt of it: nothing that had passed by then is reminded of.
    """

    assignment_id: int
    agency_id: int
    officer_id: int | None
    given_at: datetime
    closed_at: datetime | None
    deadlines: tuple[DeadlineSet, ...]
    waits: tuple[Waiting, ...] = ()


@dataclass(frozen=True, slots=True)
class Sending:
    """A reminder that would have gone out."""

    assignment_id: int
    agency_id: int
    officer_id: int | None
    deadline_version: int
    moment: Moment
    at: datetime


@dataclass
class Rehearsal:
    """One ladder against many courses; the instants of a deadline's moments are worked out once."""

    ladder: Ladder
    calendar: WorkCalendar
    hours: Hours = DEFAULT_HOURS
    _instants: dict[tuple[date, time | None], tuple[list[datetime], tuple[Moment, ...]]] = field(
        default_factory=dict, repr=False
    )

    def run(self, course: Course, start: datetime, end: datetime) -> list[Sending]:
        """The reminders of one course from `start` to `end`, both inclusive, in the order of time."""
        sent = [*self._assigned(course), *self._around_deadlines(course, end), *self._reviews(course, end)]
        return sorted((s for s in sent if start <= s.at <= end), key=lambda s: (s.at, s.moment.rank))

    def _assigned(self, course: Course) -> Iterator[Sending]:
        moment = assigned_moment(self.ladder)
        if moment is None:
            return
        for index, deadline in enumerate(course.deadlines):
            at = course.given_at if index == 0 else deadline.set_at
            if course.closed_at is None or at <= course.closed_at:
                yield self._sending(course, deadline.version, moment, at)

    def _sending(self, course: Course, version: int, moment: Moment, at: datetime) -> Sending:
        return Sending(course.assignment_id, course.agency_id, course.officer_id, version, moment, at)

    def _around_deadlines(self, course: Course, end: datetime) -> Iterator[Sending]:
        """Each deadline in force, over the stretches in which the agency's clock ran."""
        for index, deadline in enumerate(course.deadlines):
            begins = max(course.given_at, deadline.set_at) if index else course.given_at
            following = course.deadlines[index + 1].set_at if index + 1 < len(course.deadlines) else end
            ends = min(following, end, course.closed_at or end)
            if deadline.due_on is None or begins > ends:
                continue
            instants, moments = self._come(deadline.due_on, deadline.due_time)
            # What had passed when the deadline was set is not reminded of: the message about it stands for it.
            settled = bisect_right(instants, begins)
            for since, until in _running(course.waits, begins, ends):
                for at, rank in self._stretch(deadline, instants, moments, settled, since, until):
                    if at is not None:
                        yield self._sending(course, deadline.version, moments[rank - 1], at)
                    settled = rank

    def _stretch(
        self,
        deadline: DeadlineSet,
        instants: Sequence[datetime],
        moments: Sequence[Moment],
        settled: int,
        since: datetime,
        until: datetime,
    ) -> Iterator[tuple[datetime | None, int]]:
        """What is settled while the clock runs from `since` to `until`: when it was sent (None: never), up to where."""
        now = since
        while settled < len(instants) and max(now, instants[settled]) <= until:
            now = max(now, instants[settled])
            newest = moments[bisect_right(instants, now) - 1]
            assert deadline.due_on is not None
            local = civil_now(now).replace(tzinfo=None)
            is_stale = newest.anchor in (Anchor.BEFORE, Anchor.ON) and is_past(
                deadline.due_on, deadline.due_time, local
            )
            if is_stale:
                settled = newest.rank
                yield None, settled
                continue
            opens = self._opens(newest, deadline.due_time, now)
            if opens > now:
                now = opens
                continue
            settled = newest.rank
            yield now, settled

    def _come(self, due_on: date, due_time: time | None) -> tuple[list[datetime], tuple[Moment, ...]]:
        """The instants of all moments of a deadline as far as the calendar knows them, in the order of rank."""
        key = (due_on, due_time)
        if key not in self._instants:
            moments = self.ladder.moments
            self._instants[key] = _known(moments, due_on, due_time, self.calendar, self.hours), moments
        return self._instants[key]

    def _opens(self, moment: Moment, due_time: time | None, now: datetime) -> datetime:
        """The first instant from `now` on at which this moment may go out."""
        for _ in range(40):
            if not is_quiet(moment, due_time, now, self.calendar, self.hours):
                return now
            local = civil_now(now)
            day = local.date() if local.time() < self.hours.digest else local.date() + timedelta(days=1)
            now = at_official(day, self.hours.digest)
        return now

    def _reviews(self, course: Course, end: datetime) -> Iterator[Sending]:
        """What the secretariat would have been told of reports that waited."""
        moments = self.ladder.review_moments
        for wait in course.waits:
            ends = min(wait.decided_at or end, course.closed_at or end, end)
            day = civil_day(wait.reported_at)
            version = _version_at(course.deadlines, wait.reported_at)
            instants = _known(moments, day, None, self.calendar, self.hours)
            for at, moment in zip(instants, moments, strict=False):
                at = max(at, wait.reported_at)
                if at < ends:
                    yield self._sending(course, version, moment, at)


def _known(
    moments: Sequence[Moment], day: date, at: time | None, calendar: WorkCalendar, hours: Hours
) -> list[datetime]:
    """The instants of moments in their order, up to the first that no loaded year tells."""
    found: list[datetime] = []
    for moment in moments:
        instant = moment_of(moment, day, at, calendar, hours.digest)
        if instant is None:
            break
        found.append(instant)
    return found


def _version_at(deadlines: Sequence[DeadlineSet], at: datetime) -> int:
    in_force = [d.version for d in deadlines if d.set_at <= at]
    return in_force[-1] if in_force else 1


def _running(
    waits: Sequence[Waiting], begins: datetime, ends: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The stretches between `begins` and `ends` in which no report waits; an accepted one ends them all."""
    since = begins
    for wait in waits:
        if wait.reported_at > since and since <= ends:
            yield since, min(wait.reported_at, ends)
        if wait.decided_at is None or not wait.is_returned:
            return
        since = max(since, wait.decided_at)
    if since <= ends:
        yield since, ends


# -- going over to another ladder --------------------------------------------------------------------------


def carried_rank(
    old: Sequence[Moment],
    settled: int,
    new: Sequence[Moment],
    instant: Callable[[Moment], datetime | None],
    now: datetime,
) -> int:
    """Up to where `new` counts as settled for something that was settled up to `settled` of `old`.

    What has come and was settled stays settled; what is owed at this very moment stays owed, as the new ladder
    has it. Both are sequences in the order of rank; `instant` says when a moment comes.
    """

    def come(moment: Moment, until: datetime) -> bool:
        at = instant(moment)
        return at is not None and at <= until

    owed = [m for m in old if m.rank > settled and come(m, now)]
    if not owed:
        return max((m.rank for m in new if come(m, now)), default=0)
    last = next((m for m in old if m.rank == settled), None)
    cut = None if last is None else instant(last)
    return 0 if cut is None else max((m.rank for m in new if come(m, cut)), default=0)


def next_moment(
    moments: Sequence[Moment], settled: int, instant: Callable[[Moment], datetime | None]
) -> tuple[Moment, datetime | None] | None:
    """The moment after what is settled, and when it comes; None at the end of the ladder."""
    following = next((m for m in moments if m.rank > settled), None)
    return None if following is None else (following, instant(following))

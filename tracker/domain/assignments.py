"""The life of an assignment (stored) and its timeliness (computed for any day), never mixed.

`transition` says what may happen to a state. `classify` says where an assignment stood at a moment,
from its history alone. Source of the definitions: docs/decisions/0011-timeliness.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeAlias

from tracker.domain.errors import Conflict
from tracker.domain.workdays import CalendarUnknown, WorkCalendar
from tracker.domain.zone import civil_now

# --- lifecycle: stored ---


class State(StrEnum):
    """Where an assignment is in its life; stored."""

    ASSIGNED = "assigned"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    REPORTED = "reported"
    RETURNED = "returned"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    TRANSFERRED = "transferred"
    SUPERSEDED = "superseded"


class Part(StrEnum):
    """What an agency is in a task; stored. Each part has its own deadline, state and reports."""

    LEAD = "lead"
    JOINT_LEAD = "joint_lead"
    COOPERATING = "cooperating"


class Event(StrEnum):
    """What can happen to an assignment."""

    ACKNOWLEDGE = "acknowledge"
    REPORT_PROGRESS = "report_progress"
    REPORT_COMPLETION = "report_completion"
    CONFIRM = "confirm"
    RETURN = "return"
    WITHDRAW = "withdraw"
    TRANSFER = "transfer"
    SUPERSEDE = "supersede"
    MOVE_DEADLINE = "move_deadline"
    REQUEST_EXTENSION = "request_extension"
    COMMIT = "commit"
    URGE = "urge"


WORKING_STATES: frozenset[State] = frozenset(
    {State.ASSIGNED, State.ACKNOWLEDGED, State.IN_PROGRESS, State.RETURNED}
)
"""The agency's clock runs: the ladder reminds."""

OPEN_STATES: frozenset[State] = WORKING_STATES | {State.REPORTED}
"""Not finished; a reported assignment waits for the assigning side."""

CLOSED_STATES: frozenset[State] = frozenset(State) - OPEN_STATES
"""Nothing more happens."""

OUTSIDE_STATES: frozenset[State] = CLOSED_STATES - {State.CONFIRMED}
"""Closed without a result: kept, but outside the official four buckets."""


class TransitionRefused(Conflict):
    """This cannot happen now; params: state, event."""

    code = "transition_refused"


class AlreadyAcknowledged(TransitionRefused):
    """The agency has acknowledged or gone further."""

    code = "already_acknowledged"


class AlreadyReported(TransitionRefused):
    """A completion report already waits for its decision."""

    code = "already_reported"


class NotReported(TransitionRefused):
    """There is no completion report to confirm or return."""

    code = "not_reported"


class ReportWaiting(TransitionRefused):
    """The agency has reported completion, so it cannot ask for more time unless the report is returned."""

    code = "report_waiting"


class AlreadyConfirmed(TransitionRefused):
    """The result was accepted; nothing can be changed."""

    code = "already_confirmed"


class AssignmentClosed(TransitionRefused):
    """Withdrawn, transferred or superseded; nothing can be reported or changed."""

    code = "assignment_closed"


def _table() -> dict[tuple[State, Event], State]:
    table: dict[tuple[State, Event], State] = {
        (State.ASSIGNED, Event.ACKNOWLEDGE): State.ACKNOWLEDGED,
        (State.REPORTED, Event.REPORT_PROGRESS): State.REPORTED,
        (State.REPORTED, Event.CONFIRM): State.CONFIRMED,
        (State.REPORTED, Event.RETURN): State.RETURNED,
    }
    for state in WORKING_STATES:
        table[state, Event.REPORT_PROGRESS] = State.IN_PROGRESS
        table[state, Event.REPORT_COMPLETION] = State.REPORTED
        table[state, Event.REQUEST_EXTENSION] = state
    for state in OPEN_STATES:
        table[state, Event.WITHDRAW] = State.WITHDRAWN
        table[state, Event.TRANSFER] = State.TRANSFERRED
        table[state, Event.SUPERSEDE] = State.SUPERSEDED
        table[state, Event.MOVE_DEADLINE] = state
        table[state, Event.COMMIT] = state
        table[state, Event.URGE] = state
    return table


TRANSITIONS: dict[tuple[State, Event], State] = _table()
"""Everything that may happen; a pair that is not here is refused."""


def transition(state: State, event: Event) -> State:
    """The state after `event`. Raises the TransitionRefused child that says why it cannot happen.

    >>> transition(State.REPORTED, Event.CONFIRM).value
    'confirmed'
    """
    after = TRANSITIONS.get((state, event))
    if after is None:
        raise _refusal(state, event)
    return after


def _refusal(state: State, event: Event) -> TransitionRefused:
    kind = TransitionRefused
    if state is State.CONFIRMED:
        kind = AlreadyConfirmed
    elif state in OUTSIDE_STATES:
        kind = AssignmentClosed
    elif event is Event.ACKNOWLEDGE:
        kind = AlreadyAcknowledged
    elif event is Event.REPORT_COMPLETION:
        kind = AlreadyReported
    elif event in (Event.CONFIRM, Event.RETURN):
        kind = NotReported
    elif event is Event.REQUEST_EXTENSION:
        kind = ReportWaiting
    return kind(state=state.value, event=event.value)


# --- history: what the status of any day is told from ---

When: TypeAlias = date | datetime
"""An aware instant, or a civil date when no more is known: an event dated so counts from that day's start."""


class DueKind(StrEnum):
    """What kind of deadline an assignment has; stored."""

    DATED = "dated"
    EVENT = "event"
    STANDING = "standing"
    NONE = "none"


class DeadlineCause(StrEnum):
    """Why a deadline was set; stored. Only an extension leaves the original where it was."""

    ORIGINAL = "original"
    EXTENSION = "extension"
    CORRECTION = "correction"
    EVENT = "event"
    TRANSFER = "transfer"


class Acceptance(StrEnum):
    """What the assigning side said to a completion report; stored."""

    PENDING = "pending"
    APPROVED = "approved"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class DeadlineVersion:
    """A deadline as it stood from `set_at` on; `due_on` is inclusive, overdue begins after `due_time`."""

    version: int
    set_at: When
    due_on: date | None
    due_time: time | None = None
    cause: DeadlineCause = DeadlineCause.ORIGINAL


@dataclass(frozen=True, slots=True)
class Completion:
    """A completion report and its fate; `decided_at` is None while it waits."""

    reported_at: When
    acceptance: Acceptance = Acceptance.PENDING
    decided_at: When | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the status of any day follows from.

    `progress_at` are the reports that are not of completion; `closed_as` is one of OUTSIDE_STATES.
    The order inside the tuples does not matter.
    """

    assigned_at: When
    due_kind: DueKind
    deadlines: tuple[DeadlineVersion, ...] = ()
    acknowledged_at: When | None = None
    progress_at: tuple[When, ...] = ()
    completions: tuple[Completion, ...] = ()
    closed_as: State | None = None
    closed_at: When | None = None


# --- timeliness: computed, never stored ---


class Bucket(StrEnum):
    """The official four, and what stands beside them."""

    DONE_ON_TIME = "done_on_time"
    DONE_LATE = "done_late"
    OPEN_IN_TERM = "open_in_term"
    OPEN_OVERDUE = "open_overdue"
    STANDING = "standing"
    OUTSIDE = "outside"


OFFICIAL_FOUR: tuple[Bucket, ...] = (
    Bucket.DONE_ON_TIME,
    Bucket.DONE_LATE,
    Bucket.OPEN_IN_TERM,
    Bucket.OPEN_OVERDUE,
)


class Fine(StrEnum):
    """The finer status shown on screens; each assignment has exactly one."""

    ON_SCHEDULE = "on_schedule"
    DUE_SOON = "due_soon"
    DUE_TODAY = "due_today"
    OVERDUE = "overdue"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    RETURNED = "returned"
    DONE_ON_TIME = "done_on_time"
    DONE_LATE = "done_late"
    STANDING = "standing"
    WITHDRAWN = "withdrawn"
    TRANSFERRED = "transferred"
    SUPERSEDED = "superseded"
    NOT_YET_ASSIGNED = "not_yet_assigned"


class Knowledge(StrEnum):
    """Whose eyes look at a past day.

    AS_KNOWN_THEN: only what had happened by then, so a list made that day is made again.
    AS_KNOWN_NOW: reports made by then with the decisions and the deadlines known today, so a result that was
    confirmed later counts from its report.
    """

    AS_KNOWN_THEN = "as_known_then"
    AS_KNOWN_NOW = "as_known_now"


@dataclass(frozen=True, slots=True)
class Status:
    """Where an assignment stands at a moment.

    `days_late` counts civil days after the deadline in force, up to the moment, or up to the accepted report;
    0 with `is_late` means that the hour of the day itself has passed.
    `days_late_original` does the same against the deadline without its extensions.
    `days_left` is None once late, done, outside or undated.
    `waits_in_time` tells an awaiting report that came in time from one that came late.
    `is_by_age` marks lateness by silence, of a task without a date.
    """

    bucket: Bucket
    fine: Fine
    state: State | None = None
    due_on: date | None = None
    due_time: time | None = None
    original_due_on: date | None = None
    original_due_time: time | None = None
    deadline_version: int = 0
    extensions: int = 0
    is_late: bool = False
    days_late: int = 0
    days_late_original: int = 0
    days_left: int | None = None
    reported_on: date | None = None
    completed_on: date | None = None
    last_report_on: date | None = None
    waits_in_time: bool | None = None
    is_by_age: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the assignment is still to be done or to be confirmed."""
        return self.state in OPEN_STATES


DUE_SOON_DAYS = 3
SILENT_DAYS = 30


def civil_moment(when: When) -> datetime:
    """The naive wall-clock time of `when` in the official zone; a plain date is its first minute.

    >>> civil_moment(date(2025, 11, 24))
    datetime.datetime(2025, 11, 24, 0, 0)
    """
    if isinstance(when, datetime):
        return civil_now(when).replace(tzinfo=None)
    return datetime.combine(when, time.min)


def cut_off(as_of: When) -> datetime:
    """The naive wall-clock moment up to which everything counts; a plain date counts to its last instant."""
    if isinstance(as_of, datetime):
        return civil_moment(as_of)
    return datetime.combine(as_of, time.max)


def is_past(due_on: date, due_time: time | None, moment: datetime) -> bool:
    """Whether the deadline has passed at a naive wall-clock `moment`; its own day, or minute, is in time.

    >>> is_past(date(2025, 11, 27), time(17), datetime(2025, 11, 27, 17))
    False
    >>> is_past(date(2025, 11, 27), None, datetime(2025, 11, 28))
    True
    """
    return moment > datetime.combine(due_on, due_time or time.max)


def state_as_of(facts: Facts, as_of: When) -> State | None:
    """The state that was stored at that moment; None before the assignment was made."""
    return _Known(facts, cut_off(as_of), Knowledge.AS_KNOWN_THEN).state


class _Known:
    """The part of the history that counts at a moment, with the eyes of `knowledge`."""

    def __init__(self, facts: Facts, moment: datetime, knowledge: Knowledge) -> None:
        hindsight = knowledge is Knowledge.AS_KNOWN_NOW
        self.moment = moment
        self.assigned = civil_moment(facts.assigned_at)
        versions = sorted(facts.deadlines, key=lambda v: v.version)
        in_force = [v for v in versions if hindsight or civil_moment(v.set_at) <= moment]
        self.deadlines = in_force or versions[:1]
        self.progress = [p for p in map(civil_moment, facts.progress_at) if p <= moment]
        self.accepted: datetime | None = None
        self.pending: datetime | None = None
        self.returned_at: datetime | None = None
        self.reports = list(self.progress)
        for completion in facts.completions:
            reported = civil_moment(completion.reported_at)
            if reported > moment:
                continue
            self.reports.append(reported)
            decided = None if completion.decided_at is None else civil_moment(completion.decided_at)
            if decided is None or (decided > moment and not hindsight):
                self.pending = max(self.pending or reported, reported)
            elif completion.acceptance is Acceptance.APPROVED:
                self.accepted = max(self.accepted or reported, reported)
            elif decided > moment:
                self.progress.append(reported)  # in hindsight it was one more progress report
            else:
                self.returned_at = max(self.returned_at or decided, decided)
        self.state = self._state(facts)

    def _state(self, facts: Facts) -> State | None:
        if self.assigned > self.moment:
            return None
        if (
            facts.closed_as is not None
            and facts.closed_at is not None
            and civil_moment(facts.closed_at) <= self.moment
        ):
            return facts.closed_as
        if self.accepted is not None:
            return State.CONFIRMED
        if self.pending is not None:
            return State.REPORTED
        if self.returned_at is not None and not any(p > self.returned_at for p in self.progress):
            return State.RETURNED
        if self.progress or self.returned_at is not None:
            return State.IN_PROGRESS
        if facts.acknowledged_at is not None and civil_moment(facts.acknowledged_at) <= self.moment:
            return State.ACKNOWLEDGED
        return State.ASSIGNED

    @property
    def original(self) -> DeadlineVersion | None:
        """The last deadline that no extension made: corrections and entered event dates replace it."""
        own = [v for v in self.deadlines if v.cause is not DeadlineCause.EXTENSION] or self.deadlines[:1]
        return own[-1] if own else None

    @property
    def result(self) -> datetime | None:
        """When the report was made that was accepted, or that waits."""
        if self.state is State.CONFIRMED:
            return self.accepted
        return self.pending if self.state is State.REPORTED else None

    @property
    def last_report_on(self) -> date | None:
        return max(self.reports).date() if self.reports else None


def classify(
    facts: Facts,
    as_of: When,
    calendar: WorkCalendar,
    due_soon_days: int = DUE_SOON_DAYS,
    *,
    silent_days: int = SILENT_DAYS,
    knowledge: Knowledge = Knowledge.AS_KNOWN_THEN,
) -> Status:
    """Where the assignment stands at the end of the day `as_of`, or at that instant when it is one.

    Past days are told from the history: the deadline in force then, the reports and decisions made by then.
    Done or late is measured by the date of the report that was accepted, not of its confirmation.
    A report that waits counts as open by the deadline, until it is confirmed.
    A deadline with an hour has passed at the end of its day.
    `due_soon_days` are working days (calendar days in a year without a calendar); no bucket depends on them.
    Without a date, lateness begins after `silent_days` without a report.
    Source: docs/decisions/0011-timeliness.md.
    """
    known = _Known(facts, cut_off(as_of), knowledge)
    if known.state is None:
        return Status(Bucket.OUTSIDE, Fine.NOT_YET_ASSIGNED)
    deadline = known.deadlines[-1] if known.deadlines else None
    original = known.original
    due_on, due_time = (deadline.due_on, deadline.due_time) if deadline else (None, None)
    kind = DueKind.DATED if due_on else DueKind.EVENT if facts.due_kind is DueKind.DATED else facts.due_kind
    judged = known.result if known.result and known.state is State.CONFIRMED else known.moment
    is_late, days_late, is_by_age = _lateness(known, kind, deadline, judged, silent_days)
    original_late = _days_past(original, judged) if original else 0
    bucket, fine = _place(known, kind, deadline, is_late, calendar, due_soon_days)
    if bucket is Bucket.OUTSIDE:
        is_late, days_late, original_late, is_by_age = False, 0, 0, False
    in_time_still = due_on is not None and known.state in OPEN_STATES and not is_late
    return Status(
        bucket=bucket,
        fine=fine,
        state=known.state,
        due_on=due_on,
        due_time=due_time,
        original_due_on=original.due_on if original else None,
        original_due_time=original.due_time if original else None,
        deadline_version=deadline.version if deadline else 0,
        extensions=sum(v.cause is DeadlineCause.EXTENSION for v in known.deadlines),
        is_late=is_late,
        days_late=days_late,
        days_late_original=original_late,
        days_left=(due_on - known.moment.date()).days if due_on is not None and in_time_still else None,
        reported_on=known.result.date() if known.result else None,
        completed_on=known.result.date() if known.result and known.state is State.CONFIRMED else None,
        last_report_on=known.last_report_on,
        waits_in_time=_waits_in_time(known, deadline),
        is_by_age=is_by_age,
    )


def _days_past(deadline: DeadlineVersion, moment: datetime) -> int:
    if deadline.due_on is None or not is_past(deadline.due_on, deadline.due_time, moment):
        return 0
    return (moment.date() - deadline.due_on).days


def _waits_in_time(known: _Known, deadline: DeadlineVersion | None) -> bool | None:
    if known.state is not State.REPORTED or known.pending is None:
        return None
    return (
        deadline is None
        or deadline.due_on is None
        or not is_past(deadline.due_on, deadline.due_time, known.pending)
    )


def _lateness(
    known: _Known, kind: DueKind, deadline: DeadlineVersion | None, judged: datetime, silent_days: int
) -> tuple[bool, int, bool]:
    """Late or not, civil days late, and whether by age."""
    if kind is DueKind.DATED and deadline and deadline.due_on:
        return is_past(deadline.due_on, deadline.due_time, judged), _days_past(deadline, judged), False
    if kind is DueKind.EVENT or known.state not in WORKING_STATES:
        return False, 0, False
    silent = (judged.date() - max([known.assigned, *known.reports]).date()).days - silent_days
    return silent > 0, max(silent, 0), silent > 0


def _place(
    known: _Known,
    kind: DueKind,
    deadline: DeadlineVersion | None,
    is_late: bool,
    calendar: WorkCalendar,
    due_soon_days: int,
) -> tuple[Bucket, Fine]:
    state = known.state
    if state in OUTSIDE_STATES and state is not None:
        return Bucket.OUTSIDE, Fine(state.value)
    if state is State.CONFIRMED:
        fine = Fine.DONE_LATE if is_late else Fine.DONE_ON_TIME
        return (Bucket.STANDING if kind is DueKind.STANDING else Bucket(fine.value)), fine
    bucket = Bucket.OPEN_OVERDUE if is_late else Bucket.OPEN_IN_TERM
    if kind is DueKind.STANDING:
        bucket = Bucket.STANDING
    if state is State.REPORTED:
        return bucket, Fine.AWAITING_CONFIRMATION
    if is_late:
        return bucket, Fine.OVERDUE
    if state is State.RETURNED:
        return bucket, Fine.RETURNED
    if kind is DueKind.STANDING:
        return bucket, Fine.STANDING
    today = known.moment.date()
    if deadline is None or deadline.due_on is None:
        return bucket, Fine.ON_SCHEDULE
    if deadline.due_on == today:
        return bucket, Fine.DUE_TODAY
    if is_soon(today, deadline.due_on, due_soon_days, calendar):
        return bucket, Fine.DUE_SOON
    return bucket, Fine.ON_SCHEDULE


def is_soon(today: date, due_on: date, days: int, calendar: WorkCalendar) -> bool:
    """Whether at most `days` working days lie after `today` up to and with `due_on`.

    A hint, not a rule: in a year without a calendar every day is counted.
    """
    counted, day = 0, today
    while day < due_on:
        day += timedelta(days=1)
        counted += _counts(day, calendar)
        if counted > days:
            return False
    return today <= due_on


def _counts(day: date, calendar: WorkCalendar) -> bool:
    try:
        return calendar.is_working(day)
    except CalendarUnknown:
        return True

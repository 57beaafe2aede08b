"""The life of an assignment, and its status for any day."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.assignments import (
    CLOSED_STATES,
    OFFICIAL_FOUR,
    OPEN_STATES,
    OUTSIDE_STATES,
    TRANSITIONS,
    Acceptance,
    AlreadyAcknowledged,
    AlreadyConfirmed,
    AlreadyReported,
    AssignmentClosed,
    Bucket,
    Completion,
    DeadlineCause,
    DeadlineVersion,
    DueKind,
    Event,
    Facts,
    Fine,
    Knowledge,
    NotReported,
    ReportWaiting,
    State,
    TransitionRefused,
    classify,
    state_as_of,
    transition,
)
from tracker.domain.workdays import WorkCalendar, parse_calendar
from tracker.domain.zone import at_official

CALENDAR = parse_calendar(
    (Path(__file__).parents[2] / "tracker/data/working_days.csv").read_text("utf-8").splitlines()
)
UNKNOWN = WorkCalendar({}, frozenset())

ASSIGNED = date(2025, 10, 1)
DUE = date(2025, 11, 20)  # a Thursday


def dated(due_on: date = DUE, due_time: time | None = None) -> tuple[DeadlineVersion, ...]:
    return (DeadlineVersion(1, ASSIGNED, due_on, due_time),)


def facts(**changes: object) -> Facts:
    base: dict[str, object] = {"assigned_at": ASSIGNED, "due_kind": DueKind.DATED, "deadlines": dated()}
    return Facts(**(base | changes))  # type: ignore[arg-type]  # keyword soup is the point of a test builder


def accepted(reported: date | datetime, decided: date | datetime) -> Completion:
    return Completion(reported, Acceptance.APPROVED, decided)


# --- lifecycle ---


def test_every_pair_of_state_and_event_is_answered() -> None:
    for state in State:
        for event in Event:
            if (state, event) in TRANSITIONS:
                assert transition(state, event) is TRANSITIONS[state, event]
            else:
                with pytest.raises(TransitionRefused) as refused:
                    transition(state, event)
                assert refused.value.params == {"state": state.value, "event": event.value}


def test_the_usual_life() -> None:
    state = State.ASSIGNED
    for event, expected in [
        (Event.ACKNOWLEDGE, State.ACKNOWLEDGED),
        (Event.REPORT_PROGRESS, State.IN_PROGRESS),
        (Event.REPORT_COMPLETION, State.REPORTED),
        (Event.RETURN, State.RETURNED),
        (Event.REPORT_PROGRESS, State.IN_PROGRESS),
        (Event.REPORT_COMPLETION, State.REPORTED),
        (Event.CONFIRM, State.CONFIRMED),
    ]:
        state = transition(state, event)
        assert state is expected


@pytest.mark.parametrize(
    ("state", "event", "refusal"),
    [
        (State.CONFIRMED, Event.REPORT_COMPLETION, AlreadyConfirmed),
        (State.CONFIRMED, Event.REQUEST_EXTENSION, AlreadyConfirmed),
        (State.CONFIRMED, Event.MOVE_DEADLINE, AlreadyConfirmed),
        (State.WITHDRAWN, Event.REPORT_PROGRESS, AssignmentClosed),
        (State.TRANSFERRED, Event.CONFIRM, AssignmentClosed),
        (State.REPORTED, Event.REPORT_COMPLETION, AlreadyReported),
        (State.REPORTED, Event.REQUEST_EXTENSION, ReportWaiting),
        (State.IN_PROGRESS, Event.CONFIRM, NotReported),
        (State.ASSIGNED, Event.RETURN, NotReported),
        (State.ACKNOWLEDGED, Event.ACKNOWLEDGE, AlreadyAcknowledged),
    ],
)
def test_refusal_says_why(state: State, event: Event, refusal: type[TransitionRefused]) -> None:
    with pytest.raises(refusal):
        transition(state, event)


def test_nothing_leaves_a_closed_state() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] in CLOSED_STATES]


def test_only_a_reported_assignment_is_confirmed() -> None:
    assert [s for (s, e), after in TRANSITIONS.items() if after is State.CONFIRMED] == [State.REPORTED]


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_any_sequence_of_events_stays_in_the_table(events: list[Event]) -> None:
    state = State.ASSIGNED
    for event in events:
        try:
            after = transition(state, event)
        except TransitionRefused:
            continue
        assert state in OPEN_STATES
        state = after
    assert state in State


# --- timeliness ---


@pytest.mark.parametrize(
    ("as_of", "bucket", "fine", "days_late", "days_left"),
    [
        (date(2025, 9, 30), Bucket.OUTSIDE, Fine.NOT_YET_ASSIGNED, 0, None),
        (date(2025, 10, 1), Bucket.OPEN_IN_TERM, Fine.ON_SCHEDULE, 0, 50),
        (date(2025, 11, 14), Bucket.OPEN_IN_TERM, Fine.ON_SCHEDULE, 0, 6),
        (date(2025, 11, 17), Bucket.OPEN_IN_TERM, Fine.DUE_SOON, 0, 3),
        (date(2025, 11, 20), Bucket.OPEN_IN_TERM, Fine.DUE_TODAY, 0, 0),
        (date(2025, 11, 21), Bucket.OPEN_OVERDUE, Fine.OVERDUE, 1, None),
        (date(2030, 11, 20), Bucket.OPEN_OVERDUE, Fine.OVERDUE, 1826, None),
    ],
)
def test_an_open_assignment_day_by_day(
    as_of: date, bucket: Bucket, fine: Fine, days_late: int, days_left: int | None
) -> None:
    status = classify(facts(), as_of, CALENDAR)

    assert (status.bucket, status.fine, status.days_late, status.days_left) == (
        bucket,
        fine,
        days_late,
        days_left,
    )


def test_due_soon_counts_working_days_over_the_weekend() -> None:
    monday = facts(deadlines=dated(date(2025, 11, 24)))

    assert classify(monday, date(2025, 11, 19), CALENDAR).fine is Fine.DUE_SOON
    assert classify(monday, date(2025, 11, 18), CALENDAR).fine is Fine.ON_SCHEDULE
    assert classify(monday, date(2025, 11, 18), CALENDAR, due_soon_days=4).fine is Fine.DUE_SOON


def test_no_bucket_needs_the_calendar() -> None:
    assert classify(facts(), date(2025, 11, 16), UNKNOWN).fine is Fine.ON_SCHEDULE
    assert classify(facts(), date(2025, 11, 17), UNKNOWN).fine is Fine.DUE_SOON
    assert classify(facts(), date(2025, 11, 21), UNKNOWN).bucket is Bucket.OPEN_OVERDUE


def test_an_hour_deadline_passes_after_its_minute() -> None:
    at_five = facts(deadlines=dated(due_time=time(17)))

    at_the_hour = classify(at_five, at_official(DUE, time(17)), CALENDAR)
    after = classify(at_five, at_official(DUE, time(17, 1)), CALENDAR)
    end_of_day = classify(at_five, DUE, CALENDAR)
    next_day = classify(at_five, DUE + timedelta(days=1), CALENDAR)

    assert (at_the_hour.bucket, at_the_hour.fine) == (Bucket.OPEN_IN_TERM, Fine.DUE_TODAY)
    assert (after.bucket, after.days_late, after.is_late) == (Bucket.OPEN_OVERDUE, 0, True)
    assert (end_of_day.bucket, end_of_day.days_late) == (Bucket.OPEN_OVERDUE, 0)
    assert next_day.days_late == 1


def test_lateness_is_measured_by_the_accepted_report_not_by_its_confirmation() -> None:
    late_confirmed = facts(completions=(accepted(date(2025, 11, 20), date(2025, 12, 5)),))

    status = classify(late_confirmed, date(2025, 12, 5), CALENDAR)

    assert (status.bucket, status.days_late, status.completed_on) == (
        Bucket.DONE_ON_TIME,
        0,
        date(2025, 11, 20),
    )


def test_of_several_reports_the_accepted_one_counts() -> None:
    returned = Completion(date(2025, 11, 18), Acceptance.RETURNED, date(2025, 11, 19))
    history = facts(completions=(returned, accepted(date(2025, 11, 25), date(2025, 11, 26))))

    assert classify(history, date(2025, 11, 26), CALENDAR).days_late == 5
    assert classify(history, date(2025, 11, 26), CALENDAR).bucket is Bucket.DONE_LATE
    assert classify(history, date(2025, 11, 18), CALENDAR).fine is Fine.AWAITING_CONFIRMATION
    assert classify(history, date(2025, 11, 19), CALENDAR).fine is Fine.RETURNED
    assert classify(history, date(2025, 11, 21), CALENDAR).fine is Fine.OVERDUE


def test_a_waiting_report_is_open_by_its_deadline_until_confirmed() -> None:
    in_time = facts(completions=(Completion(date(2025, 11, 19)),))
    too_late = facts(completions=(Completion(date(2025, 11, 24)),))

    before = classify(in_time, date(2025, 11, 20), CALENDAR)
    after = classify(in_time, date(2025, 11, 25), CALENDAR)
    late = classify(too_late, date(2025, 11, 25), CALENDAR)

    assert (before.bucket, before.fine) == (Bucket.OPEN_IN_TERM, Fine.AWAITING_CONFIRMATION)
    assert (after.bucket, after.fine, after.waits_in_time) == (
        Bucket.OPEN_OVERDUE,
        Fine.AWAITING_CONFIRMATION,
        True,
    )
    assert late.waits_in_time is False


def test_a_past_day_is_told_as_it_was_then_or_with_what_is_known_now() -> None:
    history = facts(completions=(accepted(date(2025, 11, 19), date(2025, 11, 28)),))
    day = date(2025, 11, 25)

    then = classify(history, day, CALENDAR)
    now = classify(history, day, CALENDAR, knowledge=Knowledge.AS_KNOWN_NOW)

    assert (then.bucket, then.fine) == (Bucket.OPEN_OVERDUE, Fine.AWAITING_CONFIRMATION)
    assert (now.bucket, now.fine) == (Bucket.DONE_ON_TIME, Fine.DONE_ON_TIME)


def test_in_hindsight_a_report_that_was_returned_never_was_a_result() -> None:
    history = facts(completions=(Completion(date(2025, 11, 10), Acceptance.RETURNED, date(2025, 11, 15)),))

    now = classify(history, date(2025, 11, 12), CALENDAR, knowledge=Knowledge.AS_KNOWN_NOW)

    assert (now.state, now.fine) == (State.IN_PROGRESS, Fine.ON_SCHEDULE)


def test_an_extension_keeps_the_original_and_both_latenesses() -> None:
    extended = facts(
        deadlines=(
            DeadlineVersion(1, ASSIGNED, DUE),
            DeadlineVersion(2, date(2025, 11, 18), date(2025, 12, 20), None, DeadlineCause.EXTENSION),
        )
    )

    before = classify(extended, date(2025, 11, 17), CALENDAR)
    between = classify(extended, date(2025, 12, 10), CALENDAR)
    after = classify(extended, date(2025, 12, 22), CALENDAR)

    assert (before.due_on, before.extensions, before.deadline_version) == (DUE, 0, 1)
    assert (between.bucket, between.days_late, between.days_late_original) == (Bucket.OPEN_IN_TERM, 0, 20)
    assert (between.due_on, between.original_due_on, between.extensions) == (date(2025, 12, 20), DUE, 1)
    assert (after.days_late, after.days_late_original) == (2, 32)


def test_a_correction_replaces_the_original() -> None:
    corrected = facts(
        deadlines=(
            DeadlineVersion(1, ASSIGNED, date(2024, 11, 20)),
            DeadlineVersion(2, date(2025, 10, 3), DUE, None, DeadlineCause.CORRECTION),
        )
    )

    status = classify(corrected, date(2025, 11, 21), CALENDAR)

    assert (status.original_due_on, status.extensions, status.days_late_original) == (DUE, 0, 1)


def test_an_event_deadline_is_open_until_somebody_enters_its_date() -> None:
    event = facts(
        due_kind=DueKind.DATED,
        deadlines=(
            DeadlineVersion(1, ASSIGNED, None),
            DeadlineVersion(2, date(2025, 12, 1), date(2025, 12, 5), None, DeadlineCause.EVENT),
        ),
    )

    assert classify(event, date(2025, 11, 30), CALENDAR).fine is Fine.ON_SCHEDULE
    assert classify(event, date(2025, 12, 6), CALENDAR).bucket is Bucket.OPEN_OVERDUE
    assert classify(event, date(2025, 12, 6), CALENDAR).original_due_on == date(2025, 12, 5)


def test_without_a_date_lateness_is_by_silence() -> None:
    undated = facts(due_kind=DueKind.NONE, deadlines=(DeadlineVersion(1, ASSIGNED, None),))
    spoken = facts(due_kind=DueKind.NONE, deadlines=(), progress_at=(date(2025, 10, 20),))

    assert classify(undated, date(2025, 10, 31), CALENDAR).bucket is Bucket.OPEN_IN_TERM
    late = classify(undated, date(2025, 11, 1), CALENDAR)
    assert (late.bucket, late.days_late, late.is_by_age) == (Bucket.OPEN_OVERDUE, 1, True)
    assert classify(spoken, date(2025, 11, 1), CALENDAR).bucket is Bucket.OPEN_IN_TERM
    assert classify(spoken, date(2025, 11, 1), CALENDAR, silent_days=10).days_late == 2


def test_a_standing_task_stays_beside_the_total_and_still_goes_late() -> None:
    standing = facts(due_kind=DueKind.STANDING, deadlines=())

    assert classify(standing, date(2025, 10, 2), CALENDAR).fine is Fine.STANDING
    silent = classify(standing, date(2025, 12, 1), CALENDAR)
    assert (silent.bucket, silent.fine, silent.is_by_age) == (Bucket.STANDING, Fine.OVERDUE, True)


@pytest.mark.parametrize("state", sorted(OUTSIDE_STATES))
def test_closed_without_result_is_outside_from_that_day(state: State) -> None:
    closed = facts(closed_as=state, closed_at=date(2025, 11, 25))

    assert classify(closed, date(2025, 11, 24), CALENDAR).bucket is Bucket.OPEN_OVERDUE
    after = classify(closed, date(2025, 11, 25), CALENDAR)
    assert (after.bucket, after.fine, after.is_late, after.days_late) == (
        Bucket.OUTSIDE,
        Fine(state.value),
        False,
        0,
    )


def test_the_state_of_a_past_day() -> None:
    history = facts(
        acknowledged_at=date(2025, 10, 3),
        progress_at=(date(2025, 10, 10), date(2025, 11, 20)),
        completions=(Completion(date(2025, 11, 15), Acceptance.RETURNED, date(2025, 11, 18)),),
    )
    days = [(2, 10), (3, 10), (10, 10), (15, 11), (18, 11), (20, 11)]

    assert [state_as_of(history, date(2025, month, day)) for day, month in days] == [
        State.ASSIGNED,
        State.ACKNOWLEDGED,
        State.IN_PROGRESS,
        State.REPORTED,
        State.RETURNED,
        State.IN_PROGRESS,
    ]
    assert state_as_of(history, date(2025, 9, 30)) is None


# --- properties ---

DAYS = st.dates(date(2025, 1, 1), date(2026, 12, 31))
MINUTES = st.times().map(lambda t: t.replace(second=0, microsecond=0))


@st.composite
def histories(draw: st.DrawFn) -> Facts:
    """Histories as actions write them: one event after another, each allowed by the table."""
    now = at_official(draw(DAYS), draw(MINUTES))
    assigned = now
    state = State.ASSIGNED
    deadlines = [
        DeadlineVersion(1, now, draw(st.none() | DAYS), draw(st.none() | MINUTES)),
    ]
    progress: list[datetime] = []
    completions: list[Completion] = []
    acknowledged = closed_at = None
    for event in draw(st.lists(st.sampled_from(Event), max_size=12)):
        if (state, event) not in TRANSITIONS:
            continue
        now += timedelta(minutes=draw(st.integers(1, 40 * 24 * 60)))
        state = transition(state, event)
        if event is Event.ACKNOWLEDGE:
            acknowledged = now
        elif event is Event.REPORT_PROGRESS:
            progress.append(now)
        elif event is Event.REPORT_COMPLETION:
            completions.append(Completion(now))
        elif event is Event.CONFIRM:
            completions[-1] = Completion(completions[-1].reported_at, Acceptance.APPROVED, now)
        elif event is Event.RETURN:
            completions[-1] = Completion(completions[-1].reported_at, Acceptance.RETURNED, now)
        elif event is Event.MOVE_DEADLINE:
            cause = draw(st.sampled_from(DeadlineCause))
            deadlines.append(DeadlineVersion(len(deadlines) + 1, now, draw(DAYS), None, cause))
        elif state in OUTSIDE_STATES:
            closed_at = now
    return Facts(
        assigned_at=assigned,
        due_kind=draw(st.sampled_from(DueKind)),
        deadlines=tuple(deadlines),
        acknowledged_at=acknowledged,
        progress_at=tuple(progress),
        completions=tuple(completions),
        closed_as=state if state in OUTSIDE_STATES else None,
        closed_at=closed_at,
    )


@given(histories(), DAYS, st.sampled_from(Knowledge))
def test_every_history_has_one_status_on_every_day(history: Facts, day: date, knowledge: Knowledge) -> None:
    status = classify(history, day, CALENDAR, knowledge=knowledge)

    assert (status.bucket is Bucket.OUTSIDE) == (
        status.fine in (Fine.NOT_YET_ASSIGNED, Fine.WITHDRAWN, Fine.TRANSFERRED, Fine.SUPERSEDED)
    )
    assert status.days_late >= 0
    assert not (status.days_late and not status.is_late)
    assert not (status.is_late and status.days_left is not None)
    assert (status.completed_on is not None) == (status.state is State.CONFIRMED)
    if status.bucket in OFFICIAL_FOUR:
        assert (status.bucket in (Bucket.DONE_ON_TIME, Bucket.DONE_LATE)) == (status.state is State.CONFIRMED)
        assert status.is_late == (status.bucket in (Bucket.DONE_LATE, Bucket.OPEN_OVERDUE))


@given(histories(), DAYS, st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_listed_does_not_matter(
    history: Facts, day: date, shuffler: random.Random
) -> None:
    deadlines, progress, completions = [*history.deadlines], [*history.progress_at], [*history.completions]
    shuffler.shuffle(deadlines)
    shuffler.shuffle(progress)
    shuffler.shuffle(completions)
    shuffled = Facts(
        assigned_at=history.assigned_at,
        due_kind=history.due_kind,
        deadlines=tuple(deadlines),
        acknowledged_at=history.acknowledged_at,
        progress_at=tuple(progress),
        completions=tuple(completions),
        closed_as=history.closed_as,
        closed_at=history.closed_at,
    )

    assert classify(shuffled, day, CALENDAR) == classify(history, day, CALENDAR)


@given(histories(), DAYS)
def test_what_happened_later_never_changes_what_a_list_said_then(history: Facts, day: date) -> None:
    end = at_official(day, time.max)
    cut = Facts(
        assigned_at=history.assigned_at,
        due_kind=history.due_kind,
        deadlines=tuple(d for d in history.deadlines if d.set_at <= end) or history.deadlines[:1],
        acknowledged_at=history.acknowledged_at,
        progress_at=tuple(p for p in history.progress_at if p <= end),
        completions=tuple(
            c if c.decided_at is None or c.decided_at <= end else Completion(c.reported_at)
            for c in history.completions
            if c.reported_at <= end
        ),
        closed_as=history.closed_as if history.closed_at and history.closed_at <= end else None,
        closed_at=history.closed_at if history.closed_at and history.closed_at <= end else None,
    )

    assert classify(cut, day, CALENDAR) == classify(history, day, CALENDAR)


@given(DAYS, st.none() | MINUTES, st.lists(DAYS, min_size=2, max_size=10))
def test_lateness_of_an_untouched_assignment_only_grows(
    due_on: date, due_time: time | None, days: list[date]
) -> None:
    untouched = facts(assigned_at=date(2024, 12, 31), deadlines=dated(due_on, due_time))

    late = [classify(untouched, day, CALENDAR) for day in sorted(days)]

    assert [s.days_late for s in late] == sorted(s.days_late for s in late)
    assert [s.is_late for s in late] == sorted(s.is_late for s in late)


@given(histories())
def test_the_state_told_from_history_is_the_state_the_table_gives(history: Facts) -> None:
    end = date(2030, 1, 1)
    expected = state_as_of(history, end)

    assert expected is not None
    if history.closed_as:
        assert expected is history.closed_as
    elif any(c.acceptance is Acceptance.APPROVED for c in history.completions):
        assert expected is State.CONFIRMED
    else:
        assert expected in OPEN_STATES

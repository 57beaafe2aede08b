"""A ladder tried out on one deadline, and one version beside another."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time

from tracker.domain.directory import Duty
from tracker.domain.ladder_trial import Outcome, changes_between, in_order, try_out
from tracker.domain.ladders import DEFAULT_STEPS, Anchor, Ladder, Step, Unit
from tracker.domain.workdays import DayMark, WorkCalendar
from tracker.domain.zone import civil_day, civil_now

LADDER = Ladder(1, "default", 1, DEFAULT_STEPS)
NEW_YEAR = {date(2026, 1, 1): DayMark("off", "Tết Dương lịch", "test")}
CALENDAR = WorkCalendar(NEW_YEAR, frozenset({2025, 2026}))


def outcomes(given_on: date, due_on: date, due_time: time | None = None) -> dict[tuple[str, int], Outcome]:
    return {t.moment.key: t.outcome for t in try_out(LADDER, given_on, due_on, due_time, CALENDAR)}


def test_every_step_is_sent_on_its_day() -> None:
    tried = try_out(LADDER, date(2025, 11, 24), date(2025, 12, 15), None, CALENDAR)

    days = {t.moment.key: civil_day(t.at) for t in tried if t.at is not None}
    assert all(t.outcome is Outcome.SENT for t in tried)
    assert days["assigned", 1] == date(2025, 11, 24)
    assert days["before_10", 1] == date(2025, 12, 1)
    assert days["on_day", 1] == date(2025, 12, 15)
    # Five working days after 29/12 come after the holiday of 1 January.
    assert days["after_5", 3] == date(2026, 1, 6)


def test_a_step_that_had_passed_when_the_task_was_given_is_skipped() -> None:
    found = outcomes(date(2025, 12, 8), date(2025, 12, 15))

    assert found["before_10", 1] is Outcome.PASSED
    assert found["before_3", 1] is Outcome.SENT


def test_a_deadline_with_an_hour_is_told_of_hours_before() -> None:
    tried = try_out(LADDER, date(2025, 11, 24), date(2025, 12, 15), time(17), CALENDAR)

    on_day = next(t for t in tried if t.moment.key == ("on_day", 1))
    assert on_day.at is not None
    assert civil_now(on_day.at).time() == time(15)


def test_a_step_of_a_year_without_a_calendar_has_no_day() -> None:
    found = outcomes(date(2026, 12, 1), date(2026, 12, 20))

    assert found["on_day", 1] is Outcome.SENT
    assert found["after_30", 1] is Outcome.UNKNOWN


def test_steps_that_come_at_one_moment_are_one_message() -> None:
    early = Step("before_c", Anchor.BEFORE, 24, Unit.CALENDAR, (Duty.FOCAL,), "coming")
    ladder = Ladder(1, "default", 1, (early, replace(DEFAULT_STEPS[2], offset=4)))
    # Both fall on the working day before Tết.
    tet = {date(2026, 2, n): DayMark("off", "Tết", "test") for n in range(16, 28)}
    calendar = WorkCalendar(tet, frozenset({2025, 2026}))

    tried = try_out(ladder, date(2026, 1, 5), date(2026, 3, 5), None, calendar)

    assert {t.outcome for t in tried} <= {Outcome.SENT, Outcome.SUPERSEDED}


def test_steps_are_read_from_the_assignment_on() -> None:
    assert [s.code for s in in_order(tuple(reversed(DEFAULT_STEPS)))][:4] == [
        "assigned",
        "before_10",
        "before_3",
        "on_day",
    ]


def test_two_versions_are_told_apart_by_step() -> None:
    other = [
        replace(s, offset=4) if s.code == "before_3" else s for s in DEFAULT_STEPS if s.code != "after_30"
    ]
    new = Step("after_60", Anchor.AFTER, 60, Unit.WORKING, (Duty.MEMBER,), "inspection")

    found = changes_between(DEFAULT_STEPS, [*other, new])

    told = [(c.before and c.before.code, c.after and c.after.code, c.fields) for c in found]
    assert told == [
        ("before_3", "before_3", ("offset",)),
        (None, "after_60", ()),
        ("after_30", None, ()),
    ]


def test_the_order_of_duties_is_no_difference() -> None:
    turned = [replace(s, to=tuple(reversed(s.to))) for s in DEFAULT_STEPS]

    assert changes_between(DEFAULT_STEPS, turned) == ()

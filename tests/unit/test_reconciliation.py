"""Reconciliation: months and reminders by working days, what an answer needs, what a list's digest stands for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.api.v1.reconciliation import _by_our_names
from tracker.domain.assignments import State
from tracker.domain.errors import Invalid, Problem
from tracker.domain.reconciliation import (
    Answer,
    Figures,
    Given,
    Item,
    NewRound,
    Standing,
    Step,
    check_answer,
    check_round,
    days_over,
    digest_of,
    is_so_by_now,
    item_of,
    month_owed,
    monthly,
    ordered,
    reminder_days,
    since,
    standing_of,
    steps_owed,
    tidied,
)
from tracker.domain.workdays import DayMark, WorkCalendar

NEW_YEAR = date(2026, 1, 1)
CALENDAR = WorkCalendar(
    {
        date(2025, 1, 1): DayMark("off", "Tết Dương lịch", ""),
        NEW_YEAR: DayMark("off", "Tết Dương lịch", ""),
        date(2025, 9, 2): DayMark("off", "Quốc khánh", ""),
    },
    frozenset({2025, 2026}),
)
BEGINS = date(2025, 9, 1)
TODAY = date(2025, 11, 24)
ITEM = Item(
    assignment_id=7,
    task_id=3,
    title="Kế hoạch",
    directive_number="17/NQ-CP",
    directive_issued_on=date(2025, 10, 1),
    part="lead",
    fine="overdue",
    is_open=True,
    due_on=date(2025, 10, 31),
    due_time=time(17),
    days_late=24,
)


@pytest.mark.parametrize(
    ("today", "begins", "owed"),
    [
        (date(2025, 11, 1), BEGINS, None),  # a Saturday
        (date(2025, 11, 2), BEGINS, None),
        (date(2025, 11, 3), BEGINS, date(2025, 11, 1)),
        (date(2025, 11, 29), BEGINS, date(2025, 11, 1)),  # caught up after an outage
        (date(2026, 1, 1), BEGINS, None),  # a day off
        (date(2026, 1, 2), BEGINS, date(2026, 1, 1)),
        (date(2025, 8, 29), BEGINS, None),
        (date(2025, 11, 3), None, None),
        (date(2031, 3, 1), BEGINS, None),  # a Saturday of a year that is not loaded
        (date(2031, 3, 3), BEGINS, date(2031, 3, 1)),
    ],
)
def test_a_month_is_owed_a_round_from_its_first_working_day(
    today: date, begins: date | None, owed: date | None
) -> None:
    assert month_owed(today, begins, CALENDAR) == owed


def test_the_monthly_round_tells_the_end_of_the_month_before_whenever_it_opens() -> None:
    made = monthly(date(2025, 11, 1), date(2025, 11, 20), date(2025, 9, 30), CALENDAR)
    assert made == NewRound(date(2025, 11, 1), date(2025, 10, 31), date(2025, 9, 30), date(2025, 11, 27))
    assert since(date(2025, 10, 31), date(2025, 10, 31)) == date(2025, 9, 30)


@pytest.mark.parametrize(
    ("as_of", "answer_by", "codes"),
    [
        (TODAY, TODAY + timedelta(days=1), []),
        (TODAY + timedelta(days=1), TODAY + timedelta(days=60), ["reconciliation_future_cut_off"]),
        (TODAY, TODAY, ["reconciliation_answer_past"]),
        (TODAY, TODAY + timedelta(days=61), ["reconciliation_answer_far"]),
    ],
)
def test_the_days_of_a_round_are_named_when_they_do_not_fit(
    as_of: date, answer_by: date, codes: list[str]
) -> None:
    new = NewRound(TODAY.replace(day=1), as_of, date(2025, 9, 30), answer_by)
    try:
        check_round(new, TODAY)
        found = []
    except Invalid as refused:
        found = [problem.code for problem in refused.problems]
    assert found == codes


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        (Given(1, Answer.AGREES, "x", TODAY, "y"), []),
        (Given(1, Answer.DONE, "88/BC", TODAY), []),
        (Given(1, Answer.DONE), ["reconciliation_number_needed", "reconciliation_report_day_needed"]),
        (Given(1, Answer.DONE, " ", TODAY + timedelta(days=1)),
         ["reconciliation_number_needed", "reconciliation_report_ahead"]),
        (Given(1, Answer.OTHER_DEADLINE, day=date(2026, 3, 1)), []),
        (Given(1, Answer.OTHER_DEADLINE), ["reconciliation_deadline_needed"]),
        (Given(1, Answer.OTHER_DEADLINE, day=ITEM.due_on), ["reconciliation_same_deadline"]),
        (Given(1, Answer.NOT_OURS), ["reconciliation_word_needed"]),
        (Given(1, Answer.OTHER, word=" \n "), ["reconciliation_word_needed"]),
        (Given(1, Answer.OTHER, word="Tên khác."), []),
    ],
)  # fmt: skip
def test_an_answer_says_all_that_its_kind_needs(said: Given, codes: list[str]) -> None:
    found = check_answer(tidied(said, "/answers/0"), ITEM.due_on, TODAY, "/answers/0")

    assert [problem.code for problem in found] == codes
    assert all(problem.field.startswith("/answers/0/") for problem in found)


def test_what_does_not_belong_to_an_answer_is_left_out() -> None:
    assert tidied(Given(1, Answer.AGREES, "x", TODAY, "y"), "").said == (Answer.AGREES, "", None, "")
    assert tidied(Given(1, Answer.OTHER, "x", TODAY, "y"), "").said == (Answer.OTHER, "", None, "y")
    with pytest.raises(Invalid):
        tidied(Given(1, Answer.OTHER, word="x" * 2001), "/answers/0")


@pytest.mark.parametrize(
    ("said", "state", "due_on", "is_so"),
    [
        (Given(1, Answer.DONE, "8", TODAY), State.CONFIRMED, None, True),
        (Given(1, Answer.DONE, "8", TODAY), State.REPORTED, None, False),
        (Given(1, Answer.OTHER_DEADLINE, day=TODAY), State.ASSIGNED, TODAY, True),
        (Given(1, Answer.OTHER_DEADLINE, day=TODAY), State.ASSIGNED, ITEM.due_on, False),
        (Given(1, Answer.NOT_OURS, word="x"), State.TRANSFERRED, None, True),
        (Given(1, Answer.OTHER, word="x"), State.CONFIRMED, None, False),
    ],
)
def test_a_difference_may_have_come_true(said: Given, state: State, due_on: date | None, is_so: bool) -> None:
    assert is_so_by_now(said, state, due_on) is is_so


@pytest.mark.parametrize(
    ("answered", "differences", "today", "stands"),
    [
        (False, 0, TODAY, Standing.WAITING),
        (False, 0, TODAY + timedelta(days=1), Standing.SILENT),
        (True, 0, TODAY + timedelta(days=9), Standing.AGREED),
        (True, 2, TODAY, Standing.DIFFERS),
    ],
)
def test_where_an_agency_stands(answered: bool, differences: int, today: date, stands: Standing) -> None:
    assert standing_of(answered, differences, TODAY, today) is stands


def test_the_silent_are_reminded_on_working_days_around_the_last_day() -> None:
    days = reminder_days(date(2025, 11, 3), date(2025, 11, 10), CALENDAR)
    assert days == {
        Step.FIRST: date(2025, 11, 7),  # the Friday before a Monday
        Step.SECOND: date(2025, 11, 11),
        Step.THIRD: date(2025, 11, 14),
    }
    # A round that leaves no day between has no reminder before its last day.
    assert Step.FIRST not in reminder_days(date(2025, 11, 3), date(2025, 11, 4), CALENDAR)
    assert days_over(date(2025, 11, 10), date(2025, 11, 14), CALENDAR) == 4
    assert days_over(date(2025, 11, 10), date(2025, 11, 10), CALENDAR) == 0


@pytest.mark.parametrize(
    ("today", "told", "owed", "passed"),
    [
        (date(2025, 11, 6), set(), None, ()),
        (date(2025, 11, 7), {Step.COVER}, Step.FIRST, ()),
        (date(2025, 11, 8), {Step.FIRST}, None, ()),
        (date(2025, 11, 12), set(), Step.SECOND, (Step.FIRST,)),
        (date(2025, 12, 1), {Step.FIRST}, Step.THIRD, (Step.SECOND,)),
        (date(2025, 12, 1), {Step.THIRD}, None, ()),
    ],
)
def test_after_an_outage_only_the_latest_step_is_told(
    today: date, told: set[Step], owed: Step | None, passed: tuple[Step, ...]
) -> None:
    days = reminder_days(date(2025, 11, 3), date(2025, 11, 10), CALENDAR)

    assert steps_owed(days, told, today) == (owed, passed)


def test_a_row_comes_back_as_it_was_written() -> None:
    assert item_of(ITEM.canonical()) == ITEM
    bare = replace(ITEM, due_on=None, due_time=None, is_open=False, completed_on=TODAY, closed_on=TODAY)
    assert item_of(bare.canonical()) == bare


ITEMS = st.lists(
    st.builds(
        lambda n, due, is_open, title: replace(
            ITEM, assignment_id=n, due_on=due, is_open=is_open, title=title
        ),
        st.integers(1, 10**9),
        st.none() | st.dates(date(2024, 1, 1), date(2027, 1, 1)),
        st.booleans(),
        st.text(max_size=20),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda item: item.assignment_id,
)


@given(ITEMS, st.randoms(use_true_random=False), st.data())
def test_a_digest_stands_for_the_list_whatever_order_it_came_in(
    items: list[Item], random: Random, data: st.DataObject
) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    assert digest_of(ordered(shuffled)) == digest_of(ordered(items))
    place = data.draw(st.integers(0, len(items) - 1))
    changed = [*items[:place], replace(items[place], days_late=99), *items[place + 1 :]]
    assert digest_of(ordered(changed)) != digest_of(ordered(items))
    assert digest_of(ordered(items)[1:]) != digest_of(ordered(items))
    # What is open stands first, by its deadline.
    in_order = ordered(items)
    assert in_order == sorted(in_order, key=lambda item: not item.is_open)


def test_shares_name_what_of_what() -> None:
    figures = Figures(agencies=3, answered=1, silent=1, items=30, answered_items=14, agreeing_items=10,
                      differences=4, settled=1)  # fmt: skip
    answered, agreeing, settled = figures.rates

    assert (figures.waiting, figures.unsettled) == (1, 3)
    assert (answered.numerator, answered.denominator, str(answered.value)) == (1, 3, "33.3")
    assert (agreeing.numerator_name, agreeing.denominator_name) == ("agreeing_items", "answered_items")
    assert str(agreeing.value) == "71.4"
    assert (settled.numerator, settled.denominator) == (1, 4)
    assert Figures().rates[0].value is None


def test_the_api_names_refused_fields_as_it_calls_them() -> None:
    with pytest.raises(Invalid) as refused, _by_our_names():
        raise Invalid([Problem("/answers/2/word", "x", "a"), Problem("/seen", "x"), Problem("/answers", "x")])

    assert [p.field for p in refused.value.problems] == ["/answers/2/note", "/list_digest", "/answers"]

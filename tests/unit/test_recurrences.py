"""Recurrence rules and their dates."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.recurrences import (
    WEEKDAYS,
    Recurrence,
    RecurrenceInvalid,
    describe,
    next_occurrence,
    occurrences,
    summarise,
)
from tracker.shipped import shipped_calendar
from tracker.words import render

START, END = date(2025, 11, 16), date(2026, 12, 31)
LAST_WORKING_DAY = "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=DAILY", ["2025-11-16", "2025-11-17"]),
        ("FREQ=WEEKLY", ["2025-11-16", "2025-11-23"]),
        ("FREQ=WEEKLY;BYDAY=FR", ["2025-11-21", "2025-11-28"]),
        ("FREQ=WEEKLY;BYDAY=SU", ["2025-11-16", "2025-11-23"]),
        ("FREQ=WEEKLY;BYDAY=MO,TH", ["2025-11-17", "2025-11-20", "2025-11-24"]),
        ("FREQ=MONTHLY", ["2025-11-30", "2025-12-31", "2026-01-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=20", ["2025-11-20", "2025-12-20"]),
        ("FREQ=MONTHLY;BYMONTHDAY=30", ["2025-11-30", "2025-12-30", "2026-01-30", "2026-02-28"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["2025-11-30", "2025-12-31"]),
        ("FREQ=MONTHLY;INTERVAL=3", ["2025-12-31", "2026-03-31", "2026-06-30"]),
        ("FREQ=MONTHLY;INTERVAL=6", ["2025-12-31", "2026-06-30"]),
        ("FREQ=YEARLY", ["2025-12-31", "2026-12-31"]),
        ("FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=30", ["2026-06-30"]),
        ("FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=20", ["2025-12-20", "2026-03-20", "2026-06-20"]),
        ("FREQ=YEARLY;BYMONTH=6,12;BYMONTHDAY=15,1", ["2025-12-01", "2026-06-15", "2026-12-01"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", ["2025-11-28", "2025-12-26"]),
        (LAST_WORKING_DAY, ["2025-11-28", "2025-12-31"]),
    ],
)
def test_dates_of_a_rule(rule: str, first: list[str]) -> None:
    """One row per family, both ends included."""
    days = occurrences(rule, START, END)

    assert [day.isoformat() for day in days[: len(first)]] == first
    assert next_occurrence(rule, START - timedelta(days=1)) == days[0]


def test_exact_rules_give_the_dates_of_their_summary() -> None:
    """Two yearly dates, apart and summed up."""
    exact = ["FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=15", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=1"]

    summary = summarise(exact)

    assert summary is not None
    assert occurrences(exact, START, END) == occurrences(summary, START, END)


def test_last_working_day_heeds_the_calendar() -> None:
    """30 April 2026 is a holiday."""
    april = (date(2026, 4, 1), date(2026, 4, 30))

    assert occurrences(LAST_WORKING_DAY, *april) == [date(2026, 4, 30)]
    assert occurrences(LAST_WORKING_DAY, *april, shipped_calendar()) == [date(2026, 4, 29)]


@pytest.mark.parametrize("other", ["STANDING", "EVENT:KY_HOP", ""])
def test_what_is_no_rule_has_no_next_date(other: str) -> None:
    """Standing tasks and events."""
    assert next_occurrence(other, START) is None


@pytest.mark.parametrize(
    "rule",
    ["", "FREQ=HOURLY", "FREQ=MONTHLY;COUNT=3", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=MONTHLY;BYMONTHDAY=x",
     "FREQ=WEEKLY;BYDAY=XX", "FREQ=YEARLY;BYMONTH=13", "FREQ=DAILY;INTERVAL=0", "monthly"],
)  # fmt: skip
def test_other_rules_are_refused(rule: str) -> None:
    """What directives never need is not half understood."""
    with pytest.raises(RecurrenceInvalid):
        Recurrence.parse(rule)


def test_most_frequent_rule_sums_up() -> None:
    """Monthly, quarterly and yearly reports: the monthly one is the rhythm."""
    assert summarise(["FREQ=YEARLY", "FREQ=MONTHLY;INTERVAL=3", "FREQ=MONTHLY"]) == "FREQ=MONTHLY"
    assert summarise([]) is None


RULE = st.one_of(
    st.builds(
        Recurrence,
        st.just("MONTHLY"),
        st.sampled_from([1, 2, 3, 6]),
        month_days=st.tuples(st.integers(1, 31)),
    ),
    st.builds(
        Recurrence,
        st.just("YEARLY"),
        months=st.tuples(st.integers(1, 12)),
        month_days=st.tuples(st.integers(1, 31)),
    ),
    st.builds(Recurrence, st.just("WEEKLY"), st.integers(1, 4), st.tuples(st.sampled_from(WEEKDAYS))),
)


@given(RULE, st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_next_dates_are_the_dates(rule: Recurrence, start: date) -> None:
    """Going from date to date gives the list, and the text reads back."""
    text = rule.text()
    listed = occurrences(text, start, start + timedelta(days=800))
    walked, day = [], start - timedelta(days=1)
    for _ in listed:
        following = next_occurrence(text, day)
        assert following is not None
        walked.append(following)
        day = following

    assert walked == listed
    assert Recurrence.parse(text) == rule
    assert "{" not in render(describe(text), "vi") + render(describe(text), "en")

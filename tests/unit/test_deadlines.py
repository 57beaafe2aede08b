"""Deadline rules kept as rules, and their resolution."""

from __future__ import annotations

from datetime import date, time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.deadlines import (
    After,
    Base,
    Between,
    DeadlineRule,
    InPeriod,
    Kind,
    OnDay,
    OnEvent,
    OnLunar,
    Period,
    RuleInvalid,
    Shift,
    Unit,
    Unsure,
    after,
    on_day,
    period_days,
    resolve,
)
from tracker.domain.wording import words_from_json, words_to_json
from tracker.domain.workdays import CalendarUnknown
from tracker.shipped import shipped_calendar
from tracker.words import render_words

CALENDAR = shipped_calendar()
ISSUED = date(2025, 11, 20)


def due(rule: DeadlineRule, issued_on: date = ISSUED, **options: Any) -> date | None:
    """Only the day."""
    return resolve(rule, issued_on, CALENDAR, **options).due_on


@pytest.mark.parametrize(
    ("rule", "kind", "expected"),
    [
        (on_day(date(2025, 12, 31)), Kind.DATE, date(2025, 12, 31)),
        (on_day(date(2025, 12, 31), time(17)), Kind.DATETIME, date(2025, 12, 31)),
        (DeadlineRule(OnDay(31, 3)), Kind.DATE, date(2026, 3, 31)),
        (DeadlineRule(OnDay(29, 2)), Kind.DATE, date(2028, 2, 29)),
        (DeadlineRule(InPeriod(Period.MONTH, 2, 2028)), Kind.MONTH, date(2028, 2, 29)),
        (DeadlineRule(InPeriod(Period.QUARTER, 3)), Kind.QUARTER, date(2026, 9, 30)),
        (DeadlineRule(InPeriod(Period.QUARTER, 4)), Kind.QUARTER, date(2025, 12, 31)),
        (DeadlineRule(InPeriod(Period.HALF_YEAR, 1, 2026)), Kind.HALF_YEAR, date(2026, 6, 30)),
        (DeadlineRule(InPeriod(Period.YEAR, None, 2030)), Kind.YEAR, date(2030, 12, 31)),
        (DeadlineRule(InPeriod(Period.YEAR, None, 2030, before=True)), Kind.YEAR, date(2029, 12, 31)),
        (DeadlineRule(InPeriod(Period.WEEK, offset=1)), Kind.WEEK, date(2025, 11, 30)),
        (after(15, Unit.DAY), Kind.RELATIVE_DAYS, date(2025, 12, 5)),
        (after(10, Unit.WORKDAY), Kind.RELATIVE_WORKDAYS, date(2025, 12, 4)),
        (after(2, Unit.WEEK), Kind.RELATIVE_DAYS, date(2025, 12, 4)),
        (after(3, Unit.MONTH), Kind.RELATIVE_DAYS, date(2026, 2, 20)),
        (after(48, Unit.HOUR), Kind.RELATIVE_DAYS, date(2025, 11, 22)),
        (DeadlineRule(OnLunar(1, 1, 2026, -1)), Kind.LUNAR, date(2026, 2, 16)),
        (DeadlineRule(standing=True), Kind.STANDING, None),
        (DeadlineRule(), Kind.NONE, None),
    ],
)
def test_rule_resolves(rule: DeadlineRule, kind: Kind, expected: date | None) -> None:
    """One of each family, issued on a Thursday."""
    found = resolve(rule, ISSUED, CALENDAR)

    assert (found.kind, found.due_on) == (kind, expected)


def test_day_without_year_on_the_day_of_issue_is_that_day() -> None:
    """The first such day on or after the issue."""
    assert due(DeadlineRule(OnDay(20, 11))) == ISSUED
    assert due(DeadlineRule(OnDay(19, 11))) == date(2026, 11, 19)


def test_month_end_is_kept_when_the_target_month_is_shorter() -> None:
    """30 November and three months: the last of February."""
    assert due(after(3, Unit.MONTH), date(2025, 11, 30)) == date(2026, 2, 28)


def test_receipt_is_waited_for() -> None:
    """No day until the receipt is known."""
    rule = after(3, Unit.WORKDAY, Base.RECEIVED)

    waiting = resolve(rule, ISSUED, CALENDAR)

    assert waiting.due_on is None
    assert waiting.recurrence is None
    assert waiting.undecided is not None
    assert due(rule, received_on=date(2025, 11, 28)) == date(2025, 12, 3)


def test_event_is_open_until_its_day_is_entered() -> None:
    """Then it counts from that day."""
    rule = DeadlineRule(After(7, Unit.DAY, OnEvent("VE_NUOC", "về nước")))

    assert resolve(rule, ISSUED, CALENDAR).recurrence == "EVENT:VE_NUOC"
    assert due(rule) is None
    assert due(rule, events={"VE_NUOC": date(2025, 12, 1)}) == date(2025, 12, 8)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (Shift.NONE, date(2025, 11, 30)),
        (Shift.NEXT, date(2025, 12, 1)),
        (Shift.PRECEDING, date(2025, 11, 28)),
    ],
)
def test_day_off_is_shifted_only_when_asked(shift: Shift, expected: date) -> None:
    """30 November 2025 is a Sunday."""
    found = resolve(on_day(date(2025, 11, 30)), ISSUED, CALENDAR, shift=shift)

    assert found.due_on == expected
    assert found.off_day is (shift is Shift.NONE)


def test_swapped_saturday_is_not_shifted() -> None:
    """26 April 2025 is worked."""
    assert due(on_day(date(2025, 4, 26)), date(2025, 4, 1), shift=Shift.NEXT) == date(2025, 4, 26)


def test_unknown_year_is_refused_for_counting_and_only_hinted_for_dates() -> None:
    """A date needs no calendar; counting and shifting do."""
    assert resolve(on_day(date(2030, 12, 31)), ISSUED, CALENDAR).off_day is None
    with pytest.raises(CalendarUnknown):
        resolve(after(10, Unit.WORKDAY), date(2027, 12, 30), CALENDAR)
    with pytest.raises(CalendarUnknown):
        resolve(on_day(date(2030, 12, 31)), ISSUED, CALENDAR, shift=Shift.NEXT)


def test_impossible_day_is_undecided() -> None:
    """31 February."""
    found = resolve(DeadlineRule(OnDay(31, 2, 2019)), ISSUED, CALENDAR)

    assert found.due_on is None
    assert found.undecided
    assert "31/02/2019" in render_words(found.undecided)


def test_reversed_window_is_undecided() -> None:
    """It ends before it begins."""
    rule = DeadlineRule(Between(OnDay(20, 12, 2025), OnDay(1, 12, 2025)))

    assert resolve(rule, ISSUED, CALENDAR).undecided


def test_window_without_end_is_undecided() -> None:
    """Only a beginning."""
    found = resolve(DeadlineRule(Between(InPeriod(Period.YEAR, None, 2026))), ISSUED, CALENDAR)

    assert (found.due_on, found.starts_on) == (None, date(2026, 1, 1))
    assert found.undecided


def test_words_survive_storage() -> None:
    """The computation is kept beside the date."""
    found = resolve(DeadlineRule(InPeriod(Period.QUARTER, 3)), date(2019, 3, 7), CALENDAR)

    again = words_from_json(words_to_json(found.words))

    assert render_words(again) == render_words(found.words)
    assert "quý III/2019" in render_words(again)
    assert "30 September 2019" in render_words(again, "en")


@pytest.mark.parametrize(
    "data",
    [
        {"term": {"type": "day"}},
        {"term": {"type": "day", "day": None}},
        {"term": {"type": "day", "day": 32}},
        {"term": {"type": "day", "day": True}},
        {"term": {"type": "day", "day": 1, "month": 13}},
        {"term": {"type": "day", "day": 1, "month": 1, "year": 20251}},
        {"term": {"type": "period", "period": "month", "number": 13}},
        {"term": {"type": "period", "period": "decade"}},
        {"term": {"type": "after", "amount": 100000, "unit": "day"}},
        {"term": {"type": "after", "amount": 1, "unit": "day", "base": {"type": "unsure", "reason": "x"}}},
        {"term": {"type": "event", "name": "lower case", "label": "x"}},
        {"term": {"type": "unsure", "reason": "whatever"}},
        {"term": {"type": "magic"}},
        {"term": 5},
        {"term": {"type": "between", "first": {"type": "event", "name": "X", "label": "x"}}},
        {"at": "25:00"},
        {"recurrences": ["FREQ=HOURLY"]},
        {"notes": ["whatever"]},
        {"surprise": 1},
    ],
)
def test_rule_that_makes_no_sense_is_refused(data: dict[str, Any]) -> None:
    """Stored or submitted, naming the part."""
    with pytest.raises(RuleInvalid) as refused:
        DeadlineRule.from_json(data)

    assert refused.value.problems[0].field.startswith("/")


DAY = st.builds(OnDay, st.integers(1, 28), st.integers(1, 12), st.integers(2000, 2100))
PERIOD = st.builds(InPeriod, st.just(Period.QUARTER), st.integers(1, 4), st.integers(2000, 2100))
BASE = st.one_of(st.sampled_from(Base), DAY, PERIOD)
TERM = st.one_of(
    DAY,
    PERIOD,
    st.builds(After, st.integers(-400, 400), st.sampled_from(Unit), BASE),
    st.builds(OnLunar, st.integers(1, 30), st.integers(1, 12), st.integers(2000, 2100)),
    st.builds(Between, DAY, DAY),
    st.just(Unsure("deadline_vague", "đầu tháng")),
    st.just(OnEvent("KY_HOP", "kỳ họp")),
)
RULE = st.builds(DeadlineRule, TERM, st.none() | st.just(time(15)), st.just(()), st.booleans())


@given(RULE)
def test_json_round_trip(rule: DeadlineRule) -> None:
    """A rule is the same rule after storage."""
    assert DeadlineRule.from_json(rule.to_json()) == rule


@given(RULE, st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_every_rule_resolves_or_says_why_not(rule: DeadlineRule, issued_on: date) -> None:
    """No other outcome, and the words exist in both languages."""
    try:
        found = resolve(rule, issued_on, CALENDAR)
    except CalendarUnknown:
        return

    assert found.due_on or found.undecided or found.recurrence
    for sentences in (found.words, found.undecided or ()):
        assert render_words(sentences, "vi").count("{") == 0
        assert render_words(sentences, "en").count("{") == 0


@given(
    st.integers(1, 400),
    st.sampled_from([Unit.DAY, Unit.WEEK, Unit.MONTH, Unit.YEAR]),
    st.dates(ISSUED, date(2060, 1, 1)),
)
def test_more_time_is_never_earlier(amount: int, unit: Unit, issued_on: date) -> None:
    """One more unit moves the day forward."""
    sooner, later = due(after(amount, unit), issued_on), due(after(amount + 1, unit), issued_on)

    assert sooner is not None
    assert later is not None
    assert sooner < later


@given(
    st.sampled_from([Period.MONTH, Period.QUARTER, Period.HALF_YEAR, Period.YEAR]), st.integers(2000, 2100)
)
def test_periods_tile_the_year(period: Period, year: int) -> None:
    """No gap, no overlap."""
    count = {Period.MONTH: 12, Period.QUARTER: 4, Period.HALF_YEAR: 2, Period.YEAR: 1}[period]
    spans = [period_days(period, year, number) for number in range(1, count + 1)]

    assert spans[0][0] == date(year, 1, 1)
    assert spans[-1][1] == date(year, 12, 31)
    assert all((b[0] - a[1]).days == 1 for a, b in pairwise(spans))

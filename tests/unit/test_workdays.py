"""Working days: swapped days, counting both ways, unknown years, and the shipped calendar."""

from __future__ import annotations

from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.lunar import LunarDay, new_year, to_civil
from tracker.domain.workdays import (
    CalendarUnknown,
    DayMark,
    WorkCalendar,
    add_workdays,
    count_workdays,
    next_working,
    parse_calendar,
    previous_working,
    subtract_workdays,
)
from tracker.shipped import shipped_calendar

CALENDAR = shipped_calendar()
DAYS = st.dates(date(2018, 1, 1), date(2027, 12, 31))
INNER_DAYS = st.dates(date(2019, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2025, 11, 24), True),
        (date(2025, 11, 22), False),
        (date(2019, 5, 4), True),  # a Saturday worked for Monday 29 April
        (date(2019, 4, 29), False),
        (date(2026, 1, 2), False),  # announced seven days before
        (date(2026, 1, 10), True),
        (date(2026, 2, 17), False),  # Lunar New Year
        (date(2020, 9, 3), True),  # National Day was one day before 2021
        (date(2021, 9, 3), False),
        (date(2024, 2, 29), True),
    ],
)
def test_day_is_working_or_off(day: date, works: bool) -> None:
    """Weekends, holidays and swapped days."""
    assert CALENDAR.is_working(day) is works
    assert CALENDAR.is_off(day) is not works


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        (date(2026, 4, 30), 1, date(2026, 5, 4)),
        (date(2025, 4, 25), 1, date(2025, 4, 26)),  # the Saturday is worked
        (date(2025, 4, 29), 1, date(2025, 5, 5)),
        (date(2026, 2, 13), 1, date(2026, 2, 23)),  # over Tết
        (date(2025, 12, 31), 2, date(2026, 1, 6)),  # 1 and 2 January off
        (date(2017, 12, 31), 1, date(2018, 1, 2)),  # the start itself needs no calendar
    ],
)
def test_nth_working_day_after(start: date, days: int, expected: date) -> None:
    """The start is not counted, whatever day it is."""
    assert add_workdays(start, days, CALENDAR) == expected


def test_nth_working_day_before() -> None:
    """Ten working days before a deadline over Tết."""
    assert subtract_workdays(date(2026, 2, 25), 3, CALENDAR) == date(2026, 2, 13)
    assert subtract_workdays(date(2028, 1, 1), 1, CALENDAR) == date(2027, 12, 31)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: CALENDAR.is_working(date(2028, 1, 3)),
        lambda: add_workdays(date(2027, 12, 31), 1, CALENDAR),
        lambda: add_workdays(date(2027, 12, 1), 40, CALENDAR),
        lambda: count_workdays(date(2027, 12, 1), date(2028, 1, 3), CALENDAR),
        lambda: next_working(date(2028, 1, 1), CALENDAR),
    ],
)
def test_unknown_year_is_an_error_that_names_it(ask: object) -> None:
    """Never a guess."""
    with pytest.raises(CalendarUnknown) as refused:
        ask()  # type: ignore[operator]  # a lambda of the table

    assert refused.value.year == 2028
    assert refused.value.problems[0].code == "calendar_unknown"


def test_counting_before_the_first_year_is_an_error() -> None:
    """The other end."""
    with pytest.raises(CalendarUnknown) as refused:
        subtract_workdays(date(2018, 1, 2), 1, CALENDAR)

    assert refused.value.year == 2017


def test_counting_stops_at_a_missing_year_between_two_known_ones() -> None:
    """2024 and 2026 loaded, 2025 not."""
    marks = {date(year, 1, 1): DayMark("off", "New Year", "Art. 112") for year in (2024, 2026)}
    calendar = WorkCalendar(marks, frozenset({2024, 2026}))

    with pytest.raises(CalendarUnknown) as refused:
        add_workdays(date(2024, 12, 30), 2, calendar)

    assert refused.value.year == 2025


def test_less_than_one_day_cannot_be_counted() -> None:
    """ "Zero working days after a Sunday" has no answer."""
    with pytest.raises(ValueError, match="at least 1"):
        add_workdays(date(2025, 1, 2), 0, CALENDAR)
    with pytest.raises(ValueError, match="at least 1"):
        subtract_workdays(date(2025, 1, 2), 0, CALENDAR)


@given(INNER_DAYS, st.integers(1, 200))
def test_counting_undoes_adding(start: date, days: int) -> None:
    """From a day to the n-th working day after it there are n working days."""
    end = add_workdays(start, days, CALENDAR)

    assert CALENDAR.is_working(end)
    assert count_workdays(start, end, CALENDAR) == days
    assert count_workdays(end, start, CALENDAR) == -days


@given(INNER_DAYS, st.integers(1, 200))
def test_subtracting_undoes_adding(start: date, days: int) -> None:
    """Back from the n-th working day after a working day is that day."""
    working = next_working(start, CALENDAR)

    assert subtract_workdays(add_workdays(working, days, CALENDAR), days, CALENDAR) == working


@given(DAYS, DAYS, DAYS)
def test_counts_add_up(first: date, second: date, third: date) -> None:
    """Over any middle day."""
    whole = count_workdays(first, third, CALENDAR)

    assert count_workdays(first, second, CALENDAR) + count_workdays(second, third, CALENDAR) == whole


@given(INNER_DAYS)
def test_nearest_working_days_enclose(day: date) -> None:
    """A day lies between the last working day and the next, and is both when it is one."""
    before, after = previous_working(day, CALENDAR), next_working(day, CALENDAR)

    assert before <= day <= after
    assert (before == day == after) is CALENDAR.is_working(day)


def test_every_day_names_its_source() -> None:
    """An administrator can look each day up."""
    assert CALENDAR.years == frozenset(range(2018, 2028))
    for day, mark in CALENDAR.days.items():
        assert mark.name, day
        assert mark.source, day


def test_projections_are_marked() -> None:
    """24 November from 2026 and all of 2027 wait for their announcement."""
    projected = {day for day, mark in CALENDAR.days.items() if mark.projected}

    assert projected == {day for day in CALENDAR.days if day.year == 2027} | {date(2026, 11, 24)}


def test_differs_from_the_holidays_package_only_where_documented() -> None:
    """docs/calendar.md names the difference: the swap of 2 January 2026 was announced after that release."""
    package = holidays.country_holidays("VN", years=range(2018, 2028))
    differences = set()
    day = date(2018, 1, 1)
    while day.year < 2028:
        if package.is_working_day(day) is not CALENDAR.is_working(day):
            differences.add(day)
        day += timedelta(days=1)

    assert differences == {date(2026, 1, 2), date(2026, 1, 10)}


@pytest.mark.parametrize("year", range(2018, 2028))
def test_lunar_holidays_are_where_our_lunar_calendar_puts_them(year: int) -> None:
    """New Year's Day, its eve, and 10/3."""
    kings = to_civil(LunarDay(year, 3, 10))

    assert CALENDAR.is_off(new_year(year))
    assert CALENDAR.is_off(new_year(year) - timedelta(days=1))
    assert kings is not None
    assert CALENDAR.is_off(kings)
    assert CALENDAR.days[new_year(year)].name == "Tết Nguyên Đán"


def test_calendar_is_read_from_its_lines() -> None:
    """The columns of the shipped file."""
    lines = [
        "date,kind,name,source,projected",
        "2030-01-01,off,New Year,Art. 112,1",
        "2030-01-05,work,Swap,Dispatch 1,0",
    ]

    calendar = parse_calendar(lines)

    assert calendar.mark(date(2030, 1, 1)) == DayMark("off", "New Year", "Art. 112", True)
    assert calendar.is_working(date(2030, 1, 5))
    assert calendar.mark(date(2030, 1, 2)) is None
    assert calendar.is_off(date(2031, 1, 1)) is None

"""The Vietnamese lunar calendar against known dates and its own laws."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.lunar import (
    BRANCHES,
    STEMS,
    LunarDay,
    cycle_year,
    new_year,
    new_year_eve,
    to_civil,
    to_lunar,
)

NEW_YEARS = (
    "2018-02-16 2019-02-05 2020-01-25 2021-02-12 2022-02-01 2023-01-22 2024-02-10 2025-01-29 2026-02-17 2027-02-06 "
    "2028-01-26 2029-02-13 2030-02-02 2031-01-23 2032-02-11 2033-01-31 2034-02-19 2035-02-08 2036-01-28 2037-02-15 "
    "2038-02-04 2039-01-24 2040-02-12 2041-02-01 2042-01-22 2043-02-10 2044-01-30 2045-02-17 2046-02-06 2047-01-26 "
    "2048-02-14 2049-02-02 2050-01-23"
)


@pytest.mark.parametrize("known", NEW_YEARS.split())
def test_new_year(known: str) -> None:
    """Known dates; 2030 differs from the Chinese calendar by a day."""
    day = date.fromisoformat(known)

    assert new_year(day.year) == day
    assert to_lunar(day) == LunarDay(day.year, 1, 1)
    assert to_lunar(new_year_eve(day.year)).month == 12


@pytest.mark.parametrize(
    ("year", "month"), [(2017, 6), (2020, 4), (2023, 2), (2025, 6), (2028, 5), (2031, 3), (2033, 11)]
)
def test_leap_month(year: int, month: int) -> None:
    """The month that comes twice."""
    assert to_civil(LunarDay(year, month, 1, leap=True)) is not None
    assert to_civil(LunarDay(year, month % 12 + 1, 1, leap=True)) is None


def test_1985_is_a_month_before_the_chinese_calendar() -> None:
    """The official zone decides."""
    assert new_year(1985) == date(1985, 1, 21)


@given(st.dates(date(1950, 1, 1), date(2150, 12, 31)))
def test_there_and_back(day: date) -> None:
    """Every civil day is one lunar day, and the next one follows it."""
    lunar = to_lunar(day)

    assert to_civil(lunar) == day
    following = to_lunar(day + timedelta(days=1))
    assert following.day in (1, lunar.day + 1)


@given(st.integers(1950, 2150))
def test_new_year_lies_between_late_january_and_late_february(year: int) -> None:
    """The law of the calendar."""
    assert date(year, 1, 20) <= new_year(year) <= date(year, 2, 21)
    assert (new_year(year + 1) - new_year(year)).days in (353, 354, 355, 383, 384, 385)


def test_years_have_names() -> None:
    """Bính Ngọ is 2026; Giáp Sửu is none."""
    assert cycle_year(STEMS.index("bính"), BRANCHES.index("ngọ"), 2025) == 2026
    assert cycle_year(STEMS.index("ất"), BRANCHES.index("tỵ"), 2024) == 2025
    assert cycle_year(STEMS.index("giáp"), BRANCHES.index("sửu"), 2024) is None


def test_day_a_month_lacks_is_none() -> None:
    """A month of 29 days has no thirtieth."""
    lengths = {m: to_civil(LunarDay(2026, m, 30)) for m in range(1, 13)}

    assert None in lengths.values()
    assert to_civil(LunarDay(2026, 1, 31)) is None

"""The days on which a report goes: rhythm, days off and swapped days, what is owed and what is missed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracker
from tracker.domain.scheduled_reports import AGES, Owed, Rhythm, Timing, age_of, foresee, owed
from tracker.domain.workdays import CalendarUnknown, parse_calendar
from tracker.domain.zone import at_official

CALENDAR = parse_calendar(
    (Path(tracker.__file__).parent / "data/working_days.csv").read_text("utf-8").splitlines()
)
MONDAYS = Timing(Rhythm.WEEKLY, 1, time(7, 30))
FIRSTS = Timing(Rhythm.MONTHLY, 1, time(7, 30))
LASTS = Timing(Rhythm.MONTHLY, 31, time(16))
HOURS = (time(8), time(18))


def days(timing: Timing, first: date, count: int) -> list[date]:
    return list(islice(timing.days(first, CALENDAR), count))


def test_days_off_move_to_the_next_working_day_and_fall_together() -> None:
    # Tết 2026: off from Monday 16 to Friday 20 February; Saturday 14 and Sundays are off by themselves.
    assert days(MONDAYS, date(2026, 2, 9), 3) == [date(2026, 2, 9), date(2026, 2, 23), date(2026, 3, 2)]
    assert days(FIRSTS, date(2026, 1, 1), 3) == [date(2026, 1, 5), date(2026, 2, 2), date(2026, 3, 2)]
    # 1 May is a day off, and so is the weekend after it.
    assert days(FIRSTS, date(2026, 5, 1), 1) == [date(2026, 5, 4)]


def test_a_swapped_saturday_is_a_working_day() -> None:
    # Saturday 10 January 2026 was worked in the place of Friday 2 January.
    saturdays = Timing(Rhythm.WEEKLY, 6, time(8))

    assert days(saturdays, date(2026, 1, 6), 2) == [date(2026, 1, 10), date(2026, 1, 19)]
    assert days(Timing(Rhythm.WEEKLY, 5, time(8)), date(2025, 12, 29), 1) == [date(2026, 1, 5)]


def test_the_last_day_of_a_month() -> None:
    assert list(islice(LASTS.planned(date(2026, 2, 1)), 2)) == [date(2026, 2, 28), date(2026, 3, 31)]
    assert next(LASTS.planned(date(2028, 2, 1))) == date(2028, 2, 29)


@given(
    st.sampled_from(list(Rhythm)),
    st.integers(1, 31),
    st.dates(date(2025, 3, 1), date(2026, 6, 30)),
    st.integers(1, 6),
)
def test_every_day_is_a_working_day_and_none_comes_twice(
    rhythm: Rhythm, day: int, first: date, count: int
) -> None:
    timing = Timing(rhythm, min(day, 7) if rhythm is Rhythm.WEEKLY else day, time(9))

    found = days(timing, first, count)

    assert found == sorted(set(found))
    assert all(CALENDAR.is_working(one) and one >= first for one in found)
    assert len(found) == count


def test_what_is_foreseen_ends_where_the_calendar_does() -> None:
    last = max(CALENDAR.years)
    now = at_official(date(last, 12, 20), time(12))

    found = foresee(MONDAYS, now, CALENDAR)

    assert found.unknown_year == last + 1
    assert 0 < len(found.days) < 3
    at_seven_thirty = at_official(date(2025, 11, 24), time(7, 30))
    assert foresee(MONDAYS, at_seven_thirty, CALENDAR).days[0] == date(2025, 12, 1)
    assert foresee(MONDAYS, at_seven_thirty - timedelta(seconds=1), CALENDAR).days[0] == date(2025, 11, 24)


SINCE = datetime(2025, 11, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        ("2025-11-10", "07:29", None),
        ("2025-11-10", "07:30", Owed(date(2025, 11, 10))),
        ("2025-11-10", "18:00", None),
        ("2025-11-11", "07:45", None),
        ("2025-11-11", "08:00", Owed(date(2025, 11, 10))),
        ("2025-11-15", "09:00", None),
        ("2025-11-26", "09:00", Owed(date(2025, 11, 24), (date(2025, 11, 10), date(2025, 11, 17)))),
    ],
)
def test_what_is_owed(day: str, at: str, expected: Owed | None) -> None:
    now = at_official(date.fromisoformat(day), time.fromisoformat(at))

    found = owed(MONDAYS, SINCE, now, CALENDAR, HOURS)

    assert found == expected
    if found is not None:
        assert found.is_late(now) == (day != found.day.isoformat())


def test_nothing_is_owed_from_before_it_was_made() -> None:
    made = at_official(date(2025, 11, 10), time(7, 31))

    assert owed(MONDAYS, made, made + timedelta(hours=5), CALENDAR, HOURS) is None


def test_a_year_without_a_calendar_is_said_not_guessed() -> None:
    day = date(max(CALENDAR.years) + 1, 3, 1)
    with pytest.raises(CalendarUnknown):
        owed(MONDAYS, SINCE, at_official(day, time(9)), CALENDAR, HOURS)


@given(st.integers(0, 4000))
def test_every_age_has_one_group(days_late: int) -> None:
    least, most = AGES[age_of(days_late)]

    assert least <= days_late
    assert most is None or days_late <= most

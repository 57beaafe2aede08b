"""The Vietnamese lunar calendar: lunar days of the civil calendar, reckoned at UTC+7.

A lunar month begins on the civil day of the new moon; the month of the winter solstice is the eleventh;
a leap month is the first one without a principal solar term in a year of thirteen.
Positions of moon and sun follow the truncated series of Jean Meeus, "Astronomical Algorithms";
the method is that of Hồ Ngọc Đức's published account of the calendar.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from math import floor, radians, sin

MEAN_MONTH = 29.530588853
# Ordinal of a Julian day number: 1 January of year 1 is day 1721426.
_ORDINAL_OFFSET = 1721425
_ZONE_HOURS = 7
_NEW_MOON_EPOCH = 2415021.076998695
STEMS = ("giáp", "ất", "bính", "đinh", "mậu", "kỷ", "canh", "tân", "nhâm", "quý")
BRANCHES = ("tý", "sửu", "dần", "mão", "thìn", "tỵ", "ngọ", "mùi", "thân", "dậu", "tuất", "hợi")


@dataclass(frozen=True)
class LunarDay:
    """A day of the lunar calendar; `leap` marks the second month of the same number."""

    year: int
    month: int
    day: int
    leap: bool = False


def _new_moon(k: int) -> float:
    """Julian day (dynamical time, close enough to UT) of the k-th new moon after January 1900."""
    t = k / 1236.85
    mean = 2415020.75933 + 29.53058868 * k + 0.0001178 * t**2 - 0.000000155 * t**3
    mean += 0.00033 * sin(radians(166.56 + 132.87 * t - 0.009173 * t**2))
    sun = radians(359.2242 + 29.10535608 * k - 0.0000333 * t**2 - 0.00000347 * t**3)
    moon = radians(306.0253 + 385.81691806 * k + 0.0107306 * t**2 + 0.00001236 * t**3)
    node = radians(21.2964 + 390.67050646 * k - 0.0016528 * t**2 - 0.00000239 * t**3)
    correction = (
        (0.1734 - 0.000393 * t) * sin(sun)
        + 0.0021 * sin(2 * sun)
        - 0.4068 * sin(moon)
        + 0.0161 * sin(2 * moon)
        - 0.0004 * sin(3 * moon)
        + 0.0104 * sin(2 * node)
        - 0.0051 * sin(sun + moon)
        - 0.0074 * sin(sun - moon)
        + 0.0004 * sin(2 * node + sun)
        - 0.0004 * sin(2 * node - sun)
        - 0.0006 * sin(2 * node + moon)
        + 0.0010 * sin(2 * node - moon)
        + 0.0005 * sin(sun + 2 * moon)
    )
    delta = -0.000278 + 0.000265 * t + 0.000262 * t**2 if t >= -11 else 0.0
    return mean + correction - delta


@lru_cache(maxsize=4096)
def _new_moon_day(k: int) -> int:
    """Julian day number of the civil day, in the official zone, of the k-th new moon."""
    return floor(_new_moon(k) + 0.5 + _ZONE_HOURS / 24)


@lru_cache(maxsize=4096)
def _solar_sector(day_number: int) -> int:
    """The twelfth of the ecliptic, 0 to 11 from the spring equinox, with the sun as the civil day begins."""
    t = (day_number - 0.5 - _ZONE_HOURS / 24 - 2451545.0) / 36525
    anomaly = radians(357.52910 + 35999.05030 * t - 0.0001559 * t**2 - 0.00000048 * t**3)
    mean_longitude = 280.46645 + 36000.76983 * t + 0.0003032 * t**2
    centre = (
        (1.914600 - 0.004817 * t - 0.000014 * t**2) * sin(anomaly)
        + (0.019993 - 0.000101 * t) * sin(2 * anomaly)
        + 0.000290 * sin(3 * anomaly)
    )
    return floor((mean_longitude + centre) % 360 / 30)


def _day_number(day: date) -> int:
    return day.toordinal() + _ORDINAL_OFFSET


@lru_cache(maxsize=512)
def _eleventh_month(year: int) -> int:
    """The index of the new moon that opens the month of the winter solstice of the civil `year`."""
    last = _day_number(date(year, 12, 31))
    k = floor((last - _NEW_MOON_EPOCH) / MEAN_MONTH) + 1
    while _new_moon_day(k) > last:
        k -= 1
    return k if _solar_sector(_new_moon_day(k)) < 9 else k - 1


@lru_cache(maxsize=512)
def _months(year: int) -> tuple[tuple[int, int, bool], ...]:
    """The months of the lunar `year` and the New Year after it, each as (first day number, month, leap)."""
    months: list[tuple[int, int, bool]] = []
    for sui in (year, year + 1):
        first, last = _eleventh_month(sui - 1), _eleventh_month(sui)
        leap_at = _leap_index(first, last)
        number = 11
        for index, k in enumerate(range(first, last)):
            is_leap = index == leap_at
            if not is_leap and index:
                number = number % 12 + 1
            lunar_year = sui - 1 if number >= 11 and index <= 2 else sui
            if lunar_year == year:
                months.append((_new_moon_day(k), number, is_leap))
            elif lunar_year == year + 1 and number == 1 and not is_leap:
                months.append((_new_moon_day(k), 1, False))
                return tuple(months)
    raise AssertionError(f"no New Year after the lunar year {year}")


def _leap_index(first: int, last: int) -> int:
    """Which month of a solstice-to-solstice year is the leap one; -1 in a year of twelve."""
    if last - first < 13:
        return -1
    for index in range(1, last - first):
        k = first + index
        if _solar_sector(_new_moon_day(k)) == _solar_sector(_new_moon_day(k + 1)):
            return index
    raise AssertionError("a year of thirteen months has a month without a principal term")


def to_lunar(day: date) -> LunarDay:
    """The lunar day of a civil date.

    >>> to_lunar(date(2026, 2, 17))
    LunarDay(year=2026, month=1, day=1, leap=False)
    """
    number = _day_number(day)
    year = day.year if number >= _months(day.year)[0][0] else day.year - 1
    months = _months(year)
    first, month, leap = max(m for m in months if m[0] <= number)
    return LunarDay(year, month, number - first + 1, leap)


def to_civil(lunar: LunarDay) -> date | None:
    """The civil date of a lunar day; None when that year has no such month or that month no such day.

    >>> to_civil(LunarDay(2025, 3, 10))
    datetime.date(2025, 4, 7)
    """
    months = _months(lunar.year)
    for (first, month, leap), (following, _, _) in pairwise(months):
        if month == lunar.month and leap == lunar.leap:
            if not 1 <= lunar.day <= following - first:
                return None
            return date.fromordinal(first + lunar.day - 1 - _ORDINAL_OFFSET)
    return None


def new_year(year: int) -> date:
    """The civil date of the first day of the lunar `year` (mùng 1 Tết).

    >>> new_year(2019), new_year(2026)
    (datetime.date(2019, 2, 5), datetime.date(2026, 2, 17))
    """
    return date.fromordinal(_months(year)[0][0] - _ORDINAL_OFFSET)


def new_year_eve(year: int) -> date:
    """The last day of the old lunar year: the day before New Year's Day of `year`."""
    return new_year(year) - timedelta(days=1)


def cycle_year(stem: int, branch: int, near: int) -> int | None:
    """The first year from `near` on with this stem and branch of the sixty-year cycle; None for no such pair.

    >>> cycle_year(STEMS.index("bính"), BRANCHES.index("ngọ"), 2025)
    2026
    """
    for year in range(near, near + 60):
        if (year + 6) % 10 == stem and (year + 8) % 12 == branch:
            return year
    return None

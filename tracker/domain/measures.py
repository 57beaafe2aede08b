"""Measures over counts: a comparison that is fair to size, how long things take, and closings before a cut-off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum
from functools import lru_cache
from math import ceil

from tracker.domain.statistics import Buckets
from tracker.domain.tallies import Period, day_before
from tracker.domain.workdays import CalendarUnknown, WorkCalendar

# --- comparison ---

FEW = 10
"""A percentage of fewer than so many moves by leaps: it is shown, and said not to be compared."""
_Z = Decimal("1.96")
"""95 of 100 intervals of this width hold the rate that lies behind the figures."""


class Verdict(StrEnum):
    """How a body compares with all bodies together."""

    ABOVE = "above"
    BELOW = "below"
    ALIKE = "alike"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Interval:
    """The percentages between which a rate lies, given how few or many it was counted over."""

    low: Decimal
    high: Decimal


@lru_cache(maxsize=1024)
def interval(numerator: int, denominator: int) -> Interval:
    """The Wilson score interval at 95 %, in percent with one decimal: wide for few, narrow for many.

    >>> interval(9, 10), interval(900, 1000)
    (Interval(low=Decimal('59.6'), high=Decimal('98.2')), Interval(low=Decimal('88.0'), high=Decimal('91.7')))
    """
    if not 0 <= numerator <= denominator or denominator == 0:
        raise ValueError("an interval needs 0 <= numerator <= denominator, denominator > 0")
    with localcontext() as context:
        context.prec = 28
        n, p, square = Decimal(denominator), Decimal(numerator) / Decimal(denominator), _Z * _Z
        centre = p + square / (2 * n)
        spread = _Z * (p * (1 - p) / n + square / (4 * n * n)).sqrt()
        whole = 1 + square / n
        ends = [100 * (centre + sign * spread) / whole for sign in (-1, 1)]
    low, high = (min(max(e, Decimal(0)), Decimal(100)).quantize(Decimal("0.1"), ROUND_HALF_UP) for e in ends)
    return Interval(low, high)


def verdict(numerator: int, denominator: int, all_numerator: int, all_denominator: int) -> Verdict:
    """Whether a body differs from all together by more than its size explains.

    >>> verdict(9, 10, 700, 1000).value, verdict(900, 1000, 7000, 10000).value, verdict(3, 4, 7, 10).value
    ('alike', 'above', 'too_few')
    """
    if denominator < FEW or all_denominator == 0:
        return Verdict.TOO_FEW
    own = interval(numerator, denominator)
    whole = Decimal(100) * all_numerator / all_denominator
    if own.low > whole:
        return Verdict.ABOVE
    return Verdict.BELOW if own.high < whole else Verdict.ALIKE


# --- how long confirmation takes ---


@dataclass(frozen=True, slots=True)
class Waits:
    """How many working days passed; None of nothing. The 90th percentile is a value that occurred (nearest rank)."""

    count: int
    median: Decimal | None = None
    ninth_decile: int | None = None


def waits(days: Mapping[int, int]) -> Waits:
    """Median and 90th percentile of lengths, given how often each occurred.

    >>> waits({0: 2, 3: 1, 10: 1})
    Waits(count=4, median=Decimal('1.5'), ninth_decile=10)
    """
    total = sum(days.values())
    if not total:
        return Waits(0)

    def at(rank: int) -> int:
        seen = 0
        for length in sorted(days):
            seen += days[length]
            if seen >= rank:
                return length
        raise AssertionError(rank)  # pragma: no cover  # a rank is at most the total

    middle = Decimal(at((total + 1) // 2) + at(total // 2 + 1)) / 2
    return Waits(total, middle, at(ceil(total * 9 / 10)))


def working_days_between(first: date, last: date, calendar: WorkCalendar) -> int:
    """Working days after `first` up to and with `last`; 0 on the same day.

    In a year without a calendar every weekday counts: this is a measure, no deadline hangs on it.
    """
    count, day = 0, first
    while day < last:
        day += timedelta(days=1)
        try:
            count += calendar.is_working(day)
        except CalendarUnknown:
            count += day.weekday() < 5
    return count


# --- closings shortly before a cut-off ---

RUSH_DAYS = 7
RUSH_PERIODS = 6
"""The usual share is that of so many months before."""
RUSH_LEAST = 10
RUSH_TIMES = 2
RUSH_ENOUGH = 20
"""With fewer closings than these in all the months before, the usual share is that of evenly spread days."""


@dataclass(frozen=True, slots=True)
class Closings:
    """How many results were confirmed on a day, by where they would stand had they not been.

    `overdue` were late when they were reported, or would be by the cut-off; `late` were counted as done late.
    """

    day: date
    count: int
    overdue: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Rush:
    """What was confirmed in the last days before a cut-off, against the month up to it and the months before.

    `share` is `last` of `month`; `usual` is the same of the months before, both in percent with one decimal.
    `without` are the buckets as if what was confirmed in the last days were still open.
    """

    first_day: date
    last_day: date
    last: int
    month: int
    share: Decimal
    usual: Decimal
    is_mass: bool
    without: Buckets


def rush(closings: Iterable[Closings], cut_off: date, buckets: Buckets) -> Rush:
    """Whether closings crowd before a cut-off.

    The month runs up to the cut-off, to the same day of the month as the cut-off; the last days are `RUSH_DAYS`.
    They crowd when there are at least `RUSH_LEAST` of them and their share of the month is at least `RUSH_TIMES` the
    usual one. The usual share is that of the `RUSH_PERIODS` months before taken together, and never less than the last
    days would have of a month spread evenly.
    """
    found = tuple(closings)
    starts = [day_before(cut_off, Period.MONTH, back) for back in range(RUSH_PERIODS + 2)]

    def within(first: date, last: date) -> list[Closings]:
        return [one for one in found if first < one.day <= last]

    month = sum(one.count for one in within(starts[1], cut_off))
    window = within(cut_off - timedelta(days=RUSH_DAYS), cut_off)
    last = sum(one.count for one in window)
    earlier = sum(one.count for one in within(starts[-1], starts[1]))
    earlier_last = sum(
        one.count for end in starts[1:-1] for one in within(end - timedelta(days=RUSH_DAYS), end)
    )
    even = Decimal(100 * RUSH_DAYS) / (cut_off - starts[1]).days
    habit = Decimal(100 * earlier_last) / earlier if earlier >= RUSH_ENOUGH else even
    usual = max(even, habit).quantize(Decimal("0.1"), ROUND_HALF_UP)
    share = (Decimal(100 * last) / month if month else Decimal(0)).quantize(Decimal("0.1"), ROUND_HALF_UP)
    overdue, late = sum(one.overdue for one in window), sum(one.late for one in window)
    return Rush(
        first_day=cut_off - timedelta(days=RUSH_DAYS - 1),
        last_day=cut_off,
        last=last,
        month=month,
        share=share,
        usual=usual,
        is_mass=last >= RUSH_LEAST and share >= RUSH_TIMES * usual,
        without=_reopened(buckets, last, overdue, late),
    )


def _reopened(buckets: Buckets, count: int, overdue: int, late: int) -> Buckets:
    return Buckets(
        done_on_time=buckets.done_on_time - (count - late),
        done_late=buckets.done_late - late,
        open_in_term=buckets.open_in_term + count - overdue,
        open_overdue=buckets.open_overdue + overdue,
        standing=buckets.standing,
        withdrawn=buckets.withdrawn,
        transferred=buckets.transferred,
        superseded=buckets.superseded,
    )

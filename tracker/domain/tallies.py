"""What a row of an official table counts, under which heads, over which periods, and how two days compare.

One rule for a classified assignment says in which cells it counts; totals are sums of rows by that alone.
Source: docs/decisions/0012-official-rates.md and docs/statistics.md.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter

from tracker.domain.assignments import OFFICIAL_FOUR, Bucket, Fine, State, Status
from tracker.domain.statistics import Buckets, Rate

# --- how old what is overdue is ---


class Age(StrEnum):
    """How long an open task has been overdue; the hour of the day itself counts with the first group."""

    WEEK = "late_7"
    MONTH = "late_30"
    QUARTER = "late_90"
    MORE = "late_more"


def age_of(days_late: int) -> Age:
    """The group of so many days late: up to 7, 8 to 30, 31 to 90, more than 90.

    >>> [age_of(n).value for n in (0, 7, 8, 30, 31, 90, 91)]
    ['late_7', 'late_7', 'late_30', 'late_30', 'late_90', 'late_90', 'late_more']
    """
    if days_late <= 7:
        return Age.WEEK
    if days_late <= 30:
        return Age.MONTH
    return Age.QUARTER if days_late <= 90 else Age.MORE


# --- the cells ---


def _is_official(status: Status) -> bool:
    return status.bucket in OFFICIAL_FOUR


def _in(*buckets: Bucket) -> Callable[[Status], bool]:
    return lambda status: status.bucket in buckets


def _of_age(age: Age) -> Callable[[Status], bool]:
    return lambda status: status.bucket is Bucket.OPEN_OVERDUE and age_of(status.days_late) is age


def _closed_as(state: State) -> Callable[[Status], bool]:
    return lambda status: status.bucket is Bucket.OUTSIDE and status.state is state


COUNTS: Mapping[str, Callable[[Status], bool]] = {
    "total": _is_official,
    "done": _in(Bucket.DONE_ON_TIME, Bucket.DONE_LATE),
    "done_on_time": _in(Bucket.DONE_ON_TIME),
    "done_late": _in(Bucket.DONE_LATE),
    "open": _in(Bucket.OPEN_IN_TERM, Bucket.OPEN_OVERDUE),
    "open_in_term": _in(Bucket.OPEN_IN_TERM),
    "open_overdue": _in(Bucket.OPEN_OVERDUE),
    "fallen_due": _in(Bucket.DONE_ON_TIME, Bucket.DONE_LATE, Bucket.OPEN_OVERDUE),
    "standing": _in(Bucket.STANDING),
    "outside": _in(Bucket.OUTSIDE),
    "beside": _in(Bucket.STANDING, Bucket.OUTSIDE),
    "withdrawn": _closed_as(State.WITHDRAWN),
    "transferred": _closed_as(State.TRANSFERRED),
    "superseded": _closed_as(State.SUPERSEDED),
    "awaiting": lambda s: _is_official(s) and s.state is State.REPORTED,
    "extended": lambda s: _is_official(s) and s.extensions > 0,
    "extended_again": lambda s: _is_official(s) and s.extensions > 1,
    **{age.value: _of_age(age) for age in Age},
}
"""Which classified assignments each cell of a table counts: the figure and the list behind it are this one rule."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The figures of one row: the buckets, and of the official four those that wait, were extended, or are old."""

    buckets: Buckets = field(default_factory=Buckets)
    awaiting: int = 0
    extended: int = 0
    extended_again: int = 0
    late_7: int = 0
    late_30: int = 0
    late_90: int = 0
    late_more: int = 0

    @classmethod
    def count(cls, statuses: Iterable[Status]) -> Tally:
        """Count classified assignments; what was not yet assigned that day is nowhere."""
        known = [status for status in statuses if status.fine is not Fine.NOT_YET_ASSIGNED]
        more = {name: sum(map(COUNTS[name], known)) for name in _BESIDES_BUCKETS}
        return cls(Buckets.count(known), **more)

    def __add__(self, other: Tally) -> Tally:
        more = {name: getattr(self, name) + getattr(other, name) for name in _BESIDES_BUCKETS}
        return Tally(self.buckets + other.buckets, **more)

    @property
    def ageing(self) -> dict[Age, int]:
        """The overdue by how late they are; together they are all that is overdue."""
        return {age: getattr(self, age.value) for age in Age}

    def cells(self) -> dict[str, int]:
        """Every figure under its name."""
        own = self.buckets
        return {
            **own.cells(),
            "beside": own.beside,
            "outside": own.withdrawn + own.transferred + own.superseded,
            **{name: getattr(self, name) for name in _BESIDES_BUCKETS},
        }

    @property
    def is_sound(self) -> bool:
        """Whether the parts are no more than their wholes, and the ages add up to the overdue."""
        own = self.buckets
        return (
            self.late_7 + self.late_30 + self.late_90 + self.late_more == own.open_overdue
            and self.awaiting <= own.open
            and self.extended_again <= self.extended <= own.total
        )


_BESIDES_BUCKETS = tuple(f.name for f in fields(Tally) if f.name != "buckets")


_FIELDS_OF_BUCKETS = tuple(f.name for f in fields(Buckets))
_all_of = attrgetter(*(f"buckets.{name}" for name in _FIELDS_OF_BUCKETS), *_BESIDES_BUCKETS)


def tally_of(parts: Iterable[Tally]) -> Tally:
    """The sum of several rows; thousands of them at once."""
    sums = [sum(column) for column in zip(*map(_all_of, parts), strict=True)]
    if not sums:
        return Tally()
    place = len(_FIELDS_OF_BUCKETS)
    return Tally(Buckets(*sums[:place]), *sums[place:])


# --- heads: blocks of agencies and periods ---


class Block(StrEnum):
    """The blocks in which official tables put agencies."""

    MINISTRIES = "ministries"
    PROVINCES = "provinces"
    CORPORATIONS = "corporations"
    OTHERS = "others"


BLOCK_KINDS: Mapping[Block, tuple[str, ...]] = {
    Block.MINISTRIES: ("ministry", "ministerial", "government_agency"),
    Block.PROVINCES: ("province",),
    Block.CORPORATIONS: ("corporation",),
    Block.OTHERS: ("party", "court", "other"),
}
"""Which kinds of agencies make a block: ministries stand with what ranks as one and with government agencies."""

_BLOCK_OF = {kind: block for block, kinds in BLOCK_KINDS.items() for kind in kinds}


def block_of(kind: str) -> Block:
    """The block of an agency of that kind.

    >>> block_of("government_agency").value, block_of("party").value
    ('ministries', 'others')
    """
    return _BLOCK_OF.get(kind, Block.OTHERS)


NO_KEY = "-"
"""The key of what has none: a task of no field, an assignment without a date."""


def period_key(head: str, day: date | None) -> str:
    """The key of the month, quarter or year in which a day lies.

    >>> [period_key(head, date(2025, 11, 24)) for head in ("month", "quarter", "year")]
    ['2025-11', '2025-Q4', '2025']
    """
    if day is None:
        return NO_KEY
    match head:
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return f"{day.year:04}-Q{(day.month + 2) // 3}"
        case _:
            return f"{day.year:04}"


def period_of(head: str, key: str) -> tuple[date, date] | None:
    """The first and last day of the period with this key; None for what is no key of that head.

    >>> period_of("quarter", "2025-Q4")
    (datetime.date(2025, 10, 1), datetime.date(2025, 12, 31))
    >>> period_of("month", "2025-13") is None
    True
    """
    year, _, part = key.partition("-")
    number = part.removeprefix("Q")
    if not (len(year) == 4 and year.isascii() and year.isdigit() and year != "0000"):
        return None
    months = {"month": 1, "quarter": 3, "year": 12}[head]
    place = int(number) if number.isascii() and number.isdigit() else 1
    first_month = (place - 1) * months + 1
    if not 1 <= first_month <= 12 or place < 1:
        return None
    first = date(int(year), first_month, 1)
    last_month = first_month + months - 1
    last = date(int(year), last_month, monthrange(int(year), last_month)[1])
    return (first, last) if period_key(head, first) == key else None


# --- the period before, and the change ---


class Period(StrEnum):
    """How far back the day lies that figures are compared with."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


def day_before(day: date, period: Period, times: int = 1) -> date:
    """The same day so many periods earlier; the last day of a month stays the last day of a month.

    >>> day_before(date(2025, 3, 31), Period.MONTH), day_before(date(2025, 11, 30), Period.MONTH)
    (datetime.date(2025, 2, 28), datetime.date(2025, 10, 31))
    >>> day_before(date(2025, 11, 24), Period.WEEK)
    datetime.date(2025, 11, 17)
    """
    if period is Period.WEEK:
        return day - timedelta(weeks=times)
    year, month = divmod(day.year * 12 + day.month - 1 - _MONTHS[period] * times, 12)
    last = monthrange(year, month + 1)[1]
    is_last = day.day == monthrange(day.year, day.month)[1]
    return date(year, month + 1, last if is_last else min(day.day, last))


@dataclass(frozen=True, slots=True)
class Change:
    """By how many percentage points a rate moved, with both fractions it was reckoned from."""

    now: Rate
    before: Rate

    @property
    def points(self) -> Decimal | None:
        """The later percentage less the earlier one, each as it is printed; None where one is of nothing."""
        if self.now.value is None or self.before.value is None:
            return None
        return self.now.value - self.before.value

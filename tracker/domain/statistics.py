"""The official four buckets, the rates with their denominators and rounding, and checks of printed tables.

Published percentages use different denominators and roundings; every rate here names both.
All arithmetic is exact: integers in, decimals out. Source: docs/decisions/0012-official-rates.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum

from tracker.domain.assignments import Bucket, Fine, Status
from tracker.domain.errors import Invalid

# --- the buckets ---


@dataclass(frozen=True, slots=True)
class Buckets:
    """How many assignments stand where: the official four, and beside them what is outside the total."""

    done_on_time: int = 0
    done_late: int = 0
    open_in_term: int = 0
    open_overdue: int = 0
    standing: int = 0
    withdrawn: int = 0
    transferred: int = 0
    superseded: int = 0

    @classmethod
    def count(cls, statuses: Iterable[Status]) -> Buckets:
        """Count classified assignments; what was not yet assigned that day is nowhere."""
        counts: dict[str, int] = {}
        for status in statuses:
            if status.fine is Fine.NOT_YET_ASSIGNED:
                continue
            name = status.fine.value if status.bucket is Bucket.OUTSIDE else status.bucket.value
            counts[name] = counts.get(name, 0) + 1
        return cls(**counts)

    def __add__(self, other: Buckets) -> Buckets:
        return Buckets(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def done(self) -> int:
        """Finished, in time or late."""
        return self.done_on_time + self.done_late

    @property
    def open(self) -> int:
        """Unfinished, in term or overdue."""
        return self.open_in_term + self.open_overdue

    @property
    def total(self) -> int:
        """The official total: the four buckets."""
        return self.done + self.open

    @property
    def fallen_due(self) -> int:
        """What had to be finished by then, or was finished before: done and open overdue."""
        return self.done + self.open_overdue

    @property
    def beside(self) -> int:
        """Recorded but outside the total: standing, withdrawn, transferred, superseded."""
        return self.standing + self.withdrawn + self.transferred + self.superseded

    @property
    def recorded(self) -> int:
        """Everything that was assigned."""
        return self.total + self.beside

    def cells(self) -> dict[str, int]:
        """The figures of a table under their names."""
        return {
            "total": self.total,
            "done": self.done,
            "done_on_time": self.done_on_time,
            "done_late": self.done_late,
            "open": self.open,
            "open_in_term": self.open_in_term,
            "open_overdue": self.open_overdue,
            "fallen_due": self.fallen_due,
            "standing": self.standing,
            "withdrawn": self.withdrawn,
            "transferred": self.transferred,
            "superseded": self.superseded,
        }


def total_of(parts: Iterable[Buckets]) -> Buckets:
    """The sum of several tables."""
    return sum(parts, Buckets())


# --- rates ---


class Rounding(StrEnum):
    """How a percentage is cut to its decimals; REMAINDER is 100 less the other parts as they are printed."""

    HALF_UP = "half_up"
    TRUNCATED = "truncated"
    REMAINDER = "remainder"


class Denominator(StrEnum):
    """Of what a percentage is taken."""

    FALLEN_DUE = "fallen_due"
    TOTAL = "total"
    UNFINISHED = "unfinished"
    SUBMITTED = "submitted"


@dataclass(frozen=True, slots=True)
class Rate:
    """A percentage that says what of what, and how it was rounded.

    `others` are the printed percentages of the other parts, for REMAINDER only.

    >>> str(Rate("done", 16051, "fallen_due", 16274, Rounding.TRUNCATED, 2).value)
    '98.62'
    >>> str(Rate("open_overdue", 223, "fallen_due", 16274, Rounding.REMAINDER, 2, (Decimal("98.62"),)).value)
    '1.38'
    """

    numerator_name: str
    numerator: int
    denominator_name: str
    denominator: int
    rounding: Rounding = Rounding.HALF_UP
    decimals: int = 2
    others: tuple[Decimal, ...] = ()

    @property
    def value(self) -> Decimal | None:
        """The percentage with exactly `decimals` decimals; None of nothing."""
        if self.denominator == 0:
            return None
        if self.rounding is Rounding.REMAINDER:
            return (Decimal(100) - sum(self.others, Decimal(0))).quantize(Decimal(1).scaleb(-self.decimals))
        return percentage(self.numerator, self.denominator, self.rounding, self.decimals)


def percentage(numerator: int, denominator: int, rounding: Rounding, decimals: int) -> Decimal:
    """`numerator` of `denominator` in percent; HALF_UP or TRUNCATED, for non-negative integers.

    >>> percentage(11, 89, Rounding.HALF_UP, 1), percentage(11, 89, Rounding.TRUNCATED, 1)
    (Decimal('12.4'), Decimal('12.3'))
    """
    if numerator < 0 or denominator <= 0 or decimals < 0 or rounding is Rounding.REMAINDER:
        raise ValueError("a percentage needs numerator >= 0, denominator > 0, decimals >= 0, a rounding")
    scaled = numerator * 100 * 10**decimals
    half = denominator if rounding is Rounding.HALF_UP else 0
    return Decimal((2 * scaled + half) // (2 * denominator)).scaleb(-decimals)


def official_rate(
    buckets: Buckets,
    numerator: str = "done",
    denominator: Denominator = Denominator.FALLEN_DUE,
    rounding: Rounding = Rounding.HALF_UP,
    decimals: int = 2,
) -> Rate:
    """The rate of a named bucket; by default what is done of what has fallen due, half-up, two decimals.

    >>> str(official_rate(Buckets(done_on_time=14068, done_late=1983, open_overdue=223)).value)
    '98.63'
    """
    of = {
        Denominator.FALLEN_DUE: buckets.fallen_due,
        Denominator.TOTAL: buckets.total,
        Denominator.UNFINISHED: buckets.open,
    }
    if denominator not in of:
        raise ValueError(f"buckets do not know what was {denominator}")
    return Rate(numerator, buckets.cells()[numerator], denominator.value, of[denominator], rounding, decimals)


# --- printed tables ---

_SAME: dict[str, str] = {"open_in_time": "open_in_term", "in_time": "open_in_term", "overdue": "open_overdue"}

# The sums a table must keep: the parts, and what they must add up to.
_SUMS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("done_on_time", "done_late"), "done"),
    (("open_in_term", "open_overdue"), "open"),
    (("done", "open"), "total"),
    (("done", "open_in_term", "open_overdue"), "total"),
    (("done_on_time", "done_late", "open_in_term", "open_overdue"), "total"),
    (("done_of_due", "open_overdue"), "due"),
    (("submitted", "not_submitted"), "total"),
    (("open_in_term", "open_overdue"), "not_submitted"),
    (("submitted", "open_in_term", "open_overdue"), "total"),
    (("done_on_time", "in_progress"), "total"),
    (("of_which_regular", "of_which_not_due"), "in_progress"),
)

Cells = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Identity:
    """A sum that a table must keep, with its figures as printed."""

    parts: tuple[str, ...]
    whole: str
    figures: tuple[int, ...]
    printed: int

    @property
    def sum(self) -> int:
        """What the parts add up to."""
        return sum(self.figures)

    @property
    def holds(self) -> bool:
        """Whether the printed whole is that sum."""
        return self.sum == self.printed

    @property
    def text(self) -> str:
        """The sum in figures: "1310+429=1739", or "5361+1111=6472≠6932"."""
        left = "+".join(map(str, self.figures))
        return f"{left}={self.sum}" if self.holds else f"{left}={self.sum}≠{self.printed}"


def _canonical(cells: Mapping[str, object]) -> dict[str, int]:
    """The whole-number cells under their canonical names."""
    return {_SAME.get(k, k): v for k, v in cells.items() if isinstance(v, int) and not isinstance(v, bool)}


def identities(cells: Mapping[str, object]) -> list[Identity]:
    """Every sum the named cells of a table must keep, held or broken; the coarser of two that say the same.

    >>> [(i.text, i.holds) for i in identities({"total": 15533, "done": 13119, "open": 2414})]
    [('13119+2414=15533', True)]
    """
    known = _canonical(cells)
    found: list[Identity] = []
    for parts, whole in _SUMS:
        if whole not in known or any(p not in known for p in parts):
            continue
        if any(i.whole == whole and len(i.parts) < len(parts) for i in found):
            continue
        found.append(Identity(parts, whole, tuple(known[p] for p in parts), known[whole]))
    return found


def check_sum(parts: Mapping[str, int], printed: int, whole: str = "total") -> Identity:
    """One sum of any table: a column down its rows, a row across its groups."""
    return Identity(tuple(parts), whole, tuple(parts.values()), printed)


@dataclass(frozen=True, slots=True)
class TableFault:
    """A line of an imported table that does not add up, by the row's name and the columns' positions."""

    row: str
    columns: tuple[int, ...]
    identity: Identity


def check_table(
    rows: Mapping[str, Sequence[int]],
    printed_total: Sequence[int],
    across: Sequence[tuple[Sequence[int], int]] = (),
    total_name: str = "total",
) -> list[TableFault]:
    """The lines that do not add up: columns down to the total row, and `across` sums in every row.

    `across` lists (positions of the parts, position of their sum).
    A wrong row carried into the total shows as that row and as the total's own sum across.
    """
    faults: list[TableFault] = []
    for column, printed in enumerate(printed_total):
        down = check_sum({name: row[column] for name, row in rows.items()}, printed)
        if not down.holds:
            faults.append(TableFault(total_name, (column,), down))
    for name, row in (*rows.items(), (total_name, printed_total)):
        for parts, whole in across:
            line = check_sum({str(p): row[p] for p in parts}, row[whole], str(whole))
            if not line.holds:
                faults.append(TableFault(name, (*parts, whole), line))
    return faults


# --- explaining a printed percentage ---

_FIGURE = re.compile(r"^\s*(\d{1,3}(?:[.,]\d+)?)\s*%?\s*$")

# What adds up to a denominator, so that one part can have been printed as the remainder of the others.
_PARTITIONS: dict[Denominator, tuple[tuple[str, ...], ...]] = {
    Denominator.FALLEN_DUE: (("done", "open_overdue"), ("done_of_due", "open_overdue")),
    Denominator.TOTAL: (
        ("done", "open"),
        ("done", "open_in_term", "open_overdue"),
        ("submitted", "not_submitted"),
        ("submitted", "open_in_term", "open_overdue"),
    ),
    Denominator.UNFINISHED: (("open_in_term", "open_overdue"),),
    Denominator.SUBMITTED: (),
}


class PercentageUnexplained(Invalid):
    """No denominator and rounding gives the printed figure; params: printed."""

    code = "percentage_unexplained"


def parse_percentage(printed: str) -> Decimal | None:
    """A printed percentage as a number with its decimals; None for words ("gần 50%").

    >>> parse_percentage("83,70%")
    Decimal('83.70')
    """
    match = _FIGURE.match(printed)
    return Decimal(match.group(1).replace(",", ".")) if match else None


def explain_percentage(
    cells: Mapping[str, object],
    printed: Decimal | str,
    beside: Sequence[Decimal | str] = (),
    numerator: str | None = None,
    *,
    as_shown: bool = False,
) -> Rate | None:
    """The numerator, denominator and rounding that give `printed`, or None when no convention does.

    Only cells of the table are numerators, and only the four named denominators are tried: half-up first,
    then truncated, then the remainder of the other parts.
    `beside` are the percentages printed in the same table; `numerator` limits the search to one cell, `as_shown`
    remainders to those of percentages that are printed beside.
    """
    figure = parse_percentage(printed) if isinstance(printed, str) else printed
    if figure is None:
        return None
    known = _canonical(cells)
    wanted = None if numerator is None else _SAME.get(numerator, numerator)
    shown = [d for d in (parse_percentage(b) if isinstance(b, str) else b for b in beside) if d is not None]
    decimals = max(0, -int(figure.as_tuple().exponent))
    for rate in _conventions(known, decimals, shown):
        if wanted is not None and rate.numerator_name != wanted:
            continue
        if as_shown and not all(other in shown for other in rate.others):
            continue
        if rate.value == figure:
            return rate
    return None


def require_explained(cells: Mapping[str, object], printed: Decimal | str) -> Rate:
    """As explain_percentage. Raises PercentageUnexplained when no convention gives the figure."""
    rate = explain_percentage(cells, printed)
    if rate is None:
        raise PercentageUnexplained(printed=str(printed))
    return rate


def _denominators(known: Cells) -> dict[Denominator, int]:
    """The four denominators as far as the cells give them: printed if there, else added up."""
    found: dict[Denominator, int | None] = {
        Denominator.FALLEN_DUE: _first(known, ("fallen_due",), ("due",), ("done", "open_overdue")),
        Denominator.TOTAL: _first(known, ("total",), ("done", "open")),
        Denominator.UNFINISHED: _first(known, ("open",), ("open_in_term", "open_overdue")),
        Denominator.SUBMITTED: _first(known, ("submitted",)),
    }
    return {name: value for name, value in found.items() if value}


def _first(known: Cells, *choices: tuple[str, ...]) -> int | None:
    for choice in choices:
        if all(name in known for name in choice):
            return sum(known[name] for name in choice)
    return None


def _conventions(known: Cells, decimals: int, shown: Sequence[Decimal]) -> Iterator[Rate]:
    denominators = _denominators(known)
    for rounding in (Rounding.HALF_UP, Rounding.TRUNCATED):
        for name, denominator in denominators.items():
            for numerator, value in known.items():
                if value <= denominator:
                    yield Rate(numerator, value, name.value, denominator, rounding, decimals)
    for name, denominator in denominators.items():
        for partition in _PARTITIONS[name]:
            if any(part not in known for part in partition):
                continue
            if sum(known[part] for part in partition) == denominator:
                yield from _remainders(known, partition, name, denominator, decimals, shown)


def _remainders(
    known: Cells,
    partition: tuple[str, ...],
    name: Denominator,
    denominator: int,
    decimals: int,
    shown: Sequence[Decimal],
) -> Iterator[Rate]:
    """Each part of a partition as 100 less the others, printed as `shown` or cut alike."""
    for part in partition:
        others = [known[p] for p in partition if p != part]
        cut_alike = [
            tuple(percentage(o, denominator, rounding, decimals) for o in others)
            for rounding in (Rounding.TRUNCATED, Rounding.HALF_UP)
        ]
        as_shown = tuple(s for s in shown if any(_is_cut_of(s, o, denominator) for o in others))
        if len(as_shown) == len(others):
            cut_alike.insert(0, as_shown)
        for printed in cut_alike:
            if any(-int(p.as_tuple().exponent) > decimals for p in printed):
                continue  # the remainder would have more decimals than the figure
            yield Rate(part, known[part], name.value, denominator, Rounding.REMAINDER, decimals, printed)


def _is_cut_of(printed: Decimal, numerator: int, denominator: int) -> bool:
    decimals = max(0, -int(printed.as_tuple().exponent))
    return printed in {
        percentage(numerator, denominator, rounding, decimals)
        for rounding in (Rounding.HALF_UP, Rounding.TRUNCATED)
    }

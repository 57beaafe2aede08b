"""Checking a table that somebody printed: cells against totals, and what each printed percentage is a percentage of.

Nothing is corrected: a line that does not add up is named with its figures as printed.
Which sums a table of many columns must keep is found in the table itself: what holds in most of its rows is meant
to hold in all. Source: docs/decisions/0012-official-rates.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tracker.domain.statistics import (
    Identity,
    Rate,
    Rounding,
    check_sum,
    explain_percentage,
    identities,
    parse_percentage,
    percentage,
)

_FEWEST_ROWS = 3
"""A sum across is only read out of a table when at least so many rows keep it."""
_REMAINDER = "100"


@dataclass(frozen=True, slots=True)
class PrintedPercentage:
    """A percentage as printed ("98,62%"), with its two figures where the table tells them.

    `cells` are the figures of its own line in a grid, None where those of the whole table are meant;
    `numerator_name` is the cell that its heading names.
    """

    label: str
    printed: str
    numerator: int | None = None
    denominator: int | None = None
    cells: Mapping[str, object] | None = None
    numerator_name: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of figures under columns, and the printed line of totals where there is one.

    Every row has as many figures as there are columns; None stands for an empty cell.
    `groups` maps the position of a row that sums up others to the positions of those.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int | None, ...]], ...]
    total: tuple[int | None, ...] | None = None
    total_name: str = "total"
    groups: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """One table: single cells under their names, a grid, or both.

    A cell may hold a list or a mapping of figures: the parts of another cell.
    """

    id: str
    cells: Mapping[str, object]
    grid: Grid | None = None
    percentages: tuple[PrintedPercentage, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedIdentity:
    """A sum the table must keep; `line` is the row or column it stands in, "" for single cells."""

    line: str
    sum: Identity

    @property
    def text(self) -> str:
        """The sum in figures, after its line."""
        return f"{self.line}: {self.sum.text}" if self.line else self.sum.text

    @property
    def holds(self) -> bool:
        """Whether the printed figures add up."""
        return self.sum.holds


@dataclass(frozen=True, slots=True)
class CheckedPercentage:
    """A printed percentage and the one convention that gives it; None when none does."""

    label: str
    printed: str
    explained_by: Rate | None


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """What was found in one table."""

    id: str
    identities: tuple[CheckedIdentity, ...]
    percentages: tuple[CheckedPercentage, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every sum holds and every percentage is explained."""
        return all(i.holds for i in self.identities) and all(p.explained_by for p in self.percentages)


def check_printed_table(table: PrintedTable) -> CheckedTable:
    """Every sum the table must keep, and the explanation of every percentage it prints."""
    found = [CheckedIdentity("", identity) for identity in identities(table.cells)]
    found += _parts_of_cells(table.cells)
    if table.grid is not None:
        found += _sums_of_grid(table.grid)
    return CheckedTable(table.id, tuple(found), tuple(_explained(table)))


def _parts_of_cells(cells: Mapping[str, object]) -> Iterator[CheckedIdentity]:
    """Cells that hold several figures, against the one cell that they add up to, or are left to add up to."""
    single = {k: v for k, v in cells.items() if _is_figure(v)}
    several = {k: parts for k, v in cells.items() if len(parts := _figures_of(v)) > 1}
    left = dict(single)
    unmatched: list[tuple[str, tuple[int, ...]]] = []
    for name, parts in several.items():
        whole = next((k for k, v in left.items() if v == sum(parts)), None)
        if whole is None:
            unmatched.append((name, parts))
        else:
            yield CheckedIdentity(name, Identity((name,), whole, parts, sum(parts)))
            del left[whole]
    if len(unmatched) == len(left) == 1:
        ((name, parts),) = unmatched
        ((whole, printed),) = left.items()
        assert isinstance(printed, int)
        yield CheckedIdentity(name, Identity((name,), whole, parts, printed))


def _is_figure(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _figures_of(value: object) -> tuple[int, ...]:
    """The figures of a cell that holds several, as a list or under names; none for anything else."""
    inner: object = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(inner, list | tuple) or not all(_is_figure(figure) for figure in inner):
        return ()
    return tuple(inner)


# --- grids ---


def _sums_of_grid(grid: Grid) -> list[CheckedIdentity]:
    """Columns down to the line of totals; then, in every line, the sums across."""
    found = list(_sums_down(grid))
    lines = [*grid.rows, *([(grid.total_name, grid.total)] if grid.total is not None else [])]
    named = _named_columns(grid)
    across = [] if named else sums_across(grid)
    for name, row in lines:
        if named:
            cells = {column: row[at] for column, at in named.items() if row[at] is not None}
            found += [CheckedIdentity(name, identity) for identity in identities(cells)]
        for parts, whole in across:
            printed = row[whole]
            if printed is not None:
                summed = {str(part): row[part] or 0 for part in parts}
                found.append(CheckedIdentity(name, check_sum(summed, printed, str(whole))))
    return found


def _sums_down(grid: Grid) -> Iterator[CheckedIdentity]:
    """Each group's line against its rows, and the line of totals against the groups and the rows in none."""
    inside = {position for members in grid.groups.values() for position in members}
    outside = [position for position in range(len(grid.rows)) if position not in inside]
    sums = [(*grid.rows[head], members) for head, members in grid.groups.items()]
    if grid.total is not None:
        sums.append((grid.total_name, grid.total, tuple(outside)))
    for name, printed, members in sums:
        for column, whole in enumerate(printed):
            if whole is not None and members:
                parts = {str(position): grid.rows[position][1][column] or 0 for position in members}
                line = _column_name(grid, column)
                if name != grid.total_name:
                    line = f"{name}, {line}"
                yield CheckedIdentity(line, check_sum(parts, whole))


def _column_name(grid: Grid, column: int) -> str:
    """A column's name, with its number where another has the same."""
    name = grid.columns[column]
    return name if grid.columns.count(name) == 1 and name else f"{name} ({column + 1})".strip()


def _named_columns(grid: Grid) -> dict[str, int]:
    """The columns whose names are those of the official buckets, where a sum over them is known; else none."""
    named = {name: at for at, name in enumerate(grid.columns)}
    return named if identities(dict.fromkeys(named, 0)) else {}


def sums_across(grid: Grid) -> list[tuple[tuple[int, ...], int]]:
    """Which columns add up to which, read from what most rows keep: (positions of the parts, position of the sum).

    Tried are neighbours before a column, and columns at equal distances (blocks under repeated headings).
    """
    found: list[tuple[tuple[int, ...], int]] = []
    taken: set[int] = set()
    for whole in range(len(grid.columns) - 1, 1, -1):
        if whole in taken:
            continue
        best = max(
            ((parts, _kept(grid, parts, whole)) for parts in _candidates(whole)),
            key=lambda tried: (tried[1], -len(tried[0])),
            default=((), 0),
        )
        parts, kept = best
        telling = sum(1 for _, row in grid.rows if row[whole])
        if kept >= _FEWEST_ROWS and 3 * kept >= 2 * telling:
            found.append((parts, whole))
            taken.add(whole)
    return sorted(found, key=lambda pair: pair[1])


def _candidates(whole: int) -> Iterator[tuple[int, ...]]:
    for first in range(whole - 1):
        yield tuple(range(first, whole))
    for apart in range(2, whole // 2 + 1):
        parts = tuple(range(whole - apart, -1, -apart))
        for many in range(2, len(parts) + 1):
            yield tuple(reversed(parts[:many]))


def _kept(grid: Grid, parts: Sequence[int], whole: int) -> int:
    """In how many rows the sum holds; none where no row adds two figures, which alone shows a sum."""
    kept = [
        sum(1 for part in parts if row[part])
        for _, row in grid.rows
        if row[whole] and sum(row[part] or 0 for part in parts) == row[whole]
    ]
    return len(kept) if any(figures > 1 for figures in kept) else 0


# --- percentages ---


def _explained(table: PrintedTable) -> Iterator[CheckedPercentage]:
    for position, given in enumerate(table.percentages):
        beside = [
            other
            for at, other in enumerate(table.percentages)
            if at != position and other.cells is given.cells
        ]
        cells = _completed(table.cells if given.cells is None else given.cells)
        yield CheckedPercentage(given.label, given.printed, _explain(cells, given, beside))


def _completed(cells: Mapping[str, object]) -> dict[str, object]:
    """The cells with the sums that a table leaves to its reader: what is done, what is open."""
    completed = dict(cells)
    for whole, parts in (("done", ("done_on_time", "done_late")), ("open", ("open_in_term", "open_overdue"))):
        figures = [figure for part in parts if isinstance(figure := cells.get(part), int)]
        if whole not in cells and len(figures) == len(parts):
            completed[whole] = sum(figures)
    return completed


def _explain(
    cells: Mapping[str, object], given: PrintedPercentage, beside: Sequence[PrintedPercentage]
) -> Rate | None:
    """The figures told beside the percentage first, then the cell its heading names, then any of the table."""
    figure = parse_percentage(given.printed)
    if figure is None:
        return None
    shown = [other.printed for other in beside]
    if given.numerator is None:
        named = (
            explain_percentage(cells, figure, shown, given.numerator_name) if given.numerator_name else None
        )
        return named or explain_percentage(cells, figure, shown)
    if given.denominator is None:
        return _of_numerator(cells, given.numerator, figure, shown)
    rate = _of_figures(cells, given.numerator, given.denominator, figure)
    if rate is not None:
        return rate
    remainder = _of_numerator(cells, given.numerator, figure, shown)
    if remainder is not None and remainder.denominator == given.denominator:
        return remainder
    return _remainder_of_figures(given, beside, figure)


def _names_of(cells: Mapping[str, object], figure: int) -> list[str]:
    return [name for name, value in cells.items() if value == figure and _is_figure(value)]


def _of_numerator(
    cells: Mapping[str, object], numerator: int, figure: Decimal, shown: Sequence[str]
) -> Rate | None:
    for name in _names_of(cells, numerator):
        rate = explain_percentage(cells, figure, shown, name)
        if rate is not None:
            return rate
    return None


def _of_figures(
    cells: Mapping[str, object], numerator: int, denominator: int, figure: Decimal
) -> Rate | None:
    """The rounding that makes `figure` of these two figures."""
    if denominator <= 0 or numerator < 0:
        return None
    decimals = max(0, -int(figure.as_tuple().exponent))
    top = next(iter(_names_of(cells, numerator)), "")
    bottom = next(iter(_names_of(cells, denominator)), "")
    for rounding in (Rounding.HALF_UP, Rounding.TRUNCATED):
        if percentage(numerator, denominator, rounding, decimals) == figure:
            named = explain_percentage(cells, figure, (), top) if top else None
            if named is not None and named.denominator == denominator:
                return named
            return Rate(top, numerator, bottom, denominator, rounding, decimals)
    return None


def _remainder_of_figures(
    given: PrintedPercentage, beside: Sequence[PrintedPercentage], figure: Decimal
) -> Rate | None:
    """The figure as 100 less the others, where the table tells of all parts of one whole and they are all there."""
    assert given.numerator is not None
    assert given.denominator is not None
    others = [o for o in beside if o.denominator == given.denominator and o.numerator is not None]
    if sum(o.numerator or 0 for o in others) + given.numerator != given.denominator:
        return None
    printed = [p for o in others if (p := parse_percentage(o.printed)) is not None]
    if len(printed) != len(others) or Decimal(_REMAINDER) - sum(printed, Decimal(0)) != figure:
        return None
    decimals = max(0, -int(figure.as_tuple().exponent))
    return Rate("", given.numerator, "", given.denominator, Rounding.REMAINDER, decimals, tuple(printed))

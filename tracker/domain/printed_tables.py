"""Checking a table that somebody printed: cells against totals, and what each printed percentage is a percentage of.

Nothing is corrected: a line that does not add up is named with its figures as printed.
Which sums a table of many columns must keep is found in the table itself: what holds in most of its rows is meant
to hold in all. Source: docs/decisions/0012-official-rates.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tracker.domain.search import word_key
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
_MOST_ROWS = 150
_MOST_PARTS = 24
_FEW_COLUMNS = 4
_FEW_ROWS = 5
_REMAINDER = "100"
_WHOLES = {
    "total": "total", "due": "fallen_due", "fallen_due": "fallen_due", "open": "unfinished",
    "submitted": "submitted",
}  # fmt: skip
_RATE_WORDS = frozenset(
    {"ty", "ti", "le", "phan", "tram", "rate", "share", "percent", "percentage", "of", "so", "voi", "tren"}
)


@dataclass(frozen=True, slots=True)
class PrintedPercentage:
    """A percentage as printed ("98,62%"), with its two figures where the table tells them.

    `cells` are the figures of its own line in a grid, None where those of the whole table are meant;
    `numerator_name` and `denominator_name` are the cells that its words name, `words` its heading as printed.
    `column` is where it stands in a grid; `wholes` are the lines that its own is part of, the nearest first, and
    `is_share` says that its heading speaks of the parts of a whole.
    """

    label: str
    printed: str
    numerator: int | None = None
    denominator: int | None = None
    cells: Mapping[str, object] | None = None
    numerator_name: str = ""
    denominator_name: str = ""
    words: str = ""
    column: int | None = None
    wholes: tuple[Mapping[str, object], ...] = ()
    is_share: bool = False


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
    across = [] if table.grid is None else sums_across(table.grid)
    if table.grid is not None:
        found += _sums_of_grid(table.grid, across)
    return CheckedTable(table.id, tuple(found), tuple(_explained(table, across)))


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


_Across = tuple[tuple[int, ...], int]
"""The positions of the parts, and that of their sum."""


def _sums_of_grid(grid: Grid, tried: Sequence[_Across]) -> list[CheckedIdentity]:
    """Columns down to the line of totals; then, in every line, the sums across."""
    found = list(_sums_down(grid))
    lines = [*grid.rows, *([(grid.total_name, grid.total)] if grid.total is not None else [])]
    named = _named_columns(grid)
    official = [_official_sums(row, named) for _, row in lines]
    unmeant = _unmeant(official)
    covered = {named[whole] for sums in official for _, whole in _keys(sums) if (_, whole) not in unmeant}
    across = [(parts, whole) for parts, whole in tried if whole not in covered]
    for (name, row), sums in zip(lines, official, strict=True):
        found += [CheckedIdentity(name, one) for one in sums if (one.parts, one.whole) not in unmeant]
        for parts, whole in across:
            printed = row[whole]
            if printed is not None and any(row[part] is not None for part in parts):
                summed = {str(part): row[part] or 0 for part in parts}
                found.append(CheckedIdentity(name, check_sum(summed, printed, str(whole))))
    return found


_Key = tuple[tuple[str, ...], str]


def _official_sums(row: Sequence[int | None], named: Mapping[str, int]) -> list[Identity]:
    """The official sums of a line; an empty cell is nothing, but a sum of empty cells alone is not asked."""
    cells = {column: row[at] or 0 for column, at in named.items()}
    empty = {column for column, at in named.items() if row[at] is None}
    return [one for one in identities(cells) if one.whole not in empty and not empty.issuperset(one.parts)]


def _keys(sums: Sequence[Identity]) -> Iterator[_Key]:
    yield from ((one.parts, one.whole) for one in sums)


def _unmeant(lines: Sequence[Sequence[Identity]]) -> set[_Key]:
    """Official sums that hardly any of several lines keeps: the headings mean something else here."""
    asked: dict[_Key, list[bool]] = {}
    for sums in lines:
        for one in sums:
            asked.setdefault((one.parts, one.whole), []).append(one.holds)
    return {key for key, held in asked.items() if len(held) > _FEWEST_ROWS and 3 * sum(held) < len(held)}


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

    Tried are neighbours before and after a column, and columns at equal distances (blocks under repeated headings);
    then the same among the columns that are left when parts are counted by their sums.
    """
    rows = _telling_rows(grid)
    found: list[tuple[tuple[int, ...], int]] = []
    left = list(range(len(grid.columns)))
    while True:
        new = _sums_among(rows, left, {whole for _, whole in found})
        if not new:
            return sorted(found, key=lambda pair: pair[1])
        found += new
        inside = {part for parts, _ in new for part in parts}
        left = [column for column in left if column not in inside]


def _telling_rows(grid: Grid) -> list[tuple[int | None, ...]]:
    """The rows from which sums are read: of a long table some, spread evenly; the line of totals is one."""
    rows = [row for _, row in grid.rows]
    step = max(1, len(rows) // _MOST_ROWS)
    # A line of totals tells little that its rows do not, unless they are few.
    ends = [grid.total] if grid.total is not None and len(rows) <= _FEW_ROWS else []
    return [*rows[::step], *ends]


def _sums_among(
    rows: Sequence[Sequence[int | None]], columns: Sequence[int], taken: set[int]
) -> list[tuple[tuple[int, ...], int]]:
    found: list[tuple[tuple[int, ...], int]] = []
    for place in range(len(columns) - 1, -1, -1):
        whole = columns[place]
        if whole in taken:
            continue
        tried = (tuple(columns[at] for at in parts) for parts in _candidates(place, len(columns)))
        best = max(
            ((parts, _kept(rows, parts, whole)) for parts in tried),
            key=lambda pair: (pair[1], -len(pair[0])),
            default=((), 0),
        )
        parts, kept = best
        telling = sum(1 for row in rows if row[whole])
        if kept >= _FEWEST_ROWS and 3 * kept >= 2 * telling:
            found.append((parts, whole))
    return found


def _candidates(whole: int, columns: int) -> Iterator[tuple[int, ...]]:
    for first in range(max(0, whole - _MOST_PARTS), whole - 1):
        yield tuple(range(first, whole))
    for last in range(whole + 3, min(columns, whole + _MOST_PARTS) + 1):
        yield tuple(range(whole + 1, last))
    for apart in range(2, whole // 2 + 1):
        parts = tuple(range(whole - apart, -1, -apart))
        for many in range(2, len(parts) + 1):
            yield tuple(reversed(parts[:many]))


def _kept(rows: Sequence[Sequence[int | None]], parts: Sequence[int], whole: int) -> int:
    """In how many rows the sum holds; none where no row adds two figures, which alone shows a sum.

    Given up as soon as more rows break it than a sum that is meant may have.
    """
    telling = [row for row in rows if row[whole]]
    may_break = len(telling) - (2 * len(telling) + 2) // 3
    kept, shows = 0, False
    for row in telling:
        figures = [figure for part in parts if (figure := row[part])]
        if sum(figures) == row[whole]:
            kept += 1
            shows = shows or len(figures) > 1
        elif (may_break := may_break - 1) < 0:
            return 0
    return kept if shows else 0


# --- percentages ---


def _explained(table: PrintedTable, across: Sequence[_Across]) -> Iterator[CheckedPercentage]:
    lines: dict[int, list[PrintedPercentage]] = {}
    columns: dict[int | None, list[PrintedPercentage]] = {}
    for given in table.percentages:
        lines.setdefault(id(given.cells), []).append(given)
        columns.setdefault(given.column, []).append(given)
    sums = _wholes_of(table.grid, across)
    for given in table.percentages:
        beside = [other for other in lines[id(given.cells)] if other is not given]
        own = _completed(table.cells if given.cells is None else given.cells)
        below = columns[given.column] if given.column is not None else []
        yield CheckedPercentage(given.label, given.printed, _explain(own, given, beside, below, sums))


def _wholes_of(grid: Grid | None, across: Sequence[_Across]) -> tuple[str, ...]:
    """The columns of which percentages are taken: those that are sums of others; of a small table any."""
    if grid is None:
        return ()
    sums = [grid.columns[whole] for _, whole in across]
    return tuple(sums) or (grid.columns if len(grid.columns) <= _FEW_COLUMNS else ())


def _completed(cells: Mapping[str, object]) -> dict[str, object]:
    """The cells with the sums that a table leaves to its reader: what is done, what is open."""
    completed = dict(cells)
    for whole, parts in (("done", ("done_on_time", "done_late")), ("open", ("open_in_term", "open_overdue"))):
        figures = [figure for part in parts if isinstance(figure := cells.get(part), int)]
        if whole not in cells and len(figures) == len(parts):
            completed[whole] = sum(figures)
    return completed


def _explain(
    cells: Mapping[str, object],
    given: PrintedPercentage,
    beside: Sequence[PrintedPercentage],
    below: Sequence[PrintedPercentage],
    sums: Sequence[str],
) -> Rate | None:
    """The figures told beside the percentage first, then the cells its words name, then any of its line, then its
    part of the lines that its own adds up to."""
    figure = parse_percentage(given.printed)
    if figure is None:
        return None
    shown = [other.printed for other in beside]
    if given.numerator is not None and given.denominator is not None:
        return _of_told_pair(cells, given, beside, figure, shown)
    if given.is_share:
        return _of_column(given, below, figure) or _of_line(cells, given, figure, shown, sums)
    return _of_line(cells, given, figure, shown, sums) or _of_column(given, below, figure)


def _of_told_pair(
    cells: Mapping[str, object],
    given: PrintedPercentage,
    beside: Sequence[PrintedPercentage],
    figure: Decimal,
    shown: Sequence[str],
) -> Rate | None:
    assert given.numerator is not None
    assert given.denominator is not None
    rate = _of_figures(cells, given.numerator, given.denominator, figure)
    if rate is not None:
        return rate
    remainder = _of_numerator(cells, given.numerator, figure, shown)
    if remainder is not None and remainder.denominator == given.denominator:
        return remainder
    return _remainder_of_figures(given, beside, figure)


def _of_line(
    cells: Mapping[str, object],
    given: PrintedPercentage,
    figure: Decimal,
    shown: Sequence[str],
    sums: Sequence[str],
) -> Rate | None:
    """Of the figures of its own line: the named ones, the four official denominators, then the sums of the table."""
    if given.numerator is not None:
        found = _of_numerator(cells, given.numerator, figure, shown)
        return found or _of_done(cells, given, figure) or _of_sums(cells, given, figure, sums)
    named = _of_names(cells, given, figure)
    if named is None and _names_both(cells, given):
        # Its words name both of its cells: no other two explain it, unless as the remainder of the same.
        rest = _by_convention(cells, figure, shown, given.numerator_name)
        return rest if rest is not None and rest.denominator == cells[given.denominator_name] else None
    if named is None and given.numerator_name:
        named = _by_convention(cells, figure, shown, given.numerator_name)
    # A heading that names a column of the table means it: no coincidence with another explains it.
    if named is None and _means(given, cells):
        named = _of_sums(cells, given, figure, sums)
    return (
        named
        or _by_convention(cells, figure, shown)
        or _of_done(cells, given, figure)
        or _of_sums(cells, given, figure, sums)
    )


def _by_convention(
    cells: Mapping[str, object], figure: Decimal, shown: Sequence[str], numerator: str | None = None
) -> Rate | None:
    """As explain_percentage; a remainder only of percentages that are printed beside it."""
    rate = explain_percentage(cells, figure, shown, numerator, as_shown=True)
    if rate is not None and numerator is None and _WHOLES.get(rate.numerator_name) == rate.denominator_name:
        # All of itself is 100% whatever is meant: only another cell explains it.
        parts = [name for name in cells if name not in _WHOLES]
        found = (explain_percentage(cells, figure, shown, name, as_shown=True) for name in parts)
        rate = next((one for one in found if one is not None), None)
    return rate


def _of_done(cells: Mapping[str, object], given: PrintedPercentage, figure: Decimal) -> Rate | None:
    """On time or late out of what is done, which is no official denominator and is printed all the same."""
    done = cells.get("done")
    for name in ("done_on_time", "done_late"):
        part = cells.get(name)
        if not isinstance(part, int) or not isinstance(done, int) or given.numerator not in (None, part):
            continue
        rounding = _rounding_of(part, done, figure)
        if rounding is not None and part != done:
            return Rate(name, part, "done", done, rounding, _decimals(figure))
    return None


def _of_names(cells: Mapping[str, object], given: PrintedPercentage, figure: Decimal) -> Rate | None:
    """Of the two cells that its words name."""
    top, bottom = cells.get(given.numerator_name), cells.get(given.denominator_name)
    if not isinstance(top, int) or not isinstance(bottom, int):
        return None
    return _of_figures(cells, top, bottom, figure)


def _names_both(cells: Mapping[str, object], given: PrintedPercentage) -> bool:
    """Whether its words name two cells of the table."""
    return all(isinstance(cells.get(name), int) for name in (given.numerator_name, given.denominator_name))


def _means(given: PrintedPercentage, cells: Mapping[str, object]) -> bool:
    """Whether the words of a percentage name a figure of its line that has no official name."""
    return next(_meant(given, cells), None) is not None


def _meant(given: PrintedPercentage, cells: Mapping[str, object]) -> Iterator[str]:
    """The cells whose names share the words of the heading, without what says that it is a rate."""
    wanted = {word for word in word_key(given.words).split() if word not in _RATE_WORDS}
    if wanted:
        for name in cells:
            if wanted <= set(word_key(name).split()):
                yield name


def _of_sums(
    cells: Mapping[str, object], given: PrintedPercentage, figure: Decimal, sums: Sequence[str]
) -> Rate | None:
    """A figure of the line out of one that is the sum of others, the one that the heading names first."""
    meant = list(_meant(given, cells))
    names = [name for name, value in cells.items() if _is_figure(value)]
    for top in [*meant, *(name for name in names if name not in meant)]:
        for bottom in sums:
            numerator, denominator = cells.get(top), cells.get(bottom)
            if top == bottom or not isinstance(numerator, int) or not isinstance(denominator, int):
                continue
            if given.numerator is not None and numerator != given.numerator:
                continue
            rounding = _rounding_of(numerator, denominator, figure)
            if rounding is not None:
                return Rate(top, numerator, bottom, denominator, rounding, _decimals(figure))
    return None


def _of_column(given: PrintedPercentage, below: Sequence[PrintedPercentage], figure: Decimal) -> Rate | None:
    """A figure of its line out of the same one of a line that it is part of, the total last."""
    cells = given.cells or {}
    names = [name for name, value in cells.items() if _is_figure(value)]
    for whole in given.wholes:
        for name in names:
            numerator, denominator = cells[name], whole.get(name)
            if not isinstance(numerator, int) or not isinstance(denominator, int):
                continue
            if not numerator and not given.is_share:
                continue  # nothing of anything is 0%
            rounding = _rounding_of(numerator, denominator, figure)
            if rounding is not None:
                return Rate(name, numerator, name, denominator, rounding, _decimals(figure))
            parts = [other for other in below if other.wholes[:1] == given.wholes[:1] and other is not given]
            others = _others_of(parts, whole, name, numerator, denominator)
            if others and Decimal(_REMAINDER) - sum(others, Decimal(0)) == figure:
                decimals = _decimals(figure)
                return Rate(name, numerator, name, denominator, Rounding.REMAINDER, decimals, tuple(others))
    return None


def _others_of(
    parts: Sequence[PrintedPercentage],
    whole: Mapping[str, object],
    name: str,
    numerator: int,
    denominator: int,
) -> list[Decimal]:
    """The percentages of the other parts of a whole, where they are all there; else none."""
    others = [other for other in parts if (other.cells or {}) != whole]
    figures = [value for o in others if isinstance(value := (o.cells or {}).get(name), int)]
    printed = [value for o in others if (value := parse_percentage(o.printed)) is not None]
    if len(figures) != len(others) or len(printed) != len(others):
        return []
    return printed if sum(figures) + numerator == denominator else []


def _decimals(figure: Decimal) -> int:
    return max(0, -int(figure.as_tuple().exponent))


def _rounding_of(numerator: int, denominator: int, figure: Decimal) -> Rounding | None:
    """The rounding that makes `figure` of two figures."""
    if denominator <= 0 or numerator < 0:
        return None
    for rounding in (Rounding.HALF_UP, Rounding.TRUNCATED):
        if percentage(numerator, denominator, rounding, _decimals(figure)) == figure:
            return rounding
    return None


def _names_of(cells: Mapping[str, object], figure: int) -> list[str]:
    return [name for name, value in cells.items() if value == figure and _is_figure(value)]


def _of_numerator(
    cells: Mapping[str, object], numerator: int, figure: Decimal, shown: Sequence[str]
) -> Rate | None:
    for name in _names_of(cells, numerator):
        rate = _by_convention(cells, figure, shown, name)
        if rate is not None:
            return rate
    return None


def _of_figures(
    cells: Mapping[str, object], numerator: int, denominator: int, figure: Decimal
) -> Rate | None:
    """The rounding that makes `figure` of these two figures."""
    rounding = _rounding_of(numerator, denominator, figure)
    if rounding is None:
        return None
    top = next(iter(_names_of(cells, numerator)), "")
    bottom = next(iter(_names_of(cells, denominator)), "")
    named = explain_percentage(cells, figure, (), top) if top else None
    if named is not None and named.denominator == denominator:
        return named
    return Rate(top, numerator, bottom, denominator, rounding, _decimals(figure))


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
    return Rate(
        "", given.numerator, "", given.denominator, Rounding.REMAINDER, _decimals(figure), tuple(printed)
    )

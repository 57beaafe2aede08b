"""Printed tables on a sheet: where each begins, what its columns mean, which rows sum up others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tracker.domain.printed_tables import Grid, PrintedPercentage, PrintedTable
from tracker.domain.search import word_key
from tracker.intake.printed_cells import (
    figure,
    holds_fractions,
    is_decimal,
    is_number,
    is_rate,
    is_share,
    percent,
    rate,
)
from tracker.intake.tables import Cell, Row, Table, is_blank, shown

_LETTER = re.compile(r"[A-H]")
_ROMAN = re.compile(r"[IVX]{1,5}")
_MARKED = re.compile(r"\s*([A-H]|[IVX]{1,5})\s*[.)]\s*\S.*")
_MARK = re.compile(r"\s*(?:[A-Za-z]|[IVX]{1,5}|\d+(?:\.\d+)*)\s*[.)]?\s*")
_NUMBERING = re.compile(r"\s*\(?\s*[A-Z\d]{1,3}\s*\)?(?:\s*=.*)?\s*")
_NUMBER = re.compile(r"^\s*(?:\d+(?:\.\d+)*|[IVX]{1,5}|[A-Ha-h])[.)]\s*")
_BULLET = re.compile(r"\s*[-–+•*]\s*")
_TOTAL = re.compile(
    r"(?:tong|tong so|tong cong|tong chung|cong|cong chung|total|grand total|sum|toan quoc|ca nuoc|toan tinh"
    r"|toan thanh pho|toan nganh)(?: (?:so|cong|chung|nhiem vu|ca nuoc|toan quoc|[ivx]+|[a-h])\b.*)?"
)
_SUBTOTAL = re.compile(r"(?:cong|tong|subtotal|sub total)\b")
_GRAND = re.compile(r"(?:tong cong|tong so|tong chung|grand total|total|toan quoc|ca nuoc|tong)\b.*")
_NO_TOTAL = re.compile(
    r"tong (?:cong ty|cuc|kiem|lien doan|thanh tra|lanh su|hop|dai ly)\b.*|cong (?:an|ty|doan|thuong)\b.*"
)
_HEAD_WORDS = (
    "stt", "tt", "so tt", "co quan", "don vi", "ten co quan", "ten don vi", "bo nganh", "bo", "dia phuong",
    "noi dung", "chi tieu", "linh vuc", "khoi", "nhom", "agency", "ministry", "province", "unit", "name", "no", "item",
)  # fmt: skip
_UNITS = ("don vi tinh", "dvt", "unit of")
_MOST_HEAD_LINES = 6
_LOOKED_AT = 40


def tables_of(table: Table, name: Callable[[str], str]) -> list[PrintedTable]:
    """The tables of a sheet in their order; `name` gives the official name of a heading."""
    pieces = [piece for rows in _apart(table) if (piece := _Piece(table, rows, name)).rows]
    read = [made for piece in pieces if (made := piece.read()) is not None]
    sheet = table.sheet or "1"
    if len(read) == 1:
        return [PrintedTable(sheet, read[0].cells, read[0].grid, read[0].percentages)]
    return [
        PrintedTable(f"{sheet}-{number}", one.cells, one.grid, one.percentages)
        for number, one in enumerate(read, 1)
    ]


def _words_at(row: Row) -> list[int]:
    return [
        at
        for at, cell in enumerate(row.cells)
        if isinstance(cell, str) and cell.strip() and not is_number(cell) and not _is_dash(cell)
    ]


def _is_dash(cell: Cell) -> bool:
    return isinstance(cell, str) and cell.strip() in ("-", "–", "—", "...", "…")


def _numbers_at(row: Row) -> list[int]:
    return [at for at, cell in enumerate(row.cells) if is_number(cell)]


def _is_numbering(row: Row) -> bool:
    """Whether a row only numbers the columns: (1), (2), (3)=(4)+(5), or 1, 2, 3, or A, B, 1, 2."""
    filled = [shown(cell).strip() for cell in row.cells if not is_blank(cell)]
    if len(filled) < 3 or not all(_NUMBERING.fullmatch(cell) for cell in filled):
        return False
    numbers = [int(found[0]) for cell in filled if (found := re.findall(r"\d+", cell))]
    first, second = (cell.strip("() ") for cell in filled[:2])
    begins = first == "1" or (first == "A" and second in ("B", "1"))
    return begins and len(numbers) >= 2 and numbers[0] == 1 and all(b == a + 1 for a, b in pairwise(numbers))


def _is_heading(row: Row) -> bool:
    """Whether a row with numbers is a heading all the same: years under the names of columns."""
    numbers = [figure(row.cells[at]) for at in _numbers_at(row)]
    words = [word_key(shown(row.cells[at])) for at in _words_at(row)]
    return bool(words) and words[0] in _HEAD_WORDS and all(n and 1900 <= n <= 2100 for n in numbers)


def _apart(table: Table) -> Iterator[list[Row]]:
    """The rows of each table: one ends where, after rows with figures, headings stand above figures again."""
    found: list[Row] = []
    columns: set[int] = set()
    for row in table.rows:
        if row.is_empty or _is_numbering(row):
            continue
        numbers = _numbers_at(row)
        words = _words_at(row)
        begins = (
            bool(columns)
            and (not numbers or _is_heading(row))
            and len([at for at in words if at in columns]) >= min(2, len(columns))
            and len(words) >= 2
        )
        if begins:
            yield found
            found, columns = [], set()
        found.append(row)
        if numbers and words and not _is_heading(row):
            columns |= {at for at in numbers if at > words[0]}
    yield found


@dataclass(frozen=True)
class _Line:
    """A row with its name; `level` is 0 for a letter, 1 for a Roman numeral, None for what is no group."""

    row: Row
    name: str
    level: int | None
    is_total: bool


@dataclass
class _Piece:
    """One table of a sheet: its headings and its rows."""

    table: Table
    given: list[Row]
    name: Callable[[str], str]
    rows: list[Row] = field(default_factory=list)
    heads: list[Row] = field(default_factory=list)
    label: int = 0

    def __post_init__(self) -> None:
        first = next(
            (
                at
                for at, row in enumerate(self.given)
                if _words_at(row) and _numbers_at(row) and not _is_heading(row)
            ),
            None,
        )
        if first is None:
            return
        self.rows = self.given[first:]
        above = [row for row in self.given[:first] if not self._tells_the_unit(row)]
        begin = next(
            (at for at, row in enumerate(above) if len(_words_at(row)) > 1 or _is_heading(row)), len(above)
        )
        self.heads = above[begin:][-_MOST_HEAD_LINES:]
        self.label = self._label()

    @staticmethod
    def _tells_the_unit(row: Row) -> bool:
        return any(word_key(shown(row.cells[at])).startswith(_UNITS) for at in _words_at(row))

    def _label(self) -> int:
        """The column that names the rows: where most of the first rows have words that are more than a mark."""
        counts: dict[int, int] = {}
        for row in self.rows[:_LOOKED_AT]:
            for at in _words_at(row):
                words = shown(row.cells[at])
                worth = 0 if _is_total_name(words) else 1 if _MARK.fullmatch(words) else 2
                counts[at] = counts.get(at, 0) + worth
        return max(counts, key=lambda at: (counts[at], -at), default=0)

    # -- columns --

    def _numeric_columns(self) -> list[int]:
        return sorted({at for row in self.rows for at in _numbers_at(row) if at > self.label})

    def _heading(self, column: int) -> str:
        """What stands above a column, from the outermost to its own; an outer one reaches over those to its right."""
        found = []
        for at, line in enumerate(self.heads):
            own = self._over(line, column)
            below = any(self._over(later, column) for later in self.heads[at + 1 :])
            if not own and below:
                own = self._reaching(line, at, column)
            found.append(own)
        return " / ".join(dict.fromkeys(filter(None, found)))

    def _reaching(self, line: Row, at: int, column: int) -> str:
        """The nearest heading to the left in a line, where it spans what stands below."""
        left = next((c for c in range(column - 1, self.label, -1) if not is_blank(line.cell(c))), None)
        if left is None or not any(self._over(later, left) for later in self.heads[at + 1 :]):
            return ""
        return shown(line.cell(left)).strip()

    def _over(self, row: Row, column: int) -> str:
        own = row.cell(column)
        if not is_blank(own):
            return " ".join(shown(own).split())
        for first_row, first_column, last_row, last_column in self.table.merged:
            if first_row == row.number <= last_row and first_column <= column + 1 <= last_column:
                return " ".join(shown(row.cell(first_column - 1)).split())
        return ""

    # -- reading --

    def read(self) -> PrintedTable | None:
        """A list of named figures, or a grid; None where there is nothing to check."""
        numeric = self._numeric_columns()
        headings = {at: self._heading(at) for at in numeric}
        rates = [at for at in numeric if self._is_rate_column(at, headings[at])]
        figures = [at for at in numeric if at not in rates and self._is_checkable(at)]
        if len(figures) <= 1 and (not self.heads or self._is_list(figures)):
            return self._list()
        if not self.heads:
            return self._list()
        return self._grid(figures, rates, headings)

    def _cells(self, column: int) -> list[Cell]:
        return [row.cell(column) for row in self.rows]

    def _is_rate_column(self, column: int, heading: str) -> bool:
        cells = [cell for cell in self._cells(column) if is_number(cell)]
        if not cells:
            return False
        signed = sum(1 for cell in cells if percent(cell) is not None and figure(cell) is None)
        return 2 * signed >= len(cells) or (is_rate(heading) and not any(self._is_count(c) for c in cells))

    @staticmethod
    def _is_count(cell: Cell) -> bool:
        """Whether a number is too large for a percentage."""
        found = figure(cell)
        return found is not None and abs(found) >= 1000

    def _is_checkable(self, column: int) -> bool:
        cells = self._cells(column)
        return any(figure(cell) is not None for cell in cells) and not any(map(is_decimal, cells))

    def _is_list(self, figures: Sequence[int]) -> bool:
        """Whether the rows, not the columns, have the names of the official figures."""
        known = {name for _, name in self._named_rows() if name not in ("", "total")}
        has_total = any(_is_total_name(line) for line, _ in self._named_rows())
        return len(known) >= 2 or not has_total or not figures

    def _named_rows(self) -> list[tuple[str, str]]:
        """The words of each row, and the official name they have; a row with a dash belongs to the one above."""
        found = []
        parent = ""
        for row in self.rows:
            label = self._row_name(row)
            plain = _NUMBER.sub("", label)
            if bullet := _BULLET.match(label):
                words = f"{parent} / {label[bullet.end() :]}"
            else:
                words = parent = plain
            official = self.name(words)
            found.append((label, official if official != words else ""))
        return found

    def _list(self) -> PrintedTable | None:
        cells: dict[str, object] = {}
        percentages = []
        for row, (label, official) in zip(self.rows, self._named_rows(), strict=True):
            for cell in (c for at, c in enumerate(row.cells) if at != self.label):
                found = figure(cell)
                told = percent(cell)
                if told is None and is_rate(label):
                    told, found = rate(cell, is_fraction=holds_fractions([cell], label)), None
                if found is not None and label:
                    cells.setdefault(official or label, found)
                if told is not None:
                    percentages.append(
                        PrintedPercentage(
                            label, told, numerator_name=official or self.name(label), words=label
                        )
                    )
        return PrintedTable("", cells, None, tuple(percentages)) if cells or percentages else None

    def _row_name(self, row: Row) -> str:
        name = shown(row.cell(self.label)).strip() if not is_number(row.cell(self.label)) else ""
        if name:
            return " ".join(name.split())
        # Lines of totals are often merged and begin further left.
        return next(
            (shown(c).strip() for c in row.cells[: self.label] if isinstance(c, str) and c.strip()), ""
        )

    def _lines(self) -> list[_Line]:
        found = []
        for row in self.rows:
            name = self._row_name(row)
            if not name:
                continue
            found.append(_Line(row, name, self._level(row, name), _is_total_name(name)))
        return found

    def _level(self, row: Row, name: str) -> int | None:
        mark = shown(row.cell(self.label - 1)).strip().rstrip(".)") if self.label > 0 else ""
        if not mark and (marked := _MARKED.fullmatch(name)):
            mark = marked[1]
        if _ROMAN.fullmatch(mark):
            return 1
        return 0 if _LETTER.fullmatch(mark) else None

    def _grid(
        self, figures: Sequence[int], rates: Sequence[int], headings: Mapping[int, str]
    ) -> PrintedTable | None:
        raw = [headings[at] for at in figures]
        official = [self.name(heading) for heading in raw]
        names = [ours if official.count(ours) == 1 else own for ours, own in zip(official, raw, strict=True)]
        lines = self._lines()
        total = self._total(lines, figures)
        body = _Body(figures)
        for line in lines:
            if line is not total:
                body.take(line)
        kept = body.lines
        parents = body.parents()
        wholes = {} if total is None else dict(zip(names, _figures(total.row, figures), strict=True))
        fractions = {at: holds_fractions(self._cells(at), headings[at]) for at in rates}
        percentages: list[PrintedPercentage] = []
        for line in [*kept, *([total] if total is not None else [])]:
            # An empty cell is nothing: "0%" may stand beside it.
            cells = {name: found or 0 for name, found in zip(names, _figures(line.row, figures), strict=True)}
            parent = parents.get(line.row.number)
            above = [] if parent is None else [dict(zip(names, _figures(parent.row, figures), strict=True))]
            for at in rates:
                told = rate(line.row.cell(at), is_fraction=fractions[at])
                if told is not None:
                    percentages.append(
                        PrintedPercentage(
                            f"{line.name}: {headings[at]}" if headings[at] else line.name,
                            told,
                            cells=cells,
                            numerator_name=self.name(headings[at]),
                            words=headings[at],
                            column=at,
                            wholes=(*above, wholes) if wholes else tuple(above),
                            is_share=is_share(headings[at]),
                        )
                    )
            percentages += self._in_cells(line, figures, names, cells)
        rows = [(line.name, _figures(line.row, figures)) for line in kept]
        if not figures and not percentages:
            return None
        grid = Grid(
            tuple(names),
            tuple(rows),
            None if total is None else _figures(total.row, figures),
            "total" if total is None else total.name,
            body.groups(),
        )
        return PrintedTable("", {}, grid, tuple(percentages))

    def _in_cells(
        self, line: _Line, figures: Sequence[int], names: Sequence[str], cells: Mapping[str, object]
    ) -> Iterator[PrintedPercentage]:
        """Percentages that stand in the cell of their own figure: "950 (76%)"."""
        for at, name in zip(figures, names, strict=True):
            cell = line.row.cell(at)
            told, own = percent(cell), figure(cell)
            if told is not None and own is not None:
                yield PrintedPercentage(f"{line.name}: {name}", told, own, cells=cells, words=name)

    def _total(self, lines: Sequence[_Line], figures: Sequence[int]) -> _Line | None:
        """The line of all: the last of those that say so, or the first where it stands on top."""
        found = [line for line in lines if line.is_total and _has_figures(line.row, figures)]
        if not found:
            return None
        if len(found) == 1 or found[0] is lines[0]:
            return found[0]
        grand = [line for line in found if _GRAND.fullmatch(word_key(line.name))]
        return (grand or found)[-1]


def _is_total_name(name: str) -> bool:
    key = re.sub(r"[^a-z ]", " ", word_key(re.sub(r"\(.*?\)", " ", name)))
    key = " ".join(key.split())
    return bool(_TOTAL.fullmatch(key)) and not _NO_TOTAL.fullmatch(key)


def _figures(row: Row, columns: Sequence[int]) -> tuple[int | None, ...]:
    return tuple(figure(row.cell(at)) for at in columns)


def _has_figures(row: Row, columns: Sequence[int]) -> bool:
    return any(figure(row.cell(at)) is not None for at in columns)


class _Body:
    """The rows of a grid in their groups: a head above its rows, or a subtotal below them."""

    def __init__(self, figures: Sequence[int]) -> None:
        self.figures = figures
        self.lines: list[_Line] = []
        self.members: dict[int, list[int]] = {}
        self.heads: dict[int, int] = {}
        self.loose: list[int] = []

    def take(self, line: _Line) -> None:
        """The next row."""
        if not _has_figures(line.row, self.figures):
            if line.level is not None:
                # A head that has no figures of its own: what follows belongs to no sum.
                self.heads = {level: at for level, at in self.heads.items() if level < line.level}
                self.loose = []
            return
        at = len(self.lines)
        if line.level is None and (line.is_total or self._is_subtotal(line)):
            # A subtotal below its rows.
            inside = [one for one in self.loose if not self._parent(one)]
            self.lines.append(line)
            if inside:
                self.members[at] = inside
            self.loose = []
            return
        self.lines.append(line)
        level = line.level
        above = [self.heads[one] for one in sorted(self.heads) if level is None or one < level]
        if above:
            self.members.setdefault(above[-1], []).append(at)
        else:
            self.loose.append(at)
        if level is not None:
            self.heads = {one: head for one, head in self.heads.items() if one < level}
            self.heads[level] = at

    def _is_subtotal(self, line: _Line) -> bool:
        """Whether a row that begins like a sum is one of the rows before it, by most of its figures."""
        if not _SUBTOTAL.match(word_key(line.name)) or len(self.loose) < 2:
            return False
        printed = _figures(line.row, self.figures)
        above = [_figures(self.lines[at].row, self.figures) for at in self.loose if not self._parent(at)]
        sums = [sum(row[column] or 0 for row in above) for column in range(len(printed))]
        held = [found == total for found, total in zip(printed, sums, strict=True) if found is not None]
        return 2 * sum(held) > len(held)

    def _parent(self, at: int) -> list[int]:
        return [head for head, members in self.members.items() if at in members]

    def groups(self) -> dict[int, tuple[int, ...]]:
        """Which rows each head or subtotal adds up."""
        return {head: tuple(members) for head, members in self.members.items() if members}

    def parents(self) -> dict[int, _Line]:
        """The head or subtotal that each row is part of, by the row's number in the file."""
        return {
            self.lines[m].row.number: self.lines[h] for h, members in self.members.items() for m in members
        }

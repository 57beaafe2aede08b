"""A table as it was read: cells by row and column, before anything in it is understood."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time

from tracker.domain.errors import Invalid, Problem

Cell = str | int | float | bool | date | datetime | time | None

MAX_BYTES = 10 * 1024 * 1024
"""The largest file that is read (QUALITY 4.1, uploads)."""
MAX_ROWS = 20_000
MAX_COLUMNS = 60
MAX_CELL = 100_000
"""Characters of one cell; longer is no text that somebody wrote."""


class Unreadable(Invalid):
    """A file that cannot be taken as a table; the one problem names what is wrong and what is expected."""

    code = "unreadable"


def refuse(code: str, value: object = None, **params: object) -> Unreadable:
    """The refusal of a whole file (`code` begins with `import_`)."""
    return Unreadable([Problem("/file", code, value, params)])


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; `number` is its number in the file, from 1, as a spreadsheet shows it."""

    number: int
    cells: tuple[Cell, ...]

    def cell(self, column: int) -> Cell:
        """The cell in `column` (from 0); None beyond the end."""
        return self.cells[column] if column < len(self.cells) else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written in it."""
        return all(is_blank(cell) for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell that holds a formula: never evaluated, its cached value never trusted."""

    row: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one sheet or file.

    `merged` are the ranges of merged cells as (first row, first column, last row, last column), from 1.
    `formulas` were left empty in `rows`. `sheet` is "" where a file has only one table.
    """

    rows: tuple[Row, ...]
    sheet: str = ""
    merged: tuple[tuple[int, int, int, int], ...] = ()
    formulas: tuple[Formula, ...] = ()
    is_1904: bool = False


def is_blank(cell: Cell) -> bool:
    """Whether a cell shows nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def shown(cell: Cell) -> str:
    """A cell as text: whole numbers without a point, dates day first.

    >>> shown(12.0), shown(date(2025, 11, 7)), shown(None)
    ('12', '07/11/2025', '')
    """
    match cell:
        case None:
            return ""
        case bool():
            return "1" if cell else "0"
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime() if cell.time() == time():
            return cell.strftime("%d/%m/%Y")
        case datetime():
            return cell.strftime("%d/%m/%Y %H:%M")
        case date():
            return cell.strftime("%d/%m/%Y")
        case time():
            return cell.strftime("%H:%M")
    return str(cell)


def column_letters(column: int) -> str:
    """The letters of a column (from 1), as a spreadsheet shows them.

    >>> column_letters(1), column_letters(28)
    ('A', 'AB')
    """
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _without_end(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """The cells up to the last one that shows something, in one cut: a line may be a million commas."""
    end = len(cells)
    while end and is_blank(cells[end - 1]):
        end -= 1
    return cells[:end]


def numbered(lines: Iterable[Iterable[Cell]]) -> tuple[Row, ...]:
    """Lines as rows numbered from 1. Raises Unreadable beyond MAX_ROWS, MAX_COLUMNS or MAX_CELL."""
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        if number > MAX_ROWS:
            raise refuse("import_too_many_rows", number, limit=MAX_ROWS)
        cells = _without_end(tuple(line))
        if len(cells) > MAX_COLUMNS:
            raise refuse("import_too_many_columns", len(cells), row=number, limit=MAX_COLUMNS)
        for column, cell in enumerate(cells, start=1):
            if isinstance(cell, str) and len(cell) > MAX_CELL:
                at = f"{column_letters(column)}{number}"
                raise refuse("import_cell_too_long", len(cell), cell=at, limit=MAX_CELL)
        rows.append(Row(number, cells))
    return tuple(rows)

"""A table that is to be taken away: what it says, of which day, its typed columns, its rows as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from tracker.domain.errors import Conflict
from tracker.i18n import Language

Cell = str | int | bool | date | datetime | Decimal | None
"""Text is text whatever it looks like; a datetime is shown in the official zone; a percentage is a Decimal."""
Row = Sequence[Cell]
TableFormat = Literal["xlsx", "csv", "docx", "pdf", "json"]
FORMATS: tuple[TableFormat, ...] = ("xlsx", "csv", "docx", "pdf", "json")
MEDIA_TYPES: dict[TableFormat, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "json": "application/json",
}
MOST_ON_PAPER = 5_000
MOST_IN_PDF = 1_000
"""Rows of a docx and of a pdf, which are set as a whole: at ten columns either then takes some 300 MB."""
MOST_ROWS = 500_000
"""Rows of any file; a sheet of a workbook holds 1,048,576 lines."""

Kind = Literal["text", "long", "number", "code", "day", "moment", "percent"]
"""What a column holds: words, long words, a number with thousands apart, a number without, a civil day, an instant,
a percentage."""


class TableTooLongForPaper(Conflict):
    """More rows than a docx or pdf takes; params: size, most, form."""

    code = "table_too_long_for_paper"


class TableTooLong(Conflict):
    """More rows than one file takes; params: size, most."""

    code = "table_too_long"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name for programs, its head for people, what it holds, whether a paper has room for it."""

    key: str
    title: str
    kind: Kind = "text"
    is_on_paper: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table with batches of rows that are read as they are written.

    `name` is the file's name without its ending; `total` is how many rows there
    will be, where that is known; `scope` are the filters in
    words; `notes` say what figures are made of; `foot` is the line of sums.
    """

    name: str
    title: str
    sheet: str
    as_of: str
    made_on: date
    language: Language
    columns: tuple[Column, ...]
    rows: AsyncIterator[Sequence[Row]]
    total: int | None = None
    scope: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    foot: Row | None = None


async def at_hand(rows: Iterable[Row]) -> AsyncIterator[Sequence[Row]]:
    """Rows that are in memory already, as a table takes them."""
    found = list(rows)
    if found:
        yield found


def check_size(form: TableFormat, rows: int | None) -> None:
    """Raises TableTooLongForPaper, TableTooLong."""
    if rows is None:
        return
    most = {"docx": MOST_ON_PAPER, "pdf": MOST_IN_PDF}.get(form)
    if most is not None and rows > most:
        raise TableTooLongForPaper(size=rows, most=most, form=form)
    if rows > MOST_ROWS:
        raise TableTooLong(size=rows, most=MOST_ROWS)

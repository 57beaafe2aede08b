"""A table as a paper, docx or pdf: in the layout of the other papers, its head on every page, its name at the foot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from tracker.documents import paper as papers
from tracker.documents.paper import Block, Grid, Line, Paper, number_line, place_and_day, short_day
from tracker.documents.paper_docx import to_docx
from tracker.documents.paper_pdf import to_pdf
from tracker.documents.tables import grouped, percent
from tracker.documents.tables_model import Cell, Kind, Row, Table, TableFormat, check_size
from tracker.domain.zone import civil_now
from tracker.i18n import Language, text

_SHARES: dict[Kind, int] = {
    "text": 20,
    "long": 38,
    "number": 10,
    "code": 10,
    "day": 18,
    "moment": 20,
    "percent": 10,
}
_LEFT: frozenset[Kind] = frozenset({"text", "long"})
_MOST_UPRIGHT = 4
_MOST_IN_A_CELL = 2_000
"""Letters; a longer text stands whole in the spreadsheet, and on the page that shows it."""


class PaperRows:
    """Rows are kept until the end: a paper is set as a whole."""

    cut = 0

    def __init__(self, path: Path, table: Table, form: TableFormat) -> None:
        self._path, self._table, self._form = path, table, form
        self._rows: list[papers.Row] = []

    def __enter__(self) -> Self:
        return self

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows. Raises TableTooLongForPaper."""
        for row in rows:
            number = str(len(self._rows) + 1)
            self._rows.append(papers.Row((number, *_cells(self._table, row))))
        check_size(self._form, len(self._rows))

    def finish(self) -> None:
        """Set the paper."""
        made = to_paper(self._table, tuple(self._rows))
        self._path.write_bytes(to_docx(made) if self._form == "docx" else to_pdf(made))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.clear()


def to_paper(table: Table, rows: tuple[papers.Row, ...]) -> Paper:
    """The table across the sheet where it has many columns."""
    language = table.language
    return Paper(
        language=language,
        parent="",
        body=text(language, "document.office.parent"),
        number=number_line("", text(language, "table.symbol"), language),
        place=place_and_day(table.made_on, language),
        title=table.title.upper(),
        about=table.as_of,
        blocks=tuple(_blocks(table, rows)),
        foot=text(
            language, "table.foot", title=table.title, as_of=table.as_of, rows=grouped(len(rows), language)
        ),
        made_on=table.made_on,
        is_landscape=sum(c.is_on_paper for c in table.columns) > _MOST_UPRIGHT,
    )


def _cells(table: Table, row: Row) -> tuple[str, ...]:
    return tuple(
        shown(cell, table.language, c.kind)
        for cell, c in zip(row, table.columns, strict=True)
        if c.is_on_paper
    )


def _blocks(table: Table, rows: tuple[papers.Row, ...]) -> Iterator[Block]:
    for line in table.scope:
        yield Line(line, "centre")
    columns = (
        papers.Column(text(table.language, "table.ordinal"), 7, "centre"),
        *(
            papers.Column(c.title, _SHARES[c.kind], "left" if c.kind in _LEFT else "centre")
            for c in table.columns
            if c.is_on_paper
        ),
    )
    if table.foot is not None and rows:
        rows = (*rows, papers.Row(("", *_cells(table, table.foot)), "total"))
    yield Grid(columns, rows, text(table.language, "table.none"))
    for line in table.notes:
        yield Line(line, "note")


def shown(cell: Cell, language: Language, kind: Kind) -> str:
    """A cell as it is printed."""
    match cell:
        case None:
            return ""
        case bool():
            return text(language, "table.yes" if cell else "table.no")
        case datetime():
            return f"{civil_now(cell):%d/%m/%Y %H:%M}"
        case date():
            return short_day(cell)
        case int():
            return str(cell) if kind == "code" else grouped(cell, language)
        case Decimal() if kind == "percent":
            return percent(cell, language)
        case Decimal():
            return f"{cell:f}".replace(".", ",") if language == "vi" else f"{cell:f}"
    return cell if len(cell) <= _MOST_IN_A_CELL else cell[: _MOST_IN_A_CELL - 1] + "…"

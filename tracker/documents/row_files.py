"""Long tables written row by row, in constant memory: CSV (RFC 4180), Excel with typed cells, JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import xlsxwriter

from tracker.documents.text import guarded, storable
from tracker.domain.zone import civil_now

Cell = str | int | bool | date | datetime | Decimal | None
"""Text is text whatever it looks like; a datetime is shown in the official zone."""
RowFormat = Literal["csv", "xlsx", "json"]
FORMATS: tuple[RowFormat, ...] = ("csv", "xlsx", "json")
MEDIA_TYPES: dict[RowFormat, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
MAX_SHEET_ROWS = 1_048_575


class RowFile(Protocol):
    """A file that takes rows until it is left."""

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows."""

    def __enter__(self) -> Self:
        """Begin with the header."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End and close the file."""


def open_rows(path: Path, form: RowFormat, keys: Sequence[str], titles: Sequence[str], sheet: str) -> RowFile:
    """A new file at `path`; `titles` head the columns for people, `keys` name them for programs."""
    match form:
        case "csv":
            return _CsvRows(path, titles)
        case "xlsx":
            return _XlsxRows(path, titles, sheet)
        case "json":
            return _JsonRows(path, keys)


class _CsvRows:
    """UTF-8 with a mark, without which Excel garbles it; text that begins like a formula is guarded."""

    def __init__(self, path: Path, titles: Sequence[str]) -> None:
        self._path, self._titles = path, titles

    def __enter__(self) -> Self:
        self._file = self._path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self._writer.writerow(self._titles)
        return self

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        self._writer.writerows([_plain(cell) for cell in row] for row in rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _plain(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "1" if cell else "0"
        case datetime():
            return f"{civil_now(cell):%d/%m/%Y %H:%M}"
        case date():
            return f"{cell:%d/%m/%Y}"
        case int() | Decimal():
            return str(cell)
    return guarded(cell)


class _XlsxRows:
    """One sheet, written to disk as it grows; numbers and days are numbers and days, text is never run."""

    def __init__(self, path: Path, titles: Sequence[str], sheet: str) -> None:
        self._path, self._titles, self._name = path, titles, sheet
        self._row = 0

    def __enter__(self) -> Self:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(
            str(self._path), options | {"strings_to_numbers": False, "tmpdir": str(self._path.parent)}
        )
        font = {"font_name": "Times New Roman", "valign": "top"}
        self._text = self._book.add_format({**font, "text_wrap": True})
        self._day = self._book.add_format({**font, "num_format": "dd/mm/yyyy"})
        self._instant = self._book.add_format({**font, "num_format": "dd/mm/yyyy hh:mm"})
        self._number = self._book.add_format({**font, "num_format": "0"})
        header = self._book.add_format({**font, "bold": True, "text_wrap": True, "bg_color": "#E8EEF4"})
        self._sheet = self._book.add_worksheet(self._name)
        self._sheet.set_column(0, len(self._titles) - 1, 18)
        self._sheet.freeze_panes(1, 0)
        for column, title in enumerate(self._titles):
            self._sheet.write_string(0, column, title, header)
        return self

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        for row in rows:
            self._row += 1
            for column, cell in enumerate(row):
                self._write_cell(self._row, column, cell)

    def _write_cell(self, row: int, column: int, cell: Cell) -> None:
        match cell:
            case None:
                pass
            case bool():
                self._sheet.write_boolean(row, column, cell)
            case datetime():
                local = civil_now(cell).replace(tzinfo=None, microsecond=0)
                self._sheet.write_datetime(row, column, local, self._instant)
            case date():
                self._sheet.write_datetime(row, column, datetime.combine(cell, time()), self._day)
            case int() | Decimal():
                self._sheet.write_number(row, column, cell, self._number)
            case str():
                self._sheet.write_string(row, column, storable(cell), self._text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._book.close()


class _JsonRows:
    """A list of objects, values as they are: civil dates and instants in ISO."""

    def __init__(self, path: Path, keys: Sequence[str]) -> None:
        self._path, self._keys = path, keys
        self._is_first = True

    def __enter__(self) -> Self:
        self._file = self._path.open("w", encoding="utf-8")
        self._file.write('{"items": [')
        return self

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        for row in rows:
            values = {key: _json(cell) for key, cell in zip(self._keys, row, strict=True)}
            self._file.write(("\n" if self._is_first else ",\n") + json.dumps(values, ensure_ascii=False))
            self._is_first = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.write("\n]}\n")
        self._file.close()


def _json(cell: Cell) -> object:
    match cell:
        case date():
            return cell.isoformat()
        case Decimal():
            return str(cell)
    return cell

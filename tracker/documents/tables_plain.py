"""A table as CSV (RFC 4180) and as JSON, row by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from tracker.documents.tables_model import Cell, Row, Table
from tracker.documents.text import MAX_CELL, guarded, whole
from tracker.domain.zone import civil_now

_SHORT = 200
_REMEMBERED = 20_000
_LONG = MAX_CELL - 1


class CsvRows:
    """UTF-8, with a mark at will: Excel garbles it without one, other programs stumble over it.

    Text that begins like a formula is guarded; numbers and days stay what they are. The sums come last, as on the page.
    """

    cut = 0

    def __init__(self, path: Path, table: Table, *, with_bom: bool) -> None:
        self._path, self._table, self._with_bom = path, table, with_bom
        self._known: dict[str, str] = {}

    def __enter__(self) -> Self:
        encoding = "utf-8-sig" if self._with_bom else "utf-8"
        self._file = self._path.open("w", encoding=encoding, errors="replace", newline="")
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self._writer.writerow([guarded(column.title) for column in self._table.columns])
        return self

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        self._writer.writerows([self._plain(cell) for cell in row] for row in rows)

    def _plain(self, cell: Cell) -> str:
        # The same names come again and again, and to guard one costs more than to look it up.
        if type(cell) is str and len(cell) < _SHORT:
            known = self._known.get(cell)
            if known is None:
                known = guarded(cell)
                if len(self._known) < _REMEMBERED:
                    self._known[cell] = known
            return known
        return plain(cell)

    def finish(self) -> None:
        """The sums."""
        if self._table.foot is not None:
            self.write([self._table.foot])
        self._file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def plain(cell: Cell) -> str:
    """A cell as CSV has it.

    >>> plain("=1+1"), plain(-3), plain(date(2025, 3, 1)), plain(Decimal("71.27"))
    ("'=1+1", '-3', '01/03/2025', '71.27')
    """
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
    # The beginning decides whether it would be run; the rest is kept whole.
    return guarded(cell) if len(cell) <= _LONG else guarded(cell[:_LONG]) + whole(cell[_LONG:])


class JsonRows:
    """What the table is, and its rows as objects: civil days and instants in ISO, percentages as they are printed."""

    cut = 0

    def __init__(self, path: Path, table: Table) -> None:
        self._path, self._table = path, table
        self._keys = [column.key for column in table.columns]
        self._count = 0

    def __enter__(self) -> Self:
        table = self._table
        self._file = self._path.open("w", encoding="utf-8", errors="replace")
        told: dict[str, object] = {
            "title": table.title,
            "as_of": table.as_of,
            "filters": list(table.scope),
            "columns": [{"key": c.key, "title": c.title, "kind": c.kind} for c in table.columns],
            "notes": list(table.notes),
        }
        if table.foot is not None:
            told["total"] = self._object(table.foot)
        self._file.write(json.dumps(told, ensure_ascii=False)[:-1] + ', "items": [')
        return self

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        for row in rows:
            said = json.dumps(self._object(row), ensure_ascii=False)
            self._file.write(("\n" if not self._count else ",\n") + said)
            self._count += 1

    def finish(self) -> None:
        """How many there were."""
        self._file.write(f'\n], "count": {self._count}}}\n')
        self._file.close()

    def _object(self, row: Row) -> dict[str, object]:
        return {key: _told(cell) for key, cell in zip(self._keys, row, strict=True)}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _told(cell: Cell) -> object:
    match cell:
        case date():
            return cell.isoformat()
        case Decimal():
            return str(cell)
    return cell

"""A table of readings of targets: which column is which, and its lines as text, before any is judged."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from tracker.domain.search import search_key
from tracker.intake.tables import Cell, Row, Table, is_blank, refuse, shown

MOST_LINES = 2000
"""Lines of one table: each is a reading that an agency answers for."""
_SCAN = 30
_LONGEST_CELL = 2000
_PUNCTUATION = re.compile(r"[\s_/.,;:()\-]+")


class Column(StrEnum):
    """What a column of readings means."""

    ID = "id"
    AGENCY = "agency"
    TASK = "task"
    NAME = "name"
    PERIOD = "period"
    AS_OF = "as_of"
    FIGURE = "figure"
    UNIT = "unit"
    EVIDENCE = "evidence"
    NOTE = "note"
    REASON = "reason"


HEADERS: Mapping[Column, tuple[str, ...]] = {
    Column.ID: ("Mã chỉ tiêu", "Mã", "Target code", "Target id"),
    Column.AGENCY: ("Cơ quan", "Đơn vị báo cáo", "Agency"),
    Column.TASK: ("Nhiệm vụ", "Task"),
    Column.NAME: ("Chỉ tiêu", "Tên chỉ tiêu", "Target"),
    Column.PERIOD: ("Kỳ", "Period"),
    Column.AS_OF: ("Tính đến ngày", "Ngày", "As of"),
    Column.FIGURE: ("Số liệu", "Kết quả", "Figure", "Reading"),
    Column.UNIT: ("Đơn vị", "Đơn vị tính", "Unit"),
    Column.EVIDENCE: ("Minh chứng", "Số, ký hiệu văn bản minh chứng", "Evidence"),
    Column.NOTE: ("Ghi chú", "Note"),
    Column.REASON: ("Lý do sửa", "Reason"),
}


def _key(header: str) -> str:
    return _PUNCTUATION.sub(" ", search_key(header)).strip()


_BY_KEY = {_key(name): column for column, names in HEADERS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Line:
    """One line as text; `row` is its number in the file, `places` are the letters of its columns there."""

    row: int
    cells: Mapping[str, str]

    def text(self, column: Column) -> str:
        """What stands under a column; "" for nothing."""
        return self.cells.get(column.value, "")


def read_lines(table: Table) -> list[Line]:
    """The lines of a table of readings, those without any figure left out.

    Raises Unreadable for a table without the needed header, with one header twice, with formulas, or too long.
    """
    places, header = _heading(table)
    found = []
    formulas = {(f.row, f.column) for f in table.formulas}
    for row in table.rows:
        if row.number <= header or row.is_empty:
            continue
        figure_at = places[Column.FIGURE]
        if (row.number, figure_at + 1) in formulas:
            raise refuse("import_formula", "", cell=f"{row.number}")
        if is_blank(row.cell(figure_at)):
            continue
        cells = {column.value: as_typed(row.cell(place)) for column, place in places.items()}
        found.append(Line(row.number, {name: text for name, text in cells.items() if text}))
        if len(found) > MOST_LINES:
            raise refuse("import_too_many_rows", len(found), limit=MOST_LINES)
    return found


def _heading(table: Table) -> tuple[Mapping[Column, int], int]:
    for row in table.rows[:_SCAN]:
        places = _places(row)
        if Column.FIGURE in places and not places.keys().isdisjoint({Column.ID, Column.NAME}):
            return places, row.number
    names = ", ".join(HEADERS[column][0] for column in (Column.ID, Column.AS_OF, Column.FIGURE))
    raise refuse("readings_no_header", None, expected=names)


def _places(row: Row) -> dict[Column, int]:
    places: dict[Column, int] = {}
    for place, cell in enumerate(row.cells):
        column = _BY_KEY.get(_key(shown(cell))) if isinstance(cell, str) else None
        if column is None:
            continue
        if column in places:
            raise refuse("import_column_twice", shown(cell), first=shown(row.cell(places[column])))
        places[column] = place
    return places


def as_typed(cell: Cell) -> str:
    """A cell as somebody would have typed it: a number with a comma before its fraction, a day first.

    >>> from datetime import date
    >>> as_typed(11.409), as_typed(30.0), as_typed(date(2025, 11, 30)), as_typed(" gần 100 ")
    ('11,409', '30', '30/11/2025', 'gần 100')
    """
    match cell:
        case bool():
            return shown(cell)
        case float() if not cell.is_integer():
            # What a binary fraction drags along is no figure that anybody wrote.
            return f"{Decimal(repr(round(cell, 10))):f}".replace(".", ",")
        case datetime():
            return shown(cell.date())
        case str():
            return " ".join(unicodedata.normalize("NFC", cell).split())[:_LONGEST_CELL]
    return shown(cell)[:_LONGEST_CELL]


def as_json(lines: Sequence[Line]) -> list[dict[str, object]]:
    """The lines as they are kept."""
    return [{"row": line.row, "cells": dict(line.cells)} for line in lines]


def from_json(kept: Sequence[Mapping[str, object]]) -> list[Line]:
    """The lines as they were kept."""
    lines = []
    for one in kept:
        row, cells = one["row"], one["cells"]
        assert isinstance(row, int)
        assert isinstance(cells, Mapping)
        lines.append(Line(row, {str(name): str(text) for name, text in cells.items()}))
    return lines

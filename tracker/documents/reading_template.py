"""The workbook in which an agency fills in the figures of its targets."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

import xlsxwriter

from tracker.documents.text import storable
from tracker.i18n import Language, text

_WIDTHS = (10, 24, 36, 36, 10, 14, 16, 16, 24, 30, 30)
_COLUMNS = ("id", "agency", "task", "name", "period", "as_of", "figure", "unit", "evidence", "note", "reason")


@dataclass(frozen=True, slots=True)
class Asked:
    """A reading that is asked for: of which target, for which period and day, in which unit."""

    id: str
    agency: str
    task: str
    name: str
    period: str
    as_of: date
    unit: str


def template(lines: Sequence[Asked], language: Language) -> bytes:
    """One sheet with a frozen header; the column of figures is text, so that "gần 100" and "99,97" stay as typed."""
    told = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(told, options) as book:
        font = {"font_name": "Times New Roman", "valign": "top", "text_wrap": True}
        header = book.add_format({**font, "bold": True, "bg_color": "#E8EEF4", "border": 1})
        given = book.add_format({**font, "font_color": "#4B5665"})
        day = book.add_format({**font, "num_format": "dd/mm/yyyy"})
        typed = book.add_format({**font, "num_format": "@", "bg_color": "#FFF8E1", "border": 1})
        plain = book.add_format({**font, "num_format": "@"})
        sheet = book.add_worksheet(text(language, "target.file.sheet"))
        sheet.freeze_panes(1, 1)
        for column, (name, width) in enumerate(zip(_COLUMNS, _WIDTHS, strict=True)):
            look = {"as_of": day, "figure": typed}.get(name, plain)
            sheet.set_column(column, column, width, look)
            sheet.write_string(0, column, text(language, f"target.file.{name}"), header)
        for row, line in enumerate(lines, start=1):
            for column, words in enumerate((line.id, line.agency, line.task, line.name, line.period)):
                sheet.write_string(row, column, storable(words), given)
            sheet.write_datetime(row, 5, datetime.combine(line.as_of, time()), day)
            sheet.write_blank(row, 6, None, typed)
            sheet.write_string(row, 7, storable(line.unit), given)
    return told.getvalue()

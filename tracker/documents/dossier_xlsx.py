"""The dossier of an inspection session as a workbook: totals, overdue annex, other items, history, addenda."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import Any

import xlsxwriter

from tracker.documents.dossier import (
    Dossier,
    addenda_grid,
    cell,
    directive_words,
    totals_grid,
    verdict_words,
)
from tracker.documents.paper import FONT, short_day
from tracker.documents.text import storable
from tracker.domain.inspections import AgendaItem, ItemKind
from tracker.i18n import has, text

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_A4 = 9
_Value = str | int | date | None
_Reader = Callable[[Dossier, int, AgendaItem], _Value]


def _said(key: str) -> _Reader:
    return lambda dossier, position, item: cell(dossier, position, item, key)


def _status(dossier: Dossier, _: int, item: AgendaItem) -> str:
    key = f"export.status.{item.status}"
    return text(dossier.language, key) if has(key) else item.status


_COLUMNS: dict[str, tuple[float, _Reader]] = {
    "number": (6, lambda d, n, i: n),
    "kind": (14, lambda d, n, i: d.kind(i.kind)),
    "agency_code": (10, lambda d, n, i: i.agency_code),
    "task": (60, _said("task")),
    "directive": (24, lambda d, n, i: directive_words(i, d.language)),
    "lead": (28, _said("lead")),
    "due_on": (13, lambda d, n, i: i.due_on),
    "original_due_on": (13, lambda d, n, i: i.original_due_on),
    "days_late": (10, lambda d, n, i: i.days),
    "days": (10, lambda d, n, i: i.days),
    "extensions": (9, lambda d, n, i: i.extensions),
    "last_report": (36, _said("last_report")),
    "cause": (28, lambda d, n, i: i.cause),
    "commitment": (13, lambda d, n, i: i.committed_on),
    "state": (16, _status),
    "product": (24, lambda d, n, i: i.product),
    "cooperating": (26, lambda d, n, i: "; ".join(i.cooperating)),
    "returned": (9, lambda d, n, i: i.returned),
    "report_on": (13, lambda d, n, i: i.last_report_on),
    "report": (36, lambda d, n, i: i.last_report),
    "explanation": (40, lambda d, n, i: i.explanation),
    "explained_on": (13, lambda d, n, i: i.explained_on),
    "explained_by": (22, lambda d, n, i: i.explained_by),
    "earlier": (36, lambda d, n, i: i.last_concluded),
    "figures": (22, lambda d, n, i: i.figures),
    "digest": (20, lambda d, n, i: i.digest),
    "item": (50, lambda d, n, i: i.title),
}
_LATE = (
    "number", "task", "directive", "lead", "due_on", "original_due_on", "days_late", "extensions", "last_report",
    "cause", "commitment",
)  # fmt: skip
_OTHERS = ("number", "kind", "task", "directive", "lead", "due_on", "days", "state", "last_report", "cause")
_HISTORY = (
    "number", "kind", "agency_code", "lead", "item", "product", "cooperating", "returned", "report_on", "report",
    "explanation", "explained_on", "explained_by", "earlier", "figures", "digest",
)  # fmt: skip


def to_xlsx(dossier: Dossier) -> bytes:
    """The workbook; text is written as text whatever it looks like, the same dossier gives the same bytes."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = _Book(xlsxwriter.Workbook(out, options), dossier)
    book.totals()
    late = dossier.of_kind(ItemKind.OVERDUE)
    others = dossier.of_kind(*(kind for kind in ItemKind if kind is not ItemKind.OVERDUE))
    book.items("overdue", "annex.overdue", _LATE, late)
    book.items("others", "annex.others", _OTHERS, others)
    book.items("history", "annex.history", _HISTORY, dossier.items)
    book.evidence()
    book.addenda()
    book.close()
    return out.getvalue()


class _Book:
    """The sheets of one dossier."""

    def __init__(self, book: Any, dossier: Dossier) -> None:
        self._book, self._dossier = book, dossier
        base = {"font_name": FONT, "font_size": 11, "valign": "top", "border": 1}
        centred = {**base, "align": "center"}
        head = {**centred, "bold": True, "text_wrap": True, "valign": "vcenter", "bg_color": "#E8EEF4"}
        self._head = book.add_format(head)
        self._text = book.add_format({**base, "text_wrap": True})
        self._number = book.add_format({**centred, "num_format": "#,##0"})
        self._day = book.add_format({**centred, "num_format": "dd/mm/yyyy"})
        self._total = book.add_format({**centred, "bold": True, "num_format": "#,##0"})
        self._title = book.add_format({"font_name": FONT, "font_size": 14, "bold": True, "align": "center"})
        self._note = book.add_format({"font_name": FONT, "font_size": 11, "italic": True, "align": "center"})
        book.set_properties(
            {
                "title": storable(dossier.title)[:250],
                "created": datetime.combine(dossier.frozen_on, time()),
                "comments": dossier.word("properties", code=dossier.check_code),
            }
        )

    def close(self) -> None:
        """End the workbook."""
        self._book.close()

    def _sheet(self, key: str, title: str, heads: Sequence[tuple[str, float]]) -> tuple[Any, int]:
        """A new sheet with its titles and column heads, and its first free row."""
        dossier = self._dossier
        sheet = self._book.add_worksheet(dossier.word(f"sheet.{key}"))
        last = len(heads) - 1
        lines = (
            (dossier.title, self._title),
            (title, self._title),
            (dossier.word("cut_off", day=short_day(dossier.as_of)), self._note),
        )
        for number, (line, style) in enumerate(lines):
            sheet.merge_range(number, 0, number, last, "", style)
            sheet.write_string(number, 0, storable(line), style)
        for column, (head, width) in enumerate(heads):
            sheet.set_column(column, column, width)
            sheet.write_string(len(lines), column, head, self._head)
        sheet.freeze_panes(len(lines) + 1, 2)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.set_margins(left=1.18, right=0.6, top=0.8, bottom=0.8)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(len(lines))
        sheet.set_header("&C&P")
        # A code has no "&", which would be a command here.
        sheet.set_footer(
            f"&C&8{dossier.word('properties', code=dossier.check_code)}  SHA-256 {dossier.digest}"
        )
        return sheet, len(lines) + 1

    def totals(self) -> None:
        """The totals by agency and kind."""
        grid = totals_grid(self._dossier)
        heads = [(c.title, 44.0 if n == 1 else 14.0) for n, c in enumerate(grid.columns)]
        sheet, row = self._sheet("totals", self._dossier.word("sheet.totals"), heads)
        for line in grid.rows:
            for column, value in enumerate(line.cells):
                style = self._total if line.kind == "total" else self._number
                if column == 1:
                    sheet.write_string(row, column, storable(value), self._text)
                elif value:
                    sheet.write_number(row, column, int(value), style)
                else:
                    sheet.write_blank(row, column, None, style)
            row += 1

    def items(
        self, key: str, title: str, columns: Sequence[str], items: Sequence[tuple[int, AgendaItem]]
    ) -> None:
        """A sheet of items, one a row."""
        dossier = self._dossier
        heads = [(dossier.word(f"column.{c}"), _COLUMNS[c][0]) for c in columns]
        sheet, row = self._sheet(key, dossier.word(title), heads)
        if not items:
            none = dossier.word("none_overdue" if key == "overdue" else "none")
            sheet.write_string(row, 0, none, self._text)
            return
        first = row
        for position, item in items:
            for column, name in enumerate(columns):
                self._write(sheet, row, column, _COLUMNS[name][1](dossier, position, item))
            row += 1
        sheet.autofilter(first - 1, 0, row - 1, len(columns) - 1)

    def evidence(self) -> None:
        """The files of all items, one a row; no sheet where there is none."""
        dossier = self._dossier
        keys = {
            "number": 6, "item": 50, "lead": 28, "file": 50, "size_bytes": 14, "on": 13, "given_by": 24, "checksum": 70,
        }  # fmt: skip
        files = [(position, item, file) for position, item in dossier.items for file in item.files]
        if not files:
            return
        heads = [(dossier.word(f"column.{key}"), float(width)) for key, width in keys.items()]
        sheet, row = self._sheet("evidence", dossier.word("annex.evidence"), heads)
        for position, item, file in files:
            cells: tuple[_Value, ...] = (
                position, item.title, item.agency_name, file.name, file.size, file.on, file.by, file.sha256,
            )  # fmt: skip
            for column, value in enumerate(cells):
                self._write(sheet, row, column, value)
            row += 1

    def _write(self, sheet: Any, row: int, column: int, value: _Value) -> None:
        match value:
            case None | "":
                sheet.write_blank(row, column, None, self._text)
            case date():
                sheet.write_datetime(row, column, datetime.combine(value, time()), self._day)
            case int():
                sheet.write_number(row, column, value, self._number)
            case str():
                sheet.write_string(row, column, storable(value), self._text)

    def addenda(self) -> None:
        """What was added, and what was concluded, since the freeze; no sheet where there is neither."""
        dossier = self._dossier
        if not dossier.addenda and not dossier.conclusions:
            return
        grid = addenda_grid(dossier)
        heads = [(c.title, float(c.width)) for c in grid.columns]
        sheet, row = self._sheet("addenda", dossier.word("annex.addenda"), heads)
        for remark in dossier.addenda:
            place = dossier.word("whole") if remark.position is None else remark.position
            for column, value in enumerate((remark.on, place, remark.text, remark.by)):
                self._write(sheet, row, column, value)
            row += 1
        for decision in dossier.conclusions:
            place = dossier.word("whole") if decision.position is None else decision.position
            said = f"{dossier.word('fact.conclusion')}. {verdict_words(decision, dossier.language)}"
            for column, value in enumerate((dossier.held_on, place, said, "")):
                self._write(sheet, row, column, value)
            row += 1

"""The overdue list as a workbook: three sheets, typed cells, ready to be printed on A4."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from tracker.documents.tables import (
    Sheet,
    Value,
    agency_sheet,
    annex_sheet,
    cut_off_words,
    overdue_sheet,
    rate_words,
    scope_words,
)
from tracker.documents.text import storable
from tracker.domain.overdue import OverdueList
from tracker.i18n import Language, text

_WIDTHS: Mapping[str, float] = {
    "number": 6,
    "task": 62,
    "directive": 24,
    "lead": 32,
    "due_on": 13,
    "cooperating": 30,
    "original_due_on": 13,
    "days_late": 10,
    "extensions": 9,
    "last_report": 34,
    "cause": 26,
    "commitment": 13,
    "agency": 44,
    "agencies": 12,
}
_LANDSCAPE_A4 = 9
_FONT = "Times New Roman"  # Decree 30/2020/NĐ-CP, annex I
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class _Styles:
    title: Format
    note: Format
    header: Format
    text: Format
    number: Format
    day: Format
    percent: Format
    group: Format
    total: Format
    total_percent: Format


def to_xlsx(listing: OverdueList, language: Language) -> bytes:
    """A workbook with the annex, the list by agency, and the figures of every agency.

    Text is written as text whatever it looks like: nothing in the file is a formula or a link.
    The same list gives the same bytes.
    """
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(out, options)
    as_of = listing.as_of
    made = as_of.replace(tzinfo=None) if isinstance(as_of, datetime) else datetime.combine(as_of, time())
    title = text(language, "overdue_title")
    book.set_properties({"title": title, "created": made, "comments": cut_off_words(listing.as_of, language)})
    styles = _styles(book)
    for sheet in (
        annex_sheet(listing, language),
        overdue_sheet(listing, language),
        agency_sheet(listing, language),
    ):
        _write(
            book.add_worksheet(text(language, f"overdue_sheet_{sheet.key}")), sheet, listing, styles, language
        )
    book.close()
    return out.getvalue()


def _styles(book: xlsxwriter.Workbook) -> _Styles:
    base = {"font_name": _FONT, "font_size": 11, "valign": "top", "border": 1}
    wrapped = {**base, "text_wrap": True}
    centred = {**base, "align": "center"}
    plain = {"font_name": _FONT}
    return _Styles(
        title=book.add_format({**plain, "font_size": 14, "bold": True, "align": "center"}),
        note=book.add_format({**plain, "font_size": 12, "italic": True, "align": "center"}),
        header=book.add_format(
            {**wrapped, "bold": True, "align": "center", "valign": "vcenter", "bg_color": "#E8EEF4"}
        ),
        text=book.add_format(wrapped),
        number=book.add_format({**centred, "num_format": "#,##0"}),
        day=book.add_format({**centred, "num_format": "dd/mm/yyyy"}),
        percent=book.add_format({**centred, "num_format": '0.00"%"'}),
        group=book.add_format({**wrapped, "bold": True, "bg_color": "#F5F5F0"}),
        total=book.add_format({**centred, "bold": True, "num_format": "#,##0"}),
        total_percent=book.add_format({**centred, "bold": True, "num_format": '0.00"%"'}),
    )


def _write(
    worksheet: Worksheet, sheet: Sheet, listing: OverdueList, styles: _Styles, language: Language
) -> None:
    last = len(sheet.columns) - 1
    lines = [
        (text(language, f"overdue_title_{sheet.key}"), styles.title),
        (cut_off_words(listing.as_of, language), styles.note),
        *((line, styles.note) for line in scope_words(listing, language)),
    ]
    if sheet.key == "agencies":
        lines.append((rate_words(listing.rate, language), styles.note))
    for number, (line, style) in enumerate(lines):
        worksheet.merge_range(number, 0, number, last, "", style)
        worksheet.write_string(number, 0, storable(line), style)
    header = len(lines)
    for column, key in enumerate(sheet.columns):
        worksheet.set_column(column, column, _WIDTHS.get(key, 11))
        worksheet.write_string(header, column, text(language, f"overdue_column_{key}"), styles.header)
    row = header + 1
    for group in sheet.groups:
        if group.heading:
            worksheet.merge_range(row, 0, row, last, "", styles.group)
            worksheet.write_string(row, 0, storable(group.heading), styles.group)
            row += 1
        for cells in group.rows:
            _write_row(worksheet, row, cells, styles)
            row += 1
    if sheet.total is not None:
        for column, value in enumerate(sheet.total):
            style = styles.total_percent if sheet.columns[column] == "rate" else styles.total
            _write_cell(worksheet, row, column, value, styles, forced=style)
        row += 1
    if row == header + 1:
        worksheet.merge_range(row, 0, row, last, "", styles.text)
        worksheet.write_string(row, 0, text(language, "overdue_none"), styles.text)
    _page(worksheet, header, last)


def _write_row(worksheet: Worksheet, row: int, cells: tuple[Value, ...], styles: _Styles) -> None:
    for column, value in enumerate(cells):
        _write_cell(worksheet, row, column, value, styles)


def _write_cell(
    worksheet: Worksheet, row: int, column: int, value: Value, styles: _Styles, forced: Format | None = None
) -> None:
    match value:
        case None:
            worksheet.write_blank(row, column, None, forced or styles.text)
        case date():
            worksheet.write_datetime(row, column, datetime.combine(value, time()), forced or styles.day)
        case Decimal():
            worksheet.write_number(row, column, float(value), forced or styles.percent)
        case int():
            worksheet.write_number(row, column, value, forced or styles.number)
        case str():
            worksheet.write_string(row, column, storable(value), forced or styles.text)


def _page(worksheet: Worksheet, header: int, last: int) -> None:
    """A4 across, the header on every page and in sight while scrolling, page numbers at the top (Decree 30)."""
    worksheet.freeze_panes(header + 1, 2)
    worksheet.set_landscape()
    worksheet.set_paper(_LANDSCAPE_A4)
    worksheet.set_margins(left=1.18, right=0.6, top=0.8, bottom=0.8)
    worksheet.fit_to_pages(1, 0)
    worksheet.repeat_rows(header)
    worksheet.set_header("&C&P")
    worksheet.print_area(0, 0, max(worksheet.dim_rowmax or 0, header + 1), last)

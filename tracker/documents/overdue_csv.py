"""The overdue list as CSV (RFC 4180): one line an assignment, or one line a task."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

from tracker.documents.tables import Sheet, Value, cut_off_words
from tracker.documents.text import guarded
from tracker.domain.overdue import OverdueList
from tracker.i18n import Language, text

BOM = "\ufeff"


def to_csv(listing: OverdueList, sheet: Sheet, language: Language, *, with_bom: bool = False) -> bytes:
    """UTF-8 with CRLF; the cut-off stands in every line, so that a part of the file still says it.

    Excel reads UTF-8 only with a mark; other programs are confused by one: `with_bom` chooses.
    Text that begins like a formula is guarded; numbers and dates stay what they are.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    cut_off = cut_off_words(listing.as_of, language)
    is_divided = any(group.heading for group in sheet.groups)
    headers = [text(language, f"overdue_column_{column}") for column in sheet.columns]
    if is_divided:
        headers.append(text(language, f"overdue_group_{sheet.key}"))
    writer.writerow([*headers, text(language, "overdue_cut_off")])
    for group in sheet.groups:
        for row in group.rows:
            cells = [_cell(value) for value in row]
            if is_divided:
                cells.append(guarded(group.heading))
            writer.writerow([*cells, cut_off])
    return ((BOM if with_bom else "") + out.getvalue()).encode()


def _cell(value: Value) -> str:
    match value:
        case None:
            return ""
        case date():
            return value.strftime("%d/%m/%Y")
        case int() | Decimal():
            return str(value)
    return guarded(value)

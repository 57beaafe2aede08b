"""Excel workbooks (.xlsx) of strangers: bounded before they are opened, read without evaluating anything."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.formula import ArrayFormula

from tracker.intake.tables import (
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    Formula,
    Table,
    column_letters,
    numbered,
    refuse,
)

# QUALITY attack case 73: looked up in the central directory, before a byte is unpacked.
MAX_UNPACKED = 50 * 1024 * 1024
MAX_RATIO = 100
MAX_ENTRIES = 1000
_SMALL = 1024 * 1024  # A short repetitive part packs better than MAX_RATIO without being a bomb.
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z]{1,3}\d{1,7}(?::[A-Z]{1,3}\d{1,7})?)"')
_CHUNK = 1024 * 1024
_CELL_TYPES = (str, int, float, bool, date, datetime, time)


def read_workbook(data: bytes, sheet: str = "") -> Table:
    """The sheet named `sheet`, or the first one that holds something.

    Values only: a cell with a formula stays empty and is listed in `formulas`.
    Raises Unreadable for bombs, macros, entities, and files that are no workbook.
    """
    table = Table(())
    for table in _tables(data, sheet):
        if any(not row.is_empty for row in table.rows):
            break
    return table


def read_workbooks(data: bytes, sheet: str = "") -> list[Table]:
    """Every sheet that holds something, or the one named `sheet`; as read_workbook."""
    return [table for table in _tables(data, sheet) if any(not row.is_empty for row in table.rows)]


def _tables(data: bytes, sheet: str) -> Iterator[Table]:
    check_archive(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    except Exception as error:  # openpyxl raises whatever its parsers raise on a broken file
        raise refuse("import_xlsx_broken", type(error).__name__) from error
    try:
        names = [s.title for s in book.worksheets]
        if sheet and sheet not in names:
            raise refuse("import_sheet_unknown", sheet, sheets=", ".join(names))
        is_1904 = book.epoch == CALENDAR_MAC_1904
        for worksheet in book.worksheets:
            if not sheet or worksheet.title == sheet:
                yield _read_sheet(data, worksheet, is_1904)
    finally:
        book.close()


def check_archive(data: bytes) -> None:
    """Refuse an archive that is too large when unpacked, or carries what a table of tasks never does."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise refuse("import_xlsx_broken", "zip") from error
    with archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES:
            raise refuse("import_bomb", len(entries), limit=MAX_ENTRIES)
        unpacked = sum(e.file_size for e in entries)
        if unpacked > MAX_UNPACKED:
            raise refuse("import_bomb", unpacked, limit=MAX_UNPACKED)
        for entry in entries:
            if entry.file_size > _SMALL and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
                raise refuse("import_bomb", entry.filename, limit=MAX_RATIO)
            if entry.flag_bits & 1:
                raise refuse("import_encrypted")
        names = {e.filename for e in entries}
        if any(name.lower().endswith(("vbaproject.bin", ".bin")) and "vba" in name.lower() for name in names):
            raise refuse("import_macros")
        if "[Content_Types].xml" not in names or not any(n.startswith("xl/") for n in names):
            raise refuse("import_xlsx_broken", "xl/")
        for entry in entries:
            if entry.filename.lower().endswith((".xml", ".rels")):
                _check_part(archive, entry)


def _check_part(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """No part declares a document type: entities are how a small file grows in the parser (case 74)."""
    read = 0
    tail = b""
    for chunk in _unpacked(archive, entry):
        read += len(chunk)
        if read > MAX_UNPACKED:
            raise refuse("import_bomb", entry.filename, limit=MAX_UNPACKED)
        # Also in UTF-16, where every second byte is nothing.
        seen = (tail + chunk).replace(b"\0", b"")
        if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
            raise refuse("import_entities", entry.filename)
        tail = chunk[-32:]


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """A part in pieces. Raises Unreadable where the archive is damaged or lies about its sizes."""
    try:
        with archive.open(entry) as part:
            while chunk := part.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise refuse("import_xlsx_broken", type(error).__name__) from error


def _read_sheet(data: bytes, worksheet: Any, is_1904: bool) -> Table:
    # `worksheet` is openpyxl's read-only one, which its type stubs do not describe.
    worksheet.reset_dimensions()  # The size a file claims for itself is not believed (case 75).
    formulas: list[Formula] = []

    def lines() -> Iterator[list[Cell]]:
        for number, row in enumerate(worksheet.iter_rows(), start=1):
            if number > MAX_ROWS:
                raise refuse("import_too_many_rows", number, limit=MAX_ROWS)
            if len(row) > MAX_COLUMNS and any(c.value is not None for c in row[MAX_COLUMNS:]):
                raise refuse("import_too_many_columns", len(row), row=number, limit=MAX_COLUMNS)
            yield [_value(cell, number, column, formulas) for column, cell in enumerate(row[:MAX_COLUMNS], 1)]

    try:
        rows = numbered(lines())
    except (ValueError, KeyError, OverflowError) as error:
        raise refuse("import_xlsx_broken", type(error).__name__) from error
    merged = tuple(_merged_ranges(data, worksheet))
    return Table(rows, worksheet.title, merged, tuple(formulas), is_1904)


def _value(cell: Any, row: int, column: int, formulas: list[Formula]) -> Cell:
    value = cell.value
    if isinstance(value, ArrayFormula):
        value = value.text or "="
    if cell.data_type == "f":
        formulas.append(Formula(row, column, str(value)[:60]))
        return None
    if cell.data_type == "e":  # "#REF!": a broken formula somebody pasted as a value
        formulas.append(Formula(row, column, str(value)))
        return None
    if isinstance(value, date) and _shows_a_month(cell.number_format):
        return f"{value.month}/{value.year}"  # "6/2025", typed as text, becomes 1 June in a spreadsheet
    return value if value is None or isinstance(value, _CELL_TYPES) else str(value)


def _shows_a_month(number_format: str | None) -> bool:
    """Whether a date is shown as month and year only.

    >>> _shows_a_month("mmm-yy"), _shows_a_month("dd/mm/yyyy")
    (True, False)
    """
    plain = re.sub(r'"[^"]*"|\[[^\]]*\]', "", (number_format or "").lower())
    return "m" in plain and "y" in plain and "d" not in plain


def _merged_ranges(data: bytes, worksheet: Any) -> Iterator[tuple[int, int, int, int]]:
    """Merged ranges, which openpyxl does not tell of a workbook that it streams."""
    path = worksheet._worksheet_path.lstrip("/")
    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(path) as part:
        tail = b""
        seen: set[bytes] = set()
        while chunk := part.read(_CHUNK):
            for found in _MERGED.finditer(tail + chunk):
                if found.group(1) not in seen:
                    seen.add(found.group(1))
                    left, top, right, bottom = range_boundaries(found.group(1).decode())
                    yield int(top or 0), int(left or 0), int(bottom or 0), int(right or 0)
            tail = chunk[-200:]


def cell_name(row: int, column: int) -> str:
    """A cell as a spreadsheet names it.

    >>> cell_name(12, 3)
    'C12'
    """
    return f"{column_letters(column)}{row}"

"""Dates as people write them into tables: read where there is one reading, refused where there are two."""

from __future__ import annotations

import re
from datetime import date, timedelta

from tracker.domain.errors import Problem
from tracker.intake.tables import Cell, shown

EXPECTED = "dd/mm/yyyy"
_EARLIEST, _LATEST = 1945, 2100
_DAY_FIRST = re.compile(r"(\d{1,2})\s*[/.\-]\s*(\d{1,2})\s*[/.\-]\s*(\d{2,4})")
_YEAR_FIRST = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00)?(?:\.0+)?)?")
_IN_WORDS = re.compile(r"(?:ngày\s+)?(\d{1,2})\s+tháng\s+(\d{1,2})\s+năm\s+(\d{4})", re.IGNORECASE)
_SERIALS = (15_000.0, 75_000.0)  # 1941 to 2105: anything else in a column of dates is no date


def looks_like_date(cell: Cell) -> bool:
    """Whether a cell is meant as one date, right or wrong; "trong quý III" and "6/2025" are not.

    >>> looks_like_date("31/02/2019"), looks_like_date("6/2025"), looks_like_date("trước ngày 30/11/2025")
    (True, False, False)
    """
    if isinstance(cell, date):
        return True
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _SERIALS[0] <= cell <= _SERIALS[1]
    text = shown(cell).strip()
    return any(p.fullmatch(text) for p in (_DAY_FIRST, _YEAR_FIRST, _IN_WORDS))


def read_date(cell: Cell, field: str, *, is_1904: bool = False) -> date | Problem:
    """The civil date of a cell, or what is wrong with it and what was expected.

    Day first (dd/mm/yyyy, d-m-yyyy), ISO, "ngày 05 tháng 8 năm 2025", a real date, or the serial number of one
    (from 1900 or, in workbooks of old Macs, 1904). A month beyond 12 names both readings; nothing is swapped.

    >>> read_date("ngày 05 tháng 8 năm 2025", "/due_on")
    datetime.date(2025, 8, 5)
    >>> read_date("12/31/2019", "/due_on").code
    'import_date_month_and_day_swapped'
    """
    if isinstance(cell, date):
        return _checked(cell.day, cell.month, cell.year, shown(cell), field)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _from_serial(cell, field, is_1904)
    text = shown(cell).strip()
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day = (int(part) for part in found.groups())
    elif found := _DAY_FIRST.fullmatch(text) or _IN_WORDS.fullmatch(text):
        day, month, year = (int(part) for part in found.groups())
        if len(found.group(3)) < 4:
            return Problem(field, "import_date_short_year", text, {"expected": EXPECTED})
    else:
        return Problem(field, "import_date_expected", text, {"expected": EXPECTED})
    return _checked(day, month, year, text, field)


def _checked(day: int, month: int, year: int, text: str, field: str) -> date | Problem:
    if not _EARLIEST <= year <= _LATEST:
        params = {"earliest": _EARLIEST, "latest": _LATEST, "expected": EXPECTED}
        return Problem(field, "import_date_year_out_of_range", text, params)
    try:
        return date(year, month, day)
    except ValueError:
        pass
    try:
        swapped = date(year, day, month)
    except ValueError:
        return Problem(field, "import_date_impossible", text, {"expected": EXPECTED})
    as_given = f"{day:02d}/{month:02d}/{year}"
    return Problem(
        field,
        "import_date_month_and_day_swapped",
        text,
        {"day_first": as_given, "month_first": swapped.strftime("%d/%m/%Y"), "expected": EXPECTED},
    )


def _from_serial(cell: float, field: str, is_1904: bool) -> date | Problem:
    if not _SERIALS[0] <= cell <= _SERIALS[1]:
        return Problem(field, "import_date_expected", shown(cell), {"expected": EXPECTED})
    # Day 0 of the 1900 system is 30/12/1899 for every date after the 29/02/1900 that never was.
    epoch = date(1904, 1, 1) if is_1904 else date(1899, 12, 30)
    return epoch + timedelta(days=int(cell))

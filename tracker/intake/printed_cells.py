"""What a cell of a printed table says: a whole number, a percentage, both, or neither."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from tracker.domain.search import word_key
from tracker.intake.tables import Cell

_SPACES = re.compile("[\u00a0\u202f\u2009]")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([., ])\d{3})(?:\1\d{3})*|[+-]?\d+")
_UNITS = "nhiệm vụ|nv|văn bản|đề án|hồ sơ|việc|dự án|cuộc|đơn vị|cơ quan|bộ|tỉnh|thủ tục|người|tasks?|items?|cases?"
_WITH_UNIT = re.compile(rf"([+-]?\d[\d., ]*?)\s+(?:{_UNITS})", re.IGNORECASE)
_MARKS = re.compile(r"\s*(?:[*†‡¹²³]+|\(\*+\))$")
_PERCENT = re.compile(r"\d{1,3}(?:[.,]\d+)?\s*%")
_BARE = re.compile(r"\d{1,3}(?:[.,]\d+)?")
_DECIMAL = re.compile(r"[+-]?\d[\d. ]*,\d+|[+-]?\d+\.\d{1,2}|[+-]?\d[\d,]*\.\d{4,}")
_BOTH = re.compile(r"([+-]?\d[\d., ]*?)\s*[(/]\s*(\d{1,3}(?:[.,]\d+)?\s*%)\s*\)?")
_RATES = ("ty le", "ti le", "ty trong", "ti trong", "co cau", "percent", "rate", "share")
_SHARES = ("ty trong", "ti trong", "co cau", "share")


def figure(cell: Cell | object) -> int | None:
    """A whole number, typed or written with its thousands marked, also before what it counts.

    >>> figure("1.620"), figure("1 620*"), figure(12.0), figure("98,62%"), figure(True)
    (1620, 1620, 12, None, None)
    >>> figure("9.831 nhiệm vụ"), figure("12 ngày")
    (9831, None)
    """
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int):
        return cell
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() else None
    if not isinstance(cell, str) or len(cell) > 200:
        return None
    written = _MARKS.sub("", _SPACES.sub(" ", cell.strip()))
    if (both := _BOTH.fullmatch(written)) is not None:
        written = both[1]
    elif (found := _WITH_UNIT.fullmatch(written)) is not None:
        written = found[1]
    return int(re.sub(r"[., ]", "", written)) if _GROUPED.fullmatch(written) else None


def percent(cell: Cell) -> str | None:
    """A percentage that says so itself, as it is written.

    >>> percent("98,62%"), percent("950 (76%)"), percent("98,62")
    ('98,62%', '76%', None)
    """
    if not isinstance(cell, str) or len(cell) > 60:
        return None
    written = _MARKS.sub("", cell.strip())
    if _PERCENT.fullmatch(written):
        return written
    both = _BOTH.fullmatch(written)
    return both[2] if both else None


def rate(cell: Cell, *, is_fraction: bool) -> str | None:
    """A percentage in a column of rates, where the sign may be missing; a fraction is one that is shown in percent.

    >>> rate("98,62", is_fraction=False), rate(0.9862, is_fraction=True), rate(83.7, is_fraction=False)
    ('98,62', '98.62', '83.7')
    >>> rate(1, is_fraction=True), rate(1, is_fraction=False), rate("–", is_fraction=False)
    ('100', '1', None)
    """
    told = percent(cell)
    if told is not None:
        return told
    if isinstance(cell, str):
        written = _MARKS.sub("", cell.strip())
        return written if _BARE.fullmatch(written) else None
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    value = Decimal(repr(cell))
    scaled = (value * 100 if is_fraction else value).normalize()
    if not 0 <= scaled < 1000:
        return None
    places = -int(scaled.as_tuple().exponent)
    if places > 4:  # never rounded by anybody: shown with two decimals
        scaled = scaled.quantize(Decimal("0.01"))
    return format(scaled, "f")


def holds_fractions(cells: Iterable[Cell], heading: str) -> bool:
    """Whether the numbers of a column of rates are fractions: none is above 1, and where all are whole, its heading
    does not say that they are percent.

    >>> holds_fractions([0.75, 1, None], "Tỷ lệ (%)"), holds_fractions([75, 1], "Tỷ lệ")
    (True, False)
    >>> holds_fractions([1, 0], "Tỷ lệ"), holds_fractions([1, 0], "Tỷ lệ (%)")
    (True, False)
    """
    numbers = [c for c in cells if isinstance(c, int | float) and not isinstance(c, bool)]
    if not numbers or max(numbers) > 1:
        return False
    return "%" not in heading or any(0 < number < 1 for number in numbers)


def is_decimal(cell: Cell) -> bool:
    """Whether it is a number that is no whole one: an amount of money, an average."""
    if isinstance(cell, float):
        return not cell.is_integer()
    if not isinstance(cell, str) or len(cell) > 60 or figure(cell) is not None:
        return False
    return _DECIMAL.fullmatch(cell.strip()) is not None


def is_number(cell: Cell) -> bool:
    """Whether a cell says a number of any kind."""
    return figure(cell) is not None or is_decimal(cell) or percent(cell) is not None


def is_rate(heading: str) -> bool:
    """Whether a heading stands above percentages."""
    key = word_key(heading)
    return "%" in heading or any(word in key for word in _RATES)


def is_share(heading: str) -> bool:
    """Whether a heading stands above the parts of a whole in percent, down the column.

    >>> is_share("Tỷ trọng (%)"), is_share("Tỷ lệ hoàn thành (%)")
    (True, False)
    """
    key = word_key(heading)
    return any(word in key for word in _SHARES)


def without_rate_words(key: str) -> str:
    """What a heading is the rate of, in its key: "ty le hoan thanh" is of "hoan thanh"."""
    for word in _RATES:
        key = key.replace(word, " ")
    return " ".join(key.split())

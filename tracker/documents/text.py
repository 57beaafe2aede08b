"""What may be written into a cell: nothing that a spreadsheet would run, nothing that its file cannot hold."""

from __future__ import annotations

import re

_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠")
MAX_CELL = 32_767
"""The longest text that a cell of a workbook can hold."""


def storable(text: str) -> str:
    """The text without the characters that no workbook may contain (control characters, lone surrogates)."""
    return whole(text)[:MAX_CELL]


def whole(text: str) -> str:
    """The same without an end at what a cell can hold, for files that hold any length."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def guarded(text: str) -> str:
    """A text cell of a CSV file that no spreadsheet will run: an apostrophe before what begins like a formula.

    Only for text: numbers and dates are never guarded, a negative number must stay one. A blank before the sign
    does not make it harmless, so blanks are looked through.
    Source: OWASP ASVS 5.0, 1.2.10.

    >>> guarded("=cmd|'/C calc'!A0"), guarded("Bộ Y tế"), guarded(" +1-1")
    ("'=cmd|'/C calc'!A0", 'Bộ Y tế', "' +1-1")
    """
    cleaned = _CONTROLS.sub("", text) if not text.startswith("\x00") else text
    begins = cleaned.startswith(_RUNS) or cleaned.lstrip(" \u00a0\u3000").startswith(_RUNS)
    return "'" + storable(cleaned) if begins else storable(cleaned)

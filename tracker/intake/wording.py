"""What is wrong with a row, in words: for the command line, the preview of the API and the pages alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from enum import Enum

from tracker import i18n
from tracker.intake.columns import Column, column_of


def sentence(language: i18n.Language, code: str, value: object, params: Mapping[str, object] | None) -> str:
    """What is wrong; an import's own wording goes before the general one."""
    filled = {
        "value": "" if value is None else plain(value),
        **{name: plain(given) for name, given in (params or {}).items()},
    }
    for key in (f"import_row_{code}", code, f"error.{code}"):
        if i18n.has(key):
            return i18n.text(language, key, **filled)
    return f"{code} {filled}"


def expected(language: i18n.Language, column: str) -> str:
    """The form that a column wants, by its header; empty for columns of free text."""
    key = f"import_expects_{column_of(column) or Column.NOTE}"
    return i18n.text(language, key) if i18n.has(key) else ""


def plain(value: object) -> object:
    """A value as a sentence shows it: days as Vietnamese papers write them, long texts cut."""
    match value:
        case date():
            return value.strftime("%d/%m/%Y")
        case time():
            return value.strftime("%H:%M")
        case Enum():
            return value.value
        case str():
            return " ".join(value.split())[:120]
        case list() | tuple():
            return ", ".join(str(v) for v in value)
    return value

"""Printed tables from files: JSON with named cells, or a workbook as offices send them, or cells as csv.

A sheet is either a list of figures under names (two columns) or a grid with headings, a line of totals and, where
its numbering shows groups (I, II, A, B), subtotals. Figures may be numbers or texts such as "1.620" and "98,62%".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from tracker.domain.printed_tables import CheckedTable, PrintedPercentage, PrintedTable
from tracker.domain.search import word_key
from tracker.domain.statistics import Rate, Rounding
from tracker.intake.delimited import read_csv
from tracker.intake.files import load_json
from tracker.intake.printed_cells import figure, is_number, without_rate_words
from tracker.intake.printed_sheets import tables_of
from tracker.intake.tables import Cell, Row, Table, refuse
from tracker.intake.workbook import read_workbooks

_PART = re.compile(r"\s*trong đó\b", re.IGNORECASE)
_COUNTED = re.compile(r"^(?:so luong |so )?(.*?)(?: so luong| so nhiem vu| nhiem vu)?$")

# What headings say, most telling first; a heading may stand under another ("Hoàn thành / Đúng hạn").
_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("done_on_time", ("hoan thanh dung han", "da hoan thanh dung han", "xong dung han", "dung han", "done on time")),
    (
        "done_late",
        (
            "hoan thanh qua han", "hoan thanh tre han", "hoan thanh cham", "hoan thanh tre", "tre han",
            "done late",
        ),
    ),
    (
        "open_in_term",
        (
            "chua hoan thanh trong han", "chua hoan thanh chua den han", "dang thuc hien trong han", "trong han",
            "chua den han", "open in term", "open in time", "in term", "in time",
        ),
    ),
    (
        "open_overdue",
        (
            "chua hoan thanh qua han", "dang thuc hien qua han", "qua han chua hoan thanh", "qua han",
            "open overdue", "overdue",
        ),
    ),
    ("not_submitted", ("chua trinh", "not submitted")),
    ("submitted", ("da trinh", "submitted")),
    ("issued", ("da ban hanh", "ban hanh", "issued")),
    ("done_of_due", ("den han da hoan thanh", "hoan thanh den han", "done of due")),
    ("due", ("den han", "da den han", "fallen due", "due")),
    ("open", ("chua hoan thanh", "dang thuc hien", "chua xong", "open")),
    ("done", ("da hoan thanh", "hoan thanh", "da xong", "done")),
    ("total", ("tong so nhiem vu", "tong so", "tong nhiem vu", "tong", "duoc giao", "so nhiem vu", "total")),
)  # fmt: skip


def read_printed_tables(data: bytes, name: str, sheet: str = "") -> list[PrintedTable]:
    """The tables of a file, by its extension (.json, .xlsx, .csv). Raises Unreadable, naming what is expected."""
    extension = PurePath(name).suffix.lower()
    if extension == ".json":
        return _read_json(data, PurePath(name).stem)
    if extension not in (".xlsx", ".csv"):
        raise refuse("check_table_kind", extension or name, allowed=".json, .xlsx, .csv")
    sheets = read_workbooks(data, sheet) if extension == ".xlsx" else [read_csv(data)]
    read = [table for found in sheets for table in tables_of(found, official_name)]
    if not read:
        raise refuse("check_table_no_figures", name)
    return read


def official_name(heading: str, *, is_exact: bool = False) -> str:
    """The cell that a heading means, in our words; the heading itself where none is known.

    >>> official_name("Hoàn thành / Đúng hạn"), official_name("Chưa hoàn thành"), official_name("Ghi chú")
    ('done_on_time', 'open', 'Ghi chú')
    >>> official_name("nine ministries total", is_exact=True)
    'nine ministries total'
    """
    key = without_rate_words(word_key(heading.replace("_", " ")))
    if not is_exact and _PART.search(heading.rpartition("/")[2]):
        return heading
    counted = _COUNTED.fullmatch(key)
    keys = (key, counted[1]) if counted and counted[1] else (key,)
    for name, spellings in _NAMES:
        if any(one in spellings for one in keys):
            return name
    if is_exact:
        return heading
    # The longest that fits: "chưa hoàn thành quá hạn" also ends like "hoàn thành quá hạn".
    fitting = [
        (len(s), name)
        for name, spellings in _NAMES
        for s in spellings
        if any(one.startswith(s) or one.endswith(s) for one in keys)
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else heading


# --- JSON ---


def _read_json(data: bytes, name: str) -> list[PrintedTable]:
    parsed = load_json(data)
    if isinstance(parsed, dict) and isinstance(parsed.get("tables"), list):
        parsed = parsed["tables"]
    given = parsed if isinstance(parsed, list) else [parsed]
    if not given or not all(_is_table(table) for table in given):
        raise refuse("check_table_shape", name)
    return [_json_table(table, f"{name}-{number}") for number, table in enumerate(given, 1)]


def _is_table(given: object) -> bool:
    """Whether it has named cells, or rows in the place of them."""
    if not isinstance(given, dict):
        return False
    return isinstance(given.get("cells"), dict) or (
        "cells" not in given and isinstance(given.get("rows"), list)
    )


_GRID = ("columns", "rows", "total")


def _json_table(given: Mapping[str, Any], otherwise: str) -> PrintedTable:
    cells: Mapping[str, Any] = given["cells"] if "cells" in given else {k: given.get(k) for k in _GRID}
    made = _json_grid(cells)
    single = _named({k: v for k, v in cells.items() if made is None or k not in _GRID})
    printed = given.get("printed_percentages", given.get("percentages", []))
    if not isinstance(printed, list):
        raise refuse("check_table_percentages", str(printed)[:40])
    own = tuple(_json_percentage(row, single) for row in printed)
    return PrintedTable(
        str(given.get("id", otherwise))[:100],
        single,
        None if made is None else made.grid,
        own if made is None else (*own, *made.percentages),
    )


def _named(cells: Mapping[str, Any]) -> dict[str, object]:
    """Cells under official names where their own says exactly that, with figures that are written as text."""
    named: dict[str, object] = {}
    for key, value in cells.items():
        official = official_name(str(key), is_exact=True)
        is_free = official not in cells and official not in named
        named[official if is_free else str(key)] = _plain(value)
    return named


def _plain(value: object) -> object:
    match value:
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
    found = figure(value)
    return value if found is None else found


def _json_grid(cells: Mapping[str, Any]) -> PrintedTable | None:
    """The grid of a table whose cells are `columns`, `rows` and perhaps `total`: rows of a name and figures, or by
    the names of their columns."""
    columns, rows, total = (cells.get(name) for name in _GRID)
    if not isinstance(rows, list) or not rows:
        return None
    if columns is None and all(isinstance(row, dict) for row in rows):
        columns = list(dict.fromkeys(key for row in rows for key in row if key not in _NAME_KEYS))
    if not isinstance(columns, list):
        return None
    lines = [_line(row, columns) for row in rows]
    if total is not None:
        lines.append(_line(["total", *total] if isinstance(total, list) else total, columns, "total"))
    head: list[Cell] = ["", *(str(column) for column in columns)]
    table = Table(tuple(Row(number, tuple(line)) for number, line in enumerate([head, *lines], 1)))
    made = tables_of(table, official_name)
    return made[0] if len(made) == 1 and made[0].grid is not None else None


_NAME_KEYS = ("name", "label", "agency", "ten", "tên", "co_quan", "cơ quan")


def _line(row: object, columns: list[Any], otherwise: str = "") -> list[Cell]:
    """A row as a name and as many cells as there are columns."""
    if isinstance(row, dict):
        name = next((row[key] for key in _NAME_KEYS if key in row), otherwise)
        row = [name, *(row.get(str(column)) for column in columns)]
    if not isinstance(row, list) or len(row) != len(columns) + 1:
        raise refuse("check_table_row", str(row)[:60], expected=len(columns) + 1)
    for cell in row[1:]:
        if cell not in (None, "", "-", "–", "—") and not is_number(cell):
            raise refuse("check_table_figure", str(cell)[:40])
    return [str(row[0] or "").strip() or "–", *row[1:]]


def _json_percentage(row: object, cells: Mapping[str, object]) -> PrintedPercentage:
    if not isinstance(row, dict) or "printed" not in row:
        raise refuse("check_table_percentages", str(row)[:60])
    label = str(row.get("label", ""))
    numerator, denominator = row.get("numerator"), row.get("denominator")
    top, bottom = (name.strip() for name in label.partition("/")[::2])
    return PrintedPercentage(
        label,
        str(row["printed"]),
        figure(numerator),
        figure(denominator),
        numerator_name=_cell_of(numerator if isinstance(numerator, str) else top, cells),
        denominator_name=_cell_of(denominator if isinstance(denominator, str) else bottom, cells),
        words=label,
    )


def _cell_of(words: str, cells: Mapping[str, object]) -> str:
    """The cell that a word of a label names; "" where there is none of it."""
    return next((name for name in (words, official_name(words)) if name in cells), "")


# --- what was found, as data ---


def as_json(table: CheckedTable) -> dict[str, Any]:
    """What was found in one table: sums in figures, and each percentage with its explanation or null."""
    return {
        "id": table.id,
        "identities": [{"text": identity.text, "holds": identity.holds} for identity in table.identities],
        "percentages": [
            {"label": p.label, "printed": p.printed, "explained_by": _rate_as_json(p.explained_by)}
            for p in table.percentages
        ],
    }


def _rate_as_json(rate: Rate | None) -> dict[str, Any] | None:
    if rate is None:
        return None
    return {
        "numerator": rate.numerator,
        "denominator": rate.denominator,
        "rounding": rate.rounding.value,
        "numerator_name": rate.numerator_name or None,
        "denominator_name": rate.denominator_name or None,
        "others": [str(other) for other in rate.others] if rate.rounding is Rounding.REMAINDER else None,
    }

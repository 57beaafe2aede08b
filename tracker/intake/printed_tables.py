"""Printed tables from files: JSON with named cells, or a workbook as offices send them, one table a sheet.

A sheet is either a list of figures under names (two columns) or a grid with headings, a line of totals and, where
its numbering shows groups (I, II, A, B), subtotals. Figures may be numbers or texts such as "1.620" and "98,62%".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath

from tracker.domain.printed_tables import Grid, PrintedPercentage, PrintedTable
from tracker.domain.search import word_key
from tracker.intake.tables import Cell, Row, Table, is_blank, refuse, shown
from tracker.intake.workbook import read_workbooks

_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+|[+-]?\d+")
_PERCENT = re.compile(r"\d{1,3}(?:[.,]\d+)?\s*%")
_GROUP_MARK = re.compile(r"[IVX]{1,5}|[A-H]")
_TOTALS = ("tong", "cong", "total", "toan quoc", "ca nuoc", "sum")
_RATES = ("ty le", "ti le", "percent", "rate")

# What headings say, most telling first; a heading may stand under another ("Hoàn thành / Đúng hạn").
_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("done_on_time", ("hoan thanh dung han", "da hoan thanh dung han", "xong dung han", "done on time")),
    ("done_late", ("hoan thanh qua han", "hoan thanh tre han", "hoan thanh cham", "hoan thanh tre", "done late")),
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
    """The tables of a file, by its extension (.json, .xlsx). Raises Unreadable, naming what is expected."""
    extension = PurePath(name).suffix.lower()
    if extension == ".json":
        return _read_json(data, PurePath(name).stem)
    if extension == ".xlsx":
        tables = [_from_sheet(found) for found in read_workbooks(data, sheet)]
        read = [table for table in tables if table is not None]
        if not read:
            raise refuse("check_table_no_figures", name)
        return read
    raise refuse("check_table_kind", extension or name, allowed=".json, .xlsx")


def official_name(heading: str) -> str:
    """The cell that a heading means, in our words; the heading itself where none is known.

    >>> official_name("Hoàn thành / Đúng hạn"), official_name("Chưa hoàn thành"), official_name("Ghi chú")
    ('done_on_time', 'open', 'Ghi chú')
    """
    key = word_key(heading)
    for rate in _RATES:
        key = key.replace(rate, "").strip()
    for exact in (True, False):
        for name, spellings in _NAMES:
            if any(key == s if exact else key.startswith(s) or key.endswith(s) for s in spellings):
                return name
    return heading


# --- JSON ---


def _read_json(data: bytes, name: str) -> list[PrintedTable]:
    try:
        parsed = json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise refuse("import_json_broken", str(error)[:100]) from error
    given = parsed if isinstance(parsed, list) else [parsed]
    if not given or not all(
        isinstance(table, dict) and isinstance(table.get("cells"), dict) for table in given
    ):
        raise refuse("check_table_shape", name)
    return [_json_table(table, f"{name}-{number}") for number, table in enumerate(given, 1)]


def _json_table(given: Mapping[str, object], otherwise: str) -> PrintedTable:
    cells = given["cells"]
    assert isinstance(cells, Mapping)
    grid = _json_grid(cells)
    single = (
        cells if grid is None else {k: v for k, v in cells.items() if k not in ("columns", "rows", "total")}
    )
    printed = given.get("printed_percentages", given.get("percentages", []))
    if not isinstance(printed, list):
        raise refuse("check_table_percentages", str(printed)[:40])
    return PrintedTable(
        str(given.get("id", otherwise))[:100], single, grid, tuple(_json_percentage(row) for row in printed)
    )


def _json_grid(cells: Mapping[str, object]) -> Grid | None:
    """The grid of a table whose cells are `columns`, `rows` (a name, then figures) and perhaps `total`."""
    columns, rows, total = cells.get("columns"), cells.get("rows"), cells.get("total")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    read = []
    for row in rows:
        if not isinstance(row, list) or len(row) != len(columns) + 1:
            raise refuse("check_table_row", str(row)[:60], expected=len(columns) + 1)
        read.append((str(row[0]), _figures(row[1:])))
    if total is not None and (not isinstance(total, list) or len(total) != len(columns)):
        raise refuse("check_table_row", str(total)[:60], expected=len(columns))
    names = tuple(official_name(str(column)) for column in columns)
    return Grid(
        names if len(set(names)) == len(names) else tuple(map(str, columns)),
        tuple(read),
        None if total is None else _figures(total),
    )


def _figures(cells: Sequence[object]) -> tuple[int | None, ...]:
    read: list[int | None] = []
    for cell in cells:
        figure = _figure(cell) if isinstance(cell, str | int | float) else None
        if figure is None and cell not in (None, ""):
            raise refuse("check_table_figure", str(cell)[:40])
        read.append(figure)
    return tuple(read)


def _json_percentage(row: object) -> PrintedPercentage:
    if not isinstance(row, dict) or "printed" not in row:
        raise refuse("check_table_percentages", str(row)[:60])
    numerator, denominator = row.get("numerator"), row.get("denominator")
    return PrintedPercentage(
        str(row.get("label", "")),
        str(row["printed"]),
        numerator if isinstance(numerator, int) and not isinstance(numerator, bool) else None,
        denominator if isinstance(denominator, int) and not isinstance(denominator, bool) else None,
        numerator_name=numerator if isinstance(numerator, str) else "",
    )


# --- workbooks ---


@dataclass(frozen=True, slots=True)
class _Heading:
    """Where the figures begin, which column names the rows, and what each column is called."""

    first_row: int
    label: int
    mark: int | None
    names: Mapping[int, str]


def _figure(cell: Cell | object) -> int | None:
    """A whole number, typed or written with its thousands marked.

    >>> _figure("1.620"), _figure(12.0), _figure("98,62%"), _figure(True)
    (1620, 12, None, None)
    """
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int):
        return cell
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() else None
    if isinstance(cell, str) and _GROUPED.fullmatch(cell.strip()):
        return int(re.sub(r"[.,]", "", cell))
    return None


def _percent(cell: Cell, is_rate: bool) -> str | None:
    """A percentage as it is shown; a fraction in a column of rates is one that the sheet shows in percent.

    >>> _percent("98,62%", False), _percent(0.9862, True), _percent(83.7, True), _percent(12, False)
    ('98,62%', '98.62', '83.7', None)
    """
    if isinstance(cell, str) and _PERCENT.fullmatch(cell.strip()):
        return cell.strip()
    if not is_rate or isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    value = Decimal(repr(cell))
    scaled = (value * 100 if 0 <= value <= 1 else value).normalize()
    places = -int(scaled.as_tuple().exponent)
    if places > 4:  # never rounded by anybody: shown with two decimals
        scaled = scaled.quantize(Decimal("0.01"))
    return format(scaled, "f")


def _is_rate(heading: str) -> bool:
    return "%" in heading or any(rate in word_key(heading) for rate in _RATES)


def _from_sheet(table: Table) -> PrintedTable | None:
    """The table of a sheet; None where it holds no figures."""
    rows = [row for row in table.rows if not row.is_empty]
    widest = max((len(row.cells) for row in rows), default=0)
    if widest <= 3 and _heading(table, rows) is None:
        return _list_of_figures(table, rows)
    heading = _heading(table, rows)
    return _grid_of(table, rows, heading) if heading is not None else _list_of_figures(table, rows)


def _list_of_figures(table: Table, rows: Sequence[Row]) -> PrintedTable | None:
    """Names in the first column that holds words, figures and percentages beside them."""
    cells: dict[str, object] = {}
    percentages = []
    for row in rows:
        label = next((shown(c) for c in row.cells if isinstance(c, str) and _figure(c) is None), "")
        for cell in row.cells:
            printed = _percent(cell, _is_rate(label))
            if printed is not None:
                named = official_name(label)
                percentages.append(PrintedPercentage(label, printed, numerator_name=named))
            elif (figure := _figure(cell)) is not None and label:
                cells.setdefault(official_name(label), figure)
    if not cells and not percentages:
        return None
    return PrintedTable(table.sheet or "1", cells, None, tuple(percentages))


def _heading(table: Table, rows: Sequence[Row]) -> _Heading | None:
    """The heading of a grid: the words above the first row that has a name and two figures or more."""
    for position, row in enumerate(rows):
        figures = [
            at for at, cell in enumerate(row.cells) if _figure(cell) is not None or _percent(cell, False)
        ]
        words = [at for at, cell in enumerate(row.cells) if isinstance(cell, str) and at not in figures]
        if len(figures) < 2 or not words or position == 0:
            continue
        label = max(words, key=lambda at: len(shown(row.cells[at])))
        above = [
            r for r in rows[:position] if sum(1 for c in r.cells if isinstance(c, str) and c.strip()) > 1
        ]
        if not above:
            return None
        names = {
            at: " / ".join(dict.fromkeys(filter(None, _headings_of(table, above[-2:], at))))
            for at in range(label + 1, max(len(r.cells) for r in rows))
        }
        mark = label - 1 if label > 0 else None
        return _Heading(position, label, mark, {at: name for at, name in names.items() if name})
    return None


def _headings_of(table: Table, lines: Sequence[Row], column: int) -> list[str]:
    """What stands above a column, the outermost first; an outer heading reaches over the inner ones to its right."""
    found = [_over(table, line, column) for line in lines]
    if len(found) == 2 and found[1] and not found[0]:
        found[0] = next((shown(c).strip() for c in reversed(lines[0].cells[:column]) if not is_blank(c)), "")
    return found


def _over(table: Table, row: Row, column: int) -> str:
    """What stands above a column in a line of the heading: its own cell, or the merged one that covers it."""
    own = row.cell(column)
    if not is_blank(own):
        return shown(own).strip()
    for first_row, first_column, last_row, last_column in table.merged:
        if first_row <= row.number <= last_row and first_column <= column + 1 <= last_column:
            if first_row != row.number:
                return ""
            return shown(row.cell(first_column - 1)).strip()
    return ""


def _grid_of(table: Table, rows: Sequence[Row], heading: _Heading) -> PrintedTable:
    rates = {at: name for at, name in heading.names.items() if _is_rate(name)}
    columns = [
        at for at in heading.names if at not in rates and _holds_figures(rows[heading.first_row :], at)
    ]
    official = [official_name(heading.names[at]) for at in columns]
    if len(set(official)) < len(official):
        official = [heading.names[at] for at in columns]
    lines: list[tuple[str, tuple[int | None, ...]]] = []
    groups: dict[int, list[int]] = {}
    total: tuple[int | None, ...] | None = None
    total_name, head = "total", None
    percentages: list[PrintedPercentage] = []
    for row in rows[heading.first_row :]:
        name = shown(row.cell(heading.label)).strip()
        figures = tuple(_figure(row.cell(at)) for at in columns)
        name = name or _first_word(row, heading.label)
        if not name or all(figure is None for figure in figures):
            continue
        percentages += _percentages_of(name, row, rates, dict(zip(official, figures, strict=True)))
        if total is None and word_key(name).startswith(_TOTALS):
            total, total_name = figures, name
            continue
        if heading.mark is not None and _GROUP_MARK.fullmatch(shown(row.cell(heading.mark)).strip()):
            head = len(lines)
            groups[head] = []
        elif head is not None:
            groups[head].append(len(lines))
        lines.append((name, figures))
    grid = Grid(
        tuple(official),
        tuple(lines),
        total,
        total_name,
        {at: tuple(members) for at, members in groups.items() if members},
    )
    return PrintedTable(table.sheet or "1", {}, grid, tuple(percentages))


def _first_word(row: Row, before: int) -> str:
    """A name that stands left of its column, as lines of totals are often merged."""
    return next((shown(c).strip() for c in row.cells[:before] if isinstance(c, str) and c.strip()), "")


def _holds_figures(rows: Sequence[Row], column: int) -> bool:
    return any(_figure(row.cell(column)) is not None for row in rows)


def _percentages_of(
    name: str, row: Row, rates: Mapping[int, str], cells: Mapping[str, object]
) -> Iterator[PrintedPercentage]:
    """The percentages of one line, each with the figures of that line."""
    for at, heading in rates.items():
        printed = _percent(row.cell(at), is_rate=True)
        if printed is not None:
            yield PrintedPercentage(
                f"{name}: {heading}", printed, cells=cells, numerator_name=official_name(heading)
            )

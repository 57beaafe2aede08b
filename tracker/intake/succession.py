"""A plan of succession as a table: one line for each old and new agency; and as the plain value a page hands on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tracker.domain.errors import Invalid, Problem
from tracker.domain.search import word_key
from tracker.domain.succession import Change, Heir, Plan
from tracker.intake.days import read_date
from tracker.intake.tables import Row, Table, shown

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "predecessor": ("predecessor", "co quan cu", "ma cu", "ma co quan cu"),
    "successor": ("successor", "co quan moi", "ma moi", "ma co quan moi"),
    "effective_on": ("effective on", "ngay hieu luc", "hieu luc tu", "ngay"),
    "fields": ("fields", "linh vuc", "scope", "pham vi"),
    "default": ("default", "mac dinh"),
    "document": ("document", "van ban", "can cu", "source"),
}
"""The columns by the words of their headers, without diacritics; the order does not matter."""
_YES = frozenset({"1", "x", "co", "yes", "true", "mac dinh", "default"})
_ALL_FUNCTIONS = frozenset({"toan bo chuc nang", "phan lon chuc nang", "all"})
"""What official lists write where the work is not split."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the table."""

    number: int
    predecessor: str
    successor: str
    effective_on: date
    fields: tuple[str, ...]
    is_default: bool


def read_plan(table: Table, document: str = "", effective_on: date | None = None) -> Plan:
    """The plan of a table with the columns predecessor, successor, effective_on, fields, default, document.

    A line without a successor abolishes. `document` and `effective_on` hold where the table says nothing.
    Raises Invalid naming every line that cannot be read.
    """
    rows = [row for row in table.rows if not row.is_empty]
    columns = _columns(rows[0]) if rows else {}
    if "predecessor" not in columns or "successor" not in columns:
        raise Invalid.one("/file", "succession_columns", columns="predecessor, successor, effective_on")
    problems: list[Problem] = []
    lines = [_line(row, columns, effective_on, problems) for row in rows[1:]]
    if problems:
        raise Invalid(problems)
    named = (
        [shown(row.cell(columns["document"])).strip() for row in rows[1:]] if "document" in columns else []
    )
    given = document or next((words for words in named if words), "")
    return Plan(given, _changes([line for line in lines if line is not None]))


def _columns(header: Row) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, cell in enumerate(header.cells):
        words = word_key(shown(cell))
        for name, accepted in _COLUMNS.items():
            if words in accepted:
                found.setdefault(name, index)
    return found


def _line(
    row: Row, columns: Mapping[str, int], effective_on: date | None, problems: list[Problem]
) -> _Line | None:
    def said(name: str) -> str:
        return shown(row.cell(columns[name])).strip() if name in columns else ""

    at = f"/rows/{row.number}"
    predecessor = said("predecessor")
    if not predecessor:
        problems.append(Problem(f"{at}/predecessor", "succession_line_without_predecessor", row.number))
        return None
    day: date | Problem | None = effective_on
    if said("effective_on"):
        day = read_date(row.cell(columns["effective_on"]), f"{at}/effective_on")
    if day is None:
        day = Problem(f"{at}/effective_on", "succession_line_without_day", row.number)
    if isinstance(day, Problem):
        problems.append(day)
        return None
    words = said("fields")
    fields = () if word_key(words) in _ALL_FUNCTIONS else _split(words)
    return _Line(row.number, predecessor, said("successor"), day, fields, word_key(said("default")) in _YES)


def _split(words: str) -> tuple[str, ...]:
    """The fields of one cell; semicolons separate, or commas where there are none.

    >>> _split("viễn thông; báo chí, xuất bản"), _split("viễn thông, bưu chính")
    (('viễn thông', 'báo chí, xuất bản'), ('viễn thông', 'bưu chính'))
    """
    separator = ";" if ";" in words else ","
    return tuple(part.strip() for part in words.split(separator) if part.strip())


def _changes(lines: Sequence[_Line]) -> tuple[Change, ...]:
    grouped: dict[tuple[str, date], list[_Line]] = {}
    for line in lines:
        grouped.setdefault((line.predecessor, line.effective_on), []).append(line)
    return tuple(
        Change(code, day, tuple(Heir(x.successor, x.fields, x.is_default) for x in found if x.successor))
        for (code, day), found in grouped.items()
    )


def plan_to_text(plan: Plan) -> str:
    """The plan as JSON, for a hidden field."""
    value = {
        "document": plan.document,
        "changes": [
            {
                "predecessor": change.predecessor,
                "effective_on": change.effective_on.isoformat(),
                "heirs": [[heir.code, list(heir.fields), heir.is_default] for heir in change.heirs],
            }
            for change in plan.changes
        ],
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def plan_from_text(text: str) -> Plan:
    """The plan that `plan_to_text` wrote. Raises Invalid for anything else.

    >>> plan = Plan("Nghị quyết", (Change("A", date(2025, 7, 1), (Heir("B", ("y tế",), True),)),))
    >>> plan_from_text(plan_to_text(plan)) == plan
    True
    """
    try:
        value = json.loads(text)
        changes = tuple(
            Change(
                str(change["predecessor"]),
                date.fromisoformat(change["effective_on"]),
                tuple(
                    Heir(str(code), tuple(str(f) for f in fields), bool(default))
                    for code, fields, default in change["heirs"]
                ),
            )
            for change in value["changes"]
        )
        return Plan(str(value["document"]), changes)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Invalid.one("/plan", "succession_plan_broken") from error

"""From the bytes of a file to its table: which reader takes it, and what is refused by its looks alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from tracker.intake.delimited import read_csv
from tracker.intake.tables import MAX_BYTES, Cell, Table, numbered, refuse
from tracker.intake.workbook import read_workbook

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old .xls, and every workbook under a password
_ZIP = b"PK\x03\x04"
_NOT_TABLES = (b"%PDF", b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"MZ", b"{\\rtf")
EXTENSIONS = (".xlsx", ".csv", ".json")


def read_file(data: bytes, name: str, sheet: str = "") -> Table:
    """The table in `data`; the name's extension and the first bytes must agree. Raises Unreadable."""
    extension = PurePath(name).suffix.lower()
    if len(data) > MAX_BYTES:
        raise refuse("import_too_large", len(data), limit=MAX_BYTES)
    if not data.strip():
        raise refuse("import_empty")
    if extension in (".xlsm", ".xltm", ".xlam", ".xlsb"):
        raise refuse("import_macros", extension)
    if data.startswith(_OLE):
        raise refuse("import_encrypted" if extension == ".xlsx" else "import_old_format", extension)
    if extension not in EXTENSIONS:
        raise refuse("import_kind_unknown", extension or name, allowed=", ".join(EXTENSIONS))
    is_zip = data.startswith(_ZIP)
    if is_zip != (extension == ".xlsx") or data.startswith(_NOT_TABLES):
        raise refuse("import_wrong_extension", extension)
    if extension == ".xlsx":
        return read_workbook(data, sheet)
    return read_csv(data) if extension == ".csv" else read_json(data)


# The keys of the published annexes, as their headers.
_ANNEX_HEADERS = {
    "stt": "STT",
    "task": "Nhiệm vụ",
    "assigning_document": "Văn bản giao nhiệm vụ",
    "lead": "Cơ quan chủ trì",
    "due_printed": "Thời hạn hoàn thành",
    "section": "Lĩnh vực",
}
_LISTS = ("tasks", "rows", "annex_I_overdue")


def load_json(data: bytes) -> Any:
    """What a JSON file holds. Raises Unreadable, naming line and column of what is no JSON.

    JSON without a mark is UTF-8; a duplicate key would hide what somebody wrote, and NaN is no JSON.
    """
    at = "–"
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        at = f"{line}:{column}"
        cause: Exception = error
    except json.JSONDecodeError as error:
        at, cause = f"{error.lineno}:{error.colno}", error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; nested without end
        cause = error
    raise refuse("import_json_broken", at) from cause


def read_json(data: bytes) -> Table:
    """The table of a JSON file: a list of objects, or an object that holds one under `tasks` or `rows`.

    The keys are the headers. A value is a text, a number, or a list of texts. Raises Unreadable.
    """
    parsed = load_json(data)
    if isinstance(parsed, Mapping):
        parsed = next((parsed[key] for key in _LISTS if key in parsed), None)
    if not isinstance(parsed, list) or not all(isinstance(row, Mapping) for row in parsed):
        raise refuse("import_json_shape")
    keys = list(dict.fromkeys(key for row in parsed for key in row if key != "due_iso"))
    headers: list[Cell] = [_ANNEX_HEADERS.get(key, key) for key in keys]
    return Table(numbered([headers, *([_cell(row.get(key), key) for key in keys] for row in parsed)]))


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise refuse("import_json_key_twice", twice[:100])
    return found


def _no_constant(name: str) -> None:
    raise refuse("import_json_constant", name)


def _cell(value: object, key: str) -> Cell:
    match value:
        case None | str() | int() | float():
            return value
        case list() if all(isinstance(part, str) for part in value):
            return "; ".join(value)
    raise refuse("import_json_value", key)

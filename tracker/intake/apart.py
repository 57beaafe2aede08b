"""Reading a stranger's file apart: `python -m tracker.intake.apart` in a process with little memory and time.

Header and file come on standard input, the table leaves as JSON on standard output. What breaks the reader
breaks this process and nothing else (attack case 73); what comes back is data, never code.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from tracker.intake.tables import Cell, Formula, Row, Table, Unreadable, refuse

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 90
WALL_SECONDS = 180
SEARCH_PATH = str(Path(__file__).parents[2])
"""Where the reader finds this package; nothing else of our surroundings is handed to it, no secret least of all."""


def request(data: bytes, name: str, sheet: str) -> bytes:
    """What the reader is given."""
    header = json.dumps({"name": name, "sheet": sheet}).encode()
    return struct.pack(">I", len(header)) + header + data


def answer_to(raw: bytes) -> bytes:
    """Read what `request` made; the table, or the refusal."""
    from tracker.intake.files import read_file

    (length,) = struct.unpack(">I", raw[:4])
    header = json.loads(raw[4 : 4 + length])
    try:
        table = read_file(raw[4 + length :], header["name"], header["sheet"])
        return json.dumps(to_json(table), ensure_ascii=False).encode()
    except Unreadable as refused:
        (problem,) = refused.problems
        told = {"code": problem.code, "value": problem.value, "params": dict(problem.params)}
    except MemoryError:
        told = {"code": "import_too_costly", "value": None, "params": {}}
    return json.dumps({"refused": told}, default=str).encode()


def table_of(answer: bytes) -> Table:
    """The table of an answer. Raises Unreadable where the file was refused or the reader broke."""
    try:
        found = json.loads(answer)
    except ValueError:
        raise refuse("import_too_costly") from None
    if "refused" in found:
        told = found["refused"]
        raise refuse(told["code"], told["value"], **told["params"])
    return from_json(found)


def to_json(table: Table) -> dict[str, Any]:
    """A table as JSON; days and times are tagged."""
    return {
        "rows": [[row.number, *(_packed(cell) for cell in row.cells)] for row in table.rows],
        "sheet": table.sheet,
        "merged": table.merged,
        "formulas": [[f.row, f.column, f.text] for f in table.formulas],
        "is_1904": table.is_1904,
    }


def from_json(data: Mapping[str, Any]) -> Table:
    """Back from `to_json`."""
    return Table(
        rows=tuple(Row(number, tuple(_unpacked(cell) for cell in cells)) for number, *cells in data["rows"]),
        sheet=data["sheet"],
        merged=tuple((m[0], m[1], m[2], m[3]) for m in data["merged"]),
        formulas=tuple(Formula(*f) for f in data["formulas"]),
        is_1904=data["is_1904"],
    )


def _packed(cell: Cell) -> object:
    match cell:
        case datetime():
            return {"at": cell.isoformat()}
        case date():
            return {"day": cell.isoformat()}
        case time():
            return {"time": cell.isoformat()}
    return cell


def _unpacked(cell: Any) -> Cell:
    match cell:
        case {"at": str(value)}:
            return datetime.fromisoformat(value)
        case {"day": str(value)}:
            return date.fromisoformat(value)
        case {"time": str(value)}:
            return time.fromisoformat(value)
    found: Cell = cell
    return found


def main() -> None:
    """Be the reader."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A file of its own, never one of ours: nothing is opened for writing from here on.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.stdout.buffer.write(answer_to(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()

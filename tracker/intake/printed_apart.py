"""Checking a stranger's printed table apart: `python -m tracker.intake.printed_apart`, with little memory and time.

As intake/apart.py, whose way in it shares: header and file on standard input, what was found as JSON on standard
output. What breaks the reader breaks this process and nothing else (attack cases 73 to 75).
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from typing import Any

from tracker.domain.printed_tables import check_printed_table
from tracker.intake.printed_tables import as_json, read_printed_tables
from tracker.intake.tables import Unreadable, refuse

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 20
WALL_SECONDS = 60
MOST_BYTES = 2_000_000
"""A printed table is small; what is larger is no table that somebody printed."""
MOST_LINES = 2_000
"""Sums and percentages that are told of one table, wrong ones first; the counts are of all."""


def answer_to(raw: bytes) -> bytes:
    """Check what apart.request made; what was found, or the refusal."""
    (length,) = struct.unpack(">I", raw[:4])
    header = json.loads(raw[4 : 4 + length])
    try:
        tables = read_printed_tables(raw[4 + length :], header["name"], header["sheet"])
        found = [_told(as_json(check_printed_table(table))) for table in tables]
        return json.dumps({"tables": found}, ensure_ascii=False).encode()
    except Unreadable as refused:
        (problem,) = refused.problems
        told = {"code": problem.code, "value": problem.value, "params": dict(problem.params)}
    except (MemoryError, RecursionError):
        told = {"code": "import_too_costly", "value": None, "params": {}}
    return json.dumps({"refused": told}, default=str).encode()


def _told(table: dict[str, Any]) -> dict[str, Any]:
    """The findings of a table, cut where nobody reads on."""
    sums = sorted(table["identities"], key=lambda one: bool(one["holds"]))
    rates = sorted(table["percentages"], key=lambda one: one["explained_by"] is not None)
    is_long = len(sums) > MOST_LINES or len(rates) > MOST_LINES
    return {
        **table,
        "identities": sums[:MOST_LINES] if is_long else table["identities"],
        "percentages": rates[:MOST_LINES] if is_long else table["percentages"],
        "sums": len(sums),
        "held": sum(1 for one in sums if one["holds"]),
        "rates": len(rates),
        "explained": sum(1 for one in rates if one["explained_by"] is not None),
    }


def tables_of(answer: bytes) -> list[dict[str, Any]]:
    """What an answer tells of each table. Raises Unreadable where the file was refused or the reader broke."""
    try:
        found = json.loads(answer)
    except ValueError:
        raise refuse("import_too_costly") from None
    if "refused" in found:
        told = found["refused"]
        raise refuse(told["code"], told["value"], **told["params"])
    tables: list[dict[str, Any]] = found["tables"]
    return tables


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

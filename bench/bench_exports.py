"""How long 100,000 rows take to become files, and how much memory: the whole job as a worker does it.

Read from PostgreSQL in one snapshot, written, packed and kept in the database; each in a process of its own, so that
the peak of memory is its own. Beside ours the same rows of the same reading go into openpyxl's write-only workbook,
which is what one would take first. The bar is 30 s and 200 MB for xlsx.
"""

from __future__ import annotations

import asyncio
import io
import os
import resource
import sys
import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl

from bench.million import run, service
from tracker import clock
from tracker.actions import exports
from tracker.actions.tables import Reader, Wanted, table_of
from tracker.db.engine import close_pool, execute, fetchval, open_pool, transaction
from tracker.db.jobs import read_result
from tracker.documents.tables_model import Cell, TableFormat
from tracker.domain.directory import Actor, Role
from tracker.domain.zone import civil_now
from tracker.jobs.long_work import LongWork
from tracker.settings import load

FOLDER = Path("var/bench-exports")
TASKS = 20_000
BAR_SECONDS, BAR_MEGABYTES = 30.0, 200.0
FORMS: tuple[TableFormat, ...] = ("xlsx", "csv", "json")
ALTERNATIVE = "openpyxl"
_EVERYTHING = Wanted("assignments", {})


def _desk(official_id: int) -> Actor:
    return Actor(official_id, "Bàn", Role.SECRETARIAT)


async def _ours(form: TableFormat, official_id: int) -> tuple[int, int]:
    """Rows and bytes of one job, from the asking to the file that can be fetched."""
    job_id = await exports.ask_table(_desk(official_id), _EVERYTHING, form, "vi")
    await LongWork(clock.utc_now).run()
    content = await read_result(job_id)
    assert content is not None, await fetchval("SELECT problem::text FROM job WHERE id = $1", job_id)
    rows: int = await fetchval("SELECT (summary->>'rows')::int FROM job WHERE id = $1", job_id)
    return rows, len(content)


async def _theirs(official_id: int) -> tuple[int, int]:
    """The same rows by openpyxl."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    count = 0
    async with transaction("repeatable_read", readonly=True):
        table = await table_of(Reader(_desk(official_id), clock.utc_now(), "vi"), _EVERYTHING)
        sheet.append([column.title for column in table.columns])
        async for rows in table.rows:
            for row in rows:
                sheet.append([_plain(cell) for cell in row])
            count += len(rows)
    out = io.BytesIO()
    book.save(out)
    return count, len(out.getvalue())


def _plain(cell: Cell) -> str | int | bool | date | datetime | Decimal | None:
    return civil_now(cell).replace(tzinfo=None) if isinstance(cell, datetime) else cell


async def child(what: str, dsn: str, official_id: int) -> None:
    """One measurement: seconds, the highest resident megabytes before and in it, rows, bytes."""
    await open_pool(load({"TRACKER_DATA_DIR": str(FOLDER)}).with_database(dsn))
    try:
        before = _peak()
        start, used = time.perf_counter(), time.process_time()
        if what == ALTERNATIVE:
            rows, size = await _theirs(official_id)
        else:
            rows, size = await _ours(next(form for form in FORMS if form == what), official_id)
        print(time.perf_counter() - start, time.process_time() - used, before, _peak(), rows, size)
    finally:
        await close_pool()


def _peak() -> float:
    """The highest resident memory of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _measured(what: str, dsn: str, official_id: int) -> list[float]:
    made = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.bench_exports",
        what,
        dsn,
        str(official_id),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await made.communicate()
    assert made.returncode == 0, what
    return [float(one) for one in told.split()]


async def main() -> None:
    """Start the server, fill it once, measure each in turn."""
    async with service(FOLDER, tasks=TASKS) as settings:
        official_id = await fetchval("SELECT min(id) FROM official")
        await execute("UPDATE official SET role = 'secretariat', agency_id = NULL WHERE id = $1", official_id)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(
            f"{'':<10} {'rows':>8} {'seconds':>8} {'cpu s':>7} {'peak MB':>8} {'MB file':>8} {'against':>8}  met"
        )
        spans: dict[str, float] = {}
        for what in (ALTERNATIVE, *FORMS):
            seconds, used, _, peak, rows, size = await _measured(what, settings.dsn(), official_id)
            spans[what] = used
            met = ""
            if what == "xlsx":
                met = "yes" if seconds <= BAR_SECONDS and peak <= BAR_MEGABYTES else "NO"
            print(
                f"{what:<10} {rows:>8,.0f} {seconds:>8.1f} {used:>7.1f} {peak:>8.0f} {size / 1e6:>8.1f}"
                f" {spans[ALTERNATIVE] / used:>7.1f}×  {met}"
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(lambda: child(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    else:
        run(main)

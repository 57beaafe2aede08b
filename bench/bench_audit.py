"""What the chain of the history costs a write, and how fast it is read back.

    python -m bench.bench_audit                   1,000,000 rows are verified
    python -m bench.bench_audit --rows 100000     a shorter look

Starts a PostgreSQL of its own, durable as in service.  The writes are those of an API request without its HTTP:
an agency acknowledges an assignment, by what it writes alone, and with all that the action reads and judges.
The same writes without the chain, one plain INSERT as the history had before, run in turns with them, so that both
have the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg

from tracker.actions import assignments as actions
from tracker.actions import audit
from tracker.actions.audit import use_audit_key
from tracker.actions.notices import without_messages
from tracker.db import history
from tracker.db.audit import NewRow, append_history
from tracker.db.embedded import APP_USER, EmbeddedPostgres
from tracker.db.engine import (
    close_pool,
    connection,
    execute,
    fetch,
    fetchval,
    open_pool,
    run_with_retries,
    transaction,
)
from tracker.db.migrate import migrate
from tracker.domain.audit import Finding, plain
from tracker.domain.directory import SYSTEM, Actor, Role
from tracker.settings import Secret, Settings, load

CONNECTIONS = 16
WRITES = 1_000
ROUNDS = 3
NAMES = {
    "statements": "UPDATE and history, 1 process, 16 connections",
    "whole": "the whole action, 1 process, 16 connections",
    "two": "the whole action, 2 processes, 32 connections",
}
BAR = 500
BAR_SECONDS = 60
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

FILL = """
INSERT INTO ladder (code, name) VALUES ('bench', 'bench');
INSERT INTO ladder_version (ladder_id, version, in_force)
    SELECT id, 1, '[2000-01-01,)' FROM ladder WHERE code = 'bench';
INSERT INTO agency (code, name, short_name, kind, search_key, sort_key)
    VALUES ('BENCH', 'Bộ Y tế', 'Bộ Y tế', 'ministry', '', '');
INSERT INTO official (agency_id, full_name, email, role, duty, search_key, sort_key)
    SELECT id, 'Nguyễn Thị Ánh', 'anh@bench.example.vn', 'agency_officer', 'focal', '', '' FROM agency;
INSERT INTO directive (number, kind, issued_on, issuer, abstract, search_key, created_at, changed_at)
    VALUES ('1/NQ-CP', 'resolution', current_date, 'Chính phủ', 'Trích yếu', '', now(), now());
INSERT INTO task (directive_id, ordinal, short_name, full_text, search_key, changed_at)
    SELECT d.id, n, 'Nhiệm vụ ' || n, 'x', '', now() FROM directive d, generate_series(1, {tasks}) n;
INSERT INTO assignment (task_id, directive_id, agency_id, part, assigned_on, assigned_at, due_on, due_kind,
                        deadline_set_at, ladder_version_id, changed_at)
    SELECT t.id, t.directive_id, g.id, 'lead', current_date, now(), current_date + 30, 'dated', now(),
           (SELECT max(id) FROM ladder_version), now()
    FROM task t, agency g;
"""

PLAIN = """
INSERT INTO history (at, actor_id, actor_name, verb, directive_id, task_id, assignment_id, reason, detail)
SELECT e.* FROM unnest($1::timestamptz[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
                       $7::bigint[], $8::text[], $9::jsonb[]) AS e
"""


async def append_unchained(rows: Sequence[NewRow]) -> None:
    """The history as it was written before it had a chain."""
    await execute(
        PLAIN,
        [r.at for r in rows],
        [r.actor_id for r in rows],
        [r.actor_name for r in rows],
        [r.verb for r in rows],
        [r.directive_id for r in rows],
        [r.task_id for r in rows],
        [r.assignment_id for r in rows],
        [r.reason for r in rows],
        [json.dumps(plain(r.detail), ensure_ascii=False) for r in rows],
    )


def use(*, is_chained: bool) -> None:
    """Write the history with or without its chain from now on."""
    vars(history)["append_history"] = append_history if is_chained else append_unchained


async def writes(actor: Actor, ids: Sequence[int], *, whole: bool) -> float:
    """Acknowledge each, sixteen at a time, by the `whole` action or its statements alone; writes a second."""
    waiting = list(ids)
    act = actions.acknowledge if whole else statements_alone

    async def hand() -> None:
        while waiting:
            await run_with_retries(partial(act, actor, waiting.pop(), None, NOW))

    started = time.perf_counter()
    with without_messages():
        await asyncio.gather(*(hand() for _ in range(CONNECTIONS)))
    return len(ids) / (time.perf_counter() - started)


async def statements_alone(actor: Actor, assignment_id: int, version: int | None, now: datetime) -> None:
    """What the action writes, without what it reads and judges: a conditional UPDATE and the history."""
    async with transaction():
        await execute(
            "UPDATE assignment SET state = 'acknowledged', acknowledged_at = $2, row_version = row_version + 1,"
            " changed_at = $2 WHERE id = $1 AND state = 'assigned'",
            assignment_id,
            now,
        )
        entry = history.HistoryEntry("acknowledge", assignment_id=assignment_id)
        await history.insert_history(actor, [entry], now)


async def worker(settings: Settings, *, is_chained: bool) -> None:
    """A process of its own: takes the ids from its standard input and prints when it began and ended."""
    use(is_chained=is_chained)
    await open_pool(settings)
    actor = await officer()
    await execute("SELECT 1")
    print("ready", flush=True)
    ids = json.loads(await asyncio.to_thread(sys.stdin.readline))
    await writes(actor, ids, whole=True)
    await close_pool()


async def officer() -> Actor:
    """Who acknowledges."""
    row = (await fetch("SELECT id, agency_id FROM official"))[0]
    return Actor(row["id"], "Nguyễn Thị Ánh", Role.AGENCY_OFFICER, row["agency_id"])


async def in_processes(settings: Settings, ids: Sequence[int], *, is_chained: bool) -> float:
    """The same writes by two processes; writes a second of both together."""
    owner = settings.database_owner_url
    assert owner is not None
    environment = {
        **os.environ,
        "BENCH_DSN": settings.dsn(),
        "BENCH_OWNER": owner.reveal(),
        "BENCH_CHAINED": "1" if is_chained else "",
    }
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.bench_audit", "--worker",
            env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        await process.stdout.readline()
    started = time.perf_counter()
    for part, process in enumerate(processes):
        assert process.stdin is not None
        process.stdin.write(json.dumps(ids[part::2]).encode() + b"\n")
        await process.stdin.drain()
    for process in processes:
        if await process.wait() != 0:
            sys.exit("a worker failed")
    return len(ids) / (time.perf_counter() - started)


async def postmaster_of(settings: Settings) -> int:
    """The process id of the server."""
    owner = await asyncpg.connect(settings.owner_dsn())
    try:
        return int((await owner.fetchval("SELECT pg_read_file('postmaster.pid')")).split()[0])
    finally:
        await owner.close()


def cpu_seconds(postmaster: int) -> float:
    """What this process, its ended children and the server have used: other work on the machine does not count."""
    ours = os.times()
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            values = stat.read_text().rpartition(")")[2].split()
            if int(stat.parent.name) == postmaster:
                ticks += sum(map(int, values[11:15]))
            elif int(values[1]) == postmaster:
                ticks += sum(map(int, values[11:13]))
    return (
        ours.user + ours.system + ours.children_user + ours.children_system + ticks / os.sysconf("SC_CLK_TCK")
    )


async def measure_writes(settings: Settings) -> bool:
    """In turns, with and without; a table, and whether the bar is met."""
    print(f"load of this machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    actor = await officer()
    ids = [r["id"] for r in await fetch("SELECT id FROM assignment ORDER BY id")]
    rates: dict[tuple[str, bool], list[float]] = {}
    costs: dict[tuple[str, bool], list[float]] = {}
    postmaster = await postmaster_of(settings)
    for _ in range(ROUNDS):
        for name in NAMES:
            for is_chained in (False, True):
                batch, ids = ids[:WRITES], ids[WRITES:]
                use(is_chained=is_chained)
                before = cpu_seconds(postmaster)
                if name == "two":
                    rate = await in_processes(settings, batch, is_chained=is_chained)
                else:
                    rate = await writes(actor, batch, whole=name == "whole")
                rates.setdefault((name, is_chained), []).append(rate)
                spent = 1000 * (cpu_seconds(postmaster) - before) / len(batch)
                costs.setdefault((name, is_chained), []).append(spent)
    use(is_chained=True)
    print(
        f"{f'writes a second (median of {ROUNDS})':<50} {'without':>8} {'chained':>8} {'cost':>6} {'bar':>5}  met"
    )
    is_met = False
    for name, shown in NAMES.items():
        without, chained = (statistics.median(rates[name, kind]) for kind in (False, True))
        is_met |= chained >= BAR
        cost = f"{100 * (1 - chained / without):.0f} %"
        met = "yes" if chained >= BAR else "NO"
        print(f"{shown:<50} {without:>8.0f} {chained:>8.0f} {cost:>6} {BAR:>5}  {met}")
    print(
        f"\n{'processor time a write, both sides':<50} {'without':>8} {'chained':>8} {'cost':>6}  two processors bear"
    )
    for name, shown in NAMES.items():
        without, chained = (statistics.median(costs[name, kind]) for kind in (False, True))
        cost = f"{100 * (chained / without - 1):.0f} %"
        print(f"{shown:<50} {without:>5.2f} ms {chained:>5.2f} ms {cost:>6}  {2000 / chained:.0f} a second")
    return is_met


async def measure_verify(rows: int) -> bool:
    """A chain of so many rows read back."""
    stands = await fetchval("SELECT count(*) FROM history")
    detail = {"before": "2025-12-15", "after": "2025-12-31", "cause": "extension", "document": "12/VPCP-KSTT"}
    new = NewRow(NOW, None, "Nguyễn Thị Ánh", "move_deadline", reason="Chờ ý kiến của các bộ.", detail=detail)
    for start in range(0, rows - stands, 20_000):
        await append_history([new] * min(20_000, rows - stands - start))
    async with connection() as held:
        await held.execute("ANALYZE history")
    told: list[Finding] = []
    started = time.perf_counter()
    started_cpu = time.process_time()
    verdict = await audit.verify(SYSTEM, [], told.append)
    seconds, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    # The rows of the rounds without the chain are all there is to find.
    assert set(verdict.findings) <= {"unchained"}, told
    fits = seconds <= BAR_SECONDS
    print(f"\n{'verify':<41} {'rows':>8} {'seconds':>8} {'rows/s':>8} {'bar':>6} {'':>5} met")
    print(
        f"{'one process':<41} {verdict.rows:>8} {seconds:>8.1f} {verdict.rows / seconds:>8.0f} {BAR_SECONDS:>6}"
        f" {'':>5} {'yes' if fits else 'NO'}"
    )
    print(f"processor time of this process: {cpu:.1f} s, {1e6 * cpu / verdict.rows:.0f} µs a row")
    return fits


async def main(rows: int) -> int:
    """Everything, one after the other."""
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as folder:
        # As root the server runs under an account that must get in.
        await asyncio.to_thread(os.chmod, folder, 0o755)
        with EmbeddedPostgres(Path(folder) / "pg") as server:
            settings = settings_for(server.dsn(user=APP_USER), server.dsn())
            await migrate(settings)
            use_audit_key(settings)
            await open_pool(settings)
            try:
                async with connection() as held:
                    await held.execute(FILL.replace("{tasks}", str(WRITES * ROUNDS * 2 * len(NAMES))))
                is_met = await measure_writes(settings)
                return 0 if await measure_verify(rows) and is_met else 1
            finally:
                await close_pool()


def settings_for(dsn: str, owner: str) -> Settings:
    """As many connections as hands."""
    made = load({"TRACKER_SECRET_KEY": "k" * 40, "TRACKER_POOL_MAX": str(CONNECTIONS)})
    assert made.secret_key == Secret("k" * 40)
    return made.with_database(dsn, owner)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        of_parent = settings_for(os.environ["BENCH_DSN"], os.environ["BENCH_OWNER"])
        use_audit_key(of_parent)
        asyncio.run(worker(of_parent, is_chained=bool(os.environ["BENCH_CHAINED"])))
    else:
        sys.exit(asyncio.run(main(given.rows)))

"""What 500 changes cost in one request, and in 500 requests of their own (bar A9).

    python -m bench.bench_bulk                the service in this process, over ASGI; three rounds in turns

Starts a PostgreSQL of its own, durable as in service.  Both ways do the same to the same number of assignments in the
same run, so that a busy machine slows both; statements and processor time do not depend on it at all.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from bench.bench_audit import FILL, cpu_seconds, postmaster_of
from tracker import clock
from tracker.actions import tokens
from tracker.actions.audit import use_audit_key
from tracker.actions.ladders import ensure_default
from tracker.actions.office import use_office
from tracker.actions.seed import seed
from tracker.app import create_app
from tracker.db.embedded import APP_USER, EmbeddedPostgres
from tracker.db.engine import close_pool, execute, fetch, fetchval, open_pool, pool
from tracker.db.migrate import migrate
from tracker.domain.access import Scope
from tracker.domain.directory import SYSTEM
from tracker.settings import Settings, load

ITEMS = 500
BAR_SECONDS = 2.0
ACTIONS = ("acknowledge", "set_deadline", "withdraw")
_keys = count(1)


@dataclass(frozen=True)
class Spent:
    """What a way cost."""

    seconds: float
    processor: float
    statements: int


@dataclass
class Bench:
    """The service, a client for each side, and what is asked of the database."""

    office: httpx.AsyncClient
    agency: httpx.AsyncClient
    postmaster: int
    statements: int = 0

    def client(self, action: str) -> httpx.AsyncClient:
        """Who may do it."""
        return self.agency if action == "acknowledge" else self.office

    @contextlib.asynccontextmanager
    async def measured(self, into: list[Spent]) -> AsyncIterator[None]:
        """Add what happens inside."""
        statements, processor = self.statements, cpu_seconds(self.postmaster)
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        into.append(Spent(seconds, cpu_seconds(self.postmaster) - processor, self.statements - statements))


def parameters(action: str) -> dict[str, Any]:
    """What the action takes."""
    reason = "Theo công văn 1102/VPCP-KSTT"
    if action == "set_deadline":
        return {"due_on": (clock.utc_now().date() + timedelta(days=90)).isoformat(), "reason": reason}
    return {"reason": reason} if action == "withdraw" else {}


async def in_one(bench: Bench, action: str, ids: Sequence[int]) -> None:
    """One request."""
    given = parameters(action)
    item = {"action": action, **({"parameters": given} if given else {})}
    answer = await bench.client(action).post(
        "/api/v1/assignments/bulk",
        json={"items": [{"assignment_id": str(i), **item} for i in ids]},
        headers={"Idempotency-Key": f"bench-{next(_keys)}"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["succeeded"] == len(ids), answer.text


async def one_by_one(bench: Bench, action: str, ids: Sequence[int]) -> None:
    """A request for each."""
    path = "deadline" if action == "set_deadline" else action
    for i in ids:
        answer = await bench.client(action).post(
            f"/api/v1/assignments/{i}/{path}", json=parameters(action) or None, headers={"If-Match": "*"}
        )
        assert answer.status_code < 300, answer.text


async def main(rounds: int) -> int:
    """The table."""
    with tempfile.TemporaryDirectory(prefix="bench-bulk-") as folder:
        # As root the server runs under an account that must get in.
        await asyncio.to_thread(os.chmod, folder, 0o755)
        with EmbeddedPostgres(Path(folder) / "pg") as server:
            made = load(
                {"TRACKER_SECRET_KEY": "k" * 40, "TRACKER_POOL_MAX": "2", "TRACKER_API_PER_MINUTE": "1000000"}
            )
            settings = made.with_database(server.dsn(user=APP_USER), server.dsn())
            await migrate(settings)
            use_audit_key(settings)
            use_office(settings)
            await open_pool(settings)
            try:
                return await _measure(await _prepare(settings, rounds), rounds)
            finally:
                await close_pool()


async def _prepare(settings: Settings, rounds: int) -> Bench:
    """Assignments, people, their tokens, and a count of all statements."""
    for statement in FILL.replace("{tasks}", str(2 * ITEMS * rounds * len(ACTIONS))).split(";\n"):
        if statement.strip():
            await execute(statement, timeout=120)
    await seed()
    await ensure_default("Chung")
    await execute("UPDATE assignment SET ladder_version_id = (SELECT max(id) FROM ladder_version)")
    await execute(
        "INSERT INTO official (full_name, email, role, duty, search_key, sort_key)"
        " VALUES ('Lê Thị Thư', 'thu@bench.example.vn', 'secretariat', 'secretariat_officer', '', '')"
    )
    owner = await asyncpg.connect(settings.owner_dsn())
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    transport = httpx.ASGITransport(app=create_app(settings))

    async def client(role: str) -> httpx.AsyncClient:
        official = await fetchval("SELECT id FROM official WHERE role = $1", role)
        new = tokens.NewToken(official, "bench", tuple(Scope))
        secret = (await tokens.create(SYSTEM, new, clock.utc_now())).secret
        return httpx.AsyncClient(
            transport=transport,
            base_url=settings.address,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=120,
        )

    bench = Bench(await client("secretariat"), await client("agency_officer"), await postmaster_of(settings))

    def counted(_: object) -> None:
        bench.statements += 1

    async with pool().acquire() as first, pool().acquire() as second:
        first.add_query_logger(counted)
        second.add_query_logger(counted)
    return bench


async def _measure(bench: Bench, rounds: int) -> int:
    print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    ids = [r["id"] for r in await fetch("SELECT id FROM assignment ORDER BY id")]
    print(
        f"{f'{ITEMS} changes':<14} {'way':<14} {'seconds':>8} {'processor':>10} {'statements':>11} {'bar':>5}  met"
    )
    is_met = True
    for action in ACTIONS:
        whole: list[Spent] = []
        single: list[Spent] = []
        for _ in range(rounds):
            first, second, ids = ids[:ITEMS], ids[ITEMS : 2 * ITEMS], ids[2 * ITEMS :]
            async with bench.measured(whole):
                await in_one(bench, action, first)
            async with bench.measured(single):
                await one_by_one(bench, action, second)
        one, many = _middle(whole), _middle(single)
        fits = one.seconds <= BAR_SECONDS
        is_met &= fits
        print(
            f"{action:<14} {'one request':<14} {one.seconds:>8.2f} {one.processor:>8.2f} s {one.statements:>11}"
            f" {BAR_SECONDS:>5.1f}  {'yes' if fits else 'NO'}"
        )
        print(
            f"{'':<14} {'one by one':<14} {many.seconds:>8.2f} {many.processor:>8.2f} s {many.statements:>11}"
            f"        {many.seconds / one.seconds:.0f} times as long,"
            f" {many.processor / one.processor:.0f} times the processor",
            flush=True,
        )
    return 0 if is_met else 1


def _middle(spent: Sequence[Spent]) -> Spent:
    return Spent(
        statistics.median(s.seconds for s in spent),
        statistics.median(s.processor for s in spent),
        round(statistics.median(s.statements for s in spent)),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    sys.exit(asyncio.run(main(parser.parse_args().rounds)))

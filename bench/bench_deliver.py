"""Delivering 10,000 digests to postfix's smtp-sink, each committed, against smtp-source alone on the same machine."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import time
from dataclasses import replace

from bench.million import NOW, run, service
from tracker.actions.notices import Draft, rendered, task_line
from tracker.actions.reminders import find_calls
from tracker.db import assignments as assignments_db
from tracker.db import outbox as outbox_db
from tracker.db.calendar import load_calendar
from tracker.db.directory import get_officials
from tracker.db.engine import connection, fetch, transaction
from tracker.jobs.worker import delivery_of, transport_of
from tracker.mail import contexts
from tracker.process import with_secret_key
from tracker.settings import Settings

MESSAGES = 10_000
CONNECTIONS = 8


def tool(name: str) -> str:
    """The path of one of postfix's tools."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        sys.exit(f"{name} is missing: install postfix")
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


async def compose(settings: Settings) -> float:
    """Queue the digests; messages a second, from the rows to the committed outbox."""
    calendar = await load_calendar()
    calls, _, waiting = await find_calls(NOW, calendar)
    ids = [c.assignment_id for c in (*calls, *waiting)]
    rows = [
        r
        for start in range(0, len(ids), 2000)
        for r in await assignments_db.list_by_ids(ids[start : start + 2000])
    ]
    people = list((await get_officials(r["id"] for r in await fetch("SELECT id FROM official"))).values())
    start = time.perf_counter()
    for first in range(0, MESSAGES, 500):
        drafts = []
        for n in range(first, first + 500):
            lines = tuple(
                task_line(rows[(n * 3 + k) % len(rows)], NOW, calendar, wording="soon") for k in range(3)
            )
            person = people[n % len(people)]
            context = contexts.Digest(lines, "", "http://127.0.0.1/can-xu-ly")
            drafts.append(Draft("digest", context, person, f"bench-{n}", ()))
        messages = [rendered(d, NOW) for d in drafts]
        async with transaction():
            reserved = await outbox_db.reserve_ids(len(drafts))
            await outbox_db.insert_messages(list(zip(reserved, messages, strict=True)), NOW)
    return MESSAGES / (time.perf_counter() - start)


async def measure() -> None:
    """Print the figures."""
    port = free_port()
    sink = await asyncio.create_subprocess_exec(
        tool("smtp-sink"), "-u", "nobody", f"127.0.0.1:{port}", "2000"
    )
    await asyncio.sleep(0.5)
    try:
        async with service() as settings:
            await _forget()
            composed = await compose(settings)
            settings = replace(
                with_secret_key(settings),
                smtp_host="127.0.0.1",
                smtp_port=port,
                smtp_security="none",
                smtp_connections=CONNECTIONS,
            )
            transport = transport_of(settings)
            assert transport is not None
            start = time.perf_counter()
            counts = await delivery_of(settings, transport).run()
            delivered = counts.sent / (time.perf_counter() - start)
            await _forget()
        alone = await _source_alone(port)
    finally:
        sink.terminate()
        await sink.wait()
    print(f"digests composed and committed: {composed:>8.0f} a second")
    print(
        f"delivered and committed:        {delivered:>8.0f} a second   bar 800   ({counts.sent} of {MESSAGES})"
    )
    print(f"smtp-source alone:              {alone:>8.0f} a second   ratio {delivered / alone:.2f}")


async def _source_alone(port: int) -> float:
    start = time.perf_counter()
    source = await asyncio.create_subprocess_exec(
        tool("smtp-source"), "-s", str(CONNECTIONS), "-l", "9000", "-m", str(MESSAGES),
        "-f", "a@example.vn", "-t", "b@example.vn", f"127.0.0.1:{port}",
    )  # fmt: skip
    await source.wait()
    return MESSAGES / (time.perf_counter() - start)


async def _forget() -> None:
    async with connection() as c:
        await c.execute("SET session_replication_role = replica; SET statement_timeout = 0")
        await c.execute("DELETE FROM outbox_entry", timeout=120)
        await c.execute("DELETE FROM outbox", timeout=120)
        await c.execute("RESET session_replication_role; RESET statement_timeout")


if __name__ == "__main__":
    run(measure)

"""kill -9 at every point of a delivery: nothing is lost, and what goes twice is the same message and is marked.

The mail server is real, in this process; the worker is a process of its own that kills itself at the named point.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import MONDAY, build_world, directive, task
from tracker.actions import directives
from tracker.db.engine import execute, fetch
from tracker.mailbox import LocalMailbox
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

CONNECTIONS = 2
POINTS = ("claimed", "claim_committed", "answered", "written")


@pytest.fixture
async def mailbox(anyio_backend: str, tmp_path: Path) -> AsyncIterator[LocalMailbox]:
    """A mail server on this machine that keeps what it has taken."""
    box = LocalMailbox(tmp_path)
    await box.start()
    try:
        yield box
    finally:
        await box.stop()


async def work(settings: Settings, mailbox: LocalMailbox, fail_point: str = "") -> int | None:
    """Run a worker process to its end; its exit code."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("TRACKER_")},
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_DATABASE_OWNER_URL": settings.owner_dsn(),
        "TRACKER_SECRET_KEY": "k" * 40,
        "TRACKER_SMTP_HOST": "127.0.0.1",
        "TRACKER_SMTP_PORT": str(mailbox.port),
        "TRACKER_SMTP_SECURITY": "none",
        "TRACKER_SMTP_CONNECTIONS": str(CONNECTIONS),
        "DONDOC_FAIL_POINT": fail_point,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.worker_process", env=environment
    )
    async with asyncio.timeout(60):
        return await process.wait()


@pytest.mark.parametrize("point", POINTS)
async def test_nothing_is_lost_and_a_double_is_the_same_message_and_marked(
    point: str, database: Settings, mailbox: LocalMailbox
) -> None:
    world = await build_world()
    for n in range(10):
        await directives.record(world.secretariat, directive(task(), number=f"{n}/NQ-CP"), MONDAY)
    expected = {r["message_id"] for r in await fetch("SELECT message_id FROM outbox")}

    killed = await work(database, mailbox, point)
    await execute("UPDATE outbox SET lease_until = now() WHERE state = 'sending'")
    ended = await work(database, mailbox)

    delivered = Counter(f"<{letter.key}@localhost>" for letter in mailbox.list_messages())
    doubled = {message_id for message_id, times in delivered.items() if times > 1}
    marked = {r["message_id"] for r in await fetch("SELECT message_id FROM outbox WHERE maybe_duplicate")}
    assert (killed, ended) == (-9, 0)
    assert set(delivered) == expected, "nothing lost, nothing invented"
    assert len(doubled) <= CONNECTIONS
    assert doubled <= marked
    assert {r["state"] for r in await fetch("SELECT state FROM outbox")} == {"sent"}

"""Attack cases of trouble: words that leak, people who are in each other's way, backups that come back."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio.to_thread
import asyncpg
import httpx
import openpyxl
import pytest

from tests.api import COMPLETION, DIRECTIVE, Api, running_api
from tests.conftest import Cluster
from tests.receivers import receiving
from tests.web_scene import ADDRESS, Scene, Visitor, hidden_fields, scene
from tests.world import MONDAY, World, build_world, directive, task
from tracker import clock
from tracker.actions import assignments, directives
from tracker.actions import webhooks as webhook_actions
from tracker.actions.reminders import sweep
from tracker.db import engine
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.switches import is_sending_paused
from tracker.domain.drafts import NewExtension, NewReport
from tracker.domain.webhooks import Kind
from tracker.jobs.long_work import LongWork
from tracker.jobs.quarantine import mark_in
from tracker.jobs.webhooks import WebhookDelivery
from tracker.jobs.worker import Worker, transport_of
from tracker.mailbox import LocalMailbox
from tracker.process import with_secret_key
from tracker.settings import Settings, load

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
ANY = {"If-Match": "*"}


# -- 88: a backup that comes back -------------------------------------------------------------------------------


@pytest.fixture
async def posted(fresh_database: Settings, tmp_path: Path) -> AsyncIterator[tuple[Settings, LocalMailbox]]:
    """A database of the test's own, and a mail server on this machine."""
    mailbox = LocalMailbox(tmp_path / "letters")
    await mailbox.start()
    settings = replace(
        with_secret_key(fresh_database), smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_security="none"
    )
    try:
        yield settings, mailbox
    finally:
        await mailbox.stop()


async def tick(settings: Settings) -> None:
    """What a worker that has just started does at its first tick of sending."""
    worker = Worker(settings, transport_of(settings))
    now = clock.utc_now()
    await worker._call(now)
    await worker._deliver(now)


async def tool(cluster: Cluster, name: str, *arguments: str) -> None:
    """One of the server's own programs."""
    command = [cluster.server.binaries.tool(name), *arguments]
    done = await anyio.to_thread.run_sync(lambda: subprocess.run(command, capture_output=True, text=True))
    assert done.returncode == 0, done.stderr


async def restore(cluster: Cluster, settings: Settings, backup: Path) -> None:
    """Put the backup in the database's place, as an operator does: everything since is gone."""
    await engine.close_pool()
    admin = await asyncpg.connect(cluster.admin_dsn())
    await admin.execute("DROP DATABASE fresh WITH (FORCE)")
    await admin.execute("CREATE DATABASE fresh TEMPLATE template0")
    await admin.close()
    await tool(cluster, "pg_restore", "--exit-on-error", "-d", settings.owner_dsn(), str(backup))
    await engine.open_pool(settings)


async def resume(settings: Settings) -> str:
    """`tracker outbox resume`, as the operator types it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRACKER_")} | {
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_DATABASE_OWNER_URL": settings.owner_dsn(),
        "TRACKER_DATA_DIR": str(settings.data_dir),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tracker", "outbox", "resume", "--reason", "Đã xem.", "--json"]
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def states() -> list[str]:
    return [row["state"] for row in await fetch("SELECT state FROM outbox ORDER BY id")]


async def test_case_88_restore_of_an_old_backup_sends_nothing_by_itself(
    posted: tuple[Settings, LocalMailbox], cluster: Cluster, tmp_path: Path
) -> None:
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    backup = tmp_path / "backup"
    await tick(settings)  # two letters leave, and the mark says so
    await directives.record(world.secretariat, directive(task(), number="18/NQ-CP"), MONDAY)
    await tool(cluster, "pg_dump", "-Fc", "-f", str(backup), settings.owner_dsn())
    await tick(settings)
    assert (mailbox.count(), await states()) == (4, ["sent"] * 4)
    assert not await is_sending_paused()

    await restore(cluster, settings, backup)
    assert await states() == ["sent"] * 2 + ["pending"] * 2, "the marks are lost with the restore"
    await tick(settings)
    await tick(settings)

    assert await is_sending_paused()
    assert mailbox.count() == 4
    paused = await fetch("SELECT actor_id, reason FROM history WHERE verb = 'pause_sending'")
    assert len(paused) == 1
    assert "bản sao lưu" in paused[0]["reason"]
    # The sweep still decides; what it decides waits.
    decided = len(await states())
    await sweep(MONDAY + timedelta(days=7))
    assert len(await states()) > decided
    await tick(settings)
    assert mailbox.count() == 4

    assert json.loads(await resume(settings))["sending_paused"] is False
    await tick(settings)
    assert not await is_sending_paused(), "who has looked is not asked again"
    assert mailbox.count() > 4


async def test_case_88_backup_made_while_a_run_was_sending(
    posted: tuple[Settings, LocalMailbox], cluster: Cluster, tmp_path: Path
) -> None:
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    worker = Worker(settings, transport_of(settings))
    await worker.quarantine.before(clock.utc_now())
    await tool(cluster, "pg_dump", "-Fc", "-f", str(tmp_path / "backup"), settings.owner_dsn())
    await worker._deliver(clock.utc_now())
    assert mailbox.count() == 2

    await restore(cluster, settings, tmp_path / "backup")
    await tick(settings)

    assert (mailbox.count(), await is_sending_paused()) == (2, True)


async def test_case_88_backup_from_before_the_marks(
    posted: tuple[Settings, LocalMailbox], cluster: Cluster, tmp_path: Path
) -> None:
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    await tool(cluster, "pg_dump", "-Fc", "-f", str(tmp_path / "backup"), settings.owner_dsn())
    await tick(settings)
    assert mailbox.count() == 2

    await restore(cluster, settings, tmp_path / "backup")
    await tick(settings)

    assert (mailbox.count(), await is_sending_paused()) == (2, True)


async def test_case_88_backup_on_a_new_machine(posted: tuple[Settings, LocalMailbox]) -> None:
    """The old machine's disk is gone, and its mark with it: the database is old, and nobody has sent for it lately."""
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    await tick(settings)
    await directives.record(world.secretariat, directive(task(), number="18/NQ-CP"), MONDAY)
    await execute("UPDATE heartbeat SET at = now() - interval '2 hours'")
    mark_in(settings.data_dir).unlink()

    await tick(settings)

    assert (mailbox.count(), await is_sending_paused()) == (2, True)


async def test_case_88_what_is_no_restore_sends(posted: tuple[Settings, LocalMailbox]) -> None:
    """A second machine joins; a service stands still for days; a mark is torn: mail goes on."""
    settings, mailbox = posted
    world = await build_world()

    async def one_more(number: str, sender: Settings) -> None:
        await directives.record(world.secretariat, directive(task(), number=number), MONDAY)
        await tick(sender)
        assert not await is_sending_paused()

    other_machine = replace(settings, data_dir=settings.data_dir / "other")
    await one_more("1/NQ-CP", settings)
    await one_more("2/NQ-CP", other_machine)
    await execute("UPDATE heartbeat SET at = now() - interval '5 days'")
    await one_more("3/NQ-CP", settings)
    mark_in(settings.data_dir).write_text('{"database": ')
    await one_more("4/NQ-CP", settings)
    await asyncio.gather(*(tick(s) for s in (settings, other_machine, settings, other_machine)))
    await one_more("5/NQ-CP", settings)
    assert mailbox.count() == 10


async def test_case_88_a_mark_that_cannot_be_kept_holds_up_no_mail(
    posted: tuple[Settings, LocalMailbox],
) -> None:
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    (settings.data_dir / "file").write_text("")

    await tick(replace(settings, data_dir=settings.data_dir / "file" / "below"))

    assert mailbox.count() == 2

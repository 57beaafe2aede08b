"""A request under an Idempotency-Key survives the death of the process between its effect and its answer (A3)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio.to_thread
import pytest

from tests.api import DIRECTIVE, running_api
from tracker.db.engine import fetchval
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
async def test_killed_request_retried_three_times_is_one_directive(database: Settings, point: str) -> None:
    async with running_api(database) as api:
        token = await api.token(api.world.secretariat)
        killed = await anyio.to_thread.run_sync(lambda: _run_and_die(database, point, token))
        standing = await fetchval("SELECT count(*) FROM directive")

        office = await api.client(api.world.secretariat)
        headers = {"Idempotency-Key": "killed"}
        answers = [await office.post("/api/v1/directives", json=DIRECTIVE, headers=headers) for _ in range(3)]

    assert killed == -signal.SIGKILL
    assert standing == (1 if point == "after_commit" else 0)
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.content for answer in answers}) == 1
    replayed = ["idempotency-replayed" in answer.headers for answer in answers]
    assert replayed == [point == "after_commit", True, True]
    assert await fetchval("SELECT count(*) FROM directive") == 1
    assert await fetchval("SELECT count(*) FROM task") == 1


def _run_and_die(settings: Settings, point: str, token: str) -> int:
    environment = {
        **os.environ,
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_DATABASE_OWNER_URL": settings.owner_dsn(),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.faults.keyed_process", point, token]
    return subprocess.run(command, cwd=ROOT, env=environment, timeout=60, check=False).returncode

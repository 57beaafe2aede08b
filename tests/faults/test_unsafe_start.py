"""A service that others can reach does not start on an unsafe setting, and says which."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
SECONDS = 60


def _start(command: str, settings: Settings, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("TRACKER_")},
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_DATA_DIR": str(settings.data_dir),
        "TRACKER_PORT": "18231",
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", "tracker", "--language", "en", *command.split()],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_each_part_refuses_and_names_every_risk(database: Settings, command: str) -> None:
    ended = _start(
        command,
        database,
        TRACKER_PUBLIC_URL="http://dondoc.example.vn",
        TRACKER_ALLOWED_HOSTS="*",
        TRACKER_LOG_LEVEL="debug",
    )

    assert ended.returncode == 78, ended.stderr
    for code in ("plain_http", "any_host", "debug_log"):
        assert f"{code}: " in ended.stderr
    assert "TRACKER_ACCEPTED_RISKS=plain_http,any_host,debug_log" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_mighty_account_is_refused(database: Settings) -> None:
    """With the owner's account the second net would hang on the service's good will."""
    ended = _start(
        "serve",
        database,
        TRACKER_DATABASE_URL=database.owner_dsn(),
        TRACKER_PUBLIC_URL="https://dondoc.example.vn",
    )

    assert ended.returncode == 78, ended.stderr
    assert "mighty_account" in ended.stderr


async def test_demonstration_is_not_shown_to_others(database: Settings) -> None:
    ended = _start(
        "up --demo", database, TRACKER_HOST="0.0.0.0", TRACKER_DATABASE_OWNER_URL=database.owner_dsn()
    )

    assert ended.returncode == 78, ended.stderr
    assert "demonstration" in ended.stderr

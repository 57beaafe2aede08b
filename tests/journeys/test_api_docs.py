"""Every example of docs/api.md works, in its order, in one shell, over real HTTP (A17)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import anyio.to_thread
import pytest

from tests.api import served
from tests.world import build_world
from tracker.db import engine
from tracker.db.engine import execute
from tracker.settings import Settings

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not (shutil.which("curl") and shutil.which("jq")), reason="the examples need curl and jq"
    ),
]
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


async def test_every_example_works(database: Settings, tmp_path: Path) -> None:
    await build_world()
    # The people and the agency of the demonstration, as the page names them.
    await execute(
        "UPDATE official SET email = 'thao.nguyenthibich@vpcp.vn.example' WHERE email LIKE 'officer@%'"
    )
    await execute(
        "UPDATE official SET email = 'huyen.lethi@byt.vn.example' WHERE email = 'focal@byt.example.vn'"
    )
    await execute("UPDATE official SET email = 'trung.buiquoc@vpcp.vn.example' WHERE email LIKE 'admin@%'")
    await execute("UPDATE agency SET code = 'G18' WHERE code = 'BYT'")
    await engine.close_pool()

    with served(database) as address:
        done = await anyio.to_thread.run_sync(lambda: _run(address, database, tmp_path))

    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    assert "\n304\n" in done.stdout
    assert '"confirmed"' in done.stdout
    assert '"2026-01-31"' in done.stdout
    assert "/calendars/ddf_" in done.stdout


def test_page_has_its_examples() -> None:
    assert len(EXAMPLES) >= 12
    assert all("curl" in example or "TOKEN" in example for example in EXAMPLES)


def _run(address: str, settings: Settings, folder: Path) -> subprocess.CompletedProcess[str]:
    script = "set -euo pipefail\n" + "\n".join(EXAMPLES)
    script = script.replace("http://127.0.0.1:8080", address).replace(".venv/bin/python", sys.executable)
    environment = {
        **os.environ,
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_DATABASE_OWNER_URL": settings.owner_dsn(),
        "TRACKER_DATA_DIR": str(folder / "var"),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

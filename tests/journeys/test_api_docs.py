"""Every example of docs/api.md works, in its order, in one shell, over real HTTP (A17)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import anyio.to_thread
import pytest

from tests.api import served
from tests.world import build_world
from tracker.api.v1 import v1_handlers
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
    await execute("UPDATE agency SET code = 'G10' WHERE code = 'BTC'")
    await engine.close_pool()
    settings = replace(database, webhook_hosts=(".bo.example.vn",))

    with served(settings) as address, _working(database, tmp_path):
        done = await anyio.to_thread.run_sync(lambda: _run(address, database, tmp_path))

    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    for told in (
        "\n304\n",
        '"confirmed"',
        '"invalid_request"',
        '"can_be_confirmed": true',
        '"succeeded": 2',
        '"2026-01-31"',
        "/calendars/ddf_",
        '"whsec_"',
        '"is_ready": true',
        "\nover\n",
    ):
        assert told in done.stdout, told


def test_page_has_its_examples() -> None:
    assert len(EXAMPLES) >= 30
    assert all("curl" in example or "$API" in example or "TOKEN" in example for example in EXAMPLES)


def test_every_noun_of_the_reference_is_told() -> None:
    for path in sorted({handler.opt["operation"].path.split("/")[1] for handler in v1_handlers}):
        assert f"/{path}" in PAGE, path


def test_contents_lead_to_the_sections() -> None:
    slugs = [
        re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    ]
    assert re.findall(r"^\[[^\]]+\]\(#([^)]+)\)", PAGE, re.MULTILINE) == slugs


@contextmanager
def _working(settings: Settings, folder: Path) -> Iterator[None]:
    """A worker beside the service, for jobs."""
    with (folder / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tracker", "worker"],
            cwd=folder,
            env=_environment(settings, folder),
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            worker.terminate()
            worker.wait(30)


def _run(address: str, settings: Settings, folder: Path) -> subprocess.CompletedProcess[str]:
    script = "set -euo pipefail\n" + "\n".join(EXAMPLES)
    script = script.replace("http://127.0.0.1:8080", address).replace(".venv/bin/python", sys.executable)
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=_environment(settings, folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _environment(settings: Settings, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_DATABASE_OWNER_URL": settings.owner_dsn(),
        "TRACKER_DATA_DIR": str(folder / "var"),
        "PYTHONPATH": str(ROOT),
    }

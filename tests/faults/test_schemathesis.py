"""The API against its own document: schemathesis on loopback with every check, few examples (A6).

Each persona has the phase that finds most with its rights.
`make fuzz` asks for more: FUZZ_EXAMPLES is the number of examples for each operation, in every phase, for each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import anyio.to_thread
import pytest

from tests.api import running_api, served
from tracker.db import engine
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "")
ALL_PHASES = "examples,coverage,fuzzing,stateful"
# test_headers_everywhere.py tries every method on every path; here it would be a third of the requests.
# What fits is tried by the other phases, what does not by this one.
BRIEFLY = '\n[phases.coverage]\nunexpected-methods = []\ngeneration.mode = "negative"\n'


@pytest.mark.parametrize(
    ("persona", "phases"),
    [
        pytest.param("administrator", "coverage", marks=pytest.mark.long),
        ("secretariat", "examples,fuzzing"),
        ("agency", "stateful"),
    ],
)
async def test_api_is_what_its_document_says(
    database: Settings, persona: str, phases: str, tmp_path: Path
) -> None:
    async with running_api(database) as api:
        await api.recorded()
        token = await api.token(getattr(api.world, persona))
    await engine.close_pool()
    with served(database) as address:
        done = await anyio.to_thread.run_sync(lambda: _fuzz(address, token, phases, tmp_path))
    print(done.stdout[-6_000:])  # `make fuzz` shows the counts
    assert done.returncode == 0, done.stdout[-60_000:] + done.stderr[-2_000:]


def _fuzz(address: str, token: str, phases: str, folder: Path) -> subprocess.CompletedProcess[str]:
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.read_text("utf-8") + ("" if EXAMPLES else BRIEFLY), "utf-8")
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(config),
        "run",
        f"{address}/api/openapi.json",
        "--header",
        f"Authorization: Bearer {token}",
        "--checks=all",
        "--mode=all",
        f"--phases={ALL_PHASES if EXAMPLES else phases}",
        f"--max-examples={EXAMPLES or 2}",
        "--seed=1",
        "--generation-database=none",
        "--request-timeout=20",
        "--suppress-health-check=all",
        # The token would be gone for the rest of the run.
        "--exclude-operation-id=revokeCurrentToken",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=4 * 3_600)

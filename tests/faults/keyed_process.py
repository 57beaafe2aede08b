"""A process that records a directive under a key and is killed at a named point: `python -m … POINT TOKEN`.

The database is that of TRACKER_DATABASE_URL. Points: `before_commit` (effect and answer written, nothing
committed), `after_commit` (committed, the answer not yet on its way).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import httpx
import pytest

from tests.api import DIRECTIVE, application
from tracker.db import engine
from tracker.db.idempotency import insert_answer
from tracker.settings import load


def die(*_: object, **__: object) -> None:
    """As a power cut does it."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main(point: str, token: str) -> None:
    """Send the request that does not survive."""
    await engine.open_pool(load(os.environ))
    transport = httpx.ASGITransport(app=application())
    patch = pytest.MonkeyPatch()
    if point == "before_commit":

        async def keep_and_die(*arguments: Any) -> None:
            await insert_answer(*arguments)
            die()

        patch.setattr("tracker.api.endpoint.insert_answer", keep_and_die)
    else:
        # The answer is made after the commit.
        patch.setattr("tracker.api.endpoint.Response", die)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "killed"}
        await client.post("/api/v1/directives", json=DIRECTIVE, headers=headers)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""Whether the process answers (`/live`) and whether it can do its work (`/ready`), without credentials (bar O2)."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Literal

import msgspec
from litestar import Response, Router, get
from msgspec import Struct

from tracker.api.errors import exception_handlers
from tracker.db.engine import Failure, classify_failure
from tracker.db.migrate import load_migrations
from tracker.db.reads_api import Pulse, read_pulse

LIMIT_SECONDS = 5.0
OLDEST_DUE_SECONDS = 600.0
# A job is looked for at three of its periods, and never before two minutes: bar N21.
HEARTBEAT_SECONDS = 180.0
_JOBS = ("reminders", "outbox")

Verdict = Literal["ok", "failing"]


class Live(Struct):
    """The process answers."""

    status: Verdict = "ok"


class Ready(Struct):
    """Each thing the work depends on, and whether it is as it should be."""

    status: Verdict
    database: Verdict
    migrations: Verdict
    jobs: Verdict
    outbox: Verdict


@cache
def _wanted_migrations() -> frozenset[str]:
    return frozenset(m.id for m in load_migrations())


def judge(pulse: Pulse | None, wanted: frozenset[str], heartbeat_seconds: float) -> Ready:
    """What a look at the database means; None when it does not answer.

    >>> judge(None, frozenset(), 180).status
    'failing'
    """
    if pulse is None:
        return Ready("failing", "failing", "failing", "failing", "failing")
    late = [pulse.heartbeat_seconds.get(job, float("inf")) > heartbeat_seconds for job in _JOBS]
    checks: dict[str, Verdict] = {
        "database": _verdict(pulse.is_writable),
        "migrations": _verdict(wanted <= pulse.migrations),
        "jobs": _verdict(not any(late)),
        "outbox": _verdict((pulse.oldest_due_seconds or 0.0) < OLDEST_DUE_SECONDS),
    }
    return Ready(status=_verdict(all(v == "ok" for v in checks.values())), **checks)


def _verdict(good: bool) -> Verdict:
    return "ok" if good else "failing"


async def _look() -> Pulse | None:
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await read_pulse()
    except Exception as error:
        if classify_failure(error) is Failure.REFUSED:
            raise
        return None


@get("/live", include_in_schema=False, name="live")
async def live() -> Response[bytes]:
    """The event loop runs."""
    return Response(msgspec.json.encode(Live()), media_type="application/json")


@get("/ready", include_in_schema=False, name="ready")
async def ready() -> Response[bytes]:
    """503 while anything is missing that the service needs to do its work."""
    found = judge(await _look(), _wanted_migrations(), HEARTBEAT_SECONDS)
    return Response(
        msgspec.json.encode(found),
        media_type="application/json",
        status_code=200 if found.status == "ok" else 503,
        headers={} if found.status == "ok" else {"Retry-After": "5"},
    )


routers = [Router("/", route_handlers=[live, ready], exception_handlers=exception_handlers)]

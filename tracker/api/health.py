"""Whether the process answers (`/live`) and whether it can do its work (`/ready`), without credentials (bar O2)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from math import inf
from typing import Any, Literal

import msgspec
from litestar import Request, Response, Router, get
from msgspec import Struct

from tracker.api.errors import exception_handlers
from tracker.db.engine import Failure, as_service, classify_failure
from tracker.db.migrate import load_migrations
from tracker.db.reads_api import Pulse, read_pulse
from tracker.settings import Settings

LIMIT_SECONDS = 5.0
OLDEST_DUE_SECONDS = 600.0
# Bar N21: a job is missed after three of its periods; one that has much to do gets this long at least.
SHORTEST_SILENCE_SECONDS = 120.0

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


def allowed_silence(settings: Settings) -> dict[str, float]:
    """For each job how many seconds may pass since it last ended well."""
    periods = {"reminders": settings.sweep_seconds, "outbox": settings.deliver_seconds}
    return {job: max(3.0 * seconds, SHORTEST_SILENCE_SECONDS) for job, seconds in periods.items()}


def judge(pulse: Pulse | None, wanted: frozenset[str], silence: Mapping[str, float]) -> Ready:
    """What a look at the database means; None when it does not answer.

    >>> judge(None, frozenset(), {}).status
    'failing'
    """
    if pulse is None:
        return Ready("failing", "failing", "failing", "failing", "failing")
    late = [pulse.heartbeat_seconds.get(job, inf) > seconds for job, seconds in silence.items()]
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
            async with as_service():
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
async def ready(request: Request[Any, Any, Any]) -> Response[bytes]:
    """503 while anything is missing that the service needs to do its work."""
    silence = allowed_silence(request.app.state["settings"])
    found = judge(await _look(), _wanted_migrations(), silence)
    return Response(
        msgspec.json.encode(found),
        media_type="application/json",
        status_code=200 if found.status == "ok" else 503,
        headers={} if found.status == "ok" else {"Retry-After": "5"},
    )


routers = [Router("/", route_handlers=[live, ready], exception_handlers=exception_handlers)]

"""The demonstration's own clock: kept in the database, moved a day at a time, followed by sweep and delivery."""

from __future__ import annotations

from datetime import datetime, timedelta

from tracker import clock
from tracker.actions import demo
from tracker.db.switches import get_switch, set_switch
from tracker.domain.errors import NotPermitted

KEY = "demo_clock"


async def start(at: datetime) -> None:
    """From now on this installation's clock shows `at` and runs on from there."""
    await _store(at - (clock.utc_now() - clock.offset()))


async def is_on() -> bool:
    """Whether this installation is a demonstration."""
    return isinstance(await get_switch(KEY), dict)


async def follow() -> timedelta:
    """Set this process's clock as the database says; without a demonstration, not at all."""
    stored = await get_switch(KEY)
    offset = timedelta(seconds=float(stored["offset_seconds"])) if isinstance(stored, dict) else timedelta()
    clock.set_offset(offset)
    return offset


async def step(days: int) -> datetime:
    """Go forward by whole days, and let happen what the demonstration knows of them; the instant that it is now.

    Raises NotPermitted outside a demonstration.
    """
    if not await is_on():
        raise NotPermitted(verb="step_clock", role="", allowed=())
    since = clock.utc_now() - clock.offset() + await follow()
    await _store(await follow() + timedelta(days=days))
    await demo.advance(since, clock.utc_now())
    return clock.utc_now()


async def _store(offset: timedelta) -> None:
    await set_switch(KEY, {"offset_seconds": offset.total_seconds()})
    clock.set_offset(offset)

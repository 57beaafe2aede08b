"""The demonstration: what it holds, and that it tells the truth of each day it can be loaded for."""

from __future__ import annotations

import time as stopwatch
from datetime import date

import pytest

from tracker.actions import demo
from tracker.actions.overdue import overdue_list
from tracker.db.engine import fetch, fetchval
from tracker.domain.directory import SYSTEM
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

TODAY = demo.DEFAULT_START


async def test_loads_quickly_and_fills_every_state(database: Settings) -> None:
    began = stopwatch.monotonic()

    loaded = await demo.load(TODAY)

    print("seconds", round(stopwatch.monotonic() - began, 1), loaded)
    states = {
        r["state"]: r["n"] for r in await fetch("SELECT state, count(*) AS n FROM assignment GROUP BY 1")
    }
    print(states)
    assert set(states) == {
        "assigned",
        "acknowledged",
        "in_progress",
        "reported",
        "returned",
        "confirmed",
        "withdrawn",
        "transferred",
    }
    assert loaded.tasks >= 150
    assert loaded.directives >= 12
    assert await fetchval("SELECT count(DISTINCT agency_id) FROM assignment") >= 60
    assert await fetchval("SELECT count(*) FROM outbox") == 0
    listing = await overdue_list(SYSTEM, date(2025, 11, 24))
    print(listing.totals, listing.rate.value, len(listing.rows))

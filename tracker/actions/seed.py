"""What a new installation starts with: agencies, working calendar, the default escalation policy."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from tracker import i18n
from tracker.actions.ladders import ensure_default
from tracker.db import calendar as calendar_db
from tracker.db import demo as bulk_db
from tracker.db.engine import transaction
from tracker.db.ladders import list_ladders
from tracker.shipped import shipped_calendar


@cache
def shipped(name: str) -> Any:
    """A JSON file of the package's data folder."""
    return json.loads(files("tracker").joinpath("data", *name.split("/")).read_text("utf-8"))


async def ensure_seed() -> None:
    """Seed an installation that has nothing yet: the one that migrated it may have been another process."""
    if not await list_ladders():
        await seed()


async def seed() -> int:
    """Put in what is missing and leave alone what stands; how many agencies were new."""
    await ensure_default(i18n.text("vi", "ladder_default"))
    async with transaction():
        await seed_calendar()
        return await seed_directory()


async def seed_directory() -> int:
    """The shipped agencies and their successions, by bulk insert; the caller holds the transaction."""
    data = shipped("agencies.json")
    added = await bulk_db.insert_agencies(data["agencies"])
    await bulk_db.insert_successions(data["successions"])
    return added


async def seed_calendar() -> None:
    """The shipped working calendar; a year with projected days waits for an administrator's confirmation."""
    calendar = shipped_calendar()
    projected = {day.year for day, mark in calendar.days.items() if mark.projected}
    source = i18n.text("vi", "calendar_shipped")
    await calendar_db.insert_years([(year, source, year not in projected) for year in sorted(calendar.years)])
    await calendar_db.insert_days(
        [(day, m.kind, m.name, m.source, m.projected) for day, m in sorted(calendar.days.items())]
    )

"""The reconciliation job: open the round that the month is owed, remind the silent, say that it ended well."""

from __future__ import annotations

from datetime import datetime

from tracker.actions import reconciliation
from tracker.db.switches import beat
from tracker.domain.moments import DEFAULT_HOURS, Hours

NAME = "reconciliation"


async def run(now: datetime, hours: Hours = DEFAULT_HOURS) -> None:
    """One look at `now`. Safe at any time, any number of times, in any number of processes."""
    opened = await reconciliation.open_due(now, hours)
    letters = await reconciliation.remind(now, hours)
    await beat(NAME, {"opened": 0 if opened is None else 1, "reminders": letters})

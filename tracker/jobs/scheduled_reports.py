"""The job of scheduled reports: queue the letters of the day, and say that it ended well."""

from __future__ import annotations

from datetime import datetime

from tracker.actions.scheduled_reports import Sent, send_due
from tracker.db.switches import beat
from tracker.domain.moments import DEFAULT_HOURS, Hours

NAME = "scheduled_reports"


async def run(now: datetime, hours: Hours = DEFAULT_HOURS) -> Sent:
    """One look at `now`. Safe at any time, any number of times, in any number of processes."""
    sent = await send_due(now, hours)
    await beat(NAME, sent.as_json())
    return sent

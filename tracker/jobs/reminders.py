"""The reminder job: make the next occurrences of recurrent tasks, sweep, and say that it ended well."""

from __future__ import annotations

from datetime import datetime

from tracker.actions import explaining, indicator_letters, passing_on, recurrences
from tracker.actions.reminders import Swept, sweep
from tracker.db.switches import beat
from tracker.domain.moments import DEFAULT_HOURS, Hours

NAME = "reminders"


async def run(now: datetime, hours: Hours = DEFAULT_HOURS) -> Swept:
    """One sweep at `now`. Safe at any time, any number of times, in any number of processes."""
    made = await recurrences.roll(now)
    swept = await sweep(now, hours)
    explained = await explaining.remind(now, hours)
    inside = await passing_on.remind(now, hours)
    targets = await indicator_letters.remind(now, hours)
    told = {"recurrences": made, "inside": inside, "explanations": explained, "targets": targets}
    await beat(NAME, {**swept.as_json(), **told})
    return swept

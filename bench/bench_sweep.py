"""The sweep at a million assignments: what the database does on a normal day, and after four days of silence."""

from __future__ import annotations

from datetime import timedelta

from bench.million import HEADING, NOW, line, run, service, timed
from tracker.actions.reminders import find_calls
from tracker.db import assignments as assignments_db
from tracker.db import ladders as ladders_db
from tracker.db.calendar import load_calendar
from tracker.domain.ladders import moments
from tracker.domain.moments import horizon


async def measure() -> None:
    """Print the table."""
    async with service():
        calendar = await load_calendar()

        async def queries(days: int) -> int:
            found, now = 0, NOW + timedelta(days=days)
            for ladder in await ladders_db.list_in_use():
                for moment in moments(ladder):
                    h = horizon(moment, now, calendar)
                    rows = await assignments_db.list_owed(
                        ladder.id, moment.rank - 1, h.due_until, h.timed_until, 20_000
                    )
                    found += len(rows)
            return found

        calls, _, waiting = await find_calls(NOW, calendar)
        late, _, _ = await find_calls(NOW + timedelta(days=3), calendar)
        print(f"assignments owed on a normal day: {len(calls) + len(waiting)}; after four days: {len(late)}")
        print(HEADING)
        print(line("sweep of a normal day, in the database", await timed(lambda: queries(0), 20), 100))
        print(
            line("the same, with the rule deciding", await timed(lambda: find_calls(NOW, calendar), 20), 100)
        )
        print(line("catch-up of four days, in the database", await timed(lambda: queries(3), 10), 1000))


if __name__ == "__main__":
    run(measure)

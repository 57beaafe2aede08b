"""When an agency is reminded of an explanation that an inspection session asked for: before, on and after its day.

The moments are those of a ladder of its own, so that days off, quiet hours and an outage are treated as everywhere.
Source: docs/decisions/0035-letters-of-sessions.md.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from tracker.domain.directory import Duty
from tracker.domain.ladders import Anchor, Ladder, Step, Unit
from tracker.domain.moments import DEFAULT_HOURS, Hours, is_quiet, moment_of, owed
from tracker.domain.workdays import WorkCalendar

LADDER = Ladder(
    0,
    "explanation",
    1,
    (
        Step("before", Anchor.BEFORE, 1, Unit.WORKING, (Duty.FOCAL,), ""),
        Step("on", Anchor.ON, 0, Unit.CALENDAR, (Duty.FOCAL,), ""),
        Step("after", Anchor.AFTER, 1, Unit.WORKING, (Duty.FOCAL,), ""),
    ),
)
"""One working day before the day, at digest time; the day itself, though it be a day off; one working day after."""


@dataclass(frozen=True, slots=True)
class Reminding:
    """What is to be said now: the step, since when, and the earlier steps that it makes needless, each with its
    moment."""

    step: str
    came_at: datetime
    superseded: tuple[tuple[str, datetime], ...] = ()


def remind_now(
    explain_by: date,
    asked_at: datetime,
    settled: Collection[str],
    now: datetime,
    calendar: WorkCalendar,
    hours: Hours = DEFAULT_HOURS,
) -> Reminding | None:
    """The reminder that is owed at `now` for an explanation due on `explain_by`; None where nobody is to be told yet.

    `asked_at` is when the agency was asked, or told of another day: a step that came before is covered by that letter.
    `settled` are the steps that the ledger knows. After an outage only the newest step is given, never two at once.
    """
    came = {m: moment_of(m, explain_by, None, calendar, hours.digest) for m in LADDER.moments}
    done = [m.rank for m, at in came.items() if m.step.code in settled or (at is not None and at <= asked_at)]
    due = owed(LADDER, max(done, default=0), explain_by, None, now, calendar, hours.digest)
    if due.newest is None or is_quiet(due.newest, None, now, calendar, hours):
        return None
    return Reminding(
        due.newest.step.code,
        came[due.newest] or now,
        tuple((m.step.code, came[m] or now) for m in due.superseded),
    )

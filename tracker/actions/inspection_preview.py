"""What carrying out the conclusions of a session will do, and what stands in its way. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from tracker.actions.inspections import InspectionMoved
from tracker.db import inspections as db
from tracker.db import reads_deciding
from tracker.db.assignments import Assignment
from tracker.db.inspections import Concluded, FrozenItem, Inspection
from tracker.domain.access import Verb, require
from tracker.domain.assignments import WORKING_STATES
from tracker.domain.assignments import State as TaskState
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.inspections import Verdict
from tracker.domain.zone import civil_day

Outcome = Literal["moved", "closed", "closed_before", "asked", "not_asked", "task", "noted"]
Hindrance = Literal["", "no_report", "ended", "day_past"]
_ENDED = frozenset({TaskState.CONFIRMED, TaskState.WITHDRAWN, TaskState.TRANSFERRED, TaskState.SUPERSEDED})
_FOLLOWS: Mapping[Verdict, Outcome] = {
    Verdict.NEW_DATE: "moved",
    Verdict.CLOSED: "closed",
    Verdict.EXPLANATION: "asked",
    Verdict.NEW_TASK: "task",
    Verdict.REFERRED: "noted",
    Verdict.NOTED: "noted",
}


@dataclass(frozen=True, slots=True)
class Consequence:
    """A conclusion with what it will become; `hindrance` says why it cannot be, `due_before` the day it moves."""

    conclusion: Concluded
    row: FrozenItem | None
    outcome: Outcome
    hindrance: Hindrance = ""
    due_before: date | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """All conclusions in the order of the agenda, those of the whole session last, and the items that lack one."""

    found: Inspection
    consequences: tuple[Consequence, ...]
    missing: tuple[FrozenItem, ...]

    @property
    def hindered(self) -> int:
        """How many conclusions cannot be carried out as things stand."""
        return sum(bool(c.hindrance) for c in self.consequences)

    @property
    def is_ready(self) -> bool:
        """Whether every item has a conclusion and none is hindered."""
        return not self.missing and not self.hindered and bool(self.consequences)


async def preview(actor: Actor, inspection_id: int, now: datetime) -> Preview:
    """What carrying out would do now. Raises InspectionMoved before the freeze."""
    require(actor, Verb.INSPECT if actor.role in AGENCY_ROLES else Verb.LIST)
    found = await db.get_inspection(inspection_id)
    if found.frozen_at is None:
        raise InspectionMoved(state=found.state.value)
    items = await db.list_items(inspection_id)
    made = await db.list_conclusions(inspection_id)
    rows = await reads_deciding.list_assignments(
        actor, [row.item.assignment_id for row in items if row.item.assignment_id]
    )
    by_id = {row.id: row for row in items}
    concluded = {c.item_id for c in made}
    return Preview(
        found,
        tuple(_consequence(c, by_id.get(c.item_id or 0), rows, civil_day(now)) for c in made),
        tuple(row for row in items if row.id not in concluded),
    )


def _consequence(
    made: Concluded, row: FrozenItem | None, rows: Mapping[int, Assignment], today: date
) -> Consequence:
    outcome = _FOLLOWS[made.verdict]
    live = rows.get(row.item.assignment_id or 0) if row is not None else None
    if live is None:
        return Consequence(made, row, outcome)
    hindrance: Hindrance = ""
    if outcome == "closed" and live.state is TaskState.CONFIRMED:
        outcome = "closed_before"
    elif outcome == "asked" and live.state not in WORKING_STATES:
        outcome = "not_asked"
    elif made.applied_at is None:
        if outcome == "closed" and live.state is not TaskState.REPORTED:
            hindrance = "no_report"
        elif outcome == "moved" and live.state in _ENDED:
            hindrance = "ended"
        elif outcome == "asked" and made.due_on is not None and made.due_on < today:
            hindrance = "day_past"
    return Consequence(made, row, outcome, hindrance, live.due_on)

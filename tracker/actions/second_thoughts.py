"""A decision taken back before anybody was told of it, and a withdrawn task given back later.

Taken back within 30 seconds, a decision leaves nothing behind but two lines of history: its letters have not gone,
what it had stopped goes on. Given back later, the task is told anew. Source: docs/decisions/0027-second-thoughts.md.
"""

from __future__ import annotations

from datetime import datetime

from tracker.actions import assignments, notices
from tracker.actions.assignments import change, check_version, remember
from tracker.db import assignments as assignments_db
from tracker.db import ladders as ladders_db
from tracker.db import reports as reports_db
from tracker.db import second_thoughts as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import transaction
from tracker.domain import lengths
from tracker.domain.access import Subject, Verb, require
from tracker.domain.assignments import State
from tracker.domain.directory import Actor
from tracker.domain.errors import Conflict
from tracker.domain.moments import skipped_rank
from tracker.domain.second_thoughts import UNDO_FOR, can_restore, can_undo, state_before
from tracker.domain.text import clean_text


class TooLateToUndo(Conflict):
    """The letters have gone, or nothing was decided that could be taken back; params: state."""

    code = "too_late_to_undo"


class TooLateToRestore(Conflict):
    """Not withdrawn, or too long ago; params: state, closed_at."""

    code = "too_late_to_restore"


_LETTERS = {State.CONFIRMED: "confirmed", State.WITHDRAWN: "cancelled", State.SUPERSEDED: "cancelled"}


async def confirm(actor: Actor, assignment_id: int, version: int | None, note: str, now: datetime) -> None:
    """Confirm as `assignments.confirm`, with letters that wait until it can no longer be taken back."""
    await assignments.confirm(actor, assignment_id, version, note, now)
    await db.hold_letters(assignment_id, _LETTERS[State.CONFIRMED], now, UNDO_FOR)


async def withdraw(
    actor: Actor,
    assignment_id: int,
    version: int | None,
    reason: str,
    document: str,
    now: datetime,
    *,
    is_superseded: bool = False,
) -> None:
    """Withdraw, or supersede, with letters that wait until it can no longer be taken back."""
    close = assignments.supersede if is_superseded else assignments.withdraw
    await close(actor, assignment_id, version, reason, document, now)
    await db.hold_letters(assignment_id, _LETTERS[State.WITHDRAWN], now, UNDO_FOR)


async def undo(actor: Actor, assignment_id: int, now: datetime) -> Assignment:
    """Take back a confirmation or a withdrawal: letters, reminders and invitations are as they were.

    The row as it stood while it was closed. Raises TooLateToUndo.
    """
    async with transaction():
        row = await assignments_db.lock_assignment(actor, assignment_id)
        verb = Verb.CONFIRM if row.state is State.CONFIRMED else Verb.WITHDRAW
        require(actor, verb, Subject.of_agency(row.agency_id, id=assignment_id))
        if row.closed_at is None or not can_undo(row.state, row.closed_at, now):
            raise TooLateToUndo(state=row.state.value)
        letters = await db.take_back_letters(row.id, _LETTERS[row.state], row.closed_at)
        if letters is None:
            raise TooLateToUndo(state=row.state.value)
        before = State.REPORTED if row.state is State.CONFIRMED else await _state_before(row)
        await change(row, {"state": before.value, **_reopened(row)}, now)
        if row.state is State.CONFIRMED:
            await db.unjudge_report(row.id)
        await db.give_back_invitations(row.id, letters)
        await db.give_back_letters(row.id, row.state.value, row.deadline_version)
        await db.forget_dropped_lines(row.id, row.deadline_version)
        await remember(actor, row, "undo", now, before=row.state.value, after=before.value)
    return row


async def restore(actor: Actor, assignment_id: int, version: int | None, reason: str, now: datetime) -> None:
    """Give a withdrawn or superseded task back to its agency, which hears of it anew. Raises TooLateToRestore."""
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    async with transaction():
        row = await assignments_db.lock_assignment(actor, assignment_id)
        require(actor, Verb.WITHDRAW, Subject.of_agency(row.agency_id, id=assignment_id))
        check_version(row, version)
        if not can_restore(row.state, row.closed_at, now):
            raise TooLateToRestore(state=row.state.value, closed_at=row.closed_at)
        if any(
            other.agency_id == row.agency_id and assignments_db.is_open(other.state)
            for other in await assignments_db.list_for_task(actor, row.task_id)
        ):
            raise assignments.AgencyHasPart(agency=row.agency_name)
        before = await _state_before(row)
        ladder, calendar = await ladders_db.get_ladder(row.ladder_version_id), await load_calendar()
        # What has passed meanwhile is not sent after the fact; what was said of the old version is said anew.
        settled = skipped_rank(ladder, row.due_on, row.due_time, now, calendar) if row.due_on else 0
        changes = {
            "state": before.value,
            "settled_rank": settled,
            "deadline_version": row.deadline_version + 1,
        }
        await change(row, changes | _reopened(row), now)
        await remember(actor, row, "restore", now, reason, before=row.state.value, after=before.value)
        await notices.assigned(actor, [row.id], now)


def _reopened(row: Assignment) -> dict[str, object]:
    """The columns of a closing, emptied."""
    emptied: dict[str, object] = {"closed_at": None, "close_reason": ""}
    if row.state is State.CONFIRMED:
        emptied |= {
            "confirmed_report_id": None,
            "confirmed_at": None,
            "completed_on": None,
            "completed_time": None,
        }
    return emptied


async def _state_before(row: Assignment) -> State:
    """The state that the assignment had while it was open, told from its reports."""
    made = (await reports_db.list_completions([row.id])).get(row.id, ())
    returned_at = made[-1].decided_at if made else None
    progressed = (
        row.last_report_at is not None and returned_at is not None and row.last_report_at > returned_at
    )
    return state_before(
        tuple(report.acceptance for report in made),
        progressed_after_return=progressed,
        has_progress=row.last_report_at is not None,
        is_acknowledged=row.acknowledged_at is not None,
    )

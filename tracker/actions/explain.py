"""Why somebody was told, or was not, and what comes next: everything about one assignment in one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tracker.actions.people import book_for
from tracker.actions.standing import shown_days, status_now
from tracker.db import assignments as assignments_db
from tracker.db import extensions as extensions_db
from tracker.db import history as history_db
from tracker.db import ladders as ladders_db
from tracker.db import outbox as outbox_db
from tracker.db import reminders as reminders_db
from tracker.db import reports as reports_db
from tracker.db import urges as urges_db
from tracker.db.assignments import Assignment, DeadlineChange
from tracker.db.calendar import load_calendar
from tracker.db.extensions import Extension
from tracker.db.history import HistoryRow
from tracker.db.outbox import MessageRow
from tracker.db.reminders import ReminderRow
from tracker.db.reports import Report
from tracker.db.switches import is_sending_paused
from tracker.db.urges import UrgingOf
from tracker.domain.access import Subject, Verb, require
from tracker.domain.assignments import DueKind, Status
from tracker.domain.directory import Actor
from tracker.domain.ladders import Ladder
from tracker.domain.moments import DEFAULT_HOURS, Hours
from tracker.domain.recipients import Audience, audience
from tracker.domain.reminders import Decision, Outcome, ReminderFacts, decide, decide_review
from tracker.domain.zone import civil_day


@dataclass(frozen=True)
class Explanation:
    """One assignment: how it stands, its whole story, and a decision with its reason for every step.

    `reminders` is the ledger, what was decided; `decisions` and `review` are the rule's answers at `now`, also for
    what comes later; `foreseen` names the people a coming step would go to, by step code and occurrence.
    """

    assignment: Assignment
    status: Status
    days: int
    now: datetime
    ladder: Ladder
    reports: tuple[Report, ...]
    extensions: tuple[Extension, ...]
    deadlines: tuple[DeadlineChange, ...]
    history: tuple[HistoryRow, ...]
    reminders: tuple[ReminderRow, ...]
    messages: tuple[MessageRow, ...]
    urgings: tuple[UrgingOf, ...]
    decisions: tuple[Decision, ...]
    review: tuple[Decision, ...]
    foreseen: dict[tuple[str, int], Audience]
    is_paused: bool


async def explain(
    viewer: Actor, assignment_id: int, now: datetime, hours: Hours = DEFAULT_HOURS
) -> Explanation:
    """Everything about one assignment. Raises NotFound, also where the viewer may not know of it."""
    row = await assignments_db.get_assignment(viewer, assignment_id)
    require(viewer, Verb.READ_HISTORY, Subject.of_agency(row.agency_id, id=assignment_id))
    calendar = await load_calendar()
    ladder = await ladders_db.get_ladder(row.ladder_version_id)
    reminders = await reminders_db.list_reminders(viewer, assignment_id)
    contacts = (await book_for([row])).contacts_of(row)
    paused = await is_sending_paused()
    facts = ReminderFacts(
        state=row.state,
        due_kind=DueKind(row.due_kind),
        due_on=row.due_on,
        due_time=row.due_time,
        settled_rank=row.settled_rank,
        review_rank=row.review_rank,
        reported_on=civil_day(row.reported_at) if row.reported_at else None,
        is_extension_pending=row.extension_pending,
        is_paused=paused,
    )
    deadlines = (await assignments_db.list_deadline_changes([assignment_id])).get(assignment_id, ())
    # A return opens a new version of the same date: what was told of that date still counts as told.
    date_since = deadlines[-1].deadline_version if deadlines else 1
    ledger = _ledger(reminders, date_since)
    decisions = decide(facts, ladder, now, calendar, ledger, contacts, hours)
    told_of_report = _ledger(reminders, row.deadline_version)
    review = decide_review(facts, ladder, now, calendar, told_of_report, contacts, hours)
    day = civil_day(now)
    foreseen = {
        d.moment.key: audience(d.moment.step.to, d.moment.step.copy, contacts, day)
        for d in (*decisions, *review)
    }
    status = status_now(row, now, calendar)
    return Explanation(
        assignment=row,
        status=status,
        days=shown_days(row, status, now, calendar),
        now=now,
        ladder=ladder,
        reports=tuple(await reports_db.list_reports(viewer, assignment_id)),
        extensions=tuple(await extensions_db.list_extensions(viewer, assignment_id)),
        deadlines=deadlines,
        history=tuple(await history_db.list_history(viewer, assignment_id)),
        reminders=tuple(reminders),
        messages=tuple(await outbox_db.list_messages_about(viewer, assignment_id)),
        urgings=tuple(await urges_db.list_urgings_of(viewer, [assignment_id])),
        decisions=decisions,
        review=review,
        foreseen=foreseen,
        is_paused=paused,
    )


def _ledger(reminders: list[ReminderRow], since_version: int) -> dict[tuple[str, int], Outcome]:
    """What became of each moment from a version on; somebody told outweighs a note that nobody was."""
    found: dict[tuple[str, int], Outcome] = {}
    for reminder in reminders:
        if reminder.deadline_version < since_version:
            continue
        key = (reminder.step_code, reminder.occurrence)
        if found.get(key) is not Outcome.SENT:
            found[key] = Outcome(reminder.verdict)
    return found

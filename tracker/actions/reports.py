"""An agency reports: progress, an obstacle, or that the task is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tracker.actions import attachments, notices
from tracker.actions.assignments import change, locked, remember
from tracker.db import outbox as outbox_db
from tracker.db import reports as reports_db
from tracker.db.engine import transaction
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.assignments import Event, transition
from tracker.domain.directory import Actor
from tracker.domain.drafts import NewReport
from tracker.domain.errors import Invalid, NotPermitted, Problem
from tracker.domain.recording import MILESTONES, Collector
from tracker.domain.zone import civil_day

KINDS = ("progress", "obstacle", "completion")


@dataclass(frozen=True)
class Submitted:
    """A report that was taken; the agency keeps the receipt."""

    report_id: int
    receipt: str


def judge(new: NewReport, now: datetime) -> NewReport:
    """The report with its texts cleaned. Raises Invalid with every problem."""
    problems: list[Problem] = []
    collect = Collector(problems)
    collect.choice(new.kind, "/kind", KINDS)
    collect.choice(new.milestone, "/milestone", MILESTONES)
    cleaned = replace(
        new,
        summary=collect.text(new.summary, "/summary", lengths.SUMMARY, newlines=True),
        addressed_to=collect.text(new.addressed_to, "/addressed_to", lengths.ADDRESSED_TO, required=False),
        evidence_number=collect.text(
            new.evidence_number, "/evidence_number", lengths.EVIDENCE_NUMBER, required=False
        ),
    )
    if new.kind == "completion" and not cleaned.evidence_number:
        collect.add("/evidence_number", "evidence_missing", new.evidence_number)
    if new.evidence_on is not None and new.evidence_on > civil_day(now):
        collect.add("/evidence_on", "evidence_in_future", new.evidence_on, today=civil_day(now))
    if new.percent is not None and not 0 <= new.percent <= 100:
        collect.add("/percent", "out_of_range", new.percent, least=0, most=100)
    if problems:
        raise Invalid(problems)
    return cleaned


async def submit(
    actor: Actor, assignment_id: int, version: int | None, new: NewReport, now: datetime
) -> Submitted:
    """Take a report. A completion stops the agency's clock and starts the secretariat's.

    Raises Invalid, AlreadyConfirmed, AssignmentClosed, AlreadyReported, StaleVersion.
    """
    new = judge(new, now)
    is_completion = new.kind == "completion"
    async with transaction():
        row = await locked(actor, assignment_id, version, Verb.REPORT)
        state = transition(row.state, Event.REPORT_COMPLETION if is_completion else Event.REPORT_PROGRESS)
        if actor.official_id is None:
            # A report has an author: the system may do much, but it does not report for an agency.
            raise NotPermitted(verb=Verb.REPORT.value, role=actor.role.value, allowed=("agency_officer",))
        receipt = await reports_db.next_receipt(civil_day(now).year)
        report_id = await reports_db.insert_report(row.id, new, receipt, actor.official_id, now)
        await attachments.attach(row.id, report_id, new.attachment_ids)
        changes: dict[str, object] = {
            "state": state.value,
            "last_report_at": now,
            "last_report_summary": new.summary[:500],
        }
        if is_completion:
            changes |= {"reported_at": now, "review_rank": 0}
        await change(row, changes, now, in_calendar=is_completion)
        if is_completion:
            await outbox_db.supersede_for(row.id, "reported")
        await remember(
            actor,
            row,
            f"report_{new.kind}",
            now,
            new.summary,
            receipt=receipt,
            evidence=new.evidence_number,
            evidence_on=new.evidence_on,
        )
        if is_completion:
            await notices.reported(actor, row, new, receipt, now)
    return Submitted(report_id, receipt)

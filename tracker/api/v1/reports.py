"""Reports: what an agency says about an assignment, and what was answered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import reports as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery, id_of
from tracker.api.v1.shapes import Day, Milestone
from tracker.db import assignments as assignments_db
from tracker.db import reports as db
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.drafts import NewReport
from tracker.domain.files import MOST_FILES

ReportKind = Literal["progress", "obstacle", "completion"]


class ReportIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Progress, an obstacle, or completion with the number of the document that proves it.

    `attachment_ids` are files sent to the assignment before.
    """

    kind: ReportKind
    summary: Annotated[str, Meta(min_length=1, max_length=lengths.SUMMARY)]
    percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    addressed_to: Annotated[str, Meta(max_length=lengths.ADDRESSED_TO)] = ""
    evidence_number: Annotated[str, Meta(max_length=lengths.EVIDENCE_NUMBER)] = ""
    evidence_on: Day | None = None
    milestone: Milestone = "issued"
    attachment_ids: Annotated[list[Id], Meta(max_length=MOST_FILES)] = []


class Report(Struct):
    """One report; `acceptance` is none for progress and obstacles."""

    id: Id
    assignment_id: Id
    kind: ReportKind
    receipt: str
    summary: str
    percent: int | None
    addressed_to: str
    evidence_number: str
    evidence_on: date | None
    milestone: Milestone
    submitted_by: Id
    submitted_at: datetime
    acceptance: Literal["none", "pending", "approved", "returned"]
    decided_at: datetime | None
    decision_reason: str


class ReportList(Struct):
    """The reports of an assignment, oldest first."""

    items: list[Report]


class Receipt(Struct):
    """What the agency keeps."""

    report_id: Id
    receipt: str
    assignment_id: Id


def shown(row: db.Report) -> Report:
    """A report as the API gives it."""
    return Report(
        id=str(row.id),
        assignment_id=str(row.assignment_id),
        kind=row.kind,  # type: ignore[arg-type]  # the CHECK constraints hold the choices
        receipt=row.receipt,
        summary=row.summary,
        percent=row.percent,
        addressed_to=row.addressed_to,
        evidence_number=row.evidence_number,
        evidence_on=row.evidence_on,
        milestone=row.milestone,  # type: ignore[arg-type]
        submitted_by=str(row.submitted_by),
        submitted_at=row.submitted_at,
        acceptance=row.acceptance,  # type: ignore[arg-type]
        decided_at=row.decided_at,
        decision_reason=row.decision_reason,
    )


@endpoint(
    "GET",
    "/assignments/{assignment_id}/reports",
    id="listReports",
    summary="List the reports of an assignment",
    tag="Reports",
    verb=Verb.READ,
    answer=ReportList,
    refusals=("not_found",),
)
async def list_reports(call: Call[NoQuery, NoBody]) -> Reply:
    """Every report, oldest first, with what was answered."""
    row = await assignments_db.get_assignment(call.actor, call.ids["assignment_id"])
    return Reply(ReportList([shown(report) for report in await db.list_reports(call.actor, row.id)]))


@endpoint(
    "POST",
    "/assignments/{assignment_id}/reports",
    id="submitReport",
    summary="Report",
    tag="Reports",
    verb=Verb.REPORT,
    body=ReportIn,
    answer=Receipt,
    status=201,
    is_change=True,
    has_tag=False,
    refusals=("not_found", "already_reported", "already_confirmed", "assignment_closed", "invalid"),
    example={
        "kind": "completion",
        "summary": "Đã ban hành kế hoạch.",
        "evidence_number": "88/KH-BYT",
        "evidence_on": "2025-11-21",
    },
)
async def submit_report(call: Call[NoQuery, ReportIn]) -> Reply:
    """Take a report. A completion stops the agency's clock and waits for confirmation."""
    body = call.body
    new = NewReport(
        kind=body.kind,
        summary=body.summary,
        percent=body.percent,
        addressed_to=body.addressed_to,
        evidence_number=body.evidence_number,
        evidence_on=body.evidence_on,
        milestone=body.milestone,
        attachment_ids=tuple(id_of(i) for i in body.attachment_ids),
    )
    assignment_id = call.ids["assignment_id"]
    made = await actions.submit(call.actor, assignment_id, call.version, new, call.now)
    return Reply(
        Receipt(str(made.report_id), made.receipt, str(assignment_id)),
        location=f"/api/v1/assignments/{assignment_id}/reports",
    )


handlers = [list_reports, submit_report]

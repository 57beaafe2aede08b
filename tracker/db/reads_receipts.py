"""A report by the number on its receipt, as the receipt shows it."""

from __future__ import annotations

from dataclasses import dataclass

from tracker.db.assignments import Assignment, get_assignment
from tracker.db.attachments import Attachment, list_attachments
from tracker.db.engine import fetchrow
from tracker.db.reports import Report
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.errors import NotFound

_COLUMNS = ", ".join(f"r.{name}" for name in Report.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A report with the task it is about, who sent it, who answered it, and its files."""

    report: Report
    assignment: Assignment
    submitter: str
    submitter_position: str
    decider: str
    files: tuple[Attachment, ...]


async def get_receipt(viewer: Actor, number: str) -> Receipt:
    """The receipt of this number. Raises NotFound, also where the viewer may not know of the assignment."""
    condition, arguments = visible_to(viewer, "a", first=2)
    row = await fetchrow(
        f"SELECT {_COLUMNS}, o.full_name AS submitter, o.position AS submitter_position,"
        " coalesce(d.full_name, '') AS decider FROM report r JOIN assignment a ON a.id = r.assignment_id"
        " JOIN official o ON o.id = r.submitted_by LEFT JOIN official d ON d.id = r.decided_by"
        f" WHERE r.receipt = $1 AND {condition}",
        number,
        *arguments,
    )
    if row is None:
        raise NotFound(noun="report", id=number)
    values = dict(row)
    who = (values.pop("submitter"), values.pop("submitter_position"), values.pop("decider"))
    report = Report(**values)
    files = await list_attachments(viewer, report.assignment_id)
    return Receipt(
        report,
        await get_assignment(viewer, report.assignment_id),
        *who,
        tuple(file for file in files if file.report_id == report.id),
    )

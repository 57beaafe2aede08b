"""Reports: what an agency said, and what the assigning side answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.engine import execute, fetch, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.drafts import NewReport


@dataclass(frozen=True, slots=True)
class Report:
    """One report; `acceptance` is none for progress and obstacles, else pending, approved or returned."""

    id: int
    assignment_id: int
    kind: str
    receipt: str
    summary: str
    percent: int | None
    addressed_to: str
    evidence_number: str
    evidence_on: date | None
    milestone: str
    submitted_by: int
    submitted_at: datetime
    acceptance: str
    decided_by: int | None
    decided_at: datetime | None
    decision_reason: str


_COLUMNS = ", ".join(f"r.{name}" for name in Report.__dataclass_fields__)


async def insert_report(
    assignment_id: int, new: NewReport, receipt: str, submitted_by: int, now: datetime
) -> int:
    """One report; a completion starts as pending."""
    report_id: int = await fetchval(
        """
        INSERT INTO report (assignment_id, kind, receipt, summary, percent, addressed_to, evidence_number,
                            evidence_on, milestone, submitted_by, submitted_at, acceptance)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id
        """,
        assignment_id,
        new.kind,
        receipt,
        new.summary,
        new.percent,
        new.addressed_to,
        new.evidence_number,
        new.evidence_on,
        new.milestone,
        submitted_by,
        now,
        "pending" if new.kind == "completion" else "none",
    )
    return report_id


async def find_pending_report(assignment_id: int) -> Report | None:
    """The completion that waits for an answer, locked until this transaction ends."""
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM report r WHERE r.assignment_id = $1 AND r.acceptance = 'pending' FOR UPDATE",
        assignment_id,
    )
    return Report(**dict(rows[0])) if rows else None


async def list_pending_reports(assignment_ids: Sequence[int]) -> dict[int, Report]:
    """As `find_pending_report` for many, by assignment."""
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM report r WHERE r.assignment_id = ANY($1::bigint[]) AND r.acceptance = 'pending'"
        " ORDER BY r.id FOR UPDATE",
        list(assignment_ids),
    )
    return {r["assignment_id"]: Report(**dict(r)) for r in rows}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided of a pending report; `acceptance` is approved or returned."""

    report_id: int
    acceptance: str
    decided_by: int
    reason: str


async def decide_reports(answers: Sequence[Answer], now: datetime) -> None:
    """Answer pending reports, which the caller has locked."""
    await execute(
        """
        UPDATE report p SET acceptance = r.acceptance, decided_by = r.decided_by, decided_at = $5,
                            decision_reason = r.reason
        FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) AS r (id, acceptance, decided_by, reason)
        WHERE p.id = r.id AND p.acceptance = 'pending'
        """,
        [a.report_id for a in answers],
        [a.acceptance for a in answers],
        [a.decided_by for a in answers],
        [a.reason for a in answers],
        now,
    )


async def list_reports(viewer: Actor, assignment_id: int) -> list[Report]:
    """The reports of one assignment, oldest first."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM report r JOIN assignment a ON a.id = r.assignment_id"
        f" WHERE r.assignment_id = $1 AND {condition} ORDER BY r.submitted_at, r.id",
        assignment_id,
        *arguments,
    )
    return [Report(**dict(r)) for r in rows]


async def list_completions(assignment_ids: Sequence[int]) -> dict[int, tuple[Report, ...]]:
    """The completion reports of each assignment, oldest first: what classification of past days needs."""
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM report r WHERE r.kind = 'completion' AND r.assignment_id = ANY($1::bigint[])"
        " ORDER BY r.assignment_id, r.submitted_at, r.id",
        list(assignment_ids),
    )
    found: dict[int, list[Report]] = {}
    for row in rows:
        found.setdefault(row["assignment_id"], []).append(Report(**dict(row)))
    return {key: tuple(reports) for key, reports in found.items()}


async def next_receipt(year: int) -> str:
    """A receipt number that nobody else gets, such as BC-2025-000042."""
    number: int = await fetchval("SELECT nextval(pg_get_serial_sequence('report', 'id'))")
    return f"BC-{year}-{number:06d}"

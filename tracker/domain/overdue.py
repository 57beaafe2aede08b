"""The overdue list of a day: the buckets and the rate of each agency, then the overdue assignments in order.

Every output (page, xlsx, csv, json, mail) is made from this one value, so all show the same numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property

from tracker.domain.assignments import Bucket, Part, Status
from tracker.domain.statistics import Buckets, Rate, official_rate, total_of

COLUMNS: tuple[str, ...] = (
    "number",
    "task",
    "directive",
    "lead",
    "due_on",
    "cooperating",
    "original_due_on",
    "days_late",
    "extensions",
    "last_report",
    "cause",
    "commitment",
)
"""The columns in their order: the five of official annexes, then ours."""


@dataclass(frozen=True, slots=True)
class OverdueRow:
    """One overdue assignment; dates are civil dates.

    `lead` names the agency charged with its joint leads, `programme` the group of an official annex.
    `via_class` is the class whose member the agency is, as the directive words it ("các bộ, ngành").
    `is_awaiting` marks a report that waits for the assigning side, `waits_in_time` one that came in time.
    """

    assignment_id: int
    agency_code: str
    task: str
    directive_number: str
    directive_issued_on: date | None
    lead: str
    due_on: date | None
    days_late: int
    due_time: time | None = None
    part: Part = Part.LEAD
    full_text: str = ""
    cooperating: tuple[str, ...] = ()
    original_due_on: date | None = None
    original_due_time: time | None = None
    days_late_original: int = 0
    extensions: int = 0
    last_report_on: date | None = None
    last_report: str = ""
    cause: str = ""
    committed_on: date | None = None
    programme: str = ""
    is_awaiting: bool = False
    waits_in_time: bool = False
    is_by_age: bool = False
    task_id: int = 0
    via_class: str = ""


@dataclass(frozen=True, slots=True)
class AgencyCount:
    """How the assignments of one agency stand on the day."""

    code: str
    name: str
    buckets: Buckets
    sort_key: str = ""


@dataclass(frozen=True, slots=True)
class AgencyLine:
    """One agency of the list: its buckets, its rate, and its overdue assignments, the latest first."""

    code: str
    name: str
    buckets: Buckets
    rate: Rate
    rows: tuple[OverdueRow, ...]


@dataclass(frozen=True)
class OverdueList:
    """The list as of a day (to its last instant) or an instant; `scope` says what it was limited to."""

    as_of: date | datetime
    agencies: tuple[AgencyLine, ...]
    totals: Buckets
    rate: Rate
    scope: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[OverdueRow, ...]:
        """All overdue assignments, agency after agency; their place from 1 is their number."""
        return tuple(row for agency in self.agencies for row in agency.rows)

    @property
    def is_whole(self) -> bool:
        """Whether every overdue assignment that is counted is listed too."""
        return len(self.rows) == self.totals.open_overdue

    @property
    def awaiting(self) -> int:
        """How many of the rows have a report that waits for the assigning side."""
        return sum(row.is_awaiting for row in self.rows)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: equal lists, and only they, have equal digests."""
        return hashlib.sha256(canonical_json(self)).hexdigest()


def count_by_agency(
    statuses: Iterable[tuple[str, str, str, Status]],
) -> tuple[AgencyCount, ...]:
    """Count classified assignments given as (agency code, name, sort key, status)."""
    names: dict[str, tuple[str, str]] = {}
    grouped: dict[str, list[Status]] = {}
    for code, name, sort_key, status in statuses:
        names[code] = name, sort_key
        grouped.setdefault(code, []).append(status)
    return tuple(AgencyCount(c, names[c][0], Buckets.count(s), names[c][1]) for c, s in grouped.items())


def is_listed(status: Status) -> bool:
    """Whether an assignment with this status stands in the list."""
    return status.bucket is Bucket.OPEN_OVERDUE


def build(
    rows: Iterable[OverdueRow],
    as_of: date | datetime,
    counts: Iterable[AgencyCount],
    scope: Mapping[str, str] | None = None,
    listed: Collection[str] | None = None,
) -> OverdueList:
    """Put the overdue assignments under their agencies, in order, with the totals.

    Agencies by sort key; within one the most days late first, then the earlier deadline, then the directive.
    Neither the order of `rows` nor that of `counts` matters.
    `listed` names the agencies whose rows are given, when a page shows the first of them only; None means all.
    Raises ValueError when an agency's rows are not as many as its count of open overdue assignments:
    a list whose numbers disagree with its lines must not exist.
    """
    by_agency: dict[str, list[OverdueRow]] = {}
    for row in rows:
        by_agency.setdefault(row.agency_code, []).append(row)
    lines = []
    for count in in_order(counts):
        own = tuple(sorted(by_agency.pop(count.code, ()), key=_order))
        if len(own) != (count.buckets.open_overdue if listed is None or count.code in listed else 0):
            raise ValueError(
                f"{count.code}: {len(own)} rows, {count.buckets.open_overdue} counted as overdue"
            )
        lines.append(AgencyLine(count.code, count.name, count.buckets, official_rate(count.buckets), own))
    if by_agency:
        raise ValueError(f"rows of agencies that were not counted: {sorted(by_agency)}")
    totals = total_of(line.buckets for line in lines)
    return OverdueList(as_of, tuple(lines), totals, official_rate(totals), dict(scope or {}))


def in_order(counts: Iterable[AgencyCount]) -> list[AgencyCount]:
    """Agencies as a list has them: by sort key, else by name."""
    return sorted(counts, key=lambda c: (c.sort_key or c.name, c.code))


def first_agencies(counts: Iterable[AgencyCount], rows: int) -> tuple[str, ...]:
    """The codes of the first agencies that together have at least `rows` overdue assignments."""
    chosen: list[str] = []
    for count in in_order(counts):
        if rows <= 0:
            break
        chosen.append(count.code)
        rows -= count.buckets.open_overdue
    return tuple(chosen)


def _order(row: OverdueRow) -> tuple[int, date, str, str, int]:
    return (-row.days_late, row.due_on or date.max, row.directive_number, row.task, row.assignment_id)


def canonical_json(listing: OverdueList) -> bytes:
    """The list as JSON with sorted keys and no spaces, dates as ISO 8601: the bytes that are signed."""
    return json.dumps(to_json(listing), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def to_json(listing: OverdueList) -> dict[str, object]:
    """The list as plain JSON values; ids and percentages are strings."""
    return {
        "as_of": listing.as_of.isoformat(),
        "scope": dict(listing.scope),
        "totals": listing.totals.cells(),
        "rate": rate_to_json(listing.rate),
        "agencies": [
            {
                "code": line.code,
                "name": line.name,
                "buckets": line.buckets.cells(),
                "rate": rate_to_json(line.rate),
                "rows": [row_to_json(row) for row in line.rows],
            }
            for line in listing.agencies
        ],
    }


def rate_to_json(rate: Rate) -> dict[str, object]:
    """A rate with all that makes it readable; the percentage is a string with its decimals, or null."""
    return {
        "numerator_name": rate.numerator_name,
        "numerator": rate.numerator,
        "denominator_name": rate.denominator_name,
        "denominator": rate.denominator,
        "rounding": rate.rounding.value,
        "decimals": rate.decimals,
        "percent": None if rate.value is None else str(rate.value),
    }


def row_to_json(row: OverdueRow) -> dict[str, object]:
    """One overdue assignment as plain JSON values."""
    return {
        "assignment_id": str(row.assignment_id),
        "task_id": str(row.task_id),
        "task": row.task,
        "full_text": row.full_text,
        "directive_number": row.directive_number,
        "directive_issued_on": _iso(row.directive_issued_on),
        "lead": row.lead,
        "part": row.part.value,
        "via_class": row.via_class,
        "cooperating": list(row.cooperating),
        "due_on": _iso(row.due_on),
        "due_time": _hour(row.due_time),
        "original_due_on": _iso(row.original_due_on),
        "original_due_time": _hour(row.original_due_time),
        "days_late": row.days_late,
        "days_late_original": row.days_late_original,
        "extensions": row.extensions,
        "last_report_on": _iso(row.last_report_on),
        "last_report": row.last_report,
        "cause": row.cause,
        "committed_on": _iso(row.committed_on),
        "programme": row.programme,
        "is_awaiting": row.is_awaiting,
        "waits_in_time": row.waits_in_time,
        "is_by_age": row.is_by_age,
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _hour(at: time | None) -> str | None:
    return None if at is None else at.strftime("%H:%M")

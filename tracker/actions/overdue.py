"""The overdue list of any day, for any agencies and any directive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from tracker.actions.standing import facts_now
from tracker.db import assignments as assignments_db
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import overdue as db
from tracker.db import reports as reports_db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import in_transaction, transaction
from tracker.db.overdue import Extent, Partners
from tracker.domain.access import Verb, require
from tracker.domain.assignments import (
    OUTSIDE_STATES,
    Acceptance,
    Completion,
    DeadlineCause,
    DeadlineVersion,
    DueKind,
    Facts,
    Fine,
    Part,
    Status,
    classify,
)
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid, Problem
from tracker.domain.overdue import AgencyCount, OverdueList, OverdueRow, build, first_agencies, is_listed
from tracker.domain.statistics import Buckets, total_of
from tracker.domain.succession import Named, rolled_up
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import EARLIEST_DAY, LATEST_DAY, at_official, civil_day, civil_now, is_in_range
from tracker.i18n import text


async def overdue_list(
    viewer: Actor,
    as_of: date | datetime,
    agency_codes: Sequence[str] = (),
    directive_id: int | None = None,
    *,
    at_least: int | None = None,
    under: Mapping[str, Named] | None = None,
) -> OverdueList:
    """The list as it stood at the end of the civil day `as_of`, or at that instant.

    `under` (actions/succession.read_under) reads agencies that have ended under their successors; without it each
    stands under its own name.

    Counts are always of everything; with `at_least` the rows are those of the first agencies that together have so
    many, for a page that shows where the rest is.
    Raises Invalid for an agency that is not known, NotFound for a directive the viewer has no part in.
    """
    require(viewer, Verb.EXPORT)
    if in_transaction():
        return await _read(viewer, as_of, agency_codes, directive_id, at_least, under or {})
    # One snapshot: a report confirmed between two of the queries must not set counts and rows at odds.
    async with transaction("repeatable_read", readonly=True):
        return await _read(viewer, as_of, agency_codes, directive_id, at_least, under or {})


async def _read(
    viewer: Actor,
    as_of: date | datetime,
    agency_codes: Sequence[str],
    directive_id: int | None,
    at_least: int | None,
    under: Mapping[str, Named],
) -> OverdueList:
    extent = extent_of(as_of, await agency_ids_of(_with_predecessors(agency_codes, under)), directive_id)
    scope: dict[str, str] = {}
    if agency_codes:
        scope["agencies"] = ", ".join(agency_codes)
    if directive_id is not None:
        scope["directive"] = (await directives_db.get_directive(viewer, directive_id)).number
    calendar = await load_calendar()
    unchanged = {c.agency_id: c for c in await db.count_unchanged(viewer, extent)}
    changed = await db.list_changed_since(viewer, extent)
    told = await _classified([row for row, _ in changed], as_of, calendar)
    own_counts = _merged(unchanged, told, {row.agency_id: key for row, key in changed})
    counts, _ = rolled_up(own_counts, (), under)
    listed = None if at_least is None else frozenset(first_agencies(counts, at_least))
    if listed is not None:
        own = _with_predecessors(sorted(listed), under)
        extent = replace(extent, agency_ids=await agency_ids_of(own) or ())
    standing = [
        (row, classify(facts_now(row), as_of, calendar))
        for row in await db.list_overdue_unchanged(viewer, extent)
    ]
    overdue = [
        (row, status)
        for row, status in (*standing, *told)
        if is_listed(status) and (listed is None or _code(row, under) in listed)
    ]
    partners = await db.list_partners([row.task_id for row, _ in overdue])
    fields = await db.list_fields([row.task_id for row, _ in overdue])
    rows = [
        _row(row, status, partners.get(row.task_id), fields.get(row.task_id, "")) for row, status in overdue
    ]
    return build(rolled_up((), rows, under)[1], as_of, counts, scope, listed)


def _code(row: Assignment, under: Mapping[str, Named]) -> str:
    """The code of the agency that a row is read under."""
    return under[row.agency_code].code if row.agency_code in under else row.agency_code


def _with_predecessors(codes: Sequence[str], under: Mapping[str, Named]) -> list[str]:
    """The codes, and those of the ended agencies that are read under them."""
    return [*codes, *(old for old, heir in under.items() if heir.code in codes and old not in codes)]


def extent_of(as_of: date | datetime, agency_ids: tuple[int, ...] | None, directive_id: int | None) -> Extent:
    if isinstance(as_of, datetime):
        local = civil_now(as_of)
        return Extent(local.date(), local.time(), as_of, agency_ids, directive_id)
    if not is_in_range(as_of):
        params = {"from": EARLIEST_DAY, "to": LATEST_DAY}
        raise Invalid([Problem("/as_of", "date_out_of_range", as_of, params)])
    end = at_official(as_of + timedelta(days=1), time.min) - timedelta(microseconds=1)
    return Extent(as_of, time.max, end, agency_ids, directive_id)


async def agency_ids_of(codes: Sequence[str]) -> tuple[int, ...] | None:
    if not codes:
        return None
    by_code = await directory_db.find_agency_ids(codes)
    problems = [Problem(f"/agency/{i}", "agency_unknown", c) for i, c in enumerate(codes) if c not in by_code]
    if problems:
        raise Invalid(problems)
    return tuple(by_code[c] for c in codes)


def _merged(
    counts: dict[int, db.AgencyBuckets], told: list[tuple[Assignment, Status]], sort_keys: dict[int, str]
) -> list[AgencyCount]:
    """The database's counts and those of the rows that the history told."""
    statuses: dict[int, list[Status]] = {}
    names: dict[int, tuple[str, str]] = {}
    for row, status in told:
        if status.fine is not Fine.NOT_YET_ASSIGNED:
            statuses.setdefault(row.agency_id, []).append(status)
            names[row.agency_id] = (row.agency_code, row.agency_name)
    merged = []
    for agency_id in counts.keys() | statuses.keys():
        own = counts.get(agency_id)
        code, name = (own.code, own.name) if own else names[agency_id]
        parts = [Buckets.count(statuses.get(agency_id, ()))]
        if own is not None:
            parts.append(own.buckets)
        key = own.sort_key if own else sort_keys[agency_id]
        merged.append(AgencyCount(code, name, total_of(parts), key))
    return merged


async def _classified(
    rows: Sequence[Assignment], as_of: date | datetime, calendar: WorkCalendar
) -> list[tuple[Assignment, Status]]:
    facts = await facts_of(rows) if rows else {}
    return [(row, classify(facts[row.id], as_of, calendar)) for row in rows]


async def facts_of(rows: Sequence[Assignment]) -> dict[int, Facts]:
    """The whole history of each assignment, as classification wants it."""
    ids = [r.id for r in rows]
    deadlines = await assignments_db.list_deadline_changes(ids)
    completions = await reports_db.list_completions(ids)
    progress = await db.list_progress(ids)
    return {
        row.id: Facts(
            assigned_at=row.assigned_on,
            due_kind=DueKind(row.due_kind),
            deadlines=tuple(
                DeadlineVersion(
                    c.deadline_version,
                    row.assigned_on if c.kind == DeadlineCause.ORIGINAL else c.set_at,
                    c.due_on,
                    c.due_time,
                    DeadlineCause(c.kind),
                )
                for c in deadlines.get(row.id, ())
            ),
            acknowledged_at=row.acknowledged_at,
            progress_at=progress.get(row.id, ()),
            completions=tuple(
                Completion(r.submitted_at, Acceptance(r.acceptance), r.decided_at)
                for r in completions.get(row.id, ())
            ),
            closed_as=row.state if row.state in OUTSIDE_STATES else None,
            closed_at=row.closed_at if row.state in OUTSIDE_STATES else None,
        )
        for row in rows
    }


def _row(row: Assignment, status: Status, partners: Partners | None, programme: str) -> OverdueRow:
    others = tuple(n for n in (partners.joint if partners else ()) if n != row.agency_name)
    is_lead = row.part is not Part.COOPERATING
    # The list is printed and handed on: of a restricted task it holds what a mail would.
    hidden = text("vi", "mail.restricted") if row.restricted else ""
    return OverdueRow(
        assignment_id=row.id,
        task_id=row.task_id,
        agency_code=row.agency_code,
        task=hidden or row.short_name,
        full_text="" if hidden else row.full_text,
        directive_number=row.directive_number,
        directive_issued_on=row.directive_issued_on,
        lead=", ".join((row.agency_name, *others)) if is_lead else row.agency_name,
        part=row.part,
        via_class=row.via_class,
        cooperating=tuple(n for n in (partners.cooperating if partners else ()) if n != row.agency_name),
        due_on=status.due_on,
        due_time=status.due_time,
        original_due_on=status.original_due_on,
        original_due_time=status.original_due_time,
        days_late=status.days_late,
        days_late_original=status.days_late_original,
        extensions=status.extensions,
        last_report_on=status.last_report_on,
        last_report=row.last_report_summary if _is_last(row, status) and not hidden else "",
        cause="" if hidden else row.cause,
        committed_on=row.committed_on,
        programme="" if hidden else programme,
        is_awaiting=status.fine is Fine.AWAITING_CONFIRMATION,
        waits_in_time=status.waits_in_time or False,
        is_by_age=status.is_by_age,
    )


def _is_last(row: Assignment, status: Status) -> bool:
    """Whether the summary kept on the row is that of the last report known at the cut-off."""
    return row.last_report_at is not None and civil_day(row.last_report_at) == status.last_report_on

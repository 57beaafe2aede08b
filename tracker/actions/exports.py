"""Exports as jobs: everything its owner may see that fits the filters, as a file, in constant memory."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tracker.actions import jobs
from tracker.actions.jobs import Desk, Outcome, Progress
from tracker.actions.overdue import overdue_list
from tracker.actions.standing import status_now
from tracker.db import directory as directory_db
from tracker.db import exports as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.reads_api import AssignmentFilter, list_assignments_page
from tracker.documents.overdue_csv import to_csv
from tracker.documents.overdue_json import to_object
from tracker.documents.overdue_xlsx import to_xlsx
from tracker.documents.row_files import MEDIA_TYPES, Cell, RowFormat, open_rows
from tracker.documents.tables import overdue_sheet
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor
from tracker.domain.errors import Conflict, Invalid
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day
from tracker.i18n import Language, text

PAGE = 500
MAX_ROWS = 500_000
MAX_BYTES = 100_000_000
FILE_NAMES = {"assignments": "nhiem-vu", "overdue": "qua-han", "history": "lich-su"}


class ExportTooLarge(Conflict):
    """More than one file may hold; params: size, most."""

    code = "export_too_large"


@dataclass(frozen=True)
class NewExport:
    """What is to be exported; days are inclusive, a filter that does not belong to `what` stays empty."""

    what: str
    form: RowFormat
    status: str | None = None
    state: str | None = None
    agency: tuple[str, ...] = ()
    directive_id: int | None = None
    from_on: date | None = None
    to_on: date | None = None
    as_of: date | None = None
    words: str = ""


async def ask(actor: Actor, new: NewExport, language: Language) -> int:
    """A job that makes the file. Raises Invalid for an unknown agency, TooManyJobs."""
    require(actor, Verb.EXPORT)
    known = await directory_db.find_agency_ids(new.agency) if new.agency else {}
    for place, code in enumerate(new.agency):
        if code not in known:
            raise Invalid.one(f"/agency/{place}", "agency_unknown", code)
    return await jobs.ask(actor, jobs.EXPORT, asdict(new), language)


def _new(parameters: Mapping[str, Any]) -> NewExport:
    days = {name: parameters[name] and date.fromisoformat(parameters[name]) for name in _DAYS}
    return NewExport(**{**parameters, **days, "agency": tuple(parameters["agency"])})


_DAYS = ("from_on", "to_on", "as_of")


async def make(desk: Desk) -> None:
    """The work of an export job."""
    new = _new(desk.job.parameters)
    with tempfile.TemporaryDirectory(prefix="tracker-export-") as folder:
        path = Path(folder) / f"export.{new.form}"
        if new.what == "overdue":
            count = await _overdue(desk, new, path)
        else:
            count = await _rows(desk, new, path)
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ExportTooLarge(size=size, most=MAX_BYTES)
        desk.progress.step("pack", 0, 1)
        content = await asyncio.to_thread(path.read_bytes)
    name = f"{FILE_NAMES[new.what]}-{civil_day(desk.now()):%Y-%m-%d}.{new.form}"
    await desk.finish(Outcome({"what": new.what, "rows": count}, content, MEDIA_TYPES[new.form], name))


async def _overdue(desk: Desk, new: NewExport, path: Path) -> int:
    """The overdue list of a day, the very file that the page gives."""
    as_of = new.as_of or civil_day(desk.now())
    desk.progress.step("collect", 0, 1)
    listing = await overdue_list(desk.actor, as_of, new.agency, new.directive_id)
    desk.progress.step("collect", 1, 1)

    def write() -> None:
        match new.form:
            case "xlsx":
                content = to_xlsx(listing, desk.language)
            case "csv":
                content = to_csv(listing, overdue_sheet(listing, desk.language), desk.language, with_bom=True)
            case "json":
                content = json.dumps(
                    to_object(listing, desk.language), ensure_ascii=False, default=str
                ).encode()
        path.write_bytes(content)

    await asyncio.to_thread(write)
    return sum(len(line.rows) for line in listing.agencies)


Rows = AsyncIterator[Sequence[Sequence[Cell]]]


async def _rows(desk: Desk, new: NewExport, path: Path) -> int:
    columns = ASSIGNMENT_COLUMNS if new.what == "assignments" else HISTORY_COLUMNS
    pages = (_assignments if new.what == "assignments" else _history)(desk, new)
    titles = [text(desk.language, f"export.column.{column}") for column in columns]
    count = 0
    with open_rows(path, new.form, columns, titles, text(desk.language, f"export.sheet.{new.what}")) as file:
        async for page in pages:
            await asyncio.to_thread(file.write, page)
            count += len(page)
            if count > MAX_ROWS:
                raise ExportTooLarge(size=count, most=MAX_ROWS)
            # How many there are is not counted beforehand: the bar nears its end without reaching it.
            desk.progress.step("collect", count, count + _left(desk.progress, len(page)))
    return count


def _left(progress: Progress, page: int) -> int:
    """A guess of what is left, for the bar alone: as much again while pages are full."""
    return max(progress.steps_done, PAGE) if page == PAGE else 0


# -- assignments -----------------------------------------------------------------------------------------

ASSIGNMENT_COLUMNS = (
    "id",
    "directive",
    "issued_on",
    "task",
    "full_text",
    "agency_code",
    "agency",
    "part",
    "status",
    "state",
    "due_on",
    "due_time",
    "original_due_on",
    "days_late",
    "extensions",
    "reported_on",
    "report",
    "cause",
    "committed_on",
    "completed_on",
    "product",
)


async def _assignments(desk: Desk, new: NewExport) -> Rows:
    agencies = await directory_db.find_agency_ids(new.agency) if new.agency else {}
    calendar = await load_calendar()
    everywhere: list[int | None] = [None]
    for agency_id in sorted(agencies.values()) or everywhere:
        wanted = AssignmentFilter(
            status=new.status,
            state=new.state,
            agency_id=agency_id,
            directive_id=new.directive_id,
            due_from=new.from_on,
            due_to=new.to_on,
            words=new.words,
        )
        now = desk.now()
        after: tuple[date | None, int] | None = None
        while True:
            page = await list_assignments_page(desk.actor, wanted, now, limit=PAGE, after=after)
            if page:
                yield [cells_of(row, now, calendar, desk.language, new.form) for row in page]
            if len(page) < PAGE:
                break
            after = (page[-1].due_on, page[-1].id)


def cells_of(
    row: Assignment, now: datetime, calendar: WorkCalendar, language: Language, form: RowFormat
) -> tuple[Cell, ...]:
    """One assignment as the cells of `ASSIGNMENT_COLUMNS`."""
    status = status_now(row, now, calendar)
    is_for_programs = form == "json"
    # A file is handed on: of a restricted task it holds what a mail would.
    is_open = not row.restricted
    return (
        str(row.id) if is_for_programs else row.id,
        row.directive_number,
        row.directive_issued_on,
        row.short_name if is_open else text(language, "mail.restricted"),
        row.full_text if is_open else "",
        row.agency_code,
        row.agency_name,
        row.part.value if is_for_programs else text(language, f"part.{row.part.value}"),
        status.fine.value if is_for_programs else text(language, f"export.status.{status.fine.value}"),
        row.state.value,
        row.due_on,
        None if row.due_time is None else f"{row.due_time:%H:%M}",
        row.original_due_on,
        status.days_late,
        row.extension_count,
        None if row.last_report_at is None else civil_day(row.last_report_at),
        row.last_report_summary if is_open else "",
        row.cause if is_open else "",
        row.committed_on,
        row.completed_on,
        row.product if is_open else "",
    )


# -- history ---------------------------------------------------------------------------------------------

HISTORY_COLUMNS = (
    "id",
    "at",
    "actor",
    "verb",
    "directive",
    "task",
    "agency",
    "assignment_id",
    "reason",
    "detail",
)


async def _history(desk: Desk, new: NewExport) -> Rows:
    after = 0
    while True:
        page = await db.list_history_page(
            desk.actor, new.from_on, new.to_on, new.directive_id, limit=PAGE, after=after
        )
        if page:
            yield [_change(line, new.form, desk.language) for line in page]
        if len(page) < PAGE:
            break
        after = page[-1].id


def _change(line: db.HistoryLine, form: RowFormat, language: Language) -> tuple[Cell, ...]:
    is_for_programs = form == "json"
    about = line.assignment_id
    return (
        str(line.id) if is_for_programs else line.id,
        line.at,
        line.actor_name,
        line.verb,
        line.directive_number,
        text(language, "mail.restricted") if line.restricted else line.short_name,
        line.agency_name,
        str(about) if is_for_programs and about is not None else about,
        "" if line.restricted else line.reason,
        "" if line.restricted else db.detail_of(line),
    )

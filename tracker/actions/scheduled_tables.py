"""The table of a scheduled report as one person may see it, as the file that is sent."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

from tracker.actions.issuer import issuer_of
from tracker.actions.overdue import overdue_list
from tracker.actions.papers import figures_table
from tracker.actions.standing import status_now
from tracker.actions.statistics import Question, Statistics, statistics
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import overdue as overdue_db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.reads_api import AssignmentFilter, list_assignments_page
from tracker.db.scheduled_reports import Choices
from tracker.documents import overdue_paper, statistics_paper
from tracker.documents.overdue_xlsx import to_xlsx as overdue_to_xlsx
from tracker.documents.paper import Document, Paper, issued_by
from tracker.documents.paper_docx import to_docx
from tracker.documents.paper_pdf import to_pdf
from tracker.documents.statistics_paper import COLUMNS, FiguresLine, FiguresTable
from tracker.documents.tables import cut_off_words, overdue_sheet, rate_words, scope_words
from tracker.documents.tables_model import (
    MEDIA_TYPES,
    Cell,
    Column,
    Kind,
    Table,
    TableTooLongForPaper,
    at_hand,
    check_size,
)
from tracker.documents.tables_write import write_table
from tracker.domain.access import Verb, require
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.errors import NotPermitted
from tracker.domain.overdue import OverdueList
from tracker.domain.scheduled_reports import AGES, LISTS, FileFormat, What, age_of
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import at_official, civil_day
from tracker.i18n import Language, text

MOST_ROWS = 20_000
_PAGE = 500
_KINDS: dict[str, Kind] = {
    "task": "long", "due_on": "day", "original_due_on": "day", "commitment": "day", "days_late": "number",
    "extensions": "number", "rate": "percent",
}  # fmt: skip
_FIGURES = frozenset(COLUMNS) - {"rate"}


@dataclass(frozen=True)
class Made:
    """A file, and how many rows its table has: none is an empty report."""

    document: Document
    rows: int


def may_read(actor: Actor, choices: Choices, agency_ids: Sequence[int]) -> bool:
    """Whether somebody may have this table at all; what of it, the table's own reading decides.

    An agency's people get lists of their own rows, never figures of the whole; nothing where the report is about
    other agencies. `agency_ids` are those of the choice.
    """
    if actor.role not in AGENCY_ROLES:
        return True
    return choices.what in LISTS and (not agency_ids or not actor.visible_agency_ids.isdisjoint(agency_ids))


async def require_reader(actor: Actor, choices: Choices) -> None:
    """Pass for whom `may_read` and who has a part in the directive. Raises NotPermitted, NotFound."""
    require(actor, Verb.EXPORT)
    known = await directory_db.find_agency_ids(choices.agency_codes) if choices.agency_codes else {}
    if not may_read(actor, choices, sorted(known.values())):
        raise NotPermitted(verb=Verb.EXPORT.value, role=actor.role.value, allowed=())
    if choices.directive_id is not None:
        await directives_db.get_directive(actor, choices.directive_id)


async def make(viewer: Actor, choices: Choices, day: date, language: Language) -> Made:
    """The file of a report for its day, told as of the end of the day before.

    Raises NotPermitted, NotFound and Invalid as its table does.
    """
    await require_reader(viewer, choices)
    eve = day - timedelta(days=1)
    match choices.what:
        case What.OVERDUE | What.AGEING:
            listing = await overdue_list(viewer, eve, choices.agency_codes, choices.directive_id)
            return await _of_listing(listing, choices, language)
        case What.RATES | What.BLOCK_RATES:
            question = Question(
                eve,
                by="agency" if choices.what is What.RATES else "block",
                agency_codes=choices.agency_codes,
                directive_id=choices.directive_id,
                field=choices.field or None,
            )
            told = await statistics(viewer, question)
            return await _of_figures(told, choices, language)
        case What.DUE:
            return await _of_due(viewer, choices, day, language)


async def _finished(
    of: Paper | Table | bytes, choices: Choices, made_on: date, language: Language
) -> Document:
    form = choices.form
    if isinstance(of, bytes):
        content = of
    elif isinstance(of, Paper):
        symbol = "DS" if choices.what is What.OVERDUE else "BC"
        paper = issued_by(of, await issuer_of(language), symbol)
        content = await asyncio.to_thread(to_docx if form is FileFormat.DOCX else to_pdf, paper)
    else:
        try:
            check_size(form.value, of.total)
        except TableTooLongForPaper:
            form = FileFormat.XLSX  # nobody turns so many pages
        with tempfile.TemporaryDirectory(prefix="tracker-report-") as folder:
            path = Path(folder) / "report"
            await write_table(of, form.value, path)
            content = await asyncio.to_thread(path.read_bytes)
    name = f"{text(language, f'scheduled.file.{choices.what.value}')}-{made_on:%Y-%m-%d}.{form.value}"
    return Document(name, MEDIA_TYPES[form.value], content)


def _table(
    choices: Choices,
    language: Language,
    made_on: date,
    told: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    scope: Sequence[str] = (),
    notes: Sequence[str] = (),
    foot: Sequence[Cell] | None = None,
) -> Table:
    return Table(
        name="",
        title=text(language, f"scheduled.title.{choices.what.value}"),
        sheet=text(language, "scheduled.sheet"),
        as_of=told,
        made_on=made_on,
        language=language,
        columns=tuple(columns),
        rows=at_hand(rows),
        total=len(rows),
        scope=tuple(scope),
        notes=tuple(notes),
        foot=foot if rows else None,
    )


def _column(key: str, language: Language, title: str = "") -> Column:
    kind: Kind = "number" if key in _FIGURES else _KINDS.get(key, "text")
    return Column(key, title or text(language, f"overdue_column_{key}"), kind)


# --- what is overdue ---


async def _of_listing(listing: OverdueList, choices: Choices, language: Language) -> Made:
    as_of = listing.as_of if not isinstance(listing.as_of, datetime) else civil_day(listing.as_of)
    narrowed = await _of_field(listing, choices.field) if choices.field else listing
    rows = sum(len(line.rows) for line in narrowed.agencies)
    if choices.what is What.AGEING:
        made: Paper | Table | bytes = _ageing(narrowed, choices, as_of, language)
    elif choices.field:
        made = _listing_table(narrowed, choices, as_of, language)
    elif choices.form is FileFormat.XLSX:
        made = await asyncio.to_thread(overdue_to_xlsx, listing, language)
    else:
        made = await asyncio.to_thread(overdue_paper.to_paper, listing, language)
    return Made(await _finished(made, choices, as_of, language), rows)


async def _of_field(listing: OverdueList, field: str) -> OverdueList:
    """The rows of one field; restricted tasks, whose field is not told, are left out with the rest."""
    ids = [row.task_id for line in listing.agencies for row in line.rows if row.full_text or row.programme]
    fields = await overdue_db.list_fields(ids)
    lines = [
        replace(line, rows=tuple(row for row in line.rows if fields.get(row.task_id) == field))
        for line in listing.agencies
    ]
    return replace(listing, agencies=tuple(line for line in lines if line.rows))


def _scope(listing: OverdueList, choices: Choices, language: Language) -> tuple[str, ...]:
    field = [text(language, "scheduled.scope_field", field=choices.field)] if choices.field else []
    return (*scope_words(listing, language), *field)


def _listing_table(listing: OverdueList, choices: Choices, as_of: date, language: Language) -> Table:
    sheet = overdue_sheet(listing, language)
    columns = [_column(key, language) for key in sheet.columns[1:]]
    return _table(
        choices,
        language,
        as_of,
        cut_off_words(listing.as_of, language),
        columns,
        [row[1:] for row in sheet.rows],
        scope=_scope(listing, choices, language),
    )


def _ageing(listing: OverdueList, choices: Choices, as_of: date, language: Language) -> Table:
    rows: list[tuple[Cell, ...]] = []
    sums = [0] * len(AGES)
    for line in listing.agencies:
        ages = [0] * len(AGES)
        for row in line.rows:
            ages[age_of(row.days_late or 0)] += 1
        if line.rows:
            rows.append((line.name, *ages, sum(ages)))
            sums = [whole + part for whole, part in zip(sums, ages, strict=True)]
    ages_columns = [
        Column(f"age_{at}", text(language, f"scheduled.age.{at}"), "number") for at in range(len(AGES))
    ]
    return _table(
        choices,
        language,
        as_of,
        cut_off_words(listing.as_of, language),
        [
            _column("agency", language),
            *ages_columns,
            Column("all", text(language, "scheduled.age.all"), "number"),
        ],
        rows,
        scope=_scope(listing, choices, language),
        notes=[text(language, "scheduled.note.ageing")],
        foot=(text(language, "overdue_total"), *sums, sum(sums)),
    )


# --- the official rates ---


async def _of_figures(told: Statistics, choices: Choices, language: Language) -> Made:
    head = text(language, f"scheduled.head.{choices.what.value}")
    table = replace(
        figures_table(told, head, text(language, "document.unnamed")),
        scope=_scope_of_figures(choices, language),
    )
    if choices.what is What.BLOCK_RATES:
        table = replace(table, lines=_blocks(told, language))
    made: Paper | Table = (
        _figures_table(table, choices, language)
        if choices.form is FileFormat.XLSX
        else statistics_paper.to_paper(table, language)
    )
    return Made(await _finished(made, choices, table.as_of, language), table.total.buckets.recorded)


def _blocks(told: Statistics, language: Language) -> tuple[FiguresLine, ...]:
    """The figures of each block, under its words."""
    return tuple(
        FiguresLine(text(language, f"scheduled.block.{row.count.key}"), row.count.buckets, row.rate)
        for row in told.rows
    )


def _scope_of_figures(choices: Choices, language: Language) -> tuple[str, ...]:
    scope = []
    if choices.agency_codes:
        scope.append(text(language, "overdue_scope_agencies", value=", ".join(choices.agency_codes)))
    if choices.field:
        scope.append(text(language, "scheduled.scope_field", field=choices.field))
    return tuple(scope)


def _figures_table(table: FiguresTable, choices: Choices, language: Language) -> Table:
    """The table of figures for a workbook."""

    def cells(line: FiguresLine, name: str) -> tuple[Cell, ...]:
        figures = line.buckets.cells()
        return (name, *((line.rate.value if key == "rate" else figures[key]) for key in COLUMNS))

    return _table(
        choices,
        language,
        table.as_of,
        cut_off_words(table.as_of, language),
        [_column("agency", language, table.head), *(_column(key, language) for key in COLUMNS)],
        [cells(line, line.name) for line in table.lines],
        scope=table.scope,
        notes=[rate_words(table.total.rate, language)],
        foot=cells(table.total, text(language, "overdue_total")),
    )


# --- what falls due ---


async def _of_due(viewer: Actor, choices: Choices, day: date, language: Language) -> Made:
    last = day + timedelta(days=7 * choices.weeks - 1)
    codes = choices.agency_codes
    ids = sorted((await directory_db.find_agency_ids(codes)).values()) if codes else [None]
    now = at_official(day, time.min)
    found: list[Assignment] = []
    for agency_id in ids:
        wanted = AssignmentFilter(
            status="open_in_term",
            agency_id=agency_id,
            directive_id=choices.directive_id,
            due_from=day,
            due_to=last,
        )
        after: tuple[date | None, int] | None = None
        while len(found) < MOST_ROWS:
            page = await list_assignments_page(viewer, wanted, now, limit=_PAGE, after=after)
            found += page
            if len(page) < _PAGE:
                break
            after = (page[-1].due_on, page[-1].id)
    if choices.field:
        fields = await overdue_db.list_fields([row.task_id for row in found if not row.restricted])
        found = [row for row in found if fields.get(row.task_id) == choices.field]
    found.sort(key=lambda row: (row.due_on or date.max, str(row.due_time or ""), row.agency_name, row.id))
    calendar = await load_calendar()
    table = _table(
        choices,
        language,
        day,
        text(language, "scheduled.between", first=f"{day:%d/%m/%Y}", last=f"{last:%d/%m/%Y}"),
        [
            *(_column(key, language) for key in ("task", "directive", "agency", "due_on")),
            Column("status", text(language, "scheduled.column.status")),
        ],
        [_due_row(row, now, calendar, language) for row in found],
        scope=_scope_of_figures(choices, language),
    )
    return Made(await _finished(table, choices, day, language), len(found))


def _due_row(row: Assignment, now: datetime, calendar: WorkCalendar, language: Language) -> tuple[Cell, ...]:
    status = status_now(row, now, calendar)
    # The file is handed on: of a restricted task it holds what a mail would.
    task = text(language, "mail.restricted") if row.restricted else row.short_name
    return (
        task,
        f"{row.directive_number} ({row.directive_issued_on:%d/%m/%Y})"
        if row.directive_issued_on
        else row.directive_number,
        row.agency_name,
        row.due_on,
        text(language, f"export.status.{status.fine.value}"),
    )

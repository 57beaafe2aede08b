"""Tables to be taken away that may be long: read in one snapshot, in the order of the page, a batch at a time.

Each is made from parameters that a job can keep, and is read inside the transaction in which it was made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tracker.actions.standing import list_moment, status_now
from tracker.db import directory as directory_db
from tracker.db import exports as db
from tracker.db import outbox as outbox_db
from tracker.db import reads_recording, reads_web
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.directives import list_directives
from tracker.db.outbox import OutboxFilter
from tracker.db.reads_api import AssignmentFilter, list_assignments_page
from tracker.db.reads_recording import STANDINGS
from tracker.db.reads_web import WorkFilter
from tracker.documents.tables_model import Cell, Column, Kind, Row, Table
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day, civil_now
from tracker.i18n import Language, catalogue, text

PAGE = 1_000


@dataclass(frozen=True)
class Wanted:
    """Which table, with what a job can keep of it as JSON: its filters in words, and as its source reads them.

    `for_programs`: codes and ids as the API has them, not words.
    """

    what: str
    query: Mapping[str, Any]
    scope: tuple[str, ...] = ()
    title: str = ""
    for_programs: bool = False


@dataclass(frozen=True)
class Reader:
    """Who takes a table, when, in which language."""

    actor: Actor
    now: datetime
    language: Language

    def word(self, key: str, **params: object) -> str:
        """A sentence of the catalogue."""
        return text(self.language, key, **params)

    def named(self, group: str, value: str) -> str:
        """The word for a value of an enumeration; the value where there is none."""
        return catalogue(self.language).get(f"{group}.{value}", value)


Source = Callable[[Reader, Wanted], Awaitable[Table]]


async def table_of(reader: Reader, wanted: Wanted) -> Table:
    """The table, to be read in the open transaction."""
    return await SOURCES[wanted.what](reader, wanted)


def _day(given: str | date | None) -> date | None:
    return date.fromisoformat(given) if isinstance(given, str) else given


def _table(
    reader: Reader,
    wanted: Wanted,
    keys: Sequence[str],
    rows: AsyncIterator[Sequence[Row]],
    total: int | None = None,
) -> Table:
    local = civil_now(reader.now)
    day = civil_day(reader.now)
    return Table(
        name=f"{FILE_NAMES[wanted.what]}-{day:%Y-%m-%d}",
        title=wanted.title or reader.word(f"export.title.{wanted.what}"),
        sheet=reader.word(f"export.sheet.{wanted.what}"),
        as_of=reader.word("export.as_of", hour=f"{local:%H:%M}", day=f"{day:%d/%m/%Y}"),
        made_on=day,
        language=reader.language,
        columns=tuple(
            Column(key, reader.word(f"export.column.{key}"), KINDS.get(key, "text"), key not in _NOT_ON_PAPER)
            for key in keys
        ),
        rows=rows,
        total=total,
        scope=wanted.scope,
    )


FILE_NAMES = {
    "assignments": "nhiem-vu",
    "work": "nhiem-vu",
    "overdue": "qua-han",
    "history": "lich-su",
    "directives": "van-ban",
    "letters": "thu",
}
KINDS: Mapping[str, Kind] = {
    "id": "code",
    "assignment_id": "code",
    "issued_on": "day",
    "task": "long",
    "full_text": "long",
    "due_on": "day",
    "original_due_on": "day",
    "days_late": "number",
    "extensions": "number",
    "reported_on": "day",
    "report": "long",
    "committed_on": "day",
    "completed_on": "day",
    "at": "moment",
    "reason": "long",
    "detail": "long",
    "abstract": "long",
    "tasks": "number",
    "decided_at": "moment",
    "sent_at": "moment",
    "attempts": "number",
    "subject": "long",
    "said": "long",
    **dict.fromkeys(STANDINGS, "number"),
}
_NOT_ON_PAPER = frozenset(
    {"id", "full_text", "agency_code", "state", "due_time", "committed_on", "completed_on", "assignment_id"}
    | {"cause", "original_due_on", "extensions", "part"}
)
"""A sheet of paper is not as wide as a spreadsheet."""

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


async def _assignments(reader: Reader, wanted: Wanted) -> Table:
    return _table(reader, wanted, ASSIGNMENT_COLUMNS, _assignment_rows(reader, wanted))


async def _assignment_rows(reader: Reader, wanted: Wanted) -> AsyncIterator[Sequence[Row]]:
    asked = wanted.query
    codes = asked.get("agency") or ()
    agencies = await directory_db.find_agency_ids(codes) if codes else {}
    calendar = await load_calendar()
    everywhere: list[int | None] = [None]
    for agency_id in sorted(agencies.values()) or everywhere:
        narrowed = AssignmentFilter(
            status=asked.get("status"),
            state=asked.get("state"),
            agency_id=agency_id,
            directive_id=asked.get("directive_id"),
            due_from=_day(asked.get("from_on")),
            due_to=_day(asked.get("to_on")),
            words=asked.get("words") or "",
        )
        after: tuple[date | None, int] | None = None
        while True:
            page = await list_assignments_page(reader.actor, narrowed, reader.now, limit=PAGE, after=after)
            if page:
                yield [_cells(row, reader, calendar, wanted.for_programs) for row in page]
            if len(page) < PAGE:
                break
            after = (page[-1].due_on, page[-1].id)


def _cells(row: Assignment, reader: Reader, calendar: WorkCalendar, for_programs: bool) -> tuple[Cell, ...]:
    """One assignment as the cells of `ASSIGNMENT_COLUMNS`."""
    status = status_now(row, reader.now, calendar)
    # A file is handed on: of a restricted task it holds what a mail would.
    is_open = not row.restricted
    return (
        str(row.id) if for_programs else row.id,
        row.directive_number,
        row.directive_issued_on,
        row.short_name if is_open else reader.word("mail.restricted"),
        row.full_text if is_open else "",
        row.agency_code,
        row.agency_name,
        row.part.value if for_programs else reader.word(f"part.{row.part.value}"),
        status.fine.value if for_programs else reader.word(f"export.status.{status.fine.value}"),
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


# -- a list of work as its page shows it -------------------------------------------------------------------

WORK_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "task": ("task",),
    "agency": ("agency", "part"),
    "directive": ("directive", "issued_on"),
    "follower": ("follower",),
    "due": ("due_on", "due_time"),
    "original": ("original_due_on",),
    "status": ("status",),
    "late": ("days_late",),
    "report": ("reported_on", "report"),
    "product": ("product",),
}
"""What each column of the page is in a file."""


def work_filter(query: Mapping[str, Any]) -> WorkFilter:
    """The filter that a job kept."""
    kept = dict(query)
    return WorkFilter(
        **{
            **kept,
            "due_from": _day(kept["due_from"]),
            "due_to": _day(kept["due_to"]),
            "ids": tuple(kept["ids"]),
        }
    )


async def _work(reader: Reader, wanted: Wanted) -> Table:
    require(reader.actor, Verb.LIST)
    asked = wanted.query
    chosen = work_filter(asked["filter"])
    calendar = await load_calendar()
    moment = list_moment(reader.now, calendar, asked["due_soon_days"])
    total = await reads_web.count_work(reader.actor, chosen, moment)
    names: list[str] = asked["columns"] or []
    keys = [key for name in names for key in WORK_COLUMNS[name]] or list(ASSIGNMENT_COLUMNS)
    at = [ASSIGNMENT_COLUMNS.index(key) if key != "follower" else -1 for key in keys]

    async def rows() -> AsyncIterator[Sequence[Row]]:
        found = reads_web.stream_work(
            reader.actor, chosen, moment, order=asked["order"], descending=asked["descending"], batch=PAGE
        )
        async for page in found:
            followers: dict[int, str] = {}
            if "follower" in keys:
                ids = {row.secretariat_officer_id for row in page if row.secretariat_officer_id is not None}
                followers = await reads_web.names_of_officials(sorted(ids))
            made = []
            for row in page:
                cells = _cells(row, reader, calendar, wanted.for_programs)
                who = followers.get(row.secretariat_officer_id or 0, "")
                made.append(tuple(cells[n] if n >= 0 else who for n in at))
            yield made

    return _table(reader, wanted, keys, rows(), total)


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


async def _history(reader: Reader, wanted: Wanted) -> Table:
    return _table(reader, wanted, HISTORY_COLUMNS, _history_rows(reader, wanted))


async def _history_rows(reader: Reader, wanted: Wanted) -> AsyncIterator[Sequence[Row]]:
    asked = wanted.query
    after = 0
    while True:
        page = await db.list_history_page(
            reader.actor,
            _day(asked.get("from_on")),
            _day(asked.get("to_on")),
            asked.get("directive_id"),
            limit=PAGE,
            after=after,
        )
        if page:
            yield [_change(line, reader, wanted.for_programs) for line in page]
        if len(page) < PAGE:
            break
        after = page[-1].id


def _change(line: db.HistoryLine, reader: Reader, for_programs: bool) -> tuple[Cell, ...]:
    about = line.assignment_id
    return (
        str(line.id) if for_programs else line.id,
        line.at,
        line.actor_name,
        line.verb,
        line.directive_number,
        reader.word("mail.restricted") if line.restricted else line.short_name,
        line.agency_name,
        str(about) if for_programs and about is not None else about,
        "" if line.restricted else line.reason,
        "" if line.restricted else db.detail_of(line),
    )


# -- directives ------------------------------------------------------------------------------------------

DIRECTIVE_COLUMNS = ("number", "kind", "issued_on", "issuer", "signer", "abstract", "tasks", *STANDINGS)


async def _directives(reader: Reader, wanted: Wanted) -> Table:
    require(reader.actor, Verb.LIST)
    return _table(reader, wanted, DIRECTIVE_COLUMNS, _directive_rows(reader, wanted))


async def _directive_rows(reader: Reader, wanted: Wanted) -> AsyncIterator[Sequence[Row]]:
    asked = wanted.query
    moment = list_moment(reader.now, await load_calendar(), asked["due_soon_days"])
    after: tuple[date, int] | None = None
    while True:
        page = await list_directives(
            reader.actor,
            words=asked["words"],
            kind=asked["kind"],
            year=asked["year"],
            limit=PAGE,
            after=after,
        )
        counts = await reads_recording.count_standing(reader.actor, moment, [one.id for one in page])
        if page:
            yield [
                (
                    one.number,
                    one.kind if wanted.for_programs else reader.named("directive_kind", one.kind),
                    one.issued_on,
                    one.issuer,
                    one.signer,
                    one.abstract,
                    *(counts.get(one.id, {}).get(name, 0) for name in ("tasks", *STANDINGS)),
                )
                for one in page
            ]
        if len(page) < PAGE:
            break
        after = (page[-1].issued_on, page[-1].id)


# -- letters ---------------------------------------------------------------------------------------------

LETTER_COLUMNS = (
    "id",
    "letter_kind",
    "letter_state",
    "recipient",
    "address",
    "subject",
    "decided_at",
    "sent_at",
    "attempts",
    "said",
)


async def _letters(reader: Reader, wanted: Wanted) -> Table:
    require(reader.actor, Verb.READ_OPERATIONS)
    return _table(reader, wanted, LETTER_COLUMNS, _letter_rows(reader, wanted))


async def _letter_rows(reader: Reader, wanted: Wanted) -> AsyncIterator[Sequence[Row]]:
    chosen = OutboxFilter(**wanted.query)
    before: int | None = None
    while True:
        page = await outbox_db.list_stored(chosen, PAGE, before)
        if page:
            yield [_letter(one, reader, wanted.for_programs) for one in page]
        if len(page) < PAGE:
            break
        before = page[-1].id


def _letter(one: outbox_db.StoredMessage, reader: Reader, for_programs: bool) -> tuple[Cell, ...]:
    return (
        str(one.id) if for_programs else one.id,
        one.kind if for_programs else reader.named("mail_kind", one.kind),
        one.state if for_programs else reader.named("letter_state", one.state),
        one.recipient_name,
        one.address,
        one.subject,
        one.decided_at,
        one.sent_at,
        one.attempts,
        " ".join(part for part in (str(one.reply_code or ""), one.reply_text, one.reason) if part),
    )


SOURCES: Mapping[str, Source] = {
    "assignments": _assignments,
    "work": _work,
    "history": _history,
    "directives": _directives,
    "letters": _letters,
}

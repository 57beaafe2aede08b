"""What was done to a task, as sentences: who, what, when, why; filtered by the address, printed, or taken as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from litestar import Response, get
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions.audit import list_changes
from tracker.actions.exports import document_of
from tracker.actions.tables import FILE_NAMES, KINDS
from tracker.db.assignments import list_for_task
from tracker.db.directives import Task, get_directive, get_task
from tracker.db.directory import get_officials
from tracker.db.history import HistoryFilter, HistoryRow
from tracker.documents.tables_model import Column, Row, Table, TableFormat
from tracker.domain.access import Verb, require
from tracker.domain.errors import Invalid
from tracker.domain.search import search_key
from tracker.domain.zone import civil_day
from tracker.i18n import catalogue
from tracker.web.downloads import send, table_at_hand
from tracker.web.forms import Form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest
from tracker.web.wording import short_day

MOST = 2000
GROUPS: dict[str, frozenset[str]] = {
    "giao": frozenset({"assign", "acknowledge", "transferred", "withdrawn", "superseded", "succeed", "recur"})
    | {"undo", "restore", "edit_task"},
    "han": frozenset({"move_deadline", "request_extension", "refuse_extension", "commit", "replan"}),
    "bao-cao": frozenset({"report_completion", "report_progress", "report_obstacle", "add_file"})
    | {"remove_file", "confirm", "return"},
    "don-doc": frozenset({"urge", "undo_urge", "answer_explanation", "replay_message"}),
}
"""What one may look for; every other verb stands among "khac"."""
_DATES = ("before", "after", "proposed_on", "committed_on", "completed_on", "evidence_on", "due")


@dataclass(frozen=True)
class Said:
    """One line of the history as sentences."""

    at: datetime
    when: Markup
    who: str
    sentence: str
    agency: str
    details: list[str] = field(default_factory=list)
    verb: str = ""


@dataclass(frozen=True)
class Names:
    """What the ids in a history mean."""

    agencies: Mapping[int, str]
    people: Mapping[int, str]


async def _read(page: Page, found: Task) -> tuple[list[HistoryRow], Names]:
    rows = await list_changes(page.actor, HistoryFilter(task_id=found.id), limit=MOST, before_id=None)
    agencies = {row.id: row.agency_short_name for row in await list_for_task(page.actor, found.id)}
    ids = {
        int(str(value))
        for row in rows
        if row.verb == "edit_task" and isinstance(pair := row.detail.get("officer"), dict)
        for value in pair.values()
        if value is not None
    }
    people = {i: person.name for i, person in (await get_officials(ids)).items()}
    return rows, Names(agencies, people)


def said_of(page: Page, row: HistoryRow, names: Names) -> Said:
    """A line of the history in words."""
    who = row.actor_name or page.s("audit_system")
    did = page.word("audit_verb", row.verb)
    agency = names.agencies.get(row.assignment_id or 0, "")
    key = "story.sentence_of" if agency else "story.sentence"
    sentence = page.s(key, who=who, did=did, agency=agency)
    return Said(row.at, page.moment(row.at), who, sentence, agency, _details(page, row, names), row.verb)


def _details(page: Page, row: HistoryRow, names: Names) -> list[str]:
    found = []
    detail = row.detail
    if row.verb == "move_deadline":
        before, after = (
            _shown(page, "before", detail.get("before")),
            _shown(page, "after", detail.get("after")),
        )
        found.append(page.s("story.moved", before=before or page.s("due.none"), after=after))
    elif row.verb == "edit_task":
        found += [_edited(page, name, pair, names) for name, pair in detail.items() if isinstance(pair, dict)]
    elif row.verb in ("undo", "restore"):
        found.append(page.s("story.state", state=page.word("story.state", detail.get("after"))))
    if row.reason:
        found.append(page.s("timeline.quote", words=row.reason))
    known = catalogue(page.language)
    for name in ("document", "evidence", "receipt", "proposed_on", "committed_on", "completed_on", "name"):
        if detail.get(name) and f"story.detail.{name}" in known:
            found.append(page.s(f"story.detail.{name}", value=_shown(page, name, detail[name])))
    return found


def _edited(page: Page, name: str, pair: Mapping[str, object], names: Names) -> str:
    before, after = (str(pair.get(side) or "") for side in ("before", "after"))
    if name == "officer":
        before, after = (names.people.get(int(v), v) if v.isdigit() else "" for v in (before, after))
    none = page.s("versions.empty")
    return page.s(
        "story.edited", field=page.word("story.field", name), before=before or none, after=after or none
    )


def _shown(page: Page, name: str, value: object) -> str:
    """A value of the history; dates, and dates with a time, as people read them."""
    given = str(value or "")
    if name not in _DATES:
        return given
    day, _, at = given.partition("T")
    try:
        words = short_day(date.fromisoformat(day))
    except ValueError:
        return given
    return f"{at} {words}" if at else words


@dataclass(frozen=True)
class _Wanted:
    agency: str
    group: str
    who: str
    from_on: date | None
    to_on: date | None

    def holds(self, row: HistoryRow, said: Said) -> bool:
        """Whether the line is among what is looked for."""
        day = civil_day(row.at)
        group = next((name for name, verbs in GROUPS.items() if row.verb in verbs), "khac")
        return (
            (not self.agency or said.agency == self.agency)
            and (not self.group or group == self.group)
            and (not self.who or search_key(self.who) in search_key(said.who))
            and (self.from_on is None or day >= self.from_on)
            and (self.to_on is None or day <= self.to_on)
        )


def _wanted(page: Page) -> tuple[Form, _Wanted]:
    form = Form(dict(page.query))
    from_on, to_on = form.date("tu-ngay"), form.date("den-ngay")
    group = form.text("loai")
    if group and group not in (*GROUPS, "khac"):
        form.refuse("loai", "form_bad_choice")
    if from_on is not None and to_on is not None and from_on > to_on:
        form.refuse("tu-ngay", "span_reversed", **{"from": from_on, "to": to_on})
    return form, _Wanted(form.text("co-quan")[:100], group, form.text("nguoi")[:100], from_on, to_on)


async def _lines(page: Page, found: Task) -> tuple[Form, list[Said], list[str], int]:
    """The form of the filter, what it leaves newest first, the agencies to choose from, and how many in all."""
    form, wanted = _wanted(page)
    rows, names = await _read(page, found)
    lines = [(row, said_of(page, row, names)) for row in rows]
    kept = [] if form.problems else [said for row, said in lines if wanted.holds(row, said)]
    agencies = sorted({said.agency for _, said in lines if said.agency}, key=search_key)
    return form, kept, agencies, len(rows)


@get("/viec/{task_id:str}/lich-su", include_in_schema=False)
async def task_history(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """Who did what, when and why?"""
    page = await open_page(request)
    require(page.actor, Verb.READ_HISTORY)
    found = await get_task(page.actor, parse_id(task_id))
    directive = await get_directive(page.actor, found.directive_id)
    form, lines, agencies, total = await _lines(page, found)
    return page.render(
        "task-history.html",
        status=422 if form.problems else 200,
        task=found,
        directive=directive,
        form=form,
        lines=lines,
        total=total,
        most=MOST,
        agencies=[("", page.s("filter.any_agency")), *((name, name) for name in agencies)],
        groups=[("", page.s("story.any")), *((g, page.word("story.group", g)) for g in (*GROUPS, "khac"))],
        is_filtered=bool(page.query.keys() - {"lang"}),
    )


COLUMNS = ("at", "actor", "verb", "agency", "detail")


async def history_table(page: Page, task_id: int, form: TableFormat) -> Table:
    """The same lines as the page, oldest first."""
    require(page.actor, Verb.READ_HISTORY)
    require(page.actor, Verb.EXPORT)
    found = await get_task(page.actor, task_id)
    filled, lines, _, _ = await _lines(page, found)
    if filled.problems:
        raise Invalid(filled.problems)
    task = page.s("mail.restricted") if found.restricted else found.short_name
    return table_at_hand(
        page,
        f"{FILE_NAMES['history']}-{found.id}",
        page.s("story.title"),
        [Column(key, page.s(f"export.column.{key}"), KINDS.get(key, "text")) for key in COLUMNS],
        [_cells(page, said, found, form) for said in reversed(lines)],
        scope=[task],
    )


def _cells(page: Page, said: Said, found: Task, form: TableFormat) -> Row:
    # A file is handed on: of a restricted task it holds no words.
    details = "" if found.restricted else "\n".join(said.details)
    at = said.at - timedelta(microseconds=said.at.microsecond)
    verb = said.verb if form == "json" else page.word("audit_verb", said.verb)
    return (at, said.who, verb, said.agency, details)


async def _file(request: WebRequest, task_id: str, form: TableFormat) -> Response[bytes]:
    page = await open_page(request)
    return send(await document_of(await history_table(page, parse_id(task_id), form), form))


@get("/viec/{task_id:str}/lich-su.csv", include_in_schema=False)
async def history_csv(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """As a table of text."""
    return await _file(request, task_id, "csv")


@get("/viec/{task_id:str}/lich-su.xlsx", include_in_schema=False)
async def history_xlsx(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """As a spreadsheet."""
    return await _file(request, task_id, "xlsx")


@get("/viec/{task_id:str}/lich-su.json", include_in_schema=False)
async def history_json(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """For programs."""
    return await _file(request, task_id, "json")


routes = [task_history, history_csv, history_xlsx, history_json]

"""Taking a table away: short ones at once, long ones as a job with progress, to be cancelled and fetched for a day."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import exports as actions
from tracker.actions import indicators as indicator_actions
from tracker.actions import jobs as job_actions
from tracker.actions.dossiers import DOSSIER_FORMATS, dossier
from tracker.actions.explanations import list_all as list_explanations
from tracker.actions.jobs import JobEnded, TooManyJobs
from tracker.actions.outbox import list_messages
from tracker.actions.overdue import overdue_list
from tracker.actions.tables import Wanted
from tracker.db import inspections as inspections_db
from tracker.db import reads_inspections, reads_search, reads_web
from tracker.db.calendar import load_calendar
from tracker.db.directives import list_directives
from tracker.db.directory import list_agencies
from tracker.db.jobs import Job
from tracker.db.reads_api import list_agencies_page
from tracker.documents.paper import Document
from tracker.documents.tables_model import FORMATS, MEDIA_TYPES, Column, Row, Table, TableFormat, check_size
from tracker.domain.access import Verb, require
from tracker.domain.directory import AgencyKind
from tracker.domain.errors import Invalid, NotFound
from tracker.domain.indicators import Exactness
from tracker.domain.recording import DIRECTIVE_KINDS
from tracker.domain.search import query_words
from tracker.refusals import sentence
from tracker.web import filters
from tracker.web.counted import counted_file
from tracker.web.dossiers import MOST_ITEMS, item_count
from tracker.web.downloads import send, table_at_hand
from tracker.web.forms import Form, read_form
from tracker.web.inspections import read as read_session
from tracker.web.letters import played, wanted_of
from tracker.web.overdue import asked_of
from tracker.web.page import Page, open_page, parse_id
from tracker.web.reconciliation import differences_table
from tracker.web.standing import as_of
from tracker.web.state import WebRequest
from tracker.web.statistics import AGENCIES, RATES, figures_file
from tracker.web.task_history import history_table
from tracker.web.trends import trend_file
from tracker.web.work import conditions_of, filter_bar, read_look

_NAME = re.compile(r"([a-z-]{2,30})\.(xlsx|csv|docx|pdf|json)")
_WORK_OF = {
    "co-quan": "agency",
    "van-ban": "directive",
    "theo-doi": "follower",
    "han": "due",
    "han-goc": "original",
    "tre": "late",
    "bao-cao": "report",
    "san-pham": "product",
}


@dataclass(frozen=True)
class Long:
    """A table that is read when it is written, here or by a worker; `rows` is how many it has, if not more."""

    wanted: Wanted
    rows: int


Made = Table | Long | Document
Maker = Callable[[Page, TableFormat], Awaitable[Made]]


# Tables that may be long ----------------------------------------------------------------------------------------


async def _work(page: Page, form: TableFormat) -> Long:
    """The list as its page shows it: its filter, its order, its columns; or the rows that were ticked."""
    require(page.actor, Verb.LIST)
    moment = as_of(page, await load_calendar())
    known = frozenset(agency.code for agency in await list_agencies())
    read, chosen = filters.read_filter(page.query, known)
    if read.problems:
        raise Invalid(read.problems)
    ticked = filters.read_ticked(page.query_all("viec"))
    look = read_look(page)
    scope = []
    if ticked:
        # Ticked rows are meant whatever has become of them since.
        chosen = replace(chosen, ids=ticked, status="all")
        scope.append(page.s("export.ticked", count=page.number(len(ticked))))
    else:
        if "tinh-trang" not in page.query:
            scope.append(page.s("filter.is.tinh-trang", value=page.s(f"filter.status.{chosen.status}")))
        bar = await filter_bar(page, read, look)
        scope += [words for words, _ in conditions_of(page, look, dict(bar.agencies), dict(bar.followers))]
    columns: list[str] = []
    if page.query.get("du-cot") != "1":
        columns = ["task", *(_WORK_OF[name] for name in look.columns), "status"]
    wanted = Wanted(
        "work",
        {
            "filter": asdict(chosen),
            "order": look.order,
            "descending": look.descending,
            "columns": columns,
            "due_soon_days": page.state.settings.due_soon_days,
        },
        tuple(scope),
        page.s("work.title_agency" if page.is_agency else "work.title"),
        for_programs=form == "json",
    )
    return Long(wanted, await reads_web.count_work(page.actor, chosen, moment))


async def _directives(page: Page, form: TableFormat) -> Long:
    require(page.actor, Verb.LIST)
    kind, year = page.query.get("loai", ""), page.query.get("nam", "")
    query = {
        "words": page.query.get("tu", "")[:200],
        "kind": kind if kind in DIRECTIVE_KINDS else "",
        "year": int(year) if re.fullmatch(r"(?:19|20|21)[0-9]{2}", year) else None,
    }
    scope = [
        *([page.s("filter.is.tu", value=query["words"])] if query["words"] else []),
        *([page.word("directive_kind", kind)] if query["kind"] else []),
        *([page.s("export.year", year=year)] if query["year"] else []),
    ]
    rows = len(await list_directives(page.actor, **query, limit=actions.AT_ONCE[form] + 1))  # type: ignore[arg-type]
    query["due_soon_days"] = page.state.settings.due_soon_days
    return Long(Wanted("directives", query, tuple(scope), for_programs=form == "json"), rows)


async def _letters(page: Page, form: TableFormat) -> Long:
    require(page.actor, Verb.READ_OPERATIONS)
    wanted = wanted_of(page)
    scope = () if wanted.state is None else (page.s(f"letter_state.{wanted.state}"),)
    rows = len(await list_messages(page.actor, wanted, actions.AT_ONCE[form] + 1))
    return Long(Wanted("letters", asdict(wanted), scope, for_programs=form == "json"), rows)


async def _overdue(page: Page, form: TableFormat) -> Long | Document:
    """The official list of a day, in the forms that its page has."""
    require(page.actor, Verb.EXPORT)
    read, day, codes = asked_of(page)
    if read.problems:
        raise Invalid(read.problems)
    given = read.text("van-ban")
    directive_id = parse_id(given) if given else None
    listing = await overdue_list(page.actor, day, codes, directive_id)
    rows = actions.overdue_rows(listing)
    if rows > actions.AT_ONCE[form]:
        query = {"as_of": day.isoformat(), "agency": codes, "directive_id": directive_id}
        return Long(Wanted("overdue", query, for_programs=form == "json"), rows)
    content = await asyncio.to_thread(
        actions.overdue_bytes, listing, form, page.language, with_bom=_with_bom(page)
    )
    return Document(f"qua-han-{day.isoformat()}.{form}", MEDIA_TYPES[form], content)


# Tables that are at hand ----------------------------------------------------------------------------------------


async def _history(page: Page, form: TableFormat) -> Table:
    return await history_table(page, parse_id(page.query.get("nhiem-vu", "")), form)


async def _targets(page: Page, form: TableFormat) -> Table:
    """Targets with their last reading; of a restricted task the name alone is withheld, as in a mail."""
    require(page.actor, Verb.LIST)
    code = page.query.get("co-quan", "")
    told = [
        one
        for one in await indicator_actions.list_told(page.actor, page.today)
        if not code or one.defined.agency_code == code
    ]
    view = page.query.get("xem", "tat-ca")
    kept = {
        "cham": [one for one in told if one.is_behind],
        "thieu": [one for one in told if one.standing.missing],
        "dat": [one for one in told if one.standing.progress.value == "achieved"],
    }.get(view, told)
    rows: list[Row] = []
    for one in kept:
        what, last = one.defined.indicator, one.standing.last
        is_open = not one.defined.restricted
        exact = last is not None and last.figure.exactness is Exactness.EXACT
        rows.append(
            (
                what.name if is_open else page.s("mail.restricted"),
                one.defined.agency_name,
                one.defined.task if is_open else page.s("mail.restricted"),
                what.whole_unit,
                what.baseline,
                what.target,
                what.due_on,
                (last.figure.number if exact else last.figure.words) if last and is_open else None,
                last.as_of if last else None,
                one.standing.planned,
                one.standing.progress.value
                if form == "json"
                else page.s(f"target.progress.{one.standing.progress.value}"),
                len(one.standing.missing),
            )
        )
    keys = ("target", "agency", "task", "unit", "baseline", "wanted", "due_on", "reading", "read_on", "planned",
            "progress", "missing")  # fmt: skip
    kinds = {"due_on": "day", "read_on": "day", "missing": "number", "target": "long", "task": "long"}
    agencies = {one.defined.agency_name for one in kept}
    return table_at_hand(
        page,
        "chi-tieu",
        page.s("export.title.targets"),
        _columns(page, keys, kinds),
        rows,
        scope=sorted(agencies) if code else (),
    )


async def _sessions(page: Page, form: TableFormat) -> Table:
    require(page.actor, Verb.LIST)
    own = sorted(page.actor.visible_agency_ids) if page.is_agency else None
    found = await inspections_db.list_inspections(agency_ids=own, after=None, limit=actions.AT_ONCE["docx"])
    rows: list[Row] = []
    for one in found:
        names = list(one.agency_names)
        if own is not None:
            names = [name for _, name in await reads_inspections.list_own_codes(one.id, own)]
        state = one.state.value if form == "json" else page.word("insp.state", one.state.value)
        items = sum(one.totals["all"].values()) if one.totals is not None and own is None else None
        at = f"{one.held_at:%H:%M}" if one.held_at else ""
        rows.append(
            (one.held_on, at, one.title, one.place, "; ".join(names), state, items, one.notice_number)
        )
    keys = ("held_on", "held_at", "session", "place", "agencies", "session_state", "items", "notice")
    kinds = {"held_on": "day", "session": "long", "agencies": "long", "items": "number"}
    return table_at_hand(page, "kiem-tra", page.s("export.title.sessions"), _columns(page, keys, kinds), rows)


async def _agenda(page: Page, form: TableFormat) -> Table:
    """The frozen agenda; an agency's people have their own part of it."""
    require(page.actor, Verb.LIST)
    found = await inspections_db.get_inspection(parse_id(page.query.get("buoi", "")))
    codes: list[str] | None = None
    if page.is_agency:
        own = await reads_inspections.list_own_codes(found.id, sorted(page.actor.visible_agency_ids))
        codes = [code for code, _ in own]
    if found.frozen_at is None or codes == []:
        raise NotFound(noun="inspection", id=found.id)
    items = await inspections_db.list_items(found.id, codes or ())
    rows: list[Row] = []
    for number, one in enumerate(items, 1):
        item = one.item
        rows.append(
            (
                one.position if codes is None else number,
                item.kind.value if form == "json" else page.s(f"document.kind.{item.kind.value}"),
                item.agency_name,
                item.full_text or item.title,
                item.directive_number,
                item.due_on,
                item.days,
                item.extensions,
                item.last_report_on,
                item.cause,
                item.committed_on,
                item.explanation,
            )
        )
    keys = ("position", "item_kind", "agency", "task", "directive", "due_on", "item_days", "extensions",
            "reported_on", "cause", "committed_on", "explanation")  # fmt: skip
    kinds = {"position": "number", "task": "long", "due_on": "day", "item_days": "number", "extensions": "number",
             "reported_on": "day", "committed_on": "day", "explanation": "long"}  # fmt: skip
    day = f"{found.as_of:%d/%m/%Y}"
    return table_at_hand(
        page,
        f"chuong-trinh-{found.id}",
        found.title,
        _columns(page, keys, kinds),
        rows,
        as_of=page.s("overdue_as_of", day=day),
        notes=[] if page.is_agency else [page.s("export.digest", digest=found.digest or "")],
    )


async def _dossier(page: Page, form: TableFormat) -> Long | Document:
    """The dossier of a session; the page of the session leads here where it is long."""
    require(page.actor, Verb.INSPECT)
    found = await read_session(page, page.query.get("buoi", ""))
    known = next((one for one in DOSSIER_FORMATS if one == form), None)
    if known is None:
        raise NotFound(noun="dossier", id=found.id)
    agency = page.query.get("co-quan")
    items = item_count(found)
    if items <= MOST_ITEMS:
        return await dossier(page.actor, found.id, known, agency, page.language)
    query = {"inspection_id": found.id, "agency_code": agency}
    return Long(Wanted(actions.DOSSIER, query, title=found.title), max(items, actions.AT_ONCE[form] + 1))


async def _explanations(page: Page, form: TableFormat) -> Table:
    owed = {"con-no": True, "da-tra-loi": False}.get(page.query.get("tinh-trang", ""))
    rows: list[Row] = []
    for one in await list_explanations(page.actor, owed=owed, limit=actions.AT_ONCE["xlsx"]):
        is_open = not one.restricted
        said = "owed" if one.is_owed else "given"
        rows.append(
            (
                one.short_name if is_open else page.s("mail.restricted"),
                one.agency_name,
                one.directive_number,
                one.asked_by,
                one.asked_at,
                one.answer_by,
                said if form == "json" else page.s(f"export.explanation.{said}"),
                one.answer if is_open else "",
                one.answered_by_name,
                one.answered_at,
            )
        )
    keys = ("task", "agency", "directive", "asked_by", "asked_at", "answer_by", "explanation_state", "explanation",
            "answered_by", "answered_at")  # fmt: skip
    kinds = {
        "task": "long",
        "asked_at": "moment",
        "answer_by": "day",
        "explanation": "long",
        "answered_at": "moment",
    }
    return table_at_hand(page, "giai-trinh", page.s("explain.list"), _columns(page, keys, kinds), rows)


async def _directory(page: Page, form: TableFormat) -> Table:
    """The agencies by the conditions of their page; people's addresses are not handed on in a heap."""
    require(page.actor, Verb.LIST)
    kind, state = page.query.get("loai", ""), page.query.get("tinh-trang", "")
    found = await list_agencies_page(
        kind=kind if kind in set(AgencyKind) else None,
        on=None if state == "ca-cu" else page.today,
        words=page.query.get("tu", ""),
        limit=actions.AT_ONCE["xlsx"],
        after=None,
        with_dead_mailbox=state == "thu-hong" and not page.is_agency,
        unreached_first=not page.is_agency,
        only_unreached=state == "khong-toi" and not page.is_agency,
    )
    rows = [
        (
            one.code,
            one.name,
            one.short_name,
            one.kind if form == "json" else page.word("agency_kind", one.kind),
            one.parent_code or "",
            one.valid_from,
            one.valid_to,
            "; ".join(one.successor_codes),
        )
        for one in found
    ]
    keys = (
        "agency_code",
        "agency",
        "short_name",
        "agency_kind",
        "parent_code",
        "valid_from",
        "valid_to",
        "successors",
    )
    kinds = {"agency": "long", "valid_from": "day", "valid_to": "day"}
    return table_at_hand(page, "co-quan", page.s("agency.title"), _columns(page, keys, kinds), rows)


async def _differences(page: Page, form: TableFormat) -> Table:
    return await differences_table(page, page.query.get("dot", ""))


async def _found(page: Page, form: TableFormat) -> Table:
    """What a search finds, of each kind as many as a file holds at once."""
    require(page.actor, Verb.LIST)
    asked = " ".join(page.query.get("q", "")[:200].split())
    rows: list[Row] = []
    if query_words(asked):
        agencies = await reads_search.search_agencies(page.actor, asked, limit=_MOST_FOUND)
        directives = await reads_search.search_directives(page.actor, asked, limit=_MOST_FOUND)
        tasks = await reads_search.search_tasks(page.actor, asked, limit=_MOST_FOUND, across=not agencies)
        people = await reads_search.search_people(page.actor, asked, limit=_MOST_FOUND)

        def kind(name: str) -> str:
            return name if form == "json" else page.s(f"export.found.{name}")

        for task in tasks:
            row = task.foremost
            words = page.s("mail.restricted") if row.restricted else task.short_name
            rows.append((kind("task"), words, row.agency_name, row.directive_number, row.due_on))
        rows += [(kind("directive"), d.abstract, d.issuer, d.number, d.issued_on) for d in directives]
        rows += [(kind("agency"), a.name, a.code, "", None) for a in agencies]
        rows += [(kind("person"), p.full_name, p.agency, p.position, None) for p in people]
    keys = ("found_kind", "found_name", "found_where", "found_mark", "found_day")
    kinds = {"found_name": "long", "found_day": "day"}
    scope = [page.s("filter.is.tu", value=asked)]
    return table_at_hand(
        page, "tim", page.s("export.title.found"), _columns(page, keys, kinds), rows, scope=scope
    )


_MOST_FOUND = 200


def _columns(page: Page, keys: tuple[str, ...], kinds: Mapping[str, str]) -> list[Column]:
    return [Column(key, page.s(f"export.column.{key}"), kinds.get(key, "text")) for key in keys]  # type: ignore[arg-type]


async def _rates(page: Page, form: TableFormat) -> Table:
    return await figures_file(page, RATES)


async def _agencies(page: Page, form: TableFormat) -> Table:
    return await figures_file(page, AGENCIES)


async def _trend(page: Page, form: TableFormat) -> Table:
    return await trend_file(page)


async def _counted(page: Page, form: TableFormat) -> Table:
    return await counted_file(page)


MAKERS: dict[str, Maker] = {
    "viec": _work,
    "van-ban": _directives,
    "thu": _letters,
    "qua-han": _overdue,
    "lich-su": _history,
    "chi-tieu": _targets,
    "kiem-tra": _sessions,
    "chuong-trinh": _agenda,
    "ho-so": _dossier,
    "giai-trinh": _explanations,
    "danh-ba-co-quan": _directory,
    "doi-chieu": _differences,
    "tim": _found,
    "ty-le": _rates,
    "co-quan": _agencies,
    "xu-huong": _trend,
    "danh-sach": _counted,
}
"""The tables by their names in addresses; each takes the query of its page."""


# Files ----------------------------------------------------------------------------------------------------------


def _with_bom(page: Page) -> bool:
    return page.query.get("bom") != "0"


def _read_name(name: str) -> tuple[str, TableFormat]:
    """Which table in which form. Raises NotFound."""
    found = _NAME.fullmatch(name)
    if found is None or found[1] not in MAKERS:
        raise NotFound(noun="table", id=name[:40])
    return found[1], next(form for form in FORMATS if form == found[2])


async def _answer(page: Page, name: str, form: TableFormat) -> Response[bytes]:
    """The file; or, where it would be long in coming, the page that offers to make it meanwhile."""
    require(page.actor, Verb.EXPORT)
    made = await MAKERS[name](page, form)
    if isinstance(made, Document):
        return send(made)
    if isinstance(made, Table):
        return send(await actions.document_of(made, form, with_bom=_with_bom(page)))
    check_size(form, made.rows)
    if made.rows <= actions.AT_ONCE[form]:
        return send(
            await actions.at_once(
                page.actor, made.wanted, form, page.now, page.language, with_bom=_with_bom(page)
            )
        )
    return _offer(page, name, form, made, Form({}))


def _offer(
    page: Page, name: str, form: TableFormat, made: Long, filled: Form, status: int = 200
) -> Response[bytes]:
    query = page.raw_query
    return page.render(
        "export-offer.html",
        status=status,
        title=made.wanted.title or page.s(f"export.title.{made.wanted.what}"),
        scope=made.wanted.scope,
        form=filled,
        file_form=form,
        # Some are only counted as far as they are short.
        rows=page.number(made.rows) if made.wanted.what in ("work", "overdue") else "",
        action=f"/tai-ve/bang/{name}.{form}" + (f"?{query}" if query else ""),
    )


@get("/tai-ve/bang/{name:str}", include_in_schema=False)
async def take(request: WebRequest, name: FromPath[str]) -> Response[bytes]:
    """The table of a page as a file."""
    page = await open_page(request)
    require(page.actor, Verb.EXPORT)
    return await _answer(page, *_read_name(name))


@get("/viec.xlsx", include_in_schema=False)
async def work_xlsx(request: WebRequest) -> Response[bytes]:
    """A list of work as a spreadsheet with every column."""
    page = await open_page(request)
    page.query["du-cot"] = "1"
    return await _answer(page, "viec", "xlsx")


@get("/viec.csv", include_in_schema=False)
async def work_csv(request: WebRequest) -> Response[bytes]:
    """A list of work as comma-separated values with every column."""
    page = await open_page(request)
    page.query["du-cot"] = "1"
    return await _answer(page, "viec", "csv")


@post("/tai-ve/bang/{name:str}", include_in_schema=False)
async def ask(request: WebRequest, name: FromPath[str]) -> Response[bytes]:
    """Have a long table made by the worker."""
    page = await open_page(request)
    require(page.actor, Verb.EXPORT)
    which, form = _read_name(name)
    await read_form(page)
    made = await MAKERS[which](page, form)
    if not isinstance(made, Long):
        # It has become short since it was offered.
        return page.see(f"/tai-ve/bang/{which}.{form}?{page.raw_query}")
    check_size(form, made.rows)
    try:
        job_id = await actions.ask_table(
            page.actor, made.wanted, form, page.language, with_bom=_with_bom(page)
        )
    except TooManyJobs as refused:
        filled = Form({})
        filled.refuse("", refused.code, **refused.params)
        return _offer(page, which, form, made, filled, status=409)
    return page.see(f"/tai-ve/{job_id}")


# Jobs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """An export in words."""

    id: int
    about: str
    state: str
    says: str
    percent: int
    is_live: bool
    counted: str
    name: str
    size: str
    rows: str
    until: datetime | None
    faults: tuple[str, ...]


async def _job(page: Page, job_id: str) -> Job:
    """One's own export. Raises NotFound."""
    found = await job_actions.get(page.actor, parse_id(job_id))
    if found.kind != job_actions.EXPORT:
        raise NotFound(noun="job", id=job_id)
    return found


@get("/tai-ve/{job_id:str}", include_in_schema=False)
async def job(request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
    """How far is the file, and where is it?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    found = await _job(page, job_id)
    is_alive = await job_actions.is_worker_alive()
    return page.render("export-job.html", job=_shown(page, found, is_alive=is_alive))


@post("/tai-ve/{job_id:str}/huy", include_in_schema=False)
async def cancel(request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
    """End it: at once while it waits, else at its next step."""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    await read_form(page)
    found = await _job(page, job_id)
    try:
        await job_actions.cancel(page.actor, found.id)
    except JobEnded:
        return page.see(f"/tai-ve/{found.id}", "job.ended_already")
    return page.see(f"/tai-ve/{found.id}", "job.cancelling")


@get("/tai-ve/{job_id:str}/tep", include_in_schema=False)
async def result(request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
    """The file, for a day."""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    found = await _job(page, job_id)
    made = await job_actions.get_result(page.actor, found.id)
    return send(Document(made.file_name, made.media_type, made.content))


def _shown(page: Page, found: Job, *, is_alive: bool) -> Shown:
    says = page.word("job.says", found.state)
    if found.state == "waiting" and not is_alive:
        says = page.s("job.no_worker")
    elif found.cancel_wanted and found.state == "running":
        says = page.s("job.cancelling")
    elif found.state == "running" and found.stage:
        says = page.word("job.stage", found.stage)
    counted = ""
    if found.state == "running" and found.steps_total > 1 and found.stage == "collect":
        counted = page.s("export.counted", done=page.number(found.steps_done))
    rows = found.summary.get("rows")
    kept = found.parameters
    title = kept.get("title") or page.s(f"export.title.{kept['what']}")
    return Shown(
        id=found.id,
        about=" · ".join([title, *kept.get("scope", ())]),
        state=found.state,
        says=says,
        percent=found.progress,
        is_live=found.state in ("waiting", "running"),
        counted=counted,
        name=found.result_name,
        size=_size(page, found.result_size or 0),
        rows=page.number(rows) if isinstance(rows, int) else "",
        until=None if found.expires_at is None else played(page, found.expires_at),
        faults=_faults(page, found) if found.problem else (),
    )


def _faults(page: Page, found: Job) -> tuple[str, ...]:
    kept = found.problem or {}
    own = [
        sentence(page.language, p["code"], {"value": p["value"], **p["params"]})
        for p in kept["problems"][:20]
    ]
    return tuple(own) or (sentence(page.language, kept["code"], kept["params"]),)


def _size(page: Page, size: int) -> str:
    """A file's size as people say it."""
    if size < 1_000_000:
        return f"{page.number(max(1, round(size / 1000)))} kB"
    return f"{size / 1_000_000:.1f} MB".replace(".", "," if page.language == "vi" else ".")


routes = [take, ask, work_xlsx, work_csv, job, cancel, result]

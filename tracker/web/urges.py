"""Urging: what exactly goes to whom and what not, sending it, taking it back; and explaining when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import explanations
from tracker.actions import urges as actions
from tracker.actions.urges import NewUrge, NotUrged, Preview
from tracker.db import reads_web
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.directory import list_agencies
from tracker.db.urges import ExplanationRow, UrgingOf
from tracker.domain.access import Subject, Verb, require
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem
from tracker.domain.urges import Skipped, UrgeKind
from tracker.domain.workdays import CalendarUnknown, WorkCalendar, add_workdays
from tracker.web import filters
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, local_path, open_page, parse_id
from tracker.web.standing import as_of, chip_of, path_of
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import Chip, short_day

EXPLANATION = "giai-trinh"
ANSWER_WORKDAYS = 3
"""The day proposed for an explanation: so many working days from today."""
_FIELDS = {"/sentence": "loi-nhan", "/answer_by": "giai-trinh-truoc", "/assignment_ids": "cac-viec"}


@dataclass(frozen=True)
class TaskLine:
    """A task in a letter, or one that no letter speaks of."""

    href: str
    title: str
    agency: str
    chip: Chip
    note: str | Markup = ""


@dataclass(frozen=True)
class LetterView:
    """One letter: to whom and why to them, about what, and how it reads."""

    agency: str
    who: str
    address: str
    why: str
    tasks: list[TaskLine]
    subject: str
    text: str
    is_open: bool


@dataclass
class SkippedView:
    """Assignments that get no letter for the same reason."""

    why: str
    help: str
    href: str = ""
    tasks: list[TaskLine] = field(default_factory=list)


def came_from(page: Page) -> str:
    """The page of ours that led here; empty for another site's, and for the pages of urging themselves."""
    referer = urlsplit(page.request.headers.get("referer", ""))
    if referer.netloc != page.request.headers.get("host"):
        return ""
    path = local_path(referer.path + (f"?{referer.query}" if referer.query else ""), "")
    return "" if path.startswith("/don-doc") else path


def _ids(given: Sequence[str]) -> tuple[int, ...]:
    """The assignments named, each once. Raises NotFound for what cannot be one."""
    return tuple(dict.fromkeys(parse_id(one) for one in given if one))


# -- the preview -----------------------------------------------------------------------------------------------


@get("/don-doc/xem-truoc", include_in_schema=False)
async def preview(request: WebRequest) -> Response[bytes]:
    """What exactly goes to whom, what not, and why?"""
    page = await open_page(request)
    require(page.actor, Verb.URGE)
    form = Form(
        {
            "loai": page.query.get("loai", ""),
            "ve": local_path(page.query.get("ve"), "") or came_from(page),
            "giai-trinh-truoc": short_day(await _proposed_day(page)),
        }
    )
    ids, beyond = _ids(page.query_all("viec")), 0
    if not ids and page.query.keys() & set(filters.CONDITIONS):
        ids, beyond = await _matching(page)
    return await _show(page, ids, form, beyond=beyond)


async def _matching(page: Page) -> tuple[tuple[int, ...], int]:
    """What a list's conditions match, the most pressing first, and how many more there are than go at once."""
    known = frozenset(agency.code for agency in await list_agencies())
    read, chosen = filters.read_filter(page.query, known)
    if read.problems:
        return (), 0
    moment = as_of(page, await load_calendar())
    rows = await reads_web.list_work(page.actor, chosen, moment, limit=actions.MOST_AT_ONCE)
    total = await reads_web.count_work(page.actor, chosen, moment)
    return tuple(row.id for row in rows), total - len(rows)


async def _proposed_day(page: Page) -> date:
    try:
        return add_workdays(page.today, ANSWER_WORKDAYS, await load_calendar())
    except CalendarUnknown:
        return page.today


async def _show(
    page: Page, ids: tuple[int, ...], form: Form, status: int = 200, *, beyond: int = 0
) -> Response[bytes]:
    page.shown_path = "/don-doc/xem-truoc"
    asks = form.text("loai") == EXPLANATION
    found = await _look(page, ids, form, asks=asks) if ids else None
    if found is None and ids:
        status = 422
    letters = _letters(page, found, await load_calendar()) if found else []
    skipped = await _skipped(page, found.skipped) if found else []
    named = "&".join(f"viec={assignment_id}" for assignment_id in ids)
    agencies = {letter.agency for letter in letters}
    return page.render(
        "urge-preview.html",
        status=status,
        form=form,
        asks=asks,
        letters=letters,
        tasks=sum(len(letter.tasks) for letter in letters),
        agencies=len(agencies),
        skipped=skipped,
        left_out=sum(len(group.tasks) for group in skipped),
        chosen=len(ids),
        beyond=beyond,
        ids=",".join(map(str, ids)),
        mark=found.mark if found else "",
        hold=int(actions.HOLD.total_seconds()),
        back=form.text("ve") or page.home,
        other_kind=f"/don-doc/xem-truoc?{named}" + ("" if asks else f"&loai={EXPLANATION}"),
        is_paused=page.is_sending_paused,
        submission=new_submission(),
    )


async def _look(page: Page, ids: tuple[int, ...], form: Form, *, asks: bool) -> Preview | None:
    """The letters with the words typed so far; without those where they are refused, None where all is."""
    known = {problem.field for problem in form.problems}
    answer_by = form.date("giai-trinh-truoc", required="form_explain_day_needed") if asks else None
    if "giai-trinh-truoc" in known:
        form.problems = list({(p.field, p.code): p for p in form.problems}.values())
    if asks and answer_by is None:
        answer_by = page.today
    new = _new(ids, form.text("loi-nhan"), answer_by)
    try:
        return await actions.preview(page.actor, new, page.now)
    except Invalid as refused:
        if not known:
            form.take(refused, _FIELDS)
        if any(problem.field == "/assignment_ids" for problem in refused.problems):
            return None
    plain = _new(ids, "", page.today if asks else None)
    return await actions.preview(page.actor, plain, page.now)


def _new(ids: tuple[int, ...], sentence: str, answer_by: date | None, seen: str = "") -> NewUrge:
    kind = UrgeKind.URGE if answer_by is None else UrgeKind.EXPLANATION
    return NewUrge(ids, kind, sentence, answer_by, hold=actions.HOLD, whole=True, seen=seen)


def _letters(page: Page, found: Preview, calendar: WorkCalendar) -> list[LetterView]:
    made = []
    for letter in found.letters:
        rows, recipient = letter.message.rows, letter.message.recipient
        person = recipient.official
        # Who stands in is named by what they are, not by whom they stand in for.
        duty = next(iter(sorted(person.duties)), recipient.duty)
        made.append(
            LetterView(
                agency=rows[0].agency_name,
                who=page.s("timeline.person", name=person.name, duty=page.word("duty", duty.value)),
                address=person.email,
                why=page.s(f"urge.why.{recipient.route.value}"),
                tasks=[_line(page, row, calendar) for row in rows],
                subject=letter.subject,
                text=letter.text,
                is_open=len(found.letters) == 1 and page.is_secretariat,
            )
        )
    return made


def _line(page: Page, row: Assignment, calendar: WorkCalendar, note: str | Markup = "") -> TaskLine:
    return TaskLine(path_of(row), row.short_name, row.agency_name, chip_of(page, row, calendar), note)


async def _skipped(page: Page, skipped: Sequence[NotUrged]) -> list[SkippedView]:
    """What gets no letter, by reason; each reason with what helps."""
    calendar = await load_calendar()
    groups: dict[tuple[str, int], SkippedView] = {}
    for one in skipped:
        row = one.row
        code = one.why.value
        if one.why is Skipped.NO_RECIPIENT and one.has_dead_mailboxes:
            code = "mailboxes_dead"
        # Contacts are mended agency by agency.
        needs_contact = one.why is Skipped.NO_RECIPIENT and row is not None
        group = groups.setdefault(
            (code, row.agency_id if needs_contact and row is not None else 0),
            SkippedView(
                page.s(f"urge.not.{code}"),
                page.s(f"urge.not.{code}.help"),
                f"/co-quan/{row.agency_id}" if needs_contact and row is not None else "",
            ),
        )
        note: str | Markup = ""
        if one.possible_at is not None:
            note = page.t("urge.possible_at", moment=page.moment(one.possible_at))
        if row is not None:
            group.tasks.append(_line(page, row, calendar, note))
    return list(groups.values())


# -- sending and taking back -----------------------------------------------------------------------------------


@post("/don-doc", include_in_schema=False)
async def send(request: WebRequest) -> Response[bytes]:
    """Send what was looked at; nothing leaves before it can no longer be taken back."""
    page = await open_page(request)
    require(page.actor, Verb.URGE)
    form = await read_form(page)
    ids = _ids(form.text("cac-viec").split(","))
    asks = form.text("loai") == EXPLANATION
    if form.text("buoc") == "xem-lai" or not ids:
        return await _show(page, ids, form)
    answer_by = form.date("giai-trinh-truoc", required="form_explain_day_needed") if asks else None
    if form.problems:
        return await _show(page, ids, form, status=422)
    new = _new(ids, form.text("loi-nhan"), answer_by, form.text("dau"))

    async def work() -> str:
        done = await actions.urge(page.actor, new, page.now)
        tasks = sum(len(message.rows) for message in done.messages)
        return f"{done.group} {len(done.messages)} {tasks}"

    try:
        group, letters, tasks = (await once(page, form, work)).split()
    except Invalid as refused:
        form.take(refused, _FIELDS)
        return await _show(page, ids, form, status=422)
    except Conflict as refused:
        form.problems.append(Problem("", refused.code, None, refused.params))
        return await _show(page, ids, form, status=409)
    back = local_path(form.text("ve"), "") or page.home
    if letters == "0":
        return page.see(back, "notice.urge_nobody")
    said = "notice.explanation_asked" if asks else "notice.urged"
    return page.see(
        back,
        said,
        undo=f"/don-doc/{group}/hoan-tac",
        letters=letters,
        tasks=tasks,
        seconds=int(actions.HOLD.total_seconds()),
    )


@post("/don-doc/{urging_id:str}/hoan-tac", include_in_schema=False)
async def undo(request: WebRequest, urging_id: FromPath[str]) -> Response[bytes]:
    """Take back every letter, while none has left."""
    page = await open_page(request)
    require(page.actor, Verb.URGE)
    await read_form(page)
    try:
        wanted = UUID(urging_id)
    except ValueError:
        raise NotFound(noun="urging") from None
    undone = await actions.undo(page.actor, wanted, page.now)
    return page.see(came_from(page) or page.home, "notice.urge_undone", tasks=len(undone.assignment_ids))


# -- explaining ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OwedView:
    """A request to explain, as whoever must answer reads it."""

    asked_by: str
    asked_at: datetime
    answer_by: date
    sentence: str
    chip: Chip


def owed_view(page: Page, urging: UrgingOf) -> OwedView:
    """A request that is still owed an answer, for the card on an agency's page."""
    until = urging.answer_by or page.today
    return OwedView(urging.urged_by_name, urging.urged_at, until, urging.sentence, _owed_chip(page, until))


def _owed_chip(page: Page, until: date) -> Chip:
    days = (page.today - until).days
    if days > 0:
        return Chip("late", "late", page.days("explain.late", days))
    if days == 0:
        return Chip("soon", "today", page.s("explain.today"))
    return Chip("", "open", page.s("explain.until", day=short_day(until)))


async def _owing(
    request: WebRequest, task_id: str, agency_code: str
) -> tuple[Page, Assignment, list[OwedView]]:
    page = await open_page(request)
    given = page.query.get("lan")
    occurrence = parse_id(given) if given else None
    if occurrence is not None and occurrence > 100_000:
        raise NotFound(noun="assignment")
    row = await reads_web.find_assignment_at(page.actor, parse_id(task_id), agency_code[:40], occurrence)
    require(page.actor, Verb.REPORT, Subject.of_agency(row.agency_id, id=row.id))
    owed = (await explanations.owed_by(page.actor, [row.id])).get(row.id, ())
    return page, row, [owed_view(page, urging) for urging in owed]


@get("/viec/{task_id:str}/{agency_code:str}/giai-trinh", include_in_schema=False)
async def explanation(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Why does the task stand as it does?"""
    page, row, owed = await _owing(request, task_id, agency_code)
    return _show_explanation(page, row, owed, Form({}))


def _show_explanation(
    page: Page, row: Assignment, owed: list[OwedView], form: Form, status: int = 200
) -> Response[bytes]:
    base, _, query = path_of(row).partition("?")
    page.shown_path = f"{base}/giai-trinh"
    return page.render(
        "explanation.html",
        status=status,
        a=row,
        owed=owed,
        form=form,
        back=path_of(row),
        action=f"{base}/giai-trinh" + (f"?{query}" if query else ""),
        submission=new_submission(),
    )


@post("/viec/{task_id:str}/{agency_code:str}/giai-trinh", include_in_schema=False)
async def explain(request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]) -> Response[bytes]:
    """Send the explanation to whoever asked."""
    page, row, owed = await _owing(request, task_id, agency_code)
    form = await read_form(page)
    text = form.required("giai-trinh", "form_explanation_needed")
    if form.problems:
        return _show_explanation(page, row, owed, form, status=422)

    async def work() -> str:
        await explanations.answer(page.actor, row.id, text, page.now)
        return ""

    try:
        await once(page, form, work)
    except Invalid as refused:
        form.take(refused, {"/text": "giai-trinh"})
        return _show_explanation(page, row, owed, form, status=422)
    except Conflict as refused:
        form.problems.append(Problem("", refused.code, None, refused.params))
        return _show_explanation(page, row, owed, form, status=409)
    return page.see(path_of(row), "notice.explained")


@dataclass(frozen=True)
class ExplanationView:
    """A request to explain in the list of who asked."""

    row: ExplanationRow
    href: str
    title: str
    chip: Chip


@get("/giai-trinh", include_in_schema=False)
async def list_explanations(request: WebRequest) -> Response[bytes]:
    """Who owes an explanation, and what was said?"""
    page = await open_page(request)
    wanted = page.query.get("tinh-trang", "")
    owed = {"con-no": True, "da-tra-loi": False}.get(wanted)
    rows = await explanations.list_all(page.actor, owed=owed)
    return page.render(
        "explanations.html",
        rows=[_explanation_view(page, row) for row in rows],
        views=[
            (page.s(f"explain.view.{key or 'tat-ca'}"), page.address(tinh_trang=key or None), wanted == key)
            for key in ("", "con-no", "da-tra-loi")
        ],
    )


def _explanation_view(page: Page, row: ExplanationRow) -> ExplanationView:
    shown = _owed_chip(page, row.answer_by) if row.is_owed else Chip("", "done", page.s("explain.given"))
    title = row.directive_number if row.restricted else row.short_name
    return ExplanationView(row, f"/viec/{row.task_id}/{row.agency_code}", title, shown)


routes = [preview, send, undo, explanation, explain, list_explanations]

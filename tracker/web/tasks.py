"""One task: its agencies side by side, whether it is clear in all six ways, and the story of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import directives as directive_actions
from tracker.actions.deadline_preview import preview_deadlines
from tracker.actions.explain import Explanation, explain
from tracker.db import reads_deciding
from tracker.db.assignments import Assignment, list_for_task
from tracker.db.attachments import list_attachments
from tracker.db.calendar import load_calendar
from tracker.db.directives import Directive, Task, get_directive, get_task
from tracker.db.directory import get_officials, list_contacts
from tracker.domain import lengths
from tracker.domain.access import Subject, Verb, may, require
from tracker.domain.assignments import OPEN_STATES, Part
from tracker.domain.directory import Duty
from tracker.domain.errors import Problem
from tracker.domain.moments import Hours
from tracker.domain.second_thoughts import can_restore
from tracker.domain.zone import civil_day
from tracker.web.deciding import FileView, attempt, consequences, evidence_words, file_view, sub
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.indicators import Card as TargetCard
from tracker.web.indicators import cards_of
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import Row, burning_first, path_of, summary_chips, work_row
from tracker.web.state import WebRequest
from tracker.web.timeline import Item, story_of
from tracker.web.versions import Versions, compare, prepare, settle
from tracker.web.wording import short_day
from tracker.words import render_words


@dataclass(frozen=True)
class Clear:
    """One of the six: what is clear, or that it is missing."""

    name: str
    text: str | Markup
    note: str = ""
    is_missing: bool = False


@dataclass(frozen=True)
class Line:
    """An agency's part in the table, with the address of its story on this page."""

    row: Row
    story: str
    is_shown: bool


@dataclass(frozen=True)
class Card:
    """Something that waits for this reader's decision."""

    kind: str
    title: str
    href: str
    facts: list[tuple[str, str | Markup]]
    grant: str = ""


@dataclass(frozen=True)
class Waits:
    """A decision about another agency of the task."""

    href: str
    words: str
    icon: str


@dataclass(frozen=True)
class Link:
    """Something else that can be done."""

    href: str
    label: str
    icon: str


@dataclass(frozen=True)
class Shown:
    """The agency whose story stands on the page, with what waits there."""

    a: Assignment
    title: str
    timeline: list[Item]
    cards: list[Card]
    files: list[FileView]
    links: list[Link]
    targets: list[TargetCard]


@get("/viec/{task_id:str}", include_in_schema=False)
async def task(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """How does it stand, agency by agency, and who was told what?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    found = await get_task(page.actor, parse_id(task_id))
    directive = await get_directive(page.actor, found.directive_id)
    calendar = await load_calendar()
    rows = burning_first(page, await list_for_task(page.actor, found.id), calendar)
    wanted = page.query.get("co-quan", "")
    chosen = next((row for row in rows if row.agency_code == wanted), rows[0] if rows else None)
    return page.render(
        "task.html",
        task=found,
        directive=directive,
        lines=[
            Line(
                work_row(page, row, calendar),
                page.address(co_quan=row.agency_code) + "#dien-bien",
                row is chosen,
            )
            for row in rows
        ],
        chips=summary_chips(page, rows, calendar),
        six=await six_clear(page, found, directive, rows),
        shown=await _shown(page, chosen) if chosen else None,
        waits=_waiting(page, [row for row in rows if row is not chosen]),
        can_edit=may(page.actor, Verb.EDIT_TASK),
        form=Form({}),
        submission=new_submission(),
    )


async def _shown(page: Page, row: Assignment) -> Shown:
    told = await explain(page.actor, row.id, page.now, Hours(digest=page.state.settings.digest_time))
    return Shown(
        row,
        page.s("task.story_of", agency=row.agency_name),
        story_of(page, told).items,
        await _cards(page, told),
        [file_view(page, f) for f in await list_attachments(page.actor, row.id) if f.report_id is not None],
        [
            *desk_links(page, row),
            Link(path_of(row), page.s("task.whole", agency=row.agency_short_name), "file"),
        ],
        await cards_of(page, row),
    )


async def _cards(page: Page, told: Explanation) -> list[Card]:
    """What waits for this reader at one agency."""
    row, cards = told.assignment, []
    report = next((r for r in told.reports if r.acceptance == "pending"), None)
    subject = Subject.of_agency(row.agency_id, id=row.id, reporter_id=report.submitted_by if report else None)
    if report is not None and may(page.actor, Verb.CONFIRM, subject):
        in_time = row.due_on is None or civil_day(report.submitted_at) <= row.due_on
        facts: list[tuple[str, str | Markup]] = [
            (page.s("report.summary"), report.summary),
            (page.s("report.evidence"), evidence_words(page, report)),
            (page.s("report.sent_at"), page.moment(report.submitted_at)),
            (page.s("confirm.if"), page.s("confirm.if_in_time" if in_time else "confirm.if_late")),
        ]
        title = page.s("confirm.title", agency=row.agency_short_name)
        cards.append(Card("report", title, sub(row, "xac-nhan"), facts))
    asked = next((e for e in told.extensions if e.state == "pending"), None)
    if asked is not None and row.state in OPEN_STATES and may(page.actor, Verb.DECIDE_EXTENSION, subject):
        hours = Hours(digest=page.state.settings.digest_time)
        preview = (
            await preview_deadlines(page.actor, [(row, asked.proposed_on, row.due_time)], page.now, hours)
        )[0]
        does = Markup("<br>").join(consequences(page, preview, row.extension_count + 1))
        facts = [
            (page.s("extend.in_force"), page.long_day(asked.due_before)),
            (page.s("extend.wanted"), Markup("<strong>{}</strong>").format(page.long_day(asked.proposed_on))),
            (page.s("extend.reason"), asked.reason),
            (page.s("extend.if"), does),
        ]
        title = page.s("extend.title", agency=row.agency_short_name)
        grant = page.s("extend.grant", day=short_day(asked.proposed_on))
        cards.append(Card("extension", title, sub(row, "quyet-dinh-gia-han"), facts, grant))
    return cards


def _waiting(page: Page, rows: Sequence[Assignment]) -> list[Waits]:
    """Decisions that wait at the other agencies."""
    found = []
    for row in rows:
        subject = Subject.of_agency(row.agency_id, id=row.id)
        if row.state.value == "reported" and may(page.actor, Verb.CONFIRM, subject):
            words = page.s("task.waits_report", agency=row.agency_short_name)
            found.append(Waits(f"/cho-xac-nhan/{row.id}", words, "wait"))
        if (
            row.extension_pending
            and row.state in OPEN_STATES
            and may(page.actor, Verb.DECIDE_EXTENSION, subject)
        ):
            words = page.s("extend.title", agency=row.agency_short_name)
            found.append(Waits(f"/gia-han/{row.id}", words, "extend"))
    return found


def desk_links(page: Page, row: Assignment) -> list[Link]:
    """What the assigning side can do with one agency's part besides deciding what waits."""
    found = []
    subject = Subject.of_agency(row.agency_id, id=row.id)
    is_open = row.state in OPEN_STATES
    if is_open and row.state.value != "reported" and may(page.actor, Verb.URGE, subject):
        label = page.s("task.urge", agency=row.agency_short_name)
        found.append(Link(f"/don-doc/xem-truoc?viec={row.id}", label, "bell"))
    if is_open and may(page.actor, Verb.EDIT_DEADLINE, subject):
        found.append(Link(sub(row, "doi-han"), page.s("redate.title"), "extend"))
    if is_open and may(page.actor, Verb.TRANSFER, subject):
        found.append(Link(sub(row, "giao-lai"), page.s("transfer.title"), "moved"))
    if is_open and may(page.actor, Verb.WITHDRAW, subject):
        found.append(Link(sub(row, "rut"), page.s("withdraw.title"), "out"))
    if can_restore(row.state, row.closed_at, page.now) and may(page.actor, Verb.WITHDRAW, subject):
        found.append(Link(sub(row, "khoi-phuc"), page.s("restore.title"), "back"))
    return found


async def six_clear(page: Page, found: Task, directive: Directive, rows: Sequence[Assignment]) -> list[Clear]:
    """Person, work, responsibility, authority, time, result: as recorded, or named as missing."""
    agencies = {row.agency_id: row.agency_short_name for row in rows}
    contacts = await list_contacts(list(agencies))
    reachable = {
        key for key, people in contacts.items() if any(Duty.FOCAL in person.duties for person in people)
    }
    without = [name for key, name in agencies.items() if key not in reachable]
    people = page.s("six.person.text", count=len(agencies) - len(without), total=len(agencies))
    leads = [row.agency_short_name for row in rows if row.part is not Part.COOPERATING]
    helpers = [row.agency_short_name for row in rows if row.part is Part.COOPERATING]
    officer = None
    if found.secretariat_officer_id is not None:
        officer = (await get_officials([found.secretariat_officer_id])).get(found.secretariat_officer_id)
    return [
        Clear(
            page.s("six.person"),
            people,
            page.s("six.person.missing", names=_some(page, without)) if without else "",
            bool(without),
        ),
        Clear(page.s("six.work"), found.short_name),
        Clear(
            page.s("six.duty"),
            page.s("six.duty.lead", names=_some(page, leads)) if leads else page.s("six.missing"),
            page.s("six.duty.with", names=_some(page, helpers)) if helpers else "",
            not leads,
        ),
        Clear(
            page.s("six.authority"),
            page.s("six.authority.text", issuer=directive.issuer),
            page.s("six.authority.officer", name=officer.name) if officer else "",
        ),
        _time(page, found, rows),
        Clear(page.s("six.result"), found.product or page.s("six.missing"), is_missing=not found.product),
    ]


def _time(page: Page, found: Task, rows: Sequence[Assignment]) -> Clear:
    first = next((row for row in rows if row.part is not Part.COOPERATING), rows[0] if rows else None)
    phrase = found.deadline_phrase
    if first is not None and first.due_on is not None and phrase == short_day(first.due_on):
        phrase = ""
    quoted = page.s("six.time.phrase", phrase=phrase) if phrase else ""
    if first is None or first.due_on is None:
        is_missing = first is None or first.due_kind == "none"
        words = quoted or page.s("six.missing")
        return Clear(page.s("six.time"), words, computation(page, first) if first else "", is_missing)
    when = page.long_day(first.due_on)
    if first.due_time is not None:
        when = page.t("due.by_hour", time=page.clock(first.due_time), day=when)
    note = " ".join(part for part in (quoted, computation(page, first)) if part)
    return Clear(page.s("six.time"), page.t("due.until", day=when), note)


def computation(page: Page, row: Assignment) -> str:
    """How the date was found, in words; empty where nothing was computed."""
    return render_words(row.due_words, page.language)


def _some(page: Page, names: Sequence[str], most: int = 4) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return page.s("names.more", names=", ".join(names[:most]), count=len(names) - most)


# The facts of a task, which two people may be correcting at once ---------------------------------------------

_COLUMNS = {
    "ten-gon": "short_name",
    "san-pham": "product",
    "nguyen-van": "full_text",
    "noi-lam": "place",
    "bao-cao-cho": "report_to",
}
_OFFICER = "theo-doi"
_FIELDS = (*_COLUMNS, _OFFICER)
_MOST = {
    "ten-gon": lengths.SHORT_NAME,
    "san-pham": lengths.PRODUCT,
    "nguyen-van": lengths.FULL_TEXT,
    "noi-lam": lengths.PLACE,
    "bao-cao-cho": lengths.REPORT_TO,
}


def _stands(found: Task) -> dict[str, str]:
    """What the fields hold now."""
    values = {name: str(getattr(found, column)) for name, column in _COLUMNS.items()}
    return values | {_OFFICER: str(found.secretariat_officer_id or "")}


@get("/viec/{task_id:str}/sua", include_in_schema=False)
async def edit_form(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """What is recorded wrongly?"""
    page = await open_page(request)
    found = await get_task(page.actor, parse_id(task_id))
    require(page.actor, Verb.EDIT_TASK)
    stands = _stands(found)
    bases = {f"goc-{name}": value for name, value in stands.items()}
    return await _show_edit(page, found, Form({**stands, **bases}))


async def _show_edit(
    page: Page, found: Task, form: Form, versions: Versions | None = None, *, status: int = 200
) -> Response[bytes]:
    page.shown_path = f"/viec/{found.id}/sua"
    directive = await get_directive(page.actor, found.directive_id)
    officers = [(str(official_id), name) for official_id, name in await reads_deciding.list_officers()]
    known = {official_id for official_id, _ in officers}
    current = form.values.get(_OFFICER, "")
    if current not in known:
        officers.insert(0, (current, page.s("task_edit.nobody")))
    return page.render(
        "task-edit.html",
        status=status,
        task=found,
        directive=directive,
        form=form,
        officers=officers,
        names=_FIELDS,
        most=_MOST,
        versions=versions,
        submission=new_submission(),
    )


@post("/viec/{task_id:str}/sua", include_in_schema=False)
async def edit(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """Correct the facts; where somebody else was first, both versions stand side by side."""
    page = await open_page(request)
    found = await get_task(page.actor, parse_id(task_id))
    require(page.actor, Verb.EDIT_TASK)
    form = await read_form(page)
    stands = _stands(found)
    settle(form, _FIELDS, stands)
    changes = {
        column: form.text(name)
        for name, column in _COLUMNS.items()
        if name in form.values and form.text(name) != stands[name].strip()
    }
    officer = form.text(_OFFICER)
    is_moved = officer != stands[_OFFICER] and officer.isascii() and officer.isdigit() and len(officer) < 19
    if officer != stands[_OFFICER] and not is_moved:
        form.refuse(_OFFICER, "officer_unknown")
    if not changes and not is_moved and not form.problems:
        return page.see(f"/viec/{found.id}", "notice.task_same")

    async def work() -> str:
        officer_id = int(officer) if is_moved else None
        await directive_actions.edit_task(
            page.actor, found.id, changes, form.version(), page.now, officer_id=officer_id
        )
        return "edited"

    fields = {f"/{column}": name for name, column in _COLUMNS.items()} | {"/officer_id": _OFFICER}
    done = await attempt(page, form, work, fields)
    if isinstance(done, str):
        return page.see(f"/viec/{found.id}", "notice.task_edited")
    fresh = await get_task(page.actor, found.id)
    versions = await _versions(page, form, fresh) if done == 409 else None
    return await _show_edit(page, fresh, form, versions, status=done)


async def _versions(page: Page, form: Form, fresh: Task) -> Versions:
    """What was typed and what stands now, told apart; the form is made ready to be sent over what stands."""
    stands = _stands(fresh)
    who, at = await reads_deciding.find_last_edit(fresh.id) or ("", fresh.changed_at)
    officers = {str(official_id): name for official_id, name in await reads_deciding.list_officers()}
    labels = {name: page.word("task_edit", name) for name in _FIELDS}
    versions = compare(page, form, labels, stands, who, at, {_OFFICER: officers})
    prepare(form, _FIELDS, stands, versions)
    # The summary leads to the choice.
    form.problems = [Problem("hai-ban", p.code, p.value, p.params) for p in form.problems]
    return versions


routes = [task, edit_form, edit]

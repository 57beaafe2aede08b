"""Inspection sessions: planned with reasons, frozen once, shown beside what has become of each item since."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from urllib.parse import quote, urlencode

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import inspections as actions
from tracker.db import inspections as db
from tracker.db import reads_deciding, reads_inspections, reads_recording
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.directives import list_directives
from tracker.db.directory import get_officials
from tracker.db.engine import Isolation
from tracker.db.inspections import Addendum, Concluded, FrozenItem, Inspection
from tracker.db.reads_inspections import LastConcluded, Person
from tracker.domain.access import Verb, may, require
from tracker.domain.assignments import State as TaskState
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem
from tracker.domain.inspections import (
    AgendaItem,
    Candidate,
    ItemKind,
    Plan,
    Reason,
    State,
    Topic,
    Verdict,
    check_code_of,
)
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import at_official, civil_day
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.inspection_invited import panel
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import Tile, chip_of, path_of, short
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import Chip, counted, short_day

PATH = "/kiem-tra"
SHOWN = 300
PAGE_ROWS = 50
_AFTER = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})_([0-9]{1,18})")
_CLOCK = re.compile(r"([0-9]{1,2})[:h]([0-9]{2})")
_TOPICS = {"tat-ca": Topic.ALL, "van-ban": Topic.DIRECTIVE, "linh-vuc": Topic.FIELD}
_TOPIC_WORDS = {topic: word for word, topic in _TOPICS.items()}
FIELDS = {
    "/title": "ten",
    "/held_on": "ngay",
    "/agencies": "co-quan",
    "/as_of": "ngay-chot",
    "/due_until": "den-han-den",
    "/explain_by": "giai-trinh-den",
    "/to_time": "den-gio",
    "/directive_id": "van-ban",
    "/field": "linh-vuc",
    "/place": "dia-diem",
    "/member_ids": "thanh-vien",
    "/chair_id": "chu-toa",
    "/secretary_id": "thu-ky",
    "": "co-quan",
}
_TONES = {
    ItemKind.OVERDUE: ("late", "late"),
    ItemKind.DUE_SOON: ("", "soon"),
    ItemKind.TARGET: ("", "flag"),
    ItemKind.REQUEST: ("", "extend"),
    ItemKind.STANDING: ("", "standing"),
}
_STATE_LOOKS = {
    State.PLANNED: Chip("", "calendar", ""),
    State.FROZEN: Chip("wait", "lock", ""),
    State.CONCLUDED: Chip("done", "done", ""),
    State.CANCELLED: Chip("out", "out", ""),
}


# Who, what, and trying ------------------------------------------------------------------------------------------


def state_chip(page: Page, state: State) -> Chip:
    """Where a session stands."""
    return replace(_STATE_LOOKS[state], words=page.s(f"insp.state.{state.value}"))


def may_lead(page: Page) -> bool:
    """Whether the reader plans sessions and writes down what they conclude."""
    return may(page.actor, Verb.INSPECT)


def address(found: Inspection, part: str = "") -> str:
    """The address of a session, or of a page below it."""
    return f"{PATH}/{found.id}" + (f"/{part}" if part else "")


async def read(page: Page, inspection_id: str) -> Inspection:
    """The session of an address. Raises NotFound; also for an agency, whose own page is another."""
    found = await db.get_inspection(parse_id(inspection_id))
    if page.is_agency:
        own = await reads_inspections.list_own_codes(found.id, sorted(page.actor.visible_agency_ids))
        if not own:
            raise NotFound(noun="inspection", id=found.id)
        require(page.actor, Verb.INSPECT)
    require(page.actor, Verb.LIST)
    return found


def problems_of(page: Page, refused: Conflict) -> list[Problem]:
    """What a conflict says in a form: the state in the page's words, and the item it is about."""
    params = dict(refused.params)
    if "state" in params:
        params["state"] = page.word("insp.state", params["state"])
    said = [Problem("", refused.code, None, params)]
    if params.get("item") and "title" not in params:
        said.append(Problem("", "inspection_item_fails", params["item"], {}))
    return said


async def attempt(
    page: Page,
    form: Form,
    work: Callable[[], Awaitable[str]],
    fields: dict[str, str],
    *,
    isolation: Isolation = "read_committed",
) -> str | int:
    """What the action says; or the status of the page that shows the form again.

    `isolation` is what the transaction of `work` asks for.
    """
    if form.problems:
        return 422
    try:
        return await once(page, form, work, isolation)
    except Invalid as error:
        form.take(error, fields)
        if error.params.get("item"):
            form.problems.append(Problem("", "inspection_item_fails", error.params["item"], {}))
        return 422
    except Conflict as error:
        form.problems += problems_of(page, error)
        return 409


def read_clock(form: Form, name: str) -> time | None:
    """A time of day typed as 14:00; a wrong one is noted."""
    given = form.text(name)
    if not given:
        return None
    match = _CLOCK.fullmatch(given)
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        form.refuse(name, "form_bad_clock", value=given[:20])
        return None
    return time(int(match[1]), int(match[2]))


def when_of(page: Page, found: Inspection) -> Markup:
    """The day, the hours and the place of a session."""
    parts = [page.opening_day(found.held_on)]
    if found.held_at is not None:
        hours = page.clock(found.held_at)
        parts.append(Markup(hours + (f"–{page.clock(found.ends_at)}" if found.ends_at else "")))  # nosec B704  # digits of a clock
    if found.place:
        parts.append(Markup("{}").format(found.place))
    return Markup(", ").join(parts)


# The list -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ListLine:
    """A session in the list."""

    href: str
    title: str
    held_on: date
    hours: str
    place: str
    agencies: str
    chip: Chip
    note: str


def _note(page: Page, found: Inspection, agencies: Sequence[str]) -> str:
    if page.is_agency:
        return ""
    if found.state is State.CONCLUDED:
        return page.s("insp.notice_is", number=found.notice_number)
    if found.totals is not None:
        return counted(page.language, "insp.items", sum(found.totals["all"].values()))
    if found.state is State.PLANNED and found.explain_by is not None:
        return page.s("insp.explain_until", day=short_day(found.explain_by))
    return ""


def _list_line(page: Page, found: Inspection, names: Sequence[str]) -> ListLine:
    shown = ", ".join(names[:3])
    if len(names) > 3:
        shown = page.s("insp.and_more", names=shown, count=len(names) - 3)
    return ListLine(
        address(found),
        found.title,
        found.held_on,
        page.clock(found.held_at) if found.held_at else "",
        found.place,
        shown,
        state_chip(page, found.state),
        _note(page, found, names),
    )


@get(PATH, include_in_schema=False)
async def sessions(request: WebRequest) -> Response[bytes]:
    """Which session comes next, and how did the earlier ones end?"""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    after = _AFTER.fullmatch(page.query.get("sau", ""))
    try:
        place = (date.fromisoformat(after[1]), int(after[2])) if after else None
    except ValueError:
        place = None
    own = sorted(page.actor.visible_agency_ids) if page.is_agency else None
    found = await db.list_inspections(agency_ids=own, after=place, limit=PAGE_ROWS + 1)
    rows = found[:PAGE_ROWS]
    names = {
        row.id: [name for _, name in await reads_inspections.list_own_codes(row.id, own)]
        if own is not None
        else list(row.agency_names)
        for row in rows
    }
    coming = [r for r in rows if r.state in (State.PLANNED, State.FROZEN) and r.held_on >= page.today]
    rest = [r for r in rows if r not in coming]
    last = rows[-1] if len(found) > PAGE_ROWS else None
    return page.render(
        "inspections.html",
        coming=[_list_line(page, r, names[r.id]) for r in reversed(coming)],
        rest=[_list_line(page, r, names[r.id]) for r in rest],
        can_plan=may_lead(page),
        next_address=page.address(sau=f"{last.held_on.isoformat()}_{last.id}") if last else "",
    )


# Planning -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """An agency to tick, with why it is proposed."""

    code: str
    name: str
    reasons: list[tuple[str, str]]
    is_chosen: bool


def _reason_words(page: Page, reason: Reason, figure: int) -> str:
    if reason is Reason.DAYS_SINCE_SESSION and figure <= 0:
        return page.s("insp.reason.coming")  # a session whose figures are frozen and that is still to be held
    return counted(page.language, f"insp.reason.{reason.value}", figure)


def _reason_href(code: str, reason: Reason) -> str:
    if reason in (Reason.OVERDUE, Reason.DAYS_LATE):
        return "/bao-cao/qua-han?" + urlencode({"co-quan": code})
    if reason is Reason.RETURNED:
        return "/viec?" + urlencode({"co-quan": code, "tinh-trang": "bi-tra-lai"})
    if reason is Reason.EXTENDED_AGAIN:
        return "/viec?" + urlencode({"co-quan": code, "tinh-trang": "dang-mo"})
    return ""


def _choices(page: Page, form: Form, proposed: Sequence[Candidate], names: Mapping[str, str]) -> list[Choice]:
    chosen = form.many("co-quan")
    return [
        Choice(
            c.agency_code,
            names.get(c.agency_code, c.agency_code),
            [(_reason_words(page, r, n), _reason_href(c.agency_code, r)) for r, n in c.reasons],
            c.agency_code in chosen,
        )
        for c in proposed
    ]


def _values_of(found: Inspection) -> Form:
    values = {
        "ten": found.title,
        "ngay": short_day(found.held_on),
        "tu-gio": found.held_at.strftime("%H:%M") if found.held_at else "",
        "den-gio": found.ends_at.strftime("%H:%M") if found.ends_at else "",
        "dia-diem": found.place,
        "chu-toa": str(found.chair_id or ""),
        "thu-ky": str(found.secretary_id or ""),
        "noi-dung": _TOPIC_WORDS[found.topic],
        "van-ban": str(found.directive_id or ""),
        "linh-vuc": found.field,
        "ngay-chot": short_day(found.as_of),
        "den-han-den": short_day(found.due_until),
        "giai-trinh-den": short_day(found.explain_by) if found.explain_by else "",
    }
    lists = {"co-quan": list(found.agency_codes), "thanh-vien": [str(i) for i in found.member_ids]}
    return Form(values, lists)


async def _show_plan(
    page: Page, form: Form, found: Inspection | None = None, *, status: int = 200
) -> Response[bytes]:
    page.shown_path = address(found, "sua") if found else f"{PATH}/moi"
    if page.kept is not None:
        form.fill(page.kept)
    everywhere = await reads_recording.list_agency_names(page.today)
    names = {code: name for _, code, name in everywhere}
    if found is not None:
        names |= dict(zip(found.agency_codes, found.agency_names, strict=True))
    proposed = await actions.candidates(page.actor, page.now)
    known = {c.agency_code for c in proposed}
    people = await reads_inspections.list_people()
    directives = [(d.id, d.number) for d in await list_directives(page.actor, limit=200)]
    chosen = form.many("co-quan")
    return page.render(
        "inspection-plan.html",
        status=status,
        form=form,
        found=found,
        proposed=_choices(page, form, proposed, names),
        others=[Choice(c, n, [], c in chosen) for c, n in names.items() if c not in known],
        people=[(str(p.id), _person_words(p)) for p in people],
        members=form.many("thanh-vien"),
        options={
            "people": [("", page.s("insp.nobody")), *((str(p.id), _person_words(p)) for p in people)],
            "topics": [(word, page.s(f"insp.topic.{topic.value}")) for word, topic in _TOPICS.items()],
            "directives": [("", page.s("insp.no_directive")), *((str(i), n) for i, n in directives)],
        },
        fields=await reads_inspections.list_topics(page.actor),
        submission=new_submission(),
    )


def _person_words(person: Person) -> str:
    return f"{person.name}, {person.position}" if person.position else person.name


def _id_of(form: Form, name: str) -> int | None:
    given = form.text(name)
    if not given:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,17}", given):
        form.refuse(name, "form_bad_choice", value=given[:40])
        return None
    return int(given)


def _read_plan(form: Form) -> Plan | None:
    held_on = form.date("ngay", required="form_bad_date")
    as_of = form.date("ngay-chot", required="form_bad_date")
    due_until = form.date("den-han-den", required="form_bad_date")
    explain_by = form.date("giai-trinh-den")
    held_at, ends_at = read_clock(form, "tu-gio"), read_clock(form, "den-gio")
    topic = _TOPICS.get(form.text("noi-dung"))
    if topic is None:
        form.refuse("noi-dung", "form_bad_choice")
    if not form.text("ten"):
        form.refuse("ten", "required")
    if not form.many("co-quan"):
        form.refuse("co-quan", "inspection_no_agency")
    chair, secretary = _id_of(form, "chu-toa"), _id_of(form, "thu-ky")
    directive = _id_of(form, "van-ban")
    members = tuple(
        int(given) for given in form.many("thanh-vien") if re.fullmatch(r"[1-9][0-9]{0,17}", given)
    )
    if form.problems or held_on is None or as_of is None or due_until is None or topic is None:
        return None
    return Plan(
        title=form.text("ten"),
        held_on=held_on,
        as_of=as_of,
        due_until=due_until,
        agency_codes=tuple(dict.fromkeys(form.many("co-quan"))),
        topic=topic,
        # The other choice's value stays typed in the form; only the chosen one counts.
        directive_id=directive if topic is Topic.DIRECTIVE else None,
        field=form.text("linh-vuc") if topic is Topic.FIELD else "",
        held_at=held_at,
        ends_at=ends_at,
        place=form.text("dia-diem"),
        chair_id=chair,
        secretary_id=secretary,
        member_ids=members,
        explain_by=explain_by,
    )


_LISTS = frozenset({"co-quan", "thanh-vien"})


@get(PATH + "/moi", include_in_schema=False)
async def new_session(request: WebRequest) -> Response[bytes]:
    """Plan a session: whom to inspect, and why them."""
    page = await open_page(request)
    require(page.actor, Verb.INSPECT)
    values = {
        "noi-dung": "tat-ca",
        "ngay-chot": short_day(page.today),
        "den-han-den": short_day(page.today + timedelta(days=30)),
        "thu-ky": str(page.actor.official_id or ""),
    }
    chosen = [code for given in page.query_all("co-quan") for code in given.split(",") if code][:100]
    return await _show_plan(page, Form(values, {"co-quan": chosen}))


@post(PATH + "/moi", include_in_schema=False)
async def plan_session(request: WebRequest) -> Response[bytes]:
    """Write the plan down."""
    page = await open_page(request)
    require(page.actor, Verb.INSPECT)
    form = await read_form(page, repeatable=_LISTS, most_fields=1000)
    plan = _read_plan(form)

    async def work() -> str:
        assert plan is not None
        return str(await actions.plan(page.actor, plan, page.now))

    done = await attempt(page, form, work, FIELDS)
    if isinstance(done, int):
        return await _show_plan(page, form, status=done)
    return page.see(f"{PATH}/{done}", "notice.insp_planned")


@get(PATH + "/{inspection_id:str}/sua", include_in_schema=False)
async def edit_session(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Change the plan, before it is frozen."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    require(page.actor, Verb.INSPECT)
    _require_state(found, State.PLANNED)
    return await _show_plan(page, _values_of(found), found)


@post(PATH + "/{inspection_id:str}/sua", include_in_schema=False)
async def change_session(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Write the changed plan down."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page, repeatable=_LISTS, most_fields=1000)
    require(page.actor, Verb.INSPECT)
    plan = _read_plan(form)

    async def work() -> str:
        assert plan is not None
        await actions.change_plan(page.actor, found.id, form.version(), plan, page.now)
        return "changed"

    done = await attempt(page, form, work, FIELDS)
    if isinstance(done, int):
        return await _show_plan(page, form, await db.get_inspection(found.id), status=done)
    return page.see(address(found), "notice.insp_changed")


def _require_state(found: Inspection, *states: State) -> None:
    if found.state not in states:
        raise actions.InspectionMoved(state=found.state.value)


# One session ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One item: as it was frozen, as it stands now, what was said of it, what was concluded."""

    number: int
    id: int
    href: str
    item: AgendaItem
    title: str
    weekday: str
    was: Chip
    now: Chip | None
    changes: list[str]
    explanation: str
    explanation_note: str
    last_verdict: str
    last_text: str
    verdict: str
    conclusion: str
    conclusion_note: str
    outcome: str
    addenda: list[tuple[str, Markup, str]]
    groups: frozenset[str]


@dataclass
class Section:
    """The items of one agency, with why it was proposed."""

    code: str
    name: str
    reasons: list[tuple[str, str]]
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Told:
    """The whole of a session as a page shows it."""

    lines: list[Line]
    items: list[FrozenItem]
    conclusions: dict[int | None, Concluded]
    general: list[Concluded]
    rows: Mapping[int, Assignment]


def was_chip(page: Page, item: AgendaItem, moment: datetime) -> Chip:
    """How an item stood when it was copied, at `moment`; an hour of that day may still have been to come."""
    tone, icon = _TONES[item.kind]
    if item.kind is ItemKind.OVERDUE and item.days == 0 and item.due_time is not None:
        if item.due_on is not None and moment <= at_official(item.due_on, item.due_time):
            return Chip("", "soon", page.s("insp.was.due_hour", time=page.clock(item.due_time)))
        return Chip(tone, icon, page.s("status.overdue_hour", time=page.clock(item.due_time)))
    if item.kind is ItemKind.OVERDUE and item.status == "awaiting_confirmation":
        return Chip("wait", "wait", page.days("insp.was.awaiting", item.days))
    return Chip(tone, icon, page.days(f"insp.was.{item.kind.value}", item.days))


def _changes(page: Page, item: AgendaItem, row: Assignment | None, found: Inspection) -> list[str]:
    """What has changed since the freeze, in words."""
    if row is None or found.frozen_at is None:
        return []
    said = []
    if row.due_on != item.due_on:
        before = short_day(item.due_on) if item.due_on else page.s("insp.no_day")
        after = short_day(row.due_on) if row.due_on else page.s("insp.no_day")
        said.append(page.s("insp.change.due", before=before, after=after))
    if row.state is TaskState.CONFIRMED:
        said.append(page.s("insp.change.closed"))
    elif row.state in (TaskState.WITHDRAWN, TaskState.TRANSFERRED, TaskState.SUPERSEDED):
        said.append(page.s("insp.change.taken_away"))
    elif row.last_report_at is not None and row.last_report_at > found.frozen_at:
        said.append(page.s("insp.change.reported", day=short_day(civil_day(row.last_report_at))))
    if row.committed_on is not None and row.committed_on != item.committed_on:
        said.append(page.s("insp.change.committed", day=short_day(row.committed_on)))
    return said


def _groups(item: AgendaItem, row: Assignment | None, now: Chip | None, found: Inspection) -> set[str]:
    """The tiles that count this item."""
    groups = {item.kind.value}
    if item.kind is ItemKind.OVERDUE:
        groups.add("explained" if item.explanation else "unexplained")
    if row is None:
        return groups
    if now is not None and now.tone == "late":
        groups.add("late")
    if row.state is TaskState.CONFIRMED:
        groups.add("closed")
    elif (
        found.frozen_at is not None
        and row.last_report_at is not None
        and row.last_report_at > found.frozen_at
    ):
        groups.add("reported")
    return groups


@dataclass(frozen=True)
class _Around:
    """What is known around the items of a session."""

    page: Page
    found: Inspection
    rows: Mapping[int, Assignment]
    calendar: WorkCalendar
    conclusions: Mapping[int | None, Concluded]
    addenda: Sequence[Addendum]

    def line(self, number: int, item_id: int, item: AgendaItem) -> Line:
        """One item in words."""
        page, found = self.page, self.found
        row = self.rows.get(item.assignment_id or 0)
        now = chip_of(page, row, self.calendar) if row is not None else None
        made = self.conclusions.get(item_id) if item_id else None
        last, _, last_text = item.last_concluded.partition(": ")
        groups = _groups(item, row, now, found) | ({"concluded"} if made else set())
        return Line(
            number,
            item_id,
            path_of(row) if row is not None else "",
            item,
            item.title,
            page.weekday(item.due_on) if item.due_on else "",
            was_chip(page, item, found.frozen_at or page.now),
            now,
            _changes(page, item, row, found),
            item.explanation,
            page.s("insp.explained_by", who=item.explained_by, day=short_day(item.explained_on))
            if item.explained_on
            else "",
            page.s(f"insp.verdict.{last}") if last else "",
            last_text,
            page.s(f"insp.verdict.{made.verdict.value}") if made else "",
            made.text if made else "",
            page.s("insp.until", day=short_day(made.due_on)) if made and made.due_on else "",
            page.word("insp.outcome", made.outcome) if made and made.outcome else "",
            [
                (a.added_by_name, page.moment(a.added_at), a.text)
                for a in self.addenda
                if a.item_id == item_id
            ],
            frozenset(groups),
        )


async def tell(page: Page, found: Inspection) -> Told:
    """All items of a session with everything that stands beside them."""
    if found.frozen_at is None:
        agenda = await actions.agenda(page.actor, found.id, page.now)
        items = [FrozenItem(0, number, "", item) for number, item in enumerate(agenda.items, 1)]
    else:
        items = await db.list_items(found.id)
    ids = [row.item.assignment_id for row in items if row.item.assignment_id]
    rows = await reads_deciding.list_assignments(page.actor, ids)
    concluded = await db.list_conclusions(found.id)
    conclusions: dict[int | None, Concluded] = {c.item_id: c for c in concluded if c.item_id is not None}
    around = _Around(page, found, rows, await load_calendar(), conclusions, await db.list_addenda(found.id))
    return Told(
        [around.line(row.position, row.id, row.item) for row in items],
        items,
        conclusions,
        [c for c in concluded if c.item_id is None],
        rows,
    )


_BEFORE = (
    ("qua-han", "overdue", "late", "late"),
    ("sap-den-han", "due_soon", "", "soon"),
    ("xin-gia-han", "request", "", "extend"),
    ("thuong-xuyen", "standing", "", "standing"),
    ("da-giai-trinh", "explained", "", "ask"),
    ("chua-giai-trinh", "unexplained", "", "ask"),
)
_SINCE = (
    ("van-qua-han", "late", "late", "late"),
    ("da-bao-cao", "reported", "wait", "wait"),
    ("da-xong", "closed", "", "done"),
    ("da-giai-trinh", "explained", "", "ask"),
    ("da-ket-luan", "concluded", "", "flag"),
)
_VIEWS = {word: group for word, group, _, _ in (*_BEFORE, *_SINCE)}


def _tiles(page: Page, found: Inspection, lines: Sequence[Line]) -> list[Tile]:
    shown = _BEFORE if found.frozen_at is None else _SINCE
    here = page.query.get("xem", "")
    tiles = []
    for word, group, tone, icon in shown:
        count = sum(group in line.groups for line in lines)
        if not count and group in ("request", "standing", "due_soon"):
            continue
        note = page.s("insp.of_items", count=len(lines)) if found.frozen_at is not None else ""
        name = page.s(f"insp.tile.{group}")
        tiles.append(Tile(count, tone, icon, name, page.address(xem=word), note, here == word))
    return tiles


async def _sections(page: Page, found: Inspection, lines: Sequence[Line]) -> list[Section]:
    reasons = await reads_inspections.list_reasons(found.id)
    sections = {
        code: Section(
            code,
            name,
            [
                (_reason_words(page, Reason(r), n), _reason_href(code, Reason(r)))
                for r, n in json.loads(reasons.get(code, "[]"))
            ],
        )
        for code, name in zip(found.agency_codes, found.agency_names, strict=True)
    }
    for line in lines:
        sections[line.item.agency_code].lines.append(line)
    wanted = page.query.get("co-quan", "")
    return [s for s in sections.values() if not wanted or s.code == wanted]


@dataclass(frozen=True)
class LastLine:
    """What the last session concluded, and what became of it."""

    href: str
    held_on: date
    session: str
    agency: str
    title: str
    verdict: str
    text: str
    due_on: date | None
    now: Chip | None
    note: str


async def _last(page: Page, found: Inspection) -> list[LastLine]:
    told = await reads_inspections.list_last_concluded(found.agency_codes, found.id, found.held_on)
    ids = [row.assignment_id for row in told if row.assignment_id]
    rows = await reads_deciding.list_assignments(page.actor, ids)
    calendar = await load_calendar()
    lines = []
    for one in told:
        row = rows.get(one.assignment_id or 0)
        lines.append(
            LastLine(
                path_of(row) if row else "",
                one.held_on,
                f"{PATH}/{one.inspection_id}",
                one.agency_name,
                one.title or short(one.text),
                page.s(f"insp.verdict.{one.verdict.value}"),
                one.text,
                one.due_on,
                chip_of(page, row, calendar) if row else None,
                _answer(page, one),
            )
        )
    return lines


def _answer(page: Page, one: LastConcluded) -> str:
    """Whether the explanation that was asked for came."""
    if one.verdict is not Verdict.EXPLANATION:
        return ""
    if one.explained_at is None:
        return page.s("insp.not_explained")
    return page.s("insp.explained_on", day=short_day(civil_day(one.explained_at)))


@dataclass(frozen=True)
class Banner:
    """When the agenda was frozen, how many items it has, and its check code."""

    moment: Markup
    count: int
    code: str


def banner_of(page: Page, found: Inspection) -> Banner | None:
    """The banner of a frozen session."""
    if found.frozen_at is None or found.totals is None:
        return None
    count = sum(found.totals["all"].values())
    return Banner(page.moment(found.frozen_at), count, check_code_of(found.digest))


async def people_of(page: Page, found: Inspection) -> list[tuple[str, str]]:
    """Who takes part, each with the part."""
    ids = [i for i in (found.chair_id, found.secretary_id, *found.member_ids) if i is not None]
    names = {i: person.name for i, person in (await get_officials(ids)).items()}
    said = []
    if found.chair_id is not None:
        said.append((page.s("insp.chair"), names[found.chair_id]))
    if found.secretary_id is not None:
        said.append((page.s("insp.secretary"), names[found.secretary_id]))
    others = [names[i] for i in found.member_ids if i not in (found.chair_id, found.secretary_id)]
    if others:
        said.append((page.s("insp.members"), ", ".join(others)))
    return said


async def _topic(page: Page, found: Inspection) -> str:
    if found.topic is Topic.FIELD:
        return page.s("insp.topic_is.field", field=found.field)
    if found.topic is Topic.DIRECTIVE:
        numbers = {d.id: d.number for d in await list_directives(page.actor, limit=200)}
        return page.s("insp.topic_is.directive", number=numbers.get(found.directive_id or 0, ""))
    return page.s("insp.topic_is.all")


@get(PATH + "/{inspection_id:str}", include_in_schema=False)
async def one_session(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """What is frozen, what has happened since, what was concluded; before: what would be frozen now."""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    if page.is_agency:
        return await _show_own(page, await db.get_inspection(parse_id(inspection_id)))
    return await show(page, await read(page, inspection_id), Form({}))


async def show(page: Page, found: Inspection, form: Form, *, status: int = 200) -> Response[bytes]:
    """The page of a session; `form` carries what a button could not do."""
    page.shown_path = address(found)
    told = await tell(page, found)
    group = _VIEWS.get(page.query.get("xem", ""), "")
    kept = [line for line in told.lines if not group or group in line.groups]
    sections = await _sections(page, found, kept)
    for section in sections:
        section.lines = section.lines[:SHOWN]
    addenda = await db.list_addenda(found.id)
    return page.render(
        "inspection.html",
        status=status,
        form=form,
        x=found,
        chip=state_chip(page, found.state),
        when=when_of(page, found),
        topic=await _topic(page, found),
        people=await people_of(page, found),
        invitations=await panel(page, found),
        banner=banner_of(page, found),
        tiles=_tiles(page, found, told.lines),
        sections=sections,
        view=group,
        total=len(told.lines),
        shown=sum(len(s.lines) for s in sections),
        pills=list(zip(found.agency_codes, found.agency_names, strict=True))
        if len(found.agency_codes) > 1
        else [],
        last=await _last(page, found),
        addenda=[(a.added_by_name, page.moment(a.added_at), a.text) for a in addenda if a.item_id is None],
        general=[
            (page.s(f"insp.verdict.{c.verdict.value}"), c.text, c.due_on, c.agency_code) for c in told.general
        ],
        notice_id=await reads_inspections.find_notice_id(found.id),
        can_lead=may_lead(page),
        can_carry_out=may(page.actor, Verb.RECORD_DIRECTIVE) and may(page.actor, Verb.CONFIRM),
        owed=sum("unexplained" in line.groups for line in told.lines),
        submission=new_submission(),
    )


# An agency's own part -------------------------------------------------------------------------------------------


async def _show_own(page: Page, found: Inspection) -> Response[bytes]:
    """An agency's own items and nothing of the others."""
    page.shown_path = address(found)
    own = await reads_inspections.list_own_codes(found.id, sorted(page.actor.visible_agency_ids))
    if not own:
        raise NotFound(noun="inspection", id=found.id)
    codes = [code for code, _ in own]
    asked = await reads_inspections.list_asked(page.actor, found.urging_id) if found.urging_id else []
    items = await db.list_items(found.id, codes) if found.frozen_at is not None else []
    ids = [row.item.assignment_id for row in items if row.item.assignment_id]
    rows = await reads_deciding.list_assignments(page.actor, [*ids, *(a.assignment_id for a in asked)])
    told = await db.list_conclusions(found.id) if found.state is State.CONCLUDED else []
    around = _Around(
        page, found, rows, await load_calendar(), {c.item_id: c for c in told if c.item_id is not None}, []
    )
    return page.render(
        "inspection-own.html",
        x=found,
        chip=state_chip(page, found.state),
        when=when_of(page, found),
        agencies=", ".join(name for _, name in own),
        people=await people_of(page, found),
        banner=banner_of(page, found),
        lines=[around.line(number, row.id, row.item) for number, row in enumerate(items, 1)],
        asked=[
            (path_of(rows[a.assignment_id]), a.title, a.answer_by, a.is_owed, a.answer)
            for a in asked
            if a.assignment_id in rows
        ],
    )


# Buttons --------------------------------------------------------------------------------------------------------


@get(PATH + "/{inspection_id:str}/chot", include_in_schema=False)
async def before_freezing(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """What would be frozen at this moment?"""
    page = await open_page(request)
    found = await read(page, inspection_id)
    require(page.actor, Verb.INSPECT)
    _require_state(found, State.PLANNED)
    return await _show_freeze(page, found, Form({}))


async def _show_freeze(page: Page, found: Inspection, form: Form, *, status: int = 200) -> Response[bytes]:
    page.shown_path = address(found, "chot")
    agenda = await actions.agenda(page.actor, found.id, page.now)
    counts = [
        (name, agenda.by_agency[code])
        for code, name in zip(found.agency_codes, found.agency_names, strict=True)
    ]
    return page.render(
        "inspection-freeze.html",
        status=status,
        x=found,
        form=form,
        counts=counts,
        totals=agenda.totals,
        owed=sum(1 for i in agenda.items if i.kind is ItemKind.OVERDUE and not i.explanation),
        submission=new_submission(),
    )


@post(PATH + "/{inspection_id:str}/chot", include_in_schema=False)
async def freeze_session(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Freeze the agenda, once."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    require(page.actor, Verb.INSPECT)

    async def work() -> str:
        frozen = await actions.freeze(page.actor, found.id, form.version(), page.now)
        return str(frozen.totals.all)

    done = await attempt(page, form, work, {}, isolation="repeatable_read")
    if isinstance(done, int):
        now = await db.get_inspection(found.id)
        if now.state is State.PLANNED:
            return await _show_freeze(page, now, form, status=done)
        return await show(page, now, form, status=done)
    return page.see(address(found), "notice.insp_frozen", count=done)


@post(PATH + "/{inspection_id:str}/hoi", include_in_schema=False)
async def ask_agencies(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Ask the agencies to explain each overdue item."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    require(page.actor, Verb.INSPECT)

    async def work() -> str:
        return str(await actions.ask_to_explain(page.actor, found.id, form.version(), page.now))

    done = await attempt(page, form, work, {"": "", "/explain_by": ""}, isolation="repeatable_read")
    if isinstance(done, int):
        return await show(page, await db.get_inspection(found.id), form, status=done)
    return page.see(address(found), "notice.insp_asked", count=done)


@get(PATH + "/{inspection_id:str}/huy", include_in_schema=False)
async def before_cancelling(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Call the session off: why?"""
    page = await open_page(request)
    found = await read(page, inspection_id)
    require(page.actor, Verb.INSPECT)
    _require_state(found, State.PLANNED, State.FROZEN)
    return _show_cancel(page, found, Form({}))


def _show_cancel(page: Page, found: Inspection, form: Form, *, status: int = 200) -> Response[bytes]:
    page.shown_path = address(found, "huy")
    return page.render(
        "inspection-cancel.html",
        status=status,
        x=found,
        form=form,
        when=when_of(page, found),
        submission=new_submission(),
    )


@post(PATH + "/{inspection_id:str}/huy", include_in_schema=False)
async def cancel_session(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Call the session off."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    require(page.actor, Verb.INSPECT)

    async def work() -> str:
        await actions.cancel(page.actor, found.id, form.version(), form.text("ly-do"), page.now)
        return "cancelled"

    done = await attempt(page, form, work, {"/reason": "ly-do"})
    if isinstance(done, int):
        return _show_cancel(page, await db.get_inspection(found.id), form, status=done)
    return page.see(address(found), "notice.insp_cancelled")


@get(PATH + "/{inspection_id:str}/xac-minh", include_in_schema=False)
async def verify(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Is this printed code that of what was frozen, and is what was frozen untouched?"""
    page = await open_page(request)
    found = await read(page, inspection_id)
    given = page.query.get("ma", "")
    plain = re.sub(r"[^0-9A-F]", "", given.upper())
    is_same = is_whole = None
    if found.frozen_at is not None:
        is_whole = (await actions.agenda(page.actor, found.id, page.now)).digest == found.digest
        if given:
            is_same = len(plain) >= 16 and found.digest.upper().startswith(plain)
    return page.render(
        "inspection-verify.html",
        x=found,
        banner=banner_of(page, found),
        given=given,
        is_same=is_same,
        is_whole=is_whole,
    )


@get(PATH + "/{inspection_id:str}/bo-sung", include_in_schema=False)
async def before_adding(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Correct what was frozen, beside it."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    require(page.actor, Verb.INSPECT)
    _require_state(found, State.FROZEN, State.CONCLUDED)
    return await _show_adding(page, found, Form({"muc": page.query.get("muc", "")}))


async def _show_adding(page: Page, found: Inspection, form: Form, *, status: int = 200) -> Response[bytes]:
    page.shown_path = address(found, "bo-sung")
    items = await db.list_items(found.id)
    options = [
        ("", page.s("insp.whole_session")),
        *((str(i.position), f"{i.position}. {i.item.title}") for i in items),
    ]
    return page.render(
        "inspection-addendum.html",
        status=status,
        x=found,
        form=form,
        options=options,
        submission=new_submission(),
    )


@post(PATH + "/{inspection_id:str}/bo-sung", include_in_schema=False)
async def add_addendum(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Write the correction down, with its day and its author."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    require(page.actor, Verb.INSPECT)
    item_id: int | None = None
    if form.text("muc"):
        item_id = next(
            (i.id for i in await db.list_items(found.id) if str(i.position) == form.text("muc")), None
        )
        if item_id is None:
            form.refuse("muc", "form_bad_choice", value=form.text("muc")[:20])

    async def work() -> str:
        return str(await actions.add_addendum(page.actor, found.id, item_id, form.text("noi-dung"), page.now))

    done = await attempt(page, form, work, {"/text": "noi-dung"})
    if isinstance(done, int):
        return await _show_adding(page, found, form, status=done)
    return page.see(address(found), "notice.insp_added")


def verdicts(page: Page, item: AgendaItem | None) -> list[tuple[str, str, str]]:
    """The conclusions that an item can have: value, word, what follows."""
    kinds = list(Verdict)
    if item is None or item.assignment_id is None:
        kinds = [Verdict.NEW_TASK, Verdict.REFERRED, Verdict.NOTED]
    return [(v.value, page.s(f"insp.verdict.{v.value}"), page.s(f"insp.follows.{v.value}")) for v in kinds]


def item_address(found: Inspection, part: str, number: int) -> str:
    """The address of an item on the pages that show one at a time."""
    return f"{address(found, part)}?muc={quote(str(number))}"


routes = [
    sessions,
    new_session,
    plan_session,
    edit_session,
    change_session,
    one_session,
    before_freezing,
    freeze_session,
    ask_agencies,
    before_cancelling,
    cancel_session,
    verify,
    before_adding,
    add_addendum,
]

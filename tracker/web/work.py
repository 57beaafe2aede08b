"""Lists of assignments: everything that matches a filter, and what the secretariat has to do today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import urlencode

from litestar import Response, get

from tracker.actions.standing import status_now, workdays_between
from tracker.db import reads_web
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.directory import list_agencies
from tracker.db.reads_web import AsOf, Pressing, WorkFilter
from tracker.domain.access import Verb, may, require
from tracker.domain.errors import NotPermitted
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day
from tracker.web import filters
from tracker.web.filters import COLUMNS, CONDITIONS, PART_WORDS, USUAL, Look
from tracker.web.first_steps import steps_of
from tracker.web.forms import Form, new_submission
from tracker.web.indicators import pressing_targets
from tracker.web.inspections_coming import coming
from tracker.web.page import Page, open_page
from tracker.web.reconciliation import to_do
from tracker.web.standing import STATUS_WORDS, Row, Tile, as_of, tiles_of, work_row
from tracker.web.state import WebRequest
from tracker.web.views import Pill, pills_of
from tracker.web.wording import counted, short_day

PAGE_ROWS = 50
GROUP_ROWS = 7
_URGED = frozenset({"open", "overdue", "due_soon", "on_schedule", "returned", "extension"})
"""The statuses of rows that an agency still has to do something about."""
_SENSELESS = frozenset({"span_reversed", "agency_unknown"})


def read_after(given: str | None) -> tuple[date | None, int] | None:
    """Where a page of a list by date begins, from its address; what cannot be read begins at the top.

    >>> read_after("2025-11-28.42")
    (datetime.date(2025, 11, 28), 42)
    """
    after = filters.read_after(given)
    return None if after is None else (after.due_on, after.id)


@dataclass(frozen=True)
class Head:
    """The head of a column: where a click on it leads, when the list can be ordered by it."""

    name: str
    label: str
    href: str = ""
    sort: str = ""

    @property
    def width(self) -> str:
        """The class that gives the column its share of the table."""
        return _WIDTHS.get(self.name, "")


_WIDTHS = {
    "viec": "w-task",
    "co-quan": "w-agency",
    "theo-doi": "w-agency",
    "bao-cao": "w-report",
    "san-pham": "w-report",
    "tre": "n",
}


@dataclass(frozen=True)
class Bar:
    """The choices of the filter bar and what of them is in force."""

    form: Form
    statuses: list[tuple[str, str]]
    agencies: list[tuple[str, str]]
    issuers: list[tuple[str, str]]
    followers: list[tuple[str, str]]
    parts: list[tuple[str, str]]
    orders: list[tuple[str, str]]
    is_open: bool
    kept: list[tuple[str, str]]


def usual_columns(page: Page) -> tuple[str, ...]:
    """The columns one sees without choosing: whoever works for one agency need not read its name in each row."""
    one = page.is_agency and len(page.actor.visible_agency_ids) == 1
    return tuple(name for name in USUAL if not (one and name == "co-quan"))


def read_look(page: Page) -> Look:
    """Order, columns and size of this page's list."""
    return Look.read(page.query, page.query_all("cot"), usual_columns(page), PAGE_ROWS)


@get("/viec", include_in_schema=False)
async def work(request: WebRequest) -> Response[bytes]:
    """Which tasks match this? All number tiles lead here."""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    calendar = await load_calendar()
    moment = as_of(page, calendar)
    known = frozenset(agency.code for agency in await list_agencies())
    form, chosen = filters.read_filter(page.query, known)
    look = read_look(page)
    rows: list[Assignment] = []
    total = 0
    if not form.problems:
        rows = await reads_web.list_work(
            page.actor,
            chosen,
            moment,
            limit=look.size + 1,
            after=filters.read_after(page.query.get("sau")),
            order=look.order,
            descending=look.descending,
        )
        total = await reads_web.count_work(page.actor, chosen, moment)
    shown = rows[: look.size]
    bar = await filter_bar(page, form, look)
    query = filters.list_query(page.query, look, usual_columns(page))
    pills = await pills_of(page, query, moment, known)
    last = write_last(page, look, shown, calendar) if len(rows) > look.size else None
    return page.render(
        "work.html",
        status=_status(form),
        inspections_coming=await coming(page),
        reconciliation=await to_do(page) if page.is_agency else [],
        heading=page.s("work.title_agency" if page.is_agency else "work.title"),
        lead=counted(
            page.language,
            "list.lead",
            total,
            status=page.s(f"filter.status.{chosen.status}").lower(),
            order=page.s(f"list.by.{look.word}"),
        ),
        bar=bar,
        form=form,
        look=look,
        heads=heads_of(page, look),
        choices=[(name, page.s(f"list.col.{name}"), name in look.columns) for name in COLUMNS],
        sizes=[(str(size), page.number(size)) for size in filters.PAGE_SIZES],
        rows=await rows_of(page, shown, calendar, look),
        total=total,
        has_none_yet=await _has_none_yet(page, moment)
        if not total and not page.query.keys() - {"lang"}
        else False,
        next_address=here(page, look, sau=last) if last else None,
        first_address=here(page, look) if "sau" in page.query else None,
        active=conditions_of(page, look, dict(bar.agencies), dict(bar.followers)),
        pills=pills,
        query=query,
        submission=new_submission(),
        can_save=not form.problems and not any(pill.is_current for pill in pills),
        may_urge=not page.is_agency and may(page.actor, Verb.URGE),
        may_urge_all=chosen.status in _URGED and total > 1,
        can_pick=not page.is_agency and (page.is_secretariat or may(page.actor, Verb.URGE)),
        conditions=filters.list_query(page.query),
    )


def here(page: Page, look: Look, **changes: str | None) -> str:
    """This list's address with some keys changed; None takes one away, and so does going back to the first page."""
    kept = {key: value for key, value in page.query.items() if key in (*CONDITIONS, "xep", "so-dong", "lang")}
    if look.columns != usual_columns(page):
        kept["cot"] = ".".join(look.columns) or "khong"
    merged = {**kept, **{key.replace("_", "-"): value for key, value in changes.items()}}
    named = {key: value for key, value in merged.items() if value}
    return page.path + ("?" + urlencode(named) if named else "")


def write_last(page: Page, look: Look, shown: Sequence[Assignment], calendar: WorkCalendar) -> str:
    """The mark of the last row shown."""
    row = shown[-1]
    return filters.write_after(look, row, status_now(row, page.now, calendar).days_late)


async def rows_of(
    page: Page, rows: Sequence[Assignment], calendar: WorkCalendar, look: Look | None = None
) -> list[Row]:
    """The lines of a list, with the names of those who follow the tasks where a column asks for them."""
    followers: dict[int, str] = {}
    if look is not None and "theo-doi" in look.columns:
        ids = {row.secretariat_officer_id for row in rows} - {None}
        followers = await reads_web.names_of_officials([one for one in ids if one is not None])
    return [work_row(page, row, calendar, followers) for row in rows]


_SORTS = {"co-quan": "co-quan", "han": "han", "tre": "tre", "bao-cao": "bao-cao"}


def heads_of(page: Page, look: Look) -> list[Head]:
    """The heads of the chosen columns; the status, by which days late are read, stands behind the deadline."""
    heads = [Head("viec", page.s("col.task"))]
    names = [name for name in COLUMNS if name in look.columns]
    place = max((names.index(name) for name in names if name in ("han", "han-goc")), default=-1) + 1
    for name in [*names[:place], "tinh-trang", *names[place:]]:
        label = page.s(f"list.col.{name}")
        # Without a column of its own, days late are ordered by at the status that names them.
        word = "tre" if name == "tinh-trang" and "tre" not in names else _SORTS.get(name, "")
        if word:
            turned = look.toggled(word)
            href = here(page, look, xep=None if turned == "han" else turned)
            heads.append(Head(name, label, href, look.sort_state(word)))
        else:
            heads.append(Head(name, label))
    return heads


async def filter_bar(page: Page, form: Form, look: Look) -> Bar:
    """The filter bar: what an agency's people have no use for, they are not offered."""
    agencies = await reads_web.list_agency_choices(page.actor)
    followers: list[tuple[str, str]] = []
    issuers: list[tuple[str, str]] = []
    if not page.is_agency:
        followers = [(str(one), name) for one, name in await reads_web.list_followers()]
        issuers = [(name, name) for name in await reads_web.list_issuers()]
    more = ("van-ban", "nguon", "vai-tro", "nguoi-theo-doi", "tu-ngay", "den-ngay", "tre-tu")
    orders = [word for key in filters.ORDER_OF for word in (key, f"-{key}")]
    kept = [("cot", ".".join(look.columns) or "khong")] if look.columns != usual_columns(page) else []
    if "so-dong" in page.query:
        kept.append(("so-dong", str(look.size)))
    form.values["xep"] = look.word
    return Bar(
        form=form,
        statuses=[(STATUS_WORDS[name], page.s(f"filter.status.{name}")) for name in STATUS_WORDS],
        agencies=[("", page.s("filter.any_agency")), *agencies] if len(agencies) > 1 else [],
        issuers=[("", page.s("list.any")), *issuers] if issuers else [],
        followers=[("", page.s("list.any")), *followers] if followers else [],
        parts=[
            ("", page.s("list.any")),
            *((word, page.s(f"list.part.{name}")) for name, word in PART_WORDS.items()),
        ],
        orders=[(word, page.s(f"list.by.{word}").capitalize()) for word in orders],
        is_open=any(key in page.query for key in more) or any(one.field in more for one in form.problems),
        kept=kept,
    )


async def _has_none_yet(page: Page, moment: AsOf) -> bool:
    """Whether an agency's people see an empty list because nothing was ever given to their agency."""
    if not page.is_agency:
        return False
    return not await reads_web.count_work(page.actor, WorkFilter(status="all"), moment)


def _status(form: Form) -> int:
    """As the API answers: 400 for what cannot be read, 422 for what can be and makes no sense."""
    if not form.problems:
        return 200
    return 422 if all(problem.code in _SENSELESS for problem in form.problems) else 400


def conditions_of(
    page: Page, look: Look, agencies: Mapping[str, str], followers: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The conditions in force, each with the address that lifts it."""
    found = []
    for key in CONDITIONS:
        value = page.query.get(key)
        if not value:
            continue
        if key == "tinh-trang":
            status = filters.status_of(value)
            value = page.s(f"filter.status.{status}") if status else value
        elif key == "vai-tro":
            part = next((name for name, word in PART_WORDS.items() if word == value), "")
            value = page.s(f"list.part.{part}") if part else value
        elif key == "cua":
            value = page.visitor.actor.name if page.visitor else value
        elif key in ("co-quan", "nguoi-theo-doi"):
            value = (agencies if key == "co-quan" else followers).get(value, value)
        found.append((page.s(f"filter.is.{key}", value=value), here(page, look, **{key: None})))
    return found


@dataclass
class Group:
    """Rows that need the same thing, with the list they are the beginning of."""

    id: str
    tone: str
    icon: str
    name: str
    note: str
    count: int
    href: str
    rows: list[Row] = field(default_factory=list)


_TODAY = ("overdue", "due_soon", "awaiting", "extension")
_LOOKS = {
    "overdue": ("late", "late"),
    "due_soon": ("soon", "soon"),
    "awaiting": ("wait", "wait"),
    "extension": ("", "extend"),
}


@get("/can-xu-ly", include_in_schema=False)
async def todo(request: WebRequest) -> Response[bytes]:
    """What needs the secretariat today?"""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    if not page.is_secretariat:
        raise NotPermitted(verb=Verb.LIST.value, allowed=("secretariat", "administrator"))
    calendar = await load_calendar()
    moment = as_of(page, calendar)
    pressing = await reads_web.pressing(page.actor, moment, _TODAY)
    counts = pressing.counts
    dead = await reads_web.list_dead_mailboxes(page.actor)
    known = frozenset(agency.code for agency in await list_agencies())
    notes = _tile_notes(page, moment, calendar, pressing)
    tiles = tiles_of(page, counts, _TODAY, "/viec", notes)
    tiles.append(
        Tile(
            len(dead),
            "",
            "nomail",
            page.s("todo.tile.mail"),
            "#thu-khong-toi" if dead else "/can-xu-ly",
            page.s("todo.tile.dead", agency=dead[0].agency or dead[0].name)
            if dead
            else page.s("todo.tile.no_dead"),
        )
    )
    groups = [
        await _group(page, name, tile, counts[name], moment, calendar)
        for name, tile in zip(_TODAY, tiles, strict=False)
    ]
    friday = page.today + timedelta(days=7 - page.today.isoweekday())
    left = workdays_between(page.today, friday, calendar)
    today = Pill(page.s("view.today"), "/can-xu-ly", None, is_current=True)
    saved = await pills_of(page, None, moment, known)
    return page.render(
        "todo.html",
        first_steps=await steps_of(page),
        reconciliation=await to_do(page),
        tiles=tiles,
        groups=groups,
        heads=[Head("viec", page.s("col.task"))]
        + [
            Head(name, page.s(f"list.col.{name}"))
            for name in ("co-quan", "van-ban", "han", "tinh-trang", "bao-cao")
        ],
        columns=USUAL,
        dead=dead,
        targets=await pressing_targets(page),
        bar=await filter_bar(page, filters.read_filter({}, known)[0], Look()),
        pills=[today, *(pill for pill in saved if not pill.is_first)],
        may_urge=may(page.actor, Verb.URGE),
        week_words=page.days("todo.week", left) if left else page.s("todo.week_over"),
    )


def _tile_notes(page: Page, moment: AsOf, calendar: WorkCalendar, facts: Pressing) -> dict[str, str]:
    """What has changed behind each number: new since yesterday, due today, waiting longest."""
    notes = {name: page.s(f"todo.tile.{name}", day=short_day(moment.soon_until)) for name in _TODAY}
    new = facts.newly_late
    if facts.counts["overdue"]:
        notes["overdue"] = (
            page.s("todo.tile.new", count=page.number(new)) if new else page.s("todo.tile.no_new")
        )
    if facts.due_today:
        notes["due_soon"] = page.s("todo.tile.today", count=page.number(facts.due_today))
    if facts.waits_since is not None:
        days = workdays_between(civil_day(facts.waits_since), page.today, calendar)
        notes["awaiting"] = page.days("todo.tile.waits", days) if days else page.s("todo.tile.waits_today")
    return notes


async def _group(
    page: Page, name: str, tile: Tile, count: int, moment: AsOf, calendar: WorkCalendar
) -> Group:
    """The first rows of what needs the same thing; reports by how long they wait, the rest by deadline."""
    order = "report" if name == "awaiting" else "due"
    found = (
        await reads_web.list_work(page.actor, WorkFilter(status=name), moment, limit=GROUP_ROWS, order=order)
        if count
        else []
    )
    note = page.s(f"todo.note.{name}", day=short_day(moment.soon_until))
    href = tile.href + ("&xep=bao-cao" if name == "awaiting" else "")
    return Group(name, *_LOOKS[name], tile.name, note, count, href, await rows_of(page, found, calendar))


routes = [work, todo]

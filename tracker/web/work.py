"""Lists of assignments: everything that matches a filter, and what the secretariat has to do today."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta

from litestar import Response, get

from tracker.actions.standing import workdays_between
from tracker.db import reads_web
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.directory import list_agencies
from tracker.db.reads_web import AsOf
from tracker.domain.access import Verb, require
from tracker.domain.errors import NotPermitted
from tracker.web.forms import Form
from tracker.web.page import Page, open_page
from tracker.web.standing import STATUS_WORDS, Row, Tile, as_of, tiles_of, work_row
from tracker.web.state import WebRequest
from tracker.web.wording import counted, short_day

PAGE_ROWS = 50
GROUP_ROWS = 7
_AFTER = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}|0)\.([1-9][0-9]{0,17})")
_SENSELESS = frozenset({"span_reversed", "agency_unknown"})
_FILTER_OF = {word: name for name, word in STATUS_WORDS.items()}


def read_after(given: str | None) -> tuple[date | None, int] | None:
    """Where a page begins, from its address; what cannot be read begins at the top.

    >>> read_after("2025-11-28.42")
    (datetime.date(2025, 11, 28), 42)
    """
    match = _AFTER.fullmatch(given or "")
    if match is None:
        return None
    try:
        return (None if match[1] == "0" else date.fromisoformat(match[1])), int(match[2])
    except ValueError:
        return None


def _write_after(row: Assignment) -> str:
    return f"{row.due_on.isoformat() if row.due_on else 0}.{row.id}"


@get("/viec", include_in_schema=False)
async def work(request: WebRequest) -> Response[bytes]:
    """Which tasks match this? All number tiles lead here."""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    calendar = await load_calendar()
    moment = as_of(page, calendar)
    known = frozenset(agency.code for agency in await list_agencies())
    form, chosen = _read_filter(page, known)
    rows: list[Assignment] = []
    total = 0
    if not form.problems:
        after = read_after(page.query.get("sau"))
        rows = await reads_web.list_work(page.actor, chosen, moment, limit=PAGE_ROWS + 1, after=after)
        total = await reads_web.count_work(page.actor, chosen, moment)
    shown = rows[:PAGE_ROWS]
    agencies = await reads_web.list_agency_choices(page.actor)
    return page.render(
        "work.html",
        status=_status(form),
        heading=page.s("work.title_agency" if page.is_agency else "work.title"),
        lead=counted(
            page.language, "work.lead", total, status=page.s(f"filter.status.{chosen.status}").lower()
        ),
        form=form,
        rows=[work_row(page, row, calendar) for row in shown],
        total=total,
        has_none_yet=await _has_none_yet(page, moment)
        if not total and not page.query.keys() - {"lang"}
        else False,
        next_address=page.address(sau=_write_after(shown[-1])) if len(rows) > PAGE_ROWS else None,
        agencies=[] if page.is_agency else [("", page.s("filter.any_agency")), *agencies],
        statuses=[(STATUS_WORDS[name], page.s(f"filter.status.{name}")) for name in STATUS_WORDS],
        is_open=bool({"van-ban", "tu-ngay", "den-ngay"} & page.query.keys()),
        active=_active(page, dict(agencies)),
    )


async def _has_none_yet(page: Page, moment: AsOf) -> bool:
    """Whether an agency's people see an empty list because nothing was ever given to their agency."""
    if not page.is_agency:
        return False
    return not await reads_web.count_work(page.actor, reads_web.WorkFilter(status="all"), moment)


def _status(form: Form) -> int:
    """As the API answers: 400 for what cannot be read, 422 for what can be and makes no sense."""
    if not form.problems:
        return 200
    return 422 if all(problem.code in _SENSELESS for problem in form.problems) else 400


def _read_filter(page: Page, known_agencies: frozenset[str]) -> tuple[Form, reads_web.WorkFilter]:
    form = Form({"tinh-trang": STATUS_WORDS["open"], **page.query})
    status = _FILTER_OF.get(form.text("tinh-trang"))
    if status is None:
        form.refuse("tinh-trang", "form_bad_choice")
    due_from, due_to = form.date("tu-ngay"), form.date("den-ngay")
    if due_from is not None and due_to is not None and due_from > due_to:
        form.refuse("tu-ngay", "span_reversed", **{"from": due_from, "to": due_to})
    agency_code = form.text("co-quan")
    if agency_code and agency_code not in known_agencies:
        form.refuse("co-quan", "agency_unknown")
    return form, reads_web.WorkFilter(
        status=status or "open",
        agency_code=agency_code,
        directive=form.text("van-ban")[:60],
        words=form.text("tu")[:200],
        due_from=due_from,
        due_to=due_to,
    )


def _active(page: Page, agencies: dict[str, str]) -> list[tuple[str, str]]:
    """The conditions in force, each with the address that lifts it."""
    found = []
    for key, value in page.query.items():
        if key not in ("tu", "co-quan", "van-ban", "tu-ngay", "den-ngay", "tinh-trang"):
            continue
        shown = agencies.get(value, value) if key == "co-quan" else value
        if key == "tinh-trang":
            shown = page.s(f"filter.status.{_FILTER_OF[value]}") if value in _FILTER_OF else value
        found.append((page.s(f"filter.is.{key}", value=shown), page.address(**{key: None, "sau": None})))
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


@get("/can-xu-ly", include_in_schema=False)
async def todo(request: WebRequest) -> Response[bytes]:
    """What needs the secretariat today?"""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    if not page.is_secretariat:
        raise NotPermitted(verb=Verb.LIST.value, allowed=("secretariat", "administrator"))
    calendar = await load_calendar()
    moment = as_of(page, calendar)
    counts = await reads_web.count_open(page.actor, moment)
    dead = await reads_web.list_dead_mailboxes(page.actor)
    names = ("overdue", "due_soon", "awaiting", "extension")
    notes = {name: page.s(f"todo.tile.{name}", day=short_day(moment.soon_until)) for name in names}
    tiles = tiles_of(page, counts, names, "/viec", notes)
    tiles.append(
        Tile(
            len(dead),
            "",
            "nomail",
            page.s("todo.dead"),
            "#thu-khong-toi" if dead else "/can-xu-ly",
            dead[0].agency if dead else page.s("todo.tile.no_dead"),
        )
    )
    looks = {
        "overdue": ("late", "late"),
        "due_soon": ("soon", "soon"),
        "awaiting": ("wait", "wait"),
        "extension": ("", "extend"),
    }
    groups = []
    for name, tile in zip(names, tiles, strict=False):
        chosen = reads_web.WorkFilter(status=name)
        found = (
            await reads_web.list_work(page.actor, chosen, moment, limit=GROUP_ROWS) if counts[name] else []
        )
        note = page.s(f"todo.note.{name}", day=short_day(moment.soon_until))
        rows = [work_row(page, row, calendar) for row in found]
        groups.append(Group(name, *looks[name], tile.name, note, counts[name], tile.href, rows))
    friday = page.today + timedelta(days=7 - page.today.isoweekday())
    left = workdays_between(page.today, friday, calendar)
    return page.render(
        "todo.html",
        tiles=tiles,
        groups=groups,
        dead=dead,
        week_words=page.days("todo.week", left) if left else page.s("todo.week_over"),
    )


routes = [work, todo]

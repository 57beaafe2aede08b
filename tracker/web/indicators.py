"""Targets: the card of each on its task, the list with those behind first, the form for a reading and its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import quote, urlencode

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import indicators as actions
from tracker.actions.indicators import NewReading, Told
from tracker.actions.reading_sheets import SENDERS
from tracker.db import indicators as db
from tracker.db.assignments import Assignment
from tracker.db.indicators import Defined, Entered, Step
from tracker.domain.access import Subject, Verb, may, require
from tracker.domain.assignments import OPEN_STATES
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem
from tracker.domain.indicators import (
    Exactness,
    Figure,
    Period,
    Progress,
    figure_words,
    period_of,
    period_words,
    periods,
    planned,
    rounded,
    with_unit,
    write_number,
)
from tracker.web.charts import Chart, Point, Series, compare, lines
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import Chip, short_day

PATH = "/chi-tieu"
SHOWN = 200
_MOST_DRAWN = 24
_LOOKS = {
    Progress.MISSED: ("late", "late"),
    Progress.BEHIND: ("late", "soon"),
    Progress.UNREAD: ("", "open"),
    Progress.UNCERTAIN: ("", "ask"),
    Progress.ON_PLAN: ("", "open"),
    Progress.ACHIEVED: ("done", "done"),
    Progress.WATCHED: ("", "open"),
    Progress.ENDED: ("", "out"),
}
_FIELDS = {
    "/figure": "so-lieu",
    "/as_of": "tinh-den",
    "/evidence": "minh-chung",
    "/note": "ghi-chu",
    "/reason": "ly-do",
    "/unit": "so-lieu",
}
_SHOWN_AS = {
    "name": "target.f.name",
    "unit": "target.f.unit",
    "counts": "target.f.counts",
    "direction": "target.f.direction",
    "baseline": "target.f.baseline",
    "target": "target.f.target",
    "least": "target.f.least",
    "most": "target.f.most",
    "starts_on": "target.f.starts",
    "due_on": "target.f.due",
    "frequency": "target.f.frequency",
    "steps": "target.f.steps",
    "note": "target.note",
}
SHAPES = ("bang", "co-quan", "chi-tieu")
"""A table, the targets of each agency drawn, or each target with its agencies side by side."""
AGENCIES_DRAWN = 8
VIEWS = ("tat-ca", "cham", "thieu", "dat")


@dataclass(frozen=True)
class Card:
    """One target as the pages show it."""

    id: int
    href: str
    name: str
    task: str
    task_href: str
    agency: str
    chip: Chip
    wanted: str
    last: str
    last_on: date | None
    is_inexact: bool
    planned: str
    baseline: str
    how_often: str
    missing: str
    note: str
    chart: Chart | None
    can_enter: bool
    restricted: bool


@dataclass(frozen=True)
class Line:
    """One reading in the history; `correct` is the address at which it can be corrected."""

    entry: Entered
    period: str
    is_valid: bool
    is_inexact: bool
    why: str
    correct: str


@dataclass(frozen=True)
class Past:
    """One step of a target's own history."""

    when: Markup
    what: str
    who: str
    reason: str
    changes: tuple[tuple[str, str, str], ...]


# Words ----------------------------------------------------------------------------------------------------------


def task_path(defined: Defined) -> str:
    """The address of the assignment that a target belongs to."""
    path = f"/viec/{defined.task_id}/{quote(defined.agency_code, safe='')}"
    return path if defined.occurrence == 1 else path + "?" + urlencode({"lan": defined.occurrence})


def path_of(defined: Defined) -> str:
    """The address of a target's readings."""
    return f"/viec/{defined.task_id}/{quote(defined.agency_code, safe='')}/chi-tieu/{defined.id}"


def _is_inexact(figure: Figure) -> bool:
    return figure.exactness not in (Exactness.EXACT, Exactness.WORDS)


def card(page: Page, told: Told, *, is_drawn: bool = True) -> Card:
    """A target in words, with its drawing."""
    one, unit, last = told.defined.indicator, told.defined.indicator.whole_unit, told.standing.last
    tone, icon = _LOOKS[told.standing.progress]
    wanted = (
        page.s("target.wanted.none", day=short_day(one.due_on))
        if one.target is None
        else page.s(
            f"target.wanted.{one.direction.value}",
            figure=with_unit(one.target, unit),
            day=short_day(one.due_on),
        )
    )
    plan = told.standing.planned
    return Card(
        told.defined.id,
        path_of(told.defined),
        one.name,
        told.defined.task,
        task_path(told.defined),
        told.defined.agency_name,
        Chip(tone, icon, page.s(f"target.progress.{told.standing.progress.value}")),
        wanted,
        figure_words(last.figure, unit) if last else "",
        last.as_of if last else None,
        last is not None and _is_inexact(last.figure),
        "" if plan is None or last is None else page.s("target.planned", figure=with_unit(plan, unit)),
        "" if one.baseline is None else page.s("target.baseline", figure=with_unit(one.baseline, unit)),
        page.s("target.how_often", frequency=page.s(f"target.frequency.{one.frequency.value}")),
        _missing_words(page, told.standing.missing),
        one.note,
        _chart(page, told) if is_drawn else None,
        told.defined.is_running and may(page.actor, Verb.REPORT, Subject.of_agency(told.defined.agency_id)),
        told.defined.restricted,
    )


def _missing_words(page: Page, missing: Sequence[Period]) -> str:
    if not missing:
        return ""
    named = ", ".join(
        short_day(period.last) if period.key == "once" else period_words(period.key)
        for period in missing[-3:]
    )
    words = named if len(missing) <= 3 else f"…, {named}"
    return page.s("target.missing", count=len(missing), periods=words)


def _chart(page: Page, told: Told) -> Chart | None:
    """The exact figures over the periods beside the plan; None where no figure can be drawn."""
    one, unit = told.defined.indicator, told.defined.indicator.unit
    if not unit:
        return None
    spans = {period.key: period for period in periods(one, one.due_on + timedelta(days=1))}
    for key, entry in told.readings.items():
        spans.setdefault(key, period_of(one, entry.reading.as_of))
    shown = sorted(spans.values(), key=lambda period: period.last)[-_MOST_DRAWN:]
    actual: list[float | None] = []
    plan: list[float | None] = []
    labels, actual_words, plan_words = [], [], []
    if one.baseline is not None:
        labels.append(short_day(one.starts_on))
        actual.append(float(one.baseline))
        actual_words.append(with_unit(one.baseline, unit))
        plan.append(float(one.baseline))
        plan_words.append(with_unit(one.baseline, unit))
    for period in shown:
        found = told.readings.get(period.key)
        figure = found.reading.figure if found else None
        is_exact = figure is not None and figure.exactness is Exactness.EXACT and figure.number is not None
        asked = planned(one, min(period.last, one.due_on))
        labels.append(short_day(one.due_on) if period.key == "once" else period_words(period.key))
        actual.append(float(figure.number) if figure and is_exact and figure.number is not None else None)
        actual_words.append(figure_words(figure, unit) if figure else "–")
        plan.append(None if asked is None else float(asked))
        plan_words.append("–" if asked is None else with_unit(rounded(asked), unit))
    series = [Series(page.s("target.actual"), actual, actual_words)]
    if any(value is not None for value in plan):
        series.append(Series(page.s("target.plan"), plan, plan_words))
    if sum(value is not None for one_line in series for value in one_line.values) < 2:
        return None  # a single figure is no line
    title = page.s("target.chart", name=one.name)
    return lines(
        f"ct{told.defined.id}", title, page.s("target.chart_desc"), labels, series, page.s("target.period")
    )


async def cards_of(page: Page, row: Assignment) -> list[Card]:
    """The cards of an assignment's targets."""
    told = await actions.list_told(page.actor, page.today, assignment_id=row.id)
    return [card(page, one) for one in told]


@dataclass(frozen=True)
class Asked:
    """One target asked of several agencies: side by side as a drawing, and as a table."""

    key: str
    name: str
    unit: str
    chart: Chart | None
    cards: tuple[Card, ...]


def side_by_side(page: Page, told: Sequence[Told]) -> list[Asked]:
    """Targets of the same name and unit together, each agency a line; bars where all figures have one scale."""
    groups: dict[tuple[str, str], list[Told]] = {}
    for one in told:
        groups.setdefault((one.defined.indicator.name, one.defined.indicator.whole_unit), []).append(one)
    return [
        _asked(page, f"ss{n}", name, unit, group) for n, ((name, unit), group) in enumerate(groups.items())
    ]


def _asked(page: Page, key: str, name: str, unit: str, group: Sequence[Told]) -> Asked:
    points = []
    for one in group:
        last = one.standing.last
        if last is None or last.figure.number is None:
            continue
        points.append(
            Point(
                one.defined.agency_name,
                float(last.figure.number),
                figure_words(last.figure, one.defined.indicator.unit),
                path_of(one.defined),
                is_marked=one.is_behind,
                # What is not exact is drawn hollow: its bar is the bound that its words name.
                is_weak=last.figure.exactness is not Exactness.EXACT,
            )
        )
    points.sort(key=lambda point: -point.value)
    chart = None
    if len(points) > 1:
        heads = (page.s("col.agency"), page.s("target.col.last"))
        most = 100.0 if unit.partition(" ")[0] == "%" else 0.0
        chart = compare(
            key, page.s("target.compare", name=name), page.s("target.compare_desc"), points, heads, most=most
        )
    return Asked(key, name, unit, chart, tuple(card(page, one, is_drawn=False) for one in group))


# The list -------------------------------------------------------------------------------------------------------

_ORDER = {progress: place for place, progress in enumerate(Progress)}


def _urgency(told: Told) -> tuple[int, int, str, int]:
    """Behind first, then what lacks readings, then the rest of open tasks, then what is settled; by deadline."""
    standing, one = told.standing, told.defined.indicator
    settled = 2 if told.defined.state in OPEN_STATES and told.defined.ended_at is None else 3
    group = 0 if told.is_behind else 1 if standing.missing else settled
    return group, _ORDER[standing.progress], one.due_on.isoformat(), told.defined.id


def _belongs(told: Told, view: str) -> bool:
    match view:
        case "cham":
            return told.is_behind
        case "thieu":
            return bool(told.standing.missing)
        case "dat":
            return told.standing.progress is Progress.ACHIEVED
    return True


@dataclass(frozen=True)
class AgencyCards:
    """The targets of one agency, drawn; those behind first."""

    code: str
    name: str
    behind: int
    cards: tuple[Card, ...]


def by_agency(page: Page, told: Sequence[Told]) -> list[AgencyCards]:
    """Each agency with its targets, the agency with most behind first."""
    groups: dict[str, list[Told]] = {}
    for one in told:
        groups.setdefault(one.defined.agency_code, []).append(one)
    ordered = sorted(groups.values(), key=lambda own: -sum(one.is_behind for one in own))
    return [
        AgencyCards(
            own[0].defined.agency_code,
            own[0].defined.agency_name,
            sum(one.is_behind for one in own),
            tuple(card(page, one) for one in own),
        )
        for own in ordered
    ]


@dataclass(frozen=True)
class Pressing:
    """The first of the targets that are behind or lack readings, and how many there are."""

    cards: tuple[Card, ...]
    total: int


async def pressing_targets(page: Page, most: int = 5) -> Pressing:
    """What the desk's first page shows of targets."""
    told = [
        one
        for one in await actions.list_told(page.actor, page.today)
        if one.is_behind or one.standing.missing
    ]
    told.sort(key=_urgency)
    return Pressing(tuple(card(page, one, is_drawn=False) for one in told[:most]), len(told))


@get(PATH, include_in_schema=False)
async def index(request: WebRequest) -> Response[bytes]:
    """Which targets are behind, and where do readings lack?"""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    told = sorted(await actions.list_told(page.actor, page.today), key=_urgency)
    agencies = {one.defined.agency_code: one.defined.agency_name for one in told}
    code = page.query.get("co-quan", "")
    told = [one for one in told if not code or one.defined.agency_code == code]
    view = page.query.get("xem", VIEWS[0])
    if view not in VIEWS:
        raise NotFound(noun="view")
    chosen = [one for one in told if _belongs(one, view)]
    shape = page.query.get("theo", SHAPES[0])
    if shape not in SHAPES:
        raise NotFound(noun="view")
    start = (
        int(page.query["tu"])
        if page.query.get("tu", "").isascii() and page.query.get("tu", "").isdigit()
        else 0
    )
    agency_cards = by_agency(page, chosen) if shape == "co-quan" else []
    asked = side_by_side(page, chosen) if shape == "chi-tieu" else []
    parts = agency_cards or asked
    return page.render(
        "indicators.html",
        rows=[card(page, one, is_drawn=False) for one in chosen[:SHOWN]] if shape == SHAPES[0] else [],
        shapes=[
            (
                page.s(f"target.shape.{name}"),
                page.address(theo=None if name == SHAPES[0] else name, tu=None),
                name == shape,
            )
            for name in SHAPES
        ],
        shape="" if shape == SHAPES[0] else shape,
        agency_cards=agency_cards[start : start + AGENCIES_DRAWN],
        asked=asked[start : start + AGENCIES_DRAWN],
        following=page.address(tu=start + AGENCIES_DRAWN) if len(parts) > start + AGENCIES_DRAWN else "",
        total=len(chosen),
        views=[
            (
                page.s(f"target.view.{name}"),
                page.address(xem=None if name == VIEWS[0] else name),
                sum(1 for one in told if _belongs(one, name)),
                name == view,
            )
            for name in VIEWS
        ],
        view="" if view == VIEWS[0] else view,
        can_send=any(may(page.actor, verb) for verb in SENDERS),
        form=Form({"co-quan": code}),
        agencies=[("", page.s("target.all_agencies")), *agencies.items()] if len(agencies) > 1 else [],
    )


# One target -----------------------------------------------------------------------------------------------------


async def _read(page: Page, task_id: str, agency_code: str, indicator_id: str) -> Told:
    told = await actions.look(page.actor, parse_id(indicator_id), page.now)
    found = told.defined
    if found.task_id != parse_id(task_id) or found.agency_code != agency_code:
        raise NotFound(noun="indicator", id=found.id)
    return told


@get("/viec/{task_id:str}/{agency_code:str}/chi-tieu/{indicator_id:str}", include_in_schema=False)
async def readings(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str], indicator_id: FromPath[str]
) -> Response[bytes]:
    """What was read so far, and what is the figure now?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    told = await _read(page, task_id, agency_code, indicator_id)
    return await _show(page, told, None)


async def _show(page: Page, told: Told, form: Form | None, status: int = 200) -> Response[bytes]:
    page.shown_path = path_of(told.defined)
    one = told.defined.indicator
    wanted = (form.text("ky") if form else "") or page.query.get("ky", "")
    corrected = told.readings.get(wanted)
    filled = Form({"tinh-den": short_day(page.today)})
    if corrected is not None:
        filled = Form(
            {
                "so-lieu": corrected.reading.figure.words,
                "tinh-den": short_day(corrected.reading.as_of),
                "minh-chung": corrected.evidence,
                "ghi-chu": corrected.note,
            }
        )
    return page.render(
        "indicator.html",
        status=status,
        c=card(page, told),
        form=form or filled,
        unit=one.whole_unit,
        corrected=corrected,
        period=period_words(wanted) if corrected else "",
        lines=[_line(page, told, entry) for entry in await db.list_readings(told.defined.id)],
        first=_first_words(told),
        action=path_of(told.defined),
        submission=new_submission(),
        change_path=f"{path_of(told.defined)}/sua"
        if told.defined.ended_at is None and may(page.actor, Verb.EDIT_TASK)
        else "",
        target=told.defined,
        past=await past_of(page, told.defined),
    )


def _first_words(told: Told) -> str:
    one = told.defined.indicator
    first = period_of(one, one.starts_on)
    return short_day(one.due_on) if first.key == "once" else period_words(first.key)


def _line(page: Page, told: Told, entry: Entered) -> Line:
    valid = told.readings.get(entry.period)
    is_valid = valid is not None and valid.id == entry.id
    may_enter = told.defined.is_running and may(
        page.actor, Verb.REPORT, Subject.of_agency(told.defined.agency_id)
    )
    one = told.defined.indicator
    return Line(
        entry,
        short_day(one.due_on) if entry.period == "once" else period_words(entry.period),
        is_valid,
        _is_inexact(entry.reading.figure),
        page.s("target.corrected", count=entry.sequence - 1, reason=entry.reason) if entry.reason else "",
        f"{path_of(told.defined)}?ky={entry.period}" if is_valid and may_enter else "",
    )


async def past_of(page: Page, found: Defined) -> list[Past]:
    """The history of a target's definition, the latest first."""
    return [
        Past(
            page.moment(step.at),
            page.word("audit_verb", step.verb),
            step.who,
            step.reason,
            tuple(_change(page, step, *change) for change in step.changes),
        )
        for step in await db.list_steps(found)
    ]


def _change(page: Page, step: Step, name: str, before: str, after: str) -> tuple[str, str, str]:
    label = page.s(_SHOWN_AS[name]) if name in _SHOWN_AS else name
    return label, _value(page, name, before), _value(page, name, after)


def _value(page: Page, name: str, value: str) -> str:
    if not value:
        return "–"
    if name in ("direction", "frequency"):
        return page.word(f"target.{name}", value)
    if name in ("starts_on", "due_on"):
        return short_day(date.fromisoformat(value))
    if name in ("baseline", "target", "least", "most"):
        return write_number(Decimal(value))
    if name == "steps":
        pairs = (step.split(": ") for step in value.split("; "))
        return "; ".join(
            f"{short_day(date.fromisoformat(on))}: {write_number(Decimal(n))}" for on, n in pairs
        )
    return value


@post("/viec/{task_id:str}/{agency_code:str}/chi-tieu/{indicator_id:str}", include_in_schema=False)
async def enter(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str], indicator_id: FromPath[str]
) -> Response[bytes]:
    """The agency enters a reading, or corrects one."""
    page = await open_page(request)
    told = await _read(page, task_id, agency_code, indicator_id)
    form = await read_form(page)
    require(page.actor, Verb.REPORT, Subject.of_agency(told.defined.agency_id, id=told.defined.assignment_id))
    as_of = form.date("tinh-den", required="indicator_day_needed")
    replaced = form.text("thay")
    corrects = int(replaced) if replaced.isascii() and replaced.isdigit() and len(replaced) < 10 else 0
    if not form.text("so-lieu"):
        form.refuse("so-lieu", "figure_required")
    if corrects and not form.text("ly-do"):
        form.refuse("ly-do", "form_reason_needed")
    status = 422

    async def work() -> str:
        assert as_of is not None
        new = NewReading(
            form.text("so-lieu"),
            as_of,
            evidence=form.text("minh-chung"),
            note=form.text("ghi-chu"),
            reason=form.text("ly-do"),
            corrects=corrects,
        )
        await actions.enter(page.actor, told.defined.id, new, "page", page.now)
        return new.figure

    if not form.problems:
        try:
            words = await once(page, form, work)
            return page.see(path_of(told.defined), "notice.reading_entered", words=words)
        except Invalid as refused:
            form.take(refused, _FIELDS)
        except Conflict as refused:
            status = 409
            form.problems.append(Problem("", refused.code, None, refused.params))
    return await _show(page, await _read(page, task_id, agency_code, indicator_id), form, status)


routes = [index, readings, enter]

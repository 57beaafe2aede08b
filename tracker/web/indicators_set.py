"""Targets as the assigning side sets them: for one agency or all of a task, changed, ended; and side by side."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import indicators as actions
from tracker.actions.indicators import NAME, UNIT
from tracker.db import indicators as db
from tracker.db.assignments import list_for_task
from tracker.db.directives import Directive, Task, get_directive, get_task
from tracker.db.indicators import Defined
from tracker.domain import lengths
from tracker.domain.access import Verb, may, require
from tracker.domain.assignments import OPEN_STATES, Part
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem, StaleVersion
from tracker.domain.indicators import (
    MOST_STEPS,
    Direction,
    Frequency,
    Indicator,
    parse_number,
    write_number,
)
from tracker.web.forms import Form, new_submission, parse_date, read_form
from tracker.web.indicators import past_of, path_of, side_by_side
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import short_day

_MOST_AGENCIES = 500
_STEP = re.compile(r"\s*(?P<day>[0-9/.-]{6,10})\s*[:=]\s*(?P<figure>\S.*?)\s*")
_FIELDS = {
    "/name": "ten",
    "/unit": "don-vi",
    "/counts": "mau-so",
    "/direction": "chieu",
    "/baseline": "ban-dau",
    "/target": "muc-tieu",
    "/least": "it-nhat",
    "/most": "nhieu-nhat",
    "/starts_on": "bat-dau",
    "/due_on": "thoi-han",
    "/frequency": "tan-suat",
    "/steps": "cac-moc",
    "/note": "ghi-chu",
    "/reason": "ly-do",
    "/assignments": "co-quan",
}
_STEP_FIELDS = {f"/steps/{n}": "cac-moc" for n in range(MOST_STEPS + 1)}


@dataclass(frozen=True)
class Choice:
    """An agency that a target can be set for."""

    value: str
    name: str
    is_chosen: bool


def _path(task_id: int) -> str:
    return f"/viec/{task_id}/chi-tieu"


async def _task(page: Page, task_id: str) -> tuple[Task, Directive]:
    found = await get_task(page.actor, parse_id(task_id))
    return found, await get_directive(page.actor, found.directive_id)


# Side by side ------------------------------------------------------------------------------------------------


@get("/viec/{task_id:str}/chi-tieu", include_in_schema=False)
async def of_task(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """What has each agency to reach with this task, and who is how far?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    found, directive = await _task(page, task_id)
    told = await actions.list_told(page.actor, page.today, task_id=found.id)
    return page.render(
        "indicators-of-task.html",
        task=found,
        directive=directive,
        asked=side_by_side(page, told),
        set_path=f"{_path(found.id)}/moi" if may(page.actor, Verb.EDIT_TASK) else "",
    )


# The form ----------------------------------------------------------------------------------------------------


def _number(form: Form, name: str) -> Decimal | None:
    given = form.text(name)
    if not given:
        return None
    found = parse_number(given)
    if found is None:
        form.refuse(name, "indicator_number", value=given[:40])
    return found


def _steps(form: Form) -> tuple[tuple[date, Decimal], ...]:
    """The plan as typed, one line a step: "30/06/2026: 45"."""
    steps = []
    for line in filter(str.strip, form.values.get("cac-moc", "").split("\n")):
        match = _STEP.fullmatch(line)
        on = parse_date(match["day"]) if match else None
        figure = parse_number(match["figure"]) if match else None
        if on is None or figure is None:
            form.refuse("cac-moc", "indicator_step_line", value=line.strip()[:60])
        else:
            steps.append((on, figure))
    return tuple(steps)


def _read(form: Form) -> Indicator | None:
    """The target as typed; None where it cannot be made, every problem noted."""
    if not form.text("ten"):
        form.refuse("ten", "indicator_name_needed")
    starts_on = form.date("bat-dau", required="indicator_day_needed")
    due_on = form.date("thoi-han", required="indicator_day_needed")
    direction, frequency = form.text("chieu"), form.text("tan-suat")
    if direction not in set(Direction):
        form.refuse("chieu", "form_bad_choice")
    if frequency not in set(Frequency):
        form.refuse("tan-suat", "form_bad_choice")
    numbers = {name: _number(form, name) for name in ("ban-dau", "muc-tieu", "it-nhat", "nhieu-nhat")}
    steps = _steps(form)
    if form.problems or starts_on is None or due_on is None:
        return None
    return Indicator(
        name=form.text("ten"),
        unit=form.text("don-vi"),
        counts=form.text("mau-so"),
        starts_on=starts_on,
        due_on=due_on,
        direction=Direction(direction),
        baseline=numbers["ban-dau"],
        target=numbers["muc-tieu"],
        least=numbers["it-nhat"],
        most=numbers["nhieu-nhat"],
        frequency=Frequency(frequency),
        steps=steps,
        note=form.text("ghi-chu"),
    )


def _filled(one: Indicator) -> dict[str, str]:
    def number(value: Decimal | None) -> str:
        return "" if value is None else write_number(value)

    return {
        "ten": one.name,
        "don-vi": one.unit,
        "mau-so": one.counts,
        "chieu": one.direction.value,
        "ban-dau": number(one.baseline),
        "muc-tieu": number(one.target),
        "it-nhat": number(one.least),
        "nhieu-nhat": number(one.most),
        "bat-dau": short_day(one.starts_on),
        "thoi-han": short_day(one.due_on),
        "tan-suat": one.frequency.value,
        "cac-moc": "\n".join(f"{short_day(on)}: {write_number(figure)}" for on, figure in one.steps),
        "ghi-chu": one.note,
    }


def _directions(page: Page) -> list[tuple[str, str]]:
    return [(d.value, page.s(f"target.direction.{d.value}")) for d in Direction]


def _frequencies(page: Page) -> list[tuple[str, str]]:
    return [(f.value, page.s(f"target.frequency.{f.value}")) for f in Frequency]


async def _show_new(page: Page, task_id: str, form: Form | None, status: int = 200) -> Response[bytes]:
    found, directive = await _task(page, task_id)
    page.shown_path = f"{_path(found.id)}/moi"
    rows = [row for row in await list_for_task(page.actor, found.id) if row.state in OPEN_STATES]
    if form is None:
        wanted = page.query.get("co-quan", "")
        chosen = [
            str(row.id)
            for row in rows
            if (row.agency_code == wanted if wanted else row.part is not Part.COOPERATING)
        ]
        due = max((row.due_on for row in rows if row.due_on and row.due_on > page.today), default=None)
        form = Form(
            {
                "don-vi": "%",
                "chieu": Direction.AT_LEAST.value,
                "tan-suat": Frequency.MONTHLY.value,
                "bat-dau": short_day(page.today),
                "thoi-han": short_day(due) if due else "",
            },
            {"co-quan": chosen},
        )
    given = form.many("co-quan")
    return page.render(
        "indicator-set.html",
        status=status,
        task=found,
        directive=directive,
        form=form,
        action=page.shown_path,
        agencies=[
            Choice(str(row.id), row.agency_name, str(row.id) in given) for row in rows[:_MOST_AGENCIES]
        ],
        submission=new_submission(),
        version=None,
        target=None,
        most_name=NAME,
        most_unit=UNIT,
        directions=_directions(page),
        frequencies=_frequencies(page),
    )


@get("/viec/{task_id:str}/chi-tieu/moi", include_in_schema=False)
async def new(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """What has to be reached, by which agencies, until when?"""
    page = await open_page(request)
    require(page.actor, Verb.EDIT_TASK)
    return await _show_new(page, task_id, None)


@post("/viec/{task_id:str}/chi-tieu/moi", include_in_schema=False)
async def define(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """The target is set for every agency that is ticked, or for none."""
    page = await open_page(request)
    require(page.actor, Verb.EDIT_TASK)
    form = await read_form(page, repeatable=frozenset({"co-quan"}), most_fields=_MOST_AGENCIES + 50)
    found, _ = await _task(page, task_id)
    mine = {str(row.id): row.id for row in await list_for_task(page.actor, found.id)}
    if any(given not in mine for given in form.many("co-quan")):
        raise NotFound(noun="assignment", id=found.id)
    wanted = _read(form)
    if not form.many("co-quan"):
        form.refuse("co-quan", "indicator_for_nobody")
    status = 422
    if wanted is not None and not form.problems:

        async def work() -> str:
            ids = [mine[given] for given in form.many("co-quan")]
            return str(len(await actions.define_for(page.actor, ids, wanted, page.now)))

        try:
            count = await once(page, form, work)
            return page.see(_path(found.id), "notice.target_set", name=wanted.name, count=count)
        except Invalid as refused:
            form.take(refused, _FIELDS | _STEP_FIELDS)
        except Conflict as refused:
            status = 409
            form.problems.append(Problem("ten", refused.code, None, refused.params))
    return await _show_new(page, task_id, form, status)


# Changed, ended ----------------------------------------------------------------------------------------------


async def find(page: Page, task_id: str, agency_code: str, indicator_id: str) -> Defined:
    """The target of an address. Raises NotFound where the parts of the address do not belong together."""
    found = await db.get_indicator(page.actor, parse_id(indicator_id))
    if found.task_id != parse_id(task_id) or found.agency_code != agency_code:
        raise NotFound(noun="indicator", id=found.id)
    return found


async def _show_change(page: Page, found: Defined, form: Form | None, status: int = 200) -> Response[bytes]:
    page.shown_path = f"{path_of(found)}/sua"
    task, directive = await _task(page, str(found.task_id))
    return page.render(
        "indicator-set.html",
        status=status,
        task=task,
        directive=directive,
        form=form or Form(_filled(found.indicator)),
        action=page.shown_path,
        agencies=[],
        submission=new_submission(),
        version=found.row_version,
        target=found,
        target_path=path_of(found),
        most_name=NAME,
        most_unit=UNIT,
        past=await past_of(page, found),
        directions=_directions(page),
        frequencies=_frequencies(page),
    )


_ONE = "/viec/{task_id:str}/{agency_code:str}/chi-tieu/{indicator_id:str}"


@get(f"{_ONE}/sua", include_in_schema=False)
async def change_form(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str], indicator_id: FromPath[str]
) -> Response[bytes]:
    """What of this target shall be another, and why?"""
    page = await open_page(request)
    found = await find(page, task_id, agency_code, indicator_id)
    require(page.actor, Verb.EDIT_TASK)
    return await _show_change(page, found, None)


@post(f"{_ONE}/sua", include_in_schema=False)
async def change(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str], indicator_id: FromPath[str]
) -> Response[bytes]:
    """The target is defined anew; its history keeps what it was."""
    page = await open_page(request)
    found = await find(page, task_id, agency_code, indicator_id)
    require(page.actor, Verb.EDIT_TASK)
    form = await read_form(page)
    wanted = _read(form)
    if not form.text("ly-do"):
        form.refuse("ly-do", "form_reason_needed")
    status = 422
    if wanted is not None and not form.problems:

        async def work() -> str:
            await actions.change(page.actor, found.id, form.version(), wanted, form.text("ly-do"), page.now)
            return wanted.name

        try:
            name = await once(page, form, work)
            return page.see(path_of(found), "notice.target_changed", name=name)
        except (Invalid, Conflict) as refused:
            status = _taken(form, refused)
    return await _show_change(page, await db.get_indicator(page.actor, found.id), form, status)


@post(f"{_ONE}/ket-thuc", include_in_schema=False)
async def finish(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str], indicator_id: FromPath[str]
) -> Response[bytes]:
    """No reading is owed any more; what was read stays."""
    page = await open_page(request)
    found = await find(page, task_id, agency_code, indicator_id)
    require(page.actor, Verb.EDIT_TASK)
    form = await read_form(page)
    status = 422
    if not form.text("ly-do-ket-thuc"):
        form.refuse("ly-do-ket-thuc", "form_reason_needed")
    elif len(form.text("ly-do-ket-thuc")) > lengths.REASON:
        form.refuse(
            "ly-do-ket-thuc",
            "text_too_long",
            length=len(form.text("ly-do-ket-thuc")),
            max_length=lengths.REASON,
        )
    else:

        async def work() -> str:
            await actions.end(page.actor, found.id, form.version(), form.text("ly-do-ket-thuc"), page.now)
            return found.indicator.name

        try:
            name = await once(page, form, work)
            return page.see(path_of(found), "notice.target_ended", name=name)
        except (Invalid, Conflict) as refused:
            status = _taken(form, refused)
    now = await db.get_indicator(page.actor, found.id)
    # What stands in the form above is the target as it is: only the reason was typed.
    form.values = {**_filled(now.indicator), **form.values}
    return await _show_change(page, now, form, status)


def _taken(form: Form, refused: Invalid | Conflict) -> int:
    """Note what was refused beside its field; the status of the answer."""
    if isinstance(refused, Invalid):
        form.take(refused, _FIELDS | _STEP_FIELDS)
        return 422
    if isinstance(refused, StaleVersion):
        form.problems.append(Problem("", "indicator_moved", None, {}))
    else:
        form.problems.append(Problem("ten", refused.code, None, refused.params))
    return 409


routes = [of_task, new, define, change_form, change, finish]

"""Reconciliation: an agency answers for its list on one page; the assigning side sees what differs and settles it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import reconciliation as actions
from tracker.actions.exports import document_of
from tracker.actions.reconciliation import PATH, Sent
from tracker.db import reconciliation as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.reads_deciding import list_assignments
from tracker.db.reconciliation import Asked, Listed, Round
from tracker.documents.tables_model import Column, Kind, Row, Table, TableFormat
from tracker.domain.access import Subject, Verb, may, require
from tracker.domain.assignments import OPEN_STATES, Fine, State
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem
from tracker.domain.reconciliation import (
    Answer,
    Figures,
    Given,
    Item,
    RoundState,
    Settlement,
    Standing,
    is_so_by_now,
    month_of,
    next_month,
    standing_of,
)
from tracker.domain.statistics import Rate
from tracker.domain.workdays import WorkCalendar
from tracker.web.assignments import sub
from tracker.web.downloads import send, table_at_hand
from tracker.web.forms import Form, new_submission, parse_date, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import Tile, chip_of, path_of
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import Chip, decimal, short_day

ROUNDS_SHOWN = 24
SHOWN = 300
MOST_FIELDS = 20_000
ANSWERS = {
    "khop": Answer.AGREES,
    "da-xong": Answer.DONE,
    "han-khac": Answer.OTHER_DEADLINE,
    "khong-phai": Answer.NOT_OURS,
    "khac": Answer.OTHER,
}
_ANSWER_WORDS = {answer: word for word, answer in ANSWERS.items()}
SETTLEMENTS = {"dong-y": Settlement.ACCEPTED, "giu-nguyen": Settlement.KEPT}
_LOOKS = {
    Standing.DIFFERS: ("soon", "flag"),
    Standing.SILENT: ("late", "late"),
    Standing.WAITING: ("wait", "wait"),
    Standing.AGREED: ("done", "done"),
}
VIEWS = {
    "khac": Standing.DIFFERS,
    "im-lang": Standing.SILENT,
    "dang-cho": Standing.WAITING,
    "khop": Standing.AGREED,
}
_WAS = {
    Fine.OVERDUE: ("late", "late"),
    Fine.DUE_TODAY: ("soon", "today"),
    Fine.DUE_SOON: ("soon", "soon"),
    Fine.ON_SCHEDULE: ("", "open"),
    Fine.AWAITING_CONFIRMATION: ("wait", "wait"),
    Fine.RETURNED: ("", "back"),
    Fine.DONE_ON_TIME: ("done", "done"),
    Fine.DONE_LATE: ("", "done"),
    Fine.STANDING: ("", "standing"),
}
_COLUMNS = (
    "agency_code",
    "agency",
    "directive",
    "task",
    "listed_due",
    "listed_status",
    "answer",
    "number",
    "day",
    "word",
    "answered_by",
    "answered_at",
    "due_now",
    "status_now",
    "settled",
    "settled_word",
    "settled_by",
    "settled_at",
)
_KINDS: Mapping[str, Kind] = {
    "task": "long",
    "listed_due": "day",
    "day": "day",
    "word": "long",
    "answered_at": "moment",
    "due_now": "day",
    "settled_word": "long",
    "settled_at": "moment",
}


# Words ----------------------------------------------------------------------------------------------------------


def month_words(month: date) -> str:
    """A month as people write it.

    >>> month_words(date(2025, 11, 1))
    '11/2025'
    """
    return f"{month:%m/%Y}"


def address(found: Round, agency_code: str = "", part: str = "") -> str:
    """The address of a round, of an agency's list in it, or of a page below."""
    path = f"{PATH}/{found.id}" + (f"/{part}" if part else "")
    return path + (f"?co-quan={quote(agency_code, safe='')}" if agency_code else "")


def was_chip(page: Page, item: Item) -> Chip:
    """How an item stood when it was listed."""
    fine = Fine(item.fine)
    tone, icon = _WAS.get(fine, ("out", "out"))
    if fine is Fine.OVERDUE and item.days_late:
        words = page.days("status.silent" if item.is_by_age else "status.overdue", item.days_late)
    elif fine is Fine.DONE_LATE:
        words = (
            page.days("status.done_late", item.days_late)
            if item.days_late
            else page.s("status.done_late_hour")
        )
    else:
        words = page.s(f"recon.was.{fine.value}")
    return Chip(tone, icon, words)


def standing_chip(page: Page, standing: Standing) -> Chip:
    """Where an agency stands in a round."""
    tone, icon = _LOOKS[standing]
    return Chip(tone, icon, page.s(f"recon.standing.{standing.value}"))


def said_words(page: Page, given: Given) -> str:
    """What an agency says of an item, in a sentence; its own words stand beside it."""
    params = {"number": given.number, "day": short_day(given.day) if given.day else ""}
    return page.s(f"recon.said.{given.answer.value}", **params)


def rate_words(page: Page, rate: Rate) -> tuple[str, str, str]:
    """A share: what of what, the two numbers, the percentage."""
    value = rate.value
    return (
        page.s(f"recon.rate.{rate.numerator_name}"),
        f"{page.number(rate.numerator)}/{page.number(rate.denominator)}",
        "–" if value is None else f"{decimal(page.language, str(value))} %",
    )


# One item -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One item: as listed, as answered, as it stands now, how it was settled."""

    listed: Listed
    href: str
    was: Chip
    now: Chip | None
    due_now: date | None
    is_so_by_now: bool
    said: str
    said_by: Markup
    settled: str
    settled_by: Markup
    acts: list[tuple[str, str]]

    @property
    def item(self) -> Item:
        """What was listed."""
        return self.listed.item


def _by(page: Page, who: str, at: object) -> Markup:
    return Markup("{}, {}").format(who, at)


def line_of(page: Page, listed: Listed, row: Assignment | None, calendar: WorkCalendar) -> Line:
    """One item in words; `row` is the live task."""
    said = listed.said
    return Line(
        listed,
        path_of(row) if row else "",
        was_chip(page, listed.item),
        chip_of(page, row, calendar) if row else None,
        row.due_on if row else None,
        bool(row and said and is_so_by_now(said.given, row.state, row.due_on)),
        said_words(page, said.given) if said else "",
        _by(page, said.answered_by_name, page.moment(said.answered_at)) if said else Markup(""),
        page.s(f"recon.settled.{said.settled.value}") if said and said.settled else "",
        _by(page, said.settled_by_name, page.moment(said.settled_at))
        if said and said.settled_at
        else Markup(""),
        _acts(page, listed, row),
    )


def _acts(page: Page, listed: Listed, row: Assignment | None) -> list[tuple[str, str]]:
    """What the secretariat can do about a difference, where the task itself is still open."""
    if row is None or listed.said is None or row.state not in OPEN_STATES:
        return []
    answer = listed.said.given.answer
    acts: list[tuple[str, str]] = []
    if answer is Answer.DONE and row.state is State.REPORTED and may(page.actor, Verb.CONFIRM):
        acts.append(("confirm", f"/cho-xac-nhan/{row.id}"))
    if answer is Answer.DONE and row.state is not State.REPORTED and may(page.actor, Verb.URGE):
        acts.append(("urge", f"/don-doc/xem-truoc?viec={row.id}"))
    if answer is Answer.OTHER_DEADLINE and may(page.actor, Verb.EDIT_DEADLINE):
        acts.append(("redate", sub(row, "doi-han")))
    if answer is Answer.NOT_OURS and may(page.actor, Verb.TRANSFER):
        acts += [("transfer", sub(row, "giao-lai")), ("withdraw", sub(row, "rut"))]
    return [(page.s(f"recon.act.{name}"), href) for name, href in acts]


# The round ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AgencyLine:
    """An agency in the table of a round."""

    asked: Asked
    href: str
    standing: Standing
    chip: Chip
    note: str


def _standing(page: Page, found: Round, asked: Asked) -> Standing:
    return standing_of(asked.answered_at is not None, asked.differences, found.answer_by, page.today)


def _agency_line(page: Page, found: Round, asked: Asked) -> AgencyLine:
    standing = _standing(page, found, asked)
    note = ""
    if standing is Standing.DIFFERS:
        left = asked.differences - asked.settled
        note = page.s("recon.left", left=left, count=asked.differences)
    elif standing in (Standing.SILENT, Standing.WAITING) and not asked.letters:
        note = page.s("recon.no_letter")
    return AgencyLine(asked, address(found, asked.code), standing, standing_chip(page, standing), note)


def _tiles(page: Page, lines: Sequence[AgencyLine], here: str) -> list[Tile]:
    tiles = []
    for word, standing in VIEWS.items():
        tone, icon = _LOOKS[standing]
        count = sum(line.standing is standing for line in lines)
        is_current = here == word
        href = page.address(xem=None if is_current else word)
        name = page.s(f"recon.tile.{standing.value}")
        shown_tone = tone if tone == "late" else ""
        tiles.append(
            Tile(count, shown_tone, icon, name, href, page.s(f"recon.tile_note.{standing.value}"), is_current)
        )
    return tiles


@get(PATH, include_in_schema=False)
async def rounds(request: WebRequest) -> Response[bytes]:
    """The round of the month; for an agency its rounds."""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    listed = await db.list_rounds(page.actor, limit=ROUNDS_SHOWN)
    if page.is_agency:
        return await _show_own_rounds(page, listed)
    if listed:
        return await show_round(page, listed[0], Form({}), is_door=True)
    return page.render(
        "reconciliation-none.html",
        can_open=may(page.actor, Verb.RECONCILE),
        schedule=await _schedule(page),
        submission=new_submission(),
    )


async def _show_own_rounds(page: Page, listed: Sequence[Round]) -> Response[bytes]:
    lines = [
        (found, _agency_line(page, found, asked))
        for found in listed
        for asked in await actions.own_asked(page.actor, found.id)
    ]
    several = len({line.asked.agency_id for _, line in lines}) > 1
    return page.render("reconciliation-own.html", lines=lines, several=several)


async def _schedule(page: Page) -> dict[str, object]:
    begins = await actions.opens_from()
    return {
        "opens_from": month_words(begins) if begins else "",
        "can_schedule": may(page.actor, Verb.RECONCILE),
    }


async def show_round(
    page: Page, found: Round, form: Form, *, status: int = 200, is_door: bool = False
) -> Response[bytes]:
    """A round as the assigning side sees it: agencies by state, what differs beside what stands now.

    `is_door` where it stands at the address of all rounds.
    """
    page.shown_path = address(found)
    asked = await db.list_asked(found.id)
    lines = [_agency_line(page, found, one) for one in asked]
    listed, rows = await actions.differences(page.actor, found.id)
    figures = await actions.figures(page.actor, found.id, page.now)
    calendar = await load_calendar()
    view = page.query.get("xem", "")
    wanted = VIEWS.get(view)
    others = await db.list_rounds(page.actor, limit=ROUNDS_SHOWN)
    differing = [line_of(page, one, rows.get(one.assignment_id), calendar) for one in listed[:SHOWN]]
    return page.render(
        "reconciliation.html",
        status=status,
        form=form,
        x=found,
        here=address(found),
        month=month_words(found.month),
        is_door=is_door,
        figures=figures,
        rates=[rate_words(page, rate) for rate in figures.rates],
        tiles=_tiles(page, lines, view),
        lines=[line for line in lines if wanted is None or line.standing is wanted],
        waiting=[line for line in differing if not line.settled]
        if wanted in (None, Standing.DIFFERS)
        else [],
        settled=[line for line in differing if line.settled] if wanted in (None, Standing.DIFFERS) else [],
        hidden=max(len(listed) - SHOWN, 0),
        can_settle=may(page.actor, Verb.RECONCILE),
        can_open=may(page.actor, Verb.RECONCILE) and others[0].month < month_of(page.today),
        others=[(month_words(one.month), address(one), one.id == found.id) for one in others],
        settlements=[(word, page.s(f"recon.settle.{one.value}")) for word, one in SETTLEMENTS.items()],
        schedule=await _schedule(page),
        submission=new_submission(),
    )


@get(PATH + "/{round_id:str}", include_in_schema=False)
async def one_round(request: WebRequest, round_id: FromPath[str]) -> Response[bytes]:
    """A round; with an agency its list: to be answered by the agency, to be read by the others."""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    found, asked = await _read(page, round_id, page.query.get("co-quan", ""))
    if asked is None:
        return await show_round(page, found, Form({}))
    return await show_list(page, found, asked, None)


async def _read(page: Page, round_id: str, agency_code: str) -> tuple[Round, Asked | None]:
    """A round and one agency of it: the one that is named, else an agency's own. Raises NotFound."""
    found = await db.get_round(parse_id(round_id))
    if agency_code:
        return found, await actions.asked_of(page.actor, found.id, agency_code)
    if not page.is_agency:
        return found, None
    own = await actions.own_asked(page.actor, found.id)
    if not own:
        raise NotFound(noun="reconciliation", id=found.id)
    return found, own[0]


# The list of an agency ------------------------------------------------------------------------------------------


def _filled(listed: Sequence[Listed]) -> Form:
    """What was sent, and over it what is typed and not sent."""
    values: dict[str, str] = {}
    for one in listed:
        if one.said is not None:
            given = one.said.given
            day = short_day(given.day) if given.day else ""
            is_done = given.answer is Answer.DONE
            values |= {
                f"tl-{one.id}": _ANSWER_WORDS[given.answer],
                f"so-{one.id}": given.number,
                f"ngay-{one.id}": day if is_done else "",
                f"han-{one.id}": "" if is_done else day,
                f"loi-{one.id}": given.word,
            }
        values |= {f"{name}-{one.id}": value for name, value in one.draft.items()}
    return Form(values)


def _typed(form: Form, one: Listed) -> dict[str, str]:
    names = ("tl", "so", "ngay", "han", "loi")
    return {name: given for name in names if (given := form.text(f"{name}-{one.id}"))}


def _given(form: Form, listed: Sequence[Listed]) -> list[Given]:
    """The answers that were chosen; what cannot be read is noted."""
    given = []
    for one in listed:
        word = form.text(f"tl-{one.id}")
        if not word:
            continue
        answer = ANSWERS.get(word)
        if answer is None:
            form.refuse(f"tl-{one.id}", "reconciliation_answer_unknown", value=word[:40])
            continue
        day = None
        if answer is Answer.DONE:
            day = form.date(f"ngay-{one.id}")
        elif answer is Answer.OTHER_DEADLINE:
            day = form.date(f"han-{one.id}")
        given.append(Given(one.id, answer, form.text(f"so-{one.id}"), day, form.text(f"loi-{one.id}")))
    return given


def _names(given: Sequence[Given], listed: Sequence[Listed]) -> dict[str, str]:
    """The fields of the form by the pointers of the action."""
    first = next(
        (one.id for one in listed if one.said is None and all(g.item_id != one.id for g in given)), 0
    )
    names = {"/answers": f"tl-{first}", "/seen": "con-lai"}
    for place, one in enumerate(given):
        at = f"/answers/{place}"
        names |= {
            f"{at}/item_id": f"tl-{one.item_id}",
            f"{at}/number": f"so-{one.item_id}",
            f"{at}/day": f"{'ngay' if one.answer is Answer.DONE else 'han'}-{one.item_id}",
            f"{at}/word": f"loi-{one.item_id}",
        }
    return names


async def show_list(
    page: Page, found: Round, asked: Asked, form: Form | None, *, status: int = 200
) -> Response[bytes]:
    """An agency's list; a form where the reader answers for the agency and the round is open."""
    page.shown_path = address(found)
    listed = await db.list_items(found.id, asked.agency_id)
    rows: Mapping[int, Assignment] = {}
    if listed:
        rows = await list_assignments(page.actor, [one.assignment_id for one in listed])
    calendar = await load_calendar()
    can_answer = found.state is RoundState.OPEN and may(
        page.actor, Verb.REPORT, Subject.of_agency(asked.agency_id)
    )
    own = await actions.own_asked(page.actor, found.id) if page.is_agency else []
    lines = [line_of(page, one, rows.get(one.assignment_id), calendar) for one in listed]
    return page.render(
        "reconciliation-answer.html" if can_answer else "reconciliation-list.html",
        status=status,
        x=found,
        a=asked,
        here=address(found),
        action=address(found, asked.code),
        month=month_words(found.month),
        chip=standing_chip(page, _standing(page, found, asked)),
        open_lines=[line for line in lines if line.item.is_open],
        closed_lines=[line for line in lines if not line.item.is_open],
        total=len(lines),
        unanswered=sum(line.listed.said is None for line in lines),
        has_draft=any(one.draft for one in listed),
        form=form or _filled(listed),
        choices=[(word, page.s(f"recon.pick.{answer.value}")) for word, answer in ANSWERS.items()],
        others=[(one.name, address(found, one.code), one.agency_id == asked.agency_id) for one in own],
        submission=new_submission(),
    )


@post(PATH + "/{round_id:str}", include_in_schema=False)
async def answer(request: WebRequest, round_id: FromPath[str]) -> Response[bytes]:
    """The agency keeps what it has typed, or sends its answer."""
    page = await open_page(request)
    require(page.actor, Verb.REPORT)
    form = await read_form(page, most_fields=MOST_FIELDS)
    found, asked = await _read(page, round_id, page.query.get("co-quan", ""))
    if asked is None:
        raise NotFound(noun="reconciliation", id=found.id)
    listed = await db.list_items(found.id, asked.agency_id)
    if form.text("viec") == "luu":
        return await _keep(page, found, asked, listed, form)
    given = _given(form, listed)

    async def work() -> str:
        sent = Sent(given, form.has("con-lai"), form.text("danh-sach"), form.version())
        taken = await actions.answer(page.actor, found.id, asked.code, sent, page.now)
        return str(taken.differences)

    done = await _attempt(page, form, work, _names(given, listed))
    if isinstance(done, int):
        return await show_list(page, found, asked, form, status=done)
    notice = "notice.recon_sent" if done != "0" else "notice.recon_agreed"
    return page.see(address(found, asked.code), notice, count=done, agency=asked.name)


async def _keep(
    page: Page, found: Round, asked: Asked, listed: Sequence[Listed], form: Form
) -> Response[bytes]:
    typed = {one.id: _typed(form, one) for one in listed}

    async def work() -> str:
        return str(await actions.save_draft(page.actor, found.id, asked.code, typed, page.now))

    done = await _attempt(page, form, work, {})
    if isinstance(done, int):
        return await show_list(page, found, asked, form, status=done)
    return page.see(address(found, asked.code), "notice.recon_kept", count=done)


async def _attempt(
    page: Page, form: Form, work: Callable[[], Awaitable[str]], fields: dict[str, str]
) -> str | int:
    """What the action says; or the status of the page that shows the form again."""
    if form.problems:
        return 422
    try:
        return await once(page, form, work)
    except Invalid as refused:
        form.take(refused, fields)
        return 422
    except Conflict as refused:
        form.problems.append(Problem("", refused.code, None, dict(refused.params)))
        return 409


# Opening, settling, closing -------------------------------------------------------------------------------------


@get(PATH + "/moi", include_in_schema=False)
async def before_opening(request: WebRequest) -> Response[bytes]:
    """Whom would a round of this month ask about how many tasks?"""
    page = await open_page(request)
    require(page.actor, Verb.RECONCILE)
    usual = await actions.usual(page.now)
    values = {
        "den-ngay": page.query.get("den-ngay", short_day(usual.as_of)),
        "tra-loi": page.query.get("tra-loi", short_day(usual.answer_by)),
    }
    return await _show_opening(page, Form(values))


async def _show_opening(page: Page, form: Form, *, status: int = 200) -> Response[bytes]:
    page.shown_path = f"{PATH}/moi"
    shown = None
    as_of, answer_by = parse_date(form.text("den-ngay")), parse_date(form.text("tra-loi"))
    if not form.problems:
        as_of = form.date("den-ngay", required="form_date_needed")
        answer_by = form.date("tra-loi", required="form_date_needed")
        if as_of is not None and answer_by is not None:
            try:
                shown = await actions.preview(page.actor, as_of, answer_by, page.now)
            except Invalid as refused:
                form.take(refused, {"/as_of": "den-ngay", "/answer_by": "tra-loi"})
        if form.problems:
            status = 422
    return page.render(
        "reconciliation-new.html",
        status=status,
        form=form,
        shown=shown,
        month=month_words(month_of(page.today)),
        exists=address(shown.exists) if shown and shown.exists else "",
        open_count=sum(own.open_count for own in shown.lists) if shown else 0,
        closed_count=sum(len(own.items) - own.open_count for own in shown.lists) if shown else 0,
        submission=new_submission(),
    )


@post(PATH + "/moi", include_in_schema=False)
async def open_round(request: WebRequest) -> Response[bytes]:
    """Open the round and write to the agencies."""
    page = await open_page(request)
    require(page.actor, Verb.RECONCILE)
    form = await read_form(page)
    as_of = form.date("den-ngay", required="form_date_needed")
    answer_by = form.date("tra-loi", required="form_date_needed")

    async def work() -> str:
        assert as_of is not None
        assert answer_by is not None
        return str(await actions.open_round(page.actor, as_of, answer_by, page.now))

    done = await _attempt(page, form, work, {"/as_of": "den-ngay", "/answer_by": "tra-loi"})
    if isinstance(done, int):
        return await _show_opening(page, form, status=done)
    return page.see(f"{PATH}/{done}", "notice.recon_opened")


@post(PATH + "/tu-mo", include_in_schema=False)
async def schedule(request: WebRequest) -> Response[bytes]:
    """Rounds open by themselves from next month on, or only by hand."""
    page = await open_page(request)
    require(page.actor, Verb.RECONCILE)
    form = await read_form(page)
    begins = next_month(page.today) if form.text("bat") == "1" else None
    await actions.set_opens_from(page.actor, begins, page.now)
    if begins is None:
        return page.see(PATH, "notice.recon_by_hand")
    return page.see(PATH, "notice.recon_by_itself", month=month_words(begins))


@post(PATH + "/{round_id:str}/giai-quyet", include_in_schema=False)
async def settle(request: WebRequest, round_id: FromPath[str]) -> Response[bytes]:
    """Settle one difference with a word."""
    page = await open_page(request)
    require(page.actor, Verb.RECONCILE)
    found = await db.get_round(parse_id(round_id))
    form = await read_form(page)
    item_id, answer_id = _number(form.text("muc")), _number(form.text("tra-loi"))
    settlement = SETTLEMENTS.get(form.text("cach"))
    if settlement is None:
        form.refuse(f"cach-{item_id}", "reconciliation_settlement_unknown", value=form.text("cach")[:40])

    async def work() -> str:
        assert settlement is not None
        word = form.text(f"loi-{item_id}")
        await actions.settle(
            page.actor, found.id, item_id, settlement, word, page.now, answer_id=answer_id or None
        )
        return settlement.value

    done = await _attempt(page, form, work, {"/word": f"loi-{item_id}", "/item_id": ""})
    if isinstance(done, int):
        return await show_round(page, found, form, status=done)
    notice = "notice.recon_accepted" if done == Settlement.ACCEPTED else "notice.recon_kept_as_is"
    return page.see(f"{address(found)}#muc-{item_id}", notice)


def _number(given: str) -> int:
    return int(given) if re.fullmatch(r"[0-9]{1,18}", given) else 0


@post(PATH + "/{round_id:str}/dong", include_in_schema=False)
async def close(request: WebRequest, round_id: FromPath[str]) -> Response[bytes]:
    """Take no more answers."""
    page = await open_page(request)
    require(page.actor, Verb.RECONCILE)
    found = await db.get_round(parse_id(round_id))
    form = await read_form(page)

    async def work() -> str:
        await actions.close(page.actor, found.id, form.version(), page.now)
        return "closed"

    done = await _attempt(page, form, work, {})
    if isinstance(done, int):
        return await show_round(page, await db.get_round(found.id), form, status=done)
    return page.see(address(found), "notice.recon_closed")


# Files ----------------------------------------------------------------------------------------------------------


@get(PATH + "/{round_id:str}/khac-biet.xlsx", include_in_schema=False)
async def differences_xlsx(request: WebRequest, round_id: FromPath[str]) -> Response[bytes]:
    """What differs, as a spreadsheet."""
    return await _file(await open_page(request), round_id, "xlsx")


@get(PATH + "/{round_id:str}/khac-biet.csv", include_in_schema=False)
async def differences_csv(request: WebRequest, round_id: FromPath[str]) -> Response[bytes]:
    """What differs, as comma-separated values."""
    return await _file(await open_page(request), round_id, "csv")


async def differences_table(page: Page, round_id: str) -> Table:
    """What differs in a month, for who follows it."""
    require(page.actor, Verb.EXPORT)
    actions.require_outside(page.actor)
    found = await db.get_round(parse_id(round_id))
    listed, rows = await actions.differences(page.actor, found.id)
    calendar = await load_calendar()
    made = table_at_hand(
        page,
        f"doi-chieu-{found.month:%Y-%m}-khac-biet",
        page.s("recon.sheet"),
        [Column(key, page.s(f"recon.column.{key}"), _KINDS.get(key, "text")) for key in _COLUMNS],
        [_cells(page, line_of(page, one, rows.get(one.assignment_id), calendar)) for one in listed],
        scope=[f"{found.month:%m/%Y}"],
    )
    return replace(made, name=f"doi-chieu-{found.month:%Y-%m}-khac-biet")


async def _file(page: Page, round_id: str, form: TableFormat) -> Response[bytes]:
    return send(await document_of(await differences_table(page, round_id), form))


def _cells(page: Page, line: Line) -> Row:
    listed, said = line.listed, line.listed.said
    assert said is not None
    # A file is handed on: of a restricted task it holds what a mail would.
    hidden = listed.restricted
    return (
        listed.agency_code,
        listed.agency_name,
        line.item.directive_number,
        page.s("mail.restricted") if hidden else line.item.title,
        line.item.due_on,
        line.was.words,
        page.s(f"recon.choice.{said.given.answer.value}"),
        said.given.number,
        said.given.day,
        "" if hidden else said.given.word,
        said.answered_by_name,
        said.answered_at,
        line.due_now,
        line.now.words if line.now else "",
        line.settled,
        "" if hidden else said.settled_word,
        said.settled_by_name,
        said.settled_at,
    )


# What waits, for the first pages --------------------------------------------------------------------------------


@dataclass(frozen=True)
class ToDo:
    """A line for the first page of a reader: what waits for them, and where."""

    words: str
    href: str
    action: str


async def to_do(page: Page) -> list[ToDo]:
    """What reconciliation asks of the reader: lists to answer, differences to settle, agencies that are silent."""
    if page.is_agency:
        return [
            ToDo(
                page.s(
                    "recon.todo_agency",
                    month=month_words(found.month),
                    count=asked.items,
                    agency=asked.name,
                    day=short_day(found.answer_by),
                ),
                address(found, asked.code),
                page.s("recon.todo_answer"),
            )
            for found, asked in await db.list_open_of(sorted(page.actor.agency_ids))
        ]
    found = next(iter(await db.list_rounds(page.actor, limit=1)), None)
    if found is None:
        return []
    figures = await actions.figures(page.actor, found.id, page.now)
    return _desk_to_do(page, found, figures)


def _desk_to_do(page: Page, found: Round, figures: Figures) -> list[ToDo]:
    said = []
    if figures.unsettled:
        said.append(page.s("recon.todo_differences", count=page.number(figures.unsettled)))
    if figures.silent and found.state is RoundState.OPEN:
        said.append(page.s("recon.todo_silent", count=page.number(figures.silent)))
    if not said:
        return []
    words = page.s("recon.todo_desk", month=month_words(found.month), what="; ".join(said))
    return [ToDo(words, address(found), page.s("recon.todo_open"))]


routes = [
    rounds,
    before_opening,
    open_round,
    schedule,
    one_round,
    answer,
    settle,
    close,
    differences_xlsx,
    differences_csv,
]

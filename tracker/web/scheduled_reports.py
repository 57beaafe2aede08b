"""Reports that go by themselves: which ones there are, setting one up, its next days and what became of its letters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import scheduled_reports as actions
from tracker.actions.scheduled_reports import MOST_WEEKS, PATH, Shown
from tracker.actions.scheduled_tables import Made
from tracker.api.endpoint import attachment_header
from tracker.db import scheduled_reports as db
from tracker.db.directives import list_directives
from tracker.db.reads_web import list_agency_choices
from tracker.db.scheduled_reports import Choices, Choosable, Letter, ScheduledReport
from tracker.domain.access import Verb, require
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem
from tracker.domain.scheduled_reports import EARLIEST, LATEST, FileFormat, Rhythm, Timing, What
from tracker.web.forms import Form, new_submission, parse_date, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import Chip, short_day

LETTERS = 50
_MOST_FIELDS = 1200
_HOUR = re.compile(r"([01]?[0-9]|2[0-3])[:hg.]([0-5][0-9])")
_WHATS = {"qua-han": What.OVERDUE, "ty-le": What.RATES, "ty-le-khoi": What.BLOCK_RATES,
          "theo-so-ngay": What.AGEING, "sap-den-han": What.DUE}  # fmt: skip
_RHYTHMS = {"tuan": Rhythm.WEEKLY, "thang": Rhythm.MONTHLY}
_WHAT_WORDS = {what: word for word, what in _WHATS.items()}
_RHYTHM_WORDS = {rhythm: word for word, rhythm in _RHYTHMS.items()}
_FIELDS = {
    "/name": "ten", "/what": "bang", "/day": "ngay", "/hour": "gio", "/weeks": "so-tuan", "/field": "linh-vuc",
    "/language": "ngon-ngu", "/agencies": "co-quan", "/readers": "nguoi", "/directive_id": "van-ban",
}  # fmt: skip
_TONES = {"active": ("done", "done"), "paused": ("out", "out"), "ended": ("out", "close")}
_WAYS = {
    "sent": ("done", "done"),
    "pending": ("wait", "wait"),
    "sending": ("wait", "wait"),
    "failed": ("late", "close"),
    "held": ("late", "close"),
    "superseded": ("out", "out"),
}


# -- what the pages show ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One report in the list."""

    href: str
    name: str
    what: str
    when: str
    readers: int
    next_on: date | None
    unknown_year: int | None
    chip: Chip


def _when(page: Page, timing: Timing) -> str:
    if timing.rhythm is Rhythm.WEEKLY:
        return page.s("sched.weekly", day=page.s(f"weekday.{timing.day}"), at=f"{timing.at:%H:%M}")
    key = "sched.monthly_last" if timing.day == 31 else "sched.monthly"
    return page.s(key, day=timing.day, at=f"{timing.at:%H:%M}")


def _state(page: Page, state: str) -> Chip:
    tone, icon = _TONES[state]
    return Chip(tone, icon, page.s(f"sched.state.{state}"))


def _line(page: Page, shown: Shown) -> Line:
    report = shown.report
    return Line(
        href=f"{PATH}/{report.id}",
        name=report.choices.name,
        what=page.s(f"mail.scheduled.what.{report.choices.what.value}"),
        when=_when(page, report.choices.timing),
        readers=len(report.choices.reader_ids),
        next_on=next(iter(shown.coming.days), None),
        unknown_year=shown.coming.unknown_year,
        chip=_state(page, report.state),
    )


@dataclass(frozen=True)
class LetterRow:
    """What became of one letter."""

    day: date
    name: str
    chip: Chip
    note: str
    href: str
    at: datetime


def _letter(page: Page, letter: Letter) -> LetterRow:
    if letter.way:
        tone, icon = _WAYS[letter.way]
        words = page.s(f"sched.way.{letter.way}")
    else:
        tone, icon = ("late", "close") if letter.outcome in ("dead", "failed") else ("out", "out")
        words = page.s(f"sched.outcome.{letter.outcome}")
    notes = [
        page.s("sched.late") if letter.is_late else "",
        page.s("sched.linked") if letter.outcome == "linked" else "",
        page.s("sched.rows", count=page.number(letter.rows)) if letter.rows is not None else "",
    ]
    return LetterRow(
        letter.day,
        letter.reader_name,
        Chip(tone, icon, words),
        ", ".join(filter(None, notes)),
        f"/thu/{letter.outbox_id}" if letter.outbox_id else "",
        letter.sent_at or letter.made_at,
    )


def _file(made: Made) -> Response[bytes]:
    document = made.document
    return Response(
        content=document.content,
        media_type=document.media_type,
        headers={"Content-Disposition": attachment_header(document.name), "Cache-Control": "no-store"},
    )


# -- the list and one report -----------------------------------------------------------------------------


@get(PATH, include_in_schema=False)
async def reports(request: WebRequest) -> Response[bytes]:
    """Which reports go by themselves, and when next?"""
    page = await open_page(request)
    require(page.actor, Verb.SCHEDULE_REPORTS)
    shown = await actions.list_all(page.actor, page.now)
    return page.render("scheduled-reports.html", lines=[_line(page, one) for one in shown])


@get(f"{PATH}/{{report_id:str}}", include_in_schema=False)
async def report(request: WebRequest, report_id: FromPath[str]) -> Response[bytes]:
    """To whom does it go, when next, and did the last ones arrive?"""
    page = await open_page(request)
    require(page.actor, Verb.SCHEDULE_REPORTS)
    return await _show(page, parse_id(report_id))


async def _show(
    page: Page, report_id: int, problems: list[Problem] | None = None, status: int = 200
) -> Response[bytes]:
    shown = await actions.get(page.actor, report_id, page.now)
    report = shown.report
    page.shown_path = f"{PATH}/{report_id}"
    letters = await actions.list_letters(page.actor, report_id, LETTERS)
    letters.sort(key=lambda letter: (letter.day, letter.id), reverse=True)
    return page.render(
        "scheduled-report.html",
        status=status,
        form=Form({}, problems=problems or []),
        report=report,
        line=_line(page, shown),
        coming=shown.coming,
        facts=await _facts(page, report),
        readers=await actions.list_readers(page.actor, report),
        letters=[_letter(page, letter) for letter in letters],
        most_letters=LETTERS,
    )


async def _facts(page: Page, report: ScheduledReport) -> list[tuple[str, str]]:
    """What it holds, in words."""
    choices = report.choices
    agencies = dict(await list_agency_choices(page.actor))
    directive = ""
    if choices.directive_id is not None:
        found = [d for d in await list_directives(page.actor, limit=200) if d.id == choices.directive_id]
        directive = found[0].number if found else str(choices.directive_id)
    facts = [
        (page.s("sched.what"), page.s(f"mail.scheduled.what.{choices.what.value}")),
        (page.s("sched.weeks"), page.number(choices.weeks) if choices.what is What.DUE else ""),
        (page.s("col.agency"), ", ".join(agencies.get(code, code) for code in choices.agency_codes)),
        (page.s("sched.field"), choices.field),
        (page.s("col.directive"), directive),
        (page.s("sched.when"), _when(page, choices.timing)),
        (page.s("sched.form"), page.s(f"sched.form.{choices.form.value}")),
        (page.s("sched.language"), page.s(f"sched.language.{choices.language or 'own'}")),
        (page.s("sched.empty"), page.s("sched.empty.out" if choices.leave_out_empty else "sched.empty.told")),
        (page.s("sched.made_by"), report.made_by_name),
    ]
    return [(label, value) for label, value in facts if value]


@get(f"{PATH}/{{report_id:str}}/xem-thu", include_in_schema=False)
async def preview(request: WebRequest, report_id: FromPath[str]) -> Response[bytes]:
    """The document itself, as it would go today to me."""
    page = await open_page(request)
    require(page.actor, Verb.SCHEDULE_REPORTS)
    return _file(await actions.preview(page.actor, parse_id(report_id), page.now, page.language))


@get(f"{PATH}/{{report_id:str}}/ky/{{day:str}}", include_in_schema=False)
async def own_file(request: WebRequest, report_id: FromPath[str], day: FromPath[str]) -> Response[bytes]:
    """The file of a letter, made with what I may see now."""
    page = await open_page(request)
    number, wanted = parse_id(report_id), parse_date(day)
    if wanted is None:
        raise NotFound(noun="scheduled_report", id=number)
    return _file(await actions.own_file(page.actor, number, wanted, page.now, page.language))


# -- setting up ------------------------------------------------------------------------------------------


def _values(choices: Choices, people: list[Choosable]) -> Form:
    """A report as the form has it."""
    assigning = {person.official_id for person in people if person.is_assigning}
    timing = choices.timing
    values = {
        "ten": choices.name,
        "bang": _WHAT_WORDS[choices.what],
        "nhip": _RHYTHM_WORDS[timing.rhythm],
        "thu": str(timing.day if timing.rhythm is Rhythm.WEEKLY else 1),
        "ngay": str(timing.day if timing.rhythm is Rhythm.MONTHLY else 1),
        "gio": f"{timing.at:%H:%M}",
        "tep": choices.form.value,
        "ngon-ngu": choices.language or "",
        "linh-vuc": choices.field,
        "van-ban": str(choices.directive_id or ""),
        "so-tuan": str(choices.weeks),
        "dia-chi": "\n".join(
            person.email
            for person in people
            if person.official_id in choices.reader_ids and not person.is_assigning
        ),
    }
    if choices.leave_out_empty:
        values["bo-trong"] = "1"
    lists = {
        "nguoi": [str(i) for i in choices.reader_ids if i in assigning],
        "co-quan": list(choices.agency_codes),
    }
    return Form(values, lists)


def _read(form: Form, people: list[Choosable]) -> Choices | None:
    """What the form asks for; None where something of it cannot be read, which is noted."""
    what, rhythm = _WHATS.get(form.text("bang")), _RHYTHMS.get(form.text("nhip"))
    file = next((f for f in FileFormat if f.value == form.text("tep")), None)
    for name, found in (("bang", what), ("nhip", rhythm), ("tep", file)):
        if found is None:
            form.refuse(name, "form_bad_choice")
    day = _number(form, "thu" if rhythm is Rhythm.WEEKLY else "ngay", 31)
    weeks = _number(form, "so-tuan", MOST_WEEKS) if what is What.DUE else 2
    match = _HOUR.fullmatch(form.text("gio").lower())
    if match is None:
        form.refuse("gio", "scheduled_hour", least=f"{EARLIEST:%H:%M}", most=f"{LATEST:%H:%M}")
    directive = form.text("van-ban")
    readers = [int(one) for one in form.many("nguoi") if re.fullmatch(r"[0-9]{1,18}", one)]
    by_email = {person.email.casefold(): person.official_id for person in people}
    for address in filter(None, re.split(r"[\s,;]+", form.text("dia-chi"))):
        if (found_id := by_email.get(address.casefold())) is None:
            form.problems.append(Problem("dia-chi", "scheduled_reader_unknown", address[:200], {}))
        else:
            readers.append(found_id)
    if form.problems or what is None or rhythm is None or file is None or match is None:
        return None
    return Choices(
        name=form.text("ten"),
        what=what,
        timing=Timing(rhythm, day, time(int(match[1]), int(match[2]))),
        form=file,
        reader_ids=tuple(dict.fromkeys(readers)),
        language=form.text("ngon-ngu") or None,
        agency_codes=tuple(form.many("co-quan")),
        directive_id=parse_id(directive) if directive else None,
        field=form.text("linh-vuc"),
        weeks=weeks,
        leave_out_empty=form.has("bo-trong"),
    )


def _number(form: Form, name: str, most: int) -> int:
    given = form.text(name)
    if re.fullmatch(r"[0-9]{1,3}", given) and 1 <= int(given) <= most:
        return int(given)
    form.refuse(name, "out_of_range", least=1, most=most)
    return 1


def _take(form: Form, refused: Invalid) -> None:
    """Problems of one of many people or agencies stand at the whole field."""
    for problem in refused.problems:
        name = next(
            (ours for field, ours in _FIELDS.items() if problem.field.split("/")[1:2] == [field[1:]]), ""
        )
        if name == "ngay" and form.text("nhip") == "tuan":
            name = "thu"
        form.problems.append(Problem(name, problem.code, problem.value, problem.params))


async def _form_page(page: Page, form: Form, report: ScheduledReport | None, status: int) -> Response[bytes]:
    page.shown_path = f"{PATH}/moi" if report is None else f"{PATH}/{report.id}/sua"
    people = await db.list_choosable()
    directives = await list_directives(page.actor, limit=200)
    fields = await db.list_known_fields()
    known = form.values.get("linh-vuc", "")
    return page.render(
        "scheduled-report-form.html",
        status=status,
        form=form,
        report=report,
        submission=new_submission(),
        whats=[(word, page.s(f"mail.scheduled.what.{what.value}")) for word, what in _WHATS.items()],
        weekdays=[(str(day), _upper(page.s(f"weekday.{day}"))) for day in _weekdays(form)],
        month_days=[(str(day), page.s("sched.last_day") if day == 31 else str(day)) for day in range(1, 32)],
        forms=[(form.value, page.s(f"sched.form.{form.value}")) for form in FileFormat],
        languages=[("", page.s("sched.language.own"))]
        + [(code, page.s(f"sched.language.{code}")) for code in ("vi", "en")],
        agencies=await list_agency_choices(page.actor),
        chosen_agencies=frozenset(form.many("co-quan")),
        directives=[("", page.s("overdue.any_directive"))]
        + [(str(d.id), f"{d.number} ({short_day(d.issued_on)})") for d in directives],
        fields=[("", page.s("sched.any_field"))]
        + [(name, name) for name in dict.fromkeys([*([known] if known else []), *fields])],
        people=[person for person in people if person.is_assigning],
        chosen_people=frozenset(form.many("nguoi")),
        hours={"least": f"{EARLIEST:%H:%M}", "most": f"{LATEST:%H:%M}"},
        most_weeks=MOST_WEEKS,
    )


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _weekdays(form: Form) -> list[int]:
    """Monday to Friday, and a day of the weekend where somebody chose it: it moves unless it is a swapped day."""
    given = form.text("thu")
    return [day for day in range(1, 8) if day <= 5 or str(day) == given]


_FRESH = {
    "bang": "qua-han",
    "nhip": "tuan",
    "thu": "1",
    "ngay": "1",
    "gio": "07:30",
    "tep": "docx",
    "so-tuan": "2",
}
_MANY = frozenset({"nguoi", "co-quan"})


@get(f"{PATH}/moi", include_in_schema=False)
async def new(request: WebRequest) -> Response[bytes]:
    """What shall go to whom, and when?"""
    page = await open_page(request)
    require(page.actor, Verb.SCHEDULE_REPORTS)
    return await _form_page(page, Form(dict(_FRESH)), None, 200)


@post(PATH, include_in_schema=False)
async def create(request: WebRequest) -> Response[bytes]:
    """Let a report go from now on."""
    page = await open_page(request)
    require(page.actor, Verb.SCHEDULE_REPORTS)
    form = await read_form(page, repeatable=_MANY, most_fields=_MOST_FIELDS)
    choices = _read(form, await db.list_choosable())
    if choices is None:
        return await _form_page(page, form, None, 422)

    async def work() -> str:
        return str(await actions.make(page.actor, choices, page.now))

    try:
        report_id = await once(page, form, work)
    except Invalid as error:
        _take(form, error)
        return await _form_page(page, form, None, 422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _form_page(page, form, None, 409)
    return page.see(f"{PATH}/{report_id}", "notice.sched_made", name=choices.name)


@get(f"{PATH}/{{report_id:str}}/sua", include_in_schema=False)
async def edit(request: WebRequest, report_id: FromPath[str]) -> Response[bytes]:
    """Another table, other people, another day?"""
    page = await open_page(request)
    require(page.actor, Verb.SCHEDULE_REPORTS)
    found = (await actions.get(page.actor, parse_id(report_id), page.now)).report
    return await _form_page(page, _values(found.choices, await db.list_choosable()), found, 200)


@post(f"{PATH}/{{report_id:str}}/sua", include_in_schema=False)
async def change(request: WebRequest, report_id: FromPath[str]) -> Response[bytes]:
    """Change it for the next time."""
    page = await open_page(request)
    require(page.actor, Verb.SCHEDULE_REPORTS)
    form = await read_form(page, repeatable=_MANY, most_fields=_MOST_FIELDS)
    found = (await actions.get(page.actor, parse_id(report_id), page.now)).report
    choices = _read(form, await db.list_choosable())
    if choices is None:
        return await _form_page(page, form, found, 422)
    try:
        await actions.change(page.actor, found.id, form.version(), choices, page.now)
    except Invalid as error:
        _take(form, error)
        return await _form_page(page, form, found, 422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _form_page(page, form, found, 409)
    return page.see(f"{PATH}/{found.id}", "notice.sched_changed", name=choices.name)


async def _switch(request: WebRequest, report_id: str, verb: str) -> Response[bytes]:
    page = await open_page(request)
    require(page.actor, Verb.SCHEDULE_REPORTS)
    form = await read_form(page)
    number = parse_id(report_id)
    work = {"pause": actions.pause, "resume": actions.resume, "end": actions.end}[verb]
    # The toast's button knows no version: it takes back what was done just now.
    version = form.version() or None
    try:
        found = await work(page.actor, number, version, page.now)
    except Conflict as error:
        return await _show(page, number, [Problem("", error.code, None, error.params)], 409)
    undo = f"{PATH}/{number}/tiep-tuc" if verb == "pause" else ""
    return page.see(f"{PATH}/{number}", f"notice.sched_{verb}", undo=undo, name=found.choices.name)


@post(f"{PATH}/{{report_id:str}}/tam-dung", include_in_schema=False)
async def pause(request: WebRequest, report_id: FromPath[str]) -> Response[bytes]:
    """Send nothing until it goes on."""
    return await _switch(request, report_id, "pause")


@post(f"{PATH}/{{report_id:str}}/tiep-tuc", include_in_schema=False)
async def resume(request: WebRequest, report_id: FromPath[str]) -> Response[bytes]:
    """Let it go on."""
    return await _switch(request, report_id, "resume")


@post(f"{PATH}/{{report_id:str}}/ket-thuc", include_in_schema=False)
async def end(request: WebRequest, report_id: FromPath[str]) -> Response[bytes]:
    """Send nothing any more."""
    return await _switch(request, report_id, "end")


routes = [reports, new, create, report, edit, change, preview, own_file, pause, resume, end]

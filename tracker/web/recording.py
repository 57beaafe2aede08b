"""Recording a directive with its tasks in one form, and giving more tasks of one that stands.

Every button of the form but the last changes nothing: it shows the form again with one task more or less, or with
what the words came to. So it works without a script; the script asks for the same hints while somebody types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker import clock
from tracker.actions import directives as actions
from tracker.actions import drafting
from tracker.actions.directives import DirectiveRecorded
from tracker.actions.drafting import SIX, DraftTask, Named, Reading
from tracker.db import reads_recording
from tracker.db.directives import Directive, get_directive
from tracker.db.directory import list_assigning_side
from tracker.domain.access import Verb, require
from tracker.domain.drafts import NewDirective
from tracker.domain.errors import Invalid, Problem
from tracker.domain.recording import DIRECTIVE_KINDS, URGENCIES, Due
from tracker.domain.zone import civil_day
from tracker.intake.rows import shorten
from tracker.web import submissions
from tracker.web.forms import Form, new_submission, parse_date, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest
from tracker.words import render_words

MOST_TASKS = 40
_MOST_FIELDS = 40 + MOST_TASKS * 20
_MOST_BYTES = 4_000_000
_MOST_NAMES = 4000
"""So many characters a field for agencies may hold: what is longer is no list of names."""
_FIELD = re.compile(r"v([1-9][0-9]{0,3})-[a-z-]+")
_TIME = re.compile(r"([01]?[0-9]|2[0-3])\s*(?::|h|giờ)\s*([0-5][0-9])?")
_PICK = re.compile(r"(chon|dung)-([1-9][0-9]{0,3})-(chu-tri|phoi-hop)")
_TEXTS = ("ten", "noi-dung", "chu-tri", "phoi-hop", "han", "ngay", "gio", "san-pham", "vi-tri", "noi-nhan", "linh-vuc",
          "theo-doi")  # fmt: skip
_TASK_FIELDS = {
    "short_name": "ten",
    "full_text": "noi-dung",
    "leads": "chu-tri",
    "lead_classes": "chu-tri",
    "lead_words": "chu-tri",
    "cooperating": "phoi-hop",
    "cooperating_classes": "phoi-hop",
    "deadline": "han",
    "due_on": "ngay",
    "due_time": "gio",
    "product": "san-pham",
    "place": "vi-tri",
    "report_to": "noi-nhan",
    "field": "linh-vuc",
    "officer_email": "theo-doi",
}
_SAME_FIELD = frozenset({"lead_classes", "lead_words", "cooperating_classes"})
_DIRECTIVE_FIELDS = {
    "number": "so-ky-hieu",
    "kind": "loai",
    "issued_on": "ngay-ban-hanh",
    "received_on": "ngay-den",
    "issuer": "co-quan-ban-hanh",
    "signer": "nguoi-ky",
    "urgency": "do-khan",
    "abstract": "trich-yeu",
}
# How this form words what an import words for a table.
_OWN_CODES = {
    "import_agency_unknown": "form_agency_unknown",
    "import_class_narrowed": "form_class_narrowed",
    "deadline_before_issue": "form_early_due",
    "text_required": "form_needed",
}


class _AnotherCopy(Exception):
    """A directive with this number and date stands, and nobody has said that this is another."""


@dataclass(frozen=True)
class Six:
    """One of the six ways, and whether the task is clear in it."""

    key: str
    name: str
    is_missing: bool


@dataclass(frozen=True)
class Block:
    """One task of the form; `place` is where it stands, `key` what its fields are called after."""

    key: int
    place: int
    leads: str = ""
    cooperating: str = ""
    nearest_lead: str = ""
    nearest_helper: str = ""
    due: str = ""
    due_note: str = ""
    six: tuple[Six, ...] = ()
    is_early: bool = False
    is_open: bool = False

    def name(self, name: str) -> str:
        """The name of one of its fields."""
        return f"v{self.key}-{name}"


@dataclass
class Filled:
    """A form as it came: the fields, the keys of its tasks in order, and which button was pressed."""

    form: Form
    keys: list[int]
    pressed: str = "xem"
    focus: str = ""
    same_id: int | None = None
    reading: Reading | None = None
    issued_on: date | None = None
    drafts: list[DraftTask] = field(default_factory=list)


# -- pages -----------------------------------------------------------------------------------------------


@get("/van-ban/moi", include_in_schema=False)
async def new_directive(request: WebRequest) -> Response[bytes]:
    """Is every task clear in six ways?"""
    page = await open_page(request)
    require(page.actor, Verb.RECORD_DIRECTIVE)
    return await _show(page, _kept(page), None)


@post("/van-ban/moi", include_in_schema=False, request_max_body_size=_MOST_BYTES)
async def record_directive(request: WebRequest) -> Response[bytes]:
    """Record the directive with its tasks; any other button shows the form again."""
    page = await open_page(request)
    require(page.actor, Verb.RECORD_DIRECTIVE)
    filled = await _sent(page)
    new = await _read_directive(page, filled)
    if filled.pressed == "ghi" and not filled.form.problems:
        assert filled.reading is not None
        whole = filled.reading.new
        tasks = len(whole.tasks)

        async def work() -> str:
            # Here, not before: the same submission again finds what it made itself.
            if filled.same_id is not None and not filled.form.has("van-ghi"):
                raise _AnotherCopy
            made = await actions.record(page.actor, whole, clock.utc_now())
            return str(made.directive_id)

        try:
            directive_id = await submissions.once(page, filled.form, work)
        except _AnotherCopy:
            filled.form.refuse("so-ky-hieu", "form_directive_same", number=new.number)
        except DirectiveRecorded as refused:
            filled.same_id = _int(refused.params.get("directive_id"))
            filled.form.refuse("so-ky-hieu", "form_directive_recorded", number=new.number)
        except Invalid as refused:
            _take(filled, refused.problems)
        else:
            return page.see(f"/van-ban/{directive_id}", "rec.recorded", number=new.number, count=tasks)
    return await _show(page, filled, None)


@get("/van-ban/{directive_id:str}/them", include_in_schema=False)
async def more_tasks(request: WebRequest, directive_id: FromPath[str]) -> Response[bytes]:
    """Which tasks are still to be given of this directive?"""
    page = await open_page(request)
    found = await get_directive(page.actor, parse_id(directive_id))
    require(page.actor, Verb.RECORD_DIRECTIVE)
    return await _show(page, _kept(page), found)


@post("/van-ban/{directive_id:str}/them", include_in_schema=False, request_max_body_size=_MOST_BYTES)
async def add_tasks(request: WebRequest, directive_id: FromPath[str]) -> Response[bytes]:
    """Give the tasks; any other button shows the form again."""
    page = await open_page(request)
    found = await get_directive(page.actor, parse_id(directive_id))
    require(page.actor, Verb.RECORD_DIRECTIVE)
    filled = await _sent(page)
    filled.issued_on = found.issued_on
    frame = _frame(found)
    await _read_tasks(page, filled, frame, is_new=False)
    if filled.pressed == "ghi" and not filled.form.problems:
        assert filled.reading is not None
        tasks = filled.reading.new.tasks

        async def work() -> str:
            await actions.add_tasks(page.actor, found.id, tasks, clock.utc_now())
            return str(found.id)

        try:
            await submissions.once(page, filled.form, work)
        except Invalid as refused:
            _take(filled, refused.problems)
        else:
            return page.see(f"/van-ban/{found.id}", "rec.added", number=found.number, count=len(tasks))
    return await _show(page, filled, found)


@get("/van-ban/goi-y", include_in_schema=False)
async def hints(request: WebRequest) -> Response[bytes]:
    """What single fields of the form come to, for the script: a sentence for each field that was asked about."""
    page = await open_page(request)
    require(page.actor, Verb.RECORD_DIRECTIVE)
    issued_on = parse_date(page.query.get("ngay", ""))
    told: dict[str, dict[str, object]] = {}
    phrase = page.query.get("han", "").strip()
    if phrase:
        told["han"] = {"text": page.s("rec.due.needs_issue"), "ok": False}
        if issued_on is not None:
            hint = await drafting.hint_due(
                page.actor, phrase, issued_on, parse_date(page.query.get("den", ""))
            )
            words = page.say(hint.problem) if hint.problem else " ".join(_due_words(page, hint.due))
            told["han"] = {
                "text": str(Markup(words).striptags()),  # nosec B704  # its tags are taken off, the script sets it as text
                "ok": hint.due is not None and hint.due.kind.value != "none",
            }
    if names := page.query.get("co-quan", "").strip():
        named = await drafting.hint_agencies(page.actor, names, issued_on, page.now)
        told["co-quan"] = {"text": _agency_words(page, named), "ok": not named.unknown}
    number = page.query.get("so", "").strip()
    if number:
        told["so"] = {
            "kind": page.word("directive_kind", drafting.guess_kind(number)),
            "issuer": drafting.guess_issuer(number),
        }
        same = await drafting.find_same(page.actor, number, issued_on) if issued_on else None
        if same is not None:
            told["so"] |= {"text": page.s("rec.same"), "href": f"/van-ban/{same}"}
    return Response(
        content=json.dumps(told, ensure_ascii=False).encode(),
        media_type="application/json",
        headers={"Vary": "Cookie, Accept-Language"},
        cookies=page.cookies,
    )


# -- reading ---------------------------------------------------------------------------------------------


def _kept(page: Page) -> Filled:
    """An empty form, or the one that came after the session's end."""
    form = Form({})
    if page.kept is not None:
        form.fill(page.kept)
    return Filled(form, _keys(form))


def _keys(form: Form) -> list[int]:
    """The tasks of a form in their order: those it names, then those whose fields came without a name."""
    told = [int(key) for key in form.text("cac-viec").split(",") if re.fullmatch(r"[1-9][0-9]{0,3}", key)]
    present = [int(match.group(1)) for name in form.values if (match := _FIELD.fullmatch(name))]
    return list(dict.fromkeys([*told, *present]))[:MOST_TASKS] or [1]


async def _sent(page: Page) -> Filled:
    """The form of this request, with what its button asks for done to it."""
    form = await read_form(page, most_fields=_MOST_FIELDS, most_bytes=_MOST_BYTES)
    filled = Filled(form, _keys(form), form.text("lam") or "xem")
    pressed = filled.pressed
    if pressed == "them":
        if len(filled.keys) < MOST_TASKS:
            filled.keys.append(max(filled.keys) + 1)
            filled.focus = f"v{filled.keys[-1]}-ten"
        else:
            form.refuse("", "form_most_tasks", most=MOST_TASKS)
    elif pressed.startswith("bo-"):
        _remove(filled, pressed.removeprefix("bo-"))
    elif found := _PICK.fullmatch(pressed):
        _pick(form, *found.groups())
        filled.focus = f"v{found.group(2)}-{found.group(3)}"
    return filled


def _remove(filled: Filled, key: str) -> None:
    gone = next((k for k in filled.keys if str(k) == key), None)
    if gone is None:
        return
    filled.keys.remove(gone)
    for name in [n for n in filled.form.values if n.startswith(f"v{gone}-")]:
        del filled.form.values[name]
    filled.keys = filled.keys or [gone + 1]
    filled.focus = f"v{filled.keys[-1]}-ten"


def _pick(form: Form, what: str, key: str, name: str) -> None:
    """Put the agency chosen from the list, or the one that was suggested, into its field."""
    typed, chosen = (
        form.text(f"v{key}-{name}"),
        form.text(f"v{key}-{'chon' if what == 'chon' else name + '-goi-y'}"),
    )
    if not chosen:
        return
    if what == "chon":
        form.values[f"v{key}-{name}"] = f"{typed.rstrip('; ')}; {chosen}" if typed else chosen
        return
    unknown = form.text(f"v{key}-{name}-la")
    form.values[f"v{key}-{name}"] = typed.replace(unknown, chosen) if unknown and unknown in typed else chosen


async def _read_directive(page: Page, filled: Filled) -> NewDirective:
    """The form as a directive; what is wrong with it is noted, unless only a task more was asked for."""
    form = filled.form
    filled.issued_on = form.date("ngay-ban-hanh", required="form_issued_on")
    number = form.text("so-ky-hieu")
    new = NewDirective(
        number=number,
        kind=form.text("loai") or drafting.guess_kind(number),
        issued_on=filled.issued_on or civil_day(page.now),
        issuer=form.text("co-quan-ban-hanh") or drafting.guess_issuer(number),
        abstract=form.text("trich-yeu"),
        signer=form.text("nguoi-ky"),
        urgency=form.text("do-khan") or "normal",
        received_on=form.date("ngay-den"),
    )
    if not form.text("co-quan-ban-hanh") and new.issuer:
        form.values["co-quan-ban-hanh"] = new.issuer
    if filled.issued_on is not None and number:
        filled.same_id = await drafting.find_same(page.actor, number, filled.issued_on)
    await _read_tasks(page, filled, new, is_new=True)
    return new


async def _read_tasks(page: Page, filled: Filled, new: NewDirective, *, is_new: bool) -> None:
    form = filled.form
    filled.drafts = [_draft(form, key) for key in filled.keys]
    filled.reading = await drafting.read(
        page.actor, new, filled.drafts, page.now, is_dated=filled.issued_on is not None, is_new=is_new
    )
    _take(filled, filled.reading.problems)
    if filled.pressed not in ("ghi", "xem"):
        # Somebody asked for one task more or less: nothing is wrong with a form that is not finished.
        form.problems = [problem for problem in form.problems if problem.code == "form_most_tasks"]
    elif filled.pressed == "xem":
        form.problems = [problem for problem in form.problems if form.text(problem.field)]


def _draft(form: Form, key: int) -> DraftTask:
    text = {name: form.text(f"v{key}-{name}") for name in _TEXTS}
    for name in ("chu-tri", "phoi-hop"):
        if len(text[name]) > _MOST_NAMES:
            form.refuse(f"v{key}-{name}", "form_too_long", most=_MOST_NAMES)
            text[name] = ""
    due_on = form.date(f"v{key}-ngay")
    # A bare date in the field for the wording is the deadline itself, day included.
    phrase = text["han"]
    if due_on is None and (typed := parse_date(phrase)) is not None:
        due_on = typed
    due_time = None
    if text["gio"]:
        read = _TIME.fullmatch(text["gio"].lower())
        if read is None:
            form.refuse(f"v{key}-gio", "form_bad_time")
        else:
            due_time = time(int(read.group(1)), int(read.group(2) or 0))
    return DraftTask(
        short_name=text["ten"] or _first_clause(text["noi-dung"]),
        full_text=text["noi-dung"] or text["ten"],
        leads=text["chu-tri"],
        cooperating=text["phoi-hop"],
        deadline=phrase,
        due_on=due_on,
        due_time=due_time,
        product=text["san-pham"],
        place=text["vi-tri"],
        report_to=text["noi-nhan"],
        field=text["linh-vuc"],
        officer_email=text["theo-doi"],
        restricted=form.has(f"v{key}-han-che"),
        early_due_confirmed=form.has(f"v{key}-han-som"),
    )


def _first_clause(full_text: str) -> str:
    """A name for screens out of the full text, where its first clause is short enough to be one whole."""
    name = shorten(full_text) if full_text else ""
    return "" if name.endswith("…") else name


def _take(filled: Filled, problems: Sequence[Problem]) -> None:
    """Problems of the action as problems of the fields of this form."""
    for problem in problems:
        name, params = _place(filled, problem)
        code = _OWN_CODES.get(problem.code, problem.code)
        told = Problem(name, code, problem.value, params)
        if not any(p.field == name and p.code == code for p in filled.form.problems):
            filled.form.problems.append(told)


def _place(filled: Filled, problem: Problem) -> tuple[str, Mapping[str, object]]:
    parts = problem.field.strip("/").split("/")
    if parts[0] != "tasks" or len(parts) < 3:
        return _DIRECTIVE_FIELDS.get(parts[0], ""), problem.params
    key = filled.keys[int(parts[1])]
    name = _TASK_FIELDS.get(parts[2], "ten")
    if name == "ngay" and not filled.form.text(f"v{key}-ngay"):
        name = "han"
    if name == "noi-dung" and not filled.form.text(f"v{key}-noi-dung"):
        name = "ten"
    return f"v{key}-{name}", problem.params


def _frame(found: Directive) -> NewDirective:
    return NewDirective(
        found.number,
        found.kind,
        found.issued_on,
        found.issuer,
        found.abstract,
        received_on=found.received_on,
    )


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None


# -- showing ---------------------------------------------------------------------------------------------


async def _show(page: Page, filled: Filled, found: Directive | None) -> Response[bytes]:
    form = filled.form
    form.values["cac-viec"] = ",".join(str(key) for key in filled.keys)
    people = [(person.email, person.name) for person in await list_assigning_side()]
    is_refused = filled.pressed == "ghi" or bool(form.problems)
    return page.render(
        "recording.html",
        status=422 if form.problems else 200,
        form=form,
        d=found,
        blocks=[_block(page, filled, place, key) for place, key in enumerate(filled.keys)],
        focus="" if is_refused and form.problems else filled.focus,
        same_id=filled.same_id,
        submission=form.text("lan-gui") if len(form.text("lan-gui")) == 16 else new_submission(),
        kinds=[
            ("", page.s("rec.kind.guess")),
            *((k, page.word("directive_kind", k)) for k in DIRECTIVE_KINDS),
        ],
        urgencies=[(u, page.word("urgency", u)) for u in URGENCIES],
        people=[("", page.s("rec.follow.me")), *people],
        issuers=await reads_recording.list_issuers(),
        groups=_groups(page, await reads_recording.list_agency_names(page.today)),
        is_full=len(filled.keys) >= MOST_TASKS,
        labels=_labels(page, filled),
    )


def _labels(page: Page, filled: Filled) -> dict[str, str]:
    """What the summary of errors calls each field."""
    named = {name: page.s(f"rec.label.{own}") for own, name in _DIRECTIVE_FIELDS.items()}
    for place, key in enumerate(filled.keys, start=1):
        for own, name in _TASK_FIELDS.items():
            if own not in _SAME_FIELD:
                named[f"v{key}-{name}"] = page.s(
                    "rec.label.of_task", number=place, label=page.s(f"rec.label.{own}")
                )
    return named


def _groups(page: Page, agencies: Sequence[tuple[str, str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The agencies to choose from, classes first, then by kind: (code, name)."""
    classes = [(words, words) for words in ("các bộ, cơ quan ngang bộ, cơ quan thuộc Chính phủ", "các bộ",
                                            "các tỉnh, thành phố trực thuộc trung ương",
                                            "các bộ, ngành, địa phương")]  # fmt: skip
    groups = [(page.s("rec.classes"), classes)]
    for kind in dict.fromkeys(kind for kind, _, _ in agencies):
        own = [(code, name) for k, code, name in agencies if k == kind]
        groups.append((page.word("agency_kind", kind), own))
    return groups


def _block(page: Page, filled: Filled, place: int, key: int) -> Block:
    missing: Sequence[str] = SIX if filled.reading is None else ()
    block = Block(key, place + 1)
    form = filled.form
    if filled.reading is None:
        return Block(key, place + 1, six=_six(page, missing))
    seen = filled.reading.tasks[place]
    for name, named in (("chu-tri", seen.leads), ("phoi-hop", seen.cooperating)):
        if named.nearest:
            form.values[f"v{key}-{name}-goi-y"] = named.nearest
            form.values[f"v{key}-{name}-la"] = named.unknown
    due, note = _due_words(page, seen.due) if seen.due is not None else ("", "")
    early = f"v{key}-han-som" in form.values or any(
        p.code == "form_early_due" and p.field.startswith(f"v{key}-") for p in form.problems
    )
    details = ("ngay", "gio", "noi-nhan", "linh-vuc", "vi-tri")
    return Block(
        key=block.key,
        place=block.place,
        leads=_agency_words(page, seen.leads),
        cooperating=_agency_words(page, seen.cooperating),
        nearest_lead=seen.leads.nearest,
        nearest_helper=seen.cooperating.nearest,
        due=due,
        due_note=note,
        six=_six(page, seen.missing),
        is_early=early,
        is_open=any(form.text(block.name(name)) for name in details) or form.has(block.name("han-che")),
    )


def _six(page: Page, missing: Sequence[str]) -> tuple[Six, ...]:
    return tuple(Six(key, page.word("six", key), key in missing) for key in SIX)


def _agency_words(page: Page, named: Named) -> str:
    """Who was understood, in one line."""
    told = []
    if named.count:
        names = "; ".join(named.names)
        rest = named.count - len(named.names)
        told.append(
            page.s("rec.understood.more", names=names, count=rest, total=named.count)
            if rest
            else page.s("rec.understood", names=names)
        )
    if named.left_out:
        told.append(page.s("rec.left_out", words="; ".join(named.left_out)))
    if named.unknown:
        told.append(
            page.s("rec.unknown.nearest", words=named.unknown, nearest=named.nearest)
            if named.nearest
            else page.s("rec.unknown", words=named.unknown)
        )
    return " ".join(told)


def _due_words(page: Page, due: Due | None) -> tuple[str | Markup, str]:
    """When that is, and how it was found."""
    if due is None:
        return page.s("rec.due.none"), ""
    note = render_words(due.words, page.language) if due.words else ""
    if due.due_on is not None:
        day: Markup | str = page.long_day(due.due_on)
        if due.due_time is not None:
            day = page.t("due.by_hour", time=page.clock(due.due_time), day=day)
        if due.recurrence:
            return page.t("rec.due.first", day=day), note
        return page.t("rec.due.day", day=day), note
    return page.s(f"rec.due.{due.kind.value}"), note


routes = [new_directive, record_directive, more_tasks, add_tasks, hints]

"""A directive while it is being typed: who its words name, which day its deadlines come to, what is not clear yet.

Nothing is written here. Agencies are typed as documents name them ("Bộ Y tế; các tỉnh, thành phố"), read by the
same rules as an imported table, so that a form and a spreadsheet understand the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time

from tracker.actions.imports import known_names
from tracker.db import directives as directives_db
from tracker.db.calendar import load_calendar
from tracker.db.directory import list_contacts
from tracker.domain.access import Verb, require
from tracker.domain.addressees import name_key
from tracker.domain.deadlines import resolve
from tracker.domain.directory import Actor, Agency, AgencyKind, Duty
from tracker.domain.drafts import NewDirective, NewTask
from tracker.domain.errors import Invalid, Problem
from tracker.domain.nearest import nearest_agency
from tracker.domain.phrases import parse
from tracker.domain.recording import Due, due_from, judge, judge_tasks
from tracker.domain.text import clean_text
from tracker.domain.workdays import CalendarUnknown, WorkCalendar
from tracker.domain.zone import civil_day
from tracker.intake.charged import Charge, Names, charge_helpers, charge_leads
from tracker.intake.citations import read_citation

SIX = ("person", "work", "duty", "authority", "time", "result")
"""The six ways in which a task is to be clear, in their official order."""
_SHOWN_AGENCIES = 6
_NOBODY = Agency(0, "-", "-", AgencyKind.OTHER)


@dataclass(frozen=True, slots=True)
class DraftTask:
    """One task as typed: agencies in words, the deadline as the document words it."""

    short_name: str = ""
    full_text: str = ""
    leads: str = ""
    cooperating: str = ""
    deadline: str = ""
    due_on: date | None = None
    due_time: time | None = None
    product: str = ""
    place: str = ""
    report_to: str = ""
    field: str = ""
    officer_email: str = ""
    restricted: bool = False
    early_due_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """Which agencies words name: the first few by name, all by count; `nearest` is for a name nobody has."""

    names: tuple[str, ...] = ()
    count: int = 0
    unknown: str = ""
    nearest: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Understood:
    """What one task comes to so far; `missing` are those of the six that are not clear yet."""

    leads: Named
    cooperating: Named
    due: Due | None
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A draft as understood; `new` may be recorded when there is no problem."""

    new: NewDirective
    tasks: tuple[Understood, ...]
    problems: tuple[Problem, ...]


async def read(
    actor: Actor,
    directive: NewDirective,
    tasks: Sequence[DraftTask],
    now: datetime,
    *,
    is_dated: bool = True,
    is_new: bool = True,
) -> Reading:
    """What `directive` with `tasks` comes to. `is_dated` is false while nobody has typed the date of issue yet.

    With `is_new` false the directive stands already and is not judged again.
    """
    require(actor, Verb.RECORD_DIRECTIVE)
    names, calendar, today = await known_names(now), await load_calendar(), civil_day(now)
    problems: list[Problem] = []
    if is_new:
        try:
            judge(replace(directive, tasks=()), names.agencies, calendar, today)
        except Invalid as refused:
            problems += refused.problems
    made: list[NewTask] = []
    understood: list[Understood] = []
    for index, draft in enumerate(tasks):
        task, seen = _read_task(directive, draft, f"/tasks/{index}", names, calendar, problems, is_dated)
        made.append(task)
        understood.append(await _with_people(seen, task, names))
    return Reading(replace(directive, tasks=tuple(made)), tuple(understood), tuple(problems))


def _read_task(
    directive: NewDirective,
    draft: DraftTask,
    below: str,
    names: Names,
    calendar: WorkCalendar,
    problems: list[Problem],
    is_dated: bool,
) -> tuple[NewTask, Understood]:
    on = directive.issued_on if is_dated else None
    leads = charge_leads(draft.leads, "", on, names, f"{below}/leads") if draft.leads else Charge()
    helpers = charge_helpers(draft.cooperating, leads, on, names, f"{below}/cooperating")
    problems += _worded(leads.problems, draft.leads)
    problems += _worded(helpers.problems, draft.cooperating)
    task = NewTask(
        short_name=draft.short_name,
        full_text=draft.full_text,
        leads=leads.codes,
        lead_classes=(leads.by_class,) if leads.by_class else (),
        lead_words=leads.words,
        cooperating=helpers.codes,
        deadline=draft.deadline,
        due_on=draft.due_on,
        due_time=draft.due_time,
        product=draft.product,
        place=draft.place,
        report_to=draft.report_to,
        field=draft.field,
        officer_email=draft.officer_email,
        restricted=draft.restricted,
        early_due_confirmed=draft.early_due_confirmed,
    )
    found: list[Problem] = []
    judged = judge_tasks(directive, (task,), names.agencies, calendar, found)
    told = {problem.field for problem in problems}
    for problem in found:
        place = below + problem.field.removeprefix("/tasks/0")
        # Words nobody understood have been told already; without a date of issue no deadline is wrong yet.
        is_told = place.startswith((f"{below}/leads", f"{below}/lead_classes")) and f"{below}/leads" in told
        is_early = not is_dated and place.endswith(("/deadline", "/due_on"))
        if not is_told and not is_early:
            problems.append(replace(problem, field=place))
    due = judged[0].due if judged else _due(task, directive, calendar)
    return task, Understood(
        _named(draft.leads, leads, names),
        _named(draft.cooperating, helpers, names),
        due if is_dated else None,
        _missing(task, leads, due if is_dated else None, is_issued=bool(directive.issuer.strip())),
    )


def _worded(found: Sequence[Problem], typed: str) -> list[Problem]:
    """The first problem of each kind; it quotes a name as it was typed, not as it was compared."""
    first = {problem.code: problem for problem in reversed(found)}
    return [
        replace(problem, params={"words": as_typed(str(problem.params["words"]), typed)})
        if "words" in problem.params
        else problem
        for problem in found
        if first[problem.code] is problem
    ]


def _missing(task: NewTask, leads: Charge, due: Due | None, *, is_issued: bool) -> tuple[str, ...]:
    clear = {
        "person": not leads.is_empty,
        "work": bool(task.short_name.strip() and task.full_text.strip()),
        "duty": not leads.is_empty,
        "authority": is_issued,
        "time": due is not None and due.kind.value != "none",
        "result": bool(task.product.strip()),
    }
    return tuple(name for name in SIX if not clear[name])


async def _with_people(seen: Understood, task: NewTask, names: Names) -> Understood:
    """Person is clear when every agency that leads has somebody to be told."""
    if "person" in seen.missing or not task.leads:
        return seen
    ids = [names.by_code[code.casefold()].id for code in task.leads]
    contacts = await list_contacts(ids)
    reachable = [i for i in ids if any(Duty.FOCAL in person.duties for person in contacts.get(i, ()))]
    return seen if len(reachable) == len(ids) else replace(seen, missing=("person", *seen.missing))


def _due(task: NewTask, directive: NewDirective, calendar: WorkCalendar) -> Due | None:
    """The deadline alone, of a task that is not whole yet."""
    filler = replace(task, short_name="-", full_text="-", product="", place="", report_to="", field="")
    plain = replace(filler, leads=(_NOBODY.code,), lead_classes=(), cooperating=())
    judged = judge_tasks(directive, (plain,), (_NOBODY,), calendar, [])
    return judged[0].due if judged else None


def _named(words: str, charge: Charge, names: Names) -> Named:
    codes = list(charge.codes)
    if charge.by_class:
        codes = [agency.code for agency in names.read(charge.by_class).members]
    found = [names.by_code[code.casefold()] for code in codes]
    unknown = next(
        (str(p.params.get("words", "")) for p in charge.problems if p.code == "import_agency_unknown"), ""
    )
    nearest = nearest_agency(unknown, names.agencies, names.today) if unknown else None
    return Named(
        tuple(agency.name for agency in found[:_SHOWN_AGENCIES]),
        len(found),
        as_typed(unknown, words),
        "" if nearest is None else nearest.name,
        charge.left_out,
    )


def as_typed(folded: str, words: str) -> str:
    """The part of `words` that was not understood, as it was typed.

    >>> as_typed("bo xay dung moi", "Bộ Y tế; Bộ Xây dựng mới")
    'Bộ Xây dựng mới'
    """
    if not folded:
        return ""
    parts = [part.strip() for chunk in words.splitlines() for part in chunk.replace(",", ";").split(";")]
    return next((part for part in parts if part and folded in name_key(part)), folded)


# -- hints while somebody types --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DueHint:
    """What a deadline's words come to; `problem` when they come to nothing."""

    due: Due | None
    problem: Problem | None = None


async def hint_due(actor: Actor, phrase: str, issued_on: date, received_on: date | None) -> DueHint:
    """The day that `phrase` means in a directive of `issued_on`. Writes nothing."""
    require(actor, Verb.RECORD_DIRECTIVE)
    calendar = await load_calendar()
    try:
        cleaned = clean_text(phrase, "/deadline", 1000, allow_newlines=True)
        found = resolve(parse(cleaned, issued_on), issued_on, calendar, received_on=received_on)
    except Invalid as refused:
        return DueHint(None, next(iter(refused.problems)))
    except CalendarUnknown as error:
        return DueHint(None, Problem("/deadline", "calendar_unknown", phrase, {"year": error.year}))
    return DueHint(due_from(found, issued_on, calendar))


async def hint_agencies(actor: Actor, words: str, issued_on: date | None, now: datetime) -> Named:
    """The agencies that `words` name. Writes nothing."""
    require(actor, Verb.RECORD_DIRECTIVE)
    names = await known_names(now)
    return _named(words, charge_helpers(words, Charge(), issued_on, names, "/agencies"), names)


async def find_same(actor: Actor, number: str, issued_on: date) -> int | None:
    """A directive that stands with this number and date, whoever issued it."""
    require(actor, Verb.RECORD_DIRECTIVE)
    return await directives_db.find_same(number, issued_on)


def guess_kind(number: str) -> str:
    """The kind of document by its number and symbol.

    >>> guess_kind("12/CT-TTg"), guess_kind("xyz")
    ('directive', 'other')
    """
    cited = read_citation(number, {}, "/number")
    return "other" if isinstance(cited, Problem) else cited.kind


def guess_issuer(number: str) -> str:
    """Who issues documents with this symbol; empty when the symbol does not say.

    >>> guess_issuer("12/CT-TTg")
    'Thủ tướng Chính phủ'
    """
    cited = read_citation(number, {}, "/number")
    return "" if isinstance(cited, Problem) else cited.issuer

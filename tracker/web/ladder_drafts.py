"""A ladder that is being written: its steps stand in the address, so that back, reload and a colleague's eyes work.

Nothing is kept until it is saved; the fields of step `i` begin with `b{i}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from tracker.domain.directory import Duty
from tracker.domain.errors import Invalid, Problem
from tracker.domain.ladder_trial import in_order
from tracker.domain.ladders import MAX_OFFSET, MAX_REPEATS, Anchor, Step, Unit, check_ladder
from tracker.domain.text import clean_text
from tracker.web.forms import Form
from tracker.web.ladder_words import WORDINGS

MOST_STEPS = 30
LONGEST_SENTENCE = 300
OWN = "-"
KINDS: dict[str, tuple[Anchor, Unit]] = {
    "g": (Anchor.ASSIGNED, Unit.WORKING),
    "tw": (Anchor.BEFORE, Unit.WORKING),
    "tc": (Anchor.BEFORE, Unit.CALENDAR),
    "oh": (Anchor.ON, Unit.HOURS),
    "od": (Anchor.ON, Unit.WORKING),
    "sw": (Anchor.AFTER, Unit.WORKING),
    "sc": (Anchor.AFTER, Unit.CALENDAR),
    "cw": (Anchor.REVIEW, Unit.WORKING),
    "cc": (Anchor.REVIEW, Unit.CALENDAR),
}
_KIND_OF = {value: key for key, value in KINDS.items()} | {(Anchor.ON, Unit.CALENDAR): "od"}
DUTY_LETTERS: dict[Duty, str] = {
    Duty.FOCAL: "f",
    Duty.HEAD_OF_OFFICE: "h",
    Duty.LEADER: "l",
    Duty.SECRETARIAT_OFFICER: "o",
    Duty.SECRETARIAT_HEAD: "s",
    Duty.MEMBER: "m",
}
_STEP_KEY = re.compile(r"b([0-9]{1,2})(?:[nkerwx]|d[fhlosm])?")
_CODE = re.compile(r"[a-z0-9_]{1,60}")
_PLACE = re.compile(r"[0-9]{1,2}")
_NUMBER = re.compile(r"[0-9]{1,4}")
_POINTERS = {
    "code": "k",
    "wording": "w",
    "to": "df",
    "copy": "df",
    "unit": "k",
    "offset": "n",
    "repeat_every": "e",
    "repeat_limit": "r",
}


@dataclass
class Draft:
    """What stands in the address: the fields as typed, the steps when they can be read, and who was just added."""

    form: Form
    steps: tuple[Step, ...] = ()
    count: int = 0
    added: str = ""
    open: set[int] = field(default_factory=set)

    @property
    def address(self) -> str:
        """The steps as a query, in their order."""
        return urlencode(values_of(self.steps))


def is_draft(query: Mapping[str, str]) -> bool:
    """Whether an address holds steps."""
    return "b0" in query or "b0k" in query


def values_of(steps: Sequence[Step]) -> dict[str, str]:
    """The fields of these steps, in reading order."""
    values: dict[str, str] = {}
    for i, step in enumerate(in_order(steps)):
        is_key = step.wording in WORDINGS
        values |= {
            f"b{i}": step.code,
            f"b{i}n": str(step.offset) if step.anchor is not Anchor.ASSIGNED else "",
            f"b{i}k": _KIND_OF[step.anchor, step.unit] if step.anchor is not Anchor.ASSIGNED else "g",
            f"b{i}e": str(step.repeat_every or ""),
            f"b{i}r": str(step.repeat_limit) if step.repeat_every else "",
            f"b{i}w": step.wording if is_key else OWN,
            f"b{i}x": "" if is_key else step.wording,
        }
        for duty, letter in DUTY_LETTERS.items():
            values[f"b{i}d{letter}"] = "t" if duty in step.to else "c" if duty in step.copy else ""
    return values


def read_query(query: str) -> Draft:
    """A draft from the query a form carried along; what no page of ours wrote has no steps."""
    try:
        return read(dict(parse_qsl(query, max_num_fields=1000)))
    except ValueError:
        return Draft(Form({}))


def read(query: Mapping[str, str]) -> Draft:
    """The draft in these fields; `bo` leaves one step out, `them` adds one."""
    raw = _raw_steps(query)
    leaving = query.get("bo", "")
    if _PLACE.fullmatch(leaving) and int(leaving) < len(raw) and len(raw) > 1:
        del raw[int(leaving)]
    added = ""
    if "them" in query and len(raw) < MOST_STEPS:
        new = _new_step(raw)
        added = new[""]
        raw.append(new)
    form = Form({f"b{i}{name}": value for i, step in enumerate(raw) for name, value in step.items()})
    steps = [_read_step(form, i) for i in range(len(raw))]
    draft = Draft(form, count=len(raw), added=added)
    if form.problems:
        draft.open = {_index(problem.field) for problem in form.problems}
        return draft
    draft.steps = in_order(steps)
    form.values = values_of(draft.steps)
    try:
        check_ladder(draft.steps)
    except Invalid as refused:
        for problem in refused.problems:
            form.problems.append(_placed(problem, draft.steps))
        draft.open = {_index(problem.field) for problem in form.problems}
    return draft


def of_steps(steps: Sequence[Step]) -> Draft:
    """The draft that a saved version begins with."""
    ordered = in_order(steps)
    return Draft(Form(values_of(ordered)), ordered, len(ordered))


def _index(name: str) -> int:
    match = _STEP_KEY.fullmatch(name)
    return int(match.group(1)) if match else -1


def _raw_steps(query: Mapping[str, str]) -> list[dict[str, str]]:
    """The fields of each step by their last letters, in the order of the address."""
    found: dict[int, dict[str, str]] = {}
    for name, value in query.items():
        match = _STEP_KEY.fullmatch(name)
        if match:
            index = int(match.group(1))
            found.setdefault(index, {})[name.removeprefix(f"b{match.group(1)}")] = value
    ordered = [found[i] for i in sorted(found)][:MOST_STEPS]
    taken = {step[""] for step in ordered if step.get("")}
    for step in ordered:
        if not _CODE.fullmatch(step.get("", "")):
            step[""] = _code(step.get("k", ""), step.get("n", ""), taken)
            taken.add(step[""])
    return ordered


def _code(kind: str, number: str, taken: set[str]) -> str:
    anchor = KINDS.get(kind, KINDS["sw"])[0].value
    stem = f"{anchor}_{number}" if _NUMBER.fullmatch(number) else anchor
    names = (stem, *(f"{stem}_{n}" for n in range(2, MOST_STEPS + 2)))
    return next(name for name in names if name not in taken)


def _new_step(raw: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """After the last step behind the deadline: five working days on, to the agency's head."""
    after = [s.get("n", "") for s in raw if s.get("k") in ("sw", "sc")]
    number = min(max((int(n) for n in after if _NUMBER.fullmatch(n)), default=0) + 5, MAX_OFFSET)
    code = _code("sw", str(number), {s.get("", "") for s in raw})
    return {"": code, "n": str(number), "k": "sw", "w": "overdue", "dl": "t"}


def _read_step(form: Form, index: int) -> Step:
    at = f"b{index}"
    anchor, unit = KINDS.get(form.text(f"{at}k"), KINDS["sw"])
    offset = (
        0 if anchor is Anchor.ASSIGNED or form.text(f"{at}k") == "od" else _number(form, f"{at}n", MAX_OFFSET)
    )
    every = _number(form, f"{at}e", MAX_OFFSET) if form.text(f"{at}e") else None
    times = _number(form, f"{at}r", MAX_REPEATS) if form.text(f"{at}r") else 1
    if every is None and times > 1:
        form.refuse(f"{at}e", "ladder_repeat_every")
    wording = form.text(f"{at}w")
    if wording not in WORDINGS:
        wording = _sentence(form, f"{at}x")
    held = {duty: form.text(f"{at}d{letter}") for duty, letter in DUTY_LETTERS.items()}
    return Step(
        code=form.values[at],
        anchor=anchor,
        offset=offset,
        unit=unit,
        to=tuple(duty for duty, how in held.items() if how == "t"),
        wording=wording,
        copy=tuple(duty for duty, how in held.items() if how == "c"),
        repeat_every=every,
        repeat_limit=times if every is not None else 1,
    )


def _number(form: Form, name: str, most: int) -> int:
    given = form.text(name)
    if not _NUMBER.fullmatch(given) or int(given) > most:
        form.refuse(name, "form_step_number", most=most)
        return 0
    return int(given)


def _sentence(form: Form, name: str) -> str:
    try:
        return clean_text(form.text(name), "", LONGEST_SENTENCE)
    except Invalid:
        form.refuse(name, "form_step_sentence", most=LONGEST_SENTENCE)
        return "?"


def _placed(problem: Problem, steps: Sequence[Step]) -> Problem:
    """A problem of the ladder at the field of this page; another step is named by its number, not by its code."""
    match = re.fullmatch(r"/steps/([0-9]+)/([a-z_]+)", problem.field)
    if match is None:
        return Problem("", problem.code, problem.value, problem.params)
    name = f"b{match.group(1)}{_POINTERS[match.group(2)]}"
    params = dict(problem.params)
    if "other" in params:
        first = 0 if steps[0].anchor is Anchor.ASSIGNED else 1
        codes = [step.code for step in steps]
        params["other"] = first + codes.index(str(params["other"]))
    return Problem(name, problem.code, problem.value, params)

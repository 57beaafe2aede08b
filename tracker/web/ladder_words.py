"""Steps of a ladder in words: when, to whom, with which message; and one version beside another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tracker.domain.directory import Duty
from tracker.domain.ladder_trial import StepChange, in_order
from tracker.domain.ladders import Anchor, Step, Unit
from tracker.web.page import Page
from tracker.web.wording import Chip

WORDINGS = ("new", "coming", "soon", "today", "overdue", "escalated", "inspection", "review")
"""What a step can say by a key; anything else is a sentence of its own."""
_NEAR = {Unit.WORKING: 3, Unit.CALENDAR: 5, Unit.HOURS: 0}


@dataclass(frozen=True)
class StepView:
    """A step as a table shows it; `tone` is the colour of its mark."""

    code: str
    number: int
    name: str
    when: str
    to: str
    copy: str
    says: str
    tone: str
    chip: Chip


def numbered(steps: Sequence[Step]) -> list[tuple[int, Step]]:
    """The steps in reading order with the numbers people call them by: 0 is the assignment itself."""
    ordered = in_order(steps)
    first = 0 if ordered and ordered[0].anchor is Anchor.ASSIGNED else 1
    return list(enumerate(ordered, start=first))


def views(page: Page, steps: Sequence[Step]) -> list[StepView]:
    """The steps in words."""
    return [view(page, number, step) for number, step in numbered(steps)]


def view(page: Page, number: int, step: Step) -> StepView:
    """One step in words."""
    tone = tone_of(step)
    icon = {"late": "late", "soon": "soon", "wait": "wait"}.get(tone, "open")
    return StepView(
        code=step.code,
        number=number,
        name=page.s("step.name", number=number),
        when=when(page, step),
        to=opening(duties(page, step.to)),
        copy=opening(duties(page, step.copy)),
        says=says(page, step.wording),
        tone=tone,
        chip=Chip(tone, icon, page.word("step.status", tone or "open")),
    )


def tone_of(step: Step) -> str:
    """The colour of the status that the step's message shows: none, soon, late, or wait."""
    if step.anchor is Anchor.AFTER:
        return "late"
    if step.anchor is Anchor.REVIEW:
        return "wait"
    near = step.anchor is Anchor.BEFORE and step.offset <= _NEAR[step.unit]
    return "soon" if near or step.anchor is Anchor.ON else ""


def when(page: Page, step: Step) -> str:
    """When a step comes, in one line."""
    if step.anchor is Anchor.ASSIGNED:
        return page.s("step.when.assigned")
    if step.anchor is Anchor.ON:
        key = "on_hours" if step.unit is Unit.HOURS and step.offset else "on_day"
        return page.s(f"step.when.{key}", count=step.offset)
    said = _counted(page, f"step.when.{step.anchor.value}_{step.unit.value}", step.offset)
    if step.repeat_every is None:
        return said
    pace = _counted(page, f"step.pace.{step.unit.value}", step.repeat_every)
    return page.s("step.when.repeated", first=said, pace=pace, times=step.repeat_limit)


def _counted(page: Page, key: str, count: int) -> str:
    singular = f"{key}.one"
    return page.s(singular if count == 1 and page.word(key, "one") != "one" else key, count=count)


def duties(page: Page, held: Sequence[Duty]) -> str:
    """Duties as a list in a sentence."""
    return ", ".join(page.word("duty", duty) for duty in held)


def opening(words: str) -> str:
    """Words at the beginning of a line."""
    return words[:1].upper() + words[1:]


def says(page: Page, wording: str) -> str:
    """What the message of a step says; a sentence of one's own as it stands."""
    return page.word("step.says", wording)


@dataclass(frozen=True)
class ChangeView:
    """One difference between two versions, in words."""

    kind: str
    name: str
    lines: tuple[Markup, ...]


def changes(page: Page, found: Sequence[StepChange], after: Sequence[Step]) -> list[ChangeView]:
    """What sets two versions apart, a paragraph for each step."""
    numbers = {step.code: number for number, step in numbered(after)}
    told = []
    for change in found:
        step = change.after or change.before
        assert step is not None
        if change.before is None or change.after is None:
            kind = "added" if change.before is None else "removed"
            name = page.s("step.name", number=numbers[step.code]) if change.after else when(page, step)
            lines = [
                page.t(
                    "step.whole",
                    when=when(page, step),
                    to=duties(page, step.to),
                    says=says(page, step.wording),
                )
            ]
        else:
            kind, name = "changed", page.s("step.name", number=numbers[step.code])
            lines = _lines(page, change.before, change.after)
        told.append(ChangeView(page.word("step.change", kind), opening(name), tuple(lines)))
    return told


def _lines(page: Page, before: Step, after: Step) -> list[Markup]:
    pairs = (
        ("when", when(page, before), when(page, after)),
        ("to", duties(page, before.to), duties(page, after.to)),
        ("copy", duties(page, before.copy), duties(page, after.copy)),
        ("says", says(page, before.wording), says(page, after.wording)),
    )
    nothing = page.s("step.nobody")
    return [
        page.t(f"step.differs.{name}", before=old or nothing, after=new or nothing)
        for name, old, new in pairs
        if old != new
    ]

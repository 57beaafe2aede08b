"""The ladder of reminders as a value: its steps, what makes it sound, and the order of its moments.

A ladder is unrolled into moments with ranks 1..n in the order of time.
Source: docs/decisions/0013-ladder.md and 0014-ranks.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import combinations

from tracker.domain.directory import Duty
from tracker.domain.errors import Invalid, Problem


class Anchor(StrEnum):
    """What a step counts from: the assignment, the deadline (before, on, after), or a waiting report."""

    ASSIGNED = "assigned"
    BEFORE = "before"
    ON = "on"
    AFTER = "after"
    REVIEW = "review"


class Unit(StrEnum):
    """What an offset is counted in; hours only for the day itself, before the hour of the deadline."""

    WORKING = "working"
    CALENDAR = "calendar"
    HOURS = "hours"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: when, to which duties, with which wording.

    With `repeat_every` it comes `repeat_limit` times in all: nearer before the deadline, further after.
    On the day itself in hours means `offset` hours before a deadline with an hour, and else at digest time.
    """

    code: str
    anchor: Anchor
    offset: int
    unit: Unit
    to: tuple[Duty, ...]
    wording: str
    copy: tuple[Duty, ...] = ()
    repeat_every: int | None = None
    repeat_limit: int = 1


@dataclass(frozen=True)
class Ladder:
    """A version of an escalation policy; never changed, only followed by the next version."""

    id: int
    code: str
    version: int
    steps: tuple[Step, ...]

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """The comings of all steps around the deadline, in the order of time, with ranks from 1."""
        return _ranked(self.steps, _DEADLINE_ANCHORS)

    @cached_property
    def review_moments(self) -> tuple[Moment, ...]:
        """The comings of the steps that count from a waiting report, with ranks of their own from 1."""
        return _ranked(self.steps, (Anchor.REVIEW,))


@dataclass(frozen=True, slots=True)
class Moment:
    """One coming of a step: `occurrence` counts repeats from 1, `rank` orders all moments of one ladder."""

    step: Step
    occurrence: int
    offset: int
    rank: int

    @property
    def anchor(self) -> Anchor:
        """What the moment counts from."""
        return self.step.anchor

    @property
    def key(self) -> tuple[str, int]:
        """What the ledger knows it by."""
        return self.step.code, self.occurrence


DEFAULT_STEPS: tuple[Step, ...] = (
    Step("assigned", Anchor.ASSIGNED, 0, Unit.WORKING, (Duty.FOCAL,), "new", copy=(Duty.HEAD_OF_OFFICE,)),
    Step("before_10", Anchor.BEFORE, 10, Unit.WORKING, (Duty.FOCAL,), "coming"),
    Step("before_3", Anchor.BEFORE, 3, Unit.WORKING, (Duty.FOCAL, Duty.HEAD_OF_OFFICE), "soon"),
    Step("on_day", Anchor.ON, 2, Unit.HOURS, (Duty.FOCAL, Duty.HEAD_OF_OFFICE), "today"),
    Step(
        "after_1", Anchor.AFTER, 1, Unit.WORKING, (Duty.HEAD_OF_OFFICE, Duty.SECRETARIAT_OFFICER), "overdue"
    ),
    Step(
        "after_5",
        Anchor.AFTER,
        5,
        Unit.WORKING,
        (Duty.LEADER,),
        "escalated",
        copy=(Duty.MEMBER,),
        repeat_every=5,
        repeat_limit=4,
    ),
    Step("after_30", Anchor.AFTER, 30, Unit.WORKING, (Duty.MEMBER, Duty.SECRETARIAT_OFFICER), "inspection"),
    Step("review", Anchor.REVIEW, 3, Unit.WORKING, (Duty.SECRETARIAT_OFFICER,), "review"),
    Step(
        "review_head",
        Anchor.REVIEW,
        6,
        Unit.WORKING,
        (Duty.SECRETARIAT_HEAD,),
        "review",
        copy=(Duty.SECRETARIAT_OFFICER,),
    ),
)
"""The policy a new installation starts with; every figure is a setting of a later version."""

MAX_OFFSET = 400
MAX_REPEATS = 50
MAX_HOURS = 12
LONGEST_BREAK = 14
"""More days than any break between two working days; Tết has taken nine."""

_DEADLINE_ANCHORS = (Anchor.BEFORE, Anchor.ON, Anchor.AFTER)


def check_ladder(steps: Iterable[Step]) -> None:
    """Pass when the steps make a ladder. Raises Invalid naming every wrong field (`/steps/3/offset`)."""
    listed = tuple(steps)
    problems = [] if listed else [Problem("/steps", "ladder_empty", None)]
    for index, step in enumerate(listed):
        problems.extend(_check_step(f"/steps/{index}", step))
    codes: dict[str, int] = {}
    for index, step in enumerate(listed):
        if step.code in codes:
            problems.append(Problem(f"/steps/{index}/code", "ladder_code_repeated", step.code))
        codes.setdefault(step.code, index)
    if not problems:
        problems.extend(_check_order(listed))
    if problems:
        raise Invalid(problems)


def _check_step(at: str, step: Step) -> list[Problem]:
    problems: list[Problem] = []
    if not step.code.strip():
        problems.append(Problem(f"{at}/code", "required", step.code))
    if not step.wording.strip():
        problems.append(Problem(f"{at}/wording", "required", step.wording))
    if not step.to:
        problems.append(Problem(f"{at}/to", "ladder_step_without_audience", step.to))
    if len({*step.to, *step.copy}) < len(step.to) + len(step.copy):
        problems.append(Problem(f"{at}/copy", "ladder_duty_twice", [d.value for d in step.copy]))
    if step.unit is Unit.HOURS and step.anchor is not Anchor.ON:
        problems.append(Problem(f"{at}/unit", "ladder_hours_only_on_the_day", step.unit.value))
    low, high = _offset_range(step)
    if not low <= step.offset <= high:
        params = {"low": low, "high": high}
        problems.append(Problem(f"{at}/offset", "ladder_offset_out_of_range", step.offset, params))
    problems.extend(_check_repeat(at, step))
    return problems


def _offset_range(step: Step) -> tuple[int, int]:
    if step.anchor is Anchor.ASSIGNED:
        return 0, 0
    if step.anchor is Anchor.ON:
        return (0, MAX_HOURS) if step.unit is Unit.HOURS else (0, 0)
    return 1, MAX_OFFSET


def _check_repeat(at: str, step: Step) -> list[Problem]:
    limit = Problem(
        f"{at}/repeat_limit", "ladder_repeat_limit", step.repeat_limit, {"low": 2, "high": MAX_REPEATS}
    )
    if step.repeat_every is None:
        return [] if step.repeat_limit == 1 else [Problem(f"{at}/repeat_every", "ladder_repeat_every", None)]
    if step.anchor in (Anchor.ASSIGNED, Anchor.ON):
        return [Problem(f"{at}/repeat_every", "ladder_repeat_not_here", step.repeat_every)]
    if step.repeat_every < 1:
        return [Problem(f"{at}/repeat_every", "ladder_repeat_every", step.repeat_every)]
    if not 2 <= step.repeat_limit <= MAX_REPEATS:
        return [limit]
    last = _offsets(step)[-1]
    if not 1 <= last <= MAX_OFFSET:
        return [
            Problem(f"{at}/repeat_limit", "ladder_repeat_leaves_range", step.repeat_limit, {"last": last})
        ]
    return []


def _offsets(step: Step) -> list[int]:
    """The offsets of all comings of a step: repeats before the deadline come nearer, after it go further."""
    pace = (step.repeat_every or 0) * (-1 if step.anchor is Anchor.BEFORE else 1)
    return [step.offset + pace * n for n in range(step.repeat_limit)]


def _check_order(steps: tuple[Step, ...]) -> list[Problem]:
    """Two comings at one moment, or in an order that hangs on the date: ranks must not depend on dates."""
    comings = [(i, s.anchor, s.unit, offset) for i, s in enumerate(steps) for offset in _offsets(s)]
    problems: dict[str, Problem] = {}
    for one, other in combinations(comings, 2):
        if one[0] == other[0] or one[1] is not other[1]:
            continue
        index, anchor = other[0], other[1]
        field_name = f"/steps/{index}/offset"
        params = {"other": steps[one[0]].code}
        if anchor in (Anchor.ON, Anchor.ASSIGNED) or one[2:] == other[2:]:
            problems.setdefault(field_name, Problem(field_name, "ladder_steps_equal", other[3], params))
        elif one[2] is not other[2] and not _order_is_certain(one[2:], other[2:]):
            problems.setdefault(field_name, Problem(field_name, "ladder_order_uncertain", other[3], params))
    return list(problems.values())


def _order_is_certain(one: tuple[Unit, int], other: tuple[Unit, int]) -> bool:
    """Whether one of two offsets in different units is the longer on every date.

    n working days are at least n days, and at most two for one and a long break.
    """
    working, calendar = (one[1], other[1]) if one[0] is Unit.WORKING else (other[1], one[1])
    return working >= calendar or calendar >= 2 * working + LONGEST_BREAK


def moments(ladder: Ladder) -> tuple[Moment, ...]:
    """The comings of all steps around the deadline, in the order of time, with ranks from 1.

    >>> [(m.rank, m.step.code, m.offset) for m in moments(Ladder(1, "default", 1, DEFAULT_STEPS))][3:6]
    [(4, 'after_1', 1), (5, 'after_5', 5), (6, 'after_5', 10)]
    """
    return ladder.moments


def review_moments(ladder: Ladder) -> tuple[Moment, ...]:
    """The comings of the steps that count from a waiting report, with ranks of their own from 1."""
    return ladder.review_moments


def assigned_moment(ladder: Ladder) -> Moment | None:
    """The step that goes out on assignment and on every change of the deadline; it has no rank (0)."""
    return next((Moment(s, 1, 0, 0) for s in ladder.steps if s.anchor is Anchor.ASSIGNED), None)


def _ranked(steps: tuple[Step, ...], anchors: tuple[Anchor, ...]) -> tuple[Moment, ...]:
    comings = [
        (_nominal(step, offset), step, occurrence, offset)
        for step in steps
        if step.anchor in anchors
        for occurrence, offset in enumerate(_offsets(step), start=1)
    ]
    comings.sort(key=lambda coming: coming[0])
    return tuple(Moment(step, n, offset, rank) for rank, (_, step, n, offset) in enumerate(comings, start=1))


def _nominal(step: Step, offset: int) -> tuple[int, int]:
    """Order of time that no date can change: check_ladder refuses what this could get wrong."""
    fifths = offset * (7 if step.unit is Unit.WORKING else 5)
    if step.anchor is Anchor.BEFORE:
        return 0, -fifths
    return (1, 0) if step.anchor is Anchor.ON else (2, fifths)

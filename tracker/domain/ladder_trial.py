"""A ladder tried out on one deadline, and what sets one version apart from another.

The trial is the rehearsal (rehearsal.py) of a single course that nobody reports on: the rules are the sweep's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from tracker.domain.ladders import Anchor, Ladder, Moment, Step, assigned_moment
from tracker.domain.moments import DEFAULT_HOURS, Hours, moment_of
from tracker.domain.rehearsal import Course, DeadlineSet, Rehearsal
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import at_official


class Outcome(StrEnum):
    """What becomes of a moment: sent; passed before the task was given; stood for by a later one; not known yet."""

    SENT = "sent"
    PASSED = "passed"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Tried:
    """One moment of a ladder on one deadline; `at` is None while its year has no calendar."""

    moment: Moment
    at: datetime | None
    outcome: Outcome


def try_out(
    ladder: Ladder,
    given_on: date,
    due_on: date,
    due_time: time | None,
    calendar: WorkCalendar,
    hours: Hours = DEFAULT_HOURS,
) -> tuple[Tried, ...]:
    """Every moment of a task given on `given_on` at digest time and never reported, in the order of time."""
    given_at = at_official(given_on, hours.digest)
    course = Course(0, 0, None, given_at, None, (DeadlineSet(1, given_at, due_on, due_time),))
    instants = {m: moment_of(m, due_on, due_time, calendar, hours.digest) for m in ladder.moments}
    last = max((at for at in instants.values() if at is not None), default=given_at)
    sendings = Rehearsal(ladder, calendar, hours).run(
        course, given_at, max(last, given_at) + timedelta(days=40)
    )
    sent = {sending.moment.key: sending.at for sending in sendings}
    first = assigned_moment(ladder)
    tried = [] if first is None else [Tried(first, sent.get(first.key, given_at), Outcome.SENT)]
    for moment, at in instants.items():
        if moment.key in sent:
            tried.append(Tried(moment, sent[moment.key], Outcome.SENT))
        elif at is None:
            tried.append(Tried(moment, None, Outcome.UNKNOWN))
        else:
            tried.append(Tried(moment, at, Outcome.PASSED if at <= given_at else Outcome.SUPERSEDED))
    return tuple(tried)


_ORDER = {anchor: place for place, anchor in enumerate(Anchor)}


def in_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps as people read them: as assigned, before, on the day, after, and those of a waiting report."""

    def place(step: Step) -> tuple[int, int]:
        return _ORDER[step.anchor], -step.offset if step.anchor is Anchor.BEFORE else step.offset

    return tuple(sorted(steps, key=place))


@dataclass(frozen=True, slots=True)
class StepChange:
    """A step that is new (`before` is None), gone (`after` is None) or other than it was, in `fields`."""

    before: Step | None
    after: Step | None
    fields: tuple[str, ...] = ()


def changes_between(before: Sequence[Step], after: Sequence[Step]) -> tuple[StepChange, ...]:
    """What sets two versions apart; a step is the same step while it keeps its code, whatever order its duties have.

    >>> from tracker.domain.ladders import DEFAULT_STEPS
    >>> [change.before.code for change in changes_between(DEFAULT_STEPS, DEFAULT_STEPS[1:])]
    ['assigned']
    """
    old, new = {s.code: s for s in in_order(before)}, {s.code: s for s in in_order(after)}
    found = []
    for code, step in new.items():
        stood = old.get(code)
        if stood is None:
            found.append(StepChange(None, step))
        elif differing := _differing(stood, step):
            found.append(StepChange(stood, step, differing))
    found += [StepChange(step, None) for code, step in old.items() if code not in new]
    return tuple(found)


def _differing(one: Step, other: Step) -> tuple[str, ...]:
    def value(step: Step, name: str) -> object:
        held = getattr(step, name)
        return frozenset(held) if isinstance(held, tuple) else held

    return tuple(f.name for f in fields(Step) if value(one, f.name) != value(other, f.name))

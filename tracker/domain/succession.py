"""Agencies that merge, split, are renamed or abolished: what moves to whom, decided from facts alone.

A plan says who succeeds whom from which day; the facts are the open assignments, the people and what else hangs on
an agency. Nothing is ever left behind silently: what no rule decides is named and waits for a person.
Source: docs/decisions/0023-succession.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from tracker.domain.assignments import Part
from tracker.domain.directory import Agency, check_exists
from tracker.domain.errors import Problem
from tracker.domain.overdue import AgencyCount, OverdueRow
from tracker.domain.search import search_key
from tracker.domain.statistics import total_of
from tracker.domain.zone import EARLIEST_DAY, LATEST_DAY, is_in_range

K = TypeVar("K")


# --- what is asked for -----------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What becomes of an agency."""

    RENAME = "rename"
    MERGE = "merge"
    SPLIT = "split"
    ABOLITION = "abolition"


@dataclass(frozen=True, slots=True)
class Heir:
    """A successor by its code; `fields` are the fields of work that come to it when the work is split.

    The default heir takes what no field and no choice gives to another.
    """

    code: str
    fields: tuple[str, ...] = ()
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One agency that ends the day before `effective_on`; without heirs it is abolished and nobody follows."""

    predecessor: str
    effective_on: date
    heirs: tuple[Heir, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Many changes that are carried out together, by one document.

    `choices` give an assignment of a split agency to one heir, `people` an official, each by id and code.
    """

    document: str
    changes: tuple[Change, ...]
    choices: Mapping[int, str] = field(default_factory=dict)
    people: Mapping[int, str] = field(default_factory=dict)


# --- the plan against the directory ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """One heir with the search keys of its fields."""

    agency_id: int
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one agency, by ids; `default` is the heir of all that is not decided otherwise."""

    agency_id: int
    effective_on: date
    kind: Kind
    shares: tuple[Share, ...]
    default: int | None

    @property
    def heirs(self) -> tuple[int, ...]:
        """The ids of the successors, in the order of the plan."""
        return tuple(share.agency_id for share in self.shares)


@dataclass(frozen=True)
class Resolved:
    """A plan that fits the directory: a step for each agency that ends, and the choices by ids."""

    steps: Mapping[int, Step]
    choices: Mapping[int, int]
    people: Mapping[int, int]

    @property
    def last_day(self) -> date:
        """The latest day on which one of the changes takes effect."""
        return max(step.effective_on for step in self.steps.values())

    @property
    def targets(self) -> tuple[int, ...]:
        """The agencies that everything may end at: heirs that do not end themselves."""
        return tuple(sorted({h for s in self.steps.values() for h in s.heirs if h not in self.steps}))

    def final_heirs(self, agency_id: int) -> tuple[int, ...]:
        """All agencies that carry on `agency_id`'s work when the whole plan is carried out; itself if it stays."""
        if agency_id not in self.steps:
            return (agency_id,)
        found: dict[int, None] = {}
        for heir in self.steps[agency_id].heirs:
            found.update(dict.fromkeys(self.final_heirs(heir)))
        return tuple(found)


def resolve(
    plan: Plan, agencies: Sequence[Agency], today: date
) -> tuple[Resolved | None, tuple[Problem, ...]]:
    """The plan by ids, or every problem it has; the pointers are those of a JSON plan."""
    by_code = {a.code: a for a in agencies}
    problems: list[Problem] = []
    if not plan.changes:
        problems.append(Problem("/changes", "succession_empty"))
    ended: dict[str, int] = {}
    for index, change in enumerate(plan.changes):
        at = f"/changes/{index}"
        if change.predecessor in ended:
            problems.append(Problem(f"{at}/predecessor", "succession_repeated", change.predecessor))
        ended.setdefault(change.predecessor, index)
        problems += _change_problems(change, at, by_code)
    if not problems:
        problems += _cycle_problems(plan.changes)
    if not problems:
        problems += _standing_problems(plan.changes, agencies, by_code, today)
    if problems:
        return None, tuple(problems)
    steps = {}
    newborn = _newborn(plan.changes)
    for change in plan.changes:
        step = _step(change, by_code, newborn)
        steps[step.agency_id] = step
    resolved = Resolved(steps, {}, {})
    problems += _choice_problems(plan.choices, "/choices", by_code, resolved)
    problems += _choice_problems(plan.people, "/people", by_code, resolved)
    if problems:
        return None, tuple(problems)
    choices = {i: by_code[code].id for i, code in plan.choices.items()}
    people = {i: by_code[code].id for i, code in plan.people.items()}
    return replace(resolved, choices=choices, people=people), ()


def _change_problems(change: Change, at: str, by_code: Mapping[str, Agency]) -> list[Problem]:
    problems: list[Problem] = []
    predecessor = by_code.get(change.predecessor)
    if predecessor is None:
        problems.append(Problem(f"{at}/predecessor", "agency_unknown", change.predecessor))
    if not is_in_range(change.effective_on):
        params = {"from": EARLIEST_DAY, "to": LATEST_DAY}
        problems.append(Problem(f"{at}/effective_on", "date_out_of_range", change.effective_on, params))
        return problems
    if predecessor is not None:
        problems += _end_problems(predecessor, change, at)
    seen: set[str] = set()
    for number, heir in enumerate(change.heirs):
        pointer = f"{at}/heirs/{number}/code"
        if heir.code not in by_code:
            problems.append(Problem(pointer, "agency_unknown", heir.code))
        elif heir.code == change.predecessor:
            problems.append(Problem(pointer, "succession_own_heir", heir.code))
        elif heir.code in seen:
            problems.append(Problem(pointer, "succession_repeated", heir.code))
        seen.add(heir.code)
    if sum(heir.is_default for heir in change.heirs) > 1:
        problems.append(Problem(f"{at}/heirs", "succession_two_defaults", change.predecessor))
    return problems


def _end_problems(predecessor: Agency, change: Change, at: str) -> list[Problem]:
    """An agency ends once, and not before it began."""
    last = change.effective_on - timedelta(days=1)
    if predecessor.valid_from is not None and last < predecessor.valid_from:
        params = {"agency": predecessor.name, "valid_from": predecessor.valid_from}
        return [Problem(f"{at}/effective_on", "agency_not_yet_founded", change.effective_on, params)]
    if predecessor.valid_until not in (None, last):
        params = {"agency": predecessor.name, "valid_until": predecessor.valid_until}
        return [Problem(f"{at}/effective_on", "succession_other_end", change.effective_on, params)]
    return []


def _cycle_problems(changes: Sequence[Change]) -> list[Problem]:
    """An agency that would come back to itself."""
    heirs = {change.predecessor: [h.code for h in change.heirs] for change in changes}

    def reaches(start: str) -> bool:
        queue, seen = list(heirs[start]), set[str]()
        while queue:
            code = queue.pop()
            if code == start:
                return True
            if code not in seen:
                seen.add(code)
                queue += heirs.get(code, [])
        return False

    return [
        Problem(f"/changes/{i}/predecessor", "succession_cycle", change.predecessor)
        for i, change in enumerate(changes)
        if reaches(change.predecessor)
    ]


def _standing_problems(
    changes: Sequence[Change], agencies: Sequence[Agency], by_code: Mapping[str, Agency], today: date
) -> list[Problem]:
    """Every heir exists on its day; it still exists today, unless the plan itself says what became of it."""
    ends = {change.predecessor: change.effective_on for change in changes}
    problems = []
    for index, change in enumerate(changes):
        for number, heir in enumerate(change.heirs):
            agency, pointer = by_code[heir.code], f"/changes/{index}/heirs/{number}/code"
            end = ends.get(heir.code)
            if end is not None and end <= change.effective_on:
                params = {"agency": agency.name, "effective_on": end}
                problems.append(Problem(pointer, "succession_heir_ends_first", heir.code, params))
                continue
            days = [change.effective_on] if end is not None else sorted({change.effective_on, today})
            found = (check_exists(agency, agencies, d, pointer) for d in days if d >= change.effective_on)
            problems += [p for p in found if p is not None][:1]
    return problems


def _newborn(changes: Sequence[Change]) -> frozenset[str]:
    """Heirs of exactly one agency in this plan."""
    counted: dict[str, int] = {}
    for change in changes:
        for heir in change.heirs:
            counted[heir.code] = counted.get(heir.code, 0) + 1
    return frozenset(code for code, count in counted.items() if count == 1)


def _step(change: Change, by_code: Mapping[str, Agency], newborn: frozenset[str]) -> Step:
    shares = tuple(Share(by_code[h.code].id, tuple(search_key(w) for w in h.fields)) for h in change.heirs)
    default = next((by_code[h.code].id for h in change.heirs if h.is_default), None)
    if len(change.heirs) == 1:
        heir = by_code[change.heirs[0].code]
        default = heir.id
        is_new = heir.code in newborn and heir.valid_from == change.effective_on
        kind = Kind.RENAME if is_new else Kind.MERGE
    else:
        kind = Kind.SPLIT if change.heirs else Kind.ABOLITION
    return Step(by_code[change.predecessor].id, change.effective_on, kind, shares, default)


def _choice_problems(
    choices: Mapping[int, str], at: str, by_code: Mapping[str, Agency], resolved: Resolved
) -> list[Problem]:
    known = {heir for step in resolved.steps.values() for heir in step.heirs}
    return [
        Problem(f"{at}/{key}", "succession_not_an_heir", code)
        for key, code in sorted(choices.items())
        if code not in by_code or by_code[code].id not in known
    ]


# --- who gets what ---------------------------------------------------------------------------------------------


class Basis(StrEnum):
    """Why something comes to just this heir."""

    ONLY = "only"
    CHOICE = "choice"
    FIELD = "field"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Destined:
    """Where the way through the plan ends: at an heir, at nobody (`is_over`), or at a question."""

    agency_id: int | None = None
    basis: Basis = Basis.ONLY
    is_over: bool = False
    asks: int | None = None


def destination(resolved: Resolved, agency_id: int, choice: int | None, field_key: str = "") -> Destined:
    """The agency that carries on a piece of `agency_id`'s work, through chains of changes.

    `choice` is what a person said of it, `field_key` the search key of its field of work.
    Of what several heirs claim, and of what none claims where there is no default, `asks` names the split.
    """
    current, basis = agency_id, Basis.ONLY
    while current in resolved.steps:
        step = resolved.steps[current]
        if not step.shares:
            return Destined(is_over=True)
        if len(step.shares) == 1:
            current = step.heirs[0]
            continue
        chosen = choice if choice in step.heirs else None
        claims = [
            s.agency_id for s in step.shares if field_key and any(w and w in field_key for w in s.fields)
        ]
        if chosen is not None:
            current, basis = chosen, Basis.CHOICE
        elif len(claims) == 1:
            current, basis = claims[0], Basis.FIELD
        elif not claims and step.default is not None:
            current, basis = step.default, Basis.DEFAULT
        else:
            return Destined(asks=current)
    return Destined(current, basis)


@dataclass(frozen=True, slots=True)
class Holding:
    """An assignment as succession sees it; `field` is the field of work of its task.

    `is_waiting`: a report waits for its decision. `is_closed`: confirmed, so that only its series matters.
    """

    id: int
    task_id: int
    occurrence: int
    agency_id: int
    part: Part
    due_on: date | None = None
    due_time: time | None = None
    field: str = ""
    is_waiting: bool = False
    is_recurrent: bool = False
    has_recurred: bool = False
    is_closed: bool = False

    @property
    def place(self) -> tuple[int, int]:
        """An agency holds one open assignment of a task and occurrence."""
        return self.task_id, self.occurrence


@dataclass(frozen=True, slots=True)
class Move:
    """An assignment that goes on at `to`; `stops_series` when another one there makes the next occurrence."""

    holding: Holding
    to: int
    basis: Basis
    stops_series: bool = False


@dataclass(frozen=True, slots=True)
class Absorbed:
    """An assignment whose task the heir holds already, or gets from another: it is closed in favour of `into`.

    `is_own`: it was the heir's own, and the stronger part comes from outside.
    """

    holding: Holding
    at: int
    into: int
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What no rule decides: an assignment or a person, and the successors there are."""

    id: int
    heirs: tuple[int, ...]


@dataclass(frozen=True)
class Moves:
    """What becomes of the assignments: each open one stands in exactly one of the first four.

    `series` are recurrent assignments already confirmed whose next occurrence falls to the heir.
    `stopped` are the heirs' own rows that no longer make a next occurrence, because a later one comes to them.
    """

    moved: tuple[Move, ...] = ()
    absorbed: tuple[Absorbed, ...] = ()
    ended: tuple[Holding, ...] = ()
    asked: tuple[Asked, ...] = ()
    series: tuple[Move, ...] = ()
    stopped: tuple[int, ...] = ()


_STRENGTH = {Part.LEAD: 0, Part.JOINT_LEAD: 1, Part.COOPERATING: 2}


def _precedence(holding: Holding, is_own: bool) -> tuple[int, bool, date, time, bool, int]:
    """Which of several holdings of one task goes on: the smallest.

    The strongest part; of equals the one that still has to be done, then the earliest deadline, then the heir's own.
    """
    return (
        _STRENGTH[holding.part],
        holding.is_waiting,
        holding.due_on or date.max,
        holding.due_time or time.max,
        not is_own,
        holding.id,
    )


def decide(resolved: Resolved, held: Iterable[Holding], standing: Iterable[Holding]) -> Moves:
    """Where every assignment of the ending agencies goes.

    `held` are theirs: the open ones and the confirmed ones whose series is to go on. `standing` are the rows the
    heirs hold of the same tasks, open or confirmed.
    """
    own = list(standing)
    bound: list[Move] = []
    ended: list[Holding] = []
    asked: list[Asked] = []
    series: list[Move] = []
    for holding in sorted(held, key=lambda h: h.id):
        choice = resolved.choices.get(holding.id)
        goal = destination(resolved, holding.agency_id, choice, search_key(holding.field))
        if holding.is_closed:
            if goal.agency_id is not None:
                series.append(Move(holding, goal.agency_id, goal.basis))
        elif goal.agency_id is not None:
            bound.append(Move(holding, goal.agency_id, goal.basis))
        elif goal.is_over:
            ended.append(holding)
        else:
            assert goal.asks is not None
            asked.append(Asked(holding.id, resolved.steps[goal.asks].heirs))
    moved, absorbed = _united(bound, own)
    lost = {a.holding.id for a in absorbed}
    staying = [h for h in own if h.id not in lost]
    going, stopped = _with_series(moved, staying)
    return Moves(
        moved=tuple(going),
        absorbed=tuple(absorbed),
        ended=tuple(ended),
        asked=tuple(asked),
        series=tuple(_series(series, moved, staying)),
        stopped=tuple(stopped),
    )


def _united(bound: Sequence[Move], own: Sequence[Holding]) -> tuple[list[Move], list[Absorbed]]:
    """One open assignment per task, occurrence and heir: the others are closed in its favour."""
    coming: dict[tuple[int, int, int], list[Move]] = {}
    for move in bound:
        coming.setdefault((move.to, *move.holding.place), []).append(move)
    there = {(h.agency_id, *h.place): h for h in own if not h.is_closed}
    moved: list[Move] = []
    absorbed: list[Absorbed] = []
    for key, moves in coming.items():
        candidates = [(m.holding, False) for m in moves]
        if key in there:
            candidates.append((there[key], True))
        winner, _ = min(candidates, key=lambda c: _precedence(*c))
        moved += [m for m in moves if m.holding is winner]
        absorbed += [Absorbed(h, key[0], winner.id, is_own) for h, is_own in candidates if h is not winner]
    return sorted(moved, key=lambda m: m.holding.id), sorted(absorbed, key=lambda a: a.holding.id)


def _with_series(moved: Sequence[Move], staying: Sequence[Holding]) -> tuple[list[Move], list[int]]:
    """Of several occurrences at one heir only the newest makes the next one; who else would is told to stop.

    Of two with one number the heir's own goes on: it was confirmed, and the other is the open remainder.
    """
    newest: dict[tuple[int, int], tuple[int, bool]] = {}
    for agency_id, holding, stays in [(m.to, m.holding, False) for m in moved] + [
        (h.agency_id, h, True) for h in staying
    ]:
        if holding.is_recurrent:
            key, rank = (agency_id, holding.task_id), (holding.occurrence, stays)
            newest[key] = max(newest.get(key, rank), rank)
    found = []
    for move in moved:
        top = newest.get((move.to, move.holding.task_id))
        is_newest = top == (move.holding.occurrence, False)
        found.append(replace(move, stops_series=move.holding.is_recurrent and not is_newest))
    stopped = [
        h.id
        for h in staying
        if h.is_recurrent and not h.has_recurred and h.occurrence < newest[h.agency_id, h.task_id][0]
    ]
    return found, stopped


def _series(series: Sequence[Move], moved: Sequence[Move], staying: Sequence[Holding]) -> list[Move]:
    """Series that nobody at the heir carries on yet, the newest occurrence of each; the others end."""
    running = {(m.to, m.holding.task_id) for m in moved if m.holding.is_recurrent}
    running |= {(h.agency_id, h.task_id) for h in staying if h.is_recurrent}
    newest: dict[tuple[int, int], Move] = {}
    for move in sorted(series, key=lambda m: (m.holding.occurrence, m.holding.id)):
        newest[move.to, move.holding.task_id] = move
    return [
        replace(
            m, stops_series=(m.to, m.holding.task_id) in running or newest[m.to, m.holding.task_id] is not m
        )
        for m in series
    ]


# --- people and what hangs on an agency ------------------------------------------------------------------------


@dataclass(frozen=True)
class Allotted(Generic[K]):
    """Things given to heirs by id, those that end with their agency, and those that ask for a person."""

    to: Mapping[K, int] = field(default_factory=dict)
    ended: tuple[K, ...] = ()
    asked: tuple[K, ...] = ()


def allot(resolved: Resolved, things: Mapping[K, int], choices: Mapping[K, int] | None = None) -> Allotted[K]:
    """Give each thing, known with its ending agency, to one heir: the chosen, the only or the default one."""
    to: dict[K, int] = {}
    ended: list[K] = []
    asked: list[K] = []
    for thing, agency_id in things.items():
        goal = destination(resolved, agency_id, (choices or {}).get(thing))
        if goal.agency_id is not None:
            to[thing] = goal.agency_id
        else:
            (ended if goal.is_over else asked).append(thing)
    return Allotted(to, tuple(ended), tuple(asked))


def reparented(
    resolved: Resolved, parents: Mapping[int, int | None]
) -> tuple[dict[int, int | None], tuple[int, ...]]:
    """The new parent of each child of an ending agency, and the children that ask for a person.

    An heir that stood below its predecessor moves up to where that one stood; nobody comes to stand below itself.
    """
    found: dict[int, int | None] = {}
    asked: list[int] = []
    for child in sorted(parents):
        parent = parents[child]
        if parent is None or parent not in resolved.steps or child in resolved.steps:
            continue
        goal = destination(resolved, parent, None)
        if goal.asks is not None:
            asked.append(child)
            continue
        new, above = goal.agency_id, parents.get(parent)
        while new is not None and _is_below(new, child, {**parents, **found}):
            new = None if above is None else destination(resolved, above, None).agency_id
            above = None if above is None else parents.get(above)
        found[child] = new
    return found, tuple(asked)


def _is_below(agency_id: int, top: int, parents: Mapping[int, int | None]) -> bool:
    """Whether `agency_id` is `top` or stands below it."""
    current: int | None = agency_id
    seen: set[int] = set()
    while current is not None and current not in seen:
        if current == top:
            return True
        seen.add(current)
        current = parents.get(current)
    return False


def handed_on_ids(resolved: Resolved, agency_ids: Sequence[int]) -> tuple[int, ...]:
    """The agencies of a list with the successors in place of those that end; one without any stays."""
    found: dict[int, None] = {}
    for agency_id in agency_ids:
        found.update(dict.fromkeys(resolved.final_heirs(agency_id) or (agency_id,)))
    return tuple(found)


# --- the digest ------------------------------------------------------------------------------------------------


def digest_of(value: object) -> str:
    """SHA-256 of the canonical JSON: a preview that was shown, and only it, is carried out."""
    plain = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(plain.encode()).hexdigest()


# --- reading across a succession -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """A recorded succession; `is_default` marks the heir who took what was not decided otherwise."""

    predecessor_id: int
    successor_id: int
    effective_on: date
    is_default: bool = False


def successor_map(links: Iterable[Link], on: date) -> dict[int, int]:
    """For every agency that had ended by `on`, the one that figures of it are read under.

    Follows chains. Of several successors the default counts; a split without one is read as it was.
    """
    heirs: dict[int, list[Link]] = {}
    for link in links:
        if link.effective_on <= on:
            heirs.setdefault(link.predecessor_id, []).append(link)
    following: dict[int, int] = {}
    for predecessor, found in heirs.items():
        marked = [link for link in found if link.is_default] or found
        if len(marked) == 1:
            following[predecessor] = marked[0].successor_id
    final: dict[int, int] = {}
    for start, heir in following.items():
        seen = {start}
        while heir in following and heir not in seen:
            seen.add(heir)
            heir = following[heir]
        if heir not in seen:
            final[start] = heir
    return final


@dataclass(frozen=True, slots=True)
class Named:
    """An agency as a list names and orders it."""

    code: str
    name: str
    sort_key: str = ""


def rolled_up(
    counts: Iterable[AgencyCount], rows: Iterable[OverdueRow], under: Mapping[str, Named]
) -> tuple[tuple[AgencyCount, ...], tuple[OverdueRow, ...]]:
    """Counts and rows with each agency read under the one that `under` gives for its code; sums stay the same."""
    merged: dict[str, AgencyCount] = {}
    for count in counts:
        name = under.get(count.code, Named(count.code, count.name, count.sort_key))
        before = merged.get(name.code)
        buckets = total_of([before.buckets, count.buckets] if before else [count.buckets])
        merged[name.code] = AgencyCount(name.code, name.name, buckets, name.sort_key)
    listed = tuple(
        replace(row, agency_code=under[row.agency_code].code) if row.agency_code in under else row
        for row in rows
    )
    return tuple(merged.values()), listed

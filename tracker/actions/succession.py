"""Succession of agencies: what would move where, and carrying it out in one transaction.

1. The plan is checked against the directory and against what was carried out before.
2. Everything that hangs on the ending agencies is read, and the rule says where each piece goes.
3. That is the preview; its digest names it.
4. Carrying out reads and decides again under locks. A preview that is no longer true is refused, and so is one that
   leaves a question open; otherwise all is written and the mail is queued in the same transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from tracker import i18n
from tracker.actions import recurrences, succession_mail
from tracker.db import assignments as assignments_db
from tracker.db import directory as directory_db
from tracker.db import succession as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import expect_many_rows, in_transaction, transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.succession import Held, Person, RecordedLink, Waiting
from tracker.domain import lengths
from tracker.domain import succession as rule
from tracker.domain.access import Verb, require
from tracker.domain.assignments import Part
from tracker.domain.directory import Actor, Agency
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem
from tracker.domain.succession import Allotted, Basis, Change, Heir, Kind, Moves, Named, Plan, Resolved
from tracker.domain.text import clean_text
from tracker.domain.zone import civil_day

MOST_CHANGES = 500


class SuccessionChanged(Conflict):
    """The preview that was agreed to is no longer true; params: digest (of the one that is)."""

    code = "succession_changed"


class SuccessionUndecided(Conflict):
    """Some assignments or people of a split agency have no successor yet; params: count."""

    code = "succession_undecided"


class SuccessionTooEarly(Conflict):
    """A succession is carried out on its day or after it; params: effective_on."""

    code = "succession_too_early"


# --- the preview -----------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """What becomes of an assignment."""

    MOVED = "moved"
    ABSORBED = "absorbed"
    ENDED = "ended"
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class AgencyRef:
    """An agency as a preview names it."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """An assignment and where it goes.

    `into` is the assignment that goes on in its place, where the task is held twice; `is_own` marks a successor's
    own assignment that is closed in favour of a stronger part. `heirs` are the choices where a person has to say.
    """

    assignment_id: int
    short_name: str
    directive_number: str
    restricted: bool
    part: Part
    due_on: date | None
    is_waiting: bool
    outcome: Outcome
    predecessor: AgencyRef
    successor: AgencyRef | None = None
    basis: Basis | None = None
    into: int | None = None
    is_own: bool = False
    heirs: tuple[AgencyRef, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person and where they go; `is_switched_off`: nobody succeeds their agency."""

    official_id: int
    name: str
    position: str
    predecessor: AgencyRef
    successor: AgencyRef | None = None
    is_switched_off: bool = False
    heirs: tuple[AgencyRef, ...] = ()


@dataclass(frozen=True, slots=True)
class ChildLine:
    """An agency that stood below an ending one, and where it stands then."""

    agency: AgencyRef
    predecessor: AgencyRef
    parent: AgencyRef | None
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class StepLine:
    """One ending agency; `counts` of its assignments and people by outcome."""

    predecessor: AgencyRef
    kind: Kind
    effective_on: date
    heirs: tuple[AgencyRef, ...]
    default: AgencyRef | None
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Preview:
    """All that carrying out a plan would change; nothing has been written.

    `asked` counts the questions that no rule answers: while there are any, the plan cannot be carried out.
    `not_before` is set while the day has not come.
    """

    plan: Plan
    digest: str
    steps: tuple[StepLine, ...]
    lines: tuple[Line, ...]
    people: tuple[PersonLine, ...]
    children: tuple[ChildLine, ...]
    counts: Mapping[str, int]
    asked: int
    not_before: date | None

    @property
    def is_ready(self) -> bool:
        """Whether it can be carried out now."""
        return self.asked == 0 and self.not_before is None

    def of(self, outcome: Outcome) -> tuple[Line, ...]:
        """The assignments with this outcome."""
        return tuple(line for line in self.lines if line.outcome is outcome)


async def preview(actor: Actor, plan: Plan, now: datetime) -> Preview:
    """What carrying out `plan` would move where. Writes nothing. Raises Invalid with every problem of the plan."""
    require(actor, Verb.MANAGE_AGENCIES)
    plan = _checked(plan)
    if in_transaction():
        return (await _look(plan, now)).preview
    async with transaction("repeatable_read", readonly=True):
        return (await _look(plan, now)).preview


def _checked(plan: Plan) -> Plan:
    """The plan with clean words and without white space around codes."""
    problems: list[Problem] = []
    document = plan.document
    try:
        document = clean_text(plan.document, "/document", lengths.DOCUMENT)
    except Invalid as invalid:
        problems.extend(invalid.problems)
    if len(plan.changes) > MOST_CHANGES:
        problems.append(Problem("/changes", "too_many", len(plan.changes), {"limit": MOST_CHANGES}))
    if problems:
        raise Invalid(problems)
    return replace(plan, document=document)


@dataclass(frozen=True)
class _Scene:
    """A plan with everything that hangs on its agencies, and what the rule says of it."""

    plan: Plan
    agencies: Mapping[int, Agency]
    resolved: Resolved
    held: tuple[Held, ...]
    own: tuple[Held, ...]
    people: tuple[Person, ...]
    moves: Moves
    allotted: Allotted[int]
    parents: Mapping[int, int | None]
    asked_children: tuple[int, ...]
    former_parents: Mapping[int, int | None]
    followers: tuple[tuple[int, int], ...]
    feeds: Mapping[int, tuple[int, ...]]
    mandates: Allotted[int]
    waiting: Waiting
    now: datetime

    @property
    def touched(self) -> list[int]:
        """The assignments that are closed, in the order of id."""
        closed = [m.holding.id for m in self.moves.moved] + [a.holding.id for a in self.moves.absorbed]
        return sorted(closed + [h.id for h in self.moves.ended])

    @property
    def asked(self) -> int:
        """Questions that a person has to answer."""
        return (
            len(self.moves.asked)
            + len(self.allotted.asked)
            + len(self.asked_children)
            + len(self.mandates.asked)
        )

    @property
    def not_before(self) -> date | None:
        """The day, while it has not come."""
        last = self.resolved.last_day
        return last if last > civil_day(self.now) else None

    @property
    def digest(self) -> str:
        """What was decided, without what changes by itself meanwhile: a letter sent, a task acknowledged."""
        moves = self.moves
        return rule.digest_of(
            {
                "document": self.plan.document,
                "steps": [
                    [s.agency_id, s.effective_on, [[h.agency_id, h.fields] for h in s.shares], s.default]
                    for s in self.resolved.steps.values()
                ],
                "moved": [[m.holding.id, m.to] for m in moves.moved],
                "absorbed": [[a.holding.id, a.at, a.into] for a in moves.absorbed],
                "ended": [h.id for h in moves.ended],
                "asked": [a.id for a in moves.asked],
                "people": sorted(self.allotted.to.items()),
                "people_ended": sorted(self.allotted.ended),
                "people_asked": sorted(self.allotted.asked),
                "parents": sorted(self.parents.items()),
                "followers": self.followers,
                "feeds": sorted(self.feeds.items()),
                "mandates": sorted(self.mandates.to.items()),
                "mandates_ended": sorted(self.mandates.ended),
            }
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many of everything."""
        moves = self.moves
        own = sum(a.is_own for a in moves.absorbed)
        return {
            "agencies": len(self.resolved.steps),
            "successors": len(self.resolved.targets),
            "open": len([h for h in self.held if not h.holding.is_closed]),
            "moved": len(moves.moved),
            "absorbed": len(moves.absorbed) - own,
            "absorbed_own": own,
            "ended": len(moves.ended),
            "asked": len(moves.asked),
            "series": sum(not m.stops_series for m in moves.series),
            "people": len(self.allotted.to),
            "people_ended": len(self.allotted.ended),
            "people_asked": len(self.allotted.asked),
            "children": len(self.parents),
            "children_asked": len(self.asked_children),
            "followers": len(self.followers),
            "feeds": len(self.feeds),
            "mandates": len(self.mandates.to),
            "mandates_ended": len(self.mandates.ended),
            "mandates_asked": len(self.mandates.asked),
            "mails": self.waiting.mails,
            "invitations": self.waiting.invitations,
            "reports": self.waiting.reports,
            "extensions": self.waiting.extensions,
        }

    def ref(self, agency_id: int) -> AgencyRef:
        """An agency by its id."""
        agency = self.agencies[agency_id]
        return AgencyRef(agency.code, agency.name)

    @property
    def preview(self) -> Preview:
        """All of it as people read it."""
        lines = tuple(_lines(self))
        people = tuple(_person_line(self, person) for person in self.people)
        children = tuple(
            ChildLine(
                agency=self.ref(child),
                predecessor=self.ref(self.former_parents[child] or child),
                parent=None if self.parents.get(child) is None else self.ref(self.parents[child] or 0),
                is_asked=child in self.asked_children,
            )
            for child in sorted({*self.parents, *self.asked_children})
        )
        return Preview(
            plan=self.plan,
            digest=self.digest,
            steps=tuple(_step_lines(self, lines, people)),
            lines=lines,
            people=people,
            children=children,
            counts=self.counts,
            asked=self.asked,
            not_before=self.not_before,
        )


def _lines(scene: _Scene) -> Iterable[Line]:
    """The assignments: first those that ask for a person, then the others by id."""
    shown = {h.holding.id: h for h in (*scene.held, *scene.own)}

    def line(holding_id: int, outcome: Outcome) -> Line:
        held = shown[holding_id]
        holding = held.holding
        return Line(
            assignment_id=holding.id,
            short_name="" if held.restricted else held.short_name,
            directive_number=held.directive_number,
            restricted=held.restricted,
            part=holding.part,
            due_on=holding.due_on,
            is_waiting=holding.is_waiting,
            outcome=outcome,
            predecessor=scene.ref(holding.agency_id),
        )

    moves = scene.moves
    for asked in moves.asked:
        yield replace(line(asked.id, Outcome.ASKED), heirs=tuple(map(scene.ref, asked.heirs)))
    rest = [
        replace(line(m.holding.id, Outcome.MOVED), successor=scene.ref(m.to), basis=m.basis)
        for m in moves.moved
    ]
    rest += [
        replace(line(a.holding.id, Outcome.ABSORBED), successor=scene.ref(a.at), into=a.into, is_own=a.is_own)
        for a in moves.absorbed
    ]
    rest += [line(h.id, Outcome.ENDED) for h in moves.ended]
    yield from sorted(rest, key=lambda entry: entry.assignment_id)


def _person_line(scene: _Scene, person: Person) -> PersonLine:
    heir = scene.allotted.to.get(person.id)
    plain = PersonLine(person.id, person.name, person.position, scene.ref(person.agency_id))
    if heir is not None:
        return replace(plain, successor=scene.ref(heir))
    if person.id in scene.allotted.ended:
        return replace(plain, is_switched_off=True)
    goal = rule.destination(scene.resolved, person.agency_id, None)
    heirs = scene.resolved.steps[goal.asks].heirs if goal.asks is not None else ()
    return replace(plain, heirs=tuple(map(scene.ref, heirs)))


def _step_lines(scene: _Scene, lines: Sequence[Line], people: Sequence[PersonLine]) -> Iterable[StepLine]:
    of_lines: dict[str, Counter[str]] = {}
    for line in lines:
        if not line.is_own:
            of_lines.setdefault(line.predecessor.code, Counter())[line.outcome.value] += 1
    of_people = Counter(person.predecessor.code for person in people)
    for step in scene.resolved.steps.values():
        predecessor = scene.ref(step.agency_id)
        counts = of_lines.get(predecessor.code, Counter())
        yield StepLine(
            predecessor=predecessor,
            kind=step.kind,
            effective_on=step.effective_on,
            heirs=tuple(map(scene.ref, step.heirs)),
            default=None if step.default is None else scene.ref(step.default),
            counts={o.value: counts[o.value] for o in Outcome} | {"people": of_people[predecessor.code]},
        )


async def _resolve(plan: Plan, now: datetime) -> tuple[Resolved, dict[int, Agency]]:
    """The plan by ids. Raises Invalid with every problem."""
    agencies = await directory_db.list_agencies()
    resolved, problems = rule.resolve(plan, agencies, civil_day(now))
    if resolved is None:
        raise Invalid(problems)
    by_id = {agency.id: agency for agency in agencies}
    return resolved, by_id


async def _look(plan: Plan, now: datetime) -> _Scene:
    """Read everything that hangs on the plan's agencies, and decide; the caller holds the transaction."""
    resolved, agencies = await _resolve(plan, now)
    ending = list(resolved.steps)
    held = await db.list_held(ending)
    own = await db.list_standing(resolved.targets, sorted({h.holding.task_id for h in held}))
    people = await db.list_people(ending)
    _check_concerned(resolved, held, people)
    await _check_anything_left(resolved, agencies, held, people)
    moves = rule.decide(resolved, [h.holding for h in held], [h.holding for h in own])
    former = await db.list_parents()
    parents, asked_children = rule.reparented(resolved, former)
    feeds = await db.list_feeds(ending)
    mandates = await db.list_mandates(ending, civil_day(now))
    closed = [m.holding.id for m in moves.moved] + [a.holding.id for a in moves.absorbed]
    return _Scene(
        plan=plan,
        agencies=agencies,
        resolved=resolved,
        held=tuple(held),
        own=tuple(own),
        people=tuple(people),
        moves=moves,
        allotted=rule.allot(resolved, {p.id: p.agency_id for p in people}, resolved.people),
        parents=parents,
        asked_children=asked_children,
        former_parents=former,
        followers=tuple(await db.list_followers(ending)),
        feeds={i: rule.handed_on_ids(resolved, ids) for i, ids in feeds.items()},
        mandates=rule.allot(resolved, mandates),
        waiting=await db.count_waiting([*closed, *(h.id for h in moves.ended)]),
        now=now,
    )


async def _check_anything_left(
    resolved: Resolved, agencies: Mapping[int, Agency], held: Sequence[Held], people: Sequence[Person]
) -> None:
    """A succession is carried out once; again only for what came to the old agency since, by a letter recorded late."""
    left = {h.holding.agency_id for h in held if not h.holding.is_closed} | {p.agency_id for p in people}
    done = await db.list_carried_out(list(resolved.steps))
    problems = [
        Problem(
            f"/changes/{index}/predecessor",
            "succession_carried_out",
            agencies[agency_id].code,
            {"agency": agencies[agency_id].name, "carried_out_at": done[agency_id]},
        )
        for index, agency_id in enumerate(resolved.steps)
        if agency_id in done and agency_id not in left
    ]
    if problems:
        raise Invalid(problems)


def _check_concerned(resolved: Resolved, held: Sequence[Held], people: Sequence[Person]) -> None:
    """Choices speak of open assignments and people of the ending agencies, of nothing else."""
    asked = {h.holding.id for h in held if not h.holding.is_closed}
    problems = [
        Problem(f"{at}/{key}", "succession_not_concerned", str(key))
        for at, given, known in (
            ("/choices", resolved.choices, asked),
            ("/people", resolved.people, {p.id for p in people}),
        )
        for key in sorted(given)
        if key not in known
    ]
    if problems:
        raise Invalid(problems)


# --- carrying out ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """A succession that was carried out: its id, and how many of everything."""

    succession_id: int
    counts: Mapping[str, int]


async def carry_out(actor: Actor, plan: Plan, expected_digest: str, now: datetime) -> Done:
    """Carry out the plan as `preview` showed it, all of it or nothing.

    Raises Invalid, SuccessionChanged, SuccessionTooEarly, SuccessionUndecided.
    """
    require(actor, Verb.MANAGE_AGENCIES)
    plan = _checked(plan)
    async with transaction():
        await expect_many_rows()
        await db.lock_succession()
        resolved, _ = await _resolve(plan, now)
        await db.lock_agencies([*resolved.steps, *resolved.targets])
        await db.lock_open([*resolved.steps, *resolved.targets])
        scene = await _look(plan, now)
        if scene.digest != expected_digest:
            raise SuccessionChanged(digest=scene.digest)
        if scene.not_before is not None:
            raise SuccessionTooEarly(effective_on=scene.not_before)
        if scene.asked:
            raise SuccessionUndecided(count=scene.asked)
        succession_id = await _record(actor, scene)
        heirs, closed = await _move_assignments(actor, scene, succession_id)
        await _move_the_rest(scene)
        await _continue_series(actor, scene)
        await succession_mail.tell(actor, heirs, closed, succession_id, plan.document, now)
    return Done(succession_id, scene.counts)


async def _record(actor: Actor, scene: _Scene) -> int:
    """The directory and the record of what is carried out."""
    steps = scene.resolved.steps.values()
    document, now = scene.plan.document, scene.now
    await db.end_agencies({s.agency_id: s.effective_on - timedelta(days=1) for s in steps}, now)
    await db.put_links([(s.agency_id, heir, s.effective_on) for s in steps for heir in s.heirs], document)
    succession_id = await db.insert_succession(
        document, scene.digest, scene.counts, actor.official_id, actor.name, now
    )
    items = [
        db.NewItem(
            predecessor_id=step.agency_id,
            successor_id=heir,
            effective_on=step.effective_on,
            kind=step.kind.value,
            is_default=heir is not None and heir == step.default,
            predecessor_name=scene.agencies[step.agency_id].name,
            successor_name="" if heir is None else scene.agencies[heir].name,
            counts=_item_counts(scene, step.agency_id, heir),
        )
        for step in steps
        for heir in (step.heirs or (None,))
    ]
    await db.insert_items(succession_id, items)
    entries = [
        HistoryEntry(
            "succeed",
            reason=document,
            detail={
                "succession": succession_id,
                "predecessor": item.predecessor_name,
                "successor": item.successor_name,
                "effective_on": item.effective_on,
                "kind": item.kind,
                **item.counts,
            },
        )
        for item in items
    ]
    await insert_history(actor, entries, now)
    return succession_id


def _item_counts(scene: _Scene, predecessor: int, heir: int | None) -> dict[str, int]:
    """What of one agency comes to one heir, or to whoever follows that one."""
    moves = scene.moves
    if heir is None:
        people = {p.id for p in scene.people if p.agency_id == predecessor}
        ended = sum(h.agency_id == predecessor for h in moves.ended)
        return {"ended": ended, "people_ended": len(people & set(scene.allotted.ended))}
    final = set(scene.resolved.final_heirs(heir))
    return {
        "moved": sum(m.holding.agency_id == predecessor and m.to in final for m in moves.moved),
        "absorbed": sum(
            a.holding.agency_id == predecessor and a.at in final for a in moves.absorbed if not a.is_own
        ),
        "people": sum(
            p.agency_id == predecessor and scene.allotted.to.get(p.id) in final for p in scene.people
        ),
    }


async def _move_assignments(
    actor: Actor, scene: _Scene, succession_id: int
) -> tuple[dict[int, int], dict[int, Assignment]]:
    """Close the assignments and continue them at the successors; the new id by the old one, and what was closed."""
    moves, now, document = scene.moves, scene.now, scene.plan.document
    because = i18n.text("vi", "succession.reason", document=document)
    await db.supersede_mail(scene.touched, "transferred")
    await db.close_assignments([a.holding.id for a in moves.absorbed], "superseded", because, now)
    await db.close_assignments([h.id for h in moves.ended], "withdrawn", because, now)
    ids = await db.reserve_ids(len(moves.moved))
    rows = [
        db.HandOn(m.holding.id, new_id, m.to, m.stops_series)
        for m, new_id in zip(moves.moved, ids, strict=True)
    ]
    written = await db.hand_on(rows, because, now)
    if written != len(rows):
        raise SuccessionChanged(digest="")
    heirs = {row.old_id: row.new_id for row in rows}
    into = {a.holding.id: heirs.get(a.into, a.into) for a in moves.absorbed}
    await db.point_to(list(into.items()))
    await db.stop_series([*moves.stopped, *(m.holding.id for m in moves.series if m.stops_series)])
    closed = {r.id: r for r in await assignments_db.list_by_ids(scene.touched)}
    await _remember(actor, scene, closed, succession_id, heirs, into)
    return heirs, closed


async def _remember(
    actor: Actor,
    scene: _Scene,
    rows: Mapping[int, Assignment],
    succession_id: int,
    heirs: Mapping[int, int],
    into: Mapping[int, int],
) -> None:
    """The history of every assignment that was closed and of every one that goes on."""
    document = scene.plan.document
    because = i18n.text("vi", "succession.reason", document=document)
    at = {m.holding.id: m.to for m in scene.moves.moved} | {a.holding.id: a.at for a in scene.moves.absorbed}
    entries = []
    for old_id, row in rows.items():
        detail: dict[str, object] = {"document": document, "succession": succession_id}
        if old_id in at:
            detail["to_agency"] = scene.agencies[at[old_id]].name
            detail["transferred_to"] = heirs.get(old_id, into.get(old_id))
        entries.append(HistoryEntry(row.state.value, row.directive_id, row.task_id, old_id, because, detail))
        if old_id in heirs:
            taken = i18n.text("vi", "succession.taken_over", agency=row.agency_name, document=document)
            origin = {
                "document": document,
                "succession": succession_id,
                "from_agency": row.agency_name,
                "transferred_from": old_id,
            }
            entries.append(
                HistoryEntry("assign", row.directive_id, row.task_id, heirs[old_id], taken, origin)
            )
    await insert_history(actor, entries, scene.now)


async def _move_the_rest(scene: _Scene) -> None:
    """People, agencies below, members who follow, calendar links and mandates."""
    now, ending = scene.now, list(scene.resolved.steps)
    if scene.allotted.to:
        await db.move_people(scene.allotted.to, now)
    if scene.allotted.ended:
        await db.switch_off(scene.allotted.ended, now)
    if scene.parents:
        await db.set_parents(scene.parents, now)
    follow = [
        (heir, official)
        for agency_id, official in scene.followers
        for heir in scene.resolved.final_heirs(agency_id)
    ]
    await db.move_followers(follow, ending)
    if scene.feeds:
        await db.set_feed_agencies(scene.feeds, now)
    await db.move_mandates(scene.mandates.to, now)
    await db.end_mandates(scene.mandates.ended, now)


async def _continue_series(actor: Actor, scene: _Scene) -> None:
    """A recurrent task that the old agency had just finished: the successor gets the next occurrence."""
    going = [m for m in scene.moves.series if not m.stops_series]
    calendar = await load_calendar()
    rows = {r.id: r for r in await assignments_db.list_by_ids([m.holding.id for m in going])}
    for move in going:
        row = replace(rows[move.holding.id], agency_id=move.to)
        await recurrences.make_next(row, civil_day(scene.now), calendar, scene.now)


# --- what was carried out --------------------------------------------------------------------------------------


async def list_carried_out(actor: Actor, limit: int, before: int | None = None) -> list[db.Succession]:
    """Successions that were carried out, newest first."""
    require(actor, Verb.MANAGE_AGENCIES)
    return await db.list_successions(limit, before=before)


async def get_carried_out(actor: Actor, succession_id: int) -> db.Succession:
    """One of them. Raises NotFound."""
    require(actor, Verb.MANAGE_AGENCIES)
    found = await db.list_successions(1, only=succession_id)
    if not found:
        raise NotFound(noun="succession", id=succession_id)
    return found[0]


# --- plans from the directory ----------------------------------------------------------------------------------


async def recorded_plan(
    actor: Actor, document: str, until: date, defaults: Mapping[str, str] | None = None
) -> Plan:
    """A plan of all successions that the directory records up to `until` and that were not carried out.

    The words that the directory records of a split ("giao thông vận tải") are the fields of that successor.
    `defaults` name the default successor of a split agency, both by code.
    """
    require(actor, Verb.MANAGE_AGENCIES)
    grouped: dict[tuple[str, date], list[RecordedLink]] = {}
    for link in await db.list_recorded(until):
        grouped.setdefault((link.predecessor, link.effective_on), []).append(link)
    changes = tuple(
        Change(code, day, tuple(_recorded_heir(link, links, defaults or {}) for link in links))
        for (code, day), links in grouped.items()
    )
    return Plan(document, changes)


def _recorded_heir(link: RecordedLink, links: Sequence[RecordedLink], defaults: Mapping[str, str]) -> Heir:
    if len(links) == 1:
        return Heir(link.successor, is_default=True)
    fields = tuple(w.strip() for w in link.scope.split(",") if w.strip())
    return Heir(link.successor, fields, defaults.get(link.predecessor) == link.successor)


# --- reading across a succession -------------------------------------------------------------------------------


async def successor_map(on: date) -> Mapping[int, int]:
    """For every agency that had ended by `on`, the agency that its figures are read under.

    An agency split among several is read under its default successor; without one it stays as it was.
    """
    return rule.successor_map(await db.list_links(), on)


async def read_under(on: date) -> dict[str, Named]:
    """As `successor_map`, from the code of an ended agency to the name of its successor."""
    names = await db.list_names()
    return {
        names[old].code: Named(names[heir].code, names[heir].name, names[heir].sort_key)
        for old, heir in (await successor_map(on)).items()
    }

"""The demonstration: real directives in our own words, and a life that is made up, as known on a chosen day.

The past is entered through the same actions that people use, each at its own instant, so that history and past days
are true; the hundreds of agencies that a class expands to are written in bulk with the same result.
Nobody is told of the past: no message is queued for it, and its reminders are settled.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from heapq import heappop, heappush
from typing import Any

from tracker.actions import (
    assignments,
    demo_inspections,
    directives,
    extensions,
    indicator_letters,
    indicators_demo,
    reconciliation,
    reports,
)
from tracker.actions.notices import without_messages
from tracker.actions.reminders import settle_past
from tracker.actions.seed import seed, shipped
from tracker.db import demo as db
from tracker.db import directory as directory_db
from tracker.db.demo import Known, Past
from tracker.db.engine import transaction
from tracker.db.extensions import find_pending_extension
from tracker.domain.directory import SYSTEM, Actor, Role
from tracker.domain.drafts import ExtensionDecision, NewDirective, NewExtension, NewReport, NewTask
from tracker.domain.errors import TrackerError
from tracker.domain.zone import OFFICIAL_ZONE, at_official, civil_day

log = logging.getLogger(__name__)

DEFAULT_START = datetime(2025, 11, 24, 8, 0, tzinfo=OFFICIAL_ZONE)
"""The day on which the demonstration's directives are alive."""

LIVED_DAYS = 3
"""Working days before the start that are lived through with their mail."""

_MERGER_DAYS = (date(2024, 12, 31), date(2025, 2, 28), date(2025, 6, 30))
_MERGER_REASON = "Chuyển theo việc sắp xếp đơn vị hành chính, tổ chức bộ máy."
_MERGER_DOCUMENT = "202/2025/QH15"


@dataclass(frozen=True)
class Loaded:
    """What was put in."""

    agencies: int
    directives: int
    tasks: int
    assignments: int
    events: int
    settled: int


def start_of(day: date) -> datetime:
    """The instant at which a demonstration of `day` begins: the hour of the digest."""
    return at_official(day, time(8))


Tick = Callable[[datetime], Awaitable[object]]
"""Sweep and deliver as at an instant of the demonstration's clock."""


async def load(now: datetime, tick: Tick | None = None) -> Loaded:
    """Put in the demonstration as it stood at `now`, an instant of its clock; later events are left out.

    With `tick` the last working days are lived through with their sweeps and messages, so that there is something
    to read; without it nobody is told of anything.
    """
    lived_since = now if tick is None else at_official(_workdays_before(civil_day(now), LIVED_DAYS), time(7))
    until = lived_since
    agencies = await seed()
    await _people(civil_day(now))
    loader = _Loader(until, await db.list_people())
    recorded = shipped("demo/directives.json")["directives"]
    with without_messages():
        await loader.run(recorded)
    settled = await settle_past(until)
    if tick is not None:
        loader.until = now
        await loader.live(recorded, lived_since, tick)
    await loader.put_in_targets(recorded)
    await demo_inspections.enter(now, loader.people)
    next_month = (civil_day(now).replace(day=1) + timedelta(days=31)).replace(day=1)
    await reconciliation.set_opens_from(SYSTEM, next_month, now)
    return Loaded(agencies, loader.directives, loader.tasks, loader.assignments, loader.events, settled)


async def advance(since: datetime, until: datetime, tick: Tick | None = None) -> int:
    """Live through what the demonstration knows of (since, until]; how much happened."""
    people = await db.list_people()
    if not people.keys() >= set(shipped("demo/people.json")["secretariat_officers"]):
        return 0  # somebody moves the clock over data of their own
    loader = _Loader(until, people)
    await loader.live(shipped("demo/directives.json")["directives"], since, tick)
    return loader.events


def _workdays_before(day: date, count: int) -> date:
    """The `count`-th weekday before `day`."""
    while count:
        day -= timedelta(days=1)
        count -= day.weekday() < 5
    return day


def _ticks(since: datetime, until: datetime) -> Iterator[datetime]:
    """When mail goes in the demonstration: each weekday morning, and once more before the office closes."""
    day = civil_day(since)
    while day <= civil_day(until):
        if day.weekday() < 5:
            yield at_official(day, time(8))
            yield at_official(day, time(17, 30))
        day += timedelta(days=1)


async def _people(today: date) -> None:
    data = shipped("demo/people.json")
    async with transaction():
        await db.insert_officials(data["officials"])
        for email, codes in data["following"].items():
            await db.insert_following(email, codes)
        for absence in data["absences"]:
            if date.fromisoformat(absence["from"]) <= today:
                first, last = date.fromisoformat(absence["from"]), date.fromisoformat(absence["to"])
                await db.mark_absence(absence["email"], first, last, absence["deputy"])
        people = await db.list_people()
        for dead in data["dead_mailboxes"]:
            if date.fromisoformat(dead["on"]) <= today:
                await directory_db.mark_mailbox_dead(_id(people[dead["email"]]), dead["reason"])


def _id(person: Mapping[str, object]) -> int:
    return int(str(person["id"]))


class _Loader:
    """Enters directives and what happened to them, in the order in which it happened."""

    def __init__(self, until: datetime, people: Mapping[str, dict[str, object]]) -> None:
        self.until = until
        self.people = people
        self.officers = [people[email] for email in shipped("demo/people.json")["secretariat_officers"]]
        self.focal = {
            str(p["agency"]): p
            for p in sorted(people.values(), key=lambda p: -int(str(p["contact_order"])))
            if p["duty"] == "focal"
        }
        self.phrases = shipped("demo/phrases.json")
        self.given: dict[tuple[int, str], int] = {}
        self.directives = self.tasks = self.assignments = self.events = 0

    async def run(self, recorded: Sequence[Mapping[str, Any]]) -> None:
        """Record every directive known by then, then live through the events, day after day."""
        steps: list[tuple[datetime, int, _Step]] = []
        mass: list[Past] = []
        for position, directive in enumerate(recorded):
            given_at = _given_at(directive)
            if given_at > self.until:
                continue
            task_ids, known = await self._enter(directive, position, given_at)
            for ordinal, (task, task_id) in enumerate(zip(directive["tasks"], task_ids, strict=True)):
                officer = self._officer(directive, ordinal)
                for event in task.get("events", ()):
                    step = _Step(task_id, event, officer)
                    at = step.at(given_at)
                    if at <= self.until:
                        steps.append((at, len(steps), step))
                seed_text = f"{directive['number']}|{ordinal}"
                life = task.get("class_life")
                mass += self._many_lives(known[task_id], life, seed_text, given_at, officer)
        async with transaction():
            await db.write_past([p for p in mass if p.changed_at is not None])
        mergers = [(d, at_official(d + timedelta(days=1), time(8))) for d in _MERGER_DAYS]
        for at, _, step in sorted(steps, key=lambda s: s[:2]):
            while mergers and mergers[0][1] <= at:
                await self._merge(*mergers.pop(0))
            await self._live(step, at)
        for ended_on, at in mergers:
            await self._merge(ended_on, at)
        self.events = len(steps) + len(mass)

    async def _enter(
        self, directive: Mapping[str, Any], position: int, given_at: datetime
    ) -> tuple[tuple[int, ...], Mapping[int, Sequence[Known]]]:
        """Record one directive and remember whom it gave what."""
        made = await self._record(directive, given_at, self.officers[position % len(self.officers)])
        known = await db.list_task_assignments(made.task_ids)
        self.given |= {(t, k.agency_code): k.id for t, own in known.items() for k in own}
        self.directives += 1
        self.tasks += len(made.task_ids)
        self.assignments += len(made.assignment_ids)
        return made.task_ids, known

    async def live(self, recorded: Sequence[Mapping[str, Any]], since: datetime, tick: Tick | None) -> None:
        """What happened after `since`, at its own instants and with its messages; `tick` is called twice a workday.

        What the rules refuse, because somebody at the pages was first, does not happen.
        """
        timeline: list[tuple[datetime, int, Callable[[datetime], Awaitable[object]]]] = []

        def plan(at: datetime, what: Callable[[datetime], Awaitable[object]]) -> None:
            if since < at <= self.until:
                heappush(timeline, (at, len(timeline) + self.events, what))
                self.events += 1

        def plan_tasks(directive: Mapping[str, Any], task_ids: Iterable[int], given_at: datetime) -> None:
            for ordinal, (task, task_id) in enumerate(zip(directive["tasks"], task_ids, strict=True)):
                for event in task.get("events", ()):
                    step = _Step(task_id, event, self._officer(directive, ordinal))
                    plan(step.at(given_at), partial(self._live_if_it_may, step))

        stand = await db.list_recorded_tasks()
        for position, directive in enumerate(recorded):
            given_at = _given_at(directive)
            if directive["number"] in stand:
                known = await db.list_task_assignments(stand[directive["number"]])
                self.given |= {(t, k.agency_code): k.id for t, own in known.items() for k in own}
                plan_tasks(directive, stand[directive["number"]], given_at)
                continue

            async def enter(
                at: datetime, directive: Mapping[str, Any] = directive, position: int = position
            ) -> None:
                task_ids, _ = await self._enter(directive, position, at)
                plan_tasks(directive, task_ids, at)

            plan(given_at, enter)
        if tick is not None:
            for at in _ticks(since, self.until):
                plan(at, tick)
        while timeline:
            at, _, happens = heappop(timeline)
            await happens(at)

    async def put_in_targets(self, recorded: Sequence[Mapping[str, Any]]) -> None:
        """The targets of what stands by now, with their readings."""
        stand = await db.list_recorded_tasks()
        known = await db.list_task_assignments([task_id for ids in stand.values() for task_id in ids])
        parts = {
            (number, place, member.agency_code): member.id
            for number, ids in stand.items()
            for place, task_id in enumerate(ids)
            for member in known.get(task_id, ())
        }
        issued = {d["number"]: date.fromisoformat(d["issued_on"]) for d in recorded}
        officer = self._actor(self.officers[0])
        await indicators_demo.put_in(
            self.until, parts, issued, officer, lambda code: self._actor(self.focal[code])
        )
        await indicator_letters.settle_past(self.until)

    async def _live_if_it_may(self, step: _Step, at: datetime) -> None:
        try:
            await self._live(step, at)
        except TrackerError as refused:
            log.info("demonstration: %s did not happen: %s", step.event["do"], refused)

    def _officer(self, directive: Mapping[str, Any], ordinal: int) -> dict[str, object]:
        return self.officers[_draw(directive["number"], "officer", str(ordinal)) % len(self.officers)]

    async def _record(
        self, directive: Mapping[str, Any], at: datetime, recorder: Mapping[str, object]
    ) -> directives.Recorded:
        new = NewDirective(
            number=directive["number"],
            kind=directive["kind"],
            issued_on=date.fromisoformat(directive["issued_on"]),
            issuer=directive["issuer"],
            abstract=directive["abstract"],
            signer=directive.get("signer", ""),
            urgency=directive.get("urgency", "normal"),
            tasks=tuple(
                new_task(directive, task, str(self._officer(directive, ordinal)["email"]))
                for ordinal, task in enumerate(directive["tasks"])
            ),
        )
        return await directives.record(self._actor(recorder), new, at)

    def _actor(self, person: Mapping[str, object]) -> Actor:
        agency = person["agency_id"]
        return Actor(
            _id(person),
            str(person["full_name"]),
            Role(str(person["role"])),
            agency_id=None if agency is None else int(str(agency)),
        )

    async def _merge(self, ended_on: date, at: datetime) -> None:
        """What agencies left open when they ended goes to those that carry on their work."""
        if at > self.until:
            return
        async with transaction():
            await db.hand_over(ended_on, at, _id(self.officers[0]), _MERGER_REASON, _MERGER_DOCUMENT)

    # --- single events, by the actions ---

    async def _live(self, step: _Step, at: datetime) -> None:
        event = step.event
        assignment_id = self.given[step.task_id, event["agency"]]
        agency = self._actor(self.focal[event["agency"]])
        officer = self._actor(step.officer)
        words: str = event.get("text", "")
        match event["do"]:
            case "acknowledge":
                await assignments.acknowledge(agency, assignment_id, None, at)
            case "progress":
                report = NewReport("progress", words, percent=event.get("percent"))
                await reports.submit(agency, assignment_id, None, report, at)
            case "obstacle":
                report = NewReport("obstacle", words, addressed_to=event["addressed_to"])
                await reports.submit(agency, assignment_id, None, report, at)
            case "complete":
                report = NewReport(
                    "completion",
                    words,
                    evidence_number=event["document"],
                    evidence_on=date.fromisoformat(event["document_on"]),
                )
                await reports.submit(agency, assignment_id, None, report, at)
            case "confirm":
                await assignments.confirm(officer, assignment_id, None, words, at)
            case "return":
                await assignments.return_for_rework(officer, assignment_id, None, words, at)
            case "request_extension":
                wanted = NewExtension(words, date.fromisoformat(event["date"]))
                await extensions.request(agency, assignment_id, None, wanted, at)
            case "grant_extension" | "refuse_extension":
                await self._decide(assignment_id, event, officer, at)
            case "commit":
                promised = date.fromisoformat(event["date"])
                await assignments.commit_to(
                    agency, assignment_id, None, promised, event["document"], words, at
                )
            case "withdraw":
                await assignments.withdraw(officer, assignment_id, None, words, event["document"], at)
            case "transfer":
                self.given[step.task_id, event["to"]] = await assignments.transfer(
                    officer, assignment_id, None, event["to"], words, event["document"], at
                )

    async def _decide(
        self, assignment_id: int, event: Mapping[str, Any], officer: Actor, at: datetime
    ) -> None:
        pending = await find_pending_extension(assignment_id)
        if pending is None:
            raise LookupError(f"no request to decide: {event}")
        if event["do"] == "grant_extension":
            granted_on = date.fromisoformat(event["date"])
            decision = ExtensionDecision(True, granted_on, event["document"])
        else:
            decision = ExtensionDecision(False, reason=event["text"])
        await extensions.decide(officer, pending.id, None, decision, at)

    # --- the members of a class and those who co-operate, in bulk ---

    def _many_lives(
        self,
        members: Iterable[Known],
        life: Mapping[str, int] | None,
        seed_text: str,
        given_at: datetime,
        officer: Mapping[str, object],
    ) -> list[Past]:
        pasts = []
        for member in members:
            draw = _Draw(f"{seed_text}|{member.agency_code}")
            if member.part == "cooperating" and member.due_kind in ("dated", "none"):
                shares = _HELPERS_LONG_AGO if given_at.year < 2024 else _HELPERS
                pasts.append(self._past(member, shares, draw, given_at, _id(officer)))
            elif member.via_class and member.part == "lead" and life is not None:
                pasts.append(self._past(member, life, draw, given_at, _id(officer)))
        return pasts

    def _past(
        self, member: Known, life: Mapping[str, int], draw: _Draw, given_at: datetime, officer_id: int
    ) -> Past:
        given_on = civil_day(given_at)
        reported_on = _reported_on(member, life, draw, given_on)
        ended = member.valid_to
        if ended is not None and reported_on is not None and reported_on > ended:
            # It came to its end first: a lead's task went to its successor, a helper said what it had done.
            last = ended - timedelta(days=1 + draw.below(10, "last days"))
            reported_on = last if member.part == "cooperating" and last > given_on else None
        acknowledged_on = given_on + timedelta(days=draw.below(4, "ack") + 1)
        progress_on = None
        if reported_on is None and draw.below(100, "progress") < 45:
            progress_on = acknowledged_on + timedelta(days=5 + draw.below(30, "progress day"))
        if reported_on is not None and acknowledged_on >= reported_on:
            acknowledged_on = reported_on
        acknowledged_at = (
            None if draw.below(100, "slow") < 12 else _office(acknowledged_on, draw, 8, "ack at")
        )
        reported_at = None if reported_on is None else _office(reported_on, draw, 10, "report at")
        confirmed_at = None
        if reported_on is not None:
            answered_on = _workday(reported_on + timedelta(days=1 + draw.below(4, "answer")))
            confirmed_at = _office(answered_on, draw, 14, "answer at")
        progress_at = None if progress_on is None else _office(_workday(progress_on), draw, 9, "progress at")
        if ended is not None and progress_on is not None and _workday(progress_on) > ended:
            progress_at = None
        waits = reported_on is not None and ended is None and draw.part(life) == "waiting"
        known = [
            None if at is None or at > self.until else at
            for at in (acknowledged_at, progress_at, reported_at, None if waits else confirmed_at)
        ]
        acknowledged_at, progress_at, reported_at, confirmed_at = known
        return Past(
            assignment_id=member.id,
            state=_state(acknowledged_at, progress_at, reported_at, confirmed_at),
            reporter_id=_id(self.focal[member.agency_code]),
            decider_id=officer_id,
            acknowledged_at=acknowledged_at,
            progress_at=progress_at,
            progress=draw.one_of(self.phrases["progress"]) if progress_at else "",
            percent=20 + 10 * draw.below(7, "percent") if progress_at else None,
            reported_at=reported_at,
            summary=draw.one_of(self.phrases["done"]) if reported_at else "",
            evidence_number=f"{draw.below(4000, 'number') + 12}/BC-{_symbol(member.agency_code)}"
            if reported_at
            else "",
            evidence_on=reported_on if reported_at else None,
            confirmed_at=confirmed_at,
            completed_on=reported_on if confirmed_at else None,
        )


def new_task(directive: Mapping[str, Any], task: Mapping[str, Any], officer: str) -> NewTask:
    """A task of the packaged data as it is recorded."""
    return NewTask(
        short_name=task["short_name"],
        full_text=task["full_text"],
        leads=tuple(task.get("leads", ())),
        lead_classes=tuple(task.get("lead_classes", ())),
        lead_words=task.get("lead_words", ""),
        cooperating=tuple(task.get("cooperating", ())),
        cooperating_classes=tuple(task.get("cooperating_classes", ())),
        deadline=task.get("deadline", ""),
        product=task.get("product", ""),
        place=task.get("place", ""),
        report_to=task.get("report_to", ""),
        field=directive.get("field", ""),
        completes_on=task.get("completes_on", "issued"),
        officer_email=officer,
        early_due_confirmed=bool(task.get("early")),
    )


def _given_at(directive: Mapping[str, Any]) -> datetime:
    """When a directive was entered: urgent ones in the morning, a session's conclusion as it begins."""
    issued_on = date.fromisoformat(directive["issued_on"])
    if directive["issuer"].startswith("Tổ công tác"):
        return at_official(issued_on, time(7, 0))
    urgent = directive.get("urgency", "normal") != "normal"
    return at_official(issued_on, time(10, 0) if urgent else time(14, 30))


_HOURS = {
    "acknowledge": time(8, 20),
    "transfer": time(9, 0),
    "progress": time(9, 30),
    "obstacle": time(9, 45),
    "complete": time(10, 30),
    "commit": time(11, 0),
    "withdraw": time(11, 15),
    "request_extension": time(14, 0),
    "grant_extension": time(15, 30),
    "refuse_extension": time(15, 40),
    "confirm": time(16, 0),
    "return": time(16, 20),
}


@dataclass(frozen=True)
class _Step:
    """Something that happened to one assignment."""

    task_id: int
    event: Mapping[str, Any]
    officer: dict[str, object]

    def at(self, given_at: datetime) -> datetime:
        """When: in office hours, and not before the task was given."""
        event = self.event
        minutes = _draw(str(self.task_id), event["agency"], event["do"]) % 25
        at = at_official(date.fromisoformat(event["on"]), _HOURS[event["do"]]) + timedelta(minutes=minutes)
        return max(at, given_at + timedelta(minutes=10 + minutes))


class _Draw:
    """Numbers that look drawn and are always the same for the same thing."""

    def __init__(self, seed_text: str) -> None:
        self.seed_text = seed_text

    def below(self, limit: int, what: str) -> int:
        """A number from 0 to `limit` - 1."""
        return _draw(self.seed_text, what) % limit

    def part(self, life: Mapping[str, int]) -> str:
        """on_time, late, waiting or open, in the proportions (percent) of `life`."""
        drawn = self.below(100, "part")
        for name in ("on_time", "late", "waiting"):
            drawn -= life[name]
            if drawn < 0:
                return name
        return "open"

    def one_of(self, choices: Sequence[str]) -> str:
        """One of them."""
        return choices[self.below(len(choices), "choice")]


def _draw(*parts: str) -> int:
    return zlib.crc32("\x1f".join(parts).encode()) >> 3


_HELPERS = {"on_time": 86, "late": 9, "waiting": 2}
_HELPERS_LONG_AGO = {"on_time": 90, "late": 10, "waiting": 0}
"""How co-operating agencies answered, in percent."""

_HORIZON = date(2025, 11, 21)
"""The last working day before the demonstration's default start: what waits was reported by then."""


def _reported_on(member: Known, life: Mapping[str, int], draw: _Draw, given_on: date) -> date | None:
    """The day of the report of a member that has made one by the default start."""
    due_on = member.due_on or given_on + timedelta(days=30)
    earliest = given_on + timedelta(days=1)
    part = draw.part(life)
    if part == "on_time":
        latest = min(due_on, _HORIZON)
        span = min((latest - earliest).days, 25)
        return latest if span <= 0 else latest - timedelta(days=draw.below(span, "early"))
    if part == "late":
        late = due_on + timedelta(days=1 + draw.below(24, "late"))
        return min(late, _HORIZON) if due_on < _HORIZON else None
    if part == "waiting":
        return max(_HORIZON - timedelta(days=draw.below(5, "waiting")), earliest)
    return None


def _workday(day: date) -> date:
    """The day itself, or the Monday after a weekend."""
    return day + timedelta(days=(0, 0, 0, 0, 0, 2, 1)[day.weekday()])


def _office(day: date, draw: _Draw, hour: int, what: str) -> datetime:
    return at_official(day, time(hour)) + timedelta(minutes=draw.below(110, what))


def _symbol(code: str) -> str:
    return "UBND" if code.startswith("H") else code


def _state(
    acknowledged_at: datetime | None,
    progress_at: datetime | None,
    reported_at: datetime | None,
    confirmed_at: datetime | None,
) -> str:
    if confirmed_at:
        return "confirmed"
    if reported_at:
        return "reported"
    if progress_at:
        return "in_progress"
    return "acknowledged" if acknowledged_at else "assigned"

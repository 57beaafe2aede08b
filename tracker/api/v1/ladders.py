"""Ladders: who is told what, and when. A version in force is never changed; a new one takes its place."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import ladders as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, PATH_TEXTS, Id, NoBody, NoQuery, id_of
from tracker.api.v1.officials import DutyName
from tracker.api.v1.shapes import AgencyCode, AgencyRef, Day
from tracker.db import ladders as db
from tracker.db.ladders import VersionHead
from tracker.domain import ladders, lengths
from tracker.domain.access import Verb
from tracker.domain.directory import Duty
from tracker.domain.errors import Invalid, NotFound
from tracker.domain.ladders import Anchor, Step, Unit

AnchorName = Literal["assigned", "before", "on", "after", "review"]
UnitName = Literal["working", "calendar", "hours"]
MOST_STEPS = 30
LadderCode = Annotated[
    str,
    Meta(
        pattern=PATH_TEXTS["code"][0],
        description="Code of a ladder.",
        examples=["default"],
        extra={FORM: "form.ladder_code"},
    ),
]
Number = Annotated[int, Meta(ge=1, le=100_000)]


class LadderStep(Struct):
    """One step; with `repeat_every` it comes `repeat_limit` times in all."""

    code: str
    anchor: AnchorName
    offset: int
    unit: UnitName
    repeat_every: int | None
    repeat_limit: int
    to: list[DutyName]
    copy: list[DutyName]
    wording: str


class LadderVersion(Struct):
    """One version of a ladder."""

    id: Id
    code: str
    version: int
    steps: list[LadderStep]


class LadderVersionHead(Struct):
    """A version without its steps; `until` is null while it is in force, `since` null where it holds from ever."""

    version: int
    note: str
    created_by: str
    created_at: datetime
    since: datetime | None
    until: datetime | None
    open_assignments: int


class Ladder(Struct):
    """A ladder: the steps of its newest version, and all its versions, newest first."""

    code: str
    name: str
    version: int
    steps: list[LadderStep]
    versions: list[LadderVersionHead]


class LadderList(Struct):
    """Every ladder, by code."""

    items: list[Ladder]


class StepIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A step as it is asked for. `wording` is a key such as `soon`, or a sentence as people are to read it."""

    code: LadderCode
    anchor: AnchorName
    offset: Annotated[int, Meta(ge=0, le=ladders.MAX_OFFSET)]
    unit: UnitName
    to: Annotated[list[DutyName], Meta(min_length=1, max_length=6)]
    copy: Annotated[list[DutyName], Meta(max_length=6)] = []
    wording: Annotated[str, Meta(min_length=1, max_length=500)]
    repeat_every: Annotated[int, Meta(ge=1, le=ladders.MAX_OFFSET)] | None = None
    repeat_limit: Annotated[int, Meta(ge=1, le=ladders.MAX_REPEATS)] = 1


Steps = Annotated[list[StepIn], Meta(min_length=1, max_length=MOST_STEPS)]


class LadderVersionIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A new version; `name` is needed for a ladder that is new."""

    steps: Steps
    note: Annotated[str, Meta(max_length=lengths.NOTE)] = ""
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class RehearsalIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A ladder to try, given by its steps or as a saved version, over the past quarter or the given days."""

    steps: Steps | None = None
    code: LadderCode | None = None
    version: Number | None = None
    agency: AgencyCode | None = None
    first_day: Day | None = None
    last_day: Day | None = None


class Counted(Struct):
    """What the ladder would have given, beside what was given."""

    would: int
    sent: int


class StepCount(Struct):
    """Reminders of one step."""

    step: str
    would: int
    sent: int


class AgencyCount(Struct):
    """Reminders about one agency's assignments."""

    agency: AgencyRef
    would: int
    sent: int


class WeekCount(Struct):
    """Reminders of the week that begins on this Monday."""

    monday: date
    would: int
    sent: int


class RehearsedPerson(Struct):
    """Somebody whom a reminder would have gone to."""

    official_id: Id
    name: str
    duty: str
    is_copy: bool


class RehearsedReminder(Struct):
    """One reminder that would have been given."""

    assignment_id: Id
    directive_number: str
    short_name: str
    agency_code: str
    step: str
    occurrence: int
    at: datetime
    to: list[RehearsedPerson]
    unreached: list[str]


class RehearsalReport(Struct):
    """What a ladder would have given. People are those of today; a message is all that one person gets at once."""

    first_day: date
    last_day: date
    agency: AgencyRef | None
    assignments: int
    reminders: Counted
    messages: Counted
    people: Counted
    unreached: int
    steps: list[StepCount]
    agencies: list[AgencyCount]
    weeks: list[WeekCount]
    examples: list[RehearsedReminder]


class ReplanIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which open assignments go over to the newest version (all without `assignment_ids`), and why."""

    reason: Annotated[str, Meta(min_length=1, max_length=lengths.REASON)]
    assignment_ids: Annotated[list[Id], Meta(min_length=1, max_length=actions.MOST_REPLANNED)] | None = None
    dry_run: bool = False


class NextReminder(Struct):
    """The reminder that comes next; `at` is null while its year has no calendar."""

    step: str
    occurrence: int
    at: datetime | None


class ReplannedAssignment(Struct):
    """One assignment that goes over: what comes next as it was, and as it is then."""

    assignment_id: Id
    agency_code: str
    short_name: str
    due_on: date | None
    from_version: int
    before: NextReminder | None
    after: NextReminder | None


class ReplanReport(Struct):
    """What a re-planning did, or would do; `left` follow older versions still."""

    group_id: str
    dry_run: bool
    to_version: int
    changed: int
    left: int
    items: list[ReplannedAssignment]


def _steps(ladder: ladders.Ladder) -> list[LadderStep]:
    return [
        LadderStep(
            code=step.code,
            anchor=step.anchor.value,
            offset=step.offset,
            unit=step.unit.value,
            repeat_every=step.repeat_every,
            repeat_limit=step.repeat_limit,
            to=[duty.value for duty in step.to],
            copy=[duty.value for duty in step.copy],
            wording=step.wording,
        )
        for step in ladder.steps
    ]


def shown(ladder: ladders.Ladder) -> LadderVersion:
    """A version as the API gives it."""
    return LadderVersion(str(ladder.id), ladder.code, ladder.version, _steps(ladder))


def _ladder(newest: ladders.Ladder, heads: list[VersionHead]) -> Ladder:
    return Ladder(
        code=newest.code,
        name=heads[0].name,
        version=newest.version,
        steps=_steps(newest),
        versions=[
            LadderVersionHead(
                version=h.version,
                note=h.note,
                created_by=h.created_by,
                created_at=h.created_at,
                since=h.since,
                until=h.until,
                open_assignments=h.open_assignments,
            )
            for h in heads
        ],
    )


def _steps_of(given: list[StepIn]) -> tuple[Step, ...]:
    return tuple(
        Step(
            code=s.code,
            anchor=Anchor(s.anchor),
            offset=s.offset,
            unit=Unit(s.unit),
            to=tuple(Duty(d) for d in s.to),
            wording=s.wording,
            copy=tuple(Duty(d) for d in s.copy),
            repeat_every=s.repeat_every,
            repeat_limit=s.repeat_limit,
        )
        for s in given
    )


async def _found(code: str) -> Ladder:
    newest = await db.newest_version(code)
    if newest is None:
        raise NotFound(noun="ladder", id=code)
    return _ladder(newest, await db.list_version_heads(code))


_LADDER_LINKS = {
    name: {
        "operationId": operation,
        "parameters": {"code": "$response.body#/code", "If-Match": "$response.header.ETag"},
    }
    for name, operation in (("save", "saveLadderVersion"), ("replan", "replanAssignments"))
}


@endpoint(
    "GET",
    "/ladders",
    id="listLadders",
    summary="List ladders",
    tag="Ladders",
    verb=Verb.READ,
    answer=LadderList,
    links={"first": {"operationId": "getLadder", "parameters": {"code": "$response.body#/items/0/code"}}},
)
async def list_ladders(call: Call[NoQuery, NoBody]) -> Reply:
    """Every ladder with its versions."""
    heads: dict[str, list[VersionHead]] = {}
    for head in await db.list_version_heads():
        heads.setdefault(head.code, []).append(head)
    steps = {(each.code, each.version): each for each in await db.list_ladders()}
    return Reply(LadderList([_ladder(steps[c, own[0].version], own) for c, own in heads.items()]))


@endpoint(
    "GET",
    "/ladders/{code}",
    id="getLadder",
    summary="Read a ladder",
    tag="Ladders",
    verb=Verb.READ,
    answer=Ladder,
    refusals=("not_found",),
    links={
        **_LADDER_LINKS,
        "newest": {
            "operationId": "getLadderVersion",
            "parameters": {"code": "$response.body#/code", "number": "$response.body#/version"},
        },
    },
)
async def get_ladder(call: Call[NoQuery, NoBody]) -> Reply:
    """A ladder: the steps that hold for what is assigned now, and every version."""
    found = await _found(call.names["code"])
    return Reply(found, row_version=found.version)


@endpoint(
    "GET",
    "/ladders/{code}/versions/{number}",
    id="getLadderVersion",
    summary="Read a version of a ladder",
    tag="Ladders",
    verb=Verb.READ,
    answer=LadderVersion,
    refusals=("not_found",),
)
async def get_ladder_version(call: Call[NoQuery, NoBody]) -> Reply:
    """One version; it never changes."""
    number = call.ids["number"]
    if number > 2**31 - 1:
        raise NotFound(noun="ladder", id=number)
    ladder = await db.get_version(call.names["code"], number)
    return Reply(shown(ladder), row_version=ladder.version)


@endpoint(
    "POST",
    "/ladders/{code}/versions",
    id="saveLadderVersion",
    summary="Save a new version of a ladder",
    tag="Ladders",
    verb=Verb.MANAGE_LADDER,
    body=LadderVersionIn,
    answer=Ladder,
    status=201,
    is_change=True,
    refusals=("invalid",),
    description="It holds for what is assigned from now on; what is open keeps its version until it is re-planned. "
    "With `If-Match: *` and a `name`, a code that nobody has yet becomes a new ladder.",
    example={
        "note": "Nhắc sớm hơn một ngày.",
        "steps": [
            {
                "code": "before_4",
                "anchor": "before",
                "offset": 4,
                "unit": "working",
                "to": ["focal"],
                "copy": ["head_of_office"],
                "wording": "soon",
            }
        ],
    },
)
async def save_ladder_version(call: Call[NoQuery, LadderVersionIn]) -> Reply:
    """A new version of a ladder."""
    body, code = call.body, call.names["code"]
    name = body.name or next((h.name for h in await db.list_version_heads(code)), None)
    if name is None:
        raise Invalid.one("/name", "required", None)
    await actions.save_version(
        call.actor, code, name, _steps_of(body.steps), body.note, call.now, call.version
    )
    found = await _found(code)
    return Reply(
        found, row_version=found.version, location=f"/api/v1/ladders/{code}/versions/{found.version}"
    )


@endpoint(
    "POST",
    "/ladders/dry-run",
    id="rehearseLadder",
    summary="Try a ladder on the past",
    tag="Ladders",
    verb=Verb.MANAGE_LADDER,
    body=RehearsalIn,
    answer=RehearsalReport,
    has_tag=False,
    refusals=("invalid", "not_found", "agency_unknown", "rehearsal_too_large"),
    description="Writes nothing. Up to 100 days and 20,000 assignments; beyond that give an agency or fewer days.",
    example={"code": "default", "agency": "G18"},
)
async def rehearse_ladder(call: Call[NoQuery, RehearsalIn]) -> Reply:
    """What would have been sent, beside what was sent: by step, agency and week, with examples."""
    body = call.body
    if (body.steps is None) == (body.code is None):
        raise Invalid.one("/steps", "rehearsal_steps_or_code", None)
    ladder: ladders.Ladder | tuple[Step, ...]
    if body.steps is not None:
        ladder = _steps_of(body.steps)
    elif body.version is not None:
        ladder = await db.get_version(body.code or "", body.version)
    else:
        newest = await db.newest_version(body.code or "")
        if newest is None:
            raise NotFound(noun="ladder", id=body.code)
        ladder = newest
    done = await actions.rehearse(
        call.actor,
        ladder,
        call.now,
        first_day=body.first_day,
        last_day=body.last_day,
        agency_code=body.agency,
    )
    return Reply(_report(done))


def _counted(counted: actions.Counted) -> Counted:
    return Counted(counted.would, counted.sent)


def _report(done: actions.Rehearsed) -> RehearsalReport:
    agency = done.agency
    return RehearsalReport(
        first_day=done.first_day,
        last_day=done.last_day,
        agency=None if agency is None else AgencyRef(str(agency.id), agency.code, agency.name),
        assignments=done.assignments,
        reminders=_counted(done.reminders),
        messages=_counted(done.messages),
        people=_counted(done.people),
        unreached=done.unreached,
        steps=[StepCount(step, c.would, c.sent) for step, c in done.by_step.items()],
        agencies=[
            AgencyCount(AgencyRef(str(a.id), a.code, a.name), c.would, c.sent) for a, c in done.by_agency
        ],
        weeks=[WeekCount(monday, c.would, c.sent) for monday, c in done.by_week.items()],
        examples=[_example(example) for example in done.examples],
    )


def _example(example: actions.Example) -> RehearsedReminder:
    row, sending = example.assignment, example.sending
    return RehearsedReminder(
        assignment_id=str(row.id),
        directive_number=row.directive_number,
        short_name=row.short_name,
        agency_code=row.agency_code,
        step=sending.moment.key[0],
        occurrence=sending.moment.key[1],
        at=sending.at,
        to=[
            RehearsedPerson(str(r.official.id), r.official.name, r.duty.value, r.is_copy)
            for r in example.people.recipients
        ],
        unreached=[duty.value for duty in example.people.unreached],
    )


@endpoint(
    "POST",
    "/ladders/{code}/replan",
    id="replanAssignments",
    summary="Let open assignments follow the newest version",
    tag="Ladders",
    verb=Verb.MANAGE_LADDER,
    body=ReplanIn,
    answer=ReplanReport,
    is_change=True,
    has_tag=False,
    needs_key=True,
    refusals=("invalid", "not_found"),
    description="Up to 500 at once, lowest id first; with `dry_run` nothing is changed. What was told stays told.",
    example={"reason": "Áp dụng bậc nhắc mới cho việc đang làm.", "dry_run": True},
)
async def replan_assignments(call: Call[NoQuery, ReplanIn]) -> Reply:
    """Assignments keep the version they began with until somebody decides otherwise; this is that decision."""
    body = call.body
    done = await actions.replan(
        call.actor,
        call.names["code"],
        None if body.assignment_ids is None else [id_of(i) for i in body.assignment_ids],
        body.reason,
        call.now,
        expected=call.version,
        dry_run=body.dry_run,
    )
    return Reply(
        ReplanReport(
            group_id=str(done.group),
            dry_run=done.is_rehearsal,
            to_version=done.to_version,
            changed=len(done.changes),
            left=done.left,
            items=[
                ReplannedAssignment(
                    assignment_id=str(c.assignment.id),
                    agency_code=c.assignment.agency_code,
                    short_name=c.assignment.short_name,
                    due_on=c.assignment.due_on,
                    from_version=c.from_version,
                    before=_next(c.before),
                    after=_next(c.after),
                )
                for c in done.changes
            ],
        )
    )


def _next(ahead: actions.Ahead | None) -> NextReminder | None:
    return None if ahead is None else NextReminder(ahead.step_code, ahead.occurrence, ahead.at)


handlers = [
    list_ladders,
    get_ladder,
    get_ladder_version,
    save_ladder_version,
    rehearse_ladder,
    replan_assignments,
]

"""Targets: what an agency has to reach, and the readings on the way."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import indicators as actions
from tracker.actions.indicators import NAME, UNIT, NewReading, Told
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, Id, NoBody, NoQuery
from tracker.api.v1.shapes import Day
from tracker.db import assignments as assignments_db
from tracker.db import indicators as db
from tracker.db.indicators import Entered
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.indicators import MOST_STEPS, Direction, Frequency, Indicator
from tracker.domain.zone import civil_day

Number = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,4})?$",
        description="A decimal as text, so that nothing is rounded on the way.",
        examples=["30", "99.97"],
        extra={FORM: "form.decimal_text"},
    ),
]
DirectionName = Literal["at_least", "at_most"]
FrequencyName = Literal["once", "monthly", "quarterly", "yearly"]
ProgressName = Literal["missed", "behind", "unread", "uncertain", "on_plan", "achieved", "watched", "ended"]


class TargetStep(Struct, forbid_unknown_fields=True):
    """What the plan asks for from a day on."""

    on: Day
    figure: Number


class TargetIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A target of one assignment; without `target` it is only watched, without `unit` it is told in words."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME)]
    unit: Annotated[str, Meta(max_length=UNIT)] = ""
    counts: Annotated[str, Meta(max_length=UNIT)] = ""
    direction: DirectionName = "at_least"
    baseline: Number | None = None
    target: Number | None = None
    least: Number | None = None
    most: Number | None = None
    starts_on: Day
    due_on: Day
    frequency: FrequencyName = "monthly"
    steps: Annotated[list[TargetStep], Meta(max_length=MOST_STEPS)] = []
    note: Annotated[str, Meta(max_length=lengths.NOTE)] = ""


class Target(Struct):
    """A target and where it stands today; `missing` are the periods that lack a reading."""

    id: Id
    assignment_id: Id
    agency_code: str
    name: str
    unit: str
    counts: str
    direction: DirectionName
    baseline: str | None
    target: str | None
    starts_on: date
    due_on: date
    frequency: FrequencyName
    steps: list[TargetStep]
    note: str
    progress: ProgressName
    last_figure: str | None
    last_as_of: date | None
    planned: str | None
    missing: list[str]


class TargetList(Struct):
    """The targets of an assignment."""

    items: list[Target]


class ReadingIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A figure as of a day, as people write it; a correction names the `sequence` it replaces, and its reason."""

    figure: Annotated[str, Meta(min_length=1, max_length=lengths.PLACE)]
    as_of: Day
    unit: Annotated[str, Meta(max_length=2 * UNIT + 1)] = ""
    evidence: Annotated[str, Meta(max_length=lengths.DOCUMENT)] = ""
    note: Annotated[str, Meta(max_length=lengths.NOTE)] = ""
    reason: Annotated[str, Meta(max_length=lengths.REASON)] = ""
    corrects: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class TargetReading(Struct):
    """A reading; `number` is the figure itself only where `exactness` is exact, else the bound its words name."""

    id: Id
    period: str
    sequence: int
    as_of: date
    figure: str
    exactness: Literal["exact", "about", "below", "above", "words"]
    number: str | None
    evidence: str
    note: str
    reason: str
    source: Literal["page", "api", "file"]
    entered_by_name: str
    entered_at: datetime


class TargetReadingList(Struct):
    """Every reading with its corrections, the latest period first, in it what counts first."""

    items: list[TargetReading]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def shown(told: Told) -> Target:
    """A target as the API gives it."""
    one, last = told.defined.indicator, told.standing.last
    return Target(
        id=str(told.defined.id),
        assignment_id=str(told.defined.assignment_id),
        agency_code=told.defined.agency_code,
        name=one.name,
        unit=one.unit,
        counts=one.counts,
        direction=one.direction.value,
        baseline=_text(one.baseline),
        target=_text(one.target),
        starts_on=one.starts_on,
        due_on=one.due_on,
        frequency=one.frequency.value,
        steps=[TargetStep(on, f"{figure:f}") for on, figure in one.steps],
        note=one.note,
        progress=told.standing.progress.value,
        last_figure=last.figure.words if last else None,
        last_as_of=last.as_of if last else None,
        planned=_text(told.standing.planned),
        missing=[period.key for period in told.standing.missing],
    )


def _reading(row: Entered) -> TargetReading:
    return TargetReading(
        id=str(row.id),
        period=row.period,
        sequence=row.sequence,
        as_of=row.reading.as_of,
        figure=row.reading.figure.words,
        exactness=row.reading.figure.exactness.value,
        number=_text(row.reading.figure.number),
        evidence=row.evidence,
        note=row.note,
        reason=row.reason,
        source=row.source,  # type: ignore[arg-type]  # the CHECK constraint holds the choices
        entered_by_name=row.entered_by_name,
        entered_at=row.entered_at,
    )


@endpoint(
    "GET",
    "/assignments/{assignment_id}/indicators",
    id="listTargets",
    summary="List the targets of an assignment",
    tag="Targets",
    verb=Verb.READ,
    answer=TargetList,
    refusals=("not_found",),
)
async def list_targets(call: Call[NoQuery, NoBody]) -> Reply:
    """What is to be reached, and where it stands today."""
    row = await assignments_db.get_assignment(call.actor, call.ids["assignment_id"])
    told = await actions.list_told(call.actor, civil_day(call.now), assignment_id=row.id)
    return Reply(TargetList([shown(one) for one in told]))


@endpoint(
    "POST",
    "/assignments/{assignment_id}/indicators",
    id="defineTarget",
    summary="Set a target",
    tag="Targets",
    verb=Verb.EDIT_TASK,
    body=TargetIn,
    answer=Target,
    status=201,
    has_tag=False,
    refusals=("not_found", "invalid", "indicator_exists"),
    example={
        "name": "Hồ sơ giải quyết trực tuyến",
        "unit": "%",
        "counts": "hồ sơ",
        "baseline": "12",
        "target": "30",
        "starts_on": "2026-01-01",
        "due_on": "2026-12-31",
    },
)
async def define_target(call: Call[NoQuery, TargetIn]) -> Reply:
    """A further target of an assignment; its agency enters the readings."""
    body = call.body
    new = Indicator(
        name=body.name,
        unit=body.unit,
        counts=body.counts,
        starts_on=body.starts_on,
        due_on=body.due_on,
        direction=Direction(body.direction),
        baseline=_number(body.baseline),
        target=_number(body.target),
        least=_number(body.least),
        most=_number(body.most),
        frequency=Frequency(body.frequency),
        steps=tuple((step.on, Decimal(step.figure)) for step in body.steps),
        note=body.note,
    )
    made = await actions.define(call.actor, call.ids["assignment_id"], new, call.now)
    return Reply(shown(await actions.look(call.actor, made, call.now)))


@endpoint(
    "GET",
    "/indicators/{indicator_id}/readings",
    id="listReadings",
    summary="List the readings of a target",
    tag="Targets",
    verb=Verb.READ,
    answer=TargetReadingList,
    refusals=("not_found",),
)
async def list_readings(call: Call[NoQuery, NoBody]) -> Reply:
    """Every reading with its corrections."""
    found = await db.get_indicator(call.actor, call.ids["indicator_id"])
    return Reply(TargetReadingList([_reading(row) for row in await db.list_readings(found.id)]))


@endpoint(
    "POST",
    "/indicators/{indicator_id}/readings",
    id="enterReading",
    summary="Enter a reading of a target",
    tag="Targets",
    verb=Verb.REPORT,
    body=ReadingIn,
    answer=TargetReading,
    status=201,
    has_tag=False,
    refusals=("not_found", "invalid", "reading_exists", "reading_moved", "indicator_has_ended"),
    example={"figure": "gần 20", "as_of": "2026-03-31", "unit": "% hồ sơ", "evidence": "512/BC-BYT"},
)
async def enter_reading(call: Call[NoQuery, ReadingIn]) -> Reply:
    """Take a figure in its words; "gần 100" is kept as such and never as 100."""
    body = call.body
    new = NewReading(
        figure=body.figure,
        as_of=body.as_of,
        unit=body.unit,
        evidence=body.evidence,
        note=body.note,
        reason=body.reason,
        corrects=body.corrects,
    )
    found = await db.get_indicator(call.actor, call.ids["indicator_id"])
    made = await actions.enter(call.actor, found.id, new, "api", call.now)
    return Reply(next(_reading(row) for row in await db.list_readings(found.id) if row.id == made))


handlers = [list_targets, define_target, list_readings, enter_reading]

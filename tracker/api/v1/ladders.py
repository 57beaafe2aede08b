"""Ladders: who is told what, and when. A version in force is never changed; a new one takes its place."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery
from tracker.api.v1.officials import DutyName
from tracker.db import ladders as db
from tracker.domain import ladders
from tracker.domain.access import Verb


class LadderStep(Struct):
    """One step; with `repeat_every` it comes `repeat_limit` times in all."""

    code: str
    anchor: Literal["assigned", "before", "on", "after", "review"]
    offset: int
    unit: Literal["working", "calendar", "hours"]
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


class LadderList(Struct):
    """Every version of every ladder, newest first."""

    items: list[LadderVersion]


def shown(ladder: ladders.Ladder) -> LadderVersion:
    """A version as the API gives it."""
    return LadderVersion(
        id=str(ladder.id),
        code=ladder.code,
        version=ladder.version,
        steps=[
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
        ],
    )


@endpoint(
    "GET",
    "/ladders",
    id="listLadders",
    summary="List ladders",
    tag="Ladders",
    verb=Verb.READ,
    answer=LadderList,
    links={"first": {"operationId": "getLadder", "parameters": {"ladder_id": "$response.body#/items/0/id"}}},
)
async def list_ladders(call: Call[NoQuery, NoBody]) -> Reply:
    """Every version of every ladder, newest first."""
    return Reply(LadderList([shown(ladder) for ladder in await db.list_ladders()]))


@endpoint(
    "GET",
    "/ladders/{ladder_id}",
    id="getLadder",
    summary="Read a version of a ladder",
    tag="Ladders",
    verb=Verb.READ,
    answer=LadderVersion,
    refusals=("not_found",),
)
async def get_ladder(call: Call[NoQuery, NoBody]) -> Reply:
    """One version; it never changes."""
    ladder = await db.get_ladder(call.ids["ladder_id"])
    return Reply(shown(ladder), row_version=ladder.version)


handlers = [list_ladders, get_ladder]

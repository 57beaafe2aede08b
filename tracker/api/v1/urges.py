"""Urging: a person hurries agencies on, beside the ladder, or asks them to explain by a day."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import urges as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoQuery, id_of
from tracker.api.v1.shapes import Day
from tracker.domain.access import Verb
from tracker.domain.urges import REPEAT_AFTER, UrgeKind


class UrgeIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is urged; `sentence` is yours, `answer_by` belongs to a request for explanation."""

    assignment_ids: Annotated[list[Id], Meta(min_length=1, max_length=actions.MOST_AT_ONCE)]
    kind: Literal["urge", "explanation"] = "urge"
    sentence: Annotated[str, Meta(max_length=actions.LONGEST_SENTENCE)] = ""
    answer_by: Day | None = None
    dry_run: bool = False


class UrgeMessage(Struct):
    """One message; `message_id` leads to it in the outbox, null in a preview. `route` says how they were found."""

    official_id: Id
    name: str
    address: str
    route: str
    agency_code: str
    assignment_ids: list[Id]
    message_id: Id | None


class NotUrged(Struct):
    """An assignment that nobody is urged for; `possible_at` where only time has to pass."""

    assignment_id: Id
    reason: Literal[
        "not_found", "not_permitted", "closed", "awaiting_confirmation", "no_recipient", "recently_urged"
    ]
    possible_at: datetime | None


class UrgeReport(Struct):
    """What an urge did, or would do; `group_id` stands in the history of each assignment."""

    group_id: str
    dry_run: bool
    kind: Literal["urge", "explanation"]
    urged: int
    repeat_after_hours: int
    messages: list[UrgeMessage]
    skipped: list[NotUrged]


@endpoint(
    "POST",
    "/urges",
    id="urge",
    summary="Urge agencies on",
    tag="Urging",
    verb=Verb.URGE,
    body=UrgeIn,
    answer=UrgeReport,
    has_tag=False,
    needs_key=True,
    refusals=("invalid",),
    description="Up to 500 assignments, one message to each focal officer. Nobody is urged for what is done or waits "
    "for confirmation, nor twice within 24 hours; the answer names each with its reason.",
    example={"assignment_ids": ["17"], "sentence": "Đề nghị báo cáo trước phiên họp.", "dry_run": True},
)
async def urge(call: Call[NoQuery, UrgeIn]) -> Reply:
    """Who gets what, and who not and why; with `dry_run` nothing is sent."""
    body = call.body
    new = actions.NewUrge(
        assignment_ids=[id_of(i) for i in body.assignment_ids],
        kind=UrgeKind(body.kind),
        sentence=body.sentence,
        answer_by=body.answer_by,
    )
    done = await actions.urge(call.actor, new, call.now, dry_run=body.dry_run)
    return Reply(
        UrgeReport(
            group_id=str(done.group),
            dry_run=done.is_rehearsal,
            kind=body.kind,
            urged=sum(len(m.rows) for m in done.messages),
            repeat_after_hours=int(REPEAT_AFTER.total_seconds()) // 3600,
            messages=[
                UrgeMessage(
                    official_id=str(m.recipient.official.id),
                    name=m.recipient.official.name,
                    address=m.recipient.official.email,
                    route=m.recipient.route.value,
                    agency_code=m.rows[0].agency_code,
                    assignment_ids=[str(row.id) for row in m.rows],
                    message_id=None if m.outbox_id is None else str(m.outbox_id),
                )
                for m in done.messages
            ],
            skipped=[NotUrged(str(s.assignment_id), s.why.value, s.possible_at) for s in done.skipped],
        )
    )


handlers = [urge]

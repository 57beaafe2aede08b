"""Requests to explain an assignment, and what the agency said; `POST /urges` asks."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from tracker.actions import explanations as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import NoBody, NoQuery
from tracker.db import assignments as assignments_db
from tracker.domain import lengths
from tracker.domain.access import Verb


class Explanation(Struct):
    """A request to explain: by which day, in whose words, and the answer; `answer` is empty while it is owed."""

    asked_by: str
    asked_at: datetime
    answer_by: date | None
    sentence: str
    is_owed: bool
    answer: str
    answered_by: str
    answered_at: datetime | None


class ExplanationList(Struct):
    """The requests to explain one assignment, oldest first; one that was taken back is left out."""

    items: list[Explanation]


class ExplanationIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """What the agency says; it answers every request that is still owed."""

    text: Annotated[str, Meta(min_length=1, max_length=lengths.SUMMARY)]


@endpoint(
    "GET",
    "/assignments/{assignment_id}/explanations",
    id="listExplanations",
    summary="List the requests to explain an assignment",
    tag="Urging",
    verb=Verb.READ,
    answer=ExplanationList,
    refusals=("not_found",),
)
async def list_explanations(call: Call[NoQuery, NoBody]) -> Reply:
    """Who asked, until when, and what the agency said."""
    row = await assignments_db.get_assignment(call.actor, call.ids["assignment_id"])
    return Reply(
        ExplanationList(
            [
                Explanation(
                    asked_by=asked.urged_by_name,
                    asked_at=asked.urged_at,
                    answer_by=asked.answer_by,
                    sentence=asked.sentence,
                    is_owed=asked.is_owed,
                    answer=asked.answer,
                    answered_by=asked.answered_by_name,
                    answered_at=asked.answered_at,
                )
                for asked in await actions.list_of(call.actor, row.id)
            ]
        )
    )


@endpoint(
    "POST",
    "/assignments/{assignment_id}/explanations",
    id="explain",
    summary="Explain",
    tag="Urging",
    verb=Verb.REPORT,
    body=ExplanationIn,
    status=204,
    has_tag=False,
    refusals=("not_found", "explanation_not_owed", "invalid"),
    example={"text": "Hai đơn vị góp ý chậm; dự thảo trình ngày 01/12/2025."},
)
async def explain(call: Call[NoQuery, ExplanationIn]) -> Reply:
    """Answer every request of this assignment that is still owed an explanation."""
    await actions.answer(call.actor, call.ids["assignment_id"], call.body.text, call.now)
    return Reply(None)


handlers = [list_explanations, explain]

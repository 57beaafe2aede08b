"""Explanations: an agency that was asked says why a task stands as it does, by the day it was given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tracker.actions import explaining
from tracker.actions.assignments import locked, remember
from tracker.db import urges as db
from tracker.db.engine import transaction
from tracker.db.urges import ExplanationRow, UrgingOf
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor, Role
from tracker.domain.errors import Conflict, NotPermitted
from tracker.domain.text import clean_text


class ExplanationNotOwed(Conflict):
    """Nothing is owed: it was answered meanwhile, or the request was taken back."""

    code = "explanation_not_owed"


async def owed_by(viewer: Actor, assignment_ids: Sequence[int]) -> dict[int, tuple[UrgingOf, ...]]:
    """The requests that these assignments still owe an explanation to, the nearest day first."""
    require(viewer, Verb.READ)
    found: dict[int, tuple[UrgingOf, ...]] = {}
    for urging in await db.list_urgings_of(viewer, assignment_ids):
        if urging.is_owed:
            found[urging.assignment_id] = (*found.get(urging.assignment_id, ()), urging)
    return {key: tuple(sorted(value, key=lambda u: str(u.answer_by))) for key, value in found.items()}


async def list_of(viewer: Actor, assignment_id: int) -> list[UrgingOf]:
    """The requests to explain one assignment that were not taken back, oldest first."""
    require(viewer, Verb.READ)
    found = await db.list_urgings_of(viewer, [assignment_id])
    return [urging for urging in found if urging.kind == "explanation" and urging.undone_at is None]


async def list_all(viewer: Actor, *, owed: bool | None = None, limit: int = 100) -> list[ExplanationRow]:
    """Requests to explain: a member's own, an agency's own, all of them at the desk."""
    require(viewer, Verb.LIST)
    asked_by = viewer.official_id if viewer.role is Role.MEMBER else None
    return await db.list_explanations(viewer, asked_by=asked_by, owed=owed, limit=limit)


async def answer(actor: Actor, assignment_id: int, text: str, now: datetime) -> None:
    """Explain; every request that is still owed an answer has it with this.

    Raises Invalid, ExplanationNotOwed.
    """
    text = clean_text(text, "/text", lengths.SUMMARY, allow_newlines=True)
    async with transaction():
        row = await locked(actor, assignment_id, None, Verb.REPORT)
        if actor.official_id is None:
            # An explanation has an author: the system does not explain for an agency.
            raise NotPermitted(verb=Verb.REPORT.value, role=actor.role.value, allowed=("agency_officer",))
        if not await db.lock_owed(row.id):
            raise ExplanationNotOwed()
        await db.put_answer(row.id, actor, text, now)
        await remember(actor, row, "answer_explanation", now, text)
        await explaining.answered(row.id)

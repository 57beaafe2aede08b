"""An agency asks for more time; the assigning side decides, with a document."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tracker.actions import notices
from tracker.actions.assignments import change, locked, move_deadline, remember
from tracker.db import extensions as extensions_db
from tracker.db.assignments import Assignment
from tracker.db.engine import transaction
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.assignments import DeadlineCause, Event, is_past, transition
from tracker.domain.directory import Actor
from tracker.domain.drafts import ExtensionDecision, NewExtension
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.domain.recording import Collector, deadline_too_far
from tracker.domain.text import clean_text
from tracker.domain.zone import civil_now

EXTENSIONS_ALLOWED = 1
"""How often a deadline is extended by default; a further grant needs its reason (PRODUCT, deadlines)."""


class ExtensionPending(Conflict):
    """A request waits for its answer already; params: proposed_on."""

    code = "extension_pending"


class ExtensionDecided(Conflict):
    """Somebody has answered this request; params: state, decided_at."""

    code = "extension_decided"


class NoDeadlineToExtend(Conflict):
    """The assignment has no date that could be moved."""

    code = "no_deadline_to_extend"


async def request(
    actor: Actor, assignment_id: int, version: int | None, new: NewExtension, now: datetime
) -> int:
    """Ask for a later date. The deadline stands until somebody grants it; reminders go on and say so.

    Raises Invalid for a date that is not later, ExtensionPending, AlreadyConfirmed, ReportWaiting, StaleVersion.
    """
    new = replace(
        new, reason=clean_text(new.reason, "/reason", lengths.EXTENSION_REASON, allow_newlines=True)
    )
    async with transaction():
        row = await locked(actor, assignment_id, version, Verb.REQUEST_EXTENSION)
        transition(row.state, Event.REQUEST_EXTENSION)
        if row.due_on is None:
            raise NoDeadlineToExtend(due_kind=row.due_kind)
        if new.proposed_on <= row.due_on:
            raise Invalid.one("/proposed_on", "extension_not_later", new.proposed_on, due_on=row.due_on)
        too_far = deadline_too_far("/proposed_on", new.proposed_on, row.directive_issued_on)
        if too_far is not None:
            raise Invalid([too_far])
        waiting = await extensions_db.find_pending_extension(row.id)
        if waiting is not None:
            raise ExtensionPending(proposed_on=waiting.proposed_on)
        assert actor.official_id is not None
        local = civil_now(now).replace(tzinfo=None)
        asked_late = is_past(row.due_on, row.due_time, local)
        extension_id = await extensions_db.insert_extension(
            row.id, new, row.due_on, asked_late, actor.official_id, now
        )
        await change(row, {}, now, in_calendar=False)
        await remember(
            actor,
            row,
            "request_extension",
            now,
            new.reason,
            proposed_on=new.proposed_on,
            asked_late=asked_late,
        )
        await notices.extension_requested(actor, row, new, asked_late, now)
    return extension_id


async def decide(
    actor: Actor, extension_id: int, version: int | None, decision: ExtensionDecision, now: datetime
) -> None:
    """Grant or refuse. A grant names its document and moves the deadline; the original date is kept.

    `version` is the assignment's. Raises Invalid, ExtensionDecided, AlreadyConfirmed, AssignmentClosed, StaleVersion.
    """
    async with transaction():
        extension = await extensions_db.get_extension(actor, extension_id)
        row = await locked(actor, extension.assignment_id, version, Verb.DECIDE_EXTENSION)
        extension = await extensions_db.get_extension(actor, extension_id)
        if extension.state != "pending":
            raise ExtensionDecided(state=extension.state, decided_at=extension.decided_at)
        transition(row.state, Event.MOVE_DEADLINE)
        decision = _judge(decision, extension, row)
        assert actor.official_id is not None
        state = "granted" if decision.grant else "refused"
        decided = await extensions_db.decide_extension(
            extension.id,
            state,
            decision.granted_on,
            actor.official_id,
            decision.document,
            decision.reason,
            now,
        )
        if not decided:
            raise ExtensionDecided(state="decided", decided_at=now)
        if decision.grant:
            assert decision.granted_on is not None
            await move_deadline(
                actor,
                row,
                decision.granted_on,
                row.due_time,
                DeadlineCause.EXTENSION,
                decision.reason or extension.reason,
                decision.document,
                now,
                extensions=1,
            )
        else:
            await change(row, {}, now, in_calendar=False)
            await remember(
                actor, row, "refuse_extension", now, decision.reason, proposed_on=extension.proposed_on
            )
            await notices.extension_refused(actor, row, decision, extension.proposed_on, now)


def _judge(
    decision: ExtensionDecision, extension: extensions_db.Extension, row: Assignment
) -> ExtensionDecision:
    problems: list[Problem] = []
    collect = Collector(problems)
    if not decision.grant and decision.granted_on is not None:
        collect.add("/granted_on", "grant_date_on_refusal", decision.granted_on)
    granted_on = decision.granted_on or extension.proposed_on if decision.grant else None
    cleaned = replace(
        decision,
        granted_on=granted_on,
        document=collect.text(decision.document, "/document", lengths.DOCUMENT, required=decision.grant),
        reason=collect.text(
            decision.reason,
            "/reason",
            lengths.REASON,
            # A refusal says why, and so does granting more than the rules allow.
            required=not decision.grant or row.extension_count >= EXTENSIONS_ALLOWED,
            newlines=True,
        ),
    )
    if granted_on is not None and granted_on <= extension.due_before:
        collect.add("/granted_on", "extension_not_later", granted_on, due_on=extension.due_before)
    too_far = (
        None if granted_on is None else deadline_too_far("/granted_on", granted_on, row.directive_issued_on)
    )
    if too_far is not None:
        collect.problem(too_far)
    if problems:
        raise Invalid(problems)
    return cleaned

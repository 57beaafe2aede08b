"""Reminders of an assignment: what was decided and sent, with the server's answer; what comes next, and why not."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from tracker.actions.explain import Explanation, explain
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery
from tracker.domain.access import Verb
from tracker.domain.recipients import Audience
from tracker.domain.reminders import Decision


class Message(Struct):
    """The message a reminder went out in; `reply_*` are the mail server's words."""

    state: str
    address: str
    subject: str
    sent_at: datetime | None
    reply_code: int | None
    reply_text: str
    maybe_duplicate: bool


class Reminder(Struct):
    """A decision that stands in the ledger; without a recipient nobody was to be told."""

    id: Id
    step: str
    occurrence: int
    deadline_version: int
    verdict: Literal["sent", "superseded", "suppressed"]
    reason: str
    moment: datetime
    decided_at: datetime
    recipient_id: Id | None
    recipient: str
    is_copy: bool
    message: Message | None


class Foreseen(Struct):
    """A person whom a step would go to as things stand; `route` says how they came to be addressed."""

    official_id: Id
    name: str
    duty: str
    is_copy: bool
    route: str


class Step(Struct):
    """What is to become of one moment of the ladder, and why; `at` is null while its year has no calendar."""

    step: str
    occurrence: int
    verdict: Literal["send", "skip", "wait"]
    reason: str
    at: datetime | None
    to: list[Foreseen]
    unreached: list[str]


class Reminders(Struct):
    """Everything about who was told of an assignment, and who will be."""

    assignment_id: Id
    ladder: str
    ladder_version: int
    due_on: date | None
    sending_paused: bool
    ledger: list[Reminder]
    steps: list[Step]
    review: list[Step]


def shown(found: Explanation) -> Reminders:
    """The explanation as the API gives it."""
    return Reminders(
        assignment_id=str(found.assignment.id),
        ladder=found.ladder.code,
        ladder_version=found.ladder.version,
        due_on=found.assignment.due_on,
        sending_paused=found.is_paused,
        ledger=[
            Reminder(
                id=str(row.id),
                step=row.step_code,
                occurrence=row.occurrence,
                deadline_version=row.deadline_version,
                verdict=row.verdict,  # type: ignore[arg-type]  # the CHECK constraint holds the choices
                reason=row.reason,
                moment=row.moment,
                decided_at=row.decided_at,
                recipient_id=None if row.recipient_id is None else str(row.recipient_id),
                recipient=row.recipient_name,
                is_copy=row.is_copy,
                message=None
                if row.outbox_id is None
                else Message(
                    state=row.message_state or "",
                    address=row.message_address or "",
                    subject=row.message_subject or "",
                    sent_at=row.sent_at,
                    reply_code=row.reply_code,
                    reply_text=row.reply_text or "",
                    maybe_duplicate=bool(row.maybe_duplicate),
                ),
            )
            for row in found.reminders
        ],
        steps=[_step(decision, found) for decision in found.decisions],
        review=[_step(decision, found) for decision in found.review],
    )


def _step(decision: Decision, found: Explanation) -> Step:
    foreseen = found.foreseen.get(decision.moment.key, Audience())
    return Step(
        step=decision.moment.step.code,
        occurrence=decision.moment.occurrence,
        verdict=decision.verdict.value,
        reason=decision.reason.value,
        at=decision.at,
        to=[
            Foreseen(str(r.official.id), r.official.name, r.duty.value, r.is_copy, r.route.value)
            for r in foreseen.recipients
        ],
        unreached=[duty.value for duty in foreseen.unreached],
    )


@endpoint(
    "GET",
    "/assignments/{assignment_id}/reminders",
    id="getReminders",
    summary="Explain the reminders of an assignment",
    tag="Reminders",
    verb=Verb.READ_HISTORY,
    answer=Reminders,
    refusals=("not_found",),
)
async def get_reminders(call: Call[NoQuery, NoBody]) -> Reply:
    """Who was told what and when, who will be, and the reason for every yes and every no."""
    return Reply(shown(await explain(call.actor, call.ids["assignment_id"], call.now)))


handlers = [get_reminders]

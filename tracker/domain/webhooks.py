"""What webhooks tell, when a delivery is tried again, and when one is given up.

Source: Standard Webhooks (docs/decisions/0025-webhooks.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MOST_WEBHOOKS = 10
"""Of one official."""
ROTATION = timedelta(hours=24)
"""How long a former secret signs beside the new one."""
KEPT = timedelta(days=30)
"""How long a finished delivery can be read and replayed."""
LONGEST_PAYLOAD = 20_000
LONGEST_ANSWER = 65_536
LONGEST_ANSWER_KEPT = 2_000

WAITS: tuple[timedelta, ...] = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""What follows the first attempt, which is made at once: ten attempts in some three days."""
JITTER = 0.1
LONGEST_RETRY_AFTER = timedelta(hours=24)


class Kind(StrEnum):
    """What a webhook may be told; the value is the payload's `type`."""

    DIRECTIVE_RECORDED = "directive.recorded"
    ASSIGNMENT_ASSIGNED = "assignment.assigned"
    ASSIGNMENT_ACKNOWLEDGED = "assignment.acknowledged"
    ASSIGNMENT_REPORTED = "assignment.reported"
    ASSIGNMENT_CONFIRMED = "assignment.confirmed"
    ASSIGNMENT_RETURNED = "assignment.returned"
    ASSIGNMENT_COMMITTED = "assignment.committed"
    ASSIGNMENT_WITHDRAWN = "assignment.withdrawn"
    ASSIGNMENT_TRANSFERRED = "assignment.transferred"
    ASSIGNMENT_SUPERSEDED = "assignment.superseded"
    DEADLINE_CHANGED = "deadline.changed"
    EXTENSION_REQUESTED = "extension.requested"
    EXTENSION_DECIDED = "extension.decided"
    REMINDER_SENT = "reminder.sent"


PING = "ping"
"""The `type` of a trial, which every webhook takes."""

_BY_VERB: Mapping[str, Kind] = {
    "record_directive": Kind.DIRECTIVE_RECORDED,
    "assign": Kind.ASSIGNMENT_ASSIGNED,
    "recur": Kind.ASSIGNMENT_ASSIGNED,
    "acknowledge": Kind.ASSIGNMENT_ACKNOWLEDGED,
    "report_progress": Kind.ASSIGNMENT_REPORTED,
    "report_obstacle": Kind.ASSIGNMENT_REPORTED,
    "report_completion": Kind.ASSIGNMENT_REPORTED,
    "confirm": Kind.ASSIGNMENT_CONFIRMED,
    "return": Kind.ASSIGNMENT_RETURNED,
    "commit": Kind.ASSIGNMENT_COMMITTED,
    "withdrawn": Kind.ASSIGNMENT_WITHDRAWN,
    "transferred": Kind.ASSIGNMENT_TRANSFERRED,
    "superseded": Kind.ASSIGNMENT_SUPERSEDED,
    "move_deadline": Kind.DEADLINE_CHANGED,
    "request_extension": Kind.EXTENSION_REQUESTED,
    "refuse_extension": Kind.EXTENSION_DECIDED,
    "remind": Kind.REMINDER_SENT,
}


def kinds_of(verb: str, detail: Mapping[str, object]) -> tuple[Kind, ...]:
    """What a line of the history, or of the reminders' ledger as `remind`, is to a webhook.

    Several for an extension that is granted, none for most; the news of an assignment is no reminder.

    >>> [kind.value for kind in kinds_of("move_deadline", {"cause": "extension"})]
    ['deadline.changed', 'extension.decided']
    """
    kind = _BY_VERB.get(verb)
    if kind is None or (kind is Kind.REMINDER_SENT and detail.get("step") == "assigned"):
        return ()
    granted = kind is Kind.DEADLINE_CHANGED and detail.get("cause") == "extension"
    return (kind, Kind.EXTENSION_DECIDED) if granted else (kind,)


class Verdict(StrEnum):
    """What an attempt means for its delivery."""

    SENT = "sent"
    RETRY = "retry"
    GAVE_UP = "gave_up"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Next:
    """The verdict on an attempt, and how long to wait for the following one."""

    verdict: Verdict
    wait: timedelta = timedelta(0)


def judge(status: int | None, attempts: int, jitter: float, retry_after: timedelta | None = None) -> Next:
    """What follows attempt number `attempts` (from 1), answered by `status` or, with None, not at all.

    Only 2xx is success; a redirect is a failure; 410 ends the webhook.  `jitter` lies in [0, 1): it spreads
    the wait by a tenth.  429 and 503 may ask for a longer wait than ours, up to a day.

    >>> judge(204, 1, 0.5).verdict.value, judge(302, 1, 0.0).verdict.value, judge(410, 1, 0.0).verdict.value
    ('sent', 'retry', 'gone')
    >>> judge(None, 1, 0.5).wait.total_seconds(), judge(500, 10, 0.5).verdict.value
    (5.0, 'gave_up')
    """
    if status is not None and 200 <= status < 300:
        return Next(Verdict.SENT)
    if status == 410:
        return Next(Verdict.GONE)
    if attempts > len(WAITS):
        return Next(Verdict.GAVE_UP)
    wait = WAITS[attempts - 1] * (1 - JITTER + 2 * JITTER * jitter)
    if status in (429, 503) and retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_RETRY_AFTER))
    return Next(Verdict.RETRY, wait)

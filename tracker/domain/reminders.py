"""Whether a moment of the ladder is to be sent, with the reason for every yes and every no.

The ladder itself is in ladders.py, its instants in moments.py, its people in recipients.py;
what callers need of them to ask a question can be had here.
Source: docs/decisions/0013-ladder.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum

from tracker.domain.assignments import WORKING_STATES, DueKind, State
from tracker.domain.ladders import (
    DEFAULT_STEPS,
    Anchor,
    Ladder,
    Moment,
    Step,
    Unit,
    assigned_moment,
    check_ladder,
    moments,
    review_moments,
)
from tracker.domain.moments import (
    DEFAULT_HOURS,
    DIGEST_TIME,
    Horizon,
    Hours,
    Owed,
    Planned,
    has_come,
    horizon,
    is_quiet,
    latest_due_reached,
    moment_of,
    owed,
    plan,
    skipped_rank,
)
from tracker.domain.recipients import Audience, Contacts, audience
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_now

__all__ = [
    "DEFAULT_HOURS",
    "DEFAULT_STEPS",
    "DIGEST_TIME",
    "Anchor",
    "Audience",
    "Contacts",
    "Decision",
    "Horizon",
    "Hours",
    "Ladder",
    "Ledger",
    "Moment",
    "Outcome",
    "Owed",
    "Planned",
    "Reason",
    "ReminderFacts",
    "Step",
    "Unit",
    "Verdict",
    "assigned_moment",
    "audience",
    "check_ladder",
    "decide",
    "decide_review",
    "horizon",
    "latest_due_reached",
    "moment_of",
    "moments",
    "owed",
    "plan",
    "review_moments",
    "skipped_rank",
]


class Verdict(StrEnum):
    """Send it now; never send it; or wait and look again."""

    SEND = "send"
    SKIP = "skip"
    WAIT = "wait"


class Reason(StrEnum):
    """Why a moment is sent, skipped or waits; shown to the user, kept in the ledger."""

    DUE = "due"
    EXTENSION_PENDING = "extension_pending"

    ALREADY_SENT = "already_sent"
    ALREADY_SKIPPED = "already_skipped"
    SUPERSEDED_BY_NEWER = "superseded_by_newer"
    SHORT_DEADLINE = "short_deadline"
    DEADLINE_PASSED = "deadline_passed"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    TRANSFERRED = "transferred"
    REPLACED = "replaced"
    NO_DATE = "no_date"
    NOT_REPORTED = "not_reported"

    NOT_YET = "not_yet"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    QUIET_HOURS = "quiet_hours"
    PAUSED = "paused"
    NO_RECIPIENT = "no_recipient"
    CALENDAR_UNKNOWN = "calendar_unknown"


class Outcome(StrEnum):
    """What the ledger says became of a moment; stored."""

    SENT = "sent"
    SUPERSEDED = "superseded"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class ReminderFacts:
    """What a decision about one assignment follows from.

    `settled_rank` and `review_rank` are the highest ranks done with.
    `reported_on` is the civil day on which the report was made that waits.
    `is_paused` is the operator's switch; it delays and loses nothing.
    """

    state: State
    due_kind: DueKind
    due_on: date | None = None
    due_time: time | None = None
    settled_rank: int = 0
    review_rank: int = 0
    reported_on: date | None = None
    is_extension_pending: bool = False
    is_paused: bool = False


Ledger = Mapping[tuple[str, int], Outcome]
"""By step code and occurrence, for the deadline version in force."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of one moment, why, to whom, and when it comes (UTC; None while unknown)."""

    moment: Moment
    verdict: Verdict
    reason: Reason
    at: datetime | None = None
    audience: Audience = field(default_factory=Audience)


_CLOSED_REASONS: dict[State, Reason] = {
    State.CONFIRMED: Reason.CONFIRMED,
    State.WITHDRAWN: Reason.WITHDRAWN,
    State.TRANSFERRED: Reason.TRANSFERRED,
    State.SUPERSEDED: Reason.REPLACED,
}


def decide(
    facts: ReminderFacts,
    ladder: Ladder,
    now: datetime,
    calendar: WorkCalendar,
    ledger: Ledger,
    contacts: Contacts,
    hours: Hours = DEFAULT_HOURS,
) -> tuple[Decision, ...]:
    """One decision for every moment around the deadline, in order; at most one of them says SEND.

    1. What the ledger knows, or what is settled, is never sent again.
    2. A closed assignment skips the rest; a waiting report stops the clock; a pause waits.
    3. Of the moments that have come only the newest is sent, unless its words are no longer true.
    4. It waits for the hours in which mail may go, and for somebody to send it to.
    """
    newest = None
    if facts.due_on is not None:
        newest = owed(ladder, facts.settled_rank, facts.due_on, facts.due_time, now, calendar, hours.digest)
    return tuple(
        _decide_one(m, facts, newest, now, calendar, ledger, contacts, hours) for m in moments(ladder)
    )


def _decide_one(
    moment: Moment,
    facts: ReminderFacts,
    due: Owed | None,
    now: datetime,
    calendar: WorkCalendar,
    ledger: Ledger,
    contacts: Contacts,
    hours: Hours,
) -> Decision:
    at = None
    if facts.due_on is not None:
        at = moment_of(moment, facts.due_on, facts.due_time, calendar, hours.digest)
    if past := _settled(moment, facts.settled_rank, ledger):
        return Decision(moment, Verdict.SKIP, past, at)
    if closed := _CLOSED_REASONS.get(facts.state):
        return Decision(moment, Verdict.SKIP, closed, at)
    if due is None:
        return Decision(moment, Verdict.SKIP, Reason.NO_DATE)
    if facts.state not in WORKING_STATES:
        return Decision(moment, Verdict.WAIT, Reason.AWAITING_CONFIRMATION, at)
    if moment in due.superseded:
        reason = Reason.SUPERSEDED_BY_NEWER if due.newest else Reason.DEADLINE_PASSED
        return Decision(moment, Verdict.SKIP, reason, at)
    if moment != due.newest:
        return Decision(moment, Verdict.WAIT, Reason.CALENDAR_UNKNOWN if at is None else Reason.NOT_YET, at)
    yes = Reason.EXTENSION_PENDING if facts.is_extension_pending else Reason.DUE
    return _dispatch(moment, facts, yes, at, now, calendar, contacts, hours)


def _settled(moment: Moment, settled_rank: int, ledger: Ledger) -> Reason | None:
    outcome = ledger.get(moment.key)
    if outcome is Outcome.SENT:
        return Reason.ALREADY_SENT
    if outcome is Outcome.SUPERSEDED:
        return Reason.SUPERSEDED_BY_NEWER
    if outcome is Outcome.SUPPRESSED:
        return Reason.ALREADY_SKIPPED
    return Reason.SHORT_DEADLINE if moment.rank <= settled_rank else None


def _dispatch(
    moment: Moment,
    facts: ReminderFacts,
    yes: Reason,
    at: datetime | None,
    now: datetime,
    calendar: WorkCalendar,
    contacts: Contacts,
    hours: Hours,
) -> Decision:
    """The last questions before sending: paused, quiet hours, anybody there."""
    if facts.is_paused:
        return Decision(moment, Verdict.WAIT, Reason.PAUSED, at)
    if is_quiet(moment, facts.due_time, now, calendar, hours):
        return Decision(moment, Verdict.WAIT, Reason.QUIET_HOURS, at)
    people = audience(moment.step.to, moment.step.copy, contacts, civil_now(now).date())
    if not people.recipients:
        return Decision(moment, Verdict.WAIT, Reason.NO_RECIPIENT, at, people)
    return Decision(moment, Verdict.SEND, yes, at, people)


def decide_review(
    facts: ReminderFacts,
    ladder: Ladder,
    now: datetime,
    calendar: WorkCalendar,
    ledger: Ledger,
    contacts: Contacts,
    hours: Hours = DEFAULT_HOURS,
) -> tuple[Decision, ...]:
    """One decision for every moment that counts from a waiting report; at most one of them says SEND."""
    came = {
        m.rank: moment_of(m, facts.reported_on, None, calendar, hours.digest) if facts.reported_on else None
        for m in review_moments(ladder)
    }
    newest = max((r for r, at in came.items() if r > facts.review_rank and has_come(at, now)), default=0)
    decisions = []
    for moment in review_moments(ladder):
        at = came[moment.rank]
        if past := _settled(moment, facts.review_rank, ledger):
            decisions.append(Decision(moment, Verdict.SKIP, past, at))
        elif closed := _CLOSED_REASONS.get(facts.state):
            decisions.append(Decision(moment, Verdict.SKIP, closed, at))
        elif facts.state is not State.REPORTED or facts.reported_on is None:
            decisions.append(Decision(moment, Verdict.SKIP, Reason.NOT_REPORTED, at))
        elif moment.rank < newest:
            decisions.append(Decision(moment, Verdict.SKIP, Reason.SUPERSEDED_BY_NEWER, at))
        elif moment.rank > newest:
            reason = Reason.CALENDAR_UNKNOWN if at is None else Reason.NOT_YET
            decisions.append(Decision(moment, Verdict.WAIT, reason, at))
        else:
            decisions.append(_dispatch(moment, facts, Reason.DUE, at, now, calendar, contacts, hours))
    return tuple(decisions)

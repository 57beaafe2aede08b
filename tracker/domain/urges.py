"""Urging by a person, beside the ladder: for which assignments it makes sense, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.domain.assignments import WORKING_STATES, State

REPEAT_AFTER = timedelta(hours=24)
"""The same person is not urged for the same assignment again before this has passed."""


class UrgeKind(StrEnum):
    """A word to hurry, or a request to explain by a day."""

    URGE = "urge"
    EXPLANATION = "explanation"


class Skipped(StrEnum):
    """Why an assignment is not urged."""

    NOT_FOUND = "not_found"
    NOT_PERMITTED = "not_permitted"
    CLOSED = "closed"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    NO_RECIPIENT = "no_recipient"
    RECENTLY_URGED = "recently_urged"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether somebody is urged for an assignment: None, or why not and from when on it is possible."""

    skipped: Skipped | None = None
    possible_at: datetime | None = None


def judge(
    state: State,
    recipient_id: int | None,
    urged_at: Mapping[int, datetime],
    now: datetime,
    *,
    asks_reported: bool = False,
) -> Verdict:
    """Whether `recipient_id` is to be urged; `urged_at` says when each person last was, for this assignment.

    With `asks_reported` a report that waits for confirmation is no answer: the lateness itself is to be explained.

    >>> judge(State.REPORTED, 7, {}, datetime(2025, 11, 24)).skipped.value
    'awaiting_confirmation'
    """
    if state is State.REPORTED and not asks_reported:
        return Verdict(Skipped.AWAITING_CONFIRMATION)
    if state not in WORKING_STATES and state is not State.REPORTED:
        return Verdict(Skipped.CLOSED)
    if recipient_id is None:
        return Verdict(Skipped.NO_RECIPIENT)
    last = urged_at.get(recipient_id)
    if last is not None and now - last < REPEAT_AFTER:
        return Verdict(Skipped.RECENTLY_URGED, last + REPEAT_AFTER)
    return Verdict()

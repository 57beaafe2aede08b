"""Second thoughts: how long a closed assignment may be opened again, and the state it then goes back to.

Source of the periods: docs/decisions/0027-second-thoughts.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tracker.domain.assignments import State

UNDO_FOR = timedelta(seconds=30)
"""The letters about a decision wait so long; until then it can be taken back as if it had not been made."""

RESTORE_FOR = timedelta(days=30)
"""A task that was withdrawn or superseded can be given back for so long, and everyone is told anew."""

UNDONE_STATES: frozenset[State] = frozenset({State.CONFIRMED, State.WITHDRAWN, State.SUPERSEDED})
"""What can be taken back at once. A transfer has told another agency, a return begins a new period."""

RESTORED_STATES: frozenset[State] = frozenset({State.WITHDRAWN, State.SUPERSEDED})
"""What can be given back later: a confirmed result stands in official figures."""


def can_undo(state: State, closed_at: datetime | None, now: datetime) -> bool:
    """Whether the closing may still be taken back as if it had not been made.

    >>> from datetime import UTC
    >>> at = datetime(2025, 11, 24, 2, 0, tzinfo=UTC)
    >>> can_undo(State.CONFIRMED, at, at + timedelta(seconds=30))
    True
    """
    return state in UNDONE_STATES and closed_at is not None and now - closed_at <= UNDO_FOR


def can_restore(state: State, closed_at: datetime | None, now: datetime) -> bool:
    """Whether a withdrawn or superseded task may still be given back."""
    return state in RESTORED_STATES and closed_at is not None and now - closed_at <= RESTORE_FOR


def state_before(
    completions: tuple[str, ...], *, progressed_after_return: bool, has_progress: bool, is_acknowledged: bool
) -> State:
    """Where an open assignment stands by what was done to it; `completions` are the fates of its reports in order.

    >>> state_before(("returned", "pending"), progressed_after_return=False, has_progress=False, is_acknowledged=True)
    <State.REPORTED: 'reported'>
    """
    if completions and completions[-1] == "pending":
        return State.REPORTED
    if completions and not progressed_after_return:
        return State.RETURNED
    if has_progress or completions:
        return State.IN_PROGRESS
    return State.ACKNOWLEDGED if is_acknowledged else State.ASSIGNED

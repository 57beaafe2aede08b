"""How long a decision can be taken back, and where an assignment stood while it was open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tracker.domain.assignments import State
from tracker.domain.second_thoughts import (
    RESTORE_FOR,
    UNDO_FOR,
    can_restore,
    can_undo,
    state_before,
)

CLOSED = datetime(2025, 11, 24, 2, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize("state", list(State))
def test_only_closings_that_told_nobody_else_are_undone(state: State) -> None:
    undone = {State.CONFIRMED, State.WITHDRAWN, State.SUPERSEDED}

    assert can_undo(state, CLOSED, CLOSED) is (state in undone)
    assert can_restore(state, CLOSED, CLOSED) is (state in undone - {State.CONFIRMED})
    assert not can_undo(state, None, CLOSED)
    assert not can_restore(state, None, CLOSED)


def test_the_periods_end_with_their_last_instant() -> None:
    assert can_undo(State.CONFIRMED, CLOSED, CLOSED + UNDO_FOR)
    assert not can_undo(State.CONFIRMED, CLOSED, CLOSED + UNDO_FOR + TICK)
    assert can_restore(State.WITHDRAWN, CLOSED, CLOSED + RESTORE_FOR)
    assert not can_restore(State.WITHDRAWN, CLOSED, CLOSED + RESTORE_FOR + TICK)


@pytest.mark.parametrize(
    ("completions", "after_return", "progress", "acknowledged", "expected"),
    [
        ((), False, False, False, State.ASSIGNED),
        ((), False, False, True, State.ACKNOWLEDGED),
        ((), False, True, True, State.IN_PROGRESS),
        ((), False, True, False, State.IN_PROGRESS),
        (("pending",), False, True, True, State.REPORTED),
        (("returned",), False, True, True, State.RETURNED),
        (("returned",), True, True, True, State.IN_PROGRESS),
        (("returned", "pending"), True, True, True, State.REPORTED),
        (("returned", "returned"), False, True, True, State.RETURNED),
    ],
)
def test_the_state_before_is_told_from_what_was_reported(
    completions: tuple[str, ...], after_return: bool, progress: bool, acknowledged: bool, expected: State
) -> None:
    found = state_before(
        completions, progressed_after_return=after_return, has_progress=progress, is_acknowledged=acknowledged
    )

    assert found is expected

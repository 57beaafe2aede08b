"""The pauses between attempts: growing, spread, and over after 72 hours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.mail.retry import GIVE_UP_AFTER, SPREAD, STEPS, next_attempt_at

NOON = datetime(2025, 11, 24, 12, tzinfo=UTC)
jitters = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 1), (2, 2), (3, 5), (4, 10), (5, 30), (6, 60), (7, 60), (50, 60)]
)
def test_waits_grow_to_an_hour(attempts: int, minutes: int) -> None:
    assert next_attempt_at(attempts, NOON, NOON, 0.5) == NOON + timedelta(minutes=minutes)


@given(attempts=st.integers(1, 200), age=st.timedeltas(timedelta(0), timedelta(days=5)), jitter=jitters)
def test_an_attempt_lies_ahead_and_within_72_hours(attempts: int, age: timedelta, jitter: float) -> None:
    following = next_attempt_at(attempts, NOON + age, NOON, jitter)

    if age >= GIVE_UP_AFTER:
        assert following is None
    else:
        assert following is not None
        assert NOON + age < following <= NOON + GIVE_UP_AFTER
        assert following - (NOON + age) <= STEPS[-1] * (1 + SPREAD)


@given(jitter=jitters)
def test_every_message_gets_its_last_attempt_at_the_end(jitter: float) -> None:
    at, attempts = NOON, 1
    moments = []
    while (following := next_attempt_at(attempts, at, NOON, jitter)) is not None:
        moments.append(following)
        at, attempts = following, attempts + 1

    assert moments[-1] == NOON + GIVE_UP_AFTER
    assert 60 <= len(moments) <= 90


@pytest.mark.parametrize(("attempts", "jitter"), [(0, 0.5), (-1, 0.5), (1, 1.0), (1, -0.1)])
def test_nonsense_is_refused(attempts: int, jitter: float) -> None:
    with pytest.raises(ValueError, match=r"attempts|jitter"):
        next_attempt_at(attempts, NOON, NOON, jitter)

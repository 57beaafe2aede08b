"""When a message that was not taken is tried again, and when to give up. Pure."""

from datetime import datetime, timedelta

STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 30, 60))
GIVE_UP_AFTER = timedelta(hours=72)
SPREAD = 0.2


def next_attempt_at(attempts: int, now: datetime, first_at: datetime, jitter: float) -> datetime | None:
    """The instant of the next attempt after `attempts` failed ones; None: give up.

    Waits 1, 2, 5, 10, 30, 60 minutes, then an hour each time, until 72 hours after `first_at`,
    the instant at which the message was first due. `jitter` in [0, 1) spreads a wait over its
    last fifth and beyond, so that a relay that comes back is not met by everybody at once.
    An attempt that would fall after the end is moved to the end, so that 72 hours are really used.

    >>> from datetime import UTC
    >>> noon = datetime(2025, 11, 24, 12, tzinfo=UTC)
    >>> next_attempt_at(1, noon, noon, 0.5).isoformat()
    '2025-11-24T12:01:00+00:00'
    >>> next_attempt_at(80, noon + timedelta(hours=72), noon, 0.5) is None
    True
    """
    if attempts < 1:
        raise ValueError(f"attempts counts the failed ones and begins at 1, not {attempts}")
    if not 0 <= jitter < 1:
        raise ValueError(f"jitter is in [0, 1), not {jitter}")
    end = first_at + GIVE_UP_AFTER
    if now >= end:
        return None
    wait = STEPS[min(attempts, len(STEPS)) - 1]
    return min(now + wait * (1 + SPREAD * (jitter - 0.5)), end)

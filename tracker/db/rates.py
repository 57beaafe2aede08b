"""Rate limits in PostgreSQL, so that all processes share them: a bucket that empties and fills again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tracker.db.engine import execute, fetchval

# What is used up now, with what came back since.
_FILLED = "greatest(0, b.used - greatest(0, extract(epoch FROM clock_timestamp() - b.at)) / $4)"


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether one more was allowed, how many are left, and when the next one comes."""

    allowed: bool
    remaining: int
    retry_after_seconds: int


async def take(key: str, *, capacity: int, refill_seconds: float, cost: int = 1) -> Taken:
    """Take `cost` from the bucket of `key`: it holds `capacity`, and one comes back every `refill_seconds`.

    A refused attempt takes nothing, so a bucket always fills again: nobody is locked out for good.
    By the database's clock; a clock that was set back fills nothing.  Call it outside the transaction of
    what it limits: a failure must be counted too.
    """
    taken = await fetchval(
        f"""
        INSERT INTO rate_bucket AS b (key, used, at) VALUES ($1, $2, clock_timestamp())
        ON CONFLICT (key) DO UPDATE SET used = {_FILLED} + $2, at = greatest(b.at, clock_timestamp())
            WHERE {_FILLED} + $2 <= $3
        RETURNING used
        """,
        key,
        float(cost),
        float(capacity),
        float(refill_seconds),
    )
    if taken is not None:
        return Taken(True, max(0, math.floor(capacity - taken)), 0)
    used = await fetchval(
        f"SELECT {_FILLED} FROM rate_bucket b WHERE key = $1 AND $2::float8 <= $3::float8",
        key,
        float(cost),
        float(capacity),
        float(refill_seconds),
    )
    missing = cost if used is None else max(0.0, used + cost - capacity)
    return Taken(
        False, max(0, math.floor(capacity - (used or 0))), max(1, math.ceil(missing * refill_seconds))
    )


async def prune_buckets() -> int:
    """Forget what has not been touched for a day; how many."""
    return await execute("DELETE FROM rate_bucket WHERE at < now() - interval '1 day'")

"""Which optional mail people do without."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from tracker.db.engine import execute, fetch
from tracker.domain.unwanted_mail import OptionalMail


async def list_unwanted(official_ids: Iterable[int]) -> frozenset[tuple[int, OptionalMail]]:
    """What each of these people does without."""
    rows = await fetch(
        "SELECT official_id, kind FROM unwanted_mail WHERE official_id = ANY($1::bigint[])",
        sorted(set(official_ids)),
    )
    return frozenset((row["official_id"], OptionalMail(row["kind"])) for row in rows)


async def put_unwanted(official_id: int, kinds: Collection[OptionalMail], now: datetime) -> bool:
    """From now on the person does without exactly these; whether that changed anything."""
    wanted = sorted(kind.value for kind in kinds)
    gone = await execute(
        "DELETE FROM unwanted_mail WHERE official_id = $1 AND kind <> ALL($2::text[])", official_id, wanted
    )
    new = await execute(
        "INSERT INTO unwanted_mail (official_id, kind, since) SELECT $1, unnest($2::text[]), $3"
        " ON CONFLICT DO NOTHING",
        official_id,
        wanted,
        now,
    )
    return bool(gone or new)

"""Which mail a person does without: optional kinds only, chosen by the person alone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from tracker.db import unwanted_mail as db
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.domain.access import Subject, Verb, require
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid, StaleVersion
from tracker.domain.unwanted_mail import OptionalMail, offered_to
from tracker.domain.versions import version_of


async def list_own(actor: Actor) -> frozenset[OptionalMail]:
    """What the actor does without."""
    if actor.official_id is None:
        return frozenset()
    require(actor, Verb.READ)
    return frozenset(kind for _, kind in await db.list_unwanted([actor.official_id]))


def version_of_choice(unwanted: Collection[OptionalMail]) -> int:
    """The version of a choice, for a condition on its change."""
    return version_of(*sorted(kind.value for kind in unwanted))


async def choose(
    actor: Actor, unwanted: Collection[str], now: datetime, *, version: int | None = None
) -> None:
    """From now on the actor does without exactly these.

    Raises NotPermitted, Invalid for what is duty mail, StaleVersion where another choice than `version` stands.
    """
    require(actor, Verb.EDIT_SELF, Subject.owned_by(actor.official_id or 0, noun="official"))
    offered = {kind.value: kind for kind in offered_to(actor.role)}
    for given in unwanted:
        if given not in offered:
            raise Invalid.one("/unwanted", "not_a_choice", given[:40], allowed=", ".join(offered) or "–")
    if actor.official_id is None:
        return
    kinds = frozenset(offered[given] for given in unwanted)
    async with transaction():
        stands = version_of_choice(await list_own(actor))
        if version is not None and version != stands:
            raise StaleVersion(current=stands)
        if await db.put_unwanted(actor.official_id, kinds, now):
            entry = HistoryEntry("choose_mail", detail={"without": sorted(kind.value for kind in kinds)})
            await insert_history(actor, [entry], now)

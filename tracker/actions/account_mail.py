"""Telling a person that something about how they sign in has changed, in case it was not they who changed it.

Inside the transaction of the change: it is told exactly if it happened. Nothing secret is in these mails.
"""

from __future__ import annotations

from datetime import datetime

from tracker.actions.notices import Draft, queue
from tracker.actions.office import office
from tracker.db.directory import get_officials
from tracker.db.engine import as_service
from tracker.domain.directory import Actor
from tracker.mail.contexts import AccountChange, AccountChanged

PATH = "/toi/bao-mat"


async def tell(
    official_id: int,
    what: AccountChange,
    now: datetime,
    *,
    ip: str = "",
    by: Actor | None = None,
    about: str = "",
) -> None:
    """Queue the mail; `by` is whoever did it. People who have left are told nothing."""
    owner = (await get_officials([official_id])).get(official_id)
    if owner is None or not owner.is_active:
        return
    context = AccountChanged(
        what=what,
        changed_at=now,
        url=office().url + PATH,
        ip=ip,
        changed_by=by.name if by is not None and by.official_id not in (None, official_id) else "",
        about=about,
        is_by_operator=by is not None and by.official_id is None,
    )
    key = f"account-changed-{what}-{official_id}-{now:%Y%m%dT%H%M%S%f}"
    async with as_service():
        await queue([Draft("account_changed", context, owner, key, (), urgent=True)], now)

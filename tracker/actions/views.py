"""Keeping a list under a name: making, changing, deleting and bringing back."""

from __future__ import annotations

from datetime import datetime

from tracker.db import saved_views as db
from tracker.db.engine import transaction
from tracker.db.saved_views import SavedView
from tracker.domain.access import Subject, Verb, require
from tracker.domain.directory import Actor, Role
from tracker.domain.errors import Invalid, NotPermitted
from tracker.domain.text import clean_text

MOST_VIEWS = 40
NAME = 60
LONGEST_QUERY = 2000
PATHS = ("/viec",)
"""The lists that can be kept."""

SHARERS = (Role.SECRETARIAT, Role.ADMINISTRATOR)
"""Whose views may be shared, and with whom: the secretariat's desk."""


async def save(actor: Actor, name: str, path: str, query: str, is_shared: bool, now: datetime) -> int:
    """Keep a list of one's own under a name. Raises Invalid; NotPermitted for sharing from outside the desk."""
    owner_id = _own(actor, is_shared)
    if path not in PATHS:
        raise Invalid.one("/path", "not_a_choice", path, allowed=", ".join(PATHS))
    name = clean_text(name, "/name", NAME)
    _check(query)
    async with transaction():
        count = await db.count_views(owner_id)
        if count >= MOST_VIEWS:
            raise Invalid.one("/name", "too_many", count + 1, limit=MOST_VIEWS)
        return await db.insert_view(owner_id, name, path, query, is_shared, now)


async def change(
    actor: Actor, view_id: int, name: str, query: str | None, is_shared: bool, now: datetime
) -> SavedView:
    """Another name, other readers or, with a `query`, another list for one's own view. Raises NotFound, Invalid."""
    _own(actor, is_shared)
    name = clean_text(name, "/name", NAME)
    if query is not None:
        _check(query)
    async with transaction():
        view = await db.get_view(actor, view_id, lock=True)
        await db.update_view(view.id, name, view.query if query is None else query, is_shared, now)
        return await db.get_view(actor, view_id)


async def move_forward(actor: Actor, view_id: int) -> SavedView:
    """Bring one's own view one place forward. Raises NotFound."""
    _own(actor, False)
    async with transaction():
        view = await db.get_view(actor, view_id, lock=True)
        await db.swap_with_previous(view)
    return view


async def delete(actor: Actor, view_id: int, now: datetime) -> SavedView:
    """Delete one's own view; it can be brought back for thirty days. Raises NotFound."""
    _own(actor, False)
    async with transaction():
        view = await db.get_view(actor, view_id, lock=True)
        await db.mark_deleted(view.id, now)
    return view


async def restore(actor: Actor, view_id: int) -> SavedView:
    """Bring one's own deleted view back. Raises NotFound."""
    _own(actor, False)
    async with transaction():
        view = await db.get_view(actor, view_id, lock=True)
        await db.mark_deleted(view.id, None)
    return view


def _own(actor: Actor, is_shared: bool) -> int:
    owner_id = actor.official_id
    require(actor, Verb.LIST)
    require(actor, Verb.EDIT_SELF, Subject(noun="saved_view", owner_id=owner_id))
    if owner_id is None:
        raise NotPermitted(verb=Verb.EDIT_SELF.value, allowed=())
    if is_shared and actor.role not in SHARERS:
        raise NotPermitted(verb=Verb.EDIT_SELF.value, allowed=tuple(role.value for role in SHARERS))
    return owner_id


def _check(query: str) -> None:
    if len(query) > LONGEST_QUERY or not query.isascii():
        raise Invalid.one("/query", "text_too_long", query[:60], max_length=LONGEST_QUERY, length=len(query))

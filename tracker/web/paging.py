"""Where a page of a list begins: after the row whose id stands in the address."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from tracker.domain.errors import NotFound
from tracker.web.page import Page


class Sorted(Protocol):
    """A row of a list in Vietnamese order."""

    @property
    def id(self) -> int: ...
    @property
    def sort_key(self) -> str: ...


Row = TypeVar("Row", bound=Sorted)


async def last_seen(page: Page, get: Callable[[int], Awaitable[Row]]) -> Row | None:
    """The last row of the page before (`?sau=`); what cannot be read begins at the top."""
    given = page.query.get("sau", "")
    if not re.fullmatch(r"[1-9][0-9]{0,17}", given):
        return None
    try:
        return await get(int(given))
    except NotFound:
        return None


def place(row: Sorted | None) -> tuple[str, int] | None:
    """What a query goes on after."""
    return None if row is None else (row.sort_key, row.id)

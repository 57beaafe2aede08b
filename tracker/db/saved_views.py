"""Lists kept under a name: one's own, and those that the desk shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.domain.directory import Actor, Role
from tracker.domain.errors import NotFound

KEPT_DAYS = 30
"""How long a deleted view can be brought back."""

_DESK = frozenset({Role.SECRETARIAT, Role.ADMINISTRATOR})


@dataclass(frozen=True, slots=True)
class SavedView:
    """The address of a list under a name."""

    id: int
    owner_id: int
    owner_name: str
    name: str
    path: str
    query: str
    is_shared: bool
    position: int
    deleted_at: datetime | None
    row_version: int

    @property
    def address(self) -> str:
        """Where the view leads."""
        return f"{self.path}?{self.query}" if self.query else self.path


_SELECT = """
SELECT v.id, v.owner_id, o.full_name AS owner_name, v.name, v.path, v.query, v.is_shared, v.position, v.deleted_at,
       v.row_version
FROM saved_view v JOIN official o ON o.id = v.owner_id
"""


def _view(row: Record) -> SavedView:
    return SavedView(*row.values())


async def list_views(viewer: Actor) -> list[SavedView]:
    """The viewer's own views in their order, then those that others of the desk share with it."""
    rows = await fetch(
        f"""{_SELECT} WHERE v.deleted_at IS NULL AND (v.owner_id = $1 OR (v.is_shared AND $2))
        ORDER BY v.owner_id <> $1, v.position, v.id LIMIT 200""",
        viewer.official_id,
        viewer.role in _DESK,
    )
    return [_view(row) for row in rows]


async def list_deleted(viewer: Actor) -> list[SavedView]:
    """The viewer's views that can still be brought back, the last one first."""
    rows = await fetch(
        f"{_SELECT} WHERE v.deleted_at IS NOT NULL AND v.owner_id = $1 ORDER BY v.deleted_at DESC LIMIT 50",
        viewer.official_id,
    )
    return [_view(row) for row in rows]


async def get_view(viewer: Actor, view_id: int, *, lock: bool = False) -> SavedView:
    """One of the viewer's own views, deleted or not. Raises NotFound."""
    tail = " FOR UPDATE OF v" if lock else ""
    row = await fetchrow(f"{_SELECT} WHERE v.id = $1 AND v.owner_id = $2{tail}", view_id, viewer.official_id)
    if row is None:
        raise NotFound(noun="saved_view", id=view_id)
    return _view(row)


async def count_views(owner_id: int) -> int:
    """How many views a person has; deleted ones do not count."""
    count: int = await fetchval(
        "SELECT count(*) FROM saved_view WHERE owner_id = $1 AND deleted_at IS NULL", owner_id
    )
    return count


async def insert_view(owner_id: int, name: str, path: str, query: str, is_shared: bool, now: datetime) -> int:
    """A view at the end of its owner's."""
    view_id: int = await fetchval(
        """
        INSERT INTO saved_view (owner_id, name, path, query, is_shared, position, created_at, changed_at)
        SELECT $1, $2, $3, $4, $5, coalesce(max(position), 0) + 1, $6, $6 FROM saved_view WHERE owner_id = $1
        RETURNING id
        """,
        owner_id,
        name,
        path,
        query,
        is_shared,
        now,
    )
    return view_id


async def update_view(view_id: int, name: str, query: str, is_shared: bool, now: datetime) -> None:
    """Another name, another list or other readers."""
    await execute(
        "UPDATE saved_view SET name = $2, query = $3, is_shared = $4, changed_at = $5, row_version = row_version + 1"
        " WHERE id = $1",
        view_id,
        name,
        query,
        is_shared,
        now,
    )


async def mark_deleted(view_id: int, now: datetime | None) -> bool:
    """Delete a view, or bring it back with `now` None; False when it was so already."""
    return (
        await execute(
            "UPDATE saved_view SET deleted_at = $2, row_version = row_version + 1"
            " WHERE id = $1 AND (deleted_at IS NULL) = ($2::timestamptz IS NOT NULL)",
            view_id,
            now,
        )
        == 1
    )


async def swap_with_previous(view: SavedView) -> None:
    """Bring a view one place forward among its owner's."""
    await execute(
        """
        WITH ranked AS (
            SELECT id, row_number() OVER (ORDER BY position, id) AS place FROM saved_view
            WHERE owner_id = $1 AND deleted_at IS NULL
        ), target AS (SELECT place FROM ranked WHERE id = $2)
        UPDATE saved_view v SET position = CASE
            WHEN r.id = $2 THEN greatest(r.place - 1, 1)
            WHEN r.place = (SELECT place FROM target) - 1 THEN r.place + 1 ELSE r.place END
        FROM ranked r WHERE r.id = v.id
        """,
        view.owner_id,
        view.id,
    )


async def delete_old_views(limit: int) -> int:
    """Forget views that were deleted long enough ago; how many, at most `limit`."""
    return await execute(
        f"DELETE FROM saved_view WHERE id IN (SELECT id FROM saved_view"
        f" WHERE deleted_at < now() - interval '{KEPT_DAYS} days' ORDER BY deleted_at LIMIT $1)",
        limit,
    )

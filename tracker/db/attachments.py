"""Evidence files: loose at an assignment until a report names them, then the report's for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.errors import NotFound

LOOSE_FOR = "interval '7 days'"
"""How long a file waits for its report."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file without its content; `report_id` is None while it is loose."""

    id: int
    assignment_id: int
    agency_id: int
    report_id: int | None
    official_id: int
    state: str
    name: str
    media_type: str
    size: int
    sha256: bytes
    was_scanned: bool
    created_at: datetime


_SELECT = """
SELECT f.id, f.assignment_id, a.agency_id, f.report_id, f.official_id, f.state, f.name, f.media_type, f.size,
       f.sha256, f.was_scanned, f.created_at
FROM attachment f JOIN assignment a ON a.id = f.assignment_id
"""


async def insert_attachment(
    assignment_id: int,
    official_id: int,
    name: str,
    media_type: str,
    sha256: bytes,
    content: bytes,
    now: datetime,
    *,
    was_scanned: bool,
) -> int:
    """A loose file."""
    attachment_id: int = await fetchval(
        """
        INSERT INTO attachment (assignment_id, official_id, name, media_type, size, sha256, content, was_scanned,
                                created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
        """,
        assignment_id,
        official_id,
        name,
        media_type,
        len(content),
        sha256,
        content,
        was_scanned,
        now,
    )
    return attachment_id


async def get_attachment(viewer: Actor, attachment_id: int) -> Attachment:
    """One file. Raises NotFound, also where the viewer may not know of its assignment."""
    condition, arguments = visible_to(viewer, "a", first=2)
    row = await fetchrow(f"{_SELECT} WHERE f.id = $1 AND {condition}", attachment_id, *arguments)
    if row is None:
        raise NotFound(noun="attachment", id=attachment_id)
    return Attachment(**dict(row))


async def read_content(viewer: Actor, attachment_id: int) -> bytes:
    """The bytes of one file. Raises NotFound."""
    condition, arguments = visible_to(viewer, "a", first=2)
    content: bytes | None = await fetchval(
        "SELECT f.content FROM attachment f JOIN assignment a ON a.id = f.assignment_id"
        f" WHERE f.id = $1 AND {condition}",
        attachment_id,
        *arguments,
    )
    if content is None:
        raise NotFound(noun="attachment", id=attachment_id)
    return content


async def list_attachments(viewer: Actor, assignment_id: int) -> list[Attachment]:
    """The files of one assignment, oldest first."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"{_SELECT} WHERE f.assignment_id = $1 AND {condition} ORDER BY f.id", assignment_id, *arguments
    )
    return [Attachment(**dict(row)) for row in rows]


async def find_loose(
    viewer: Actor, assignment_id: int, official_id: int, name: str, sha256: bytes
) -> Attachment | None:
    """The person's own loose file of this name and content, if there is one."""
    condition, arguments = visible_to(viewer, "a", first=5)
    row = await fetchrow(
        f"{_SELECT} WHERE f.assignment_id = $1 AND f.official_id = $2 AND f.name = $3 AND f.sha256 = $4"
        f" AND f.state = 'loose' AND {condition} ORDER BY f.id LIMIT 1",
        assignment_id,
        official_id,
        name,
        sha256,
        *arguments,
    )
    return None if row is None else Attachment(**dict(row))


async def count_loose(assignment_id: int) -> int:
    """How many files of the assignment wait for a report."""
    count: int = await fetchval(
        "SELECT count(*) FROM attachment WHERE assignment_id = $1 AND state = 'loose'", assignment_id
    )
    return count


async def attach(assignment_id: int, report_id: int, ids: Sequence[int]) -> frozenset[int]:
    """Give loose files of the assignment to a report; the ids of those that were."""
    rows = await fetch(
        "UPDATE attachment SET state = 'attached', report_id = $2"
        " WHERE assignment_id = $1 AND state = 'loose' AND id = ANY($3::bigint[]) RETURNING id",
        assignment_id,
        report_id,
        list(ids),
    )
    return frozenset(r["id"] for r in rows)


async def delete_loose(attachment_id: int) -> bool:
    """Remove a file that no report names; False when one does."""
    touched = await execute("DELETE FROM attachment WHERE id = $1 AND state = 'loose'", attachment_id)
    return touched == 1


async def delete_forgotten(limit: int = 100) -> int:
    """Remove loose files whose report never came, at most `limit`."""
    return await execute(
        "DELETE FROM attachment WHERE id IN (SELECT id FROM attachment WHERE state = 'loose'"
        f" AND created_at < now() - {LOOSE_FOR} ORDER BY created_at LIMIT $1)",
        limit,
    )

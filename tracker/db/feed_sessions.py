"""The inspection sessions that a calendar link shows: those that concern its holder at the moment of reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from tracker.db.engine import fetch
from tracker.db.feeds import Facts, Feed
from tracker.domain.directory import AGENCY_ROLES, Actor, Role
from tracker.domain.inspections import State, Topic

_DESK = frozenset({Role.SECRETARIAT, Role.INSPECTOR})


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as a feed needs it; `fact` is the digest of all the rest."""

    uid: UUID
    id: int
    title: str
    state: State
    held_on: date
    held_at: time | None
    ends_at: time | None
    place: str
    chair: str
    topic: Topic
    topic_of: str
    agencies: tuple[str, ...]
    explain_by: date | None
    version: int
    created_at: datetime
    changed_at: datetime
    concluded_at: datetime | None
    fact: str


async def list_sessions(
    viewer: Actor, feed: Feed, closed_since: datetime, limit: int
) -> tuple[list[SessionRow], Facts]:
    """The sessions that concern the viewer: all at the desk, those one takes part in, those of one's agencies.

    Ended ones stay for a while, called off ones where the link wants them. An agency reads only its own name.
    """
    sees_all = viewer.is_system or viewer.role in _DESK
    own = sorted(viewer.visible_agency_ids) if viewer.role in AGENCY_ROLES else []
    rows = await fetch(
        """
        WITH chosen AS (
            SELECT i.* FROM inspection i
            WHERE ($1 OR $2::bigint IN (i.chair_id, i.secretary_id)
                   OR EXISTS (SELECT FROM inspection_member m WHERE m.inspection_id = i.id AND m.official_id = $2)
                   OR EXISTS (SELECT FROM inspection_agency n WHERE n.inspection_id = i.id AND n.agency_id = ANY($3)))
              AND (i.state IN ('planned', 'frozen') OR (i.state = 'concluded' AND i.concluded_at >= $4)
                   OR (i.state = 'cancelled' AND $5 AND i.changed_at >= $4))
            ORDER BY i.held_on DESC, i.id DESC LIMIT $6
        )
        SELECT i.uid, i.id, i.title, i.state, i.held_on, i.held_at, i.ends_at, i.place,
            coalesce(f.full_name, '') AS chair, i.topic, coalesce(d.number, i.field) AS topic_of, g.names AS agencies,
            i.explain_by, i.row_version AS version, i.created_at, i.changed_at, i.concluded_at,
            md5(concat_ws(E'\\x1f', 'session', i.uid, i.row_version, i.changed_at, i.state, i.title, i.held_on,
                i.held_at, i.ends_at, i.place, f.full_name, i.topic, d.number, i.field, g.names, i.explain_by)) AS fact
        FROM chosen i LEFT JOIN official f ON f.id = i.chair_id LEFT JOIN directive d ON d.id = i.directive_id
        CROSS JOIN LATERAL (
            SELECT coalesce(array_agg(y.short_name ORDER BY n.position), '{}') AS names
            FROM inspection_agency n JOIN agency y ON y.id = n.agency_id
            WHERE n.inspection_id = i.id AND (cardinality($3::bigint[]) = 0 OR y.id = ANY($3))) g
        ORDER BY i.id
        """,
        sees_all,
        viewer.official_id,
        own,
        closed_since,
        feed.with_cancelled,
        limit,
    )
    found = [
        SessionRow(
            **{
                **dict(row),
                "state": State(row["state"]),
                "topic": Topic(row["topic"]),
                "agencies": tuple(row["agencies"]),
            }
        )
        for row in rows
    ]
    return found, Facts(rows=tuple(r.fact for r in found), overdue=0, left_out=len(found) >= limit)

"""Reads of the pages that record directives: who issues them, whom they can charge, how each stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tracker.db.engine import fetch
from tracker.db.lateness import LATE
from tracker.db.reads_web import FILTERS, AsOf
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor

STANDINGS = ("overdue", "due_soon", "on_schedule", "awaiting", "done", "outside")
"""Every assignment is exactly one of these; the names are those of the filters of a list."""

_KINDS = (
    "'ministry', 'ministerial', 'government_agency', 'province', 'party', 'court', 'corporation', 'other'"
)


async def list_issuers(limit: int = 30) -> list[str]:
    """Who issued directives so far, the most frequent first."""
    rows = await fetch(
        "SELECT issuer FROM directive GROUP BY issuer ORDER BY count(*) DESC, issuer LIMIT $1", limit
    )
    return [row["issuer"] for row in rows]


async def list_agency_names(on: date) -> list[tuple[str, str, str]]:
    """(kind, code, name) of every agency that exists on `on`, by kind and name."""
    rows = await fetch(
        f"""
        SELECT kind, code, name FROM agency
        WHERE (valid_from IS NULL OR valid_from <= $1) AND (valid_to IS NULL OR valid_to >= $1)
        ORDER BY array_position(ARRAY[{_KINDS}]::text[], kind::text), sort_key, id
        """,
        on,
    )
    return [(row["kind"], row["code"], row["name"]) for row in rows]


async def list_years(viewer: Actor) -> list[int]:
    """The years in which the directives that the viewer has a part in were issued, the latest first."""
    condition, arguments = visible_to(viewer, "a", first=1)
    rows = await fetch(
        f"""
        SELECT DISTINCT extract(year FROM d.issued_on)::integer AS year FROM directive d
        WHERE EXISTS (SELECT 1 FROM assignment a WHERE a.directive_id = d.id AND {condition})
        ORDER BY 1 DESC LIMIT 30
        """,
        *arguments,
    )
    return [row["year"] for row in rows]


async def count_standing(
    viewer: Actor, as_of: AsOf, directive_ids: Sequence[int]
) -> dict[int, dict[str, int]]:
    """How the assignments of each directive stand, of those the viewer may see; `tasks` are its tasks."""
    condition, arguments = visible_to(viewer, "a", first=5)
    counts = ", ".join(
        f"count(*) FILTER (WHERE {FILTERS[name].replace('LATE', LATE)}) AS {name}" for name in STANDINGS
    )
    rows = await fetch(
        f"""
        SELECT a.directive_id, count(DISTINCT a.task_id) AS tasks, {counts}
        FROM assignment a
        WHERE a.directive_id = ANY($4::bigint[]) AND $1::date IS NOT NULL AND $2::time IS NOT NULL
          AND $3::date IS NOT NULL AND {condition}
        GROUP BY 1
        """,
        as_of.day,
        as_of.at,
        as_of.soon_until,
        list(directive_ids),
        *arguments,
    )
    return {row["directive_id"]: {name: row[name] for name in ("tasks", *STANDINGS)} for row in rows}

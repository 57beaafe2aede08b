"""Reads of the pages that record directives: who issues them, whom they can charge, how each stands."""

from __future__ import annotations

from datetime import date

from tracker.db.engine import fetch

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

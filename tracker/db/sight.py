"""Whether a row is there for whoever looks: asked of PostgreSQL's own policies, before anything else is told."""

from tracker.db.engine import fetchval

_ASKED = {
    "assignment": "SELECT EXISTS (SELECT FROM assignment WHERE id = $1)",
    "attachment": "SELECT EXISTS (SELECT FROM attachment WHERE id = $1)",
    "directive": "SELECT EXISTS (SELECT FROM directive WHERE id = $1)",
    "extension": "SELECT EXISTS (SELECT FROM extension WHERE id = $1)",
    "indicator": "SELECT EXISTS (SELECT FROM indicator WHERE id = $1)",
    "inspection": "SELECT EXISTS (SELECT FROM inspection_agency WHERE inspection_id = $1"
    " AND agency_id = ANY (string_to_array(current_setting('tracker.visible_agencies', true), ',')::bigint[]))",
    "task": "SELECT EXISTS (SELECT FROM task WHERE id = $1)",
}
ROWS_OF_AGENCIES = frozenset(_ASKED)
"""Nouns whose rows belong to agencies and have an address of their own."""


async def is_in_sight(noun: str, row_id: int) -> bool:
    """Whether the row is one of those that row-level security shows to whoever looks now."""
    found: bool = await fetchval(_ASKED[noun], row_id)
    return found

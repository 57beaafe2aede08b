"""Which assignments a viewer may know of: domain/access.py as a WHERE clause, the only such clause."""

from tracker.domain.directory import AGENCY_ROLES, Actor


def visible_to(viewer: Actor, alias: str = "a", first: int = 1) -> tuple[str, list[object]]:
    """A condition over assignment `alias`, with its arguments numbered from `$first`.

    The assigning side, the inspector and the system see every row; an agency's people see the rows of the
    agencies they act for and of those below, and nothing else, so that a foreign row cannot be told from one
    that does not exist.

    >>> from tracker.domain.directory import Role
    >>> visible_to(Actor(7, "x", Role.AGENCY_OFFICER, agency_id=3), first=2)
    ('a.agency_id = $2', [3])
    >>> visible_to(Actor(7, "x", Role.AGENCY_OFFICER, agency_id=3, below=frozenset({5})))
    ('a.agency_id = ANY($1::bigint[])', [[3, 5]])
    """
    if viewer.role not in AGENCY_ROLES:
        return "true", []
    ids = sorted(viewer.visible_agency_ids)
    if len(ids) == 1:
        return f"{alias}.agency_id = ${first}", [ids[0]]
    return f"{alias}.agency_id = ANY(${first}::bigint[])", [ids]

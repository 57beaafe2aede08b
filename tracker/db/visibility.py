"""Which assignments a viewer may know of: domain/access.py as a WHERE clause, the only such clause."""

from tracker.domain.directory import AGENCY_ROLES, Actor


def visible_to(viewer: Actor, alias: str = "a", first: int = 1) -> tuple[str, list[object]]:
    """A condition over assignment `alias`, with its arguments numbered from `$first`.

    The assigning side, the inspector and the system see every row; an agency's people see their agency's
    rows and nothing else, so that a foreign row cannot be told from one that does not exist.

    >>> from tracker.domain.directory import Role
    >>> visible_to(Actor(7, "x", Role.AGENCY_OFFICER, agency_id=3), first=2)
    ('a.agency_id = $2', [3])
    """
    if viewer.role in AGENCY_ROLES:
        return f"{alias}.agency_id = ${first}", [viewer.agency_id]
    return "true", []

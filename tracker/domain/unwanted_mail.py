"""Mail that a person may do without; everything else is duty mail, which nobody switches off."""

from __future__ import annotations

from enum import StrEnum

from tracker.domain.directory import AGENCY_ROLES, Role


class OptionalMail(StrEnum):
    """The kinds one may do without.

    What a ladder sends is never among them, nor whatever moves or cancels an entry of somebody's calendar.
    """

    RECEIPT = "receipt"
    CONFIRMATION = "confirmation"
    COPY = "copy"


def offered_to(role: Role) -> tuple[OptionalMail, ...]:
    """The optional mail that a person of this role may get at all.

    >>> [kind.value for kind in offered_to(Role.AGENCY_OFFICER)], offered_to(Role.SECRETARIAT)
    (['receipt', 'confirmation', 'copy'], ())
    """
    return tuple(OptionalMail) if role in AGENCY_ROLES else ()

"""Who takes part: agencies with the dates they exist between, officials, roles, duties, actors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from tracker.domain.errors import Problem


class AgencyKind(StrEnum):
    """What an agency is; stored, and what the words of a class expand by."""

    MINISTRY = "ministry"
    MINISTERIAL = "ministerial"
    GOVERNMENT_AGENCY = "government_agency"
    PROVINCE = "province"
    CORPORATION = "corporation"
    PARTY = "party"
    COURT = "court"
    OTHER = "other"


class Role(StrEnum):
    """What an official may do; one per official, stored. The table is in access.py."""

    ADMINISTRATOR = "administrator"
    SECRETARIAT = "secretariat"
    MEMBER = "member"
    AGENCY_OFFICER = "agency_officer"
    AGENCY_LEADER = "agency_leader"
    INSPECTOR = "inspector"


class Duty(StrEnum):
    """What an official is addressed for: the steps of a ladder go to duties, never to names."""

    FOCAL = "focal"
    HEAD_OF_OFFICE = "head_of_office"
    LEADER = "leader"
    SECRETARIAT_OFFICER = "secretariat_officer"
    SECRETARIAT_HEAD = "secretariat_head"
    MEMBER = "member"


AGENCY_DUTIES: frozenset[Duty] = frozenset({Duty.FOCAL, Duty.HEAD_OF_OFFICE, Duty.LEADER})
"""Duties held inside the agency that has the assignment; the others are held on the assigning side."""

ASSIGNING_ROLES: frozenset[Role] = frozenset({Role.ADMINISTRATOR, Role.SECRETARIAT, Role.MEMBER})
"""Roles of the side that assigns; the agency roles belong to one agency, the inspector reads only."""

AGENCY_ROLES: frozenset[Role] = frozenset({Role.AGENCY_OFFICER, Role.AGENCY_LEADER})


@dataclass(frozen=True, slots=True)
class Agency:
    """A body that can be charged, between two days, both inclusive; None leaves that end open.

    A province is named "UBND tỉnh …" or "UBND thành phố …".
    `successors` are ids, several when its work was split.
    """

    id: int
    code: str
    name: str
    kind: AgencyKind
    valid_from: date | None = None
    valid_until: date | None = None
    aliases: tuple[str, ...] = ()
    successors: tuple[int, ...] = ()

    def is_valid_on(self, day: date) -> bool:
        """Whether the agency exists on `day`.

        >>> old = Agency(1, "G05", "Bộ Kế hoạch và Đầu tư", AgencyKind.MINISTRY, None, date(2025, 2, 28))
        >>> old.is_valid_on(date(2025, 2, 28)), old.is_valid_on(date(2025, 3, 1))
        (True, False)
        """
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


@dataclass(frozen=True, slots=True)
class Official:
    """A person with one role, at most one agency, and the duties held there.

    Absence runs from `absent_from` to `absent_until`, both inclusive; the deputy is asked meanwhile.
    """

    id: int
    name: str
    email: str
    role: Role
    agency_id: int | None = None
    duties: frozenset[Duty] = frozenset()
    language: Literal["vi", "en"] = "vi"
    is_active: bool = True
    is_mailbox_dead: bool = False
    absent_from: date | None = None
    absent_until: date | None = None
    deputy_id: int | None = None

    def is_absent_on(self, day: date) -> bool:
        """Whether `day` lies in the absence."""
        return (
            self.absent_from is not None
            and self.absent_until is not None
            and self.absent_from <= day <= self.absent_until
        )


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: an official signed in, an official's API token (then `scopes` narrows it), or the system.

    `scopes` None means every verb of the role; the values are those of access.Scope.
    `mandates` are further agencies acted for today, in one's own right or deputising; `below` are the agencies
    under one of these, which are read and not acted for.
    """

    official_id: int | None
    name: str
    role: Role
    agency_id: int | None = None
    scopes: frozenset[str] | None = None
    language: Literal["vi", "en"] = "vi"
    mandates: frozenset[int] = frozenset()
    below: frozenset[int] = frozenset()

    @property
    def agency_ids(self) -> frozenset[int]:
        """The agencies acted for."""
        return self.mandates if self.agency_id is None else self.mandates | {self.agency_id}

    @property
    def visible_agency_ids(self) -> frozenset[int]:
        """The agencies whose rows an agency's person may know of."""
        return self.agency_ids | self.below

    @property
    def is_system(self) -> bool:
        """Whether time, the command line or a job acts, not a person."""
        return self.official_id is None

    @property
    def is_assigning_side(self) -> bool:
        """Whether the actor belongs to the side that assigns (the secretariat and its working group)."""
        return self.role in ASSIGNING_ROLES


SYSTEM = Actor(official_id=None, name="system", role=Role.ADMINISTRATOR)
"""Jobs and the operator's command line; it may do everything and is named so in the history."""


def successors_of(agency: Agency, agencies: Iterable[Agency], on: date) -> tuple[Agency, ...]:
    """The agencies existing on `on` that carry on `agency`'s work; itself when it still exists.

    Follows chains of mergers and splits; agencies not in `agencies` are left out.
    """
    by_id = {a.id: a for a in agencies}
    found: dict[int, Agency] = {}
    seen: set[int] = set()
    queue = [agency]
    while queue:
        current = queue.pop(0)
        if current.id in seen:
            continue
        seen.add(current.id)
        if current.is_valid_on(on):
            found[current.id] = current
        else:
            queue.extend(by_id[i] for i in current.successors if i in by_id)
    return tuple(found.values())


def check_exists(agency: Agency, agencies: Iterable[Agency], on: date, field: str) -> Problem | None:
    """The problem with charging `agency` on `on`: abolished (naming its successors) or not yet founded."""
    if agency.is_valid_on(on):
        return None
    if agency.valid_from is not None and on < agency.valid_from:
        return Problem(
            field,
            "agency_not_yet_founded",
            agency.code,
            {"agency": agency.name, "valid_from": agency.valid_from},
        )
    heirs = successors_of(agency, agencies, on)
    return Problem(
        field,
        "agency_abolished",
        agency.code,
        {
            "agency": agency.name,
            "valid_until": agency.valid_until,
            "successors": ", ".join(f"{heir.name} ({heir.code})" for heir in heirs),
            "successor_codes": tuple(heir.code for heir in heirs),
        },
    )

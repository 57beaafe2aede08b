"""Who can be addressed about an assignment: the directory read once for many rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracker.db import directory as db
from tracker.db.assignments import Assignment
from tracker.domain.directory import Official
from tracker.domain.recipients import Contacts


@dataclass(frozen=True)
class AddressBook:
    """The contacts of some agencies and of the assigning side."""

    agencies: Mapping[int, tuple[Official, ...]]
    assigning: tuple[Official, ...]
    members: Mapping[int, frozenset[int]]
    deputies: Mapping[int, Official]

    def contacts(self, agency_id: int, secretariat_officer_id: int | None) -> Contacts:
        """Whom a step about this agency's assignment may go to."""
        return Contacts(
            agency=self.agencies.get(agency_id, ()),
            assigning=self.assigning,
            secretariat_officer_id=secretariat_officer_id,
            members=self.members.get(agency_id, frozenset()),
            deputies=self.deputies,
        )

    def contacts_of(self, row: Assignment) -> Contacts:
        """Whom a step about `row` may go to."""
        return self.contacts(row.agency_id, row.secretariat_officer_id)


async def address_book(agency_ids: Iterable[int], officer_ids: Iterable[int] = ()) -> AddressBook:
    """The contacts of these agencies, of the assigning side, of these officers, and everybody's deputies."""
    ids = sorted(set(agency_ids))
    agencies = await db.list_contacts(ids)
    assigning = await db.list_assigning_side()
    known = {o.id for o in assigning}
    further = await db.get_officials(set(officer_ids) - known)
    assigning += tuple(o for o in further.values() if o.is_active)
    everybody = [*assigning, *(o for people in agencies.values() for o in people)]
    deputies = await db.get_officials({o.deputy_id for o in everybody if o.deputy_id is not None})
    return AddressBook(
        agencies=agencies,
        assigning=assigning,
        members=await db.members_following(ids),
        deputies={o.id: deputies[o.deputy_id] for o in everybody if o.deputy_id in deputies},
    )


async def book_for(rows: Iterable[Assignment]) -> AddressBook:
    """The address book for these assignments."""
    listed = list(rows)
    return await address_book(
        {r.agency_id for r in listed},
        {r.secretariat_officer_id for r in listed if r.secretariat_officer_id is not None},
    )

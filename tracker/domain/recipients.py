"""To whom a step goes: the people who hold its duties, around absences and dead mailboxes.

Duty mail always finds somebody where anybody can be found, and says by which way.
Source: docs/decisions/0013-ladder.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from tracker.domain.directory import AGENCY_DUTIES, Duty, Official


class Route(StrEnum):
    """By which way a person came to be addressed."""

    HOLDER = "holder"
    DEPUTY = "deputy"
    ABSENT_WITHOUT_DEPUTY = "absent_without_deputy"
    MAILBOX_DEAD_REROUTED = "mailbox_dead_rerouted"
    NO_HOLDER_REROUTED = "no_holder_rerouted"
    NOBODY_AT_AGENCY = "nobody_at_agency"


@dataclass(frozen=True, slots=True)
class Contacts:
    """Who can be addressed about one assignment, first contact first.

    `members` are the working-group members who follow the agency; empty means the first member does.
    `deputies` are by official id of the absent.
    """

    agency: tuple[Official, ...] = ()
    assigning: tuple[Official, ...] = ()
    secretariat_officer_id: int | None = None
    members: frozenset[int] = frozenset()
    deputies: Mapping[int, Official] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person of an audience: for which duty, as addressee or in copy, and by which way."""

    official: Official
    duty: Duty
    is_copy: bool
    route: Route


@dataclass(frozen=True, slots=True)
class Audience:
    """The people a step goes to, each once, and the duties nobody could be found for."""

    recipients: tuple[Recipient, ...] = ()
    unreached: tuple[Duty, ...] = ()

    @property
    def rerouted(self) -> tuple[Recipient, ...]:
        """Those who stand in for a dead mailbox or an empty duty: what the secretariat has to mend."""
        return tuple(
            r
            for r in self.recipients
            if r.route not in (Route.HOLDER, Route.DEPUTY, Route.ABSENT_WITHOUT_DEPUTY)
        )


# Whom to ask next when nobody with the duty can be reached: inside the agency first, then the assigning side.
_NEXT: dict[Duty, tuple[Duty, ...]] = {
    Duty.FOCAL: (Duty.HEAD_OF_OFFICE, Duty.LEADER),
    Duty.HEAD_OF_OFFICE: (Duty.FOCAL, Duty.LEADER),
    Duty.LEADER: (Duty.HEAD_OF_OFFICE, Duty.FOCAL),
    Duty.SECRETARIAT_OFFICER: (Duty.SECRETARIAT_HEAD,),
    Duty.SECRETARIAT_HEAD: (Duty.SECRETARIAT_OFFICER,),
    Duty.MEMBER: (Duty.SECRETARIAT_HEAD, Duty.SECRETARIAT_OFFICER),
}
_LAST_RESORT: tuple[Duty, ...] = (Duty.SECRETARIAT_OFFICER, Duty.SECRETARIAT_HEAD)


def audience(to: Iterable[Duty], copy: Iterable[Duty], contacts: Contacts, day: date) -> Audience:
    """Who receives a step on `day`, addressees before copies; nobody twice."""
    chosen: dict[int, Recipient] = {}
    unreached: list[Duty] = []
    for is_copy, duties in ((False, to), (True, copy)):
        for duty in duties:
            found = _find(duty, contacts, day)
            if found is None:
                unreached.append(duty)
                continue
            person, route = found
            chosen.setdefault(person.id, Recipient(person, duty, is_copy, route))
    return Audience(tuple(chosen.values()), tuple(unreached))


def _find(duty: Duty, contacts: Contacts, day: date) -> tuple[Official, Route] | None:
    """The first reachable person for `duty`, and by which way."""
    holders = _holders(duty, contacts)
    if reached := _first_reachable(holders, contacts, day):
        person, route = reached
        passed_over = holders[0] if holders else None
        if route is Route.HOLDER and passed_over is not None and passed_over.is_mailbox_dead:
            route = Route.MAILBOX_DEAD_REROUTED
        return person, route
    detour = Route.MAILBOX_DEAD_REROUTED if holders else Route.NO_HOLDER_REROUTED
    for other in _NEXT[duty]:
        if reached := _first_reachable(_holders(other, contacts), contacts, day):
            return reached[0], detour
    if duty in AGENCY_DUTIES:
        for other in _LAST_RESORT:
            if reached := _first_reachable(_holders(other, contacts), contacts, day):
                return reached[0], Route.NOBODY_AT_AGENCY
    return None


def _holders(duty: Duty, contacts: Contacts) -> list[Official]:
    pool = contacts.agency if duty in AGENCY_DUTIES else contacts.assigning
    holders = [o for o in pool if duty in o.duties and o.is_active]
    if duty is Duty.SECRETARIAT_OFFICER and contacts.secretariat_officer_id is not None:
        # Whoever follows the task is asked first, with or without the formal duty.
        own = [o for o in contacts.assigning if o.id == contacts.secretariat_officer_id and o.is_active]
        return own + [o for o in holders if o not in own]
    if duty is Duty.MEMBER and contacts.members:
        return [o for o in holders if o.id in contacts.members] or holders
    return holders


def _first_reachable(holders: list[Official], contacts: Contacts, day: date) -> tuple[Official, Route] | None:
    """A present person with a living mailbox, else a deputy, else somebody absent whose mail will wait."""
    living = [o for o in holders if not o.is_mailbox_dead]
    for person in living:
        if not person.is_absent_on(day):
            return person, Route.HOLDER
        deputy = contacts.deputies.get(person.id)
        if deputy and deputy.is_active and not deputy.is_mailbox_dead and not deputy.is_absent_on(day):
            return deputy, Route.DEPUTY
    return (living[0], Route.ABSENT_WITHOUT_DEPUTY) if living else None

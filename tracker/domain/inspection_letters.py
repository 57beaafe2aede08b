"""Who is to be told what of an inspection session: invitations, updates and cancellations, decided without writing.

An invitation is compared with what its holder was told last; only a difference in what concerns them is a letter.
Source: docs/decisions/0035-letters-of-sessions.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, time
from enum import StrEnum
from typing import Any

from tracker.domain.inspections import Topic


class Seat(StrEnum):
    """As what somebody is invited; who is several gets the first."""

    CHAIR = "chair"
    SECRETARY = "secretary"
    MEMBER = "member"
    AGENCY = "agency"


class Method(StrEnum):
    """What a calendar is asked to do (RFC 5546)."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class Facts:
    """What an invitation tells; days and hours of the official zone.

    `topic_of` is the number of the directive or the name of the field. `explain_by` stands in an agency's letter only,
    `agencies` in those of the working group only: an agency is not told who else is inspected.
    """

    title: str
    topic: Topic
    topic_of: str
    held_on: date
    held_at: time | None
    ends_at: time | None
    place: str
    chair: str
    explain_by: date | None = None
    agencies: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The facts as they are kept with a letter."""
        told = asdict(self)
        return {k: v.isoformat() if isinstance(v, date | time) else v for k, v in told.items()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Facts:
        """The facts that were kept.

        >>> facts = Facts("Kiểm tra", Topic.ALL, "", date(2025, 12, 2), time(14), None, "A", "B", agencies=("C",))
        >>> Facts.from_json(facts.as_json()) == facts
        True
        """
        clock = {
            name: None if told[name] is None else time.fromisoformat(told[name])
            for name in ("held_at", "ends_at")
        }
        return cls(
            title=told["title"],
            topic=Topic(told["topic"]),
            topic_of=told["topic_of"],
            held_on=date.fromisoformat(told["held_on"]),
            held_at=clock["held_at"],
            ends_at=clock["ends_at"],
            place=told["place"],
            chair=told["chair"],
            explain_by=None if told["explain_by"] is None else date.fromisoformat(told["explain_by"]),
            agencies=tuple(told["agencies"]),
        )


@dataclass(frozen=True, slots=True)
class Invitee:
    """Somebody who should hold an invitation that says `facts`; `agency_id` is whose contact they are."""

    official_id: int
    seat: Seat
    facts: Facts
    agency_id: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What somebody was told last: `facts` of the invitation in force, None where there is none.

    `sequence` is the highest that any letter to them carried.
    """

    official_id: int
    agency_id: int | None
    facts: Facts | None
    sequence: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to be written; `previous` is what the same person was told before."""

    official_id: int
    agency_id: int | None
    seat: Seat | None
    method: Method
    sequence: int
    facts: Facts
    previous: Facts | None = None


def decide(
    invitees: Sequence[Invitee], held: Mapping[int, Held], sequence: int, today: date
) -> tuple[Letter, ...]:
    """The letters that bring everybody from what they hold to what they should hold; none where nothing differs.

    `sequence` is that of the session: no letter carries less, nor as little as an earlier one to the same person did.
    Nobody is told of a day that has passed unless they expect another one, and nobody who holds nothing is cancelled.
    """
    letters = []
    for invitee in invitees:
        now_held = held.get(invitee.official_id)
        previous = now_held.facts if now_held else None
        is_over = invitee.facts.held_on < today and (previous is None or previous.held_on < today)
        if previous == invitee.facts or is_over:
            continue
        letters.append(
            Letter(
                invitee.official_id,
                invitee.agency_id,
                invitee.seat,
                Method.REQUEST,
                _next(now_held, sequence),
                invitee.facts,
                previous,
            )
        )
    wanted = {invitee.official_id for invitee in invitees}
    for official_id, holder in held.items():
        if official_id not in wanted and holder.facts is not None and holder.facts.held_on >= today:
            sequence_of = _next(holder, sequence)
            letters.append(
                Letter(official_id, holder.agency_id, None, Method.CANCEL, sequence_of, holder.facts)
            )
    return tuple(letters)


def _next(held: Held | None, sequence: int) -> int:
    return sequence if held is None else max(sequence, held.sequence + 1)

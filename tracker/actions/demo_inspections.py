"""Inspection sessions of the demonstration: one whose agenda is frozen and waits to be held, one that is planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from tracker.actions import explanations, inspections
from tracker.actions.notices import without_messages
from tracker.actions.seed import shipped
from tracker.db import directory as directory_db
from tracker.domain.directory import Actor, Role
from tracker.domain.inspections import Candidate, ItemKind, Plan
from tracker.domain.zone import civil_day

_PERIOD = timedelta(days=30)


async def enter(now: datetime, people: Mapping[str, Mapping[str, Any]]) -> int:
    """Plan the sessions as of `now`, for the agencies that the service itself proposes; how many.

    Nobody is invited yet, and nobody is told. `people` are the officials of the demonstration by address.
    """
    told = shipped("demo/inspections.json")
    ids = {email: int(str(person["id"])) for email, person in people.items()}
    secretary = Actor(ids[told["secretary"]], str(people[told["secretary"]]["full_name"]), Role.INSPECTOR)
    kinds = {agency.code: agency.kind.value for agency in await directory_db.list_agencies()}
    proposed = await inspections.candidates(secretary, now)
    entered = 0
    with without_messages():
        for session in told["sessions"]:
            codes = _codes(proposed, session, kinds)
            if not codes:
                continue
            plan = _plan(session, codes, ids, ids[told["secretary"]], civil_day(now))
            number = await inspections.plan(secretary, plan, now)
            if session["is_frozen"]:
                await inspections.ask_to_explain(secretary, number, None, now)
                await _explain(secretary, number, session["explanations"], people, now)
                await inspections.freeze(secretary, number, None, now)
            entered += 1
    return entered


def _codes(
    proposed: Sequence[Candidate], session: Mapping[str, Any], kinds: Mapping[str, str]
) -> tuple[str, ...]:
    """The first of the proposed agencies that are of the session's kind."""
    of_kind = [c.agency_code for c in proposed if kinds[c.agency_code] == session["kind"]]
    return tuple(of_kind[: session["count"]])


def _plan(
    session: Mapping[str, Any], codes: tuple[str, ...], ids: Mapping[str, int], secretary_id: int, today: date
) -> Plan:
    held_on = today + timedelta(days=session["days"])
    while held_on.weekday() >= 5:
        held_on += timedelta(days=1)
    return Plan(
        title=session["title"],
        held_on=held_on,
        as_of=today,
        due_until=today + _PERIOD,
        agency_codes=codes,
        held_at=time.fromisoformat(session["from"]),
        ends_at=time.fromisoformat(session["to"]),
        place=session["place"],
        chair_id=ids[session["chair"]],
        secretary_id=secretary_id,
        member_ids=tuple(ids[email] for email in session["members"]),
        explain_by=held_on - timedelta(days=1),
    )


async def _explain(
    secretary: Actor,
    number: int,
    texts: Sequence[str],
    people: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> None:
    """The first overdue items are explained by the focal officers of their agencies."""
    focal = {person["agency"]: person for person in people.values() if person["duty"] == "focal"}
    frozen = await inspections.agenda(secretary, number, now)
    late = [item for item in frozen.items if item.kind is ItemKind.OVERDUE and item.agency_code in focal]
    for item, text in zip(late, texts, strict=False):
        if item.assignment_id is None:
            continue
        person = focal[item.agency_code]
        agency = Actor(
            int(person["id"]), person["full_name"], Role.AGENCY_OFFICER, agency_id=int(person["agency_id"])
        )
        await explanations.answer(agency, item.assignment_id, text, now)

"""The invitations of an inspection session as its page shows them: who has one, who has not, what went last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from tracker.actions import inspection_mail as actions
from tracker.actions.inspection_letters import Unreached
from tracker.actions.inspection_mail import Board, Line
from tracker.db.inspection_letters import Told
from tracker.db.inspections import Inspection
from tracker.domain.access import Verb, may
from tracker.domain.inspection_letters import Method
from tracker.web.letters import state_chip
from tracker.web.page import Page
from tracker.web.timeline import way_address
from tracker.web.wording import Chip

NAMED = 3
"""So many people are named of those that the last sending told; the rest is counted."""


@dataclass(frozen=True)
class PersonLine:
    """Somebody with what became of the last letter to them."""

    name: str
    seat: str
    agency: str
    address: str
    chip: Chip
    what: str
    at: Markup | str
    href: str


@dataclass(frozen=True)
class Missing:
    """Somebody whom no letter reaches, and where that is mended."""

    words: str
    href: str


@dataclass(frozen=True)
class Panel:
    """The invitations of a session as its page shows them."""

    said: str
    lines: list[PersonLine]
    missing: list[Missing]
    latest: list[str] = field(default_factory=list)
    latest_at: Markup | str = ""
    href: str = ""


async def panel(page: Page, found: Inspection) -> Panel:
    """The invitations of a session; addresses and the way of each letter only for who sends them."""
    told = await actions.board(page.actor, found, page.now)
    can_lead = may(page.actor, Verb.INSPECT)
    newest = told.latest[0].queued_at if told.latest else None
    return Panel(
        said=_said(page, told),
        lines=[_line(page, line, can_lead) for line in told.lines],
        missing=missing_of(page, told.unreached) if told.is_open else [],
        latest=_latest(page, told),
        latest_at=page.moment(newest) if newest else "",
        href=f"/kiem-tra/{found.id}/giay-moi"
        if can_lead and told.is_open and (told.due or told.unreached)
        else "",
    )


def _said(page: Page, told: Board) -> str:
    if not told.is_open:
        return page.s("invite.over")
    if not any(line.last for line in told.lines) and told.due:
        return page.s("invite.none_yet", count=told.due)
    if told.due:
        return page.s("invite.due", count=told.due)
    return page.s("invite.all_told" if told.lines else "invite.nobody")


def _line(page: Page, line: Line, can_lead: bool) -> PersonLine:
    last = line.last
    chip = Chip("", "mail", page.s("invite.state.none")) if last is None else state_chip(page, last.state)
    what = ""
    if last is not None:
        is_over = last.method is Method.CANCEL
        what = page.s(f"invite.what.{'cancel' if is_over else 'update' if line.is_update else 'new'}")
    seat = line.seat.value if line.seat is not None else "none"
    return PersonLine(
        line.name,
        page.s(f"invite.seat.{seat}"),
        line.agency_name,
        line.address if can_lead else "",
        chip,
        what,
        page.moment(last.queued_at) if last else "",
        way_address(page, last.outbox_id) if last and can_lead else "",
    )


def missing_of(page: Page, unreached: Sequence[Unreached]) -> list[Missing]:
    """Whom no letter reaches, each in a sentence that says what helps."""
    can_lead = may(page.actor, Verb.INSPECT)
    found = []
    for one in unreached:
        who = {
            "name": one.official_name,
            "address": one.address if can_lead else "",
            "agency": one.agency_name,
        }
        if one.agency_id is None:
            words = page.s("invite.missing.person", **who)
        elif one.official_id is None:
            words = page.s("invite.missing.nobody", **who)
        else:
            words = page.s("invite.missing.agency", **who)
        href = f"/co-quan/{one.agency_id}" if one.agency_id is not None and can_lead else ""
        found.append(Missing(words, href))
    return found


def _latest(page: Page, told: Board) -> list[str]:
    """What the last sending did: who was invited, told of a change, cancelled for."""
    updated = {line.last.outbox_id for line in told.lines if line.last and line.is_update}
    kinds: dict[str, list[str]] = {}
    for letter in told.latest:
        kinds.setdefault(_kind(letter, updated), []).append(letter.official_name)
    return [
        page.s(f"invite.latest.{kind}", names=_names(page, kinds[kind]))
        for kind in ("new", "update", "cancel")
        if kind in kinds
    ]


def _kind(letter: Told, updated: set[int]) -> str:
    if letter.method is Method.CANCEL:
        return "cancel"
    return "update" if letter.outbox_id in updated else "new"


def _names(page: Page, names: list[str]) -> str:
    if len(names) <= NAMED + 1:
        return ", ".join(names)
    shown = ", ".join(names[:NAMED])
    return page.s("invite.and_more", names=shown, count=len(names) - NAMED)

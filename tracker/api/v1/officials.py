"""Officials: who is addressed for what. An agency sees its own people and the assigning side."""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import Struct

from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery, Words
from tracker.api.v1.shapes import AgencyCode, PageQuery
from tracker.db import reads_api
from tracker.db.reads_api import OfficialView
from tracker.domain.access import Verb

RoleName = Literal["administrator", "secretariat", "member", "agency_officer", "agency_leader", "inspector"]
DutyName = Literal["focal", "head_of_office", "leader", "secretariat_officer", "secretariat_head", "member"]


class Absence(Struct):
    """Both days inclusive; the deputy is asked meanwhile."""

    absent_from: date
    absent_to: date


class Official(Struct):
    """A person with one role and at most one agency."""

    id: Id
    name: str
    position: str
    email: str
    role: RoleName
    duty: DutyName | None
    agency: str | None
    language: Literal["vi", "en"]
    is_active: bool
    mailbox: Literal["ok", "dead"]
    absence: Absence | None
    deputy_id: Id | None


class OfficialPage(Struct):
    """Officials in Vietnamese order."""

    items: list[Official]
    next: str | None


class OfficialQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Which officials; `agency` is a code."""

    agency: AgencyCode | None = None
    q: Words | None = None


class Me(Struct):
    """Who the token speaks for, and what it may be used for."""

    official: Official
    token_id: Id
    scopes: list[str]


def _shown(view: OfficialView) -> Official:
    absence = Absence(view.absent_from, view.absent_to) if view.absent_from and view.absent_to else None
    return Official(
        id=str(view.id),
        name=view.full_name,
        position=view.position,
        email=view.email,
        role=view.role,  # type: ignore[arg-type]  # the CHECK constraints hold the choices
        duty=view.duty,  # type: ignore[arg-type]
        agency=view.agency_code,
        language=view.language,  # type: ignore[arg-type]
        is_active=view.is_active,
        mailbox=view.mailbox,  # type: ignore[arg-type]
        absence=absence,
        deputy_id=None if view.deputy_id is None else str(view.deputy_id),
    )


@endpoint(
    "GET",
    "/officials",
    id="listOfficials",
    summary="List officials",
    tag="Directory",
    verb=Verb.LIST,
    query=OfficialQuery,
    answer=OfficialPage,
    is_paged=True,
    links={
        "first": {"operationId": "getOfficial", "parameters": {"official_id": "$response.body#/items/0/id"}}
    },
)
async def list_officials(call: Call[OfficialQuery, NoBody]) -> Reply:
    """The officials you may know, in Vietnamese order."""
    position = call.position()
    agency_id = await agency_id_of(call.query.agency)
    rows = await reads_api.list_officials_page(
        call.actor,
        agency_id=agency_id,
        words=call.query.q or "",
        limit=call.limit + 1,
        after=(position[0], int(position[1])) if position else None,
    )
    shown, more = rows[: call.limit], len(rows) > call.limit
    at = (shown[-1].sort_key, str(shown[-1].id)) if more else None
    return Reply(OfficialPage([_shown(row) for row in shown], call.next_cursor(at)), next_position=at)


async def agency_id_of(code: str | None) -> int | None:
    """The id behind a code in a filter; a code nobody has chooses no row, as a filter should."""
    if code is None:
        return None
    return await reads_api.find_agency_id(code) or 0


@endpoint(
    "GET",
    "/officials/{official_id}",
    id="getOfficial",
    summary="Read an official",
    tag="Directory",
    verb=Verb.READ,
    answer=Official,
    refusals=("not_found",),
)
async def get_official(call: Call[NoQuery, NoBody]) -> Reply:
    """One official."""
    view = await reads_api.get_official_view(call.actor, call.ids["official_id"])
    return Reply(_shown(view), row_version=view.row_version)


@endpoint(
    "GET",
    "/me",
    id="getMe",
    summary="Read who you are",
    tag="Directory",
    verb=Verb.READ,
    answer=Me,
    links={
        "self": {"operationId": "getOfficial", "parameters": {"official_id": "$response.body#/official/id"}}
    },
)
async def get_me(call: Call[NoQuery, NoBody]) -> Reply:
    """The official behind the token, and the token's scopes."""
    assert call.actor.official_id is not None
    view = await reads_api.get_official_view(call.actor, call.actor.official_id)
    me = Me(_shown(view), str(call.bearer.token_id), sorted(call.actor.scopes or ()))
    return Reply(me, row_version=view.row_version)


handlers = [list_officials, get_official, get_me]

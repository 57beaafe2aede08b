"""Agencies: who can be charged, since when and until when, and who carries on their work."""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import Struct

from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery, Words
from tracker.api.v1.shapes import PageQuery
from tracker.db import reads_api
from tracker.db.reads_api import AgencyView
from tracker.domain.access import Verb

AgencyKindName = Literal[
    "ministry", "ministerial", "government_agency", "province", "corporation", "party", "court", "other"
]


class Agency(Struct):
    """A body that can be charged between two days, both inclusive."""

    id: Id
    code: str
    name: str
    name_en: str
    short_name: str
    kind: AgencyKindName
    valid_from: date
    valid_to: date | None
    successors: list[str]


class AgencyPage(Struct):
    """Agencies in Vietnamese order."""

    items: list[Agency]
    next: str | None


class AgencyQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Which agencies; `on` keeps those that exist that day."""

    kind: AgencyKindName | None = None
    on: date | None = None
    q: Words | None = None


def _shown(view: AgencyView) -> Agency:
    return Agency(
        id=str(view.id),
        code=view.code,
        name=view.name,
        name_en=view.name_en,
        short_name=view.short_name,
        kind=view.kind,  # type: ignore[arg-type]  # the CHECK constraint holds the choices
        valid_from=view.valid_from,
        valid_to=view.valid_to,
        successors=list(view.successor_codes),
    )


@endpoint(
    "GET",
    "/agencies",
    id="listAgencies",
    summary="List agencies",
    tag="Directory",
    verb=Verb.LIST,
    query=AgencyQuery,
    answer=AgencyPage,
    is_paged=True,
    links={"first": {"operationId": "getAgency", "parameters": {"agency_id": "$response.body#/items/0/id"}}},
)
async def list_agencies(call: Call[AgencyQuery, NoBody]) -> Reply:
    """Agencies that exist or existed, in Vietnamese order."""
    position = call.position()
    rows = await reads_api.list_agencies_page(
        kind=call.query.kind,
        on=call.query.on,
        words=call.query.q or "",
        limit=call.limit + 1,
        after=(position[0], int(position[1])) if position else None,
    )
    shown, more = rows[: call.limit], len(rows) > call.limit
    at = (shown[-1].sort_key, str(shown[-1].id)) if more else None
    return Reply(AgencyPage([_shown(row) for row in shown], call.next_cursor(at)), next_position=at)


@endpoint(
    "GET",
    "/agencies/{agency_id}",
    id="getAgency",
    summary="Read an agency",
    tag="Directory",
    verb=Verb.READ,
    answer=Agency,
    refusals=("not_found",),
)
async def get_agency(call: Call[NoQuery, NoBody]) -> Reply:
    """One agency, existing or abolished."""
    view = await reads_api.get_agency_view(call.ids["agency_id"])
    return Reply(_shown(view), row_version=view.row_version)


handlers = [list_agencies, get_agency]

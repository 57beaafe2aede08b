"""Agencies: who can be charged, since when and until when, and who carries on their work."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tracker.actions import agencies as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, Id, NoBody, NoQuery, Words, changes_of
from tracker.api.v1.shapes import AgencyCode, PageQuery, check_version
from tracker.db import reads_api
from tracker.db.reads_api import AgencyView
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.people import AgencyDraft
from tracker.domain.zone import EARLIEST_DAY

AgencyKindName = Literal[
    "ministry", "ministerial", "government_agency", "province", "corporation", "party", "court", "other"
]


class Agency(Struct):
    """A body that can be charged between two days, both inclusive; `parent` is the code of the one above."""

    id: Id
    code: str
    name: str
    name_en: str
    short_name: str
    kind: AgencyKindName
    valid_from: date
    valid_to: date | None
    parent: str | None
    successors: list[str]
    source: str


NewCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=lengths.AGENCY_CODE,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        description="A new code; it stands in addresses and stays.",
        examples=["SYT-HN"],
        extra={FORM: "form.new_agency_code"},
    ),
]
AgencyName = Annotated[str, Meta(min_length=1, max_length=lengths.AGENCY_NAME)]
EnglishName = Annotated[str, Meta(max_length=lengths.AGENCY_NAME)]
ShortName = Annotated[str, Meta(min_length=1, max_length=lengths.AGENCY_SHORT_NAME)]
Source = Annotated[
    str, Meta(max_length=lengths.AGENCY_SOURCE, description="The document that says so, with its number.")
]


class AgencyIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """An agency to be written down."""

    code: NewCode
    name: AgencyName
    short_name: ShortName
    kind: AgencyKindName
    name_en: EnglishName = ""
    parent: AgencyCode | None = None
    valid_from: date = EARLIEST_DAY
    valid_to: date | None = None
    source: Source = ""


class AgencyPatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be changed of an agency; its code stays."""

    name: AgencyName | UnsetType = UNSET
    short_name: ShortName | UnsetType = UNSET
    kind: AgencyKindName | UnsetType = UNSET
    name_en: EnglishName | UnsetType = UNSET
    parent: AgencyCode | UnsetType | None = UNSET
    valid_from: date | UnsetType = UNSET
    valid_to: date | UnsetType | None = UNSET
    source: Source | UnsetType = UNSET


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
        parent=view.parent_code,
        successors=list(view.successor_codes),
        source=view.source,
    )


def patched(stands: AgencyDraft, patch: AgencyPatch) -> AgencyDraft:
    """What stands, with a merge patch applied (RFC 7396): null empties a field, an absent one stays."""
    changes: dict[str, Any] = changes_of(patch)
    if "valid_to" in changes:
        changes["valid_until"] = changes.pop("valid_to")
    return replace(stands, **changes)


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
    links={
        "change": {
            "operationId": "changeAgency",
            "parameters": {"agency_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        }
    },
)
async def get_agency(call: Call[NoQuery, NoBody]) -> Reply:
    """One agency, existing or abolished."""
    view = await reads_api.get_agency_view(call.ids["agency_id"])
    return Reply(_shown(view), row_version=view.row_version)


@endpoint(
    "POST",
    "/agencies",
    id="createAgency",
    summary="Write down an agency",
    tag="Directory",
    verb=Verb.MANAGE_AGENCIES,
    body=AgencyIn,
    answer=Agency,
    status=201,
    refusals=("invalid",),
    example={
        "code": "SYT-HN",
        "name": "Sở Y tế thành phố Hà Nội",
        "short_name": "SYT Hà Nội",
        "kind": "other",
    },
    links={"read": {"operationId": "getAgency", "parameters": {"agency_id": "$response.body#/id"}}},
)
async def create_agency(call: Call[NoQuery, AgencyIn]) -> Reply:
    """A new agency, which can be charged from its first day on."""
    body = call.body
    draft = AgencyDraft(
        code=body.code,
        name=body.name,
        short_name=body.short_name,
        kind=body.kind,
        name_en=body.name_en,
        parent=body.parent,
        valid_from=body.valid_from,
        valid_until=body.valid_to,
        source=body.source,
    )
    view = await actions.create(call.actor, draft, call.now)
    return Reply(_shown(view), row_version=view.row_version, location=f"/api/v1/agencies/{view.id}")


@endpoint(
    "PATCH",
    "/agencies/{agency_id}",
    id="changeAgency",
    summary="Change an agency",
    tag="Directory",
    verb=Verb.MANAGE_AGENCIES,
    body=AgencyPatch,
    answer=Agency,
    is_change=True,
    refusals=("not_found", "invalid", "agency_charged"),
    example={"short_name": "SYT HN", "valid_to": None},
    description=(
        "A JSON Merge Patch. The history keeps former names. An agency with open work cannot end here:"
        " a succession moves its work to the successors."
    ),
)
async def change_agency(call: Call[NoQuery, AgencyPatch]) -> Reply:
    """Correct an agency's names, its kind, its place in the tree, or the days it exists between."""
    view = await reads_api.get_agency_view(call.ids["agency_id"])
    check_version(view.row_version, call.version)
    draft = patched(actions.draft_of(view), call.body)
    changed = await actions.change(call.actor, view.id, draft, view.row_version, call.now)
    return Reply(_shown(changed), row_version=changed.row_version)


handlers = [list_agencies, get_agency, create_agency, change_agency]

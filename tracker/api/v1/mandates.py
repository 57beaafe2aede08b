"""Mandates: the further agencies a person acts for, in their own right or deputising between two days."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from tracker import clock
from tracker.actions import mandates as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery, id_of
from tracker.api.v1.shapes import AgencyCode
from tracker.db.mandates import Mandate as MandateValue
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.zone import civil_day

Document = Annotated[
    str, Meta(max_length=lengths.DOCUMENT, description="The document that gives the mandate.")
]


class Mandate(Struct):
    """A mandate; both days inclusive, `on_behalf_of` is whom the person deputises for."""

    id: Id
    official_id: Id
    agency: str
    on_behalf_of: Id | None
    valid_from: date
    valid_to: date | None
    document: str
    granted_at: datetime
    revoked_at: datetime | None
    in_force: bool


class MandateList(Struct):
    """A person's mandates, the latest first."""

    items: list[Mandate]


class MandateIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A mandate asked for: either `agency`, or `on_behalf_of` with its last day."""

    valid_from: date
    valid_to: date | None = None
    agency: AgencyCode | None = None
    on_behalf_of: Id | None = None
    document: Document = ""


def _shown(mandate: MandateValue) -> Mandate:
    return Mandate(
        id=str(mandate.id),
        official_id=str(mandate.official_id),
        agency=mandate.agency_code,
        on_behalf_of=None if mandate.on_behalf_of is None else str(mandate.on_behalf_of),
        valid_from=mandate.valid_from,
        valid_to=mandate.valid_to,
        document=mandate.document,
        granted_at=mandate.granted_at,
        revoked_at=mandate.revoked_at,
        in_force=mandate.is_in_force(civil_day(clock.utc_now() - clock.offset())),
    )


@endpoint(
    "GET",
    "/officials/{official_id}/mandates",
    id="listMandates",
    summary="List a person's mandates",
    tag="Directory",
    verb=Verb.READ,
    answer=MandateList,
    refusals=("not_found",),
    links={
        "first": {"operationId": "getMandate", "parameters": {"mandate_id": "$response.body#/items/0/id"}}
    },
)
async def list_mandates(call: Call[NoQuery, NoBody]) -> Reply:
    """The further agencies a person acts for, ended mandates too."""
    found = await actions.list_of(call.actor, call.ids["official_id"])
    return Reply(MandateList([_shown(mandate) for mandate in found]))


@endpoint(
    "POST",
    "/officials/{official_id}/mandates",
    id="grantMandate",
    summary="Grant a mandate",
    tag="Directory",
    verb=Verb.MANAGE_PEOPLE,
    body=MandateIn,
    answer=Mandate,
    status=201,
    is_change=True,
    refusals=("not_found", "invalid", "mandate_overlaps"),
    example={"agency": "BTC", "valid_from": "2026-12-01", "valid_to": "2026-12-31", "document": "815/QĐ-TTg"},
    links={"read": {"operationId": "getMandate", "parameters": {"mandate_id": "$response.body#/id"}}},
    description=(
        "If-Match is the tag of the official. With `on_behalf_of` the mandate is for that person's agency, needs its"
        " last day, and holds only while that person is in office there."
    ),
)
async def grant_mandate(call: Call[NoQuery, MandateIn]) -> Reply:
    """Let a person act for another agency."""
    body = call.body
    new = actions.NewMandate(
        valid_from=body.valid_from,
        valid_to=body.valid_to,
        agency=body.agency,
        on_behalf_of=None if body.on_behalf_of is None else id_of(body.on_behalf_of),
        document=body.document,
    )
    mandate = await actions.grant(
        call.actor, call.ids["official_id"], new, call.version, call.now - clock.offset()
    )
    return Reply(_shown(mandate), row_version=mandate.row_version, location=f"/api/v1/mandates/{mandate.id}")


@endpoint(
    "GET",
    "/mandates/{mandate_id}",
    id="getMandate",
    summary="Read a mandate",
    tag="Directory",
    verb=Verb.READ,
    answer=Mandate,
    refusals=("not_found",),
    links={
        "revoke": {
            "operationId": "revokeMandate",
            "parameters": {"mandate_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        }
    },
)
async def get_mandate(call: Call[NoQuery, NoBody]) -> Reply:
    """One mandate."""
    mandate = await actions.get(call.actor, call.ids["mandate_id"])
    return Reply(_shown(mandate), row_version=mandate.row_version)


@endpoint(
    "DELETE",
    "/mandates/{mandate_id}",
    id="revokeMandate",
    summary="Revoke a mandate",
    tag="Directory",
    verb=Verb.MANAGE_PEOPLE,
    status=204,
    is_change=True,
    refusals=("not_found", "mandate_revoked"),
)
async def revoke_mandate(call: Call[NoQuery, NoBody]) -> Reply:
    """End a mandate at once."""
    await actions.revoke(call.actor, call.ids["mandate_id"], call.version, call.now - clock.offset())
    return Reply(None)


handlers = [list_mandates, grant_mandate, get_mandate, revoke_mandate]

"""Officials: who is addressed for what. An agency sees its own people and the assigning side."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tracker.actions import officials as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, Flag, Id, NoBody, NoQuery, Words, changes_of, id_of
from tracker.api.v1.shapes import AgencyCode, PageQuery, check_version
from tracker.db import reads_api
from tracker.db.reads_api import OfficialView
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.people import LONGEST_CONTACT_ORDER, PersonDraft

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
    contact_order: int


Name = Annotated[str, Meta(min_length=1, max_length=lengths.PERSON_NAME)]
Position = Annotated[str, Meta(max_length=lengths.POSITION)]
Email = Annotated[
    str,
    Meta(min_length=3, max_length=lengths.EMAIL, examples=["vanthu@moh.gov.vn"], extra={FORM: "form.email"}),
]
ContactOrder = Annotated[
    int, Meta(ge=1, le=LONGEST_CONTACT_ORDER, description="Who of several with one duty is asked first.")
]


class AbsenceIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """An absence that is asked for; both days inclusive."""

    absent_from: date
    absent_to: date


class AbsencePatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """One day of an absence, or both; a day that is not named stays."""

    absent_from: date | UnsetType = UNSET
    absent_to: date | UnsetType = UNSET


class OfficialIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A person to be written down; `agency` is a code, and an agency's roles need one."""

    name: Name
    email: Email
    role: RoleName
    position: Position = ""
    agency: AgencyCode | None = None
    duty: DutyName | None = None
    contact_order: ContactOrder = 1
    language: Literal["vi", "en"] = "vi"
    absence: AbsenceIn | None = None
    deputy_id: Id | None = None


class OfficialPatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be changed of a person; `mailbox` can be set to `ok` when mail arrives again.

    You may set `language`, `absence` and `deputy_id` of yourself; the rest is the administrator's.
    """

    name: Name | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    role: RoleName | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    agency: AgencyCode | UnsetType | None = UNSET
    duty: DutyName | UnsetType | None = UNSET
    contact_order: ContactOrder | UnsetType = UNSET
    language: Literal["vi", "en"] | UnsetType = UNSET
    absence: AbsencePatch | UnsetType | None = UNSET
    deputy_id: Id | UnsetType | None = UNSET
    mailbox: Literal["ok"] | UnsetType = UNSET


class OfficialPage(Struct):
    """Officials in Vietnamese order."""

    items: list[Official]
    next: str | None


class OfficialQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Which officials; `agency` is a code."""

    agency: AgencyCode | None = None
    role: RoleName | None = None
    active: Flag | None = None
    mailbox: Literal["ok", "dead"] | None = None
    q: Words | None = None


class Me(Struct):
    """Who the token speaks for, and what it may be used for."""

    official: Official
    token_id: Id
    scopes: list[str]


def shown(view: OfficialView) -> Official:
    """A person as the API gives them."""
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
        contact_order=view.contact_order,
    )


def patched(stands: PersonDraft, patch: OfficialPatch) -> PersonDraft:
    """What stands, with a merge patch applied (RFC 7396): null empties a field, an absent one stays."""
    changes: dict[str, Any] = changes_of(patch)
    changes.pop("mailbox", None)
    if "absence" in changes:
        absence = changes.pop("absence")
        if absence is None:
            changes |= {"absent_from": None, "absent_until": None}
        else:
            days = changes_of(absence)
            changes |= {name: days[key] for key, name in _ABSENCE.items() if key in days}
    if changes.get("deputy_id") is not None:
        changes["deputy_id"] = id_of(changes["deputy_id"])
    return replace(stands, **changes)


_ABSENCE = {"absent_from": "absent_from", "absent_to": "absent_until"}


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
        role=call.query.role,
        is_active=None if call.query.active is None else call.query.active == "true",
        mailbox=call.query.mailbox,
    )
    kept, more = rows[: call.limit], len(rows) > call.limit
    at = (kept[-1].sort_key, str(kept[-1].id)) if more else None
    return Reply(OfficialPage([shown(row) for row in kept], call.next_cursor(at)), next_position=at)


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
    links={
        name: {
            "operationId": operation,
            "parameters": {"official_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        }
        for name, operation in (
            ("change", "changeOfficial"),
            ("grant", "grantMandate"),
        )
    },
)
async def get_official(call: Call[NoQuery, NoBody]) -> Reply:
    """One official."""
    view = await reads_api.get_official_view(call.actor, call.ids["official_id"])
    return Reply(shown(view), row_version=view.row_version)


@endpoint(
    "POST",
    "/officials",
    id="createOfficial",
    summary="Write down an official",
    tag="Directory",
    verb=Verb.MANAGE_PEOPLE,
    body=OfficialIn,
    answer=Official,
    status=201,
    refusals=("invalid", "session_needed"),
    example={
        "name": "Trần Thị Bình",
        "email": "binh.tranthi@moh.gov.vn",
        "role": "agency_officer",
        "agency": "BYT",
        "duty": "focal",
    },
    links={"read": {"operationId": "getOfficial", "parameters": {"official_id": "$response.body#/id"}}},
)
async def create_official(call: Call[NoQuery, OfficialIn]) -> Reply:
    """A new person, who cannot sign in before they are invited."""
    body = call.body
    draft = PersonDraft(
        name=body.name,
        email=body.email,
        role=body.role,
        position=body.position,
        agency=body.agency,
        duty=body.duty,
        contact_order=body.contact_order,
        language=body.language,
        absent_from=None if body.absence is None else body.absence.absent_from,
        absent_until=None if body.absence is None else body.absence.absent_to,
        deputy_id=None if body.deputy_id is None else id_of(body.deputy_id),
    )
    view = await actions.create(call.actor, draft, call.now)
    return Reply(shown(view), row_version=view.row_version, location=f"/api/v1/officials/{view.id}")


@endpoint(
    "PATCH",
    "/officials/{official_id}",
    id="changeOfficial",
    summary="Change an official",
    tag="Directory",
    verb=Verb.EDIT_SELF,
    body=OfficialPatch,
    answer=Official,
    is_change=True,
    refusals=("not_found", "invalid", "session_needed", "last_administrator"),
    example={"duty": "head_of_office", "absence": {"absent_from": "2026-12-21", "absent_to": "2026-12-31"}},
    description=(
        "A JSON Merge Patch. A change of role or agency counts at once and ends the person's web sessions."
        " You may set `language`, `absence` and `deputy_id` of yourself; the rest is the administrator's."
    ),
)
async def change_official(call: Call[NoQuery, OfficialPatch]) -> Reply:
    """Change what is written of a person, or your own absence."""
    view = await reads_api.get_official_view(call.actor, call.ids["official_id"])
    check_version(view.row_version, call.version)
    changed = await actions.change(
        call.actor,
        view.id,
        patched(actions.draft_of(view), call.body),
        view.row_version,
        call.now,
        mends_mailbox=call.body.mailbox == "ok",
    )
    return Reply(shown(changed.official), row_version=changed.official.row_version)


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
    me = Me(shown(view), str(call.bearer.token_id), sorted(call.actor.scopes or ()))
    return Reply(me, row_version=view.row_version)


handlers = [
    list_officials,
    get_official,
    create_official,
    change_official,
    get_me,
]

"""Acting for another agency: granted and revoked by an administrator, in force between two days.

Either in one's own right ("also acts for"), or deputising for a person between two days; then the mandate
ends with the person it is on behalf of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tracker.db import mandates as db
from tracker.db.directory import find_official, list_agencies
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.mandates import Mandate
from tracker.db.people import lock_official
from tracker.db.reads_api import OfficialView, get_official_view
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.directory import AGENCY_ROLES, Actor, check_exists
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem, StaleVersion
from tracker.domain.text import clean_text
from tracker.domain.wording import say
from tracker.domain.zone import civil_day


class MandateOverlaps(Conflict):
    """The person acts for that agency already in these days; params: agency, valid_from, valid_to."""

    code = "mandate_overlaps"


class MandateRevoked(Conflict):
    """The mandate has been revoked already; params: revoked_at."""

    code = "mandate_revoked"


@dataclass(frozen=True)
class NewMandate:
    """A mandate asked for: either an agency by its code, or the person one deputises for; days inclusive."""

    valid_from: date
    valid_to: date | None = None
    agency: str | None = None
    on_behalf_of: int | None = None
    document: str = ""


async def list_of(actor: Actor, official_id: int) -> list[Mandate]:
    """Every mandate of a person the actor may know. Raises NotFound."""
    require(actor, Verb.READ)
    await get_official_view(actor, official_id)
    return await db.list_mandates(official_id)


async def get(actor: Actor, mandate_id: int) -> Mandate:
    """One mandate of a person the actor may know. Raises NotFound."""
    require(actor, Verb.READ)
    mandate = await db.get_mandate(mandate_id)
    try:
        await get_official_view(actor, mandate.official_id)
    except NotFound:
        raise NotFound(noun="mandate", id=mandate_id) from None
    return mandate


async def grant(
    actor: Actor, official_id: int, new: NewMandate, version: int | None, now: datetime
) -> Mandate:
    """Let a person act for another agency. Raises NotFound, StaleVersion, Invalid, MandateOverlaps."""
    require(actor, Verb.MANAGE_PEOPLE)
    async with transaction():
        view = await lock_official(actor, official_id)
        if version is not None and version != view.row_version:
            raise StaleVersion(current=view.row_version)
        agency_id, document = await _checked(view, new, civil_day(now))
        for stands in await db.list_mandates(official_id):
            if stands.agency_id == agency_id and stands.revoked_at is None and _overlap(stands, new):
                raise MandateOverlaps(
                    agency=stands.agency_name, valid_from=stands.valid_from, valid_to=stands.valid_to
                )
        days = (new.valid_from, new.valid_to)
        mandate_id = await db.insert_mandate(
            official_id, agency_id, new.on_behalf_of, days, document, actor.official_id, now
        )
        mandate = await db.get_mandate(mandate_id)
        await insert_history(actor, [HistoryEntry("grant_mandate", detail=_detail(mandate))], now)
        return mandate


async def revoke(actor: Actor, mandate_id: int, version: int | None, now: datetime) -> None:
    """End a mandate at once. Raises NotFound, StaleVersion, MandateRevoked."""
    require(actor, Verb.MANAGE_PEOPLE)
    async with transaction():
        mandate = await db.get_mandate(mandate_id)
        if version is not None and version != mandate.row_version:
            raise StaleVersion(current=mandate.row_version)
        if not await db.mark_mandate_revoked(mandate_id, version, now):
            raise MandateRevoked(revoked_at=mandate.revoked_at or now)
        await insert_history(actor, [HistoryEntry("revoke_mandate", detail=_detail(mandate))], now)


def _detail(mandate: Mandate) -> dict[str, object]:
    return {
        "mandate": mandate.id,
        "official_id": mandate.official_id,
        "agency": mandate.agency_code,
        "on_behalf_of": mandate.on_behalf_of,
        "valid_from": mandate.valid_from,
        "valid_to": mandate.valid_to,
        "document": mandate.document,
    }


def _overlap(stands: Mandate, new: NewMandate) -> bool:
    starts_after = new.valid_to is not None and stands.valid_from > new.valid_to
    ended_before = stands.valid_to is not None and stands.valid_to < new.valid_from
    return not starts_after and not ended_before


async def _checked(view: OfficialView, new: NewMandate, today: date) -> tuple[int, str]:
    """The agency a mandate is for, and its document. Raises Invalid naming every fault at once."""
    problems: list[Problem] = []
    if not view.is_active:
        problems.append(Problem("", "official_inactive", view.full_name))
    if view.role not in AGENCY_ROLES:
        problems.append(Problem("", "mandate_role", view.full_name, {"role": say(f"role.{view.role}")}))
    document = ""
    if new.document.strip():
        try:
            document = clean_text(new.document, "/document", lengths.DOCUMENT)
        except Invalid as invalid:
            problems.extend(invalid.problems)
    if new.valid_to is not None and new.valid_to < new.valid_from:
        span = {"from": new.valid_from, "to": new.valid_to}
        problems.append(Problem("/valid_to", "span_reversed", new.valid_to, span))
    elif new.valid_to is not None and new.valid_to < today:
        problems.append(Problem("/valid_to", "mandate_in_past", new.valid_to, {"today": today}))
    if (new.agency is None) == (new.on_behalf_of is None):
        problems.append(Problem("/agency", "mandate_for_whom", new.agency))
        raise Invalid(problems)
    if new.agency is not None:
        agency_id = await _agency_of(view, new, new.agency, problems)
    else:
        agency_id = await _principals_agency(view, new, problems)
    if problems:
        raise Invalid(problems)
    return agency_id, document


async def _agency_of(view: OfficialView, new: NewMandate, code: str, problems: list[Problem]) -> int:
    agencies = await list_agencies()
    agency = next((agency for agency in agencies if agency.code == code), None)
    if agency is None:
        problems.append(Problem("/agency", "agency_unknown", code))
        return 0
    if agency.id == view.agency_id:
        problems.append(Problem("/agency", "mandate_own_agency", code, {"agency": agency.name}))
    elif (fault := check_exists(agency, agencies, new.valid_from, "/agency")) is not None:
        problems.append(fault)
    return agency.id


async def _principals_agency(view: OfficialView, new: NewMandate, problems: list[Problem]) -> int:
    """The agency of the person deputised for: somebody in office at another agency, and for a limited time."""
    assert new.on_behalf_of is not None
    if new.valid_to is None:
        problems.append(Problem("/valid_to", "mandate_deputy_ends", None))
    principal = await find_official(new.on_behalf_of)
    if principal is None:
        problems.append(Problem("/on_behalf_of", "deputy_unknown", str(new.on_behalf_of)))
    elif not principal.is_active:
        problems.append(Problem("/on_behalf_of", "official_inactive", principal.name))
    elif principal.role not in AGENCY_ROLES or principal.agency_id is None:
        problems.append(Problem("/on_behalf_of", "mandate_principal_role", principal.name))
    elif principal.id == view.id or principal.agency_id == view.agency_id:
        problems.append(Problem("/on_behalf_of", "mandate_same_agency", principal.name))
    else:
        return principal.agency_id
    return 0

"""Writing down agencies: new ones, their names, kind, place in the tree, and the days they exist between.

Work that must go to a successor goes by a succession; here an agency with open work cannot simply end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime

from tracker.db import agencies as db
from tracker.db.directory import list_agencies
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.reads_api import AgencyView, get_agency_view
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor
from tracker.domain.errors import Conflict, Invalid, Problem, StaleVersion
from tracker.domain.people import AgencyDraft, checked_agency, is_cycle, parent_fault
from tracker.domain.zone import civil_day


class AgencyCharged(Conflict):
    """The agency has open work, which a successor must take over first; params: agency, open."""

    code = "agency_charged"


def draft_of(view: AgencyView) -> AgencyDraft:
    """What stands, as a draft to change."""
    return AgencyDraft(
        code=view.code,
        name=view.name,
        short_name=view.short_name,
        kind=view.kind,
        name_en=view.name_en,
        parent=view.parent_code,
        valid_from=view.valid_from,
        valid_until=view.valid_to,
        source=view.source,
    )


async def create(actor: Actor, draft: AgencyDraft, now: datetime) -> AgencyView:
    """Write down a new agency. Raises Invalid naming every fault."""
    require(actor, Verb.MANAGE_AGENCIES)
    async with transaction():
        draft, parent_id = await _checked(None, draft, None, civil_day(now))
        agency_id = await db.insert_agency(draft, parent_id)
        detail = {"agency_id": agency_id, "code": draft.code, "after": _plain(draft)}
        await insert_history(actor, [HistoryEntry("create_agency", detail=detail)], now)
        return await get_agency_view(agency_id)


async def change(
    actor: Actor, agency_id: int, draft: AgencyDraft, version: int | None, now: datetime
) -> AgencyView:
    """Write `draft` over what stands; the code stays, and the history keeps the former names.

    Raises NotFound, StaleVersion, Invalid, AgencyCharged.
    """
    require(actor, Verb.MANAGE_AGENCIES)
    async with transaction():
        tree = await db.lock_tree()
        view = await db.lock_agency(agency_id)
        if version is not None and version != view.row_version:
            raise StaleVersion(current=view.row_version)
        stands = draft_of(view)
        draft, parent_id = await _checked(view, draft, tree, civil_day(now))
        changed = {f.name for f in fields(AgencyDraft) if getattr(stands, f.name) != getattr(draft, f.name)}
        if not changed:
            return view
        if "valid_until" in changed and draft.valid_until is not None and draft.valid_until < civil_day(now):
            await _require_no_work(view)
        await db.update_agency(agency_id, draft, parent_id)
        before, after = _plain(stands), _plain(draft)
        detail = {
            "agency_id": agency_id,
            "code": view.code,
            "before": {name: before[name] for name in sorted(changed)},
            "after": {name: after[name] for name in sorted(changed)},
        }
        await insert_history(actor, [HistoryEntry("edit_agency", detail=detail)], now)
        return await get_agency_view(agency_id)


def _plain(draft: AgencyDraft) -> dict[str, object]:
    return {f.name: getattr(draft, f.name) for f in fields(AgencyDraft)}


async def _require_no_work(view: AgencyView) -> None:
    waiting = await db.count_open_work(view.id)
    if waiting:
        raise AgencyCharged(agency=view.name, open=waiting)


async def _checked(
    view: AgencyView | None, draft: AgencyDraft, tree: Mapping[int, int | None] | None, today: date
) -> tuple[AgencyDraft, int | None]:
    """The draft as it may be written, with its parent's id. Raises Invalid naming every fault at once."""
    problems: list[Problem] = []
    try:
        draft = checked_agency(draft)
    except Invalid as invalid:
        problems.extend(invalid.problems)
    if view is None and not problems and await db.is_code_taken(draft.code):
        problems.append(Problem("/code", "agency_code_taken", draft.code))
    if view is not None and draft.valid_from != view.valid_from:
        first = await db.first_charged_on(view.id)
        if first is not None and first < draft.valid_from:
            problems.append(
                Problem("/valid_from", "agency_charged_before", draft.valid_from, {"first": first})
            )
    parent_id = None
    if draft.parent is not None:
        parent = next((agency for agency in await list_agencies() if agency.code == draft.parent), None)
        is_new = view is None or view.parent_code != draft.parent
        fault = parent_fault(parent, draft.parent, today) if is_new or parent is None else None
        if fault is not None:
            problems.append(fault)
        elif parent is not None:
            parent_id = parent.id
            if view is not None and tree is not None and is_cycle(view.id, parent.id, tree):
                problems.append(Problem("/parent", "agency_cycle", draft.parent, {"agency": parent.name}))
    if problems:
        raise Invalid(problems)
    return draft, parent_id

"""Inspection sessions: planned, frozen, concluded, carried out; what an agency reads is its own part alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tracker.actions import dossiers, inspection_preview
from tracker.actions import inspections as actions
from tracker.actions.inspections import Notice
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import ClockTime, Id, NoBody, NoQuery, changes_of, id_of, time_of
from tracker.api.v1.shapes import AgencyCode, AgencyRef, Day, PageQuery, PartName, check_version
from tracker.db import inspections as db
from tracker.db import reads_inspections
from tracker.db.directory import find_agency_ids
from tracker.db.inspections import Addendum as AddendumValue
from tracker.db.inspections import Concluded, FrozenItem
from tracker.db.inspections import Inspection as InspectionValue
from tracker.documents.paper import DOCX_TYPE, PDF_TYPE
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.errors import NotFound
from tracker.domain.inspections import AgendaItem, Frozen, Plan, State, Topic, Totals, Verdict, check_code_of
from tracker.domain.inspections import Conclusion as NewConclusion
from tracker.domain.zone import civil_day

TopicName = Literal["all", "directive", "field"]
StateName = Literal["planned", "frozen", "concluded", "cancelled"]
KindName = Literal["overdue", "due_soon", "target", "request", "standing"]
VerdictName = Literal["new_date", "closed", "explanation", "new_task", "referred", "noted"]
ReasonName = Literal[
    "overdue",
    "days_late",
    "extended_again",
    "returned",
    "targets_behind",
    "days_since_session",
    "never_inspected",
]
Title = Annotated[str, Meta(max_length=lengths.SHORT_NAME * 2)]
Place = Annotated[str, Meta(max_length=lengths.DOCUMENT)]
Codes = Annotated[list[AgencyCode], Meta(max_length=200)]
People = Annotated[list[Id], Meta(max_length=200)]


# --- shapes ---


class InspectionIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A session to be held. `as_of` is the cut-off of its figures, today without it."""

    title: Title
    held_on: Day
    due_until: Day
    agencies: Codes
    as_of: Day | None = None
    topic: TopicName = "all"
    directive_id: Id | None = None
    field: Place = ""
    from_time: ClockTime | None = None
    to_time: ClockTime | None = None
    place: Place = ""
    chair_id: Id | None = None
    secretary_id: Id | None = None
    member_ids: People = []
    explain_by: Day | None = None


class InspectionPatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be changed before the freeze; null empties what may be empty."""

    title: Title | UnsetType = UNSET
    held_on: Day | UnsetType = UNSET
    due_until: Day | UnsetType = UNSET
    agencies: Codes | UnsetType = UNSET
    as_of: Day | UnsetType = UNSET
    topic: TopicName | UnsetType = UNSET
    directive_id: Id | UnsetType | None = UNSET
    field: Place | UnsetType | None = UNSET
    from_time: ClockTime | UnsetType | None = UNSET
    to_time: ClockTime | UnsetType | None = UNSET
    place: Place | UnsetType | None = UNSET
    chair_id: Id | UnsetType | None = UNSET
    secretary_id: Id | UnsetType | None = UNSET
    member_ids: People | UnsetType = UNSET
    explain_by: Day | UnsetType | None = UNSET


class ItemCounts(Struct):
    """How many items of each kind, and of all."""

    overdue: int
    due_soon: int
    target: int
    request: int
    standing: int
    all: int


class InspectedAgency(Struct):
    """An agency of a session; `counts` are null before the freeze."""

    code: str
    name: str
    counts: ItemCounts | None


class Inspection(Struct):
    """A session. An agency sees itself alone among `agencies`, and no totals but its own."""

    id: Id
    title: str
    state: StateName
    topic: TopicName
    directive_id: Id | None
    field: str
    held_on: date
    from_time: str | None
    to_time: str | None
    place: str
    chair_id: Id | None
    secretary_id: Id | None
    member_ids: list[Id]
    as_of: date
    due_until: date
    explain_by: date | None
    asked: bool
    agencies: list[InspectedAgency]
    counts: ItemCounts | None
    frozen_at: datetime | None
    digest: str | None
    check_code: str | None
    notice_number: str | None
    concluded_at: datetime | None
    changed_at: datetime


class InspectionPage(Struct):
    """Sessions, the latest day first."""

    items: list[Inspection]
    next: str | None


class CandidateReason(Struct):
    """Why an agency is proposed, with its figure."""

    reason: ReasonName
    figure: int


class InspectionCandidate(Struct):
    """An agency with the reasons to inspect it."""

    agency: AgencyRef
    reasons: list[CandidateReason]


class CandidateList(Struct):
    """The agencies with anything open against them, the weightiest first."""

    items: list[InspectionCandidate]


class EvidenceFile(Struct):
    """A file that a report was handed in with, as it stood at the freeze."""

    name: str
    size: int
    sha256: str
    on: date
    by: str


class InspectionItem(Struct):
    """A row of the agenda. `id` is null before the freeze; `days` is late, left, old or waiting, by its kind.

    `last_concluded` is what the last session said of it: a verdict, a colon, and words.
    """

    id: Id | None
    position: int
    kind: KindName
    agency_code: str
    agency_name: str
    title: str
    days: int
    assignment_id: Id | None
    task_id: Id | None
    indicator_id: Id | None
    full_text: str
    product: str
    directive_number: str
    directive_issued_on: date | None
    part: PartName
    cooperating: list[str]
    due_on: date | None
    due_time: str | None
    original_due_on: date | None
    extensions: int
    returned: int
    status: str
    last_report_on: date | None
    last_report: str
    cause: str
    committed_on: date | None
    explanation: str
    explained_on: date | None
    explained_by: str
    figures: str
    last_concluded: str
    last_concluded_on: date | None
    files: list[EvidenceFile]
    digest: str


class InspectionItemPage(Struct):
    """Frozen items in the order of the agenda."""

    items: list[InspectionItem]
    next: str | None


class Agenda(Struct):
    """What is frozen, or before the freeze what would be frozen now; equal agendas have equal digests."""

    is_frozen: bool
    counts: ItemCounts
    agencies: list[InspectedAgency]
    digest: str
    check_code: str
    items: list[InspectionItem]


class Reason(Struct, forbid_unknown_fields=True):
    """Why it is done."""

    reason: Annotated[str, Meta(max_length=lengths.REASON)]


class Asked(Struct):
    """How many overdue items the agencies were asked to explain."""

    asked: int
    inspection: Inspection


class AddendumIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A correction beside what was frozen; without `item_id` of the whole session."""

    text: Annotated[str, Meta(max_length=lengths.SUMMARY)]
    item_id: Id | None = None


class Addendum(Struct):
    """A correction with its author and moment; it cannot be changed."""

    id: Id
    item_id: Id | None
    text: str
    added_by_name: str
    added_at: datetime


class AddendumList(Struct):
    """The corrections of a session, oldest first."""

    items: list[Addendum]


class ConclusionIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is concluded; a new date, an explanation and a new task need `due_on`, the others have none.

    `agency` is for a conclusion of the whole session: a new task needs it.
    """

    verdict: VerdictName
    text: Annotated[str, Meta(max_length=lengths.SUMMARY)]
    due_on: Day | None = None
    agency: Annotated[str, Meta(max_length=40)] = ""


class Conclusion(Struct):
    """A conclusion as it stands; `outcome` is null until it is carried out."""

    id: Id
    item_id: Id | None
    agency_code: str
    verdict: VerdictName
    text: str
    due_on: date | None
    made_by_name: str
    made_at: datetime
    outcome: Literal["moved", "closed", "closed_before", "asked", "not_asked", "task", "noted"] | None
    task_id: Id | None
    version: int


class ItemConclusion(Struct):
    """What is concluded on an item; null while nothing is."""

    item_id: Id
    conclusion: Conclusion | None


class ConclusionList(Struct):
    """The conclusions by their item's place, those of the whole session last."""

    items: list[Conclusion]


class Consequence(Struct):
    """What carrying out a conclusion will do; `hindrance` is null where nothing is in its way."""

    conclusion_id: Id
    item_id: Id | None
    position: int | None
    title: str
    verdict: VerdictName
    outcome: Literal["moved", "closed", "closed_before", "asked", "not_asked", "task", "noted"]
    due_before: date | None
    due_on: date | None
    hindrance: Literal["no_report", "ended", "day_past"] | None


class CarryOutPreview(Struct):
    """All that will happen; while it is not ready, nothing can be carried out. `missing` lack a conclusion."""

    is_ready: bool
    consequences: list[Consequence]
    missing: list[Id]


class NoticeIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """The signed notice of conclusions, which becomes a directive."""

    number: Annotated[str, Meta(max_length=lengths.DOCUMENT)]
    issued_on: Day
    issuer: Annotated[str, Meta(max_length=lengths.ISSUER)]
    signer: Annotated[str, Meta(max_length=lengths.SIGNER)] = ""


class CarriedOut(Struct):
    """The notice as a directive, and what became of each conclusion."""

    directive_id: Id
    conclusions: list[Conclusion]


class DossierQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which dossier: whole, or of one agency of the session."""

    agency: AgencyCode | None = None


# --- what is shown to whom ---


def _id(value: int | None) -> str | None:
    return None if value is None else str(value)


def _clock(value: time | None) -> str | None:
    return None if value is None else f"{value:%H:%M}"


def _counts(values: Mapping[str, int]) -> ItemCounts:
    return ItemCounts(**values, all=sum(values.values()))


def _totals(totals: Totals) -> ItemCounts:
    return _counts(asdict(totals))


async def own_codes(actor: Actor, found: InspectionValue) -> tuple[str, ...]:
    """The agencies of a session that the actor reads: all, or for an agency its own.

    Raises NotFound for an agency that the session does not inspect.
    """
    if actor.role not in AGENCY_ROLES:
        return found.agency_codes
    own = await reads_inspections.list_own_codes(found.id, sorted(actor.visible_agency_ids))
    if not own:
        raise NotFound(noun="inspection", id=found.id)
    return tuple(code for code, _ in own)


async def read_session(
    call: Call[Any, Any], *, whole: bool = False
) -> tuple[InspectionValue, tuple[str, ...]]:
    """The session of the address and the agencies the caller reads of it.

    Raises NotFound; NotPermitted for an agency where `whole` is for those who lead sessions.
    """
    found = await db.get_inspection(call.ids["inspection_id"])
    codes = await own_codes(call.actor, found)
    if whole and call.actor.role in AGENCY_ROLES:
        require(call.actor, Verb.INSPECT)
    return found, codes


def shown(found: InspectionValue, codes: Sequence[str]) -> Inspection:
    """A session as the API gives it to whoever reads these agencies of it."""
    names = dict(zip(found.agency_codes, found.agency_names, strict=True))
    counts = {} if found.totals is None else {c: _counts(found.totals["agencies"][c]) for c in codes}
    is_whole = len(codes) == len(found.agency_codes)
    return Inspection(
        id=str(found.id),
        title=found.title,
        state=found.state.value,
        topic=found.topic.value,
        directive_id=_id(found.directive_id),
        field=found.field,
        held_on=found.held_on,
        from_time=_clock(found.held_at),
        to_time=_clock(found.ends_at),
        place=found.place,
        chair_id=_id(found.chair_id),
        secretary_id=_id(found.secretary_id),
        member_ids=[str(i) for i in found.member_ids],
        as_of=found.as_of,
        due_until=found.due_until,
        explain_by=found.explain_by,
        asked=found.urging_id is not None,
        agencies=[InspectedAgency(code, names[code], counts.get(code)) for code in codes],
        counts=_counts(found.totals["all"]) if found.totals is not None and is_whole else None,
        frozen_at=found.frozen_at,
        digest=found.digest or None,
        check_code=check_code_of(found.digest) if found.digest else None,
        notice_number=found.notice_number or None,
        concluded_at=found.concluded_at,
        changed_at=found.changed_at,
    )


_AS_THEY_ARE = frozenset(f.name for f in fields(AgendaItem)) & set(InspectionItem.__struct_fields__) - {
    "kind", "assignment_id", "task_id", "indicator_id", "due_time", "cooperating", "files",
}  # fmt: skip


def _item(position: int, item: AgendaItem, row: FrozenItem | None = None) -> InspectionItem:
    return InspectionItem(
        id=None if row is None else str(row.id),
        position=position,
        kind=item.kind.value,
        assignment_id=_id(item.assignment_id),
        task_id=_id(item.task_id),
        indicator_id=_id(item.indicator_id),
        due_time=_clock(item.due_time),
        cooperating=list(item.cooperating),
        files=[EvidenceFile(f.name, f.size, f.sha256, f.on, f.by) for f in item.files],
        digest=item.digest,
        **{name: getattr(item, name) for name in _AS_THEY_ARE},
    )


def _conclusion(made: Concluded) -> Conclusion:
    return Conclusion(
        id=str(made.id),
        item_id=_id(made.item_id),
        agency_code=made.agency_code,
        verdict=made.verdict.value,
        text=made.text,
        due_on=made.due_on,
        made_by_name=made.made_by_name,
        made_at=made.made_at,
        outcome=made.outcome or None,  # type: ignore[arg-type]  # the words of actions/inspections.py
        task_id=_id(made.task_id),
        version=made.row_version,
    )


def _addendum(one: AddendumValue) -> Addendum:
    return Addendum(str(one.id), _id(one.item_id), one.text, one.added_by_name, one.added_at)


def _agenda(frozen: Frozen, found: InspectionValue, rows: Sequence[FrozenItem]) -> Agenda:
    names = dict(zip(found.agency_codes, found.agency_names, strict=True))
    by_place: dict[int, FrozenItem] = {row.position: row for row in rows}
    return Agenda(
        is_frozen=found.frozen_at is not None,
        counts=_totals(frozen.totals),
        agencies=[InspectedAgency(c, names[c], _totals(t)) for c, t in frozen.by_agency.items()],
        digest=frozen.digest,
        check_code=frozen.check_code,
        items=[_item(n, item, by_place.get(n)) for n, item in enumerate(frozen.items, 1)],
    )


async def _now(inspection_id: int, *, status: int | None = None) -> Reply:
    """The session as it stands after a change, for somebody who leads sessions."""
    found = await db.get_inspection(inspection_id)
    return Reply(shown(found, found.agency_codes), row_version=found.row_version, status=status)


# --- planning ---

_EXAMPLE = {
    "title": "Kiểm tra thực hiện nhiệm vụ tại Bộ Y tế",
    "held_on": "2026-12-02",
    "from_time": "14:00",
    "place": "Phòng họp tầng 2",
    "due_until": "2026-12-31",
    "explain_by": "2026-11-28",
    "agencies": ["G18"],
}


def _links(*operations: tuple[str, str]) -> dict[str, dict[str, object]]:
    return {
        name: {
            "operationId": operation,
            "parameters": {"inspection_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        }
        for name, operation in operations
    }


@endpoint(
    "GET",
    "/inspections",
    id="listInspections",
    summary="List inspection sessions",
    tag="Inspections",
    verb=Verb.LIST,
    query=PageQuery,
    answer=InspectionPage,
    is_paged=True,
    refusals=("bad_cursor",),
)
async def list_inspections(call: Call[PageQuery, NoBody]) -> Reply:
    """The latest day first; an agency reads those that inspect it."""
    position = call.position()
    own = sorted(call.actor.visible_agency_ids) if call.actor.role in AGENCY_ROLES else None
    rows = await db.list_inspections(
        agency_ids=own,
        after=(date.fromisoformat(position[0]), int(position[1])) if position else None,
        limit=call.limit + 1,
    )
    page = rows[: call.limit]
    at = (page[-1].held_on.isoformat(), str(page[-1].id)) if len(rows) > call.limit else None
    items = [shown(row, await own_codes(call.actor, row)) for row in page]
    return Reply(InspectionPage(items, call.next_cursor(at)), next_position=at)


@endpoint(
    "GET",
    "/inspections/candidates",
    id="listInspectionCandidates",
    summary="Whom to inspect, and why",
    tag="Inspections",
    verb=Verb.INSPECT,
    answer=CandidateList,
)
async def list_candidates(call: Call[NoQuery, NoBody]) -> Reply:
    """Agencies by overdue count, days late, repeated extensions, returned reports, then the last session."""
    found = await actions.candidates(call.actor, call.now)
    ids = await find_agency_ids([c.agency_code for c in found])
    names = await reads_inspections.list_agency_names(list(ids.values()))
    return Reply(
        CandidateList([
            InspectionCandidate(
                AgencyRef(str(ids[c.agency_code]), c.agency_code, names[ids[c.agency_code]]),
                [CandidateReason(reason.value, figure) for reason, figure in c.reasons],
            )
            for c in found
        ])
    )  # fmt: skip


@endpoint(
    "POST",
    "/inspections",
    id="planInspection",
    summary="Plan an inspection session",
    tag="Inspections",
    verb=Verb.INSPECT,
    body=InspectionIn,
    answer=Inspection,
    status=201,
    refusals=("not_found", "invalid"),
    example=_EXAMPLE,
    links={"read": {"operationId": "getInspection", "parameters": {"inspection_id": "$response.body#/id"}}},
)
async def plan_inspection(call: Call[NoQuery, InspectionIn]) -> Reply:
    """Nothing is copied before the freeze; every field that does not fit is named."""
    body = call.body
    new = Plan(
        title=body.title,
        held_on=body.held_on,
        as_of=body.as_of or civil_day(call.now),
        due_until=body.due_until,
        agency_codes=tuple(body.agencies),
        topic=Topic(body.topic),
        directive_id=None if body.directive_id is None else id_of(body.directive_id),
        field=body.field,
        held_at=time_of(body.from_time),
        ends_at=time_of(body.to_time),
        place=body.place,
        chair_id=None if body.chair_id is None else id_of(body.chair_id),
        secretary_id=None if body.secretary_id is None else id_of(body.secretary_id),
        member_ids=tuple(id_of(one) for one in body.member_ids),
        explain_by=body.explain_by,
    )
    made = await actions.plan(call.actor, new, call.now)
    found = await db.get_inspection(made)
    return Reply(
        shown(found, found.agency_codes),
        row_version=found.row_version,
        location=f"/api/v1/inspections/{made}",
    )


@endpoint(
    "GET",
    "/inspections/{inspection_id}",
    id="getInspection",
    summary="Read an inspection session",
    tag="Inspections",
    verb=Verb.LIST,
    answer=Inspection,
    refusals=("not_found",),
    links=_links(
        ("change", "changeInspection"),
        ("ask", "askToExplain"),
        ("freeze", "freezeInspection"),
        ("cancel", "cancelInspection"),
        ("carryOut", "carryOutInspection"),
    ),
)
async def get_inspection(call: Call[NoQuery, NoBody]) -> Reply:
    """Its plan, where it stands, and after the freeze its totals and its check code."""
    found, codes = await read_session(call)
    return Reply(shown(found, codes), row_version=found.row_version)


@endpoint(
    "PATCH",
    "/inspections/{inspection_id}",
    id="changeInspection",
    summary="Change the plan of a session",
    tag="Inspections",
    verb=Verb.INSPECT,
    body=InspectionPatch,
    answer=Inspection,
    is_change=True,
    refusals=("not_found", "invalid", "inspection_moved"),
    example={"held_on": "2026-12-03", "from_time": "08:30"},
)
async def change_inspection(call: Call[NoQuery, InspectionPatch]) -> Reply:
    """Before the freeze, once who was invited knows the day."""
    found, _ = await read_session(call)
    changes = changes_of(call.body)
    if not changes:
        check_version(found.row_version, call.version)
        return await _now(found.id)
    await actions.change_plan(call.actor, found.id, call.version, _patched(found, changes), call.now)
    return await _now(found.id)


def _patched(found: InspectionValue, changes: dict[str, Any]) -> Plan:
    stands = Plan(
        title=found.title,
        held_on=found.held_on,
        as_of=found.as_of,
        due_until=found.due_until,
        agency_codes=found.agency_codes,
        topic=found.topic,
        directive_id=found.directive_id,
        field=found.field,
        held_at=found.held_at,
        ends_at=found.ends_at,
        place=found.place,
        chair_id=found.chair_id,
        secretary_id=found.secretary_id,
        member_ids=found.member_ids,
        explain_by=found.explain_by,
    )
    given: dict[str, Any] = {}
    for name, value in changes.items():
        match name:
            case "agencies":
                given["agency_codes"] = tuple(value)
            case "topic":
                given["topic"] = Topic(value)
            case "directive_id" | "chair_id" | "secretary_id":
                given[name] = None if value is None else id_of(value)
            case "member_ids":
                given[name] = tuple(id_of(one) for one in value)
            case "from_time" | "to_time":
                given["held_at" if name == "from_time" else "ends_at"] = time_of(value)
            case "field" | "place":
                given[name] = value or ""
            case _:
                given[name] = value
    return replace(stands, **given)


@endpoint(
    "POST",
    "/inspections/{inspection_id}/cancel",
    id="cancelInspection",
    summary="Call a session off",
    tag="Inspections",
    verb=Verb.INSPECT,
    body=Reason,
    answer=Inspection,
    is_change=True,
    refusals=("not_found", "invalid", "inspection_moved"),
    example={"reason": "Trùng phiên họp Chính phủ."},
)
async def cancel_inspection(call: Call[NoQuery, Reason]) -> Reply:
    """Plan and copies are kept; nothing of it is carried out."""
    await actions.cancel(call.actor, call.ids["inspection_id"], call.version, call.body.reason, call.now)
    return await _now(call.ids["inspection_id"])


# --- the agenda ---


@endpoint(
    "GET",
    "/inspections/{inspection_id}/agenda",
    id="getInspectionAgenda",
    summary="Read the agenda, with its digest",
    tag="Inspections",
    verb=Verb.LIST,
    answer=Agenda,
    refusals=("not_found",),
)
async def get_agenda(call: Call[NoQuery, NoBody]) -> Reply:
    """What was frozen; before the freeze what would be frozen at this moment."""
    found, _ = await read_session(call, whole=True)
    frozen = await actions.agenda(call.actor, found.id, call.now)
    rows = await db.list_items(found.id) if found.frozen_at is not None else []
    return Reply(_agenda(frozen, found, rows))


@endpoint(
    "POST",
    "/inspections/{inspection_id}/explanations",
    id="askToExplain",
    summary="Ask the agencies to explain",
    tag="Inspections",
    verb=Verb.INSPECT,
    answer=Asked,
    is_change=True,
    has_tag=False,
    refusals=("not_found", "invalid", "inspection_moved"),
    isolation="repeatable_read",
)
async def ask_to_explain(call: Call[NoQuery, NoBody]) -> Reply:
    """A letter to each agency about its overdue items, to be answered by the session's `explain_by`."""
    asked = await actions.ask_to_explain(call.actor, call.ids["inspection_id"], call.version, call.now)
    found = await db.get_inspection(call.ids["inspection_id"])
    return Reply(Asked(asked, shown(found, found.agency_codes)))


@endpoint(
    "POST",
    "/inspections/{inspection_id}/freeze",
    id="freezeInspection",
    summary="Freeze the agenda",
    tag="Inspections",
    verb=Verb.INSPECT,
    answer=Inspection,
    is_change=True,
    refusals=("not_found", "inspection_moved", "freeze_running"),
    isolation="repeatable_read",
)
async def freeze_inspection(call: Call[NoQuery, NoBody]) -> Reply:
    """Copies in one snapshot, once; they cannot be changed, a correction is an addendum."""
    await actions.freeze(call.actor, call.ids["inspection_id"], call.version, call.now)
    return await _now(call.ids["inspection_id"])


@endpoint(
    "GET",
    "/inspections/{inspection_id}/items",
    id="listInspectionItems",
    summary="List the frozen items",
    tag="Inspections",
    verb=Verb.LIST,
    query=PageQuery,
    answer=InspectionItemPage,
    is_paged=True,
    refusals=("not_found", "bad_cursor"),
)
async def list_items(call: Call[PageQuery, NoBody]) -> Reply:
    """In the order of the agenda, none before the freeze; an agency reads its own."""
    found, codes = await read_session(call)
    position = call.position()
    after = int(position[0]) if position else 0
    rows = [row for row in await db.list_items(found.id, codes) if row.position > after]
    page = rows[: call.limit]
    at = (str(page[-1].position),) if len(rows) > call.limit else None
    items = [_item(row.position, row.item, row) for row in page]
    return Reply(InspectionItemPage(items, call.next_cursor(at)), next_position=at)


@endpoint(
    "GET",
    "/inspections/{inspection_id}/addenda",
    id="listAddenda",
    summary="List the corrections of a session",
    tag="Inspections",
    verb=Verb.LIST,
    answer=AddendumList,
    refusals=("not_found",),
)
async def list_addenda(call: Call[NoQuery, NoBody]) -> Reply:
    """What was added beside the frozen items, oldest first."""
    found, _ = await read_session(call, whole=True)
    return Reply(AddendumList([_addendum(one) for one in await db.list_addenda(found.id)]))


@endpoint(
    "POST",
    "/inspections/{inspection_id}/addenda",
    id="addAddendum",
    summary="Correct what was frozen, beside it",
    tag="Inspections",
    verb=Verb.INSPECT,
    body=AddendumIn,
    answer=Addendum,
    status=201,
    has_tag=False,
    refusals=("not_found", "invalid", "inspection_moved"),
    example={"text": "Hạn đúng là ngày 05/11/2025."},
)
async def add_addendum(call: Call[NoQuery, AddendumIn]) -> Reply:
    """With its moment and author; it cannot be changed either."""
    inspection_id, item_id = call.ids["inspection_id"], call.body.item_id
    made = await actions.add_addendum(
        call.actor, inspection_id, None if item_id is None else id_of(item_id), call.body.text, call.now
    )
    return Reply(next(_addendum(one) for one in await db.list_addenda(inspection_id) if one.id == made))


# --- conclusions ---


def _concluded(body: ConclusionIn) -> NewConclusion:
    return NewConclusion(Verdict(body.verdict), body.text, body.due_on, body.agency)


@endpoint(
    "GET",
    "/inspections/{inspection_id}/conclusions",
    id="listConclusions",
    summary="List the conclusions of a session",
    tag="Inspections",
    verb=Verb.LIST,
    answer=ConclusionList,
    refusals=("not_found",),
)
async def list_conclusions(call: Call[NoQuery, NoBody]) -> Reply:
    """As they stand; an agency reads its own, once they are carried out."""
    found, codes = await read_session(call)
    made = await db.list_conclusions(found.id)
    if call.actor.role in AGENCY_ROLES:
        is_told = found.state is State.CONCLUDED
        made = [one for one in made if is_told and one.agency_code in codes]
    return Reply(ConclusionList([_conclusion(one) for one in made]))


@endpoint(
    "GET",
    "/inspections/{inspection_id}/items/{item_id}/conclusion",
    id="getConclusionOnItem",
    summary="Read what is concluded on an item",
    tag="Inspections",
    verb=Verb.INSPECT,
    answer=ItemConclusion,
    refusals=("not_found",),
    links={
        "conclude": {
            "operationId": "concludeItem",
            "parameters": {
                "inspection_id": "$request.path.inspection_id",
                "item_id": "$response.body#/item_id",
                "If-Match": "$response.header.ETag",
            },
        }
    },
)
async def get_conclusion_on(call: Call[NoQuery, NoBody]) -> Reply:
    """Its tag is what writing one down sends back, also while nothing is concluded."""
    found, _ = await read_session(call, whole=True)
    item = await db.find_item(found.id, call.ids["item_id"])
    if item is None:
        raise NotFound(noun="inspection_item", id=call.ids["item_id"])
    return await _on_item(item.id)


async def _on_item(item_id: int) -> Reply:
    made = await db.find_conclusion_on(item_id)
    return Reply(
        ItemConclusion(str(item_id), None if made is None else _conclusion(made)),
        # A tag starts at 1: of an item on which nothing is concluded yet.
        row_version=1 if made is None else made.row_version + 1,
    )


@endpoint(
    "PUT",
    "/inspections/{inspection_id}/items/{item_id}/conclusion",
    id="concludeItem",
    summary="Conclude on an item",
    tag="Inspections",
    verb=Verb.INSPECT,
    body=ConclusionIn,
    answer=ItemConclusion,
    is_change=True,
    refusals=("not_found", "invalid", "inspection_moved", "conclusion_needs_report"),
    example={"verdict": "new_date", "text": "Hoàn thành trước ngày 20/12/2026.", "due_on": "2026-12-20"},
)
async def conclude_item(call: Call[NoQuery, ConclusionIn]) -> Reply:
    """Once for each item; again changes it. Nothing follows before all is carried out."""
    inspection_id, item_id = call.ids["inspection_id"], call.ids["item_id"]
    if call.version is None:
        standing = await db.find_conclusion_on(item_id)
        version = None if standing is None else standing.row_version
    else:
        version = call.version - 1 or None
    await actions.conclude(call.actor, inspection_id, item_id, version, _concluded(call.body), call.now)
    return await _on_item(item_id)


@endpoint(
    "POST",
    "/inspections/{inspection_id}/conclusions",
    id="concludeWhole",
    summary="Conclude on the session as a whole",
    tag="Inspections",
    verb=Verb.INSPECT,
    body=ConclusionIn,
    answer=Conclusion,
    status=201,
    refusals=("not_found", "invalid", "inspection_moved"),
    example={"verdict": "noted", "text": "Các cơ quan báo cáo hằng tháng."},
)
async def conclude_whole(call: Call[NoQuery, ConclusionIn]) -> Reply:
    """Of no item: a new task for an agency of the session, a referral, or words of the notice."""
    inspection_id = call.ids["inspection_id"]
    made = await actions.conclude(call.actor, inspection_id, None, None, _concluded(call.body), call.now)
    found = await _standing(inspection_id, made)
    return Reply(
        _conclusion(found),
        row_version=found.row_version,
        location=f"/api/v1/inspections/{inspection_id}/conclusions/{made}",
    )


async def _standing(inspection_id: int, conclusion_id: int) -> Concluded:
    found = await db.find_conclusion(inspection_id, conclusion_id)
    if found is None:
        raise NotFound(noun="conclusion", id=conclusion_id)
    return found


@endpoint(
    "GET",
    "/inspections/{inspection_id}/conclusions/{conclusion_id}",
    id="getConclusion",
    summary="Read a conclusion",
    tag="Inspections",
    verb=Verb.INSPECT,
    answer=Conclusion,
    refusals=("not_found",),
)
async def get_conclusion(call: Call[NoQuery, NoBody]) -> Reply:
    """One that stands, with its tag."""
    found, _ = await read_session(call, whole=True)
    made = await _standing(found.id, call.ids["conclusion_id"])
    return Reply(_conclusion(made), row_version=made.row_version)


@endpoint(
    "PUT",
    "/inspections/{inspection_id}/conclusions/{conclusion_id}",
    id="changeConclusion",
    summary="Write a conclusion anew",
    tag="Inspections",
    verb=Verb.INSPECT,
    body=ConclusionIn,
    answer=Conclusion,
    is_change=True,
    refusals=("not_found", "invalid", "inspection_moved", "conclusion_needs_report"),
    example={"verdict": "noted", "text": "Các cơ quan báo cáo hằng quý."},
)
async def change_conclusion(call: Call[NoQuery, ConclusionIn]) -> Reply:
    """Before it is carried out; what it said stays in the history."""
    inspection_id, conclusion_id = call.ids["inspection_id"], call.ids["conclusion_id"]
    new = _concluded(call.body)
    await actions.change_conclusion(call.actor, inspection_id, conclusion_id, call.version, new, call.now)
    made = await _standing(inspection_id, conclusion_id)
    return Reply(_conclusion(made), row_version=made.row_version)


@endpoint(
    "DELETE",
    "/inspections/{inspection_id}/conclusions/{conclusion_id}",
    id="strikeConclusion",
    summary="Strike a conclusion",
    tag="Inspections",
    verb=Verb.INSPECT,
    status=204,
    is_change=True,
    refusals=("not_found", "inspection_moved"),
)
async def strike_conclusion(call: Call[NoQuery, NoBody]) -> Reply:
    """Before it is carried out; its words stay in the history."""
    inspection_id, conclusion_id = call.ids["inspection_id"], call.ids["conclusion_id"]
    await actions.strike_conclusion(call.actor, inspection_id, conclusion_id, call.version, call.now)
    return Reply(None)


# --- carrying out ---


@endpoint(
    "GET",
    "/inspections/{inspection_id}/carry-out",
    id="previewCarryOut",
    summary="What carrying out would do",
    tag="Inspections",
    verb=Verb.LIST,
    answer=CarryOutPreview,
    refusals=("not_found", "inspection_moved"),
)
async def preview_carry_out(call: Call[NoQuery, NoBody]) -> Reply:
    """Each conclusion with what it becomes and what is in its way, and the items that lack one. Writes nothing."""
    found, _ = await read_session(call, whole=True)
    told = await inspection_preview.preview(call.actor, found.id, call.now)
    return Reply(
        CarryOutPreview(
            told.is_ready,
            [
                Consequence(
                    conclusion_id=str(one.conclusion.id),
                    item_id=_id(one.conclusion.item_id),
                    position=one.row.position if one.row else None,
                    title=one.row.item.title if one.row else "",
                    verdict=one.conclusion.verdict.value,
                    outcome=one.outcome,
                    due_before=one.due_before,
                    due_on=one.conclusion.due_on,
                    hindrance=one.hindrance or None,
                )
                for one in told.consequences
            ],
            [str(row.id) for row in told.missing],
        )
    )


@endpoint(
    "POST",
    "/inspections/{inspection_id}/carry-out",
    id="carryOutInspection",
    summary="Carry out the conclusions",
    tag="Inspections",
    verb=Verb.RECORD_DIRECTIVE,
    body=NoticeIn,
    answer=CarriedOut,
    is_change=True,
    has_tag=False,
    refusals=(
        "not_found",
        "invalid",
        "inspection_moved",
        "conclusions_missing",
        "conclusion_needs_report",
    ),
    example={
        "number": "12/TB-TCT",
        "issued_on": "2026-12-03",
        "issuer": "Tổ công tác",
        "signer": "Trần Văn Sơn",
    },
)
async def carry_out(call: Call[NoQuery, NoticeIn]) -> Reply:
    """All of them under the signed notice, or none; the notice becomes a directive, new tasks are its tasks."""
    body, inspection_id = call.body, call.ids["inspection_id"]
    notice = Notice(body.number, body.issued_on, body.issuer, body.signer)
    directive_id = await actions.carry_out(call.actor, inspection_id, call.version, notice, call.now)
    made = await db.list_conclusions(inspection_id)
    return Reply(CarriedOut(str(directive_id), [_conclusion(one) for one in made]))


# --- papers ---


@endpoint(
    "GET",
    "/inspections/{inspection_id}/dossier",
    id="getDossier",
    summary="Download the dossier",
    tag="Inspections",
    verb=Verb.INSPECT,
    query=DossierQuery,
    media_types=(DOCX_TYPE, PDF_TYPE, dossiers.XLSX_TYPE),
    refusals=("not_found", "invalid", "inspection_moved"),
)
async def get_dossier(call: Call[DossierQuery, NoBody]) -> Reply:
    """Of the whole session or of one agency, from what was frozen; `Accept` says in which form."""
    format: dossiers.DossierFormat = "docx"
    if call.media_type != DOCX_TYPE:
        format = "pdf" if call.media_type == PDF_TYPE else "xlsx"
    made = await dossiers.dossier(
        call.actor, call.ids["inspection_id"], format, call.query.agency, call.language
    )
    return Reply(made.content, media_type=made.media_type, file_name=made.name)


@endpoint(
    "GET",
    "/inspections/{inspection_id}/notice",
    id="getNoticeDraft",
    summary="Download the notice of conclusions",
    tag="Inspections",
    verb=Verb.INSPECT,
    media_types=(DOCX_TYPE, PDF_TYPE),
    refusals=("not_found", "invalid", "inspection_moved"),
)
async def get_notice(call: Call[NoQuery, NoBody]) -> Reply:
    """A draft with gaps for number and day until the signed notice is recorded."""
    format: dossiers.PaperFormat = "pdf" if call.media_type == PDF_TYPE else "docx"
    made = await dossiers.notice_draft(call.actor, call.ids["inspection_id"], format, call.language)
    return Reply(made.content, media_type=made.media_type, file_name=made.name)


handlers = [
    list_inspections,
    list_candidates,
    plan_inspection,
    get_inspection,
    change_inspection,
    cancel_inspection,
    get_agenda,
    ask_to_explain,
    freeze_inspection,
    list_items,
    list_addenda,
    add_addendum,
    list_conclusions,
    get_conclusion_on,
    conclude_item,
    conclude_whole,
    get_conclusion,
    change_conclusion,
    strike_conclusion,
    preview_carry_out,
    carry_out,
    get_dossier,
    get_notice,
]

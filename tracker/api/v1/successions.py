"""Successions: agencies that merge, split, are renamed or abolished, and what moves to their successors."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import succession as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, Id, NoBody, NoQuery, Words, id_of
from tracker.api.v1.shapes import AgencyCode, Day, PageQuery, PartName
from tracker.db.succession import Succession as SuccessionValue
from tracker.domain.access import Verb
from tracker.domain.succession import Change, Heir, Plan
from tracker.domain.zone import civil_day

KindName = Literal["rename", "merge", "split", "abolition"]
OutcomeName = Literal["moved", "absorbed", "ended", "asked"]
BasisName = Literal["only", "choice", "field", "default"]
Document = Annotated[str, Meta(min_length=1, max_length=200, description="The document it rests on.")]


class HeirIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A successor; `fields` are the fields of work it takes when the work is split, `default` takes the rest."""

    code: AgencyCode
    fields: Annotated[list[Words], Meta(max_length=50)] = []
    default: bool = False


class ChangeIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """An agency that ends the day before `effective_on`; without heirs it is abolished."""

    predecessor: AgencyCode
    effective_on: Day
    heirs: Annotated[list[HeirIn], Meta(max_length=50)] = []


class AssignmentChoice(Struct, forbid_unknown_fields=True, kw_only=True):
    """An open assignment of a split agency, and the successor that gets it."""

    assignment_id: Id
    successor: AgencyCode


class PersonChoice(Struct, forbid_unknown_fields=True, kw_only=True):
    """A person of a split agency, and the successor they go to."""

    official_id: Id
    successor: AgencyCode


class PlanIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Many changes that are carried out together."""

    document: Document
    changes: Annotated[list[ChangeIn], Meta(max_length=500)]
    choices: Annotated[list[AssignmentChoice], Meta(max_length=1000)] = []
    people: Annotated[list[PersonChoice], Meta(max_length=1000)] = []


class SuccessionIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A plan, and the digest of the preview that was agreed to."""

    plan: PlanIn
    digest: Annotated[
        str,
        Meta(pattern=r"^[0-9a-f]{64}$", description="`digest` of the preview.", extra={FORM: "form.digest"}),
    ]


class Named(Struct):
    """An agency by its code."""

    code: str
    name: str


class PreviewChange(Struct):
    """What becomes of one agency, and how many of its assignments and people go which way."""

    predecessor: Named
    kind: KindName
    effective_on: date
    heirs: list[Named]
    default: Named | None
    counts: dict[str, int]


class PreviewAssignment(Struct):
    """Where an open assignment goes.

    `into` is the assignment that goes on in its place, where the task is held twice; `is_own` marks a successor's
    own that gives way to a stronger part. `choices` are the successors where a person has to say.
    """

    assignment_id: Id
    short_name: str
    directive_number: str
    restricted: bool
    part: PartName
    due_on: date | None
    is_waiting: bool
    outcome: OutcomeName
    predecessor: Named
    successor: Named | None
    basis: BasisName | None
    into: Id | None
    is_own: bool
    choices: list[Named]


class PreviewPerson(Struct):
    """Where a person goes."""

    official_id: Id
    name: str
    position: str
    predecessor: Named
    successor: Named | None
    is_switched_off: bool
    choices: list[Named]


class PreviewChild(Struct):
    """An agency that stood below an ending one."""

    agency: Named
    predecessor: Named
    parent: Named | None
    is_asked: bool


class SuccessionPreview(Struct):
    """What carrying out the plan would change. While `asked` is not 0, or `not_before` is set, it cannot be."""

    digest: str
    is_ready: bool
    asked: int
    not_before: date | None
    counts: dict[str, int]
    changes: list[PreviewChange]
    assignments: list[PreviewAssignment]
    people: list[PreviewPerson]
    agencies_below: list[PreviewChild]


class SuccessionItem(Struct):
    """One old and one new agency, with the names as they were."""

    predecessor: Named
    successor: Named | None
    effective_on: date
    kind: KindName
    is_default: bool
    counts: dict[str, int]


class Succession(Struct):
    """A succession that was carried out; it cannot be taken back, a correction is a new one."""

    id: Id
    document: str
    digest: str
    counts: dict[str, int]
    carried_out_at: datetime
    carried_out_by: str
    items: list[SuccessionItem]


class SuccessionPage(Struct):
    """Successions, newest first."""

    items: list[Succession]
    next: str | None


class RecordedQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """Up to which day, today without it."""

    until: Day | None = None


class RecordedPlan(Struct):
    """The changes that the directory records and that were not carried out, ready to be put into a plan."""

    changes: list[ChangeIn]


def _plan(given: PlanIn) -> Plan:
    return Plan(
        given.document,
        tuple(
            Change(
                change.predecessor,
                change.effective_on,
                tuple(Heir(heir.code, tuple(heir.fields), heir.default) for heir in change.heirs),
            )
            for change in given.changes
        ),
        {id_of(choice.assignment_id): choice.successor for choice in given.choices},
        {id_of(choice.official_id): choice.successor for choice in given.people},
    )


def _named(ref: actions.AgencyRef) -> Named:
    return Named(ref.code, ref.name)


def _named_or_none(ref: actions.AgencyRef | None) -> Named | None:
    return None if ref is None else _named(ref)


def _preview(value: actions.Preview) -> SuccessionPreview:
    return SuccessionPreview(
        digest=value.digest,
        is_ready=value.is_ready,
        asked=value.asked,
        not_before=value.not_before,
        counts=dict(value.counts),
        changes=[
            PreviewChange(
                predecessor=_named(step.predecessor),
                kind=step.kind.value,
                effective_on=step.effective_on,
                heirs=[_named(heir) for heir in step.heirs],
                default=_named_or_none(step.default),
                counts=dict(step.counts),
            )
            for step in value.steps
        ],
        assignments=[
            PreviewAssignment(
                assignment_id=str(line.assignment_id),
                short_name=line.short_name,
                directive_number=line.directive_number,
                restricted=line.restricted,
                part=line.part.value,
                due_on=line.due_on,
                is_waiting=line.is_waiting,
                outcome=line.outcome.value,
                predecessor=_named(line.predecessor),
                successor=_named_or_none(line.successor),
                basis=line.basis.value if line.basis else None,
                into=None if line.into is None else str(line.into),
                is_own=line.is_own,
                choices=[_named(heir) for heir in line.heirs],
            )
            for line in value.lines
        ],
        people=[
            PreviewPerson(
                official_id=str(person.official_id),
                name=person.name,
                position=person.position,
                predecessor=_named(person.predecessor),
                successor=_named_or_none(person.successor),
                is_switched_off=person.is_switched_off,
                choices=[_named(heir) for heir in person.heirs],
            )
            for person in value.people
        ],
        agencies_below=[
            PreviewChild(
                agency=_named(child.agency),
                predecessor=_named(child.predecessor),
                parent=_named_or_none(child.parent),
                is_asked=child.is_asked,
            )
            for child in value.children
        ],
    )


def _shown(value: SuccessionValue) -> Succession:
    return Succession(
        id=str(value.id),
        document=value.document,
        digest=value.digest,
        counts=dict(value.counts),
        carried_out_at=value.carried_out_at,
        carried_out_by=value.actor_name,
        items=[
            SuccessionItem(
                predecessor=Named(item.predecessor_code, item.predecessor_name),
                successor=None
                if item.successor_code is None
                else Named(item.successor_code, item.successor_name),
                effective_on=item.effective_on,
                kind=item.kind,  # type: ignore[arg-type]  # one of the four by a constraint of the table
                is_default=item.is_default,
                counts=dict(item.counts),
            )
            for item in value.items
        ],
    )


_EXAMPLE = {
    "document": "Nghị quyết 202/2025/QH15",
    "changes": [
        {
            "predecessor": "H22",
            "effective_on": "2025-07-01",
            "heirs": [{"code": "H60", "default": True}],
        }
    ],
}


@endpoint(
    "GET",
    "/successions",
    id="listSuccessions",
    summary="List successions that were carried out",
    tag="Succession",
    verb=Verb.MANAGE_AGENCIES,
    query=PageQuery,
    answer=SuccessionPage,
    is_paged=True,
    links={
        "first": {
            "operationId": "getSuccession",
            "parameters": {"succession_id": "$response.body#/items/0/id"},
        }
    },
)
async def list_successions(call: Call[PageQuery, NoBody]) -> Reply:
    """Newest first, each with its agencies."""
    position = call.position()
    rows = await actions.list_carried_out(call.actor, call.limit + 1, int(position[0]) if position else None)
    shown, more = rows[: call.limit], len(rows) > call.limit
    at = (str(shown[-1].id),) if more else None
    return Reply(SuccessionPage([_shown(row) for row in shown], call.next_cursor(at)), next_position=at)


@endpoint(
    "GET",
    "/successions/recorded",
    id="listRecordedSuccessions",
    summary="List the successions still to be carried out",
    tag="Succession",
    verb=Verb.MANAGE_AGENCIES,
    query=RecordedQuery,
    answer=RecordedPlan,
)
async def list_recorded(call: Call[RecordedQuery, NoBody]) -> Reply:
    """What the directory records up to a day, or what came to an ended agency since; put it into a plan."""
    plan = await actions.recorded_plan(call.actor, "", call.query.until or civil_day(call.now))
    return Reply(
        RecordedPlan(
            [
                ChangeIn(
                    predecessor=change.predecessor,
                    effective_on=change.effective_on,
                    heirs=[
                        HeirIn(code=heir.code, fields=list(heir.fields), default=heir.is_default)
                        for heir in change.heirs
                    ],
                )
                for change in plan.changes
            ]
        )
    )


@endpoint(
    "POST",
    "/successions/preview",
    id="previewSuccession",
    summary="Preview a succession",
    tag="Succession",
    verb=Verb.MANAGE_AGENCIES,
    body=PlanIn,
    answer=SuccessionPreview,
    has_tag=False,
    refusals=("invalid",),
    example=_EXAMPLE,
)
async def preview_succession(call: Call[NoQuery, PlanIn]) -> Reply:
    """What would move where, and what needs a person's decision. Nothing is written."""
    return Reply(_preview(await actions.preview(call.actor, _plan(call.body), call.now)))


@endpoint(
    "POST",
    "/successions",
    id="carryOutSuccession",
    summary="Carry out a succession",
    tag="Succession",
    verb=Verb.MANAGE_AGENCIES,
    body=SuccessionIn,
    answer=Succession,
    status=201,
    has_tag=False,
    needs_key=True,
    refusals=("invalid", "succession_changed", "succession_undecided", "succession_too_early"),
    example={"plan": _EXAMPLE, "digest": "0" * 64},
    links={"read": {"operationId": "getSuccession", "parameters": {"succession_id": "$response.body#/id"}}},
)
async def carry_out_succession(call: Call[NoQuery, SuccessionIn]) -> Reply:
    """All of it or nothing, exactly as the preview with this digest showed it."""
    done = await actions.carry_out(call.actor, _plan(call.body.plan), call.body.digest, call.now)
    made = await actions.get_carried_out(call.actor, done.succession_id)
    return Reply(_shown(made), location=f"/api/v1/successions/{made.id}")


@endpoint(
    "GET",
    "/successions/{succession_id}",
    id="getSuccession",
    summary="Read a succession",
    tag="Succession",
    verb=Verb.MANAGE_AGENCIES,
    answer=Succession,
    refusals=("not_found",),
)
async def get_succession(call: Call[NoQuery, NoBody]) -> Reply:
    """One that was carried out, with the names as they were then."""
    return Reply(_shown(await actions.get_carried_out(call.actor, call.ids["succession_id"])), row_version=1)


handlers = [list_successions, list_recorded, preview_succession, carry_out_succession, get_succession]

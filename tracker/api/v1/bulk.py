"""Many assignments in one request: acknowledged, confirmed, returned, withdrawn, moved."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import bulk as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.errors import ProblemDetails, problem_details
from tracker.api.strict import ClockTime, Id, NoQuery, id_of, time_of
from tracker.api.v1.shapes import AgencyCode, Day, StateName
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.i18n import Language

ActionName = Literal[
    "acknowledge", "confirm", "return", "withdraw", "supersede", "transfer", "set_deadline", "commit"
]


class BulkParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """What the actions take.

    confirm: note; return: reason; withdraw and supersede: reason, document; transfer: to_agency, reason, document;
    set_deadline: due_on, due_time, reason, document, early_due_confirmed; commit: committed_on, cause, document.
    """

    note: Annotated[str, Meta(max_length=lengths.NOTE)] | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=lengths.REASON)] | None = None
    document: Annotated[str, Meta(max_length=lengths.DOCUMENT)] | None = None
    to_agency: AgencyCode | None = None
    due_on: Day | None = None
    due_time: ClockTime | None = None
    early_due_confirmed: bool | None = None
    committed_on: Day | None = None
    cause: Annotated[str, Meta(min_length=1, max_length=lengths.CAUSE)] | None = None


class BulkItem(Struct, forbid_unknown_fields=True, kw_only=True):
    """One decision; `version` is that of the assignment as you read it, and without it none is checked."""

    assignment_id: Id
    action: ActionName
    parameters: BulkParameters | None = None
    version: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None


class BulkIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Up to 500 decisions; `atomic` undoes all when one is refused, `dry_run` only tells what would come of it."""

    items: Annotated[list[BulkItem], Meta(min_length=1, max_length=actions.MOST)]
    atomic: bool = True
    dry_run: bool = False


class BulkResult(Struct):
    """What came of one item: `status` as a request of its own would have got it."""

    index: int
    assignment_id: Id
    status: int
    state: StateName | None
    due_on: date | None
    version: int | None
    problem: ProblemDetails | None


class BulkOut(Struct):
    """What came of all. `group` names the order in the history; `messages` is how many people were written to."""

    group: str | None
    dry_run: bool
    succeeded: int
    failed: int
    messages: int
    results: list[BulkResult]


@endpoint(
    "POST",
    "/assignments/bulk",
    id="changeAssignments",
    summary="Change many assignments",
    tag="Assignments",
    verb=Verb.READ,
    one_of=(
        Verb.ACKNOWLEDGE,
        Verb.CONFIRM,
        Verb.RETURN,
        Verb.WITHDRAW,
        Verb.TRANSFER,
        Verb.EDIT_DEADLINE,
        Verb.COMMIT,
    ),
    body=BulkIn,
    answer=BulkOut,
    has_tag=False,
    needs_key=True,
    refusals=("not_found", "bulk_refused", "invalid"),
    description=(
        "Each item needs the right of its own action. With `atomic` (the default) one refusal undoes all: 422 with"
        " every item's fault, 404 where you may not know of one. Without it each item has a result of its own."
    ),
    example={
        "items": [
            {"assignment_id": "17", "action": "acknowledge"},
            {"assignment_id": "18", "action": "set_deadline", "version": 3,
             "parameters": {"due_on": "2026-12-31", "reason": "Theo công văn 1102/VPCP-KSTT"}},
        ],
        "dry_run": True,
    },
)  # fmt: skip
async def change_assignments(call: Call[NoQuery, BulkIn]) -> Reply:
    """Carry out up to 500 decisions in one transaction; each person concerned gets one message."""
    items = [_item(item) for item in call.body.items]
    done = await actions.run(
        call.actor, items, call.now, is_atomic=call.body.atomic, is_rehearsal=call.body.dry_run
    )
    return Reply(
        BulkOut(
            group=done.group or None,
            dry_run=call.body.dry_run,
            succeeded=done.count,
            failed=len(items) - done.count,
            messages=done.messages,
            results=[_result(n, outcome, call.language) for n, outcome in enumerate(done.outcomes)],
        )
    )


def _item(item: BulkItem) -> actions.Item:
    given = {}
    if item.parameters is not None:
        fields = {name: getattr(item.parameters, name) for name in item.parameters.__struct_fields__}
        given = {name: value for name, value in fields.items() if value is not None}
    if "due_time" in given:
        given["due_time"] = time_of(given["due_time"])
    return actions.Item(id_of(item.assignment_id), item.action, given, item.version)


def _result(index: int, outcome: actions.Outcome, language: Language) -> BulkResult:
    problem = None
    if outcome.refused is not None:
        problem, _ = problem_details(outcome.refused, language, f"#/items/{index}")
    row = outcome.row
    return BulkResult(
        index=index,
        assignment_id=str(outcome.item.assignment_id),
        status=200 if problem is None else problem.status,
        state=None if row is None else row.state.value,
        due_on=None if row is None else row.due_on,
        version=None if row is None else row.row_version,
        problem=problem,
    )


handlers = [change_assignments]

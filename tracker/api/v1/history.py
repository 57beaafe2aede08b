"""The history as a noun: who did what, when and why, each row with its place in the chain."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct

from tracker.actions import audit as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, Id, NoBody, NoQuery, id_of
from tracker.api.v1.shapes import Day, PageQuery
from tracker.db.history import HistoryFilter, HistoryRow
from tracker.domain.access import Verb
from tracker.domain.zone import at_official

HistoryVerb = Annotated[
    str,
    Meta(
        max_length=60,
        pattern=r"^[a-z][a-z_]*$",
        description="What was done, such as `confirm`; new ones may join.",
        examples=["confirm"],
        extra={FORM: "form.history_verb"},
    ),
]


class ChainPlace(Struct):
    """Where a row stands in the audit chain; `mac` seals its content and the row before it in its lane."""

    lane: int
    seq: int
    mac: str


class Change(Struct):
    """One change: `at` is when it counts, `recorded_at` when the database wrote it.

    `detail` keeps the values before and after; `chain` is null for what is older than the chain.
    """

    id: Id
    at: datetime
    recorded_at: datetime
    actor: str
    actor_id: Id | None
    verb: str
    directive_id: Id | None
    task_id: Id | None
    assignment_id: Id | None
    reason: str
    detail: dict[str, Any]
    chain: ChainPlace | None


class ChangePage(Struct):
    """Changes, the latest written first."""

    items: list[Change]
    next: str | None


class ChangeQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Which changes; both days are inclusive, in the official zone."""

    directive_id: Id | None = None
    task_id: Id | None = None
    assignment_id: Id | None = None
    official_id: Id | None = None
    verb: HistoryVerb | None = None
    changed_from: Day | None = None
    changed_to: Day | None = None


class LaneHead(Struct):
    """The last place of a lane and its MAC."""

    lane: int
    seq: int
    mac: str


class AuditHeads(Struct):
    """How the chain ends now: `total` rows in it, `unchained` older ones before it."""

    total: int
    unchained: int
    lanes: list[LaneHead]


def shown(row: HistoryRow) -> Change:
    """A change as the API gives it."""
    is_chained = row.lane is not None and row.lane_seq is not None and row.mac is not None
    return Change(
        id=str(row.id),
        at=row.at,
        recorded_at=row.recorded_at,
        actor=row.actor_name,
        actor_id=_text(row.actor_id),
        verb=row.verb,
        directive_id=_text(row.directive_id),
        task_id=_text(row.task_id),
        assignment_id=_text(row.assignment_id),
        reason=row.reason,
        detail=row.detail,
        chain=ChainPlace(row.lane or 0, row.lane_seq or 0, row.mac or "") if is_chained else None,
    )


def _text(id_: int | None) -> str | None:
    return None if id_ is None else str(id_)


def _number(id_: str | None) -> int | None:
    return None if id_ is None else id_of(id_)


def _midnight(day: date) -> datetime:
    return at_official(day, time(0))


def _filter(query: ChangeQuery) -> HistoryFilter:
    return HistoryFilter(
        directive_id=_number(query.directive_id),
        task_id=_number(query.task_id),
        assignment_id=_number(query.assignment_id),
        official_id=_number(query.official_id),
        verb=query.verb,
        at_from=None if query.changed_from is None else _midnight(query.changed_from),
        at_before=None if query.changed_to is None else _midnight(query.changed_to + timedelta(days=1)),
    )


@endpoint(
    "GET",
    "/history",
    id="listHistory",
    summary="List changes",
    tag="History",
    verb=Verb.READ_HISTORY,
    query=ChangeQuery,
    answer=ChangePage,
    is_paged=True,
)
async def list_history(call: Call[ChangeQuery, NoBody]) -> Reply:
    """Everything that was ever changed, and by whom. An agency reads what concerns its own assignments."""
    position = call.position()
    found = await actions.list_changes(
        call.actor,
        _filter(call.query),
        limit=call.limit + 1,
        before_id=None if position is None else int(position[0]),
    )
    rows = found[: call.limit]
    following = (str(rows[-1].id),) if len(found) > call.limit else None
    return Reply(
        ChangePage([shown(row) for row in rows], call.next_cursor(following)), next_position=following
    )


@endpoint(
    "GET",
    "/audit/heads",
    id="getAuditHeads",
    summary="Read the heads of the audit chain",
    tag="History",
    verb=Verb.OPERATE,
    answer=AuditHeads,
)
async def get_heads(call: Call[NoQuery, NoBody]) -> Reply:
    """What an auditor may note down elsewhere: a chain that was cut off later contradicts it."""
    heads = await actions.get_heads(call.actor)
    return Reply(
        AuditHeads(
            total=heads.total,
            unchained=heads.unchained,
            lanes=[LaneHead(head.lane, head.seq, head.mac.hex()) for head in heads.heads],
        )
    )


handlers = [list_history, get_heads]

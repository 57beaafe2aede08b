"""Reconciliation: rounds, an agency's list, its answers item by item, how differences are settled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import reconciliation as actions
from tracker.actions.reconciliation import Sent
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery, id_of
from tracker.api.v1.shapes import AgencyRef, Day, PageQuery
from tracker.db import reconciliation as db
from tracker.db.reconciliation import Asked, Listed, Round
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid, NotFound
from tracker.domain.reconciliation import Answer, Given, Settlement, Standing, standing_of
from tracker.domain.zone import civil_day

AnswerName = Literal["agrees", "done", "other_deadline", "not_ours", "other"]
SettlementName = Literal["accepted", "kept"]
StandingName = Literal["differs", "silent", "waiting", "agreed"]
MOST_ANSWERS = 2000


# --- shapes ---


class ReconciledAgency(Struct):
    """An agency that is asked; `list_digest` stands for its list as a whole."""

    agency: AgencyRef
    standing: StandingName
    items: int
    differences: int
    settled: int
    answered_by_name: str
    answered_at: datetime | None
    list_digest: str
    version: int


class ReconciliationRound(Struct):
    """A round of a month; an agency reads itself alone among `agencies`."""

    id: Id
    month: str
    as_of: date
    closed_since: date
    answer_by: date
    state: Literal["open", "closed"]
    opened_at: datetime
    closed_at: datetime | None
    agencies: list[ReconciledAgency]


class ReconciliationPage(Struct):
    """Rounds, the latest month first."""

    items: list[ReconciliationRound]
    next: str | None


class SentAnswer(Struct):
    """What an agency sent of an item, and what became of it."""

    id: Id
    answer: AnswerName
    evidence_number: str
    day: date | None
    note: str
    answered_by_name: str
    answered_at: datetime
    settlement: SettlementName | None
    settlement_note: str
    settled_by_name: str
    settled_at: datetime | None


class ReconciliationItem(Struct):
    """One task as it was listed, with the answer that stands; `status` is that of the day of the list."""

    id: Id
    position: int
    assignment_id: Id
    task_id: Id
    short_name: str
    directive_number: str
    product: str
    is_open: bool
    status: str
    due_on: date | None
    original_due_on: date | None
    days_late: int
    last_report_on: date | None
    completed_on: date | None
    answer: SentAnswer | None


class ReconciliationList(Struct):
    """An agency's list in its order."""

    round_id: Id
    as_of: date
    agency: ReconciledAgency
    items: list[ReconciliationItem]


class PreviewQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """The days of a round that might be opened; today's usual ones without them."""

    as_of: Day | None = None
    answer_by: Day | None = None


class RoundIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A round of this month; the usual days without them: the end of last month, five working days from now."""

    as_of: Day | None = None
    answer_by: Day | None = None


class ListPreview(Struct):
    """How much an agency would be asked about."""

    agency: AgencyRef
    open_items: int
    closed_items: int


class ReconciliationPreview(Struct):
    """A round as it would be opened now; `round_id` is the month's round where there is one already."""

    month: str
    as_of: date
    closed_since: date
    answer_by: date
    round_id: Id | None
    agencies: list[ListPreview]


class AnswerIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """An answer to one item: done needs `evidence_number` and `day`, another deadline `day`, the rest a `note`."""

    item_id: Id
    answer: AnswerName
    evidence_number: Annotated[str, Meta(max_length=lengths.EVIDENCE_NUMBER)] = ""
    day: Day | None = None
    note: Annotated[str, Meta(max_length=lengths.NOTE)] = ""


class AnswersIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """An agency's answer. With `rest_agrees` what is not named agrees; `list_digest` says which list was looked at."""

    answers: Annotated[list[AnswerIn], Meta(max_length=MOST_ANSWERS)] = []
    rest_agrees: bool = False
    list_digest: Annotated[str, Meta(max_length=64)] = ""
    version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class SettlementIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """How a difference is settled; to keep the record needs a `note`. `answer_id` is the answer that was read."""

    item_id: Id
    settlement: SettlementName
    note: Annotated[str, Meta(max_length=lengths.REASON)] = ""
    answer_id: Id | None = None


_NAMES = {"seen": "list_digest", "word": "note", "number": "evidence_number"}


@contextmanager
def _by_our_names() -> Iterator[None]:
    """Let a refusal name the fields as the API calls them."""
    try:
        yield
    except Invalid as refused:
        refused.problems = tuple(replace(p, field=_called(p.field)) for p in refused.problems)
        raise


def _called(pointer: str) -> str:
    """
    >>> _called("/answers/3/word"), _called("/seen"), _called("/answers")
    ('/answers/3/note', '/list_digest', '/answers')
    """
    way, _, name = pointer.rpartition("/")
    return f"{way}/{_NAMES.get(name, name)}"


# --- as the API gives it ---


def _agency(found: Round, asked: Asked, today: date) -> ReconciledAgency:
    standing: Standing = standing_of(asked.answered_at is not None, asked.differences, found.answer_by, today)
    return ReconciledAgency(
        agency=AgencyRef(str(asked.agency_id), asked.code, asked.name),
        standing=standing.value,
        items=asked.items,
        differences=asked.differences,
        settled=asked.settled,
        answered_by_name=asked.answered_by_name,
        answered_at=asked.answered_at,
        list_digest=asked.digest,
        version=asked.row_version,
    )


def _round(found: Round, asked: list[Asked], today: date) -> ReconciliationRound:
    return ReconciliationRound(
        id=str(found.id),
        month=f"{found.month:%Y-%m}",
        as_of=found.as_of,
        closed_since=found.closed_since,
        answer_by=found.answer_by,
        state=found.state.value,
        opened_at=found.opened_at,
        closed_at=found.closed_at,
        agencies=[_agency(found, one, today) for one in asked],
    )


def _item(one: Listed) -> ReconciliationItem:
    item, said = one.item, one.said
    return ReconciliationItem(
        id=str(one.id),
        position=one.position,
        assignment_id=str(one.assignment_id),
        task_id=str(item.task_id),
        short_name=item.title,
        directive_number=item.directive_number,
        product=item.product,
        is_open=item.is_open,
        status=item.fine,
        due_on=item.due_on,
        original_due_on=item.original_due_on,
        days_late=item.days_late,
        last_report_on=item.last_report_on,
        completed_on=item.completed_on,
        answer=None
        if said is None
        else SentAnswer(
            id=str(said.id),
            answer=said.given.answer.value,
            evidence_number=said.given.number,
            day=said.given.day,
            note=said.given.word,
            answered_by_name=said.answered_by_name,
            answered_at=said.answered_at,
            settlement=said.settled.value if said.settled else None,
            settlement_note=said.settled_word,
            settled_by_name=said.settled_by_name,
            settled_at=said.settled_at,
        ),
    )


async def _asked(call: Call[NoQuery, AnswersIn] | Call[NoQuery, NoBody]) -> tuple[Round, Asked]:
    """The round and the agency of the address. Raises NotFound, also for an agency the caller may not know of."""
    round_id, agency_id = call.ids["reconciliation_id"], call.ids["agency_id"]
    found = await db.get_round(round_id)
    listed = await db.list_asked(round_id, [agency_id])
    if not listed:
        raise NotFound(noun="reconciliation", id=round_id)
    return found, await actions.asked_of(call.actor, round_id, listed[0].code)


async def _list(found: Round, asked: Asked, today: date) -> ReconciliationList:
    return ReconciliationList(
        round_id=str(found.id),
        as_of=found.as_of,
        agency=_agency(found, asked, today),
        items=[_item(one) for one in await db.list_items(found.id, asked.agency_id)],
    )


# --- operations ---


@endpoint(
    "GET",
    "/reconciliations",
    id="listReconciliations",
    summary="List rounds of reconciliation",
    tag="Reconciliation",
    verb=Verb.LIST,
    query=PageQuery,
    answer=ReconciliationPage,
    is_paged=True,
    refusals=("bad_cursor",),
)
async def list_reconciliations(call: Call[PageQuery, NoBody]) -> Reply:
    """The latest month first, each with where its agencies stand; an agency reads its own rounds."""
    position = call.position()
    before = date.fromisoformat(position[0]) if position else None
    rows = await db.list_rounds(call.actor, before=before, limit=call.limit + 1)
    page = rows[: call.limit]
    at = (page[-1].month.isoformat(),) if len(rows) > call.limit else None
    today = civil_day(call.now)
    items = [_round(row, await actions.own_asked(call.actor, row.id), today) for row in page]
    return Reply(ReconciliationPage(items, call.next_cursor(at)), next_position=at)


@endpoint(
    "GET",
    "/reconciliations/preview",
    id="previewReconciliation",
    summary="Preview a round of reconciliation",
    tag="Reconciliation",
    verb=Verb.RECONCILE,
    query=PreviewQuery,
    answer=ReconciliationPreview,
    refusals=("invalid",),
)
async def preview_round(call: Call[PreviewQuery, NoBody]) -> Reply:
    """Which agencies would be asked about how many tasks. Writes nothing."""
    usual = await actions.usual(call.now)
    as_of, answer_by = call.query.as_of or usual.as_of, call.query.answer_by or usual.answer_by
    shown = await actions.preview(call.actor, as_of, answer_by, call.now)
    return Reply(
        ReconciliationPreview(
            month=f"{shown.new.month:%Y-%m}",
            as_of=shown.new.as_of,
            closed_since=shown.new.closed_since,
            answer_by=shown.new.answer_by,
            round_id=None if shown.exists is None else str(shown.exists.id),
            agencies=[
                ListPreview(
                    AgencyRef(str(own.agency_id), own.code, own.name),
                    own.open_count,
                    len(own.items) - own.open_count,
                )
                for own in shown.lists
            ],
        )
    )


@endpoint(
    "POST",
    "/reconciliations",
    id="openReconciliation",
    summary="Open the round of this month",
    tag="Reconciliation",
    verb=Verb.RECONCILE,
    body=RoundIn,
    answer=ReconciliationRound,
    status=201,
    has_tag=False,
    refusals=("invalid", "reconciliation_exists", "reconciliation_empty"),
    example={"as_of": "2026-10-31", "answer_by": "2026-11-27"},
)
async def open_round(call: Call[NoQuery, RoundIn]) -> Reply:
    """Copy the lists and write to every agency that has one."""
    usual = await actions.usual(call.now)
    as_of = call.body.as_of or usual.as_of
    made = await actions.open_round(call.actor, as_of, call.body.answer_by or usual.answer_by, call.now)
    return Reply(await _read(call.actor, made, civil_day(call.now)))


@endpoint(
    "POST",
    "/reconciliations/{reconciliation_id}/close",
    id="closeReconciliation",
    summary="Close a round",
    tag="Reconciliation",
    verb=Verb.RECONCILE,
    answer=ReconciliationRound,
    has_tag=False,
    refusals=("not_found", "reconciliation_closed"),
)
async def close_round(call: Call[NoQuery, NoBody]) -> Reply:
    """Take no more answers and remind nobody any more; differences can still be settled."""
    round_id = call.ids["reconciliation_id"]
    await actions.close(call.actor, round_id, None, call.now)
    return Reply(await _read(call.actor, round_id, civil_day(call.now)))


async def _read(viewer: Actor, round_id: int, today: date) -> ReconciliationRound:
    return _round(await db.get_round(round_id), await actions.own_asked(viewer, round_id), today)


@endpoint(
    "GET",
    "/reconciliations/{reconciliation_id}/agencies/{agency_id}",
    id="getReconciliationList",
    summary="Read an agency's list",
    tag="Reconciliation",
    verb=Verb.LIST,
    answer=ReconciliationList,
    refusals=("not_found",),
)
async def get_list(call: Call[NoQuery, NoBody]) -> Reply:
    """Every task as it stood on the day of the list, with the answer that stands and how it was settled."""
    found, asked = await _asked(call)
    return Reply(await _list(found, asked, civil_day(call.now)))


@endpoint(
    "POST",
    "/reconciliations/{reconciliation_id}/agencies/{agency_id}/answers",
    id="answerReconciliation",
    summary="Answer an agency's list",
    tag="Reconciliation",
    verb=Verb.REPORT,
    body=AnswersIn,
    answer=ReconciliationList,
    has_tag=False,
    refusals=("not_found", "invalid", "reconciliation_closed"),
    description="All of it or nothing is taken. What is not named keeps the answer that stands; where none stands, "
    "`rest_agrees` is needed, with the digest of the list that was looked at. May be corrected until the round closes.",
    example={
        "answers": [
            {"item_id": "41", "answer": "done", "evidence_number": "88/BC-BYT", "day": "2025-11-20"},
            {"item_id": "42", "answer": "not_ours", "note": "Thuộc Bộ Tài chính."},
        ],
        "rest_agrees": True,
        "list_digest": "5b1e" * 16,
    },
)
async def answer_list(call: Call[NoQuery, AnswersIn]) -> Reply:
    """Take an agency's answer, item by item."""
    found, asked = await _asked(call)
    body = call.body
    given = [
        Given(id_of(one.item_id), Answer(one.answer), one.evidence_number, one.day, one.note)
        for one in body.answers
    ]
    sent = Sent(given, body.rest_agrees, body.list_digest, body.version)
    with _by_our_names():
        await actions.answer(call.actor, found.id, asked.code, sent, call.now)
    again = await actions.asked_of(call.actor, found.id, asked.code)
    return Reply(await _list(found, again, civil_day(call.now)))


@endpoint(
    "POST",
    "/reconciliations/{reconciliation_id}/settlements",
    id="settleDifference",
    summary="Settle a difference",
    tag="Reconciliation",
    verb=Verb.RECONCILE,
    body=SettlementIn,
    answer=ReconciliationItem,
    has_tag=False,
    refusals=("not_found", "invalid", "reconciliation_nothing_to_settle"),
    description="The task itself is not changed: confirm its report, change its deadline or withdraw it apart.",
    example={"item_id": "42", "settlement": "kept", "note": "Bộ Y tế vẫn chủ trì."},
)
async def settle(call: Call[NoQuery, SettlementIn]) -> Reply:
    """Say what becomes of a difference; the agency reads it."""
    require(call.actor, Verb.RECONCILE)
    round_id, body = call.ids["reconciliation_id"], call.body
    item_id = id_of(body.item_id)
    answer_id = None if body.answer_id is None else id_of(body.answer_id)
    settlement = Settlement(body.settlement)
    with _by_our_names():
        await actions.settle(
            call.actor, round_id, item_id, settlement, body.note, call.now, answer_id=answer_id
        )
    one = await db.find_item(round_id, item_id)
    if one is None:
        raise NotFound(noun="reconciliation", id=round_id)
    return Reply(_item(one))


handlers = [list_reconciliations, preview_round, open_round, close_round, get_list, answer_list, settle]

"""Many decisions in one order: each by its own action and its own right, all together or each for itself.

One transaction, one group id in the history, one message a person (bar A9).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import uuid4

from tracker.actions import assignments as actions
from tracker.actions import notices
from tracker.actions.orders import Order, in_order
from tracker.db import assignments as assignments_db
from tracker.db.assignments import Assignment
from tracker.db.engine import enclosing_transaction, expect_many_rows
from tracker.db.history import insert_history
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid, NotFound, Problem, TrackerError

MOST = 500


class BulkRefused(Invalid):
    """All or nothing was asked for, and some cannot be done; params: count, total."""

    code = "bulk_refused"


@dataclass(frozen=True)
class Item:
    """One decision: `action` names it, `parameters` are what it takes, `version` is the row_version as read."""

    assignment_id: int
    action: str
    parameters: Mapping[str, Any]
    version: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of one item: the assignment as it stands now, or why it was refused."""

    item: Item
    row: Assignment | None
    refused: TrackerError | None = None


@dataclass(frozen=True)
class Done:
    """What came of all, in the order of the items; `group` is empty where nothing was to be kept."""

    group: str
    outcomes: tuple[Outcome, ...]
    messages: int

    @property
    def count(self) -> int:
        """How many items were carried out."""
        return sum(o.refused is None for o in self.outcomes)


_Act = Callable[[Actor, Item, datetime], Coroutine[Any, Any, object]]


async def _acknowledge(actor: Actor, item: Item, now: datetime) -> None:
    await actions.acknowledge(actor, item.assignment_id, item.version, now)


async def _confirm(actor: Actor, item: Item, now: datetime) -> None:
    note = item.parameters.get("note", "")
    await actions.confirm(actor, item.assignment_id, item.version, note, now)


async def _return(actor: Actor, item: Item, now: datetime) -> None:
    await actions.return_for_rework(
        actor, item.assignment_id, item.version, item.parameters.get("reason", ""), now
    )


async def _withdraw(actor: Actor, item: Item, now: datetime) -> None:
    given = item.parameters
    await actions.withdraw(
        actor, item.assignment_id, item.version, given.get("reason", ""), given.get("document", ""), now
    )


async def _supersede(actor: Actor, item: Item, now: datetime) -> None:
    given = item.parameters
    await actions.supersede(
        actor, item.assignment_id, item.version, given.get("reason", ""), given.get("document", ""), now
    )


async def _transfer(actor: Actor, item: Item, now: datetime) -> None:
    given = item.parameters
    await actions.transfer(
        actor,
        item.assignment_id,
        item.version,
        given.get("to_agency", ""),
        given.get("reason", ""),
        given.get("document", ""),
        now,
    )


async def _set_deadline(actor: Actor, item: Item, now: datetime) -> None:
    given = item.parameters
    due_on: date = given["due_on"]
    due_time: time | None = given.get("due_time")
    await actions.set_deadline(
        actor,
        item.assignment_id,
        item.version,
        due_on,
        due_time,
        given.get("reason", ""),
        given.get("document", ""),
        now,
        early_confirmed=given.get("early_due_confirmed", False),
    )


async def _commit(actor: Actor, item: Item, now: datetime) -> None:
    given = item.parameters
    await actions.commit_to(
        actor,
        item.assignment_id,
        item.version,
        given["committed_on"],
        given.get("document", ""),
        given.get("cause", ""),
        now,
    )


ACTIONS: Mapping[str, tuple[_Act, tuple[str, ...], tuple[str, ...]]] = {
    "acknowledge": (_acknowledge, (), ()),
    "confirm": (_confirm, (), ("note",)),
    "return": (_return, ("reason",), ()),
    "withdraw": (_withdraw, ("reason",), ("document",)),
    "supersede": (_supersede, ("reason",), ("document",)),
    "transfer": (_transfer, ("to_agency", "reason"), ("document",)),
    "set_deadline": (_set_deadline, ("due_on", "reason"), ("due_time", "document", "early_due_confirmed")),
    "commit": (_commit, ("committed_on", "cause"), ("document",)),
}
"""What each action does, the parameters it needs, and those it may have."""


def check(items: Sequence[Item]) -> None:
    """Raise Invalid for parameters that are missing or mean nothing, and for an assignment that comes twice."""
    problems: list[Problem] = []
    seen: set[int] = set()
    for place, item in enumerate(items):
        _, needed, possible = ACTIONS[item.action]
        known = (*needed, *possible)
        for name in needed:
            if name not in item.parameters:
                field = f"/items/{place}/parameters/{name}"
                problems.append(Problem(field, "missing_field", None, {"name": name}))
        for name in item.parameters:
            if name not in known:
                params = {"name": name, "action": item.action, "known": ", ".join(known) or "–"}
                problems.append(Problem(f"/items/{place}/parameters/{name}", "not_for_action", name, params))
        if item.assignment_id in seen:
            field = f"/items/{place}/assignment_id"
            problems.append(Problem(field, "repeated_assignment", str(item.assignment_id)))
        seen.add(item.assignment_id)
    if problems:
        raise Invalid(problems)


class _Rehearsed(Exception):
    """Everything was tried; nothing is kept."""


async def run(
    actor: Actor, items: Sequence[Item], now: datetime, *, is_atomic: bool, is_rehearsal: bool
) -> Done:
    """Carry out the items in their order.

    `is_atomic`: one refusal undoes all, and an assignment that the actor may not know of is NotFound for all;
    else each stands for itself. `is_rehearsal` tells what would come of it and keeps nothing.
    Raises Invalid, NotFound, BulkRefused.
    """
    check(items)
    group = str(uuid4())
    outcomes: list[Outcome] = []
    messages = 0
    try:
        async with enclosing_transaction():
            await expect_many_rows()
            ids = [item.assignment_id for item in items]
            order = Order(group, await assignments_db.lock_assignments(actor, ids))
            with notices.gathering() as gathered, in_order(order):
                refusals = [await _try(actor, item, now, order) for item in items]
                if is_atomic:
                    _check_all(items, refusals, is_rehearsal=is_rehearsal)
                await order.write(actor, now)
            rows = {r.id: r for r in await assignments_db.list_by_ids(ids)}
            outcomes = [
                Outcome(item, rows.get(item.assignment_id) if refused is None else None, refused)
                for item, refused in zip(items, refusals, strict=True)
            ]
            if is_rehearsal:
                raise _Rehearsed
            if order.entries:
                await insert_history(actor, order.entries, now)
            gathered.order_by(ids)
            messages = await notices.tell_gathered(actor, gathered, group, now)
    except _Rehearsed:
        return Done("", tuple(outcomes), 0)
    return Done(group, tuple(outcomes), messages)


_SEES_WHAT_IT_WRITES = frozenset({"transfer"})
"""Actions that insert rows, and whose rules read those of earlier items."""


async def _try(actor: Actor, item: Item, now: datetime, order: Order) -> TrackerError | None:
    """What an action refuses leaves nothing behind: neither in what was put by, nor (by a savepoint) written."""
    act, _, _ = ACTIONS[item.action]
    mark = order.mark()
    order.puts_by = item.action not in _SEES_WHAT_IT_WRITES
    try:
        if not order.puts_by:
            await order.write(actor, now)
            mark = order.mark()
        await act(actor, item, now)
    except TrackerError as refused:
        order.forget_after(mark)
        return refused
    finally:
        order.puts_by = True
    return None


def _check_all(items: Sequence[Item], refusals: Sequence[TrackerError | None], *, is_rehearsal: bool) -> None:
    """Raise where all was asked for and not all can be done; a rehearsal tells it item by item instead."""
    for refused in refusals:
        if isinstance(refused, NotFound):
            # Which of them it is stays unsaid: a foreign row cannot be told from one that does not exist.
            raise NotFound(noun="assignment")
    problems: list[Problem] = []
    count = 0
    for place, refused in enumerate(refusals):
        if refused is None:
            continue
        count += 1
        if isinstance(refused, Invalid) and refused.problems:
            problems += [
                Problem(f"/items/{place}/parameters{p.field}", p.code, p.value, p.params)
                for p in refused.problems
            ]
        else:
            assignment = str(items[place].assignment_id)
            problems.append(Problem(f"/items/{place}", refused.code, assignment, refused.params))
    if problems and not is_rehearsal:
        raise BulkRefused(problems[:MOST], count=count, total=len(items))

"""Many decisions as one order: rows locked beforehand, everything needed read once, written in one go at the end.

What an action inside an order would write is put by. Nothing is in the database before the order writes, so what an
action refuses leaves nothing behind, and needs no savepoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from tracker.actions import notices
from tracker.db import assignments as assignments_db
from tracker.db import directory as directory_db
from tracker.db import ladders as ladders_db
from tracker.db import outbox as outbox_db
from tracker.db import reports as reports_db
from tracker.db.assignments import Assignment, NewDeadline
from tracker.db.calendar import load_calendar
from tracker.db.history import HistoryEntry
from tracker.db.reports import Answer, Report
from tracker.domain.directory import Actor, Agency
from tracker.domain.errors import StaleVersion
from tracker.domain.ladders import Ladder
from tracker.domain.workdays import WorkCalendar

T = TypeVar("T")


@dataclass(frozen=True)
class Changed:
    """Columns of a row that was read and locked."""

    row: Assignment
    changes: Mapping[str, object]
    in_calendar: bool


@dataclass(frozen=True)
class TakenBack:
    """Queued messages about this assignment alone are not to go."""

    assignment_id: int
    reason: str


@dataclass(frozen=True)
class Moved:
    """A deadline that moved, to be told: as a new task where the old date has not been told yet."""

    row: Assignment
    reason: str
    document: str


Write = Changed | Answer | NewDeadline | TakenBack | Moved


@dataclass
class Order:
    """What many actions share: the locked rows, what they read, and what they want written.

    `puts_by` is false while an action runs that has to see what it wrote; everything put by is written before it.
    """

    group: str
    rows: dict[int, Assignment]
    puts_by: bool = True
    entries: list[HistoryEntry] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    _calendar: WorkCalendar | None = None
    _ladders: dict[int, Ladder] = field(default_factory=dict)
    _agencies: Sequence[Agency] | None = None
    _reports: dict[int, Report] | None = None

    def __post_init__(self) -> None:
        self._ids = list(self.rows)

    def mark(self) -> tuple[int, int]:
        """The place up to which everything stands."""
        return len(self.entries), len(self.writes)

    def forget_after(self, mark: tuple[int, int]) -> None:
        """What an action put by before it was refused is not written."""
        del self.entries[mark[0] :]
        del self.writes[mark[1] :]

    async def calendar(self) -> WorkCalendar:
        """The working days, read once."""
        if self._calendar is None:
            self._calendar = await load_calendar()
        return self._calendar

    async def ladder(self, version_id: int) -> Ladder:
        """A ladder, read once."""
        if version_id not in self._ladders:
            self._ladders[version_id] = await ladders_db.get_ladder(version_id)
        return self._ladders[version_id]

    async def agencies(self) -> Sequence[Agency]:
        """The directory, read once."""
        if self._agencies is None:
            self._agencies = await directory_db.list_agencies()
        return self._agencies

    async def pending_report(self, assignment_id: int) -> Report | None:
        """The completion that waits for an answer; those of all rows are read and locked at once."""
        if self._reports is None:
            self._reports = await reports_db.list_pending_reports(self._ids)
        return self._reports.get(assignment_id)

    async def write(self, actor: Actor, now: datetime) -> None:
        """Write all that was put by. Raises StaleVersion."""
        writes, self.writes = self.writes, []
        await write(actor, writes, now)


async def write(actor: Actor, writes: Sequence[Write], now: datetime) -> None:
    """Inside a transaction: one statement for each kind, whatever their number. Raises StaleVersion."""
    answers = _of(writes, Answer)
    if answers:
        await reports_db.decide_reports(answers, now)
    await _write_changes(_of(writes, Changed), now)
    deadlines = _of(writes, NewDeadline)
    if deadlines:
        await assignments_db.insert_deadline_changes(deadlines, now)
    taken = _of(writes, TakenBack)
    if taken:
        kinds = await outbox_db.supersede_for_many({t.assignment_id: t.reason for t in taken})
        await _tell_moved(actor, _of(writes, Moved), kinds, now)


def _of(writes: Sequence[Write], kind: type[T]) -> list[T]:
    return [w for w in writes if isinstance(w, kind)]


async def _write_changes(changes: Sequence[Changed], now: datetime) -> None:
    """Rows whose same columns change go together; all were locked as they were read, so all are found."""
    alike: dict[tuple[tuple[str, ...], bool], list[Changed]] = {}
    for change in changes:
        alike.setdefault((tuple(change.changes), change.in_calendar), []).append(change)
    for (_, in_calendar), group in alike.items():
        pairs = [(c.row, c.changes) for c in group]
        written = await assignments_db.update_assignments(pairs, now, shows_in_calendar=in_calendar)
        if written != len(group):
            raise StaleVersion(current=group[0].row.row_version + 1, changed_at=now)


async def _tell_moved(
    actor: Actor, moved: Sequence[Moved], kinds: Mapping[int, frozenset[str]], now: datetime
) -> None:
    """An agency that has not heard of the task yet hears of it with the date that holds."""
    unheard = {m.row.id for m in moved if "assigned" in kinds.get(m.row.id, ())}
    if unheard:
        await notices.assigned(actor, sorted(unheard), now)
    for move in moved:
        if move.row.id not in unheard:
            await notices.deadline_moved(actor, move.row, now, move.reason, move.document)


_order: ContextVar[Order | None] = ContextVar("order", default=None)


@contextmanager
def in_order(order: Order) -> Iterator[None]:
    """The actions inside work on the rows of `order`, each row once, and leave their writing to it."""
    token = _order.set(order)
    try:
        yield
    finally:
        _order.reset(token)


def current_order() -> Order | None:
    """The order that an action is part of."""
    return _order.get()

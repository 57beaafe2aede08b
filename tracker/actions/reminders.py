"""The sweep: what is due and not yet in the ledger is decided, written and queued: walk (b).

1. For every ladder version in use and every rank, one index range gives the assignments whose next moment may
   have come; the rule says which moment is owed and which earlier ones it supersedes.
2. The people are found for each, and one digest is composed per person.
3. Agencies are taken in portions; each portion's messages and ledger rows are one transaction, under row locks.
   People who hear of several agencies get one digest of all, after the portions.
4. Last, what was superseded is written and the rank is settled: then the sweep does not see the row again.

A crash in between is made good by the next sweep: the ledger knows who was told, the rank still asks for the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Generic, TypeVar

from tracker.actions import indicator_letters
from tracker.actions.notices import Draft, rendered, task_line, unrenderable
from tracker.actions.office import office
from tracker.actions.people import AddressBook, book_for
from tracker.db import assignments as assignments_db
from tracker.db import ladders as ladders_db
from tracker.db import outbox as outbox_db
from tracker.db import reminders as reminders_db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import transaction
from tracker.db.outbox import Entry, NewMessage
from tracker.db.reminders import NewReminder, Told
from tracker.domain.assignments import WORKING_STATES, Fine, State
from tracker.domain.directory import AGENCY_DUTIES
from tracker.domain.ladders import Ladder, Moment, moments, review_moments
from tracker.domain.moments import DEFAULT_HOURS, Hours, horizon, is_quiet, moment_of, owed
from tracker.domain.recipients import Audience, Recipient, audience
from tracker.domain.reminders import Reason, Verdict
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import at_official, civil_day
from tracker.i18n import Language
from tracker.mail import contexts
from tracker.mail.contexts import TargetLine, TaskLine

T = TypeVar("T")

PORTION = 500
"""Assignments whose messages are composed and committed together."""
OWED_AT_ONCE = 20_000
"""Assignments looked at in one sweep; what is beyond comes with the next tick."""
LATE_AFTER = timedelta(hours=12)
"""A reminder this long after its moment says that it comes late."""


@dataclass(frozen=True, slots=True)
class Call:
    """A reminder to be given: the moment, since when it is owed, and the moments that it supersedes."""

    assignment_id: int
    agency_id: int
    deadline_version: int
    moment: Moment
    came_at: datetime
    superseded: tuple[tuple[Moment, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """Moments that are settled without any message."""

    assignment_id: int
    deadline_version: int
    rank: int
    superseded: tuple[tuple[Moment, datetime], ...]
    reason: Reason


@dataclass
class Swept:
    """What one sweep did; `waiting` counts rows that wait for the hours in which mail may go."""

    looked_at: int = 0
    called: int = 0
    passed: int = 0
    waiting: int = 0
    unreached: int = 0
    messages: int = 0
    superseded: int = 0
    broken: int = 0
    reviews: int = 0

    def as_json(self) -> dict[str, object]:
        """For the heartbeat and the command line."""
        return dict(vars(self))


@dataclass(frozen=True)
class Foreseen:
    """A line of the dry run: who would get what and why, or why nobody."""

    assignment_id: int
    directive_number: str
    short_name: str
    agency_name: str
    step_code: str
    occurrence: int
    verdict: Verdict
    reason: str
    moment: datetime
    people: Audience = field(default_factory=Audience)


# --- what is owed --------------------------------------------------------------------------------------------


async def find_calls(
    now: datetime, calendar: WorkCalendar, hours: Hours = DEFAULT_HOURS
) -> tuple[list[Call], list[Passed], list[Call]]:
    """Reminders to give now, moments to settle without one, and reminders that wait for the next mailing hours."""
    calls: list[Call] = []
    passed: list[Passed] = []
    waiting: list[Call] = []
    for ladder in await ladders_db.list_in_use():
        for row in await _owed_rows(ladder, now, calendar, hours):
            due = owed(ladder, row.settled_rank, row.due_on, row.due_time, now, calendar, hours.digest)
            came = tuple(
                (m, moment_of(m, row.due_on, row.due_time, calendar, hours.digest) or now)
                for m in due.superseded
            )
            if due.newest is None:
                if due.superseded:
                    rank = max(m.rank for m in due.superseded)
                    passed.append(Passed(row.id, row.deadline_version, rank, came, Reason.DEADLINE_PASSED))
                continue
            at = moment_of(due.newest, row.due_on, row.due_time, calendar, hours.digest) or now
            call = Call(row.id, row.agency_id, row.deadline_version, due.newest, at, came)
            is_waiting = is_quiet(due.newest, row.due_time, now, calendar, hours)
            (waiting if is_waiting else calls).append(call)
    return calls, passed, waiting


async def _owed_rows(
    ladder: Ladder, now: datetime, calendar: WorkCalendar, hours: Hours
) -> list[assignments_db.Owed]:
    rows: list[assignments_db.Owed] = []
    for moment in moments(ladder):
        reached = horizon(moment, now, calendar, hours.digest)
        rows += await assignments_db.list_owed(
            ladder.id, moment.rank - 1, reached.due_until, reached.timed_until, OWED_AT_ONCE
        )
    return rows


# --- the sweep -----------------------------------------------------------------------------------------------


async def sweep(now: datetime, hours: Hours = DEFAULT_HOURS) -> Swept:
    """Give every reminder whose moment has come; running it twice, late, or on four machines changes nothing."""
    swept = Swept()
    calendar = await load_calendar()
    calls, passed, waiting = await find_calls(now, calendar, hours)
    swept.looked_at = len(calls) + len(passed) + len(waiting)
    swept.called, swept.passed, swept.waiting = len(calls), len(passed), len(waiting)
    for portion in _portions(calls):
        await _give_portion(portion, now, calendar, swept, agency_side=True)
    if calls:
        for portion in _portions(calls, size=OWED_AT_ONCE):
            await _give_portion(portion, now, calendar, swept, agency_side=False)
    for some in _chunks(passed, 5000):
        await _settle_passed(some, now, swept)
    swept.reviews = await _review(now, calendar, hours, swept)
    return swept


def _portions(calls: Sequence[Call], size: int = PORTION) -> Iterator[list[Call]]:
    """Calls in portions that do not cut an agency in two unless it alone fills one."""
    ordered = sorted(calls, key=lambda c: (c.agency_id, c.assignment_id))
    portion: list[Call] = []
    for index, call in enumerate(ordered):
        portion.append(call)
        following = ordered[index + 1] if index + 1 < len(ordered) else None
        if following is None or (len(portion) >= size and following.agency_id != call.agency_id):
            yield portion
            portion = []


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


@dataclass
class _Round:
    """One portion under its locks: what to tell whom."""

    rows: dict[int, Assignment]
    ladders: dict[int, Ladder]
    book: AddressBook
    told: frozenset[Told]
    now: datetime
    calendar: WorkCalendar
    targets: Mapping[tuple[int, Language], tuple[TargetLine, ...]] = field(default_factory=dict)

    def people(self, call: Call) -> Audience:
        """Whom the call is for, today."""
        step = call.moment.step
        contacts = self.book.contacts_of(self.rows[call.assignment_id])
        return audience(step.to, step.copy, contacts, civil_day(self.now))

    def is_told(self, call: Call, recipient: Recipient) -> bool:
        """Whether an earlier sweep that did not end has told this person already."""
        code, occurrence = call.moment.key
        key = Told(call.assignment_id, code, occurrence, call.deadline_version, recipient.official.id)
        return key in self.told

    def line(self, call: Call) -> TaskLine:
        """The assignment as the digest shows it, with the step's wording and what comes next."""
        row = self.rows[call.assignment_id]
        plain = task_line(row, self.now, self.calendar, wording=call.moment.step.wording)
        following = _following(self.ladders[row.ladder_version_id], call.moment)
        next_at = None
        if following is not None and row.due_on is not None:
            next_at = moment_of(following, row.due_on, row.due_time, self.calendar)
        return replace(
            plain,
            late_since=civil_day(call.came_at) if self.now - call.came_at > LATE_AFTER else None,
            next_on=civil_day(next_at) if next_at else None,
            next_to=following.step.to if following and next_at else (),
        )


def _following(ladder: Ladder, moment: Moment) -> Moment | None:
    return next((m for m in moments(ladder) if m.rank == moment.rank + 1), None)


async def _round(calls: Iterable[Call], now: datetime, calendar: WorkCalendar) -> tuple[list[Call], _Round]:
    """Lock the rows, and keep the calls that are still true of them."""
    listed = list(calls)
    rows = {r.id: r for r in await assignments_db.list_by_ids([c.assignment_id for c in listed], lock=True)}
    valid = [c for c in listed if _still_true(c, rows.get(c.assignment_id))]
    kept = {c.assignment_id: rows[c.assignment_id] for c in valid}
    ladders = {
        i: await ladders_db.get_ladder(i) for i in sorted({r.ladder_version_id for r in kept.values()})
    }
    told = await reminders_db.list_told(list(kept)) if kept else frozenset()
    return valid, _Round(kept, ladders, await book_for(kept.values()), told, now, calendar)


def _still_true(call: Call, row: Assignment | None) -> bool:
    return (
        row is not None
        and row.deadline_version == call.deadline_version
        and row.settled_rank < call.moment.rank
        and row.state in WORKING_STATES
    )


async def _give_portion(
    portion: Sequence[Call], now: datetime, calendar: WorkCalendar, swept: Swept, *, agency_side: bool
) -> None:
    """Queue the digests of one side for these calls; the assigning side's turn settles them."""
    async with transaction():
        calls, scene = await _round(portion, now, calendar)
        if agency_side and calls:
            scene.targets = await indicator_letters.lines_of({call.agency_id for call in calls}, now)
        lines: dict[int, list[tuple[Call, Recipient]]] = {}
        for call in calls:
            people = scene.people(call)
            for recipient in people.recipients:
                if _is_agency_side(recipient, call) is agency_side and not scene.is_told(call, recipient):
                    lines.setdefault(recipient.official.id, []).append((call, recipient))
            if not people.recipients and not agency_side:
                swept.unreached += 1
        queued = await _queue_apart(list(lines.values()), lambda group: _digest(group, scene), now)
        swept.messages += sum(not m.message.broken for m in queued)
        swept.broken += sum(bool(m.message.broken) for m in queued)
        ledger = [_told_row(call, recipient, m.id) for m in queued for call, recipient in m.group]
        if not agency_side:
            reached = [c for c in calls if scene.people(c).recipients]
            ledger += [row for c in reached for row in _superseded_rows(c)]
            swept.superseded += sum(len(c.superseded) for c in reached)
            await assignments_db.settle(
                [(c.assignment_id, c.deadline_version, c.moment.rank) for c in reached]
            )
        await reminders_db.insert_reminders(ledger, now)


def _is_agency_side(recipient: Recipient, call: Call) -> bool:
    return recipient.official.agency_id == call.agency_id and recipient.duty in AGENCY_DUTIES


@dataclass(frozen=True)
class _Queued(Generic[T]):
    """A message of the outbox and the reminders that it carries."""

    id: int
    message: NewMessage
    group: Sequence[T]


async def _queue_apart(
    groups: Sequence[Sequence[T]], make: Callable[[Sequence[T]], Draft], now: datetime
) -> list[_Queued[T]]:
    """Render a message for each group and queue it; those that are new.

    In a thread: a thousand digests must not hold up the pages.
    """
    if not groups:
        return []
    made = await asyncio.to_thread(lambda: [pair for g in groups for pair in _rendered_apart(g, make, now)])
    ids = await outbox_db.reserve_ids(len(made))
    added = set(await outbox_db.insert_messages([(i, m) for i, (m, _) in zip(ids, made, strict=True)], now))
    return [_Queued(i, m, group) for i, (m, group) in zip(ids, made, strict=True) if i in added]


def _rendered_apart(
    group: Sequence[T], make: Callable[[Sequence[T]], Draft], now: datetime
) -> list[tuple[NewMessage, Sequence[T]]]:
    """The group as one message; a line that cannot be rendered fails alone and does not take the others with it."""
    draft = make(group)
    try:
        return [(rendered(draft, now), group)]
    except Exception as error:
        # One bad row is recorded and passed over: whatever went wrong with it, the sweep goes on.
        if len(group) == 1:
            return [(unrenderable(draft, error), group)]
    good = [item for item in group if not _fails(item, make, now)]
    bad = [item for item in group if item not in good]
    apart = [pair for item in bad for pair in _rendered_apart([item], make, now)]
    return (_rendered_apart(good, make, now) if good and bad else []) + apart


def _fails(item: T, make: Callable[[Sequence[T]], Draft], now: datetime) -> bool:
    try:
        rendered(make([item]), now)
    except Exception:
        return True
    return False


def _digest(group: Sequence[tuple[Call, Recipient]], scene: _Round) -> Draft:
    """One person's reminders of this sweep."""
    recipient = group[0][1]
    agencies = {scene.rows[call.assignment_id].agency_code for call, _ in group}
    rows = [scene.rows[call.assignment_id] for call, _ in group]
    one_agency = len(agencies) == 1
    context = contexts.Digest(
        lines=tuple(scene.line(call) for call, _ in group),
        agency_name=rows[0].agency_name if one_agency else "",
        url=f"{office().url}/viec?co-quan={rows[0].agency_code}"
        if one_agency
        else f"{office().url}/can-xu-ly",
        targets=scene.targets.get((rows[0].agency_id, recipient.official.language), ()) if one_agency else (),
    )
    return Draft(
        kind="digest",
        context=context,
        recipient=recipient.official,
        key=_digest_key(recipient.official.id, [call for call, _ in group]),
        entries=tuple(Entry(c.assignment_id, c.deadline_version) for c, _ in group),
        duty=recipient.duty,
        urgent=any(line.fine is Fine.DUE_TODAY and line.due_time is not None for line in context.lines),
    )


def _digest_key(official_id: int, calls: Sequence[Call]) -> str:
    """The same reminders to the same person are the same message, whoever sweeps."""
    told = sorted((c.assignment_id, *c.moment.key, c.deadline_version) for c in calls)
    return f"digest-{official_id}-{hashlib.sha256(repr(told).encode()).hexdigest()[:24]}"


def _review_key(official_id: int, calls: Sequence[Call]) -> str:
    """As with a digest, but a report that is sent again after a return waits anew and is told anew."""
    told = sorted((c.assignment_id, *c.moment.key, c.came_at.isoformat()) for c in calls)
    return f"review-{official_id}-{hashlib.sha256(repr(told).encode()).hexdigest()[:24]}"


def _told_row(call: Call, recipient: Recipient, outbox_id: int) -> NewReminder:
    code, occurrence = call.moment.key
    return NewReminder(
        assignment_id=call.assignment_id,
        step_code=code,
        occurrence=occurrence,
        deadline_version=call.deadline_version,
        recipient_id=recipient.official.id,
        is_copy=recipient.is_copy,
        verdict="sent",
        reason=recipient.route.value,
        moment=call.came_at,
        outbox_id=outbox_id,
    )


def _superseded_rows(
    call: Call | Passed, reason: str = Reason.SUPERSEDED_BY_NEWER.value
) -> list[NewReminder]:
    return [
        NewReminder(
            assignment_id=call.assignment_id,
            step_code=moment.key[0],
            occurrence=moment.key[1],
            deadline_version=call.deadline_version,
            recipient_id=None,
            is_copy=False,
            verdict="superseded",
            reason=reason,
            moment=at,
        )
        for moment, at in call.superseded
    ]


async def _settle_passed(passed: Sequence[Passed], now: datetime, swept: Swept) -> None:
    """Moments whose words would no longer be true are written down and settled."""
    async with transaction():
        await reminders_db.insert_reminders(
            [row for p in passed for row in _superseded_rows(p, p.reason.value)], now
        )
        await assignments_db.settle([(p.assignment_id, p.deadline_version, p.rank) for p in passed])
    swept.superseded += sum(len(p.superseded) for p in passed)


# --- reports that wait ---------------------------------------------------------------------------------------


async def _review(now: datetime, calendar: WorkCalendar, hours: Hours, swept: Swept) -> int:
    """Tell the secretariat of reports that have waited long enough."""
    told = 0
    for ladder in await ladders_db.list_in_use():
        for moment in reversed(review_moments(ladder)):
            if is_quiet(moment, None, now, calendar, hours):
                continue
            until = horizon(moment, now, calendar, hours.digest).due_until
            ids = await assignments_db.list_waiting_for_review(ladder.id, moment.rank, _end_of(until))
            for some in _chunks(ids, PORTION):
                told += await _give_review(some, ladder, moment, now, calendar, hours, swept)
    return told


def _end_of(day: date) -> datetime:
    return at_official(day + timedelta(days=1), time.min)


async def _give_review(
    ids: Sequence[int],
    ladder: Ladder,
    moment: Moment,
    now: datetime,
    calendar: WorkCalendar,
    hours: Hours,
    swept: Swept,
) -> int:
    async with transaction():
        rows = [
            r
            for r in await assignments_db.list_by_ids(ids, lock=True)
            if r.state is State.REPORTED and r.review_rank < moment.rank and r.reported_at is not None
        ]
        book = await book_for(rows)
        groups: dict[int, list[tuple[Call, Recipient, contexts.ReviewLine]]] = {}
        passed_over: list[NewReminder] = []
        for row in rows:
            reported_on = civil_day(row.reported_at or now)
            call = _review_call(row, ladder, moment, now, calendar, hours)
            passed_over += _superseded_rows(call)
            line = contexts.ReviewLine(
                task_line(row, now, calendar, wording=moment.step.wording),
                reported_on,
                row.last_report_summary,
            )
            people = audience(moment.step.to, moment.step.copy, book.contacts_of(row), civil_day(now))
            for recipient in people.recipients:
                groups.setdefault(recipient.official.id, []).append((call, recipient, line))
        queued = await _queue_apart(list(groups.values()), _review_draft, now)
        ledger = [_told_row(call, recipient, m.id) for m in queued for call, recipient, _ in m.group]
        await reminders_db.insert_reminders([*passed_over, *ledger], now)
        await assignments_db.settle_review([r.id for r in rows], moment.rank)
    swept.messages += len(queued)
    return len(rows)


def _review_call(
    row: Assignment, ladder: Ladder, moment: Moment, now: datetime, calendar: WorkCalendar, hours: Hours
) -> Call:
    """The step that a waiting report has come to, with the steps that it makes needless."""
    reported_on = civil_day(row.reported_at or now)
    came = {m: moment_of(m, reported_on, None, calendar, hours.digest) or now for m in review_moments(ladder)}
    older = tuple((m, at) for m, at in came.items() if row.review_rank < m.rank < moment.rank)
    return Call(row.id, row.agency_id, row.deadline_version, moment, came[moment], older)


def _review_draft(group: Sequence[tuple[Call, Recipient, contexts.ReviewLine]]) -> Draft:
    recipient = group[0][1]
    url = f"{office().url}/viec?tinh-trang=cho-xac-nhan"
    context = contexts.Review(lines=tuple(line for _, _, line in group), url=url)
    calls = [call for call, _, _ in group]
    return Draft(
        kind="review",
        context=context,
        recipient=recipient.official,
        key=_review_key(recipient.official.id, calls),
        entries=tuple(Entry(c.assignment_id, c.deadline_version, "reported") for c in calls),
        duty=recipient.duty,
    )


# --- looking ahead and back ----------------------------------------------------------------------------------


async def foresee(now: datetime, hours: Hours = DEFAULT_HOURS) -> list[Foreseen]:
    """What a sweep at `now` would do, and what it would not and why. Writes nothing."""
    calendar = await load_calendar()
    calls, passed, waiting = await find_calls(now, calendar, hours)
    rows = {
        r.id: r
        for some in _chunks(
            [*(c.assignment_id for c in (*calls, *waiting)), *(p.assignment_id for p in passed)], 5000
        )
        for r in await assignments_db.list_by_ids(some)
    }
    book = await book_for(rows.values())
    foreseen: list[Foreseen] = []
    for call in (*calls, *waiting):
        row = rows[call.assignment_id]
        step = call.moment.step
        people = audience(step.to, step.copy, book.contacts_of(row), civil_day(now))
        verdict, reason = Verdict.SEND, Reason.EXTENSION_PENDING if row.extension_pending else Reason.DUE
        if call in waiting:
            verdict, reason = Verdict.WAIT, Reason.QUIET_HOURS
        elif not people.recipients:
            verdict, reason = Verdict.WAIT, Reason.NO_RECIPIENT
        foreseen.append(_foreseen(row, call.moment, call.came_at, verdict, reason, people))
        foreseen += [
            _foreseen(row, m, at, Verdict.SKIP, Reason.SUPERSEDED_BY_NEWER) for m, at in call.superseded
        ]
    for settled in passed:
        row = rows[settled.assignment_id]
        foreseen += [_foreseen(row, m, at, Verdict.SKIP, settled.reason) for m, at in settled.superseded]
    return foreseen + await _foresee_reviews(now, calendar, hours)


async def _foresee_reviews(now: datetime, calendar: WorkCalendar, hours: Hours) -> list[Foreseen]:
    foreseen: list[Foreseen] = []
    for ladder, moment, rows in await _reviews_owed(now, calendar, hours):
        book = await book_for(rows)
        is_waiting = is_quiet(moment, None, now, calendar, hours)
        for row in rows:
            call = _review_call(row, ladder, moment, now, calendar, hours)
            people = audience(moment.step.to, moment.step.copy, book.contacts_of(row), civil_day(now))
            verdict, reason = Verdict.SEND, Reason.DUE
            if is_waiting:
                verdict, reason = Verdict.WAIT, Reason.QUIET_HOURS
            elif not people.recipients:
                verdict, reason = Verdict.WAIT, Reason.NO_RECIPIENT
            foreseen.append(_foreseen(row, moment, call.came_at, verdict, reason, people))
            foreseen += [
                _foreseen(row, m, at, Verdict.SKIP, Reason.SUPERSEDED_BY_NEWER) for m, at in call.superseded
            ]
    return foreseen


async def _reviews_owed(
    now: datetime, calendar: WorkCalendar, hours: Hours
) -> list[tuple[Ladder, Moment, list[Assignment]]]:
    """Reports that have waited for a step not yet told, each with the newest such step."""
    owed_rows: list[tuple[Ladder, Moment, list[Assignment]]] = []
    seen: set[int] = set()
    for ladder in await ladders_db.list_in_use():
        for moment in reversed(review_moments(ladder)):
            until = horizon(moment, now, calendar, hours.digest).due_until
            waiting = await assignments_db.list_waiting_for_review(ladder.id, moment.rank, _end_of(until))
            ids = [i for i in waiting if i not in seen]
            seen.update(ids)
            for some in _chunks(ids, 5000):
                owed_rows.append((ladder, moment, await assignments_db.list_by_ids(some)))
    return owed_rows


def _foreseen(
    row: Assignment,
    moment: Moment,
    at: datetime,
    verdict: Verdict,
    reason: Reason,
    people: Audience | None = None,
) -> Foreseen:
    return Foreseen(
        assignment_id=row.id,
        directive_number=row.directive_number,
        short_name=row.short_name,
        agency_name=row.agency_name,
        step_code=moment.key[0],
        occurrence=moment.key[1],
        verdict=verdict,
        reason=reason.value,
        moment=at,
        people=people or Audience(),
    )


async def settle_past(now: datetime, hours: Hours = DEFAULT_HOURS) -> int:
    """Settle every moment that has passed by `now` without a message: after an import or a demonstration is loaded.

    The ledger says `settled_at_import`. Returns how many assignments were settled.
    """
    calendar = await load_calendar()
    calls, passed, waiting = await find_calls(now, calendar, hours)
    settled = [
        Passed(
            c.assignment_id,
            c.deadline_version,
            c.moment.rank,
            (*c.superseded, (c.moment, c.came_at)),
            Reason.DUE,
        )
        for c in (*calls, *waiting)
    ] + passed
    for some in _chunks(settled, 2000):
        async with transaction():
            await reminders_db.insert_reminders(
                [row for p in some for row in _superseded_rows(p, "settled_at_import")], now
            )
            await assignments_db.settle([(p.assignment_id, p.deadline_version, p.rank) for p in some])
    return len(settled) + await _settle_past_reviews(now, calendar, hours)


async def _settle_past_reviews(now: datetime, calendar: WorkCalendar, hours: Hours) -> int:
    settled = 0
    for ladder, moment, rows in await _reviews_owed(now, calendar, hours):
        ledger: list[NewReminder] = []
        for row in rows:
            call = _review_call(row, ladder, moment, now, calendar, hours)
            told = replace(call, superseded=(*call.superseded, (moment, call.came_at)))
            ledger += _superseded_rows(told, "settled_at_import")
        async with transaction():
            await reminders_db.insert_reminders(ledger, now)
            await assignments_db.settle_review([r.id for r in rows], moment.rank)
        settled += len(rows)
    return settled

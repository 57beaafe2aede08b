"""Reconciliation: a round is opened, agencies answer item by item, the secretariat settles what differs.

A difference changes no task: it is settled with a word, beside the act that the task itself needs (confirm a report,
move a deadline, withdraw). Source: docs/decisions/0031-reconciliation.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from tracker.actions.notices import Draft, queue
from tracker.actions.office import office
from tracker.actions.overdue import facts_of
from tracker.actions.people import AddressBook, address_book
from tracker.actions.standing import facts_now
from tracker.db import reconciliation as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import as_service, transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.reads_deciding import list_assignments
from tracker.db.reconciliation import Asked, Listed, Round
from tracker.db.switches import get_switch, set_switch
from tracker.domain import lengths
from tracker.domain.access import Subject, Verb, require
from tracker.domain.assignments import Fine, Status, classify
from tracker.domain.directory import AGENCY_ROLES, SYSTEM, Actor, Duty
from tracker.domain.errors import Conflict, Invalid, NotFound, NotPermitted, Problem, StaleVersion
from tracker.domain.moments import DEFAULT_HOURS, Hours
from tracker.domain.recipients import Route, audience
from tracker.domain.reconciliation import (
    Answer,
    Figures,
    Given,
    Item,
    NewRound,
    RoundState,
    Settlement,
    Step,
    check_answer,
    check_round,
    days_over,
    is_working_day,
    month_of,
    month_owed,
    monthly,
    ordered,
    parse_month,
    reminder_days,
    since,
    steps_owed,
    tidied,
    written,
)
from tracker.domain.text import clean_text
from tracker.domain.unwanted_mail import OptionalMail
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import at_official, civil_day, civil_now
from tracker.mail.contexts import Reconciliation as Letter

SWITCH = "reconciliation_from"
"""Under this key stands the month (YYYY-MM) from which rounds open by themselves; null where none do."""
PATH = "/doi-chieu"


class RoundExists(Conflict):
    """The month has its round; params: month, id."""

    code = "reconciliation_exists"


class RoundEmpty(Conflict):
    """Nothing is open at any agency, and nothing was closed lately; params: as_of."""

    code = "reconciliation_empty"


class RoundClosed(Conflict):
    """The round takes no answers any more; params: month, closed_at."""

    code = "reconciliation_closed"


class NothingToSettle(Conflict):
    """The agency agrees, or has not answered; params: item_id."""

    code = "reconciliation_nothing_to_settle"


# --- opening ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ListOf:
    """The list of an agency before it is copied."""

    agency_id: int
    code: str
    name: str
    items: tuple[Item, ...]

    @property
    def open_count(self) -> int:
        """How many are open as of the cut-off; the others were closed lately."""
        return sum(item.is_open for item in self.items)


@dataclass(frozen=True)
class Preview:
    """A round as it would be opened now; `exists` is the month's round where there is one."""

    new: NewRound
    lists: tuple[ListOf, ...]
    exists: Round | None


async def usual(now: datetime) -> NewRound:
    """The round that one would open by hand today, with its usual days."""
    today = civil_day(now)
    calendar = await load_calendar()
    return monthly(month_of(today), today, await db.find_last_cut_off(), calendar)


async def preview(actor: Actor, as_of: date, answer_by: date, now: datetime) -> Preview:
    """Whom a round would ask about how many tasks. Writes nothing. Raises Invalid, naming every field."""
    require(actor, Verb.RECONCILE)
    new = await _checked(as_of, answer_by, now)
    return Preview(new, tuple(await _lists(new, now)), await db.find_round_of(new.month))


async def open_round(actor: Actor, as_of: date, answer_by: date, now: datetime) -> int:
    """Open the round of this month by hand; its id. Raises Invalid, RoundExists, RoundEmpty."""
    require(actor, Verb.RECONCILE)
    new = await _checked(as_of, answer_by, now)
    lists = await _lists(new, now)
    async with transaction():
        made = await _open(actor, new, lists, now)
    if made is None:
        exists = await db.find_round_of(new.month)
        raise RoundExists(month=f"{new.month:%m/%Y}", id=exists.id if exists else 0)
    return made


async def open_due(now: datetime, hours: Hours = DEFAULT_HOURS) -> int | None:
    """Open the round that the month is owed; its id, or None. Safe at any time, in any number of processes."""
    local = civil_now(now)
    calendar = await load_calendar()
    month = month_owed(local.date(), await opens_from(), calendar)
    if month is None or local.time() < hours.digest or await db.find_round_of(month) is not None:
        return None
    new = monthly(month, local.date(), await db.find_last_cut_off(), calendar)
    lists = await _lists(new, now)
    if not lists:
        return None
    async with transaction():
        return await _open(SYSTEM, new, lists, now)


async def opens_from() -> date | None:
    """The first month of rounds that open by themselves; None where none do."""
    stored = await get_switch(SWITCH)
    return parse_month(stored) if isinstance(stored, str) else None


async def set_opens_from(actor: Actor, month: date | None, now: datetime) -> None:
    """From which month on rounds open by themselves; None: only by hand."""
    require(actor, Verb.RECONCILE)
    async with transaction():
        await set_switch(SWITCH, None if month is None else f"{month:%Y-%m}")
        detail = {"from": None if month is None else f"{month:%Y-%m}"}
        await insert_history(actor, [HistoryEntry("schedule_reconciliation", detail=detail)], now)


async def _checked(as_of: date, answer_by: date, now: datetime) -> NewRound:
    today = civil_day(now)
    new = NewRound(month_of(today), as_of, since(as_of, await db.find_last_cut_off()), answer_by)
    check_round(new, today)
    return new


async def _open(actor: Actor, new: NewRound, lists: Sequence[ListOf], now: datetime) -> int | None:
    """The round with its lists and cover letters; None where somebody was first. Raises RoundEmpty."""
    kept = await asyncio.to_thread(lambda: {own.agency_id: written(own.items) for own in lists})
    round_id = await db.insert_round(new, actor, now)
    if round_id is None:
        return None
    if not lists:
        raise RoundEmpty(as_of=new.as_of)
    await db.insert_lists(round_id, kept)
    detail = {"reconciliation": round_id, "as_of": new.as_of.isoformat(), "agencies": len(lists)}
    await insert_history(actor, [HistoryEntry("open_reconciliation", detail=detail)], now)
    found = await db.get_round(round_id)
    await _tell(found, {own.agency_id: own.name for own in lists}, Step.COVER, now, await load_calendar())
    return round_id


async def _lists(new: NewRound, now: datetime) -> list[ListOf]:
    """The lists as of the end of the cut-off day, by agency; an agency with nothing to confirm has none."""
    async with as_service():
        rows = await db.list_candidates(new.as_of, _end_of(new.closed_since), civil_day(now))
        told = await _statuses(rows, new.as_of, now)
    # In a thread: tens of thousands of rows must not hold up the pages.
    return await asyncio.to_thread(_by_agency, rows, told, new)


def _by_agency(rows: Sequence[Assignment], told: Mapping[int, Status], new: NewRound) -> list[ListOf]:
    agencies: dict[int, tuple[str, str, list[Item]]] = {}
    for row in rows:
        status = told[row.id]
        closed_on = None if status.is_open else civil_day(row.closed_at or row.confirmed_at or row.changed_at)
        if status.fine is Fine.NOT_YET_ASSIGNED or (closed_on is not None and closed_on <= new.closed_since):
            continue
        _, _, items = agencies.setdefault(row.agency_id, (row.agency_code, row.agency_name, []))
        items.append(_item(row, status, closed_on))
    found = [ListOf(key, code, name, tuple(ordered(items))) for key, (code, name, items) in agencies.items()]
    return sorted(found, key=lambda own: own.code)


async def _statuses(rows: Sequence[Assignment], as_of: date, now: datetime) -> Mapping[int, Status]:
    """How each stood at the end of a day, today at this moment: an hour that is still to come has not passed.

    From the row itself where nothing changed since, else from its history.
    """
    calendar = await load_calendar()
    end = _end_of(as_of)
    at = now if as_of == civil_day(now) else as_of
    changed = [row for row in rows if row.changed_at >= end]
    facts = await facts_of(changed) if changed else {}
    return await asyncio.to_thread(
        lambda: {row.id: classify(facts.get(row.id) or facts_now(row), at, calendar) for row in rows}
    )


def _end_of(day: date) -> datetime:
    return at_official(day + timedelta(days=1), time.min)


def _item(row: Assignment, status: Status, closed_on: date | None) -> Item:
    return Item(
        assignment_id=row.id,
        task_id=row.task_id,
        title=row.short_name,
        directive_number=row.directive_number,
        directive_issued_on=row.directive_issued_on,
        part=row.part.value,
        fine=status.fine.value,
        is_open=status.is_open,
        product=row.product,
        due_on=status.due_on,
        due_time=status.due_time,
        original_due_on=status.original_due_on,
        extensions=status.extensions,
        days_late=status.days_late,
        is_by_age=status.is_by_age,
        last_report_on=status.last_report_on,
        completed_on=status.completed_on,
        closed_on=closed_on,
    )


# --- reading ---------------------------------------------------------------------------------------------


async def asked_of(viewer: Actor, round_id: int, agency_code: str) -> Asked:
    """One agency in a round. Raises NotFound, also where the viewer may not know of the agency's list."""
    require(viewer, Verb.LIST)
    asked = await db.find_asked(round_id, agency_code)
    if asked is None:
        raise NotFound(noun="reconciliation", id=round_id)
    require(viewer, Verb.LIST, Subject.of_agency(asked.agency_id, noun="reconciliation", id=round_id))
    return asked


async def own_asked(viewer: Actor, round_id: int) -> list[Asked]:
    """The agencies of a round whose lists the viewer may read; their own agencies first."""
    require(viewer, Verb.LIST)
    ids = None if viewer.role not in AGENCY_ROLES else sorted(viewer.visible_agency_ids)
    return sorted(await db.list_asked(round_id, ids), key=lambda a: a.agency_id not in viewer.agency_ids)


async def figures(viewer: Actor, round_id: int, now: datetime) -> Figures:
    """What a round has come to; for the assigning side and the inspector."""
    require_outside(viewer)
    return await db.read_figures(round_id, civil_day(now))


async def differences(viewer: Actor, round_id: int) -> tuple[list[Listed], dict[int, Assignment]]:
    """What agencies say otherwise than the record, and the live tasks; for the assigning side and the inspector."""
    require_outside(viewer)
    listed = await db.list_differences(round_id)
    return listed, await list_assignments(viewer, [one.assignment_id for one in listed])


def require_outside(viewer: Actor) -> None:
    """Pass for the assigning side and the inspector: a round as a whole is not for agencies."""
    require(viewer, Verb.LIST)
    if viewer.role in AGENCY_ROLES:
        raise NotPermitted(
            verb=Verb.LIST.value,
            role=viewer.role.value,
            allowed=("administrator", "secretariat", "member", "inspector"),
        )


# --- answering -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """An answer of an agency as it is sent: with `rest_agrees` all that is not named agrees.

    `seen` is the digest of the list that was looked at, which only `rest_agrees` needs. `version` is that of the
    agency's answer when it was read; None takes whatever stands.
    """

    given: Sequence[Given]
    rest_agrees: bool = False
    seen: str = ""
    version: int | None = None


@dataclass(frozen=True)
class Taken:
    """What was sent: how many answers are new or otherwise than before, and how many of all differ."""

    changed: int
    differences: int


async def answer(actor: Actor, round_id: int, agency_code: str, sent: Sent, now: datetime) -> Taken:
    """An agency answers for its whole list, once, or corrects what it answered; all of it or nothing is taken.

    What is not named keeps the answer that stands. Raises Invalid naming each field, RoundClosed, StaleVersion.
    """
    async with transaction():
        found, asked = await _answering(actor, round_id, agency_code, sent.version)
        listed = {one.id: one for one in await db.list_items(found.id, asked.agency_id)}
        given = _checked_answers(sent, asked, listed, civil_day(now))
        changed = [
            (one, listed[one.item_id].assignment_id, _next(listed[one.item_id]))
            for one in given.values()
            if _says_anew(listed[one.item_id], one)
        ]
        await db.insert_answers(changed, actor, now)
        await db.drop_drafts(list(listed))
        await db.mark_answered(found.id, asked.agency_id, actor, now)
        stands = {i: given[i].answer if i in given else _stands(one) for i, one in listed.items()}
        differing = sum(one is not Answer.AGREES for one in stands.values())
        await _remember_answers(actor, found, asked, [one for one, _, _ in changed], listed, differing, now)
        await db.take_back_letters(found.id, asked.agency_id)
    return Taken(len(changed), differing)


async def save_draft(
    actor: Actor, round_id: int, agency_code: str, typed: Mapping[int, Mapping[str, str]], now: datetime
) -> int:
    """Keep what is typed of these items as typed, to be gone on with; how many hold something.

    Raises Invalid for an item of another list, RoundClosed.
    """
    async with transaction():
        found, asked = await _answering(actor, round_id, agency_code, None)
        listed = {one.id: one for one in await db.list_items(found.id, asked.agency_id)}
        for item_id in typed:
            if item_id not in listed:
                raise Invalid.one("/items", "reconciliation_item_unknown", item_id)
        kept = [
            (item_id, listed[item_id].assignment_id, {k: v[: lengths.NOTE * 2] for k, v in said.items() if v})
            for item_id, said in typed.items()
        ]
        await db.put_drafts(kept, actor, now)
    return sum(bool(said) for _, _, said in kept)


async def _answering(
    actor: Actor, round_id: int, agency_code: str, version: int | None
) -> tuple[Round, Asked]:
    """The open round and the agency that answers, which nobody else does meanwhile."""
    asked = await db.find_asked(round_id, agency_code)
    if asked is None:
        require(actor, Verb.REPORT)
        raise NotFound(noun="reconciliation", id=round_id)
    require(actor, Verb.REPORT, Subject.of_agency(asked.agency_id, noun="reconciliation", id=round_id))
    found = await db.hold_round(round_id)
    if found.state is not RoundState.OPEN:
        raise RoundClosed(month=f"{found.month:%m/%Y}", closed_at=found.closed_at)
    stands = await db.lock_asked(round_id, asked.agency_id)
    if version is not None and version != stands:
        raise StaleVersion(current=stands, changed_at=asked.answered_at)
    return found, asked


def _checked_answers(sent: Sent, asked: Asked, listed: Mapping[int, Listed], today: date) -> dict[int, Given]:
    problems: list[Problem] = []
    given: dict[int, Given] = {}
    for place, one in enumerate(sent.given):
        at = f"/answers/{place}"
        item = listed.get(one.item_id)
        if item is None:
            problems.append(Problem(f"{at}/item_id", "reconciliation_item_unknown", one.item_id))
            continue
        if one.item_id in given:
            problems.append(Problem(f"{at}/item_id", "reconciliation_item_twice", one.item_id))
            continue
        try:
            clean = tidied(one, at)
        except Invalid as invalid:
            problems.extend(invalid.problems)
            clean = replace(one, answer=Answer.AGREES)
        else:
            problems.extend(check_answer(clean, item.item.due_on, today, at))
        given[one.item_id] = clean
    if sent.rest_agrees and sent.seen != asked.digest:
        problems.append(Problem("/seen", "reconciliation_not_seen", sent.seen[:80]))
    missing = [one for one in listed.values() if one.id not in given and one.said is None]
    if missing and not sent.rest_agrees:
        positions = ", ".join(str(one.position) for one in missing[:10])
        params = {"count": len(missing), "positions": positions + (", …" if len(missing) > 10 else "")}
        problems.append(Problem("/answers", "reconciliation_unanswered", len(missing), params))
    if problems:
        raise Invalid(problems)
    if sent.rest_agrees:
        given |= {one.id: Given(one.id, Answer.AGREES) for one in missing}
    return given


def _stands(one: Listed) -> Answer:
    return one.said.given.answer if one.said is not None else Answer.AGREES


def _next(one: Listed) -> int:
    return 1 if one.said is None else one.said.sequence + 1


def _says_anew(one: Listed, given: Given) -> bool:
    return one.said is None or one.said.given.said != given.said


async def _remember_answers(
    actor: Actor,
    found: Round,
    asked: Asked,
    changed: Sequence[Given],
    listed: Mapping[int, Listed],
    differing: int,
    now: datetime,
) -> None:
    """The answer as a whole, and each difference in the story of its task."""
    rows = await list_assignments(
        actor, [listed[one.item_id].assignment_id for one in changed if one.answer is not Answer.AGREES]
    )
    entries = [
        HistoryEntry(
            "answer_reconciliation",
            detail={
                "reconciliation": found.id,
                "agency": asked.code,
                "items": len(listed),
                "differences": differing,
            },
        )
    ]
    for one in changed:
        row = rows.get(listed[one.item_id].assignment_id)
        if row is not None:
            detail = {
                "reconciliation": found.id,
                "answer": one.answer.value,
                "number": one.number,
                "day": None if one.day is None else one.day.isoformat(),
            }
            entries.append(
                HistoryEntry(
                    "differ_in_reconciliation", row.directive_id, row.task_id, row.id, one.word, detail
                )
            )
    await insert_history(actor, entries, now)


# --- settling and closing --------------------------------------------------------------------------------


async def settle(
    actor: Actor,
    round_id: int,
    item_id: int,
    settlement: Settlement,
    word: str,
    now: datetime,
    *,
    answer_id: int | None = None,
) -> None:
    """Say what becomes of a difference; to keep the record as it is needs a reason. The agency reads it.

    `answer_id` is the answer that was read; None takes the one that stands. Settling again replaces the word.
    Raises Invalid, NothingToSettle, StaleVersion where the agency has corrected itself meanwhile.
    """
    require(actor, Verb.RECONCILE)
    word = clean_text(word, "/word", lengths.REASON, allow_newlines=True) if word.strip() else ""
    if settlement is Settlement.KEPT and not word:
        raise Invalid.one("/word", "reconciliation_reason_needed", word)
    async with transaction():
        await db.get_round(round_id)
        one = await db.find_item(round_id, item_id)
        if one is None:
            raise Invalid.one("/item_id", "reconciliation_item_unknown", item_id)
        if one.said is None or not one.is_difference:
            raise NothingToSettle(item_id=item_id)
        seen = one.said.id if answer_id is None else answer_id
        if not await db.mark_settled(seen, settlement, word, actor, now) or seen != one.said.id:
            raise StaleVersion(current=one.said.sequence, changed_at=one.said.answered_at)
        rows = await list_assignments(actor, [one.assignment_id])
        row = rows[one.assignment_id]
        detail = {"reconciliation": round_id, "settlement": settlement.value}
        entry = HistoryEntry("settle_reconciliation", row.directive_id, row.task_id, row.id, word, detail)
        await insert_history(actor, [entry], now)


async def close(actor: Actor, round_id: int, version: int | None, now: datetime) -> None:
    """Take no more answers; what differs can still be settled. Raises RoundClosed, StaleVersion."""
    require(actor, Verb.RECONCILE)
    async with transaction():
        found = await db.get_round(round_id, lock=True)
        if found.state is RoundState.CLOSED:
            raise RoundClosed(month=f"{found.month:%m/%Y}", closed_at=found.closed_at)
        if version is not None and version != found.row_version:
            raise StaleVersion(current=found.row_version, changed_at=found.opened_at)
        await db.mark_closed(round_id, actor, now)
        await db.take_back_letters(round_id, None)
        await insert_history(
            actor, [HistoryEntry("close_reconciliation", detail={"reconciliation": round_id})], now
        )


# --- letters ---------------------------------------------------------------------------------------------


async def remind(now: datetime, hours: Hours = DEFAULT_HOURS) -> int:
    """Remind the silent, each step once, after an outage only of the latest; how many letters.

    On working days, from the digest until the quiet hours.
    """
    local = civil_now(now)
    calendar = await load_calendar()
    if not hours.digest <= local.time() < hours.quiet_from or not is_working_day(local.date(), calendar):
        return 0
    letters = 0
    owed: dict[tuple[int, Step], tuple[Round, dict[int, str]]] = {}
    for one in await db.list_silent():
        days = reminder_days(civil_day(one.round.opened_at), one.round.answer_by, calendar)
        step, passed = steps_owed(days, one.told, local.date())
        if step is None:
            continue
        for older in passed:
            await db.claim_letter(one.round.id, one.agency_id, older, "superseded", now)
        found, names = owed.setdefault((one.round.id, step), (one.round, {}))
        names[one.agency_id] = one.name
    for (_, step), (found, names) in owed.items():
        async with transaction():
            letters += await _tell(found, names, step, now, calendar)
    return letters


async def _tell(
    found: Round, names: Mapping[int, str], step: Step, now: datetime, calendar: WorkCalendar
) -> int:
    """One letter to each person of these agencies; whom none reaches is written down too. How many letters."""
    claimed = [
        agency_id
        for agency_id in sorted(names)
        if await db.claim_letter(found.id, agency_id, step, "sent", now)
    ]
    async with as_service():
        book = await address_book(claimed)
        asked = {one.agency_id: one for one in await db.list_asked(found.id, claimed)}
        open_counts = await db.count_open_items(found.id, claimed)
        drafts: list[Draft] = []
        of_agency: dict[str, int] = {}
        for agency_id in claimed:
            open_count = open_counts.get(agency_id, 0)
            letter = Letter(
                agency_name=names[agency_id],
                month=found.month,
                as_of=found.as_of,
                answer_by=found.answer_by,
                open_count=open_count,
                closed_count=asked[agency_id].items - open_count,
                url=f"{office().url}{PATH}/{found.id}?co-quan={asked[agency_id].code}",
                is_reminder=step is not Step.COVER,
                days_over=days_over(found.answer_by, civil_day(now), calendar),
            )
            for draft in _drafts(found.id, agency_id, step, letter, book, now):
                drafts.append(draft)
                of_agency[draft.key] = agency_id
        queued = await queue(drafts, now)
    counts = dict.fromkeys(((agency_id, step) for agency_id in claimed), 0)
    for key in queued:
        counts[of_agency[key], step] += 1
    await db.put_letters(found.id, counts)
    return len(queued)


def _drafts(
    round_id: int, agency_id: int, step: Step, letter: Letter, book: AddressBook, now: datetime
) -> list[Draft]:
    """To the focal officer; the head of office has a copy of the cover and of what is late."""
    copy = () if step is Step.FIRST else (Duty.HEAD_OF_OFFICE,)
    people = audience((Duty.FOCAL,), copy, book.contacts(agency_id, None), civil_day(now)).recipients
    return [
        Draft(
            kind="reconciliation",
            context=letter,
            recipient=recipient.official,
            key=db.letter_key(round_id, agency_id, step, recipient.official.id),
            entries=(),
            duty=recipient.duty,
            optional=OptionalMail.COPY if recipient.is_copy and recipient.route is Route.HOLDER else None,
        )
        for recipient in people
    ]

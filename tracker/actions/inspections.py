"""Inspection sessions: planned, frozen, concluded; each conclusion becomes a date, a closure or a task.

What is frozen are copies: the dossier reads nothing else. Conclusions are typed once and carried out together,
with the number of the notice that announces them, by who may give tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from tracker.actions import assignments, directives, explaining, extensions, inspection_letters, urges
from tracker.actions.inspection_targets import count_behind, target_items
from tracker.actions.overdue import agency_ids_of, overdue_list
from tracker.actions.standing import facts_now
from tracker.actions.urges import NewUrge
from tracker.db import assignments as assignments_db
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import extensions as extensions_db
from tracker.db import inspections as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import enclosing_transaction, transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.inspections import Concluded, Earlier, FrozenItem, Inspection, Told, Waiting
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.assignments import DeadlineCause, Event, classify, transition
from tracker.domain.assignments import State as TaskState
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.drafts import ExtensionDecision, NewDirective, NewTask
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem, StaleVersion
from tracker.domain.inspections import (
    AgendaItem,
    Candidate,
    Conclusion,
    Evidence,
    Frozen,
    ItemKind,
    Plan,
    Standing,
    State,
    Topic,
    Verdict,
    check_conclusion,
    check_plan,
    propose,
)
from tracker.domain.inspections import (
    freeze as freeze_items,
)
from tracker.domain.overdue import OverdueRow
from tracker.domain.text import clean_text
from tracker.domain.urges import UrgeKind
from tracker.domain.zone import civil_day
from tracker.i18n import text
from tracker.intake.rows import shorten


class InspectionMoved(Conflict):
    """The session is no longer where this can be done; params: state."""

    code = "inspection_moved"


class FreezeRunning(Conflict):
    """Another agenda is being frozen at this moment; try again in a few seconds."""

    code = "freeze_running"


class ConclusionsMissing(Conflict):
    """Items without a conclusion remain; params: count."""

    code = "conclusions_missing"


class ConclusionNeedsReport(Conflict):
    """A task is closed by its report: none waits for it; params: title, agency."""

    code = "conclusion_needs_report"


# --- planning ---


async def candidates(actor: Actor, now: datetime) -> list[Candidate]:
    """The agencies with reasons to inspect them as of now, the weightiest first."""
    require(actor, Verb.INSPECT)
    today = civil_day(now)
    overdue = await overdue_list(actor, today)
    late: dict[str, tuple[int, int]] = {
        line.code: (len(line.rows), max((row.days_late for row in line.rows), default=0))
        for line in overdue.agencies
    }
    figures = {f.agency_code: f for f in await db.list_agency_figures()}
    standings = []
    behind = await count_behind(actor, today)
    for code in late.keys() | figures.keys() | behind.keys():
        own = figures.get(code)
        count, days = late.get(code, (0, 0))
        standings.append(
            Standing(
                code,
                overdue=count,
                days_late=days,
                extended_again=own.extended_again if own else 0,
                returned=own.returned if own else 0,
                targets_behind=behind.get(code, 0),
                days_since_session=(today - own.last_session_on).days
                if own and own.last_session_on
                else None,
            )
        )
    return propose(standings)


async def plan(actor: Actor, new: Plan, now: datetime) -> int:
    """Plan a session; its id. Raises Invalid, naming every field."""
    require(actor, Verb.INSPECT)
    new = await _checked(actor, new, now)
    reasons = {c.agency_code: [(r.value, n) for r, n in c.reasons] for c in await candidates(actor, now)}
    async with transaction():
        inspection_id = await db.insert_inspection(actor, new, now)
        await _put_people(inspection_id, new, reasons)
        await _remember(actor, "plan_inspection", inspection_id, now, title=new.title)
    return inspection_id


async def change_plan(
    actor: Actor, inspection_id: int, version: int | None, new: Plan, now: datetime
) -> None:
    """Change a session that is not frozen yet. Raises Invalid, InspectionMoved, StaleVersion."""
    require(actor, Verb.INSPECT)
    new = await _checked(actor, new, now)
    reasons = {c.agency_code: [(r.value, n) for r, n in c.reasons] for c in await candidates(actor, now)}
    async with transaction():
        old = await _locked(inspection_id, version, State.PLANNED)
        moves = (old.held_on, old.held_at, old.ends_at, old.place, old.title) != (
            new.held_on,
            new.held_at,
            new.ends_at,
            new.place,
            new.title,
        )
        await db.update_plan(inspection_id, new, moves=moves, now=now)
        await _put_people(inspection_id, new, reasons)
        await _remember(actor, "change_inspection", inspection_id, now, held_on=new.held_on)
        await explaining.moved(inspection_id, old.explain_by, new.explain_by, now)
        await inspection_letters.follow(inspection_id, now, lambda: count_items(actor, inspection_id, now))


async def cancel(actor: Actor, inspection_id: int, version: int | None, reason: str, now: datetime) -> None:
    """Call a session off that was not concluded. Raises InspectionMoved, StaleVersion."""
    require(actor, Verb.INSPECT)
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    async with transaction():
        await _locked(inspection_id, version, State.PLANNED, State.FROZEN)
        await db.set_state(inspection_id, State.CANCELLED, now)
        await _remember(actor, "cancel_inspection", inspection_id, now, reason)
        await explaining.stopped(inspection_id)
        await inspection_letters.follow(
            inspection_id, now, lambda: count_items(actor, inspection_id, now), reason=reason
        )


async def _checked(actor: Actor, new: Plan, now: datetime) -> Plan:
    new = replace(
        new,
        title=clean_text(new.title, "/title", lengths.SHORT_NAME * 2) if new.title.strip() else new.title,
        place=clean_text(new.place, "/place", lengths.DOCUMENT) if new.place.strip() else "",
        field=clean_text(new.field, "/field", lengths.DOCUMENT) if new.field.strip() else "",
    )
    check_plan(new, civil_day(now))
    try:
        await agency_ids_of(new.agency_codes)
    except Invalid as refused:
        raise Invalid(
            [replace(p, field=p.field.replace("/agency", "/agencies", 1)) for p in refused.problems]
        ) from None
    if new.directive_id is not None:
        try:
            await directives_db.get_directive(actor, new.directive_id)
        except NotFound:
            raise Invalid.one("/directive_id", "unknown_directive", new.directive_id) from None
    people = {*new.member_ids, *(i for i in (new.chair_id, new.secretary_id) if i is not None)}
    known = await directory_db.get_officials(people)
    if unknown := people - known.keys():
        named = {new.chair_id: "/chair_id", new.secretary_id: "/secretary_id"}
        raise Invalid(
            [Problem(named.get(i, "/member_ids"), "official_unknown", i, {}) for i in sorted(unknown)]
        )
    return new


async def _put_people(
    inspection_id: int, new: Plan, reasons: Mapping[str, Sequence[tuple[str, int]]]
) -> None:
    ids = await directory_db.find_agency_ids(new.agency_codes)
    ordered = [ids[code] for code in new.agency_codes]
    await db.put_agencies(
        inspection_id, ordered, {ids[code]: reasons.get(code, ()) for code in new.agency_codes}
    )
    await db.put_members(inspection_id, sorted(set(new.member_ids)))


async def _locked(inspection_id: int, version: int | None, *states: State) -> Inspection:
    found = await db.lock_inspection(inspection_id)
    if found.state not in states:
        raise InspectionMoved(state=found.state.value)
    if version is not None and found.row_version != version:
        raise StaleVersion(current=found.row_version, changed_at=found.changed_at)
    return found


async def _remember(
    actor: Actor, verb: str, inspection_id: int, now: datetime, reason: str = "", **detail: object
) -> None:
    told = {name: value.isoformat() if isinstance(value, date) else value for name, value in detail.items()}
    entry = HistoryEntry(verb, reason=reason, detail={"inspection": inspection_id, **told})
    await insert_history(actor, [entry], now)


# --- the agenda ---


async def agenda(actor: Actor, inspection_id: int, now: datetime) -> Frozen:
    """What would be frozen at this moment; for a session that is frozen, what was. Writes nothing.

    The assigning side and the inspector read it; an agency sees its own part on its page.
    """
    require(actor, Verb.INSPECT if actor.role in AGENCY_ROLES else Verb.LIST)
    found = await db.get_inspection(inspection_id)
    if found.frozen_at is not None:
        items = [row.item for row in await db.list_items(inspection_id)]
        return freeze_items(items, header_of(found), found.agency_codes)
    async with transaction("repeatable_read", readonly=True):
        return await _agenda(actor, found, now)


async def freeze(actor: Actor, inspection_id: int, version: int | None, now: datetime) -> Frozen:
    """Copy the agenda into the session, once: one snapshot, one digest; nothing changes it afterwards.

    Raises InspectionMoved, StaleVersion, FreezeRunning while another agenda is being frozen.
    """
    require(actor, Verb.INSPECT)
    async with transaction("repeatable_read"):
        if not await db.lock_freezing():
            raise FreezeRunning()
        found = await _locked(inspection_id, version, State.PLANNED)
        frozen = await _agenda(actor, found, now)
        ids = await directory_db.find_agency_ids(found.agency_codes)
        await db.insert_frozen(inspection_id, frozen, ids, actor, now)
        await explaining.stopped(inspection_id)
        await _remember(
            actor, "freeze_inspection", inspection_id, now, digest=frozen.digest, items=frozen.totals.all
        )
    return frozen


async def count_items(actor: Actor, inspection_id: int, now: datetime) -> dict[str, int]:
    """How many items each agency has on the agenda, by code: as frozen, or as it would be now."""
    found = await db.get_inspection(inspection_id)
    if found.totals is not None:
        return {code: sum(counts.values()) for code, counts in found.totals["agencies"].items()}
    frozen = await _agenda(actor, found, now)
    return {code: counts.all for code, counts in frozen.by_agency.items()}


def header_of(found: Inspection) -> dict[str, object]:
    """What a session says of itself, as part of its digest."""
    return {
        "id": found.id,
        "title": found.title,
        "topic": found.topic.value,
        "directive": found.directive_id,
        "field": found.field,
        "held_on": found.held_on,
        "as_of": found.as_of,
        "due_until": found.due_until,
        "agencies": list(found.agency_codes),
    }


async def _agenda(actor: Actor, found: Inspection, now: datetime) -> Frozen:
    listed = await overdue_list(actor, found.as_of, found.agency_codes, found.directive_id)
    late = [row for row in listed.rows if found.topic is not Topic.FIELD or row.programme == found.field]
    ids = await agency_ids_of(found.agency_codes) or ()
    others = await db.list_open_of(actor, ids, found.directive_id, found.field, found.due_until)
    targets = await target_items(actor, found, ids)
    known = [row.assignment_id for row in late] + [row.id for row in others]
    known += [item.assignment_id for item in targets if item.assignment_id]
    about = _About(
        await db.list_explanations_of(known, now),
        await db.list_waiting_requests(known),
        await db.count_returns(known),
        await db.list_earlier_conclusions(known, found.id),
        await db.list_restricted(known),
        await db.list_evidence(known),
    )
    names = dict(zip(found.agency_codes, found.agency_names, strict=True))
    items = [_late_item(row, names, about) for row in late] + [about.of(item) for item in targets]
    taken = {row.assignment_id for row in late}
    calendar = await load_calendar()
    for row in others:
        if row.id in taken:
            continue
        status = classify(facts_now(row), found.as_of, calendar)
        if not status.is_open:
            continue
        kind = _kind_of(row, found)
        if kind is not None:
            items.append(_open_item(row, kind, found.as_of, about, status.fine.value))
    return freeze_items(items, header_of(found), found.agency_codes)


@dataclass(frozen=True, slots=True)
class _About:
    """What else is known of the assignments of an agenda."""

    explanations: Mapping[int, Told]
    requests: Mapping[int, Waiting]
    returns: Mapping[int, int]
    earlier: Mapping[int, Earlier]
    restricted: frozenset[int]
    evidence: Mapping[int, tuple[Evidence, ...]]

    def of(self, item: AgendaItem) -> AgendaItem:
        """The item with what the agency and the last session said of it."""
        assert item.assignment_id is not None
        if item.assignment_id in self.restricted:
            # An agenda is printed and handed on: of a restricted task it holds what a mail would.
            hidden = text("vi", "mail.restricted")
            withheld = replace(item, title=hidden, full_text="", product="", last_report="", cause="")
            return replace(withheld, returned=self.returns.get(item.assignment_id, 0))
        told = self.explanations.get(item.assignment_id)
        earlier = self.earlier.get(item.assignment_id)
        return replace(
            item,
            returned=self.returns.get(item.assignment_id, 0),
            explanation=told.text if told else "",
            explained_on=civil_day(told.at) if told else None,
            explained_by=told.by if told else "",
            last_concluded=f"{earlier.verdict.value}: {earlier.text}" if earlier else "",
            last_concluded_on=earlier.held_on if earlier else None,
            files=self.evidence.get(item.assignment_id, ()),
        )


def _kind_of(row: Assignment, found: Inspection) -> ItemKind | None:
    if row.due_on is not None and found.as_of <= row.due_on <= found.due_until:
        return ItemKind.DUE_SOON
    if row.extension_pending:
        return ItemKind.REQUEST
    return ItemKind.STANDING if row.due_kind == "standing" else None


def _late_item(row: OverdueRow, names: Mapping[str, str], about: _About) -> AgendaItem:
    return about.of(
        AgendaItem(
            ItemKind.OVERDUE,
            row.agency_code,
            names[row.agency_code],
            row.task,
            row.days_late,
            assignment_id=row.assignment_id,
            task_id=row.task_id,
            full_text=row.full_text,
            directive_number=row.directive_number,
            directive_issued_on=row.directive_issued_on,
            part=row.part.value,
            cooperating=row.cooperating,
            due_on=row.due_on,
            due_time=row.due_time,
            original_due_on=row.original_due_on,
            extensions=row.extensions,
            status="awaiting_confirmation" if row.is_awaiting else "overdue",
            last_report_on=row.last_report_on,
            last_report=row.last_report,
            cause=row.cause,
            committed_on=row.committed_on,
        )
    )


def _open_item(row: Assignment, kind: ItemKind, as_of: date, about: _About, status: str) -> AgendaItem:
    waiting = about.requests.get(row.id)
    reported = civil_day(row.last_report_at) if row.last_report_at else None
    if kind is ItemKind.DUE_SOON and row.due_on is not None:
        days = (row.due_on - as_of).days
    elif kind is ItemKind.REQUEST and waiting is not None:
        days = max((as_of - civil_day(waiting.requested_at)).days, 0)
    else:
        days = max((as_of - max(filter(None, (row.assigned_on, reported)))).days, 0)
    return about.of(
        AgendaItem(
            kind,
            row.agency_code,
            row.agency_name,
            row.short_name,
            days,
            assignment_id=row.id,
            task_id=row.task_id,
            full_text=row.full_text,
            product=row.product,
            directive_number=row.directive_number,
            directive_issued_on=row.directive_issued_on,
            part=row.part.value,
            due_on=row.due_on,
            due_time=row.due_time,
            original_due_on=row.original_due_on,
            extensions=row.extension_count,
            status=status,
            last_report_on=reported,
            last_report=row.last_report_summary,
            cause=waiting.reason if waiting else row.cause,
            committed_on=row.committed_on,
        )
    )


# --- before and after ---


async def ask_to_explain(actor: Actor, inspection_id: int, version: int | None, now: datetime) -> int:
    """Ask the agencies to explain each overdue item and target by the session's day for it; how many were asked.

    Raises Invalid without such a day, InspectionMoved, StaleVersion.
    """
    require(actor, Verb.INSPECT)
    found = await db.get_inspection(inspection_id)
    if found.state is not State.PLANNED:
        raise InspectionMoved(state=found.state.value)
    if found.explain_by is None:
        raise Invalid.one("/explain_by", "inspection_no_explain_day")
    frozen = await agenda(actor, inspection_id, now)
    asked = (ItemKind.OVERDUE, ItemKind.TARGET)
    ids = list(dict.fromkeys(i.assignment_id for i in frozen.items if i.kind in asked and i.assignment_id))
    if not ids:
        return 0
    async with enclosing_transaction():
        await _locked(inspection_id, version, State.PLANNED)
        done = await urges.urge(
            actor,
            NewUrge(
                tuple(ids),
                sentence=found.title,
                kind=UrgeKind.EXPLANATION,
                answer_by=found.explain_by,
                right=Verb.INSPECT,
            ),
            now,
        )
        if done.messages:
            await db.set_urging(inspection_id, done.group)
            await explaining.asked(inspection_id, done.group)
    return sum(len(message.rows) for message in done.messages)


async def add_addendum(
    actor: Actor, inspection_id: int, item_id: int | None, text: str, now: datetime
) -> int:
    """Correct what was frozen, beside it; its id. Raises Invalid, NotFound, InspectionMoved."""
    require(actor, Verb.INSPECT)
    text = clean_text(text, "/text", lengths.SUMMARY, allow_newlines=True)
    async with transaction():
        await _locked(inspection_id, None, State.FROZEN, State.CONCLUDED)
        if item_id is not None:
            await _item(inspection_id, item_id)
        addendum_id = await db.insert_addendum(inspection_id, item_id, text, actor, now)
        await _remember(actor, "correct_inspection", inspection_id, now, text, item=item_id)
    return addendum_id


async def conclude(
    actor: Actor,
    inspection_id: int,
    item_id: int | None,
    version: int | None,
    new: Conclusion,
    now: datetime,
) -> int:
    """Write down what the session concludes on an item (once; again changes it), or as a whole; its id.

    `version` is that of the conclusion that stands, None where there is none yet.
    Raises Invalid, NotFound for an item of another session, InspectionMoved, StaleVersion, ConclusionNeedsReport.
    """
    require(actor, Verb.INSPECT)
    async with transaction():
        found = await _locked(inspection_id, None, State.FROZEN)
        item = None if item_id is None else (await _item(inspection_id, item_id)).item
        new, agency_id = await _judged(actor, found, item, new)
        standing = None if item_id is None else await db.find_conclusion_on(item_id)
        if standing is not None:
            if version is None or not await db.update_conclusion(
                standing.id, version, agency_id, new, actor, now
            ):
                raise StaleVersion(current=standing.row_version, changed_at=standing.made_at)
            conclusion_id = standing.id
        elif version is not None:
            raise StaleVersion()  # the one that was read has been struck meanwhile
        else:
            conclusion_id = await db.insert_conclusion(inspection_id, item_id, agency_id, new, actor, now)
        await _remember(
            actor, "conclude_item", inspection_id, now, new.text, item=item_id, verdict=new.verdict.value
        )
    return conclusion_id


async def change_conclusion(
    actor: Actor, inspection_id: int, conclusion_id: int, version: int | None, new: Conclusion, now: datetime
) -> None:
    """Write a conclusion anew, on an item or of the whole session, before it is carried out.

    A `version` of None is whatever stands. Raises as `conclude`; NotFound for one of another session.
    """
    require(actor, Verb.INSPECT)
    async with transaction():
        found = await _locked(inspection_id, None, State.FROZEN)
        standing = await _conclusion(inspection_id, conclusion_id)
        item = None if standing.item_id is None else (await _item(inspection_id, standing.item_id)).item
        new, agency_id = await _judged(actor, found, item, new)
        wanted = standing.row_version if version is None else version
        if not await db.update_conclusion(conclusion_id, wanted, agency_id, new, actor, now):
            raise StaleVersion(current=standing.row_version, changed_at=standing.made_at)
        await _remember(
            actor,
            "conclude_item",
            inspection_id,
            now,
            new.text,
            item=standing.item_id,
            verdict=new.verdict.value,
        )


async def strike_conclusion(
    actor: Actor, inspection_id: int, conclusion_id: int, version: int | None, now: datetime
) -> None:
    """Take a conclusion back before it is carried out; its words stay in the history.

    A `version` of None is whatever stands. Raises InspectionMoved, StaleVersion, NotFound.
    """
    require(actor, Verb.INSPECT)
    async with transaction():
        await _locked(inspection_id, None, State.FROZEN)
        standing = await _conclusion(inspection_id, conclusion_id)
        wanted = standing.row_version if version is None else version
        if not await db.strike_conclusion(conclusion_id, wanted, actor, now):
            raise StaleVersion(current=standing.row_version, changed_at=standing.made_at)
        await _remember(
            actor,
            "strike_conclusion",
            inspection_id,
            now,
            standing.text,
            item=standing.item_id,
            verdict=standing.verdict.value,
        )


async def _judged(
    actor: Actor, found: Inspection, item: AgendaItem | None, new: Conclusion
) -> tuple[Conclusion, int | None]:
    """A conclusion that may stand, and the agency it is about. Raises Invalid, ConclusionNeedsReport."""
    if new.text.strip():
        new = replace(new, text=clean_text(new.text, "/text", lengths.SUMMARY, allow_newlines=True))
    check_conclusion(new, item, found.held_on)
    if new.agency_code and new.agency_code not in found.agency_codes:
        raise Invalid.one("/agency", "inspection_agency_foreign", new.agency_code)
    if item is not None and new.verdict is Verdict.CLOSED:
        await _require_report(actor, item)
    code = item.agency_code if item is not None else new.agency_code
    ids = await directory_db.find_agency_ids([code]) if code else {}
    return new, ids.get(code)


async def _conclusion(inspection_id: int, conclusion_id: int) -> Concluded:
    found = await db.find_conclusion(inspection_id, conclusion_id)
    if found is None:
        raise NotFound(noun="conclusion", id=conclusion_id)
    return found


async def _item(inspection_id: int, item_id: int) -> FrozenItem:
    found = await db.find_item(inspection_id, item_id)
    if found is None:
        raise NotFound(noun="inspection_item", id=item_id)
    return found


async def _require_report(actor: Actor, item: AgendaItem) -> None:
    assert item.assignment_id is not None
    row = await assignments_db.get_assignment(actor, item.assignment_id)
    if row.state not in (TaskState.REPORTED, TaskState.CONFIRMED):
        raise ConclusionNeedsReport(title=item.title, agency=item.agency_name)


@dataclass(frozen=True)
class Notice:
    """The notice of conclusions once it is signed."""

    number: str
    issued_on: date
    issuer: str
    signer: str = ""


async def carry_out(
    actor: Actor, inspection_id: int, version: int | None, notice: Notice, now: datetime
) -> int:
    """Carry out every conclusion under the signed notice, all or none; the notice's id as a directive.

    A new date moves the deadline and keeps the original; a closure confirms the report that waits; an explanation is
    asked for; a new task is one of the notice. Raises Invalid, InspectionMoved, StaleVersion, ConclusionsMissing,
    and what the single actions raise.
    """
    require(actor, Verb.RECORD_DIRECTIVE)
    require(actor, Verb.CONFIRM)
    async with enclosing_transaction():
        found = await _locked(inspection_id, version, State.FROZEN)
        conclusions = await db.list_conclusions(inspection_id)
        items = {row.id: row.item for row in await db.list_items(inspection_id)}
        missing = items.keys() - {c.item_id for c in conclusions}
        if missing or not conclusions:
            raise ConclusionsMissing(count=len(missing))
        tasks = [c for c in conclusions if c.verdict is Verdict.NEW_TASK]
        recorded = await directives.record(actor, _directive_of(found, notice, tasks, items), now)
        made = dict(zip((c.id for c in tasks), recorded.task_ids, strict=True))
        await db.set_notice(inspection_id, recorded.directive_id, notice.number)
        for conclusion in conclusions:
            item = items.get(conclusion.item_id) if conclusion.item_id is not None else None
            try:
                outcome = await _carry_out(actor, conclusion, item, notice, now)
            except (Conflict, Invalid) as refused:
                # Which of many it is about stands nowhere else.
                refused.params["item"] = item.title if item else ""
                raise
            await db.mark_applied(conclusion.id, now, outcome, made.get(conclusion.id))
        await db.set_state(inspection_id, State.CONCLUDED, now)
        await _remember(
            actor,
            "conclude_inspection",
            inspection_id,
            now,
            notice=notice.number,
            conclusions=len(conclusions),
        )
    return recorded.directive_id


def _directive_of(
    found: Inspection, notice: Notice, conclusions: Sequence[Concluded], items: Mapping[int, AgendaItem]
) -> NewDirective:
    tasks = []
    for conclusion in conclusions:
        item = items.get(conclusion.item_id) if conclusion.item_id is not None else None
        tasks.append(
            NewTask(
                short_name=shorten(conclusion.text),
                full_text=conclusion.text,
                leads=(conclusion.agency_code or (item.agency_code if item else ""),),
                due_on=conclusion.due_on,
                field=found.field,
            )
        )
    return NewDirective(
        number=notice.number,
        kind="conclusion",
        issued_on=notice.issued_on,
        issuer=notice.issuer,
        signer=notice.signer,
        abstract=found.title,
        tasks=tuple(tasks),
    )


async def _carry_out(
    actor: Actor, conclusion: Concluded, item: AgendaItem | None, notice: Notice, now: datetime
) -> str:
    """What became of one conclusion, as a word of ours."""
    if conclusion.verdict is Verdict.NEW_TASK:
        return "task"
    if item is None or item.assignment_id is None:
        return "noted"
    if conclusion.verdict is Verdict.NEW_DATE:
        assert conclusion.due_on is not None
        await _move(actor, item.assignment_id, conclusion.due_on, conclusion.text, notice.number, now)
        return "moved"
    if conclusion.verdict is Verdict.CLOSED:
        row = await assignments_db.get_assignment(actor, item.assignment_id)
        if row.state is TaskState.CONFIRMED:
            return "closed_before"
        if row.state is not TaskState.REPORTED:
            raise ConclusionNeedsReport(title=item.title, agency=item.agency_name)
        await assignments.confirm(actor, item.assignment_id, None, conclusion.text, now)
        return "closed"
    if conclusion.verdict is Verdict.EXPLANATION:
        wanted = NewUrge(
            (item.assignment_id,),
            sentence=_cut(conclusion.text, urges.LONGEST_SENTENCE),
            kind=UrgeKind.EXPLANATION,
            answer_by=conclusion.due_on,
            right=Verb.INSPECT,
            again=True,
        )
        done = await urges.urge(actor, wanted, now)
        return "asked" if done.messages else "not_asked"
    return "noted"


def _cut(words: str, most: int) -> str:
    """As much of a conclusion as a letter holds; all of it stands in the notice."""
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


async def _move(
    actor: Actor, assignment_id: int, due_on: date, reason: str, document: str, now: datetime
) -> None:
    """A new date by the session: an extension in all that follows, and the answer to a request that waits."""
    waiting = await extensions_db.find_pending_extension(assignment_id)
    if waiting is not None:
        decision = ExtensionDecision(True, granted_on=due_on, document=document, reason=reason)
        await extensions.decide(actor, waiting.id, None, decision, now)
        return
    async with transaction():
        row = await assignments.locked(actor, assignment_id, None, Verb.EDIT_DEADLINE)
        transition(row.state, Event.MOVE_DEADLINE)
        await assignments.move_deadline(
            actor, row, due_on, None, DeadlineCause.EXTENSION, reason, document, now, extensions=1
        )

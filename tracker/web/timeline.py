"""The story of one assignment: what was done, what was sent to whom, what was not and why, what comes next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby

from markupsafe import Markup

from tracker.actions.people import book_for
from tracker.db import reads_web
from tracker.db.assignments import Assignment
from tracker.db.history import HistoryRow, list_history
from tracker.db.ladders import get_ladder
from tracker.db.reminders import ReminderRow, list_reminders
from tracker.db.switches import is_sending_paused
from tracker.domain.assignments import OPEN_STATES, WORKING_STATES, DueKind, State
from tracker.domain.moments import Hours
from tracker.domain.recipients import Contacts, audience
from tracker.domain.reminders import Decision, Ladder, Outcome, Reason, ReminderFacts, Verdict, decide
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day, civil_now
from tracker.i18n import catalogue
from tracker.web.page import Page
from tracker.web.wording import clock, short_day

MOST_COMING = 4
_SAME_SENDING = timedelta(minutes=5)
_ICONS = {
    "assign": "flag",
    "acknowledge": "user",
    "report_completion": "file",
    "report_progress": "flag",
    "report_obstacle": "flag",
    "confirm": "done",
    "return": "back",
    "request_extension": "extend",
    "refuse_extension": "extend",
    "move_deadline": "extend",
    "commit": "calendar",
    "withdrawn": "out",
    "transferred": "moved",
    "superseded": "out",
    "urge": "bell",
}


@dataclass(frozen=True)
class Told:
    """One person a message went to, and what became of it."""

    who: str
    how: str


@dataclass(frozen=True)
class Item:
    """One entry of the story; `kind` is event, sent, unsent, next or today."""

    at: datetime
    kind: str
    what: str | Markup
    when: Markup = Markup()
    icon: str = "flag"
    whys: list[str | Markup] = field(default_factory=list)
    recipients: list[Told] = field(default_factory=list)
    tone: str = ""


@dataclass(frozen=True)
class Story:
    """The entries newest first, with the present between what comes and what was."""

    items: list[Item]
    coming: list[Item]
    past: list[Item]


async def story_of(page: Page, row: Assignment, calendar: WorkCalendar) -> Story:
    """Everything that the record knows of an assignment, for this reader."""
    history = await list_history(page.actor, row.id)
    ledger = await list_reminders(page.actor, row.id)
    messages = await reads_web.list_messages(page.actor, row.id)
    ladder = await get_ladder(row.ladder_version_id)
    contacts = (await book_for([row])).contacts_of(row)
    decisions = decide(
        await _facts(row), ladder, page.now, calendar, _outcomes(row, ledger), contacts, _hours(page)
    )
    past = [_event(page, entry) for entry in history if entry.verb in _ICONS]
    past += _sendings(page, ladder, ledger)
    past += _messages(page, messages)
    past += _skipped(page, row, decisions)
    past.sort(key=lambda item: (item.at, item.kind != "event"), reverse=True)
    coming = _coming(page, row, decisions, contacts)
    today = Item(page.now, "today", page.t("timeline.today", day=page.long_day(page.today)))
    return Story([*reversed(coming), today, *past], coming, past)


async def _facts(row: Assignment) -> ReminderFacts:
    return ReminderFacts(
        state=row.state,
        due_kind=DueKind(row.due_kind),
        due_on=row.due_on,
        due_time=row.due_time,
        settled_rank=row.settled_rank,
        review_rank=row.review_rank,
        reported_on=civil_day(row.reported_at) if row.reported_at else None,
        is_extension_pending=row.extension_pending,
        is_paused=await is_sending_paused(),
    )


def _hours(page: Page) -> Hours:
    return Hours(digest=page.state.settings.digest_time)


def _outcomes(row: Assignment, ledger: Iterable[ReminderRow]) -> dict[tuple[str, int], Outcome]:
    """What the ledger says of each step of the deadline in force: sent to anybody is sent."""
    found: dict[tuple[str, int], Outcome] = {}
    for entry in ledger:
        if entry.deadline_version != row.deadline_version:
            continue
        key = (entry.step_code, entry.occurrence)
        outcome = Outcome(entry.verdict)
        found[key] = Outcome.SENT if Outcome.SENT in (outcome, found.get(key)) else outcome
    return found


# What was done -----------------------------------------------------------------------------------------------


def _event(page: Page, entry: HistoryRow) -> Item:
    detail = {key: str(value) for key, value in entry.detail.items() if value not in (None, "")}
    verb = entry.verb
    if verb == "move_deadline":
        key = f"history.move_deadline.{detail.get('cause', 'correction')}"
        what = page.t(key, who=entry.actor_name, after=_pair(detail.get("after", "")))
    else:
        proposed = _pair(detail.get("proposed_on", ""))
        what = page.t(f"history.{verb}", who=entry.actor_name, proposed=proposed)
    whys: list[str | Markup] = []
    if entry.reason:
        whys.append(page.t("timeline.quote", words=entry.reason))
    for name in ("before", "document", "evidence", "receipt", "committed_on", "completed_on"):
        if name in detail and f"history.detail.{name}" in catalogue(page.language):
            whys.append(page.t(f"history.detail.{name}", value=_pair(detail[name])))
    if detail.get("asked_late") == "True":
        whys.append(page.t("history.asked_late"))
    return Item(entry.at, "event", what, page.moment(entry.at), _ICONS[verb], whys)


def _pair(stored: str) -> str:
    """A stored date, or date and time, as people read it; other words stay as they are."""
    try:
        day, _, at = stored.partition("T")
        shown = short_day(date.fromisoformat(day))
    except ValueError:
        return stored
    return f"{at} {shown}" if at else shown


# What was sent, and what not ---------------------------------------------------------------------------------


def _sendings(page: Page, ladder: Ladder, ledger: list[ReminderRow]) -> list[Item]:
    """The ledger's rows, those of one step at one time together."""
    wordings = {step.code: step.wording for step in ladder.steps}

    def together(row: ReminderRow) -> tuple[object, ...]:
        return (row.step_code, row.occurrence, row.deadline_version, row.verdict, row.reason)

    items = []
    for _, found in groupby(
        sorted(ledger, key=lambda r: (*map(str, together(r)), r.decided_at)), key=together
    ):
        rows = list(found)
        first = rows[0]
        wording = page.word("timeline.step", wordings.get(first.step_code, first.step_code))
        if first.occurrence > 1:
            wording = page.s("timeline.step_again", step=wording, count=first.occurrence)
        if first.verdict == "sent":
            told = [_told(page, r.recipient_name, r.recipient_duty, r.is_copy, *_fate(page, r)) for r in rows]
            at = min(r.sent_at or r.decided_at for r in rows)
            tone = "late" if first.step_code.startswith("after") else "soon"
            why = [page.reason("yes", first.reason)] if first.reason != "due" else []
            items.append(
                Item(
                    at,
                    "sent",
                    page.t("timeline.sent", step=wording),
                    page.moment(at),
                    "mail",
                    why,
                    told,
                    tone,
                )
            )
        else:
            reason = page.reason("no", first.reason)
            what = page.t("timeline.not_sent", step=wording)
            items.append(Item(first.moment, "unsent", what, page.moment(first.moment), "nomail", [reason]))
    return items


def _fate(page: Page, r: ReminderRow) -> tuple[str]:
    return (
        delivery_words(
            page, r.message_state or "", r.sent_at, r.reply_code, r.reply_text or "", r.message_address
        ),
    )


def _told(page: Page, name: str, duty: str | None, is_copy: bool, how: str) -> Told:
    words = page.word("duty", duty) if duty else ""
    who = page.s("timeline.person", name=name, duty=words) if words else name
    return Told(page.s("timeline.copy", who=who) if is_copy else who, how)


def delivery_words(
    page: Page,
    state: str,
    sent_at: datetime | None,
    reply_code: int | None,
    reply_text: str,
    address: str | None,
) -> str:
    """What became of a message, with the mail server's own words where it refused."""
    if state == "sent" and sent_at is not None:
        local = civil_now(sent_at)
        return page.s(
            "delivery.sent", time=f"{clock(local.time())}:{local.second:02d}", day=short_day(local.date())
        )
    reply = " ".join(part for part in (str(reply_code or ""), reply_text) if part)
    if state == "failed":
        return page.s("delivery.failed", reply=reply, address=address or "")
    if state == "pending" and reply:
        return page.s("delivery.retry", reply=reply)
    return page.s(f"delivery.{state}") if state in ("pending", "sending", "held", "superseded") else state


def _messages(page: Page, messages: list[reads_web.MessageRow]) -> list[Item]:
    """Messages that something that happened sent off at once, those of one kind and time together."""
    items: list[Item] = []
    for kind, found in groupby(sorted(messages, key=lambda m: (m.kind, m.decided_at)), key=lambda m: m.kind):
        batch: list[reads_web.MessageRow] = []
        for message in found:
            if batch and message.decided_at - batch[0].decided_at > _SAME_SENDING:
                items.append(_batch(page, kind, batch))
                batch = []
            batch.append(message)
        items.append(_batch(page, kind, batch))
    return items


def _batch(page: Page, kind: str, batch: list[reads_web.MessageRow]) -> Item:
    told = [
        Told(
            page.s("timeline.person", name=m.recipient_name, duty=page.word("duty", m.recipient_duty))
            if m.recipient_duty
            else m.recipient_name or m.address,
            delivery_words(page, m.state, m.sent_at, m.reply_code, m.reply_text, m.address),
        )
        for m in batch
    ]
    at = min(m.sent_at or m.decided_at for m in batch)
    was_stopped = all(m.state == "superseded" for m in batch)
    what = page.t("timeline.stopped" if was_stopped else "timeline.told", kind=page.word("mail_kind", kind))
    kind_of = "unsent" if was_stopped else "sent"
    return Item(at, kind_of, what, page.moment(at), "nomail" if was_stopped else "mail", [], told)


def _skipped(page: Page, row: Assignment, decisions: Iterable[Decision]) -> list[Item]:
    """Steps that never had their moment because the deadline was set too short for them."""
    skipped = [d for d in decisions if d.verdict is Verdict.SKIP and d.reason is Reason.SHORT_DEADLINE]
    if not skipped:
        return []
    steps = ", ".join(page.word("timeline.step", d.moment.step.wording) for d in skipped)
    at = row.deadline_set_at
    what = page.t("timeline.not_sent", step=steps)
    return [Item(at, "unsent", what, page.moment(at), "nomail", [page.reason("no", "short_deadline")])]


# What comes --------------------------------------------------------------------------------------------------


def _coming(page: Page, row: Assignment, decisions: Iterable[Decision], contacts: Contacts) -> list[Item]:
    """The next moments with their people, soonest first; a stopped clock says why it stands."""
    if row.state not in OPEN_STATES:
        return []
    if row.state is State.REPORTED:
        why: list[str | Markup] = [page.reason("no", "awaiting_confirmation")]
        return [Item(page.now, "next", page.t("timeline.stands"), page.t("timeline.from_now"), "wait", why)]
    coming = []
    for decision in decisions:
        if decision.verdict is not Verdict.WAIT or row.state not in WORKING_STATES:
            continue
        at = decision.at or page.now
        step = decision.moment.step
        wording = page.word("timeline.step", step.wording)
        if decision.moment.occurrence > 1:
            wording = page.s("timeline.step_again", step=wording, count=decision.moment.occurrence)
        people = audience(step.to, step.copy, contacts, civil_day(at))
        told = [
            _told(page, r.official.name, r.duty.value, r.is_copy, page.word("route", r.route.value))
            for r in people.recipients
        ]
        whys: list[str | Markup] = [page.s("timeline.rule", rule=rule_words(page, decision))]
        if decision.reason is not Reason.NOT_YET:
            whys.append(page.reason("no", decision.reason.value))
        when = page.moment(at) if decision.at else page.t("timeline.unknown_day")
        what = page.t("timeline.will_send", step=wording)
        tone = "late" if step.anchor.value == "after" else "soon"
        coming.append(Item(at, "next", what, when, "next", whys, told, tone))
    return coming[:MOST_COMING]


def rule_words(page: Page, decision: Decision) -> str:
    """The rule of a step in words: "3 ngày làm việc trước hạn"."""
    step, offset = decision.moment.step, decision.moment.offset
    if step.anchor.value == "on":
        return page.s("rule.on_day")
    return page.days(f"rule.{step.anchor.value}.{step.unit.value}", offset)

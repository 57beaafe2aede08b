"""The story of one assignment: what was done, what was sent to whom, what was not and why, what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from markupsafe import Markup

from tracker.actions.explain import Explanation
from tracker.actions.urges import may_undo
from tracker.db.history import HistoryRow
from tracker.db.outbox import MessageRow
from tracker.db.reminders import ReminderRow
from tracker.db.urges import UrgingOf
from tracker.domain.access import Verb, may
from tracker.domain.assignments import OPEN_STATES, State
from tracker.domain.ladders import Anchor, Ladder
from tracker.domain.reminders import Decision, Reason, Verdict
from tracker.domain.zone import civil_now
from tracker.i18n import catalogue
from tracker.web.page import Page
from tracker.web.wording import clock, short_day

MOST_COMING = 4
AT_ONCE = "new"
"""The wording of the step that goes out at once, on assignment and on every change of the deadline."""
SETTLED_AT_IMPORT = "settled_at_import"
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
    "undo": "back",
    "restore": "back",
    "undo_urge": "bell",
    "answer_explanation": "file",
    "differ_in_reconciliation": "ask",
    "settle_reconciliation": "flag",
}
VERBS = tuple(_ICONS)
"""What a story tells of the history; the rest is for the audit."""


@dataclass(frozen=True)
class Told:
    """One person a message went to, and what became of it; `letter` leads to its way, for who may look at that."""

    who: str
    how: str
    href: str = ""
    letter: str = ""


@dataclass(frozen=True)
class Item:
    """One entry of the story; `kind` is event, sent, unsent, next or today; `undo` is where to take it back.

    `fate` is what became of messages, or suppressed where none was made.
    """

    at: datetime
    kind: str
    what: str | Markup
    when: str | Markup = ""
    icon: str = "flag"
    whys: list[str | Markup] = field(default_factory=list)
    recipients: list[Told] = field(default_factory=list)
    tone: str = ""
    undo: str = ""
    fate: str = ""


@dataclass(frozen=True)
class Story:
    """The entries newest first, with the present between what comes and what was."""

    items: list[Item]
    coming: list[Item]
    past: list[Item]


def story_of(page: Page, told: Explanation) -> Story:
    """Everything that the record knows of an assignment, for this reader."""
    urgings = {str(urging.id): urging for urging in told.urgings}
    past = [_event(page, entry, urgings) for entry in told.history if entry.verb in _ICONS]
    past += _sendings(page, told.ladder, told.reminders)
    carried = {r.outbox_id for r in told.reminders if r.outbox_id is not None}
    past += _messages(page, [m for m in told.messages if m.id not in carried])
    past += _skipped(page, told)
    past.sort(key=lambda item: (item.at, item.kind != "event"), reverse=True)
    coming = _coming(page, told)
    today = Item(page.now, "today", page.t("timeline.today", day=page.long_day(page.today)))
    return Story([*reversed(coming), today, *past], coming, past)


# What was done -----------------------------------------------------------------------------------------------


def _event(page: Page, entry: HistoryRow, urgings: Mapping[str, UrgingOf]) -> Item:
    detail = {key: str(value) for key, value in entry.detail.items() if value not in (None, "")}
    verb = entry.verb
    undo = ""
    if verb == "move_deadline":
        key = f"history.move_deadline.{detail.get('cause', 'correction')}"
        what = page.t(key, who=entry.actor_name, after=_pair(detail.get("after", "")))
    elif verb == "urge":
        asks = detail.get("kind") == "explanation"
        key = "history.ask_explanation" if asks else "history.urge"
        what = page.t(key, who=entry.actor_name, day=_pair(detail.get("answer_by", "")), proposed="")
        undo = _undo(page, urgings.get(detail.get("group", "")))
    else:
        proposed = _pair(detail.get("proposed_on", ""))
        what = page.t(f"history.{verb}", who=entry.actor_name, proposed=proposed)
    whys: list[str | Markup] = []
    if verb in ("undo", "restore"):
        # These keep states, which are no dates and not for reading.
        whys.append(page.s("story.state", state=page.word("story.state", detail.pop("after", ""))))
        detail.pop("before", None)
    if entry.reason:
        whys.append(page.t("timeline.quote", words=entry.reason))
    for name in ("before", "document", "evidence", "receipt", "committed_on", "completed_on"):
        if name in detail and f"history.detail.{name}" in catalogue(page.language):
            whys.append(page.t(f"history.detail.{name}", value=_pair(detail[name])))
    if detail.get("asked_late") == "True":
        whys.append(page.t("history.asked_late"))
    return Item(entry.at, "event", what, page.moment(entry.at), _ICONS[verb], whys, undo=undo)


def _undo(page: Page, urging: UrgingOf | None) -> str:
    """Where an urging is taken back, while nothing of it has left and this reader may."""
    if urging is None or not urging.is_waiting or page.visitor is None:
        return ""
    return f"/don-doc/{urging.id}/hoan-tac" if may_undo(page.actor, urging.urged_by) else ""


def _pair(stored: str) -> str:
    """A stored date, or date and time, as people read it; other words stay as they are."""
    try:
        day, _, at = stored.partition("T")
        shown = short_day(date.fromisoformat(day))
    except ValueError:
        return stored
    return f"{at} {shown}" if at else shown


# What was sent, and what not ---------------------------------------------------------------------------------


def _sendings(page: Page, ladder: Ladder, ledger: Sequence[ReminderRow]) -> list[Item]:
    """The ledger's rows, those of one step at one time together; of those not sent, also by their reason."""
    wordings = {step.code: step.wording for step in ladder.steps}

    def together(row: ReminderRow) -> tuple[str, int, int, str, str, bool]:
        reason = "" if row.verdict == "sent" else row.reason
        is_failed = row.message_state == "failed"
        return (row.step_code, row.occurrence, row.deadline_version, row.verdict, reason, is_failed)

    passed = [row for row in ledger if row.reason == SETTLED_AT_IMPORT]
    items = [_passed(page, wordings, passed)] if passed else []
    rest = sorted((row for row in ledger if row.reason != SETTLED_AT_IMPORT), key=together)
    for (code, occurrence, _, verdict, reason, _), found in groupby(rest, key=together):
        rows = list(found)
        step = step_words(page, wordings.get(code, code), occurrence)
        if verdict == "sent":
            at = min(row.sent_at or row.decided_at for row in rows)
            tone = "late" if code.startswith("after") else "soon"
            told = [_told_of(page, row) for row in rows]
            fate = fate_of([row.message_state or "" for row in rows])
            what = page.t(f"timeline.step_{fate}", step=step)
            if wordings.get(code) == AT_ONCE:
                kind = "deadline_moved" if rows[0].reason == "deadline_moved" else "assigned"
                what = page.t(f"timeline.mail_{fate}", kind=page.word("mail_kind", kind))
            items.append(_fated(page, at, fate, what, told, tone))
        else:
            at = rows[0].moment
            what = page.t("timeline.not_sent", step=step)
            items.append(
                Item(
                    at,
                    "unsent",
                    what,
                    page.moment(at),
                    "nomail",
                    [page.reason("no", reason)],
                    fate="suppressed",
                )
            )
    return items


def _passed(page: Page, wordings: Mapping[str, str], rows: Sequence[ReminderRow]) -> Item:
    """Steps whose moments lay before the task was entered: one entry for all of them."""
    in_order = sorted(rows, key=lambda r: r.moment)
    steps = [step_words(page, wordings.get(r.step_code, r.step_code), r.occurrence) for r in in_order]
    at = in_order[-1].moment
    what = page.t("timeline.not_sent", step="; ".join(dict.fromkeys(steps)))
    return Item(
        at,
        "unsent",
        what,
        page.moment(at),
        "nomail",
        [page.reason("no", SETTLED_AT_IMPORT)],
        fate="suppressed",
    )


def _told_of(page: Page, r: ReminderRow) -> Told:
    state = r.message_state or ""
    how = delivery_words(page, state, r.sent_at, r.reply_code, r.reply_text or "", r.message_address)
    href = letter_address(page, state, r.outbox_id)
    route = catalogue(page.language).get(f"route.{r.reason}", "")
    told = _told(
        page, r.recipient_name, r.recipient_duty, r.is_copy, f"{how}; {route}" if route else how, href
    )
    return replace(told, letter=way_address(page, r.outbox_id))


def letter_address(page: Page, state: str, outbox_id: int | None) -> str:
    """Where a delivered message can be read; only the demonstration keeps a mailbox."""
    return f"/thu/cua/{outbox_id}" if page.has_mailbox and state == "sent" and outbox_id else ""


def way_address(page: Page, outbox_id: int | None) -> str:
    """Where the way of a message is told, for who may look at operations."""
    return f"/thu-da-gui/{outbox_id}" if outbox_id and may(page.actor, Verb.READ_OPERATIONS) else ""


def _told(page: Page, name: str, duty: str | None, is_copy: bool, how: str, href: str = "") -> Told:
    words = page.word("duty", duty) if duty else ""
    who = page.s("timeline.person", name=name, duty=words) if words else name
    return Told(page.s("timeline.copy", who=who) if is_copy else who, how, href)


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


def _messages(page: Page, messages: Sequence[MessageRow]) -> list[Item]:
    """Messages that something that happened sent off at once, those of one kind and time together.

    What did not arrive stands by itself, also where somebody else was told instead; so does what was dropped.
    """
    items: list[Item] = []

    def together(message: MessageRow) -> tuple[str, bool, bool]:
        return message.kind, message.state == "failed", message.state == "superseded"

    in_order = sorted(messages, key=lambda m: (*together(m), m.decided_at))
    for (kind, *_), found in groupby(in_order, key=together):
        batch: list[MessageRow] = []
        for message in found:
            if batch and message.decided_at - batch[0].decided_at > _SAME_SENDING:
                items.append(_batch(page, kind, batch))
                batch = []
            batch.append(message)
        items.append(_batch(page, kind, batch))
    return items


def _batch(page: Page, kind: str, batch: Sequence[MessageRow]) -> Item:
    told = [
        Told(
            m.recipient_name or m.address,
            delivery_words(page, m.state, m.sent_at, m.reply_code, m.reply_text, m.address),
            letter_address(page, m.state, m.id),
            way_address(page, m.id),
        )
        for m in batch
    ]
    at = batch[0].decided_at
    fate = fate_of([m.state for m in batch])
    what = page.t(f"timeline.mail_{fate}", kind=page.word("mail_kind", kind))
    item = _fated(page, at, fate, what, told)
    if fate == "superseded":
        item.whys.extend(page.reason("no", m.reason) for m in batch[:1] if m.reason)
    return item


def fate_of(states: Sequence[str]) -> str:
    """What became of several messages as a whole: one that arrived counts, then one that may yet.

    >>> fate_of(["superseded", "sent"]), fate_of(["failed", "pending"]), fate_of(["superseded"]), fate_of([""])
    ('sent', 'pending', 'superseded', 'sent')
    """
    for fate, among in _FATES:
        if any(state in among for state in states):
            return fate
    return "sent"


_FATES = (
    ("sent", ("sent", "")),
    ("pending", ("pending", "sending")),
    ("failed", ("failed",)),
    ("held", ("held",)),
    ("superseded", ("superseded",)),
)


def _fated(page: Page, at: datetime, fate: str, what: Markup, told: list[Told], tone: str = "") -> Item:
    """Messages as the entry that says what became of them: only what was handed over counts as sent."""
    kind, icon = {"sent": ("sent", "mail"), "pending": ("unsent", "wait")}.get(fate, ("unsent", "nomail"))
    return Item(at, kind, what, page.moment(at), icon, [], told, tone if fate == "sent" else "", fate=fate)


def _skipped(page: Page, told: Explanation) -> list[Item]:
    """Steps that never had their moment because the deadline was set too short for them."""
    skipped = [d for d in told.decisions if d.verdict is Verdict.SKIP and d.reason is Reason.SHORT_DEADLINE]
    if not skipped:
        return []
    steps = "; ".join(step_words(page, d.moment.step.wording, d.moment.occurrence) for d in skipped)
    at = told.assignment.deadline_set_at
    what = page.t("timeline.not_sent", step=steps)
    return [
        Item(
            at,
            "unsent",
            what,
            page.moment(at),
            "nomail",
            [page.reason("no", "short_deadline")],
            fate="suppressed",
        )
    ]


def step_words(page: Page, wording: str, occurrence: int) -> str:
    """What a step says, and which time it is when it comes again."""
    words = page.word("timeline.step", wording)
    return words if occurrence == 1 else page.s("timeline.step_again", step=words, count=occurrence)


# What comes --------------------------------------------------------------------------------------------------


def _coming(page: Page, told: Explanation) -> list[Item]:
    """The next moments with their people, soonest first; a stopped clock says why it stands."""
    row = told.assignment
    if row.state not in OPEN_STATES:
        return []
    waiting = [d for d in (*told.decisions, *told.review) if d.verdict is not Verdict.SKIP]
    if row.state is State.REPORTED:
        why: list[str | Markup] = [page.reason("no", "awaiting_confirmation")]
        stands = Item(page.now, "next", page.t("timeline.stands"), page.t("timeline.from_now"), "wait", why)
        reviews = [d for d in waiting if d.moment.anchor is Anchor.REVIEW]
        return [stands, *(_next(page, told, d) for d in reviews[: MOST_COMING - 1])]
    coming = [d for d in waiting if d.moment.anchor is not Anchor.REVIEW]
    return [_next(page, told, d) for d in coming[:MOST_COMING]]


def _next(page: Page, told: Explanation, decision: Decision) -> Item:
    at = decision.at or page.now
    step = decision.moment.step
    people = told.foreseen.get(decision.moment.key)
    recipients = [
        _told(page, r.official.name, r.duty.value, r.is_copy, page.word("route", r.route.value))
        for r in (people.recipients if people else ())
    ]
    whys: list[str | Markup] = [page.s("timeline.rule", rule=rule_words(page, decision))]
    if decision.verdict is Verdict.WAIT and decision.reason is not Reason.NOT_YET:
        whys.append(page.reason("no", decision.reason.value))
    when = page.moment(at) if decision.at else page.t("timeline.unknown_day")
    if at < page.now:
        when = page.t("timeline.owed", moment=when)
    what = page.t("timeline.will_send", step=step_words(page, step.wording, decision.moment.occurrence))
    tone = "late" if decision.moment.anchor is Anchor.AFTER else "soon"
    return Item(at, "next", what, when, "next", whys, recipients, tone)


def rule_words(page: Page, decision: Decision) -> str:
    """The rule of a step in words: "3 ngày làm việc trước hạn"."""
    step, offset = decision.moment.step, decision.moment.offset
    if step.anchor.value == "on":
        return page.s("rule.on_day")
    return page.days(f"rule.{step.anchor.value}.{step.unit.value}", offset)

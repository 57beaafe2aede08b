"""A kind of mail, what it is about and a language → a Message. Pure.

The templates hold structure, the catalogues every sentence; what they share is made here:
how a task is shown, how much of a restricted one, how a digest is ordered and cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any, Literal
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined

from tracker.domain.assignments import Fine
from tracker.domain.inspection_letters import Facts
from tracker.i18n import Language, has
from tracker.mail.contexts import (
    KINDS,
    AccountChanged,
    AccountInvitation,
    Addressing,
    Assigned,
    Changed,
    ChangeLine,
    Context,
    Digest,
    ExplanationDue,
    PasswordReset,
    Review,
    ReviewLine,
    SessionCancelled,
    SessionInvited,
    TaskLine,
    Urge,
)
from tracker.mail.invitation import Invitation, to_calendar
from tracker.mail.layouts import Layouts
from tracker.mail.message import (
    Attachment,
    CalendarPart,
    Message,
    header_text,
    message_id,
    thread_root,
)
from tracker.mail.session_invitation import SessionInvitation
from tracker.mail.words import PLAIN_TONE, TONES, Speech

MAX_SUBJECT = 150
MAX_STEM = 60
MAX_HTML = 80_000
"""Octets; Gmail cuts a mail off at about 102 KB."""
LINES_AT_FIRST = 120
MAX_REFERENCES = 10
URGENCIES = ("normal", "urgent", "very_urgent", "express")
_OF_ACCOUNTS = (AccountInvitation, PasswordReset, AccountChanged)
"""Mail about a person's own account: no duty mail, and in no digest."""
_OF_SESSIONS = (SessionInvited, SessionCancelled)
SECTIONS = ("overdue", "today", "soon", "coming")


@dataclass(frozen=True, slots=True)
class Shown:
    """A task as a mail shows it, all in words; `title_language` is that of the title, which is never translated."""

    tone: str
    sign: str
    status: str
    number: str
    title: str
    title_language: str
    agency: str
    due: str
    notes: tuple[str, ...]
    todo: str
    url: str


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a digest: the lines shown, of `total`; `todo` is set where it is the same for all."""

    title: str
    short: str
    total: int
    todo: str
    lines: tuple[Shown, ...]


def render(
    kind: str, context: Context, language: Language, addressing: Addressing, layouts: Layouts | None = None
) -> Message:
    """The mail of this kind for one recipient. Raises KeyError for an unknown kind.

    text/plain is complete by itself; the HTML says the same and stays under 80 KB.
    `layouts` is shared by the mails of one run, so that equal words are laid out once.
    """
    if not isinstance(context, KINDS[kind]):
        raise TypeError(f"a mail of kind {kind} takes {KINDS[kind].__name__}, not {type(context).__name__}")
    speech = Speech(language)
    if layouts is not None and isinstance(context, Assigned):
        subject, text, html = layouts.fill(
            context, language, addressing, lambda c, a: _fitted(kind, c, speech, _values(c, speech, a))
        )
    else:
        subject, text, html = _fitted(kind, context, speech, _values(context, speech, addressing))
    invitation: Invitation | SessionInvitation | None = getattr(context, "invitation", None)
    calendar = None if invitation is None else CalendarPart(invitation.method, _calendar_of(invitation))
    file: Attachment | None = getattr(context, "attachment", None)
    attachments = [] if file is None else [file]
    if calendar is not None:
        # Once more as a file, for programs that pass over the alternative (bar C12).
        attachments.append(Attachment("invite.ics", "application/ics", calendar.data))
    return Message(
        sender=addressing.office.sender,
        recipient=addressing.recipient,
        reply_to=addressing.office.reply_to,
        subject=subject,
        text=text,
        html=html,
        message_id=message_id(addressing.key, addressing.office.domain),
        key=addressing.key,
        sent_at=addressing.sent_at,
        language=language,
        references=_references(context, addressing.office.domain),
        calendar=calendar,
        attachments=tuple(attachments),
    )


def _calendar_of(invitation: Invitation | SessionInvitation) -> bytes:
    return to_calendar(invitation) if isinstance(invitation, Invitation) else invitation.to_calendar()


def deadline_invitation(
    line: TaskLine,
    addressing: Addressing,
    language: Language,
    *,
    method: Literal["REQUEST", "CANCEL"],
    assignment_uid: UUID,
    sequence: int,
    stamped_at: datetime,
) -> Invitation | None:
    """The invitation for a task's deadline; None where there is no date to invite to."""
    if line.due_on is None:
        return None
    speech = Speech(language)
    if line.restricted:
        summary = speech.say("invitation.summary_restricted", directive=line.directive_number)
    else:
        summary = speech.say("invitation.summary", task=line.short_name, directive=line.directive_number)
    description = [
        speech.say("invitation.agency", agency=line.agency_name),
        speech.say("due.line", due=speech.due(line.due_on, line.due_time)),
        speech.say("invitation.open", url=line.url),
    ]
    return Invitation(
        method=method,
        assignment_uid=assignment_uid,
        host=addressing.office.domain,
        sequence=sequence,
        stamped_at=stamped_at,
        due_on=line.due_on,
        due_time=line.due_time,
        summary=header_text(summary),
        description="\n".join(description),
        url=line.url,
        organizer=addressing.office.sender,
        attendee=addressing.recipient,
    )


def session_invitation(
    facts: Facts,
    addressing: Addressing,
    language: Language,
    *,
    method: Literal["REQUEST", "CANCEL"],
    inspection_uid: UUID,
    sequence: int,
    url: str,
    stamped_at: datetime,
) -> SessionInvitation:
    """The invitation to an inspection session."""
    speech = Speech(language)
    said = [
        speech.say("session.topic_line", topic=topic_words(facts, speech)),
        speech.say("session.chair_line", chair=facts.chair) if facts.chair else "",
        speech.say("session.agencies_line", agencies=", ".join(facts.agencies)) if facts.agencies else "",
        speech.say("session.explain_line", day=speech.day(facts.explain_by)) if facts.explain_by else "",
        speech.say("session.open", url=url),
    ]
    return SessionInvitation(
        method=method,
        inspection_uid=inspection_uid,
        host=addressing.office.domain,
        sequence=sequence,
        stamped_at=stamped_at,
        held_on=facts.held_on,
        held_at=facts.held_at,
        ends_at=facts.ends_at,
        place=facts.place,
        summary=header_text(facts.title),
        description="\n".join(filter(None, said)),
        url=url,
        organizer=addressing.office.sender,
        attendee=addressing.recipient,
    )


def topic_words(facts: Facts, speech: Speech) -> str:
    """Which tasks a session looks at."""
    return speech.say(f"session.topic.{facts.topic}", of=facts.topic_of)


def _session_rows(context: SessionInvited | SessionCancelled, speech: Speech) -> list[tuple[str, str]]:
    """What a letter says of a session, label by label; what has changed with what it was."""
    now = _session_values(context.session, speech)
    previous = getattr(context, "previous", None)
    before = {} if previous is None else dict(_session_values(previous, speech))
    rows = []
    for name, value in now:
        if name == "explain_by" and isinstance(context, SessionCancelled):
            continue  # nothing is to be explained to a session that one need not attend
        was = before.get(name, value)
        told = value or speech.say("session.none")
        if was != value:
            told = speech.say("session.was", now=told, before=was or speech.say("session.none"))
        rows.append((speech.say(f"session.label.{name}"), told if value or was != value else ""))
    return rows


def _session_values(facts: Facts, speech: Speech) -> list[tuple[str, str]]:
    return [
        ("title", header_text(facts.title)),
        ("when", speech.meeting(facts.held_on, facts.held_at, facts.ends_at)),
        ("place", header_text(facts.place)),
        ("chair", header_text(facts.chair)),
        ("topic", topic_words(facts, speech)),
        ("agencies", ", ".join(map(header_text, facts.agencies))),
        ("explain_by", speech.due(facts.explain_by) if facts.explain_by else ""),
    ]


def lines_of(context: Context) -> tuple[TaskLine, ...]:
    """The assignments a mail speaks of."""
    if isinstance(context, Assigned):
        return tuple(task.line for task in context.tasks)
    found: Iterable[TaskLine | ReviewLine | ChangeLine] = getattr(context, "lines", ())
    lines = [entry if isinstance(entry, TaskLine) else entry.line for entry in found]
    line = getattr(context, "line", None)
    return tuple(lines) if line is None else (line,)


def section_of(line: TaskLine) -> str:
    """Under which of the digest's headings a task stands."""
    if line.fine is Fine.OVERDUE:
        return "overdue"
    if line.fine is Fine.DUE_TODAY:
        return "today"
    return "soon" if line.fine is Fine.DUE_SOON else "coming"


def by_lateness(lines: Iterable[TaskLine]) -> list[TaskLine]:
    """The latest first, then what falls due first; equal dates by number, so that there is one order."""
    return sorted(
        lines,
        key=lambda line: (
            SECTIONS.index(section_of(line)),
            -line.days if line.fine is Fine.OVERDUE else 0,
            str(line.due_on or "9999"),
            str(line.due_time or "24"),
            line.directive_number,
            line.assignment_id,
        ),
    )


def _values(context: Context, speech: Speech, addressing: Addressing) -> dict[str, Any]:
    lines = lines_of(context)
    name = header_text(addressing.recipient.name)
    restricted = any(line.restricted for line in lines)
    return {
        "c": _concealed(context) if restricted else context,
        "t": speech.say,
        "n": speech.count,
        "speech": speech,
        "show": lambda line: _shown(line, speech),
        "stem": lambda line: _stem(line),
        "urgency": lambda line: _urgency(line, speech),
        "session_rows": lambda: _session_rows(context, speech) if isinstance(context, _OF_SESSIONS) else [],
        "product": speech.say("product"),
        "office_name": addressing.office.name,
        "greeting": speech.say("greeting", name=name) if name else "",
        "footer": _footer(addressing, name, speech, is_duty=not isinstance(context, _OF_ACCOUNTS)),
        "now": speech.moment(addressing.sent_at),
        "language": speech.language,
    }


def _footer(addressing: Addressing, name: str, speech: Speech, *, is_duty: bool) -> list[str]:
    """Why this came, to whom an answer goes, and what the hours mean."""
    office = addressing.office
    sentences = [speech.say("footer.duty")] if is_duty else []
    if office.reply_to is not None:
        sentences.append(speech.say("footer.reply", address=office.reply_to.address))
    sentences.append(speech.say("footer.zone"))
    if name and addressing.duty is not None:
        duty = speech.say(f"duty.{addressing.duty}")
        sentences.insert(0, speech.say("footer.sent_to", name=name, duty=duty))
    return sentences


def _render_all(kind: str, values: dict[str, Any]) -> tuple[str, str, str]:
    subject = _cut(header_text(_template(kind, "subject.txt").render(values)), MAX_SUBJECT)
    values["subject"] = subject
    text = _template(kind, "body.txt").render(values)
    html = _template(kind, "body.html").render(values)
    return subject, _tidy(text), "\n".join(filter(None, map(str.strip, html.split("\n")))) + "\n"


def _fitted(kind: str, context: Context, speech: Speech, values: dict[str, Any]) -> tuple[str, str, str]:
    """Subject, text and HTML with as many tasks as 80 KB hold; the rest as a number and a link."""
    total = len(lines_of(context))
    limit = LINES_AT_FIRST
    while True:
        values |= {"total": total, "rest": max(total - limit, 0)}
        if isinstance(context, Digest):
            values |= _digest_values(context, limit, speech)
        elif isinstance(context, Review):
            values["entries"] = sorted(values["c"].lines, key=_waiting_longest)[:limit]
        elif isinstance(context, Changed):
            values["entries"] = values["c"].lines[:limit]
        elif isinstance(context, Urge | ExplanationDue):
            values["entries"] = by_lateness(values["c"].lines)[:limit]
        elif isinstance(context, Assigned):
            values["entries"] = values["c"].tasks[:limit]
        subject, text, html = _render_all(kind, values)
        size = len(html.encode())
        if size <= MAX_HTML or limit == 1 or total <= 1:
            return subject, text, html
        limit = max(1, min(limit, total) * MAX_HTML * 9 // (size * 10))


def _digest_values(digest: Digest, limit: int, speech: Speech) -> dict[str, Any]:
    ordered = by_lateness(digest.lines)
    if not ordered:
        raise ValueError("a digest without a line is not a mail")
    return {
        "sections": _sections(ordered, limit, speech),
        "first": ordered[0],
        "most_urgent": max(ordered, key=lambda line: URGENCIES.index(line.urgency)),
        "several": not digest.agency_name,
    }


def _waiting_longest(entry: ReviewLine) -> tuple[int, date, int]:
    return -entry.line.days, entry.reported_on, entry.line.assignment_id


def _sections(ordered: list[TaskLine], limit: int, speech: Speech) -> list[Section]:
    sections = []
    for code in SECTIONS:
        members = [line for line in ordered if section_of(line) == code]
        if not members:
            continue
        shown = [replace(_shown(line, speech), todo=_todo(line, speech)) for line in members[:limit]]
        limit = max(limit - len(members), 0)
        todos = {entry.todo for entry in shown}
        common = todos.pop() if len(todos) == 1 and len(shown) > 1 else ""
        if common:
            shown = [replace(entry, todo="") for entry in shown]
        title = speech.say(f"section.{code}")
        short = speech.say(f"short.{code}", count=speech.number(len(members)))
        sections.append(Section(title, short, len(members), common, tuple(shown)))
    return sections


def _shown(line: TaskLine, speech: Speech) -> Shown:
    tone, sign = TONES.get(line.fine, PLAIN_TONE)
    return Shown(
        tone=tone,
        sign=sign,
        status=speech.status(line),
        number=header_text(line.directive_number),
        title=speech.say("restricted") if line.restricted else header_text(line.short_name),
        title_language=speech.language if line.restricted else "vi",
        agency=header_text(line.agency_name),
        due=speech.due(line.due_on, line.due_time),
        notes=tuple(_notes(line, speech)),
        todo="",
        url=line.url,
    )


def _todo(line: TaskLine, speech: Speech) -> str:
    """What a reminder asks for; a ladder may bring a sentence of its own instead of a key."""
    if not line.wording:
        return ""
    return speech.say(f"step.{line.wording}") if has(f"mail.step.{line.wording}") else line.wording


def _notes(line: TaskLine, speech: Speech) -> Iterable[str]:
    if line.original_due_on is not None and line.original_due_on != line.due_on:
        yield speech.say("note.original", date=speech.civil(line.original_due_on))
    if line.extension_pending and line.extension_to is not None:
        yield speech.say("note.extension_to", date=speech.civil(line.extension_to))
    elif line.extension_pending:
        yield speech.say("note.extension")
    if line.committed_on is not None:
        yield speech.say("note.committed", date=speech.civil(line.committed_on))
    if line.late_since is not None:
        yield speech.say("note.late", day=speech.day(line.late_since))
    if line.next_on is not None and line.next_to:
        yield speech.say("note.next", day=speech.day(line.next_on), duties=speech.duties(line.next_to))


def _stem(line: TaskLine) -> str:
    """What the subjects of all mails of a task have in common, so that mail programs keep them together."""
    number = header_text(line.directive_number)
    return number if line.restricted else f"{number} – {_cut(header_text(line.short_name), MAX_STEM)}"


def _urgency(line: TaskLine, speech: Speech) -> str:
    return "" if line.urgency == "normal" else f"[{speech.say(f'tag.urgency.{line.urgency}')}]"


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters, at a word's end where one is near."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return head[: space if space > limit // 2 else limit - 1].rstrip(" ,;:–-") + "…"


# Whoever may see a restricted task may see these in the system; a mail passes through too many hands.
_SECRETS = ("reason", "summary", "evidence", "full_text", "product", "deadline_words", "directive_abstract")


def _concealed(context: Context) -> Context:
    """The context without the free text of restricted tasks."""
    changes: dict[str, Any] = {name: "" for name in _SECRETS if hasattr(context, name)}
    if isinstance(context, Assigned):
        changes["tasks"] = tuple(_without_text(task, task.line) for task in context.tasks)
    elif (entries := getattr(context, "lines", None)) and not isinstance(entries[0], TaskLine):
        changes["lines"] = tuple(_without_text(entry, entry.line) for entry in entries)
    return replace(context, **changes)


def _without_text(part: Any, line: TaskLine) -> Any:
    if not line.restricted:
        return part
    return replace(part, **{name: "" for name in _SECRETS if hasattr(part, name)})


def _references(context: Context, domain: str) -> tuple[str, ...]:
    """The thread of each task, or of the session; a digest of many belongs to none."""
    invitation = getattr(context, "invitation", None)
    if isinstance(invitation, SessionInvitation):
        return (f"<session-{invitation.inspection_uid}@{domain}>",)
    roots = {thread_root(line.task_uid, domain): None for line in lines_of(context)}
    return tuple(roots) if len(roots) <= MAX_REFERENCES else ()


def _tidy(text: str) -> str:
    """No trailing space, never two blank lines together."""
    lines: list[str] = []
    for line in map(str.rstrip, text.strip().split("\n")):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"


@cache
def _environment(escape: bool) -> Environment:
    return Environment(  # nosec B701  # plain text must not be escaped; for HTML it is on
        loader=PackageLoader("tracker.mail"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _template(kind: str, name: str) -> Any:
    # Plain text is not escaped: "<" in a title must arrive as "<" (bar M3).
    return _environment(name.endswith(".html")).get_template(f"{kind}/{name}")

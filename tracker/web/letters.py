"""Letters on their way: the list, one letter with the mail server's words, and sending again what did not arrive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import outbox as actions
from tracker.actions import system
from tracker.actions.officials import may_mend_address
from tracker.db.outbox import OutboxFilter, StoredMessage
from tracker.db.reads_system import Attempt
from tracker.domain.access import Verb, may, require
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.i18n import catalogue
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id, real_now
from tracker.web.standing import path_of
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.timeline import letter_address
from tracker.web.wording import Chip

PAGE_ROWS = 50
STATES = {
    "cho-gui": "pending",
    "dang-gui": "sending",
    "da-gui": "sent",
    "khong-toi": "failed",
    "dang-giu": "held",
    "thoi-gui": "superseded",
}
"""The states of a message as addresses name them."""
RETURNABLE = ("failed", "held")
_CHIPS = {
    "pending": ("wait", "wait"),
    "sending": ("wait", "next"),
    "sent": ("", "done"),
    "failed": ("", "nomail"),
    "held": ("", "nomail"),
    "superseded": ("out", "out"),
}


@dataclass(frozen=True)
class LetterRow:
    """A letter in the list."""

    href: str
    subject: str
    who: str
    address: str
    chip: Chip
    kind: str
    at: datetime
    said: str


@dataclass(frozen=True)
class Try:
    """One attempt, with the mail server's words."""

    at: datetime
    address: str
    what: str
    reply: str


def played(page: Page, at: datetime) -> datetime:
    """A moment of the database's clock as the clock of this page shows it; they differ in the demonstration."""
    return at + (page.now - real_now())


def reply_words(code: int | None, text: str) -> str:
    """The mail server's words as they came."""
    return " ".join(part for part in (str(code or ""), text) if part)


def state_chip(page: Page, state: str) -> Chip:
    """What became of a message."""
    tone, icon = _CHIPS[state]
    return Chip(tone, icon, page.s(f"letter_state.{state}"))


def reason_words(page: Page, message: StoredMessage) -> str:
    """Why a message did not go, in one sentence; empty where nothing was in its way."""
    if not message.reason:
        return ""
    known = catalogue(page.language)
    for key in (f"letter_reason.{message.reason}", f"reason.no.{message.reason}"):
        if key in known:
            return known[key]
    return page.s("letter_reason.other", reason=message.reason)


# -- the list --------------------------------------------------------------------------------------------------


def wanted_of(page: Page) -> OutboxFilter:
    """Which letters an address asks for."""
    kind, person, about = (page.query.get(key, "") for key in ("loai", "nguoi", "viec"))
    return OutboxFilter(
        state=STATES.get(page.query.get("tinh-trang", "")),
        kind=kind if re.fullmatch(r"[a-z][a-z_]{0,39}", kind) else None,
        recipient_id=parse_id(person) if person else None,
        assignment_id=parse_id(about) if about else None,
    )


@get("/he-thong/thu", include_in_schema=False)
async def letters(request: WebRequest) -> Response[bytes]:
    """Which letters stand in this state?"""
    page = await open_page(request)
    require(page.actor, Verb.READ_OPERATIONS)
    wanted = wanted_of(page)
    after = page.query.get("sau", "")
    found = await actions.list_messages(page.actor, wanted, PAGE_ROWS + 1, parse_id(after) if after else None)
    rows = found[:PAGE_ROWS]
    state = page.query.get("tinh-trang", "")
    may_replay = wanted.state in RETURNABLE and bool(rows) and may(page.actor, Verb.OPERATE)
    return page.render(
        "letters.html",
        rows=[_row(page, message) for message in rows],
        views=[
            (
                page.s(f"letters.view.{key or 'tat-ca'}"),
                page.address(tinh_trang=key or None, sau=None),
                key == state,
            )
            for key in ("", *STATES)
        ],
        next_address=page.address(sau=rows[-1].id) if len(found) > PAGE_ROWS else None,
        replay_address="/he-thong/gui-lai?" + page.address(sau=None).partition("?")[2] if may_replay else "",
        is_narrowed=wanted.kind is not None
        or wanted.recipient_id is not None
        or wanted.assignment_id is not None,
    )


def _row(page: Page, message: StoredMessage) -> LetterRow:
    said = reply_words(message.reply_code, message.reply_text) if message.state != "sent" else ""
    return LetterRow(
        f"/thu-da-gui/{message.id}",
        message.subject or page.s("letter.no_subject"),
        message.recipient_name,
        message.address,
        state_chip(page, message.state),
        page.word("mail_kind", message.kind),
        message.sent_at or message.decided_at,
        said or reason_words(page, message),
    )


# -- one letter ------------------------------------------------------------------------------------------------


@get("/thu-da-gui/{outbox_id:str}", include_in_schema=False)
async def letter(request: WebRequest, outbox_id: FromPath[str]) -> Response[bytes]:
    """What was sent to whom, what did the mail server say, and what can be done?"""
    page = await open_page(request)
    return await _show(page, parse_id(outbox_id), Form({}))


async def _show(page: Page, outbox_id: int, form: Form, status: int = 200) -> Response[bytes]:
    found = await system.letter(page.actor, outbox_id)
    message, content = found.opened.message, found.opened.content
    page.shown_path = f"/thu-da-gui/{outbox_id}"
    is_returnable = message.state in RETURNABLE and message.is_rendered
    return page.render(
        "letter.html",
        status=status,
        form=form,
        m=message,
        chip=state_chip(page, message.state),
        kind=page.word("mail_kind", message.kind),
        reason=reason_words(page, message),
        recipient=found.recipient,
        has_moved=found.recipient is not None and found.recipient.email != message.address,
        about=[(path_of(row), row.short_name, row.agency_name) for row in found.about],
        tries=_tries(page, message, found.attempts),
        next_at=played(page, message.next_attempt_at) if message.state == "pending" else None,
        content=content,
        mailbox=letter_address(page, message.state, message.id),
        may_operate=may(page.actor, Verb.RESEND),
        may_mend=found.recipient is not None and await may_mend_address(page.actor, found.recipient.id),
        may_manage_people=may(page.actor, Verb.MANAGE_PEOPLE),
        is_returnable=is_returnable,
        colleagues=[
            (str(c.id), page.s("timeline.person", name=c.name, duty=page.word("duty", c.duty)), c.email)
            for c in (found.recipient.colleagues if found.recipient else ())
        ],
        version=found.opened.version,
        submission=new_submission(),
    )


def _tries(page: Page, message: StoredMessage, attempts: tuple[Attempt, ...]) -> list[Try]:
    """Every attempt, newest first; the one that succeeded stands with the message itself."""
    made = [
        Try(
            played(page, attempt.at),
            attempt.address,
            page.s(f"letter.try.{attempt.outcome}"),
            reply_words(attempt.reply_code, attempt.reply_text),
        )
        for attempt in attempts
    ]
    if message.sent_at is not None:
        reply = reply_words(message.reply_code, message.reply_text)
        made.append(Try(message.sent_at, message.address, page.s("letter.try.sent"), reply))
    elif not made and message.attempts and message.reply_text:
        # From before attempts were kept: the last words stand with the message.
        at = message.first_attempt_at or message.decided_at
        reply = reply_words(message.reply_code, message.reply_text)
        made.append(Try(played(page, at), message.address, page.s("letter.try.last"), reply))
    return made[::-1]


@post("/thu-da-gui/{outbox_id:str}/gui-lai", include_in_schema=False)
async def send_again(request: WebRequest, outbox_id: FromPath[str]) -> Response[bytes]:
    """Send a letter that did not arrive again, if asked to a colleague of its recipient."""
    page = await open_page(request)
    require(page.actor, Verb.RESEND)
    message_id = parse_id(outbox_id)
    form = await read_form(page)
    reason = form.required("ly-do", "form_reason_needed")
    person = form.text("gui-cho")
    to = parse_id(person) if person else None
    if form.problems:
        return await _show(page, message_id, form, status=422)

    async def work() -> str:
        opened = await actions.replay(page.actor, message_id, form.version(), reason, to, page.now)
        return opened.message.address

    try:
        address = await once(page, form, work)
    except Invalid as refused:
        form.take(refused, {"/reason": "ly-do", "/to_official_id": "gui-cho"})
        return await _show(page, message_id, form, status=422)
    except Conflict as refused:
        form.problems.append(Problem("", refused.code, None, refused.params))
        return await _show(page, message_id, form, status=409)
    return page.see(f"/thu-da-gui/{message_id}", "notice.letter_again", address=address)


# -- many at once ----------------------------------------------------------------------------------------------


@get("/he-thong/gui-lai", include_in_schema=False)
async def replay_preview(request: WebRequest) -> Response[bytes]:
    """How many letters would go again?"""
    page = await open_page(request)
    require(page.actor, Verb.OPERATE)
    return await _show_replay(page, wanted_of(page), Form({}))


async def _show_replay(page: Page, wanted: OutboxFilter, form: Form, status: int = 200) -> Response[bytes]:
    found = await actions.replay_matching(page.actor, wanted, "–", page.now, dry_run=True)
    query = page.address(sau=None).partition("?")[2]
    page.shown_path = "/he-thong/gui-lai"
    tail = f"?{query}" if query else ""
    return page.render(
        "letters-again.html",
        status=status,
        form=form,
        again=[_row(page, message) for message in found.again],
        refused=[_row(page, message) for message in found.refused],
        left=found.left,
        action=f"/he-thong/gui-lai{tail}",
        back=f"/he-thong/thu{tail}",
        submission=new_submission(),
    )


@post("/he-thong/gui-lai", include_in_schema=False)
async def replay(request: WebRequest) -> Response[bytes]:
    """Put all of them back on their way."""
    page = await open_page(request)
    require(page.actor, Verb.OPERATE)
    wanted = wanted_of(page)
    form = await read_form(page)
    reason = form.required("ly-do", "form_reason_needed")
    if form.problems:
        return await _show_replay(page, wanted, form, status=422)

    async def work() -> str:
        done = await actions.replay_matching(page.actor, wanted, reason, page.now)
        return str(len(done.again))

    try:
        count = await once(page, form, work)
    except Invalid as refused:
        form.take(refused, {"/reason": "ly-do"})
        return await _show_replay(page, wanted, form, status=422)
    return page.see("/he-thong", "notice.letters_again", count=count)


routes = [letters, letter, send_again, replay_preview, replay]

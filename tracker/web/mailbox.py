"""The demonstration's mailbox: letters as a mail client shows them, and nothing where there is no mailbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from urllib.parse import quote

from litestar import Response, get
from litestar.params import FromPath

from tracker.api.security import SECURITY_HEADERS
from tracker.db import reads_web
from tracker.db.reads_web import Visitor
from tracker.domain.errors import NotFound
from tracker.domain.zone import civil_now
from tracker.feeds.reading import ReadEvent, read_events
from tracker.mailbox import LetterView, LocalMailbox
from tracker.web.page import Page, local_path, open_page, parse_id
from tracker.web.state import WebRequest, state_of
from tracker.web.wording import clock

PAGE_ROWS = 50
SEARCHED = 5000
_HEADERS = ("From", "To", "Reply-To", "Date", "Subject", "Message-ID", "References", "Auto-Submitted")
_LETTER = re.compile(r"[0-9]{8}")

# A letter's own HTML stands in a frame without scripts, forms or foreign pictures; its styles are inline by need.
_LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: cid:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_FRAMING_POLICY = SECURITY_HEADERS["Content-Security-Policy"] + "; frame-src 'self'"


@dataclass(frozen=True)
class Line:
    """A letter in the list."""

    id: str
    subject: str
    to: str
    received_at: datetime | None
    has_invitation: bool


@dataclass(frozen=True)
class EventCard:
    """An invitation as a card."""

    month: str
    day: int
    weekday: str
    summary: str
    when: str
    method: str
    description: str
    uid: str
    sequence: int
    is_cancelled: bool


@dataclass(frozen=True)
class File:
    """A file that can be taken from a letter."""

    number: int
    name: str
    size: str


@dataclass(frozen=True)
class MailView:
    """A letter taken apart for the page."""

    id: str
    subject: str
    headers: list[tuple[str, str]]
    text: str
    has_html: bool
    events: list[EventCard]
    attachments: list[File]
    source: str
    reader: Visitor | None
    leads_to: str


def _mailbox(request: WebRequest) -> LocalMailbox:
    mailbox = state_of(request).mailbox
    if mailbox is None:
        raise NotFound(noun="mailbox")
    return mailbox


def _read(request: WebRequest, letter_id: str) -> LetterView:
    if not _LETTER.fullmatch(letter_id):
        raise NotFound(noun="letter")
    return _mailbox(request).read(letter_id)


@get("/thu", include_in_schema=False)
async def letters(request: WebRequest) -> Response[bytes]:
    """What was really delivered?"""
    mailbox = _mailbox(request)
    page = await open_page(request)
    words = page.query.get("tu", "")[:100]
    before = page.query.get("sau")
    found = mailbox.list_messages(
        limit=PAGE_ROWS + 1, before=before if before and _LETTER.fullmatch(before) else None, to=words
    )
    shown = found[:PAGE_ROWS]
    rows = [
        Line(
            letter.id,
            letter.subject,
            letter.recipient_name or letter.recipient,
            letter.received_at,
            _has_invitation(mailbox, letter.id),
        )
        for letter in shown
    ]
    return page.render(
        "mailbox.html",
        rows=rows,
        total=None if words else mailbox.count(),
        next_address=page.address(sau=shown[-1].id) if len(found) > PAGE_ROWS else None,
    )


@lru_cache(maxsize=5000)
def _has_invitation(mailbox: LocalMailbox, letter_id: str) -> bool:
    """A letter never changes, so it is taken apart once."""
    return bool(mailbox.read(letter_id).calendar)


@get("/thu/cua/{outbox_id:str}", include_in_schema=False)
async def letter_of(request: WebRequest, outbox_id: FromPath[str]) -> Response[bytes]:
    """From a message of the outbox to the letter that arrived."""
    mailbox = _mailbox(request)
    page = await open_page(request)
    key = await reads_web.get_notify_key(parse_id(outbox_id))
    for found in mailbox.list_messages(limit=SEARCHED):
        if found.key and found.key == key:
            return page.see(f"/thu/{found.id}")
    raise NotFound(noun="letter")


@get("/thu/{letter_id:str}", include_in_schema=False)
async def letter(request: WebRequest, letter_id: FromPath[str]) -> Response[bytes]:
    """One letter: headers, how it looks, how it reads, what it carries."""
    found = _read(request, letter_id)
    page = await open_page(request)
    headers = dict(reversed(found.headers))
    method, events = read_events(found.calendar) if found.calendar else ("", ())
    view = MailView(
        id=letter_id,
        subject=found.letter.subject,
        headers=[(name, headers[name]) for name in _HEADERS if name in headers],
        text=found.text,
        has_html=bool(found.html),
        events=[_card(page, event, found.calendar_method or method) for event in events],
        attachments=[
            File(number, x.file_name or page.s("letter.one"), _size(len(x.data)))
            for number, x in enumerate(found.attachments)
        ],
        source=found.source.decode("utf-8", "replace"),
        reader=await reads_web.find_visitor_by_address(found.letter.recipient),
        leads_to=_first_page(page, found.text),
    )
    return page.render("mail.html", m=view, headers={"Content-Security-Policy": _FRAMING_POLICY})


def _first_page(page: Page, text: str) -> str:
    """The page that the letter's link leads to; the start page when it has none of ours."""
    found = re.search(re.escape(page.state.settings.address) + r"(/\S*)", text)
    return local_path(found[1] if found else "", "/")


def _card(page: Page, event: ReadEvent, method: str) -> EventCard:
    local = civil_now(event.starts) if isinstance(event.starts, datetime) else None
    day = local.date() if local else event.starts
    assert isinstance(day, date)
    when = page.long_day(day).striptags()
    if local is not None:
        when = page.s("due.by_hour", time=clock(local.time()), day=when)
    known = {"REQUEST": "invite.request", "CANCEL": "invite.cancel"}
    return EventCard(
        month=page.s("invite.month", month=day.month),
        day=day.day,
        weekday=page.weekday(day),
        summary=event.summary,
        when=when,
        method=page.s(known.get(method.upper(), "invite.publish")),
        description=event.description,
        uid=event.uid,
        sequence=event.sequence,
        is_cancelled=event.is_cancelled,
    )


def _size(octets: int) -> str:
    return f"{max(1, round(octets / 1024))} KB"


@get("/thu/{letter_id:str}/html", include_in_schema=False)
async def letter_html(request: WebRequest, letter_id: FromPath[str]) -> Response[bytes]:
    """A letter's own HTML, for the frame on its page."""
    html = _read(request, letter_id).html
    if not html:
        raise NotFound(noun="letter")
    # Links open beside the letter; nothing else is added.
    base = '<base target="_blank">'
    body = (
        re.sub(r"(?i)<head[^>]*>", lambda m: m[0] + base, html, count=1)
        if "<head" in html.lower()
        else base + html
    )
    headers = {"Content-Security-Policy": _LETTER_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return Response(content=body.encode(), media_type="text/html", headers=headers)


@get("/thu/{letter_id:str}/nguon", include_in_schema=False)
async def letter_source(request: WebRequest, letter_id: FromPath[str]) -> Response[bytes]:
    """The bytes as they came over SMTP."""
    source = _read(request, letter_id).source
    return _download(source, f"{letter_id}.eml", "application/octet-stream")


@get("/thu/{letter_id:str}/tep/{number:str}", include_in_schema=False)
async def letter_file(
    request: WebRequest, letter_id: FromPath[str], number: FromPath[str]
) -> Response[bytes]:
    """A file that came with a letter, always as a download."""
    files = _read(request, letter_id).attachments
    if not re.fullmatch(r"[0-9]{1,3}", number) or int(number) >= len(files):
        raise NotFound(noun="attachment")
    found = files[int(number)]
    return _download(found.data, found.file_name or f"{letter_id}-{number}", "application/octet-stream")


def _download(body: bytes, name: str, media_type: str) -> Response[bytes]:
    """A file to keep; its name can carry any letter but no line break."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:100] or "tep"
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content=body, media_type=media_type, headers={"Content-Disposition": disposition})


routes = [letters, letter_of, letter, letter_html, letter_source, letter_file]

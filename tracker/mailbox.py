"""The demonstration's own mailbox: a mail server on this machine that keeps what it is sent, and reads it.

Messages come by real SMTP and are kept as a Maildir under the data folder, one file each, written to disk
before the sender is told 250.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from tracker import clock
from tracker.domain.errors import NotFound

HOST = "127.0.0.1"
MAX_MESSAGE = 10 * 1024 * 1024
REMEMBERED = 2_000
_NAME = re.compile(r"([0-9]{8})\.eml")


@dataclass(frozen=True, slots=True)
class Letter:
    """One line of the list: who got what, when. `id` grows in the order of arrival."""

    id: str
    recipient: str
    recipient_name: str
    sender: str
    subject: str
    sent_at: datetime | None
    received_at: datetime | None
    key: str
    has_calendar: bool


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file beside the text."""

    file_name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class LetterView:
    """A message as a mail program shows it; `html` belongs in a frame without scripts, not in the page."""

    letter: Letter
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    calendar: str
    calendar_method: str
    attachments: tuple[Enclosure, ...]
    source: bytes


class LocalMailbox:
    """A mail server on the loopback interface and the letters it was given."""

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        self._folder = data_dir / "mailbox"
        self._port = port
        self._server: asyncio.Server | None = None
        self._last = 0
        self._remembered: OrderedDict[str, Letter] = OrderedDict()

    @property
    def port(self) -> int:
        """Where it listens; chosen by the system when 0 was asked for."""
        if self._server is None:
            return self._port
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen, and go on from the letters of earlier runs."""
        for part in ("tmp", "new", "cur"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        for leftover in (self._folder / "tmp").iterdir():
            leftover.unlink()
        self._last = max((int(name[:8]) for name in self._names()), default=0)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, HOST, self._port)

    async def stop(self) -> None:
        """Stop listening; letters stay."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await server.wait_closed()

    def list_messages(self, *, limit: int = 200, before: str | None = None, to: str = "") -> list[Letter]:
        """Letters, newest first, older than `before`; `to` picks those whose recipient contains it."""
        wanted = to.strip().lower()
        found: list[Letter] = []
        for name in sorted(self._names(), reverse=True):
            if len(found) == limit:
                break
            if before is not None and name[:8] >= before:
                continue
            letter = self._letter(name[:8])
            if wanted in f"{letter.recipient} {letter.recipient_name}".lower():
                found.append(letter)
        return found

    def find(self, key: str) -> Letter | None:
        """The newest letter with this X-Notify-Key."""
        names = sorted(self._names(), reverse=True)
        return next((found for name in names if (found := self._letter(name[:8])).key == key), None)

    def count(self) -> int:
        """How many letters there are."""
        return sum(1 for _ in self._names())

    def read(self, letter_id: str) -> LetterView:
        """One letter, taken apart. Raises NotFound."""
        source = self._source(letter_id)
        message = _parsed(source)
        calendar: Any
        calendar = next((p for p in message.walk() if p.get_content_type() == "text/calendar"), None)
        return LetterView(
            letter=_letter_of(letter_id, message, calendar is not None),
            headers=tuple((name, str(value)) for name, value in message.items()),
            text=_content(message.get_body(("plain",))),
            html=_content(message.get_body(("html",))),
            calendar=_content(calendar),
            calendar_method=str(calendar.get_param("method", "")) if calendar is not None else "",
            attachments=tuple(_enclosure(part) for part in message.iter_attachments()),
            source=source,
        )

    def _protocol(self) -> SMTP:
        return SMTP(self, enable_SMTPUTF8=True, data_size_limit=MAX_MESSAGE, hostname="localhost")

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:
        """aiosmtpd's hook: the letter is on the disk when this answers."""
        self._last += 1
        name = f"{self._last:08d}.eml"
        content = envelope.content
        assert isinstance(content, bytes)  # decode_data is off
        received = format_datetime(clock.utc_now())
        head = (
            f"Return-Path: <{envelope.mail_from}>\r\n"
            + "".join(f"Delivered-To: {recipient}\r\n" for recipient in envelope.rcpt_tos)
            + f"Received: from {session.host_name} by localhost;\r\n {received}\r\n"
        )
        await asyncio.to_thread(self._store, name, head.encode() + content)
        return f"250 2.0.0 kept as {self._last}"

    def _store(self, name: str, data: bytes) -> None:
        temporary = self._folder / "tmp" / name
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._folder / "new" / name)
        folder = os.open(self._folder / "new", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _names(self) -> list[str]:
        folder = self._folder / "new"
        return [name for name in os.listdir(folder) if _NAME.fullmatch(name)] if folder.is_dir() else []

    def _source(self, letter_id: str) -> bytes:
        if not _NAME.fullmatch(f"{letter_id}.eml"):
            raise NotFound(letter=letter_id)
        try:
            return (self._folder / "new" / f"{letter_id}.eml").read_bytes()
        except FileNotFoundError:
            raise NotFound(letter=letter_id) from None

    def _letter(self, letter_id: str) -> Letter:
        known = self._remembered.get(letter_id)
        if known is None:
            head, _, body = self._source(letter_id).partition(b"\r\n\r\n")
            known = _letter_of(
                letter_id, _parsed(head + b"\r\n\r\n"), b"\r\nContent-Type: text/calendar" in body
            )
            self._remembered[letter_id] = known
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return known


def _parsed(source: bytes) -> EmailMessage:
    message = message_from_bytes(source, policy=modern)
    assert isinstance(message, EmailMessage)  # what the policy makes
    return message


def _letter_of(letter_id: str, message: EmailMessage, has_calendar: bool) -> Letter:
    to = message["To"].addresses[0] if message["To"] and message["To"].addresses else None
    received = str(message.get("Received", "")).rpartition(";")[2].strip()
    return Letter(
        id=letter_id,
        recipient=str(message.get("Delivered-To", "")),
        recipient_name=to.display_name if to is not None else "",
        sender=str(message.get("From", "")),
        subject=str(message.get("Subject", "")),
        sent_at=_instant(message["Date"]),
        received_at=_instant(modern.header_factory("Date", received)) if received else None,
        key=str(message.get("X-Notify-Key", "")),
        has_calendar=has_calendar,
    )


def _instant(header: Any) -> datetime | None:
    found: datetime | None = getattr(header, "datetime", None)
    return found


def _content(part: Any) -> str:
    if part is None:
        return ""
    content = part.get_content()
    return content if isinstance(content, str) else bytes(content).decode("utf-8", "replace")


def _enclosure(part: Any) -> Enclosure:
    data = part.get_payload(decode=True) or b""
    return Enclosure(part.get_filename() or "", part.get_content_type(), data)

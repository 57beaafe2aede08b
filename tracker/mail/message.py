"""A message as a value, and its RFC 5322 bytes: small templates joined, never an object tree.

Built once, stored, and sent again unchanged on every retry.
The bytes are 7-bit with CRLF line ends, so that no relay has a reason to change them.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

from tracker.domain.zone import civil_now

# Controls, line and paragraph separators; bidirectional overrides, which could show a false sender or number.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_BODY_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MESSAGE_ID_LEFT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")

LINE_LENGTH = 78
ENCODED_WORD_LENGTH = 75


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A person's or a body's name, as it stands, and the bare address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """An iTIP object; `method` is repeated in the part's header, as RFC 6047 §2.4 asks."""

    method: Literal["REQUEST", "CANCEL", "PUBLISH"]
    data: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside the text; `content_type` is trusted, the name is not."""

    file_name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """All that one recipient gets in one mail.

    `message_id` and `references` come in angle brackets; `sent_at` is an aware instant.
    """

    sender: Mailbox
    recipient: Mailbox
    reply_to: Mailbox | None
    subject: str
    text: str
    html: str
    message_id: str
    key: str
    sent_at: datetime
    language: str = "vi"
    references: tuple[str, ...] = ()
    calendar: CalendarPart | None = None
    attachments: tuple[Attachment, ...] = ()


def message_id(key: str, domain: str) -> str:
    """The Message-ID for a key that is unique per outbox row; the same on every retry.

    >>> message_id("outbox-17", "dondoc.example.vn")
    '<outbox-17@dondoc.example.vn>'
    """
    if not _MESSAGE_ID_LEFT.fullmatch(key) or key.startswith(".") or key.endswith(".") or ".." in key:
        raise ValueError(f"not the left side of a Message-ID: {key!r}")
    return f"<{key}@{domain}>"


def thread_root(task_uid: object, domain: str) -> str:
    """The Message-ID all mails of a task refer to; it is never sent itself.

    >>> thread_root("0b6f", "dondoc.example.vn")
    '<task-0b6f@dondoc.example.vn>'
    """
    return f"<task-{task_uid}@{domain}>"


def header_text(value: str) -> str:
    """One printable line: controls and separators become a space, runs of space become one.

    >>> header_text(" Kế hoạch\\r\\nBcc: ai@do.vn\\u2028năm\\t2025 ")
    'Kế hoạch Bcc: ai@do.vn năm 2025'
    """
    if not value.isprintable():  # the scan in C decides for nearly all; the patterns are ten times slower
        value = _BREAKS.sub(" ", _SURROGATES.sub("\ufffd", value))
    return " ".join(value.split())


def body_text(value: str) -> str:
    """Text with LF line ends and without other controls than tab."""
    if value.replace("\n", "").isprintable():
        return value
    lines = _LINE_ENDS.sub("\n", _SURROGATES.sub("\ufffd", value))
    return _BODY_CONTROLS.sub("", lines)


def to_bytes(message: Message) -> bytes:
    """The message as it goes on the wire, before dot-stuffing: 7-bit, CRLF, headers folded at 78."""
    boundary = hashlib.sha256(message.message_id.encode()).hexdigest()[:24]
    alternatives = [_text_part("text/plain", message.text), _text_part("text/html", message.html)]
    if message.calendar is not None:
        alternatives.append(_calendar_part(message.calendar))
    body = _multipart("alternative", f"=_a{boundary}", alternatives)
    if message.attachments:
        parts = [body, *(_attachment_part(attachment) for attachment in message.attachments)]
        body = _multipart("mixed", f"=_m{boundary}", parts)
    head = "".join(f"{line}\r\n" for line in _head(message))
    # Only an address with a non-ASCII local part brings more than ASCII into the head (RFC 6532).
    return head.encode() + body


def _head(message: Message) -> list[str]:
    lines = [
        f"Date: {format_datetime(civil_now(message.sent_at))}",
        f"From: {_mailbox('From', message.sender)}",
        f"To: {_mailbox('To', message.recipient)}",
        f"Subject: {_unstructured('Subject', message.subject)}",
        f"Message-ID: {message.message_id}",
        "MIME-Version: 1.0",
    ]
    if message.reply_to is not None:
        lines.append(f"Reply-To: {_mailbox('Reply-To', message.reply_to)}")
    if message.references:
        lines.append("References: " + "\r\n ".join(message.references))
    lines += [
        f"Content-Language: {header_text(message.language)}",
        "Auto-Submitted: auto-generated",
        # Not "All": that would also suppress delivery reports.
        "X-Auto-Response-Suppress: OOF, AutoReply",
        f"X-Notify-Key: {_unstructured('X-Notify-Key', message.key)}",
    ]
    return lines


def _multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    # "=_" occurs in no quoted-printable and no base64 text (RFC 2045 §6.7), so the boundary cannot either.
    edge = b"--" + boundary.encode()
    opening = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'.encode()
    # The line end before an edge belongs to the edge (RFC 2046 §5.1.1), so each part brings one more.
    inner = b"".join(edge + b"\r\n" + part + b"\r\n" for part in parts)
    return opening + inner + edge + b"--\r\n"


def _text_part(content_type: str, text: str) -> bytes:
    clean = body_text(text)
    if not clean.endswith("\n"):
        clean += "\n"
    encoding, encoded = _transfer_encode(clean.replace("\n", "\r\n").encode())
    head = f"Content-Type: {content_type}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + encoded


def _calendar_part(calendar: CalendarPart) -> bytes:
    head = (
        f"Content-Type: text/calendar; charset=UTF-8; method={calendar.method}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + _base64_lines(calendar.data)


def _attachment_part(attachment: Attachment) -> bytes:
    name = header_text(attachment.file_name)
    if name.isascii() and not re.search(r'["\\]', name):
        parameter = f'filename="{name}"'
    else:
        parameter = f"filename*=UTF-8''{quote(name, safe='')}"
    head = (
        f"Content-Type: {attachment.content_type}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment;\r\n {parameter}\r\n\r\n"
    )
    return head.encode() + _base64_lines(attachment.data)


def _transfer_encode(data: bytes) -> tuple[str, bytes]:
    """Quoted-printable where it stays readable and shorter, else base64."""
    foreign = len(data) - len(data.translate(None, _HIGH_BYTES))
    if foreign * 6 > len(data):
        return "base64", _base64_lines(data)
    return "quoted-printable", binascii.b2a_qp(data, istext=True)


_HIGH_BYTES = bytes(range(128, 256))


def _base64_lines(data: bytes) -> bytes:
    flat = b64encode(data)
    return b"".join(flat[i : i + 76] + b"\r\n" for i in range(0, len(flat), 76))


def _unstructured(name: str, value: str) -> str:
    """A free-text header value: as it is when short and ASCII, else RFC 2047 words."""
    clean = header_text(value)
    if clean.isascii() and "=?" not in clean and len(name) + 2 + len(clean) <= LINE_LENGTH:
        return clean
    return _encoded_words(clean, len(name) + 2)


def _encoded_words(value: str, column: int) -> str:
    """RFC 2047 base64 words, none over 75 characters and no character cut in two."""
    octets = value.encode()
    words: list[str] = []
    start, room = 0, _word_room(column)
    while start < len(octets):
        end = min(start + room, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # not between the octets of one character
            end -= 1
        words.append(f"=?utf-8?b?{b64encode(octets[start:end]).decode()}?=")
        start, room = end, _word_room(1)
    return "\r\n ".join(words)


def _word_room(column: int) -> int:
    """How many octets an encoded word may hold that begins at this column."""
    letters = min(ENCODED_WORD_LENGTH, LINE_LENGTH - column) - len("=?utf-8?b??=")
    return letters // 4 * 3


@lru_cache(maxsize=4096)
def _mailbox(header: str, mailbox: Mailbox) -> str:
    """`"Name" <address>` with the name quoted or encoded, so that nothing in it can become an address."""
    name = header_text(mailbox.name)
    if not name:
        return mailbox.address
    column = len(header) + 2
    if not name.isascii() or "=?" in name or column + len(name) * 2 > LINE_LENGTH:
        shown = _encoded_words(name, column)
    elif _ATOMS.fullmatch(name):
        shown = name
    else:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        shown = f'"{escaped}"'
    last_line = shown.rsplit("\r\n", 1)[-1]
    begun = column if last_line is shown or "\r\n" not in shown else 0
    fits = begun + len(last_line) + len(mailbox.address) + 3 <= LINE_LENGTH
    return f"{shown} <{mailbox.address}>" if fits else f"{shown}\r\n <{mailbox.address}>"

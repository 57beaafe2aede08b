"""A stored message read back: its headers and its plain text, for people who look at what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern

from tracker.domain.redaction import without_secrets

SHOWN_HEADERS = (
    "Date",
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Message-ID",
    "References",
    "Content-Language",
    "Auto-Submitted",
    "X-Notify-Key",
)


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """What a message says, without the tokens of its links."""

    headers: tuple[tuple[str, str], ...]
    text: str
    has_calendar: bool


def read_message(raw: bytes) -> ReadMessage:
    """The message as a person may read it; nothing of one that could never be rendered."""
    message = message_from_bytes(raw, policy=modern)
    assert isinstance(message, EmailMessage)  # what the policy makes
    headers = [(name, str(message[name])) for name in SHOWN_HEADERS if message[name] is not None]
    body = message.get_body(("plain",))
    text = str(body.get_content()) if body is not None else ""
    parts = (part.get_content_type() for part in message.walk())
    return ReadMessage(
        headers=tuple((name, without_secrets(value)) for name, value in headers),
        text=without_secrets(text.replace("\r\n", "\n")),
        has_calendar="text/calendar" in parts,
    )

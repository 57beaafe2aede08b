"""What somebody reads in a letter."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage


def text_of(letter: bytes | EmailMessage) -> str:
    """The plain text of a letter, which every letter has."""
    read = letter if isinstance(letter, EmailMessage) else message_from_bytes(letter, policy=policy.default)
    body = read.get_body(("plain",))
    assert body is not None, "a letter without plain text"
    return str(body.get_content())

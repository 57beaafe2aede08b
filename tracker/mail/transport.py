"""What becomes of a message handed to the mail server, as values; and a transport that keeps all in memory.

The transport that talks to a server is in smtp.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tracker.mail.message import header_text

MAX_REPLY = 500


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took the message on itself: it will deliver it or say that it could not."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server will never take it.

    `about` the recipient: the address is dead; about the message: the address may well be good.
    """

    code: int
    text: str
    about: Literal["recipient", "message"] = "recipient"


@dataclass(frozen=True, slots=True)
class TryLater:
    """Not taken this time.

    `relay_down`: the server is at fault, or we are at the server; every other message would meet it too.
    `maybe_delivered`: the message was being handed over and no answer came; the next attempt may double it.
    """

    text: str
    relay_down: bool = False
    maybe_delivered: bool = False


Outcome = Accepted | Rejected | TryLater


class Session(Protocol):
    """A connection that lasts for a batch of messages, one after another."""

    async def send(
        self, envelope_from: str, recipient: str, data: bytes, *, envelope_id: str = ""
    ) -> Outcome:
        """Hand over one message for one recipient; whatever the server does ends as a value."""
        ...


class Transport(Protocol):
    """The way out for messages.

    One recipient per message, so that no partial refusal can look like success.
    """

    def session(self) -> AbstractAsyncContextManager[Session]:
        """A session for a batch; nothing is opened before the first message."""
        ...

    async def send(
        self, envelope_from: str, recipient: str, data: bytes, *, envelope_id: str = ""
    ) -> Outcome:
        """One message in a session of its own."""
        ...


def reply_text(text: str) -> str:
    """A server's words, safe to store, log and show: one line, no controls, at most 500 characters.

    >>> reply_text("5.1.1 no such user\\r\\n\\x1b[31mINFO all is well")
    '5.1.1 no such user [31mINFO all is well'
    """
    return header_text(text)[:MAX_REPLY]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that a MemoryTransport took."""

    envelope_from: str
    recipient: str
    data: bytes


@dataclass
class MemoryTransport:
    """Takes messages into a list; `answer` says per recipient what a server would have answered."""

    answer: Callable[[str], Outcome] = lambda recipient: Accepted(250, "2.0.0 kept in memory")
    taken: list[Delivery] = field(default_factory=list)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """The transport itself: there is no connection to hold."""
        yield self

    async def send(
        self, envelope_from: str, recipient: str, data: bytes, *, envelope_id: str = ""
    ) -> Outcome:
        """Keep the message unless `answer` refuses it; a lost answer still leaves the message there."""
        outcome = self.answer(recipient)
        lost = isinstance(outcome, TryLater) and outcome.maybe_delivered
        if isinstance(outcome, Accepted) or lost:
            self.taken.append(Delivery(envelope_from, recipient, data))
        return outcome

"""The way out by SMTP: one connection per batch, encryption explicit, every wait bounded.

Whatever the server does ends as one of the values of transport.py, within the times of the Relay.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import aiosmtplib

from tracker.domain.errors import Invalid
from tracker.mail.addresses import Address, parse_address
from tracker.mail.transport import Accepted, Outcome, Rejected, TryLater, reply_text

MESSAGES_PER_CONNECTION = 50
# Of these the first that the server offers is tried, once: a wrong password must not lock the account.
AUTH_METHODS = ("plain", "login", "cram-md5")
_LEADING_DOT = re.compile(rb"(?m)^\.")
_XTEXT = re.compile(r"[^!-*,-<>-~]")


@dataclass(frozen=True)
class Relay:
    """The mail server that takes our messages, and how long we bear with it.

    `send_seconds` bounds everything up to the final dot, connecting included; `final_reply_seconds` the
    wait for the answer after it (RFC 5321 §4.5.3.2.6 asks for ten minutes; None: the rest of `send_seconds`).
    Encryption is demanded, never tried: `none` is for this machine, or where `allow_clear` says so.
    """

    host: str
    port: int = 25
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    local_hostname: str = "localhost"
    send_seconds: float = 120
    final_reply_seconds: float | None = None
    connect_seconds: float = 60
    quit_seconds: float = 5
    allow_clear: bool = False

    def __post_init__(self) -> None:
        if self.security == "none":
            if not (self.allow_clear or _is_loopback(self.host)):
                raise ValueError(f"mail to {self.host} would go in clear: security must be starttls or tls")
            if self.user is not None:
                raise ValueError("a password is never sent in clear: security must be starttls or tls")

    def tls_context(self) -> ssl.SSLContext | None:
        """Certificates and names are always verified; `ca_file` adds to what the system trusts."""
        if self.security == "none":
            return None
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_file is not None:
            context.load_verify_locations(cafile=self.ca_file)
        return context


class SmtpTransport:
    """Sends through one relay; `sign` adds a signature line to each message on its way out."""

    def __init__(self, relay: Relay, sign: Callable[[bytes], bytes] | None = None) -> None:
        self._relay = relay
        self._tls = relay.tls_context()
        self._sign = sign

    @asynccontextmanager
    async def session(self) -> AsyncIterator[SmtpSession]:
        """A session for a batch; it connects at its first message and says QUIT at its end."""
        session = SmtpSession(self._relay, self._tls, self._sign)
        try:
            yield session
        finally:
            await session.close()

    async def send(
        self, envelope_from: str, recipient: str, data: bytes, *, envelope_id: str = ""
    ) -> Outcome:
        """One message on a connection of its own."""
        async with self.session() as session:
            return await session.send(envelope_from, recipient, data, envelope_id=envelope_id)


class _Stage(IntEnum):
    """How far one message has come; what a failure means depends on it."""

    CONNECT = 1
    SENDER = 2
    RECIPIENT = 3
    DATA = 4
    BODY = 5


class _Refused(Exception):
    """The server answered with something else than what the stage needs."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class _Envelope:
    sender: Address
    recipient: Address
    envelope_id: str

    @property
    def needs_smtputf8(self) -> bool:
        return self.sender.needs_smtputf8 or self.recipient.needs_smtputf8


class SmtpSession:
    """One connection at a time to the relay, opened when needed and thrown away after any surprise."""

    def __init__(
        self, relay: Relay, tls: ssl.SSLContext | None, sign: Callable[[bytes], bytes] | None = None
    ) -> None:
        self._relay = relay
        self._tls = tls
        self._sign = sign
        self._client: aiosmtplib.SMTP | None = None
        self._sent_here = 0
        self._stage = _Stage.CONNECT

    async def send(
        self, envelope_from: str, recipient: str, data: bytes, *, envelope_id: str = ""
    ) -> Outcome:
        """Hand over one message for one recipient.

        1. Refuse what no server may see: bad addresses.
        2. Connect unless connected; MAIL, RCPT, DATA, the message, the final answer.
        3. A refusal is judged by its stage and code; a connection that surprised us is not used again.
        """
        try:
            envelope = _Envelope(
                parse_address(envelope_from, "/envelope_from"), parse_address(recipient), envelope_id
            )
        except Invalid as invalid:
            about: Literal["recipient", "message"] = (
                "recipient" if invalid.problems[0].field == "/email" else "message"
            )
            return Rejected(553, reply_text(f"5.1.3 not sent: {invalid}"), about)
        if self._sign is not None:
            # Seconds of arithmetic per hundred messages: not on the event loop.
            data = await asyncio.to_thread(self._sign, data) + data
        return await self._hand_over(envelope, data)

    async def close(self) -> None:
        """QUIT, politely and briefly; its answer changes nothing."""
        client = self._client
        if client is None:
            return
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(self._relay.quit_seconds):
                await client.quit()
        self._discard()

    async def _hand_over(self, envelope: _Envelope, data: bytes) -> Outcome:
        self._stage = _Stage.CONNECT
        try:
            async with asyncio.timeout(self._relay.send_seconds) as limit:
                return await self._converse(envelope, data, limit)
        except _Refused as refused:
            await self._reset_after(refused)
            return self._judge(refused)
        except TimeoutError as error:
            outcome = self._lost(str(error) or "no answer in time")
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            outcome = self._lost(f"{type(error).__name__}: {error}")
        except BaseException:
            self._discard()
            raise
        self._discard()
        return outcome

    async def _converse(self, envelope: _Envelope, data: bytes, limit: asyncio.Timeout) -> Outcome:
        if self._sent_here >= MESSAGES_PER_CONNECTION:
            await self.close()
        reused = self._client is not None and self._client.is_connected
        client = await self._connected()
        if unsupported := _unsupported(client, envelope, data):
            return unsupported
        try:
            await self._mail(client, envelope, data)
        except (_Refused, aiosmtplib.SMTPServerDisconnected) as error:
            # A server may close an idle connection at any time and says so at the next command.
            closed = not isinstance(error, _Refused) or error.code == 421
            if not (reused and closed):
                raise
            self._discard()
            client = await self._connected()
            await self._mail(client, envelope, data)
        await self._rcpt(client, envelope)
        return await self._data(client, data, limit)

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        self._discard()
        self._stage = _Stage.CONNECT
        relay = self._relay
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            local_hostname=relay.local_hostname,
            timeout=min(relay.connect_seconds, relay.send_seconds),
            use_tls=relay.security == "tls",
            start_tls=relay.security == "starttls",
            tls_context=self._tls,
        )
        self._client, self._sent_here = client, 0
        await client.connect()
        client.timeout = relay.send_seconds
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError:
            await client.helo()
        if relay.user is not None:
            await _log_in(client, relay.user, relay.password or "")
        return client

    async def _mail(self, client: aiosmtplib.SMTP, envelope: _Envelope, data: bytes) -> None:
        self._stage = _Stage.SENDER
        try:
            await client.mail(
                str(envelope.sender), options=_mail_options(client, envelope, data), encoding="utf-8"
            )
        except aiosmtplib.SMTPSenderRefused as refused:
            raise _Refused(refused.code, refused.message) from None

    async def _rcpt(self, client: aiosmtplib.SMTP, envelope: _Envelope) -> None:
        self._stage = _Stage.RECIPIENT
        options = ["NOTIFY=FAILURE,DELAY"] if client.supports_extension("dsn") else []
        try:
            await client.rcpt(str(envelope.recipient), options=options, encoding="utf-8")
        except aiosmtplib.SMTPRecipientRefused as refused:
            raise _Refused(refused.code, refused.message) from None

    async def _data(self, client: aiosmtplib.SMTP, data: bytes, limit: asyncio.Timeout) -> Outcome:
        self._stage = _Stage.DATA
        go_ahead = await client.execute_command(b"DATA")
        if go_ahead.code != 354:
            raise _Refused(go_ahead.code, go_ahead.message)
        protocol = client.protocol
        if protocol is None or _left_over(protocol):
            raise aiosmtplib.SMTPServerDisconnected("the server answered more than it was asked")
        self._stage = _Stage.BODY
        # aiosmtplib's own data() hides the moment of the final dot, from which the longer wait counts.
        protocol.write(_LEADING_DOT.sub(b"..", data) + b".\r\n")
        if self._relay.final_reply_seconds is not None:
            limit.reschedule(asyncio.get_running_loop().time() + self._relay.final_reply_seconds)
        reply = await protocol.read_response()
        if not 200 <= reply.code <= 299:
            raise _Refused(reply.code, reply.message)
        self._sent_here += 1
        if _left_over(protocol):
            self._discard()
        return Accepted(reply.code, reply_text(reply.message))

    def _judge(self, refused: _Refused) -> Outcome:
        """What a definite answer means at this stage."""
        code, text, stage = refused.code, reply_text(f"{refused.code} {refused.text}"), self._stage
        # 421: closing; 530, 535, 538: it wants us to sign in first: neither speaks of this message.
        if code in (421, 530, 535, 538):
            return TryLater(text, relay_down=True)
        if 400 <= code <= 499:
            return TryLater(text)
        if stage is _Stage.SENDER and not (code == 552 or "5.3.4" in refused.text[:5]):
            # Our own address is refused: that is for the operator to mend, and nothing may be lost meanwhile.
            return TryLater(text, relay_down=True)
        if 500 <= code <= 599:
            return Rejected(
                code, reply_text(refused.text), "recipient" if stage is _Stage.RECIPIENT else "message"
            )
        return TryLater(text, maybe_delivered=stage is _Stage.BODY)

    def _lost(self, reason: str) -> TryLater:
        """What a broken or silent connection means at this stage."""
        return TryLater(
            reply_text(f"{self._stage.name.lower()}: {reason}"),
            relay_down=self._stage <= _Stage.SENDER,
            maybe_delivered=self._stage is _Stage.BODY,
        )

    async def _reset_after(self, refused: _Refused) -> None:
        """Keep the connection for the next message where the refusal was an ordinary one."""
        client = self._client
        protocol = client.protocol if client is not None else None
        ordinary = 400 <= refused.code <= 599 and refused.code != 421
        if client is None or protocol is None or not ordinary or _left_over(protocol):
            self._discard()
            return
        try:
            async with asyncio.timeout(self._relay.quit_seconds):
                await client.rset()
        except (aiosmtplib.SMTPException, OSError):
            self._discard()

    def _discard(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        transport = client.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
        client.close()


def _unsupported(client: aiosmtplib.SMTP, envelope: _Envelope, data: bytes) -> Rejected | None:
    """What this server can never carry; a relay that learns more is met at a later message."""
    if envelope.needs_smtputf8 and not client.supports_extension("smtputf8"):
        return Rejected(553, "5.6.7 address unsupported by relay: SMTPUTF8 is not offered")
    if not data.isascii() and not client.supports_extension("8bitmime"):
        return Rejected(554, "5.6.3 8-bit message unsupported by relay: 8BITMIME is not offered", "message")
    return None


def _mail_options(client: aiosmtplib.SMTP, envelope: _Envelope, data: bytes) -> list[str]:
    options = []
    if client.supports_extension("size"):
        options.append(f"SIZE={len(data)}")
    if envelope.needs_smtputf8:
        options.append("SMTPUTF8")
    if not data.isascii():
        options.append("BODY=8BITMIME")
    if client.supports_extension("dsn"):
        options.append("RET=HDRS")
        if envelope.envelope_id:
            options.append(f"ENVID={_xtext(envelope.envelope_id)}")
    return options


async def _log_in(client: aiosmtplib.SMTP, user: str, password: str) -> None:
    for method in AUTH_METHODS:
        if method in client.server_auth_methods:
            await getattr(client, f"auth_{method.replace('-', '')}")(user, password)
            return
    raise aiosmtplib.SMTPException("the server offers no way to sign in that we know")


def _left_over(protocol: aiosmtplib.protocol.SMTPProtocol) -> bool:
    """Whether the server sent more than the answer just read; the next one would be mistaken for it."""
    return bool(getattr(protocol, "_buffer", b""))


def _xtext(value: str) -> str:
    """`value` in the xtext of RFC 3461 §4, at most 100 characters."""
    return _XTEXT.sub(lambda found: "".join(f"+{octet:02X}" for octet in found[0].encode()), value)[:100]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

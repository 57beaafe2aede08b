"""One POST to a receiver, by a client that asks the name once, connects to what it was told, and goes nowhere else.

No redirect is followed, no proxy of the environment is used, no cookie is kept, no connection is used twice.
The whole exchange has one time limit; of an answer no more than the limit is read.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import h11

from tracker.domain.net import Target, UnsafeAddress, is_address_allowed, is_host_listed, read_url
from tracker.domain.webhooks import LONGEST_ANSWER

TOTAL_SECONDS = 15.0
LONGEST_HEAD = 65_536
USER_AGENT = "tracker-webhooks/1"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True)
class Answer:
    """What came back: the status and the beginning of the body; else `reason`, a code of why nothing did."""

    status: int | None
    text: str = ""
    reason: str = ""
    retry_after: timedelta | None = None


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True)
class Sender:
    """The way out; without a listed host there is none.

    `hosts` are names or `.suffixes`, `networks` inner ones that may be reached; `plain_http` allows
    unencrypted calls to this machine.  `resolver` is asked once for each attempt.
    """

    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    ca_file: Path | None = None
    plain_http: bool = False
    total_seconds: float = TOTAL_SECONDS
    resolver: Resolve = resolve
    _tls: list[ssl.SSLContext] = field(default_factory=list, repr=False)

    def target(self, url: str) -> Target:
        """The receiver of an address, once it may be called. Raises UnsafeAddress."""
        target = read_url(url, plain_http=self.plain_http)
        if not self.hosts:
            raise UnsafeAddress("webhooks_off")
        if not is_host_listed(target.host, self.hosts):
            raise UnsafeAddress("webhook_host_not_listed")
        if target.address is not None and not is_address_allowed(target.host, self._networks(target)):
            raise UnsafeAddress("webhook_address_refused")
        return target

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body` once. Never raises for what the receiver or the network does."""
        try:
            async with asyncio.timeout(self.total_seconds):
                target = self.target(url)
                addresses = await self._addresses(target)
                return await self._exchange(target, addresses, body, headers)
        except UnsafeAddress as unsafe:
            return Answer(None, reason=unsafe.code)
        except TimeoutError:
            return Answer(None, reason="timeout")
        except ssl.SSLError as error:
            return Answer(None, text=str(error)[:300], reason="tls")
        except h11.RemoteProtocolError as error:
            return Answer(None, text=str(error)[:300], reason="protocol")
        except socket.gaierror:
            return Answer(None, reason="unknown_host")
        except (OSError, EOFError) as error:
            return Answer(None, text=type(error).__name__, reason="connection")

    def _networks(self, target: Target) -> tuple[str, ...]:
        loopback = ("127.0.0.0/8", "::1/128")
        if target.is_secure:
            return self.networks
        # In clear only to this machine, whatever else the operator listed.
        return loopback

    async def _addresses(self, target: Target) -> list[str]:
        """Where to connect: every answer must be allowed, so that none can be slipped in among good ones."""
        if target.address is not None:
            return [target.host]
        found = await self.resolver(target.host, target.port)
        networks = self._networks(target)
        if not target.is_secure and not all(_is_loopback(address) for address in found):
            raise UnsafeAddress("webhook_address_refused")
        if not found or not all(is_address_allowed(address, networks) for address in found):
            raise UnsafeAddress("webhook_address_refused")
        return list(found)

    async def _exchange(
        self, target: Target, addresses: Sequence[str], body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        reader, writer = await self._connect(target, addresses)
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
            writer.write(_request(connection, target, body, headers))
            await writer.drain()
            return await _answer(connection, reader)
        finally:
            # At once: a receiver that does not close must not keep us.
            writer.transport.abort()

    async def _connect(
        self, target: Target, addresses: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the first address that takes the connection; the name stays that of the certificate."""
        failure: OSError = ConnectionError("no address")
        for address in addresses:
            try:
                return await asyncio.open_connection(
                    address,
                    target.port,
                    ssl=self._context() if target.is_secure else None,
                    server_hostname=target.host if target.is_secure else None,
                )
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
        raise failure

    def _context(self) -> ssl.SSLContext:
        if not self._tls:
            context = ssl.create_default_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.ca_file is not None:
                context.load_verify_locations(self.ca_file)
            self._tls.append(context)
        return self._tls[0]


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def _request(connection: h11.Connection, target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    fields = {
        "Host": target.host_header,
        "User-Agent": USER_AGENT,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
        **headers,
    }
    sent = [
        connection.send(h11.Request(method="POST", target=target.path, headers=list(fields.items()))),
        connection.send(h11.Data(data=body)),
        connection.send(h11.EndOfMessage()),
    ]
    return b"".join(part for part in sent if part)


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    """The final answer; what follows its status may break off or go on for ever without changing it."""
    response = await _head(connection, reader)
    text = bytearray()
    with suppress(TimeoutError, OSError, EOFError, h11.RemoteProtocolError):
        # A share of the whole time: the status is known, only words may be missing.
        async with asyncio.timeout(2.0):
            await _read_body(connection, reader, text)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return Answer(
        response.status_code,
        bytes(text[:LONGEST_ANSWER]).decode("utf-8", "replace"),
        retry_after=retry_after_of(headers.get("retry-after"), headers.get("date")),
    )


async def _head(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Response:
    seen = 0
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            data = await reader.read(16_384)
            seen += len(data)
            if seen > LONGEST_HEAD:
                # Interim answers without end.
                raise h11.RemoteProtocolError("the answer does not begin")
            connection.receive_data(data)
        elif not isinstance(event, h11.InformationalResponse):
            raise EOFError


async def _read_body(connection: h11.Connection, reader: asyncio.StreamReader, text: bytearray) -> None:
    while len(text) < LONGEST_ANSWER:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            text += event.data
        elif event is h11.NEED_DATA:
            connection.receive_data(await reader.read(16_384))
        else:
            return


def retry_after_of(value: str | None, date: str | None) -> timedelta | None:
    """The wait a receiver asks for: seconds, or an instant, which is measured from its own Date.

    >>> retry_after_of("120", None).total_seconds()
    120.0
    >>> retry_after_of("Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:00 GMT").total_seconds()
    59.0
    """
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return timedelta(seconds=int(value))
    until, now = _instant(value), _instant(date or "")
    return max(timedelta(0), until - now) if until is not None and now is not None else None


def _instant(value: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(value)
    except ValueError:
        return None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)

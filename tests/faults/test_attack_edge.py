"""Attack case 81 on a real server: slow heads, slow bodies and idle connections shut out nobody.

Cases 20, 21, 26, 27, 55 and 56 stand in test_attack_api.py, case 82 in tests/integration/test_limits.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from tests.api import application, running_api, unhurried
from tracker.app import create_app
from tracker.connections import PatientProtocol
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

HEAD = b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /api/v1/directives HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


class Hasty(PatientProtocol):
    """The protocol with a patience that a test can wait for."""

    head_seconds = 0.6
    most_waiting = 50


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[int]:
    """The service on a real port, in this loop, with the bounds of the real one scaled down."""
    app = create_app(unhurried(settings))
    assert app is not application()
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", http=Hasty,
            timeout_keep_alive=5, limit_concurrency=100,
        )
    )  # fmt: skip
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn offers no event
        await asyncio.sleep(0.02)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def opened(port: int, first: bytes = b"") -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)
    await writer.drain()
    return reader, writer


async def alive(port: int) -> bytes:
    """The status line that somebody else gets meanwhile."""
    reader, writer = await opened(port, HEAD + b"Connection: close\r\n\r\n")
    line = (await asyncio.wait_for(reader.read(), 3)).split(b"\r\n")[0]
    writer.close()
    return line


async def test_case_81_a_head_that_drips_is_cut_off(database: Settings) -> None:
    async with serving(database) as port:
        reader, writer = await opened(port, HEAD)
        began = time.monotonic()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            while True:
                writer.write(b"X-Slow: y\r\n")
                await writer.drain()
                if reader.at_eof():
                    raise ConnectionResetError
                await asyncio.sleep(0.1)

        assert time.monotonic() - began < 2
        assert await alive(port) == b"HTTP/1.1 200 OK"


async def test_case_81_the_second_head_of_a_connection_may_not_drip_either(database: Settings) -> None:
    async with serving(database) as port:
        reader, writer = await opened(port, HEAD + b"\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            while True:
                writer.write(b"G")
                await writer.drain()
                if reader.at_eof():
                    raise ConnectionResetError
                await asyncio.sleep(0.1)

        assert time.monotonic() - began < 2


async def test_case_81_a_client_that_says_nothing_is_cut_off(database: Settings) -> None:
    async with serving(database) as port:
        reader, _ = await opened(port)

        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 3)


async def test_case_81_a_body_that_drips_is_a_408(
    database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.api.security.BODY_SECONDS", 0.5)
    async with serving(database) as port, running_api(database) as api:
        token = await api.token(api.world.secretariat)
        head = POST + f"Authorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n".encode()
        reader, writer = await opened(port, head)

        async def drip() -> None:
            while True:
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        answered = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 3)
        dripping.cancel()

        assert answered.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answered.lower()
        assert b"content-security-policy" in answered
        assert await alive(port) == b"HTTP/1.1 200 OK"


async def test_case_81_a_thousand_idle_connections_shut_out_nobody(database: Settings) -> None:
    async with serving(database) as port:
        connections: list[Connection] = []
        for _ in range(1000):
            connections.append(await opened(port, HEAD + b"\r\n"))
        answers = [await alive(port) for _ in range(5)]
        for _, writer in connections:
            writer.close()

    assert answers == [b"HTTP/1.1 200 OK"] * 5


async def test_case_81_many_slow_bodies_shut_out_nobody(database: Settings) -> None:
    async with serving(database) as port:
        connections = [await opened(port, POST + b"Content-Length: 1000\r\n\r\n{") for _ in range(300)]
        answers = [await alive(port) for _ in range(5)]
        for _, writer in connections:
            writer.close()

    assert answers == [b"HTTP/1.1 200 OK"] * 5


async def test_case_81_a_patient_client_is_served_on_one_connection(database: Settings) -> None:
    async with serving(database) as port:
        reader, writer = await opened(port)
        for _ in range(3):
            writer.write(HEAD + b"\r\n")
            await writer.drain()
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 3)
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            assert head.startswith(b"HTTP/1.1 200")
            # Longer than a head may take: the pause between two requests has its own bound.
            await asyncio.sleep(0.8)
        writer.close()

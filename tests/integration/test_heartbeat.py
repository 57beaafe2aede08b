"""The call to the outside watch: made after a sweep, and harmless when nobody answers."""

from __future__ import annotations

import asyncio

import pytest

from tracker.jobs.heartbeat import ping

pytestmark = pytest.mark.anyio


async def test_watch_is_called() -> None:
    """One GET reaches the address."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await ping(f"http://127.0.0.1:{port}/watch/1")

    assert asked == [b"GET /watch/1 HTTP/1.1\r\n"]


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:1/x"])
async def test_silence_is_harmless(url: str | None) -> None:
    """Without an address, or without an answer, the job goes on."""
    assert not await ping(url)

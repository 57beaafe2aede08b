"""A client of the JSON API for tests: the whole application in this loop, tokens for each persona."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import httpx
import uvicorn

from tests.world import World, build_world
from tracker import clock
from tracker.actions import tokens
from tracker.app import Service, create_app
from tracker.domain.access import Scope
from tracker.domain.directory import SYSTEM, Actor
from tracker.settings import Settings, load

EVERYTHING = tuple(Scope)

DIRECTIVE: dict[str, Any] = {
    "number": "17/NQ-CP",
    "kind": "resolution",
    "issued_on": "2025-11-20",
    "issuer": "Chính phủ",
    "abstract": "Một số nhiệm vụ trọng tâm phát triển Chính phủ điện tử",
    "tasks": [
        {
            "short_name": "Kế hoạch thực hiện Nghị quyết",
            "full_text": "Kế hoạch của bộ, trình cấp có thẩm quyền.",
            "leads": ["BYT"],
            "cooperating": ["BTC"],
            "deadline": "trước ngày 15/12/2026",
        }
    ],
}
COMPLETION: dict[str, Any] = {
    "kind": "completion",
    "summary": "Đã ban hành kế hoạch.",
    "evidence_number": "7431/BYT-CNTT",
    "evidence_on": "2025-11-24",
}


@dataclass
class Api:
    """The application, the world in it, and clients that speak for its people."""

    world: World
    transport: httpx.AsyncBaseTransport
    secrets: dict[str, str] = field(default_factory=dict)

    async def token(self, actor: Actor, scopes: tuple[str, ...] = EVERYTHING) -> str:
        """A token of a persona, made once for each set of scopes."""
        assert actor.official_id is not None
        key = f"{actor.official_id} {scopes}"
        if key not in self.secrets:
            new = tokens.NewToken(actor.official_id, "test", scopes)
            self.secrets[key] = (await tokens.create(SYSTEM, new, clock.utc_now())).secret
        return self.secrets[key]

    async def client(self, actor: Actor | None, scopes: tuple[str, ...] = EVERYTHING) -> httpx.AsyncClient:
        """A client with the persona's token; without a persona it has none."""
        headers = {"Accept-Language": "en"}
        if actor is not None:
            headers["Authorization"] = f"Bearer {await self.token(actor, scopes)}"
        return httpx.AsyncClient(
            transport=self.transport, base_url="http://127.0.0.1:8080", headers=headers, timeout=30
        )

    async def recorded(self, **changes: Any) -> dict[str, Any]:
        """A directive recorded by the secretariat: its ids."""
        answer = await (await self.client(self.world.secretariat)).post(
            "/api/v1/directives", json={**DIRECTIVE, **changes}
        )
        assert answer.status_code == 201, answer.text
        recorded: dict[str, Any] = answer.json()
        return recorded

    async def lead_of(self, recorded: dict[str, Any]) -> str:
        """The address of the lead agency's assignment."""
        client = await self.client(self.world.agency)
        found = await client.get("/api/v1/assignments", params={"directive_id": recorded["directive_id"]})
        return f"/api/v1/assignments/{found.json()['items'][0]['id']}"


@cache
def application() -> Service:
    """One application for all tests: it holds nothing of a test, the pool is the test's own."""
    return create_app(unhurried(load({"TRACKER_SECRET_KEY": "k" * 40})))


def unhurried(settings: Settings) -> Settings:
    """The settings without a rate limit that a test could meet."""
    return replace(settings, api_per_minute=1_000_000, feed_per_minute=1_000_000)


@asynccontextmanager
async def running_api(settings: Settings) -> AsyncIterator[Api]:
    """The application on the test's database, whose pool is open already."""
    transport = httpx.ASGITransport(app=application(), raise_app_exceptions=False)
    yield Api(await build_world(), transport)


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The service on a free port of this machine, in a thread with a loop and a pool of its own; its address.

    The test's own pool must be closed meanwhile: a process has one.
    """
    config = uvicorn.Config(
        create_app(unhurried(settings)), host="127.0.0.1", port=0, log_level="critical", lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(600):
        if server.started or not thread.is_alive():
            break
        time.sleep(0.05)
    assert server.started
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(15)

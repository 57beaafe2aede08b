"""A real browser on real pages: Debian's chromium, nothing downloaded; skipped where there is none."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from tests.web_scene import Scene, scene
from tracker.app import Service
from tracker.domain.directory import Actor
from tracker.settings import Settings

# Without windows it takes a third of the time for a new page.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, _PROGRAMS)), None)
NODE_MODULES = Path(__file__).parents[2] / "node_modules"


@dataclass
class Watched:
    """A page with what went wrong on it: requests to other places, messages of the console, dialogs."""

    page: Page
    address: str
    strays: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def go(self, path: str) -> int:
        """Open a path of ours; the status."""
        response = await self.page.goto(self.address + path)
        assert response is not None
        return response.status

    async def sideways(self) -> int:
        """By how many pixels the page scrolls sideways."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        overflow: int = await self.page.evaluate(script)
        return overflow


@dataclass
class Stage:
    """The scene, served on a port of its own, and the browser in front of it."""

    scene: Scene
    address: str
    browser: Browser

    @asynccontextmanager
    async def watched(self, actor: Actor | None = None, **options: Any) -> AsyncIterator[Watched]:
        """A fresh browser window, signed in as `actor`; without JavaScript of ours there is none to switch off."""
        context: BrowserContext = await self.browser.new_context(**{"locale": "vi-VN", **options})
        try:
            page = await context.new_page()
            found = Watched(page, self.address)

            def on_request(request: Request) -> None:
                if not request.url.startswith((self.address, "data:", "about:")):
                    found.strays.append(request.url)

            def on_console(message: ConsoleMessage) -> None:
                if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
                    found.complaints.append(message.text)

            page.on("request", on_request)
            page.on("console", on_console)
            page.on("pageerror", lambda error: found.complaints.append(str(error)))
            if actor is not None:
                await found.go("/dang-nhap")
                await page.locator(f'button[name="nguoi"][value="{actor.official_id}"]').click()
            yield found
        finally:
            await context.close()


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    """One browser for a file; each test opens windows of its own, which share nothing."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def served(app: Service) -> AsyncIterator[str]:
    """A real server in this loop, on the pool that is open; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def stage(database: Settings, browser: Browser) -> AsyncIterator[Stage]:
    """The scene behind a real server; the pool is the test's, so the server needs no lifespan."""
    async with scene(database) as made, served(made.app) as address:
        yield Stage(made, address, browser)


@pytest.fixture(scope="session")
def screens() -> Path:
    """Where pictures and films are kept: the folder SCREENS, else build/screens, which git does not see."""
    folder = Path(os.environ.get("SCREENS") or Path(__file__).parents[2] / "build" / "screens")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's script."""
    script = NODE_MODULES / "axe-core" / "axe.min.js"
    if not script.is_file():
        pytest.skip("axe-core is not installed: npm ci")
    return script.read_text("utf-8")

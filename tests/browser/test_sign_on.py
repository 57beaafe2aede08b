"""Single sign-on in a real browser: our own policy for contents must not stand in its way."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest
import uvicorn
from playwright.async_api import async_playwright

from tests.browser.conftest import CHROMIUM
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, SUBJECT, oidc_provider
from tests.world import build_world
from tracker.app import create_app
from tracker.db import identities
from tracker.settings import Secret, Settings
from tracker.web.page import real_now

pytestmark = pytest.mark.anyio


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
async def test_button_leads_through_the_provider_and_back(database: Settings) -> None:
    """One click: a form of ours may not redirect elsewhere (`form-action`), so a page leads there by itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with oidc_provider() as provider, async_playwright() as playwright:
        settings = replace(
            database,
            port=port,
            secret_key=Secret("k" * 40),
            oidc_issuer=provider.base,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=Secret(CLIENT_SECRET),
        )
        world = await build_world()
        official_id = world.officials["byt.focal"]
        await identities.insert_identity(official_id, provider.base, SUBJECT, "", "person", real_now())
        server = uvicorn.Server(
            uvicorn.Config(create_app(settings), port=port, lifespan="off", log_level="error")
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            page = await browser.new_page(locale="vi-VN")
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))

            await page.goto(f"{settings.address}/viec")
            await page.locator('form[action="/dang-nhap-mot-lan"] button').click()
            await page.wait_for_url(f"{settings.address}/viec", timeout=20_000)

            assert await page.locator(".who").inner_text() == "focal BYT"
            assert [text for text in complaints if "favicon" not in text] == []
            assert provider.refused == []
        finally:
            await browser.close()
            server.should_exit = True
            await serving

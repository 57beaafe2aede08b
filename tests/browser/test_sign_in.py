"""A person's way in with a real browser: invitation, password, second factor, first page, out again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pyotp
import pytest
import uvicorn
from playwright.async_api import Page, async_playwright

from tests.browser.conftest import CHROMIUM
from tests.identity_scene import PASSWORD, invited, stage
from tracker import clock
from tracker.domain.directory import SYSTEM
from tracker.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")]


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The service on a port of its own; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def faults(page: Page, axe: str) -> list[str]:
    """What the accessibility checker finds, and whether the page scrolls sideways."""
    await page.evaluate(axe)
    found: list[str] = await page.evaluate(
        "async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' '))"
    )
    if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append("scrolls sideways")
    return found


@pytest.mark.parametrize("width", [320, 1280])
async def test_a_person_comes_in_by_an_invitation(database: Settings, axe: str, width: int) -> None:
    async with stage(database) as made, served(made.app) as address, async_playwright() as playwright:
        head = made.world.officials["head"]
        path = (await invited(SYSTEM, head)).url.partition(":8080")[2]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(locale="vi-VN", viewport={"width": width, "height": 900})
        context.set_default_timeout(30_000)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        found: dict[str, list[str]] = {}

        await page.goto(address + path)
        found["invitation"] = await faults(page, axe)
        await page.locator("#mat-khau-moi").fill(PASSWORD)
        await page.locator("#nhap-lai").fill(PASSWORD)
        # From a page with the policy no-referrer a browser sends the form with "Origin: null".
        await page.get_by_role("button", name="Lưu mật khẩu").click()
        await page.wait_for_url("**/dang-nhap")
        found["sign-in"] = await faults(page, axe)
        await page.locator("#thu-dien-tu").fill("head@vpcp.example.vn")
        await page.locator("#mat-khau").fill("sai mật khẩu rồi")
        await page.keyboard.press("Enter")
        await page.get_by_role("alert").wait_for()
        found["refused"] = await faults(page, axe)
        await page.locator("#mat-khau").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/toi/bao-mat/hai-buoc**")
        found["two-step"] = await faults(page, axe)
        await page.get_by_role("button", name="Bắt đầu thiết lập").click()
        await page.locator("#khoa").wait_for()
        found["secret"] = await faults(page, axe)
        secret = (await page.locator("#khoa").input_value()).replace(" ", "")
        await page.locator("#ma").fill(pyotp.TOTP(secret).at(clock.utc_now()))
        await page.get_by_role("button", name="Xác nhận").click()
        await page.locator("code").first.wait_for()
        found["codes"] = await faults(page, axe)
        assert await page.locator("code").count() == 10
        await page.get_by_role("link", name="Đã cất mã").click()
        await page.wait_for_url("**/can-xu-ly")
        await page.locator('form[action="/dang-xuat"] button').click()
        await page.wait_for_url("**/dang-nhap")
        await page.goto(address + "/quen-mat-khau")
        found["forgotten"] = await faults(page, axe)
        await browser.close()

        assert {name: wrong for name, wrong in found.items() if wrong} == {}
        assert [c for c in complaints if "Failed to load resource" not in c] == []

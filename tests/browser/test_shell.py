"""What every page brings: keys, the end of the session, the way around without script."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stage
from tracker.db.engine import execute

pytestmark = pytest.mark.anyio


async def test_keys_lead_through_a_list_and_can_be_switched_off(stage: Stage) -> None:
    async with stage.watched(stage.scene.world.secretariat) as watched:
        page = watched.page
        await watched.go("/viec")
        rows = page.locator("tr.item")
        assert await rows.count() > 3

        await page.keyboard.press("/")
        await expect(page.locator("#tim")).to_be_focused()
        await page.keyboard.type("jk?")
        await expect(page.locator("#tim")).to_have_value("jk?")
        await page.keyboard.press("Escape")
        await expect(page.locator("#tim")).not_to_be_focused()

        await page.keyboard.press("j")
        await expect(rows.nth(0).locator("a").first).to_be_focused()
        await page.keyboard.press("j")
        await expect(rows.nth(1).locator("a").first).to_be_focused()
        await page.keyboard.press("k")
        href = await rows.nth(0).locator("a").first.get_attribute("href")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**{href}")

        await page.keyboard.press("g")
        await page.keyboard.press("v")
        await page.wait_for_url("**/van-ban")
        await page.keyboard.press("g")
        await page.keyboard.press("h")
        await page.wait_for_url("**/can-xu-ly")
        await page.keyboard.press("?")
        await page.wait_for_url("**/phim-tat")

        cookie = {"name": "phim-tat", "value": "0", "url": stage.address}
        await page.context.add_cookies([cookie])  # type: ignore[list-item]
        await watched.go("/viec")
        await page.keyboard.press("/")
        await expect(page.locator("#tim")).not_to_be_focused()
        assert watched.complaints == []


async def test_the_end_of_the_session_is_told_before_and_can_be_put_off(stage: Stage) -> None:
    async with stage.watched(stage.scene.world.agency) as watched:
        page = watched.page
        await page.clock.install()
        await watched.go("/viec")
        banner = page.locator("#phien-sap-het")
        await expect(banner).to_be_hidden()

        await page.clock.fast_forward("28:30")
        await expect(banner).to_be_visible()
        await banner.get_by_role("button").click()
        await expect(banner).to_be_hidden()

        await execute("UPDATE web_session SET expires_at = now() + interval '100 seconds'")
        await page.clock.fast_forward("28:30")
        await expect(banner).to_be_visible()
        await banner.get_by_role("button").click()
        await expect(banner).to_contain_text("nội dung được giữ lại")
        await expect(banner.get_by_role("button")).to_be_hidden()
        assert watched.complaints == []


async def test_a_form_sent_too_late_is_found_again(stage: Stage) -> None:
    async with stage.watched(stage.scene.world.agency, viewport={"width": 360, "height": 800}) as watched:
        page = watched.page
        form = stage.scene.path("overdue") + "/tien-do"
        await watched.go(form)
        box = page.locator("main textarea").first
        await box.fill("Đã lấy ý kiến 12 bộ, còn Bộ Tư pháp.")
        await execute("UPDATE web_session SET last_seen_at = now() - interval '31 minutes'")
        await page.locator("main form button[type=submit]").first.click()
        await page.wait_for_url("**/dang-nhap?**")

        await page.locator(f'button[name="nguoi"][value="{stage.scene.world.agency.official_id}"]').click()

        await page.wait_for_url(f"**{form}?giu=*")
        await expect(page.locator("main textarea").first).to_have_value(
            "Đã lấy ý kiến 12 bộ, còn Bộ Tư pháp."
        )
        await expect(page.get_by_text("chưa có gì được gửi đi")).to_be_visible()
        await page.locator("main form button[type=submit]").first.click()
        await expect(page.locator(".toast")).to_contain_text("số biên nhận")
        assert watched.complaints == []

"""Somebody who answers for the figures: from a table to the list behind a number, at a desk and on a phone."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Stage
from tests.browser.test_pages import check
from tracker.db.engine import execute

pytestmark = pytest.mark.anyio

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


async def test_at_a_desk_a_figure_of_a_past_day_is_followed_to_its_tasks(stage: Stage, axe: str) -> None:
    await execute("UPDATE task SET field = 'Y tế số' WHERE id % 3 = 0")
    async with stage.watched(stage.scene.world.secretariat) as watched:
        page = watched.page
        await watched.go("/bao-cao/ty-le")
        await page.get_by_label("Tính đến hết ngày").fill("20/11/2025")
        await page.get_by_label("Theo", exact=True).select_option("linh-vuc")
        await page.get_by_label("So với kỳ trước").select_option("thang")
        await page.get_by_role("button", name="Lập bảng").press("Enter")
        await page.wait_for_url("**theo=linh-vuc**")
        assert await page.locator("h1 + p").inner_text() == (
            "Tính đến hết thứ Năm 20/11/2025. So với hết ngày 20/10/2025."
        )
        row = page.locator("tr", has=page.locator("th", has_text="Y tế số"))
        number = row.locator("td a").first
        count = int(await number.inner_text())
        await number.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/bao-cao/danh-sach**")
        assert await page.locator("tr.item").count() == count > 0
        assert await page.locator("h1").inner_text() == f"Nhiệm vụ trong bốn nhóm: {count}"

        await watched.go("/bao-cao/ty-le?ngay=01/01/2030&linh-vuc=Sai")
        assert (await page.title()).startswith("Lỗi:")
        assert await page.locator(".errors li").count() == 1
        wrong = await check(watched, axe, "/bao-cao/ty-le?ngay=20/11/2025&theo=quy")
        wrong += await check(watched, axe, "/bao-cao/co-quan")
        assert wrong == []
        assert watched.strays == []


async def test_on_a_phone_without_script_what_falls_due_is_seen_and_opened(stage: Stage, axe: str) -> None:
    options = {**PHONE, "color_scheme": "dark"}
    async with stage.watched(stage.scene.world.member, java_script_enabled=False, **options) as watched:
        page = watched.page
        await watched.go("/bao-cao")
        await page.locator("a.door[href='/bao-cao/xu-huong']").click()
        await page.wait_for_url("**/bao-cao/xu-huong")
        coming = page.get_by_role("region", name="Sắp đến hạn trong bốn tuần tới")
        total = coming.locator("tfoot td a").last
        count = int(await total.inner_text())
        box = await total.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24
        await total.click()
        await page.wait_for_url("**/bao-cao/danh-sach**")
        assert await page.locator("tr.item").count() == count > 0
    async with stage.watched(stage.scene.world.member, **options) as watched:
        assert await check(watched, axe, "/bao-cao/xu-huong") == []
        assert watched.strays == []
        assert watched.complaints == []

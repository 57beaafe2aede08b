"""Lists in a real browser: the desk ticks and urges, keeps a view and finds a task; by keyboard, on a phone, bare."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Stage
from tests.browser.test_pages import check

pytestmark = pytest.mark.anyio

DESK = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 320, "height": 700}, "has_touch": True, "color_scheme": "dark"}


async def test_the_desk_works_a_list_by_mouse_and_keyboard(stage: Stage, axe: str) -> None:
    """Tick, count, preview; order, keep a view, delete it and take that back; all without a stray request."""
    async with stage.watched(stage.scene.world.secretariat, **DESK) as watched:
        page = watched.page
        await watched.go("/can-xu-ly")
        bar = page.locator(".bulk")
        assert not await bar.is_visible()
        await page.keyboard.press("j")
        await page.keyboard.press("x")
        await page.keyboard.press("j")
        await page.keyboard.press("x")
        await bar.wait_for(state="visible")
        assert await page.locator(".picked").inner_text() == "2 việc đã chọn"
        await page.locator("thead .pick input").check()
        count = await page.locator("tbody .pick input").count()
        assert await page.locator(".picked").inner_text() == f"{count} việc đã chọn"
        await page.locator("thead .pick input").uncheck()
        ticked = [
            await page.locator("tbody .pick input").nth(place).get_attribute("value") for place in (0, 1)
        ]
        for place in (0, 1):
            await page.locator("tbody .pick input").nth(place).check()
        async with page.expect_request("**/don-doc/xem-truoc?**") as asked:
            await page.keyboard.press("u")
        assert (await asked.value).url.endswith("?" + "&".join(f"viec={one}" for one in ticked))

        await watched.go("/viec?tinh-trang=qua-han")
        await page.locator("thead").get_by_role("link", name="Tình trạng").click()
        await page.wait_for_url("**xep=-tre**")
        assert await page.locator('th[aria-sort="descending"]').inner_text() == "Tình trạng"
        await page.locator(".keep summary").click()
        await page.fill("#ten", "Quá hạn lâu nhất")
        await page.keyboard.press("Enter")
        await page.locator(".toast").wait_for()
        current = page.locator('.views [aria-current="page"]')
        assert (await current.inner_text()).startswith("Quá hạn lâu nhất")
        rows = await page.locator("tr.item").count()
        assert await current.locator(".n").inner_text() == str(rows)
        await page.get_by_role("link", name="Sửa cách xem").click()
        await page.get_by_role("button", name="Xóa – Quá hạn lâu nhất").click()
        await page.locator(".toast").get_by_role("button").click()
        await page.get_by_role("link", name="Quá hạn lâu nhất", exact=True).click()
        await page.go_back()
        assert page.url.endswith("/cach-xem")

        wrong = []
        for path in ("/cach-xem", "/cach-xem/1", "/viec?tre-tu=x", "/tim?q=bo+y+te", "/tim?q=khongcogi"):
            wrong += await check(watched, axe, path)
        await watched.go("/viec")
        await page.locator("tbody .pick input").first.check()
        await page.locator(".keep summary").click()
        await page.locator(".look summary").click()
        await page.evaluate(axe)
        found = await page.evaluate("axe.run(document)")
        assert wrong + [one["id"] for one in found["violations"]] == []
        assert watched.strays == []
        assert watched.complaints == []


async def test_lists_serve_on_a_phone_and_without_script(stage: Stage, axe: str) -> None:
    """Tick and count without script; choose columns; find a task from the header's own address."""
    bare = {**DESK, "java_script_enabled": False}
    async with stage.watched(stage.scene.world.secretariat, **bare) as watched:
        page = watched.page
        await watched.go("/can-xu-ly")
        assert await page.locator("thead .pick input").count() == 0
        await page.locator("tbody .pick input").first.check()
        await page.locator(".bulk").wait_for(state="visible")
        await watched.go("/viec?tinh-trang=qua-han")
        await page.locator(".look summary").click()
        await page.get_by_role("checkbox", name="Văn bản").uncheck()
        await page.get_by_role("checkbox", name="Ngày trễ").check()
        await page.get_by_role("button", name="Áp dụng").click()
        heads = await page.locator("thead th").all_inner_texts()
        assert "Văn bản" not in heads
        assert any(head.startswith("Ngày trễ") for head in heads)
        await page.fill("#tim", "nhiem vu weekend")
        await page.locator(".find button").click()
        assert await page.locator("mark").first.inner_text() == "Nhiệm vụ weekend"
        await page.locator(".hits li a").first.click()
        await page.wait_for_url(f"**/viec/{stage.scene.tasks['weekend']}")
    async with stage.watched(stage.scene.world.agency, **PHONE) as watched:
        wrong = []
        for path in ("/viec", "/cach-xem", "/tim?q=nhiem+vu", "/tim"):
            wrong += await check(watched, axe, path)
        assert wrong == []
        assert watched.complaints == []

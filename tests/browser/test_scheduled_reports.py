"""A report is set up by the keyboard and its next days are seen; a printed table is checked on a phone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Stage
from tests.browser.test_pages import check

pytestmark = pytest.mark.anyio
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


async def test_the_desk_sets_up_a_weekly_report_and_pauses_it(stage: Stage, axe: str) -> None:
    async with stage.watched(stage.scene.world.secretariat) as watched:
        page = watched.page
        wrong = await check(watched, axe, "/bao-cao/lich-gui")
        await page.keyboard.press("n")
        await page.locator("h1", has_text="Lập lịch gửi").wait_for()
        wrong += await check(watched, axe, "/bao-cao/lich-gui/moi")
        await page.fill("#ten", "Quá hạn hằng tháng")
        assert not await page.locator("#ngay").is_visible()
        await page.select_option("#nhip", "thang")
        await page.select_option("#ngay", "1")
        await page.get_by_label("Người inspector").check()
        await page.get_by_role("button", name="Bắt đầu gửi").press("Enter")
        await page.locator(".toast", has_text="Quá hạn hằng tháng").wait_for()
        # The first of January 2026 is a day off, and so is the Friday after it, which is swapped.
        assert await page.locator(".days3 .strong").all_inner_texts() == [
            "01/12/2025",
            "02/01/2026",
            "02/02/2026",
        ]
        where = page.url.removeprefix(stage.address)
        wrong += await check(watched, axe, where)
        async with page.expect_download() as downloaded:
            await page.get_by_role("link", name="Xem thử").click()
        assert (await downloaded.value).suggested_filename == "qua-han-2025-11-23.docx"
        await page.get_by_role("button", name="Tạm dừng").click()
        await page.locator(".toast").get_by_role("button").click()
        await page.locator(".chip", has_text="Đang gửi").wait_for()
        assert wrong == []
        assert (watched.complaints, watched.strays) == ([], [])


async def test_a_published_table_is_checked_on_a_phone_without_script(stage: Stage, axe: str) -> None:
    async with stage.watched(stage.scene.world.agency, **PHONE, java_script_enabled=False) as watched:
        page = watched.page
        await watched.go("/bao-cao/kiem-bieu")
        await page.get_by_role("link", name="Đà Nẵng").tap()
        await page.get_by_role("button", name="Kiểm tra").tap()
        await page.locator(".verdict", has_text="Có chỗ không khớp").wait_for()
        assert await page.locator(".sums.broken li").all_inner_texts() == ["5361 + 1111 = 6472 ≠ 6932"]
        assert await page.locator("tr.item").count() == 5
    async with stage.watched(stage.scene.world.inspector, **PHONE) as watched:
        wrong = await check(watched, axe, "/bao-cao/kiem-bieu?vi-du=ca-nuoc")
        await watched.page.get_by_role("button", name="Kiểm tra").tap()
        await watched.page.locator(".verdict.done").wait_for()
        assert await watched.sideways() == 0
        await watched.page.evaluate(axe)
        found = await watched.page.evaluate("axe.run(document).then(r => r.violations.map(v => v.id))")
        assert (wrong, found) == ([], [])
        assert (watched.complaints, watched.strays) == ([], [])

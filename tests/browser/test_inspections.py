"""A session in a real browser: planned, explained, frozen, concluded, carried out, and what follows on the task."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Stage
from tests.browser.test_pages import check
from tests.integration.test_inspection_pages import frozen
from tests.web_scene import Visitor
from tracker.db.engine import fetchval
from tracker.db.inspections import list_conclusions, list_items

pytestmark = pytest.mark.anyio
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


async def test_the_desk_goes_from_the_plan_to_the_follow_up(stage: Stage, axe: str) -> None:
    made = stage.scene
    async with stage.watched(made.world.secretariat) as watched:
        page = watched.page
        wrong = await check(watched, axe, "/kiem-tra/moi")
        await page.fill("#ten", "Kiểm tra tại Bộ Y tế")
        await page.fill("#ngay", "28/11/2025")
        await page.fill("#den-han-den", "24/11/2025")
        await page.locator('input[name="co-quan"][value="BYT"]').check()
        await page.get_by_role("button", name="Lưu kế hoạch").click()
        await page.get_by_role("link", name="Chốt số liệu").click()
        await page.get_by_role("button", name="Chốt", exact=False).click()
        await page.locator(".frozen").wait_for()
        where = page.url.removeprefix(stage.address)
        session = int(where.rsplit("/", 1)[1])
        items = await list_items(session)
        assert await page.locator("td.only-wide.n").count() == len(items)

        await page.get_by_role("link", name="Ghi kết luận", exact=True).first.click()
        for number in range(1, len(items) + 1):
            await page.locator(".eyebrow", has_text=f"mục {number} trên {len(items)}").wait_for()
            await page.locator(f'input[value="{"new_date" if number == 1 else "noted"}"]').check()
            await page.fill("#ket-luan", f"Kết luận {number}")
            if number == 1:
                await page.fill("#ngay", "20/12/2025")
            await page.get_by_role("button", name="Ghi, sang mục sau").click()
        await page.get_by_text("Đã ghi kết luận cho mọi mục.").wait_for()
        wrong += await check(watched, axe, f"{where}/ket-luan")
        await page.fill("#so", "12/TB-TCT")
        await page.fill("#ngay-ban-hanh", "24/11/2025")
        await page.fill("#co-quan-ban-hanh", "Tổ công tác")
        await page.get_by_role("button", name="Thực hiện", exact=False).click()
        await page.locator(".toast", has_text="thông báo 12/TB-TCT").wait_for()
        await page.locator("tr.item:has(td.only-wide.n) a.task").first.click()

        assert "20/12/2025" in await page.locator("main").inner_text()
        assert (await list_conclusions(session))[0].outcome == "moved"
        assert await fetchval("SELECT count(*) FROM directive WHERE inspection_id = $1", session) == 1
        assert wrong == []
        assert (watched.complaints, watched.strays) == ([], [])


async def test_the_chair_reads_and_the_secretary_writes_on_a_phone_without_script(
    stage: Stage, axe: str
) -> None:
    made = stage.scene
    where = await frozen(await Visitor(made).sign_in(made.world.secretariat), made)
    async with stage.watched(made.world.member, **PHONE) as watched:
        wrong = await check(watched, axe, f"{where}/chu-toa")
        await watched.go(f"{where}/chu-toa")
        await watched.page.get_by_role("link", name="Mục sau").click()
        await watched.page.locator(".eyebrow", has_text="mục 2 trên").wait_for()
        assert await watched.page.locator("textarea").count() == 0
        wrong += await check(watched, axe, where)
    async with stage.watched(made.world.inspector, **PHONE, java_script_enabled=False) as watched:
        page = watched.page
        await watched.go(f"{where}/hop?muc=1")
        assert await watched.sideways() == 0
        await page.locator("label.version", has_text="Kết thúc").tap()
        await page.fill("#ket-luan", "Đạt yêu cầu.")
        await page.get_by_role("button", name="Ghi, sang mục sau").tap()
        await page.locator(".errors").wait_for()
        assert (await page.title()).startswith("Lỗi:")
        await page.locator("label.version", has_text="Ghi nhận").tap()
        await page.get_by_role("button", name="Ghi, sang mục sau").tap()
        await page.locator(".eyebrow", has_text="mục 2 trên").wait_for()
    async with stage.watched(made.world.agency, **PHONE) as watched:
        wrong += await check(watched, axe, where)
        assert await watched.page.get_by_text("Chờ ý kiến các bộ").count() == 1
    assert wrong == []

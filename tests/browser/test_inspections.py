"""A session in a real browser: planned, explained, frozen, concluded, carried out, and what follows on the task."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.conftest import Stage
from tests.browser.test_pages import check
from tests.integration.test_inspection_pages import frozen
from tests.web_scene import Visitor
from tracker.db.engine import fetchval
from tracker.db.inspections import list_conclusions, list_items

pytestmark = pytest.mark.anyio
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


async def test_the_desk_goes_from_the_plan_to_the_follow_up(stage: Stage, axe: str) -> None:
    """Planned, asked, explained, frozen, concluded in every way, carried out; the next session opens with it."""
    made = stage.scene
    async with stage.watched(made.world.secretariat) as watched:
        page = watched.page
        wrong = await check(watched, axe, "/kiem-tra/moi")
        await _plan(page, "Kiểm tra tại Bộ Y tế", "28/11/2025")
        await page.get_by_role("button", name="Yêu cầu giải trình").click()
        await page.locator(".toast").wait_for()
        where = page.url.removeprefix(stage.address)
        session = int(where.rsplit("/", 1)[1])
        await _explain(stage, where)

        await watched.go(where)
        await page.get_by_role("link", name="Chốt số liệu").click()
        await page.get_by_role("button", name="Chốt", exact=False).click()
        await page.locator(".frozen").wait_for()
        items = await list_items(session)
        assert await page.locator(ITEM).count() == len(items)
        assert await page.get_by_text("Chờ ý kiến các địa phương.").count() == 1

        # Every kind of conclusion: a closure where a report waits, then the others in turn.
        waiting = [n for n, row in enumerate(items) if row.item.status == "awaiting_confirmation"]
        others = iter([("new_date", "20/12/2025"), ("new_task", "30/12/2025"), ("explanation", "05/12/2025"),
                       ("referred", "")])  # fmt: skip
        await page.get_by_role("link", name="Ghi kết luận", exact=True).first.click()
        for number in range(1, len(items) + 1):
            await page.locator(".eyebrow", has_text=f"mục {number} trên {len(items)}").wait_for()
            kind, day = ("closed", "") if number - 1 in waiting else next(others, ("noted", ""))
            await page.locator(f'input[value="{kind}"]').check()
            await page.fill("#ket-luan", f"Kết luận {kind} {number}")
            await page.fill("#ngay", day)
            await page.get_by_role("button", name="Ghi, sang mục sau").click()
        await page.get_by_text("Đã ghi kết luận cho mọi mục.").wait_for()
        assert waiting
        assert next(others, None) is None
        wrong += await check(watched, axe, f"{where}/ket-luan")
        await page.fill("#so", "12/TB-TCT")
        await page.fill("#ngay-ban-hanh", "24/11/2025")
        await page.fill("#co-quan-ban-hanh", "Tổ công tác")
        await page.get_by_role("button", name="Thực hiện", exact=False).click()
        await page.locator(".toast", has_text="thông báo 12/TB-TCT").wait_for()

        made_of = {c.verdict.value: c for c in await list_conclusions(session)}
        assert {name: c.outcome for name, c in made_of.items() if name != "noted"} == {
            "closed": "closed", "new_date": "moved", "new_task": "task", "explanation": "asked", "referred": "noted",
        }  # fmt: skip
        moved = next(row for row in items if row.id == made_of["new_date"].item_id)
        await page.locator(f"{ITEM} + th a.task", has_text=moved.item.title).first.click()
        assert "20/12/2025" in await page.locator("main").inner_text()
        # The new task says which session gave it, and for which of its items.
        await watched.go(f"/viec/{made_of['new_task'].task_id}/BYT")
        source = next(row for row in items if row.id == made_of["new_task"].item_id)
        facts = page.locator("dl.facts")
        assert await facts.get_by_role("link", name=source.item.title).count() == 1
        assert await facts.locator(f'a[href="{where}"]').count() == 1
        assert await fetchval("SELECT count(*) FROM directive WHERE inspection_id = $1", session) == 1

        # The next session opens with what this one concluded, and what became of it.
        await watched.go("/kiem-tra/moi")
        await _plan(page, "Kiểm tra lần sau", "12/12/2025")
        before = page.locator('section[aria-labelledby="lan-truoc"]')
        told = await before.inner_text()
        assert all(f"Kết luận {c.verdict.value}" in told for c in made_of.values())
        assert await before.locator("tbody tr", has_text="Kết luận closed").locator(".chip.done").count() >= 1
        wrong += await check(watched, axe, page.url.removeprefix(stage.address))
        assert wrong == []
        assert (watched.complaints, watched.strays) == ([], [])


ITEM = "td.only-wide.n"


async def _plan(page: Page, title: str, day: str) -> None:
    await page.fill("#ten", title)
    await page.fill("#ngay", day)
    await page.fill("#den-han-den", "28/11/2025")
    await page.fill("#giai-trinh-den", "27/11/2025")
    await page.locator('input[name="co-quan"][value="BYT"]').check()
    await page.get_by_role("button", name="Lưu kế hoạch").click()
    await page.locator("h1", has_text=title).wait_for()


async def _explain(stage: Stage, where: str) -> None:
    """The agency is led from its first page to what it owes, and explains one item."""
    async with stage.watched(stage.scene.world.agency) as watched:
        page = watched.page
        await watched.go("/viec")
        await page.locator(f'.note a[href="{where}"]').click()
        await page.get_by_role("link", name="Giải trình", exact=False).first.click()
        await page.fill("#giai-trinh", "Chờ ý kiến các địa phương.")
        await page.locator("form.card button.primary").click()
        await page.locator(".toast").wait_for()


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

"""The desk decides in a real browser: keys, two windows at once, without JavaScript, on a phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stage, Watched
from tests.browser.test_pages import check
from tests.web_scene import Scene
from tests.world import MONDAY
from tracker.actions import reports
from tracker.db.assignments import Assignment, get_assignment
from tracker.db.engine import fetchval
from tracker.domain.drafts import NewReport

pytestmark = pytest.mark.anyio

PHONE = {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark", "has_touch": True}
WIDE = {"viewport": {"width": 1280, "height": 900}}


async def row_of(made: Scene, name: str) -> Assignment:
    found = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2",
        made.tasks[name],
        made.world.agencies["BYT"],
    )
    return await get_assignment(made.world.secretariat, found)


async def reported(made: Scene, name: str, minutes: int) -> Assignment:
    row = await row_of(made, name)
    new = NewReport("completion", f"Đã xong phần {name}.", evidence_number="7431/BYT-CNTT")
    await reports.submit(made.world.agency, row.id, None, new, MONDAY - timedelta(minutes=minutes))
    return row


def nothing_wrong(watched: Watched) -> None:
    assert watched.strays == []
    assert watched.complaints == []


async def test_reports_are_decided_by_keys_one_after_another(stage: Stage, axe: str) -> None:
    """Behaviours 8 and 14: a confirms, r returns, the next opens, the confirmation is taken back."""
    made = stage.scene
    second, third = await reported(made, "later", 50), await reported(made, "weekend", 40)
    first = await row_of(made, "waiting")
    async with stage.watched(made.world.secretariat, **WIDE) as watched:
        page = watched.page
        await watched.go("/cho-xac-nhan")
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/cho-xac-nhan/{first.id}")
        await expect(page.locator(".place")).to_contain_text("1 / 3")

        await page.keyboard.press("a")
        await page.wait_for_url(f"**/cho-xac-nhan/{second.id}")
        await page.get_by_role("button", name="Hoàn tác").click()
        await page.wait_for_url(f"**/cho-xac-nhan/{first.id}")
        await expect(page.locator(".toast")).to_contain_text("chưa có thư nào gửi đi")
        await expect(page.locator(".place")).to_contain_text("1 / 3")

        await page.keyboard.press("n")
        await page.wait_for_url(f"**/cho-xac-nhan/{second.id}")
        await page.keyboard.press("r")
        await expect(page.locator("#y-kien")).to_be_focused()
        await page.keyboard.type("Thiếu biên bản a và r.")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/cho-xac-nhan/{third.id}")
        assert (await row_of(made, "later")).state == "returned"
        assert (await row_of(made, "waiting")).state == "reported"
        for path in ("/cho-xac-nhan", f"/cho-xac-nhan/{third.id}", f"/cho-xac-nhan/{second.id}"):
            assert await check(watched, axe, path) == []
        nothing_wrong(watched)


async def test_the_second_of_two_editors_chooses_between_two_versions(stage: Stage, axe: str) -> None:
    """Behaviour 12: two windows, one task; nothing is overwritten and nothing typed is lost."""
    made = stage.scene
    path = f"/viec/{made.tasks['later']}/sua"
    async with (
        stage.watched(made.world.secretariat, **WIDE) as mine,
        stage.watched(made.world.head, **WIDE) as theirs,
    ):
        await mine.go(path)
        await theirs.go(path)
        await theirs.page.fill("#ten-gon", "Tên người kia đặt")
        await theirs.page.fill("#san-pham", "Sản phẩm người kia ghi")
        await theirs.page.get_by_role("button", name="Lưu thay đổi").click()
        await theirs.page.wait_for_url(f"**/viec/{made.tasks['later']}")

        await mine.page.fill("#ten-gon", "Tên vừa gõ")
        await mine.page.fill("#noi-lam", "Hà Nội")
        await mine.page.get_by_role("button", name="Lưu thay đổi").click()
        await expect(mine.page.locator("#hai-ban")).to_be_visible()
        await expect(mine.page.locator(".versions")).to_contain_text("Người head")
        await expect(mine.page.locator("#noi-lam")).to_have_value("Hà Nội")
        await mine.page.evaluate(axe)
        found = await mine.page.evaluate("axe.run(document).then(found => found.violations.map(v => v.id))")
        assert found == []
        await mine.page.get_by_label("Lấy nội dung đã lưu").check()
        await mine.page.get_by_role("button", name="Lưu theo lựa chọn").click()
        await mine.page.wait_for_url(f"**/viec/{made.tasks['later']}")
        await expect(mine.page.locator("h1")).to_have_text("Tên người kia đặt")
        row = await row_of(made, "later")
        assert (row.short_name, row.product, row.place) == (
            "Tên người kia đặt",
            "Sản phẩm người kia ghi",
            "Hà Nội",
        )
        nothing_wrong(mine)

        # The other pages of decisions, as a narrow window shows them.
        asked = await row_of(made, "extension")
        await mine.page.set_viewport_size({"width": 320, "height": 780})
        wrong: list[str] = []
        for path in (
            "/gia-han?lang=en",
            f"/gia-han/{asked.id}",
            f"/viec/{made.tasks['extension']}?co-quan=BYT",
            f"/viec/{made.tasks['later']}/sua",
            f"/viec/{made.tasks['returned']}/lich-su?lang=vi",
            f"{made.path('later')}/doi-han",
            f"{made.path('later')}/rut",
            f"{made.path('later')}/giao-lai",
            f"{made.path('withdrawn')}/khoi-phuc",
        ):
            wrong += await check(mine, axe, path)
        assert wrong == []
        nothing_wrong(mine)


async def test_a_phone_without_a_script_decides_too(stage: Stage) -> None:
    """Behaviours 7 and 15 and the extensions queue, with JavaScript off at 360 px."""
    made = stage.scene
    asked = await row_of(made, "extension")
    async with stage.watched(made.world.secretariat, **PHONE, java_script_enabled=False) as watched:
        page = watched.page
        await watched.go(f"/gia-han/{asked.id}")
        await page.get_by_label("Văn bản gia hạn").fill("10300/VPCP-CĐS")
        await page.get_by_role("button", name="Duyệt đến 15/12/2025").click()
        await page.wait_for_url("**/gia-han")
        await expect(page.locator(".toast")).to_contain_text("Đã gia hạn")

        await watched.go(f"{made.path('later')}/doi-han")
        await page.locator("#han-moi").fill("trước ngày 29/12/2025")
        await page.locator("#ly-do").fill("Chờ nghị định mới.")
        await page.get_by_role("button", name="Xem trước thay đổi").click()
        await expect(page.locator("#xem-truoc")).to_be_visible()
        assert (await row_of(made, "later")).due_on == (await row_of(made, "later")).original_due_on
        await page.get_by_role("button", name="Đổi hạn đến 29/12/2025").click()
        await page.wait_for_url(f"**{made.path('later')}")
        await watched.go(f"/viec/{made.tasks['later']}/lich-su")
        await expect(page.locator(".said")).to_contain_text("Từ 15/12/2025 sang 29/12/2025.")
        nothing_wrong(watched)

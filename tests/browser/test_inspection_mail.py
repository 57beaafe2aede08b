"""Inviting to a session in a browser: each letter is read before it goes, and all of them can be taken back."""

from __future__ import annotations

from datetime import date, time

import pytest

from tests.browser.conftest import Stage
from tests.browser.test_pages import check, nothing_wrong
from tests.world import MONDAY, World
from tracker.actions import inspections
from tracker.domain.inspections import Plan

pytestmark = pytest.mark.anyio


async def planned(world: World) -> str:
    """The address of a session with a chair; one agency has a leader without a mailbox, another nobody at all."""
    plan = Plan(
        "Kiểm tra tại Bộ Y tế", date(2025, 12, 2), MONDAY.date(), date(2025, 12, 31), ("BYT", "BKH"),
        held_at=time(14), ends_at=time(16, 30), place="Phòng họp A", chair_id=world.officials["member"],
        explain_by=date(2025, 11, 28),
    )  # fmt: skip
    return f"/kiem-tra/{await inspections.plan(world.secretariat, plan, MONDAY)}"


async def test_invitations_are_read_sent_and_taken_back(stage: Stage, axe: str) -> None:
    where = await planned(stage.scene.world)
    async with stage.watched(stage.scene.world.secretariat) as watched:
        page = watched.page
        wrong = await check(watched, axe, f"{where}/giay-moi")
        await watched.go(where)
        await page.get_by_role("link", name="Gửi giấy mời…").click()
        await page.get_by_text("[Giấy mời] Kiểm tra tại Bộ Y tế – 14:00–16:30").first.wait_for()
        await page.get_by_text("chưa có người nhận thư").wait_for()
        await page.keyboard.press("a")
        await page.get_by_text("Tất cả đã có giấy mời").wait_for()
        await page.get_by_text("Danh sách người nhận (3)").click()
        await page.get_by_text("focal@byt.example.vn").wait_for()
        await page.get_by_role("button", name="Hoàn tác").click()
        await page.get_by_text("Đã thu lại 3 giấy mời").wait_for()
        await page.get_by_text("Chưa mời ai.").wait_for()
        wrong += await check(watched, axe, "/lich?thang=2025-12")
        assert await page.get_by_role("link", name="Kiểm tra tại Bộ Y tế").count() == 1
    nothing_wrong(wrong)


async def test_they_go_from_a_phone_without_scripts(stage: Stage) -> None:
    where = await planned(stage.scene.world)
    phone = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False}
    async with stage.watched(stage.scene.world.secretariat, **phone) as watched:
        page = watched.page
        await watched.go(f"{where}/giay-moi")
        await page.get_by_role("button", name="Gửi 3 giấy mời").click()
        await page.get_by_text("Tất cả đã có giấy mời").wait_for()
        await page.get_by_text("Danh sách người nhận (3)").click()
        await page.get_by_text("leader@byt.example.vn").wait_for()
        assert page.url.endswith(where)

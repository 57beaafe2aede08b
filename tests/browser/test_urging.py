"""Urging in a real browser: preview, send, take back; ask for an explanation; why not; the system at night."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Stage
from tests.browser.test_pages import check
from tests.integration.test_system_pages import failed_urge
from tests.integration.test_urge_pages import let_time_pass, of
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.switches import beat, is_sending_paused

pytestmark = pytest.mark.anyio
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


async def states() -> list[str]:
    """The states of the urging letters, in their order."""
    return [r["state"] for r in await fetch("SELECT state FROM outbox WHERE kind = 'urge' ORDER BY id")]


async def test_the_desk_urges_by_keyboard_and_takes_it_back(stage: Stage, axe: str) -> None:
    made = stage.scene
    ids = [await of(made, name) for name in ("overdue", "later", "waiting", "done")]
    query = "&".join(f"viec={i}" for i in ids)
    async with stage.watched(made.world.secretariat) as watched:
        page = watched.page
        wrong = await check(watched, axe, f"/don-doc/xem-truoc?{query}&ve=/van-ban")
        assert await page.locator("article.card").count() == 1
        assert await page.locator("summary", has_text="Đọc thư").count() == 1
        await page.locator("#loi-nhan").focus()
        await page.keyboard.type("Đề nghị báo cáo trước phiên họp ẾỄ.")
        await page.get_by_role("button", name="Xem lại thư với lời nhắn này").press("Enter")
        await page.locator("article .plain", has_text="Đề nghị báo cáo trước phiên họp ẾỄ.").wait_for()
        assert await states() == []
        await page.get_by_role("button", name="Gửi 1 thư đôn đốc").press("Enter")
        await page.wait_for_url("**/van-ban")
        assert "1 thư đôn đốc về 2 nhiệm vụ" in await page.locator(".toast").inner_text()
        await page.locator(".toast").get_by_role("button", name="Hoàn tác").press("Enter")
        await page.locator(".toast", has_text="Không thư nào được gửi").wait_for()

        assert page.url.endswith("/van-ban")
        assert await states() == ["superseded"]
        assert wrong == []
        assert (watched.complaints, watched.strays) == ([], [])


async def test_an_official_asks_on_a_phone_without_script_and_the_agency_explains(
    stage: Stage, axe: str
) -> None:
    made = stage.scene
    preview = f"/don-doc/xem-truoc?viec={await of(made, 'overdue')}&loai=giai-trinh"
    quiet = {**PHONE, "java_script_enabled": False}
    async with stage.watched(made.world.member, **quiet) as watched:
        page = watched.page
        await watched.go(preview)
        assert await watched.sideways() == 0
        await page.get_by_role("button", name="Gửi 1 yêu cầu giải trình").tap()
        await page.locator(".toast", has_text="yêu cầu giải trình").wait_for()
        await let_time_pass()
        await watched.go(made.path("overdue"))
        assert await page.get_by_text("yêu cầu giải trình, trả lời trước hết ngày 27/11/2025").count() == 1
    async with stage.watched(made.world.agency, **PHONE) as watched:
        page = watched.page
        await watched.go(made.path("overdue"))
        wrong = await check(watched, axe, made.path("overdue") + "/giai-trinh")
        await page.locator("form.card").evaluate("form => { form.noValidate = true }")
        await page.get_by_role("button", name="Gửi giải trình").tap()
        await page.locator(".errors").wait_for()
        assert (await page.title()).startswith("Lỗi:")
        await page.fill("#giai-trinh", "Chờ cấp chứng thư kết nối; xong trước ngày 05/12/2025.")
        await page.get_by_role("button", name="Gửi giải trình").tap()
        await page.locator(".toast", has_text="Đã gửi giải trình.").wait_for()
        assert wrong == []
    async with stage.watched(made.world.member, **PHONE) as watched:
        wrong = await check(watched, axe, "/giai-trinh")
        assert await watched.page.get_by_text("Chờ cấp chứng thư kết nối").count() == 1
        assert wrong == []
        assert (watched.complaints, watched.strays) == ([], [])


async def test_the_operator_finds_the_letter_mends_the_address_and_sends_it_again(
    stage: Stage, axe: str
) -> None:
    made = stage.scene
    await beat("outbox", {})
    message_id = await failed_urge(made)
    async with stage.watched(made.world.secretariat, color_scheme="dark") as watched:
        page = watched.page
        wrong = await check(watched, axe, f"/vi-sao?viec={await of(made, 'overdue')}&lang=en")
        await page.locator("#n-failed + ol a", has_text="delivery").click()
        await page.wait_for_url(f"**/thu-da-gui/{message_id}")
        assert "<script>alert(1)</script>" in await page.locator("main").inner_text()
        assert wrong == []
    async with stage.watched(made.world.administrator, **PHONE) as watched:
        page = watched.page
        wrong = await check(watched, axe, "/he-thong")
        await page.locator(".tile", has_text="không tới").tap()
        await page.wait_for_url("**/he-thong/thu?tinh-trang=khong-toi")
        shown = await page.locator("tr.item").count()
        assert shown == await fetchval("SELECT count(*) FROM outbox WHERE state = 'failed'")
        wrong += await check(watched, axe, f"/thu-da-gui/{message_id}")
        await page.fill("#thu", "dau-moi@byt.example.vn")
        await page.get_by_role("button", name="Dùng địa chỉ này").tap()
        await page.locator(".toast").wait_for()
        await page.get_by_role("radio", name="dau-moi@byt.example.vn").check()
        await page.fill("#ly-do", "Đã có địa chỉ mới.")
        await page.get_by_role("button", name="Gửi lại").tap()
        await page.locator(".toast", has_text="dau-moi@byt.example.vn").wait_for()
        await watched.go("/he-thong")
        await page.fill("#ly-do", "Máy chủ thư bảo trì đêm nay.")
        await page.get_by_role("button", name="Tạm dừng gửi thư").tap()
        await page.locator(".toast", has_text="Đã tạm dừng gửi thư").wait_for()
        assert await is_sending_paused()
        assert wrong == []
        assert (watched.complaints, watched.strays) == ([], [])
    assert await fetchval("SELECT address FROM outbox WHERE id = $1", message_id) == "dau-moi@byt.example.vn"
    await execute("UPDATE setting SET value = 'false' WHERE key = 'sending_paused'")

"""An agency officer's minute: from the task to the receipt on a phone, inside the agency, with and without script."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Stage, Watched
from tests.browser.test_pages import check
from tests.integration.test_agency_work_pages import PDF
from tracker.db.engine import fetchval

pytestmark = pytest.mark.anyio

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 800}, "has_touch": True}
FILE: Any = {"name": "Biên bản nghiệm thu.pdf", "mimeType": "application/pdf", "buffer": PDF}


async def is_in_first_screen(watched: Watched, selector: str) -> bool:
    """Whether a thing is wholly on the screen before anything is scrolled."""
    box = await watched.page.locator(selector).first.bounding_box()
    size = watched.page.viewport_size
    assert box is not None
    assert size is not None
    return box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


async def test_officer_acknowledges_and_reports_with_a_file_over_a_bad_connection(stage: Stage) -> None:
    path = stage.scene.path("soon")
    async with stage.watched(stage.scene.world.agency, **PHONE) as watched:
        page = watched.page
        await watched.go(path)
        for what in ("h1", ".due", "button.big"):
            assert await is_in_first_screen(watched, what), what
        await page.get_by_role("button", name="Nhận việc").click()
        assert await is_in_first_screen(watched, "a.big")
        await page.get_by_role("link", name="Báo cáo kết quả").click()
        assert await page.locator("form.card .field").count() <= 4

        await page.get_by_label("Kết quả đã làm được").fill("Đã ban hành quyết định.")
        await page.get_by_label("Số văn bản minh chứng").fill("7431/BYT-CNTT")
        broken = 0

        async def break_off_once(route: Route) -> None:
            nonlocal broken
            broken += 1
            await (route.abort("connectionreset") if broken == 1 else route.continue_())

        await page.route("**/tep", break_off_once)
        await page.get_by_label("Tệp minh chứng").set_input_files([FILE, {**FILE, "name": "trò.exe"}])
        # What broke off says so and keeps everything; what is no evidence says why; neither stops the other.
        await expect(page.get_by_role("button", name="Gửi tiếp")).to_be_visible()
        await expect(page.get_by_text("Không nhận tệp loại “trò.exe”")).to_be_visible()
        await page.get_by_role("button", name="Gửi báo cáo kết quả").click()
        await expect(page.get_by_text("Báo cáo chưa gửi")).to_be_visible()
        await expect(page.get_by_label("Kết quả đã làm được")).to_have_value("Đã ban hành quyết định.")

        await page.get_by_role("button", name="Gửi tiếp").click()
        await expect(page.get_by_role("checkbox", name="Biên bản nghiệm thu.pdf")).to_be_checked()
        await page.get_by_role("button", name="Bỏ tệp này").click()
        await page.get_by_role("button", name="Gửi báo cáo kết quả").click()
        await page.wait_for_url("**/bien-nhan/BC-2025-*")

        await expect(page.locator("h1")).to_have_text(
            await page.evaluate("location.pathname.split('/').pop()")
        )
        await expect(page.get_by_role("link", name="Biên bản nghiệm thu.pdf")).to_be_visible()
        assert await watched.sideways() == 0
        assert watched.strays == []
        assert watched.complaints == []
    assert await fetchval("SELECT count(*) FROM attachment") == 1


async def test_officer_without_script_reports_passes_on_and_chooses_mail(stage: Stage, axe: str) -> None:
    later, overdue = stage.scene.path("later"), stage.scene.path("overdue")
    async with stage.watched(stage.scene.world.agency, java_script_enabled=False, **PHONE) as watched:
        page = watched.page
        await watched.go(f"{overdue}/bao-cao")
        await page.get_by_label("Kết quả đã làm được").fill("Đã ban hành quyết định.")
        await page.get_by_label("Số văn bản minh chứng").fill("7431/BYT-CNTT")
        await page.get_by_label("Ngày văn bản").fill("31/02/2026")
        await page.get_by_label("Tệp minh chứng").set_input_files([FILE])
        await page.get_by_role("button", name="Gửi báo cáo kết quả").click()
        # Refused, and nothing is lost: neither the words nor the file that has come.
        assert (await page.title()).startswith("Lỗi:")
        await page.get_by_role("alert").get_by_role("link").click()
        await page.get_by_label("Ngày văn bản").fill("21/11/2025")
        await expect(page.get_by_role("checkbox", name="Biên bản nghiệm thu.pdf")).to_be_checked()
        await page.get_by_role("button", name="Gửi báo cáo kết quả").click()
        await page.wait_for_url("**/bien-nhan/BC-2025-*")
        await expect(page.get_by_role("link", name="Biên bản nghiệm thu.pdf")).to_be_visible()

        await watched.go(later)
        await page.get_by_role("link", name="Chuyển cho người khác trong cơ quan").click()
        await page.get_by_label("Người làm").select_option(label="head_of_office BYT")
        await page.get_by_label("Hạn nội bộ").fill("20/12/2025")
        await page.get_by_label("Ghi chú cho đồng nghiệp").fill("Cần Cục A ký trước.")
        await page.get_by_role("button", name="Chuyển việc").click()
        assert (await page.title()).startswith("Lỗi:")
        await expect(page.get_by_label("Ghi chú cho đồng nghiệp")).to_have_value("Cần Cục A ký trước.")
        await page.get_by_label("Hạn nội bộ").fill("10/12/2025")
        await page.get_by_role("button", name="Chuyển việc").click()
        await expect(page.get_by_text("head_of_office BYT đang làm")).to_be_visible()

        # Two clicks: off, save.
        await watched.go("/toi/thong-bao")
        await page.get_by_role("checkbox", name="Biên nhận báo cáo").uncheck()
        await page.get_by_role("button", name="Lưu").click()
        await expect(page.get_by_role("checkbox", name="Biên nhận báo cáo")).not_to_be_checked()
        assert watched.strays == []
    wrong: list[str] = []
    async with stage.watched(
        stage.scene.world.agency, viewport={"width": 320, "height": 800}, color_scheme="dark"
    ) as watched:
        for path in (later, f"{later}/chuyen", f"{overdue}/gia-han", f"{later}/bao-cao", "/toi/thong-bao"):
            wrong += await check(watched, axe, path)
        assert watched.complaints == []
    assert wrong == []


async def test_officer_subscribes_with_the_keyboard_and_copies_the_address(stage: Stage, axe: str) -> None:
    async with stage.watched(
        stage.scene.world.agency, permissions=["clipboard-read", "clipboard-write"]
    ) as watched:
        page = watched.page
        await watched.go("/lich/dang-ky")
        await page.get_by_label("Tên liên kết").focus()
        await page.keyboard.type("Máy bàn")
        await page.keyboard.press("Enter")
        address = await page.get_by_label("Địa chỉ lịch", exact=True).input_value()
        assert address.endswith(".ics")
        await page.get_by_role("button", name="Chép địa chỉ").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Đã chép")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == address
        webcal = await page.get_by_role("link", name="Thêm vào lịch bằng một lần bấm").get_attribute("href")
        assert webcal == "webcal://" + address.partition("://")[2]
        await page.evaluate(axe)
        found = await page.evaluate("axe.run(document)")
        assert [violation["id"] for violation in found["violations"]] == []
        assert watched.complaints == []

"""A month's reconciliation in a browser: the desk opens it, an agency answers item by item, what differs is settled."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stage, Watched
from tests.browser.pages import look

pytestmark = pytest.mark.anyio

PHONE = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False}


async def sound(watched: Watched, axe: str) -> None:
    """Nothing is wrong with the page that is open."""
    assert await look(watched, axe) == []
    assert watched.strays == []
    assert watched.complaints == []


async def test_an_agency_answers_and_the_desk_settles_what_differs(stage: Stage, axe: str) -> None:
    world = stage.scene.world
    async with stage.watched(world.secretariat) as desk:
        await desk.go("/doi-chieu")
        await desk.page.get_by_role("link", name="Mở kỳ đối chiếu").click()
        await desk.page.get_by_label("Số liệu đến hết ngày").fill("25/11/2025")
        await desk.page.get_by_role("button", name="Xem trước").click()
        await expect(desk.page.get_by_role("alert")).to_contain_text("25/11/2025 ở tương lai")
        await desk.page.get_by_label("Số liệu đến hết ngày").fill("24/11/2025")
        await desk.page.get_by_role("button", name="Xem trước").click()
        await expect(desk.page.locator("tbody tr")).to_have_count(3)
        await sound(desk, axe)
        await desk.page.get_by_role("button", name="Mở kỳ và gửi thư").click()
        await expect(desk.page.locator(".toast")).to_contain_text("Đã mở kỳ đối chiếu")

        # On a phone, without scripts: the letter's page, a draft, then the answer with a mistake, then rightly.
        async with stage.watched(world.agency, **PHONE) as officer:
            page = officer.page
            await officer.go("/viec")
            await page.get_by_role("link", name="Trả lời").click()
            first = page.locator(".recon.ask > li").first
            await first.get_by_label("Đã xong").check()
            await first.get_by_label("Số báo cáo").fill("88/BC-BYT")
            await page.get_by_role("button", name="Lưu nháp").last.click()
            await expect(page.locator(".toast")).to_contain_text("Đã lưu nháp 1 nhiệm vụ")
            await expect(first.get_by_label("Số báo cáo")).to_have_value("88/BC-BYT")
            await page.get_by_role("button", name="Gửi trả lời").click()
            alert = page.get_by_role("alert")
            await expect(alert).to_contain_text("Nêu ngày báo cáo")
            await expect(alert).to_contain_text("Còn 13 nhiệm vụ chưa trả lời")
            await first.get_by_label("Ngày báo cáo").fill("20/11/2025")
            await page.get_by_label("Tôi đã xem cả 14 nhiệm vụ").check()
            await page.get_by_role("button", name="Gửi trả lời").click()
            await expect(page.locator(".toast")).to_contain_text("1 nhiệm vụ khác với danh sách")
            assert await officer.sideways() == 0

        await desk.go("/can-xu-ly")
        note = desk.page.locator(".note", has_text="1 khác biệt chờ giải quyết")
        await note.get_by_role("link").click()
        case = desk.page.locator(".recon > li").first
        await expect(case).to_contain_text("Đã xong, báo cáo số 88/BC-BYT ngày 20/11/2025.")
        await case.locator("summary").click()
        await case.get_by_label("Giữ nguyên theo hồ sơ").check()
        await case.get_by_role("button", name="Ghi cách giải quyết").click()
        await expect(desk.page.get_by_role("alert")).to_contain_text("phải nêu lý do")
        await desk.page.locator(".recon > li").first.get_by_label("Ý kiến").fill("Chưa thấy báo cáo.")
        await desk.page.get_by_role("button", name="Ghi cách giải quyết").click()
        await expect(desk.page.locator(".recon-end")).to_contain_text("Chưa thấy báo cáo.")
        await sound(desk, axe)

    async with stage.watched(world.agency) as officer:
        await officer.go("/doi-chieu")
        # The keyboard opens the first round of the list.
        await officer.page.keyboard.press("j")
        await officer.page.keyboard.press("Enter")
        await expect(officer.page.locator(".recon-end")).to_contain_text("Chưa thấy báo cáo.")
        await sound(officer, axe)

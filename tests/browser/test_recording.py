"""A person records a directive and imports a table: with the keyboard, on a phone, without a script."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stage, Watched
from tracker import clock
from tracker.db.engine import fetchval
from tracker.jobs.long_work import LongWork

pytestmark = pytest.mark.anyio

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PASTED = "\n".join(
    [
        "STT\tNhiệm vụ\tCơ quan chủ trì\tThời hạn\tVăn bản giao nhiệm vụ",
        "1\tXây dựng đề án thứ nhất về dữ liệu\tBộ Y tế\t30/12/2025\t44/CT-TTg ngày 12/11/2025",
        "2\tXây dựng đề án thứ hai về dữ liệu\tBộ Tài chinnh\t31/02/2026\t44/CT-TTg ngày 12/11/2025",
    ]
)


async def faults(watched: Watched, axe: str) -> list[str]:
    """What is wrong with the page as it stands now."""
    wrong = [f"scrolls sideways by {n} px"] if (n := await watched.sideways()) else []
    await watched.page.evaluate(axe)
    found = await watched.page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", _TAGS
    )
    return wrong + [f"{v['id']}: {[n['target'] for n in v['nodes'][:3]]}" for v in found["violations"]]


async def focused(page: Page) -> str:
    """The id of what has the focus."""
    found: str = await page.evaluate("document.activeElement.id")
    return found


async def test_a_directive_is_recorded_by_keyboard_and_without_a_script(stage: Stage, axe: str) -> None:
    """Behaviour 2 twice: at a desk with hints while typing, on a phone where no script runs."""
    desk = stage.scene.world.secretariat
    async with stage.watched(desk, viewport={"width": 1280, "height": 900}) as watched:
        page = watched.page
        await watched.go("/van-ban")
        await page.get_by_role("link", name="Văn bản mới").press("Enter")
        await page.locator("#so-ky-hieu").press_sequentially("12/CT-TTg")
        await page.keyboard.press("Tab")
        await page.keyboard.type("20/11/2025")
        await expect(page.locator("#co-quan-ban-hanh")).to_have_value("Thủ tướng Chính phủ")
        await page.locator("#trich-yeu").fill("Về việc đẩy mạnh chuyển đổi số")
        await page.locator("#v1-ten").fill("Trình kế hoạch chuyển đổi số")
        await page.locator("#v1-chu-tri").press_sequentially("bo y te")
        await expect(page.locator("#v1-chu-tri-chon [role=option]")).to_have_text(["Bộ Y tế"])
        assert await faults(watched, axe) == []
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.locator("#v1-chu-tri")).to_have_value("Bộ Y tế; ")
        await expect(page.locator("#v1-chu-tri-nghia")).to_have_text("Hiểu là: Bộ Y tế.")
        await page.locator("#v1-han").press_sequentially("15 ngày làm việc")
        await expect(page.locator("#v1-han-nghia")).to_contain_text("11/12/2025")
        await expect(page.locator("#v1 [data-six=result]")).to_have_class("missing")
        await page.locator("#v1-san-pham").fill("Quyết định")
        await expect(page.locator("#v1 .missing")).to_have_count(0)

        # Enter in a field shows what is understood; nothing is recorded and nothing is lost.
        await page.keyboard.press("Enter")
        await expect(page.locator("#v1-san-pham")).to_have_value("Quyết định")
        await page.get_by_role("button", name="Thêm nhiệm vụ").press("Enter")
        await expect(page.locator("#v2-ten")).to_be_focused()
        await page.locator("#v2-ten").fill("Báo cáo kết quả")
        await page.get_by_role("button", name="Ghi và giao 2 nhiệm vụ").press("Enter")
        await expect(page).to_have_title("Lỗi: Ghi văn bản và giao nhiệm vụ · Đôn Đốc")
        await expect(page.locator(".errors")).to_be_focused()
        assert await faults(watched, axe) == []
        await page.locator('.errors a[href="#v2-chu-tri"]').press("Enter")
        assert await focused(page) == "v2-chu-tri"
        await page.locator("#v2-chu-tri").fill("BTC")
        await page.locator("#v2-han").fill("trong quý I/2026")
        await page.get_by_role("button", name="Ghi và giao 2 nhiệm vụ").press("Enter")
        await expect(page.locator("h1")).to_have_text("Về việc đẩy mạnh chuyển đổi số")
        await expect(page.locator("tr.item")).to_have_count(2)
        assert await faults(watched, axe) == []

        await watched.go("/van-ban/moi")
        await page.locator("#so-ky-hieu").fill("12/CT-TTg")
        await page.locator("#ngay-ban-hanh").fill("20/11/2025")
        await page.locator("#trung a").click()
        await expect(page.locator("h1")).to_have_text("Về việc đẩy mạnh chuyển đổi số")
        assert (watched.strays, watched.complaints) == ([], [])

    async with stage.watched(desk, **PHONE, java_script_enabled=False) as watched:
        page = watched.page
        await watched.go("/van-ban/moi")
        await page.locator("#so-ky-hieu").fill("13/CT-TTg")
        await page.locator("#ngay-ban-hanh").fill("20/11/2025")
        await page.locator("#trich-yeu").fill("Việc thứ hai")
        await page.locator("#v1-ten").fill("Báo cáo từ điện thoại")
        await page.locator("#v1-chon").select_option("Bộ Tài chính")
        await page.get_by_role("button", name="Thêm vào chủ trì").click()
        await expect(page.locator("#v1-chu-tri")).to_have_value("Bộ Tài chính")
        await page.locator("#v1-han").fill("trong quý III")
        await page.get_by_role("button", name="Xem ngày hạn và cơ quan").last.click()
        await expect(page.locator("#v1-han-nghia")).to_contain_text("30/09/2026")
        await page.get_by_role("button", name="Ghi và giao 1 nhiệm vụ").click()
        await expect(page.locator("h1")).to_have_text("Việc thứ hai")


async def test_a_pasted_table_is_corrected_and_written_while_one_watches(stage: Stage, axe: str) -> None:
    """Behaviour 3: paste, put right in place, record; the page of the work looks again by itself."""
    desk = stage.scene.world.secretariat
    before = await fetchval("SELECT count(*) FROM task")
    async with stage.watched(desk, viewport={"width": 1280, "height": 900}) as watched:
        page = watched.page
        await watched.go("/van-ban/nhap")
        assert await faults(watched, axe) == []
        await page.locator("#bang").fill(PASTED)
        await page.get_by_role("button", name="Đọc và kiểm tra").click()
        await expect(page.locator("h1")).to_have_text("Kiểm tra bảng trước khi ghi")
        assert await faults(watched, axe) == []
        await page.locator('.errors a[href="#o-3-2"]').press("Enter")
        assert await focused(page) == "o-3-2"
        await page.locator("#o-3-3").fill("trong quý I/2026")
        await page.get_by_role("button", name="Dùng “Bộ Tài chính”").press("Enter")
        await expect(page.locator("tr.item")).to_have_count(2)
        await expect(page.locator("tr.item", has_text="thứ hai")).to_contain_text("31/03/2026")
        assert await fetchval("SELECT count(*) FROM task") == before
        await page.get_by_role("button", name="Ghi và giao 2 nhiệm vụ").click()
        await expect(page.locator("progress")).to_be_visible()
        assert await faults(watched, axe) == []
        assert await LongWork(clock.utc_now).run() == 1
        await expect(page.get_by_text("Đã ghi 2 nhiệm vụ của 1 văn bản")).to_be_visible()
        await page.get_by_role("link", name="Xem các văn bản").click()
        await expect(page.get_by_role("link", name="44/CT-TTg", exact=True)).to_be_visible()
        assert (watched.strays, watched.complaints) == ([], [])
    assert await fetchval("SELECT count(*) FROM task") == before + 2

    async with stage.watched(desk, **PHONE, java_script_enabled=False) as watched:
        page = watched.page
        await watched.go("/van-ban/nhap?lang=en")
        await page.locator("#bang").fill("What\tWho\nBáo cáo về y tế cơ sở\tBộ Y tế")
        await page.locator("details.card summary").click()
        await page.locator("#so-ky-hieu").fill("44/CT-TTg")
        await page.locator("#ngay-ban-hanh").fill("12/11/2025")
        await page.get_by_role("button", name="Read and check").click()
        await page.locator("#cot-0").select_option("task")
        await page.locator("#cot-1").select_option("lead")
        await page.get_by_role("button", name="Read the table with these columns").click()
        await page.get_by_role("button", name="Record and assign tasks: 1").click()
        await LongWork(clock.utc_now).run()
        await page.get_by_role("link", name="Look again").click()
        await expect(page.get_by_text("1 tasks of 1 directives recorded")).to_be_visible()

    async with stage.watched(desk, **PHONE) as watched:
        for path in ("/van-ban", "/van-ban/1?xep=tinh-trang", "/van-ban/1/sua", "/van-ban/moi?lang=en"):
            await watched.go(path)
            assert await faults(watched, axe) == [], path

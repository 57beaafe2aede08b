"""The ladder, the working days and the agencies in a real browser: with script and without, on a desk and a phone."""

from __future__ import annotations

import re
from datetime import date

import pytest

from tests.browser.conftest import Stage
from tests.browser.test_pages import check
from tracker.db.ladders import list_version_heads
from tracker.db.working_days import find_mark
from tracker.domain.ladders import DEFAULT_STEPS

pytestmark = pytest.mark.anyio

LADDER = "/thiet-lap/thang/default"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


async def test_an_officer_sees_the_ladder_move_while_typing_and_saves_it(stage: Stage, axe: str) -> None:
    async with stage.watched(
        stage.scene.world.secretariat, viewport={"width": 1280, "height": 900}
    ) as watched:
        page = watched.page
        await watched.go("/thiet-lap")
        await page.get_by_role("link", name="Thang nhắc việc").click()
        drawn = page.locator("svg.rungs")
        assert await drawn.locator("g.rg").count() >= 17
        assert "10/12" in (await drawn.text_content() or "")

        async with page.expect_response(lambda r: "b2n=4" in r.url):
            await page.locator("#b2n").fill("4")
        await page.get_by_text("Đang soạn bản 2, chưa lưu").wait_for()
        await page.locator("svg.rungs text", has_text=re.compile("^09/12$")).wait_for()
        assert "b2n=4" in page.url

        # Another duty, folded away until it is asked for.
        await page.locator("#b1-dong summary").press("Enter")
        async with page.expect_response(lambda r: "b1dl=c" in r.url):
            await page.locator("#b1dl").select_option("c")
        await page.locator("#b1-cc", has_text="Lãnh đạo cơ quan").wait_for()
        assert await check(watched, axe, page.url.removeprefix(stage.address)) == []

        await page.get_by_role("button", name="Xem trước khi lưu thành bản 2…").click()
        await page.get_by_text("3 ngày làm việc trước hạn → 4 ngày làm việc trước hạn").wait_for()
        assert await check(watched, axe, page.url.removeprefix(stage.address)) == []
        await page.get_by_label("Giữ bản cũ cho tới khi xong").check()
        await page.get_by_role("button", name="Lưu thành bản 2").click()
        await page.wait_for_url(f"**{LADDER}")
        await page.locator(".toast").wait_for()
        assert "Đã lưu bản 2" in await page.locator(".toast").inner_text()
        assert watched.strays == []
        assert watched.complaints == []
    assert len(await list_version_heads("default")) == 2


async def test_a_step_is_added_and_left_out_on_a_phone_without_script(stage: Stage) -> None:
    options = {**PHONE, "java_script_enabled": False}
    async with stage.watched(stage.scene.world.secretariat, **options) as watched:
        page = watched.page
        await watched.go(LADDER)
        await page.get_by_role("button", name="Thêm một bậc").click()
        await page.wait_for_url(re.compile("them=1"))
        assert await page.locator(".rung").count() == len(DEFAULT_STEPS) + 1
        assert await page.locator(".rung.is-new details").get_attribute("open") is not None
        await page.get_by_role("button", name="Bỏ Bậc 7").click()
        await page.wait_for_url(re.compile("bo=7"))
        assert await page.locator(".rung").count() == len(DEFAULT_STEPS)
        await page.locator("#b1n").fill("x")
        await page.get_by_role("button", name="Vẽ lại").first.click()
        await page.locator(".errors").wait_for()
        assert (await page.title()).startswith("Lỗi:")
        assert await page.locator("#b1n").input_value() == "x"
        assert watched.complaints == []


async def test_a_day_off_is_tried_and_written_down(stage: Stage, axe: str) -> None:
    async with stage.watched(stage.scene.world.administrator, **PHONE) as watched:
        page = watched.page
        await watched.go("/thiet-lap/lich-lam-viec?nam=2026")
        assert await watched.sideways() == 0
        assert await check(watched, axe, "/thiet-lap/lich-lam-viec?nam=2026") == []
        await page.get_by_role("link", name="2 Tháng 1", exact=True).click()
        await page.get_by_label("Tên ngày").fill("Nghỉ Tết Dương lịch")
        await page.get_by_label("Văn bản căn cứ").fill("Thông báo 12/TB-BNV")
        await page.get_by_role("button", name="Xem sẽ dời gì").click()
        await page.get_by_role("heading", name="Sẽ dời gì").wait_for()
        assert await check(watched, axe, page.url.removeprefix(stage.address)) == []
        await page.get_by_role("button", name="Ghi vào lịch").click()
        await page.wait_for_url(re.compile(r"lich-lam-viec\?nam=2026$"))
        await page.locator(".toast").wait_for()
        assert "Đã ghi 02/01/2026" in await page.locator(".toast").inner_text()
        assert watched.complaints == []
    mark = await find_mark(date(2026, 1, 2))
    assert mark is not None


async def test_the_other_pages_of_settings_are_sound(stage: Stage, axe: str) -> None:
    dark = {"viewport": {"width": 320, "height": 800}, "color_scheme": "dark"}
    byt = stage.scene.world.agencies["BTC"]
    async with stage.watched(stage.scene.world.administrator, **dark) as watched:
        wrong = []
        for path in ("/thiet-lap", f"{LADDER}/ban/1?lang=en", "/co-quan", f"/co-quan/{byt}?lang=vi"):
            wrong += await check(watched, axe, path)
        assert watched.complaints == []
    assert wrong == []

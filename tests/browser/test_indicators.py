"""An agency's officer enters the figure of a target: on a phone without script, and the desk finds what is behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from playwright.async_api import FilePayload

from tests.browser.conftest import Stage
from tests.browser.test_pages import check
from tests.world import MONDAY
from tracker.actions import indicators
from tracker.actions.indicators import NewReading
from tracker.db.engine import fetchval
from tracker.domain.indicators import Indicator

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Made:
    """The addresses of an assignment and of its target."""

    assignment: str
    target: str


async def _made(stage: Stage) -> Made:
    found = stage.scene
    own: int = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2",
        found.tasks["later"],
        found.world.agencies["BYT"],
    )
    new = Indicator(
        "Hồ sơ giải quyết trực tuyến",
        "%",
        date(2025, 7, 1),
        date(2025, 12, 15),
        counts="hồ sơ",
        baseline=Decimal(12),
        target=Decimal(30),
        note="Mẫu số là hồ sơ đã tiếp nhận trong kỳ, không phải số thủ tục.",
    )
    target = await indicators.define(found.world.secretariat, own, new, MONDAY)
    for day, figure in (("2025-07-31", "13,5"), ("2025-08-29", "15,2"), ("2025-09-30", "gần 20")):
        reading = NewReading(figure, date.fromisoformat(day), evidence="512/BC-BYT")
        await indicators.enter(found.world.agency, target, reading, "page", MONDAY)
    path = found.path("later")
    return Made(path, f"{path}/chi-tieu/{target}")


async def test_a_figure_is_entered_on_a_phone_without_script_and_found_by_the_desk(
    stage: Stage, axe: str
) -> None:
    made, world, wrong = await _made(stage), stage.scene.world, []
    phone = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False}
    async with stage.watched(world.agency, **phone) as officer:
        page = officer.page
        await officer.go(made.assignment)
        await page.get_by_role("link", name="Nhập số liệu").click()
        await page.get_by_label("Số liệu", exact=True).fill("21,4 thủ tục")
        await page.get_by_role("button", name="Lưu số liệu").click()
        assert "Lỗi:" in await page.title()
        assert "% hồ sơ" in await page.get_by_role("alert").inner_text()
        await page.get_by_label("Số liệu", exact=True).fill("21,4 %")
        await page.get_by_role("button", name="Lưu số liệu").click()
        await page.get_by_role("row", name="11/2025 Số liệu: 21,4").wait_for()
        assert officer.strays == []
    async with stage.watched(world.secretariat, viewport={"width": 1280, "height": 900}) as desk:
        for path in ("/chi-tieu", made.target, made.assignment):
            wrong += await check(desk, axe, path)
        await desk.go("/chi-tieu?xem=cham")
        await desk.page.keyboard.press("j")
        await desk.page.keyboard.press("Enter")
        await desk.page.get_by_role("heading", name="Hồ sơ giải quyết trực tuyến").wait_for()
    assert wrong == []


async def test_the_desk_sets_a_target_and_the_agency_sends_its_figures_in_a_file(
    stage: Stage, axe: str
) -> None:
    task_id, world, wrong = stage.scene.tasks["soon"], stage.scene.world, []
    async with stage.watched(world.secretariat, viewport={"width": 1280, "height": 900}) as desk:
        page = desk.page
        await desk.go(f"/viec/{task_id}")
        await page.get_by_role("link", name="Chỉ tiêu", exact=True).click()
        await page.get_by_role("link", name="Đặt chỉ tiêu").click()
        await page.get_by_label("Tên chỉ tiêu").fill("Hồ sơ trực tuyến")
        await page.get_by_label("Tính trên").fill("hồ sơ")
        await page.get_by_label("Mục tiêu").fill("30")
        await page.get_by_label("Ngày bắt đầu").fill("01/10/2025")
        await page.get_by_label("Thời hạn").fill("31/12/2025")
        await page.get_by_role("button", name="Đặt chỉ tiêu").click()
        await page.get_by_role("heading", name="Hồ sơ trực tuyến").wait_for()
        wrong += await check(desk, axe, f"/viec/{task_id}/chi-tieu")
        for shape in ("co-quan", "chi-tieu"):
            wrong += await check(desk, axe, f"/chi-tieu?theo={shape}")
    own: int = await fetchval(
        "SELECT i.id FROM indicator i JOIN assignment a ON a.id = i.assignment_id WHERE a.agency_id = $1",
        world.agencies["BYT"],
    )
    lines = f"Mã chỉ tiêu;Tính đến ngày;Số liệu\n{own};31/10/2025;18 thủ tục\n"
    phone = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False}
    async with stage.watched(world.agency, **phone) as officer:
        page = officer.page
        await officer.go("/chi-tieu")
        await page.get_by_role("link", name="Nhập từ tệp").click()
        for content in (lines, lines.replace("thủ tục", "")):
            file = FilePayload(name="so-lieu.csv", mimeType="text/csv", buffer=content.encode())
            await page.get_by_label("Tệp số liệu").set_input_files(file)
            await page.get_by_role("button", name="Đọc tệp").click()
            if content is lines:
                await page.get_by_text("không phải đơn vị của chỉ tiêu này").first.wait_for()
                await page.get_by_role("link", name="Gửi tệp khác").click()
        await page.get_by_role("button", name="Ghi 1 số liệu").click()
        await page.get_by_text("Đã ghi 1 số liệu lúc").wait_for()
        assert officer.strays == []
    assert wrong == []

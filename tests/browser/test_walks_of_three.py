"""The three people the product is for, each on a whole way through the real pages."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Stage, Watched
from tests.browser.keyboard import press_on, tab_to
from tracker.db.engine import execute, fetchval
from tracker.domain.directory import Actor

pytestmark = pytest.mark.anyio

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}


@dataclass
class Walk:
    """A window whose steps are numbered, and kept as pictures and a trace where SCREENS asks for them."""

    watched: Watched
    name: str
    folder: Path | None
    steps: int = 0

    async def step(self, what: str) -> None:
        """Keep what is seen now; nothing may scroll sideways."""
        self.steps += 1
        assert await self.watched.sideways() == 0, what
        if self.folder is not None:
            await self.watched.page.screenshot(
                path=self.folder / f"walk-{self.name}-{self.steps:02d}-{what}.png"
            )


@asynccontextmanager
async def walk(stage: Stage, actor: Actor, name: str, screens: Path, **options: Any) -> AsyncIterator[Walk]:
    """Somebody's window, which must not complain nor ask another host for anything."""
    is_kept = bool(os.environ.get("SCREENS"))
    async with stage.watched(actor, **options) as watched:
        tracing = watched.page.context.tracing
        if is_kept:
            await tracing.start(screenshots=True, snapshots=True, title=name)
        try:
            yield Walk(watched, name, screens if is_kept else None)
        finally:
            if is_kept:
                await tracing.stop(path=screens / f"walk-{name}.zip")
        assert (watched.strays, watched.complaints) == ([], [])


async def _state(stage: Stage, name: str) -> str:
    state: str = await fetchval(
        "SELECT state FROM assignment WHERE task_id = $1 AND agency_id = $2",
        stage.scene.tasks[name],
        stage.scene.world.agencies["BYT"],
    )
    return state


async def test_an_officer_of_the_secretariat_works_through_the_morning(stage: Stage, screens: Path) -> None:
    """What needs me, why was nobody reminded, urge, confirm from the queue, find, hand over the list."""
    async with walk(stage, stage.scene.world.secretariat, "secretariat", screens, **DESK) as way:
        page = way.watched.page
        await way.watched.go("/")
        assert page.url.endswith("/can-xu-ly")
        await way.step("can-xu-ly")

        await page.keyboard.press("j")
        await page.keyboard.press("x")
        async with page.expect_navigation(url="**/don-doc/xem-truoc?**"):
            await page.keyboard.press("u")
        await way.step("xem-truoc")
        await page.get_by_role("button", name="Gửi 1 thư đôn đốc").click()
        await page.locator(".toast", has_text="thư đôn đốc").wait_for()
        assert page.url.endswith("/can-xu-ly")
        await way.step("da-gui")

        await way.watched.go("/cho-xac-nhan")
        await page.locator("tr.item a").first.click()
        await way.step("cho-xac-nhan")
        async with page.expect_navigation():
            await page.keyboard.press("a")
        assert await _state(stage, "waiting") == "confirmed"
        await way.step("da-xac-nhan")

        await page.keyboard.press("/")
        await page.keyboard.type("bo y te")
        async with page.expect_navigation(url="**/tim?q=bo+y+te"):
            await page.keyboard.press("Enter")
        assert "Bộ Y tế" in await page.locator("main").inner_text()
        await way.step("tim")

        await way.watched.go(f"/viec/{stage.scene.tasks['extension']}")
        await way.step("viec")
        await way.watched.go("/bao-cao/qua-han")
        assert await page.locator("main table").count() >= 1
        await way.step("bao-cao-qua-han")


async def test_an_officer_of_an_agency_reports_on_a_phone(stage: Stage, screens: Path) -> None:
    """ "You are from the Ministry of Health and must report that the task is done": counted from the first page."""
    clicks = 0
    async with walk(stage, stage.scene.world.agency, "agency-phone", screens, **PHONE) as way:
        page = way.watched.page
        began = time.monotonic()
        await way.watched.go("/")
        assert page.url.endswith("/viec")
        await way.step("viec-cua-toi")
        await page.get_by_role("link", name="Nhiệm vụ overdue").first.tap()
        clicks += 1
        await page.wait_for_url(f"**{stage.scene.path('overdue')}")
        await way.step("mot-viec")
        await page.get_by_role("link", name="Báo cáo kết quả").first.tap()
        clicks += 1
        await page.get_by_label("Kết quả đã làm được").fill("Đã ban hành quyết định.")
        await page.get_by_label("Số văn bản minh chứng").fill("7431/BYT-CNTT")
        clicks += 2
        await way.step("bao-cao")
        await page.get_by_role("button", name="Gửi báo cáo kết quả").tap()
        clicks += 1
        await page.wait_for_url("**/bien-nhan/BC-2025-*")
        await way.step("bien-nhan")
        seconds = time.monotonic() - began

    assert await _state(stage, "overdue") == "reported"
    assert clicks <= 5
    print(f"to report that the task is done: {clicks} touches, {seconds:.1f} s of the machine")


@pytest.mark.parametrize("kind", ["phone", "desk"])
async def test_an_official_sees_where_it_burns_and_asks(stage: Stage, screens: Path, kind: str) -> None:
    """One page, the list behind a number, a request to explain, a sheet of paper."""
    world = stage.scene.world
    await execute(
        "INSERT INTO agency_member (agency_id, official_id) SELECT id, $1 FROM agency WHERE code IN ('BYT', 'HN')",
        world.officials["member"],
    )
    options = PHONE if kind == "phone" else DESK
    async with walk(stage, world.member, f"official-{kind}", screens, **options) as way:
        page = way.watched.page
        await way.watched.go("/")
        assert page.url.endswith("/tong-quan")
        await way.step("tong-quan")
        count = int(await page.locator(".tile b").first.inner_text())
        await page.locator(".tile").first.click()
        await page.wait_for_url("**/bao-cao/danh-sach**")
        assert await page.locator("tr.item").count() == count
        await way.step("danh-sach")
        await page.go_back()

        await page.locator(".burn .btn").first.click()
        await page.wait_for_url("**/don-doc/xem-truoc?**")
        await way.step("xem-truoc")
        await page.get_by_role("button", name="Gửi 1 thư đôn đốc").click()
        await page.locator(".toast", has_text="thư đôn đốc").wait_for()
        await way.step("da-gui")
        await way.watched.go("/tong-quan/ban-in")
        await way.step("ban-in")


# -- the core jobs by keyboard alone, and without JavaScript -----------------------------------------------


async def test_the_core_jobs_are_done_by_keyboard_alone(stage: Stage, screens: Path) -> None:
    """No key but Tab, Enter, Space and letters; wherever the focus stops it is seen, under no bar."""
    async with walk(stage, stage.scene.world.agency, "keyboard-agency", screens, **DESK) as way:
        page = way.watched.page
        await way.watched.go("/viec")
        await press_on(way.watched, "Nhiệm vụ overdue")
        await page.wait_for_url(f"**{stage.scene.path('overdue')}")
        await press_on(way.watched, "Báo cáo kết quả")
        await page.wait_for_url("**/bao-cao")
        await tab_to(way.watched, "Kết quả đã làm được")
        await page.keyboard.type("Đã ban hành quyết định.")
        await tab_to(way.watched, "Số văn bản minh chứng")
        await page.keyboard.type("7431/BYT-CNTT")
        await press_on(way.watched, "Gửi báo cáo kết quả")
        await page.wait_for_url("**/bien-nhan/BC-2025-*")
    async with walk(stage, stage.scene.world.secretariat, "keyboard-secretariat", screens, **DESK) as way:
        page = way.watched.page
        await way.watched.go("/cho-xac-nhan")
        await press_on(way.watched, "Nhiệm vụ ")
        await page.wait_for_url("**/cho-xac-nhan/*")
        await press_on(way.watched, "Xác nhận")
        await page.locator(".toast").wait_for()
    assert sorted([await _state(stage, "waiting"), await _state(stage, "overdue")]) == [
        "confirmed",
        "reported",
    ]


async def test_the_core_jobs_are_done_without_javascript(stage: Stage, screens: Path) -> None:
    """List, filter, report, confirm, export."""
    bare = {**DESK, "java_script_enabled": False}
    async with walk(stage, stage.scene.world.agency, "bare-agency", screens, **bare) as way:
        page = way.watched.page
        await way.watched.go("/viec")
        assert await page.locator("tr.item").count() > 3
        await way.watched.go(f"{stage.scene.path('overdue')}/bao-cao")
        await page.get_by_label("Kết quả đã làm được").fill("Đã ban hành quyết định.")
        await page.get_by_label("Số văn bản minh chứng").fill("7431/BYT-CNTT")
        await page.get_by_role("button", name="Gửi báo cáo kết quả").click()
        await page.wait_for_url("**/bien-nhan/BC-2025-*")
    async with walk(stage, stage.scene.world.secretariat, "bare-secretariat", screens, **bare) as way:
        page = way.watched.page
        await way.watched.go("/viec?tinh-trang=tat-ca&co-quan=BYT")
        assert await page.locator("tr.item").count() > 3
        for row in await page.locator("tr.item").all():
            assert "Bộ Y tế" in await row.inner_text()
        await way.watched.go("/cho-xac-nhan")
        before = await page.locator("tr.item").count()
        assert before == 2
        await page.locator("tr.item a").first.click()
        await page.get_by_role("button", name="Xác nhận").first.click()
        await page.locator(".toast").wait_for()
        await way.watched.go("/cho-xac-nhan")
        assert await page.locator("tr.item").count() == before - 1
        answer = await page.request.get(f"{stage.address}/viec.csv?tinh-trang=tat-ca")
        assert answer.ok
        assert "Bộ Y tế" in await answer.text()

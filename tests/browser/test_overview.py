"""An official on a phone and at a desk: where it burns, the list behind a number, the month, the reports."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.browser.conftest import Stage, Watched
from tests.browser.test_pages import check
from tracker.db.calendar import insert_days
from tracker.db.engine import execute

pytestmark = pytest.mark.anyio

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
PAGES: tuple[tuple[dict[str, Any], str, tuple[str, ...]], ...] = (
    ({"viewport": {"width": 1280, "height": 900}}, "vi", ("/tong-quan", "/lich", "/bao-cao/co-quan")),
    (
        {"viewport": {"width": 320, "height": 740}, "color_scheme": "dark"},
        "en",
        ("/tong-quan?co-quan=XYZ", "/lich?thang=2025-12&ca-xong=1", "/bao-cao/ty-le"),
    ),
)
"""A variant each: tests/browser/test_pages.py sees every page in all of them."""


async def _follow(stage: Stage) -> None:
    world = stage.scene.world
    await execute(
        "INSERT INTO agency_member (agency_id, official_id) SELECT id, $1 FROM agency WHERE code IN ('BYT', 'HN')",
        world.officials["member"],
    )
    await insert_days(
        [
            (date(2025, 12, 25), "off", "Nghỉ thử", "test", False),
            (date(2025, 12, 27), "work", "Làm bù", "test", False),
        ]
    )


async def _open_tables(watched: Watched) -> None:
    for fold in await watched.page.locator("main details").all():
        await fold.evaluate("details => { details.open = true }")


async def test_on_a_phone_without_script_an_official_reads_the_page_and_opens_what_a_number_counts(
    stage: Stage,
) -> None:
    await _follow(stage)
    async with stage.watched(stage.scene.world.member, java_script_enabled=False, **PHONE) as watched:
        page = watched.page
        await watched.go("/")
        assert page.url.endswith("/tong-quan")
        for part in (".tile >> nth=0", ".tile >> nth=1", "svg.plot.bars"):
            box = await page.locator(part).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 740, part
        count = int(await page.locator(".tile b").first.inner_text())
        await page.locator(".tile").first.click()
        await page.wait_for_url("**/bao-cao/danh-sach**")
        assert await page.locator("tr.item").count() == count > 3
        await page.go_back()

        await page.locator("summary", has_text="Chọn cơ quan").click()
        await page.get_by_label("Bộ Y tế").check()
        await page.get_by_label("UBND thành phố Hà Nội").uncheck()
        await page.get_by_role("button", name="Xem các cơ quan đã chọn").click()
        await page.wait_for_url("**co-quan=BYT**")
        assert await page.locator("h1").inner_text() == "Bộ Y tế"
        assert int(await page.locator(".tile b").first.inner_text()) < count

        urge = page.locator(".burn .btn").first
        assert "/don-doc/xem-truoc?viec=" in (await urge.get_attribute("href") or "")
        tapped = await urge.bounding_box()
        assert tapped is not None
        assert tapped["height"] >= 40
        assert watched.strays == []


async def test_by_keyboard_through_the_months_to_the_list_of_a_day(stage: Stage) -> None:
    await _follow(stage)
    async with stage.watched(stage.scene.world.agency) as watched:
        page = watched.page
        await watched.go("/lich")
        assert await page.locator("td[aria-current=date] .count").inner_text() != ""
        await page.locator("a[rel=next]").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**thang=2025-12**")
        assert "Tháng 12 năm 2025" in await page.locator("h1").inner_text()
        assert await page.locator("td.off .mark").first.inner_text() == "Nghỉ: Nghỉ thử"
        assert await page.locator("td.work .mark").inner_text() == "Đi làm bù: Làm bù"
        day = page.locator("td", has=page.locator("time[datetime='2025-12-15']")).locator(".count")
        words = await day.inner_text()
        await day.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/viec?**")
        rows = await page.locator("tr.item").count()
        assert words.startswith(f"{rows} ")
        assert watched.complaints == []


async def test_no_checker_complains_and_nothing_leaves_the_house(stage: Stage, axe: str) -> None:
    await _follow(stage)
    wrong: list[str] = []
    for options, language, paths in PAGES:
        async with stage.watched(stage.scene.world.member, **options) as watched:
            await watched.go(f"/tro-giup?lang={language}")
            for path in paths:
                wrong += await check(watched, axe, path)
                await _open_tables(watched)
                if sideways := await watched.sideways():
                    wrong.append(f"{path}: with its tables open it scrolls sideways by {sideways} px")
            assert watched.strays == []
            assert watched.complaints == []

    assert wrong == []

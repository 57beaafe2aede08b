"""A table is taken away in a browser: from its page by keyboard, and a long one as a job on a phone without script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import Stage
from tests.browser.test_pages import check
from tracker import clock
from tracker.actions import exports
from tracker.jobs.long_work import LongWork

pytestmark = pytest.mark.anyio


async def test_a_list_is_taken_by_keyboard_and_a_long_one_made_meanwhile(
    stage: Stage, axe: str, screens: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = stage.scene.world
    async with stage.watched(world.secretariat, viewport={"width": 1280, "height": 900}) as watched:
        page = watched.page
        await watched.go("/viec?tinh-trang=qua-han")
        rows = await page.locator("tr.item").count()
        await page.locator(".take summary").focus()
        await page.keyboard.press("Enter")
        link = page.get_by_role("link", name="CSV cho Excel")
        await link.wait_for(state="visible")
        await page.screenshot(path=screens / "tai-ve.png")
        await page.evaluate(axe)
        found = (await page.evaluate("axe.run(document)"))["violations"]
        assert [one["id"] for one in found] == []
        async with page.expect_download() as coming:
            await link.click()
        file = await coming.value
        assert file.suggested_filename.endswith(".csv")
        assert (await file.path()).read_text("utf-8-sig").count("17/NQ-CP") == rows
        assert watched.complaints == []
        assert watched.strays == []

    monkeypatch.setattr(exports, "AT_ONCE", {**exports.AT_ONCE, "xlsx": 1})
    phone = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False, "color_scheme": "dark"}
    async with stage.watched(world.secretariat, **phone) as watched:
        page = watched.page
        await watched.go("/viec?tinh-trang=tat-ca")
        await page.locator(".take summary").click()
        await page.get_by_role("link", name="Bảng tính Excel").click()
        assert await watched.sideways() == 0
        await page.screenshot(path=screens / "tai-ve-de-nghi.png")
        await page.get_by_role("button", name="Tạo tệp").click()
        await page.locator("progress").wait_for()
        await page.screenshot(path=screens / "tai-ve-cho.png")
        assert await LongWork(clock.utc_now).run() == 1
        await page.get_by_role("link", name="Xem lại").click()
        assert await watched.sideways() == 0
        await page.screenshot(path=screens / "tai-ve-xong.png")
        async with page.expect_download() as coming:
            await page.get_by_role("link", name="Tải tệp").click()
        assert (await (await coming.value).path()).read_bytes().startswith(b"PK")
        where = page.url.removeprefix(stage.address)

    async with stage.watched(world.secretariat) as watched:
        wrong = await check(watched, axe, where)
        wrong += await check(watched, axe, "/tai-ve/bang/viec.xlsx?tinh-trang=tat-ca")
        assert wrong == []

"""The pages of people, agencies and oneself in a real browser: whole, accessible, and narrow enough for a phone."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Stage
from tracker.domain.directory import Actor

pytestmark = pytest.mark.anyio

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "device_scale_factor": 1}
OWN = ("/toi", "/toi/bao-mat", "/toi/ma-truy-cap")


def pages(stage: Stage, actor: Actor) -> tuple[str, ...]:
    """What a person may open of these."""
    world = stage.scene.world
    agency = f"/co-quan/{world.agencies['BTC']}"
    everybody = (*OWN, "/co-quan", agency)
    if actor is not world.administrator:
        return everybody
    person = f"/nguoi/{world.officials['btc.leader']}"
    return (*everybody, "/nguoi", "/nguoi/moi", person, "/co-quan/moi", f"{agency}/sua")


# test_pages.py looks at each of these in one of four variants.
@pytest.mark.long
@pytest.mark.parametrize("persona", ["administrator", "agency"])
@pytest.mark.parametrize("language", ["vi", "en"])
async def test_pages_are_accessible(stage: Stage, axe: str, persona: str, language: str) -> None:
    actor = getattr(stage.scene.world, persona)
    async with stage.watched(actor, viewport={"width": 1280, "height": 900}) as watched:
        for path in pages(stage, actor):
            assert await watched.go(f"{path}?lang={language}") == 200
            found = await watched.page.evaluate(axe + "; axe.run(document).then(r => r.violations)")
            assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == [], path
        assert watched.strays == []
        assert watched.complaints == []


@pytest.mark.long
async def test_nothing_scrolls_sideways_on_a_phone_or_a_desk(stage: Stage) -> None:
    actor = stage.scene.world.administrator
    for options in (
        PHONE,
        {"viewport": {"width": 1024, "height": 768}},
        {"viewport": {"width": 1440, "height": 900}},
    ):
        async with stage.watched(actor, **options) as watched:
            for path in pages(stage, actor):
                await watched.go(path)
                assert await watched.sideways() == 0, (path, options)


async def test_a_person_is_added_and_invited_with_the_keyboard_alone(stage: Stage) -> None:
    async with stage.watched(stage.scene.world.administrator) as watched:
        page = watched.page
        await watched.go("/nguoi/moi?co-quan=BYT")
        await page.locator("#ten").focus()
        await page.keyboard.type("Trần Thị Bình")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Chuyên viên")
        await page.keyboard.press("Tab")
        await page.keyboard.type("binh@byt.example.vn")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=Đã thêm Trần Thị Bình")
        await page.get_by_role("button", name="Gửi lời mời").press("Enter")
        await page.wait_for_selector("text=Đã gửi thư mời đến binh@byt.example.vn")

        assert "/loi-moi/ddl_" not in await page.content()
        assert watched.complaints == []

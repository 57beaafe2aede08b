"""The interactive reference of the API in a real browser: local files, strict policy, every operation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stage
from tracker.api.v1 import v1_handlers

pytestmark = pytest.mark.anyio
VENDORED = Path(__file__).parents[2] / "tracker/web/static/vendor/swagger-ui/swagger-ui-bundle.js"


async def operations(page: Page) -> set[str]:
    """The operations that somebody meets who scrolls to the end: those far from the window are not drawn."""
    met: set[str] = set()
    is_end = False
    while not is_end:
        met |= set(await page.evaluate("[...document.querySelectorAll('.opblock')].map(e => e.id)"))
        is_end = await page.evaluate(
            """async () => {
                const before = scrollY;
                scrollBy(0, innerHeight / 2);
                for (let n = 0; n < 4; n++) await new Promise(requestAnimationFrame);
                return scrollY === before;
            }"""
        )
    return met


@pytest.mark.skipif(not VENDORED.is_file(), reason="Swagger UI has not been fetched: npm ci")
@pytest.mark.long
async def test_swagger_ui_shows_every_operation_from_this_server_alone(stage: Stage) -> None:
    async with stage.watched() as watched:
        assert await watched.go("/api/docs") == 200
        await expect(watched.page.locator(".opblock").first).to_be_visible(timeout=20_000)
        met: set[str] = set()
        for _ in range(3):  # a slow machine draws late what has come into sight
            if len(met) < len(v1_handlers):
                await watched.page.evaluate("scrollTo(0, 0)")
                met |= await operations(watched.page)
        assert len(met) == len(v1_handlers)
        await watched.page.goto(f"{watched.address}/api/docs#/Directives/recordDirective")
        await watched.page.reload()
        await expect(watched.page.get_by_text("Idempotency-Key").first).to_be_visible()
        picture = await watched.page.screenshot()

    assert watched.strays == []
    assert [c for c in watched.complaints if re.search("Content Security Policy|Refused", c)] == []
    assert len(picture) > 20_000

"""The interactive reference of the API in a real browser: local files, strict policy, every operation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stage
from tracker.api.v1 import v1_handlers

pytestmark = pytest.mark.anyio
VENDORED = Path(__file__).parents[2] / "tracker/web/static/vendor/swagger-ui/swagger-ui-bundle.js"


@pytest.mark.skipif(not VENDORED.is_file(), reason="Swagger UI has not been fetched: npm ci")
async def test_swagger_ui_shows_every_operation_from_this_server_alone(stage: Stage) -> None:
    async with stage.watched() as watched:
        assert await watched.go("/api/docs") == 200
        operations = watched.page.locator(".opblock")
        await expect(operations).to_have_count(len(v1_handlers), timeout=20_000)
        await watched.page.locator("#operations-Directives-recordDirective").click()
        await expect(watched.page.get_by_text("Idempotency-Key").first).to_be_visible()
        picture = await watched.page.screenshot()

    assert watched.strays == []
    assert [c for c in watched.complaints if re.search("Content Security Policy|Refused", c)] == []
    assert len(picture) > 20_000

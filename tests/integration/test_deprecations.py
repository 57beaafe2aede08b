"""Bar A12: an operation that is to end says so in every answer, and its uses are counted for each token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api import Api, running_api
from tracker.api import endpoint as module
from tracker.api.endpoint import Deprecation
from tracker.db.deprecations import list_deprecated_uses
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

ENDING = Deprecation(
    datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC), "/api/docs#deprecated"
)


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


async def test_a_deprecated_operation_says_so_and_is_counted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = module._serve

    async def ending(operation: Any, *rest: Any) -> Any:
        return await serve(replace(operation, deprecated=ENDING), *rest)

    client = await api.client(api.world.secretariat)
    usual = await client.get("/api/v1/me")
    monkeypatch.setattr(module, "_serve", ending)

    answers = [await client.get("/api/v1/me"), await client.get("/api/v1/tasks/999")]

    assert "deprecation" not in usual.headers
    for answer in answers:
        assert answer.headers["deprecation"] == "@1793491200"
        assert answer.headers["sunset"] == "Tue, 01 Jun 2027 00:00:00 GMT"
        assert 'rel="deprecation"' in answer.headers["link"]
    uses = await list_deprecated_uses()
    assert [(u.token_name, u.uses) for u in uses] == [("test", 1), ("test", 1)]

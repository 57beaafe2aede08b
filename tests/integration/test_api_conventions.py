"""The conventions of the API: problem details, entity tags, idempotency keys, cursors, methods (A1 to A8, A14)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api import COMPLETION, DIRECTIVE, Api, running_api
from tracker.db.engine import fetchval
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


async def test_directive_is_recorded_assigned_reported_and_confirmed(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    agency = await api.client(api.world.agency)
    recorded = await api.recorded()
    address = await api.lead_of(recorded)

    first = await agency.get(address)
    acknowledged = await agency.post(f"{address}/acknowledge", headers={"If-Match": first.headers["etag"]})
    receipt = await agency.post(
        f"{address}/reports", json=COMPLETION, headers={"If-Match": acknowledged.headers["etag"]}
    )
    reported = await office.get(address)
    confirmed = await office.post(
        f"{address}/confirm", json={"note": "Đã kiểm tra."}, headers={"If-Match": reported.headers["etag"]}
    )

    assert first.json()["state"] == "assigned"
    assert acknowledged.json()["state"] == "acknowledged"
    assert receipt.status_code == 201
    assert receipt.json()["receipt"].startswith("BC-")
    assert reported.json()["status"]["fine"] == "awaiting_confirmation"
    assert confirmed.status_code == 200, confirmed.text
    assert confirmed.json()["state"] == "confirmed"
    assert confirmed.json()["status"]["bucket"] == "done_on_time"


async def test_idempotency_key_makes_two_posts_one_directive(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    headers = {"Idempotency-Key": "3f0c9a1e"}

    first = await office.post("/api/v1/directives", json=DIRECTIVE, headers=headers)
    again = await office.post("/api/v1/directives", json=DIRECTIVE, headers=headers)
    other = await office.post("/api/v1/directives", json={**DIRECTIVE, "number": "18/NQ-CP"}, headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert other.json()["code"] == "idempotency_mismatch"
    assert await fetchval("SELECT count(*) FROM directive") == 1

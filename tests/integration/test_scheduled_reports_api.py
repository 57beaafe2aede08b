"""Scheduled reports and the check of a printed table by API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api import Api, running_api
from tests.world import MONDAY
from tracker import clock
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

PLACE = "/api/v1/scheduled-reports"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PRINTED = "Nội dung,Số lượng\nTổng số,8282\nĐã hoàn thành,6932\nChưa hoàn thành,1351\nTỷ lệ hoàn thành,83.7\n"


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    clock.set_offset(MONDAY - clock.utc_now())
    async with running_api(database) as running:
        yield running


async def test_a_report_from_its_making_to_its_end(api: Api) -> None:
    desk = await api.client(api.world.secretariat)
    people = api.world.officials
    new = {
        "name": "Quá hạn", "what": "overdue", "rhythm": "weekly", "day": 1, "hour": "07:30", "format": "xlsx",
        "readers": [str(people["inspector"]), str(people["byt.focal"])],
    }  # fmt: skip

    wrong = await desk.post(PLACE, json={**new, "day": 9, "hour": "05:00", "agencies": ["LA"]})
    assert wrong.status_code == 422
    assert {e["code"] for e in wrong.json()["errors"]} == {"out_of_range", "scheduled_hour", "agency_unknown"}
    nowhere = await desk.post(PLACE, json={**new, "directive_id": "9999"})
    assert [(e["pointer"], e["code"]) for e in nowhere.json()["errors"]] == [
        ("/directive_id", "unknown_directive")
    ]
    closed = await desk.post(PLACE, json={**new, "what": "rates"})
    assert [(e["pointer"], e["code"]) for e in closed.json()["errors"]] == [
        ("/readers/1", "scheduled_reader_may_not")
    ]
    made = await desk.post(PLACE, json=new)
    assert made.status_code == 201, made.text
    assert made.json()["coming"] == ["2025-12-01", "2025-12-08", "2025-12-15"]
    one = f"{PLACE}/{made.json()['id']}"

    patched = await desk.patch(
        one, json={"rhythm": "monthly", "day": 31, "format": "pdf", "state": "paused"},
        headers={"If-Match": made.headers["etag"]},
    )  # fmt: skip
    assert patched.status_code == 200, patched.text
    assert (patched.json()["state"], patched.json()["format"], patched.json()["coming"]) == (
        "paused",
        "pdf",
        [],
    )
    stale = await desk.patch(one, json={"state": "active"}, headers={"If-Match": made.headers["etag"]})
    assert stale.status_code == 412
    file = await desk.get(f"{one}/preview", headers={"Accept": XLSX})
    assert (file.headers["content-type"], file.content[:2]) == (XLSX, b"PK")
    assert (await desk.get(f"{one}/letters")).json() == {"items": [], "next": None}
    assert [r["name"] for r in (await desk.get(PLACE)).json()["items"]] == ["Quá hạn"]

    ended = await desk.delete(one, headers={"If-Match": "*"})
    assert ended.status_code == 204
    again = await desk.patch(one, json={"state": "active"}, headers={"If-Match": "*"})
    assert (again.status_code, again.json()["code"]) == (409, "scheduled_report_ended")
    reader = await api.client(api.world.agency)
    assert (await reader.get(PLACE)).status_code == 403


async def test_a_printed_table_is_checked(api: Api) -> None:
    officer = await api.client(api.world.agency)

    answer = await officer.post(
        "/api/v1/table-checks?name=bieu.csv", content=PRINTED.encode(), headers={"Content-Type": "text/csv"}
    )

    assert answer.status_code == 200, answer.text
    (table,) = answer.json()["tables"]
    assert table["identities"] == [{"text": "6932+1351=8283≠8282", "holds": False}]
    assert (table["sums"], table["held"], table["rates"], table["explained"]) == (1, 0, 1, 1)
    origin = table["percentages"][0]["explained_by"]
    assert (origin["numerator"], origin["denominator"], origin["rounding"]) == (6932, 8282, "half_up")
    bomb = await officer.post("/api/v1/table-checks", content=b"PK\x03\x04", headers={"Content-Type": XLSX})
    assert (bomb.status_code, bomb.json()["errors"][0]["code"]) == (422, "import_xlsx_broken")
    large = await officer.post(
        "/api/v1/table-checks", content=b"a" * 2_000_001, headers={"Content-Type": "text/csv"}
    )
    assert (large.status_code, large.json()["errors"][0]["code"]) == (422, "import_too_large")

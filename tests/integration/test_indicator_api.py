"""Targets by API: defined, read, corrected, and refused with the field named."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api import Api, running_api
from tests.world import MONDAY
from tracker import clock
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
SHARE = {
    "name": "Hồ sơ giải quyết trực tuyến",
    "unit": "%",
    "counts": "hồ sơ",
    "baseline": "12",
    "target": "30.5",
    "starts_on": "2025-11-01",
    "due_on": "2025-12-31",
}


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    clock.set_offset(MONDAY - clock.utc_now())
    async with running_api(database) as running:
        yield running


async def test_a_target_is_set_read_and_corrected(api: Api) -> None:
    assignment = await api.lead_of(await api.recorded())
    office, agency = await api.client(api.world.secretariat), await api.client(api.world.agency)
    other = await api.client(api.world.other_agency)

    made = await office.post(f"{assignment}/indicators", json=SHARE)
    assert made.status_code == 201, made.text
    assert (made.json()["target"], made.json()["progress"]) == ("30.5", "unread")
    twice = await office.post(f"{assignment}/indicators", json=SHARE)
    assert (twice.status_code, twice.json()["code"]) == (409, "indicator_exists")
    assert (await agency.post(f"{assignment}/indicators", json=SHARE)).status_code == 403

    readings = f"/api/v1/indicators/{made.json()['id']}/readings"
    wrong = await agency.post(readings, json={"figure": "gần 20", "as_of": "2025-12-01", "unit": "% thủ tục"})
    assert wrong.status_code == 422
    assert {e["code"] for e in wrong.json()["errors"]} == {"reading_in_future", "reading_unit"}
    entered = await agency.post(readings, json={"figure": "gần 20", "as_of": "2025-11-20", "unit": "% hồ sơ"})
    assert entered.status_code == 201, entered.text
    assert (entered.json()["exactness"], entered.json()["number"], entered.json()["source"]) == (
        "below",
        "20",
        "api",
    )
    correction = {"figure": "19,5", "as_of": "2025-11-20", "reason": "Đã đối chiếu", "corrects": 1}
    refused = await agency.post(readings, json={**correction, "corrects": 0})
    assert (refused.status_code, refused.json()["code"]) == (409, "reading_exists")
    assert (await agency.post(readings, json=correction)).status_code == 201

    listed = (await office.get(readings)).json()["items"]
    assert [(r["sequence"], r["figure"], r["reason"]) for r in listed] == [
        (2, "19,5", "Đã đối chiếu"),
        (1, "gần 20", ""),
    ]
    (shown,) = (await agency.get(f"{assignment}/indicators")).json()["items"]
    assert (shown["last_figure"], shown["progress"]) == ("19,5", "on_plan")
    assert (await other.get(readings)).status_code == 404


async def test_a_table_of_readings_is_judged_then_written_once(api: Api) -> None:
    assignment = await api.lead_of(await api.recorded())
    office, agency = await api.client(api.world.secretariat), await api.client(api.world.agency)
    target = (await office.post(f"{assignment}/indicators", json=SHARE)).json()["id"]
    header = "Target code,As of,Figure\n"
    kind = {"Content-Type": "text/csv"}

    unread = await agency.post("/api/v1/reading-imports", content=b"a,b\n1,2\n", headers=kind)
    assert (unread.status_code, unread.json()["errors"][0]["code"]) == (422, "readings_no_header")
    bad = f"{header}{target},2025-11-20,130\n7777777,2025-11-20,5\n".encode()
    wrong = await agency.post("/api/v1/reading-imports", content=bad, headers=kind)
    assert wrong.status_code == 201, wrong.text
    told = [
        (x["row"], x["fate"], x["problems"][0]["column"], x["problems"][0]["code"])
        for x in wrong.json()["lines"]
    ]
    assert told == [(2, "wrong", "figure", "figure_out_of_range"), (3, "wrong", "id", "reading_of_unknown")]
    refused = await agency.post(f"/api/v1/reading-imports/{wrong.json()['id']}/confirmation")
    assert (refused.status_code, refused.json()["code"]) == (409, "readings_not_ready")

    good = f"{header}{target},2025-11-20,gần 20\n".encode()
    sent = await agency.post("/api/v1/reading-imports?name=so-lieu.csv", content=good, headers=kind)
    assert (sent.json()["can_be_confirmed"], sent.json()["file_name"]) == (True, "so-lieu.csv")
    path = f"/api/v1/reading-imports/{sent.json()['id']}"
    assert (await office.get(path)).status_code == 404
    done = await agency.post(f"{path}/confirmation")
    assert (done.status_code, done.json()["written"]) == (200, 1)
    again = await agency.post(f"{path}/confirmation")
    assert (again.status_code, again.json()["code"]) == (409, "readings_nothing_new")
    listed = (await office.get(f"/api/v1/indicators/{target}/readings")).json()["items"]
    assert [(r["figure"], r["source"]) for r in listed] == [("gần 20", "file")]

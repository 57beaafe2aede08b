"""Inspection sessions by API, from the candidates to what became of each conclusion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.api import Api, running_api
from tests.world import MONDAY, directive, task
from tracker import clock
from tracker.actions import directives, reports
from tracker.db.engine import fetchval
from tracker.domain.drafts import NewReport
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = "/api/v1/inspections"
PLAN: dict[str, Any] = {
    "title": "Kiểm tra nhiệm vụ chuyển đổi số",
    "held_on": "2025-12-02",
    "from_time": "14:00",
    "as_of": "2025-11-24",
    "due_until": "2025-12-31",
    "explain_by": "2025-11-28",
    "agencies": ["BYT", "BTC"],
}
NOTICE = {"number": "12/TB-TCT", "issued_on": "2025-11-24", "issuer": "Tổ công tác", "signer": "Trần Văn Sơn"}


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    clock.set_offset(MONDAY - clock.utc_now())
    async with running_api(database) as running:
        world = running.world
        given = directive(
            task("trước ngày 31/10/2025", leads=("BYT",)),
            task("trước ngày 14/11/2025", leads=("BYT",)),
            task("trước ngày 20/11/2025", leads=("BTC",)),
            issued_on=MONDAY.date().replace(month=10, day=1),
        )
        recorded = await directives.record(world.secretariat, given, MONDAY.replace(month=10, day=1))
        own = await fetchval("SELECT id FROM assignment WHERE task_id = $1", recorded.task_ids[1])
        done = NewReport("completion", "Đã ban hành", evidence_number="8/BYT")
        await reports.submit(world.agency, own, None, done, MONDAY)
        yield running


async def _made(desk: httpx.AsyncClient, **changes: object) -> str:
    answer = await desk.post(ROOT, json={**PLAN, **changes})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def _tag(client: httpx.AsyncClient, path: str) -> dict[str, str]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return {"If-Match": answer.headers["etag"]}


async def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_session_goes_from_its_candidates_to_what_became_of_its_conclusions(api: Api) -> None:
    desk, agency = await api.client(api.world.secretariat), await api.client(api.world.agency)
    other = await api.client(api.world.other_agency)
    proposed = (await desk.get(f"{ROOT}/candidates")).json()["items"]
    assert [(p["agency"]["code"], p["reasons"][0]) for p in proposed] == [
        ("BYT", {"reason": "overdue", "figure": 2}),
        ("BTC", {"reason": "overdue", "figure": 1}),
    ]

    where = await _made(desk)
    path = where.removeprefix("http://127.0.0.1:8080")
    changed = await desk.patch(
        path, json={"from_time": "08:30", "place": "Phòng 2"}, headers=await _tag(desk, path)
    )
    assert (changed.status_code, changed.json()["from_time"], changed.json()["place"]) == (
        200,
        "08:30",
        "Phòng 2",
    )
    assert (await desk.patch(path, json={"place": ""})).status_code == 428
    early = (await desk.get(f"{path}/agenda")).json()
    assert (early["is_frozen"], early["counts"]["overdue"], early["items"][0]["id"]) == (False, 3, None)

    key = {"Idempotency-Key": "hoi-1"}
    tag = await _tag(desk, path)
    asked = await desk.post(f"{path}/explanations", headers={**tag, **key})
    assert (asked.status_code, asked.json()["asked"]) == (200, 3), asked.text
    again = await desk.post(f"{path}/explanations", headers={**tag, **key})
    assert (again.headers["idempotency-replayed"], again.json()) == ("true", asked.json())
    assert await fetchval("SELECT count(*) FROM urging") == 1

    tag, key = await _tag(desk, path), {"Idempotency-Key": "chot-1"}
    frozen = await desk.post(f"{path}/freeze", headers={**tag, **key})
    assert (frozen.status_code, frozen.json()["digest"]) == (200, early["digest"]), frozen.text
    assert (await desk.post(f"{path}/freeze", headers={**tag, **key})).json() == frozen.json()
    assert await _code(await desk.post(f"{path}/freeze", headers={"If-Match": "*"})) == (
        409,
        "inspection_moved",
    )
    assert (await desk.get(f"{path}/agenda")).json()["digest"] == early["digest"]

    first = (await desk.get(f"{path}/items", params={"limit": "2"})).json()
    rest = (await desk.get(f"{path}/items", params={"limit": "2", "cursor": first["next"]})).json()
    items = first["items"] + rest["items"]
    assert [(i["position"], i["agency_code"], i["days"]) for i in items] == [
        (1, "BYT", 24), (2, "BYT", 10), (3, "BTC", 4),
    ]  # fmt: skip
    own = (await agency.get(f"{path}/items")).json()["items"]
    assert [i["id"] for i in own] == [i["id"] for i in items[:2]]
    assert [a["code"] for a in (await agency.get(path)).json()["agencies"]] == ["BYT"]
    assert (await agency.get(path)).json()["counts"] is None

    given = [
        {"verdict": "new_date", "text": "Hoàn thành trước 20/12.", "due_on": "2025-12-20"},
        {"verdict": "closed", "text": "Kết quả đạt yêu cầu."},
        {"verdict": "referred", "text": "Báo cáo Thủ tướng."},
    ]
    for item, said in zip(items, given, strict=True):
        on = f"{path}/items/{item['id']}/conclusion"
        put = await desk.put(on, json=said, headers=await _tag(desk, on))
        assert put.status_code == 200, put.text
        assert put.json()["conclusion"]["verdict"] == said["verdict"]
    assert (await agency.get(f"{path}/conclusions")).json() == {"items": []}
    told = (await desk.get(f"{path}/carry-out")).json()
    assert (told["is_ready"], [c["outcome"] for c in told["consequences"]]) == (
        True,
        ["moved", "closed", "noted"],
    )
    assert (await agency.get(f"{path}/carry-out")).status_code == 403
    tag = await _tag(desk, path)
    done = await desk.post(f"{path}/carry-out", json=NOTICE, headers={**tag, "Idempotency-Key": "th-1"})
    assert (done.status_code, [c["outcome"] for c in done.json()["conclusions"]]) == (
        200, ["moved", "closed", "noted"],
    ), done.text  # fmt: skip
    assert [c["outcome"] for c in (await agency.get(f"{path}/conclusions")).json()["items"]] == [
        "moved",
        "closed",
    ]
    assert [c["outcome"] for c in (await other.get(f"{path}/conclusions")).json()["items"]] == ["noted"]

    for accept, begins in (("*/*", b"PK"), ("application/pdf", b"%PDF-")):
        paper = await desk.get(f"{path}/dossier", params={"agency": "BYT"}, headers={"Accept": accept})
        assert paper.content.startswith(begins), paper.text
    assert (await desk.get(f"{path}/notice")).content.startswith(b"PK")
    addendum = await desk.post(
        f"{path}/addenda", json={"text": "Hạn đúng là 05/11.", "item_id": items[0]["id"]}
    )
    assert addendum.status_code == 201
    assert (await desk.get(f"{path}/addenda")).json()["items"] == [addendum.json()]


async def test_what_cannot_be_is_refused_by_name_and_nothing_is_written(api: Api) -> None:
    desk, third = await api.client(api.world.secretariat), await api.client(api.world.other_agency)
    for changes, pointer, code in (
        ({"agencies": []}, "/agencies", "inspection_no_agency"),
        ({"as_of": "2025-11-25"}, "/as_of", "inspection_future_cut_off"),
        ({"title": " "}, "/title", "required"),
        ({"to_time": "13:00"}, "/to_time", "inspection_ends_before"),
    ):
        refused = await desk.post(ROOT, json={**PLAN, **changes})
        assert refused.status_code == 422
        assert (pointer, code) in [(e["pointer"], e["code"]) for e in refused.json()["errors"]], refused.text
    assert await fetchval("SELECT count(*) FROM inspection") == 0

    one, two = await _made(desk, agencies=["BYT"]), await _made(desk, title="Buổi khác", agencies=["BYT"])
    assert (await third.get(one)).status_code == 404
    assert (await third.post(f"{one}/freeze", headers={"If-Match": "*"})).status_code == 404
    listed = (await desk.get(ROOT, params={"limit": "1"})).json()
    following = (await desk.get(ROOT, params={"limit": "1", "cursor": listed["next"]})).json()
    assert [i["title"] for i in listed["items"] + following["items"]] == ["Buổi khác", PLAN["title"]]
    assert (await third.get(ROOT)).json()["items"] == []
    assert await _code(await desk.get(f"{one}/dossier")) == (409, "inspection_moved")

    for path in (one, two):
        assert (await desk.post(f"{path}/freeze", headers={"If-Match": "*"})).status_code == 200
    foreign = (await desk.get(f"{two}/items")).json()["items"][0]["id"]
    noted = {"verdict": "noted", "text": "Ghi nhận."}
    for call in (
        desk.put(f"{one}/items/{foreign}/conclusion", json=noted, headers={"If-Match": "*"}),
        desk.get(f"{one}/items/{foreign}/conclusion"),
        desk.post(f"{one}/addenda", json={"text": "x", "item_id": foreign}),
    ):
        assert (await call).status_code == 404
    assert await fetchval("SELECT count(*) FROM inspection_conclusion") == 0
    missing = await desk.post(f"{one}/carry-out", json=NOTICE, headers={"If-Match": "*"})
    assert await _code(missing) == (409, "conclusions_missing")
    assert await fetchval("SELECT count(*) FROM directive WHERE number = $1", NOTICE["number"]) == 0


async def test_two_who_write_at_once_lose_nothing(api: Api) -> None:
    desk, inspector = await api.client(api.world.secretariat), await api.client(api.world.inspector)
    path = await _made(desk)
    await desk.post(f"{path}/freeze", headers={"If-Match": "*"})
    item = (await desk.get(f"{path}/items")).json()["items"][0]
    on = f"{path}/items/{item['id']}/conclusion"
    empty = await _tag(desk, on)

    answers = await asyncio.gather(*(
        who.put(on, json={"verdict": "noted", "text": words}, headers=empty)
        for who, words in ((desk, "Một"), (inspector, "Hai"))
    ))  # fmt: skip
    assert sorted(a.status_code for a in answers) == [200, 412]
    stands = (await desk.get(on)).json()["conclusion"]
    assert stands["text"] == ("Một" if answers[0].status_code == 200 else "Hai")

    first = await _tag(desk, on)
    struck = f"{path}/conclusions/{stands['id']}"
    assert (await desk.delete(struck, headers=await _tag(desk, struck))).status_code == 204
    assert (await desk.get(struck)).status_code == 404
    stale = await inspector.put(on, json={"verdict": "noted", "text": "Ba"}, headers=first)
    assert stale.status_code == 412
    new = await inspector.put(on, json={"verdict": "noted", "text": "Bốn"}, headers=await _tag(desk, on))
    assert new.json()["conclusion"]["version"] > stands["version"]
    assert (await desk.put(on, json={"verdict": "noted", "text": "Năm"}, headers=first)).status_code == 412

    general = await desk.post(f"{path}/conclusions", json={"verdict": "noted", "text": "Báo cáo hằng tháng."})
    assert general.status_code == 201
    whole = general.headers["location"]
    tag = await _tag(desk, whole)
    task_for = {"verdict": "new_task", "text": "Rà soát.", "due_on": "2025-12-30", "agency": "BTC"}
    changed = await desk.put(whole, json=task_for, headers=tag)
    assert (changed.status_code, changed.json()["agency_code"]) == (200, "BTC")
    assert (await inspector.put(whole, json=task_for, headers=tag)).status_code == 412
    foreign = await desk.put(whole, json={**task_for, "agency": "HN"}, headers=await _tag(desk, whole))
    assert foreign.status_code == 422
    said = await fetchval(
        "SELECT array_agg(verb || ':' || reason ORDER BY id) FROM history"
        " WHERE verb IN ('conclude_item', 'strike_conclusion')"
    )
    words = stands["text"]
    assert said == [
        f"conclude_item:{words}", f"strike_conclusion:{words}", "conclude_item:Bốn",
        "conclude_item:Báo cáo hằng tháng.", "conclude_item:Rà soát.",
    ]  # fmt: skip


async def test_two_who_freeze_at_once_freeze_one_agenda_each_or_are_told(api: Api) -> None:
    desk, inspector = await api.client(api.world.secretariat), await api.client(api.world.inspector)
    path, other = await _made(desk), await _made(desk)

    answers = await asyncio.gather(*(
        who.post(f"{p}/freeze", headers={"If-Match": "*", "Idempotency-Key": f"{number}"})
        for number, (who, p) in enumerate(((desk, path), (inspector, path), (desk, other), (inspector, other)))
    ))  # fmt: skip

    codes = [(a.status_code, a.json().get("code")) for a in answers]
    assert {c for c in codes if c[0] != 200} <= {(409, "freeze_running"), (409, "inspection_moved")}, codes
    assert 1 <= [c[0] for c in codes].count(200) <= 2
    for one in (path, other):
        found = (await desk.get(one)).json()
        count = await fetchval(
            "SELECT count(*) FROM inspection_item WHERE inspection_id = $1", int(found["id"])
        )
        assert count == (3 if found["state"] == "frozen" else 0)

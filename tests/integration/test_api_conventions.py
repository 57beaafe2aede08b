"""The conventions of the API: problem details, entity tags, idempotency keys, cursors, methods (A1 to A8, A14)."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator

import httpx
import openpyxl
import pytest

from tests.api import COMPLETION, DIRECTIVE, Api, running_api
from tracker.api.v1.overdue import XLSX
from tracker.db.engine import execute, fetchval
from tracker.db.idempotency import delete_old_answers
from tracker.db.switches import beat
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


async def test_key_is_free_again_when_the_request_was_refused(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    headers = {"Idempotency-Key": "again"}
    bad = {**DIRECTIVE, "tasks": [{**DIRECTIVE["tasks"][0], "leads": ["NOBODY"]}]}

    refused = await office.post("/api/v1/directives", json=bad, headers=headers)
    accepted = await office.post("/api/v1/directives", json=DIRECTIVE, headers=headers)

    assert (refused.status_code, accepted.status_code) == (422, 201)


async def test_key_is_forgotten_after_a_day(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    headers = {"Idempotency-Key": "old"}
    await office.post("/api/v1/directives", json=DIRECTIVE, headers=headers)
    await execute("UPDATE idempotency_key SET created_at = now() - interval '25 hours'")

    again = await office.post("/api/v1/directives", json={**DIRECTIVE, "number": "18/NQ-CP"}, headers=headers)

    assert again.status_code == 201
    await execute("UPDATE idempotency_key SET created_at = now() - interval '25 hours'")
    assert await delete_old_answers() == 1


async def test_key_works_for_every_post_and_skips_the_condition_on_replay(api: Api) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    headers = {"Idempotency-Key": "ack", "If-Match": (await agency.get(address)).headers["etag"]}

    first = await agency.post(f"{address}/acknowledge", headers=headers)
    again = await agency.post(f"{address}/acknowledge", headers=headers)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert await fetchval("SELECT count(*) FROM history WHERE verb = 'acknowledge'") == 1


@pytest.mark.parametrize("move", ["agency_id = $2", "agency_id = $2, role = 'agency_leader'"])
async def test_key_brings_nothing_back_after_the_caller_was_moved(api: Api, move: str) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    headers = {"Idempotency-Key": "moved", "If-Match": (await agency.get(address)).headers["etag"]}
    path = "/api/v1/feeds"
    body, key = {"name": "Lịch", "scope": "own_agency"}, {"Idempotency-Key": "moved-too"}
    first = await agency.post(f"{address}/acknowledge", headers=headers)
    made = await agency.post(path, json=body, headers=key)
    await execute(
        f"UPDATE official SET {move} WHERE id = $1",
        api.world.agency.official_id,
        api.world.agencies["HN"],
    )

    of_a_row = await agency.post(f"{address}/acknowledge", headers=headers)
    of_none = await agency.post(path, json=body, headers=key)

    assert (first.status_code, made.status_code) == (200, 201)
    assert (of_a_row.status_code, of_a_row.json()["code"]) == (404, "not_found")
    assert (of_none.status_code, of_none.json()["code"]) == (422, "idempotency_mismatch")
    assert "17/NQ-CP" not in of_a_row.text + of_none.text


# -- A1 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/v1/tasks/1", 404, "not_found"),
        ("PUT", "/api/v1/me", 405, "method_not_allowed"),
        ("DELETE", "/api/docs", 405, "method_not_allowed"),
        ("POST", "/api/v1/directives", 415, "unsupported_media_type"),
    ],
)
async def test_every_refusal_is_problem_details(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    office = await api.client(api.world.secretariat)

    english = await office.request(method, path, headers={"Accept-Language": "en"})
    vietnamese = await office.request(method, path, headers={"Accept-Language": "vi-VN,vi;q=0.9"})

    for answer in (english, vietnamese):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code
        assert answer.json()["type"] == f"/api/problems/{code}"
        assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    assert english.json()["title"] != vietnamese.json()["title"]
    assert (await office.get(english.json()["type"])).status_code == 200


async def test_500_says_nothing_of_itself(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret postgresql://user:password@host")

    monkeypatch.setattr("tracker.db.reads_api.get_agency_view", broken)
    office = await api.client(api.world.secretariat)

    answer = await office.get("/api/v1/agencies/1")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_database_that_is_away_is_a_503_to_try_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise ConnectionRefusedError("db")

    monkeypatch.setattr("tracker.api.auth.find_bearer", away)
    office = await api.client(api.world.secretariat)

    answer = await office.get("/api/v1/me")

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_every_fault_of_a_body_is_named_with_its_pointer(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    task = {**DIRECTIVE["tasks"][0], "restricted": "no", "due_on": "2026-02-30", "color": "red"}
    body = {**DIRECTIVE, "kind": "letter?", "issued_on": 5, "tasks": [task]}
    del body["abstract"]

    answer = await office.post("/api/v1/directives", json=body)

    found = {(e["pointer"], e["code"]) for e in answer.json()["errors"]}
    assert found == {
        ("/kind", "not_a_choice"),
        ("/issued_on", "wrong_type"),
        ("/abstract", "missing_field"),
        ("/tasks/0/restricted", "wrong_type"),
        ("/tasks/0/due_on", "not_a_date"),
        ("/tasks/0/color", "unknown_field"),
    }
    assert "letter?" in answer.text


async def test_a_reversed_span_is_refused_naming_both_days(api: Api) -> None:
    office = await api.client(api.world.secretariat)

    answer = await office.get("/api/v1/assignments?due_from=2026-01-01&due_to=2025-01-01")
    one_day = await office.get("/api/v1/assignments?due_from=2026-01-01&due_to=2026-01-01")

    assert (answer.status_code, one_day.status_code) == (422, 200)
    errors = answer.json()["errors"]
    assert [(e["pointer"], e["code"]) for e in errors] == [
        ("/due_from", "span_reversed"),
        ("/due_to", "span_reversed"),
    ]
    for error in errors:
        assert "01/01/2026" in error["detail"]
        assert "01/01/2025" in error["detail"]


async def test_a_feed_of_one_directive_without_its_id_is_told_that_it_is_missing(api: Api) -> None:
    office = await api.client(api.world.secretariat)

    missing = await office.post("/api/v1/feeds", json={"name": "Lịch", "scope": "directive"})
    unknown = await office.post(
        "/api/v1/feeds", json={"name": "Lịch", "scope": "directive", "directive_id": "999"}
    )

    assert (missing.status_code, unknown.status_code) == (422, 422)
    (error,) = missing.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/directive_id", "feed_without_directive")
    assert "missing" in error["detail"]
    assert [e["code"] for e in unknown.json()["errors"]] == ["unknown_directive"]


# -- A2 ------------------------------------------------------------------------------------------------

RESOURCES = [
    "/api/v1/me",
    "/api/v1/agencies",
    "/api/v1/agencies/{agency}",
    "/api/v1/officials",
    "/api/v1/officials/{official}",
    "/api/v1/directives",
    "/api/v1/directives/{directive}",
    "/api/v1/directives/{directive}/tasks",
    "/api/v1/tasks/{task}",
    "/api/v1/assignments",
    "/api/v1/assignments/{assignment}",
    "/api/v1/assignments/{assignment}/history",
    "/api/v1/assignments/{assignment}/reports",
    "/api/v1/assignments/{assignment}/extensions",
    "/api/v1/ladders",
    "/api/v1/feeds",
    "/api/v1/overdue?as_of=2026-11-01",
]


async def filled(api: Api, path: str) -> str:
    """A path of a world with one directive."""
    recorded = await api.recorded()
    return path.format(
        agency=api.world.agencies["BYT"],
        official=api.world.agency.official_id,
        directive=recorded["directive_id"],
        task=recorded["task_ids"][0],
        assignment=recorded["assignment_ids"][0],
    )


@pytest.mark.parametrize("path", RESOURCES)
async def test_etag_saves_the_body(api: Api, path: str) -> None:
    office = await api.client(api.world.secretariat)
    address = await filled(api, path)

    first = await office.get(address)
    same = await office.get(address, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    other = await office.get(address, headers={"If-None-Match": '"other"'})
    head = await office.head(address)

    assert first.status_code == 200, first.text
    is_list = "items" in first.json() or "agencies" in first.json()
    assert first.headers["etag"].startswith("W/") == is_list
    assert (same.status_code, same.content, other.status_code) == (304, b"", 200)
    assert same.headers["etag"] == first.headers["etag"]
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))
    assert first.headers["cache-control"] == "no-store"


async def test_change_is_visible_in_the_tag_and_stale_changes_are_refused(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    head = await api.client(api.world.head)
    address = f"/api/v1/directives/{(await api.recorded())['directive_id']}"
    tag = (await office.get(address)).headers["etag"]

    first = await office.patch(address, json={"abstract": "Một"}, headers={"If-Match": tag})
    second = await head.patch(address, json={"abstract": "Hai"}, headers={"If-Match": tag})
    without = await head.patch(address, json={"abstract": "Ba"})
    retried = await head.patch(address, json={"abstract": "Hai"}, headers={"If-Match": first.headers["etag"]})

    assert (first.status_code, second.status_code, without.status_code) == (200, 412, 428)
    assert first.headers["etag"] != tag
    assert (retried.status_code, retried.json()["abstract"]) == (200, "Hai")


async def test_tag_of_a_change_is_the_tag_of_the_next_read(api: Api) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)

    changed = await agency.post(f"{address}/acknowledge", headers={"If-Match": "*"})

    assert (await agency.get(address)).headers["etag"] == changed.headers["etag"]


# -- A4 ------------------------------------------------------------------------------------------------


async def test_pages_hold_every_row_once_while_others_are_added(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    task = DIRECTIVE["tasks"][0]
    deadlines = ["trước ngày 15/12/2026", "thường xuyên", "trước ngày 01/12/2026", "tháng 12/2026", ""]
    for number in range(4):
        tasks = [{**task, "deadline": deadline} for deadline in deadlines]
        await api.recorded(number=f"{number}/NQ-CP", tasks=tasks)
    before = {row["id"] for row in (await office.get("/api/v1/assignments?limit=200")).json()["items"]}

    seen: list[str] = []
    address = "/api/v1/assignments?limit=3"
    for page in range(100):
        answer = await office.get(address)
        seen += [row["id"] for row in answer.json()["items"]]
        if page == 2:
            await api.recorded(number="99/NQ-CP")
        if "next" not in answer.links:
            break
        address = answer.links["next"]["url"]

    assert len(before) == 40
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


async def test_dated_assignments_come_first_in_order(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    task = DIRECTIVE["tasks"][0]
    await api.recorded(
        tasks=[
            {**task, "deadline": d}
            for d in ("thường xuyên", "trước ngày 15/12/2026", "trước ngày 01/12/2026")
        ]
    )

    items = (await office.get("/api/v1/assignments")).json()["items"]

    dates = [row["deadline"]["due_on"] for row in items]
    assert dates == ["2026-12-01", "2026-12-01", "2026-12-15", "2026-12-15", None, None]


async def test_filters_of_assignments(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    recorded = await api.recorded()
    await api.recorded(
        number="18/NQ-CP",
        tasks=[{**DIRECTIVE["tasks"][0], "short_name": "Cổng dữ liệu", "full_text": "Cổng dữ liệu."}],
    )

    async def ids(**params: str) -> set[str]:
        answer = await office.get("/api/v1/assignments", params=params)
        assert answer.status_code == 200, answer.text
        return {row["id"] for row in answer.json()["items"]}

    own = set(recorded["assignment_ids"])
    assert await ids(directive_id=recorded["directive_id"]) == own
    assert await ids(task_id=recorded["task_ids"][0]) == own
    assert await ids(q="17/NQ") == own
    assert await ids(q="ke hoach") == own
    assert own.isdisjoint(await ids(q="cong du lieu"))
    assert len(await ids(agency="BYT")) == 2
    assert await ids(agency="NOBODY") == set()
    assert len(await ids(due_from="2026-12-15", due_to="2026-12-15")) == 4
    assert await ids(due_from="2026-12-16") == set()
    assert await ids(state="acknowledged") == set()
    assert len(await ids(status="open_in_term")) == 4


async def test_status_filter_agrees_with_the_status_shown(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    agency = await api.client(api.world.agency)
    task = {**DIRECTIVE["tasks"][0], "cooperating": []}
    phrases = [
        "trước ngày 15/12/2026",
        "trước ngày 01/12/2025",
        "thường xuyên",
        "",
        "trước 17 giờ ngày 27/11/2025",
    ]
    everything = {"If-Match": "*"}
    for step in range(5):
        recorded = await api.recorded(
            number=f"{step}/NQ-CP", tasks=[{**task, "deadline": p} for p in phrases]
        )
        for assignment_id in recorded["assignment_ids"]:
            address = f"/api/v1/assignments/{assignment_id}"
            if step in (1, 2, 3):
                assert (
                    await agency.post(f"{address}/reports", json=COMPLETION, headers=everything)
                ).is_success
            if step == 2:
                assert (await office.post(f"{address}/confirm", json={}, headers=everything)).is_success
            if step == 3:
                body = {"reason": "Thiếu"}
                assert (await office.post(f"{address}/return", json=body, headers=everything)).is_success
            if step == 4:
                body = {"reason": "Rút"}
                assert (await office.post(f"{address}/withdraw", json=body, headers=everything)).is_success

    await execute(
        "UPDATE assignment SET assigned_at = assigned_at - interval '60 days',"
        " assigned_on = assigned_on - 60 WHERE id % 2 = 0"
    )
    shown = (await office.get("/api/v1/assignments?limit=200")).json()["items"]
    for status in sorted({row["status"]["bucket"] for row in shown} | {"done_on_time", "open_overdue"}):
        answer = await office.get("/api/v1/assignments", params={"status": status, "limit": 200})
        expected = {row["id"] for row in shown if row["status"]["bucket"] == status}
        assert {row["id"] for row in answer.json()["items"]} == expected, status
    assert len({row["status"]["bucket"] for row in shown}) >= 5


# -- A8 ------------------------------------------------------------------------------------------------


async def test_merge_patch_tells_null_from_absent(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    recorded = await api.recorded(tasks=[{**DIRECTIVE["tasks"][0], "product": "Báo cáo", "place": "Mục 1"}])
    address = f"/api/v1/tasks/{recorded['task_ids'][0]}"

    async def patch(body: dict[str, object]) -> httpx.Response:
        headers = {"If-Match": "*", "Content-Type": "application/merge-patch+json"}
        return await office.patch(address, content=json.dumps(body), headers=headers)

    emptied = await patch({"product": None})
    untouched = await patch({})
    required = await patch({"short_name": None})

    assert (emptied.json()["product"], emptied.json()["place"]) == ("", "Mục 1")
    assert untouched.status_code == 200
    assert untouched.headers["etag"] == emptied.headers["etag"]
    assert (required.status_code, required.json()["errors"][0]["pointer"]) == (422, "/short_name")


# -- A14 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/me", {"GET", "HEAD", "OPTIONS"}),
        ("/api/v1/directives", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/api/v1/assignments/1/confirm", {"POST", "OPTIONS"}),
        ("/api/v1/feeds/1", {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
        ("/live", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_options_and_405_tell_the_methods(api: Api, path: str, allowed: set[str]) -> None:
    office = await api.client(api.world.secretariat)

    options = await office.options(path)
    wrong = await office.put(path)

    assert options.status_code == 204
    assert wrong.status_code == 405
    for answer in (options, wrong):
        assert set(answer.headers["allow"].split(", ")) == allowed


# -- the rest of the nouns -----------------------------------------------------------------------------


async def test_extension_is_asked_granted_and_moves_the_deadline(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    agency = await api.client(api.world.agency)
    address = await api.lead_of(await api.recorded())

    asked = await agency.post(
        f"{address}/extensions",
        json={"proposed_on": "2027-01-31", "reason": "Chờ ý kiến"},
        headers={"If-Match": "*"},
    )
    decided = await office.post(
        f"{asked.headers['location']}/decision",
        json={"grant": True, "document": "50/TB-VPCP"},
        headers={"If-Match": asked.headers["etag"]},
    )
    row = (await agency.get(address)).json()

    assert asked.status_code == 201, asked.text
    assert decided.status_code == 200, decided.text
    assert decided.json()["state"] == "granted"
    assert (row["deadline"]["due_on"], row["original_deadline"]["due_on"]) == ("2027-01-31", "2026-12-15")
    assert row["extension_count"] == 1


async def test_transfer_leads_to_the_new_assignment(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    address = await api.lead_of(await api.recorded(tasks=[{**DIRECTIVE["tasks"][0], "cooperating": []}]))

    answer = await office.post(
        f"{address}/transfer",
        json={"to_agency": "BTC", "reason": "Đúng chức năng"},
        headers={"If-Match": "*"},
    )
    heir = await office.get(answer.headers["location"])

    assert answer.json()["state"] == "transferred"
    assert answer.json()["transferred_to"] == heir.json()["id"]
    assert heir.json()["agency"]["code"] == "BTC"


async def test_reminders_tell_what_was_sent_and_what_comes(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    address = await api.lead_of(await api.recorded())

    answer = await office.get(f"{address}/reminders")

    found = answer.json()
    assert answer.status_code == 200, answer.text
    assert [(row["step"], row["verdict"]) for row in found["ledger"]] == [("assigned", "sent")] * 2
    assert found["ledger"][0]["message"]["state"] == "pending"
    assert {step["verdict"] for step in found["steps"]} <= {"send", "skip", "wait"}
    assert all(step["reason"] for step in found["steps"])
    assert any(person["duty"] == "focal" for step in found["steps"] for person in step["to"])


async def test_overdue_list_is_the_same_in_every_form(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    await api.recorded()
    address = "/api/v1/overdue?as_of=2027-01-31&agency=BYT,BTC"

    plain = await office.get(address)
    table = await office.get(address, headers={"Accept": "text/csv"})
    workbook = await office.get(address, headers={"Accept": XLSX})

    assert plain.json()["totals"]["open_overdue"] == 2
    assert [line["code"] for line in plain.json()["agencies"]] == ["BTC", "BYT"]
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.text.count("17/NQ-CP") == 2
    assert table.headers["content-disposition"] == 'attachment; filename="qua-han-2027-01-31.csv"'
    book = openpyxl.load_workbook(io.BytesIO(workbook.content))
    written = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row]
    assert sum("17/NQ-CP" in value for value in written) >= 2


async def test_phrase_is_resolved_in_words(api: Api) -> None:
    reader = await api.client(api.world.agency)

    answer = await reader.post(
        "/api/v1/deadlines/resolve", json={"phrase": "trong quý III", "issued_on": "2019-03-07"}
    )

    assert answer.json()["due_on"] == "2019-09-30"
    assert answer.json()["words"]


async def test_secret_of_a_repeated_request_is_kept_nowhere(api: Api) -> None:
    agency = await api.client(api.world.agency)
    body, key = {"name": "Lịch", "scope": "own_agency"}, {"Idempotency-Key": "once"}

    made = await agency.post("/api/v1/feeds", json=body, headers=key)
    again = await agency.post("/api/v1/feeds", json=body, headers=key)

    assert "/calendars/ddf_" in made.json()["url"]
    assert again.json() == {**made.json(), "url": None}
    kept = await fetchval("SELECT string_agg(convert_from(body, 'UTF8'), '') FROM idempotency_key")
    assert "ddf_" not in kept


async def test_feed_is_made_changed_and_revoked(api: Api) -> None:
    agency = await api.client(api.world.agency)

    made = await agency.post("/api/v1/feeds", json={"name": "Lịch", "scope": "own_agency", "alarm_days": [3]})
    address = made.headers["location"]
    read = await agency.get(address)
    changed = await agency.patch(
        address, json={"alarm_days": [1], "consolidated": True}, headers={"If-Match": read.headers["etag"]}
    )
    stale = await agency.delete(address, headers={"If-Match": read.headers["etag"]})
    revoked = await agency.delete(address, headers={"If-Match": changed.headers["etag"]})

    assert made.status_code == 201
    assert "/calendars/ddf_" in made.json()["url"]
    assert "ddf_" not in read.text
    assert (changed.json()["alarm_days"], changed.json()["consolidated"], changed.json()["name"]) == (
        [1],
        True,
        "Lịch",
    )
    assert (stale.status_code, revoked.status_code, revoked.content) == (412, 204, b"")


async def test_agencies_name_their_successors(api: Api) -> None:
    reader = await api.client(api.world.agency)

    found = (await reader.get("/api/v1/agencies", params={"q": "ke hoach"})).json()["items"]
    today = (await reader.get("/api/v1/agencies", params={"on": "2025-11-24"})).json()["items"]

    assert [(row["code"], row["successors"], row["valid_to"]) for row in found] == [
        ("BKH", ["BTC"], "2025-02-28")
    ]
    assert "BKH" not in {row["code"] for row in today}


async def test_agency_sees_its_own_people_and_the_assigning_side(api: Api) -> None:
    agency = await api.client(api.world.agency)
    office = await api.client(api.world.secretariat)

    own = (await agency.get("/api/v1/officials?limit=200")).json()["items"]
    everybody = (await office.get("/api/v1/officials?limit=200")).json()["items"]
    foreign = next(row["id"] for row in everybody if row["agency"] == "BTC")

    assert {row["agency"] for row in own} == {"BYT", None}
    assert {"BYT", "BTC", "HN"} <= {row["agency"] for row in everybody}
    assert (await agency.get(f"/api/v1/officials/{foreign}")).status_code == 404


async def test_last_use_of_a_token_is_noted(api: Api) -> None:
    agency = await api.client(api.world.agency)

    await agency.get("/api/v1/me")

    assert (await agency.get("/api/v1/tokens")).json()["items"][0]["last_used_at"] is not None


async def test_token_ends_when_it_runs_out(api: Api) -> None:
    agency = await api.client(api.world.agency)
    assert (await agency.get("/api/v1/me")).status_code == 200

    await execute("UPDATE api_token SET expires_at = now() - interval '1 second'")

    assert (await agency.get("/api/v1/me")).status_code == 401


# -- health and documentation --------------------------------------------------------------------------


async def test_ready_tells_what_is_missing(api: Api) -> None:
    nobody = await api.client(None)

    assert (await nobody.get("/live")).json() == {"status": "ok"}
    without_jobs = await nobody.get("/ready")
    await beat("reminders", {})
    await beat("outbox", {})
    with_jobs = await nobody.get("/ready")
    await execute("UPDATE heartbeat SET at = now() - interval '1 hour' WHERE name = 'reminders'")
    late = await nobody.get("/ready")

    assert (without_jobs.status_code, without_jobs.json()["jobs"]) == (503, "failing")
    assert (with_jobs.status_code, with_jobs.json()["status"]) == (200, "ok"), with_jobs.text
    assert (late.status_code, late.json()["jobs"]) == (503, "failing")
    assert late.headers["retry-after"]


async def test_documentation_needs_no_token_and_no_other_host(api: Api) -> None:
    nobody = await api.client(None)

    page = await nobody.get("/api/docs")
    document = await nobody.get("/api/openapi.json")

    assert page.status_code == 200
    assert "http" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert document.json()["openapi"] == "3.1.0"
    assert (await nobody.get("/api/docs/..%2fapp.py")).status_code == 404
    assert (await nobody.get("/api/docs/app.py")).status_code == 404


async def test_list_is_counted_when_asked_and_only_then(api: Api) -> None:
    """Bar A4: how many fit, on this page or not; of what the caller may know of."""
    for number in range(3):
        await api.recorded(number=f"{number}/NQ-CP")
    office = await api.client(api.world.secretariat)
    agency = await api.client(api.world.agency)

    counted = await office.get("/api/v1/assignments", params={"limit": 2, "count": "true"})
    own = await agency.get("/api/v1/assignments", params={"limit": 1, "count": "true"})
    plain = await office.get("/api/v1/assignments", params={"limit": 2})
    wrong = await office.get("/api/v1/assignments", params={"count": "yes"})

    assert (len(counted.json()["items"]), counted.json()["count"]) == (2, "6")
    assert own.json()["count"] == "3"
    assert plain.json()["count"] is None
    assert wrong.status_code == 400
    # The next page is the same list, counted or not.
    assert (await office.get(counted.links["next"]["url"])).status_code == 200


async def test_count_stops_where_nobody_reads_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.db.reads_api.MOST_COUNTED", 1)
    await api.recorded()

    counted = await (await api.client(api.world.secretariat)).get("/api/v1/assignments?count=true")

    assert counted.json()["count"] == "1+"

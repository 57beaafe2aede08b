"""The outbox by API and terminal: reading without secrets, sending again, pausing without loss."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api import Api, running_api
from tests.integration.test_delivery import delivery
from tests.shell import tracker
from tracker import clock
from tracker.actions import accounts
from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.directory import SYSTEM
from tracker.domain.redaction import without_secrets
from tracker.mail.transport import MemoryTransport
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
WHY = {"reason": "Máy chủ thư đã chạy lại."}
ANY = {"If-Match": "*"}


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


async def failed_message(api: Api) -> str:
    """The id of the focal officer's message about a new task, which did not arrive."""
    await api.recorded()
    message: int = await fetchval(
        "UPDATE outbox SET state = 'failed', reply_code = 550, reply_text = '5.1.1 unknown', reason = 'recipient',"
        " attempts = 1, first_attempt_at = now() WHERE address = 'focal@byt.example.vn' RETURNING id"
    )
    return str(message)


async def test_list_filters_and_goes_page_by_page(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    failed = await failed_message(api)

    everything = await office.get("/api/v1/outbox")
    only = await office.get("/api/v1/outbox", params={"state": "failed"})
    first = await office.get("/api/v1/outbox", params={"limit": "1"})
    second = await office.get("/api/v1/outbox", params={"limit": "1", "cursor": first.json()["next"]})

    assert [m["id"] for m in only.json()["items"]] == [failed]
    assert only.json()["items"][0]["reply"] == {"code": 550, "text": "5.1.1 unknown"}
    ids = [m["id"] for m in everything.json()["items"]]
    assert ids == sorted(ids, key=int, reverse=True)
    assert [first.json()["items"][0]["id"], second.json()["items"][0]["id"]] == ids[:2]


async def test_messages_about_one_assignment_and_one_person(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    recorded = await api.recorded()
    ids = recorded["assignment_ids"]

    about = await office.get("/api/v1/outbox", params={"assignment_id": ids[0]})
    of_focal = await office.get(
        "/api/v1/outbox", params={"recipient_id": str(api.world.agency.official_id), "kind": "assigned"}
    )

    assert {m["address"] for m in about.json()["items"]} == {
        "focal@byt.example.vn",
        "head_of_office@byt.example.vn",
    }
    assert [m["address"] for m in of_focal.json()["items"]] == ["focal@byt.example.vn"]


async def test_opened_message_shows_text_and_headers(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    failed = await failed_message(api)

    opened = (await office.get(f"/api/v1/outbox/{failed}")).json()

    assert "Kế hoạch thực hiện Nghị quyết" in opened["text"]
    assert {"Subject", "Message-ID", "To"} <= {h["name"] for h in opened["headers"]}
    assert opened["has_calendar"] is True
    assert len(opened["assignment_ids"]) == 1


async def test_token_of_a_link_is_not_shown(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    failed = await failed_message(api)
    secret = "k3J9x2mQp7Zt5Lw8Rb1Nv4Xc6Yd0"
    raw = (
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        b"https://dondoc.vn/loi-moi/" + secret.encode() + b" ddt_" + secret.encode() + b"\r\n"
    )
    await execute("UPDATE outbox SET raw = $2 WHERE id = $1", int(failed), raw)

    opened = await office.get(f"/api/v1/outbox/{failed}")

    assert secret not in opened.text
    assert "https://dondoc.vn/loi-moi/…" in opened.json()["text"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://d.vn/a?ma=0123456789abcdefghij0123", "https://d.vn/a?ma=…"),
        ("https://d.vn/a#0123456789abcdefghij0123", "https://d.vn/a#…"),
        ("https://d.vn/calendars/ddf_0123456789abcdefghij0123.ics", "https://d.vn/calendars/…"),
        ("https://d.vn/viec/17/G18 và BC-2025-000418", "https://d.vn/viec/17/G18 và BC-2025-000418"),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


async def test_failed_message_goes_again_with_the_same_message_id(api: Api) -> None:
    operator = await api.client(api.world.administrator)
    failed = await failed_message(api)
    before = await fetchval("SELECT message_id FROM outbox WHERE id = $1", int(failed))

    tag = (await operator.get(f"/api/v1/outbox/{failed}")).headers["etag"]
    again = await operator.post(f"/api/v1/outbox/{failed}/replay", json=WHY, headers={"If-Match": tag})
    stale = await operator.post(f"/api/v1/outbox/{failed}/replay", json=WHY, headers={"If-Match": tag})
    twice = await operator.post(f"/api/v1/outbox/{failed}/replay", json=WHY, headers=ANY)
    transport = MemoryTransport()
    await delivery(transport, clock.utc_now()).run()

    message = again.json()["message"]
    assert (again.status_code, message["state"], message["attempts"]) == (200, "pending", 0)
    assert stale.status_code == 412
    assert (twice.status_code, twice.json()["code"]) == (409, "message_not_returnable")
    assert await fetchval("SELECT message_id FROM outbox WHERE id = $1", int(failed)) == before
    assert await fetchval("SELECT state FROM outbox WHERE id = $1", int(failed)) == "sent"
    assert await fetchval("SELECT reason FROM history WHERE verb = 'replay_message'") == WHY["reason"]


async def test_message_goes_to_a_colleague_of_its_recipient_only(api: Api) -> None:
    operator = await api.client(api.world.administrator)
    failed = await failed_message(api)
    people = api.world.officials
    path = f"/api/v1/outbox/{failed}/replay"

    foreign = await operator.post(path, json={**WHY, "to_official_id": str(people["btc.focal"])}, headers=ANY)
    unknown = await operator.post(path, json={**WHY, "to_official_id": "999999"}, headers=ANY)
    colleague = await operator.post(
        path, json={**WHY, "to_official_id": str(people["byt.leader"])}, headers=ANY
    )

    assert [e["code"] for e in foreign.json()["errors"]] == ["contact_unsuitable"]
    assert [e["code"] for e in unknown.json()["errors"]] == ["contact_unknown"]
    assert colleague.json()["message"]["address"] == "leader@byt.example.vn"
    assert colleague.json()["message"]["recipient_id"] == str(people["byt.leader"])


async def failed_invitation(api: Api) -> str:
    """The id of an invitation of the focal officer that did not arrive."""
    await accounts.invite(SYSTEM, api.world.agency.official_id or 0, clock.utc_now())
    message: int = await fetchval(
        "UPDATE outbox SET state = 'failed', reason = 'recipient' WHERE kind = 'account_invitation' RETURNING id"
    )
    return str(message)


async def test_letter_that_sets_a_password_goes_to_nobody_else_and_never_in_bulk(api: Api) -> None:
    operator = await api.client(api.world.administrator)
    letter = await failed_invitation(api)
    path = f"/api/v1/outbox/{letter}/replay"
    colleague = str(api.world.officials["byt.leader"])

    elsewhere = await operator.post(path, json={**WHY, "to_official_id": colleague}, headers=ANY)
    many = await operator.post("/api/v1/outbox/replay", headers={"Idempotency-Key": "k6"}, json=WHY)
    untouched = await fetchval("SELECT state FROM outbox WHERE id = $1", int(letter))
    same = await operator.post(path, json=WHY, headers=ANY)

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "message_personal")
    assert (many.json()["again"], many.json()["left"], untouched) == (0, 0, "failed")
    assert (same.status_code, same.json()["message"]["address"]) == (200, "focal@byt.example.vn")


@pytest.mark.parametrize(
    "over",
    [
        "UPDATE account_link SET ended_at = now()",
        "UPDATE account_link SET used_at = now()",
        "UPDATE account_link SET expires_at = now()",
        "UPDATE official SET email = 'moi@byt.example.vn' WHERE email = 'focal@byt.example.vn'",
        "UPDATE outbox SET raw = ''; UPDATE account_link SET ended_at = now()",
    ],
)
async def test_letter_whose_link_is_over_is_not_sent_again(api: Api, over: str) -> None:
    operator = await api.client(api.world.administrator)
    letter = await failed_invitation(api)
    for statement in over.split("; "):
        await execute(statement)

    refused = await operator.post(f"/api/v1/outbox/{letter}/replay", json=WHY, headers=ANY)

    assert (refused.status_code, refused.json()["code"]) == (409, "message_link_over")


async def test_people_without_an_agency_are_no_colleagues_across_roles(api: Api) -> None:
    operator = await api.client(api.world.administrator)
    failed = await failed_message(api)
    people = api.world.officials
    await execute("UPDATE outbox SET recipient_id = $2 WHERE id = $1", int(failed), people["head"])
    path = f"/api/v1/outbox/{failed}/replay"

    member = await operator.post(path, json={**WHY, "to_official_id": str(people["member"])}, headers=ANY)
    desk = await operator.post(path, json={**WHY, "to_official_id": str(people["officer"])}, headers=ANY)

    assert [e["code"] for e in member.json()["errors"]] == ["contact_unsuitable"]
    assert desk.json()["message"]["recipient_id"] == str(people["officer"])


async def test_message_that_was_never_rendered_is_refused(api: Api) -> None:
    operator = await api.client(api.world.administrator)
    failed = await failed_message(api)
    await execute("UPDATE outbox SET raw = '' WHERE id = $1", int(failed))

    refused = await operator.post(f"/api/v1/outbox/{failed}/replay", json=WHY, headers=ANY)
    many = await operator.post("/api/v1/outbox/replay", headers={"Idempotency-Key": "k1"}, json=WHY)

    assert (refused.status_code, refused.json()["code"]) == (409, "message_never_rendered")
    assert [i["outcome"] for i in many.json()["items"]] == ["never_rendered"]


async def test_bulk_replay_rehearses_then_does_it(api: Api) -> None:
    operator = await api.client(api.world.administrator)
    await api.recorded()
    count = await execute("UPDATE outbox SET state = 'failed' WHERE kind = 'assigned'")

    rehearsed = (
        await operator.post(
            "/api/v1/outbox/replay", headers={"Idempotency-Key": "k2"}, json={**WHY, "dry_run": True}
        )
    ).json()
    still = await fetchval("SELECT count(*) FROM outbox WHERE state = 'failed'")
    some = (
        await operator.post(
            "/api/v1/outbox/replay", headers={"Idempotency-Key": "k3"}, json={**WHY, "limit": 1}
        )
    ).json()
    rest = (
        await operator.post(
            "/api/v1/outbox/replay", headers={"Idempotency-Key": "k4"}, json={**WHY, "kind": "assigned"}
        )
    ).json()

    assert (rehearsed["again"], still) == (count, count)
    assert (some["again"], some["left"], rest["again"]) == (1, count - 1, count - 1)
    assert await fetchval("SELECT count(*) FROM history WHERE verb = 'replay_message'") == count


async def test_pause_loses_nothing_and_demands_the_version_that_was_read(api: Api) -> None:
    operator = await api.client(api.world.administrator)
    await api.recorded()
    waiting = await fetchval("SELECT count(*) FROM outbox")
    tag = (await operator.get("/api/v1/sending")).headers["etag"]
    pause = {"paused": True, "reason": "Kiểm tra máy chủ thư"}

    without = await operator.put("/api/v1/sending", json=pause)
    paused = await operator.put("/api/v1/sending", json=pause, headers={"If-Match": tag})
    stale = await operator.put("/api/v1/sending", json=pause, headers={"If-Match": tag})
    transport = MemoryTransport()
    silent = await delivery(transport, clock.utc_now()).run()
    resumed = await operator.put(
        "/api/v1/sending",
        json={"paused": False, "reason": "Xong"},
        headers={"If-Match": paused.headers["etag"]},
    )
    loud = await delivery(transport, clock.utc_now()).run()

    assert (without.status_code, paused.status_code, stale.status_code) == (428, 200, 412)
    assert (paused.json()["paused"], paused.json()["changed_by"]) == (True, "Người admin")
    assert paused.json()["waiting"]["pending"] == waiting
    assert (silent.paused, silent.sent) == (True, 0)
    assert (resumed.json()["paused"], loud.sent) == (False, waiting)


async def test_test_mail_goes_to_oneself(api: Api) -> None:
    operator = await api.client(api.world.administrator)

    answer = await operator.post("/api/v1/sending/test")
    opened = await operator.get(answer.headers["location"])

    assert (answer.status_code, answer.json()["address"]) == (202, "admin@vpcp.example.vn")
    assert "Ễ Ặ Ữ" in opened.json()["text"]


@pytest.mark.parametrize("persona", ["secretariat", "agency", "inspector", "member"])
async def test_only_the_administrator_operates(api: Api, persona: str) -> None:
    failed = await failed_message(api)
    client = await api.client(getattr(api.world, persona))
    may_read = persona == "secretariat"

    reads = [(await client.get(p)).status_code for p in ("/api/v1/outbox", "/api/v1/sending")]
    changes = [
        (await client.post(f"/api/v1/outbox/{failed}/replay", json=WHY, headers=ANY)).status_code,
        (await client.post("/api/v1/outbox/replay", headers={"Idempotency-Key": "k5"}, json=WHY)).status_code,
        (await client.post("/api/v1/sending/test")).status_code,
        (
            await client.put("/api/v1/sending", json={"paused": True, **WHY}, headers={"If-Match": "*"})
        ).status_code,
    ]

    assert reads == [200 if may_read else 403] * 2
    # One letter, the secretariat may send again; whatever touches all of them is the operator's.
    assert changes == [200 if may_read else 403, 403, 403, 403]


async def test_terminal_lists_replays_pauses_and_resumes(api: Api, database: Settings) -> None:
    failed = await failed_message(api)

    listed = json.loads((await tracker(database, "outbox", "list", "--state", "failed", "--json")).stdout)
    again = await tracker(database, "outbox", "replay", failed, "--reason", "Đã sửa địa chỉ")
    unknown = await tracker(database, "outbox", "replay", "999999", "--reason", "Đã sửa địa chỉ")
    paused = json.loads((await tracker(database, "outbox", "pause", "--reason", "Bảo trì", "--json")).stdout)
    shown = await tracker(database, "outbox", "list")
    resumed = await tracker(database, "outbox", "resume", "--reason", "Xong")

    assert [m["id"] for m in listed["messages"]] == [failed]
    assert f"Message {failed} will be sent again" in again.stdout
    assert unknown.returncode != 0
    assert paused["sending_paused"] is True
    assert "Sending is paused: Bảo trì" in shown.stdout
    assert "Sending goes on" in resumed.stdout
    rows = await fetch("SELECT verb FROM history WHERE verb LIKE '%sending' ORDER BY id")
    assert [r["verb"] for r in rows] == ["pause_sending", "resume_sending"]

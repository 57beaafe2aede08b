"""Urging by API: one message to each focal officer, reasons for everybody who is not urged, not twice a day."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import pytest

from tests.api import DIRECTIVE, Api, running_api
from tests.integration.test_delivery import delivery
from tests.world import MONDAY
from tracker import clock
from tracker.actions import assignments, reports, urges
from tracker.actions.urges import NewUrge
from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.drafts import NewReport
from tracker.mail.transport import MemoryTransport
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
DONE = NewReport("completion", "Đã xong", evidence_number="1/BYT")
SENTENCE = "Phó Thủ tướng hỏi tiến độ."
_keys = count()


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    clock.set_offset(MONDAY - clock.utc_now())
    async with running_api(database) as running:
        yield running


async def given(api: Api, tasks: int = 2) -> list[int]:
    """Assignments of the ministry of health; what they were told first is put away."""
    one = {**DIRECTIVE["tasks"][0], "cooperating": [], "deadline": "trước ngày 15/12/2025"}
    made = await api.recorded(tasks=[{**one, "short_name": f"Việc {n}"} for n in range(tasks)])
    await execute("UPDATE outbox SET state = 'sent', sent_at = now()")
    return [int(i) for i in made["assignment_ids"]]


async def post(client: httpx.AsyncClient, ids: list[int], **more: Any) -> httpx.Response:
    """An urge under a key of its own."""
    body = {"assignment_ids": [str(i) for i in ids], **more}
    return await client.post("/api/v1/urges", json=body, headers={"Idempotency-Key": f"u{next(_keys)}"})


async def test_one_message_goes_to_the_focal_officer_for_all_tasks(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    ids = await given(api)

    preview = (await post(office, ids, sentence=SENTENCE, dry_run=True)).json()
    untouched = await fetchval("SELECT count(*) FROM outbox WHERE kind = 'urge'")
    done = (await post(office, ids, sentence=SENTENCE)).json()
    transport = MemoryTransport()
    await delivery(transport, clock.utc_now()).run()

    assert (preview["urged"], preview["skipped"], untouched) == (2, [], 0)
    (message,) = done["messages"]
    assert (message["address"], message["assignment_ids"]) == (
        "focal@byt.example.vn",
        [str(i) for i in ids],
    )
    assert [d.recipient for d in transport.taken] == ["focal@byt.example.vn"]
    opened = (
        await (await api.client(api.world.administrator)).get(f"/api/v1/outbox/{message['message_id']}")
    ).json()
    assert SENTENCE in opened["text"]
    assert "Việc 0" in opened["text"]
    rows = await fetch(
        "SELECT assignment_id, reason, detail::text AS detail FROM history WHERE verb = 'urge' ORDER BY id"
    )
    assert [r["assignment_id"] for r in rows] == ids
    assert {json.loads(r["detail"])["group"] for r in rows} == {done["group_id"]}
    assert {r["reason"] for r in rows} == {SENTENCE}


async def test_nobody_is_urged_twice_within_a_day(api: Api) -> None:
    office, member = await api.client(api.world.secretariat), await api.client(api.world.member)
    first, second = await given(api)
    await post(office, [first])

    again = (await post(member, [first, second])).json()
    clock.set_offset(clock.offset() + timedelta(hours=25))
    tomorrow = (await post(member, [first])).json()

    assert [(s["assignment_id"], s["reason"]) for s in again["skipped"]] == [(str(first), "recently_urged")]
    assert again["skipped"][0]["possible_at"].startswith("2025-11-25T02:00")
    assert [m["assignment_ids"] for m in again["messages"]] == [[str(second)]]
    assert (tomorrow["urged"], tomorrow["skipped"], again["repeat_after_hours"]) == (1, [], 24)


async def test_what_needs_no_urging_is_named_with_its_reason(api: Api) -> None:
    office = await api.client(api.world.member)
    waiting, withdrawn, lonely = await given(api, 3)
    await reports.submit(api.world.agency, waiting, None, DONE, MONDAY)
    await assignments.withdraw(api.world.secretariat, withdrawn, None, "Trùng", "", MONDAY)
    await execute("UPDATE official SET is_active = false WHERE duty <> 'member'")

    told = (await post(office, [waiting, withdrawn, lonely, 999_999])).json()

    assert [(s["assignment_id"], s["reason"]) for s in told["skipped"]] == [
        (str(waiting), "awaiting_confirmation"),
        (str(withdrawn), "closed"),
        (str(lonely), "no_recipient"),
        ("999999", "not_found"),
    ]
    assert told["messages"] == []


async def test_explanation_names_the_day_to_answer_by(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    ids = await given(api, 1)
    kind = {"kind": "explanation"}

    missing = await post(office, ids, **kind)
    past = await post(office, ids, **kind, answer_by="2025-11-23")
    needless = await post(office, ids, answer_by="2025-11-28")
    twice = await post(office, [ids[0], ids[0]])
    done = await post(office, ids, **kind, answer_by="2025-11-28")

    codes = [r.json()["errors"][0]["code"] for r in (missing, past, needless, twice)]
    assert codes == ["answer_by_missing", "answer_by_past", "answer_by_not_here", "assignment_twice"]
    subject = await fetchval("SELECT subject FROM outbox WHERE kind = 'urge'")
    assert subject.startswith("[Yêu cầu giải trình]")
    assert done.json()["kind"] == "explanation"


async def test_leader_urges_their_own_agency_and_knows_of_no_other(api: Api) -> None:
    leader, officer = await api.client(api.world.leader), await api.client(api.world.agency)
    (own,) = await given(api, 1)
    made = await api.recorded(
        number="18/NQ-CP", tasks=[{**DIRECTIVE["tasks"][0], "leads": ["BTC"], "cooperating": []}]
    )
    foreign = int(made["assignment_ids"][0])

    told = (await post(leader, [own, foreign])).json()
    refused = await post(officer, [own])

    assert (told["urged"], [s["reason"] for s in told["skipped"]]) == (1, ["not_found"])
    assert refused.status_code == 403


async def test_key_is_needed_and_repeats_the_answer(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    ids = await given(api, 1)
    body = {"assignment_ids": [str(ids[0])]}

    without = await office.post("/api/v1/urges", json=body)
    first = await office.post("/api/v1/urges", json=body, headers={"Idempotency-Key": "same"})
    again = await office.post("/api/v1/urges", json=body, headers={"Idempotency-Key": "same"})

    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")
    assert again.content == first.content
    assert await fetchval("SELECT count(*) FROM outbox WHERE kind = 'urge'") == 1


async def test_two_who_urge_at_once_send_one_message(api: Api) -> None:
    ids = await given(api)

    both = await asyncio.gather(
        urges.urge(api.world.secretariat, NewUrge(ids), MONDAY),
        urges.urge(api.world.member, NewUrge(ids), MONDAY),
    )

    assert sorted(len(done.skipped) for done in both) == [0, 2]
    assert await fetchval("SELECT count(*) FROM outbox WHERE kind = 'urge'") == 1


async def test_task_done_before_the_message_left_is_not_urged(api: Api) -> None:
    office = await api.client(api.world.secretariat)
    done, still = await given(api)
    await post(office, [done, still], sentence=SENTENCE)
    await reports.submit(api.world.agency, done, None, DONE, MONDAY)
    transport = MemoryTransport()

    await delivery(transport, clock.utc_now()).run()

    urged = [d.data.decode() for d in transport.taken if b"X-Notify-Key: again-" in d.data]
    assert len(urged) == 1
    kinds = await fetch("SELECT kind, state FROM outbox WHERE kind IN ('urge', 'digest') ORDER BY id")
    assert [(r["kind"], r["state"]) for r in kinds] == [("urge", "superseded"), ("urge", "sent")]
    again = await fetchval("SELECT id FROM outbox WHERE kind = 'urge' AND state = 'sent'")
    opened = await (await api.client(api.world.administrator)).get(f"/api/v1/outbox/{again}")
    assert SENTENCE in opened.json()["text"]
    assert "Việc 0" not in opened.json()["text"]

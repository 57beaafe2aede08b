"""Webhooks from the change to the receiver: told once, signed, tried again, only what the owner may see."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from tests.api import COMPLETION, Api, running_api
from tests.receivers import Received, Receiver, answer, receiving
from tracker import clock
from tracker.actions import webhooks as actions
from tracker.db import webhooks as db
from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.db.switches import set_switch
from tracker.domain.directory import Actor
from tracker.domain.webhooks import Kind
from tracker.jobs.webhooks import Counts, WebhookDelivery
from tracker.settings import Settings, load

pytestmark = pytest.mark.anyio

ALL = [kind.value for kind in Kind]


@dataclass
class Scene:
    """The service with webhooks allowed to this machine, and one receiver."""

    api: Api
    receiver: Receiver

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}/hook"

    async def webhook(self, owner: Actor, kinds: list[str] = ALL, **more: Any) -> dict[str, Any]:
        """A webhook of a persona: the answer to the request that made it."""
        client = await self.api.client(owner)
        made = await client.post("/api/v1/webhooks", json={"url": self.url, "kinds": kinds, **more})
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.receiver.requests]

    def types(self) -> list[str]:
        return [str(body["type"]) for body in self.bodies()]


async def deliver() -> Counts:
    return await WebhookDelivery().run()


@pytest.fixture
async def scene(database: Settings) -> AsyncIterator[Scene]:
    async with receiving() as receiver, running_api(database) as api:
        actions.use_sender(
            load(
                {
                    "TRACKER_SECRET_KEY": "k" * 40,
                    "TRACKER_WEBHOOK_HOSTS": "127.0.0.1",
                    "TRACKER_WEBHOOK_PLAIN_HTTP": "true",
                }
            )
        )
        yield Scene(api, receiver)


async def changed(client: httpx.AsyncClient, path: str, method: str = "POST", **more: Any) -> httpx.Response:
    """A change with the tag that stands; `path` of the resource, then of the operation under it."""
    resource, _, operation = path.partition(" ")
    tag = (await client.get(resource)).headers["etag"]
    done = await client.request(method, resource + operation, headers={"If-Match": tag}, **more)
    assert done.status_code < 300, done.text
    return done


def verified(secret: str, request: Received) -> bool:
    try:
        Verifier(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


# -- what is told, and to whom -------------------------------------------------------------------------


async def test_the_life_of_an_assignment_is_told_and_verifies(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.secretariat)
    lead = await scene.api.lead_of(await scene.api.recorded())
    agency = await scene.api.client(scene.api.world.agency)
    office = await scene.api.client(scene.api.world.secretariat)
    await changed(agency, f"{lead} /acknowledge")
    await changed(agency, f"{lead} /reports", json=COMPLETION)
    await changed(office, f"{lead} /return", json={"reason": "Thiếu phụ lục."})
    await changed(agency, f"{lead} /reports", json=COMPLETION)
    await changed(office, f"{lead} /confirm", json={})

    counts = await deliver()

    assert sorted(scene.types()) == [
        "assignment.acknowledged",
        "assignment.assigned",
        "assignment.assigned",
        "assignment.confirmed",
        "assignment.reported",
        "assignment.reported",
        "assignment.returned",
        "directive.recorded",
    ]
    assert (counts.sent, counts.retried, counts.failed) == (8, 0, 0)
    assert all(verified(made["secret"], request) for request in scene.receiver.requests)
    assert not any(verified("whsec_" + "A" * 43 + "=", request) for request in scene.receiver.requests)
    ids = [request.headers["webhook-id"] for request in scene.receiver.requests]
    assert len(set(ids)) == len(ids)
    body = next(b for b in scene.bodies() if b["type"] == "assignment.reported")
    assert body["data"] == {
        "assignment_id": lead.rpartition("/")[2],
        "task_id": body["data"]["task_id"],
        "directive_id": body["data"]["directive_id"],
        "directive_number": "17/NQ-CP",
        "agency_code": "BYT",
        "part": "lead",
        "state": "confirmed",
        "due_on": "2026-12-15",
        "due_time": None,
        "timezone": "Asia/Ho_Chi_Minh",
        "row_version": body["data"]["row_version"],
        "report": "completion",
    }
    assert body["timestamp"].endswith("Z")
    assert all(len(request.body) < 20_000 for request in scene.receiver.requests)
    assert "Kế hoạch" not in str(scene.bodies()), "no title leaves in a webhook"
    assert await deliver() == Counts(), "nothing is told twice"


async def test_an_agency_hears_of_its_own_assignments_only(scene: Scene) -> None:
    await scene.webhook(scene.api.world.agency)
    await scene.api.recorded()

    await deliver()

    agencies = [b["data"]["agency_code"] for b in scene.bodies() if "agency_code" in b["data"]]
    assert agencies == ["BYT"]
    assert sorted(scene.types()) == ["assignment.assigned", "directive.recorded"]


async def test_a_directive_without_a_part_for_the_agency_is_not_told(scene: Scene) -> None:
    await scene.webhook(scene.api.world.other_agency)
    tasks = [{"short_name": "Kế hoạch", "full_text": "Kế hoạch.", "leads": ["BYT"], "deadline": "30/11/2026"}]
    await scene.api.recorded(tasks=tasks)

    await deliver()

    assert scene.types() == []


async def test_an_extension_and_a_moved_deadline_are_told(scene: Scene) -> None:
    await scene.webhook(
        scene.api.world.secretariat, ["extension.requested", "extension.decided", "deadline.changed"]
    )
    lead = await scene.api.lead_of(await scene.api.recorded())
    agency = await scene.api.client(scene.api.world.agency)
    office = await scene.api.client(scene.api.world.secretariat)
    body = {"proposed_on": "2026-12-30", "reason": "Chờ số liệu."}
    asked = await changed(agency, f"{lead} /extensions", json=body)
    await changed(
        office, f"{asked.headers['location']} /decision", json={"grant": True, "document": "1/VPCP"}
    )

    await deliver()

    assert sorted(scene.types()) == ["deadline.changed", "extension.decided", "extension.requested"]
    assert next(b for b in scene.bodies() if b["type"] == "extension.decided")["data"]["granted"] is True


async def test_a_reminder_is_told(scene: Scene) -> None:
    await scene.webhook(scene.api.world.agency, ["reminder.sent"])
    lead = await scene.api.lead_of(await scene.api.recorded())
    await execute(
        "INSERT INTO reminder (assignment_id, step_code, deadline_version, recipient_id, channel, verdict, reason,"
        " moment, decided_at, outbox_id) SELECT $1, 'before_3', 1, $2, 'mail', 'sent', 'due', now(), now(),"
        " (SELECT min(id) FROM outbox)",
        int(lead.rpartition("/")[2]),
        scene.api.world.officials["byt.focal"],
    )

    await deliver()

    assert scene.types() == ["reminder.sent"]
    assert scene.bodies()[0]["data"]["step"] == "before_3"


async def test_nothing_is_noted_while_nobody_listens(scene: Scene) -> None:
    await scene.api.recorded()

    assert await fetchval("SELECT count(*) FROM webhook_event") == 0


async def test_an_action_that_fails_tells_nothing(scene: Scene) -> None:
    await scene.webhook(scene.api.world.secretariat)
    lead = await scene.api.lead_of(await scene.api.recorded())
    await deliver()
    told = len(scene.types())
    office = await scene.api.client(scene.api.world.secretariat)
    tag = (await office.get(lead)).headers["etag"]

    refused = await office.post(f"{lead}/confirm", json={}, headers={"If-Match": tag})
    await deliver()

    assert refused.status_code == 409
    assert len(scene.types()) == told


# -- visibility at the moment of sending ---------------------------------------------------------------


async def test_a_transferred_owner_hears_nothing_of_the_former_agency(scene: Scene) -> None:
    world = scene.api.world
    await scene.webhook(world.agency)
    await scene.api.recorded()
    assert await actions.share_out(100, clock.utc_now()) > 0
    await execute(
        "UPDATE official SET agency_id = $1 WHERE id = $2", world.agencies["HN"], world.agency.official_id
    )

    counts = await deliver()

    assert scene.types() == []
    assert counts.superseded == 2
    rows = await fetch("SELECT DISTINCT state, reason FROM webhook_delivery")
    assert [(r["state"], r["reason"]) for r in rows] == [("superseded", "no_longer_seen")]


async def test_a_transferred_owner_does_not_read_what_was_sent_before(scene: Scene) -> None:
    world = scene.api.world
    made = await scene.webhook(world.agency)
    webhook = f"/api/v1/webhooks/{made['webhook']['id']}"
    await scene.api.recorded()
    await deliver()
    client = await scene.api.client(world.agency)
    await changed(client, f"{webhook} /ping")
    before = (await client.get(f"{webhook}/deliveries")).json()["items"]
    await execute(
        "UPDATE official SET agency_id = $1 WHERE id = $2", world.agencies["HN"], world.agency.official_id
    )

    listed = (await client.get(f"{webhook}/deliveries")).json()["items"]
    alone = [(await client.get(f"/api/v1/deliveries/{item['id']}")).json() for item in before]

    assert all(item["payload"] for item in before)
    assert {item["kind"] for item in before if item["kind"] != "ping"} >= {"assignment.assigned"}
    for items in (listed, alone):
        assert [item["kind"] for item in items if item["payload"]] == ["ping"]
        assert len(items) == len(before) == 3
        assert "17/NQ-CP" not in str(items)


async def test_webhooks_die_with_their_owner(scene: Scene) -> None:
    world = scene.api.world
    await scene.webhook(world.agency)
    await scene.api.recorded()
    await execute("UPDATE official SET is_active = false WHERE id = $1", world.agency.official_id)

    await deliver()

    assert scene.types() == []
    row = await fetchrow("SELECT state, reason FROM webhook")
    assert row is not None
    assert (row["state"], row["reason"]) == ("disabled", "owner_inactive")


async def test_a_token_of_an_owner_who_reads_only_makes_no_webhook(scene: Scene) -> None:
    client = await scene.api.client(scene.api.world.agency, ("read",))

    refused = await client.post("/api/v1/webhooks", json={"url": scene.url, "kinds": ALL})

    assert refused.status_code == 403
    assert refused.json()["code"] == "scope_missing"


async def test_case_47_foreign_webhooks_and_deliveries_are_not_there(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.agency)
    await scene.api.recorded()
    await deliver()
    delivery = await fetchval("SELECT min(id) FROM webhook_delivery")
    webhook = f"/api/v1/webhooks/{made['webhook']['id']}"
    for stranger in (
        scene.api.world.other_agency,
        scene.api.world.administrator,
        scene.api.world.secretariat,
    ):
        client = await scene.api.client(stranger)
        for path in (webhook, f"{webhook}/deliveries", f"/api/v1/deliveries/{delivery}"):
            assert (await client.get(path)).status_code == 404, path
        for method, path in (
            ("POST", f"{webhook}/ping"),
            ("POST", f"{webhook}/secret"),
            ("POST", f"/api/v1/deliveries/{delivery}/replay"),
            ("DELETE", webhook),
        ):
            answered = await client.request(method, path, headers={"If-Match": '"1-x"'})
            assert answered.status_code in (404, 412), path
        assert (await client.get("/api/v1/webhooks")).json() == {"items": []}


# -- attempts ------------------------------------------------------------------------------------------


async def due_now() -> None:
    """Let the wait for the next attempt be over."""
    await execute("UPDATE webhook_delivery SET next_attempt_at = now() WHERE state = 'pending'")


async def test_retries_carry_the_same_id_and_body_and_a_fresh_signature(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.agency, ["assignment.assigned"])
    scene.receiver.answers = [answer(500, b"oops"), answer(302, Location="http://127.0.0.1/"), answer(200)]
    await scene.api.recorded()

    states = []
    for _ in range(3):
        await deliver()
        states.append(await fetchval("SELECT state FROM webhook_delivery"))
        await due_now()

    first, second, third = scene.receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == third.headers["webhook-id"]
    assert first.body == second.body == third.body
    assert all(verified(made["secret"], request) for request in scene.receiver.requests)
    assert states == ["pending", "pending", "sent"]
    assert await fetchval("SELECT attempts || ' ' || status FROM webhook_delivery") == "3 200"


async def test_the_waits_follow_the_specification(scene: Scene) -> None:
    await scene.webhook(scene.api.world.agency, ["assignment.assigned"])
    scene.receiver.answers = [answer(500)]
    await scene.api.recorded()
    waits = []

    for _ in range(9):
        await deliver()
        waits.append(
            (await fetchval("SELECT next_attempt_at - attempted_at FROM webhook_delivery")).total_seconds()
        )
        await due_now()

    wanted = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert all(abs(wait - want) <= want * 0.1 + 2 for wait, want in zip(waits, wanted, strict=True)), waits


async def test_after_the_tenth_failure_the_webhook_is_off_and_its_owner_told_once(scene: Scene) -> None:
    await scene.webhook(scene.api.world.agency, ["assignment.assigned"])
    scene.receiver.answers = [answer(500)]
    await scene.api.recorded()
    await deliver()
    await execute("UPDATE webhook_delivery SET attempts = 9, next_attempt_at = now()")

    counts = await deliver()

    assert counts.failed == 1
    row = await fetchrow("SELECT state, reason FROM webhook")
    assert row is not None
    assert (row["state"], row["reason"]) == ("disabled", "failing")
    mails = await fetch("SELECT recipient_id, subject FROM outbox WHERE kind = 'webhook_off'")
    assert [m["recipient_id"] for m in mails] == [scene.api.world.agency.official_id]
    assert await fetchval("SELECT count(*) FROM history WHERE verb = 'disable_webhook'") == 1


async def test_gone_switches_off_at_once_and_gives_up_what_waits(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.secretariat)
    scene.receiver.answers = [answer(410)]
    await scene.api.recorded()

    await deliver()
    await deliver()

    assert len(scene.receiver.requests) <= 2
    client = await scene.api.client(scene.api.world.secretariat)
    webhook = f"/api/v1/webhooks/{made['webhook']['id']}"
    shown = (await client.get(webhook)).json()
    assert (shown["state"], shown["reason"]) == ("disabled", "gone")
    failed = (await client.get(f"{webhook}/deliveries", params={"state": "failed"})).json()["items"]
    assert len(failed) == 3
    assert {d["reason"] for d in failed} <= {"gone", "webhook_disabled"}
    # On again, and sent again by hand.
    scene.receiver.answers = [answer(204)]
    await changed(client, webhook, "PATCH", json={"state": "active"})
    for delivery in failed:
        await changed(client, f"/api/v1/deliveries/{delivery['id']} /replay")
    await deliver()
    sent = (await client.get(f"{webhook}/deliveries", params={"state": "sent"})).json()["items"]
    assert {d["message_id"] for d in sent} == {d["message_id"] for d in failed}


async def test_retry_after_is_followed(scene: Scene) -> None:
    await scene.webhook(scene.api.world.agency, ["assignment.assigned"])
    scene.receiver.answers = [answer(503, Retry_After="3600")]
    await scene.api.recorded()

    await deliver()

    wait = await fetchval("SELECT next_attempt_at - now() FROM webhook_delivery")
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


async def test_case_80_a_slow_receiver_holds_up_only_itself(scene: Scene) -> None:
    world = scene.api.world

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.5)
        writer.write(answer(204))

    async with receiving(Receiver(behave=slow)) as sluggish:
        await scene.webhook(world.agency)
        client = await scene.api.client(world.secretariat)
        made = await client.post(
            "/api/v1/webhooks", json={"url": f"http://127.0.0.1:{sluggish.port}/", "kinds": ALL}
        )
        assert made.status_code == 201
        await scene.api.recorded()

        running = asyncio.create_task(deliver())
        began = time.monotonic()
        while len(scene.receiver.requests) < 2:
            await asyncio.sleep(0.02)
            assert time.monotonic() - began < 1.4, "the quick receiver waited for the slow one"
        # What happens meanwhile is told to the quick one while the slow one is still at it.
        await changed(client, f"/api/v1/webhooks/{made.json()['webhook']['id']} /ping")
        counts = await running

    assert counts.sent == 6
    assert len(scene.receiver.requests) == 2
    assert len(sluggish.requests) == 4


async def test_a_dead_worker_loses_nothing(scene: Scene) -> None:
    await scene.webhook(scene.api.world.agency, ["assignment.assigned"])
    await scene.api.recorded()
    await actions.share_out(100, clock.utc_now())
    claimed = await db.claim(10, [])
    assert len(claimed) == 1

    assert (await deliver()).sent == 0, "the lease holds"
    await execute("UPDATE webhook_delivery SET lease_until = now() - interval '1 second'")
    counts = await deliver()

    assert (counts.reclaimed, counts.sent) == (1, 1)
    late = await db.mark_sent(claimed[0].id, claimed[0].lease_token, 200, "", clock.utc_now())
    assert late is False, "the first worker's token is worthless"


async def test_two_workers_do_not_send_the_same(scene: Scene) -> None:
    await scene.webhook(scene.api.world.secretariat)
    for number in range(5):
        await scene.api.recorded(number=f"{number}/QĐ-TTg")

    first, second = await asyncio.gather(deliver(), deliver())

    assert first.sent + second.sent == 15
    ids = [request.headers["webhook-id"] for request in scene.receiver.requests]
    assert len(ids) == len(set(ids)) == 15


async def test_a_pause_of_sending_holds_webhooks_too(scene: Scene) -> None:
    await scene.webhook(scene.api.world.agency)
    await scene.api.recorded()
    await set_switch("sending_paused", True)

    assert (await deliver()).paused
    assert scene.types() == []


# -- secrets -------------------------------------------------------------------------------------------


async def test_a_new_secret_signs_beside_the_former_for_a_day(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.agency)
    client = await scene.api.client(scene.api.world.agency)
    webhook = f"/api/v1/webhooks/{made['webhook']['id']}"
    fresh = (await changed(client, f"{webhook} /secret")).json()
    assert fresh["secret"] != made["secret"]
    await changed(client, f"{webhook} /ping")
    await deliver()
    await execute("UPDATE webhook SET former_until = now() - interval '1 second'")
    await changed(client, f"{webhook} /ping")
    await deliver()

    during, after = scene.receiver.requests
    assert len(during.headers["webhook-signature"].split()) == 2
    assert verified(made["secret"], during)
    assert verified(fresh["secret"], during)
    assert not verified(made["secret"], after)
    assert verified(fresh["secret"], after)


async def test_a_public_key_verifies_v1a(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.agency, signing="v1a")
    client = await scene.api.client(scene.api.world.agency)
    await changed(client, f"/api/v1/webhooks/{made['webhook']['id']} /ping")

    await deliver()

    assert made["secret"] is None
    key = made["webhook"]["public_key"]
    assert key.startswith("whpk_")
    request = scene.receiver.requests[0]
    version, _, signature = request.headers["webhook-signature"].partition(",")
    assert version == "v1a"
    signed = b".".join(
        (request.headers["webhook-id"].encode(), request.headers["webhook-timestamp"].encode(), request.body)
    )
    Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_"))).verify(
        base64.b64decode(signature), signed
    )


async def test_the_secret_is_shown_once_and_kept_nowhere_in_clear(scene: Scene) -> None:
    client = await scene.api.client(scene.api.world.agency)
    body = {"url": scene.url, "kinds": ALL}
    key = {"Idempotency-Key": "once"}
    first = await client.post("/api/v1/webhooks", json=body, headers=key)
    again = await client.post("/api/v1/webhooks", json=body, headers=key)
    secret = first.json()["secret"]
    raw = base64.b64decode(secret.removeprefix("whsec_"))

    assert len(raw) == 32
    assert again.json() == {"webhook": first.json()["webhook"], "secret": None}
    assert await fetchval("SELECT count(*) FROM webhook") == 1
    assert raw not in await fetchval("SELECT secret FROM webhook")
    kept = str([dict(row) for row in await fetch("SELECT * FROM history")]) + str(
        [dict(row) for row in await fetch("SELECT * FROM idempotency_key")]
    )
    assert secret not in kept


async def test_under_another_key_of_the_service_nothing_is_signed_wrongly(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.agency)
    client = await scene.api.client(scene.api.world.agency)
    await changed(client, f"/api/v1/webhooks/{made['webhook']['id']} /ping")
    actions.use_sender(load({"TRACKER_SECRET_KEY": "z" * 40, "TRACKER_WEBHOOK_HOSTS": "127.0.0.1"}))

    await deliver()

    assert scene.receiver.requests == []
    row = await fetchrow("SELECT state, reason FROM webhook_delivery")
    assert row is not None
    assert (row["state"], row["reason"]) == ("pending", "secret_unreadable")


# -- the API -------------------------------------------------------------------------------------------


async def test_webhook_is_changed_switched_off_and_deleted(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.agency)
    client = await scene.api.client(scene.api.world.agency)
    webhook = f"/api/v1/webhooks/{made['webhook']['id']}"

    off = await changed(client, webhook, "PATCH", json={"state": "disabled", "kinds": ["reminder.sent"]})
    refused = await client.post(f"{webhook}/ping", headers={"If-Match": off.headers["etag"]})
    stale = await client.patch(webhook, json={"state": "active"}, headers={"If-Match": '"1-x"'})
    await scene.api.recorded()
    await deliver()
    gone = await changed(client, webhook, "DELETE")

    assert (off.json()["state"], off.json()["reason"]) == ("disabled", "owner")
    assert off.json()["kinds"] == ["reminder.sent"]
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
    assert stale.status_code == 412
    assert scene.types() == []
    assert gone.status_code == 204
    assert (await client.get(webhook)).status_code == 404
    verbs = [
        r["verb"] for r in await fetch("SELECT verb FROM history WHERE verb LIKE '%webhook%' ORDER BY id")
    ]
    assert verbs == ["create_webhook", "change_webhook", "delete_webhook"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://169.254.169.254/", "webhook_host_not_listed"),
        ("https://127.1/", "webhook_url_numeric"),
        ("file:///etc/passwd", "webhook_url_scheme"),
        ("https://good@127.0.0.1/", "webhook_url_userinfo"),
        ("https://127.0.0.1:22/", "webhook_url_port"),
        ("https://máychủ.vn/", "webhook_url_form"),
        ("https://a_b.vn/", "webhook_url_host"),
    ],
)
@pytest.mark.parametrize("language", ["vi", "en"])
async def test_case_79_a_bad_address_is_refused_by_name(
    scene: Scene, url: str, code: str, language: str
) -> None:
    client = await scene.api.client(scene.api.world.agency)

    refused = await client.post(
        "/api/v1/webhooks", json={"url": url, "kinds": ALL}, headers={"Accept-Language": language}
    )

    assert refused.status_code == 422
    problem = refused.json()["errors"][0]
    assert (problem["pointer"], problem["code"]) == ("/url", code)
    assert code not in problem["detail"]


async def test_an_installation_without_listed_hosts_has_no_webhooks(scene: Scene) -> None:
    actions.use_sender(load({"TRACKER_SECRET_KEY": "k" * 40}))
    client = await scene.api.client(scene.api.world.agency)

    refused = await client.post("/api/v1/webhooks", json={"url": scene.url, "kinds": ALL})

    assert refused.json()["errors"][0]["code"] == "webhook_url_scheme"
    refused = await client.post("/api/v1/webhooks", json={"url": "https://a.example/", "kinds": ALL})
    assert refused.json()["errors"][0]["code"] == "webhooks_off"


async def test_there_are_only_so_many_webhooks(scene: Scene) -> None:
    for _ in range(10):
        await scene.webhook(scene.api.world.agency)
    client = await scene.api.client(scene.api.world.agency)

    refused = await client.post("/api/v1/webhooks", json={"url": scene.url, "kinds": ALL})

    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")


async def test_deliveries_are_listed_page_by_page(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.secretariat)
    for number in range(3):
        await scene.api.recorded(number=f"{number}/QĐ-TTg")
    await deliver()
    client = await scene.api.client(scene.api.world.secretariat)
    path: str | None = f"/api/v1/webhooks/{made['webhook']['id']}/deliveries?limit=4"
    seen = []

    while path is not None:
        page = await client.get(path)
        seen += [item["id"] for item in page.json()["items"]]
        path = page.links.get("next", {}).get("url")

    assert len(seen) == len(set(seen)) == 9
    assert seen == sorted(seen, key=int, reverse=True)


async def test_a_nul_in_an_answer_is_kept_harmlessly(scene: Scene) -> None:
    made = await scene.webhook(scene.api.world.agency)
    scene.receiver.answers = [answer(200, b"a\0b\xff<script>")]
    client = await scene.api.client(scene.api.world.agency)
    await changed(client, f"/api/v1/webhooks/{made['webhook']['id']} /ping")

    assert (await deliver()).sent == 1

    assert await fetchval("SELECT answer FROM webhook_delivery") == "a�b�<script>"

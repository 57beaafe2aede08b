"""Attack cases 12, 47, 49 to 52 and 54 where they meet people: who was moved, disabled or demoted has nothing left."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api import Api, running_api
from tests.identity_scene import Browser, Stage, enrol, stage
from tests.integration.test_people_pages import fields_of
from tests.web_scene import ADDRESS
from tests.world import MONDAY, directive, task
from tracker import clock
from tracker.actions import accounts, directives, mandates, officials
from tracker.actions.mandates import NewMandate
from tracker.db import reads_api
from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.domain.directory import SYSTEM, Actor
from tracker.domain.zone import civil_day
from tracker.jobs.outbox import Delivery
from tracker.mail.transport import MemoryTransport
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Stage]:
    async with stage(database) as found:
        yield found


async def change(official_id: int, **changes: Any) -> None:
    """What an administrator changes of a person."""
    view = await reads_api.get_official_view(SYSTEM, official_id)
    draft = officials.draft_of(view)
    values = {f: getattr(draft, f) for f in draft.__dataclass_fields__} | changes
    await officials.change(SYSTEM, official_id, type(draft)(**values), None, clock.utc_now())


async def seen(client: httpx.AsyncClient) -> set[str]:
    """The codes of the agencies whose assignments a client gets in the list."""
    answer = await client.get("/api/v1/assignments", params={"limit": "200"})
    assert answer.status_code == 200, answer.text
    return {item["agency"]["code"] for item in answer.json()["items"]}


async def feed_of(client: httpx.AsyncClient) -> str:
    """The path of a fresh calendar link of one's own agency."""
    made_feed = await client.post("/api/v1/feeds", json={"name": "Lịch", "scope": "own_agency"})
    assert made_feed.status_code == 201, made_feed.text
    url: str = made_feed.json()["url"]
    return "/" + url.split("/", 3)[3]


async def directive_for(api: Api, *codes: str) -> None:
    """One task for each of these agencies, named after it."""
    tasks = [task("trước ngày 15/12/2026", leads=(code,), short_name=f"Việc của {code}") for code in codes]
    await directives.record(api.world.secretariat, directive(*tasks), clock.utc_now())


# -- 12: fields that nobody offered --------------------------------------------------------------------


SLIPPED: tuple[dict[str, Any], ...] = (
    {"role": "administrator"},
    {"agency_id": "1"},
    {"created_at": "2020-01-01T00:00:00Z"},
    {"is_active": True},
    {"id": "1"},
    {"row_version": 99},
)


@pytest.mark.parametrize("slipped", SLIPPED, ids=lambda fields: next(iter(fields)))
async def test_case_12_unknown_fields_change_nobody(api: Api, slipped: dict[str, Any]) -> None:
    world = api.world
    admin, officer = await api.client(world.administrator), await api.client(world.agency)
    own = f"/api/v1/officials/{world.officials['byt.focal']}"
    tag = {"If-Match": (await officer.get(own)).headers["etag"]}
    before = await fetchrow("SELECT * FROM official WHERE id = $1", world.officials["byt.focal"])
    agency = f"/api/v1/agencies/{world.agencies['BYT']}"
    agency_tag = {"If-Match": (await admin.get(agency)).headers["etag"]}
    new = {"name": "X", "email": "x@byt.example.vn", "role": "inspector"}

    answers = [
        await officer.patch(own, json={"language": "en", **slipped}, headers=tag),
        await officer.post("/api/v1/feeds", json={"name": "x", "scope": "own_agency", **slipped}),
        await admin.patch(agency, json={"short_name": "X", **slipped}, headers=agency_tag),
        await admin.post(
            f"{own}/mandates", json={"agency": "BTC", "valid_from": "2026-11-22", **slipped}, headers=tag
        ),
    ]
    if "role" not in slipped:
        answers.append(await admin.post("/api/v1/officials", json={**new, **slipped}))

    (field,) = slipped
    for answer in answers:
        if answer.status_code == 403:
            # Of a person the role is a known field: not one's own to set.
            assert field == "role"
            continue
        assert answer.status_code == 400, answer.text
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
            (f"/{field}", "unknown_field")
        ]
    after = await fetchrow("SELECT * FROM official WHERE id = $1", world.officials["byt.focal"])
    assert dict(after or {}) == dict(before or {})
    assert await fetchval("SELECT count(*) FROM feed") == 0
    assert await fetchval("SELECT count(*) FROM mandate") == 0


# -- 47: other people's rows ---------------------------------------------------------------------------


async def test_case_47_an_agency_finds_no_stranger_by_id_list_search_or_mandate(api: Api) -> None:
    world = api.world
    officer, admin = await api.client(world.agency), await api.client(world.administrator)
    stranger = world.officials["btc.focal"]
    path = f"/api/v1/officials/{stranger}"
    tag = {"If-Match": (await admin.get(path)).headers["etag"]}

    listed = (await officer.get("/api/v1/officials", params={"limit": "200"})).json()["items"]
    for query in (
        {"agency": "BTC"},
        {"q": "btc"},
        {"role": "agency_officer", "q": "focal"},
        {"mailbox": "dead"},
    ):
        items = (await officer.get("/api/v1/officials", params=query)).json()["items"]
        assert all(item["agency"] in (None, "BYT") for item in items), query
    answers = [
        await officer.get(path),
        await officer.get(path, headers={"If-None-Match": tag["If-Match"]}),
        await officer.get(f"{path}/mandates"),
        await officer.patch(path, json={"language": "en"}, headers=tag),
    ]

    assert {item["agency"] for item in listed} == {None, "BYT"}
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(404, "not_found")] * 4


async def test_case_47_a_stranger_as_ones_deputy_is_a_number_that_nobody_has(api: Api) -> None:
    world = api.world
    officer = await api.client(world.agency)
    path = f"/api/v1/officials/{world.agency.official_id}"
    stranger, gone, colleague = (
        world.officials[key] for key in ("btc.focal", "btc.leader", "byt.head_of_office")
    )
    await execute("UPDATE official SET is_active = false WHERE id = ANY($1::bigint[])", [gone, colleague])
    people = await fetch("SELECT full_name, email FROM official WHERE id <> $1", world.agency.official_id)
    tag = {"If-Match": (await officer.get(path)).headers["etag"]}

    async def asked(number: int) -> str:
        answer = await officer.patch(path, json={"deputy_id": str(number)}, headers=tag)
        assert answer.status_code == 422, answer.text
        assert not [p for p in people if p["full_name"] in answer.text or p["email"] in answer.text]
        told = answer.json()
        return str((told["code"], told["detail"], told["errors"])).replace(str(number), "N")

    nobody = await asked(999_999)
    assert "deputy_unknown" in nobody
    assert await asked(stranger) == await asked(gone) == nobody
    assert "official_inactive" in await asked(colleague)


# -- 49: a delegate after the mandate ------------------------------------------------------------------


@pytest.mark.parametrize("end", ["revoked", "over", "principal disabled", "principal moved"])
async def test_case_49_a_delegate_sees_nothing_after_the_mandate(api: Api, end: str) -> None:
    world = api.world
    await directive_for(api, "BYT", "BTC")
    delegate = await api.client(world.agency)
    calendar = await feed_of(delegate)
    today = civil_day(clock.utc_now())
    new = NewMandate(today, today + timedelta(days=3), on_behalf_of=world.officials["btc.leader"])
    assert await seen(delegate) == {"BYT"}
    mandate = await mandates.grant(SYSTEM, world.officials["byt.focal"], new, None, clock.utc_now())
    assert await seen(delegate) == {"BYT", "BTC"}
    (foreign,) = [
        item["id"]
        for item in (await delegate.get("/api/v1/assignments")).json()["items"]
        if item["agency"]["code"] == "BTC"
    ]
    tag = (await delegate.get(f"/api/v1/assignments/{foreign}")).headers["etag"]

    match end:
        case "revoked":
            await mandates.revoke(SYSTEM, mandate.id, None, clock.utc_now())
        case "over":
            await execute(
                "UPDATE mandate SET valid_from = valid_from - 9, valid_to = $1", today - timedelta(days=1)
            )
        case "principal disabled":
            await accounts.disable(SYSTEM, world.officials["btc.leader"], clock.utc_now())
        case "principal moved":
            await change(world.officials["btc.leader"], agency="HN")

    assert await seen(delegate) == {"BYT"}
    answers = [
        await delegate.get(f"/api/v1/assignments/{foreign}"),
        await delegate.post(f"/api/v1/assignments/{foreign}/acknowledge", headers={"If-Match": tag}),
        await delegate.get(f"/api/v1/officials/{world.officials['btc.leader']}"),
    ]
    assert [a.status_code for a in answers] == [404, 404, 404]
    shown = await delegate.get(calendar)
    assert "BTC" not in shown.text
    assert await fetchval("SELECT state FROM assignment WHERE id = $1", int(foreign)) == "assigned"


# -- 50: switched off ----------------------------------------------------------------------------------


async def test_case_50_a_disabled_person_has_no_session_token_feed_link_or_mail(made: Stage) -> None:
    world = made.world
    browser = await made.browser().sign_in(world.agency)
    token_page = await browser.post(
        "/toi/ma-truy-cap", {"ten": "x", "pham-vi": "read", "so-ngay": "90"}, from_page="/toi/ma-truy-cap"
    )
    secret = re.search(r"ddt_[0-9A-Za-z]{32}", token_page.text)
    feed_page = await browser.post(
        "/lich/dang-ky", {"ten": "x", "pham-vi": "own_agency", "nhac-truoc": ""}, from_page="/lich/dang-ky"
    )
    feed = re.search(r"/calendars/[^\"]+\.ics", feed_page.text)
    assert secret
    assert feed
    await accounts.ask_reset(made.email(world.agency), "203.0.113.7", clock.utc_now())
    raw: bytes = await fetchval("SELECT raw FROM outbox WHERE kind = 'password_reset'")
    reset = re.search(rb"/dat-lai-mat-khau/ddl_[0-9A-Za-z]{32}", raw.replace(b"=\r\n", b""))
    assert reset
    await directives.record(world.secretariat, directive(task()), MONDAY)
    assert await fetchval(
        "SELECT count(*) FROM outbox WHERE state = 'pending' AND recipient_id = $1", _id(world.agency)
    )

    await accounts.disable(world.administrator, _id(world.agency), clock.utc_now())

    assert not await browser.is_inside()
    assert (await made.browser().password(world.agency)).status_code == 422
    assert (await browser.get(reset[0].decode())).status_code == 404
    transport = httpx.ASGITransport(app=made.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        me = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret[0]}"})
        assert (me.status_code, me.json()["code"]) == (401, "unauthenticated")
        assert (await client.get(feed[0])).status_code in (404, 410)
    taken = MemoryTransport()
    await Delivery(taken, lambda i: f"bounce+{i}@vpcp.example.vn", lambda: MONDAY, connections=1).run()
    assert made.email(world.agency) not in {sent.recipient for sent in taken.taken}


def _id(actor: Actor) -> int:
    assert actor.official_id is not None
    return actor.official_id


# -- 51: moved to another agency -----------------------------------------------------------------------


async def test_case_51_a_moved_person_sees_the_new_agency_only(api: Api) -> None:
    world = api.world
    await directive_for(api, "BYT", "BTC")
    person = await api.client(world.agency)
    calendar = await feed_of(person)
    assert await seen(person) == {"BYT"}
    assert "Việc của BYT" in (await person.get(calendar)).text
    (former,) = [item["id"] for item in (await person.get("/api/v1/assignments")).json()["items"]]
    tag = (await person.get(f"/api/v1/assignments/{former}")).headers["etag"]

    await change(world.officials["byt.focal"], agency="BTC")

    assert await seen(person) == {"BTC"}
    shown = (await person.get(calendar)).text
    assert "Việc của BTC" in shown
    assert "BYT" not in shown
    answers = [
        await person.get(f"/api/v1/assignments/{former}"),
        await person.get(f"/api/v1/assignments/{former}", headers={"If-None-Match": tag}),
        await person.post(f"/api/v1/assignments/{former}/acknowledge", headers={"If-Match": tag}),
        await person.get(f"/api/v1/officials/{world.officials['byt.leader']}"),
    ]
    assert [a.status_code for a in answers] == [404] * 4


async def test_case_51_mail_queued_for_the_former_agency_does_not_follow(api: Api) -> None:
    world = api.world
    await directives.record(world.secretariat, directive(task()), MONDAY)
    await change(world.officials["byt.focal"], agency="BTC")
    transport = MemoryTransport()

    await Delivery(transport, lambda i: f"bounce+{i}@vpcp.example.vn", lambda: MONDAY, connections=1).run()

    assert {sent.recipient for sent in transport.taken} == {"head_of_office@byt.example.vn"}


async def test_case_51_a_moved_persons_session_ends(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.agency)

    await change(_id(made.world.agency), agency="BTC")

    assert not await browser.is_inside()
    again = await made.browser().sign_in(made.world.agency)
    assert "Bộ Tài chính" in (await again.get("/toi")).text


# -- 52: parent and child ------------------------------------------------------------------------------


async def test_case_52_a_parent_reads_its_children_and_never_acts_for_them_and_not_the_other_way(
    api: Api,
) -> None:
    world = api.world
    await directive_for(api, "BYT", "BTC", "HN")
    await execute("UPDATE agency SET parent_id = $1 WHERE code = 'BTC'", world.agencies["BYT"])
    parent, child = await api.client(world.agency), await api.client(world.other_agency)

    items = (await parent.get("/api/v1/assignments")).json()["items"]
    (below,) = [item["id"] for item in items if item["agency"]["code"] == "BTC"]
    read = await parent.get(f"/api/v1/assignments/{below}")
    acted = await parent.post(
        f"/api/v1/assignments/{below}/acknowledge", headers={"If-Match": read.headers["etag"]}
    )
    (above,) = [item["id"] for item in items if item["agency"]["code"] == "BYT"]
    upward = await child.get(f"/api/v1/assignments/{above}")

    assert await seen(parent) == {"BYT", "BTC"}
    assert await seen(child) == {"BTC"}
    assert read.status_code == 200
    assert (acted.status_code, acted.json()["code"]) == (403, "not_permitted")
    assert (upward.status_code, upward.json()["code"]) == (404, "not_found")
    assert (await parent.get(f"/api/v1/officials/{world.officials['btc.focal']}")).status_code == 200
    assert (await child.get(f"/api/v1/officials/{world.officials['byt.focal']}")).status_code == 404
    await execute("UPDATE agency SET parent_id = NULL WHERE code = 'BTC'")
    assert await seen(parent) == {"BYT"}


# -- 54: a change of role while a form is open ---------------------------------------------------------


async def test_case_54_a_form_opened_in_a_former_role_does_nothing(made: Stage) -> None:
    world = made.world
    await change(world.officials["inspector"], role="administrator")
    codes = await enrol(made, world.administrator)
    browser = await made.browser().sign_in(world.administrator)
    path = f"/nguoi/{world.officials['byt.focal']}"
    form = fields_of((await browser.get(path)).text, path)
    await change(_id(world.administrator), role="inspector")

    answer = await browser.post(path, {**form, "vai-tro": "agency_leader"})
    disabled = await browser.post(f"{path}/khoa", {"_token": form["_token"]})

    assert answer.status_code in (303, 403)
    assert disabled.status_code in (303, 403)
    assert "/nguoi" not in answer.headers.get("location", "").split("?")[0]
    row = await fetchrow("SELECT role, is_active FROM official WHERE id = $1", world.officials["byt.focal"])
    assert row
    assert tuple(row) == ("agency_officer", True)
    again = made.browser()
    await again.password(world.administrator)
    assert (await again.code(codes[0])).status_code == 303
    assert await again.is_inside()
    assert (await again.get(path)).status_code == 403
    assert (await again.post(path, {**form, "_token": await _token(again)})).status_code == 403


async def _token(browser: Browser) -> str:
    """The token of this session's own forms."""
    found = re.search(r'name="_token" value="([^"]+)"', (await browser.get("/tro-giup")).text)
    assert found
    return found[1]


async def test_case_54_a_token_has_the_rights_of_the_present_role(api: Api) -> None:
    world = api.world
    desk = await api.client(world.head)
    officer = await api.client(world.agency)
    await directive_for(api, "BYT", "BTC")
    assert await seen(desk) == {"BYT", "BTC"}

    await change(_id(world.head), role="agency_officer", agency="BTC", duty=None)
    await change(_id(world.agency), role="inspector", agency=None, duty=None)

    assert await seen(desk) == {"BTC"}
    refused = await desk.post("/api/v1/directives", json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert await seen(officer) == {"BYT", "BTC"}
    changed = await officer.post("/api/v1/directives", json={})
    assert changed.status_code == 403

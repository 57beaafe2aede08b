"""Officials, agencies and mandates over the API: written down, changed over a version, refused by name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api import Api, running_api
from tracker import clock
from tracker.actions import accounts, officials
from tracker.actions.accounts import LinkNotValid, read_link
from tracker.actions.hashing import token_hash
from tracker.actions.tokens import hash_of
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.reads_api import get_official_view
from tracker.db.sessions import Method, insert_session
from tracker.domain.directory import SYSTEM, Actor
from tracker.domain.zone import civil_day
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

NEW = {
    "name": "Trần Thị Bình",
    "email": "binh@moh.gov.vn",
    "role": "agency_officer",
    "agency": "BYT",
    "duty": "focal",
}


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


def address(api: Api, key: str) -> str:
    return f"/api/v1/officials/{api.world.officials[key]}"


async def patch(client: httpx.AsyncClient, path: str, **changes: Any) -> httpx.Response:
    """PATCH over the version that stands."""
    stands = await client.get(path)
    assert stands.status_code == 200, stands.text
    return await client.patch(path, json=changes, headers={"If-Match": stands.headers["etag"]})


async def last_history() -> tuple[str, dict[str, Any]]:
    row = (await fetch("SELECT verb, detail FROM history ORDER BY id DESC LIMIT 1"))[0]
    return row["verb"], json.loads(row["detail"])


def codes(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


async def test_an_administrator_writes_down_a_person(api: Api) -> None:
    admin = await api.client(api.world.administrator)

    made = await admin.post("/api/v1/officials", json=NEW)

    assert made.status_code == 201, made.text
    read = await admin.get(made.headers["location"])
    assert read.json() == made.json()
    assert made.json()["agency"] == "BYT"
    assert made.headers["etag"] == read.headers["etag"]
    assert (await last_history())[0] == "create_official"
    found = await admin.get("/api/v1/officials", params={"q": "tran thi binh"})
    assert [item["id"] for item in found.json()["items"]] == [made.json()["id"]]


@pytest.mark.parametrize("persona", ["secretariat", "member", "leader", "inspector"])
async def test_nobody_else_writes_down_people_or_agencies(api: Api, persona: str) -> None:
    client = await api.client(getattr(api.world, persona))

    for path, body in (
        ("officials", NEW),
        ("agencies", {"code": "X", "name": "X", "short_name": "X", "kind": "other"}),
    ):
        answer = await client.post(f"/api/v1/{path}", json=body)

        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
        assert "administrator" in answer.json()["detail"] or "dministrator" in answer.json()["detail"]
    assert await fetchval("SELECT count(*) FROM official WHERE email = 'binh@moh.gov.vn'") == 0


async def test_every_fault_of_a_new_person_is_named_at_once(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    bad = {
        "name": " \u200b ",
        "email": "a@b> AUTH=<x@y",
        "role": "member",
        "agency": "NOWHERE",
        "duty": "focal",
        "absence": {"absent_from": "2026-12-31", "absent_to": "2026-12-01"},
        "deputy_id": "999999",
    }

    answer = await admin.post("/api/v1/officials", json=bad)

    assert answer.status_code == 422
    assert sorted(codes(answer)) == [
        ("/absence/absent_to", "span_reversed"),
        ("/agency", "agency_unknown"),
        ("/deputy_id", "deputy_unknown"),
        ("/duty", "duty_not_of_role"),
        ("/email", "address_form"),
        ("/name", "text_required"),
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email": "FOCAL@BYT.example.vn"}, ("/email", "email_taken")),
        ({"agency": None}, ("/agency", "role_needs_agency")),
        ({"agency": "BKH"}, ("/agency", "agency_abolished")),
        ({"role": "inspector"}, ("/duty", "duty_not_of_role")),
        ({"email": '"a b"@c.vn'}, ("/email", "address_form")),
    ],
)
async def test_a_bad_person_is_refused(api: Api, changes: dict[str, Any], code: tuple[str, str]) -> None:
    admin = await api.client(api.world.administrator)

    answer = await admin.post("/api/v1/officials", json={**NEW, **changes})

    assert answer.status_code == 422
    assert codes(answer) == [code]


async def test_null_empties_and_absent_stays(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    path = address(api, "byt.focal")
    deputy = str(api.world.officials["byt.leader"])
    await patch(
        admin,
        path,
        absence={"absent_from": "2026-12-01", "absent_to": "2026-12-09"},
        deputy_id=deputy,
        position="A",
    )

    one = (await patch(admin, path, absence={"absent_to": "2026-12-20"})).json()
    two = (await patch(admin, path, absence=None)).json()
    three = (await patch(admin, path, deputy_id=None, duty=None)).json()

    assert one["absence"] == {"absent_from": "2026-12-01", "absent_to": "2026-12-20"}
    assert (two["absence"], two["deputy_id"], two["position"]) == (None, deputy, "A")
    assert (three["deputy_id"], three["duty"], three["position"]) == (None, None, "A")


async def test_a_change_needs_the_version_that_stands(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    path = address(api, "byt.focal")
    tag = (await admin.get(path)).headers["etag"]

    missing = await admin.patch(path, json={"position": "A"})
    first = await admin.patch(path, json={"position": "A"}, headers={"If-Match": tag})
    second = await admin.patch(path, json={"position": "B"}, headers={"If-Match": tag})

    assert (missing.status_code, first.status_code, second.status_code) == (428, 200, 412)
    assert (await admin.get(path)).json()["position"] == "A"


async def test_people_set_their_own_absence_and_nothing_else(api: Api) -> None:
    focal = await api.client(api.world.agency)
    own, colleague = address(api, "byt.focal"), address(api, "byt.leader")
    stranger = address(api, "btc.focal")
    tag = (await focal.get(own)).headers["etag"]

    away = await patch(
        focal, own, absence={"absent_from": "2026-12-01", "absent_to": "2026-12-09"}, language="en"
    )
    role = await patch(focal, own, role="administrator")
    other = await patch(focal, colleague, language="en")
    hidden = await focal.patch(stranger, json={"language": "en"}, headers={"If-Match": tag})

    assert (away.status_code, away.json()["language"]) == (200, "en")
    assert (role.status_code, role.json()["code"]) == (403, "not_permitted")
    assert (other.status_code, other.json()["code"]) == (403, "not_permitted")
    assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")


async def test_a_deputy_is_of_the_same_agency(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    path = address(api, "byt.focal")

    async def asked(key: str) -> httpx.Response:
        return await patch(admin, path, deputy_id=str(api.world.officials[key]))

    assert codes(await asked("btc.focal")) == [("/deputy_id", "deputy_elsewhere")]
    assert codes(await asked("officer")) == [("/deputy_id", "deputy_elsewhere")]
    assert codes(await asked("byt.focal")) == [("/deputy_id", "deputy_oneself")]
    await execute("UPDATE official SET is_active = false WHERE id = $1", api.world.officials["byt.leader"])
    assert codes(await asked("byt.leader")) == [("/deputy_id", "official_inactive")]
    assert (await asked("byt.head_of_office")).status_code == 200


async def test_who_moves_to_another_agency_is_nobodys_deputy_and_holds_no_mandate_of_it(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    moved, stays = api.world.officials["byt.leader"], address(api, "byt.focal")
    await patch(admin, stays, deputy_id=str(moved))
    today = civil_day(clock.utc_now())
    stand_in = address(api, "hn.focal")
    tag = (await admin.get(stand_in)).headers["etag"]
    granted = await admin.post(
        f"{stand_in}/mandates",
        json={
            "on_behalf_of": str(moved),
            "valid_from": today.isoformat(),
            "valid_to": (today + timedelta(days=9)).isoformat(),
        },
        headers={"If-Match": tag},
    )
    assert granted.status_code == 201, granted.text
    assert granted.json()["agency"] == "BYT"

    answer = await patch(admin, address(api, "byt.leader"), agency="BTC")

    assert (answer.status_code, answer.json()["agency"]) == (200, "BTC")
    assert (await admin.get(stays)).json()["deputy_id"] is None
    assert (await admin.get(granted.headers["location"])).json()["revoked_at"] is not None


async def test_the_last_administrator_stays_one(api: Api) -> None:
    admin = await api.client(api.world.administrator)

    alone = await patch(admin, address(api, "admin"), role="secretariat")
    await execute("UPDATE official SET role = 'administrator' WHERE id = $1", api.world.officials["head"])
    together = await patch(admin, address(api, "admin"), role="secretariat")

    assert (alone.status_code, alone.json()["code"]) == (409, "last_administrator")
    assert together.status_code == 200


async def test_a_new_address_or_a_word_mends_a_dead_mailbox(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    await execute("UPDATE official SET mailbox = 'dead', mailbox_reason = '550 no such user'")

    dead = (await admin.get("/api/v1/officials", params={"mailbox": "dead"})).json()["items"]
    mended = await patch(admin, address(api, "byt.focal"), email="moi@byt.example.vn")
    repaired = await patch(admin, address(api, "btc.focal"), mailbox="ok")

    assert len(dead) == 14
    assert (mended.json()["mailbox"], mended.json()["email"]) == ("ok", "moi@byt.example.vn")
    assert repaired.json()["mailbox"] == "ok"
    assert (await last_history())[1]["mailbox_mended"] is True


async def test_the_history_keeps_before_and_after(api: Api) -> None:
    admin = await api.client(api.world.administrator)

    await patch(admin, address(api, "byt.focal"), duty="head_of_office")
    nothing = await patch(admin, address(api, "byt.focal"), duty="head_of_office")

    verb, detail = await last_history()
    assert nothing.status_code == 200
    assert verb == "edit_official"
    assert (detail["before"], detail["after"]) == ({"duty": "focal"}, {"duty": "head_of_office"})
    assert await fetchval("SELECT count(*) FROM history WHERE verb = 'edit_official'") == 1


async def test_a_token_needs_the_scope_to_manage(api: Api) -> None:
    admin = await api.client(api.world.administrator, ("read",))

    answer = await admin.post("/api/v1/officials", json=NEW)

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_agencies_are_written_down_and_changed(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    new = {
        "code": "SYT-HN",
        "name": "Sở Y tế thành phố Hà Nội",
        "short_name": "SYT Hà Nội",
        "kind": "other",
        "parent": "HN",
        "source": "Quyết định 01/QĐ-UBND",
    }

    made = await admin.post("/api/v1/agencies", json=new)
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    renamed = await patch(admin, path, name="Sở Y tế Hà Nội", valid_to="2030-12-31")
    open_again = await patch(admin, path, valid_to=None, parent=None)
    again = await admin.post("/api/v1/agencies", json={**new, "code": "syt-hn"})

    assert (renamed.json()["name"], renamed.json()["valid_to"]) == ("Sở Y tế Hà Nội", "2030-12-31")
    assert (open_again.json()["valid_to"], open_again.json()["parent"]) == (None, None)
    assert open_again.json()["name"] == "Sở Y tế Hà Nội"
    assert codes(again) == [("/code", "agency_code_taken")]
    verb, detail = await last_history()
    assert (verb, detail["before"]) == ("edit_agency", {"parent": "HN", "valid_until": "2030-12-31"})


async def test_agencies_never_stand_above_themselves(api: Api) -> None:
    admin = await api.client(api.world.administrator)

    def path(code: str) -> str:
        return f"/api/v1/agencies/{api.world.agencies[code]}"

    assert (await patch(admin, path("BTC"), parent="BYT")).status_code == 200
    assert (await patch(admin, path("HN"), parent="BTC")).status_code == 200
    assert codes(await patch(admin, path("BYT"), parent="HN")) == [("/parent", "agency_cycle")]
    assert codes(await patch(admin, path("BYT"), parent="BYT")) == [("/parent", "agency_cycle")]
    assert codes(await patch(admin, path("BYT"), parent="BKH")) == [("/parent", "parent_not_existing")]
    assert codes(await patch(admin, path("BYT"), parent="XX")) == [("/parent", "agency_unknown")]


async def test_an_agency_with_open_work_does_not_end_here(api: Api) -> None:
    await api.recorded()
    admin = await api.client(api.world.administrator)
    path = f"/api/v1/agencies/{api.world.agencies['BYT']}"

    ended = await patch(admin, path, valid_to="2026-01-31")
    begun = await patch(admin, path, valid_from="2026-06-01")

    assert (ended.status_code, ended.json()["code"]) == (409, "agency_charged")
    assert codes(begun) == [("/valid_from", "agency_charged_before")]


@pytest.mark.parametrize("code", ["../x", "a b", "Đ", "-x", "a/b", "a\n"])
async def test_a_code_can_stand_in_an_address(api: Api, code: str) -> None:
    admin = await api.client(api.world.administrator)

    answer = await admin.post(
        "/api/v1/agencies", json={"code": code, "name": "X", "short_name": "X", "kind": "other"}
    )

    assert answer.status_code in (400, 422)
    assert [pointer for pointer, _ in codes(answer)] == ["/code"]


async def test_a_mandate_lets_somebody_act_for_another_agency_until_it_is_revoked(api: Api) -> None:
    recorded = await api.recorded()
    admin, officer = await api.client(api.world.administrator), await api.client(api.world.agency)
    hanoi = api.world.agencies["HN"]
    moved = {"directive_id": recorded["directive_id"]}
    await execute(
        "UPDATE assignment SET agency_id = $1 WHERE agency_id = $2", hanoi, api.world.agencies["BYT"]
    )
    path = address(api, "byt.focal")
    tag = (await admin.get(path)).headers["etag"]
    before = (await officer.get("/api/v1/assignments", params=moved)).json()["items"]

    granted = await admin.post(
        f"{path}/mandates",
        json={"agency": "HN", "valid_from": civil_day(clock.utc_now()).isoformat(), "document": "815/QĐ-TTg"},
        headers={"If-Match": tag},
    )
    assert granted.status_code == 201, granted.text
    during = (await officer.get("/api/v1/assignments", params=moved)).json()["items"]
    acted = await officer.post(
        f"/api/v1/assignments/{during[0]['id']}/acknowledge",
        headers={"If-Match": (await officer.get(f"/api/v1/assignments/{during[0]['id']}")).headers["etag"]},
    )
    listed = (await officer.get(f"{path}/mandates")).json()["items"]
    mandate = await admin.get(granted.headers["location"])
    revoked = await admin.delete(granted.headers["location"], headers={"If-Match": mandate.headers["etag"]})
    again = await admin.get(granted.headers["location"])
    twice = await admin.delete(granted.headers["location"], headers={"If-Match": again.headers["etag"]})
    after = (await officer.get("/api/v1/assignments", params=moved)).json()["items"]

    assert (before, after) == ([], [])
    assert (len(during), acted.status_code) == (1, 200)
    assert [(item["agency"], item["in_force"], item["document"]) for item in listed] == [
        ("HN", True, "815/QĐ-TTg")
    ]
    assert (revoked.status_code, twice.status_code, twice.json()["code"]) == (204, 409, "mandate_revoked")
    assert (await last_history())[0] == "revoke_mandate"


@pytest.mark.parametrize(
    ("key", "body", "code"),
    [
        ("officer", {"agency": "BYT"}, ("", "mandate_role")),
        ("byt.focal", {"agency": "BYT"}, ("/agency", "mandate_own_agency")),
        ("byt.focal", {"agency": "NO"}, ("/agency", "agency_unknown")),
        ("byt.focal", {"agency": "BKH"}, ("/agency", "agency_abolished")),
        ("byt.focal", {}, ("/agency", "mandate_for_whom")),
        ("byt.focal", {"agency": "HN", "valid_to": "2026-01-01"}, ("/valid_to", "span_reversed")),
    ],
)
async def test_a_mandate_that_makes_no_sense_is_refused(
    api: Api, key: str, body: dict[str, Any], code: tuple[str, str]
) -> None:
    admin = await api.client(api.world.administrator)
    tag = (await admin.get(address(api, key))).headers["etag"]

    answer = await admin.post(
        f"{address(api, key)}/mandates", json={"valid_from": "2026-11-22", **body}, headers={"If-Match": tag}
    )

    assert answer.status_code == 422
    assert codes(answer) == [code]


async def test_a_deputy_mandate_has_an_end_and_a_principal_elsewhere(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    path = address(api, "byt.focal")
    tag = (await admin.get(path)).headers["etag"]

    async def asked(key: str, **more: Any) -> httpx.Response:
        body = {"on_behalf_of": str(api.world.officials[key]), "valid_from": "2026-11-22", **more}
        return await admin.post(f"{path}/mandates", json=body, headers={"If-Match": tag})

    assert codes(await asked("btc.leader")) == [("/valid_to", "mandate_deputy_ends")]
    assert codes(await asked("byt.leader", valid_to="2099-01-01")) == [
        ("/on_behalf_of", "mandate_same_agency")
    ]
    assert codes(await asked("head", valid_to="2099-01-01")) == [("/on_behalf_of", "mandate_principal_role")]
    assert (await asked("btc.leader", valid_to="2099-01-01")).status_code == 201
    overlapping = await asked("btc.head_of_office", valid_to="2099-01-01")
    assert (overlapping.status_code, overlapping.json()["code"]) == (409, "mandate_overlaps")


async def test_a_mandate_of_a_stranger_is_not_found(api: Api) -> None:
    admin, officer = await api.client(api.world.administrator), await api.client(api.world.agency)
    path = address(api, "btc.focal")
    tag = (await admin.get(path)).headers["etag"]
    granted = await admin.post(
        f"{path}/mandates", json={"agency": "HN", "valid_from": "2026-01-01"}, headers={"If-Match": tag}
    )

    for hidden in (granted.headers["location"], f"{path}/mandates"):
        answer = await officer.get(hidden)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_an_agency_sees_its_people_those_below_and_who_acts_for_it(api: Api) -> None:
    officer = await api.client(api.world.agency)
    world = api.world

    async def seen() -> set[str]:
        return {
            key
            for key in ("btc.focal", "hn.focal", "byt.leader", "officer")
            if (await officer.get(address(api, key))).status_code == 200
        }

    assert await seen() == {"byt.leader", "officer"}
    await execute("UPDATE agency SET parent_id = $1 WHERE code = 'BTC'", world.agencies["BYT"])
    await execute(
        "INSERT INTO mandate (official_id, agency_id, valid_from, granted_at) VALUES ($1, $2, '2026-01-01', now())",
        world.officials["hn.focal"],
        world.agencies["BYT"],
    )
    assert await seen() == {"byt.leader", "officer", "btc.focal", "hn.focal"}


async def test_an_invitation_is_answered_without_its_link(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    path = address(api, "byt.focal")
    headers = {"If-Match": (await admin.get(path)).headers["etag"], "Idempotency-Key": "invite-1"}

    first = await admin.post(f"{path}/invitation", headers=headers)
    again = await admin.post(f"{path}/invitation", headers=headers)
    officer = await (await api.client(api.world.secretariat)).post(f"{path}/invitation", headers=headers)

    assert first.status_code == 201, first.text
    assert first.json().keys() == {"official_id", "email", "expires_at"}
    assert first.json()["email"] == "focal@byt.example.vn"
    assert again.json() == first.json()
    assert "ddl_" not in first.text + again.text
    assert officer.status_code == 403


@pytest.mark.parametrize(
    "way_in",
    [
        "INSERT INTO account (official_id, created_at, last_signed_in_at) VALUES ($1, now(), now())",
        "INSERT INTO external_identity (official_id, issuer, subject, label, linked_by, linked_at)"
        " VALUES ($1, 'https://sso.example.vn', 's', 'x', 'person', now())",
    ],
)
async def test_whoever_can_sign_in_without_a_password_is_not_invited(api: Api, way_in: str) -> None:
    admin = await api.client(api.world.administrator)
    await execute(way_in, api.world.officials["byt.focal"])

    refused = await admin.post(f"{address(api, 'byt.focal')}/invitation", headers={"If-Match": "*"})

    assert (refused.status_code, refused.json()["code"]) == (409, "account_exists")


async def test_a_token_decides_nothing_about_trusted_people(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    officer, focal = address(api, "officer"), address(api, "byt.focal")
    any_version = {"If-Match": "*"}
    desk = {**NEW, "agency": None, "duty": None}

    answers = [
        await admin.post("/api/v1/officials", json={**desk, "role": "administrator"}),
        await admin.post("/api/v1/officials", json={**desk, "role": "secretariat"}),
        await patch(admin, officer, role="administrator"),
        await patch(admin, focal, role="secretariat", agency=None, duty=None),
        await patch(admin, officer, email="khac@vpcp.example.vn"),
        await admin.post(f"{officer}/invitation", headers=any_version),
        await admin.post(f"{officer}/enable", headers=any_version),
    ]
    with_session = await accounts.invite(
        api.world.administrator, api.world.officials["officer"], clock.utc_now()
    )

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(403, "session_needed")] * 7
    assert with_session.expires_at > clock.utc_now()
    assert (await patch(admin, officer, position="Chuyên viên chính")).status_code == 200


async def test_tokens_end_with_a_change_to_a_trusted_role(api: Api) -> None:
    member = await api.client(api.world.member)
    official_id = api.world.officials["member"]
    stands = officials.draft_of(await get_official_view(SYSTEM, official_id))
    before = await member.get("/api/v1/me")

    changed = await officials.change(
        api.world.administrator,
        official_id,
        replace(stands, role="secretariat", duty=None),
        None,
        clock.utc_now(),
    )

    assert (before.status_code, changed.tokens_ended) == (200, 1)
    assert (await member.get("/api/v1/me")).status_code == 401


async def test_parallel_invitations_leave_one_link(api: Api) -> None:
    official_id = api.world.officials["byt.focal"]

    made = await asyncio.gather(
        *(accounts.invite(api.world.administrator, official_id, clock.utc_now()) for _ in range(5))
    )
    in_force = "SELECT count(*) FROM account_link WHERE used_at IS NULL AND ended_at IS NULL"
    live = await fetchval(in_force)
    last = await fetchval("SELECT token_hash FROM account_link WHERE used_at IS NULL AND ended_at IS NULL")
    token = next(link.token for link in made if token_hash(link.token) == last)
    await asyncio.gather(
        accounts.accept_invitation(token, "đường xa gánh nặng 4711", clock.utc_now()),
        *(accounts.invite(api.world.administrator, official_id, clock.utc_now()) for _ in range(3)),
        return_exceptions=True,
    )

    has_password = await fetchval("SELECT count(*) FROM account WHERE password_hash IS NOT NULL")
    assert live == 1
    assert (has_password, await fetchval(in_force)) in {(1, 0), (0, 1)}


async def test_switching_off_kills_everything_and_on_brings_back_no_token(api: Api) -> None:
    admin, officer = await api.client(api.world.administrator), await api.client(api.world.agency)
    path = address(api, "byt.focal")

    async def switch(verb: str, key: str = path) -> httpx.Response:
        tag = (await admin.get(key)).headers["etag"]
        return await admin.post(f"{key}/{verb}", headers={"If-Match": tag})

    off = await switch("disable")
    dead = await officer.get("/api/v1/me")
    twice = await switch("disable")
    on = await switch("enable")
    still_dead = await officer.get("/api/v1/me")
    last = await switch("disable", address(api, "admin"))
    stale = await admin.post(f"{path}/disable", headers={"If-Match": '"1-x"'})

    assert (off.status_code, off.json()["is_active"]) == (200, False)
    assert (dead.status_code, still_dead.status_code) == (401, 401)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_switched")
    assert (on.status_code, on.json()["is_active"]) == (200, True)
    assert (last.status_code, last.json()["code"]) == (409, "last_administrator")
    assert stale.status_code == 412


async def test_people_list_and_end_their_own_web_sessions(api: Api) -> None:
    own, other = await api.client(api.world.agency), await api.client(api.world.other_agency)
    now = clock.utc_now()
    await begin(api.world.agency, "password", "10.0.0.7", "Firefox", now)

    listed = (await own.get("/api/v1/sessions")).json()["items"]
    path = f"/api/v1/sessions/{listed[0]['id']}"
    foreign = await other.delete(path)
    narrow = await (await api.client(api.world.agency, ("read", "report"))).get("/api/v1/sessions")
    ended = await own.delete(path)
    twice = await own.delete(path)

    assert [(s["ip"], s["user_agent"], s["method"]) for s in listed] == [("10.0.0.7", "Firefox", "password")]
    assert "token" not in listed[0]
    assert (foreign.status_code, ended.status_code, twice.status_code) == (404, 204, 404)
    assert (narrow.status_code, narrow.json()["code"]) == (403, "scope_missing")
    assert (await own.get("/api/v1/sessions")).json()["items"] == []


async def begin(actor: Actor, method: Method, ip: str, agent: str, now: datetime) -> None:
    """A web session, as a sign-in begins it."""
    assert actor.official_id is not None
    await insert_session(
        actor.official_id,
        method,
        hash_of(f"{ip}{agent}{now}"),
        has_second_factor=False,
        ip=ip,
        user_agent=agent,
    )


async def test_a_change_of_role_or_agency_ends_the_web_sessions_and_nothing_less_does(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    now = clock.utc_now()

    async def sessions_after(**changes: Any) -> int:
        await begin(api.world.agency, "password", str(changes), "x", now)
        answer = await patch(admin, address(api, "byt.focal"), **changes)
        assert answer.status_code == 200, answer.text
        count: int = await fetchval(
            "SELECT count(*) FROM web_session WHERE ended_at IS NULL AND official_id = $1",
            api.world.officials["byt.focal"],
        )
        return count

    assert await sessions_after(position="Chuyên viên") == 1
    assert await sessions_after(role="agency_leader") == 0
    assert await sessions_after(agency="BTC") == 0
    assert await fetchval("SELECT DISTINCT ended_because FROM web_session") == "role_changed"


async def test_a_new_address_ends_the_links_sent_to_the_former_one(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    path = address(api, "byt.focal")
    token = (
        await accounts.invite(api.world.administrator, api.world.officials["byt.focal"], clock.utc_now())
    ).token

    await patch(admin, path, email="moi@byt.example.vn")

    with pytest.raises(LinkNotValid):
        await read_link(token, "invitation", clock.utc_now())
    assert (
        await fetchval("SELECT count(*) FROM outbox WHERE kind = 'account_invitation' AND state = 'pending'")
        == 0
    )


async def test_two_administrators_who_demote_each_other_leave_one(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    await execute("UPDATE official SET role = 'administrator' WHERE id = $1", api.world.officials["head"])
    other = await api.client(api.world.head)
    tags = {key: (await admin.get(address(api, key))).headers["etag"] for key in ("admin", "head")}

    answers = await asyncio.gather(
        admin.patch(address(api, "head"), json={"role": "secretariat"}, headers={"If-Match": tags["head"]}),
        other.patch(address(api, "admin"), json={"role": "secretariat"}, headers={"If-Match": tags["admin"]}),
    )

    assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 403], [200, 409])
    assert await fetchval("SELECT count(*) FROM official WHERE role = 'administrator' AND is_active") == 1

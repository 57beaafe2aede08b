"""One's own pages: absence, password, sessions, API tokens; each for oneself and for nobody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from tests.identity_scene import OTHER_PASSWORD, PASSWORD, Browser, Stage, stage
from tests.integration.test_people_pages import fields_of, problems
from tests.web_scene import ADDRESS, hidden_fields
from tracker import clock
from tracker.db.engine import execute, fetchrow, fetchval
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Stage]:
    async with stage(database) as found:
        yield found


async def officer(made: Stage, ip: str = "203.0.113.7") -> Browser:
    return await made.browser(ip).sign_in(made.world.agency)


async def make_token(browser: Browser, **fields: str) -> httpx.Response:
    """The form of a new token, filled in."""
    given = {"ten": "Trục liên thông", "pham-vi": "read", "so-ngay": "90", **fields}
    return await browser.post("/toi/ma-truy-cap", given, from_page="/toi/ma-truy-cap")


def secret_of(answer: httpx.Response) -> str:
    found = re.search(r"ddt_[0-9A-Za-z]{32}", answer.text)
    assert found, answer.text
    return found[0]


async def ask(made: Stage, secret: str, ip: str = "203.0.113.9") -> httpx.Response:
    """The API, with a token, from an address."""
    transport = httpx.ASGITransport(app=made.app, raise_app_exceptions=False, client=(ip, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        return await client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})


async def test_my_page_says_who_i_am_and_takes_my_absence(made: Stage) -> None:
    browser = await officer(made)
    deputy = str(made.world.officials["byt.leader"])
    values = fields_of((await browser.get("/toi")).text, "/toi")

    page = await browser.get("/toi")
    saved = await browser.post(
        "/toi", {**values, "vang-tu": "21/12/2026", "vang-den": "31/12/2026", "nguoi-thay": deputy}
    )
    stale = await browser.post("/toi", {**values, "ngon-ngu": "en"})
    wrong = await browser.post(
        "/toi",
        {
            **fields_of((await browser.get("/toi")).text, "/toi"),
            "nguoi-thay": str(made.world.officials["btc.leader"]),
        },
    )

    assert "focal BYT" in page.text
    assert "Bộ Y tế" in page.text
    assert saved.status_code == 303, saved.text
    row = await fetchrow("SELECT absent_to, deputy_id FROM official WHERE full_name = 'focal BYT'")
    assert row
    assert (str(row["absent_to"]), str(row["deputy_id"])) == ("2026-12-31", deputy)
    assert stale.status_code == 409
    assert (wrong.status_code, problems(wrong)) == (422, ["nguoi-thay"])


async def test_nobody_makes_themselves_more_by_slipping_in_fields(made: Stage) -> None:
    browser = await officer(made)
    values = fields_of((await browser.get("/toi")).text, "/toi")

    answer = await browser.post(
        "/toi",
        {**values, "vai-tro": "administrator", "co-quan": "BTC", "role": "administrator", "thu": "x@y.vn"},
    )

    assert answer.status_code == 303
    row = await fetchrow(
        "SELECT role, agency_id, email FROM official WHERE id = $1", made.world.agency.official_id
    )
    assert row
    assert (row["role"], row["agency_id"]) == ("agency_officer", made.world.agencies["BYT"])
    assert row["email"] == "focal@byt.example.vn"


async def test_a_password_is_changed_and_every_other_session_ends(made: Stage) -> None:
    here, there = await officer(made), await officer(made, "203.0.113.8")
    before = here.token
    form = {"mat-khau-cu": PASSWORD, "mat-khau-moi": OTHER_PASSWORD, "nhap-lai": OTHER_PASSWORD}

    answer = await here.post("/toi/bao-mat/mat-khau", form, from_page="/toi/bao-mat")

    assert answer.status_code == 303, answer.text
    assert await here.is_inside()
    assert here.token != before
    assert not await there.is_inside()
    await made.browser().sign_in(made.world.agency, OTHER_PASSWORD)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("sai hoàn toàn rồi", OTHER_PASSWORD, OTHER_PASSWORD), "mat-khau-cu"),
        ((PASSWORD, "ngắn", "ngắn"), "mat-khau-moi"),
        ((PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD + "x"), "nhap-lai"),
    ],
)
async def test_a_refused_password_names_its_field_and_shows_no_password(
    made: Stage, given: tuple[str, str, str], field: str
) -> None:
    browser = await officer(made)
    form = dict(zip(("mat-khau-cu", "mat-khau-moi", "nhap-lai"), given, strict=True))

    answer = await browser.post("/toi/bao-mat/mat-khau", form, from_page="/toi/bao-mat")

    assert (answer.status_code, problems(answer)) == (422, [field])
    for password in given:
        assert password not in answer.text
    await made.browser().sign_in(made.world.agency, PASSWORD)


async def test_sessions_are_listed_and_ended_one_by_one_and_all_but_this(made: Stage) -> None:
    here, there, third = (
        await officer(made),
        await officer(made, "203.0.113.8"),
        await officer(made, "203.0.113.9"),
    )
    other = await made.browser("198.51.100.1").password(made.world.secretariat)
    assert other.status_code == 303
    page = (await here.get("/toi/bao-mat")).text
    ended = re.search(r'203\.0\.113\.8.*?action="(/toi/bao-mat/phien/\d+/ket-thuc)"', page, re.S)
    assert ended

    one = await here.post(ended[1], from_page="/toi/bao-mat")
    assert not await there.is_inside()
    assert await third.is_inside()
    rest = await here.post("/toi/bao-mat/phien/ket-thuc-khac", from_page="/toi/bao-mat")
    token = hidden_fields((await here.get("/toi/bao-mat")).text, "/dang-xuat")
    foreign = await fetchval(
        "SELECT id FROM web_session WHERE official_id = $1", made.world.secretariat.official_id
    )
    refused = await here.post(f"/toi/bao-mat/phien/{foreign}/ket-thuc", token)

    assert page.count("203.0.113.") >= 3
    assert "Phiên này" in page
    assert (one.status_code, rest.status_code) == (303, 303)
    assert not await third.is_inside()
    assert await here.is_inside()
    assert refused.status_code == 404


async def test_ending_this_session_is_signing_out(made: Stage) -> None:
    here = await officer(made)
    page = (await here.get("/toi/bao-mat")).text
    own = re.search(r'action="(/toi/bao-mat/phien/\d+/ket-thuc)"', page)
    assert own

    answer = await here.post(own[1], from_page="/toi/bao-mat")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert not await here.is_inside()


async def test_a_token_is_made_shown_once_used_and_revoked(made: Stage) -> None:
    browser = await officer(made)

    made_page = await make_token(browser)
    secret = secret_of(made_page)
    used = await ask(made, secret)
    listed = await browser.get("/toi/ma-truy-cap")
    revoke = re.search(r'action="(/toi/ma-truy-cap/\d+/thu-hoi)"', listed.text)
    assert revoke
    ended = await browser.post(revoke[1], from_page="/toi/ma-truy-cap")
    after = await ask(made, secret)

    assert made_page.status_code == 201
    assert used.status_code == 200
    assert used.json()["scopes"] == ["read"]
    assert secret not in listed.text
    assert "203.0.113.9" in listed.text
    assert secret[-4:] in listed.text
    assert (ended.status_code, after.status_code) == (303, 401)
    row = await fetchrow("SELECT expires_at, created_at, token_hash FROM api_token")
    assert row
    assert row["expires_at"] - row["created_at"] == timedelta(days=90)
    assert secret.encode() not in row["token_hash"]


async def test_a_token_for_a_network_is_refused_from_elsewhere(made: Stage) -> None:
    browser = await officer(made)

    secret = secret_of(await make_token(browser, **{"dia-chi-mang": "203.0.113.0/24, 2001:db8::/32"}))

    assert (await ask(made, secret, "203.0.113.77")).status_code == 200
    assert (await ask(made, secret, "2001:db8::1")).status_code == 200
    assert (await ask(made, secret, "::ffff:203.0.113.5")).status_code == 200
    elsewhere = await ask(made, secret, "198.51.100.1")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "address_not_allowed")
    assert await fetchval("SELECT last_used_ip FROM api_token") == "::ffff:203.0.113.5"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ten": " "}, "ten"),
        ({"pham-vi": "everything"}, "pham-vi"),
        ({"so-ngay": "100000"}, "so-ngay"),
        ({"dia-chi-mang": "10.1.2.3/8"}, "dia-chi-mang"),
        ({"dia-chi-mang": "nowhere"}, "dia-chi-mang"),
        ({"dia-chi-mang": " ".join(f"10.0.0.{n}" for n in range(30))}, "dia-chi-mang"),
    ],
)
async def test_a_bad_token_is_refused_and_named(made: Stage, changes: dict[str, str], field: str) -> None:
    browser = await officer(made)

    answer = await make_token(browser, **changes)

    assert (answer.status_code, problems(answer)) == (422, [field])
    assert await fetchval("SELECT count(*) FROM api_token") == 0


async def test_an_old_session_proves_itself_again_before_it_makes_a_token(made: Stage) -> None:
    browser = await officer(made)
    hidden = hidden_fields((await browser.get("/toi/ma-truy-cap")).text, "/toi/ma-truy-cap")
    await execute("UPDATE web_session SET authenticated_at = now() - interval '11 minutes'")

    page = await browser.get("/toi/ma-truy-cap")
    answer = await browser.post(
        "/toi/ma-truy-cap", {**hidden, "ten": "x", "pham-vi": "read", "so-ngay": "90"}
    )

    assert "/toi/bao-mat/nhap-lai?tiep=" in page.text
    assert 'action="/toi/ma-truy-cap"' not in page.text
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/toi/bao-mat/nhap-lai")
    assert await fetchval("SELECT count(*) FROM api_token") == 0


async def test_foreign_tokens_are_not_found(made: Stage) -> None:
    browser = await officer(made)
    await execute(
        "INSERT INTO api_token (official_id, name, token_hash, token_hint, scopes, created_at)"
        " VALUES ($1, 'Của người khác', 'x', 'abcd', '{read}', $2)",
        made.world.secretariat.official_id,
        clock.utc_now(),
    )
    foreign = await fetchval("SELECT id FROM api_token")
    page = await browser.get("/toi/ma-truy-cap")

    answer = await browser.post(
        f"/toi/ma-truy-cap/{foreign}/thu-hoi", hidden_fields(page.text, "/toi/ma-truy-cap")
    )

    assert "Của người khác" not in page.text
    assert answer.status_code == 404
    assert await fetchval("SELECT revoked_at FROM api_token") is None


async def test_strangers_sign_in_first_and_every_page_opens_in_english(made: Stage) -> None:
    stranger, browser = made.browser(), await officer(made)

    for path in ("/toi", "/toi/bao-mat", "/toi/ma-truy-cap"):
        assert (await stranger.get(path)).status_code == 303
        assert '<html lang="en">' in (await browser.get(f"{path}?lang=en")).text
    for path in ("/toi", "/toi/bao-mat/mat-khau", "/toi/bao-mat/phien/1/ket-thuc", "/toi/ma-truy-cap"):
        assert (await stranger.post(path)).status_code in (303, 403)
        assert (await browser.post(path, {"_token": "x"})).status_code == 403

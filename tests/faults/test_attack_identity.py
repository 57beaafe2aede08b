"""The attack cases against sign-in and sessions, each by its number, as requests of browsers to the whole service."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pyotp
import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.identity_scene import (
    OTHER_PASSWORD,
    PASSWORD,
    Browser,
    Stage,
    enrol,
    history,
    invited,
    mailed_link,
    stage,
)
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, SUBJECT, oidc_provider
from tests.web_scene import ADDRESS, hidden_fields
from tracker import clock
from tracker.actions import accounts, feeds, hashing, jobs, sessions, sign_on, tokens, webhooks
from tracker.actions.sealing import seal
from tracker.actions.second_factor import matching_step
from tracker.actions.sessions import Refused, SignedIn
from tracker.db import jobs as jobs_db
from tracker.db import sessions as sessions_db
from tracker.db.accounts import claim_totp_step, find_account, insert_link
from tracker.db.actors import find_actor
from tracker.db.engine import execute, fetchval, transaction
from tracker.db.identities import insert_identity
from tracker.db.webhooks import insert_webhook
from tracker.domain.claims import Cause
from tracker.domain.errors import Invalid, NotFound
from tracker.jobs.webhooks import WebhookDelivery
from tracker.settings import Secret, Settings

pytestmark = pytest.mark.anyio

WAY_OUT = "/dang-xuat"


@pytest.fixture
async def made(database: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(accounts, "EVEN_SECONDS", 0.0)
    async with stage(database) as found:
        yield found


async def live_sessions() -> int:
    found: int = await fetchval("SELECT count(*) FROM web_session WHERE ended_at IS NULL")
    return found


async def everything_at_rest() -> list[object]:
    """What a request could have changed about somebody's account."""
    return [
        await fetchval("SELECT coalesce(json_agg(x ORDER BY x.official_id), '[]')::text FROM account x"),
        await fetchval("SELECT coalesce(json_agg(x ORDER BY x.id), '[]')::text FROM account_link x"),
        await fetchval("SELECT coalesce(json_agg(x ORDER BY x.id), '[]')::text FROM web_session x"),
        await fetchval("SELECT count(*) FROM history"),
        await fetchval("SELECT count(*) FROM outbox"),
    ]


# -- 59 to 62: whose form, whose session ---------------------------------------------------------------


async def test_case_59_a_session_that_was_put_into_the_browser_is_never_adopted(made: Stage) -> None:
    attacker = await made.browser("198.51.100.9").sign_in(made.world.agency)
    planted = attacker.client.cookies["dondoc"]
    for cookie in ("ATTACKERCHOSEN", "dds_" + "x" * 32, f"dds_{'x' * 32}.{'A' * 43}", planted):
        victim = made.browser()
        victim.client.cookies.set("dondoc", cookie, domain="127.0.0.1")

        await victim.password(made.world.agency)

        assert victim.token
        assert victim.client.cookies["dondoc"] != cookie
        assert await victim.is_inside()
    assert not await attacker.is_inside()  # its session ended when the victim signed in over it


@pytest.mark.parametrize(
    "passed",
    [
        "UPDATE account SET totp_pending_at = now() - interval '11 minutes'",
        "UPDATE web_session SET authenticated_at = now() - interval '11 minutes'",
    ],
)
async def test_a_secret_that_waits_is_shown_for_ten_minutes_and_to_its_person(
    made: Stage, passed: str
) -> None:
    browser = await made.browser().sign_in(made.world.secretariat)
    await browser.post("/toi/bao-mat/hai-buoc", from_page="/toi/bao-mat/hai-buoc")
    session_id = await fetchval("SELECT max(id) FROM web_session WHERE ended_at IS NULL")
    shown = await accounts.read_enrolment(made.world.secretariat, session_id)
    confirm = 'action="/toi/bao-mat/hai-buoc/xac-nhan"'
    fresh = await browser.get("/toi/bao-mat/hai-buoc")

    await execute(passed)

    assert shown is not None
    assert confirm in fresh.text
    late = await browser.get("/toi/bao-mat/hai-buoc")
    assert (late.status_code, confirm in late.text) == (200, False)
    assert await accounts.read_enrolment(made.world.secretariat, session_id) is None


async def test_case_59_the_token_changes_with_the_second_factor(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.secretariat)
    before = browser.token
    old = made.browser()
    old.client.cookies.set("dondoc", browser.client.cookies["dondoc"], domain="127.0.0.1")

    await browser.post("/toi/bao-mat/hai-buoc", from_page="/toi/bao-mat/hai-buoc")
    session_id = await fetchval("SELECT max(id) FROM web_session WHERE ended_at IS NULL")
    enrolment = await accounts.read_enrolment(made.world.secretariat, session_id)
    assert enrolment is not None
    done = await browser.post(
        "/toi/bao-mat/hai-buoc/xac-nhan",
        from_page="/toi/bao-mat/hai-buoc",
        ma=pyotp.TOTP(enrolment.secret).at(clock.utc_now()),
    )

    assert done.status_code == 201
    assert browser.token != before
    assert await browser.is_inside()
    assert not await old.is_inside()


async def test_case_60_a_token_and_cookie_of_the_attackers_own_are_worth_nothing_elsewhere(
    made: Stage,
) -> None:
    attacker = await made.browser("198.51.100.9").sign_in(made.world.agency)
    victim = await made.browser().sign_in(made.world.agency)
    theirs = hidden_fields((await attacker.get("/viec")).text, WAY_OUT)

    foreign_token = await victim.post(WAY_OUT, theirs)
    tossed = await made.browser().client.post(
        WAY_OUT,
        data=theirs,
        headers={
            "Origin": ADDRESS,
            "Cookie": f"dondoc={attacker.client.cookies['dondoc']}; dondoc={victim.client.cookies['dondoc']}",
        },
    )

    assert foreign_token.status_code == 403
    assert tossed.status_code == 303  # nobody signed out: two cookies of one name are nobody's
    assert await victim.is_inside()
    assert await attacker.is_inside()


async def test_case_61_a_body_from_another_origin_or_of_another_type_is_refused(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.agency)
    token = hidden_fields((await browser.get("/viec")).text, WAY_OUT)["_token"]

    for headers, body in (
        ({"Origin": ADDRESS, "Content-Type": "text/plain"}, '{"_token":"' + token + '"}'),
        (
            {"Origin": "https://evil.example", "Content-Type": "application/x-www-form-urlencoded"},
            f"_token={token}",
        ),
        ({"Origin": "null", "Content-Type": "application/x-www-form-urlencoded"}, f"_token={token}"),
        (
            {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/x-www-form-urlencoded"},
            f"_token={token}",
        ),
        (
            {"Sec-Fetch-Site": "same-site", "Content-Type": "application/x-www-form-urlencoded"},
            f"_token={token}",
        ),
    ):
        answer = await browser.client.post(WAY_OUT, content=body, headers=headers)
        assert answer.status_code in (403, 415), headers
    assert await browser.is_inside()


async def test_case_62_nobody_is_signed_in_by_a_form_of_another_site(made: Stage) -> None:
    attacker = made.browser("198.51.100.9")
    theirs = hidden_fields((await attacker.get("/dang-nhap")).text, "/dang-nhap")
    fields = {"thu-dien-tu": made.email(made.world.agency), "mat-khau": PASSWORD}
    victim = made.browser()
    await victim.get("/dang-nhap")

    with_their_token = await victim.post("/dang-nhap", {**theirs, **fields})
    without = await made.browser().post("/dang-nhap", fields)
    from_elsewhere = await victim.post(
        "/dang-nhap", fields, from_page="/dang-nhap", headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert [a.status_code for a in (with_their_token, without, from_elsewhere)] == [403, 403, 403]
    assert not victim.token
    assert await live_sessions() == 0


# -- 63: password reset --------------------------------------------------------------------------------


async def ask(browser: Browser, email: str, **headers: str) -> httpx.Response:
    return await browser.post(
        "/quen-mat-khau", from_page="/quen-mat-khau", headers=headers, thu_dien_tu=email
    )


async def test_case_63_the_link_of_a_reset_leads_to_our_own_address(made: Stage) -> None:
    browser = made.browser()
    email = made.email(made.world.agency)

    poisoned = await ask(browser, email, Host="evil.example")
    forwarded = await ask(
        browser, email, **{"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    )

    assert poisoned.status_code == 400
    assert forwarded.status_code == 303
    raw: bytes = await fetchval("SELECT raw FROM outbox WHERE kind = 'password_reset'")
    assert b"evil" not in raw
    assert b"http://127.0.0.1:8080/dat-lai-mat-khau/ddl_" in raw.replace(b"=\r\n", b"")
    assert b"List-Unsubscribe" not in raw


async def test_case_63_a_reset_answers_the_same_for_everybody(made: Stage) -> None:
    answers = [
        await ask(made.browser(), email)
        for email in (
            made.email(made.world.agency),
            "nobody@nowhere.example",
            made.email(made.world.inspector),  # no password
            "not an address",
            "",
        )
    ]
    pages = [await made.browser().get(answer.headers["location"]) for answer in answers]

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len({page.text.partition("<main")[2].partition("</main>")[0] for page in pages}) == 1
    assert await fetchval("SELECT count(*) FROM outbox") == 1


async def test_case_63_a_reset_takes_the_same_time_for_everybody(
    made: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "EVEN_SECONDS", 0.6)
    loop = asyncio.get_running_loop()
    taken = []
    for email in (made.email(made.world.agency), "nobody@nowhere.example"):
        began = loop.time()
        await accounts.ask_reset(email, "203.0.113.7", clock.utc_now())
        taken.append(loop.time() - began)

    assert min(taken) >= 0.59
    assert abs(taken[0] - taken[1]) < 0.3


async def test_case_63_a_link_is_used_once_also_by_two_at_the_same_time(made: Stage) -> None:
    await ask(made.browser(), made.email(made.world.agency))
    token = (await mailed_link("password_reset")).rpartition("/")[2]

    outcomes = await asyncio.gather(
        *(accounts.reset_password(token, OTHER_PASSWORD, clock.utc_now()) for _ in range(5)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, accounts.LinkNotValid) for outcome in outcomes) == 4
    assert len(await history("reset_password")) == 1


async def test_case_63_of_two_links_only_the_later_one_serves(made: Stage) -> None:
    await ask(made.browser(), made.email(made.world.agency))
    first = await mailed_link("password_reset")
    await ask(made.browser(), made.email(made.world.agency))
    second = await mailed_link("password_reset")

    assert (await made.browser().get(first)).status_code == 404
    assert (await made.browser().get(second)).status_code == 200


async def test_case_63_the_token_stays_out_of_the_referer(made: Stage) -> None:
    await ask(made.browser(), made.email(made.world.agency))
    link = await mailed_link("password_reset")

    page = await made.browser().get(link)
    # With that policy a browser sends its forms from here without an origin.
    browser = made.browser()
    done = await browser.post(
        link,
        from_page=link,
        headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        mat_khau_moi=OTHER_PASSWORD,
        nhap_lai=OTHER_PASSWORD,
    )

    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert done.headers["location"] == "/dang-nhap"


async def test_case_63_a_reset_goes_round_neither_the_second_factor_nor_the_sign_in(made: Stage) -> None:
    await enrol(made, made.world.agency)
    inside = await made.browser().sign_in(made.world.agency)
    await ask(made.browser(), made.email(made.world.agency))
    link = await mailed_link("password_reset")

    browser = made.browser()
    await browser.post(link, from_page=link, mat_khau_moi=OTHER_PASSWORD, nhap_lai=OTHER_PASSWORD)

    assert not await browser.is_inside()
    assert not await inside.is_inside()
    assert (await browser.password(made.world.agency)).status_code == 422
    answer = await browser.password(made.world.agency, OTHER_PASSWORD)
    assert answer.headers["location"] == "/dang-nhap/ma"
    assert not await browser.is_inside()


async def test_case_63_resets_of_one_address_are_limited_in_silence(made: Stage) -> None:
    for _ in range(6):
        answer = await ask(made.browser(), made.email(made.world.agency))
        assert answer.status_code == 303

    assert await fetchval("SELECT count(*) FROM outbox") == accounts.RESET_BY_ACCOUNT.tries


# -- 64: the second factor -----------------------------------------------------------------------------


async def test_case_64_a_code_serves_once(made: Stage) -> None:
    await enrol(made, made.world.agency)
    code = made.code(made.world.agency)
    first, second = made.browser(), made.browser("198.51.100.9")
    await first.password(made.world.agency)
    await second.password(made.world.agency)

    once = await first.code(code)
    again = await second.code(code)

    assert (once.status_code, again.status_code) == (303, 422)
    assert not second.token
    assert (await history("second_factor_failed"))[-1]["actor_id"] is None


async def test_case_64_a_code_raced_by_two_serves_one(made: Stage) -> None:
    await enrol(made, made.world.agency)
    account = await find_account(made.world.agency.official_id or 0)
    assert account is not None
    pending = [sessions._pending(account, "password", clock.utc_now()) for _ in range(4)]
    code, now = made.code(made.world.agency), clock.utc_now()

    outcomes = await asyncio.gather(
        *(sessions.give_code(p, code, ip="203.0.113.7", user_agent="", now=now) for p in pending)
    )

    assert sum(isinstance(outcome, SignedIn) for outcome in outcomes) == 1


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(-90, False), (-30, True), (0, True), (30, True), (90, False)]
)
async def test_case_64_a_clock_may_be_half_a_minute_off_and_no_more(
    made: Stage, seconds: int, is_taken: bool
) -> None:
    await enrol(made, made.world.agency)
    official_id = made.world.agency.official_id or 0
    account = await find_account(official_id)
    assert account is not None
    assert account.totp_secret is not None
    now = clock.utc_now()
    code = pyotp.TOTP(made.secrets[official_id]).at(now + timedelta(seconds=seconds))

    step = matching_step(account.totp_secret, official_id, code, now)

    assert (step is not None) == is_taken


async def test_case_64_codes_cannot_be_tried_through(made: Stage) -> None:
    await enrol(made, made.world.agency)
    browser = made.browser()
    await browser.password(made.world.agency)

    answers = [await browser.code(f"{n:06d}") for n in range(sessions.BY_CODE.tries + 4)]

    refused = [a for a in answers if a.status_code == 429]
    assert len(refused) >= 3
    assert int(refused[0].headers["retry-after"]) > 0
    # The right one does not help now, from the same place.
    assert (await browser.code(made.code(made.world.agency))).status_code == 429


async def test_case_64_a_stolen_session_cannot_set_up_a_second_factor(made: Stage) -> None:
    thief = await made.browser().sign_in(made.world.agency)
    await execute("UPDATE web_session SET authenticated_at = now() - interval '11 minutes'")
    session_id = await fetchval("SELECT id FROM web_session WHERE ended_at IS NULL")

    begun = await thief.post("/toi/bao-mat/hai-buoc", from_page="/toi/bao-mat/hai-buoc")
    enrolment = await accounts.begin_totp(made.world.agency, clock.utc_now())
    code = pyotp.TOTP(enrolment.secret).at(clock.utc_now())

    assert begun.headers["location"].startswith("/toi/bao-mat/nhap-lai?")
    with pytest.raises(accounts.ReauthenticationNeeded):
        await accounts.confirm_totp(made.world.agency, session_id, code, clock.utc_now())
    wrong = await thief.post(
        "/toi/bao-mat/nhap-lai", from_page="/toi/bao-mat/nhap-lai", mat_khau="không biết mật khẩu"
    )
    assert wrong.status_code == 422
    assert await fetchval("SELECT count(*) FROM account WHERE totp_secret IS NOT NULL") == 0


async def test_case_64_a_recovery_code_serves_once(made: Stage) -> None:
    codes = await enrol(made, made.world.agency)
    outcomes = []
    for _ in range(2):
        browser = made.browser()
        await browser.password(made.world.agency)
        outcomes.append((await browser.code(codes[3].upper())).status_code)

    assert outcomes == [303, 422]
    assert await accounts.count_recovery_codes(made.world.agency) == len(codes) - 1


# -- 65, 66: cookies -----------------------------------------------------------------------------------


async def test_case_65_two_cookies_of_one_name_are_nobodys(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.agency)
    own = browser.client.cookies["dondoc"]

    for value in (f"dondoc={own}; dondoc=x", f"dondoc=x; dondoc={own}", f"dondoc={own}; a=b; dondoc={own}"):
        answer = await made.browser().get("/viec", Cookie=value)
        assert answer.status_code == 303, value
    assert (await made.browser().get("/viec", Cookie=f"dondoc={own}")).status_code == 200


async def test_case_65_a_thousand_cookies_do_no_harm(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.agency)
    own = browser.client.cookies["dondoc"]

    many = await made.browser().get(
        "/viec", Cookie="; ".join(f"c{n}={n}" for n in range(1000)) + f"; dondoc={own}"
    )
    too_many = await made.browser().get("/viec", Cookie="; ".join(f"c{n}={'x' * 40}" for n in range(1000)))

    assert many.status_code == 200
    assert too_many.status_code == 431


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ".",
        "a.b",
        "eyJ9.AAAA",
        "dds_.x",
        "dds_" + "0" * 32,
        "\x80\xff.\xfe",
        "x" * 4000,
        "eyJpZCI6MX0." + "A" * 43,
    ],
)
async def test_case_65_a_made_up_cookie_is_nobodys(made: Stage, cookie: str) -> None:
    for name in ("dondoc", "thiet-bi", "cho-ma", "thong-bao"):
        raw = f"{name}={cookie}".encode("latin-1")
        answer = await made.browser().client.get("/dang-nhap/ma", headers=[(b"cookie", raw)])
        assert answer.status_code in (200, 303)
        assert (await made.browser().client.get("/viec", headers=[(b"cookie", raw)])).status_code == 303


async def test_case_66_a_change_of_password_ends_what_was_stolen_before(made: Stage) -> None:
    own = await made.browser().sign_in(made.world.agency)
    stolen = await made.browser("198.51.100.9").sign_in(made.world.agency)
    session_id = await fetchval("SELECT min(id) FROM web_session WHERE ended_at IS NULL")

    await accounts.change_password(made.world.agency, session_id, PASSWORD, OTHER_PASSWORD, clock.utc_now())

    assert await own.is_inside()
    assert not await stolen.is_inside()
    account = await find_account(made.world.agency.official_id or 0)
    device = stolen.client.cookies["thiet-bi"]
    assert sessions._device_of(device, account) == ""  # nor is the thief's device a known one any more


# -- 68 to 72 ------------------------------------------------------------------------------------------


async def test_case_68_a_forwarded_address_is_believed_of_nobody(made: Stage) -> None:
    """Without a trusted proxy the header is only a text; with one, uvicorn puts the address where we read it."""
    browser = made.browser("203.0.113.7")

    for n in range(sessions.BY_ACCOUNT.tries + 3):
        answer = await browser.post(
            "/dang-nhap",
            from_page="/dang-nhap",
            headers={
                "X-Forwarded-For": f"10.0.0.{n}",
                "Forwarded": f"for=10.0.0.{n}",
                "X-Real-IP": f"10.0.0.{n}",
            },
            thu_dien_tu=made.email(made.world.agency),
            mat_khau="sai mật khẩu rồi",
        )

    assert answer.status_code == 429
    noted = {row["detail"] for row in await history("sign_in_failed")}
    assert all('"ip": "203.0.113.7"' in detail for detail in noted)


@pytest.mark.parametrize(
    ("peer", "ip"),
    [("10.1.2.3", "203.0.113.50"), ("10.9.9.9", "10.9.9.9"), ("203.0.113.7", "203.0.113.7")],
)
async def test_case_68_behind_a_trusted_proxy_only_the_address_it_saw_counts(
    made: Stage, peer: str, ip: str
) -> None:
    """What the client wrote itself stands further left; the same middleware as in `tracker serve`."""
    behind = ProxyHeadersMiddleware(made.app, trusted_hosts=["10.1.0.0/16"])
    browser = Browser(replace(made, app=behind), peer)
    browser.client.headers["X-Forwarded-For"] = "6.6.6.6, 203.0.113.50"

    await browser.sign_in(made.world.agency)

    assert await fetchval("SELECT ip FROM web_session") == ip


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "/\\evil.example",
        "https:evil",
        "https://evil.example/",
        "/%0d%0aX: y",
        "javascript:x",
    ],
)
async def test_case_69_the_sign_in_never_leads_elsewhere(made: Stage, elsewhere: str) -> None:
    browser = made.browser()

    answer = await browser.password(made.world.agency, next_path=elsewhere)

    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location == "/viec" or (location == elsewhere and location.startswith("/%0d"))
    shown = await made.browser().get(
        f"/dang-nhap?tiep={httpx.URL('', params={'t': elsewhere}).query.decode()[2:]}"
    )
    assert "evil" not in hidden_fields(shown.text, "/dang-nhap").get("tiep", "")


async def test_case_70_no_page_of_the_sign_in_can_be_framed(made: Stage) -> None:
    link = (await invited(made.world.administrator, made.world.officials["inspector"])).url
    for path in (
        "/dang-nhap",
        "/dang-nhap/ma",
        "/quen-mat-khau",
        link.partition(":8080")[2],
        "/toi/bao-mat/hai-buoc",
    ):
        answer = await made.browser().get(path)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"


async def test_case_71_an_unknown_person_costs_the_same_work_and_gets_the_same_words(
    made: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    verify = hashing._verify

    def counted(password_hash: str, password: str) -> bool:
        looked.append(password_hash)
        return verify(password_hash, password)

    monkeypatch.setattr(hashing, "_verify", counted)
    await execute("UPDATE official SET is_active = false WHERE id = $1", made.world.administrator.official_id)
    seen = []
    for email, password in (
        (made.email(made.world.agency), "sai mật khẩu rồi"),
        ("nobody@nowhere.example", "sai mật khẩu rồi"),
        (made.email(made.world.inspector), "sai mật khẩu rồi"),  # in the directory, without a password
        (made.email(made.world.administrator), PASSWORD),  # switched off
        ("không phải địa chỉ", "x"),
        (made.email(made.world.agency), "x" * 2000),
    ):
        before = len(looked)
        answer = await made.browser().post(
            "/dang-nhap", from_page="/dang-nhap", thu_dien_tu=email, mat_khau=password
        )
        assert len(looked) - before == 1, email
        page = answer.text.partition("<main")[2].partition("</main>")[0]
        seen.append((answer.status_code, page.partition('class="errors"')[2].partition("</div>")[0]))

    assert len(set(seen)) == 1
    assert {h.split("$")[3] for h in looked} == {"m=19456,t=2,p=1"}


async def test_case_72_passwords_are_hashed_beside_the_loop_by_as_many_threads_as_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: set[int] = set()
    at_once, most = 0, 0
    lock = threading.Lock()
    verify = hashing._verify

    def watched(password_hash: str, password: str) -> bool:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            threads.add(threading.get_ident())
        try:
            return verify(password_hash, password)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(hashing, "_verify", watched)

    await asyncio.gather(*(hashing.verify_password(None, "sai mật khẩu rồi") for _ in range(12)))

    assert threading.get_ident() not in threads
    assert most <= hashing.THREADS


async def test_case_72_a_queue_that_nobody_would_wait_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "LONGEST_QUEUE", 3)

    outcomes = await asyncio.gather(
        *(hashing.verify_password(None, "x") for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(outcome, hashing.HashingBusy) for outcome in outcomes) == 5


async def test_strangers_lock_nobody_out(made: Stage) -> None:
    """A storm from everywhere stops strangers, not the owner at the device they use."""
    owner = await made.browser().sign_in(made.world.agency)
    await owner.post(WAY_OUT, from_page="/viec")
    for n in range(30):
        await sessions.sign_in(
            made.email(made.world.agency),
            "sai mật khẩu rồi",
            ip=f"198.51.100.{n}",
            user_agent="",
            now=clock.utc_now(),
        )

    stranger = await made.browser("198.51.100.200").password(made.world.agency)
    again = await owner.password(made.world.agency)

    assert stranger.status_code == 429
    assert again.status_code == 303
    assert len(await history("sign_in_failed")) == sessions.BY_ACCOUNT.tries - 1


async def test_one_person_is_one_bucket_however_the_address_is_written(made: Stage) -> None:
    email = made.email(made.world.secretariat)
    ways = [email, email.upper(), email.title(), email.replace("i", "\u0130"), f" {email} "] * 5
    outcomes = [
        await sessions.sign_in(
            way, "sai mật khẩu rồi", ip=f"198.51.100.{n}", user_agent="", now=clock.utc_now()
        )
        for n, way in enumerate(ways)
    ]

    tried = [o for o in outcomes if isinstance(o, Refused) and not o.retry_after_seconds]
    known = await fetchval("SELECT count(*) FROM history WHERE verb = 'sign_in_failed'")
    assert known <= sessions.BY_ACCOUNT.tries
    assert len(tried) <= sessions.BY_ACCOUNT.tries * 2  # the address that is nobody's has a bucket of its own


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("way", ["nobod\u0130@x.vn", "NOBODI@X.VN", "nobod\u0131@x.vn"])
async def test_the_limit_tells_nobody_whose_an_address_is(made: Stage, way: str, is_known: bool) -> None:
    """Ten tries written one way and one written the other: a known and an unknown address are put off alike."""
    if is_known:
        await execute(
            "UPDATE official SET email = 'nobodi@x.vn' WHERE id = $1", made.world.agency.official_id
        )

    async def tried(email: str, n: int) -> bool:
        outcome = await sessions.sign_in(
            email, "sai mật khẩu rồi", ip=f"198.51.100.{n}", user_agent="", now=clock.utc_now()
        )
        assert isinstance(outcome, Refused)
        return outcome.retry_after_seconds == 0

    before = [await tried(way, n) for n in range(sessions.BY_ACCOUNT.tries)]
    is_one = await fetchval("SELECT lower($1::text) = 'nobodi@x.vn'", way)

    assert all(before)
    assert await tried("nobodi@x.vn", 200) is not is_one


@pytest.mark.parametrize("change", ["is_active", "password"])
async def test_what_was_proved_before_a_change_begins_no_session(
    made: Stage, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Somebody signs in at the very moment in which they are switched off, or change their password."""
    verify = hashing.verify_password

    async def overtaken(password_hash: str | None, password: str) -> bool:
        right = await verify(password_hash, password)
        if change == "is_active":
            await execute(
                "UPDATE official SET is_active = false WHERE id = $1", made.world.agency.official_id
            )
        else:
            await execute("UPDATE account SET password_changed_at = now() + interval '1 second'")
        return right

    monkeypatch.setattr(sessions, "verify_password", overtaken)

    outcome = await sessions.sign_in(
        made.email(made.world.agency), PASSWORD, ip="", user_agent="", now=clock.utc_now()
    )

    assert outcome == Refused()
    assert await live_sessions() == 0


# -- 86, 89 --------------------------------------------------------------------------------------------


async def test_case_86_a_clock_that_is_set_back_lengthens_no_session(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.agency)
    # Seen from the clock that was set back by a day, all of it lies ahead.
    await execute(
        "UPDATE web_session SET started_at = started_at + interval '1 day', expires_at = expires_at + interval '1 day',"
        " last_seen_at = last_seen_at + interval '1 day', authenticated_at = authenticated_at + interval '1 day'"
    )

    assert not await browser.is_inside()
    assert await fetchval("SELECT ended_because FROM web_session") == "clock"


async def test_case_86_a_code_is_not_good_again_when_the_clock_goes_back(made: Stage) -> None:
    await enrol(made, made.world.agency)
    official_id = made.world.agency.official_id or 0
    now = clock.utc_now()
    step = int(now.timestamp()) // 30

    assert await claim_totp_step(official_id, step)
    assert not await claim_totp_step(official_id, step)
    assert not await claim_totp_step(official_id, step - 2880)


async def test_case_86_what_the_caller_knows_better_counts(made: Stage) -> None:
    """The later of two clocks decides, so that setting one of them back is not enough."""
    browser = await made.browser().sign_in(made.world.agency)
    now = clock.utc_now()

    assert await sessions.find(browser.token, now) is not None
    assert await sessions.find(browser.token, now + sessions_db.IDLE + timedelta(minutes=1)) is None
    assert await sessions.find(browser.token, now - timedelta(days=1)) is not None


async def test_case_89_a_link_that_is_only_looked_at_changes_nothing(made: Stage) -> None:
    invitation = await invited(made.world.administrator, made.world.officials["inspector"])
    await ask(made.browser(), made.email(made.world.agency))
    links = [invitation.url.partition(":8080")[2], await mailed_link("password_reset")]
    before = await everything_at_rest()

    for link in links:
        for _ in range(3):
            assert (await made.browser().get(link)).status_code == 200
        assert (await made.browser().client.head(link)).status_code == 200
        assert (await made.browser().client.options(link)).status_code in (204, 405)

    assert await everything_at_rest() == before
    for link, password in zip(links, (OTHER_PASSWORD, OTHER_PASSWORD), strict=True):
        done = await made.browser().post(link, from_page=link, mat_khau_moi=password, nhap_lai=password)
        assert done.headers["location"] == "/dang-nhap"


async def test_a_password_never_comes_back_in_a_page_or_a_log(
    made: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "chim hoàng yến 4711 bay"
    browser = made.browser()
    answers = [await browser.password(made.world.agency, canary)]
    link = (await invited(made.world.administrator, made.world.officials["inspector"])).url.partition(
        ":8080"
    )[2]
    answers.append(await browser.post(link, from_page=link, mat_khau_moi=canary, nhap_lai="khác"))
    answers.append(await browser.post(link, from_page=link, mat_khau_moi="ngắn 4711", nhap_lai="ngắn 4711"))

    assert all("4711" not in answer.text for answer in answers)
    assert "4711" not in caplog.text
    assert await fetchval("SELECT count(*) FROM history WHERE detail::text LIKE '%4711%'") == 0
    with pytest.raises(Invalid) as refused:
        await accounts.accept_invitation(link.rpartition("/")[2], "ngắn 4711", clock.utc_now())
    assert "4711" not in str(refused.value)
    outcome = await sessions.sign_in("x", canary, ip="", user_agent="", now=clock.utc_now())
    assert isinstance(outcome, Refused)


# -- 50: switched off ----------------------------------------------------------------------------------


async def test_case_50_everything_of_a_disabled_person_is_dead_within_a_minute(
    database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thing that opened a door before: tried with it afterwards, from where it would be used."""
    monkeypatch.setattr(accounts, "EVEN_SECONDS", 0.0)
    async with oidc_provider() as provider:
        settings = replace(
            database,
            oidc_issuer=provider.base,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=Secret(CLIENT_SECRET),
        )
        sso = sign_on.single_sign_on(settings)
        assert sso is not None
        async with stage(settings) as made:
            now, actor, admin = clock.utc_now(), made.world.agency, made.world.administrator
            official_id = actor.official_id or 0
            codes = await enrol(made, actor)
            inside = await made.browser().sign_in(actor)
            half_way = [made.browser(), made.browser()]
            for browser in half_way:
                answer = await browser.password(actor)
                assert answer.headers["location"].startswith("/dang-nhap/ma")
            await ask(made.browser(), made.email(actor))
            reset = await mailed_link("password_reset")
            invitation = hashing.new_token(accounts.PREFIX)
            await insert_link(
                official_id, "invitation", hashing.token_hash(invitation), timedelta(days=1), None, now
            )
            token = (await tokens.create(actor, tokens.NewToken(official_id, "máy", ("read",)), now)).secret
            choices = feeds.FeedChoices("lịch", "vi", alarm_days=[], with_cancelled=True, consolidated=False)
            feed = await feeds.create(actor, feeds.NewFeed(choices, scope="own_agency", agency_ids=[]), now)
            webhook = await insert_webhook(
                official_id,
                url="https://hook.example.vn/",
                description="",
                kinds=["assignment.assigned"],
                signing="v1",
                public_key="",
                secret=seal(b"k" * 32, webhooks.PURPOSE),
                now=now,
            )
            await insert_identity(official_id, provider.base, SUBJECT, "Cán bộ", "person", now)
            async with transaction():
                waiting, running, done = [
                    await jobs_db.insert_job(jobs.EXPORT, actor, jobs.reach_of(actor), "vi", {})
                    for _ in range(3)
                ]
            await execute(
                "UPDATE job SET state = 'running', lease_token = gen_random_uuid(), started_at = now(),"
                " lease_until = now() + interval '1 minute' WHERE id = $1",
                running,
            )
            started = await sign_on.start_sign_in(sso, "/viec", "127.0.0.1", "vi", now)
            assert isinstance(started, sign_on.Started)
            linking = await sign_on.start_link(
                actor, await fetchval("SELECT max(id) FROM web_session"), sso, "127.0.0.1", "vi", now
            )
            assert isinstance(linking, sign_on.Started)
            bearer = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
            feed_path = feed.url.partition(":8080")[2]
            assert await inside.is_inside()
            assert (await made.browser().get("/api/v1/me", **bearer)).status_code == 200
            assert (await made.browser().get(feed_path)).status_code == 200

            await accounts.disable(admin, official_id, now)

            # The session, and the form that was open in it.
            assert not await inside.is_inside()
            # The pending code, with the phone's code and with a recovery code.
            for browser, code in zip(half_way, (made.code(actor), codes[0]), strict=True):
                assert (await browser.code(code)).status_code == 422
                assert not browser.token
            # The known device, with the right password: refused like a stranger with a wrong one.
            assert (await inside.password(actor)).status_code == 422
            # The links.
            for link in (reset, f"/loi-moi/{invitation}"):
                assert (await made.browser().get(link)).status_code == 404, link
            for act in (accounts.reset_password, accounts.accept_invitation):
                for secret in (reset.rpartition("/")[2], invitation):
                    with pytest.raises(accounts.LinkNotValid):
                        await act(secret, OTHER_PASSWORD, now)
            # The API token: also for the result of a job, and the calendar link.
            for path in ("/api/v1/me", f"/api/v1/jobs/{done}", f"/api/v1/jobs/{done}/result"):
                assert (await made.browser().get(path, **bearer)).status_code == 401, path
            assert (await made.browser().get(feed_path)).status_code in (404, 410)
            # The webhook: the next look of the worker switches it off before it sends anything.
            assert (await WebhookDelivery().run()).departed == 1
            assert await fetchval("SELECT state FROM webhook WHERE id = $1", webhook) == "disabled"
            # The jobs: what waits has ended, what runs is told to at its next step.
            assert await fetchval("SELECT state FROM job WHERE id = $1", waiting) == "cancelled"
            assert await fetchval("SELECT cancel_wanted FROM job WHERE id = $1", running)
            # The identity, begun before and afresh, and the link that was being made.
            again = await sign_on.start_sign_in(sso, "/viec", "127.0.0.1", "vi", now)
            assert isinstance(again, sign_on.Started)
            for begun, viewer in ((started, None), (again, None), (linking, official_id)):
                brought = provider.authorize(begun.address)
                outcome = await sign_on.finish(sso, brought, begun.browser, viewer, clock.utc_now())
                assert outcome == sign_on.Refused(Cause.OFFICIAL_INACTIVE)
            with pytest.raises(NotFound):
                await sessions.begin(official_id, "oidc", ip="", user_agent="", now=now)
            # Nothing of it acts for anybody.
            assert await find_actor(official_id) is None
            assert await live_sessions() == 0

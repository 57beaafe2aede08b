"""Accounts and sessions from invitation to the end: actions on a real database, and the pages over HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pyotp
import pytest

from tests.identity_scene import (
    AGENT,
    OTHER_PASSWORD,
    PASSWORD,
    Stage,
    enrol,
    history,
    invited,
    mailed_link,
    stage,
)
from tracker import clock
from tracker.actions import accounts, feeds, sessions, tokens, webhooks
from tracker.actions.hashing import HASHER, hash_password
from tracker.actions.officials import LastAdministrator
from tracker.actions.sealed import Sealed, count_sealed
from tracker.actions.sealing import seal, unseal, use_key
from tracker.actions.sessions import NeedsCode, Refused, SignedIn
from tracker.api.errors import encoded_problem
from tracker.app import create_app
from tracker.db.accounts import find_account
from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.db.tokens import find_bearer
from tracker.db.webhooks import Claimed, insert_webhook
from tracker.domain.access import ScopeMissing
from tracker.domain.directory import SYSTEM, Actor, Role
from tracker.domain.errors import Invalid, NotFound, NotPermitted
from tracker.jobs import housekeeping
from tracker.settings import Secret, Settings

pytestmark = pytest.mark.anyio

TWO_STEP = "/toi/bao-mat/hai-buoc"


@pytest.fixture
async def made(database: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(accounts, "EVEN_SECONDS", 0.0)
    async with stage(database) as found:
        yield found


async def signed_in(made: Stage, actor: Actor, password: str = PASSWORD) -> SignedIn:
    """A session by password alone."""
    outcome = await sessions.sign_in(
        made.email(actor), password, ip="203.0.113.7", user_agent=AGENT, now=clock.utc_now()
    )
    assert isinstance(outcome, SignedIn), outcome
    return outcome


async def is_alive(token: str) -> bool:
    return await sessions.find(token, clock.utc_now()) is not None


def path_of(invited: accounts.Invited) -> str:
    return invited.url.partition(":8080")[2]


# -- coming in -----------------------------------------------------------------------------------------


async def test_the_first_administrator_comes_in_by_a_link_and_then_nobody_else_does(
    database: Settings,
) -> None:
    now = clock.utc_now()
    first = await accounts.first_administrator("quantri@vpcp.example.vn", "Lê Văn Quản", now)
    again = await accounts.first_administrator("quantri@vpcp.example.vn", "Lê Văn Quản", now)

    with pytest.raises(accounts.LinkNotValid):
        await accounts.accept_invitation(first.token, PASSWORD, now)
    official_id = await accounts.accept_invitation(again.token, PASSWORD, now)

    account = await find_account(official_id)
    assert account is not None
    assert (account.role, account.name) == (Role.ADMINISTRATOR, "Lê Văn Quản")
    with pytest.raises(accounts.FirstAdministratorExists):
        await accounts.first_administrator("khac@vpcp.example.vn", "Người Khác", now)
    assert [row["actor_id"] for row in await history("accept_invitation")] == [official_id]


async def test_the_first_administrator_is_nobody_with_another_role(made: Stage) -> None:
    await execute("DELETE FROM account")

    with pytest.raises(Invalid):
        await accounts.first_administrator(made.email(made.world.agency), "Ai Đó", clock.utc_now())


async def test_an_invitation_goes_to_the_person_and_sets_a_password_once(made: Stage) -> None:
    official_id = made.world.officials["inspector"]
    await accounts.invite(made.world.administrator, official_id, clock.utc_now())
    link = await mailed_link("account_invitation")
    browser = made.browser()

    short = await browser.post(link, from_page=link, mat_khau_moi="ngắn", nhap_lai="ngắn")
    differing = await browser.post(link, from_page=link, mat_khau_moi=PASSWORD, nhap_lai=OTHER_PASSWORD)
    done = await browser.post(link, from_page=link, mat_khau_moi=PASSWORD, nhap_lai=PASSWORD)
    after = await browser.get(link)

    assert short.status_code == differing.status_code == 422
    assert "ít nhất 12 ký tự" in short.text
    assert done.headers["location"] == "/dang-nhap"
    assert after.status_code == 404
    assert (await browser.password(made.world.inspector)).headers["location"] == "/bao-cao"
    with pytest.raises(accounts.AccountExists):
        await invited(SYSTEM, official_id)


async def test_an_invitation_runs_out_and_a_later_one_ends_it(made: Stage) -> None:
    official_id, now = made.world.officials["inspector"], clock.utc_now()
    first = await invited(SYSTEM, official_id)
    second = await invited(SYSTEM, official_id)

    for token, at in (
        (first.token, now),
        (second.token, now + accounts.INVITATION_LIFE + timedelta(minutes=1)),
    ):
        with pytest.raises(accounts.LinkNotValid):
            await accounts.accept_invitation(token, PASSWORD, at)
    with pytest.raises(accounts.LinkNotValid):
        await accounts.reset_password(second.token, PASSWORD, now)  # an invitation is no reset
    owner = await accounts.read_link(second.token, "invitation", now)
    assert (owner.official_id, owner.purpose) == (official_id, "invitation")
    # Of the letters only the one with the link in force is still to leave, and no other holds its text.
    assert await fetchval("SELECT count(*) FROM outbox WHERE state = 'pending'") == 1
    assert await fetchval("SELECT count(*) FROM outbox WHERE state = 'superseded' AND raw = ''") == 1


async def test_only_an_administrator_invites_and_switches_off(made: Stage) -> None:
    official_id = made.world.officials["inspector"]
    for actor in (made.world.secretariat, made.world.agency, made.world.inspector):
        for act in (accounts.invite, accounts.disable, accounts.enable, accounts.reset_second_factor):
            with pytest.raises(NotPermitted):
                await act(actor, official_id, clock.utc_now())


async def test_no_token_of_the_api_touches_how_its_person_signs_in(made: Stage) -> None:
    with_token = replace(made.world.agency, scopes=frozenset({"read", "manage", "operate"}))
    now = clock.utc_now()

    for work in (
        accounts.begin_totp(with_token, now),
        accounts.confirm_totp(with_token, 1, "000000", now),
        accounts.renew_recovery_codes(with_token, "000000", now),
        accounts.change_password(with_token, 1, PASSWORD, OTHER_PASSWORD, now),
        sessions.revoke_others(with_token, 1, now),
        sessions.reauthenticate(with_token, 1, PASSWORD, now),
    ):
        with pytest.raises(ScopeMissing):
            await work


# -- passwords -----------------------------------------------------------------------------------------


async def test_a_hash_is_argon2id_and_is_renewed_when_the_parameters_grow(made: Stage) -> None:
    weak = type(HASHER)(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    await execute(
        "UPDATE account SET password_hash = $2 WHERE official_id = $1", made.world.agency.official_id, weak
    )

    await signed_in(made, made.world.agency)

    stored: str = await fetchval(
        "SELECT password_hash FROM account WHERE official_id = $1", made.world.agency.official_id
    )
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await signed_in(made, made.world.agency)


@pytest.mark.parametrize("tail", ["a", "ă"])
async def test_a_long_password_is_never_cut_off(made: Stage, tail: str) -> None:
    long = "trời xanh mây trắng nắng vàng " * 34 + tail
    assert len(long) > 1000
    await execute(
        "UPDATE account SET password_hash = $2 WHERE official_id = $1",
        made.world.agency.official_id,
        await hash_password(long),
    )

    wrong = await sessions.sign_in(
        made.email(made.world.agency), long[:-1] + "b", ip="", user_agent="", now=clock.utc_now()
    )

    assert isinstance(wrong, Refused)
    await signed_in(made, made.world.agency, long)


async def test_change_of_password_asks_for_the_present_one_and_ends_the_other_sessions(made: Stage) -> None:
    own = await signed_in(made, made.world.agency)
    other = await signed_in(made, made.world.agency)
    now = clock.utc_now()

    with pytest.raises(Invalid) as wrong:
        await accounts.change_password(made.world.agency, own.session_id, "sai rồi", OTHER_PASSWORD, now)
    with pytest.raises(Invalid) as common:
        await accounts.change_password(made.world.agency, own.session_id, PASSWORD, "matkhau123456", now)
    await accounts.change_password(made.world.agency, own.session_id, PASSWORD, OTHER_PASSWORD, now)

    assert [p.field for p in wrong.value.problems] == ["/current"]
    assert [p.code for p in common.value.problems] == ["password_common"]
    assert await is_alive(own.token)
    assert not await is_alive(other.token)
    assert (await history("change_password"))[0]["actor_id"] == made.world.agency.official_id


# -- sessions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "rest", "alive"),
    [
        ("29 minutes", "29 minutes", True),
        ("31 minutes", "31 minutes", False),
        ("11 hours 59 minutes", "1 minute", True),
        ("12 hours 1 minute", "0 minutes", False),
    ],
)
async def test_a_session_ends_after_rest_and_after_its_whole_life(
    made: Stage, age: str, rest: str, alive: bool
) -> None:
    own = await signed_in(made, made.world.agency)
    await execute(
        "UPDATE web_session SET started_at = now() - $1::text::interval,"
        " expires_at = now() - $1::text::interval + interval '12 hours',"
        " last_seen_at = now() - $2::text::interval",
        age,
        rest,
    )

    assert await is_alive(own.token) == alive
    # It counts as used now, and the limit of its life does not move.
    assert await fetchval("SELECT expires_at - started_at FROM web_session") == timedelta(hours=12)


async def test_a_session_is_written_at_most_once_a_minute(made: Stage) -> None:
    own = await signed_in(made, made.world.agency)
    for _ in range(3):
        await is_alive(own.token)
    unchanged = await fetchval("SELECT last_seen_at = started_at FROM web_session")
    await execute("UPDATE web_session SET last_seen_at = now() - interval '2 minutes'")

    await is_alive(own.token)

    assert unchanged
    assert await fetchval("SELECT last_seen_at > now() - interval '1 minute' FROM web_session")


async def test_only_hashes_are_kept(made: Stage) -> None:
    own = await signed_in(made, made.world.agency)
    codes = await enrol(made, made.world.administrator)
    link = await invited(SYSTEM, made.world.officials["inspector"])
    secret = made.secrets[made.world.administrator.official_id or 0]

    for table in ("web_session", "account_link", "recovery_code", "account", "history"):
        text: str = await fetchval(f"SELECT coalesce(string_agg(x::text, ' '), '') FROM {table} x")
        for shown in (own.token, link.token, codes[0], codes[0].replace("-", ""), secret, PASSWORD):
            assert shown not in text, table
            assert shown.encode().hex() not in text, table


async def test_people_see_and_end_their_own_sessions_only(made: Stage) -> None:
    own = await signed_in(made, made.world.agency)
    other = await signed_in(made, made.world.agency)
    foreign = await signed_in(made, made.world.secretariat)
    now = clock.utc_now()

    listed = await sessions.list_sessions(made.world.agency, now)
    with pytest.raises(NotFound):
        await sessions.revoke_session(made.world.agency, foreign.session_id, now)
    await sessions.revoke_session(made.world.agency, other.session_id, now)

    assert {s.id for s in listed} == {own.session_id, other.session_id}
    assert {(s.ip, s.user_agent, s.method) for s in listed} == {("203.0.113.7", AGENT, "password")}
    assert not await is_alive(other.token)
    third = await signed_in(made, made.world.agency)
    assert await sessions.revoke_others(made.world.agency, own.session_id, now) == 1
    assert [await is_alive(s.token) for s in (own, third, foreign)] == [True, False, True]


async def test_signing_out_ends_the_session_and_clears_the_browser(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.agency)
    token = browser.token

    answer = await browser.post("/dang-xuat", from_page="/viec")

    assert answer.headers["location"] == "/"
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert not await is_alive(token)
    assert not browser.token
    assert len(await history("sign_out")) == 1


async def test_who_was_signed_out_meanwhile_comes_back_to_where_they_were(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.agency)
    page = "/viec?tinh-trang=qua-han"
    form = await browser.get("/lich/dang-ky")
    await execute("UPDATE web_session SET last_seen_at = last_seen_at - interval '31 minutes'")

    asked = await browser.get(page)
    sent = await browser.post(
        "/lich/dang-ky",
        {"_token": re.findall(r'name="_token" value="([^"]+)"', form.text)[0]},
        headers={"Referer": "http://127.0.0.1:8080/lich/dang-ky"},
    )
    elsewhere = await browser.post("/lich/dang-ky", headers={"Referer": "https://evil.example/lich/dang-ky"})
    back = await browser.password(made.world.agency, next_path="/viec?tinh-trang=qua-han")

    assert asked.headers["location"] == "/dang-nhap?tiep=%2Fviec%3Ftinh-trang%3Dqua-han"
    assert sent.headers["location"] == "/dang-nhap?tiep=%2Flich%2Fdang-ky"
    assert "evil" not in elsewhere.headers.get("location", "")
    assert back.headers["location"] == page


async def test_a_session_of_the_demonstration_is_nobody_elsewhere(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.agency)
    await execute("UPDATE web_session SET method = 'demonstration'")

    assert not await browser.is_inside()


# -- the second factor ---------------------------------------------------------------------------------


async def test_a_role_that_must_have_a_second_factor_reaches_nothing_before_it(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.secretariat)

    for path in ("/", "/viec", "/can-xu-ly", "/van-ban", "/lich/dang-ky", "/bao-cao/qua-han", "/van-ban/1"):
        answer = await browser.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith(TWO_STEP), path
    assert (await browser.post("/lich/dang-ky", {"_token": "x"})).status_code in (303, 403)
    offered = await browser.get(TWO_STEP + "?tiep=/van-ban")
    begun = await browser.post(TWO_STEP, from_page=TWO_STEP + "?tiep=/van-ban")
    shown = await browser.get(begun.headers["location"])
    secret = re.findall(r'id="khoa"[^>]*value="([A-Z2-7 ]+)"', shown.text)[0].replace(" ", "")
    wrong = await browser.post(TWO_STEP + "/xac-nhan", from_page=begun.headers["location"], ma="000000")
    done = await browser.post(
        TWO_STEP + "/xac-nhan",
        from_page=begun.headers["location"],
        ma=pyotp.TOTP(secret).at(clock.utc_now()),
    )

    assert offered.status_code == 200
    assert "<svg" in shown.text
    assert wrong.status_code == 422
    assert done.status_code == 201
    assert 'href="/van-ban"' in done.text
    assert len(re.findall(r"<code>([a-z2-7]{4}-){5}[a-z2-7]{4}</code>", done.text)) == 10
    assert (await browser.get("/can-xu-ly")).status_code == 200
    assert "<code>" not in (await browser.get(TWO_STEP)).text


async def test_who_must_have_a_second_factor_cannot_go_on_with_a_session_from_before(made: Stage) -> None:
    old = await signed_in(made, made.world.secretariat)
    agency = await signed_in(made, made.world.agency)

    await enrol(made, made.world.secretariat)
    await enrol(made, made.world.agency)
    # A change of role counts for a session that was begun as something else.
    await execute("UPDATE web_session SET ended_at = NULL, ended_because = NULL")

    assert not await is_alive(old.token)
    assert await is_alive(agency.token)


async def test_the_secret_is_sealed_for_its_person(made: Stage) -> None:
    await enrol(made, made.world.agency)
    await enrol(made, made.world.administrator)
    sealed: bytes = await fetchval(
        "SELECT totp_secret FROM account WHERE official_id = $1", made.world.agency.official_id
    )
    await execute(
        "UPDATE account SET totp_secret = $2 WHERE official_id = $1",
        made.world.administrator.official_id,
        sealed,
    )
    browser = made.browser()
    await browser.password(made.world.administrator)

    assert made.secrets[made.world.agency.official_id or 0].encode() not in sealed
    assert (await browser.code(made.code(made.world.agency))).status_code == 422


async def test_what_a_former_key_sealed_still_opens(made: Stage) -> None:
    sealed = seal(b"secret", "x")
    newer = replace(made.settings, secret_key=Secret("n" * 40))
    former = made.settings.secret_key
    assert former is not None

    use_key(replace(newer, old_secret_keys=(former,)))
    with_both, fresh = unseal(sealed, "x"), seal(b"secret", "x")
    use_key(newer)

    assert with_both == b"secret"
    assert unseal(sealed, "x") is None
    assert unseal(fresh, "x") == b"secret"
    assert unseal(fresh, "y") is None
    assert unseal(fresh[:-1] + bytes([fresh[-1] ^ 1]), "x") is None
    use_key(made.settings)


async def test_a_rotated_key_keeps_second_factors_and_webhooks_working(made: Stage) -> None:
    """After a restart with another key the former one opens, and what is used is sealed with the new one."""
    actor, former = made.world.agency, made.settings.secret_key
    assert former is not None
    assert actor.official_id is not None
    await enrol(made, actor)
    await insert_webhook(
        actor.official_id,
        url="https://hook.example.vn/",
        description="",
        kinds=["reminder.sent"],
        signing="v1",
        public_key="",
        secret=seal(b"key", webhooks.PURPOSE),
        now=clock.utc_now(),
    )
    newer = replace(made.settings, secret_key=Secret("n" * 40), old_secret_keys=(former,))

    made.app = create_app(newer)
    await made.browser().sign_in(actor)
    delivery = await webhook_delivery()

    assert webhooks.keys_of(delivery) == [b"key"]
    await webhooks.seal_anew(delivery)
    made.app = create_app(replace(newer, old_secret_keys=None))
    assert await count_sealed(SYSTEM) == Sealed(2, 0, 0)
    made.app = create_app(replace(newer, secret_key=Secret("x" * 40), old_secret_keys=None))
    assert await count_sealed(SYSTEM) == Sealed(2, 1, 1)


async def webhook_delivery() -> Claimed:
    """A delivery of the one webhook, as the worker has it in hand."""
    row = await fetchrow("SELECT * FROM webhook")
    assert row is not None
    known: dict[str, Any] = {field.name: None for field in fields(Claimed)}
    return Claimed(**known | {"webhook_id": row["id"], "secret": row["secret"]})


async def test_a_person_is_told_what_changed_about_how_they_sign_in(made: Stage) -> None:
    """In the transaction of the change, with the address it came from, and without any secret."""
    actor, now = made.world.agency, clock.utc_now()
    official_id = actor.official_id or 0
    own = await signed_in(made, actor)
    codes = await enrol(made, actor)
    await accounts.renew_recovery_codes(actor, made.code(actor), clock.utc_now(), ip="203.0.113.9")
    made_token = await tokens.create(SYSTEM, tokens.NewToken(official_id, "máy", ("read",)), now)
    await accounts.change_password(actor, own.session_id, PASSWORD, OTHER_PASSWORD, now, ip="203.0.113.9")
    await accounts.ask_reset(made.email(actor), "", now)
    token = (await mailed_link("password_reset")).rpartition("/")[2]
    await accounts.reset_password(token, PASSWORD, now, ip="203.0.113.9")
    await execute("UPDATE account SET totp_last_step = 0")  # half a minute later
    fresh = await accounts.renew_recovery_codes(actor, made.code(actor), clock.utc_now())
    browser = made.browser()
    await browser.password(actor)
    await browser.code(fresh[0])
    await accounts.reset_second_factor(made.world.administrator, official_id, now)
    stranger = await made.browser().sign_in(actor)
    again = await stranger.sign_in(actor)

    told = await fetch(
        "SELECT subject, raw, notify_key FROM outbox WHERE kind = 'account_changed' AND recipient_id = $1 ORDER BY id",
        official_id,
    )
    kinds = [row["notify_key"].split("-")[2] for row in told]
    assert kinds == [
        "second_factor_set_up",
        "recovery_codes_renewed",
        "token_made",
        "password_changed",
        "password_reset",
        "recovery_codes_renewed",
        "recovery_code_used",
        "second_factor_reset",
        "new_device",
    ]
    texts = [message_from_bytes(row["raw"], policy=policy.default).get_body(("plain",)) for row in told]
    words = [part.get_content() for part in texts if part is not None]
    assert "203.0.113.9" in words[1]
    assert "Người vận hành" in words[2]
    assert made.world.administrator.name in words[7]
    everything = "".join(words)
    for secret in (made_token.secret, PASSWORD, OTHER_PASSWORD, token, *codes, *fresh, again.token):
        assert secret not in everything


async def test_too_many_tries_are_429_and_say_when(made: Stage) -> None:
    """Wherever one proves again who one is; the API answers the same kind of refusal so, too."""
    browser = await made.browser().sign_in(made.world.agency)
    wrong = {"mat-khau-cu": "sai", "mat-khau-moi": OTHER_PASSWORD, "nhap-lai": OTHER_PASSWORD}
    answers = [
        await browser.post("/toi/bao-mat/mat-khau", wrong, from_page="/toi/bao-mat")
        for _ in range(sessions.BY_PERSON.tries + 1)
    ]
    again = await browser.post("/toi/bao-mat/nhap-lai", from_page="/toi/bao-mat/nhap-lai", mat_khau=PASSWORD)
    status, headers, _ = encoded_problem(sessions.TooManyTries(retry_after_seconds=7), "vi", "x")

    assert {a.status_code for a in answers[:-1]} == {422}
    for refused in (answers[-1], again):
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
    assert (status, headers["Retry-After"]) == (429, "7")


async def test_recovery_codes_are_renewed_for_a_code_of_the_phone(made: Stage) -> None:
    old = await enrol(made, made.world.agency)
    code, now = made.code(made.world.agency), clock.utc_now()

    new = await accounts.renew_recovery_codes(made.world.agency, code, now)

    assert not set(old) & set(new)
    with pytest.raises(Invalid):
        await accounts.renew_recovery_codes(made.world.agency, code, now)  # used
    browser = made.browser()
    await browser.password(made.world.agency)
    assert (await browser.code(old[0])).status_code == 422
    assert (await browser.code(new[0])).status_code == 303


async def test_who_lost_phone_and_codes_gets_in_after_the_operator_helped(made: Stage) -> None:
    await enrol(made, made.world.secretariat)
    inside = await made.browser().sign_in(made.world.secretariat)

    assert await accounts.reset_second_factor(
        SYSTEM, made.world.secretariat.official_id or 0, clock.utc_now()
    )

    assert not await inside.is_inside()
    answer = await made.browser().password(made.world.secretariat)
    assert answer.headers["location"] == "/can-xu-ly"  # no code asked for; from there to the setting up
    assert len(await history("reset_second_factor")) == 1


async def test_pending_is_no_session_and_dies_in_five_minutes_and_with_the_password(made: Stage) -> None:
    await enrol(made, made.world.agency)
    now = clock.utc_now()
    outcome = await sessions.sign_in(made.email(made.world.agency), PASSWORD, ip="", user_agent="", now=now)
    assert isinstance(outcome, NeedsCode)
    before = await fetchval("SELECT count(*) FROM web_session WHERE ended_at IS NULL")

    late = await sessions.give_code(
        outcome.pending,
        made.code(made.world.agency),
        ip="",
        user_agent="",
        now=now + sessions.CODE_LIFE + timedelta(seconds=1),
    )
    await execute("UPDATE account SET password_changed_at = now() + interval '1 second'")
    changed = await sessions.give_code(
        outcome.pending, made.code(made.world.agency), ip="", user_agent="", now=now
    )

    assert await sessions.find(outcome.pending, now) is None
    assert late == changed == Refused(is_over=True)
    assert await fetchval("SELECT count(*) FROM web_session WHERE ended_at IS NULL") == before


async def test_a_provider_is_asked_for_the_second_factor_too(made: Stage) -> None:
    await enrol(made, made.world.agency)
    official_id, now = made.world.agency.official_id or 0, clock.utc_now()

    asked = await sessions.begin(official_id, "oidc", ip="", user_agent="", now=now)
    proved = await sessions.begin(official_id, "oidc", ip="", user_agent="", now=now, second_factor=True)

    assert isinstance(asked, NeedsCode)
    assert isinstance(proved, SignedIn)
    entered = await sessions.give_code(
        asked.pending, made.code(made.world.agency), ip="", user_agent="", now=now
    )
    assert isinstance(entered, SignedIn)
    assert await fetchval("SELECT method FROM web_session WHERE id = $1", entered.session_id) == "oidc"


# -- the end -------------------------------------------------------------------------------------------


async def test_switching_off_ends_everything_at_once(made: Stage) -> None:
    official_id, now = made.world.agency.official_id or 0, clock.utc_now()
    browser = await made.browser().sign_in(made.world.agency)
    token = await tokens.create(SYSTEM, tokens.NewToken(official_id, "máy", ("read",)), now)
    feed = await feeds.create(
        made.world.agency,
        feeds.NewFeed(
            feeds.FeedChoices("lịch", "vi", alarm_days=[], with_cancelled=True, consolidated=False),
            scope="own_agency",
            agency_ids=[],
        ),
        now,
    )
    await accounts.ask_reset(made.email(made.world.agency), "", now)
    link = await mailed_link("password_reset")
    feed_path = feed.url.partition(":8080")[2]
    assert (await made.browser().get(feed_path)).status_code == 200

    ended = await accounts.disable(made.world.administrator, official_id, now)

    assert ended == accounts.Ended(sessions=1, tokens=1, feeds=1, links=1)
    assert not await browser.is_inside()
    assert await find_bearer(tokens.hash_of(token.secret), now) is None
    assert (await made.browser().get(feed_path)).status_code in (404, 410)
    assert (await made.browser().get(link)).status_code == 404
    assert (await made.browser().password(made.world.agency)).status_code == 422
    assert await fetchval("SELECT state FROM outbox WHERE kind = 'password_reset'") == "superseded"
    await accounts.ask_reset(made.email(made.world.agency), "", now)
    assert await fetchval("SELECT count(*) FROM outbox WHERE kind = 'password_reset'") == 1
    with pytest.raises(accounts.AlreadySwitched):
        await accounts.disable(made.world.administrator, official_id, now)

    await accounts.enable(made.world.administrator, official_id, now)

    assert (await made.browser().password(made.world.agency)).status_code == 303
    assert await find_bearer(tokens.hash_of(token.secret), now) is None
    assert [len(await history(verb)) for verb in ("disable_official", "enable_official")] == [1, 1]


async def test_the_last_administrator_cannot_be_switched_off(made: Stage) -> None:
    with pytest.raises(LastAdministrator):
        await accounts.disable(SYSTEM, made.world.officials["admin"], clock.utc_now())


async def test_a_person_who_left_office_is_out_at_the_next_request(made: Stage) -> None:
    browser = await made.browser().sign_in(made.world.agency)
    await execute("UPDATE official SET is_active = false WHERE id = $1", made.world.agency.official_id)

    assert not await browser.is_inside()


async def test_what_has_served_its_time_is_forgotten(made: Stage) -> None:
    await signed_in(made, made.world.agency)
    await invited(SYSTEM, made.world.officials["inspector"])
    await execute("UPDATE web_session SET expires_at = now() - interval '31 days'")
    await execute("UPDATE account_link SET expires_at = now() - interval '31 days'")
    await execute("UPDATE outbox SET state = 'sent', sent_at = now(), created_at = now() - interval '2 days'")
    await execute("UPDATE rate_bucket SET at = now() - interval '2 days'")

    kept = await housekeeping.run(clock.utc_now())

    assert (kept.sessions, kept.account_links, kept.secret_mails) == (1, 1, 1)
    assert kept.rate_buckets >= 1
    assert await fetchval("SELECT count(*) FROM outbox WHERE raw <> ''") == 0


async def test_who_does_what_is_in_the_history_without_secrets(made: Stage) -> None:
    await signed_in(made, made.world.agency)
    await sessions.sign_in(
        made.email(made.world.agency),
        "sai mật khẩu rồi",
        ip="203.0.113.9",
        user_agent="",
        now=clock.utc_now(),
    )
    await enrol(made, made.world.administrator)

    (entered, _) = await history("sign_in")
    (failed,) = await history("sign_in_failed")
    assert entered["actor_id"] == made.world.agency.official_id
    assert '"ip": "203.0.113.7"' in entered["detail"]
    assert failed["actor_id"] is None
    assert f'"official_id": {made.world.agency.official_id}' in failed["detail"]
    assert len(await history("confirm_second_factor")) == 1


async def test_the_ways_in_take_pasted_and_remembered_passwords(made: Stage) -> None:
    """WCAG 3.3.8: password managers know what each field is, and nothing stops a paste."""
    link = path_of(await invited(SYSTEM, made.world.officials["inspector"]))
    sign_in = (await made.browser().get("/dang-nhap")).text
    new = (await made.browser().get(link)).text

    assert re.search(r'id="thu-dien-tu"[^>]*autocomplete="username"', sign_in)
    assert re.search(r'id="mat-khau"[^>]*type="password"[^>]*autocomplete="current-password"', sign_in)
    assert new.count('autocomplete="new-password"') == 2
    assert 'autocomplete="username"' in new
    assert "onpaste" not in sign_in + new
    assert "maxlength" not in re.findall(r'<input[^>]*id="mat-khau-moi"[^>]*>', new)[0]

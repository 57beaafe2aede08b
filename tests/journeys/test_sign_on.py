"""Single sign-on as people walk it: the button, the provider, the first page; links, invitations, second factors."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from html import unescape

import httpx
import pytest

from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, SUBJECT, OidcProvider, oidc_provider
from tests.web_scene import hidden_fields
from tests.world import World, build_world
from tracker.actions import accounts, sessions, sign_on
from tracker.app import Service, create_app
from tracker.db import accounts as accounts_db
from tracker.db import identities
from tracker.db.engine import execute, fetchval
from tracker.domain.directory import Actor
from tracker.settings import Secret, Settings
from tracker.web.page import real_now
from tracker.web.session import token_to_cookie

pytestmark = pytest.mark.anyio

ADDRESS = "http://127.0.0.1:8080"
START, BACK, LINKS = "/dang-nhap-mot-lan", "/dang-nhap-mot-lan/ve", "/toi/bao-mat/dang-nhap-mot-lan"


@dataclass
class Walk:
    """The service with its provider, and the people."""

    service: Service
    provider: OidcProvider
    world: World

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.service, raise_app_exceptions=False),
            base_url=ADDRESS,
            headers={"Accept": "text/html", "Accept-Language": "vi"},
            timeout=30,
        )

    async def as_(self, actor: Actor) -> httpx.AsyncClient:
        """A browser in which somebody has just signed in."""
        assert actor.official_id is not None
        begun = await sessions.begin(
            actor.official_id, "oidc", ip="::1", user_agent="x", now=real_now(), second_factor=True
        )
        assert isinstance(begun, sessions.SignedIn)
        client = self.browser()
        state = self.service.state["web"]
        client.cookies.set(
            state.session_cookie, token_to_cookie(state.signer, begun.token), domain="127.0.0.1"
        )
        return client

    async def link(self, actor: Actor) -> None:
        assert actor.official_id is not None
        await identities.insert_identity(
            actor.official_id, self.provider.base, SUBJECT, "man.tt", "person", real_now()
        )

    async def through(
        self, client: httpx.AsyncClient, left: httpx.Response, **claims: object
    ) -> httpx.Response:
        """From the page that leads to the provider back to ours."""
        assert left.status_code == 200, left.text
        link = re.search(r'<a class="btn primary" href="([^"]+)"', left.text)
        assert link is not None
        answer = self.provider.authorize(unescape(link[1]), **claims)
        return await client.get(BACK, params=answer, headers={"Sec-Fetch-Site": "cross-site"})

    async def sign_in(self, client: httpx.AsyncClient, path: str = "", **claims: object) -> httpx.Response:
        """Press the button of the sign-in page."""
        page = await client.get("/dang-nhap", params={"tiep": path} if path else {})
        return await self.through(client, await send(client, page, START), **claims)


async def send(client: httpx.AsyncClient, page: httpx.Response, action: str) -> httpx.Response:
    """The form of a page that is sent to `action`."""
    fields = {"tiep": "", **hidden_fields(page.text, action)}
    return await client.post(action, data=fields, headers={"Origin": ADDRESS})


@pytest.fixture
async def walk(database: Settings) -> AsyncIterator[Walk]:
    async with oidc_provider() as provider:
        settings = replace(
            database,
            secret_key=Secret("k" * 40),
            oidc_issuer=provider.base,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=Secret(CLIENT_SECRET),
            oidc_name="Cổng SSO",
            oidc_mfa_acr=("gold",),
        )
        world = await build_world()
        yield Walk(create_app(settings), provider, world)


async def test_button_leads_to_the_page_that_was_wanted(walk: Walk) -> None:
    """Wanted page, sign-in, provider, and the wanted page again, with a session that the database knows."""
    await walk.link(walk.world.agency)
    client = walk.browser()
    asked = await client.get("/viec?tu=y")
    assert asked.headers["location"].startswith("/dang-nhap?tiep=")
    door = await client.get(asked.headers["location"])
    assert "Cổng SSO" in door.text

    back = await walk.through(client, await send(client, door, START))

    assert (back.status_code, back.headers["location"]) == (303, "/viec?tu=y")
    assert (await client.get("/viec?tu=y")).status_code == 200
    row = await fetchval(
        "SELECT method FROM web_session WHERE official_id = $1", walk.world.agency.official_id
    )
    assert row == "oidc"


async def test_session_is_a_new_one(walk: Walk) -> None:
    """Attack case 59: whatever cookie the browser came with, the session has another."""
    await walk.link(walk.world.agency)
    client = await walk.as_(walk.world.other_agency)
    before = client.cookies["dondoc"]

    await walk.sign_in(client)

    assert client.cookies["dondoc"] != before
    old = walk.browser()
    old.cookies.set("dondoc", before, domain="127.0.0.1")
    assert (await old.get("/viec")).status_code == 303


async def test_person_who_was_switched_off_is_out_at_once(walk: Walk) -> None:
    await walk.link(walk.world.agency)
    client = walk.browser()
    await walk.sign_in(client)
    assert (await client.get("/viec")).status_code == 200

    await accounts.disable(walk.world.administrator, walk.world.officials["byt.focal"], real_now())

    assert (await client.get("/viec")).status_code == 303
    assert (await walk.sign_in(client)).status_code == 403


async def test_secretariat_sets_up_the_second_factor_first(walk: Walk) -> None:
    """Without a second factor, here or at the provider, no page of the work is open."""
    await walk.link(walk.world.secretariat)
    client = walk.browser()
    await walk.sign_in(client)

    work = await client.get("/can-xu-ly")
    links = await client.get(LINKS)

    assert work.headers["location"].startswith("/toi/bao-mat/hai-buoc")
    assert links.headers["location"].startswith("/toi/bao-mat/hai-buoc")


async def test_second_factor_of_the_provider_opens_the_work(walk: Walk) -> None:
    await walk.link(walk.world.secretariat)
    client = walk.browser()

    await walk.sign_in(client, acr="gold")

    assert (await client.get("/can-xu-ly")).status_code == 200


async def test_second_factor_that_is_here_is_asked_for(walk: Walk) -> None:
    """Who has one here gives its code, unless the provider asked for one."""
    await walk.link(walk.world.secretariat)
    official_id = walk.world.officials["officer"]
    await accounts_db.put_account(official_id, real_now())
    await accounts_db.mark_totp_pending(official_id, b"x")
    assert await accounts_db.mark_totp_confirmed(official_id, b"x", 1, real_now())
    client = walk.browser()

    answer = await walk.sign_in(client)

    assert answer.headers["location"] == "/dang-nhap/ma"
    assert (await client.get("/can-xu-ly")).status_code == 303
    assert await fetchval("SELECT count(*) FROM web_session") == 0


async def test_link_and_unlink_on_the_page(walk: Walk) -> None:
    """Link, see it, sign in with it elsewhere, unlink it, and be refused."""
    member = walk.world.member
    await accounts_db.put_account(walk.world.officials["member"], real_now())
    await accounts_db.mark_password(walk.world.officials["member"], "hash", real_now())
    client = await walk.as_(member)
    page = await client.get(LINKS)
    assert "Chưa liên kết danh tính nào" in page.text

    linked = await walk.through(client, await send(client, page, LINKS))
    assert (linked.status_code, linked.headers["location"]) == (303, LINKS)
    page = await client.get(LINKS)
    assert "man.tt" in page.text
    assert "Đã liên kết Cổng SSO" in page.text
    assert (await walk.sign_in(walk.browser())).status_code == 303

    action = re.search(rf'action="({LINKS}/[0-9]+/go)"', page.text)
    assert action is not None
    gone = await send(client, page, action[1])
    assert (gone.status_code, gone.headers["location"]) == (303, LINKS)
    assert (await walk.sign_in(walk.browser())).status_code == 403


async def test_identity_of_another_person_is_not_linked(walk: Walk) -> None:
    """Who has signed in is told so in words about linking; the cause stays with the operator."""
    await walk.link(walk.world.agency)
    client = await walk.as_(walk.world.member)

    answer = await walk.through(client, await send(client, await client.get(LINKS), LINKS))

    assert answer.status_code == 403
    assert "Chưa liên kết được Cổng SSO" in answer.text
    assert await fetchval("SELECT count(*) FROM external_identity") == 1


async def test_too_many_attempts_are_put_off(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_on, "STARTS_AT_ONCE", 1)
    monkeypatch.setattr(sign_on, "START_COMES_BACK_SECONDS", 3600.0)
    client = walk.browser()
    door = await client.get("/dang-nhap")
    await send(client, door, START)

    answer = await send(client, door, START)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert "Hãy thử lại sau một phút" in answer.text


async def test_only_way_in_stays(walk: Walk) -> None:
    await walk.link(walk.world.member)
    client = await walk.as_(walk.world.member)
    page = await client.get(LINKS)
    action = re.search(rf'action="({LINKS}/[0-9]+/go)"', page.text)
    assert action is not None

    answer = await send(client, page, action[1])

    assert answer.status_code == 409
    assert "cách duy nhất để vào Đôn Đốc" in answer.text


async def test_old_session_proves_again_before_it_links(walk: Walk) -> None:
    """Attack case 64's cousin: a session left open links nobody's identity."""
    client = await walk.as_(walk.world.member)
    page = await client.get(LINKS)
    await execute("UPDATE web_session SET authenticated_at = now() - interval '11 minutes'")

    answer = await send(client, page, LINKS)

    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (
        303,
        "/toi/bao-mat/nhap-lai",
    )
    assert await fetchval("SELECT count(*) FROM sign_on_flow") == 0


async def test_invited_person_comes_in_without_a_password(walk: Walk) -> None:
    """Invitation, provider, first page; the invitation serves nobody else."""
    invited = await accounts.invite(walk.world.administrator, walk.world.officials["byt.focal"], real_now())
    path = f"/loi-moi/{invited.token}"
    client = walk.browser()
    page = await client.get(path)
    assert "Cổng SSO" in page.text

    back = await walk.through(client, await send(client, page, f"{path}/dang-nhap-mot-lan"))

    assert back.status_code == 303
    assert (await client.get("/viec")).status_code == 200
    assert (await client.get(path)).status_code == 404


async def test_links_are_for_who_has_signed_in(walk: Walk) -> None:
    client = walk.browser()

    assert (await client.get(LINKS)).headers["location"].startswith("/dang-nhap")
    assert (await client.post(LINKS, data={"_token": "x"}, headers={"Origin": ADDRESS})).status_code == 303

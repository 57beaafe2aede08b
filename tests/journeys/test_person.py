"""A person's walk: first administrator, invitation by mail, password, code, first page, token, feed, and the end."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from urllib.parse import urlsplit

import httpx
import pyotp
import pytest

from tests.identity_scene import OTHER_PASSWORD, PASSWORD, Browser, Stage
from tests.web_scene import ADDRESS, hidden_fields
from tests.world import build_world
from tracker import clock
from tracker.actions import accounts
from tracker.app import create_app
from tracker.db.engine import fetch, fetchval
from tracker.jobs.worker import delivery_of, transport_of
from tracker.mailbox import LocalMailbox
from tracker.process import with_secret_key
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


async def _choose_password(browser: Browser, link: str, password: str) -> httpx.Response:
    return await browser.post(link, from_page=link, mat_khau_moi=password, nhap_lai=password)


async def _sign_in(browser: Browser, email: str, password: str) -> httpx.Response:
    return await browser.post("/dang-nhap", from_page="/dang-nhap", thu_dien_tu=email, mat_khau=password)


async def _set_up_codes(browser: Browser) -> tuple[str, list[str]]:
    """The second factor, as the pages lead through it: the secret, and the recovery codes."""
    page = "/toi/bao-mat/hai-buoc"
    await browser.post(page, from_page=page)
    shown = (await browser.get(page)).text
    secret = re.sub(r"\s", "", re.search(r'id="khoa"[^>]* value="([A-Z2-7 ]+)"', shown)[1])  # type: ignore[index]
    code = pyotp.TOTP(secret).at(clock.utc_now())
    done = await browser.post(f"{page}/xac-nhan", from_page=page, ma=code)
    assert done.status_code == 201, done.text
    return secret, re.findall(r"<li><code>([^<]+)</code>", done.text)


def _api(stage: Stage, token: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=stage.app, raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url=ADDRESS, headers={"Authorization": f"Bearer {token}"}, timeout=30
    )


async def test_from_invitation_to_the_end(database: Settings) -> None:
    """Everything a person is given works, and all of it is dead the moment the account is switched off."""
    settings = with_secret_key(database)
    mailbox = LocalMailbox(settings.data_dir)
    await mailbox.start()
    settings = replace(settings, smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_security="none")
    try:
        stage = Stage(await build_world(), create_app(settings), settings)

        # The operator makes the first administrator's link on the command line; nobody has a password yet.
        first = await accounts.first_administrator(
            "quantri@vpcp.example.vn", "Nguyễn Thị Quản", clock.utc_now()
        )
        admin = stage.browser()
        chosen = await _choose_password(admin, urlsplit(first.url).path, PASSWORD)
        assert chosen.status_code == 303, chosen.text
        await _sign_in(admin, "quantri@vpcp.example.vn", PASSWORD)
        # An administrator gets nowhere before the second factor stands.
        assert (await admin.get("/nguoi")).headers["location"].startswith("/toi/bao-mat/hai-buoc")
        secret, recovery = await _set_up_codes(admin)
        assert len(recovery) == len(set(recovery)) == 10
        assert (await admin.get("/nguoi")).status_code == 200

        # A colleague is written down and invited; the letter goes out by SMTP.
        form = hidden_fields((await admin.get("/nguoi/moi?co-quan=BYT")).text, "/nguoi")
        added = await admin.client.post(
            "/nguoi",
            data={
                **form,
                "ten": "Trần Thị Bình",
                "thu": "binh@byt.example.vn",
                "vai-tro": "agency_officer",
                "co-quan": "BYT",
                "ngon-ngu": "vi",
            },
            headers={"Origin": ADDRESS},
        )
        assert added.status_code == 303, added.text
        person = urlsplit(added.headers["location"]).path
        assert (await admin.post(f"{person}/loi-moi", from_page=person)).status_code == 303
        transport = transport_of(settings)
        assert transport is not None
        await delivery_of(settings, transport).run()
        link = _link_in(mailbox, "binh@byt.example.vn")

        # The mail scanner's look changes nothing; the person's own does.
        officer = stage.browser("203.0.113.20")
        for _ in range(3):
            assert (await officer.get(link)).status_code == 200
        chosen = await _choose_password(officer, link, OTHER_PASSWORD)
        assert chosen.status_code == 303, chosen.text
        assert (await officer.get(link)).status_code == 404
        await _sign_in(officer, "binh@byt.example.vn", OTHER_PASSWORD)
        page = await officer.get("/viec")
        assert page.status_code == 200
        assert "Trần Thị Bình" in page.text

        # A token and a calendar of their own.
        made = await officer.post(
            "/toi/ma-truy-cap",
            {"ten": "Phần mềm của vụ", "pham-vi": "read", "so-ngay": "90"},
            from_page="/toi/ma-truy-cap",
        )
        token = re.search(r"ddt_[0-9A-Za-z]{32}", made.text)
        assert token is not None, made.text
        calendar = await officer.post(
            "/lich/dang-ky", {"ten": "Hạn của Bộ", "pham-vi": "own_agency"}, from_page="/lich/dang-ky"
        )
        feed = re.search(r"/calendars/ddf_[a-z2-7]{32}\.ics", unescape(calendar.text))
        assert feed is not None, calendar.text
        api = _api(stage, token[0])
        nobody = httpx.AsyncClient(transport=api._transport, base_url=ADDRESS)
        assert (await api.get("/api/v1/me")).json()["official"]["email"] == "binh@byt.example.vn"
        assert (await nobody.get(feed[0])).headers["content-type"].startswith("text/calendar")

        # The administrator signs in elsewhere with password and code, and switches the account off.
        other = stage.browser("203.0.113.30")
        await _sign_in(other, "quantri@vpcp.example.vn", PASSWORD)
        assert not await other.is_inside()
        signed_in = await other.code(pyotp.TOTP(secret).at(clock.utc_now(), counter_offset=1))
        assert signed_in.status_code == 303, signed_in.text
        off = await other.post(f"{person}/khoa", from_page=person)
        assert off.status_code == 303, off.text

        # At once nothing of it is alive.
        assert not await officer.is_inside()
        assert (await api.get("/api/v1/me")).status_code == 401
        assert (await nobody.get(feed[0])).status_code == 404
        again = await _sign_in(officer, "binh@byt.example.vn", OTHER_PASSWORD)
        assert again.status_code != 303
        assert not await officer.is_inside()

        # The story of it stands in the history, without a password, token or code.
        rows = await fetch("SELECT verb, reason, detail::text FROM history ORDER BY id")
        assert {"invite_official", "create_official", "create_token", "disable_official"} <= {
            row["verb"] for row in rows
        }
        told = "\n".join(" ".join(row) for row in rows)
        for hidden in (PASSWORD, OTHER_PASSWORD, token[0], secret, link.rpartition("/")[2], *recovery):
            assert hidden not in told
        assert await fetchval("SELECT count(*) FROM web_session WHERE ended_at IS NULL") == 2
    finally:
        await mailbox.stop()


def _link_in(mailbox: LocalMailbox, address: str) -> str:
    """The path of the invitation in the newest letter to this address, as the mail program shows it."""
    newest = mailbox.list_messages(to=address)[0]
    found = re.search(r"/loi-moi/ddl_[0-9A-Za-z]{32}", mailbox.read(newest.id).text)
    assert found is not None
    return found[0]

"""A service that is no demonstration, people with passwords, and browsers that come to it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import pyotp

from tests.apps import borrowed_app
from tests.web_scene import ADDRESS, hidden_fields
from tests.world import World, build_world
from tracker import clock
from tracker.actions import accounts, sessions
from tracker.actions.hashing import hash_password
from tracker.db import accounts as accounts_db
from tracker.db.engine import fetch, fetchval
from tracker.domain.directory import SYSTEM, Actor
from tracker.process import with_secret_key
from tracker.settings import Settings

PASSWORD = "trăng rằm soi lối ngõ"
OTHER_PASSWORD = "ruộng bậc thang mùa lúa"
AGENT = "Firefox/145"


@dataclass
class Stage:
    """The world, the service, and the secrets of who has a second factor."""

    world: World
    app: Any
    settings: Settings
    secrets: dict[int, str] = field(default_factory=dict)

    def browser(self, ip: str = "203.0.113.7") -> Browser:
        """A new browser at this address."""
        return Browser(self, ip)

    def email(self, actor: Actor) -> str:
        """What the person signs in with."""
        return emails[actor.official_id]

    def code(self, actor: Actor, steps: int = 0) -> str:
        """The code that the person's phone shows, or showed `steps` ago."""
        assert actor.official_id is not None
        totp = pyotp.TOTP(self.secrets[actor.official_id])
        return totp.at(clock.utc_now(), counter_offset=steps)


emails: dict[int | None, str] = {}


@asynccontextmanager
async def stage(settings: Settings, **changes: Any) -> AsyncIterator[Stage]:
    """The service on the test's open pool; an officer of a ministry and the secretariat have passwords."""
    settings = with_secret_key(settings)
    world = await build_world()
    emails.clear()
    emails.update({row["id"]: row["email"] for row in await fetch("SELECT id, email FROM official")})
    hashed = await hash_password(PASSWORD)
    for actor in (world.agency, world.secretariat, world.administrator):
        await give_password(actor, hashed)
    with borrowed_app(settings) as app:
        yield Stage(world, app, settings)


async def give_password(actor: Actor, password_hash: str) -> None:
    """An account with this password, in the past."""
    assert actor.official_id is not None
    await accounts_db.put_account(actor.official_id, clock.utc_now())
    await accounts_db.mark_password(actor.official_id, password_hash, clock.utc_now())


async def enrol(made: Stage, actor: Actor) -> tuple[str, ...]:
    """Set up the second factor as the person does; the recovery codes. The used step lies far back."""
    assert actor.official_id is not None
    now = clock.utc_now()
    begun = await sessions.begin(actor.official_id, "oidc", ip="", user_agent="", now=now)
    assert isinstance(begun, sessions.SignedIn)
    secret = (await accounts.begin_totp(actor, now)).secret
    codes = await accounts.confirm_totp(
        actor, begun.session_id, pyotp.TOTP(secret).at(now, counter_offset=-1), now
    )
    made.secrets[actor.official_id] = secret
    return codes


async def history(verb: str) -> list[dict[str, Any]]:
    """What was noted under this verb."""
    rows = await fetch("SELECT actor_id, actor_name, detail FROM history WHERE verb = $1 ORDER BY id", verb)
    return [dict(row) for row in rows]


async def mailed_link(kind: str) -> str:
    """The path of the link in the last letter of this kind."""
    raw: bytes = await fetchval("SELECT raw FROM outbox WHERE kind = $1 ORDER BY id DESC LIMIT 1", kind)
    found = re.search(rb"/(?:loi-moi|dat-lai-mat-khau)/ddl_[0-9A-Za-z]{32}", raw.replace(b"=\r\n", b""))
    assert found is not None, raw.decode()
    return found[0].decode()


async def invited(actor: Actor, official_id: int, now: datetime | None = None) -> accounts.Invited:
    """An invitation by the operator."""
    return await accounts.invite(SYSTEM, official_id, now or clock.utc_now())


class Browser:
    """Keeps cookies, reads forms, sends them."""

    def __init__(self, made: Stage, ip: str) -> None:
        self.stage = made
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=made.app, raise_app_exceptions=False, client=(ip, 50_000)),
            base_url=ADDRESS,
            headers={"Accept": "text/html", "Accept-Language": "vi", "User-Agent": AGENT},
            timeout=60,
        )

    @property
    def token(self) -> str:
        """The session's token in the cookie; empty without one."""
        value = self.client.cookies.get("dondoc") or ""
        return value.partition(".")[0] if value.startswith("dds_") else ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """A page, as it comes."""
        return await self.client.get(path, headers=headers)

    async def post(
        self,
        path: str,
        given: dict[str, str] | None = None,
        *,
        from_page: str | None = None,
        headers: dict[str, str] | None = None,
        **fields: str,
    ) -> httpx.Response:
        """Send a form with the hidden fields of the page it stands on; underscores in names are hyphens."""
        values: dict[str, str] = dict(given or {})
        if from_page is not None:
            values |= hidden_fields((await self.get(from_page)).text, path)
        values |= {n if n == "_token" else n.replace("_", "-"): value for n, value in fields.items()}
        return await self.client.post(path, data=values, headers={"Origin": ADDRESS, **(headers or {})})

    async def password(self, actor: Actor, password: str = PASSWORD, next_path: str = "") -> httpx.Response:
        """The first step."""
        return await self.post(
            "/dang-nhap",
            from_page="/dang-nhap",
            thu_dien_tu=self.stage.email(actor),
            mat_khau=password,
            tiep=next_path,
        )

    async def code(self, code: str) -> httpx.Response:
        """The second step."""
        return await self.post("/dang-nhap/ma", from_page="/dang-nhap/ma", ma=code)

    async def sign_in(self, actor: Actor, password: str = PASSWORD) -> Browser:
        """Both steps, where there are two."""
        answer = await self.password(actor, password)
        assert answer.status_code == 303, answer.text
        if answer.headers["location"].startswith("/dang-nhap/ma"):
            answer = await self.code(self.stage.code(actor))
            assert answer.status_code == 303, answer.text
        assert self.token
        return self

    async def is_inside(self) -> bool:
        """Whether a page that needs a reader opens."""
        return (await self.get("/viec")).status_code == 200

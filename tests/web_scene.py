"""A scene for the pages: a directive whose tasks stand in every status, a mailbox with letters, people to play."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from html import unescape

import httpx

from tests.apps import borrowed_app
from tests.rows import hand_of
from tests.world import MONDAY, World, build_world, directive, task
from tracker import clock
from tracker.actions import assignments, demo_clock, directives, extensions, reports
from tracker.app import Service
from tracker.db.engine import execute, fetchval
from tracker.domain.directory import Actor
from tracker.domain.drafts import ExtensionDecision, NewExtension, NewReport
from tracker.jobs import reminders
from tracker.jobs.worker import delivery_of, transport_of
from tracker.mailbox import LocalMailbox
from tracker.process import with_secret_key
from tracker.settings import Secret, Settings

ADDRESS = "http://127.0.0.1:8080"
NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}${7*7}",
    "</script></style><svg onload=alert(1)>",
    "' OR 1=1-- ;DROP TABLE task",
)
"""What attack cases 29 to 38 put into every text."""


@dataclass(frozen=True)
class Scene:
    """The world and the tasks by the status they stand in."""

    world: World
    tasks: dict[str, int]
    app: Service
    settings: Settings
    mailbox: LocalMailbox

    def path(self, name: str, agency: str = "BYT") -> str:
        """The address of an assignment."""
        return f"/viec/{self.tasks[name]}/{agency}"


@dataclass(frozen=True)
class _Kept:
    """A scene copied aside: built once for each server, brought back for each test."""

    world: World
    tasks: dict[str, int]
    at: datetime
    back: str
    secret_key: Secret
    letters: dict[str, bytes]


_kept: dict[str, _Kept] = {}


@asynccontextmanager
async def scene(settings: Settings, *, is_demonstration: bool = True) -> AsyncIterator[Scene]:
    """The scene on an open pool; the clock stands on Monday 24/11/2025, 09:00."""
    hand = hand_of(settings.owner_dsn())
    kept = _kept.get(settings.owner_dsn())
    mailbox = LocalMailbox(settings.data_dir)
    if kept is None or hand is None:
        settings = with_secret_key(settings)
        await mailbox.start()
        try:
            world, tasks = await _build(_with_mailbox(settings, mailbox))
        finally:
            await mailbox.stop()
        if hand is not None:
            assert settings.secret_key is not None
            _kept[settings.owner_dsn()] = _Kept(
                replace(world, agencies=dict(world.agencies), officials=dict(world.officials)), dict(tasks),
                clock.utc_now(), await hand.keep("scene"), settings.secret_key,
                {path.name: path.read_bytes() for path in (settings.data_dir / "mailbox/new").iterdir()},
            )  # fmt: skip
    else:
        assert hand is not None
        await hand.bring_back(kept.back)
        await hand.execute("UPDATE heartbeat SET at = now()")
        settings = replace(settings, secret_key=kept.secret_key)
        (settings.data_dir / "mailbox/new").mkdir(parents=True)
        for name, letter in kept.letters.items():
            (settings.data_dir / "mailbox/new" / name).write_bytes(letter)
        world = replace(kept.world, agencies=dict(kept.world.agencies), officials=dict(kept.world.officials))
        tasks = dict(kept.tasks)
        await demo_clock.start(kept.at)
    await mailbox.start()
    try:
        settings = _with_mailbox(settings, mailbox)
        shown = mailbox if is_demonstration else None
        with borrowed_app(settings, is_demonstration=is_demonstration, mailbox=shown) as app:
            yield Scene(world, tasks, app, settings, mailbox)
    finally:
        await mailbox.stop()


def _with_mailbox(settings: Settings, mailbox: LocalMailbox) -> Settings:
    return replace(settings, smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_security="none")


async def _build(settings: Settings) -> tuple[World, dict[str, int]]:
    """Record the scene, and send the mail that follows from it."""
    with borrowed_app(settings, is_demonstration=True):  # the address and the keys are those of its service
        world = await build_world()
        tasks = await _tasks(world)
        await demo_clock.start(MONDAY)
        await reminders.run(clock.utc_now())
        transport = transport_of(settings)
        assert transport is not None
        await delivery_of(settings, transport).run()
    return world, tasks


def _at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour - 7, tzinfo=UTC)


async def _tasks(world: World) -> dict[str, int]:
    """Tasks of the ministry of health, each brought into its status by the actions people use."""
    names = {
        "overdue": "trước ngày 31/10/2025",
        "soon": "trước ngày 26/11/2025",
        "today": "trước 17 giờ ngày 24/11/2025",
        "later": "trước ngày 15/12/2025",
        "weekend": "trước ngày 06/12/2025",
        "waiting": "trước ngày 28/11/2025",
        "returned": "trước ngày 20/12/2025",
        "done": "trước ngày 21/11/2025",
        "done_late": "trước ngày 03/11/2025",
        "extension": "trước ngày 14/11/2025",
        "extended": "trước ngày 10/11/2025",
        "withdrawn": "trước ngày 30/12/2025",
        "nasty": "trước ngày 12/11/2025",
        "undated": "",
    }
    issued = date(2025, 10, 1)
    new = directive(
        *(
            replace(
                task(deadline, leads=("BYT", "BTC") if name == "soon" else ("BYT",), cooperating=("HN",)),
                short_name=("".join(NASTY))[:90] if name == "nasty" else f"Nhiệm vụ {name} ẾỄỆỮẴẶỢ",
                full_text="\n".join(NASTY) if name == "nasty" else f"Toàn văn của nhiệm vụ {name}.",
                product="" if name == "undated" else "Quyết định ban hành",
            )
            for name, deadline in names.items()
        ),
        issued_on=issued,
    )
    recorded = await directives.record(world.secretariat, new, _at(issued, 10))
    tasks = dict(zip(names, recorded.task_ids, strict=True))
    own = {name: await _id(task_id, world.agencies["BYT"]) for name, task_id in tasks.items()}
    agency, desk = world.agency, world.secretariat

    async def report(name: str, kind: str, on: date, said: str = "Đã ban hành văn bản.") -> None:
        new_report = NewReport(kind, said, evidence_number="7431/BYT-CNTT" if kind == "completion" else "")
        await reports.submit(agency, own[name], None, new_report, _at(on))

    for name in ("overdue", "waiting", "done", "done_late", "extension", "extended", "returned"):
        await assignments.acknowledge(agency, own[name], None, _at(date(2025, 10, 2)))
    await report("overdue", "progress", date(2025, 10, 20), "Đã có dự thảo, đang lấy ý kiến.")
    await report("waiting", "completion", date(2025, 11, 19))
    await report("returned", "completion", date(2025, 11, 10))
    await assignments.return_for_rework(
        desk, own["returned"], None, "Chưa có biên bản nghiệm thu.", _at(date(2025, 11, 12))
    )
    for name, on in (("done", date(2025, 11, 20)), ("done_late", date(2025, 11, 15))):
        await report(name, "completion", on)
        await assignments.confirm(desk, own[name], None, "", _at(on + timedelta(days=1)))
    ask = NewExtension("Chờ cấp chứng thư kết nối.", date(2025, 12, 15))
    await extensions.request(agency, own["extension"], None, ask, _at(date(2025, 11, 13)))
    asked = await extensions.request(agency, own["extended"], None, ask, _at(date(2025, 11, 5)))
    decision = ExtensionDecision(True, date(2025, 12, 5), "10211/VPCP-CĐS")
    await extensions.decide(desk, asked, None, decision, _at(date(2025, 11, 6)))
    await assignments.withdraw(
        desk, own["withdrawn"], None, "Đã có văn bản khác.", "", _at(date(2025, 11, 7))
    )
    await report("nasty", "obstacle", date(2025, 11, 3), "\n".join(NASTY))
    await execute("UPDATE agency SET name = name || $1 WHERE code = 'HN'", NASTY[0] + NASTY[1])
    await execute(
        "UPDATE official SET mailbox = 'dead', mailbox_reason = $2 WHERE id = $1",
        world.officials["btc.leader"],
        "550 5.1.1 " + NASTY[0] + NASTY[1],
    )
    return tasks


async def _id(task_id: int, agency_id: int) -> int:
    found: int = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2", task_id, agency_id
    )
    return found


class Visitor:
    """A browser without a screen: keeps cookies, reads forms, sends them."""

    def __init__(self, made: Scene) -> None:
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=made.app, raise_app_exceptions=False),
            base_url=ADDRESS,
            headers={"Accept": "text/html", "Accept-Language": "vi"},
            timeout=30,
        )

    async def sign_in(self, actor: Actor) -> Visitor:
        """Play somebody, as the start page lets one do."""
        await self.get("/")
        answer = await self.post("/dang-nhap", from_page="/dang-nhap", nguoi=str(actor.official_id))
        assert answer.status_code == 303, answer.text
        return self

    async def get(self, path: str) -> httpx.Response:
        """A page, as it comes."""
        return await self.client.get(path)

    async def post(
        self, path: str, *, from_page: str | None = None, headers: dict[str, str] | None = None, **fields: str
    ) -> httpx.Response:
        """Send a form with the hidden fields of the page it stands on; underscores in names are hyphens."""
        values: dict[str, str] = {}
        if from_page is not None:
            values |= hidden_fields((await self.get(from_page)).text, path)
        values |= {
            name.replace("_", "-") if name != "_token" else name: value for name, value in fields.items()
        }
        return await self.client.post(path, data=values, headers={"Origin": ADDRESS, **(headers or {})})


def hidden_fields(html: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that is sent to `action`."""
    for form in re.findall(r"<form\b.*?</form>", html, re.S):
        if f'action="{action}"' in form:
            pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
            return {name: unescape(value) for name, value in pairs}
    raise AssertionError(f"no form for {action}")

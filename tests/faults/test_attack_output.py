"""The attack cases against what goes out: pages, pictures, print, mail, calendars, tables, JSON, webhooks.

The words of attackers are brought in by the actions that people use, and read again with the programs that read them.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import icalendar
import openpyxl
import pytest

from tests.api import Api, running_api
from tests.browser.conftest import Stage
from tests.browser.conftest import browser as browser
from tests.browser.conftest import stage as stage
from tests.faults.test_attack_sign_on import Case, serving
from tests.faults.test_attack_sign_on import case as case
from tests.faults.test_attack_sign_on import provider as provider
from tests.faults.test_smtp import serving as mail_server
from tests.integration.test_audit import command
from tests.receivers import receiving
from tests.web_scene import ADDRESS, Scene, Visitor, scene
from tests.world import MONDAY, World, directive, task
from tracker import clock
from tracker.actions import (
    assignments,
    attachments,
    directives,
    explanations,
    exports,
    extensions,
    feeds,
    imports,
    ladders,
    passing_on,
    reports,
    tokens,
    urges,
    views,
    working_days,
)
from tracker.actions import webhooks as webhook_actions
from tracker.actions.reminders import sweep
from tracker.db import saved_views as views_db
from tracker.db import webhooks as webhooks_db
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.ladders import newest_version
from tracker.domain.access import Scope
from tracker.domain.claims import Cause
from tracker.domain.directory import SYSTEM
from tracker.domain.drafts import NewExtension, NewReport
from tracker.domain.urges import UrgeKind
from tracker.domain.webhooks import Kind
from tracker.domain.workdays import DayMark
from tracker.intake.rows import Defaults
from tracker.jobs.long_work import LongWork
from tracker.jobs.webhooks import WebhookDelivery
from tracker.jobs.worker import delivery_of, transport_of
from tracker.process import with_secret_key
from tracker.settings import Settings, load
from tracker.web.ladder_drafts import values_of
from tracker.web.rendering import static_address

pytestmark = pytest.mark.anyio

WORDS = {
    29: "<script>alert(29)</script>",
    30: '"><img src=x onerror=alert(30)>',
    31: "'-alert(31)-' \" autofocus onfocus=alert(31) x='",
    32: "javascript:alert(32) data:text/html,<script>alert(32)</script>",
    33: "{{7*7}}{% raw %}${7*7}#{7*7}",
    34: "</script><script>alert(34)</script>",
    35: "</style><style>*{background:url(//evil.example)}</style>",
    36: "<svg onload=alert(36)><image href=x onerror=alert(36)></svg>",
    37: "[a](javascript:alert(37)) ![x](http://evil.example/x.png)",
    38: "' OR 1=1-- ;DROP TABLE task",
    42: "=cmd|'/C calc'!A0",
}
"""What the attack cases put into texts, by their number; each fits the name of a task."""
ALL = "\n".join(WORDS.values())
SMUGGLED = "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:giả\r\nBcc: evil@evil.example"


async def infect(world: World) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Every text that people can write holds the words of attackers; the ids of tasks and assignments."""
    new = directive(
        *(
            replace(
                task("trước ngày 20/11/2025", cooperating=("HN",), short_name=words),
                full_text=ALL,
                product=ALL,
                place=words[:60],
                report_to=words[:60],
                field=words,
            )
            for words in WORDS.values()
        ),
        number="<b>9</b>/NQ-CP",
    )
    new = replace(new, abstract=ALL.replace("\n", " "), issuer=WORDS[30], signer=WORDS[31])
    recorded = await directives.record(world.secretariat, new, MONDAY)
    own = [
        await fetchval(
            "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2", t, world.agencies["BYT"]
        )
        for t in recorded.task_ids
    ]
    for kind, assignment_id in zip(("progress", "obstacle", "completion"), own, strict=False):
        said = NewReport(kind, ALL, evidence_number=WORDS[30], addressed_to=WORDS[31])
        is_done = kind == "completion"
        said = replace(said, addressed_to="") if is_done else replace(said, evidence_number="")
        await reports.submit(world.agency, assignment_id, None, said, MONDAY)
    await execute("UPDATE agency SET name = $1, short_name = $2 WHERE code = 'BYT'", WORDS[30], WORDS[29])
    await execute("UPDATE official SET full_name = $2 WHERE id = $1", world.agency.official_id, WORDS[36])
    await execute("UPDATE official SET full_name = $2 WHERE id = $1", world.leader.official_id, WORDS[31])
    return recorded.task_ids, tuple(own)


class Reader(HTMLParser):
    """What a page would do: elements, handlers and addresses that nobody of ours has written."""

    def __init__(self, is_mail: bool) -> None:
        super().__init__()
        self.is_mail = is_mail
        self.wrong: list[str] = []
        self.text: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (
            not self.is_mail
            and tag == "script"
            and attrs == [("src", static_address("app.js")), ("defer", None)]
        ):
            self.scripts += 1
        elif tag in ("script", "image", "object", "embed", "base") or (
            tag == "iframe" and "sandbox" not in given
        ):
            self.wrong.append(f"<{tag} {given}>")
        for name, value in attrs:
            if name.startswith("on") or name == "srcdoc" or (name == "style" and not self.is_mail):
                self.wrong.append(f"{name}={value}")
            if name in ("href", "src", "action", "formaction", "data", "xlink:href", "content"):
                address = (value or "").strip().lower()
                if address.startswith(("javascript:", "data:text", "vbscript:", "//", "http://evil")):
                    self.wrong.append(f"{name}={value}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read_page(html: str, *, is_mail: bool = False) -> str:
    """The text of a page in which nothing of the attackers' became more than text; mails carry styles of ours.

    Of scripts a page has ours or none.
    """
    reader = Reader(is_mail)
    reader.feed(html)
    reader.close()
    assert reader.wrong == []
    assert reader.scripts <= 1
    return "".join(reader.text)


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as here:
        yield here


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


def queries() -> list[str]:
    """Pages that say again what the address holds."""
    told = [quote(words, safe="") for words in WORDS.values()]
    paths = (
        "/viec?tu={}",
        "/viec?tinh-trang={}",
        "/viec?tu-ngay={}",
        "/viec?co-quan={}",
        "/dang-nhap?tiep={}",
    )
    return [path.format(words) for path in paths for words in told] + [f"/{words}" for words in told]


# -- pages ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """Where the words went besides the tasks."""

    asked: int
    explained: int
    passed: int
    reported: int
    import_id: int
    job_id: int
    view_id: int
    webhook_id: int
    outbox_id: int
    receipt: str
    draft: str


async def infect_more(world: World, own: tuple[int, ...]) -> Said:
    """The words in everything else that people write: reasons, notes, names of what they keep, rules, tables."""
    desk, agency, now = world.secretariat, world.agency, clock.utc_now()
    _, _, reported, asked, explained, owed, passed, returned, dropped, *_ = own
    await extensions.request(agency, asked, None, NewExtension(ALL, date(2026, 1, 30)), now)
    await attachments.add(agency, asked, attachments.NewFile(f"{WORDS[30]}.txt", b"x"), now)
    for assignment_id in (explained, owed):
        ask = urges.NewUrge([assignment_id], UrgeKind.EXPLANATION, ALL, date(2025, 12, 1))
        await urges.urge(desk, ask, now)
    await explanations.answer(agency, explained, ALL, now)
    await passing_on.pass_on(agency, passed, passing_on.PassOn(agency.official_id, None, ALL, 0), now)
    await passing_on.share_note(agency, passed, await passing_on.add_note(agency, passed, ALL, now), now)
    done = NewReport("completion", ALL, evidence_number=WORDS[30])
    await reports.submit(agency, returned, None, done, now)
    await assignments.return_for_rework(desk, returned, None, ALL, now)
    await assignments.withdraw(desk, dropped, None, ALL, WORDS[29], now)
    ladder = await newest_version("default")
    assert ladder is not None
    steps = [replace(ladder.steps[0], wording=WORDS[29]), *ladder.steps[1:]]
    await ladders.save_version(desk, "default", WORDS[30], steps, ALL.replace("\n", " ")[:300], now)
    mark = DayMark("off", WORDS[30], WORDS[29])
    await working_days.mark_days(world.administrator, [date(2025, 12, 22)], mark, None, now)
    for person, scope in ((desk, "all"), (agency, "own_agency")):
        await views.save(person, WORDS[29], "/viec", "tu=%3Cscript%3E", False, now)
        await feeds.create(person, feeds.NewFeed(feeds.FeedChoices(WORDS[36]), scope), now)
    rows = "".join(f'{n};"{w.replace(chr(34), chr(34) * 2)}";Bộ {w[:9]};{w[:20]}\n' for n, w in WORDS.items())
    table = f"STT;Nhiệm vụ;Cơ quan chủ trì;Thời hạn\n{rows}"
    defaults = Defaults(WORDS[29], date(2025, 11, 20), WORDS[30], confirm_early=False)
    new = imports.NewImport(table.encode(), f"{WORDS[30]}.csv", "", defaults)
    assert desk.official_id is not None
    # As if made while webhooks were on: this scene's service has none.
    webhook_id = await webhooks_db.insert_webhook(
        desk.official_id, url="https://nhan.example.vn/x", description=WORDS[29], kinds=[next(iter(Kind)).value],
        signing="v1", public_key="", secret=b"x", now=now,
    )  # fmt: skip
    return Said(
        asked=asked,
        explained=explained,
        passed=passed,
        reported=reported,
        import_id=await imports.look(desk, new, "vi", now),
        job_id=await exports.ask(desk, exports.NewExport("assignments", "csv"), "vi"),
        view_id=(await views_db.list_views(desk))[0].id,
        webhook_id=webhook_id,
        outbox_id=await fetchval("SELECT max(outbox_id) FROM outbox_entry"),
        receipt=await fetchval("SELECT receipt FROM report WHERE assignment_id = $1", reported),
        draft=urlencode(values_of([*steps[:1], replace(steps[1], wording=WORDS[30]), *steps[2:]])),
    )


async def more_pages_of(made: Scene, tasks: tuple[int, ...], said: Said) -> list[str]:
    """Every other page that shows what people wrote."""
    directive_id = await fetchval("SELECT max(id) FROM directive")
    at = [f"/viec/{task}/BYT" for task in tasks]
    holiday = "?tu-ngay=22/12/2025&loai=off&ten=" + quote(WORDS[30])
    return [
        "/tong-quan", "/tong-quan/ban-in", "/bao-cao", "/bao-cao/ty-le", "/bao-cao/co-quan", "/bao-cao/danh-sach",
        "/bao-cao/xu-huong", "/lich?thang=2025-11", "/tim?q=alert", "/tim?q=" + quote(WORDS[34]), "/phim-tat",
        "/cach-xem", f"/cach-xem/{said.view_id}", f"/cong-viec/{said.job_id}", f"/cong-viec/{said.import_id}",
        "/cho-xac-nhan", f"/cho-xac-nhan/{said.reported}", "/gia-han", f"/gia-han/{said.asked}", "/giai-trinh",
        "/don-doc/xem-truoc?viec=" + str(said.passed), f"/vi-sao?viec={said.explained}", f"/bien-nhan/{said.receipt}",
        f"{at[6]}/chuyen", f"{at[5]}/giai-trinh", *at[4:9], f"{at[8]}/khoi-phuc", f"{at[3]}/doi-han", f"{at[3]}/rut",
        f"{at[3]}/giao-lai", f"/viec/{tasks[3]}/lich-su", f"/viec/{tasks[8]}/lich-su", f"/viec/{tasks[3]}/sua",
        "/van-ban/moi", "/van-ban/nhap", f"/van-ban/nhap/{said.import_id}", f"/van-ban/{directive_id}/sua",
        f"/van-ban/{directive_id}/them", f"/van-ban/{directive_id}?xep=tinh-trang", "/he-thong", "/he-thong/thu",
        "/he-thong/gui-lai", f"/thu-da-gui/{said.outbox_id}", "/thiet-lap", "/thiet-lap/thang",
        "/thiet-lap/thang/default", "/thiet-lap/thang/default/ban/2", "/thiet-lap/thang/default/ap-dung",
        f"/thiet-lap/thang/default/xem-truoc?{said.draft}",
        "/thiet-lap/lich-lam-viec", f"/thiet-lap/lich-lam-viec/ngay{holiday}", "/thiet-lap/lich-lam-viec/con-lai",
        "/thiet-lap/webhook", f"/thiet-lap/webhook/{said.webhook_id}", "/toi/thong-bao",
    ]  # fmt: skip


async def pages_of(made: Scene, tasks: tuple[int, ...]) -> list[str]:
    directive_id = await fetchval("SELECT max(id) FROM directive")
    about = [f"/viec/{t}/BYT" for t in tasks[:4]]
    return [
        "/", "/viec?tinh-trang=tat-ca", "/can-xu-ly", "/van-ban", f"/van-ban/{directive_id}", "/bao-cao/qua-han",
        "/lich/dang-ky", "/toi", "/tro-giup", "/thu", f"/viec/{tasks[0]}", *about, f"{about[3]}/bao-cao",
        f"{about[3]}/tien-do", f"{about[3]}/gia-han", made.path("nasty"), "/co-quan", "/nguoi",
        f"/co-quan/{made.world.agencies['BYT']}", f"/nguoi/{made.world.agency.official_id}", "/toi/ma-truy-cap",
    ]  # fmt: skip


async def test_case_29_to_35_and_37_words_stay_words_on_the_pages_of_all(made: Scene) -> None:
    """Every page of every role, read as a browser reads it; what was written is there letter by letter."""
    tasks, own = await infect(made.world)
    said = await infect_more(made.world, own)
    told: dict[str, str] = {}
    world = made.world
    paths = [*await pages_of(made, tasks), *await more_pages_of(made, tasks, said)]
    shown = dict.fromkeys(paths, 0)
    for actor in (world.secretariat, world.agency, world.leader, world.inspector, world.administrator):
        visitor = await Visitor(made).sign_in(actor)
        for path in paths:
            answer = await visitor.get(path)
            assert answer.status_code in (200, 303, 307, 308, 403, 404), (path, answer.status_code)
            told[path] = told.get(path, "") + read_page(answer.text)
            shown[path] += answer.status_code == 200
    assert [path for path, times in shown.items() if not times and path != "/"] == []
    for words in WORDS.values():
        assert words in told["/bao-cao/qua-han"] + told["/viec?tinh-trang=tat-ca"]
        assert words in told[f"/viec/{tasks[0]}/BYT"], "the report says all of it"
        for path in (
            f"/cho-xac-nhan/{said.reported}", f"/gia-han/{said.asked}", "/giai-trinh", f"/viec/{tasks[6]}/BYT/chuyen",
            f"/viec/{tasks[8]}/lich-su", f"/bien-nhan/{said.receipt}", f"/van-ban/nhap/{said.import_id}",
        ):  # fmt: skip
            assert words in told[path], path


async def test_case_29_to_35_and_37_words_of_an_address_stay_words(made: Scene) -> None:
    """Error pages, filters, the sign-in's next page."""
    visitor = await Visitor(made).sign_in(made.world.secretariat)
    for path in queries():
        answer = await visitor.get(path)
        assert answer.status_code < 500, path
        assert "content-security-policy" in answer.headers
        read_page(answer.text)


async def test_case_29_to_37_nothing_runs_in_a_real_browser(stage: Stage) -> None:
    """Chromium: no dialog, no request elsewhere, no breach of the policy, nothing that was typed is an element."""
    made = stage.scene
    tasks, own = await infect(made.world)
    said = await infect_more(made.world, own)
    await sweep(clock.utc_now())
    transport = transport_of(made.settings)
    assert transport is not None
    await delivery_of(made.settings, transport).run()
    letters = [f"/thu/{m.id}" for m in made.mailbox.list_messages(limit=4)]
    errors = [f"/{quote(WORDS[29], safe='')}", f"/viec?tu={quote(WORDS[30], safe='')}"]
    dialogs: list[str] = []
    for actor in (made.world.secretariat, made.world.agency):
        async with stage.watched(actor) as watched:
            page = watched.page
            page.on("dialog", lambda dialog: dialogs.append(dialog.message))
            await page.add_init_script(
                "window.breaches = [];"
                "document.addEventListener('securitypolicyviolation', e => window.breaches.push(e.violatedDirective))"
            )
            drawn = ["/tong-quan", "/bao-cao/ty-le", "/lich?thang=2025-11", "/tim?q=alert", "/giai-trinh"]
            decided = [
                f"/cho-xac-nhan/{said.reported}",
                f"/gia-han/{said.asked}",
                f"/viec/{tasks[6]}/BYT/chuyen",
            ]
            kept = ["/cach-xem", f"/van-ban/nhap/{said.import_id}", "/thiet-lap/thang/default"]
            for path in [*await pages_of(made, tasks), *drawn, *decided, *kept, *letters, *errors]:
                await watched.go(path)
                for medium in ("screen", "print"):
                    await page.emulate_media(media=medium)
                found = await page.evaluate(
                    """() => [window.breaches, document.querySelectorAll(
                        'script:not(head > [src^="/static/app."]), style, [onerror], [onload], [onfocus], image,'
                        + ' a[href^="javascript"], a[href^="data"]').length]"""
                )
                assert found == [[], 0], path
            assert watched.strays == []
            assert watched.complaints == []
    assert dialogs == []


async def test_case_29_the_browser_test_would_see_it(stage: Stage) -> None:
    """What the test above looks for is noticed when it happens."""
    async with stage.watched() as watched:
        await watched.page.add_init_script(
            "window.breaches = [];"
            "document.addEventListener('securitypolicyviolation', e => window.breaches.push(e.violatedDirective))"
        )
        await watched.go("/dang-nhap")
        await watched.page.evaluate(
            "() => { const d = document.createElement('div');"
            " d.innerHTML = '<img src=x onerror=alert(1)>'; document.body.append(d) }"
        )
        await watched.page.wait_for_function("window.breaches.length > 0", timeout=10_000)


# -- mail and calendars -----------------------------------------------------------------------------------------


async def test_case_29_to_37_words_stay_words_in_mail(made: Scene) -> None:
    await infect(made.world)
    await sweep(clock.utc_now())

    seen = ""
    for row in await fetch("SELECT kind, subject, raw FROM outbox WHERE state <> 'failed'"):
        message = message_from_bytes(row["raw"], policy=policy.default)
        assert not message.defects
        assert message["Bcc"] is None
        for part in message.walk():
            if part.get_content_type() == "text/html":
                seen += read_page(part.get_content(), is_mail=True)
            elif part.get_content_type() == "text/plain":
                seen += part.get_content()
    for words in WORDS.values():
        assert words in re.sub(r"\s+", " ", seen)


async def test_case_39_line_breaks_reach_no_header(made: Scene, api_of_scene: httpx.AsyncClient) -> None:
    """Refused where people write one line; harmless where a line break comes in by the back door."""
    breaks = (
        "a\r\nBcc: evil@evil.example",
        "a\nBcc: evil@evil.example",
        "a\rBcc: x",
        "a\x0bx",
        "a\u2028Bcc: x",
    )
    for words in breaks:
        task_of = {
            "short_name": words,
            "full_text": "x",
            "leads": ["BYT"],
            "deadline": "trước ngày 15/12/2026",
        }
        for body in (
            {"number": "9/NQ", "kind": "resolution", "issued_on": "2025-11-20", "issuer": "x", "abstract": "y",
             "tasks": [task_of]},
            {"number": words, "kind": "resolution", "issued_on": "2025-11-20", "issuer": "x", "abstract": "y",
             "tasks": [{**task_of, "short_name": "z"}]},
        ):  # fmt: skip
            answer = await api_of_scene.post("/api/v1/directives", json=body)
            assert answer.status_code in (400, 422), (words, answer.text)
    await execute("UPDATE official SET full_name = $1", breaks[0])
    await execute("UPDATE agency SET name = $1, short_name = $1 WHERE code = 'BYT'", breaks[0])
    await execute("UPDATE task SET short_name = $1", breaks[0])
    await execute("DELETE FROM outbox_entry")
    before = await fetchval("SELECT max(id) FROM outbox")
    await directives.record(
        made.world.secretariat, directive(task(), task(short_name="b"), number="8/NQ-CP"), clock.utc_now()
    )
    rows = await fetch("SELECT subject, raw FROM outbox WHERE id > $1", before)
    assert rows
    for row in rows:
        message = message_from_bytes(row["raw"], policy=policy.default)
        assert message["Bcc"] is None
        assert message["To"].addresses[0].addr_spec.endswith(".example.vn")
        assert not re.search(r"[\r\n]", row["subject"])
        head = row["raw"].partition(b"\r\n\r\n")[0]
        assert not re.search(rb"(?im)^bcc:", head)


@pytest.fixture
async def api_of_scene(made: Scene) -> httpx.AsyncClient:
    """The API of the scene's own service, for the secretariat."""
    person = made.world.secretariat.official_id
    assert person is not None
    secret = (await tokens.create(SYSTEM, tokens.NewToken(person, "t", tuple(Scope)), clock.utc_now())).secret
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=made.app, raise_app_exceptions=False),
        base_url=ADDRESS,
        headers={"Authorization": f"Bearer {secret}"},
        timeout=30,
    )


SMUGGLING = [
    "a@b.vn> AUTH=<evil@evil.example",
    "a@b.vn>\r\nRCPT TO:<evil@evil.example",
    "a@b.vn, evil@evil.example",
    '"a b"@b.vn',
    "<evil@evil.example>a@b.vn",
    "a@[127.0.0.1]",
    "a@b.vn SIZE=1",
    "@evil.example:a@b.vn",
]


@pytest.mark.parametrize("address", SMUGGLING)
async def test_case_40_addresses_that_smuggle_commands(api: Api, address: str) -> None:
    """Refused at the door; one that stands in the database all the same reaches no command of the conversation."""
    admin = await api.client(api.world.administrator)
    person = {"full_name": "A", "email": address, "role": "agency_officer", "agency_code": "BYT"}
    answer = await admin.post("/api/v1/officials", json=person)
    assert answer.status_code in (400, 422), answer.text

    await api.recorded()
    await execute("UPDATE official SET email = $2 WHERE id = $1", api.world.agency.official_id, address)
    await execute(
        "UPDATE outbox SET address = $1 WHERE recipient_id = $2", address, api.world.agency.official_id
    )
    async with mail_server() as server:
        settings = with_secret_key(
            load({"TRACKER_SMTP_HOST": "127.0.0.1", "TRACKER_SMTP_PORT": str(server.port),
                  "TRACKER_SMTP_SECURITY": "none", "TRACKER_SECRET_KEY": "k" * 40})
        )  # fmt: skip
        transport = transport_of(settings)
        assert transport is not None
        await delivery_of(settings, transport).run()
        for command in server.commands:
            assert "evil" not in command, command
            assert "AUTH=" not in command.upper(), command
            assert re.fullmatch(
                r"(EHLO|HELO|MAIL FROM:<[^<> ]+>|RCPT TO:<[^<> ]+>|DATA|QUIT|RSET|NOOP).*", command
            )
            if command.upper().startswith("RCPT"):
                assert re.fullmatch(r"RCPT TO:<[\w.+-]+@[\w.-]+>( NOTIFY=\S+| ORCPT=\S+)*", command), command


async def test_case_41_calendars_are_not_broken_out_of(api: Api) -> None:
    """Feed and invitation: as many entries as there are tasks, none of the attackers' making."""
    feeds = []
    for actor, scope in ((api.world.secretariat, "all"), (api.world.agency, "own_agency")):
        client = await api.client(actor)
        made = await client.post("/api/v1/feeds", json={"name": "x", "scope": scope})
        feeds.append("/calendars/" + made.json()["url"].partition("/calendars/")[2])
    await infect(api.world)
    nasty = 'x" \r\nEND:VEVENT\n;CN="y"'
    await execute("UPDATE task SET short_name = $1 WHERE short_name = $2", SMUGGLED, WORDS[38])
    await execute("UPDATE agency SET name = $1, short_name = $1 WHERE code = 'HN'", nasty)
    await execute("UPDATE official SET full_name = $1", nasty)
    await directives.record(api.world.secretariat, directive(task(), number="8/NQ-CP"), clock.utc_now())
    wanted = await fetchval(
        "SELECT count(*) FROM assignment WHERE state NOT IN ('withdrawn') AND due_on IS NOT NULL"
    )

    nobody = await api.client(None)
    counted = []
    for path in feeds:
        got = await nobody.get(path)
        assert got.status_code == 200
        calendar = icalendar.Calendar.from_ical(got.content)
        events = calendar.walk("VEVENT")
        counted.append(len(events))
        assert (
            got.content.count(b"\r\nBEGIN:VEVENT\r\n")
            == len(events)
            == got.content.count(b"\r\nEND:VEVENT\r\n")
        )
        assert all(str(e["UID"]).count("@") == 1 for e in events)
        assert "giả" not in {str(e["SUMMARY"]) for e in events}
        assert all(not e.errors for e in events)
        assert not re.search(rb"[^\r]\n|\r[^\n]", got.content)
    assert counted[0] == wanted

    invitations = 0
    for row in await fetch("SELECT raw FROM outbox"):
        for part in message_from_bytes(row["raw"], policy=policy.default).walk():
            if part.get_content_type() == "text/calendar":
                invited = icalendar.Calendar.from_ical(part.get_content())
                assert len(invited.walk("VEVENT")) == 1
                event = invited.walk("VEVENT")[0]
                assert not event.errors
                attendees = event["ATTENDEE"] if isinstance(event["ATTENDEE"], list) else [event["ATTENDEE"]]
                assert [str(a).lower()[:7] for a in attendees] == ["mailto:"]
                invitations += 1
    assert invitations


# -- tables, JSON, webhooks, history ----------------------------------------------------------------------------


async def exported(client: httpx.AsyncClient, what: str, form: str) -> bytes:
    job = (await client.post("/api/v1/exports", json={"what": what, "format": form})).json()
    await LongWork(clock.utc_now).run()
    file = await client.get(f"/api/v1/jobs/{job['id']}/result")
    assert file.status_code == 200, file.text
    assert file.headers["content-disposition"].startswith("attachment")
    assert file.headers["x-content-type-options"] == "nosniff"
    return file.content


async def test_case_29_to_42_words_stay_words_in_tables(api: Api) -> None:
    """CSV, xlsx and JSON: every word whole in one cell, no formula, no further row."""
    await infect(api.world)
    office = await api.client(api.world.secretariat)
    rows = await fetchval("SELECT count(*) FROM assignment")

    table = list(
        csv.DictReader(io.StringIO((await exported(office, "assignments", "csv")).decode("utf-8-sig")))
    )
    assert len(table) == rows
    names = {row["Task"] for row in table}
    for words in WORDS.values():
        assert words in names or f"'{words}" in names
    assert f"'{WORDS[42]}" in names
    assert not any(name.startswith(("=", "+", "@")) for row in table for name in row.values() if name)

    for what in ("assignments", "overdue", "history"):
        book = openpyxl.load_workbook(io.BytesIO(await exported(office, what, "xlsx")))
        assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {
            "s",
            "n",
            "d",
            "b",
        }
        assert not [
            cell.hyperlink for sheet in book for row in sheet.iter_rows() for cell in row if cell.hyperlink
        ]
    items = json.loads(await exported(office, "assignments", "json"))["items"]
    assert len(items) == rows
    assert set(WORDS.values()) <= {str(v) for item in items for v in item.values()}
    history = list(csv.reader(io.StringIO((await exported(office, "history", "csv")).decode("utf-8-sig"))))
    assert len({len(line) for line in history}) == 1
    assert not any(cell.startswith(("=", "@")) for line in history for cell in line)


async def test_case_29_to_37_words_stay_words_in_json(api: Api) -> None:
    """Answers, lists, the outbox, problems that say again what was sent: JSON by type and by form, never a page."""
    tasks, _ = await infect(api.world)
    office = await api.client(api.world.secretariat)
    answers = [
        await office.get(f"/api/v1/tasks/{tasks[0]}"),
        await office.get("/api/v1/assignments"),
        await office.get("/api/v1/history"),
        await office.get("/api/v1/outbox"),
        await office.get("/api/v1/overdue"),
        await office.get("/api/v1/agencies"),
    ]
    for message in answers[3].json()["items"][:6]:
        answers.append(await office.get(f"/api/v1/outbox/{message['id']}"))
    problems = []
    for words in WORDS.values():
        told = quote(words, safe="")
        problems += [
            await office.get(f"/api/v1/tasks/{told}"),
            await office.get(f"/api/v1/{told}"),
            await office.get(f"/api/v1/assignments?status={told}"),
            await office.get(f"/api/v1/assignments?{told}=1"),
            await office.post("/api/v1/directives", json={words: words}),
            await office.post(
                "/api/v1/directives", content=words, headers={"Content-Type": "application/json"}
            ),
            await office.get("/api/v1/me", headers={"Accept": "text/html"}),
        ]
    for answer in [*answers, *problems]:
        assert answer.headers["content-type"].partition(";")[0] in (
            "application/json",
            "application/problem+json",
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        answer.json()
    assert all(400 <= answer.status_code < 500 for answer in problems)
    assert {item["short_name"] for item in answers[1].json()["items"]} >= {WORDS[29], WORDS[30]}
    # A single-page reader that puts our JSON into a script element is not broken out of by a mail's text either.
    opened = answers[-1].json()
    assert isinstance(opened, dict)


async def test_case_29_to_41_webhooks_say_nothing_of_it(api: Api) -> None:
    """A webhook's body is JSON of numbers and codes; what was typed is not in it, and no header is made of it."""
    webhook_actions.use_sender(
        load(
            {
                "TRACKER_SECRET_KEY": "k" * 40,
                "TRACKER_WEBHOOK_HOSTS": "127.0.0.1",
                "TRACKER_WEBHOOK_PLAIN_HTTP": "1",
            }
        )
    )
    async with receiving() as receiver:
        office = await api.client(api.world.secretariat)
        body = {"url": f"http://127.0.0.1:{receiver.port}/hook", "kinds": [kind.value for kind in Kind]}
        made = await office.post("/api/v1/webhooks", json=body)
        assert made.status_code == 201, made.text
        await infect(api.world)
        await WebhookDelivery().run()
        assert receiver.requests
        for request in receiver.requests:
            told = json.dumps(json.loads(request.body), ensure_ascii=False)
            assert not [words for words in WORDS.values() if words in told]
            assert "evil" not in request.head + str(request.headers)


async def test_case_29_to_42_words_stay_words_in_the_audit(
    api: Api, tmp_path: Path, database: Settings
) -> None:
    """`tracker audit export` in both forms: one row a change."""
    tasks, _ = await infect(api.world)
    for form in ("csv", "json"):
        target = tmp_path / f"story.{form}"
        arguments = ["export", "--task", str(tasks[0]), "--format", form, "--output", str(target)]
        done = await command(database, *arguments)
        assert done.returncode == 0, done.stderr
        text = target.read_text("utf-8")
        if form == "csv":
            rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
            assert len({len(row) for row in rows}) == 1
            assert not any(cell.startswith(("=", "@", "+")) for row in rows for cell in row)
        else:
            assert json.loads(text)


# -- 44, 45, 46 -------------------------------------------------------------------------------------------------

GROUPS: list[Any] = [
    "*", "*)(uid=*))(|(uid=*", "dondoc-*", "' or '1'='1", "dondoc-quantri' OR 1=1--", "//role[.='administrator']",
    "dondoc-quantri\x00", "DONDOC-QUANTRI", " dondoc-quantri ", "dondoc-quantri\n", ["dondoc-quantri)(|(a=b"],
    {"$ne": ""}, {"dondoc-quantri": True}, [["dondoc-quantri"]], [None, 7, True], "dondoc-quantri=administrator",
    "administrator", "d\u043endoc-quantri",
]  # fmt: skip


async def test_case_44_groups_that_look_like_queries_map_to_nothing(case: Case) -> None:
    """Group names are compared, never looked up: whatever they look like, nobody comes in and nobody rises."""
    settings = replace(
        case.settings,
        oidc_create_people=True,
        oidc_follow_roles=True,
        oidc_role_map=("dondoc-quantri=administrator", "dondoc-thanhvien=member"),
    )
    strangers = replace(case, service=serving(settings), settings=settings)
    people = await fetchval("SELECT count(*) FROM official")
    for groups in GROUPS:
        claims = {"sub": "stranger", "name": "Kẻ Lạ", "email": "la@vpcp.example.vn", "email_verified": True}
        answer = await strangers.browser().sign_in(**claims, groups=groups)
        await strangers.is_refused(answer, Cause.ROLE_MISSING)
        known = await strangers.browser().sign_in(groups=groups)
        assert known.status_code == 403, groups
    assert await fetchval("SELECT count(*) FROM official") == people
    assert await fetchval("SELECT role FROM official WHERE id = $1", case.member) == "member"

    right = await strangers.browser().sign_in(
        sub="stranger",
        name="Người Mới",
        email="moi@vpcp.example.vn",
        email_verified=True,
        groups=["dondoc-thanhvien"],
    )
    assert right.status_code == 303, "the mapping itself works"


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "%0d%0a"])
async def test_case_45_line_breaks_reach_no_redirect(made: Scene, break_: str) -> None:
    visitor = Visitor(made)
    answer = await visitor.post(
        "/dang-nhap",
        from_page="/dang-nhap",
        nguoi=str(made.world.secretariat.official_id),
        tiep=f"/viec{break_}Set-Cookie: evil=1",
    )
    assert answer.status_code in (303, 400, 422)
    assert "evil" not in visitor.client.cookies
    assert not re.search(r"[\r\n]", answer.headers.get("location", ""))


REPLY = (
    "550 5.1.1 <script>alert(46)</script><img src=x onerror=alert(46)> \x1b[31m{{7*7}} javascript:alert(46)"
)


async def test_case_46_html_of_a_mail_server_stays_text(made: Scene, api_of_scene: httpx.AsyncClient) -> None:
    """A mail server's refusal, in its own words, is shown to people: on pages, by API, in the mail that tells of it."""
    await directives.record(made.world.secretariat, directive(task(), number="7/NQ-CP"), clock.utc_now())
    async with mail_server(RCPT=REPLY.encode() + b"\r\n") as server:
        settings = replace(made.settings, smtp_port=server.port)
        transport = transport_of(settings)
        assert transport is not None
        assert (await delivery_of(settings, transport).run()).failed
    failed = await fetch(
        "SELECT id, reply_text FROM outbox WHERE state = 'failed' AND reply_text LIKE '%alert(46)%'"
    )
    assert failed
    newest = await fetchval("SELECT max(id) FROM task")

    desk = await Visitor(made).sign_in(made.world.secretariat)
    admin = await Visitor(made).sign_in(made.world.administrator)
    told = ""
    for path in (
        f"/viec/{newest}/BYT", f"/viec/{newest}", "/can-xu-ly", "/nguoi", "/",
        f"/nguoi/{made.world.agency.official_id}", f"/co-quan/{made.world.agencies['BYT']}",
    ):  # fmt: skip
        for visitor in (desk, admin):
            answer = await visitor.get(path)
            assert answer.status_code < 500
            told += read_page(answer.text)
    assert "<script>alert(46)</script>" in told, "the words are shown, as words"
    assert "\x1b" not in told
    for row in failed[:2]:
        shown = await api_of_scene.get(f"/api/v1/outbox/{row['id']}")
        assert shown.headers["content-type"].startswith("application/json")
        words = str(shown.json())
        assert "alert(46)" in words
        assert "\x1b" not in words
        assert "\\x1b" not in words
    notices = await fetch("SELECT raw FROM outbox WHERE kind = 'undeliverable'")
    for row in notices:
        message = message_from_bytes(row["raw"], policy=policy.default)
        body = message.get_body(("html",))
        assert body is not None
        assert "alert(46)" in read_page(body.get_content(), is_mail=True)
    assert notices

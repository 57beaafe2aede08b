"""Attack cases of trouble: words that leak, people who are in each other's way, backups that come back."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import anyio.to_thread
import asyncpg
import httpx
import openpyxl
import pytest

from tests.api import COMPLETION, DIRECTIVE, Api, running_api
from tests.conftest import Cluster
from tests.faults.test_smtp import serving as mail_server
from tests.identity_scene import Stage as IdentityStage
from tests.identity_scene import enrol, give_password, invited, mailed_link
from tests.identity_scene import stage as identity_stage
from tests.receivers import receiving
from tests.web_scene import ADDRESS, Scene, Visitor, hidden_fields, scene
from tests.world import MONDAY, build_world, directive, task
from tracker import clock
from tracker.actions import assignments, directives, extensions, reports, tokens
from tracker.actions import webhooks as webhook_actions
from tracker.actions.audit import use_audit_key
from tracker.actions.hashing import hash_password
from tracker.actions.reminders import sweep
from tracker.db import engine
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.switches import is_sending_paused
from tracker.domain.access import Scope
from tracker.domain.directory import SYSTEM
from tracker.domain.drafts import ExtensionDecision, NewExtension, NewReport
from tracker.domain.webhooks import Kind
from tracker.jobs.long_work import LongWork
from tracker.jobs.quarantine import mark_in
from tracker.jobs.webhooks import WebhookDelivery
from tracker.jobs.worker import Worker, delivery_of, transport_of
from tracker.mailbox import LocalMailbox
from tracker.process import JsonLines, with_secret_key
from tracker.settings import Secret, Settings, load

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
ANY = {"If-Match": "*"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


# -- 88: a backup that comes back -------------------------------------------------------------------------------


@pytest.fixture
async def posted(fresh_database: Settings, tmp_path: Path) -> AsyncIterator[tuple[Settings, LocalMailbox]]:
    """A database of the test's own, and a mail server on this machine."""
    mailbox = LocalMailbox(tmp_path / "letters")
    await mailbox.start()
    settings = replace(
        with_secret_key(fresh_database), smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_security="none"
    )
    try:
        yield settings, mailbox
    finally:
        await mailbox.stop()


async def tick(settings: Settings) -> None:
    """What a worker that has just started does at its first tick of sending."""
    worker = Worker(settings, transport_of(settings))
    now = clock.utc_now()
    await worker._call(now)
    await worker._deliver(now)


async def tool(cluster: Cluster, name: str, *arguments: str) -> None:
    """One of the server's own programs."""
    command = [cluster.server.binaries.tool(name), *arguments]
    done = await anyio.to_thread.run_sync(lambda: subprocess.run(command, capture_output=True, text=True))
    assert done.returncode == 0, done.stderr


async def restore(cluster: Cluster, settings: Settings, backup: Path) -> None:
    """Put the backup in the database's place, as an operator does: everything since is gone."""
    await engine.close_pool()
    admin = await asyncpg.connect(cluster.admin_dsn())
    await admin.execute("DROP DATABASE fresh WITH (FORCE)")
    await admin.execute("CREATE DATABASE fresh TEMPLATE template0")
    await admin.close()
    await tool(cluster, "pg_restore", "--exit-on-error", "-d", settings.owner_dsn(), str(backup))
    await engine.open_pool(settings)


async def resume(settings: Settings) -> str:
    """`tracker outbox resume`, as the operator types it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRACKER_")} | {
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_DATABASE_OWNER_URL": settings.owner_dsn(),
        "TRACKER_DATA_DIR": str(settings.data_dir),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tracker", "outbox", "resume", "--reason", "Đã xem.", "--json"]
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def states() -> list[str]:
    return [row["state"] for row in await fetch("SELECT state FROM outbox ORDER BY id")]


async def test_case_88_restore_of_an_old_backup_sends_nothing_by_itself(
    posted: tuple[Settings, LocalMailbox], cluster: Cluster, tmp_path: Path
) -> None:
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    backup = tmp_path / "backup"
    await tick(settings)  # two letters leave, and the mark says so
    await directives.record(world.secretariat, directive(task(), number="18/NQ-CP"), MONDAY)
    await tool(cluster, "pg_dump", "-Fc", "-f", str(backup), settings.owner_dsn())
    await tick(settings)
    assert (mailbox.count(), await states()) == (4, ["sent"] * 4)
    assert not await is_sending_paused()

    await restore(cluster, settings, backup)
    assert await states() == ["sent"] * 2 + ["pending"] * 2, "the marks are lost with the restore"
    await tick(settings)
    await tick(settings)

    assert await is_sending_paused()
    assert mailbox.count() == 4
    paused = await fetch("SELECT actor_id, reason FROM history WHERE verb = 'pause_sending'")
    assert len(paused) == 1
    assert "bản sao lưu" in paused[0]["reason"]
    # The sweep still decides; what it decides waits.
    decided = len(await states())
    await sweep(MONDAY + timedelta(days=7))
    assert len(await states()) > decided
    await tick(settings)
    assert mailbox.count() == 4

    assert json.loads(await resume(settings))["sending_paused"] is False
    await tick(settings)
    assert not await is_sending_paused(), "who has looked is not asked again"
    assert mailbox.count() > 4


async def test_case_88_backup_made_while_a_run_was_sending(
    posted: tuple[Settings, LocalMailbox], cluster: Cluster, tmp_path: Path
) -> None:
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    worker = Worker(settings, transport_of(settings))
    await worker.quarantine.before(clock.utc_now())
    await tool(cluster, "pg_dump", "-Fc", "-f", str(tmp_path / "backup"), settings.owner_dsn())
    await worker._deliver(clock.utc_now())
    assert mailbox.count() == 2

    await restore(cluster, settings, tmp_path / "backup")
    await tick(settings)

    assert (mailbox.count(), await is_sending_paused()) == (2, True)


async def test_case_88_backup_from_before_the_marks(
    posted: tuple[Settings, LocalMailbox], cluster: Cluster, tmp_path: Path
) -> None:
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    await tool(cluster, "pg_dump", "-Fc", "-f", str(tmp_path / "backup"), settings.owner_dsn())
    await tick(settings)
    assert mailbox.count() == 2

    await restore(cluster, settings, tmp_path / "backup")
    await tick(settings)

    assert (mailbox.count(), await is_sending_paused()) == (2, True)


async def test_case_88_backup_on_a_new_machine(posted: tuple[Settings, LocalMailbox]) -> None:
    """The old machine's disk is gone, and its mark with it: the database is old, and nobody has sent for it lately."""
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    await tick(settings)
    await directives.record(world.secretariat, directive(task(), number="18/NQ-CP"), MONDAY)
    await execute("UPDATE heartbeat SET at = now() - interval '2 hours'")
    mark_in(settings.data_dir).unlink()

    await tick(settings)

    assert (mailbox.count(), await is_sending_paused()) == (2, True)


async def test_case_88_what_is_no_restore_sends(posted: tuple[Settings, LocalMailbox]) -> None:
    """A second machine joins; a service stands still for days; a mark is torn: mail goes on."""
    settings, mailbox = posted
    world = await build_world()

    async def one_more(number: str, sender: Settings) -> None:
        await directives.record(world.secretariat, directive(task(), number=number), MONDAY)
        await tick(sender)
        assert not await is_sending_paused()

    other_machine = replace(settings, data_dir=settings.data_dir / "other")
    await one_more("1/NQ-CP", settings)
    await one_more("2/NQ-CP", other_machine)
    await execute("UPDATE heartbeat SET at = now() - interval '5 days'")
    await one_more("3/NQ-CP", settings)
    mark_in(settings.data_dir).write_text('{"database": ')
    await one_more("4/NQ-CP", settings)
    await asyncio.gather(*(tick(s) for s in (settings, other_machine, settings, other_machine)))
    await one_more("5/NQ-CP", settings)
    assert mailbox.count() == 10


async def test_case_88_a_mark_that_cannot_be_kept_holds_up_no_mail(
    posted: tuple[Settings, LocalMailbox],
) -> None:
    settings, mailbox = posted
    world = await build_world()
    await directives.record(world.secretariat, directive(task()), MONDAY)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    (settings.data_dir / "file").write_text("")

    await tick(replace(settings, data_dir=settings.data_dir / "file" / "below"))

    assert mailbox.count() == 2


# -- 58: words of restricted tasks ------------------------------------------------------------------------------

SECRET = "Kapsel-Phượng-Hoàng"
"""A word that stands in every free text of the restricted tasks, and nowhere else."""


async def restricted_walk(api: Api) -> None:
    """Restricted tasks of one ministry go through everything that tells somebody something; an open one beside."""
    world = api.world
    issued = MONDAY - timedelta(days=50)
    hidden = [
        replace(
            task(deadline, short_name=f"Nhiệm vụ {SECRET} {n}"),
            full_text=f"Toàn văn {SECRET} {n}.",
            product=f"Đề án {SECRET}",
            field=f"Lĩnh vực {SECRET}",
            place="mục 2",
            restricted=True,
        )
        for n, deadline in enumerate(
            ("trước ngày 15/12/2025", "trước ngày 20/11/2025", "trước ngày 31/12/2025")
        )
    ]
    new = directive(*hidden, task("trước ngày 19/11/2025", short_name="Nhiệm vụ mở"), issued_on=issued.date())
    first, late, gone, _ = (await directives.record(world.secretariat, new, issued)).assignment_ids
    await execute("UPDATE outbox SET state = 'sent', sent_at = now()")  # so that a change is told apart
    agency, desk = world.agency, world.secretariat
    done = NewReport("completion", f"Đã xong {SECRET}.", evidence_number="1/BYT")

    await assignments.acknowledge(agency, first, None, issued)
    await reports.submit(agency, late, None, NewReport("obstacle", f"Vướng {SECRET}."), MONDAY)
    await assignments.commit_to(
        agency, late, None, (MONDAY + timedelta(days=40)).date(), "", f"Do {SECRET}", MONDAY
    )
    asked = await extensions.request(
        agency, first, None, NewExtension(f"Vì {SECRET}", date(2025, 12, 31)), MONDAY
    )
    granted = ExtensionDecision(True, date(2025, 12, 30), "9/VPCP", f"Đồng ý vì {SECRET}")
    await extensions.decide(desk, asked, None, granted, MONDAY)
    again = NewExtension(f"Lại vì {SECRET}", date(2026, 1, 31))
    refused = await extensions.request(agency, late, None, again, MONDAY)
    await extensions.decide(desk, refused, None, ExtensionDecision(False, reason=f"Không {SECRET}"), MONDAY)
    await reports.submit(agency, first, None, done, MONDAY)
    for days in (0, 1, 4, 7):
        await sweep(MONDAY + timedelta(days=days))
    await assignments.return_for_rework(desk, first, None, f"Thiếu {SECRET}", MONDAY)
    await reports.submit(agency, first, None, done, MONDAY)
    await assignments.confirm(desk, first, None, f"Tốt {SECRET}", MONDAY)
    await assignments.withdraw(desk, gone, None, f"Không cần {SECRET}", "", MONDAY)
    await directives.edit_task(
        desk, await task_of(late), {"short_name": f"Nhiệm vụ {SECRET} sửa"}, None, MONDAY
    )
    office = await api.client(desk)
    for kind in ({"kind": "urge"}, {"kind": "explanation", "answer_by": "2027-01-15"}):
        body = {"assignment_ids": [str(late)], "sentence": f"Đôn đốc {SECRET}", **kind}
        urged = await office.post("/api/v1/urges", json=body, headers={"Idempotency-Key": kind["kind"]})
        assert urged.status_code == 200, urged.text


async def task_of(assignment_id: int) -> int:
    found: int = await fetchval("SELECT task_id FROM assignment WHERE id = $1", assignment_id)
    return found


def words_of(raw: bytes) -> str:
    """Everything of a mail that a person or a program reads: headers and every part, decoded and unfolded."""
    message = message_from_bytes(raw, policy=policy.default)
    parts = [f"{name}: {value}" for name, value in message.items()]
    for part in message.walk():
        if not part.is_multipart():
            content = part.get_content()
            parts.append(content if isinstance(content, str) else content.decode())
    return re.sub(r"\r?\n[ \t]", "", "\n".join(parts))


def cells_of(content: bytes, form: str) -> str:
    if form != "xlsx":
        return content.decode()
    book = openpyxl.load_workbook(io.BytesIO(content))
    return "\n".join(str(c.value) for sheet in book for row in sheet.iter_rows() for c in row)


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


async def test_case_58_restricted_words_are_in_no_mail_and_no_invitation(api: Api) -> None:
    await restricted_walk(api)

    rows = await fetch("SELECT kind, subject, raw FROM outbox")
    kinds = {row["kind"] for row in rows}
    assert kinds >= {
        "assigned", "digest", "reported", "returned", "confirmed", "extension_requested", "extension_decided",
        "deadline_moved",
        "cancelled", "urge", "review",
    }  # fmt: skip
    assert [row["kind"] for row in rows if SECRET in row["subject"] + words_of(row["raw"])] == []
    assert any("Nhiệm vụ mở" in words_of(row["raw"]) for row in rows), "the open task is named as ever"
    office = await api.client(api.world.secretariat)
    assert SECRET not in (await office.get("/api/v1/outbox", params={"limit": 100})).text


async def test_case_58_restricted_words_are_in_no_calendar_and_no_webhook(api: Api) -> None:
    webhook_actions.use_sender(
        load(
            {
                "TRACKER_SECRET_KEY": "k" * 40,
                "TRACKER_WEBHOOK_HOSTS": "127.0.0.1",
                "TRACKER_WEBHOOK_PLAIN_HTTP": "true",
            }
        )
    )
    feeds = []
    async with receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/hook"
        for actor, scope in ((api.world.secretariat, "all"), (api.world.agency, "own_agency")):
            client = await api.client(actor)
            made = await client.post(
                "/api/v1/webhooks", json={"url": url, "kinds": [kind.value for kind in Kind]}
            )
            assert made.status_code == 201, made.text
            feed = await client.post("/api/v1/feeds", json={"name": "x", "scope": scope})
            assert feed.status_code == 201, feed.text
            feeds.append(feed.json()["url"].partition("/calendars/")[2])
        await restricted_walk(api)
        await WebhookDelivery().run()

        nobody = await api.client(None)
        for path in feeds:
            for query in ("", "?as=todo", "?lang=en"):
                got = await nobody.get(f"/calendars/{path}{query}")
                if got.status_code == 400:
                    continue
                assert got.status_code == 200, got.text
                calendar = got.text.replace("\r\n ", "")
                assert SECRET not in calendar
                assert "17/NQ-CP" in calendar
            assert "Nhiệm vụ mở" in (await nobody.get(f"/calendars/{path}")).text.replace("\r\n ", "")
        bodies = [json.loads(request.body) for request in receiver.requests]
        assert len({body["type"] for body in bodies}) >= 8
        assert SECRET not in json.dumps(bodies, ensure_ascii=False)
        assert not any(SECRET in request.head for request in receiver.requests)


async def test_case_58_restricted_words_are_in_no_file(api: Api) -> None:
    await restricted_walk(api)

    for actor in (api.world.secretariat, api.world.agency):
        client = await api.client(actor)
        for what in ("assignments", "overdue", "history"):
            for form in ("csv", "xlsx", "json"):
                job = (await client.post("/api/v1/exports", json={"what": what, "format": form})).json()
                await LongWork(clock.utc_now).run()
                file = await client.get(f"/api/v1/jobs/{job['id']}/result")
                assert file.status_code == 200, file.text
                cells = cells_of(file.content, form)
                assert "17/NQ-CP" in cells
                assert SECRET not in cells, (what, form)
        for form, accepted in (("json", "application/json"), ("csv", "text/csv"), ("xlsx", XLSX)):
            listed = await client.get("/api/v1/overdue", headers={"Accept": accepted})
            assert listed.status_code == 200, listed.text
            cells = cells_of(listed.content, form)
            assert "17/NQ-CP" in cells
            assert SECRET not in cells
    assert "Nhiệm vụ mở" in cells


async def test_case_58_other_agencies_find_nothing(api: Api) -> None:
    await restricted_walk(api)
    other = await api.client(api.world.other_agency)

    for path in (
        "/api/v1/assignments", "/api/v1/directives", "/api/v1/history", "/api/v1/overdue", "/api/v1/statistics",
        "/api/v1/statistics/assignments", f"/api/v1/assignments?q={SECRET}",
    ):  # fmt: skip
        answer = await other.get(path)
        assert answer.status_code in (200, 400, 403), answer.text
        assert f"Nhiệm vụ {SECRET}" not in answer.text
        assert "17/NQ-CP" not in answer.text, path


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as here:
        yield here


async def test_case_58_restricted_words_are_in_no_title_of_a_window(made: Scene) -> None:
    """The window's title stands in the history of browsers, on shared screens and in lists of windows."""
    await execute("UPDATE task SET restricted = true")
    overdue, waiting = made.path("overdue"), made.path("waiting")
    seen = 0
    for actor in (made.world.agency, made.world.secretariat, made.world.inspector):
        visitor = await Visitor(made).sign_in(actor)
        for path in (
            "/", "/viec", "/can-xu-ly", "/van-ban", "/van-ban/1", "/bao-cao/qua-han", "/lich/dang-ky", overdue, waiting,
            f"/viec/{made.tasks['overdue']}", f"{overdue}/bao-cao", f"{overdue}/tien-do", f"{overdue}/gia-han",
        ):  # fmt: skip
            answer = await visitor.get(path)
            title = re.search(r"<title>(.*?)</title>", answer.text, re.S)
            if answer.status_code == 200:
                assert title is not None, path
                assert "ẾỄỆỮẴẶỢ" not in title[1], path
                assert not re.search(r"<meta[^>]*ẾỄỆỮẴẶỢ", answer.text), path
                seen += 1
        # A refused form comes back with a title of its own.
        refused = await visitor.post(
            f"{overdue}/tien-do", from_page=f"{overdue}/tien-do" if actor is made.world.agency else None
        )
        assert "ẾỄỆỮẴẶỢ" not in re.search(r"<title>(.*?)</title>", refused.text, re.S)[1]  # type: ignore[index]
    assert seen > 25


# -- 84: two people at one task ---------------------------------------------------------------------------------


async def test_case_84_the_second_of_two_changes_is_refused_by_api(api: Api) -> None:
    address = await api.lead_of(await api.recorded())
    agency, leader = await api.client(api.world.agency), await api.client(api.world.leader)
    tag = (await agency.get(address)).headers["etag"]
    report = {"kind": "progress", "summary": "Lãnh đạo đã báo trước."}

    first = await leader.post(f"{address}/reports", json=report, headers={"If-Match": tag})
    second = await agency.post(f"{address}/reports", json=COMPLETION, headers={"If-Match": tag})

    assert (first.status_code, second.status_code) == (201, 412)
    assert second.json()["code"] == "stale_version"
    found = await agency.get(address)
    assert found.json()["state"] != "reported"
    assert await fetchval("SELECT count(*) FROM report") == 1
    fresh = {"If-Match": found.headers["etag"]}
    assert (await agency.post(f"{address}/reports", json=COMPLETION, headers=fresh)).status_code == 201


async def test_case_84_many_at_once_with_one_tag_one_wins(api: Api) -> None:
    address = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    tag = (await agency.get(address)).headers["etag"]

    answers = await asyncio.gather(
        *(
            agency.post(
                f"{address}/reports",
                json={"kind": "progress", "summary": f"Lần {n}"},
                headers={"If-Match": tag},
            )
            for n in range(8)
        )
    )

    assert sorted(a.status_code for a in answers) == [201] + [412] * 7
    assert await fetchval("SELECT count(*) FROM report") == 1


async def test_case_84_the_form_says_who_was_first_and_keeps_what_was_typed(made: Scene) -> None:
    """Each form of a task, sent after somebody else has changed it: both versions, nothing lost, one more try."""
    agency = await Visitor(made).sign_in(made.world.agency)
    leader = await Visitor(made).sign_in(made.world.leader)
    forms = {
        f"{made.path('overdue')}/tien-do": {"ket-qua": "Tiến độ gõ dở ẵ<b>", "loai": "progress"},
        f"{made.path('soon')}/bao-cao": {
            "ket-qua": "Kết quả gõ dở ẵ<b>",
            "so-van-ban": "99/BYT-KH",
            "ngay-van-ban": "24/11/2025",
        },
        f"{made.path('today')}/gia-han": {"ly-do": "Lý do gõ dở ẵ<b>", "de-nghi-den": "20/12/2025"},
    }
    for path, given in forms.items():
        page = (await agency.get(path)).text
        names = set(re.findall(r'name="([^"]+)"', page))
        assert set(given) <= names, (path, names)
        hidden = hidden_fields(page, path)
        progress = f"{path.rpartition('/')[0]}/tien-do"
        first = await leader.post(
            progress, from_page=progress, ket_qua="Lãnh đạo đã báo trước.", loai="progress"
        )
        assert first.status_code == 303, first.text

        answer = await agency.client.post(path, data=hidden | given, headers={"Origin": ADDRESS})

        assert answer.status_code == 409, path
        assert "Lãnh đạo đã báo trước." in answer.text
        form = re.search(rf'<form[^>]*action="{re.escape(path)}".*?</form>', answer.text, re.S)
        assert form is not None
        for value in given.values():
            typed = value.replace("<b>", "&lt;b&gt;")
            assert typed in form[0], (path, value)
        again = await agency.client.post(
            path, data=hidden_fields(answer.text, path) | given, headers={"Origin": ADDRESS}
        )
        assert again.status_code == 303, again.text


async def test_case_84_the_decision_says_who_was_first_and_keeps_the_reason(made: Scene) -> None:
    path = made.path("waiting")
    desk = await Visitor(made).sign_in(made.world.secretariat)
    head = await Visitor(made).sign_in(made.world.head)
    hidden = hidden_fields((await desk.get(path)).text, f"{path}/xac-nhan")
    moved = await made_changed(made, "waiting", head)
    assert moved < 400

    answer = await desk.client.post(
        f"{path}/xac-nhan",
        data=hidden | {"quyet-dinh": "tra-lai", "y-kien": "Thiếu biên bản gõ dở."},
        headers={"Origin": ADDRESS},
    )

    assert answer.status_code == 409
    assert "Thiếu biên bản gõ dở." in answer.text


async def made_changed(made: Scene, name: str, head: Visitor) -> int:
    """Another of the secretariat decides first."""
    path = made.path(name)
    answer = await head.post(f"{path}/xac-nhan", from_page=path, quyet_dinh="xac-nhan")
    return answer.status_code


# -- 85: two decisions in one moment ----------------------------------------------------------------------------


async def test_case_85_two_confirmations_in_one_moment(api: Api) -> None:
    """Real connections: one wins, one is told, one message, one line of history; five times over."""
    world = api.world
    for number in range(5):
        recorded = await api.recorded(number=f"{number}/NQ-CP")
        address = await api.lead_of(recorded)
        agency = await api.client(world.agency)
        assert (await agency.post(f"{address}/reports", json=COMPLETION, headers=ANY)).status_code == 201
        assignment_id = int(address.rpartition("/")[2])
        office, head = await api.client(world.secretariat), await api.client(world.head)

        answers = await asyncio.gather(
            office.post(f"{address}/confirm", json={}, headers=ANY),
            head.post(f"{address}/confirm", json={}, headers=ANY),
        )

        assert sorted(a.status_code for a in answers) == [200, 409], [a.text for a in answers]
        loser = next(a for a in answers if a.status_code == 409)
        assert loser.json()["code"] in ("already_confirmed", "not_reported")
        assert (
            await fetchval(
                "SELECT count(*) FROM history WHERE verb = 'confirm' AND assignment_id = $1", assignment_id
            )
            == 1
        )
        told = await fetch(
            "SELECT o.address FROM outbox o JOIN outbox_entry e ON e.outbox_id = o.id"
            " WHERE o.kind = 'confirmed' AND e.assignment_id = $1",
            assignment_id,
        )
        addresses = [row["address"] for row in told]
        assert addresses
        assert len(addresses) == len(set(addresses))


async def test_case_85_confirmation_against_return(api: Api) -> None:
    world = api.world
    for number in range(4):
        address = await api.lead_of(await api.recorded(number=f"{number}/NQ-CP"))
        agency = await api.client(world.agency)
        assert (await agency.post(f"{address}/reports", json=COMPLETION, headers=ANY)).status_code == 201
        office, head = await api.client(world.secretariat), await api.client(world.head)

        answers = await asyncio.gather(
            office.post(f"{address}/confirm", json={}, headers=ANY),
            head.post(f"{address}/return", json={"reason": "Thiếu phụ lục."}, headers=ANY),
        )

        assert sorted(a.status_code for a in answers) == [200, 409]
        verbs = await fetch(
            "SELECT verb FROM history WHERE verb IN ('confirm', 'return') AND assignment_id = $1",
            int(address.rpartition("/")[2]),
        )
        assert len(verbs) == 1


async def test_case_85_two_decisions_of_one_extension(api: Api) -> None:
    world = api.world
    address = await api.lead_of(await api.recorded())
    agency = await api.client(world.agency)
    asked = await agency.post(
        f"{address}/extensions", json={"proposed_on": "2027-01-31", "reason": "Chờ kết nối."}, headers=ANY
    )
    assert asked.status_code == 201, asked.text
    office, head = await api.client(world.secretariat), await api.client(world.head)
    path = f"/api/v1/extensions/{asked.json()['id']}/decision"
    grant = {"grant": True, "granted_on": "2027-01-31", "document": "9/VPCP"}

    answers = await asyncio.gather(
        office.post(path, json=grant, headers=ANY),
        head.post(path, json={"grant": False, "reason": "Không đủ căn cứ."}, headers=ANY),
    )

    assert sorted(a.status_code for a in answers) == [200, 409], [a.text for a in answers]
    assert (
        await fetchval(
            "SELECT count(*) FROM history WHERE verb IN ('extend', 'move_deadline', 'refuse_extension')"
        )
        == 1
    )


# -- 90: planted secrets ----------------------------------------------------------------------------------------

CANARY_PASSWORD = "Chim-Hoàng-Yến mật khẩu 90"
CANARY_SMTP = "canary-smtp-4f1c9be2"
CANARY_KEY = "canary-key-81b7e0d2a94c4f0b8f6d7c1e2a3b4c5d"
CANARY_OIDC = "canary-oidc-77d0aa31"


class Ear(logging.Handler):
    """Hears every line of the log, as it would be written, and every value that came with it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        # The client of the tests tells what it asks for; it is not the service.
        if not record.name.startswith(("httpx", "httpcore", "hpack")):
            self.lines.append(f"{self.format(record)} {vars(record)}")


@pytest.fixture
def ear() -> Iterator[Ear]:
    root = logging.getLogger()
    before, hearing = root.level, Ear()
    root.setLevel(logging.DEBUG)
    root.addHandler(hearing)
    try:
        yield hearing
    finally:
        root.removeHandler(hearing)
        root.setLevel(before)


async def test_case_90_planted_secrets_are_nowhere(
    database: Settings, ear: Ear, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The whole walk with a secret of every kind; then every place where somebody else could find one."""
    auth = b"250-relay\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES\r\n"
    async with mail_server(EHLO=auth, AUTH=b"535 5.7.8 no\r\n") as relay:
        settings = replace(
            database,
            secret_key=Secret(CANARY_KEY),
            smtp_host="127.0.0.1",
            smtp_port=relay.port,
            smtp_security="starttls",
            smtp_user="dondoc",
            smtp_password=Secret(CANARY_SMTP),
            oidc_issuer="http://127.0.0.1:9",
            oidc_client_id="dondoc",
            oidc_client_secret=Secret(CANARY_OIDC),
            oidc_name="Cổng SSO",
        )
        use_audit_key(settings)
        async with identity_stage(settings) as made:
            canaries, answers = await _walk_with_secrets(made, monkeypatch)
            transport = transport_of(settings)
            assert transport is not None
            await delivery_of(settings, transport).run()
            print(settings, repr(settings.smtp_password), file=sys.stderr)
            canaries |= {"smtp": CANARY_SMTP, "key": CANARY_KEY, "oidc": CANARY_OIDC}
            # Their own links come to these two, by mail; nobody else has them.
            own = [made.email(made.world.agency), made.email(made.world.leader)]

            places = {f"{a.status_code} {a.request.method} {a.request.url.path}": a.text for a in answers}
            places["log"] = "\n".join(ear.lines)
            places["terminal"] = "".join(capfd.readouterr())
            for row in await fetch("SELECT id, address, raw FROM outbox WHERE address <> ALL($1)", own):
                places[f"mail {row['id']} to {row['address']}"] = words_of(row["raw"])
            for row in await fetch(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200"
            ):
                table = row["relname"]
                kept = await fetch(f"SELECT t::text AS line FROM {table} t")
                places[f"table {table}"] = "\n".join(r["line"] for r in kept)
            assert len(places["log"]) > 1_000
            statuses = {a.status_code for a in answers}
            assert statuses >= {400, 401, 403, 404, 409, 413, 422, 500}, statuses
            found = [(name, place) for name, canary in canaries.items() for place, text in places.items()
                     if canary in text]  # fmt: skip
            assert found == []
    assert len(canaries) >= 12


async def _walk_with_secrets(
    made: IdentityStage, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, str], list[httpx.Response]]:
    """A person's whole life with the service; its secrets by name, and every answer that is not their own to see."""
    world, agency = made.world, made.world.agency
    assert agency.official_id is not None
    await give_password(agency, await hash_password(CANARY_PASSWORD))
    recovery = await enrol(made, agency)
    browser = made.browser()
    await browser.sign_in(agency, CANARY_PASSWORD)
    canaries = {
        "password": CANARY_PASSWORD,
        "totp": made.secrets[agency.official_id],
        "recovery": recovery[0],
        "session": browser.token,
    }
    transport = httpx.ASGITransport(app=made.app, raise_app_exceptions=False)

    def client(secret: str = "") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers, timeout=60)

    everything = tuple(Scope)
    own = await tokens.create(SYSTEM, tokens.NewToken(agency.official_id, "t", everything), clock.utc_now())
    desk_id = world.secretariat.official_id
    assert desk_id is not None
    desk_token = await tokens.create(SYSTEM, tokens.NewToken(desk_id, "t", everything), clock.utc_now())
    canaries["token"] = own.secret
    office, mine, nobody = client(desk_token.secret), client(own.secret), client()

    feed = (await mine.post("/api/v1/feeds", json={"name": "x", "scope": "own_agency"})).json()
    canaries["feed"] = feed["url"].rpartition("/")[2].removesuffix(".ics")
    assert (await nobody.get(f"/calendars/{canaries['feed']}.ics")).status_code == 200
    webhook_actions.use_sender(replace(made.settings, webhook_hosts=("127.0.0.1",), webhook_plain_http=True))
    async with receiving() as receiver:
        hook = {"url": f"http://127.0.0.1:{receiver.port}/hook", "kinds": [kind.value for kind in Kind]}
        made_hook = await mine.post("/api/v1/webhooks", json=hook)
        assert made_hook.status_code == 201, made_hook.text
        canaries["webhook"] = made_hook.json()["secret"].removeprefix("whsec_")
        recorded = await office.post("/api/v1/directives", json=DIRECTIVE)
        assert recorded.status_code == 201, recorded.text
        await WebhookDelivery().run()
        assert receiver.requests
    person = made.email(agency)
    asked = await made.browser().post("/quen-mat-khau", from_page="/quen-mat-khau", thu_dien_tu=person)
    assert asked.status_code < 400, asked.text
    reset = await mailed_link("password_reset")
    canaries["reset"] = reset.rpartition("/")[2]
    invited_person = await invited(world.leader, world.leader.official_id or 0)
    canaries["invitation"] = invited_person.token

    # What others are told: refusals of every kind, with secrets in every part of the request.
    answers: list[httpx.Response] = []
    stranger = made.browser("203.0.113.99")
    for password in (CANARY_PASSWORD + "x", f"x{CANARY_PASSWORD}"):
        answers.append(await stranger.password(world.other_agency, password))
    answers.append(await stranger.password(agency, CANARY_PASSWORD))  # asks for the code
    answers.append(await stranger.code("000000"))
    answers.append(await nobody.get("/api/v1/me"))
    answers.append(await client(own.secret[:-1]).get("/api/v1/me"))
    for secret in (own.secret, canaries["feed"], canaries["reset"], canaries["recovery"]):
        answers.append(await office.get(f"/api/v1/khong-co/{'x' * 5}", headers={"X-Canary": secret}))
        answers.append(
            await office.get("/api/v1/assignments", params={"cursor": "x"}, headers={"Cookie": secret})
        )
    answers.append(await office.post("/api/v1/directives", json=DIRECTIVE))
    answers.append(await office.post("/api/v1/directives", json={**DIRECTIVE, "number": ""}))
    answers.append(
        await office.post(
            "/api/v1/directives", content=b"{" * 11_000_000, headers={"Content-Type": "application/json"}
        )
    )
    answers.append(await mine.post("/api/v1/directives", json=DIRECTIVE))
    answers.append(await nobody.get(f"/calendars/{canaries['feed'][:-1]}a.ics"))
    address = f"/api/v1/assignments/{recorded.json()['assignment_ids'][0]}"
    for _ in range(2):
        answers.append(await mine.post(f"{address}/reports", json=COMPLETION, headers=ANY))
    answers.append(await made.browser().get(reset[:-1]))
    answers.append(await made.browser().get(f"/loi-moi/{canaries['invitation'][:-1]}"))

    # What breaks: the database refuses in the middle of a request, with every secret on its way.
    async def broken(*arguments: object, **named: object) -> None:
        raise asyncpg.InternalServerError("the server broke")

    with monkeypatch.context() as patch:
        patch.setattr("tracker.actions.tokens.list_own", broken)
        answers.append(await mine.get("/api/v1/tokens", params={}))
        patch.setattr("tracker.actions.sessions.sign_in", broken, raising=False)
        patch.setattr("tracker.web.sign_in.sessions.begin", broken, raising=False)
        patch.setattr("tracker.actions.feeds.by_token", broken, raising=False)
        answers.append(await made.browser().password(agency, CANARY_PASSWORD))
        answers.append(await nobody.get(f"/calendars/{canaries['feed']}.ics"))

    # What is read and carried away.
    for path in (
        "/metrics", "/ready", "/live", "/api/v1/outbox?limit=100", "/api/v1/history", "/api/v1/officials",
        "/api/v1/tokens", "/api/v1/feeds", "/api/v1/webhooks", "/api/v1/sessions", "/api/v1/audit/heads", "/api/v1/me",
        "/api/openapi.json", "/api/v1/sending",
    ):  # fmt: skip
        answers.append(await office.get(path))
        answers.append(await mine.get(path))
    for message in await fetch("SELECT id FROM outbox"):
        answers.append(await office.get(f"/api/v1/outbox/{message['id']}"))
    for path in ("/toi", "/toi/bao-mat", "/toi/ma-truy-cap", "/lich/dang-ky", "/viec"):
        answers.append(await browser.get(path))
    for what in ("assignments", "history"):
        job = (await office.post("/api/v1/exports", json={"what": what, "format": "json"})).json()
        await LongWork(clock.utc_now).run()
        answers.append(await office.get(f"/api/v1/jobs/{job['id']}/result"))
    return canaries, answers

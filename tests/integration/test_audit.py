"""The history as a noun of the API and of the terminal; the demonstration's, and one from before the chain."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from tests.api import COMPLETION, Api, running_api
from tests.shell import tracker
from tests.world import build_world
from tracker.actions import audit, demo
from tracker.db.audit import NewRow, append_history
from tracker.db.engine import close_pool, fetch, fetchval, open_pool
from tracker.db.migrate import load_migrations, migrate, migrations_folder
from tracker.domain.audit import Finding
from tracker.domain.directory import SYSTEM
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SECRET = "k" * 40


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


async def command(
    settings: Settings, *arguments: str, secret: str = SECRET
) -> subprocess.CompletedProcess[str]:
    """`tracker audit …` with the test's key."""
    return await tracker(settings, "audit", *arguments, secret=secret)


# -- by the API --------------------------------------------------------------------------------------------


async def test_list_filters_and_goes_page_by_page(api: Api) -> None:
    recorded = await api.recorded()
    lead = await api.lead_of(recorded)
    agency = await api.client(api.world.agency)
    await agency.post(f"{lead}/acknowledge", headers={"If-Match": "*"})
    office = await api.client(api.world.secretariat)

    everything = (await office.get("/api/v1/history")).json()["items"]
    mine = await office.get("/api/v1/history", params={"official_id": str(api.world.agency.official_id)})
    assigned = await office.get(
        "/api/v1/history", params={"directive_id": recorded["directive_id"], "verb": "assign"}
    )
    first = await office.get("/api/v1/history", params={"limit": "1"})
    second = await office.get("/api/v1/history", params={"limit": "1", "cursor": first.json()["next"]})
    before = await office.get("/api/v1/history", params={"changed_to": "2020-01-01"})

    assert [i["verb"] for i in mine.json()["items"]] == ["acknowledge"]
    assert mine.json()["items"][0]["chain"]["seq"] >= 1
    assert {i["verb"] for i in assigned.json()["items"]} == {"assign"}
    assert len(assigned.json()["items"]) == 2
    ids = [i["id"] for i in everything]
    assert ids == sorted(ids, key=int, reverse=True)
    assert [first.json()["items"][0]["id"], second.json()["items"][0]["id"]] == ids[:2]
    assert before.json()["items"] == []


async def test_agency_reads_what_concerns_its_assignments_only(api: Api) -> None:
    """Not what was done to others, to accounts or to ladders, whatever it filters by."""
    await api.recorded()
    foreign = await api.recorded(number="18/NQ-CP", tasks=[_task("HN")])

    for actor in (api.world.agency, api.world.leader, api.world.other_agency):
        client = await api.client(actor)
        seen = (await client.get("/api/v1/history")).json()["items"]
        assert {i["verb"] for i in seen} == {"record_directive", "assign"}
        assert foreign["directive_id"] not in {i["directive_id"] for i in seen}
        assert len([i for i in seen if i["assignment_id"]]) == 1
        of_foreign = await client.get("/api/v1/history", params={"directive_id": foreign["directive_id"]})
        assert of_foreign.json()["items"] == []


async def test_who_answers_for_the_system_reads_everything_and_the_group_no_accounts(api: Api) -> None:
    await api.recorded()
    world = api.world

    seen = {}
    for actor in (world.secretariat, world.inspector, world.administrator, world.member):
        client = await api.client(actor)
        page = await client.get("/api/v1/history", params={"limit": "200"})
        seen[actor.role.value] = {i["verb"] for i in page.json()["items"]}

    assert all("create_token" in seen[role] for role in ("secretariat", "inspector", "administrator"))
    assert seen["member"] == {"record_directive", "assign"}


async def test_heads_are_the_administrators(api: Api) -> None:
    await api.recorded()

    answer = await (await api.client(api.world.administrator)).get("/api/v1/audit/heads")
    refused = await (await api.client(api.world.secretariat)).get("/api/v1/audit/heads")

    assert answer.status_code == 200
    assert len(answer.json()["lanes"]) == 64
    assert answer.json()["total"] == await fetchval("SELECT count(*) FROM history")
    assert refused.status_code == 403


async def test_everything_the_api_writes_is_chained(api: Api) -> None:
    """A story through several hands and requests, read back without a finding."""
    lead = await api.lead_of(await api.recorded())
    agency = await api.client(api.world.agency)
    any_version = {"If-Match": "*"}
    assert (await agency.post(f"{lead}/acknowledge", headers=any_version)).status_code == 200
    assert (await agency.post(f"{lead}/reports", headers=any_version, json=COMPLETION)).status_code == 201
    office = await api.client(api.world.secretariat)
    assert (await office.post(f"{lead}/confirm", headers=any_version, json={})).status_code == 200

    assert await findings() == []
    assert await fetchval("SELECT count(*) FROM history WHERE lane IS NULL") == 0


def _task(lead: str) -> dict[str, object]:
    return {
        "short_name": "Việc khác",
        "full_text": "Việc khác của cơ quan khác.",
        "leads": [lead],
        "deadline": "trước ngày 15/12/2026",
    }


async def findings() -> list[str]:
    """What `verify` proves, by kind."""
    told: list[Finding] = []
    await audit.verify(SYSTEM, [], told.append)
    return [f.kind.value for f in told if not f.is_notice]


# -- by the terminal ---------------------------------------------------------------------------------------


async def test_verify_anchor_and_find(database: Settings) -> None:
    """The operator's walk: anchor, verify, somebody tampers, verify tells and fails."""
    world = await build_world()
    await append_history(
        [NewRow(NOW, world.head.official_id, "head", "confirm", reason=f"lần {n}") for n in range(5)]
    )

    anchored = await command(database, "anchor", "--json")
    sound = await command(database, "verify")
    owner = await asyncpg.connect(database.owner_dsn())
    await owner.execute("SET session_replication_role = replica")
    await owner.execute("UPDATE history SET reason = 'khác' WHERE reason = 'lần 3'")
    await owner.close()
    broken = await command(database, "verify", "--anchors", json.loads(anchored.stdout)["path"])
    as_json = await command(database, "verify", "--json")

    assert anchored.returncode == 0, anchored.stderr
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert "The chain is intact" in sound.stdout
    assert json.loads(anchored.stdout)["seal"] in sound.stdout
    assert broken.returncode == 1
    assert "was edited" in broken.stdout
    lines = [json.loads(line) for line in as_json.stdout.splitlines()]
    edited = await fetchval("SELECT id::text FROM history WHERE reason = 'khác'")
    assert [(line["finding"], line["ids"]) for line in lines[:-1]] == [("edited", [edited])]
    assert lines[-1]["is_intact"] is False
    assert lines[-1]["findings"] == {"edited": 1}
    assert as_json.returncode == 1


async def test_verify_with_a_foreign_key_fails(database: Settings) -> None:
    """The rows are not those of an installation with another secret."""
    await build_world()
    await append_history([NewRow(NOW, None, "system", "confirm")])

    told = await command(database, "verify", secret="n" * 40)

    assert told.returncode == 1
    assert "TRACKER_OLD_SECRET_KEYS" in told.stdout


async def test_broken_anchor_file_is_named_with_its_line(database: Settings, tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    path.write_text("\n{}\n")

    told = await command(database, "verify", "--anchors", str(path))

    assert told.returncode == 65
    assert f"Line 2 of {path} is not an anchor" in told.stderr


async def test_export_is_told_in_sentences(database: Settings) -> None:
    """By person and by day; JSON keeps the raw fields, CSV runs nothing in a spreadsheet."""
    world = await build_world()
    await append_history(
        [
            NewRow(NOW, world.head.official_id, "Trần Văn Đức", "confirm", reason="=cmd|'/C calc'!A0"),
            NewRow(NOW, None, "system", "somersault", detail={"số": [1, None]}),
        ]
    )

    of_head = await command(database, "export", "--person", "head@vpcp.example.vn")
    of_day = await command(database, "export", "--day", "22/11/2026", "--format", "csv")
    of_another = await command(database, "export", "--day", "2026-11-23")
    of_nobody = await command(database, "export", "--person", "nobody@example.vn")

    rows = json.loads(of_head.stdout)
    assert [r["reason"] for r in rows] == ["=cmd|'/C calc'!A0"]
    assert rows[0]["sentence"].startswith("10:00:00 on 22/11/2026: Trần Văn Đức confirmed the result.")
    assert rows[0]["mac"] == await fetchval("SELECT encode(mac, 'hex') FROM history WHERE verb = 'confirm'")
    table = list(csv.DictReader(io.StringIO(of_day.stdout)))
    assert [r["Reason"] for r in table] == ["'=cmd|'/C calc'!A0", ""]
    assert "The system did “somersault”." in table[1]["Sentence"]
    assert json.loads(table[1]["Detail"]) == {"số": [1, None]}
    assert json.loads(of_another.stdout) == []
    assert of_nobody.returncode == 65


async def test_export_of_a_task_holds_its_directive_too(api: Api, database: Settings) -> None:
    recorded = await api.recorded()
    await api.recorded(number="18/NQ-CP")
    task_id = await fetchval("SELECT min(id) FROM task")

    told = await command(database, "export", "--task", str(task_id))

    rows = json.loads(told.stdout)
    assert [r["verb"] for r in rows] == ["record_directive", "assign", "assign"]
    assert {r["directive_id"] for r in rows} == {int(recorded["directive_id"])}


# -- where it comes from -----------------------------------------------------------------------------------


async def test_demonstration_is_chained(database: Settings) -> None:
    """Its past was entered at once, and stands in the chain like what happens today."""
    await demo.load(demo.DEFAULT_START)

    assert await findings() == []
    assert await fetchval("SELECT count(*) FROM history WHERE lane IS NULL") == 0
    assert await fetchval("SELECT count(*) FROM history") > 300


async def test_history_from_before_the_chain_is_kept_and_counted(
    empty_database: Settings, tmp_path: Path
) -> None:
    """An installation that is brought forward: its old rows stay as they are, and no later one may be like them."""
    for migration in load_migrations():
        if migration.id < "2026-11-22T06:00:00:000005":
            shutil.copy(migrations_folder() / f"{migration.name}.py", tmp_path)
    await migrate(empty_database, folder=tmp_path)
    owner = await asyncpg.connect(empty_database.owner_dsn())
    older = (
        "INSERT INTO history (at, actor_name, verb) SELECT now(), 'cũ', 'confirm' FROM generate_series(1, $1)"
    )
    await owner.execute(older, 7)

    await migrate(empty_database)
    await open_pool(empty_database)
    try:
        await append_history([NewRow(NOW, None, "system", "confirm") for _ in range(3)])
        told: list[Finding] = []
        verdict = await audit.verify(SYSTEM, [], told.append)
        assert [f for f in told if not f.is_notice] == []
        assert (verdict.unchained, verdict.rows) == (7, 3)

        await owner.execute(older, 1)
        assert await findings() == ["unchained"]
        assert [r["n"] for r in await fetch("SELECT unchained AS n FROM audit_start")] == [7]
    finally:
        await close_pool()
        await owner.close()

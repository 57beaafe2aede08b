"""Long work through the API: asked for, watched, cancelled, fetched; and what the worker does with it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openpyxl
import pytest

from tests.api import Api, running_api
from tracker import clock
from tracker.actions import jobs as actions
from tracker.db import jobs as db
from tracker.db.engine import execute, fetchval
from tracker.domain.access import Scope
from tracker.jobs import housekeeping, long_work
from tracker.jobs.long_work import LongWork
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

EXPORT = {"what": "assignments", "format": "csv"}


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        yield running


@pytest.fixture
async def office(api: Api) -> httpx.AsyncClient:
    return await api.client(api.world.secretariat)


async def work() -> int:
    """One worker's look at what waits."""
    return await LongWork(clock.utc_now).run()


async def asked(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/exports", json={**EXPORT, **body})
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    return job


async def read(client: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/jobs/{job['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def result(client: httpx.AsyncClient, job: dict[str, Any]) -> httpx.Response:
    return await client.get(f"/api/v1/jobs/{job['id']}/result")


# -- the life of a job ---------------------------------------------------------------------------------


async def test_a_job_waits_runs_and_leaves_a_file_for_a_day(api: Api, office: httpx.AsyncClient) -> None:
    await api.recorded()
    job = await asked(office)
    assert (job["state"], job["progress"], job["waits_for"]) == ("waiting", 0, "worker")
    assert "worker" in job["note"]
    early = await result(office, job)
    assert (early.status_code, early.json()["code"]) == (409, "job_unfinished")

    assert await work() == 1

    done = await read(office, job)
    assert (done["state"], done["progress"], done["result"]["media_type"]) == ("done", 100, "text/csv")
    file = await result(office, job)
    assert file.headers["content-disposition"].startswith('attachment; filename="nhiem-vu-')
    assert len(file.content) == done["result"]["size"]
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [row["Agency"] for row in rows] == ["Bộ Y tế", "Bộ Tài chính"]
    unchanged = await office.get(
        f"/api/v1/jobs/{job['id']}/result", headers={"If-None-Match": file.headers["etag"]}
    )
    assert unchanged.status_code == 304

    await execute("UPDATE job SET expires_at = now() - interval '1 second'")
    for path in (f"/api/v1/jobs/{job['id']}", f"/api/v1/jobs/{job['id']}/result"):
        assert (await office.get(path)).status_code == 404
    assert (await housekeeping.run(clock.utc_now())).jobs == 1


async def test_a_waiting_job_says_that_a_worker_is_there(office: httpx.AsyncClient) -> None:
    await work()
    job = await asked(office)
    assert job["waits_for"] == "turn"


async def test_a_job_belongs_to_who_asked_for_it(api: Api, office: httpx.AsyncClient) -> None:
    job = await asked(office)
    await work()
    stranger = await api.client(api.world.agency)
    colleague = await api.client(api.world.head)
    admin = await api.client(api.world.administrator)

    for client in (stranger, colleague):
        for method, path in (("GET", ""), ("GET", "/result"), ("POST", "/cancel")):
            answer = await client.request(method, f"/api/v1/jobs/{job['id']}{path}")
            assert answer.status_code == 404, path
        assert (await client.get("/api/v1/jobs")).json()["items"] == []
    assert [j["id"] for j in (await admin.get("/api/v1/jobs")).json()["items"]] == [job["id"]]
    assert (await result(admin, job)).status_code == 200


async def test_jobs_are_listed_newest_first_page_by_page(office: httpx.AsyncClient) -> None:
    ids = [(await asked(office))["id"] for _ in range(3)]
    first = (await office.get("/api/v1/jobs?limit=2")).json()
    rest = (await office.get(f"/api/v1/jobs?limit=2&cursor={first['next']}")).json()
    assert [j["id"] for j in first["items"] + rest["items"]] == ids[::-1]
    assert (await office.get("/api/v1/jobs?state=done")).json()["items"] == []


async def test_a_waiting_job_is_cancelled_at_once(office: httpx.AsyncClient) -> None:
    job = await asked(office)
    cancelled = await office.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    again = await office.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert again.status_code == 200
    assert await work() == 0


async def test_what_has_ended_is_not_cancelled(office: httpx.AsyncClient) -> None:
    job = await asked(office)
    await work()
    answer = await office.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_ended")


async def test_a_running_job_is_cancelled_at_its_next_step(
    api: Api, office: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_work, "BEAT_SECONDS", 0.02)
    started = asyncio.Event()

    async def slow(desk: actions.Desk) -> None:
        started.set()
        for n in range(1000):
            await asyncio.sleep(0.02)
            desk.progress.step("collect", n, 1000)

    monkeypatch.setattr(long_work, "RUNS", {"export": (slow, {"collect": 100})})
    job = await asked(office)
    hand = asyncio.create_task(work())
    await started.wait()
    await asyncio.sleep(0.2)
    running = await read(office, job)
    answer = await office.post(f"/api/v1/jobs/{job['id']}/cancel")
    await asyncio.wait_for(hand, 10)

    assert (running["state"], running["stage"], running["steps_total"]) == ("running", "collect", 1000)
    assert running["steps_done"] > 0
    assert (answer.json()["state"], answer.json()["cancel_requested"]) == ("running", True)
    assert (await read(office, job))["state"] == "cancelled"


async def test_a_worker_that_is_told_to_stop_gives_its_job_back(
    office: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_work, "BEAT_SECONDS", 0.02)
    hands = LongWork(clock.utc_now)

    async def slow(desk: actions.Desk) -> None:
        for n in range(1000):
            hands.stop.set()
            await asyncio.sleep(0.02)
            desk.progress.step("collect", n, 1000)

    monkeypatch.setattr(long_work, "RUNS", {"export": (slow, {"collect": 100})})
    job = await asked(office)
    await asyncio.wait_for(hands.run(), 10)

    assert (await read(office, job))["state"] == "waiting"
    assert await fetchval("SELECT attempts FROM job") == 0


async def test_a_fault_of_ours_ends_the_job_and_tells_nothing_of_itself(
    office: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(desk: actions.Desk) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(long_work, "RUNS", {"export": (broken, {})})
    job = await asked(office)
    await work()

    failed = await read(office, job)
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "job_broken")
    assert "secret" not in json.dumps(failed)


# -- rights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE official SET is_active = false WHERE email = 'focal@byt.example.vn'",
        "UPDATE official SET role = 'agency_leader' WHERE email = 'focal@byt.example.vn'",
        "UPDATE official SET agency_id = (SELECT id FROM agency WHERE code = 'BTC')"
        " WHERE email = 'focal@byt.example.vn'",
    ],
    ids=["disabled", "role", "moved"],
)
async def test_case_50_and_51_a_job_dies_with_the_right_to_it(api: Api, change: str) -> None:
    await api.recorded()
    agency = await api.client(api.world.agency)
    waiting, done = await asked(agency), await asked(agency)
    await db.request_cancel(int(waiting["id"]))
    await work()
    waiting = await asked(agency)
    assert (await result(agency, done)).status_code == 200

    await execute(change)
    await work()

    admin = await api.client(api.world.administrator)
    assert (await read(admin, waiting))["problem"]["code"] == "job_owner_gone"
    # What was made before the change is not handed out after it.
    assert (await result(agency, done)).status_code in (401, 404)


async def test_a_job_has_no_more_scopes_than_the_token_that_asked(api: Api) -> None:
    reader = await api.client(api.world.secretariat, (Scope.READ,))
    refused = await reader.post(
        "/api/v1/imports", params={"name": "a.csv"}, content=b"a", headers={"Content-Type": "text/csv"}
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    await asked(reader)
    assert await fetchval("SELECT scopes FROM job") == ["read"]


async def test_case_47_an_export_holds_what_its_owner_sees(api: Api) -> None:
    await api.recorded()
    other = await api.client(api.world.other_agency)
    jobs = [await asked(other, what=what, format="json") for what in ("assignments", "overdue", "history")]
    await work()
    await work()
    for job in jobs:
        text = (await result(other, job)).text
        assert "Bộ Y tế" not in text.replace("Kế hoạch thực hiện", "")
    assert [r["agency"] for r in (await result(other, jobs[0])).json()["items"]] == ["Bộ Tài chính"]


# -- 83: many at once ----------------------------------------------------------------------------------


async def test_case_83_fifty_exports_at_once(api: Api, office: httpx.AsyncClient) -> None:
    await api.recorded()
    answers = await asyncio.gather(*(office.post("/api/v1/exports", json=EXPORT) for _ in range(50)))

    taken = [a for a in answers if a.status_code == 202]
    refused = [a for a in answers if a.status_code == 429]
    assert len(taken) == actions.MOST_LIVE
    assert len(taken) + len(refused) == 50
    assert all(a.json()["code"] == "too_many_jobs" and int(a.headers["retry-after"]) > 0 for a in refused)
    assert (await office.get("/api/v1/me")).status_code == 200
    hands = await asyncio.gather(*(work() for _ in range(4)))
    assert sum(hands) + await work() == len(taken)
    assert (await office.post("/api/v1/exports", json=EXPORT)).status_code == 202


async def test_no_more_run_at_once_than_may(api: Api) -> None:
    for actor in (api.world.secretariat, api.world.secretariat, api.world.agency, api.world.head):
        await asked(await api.client(actor))
    claims = [await db.claim(2, 1) for _ in range(4)]

    assert [c and c.owner_id for c in claims] == [
        api.world.secretariat.official_id,
        api.world.agency.official_id,
        None,
        None,
    ]


# -- kill -9 -------------------------------------------------------------------------------------------


async def worker(settings: Settings, fail_point: str = "") -> int | None:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("TRACKER_")},
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_SECRET_KEY": "k" * 40,
        "DONDOC_FAIL_POINT": fail_point,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.job_process", env=environment
    )
    async with asyncio.timeout(90):
        return await process.wait()


TABLE = "STT;Nhiệm vụ;Cơ quan chủ trì;Thời hạn\n" + "".join(
    f"{n};Nhiệm vụ số {n};Bộ Y tế;30/11/2026\n" for n in range(1, 31)
)
FIXED = {"directive": "99/NQ-CP", "issued_on": "2025-11-20", "issuer": "Chính phủ", "name": "a.csv"}


@pytest.mark.parametrize("point", ["claimed", "applied", "before_finish", "committed"])
async def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    api: Api, office: httpx.AsyncClient, database: Settings, point: str
) -> None:
    sent = await office.post(
        "/api/v1/imports", params=FIXED, content=TABLE.encode(), headers={"Content-Type": "text/csv"}
    )
    assert sent.status_code == 202, sent.text
    await work()
    confirmed = (await office.post(f"/api/v1/imports/{sent.json()['id']}/confirmation")).json()

    killed = await worker(database, point)
    between = await fetchval("SELECT count(*) FROM task")
    await execute("UPDATE job SET lease_until = now() WHERE state = 'running'")
    ended = await worker(database)

    assert (killed, ended) == (-9, 0)
    assert between == (30 if point == "committed" else 0)
    done = await read(office, confirmed)
    assert (done["problem"], done["state"]) == (None, "done")
    assert await fetchval("SELECT count(*) FROM task") == 30


async def test_what_kills_its_worker_three_times_is_given_up(office: httpx.AsyncClient) -> None:
    job = await asked(office)
    for _ in range(3):
        assert await db.claim(2, 1) is not None
        await execute("UPDATE job SET lease_until = now() - interval '1 second'")
        await db.reclaim_expired()
    failed = await read(office, job)
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "job_lost")
    assert failed["problem"]["detail"] != "job_lost"


async def test_a_worker_that_lost_its_lease_ends_nothing(office: httpx.AsyncClient) -> None:
    await asked(office)
    first = await db.claim(2, 1)
    assert first is not None
    await execute("UPDATE job SET lease_until = now() - interval '1 second'")
    await db.reclaim_expired()
    second = await db.claim(2, 1)
    assert second is not None

    assert await db.write_progress(first, 50, "x", 1, 2) is None
    assert not await db.mark_done(first, {})
    assert not await db.release(first)
    assert await db.mark_done(second, {})


# -- exports -------------------------------------------------------------------------------------------


async def test_an_export_can_be_repeated_with_its_key(office: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "abc"}
    first = await office.post("/api/v1/exports", json=EXPORT, headers=headers)
    again = await office.post("/api/v1/exports", json=EXPORT, headers=headers)
    assert first.json()["id"] == again.json()["id"]
    assert await fetchval("SELECT count(*) FROM job") == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"what": "overdue", "status": "open"}, "/status"),
        ({"what": "history", "agency": ["BYT"]}, "/agency"),
        ({"what": "assignments", "as_of": "2025-11-30"}, "/as_of"),
        ({"due_from": "2025-12-01", "due_to": "2025-11-01"}, "/due_from"),
        ({"agency": ["XXX"]}, "/agency/0"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(
    office: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    answer = await office.post("/api/v1/exports", json={**EXPORT, **body})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert "{" not in answer.json()["errors"][0]["detail"]


async def test_a_workbook_has_typed_cells_and_no_formula(api: Api, office: httpx.AsyncClient) -> None:
    task = {
        "short_name": "=cmd|'/C calc'!A0",
        "full_text": "+1-1",
        "leads": ["BYT"],
        "deadline": "trước ngày 15/12/2026",
    }
    await api.recorded(tasks=[task])
    job = await asked(office, format="xlsx")
    await work()
    sheet = openpyxl.load_workbook(io.BytesIO((await result(office, job)).content)).active
    assert sheet is not None
    cells = {header.value: cell for header, cell in zip(sheet[1], sheet[2], strict=True)}

    assert (cells["Task"].value, cells["Task"].data_type) == ("=cmd|'/C calc'!A0", "s")
    assert (cells["Full text"].value, cells["Full text"].data_type) == ("+1-1", "s")
    assert cells["Deadline"].data_type == "d"
    assert cells["Days late"].data_type == "n"


@pytest.mark.parametrize("name", ["=cmd|'/C calc'!A0", "+1-1", "@SUM(A1)", "-2+3", "＝1", "\u00a0=1"])
async def test_case_42_text_in_a_csv_is_not_run(api: Api, office: httpx.AsyncClient, name: str) -> None:
    task = {"short_name": name, "full_text": "x", "leads": ["BYT"], "deadline": "trước ngày 15/12/2026"}
    await api.recorded(tasks=[task])
    job = await asked(office)
    await work()
    rows = list(csv.DictReader(io.StringIO((await result(office, job)).content.decode("utf-8-sig"))))
    assert rows[0]["Task"].startswith("'")
    assert rows[0]["Days late"].lstrip("-").isdigit()


async def test_history_and_overdue_are_exported_in_every_form(api: Api, office: httpx.AsyncClient) -> None:
    await api.recorded()
    for what in ("overdue", "history"):
        for form in ("csv", "xlsx", "json", "docx", "pdf"):
            job = await asked(office, what=what, format=form)
            await work()
            done = await read(office, job)
            assert done["state"] == "done", done
            content = (await result(office, job)).content
            if form == "json":
                assert json.loads(content)
    job = await asked(office, what="history", format="json", changed_from="2030-01-01")
    await work()
    empty = (await result(office, job)).json()
    assert (empty["items"], empty["count"]) == ([], 0)
    bare = await asked(office, what="history", bom=False)
    await work()
    assert not (await result(office, bare)).content.startswith(b"\xef\xbb\xbf")

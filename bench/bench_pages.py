"""Reading and recording at a million assignments; pages over five years of 20,000 assignments each.

The pages are asked for over HTTP as a browser does, each beside the plain list, signed in as a member of the working
group who follows twenty agencies of a hundred.
"""

from __future__ import annotations

import re
from datetime import date
from itertools import count
from pathlib import Path

import httpx

from bench.million import HEADING, NOW, TODAY, line, run, service, timed
from tracker.actions import demo_clock, directives
from tracker.actions.overdue import overdue_list
from tracker.app import create_app
from tracker.db.engine import connection, fetchrow, fetchval
from tracker.domain.directory import Actor, Role
from tracker.domain.drafts import NewDirective, NewTask


async def measure() -> None:
    """Print the table."""
    async with service():
        officer = await fetchrow("SELECT id, full_name FROM official WHERE role = 'secretariat' LIMIT 1")
        assert officer is not None
        secretariat = Actor(officer["id"], officer["full_name"], Role.SECRETARIAT)
        agency = await fetchval("SELECT id FROM agency WHERE code = 'A7'")
        one = Actor(1, "A7", Role.AGENCY_OFFICER, agency_id=agency)
        numbers = count(1)

        async def record() -> None:
            await directives.record(
                secretariat,
                NewDirective(
                    number=f"{next(numbers)}/BENCH",
                    kind="dispatch",
                    issued_on=date(2025, 11, 24),
                    issuer="Thủ tướng Chính phủ",
                    abstract="Đo tốc độ ghi một văn bản giao 63 cơ quan",
                    tasks=(
                        NewTask(
                            "Báo cáo tình hình",
                            "Báo cáo tình hình thực hiện.",
                            leads=tuple(f"A{n}" for n in range(1, 64)),
                            deadline="trước ngày 15/12/2025",
                        ),
                    ),
                ),
                NOW,
            )

        await _forget()  # what an interrupted run left
        print(HEADING)
        single = await timed(lambda: overdue_list(one, TODAY, ["A7"]), 50)
        print(line("overdue list of one agency", single, 20))
        page = await timed(lambda: overdue_list(secretariat, TODAY, at_least=50), 20)
        print(line("overdue page of all, counts and first rows", page, 30))
        print(line("directive with 63 assignments recorded", await timed(record, 20), 150))
        await _forget()


_PAGES = (
    ("the plain list", "/viec", 200),
    ("the official's page, twenty agencies", "/tong-quan", 200),
    ("the official's page, all agencies", "/tong-quan?pham-vi=tat-ca", 200),
    ("the brief on paper", "/tong-quan/ban-in", 400),
    ("the month with its year", "/lich", 200),
    ("the month of one agency", "/lich?co-quan=A7", 200),
    ("reports, the figures of today", "/bao-cao", 400),
    ("rates by agency against last week", "/bao-cao/ty-le", 800),
    ("agencies side by side", "/bao-cao/co-quan", 800),
    ("the list behind a figure", "/bao-cao/danh-sach?nhom=qua-han&co-quan=A7", 200),
)


async def measure_pages() -> None:
    """Print the table of the pages."""
    async with service(Path("var/bench-pages"), tasks=20_000, agencies=100) as settings:
        await demo_clock.start(NOW)
        app = create_app(settings, is_demonstration=True)
        member = await fetchval("SELECT min(id) FROM official WHERE role = 'member'")
        async with connection() as c:
            await c.execute(
                "INSERT INTO agency_member (agency_id, official_id) SELECT id, $1 FROM agency WHERE id <= 20"
                " ON CONFLICT DO NOTHING",
                member,
            )
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8080", headers={"Accept": "text/html"}
        ) as client:
            door = (await client.get("/dang-nhap")).text
            token = re.search('name="_token" value="([^"]+)"', door)
            assert token is not None
            form = {"_token": token[1], "nguoi": str(member)}
            answer = await client.post("/dang-nhap", data=form, headers={"Origin": "http://127.0.0.1:8080"})
            assert answer.status_code == 303, answer.text
            print(HEADING)
            for name, path, bar in _PAGES:

                async def ask(path: str = path) -> None:
                    assert (await client.get(path)).status_code == 200, path

                print(line(name, await timed(ask, 10), bar))


async def _forget() -> None:
    """Take the recorded directives out again."""
    ours = "SELECT id FROM directive WHERE number LIKE '%/BENCH'"
    rows = f"SELECT id FROM assignment WHERE directive_id IN ({ours})"
    async with connection() as c:
        await c.execute("SET session_replication_role = replica; SET statement_timeout = 0")
        for table in ("reminder", "invitation", "outbox_entry", "deadline_change"):
            await c.execute(f"DELETE FROM {table} WHERE assignment_id IN ({rows})", timeout=120)
        await c.execute("DELETE FROM outbox", timeout=120)
        for table in ("assignment", "task", "history"):
            await c.execute(f"DELETE FROM {table} WHERE directive_id IN ({ours})", timeout=120)
        await c.execute("DELETE FROM directive WHERE number LIKE '%/BENCH'", timeout=120)
        await c.execute("RESET session_replication_role; RESET statement_timeout")


if __name__ == "__main__":
    run(measure_pages)
    run(measure)

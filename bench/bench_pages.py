"""Reading and recording at a million assignments: overdue lists, and a directive to 63 agencies."""

from __future__ import annotations

from datetime import date
from itertools import count

from bench.million import HEADING, NOW, TODAY, line, run, service, timed
from tracker.actions import directives
from tracker.actions.overdue import overdue_list
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
    run(measure)

"""A country's worth of assignments on a server of its own: 1,000,000, of them 200,000 open, at 500 agencies.

Built once by SQL in the data folder (`var/bench`), used by every measurement. The present is Tuesday 25/11/2025, 09:00.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from tracker import process
from tracker.actions.audit import use_audit_key
from tracker.actions.ladders import ensure_default
from tracker.actions.office import use_office
from tracker.db.calendar import insert_days, insert_years, load_calendar
from tracker.db.embedded import EmbeddedPostgres
from tracker.db.engine import close_pool, fetchval, open_pool
from tracker.db.ladders import current_ladder
from tracker.db.migrate import migrate
from tracker.domain.moments import skipped_rank
from tracker.settings import Settings, load

NOW = datetime(2025, 11, 25, 2, 0, tzinfo=UTC)
TODAY = date(2025, 11, 25)
AGENCIES, TASKS, PER_TASK = 500, 200_000, 5

_FILL = """
SET session_replication_role = replica;  -- rows that point at each other, in any order
INSERT INTO agency (code, name, short_name, kind, search_key, sort_key)
SELECT 'A' || n, 'Cơ quan số ' || n, 'CQ ' || n, (ARRAY['ministry', 'province', 'corporation'])[1 + n % 3],
       'co quan so ' || n, lpad(n::text, 6, '0') FROM generate_series(1, {agencies}) n;
INSERT INTO official (agency_id, full_name, position, email, role, duty, search_key, sort_key)
SELECT n, d.title || ' ' || n, d.title, d.duty || n || '@example.vn', d.role, d.duty, d.duty || n, d.duty || n
FROM generate_series(1, {agencies}) n,
     (VALUES ('Đầu mối', 'focal', 'agency_officer'), ('Chánh Văn phòng', 'head_of_office', 'agency_officer'),
             ('Lãnh đạo', 'leader', 'agency_leader')) AS d (title, duty, role);
INSERT INTO official (full_name, email, role, duty, search_key, sort_key)
SELECT 'Chuyên viên ' || n, 'vp' || n || '@example.vn', 'secretariat', 'secretariat_officer', 'vp', 'vp'
FROM generate_series(1, 10) n
UNION ALL SELECT 'Trưởng bộ phận', 'head@example.vn', 'secretariat', 'secretariat_head', 'h', 'h'
UNION ALL SELECT 'Thành viên ' || n, 'tv' || n || '@example.vn', 'member', 'member', 'tv', 'tv'
FROM generate_series(1, 3) n;
INSERT INTO directive (number, kind, issued_on, issuer, abstract, search_key, created_at, changed_at)
SELECT n || '/NQ-CP', 'resolution', date '2019-01-01' + (n % 2500), 'Chính phủ', 'Văn bản chỉ đạo số ' || n,
       n || ' nq cp', '2019-01-01', '2019-01-01' FROM generate_series(1, {tasks} / 5) n;
INSERT INTO task (directive_id, ordinal, short_name, full_text, deadline_phrase, search_key, changed_at,
                  secretariat_officer_id)
SELECT 1 + (n - 1) / 5, 1 + (n - 1) % 5, 'Nhiệm vụ số ' || n, 'Hoàn thành nhiệm vụ số ' || n || ' theo văn bản.',
       'trước ngày', 'nhiem vu so ' || n, '2019-01-01',
       (SELECT min(id) FROM official WHERE role = 'secretariat') + n % 10
FROM generate_series(1, {tasks}) n;
CREATE TEMP TABLE due_rank (due_on date PRIMARY KEY, rank int);
"""

_ASSIGN = """
INSERT INTO assignment (task_id, directive_id, agency_id, part, state, due_kind, due_on, original_due_on,
    deadline_set_at, ladder_version_id, settled_rank, assigned_on, assigned_at, reported_at, confirmed_at, closed_at,
    confirmed_report_id, completed_on, completed_time, last_report_at, last_report_summary, changed_at)
SELECT t, 1 + (t - 1) / 5, 1 + (t * 7 + k * 101) % {agencies}, CASE k WHEN 0 THEN 'lead' ELSE 'cooperating' END,
    CASE WHEN is_open THEN 'in_progress' ELSE 'confirmed' END, 'dated', due, due,
    '2019-01-01', {ladder}, coalesce(r.rank, 9), due - 60, '2019-01-01',
    CASE WHEN NOT is_open THEN done_at END, CASE WHEN NOT is_open THEN done_at + interval '2 days' END,
    CASE WHEN NOT is_open THEN done_at + interval '2 days' END, CASE WHEN NOT is_open THEN n END,
    CASE WHEN NOT is_open THEN done_at::date END, CASE WHEN NOT is_open THEN time '09:00' END,
    CASE WHEN NOT is_open THEN done_at END, CASE WHEN NOT is_open THEN 'Đã hoàn thành' ELSE '' END,
    CASE WHEN NOT is_open THEN done_at + interval '2 days' ELSE '2019-01-01' END
FROM (
    SELECT n, 1 + (n - 1) / {per_task} AS t, (n - 1) % {per_task} AS k, n % 5 = 0 AS is_open,
           CASE WHEN n % 5 = 0 THEN date '2025-11-25' - 40 + (n::bigint * 7919 % 220)::int
                ELSE date '2020-01-01' + (n::bigint * 104729 % 2100)::int END AS due
    FROM generate_series(1, {tasks} * {per_task}) n
) s CROSS JOIN LATERAL (SELECT (due + (n % 23 - 15)::int)::timestamptz AS done_at) d
LEFT JOIN due_rank r ON r.due_on = due;
INSERT INTO report (id, assignment_id, kind, receipt, summary, submitted_by, submitted_at, acceptance,
                    decided_by, decided_at)
OVERRIDING SYSTEM VALUE
SELECT a.confirmed_report_id, a.id, 'completion', 'BC-' || a.id, 'Đã hoàn thành', 1, a.reported_at,
       'approved', 2, a.confirmed_at
FROM assignment a WHERE a.confirmed_report_id IS NOT NULL;
INSERT INTO deadline_change (assignment_id, deadline_version, due_on, set_at, kind)
SELECT id, 1, due_on, assigned_at, 'original' FROM assignment;
SELECT setval(pg_get_serial_sequence('report', 'id'), 2000000);
SET session_replication_role = origin;
"""


async def _fill(dsn: str, tasks: int, agencies: int) -> None:
    """Write everything; the ranks are those of a service that has swept until yesterday."""
    await insert_years([(year, "bench", True) for year in range(2018, 2028)])
    await insert_days([(date(2026, 1, 1), "off", "Tết Dương lịch", "bench", False)])
    await ensure_default("Chung")
    ladder, calendar = await current_ladder(NOW), await load_calendar()
    swept = NOW - timedelta(days=1)
    window = [TODAY + timedelta(days=n) for n in range(-200, 250)]
    ranks = [(due, skipped_rank(ladder, due, None, swept, calendar)) for due in window]
    figures = {"agencies": agencies, "tasks": tasks, "per_task": PER_TASK, "ladder": ladder.id}
    # As the owner: nobody else may write rows that point at what is not there yet.
    c = await asyncpg.connect(dsn)
    try:
        await c.execute("SET statement_timeout = 0")
        await c.execute(_FILL.format(**figures), timeout=600)
        await c.executemany("INSERT INTO due_rank VALUES ($1, $2)", ranks)
        await c.execute(_ASSIGN.format(**figures), timeout=1800)
        for table in ("agency", "official", "directive", "task", "assignment", "report", "deadline_change"):
            await c.execute(f"VACUUM ANALYZE {table}", timeout=600)
    finally:
        await c.close()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@asynccontextmanager
async def service(
    folder: Path = Path("var/bench"), *, tasks: int = TASKS, agencies: int = AGENCIES
) -> AsyncIterator[Settings]:
    """The server with its rows (five times as many as tasks), the pool open; built when it is not there yet."""
    with EmbeddedPostgres(_made(folder) / "postgres") as server:
        settings = load(
            {"TRACKER_DATA_DIR": str(folder), "TRACKER_POOL_MAX": "24", "TRACKER_API_PER_MINUTE": "1000000"}
        ).with_database(server.dsn())
        await migrate(settings)
        await open_pool(settings)
        use_office(settings)
        use_audit_key(process.with_secret_key(settings))
        try:
            if not await fetchval("SELECT EXISTS (SELECT FROM assignment)"):
                print(f"building {tasks * PER_TASK:,} assignments …", file=sys.stderr)
                await _fill(server.dsn(), tasks, agencies)
            yield settings
        finally:
            await close_pool()


async def timed(work: Callable[[], Awaitable[object]], times: int) -> list[float]:
    """Milliseconds of each of `times` runs, after one that warms the caches."""
    await work()
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        await work()
        spans.append((time.perf_counter() - start) * 1000)
    return spans


def p95(spans: list[float]) -> float:
    """The span that 95 of 100 runs do not pass."""
    return sorted(spans)[max(0, int(len(spans) * 0.95 + 0.5) - 1)]


def line(name: str, spans: list[float], bar: float) -> str:
    """One row of a table: median, p95, the bar, and whether it is met."""
    median = sorted(spans)[len(spans) // 2]
    return (
        f"{name:<46} {median:>9.1f} {p95(spans):>9.1f} {bar:>9.0f}   {'yes' if p95(spans) <= bar else 'NO'}"
    )


HEADING = f"{'milliseconds':<46} {'median':>9} {'p95':>9} {'bar':>9}   met\n{'-' * 84}"


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """The main function of a measurement, in the loop that the service runs in."""
    process.run(work())

"""How long a search and a page of a list take among 100,000 tasks at 200,000 assignments.

Beside each search stands a plain alternative in the same run: `LIKE '%word%'` for every word over the texts without
marks that the tables keep, which is what `unaccent(…) ILIKE` costs at best, its unaccenting already paid for.
The bar is 300 ms for a search and 200 ms for the first page of a list with its count.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import date, time
from pathlib import Path

import asyncpg

from bench.million import p95, run, timed
from tracker.actions.ladders import ensure_default
from tracker.actions.office import use_office
from tracker.db import reads_search, reads_web
from tracker.db.calendar import insert_days, insert_years
from tracker.db.embedded import EmbeddedPostgres
from tracker.db.engine import as_stranger, close_pool, fetch, fetchval, look_as, open_pool
from tracker.db.migrate import migrate
from tracker.db.reads_web import AsOf, WorkFilter
from tracker.domain.directory import Actor, Role
from tracker.domain.search import query_words, search_key, word_key
from tracker.settings import load

FOLDER = Path("var/bench-search")
TASKS, AGENCIES, DIRECTIVES = 100_000, 120, 12_000
TODAY = AsOf(date(2025, 11, 25), time(9), date(2025, 11, 28))

# Words as directives use them; a task is put together from one of each row.
_VERBS = (
    "Rà soát",
    "Xây dựng",
    "Trình ban hành",
    "Hoàn thiện",
    "Báo cáo",
    "Công bố",
    "Kết nối, chia sẻ",
    "Số hóa",
)
_THINGS = ("cơ sở dữ liệu", "khung kiến trúc", "quy trình thủ tục hành chính", "chứng thư số", "nền tảng dùng chung",
           "định mức kinh tế kỹ thuật", "hồ sơ bệnh án điện tử", "đề án đào tạo nhân lực", "biên bản nghiệm thu",
           "kho dữ liệu đất đai", "dữ liệu hộ tịch")  # fmt: skip
_FIELDS = ("ngành y tế", "lĩnh vực giáo dục", "lĩnh vực đất đai", "ngành tài chính", "lĩnh vực giao thông",
           "quản lý dân cư", "bảo hiểm xã hội", "hải quan và thuế", "khoa học và công nghệ", "nông nghiệp",
           "xuất nhập khẩu", "cấp phép hành nghề khám chữa bệnh", "vùng đồng bằng sông Cửu Long")  # fmt: skip
_ENDS = ("trước kỳ họp Quốc hội", "đúng tiến độ được giao", "theo kết luận của Thủ tướng Chính phủ", "trên toàn quốc",
         "phục vụ chỉ đạo điều hành", "bảo đảm đúng, đủ, sạch, sống", "giai đoạn 2026 - 2030")  # fmt: skip
_NAMES = (
    "Bộ Y tế",
    "Bộ Tài chính",
    "Bộ Giáo dục và Đào tạo",
    "Bộ Nội vụ",
    "Bộ Công an",
    "UBND thành phố Đà Nẵng",
)

_ROWS = f"""
INSERT INTO directive (number, kind, issued_on, issuer, abstract, search_key, created_at, changed_at)
SELECT n || '/NQ-CP', 'resolution', date '2019-01-01' + n % 2500, 'Chính phủ', 'Nhiệm vụ trọng tâm năm ' || n % 9,
       n || ' nq cp nhiem vu trong tam nam ' || n % 9 || ' chinh phu', '2019-01-01', '2019-01-01'
FROM generate_series(1, {DIRECTIVES}) n;
INSERT INTO task (directive_id, ordinal, short_name, full_text, search_key, changed_at)
SELECT 1 + n % {DIRECTIVES}, 1 + n / {DIRECTIVES}, left(a.words || ' ' || b.words || ' ' || c.words, 90),
       a.words || ' ' || b.words || ' ' || c.words || ' ' || d.words || ', hồ sơ số ' || n || '.',
       concat_ws(' ', a.key, b.key, c.key, a.key, b.key, c.key, d.key, 'ho so so', n), '2019-01-01'
FROM generate_series(0, {TASKS - 1}) n
JOIN word a ON a.kind = 0 AND a.place = n % {len(_VERBS)}
JOIN word b ON b.kind = 1 AND b.place = (n / 3) % {len(_THINGS)}
JOIN word c ON c.kind = 2 AND c.place = (n / 7) % {len(_FIELDS)}
JOIN word d ON d.kind = 3 AND d.place = (n / 11) % {len(_ENDS)} ORDER BY n;
INSERT INTO assignment (task_id, directive_id, agency_id, part, state, due_kind, due_on, original_due_on,
    deadline_set_at, ladder_version_id, assigned_on, assigned_at, last_report_at, last_report_summary, changed_at)
SELECT t.id, t.directive_id, (SELECT min(id) FROM agency) + (t.id * 7 + k * 31) % {AGENCIES},
       CASE k WHEN 0 THEN 'lead' ELSE 'cooperating' END, 'in_progress', 'dated', due, due, '2019-01-01',
       (SELECT max(id) FROM ladder_version), due - 60, '2019-01-01',
       CASE WHEN t.id % 3 = 0 THEN due::timestamptz - interval '9 days' END,
       CASE WHEN t.id % 3 = 0 THEN 'Đang lấy ý kiến' ELSE '' END, '2019-01-01'
FROM task t CROSS JOIN generate_series(0, 1) k
CROSS JOIN LATERAL (SELECT date '2025-11-25' - 90 + (t.id * 7919 % 400)::int AS due) d;
"""


async def _fill(dsn: str) -> None:
    await insert_years([(year, "bench", True) for year in range(2018, 2028)])
    await insert_days([(date(2026, 1, 1), "off", "Tết Dương lịch", "bench", False)])
    await ensure_default("Chung")
    words = [
        (kind, place, text, word_key(text))
        for kind, texts in enumerate((_VERBS, _THINGS, _FIELDS, _ENDS))
        for place, text in enumerate(texts)
    ]
    names = [*_NAMES, *(f"Cơ quan số {n}" for n in range(AGENCIES - len(_NAMES)))]
    c = await asyncpg.connect(dsn)  # as the owner, who may analyse
    await c.execute("SET statement_timeout = 0")
    await c.executemany(
        "INSERT INTO agency (code, name, short_name, kind, search_key, sort_key)"
        " VALUES ($1, $2, $2, 'other', $3, $1)",
        [(f"A{n:03d}", name, search_key(f"{name} A{n:03d}")) for n, name in enumerate(names)],
    )
    await c.execute("CREATE TEMP TABLE word (kind int, place int, words text, key text)")
    await c.executemany("INSERT INTO word VALUES ($1, $2, $3, $4)", words)
    await c.execute(_ROWS, timeout=900)
    for table in ("agency", "directive", "task", "assignment"):
        await c.execute(f"VACUUM ANALYZE {table}", timeout=600)
    await c.close()


async def _plain(question: str) -> None:
    """What one would write first: every word somewhere in the text, the newest ten."""
    words = [f"%{word}%" for word in query_words(question)]
    conditions = " AND ".join(f"key LIKE ${place}" for place in range(1, len(words) + 1))
    await fetch(
        "SELECT id FROM (SELECT t.id, t.search_key || ' ' || d.search_key AS key FROM task t"
        f" JOIN directive d ON d.id = t.directive_id) found WHERE {conditions} ORDER BY id DESC LIMIT 10",
        *words,
    )


async def _search(viewer: Actor, question: str) -> None:
    """All that the page of a search asks."""
    agencies = await reads_search.search_agencies(viewer, question)
    await reads_search.search_directives(viewer, question)
    await reads_search.search_tasks(viewer, question, across=not agencies)
    await reads_search.search_people(viewer, question)


def _line(name: str, spans: Sequence[float], bar: float, beside: float | None = None) -> str:
    ratio = f"{beside / sorted(spans)[len(spans) // 2]:>8.1f}×" if beside is not None else " " * 9
    met = "yes" if p95(list(spans)) <= bar else "NO"
    return f"{name:<52} {sorted(spans)[len(spans) // 2]:>8.1f} {p95(list(spans)):>8.1f} {bar:>6.0f} {ratio}  {met}"


async def measure(times: int) -> None:
    """Print the table."""
    officer = Actor(1, "VP", Role.SECRETARIAT)
    first = await fetchval("SELECT min(id) FROM agency")
    agency = Actor(2, "A000", Role.AGENCY_OFFICER, agency_id=first)
    print(f"{'milliseconds':<52} {'median':>8} {'p95':>8} {'bar':>6} {'against':>9}  met\n{'-' * 98}")
    for question in (
        "71/NQ-CP",
        "71nq",
        "bo y te",
        "khung kien truc nganh y te",
        "rà soát",
        "so",
        "da nang benh an",
    ):
        plain = await timed(lambda q=question: _plain(q), 3)  # type: ignore[misc]
        spans = await timed(lambda q=question: _search(officer, q), times)  # type: ignore[misc]
        print(_line(f"search “{question}”", spans, 300, sorted(plain)[1]))
    for name, chosen, order, descending in (
        ("list, open, by deadline", WorkFilter(), "due", False),
        ("list, overdue, most days late first", WorkFilter(status="overdue"), "late", True),
        ("list, open, by agency", WorkFilter(), "agency", False),
        ("list, open, last report first", WorkFilter(), "report", True),
        ("list, words “khung kien truc”", WorkFilter(words="khung kien truc"), "due", False),
    ):

        async def page(
            chosen: WorkFilter = chosen, order: str = order, descending: bool = descending
        ) -> None:
            await reads_web.list_work(officer, chosen, TODAY, limit=51, order=order, descending=descending)
            await reads_web.count_work(officer, chosen, TODAY)

        print(_line(name, await timed(page, times), 200))

    async def tiles() -> None:
        await reads_web.pressing(officer, TODAY, ("overdue", "due_soon", "awaiting", "extension"))

    print(_line("the tiles of the desk", await timed(tiles, times), 200))
    with as_stranger():
        look_as(agency)
        for question in ("71/NQ-CP", "khung kien truc", "so"):
            spans = await timed(lambda q=question: _search(agency, q), times)  # type: ignore[misc]
            print(_line(f"search “{question}” by an agency", spans, 300))

        async def own() -> None:
            chosen = WorkFilter(words="khung kien truc")
            await reads_web.list_work(agency, chosen, TODAY, limit=51)
            await reads_web.count_work(agency, chosen, TODAY)

        print(_line("list, words, by an agency", await timed(own, times), 200))


def _made() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER.resolve()


async def main() -> None:
    """Start the server, fill it once, measure."""
    times = int(os.environ.get("BENCH_TIMES", "20"))
    with EmbeddedPostgres(_made() / "postgres") as server:
        settings = load({"TRACKER_DATA_DIR": str(FOLDER)}).with_database(server.dsn())
        await migrate(settings)
        await open_pool(settings)
        use_office(settings)
        try:
            if not await fetchval("SELECT EXISTS (SELECT FROM assignment)"):
                print(f"building {TASKS:,} tasks …", file=sys.stderr)
                await _fill(server.dsn())
            await measure(times)
        finally:
            await close_pool()


if __name__ == "__main__":
    run(main)

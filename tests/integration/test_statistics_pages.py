"""The pages of figures over HTTP: every number leads to as many rows; figures of a past day stay what was frozen."""

from __future__ import annotations

import random
import re
from datetime import date, datetime, time, timedelta
from html import unescape
from urllib.parse import urljoin

import pytest

from tests.integration.test_overdue_rule import START, some_lives
from tests.table_worlds import AS_OF, history_of, kinds_of
from tests.web_scene import Visitor, scene
from tests.world import World, build_world
from tracker.actions import inspections
from tracker.actions.notices import without_messages
from tracker.actions.statistics import Question, list_behind, official_table, pace, page_behind, statistics
from tracker.db.engine import execute, executemany, fetchval
from tracker.db.statistics import HEADS, Figure, Span
from tracker.domain.inspections import Plan
from tracker.domain.tallies import COUNTS, Block, Period, tally_of
from tracker.domain.zone import at_official
from tracker.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

PAGES = (
    "/bao-cao",
    "/bao-cao/ty-le",
    "/bao-cao/ty-le?theo=khoi&so-voi=thang&mau-so=chua-xong",
    "/bao-cao/ty-le?theo=quy&ngay=20/11/2025&lang=en",
    "/bao-cao/ty-le?theo=van-ban&khoi=bo&linh-vuc=-&han-tu=01/11/2025&han-den=31/12/2025&lang=vi",
    "/bao-cao/co-quan?ngay=10/11/2025",
    "/bao-cao/xu-huong",
)
_FIGURE = re.compile(r'<a(?: class="[^"]*")? href="([^"]*danh-sach[^"]*)"[^>]*>([^<]*)</a>')


def numbers_of(page: str) -> set[tuple[str, int]]:
    """Every figure of a page that leads to a list, with its address."""
    found = set()
    for href, words in _FIGURE.findall(page):
        number = re.search(r"[0-9][0-9.,]*$", words.strip())
        if number is not None:
            found.add((unescape(href), int(re.sub(r"[.,]", "", number[0]))))
    return found


async def test_every_number_of_every_table_leads_to_as_many_rows(database: Settings) -> None:
    async with scene(database) as made:
        await execute("UPDATE task SET field = 'Y tế số' WHERE id % 3 = 0")
        desk = await Visitor(made).sign_in(made.world.secretariat)
        counts: dict[str, int] = {}
        for path in PAGES:
            answer = await desk.get(path)
            assert answer.status_code == 200, path
            found = numbers_of(answer.text)
            assert len(found) >= 5, path
            for href, number in sorted(found):
                address = urljoin(path, href)
                if address not in counts:
                    listed = await desk.get(address)
                    assert listed.status_code == 200, address
                    counts[address] = listed.text.count('<tr class="item">')
                assert counts[address] == number, (path, address)
        assert len(counts) > 60
        await execute(
            "UPDATE assignment SET confirmed_at = $1, closed_at = $1 WHERE state = 'confirmed'",
            at_official(AS_OF - timedelta(days=1), time(9)),
        )
        assert "dồn trước ngày chốt" not in (await desk.get("/bao-cao")).text
        await record(made.world, {"done_on_time": 9, "done_late": 3}, at_official(AS_OF, time(1)), days=24)
        crowded = (await desk.get("/bao-cao/ty-le?theo=co-quan")).text
        assert "xác nhận 14 trên 14 nhiệm vụ của cả tháng (100,0 %; thường là 22,6 %)" in crowded
        assert "Cơ quan dồn như vậy: Bộ Y tế (14/14)" in crowded
        behind = re.search(r'href="([^"]*nhom=da-xong[^"]*xac-nhan-tu[^"]*)"', crowded)
        assert behind is not None
        assert (await desk.get(unescape(behind[1]))).text.count('<tr class="item">') == 14
        table = (await desk.get("/bao-cao/ty-le?theo=linh-vuc")).text
        assert "Y tế số" in table
        assert "Chưa ghi lĩnh vực" in table


async def test_what_cannot_be_asked_names_field_value_and_form(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        for path, field, words in (
            ("/bao-cao/ty-le?ngay=25/11/2025", "ngay", "sau hôm nay (24/11/2025)"),
            ("/bao-cao/ty-le?ngay=31/02/2025", "ngay", "31/02/2025"),
            ("/bao-cao/xu-huong?ngay=01/01/2026", "ngay", "sau hôm nay"),
            ("/bao-cao/danh-sach?ngay=2026-01-01", "ngay", "sau hôm nay"),
            ("/bao-cao/ty-le?giao-tu=02/11/2025&giao-den=01/11/2025", "giao-tu", "đổi lại"),
            ("/bao-cao/co-quan?han-tu=02/11/2025&han-den=01/11/2025", "han-tu", "đổi lại"),
            ("/bao-cao/ty-le?linh-vuc=Kh%C3%B4ng", "linh-vuc", "ghi đúng tên một lĩnh vực"),
            ("/bao-cao/ty-le?khoi=x", "khoi", "Tập đoàn"),
            ("/bao-cao/ty-le?theo=x", "theo", "Quý đến hạn"),
            ("/bao-cao/ty-le?so-voi=x", "so-voi", "Một quý trước"),
            ("/bao-cao/xu-huong?buoc=x", "buoc", "Một quý"),
            ("/bao-cao/ty-le?van-ban=99%2FNQ-CP", "van-ban", "ví dụ 17/NQ-CP"),
            ("/bao-cao/ty-le?van-ban=999999", "van-ban", "ví dụ 17/NQ-CP"),
            ("/bao-cao/danh-sach?nhom=x", "nhom", "qua-han"),
        ):
            answer = await desk.get(path)
            assert answer.status_code == 422, path
            summary = answer.text.partition('class="errors"')[2].partition("</ul>")[0]
            assert f'href="#{field}"' in summary, path
            assert words in unescape(summary), (path, summary)
        by_number = await desk.get("/bao-cao/ty-le?van-ban=17%2Fnq-cp")
        assert 'value="17/NQ-CP (01/10/2025)"' in by_number.text
        again = await desk.get("/bao-cao/ty-le?van-ban=17%2FNQ-CP+(01/10/2025)")
        assert numbers_of(again.text) == numbers_of(by_number.text)


async def test_figures_of_a_day_agree_with_lists_sessions_and_each_other() -> None:
    world = await build_world()
    with without_messages():
        await some_lives(world, random.Random(23))
    desk = world.secretariat
    as_of = START + timedelta(days=75)
    await execute("UPDATE task SET field = 'Số hóa' WHERE id % 2 = 0")

    told = {head: await statistics(desk, Question(as_of, by=head)) for head in HEADS}
    totals = {head: one.total.count.tally for head, one in told.items()}
    assert all(one.is_sound for one in told.values())
    assert all(tally == totals["agency"] for tally in totals.values())
    blocks = [await statistics(desk, Question(as_of, block=block)) for block in Block]
    fields = [await statistics(desk, Question(as_of, field=field)) for field in ("-", "Số hóa")]
    for parts in (blocks, fields):
        assert tally_of(one.total.count.tally for one in parts) == totals["agency"]
    spans = [Span(None, as_of), Span(as_of + timedelta(days=1), None)]
    dated = [await statistics(desk, Question(as_of, by="year", due=span)) for span in spans]
    undated = [r.count.tally for r in told["year"].rows if r.count.key == "-"]
    assert tally_of([*(d.total.count.tally for d in dated), *undated]) == totals["agency"]

    # Each cell and row against its list, both ways of reading it.
    for head in ("agency", "quarter", "field"):
        for row in told[head].rows:
            cells = row.count.tally.cells()
            for cell in COUNTS if head == "agency" else ("total", "awaiting", "beside"):
                figure = Figure(cell, head, row.count.key)
                listed = await list_behind(desk, Question(as_of), figure, 0, 100)
                page = await page_behind(desk, Question(as_of), figure, 0, 7)
                assert len(listed) == page.total == cells[cell], (head, row.count.key, cell)
    seen: list[int] = []
    while len(seen) < totals["agency"].buckets.total:
        page = await page_behind(desk, Question(as_of), Figure("total"), len(seen), 7)
        seen += [row.id for row, _ in page.rows]
        assert page.rows
    assert len(set(seen)) == len(seen)

    # The figures are those that a session froze, whatever happens afterwards.
    plan = Plan("Kiểm tra", as_of + timedelta(days=3), as_of, as_of + timedelta(days=30), ("BYT", "BTC"))
    planned = await inspections.plan(desk, plan, at_official(as_of + timedelta(days=1), time(9)))
    frozen = await inspections.freeze(desk, planned, None, at_official(as_of + timedelta(days=1), time(10)))
    later = await statistics(desk, Question(as_of))
    overdue = {row.count.key: row.count.buckets.open_overdue for row in later.rows}
    assert {code: one.overdue for code, one in frozen.by_agency.items()} == overdue
    assert sum(overdue.values()) > 0

    # What changed against the day before is the difference of the two tables.
    before = await statistics(desk, Question(as_of - timedelta(weeks=1)))
    table = await official_table(desk, Question(as_of), Period.WEEK)
    old = {row.count.key: row.rate for row in before.rows}
    for line in table.rows:
        assert line.change is not None
        assert line.change.before == old[line.key]
    assert table.total.change is not None
    assert table.total.change.before == before.total.rate
    assert table.rush is None or table.rush.without.total == table.total.figures.count.buckets.total

    going = await pace(desk, Question(as_of), 12)
    ahead = Question(as_of, due=Span(as_of + timedelta(days=1), as_of + timedelta(days=84)))
    coming = await statistics(desk, ahead)
    assert going.total.total == coming.total.count.buckets.open_in_term > 0
    assert going.waits.count == len(
        await list_behind(desk, Question(as_of, confirmed=going.confirmed), Figure("done"), 0, 500)
    )


# Published tables through PostgreSQL --------------------------------------------------------------------------------


async def record(world: World, kinds: dict[str, int], changed_at: datetime, *, days: int = 2) -> None:
    """Write tasks of these kinds as rows; what changed after the cut-off is told by the history.

    Results are confirmed so many days after their report.
    """
    directive = await fetchval(
        "INSERT INTO directive (number, kind, issued_on, issuer, abstract, search_key, created_at, changed_at)"
        " VALUES ($1, 'resolution', '2025-01-02', 'Chính phủ', 'x', 'x', now(), now()) RETURNING id",
        f"{changed_at:%d%H}/NQ-CP",
    )
    ladder = await fetchval("SELECT min(id) FROM ladder_version")
    rows: list[tuple[object, ...]] = []
    for kind, count in kinds.items():
        for place in range(count):
            facts = history_of(kind, place)
            due = facts.deadlines[0].due_on if facts.deadlines else None
            done = facts.completions[0] if facts.completions else None
            rows.append((len(rows) + 1, str(facts.due_kind), due, facts.assigned_at,
                         done and done.reported_at, done and done.decided_at))  # fmt: skip
    await executemany(
        "INSERT INTO task (directive_id, ordinal, short_name, full_text, search_key, changed_at)"
        " VALUES ($1, $2, 'x', 'x', 'x', now())",
        [(directive, row[0]) for row in rows],
    )
    await executemany(
        f"""
        INSERT INTO assignment (task_id, directive_id, agency_id, part, state, due_kind, due_on, original_due_on,
            deadline_set_at, ladder_version_id, assigned_on, assigned_at, reported_at, last_report_at, changed_at)
        SELECT id, $1, {world.agencies["BYT"]}, 'lead',
               CASE WHEN $6::date IS NULL THEN 'in_progress' ELSE 'reported' END,
               $3, $4, $4, $5::date, {ladder}, $5, $5::date, $6::date, $6::date, $7 FROM task
        WHERE directive_id = $1 AND ordinal = $2
        """,
        [(directive, *row[:5], changed_at) for row in rows],
    )
    await execute(
        "INSERT INTO deadline_change (assignment_id, deadline_version, due_on, set_at, kind)"
        " SELECT id, 1, due_on, assigned_at, 'original' FROM assignment WHERE directive_id = $1",
        directive,
    )
    await execute(
        "INSERT INTO report (assignment_id, kind, receipt, summary, submitted_by, submitted_at, acceptance,"
        " decided_by, decided_at) SELECT id, 'completion', 'R' || id, 'x', $3, reported_at, 'approved', $2,"
        f" reported_at + interval '{days} days' FROM assignment WHERE directive_id = $1 AND state = 'reported'",
        directive,
        world.officials["officer"],
        world.officials["byt.focal"],
    )
    await execute(
        "UPDATE assignment a SET state = 'confirmed', confirmed_report_id = r.id, completed_on = r.submitted_at::date,"
        " completed_time = '07:00', confirmed_at = r.decided_at, closed_at = r.decided_at"
        " FROM report r WHERE r.assignment_id = a.id AND a.directive_id = $1",
        directive,
    )


@pytest.mark.parametrize(
    "cells",
    [
        {"total": 89, "submitted": 21, "in_time": 57, "overdue": 11},
        {"open": 241, "done_of_due": 73, "done_late": 63, "open_overdue": 14},
    ],
    ids=["2021-q1", "2016-one-ministry"],
)
async def test_published_tables_are_counted_by_the_database_and_told_by_the_history(
    cells: dict[str, int],
) -> None:
    world = await build_world()
    kinds = kinds_of(cells)
    await record(world, kinds, at_official(AS_OF, time(1)))
    counted = (await statistics(world.secretariat, Question(AS_OF))).total.count.tally.cells()
    await record(world, kinds, at_official(AS_OF + timedelta(days=2), time(1)))
    both = (await statistics(world.secretariat, Question(AS_OF))).total.count.tally.cells()

    assert counted["done"] == cells.get("submitted", cells.get("done_of_due"))
    assert counted["open_overdue"] == cells.get("overdue", cells.get("open_overdue"))
    assert counted["open"] == cells.get("open", cells.get("in_time", 0) + cells.get("overdue", 0))
    assert counted["done_late"] == cells.get("done_late", 0)
    assert {name: 2 * count for name, count in counted.items()} == both
    assert isinstance(AS_OF, date)

"""The official's page, the month and the reports over HTTP: every figure leads to the list that it counts."""

from __future__ import annotations

import csv
import io
import random
import re
from datetime import date, datetime, time, timedelta
from html import unescape
from urllib.parse import urljoin

import pytest
from openpyxl import load_workbook

from tests.integration.test_overdue_rule import START, some_lives
from tests.web_scene import Visitor, scene
from tests.world import build_world
from tracker.actions.notices import without_messages
from tracker.actions.overdue import overdue_list
from tracker.actions.overview import end_of, moment_of, overview, sunday_of
from tracker.db import reads_overview
from tracker.db.calendar import insert_days
from tracker.db.engine import execute, fetchval
from tracker.domain.zone import at_official
from tracker.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@pytest.mark.parametrize("seed", [3, 11])
async def test_the_trend_counts_what_the_overdue_list_of_each_day_counts(seed: int) -> None:
    world = await build_world()
    with without_messages():
        await some_lives(world, random.Random(seed))
    days = [START + timedelta(days=n) for n in range(0, 140, 9)]
    now = at_official(START + timedelta(days=131), time(11))

    counted = await reads_overview.count_overdue_at(world.secretariat, None, [end_of(day) for day in days])
    of_one = await reads_overview.count_overdue_at(
        world.member, [world.agencies["BTC"]], [end_of(day) for day in days]
    )
    at_once = await reads_overview.count_overdue_at(world.secretariat, None, [moment_of(now)])
    told = await overview(world.member, (), now)

    lists = [(await overdue_list(world.secretariat, day)).totals.open_overdue for day in days]
    assert counted == lists
    assert max(lists) > 5
    assert of_one == [(await overdue_list(world.member, day, ["BTC"])).totals.open_overdue for day in days]
    assert 0 < max(of_one) < max(lists)
    assert at_once == [(await overdue_list(world.secretariat, now)).totals.open_overdue]
    assert told.trend[-1].count == told.standing.overdue == at_once[0]
    assert [point.day for point in told.trend[:-1]] == [
        sunday_of(now.date()) - timedelta(weeks=back) for back in range(11, 0, -1)
    ]
    assert isinstance(now, datetime)


# Pages -------------------------------------------------------------------------------------------------------


def number_of(text: str) -> int:
    """A count as a page writes it."""
    return int(text.replace(".", "").replace(",", ""))


def rows_of(page: str) -> int:
    """How many rows a list page shows."""
    return page.count('<tr class="item">')


async def counted(visitor: Visitor, href: str, page: str) -> int:
    """How many rows stand behind a figure of a page: every one of them is shown in a scene this small."""
    answer = await visitor.get(urljoin(page, unescape(href)))
    assert answer.status_code == 200, (href, answer.text[:500])
    return rows_of(answer.text)


def figures_of(page: str) -> list[tuple[str, str]]:
    """Every figure that leads to a list: its address and what is written."""
    found = re.findall(
        r'<a(?: class="[^"]*")? href="([^"]*(?:danh-sach|/viec\?)[^"]*)"[^>]*>(?:<b>)?([^<]*)', page
    )
    pairs = []
    for href, words in found:
        number = re.search(r"[0-9][0-9.,]*", words)
        if number is not None and not words.startswith("+") and "%" not in words:
            pairs.append((href, number[0].rstrip(".")))
    return pairs


async def test_every_figure_leads_to_a_list_with_as_many_rows(database: Settings) -> None:
    draw = random.Random(5)
    async with scene(database) as made:
        world = made.world
        await execute(
            "INSERT INTO agency_member (agency_id, official_id) VALUES ($1, $2)",
            world.agencies["BYT"],
            world.officials["member"],
        )
        member = await Visitor(made).sign_in(world.member)
        desk = await Visitor(made).sign_in(world.secretariat)
        leader = await Visitor(made).sign_in(world.leader)
        asked = (
            (member, "/tong-quan", 10),
            (member, "/tong-quan?pham-vi=tat-ca", 10),
            (member, "/tong-quan?co-quan=BTC&co-quan=BYT&lang=en", 10),
            (leader, "/tong-quan?lang=vi", 10),
            (desk, "/lich", 8),
            (desk, "/lich?thang=2025-12&ca-xong=1&co-quan=BYT", 4),
            (leader, "/lich", 5),
            (desk, "/bao-cao", 5),
            (desk, "/bao-cao/ty-le?theo=loai&mau-so=tong-so", 10),
            (desk, "/bao-cao/ty-le?theo=thang&ngay=10/11/2025&giao-tu=01/10/2025&mau-so=chua-xong", 10),
            (desk, "/bao-cao/co-quan?van-ban=1", 10),
            (desk, "/bao-cao/xu-huong?co-quan=BYT", 20),
        )
        for visitor, path, least in asked:
            page = (await visitor.get(path)).text
            found = figures_of(page)
            assert len(found) >= least, (path, found)
            distinct = sorted(set(found))
            for href, words in draw.sample(distinct, min(len(distinct), 14)):
                assert await counted(visitor, href, path) == number_of(words), (path, href)

        followed = (await member.get("/tong-quan")).text
        everything = (await member.get("/tong-quan?pham-vi=tat-ca")).text
        assert "Bộ Y tế" in followed
        assert figures_of(followed) != figures_of(everything)


async def test_the_official_urges_at_a_tap_and_the_leader_sees_the_own_agency_only(
    database: Settings,
) -> None:
    async with scene(database) as made:
        member = await Visitor(made).sign_in(made.world.member)
        leader = await Visitor(made).sign_in(made.world.leader)
        page = (await member.get("/tong-quan")).text
        own = (await leader.get("/tong-quan")).text
        overdue = await fetchval(
            "SELECT a.id FROM assignment a JOIN agency g ON g.id = a.agency_id WHERE a.task_id = $1 AND g.code = 'BYT'",
            made.tasks["overdue"],
        )

        assert f'href="/don-doc/xem-truoc?viec={overdue}"' in page
        assert f'href="/don-doc/xem-truoc?viec={overdue}&amp;loai=giai-trinh"' in page
        assert "loai=giai-trinh" not in own
        assert "/HN" in page
        assert "/HN" not in own
        assert "<script>alert" not in page
        for actor, status in (
            (made.world.secretariat, 200),
            (made.world.administrator, 200),
            (made.world.agency, 403),
            (made.world.inspector, 403),
        ):
            visitor = await Visitor(made).sign_in(actor)
            for path in ("/tong-quan", "/tong-quan/ban-in"):
                assert (await visitor.get(path)).status_code == status, (actor, path)
        agency = await Visitor(made).sign_in(made.world.agency)
        for path in ("/bao-cao", "/bao-cao/ty-le", "/bao-cao/co-quan.csv"):
            assert (await agency.get(path)).status_code == 403, path
        assert "Hà Nội" not in (await agency.get("/bao-cao/danh-sach?nhom=qua-han")).text
        assert (await agency.get("/bao-cao/danh-sach?nhom=qua-han&co-quan=HN")).text.count(
            '<tr class="item">'
        ) == 0
        for path, expected in (
            ("/tong-quan?co-quan=XYZ", 422),
            ("/lich?thang=2025-13", 400),
            ("/lich?thang=abc", 400),
            ("/lich?co-quan=XYZ", 400),
            ("/bao-cao/ty-le?ngay=31/02/2025", 422),
            ("/bao-cao/ty-le?theo=x", 422),
            ("/bao-cao/danh-sach?nhom=x", 422),
            ("/bao-cao/ty-le?giao-tu=02/11/2025&giao-den=01/11/2025", 422),
        ):
            answer = await member.get(path)
            assert answer.status_code == expected, path
            assert 'class="errors"' in answer.text, path


async def test_the_month_marks_days_off_and_swapped_days_and_says_how_many_more(database: Settings) -> None:
    async with scene(database) as made:
        await insert_days(
            [
                (date(2025, 12, 25), "off", "Nghỉ thử <b>", "test", False),
                (date(2025, 12, 27), "work", "Làm bù ngày 25/12", "test", False),
            ]
        )
        desk = await Visitor(made).sign_in(made.world.secretariat)
        november = (await desk.get("/lich")).text
        december = (await desk.get("/lich?thang=2025-12")).text
        far = (await desk.get("/lich?thang=2031-01")).text

        assert re.search(r'<td class=" today"[^>]*aria-current="date"', november)
        grid = november[november.index('<table class="month">') :]
        assert grid[: grid.index("</table>")].count("<td") == 35
        assert 'rel="prev" href="/lich?thang=2025-10"' in november
        assert 'rel="next" href="/lich?thang=2025-12"' in november
        assert "Nghỉ: <span>Nghỉ thử &lt;b&gt;</span>" in december
        assert "Đi làm bù: <span>Làm bù ngày 25/12</span>" in december
        assert 'href="/lich/dang-ky"' in december
        assert "chưa có lịch làm việc" in far
        assert 'aria-current="date"' not in far
        assert re.search(r'class="day h\d', november)


async def test_tables_are_taken_along_as_files(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        page = (await desk.get("/bao-cao/ty-le")).text
        table = (await desk.get("/bao-cao/co-quan.csv")).content.decode("utf-8-sig")
        book = load_workbook(io.BytesIO((await desk.get("/bao-cao/ty-le.xlsx?theo=van-ban")).content))

        lines = list(csv.reader(io.StringIO(table)))
        assert lines[0][:2] == ["Cơ quan", "Tổng số"]
        assert lines[-1][0] == "Cộng"
        for column in range(1, 9):
            assert sum(int(line[column]) for line in lines[1:-1]) == int(lines[-1][column])
        assert f">{lines[-1][1]}</a>" in page
        assert lines[-1][-1] == "24/11/2025"
        cells = list(book.worksheets[0].iter_rows(values_only=True))
        assert cells[1][0] == "17/NQ-CP"
        assert cells[1][1] == int(lines[-1][1])
        assert (await desk.get("/bao-cao/ty-le.csv?ngay=x")).status_code == 422

"""Readings from a file, by page and by API: every line with its fate, written once, all or none."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import httpx
import pytest

from tests.web_scene import ADDRESS, Visitor, hidden_fields, scene
from tests.world import MONDAY, World
from tracker.actions import indicators, reading_sheets
from tracker.actions.indicators import NewReading
from tracker.actions.reading_sheets import Fate, ReadingsNothingNew, ReadingsNotReady
from tracker.db import indicators as db
from tracker.db.engine import fetchval
from tracker.domain.errors import NotFound, NotPermitted
from tracker.domain.indicators import Indicator
from tracker.intake.files import read_file
from tracker.intake.readings import read_lines
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

SHARE = Indicator(
    "Hồ sơ giải quyết trực tuyến",
    "%",
    date(2025, 9, 1),
    date(2025, 12, 31),
    counts="hồ sơ",
    baseline=Decimal(12),
    target=Decimal(30),
)
HEADER = "Mã chỉ tiêu;Tính đến ngày;Số liệu;Đơn vị;Lý do sửa\n"


@dataclass
class Made:
    """Two targets of the ministry of health, the second only counted, and one of the ministry of finance."""

    world: World
    share: int
    services: int
    foreign: int


async def _made(world: World, task_id: int) -> Made:
    async def own(code: str) -> int:
        found: int = await fetchval(
            "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2", task_id, world.agencies[code]
        )
        return found

    services = replace(SHARE, name="Dịch vụ đã tích hợp", unit="dịch vụ", counts="", baseline=None)
    first = await indicators.define(world.secretariat, await own("BYT"), SHARE, MONDAY)
    second = await indicators.define(world.secretariat, await own("BYT"), services, MONDAY)
    foreign = await indicators.define(world.secretariat, await own("BTC"), SHARE, MONDAY)
    await indicators.enter(world.agency, first, NewReading("13,5", date(2025, 9, 30)), "page", MONDAY)
    return Made(world, first, second, foreign)


def csv(*lines: str) -> bytes:
    return (HEADER + "\n".join(lines)).encode()


async def test_every_line_has_a_fate_and_all_are_written_once_or_none(database: Settings) -> None:
    async with scene(database) as found:
        made = await _made(found.world, found.tasks["soon"])
        agency, a, b = made.world.agency, made.share, made.services
        wrong = csv(
            f"{a};31/10/2025;15 thủ tục;;",  # a unit that is not its own
            f"{a};31/10/2025;15;% thủ tục;",  # the same in its own column
            f"{a};30/11/2025;20;;",  # a day to come
            f"{a};30/09/2025;14;;",  # stands already, and no reason to replace it
            f"{b};05/10/2025;3;;",
            f"{b};20/10/2025;4;;",  # the same period twice
            "999999;31/10/2025;3;;",  # nobody's
            f"{made.foreign};31/10/2025;15;;",  # another agency's
            f"{b};31/02/2025;3;;",
            f"{b};;3;;",
        )
        sheet = await reading_sheets.send(agency, wrong, "so-lieu.csv", MONDAY)
        shown = await reading_sheets.look(agency, sheet, MONDAY)
        assert [[(c.value, p.code) for c, p in line.problems] for line in shown.lines] == [
            [("figure", "reading_unit")],
            [("unit", "reading_unit"), ("as_of", "reading_twice_in_file")],
            [("as_of", "reading_in_future")],
            [("reason", "reading_reason_needed")],
            [],
            [("as_of", "reading_twice_in_file")],
            [("id", "reading_of_unknown")],
            [("id", "reading_of_unknown")],
            [("as_of", "import_date_impossible")],
            [("as_of", "indicator_day_needed")],
        ]
        with pytest.raises(ReadingsNotReady):
            await reading_sheets.write(agency, sheet, MONDAY)
        assert await fetchval("SELECT count(*) FROM indicator_reading") == 1
        # What somebody sent is nobody else's to see or write.
        for other in (made.world.other_agency, made.world.secretariat):
            with pytest.raises(NotFound):
                await reading_sheets.look(other, sheet, MONDAY)
        with pytest.raises(NotPermitted):
            await reading_sheets.send(made.world.member, wrong, "x.csv", MONDAY)

        good = csv(
            f"{a};30/09/2025;13,5;% hồ sơ;",
            f"{a};31/10/2025;gần 20;% hồ sơ;",
            f"{b};31/10/2025;3;dịch vụ;",
        )
        sheet = await reading_sheets.send(agency, good, "so-lieu.csv", MONDAY)
        shown = await reading_sheets.look(agency, sheet, MONDAY)
        assert [line.fate for line in shown.lines] == [Fate.SAME, Fate.NEW, Fate.NEW]
        done = await asyncio.gather(
            *(reading_sheets.write(agency, sheet, MONDAY) for _ in range(2)), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in done) == ["ReadingsNothingNew", "int"]
        assert 2 in done
        assert await fetchval("SELECT count(*) FROM indicator_reading WHERE source = 'file'") == 2

        # The desk brings what came to it on paper: a correction with its reason, for any agency.
        better = csv(f"{b};31/10/2025;4;;Đếm thiếu một dịch vụ", f"{made.foreign};31/10/2025;21;;")
        sheet = await reading_sheets.send(made.world.secretariat, better, "so-lieu.csv", MONDAY)
        shown = await reading_sheets.look(made.world.secretariat, sheet, MONDAY)
        assert [line.fate for line in shown.lines] == [Fate.CORRECTION, Fate.NEW]
        assert await reading_sheets.write(made.world.secretariat, sheet, MONDAY) == 2
        newest = (await db.list_readings(b))[0]
        assert (newest.sequence, newest.reading.figure.words, newest.reason) == (
            2,
            "4",
            "Đếm thiếu một dịch vụ",
        )
        with pytest.raises(ReadingsNothingNew):
            await reading_sheets.write(made.world.secretariat, sheet, MONDAY)


async def test_the_template_comes_back_through_the_pages(database: Settings) -> None:
    async with scene(database) as found:
        made = await _made(found.world, found.tasks["soon"])
        officer = await Visitor(found).sign_in(made.world.agency)
        assert 'href="/chi-tieu/nhap"' in (await officer.get("/chi-tieu")).text
        answer = await officer.get("/chi-tieu/nhap/mau.xlsx")
        assert answer.headers["content-disposition"].endswith('2025-11-24.xlsx"')
        read = read_file(answer.content, "mau.xlsx", "")
        asked = [(row.cell(0), row.cell(4)) for row in read.rows[1:]]
        assert asked == [
            (str(made.share), "2025-10"), (str(made.share), "2025-11"),
            (str(made.services), "2025-09"), (str(made.services), "2025-10"), (str(made.services), "2025-11"),
        ]  # fmt: skip
        assert read_lines(read) == []

        async def send(content: bytes, name: str = "so-lieu.csv") -> httpx.Response:
            hidden = hidden_fields((await officer.get("/chi-tieu/nhap")).text, "/chi-tieu/nhap")
            files = {"tep": (name, content, "text/csv")} if content else None
            return await officer.client.post(
                "/chi-tieu/nhap",
                data=hidden,
                files=files or {"x": ("", b"", "")},
                headers={"Origin": ADDRESS},
            )

        nothing = await send(b"")
        assert (nothing.status_code, "Hãy chọn một tệp" in nothing.text) == (422, True)
        unread = await send(b"PK\x03\x04broken", "so-lieu.xlsx")
        assert (unread.status_code, "<title>Lỗi:" in unread.text) == (422, True)
        wrong = await send(csv(f"{made.share};30/11/2025;20 thủ tục;;"))
        page = await officer.get(wrong.headers["location"])
        assert "<title>Lỗi:" in page.text
        assert "Dòng 2, cột Số liệu" in page.text
        assert "Cần: một số như 99,97" in page.text
        assert "<button" not in page.text.partition("<main")[2].partition("</main>")[0]

        sent = await send(csv(f"{made.share};31/10/2025;gần 20;;", f"{made.services};31/10/2025;3;;"))
        path = sent.headers["location"]
        assert re.search(r"Ghi 2 số liệu", (await officer.get(path)).text)
        done = await officer.post(path, from_page=path)
        assert (done.status_code, done.headers["location"]) == (303, path)
        assert "Đã ghi 2 số liệu lúc" in (await officer.get(path)).text
        other = await Visitor(found).sign_in(made.world.other_agency)
        assert (await other.get(path)).status_code == 404
        member = await Visitor(found).sign_in(made.world.member)
        assert (await member.get("/chi-tieu/nhap")).status_code == 403

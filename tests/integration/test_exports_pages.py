"""Tables taken away over HTTP: exactly the rows of the page, for whom the page is, at once or as a job."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from openpyxl import load_workbook

from tests.integration.test_inspection_pages import frozen
from tests.web_scene import ADDRESS, Scene, Visitor, hidden_fields, scene
from tests.world import MONDAY
from tracker import clock
from tracker.actions import exports, indicators
from tracker.db.engine import execute, fetchval
from tracker.documents import tables_model
from tracker.domain.indicators import Indicator
from tracker.jobs.long_work import LongWork
from tracker.settings import Settings
from tracker.web import dossiers as web_dossiers
from tracker.web import exports as web_exports

pytestmark = pytest.mark.anyio


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    """The scene on an emptied database."""
    async with scene(database) as found:
        yield found


def titles(html: str) -> list[str]:
    """The words of the rows of a list, in their order."""
    return [unescape(one) for one in re.findall(r'<a class="task" href="[^"]+"[^>]*>([^<]*)</a>', html)]


def sheet_of(content: bytes) -> list[list[object]]:
    """The cells of a workbook's first sheet."""
    return [
        [cell.value for cell in row] for row in load_workbook(io.BytesIO(content)).worksheets[0].iter_rows()
    ]


async def test_a_list_goes_away_as_its_page_shows_it(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    query = "tinh-trang=tat-ca&xep=-tre&cot=tre&cot=san-pham&so-dong=200"
    page = (await desk.get(f"/viec?{query}")).text
    links = [unescape(one) for one in re.findall(r'href="(/tai-ve/bang/viec\.[^"]+)"', page)]

    files = {link.split(".")[1].split("?")[0]: await desk.get(link) for link in links if "bom=0" not in link}

    assert set(files) == {"xlsx", "csv", "docx", "pdf", "json"}
    for form, answer in files.items():
        assert answer.status_code == 200, answer.text[:800]
        assert answer.headers["content-disposition"].endswith(f'.{form}"')
    rows = sheet_of(files["xlsx"].content)
    assert rows[0] == ["Nhiệm vụ", "Số ngày quá hạn", "Sản phẩm", "Tình trạng"]
    assert [row[0] for row in rows[1:]] == titles(page)
    assert all(isinstance(row[1], int) for row in rows[1:])
    told = json.loads(files["json"].content)
    assert [item["task"] for item in told["items"]] == titles(page)
    assert told["filters"]
    lines = list(csv.reader(io.StringIO(files["csv"].content.decode("utf-8-sig"), newline="")))
    assert len(lines) == len(rows)
    bare = (await desk.get(next(link for link in links if "bom=0" in link))).content
    assert b"\xef\xbb\xbf" + bare == files["csv"].content
    assert files["pdf"].content.startswith(b"%PDF")
    agency = await Visitor(made).sign_in(made.world.other_agency)
    own = json.loads((await agency.get("/tai-ve/bang/viec.json?tinh-trang=tat-ca&cot=co-quan")).content)
    assert {item["agency"] for item in own["items"]} == {"Bộ Tài chính"}
    assert (await Visitor(made).get("/tai-ve/bang/viec.csv")).status_code == 303
    for wrong in ("/tai-ve/bang/viec.exe", "/tai-ve/bang/khong-co.csv", "/tai-ve/bang/viec"):
        assert (await desk.get(wrong)).status_code == 404, wrong
    assert (await desk.get("/tai-ve/bang/viec.csv?tinh-trang=x")).status_code in (400, 422)


async def test_every_table_of_a_page_can_be_taken_in_every_form(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    pages = {
        "/van-ban": "van-ban", "/he-thong/thu": "thu", "/bao-cao/qua-han?ngay=24/11/2025": "qua-han",
        f"/viec/{made.tasks['overdue']}/lich-su": "lich-su", "/tim?q=nhiem+vu": "tim",
        "/bao-cao/ty-le?theo=van-ban": "ty-le", "/bao-cao/co-quan": "co-quan", "/bao-cao/xu-huong": "xu-huong",
        "/co-quan": "danh-ba-co-quan",
        "/bao-cao/danh-sach?nhom=tong-so&ngay=24/11/2025": "danh-sach",
    }  # fmt: skip
    for path, name in pages.items():
        page = (await desk.get(path)).text
        links = [unescape(one) for one in re.findall(rf'href="(/tai-ve/bang/{name}\.[^"]+)"', page)]
        assert len(links) == 6, path
        for link in links:
            answer = await desk.get(link)
            assert answer.status_code == 200, (link, answer.text[:800])
            assert "attachment" in answer.headers["content-disposition"]
    assert (
        '"/tai-ve/bang/viec.xlsx?tinh-trang=cho-xac-nhan&amp;xep=bao-cao"'
        in (await desk.get("/cho-xac-nhan")).text
    )
    counted = json.loads((await desk.get("/tai-ve/bang/danh-sach.json?nhom=tong-so")).content)
    figures = json.loads((await desk.get("/tai-ve/bang/ty-le.json")).content)
    assert counted["count"] == figures["total"]["total"] == sum(row["total"] for row in figures["items"])
    assert figures["notes"]
    letters = json.loads((await desk.get("/tai-ve/bang/thu.json")).content)
    assert len(letters["items"]) == await fetchval("SELECT count(*) FROM outbox")
    agency = await Visitor(made).sign_in(made.world.agency)
    assert (await agency.get("/tai-ve/bang/thu.json")).status_code == 403
    here = "/bao-cao/kiem-bieu"
    pasted = "Nội dung\tSố lượng\tTỷ lệ\nTổng số\t10\t\nĐã xong\t7\t70%\nChưa xong\t2\t20%"
    checked = await desk.client.post(
        here,
        data={**hidden_fields((await desk.get(here)).text, here), "bang": pasted, "dang": "json"},
        files={"tep": ("", b"", "text/plain")},
        headers={"Origin": ADDRESS},
    )
    told = [(item["check_text"], item["check_found"]) for item in json.loads(checked.content)["items"]]
    assert "Không khớp" in {found for _, found in told}
    assert len(told) >= 3


async def test_a_restricted_task_lends_no_word_to_a_file(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    task = made.tasks["overdue"]
    words = await fetchval("UPDATE task SET restricted = true WHERE id = $1 RETURNING short_name", task)
    assert words
    for name in (
        "viec.json?tinh-trang=tat-ca",
        f"lich-su.json?nhiem-vu={task}",
        "tim.json?q=nhiem+vu+overdue",
    ):
        answer = await desk.get(f"/tai-ve/bang/{name}")
        assert answer.status_code == 200
        assert words not in answer.text, name


async def test_a_long_table_is_made_by_the_worker_and_kept_for_a_day(
    made: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", {**exports.AT_ONCE, "xlsx": 3, "pdf": 3})
    monkeypatch.setattr(tables_model, "MOST_IN_PDF", 4)
    desk = await Visitor(made).sign_in(made.world.secretariat)
    head = await Visitor(made).sign_in(made.world.head)
    path = "/tai-ve/bang/viec.xlsx?tinh-trang=tat-ca"

    offer = await desk.get(path)
    assert "Tạo tệp" in offer.text
    form = re.search(r'<form method="post" action="(/tai-ve/bang/[^"]+)"', offer.text)
    assert form is not None
    action = unescape(form[1])
    asked = await desk.post(action, from_page=path)
    where = asked.headers["location"]
    waiting = (await desk.get(where)).text

    assert asked.status_code == 303
    assert 'data-progress="1"' in waiting
    assert (await head.get(where)).status_code == 404
    assert (await head.get(where + "/tep")).status_code == 404
    assert (await desk.get(where + "/tep")).status_code == 409
    assert await LongWork(clock.utc_now).run() == 1
    done = (await desk.get(where)).text
    assert "Tệp được giữ đến" in done
    file = await desk.get(where + "/tep")
    listed = titles((await desk.get("/viec?tinh-trang=tat-ca&so-dong=200")).text)
    rows = sheet_of(file.content)
    assert rows[0][:3] == ["Nhiệm vụ", "Cơ quan", "Vai trò"]
    assert [row[0] for row in rows[1:]] == listed
    assert f"{len(listed)} dòng" in done

    again = (await desk.post(action, from_page=path)).headers["location"]
    assert (await desk.post(again + "/huy", from_page=again)).status_code == 303
    assert "không giữ lại gì" in (await desk.get(again)).text
    assert await fetchval("SELECT count(*) FROM job WHERE state = 'cancelled' AND result IS NULL") == 1
    assert await LongWork(clock.utc_now).run() == 0
    refused = await desk.get("/tai-ve/bang/viec.pdf?tinh-trang=tat-ca")
    assert refused.status_code == 409
    assert "xlsx" in refused.text
    # A session of work that was torn off is begun again, and gives the whole file.
    third = (await desk.post(action, from_page=path)).headers["location"]
    await execute(
        "UPDATE job SET state = 'running', attempts = 1, lease_token = gen_random_uuid(),"
        " lease_until = now() - interval '1 second' WHERE id = $1",
        int(third.rpartition("/")[2]),
    )
    assert await LongWork(clock.utc_now).run() == 1
    assert len(sheet_of((await desk.get(third + "/tep")).content)) == len(rows)


async def test_sessions_and_targets_and_a_long_dossier(made: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    agency = await Visitor(made).sign_in(made.world.agency)
    where = await frozen(desk, made)
    own: int = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2",
        made.tasks["later"],
        made.world.agencies["BYT"],
    )
    target = Indicator("Hồ sơ trực tuyến", "%", date(2025, 7, 1), date(2025, 12, 15), target=Decimal("30.5"))
    await indicators.define(made.world.secretariat, own, target, MONDAY)
    number = where.rpartition("/")[2]

    for path, name in (
        ("/giai-trinh", "giai-trinh"),
        (where, "chuong-trinh"),
        ("/kiem-tra", "kiem-tra"),
        ("/chi-tieu", "chi-tieu"),
    ):
        links = [
            unescape(one)
            for one in re.findall(rf'href="(/tai-ve/bang/{name}\.[^"]+)"', (await desk.get(path)).text)
        ]
        assert len(links) == 6, path
        for link in links:
            answer = await desk.get(link)
            assert answer.status_code == 200, (link, answer.text[:500])
    agenda = json.loads((await desk.get(f"/tai-ve/bang/chuong-trinh.json?buoi={number}")).content)
    theirs = json.loads((await agency.get(f"/tai-ve/bang/chuong-trinh.json?buoi={number}")).content)
    assert len(agenda["items"]) == await fetchval("SELECT count(*) FROM inspection_item")
    assert {item["agency"] for item in theirs["items"]} == {"Bộ Y tế"}
    other = await Visitor(made).sign_in(made.world.other_agency)
    assert (await other.get(f"/tai-ve/bang/chuong-trinh.json?buoi={number}")).status_code == 404
    targets = sheet_of((await desk.get("/tai-ve/bang/chi-tieu.xlsx")).content)
    assert targets[1][0] == "Hồ sơ trực tuyến"
    assert targets[1][5] == 30.5
    sessions = json.loads((await desk.get("/tai-ve/bang/kiem-tra.json")).content)
    assert sessions["items"][0]["items"] == len(agenda["items"])

    for module in (web_exports, web_dossiers):
        monkeypatch.setattr(module, "MOST_ITEMS", 0)
    led = await desk.get(f"{where}/ho-so.docx")
    assert (led.status_code, led.headers["location"]) == (303, f"/tai-ve/bang/ho-so.docx?buoi={number}")
    asked = await desk.post(led.headers["location"], from_page=led.headers["location"])
    assert await LongWork(clock.utc_now).run() == 1
    file = await desk.get(asked.headers["location"] + "/tep")
    assert file.content.startswith(b"PK")
    assert "ho-so-kiem-tra" in file.headers["content-disposition"]
    assert (await agency.get(f"/tai-ve/bang/ho-so.docx?buoi={number}")).status_code == 403

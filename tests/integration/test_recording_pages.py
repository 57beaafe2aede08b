"""Recording a directive and importing a table, over HTTP: nothing is lost, nothing is doubled, nothing is guessed."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import openpyxl
import pytest

from tests.web_scene import ADDRESS, NASTY, Scene, Visitor, hidden_fields, scene
from tracker import clock
from tracker.db.engine import execute, fetch, fetchval
from tracker.jobs.long_work import LongWork
from tracker.settings import Settings
from tracker.web.uploads import LARGEST_BODY

pytestmark = pytest.mark.anyio

NEW = "/van-ban/moi"
TABLE = "/van-ban/nhap"
FILLED = {
    "so-ky-hieu": "12/CT-TTg",
    "ngay-ban-hanh": "20/11/2025",
    "trich-yeu": "Về việc đẩy mạnh chuyển đổi số",
    "v1-ten": "Trình kế hoạch chuyển đổi số",
    "v1-chu-tri": "bo y te",
    "v1-phoi-hop": "Hà Nội",
    "v1-han": "15 ngày làm việc",
    "v1-san-pham": "Quyết định ban hành",
}


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as found:
        yield found


async def desk(made: Scene) -> Visitor:
    return await Visitor(made).sign_in(made.world.secretariat)


async def send(
    visitor: Visitor, path: str, button: str, fields: dict[str, str], **more: str
) -> httpx.Response:
    """Press a button of a form on `path` with these fields; hidden ones are those of the page."""
    hidden = hidden_fields((await visitor.get(path)).text, path)
    values = {**hidden, **fields, **more, "lam": button}
    return await visitor.client.post(path, data=values, headers={"Origin": ADDRESS})


def value_of(html: str, name: str) -> str:
    """What a field of a page holds."""
    found = re.search(rf'<input[^>]* name="{name}"[^>]*?value="([^"]*)"', html)
    if found is None:
        found = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\n(.*?)</textarea>', html, re.S)
    assert found is not None, name
    return unescape(found[1])


def problems(html: str) -> dict[str, str]:
    """Field and sentence of each line in the summary of errors."""
    found = re.search(r'<(div|section) class="errors".*?</\1>', html, re.S)
    pairs = re.findall(r'<a href="#([^"]+)">(.*?)</a>', found[0], re.S) if found else []
    return {name: unescape(re.sub(r"<.*?>", "", words)) for name, words in pairs}


async def counts() -> tuple[int, int]:
    """How many directives and tasks there are."""
    return (
        await fetchval("SELECT count(*) FROM directive"),
        await fetchval("SELECT count(*) FROM task"),
    )


async def test_a_directive_is_recorded_with_the_days_its_words_come_to(made: Scene) -> None:
    """Behaviour 2: two tasks in one form, a block added and nothing saved before the last button."""
    visitor = await desk(made)
    before = await counts()

    more = await send(visitor, NEW, "them", FILLED)
    assert more.status_code == 200
    assert value_of(more.text, "cac-viec") == "1,2"
    assert value_of(more.text, "v1-ten") == FILLED["v1-ten"]
    assert value_of(more.text, "co-quan-ban-hanh") == "Thủ tướng Chính phủ"
    assert "Hiểu là: Bộ Y tế." in more.text
    assert "11/12/2025" in more.text  # 15 working days after Thursday 20/11/2025
    assert 'class="errors"' not in more.text
    assert await counts() == before

    second = {
        "cac-viec": "1,2",
        "v2-ten": "Báo cáo kết quả",
        "v2-chu-tri": "BTC; các tỉnh, thành phố",
        "v2-han": "trong quý I/2026",
    }
    sent = await send(visitor, NEW, "ghi", {**FILLED, **second})

    assert sent.status_code == 303, problems(sent.text)
    directive_id = int(sent.headers["location"].removeprefix("/van-ban/"))
    rows = await fetch(
        "SELECT t.short_name, t.deadline_phrase, g.code, a.part, a.due_on FROM assignment a"
        " JOIN task t ON t.id = a.task_id JOIN agency g ON g.id = a.agency_id"
        " WHERE a.directive_id = $1 ORDER BY t.ordinal, g.code",
        directive_id,
    )
    assert [(r["code"], r["part"], f"{r['due_on']:%d/%m/%Y}") for r in rows] == [
        ("BYT", "lead", "11/12/2025"),
        ("HN", "cooperating", "11/12/2025"),
        ("BTC", "lead", "31/03/2026"),
        ("HN", "lead", "31/03/2026"),
    ]
    assert rows[0]["deadline_phrase"] == "15 ngày làm việc"
    kind = await fetchval("SELECT kind FROM directive WHERE id = $1", directive_id)
    assert kind == "directive"
    shown = await visitor.get(f"/van-ban/{directive_id}")
    assert "Đã ghi 12/CT-TTg và giao 2 nhiệm vụ." in shown.text


async def test_the_same_form_twice_is_one_directive_and_another_copy_is_told(made: Scene) -> None:
    """Attack case 14: a double click; then somebody else types the same document again."""
    visitor = await desk(made)
    hidden = hidden_fields((await visitor.get(NEW)).text, NEW)
    values = {**hidden, **FILLED, "lam": "ghi"}
    first = await visitor.client.post(NEW, data=values, headers={"Origin": ADDRESS})
    again = await visitor.client.post(NEW, data=values, headers={"Origin": ADDRESS})
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    stands = await counts()

    seen = await send(visitor, NEW, "xem", FILLED)
    refused = await send(visitor, NEW, "ghi", FILLED)
    insisted = await send(visitor, NEW, "ghi", FILLED, **{"van-ghi": "1"})

    for answer in (seen, refused, insisted):
        assert f'href="{first.headers["location"]}"' in answer.text
    assert refused.status_code == insisted.status_code == 422
    assert "so-ky-hieu" in problems(refused.text)
    assert await counts() == stands
    other = {**FILLED, "co-quan-ban-hanh": "Bộ Nội vụ", "van-ghi": "1"}
    assert (await send(visitor, NEW, "ghi", other)).status_code == 303


async def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(made: Scene) -> None:
    visitor = await desk(made)
    before = await counts()
    wrong = {
        "cac-viec": "1,2",
        "so-ky-hieu": "13/CT-TTg",
        "ngay-ban-hanh": "31/02/2025",
        "trich-yeu": "",
        "v1-ten": "",
        "v1-noi-dung": "",
        "v1-chu-tri": "Bộ Y tế tế; Bộ Tài chính",
        "v1-han": "trước ngày 30/11",
        "v2-ten": "Có tên",
        "v2-chu-tri": "",
        "v2-gio": "25:00",
    }
    answer = await send(visitor, NEW, "ghi", wrong)

    assert answer.status_code == 422
    assert "<title>Lỗi:" in answer.text
    told = problems(answer.text)
    assert {"ngay-ban-hanh", "trich-yeu", "v1-ten", "v2-chu-tri", "v2-gio"} <= told.keys()
    assert told["v2-chu-tri"].startswith("Nhiệm vụ 2, cơ quan chủ trì:")
    for name in told:
        assert f'id="{name}"' in answer.text, name
    for name, value in wrong.items():
        assert value_of(answer.text, name) == value
    assert await counts() == before

    early = {**FILLED, "v1-han": "trước ngày 01/11/2025"}
    asked = await send(visitor, NEW, "ghi", early)
    assert "v1-han" in problems(asked.text)
    assert (await send(visitor, NEW, "ghi", early, **{"v1-han-som": "1"})).status_code == 303


async def test_blocks_are_removed_and_suggestions_taken_without_a_script(made: Scene) -> None:
    visitor = await desk(made)
    two = {**FILLED, "cac-viec": "1,2", "v2-ten": "Việc thứ hai", "v2-chu-tri": "Bộ Tài chinnh; Bộ Y tế"}

    one = await send(visitor, NEW, "bo-1", two)
    assert value_of(one.text, "cac-viec") == "2"
    assert 'name="v1-ten"' not in one.text
    assert value_of(one.text, "v2-ten") == "Việc thứ hai"

    look = await send(visitor, NEW, "xem", two)
    assert value_of(look.text, "v2-chu-tri-goi-y") == "Bộ Tài chính"
    unknown = value_of(look.text, "v2-chu-tri-la")
    used = await send(
        visitor,
        NEW,
        "dung-2-chu-tri",
        two,
        **{"v2-chu-tri-goi-y": "Bộ Tài chính", "v2-chu-tri-la": unknown},
    )
    assert value_of(used.text, "v2-chu-tri") == "Bộ Tài chính; Bộ Y tế"
    picked = await send(visitor, NEW, "chon-1-phoi-hop", two, **{"v1-chon": "Bộ Tài chính"})
    assert value_of(picked.text, "v1-phoi-hop") == "Hà Nội; Bộ Tài chính"
    full = await send(visitor, NEW, "them", {**FILLED, "cac-viec": ",".join(map(str, range(1, 60)))})
    assert "nhiều nhất 40 nhiệm vụ" in full.text


async def test_hints_tell_what_words_mean_and_only_the_desk_is_told(made: Scene) -> None:
    visitor = await desk(made)

    async def hint(**query: str) -> dict[str, Any]:
        answer = await visitor.client.get(
            "/van-ban/goi-y", params={name.replace("_", "-"): value for name, value in query.items()}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    assert "11/12/2025" in (await hint(han="15 ngày làm việc", ngay="20/11/2025"))["han"]["text"]
    assert (await hint(han="trong quý III"))["han"]["ok"] is False
    assert (await hint(han="abc xyz", ngay="20/11/2025"))["han"]["ok"] is False
    assert (await hint(co_quan="bo y te"))["co-quan"] == {"text": "Hiểu là: Bộ Y tế.", "ok": True}
    assert (await hint(so="17/NQ-CP", ngay="01/10/2025"))["so"]["href"] == "/van-ban/1"
    # Whatever is asked, the answer is data and never a page.
    for nasty in NASTY:
        await hint(han=nasty, co_quan=nasty, so=nasty, ngay=nasty)
    answer = await visitor.get("/van-ban/goi-y?co-quan=%3Cscript%3E")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    agency = await Visitor(made).sign_in(made.world.agency)
    for path in (NEW, TABLE, "/van-ban/goi-y?co-quan=BYT", "/van-ban/1/them", "/van-ban/1/sua"):
        assert (await agency.get(path)).status_code == 403, path


async def test_hostile_text_is_shown_as_text(made: Scene) -> None:
    """Attack cases 29 to 38 in every field: stored, shown again, never run."""
    visitor = await desk(made)
    for nasty in NASTY:
        fields = dict.fromkeys(FILLED, nasty) | {"v1-noi-dung": nasty, "v1-vi-tri": nasty, "loai": nasty}
        answer = await send(visitor, NEW, "ghi", fields)
        assert answer.status_code == 422
        assert value_of(answer.text, "v1-san-pham") == nasty
        for raw in ("<script>alert", "<img src=x", "<svg onload"):
            assert raw not in answer.text
    control = await send(visitor, NEW, "ghi", {**FILLED, "v1-ten": "a\0b"})
    assert control.status_code == 400
    twice = await visitor.client.post(
        NEW, content="v1-ten=a&v1-ten=b", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert twice.status_code in (400, 403)


async def test_more_tasks_of_a_directive_and_its_words_corrected_by_two(made: Scene) -> None:
    visitor = await desk(made)
    more = {"v1-ten": "Việc bổ sung", "v1-chu-tri": "BYT", "v1-han": "31/12/2025"}

    added = await send(visitor, "/van-ban/1/them", "ghi", more)
    assert added.status_code == 303, problems(added.text)
    name = await fetchval("SELECT short_name FROM task WHERE directive_id = 1 ORDER BY ordinal DESC LIMIT 1")
    assert name == "Việc bổ sung"

    edit = "/van-ban/1/sua"
    hidden = hidden_fields((await visitor.get(edit)).text, edit)
    words = {"co-quan-ban-hanh": "Chính phủ", "nguoi-ky": "Người ký A", "trich-yeu": "Trích yếu đúng"}
    done = await visitor.client.post(edit, data={**hidden, **words}, headers={"Origin": ADDRESS})
    assert done.status_code == 303
    late = hidden | {"lan-gui": "x" * 16}
    second = await visitor.client.post(
        edit, data={**late, **words, "trich-yeu": "Của người thứ hai"}, headers={"Origin": ADDRESS}
    )
    assert second.status_code == 409
    assert "Trích yếu đúng" in second.text
    assert value_of(second.text, "trich-yeu") == "Của người thứ hai"
    assert await fetchval("SELECT abstract FROM directive WHERE id = 1") == "Trích yếu đúng"
    by_standing = (await visitor.get("/van-ban/1?xep=tinh-trang")).text
    assert by_standing.index("Nhiệm vụ overdue") < by_standing.index("Nhiệm vụ soon")
    assert (await visitor.get("/van-ban/999999/them")).status_code == 404


async def test_the_list_of_directives_counts_what_its_links_lead_to(made: Scene) -> None:
    visitor = await desk(made)
    html = (await visitor.get("/van-ban")).text
    links = {
        unescape(href): int(count)
        for href, count in re.findall(
            r'href="(/viec\?[^"]*tinh-trang=[^"]*)">(?:<svg.*?</svg>)?(\d+) ', html, re.S
        )
    }
    assert len(links) >= 4
    for href, count in links.items():
        listed = (await visitor.get(href)).text
        assert len(re.findall(r'<tr class="item', listed)) == count, href

    assert "17/NQ-CP" in (await visitor.get("/van-ban?loai=resolution&nam=2025")).text
    for nothing in ("loai=letter", "nam=2019", "tu=khong-co-gi"):
        assert "17/NQ-CP" not in (await visitor.get(f"/van-ban?{nothing}")).text.split("<main")[1]
    assert (await visitor.get("/van-ban?nam=abc&loai=%27+OR+1%3D1--&sau=x")).status_code == 200


# -- tables ----------------------------------------------------------------------------------------------


def table(rows: int, *, wrong: bool = True) -> str:
    """Pasted rows; every fifth has an agency nobody knows, every seventh a day that does not exist."""
    lines = ["STT\tNhiệm vụ\tCơ quan chủ trì\tThời hạn\tVăn bản giao nhiệm vụ"]
    for n in range(1, rows + 1):
        lead = "Bộ Y tee" if wrong and n % 5 == 0 else "Bộ Y tế"
        due = "31/02/2026" if wrong and n % 7 == 0 else "30/12/2025"
        lines.append(f"{n}\tXây dựng đề án số {n} về dữ liệu y tế\t{lead}\t{due}\t44/CT-TTg ngày 12/11/2025")
    return "\n".join(lines)


async def paste(
    visitor: Visitor, text: str, file: tuple[str, bytes] | None = None, **fields: str
) -> httpx.Response:
    """Send a table as the page does."""
    hidden = hidden_fields((await visitor.get(TABLE)).text, TABLE)
    parts: list[tuple[str, Any]] = [
        (name.replace("_", "-") if name != "_token" else name, (None, value))
        for name, value in {**hidden, "bang": text, **fields}.items()
    ]
    if file is not None:
        parts.append(("tep", (file[0], file[1], "application/octet-stream")))
    return await visitor.client.post(TABLE, files=parts, headers={"Origin": ADDRESS})


async def test_pasted_rows_are_corrected_in_place_and_written_once(made: Scene) -> None:
    """Behaviour 3: 200 rows; errors in Vietnamese at their cells; nothing saved before the last button."""
    visitor = await desk(made)
    before = await counts()
    sent = await paste(visitor, table(200))
    assert sent.status_code == 303, problems(sent.text)
    address = sent.headers["location"]

    shown = (await visitor.get(address)).text
    assert "63 trên 200 dòng còn sai" in shown
    assert "<title>Lỗi:" in shown
    told = problems(shown)
    assert "không nhận ra cơ quan" in told["o-6-2"]
    for name in told:
        assert f'id="{name}"' in shown
    assert value_of(shown, "o-6-2") == "Bộ Y tee"
    assert value_of(shown, "o-8-3") == "31/02/2026"
    assert 'name="o-2-2"' not in shown  # a right row has no fields until somebody asks
    assert 'name="o-2-2"' in (await visitor.get(f"{address}?xem=tat-ca&sua=2")).text
    assert await counts() == before

    # Every suggested name, the whole page of wrong days, and one row left out.
    named = await send(visitor, address, "dung-het", {"o-8-3": "trong quý I/2026"})
    address = named.headers["location"]
    shown = (await visitor.get(address)).text
    assert "27 trên 200 dòng còn sai" in shown
    days = dict.fromkeys(re.findall(r'name="(o-[0-9]+-3)"', shown), "30/12/2025")
    dropped = (await send(visitor, address, "sua", days, bo="36")).headers["location"]
    right = (await visitor.get(dropped)).text
    assert "199 nhiệm vụ mới của 1 văn bản" in right
    assert "31/03/2026" in right
    assert await counts() == before

    written = await send(visitor, dropped, "ghi", {})
    assert written.status_code == 303
    job = written.headers["location"]
    waiting = (await visitor.get(job)).text
    assert "Rời trang này việc vẫn chạy" in waiting
    assert await LongWork(clock.utc_now).run() == 1
    assert "Đã ghi 199 nhiệm vụ của 1 văn bản" in (await visitor.get(job)).text
    assert await counts() == (before[0] + 1, before[1] + 199)

    again = (await paste(visitor, table(200, wrong=False))).headers["location"]
    html = (await visitor.get(again)).text
    # The row left out and the one whose deadline was corrected are new; the rest stands.
    assert re.search(r"Đã có <span class=\"n\">(\d+)</span>", html)[1] == "198"  # type: ignore[index]
    repeated = await send(visitor, dropped, "ghi", {}) if "lam" in (await visitor.get(dropped)).text else None
    assert repeated is None or repeated.headers["location"] == job


async def test_a_header_nobody_knows_is_told_by_hand(made: Scene) -> None:
    visitor = await desk(made)
    text = "BẢNG VIỆC\nViệc phải làm\tAi\tBao giờ\nBáo cáo tình hình dịch\tBộ Y tế\t30/12/2025"
    sent = await paste(visitor, text, so_ky_hieu="45/CT-TTg", ngay_ban_hanh="12/11/2025")
    address = sent.headers["location"]
    page = await visitor.get(address)
    assert "Không tìm thấy dòng tiêu đề" in page.text
    assert "Báo cáo tình hình dịch" in page.text

    columns = {"so-cot": "3", "dong-dau": "3", "cot-0": "task", "cot-1": "", "cot-2": "due"}
    refused = await send(visitor, address, "cot", columns)
    assert refused.status_code == 422
    assert "cot-0" in problems(refused.text)
    read = await send(visitor, address, "cot", {**columns, "cot-1": "lead"})
    right = await visitor.get(read.headers["location"])
    assert "1 nhiệm vụ mới của 1 văn bản" in right.text, right.text


async def test_a_document_for_all_rows_is_named_on_the_page(made: Scene) -> None:
    visitor = await desk(made)
    sent = await paste(visitor, "Nhiệm vụ\tCơ quan chủ trì\tThời hạn\nBáo cáo về dịch\tBộ Y tế\t30/12/2025")
    address = sent.headers["location"]
    shown = (await visitor.get(address)).text
    assert "mac-dinh" in problems(shown)
    named = await send(
        visitor,
        address,
        "sua",
        {"so-ky-hieu": "46/CT-TTg", "ngay-ban-hanh": "12/11/2025", "co-quan-ban-hanh": ""},
    )
    assert "1 nhiệm vụ mới" in (await visitor.get(named.headers["location"])).text
    bad = await send(visitor, address, "sua", {"so-ky-hieu": "46/CT-TTg", "ngay-ban-hanh": "32/11/2025"})
    assert bad.status_code == 422
    assert value_of(bad.text, "ngay-ban-hanh") == "32/11/2025"


async def test_files_are_read_or_refused_with_what_was_typed_kept(made: Scene) -> None:
    """Attack cases 73 to 77 at the door of the page, and 36."""
    visitor = await desk(made)
    book = openpyxl.Workbook()
    assert book.active is not None
    for line in table(3, wrong=False).split("\n"):
        book.active.append(line.split("\t"))
    made_file = io.BytesIO()
    book.save(made_file)

    good = await paste(visitor, "", ("Phụ lục.xlsx", made_file.getvalue()))
    assert good.status_code == 303
    assert "Phụ lục.xlsx" in (await visitor.get(good.headers["location"])).text
    for name, content in (
        ("a.xlsx", b"PK\x03\x04 broken"),
        ("a.svg", b"<svg onload='alert(1)'/>"),
        ("a.xlsm", made_file.getvalue()),
        ("a.csv", made_file.getvalue()),
    ):
        answer = await paste(visitor, "", (name, content))
        assert answer.status_code == 303
        page = await visitor.get(answer.headers["location"])
        assert "Chưa đọc được bảng" in page.text, name
        assert "onload" not in page.text
    both = await paste(visitor, table(2), ("a.csv", b"a;b"), so_ky_hieu="47/CT-TTg")
    assert both.status_code == 422
    assert value_of(both.text, "so-ky-hieu") == "47/CT-TTg"
    assert "Xây dựng đề án số 2" in both.text
    nothing = await paste(visitor, " ")
    assert "bang" in problems(nothing.text)
    huge = await paste(visitor, "", ("a.csv", b"x" * (LARGEST_BODY - 1_000_000)))
    assert "tep" in problems(huge.text)
    foreign = await visitor.client.post(
        TABLE, files={"bang": (None, "x")}, headers={"Origin": "http://evil.example"}
    )
    assert foreign.status_code == 403
    formula = await paste(visitor, table(1, wrong=False).replace("Bộ Y tế", "=cmd|'/C calc'!A0"))
    cell = (await visitor.get(formula.headers["location"])).text
    assert value_of(cell, "o-2-2") == "=cmd|'/C calc'!A0"


async def test_a_large_table_is_a_job_that_can_be_left_and_cancelled(made: Scene) -> None:
    visitor = await desk(made)
    many = table(2500)
    sent = await paste(visitor, many)
    address = sent.headers["location"]
    moved = await visitor.get(address)
    assert moved.status_code == 303
    job = moved.headers["location"]
    assert job == address.replace("/van-ban/nhap", "/cong-viec")
    other = await Visitor(made).sign_in(made.world.head)
    assert (await other.get(job)).status_code == 404
    assert (await other.get(address)).status_code == 404

    assert await LongWork(clock.utc_now).run() == 1
    assert f'href="{address}"' in (await visitor.get(job)).text
    shown = (await visitor.get(address)).text
    assert "Bảng dài" in shown
    assert len(shown.encode()) < 250_000

    second = (await visitor.get((await paste(visitor, many)).headers["location"])).headers["location"]
    page = (await visitor.get(second)).text
    token = hidden_fields(page, f"{second}/huy")
    assert (
        await visitor.client.post(f"{second}/huy", data=token, headers={"Origin": ADDRESS})
    ).status_code == 303
    assert "Đã hủy" in (await visitor.get(second)).text
    assert (
        await visitor.client.post(f"{second}/huy", data=token, headers={"Origin": ADDRESS})
    ).status_code == 303
    assert (await visitor.get("/cong-viec/abc")).status_code == 404
    assert (await visitor.get("/cong-viec/999999")).status_code == 404


async def test_both_pages_speak_english_and_keep_a_form_over_the_end_of_a_session(made: Scene) -> None:
    """Attack case 69 at the sign-in; behaviour 13: what was typed is there again."""
    visitor = await desk(made)
    for path in (NEW, TABLE, "/van-ban", "/van-ban/1", "/van-ban/1/them", "/van-ban/1/sua"):
        html = (await visitor.get(f"{path}?lang=en")).text
        assert '<html lang="en"' in html
    await visitor.get(f"{NEW}?lang=vi")
    hidden = hidden_fields((await visitor.get(NEW)).text, NEW)
    await execute("UPDATE web_session SET last_seen_at = now() - interval '31 minutes'")
    values = {**hidden, **FILLED, "cac-viec": "1,2", "v2-ten": "Việc thứ hai", "lam": "ghi"}
    answer = await visitor.client.post(NEW, data=values, headers={"Origin": ADDRESS})
    assert answer.status_code == 303
    back = parse_qs(urlsplit(answer.headers["location"]).query)["tiep"][0]
    person = str(made.world.secretariat.official_id)
    await visitor.post("/dang-nhap", from_page="/dang-nhap", nguoi=person, tiep=back)
    kept = (await visitor.get(back)).text
    assert value_of(kept, "v1-ten") == FILLED["v1-ten"]
    assert value_of(kept, "v2-ten") == "Việc thứ hai"

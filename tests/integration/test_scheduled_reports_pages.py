"""The pages and operations of scheduled reports, and the page that checks a published table."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from openpyxl import Workbook

from tests.integration.test_scheduled_reports import choices
from tests.web_scene import ADDRESS, Scene, Visitor, hidden_fields, scene
from tracker import clock
from tracker.actions import scheduled_reports as actions
from tracker.jobs import scheduled_reports as job
from tracker.settings import Settings
from tracker.web.table_check import EXAMPLES

pytestmark = pytest.mark.anyio

LIST = "/bao-cao/lich-gui"
CHECK = "/bao-cao/kiem-bieu"


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as found:
        yield found


async def test_a_report_is_set_up_looked_at_paused_and_ended(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    new = f"{LIST}/moi"
    values: dict[str, Any] = {
        "ten": "Quá hạn hằng tuần", "bang": "qua-han", "so_tuan": "2", "nhip": "tuan", "thu": "1", "ngay": "1",
        "gio": "07:30", "tep": "xlsx", "ngon_ngu": "", "linh_vuc": "", "van_ban": "",
    }  # fmt: skip

    wrong = await desk.post(LIST, from_page=new, **{**values, "gio": "23:30", "dia_chi": "khong@co.vn"})
    assert wrong.status_code == 422
    assert "<title>Lỗi:" in wrong.text
    assert "khong@co.vn" in wrong.text
    assert "Quá hạn hằng tuần" in wrong.text
    nobody = await desk.post(LIST, from_page=new, **values)
    assert "Chọn ít nhất một người nhận" in nobody.text

    reader = made.world.officials["inspector"]
    done = await desk.post(LIST, from_page=new, **values, nguoi=str(reader), dia_chi="focal@byt.example.vn")
    assert done.status_code == 303, done.text
    address = done.headers["location"]
    shown = (await desk.get(address)).text
    assert "01/12/2025" in shown
    assert "15/12/2025" in shown
    assert "Ba kỳ sắp tới" in shown
    listed = (await desk.get(LIST)).text
    assert "Hằng tuần, thứ Hai, 07:30" in listed

    file = await desk.get(f"{address}/xem-thu")
    assert file.headers["content-disposition"] == 'attachment; filename="qua-han-2025-11-23.xlsx"'
    assert file.content[:2] == b"PK"
    own = await (await Visitor(made).sign_in(made.world.agency)).get(f"{address}/ky/2025-11-24")
    assert own.status_code == 200
    assert (
        await (await Visitor(made).sign_in(made.world.leader)).get(f"{address}/ky/2025-11-24")
    ).status_code == 404
    assert (await desk.get(f"{address}/ky/2031-01-01")).status_code == 404

    stale = await desk.post(f"{address}/tam-dung", from_page=address, phien_ban="7")
    assert stale.status_code == 409
    paused = await desk.post(f"{address}/tam-dung", from_page=address)
    assert paused.status_code == 303
    assert "Tạm dừng" in (await desk.get(address)).text
    await desk.post(f"{address}/tiep-tuc", from_page=address)
    changed = await desk.post(
        f"{address}/sua",
        from_page=f"{address}/sua",
        **{**values, "nhip": "thang", "ngay": "31"},
        nguoi=str(reader),
    )
    assert changed.status_code == 303
    shown = (await desk.get(address)).text
    assert "ngày cuối tháng" in shown
    assert "31/12/2025" in shown
    await desk.post(f"{address}/ket-thuc", from_page=address)
    assert "Đã kết thúc" in (await desk.get(LIST)).text
    assert (await (await Visitor(made).sign_in(made.world.member)).get(LIST)).status_code == 403


async def test_the_letters_of_a_report_are_told_with_their_way(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    report = await actions.make(
        made.world.secretariat, choices(made, "inspector"), clock.utc_now() - timedelta(days=3)
    )
    await job.run(clock.utc_now())

    shown = (await desk.get(f"{LIST}/{report}")).text

    assert "Chờ gửi" in shown
    assert 'href="/thu/' in shown


def sheet(*rows: list[object]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def check(visitor: Visitor, pasted: str = "", name: str = "", content: bytes = b"") -> httpx.Response:
    """Send the form of the page, with a file where there is one."""
    hidden = hidden_fields((await visitor.get(CHECK)).text, CHECK)
    files = {"tep": (name, content, "application/octet-stream")} if name else {"tep": ("", b"", "text/plain")}
    return await visitor.client.post(
        CHECK, data={**hidden, "bang": pasted}, files=files, headers={"Origin": ADDRESS}
    )


async def test_a_printed_table_is_checked_from_cells_and_from_a_file(made: Scene) -> None:
    officer = await Visitor(made).sign_in(made.world.agency)
    for name in EXAMPLES:
        assert "Tổng số nhiệm vụ" in (await officer.get(f"{CHECK}?vi-du={name}")).text

    pasted = await check(officer, EXAMPLES["da-nang"])
    assert pasted.status_code == 200
    assert "5361 + 1111 = 6472 ≠ 6932" in pasted.text
    assert "Có chỗ không khớp" in pasted.text

    rows: list[list[object]] = [
        ["Cơ quan", "Tổng số", "Hoàn thành", "Chưa hoàn thành"],
        ["<b>Bộ</b>", 3, 1, 2],
    ]
    content = sheet(*rows, ["Tổng", 3, 1, 2])
    filed = await check(officer, "", "bieu.xlsx", content)
    assert "Mọi phép cộng khớp" in filed.text
    assert "<b>Bộ</b>" not in filed.text
    broken = await check(officer, "", "bieu.xlsx", b"PK")
    assert broken.status_code == 422
    nothing = await check(officer)
    assert nothing.status_code == 422

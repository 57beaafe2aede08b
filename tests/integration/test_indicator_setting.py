"""Setting targets on pages: for several agencies at once, changed and ended with their history."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.web_scene import ADDRESS, Scene, Visitor, hidden_fields, scene
from tracker.db.engine import fetch, fetchval
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

WHOLE = {
    "ten": "Kết nối hệ thống báo cáo",
    "don-vi": "%",
    "mau-so": "đơn vị",
    "chieu": "at_least",
    "ban-dau": "10",
    "muc-tieu": "70",
    "tan-suat": "monthly",
    "bat-dau": "01/11/2025",
    "thoi-han": "31/12/2025",
    "cac-moc": "30/11/2025: 40\n15/12/2025: 55,5",
}


async def send(
    visitor: Visitor, page: str, path: str, fields: Mapping[str, str | list[str]]
) -> tuple[int, str]:
    """Send a form as its page has it; the status and where it leads, or what is shown."""
    hidden = hidden_fields((await visitor.get(page)).text, path)
    answer = await visitor.client.post(path, data={**hidden, **fields}, headers={"Origin": ADDRESS})
    return answer.status_code, answer.headers.get("location", answer.text)


async def rows_of(found: Scene, name: str) -> dict[str, str]:
    """The assignments of a task by agency code."""
    rows = await fetch(
        "SELECT a.id, g.code FROM assignment a JOIN agency g ON g.id = a.agency_id WHERE a.task_id = $1",
        found.tasks[name],
    )
    return {row["code"]: str(row["id"]) for row in rows}


async def test_a_target_is_set_for_agencies_at_once_changed_and_ended(database: Settings) -> None:
    async with scene(database) as found:
        desk = await Visitor(found).sign_in(found.world.secretariat)
        path = f"/viec/{found.tasks['soon']}/chi-tieu"
        own = await rows_of(found, "soon")
        assert f'href="{path}"' in (await desk.get(f"/viec/{found.tasks['soon']}")).text
        assert f'href="{path}/moi"' in (await desk.get(path)).text

        shown = (await desk.get(f"{path}/moi")).text
        ticked = set(re.findall(r'name="co-quan" value="(\d+)" checked', shown))
        assert ticked == {own["BYT"], own["BTC"]}  # the leads; who co-operates is left to choose
        one = (await desk.get(f"{path}/moi?co-quan=BTC")).text
        assert re.findall(r'name="co-quan" value="(\d+)" checked', one) == [own["BTC"]]

        wrong = {**WHOLE, "ten": "", "muc-tieu": "bảy mươi", "thoi-han": "", "cac-moc": "tháng sau: 3"}
        status, text = await send(desk, f"{path}/moi", f"{path}/moi", wrong)
        assert status == 422
        assert "<title>Lỗi:" in text
        for field in ("ten", "muc-tieu", "thoi-han", "cac-moc", "co-quan"):
            assert f'href="#{field}"' in text
        assert 'value="bảy mươi"' in text
        both: dict[str, str | list[str]] = {**WHOLE, "co-quan": [own["BYT"], own["BTC"]]}
        status, text = await send(desk, f"{path}/moi", f"{path}/moi", {**both, "muc-tieu": "130"})
        assert (status, 'href="#muc-tieu"' in text) == (422, True)
        foreign = {**both, "co-quan": [(await rows_of(found, "later"))["BYT"]]}
        assert (await send(desk, f"{path}/moi", f"{path}/moi", foreign))[0] == 404
        assert await fetchval("SELECT count(*) FROM indicator") == 0

        assert await send(desk, f"{path}/moi", f"{path}/moi", both) == (303, path)
        rows = await fetch("SELECT id, assignment_id, steps::text FROM indicator ORDER BY id")
        assert {str(row["assignment_id"]) for row in rows} == {own["BYT"], own["BTC"]}
        assert rows[0]["steps"] == '[["2025-11-30", "40"], ["2025-12-15", "55.5"]]'
        # Of two agencies of which one has it already, neither gets it.
        status, text = await send(
            desk, f"{path}/moi", f"{path}/moi", {**both, "co-quan": [own["HN"], own["BYT"]]}
        )
        assert (status, "đã có chỉ tiêu" in text) == (409, True)
        assert await fetchval("SELECT count(*) FROM indicator") == 2

        mine = next(row["id"] for row in rows if str(row["assignment_id"]) == own["BYT"])
        target = f"/viec/{found.tasks['soon']}/BYT/chi-tieu/{mine}"
        officer = await Visitor(found).sign_in(found.world.agency)
        entered = await officer.post(target, from_page=target, so_lieu="21", tinh_den="20/11/2025")
        assert entered.status_code == 303
        open_form = hidden_fields((await officer.get(target)).text, target)
        assert f'href="{target}/sua"' not in (await officer.get(target)).text

        assert f'href="{target}/sua"' in (await desk.get(target)).text
        stale = hidden_fields((await desk.get(f"{target}/sua")).text, f"{target}/sua")
        change: dict[str, str | list[str]] = {**WHOLE, "mau-so": "thủ tục", "ly-do": "Theo văn bản 12/VPCP"}
        status, text = await send(desk, f"{target}/sua", f"{target}/sua", change)
        assert (status, 'href="#mau-so"' in text) == (422, True)
        change |= {"mau-so": "đơn vị", "muc-tieu": "60", "thoi-han": "31/01/2026"}
        status, text = await send(desk, f"{target}/sua", f"{target}/sua", {**change, "ly-do": ""})
        assert (status, 'href="#ly-do"' in text) == (422, True)
        assert await send(desk, f"{target}/sua", f"{target}/sua", change) == (303, target)
        late = await desk.client.post(
            f"{target}/sua", data={**stale, **change, "muc-tieu": "65"}, headers={"Origin": ADDRESS}
        )
        assert late.status_code == 409
        shown = (await officer.get(target)).text
        assert "<s>70</s> → <strong>60</strong>" in shown
        assert "Theo văn bản 12/VPCP" in shown

        compared = (await desk.get(path)).text
        assert "21 % đơn vị" in compared

        ended: dict[str, str | list[str]] = {"ly-do-ket-thuc": ""}
        status, text = await send(desk, f"{target}/sua", f"{target}/ket-thuc", ended)
        assert (status, 'href="#ly-do-ket-thuc"' in text) == (422, True)
        ended = {"ly-do-ket-thuc": "Nhiệm vụ đã thay đổi"}
        assert await send(desk, f"{target}/sua", f"{target}/ket-thuc", ended) == (303, target)
        shown = (await officer.get(target)).text
        assert "Đã kết thúc" in shown
        assert "Nhiệm vụ đã thay đổi" in shown
        assert f'action="{target}"' not in shown
        # A form that was open before is refused, and keeps what was typed.
        late = await officer.client.post(
            target, data={**open_form, "so-lieu": "30", "tinh-den": "21/11/2025"}, headers={"Origin": ADDRESS}
        )
        assert late.status_code == 409
        assert "đã kết thúc" in late.text
        assert await fetchval("SELECT count(*) FROM indicator_reading") == 1


async def test_an_agency_sets_nothing(database: Settings) -> None:
    async with scene(database) as found:
        officer = await Visitor(found).sign_in(found.world.agency)
        path = f"/viec/{found.tasks['soon']}/chi-tieu"
        assert f'href="{path}/moi"' not in (await officer.get(path)).text
        assert (await officer.get(f"{path}/moi")).status_code == 403
        assert (await officer.get("/viec/999999/chi-tieu")).status_code == 404

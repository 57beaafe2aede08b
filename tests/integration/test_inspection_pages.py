"""Inspection sessions over HTTP: from the plan to what follows, and what each reader is shown of it."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import asyncpg
import pytest

from tests.web_scene import Scene, Visitor, hidden_fields, scene
from tests.world import MONDAY
from tracker.actions import explanations
from tracker.db import inspections as db
from tracker.db.engine import fetchval
from tracker.domain.inspections import State
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

PLAN = {
    "ten": "Kiểm tra tại Bộ Y tế",
    "ngay": "28/11/2025",
    "tu-gio": "14:00",
    "den-gio": "16:30",
    "dia-diem": "Phòng họp A",
    "noi-dung": "tat-ca",
    "ngay-chot": "24/11/2025",
    "den-han-den": "26/11/2025",
    "giai-trinh-den": "27/11/2025",
    "co-quan": "BYT",
}


async def send(visitor: Visitor, path: str, from_page: str | None = None, **fields: str) -> tuple[int, str]:
    """Send a form as it stands on its page; the status, and where it leads or what it says."""
    html = (await visitor.get(from_page or path)).text
    values = {**hidden_fields(html, path), **{k.replace("_", "-"): v for k, v in fields.items()}}
    answer = await visitor.client.post(path, data=values, headers={"Origin": "http://127.0.0.1:8080"})
    return answer.status_code, answer.headers.get("location", "") or unescape(answer.text)


async def planned(visitor: Visitor, **changes: str) -> str:
    """The address of a session that was planned by its form."""
    status, where = await send(visitor, "/kiem-tra/moi", **{**PLAN, **changes})
    assert status == 303, where
    return where


async def frozen(visitor: Visitor, made: Scene) -> str:
    """A session that is frozen, after its agency has explained one item."""
    where = await planned(visitor)
    status, told = await send(visitor, f"{where}/hoi", where)
    assert status == 303, told
    own = await fetchval(
        "SELECT assignment_id FROM urged u JOIN assignment a ON a.id = u.assignment_id WHERE a.task_id = $1",
        made.tasks["overdue"],
    )
    await explanations.answer(made.world.agency, own, "Chờ ý kiến các bộ <b>.", MONDAY)
    status, told = await send(visitor, f"{where}/chot")
    assert (status, told) == (303, where)
    return where


def in_words(html: str) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


async def test_a_plan_tells_every_problem_and_loses_nothing(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        form = (await desk.get("/kiem-tra/moi")).text
        status, told = await send(
            desk, "/kiem-tra/moi", **{**PLAN, "ngay-chot": "25/11/2025", "giai-trinh-den": "30/11/2025"}
        )
        unread = await send(desk, "/kiem-tra/moi", ten="", ngay="31/02/2026", tu_gio="25:00", noi_dung="x")
        other = await planned(desk, **{"noi-dung": "linh-vuc", "linh-vuc": "Y tế"})
        changed = await send(desk, f"{other}/sua", **{**PLAN, "ten": "Tên mới"})
        again = await send(desk, f"{other}/sua", **{**PLAN, "phien-ban": "1"})

        assert 'href="/bao-cao/qua-han?co-quan=BYT"' in form
        assert status == 422
        assert "<title>Lỗi:" in told
        assert "ở tương lai" in told
        assert "sau ngày họp" in told
        assert 'value="Kiểm tra tại Bộ Y tế"' in told
        assert 'value="BYT" checked' in told
        assert unread[0] == 422
        assert all(
            f'href="#{name}"' in unread[1] for name in ("ten", "ngay", "tu-gio", "co-quan", "noi-dung")
        )
        assert changed == (303, other)
        assert again[0] == 409
        assert (await db.get_inspection(int(other.rsplit("/", 1)[1]))).title == "Tên mới"
        assert await fetchval("SELECT count(*) FROM inspection") == 1


async def test_a_session_goes_from_its_plan_to_what_follows(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        where = await frozen(desk, made)
        session = int(where.rsplit("/", 1)[1])
        found = await db.get_inspection(session)
        items = await db.list_items(session)
        shown = await desk.get(where)

        words = in_words(shown.text)
        assert f"{len(items)} mục. Không ai sửa được bản này." in words
        assert f"Mã đối chiếu {'-'.join(found.digest[n : n + 4] for n in range(0, 16, 4)).upper()}" in words
        assert "Chờ ý kiến các bộ <b>." in words
        assert shown.text.count('<td class="only-wide n">') == len(items)
        assert "<script>alert" not in shown.text
        assert (await desk.get(f"{where}?xem=da-giai-trinh")).text.count('<td class="only-wide n">') == 1
        # Freezing again, and changing the plan, are refused.
        stale = await send(desk, f"{where}/hoi", where) if f"{where}/hoi" in shown.text else (409, "")
        assert stale[0] == 409
        assert (await desk.get(f"{where}/sua")).status_code == 409

        good = await desk.get(f"{where}/xac-minh?ma={found.digest[:16].upper()}")
        bad = await desk.get(f"{where}/xac-minh?ma=0000-0000-0000-0000")
        assert "Khớp" in good.text
        assert "Bản lưu còn nguyên" in good.text
        assert "Không khớp" in bad.text

        # A correction stands beside; it needs words.
        assert (await send(desk, f"{where}/bo-sung", muc="1", noi_dung=""))[0] == 422
        assert (await send(desk, f"{where}/bo-sung", muc="99", noi_dung="x"))[0] == 422
        assert await send(desk, f"{where}/bo-sung", muc="1", noi_dung="Hạn đúng là 05/11.") == (303, where)
        assert "Hạn đúng là 05/11." in (await desk.get(where)).text

        # Conclusions: refused without a day, then written; the next one opens.
        refused = await send(
            desk, f"{where}/hop", f"{where}/hop?muc=1", loai="new_date", ket_luan="Xong sớm", muc="1"
        )
        assert refused[0] == 422
        assert "Kết luận này cần một ngày." in refused[1]
        assert ">\nXong sớm</textarea>" in refused[1]
        assert (await send(desk, f"{where}/hop", loai="noted", ket_luan="x", muc="999"))[0] == 422
        for item in items:
            moves = item.position == 1
            fields = {"ngay": "20/12/2025"} if moves else {}
            status, at = await send(
                desk, f"{where}/hop", f"{where}/hop?muc={item.position}", loai="new_date" if moves else "noted",
                ket_luan=f"Kết luận {item.position}", muc=str(item.position), **fields,
            )  # fmt: skip
            assert status == 303, at
        assert at == f"{where}/ket-luan"
        status, _ = await send(
            desk, f"{where}/ket-luan-chung", f"{where}/ket-luan", loai="new_task",
            ket_luan="Rà soát dữ liệu toàn ngành", ngay="30/12/2025", co_quan="BYT",
        )  # fmt: skip
        assert status == 303
        page = (await desk.get(f"{where}/ket-luan")).text
        assert "đến 20/12/2025" in in_words(page)
        assert "Giao nhiệm vụ mới, hạn 30/12/2025" in in_words(page)
        notice = {"so": "12/TB-TCT", "ngay-ban-hanh": "", "co-quan-ban-hanh": "Tổ công tác"}
        bare = await send(desk, f"{where}/ket-luan", **notice)
        assert bare[0] == 422
        assert 'value="12/TB-TCT"' in bare[1]
        assert await fetchval("SELECT count(*) FROM directive") == 1
        await send(desk, f"{where}/ket-luan", **{**notice, "ngay-ban-hanh": "24/11/2025"})

        assert (await db.get_inspection(session)).state is State.CONCLUDED
        assert await fetchval("SELECT count(*) FROM directive WHERE inspection_id = $1", session) == 1
        first = items[0].item
        due = await fetchval("SELECT due_on FROM assignment WHERE id = $1", first.assignment_id)
        assert due.isoformat() == "2025-12-20"
        after = in_words((await desk.get(where)).text)
        assert f"Hạn đổi từ {first.due_on:%d/%m/%Y} thành 20/12/2025" in after
        assert "Thông báo kết luận 12/TB-TCT" in after

        # The agency sees its own part, nobody else's; another agency sees nothing.
        own = await Visitor(made).sign_in(made.world.agency)
        assert "Kết luận 1" in (await own.get(where)).text
        assert (await own.get(f"{where}/hop")).status_code == 403
        stranger = await Visitor(made).sign_in(made.world.other_agency)
        assert (await stranger.get(where)).status_code == 404
        assert (await stranger.get(f"{where}/chu-toa")).status_code == 404
        assert "Kiểm tra tại Bộ Y tế" not in (await stranger.get("/kiem-tra")).text
        assert "Kiểm tra tại Bộ Y tế" in (await own.get("/kiem-tra")).text

        # The next session opens with what this one concluded.
        following = await planned(desk, ten="Lần sau", ngay="12/12/2025")
        opened = in_words((await desk.get(following)).text)
        assert "Lần kiểm tra trước đã kết luận" in opened
        assert "Rà soát dữ liệu toàn ngành" in opened


async def test_who_reads_who_writes_and_what_is_called_off(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        where = await planned(desk)
        member = await Visitor(made).sign_in(made.world.member)
        inspector = await Visitor(made).sign_in(made.world.inspector)
        agency = await Visitor(made).sign_in(made.world.agency)

        assert (await member.get("/kiem-tra")).status_code == 200
        chair = await member.get(f"{where}/chu-toa?muc=1")
        assert chair.status_code == 200
        assert "<textarea" not in chair.text
        assert (await member.get("/kiem-tra/moi")).status_code == 403
        assert (await member.get(f"{where}/hop")).status_code == 403
        assert (await inspector.get(f"{where}/chot")).status_code == 200
        assert (await agency.get(where)).status_code == 200
        assert (await agency.get("/kiem-tra/moi")).status_code == 403
        assert (await desk.get(f"{where}/ket-luan")).status_code == 409
        assert (await desk.get("/kiem-tra/999999")).status_code == 404
        assert (await send(desk, f"{where}/huy", ly_do=""))[0] == 422
        assert await send(desk, f"{where}/huy", ly_do="Trùng phiên họp") == (303, where)
        assert (await db.get_inspection(int(where.rsplit("/", 1)[1]))).state is State.CANCELLED
        assert (await desk.get(f"{where}/huy")).status_code == 409
        assert "Đã hủy" in (await desk.get(where)).text


async def test_the_papers_of_a_frozen_session_are_files_for_who_leads_it(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        member = await Visitor(made).sign_in(made.world.member)
        early = await planned(desk)
        where = await frozen(desk, made)

        before = await desk.get(f"{early}/ho-so.docx")
        page = (await desk.get(where)).text
        files = {name: await desk.get(f"{where}/{name}") for name in PAPERS}
        foreign = await desk.get(f"{where}/ho-so.pdf?co-quan=HN")

        assert before.status_code == 409
        for name, begins in PAPERS.items():
            assert f'href="{where}/{name}"' in page
            assert files[name].content.startswith(begins), name
            assert "attachment; filename=" in files[name].headers["content-disposition"]
            assert f'href="{where}/{name}"' not in (await member.get(where)).text
        assert foreign.status_code == 422


PAPERS = {"ho-so.docx": b"PK", "ho-so.pdf": b"%PDF-", "ho-so.xlsx": b"PK", "thong-bao.docx": b"PK"}


async def test_conclusions_are_changed_and_struck_and_two_who_type_lose_nothing(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        inspector = await Visitor(made).sign_in(made.world.inspector)
        where = await frozen(desk, made)
        session = int(where.rsplit("/", 1)[1])
        html = (await desk.get(f"{where}/hop?muc=1")).text
        mine = {**hidden_fields(html, f"{where}/hop"), "loai": "noted", "ket-luan": "Chữ của thư ký một"}
        at = f"{where}/hop?muc=1"
        assert (await send(inspector, f"{where}/hop", at, loai="noted", ket_luan="Chữ của người khác"))[
            0
        ] == 303
        headers = {"Origin": "http://127.0.0.1:8080"}

        refused = await desk.client.post(f"{where}/hop", data=mine, headers=headers)

        # Both texts are there: what stands, and what was typed; sent once more it replaces.
        assert refused.status_code == 409
        assert "Chữ của người khác" in refused.text
        assert "Chữ của thư ký một</textarea>" in refused.text
        again = {**hidden_fields(refused.text, f"{where}/hop"), "loai": "noted", "ket-luan": "Hai chữ"}
        assert (await desk.client.post(f"{where}/hop", data=again, headers=headers)).status_code == 303
        (one,) = await db.list_conclusions(session)
        assert one.text == "Hai chữ"

        general = {"loai": "new_task", "ket_luan": "Rà soát toàn ngành.", "ngay": "20/12/2025"}
        listed = f"{where}/ket-luan"
        assert (await send(desk, f"{where}/ket-luan-chung", listed, co_quan="BTC", **general))[0] == 422
        assert (await send(desk, f"{where}/ket-luan-chung", listed, co_quan="BYT", **general)) == (
            303,
            listed,
        )
        whole = (await db.list_conclusions(session))[-1]
        its = f"{listed}/{whole.id}"
        assert f'href="{its}"' in (await desk.get(listed)).text
        stale = {**hidden_fields((await inspector.get(its)).text, its), "loai": "noted", "ket-luan": "Muộn"}
        assert (await send(desk, its, loai="noted", ket_luan="Báo cáo hằng tháng.")) == (303, listed)
        late = await inspector.client.post(its, data=stale, headers=headers)
        assert (late.status_code, "Báo cáo hằng tháng." in late.text, "Muộn</textarea>" in late.text) == (
            409, True, True,
        )  # fmt: skip
        assert (await send(desk, its, loai="", ket_luan=""))[0] == 422
        struck = await send(desk, f"{its}/bo", its)
        assert struck == (303, listed)
        assert (await desk.get(its)).status_code == 404
        assert [c.id for c in await db.list_conclusions(session)] == [one.id]
        assert (await send(desk, f"{listed}/{one.id}/bo", at))[0] == 303
        assert "Hai chữ</textarea>" not in (await desk.get(at)).text
        # A conclusion of another session, and on an item that this one does not have.
        other = await planned(desk)
        assert (await desk.get(f"{other}/ket-luan/{whole.id}")).status_code == 404
        outside = await send(desk, f"{where}/hop", at, muc="99", loai="noted", ket_luan="x")
        assert outside[0] == 422
        assert await db.list_conclusions(session) == []


async def test_bad_input_is_told_and_nothing_is_half_written(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        nobody = {k.replace("-", "_"): v for k, v in PLAN.items() if k != "co-quan"}
        status, told = await send(desk, "/kiem-tra/moi", **nobody)
        assert (status, "Chọn ít nhất một cơ quan." in told) == (422, True)
        assert await fetchval("SELECT count(*) FROM inspection") == 0

        where = await planned(desk)
        async with hold_freezing(database):
            status, told = await send(desk, f"{where}/chot")
        assert (status, "Đang chốt số liệu một buổi khác" in told) == (409, True)
        found = await db.get_inspection(int(where.rsplit("/", 1)[1]))
        assert (found.state, await fetchval("SELECT count(*) FROM inspection_item")) == (State.PLANNED, 0)
        # Pressed twice at the same moment it is frozen once, and both are told so.
        html = (await desk.get(f"{where}/chot")).text
        values = hidden_fields(html, f"{where}/chot")
        origin = {"Origin": "http://127.0.0.1:8080"}
        both = await asyncio.gather(
            *(desk.client.post(f"{where}/chot", data=values, headers=origin) for _ in range(2))
        )
        assert [(a.status_code, a.headers["location"]) for a in both] == [(303, where)] * 2
        count = await fetchval("SELECT count(*) FROM inspection_item")
        assert count == len(await db.list_items(found.id)) > 0


@asynccontextmanager
async def hold_freezing(settings: Settings) -> AsyncIterator[None]:
    """Another agenda is being frozen, by another connection."""
    other = await asyncpg.connect(settings.owner_dsn())
    try:
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock($1)", db.FREEZING)
            yield
    finally:
        await other.close()


async def test_an_agency_is_led_to_its_session_from_where_it_works(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        agency = await Visitor(made).sign_in(made.world.agency)
        other = await Visitor(made).sign_in(made.world.other_agency)
        where = await planned(desk)
        before = in_words((await agency.get("/viec")).text)
        await send(desk, f"{where}/hoi", where)
        owed = await fetchval("SELECT count(*) FROM urged WHERE is_owed")
        page = (await agency.get("/viec")).text
        task = (await agency.get(made.path("overdue"))).text

        assert "Cơ quan mình có trong buổi kiểm tra" in before
        assert f"còn {owed} việc phải giải trình" in in_words(page)
        assert f'href="{where}"' in page
        assert f'href="{where}"' in task
        assert where not in (await other.get("/viec")).text


async def test_papers_name_who_issues_them_and_a_missing_field_is_named(database: Settings) -> None:
    async with scene(database) as made:
        desk = await Visitor(made).sign_in(made.world.secretariat)
        where = await frozen(desk, made)
        at = "/thiet-lap/noi-ban-hanh"
        told = {
            "co_quan_chu_quan": "Bộ Y tế", "don_vi": "Ban Chỉ đạo", "ky_hieu": "BCĐ", "ky_hieu_chu_quan": "BYT",
            "dia_danh": "Huế", "chuc_danh_thong_bao": "Trưởng ban", "chuc_danh_ho_so": "Thư ký",
        }  # fmt: skip

        bad = await send(desk, at, **{**told, "dia_danh": "", "mo_dau": "{title} {ai}"})
        good = await send(desk, at, **told, mo_dau="Do {chair} chủ trì: {title}.")
        refused = await desk.get(f"{where}/thong-bao.docx")
        again = await send(desk, at, **told, mo_dau="Kết luận {title}.")
        paper = await desk.get(f"{where}/thong-bao.docx")

        assert bad[0] == 422
        assert "Không có trường {ai}" in bad[1]
        assert 'value="Ban Chỉ đạo"' in bad[1]
        assert good == (303, at)
        assert (refused.status_code, "{chair}" in unescape(refused.text)) == (422, True)
        assert again == (303, at)
        with zipfile.ZipFile(io.BytesIO(paper.content)) as archive:
            words = archive.read("word/document.xml").decode()
        for expected in ("BAN CHỈ ĐẠO", "TB-BCĐ", "Huế", "Kết luận Kiểm tra tại Bộ Y tế."):
            assert expected in words
        assert await fetchval("SELECT count(*) FROM history WHERE verb = 'set_issuer'") == 2

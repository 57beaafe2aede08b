"""Lists over HTTP: what is filtered, ordered, ticked, kept, exported and found is exactly what was asked for."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from urllib.parse import quote

import pytest

from tests.web_scene import NASTY, Scene, Visitor, hidden_fields, scene
from tests.world import MONDAY
from tracker.actions import views as view_actions
from tracker.actions.standing import status_now
from tracker.db import reads_web, saved_views
from tracker.db.assignments import list_by_ids
from tracker.db.calendar import load_calendar
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.reads_web import DAYS_LATE, AsOf, WorkFilter
from tracker.domain.errors import Invalid, NotFound, NotPermitted
from tracker.domain.zone import civil_now
from tracker.jobs import housekeeping
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

ODD = (
    "%", "_", "100%_\\", "' OR 1=1--", ";DROP TABLE task", "*:*", "a & b | !c", "(((", "\u202e", "\U0001f600",
    "đ" * 400, "e\u0301\u0302", "<b>", "12/CT-TTg'", ":* <->", "\\", "ẾỄỆ", "０１２", "ﬁ ligature",
)  # fmt: skip
"""What attack cases 22, 23 and 38 put into a field of words."""


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    """The scene on an emptied database."""
    async with scene(database) as found:
        yield found


def titles(html: str) -> list[str]:
    """The addresses of the rows of a list, in their order."""
    return re.findall(r'<a class="task" href="([^"]+)"', html)


async def test_every_condition_narrows_and_can_be_lifted(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    officer = made.world.head.official_id
    await execute("UPDATE task SET secretariat_officer_id = $1 WHERE id = $2", officer, made.tasks["later"])
    everything = len(titles((await desk.get("/viec?tinh-trang=tat-ca")).text))
    expected = {
        "co-quan=BTC": 1,
        "vai-tro=phoi-hop": everything // 2,
        f"nguoi-theo-doi={officer}": 2,
        "van-ban=17/nq-cp": everything,
        "nguon=" + quote("Chính phủ"): everything,
        "tu=" + quote("nhiem vu soon"): 3,
        "tu-ngay=20/11/2025&den-ngay=26/11/2025": 7,
        "tre-tu=20": 5,
    }

    for condition, count in expected.items():
        page = (await desk.get(f"/viec?tinh-trang=tat-ca&{condition}")).text
        assert len(titles(page)) == count, condition
        assert page.count('<span class="vh">bỏ điều kiện này') == condition.count("=") + 1, condition
        assert '<details class="fold" open>' in page or condition.startswith(("co-quan", "tu="))
        lifted = re.search(r'<p class="active">.*?<a href="([^"]+)">', page, re.S)
        assert lifted
        assert (await desk.get(unescape(lifted[1]))).status_code == 200
    for wrong in ("tre-tu=-1", "tre-tu=x", "nguoi-theo-doi=x", "vai-tro=x", "tinh-trang=x"):
        answer = await desk.get(f"/viec?{wrong}")
        assert answer.status_code == 400, wrong
        assert "<title>Lỗi:" in answer.text
        assert '<tr class="item">' not in answer.text


async def test_every_order_goes_through_all_pages_without_loss_and_says_so(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    total = await fetchval("SELECT count(*) FROM assignment")
    first: dict[str, str] = {}
    for word in ("han", "tre", "co-quan", "bao-cao"):
        for order in (word, f"-{word}"):
            path: str | None = f"/viec?tinh-trang=tat-ca&xep={order}&cot=co-quan.han.tre.bao-cao"
            seen: list[str] = []
            while path:
                page = (await desk.get(path + "&so-dong=25")).text
                state = "descending" if order.startswith("-") else "ascending"
                assert page.count(f'aria-sort="{state}"') == 1, order
                assert page.count('aria-sort="none"') == 3
                seen += titles(page)
                following = re.search(r'<a href="([^"]+)" rel="next"', page)
                path = unescape(following[1]).replace("&so-dong=25", "") if following else None
            assert len(seen) == len(set(seen)) == total, order
            first[order] = seen[0]
    for word in ("han", "tre", "co-quan", "bao-cao"):
        assert first[word] != first[f"-{word}"], word
    latest = (await desk.get("/viec?tinh-trang=tat-ca&xep=-tre&cot=tre&so-dong=100")).text
    days = [int(n or 0) for n in re.findall(r'data-k="Ngày trễ">(\d*)<', latest)]
    assert days == sorted(days, reverse=True)
    assert days[0] == 24 > days[-1]
    # What cannot be read begins at the top, in the usual order.
    for odd in ("sau=x", "sau=9999-99-99.1", "xep=--han", "xep=x", "so-dong=9999", "sau=1.2.3.4"):
        assert (await desk.get(f"/viec?{odd}")).status_code == 200, odd


async def test_days_late_are_those_of_the_rule(made: Scene) -> None:
    rows = await list_by_ids([r["id"] for r in await fetch("SELECT id FROM assignment")])
    calendar = await load_calendar()
    local = civil_now(MONDAY)
    for row in rows:
        status = status_now(row, MONDAY, calendar)
        told = await fetchval(f"SELECT {DAYS_LATE} FROM assignment a WHERE id = $2", local.date(), row.id)
        assert told == status.days_late, row.short_name
    as_of = AsOf(local.date(), local.time(), local.date() + timedelta(days=3))
    late = await reads_web.list_work(
        made.world.secretariat, WorkFilter(status="all", late_by=1), as_of, order="late"
    )
    assert len(late) == sum(status_now(row, MONDAY, calendar).days_late >= 1 for row in rows) > 2


async def test_columns_are_chosen_and_stay_with_the_address(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    chosen = (await desk.get("/viec?tinh-trang=qua-han&cot=khong&cot=tre&cot=san-pham")).text
    heads = re.findall(r"<th scope=\"col\"[^>]*>(?:<a [^>]*>)?([^<]+)<", chosen)

    assert heads == ["Nội dung", "Tình trạng", "Ngày trễ", "Sản phẩm"]
    assert "Quyết định ban hành" in chosen
    assert "cot=tre.san-pham" in chosen  # in the links that order and lift
    assert 'name="cot" value="tre.san-pham"' in chosen  # in the filter bar
    none = (await desk.get("/viec?cot=khong")).text
    assert re.findall(r"<th scope=\"col\"[^>]*>(?:<a [^>]*>)?([^<]+)<", none) == ["Nội dung", "Tình trạng"]


async def test_the_desk_sees_first_what_burns_with_the_action_of_each_row(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    page = (await desk.get("/can-xu-ly")).text
    own = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2",
        made.tasks["overdue"],
        made.world.agencies["BYT"],
    )

    groups = re.findall(r'<tbody id="([a-z_]+)">', page)
    assert groups == ["overdue", "due_soon", "awaiting", "extension"]
    assert f'href="/don-doc/xem-truoc?viec={own}"' in page
    assert page.index("Quá hạn 24 ngày") < page.index("Hôm nay, trước 17:00")
    assert f'name="viec" value="{own}"' in page
    for address in ("/van-ban/moi", "/van-ban/nhap", "/don-doc/xem-truoc", "/viec.xlsx"):
        assert address in page
    assert "leader BTC" in page  # whose mail bounces, with the server's words
    assert f'href="/co-quan/{made.world.agencies["BTC"]}"' in page
    admin = (await (await Visitor(made).sign_in(made.world.administrator)).get("/can-xu-ly")).text
    assert "/don-doc/xem-truoc?viec=" not in admin
    agency = await Visitor(made).sign_in(made.world.agency)
    assert (await agency.get("/can-xu-ly")).status_code == 403
    assert 'name="viec"' not in (await agency.get("/viec")).text


async def test_a_file_holds_exactly_the_list_or_the_ticked_rows(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    agency = await Visitor(made).sign_in(made.world.other_agency)
    listed = titles((await desk.get("/viec?tinh-trang=qua-han")).text)

    exported = await desk.get("/viec.csv?tinh-trang=qua-han&xep=-tre")
    lines = exported.content.decode("utf-8-sig").strip().split("\r\n")
    ids = [line.split(",")[0] for line in lines[1:] if line.split(",")[0].isdigit()]

    assert exported.headers["content-type"].startswith("text/csv")
    assert "attachment" in exported.headers["content-disposition"]
    assert len(ids) == len(listed)
    ticked = await desk.get(f"/viec.csv?viec={ids[0]}&viec={ids[1]}&viec={ids[0]}&viec=x")
    assert ticked.content.decode("utf-8-sig").count("17/NQ-CP") == 2
    assert (await desk.get("/viec.xlsx?tinh-trang=qua-han")).content.startswith(b"PK")
    own = (await agency.get(f"/viec.csv?tinh-trang=tat-ca&viec={ids[0]}")).content.decode("utf-8-sig")
    assert own.strip().count("\r\n") == 0  # the head alone: the row is another agency's
    assert (await desk.get("/viec.csv?tinh-trang=x")).status_code in (400, 422)


async def test_a_view_is_kept_renamed_shared_deleted_and_brought_back(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    head = await Visitor(made).sign_in(made.world.head)
    agency = await Visitor(made).sign_in(made.world.agency)
    path = "/viec?co-quan=BYT&tinh-trang=qua-han&xep=-tre"

    async def posted(visitor: Visitor, action: str, page: str, ten: str = "x", **fields: str) -> str:
        answer = await visitor.post(action, from_page=page, headers=None, ten=ten, **fields)
        assert answer.status_code == 303, answer.text[:1500]
        return str(answer.headers["location"])

    where = await posted(desk, "/cach-xem", path, ten="Bộ Y tế <b>", dung_chung="1")
    shown = (await desk.get(where)).text
    listed = len(titles(shown))
    pill = f'aria-current="page">Bộ Y tế &lt;b&gt; <span class="n">{listed}</span>'
    assert pill in shown
    assert "Lưu cách xem này" not in shown  # kept already
    assert "Bộ Y tế &lt;b&gt;" in (await head.get("/can-xu-ly")).text
    assert "Bộ Y tế &lt;b&gt;" not in (await agency.get("/viec")).text

    view_id = await fetchval("SELECT id FROM saved_view")
    one = f"/cach-xem/{view_id}"
    for stranger in (head, agency):
        assert (await stranger.get(one)).status_code == 404
        token = hidden_fields((await stranger.get("/cach-xem")).text, "/dang-xuat")["_token"]
        for action in (one, f"{one}/xoa", f"{one}/len", f"{one}/khoi-phuc"):
            assert (await stranger.post(action, ten="x", _token=token)).status_code == 404, action
    await posted(desk, one, one, ten="Bộ Y tế trễ")
    assert "Bộ Y tế trễ" not in (await head.get("/cach-xem")).text  # no longer shared
    refused = await desk.post(one, from_page=one, ten=" ")
    assert refused.status_code == 422
    assert "<title>Lỗi:" in refused.text

    await posted(desk, "/cach-xem", "/viec?tinh-trang=da-xong", ten="Đã xong")
    second = await fetchval("SELECT max(id) FROM saved_view")
    await posted(desk, f"/cach-xem/{second}/len", "/cach-xem")
    page = (await desk.get("/cach-xem")).text
    assert page.index("Đã xong</a>") < page.index("Bộ Y tế trễ</a>")

    await posted(desk, f"{one}/xoa", "/cach-xem")
    toast = (await desk.get("/cach-xem")).text
    assert f'action="{one}/khoi-phuc"' in toast.split("</main>")[0]
    assert "Bộ Y tế trễ" not in (await desk.get("/viec")).text
    await posted(desk, f"{one}/khoi-phuc", "/cach-xem")
    assert "Bộ Y tế trễ" in (await desk.get("/viec")).text

    await saved_views.mark_deleted(view_id, MONDAY)
    await execute("UPDATE saved_view SET deleted_at = now() - interval '31 days' WHERE id = $1", view_id)
    assert (await housekeeping.run(MONDAY)).saved_views == 1
    assert (await desk.get(one)).status_code == 404


async def test_who_may_keep_what(made: Scene) -> None:
    world = made.world
    with pytest.raises(NotPermitted):
        await view_actions.save(world.agency, "Chung", "/viec", "", True, MONDAY)
    with pytest.raises(Invalid):
        await view_actions.save(world.agency, "Khác", "/he-thong", "", False, MONDAY)
    with pytest.raises(Invalid):
        await view_actions.save(world.agency, "x" * 61, "/viec", "", False, MONDAY)
    kept = await view_actions.save(world.agency, "Riêng", "/viec", "tinh-trang=qua-han", False, MONDAY)
    with pytest.raises(NotFound):
        await view_actions.delete(world.administrator, kept, MONDAY)
    assert [v.id for v in await saved_views.list_views(world.agency)] == [kept]
    assert await saved_views.list_views(world.secretariat) == []
    # A view of a list that cannot be read any more keeps its pill and shows no number.
    await execute("UPDATE saved_view SET query = 'co-quan=KHONG' WHERE id = $1", kept)
    page = (await (await Visitor(made).sign_in(world.agency)).get("/viec")).text
    assert '<a href="/viec?co-quan=KHONG">Riêng</a>' in page


async def test_the_search_finds_by_number_words_and_agency_and_marks_them(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    async def found(asked: str, visitor: Visitor = desk) -> str:
        answer = await visitor.get(f"/tim?q={quote(asked)}")
        assert answer.status_code == 200, asked
        return answer.text.split("<main")[1].split("</main>")[0]

    for number in ("17/NQ-CP", "17nq", "17 NQ", "17/nq-cp"):
        page = await found(number)
        assert 'href="/van-ban/1"' in page, number
        assert page.index('id="van-ban"') < page.find('id="viec"') or 'id="viec"' not in page
    agency = await found("bo y te")
    assert "<mark>Bộ Y tế</mark>" in agency
    assert 'href="/viec?co-quan=BYT"' in agency
    count = re.search(r'href="/viec\?co-quan=BYT">(\d+) việc', agency)
    assert count
    assert len(titles((await desk.get("/viec?co-quan=BYT")).text)) == int(count[1])
    task = await found("NHIEM VU weekend")
    assert "<mark>Nhiệm vụ weekend</mark>" in task
    assert f'href="/viec/{made.tasks["weekend"]}"' in task
    mixed = await found("y te weekend")
    assert f'href="/viec/{made.tasks["weekend"]}"' in mixed
    person = await found("nguoi officer")
    assert "<mark>Người officer</mark>" in person

    nothing = await found("khongcogikhop")
    assert "Không thấy gì khớp với “khongcogikhop”" in nothing
    assert 'href="/viec?tinh-trang=tat-ca"' in nothing
    for odd in (*ODD, *NASTY, " ", "", ","):
        page = await found(odd)
        assert "<script>" not in page
        assert "<img" not in page
        assert (await desk.get(f"/viec?tinh-trang=tat-ca&tu={quote(odd)}")).status_code == 200, odd
    assert (await desk.get("/tim?q=%00")).status_code == 400
    assert (await desk.get("/tim?q=a&q=b")).status_code == 400


async def test_an_agency_finds_its_own_only(made: Scene) -> None:
    other = await Visitor(made).sign_in(made.world.other_agency)
    own = await Visitor(made).sign_in(made.world.agency)

    hidden = (await other.get("/tim?q=nhiem+vu+weekend")).text
    seen = (await own.get("/tim?q=nhiem+vu+weekend")).text
    shared = (await other.get("/tim?q=nhiem+vu+soon")).text

    assert "weekend</mark>" not in hidden.split("</form>", 2)[-1]
    assert f'href="/viec/{made.tasks["weekend"]}/BYT"' in seen
    assert "weekend</mark>" in seen
    assert f'href="/viec/{made.tasks["soon"]}/BTC"' in shared
    assert "focal BYT" not in (await other.get("/tim?q=focal")).text
    assert "focal BYT" in re.sub("</?mark>", "", (await own.get("/tim?q=focal")).text)
    words = (await other.get("/viec?tinh-trang=tat-ca&tu=nhiem+vu+17nq")).text
    assert titles(words) == [made.path("soon", "BTC")]


async def test_a_page_of_fifty_rows_is_light(made: Scene) -> None:
    """Every row of the scene many times over, as wide as a page can be made."""
    desk = await Visitor(made).sign_in(made.world.secretariat)
    await execute(
        "INSERT INTO assignment (task_id, directive_id, agency_id, part, occurrence, state, due_kind, due_on,"
        " original_due_on, deadline_set_at, ladder_version_id, assigned_on, assigned_at, changed_at)"
        " SELECT task_id, directive_id, agency_id, part, occurrence + n, 'in_progress', 'dated', '2025-10-31',"
        " '2025-10-31', deadline_set_at, ladder_version_id, assigned_on, assigned_at, changed_at"
        " FROM assignment, generate_series(1, 5) n WHERE agency_id = $1",
        made.world.agencies["BYT"],
    )

    page = (await desk.get("/viec?tinh-trang=qua-han")).content

    assert page.count(b'<tr class="item">') == 50
    assert len(page) < 100_000
    assert len(gzip.compress(page)) < 20_000

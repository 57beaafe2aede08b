"""The pages over HTTP: who sees what, forms that lose nothing, and texts that stay texts."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from html import unescape

import pytest

from tests.web_scene import ADDRESS, NASTY, Scene, Visitor, hidden_fields, scene
from tests.world import MONDAY, build_world
from tracker import clock
from tracker.actions import demo_clock
from tracker.actions.overdue import overdue_list
from tracker.app import create_app
from tracker.db.assignments import get_assignment
from tracker.db.engine import execute, fetchval
from tracker.domain.assignments import State
from tracker.mailbox import LocalMailbox
from tracker.process import with_secret_key
from tracker.settings import Settings
from tracker.web.rendering import static_address, static_files

pytestmark = pytest.mark.anyio


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    """The scene on an emptied database."""
    async with scene(database) as found:
        yield found


def title_of(html: str) -> str:
    """The document's title."""
    match = re.search(r"<title>(.*?)</title>", html, re.S)
    assert match
    return unescape(match[1])


async def assignment_id(made: Scene, name: str) -> int:
    """The ministry of health's assignment in a task."""
    found: int = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2",
        made.tasks[name],
        made.world.agencies["BYT"],
    )
    return found


PAGES = (
    "/viec",
    "/viec?tinh-trang=tat-ca",
    "/viec?tinh-trang=qua-han&tu=nhiem+vu",
    "/van-ban",
    "/bao-cao/qua-han",
    "/bao-cao/qua-han?ngay=2025-11-07&noi-dung=ten-gon",
    "/lich/dang-ky",
    "/thu",
    "/tro-giup",
    "/dang-nhap",
)


@pytest.mark.parametrize(
    "persona", ["secretariat", "agency", "leader", "member", "inspector", "administrator"]
)
async def test_every_page_opens_for_everybody_who_may_in_both_languages(made: Scene, persona: str) -> None:
    visitor = await Visitor(made).sign_in(getattr(made.world, persona))
    details = [made.path(name) for name in made.tasks] + [f"/viec/{i}" for i in made.tasks.values()]

    for language in ("vi", "en"):
        for path in (*PAGES, *details):
            answer = await visitor.get(path + ("&" if "?" in path else "?") + f"lang={language}")

            assert answer.status_code == 200, (path, answer.text[:2000])
            assert f'<html lang="{language}">' in answer.text
            assert answer.headers["cache-control"] == "no-store"


async def test_a_visitor_is_led_to_the_sign_in_and_back(made: Scene) -> None:
    visitor = Visitor(made)

    asked = await visitor.get("/viec?tinh-trang=qua-han")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/dang-nhap?tiep=%2Fviec%3Ftinh-trang%3Dqua-han"

    answer = await visitor.post(
        "/dang-nhap", from_page=asked.headers["location"], nguoi=str(made.world.secretariat.official_id)
    )
    assert answer.headers["location"] == "/viec?tinh-trang=qua-han"


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "/\\evil.example", "https:evil", "https://evil.example/"]
)
async def test_the_sign_in_never_leads_elsewhere(made: Scene, elsewhere: str) -> None:
    visitor = Visitor(made)

    answer = await visitor.post(
        "/dang-nhap", from_page="/dang-nhap", nguoi=str(made.world.inspector.official_id), tiep=elsewhere
    )

    assert answer.headers["location"] == "/bao-cao"


async def test_the_development_sign_in_exists_only_in_the_demonstration(made: Scene) -> None:
    played = await Visitor(made).sign_in(made.world.secretariat)
    app = create_app(made.settings)
    real = Visitor(replace(made, app=app))
    real.client.cookies = played.client.cookies

    assert (await real.get("/")).headers["location"] == "/dang-nhap"
    assert (await real.get("/viec")).headers["location"] == "/dang-nhap?tiep=%2Fviec"
    assert (await real.get("/thu")).status_code == 404
    assert (await real.post("/dong-ho/tien", nguoi="1")).status_code == 404
    chosen = await real.post(
        "/dang-nhap", from_page="/dang-nhap", nguoi=str(made.world.secretariat.official_id)
    )
    assert chosen.status_code == 422
    assert (await real.get("/viec")).status_code == 303


async def test_a_session_is_fresh_at_sign_in_and_a_made_up_one_is_not_adopted(made: Scene) -> None:
    visitor = Visitor(made)
    visitor.client.cookies.set("dondoc", "ATTACKERCHOSEN", domain="127.0.0.1")
    await visitor.get("/")
    before = visitor.client.cookies["dondoc"]

    await visitor.sign_in(made.world.secretariat)

    assert before != "ATTACKERCHOSEN"
    assert visitor.client.cookies["dondoc"] != before
    token, _, code = visitor.client.cookies["dondoc"].partition(".")
    visitor.client.cookies = {"dondoc": f"{token[:-2]}AA.{code}"}
    assert (await visitor.get("/viec")).status_code == 303


async def test_the_session_cookie_is_kept_from_scripts_and_demands_https_where_there_is_https(
    made: Scene,
) -> None:
    plain = (await Visitor(made).get("/")).headers["set-cookie"]
    secure = Visitor(
        replace(
            made,
            app=create_app(
                replace(made.settings, public_url="https://dondoc.example"), is_demonstration=True
            ),
        )
    )
    tight = (await secure.get("/")).headers["set-cookie"]

    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert tight.startswith("__Host-dondoc=")
    assert "Secure" in tight
    assert "Path=/" in tight


async def test_an_agency_cannot_tell_a_foreign_row_from_none(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.other_agency)

    foreign = await visitor.get(made.path("overdue"))
    missing = await visitor.get("/viec/999999/BYT")

    assert foreign.status_code == missing.status_code == 404
    assert title_of(foreign.text) == title_of(missing.text)
    assert "Nhiệm vụ overdue" not in (await visitor.get("/viec?tinh-trang=tat-ca")).text
    assert (await visitor.get(made.path("soon", "BTC"))).status_code == 200
    assert (await visitor.get("/can-xu-ly")).status_code == 403


@pytest.mark.parametrize(
    "path", ["/viec/0", "/viec/١٢", "/viec/9223372036854775808", "/viec/" + "9" * 400, "/viec/1_0"]
)
async def test_what_cannot_be_an_id_is_not_found(made: Scene, path: str) -> None:
    visitor = await Visitor(made).sign_in(made.world.secretariat)

    assert (await visitor.get(path)).status_code == 404


async def test_a_form_needs_its_own_session_and_its_own_site(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.agency)
    other = await Visitor(made).sign_in(made.world.leader)
    path = made.path("later")
    action = f"{path}/nhan-viec"
    foreign = hidden_fields((await other.get(path)).text, action)["_token"]

    refused = [
        await visitor.client.post(action, data={"lan-gui": "x" * 16}, headers={"Origin": ADDRESS}),
        await visitor.post(action, from_page=path, _token=foreign),
        await visitor.post(action, from_page=path, headers={"Origin": "https://evil.example"}),
        await visitor.post(action, from_page=path, headers={"Origin": "null"}),
        await visitor.post(action, from_page=path, headers={"Sec-Fetch-Site": "cross-site"}),
    ]

    assert [answer.status_code for answer in refused] == [403] * 5
    row = await get_assignment(made.world.secretariat, await assignment_id(made, "later"))
    assert row.state is State.ASSIGNED


async def test_acknowledging_reporting_and_confirming_by_forms(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    desk = await Visitor(made).sign_in(made.world.secretariat)
    path = made.path("later")

    taken = await agency.post(f"{path}/nhan-viec", from_page=path)
    assert taken.headers["location"] == path
    assert "Đã nhận việc" in (await agency.get(path)).text
    assert "Đã nhận việc. Bên giao" not in (await agency.get(path)).text

    sent = await agency.post(
        f"{path}/bao-cao",
        from_page=f"{path}/bao-cao",
        ket_qua="Đã ban hành quyết định.",
        so_van_ban="7431/BYT-CNTT",
        ngay_van_ban="21/11/2025",
    )
    assert sent.status_code == 303, sent.text
    assert re.search(r"BC-2025-\d{6}", (await agency.get(path)).text)
    own = hidden_fields((await agency.get(path)).text, "/dang-xuat") | {
        "lan-gui": "x" * 16,
        "quyet-dinh": "xac-nhan",
    }
    refused = await agency.client.post(f"{path}/xac-nhan", data=own, headers={"Origin": ADDRESS})
    assert refused.status_code == 403

    judged = await desk.post(f"{path}/xac-nhan", from_page=path, quyet_dinh="xac-nhan")
    assert judged.status_code == 303, judged.text
    page = (await desk.get(path)).text
    assert "Xong đúng hạn" in page
    assert "Sẽ nhắc" not in page


async def test_a_refused_form_tells_every_problem_and_keeps_what_was_typed(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    path = made.path("overdue") + "/bao-cao"

    answer = await agency.post(path, from_page=path, ket_qua="Chữ <b>đã gõ</b>", ngay_van_ban="31/02/2026")

    assert answer.status_code == 422
    assert title_of(answer.text).startswith("Lỗi:")
    assert 'href="#ngay-van-ban"' in answer.text
    assert 'href="#so-van-ban"' in answer.text
    assert 'value="31/02/2026"' in answer.text
    assert "Chữ &lt;b&gt;đã gõ&lt;/b&gt;</textarea>" in answer.text
    both = await agency.post(path, from_page=path, ket_qua="", so_van_ban="")
    assert 'href="#ket-qua"' in both.text
    assert 'href="#so-van-ban"' in both.text


async def test_a_form_sent_twice_is_one_report(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    path = made.path("overdue") + "/tien-do"
    fields = hidden_fields((await agency.get(path)).text, path) | {
        "ket-qua": "Xong ba trên bốn.",
        "loai": "progress",
    }
    headers = {"Origin": ADDRESS}

    answers = [await agency.client.post(path, data=fields, headers=headers) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [303] * 3
    count = await fetchval("SELECT count(*) FROM report WHERE summary = 'Xong ba trên bốn.'")
    assert count == 1


async def test_a_stale_form_shows_both_versions_and_changes_nothing(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    leader = await Visitor(made).sign_in(made.world.leader)
    path = made.path("overdue") + "/tien-do"
    old = hidden_fields((await agency.get(path)).text, path)
    await leader.post(path, from_page=path, ket_qua="Lãnh đạo đã báo trước.", loai="progress")

    answer = await agency.client.post(
        path, data=old | {"ket-qua": "Chuyên viên báo sau.", "loai": "progress"}, headers={"Origin": ADDRESS}
    )

    assert answer.status_code == 409
    assert "Chuyên viên báo sau." in answer.text
    assert "Lãnh đạo đã báo trước." in answer.text
    assert await fetchval("SELECT count(*) FROM report WHERE summary = 'Chuyên viên báo sau.'") == 0
    fresh = hidden_fields(answer.text, path) | {"ket-qua": "Chuyên viên báo sau.", "loai": "progress"}
    again = await agency.client.post(path, data=fresh, headers={"Origin": ADDRESS})
    assert again.status_code == 303


async def test_returning_needs_a_reason_and_starts_the_clock_again(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    path = made.path("waiting")

    silent = await desk.post(f"{path}/xac-nhan", from_page=path, quyet_dinh="tra-lai")
    assert silent.status_code == 422
    assert 'href="#y-kien"' in silent.text

    told = await desk.post(f"{path}/xac-nhan", from_page=path, quyet_dinh="tra-lai", y_kien="Thiếu biên bản.")
    assert told.status_code == 303
    assert "Thiếu biên bản." in (await desk.get(path)).text


async def test_an_extension_is_asked_and_decided_by_forms(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    desk = await Visitor(made).sign_in(made.world.secretariat)
    path = made.path("weekend")

    early = await agency.post(
        f"{path}/gia-han", from_page=f"{path}/gia-han", de_nghi_den="01/12/2025", ly_do="Chờ cấp chứng thư."
    )
    assert early.status_code == 422
    assert 'href="#de-nghi-den"' in early.text
    asked = await agency.post(
        f"{path}/gia-han", from_page=f"{path}/gia-han", de_nghi_den="20/12/2025", ly_do="Chờ cấp chứng thư."
    )
    assert asked.status_code == 303

    bare = await desk.post(f"{path}/quyet-dinh-gia-han", from_page=path, quyet_dinh="dong-y")
    assert bare.status_code == 422
    assert 'href="#van-ban-gia-han"' in bare.text
    granted = await desk.post(
        f"{path}/quyet-dinh-gia-han", from_page=path, quyet_dinh="dong-y", van_ban_gia_han="10300/VPCP-CĐS"
    )
    assert granted.status_code == 303, granted.text
    row = await get_assignment(made.world.secretariat, await assignment_id(made, "weekend"))
    assert (row.due_on, row.original_due_on) == (date(2025, 12, 20), date(2025, 12, 6))
    assert "Hạn gốc 06/12/2025" in (await agency.get(path)).text


async def test_counts_equal_the_lists_they_lead_to(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    page = (await desk.get("/can-xu-ly")).text
    tiles = re.findall(r'<a class="tile[^"]*" href="(/viec[^"]+)"><b>([\d.]+)</b>', page)

    assert len(tiles) == 4
    assert sum(int(count) for _, count in tiles) > 5
    for href, count in tiles:
        listed = (await desk.get(unescape(href))).text
        assert listed.count('<tr class="item">') == int(count), href


async def test_a_list_goes_on_from_page_to_page_without_loss(
    made: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.web.work.PAGE_ROWS", 4)
    desk = await Visitor(made).sign_in(made.world.secretariat)
    path: str | None = "/viec?tinh-trang=tat-ca"
    seen: list[str] = []

    while path:
        page = (await desk.get(path)).text
        seen += re.findall(r'<a class="task" href="([^"]+)"', page)
        following = re.search(r'<a href="([^"]+)" rel="next"', page)
        path = unescape(following[1]) if following else None

    assert len(seen) == len(set(seen)) == await fetchval("SELECT count(*) FROM assignment")


@pytest.mark.parametrize("text", NASTY)
async def test_texts_stay_texts_on_every_page(made: Scene, text: str) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    agency = await Visitor(made).sign_in(made.world.agency)
    paths = ["/can-xu-ly", "/viec?tinh-trang=tat-ca", "/van-ban/1", "/bao-cao/qua-han", "/thu"]
    paths += [made.path("nasty"), f"/viec/{made.tasks['nasty']}"]

    for path in paths:
        html = (await desk.get(path)).text
        for bad in ("<script>alert", "<img src=x", "<svg onload", "onerror=alert(1)>\n"):
            assert bad not in html, path
    searched = await desk.client.get(
        "/viec", params={"tu": text, "van-ban": text, "co-quan": text, "tu-ngay": text}
    )
    assert searched.status_code in (200, 400)
    assert "<script>alert" not in searched.text
    assert "<img src=x" not in searched.text
    form = made.path("overdue") + "/bao-cao"
    refused = await agency.post(form, from_page=form, ket_qua="", so_van_ban=text)
    assert text not in refused.text or unescape(text) == text.replace("<", "&lt;")


async def test_pages_carry_one_script_of_ours_and_none_within(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    for path in (*PAGES, "/can-xu-ly", made.path("overdue"), "/khong-co-trang-nay"):
        html = (await desk.get(path)).text
        assert re.findall(r"<script[^>]*>[^<]*", html) == [
            f'<script src="{static_address("app.js")}" defer>'
        ], path
        assert "<style" not in html, path
        assert not re.search(r"<[^>]+\s(style|on\w+)=", html), path
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', html), path


async def test_every_answer_carries_the_security_headers(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    answers = [
        await desk.get("/viec"),
        await desk.get("/khong-co"),
        await desk.client.request("DELETE", "/viec"),
        await desk.get("/static/app.css"),
        await desk.get("/viec?a=%00"),
        await desk.client.head("/viec"),
    ]

    assert [answer.status_code for answer in answers] == [200, 404, 405, 200, 400, 200]
    for answer in answers:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["content-type"].count("charset=utf-8") == 1
    assert answers[-1].content == b""


async def test_a_refused_role_reads_which_roles_may(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.agency)

    page = await visitor.get("/can-xu-ly")

    assert page.status_code == 403
    assert "Chỉ Chuyên viên Văn phòng (giao việc), Quản trị hệ thống mở được trang này." in unescape(
        page.text
    )
    assert "administrator" not in page.text


async def test_lists_that_hold_nothing_yet_say_so(database: Settings) -> None:
    settings = with_secret_key(database)
    world = await build_world()
    await demo_clock.start(MONDAY)
    mailbox = LocalMailbox(settings.data_dir)
    app = create_app(settings, is_demonstration=True, mailbox=mailbox)
    empty = Scene(world, {}, app, settings, mailbox)

    agency = await Visitor(empty).sign_in(world.agency)
    first = (await agency.get("/viec")).text
    filtered = (await agency.get("/viec?tu=khong-co")).text
    theirs = (await agency.get("/van-ban")).text
    desk = await Visitor(empty).sign_in(world.secretariat)
    directives = (await desk.get("/van-ban")).text
    searched = (await desk.get("/van-ban?tu=khong-co")).text

    assert "Cơ quan của bạn chưa được giao việc nào." in first
    assert "Không có việc nào khớp" in filtered
    assert 'href="/van-ban/moi"' in directives
    assert 'href="/van-ban/moi"' not in theirs
    assert "Không có văn bản nào khớp" in searched


async def test_a_day_of_the_address_is_shown_as_it_is_typed(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    page = (await desk.get("/bao-cao/qua-han?ngay=2025-11-24")).text

    assert 'value="24/11/2025"' in page
    assert 'value="2025-11-24"' not in page


async def test_the_overdue_page_has_the_numbers_of_the_list(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    for day in (date(2025, 11, 7), date(2025, 11, 15), date(2025, 11, 24)):
        listing = await overdue_list(made.world.secretariat, day)
        page = (await desk.get(f"/bao-cao/qua-han?ngay={day.isoformat()}")).text

        assert page.count('scope="rowgroup"') == sum(1 for line in listing.agencies if line.rows)
        assert len(re.findall(r'<td class="c">\d+</td><td><a href="/viec/', page)) == len(listing.rows)
        rate = f"{listing.rate.value}".replace(".", ",")
        assert f"{rate} % ({listing.rate.numerator}/{listing.rate.denominator})" in page
        assert listing.digest[:4] in page
    wrong = await desk.get("/bao-cao/qua-han?ngay=31/02/2025&co-quan=KHONG")
    assert wrong.status_code == 422
    assert "31/02/2025" in wrong.text
    unknown = await desk.get("/bao-cao/qua-han?co-quan=KHONG")
    assert unknown.status_code == 422


async def test_the_files_have_the_numbers_of_the_page(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    listing = await overdue_list(made.world.secretariat, date(2025, 11, 24))
    query = "?ngay=2025-11-24"

    as_json = await desk.get(f"/bao-cao/qua-han.json{query}")
    as_csv = await desk.get(f"/bao-cao/qua-han.csv{query}")
    as_xlsx = await desk.get(f"/bao-cao/qua-han.xlsx{query}")

    assert as_json.json()["digest"] == listing.digest
    assert len(as_csv.content.decode("utf-8-sig").strip().split("\r\n")) == len(listing.rows) + 1
    assert as_xlsx.content.startswith(b"PK")
    for answer in (as_json, as_csv, as_xlsx):
        assert answer.headers["content-disposition"].startswith('attachment; filename="qua-han-2025-11-24.')
    assert (await desk.get("/bao-cao/qua-han.csv?ngay=31/02/2025")).status_code == 422
    assert (await Visitor(made).get("/bao-cao/qua-han.csv")).status_code == 303


async def test_a_long_list_shows_its_first_agencies_and_leads_to_the_whole(
    made: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.web.overdue.ROWS_AT_ONCE", 1)
    desk = await Visitor(made).sign_in(made.world.secretariat)

    part = (await desk.get("/bao-cao/qua-han")).text
    whole = (await desk.get("/bao-cao/qua-han?ca=1")).text

    assert "Bản trích" in part
    assert 'href="/bao-cao/qua-han?ca=1"' in part
    assert "Mã đối chiếu" in whole
    assert part.count("<tr>") < whole.count("<tr>")


async def test_an_agency_prints_only_its_own_rows(made: Scene) -> None:
    other = await Visitor(made).sign_in(made.world.other_agency)

    page = (await other.get("/bao-cao/qua-han")).text

    assert "Bộ Y tế" not in page
    assert "Toàn văn của nhiệm vụ overdue" not in page


async def test_the_language_is_chosen_once_and_keeps_the_page(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    english = await desk.get("/viec?tinh-trang=qua-han&lang=en")
    assert 'href="/viec?tinh-trang=qua-han&amp;lang=vi"' in english.text
    assert '<html lang="en">' in (await desk.get("/viec")).text
    assert '<html lang="en">' in (await desk.get("/viec?lang=../../")).text


async def test_a_day_forward_sweeps_and_delivers_at_once(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.secretariat)
    before = made.mailbox.count()

    answer = await visitor.post("/dong-ho/tien", from_page="/viec", so_ngay="1", ve="/viec")

    assert answer.headers["location"] == "/viec"
    assert (clock.utc_now() - MONDAY).days == 1
    assert made.mailbox.count() > before
    assert "thứ Ba 25/11/2025" in (await visitor.get("/viec")).text


@pytest.mark.parametrize("days", ["0", "-1", "abc", "31", "", "٣", "1.5", "999999999999"])
async def test_days_the_clock_cannot_go_are_refused_and_nothing_moves(made: Scene, days: str) -> None:
    visitor = await Visitor(made).sign_in(made.world.secretariat)
    before = made.mailbox.count()

    answer = await visitor.post("/dong-ho/tien", from_page="/viec", so_ngay=days, ve="/viec")

    assert answer.status_code == 422
    assert 'href="#so-ngay"' in answer.text
    assert 'id="so-ngay"' in answer.text
    assert f"“{days}” không phải số ngày đi tới được; chọn từ 1 đến 30" in unescape(answer.text)
    assert (clock.utc_now() - MONDAY).days == 0
    assert made.mailbox.count() == before


async def test_a_reversed_span_and_an_unknown_agency_are_said_where_they_stand(made: Scene) -> None:
    for persona in (made.world.secretariat, made.world.agency):
        visitor = await Visitor(made).sign_in(persona)

        span = await visitor.get("/viec?tu-ngay=2026-01-01&den-ngay=2025-01-01")
        agency = await visitor.get("/viec?co-quan=XX")
        unreadable = await visitor.get("/viec?co-quan=XX&tu-ngay=hôm+nay".replace("ô", "%C3%B4"))

        assert (span.status_code, agency.status_code, unreadable.status_code) == (422, 422, 400)
        assert 'href="#tu-ngay"' in span.text
        assert "ngày bắt đầu 01/01/2026 sau ngày kết thúc 01/01/2025" in span.text
        assert "Không có cơ quan nào mang mã “XX”." in agency.text
        assert (
            await visitor.get("/viec?co-quan=BYT&tu-ngay=2025-01-01&den-ngay=2025-01-01")
        ).status_code == 200


async def test_a_letter_opens_its_task_as_its_reader(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.secretariat)
    letter = next(x for x in made.mailbox.list_messages() if x.recipient == "focal@byt.example.vn")

    page = await visitor.get(f"/thu/{letter.id}")

    assert "Mở nhiệm vụ với vai focal BYT" in page.text
    leads_to = re.search(r'name="tiep" value="(/viec/[0-9]+/BYT)"', page.text)
    assert leads_to is not None
    assert f'name="nguoi" value="{made.world.officials["byt.focal"]}"' in page.text


async def test_letters_are_read_as_a_mail_client_shows_them(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.secretariat)
    letters = made.mailbox.list_messages()
    invited = next(letter for letter in letters if made.mailbox.read(letter.id).calendar)

    page = await visitor.get(f"/thu/{invited.id}")
    html = await visitor.get(f"/thu/{invited.id}/html")
    source = await visitor.get(f"/thu/{invited.id}/nguon")

    assert "frame-src 'self'" in page.headers["content-security-policy"]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "Lời mời" in page.text
    policy = html.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert html.headers["x-frame-options"] == "SAMEORIGIN"
    assert source.headers["content-disposition"].startswith("attachment;")
    for path in (
        "/thu/00000000",
        "/thu/..%2f..",
        "/thu/1",
        f"/thu/{invited.id}/tep/99",
        f"/thu/{invited.id}/tep/x",
    ):
        assert (await visitor.get(path)).status_code == 404, path


async def test_the_page_leads_to_the_letter_that_was_sent(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.secretariat)
    page = (await visitor.get(made.path("overdue"))).text
    link = re.search(r'href="(/thu/cua/\d+)"', page)

    assert link, page
    found = await visitor.get(link[1])
    assert re.fullmatch(r"/thu/\d{8}", found.headers["location"])


async def test_a_calendar_link_is_shown_once_and_can_be_revoked(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.agency)

    unnamed = await visitor.post("/lich/dang-ky", from_page="/lich/dang-ky", ten="", pham_vi="own_agency")
    assert unnamed.status_code == 422
    made_link = await visitor.post(
        "/lich/dang-ky", from_page="/lich/dang-ky", ten="Điện thoại", pham_vi="own_agency", nhac_truoc="1"
    )
    assert made_link.status_code == 201, made_link.text
    token = re.search(r"ddf_[a-z2-7]{32}", made_link.text)
    assert token
    assert f"webcal://127.0.0.1:8080/calendars/{token[0]}.ics" in made_link.text
    assert "<svg" in made_link.text
    listed = (await visitor.get("/lich/dang-ky")).text
    assert token[0] not in listed
    action = re.search(r'action="(/lich/dang-ky/\d+/thu-hoi)"', listed)
    assert action
    assert (await visitor.client.get(f"/calendars/{token[0]}.ics")).status_code == 200

    revoked = await visitor.post(action[1], from_page="/lich/dang-ky")

    assert revoked.status_code == 303
    assert "Đã thu hồi" in (await visitor.get("/lich/dang-ky")).text
    assert (await visitor.client.get(f"/calendars/{token[0]}.ics")).status_code == 404


async def test_a_restricted_task_is_not_named_in_the_window_title(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    await execute("UPDATE task SET restricted = true WHERE id = $1", made.tasks["overdue"])

    for path in (made.path("overdue"), f"/viec/{made.tasks['overdue']}"):
        assert "Nhiệm vụ overdue" not in title_of((await desk.get(path)).text)


async def test_a_late_sweep_is_told_to_the_assigning_side_only(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    agency = await Visitor(made).sign_in(made.world.agency)
    await execute("UPDATE heartbeat SET at = now() - interval '1 hour' WHERE name = 'reminders'")

    assert "Việc quét nhắc chưa chạy xong" in (await desk.get("/viec")).text
    assert "Việc quét nhắc chưa chạy xong" not in (await agency.get("/viec")).text


async def test_a_failing_database_is_a_page_too(made: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    async def gone(*_: object) -> None:
        raise ConnectionRefusedError("password=canary")

    monkeypatch.setattr("tracker.db.reads_web.find_visitor", gone)
    answer = await desk.get("/viec")

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "canary" not in answer.text
    assert "Cơ sở dữ liệu chưa đáp ứng" in answer.text


async def test_pages_are_light(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    page = (await desk.get("/viec?tinh-trang=tat-ca")).content
    rows = page.count(b'<tr class="item">')

    assert len(page) / max(rows, 1) * 50 < 100_000
    assert len(gzip.compress(page)) / max(rows, 1) * 50 < 20_000 or len(gzip.compress(page)) < 20_000
    assert len(gzip.compress(static_files()["app.css"][0])) < 20_000
    assert len(gzip.compress(static_files()["app.js"][0])) < 30_000


async def test_a_key_of_another_process_signs_nothing_here(made: Scene) -> None:
    played = await Visitor(made).sign_in(made.world.secretariat)
    other_key = with_secret_key(
        replace(made.settings, data_dir=made.settings.data_dir / "b", secret_key=None)
    )
    other = Visitor(replace(made, app=create_app(other_key, is_demonstration=True)))
    other.client.cookies = played.client.cookies

    assert (await other.get("/viec")).status_code == 303

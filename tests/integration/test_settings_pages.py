"""The pages of settings over HTTP: ladders, working days, agencies that mail does not reach; and who may."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.web_scene import ADDRESS, NASTY, Scene, Visitor, hidden_fields, scene
from tests.world import directive, task
from tracker import clock
from tracker.actions import directives, ladders, webhooks
from tracker.db.engine import execute, fetchval
from tracker.db.ladders import list_version_heads, newest_version
from tracker.db.working_days import find_mark, list_years
from tracker.domain.directory import Duty
from tracker.domain.ladders import DEFAULT_STEPS, Step
from tracker.settings import Settings
from tracker.web.ladder_drafts import values_of

pytestmark = pytest.mark.anyio

LADDER = "/thiet-lap/thang/default"
DAYS = "/thiet-lap/lich-lam-viec"


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as found:
        yield found


def words(html: str) -> str:
    """What a reader sees, without the marks."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", re.sub(r"</?time[^>]*>", "", html))))


def draft(*changes: tuple[str, dict[str, object]], without: str = "", began: int = 1) -> str:
    """The address of a ladder being written: the default one with some steps changed or left out."""
    wanted = dict(changes)
    steps: list[Step] = [
        replace(step, **wanted.get(step.code, {}))  # type: ignore[arg-type]  # fields of Step by name
        for step in DEFAULT_STEPS
        if step.code != without
    ]
    return urlencode({**values_of(steps), "tu": began})


SOONER = draft(("before_3", {"offset": 4}))


async def test_who_may_set_and_who_may_not(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    outsider = await Visitor(made).sign_in(made.world.agency)
    paths = ("/thiet-lap", "/thiet-lap/thang", LADDER, f"{LADDER}/ban/1", f"{LADDER}/ap-dung", DAYS)

    for path in paths:
        assert (await desk.get(path)).status_code == 200, path
        assert (await outsider.get(path)).status_code == 403, path
    assert (await desk.get("/thiet-lap/thang/khong-co")).status_code == 404
    assert (await desk.get(f"{LADDER}/ban/99999999999")).status_code == 404
    english = await desk.get("/thiet-lap?lang=en")
    assert "Reminder ladder" in english.text


async def test_the_ladder_is_drawn_for_a_deadline_of_ones_choice(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    usual = await desk.get(f"{LADDER}?giao=24/11/2025&han=15/12/2025")
    short = await desk.get(f"{LADDER}?giao=11/12/2025&han=15/12/2025")
    bad = await desk.get(f"{LADDER}?giao=31/02/2026&han=15/12/2025")
    reversed_ = await desk.get(f"{LADDER}?giao=24/11/2025&han=15/11/2025")

    assert usual.text.count('class="rg') >= 17
    assert "nghỉ 01/01" in usual.text
    assert "16/12/2025" in usual.text
    assert "Xem bằng bảng: 10 lần gửi" in words(usual.text)
    assert "Bậc 1, 01/12/2025: bỏ qua" in words(short.text)
    assert bad.status_code == reversed_.status_code == 422
    assert "<title>Lỗi:" in bad.text
    assert "31/02/2026" in bad.text


async def test_steps_are_changed_in_the_address_and_nothing_is_kept(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    written = await desk.get(f"{LADDER}?{SOONER}")
    added = await desk.get(f"{LADDER}?{SOONER}&them=1")
    left_out = await desk.get(f"{LADDER}?{SOONER}&bo=1")
    wrong = await desk.get(f"{LADDER}?{SOONER.replace('b2n=4', 'b2n=nhieu')}")
    twice = await desk.get(f"{LADDER}?{SOONER.replace('b2n=4', 'b2n=10')}")
    nobody = await desk.get(f"{LADDER}?{SOONER.replace('b1df=t', 'b1df=')}")

    assert "Đang soạn bản 2, chưa lưu" in words(written.text)
    assert written.text.count("is-changed") == 1
    assert added.text.count('class="rung ') + added.text.count('class="rung"') == 10
    assert left_out.text.count('class="rung ') + left_out.text.count('class="rung"') == 8
    assert wrong.status_code == twice.status_code == nobody.status_code == 422
    assert "“nhieu” không phải số" in words(wrong.text)
    assert 'href="#b2n"' in wrong.text
    assert "trùng thời điểm với bậc “1”" in words(twice.text)
    assert "chưa có người nhận" in words(nobody.text)
    assert (await newest_version("default")).version == 1  # type: ignore[union-attr]  # the scene has it


async def test_a_version_is_previewed_saved_and_its_history_stays(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    own = draft(("before_3", {"offset": 4}), ("after_30", {"wording": NASTY[0], "copy": (Duty.LEADER,)}))
    preview = f"{LADDER}/xem-truoc?{own}"

    seen = await desk.get(preview)
    saved = await desk.post(f"{LADDER}/luu", from_page=preview, dang_chay="giu", ghi_chu=NASTY[5])
    after = await desk.get(LADDER)
    version = await desk.get(f"{LADDER}/ban/2")
    former = await desk.get(f"{LADDER}/ban/1")

    assert "Khi nào: 3 ngày làm việc trước hạn → 4 ngày làm việc trước hạn" in words(seen.text)
    assert "việc đang chạy" in words(seen.text)
    assert "Từ 26/08/2025 đến 24/11/2025" in words(seen.text)
    assert saved.status_code == 303
    assert "Đã lưu bản 2" in words(after.text)
    assert "Bản 2 đang dùng cho 0 việc" in words(after.text)
    assert "→ 4 ngày làm việc trước hạn" in words(version.text)
    assert "3 ngày làm việc trước hạn" in words(former.text)
    for page in (seen, after, version):
        assert "<script>alert" not in page.text
        assert "<svg onload" not in page.text
    assert [h.version for h in await list_version_heads("default")] == [2, 1]


async def test_what_runs_goes_over_at_once_or_later(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    preview = f"{LADDER}/xem-truoc?{SOONER}"

    without = await desk.post(f"{LADDER}/luu", from_page=preview, dang_chay="ap", ghi_chu="Giữ lại câu này")
    saved = await desk.post(
        f"{LADDER}/luu", from_page=preview, dang_chay="ap", ly_do="Nhắc sớm hơn", ghi_chu=""
    )
    heads = await list_version_heads("default")
    await ladders.save_version(made.world.head, "default", "Chung", DEFAULT_STEPS, "", clock.utc_now())
    page = await desk.get(f"{LADDER}/ap-dung")
    went = await desk.post(f"{LADDER}/ap-dung", from_page=f"{LADDER}/ap-dung", ly_do="Như cũ")
    nothing = await desk.get(f"{LADDER}/ap-dung")

    assert without.status_code == 422
    assert "Giữ lại câu này" in without.text
    assert saved.status_code == went.status_code == 303
    assert heads[0].open_assignments > 0
    assert heads[1].open_assignments == 0
    assert "Chuyển" in page.text
    assert "Mọi việc đang chạy đã theo bản 3" in words(nothing.text)
    assert await fetchval("SELECT count(*) FROM history WHERE verb = 'replan'") > 0


async def test_two_who_save_at_once_are_asked(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    preview = f"{LADDER}/xem-truoc?{SOONER}"
    form = hidden_fields((await desk.get(preview)).text, f"{LADDER}/luu")
    other = [replace(s, offset=9) if s.code == "before_10" else s for s in DEFAULT_STEPS]
    await ladders.save_version(made.world.head, "default", "Chung", other, "", clock.utc_now())

    clash = await desk.client.post(
        f"{LADDER}/luu", data={**form, "dang-chay": "giu", "ghi-chu": "của tôi"}, headers={"Origin": ADDRESS}
    )
    again = hidden_fields(clash.text, f"{LADDER}/luu")
    saved = await desk.client.post(
        f"{LADDER}/luu", data={**again, "dang-chay": "giu", "ghi-chu": "của tôi"}, headers={"Origin": ADDRESS}
    )
    repeated = await desk.client.post(
        f"{LADDER}/luu", data={**again, "dang-chay": "giu", "ghi-chu": "của tôi"}, headers={"Origin": ADDRESS}
    )

    assert clash.status_code == 409
    assert "Người head vừa lưu bản 2" in words(clash.text)
    assert "10 ngày làm việc trước hạn → 9 ngày làm việc trước hạn" in words(clash.text)
    assert "của tôi" in clash.text
    assert again["phien-ban"] == "2"
    assert saved.status_code == repeated.status_code == 303
    assert len(await list_version_heads("default")) == 3
    stale = await desk.get(f"{LADDER}?{SOONER}")
    assert "đã lưu bản 3 trong lúc" in words(stale.text)


async def test_a_day_off_moves_counted_deadlines_after_a_preview(made: Scene) -> None:
    counted = directive(task("trong 20 ngày làm việc kể từ ngày ban hành"), number="99/CT-TTg")
    recorded = await directives.record(made.world.secretariat, counted, clock.utc_now())
    before: date = await fetchval("SELECT due_on FROM assignment WHERE task_id = $1", recorded.task_ids[0])
    asked = f"{DAYS}/ngay?" + urlencode(
        {
            "tu-ngay": "04/12/2025",
            "den-ngay": "05/12/2025",
            "loai": "off",
            "ten": NASTY[0],
            "can-cu": "12/TB-BNV",
        }
    )
    desk = await Visitor(made).sign_in(made.world.secretariat)
    keeper = await Visitor(made).sign_in(made.world.administrator)

    looked = await desk.get(asked)
    seen = await keeper.get(asked)
    stolen = await desk.client.post(
        f"{DAYS}/ghi",
        data={**hidden_fields((await desk.get(DAYS)).text, "/dang-xuat"), "tu-ngay": "04/12/2025"},
        headers={"Origin": ADDRESS},
    )
    form = hidden_fields(seen.text, f"{DAYS}/ghi")
    saved = await keeper.client.post(f"{DAYS}/ghi", data={**form, "han": "doi"}, headers={"Origin": ADDRESS})
    stale = await keeper.client.post(
        f"{DAYS}/ghi",
        data={**form, "lan-gui": "A" * 16, "ten": "Tên khác"},
        headers={"Origin": ADDRESS},
    )
    year = await keeper.get(f"{DAYS}?nam=2025")

    assert "1 hạn tính bằng ngày làm việc rơi sang ngày khác" in words(looked.text)
    assert f'action="{DAYS}/ghi"' not in looked.text
    assert stolen.status_code == 403
    assert saved.status_code == 303
    assert stale.status_code == 409
    assert "Tên khác" in stale.text
    mark = await find_mark(date(2025, 12, 4))
    assert mark is not None
    assert mark.kind == "off"
    after: date = await fetchval("SELECT due_on FROM assignment WHERE task_id = $1", recorded.task_ids[0])
    assert (after - before).days >= 2
    assert "&lt;script&gt;" in year.text
    assert "<script>alert" not in year.text


async def test_days_are_given_back_and_a_projected_year_is_confirmed(made: Scene) -> None:
    await execute("UPDATE working_year SET confirmed = false WHERE year = 2026")
    keeper = await Visitor(made).sign_in(made.world.administrator)
    back = f"{DAYS}/ngay?" + urlencode({"tu-ngay": "2026-01-01", "loai": "usual", "can-cu": "1/QĐ"})

    page = await keeper.get(f"{DAYS}?nam=2026")
    given = await keeper.post(f"{DAYS}/ghi", from_page=back)
    confirmed = await keeper.post(f"{DAYS}/nam", from_page=f"{DAYS}?nam=2026", can_cu="Thông báo 1/TB")
    unknown = await keeper.get(f"{DAYS}?nam=2031")
    added = await keeper.post(f"{DAYS}/nam", from_page=f"{DAYS}?nam=2031", can_cu="Thông báo 2/TB")
    empty = await keeper.get(f"{DAYS}/ngay?tu-ngay=31/02/2026")
    long = await keeper.get(f"{DAYS}/ngay?tu-ngay=01/12/2025&den-ngay=31/12/2025")
    missing = await keeper.get(f"{DAYS}/ngay?tu-ngay=01/12/2040&loai=off")
    settings = await keeper.get("/thiet-lap")

    assert "Dự kiến, chưa công bố" in words(page.text)
    assert given.status_code == confirmed.status_code == added.status_code == 303
    assert "Chưa có lịch làm việc năm 2031" in words(unknown.text)
    years = {y.year: y for y in await list_years()}
    assert years[2026].confirmed
    assert years[2026].source == "Thông báo 1/TB"
    assert not years[2031].confirmed
    assert empty.status_code == long.status_code == missing.status_code == 422
    assert "Ghi nhiều nhất 14 ngày" in words(long.text)
    assert "Lịch làm việc" in settings.text


async def test_deadlines_left_behind_follow_later(made: Scene) -> None:
    counted = directive(task("trong 20 ngày làm việc kể từ ngày ban hành"), number="98/CT-TTg")
    await directives.record(made.world.secretariat, counted, clock.utc_now())
    keeper = await Visitor(made).sign_in(made.world.administrator)
    asked = f"{DAYS}/ngay?" + urlencode(
        {"tu-ngay": "04/12/2025", "loai": "off", "ten": "Nghỉ", "can-cu": "1/TB"}
    )

    await keeper.post(f"{DAYS}/ghi", from_page=asked, han="giu")
    year = await keeper.get(DAYS)
    left = await keeper.get(f"{DAYS}/con-lai")
    moved = await keeper.post(f"{DAYS}/con-lai", from_page=f"{DAYS}/con-lai", can_cu="1/TB")
    done = await keeper.get(f"{DAYS}/con-lai")

    assert "1 hạn tính bằng ngày làm việc chưa dời" in words(year.text)
    assert "Kế hoạch thực hiện Nghị quyết" in left.text
    assert moved.status_code == 303
    assert "Mọi hạn đã theo lịch làm việc" in words(done.text)


async def test_agencies_that_mail_does_not_reach_come_first(made: Scene) -> None:
    await execute(
        "UPDATE official SET mailbox = 'dead', mailbox_reason = $1 WHERE email LIKE '%@hn.%'", NASTY[5]
    )
    desk = await Visitor(made).sign_in(made.world.secretariat)
    outsider = await Visitor(made).sign_in(made.world.agency)
    path = f"/co-quan/{made.world.agencies['HN']}"

    listed, lacking = await desk.get("/co-quan"), await desk.get("/co-quan?tinh-trang=khong-toi")
    page, own = await desk.get(path), await outsider.get(path)
    overdue = await desk.get("/viec?co-quan=HN&tinh-trang=qua-han")
    further = await desk.get(f"/co-quan?sau={made.world.agencies['HN']}")

    assert listed.text.index(f'"{path}"') < listed.text.index(f'"/co-quan/{made.world.agencies["BTC"]}"')
    assert "1 trên 3 cơ quan chưa có ai nhận được thư" in words(listed.text)
    assert "Bộ Y tế" not in words(lacking.text.partition("<tbody>")[2])
    assert "Thư không tới được cơ quan này: cả 3 hộp thư" in words(page.text)
    assert "<svg onload" not in page.text
    assert "Thư không tới được" not in own.text
    assert path not in further.text.partition("<tbody>")[2]
    count = re.search(r"(\d+) việc quá hạn", words(page.text))
    assert count is not None
    shown = re.search(r"Đang hiện (\d+)", words(overdue.text))
    assert shown is not None
    assert count.group(1) == shown.group(1)


async def test_how_somebody_was_invited_stands_on_their_page(made: Scene) -> None:
    keeper = await Visitor(made).sign_in(made.world.administrator)
    path = f"/nguoi/{made.world.officials['byt.leader']}"

    never = await keeper.get(path)
    sent = await keeper.post(f"{path}/loi-moi", from_page=path)
    waiting = await keeper.get(path)
    await execute("UPDATE account_link SET expires_at = now() - interval '1 day'")
    expired = await keeper.get(path)

    assert "Chưa được mời" in words(never.text)
    assert sent.status_code == 303
    assert "chưa dùng; lời mời còn hiệu lực đến" in words(waiting.text)
    assert "Gửi lại lời mời" in waiting.text
    assert "lời mời không còn hiệu lực" in words(expired.text)


async def test_a_webhook_is_made_tried_paused_and_given_a_new_secret(made: Scene) -> None:
    webhooks.use_sender(replace(made.settings, webhook_hosts=("hooks.example.vn",)))
    desk = await Visitor(made).sign_in(made.world.secretariat)
    other = await Visitor(made).sign_in(made.world.head)
    here = "/thiet-lap/webhook"

    bad = await desk.post(here, from_page=here, dia_chi="http://10.0.0.1/", ghi_chu=NASTY[1])
    done = await desk.post(
        here, from_page=here, dia_chi="https://hooks.example.vn/a", su_kien="reminder.sent", ghi_chu=NASTY[1]
    )
    listed = await desk.get(here)
    path = re.search(r'href="(/thiet-lap/webhook/\d+)"', listed.text)
    assert path is not None
    own = path.group(1)
    pinged = await desk.post(f"{own}/thu", from_page=own)
    under_way = await desk.get(own)
    await execute("UPDATE webhook_delivery SET state = 'failed', finished_at = now()")
    failed = await desk.get(own)
    again = re.search(r'action="(/thiet-lap/webhook/\d+/gui-lai/\d+)"', failed.text)
    assert again is not None
    replayed = await desk.post(again.group(1), from_page=own)
    token = failed.text.split('name="_token" value="')[1].split('"')[0]
    twice = await desk.post(again.group(1), _token=token, phien_ban="1")
    waiting = await fetchval("SELECT count(*) FROM webhook_delivery WHERE state = 'pending'")
    rotated = await desk.post(f"{own}/khoa-moi", from_page=own)
    paused = await desk.post(f"{own}/trang-thai", from_page=own)
    page, foreign = await desk.get(own), await other.get(own)

    assert bad.status_code == 422
    assert "http://10.0.0.1/" in bad.text
    assert done.status_code == rotated.status_code == 201
    assert done.text.count("whsec_") == rotated.text.count("whsec_") == 1
    assert "whsec_" not in listed.text + page.text
    assert pinged.status_code == paused.status_code == replayed.status_code == 303
    assert "/gui-lai/" not in under_way.text
    assert (twice.status_code, waiting) == (409, 1)
    assert "Gửi thử" in words(page.text)
    assert "Bật lại" in page.text
    assert "<img src=x" not in page.text
    assert foreign.status_code == 404

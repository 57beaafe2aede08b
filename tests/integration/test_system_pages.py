"""The system's pages over HTTP: one letter and its way, why there was none, the switches for a bad night."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from tests.integration.test_delivery import delivery
from tests.web_scene import NASTY, Scene, Visitor, scene
from tracker import clock
from tracker.actions import urges
from tracker.actions.urges import NewUrge
from tracker.db import deprecations
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.switches import beat, is_sending_paused
from tracker.jobs import housekeeping
from tracker.mail.transport import Accepted, MemoryTransport, Rejected, TryLater
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
HOSTILE = f"5.1.1 {NASTY[0]} {NASTY[1]}"
"""Attack case 46: a mail server answers with markup."""
SHOWN = "5.1.1 &lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as built:
        await beat("outbox", {})
        yield built


async def of(made: Scene, name: str) -> int:
    """The id of the ministry's assignment."""
    found: int = await fetchval(
        "SELECT a.id FROM assignment a JOIN agency g ON g.id = a.agency_id WHERE a.task_id = $1 AND g.code = 'BYT'",
        made.tasks[name],
    )
    return found


async def failed_urge(made: Scene) -> int:
    """An urging letter that was tried later once, then refused in the words of attack case 46."""
    await execute("UPDATE outbox SET state = 'superseded' WHERE state = 'pending'")
    done = await urges.urge(made.world.secretariat, NewUrge([await of(made, "overdue")]), clock.utc_now())
    message_id = done.messages[0].outbox_id
    assert message_id is not None
    later = MemoryTransport(answer=lambda _: TryLater("451 4.7.1 <i>greylisted</i>"))
    await delivery(later, clock.utc_now()).run()
    await execute("UPDATE outbox SET next_attempt_at = now() WHERE id = $1", message_id)

    def refuse(recipient: str) -> Rejected | Accepted:
        is_focal = recipient == "focal@byt.example.vn"
        return Rejected(550, HOSTILE) if is_focal else Accepted(250, "ok")

    await delivery(MemoryTransport(answer=refuse), clock.utc_now()).run()
    return message_id


async def test_case_46_a_letter_tells_its_way_and_goes_again_to_somebody_else(made: Scene) -> None:
    message_id = await failed_urge(made)
    path = f"/thu-da-gui/{message_id}"
    admin = await Visitor(made).sign_in(made.world.administrator)
    desk = await Visitor(made).sign_in(made.world.secretariat)
    head = made.world.officials["byt.head_of_office"]
    foreigner = made.world.officials["btc.focal"]

    seen = (await desk.get(path)).text
    english = (await desk.get(f"{path}?lang=en")).text
    listed = (await desk.get("/he-thong/thu?tinh-trang=khong-toi")).text
    all_of_it = await desk.post("/he-thong/gui-lai", _token=token_of(listed), ly_do="x")
    unseen = [
        (await (await Visitor(made).sign_in(who)).get(path)).status_code
        for who in (made.world.agency, made.world.member, made.world.inspector)
    ]
    empty = await admin.post(f"{path}/gui-lai", from_page=path, ly_do="", gui_cho=str(head))
    abroad = await admin.post(f"{path}/gui-lai", from_page=path, ly_do="Thử", gui_cho=str(foreigner))
    again = await desk.post(f"{path}/gui-lai", from_page=path, ly_do="Đã gọi điện", gui_cho=str(head))
    transport = MemoryTransport()
    await delivery(transport, clock.utc_now()).run()
    after = (await admin.get(path)).text

    for html in (seen, listed):
        assert SHOWN in html
        assert NASTY[0] not in html
    assert "451 4.7.1 &lt;i&gt;greylisted&lt;/i&gt;" in seen
    assert seen.index("Bị từ chối") < seen.index("Chưa nhận, sẽ thử lại")
    assert "[Đôn đốc]" in seen
    # A contact who signs in nowhere gets a new address from the desk; all letters at once are the operator's.
    assert f'action="/nguoi/{made.world.officials["byt.focal"]}/thu"' in seen
    assert "Send this letter again" in english
    assert all_of_it.status_code == 403
    assert unseen == [403, 403, 403]
    assert (empty.status_code, abroad.status_code, again.status_code) == (422, 422, 303)
    assert "head_of_office@byt.example.vn" in {d.recipient for d in transport.taken}
    assert "Máy chủ thư đã nhận" in after
    assert "Bị từ chối" in after
    replayed = await fetch("SELECT reason, assignment_id FROM history WHERE verb = 'replay_message'")
    assert [(r["reason"], r["assignment_id"]) for r in replayed] == [
        ("Đã gọi điện", await of(made, "overdue"))
    ]


def token_of(html: str) -> str:
    """The form token of a page."""
    return html.split('name="_token" value="')[1].split('"')[0]


async def test_a_new_address_is_entered_where_the_dead_mailbox_shows(made: Scene) -> None:
    message_id = await failed_urge(made)
    path = f"/thu-da-gui/{message_id}"
    admin = await Visitor(made).sign_in(made.world.administrator)
    person = made.world.officials["byt.focal"]

    before = (await admin.get(path)).text
    form = f"/nguoi/{person}/thu"
    mended = await admin.post(form, from_page=path, thu="moi@byt.example.vn")
    after = (await admin.get(path)).text
    again = await admin.post(f"{path}/gui-lai", from_page=path, ly_do="Địa chỉ mới", gui_cho=str(person))

    assert "Hộp thư này không nhận được thư" in before
    assert (mended.status_code, mended.headers["location"]) == (303, path)
    assert "nay là moi@byt.example.vn" in after
    assert "Hộp thư này không nhận được thư" not in after
    assert again.status_code == 303
    assert await fetchval("SELECT address FROM outbox WHERE id = $1", message_id) == "moi@byt.example.vn"


async def test_why_an_agency_was_not_reminded_is_said_on_one_page(made: Scene) -> None:
    await failed_urge(made)
    desk = await Visitor(made).sign_in(made.world.secretariat)
    agency = await Visitor(made).sign_in(made.world.agency)
    stranger = await Visitor(made).sign_in(made.world.other_agency)
    history = await fetchval("SELECT count(*) FROM history")
    overdue, waiting = await of(made, "overdue"), await of(made, "waiting")

    by_id = (await desk.get(f"/vi-sao?viec={overdue}")).text
    by_task = (await desk.get(f"/vi-sao?viec={made.tasks['overdue']}&co-quan=BYT")).text
    stopped = (await desk.get(f"/vi-sao?viec={waiting}")).text
    done = (await desk.get(f"/vi-sao?viec={await of(made, 'done')}&lang=en")).text
    own = await agency.get(f"/vi-sao?viec={overdue}")
    codes = [
        (await visitor.get(path)).status_code
        for visitor, path in (
            (stranger, f"/vi-sao?viec={overdue}"),
            (desk, "/vi-sao"),
            (desk, "/vi-sao?viec=999999"),
            (desk, f"/vi-sao?viec={made.tasks['overdue']}&co-quan=KHONG"),
        )
    ]

    for html in (by_id, by_task):
        assert SHOWN in html
        assert NASTY[0] not in html
        for words in ("Không tới nơi (1)", "Không gửi, và vì sao", "Đã gửi (", "Sắp gửi ("):
            assert words in html
    assert "Vì báo cáo đang chờ xác nhận; nếu bị trả lại thì nhắc tiếp." in stopped
    assert "no more reminders" in done
    assert own.status_code == 200
    assert "/thu-da-gui/" not in own.text
    assert f"/he-thong/thu?viec={overdue}" in by_id
    assert codes == [404, 404, 404, 404]
    assert await fetchval("SELECT count(*) FROM history") == history


async def test_the_system_page_says_what_is_wrong_and_has_the_switches(made: Scene) -> None:
    admin = await Visitor(made).sign_in(made.world.administrator)
    desk = await Visitor(made).sign_in(made.world.secretariat)
    member = await Visitor(made).sign_in(made.world.member)
    good = (await admin.get("/he-thong")).text
    for_desk = (await desk.get("/he-thong")).text
    codes = [(await member.get("/he-thong")).status_code]

    message_id = await failed_urge(made)
    await execute("UPDATE heartbeat SET at = now() - interval '3 hours' WHERE name = 'reminders'")
    await execute(
        "UPDATE outbox SET next_attempt_at = now() - interval '20 minutes' WHERE id IN"
        " (SELECT id FROM outbox WHERE state = 'pending' ORDER BY id LIMIT 1)"
    )
    bad = (await admin.get("/he-thong")).text
    shown = {
        label: int(count)
        for count, label in re.findall(
            r'<a class="tile [^>]*><b>(\d+)</b>.*?<span class="name">([^<]+)<', bad
        )
    }
    listed = (await admin.get("/he-thong/thu?tinh-trang=khong-toi")).text
    lacking = (await admin.get("/co-quan?tinh-trang=thu-hong")).text

    assert "Mọi thư nhắc đã đến lúc đều đã rời hệ thống" in good
    assert 'name="ly-do"' in good
    assert 'name="ly-do"' not in for_desk
    assert "Lượt quét nhắc việc trễ: lần cuối 3 giờ trước." in bad
    assert f"Thư không tới nơi: {shown['không tới']}." in bad
    assert listed.count('<tr class="item">') == shown["không tới"] > 0
    assert lacking.count('<tr class="item">') == shown["cơ quan có hộp thư hỏng"] > 0
    assert SHOWN in bad
    assert codes == [403]

    refused = await admin.post("/he-thong/gui-thu", from_page="/he-thong", ly_do="  ")
    paused = await admin.post("/he-thong/gui-thu", from_page="/he-thong", ly_do="Máy chủ thư bảo trì.")
    was_paused = await is_sending_paused()
    stale = await admin.post("/he-thong/gui-thu", from_page="/he-thong", ly_do="Hai người", phien_ban="1")
    banner = (await desk.get("/can-xu-ly")).text
    told = (await admin.get("/he-thong")).text
    resumed = await admin.post("/he-thong/gui-thu", from_page="/he-thong", ly_do="Xong.")
    forbidden = await desk.post("/he-thong/gui-thu", _token=token_of(for_desk), viec="tam-dung", ly_do="x")

    assert (refused.status_code, paused.status_code, stale.status_code) == (422, 303, 409)
    assert was_paused
    assert "tạm dừng" in banner
    assert "Máy chủ thư bảo trì." in banner
    assert "Máy chủ thư bảo trì." in told
    assert (resumed.status_code, forbidden.status_code) == (303, 403)
    assert not await is_sending_paused()

    preview = "/he-thong/gui-lai?tinh-trang=khong-toi"
    looked = (await admin.get(preview)).text
    state = await fetchval("SELECT state FROM outbox WHERE id = $1", message_id)
    empty = await admin.post(preview, from_page=preview.replace("&", "&amp;"), ly_do="")
    again = await admin.post(preview, from_page=preview, ly_do="Đã thông.")
    after = await fetchval("SELECT count(*) FROM outbox WHERE state = 'failed'")
    probe = await admin.post("/he-thong/thu-nghiem", from_page="/he-thong")

    assert f"{shown['không tới']} thư sẽ được gửi lại" in looked
    assert state == "failed"
    assert (empty.status_code, again.status_code, after) == (422, 303, 0)
    assert probe.headers["location"].startswith("/thu-da-gui/")


async def test_long_work_is_seen_and_stopped_and_old_uses_are_forgotten(made: Scene) -> None:
    admin = await Visitor(made).sign_in(made.world.administrator)
    owner = made.world.officials["officer"]
    job = await fetchval(
        "INSERT INTO job (kind, owner_id, reach, language, parameters)"
        " VALUES ('export', $1, 'secretariat:', 'vi', '{}') RETURNING id",
        owner,
    )
    token = await fetchval(
        "INSERT INTO api_token (official_id, name, token_hash, token_hint, scopes, created_at, expires_at)"
        " VALUES ($1, 'Kho <b>dữ liệu</b>', '\\x01', 'abcd', '{read}', now(), now() + interval '1 day') RETURNING id",
        owner,
    )
    await deprecations.note_deprecated_use("listOld", token)
    await execute(
        "INSERT INTO deprecated_use (operation, token_id, day) VALUES ('listOlder', $1, current_date - 500)",
        token,
    )

    seen = (await admin.get("/he-thong")).text
    cancelled = await admin.post(f"/he-thong/viec-nen/{job}/huy", from_page="/he-thong")
    twice = await admin.post(f"/he-thong/viec-nen/{job}/huy", _token=token_of(seen))
    await housekeeping.run(clock.utc_now())
    after = (await admin.get("/he-thong")).text

    assert "Kết xuất" in seen
    assert "Người officer" in seen
    assert "Kho &lt;b&gt;dữ liệu" in seen
    assert "listOlder" in seen
    assert cancelled.status_code == 303
    assert twice.status_code in (303, 409)
    assert await fetchval("SELECT state FROM job WHERE id = $1", job) == "cancelled"
    assert "listOld<" in after
    assert "listOlder" not in after

"""Urging over HTTP: the preview tells the truth, the hold holds, taking back means that nothing was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.test_delivery import delivery
from tests.web_scene import Scene, Visitor, hidden_fields, scene
from tracker import clock
from tracker.actions import urges
from tracker.actions.urges import HOLD, NewUrge, UrgeGone
from tracker.db import outbox as outbox_db
from tracker.db import urges as urges_db
from tracker.db.engine import as_stranger, execute, fetch, fetchval, look_as, start_detached, transaction
from tracker.domain.errors import NotFound
from tracker.domain.urges import UrgeKind
from tracker.mail.transport import MemoryTransport
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
SENTENCE = 'Phó Thủ tướng hỏi <b>tiến độ</b> "Ễ".'


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as built:
        yield built


async def of(made: Scene, name: str, agency: str = "BYT") -> int:
    """The id of an assignment."""
    found: int = await fetchval(
        "SELECT a.id FROM assignment a JOIN agency g ON g.id = a.agency_id WHERE a.task_id = $1 AND g.code = $2",
        made.tasks[name],
        agency,
    )
    return found


async def urge_letters() -> list[tuple[str, str]]:
    """State and reason of every urging letter."""
    rows = await fetch("SELECT state, reason FROM outbox WHERE kind = 'urge' ORDER BY id")
    return [(r["state"], r["reason"]) for r in rows]


async def let_time_pass() -> None:
    """The hold is over: the database's clock cannot be turned, so the moment is moved instead."""
    await execute("UPDATE outbox SET next_attempt_at = now() WHERE state = 'pending'")


async def send(visitor: Visitor, path: str, **fields: Any) -> str:
    """Agree to a preview; where the answer leads."""
    answer = await visitor.post("/don-doc", from_page=path, buoc="gui", **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_case_89_preview_shows_who_gets_what_and_who_not_and_changes_nothing(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    names = ("overdue", "later", "waiting", "done", "withdrawn")
    ids = [await of(made, name) for name in names] + [await of(made, "soon", "BTC")]
    await execute("UPDATE official SET mailbox = 'dead' WHERE email LIKE '%@hn.example.vn'")
    ids.append(await of(made, "overdue", "HN"))
    query = "&".join(f"viec={i}" for i in ids)
    before = await fetchval("SELECT count(*) FROM history"), await fetchval("SELECT count(*) FROM outbox")

    page = await desk.get(f"/don-doc/xem-truoc?{query}")
    english = await desk.get(f"/don-doc/xem-truoc?{query}&lang=en")

    by_filter = (await desk.get("/don-doc/xem-truoc?tinh-trang=qua-han&co-quan=BTC")).text
    nothing = (await desk.get("/don-doc/xem-truoc?lang=vi")).text

    assert page.status_code == english.status_code == 200
    html = page.text
    assert 2 <= html.count('<article class="card') <= 3
    assert "focal@byt.example.vn" in html
    assert "focal@btc.example.vn" in html
    assert "[Đôn đốc]" in html
    assert "Vì cơ quan đã báo cáo và đang chờ xác nhận." in html
    assert "Vì nhiệm vụ đã xong, đã rút hoặc đã giao lại." in html
    assert "Because the agency has reported" in english.text
    assert "Chưa chọn nhiệm vụ nào" in nothing
    assert "focal@byt.example.vn" not in by_filter
    after = await fetchval("SELECT count(*) FROM history"), await fetchval("SELECT count(*) FROM outbox")
    assert after == before


async def test_case_53_one_foreign_id_among_many_is_nothing_at_all(made: Scene) -> None:
    """Attack case 53: neither a preview of the rest nor a letter, and no hint which of them exists."""
    leader = await Visitor(made).sign_in(made.world.leader)
    own, foreign = await of(made, "overdue"), await of(made, "soon", "BTC")

    seen = await leader.get(f"/don-doc/xem-truoc?viec={own}&viec={foreign}")
    nobody = await leader.get(f"/don-doc/xem-truoc?viec={own}&viec=999999")
    sent = await leader.post(
        "/don-doc", from_page=f"/don-doc/xem-truoc?viec={own}", cac_viec=f"{own},{foreign}", buoc="gui"
    )
    broken = await leader.get("/don-doc/xem-truoc?viec=1;DROP")
    too_many = await leader.get("/don-doc/xem-truoc?" + "&".join(f"viec={i}" for i in range(1, 502)))
    officer = await (await Visitor(made).sign_in(made.world.agency)).get(f"/don-doc/xem-truoc?viec={own}")

    assert [r.status_code for r in (seen, nobody, sent, broken, too_many)] == [404, 404, 404, 404, 422]
    assert officer.status_code == 403
    assert await urge_letters() == []


async def test_letters_wait_and_are_taken_back_from_the_toast_and_from_the_history(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    first = await of(made, "overdue")
    preview = f"/don-doc/xem-truoc?viec={first}"

    where = await send(desk, preview, loi_nhan=SENTENCE)
    toast = (await desk.get(where)).text
    transport = MemoryTransport()
    await delivery(transport, clock.utc_now()).run()
    story = (await desk.get(made.path("overdue"))).text
    (group,) = [r["id"] for r in await fetch("SELECT id FROM urging")]
    undo = f"/don-doc/{group}/hoan-tac"
    back = await desk.post(undo, from_page=made.path("overdue"))
    again = await desk.post(undo, _token=await token_of(desk))
    await let_time_pass()
    await delivery(transport, clock.utc_now()).run()
    after = (await desk.get(made.path("overdue"))).text

    assert f'action="{undo}"' in toast
    assert f'action="{undo}"' in story
    assert "Thư đang chờ gửi: đôn đốc trực tiếp" in story
    assert [b"urge-" in d.data for d in transport.taken] == []
    assert (back.status_code, again.status_code) == (303, 303)
    assert await urge_letters() == [("superseded", "undone")]
    assert "thu hồi trước khi gửi" in after
    assert "Thôi không gửi: đôn đốc trực tiếp" in after
    assert undo not in after
    assert "Đã gửi thư: đôn đốc trực tiếp" not in after
    # Nobody was urged: the day is not used up.
    await send(desk, preview)
    assert await urge_letters() == [("superseded", "undone"), ("pending", "")]
    # What was taken back and what went soon after stay two entries.
    both = (await desk.get(made.path("overdue"))).text
    assert "Thôi không gửi: đôn đốc trực tiếp" in both
    assert "Thư đang chờ gửi: đôn đốc trực tiếp" in both


async def token_of(visitor: Visitor) -> str:
    """The form token of this session."""
    html = (await visitor.get("/can-xu-ly")).text
    return html.split('name="_token" value="')[1].split('"')[0]


async def test_what_has_left_cannot_be_taken_back(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    await send(desk, f"/don-doc/xem-truoc?viec={await of(made, 'overdue')}", loi_nhan=SENTENCE)
    group = await fetchval("SELECT id FROM urging")
    await let_time_pass()
    transport = MemoryTransport()
    await delivery(transport, clock.utc_now()).run()

    late = await desk.post(f"/don-doc/{group}/hoan-tac", _token=await token_of(desk))
    story = (await desk.get(made.path("overdue"))).text

    assert late.status_code == 409
    assert "Thư đã rời hệ thống" in late.text
    assert len([d for d in transport.taken if d.recipient == "focal@byt.example.vn"]) == 1
    assert "Đã gửi thư: đôn đốc trực tiếp" in story
    assert "hoan-tac" not in story
    assert "<b>tiến độ</b>" not in story


async def test_a_worker_that_claims_at_the_same_moment_either_has_the_letter_or_not(made: Scene) -> None:
    """The row decides: who takes back waits for who claims, and what is taken back is never claimed."""
    desk, now = made.world.secretariat, clock.utc_now()
    await execute("UPDATE outbox SET state = 'superseded' WHERE state = 'pending'")

    # The claim was first and is not committed yet: taking back waits for it, and is refused.
    done = await urges.urge(desk, NewUrge([await of(made, "overdue")]), now)
    async with transaction():
        (claimed,) = await outbox_db.claim(10)
        waiting = start_detached(urges.undo(desk, done.group, now))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    with pytest.raises(UrgeGone):
        await waiting
    await outbox_db.release([claimed])

    # Taking back was first and is not committed yet: the worker passes the letter over, then and afterwards.
    other = await urges.urge(desk, NewUrge([await of(made, "later")]), now)
    await execute("UPDATE outbox SET state = 'superseded' WHERE id = $1", claimed.id)

    async def claims() -> int:
        return len(await outbox_db.claim(10))

    async with transaction():
        assert await urges_db.take_back(other.group, now) == 1
        assert await start_detached(claims()) == 0
    assert await claims() == 0


async def test_the_hold_is_as_long_as_it_says_and_only_the_desk_mends_for_others(made: Scene) -> None:
    now = clock.utc_now()
    first = await of(made, "overdue")
    new = NewUrge([first], UrgeKind.EXPLANATION, "Vì sao?", now.date(), hold=HOLD)
    done = await urges.urge(made.world.member, new, now)
    left: float = await fetchval(
        "SELECT extract(epoch FROM next_attempt_at - created_at)::float8 FROM outbox WHERE kind = 'urge'"
    )
    owed = await fetchval("SELECT count(*) FROM urged WHERE is_owed")
    with as_stranger():
        look_as(made.world.leader)
        with pytest.raises(NotFound):
            await urges.undo(made.world.leader, done.group, now)
    undone = await urges.undo(made.world.secretariat, done.group, now)

    assert 29.9 < left < 30.1
    assert (undone.letters, owed) == (1, 1)
    assert await fetchval("SELECT count(*) FROM urged WHERE is_owed") == 0
    desk = await Visitor(made).sign_in(made.world.secretariat)
    assert "Vì sao?" not in (await desk.get("/giai-trinh")).text
    verbs = await fetch(
        "SELECT verb, actor_name FROM history WHERE verb IN ('urge', 'undo_urge') ORDER BY id"
    )
    assert [(r["verb"], r["actor_name"]) for r in verbs] == [("urge", "member"), ("undo_urge", "officer")]


async def test_what_changed_since_the_preview_is_shown_before_anything_goes(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    first, second = await of(made, "overdue"), await of(made, "later")
    preview = f"/don-doc/xem-truoc?viec={first}&viec={second}"
    fields: dict[str, Any] = hidden_fields((await desk.get(preview)).text, "/don-doc")
    await urges.urge(made.world.member, NewUrge([second]), clock.utc_now())

    refused = await desk.post("/don-doc", **fields, buoc="gui", loi_nhan=SENTENCE)
    looked = await desk.post("/don-doc", from_page=preview, buoc="xem-lai", loi_nhan=SENTENCE)

    assert refused.status_code == 409
    assert "Từ lúc xem trước đã có thay đổi" in refused.text
    assert "Ễ" in refused.text
    assert "đã được đôn đốc về nhiệm vụ này trong 24 giờ qua" in refused.text
    assert looked.status_code == 200
    assert looked.text.count("Phó Thủ tướng hỏi") == 2
    assert "<b>tiến độ" not in looked.text
    assert len(await urge_letters()) == 1


async def test_an_explanation_is_asked_for_answered_and_read(made: Scene) -> None:
    member, agency = (
        await Visitor(made).sign_in(made.world.member),
        await Visitor(made).sign_in(made.world.agency),
    )
    first = await of(made, "overdue")
    preview = f"/don-doc/xem-truoc?viec={first}&loai=giai-trinh"
    form = f"{made.path('overdue')}/giai-trinh"

    past = await member.post(
        "/don-doc", from_page=preview, buoc="gui", giai_trinh_truoc="01/11/2025", loi_nhan="Vì sao?"
    )
    nonsense = await member.post("/don-doc", from_page=preview, buoc="gui", giai_trinh_truoc="31/02/2026")
    await send(member, preview, giai_trinh_truoc="27/11/2025", loi_nhan="Vì sao?")
    asked = (await agency.get(form)).text
    empty = await agency.post(form, from_page=form, giai_trinh="")
    sent = await agency.post(
        form, from_page=form, giai_trinh="Chờ cấp chứng thư; xong trước ngày 05/12/2025."
    )
    twice = await agency.post(
        form, _token=await _agency_token(agency, made), lan_gui="a" * 16, giai_trinh="Nữa."
    )
    listed = (await member.get("/giai-trinh?tinh-trang=da-tra-loi")).text
    owed = (await member.get("/giai-trinh?tinh-trang=con-no")).text
    story = (await member.get(made.path("overdue"))).text
    foreign = await (await Visitor(made).sign_in(made.world.other_agency)).get(form)
    desk = await (await Visitor(made).sign_in(made.world.secretariat)).get(form)

    assert [past.status_code, nonsense.status_code] == [422, 422]
    assert "Lỗi:" in past.text
    assert "01/11/2025" in past.text
    assert "Vì sao?" in asked
    assert "Giải trình trước hết ngày 27/11/2025" in asked
    assert (empty.status_code, sent.status_code, twice.status_code) == (422, 303, 409)
    assert "Chờ cấp chứng thư; xong trước" in listed
    assert "Không có yêu cầu giải trình nào" in owed
    assert "giải trình" in story
    assert "Chờ cấp chứng thư; xong trước" in story
    assert "yêu cầu giải trình, trả lời trước hết ngày 27/11/2025" in story
    assert (foreign.status_code, desk.status_code) == (404, 403)


async def _agency_token(visitor: Visitor, made: Scene) -> str:
    html = (await visitor.get("/viec")).text
    return html.split('name="_token" value="')[1].split('"')[0]

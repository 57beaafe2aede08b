"""The pages of decisions over HTTP: queues, second thoughts, another deadline, two versions, the history of a task."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import zlib
from collections.abc import AsyncIterator
from datetime import date, timedelta
from html import unescape

import pytest

from tests.web_scene import ADDRESS, NASTY, Scene, Visitor, hidden_fields, scene
from tests.world import MONDAY
from tracker import clock
from tracker.actions import assignments, attachments, reports
from tracker.db.assignments import Assignment, get_assignment
from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.assignments import State
from tracker.domain.drafts import NewReport
from tracker.jobs.worker import delivery_of, transport_of
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as found:
        yield found


async def row_of(made: Scene, name: str, agency: str = "BYT") -> Assignment:
    found = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2 ORDER BY id DESC LIMIT 1",
        made.tasks[name],
        made.world.agencies[agency],
    )
    return await get_assignment(made.world.secretariat, found)


def png() -> bytes:
    """A picture of one blue point."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\x00\x17\x4e\xa6"))
        + chunk(b"IEND", b"")
    )


async def reported(
    made: Scene, name: str, minutes: int, said: str, *files: attachments.NewFile
) -> Assignment:
    """A completion report of one's task, `minutes` after Monday morning, with these files."""
    row, now = await row_of(made, name), MONDAY + timedelta(minutes=minutes)
    ids = tuple([(await attachments.add(made.world.agency, row.id, file, now)).id for file in files])
    new = NewReport("completion", said, evidence_number="7431/BYT-CNTT", attachment_ids=ids)
    await reports.submit(made.world.agency, row.id, None, new, now)
    return await row_of(made, name)


async def outbox_about(assignment_id: int) -> list[tuple[str, str, str]]:
    """Kind, state and reason of every message about the assignment, as they were queued."""
    rows = await fetch(
        "SELECT o.kind, o.state, o.reason FROM outbox o JOIN outbox_entry e ON e.outbox_id = o.id"
        " WHERE e.assignment_id = $1 ORDER BY o.id",
        assignment_id,
    )
    return [(r["kind"], r["state"], r["reason"]) for r in rows]


async def deliver(made: Scene) -> None:
    transport = transport_of(made.settings)
    assert transport is not None
    await delivery_of(made.settings, transport).run()


async def test_the_queue_is_worked_through_one_report_after_another(made: Scene) -> None:
    files = (
        attachments.NewFile("Biên bản <b>nghiệm thu.png", png()),
        attachments.NewFile("so-lieu.csv", b"a;b\r\n1;2\r\n"),
    )
    second = await reported(made, "later", -50, "\n".join(NASTY), *files)
    third = await reported(made, "weekend", -40, "Đã nộp báo cáo quý.")
    first = await row_of(made, "waiting")
    desk = await Visitor(made).sign_in(made.world.secretariat)

    listed = (await desk.get("/cho-xac-nhan")).text
    assert re.findall(r'<a class="task" href="(/cho-xac-nhan/\d+)"', listed) == [
        f"/cho-xac-nhan/{row.id}" for row in (first, second, third)
    ]
    page = (await desk.get(f"/cho-xac-nhan/{second.id}")).text
    assert "2 / 3" in page
    assert "<script>alert" not in page
    assert "Biên bản _b_nghiệm thu.png" in page
    pictures = re.findall(r'<img src="(/minh-chung/\d+)"', page)
    assert len(pictures) == 1
    assert "mã kiểm tra" in page

    silent = await desk.post(
        f"/cho-xac-nhan/{first.id}", from_page=f"/cho-xac-nhan/{first.id}", quyet_dinh="tra-lai"
    )
    assert silent.status_code == 422
    assert 'href="#y-kien"' in silent.text
    told = await desk.post(
        f"/cho-xac-nhan/{first.id}",
        from_page=f"/cho-xac-nhan/{first.id}",
        quyet_dinh="tra-lai",
        y_kien="Thiếu biên bản nghiệm thu.",
    )
    assert told.headers["location"] == f"/cho-xac-nhan/{second.id}"
    assert (await row_of(made, "waiting")).state is State.RETURNED
    confirmed = await desk.post(
        f"/cho-xac-nhan/{second.id}", from_page=f"/cho-xac-nhan/{second.id}", quyet_dinh="xac-nhan"
    )
    assert confirmed.headers["location"] == f"/cho-xac-nhan/{third.id}"
    toast = (await desk.get(f"/cho-xac-nhan/{third.id}")).text
    assert f'action="/cho-xac-nhan/{second.id}/hoan-tac"' in toast
    last = await desk.post(
        f"/cho-xac-nhan/{third.id}", from_page=f"/cho-xac-nhan/{third.id}", quyet_dinh="xac-nhan"
    )
    assert last.headers["location"] == "/cho-xac-nhan"
    assert "Không có báo cáo nào chờ xác nhận" in (await desk.get("/cho-xac-nhan")).text

    # Nobody of an agency sees the queue, nor another agency's evidence.
    other = await Visitor(made).sign_in(made.world.other_agency)
    assert (await other.get("/cho-xac-nhan")).status_code == 403
    assert (await other.get(f"/cho-xac-nhan/{second.id}")).status_code in (403, 404)
    assert (await other.get(pictures[0])).status_code == 404


async def test_evidence_opens_without_ever_running(made: Scene) -> None:
    """Attack cases 29 to 36: names are text, pictures stand in place, everything else is a download."""
    row = await reported(
        made,
        "later",
        -50,
        "Xong.",
        attachments.NewFile('"><img src=x onerror=alert(1)>.png', png()),
        attachments.NewFile("trang.txt", "Chỉ là chữ.".encode()),
    )
    # However it came into the database: what is no picture is never shown in place.
    await execute(
        "UPDATE attachment SET media_type = 'image/svg+xml', name = 'hinh.svg' WHERE name = 'trang.txt'"
    )
    desk = await Visitor(made).sign_in(made.world.secretariat)

    page = (await desk.get(f"/cho-xac-nhan/{row.id}")).text
    assert "onerror=alert(1)>" not in unescape(page) or "<img src=x" not in page
    picture, drawing = sorted(
        set(re.findall(r'href="(/minh-chung/\d+)"', page)), key=lambda a: int(a.split("/")[2])
    )
    shown, loaded = await desk.get(picture), await desk.get(drawing)

    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["content-disposition"].startswith("inline")
    assert loaded.headers["content-disposition"].startswith("attachment")
    assert loaded.headers["content-type"].startswith("application/octet-stream")
    for answer in (shown, loaded):
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert f'<img src="{drawing}"' not in page


async def test_a_confirmation_is_taken_back_as_if_it_had_not_been_made(made: Scene) -> None:
    before = await row_of(made, "waiting")
    messages = await outbox_about(before.id)
    invited = await fetch(
        "SELECT official_id, state FROM invitation WHERE assignment_id = $1 ORDER BY 1", before.id
    )
    desk = await Visitor(made).sign_in(made.world.secretariat)
    path = f"/cho-xac-nhan/{before.id}"

    await desk.post(path, from_page=path, quyet_dinh="xac-nhan")
    assert (await row_of(made, "waiting")).state is State.CONFIRMED
    await deliver(made)  # within the 30 seconds nothing leaves
    undone = await desk.post(f"{path}/hoan-tac", from_page=path)

    assert undone.headers["location"] == path
    row = await row_of(made, "waiting")
    assert (row.state, row.closed_at, row.completed_on, row.reported_at) == (
        State.REPORTED, None, None, before.reported_at,
    )  # fmt: skip
    after = await outbox_about(before.id)
    assert after[: len(messages)] == messages
    assert {(kind, state, reason) for kind, state, reason in after[len(messages) :]} == {
        ("confirmed", "superseded", "undone")
    }
    assert invited == await fetch(
        "SELECT official_id, state FROM invitation WHERE assignment_id = $1 ORDER BY 1", before.id
    )
    verbs = await fetch(
        "SELECT verb FROM history WHERE assignment_id = $1 ORDER BY id DESC LIMIT 2", before.id
    )
    assert [r["verb"] for r in verbs] == ["undo", "confirm"]
    again = await desk.post(path, from_page=path, quyet_dinh="xac-nhan")
    assert again.status_code == 303
    # Once the letters may have gone, the page says that it is too late, and nothing changes.
    page = (await desk.get(path)).text
    fields = hidden_fields(page, f"{path}/hoan-tac")
    clock.set_offset(clock.offset() + timedelta(seconds=31))
    late = await desk.client.post(f"{path}/hoan-tac", data=fields, headers={"Origin": ADDRESS})
    assert late.status_code == 409
    assert "quá 30 giây" in late.text
    assert (await row_of(made, "waiting")).state is State.CONFIRMED


async def test_two_decide_and_one_is_told_who_was_first(made: Scene) -> None:
    """Attack cases 48, 54 and 85."""
    row = await row_of(made, "waiting")
    path = f"/cho-xac-nhan/{row.id}"
    desk = await Visitor(made).sign_in(made.world.secretariat)
    head = await Visitor(made).sign_in(made.world.head)
    old = hidden_fields((await desk.get(path)).text, path)
    await head.post(path, from_page=path, quyet_dinh="xac-nhan")

    late = await desk.client.post(
        path, data=old | {"quyet-dinh": "tra-lai", "y-kien": "Gõ <dở> ý kiến."}, headers={"Origin": ADDRESS}
    )
    assert late.status_code == 409
    assert "Gõ &lt;dở&gt; ý kiến." in late.text
    assert "head xác nhận kết quả lúc" in late.text
    assert (await row_of(made, "waiting")).state is State.CONFIRMED

    # Where the report still waits, the form stands over the new version, and says what happened meanwhile.
    fresh = await reported(made, "later", -50, "Xong.")
    there = f"/cho-xac-nhan/{fresh.id}"
    stale = hidden_fields((await desk.get(there)).text, there)
    await reports.submit(
        made.world.agency, fresh.id, None, NewReport("progress", "Thêm số liệu."), clock.utc_now()
    )
    told = await desk.client.post(there, data=stale | {"quyet-dinh": "xac-nhan"}, headers={"Origin": ADDRESS})
    assert told.status_code == 409
    assert "byt.focal báo tiến độ lúc" in told.text
    assert (await row_of(made, "later")).state is State.REPORTED
    again = hidden_fields(told.text, there) | {"quyet-dinh": "xac-nhan"}
    assert (await desk.client.post(there, data=again, headers={"Origin": ADDRESS})).status_code == 303

    # Somebody whose role changed while the form was open decides nothing with it.
    asked = await row_of(made, "extension")
    form = hidden_fields((await desk.get(f"/gia-han/{asked.id}")).text, f"/gia-han/{asked.id}")
    await execute(
        "UPDATE official SET role = 'inspector', duty = NULL WHERE id = $1", made.world.officials["officer"]
    )
    refused = await desk.client.post(
        f"/gia-han/{asked.id}",
        data=form | {"quyet-dinh": "dong-y", "van-ban-gia-han": "1/VPCP"},
        headers={"Origin": ADDRESS},
    )
    assert refused.status_code == 403
    assert (await row_of(made, "extension")).extension_pending


async def test_nobody_decides_on_a_report_of_their_own(made: Scene) -> None:
    row = await row_of(made, "waiting")
    await execute(
        "UPDATE report SET submitted_by = $2 WHERE assignment_id = $1 AND acceptance = 'pending'",
        row.id,
        made.world.officials["officer"],
    )
    desk = await Visitor(made).sign_in(made.world.secretariat)
    path = f"/cho-xac-nhan/{row.id}"

    page = await desk.get(path)

    assert page.status_code == 200
    assert f'action="{path}"' not in page.text
    fields = hidden_fields(page.text, "/dang-xuat") | {"quyet-dinh": "xac-nhan", "lan-gui": "x" * 16}
    fields["phien-ban"] = str(row.row_version)
    answer = await desk.client.post(path, data=fields, headers={"Origin": ADDRESS})
    assert answer.status_code == 403
    assert (await row_of(made, "waiting")).state is State.REPORTED


async def test_requests_for_time_are_answered_with_their_consequences(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    row = await row_of(made, "extension")
    path = f"/gia-han/{row.id}"

    listed = (await desk.get("/gia-han")).text
    assert f'href="{path}"' in listed
    page = (await desk.get(path)).text
    assert "thứ Hai 15/12/2025" in page
    assert re.search(r"Hủy \d+ lời nhắc theo hạn cũ", page)
    assert "Là lần gia hạn thứ 1" in page
    assert "thêm 31 ngày" in page
    bare = await desk.post(path, from_page=path, quyet_dinh="dong-y", ly_do="Đã nghe.")
    assert bare.status_code == 422
    assert "Đã nghe." in bare.text
    granted = await desk.post(path, from_page=path, quyet_dinh="dong-y", van_ban_gia_han="10300/VPCP-CĐS")
    assert granted.headers["location"] == "/gia-han"
    fresh = await row_of(made, "extension")
    assert (fresh.due_on, fresh.original_due_on) == (date(2025, 12, 15), date(2025, 11, 14))
    # Earlier requests of the same task are told, and one without a request says so.
    extended = await row_of(made, "extended")
    earlier = (await desk.get(f"/gia-han/{extended.id}")).text
    assert "duyệt đến 05/12/2025, văn bản 10211/VPCP-CĐS" in earlier
    assert "Không còn đề nghị nào chờ ở đây" in earlier
    member = await Visitor(made).sign_in(made.world.member)
    assert (await member.get("/gia-han")).status_code == 403


async def test_the_desk_moves_a_deadline_and_sees_first_what_changes(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    row = await row_of(made, "later")
    path = f"{made.path('later')}/doi-han"

    nothing = await desk.post(path, from_page=path, buoc="xem", han_moi="hôm nào rảnh", ly_do="x")
    assert nothing.status_code == 422
    assert 'value="hôm nào rảnh"' in nothing.text
    seen = await desk.post(
        path, from_page=path, buoc="xem", han_moi="30 ngày làm việc", ly_do="Chờ nghị định mới."
    )
    assert seen.status_code == 200
    assert (await row_of(made, "later")).due_on == row.due_on
    assert "Lời nhắc sẽ hủy" in seen.text
    assert "Báo ngay cho focal BYT" in seen.text
    assert "Chờ nghị định mới.</textarea>" in seen.text
    done = await desk.client.post(
        path,
        data=hidden_fields(seen.text, path)
        | {"buoc": "doi", "han-moi": "29/12/2025", "ly-do": "Chờ nghị định mới.", "van-ban": "99/VPCP"},
        headers={"Origin": ADDRESS},
    )
    assert done.status_code == 303, done.text
    moved = await row_of(made, "later")
    assert (moved.due_on, moved.due_document) == (date(2025, 12, 29), "99/VPCP")
    assert ("deadline_moved", "pending", "") in await outbox_about(row.id)
    history = (await desk.get(path)).text
    assert re.search(r"15/12/2025</time> → <time[^>]*>29/12/2025", history)
    assert "Người officer" in history
    agency = await Visitor(made).sign_in(made.world.agency)
    assert (await agency.get(path)).status_code == 403


async def test_a_withdrawn_task_is_taken_back_or_given_back(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    before = await row_of(made, "later")
    messages = await outbox_about(before.id)
    path = made.path("later")

    bare = await desk.post(f"{path}/rut", from_page=f"{path}/rut", cach="rut", ly_do="")
    assert bare.status_code == 422
    await desk.post(f"{path}/rut", from_page=f"{path}/rut", cach="thay", ly_do="Nhập nhầm.")
    assert (await row_of(made, "later")).state is State.SUPERSEDED
    undone = await desk.post(f"/viec/hoan-tac/{before.id}", from_page=f"/viec/{before.task_id}")
    assert undone.status_code == 303
    row = await row_of(made, "later")
    assert (row.state, row.closed_at, row.close_reason) == (before.state, None, "")
    assert (await outbox_about(before.id))[: len(messages)] == messages

    # The one that was withdrawn weeks ago is given back, and its agency is told.
    old = await row_of(made, "withdrawn")
    restore = f"{made.path('withdrawn')}/khoi-phuc"
    given = await desk.post(restore, from_page=restore, ly_do="Văn bản kia đã bị hủy.")
    assert given.status_code == 303, given.text
    back = await row_of(made, "withdrawn")
    assert (back.state, back.deadline_version) == (State.ASSIGNED, old.deadline_version + 1)
    assert ("assigned", "pending", "") in await outbox_about(old.id)
    twice = await desk.get(restore)
    assert "Không khôi phục được" in twice.text

    # Given to another agency, which did not have a part in it.
    transfer = f"{path}/giao-lai"
    form = (await desk.get(transfer)).text
    assert 'value="BTC"' in form
    assert 'value="HN"' not in form
    assert 'value="BKH"' not in form
    missing = await desk.post(transfer, from_page=transfer, co_quan="", ly_do="Đúng chức năng hơn.")
    assert missing.status_code == 422
    moved = await desk.post(transfer, from_page=transfer, co_quan="BTC", ly_do="Đúng chức năng hơn.")
    assert moved.status_code == 303, moved.text
    assert (await row_of(made, "later", "BTC")).due_on == before.due_on


async def test_taking_back_a_withdrawal_lets_stopped_letters_go(made: Scene) -> None:
    """What the withdrawal had stopped is queued again and reaches its people; the ledger is as it was."""
    row = await row_of(made, "weekend")
    desk = await Visitor(made).sign_in(made.world.secretariat)
    await assignments.set_deadline(
        made.world.secretariat, row.id, None, date(2025, 12, 19), None, "Chờ nghị định.", "", clock.utc_now()
    )
    ledger = (
        "SELECT step_code, occurrence, verdict, reason, outbox_id FROM reminder"
        " WHERE assignment_id = $1 ORDER BY id"
    )
    messages, reminded = await outbox_about(row.id), await fetch(ledger, row.id)
    assert ("deadline_moved", "pending", "") in messages
    path = f"{made.path('weekend')}/rut"

    await desk.post(path, from_page=path, cach="rut", ly_do="Nhập nhầm.")
    assert ("deadline_moved", "superseded", "withdrawn") in await outbox_about(row.id)
    await deliver(made)
    await desk.post(f"/viec/hoan-tac/{row.id}", from_page=f"/viec/{row.task_id}")

    assert (await outbox_about(row.id))[: len(messages)] == messages
    assert await fetch(ledger, row.id) == reminded
    await deliver(made)
    states = {kind: state for kind, state, _ in await outbox_about(row.id)}
    assert (states["deadline_moved"], states["cancelled"]) == ("sent", "superseded")


async def test_two_people_correct_one_task_and_the_second_chooses(made: Scene) -> None:
    """Attack case 84: both versions, who and when, nothing overwritten, nothing lost."""
    task_id = made.tasks["later"]
    path = f"/viec/{task_id}/sua"
    desk = await Visitor(made).sign_in(made.world.secretariat)
    head = await Visitor(made).sign_in(made.world.head)
    page = (await desk.get(path)).text
    mine = hidden_fields(page, path) | {
        "ten-gon": "Tên của tôi",
        "san-pham": "Quyết định ban hành",
        "nguyen-van": "Toàn văn của nhiệm vụ later.",
        "noi-lam": "Nơi tôi ghi",
        "bao-cao-cho": "",
        "theo-doi": str(made.world.officials["officer"]),
    }
    theirs = mine | hidden_fields((await head.get(path)).text, path)
    theirs |= {"ten-gon": "Tên của họ", "san-pham": "Báo cáo của họ", "noi-lam": ""}
    assert (await head.client.post(path, data=theirs, headers={"Origin": ADDRESS})).status_code == 303

    late = await desk.client.post(path, data=mine, headers={"Origin": ADDRESS})

    assert late.status_code == 409
    assert await fetchval("SELECT short_name FROM task WHERE id = $1", task_id) == "Tên của họ"
    assert "Thay đổi bởi Người head lúc" in late.text
    assert 'name="chon-ten-gon" value="cua-ho"' in late.text
    assert 'name="chon-noi-lam"' not in late.text
    assert 'value="Tên của tôi"' in late.text
    chosen = mine | hidden_fields(late.text, path)
    chosen |= {"chon-ten-gon": "cua-toi", "san-pham": "Báo cáo của họ"}
    assert (await desk.client.post(path, data=chosen, headers={"Origin": ADDRESS})).status_code == 303
    row = (await fetch("SELECT short_name, product, place FROM task WHERE id = $1", task_id))[0]
    assert tuple(row.values()) == ("Tên của tôi", "Báo cáo của họ", "Nơi tôi ghi")

    # The other choice takes what was saved; a follower who is nobody's officer is refused.
    again = mine | {"ten-gon": "Một tên nữa"}
    conflict = await desk.client.post(path, data=again | {"lan-gui": "y" * 16}, headers={"Origin": ADDRESS})
    assert conflict.status_code == 409
    taken = again | hidden_fields(conflict.text, path) | {"chon-ten-gon": "cua-ho", "chon-san-pham": "cua-ho"}
    taken["theo-doi"] = str(made.world.officials["head"])
    assert (await desk.client.post(path, data=taken, headers={"Origin": ADDRESS})).status_code == 303
    row = (
        await fetch("SELECT short_name, product, secretariat_officer_id FROM task WHERE id = $1", task_id)
    )[0]
    assert tuple(row.values()) == ("Tên của tôi", "Báo cáo của họ", made.world.officials["head"])
    fresh = taken | hidden_fields((await desk.get(path)).text, path)
    fresh |= {"theo-doi": str(made.world.officials["byt.focal"])}
    wrong = await desk.client.post(path, data=fresh, headers={"Origin": ADDRESS})
    assert wrong.status_code == 422
    agency = await Visitor(made).sign_in(made.world.agency)
    assert (await agency.get(path)).status_code == 403

    # All of it stands in the history as sentences, which can be filtered and taken away.
    story = f"/viec/{task_id}/lich-su"
    told = (await desk.get(story)).text
    assert "Tên gọn: “Tên của họ” → “Tên của tôi”." in told
    assert "Người theo dõi: “Người officer” → “Người head”." in told
    only = (await desk.get(f"{story}?loai=han")).text
    assert "Không có dòng nào khớp" in only
    assert (await desk.get(f"{story}?tu-ngay=31/02/2026")).status_code == 422
    table = list(
        csv.reader(io.StringIO((await desk.get(f"{story}.csv?nguoi=head")).content.decode("utf-8-sig")))
    )
    assert [line[1] for line in table[1:]] == ["Người head"]
    listed = json.loads((await desk.get(f"{story}.json")).content)["items"]
    assert {"assign", "edit_task"} <= {item["verb"] for item in listed}
    assert (await desk.get(f"{story}.xlsx")).content[:2] == b"PK"
    assert (await agency.get(story)).status_code == 200
    stranger = await Visitor(made).sign_in(made.world.other_agency)
    assert (await stranger.get(story)).status_code == 404


async def test_the_page_of_a_task_tells_of_one_agency_and_what_waits(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    task_id = made.tasks["soon"]

    page = (await desk.get(f"/viec/{task_id}?co-quan=BYT")).text
    assert "Bộ Y tế: đã làm gì" in page
    other = (await desk.get(f"/viec/{task_id}?co-quan=BTC")).text
    assert "Bộ Tài chính: đã làm gì" in other
    waiting = (await desk.get(f"/viec/{made.tasks['extension']}")).text
    assert 'href="/gia-han/' in waiting
    agency = await Visitor(made).sign_in(made.world.agency)
    own = (await agency.get(f"/viec/{task_id}")).text
    assert "/sua" not in own
    assert "Đổi thời hạn" not in own
    for english in (f"/viec/{task_id}", "/cho-xac-nhan", "/gia-han", f"/viec/{task_id}/lich-su"):
        assert (await desk.get(f"{english}?lang=en")).status_code == 200

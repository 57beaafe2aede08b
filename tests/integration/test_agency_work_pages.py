"""What an agency's people do over HTTP: report with files, pass a task on inside, choose their mail, subscribe."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from html import unescape
from typing import Any

import httpx
import pytest

from tests.web_scene import ADDRESS, NASTY, Scene, Visitor, hidden_fields, scene
from tests.world import MONDAY, add_official, build_world, directive, task
from tracker import clock
from tracker.actions import directives, feeds, passing_on, reports, tokens
from tracker.actions.passing_on import PassOn
from tracker.db.assignments import SELECT
from tracker.db.engine import as_stranger, execute, fetch, fetchval, look_as
from tracker.db.inside import mine
from tracker.domain.access import Scope
from tracker.domain.directory import Actor
from tracker.domain.drafts import NewReport
from tracker.domain.errors import NotFound
from tracker.jobs import reminders
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

PDF = (
    b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    b"\nendobj\n3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>\nendobj\nxref\n0 4\n"
    b"0000000000 65535 f \n0000000009 00000 n \n0000000058 00000 n \n0000000115 00000 n \n"
    b"trailer << /Size 4 /Root 1 0 R >>\nstartxref\n186\n%%EOF\n"
)
SECRET = "Chờ Cục A ký nháy trước"


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    """The scene on an emptied database."""
    async with scene(database) as found:
        yield found


def words_of(raw: bytes) -> str:
    """Subject and plain text of a letter."""
    read = message_from_bytes(raw, policy=policy.default)
    body = read.get_body(("plain",))
    return f"{read['Subject']}\n{body.get_content()}" if body is not None else str(read["Subject"])


async def own_id(made: Scene, name: str) -> int:
    """The ministry of health's assignment in a task."""
    found: int = await fetchval(
        "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2",
        made.tasks[name],
        made.world.agencies["BYT"],
    )
    return found


async def send(
    visitor: Visitor, path: str, fields: dict[str, Any], *files: tuple[str, bytes], field: str = "tep"
) -> httpx.Response:
    """A form with files, as a browser sends it."""
    sent = [(field, (name, content, "application/octet-stream")) for name, content in files]
    # Without a file a browser sends an empty one.
    return await visitor.client.post(
        path,
        data=fields,
        files=sent or [(field, ("", b"", "application/octet-stream"))],
        headers={"Origin": ADDRESS},
    )


def kept_ids(html: str, *, ticked: bool = True) -> list[str]:
    """The files that a page says have come, ticked or all."""
    found = re.findall(r'name="tep-da-co" value="(\d+)"( checked)?', html)
    return [number for number, mark in found if mark or not ticked]


# Reporting ---------------------------------------------------------------------------------------------------


async def test_a_report_with_files_is_kept_through_a_refusal_and_made_once(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    path = made.path("overdue") + "/bao-cao"
    fields = hidden_fields((await agency.get(path)).text, path) | {
        "ket-qua": "Đã <b>xong</b>",
        "so-van-ban": "",
    }

    refused = await send(agency, path, fields, ("Biên bản.pdf", PDF), ("trò.exe", b"MZ\x00"))

    assert refused.status_code == 422
    assert unescape(refused.text).count("Không nhận tệp loại “trò.exe”") == 2
    assert 'href="#so-van-ban"' in refused.text
    assert 'href="#tep"' in refused.text
    assert "Đã &lt;b&gt;xong&lt;/b&gt;</textarea>" in refused.text
    (kept,) = kept_ids(refused.text)

    # The same file again, as a browser whose first answer was lost sends it: it is the one that is there.
    fields = hidden_fields(refused.text, path) | {
        "ket-qua": "Đã xong",
        "so-van-ban": "1/BYT",
        "tep-da-co": kept,
    }
    first = await send(agency, path, fields, ("Biên bản.pdf", PDF))
    again = await send(agency, path, fields, ("Biên bản.pdf", PDF))

    assert first.status_code == again.status_code == 303, first.text
    assert first.headers["location"] == again.headers["location"]
    assert re.fullmatch(r"/bien-nhan/BC-2025-\d{6}", first.headers["location"])
    assignment = await own_id(made, "overdue")
    assert (
        await fetchval(
            "SELECT count(*) FROM report WHERE assignment_id = $1 AND kind = 'completion'", assignment
        )
        == 1
    )
    assert await fetchval("SELECT count(*) FROM attachment WHERE assignment_id = $1", assignment) == 1
    letters = await fetch(
        "SELECT recipient_id FROM outbox WHERE kind = 'reported' AND notify_key LIKE $1", "%BC-2025-0000%"
    )
    assert made.world.agency.official_id in {row["recipient_id"] for row in letters}

    receipt = await agency.get(first.headers["location"])
    assert "Biên bản.pdf" in receipt.text
    assert f'href="/minh-chung/{kept}"' in receipt.text
    assert "Chờ xác nhận" in receipt.text
    other = await Visitor(made).sign_in(made.world.other_agency)
    assert (await other.get(first.headers["location"])).status_code == 404
    assert (await other.get("/bien-nhan/BC-2025-999999")).status_code == 404
    assert (await agency.get("/bien-nhan/khong-co")).status_code == 404
    desk = await Visitor(made).sign_in(made.world.secretariat)
    assert (await desk.get(first.headers["location"])).status_code == 200


async def test_files_go_ahead_of_the_report_one_by_one(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    page = made.path("soon") + "/bao-cao"
    path = made.path("soon") + "/tep"
    token = {"_token": hidden_fields((await agency.get(page)).text, page)["_token"]}

    taken = await send(agency, path, token, ("..\\CON\u202efdp.pdf", PDF))
    again = await send(agency, path, token, ("..\\CON\u202efdp.pdf", PDF))
    page_as_picture = await send(agency, path, token, ("ảnh.png", b"<html><script>alert(1)</script>"))
    nothing = await send(agency, path, token)
    other = await Visitor(made).sign_in(made.world.other_agency)
    their_token = {
        "_token": hidden_fields((await other.get("/lich/dang-ky")).text, "/lich/dang-ky")["_token"]
    }
    foreign = await send(other, made.path("later") + "/tep", their_token, ("a.pdf", PDF))

    assert taken.status_code == 201, taken.text
    assert taken.json()["name"] == "_CONfdp.pdf" or "\u202e" not in taken.json()["name"]
    assert again.json()["id"] == taken.json()["id"]
    assert page_as_picture.status_code == nothing.status_code == 422
    assert "ảnh.png" in page_as_picture.json()["problem"]
    assert nothing.json()["problem"] == "Chưa có tệp nào được gửi."
    assert foreign.status_code == 404
    # They wait on the form, ticked, for this person and not for a colleague.
    assert kept_ids((await agency.get(page)).text) == [str(taken.json()["id"])]
    colleague = await Visitor(made).sign_in(made.world.leader)
    assert kept_ids((await colleague.get(page)).text) == []

    fields = hidden_fields((await agency.get(page)).text, page) | {"ket-qua": "Xong", "so-van-ban": "1/BYT"}
    foreign_file = await send(agency, page, fields | {"tep-da-co": "987654321"})
    assert foreign_file.status_code == 422
    assert 'href="#tep"' in foreign_file.text


# Passing on inside the agency --------------------------------------------------------------------------------


async def pass_on(made: Scene, visitor: Visitor, name: str, **fields: Any) -> httpx.Response:
    """Send the form of passing on."""
    path = made.path(name) + "/chuyen"
    return await visitor.post(path, from_page=path, **fields)


async def test_a_task_is_passed_on_with_an_earlier_date_and_nobody_outside_learns_of_it(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    colleague = str(made.world.officials["byt.head_of_office"])
    path = made.path("later")

    late = await pass_on(made, agency, "later", nguoi_lam=colleague, han_noi_bo="16/12/2025", ghi_chu=SECRET)
    on_the_day = await pass_on(made, agency, "later", nguoi_lam=colleague, han_noi_bo="15/12/2025")
    past = await pass_on(made, agency, "later", nguoi_lam=colleague, han_noi_bo="21/11/2025")
    stranger = await pass_on(made, agency, "later", nguoi_lam=str(made.world.officials["btc.focal"]))
    nobody = await pass_on(made, agency, "later", nguoi_lam="")
    wrong = [late, on_the_day, past, stranger, nobody]
    assert [answer.status_code for answer in wrong] == [422] * 5
    assert "<title>Lỗi: " in late.text
    assert "không sớm hơn hạn chính thức 15/12/2025" in late.text
    assert 'href="#han-noi-bo"' in late.text
    assert SECRET in late.text
    assert 'value="16/12/2025"' in late.text
    assert "không thuộc cơ quan này" in stranger.text

    old = hidden_fields((await agency.get(f"{path}/chuyen")).text, f"{path}/chuyen")
    passed = await pass_on(
        made, agency, "later", nguoi_lam=colleague, han_noi_bo="13/12/2025", ghi_chu=SECRET
    )
    assert passed.headers["location"] == path
    own_page = (await agency.get(path)).text
    assert "head_of_office BYT đang làm" in own_page
    assert "Hạn nội bộ" in own_page
    assert SECRET in (await agency.get(f"{path}/chuyen")).text
    # A page that was opened before somebody else passed it on changes nothing.
    stale = {**old, "lan-gui": "b" * 16, "nguoi-lam": colleague}
    behind = await agency.client.post(f"{path}/chuyen", data=stale, headers={"Origin": ADDRESS})
    assert behind.status_code == 409

    head = await fetchval("SELECT id FROM official WHERE id = $1", int(colleague))
    condition, arguments = mine(Actor(head, "x", made.world.agency.role, made.world.agencies["BYT"]))
    assert [r["task_id"] for r in await fetch(f"{SELECT} WHERE {condition}", *arguments)] == [
        made.tasks["later"]
    ]

    await nobody_outside_sees(made, path, SECRET, "13/12/2025", "2025-12-13")


async def nobody_outside_sees(made: Scene, path: str, *secrets: str) -> None:
    """Neither page nor search, export, history, API, outbox nor a query that forgets to ask tells of it."""
    assignment = await own_id(made, "later")
    for actor in (made.world.secretariat, made.world.administrator, made.world.inspector):
        visitor = await Visitor(made).sign_in(actor)
        pages = [path, f"/viec/{made.tasks['later']}", "/viec?tinh-trang=tat-ca", "/tim?q=Cục+A+ký+nháy"]
        told = [unescape((await visitor.get(page)).text) for page in pages]
        assert (await visitor.get(f"{path}/chuyen")).status_code == 403
        token = await bearer(actor)
        for call in (
            f"assignments/{assignment}", f"assignments/{assignment}/history", "history?limit=200", "outbox?limit=200",
            "assignments?q=nháy",
        ):  # fmt: skip
            told.append((await visitor.client.get(f"/api/v1/{call}", headers=token)).text)
        said = "\n".join(told)
        # The words searched for stand in the search field, nowhere else.
        assert [s for s in secrets if s in said] == [], actor.name
        with as_stranger():
            look_as(actor)
            assert await fetchval("SELECT count(*) FROM internal_note") == 0
            assert await fetchval("SELECT count(*) FROM internal_assignment") == 0
    exported = await fetch("SELECT h::text AS words FROM history h WHERE assignment_id = $1", assignment)
    assert not any(secret in row["words"] for row in exported for secret in secrets)
    assert not any(SECRET in words_of(row["raw"]) for row in await fetch("SELECT raw FROM outbox"))
    other = await Visitor(made).sign_in(made.world.other_agency)
    for page in (path, f"{path}/chuyen", f"{path}/bao-cao", f"{path}/gia-han"):
        assert (await other.get(page)).status_code == 404
    with as_stranger():
        look_as(made.world.other_agency)
        assert await fetchval("SELECT count(*) FROM internal_note") == 0
    # The agency above reads the tasks below, but not what those arrange among themselves.
    above = Actor(
        1,
        "x",
        made.world.agency.role,
        made.world.agencies["BTC"],
        below=frozenset({made.world.agencies["BYT"]}),
    )
    with as_stranger():
        look_as(above)
        assert await fetchval("SELECT count(*) FROM assignment WHERE id = $1", assignment) == 1
        assert await fetchval("SELECT count(*) FROM internal_note") == 0


async def bearer(actor: Actor) -> dict[str, str]:
    """A token of somebody, for everything."""
    assert actor.official_id is not None
    now = clock.utc_now()
    new = tokens.NewToken(
        actor.official_id, "x", tuple(s.value for s in Scope), now + timedelta(days=900), ()
    )
    made = await tokens.create(actor, new, now)
    return {"Authorization": f"Bearer {made.secret}", "Accept": "application/json"}


async def test_a_note_is_seen_outside_once_it_is_shared_and_never_runs(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    desk = await Visitor(made).sign_in(made.world.secretariat)
    path = made.path("soon")
    empty = await agency.post(f"{path}/ghi-chu", from_page=f"{path}/chuyen", noi_dung="  ")
    added = [
        await agency.post(f"{path}/ghi-chu", from_page=f"{path}/chuyen", noi_dung=body)
        for body in ("\n".join(NASTY), "Chỉ chúng ta")
    ]
    assert empty.status_code == 422
    assert 'href="#noi-dung"' in empty.text
    assert [a.status_code for a in added] == [303, 303]
    page = (await agency.get(f"{path}/chuyen")).text
    assert NASTY[0] not in page
    shares = re.findall(r'action="([^"]+/chia-se)"', page)
    assert len(shares) == 2

    # The older one: the list begins with the newest.
    foreign = await Visitor(made).sign_in(made.world.other_agency)
    foreign_token = hidden_fields((await foreign.get("/lich/dang-ky")).text, "/lich/dang-ky")["_token"]
    assert (await foreign.post(shares[1], _token=foreign_token)).status_code == 404
    refused = await desk.post(
        shares[1], _token=hidden_fields((await desk.get("/lich/dang-ky")).text, "/lich/dang-ky")["_token"]
    )
    assert refused.status_code == 403
    assert NASTY[4] not in (await desk.get(path)).text
    shared = await agency.post(shares[1], from_page=f"{path}/chuyen")
    seen = (await desk.get(path)).text

    assert shared.status_code == 303
    assert NASTY[4] in seen
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in seen
    assert NASTY[0] not in seen
    assert "Chỉ chúng ta" not in seen
    with as_stranger():
        look_as(made.world.secretariat)
        assert await fetchval("SELECT count(*) FROM internal_note") == 1


async def test_somebody_inside_is_written_to_once_and_the_letter_names_nothing(made: Scene) -> None:
    leader = made.world.leader
    assert leader.official_id is not None
    soon, weekend, done = [await own_id(made, name) for name in ("soon", "weekend", "today")]
    colleague = await add_official(
        "Chuyên viên", "cv@byt.example.vn", "agency_officer", None, made.world.agencies["BYT"]
    )
    # The Saturday is reminded of on the Friday before.
    for assignment, due in (
        (soon, date(2025, 11, 25)),
        (weekend, date(2025, 11, 29)),
        (done, date(2025, 11, 24)),
    ):
        await passing_on.pass_on(leader, assignment, PassOn(colleague, due, SECRET, 0), MONDAY)
    await reports.submit(
        made.world.agency, done, None, NewReport("completion", "Xong", evidence_number="1/B"), MONDAY
    )

    async def letters() -> list[str]:
        return [
            words_of(r["raw"])
            for r in await fetch("SELECT raw FROM outbox WHERE recipient_id = $1 ORDER BY id", colleague)
        ]

    assert len(await letters()) == 3
    early = datetime(2025, 11, 24, 23, 0, tzinfo=MONDAY.tzinfo)  # six in the morning
    for now in (early, early + timedelta(hours=2), early + timedelta(hours=3), early + timedelta(days=1)):
        await reminders.run(now)
        assert len(await letters()) == (3 if now == early else 4)
    await reminders.run(datetime(2025, 11, 28, 2, 0, tzinfo=MONDAY.tzinfo))
    written = await letters()

    assert len(written) == 5
    task = await fetchval("SELECT short_name FROM task WHERE id = $1", made.tasks["soon"])
    assert not any(word in letter for letter in written for word in (SECRET, task, "25/11/2025"))
    assert (
        await fetchval(
            "SELECT count(*) FROM outbox_entry e JOIN outbox o ON o.id = e.outbox_id WHERE o.kind = 'inside'"
        )
        == 0
    )
    link = re.search(r"/noi-bo/(\d+)", written[0])
    assert link
    person = await Visitor(made).sign_in(leader)
    assert (await person.get(f"/noi-bo/{link[1]}")).headers["location"] == made.path("soon")
    for actor in (made.world.other_agency, made.world.secretariat):
        foreign = await Visitor(made).sign_in(actor)
        assert (await foreign.get(f"/noi-bo/{link[1]}")).status_code == 404
    # Who has left, or cannot be reached, holds nothing up.
    await execute("UPDATE official SET is_active = false WHERE id = $1", colleague)
    await reminders.run(datetime(2025, 12, 1, 2, 0, tzinfo=MONDAY.tzinfo))


# Which mail reaches me ---------------------------------------------------------------------------------------


async def test_switched_off_mail_does_not_come_and_duty_mail_does(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    path = "/toi/thong-bao"
    page = (await agency.get(path)).text
    assert len(re.findall(r'name="thu" value="\w+" checked', page)) == 3
    assert "08:00" in page

    saved = await agency.post(path, from_page=path, ngon_ngu="en", thu="copy")
    after = await agency.get(path)
    unknown = await agency.post(path, from_page=path, ngon_ngu="xx", thu="copy")

    assert saved.status_code == 303
    assert '<html lang="en">' in after.text
    assert re.findall(r'name="thu" value="(\w+)" checked', after.text) == ["copy"]
    assert 'name="phim-tat" value="1" aria' in after.text
    assert "data-keys" not in after.text
    assert unknown.status_code == 422
    assert 'href="#ngon-ngu"' in unknown.text

    async def mails() -> int:
        count: int = await fetchval(
            "SELECT count(*) FROM outbox WHERE recipient_id = $1 AND kind IN ('reported', 'confirmed')",
            made.world.agency.official_id,
        )
        return count

    before = await mails()
    new = NewReport("completion", "Xong", evidence_number="1/B")
    await reports.submit(made.world.agency, await own_id(made, "soon"), None, new, MONDAY)
    assert await mails() == before
    desk = await Visitor(made).sign_in(made.world.secretariat)
    back = await desk.post(
        f"{made.path('soon')}/xac-nhan", from_page=made.path("soon"), quyet_dinh="tra-lai", y_kien="Thiếu"
    )
    assert back.status_code == 303, back.text
    returned = (
        "SELECT count(*) FROM outbox WHERE kind = 'returned' AND recipient_id = $1 AND decided_at >= $2"
    )
    assert await fetchval(returned, made.world.agency.official_id, MONDAY) == 1
    # Nobody on the assigning side has a choice, and a hand-made form gives them none.
    assert 'name="thu"' not in (await desk.get(path)).text
    await desk.post(path, from_page=path, ngon_ngu="vi", thu="receipt")
    assert await fetchval("SELECT count(*) FROM unwanted_mail") == 2


# Calendar links ----------------------------------------------------------------------------------------------


async def test_a_link_gets_another_address_and_the_old_one_ends(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    page = "/lich/dang-ky"
    assert "Chưa có liên kết nào" in (await agency.get(page)).text
    made_page = await agency.post(
        page, from_page=page, ten="Máy <b>bàn</b>", pham_vi="own_agency", nhac_truoc="1"
    )
    old = re.search(r"/calendars/(ddf_[a-z2-7]{32})\.ics", made_page.text)
    assert old
    listed = (await agency.get(page)).text
    assert old[1] not in listed
    assert "Bộ Y tế" in listed
    rotate = re.search(r'action="(/lich/dang-ky/\d+/doi-dia-chi)"', listed)
    assert rotate

    changed = await agency.post(rotate[1], from_page=page)
    new = re.search(r"/calendars/(ddf_[a-z2-7]{32})\.ics", changed.text)

    assert changed.status_code == 201
    assert new
    assert new[1] != old[1]
    assert f"webcal://127.0.0.1:8080/calendars/{new[1]}.ics" in changed.text
    with pytest.raises(NotFound):
        await feeds.look(old[1], "event", clock.utc_now())
    assert await feeds.look(new[1], "event", clock.utc_now())
    other = await Visitor(made).sign_in(made.world.other_agency)
    token = hidden_fields((await other.get(page)).text, page)["_token"]
    assert (await other.post(rotate[1], _token=token)).status_code == 404
    admin = await Visitor(made).sign_in(made.world.administrator)
    token = hidden_fields((await admin.get(page)).text, page)["_token"]
    assert (await admin.post(rotate[1], _token=token)).status_code == 404
    await agency.post(rotate[1].replace("doi-dia-chi", "thu-hoi"), from_page=page)
    token = hidden_fields((await agency.get(page)).text, page)["_token"]
    assert (await agency.post(rotate[1], _token=token)).status_code == 409


async def test_an_unwanted_copy_stands_in_the_ledger_with_its_reason(database: Settings) -> None:
    world = await build_world()
    head = world.officials["byt.head_of_office"]
    await execute("INSERT INTO unwanted_mail (official_id, kind, since) VALUES ($1, 'copy', now())", head)

    recorded = await directives.record(world.secretariat, directive(task()), MONDAY)

    (own,) = recorded.assignment_ids
    ledger = await fetch("SELECT recipient_id, verdict, reason FROM reminder WHERE assignment_id = $1", own)
    told = {row["recipient_id"]: (row["verdict"], row["reason"]) for row in ledger}
    assert told[head] == ("suppressed", "switched_off")
    assert told[world.agency.official_id] == ("sent", "holder")
    assert await fetchval("SELECT count(*) FROM outbox WHERE recipient_id = $1", head) == 0
    # A ladder's letter is no copy that one may do without.
    await reminders.run(datetime(2025, 12, 10, 2, 0, tzinfo=MONDAY.tzinfo))
    assert await fetchval("SELECT count(*) FROM outbox WHERE recipient_id = $1", head) == 1


async def test_my_tasks_are_those_handed_to_me(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    await pass_on(
        made, agency, "later", nguoi_lam=str(made.world.leader.official_id), han_noi_bo="13/12/2025"
    )
    await pass_on(made, agency, "soon", nguoi_lam=str(made.world.leader.official_id))
    leader = await Visitor(made).sign_in(made.world.leader)

    mine = (await leader.get("/viec?cua=toi")).text
    not_mine = (await agency.get("/viec?cua=toi")).text

    assert mine.count('<tr class="item">') == 2
    assert "Nhiệm vụ later" in mine
    assert not_mine.count('<tr class="item">') == 0
    assert 'href="/viec?cua=toi" aria-current="page"' in mine
    assert (await leader.get("/viec?cua=ai")).status_code == 400

"""The pages of people and agencies: written down, changed, invited, switched off; and refused to everybody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest

from tests.web_scene import Scene, Visitor, hidden_fields, scene
from tracker import clock
from tracker.actions import accounts
from tracker.db.engine import execute, fetchval
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as found:
        yield found


async def administrator(made: Scene) -> Visitor:
    return await Visitor(made).sign_in(made.world.administrator)


def person(made: Scene, key: str) -> str:
    return f"/nguoi/{made.world.officials[key]}"


def fields_of(html: str, action: str) -> dict[str, str]:
    """Everything a browser would send with a form as it stands."""
    form = next(f for f in re.findall(r"<form\b.*?</form>", html, re.S) if f'action="{action}"' in f)
    values = {
        unescape(m[1]): unescape(m[2])
        for m in re.finditer(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', form)
    }
    for name, body in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        values[name] = unescape(chosen[1]) if chosen else ""
    return values


async def submit(visitor: Visitor, page: str, action: str, **changes: str) -> httpx.Response:
    """Fill in the form on `page` as it stands, with changes; hyphens in names are underscores."""
    values = fields_of((await visitor.get(page)).text, action)
    values |= {name.replace("_", "-"): value for name, value in changes.items()}
    return await visitor.client.post(action, data=values, headers={"Origin": "http://127.0.0.1:8080"})


def problems(answer: httpx.Response) -> list[str]:
    """The fields that the summary of errors leads to."""
    found = re.search(r'<div class="errors".*?</div>', answer.text, re.S)
    return re.findall(r'href="#([^"]+)"', found[0]) if found else []


async def test_people_are_found_without_diacritics(made: Scene) -> None:
    visitor = await administrator(made)
    await submit(
        visitor, "/nguoi/moi", "/nguoi", ten="Đặng Thị Ớt", thu="ot@x.gov.vn", vai_tro="inspector", co_quan=""
    )

    found = await visitor.get("/nguoi?tu=dang+thi+ot")
    none = await visitor.get("/nguoi?tu=dang+thi+at")
    dead = await visitor.get("/nguoi?tinh-trang=thu-hong")

    assert "Đặng Thị Ớt" in found.text
    assert "Không có ai khớp" in none.text
    assert "leader@btc.example.vn" in dead.text
    assert "focal@btc.example.vn" not in dead.text


async def test_the_list_goes_on_where_it_ended(made: Scene) -> None:
    visitor = await administrator(made)
    await execute(
        "INSERT INTO official (full_name, email, role, search_key, sort_key)"
        " SELECT 'P' || n, n || '@p.vn', 'inspector', 'p', 'p' || lpad(n::text, 3, '0')"
        " FROM generate_series(1, 60) n"
    )

    first = await visitor.get("/nguoi?vai-tro=inspector")
    onward = re.search(r'<a href="([^"]+)" rel="next"', first.text)
    assert onward
    second = await visitor.get(unescape(onward[1]))

    listed = [set(re.findall(r'href="/nguoi/(\d+)"', page.text)) for page in (first, second)]
    assert (len(listed[0]), len(listed[1])) == (50, 11)
    assert not listed[0] & listed[1]


async def test_a_person_is_added_invited_and_found_on_their_page(made: Scene) -> None:
    visitor = await administrator(made)

    added = await submit(
        visitor,
        "/nguoi/moi?co-quan=BYT",
        "/nguoi",
        ten="Trần Thị Bình",
        chuc_vu="Chuyên viên",
        thu="binh@moh.gov.vn",
    )
    assert added.status_code == 303, added.text
    path = added.headers["location"]
    page = await visitor.get(path)
    invited = await visitor.post(f"{path}/loi-moi", from_page=path)

    assert "Trần Thị Bình" in page.text
    assert fields_of(page.text, path)["vai-tro"] == "agency_officer"
    assert (invited.status_code, invited.headers["location"]) == (303, path)
    after = (await visitor.get(path)).text
    assert "Đã gửi thư mời đến binh@moh.gov.vn" in after
    # Whoever holds the link becomes that person: only their mailbox sees it.
    assert "ddl_" not in invited.text + after
    assert await fetchval("SELECT count(*) FROM outbox WHERE address = 'binh@moh.gov.vn'") == 1


async def test_a_form_that_is_refused_keeps_what_was_typed_and_names_each_field(made: Scene) -> None:
    visitor = await administrator(made)

    answer = await submit(
        visitor,
        "/nguoi/moi",
        "/nguoi",
        ten="  ",
        thu='"a b"@c.vn',
        vai_tro="agency_officer",
        co_quan="",
        nhiem_vu="member",
        thu_tu="2",
    )

    assert answer.status_code == 422
    assert set(problems(answer)) == {"ten", "thu", "co-quan", "nhiem-vu"}
    assert fields_of(answer.text, "/nguoi")["thu"] == '"a b"@c.vn'
    assert "{" not in re.sub(r"<svg.*?</svg>", "", answer.text)


async def test_a_change_of_role_is_saved_and_a_stale_form_shows_what_stands(made: Scene) -> None:
    visitor = await administrator(made)
    path = person(made, "byt.focal")
    open_form = fields_of((await visitor.get(path)).text, path)

    first = await submit(visitor, path, path, chuc_vu="Vụ trưởng")
    late = await visitor.client.post(
        path, data={**open_form, "chuc-vu": "Chuyên viên"}, headers={"Origin": "http://127.0.0.1:8080"}
    )

    assert first.status_code == 303, first.text
    assert late.status_code == 409
    assert "Vụ trưởng" in late.text
    assert fields_of(late.text, path)["chuc-vu"] == "Chuyên viên"


async def test_absence_and_deputy_are_set_with_the_form(made: Scene) -> None:
    visitor = await administrator(made)
    path = person(made, "byt.focal")
    deputy = str(made.world.officials["byt.leader"])

    half = await submit(visitor, path, path, vang_tu="01/12/2025")
    whole = await submit(visitor, path, path, vang_tu="01/12/2025", vang_den="5/12/2025", nguoi_thay=deputy)

    assert (half.status_code, problems(half)) == (422, ["vang-den"])
    assert whole.status_code == 303, whole.text
    assert fields_of((await visitor.get(path)).text, path)["nguoi-thay"] == deputy


async def test_a_deputy_who_was_switched_off_stays_and_is_told_as_such(made: Scene) -> None:
    visitor = await administrator(made)
    path = person(made, "byt.focal")
    deputy = made.world.officials["byt.leader"]
    await execute(
        "UPDATE official SET deputy_id = $1 WHERE id = $2", deputy, made.world.officials["byt.focal"]
    )
    await accounts.disable(made.world.administrator, deputy, clock.utc_now())

    shown = await visitor.get(path)
    saved = await submit(visitor, path, path, chuc_vu="Chuyên viên chính")

    assert "đã ngừng hoạt động, thư không chuyển đến người này" in shown.text
    assert saved.status_code == 303, saved.text
    assert fields_of((await visitor.get(path)).text, path)["nguoi-thay"] == str(deputy)


async def test_a_dead_mailbox_is_mended_with_a_new_address(made: Scene) -> None:
    visitor = await administrator(made)
    path = person(made, "btc.leader")

    shown = await visitor.get(path)
    mended = await submit(visitor, path, path, thu="moi@btc.example.vn")

    assert "550 5.1.1 &lt;script&gt;" in shown.text
    assert mended.status_code == 303
    assert await fetchval("SELECT mailbox FROM official WHERE email = 'moi@btc.example.vn'") == "ok"


async def test_switching_off_and_on(made: Scene) -> None:
    visitor = await administrator(made)
    path = person(made, "byt.focal")

    off = await visitor.post(f"{path}/khoa", from_page=path)
    page = await visitor.get(path)
    on = await visitor.post(f"{path}/mo", from_page=path)
    last = await visitor.post(f"{person(made, 'admin')}/khoa", from_page=person(made, "admin"))

    assert (off.status_code, on.status_code) == (303, 303)
    assert "Đã khóa" in page.text
    assert last.status_code == 409
    assert "quản trị viên duy nhất" in last.text


async def test_a_mandate_is_granted_shown_and_revoked(made: Scene) -> None:
    visitor = await administrator(made)
    path = person(made, "byt.focal")

    granted = await submit(visitor, path, f"{path}/uy-quyen", lam_thay="BTC", can_cu="815/QĐ-TTg")
    page = await visitor.get(path)
    mandate = await fetchval("SELECT id FROM mandate")
    overlapping = await submit(visitor, path, f"{path}/uy-quyen", lam_thay="BTC")
    neither = await submit(visitor, path, f"{path}/uy-quyen")
    revoked = await visitor.post(f"/uy-quyen/{mandate}/thu-hoi", from_page=path)

    assert granted.status_code == 303, granted.text
    assert "815/QĐ-TTg" in page.text
    assert "Đang có hiệu lực" in page.text
    assert overlapping.status_code == 409
    assert (neither.status_code, problems(neither)) == (422, ["lam-thay"])
    assert revoked.status_code == 303
    assert "Đã thu hồi" in (await visitor.get(path)).text


@pytest.mark.parametrize("persona", ["secretariat", "member", "agency", "leader", "inspector"])
async def test_nobody_else_opens_the_pages_of_people(made: Scene, persona: str) -> None:
    visitor = await Visitor(made).sign_in(getattr(made.world, persona))
    token = hidden_fields((await visitor.get("/tro-giup")).text, "/dang-xuat")
    path = person(made, "byt.focal")

    for page in ("/nguoi", "/nguoi/moi", path):
        assert (await visitor.get(page)).status_code == 403
    for action in (
        "/nguoi",
        path,
        *(f"{path}/{verb}" for verb in ("thu", "loi-moi", "khoa", "mo", "hai-buoc")),
    ):
        answer = await visitor.client.post(action, data=token, headers={"Origin": "http://127.0.0.1:8080"})
        assert answer.status_code == 403, action
    for action in (f"{path}/uy-quyen", "/uy-quyen/1/thu-hoi"):
        answer = await visitor.client.post(action, data=token, headers={"Origin": "http://127.0.0.1:8080"})
        assert answer.status_code == 403, action
    assert (
        await fetchval("SELECT count(*) FROM history WHERE verb LIKE '%official' OR verb LIKE '%mandate'")
        == 0
    )


async def test_people_pages_ask_strangers_to_sign_in_and_know_no_other_ids(made: Scene) -> None:
    visitor = await administrator(made)

    assert (await Visitor(made).get("/nguoi")).status_code == 303
    for path in ("/nguoi/0", "/nguoi/999999", "/nguoi/x", "/nguoi/9999999999999999999999"):
        assert (await visitor.get(path)).status_code == 404, path
    assert (await visitor.get("/nguoi?sau=abc&vai-tro=king&tinh-trang=x&co-quan=nowhere")).status_code == 200


async def test_english_pages_of_people(made: Scene) -> None:
    visitor = await administrator(made)

    for path in ("/nguoi", "/nguoi/moi", person(made, "byt.focal"), person(made, "btc.leader")):
        answer = await visitor.get(f"{path}?lang=en")
        assert answer.status_code == 200
        assert '<html lang="en">' in answer.text

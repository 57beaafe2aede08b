"""The pages of agencies: contacts and dead mailboxes, the agencies around one, corrections; and who sees what."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.test_people_pages import fields_of, problems, submit
from tests.web_scene import Scene, Visitor, hidden_fields, scene
from tracker.db.engine import execute, fetchval
from tracker.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as found:
        yield found


async def administrator(made: Scene) -> Visitor:
    return await Visitor(made).sign_in(made.world.administrator)


def agency(made: Scene, code: str) -> str:
    return f"/co-quan/{made.world.agencies[code]}"


async def test_the_list_shows_contacts_and_marks_dead_mailboxes(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.secretariat)

    everything = await visitor.get("/co-quan")
    dead = await visitor.get("/co-quan?tinh-trang=thu-hong")
    abolished = await visitor.get("/co-quan?tinh-trang=ca-cu")
    found = await visitor.get("/co-quan?tu=bo+y+te")

    assert everything.text.count("Thư không tới") == 1
    assert "focal BYT" in everything.text
    assert "Kế hoạch và Đầu tư" not in everything.text
    assert agency(made, "BTC") in dead.text
    assert agency(made, "BYT") not in dead.text
    assert "Kết thúc hết ngày" in abolished.text
    assert agency(made, "BYT") in found.text
    assert agency(made, "BTC") not in found.text


async def test_an_agency_sees_its_own_contacts_and_those_below_and_no_others(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.agency)

    own, other = await visitor.get(agency(made, "BYT")), await visitor.get(agency(made, "BTC"))
    listed = await visitor.get("/co-quan?tinh-trang=thu-hong")
    await execute("UPDATE agency SET parent_id = $1 WHERE code = 'BTC'", made.world.agencies["BYT"])
    below = await visitor.get(agency(made, "BTC"))

    assert "focal@byt.example.vn" in own.text
    assert "focal@btc.example.vn" not in other.text
    assert "chỉ bên giao việc xem được" in other.text
    assert "@btc.example.vn" not in listed.text
    assert "focal BTC" not in listed.text
    assert "focal@btc.example.vn" in below.text
    for page in (own, other, below):
        assert "/sua" not in page.text
        assert 'action="/nguoi' not in page.text


async def test_a_dead_mailbox_is_mended_in_place(made: Scene) -> None:
    visitor = await administrator(made)
    path, person = agency(made, "BTC"), made.world.officials["btc.leader"]

    page = await visitor.get(path)
    answer = await visitor.post(f"/nguoi/{person}/thu", from_page=path, thu="moi@btc.example.vn")
    bad = await visitor.client.post(
        f"/nguoi/{person}/thu",
        data={**hidden_fields(page.text, f"/nguoi/{person}/thu"), "thu": "a@b> AUTH=<x"},
        headers={"Origin": "http://127.0.0.1:8080"},
    )

    assert "550 5.1.1 &lt;script&gt;" in page.text
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert "moi@btc.example.vn" in (await visitor.get(path)).text
    assert await fetchval("SELECT mailbox FROM official WHERE id = $1", person) == "ok"
    assert bad.status_code == 422


async def test_the_relations_of_an_agency_lead_on(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.inspector)
    await execute("UPDATE agency SET parent_id = $1 WHERE code = 'HN'", made.world.agencies["BTC"])
    await execute(
        "INSERT INTO mandate (official_id, agency_id, valid_from, granted_at) VALUES ($1, $2, '2020-01-01', now())",
        made.world.officials["byt.focal"],
        made.world.agencies["BTC"],
    )

    ministry, abolished = await visitor.get(agency(made, "BTC")), await visitor.get(agency(made, "BKH"))

    assert "Kế thừa việc của" in ministry.text
    assert agency(made, "BKH") in ministry.text
    assert agency(made, "HN") in ministry.text
    assert "focal BYT" in ministry.text
    assert "Cơ quan kế thừa" in abolished.text
    assert "Kết thúc hết ngày" in abolished.text


async def test_an_agency_is_added_and_corrected(made: Scene) -> None:
    visitor = await administrator(made)

    added = await submit(
        visitor,
        "/co-quan/moi",
        "/co-quan",
        ma="SYT-HN",
        ten="Sở Y tế Hà Nội",
        ten_tat="SYT",
        loai="other",
        cap_tren="HN",
    )
    assert added.status_code == 303, added.text
    path = f"{added.headers['location']}/sua"
    old = fields_of((await visitor.get(path)).text, path)
    corrected = await submit(visitor, path, path, ten="Sở Y tế thành phố Hà Nội", den_ngay="31/12/2030")
    stale = await visitor.client.post(
        path, data={**old, "ten": "Khác"}, headers={"Origin": "http://127.0.0.1:8080"}
    )

    assert corrected.status_code == 303, corrected.text
    assert "Sở Y tế thành phố Hà Nội" in (await visitor.get(added.headers["location"])).text
    assert stale.status_code == 409
    assert "Sở Y tế thành phố Hà Nội" in stale.text
    assert fields_of(stale.text, path)["ten"] == "Khác"


async def test_bad_agencies_are_refused_with_every_field_named(made: Scene) -> None:
    visitor = await administrator(made)
    path = f"{agency(made, 'BYT')}/sua"

    empty = await submit(visitor, "/co-quan/moi", "/co-quan", ma="a b", ten=" ", ten_tat="", loai="other")
    cycle = await submit(visitor, path, path, cap_tren="BYT")
    charged = await submit(visitor, path, path, den_ngay="01/11/2025")
    reversed_days = await submit(visitor, path, path, tu_ngay="01/01/2026", den_ngay="01/01/2025")

    assert (empty.status_code, set(problems(empty))) == (422, {"ma", "ten", "ten-tat"})
    assert (cycle.status_code, problems(cycle)) == (422, ["cap-tren"])
    assert charged.status_code == 409
    assert "việc đang thực hiện" in charged.text
    assert "den-ngay" in problems(reversed_days)


@pytest.mark.parametrize("persona", ["secretariat", "member", "agency", "leader", "inspector"])
async def test_everybody_reads_and_nobody_else_corrects(made: Scene, persona: str) -> None:
    visitor = await Visitor(made).sign_in(getattr(made.world, persona))
    token = hidden_fields((await visitor.get("/tro-giup")).text, "/dang-xuat")
    path = agency(made, "BYT")

    for page in ("/co-quan", path, f"{agency(made, 'HN')}?lang=en", "/co-quan?lang=en"):
        assert (await visitor.get(page)).status_code == 200
    for page in ("/co-quan/moi", f"{path}/sua"):
        assert (await visitor.get(page)).status_code == 403
    for action in ("/co-quan", f"{path}/sua"):
        answer = await visitor.client.post(action, data=token, headers={"Origin": "http://127.0.0.1:8080"})
        assert answer.status_code == 403


async def test_strangers_sign_in_first_and_unknown_agencies_are_not_found(made: Scene) -> None:
    visitor = await administrator(made)

    assert (await Visitor(made).get("/co-quan")).status_code == 303
    for path in ("/co-quan/0", "/co-quan/999999", "/co-quan/x", "/co-quan/999999/sua"):
        assert (await visitor.get(path)).status_code == 404, path


async def test_names_of_agencies_stay_text(made: Scene) -> None:
    visitor = await administrator(made)

    for path in ("/co-quan", agency(made, "HN"), f"{agency(made, 'HN')}/sua"):
        text = (await visitor.get(path)).text
        assert "<script>alert(1)" not in text
        assert "&lt;script&gt;alert(1)" in text


async def test_the_secretariat_mends_the_address_of_a_mere_contact_and_of_nobody_who_signs_in(
    made: Scene,
) -> None:
    world = made.world
    contact, signing = world.officials["hn.focal"], world.officials["btc.focal"]
    await execute(
        "UPDATE official SET mailbox = 'dead', mailbox_reason = '550' WHERE id = ANY($1)", [contact, signing]
    )
    await execute("INSERT INTO account (official_id, created_at) VALUES ($1, now())", signing)
    desk = await Visitor(made).sign_in(world.secretariat)

    shown = (await desk.get(f"/co-quan/{world.agencies['HN']}")).text
    hidden = (await desk.get(f"/co-quan/{world.agencies['BTC']}")).text
    done = await desk.post(
        f"/nguoi/{contact}/thu", from_page=f"/co-quan/{world.agencies['HN']}", thu="moi@hn.example.vn"
    )
    version = await fetchval("SELECT row_version FROM official WHERE id = $1", signing)
    token = hidden_fields(shown, f"/nguoi/{contact}/thu")["_token"]
    refused = await desk.post(
        f"/nguoi/{signing}/thu", _token=token, phien_ban=str(version), thu="ke-gian@example.vn"
    )

    assert f'action="/nguoi/{contact}/thu"' in shown
    assert f'action="/nguoi/{signing}/thu"' not in hidden
    assert done.status_code == 303
    assert await fetchval("SELECT email FROM official WHERE id = $1", contact) == "moi@hn.example.vn"
    assert refused.status_code == 403
    assert await fetchval("SELECT email FROM official WHERE id = $1", signing) != "ke-gian@example.vn"

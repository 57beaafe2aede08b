"""Attack cases against the pages: hostile addresses, forms that no page of ours made, texts that cost too much."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from tests.web_scene import ADDRESS, NASTY, Scene, Visitor, hidden_fields, scene
from tracker.db.engine import fetchval
from tracker.domain.addressees import read_addressees
from tracker.domain.directory import Agency, AgencyKind
from tracker.settings import Settings
from tracker.web.ladder_drafts import read_query

pytestmark = pytest.mark.anyio
LADDER = "/thiet-lap/thang/default"
HOSTILE = ("²", "9" * 400, "31/12/2199", "'--\\%_" + NASTY[0] + NASTY[1])
"""Digits that are none, a number too large, the last day there is, wildcards and markup."""
ADDRESSES = (
    "/viec?tu= co-quan= tinh-trang= van-ban= nguon= vai-tro= nguoi-theo-doi= tu-ngay= den-ngay= tre-tu= xep= cot="
    " so-dong= sau= giu= lang=",
    "/viec.csv?viec= sau= tu=",
    "/tim?q=",
    "/van-ban?tu= loai= nam= sau=",
    "/van-ban/goi-y?ngay=2025-10-01& han= co-quan= so= den=",
    "/don-doc/xem-truoc?viec= loai= ve= tu-ngay=",
    "/giai-trinh?tinh-trang=",
    "/vi-sao?viec= nhiem-vu= viec=1&co-quan= viec=1&co-quan=BYT&lan=",
    "/he-thong/thu?tinh-trang= loai= nguoi= viec= sau=",
    "/lich?thang= co-quan= ca-xong=",
    "/tong-quan?co-quan= pham-vi=",
    "/bao-cao?ngay= co-quan=",
    "/bao-cao/ty-le?ngay= theo= khoi= co-quan= van-ban= linh-vuc= giao-tu= giao-den= han-tu= mau-so= so-voi= trang=",
    "/bao-cao/co-quan.csv?ngay= co-quan= giao-tu=",
    "/bao-cao/danh-sach?nhom= ngay= theo= khoa= co-quan= van-ban= trang= o= xac-nhan-tu=",
    "/bao-cao/qua-han?ngay= co-quan= van-ban= noi-dung= ca=",
    "/thiet-lap/lich-lam-viec?nam=",
    "/thiet-lap/lich-lam-viec/ngay?tu-ngay= den-ngay= loai=",
    LADDER + "?giao= han= gio= tu= b0= bo= them=1&b0n=",
    "/co-quan?tinh-trang=",
)


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as built:
        yield built


def addresses() -> list[str]:
    """Every parameter of every page with every hostile value."""
    found = []
    for listed in ADDRESSES:
        path, _, keys = listed.partition("?")
        found += [f"{path}?{key}{quote(value, safe='')}" for key in keys.split() for value in HOSTILE]
    return found


async def test_case_09_10_14_22_to_25_29_30_38_no_value_of_an_address_is_a_failure(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    failed, ran = [], []

    for address in addresses():
        answer = await desk.get(address)
        if answer.status_code >= 500:
            failed.append(address)
        if answer.headers["content-type"].startswith("text/html") and NASTY[0] in answer.text:
            ran.append(address)

    assert (failed, ran) == ([], [])


@pytest.mark.parametrize(
    "query",
    [
        "b0=x&tu=%C2%B2",
        "b0=x&b1=y&bo=%C2%B2",
        "b0=x&b1k=sw&b1n=%C2%B2&them=1",
        "b0k=g&b0n=" + "9" * 400,
        # Nobody can be reminded no days after a deadline; a repeat must not leave the days that are allowed.
        "b0k=sw&b0n=0&b0df=t&b0w=overdue",
        "b0k=tw&b0n=0&b0df=t&b0w=overdue",
        "b0k=tw&b0n=1&b0e=250&b0r=50&b0df=t&b0w=overdue",
        "&".join(f"b{n}=same&b{n}k=sw&b{n}n=5&b{n}df=t&b{n}w=overdue" for n in range(40)),
    ],
)
async def test_case_09_and_10_a_ladder_in_the_address_that_is_none_is_told_at_its_fields(
    made: Scene, query: str
) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)

    answer = await desk.get(f"{LADDER}?{query}")
    preview = await desk.get(f"{LADDER}/xem-truoc?{query}")

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert preview.status_code == 303


async def test_case_19_a_ladder_of_a_thousand_fields_is_not_read(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    many = "&".join(f"b{n}=x" for n in range(1500))

    answer = await desk.post(
        f"{LADDER}/luu", from_page=f"{LADDER}/xem-truoc?b0k=sw&b0n=3&b0df=t&b0w=overdue", soan=many
    )

    assert read_query(many).steps == ()
    assert answer.status_code == 303


async def test_case_01_a_nul_kept_in_a_view_breaks_no_list(made: Scene) -> None:
    """The query of a view is read once more when the list is shown: what no database holds must be gone by then."""
    desk = await Visitor(made).sign_in(made.world.secretariat)

    for field in ("nguon", "van-ban", "tu", "co-quan"):
        kept = await desk.post("/cach-xem", from_page="/viec?tu=x", ten=field, truy_van=f"{field}=%00x")
        assert kept.status_code == 303
        assert "%00" not in kept.headers["location"]

    assert "%00" not in await fetchval("SELECT string_agg(query, ' ') FROM saved_view")
    for page in ("/viec", "/cach-xem", "/can-xu-ly"):
        assert (await desk.get(page)).status_code == 200


async def test_case_12_a_button_that_the_page_of_an_import_does_not_have(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    token = re.search(r'name="_token" value="([^"]+)"', (await desk.get("/van-ban/nhap")).text)
    assert token is not None
    sent = await desk.client.post(
        "/van-ban/nhap", files={"_token": (None, token[1]), "bang": (None, "x")}, headers={"Origin": ADDRESS}
    )
    unread = sent.headers["location"]

    for pressed in ("dung-het", "dung-1-1", "ghi", "x"):
        answer = await desk.post(unread, _token=token[1], lam=pressed)
        assert answer.status_code in (200, 422), pressed


def test_case_18_thousands_of_names_that_nobody_has_are_read_at_once() -> None:
    agencies = [Agency(n, f"C{n}", f"Bộ số {n}", AgencyKind.MINISTRY) for n in range(400)]
    began = time.process_time()

    read = read_addressees("; ".join(f"zz{n}" for n in range(5000)), agencies, date(2025, 11, 24))

    assert len(read.unknown) == 5000
    assert time.process_time() - began < 2


async def test_case_18_a_field_for_agencies_holds_no_novel(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    junk = "; ".join(f"zz{n}" for n in range(3000))
    began = time.process_time()

    form: Any = {
        "so_ky_hieu": "1/QĐ-TTg",
        "ngay_ban_hanh": "01/10/2025",
        "cac_viec": "1",
        "v1_ten": "Một việc",
    }
    long = await desk.post("/van-ban/moi", from_page="/van-ban/moi", lam="xem", v1_chu_tri=junk, **form)
    short = await desk.post(
        "/van-ban/moi", from_page="/van-ban/moi", lam="xem", v1_chu_tri=junk[:4000], **form
    )

    assert (long.status_code, short.status_code) == (422, 422)
    assert "Quá 4000 ký tự" in long.text
    assert "zz0" in short.text
    assert time.process_time() - began < 5


async def test_case_28_a_form_sent_again_with_other_words_is_told_and_keeps_them(made: Scene) -> None:
    """As after the browser's way back: saying that it was done, and losing what was typed, would be a lie."""
    agency = await Visitor(made).sign_in(made.world.agency)
    path = made.path("overdue") + "/tien-do"
    fields = hidden_fields((await agency.get(path)).text, path) | {"loai": "progress"}
    headers = {"Origin": ADDRESS}

    first = await agency.client.post(path, data=fields | {"ket-qua": "Lần thứ nhất."}, headers=headers)
    other = await agency.client.post(path, data=fields | {"ket-qua": "Lần thứ hai."}, headers=headers)
    again = hidden_fields(other.text, path) | {"loai": "progress", "ket-qua": "Lần thứ hai."}
    second = await agency.client.post(path, data=again, headers=headers)

    assert (first.status_code, other.status_code, second.status_code) == (303, 422, 303)
    assert "đã gửi một lần với nội dung khác" in other.text
    assert "Lần thứ hai.</textarea>" in other.text
    assert await fetchval("SELECT count(*) FROM report WHERE summary LIKE 'Lần thứ %'") == 2


async def test_case_28_an_id_of_another_form_is_no_answer_to_this_one(made: Scene) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    kept: Any = hidden_fields((await desk.get("/viec?tu=x")).text, "/cach-xem")
    await desk.post("/cach-xem", **{name.replace("-", "_"): value for name, value in kept.items()}, ten="Một")
    path = made.path("later")
    own: Any = {"_token": kept["_token"], "lan_gui": kept["lan-gui"]}

    withdrawn = await desk.post(f"{path}/rut", ly_do="x", phien_ban="1", **own)
    urged = await desk.post("/don-doc", cac_viec="1", buoc="gui", **own)
    edited = await desk.post(f"/viec/{made.tasks['later']}/sua", ten_gon="Tên khác", **own)

    assert (withdrawn.status_code, urged.status_code, edited.status_code) == (422, 422, 422)
    assert await fetchval("SELECT count(*) FROM assignment WHERE state = 'withdrawn'") == 1
    assert (await desk.get("/viec")).status_code == 200


async def test_case_85_a_button_pressed_twice_at_once_gets_one_answer(made: Scene) -> None:
    agency = await Visitor(made).sign_in(made.world.agency)
    path = made.path("overdue") + "/tien-do"
    fields = hidden_fields((await agency.get(path)).text, path) | {"loai": "progress", "ket-qua": "Một lần."}

    both = await asyncio.gather(
        *(agency.client.post(path, data=fields, headers={"Origin": ADDRESS}) for _ in range(3))
    )

    assert [(r.status_code, r.headers["location"]) for r in both] == [
        (303, path.removesuffix("/tien-do"))
    ] * 3
    assert await fetchval("SELECT count(*) FROM report WHERE summary = 'Một lần.'") == 1


async def test_case_15_a_deadline_before_the_day_of_issue_is_asked_about_in_the_words_of_the_page(
    made: Scene,
) -> None:
    desk = await Visitor(made).sign_in(made.world.secretariat)
    path = made.path("later") + "/doi-han"

    answer = await desk.post(path, from_page=path, han_moi="03/09/1945", ly_do="Thử.", buoc="doi")

    assert answer.status_code == 422
    assert "đánh dấu vào ô" in answer.text
    assert 'name="truoc-van-ban"' in answer.text
    assert "early_due_confirmed" not in answer.text

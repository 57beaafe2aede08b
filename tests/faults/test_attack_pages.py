"""Attack cases against the pages: hostile addresses, forms that no page of ours made, texts that cost too much."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import date
from urllib.parse import quote

import pytest

from tests.web_scene import ADDRESS, NASTY, Scene, Visitor, scene
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
    "/bao-cao/ty-le?ngay= theo= co-quan= van-ban= giao-tu= giao-den= mau-so= so-voi=",
    "/bao-cao/co-quan.csv?ngay= co-quan= giao-tu=",
    "/bao-cao/danh-sach?nhom= ngay= theo= khoa= co-quan= van-ban= trang=",
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

    form = {"so_ky_hieu": "1/QĐ-TTg", "ngay_ban_hanh": "01/10/2025", "cac_viec": "1", "v1_ten": "Một việc"}
    long = await desk.post("/van-ban/moi", from_page="/van-ban/moi", lam="xem", v1_chu_tri=junk, **form)
    short = await desk.post(
        "/van-ban/moi", from_page="/van-ban/moi", lam="xem", v1_chu_tri=junk[:4000], **form
    )

    assert (long.status_code, short.status_code) == (422, 422)
    assert "Quá 4000 ký tự" in long.text
    assert "zz0" in short.text
    assert time.process_time() - began < 5

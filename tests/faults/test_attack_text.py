"""Text whose composing would take the square of its length, and bodies that cost more than they are."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from tests.api import Api, running_api
from tests.identity_scene import stage
from tests.web_scene import ADDRESS
from tracker.actions.sessions import clean_address
from tracker.domain.errors import Invalid
from tracker.domain.files import clean_name
from tracker.domain.passwords import composed
from tracker.domain.text import clean_text, endless_marks
from tracker.settings import Settings
from tracker.web.page import local_path

pytestmark = pytest.mark.anyio
# Out of order, so that composing has to sort them.
ENDLESS = "e" + "\u0301" * 60_000 + "\u0323" * 60_000
# Composing it takes some forty seconds of this processor; looking at it takes milliseconds.
SECONDS = 5.0


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as found:
        yield found


def test_case_16_endless_marks_are_seen_without_composing() -> None:
    began = time.process_time()

    assert endless_marks(ENDLESS) == 31
    with pytest.raises(Invalid):
        clean_text(ENDLESS, "/name", 1_000_000)
    with pytest.raises(Invalid):
        clean_name(ENDLESS + ".pdf")
    assert clean_address(ENDLESS + "@x.vn") == ""
    assert composed(ENDLESS) == ENDLESS
    assert time.process_time() - began < SECONDS


def test_case_16_vietnamese_and_other_scripts_are_left_alone() -> None:
    for text in ("Nghi\u0323\u0302 quye\u0302\u0301t", "ཧཱུྃ", "שָׁלוֹם", "e" + "\u0301" * 30):
        assert endless_marks(text) is None


async def test_case_16_endless_marks_in_a_form_do_not_hold_up_the_service(database: Settings) -> None:
    async with stage(database) as made:
        browser = made.browser()
        began = time.process_time()
        stranger = await browser.client.post(
            "/dang-nhap", data={"mat-khau": ENDLESS}, headers={"Origin": ADDRESS}
        )
        ours = await browser.post(
            "/dang-nhap", from_page="/dang-nhap", thu_dien_tu="a@x.vn", mat_khau=ENDLESS
        )
        large = await browser.client.post(
            "/dang-nhap", data={"mat-khau": "x" * 1_100_000}, headers={"Origin": ADDRESS}
        )

        assert (stranger.status_code, ours.status_code, large.status_code) == (403, 400, 413)
        assert time.process_time() - began < SECONDS


async def test_case_16_endless_marks_in_a_body_are_refused(api: Api) -> None:
    client = await api.client(api.world.secretariat)
    began = time.process_time()

    answer = await client.post("/api/v1/directives", json={"number": ENDLESS})

    assert answer.status_code in (400, 422)
    assert "/number" in answer.text
    assert time.process_time() - began < SECONDS


async def test_case_12_many_unknown_fields_cost_no_more_than_few(api: Api) -> None:
    client = await api.client(api.world.secretariat)
    began = time.process_time()

    answer = await client.post("/api/v1/directives", json={f"k{n}": 1 for n in range(200_000)})

    assert answer.status_code == 400
    assert len(answer.json()["errors"]) <= 50
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("path", ["/ế", "/a b", "/a\u2028b", "//x", "/\\x"])
def test_case_69_a_way_back_is_plain_ascii(path: str) -> None:
    """What is no header is no way back: the sign-in goes on to the first page."""
    assert local_path(path) == "/"

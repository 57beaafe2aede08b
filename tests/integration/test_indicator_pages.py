"""The pages of targets: cards, the list, the form for a reading and its history."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.web_scene import Scene, Visitor, scene
from tests.world import MONDAY
from tracker.actions import indicators
from tracker.actions.indicators import NewReading
from tracker.db.engine import execute, fetchval
from tracker.domain.indicators import Indicator
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

SHARE = Indicator(
    "Hồ sơ giải quyết trực tuyến",
    "%",
    date(2025, 9, 1),
    date(2025, 12, 15),
    counts="hồ sơ",
    baseline=Decimal(12),
    target=Decimal(30),
)
SERVICES = replace(
    SHARE, name="Dịch vụ đã tích hợp", unit="dịch vụ", counts="", baseline=Decimal(0), target=Decimal(5)
)


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[tuple[Scene, str, str]]:
    """The scene; the address of an assignment with two targets, and that of the first."""
    async with scene(database) as found:
        world, task_id = found.world, found.tasks["later"]
        own: int = await fetchval(
            "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2", task_id, world.agencies["BYT"]
        )
        first = await indicators.define(world.secretariat, own, SHARE, MONDAY)
        second = await indicators.define(world.secretariat, own, SERVICES, MONDAY)
        for day, figure in ((date(2025, 9, 30), "13,5"), (date(2025, 10, 31), "gần 20")):
            await indicators.enter(world.agency, first, NewReading(figure, day), "page", MONDAY)
        await indicators.enter(world.agency, second, NewReading("5", date(2025, 11, 20)), "page", MONDAY)
        path = found.path("later")
        yield found, path, f"{path}/chi-tieu/{first}"


async def test_an_agency_enters_and_corrects_a_reading(made: tuple[Scene, str, str]) -> None:
    found, path, target = made
    officer = await Visitor(found).sign_in(found.world.agency)

    shown = (await officer.get(path)).text
    assert "Hồ sơ giải quyết trực tuyến" in shown
    assert "gần 20" in shown
    assert "<svg" in shown
    assert "Chậm kế hoạch" in shown
    assert f'href="{target}"' in shown

    wrong = await officer.post(
        target, from_page=target, so_lieu="45 thủ tục", tinh_den="30/11/2025", ghi_chu="Giữ nguyên"
    )
    assert wrong.status_code == 422
    assert "<title>Lỗi:" in wrong.text
    assert "% hồ sơ" in wrong.text
    assert "45 thủ tục" in wrong.text
    assert "Giữ nguyên" in wrong.text

    done = await officer.post(target, from_page=target, so_lieu="25,5", tinh_den="20/11/2025")
    assert (done.status_code, done.headers["location"]) == (303, target)
    again = await officer.post(target, from_page=target, so_lieu="26", tinh_den="21/11/2025")
    assert again.status_code == 409
    assert "25,5" in again.text

    correcting = f"{target}?ky=2025-11"
    assert 'value="25,5"' in (await officer.get(correcting)).text
    refused = await officer.post(target, from_page=correcting, so_lieu="26", tinh_den="21/11/2025")
    assert refused.status_code == 422
    assert 'name="thay" value="1"' in refused.text
    done = await officer.post(
        target, from_page=correcting, ly_do="Cộng thiếu", so_lieu="26", tinh_den="21/11/2025"
    )
    assert done.status_code == 303
    history = (await officer.get(target)).text
    assert "<s>25,5</s>" in history
    assert "Cộng thiếu" in history


async def test_the_list_has_those_behind_first_and_counts_its_views(made: tuple[Scene, str, str]) -> None:
    found, path, target = made
    desk = await Visitor(found).sign_in(found.world.secretariat)

    listed = (await desk.get("/chi-tieu")).text
    assert listed.index("Hồ sơ giải quyết trực tuyến") < listed.index("Dịch vụ đã tích hợp")
    behind = (await desk.get("/chi-tieu?xem=cham")).text
    assert "Dịch vụ đã tích hợp" not in behind
    assert re.search(r'aria-current="page">Chậm kế hoạch <span class="n">1</span>', behind)
    reached = (await desk.get("/chi-tieu?xem=dat&lang=en")).text
    assert "Dịch vụ đã tích hợp" in reached
    assert "Reached" in reached
    assert (await desk.get("/chi-tieu?xem=gi")).status_code == 404
    assert "/chi-tieu" in (await desk.get("/bao-cao")).text
    assert "Hồ sơ giải quyết trực tuyến" in (await desk.get(path.rpartition("/")[0])).text
    # The name of a page stays in the browser: it tells nothing of a restricted task.
    assert "<title>Hồ sơ giải quyết trực tuyến, Bộ Y tế" in (await desk.get(target)).text
    await execute("UPDATE task SET restricted = true WHERE id = $1", found.tasks["later"])
    assert "<title>Targets, Bộ Y tế" in (await desk.get(target)).text
    # Who gives tasks reads, and does not report for an agency.
    assert f'action="{target}"' not in (await desk.get(target)).text


async def test_what_is_not_ones_own_is_not_there(made: tuple[Scene, str, str]) -> None:
    found, path, target = made
    other = await Visitor(found).sign_in(found.world.other_agency)

    assert (await other.get(target)).status_code == 404
    assert "Hồ sơ giải quyết trực tuyến" not in (await other.get("/chi-tieu")).text
    desk = await Visitor(found).sign_in(found.world.secretariat)
    assert (await desk.get(target.replace("/BYT/", "/HN/"))).status_code == 404
    assert (await desk.get(f"{path}/chi-tieu/999999")).status_code == 404


async def test_missing_readings_are_named(made: tuple[Scene, str, str]) -> None:
    found, _, _ = made
    told = await indicators.list_told(found.world.secretariat, MONDAY.date())
    assert [[p.key for p in one.standing.missing] for one in told] == [[], ["2025-09", "2025-10"]]
    desk = await Visitor(found).sign_in(found.world.secretariat)
    lacking = (await desk.get("/chi-tieu?xem=thieu")).text
    assert "Thiếu số liệu 2 kỳ: 09/2025, 10/2025" in lacking

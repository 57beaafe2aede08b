"""The overdue list on paper: A4 landscape, as many pages as the bar allows, and nothing of the screen."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tests.browser.conftest import Stage, Watched
from tests.world import directive, task
from tracker.actions import directives
from tracker.db.engine import execute

pytestmark = pytest.mark.anyio

# As long as official wording is: 30 real rows have 240 letters on average.
_FULL = (
    "Hoàn thiện việc xây dựng và đưa vào khai thác cơ sở dữ liệu chuyên ngành, đồng bộ dữ liệu về trung tâm dữ "
    "liệu chung để hình thành cơ sở dữ liệu tổng hợp, phục vụ giải quyết thủ tục hành chính, dịch vụ công trực "
    "tuyến, điều hành và chuyển đổi số"
)
_SHORT = "Đưa cơ sở dữ liệu chuyên ngành vào khai thác và đồng bộ về trung tâm dữ liệu chung"


async def _record(stage: Stage, rows: int) -> None:
    """So many overdue tasks of one ministry, and nothing else overdue in that directive."""
    tasks = [
        replace(
            task("trước ngày 31/10/2025", leads=("BTC",)),
            # From 36 to 84 letters, as short names are.
            short_name=f"{_SHORT[: 30 + n * 7 % 49]} ({n})",
            full_text=f"{_FULL} ({n}).",
        )
        for n in range(1, rows + 1)
    ]
    await directives.record(
        stage.scene.world.secretariat,
        directive(*tasks, number="71/NQ-CP", issued_on=date(2025, 4, 1)),
        datetime(2025, 4, 2, 2, tzinfo=UTC),
    )


async def _printed(stage: Stage, query: str) -> tuple[bytes, list[str]]:
    """The pdf that the browser's own print command makes, and the text of its pages."""
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext here: apt-get install poppler-utils")
    async with stage.watched(stage.scene.world.secretariat) as watched:
        assert await watched.go(f"/bao-cao/qua-han?{query}") == 200
        pdf = await watched.page.pdf(prefer_css_page_size=True, print_background=True)
    read = await asyncio.to_thread(
        subprocess.run,
        ["pdftotext", "-layout", "-", "-"],
        input=pdf,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return pdf, read.stdout.decode().split("\f")[:-1]


async def test_thirty_full_rows_take_at_most_seven_pages(stage: Stage) -> None:
    await _record(stage, 30)

    pdf, pages = await _printed(stage, "co-quan=BTC&van-ban=2")

    assert len(pages) <= 7
    sizes = set(re.findall(rb"/MediaBox\s*\[([^\]]+)\]", pdf))
    assert {tuple(round(float(n)) for n in size.split()[2:]) for size in sizes} == {(842, 595)}
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in pages[0]
    assert "Độc lập - Tự do - Hạnh phúc" in pages[0]
    assert "ngày 24 tháng 11 năm 2025" in pages[0]
    # No number on the first page; from the second on it stands alone at the top.
    assert pages[0].strip().splitlines()[0].strip() != "1"
    for number, page in enumerate(pages[1:], start=2):
        assert page.strip().splitlines()[0].strip() == str(number)
    assert sum("Nhiệm vụ" in page and "Văn bản" in page for page in pages) >= len(pages) - 1
    whole = " ".join(" ".join(pages).split())
    for screen in ("Sang ngày mai", "Trình đơn", "Bảng tính", "Lập danh sách", "http://", "Đăng xuất"):
        assert screen not in whole
    assert "Nơi nhận:" in pages[-1]
    assert "- Lưu: VT." in pages[-1]


async def test_two_hundred_short_rows_take_at_most_twelve_pages(stage: Stage) -> None:
    await _record(stage, 200)

    _, pages = await _printed(stage, "co-quan=BTC&van-ban=2&noi-dung=ten-gon")

    assert len(pages) <= 12
    assert sum(page.count("71/NQ-CP, 01/04/2025") for page in pages) == 200
    assert all("Văn bản giao nhiệm" in page and "STT" in page for page in pages[:-1])


async def test_the_paper_is_set_in_times_and_other_pages_print_without_their_frame(stage: Stage) -> None:
    async with stage.watched(stage.scene.world.secretariat) as watched:
        await watched.go("/bao-cao/qua-han")
        await watched.page.emulate_media(media="print")
        font = await watched.page.locator(".paper").evaluate("e => getComputedStyle(e).fontFamily")
        size = await watched.page.locator(".paper").evaluate("e => getComputedStyle(e).fontSize")
        await watched.go("/viec")
        hidden = [
            await watched.page.locator(part).first.is_hidden()
            for part in (".top", ".foot", ".filterbar", ".demo")
        ]

    assert font.startswith('"Times New Roman"')
    assert round(float(size.removesuffix("px")) * 72 / 96, 1) == 13
    assert hidden == [True] * 4


async def _pages_of(watched: Watched, path: str) -> tuple[bytes, list[str]]:
    """What the browser's print command makes of a page."""
    assert await watched.go(path) == 200
    pdf = await watched.page.pdf(prefer_css_page_size=True, print_background=True)
    read = await asyncio.to_thread(
        subprocess.run,
        ["pdftotext", "-raw", "-", "-"],
        input=pdf,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return pdf, read.stdout.decode().split("\f")[:-1]


async def test_the_brief_of_an_official_is_exactly_one_page_however_much_there_is(stage: Stage) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext here: apt-get install poppler-utils")
    long = "Đưa cơ sở dữ liệu chuyên ngành vào khai thác, đồng bộ về trung tâm dữ liệu chung của cả nước"
    tasks = [
        replace(task(deadline, leads=("BTC", "BYT")), short_name=f"{long[:84]} ({n})")
        for deadline in ("trước ngày 31/10/2025", "trước ngày 28/11/2025")
        for n in range(12)
    ]
    name = "Bộ Phát triển nông thôn, Tài nguyên nước và Biến đổi khí hậu các tỉnh ven biển miền Trung số"
    await execute(
        "INSERT INTO agency (code, name, short_name, kind, search_key, sort_key)"
        " SELECT 'X' || n, $1 || ' ' || n, 'X' || n, 'ministry', 'x', lpad(n::text, 3, '0')"
        " FROM generate_series(1, 9) n",
        name,
    )
    more = [
        replace(
            task("trước ngày 03/11/2025", leads=tuple(f"X{n}" for n in range(1, 10))), short_name=long[:90]
        )
    ]
    await directives.record(
        stage.scene.world.secretariat,
        directive(*tasks, *more, number="71/NQ-CP", issued_on=date(2025, 4, 1)),
        datetime(2025, 4, 2, 2, tzinfo=UTC),
    )
    async with stage.watched(stage.scene.world.member) as watched:
        for query in ("?pham-vi=tat-ca", "?co-quan=BKH"):
            pdf, pages = await _pages_of(watched, f"/tong-quan/ban-in{query}")

            assert len(pages) == 1, pages[1:]
            size = re.findall(rb"/MediaBox\s*\[([^\]]+)\]", pdf)[0]
            assert tuple(round(float(n)) for n in size.split()[2:]) == (595, 842)
            whole = " ".join(pages[0].split())
            assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in whole
            assert "Hà Nội, ngày 24 tháng 11 năm 2025" in whole
            assert "đến hết ngày 30 tháng 11 năm 2025" in whole
            for screen in ("Trình đơn", "Đăng xuất", "Bản tóm tắt", "http://", "Xem bằng bảng"):
                assert screen not in whole
        await watched.page.emulate_media(media="print")
        font = await watched.page.locator(".brief").evaluate("e => getComputedStyle(e).fontFamily")
        assert font.startswith('"Times New Roman"')

        pdf, pages = await _pages_of(watched, "/lich")
        assert len(pages) <= 2
        assert "Thứ Hai" in pages[0]
        assert "hôm nay" in "".join(pages)
        _, pages = await _pages_of(watched, "/bao-cao/ty-le")
        assert "Tỷ lệ = số đã xong trên số đến hạn" in " ".join(" ".join(pages).split())
        assert "Lập bảng" not in " ".join(pages)

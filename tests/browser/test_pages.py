"""What a reader sees and what checkers find, on every page there is, in a real browser."""

from __future__ import annotations

import asyncio
import gzip
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.browser import pages
from tests.browser.conftest import NODE_MODULES, Stage, Watched
from tests.browser.pages import PAGES, Listed, options_of
from tests.web_scene import NASTY, Visitor, scene
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("vi", options_of(1280, "light")),
    ("vi", options_of(320, "dark")),
    ("en", options_of(768, "dark")),
    ("en", options_of(320, "light")),
)
MATRIX = [
    (language, options_of(width, scheme, zoom=zoom))
    for language in ("vi", "en")
    for scheme in ("light", "dark")
    for width, zoom in ((320, 1), (768, 1), (1280, 1), (1280, 2), (1280, 4))
]


def _name(variant: tuple[str, dict[str, Any]] | int) -> str:
    if isinstance(variant, int):
        return str(variant)
    language, options = variant
    zoom = options["device_scale_factor"]
    return f"{language}-{options['color_scheme']}-{options['viewport']['width']}-x{zoom}"


async def check(watched: Watched, axe: str, path: str) -> list[str]:
    """Everything that is wrong with a page, in words."""
    await watched.go(path)
    return [f"{path}: {wrong}" for wrong in await pages.look(watched, axe)]


def nothing_wrong(wrong: list[str]) -> None:
    """Fail with all of it, uncut."""
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


# -- every page --------------------------------------------------------------------------------------------


def test_every_route_of_a_page_is_listed() -> None:
    listed = {pages.route_of(one) for one in PAGES}

    assert pages.routes() - listed - pages.ELSEWHERE.keys() == set(), (
        "say in tests/browser/pages.py who opens it"
    )
    assert pages.ELSEWHERE.keys() - pages.routes() == set(), "no such route"
    assert len({one.name for one in PAGES}) == len(PAGES)


async def _look_at(
    stage: Stage,
    axe: str,
    variant: tuple[str, dict[str, Any]],
    chosen: list[Listed],
    folder: Path | None = None,
) -> list[str]:
    """What is wrong with these pages in a variant; with a folder, only their pictures are taken."""
    language, options = variant
    ids = await pages.props(stage.scene)
    wrong: list[str] = []
    for who in dict.fromkeys(one.who for one in chosen):
        async with stage.watched(pages.actor_of(stage.scene, who), **options) as watched:
            await watched.page.add_init_script(pages.WATCH_POLICY)
            await watched.go(f"/tro-giup?lang={language}")
            for one in (one for one in chosen if one.who == who):
                status = await pages.open_page(watched, one, ids)
                if status != one.status:
                    wrong.append(f"{one.name}: status {status}")
                if folder is not None:
                    picture = folder / f"{one.name}.{_name(variant)}.png"
                    await watched.page.screenshot(path=picture, full_page=True)
                    continue
                wrong += [f"{one.name}: {found}" for found in await pages.look(watched, axe)]
            wrong += [f"{who}: asks {address}" for address in watched.strays]
            wrong += [f"{who}: console: {said}" for said in watched.complaints]
    return wrong


@pytest.mark.parametrize("turn", range(len(VARIANTS)), ids=lambda turn: _name(VARIANTS[turn]))
async def test_every_page_is_sound_in_one_variant(stage: Stage, axe: str, turn: int) -> None:
    """Each page once, so that each role and each kind of page comes in every variant."""
    chosen = [one for number, one in enumerate(PAGES) if number % len(VARIANTS) == turn]

    nothing_wrong(await _look_at(stage, axe, VARIANTS[turn], chosen))


@pytest.mark.long
@pytest.mark.parametrize("variant", MATRIX, ids=_name)
async def test_every_page_is_sound_in_every_variant(
    stage: Stage, axe: str, variant: tuple[str, dict[str, Any]]
) -> None:
    nothing_wrong(await _look_at(stage, axe, variant, list(PAGES)))


@pytest.mark.long
@pytest.mark.parametrize("variant", VARIANTS, ids=_name)
async def test_screens_of_every_page(
    stage: Stage, axe: str, variant: tuple[str, dict[str, Any]], screens: Path
) -> None:
    nothing_wrong(await _look_at(stage, axe, variant, list(PAGES), screens))


async def _bodies(settings: Settings, language: str) -> dict[Listed, str]:
    """The markup of every page that an address leads to."""
    found: dict[Listed, str] = {}
    async with scene(settings) as made:
        ids = await pages.props(made)
        visitors: dict[str, Visitor] = {}
        for one in (one for one in PAGES if not one.sends):
            if one.who not in visitors:
                visitors[one.who] = Visitor(made)
                if (actor := pages.actor_of(made, one.who)) is not None:
                    await visitors[one.who].sign_in(actor)
                await visitors[one.who].get(f"/tro-giup?lang={language}")
            answer = await visitors[one.who].get(pages.address_of(one, ids))
            assert answer.status_code == one.status, one
            found[one] = answer.text
    return found


@pytest.mark.parametrize("language", ["vi", pytest.param("en", marks=pytest.mark.long)])
async def test_markup_is_valid_titles_differ_and_pages_are_light(database: Settings, language: str) -> None:
    bodies = await _bodies(database, language)

    titles = defaultdict(set)
    wrong = []
    for one, body in bodies.items():
        if f'<html lang="{language}"' not in body and not one.path.startswith("/api/"):
            wrong.append(f"{one.name}: not in {language}")
        if re.search(r'(src|href|action)="(https?:)?//(?!127\.0\.0\.1)', body.partition("<main")[0]):
            wrong.append(f"{one.name}: something of another host")
        size, zipped = len(body.encode()), len(gzip.compress(body.encode(), 6))
        if size > 100_000 or zipped > 20_000:
            wrong.append(f"{one.name}: {size} bytes, {zipped} zipped")
        title = re.search(r"<title>(.*?)</title>", body, re.S)
        assert title is not None, one.name
        if one.status == 200:
            titles[title[1]].add(one.path.partition("?")[0])
    wrong += [f"{title} is the title of {sorted(paths)}" for title, paths in titles.items() if len(paths) > 1]
    folder = database.data_dir / "html"
    folder.mkdir(parents=True)
    for one, body in bodies.items():
        (folder / f"{one.name}.html").write_text(body, "utf-8")
    wrong += await _invalid(folder)
    nothing_wrong(wrong)


async def _invalid(folder: Path) -> list[str]:
    program = NODE_MODULES / ".bin" / "html-validate"
    if not program.exists() or shutil.which("node") is None:
        pytest.skip("html-validate is not installed: npm ci")
    (folder / ".htmlvalidate.json").write_text(
        '{"extends": ["html-validate:standard"], "rules": {"no-trailing-whitespace": "off", "long-title": "off",'
        ' "no-inline-style": "error", "require-sri": "off", "tel-non-breaking": "off", "wcag/h37": "error"}}'
    )
    checked = await asyncio.to_thread(
        subprocess.run,
        [str(program), str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        check=False,
    )
    return [] if checked.returncode == 0 else [checked.stdout[-6000:]]


async def test_style_and_script_are_small_and_come_from_here(stage: Stage) -> None:
    sizes: dict[str, int] = defaultdict(int)
    requests: list[str] = []
    async with stage.watched(stage.scene.world.secretariat) as watched:
        watched.page.on("request", lambda request: requests.append(request.url))
        await watched.go("/can-xu-ly")
        for kind, address in await watched.page.evaluate(
            """() => [...document.querySelectorAll('link[rel=stylesheet], script[src]')]
                .map(e => [e.tagName, e.href || e.src])"""
        ):
            body = await (await watched.page.request.get(address)).body()
            sizes[kind] += len(gzip.compress(body, 6))

        assert await watched.page.evaluate("document.fonts.size") == 0, "no font is loaded"
    assert sizes["LINK"] <= 20_000
    assert sizes["SCRIPT"] <= 30_000
    assert len(requests) <= 10


# -- what only one page has ----------------------------------------------------------------------------------


async def test_nothing_that_was_typed_runs(stage: Stage) -> None:
    dialogs: list[str] = []
    async with stage.watched(stage.scene.world.secretariat) as watched:
        watched.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        for path in (
            stage.scene.path("nasty"),
            f"/viec/{stage.scene.tasks['nasty']}",
            "/can-xu-ly",
            "/bao-cao/qua-han",
            *(f"/thu/{m.id}" for m in stage.scene.mailbox.list_messages(limit=3)),
        ):
            await watched.go(path)
            assert await watched.page.locator("main script, img[onerror], svg[onload]").count() == 0
            assert await watched.page.locator('script:not([src^="/static/app."])').count() == 0
        await watched.go(stage.scene.path("nasty"))
        assert NASTY[0] in await watched.page.locator("main").inner_text()
        assert watched.complaints == []
    assert dialogs == []


async def test_an_error_summary_has_the_focus_and_leads_to_its_field(stage: Stage) -> None:
    path = stage.scene.path("overdue") + "/gia-han"
    async with stage.watched(stage.scene.world.agency) as watched:
        page = watched.page
        await watched.go(path)
        await page.fill("#de-nghi-den", "31/02/2026")
        await page.fill("#ly-do", "Chờ cấp chứng thư ẾỄ")
        await page.keyboard.press("Tab")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")

        assert (await page.title()).startswith("Lỗi:")
        assert await page.evaluate("document.activeElement.className") == "errors"
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "de-nghi-den"
        assert await page.input_value("#ly-do") == "Chờ cấp chứng thư ẾỄ"


async def test_a_report_is_sent_by_keyboard_on_a_phone_without_script(stage: Stage) -> None:
    path = stage.scene.path("overdue")
    phone = {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False, "has_touch": True}
    async with stage.watched(stage.scene.world.agency, **phone) as watched:
        page = watched.page
        await watched.go(path)
        await page.get_by_role("link", name="Báo cáo kết quả").first.focus()
        await page.keyboard.press("Enter")
        await page.locator("#ket-qua").focus()
        await page.keyboard.type("Đã ban hành quyết định")
        await page.keyboard.press("Tab")
        await page.keyboard.type("7431/BYT-CNTT")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/bien-nhan/BC-2025-*")

        await watched.go(path)
        assert await page.locator(".due.wait").count() == 1


async def test_the_first_phone_screen_of_an_agency_holds_question_date_and_button(stage: Stage) -> None:
    async with stage.watched(stage.scene.world.agency, viewport={"width": 360, "height": 740}) as watched:
        await watched.go(stage.scene.path("overdue"))

        for part in ("h1", ".due .words", ".due strong", ".btn.primary.big"):
            box = await watched.page.locator(part).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 740, part


async def test_a_skip_link_comes_first(stage: Stage) -> None:
    async with stage.watched(stage.scene.world.secretariat) as watched:
        await watched.go("/can-xu-ly")
        await watched.page.keyboard.press("Tab")

        assert await watched.page.evaluate("document.activeElement.className") == "skip"
        assert await watched.page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        await watched.page.keyboard.press("Enter")
        await watched.page.wait_for_url("**/can-xu-ly#chinh")


async def test_every_letter_has_a_shape(stage: Stage) -> None:
    """No letter of Vietnamese is drawn as the box that stands for what the font lacks."""
    script = """() => {
        const canvas = document.createElement('canvas');
        const context = canvas.getContext('2d', {willReadFrequently: true});
        canvas.width = canvas.height = 60;
        context.font = '32px ' + getComputedStyle(document.body).fontFamily;
        const drawn = letter => {
            context.clearRect(0, 0, 60, 60);
            context.fillText(letter, 5, 45);
            return context.getImageData(0, 0, 60, 60).data.join();
        };
        const box = drawn('\\u{10FFFF}');
        return [...'ỄẶỮẵợĐễặữẴỢđ'].filter(letter => drawn(letter) === box || !/[1-9]/.test(drawn(letter)));
    }"""
    async with stage.watched() as watched:
        await watched.go("/dang-nhap")
        assert await watched.page.evaluate(script) == []

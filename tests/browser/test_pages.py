"""What a reader sees and what checkers find, in a real browser."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from typing import Any

import pytest

from tests.browser.conftest import NODE_MODULES, Stage, Watched
from tests.web_scene import NASTY

pytestmark = pytest.mark.anyio

VARIANTS: tuple[dict[str, Any], ...] = (
    {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", "language": "vi"},
    {"viewport": {"width": 320, "height": 800}, "color_scheme": "dark", "language": "vi"},
    {"viewport": {"width": 768, "height": 1024}, "color_scheme": "light", "language": "en"},
    {"viewport": {"width": 320, "height": 800}, "color_scheme": "light", "language": "en"},
)
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def paths_of(stage: Stage) -> list[str]:
    """Every page of the secretariat, with each state that looks different."""
    letter = next(
        m.id for m in stage.scene.mailbox.list_messages() if stage.scene.mailbox.read(m.id).calendar
    )
    return [
        "/dang-nhap",
        "/can-xu-ly",
        "/viec?tinh-trang=tat-ca",
        "/viec?tu=khong-co-gi-khop",
        "/viec?tu-ngay=31/02/2026",
        "/van-ban",
        "/van-ban/1",
        f"/viec/{stage.scene.tasks['soon']}",
        *(
            stage.scene.path(n)
            for n in ("overdue", "waiting", "extension", "extended", "done", "withdrawn", "nasty")
        ),
        "/bao-cao/qua-han",
        "/lich/dang-ky",
        "/thu",
        f"/thu/{letter}",
        "/tro-giup",
        "/khong-co-trang-nay",
    ]


async def check(watched: Watched, axe: str, path: str) -> list[str]:
    """Everything that is wrong with a page, in words."""
    wrong: list[str] = []
    await watched.go(path)
    if sideways := await watched.sideways():
        wrong.append(f"{path}: scrolls sideways by {sideways} px")
    # Through the debugger, not as a script element: the page's own policy allows none.
    await watched.page.evaluate(axe)
    found = await watched.page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, iframes: false})", _TAGS
    )
    for violation in found["violations"]:
        nodes = "; ".join(f"{n['target']} {n['failureSummary'][:200]}" for n in violation["nodes"][:3])
        wrong.append(f"{path}: {violation['id']}: {nodes}")
    return wrong


@pytest.mark.parametrize(
    "variant",
    [*VARIANTS[:2], *(pytest.param(variant, marks=pytest.mark.long) for variant in VARIANTS[2:])],
    ids=lambda v: f"{v['viewport']['width']}-{v['color_scheme']}-{v['language']}",
)
async def test_every_page_passes_the_checkers(stage: Stage, axe: str, variant: dict[str, Any]) -> None:
    options = {name: value for name, value in variant.items() if name != "language"}
    wrong: list[str] = []
    async with stage.watched(stage.scene.world.secretariat, **options) as watched:
        await watched.go(f"/tro-giup?lang={variant['language']}")
        for path in paths_of(stage):
            wrong += await check(watched, axe, path)
        assert watched.strays == []
        assert watched.complaints == []
    async with stage.watched(stage.scene.world.agency, **options) as watched:
        await watched.go(f"/tro-giup?lang={variant['language']}")
        overdue = stage.scene.path("overdue")
        for path in (
            "/viec",
            overdue,
            f"{overdue}/bao-cao",
            f"{overdue}/tien-do",
            f"{overdue}/gia-han",
            "/lich/dang-ky",
        ):
            wrong += await check(watched, axe, path)
        await watched.go(f"{overdue}/bao-cao")
        await watched.page.locator("form.card").evaluate("form => { form.noValidate = true }")
        await watched.page.locator("form.card button[type=submit]").click()
        assert await watched.page.locator(".errors").count() == 1
        await watched.page.evaluate(axe)
        found = await watched.page.evaluate("axe.run(document)")
        wrong += [f"refused form: {v['id']}" for v in found["violations"]]
        assert watched.strays == []
        assert watched.complaints == []

    assert wrong == []


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
            assert await watched.page.locator("script, img[onerror], svg[onload]").count() == 0
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
        await page.wait_for_url(f"**{path}")

        assert "BC-2025-" in await page.locator(".toast").inner_text()
        assert await page.locator(".due.wait").count() == 1


async def test_the_first_phone_screen_of_an_agency_holds_question_date_and_button(stage: Stage) -> None:
    async with stage.watched(stage.scene.world.agency, viewport={"width": 360, "height": 740}) as watched:
        await watched.go(stage.scene.path("overdue"))

        for part in ("h1", ".due .words", ".due strong", ".btn.primary.big"):
            box = await watched.page.locator(part).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 740, part


async def test_targets_are_large_enough_and_focus_is_seen(stage: Stage) -> None:
    async with stage.watched(stage.scene.world.secretariat) as watched:
        await watched.go("/can-xu-ly")
        small = await watched.page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, .btn, .nav a, .tile, summary')]
                .filter(e => e.type !== 'hidden' && e.offsetParent)
                .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
                .filter(([, r]) => r.width < 24 || r.height < 24).map(([html]) => html)"""
        )
        await watched.page.keyboard.press("Tab")
        first = await watched.page.evaluate("document.activeElement.className")
        outline = await watched.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")

    assert small == []
    assert first == "skip"
    assert outline == "3px"


async def test_stacked_marks_are_not_cut(stage: Stage) -> None:
    """The ink of the tallest Vietnamese letters stays inside the line of every text that could cut it."""
    script = """() => {
        const bad = [];
        const canvas = document.createElement('canvas').getContext('2d');
        for (const e of document.querySelectorAll('h1, h2, .chip, .btn, th, td, .name, .words, label, .input, .task')) {
            if (e.closest('.vh')) continue;
            const s = getComputedStyle(e);
            canvas.font = `${s.fontWeight} ${s.fontSize} ${s.fontFamily}`;
            const m = canvas.measureText('ỄẶỮẵợĐ');
            const ink = m.actualBoundingBoxAscent + m.actualBoundingBoxDescent;
            const line = parseFloat(s.lineHeight);
            if (line < parseFloat(s.fontSize) * 1.49 || ink > line + 0.5) bad.push([e.tagName, e.className, ink, line]);
            if (['hidden', 'clip'].includes(s.overflowY) && e.scrollHeight > e.clientHeight + 1) bad.push([e.tagName]);
            if (s.textTransform !== 'none') bad.push([e.tagName, s.textTransform]);
        }
        const tofu = canvas.measureText('\\uFFFF').width;
        canvas.font = getComputedStyle(document.body).font;
        for (const c of 'ỄẶỮẵợĐ') if (canvas.measureText(c).width === 0) bad.push([c, tofu]);
        return bad;
    }"""
    async with stage.watched(stage.scene.world.secretariat) as watched:
        for path in ("/can-xu-ly", stage.scene.path("extension"), "/lich/dang-ky", "/dang-nhap"):
            await watched.go(path)
            assert await watched.page.evaluate(script) == [], path


async def test_markup_is_valid(stage: Stage) -> None:
    program = NODE_MODULES / ".bin" / "html-validate"
    if not program.exists() or shutil.which("node") is None:
        pytest.skip("html-validate is not installed: npm ci")
    folder = stage.scene.settings.data_dir / "html"
    folder.mkdir(parents=True)
    (folder / ".htmlvalidate.json").write_text(
        '{"extends": ["html-validate:standard"], "rules": {"no-trailing-whitespace": "off", "long-title": "off",'
        ' "no-inline-style": "error", "require-sri": "off", "tel-non-breaking": "off", "wcag/h37": "error"}}'
    )
    async with stage.watched(stage.scene.world.secretariat) as watched:
        for number, path in enumerate(paths_of(stage)):
            response = await watched.page.request.get(stage.address + path)
            (folder / f"{number:02d}.html").write_bytes(await response.body())

    checked = await asyncio.to_thread(
        subprocess.run,
        [str(program), str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout[-4000:]

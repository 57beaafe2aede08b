"""Every page of the product, by who reads it, in the states that look different; and what is asked of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from tests.api import application
from tests.browser.conftest import Watched
from tests.web_scene import Scene
from tests.world import MONDAY, add_agency, add_official
from tracker import clock
from tracker.actions import (
    accounts,
    attachments,
    exports,
    imports,
    indicators,
    inspections,
    passing_on,
    reading_sheets,
    reconciliation,
    scheduled_reports,
    succession,
    urges,
    views,
)
from tracker.actions.hashing import token_hash
from tracker.db import accounts as accounts_db
from tracker.db import inspections as db_inspections
from tracker.db import reconciliation as db_reconciliation
from tracker.db.engine import execute, fetchval
from tracker.db.ladders import newest_version
from tracker.db.scheduled_reports import Choices
from tracker.domain.directory import SYSTEM, Actor
from tracker.domain.indicators import Indicator
from tracker.domain.inspections import Conclusion, Verdict
from tracker.domain.inspections import Plan as SessionPlan
from tracker.domain.reconciliation import Answer, Given
from tracker.domain.scheduled_reports import FileFormat, Rhythm, Timing, What
from tracker.domain.succession import Change, Heir, Plan
from tracker.domain.urges import UrgeKind
from tracker.intake.rows import Defaults
from tracker.jobs.long_work import LongWork
from tracker.web.ladder_drafts import values_of

# -- which pages there are -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """An address with the names of `props` in it, and who opens it there."""

    path: str
    who: str = "secretariat"
    status: int = 200
    sends: str = ""
    """The form that is sent empty: its address ends so; the page that refuses it is what is looked at."""

    @property
    def name(self) -> str:
        """For the name of a test or a picture: letters, digits, hyphens."""
        kind = "-refused" if self.sends else ""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.who} {self.path}".lower()).strip("-") + kind


def _of(who: str, *paths: str) -> tuple[Listed, ...]:
    return tuple(Listed(path, who) for path in paths)


PAGES: tuple[Listed, ...] = (
    *_of("nobody", "/dang-nhap", "/quen-mat-khau", "/loi-moi/{invitation}", "/dat-lai-mat-khau/{reset}"),
    *_of("nobody", "/api/problems", "/api/problems/not_found"),
    # The secretariat: lists
    *_of("secretariat", "/can-xu-ly", "/viec?tinh-trang=tat-ca", "/viec?tu=khong-co-gi-khop"),
    *_of("secretariat", "/tim?q=bo+y+te", "/tim?q=khong-co-gi-khop", "/tim"),
    *_of("secretariat", "/cach-xem", "/cach-xem/{view}", "/cong-viec/{job}", "/tai-ve/{job}", "/thu"),
    *_of("secretariat", "/thu/{letter}"),
    # The secretariat: directives and tasks
    *_of("secretariat", "/van-ban", "/van-ban?tu=khong-co-gi-khop", "/van-ban/{directive}"),
    *_of("secretariat", "/van-ban/{directive}/sua", "/van-ban/{directive}/them", "/van-ban/moi", "/van-ban/nhap"),
    *_of("secretariat", "/van-ban/nhap/{import}", "/viec/{soon}", "/viec/{extension}", "/viec/{nasty}"),
    *_of("secretariat", "/viec/{soon}/lich-su", "/viec/{soon}/sua"),
    *_of("secretariat", "/viec/{overdue}/BYT", "/viec/{waiting}/BYT", "/viec/{extension}/BYT", "/viec/{done}/BYT"),
    *_of("secretariat", "/viec/{extended}/BYT", "/viec/{withdrawn}/BYT", "/viec/{nasty}/BYT"),
    *_of("secretariat", "/viec/{later}/BYT/doi-han", "/viec/{later}/BYT/rut", "/viec/{later}/BYT/giao-lai"),
    *_of("secretariat", "/viec/{withdrawn}/BYT/khoi-phuc"),
    # The secretariat: deciding and urging
    *_of("secretariat", "/cho-xac-nhan", "/cho-xac-nhan/{waiting.id}", "/gia-han", "/gia-han/{extension.id}"),
    *_of("secretariat", "/don-doc/xem-truoc?viec={overdue.id}&viec={done.id}", "/don-doc/xem-truoc", "/giai-trinh"),
    *_of("secretariat", "/vi-sao?viec={overdue.id}", "/vi-sao?viec={withdrawn.id}", "/thu-da-gui/{outbox}"),
    # Reports and the calendar
    *_of("secretariat", "/bao-cao", "/bao-cao/ty-le", "/bao-cao/co-quan", "/bao-cao/qua-han", "/lich"),
    *_of("secretariat", "/bao-cao/danh-sach", "/bao-cao/xu-huong", "/lich?thang=2031-05", "/lich/dang-ky"),
    *_of("secretariat", "/bao-cao/lich-gui", "/bao-cao/lich-gui/moi", "/bao-cao/lich-gui/{scheduled}"),
    *_of("secretariat", "/bao-cao/lich-gui/{scheduled}/sua", "/bao-cao/kiem-bieu?vi-du=da-nang"),
    # Settings, agencies, people
    *_of("secretariat", "/thiet-lap", "/thiet-lap/noi-ban-hanh", "/thiet-lap/thang", "/thiet-lap/thang/default"),
    *_of("secretariat", "/thiet-lap/thang/default/ban/1", "/thiet-lap/thang/default/xem-truoc?{draft}"),
    *_of("secretariat", "/thiet-lap/thang/default/ap-dung", "/thiet-lap/lich-lam-viec?nam=2026"),
    *_of("administrator", "/thiet-lap/lich-lam-viec/ngay?tu-ngay=02/01/2026&loai=off&ten=Thử"),
    *_of("administrator", "/thiet-lap/lich-lam-viec/con-lai"),
    *_of("secretariat", "/co-quan", "/co-quan/{agency}"),
    *_of("administrator", "/co-quan/moi", "/co-quan/{agency}/sua", "/co-quan/ke-thua"),
    *_of("administrator", "/co-quan/ke-thua/{succession}", "/nguoi", "/nguoi/moi", "/nguoi/{official}"),
    *_of("administrator", "/he-thong", "/he-thong/thu", "/he-thong/gui-lai"),
    *_of("administrator", "/thiet-lap/webhook"),
    # Inspection sessions
    *_of("secretariat", "/kiem-tra", "/kiem-tra/moi", "/kiem-tra/{planned}", "/kiem-tra/{planned}/sua"),
    *_of("secretariat", "/kiem-tra/{planned}/chot", "/kiem-tra/{planned}/huy", "/kiem-tra/{frozen}"),
    *_of("secretariat", "/kiem-tra/{planned}/giay-moi"),
    *_of("secretariat", "/kiem-tra/{frozen}/hop?muc=2", "/kiem-tra/{frozen}/ket-luan", "/kiem-tra/{frozen}/bo-sung"),
    *_of("secretariat", "/kiem-tra/{frozen}/xac-minh?ma=1234", "/kiem-tra/{frozen}/ket-luan/{conclusion}"),
    *_of("member", "/kiem-tra/{frozen}/chu-toa?muc=2"),
    *_of("agency", "/kiem-tra", "/kiem-tra/{frozen}"),
    # Reconciliation
    *_of("secretariat", "/doi-chieu", "/doi-chieu/moi", "/doi-chieu/{round}", "/doi-chieu/{round}?co-quan=BTC"),
    *_of("agency", "/doi-chieu", "/doi-chieu/{round}"),
    # Targets
    *_of("secretariat", "/chi-tieu", "/chi-tieu?xem=thieu", "/viec/{later}/chi-tieu", "/viec/{later}/chi-tieu/moi"),
    *_of("secretariat", "/viec/{later}/BYT/chi-tieu/{indicator}/sua", "/chi-tieu/nhap"),
    *_of("agency", "/chi-tieu/nhap/{sheet}"),
    *_of("agency", "/viec/{later}/BYT/chi-tieu/{indicator}"),
    # The agency
    *_of("agency", "/viec", "/viec?tu=khong-co-gi-khop", "/viec/{overdue}/BYT", "/viec/{soon}/BYT"),
    *_of("agency", "/viec/{waiting}/BYT", "/viec/{returned}/BYT", "/viec/{extension}/BYT", "/viec/{done}/BYT"),
    *_of("agency", "/viec/{overdue}/BYT/bao-cao", "/viec/{overdue}/BYT/tien-do", "/viec/{overdue}/BYT/gia-han"),
    *_of("agency", "/viec/{overdue}/BYT/chuyen", "/viec/{overdue}/BYT/giai-trinh", "/bien-nhan/{receipt}"),
    *_of("agency", "/van-ban", "/bao-cao/qua-han", "/lich", "/lich/dang-ky", "/giai-trinh"),
    *_of("agency", "/toi", "/toi/thong-bao", "/toi/bao-mat", "/toi/ma-truy-cap", "/toi/bao-mat/nhap-lai"),
    *_of("agency", "/toi/bao-mat/hai-buoc", "/tro-giup", "/phim-tat"),
    *_of("leader", "/viec", "/viec/{overdue}/BYT"),
    # The official and the inspector
    *_of("member", "/tong-quan", "/tong-quan/ban-in", "/viec/{soon}", "/cho-xac-nhan", "/bao-cao", "/lich"),
    *_of("member", "/don-doc/xem-truoc?viec={overdue.id}&loai=giai-trinh", "/bao-cao/ty-le", "/giai-trinh"),
    *_of("inspector", "/bao-cao", "/viec/{soon}", "/van-ban/{directive}", "/viec/{overdue}/BYT"),
    # Refusals, as pages
    Listed("/dat-lai-mat-khau/ddl_khong-co", "nobody", 404),
    Listed("/viec?tu-ngay=31/02/2026", status=400),
    Listed("/thiet-lap/lich-lam-viec/ngay?tu-ngay=31/02/2026", "administrator", 422),
    Listed("/nguoi/moi", "agency", 403),
    Listed("/viec/{overdue}/BTC", "agency", 404),
    Listed("/khong-co-trang-nay", "agency", 404),
    Listed("/viec/{overdue}/BYT/bao-cao", "agency", 422, sends="/bao-cao"),
    Listed("/viec/{overdue}/BYT/gia-han", "agency", 422, sends="/gia-han"),
    Listed("/van-ban/moi", status=422, sends="/van-ban/moi"),
    Listed("/viec/{later}/BYT/doi-han", status=422, sends="/doi-han"),
    Listed("/nguoi/moi", "administrator", 422, sends="/nguoi"),
)  # fmt: skip

ELSEWHERE: Mapping[str, str] = {
    "/": "leads on to the first page of a role",
    "/dang-nhap/ma": "tests/browser/test_sign_in.py, between a password and a code",
    "/dang-nhap-mot-lan/ve": "tests/browser/test_sign_on.py, leads on",
    "/api/docs": "tests/browser/test_api_docs.py, drawn by a program of others",
    "/thu/cua/{outbox_id}": "leads on to a letter",
    "/thu/{letter_id}/html": "somebody's letter as it was sent, in a frame",
    "/noi-bo/{internal_id}": "leads on to the task",
    "/toi/bao-mat/dang-nhap-mot-lan": "only where there is a provider: tests/browser/test_sign_on.py",
    "/thiet-lap/webhook/{webhook_id}": "webhooks are off in the scene: the tests of their pages look at one",
    "/tai-ve/bang/{name}": "a file; where it is long, tests/browser/test_exports.py looks at what is offered",
    "/van-ban/goi-y": "a part of a page, for its script",
    "/bao-cao/lich-gui/{report_id}/xem-thu": "a file",
    "/bao-cao/lich-gui/{report_id}/ky/{day}": "a file",
}
"""Routes that are not in PAGES, and why."""

_NOT_PAGES = re.compile(
    r"^/api/(?!docs$|problems)|\.(csv|xlsx|json|ico|pdf|docx)$|^/(live|ready|calendars|static|minh-chung|phien)\b"
    r"|/tep(/|$)|/nguon$|^/api/docs/"
)


def routes() -> set[str]:
    """The paths of every route that answers a GET with a page, types of parameters left out."""
    found = set()
    for route in application().routes:
        methods = {m for handler in getattr(route, "route_handlers", ()) for m in handler.http_methods}
        path = re.sub(r":[a-z]+}", "}", route.path)
        if "GET" in methods and not _NOT_PAGES.search(path):
            found.add(path)
    return found


def route_of(listed: Listed) -> str | None:
    """The route that a listed address leads to."""
    address = re.sub(r"{[^}]*}", "0", listed.path.partition("?")[0])
    exact = {path: re.sub(r"{[^}]*}", "[^/]+", path) for path in routes()}
    fitting = [path for path, pattern in exact.items() if re.fullmatch(pattern, address)]
    # The one with the fewest places to fill is the one that Litestar takes.
    return min(fitting, key=lambda path: path.count("{"), default=None)


# -- what stands in the addresses ------------------------------------------------------------------------

_TABLE = "STT;Nhiệm vụ;Cơ quan chủ trì;Thời hạn\n1;Lập kế hoạch năm;Bộ Y tế;15/12/2025\n2;;Bộ Lạ;32/13/2025\n"
_RESET = "ddl_" + "R" * 32


async def props(scene: Scene) -> dict[str, object]:
    """Make what the scene lacks for some page, and tell what stands in each address."""
    world, now = scene.world, clock.utc_now()
    desk, agency = world.secretariat, world.agency
    ids: dict[str, object] = dict(scene.tasks)
    for name, task_id in scene.tasks.items():
        ids[f"{name}.id"] = await fetchval(
            "SELECT id FROM assignment WHERE task_id = $1 AND agency_id = $2", task_id, world.agencies["BYT"]
        )
    ids["directive"] = await fetchval("SELECT directive_id FROM task WHERE id = $1", scene.tasks["soon"])
    ids["agency"], ids["official"] = world.agencies["BTC"], world.officials["btc.leader"]
    ids["outbox"] = await fetchval("SELECT min(outbox_id) FROM outbox_entry")
    ids["letter"] = next(m.id for m in scene.mailbox.list_messages() if scene.mailbox.read(m.id).calendar)
    ids["receipt"] = await fetchval(
        "SELECT receipt FROM report WHERE assignment_id = $1 ORDER BY id LIMIT 1", ids["waiting.id"]
    )
    defaults = Defaults("88/NQ-CP", date(2025, 11, 20), "Chính phủ", confirm_early=False)
    day = MONDAY.date()
    session = SessionPlan(
        "Kiểm tra tại Bộ Y tế", day + timedelta(days=4), day, day + timedelta(days=2), ("BYT",)
    )
    for name in ("planned", "frozen"):
        named = replace(session, title=f"{session.title} ({name})")
        ids[name] = await inspections.plan(desk, named, now)
    frozen = await db_inspections.get_inspection(int(str(ids["frozen"])))
    await inspections.freeze(desk, frozen.id, frozen.row_version, now)
    item = (await db_inspections.list_items(frozen.id))[0]
    moved = Conclusion(Verdict.NEW_DATE, "Hoàn thành trước 20/12.", date(2025, 12, 20))
    ids["conclusion"] = await inspections.conclude(desk, frozen.id, item.id, None, moved, now)
    target = Indicator("Hồ sơ Ễ", "%", day - timedelta(days=60), day + timedelta(days=20), target=Decimal(30))
    ids["indicator"] = await indicators.define(desk, int(str(ids["later.id"])), target, now)
    read = indicators.NewReading("gần 20", day - timedelta(days=20))
    await indicators.enter(agency, int(str(ids["indicator"])), read, "page", now)
    figures = f"Mã chỉ tiêu;Tính đến ngày;Số liệu\n{ids['indicator']};{day:%d/%m/%Y};21\n7;;5\n".encode()
    ids["sheet"] = await reading_sheets.send(agency, figures, "so-lieu.csv", now)
    ids["round"] = await reconciliation.open_round(desk, day, day + timedelta(days=7), now)
    whole = await reconciliation.asked_of(agency, int(str(ids["round"])), "BYT")
    first = (await db_reconciliation.list_items(int(str(ids["round"])), whole.agency_id))[0]
    said = Given(first.id, Answer.DONE, "88/BC-BYT", day, "Đã gửi Ễ.")
    await reconciliation.answer(
        agency, int(str(ids["round"])), "BYT", reconciliation.Sent([said], True, whole.digest), now
    )
    weekly = Choices(
        "Quá hạn hằng tuần Ễ",
        What.OVERDUE,
        Timing(Rhythm.WEEKLY, 1, time(7, 30)),
        FileFormat.XLSX,
        (world.officials["inspector"], world.officials["btc.leader"]),
    )
    ids["scheduled"] = await scheduled_reports.make(desk, weekly, now - timedelta(days=20))
    await scheduled_reports.send_due(now)
    ids["import"] = await imports.ask(
        desk, imports.NewImport(_TABLE.encode(), "bang.csv", "", defaults), "vi"
    )
    ids["job"] = await exports.ask(desk, exports.NewExport("assignments", "csv"), "vi")
    await LongWork(clock.utc_now).run()
    ids["view"] = await views.save(desk, "Việc ngành y tế Ễ", "/viec", "co-quan=BYT", False, now)
    colleague = await add_official(
        "Người Được Giao", "giao@byt.example.vn", "agency_officer", None, world.agencies["BYT"]
    )
    passed = passing_on.PassOn(official_id=colleague, due_on=None, note="Làm trước phần dự thảo.", seen=0)
    await passing_on.pass_on(agency, int(str(ids["overdue.id"])), passed, now)
    newest = await newest_version("default")
    assert newest is not None
    ids["draft"] = urlencode({**values_of(newest.steps), "b2n": "4", "tu": newest.version})
    file = attachments.NewFile("Bảng kèm theo.txt", "Ễ".encode())
    await attachments.add(agency, int(str(ids["overdue.id"])), file, now)
    asked = urges.NewUrge([int(str(ids["overdue.id"]))], UrgeKind.EXPLANATION, answer_by=date(2025, 11, 28))
    await urges.urge(world.member, asked, now)
    ids["invitation"] = (await accounts.invite(SYSTEM, colleague, datetime.now(UTC))).token
    await accounts_db.insert_link(
        world.officials["btc.leader"],
        "reset",
        token_hash(_RESET),
        timedelta(hours=1),
        None,
        datetime.now(UTC),
    )
    ids["reset"] = _RESET
    old = await add_agency("CU", "Cơ quan cũ", "other")
    assert old
    plan = Plan("1/QĐ", (Change("CU", MONDAY.date(), (Heir("BTC"),)),))
    digest = (await succession.preview(world.administrator, plan, now)).digest
    done = await succession.carry_out(world.administrator, plan, digest, now)
    ids["succession"] = done.succession_id
    await execute(
        "INSERT INTO agency_member (agency_id, official_id) SELECT id, $1 FROM agency WHERE code IN ('BYT', 'HN')",
        world.officials["member"],
    )
    return ids


def actor_of(scene: Scene, who: str) -> Actor | None:
    """The person behind a name of PAGES."""
    if who == "nobody":
        return None
    actor: Actor = getattr(scene.world, who)
    return actor


def address_of(listed: Listed, ids: Mapping[str, object]) -> str:
    """The address with the places filled."""
    return re.sub(r"{([^}]+)}", lambda place: str(ids[place[1]]), listed.path)


async def open_page(watched: Watched, listed: Listed, ids: Mapping[str, object]) -> int:
    """Open a listed page, send its form when that is what is looked at; the status."""
    status = await watched.go(address_of(listed, ids))
    if listed.sends:
        form = watched.page.locator(f'main form[method="post"][action$="{listed.sends}"]').first
        await form.evaluate("form => { form.noValidate = true }")
        async with watched.page.expect_navigation() as answered:
            buttons = form.locator('button:not([type="button"]):not(.vh)')
            main = buttons.and_(form.locator(".primary, .big"))
            await (main if await main.count() else buttons).first.click()
        status = (await answered.value).status
    return status


# -- what is asked of each -------------------------------------------------------------------------------

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

WATCH_POLICY = """
    window.policyBroken = [];
    document.addEventListener('securitypolicyviolation',
        e => window.policyBroken.push(`${e.violatedDirective} ${e.blockedURI}`));
"""
"""Before any page: note what its content security policy refuses."""

_LOOK = """async tags => {
    const wrong = [];
    const root = document.documentElement;
    const over = root.scrollWidth - root.clientWidth;
    if (over > 0) wrong.push(`scrolls sideways by ${over} px`);
    if (!['vi', 'en'].includes(root.lang)) wrong.push(`language ${root.lang}`);
    for (const broken of window.policyBroken || []) wrong.push(`policy: ${broken}`);
    // A link in a sentence is as high as its line (WCAG 2.5.8); everything else can be touched.
    const touched = 'button, input, select, textarea, summary, .btn, .nav a, .tile, .views a, [role=button]';
    for (const e of document.querySelectorAll(touched)) {
        if (e.type === 'hidden' || !e.checkVisibility({visibilityProperty: true}) || e.closest('.vh')) continue;
        const near = e.labels && e.labels[0] ? e.labels[0].getBoundingClientRect() : {width: 0, height: 0};
        const r = e.getBoundingClientRect();
        if (Math.max(r.width, near.width) < 24 || Math.max(r.height, near.height) < 24)
            wrong.push(`target of ${Math.round(r.width)} × ${Math.round(r.height)}: ${e.outerHTML.slice(0, 90)}`);
    }
    const canvas = document.createElement('canvas').getContext('2d');
    const seen = new Set();
    for (const e of document.querySelectorAll(
            'h1, h2, h3, .chip, .btn, th, td, .name, .words, label, legend, .input, input, select, summary, p, li')) {
        // The sheets of Decree 30 have the lines of paper, and nothing on them is cut off.
        if (e.closest('.vh, svg, .paper') || e.type === 'hidden') continue;
        const s = getComputedStyle(e);
        const key = [e.tagName, e.className, s.font, s.lineHeight].join();
        const cuts = ['hidden', 'clip'].includes(s.overflowY) && e.scrollHeight > e.clientHeight + 1;
        if (cuts && e.checkVisibility()) wrong.push(`cut: ${e.outerHTML.slice(0, 90)}`);
        if (seen.has(key)) continue;
        seen.add(key);
        canvas.font = `${s.fontWeight} ${s.fontSize} ${s.fontFamily}`;
        const m = canvas.measureText('ỄẶỮẵợĐ');
        const ink = m.actualBoundingBoxAscent + m.actualBoundingBoxDescent;
        const line = parseFloat(s.lineHeight);  // not a number where the font decides, as in boxes of the system
        if (ink > line + 0.5 || line < parseFloat(s.fontSize) * 1.49)
            wrong.push(`letters of ${ink} px in a line of ${line} px: ${e.outerHTML.slice(0, 90)}`);
        if (s.textTransform === 'uppercase') wrong.push(`capitals by style: ${e.outerHTML.slice(0, 90)}`);
    }
    const found = await axe.run(document, {runOnly: {type: 'tag', values: tags}, iframes: false,
                                           resultTypes: ['violations']});
    for (const v of found.violations)
        for (const n of v.nodes.slice(0, 3))
            wrong.push(`${v.id}: ${n.target} ${n.failureSummary.slice(0, 200)}`);
    return wrong;
}"""

_FOCUS = """() => {
    const e = document.activeElement;
    const s = getComputedStyle(e);
    return [e.outerHTML.slice(0, 90), parseFloat(s.outlineWidth), s.outlineStyle];
}"""


async def look(watched: Watched, axe: str) -> list[str]:
    """Everything that is wrong with the page that is open, in words."""
    # Through the debugger, not as a script element: the page's own policy allows none.
    await watched.page.evaluate(axe)
    wrong: list[str] = await watched.page.evaluate(_LOOK, TAGS)
    await watched.page.keyboard.press("Tab")
    focused: tuple[str, float, str] = await watched.page.evaluate(_FOCUS)
    # "auto" is the browser's own ring, on pages for programmers that have no sheet.
    if focused[2] != "auto" and (focused[1] < 2 or focused[2] == "none"):
        wrong.append(f"focus is not seen on {focused[0]}")
    return wrong


def options_of(width: int, scheme: str, *, zoom: float = 1, **more: Any) -> dict[str, Any]:
    """The window of a width at a zoom: what is zoomed has fewer of larger pixels."""
    size = {"width": round(width / zoom), "height": round(900 / zoom)}
    return {"viewport": size, "color_scheme": scheme, "device_scale_factor": zoom, **more}

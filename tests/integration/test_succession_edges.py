"""Succession from the page, from the API and from a shell: the same preview, the same single act."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api import Api, running_api
from tests.shell import tracker
from tests.web_scene import ADDRESS, NASTY, Scene, Visitor, hidden_fields, scene
from tests.world import build_world
from tracker.db.engine import execute, fetchval
from tracker.domain.errors import Invalid
from tracker.intake.files import read_file
from tracker.intake.succession import plan_from_text, read_plan
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
PAGE = "/co-quan/ke-thua"
PLAN: dict[str, Any] = {
    "document": "Nghị quyết 202/2025/QH15",
    "changes": [
        {"predecessor": "BYT", "effective_on": "2026-11-01", "heirs": [{"code": "BTC", "default": True}]}
    ],
}


# --- the API ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as found:
        yield found


async def test_a_plan_is_previewed_carried_out_and_read(api: Api) -> None:
    await api.recorded()
    admin = await api.client(api.world.administrator)

    shown = await admin.post("/api/v1/successions/preview", json=PLAN)
    digest = shown.json()["digest"]
    key = {"Idempotency-Key": "succession-1"}
    made = await admin.post("/api/v1/successions", json={"plan": PLAN, "digest": digest}, headers=key)
    again = await admin.post("/api/v1/successions", json={"plan": PLAN, "digest": digest}, headers=key)
    listed = await admin.get("/api/v1/successions")
    one = await admin.get(made.headers["Location"])

    assert shown.status_code == 200, shown.text
    assert (shown.json()["is_ready"], shown.json()["counts"]["open"]) == (True, 1)
    # The ministry of finance co-operates in the same task: the lead part goes on, its own gives way.
    assert {(a["outcome"], a["is_own"]) for a in shown.json()["assignments"]} == {
        ("moved", False),
        ("absorbed", True),
    }
    assert made.status_code == 201, made.text
    assert again.json() == made.json()
    assert one.json() == made.json() == listed.json()["items"][0]
    assert made.json()["items"][0]["predecessor"] == {"code": "BYT", "name": "Bộ Y tế"}
    assert await fetchval("SELECT count(*) FROM succession") == 1


async def test_what_is_wrong_with_a_plan_is_named_by_its_field(api: Api) -> None:
    admin = await api.client(api.world.administrator)
    wrong = {
        "document": "Nghị quyết",
        "changes": [
            {"predecessor": "XXX", "effective_on": "2026-11-01", "heirs": [{"code": "BTC"}]},
            {"predecessor": "HN", "effective_on": "2026-11-01", "heirs": [{"code": "BKH"}]},
        ],
    }

    refused = await admin.post("/api/v1/successions/preview", json=wrong)

    assert refused.status_code == 422
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [
        ("/changes/0/predecessor", "agency_unknown")
    ]


@pytest.mark.parametrize("persona", ["secretariat", "member", "agency", "inspector"])
async def test_others_are_refused(api: Api, persona: str) -> None:
    client = await api.client(getattr(api.world, persona))

    answers = [
        await client.get("/api/v1/successions"),
        await client.get("/api/v1/successions/1"),
        await client.get("/api/v1/successions/recorded"),
        await client.post("/api/v1/successions/preview", json=PLAN),
        await client.post(
            "/api/v1/successions", json={"plan": PLAN, "digest": "0" * 64}, headers={"Idempotency-Key": "k"}
        ),
    ]

    assert [a.status_code for a in answers] == [403] * 5


async def test_an_old_preview_and_a_day_to_come_are_conflicts(api: Api) -> None:
    await api.recorded()
    admin = await api.client(api.world.administrator)
    later = {**PLAN, "changes": [{**PLAN["changes"][0], "effective_on": "2099-01-01"}]}
    digest = (await admin.post("/api/v1/successions/preview", json=later)).json()["digest"]

    old = await admin.post(
        "/api/v1/successions", json={"plan": PLAN, "digest": "0" * 64}, headers={"Idempotency-Key": "a"}
    )
    early = await admin.post(
        "/api/v1/successions", json={"plan": later, "digest": digest}, headers={"Idempotency-Key": "b"}
    )
    keyless = await admin.post("/api/v1/successions", json={"plan": PLAN, "digest": "0" * 64})

    assert (old.status_code, old.json()["code"]) == (409, "succession_changed")
    assert (early.status_code, early.json()["code"]) == (409, "succession_too_early")
    assert keyless.status_code == 400


async def test_what_the_directory_records_makes_a_plan(api: Api) -> None:
    admin = await api.client(api.world.administrator)

    recorded = (await admin.get("/api/v1/successions/recorded")).json()
    shown = await admin.post(
        "/api/v1/successions/preview", json={"document": "Nghị quyết 176", "changes": recorded["changes"]}
    )

    assert [(c["predecessor"], c["heirs"][0]["code"]) for c in recorded["changes"]] == [("BKH", "BTC")]
    assert shown.json()["is_ready"]


async def test_the_overdue_list_is_read_by_either_name(api: Api) -> None:
    await api.recorded(issued_on="2026-01-05", number="3/NQ-CP", tasks=[_overdue_task()])
    admin = await api.client(api.world.administrator)
    digest = (await admin.post("/api/v1/successions/preview", json=PLAN)).json()["digest"]
    done = await admin.post(
        "/api/v1/successions", json={"plan": PLAN, "digest": digest}, headers={"Idempotency-Key": "c"}
    )

    as_was = (await admin.get("/api/v1/overdue")).json()
    rolled = (await admin.get("/api/v1/overdue", params={"lineage": "successors"})).json()
    bad = await admin.get("/api/v1/overdue", params={"lineage": "both"})

    assert done.status_code == 201, done.text
    assert {a["code"]: a["buckets"]["transferred"] for a in as_was["agencies"]}["BYT"] == 1
    assert [a["code"] for a in rolled["agencies"]] == ["BTC"]
    assert rolled["totals"] == as_was["totals"]
    assert bad.status_code == 400


def _overdue_task() -> dict[str, Any]:
    return {
        "short_name": "Kế hoạch",
        "full_text": "Kế hoạch của bộ.",
        "leads": ["BYT"],
        "cooperating": [],
        "deadline": "trước ngày 15/02/2026",
    }


# --- the page --------------------------------------------------------------------------------------------------


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as found:
        yield found


async def send(visitor: Visitor, path: str, html: str, **fields: object) -> Any:
    """Send a form of a page that was shown, with its hidden fields."""
    form = "/thuc-hien" if "/thuc-hien" in html else "/xem-truoc"
    values: dict[str, Any] = dict(hidden_fields(html, f"{PAGE}{form}"))
    values |= {name.replace("_", "-"): value for name, value in fields.items()}
    return await visitor.client.post(path, data=values, headers={"Origin": ADDRESS})


async def test_the_walk_from_plan_to_record(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.administrator)
    form = (await visitor.get(PAGE)).text

    shown = await send(
        visitor,
        f"{PAGE}/xem-truoc",
        form,
        van_ban="Nghị quyết 202",
        ngay="24/11/2025",
        cu=["BYT"],
        moi=["BTC"],
    )
    before = await fetchval("SELECT count(*) FROM succession")
    done = await send(visitor, f"{PAGE}/thuc-hien", shown.text)
    record = await visitor.get(done.headers["Location"])
    again = await send(visitor, f"{PAGE}/thuc-hien", shown.text)

    assert shown.status_code == 200
    assert "Bộ Y tế" in shown.text
    assert "Thực hiện</button>" in shown.text
    assert before == 0
    assert done.status_code == 303, done.text
    assert "Nghị quyết 202" in record.text
    assert "Hợp nhất, sáp nhập" in record.text
    assert again.status_code == 422
    assert "đã thực hiện lúc" in again.text
    assert "Nghị quyết 202" in (await visitor.get(PAGE)).text


async def test_a_split_is_completed_on_the_preview(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.administrator)
    form = (await visitor.get(PAGE)).text

    asked = await send(
        visitor, f"{PAGE}/xem-truoc", form, van_ban="Nghị quyết", ngay="24/11/2025", cu=["BYT"], moi=["BTC", "HN"],
        linh_vuc="BTC: thuế, phí",
    )  # fmt: skip
    refused = await send(visitor, f"{PAGE}/thuc-hien", asked.text)
    ready = await send(visitor, f"{PAGE}/xem-truoc", asked.text, **{"mac-dinh-BYT": "HN"})
    done = await send(visitor, f"{PAGE}/thuc-hien", ready.text, **{"mac-dinh-BYT": "HN"})

    assert "cần người quyết định" in asked.text
    assert "Thực hiện</button>" not in asked.text
    assert refused.status_code == 409
    assert "Thực hiện</button>" in ready.text
    assert done.status_code == 303, done.text
    at = await fetchval("SELECT agency_id FROM official WHERE id = $1", made.world.officials["byt.focal"])
    assert at == made.world.agencies["HN"]


async def test_what_is_missing_is_said_and_what_was_typed_is_kept(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.administrator)
    form = (await visitor.get(PAGE)).text

    empty = await send(visitor, f"{PAGE}/xem-truoc", form)
    wrong = await send(
        visitor, f"{PAGE}/xem-truoc", form, van_ban=NASTY[0], ngay="31/02/2025", cu=["BYT"], moi=["BYT"],
        linh_vuc="không có dấu",
    )  # fmt: skip
    own = await send(
        visitor, f"{PAGE}/xem-truoc", form, van_ban="NQ", ngay="24/11/2025", cu=["BYT"], moi=["BYT"]
    )
    broken = await send(visitor, f"{PAGE}/thuc-hien", form, **{"ke-hoach": "{}"})

    assert (empty.status_code, wrong.status_code, own.status_code) == (422, 422, 422)
    assert "Cần nêu văn bản làm căn cứ" in empty.text
    assert "&lt;script&gt;alert(1)" in wrong.text
    assert NASTY[0] not in wrong.text
    assert "không thể kế thừa chính mình" in own.text
    assert broken.status_code == 422


async def test_what_the_directory_records_is_previewed_from_the_page(made: Scene) -> None:
    visitor = await Visitor(made).sign_in(made.world.administrator)
    form = (await visitor.get(PAGE)).text

    shown = await send(
        visitor, f"{PAGE}/xem-truoc", form, van_ban="NQ 176", ngay="24/11/2025", **{"theo-danh-muc": "1"}
    )

    assert "Bộ Kế hoạch và Đầu tư" in shown.text
    assert "Thực hiện</button>" in shown.text


@pytest.mark.parametrize("persona", ["secretariat", "member", "agency", "inspector"])
async def test_the_pages_are_the_administrators(made: Scene, persona: str) -> None:
    visitor = await Visitor(made).sign_in(getattr(made.world, persona))
    token = (
        hidden_fields((await visitor.get("/lich/dang-ky")).text, "/lich/dang-ky")["_token"]
        if persona != "inspector"
        else ""
    )

    pages = [await visitor.get(path) for path in (PAGE, f"{PAGE}/1")]
    posts = [
        await visitor.client.post(f"{PAGE}/{end}", data={"_token": token}, headers={"Origin": ADDRESS})
        for end in ("xem-truoc", "thuc-hien")
    ]

    assert {answer.status_code for answer in (*pages, *posts)} == {403}


# --- tables and the shell --------------------------------------------------------------------------------------


def test_a_table_is_a_plan() -> None:
    text = (
        "Cơ quan cũ;Cơ quan mới;Ngày hiệu lực;Lĩnh vực;Mặc định;Văn bản\n"
        "H22;H60;01/07/2025;toàn bộ chức năng;;Nghị quyết 202/2025/QH15\n"
        "G04;G17;2025-03-01;giao thông vận tải;x;\n"
        "G04;G01;2025-03-01;sát hạch, cấp giấy phép;;\n"
        "H99;;01/07/2025;;;\n"
    )

    plan = read_plan(read_file(text.encode(), "ke-hoach.csv"))

    assert plan.document == "Nghị quyết 202/2025/QH15"
    assert [(c.predecessor, [(h.code, h.fields, h.is_default) for h in c.heirs]) for c in plan.changes] == [
        ("H22", [("H60", (), False)]),
        ("G04", [("G17", ("giao thông vận tải",), True), ("G01", ("sát hạch", "cấp giấy phép"), False)]),
        ("H99", []),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a,b\n1,2\n", "succession_columns"),
        ("predecessor,successor\n,H60\n", "succession_line_without_predecessor"),
        ("predecessor,successor\nH22,H60\n", "succession_line_without_day"),
        ("predecessor,successor,effective_on\nH22,H60,31/02/2025\n", "import_date_impossible"),
    ],
)
def test_a_table_that_is_no_plan_is_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_plan(read_file(text.encode(), "x.csv"))

    assert [p.code for p in refused.value.problems] == [code]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"changes":[{}]}', '{"document":"x","changes":[[1]]}', "[" * 9000]
)
def test_a_hidden_plan_that_was_tampered_with_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        plan_from_text(text)


async def test_the_command_previews_applies_and_lists(database: Settings, tmp_path: Path) -> None:
    world = await build_world()
    await execute("UPDATE agency SET valid_from = '2026-01-01' WHERE code = 'HN'")
    table = tmp_path / "plan.csv"
    table.write_text("predecessor,successor,effective_on\nBYT,HN,01/11/2026\n", "utf-8")
    document = ("--document", "Nghị quyết 202")

    one = await tracker(
        database,
        "succession",
        "preview",
        "--from",
        "BYT",
        "--to",
        "HN",
        "--on",
        "01/11/2026",
        *document,
        "--json",
    )
    shown = await tracker(database, "succession", "preview", str(table), *document)
    stale = await tracker(database, "succession", "apply", str(table), *document, "--digest", "0" * 64)
    early = await tracker(
        database, "succession", "apply", "--from", "BYT", "--to", "BTC", "--on", "01/01/2099", *document
    )
    done = await tracker(
        database, "succession", "apply", str(table), *document, "--digest", json.loads(one.stdout)["digest"]
    )
    again = await tracker(database, "succession", "apply", str(table), *document)
    listed = await tracker(database, "succession", "list", "--json")
    recorded = await tracker(database, "succession", "preview", "--recorded", *document)
    overdue = await tracker(database, "succession", "apply", "--from", "BYT", *document)

    assert json.loads(one.stdout)["is_ready"], one.stderr
    assert "Bộ Y tế" in shown.stdout
    assert json.loads(one.stdout)["digest"] in shown.stdout
    assert stale.returncode != 0
    assert "look at it again" in stale.stderr
    assert (early.returncode, "2099" in early.stdout) == (65, True)
    assert (done.returncode, "carried out" in done.stdout) == (0, True), done.stderr
    assert again.returncode == 65
    assert json.loads(listed.stdout)[0]["items"][0]["successor"] == "HN"
    assert "BKH" in recorded.stdout
    assert overdue.returncode == 65
    assert await fetchval("SELECT agency_id FROM official WHERE id = $1", world.officials["byt.focal"])

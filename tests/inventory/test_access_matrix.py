"""Every route, and what it answers to whom: access_matrix.tsv is the expectation, written by reasoning.

A row stands for a route, asked for a row of one agency (or of one of its officers); a column for who speaks, see
tests/access_scene.py. `ok` is done or shown, `->` leads to the sign-in, a number is the status of a refusal.
The rules that the cells follow from are in docs/decisions/0015-permissions.md.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from tests import access_scene
from tests.access_scene import (
    ABSENT,
    OTHER,
    OWN,
    PRIVATE,
    READINGS,
    RESET_LINK,
    SPEAKERS,
    TABLE,
    Scene,
    closed_marks,
    foreign_addresses,
    foreign_marks,
)
from tests.api import application
from tests.conftest import Cluster
from tests.identity_scene import OTHER_PASSWORD, PASSWORD
from tests.oidc_provider import oidc_provider
from tests.rows import Hand, hand_of
from tests.world import MONDAY
from tracker.actions import accounts, outbox, succession
from tracker.actions.working_days import days_version
from tracker.api.endpoint import Operation
from tracker.api.openapi import PREFIX
from tracker.db.engine import fetchrow, fetchval
from tracker.db.sight import ROWS_OF_AGENCIES
from tracker.domain.succession import Change, Heir, Plan
from tracker.intake.succession import plan_to_text
from tracker.settings import Settings

STALE = '"99-000000000000"'
MATRIX = Path(__file__).parent / "access_matrix.tsv"
CELLS = {"ok", "->", "401", "403", "404", "422", "-"}
NOT_ABOUT_ROLES = frozenset({"GET /dang-nhap-mot-lan/ve"})
"""Where 403 is no matter of roles: an answer of the provider that nobody here asked for."""


# -- the routes and the table --------------------------------------------------------------------------


def _routes() -> dict[str, Operation | None]:
    """Every route of the application by method and path, with its operation where it is one of the API."""
    found: dict[str, Operation | None] = {}
    for route in application().routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods - {"OPTIONS", "HEAD"}:
                found[f"{method} {re.sub(r':[a-z]+}', '}', route.path)}"] = handler.opt.get("operation")
    return found


def _table() -> dict[str, dict[str, str]]:
    """The cells by route and speaker."""
    lines = [line for line in MATRIX.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    head = lines[0].split()
    assert tuple(head[2:]) == SPEAKERS
    rows: dict[str, dict[str, str]] = {}
    for line in lines[1:]:
        method, path, *cells = line.split()
        key = f"{method} {path}"
        assert key not in rows, f"two rows for {key}"
        assert len(cells) == len(SPEAKERS), f"row of {key}: {cells}"
        assert set(cells) <= CELLS, f"row of {key}: {cells}"
        rows[key] = dict(zip(SPEAKERS, cells, strict=True))
    return rows


ROUTES = _routes()
ROWS = _table()


def test_every_route_has_a_row() -> None:
    missing = sorted(ROUTES.keys() - ROWS.keys())
    assert not missing, (
        "say in tests/inventory/access_matrix.tsv who may do this, one line each of method, path and a cell for"
        f" {', '.join(SPEAKERS)}: {missing}"
    )


def test_every_row_has_a_route() -> None:
    stray = sorted(ROWS.keys() - ROUTES.keys())
    assert not stray, (
        f"take these lines out of tests/inventory/access_matrix.tsv, no such route exists: {stray}"
    )


def test_every_route_has_a_call() -> None:
    missing = sorted(ROUTES.keys() - CALLS.keys())
    assert not missing, (
        f"say in CALLS of tests/inventory/test_access_matrix.py how these are called: {missing}"
    )
    assert not CALLS.keys() - ROUTES.keys()


# -- how each route is called --------------------------------------------------------------------------

Ids = Mapping[str, Any]
Prepare = Callable[[Scene, str], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Ask:
    """A valid call: what stands in the address, what is sent; `prepare` makes what only the moment knows."""

    at: Callable[[Ids], Mapping[str, object]] = lambda ids: {}
    query: str | Callable[[Ids], str] = ""
    json: Callable[[Ids], object] | None = None
    form: Callable[[Ids], Mapping[str, object]] | None = None
    files: Mapping[str, tuple[str, bytes, str]] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    prepare: Prepare | None = None
    is_by_link: bool = False
    """The token in the address is the right, whoever sends it."""


def _json(at: str | None = None, /, **body: object) -> Ask:
    """A body without ids in it; `at` names the assignment it is about."""
    where = (lambda ids: {}) if at is None else (lambda ids: {"assignment_id": ids[at]})
    return Ask(where, json=lambda ids: body)


def _at(name: str, wanted: str) -> Ask:
    return Ask(lambda ids: {name: ids[wanted]})


def _form(**fields: object) -> Ask:
    return Ask(form=lambda ids: {name.replace("_", "-"): value for name, value in fields.items()})


def _work(at: str, **fields: object) -> Ask:
    """A form of an assignment's page, sent over the version that stands."""

    async def version(scene: Scene, speaker: str) -> dict[str, Any]:
        return {
            "phien-ban": await fetchval("SELECT row_version FROM assignment WHERE id = $1", scene.ids[at])
        }

    values = {name.replace("_", "-"): value for name, value in fields.items()}
    return Ask(
        lambda ids: {"task_id": ids[f"task.{at}"]},
        form=lambda ids: {"lan-gui": "Q" * 16, **values},
        prepare=version,
    )


def _of(table: str, at: str, where: Mapping[str, str], /, **fields: object) -> Ask:
    """A form about a row of `table`, sent over the version that stands; `where` is what the address holds."""

    async def version(scene: Scene, speaker: str) -> dict[str, Any]:
        return {"phien-ban": await fetchval(f"SELECT row_version FROM {table} WHERE id = $1", scene.ids[at])}

    values = {name.replace("_", "-"): value for name, value in fields.items()}
    return Ask(
        lambda ids: {name: ids[wanted] for name, wanted in where.items()},
        form=lambda ids: {"lan-gui": "Q" * 16, **values},
        prepare=version,
    )


def _sent(at: Mapping[str, str], /, **fields: object) -> Ask:
    """A form that is about no version."""
    values = {name.replace("_", "-"): value for name, value in fields.items()}
    return Ask(
        lambda ids: {name: ids[wanted] for name, wanted in at.items()},
        form=lambda ids: {"lan-gui": "Q" * 16, **values},
    )


def _person(at: str = "guest", /, **fields: object) -> Ask:
    """A form of a person's page."""

    async def version(scene: Scene, speaker: str) -> dict[str, Any]:
        person = scene.ids["people"][at]
        return {"phien-ban": await fetchval("SELECT row_version FROM official WHERE id = $1", person)}

    values = {name.replace("_", "-"): value for name, value in fields.items()}
    return Ask(
        lambda ids: {"official_id": ids["people"][at]},
        form=lambda ids: {"lan-gui": "Q" * 16, **values},
        prepare=version,
    )


async def _own_version(scene: Scene, speaker: str) -> dict[str, Any]:
    official_id = scene.speakers[speaker].official_id
    return {"phien-ban": await fetchval("SELECT row_version FROM official WHERE id = $1", official_id)}


async def _agency_version(scene: Scene, speaker: str) -> dict[str, Any]:
    agency_id = scene.ids["agencies"][OWN]
    return {"phien-ban": await fetchval("SELECT row_version FROM agency WHERE id = $1", agency_id)}


async def _asked_version(scene: Scene, speaker: str) -> dict[str, Any]:
    assignment_id = scene.ids["asked"]
    return {"phien-ban": await fetchval("SELECT row_version FROM assignment WHERE id = $1", assignment_id)}


async def _task_stands(scene: Scene, speaker: str) -> dict[str, Any]:
    select = "SELECT secretariat_officer_id, row_version FROM task WHERE id = $1"
    row = await fetchrow(select, scene.ids["task.fresh"])
    assert row is not None
    return {
        "lan-gui": "Q" * 16,
        "theo-doi": row["secretariat_officer_id"] or "",
        "phien-ban": row["row_version"],
    }


async def _letter_version(scene: Scene, speaker: str) -> dict[str, Any]:
    opened = await outbox.open_message(await scene.actor("administrator"), scene.ids["message"])
    return {"phien-ban": opened.version}


async def _totp_begun(scene: Scene, speaker: str) -> dict[str, Any]:
    """A second factor that waits for its first code."""
    begun = await accounts.begin_totp(await scene.actor(speaker), datetime.now(UTC))
    return {"ma": pyotp.TOTP(begun.secret).now(), "tiep": ""}


async def _totp_held(scene: Scene, speaker: str) -> dict[str, Any]:
    """A second factor in force, and the code that its owner's phone shows."""
    now = datetime.now(UTC)
    actor = await scene.actor(speaker)
    secret = (await accounts.begin_totp(actor, now)).secret
    session_id = await fetchval(
        "SELECT min(id) FROM web_session WHERE official_id = $1 AND ended_at IS NULL", actor.official_id
    )
    code = pyotp.TOTP(secret).at(now, counter_offset=-1)
    await accounts.confirm_totp(actor, session_id, code, now)
    return {"ma-moi": pyotp.TOTP(secret).at(now)}


_PLAN = Plan("2/QĐ", (Change("SAP", access_scene.TODAY, (Heir(OTHER),)),))
_PLAN_JSON: dict[str, object] = {
    "document": "2/QĐ",
    "changes": [
        {"predecessor": "SAP", "effective_on": f"{access_scene.TODAY}", "heirs": [{"code": OTHER}]},
    ],
}


async def _digest(scene: Scene) -> str:
    shown = await succession.preview(await scene.actor("administrator"), _PLAN, MONDAY)
    return shown.digest


async def _agreed(scene: Scene, speaker: str) -> dict[str, Any]:
    return {"plan": _PLAN_JSON, "digest": await _digest(scene)}


async def _agreed_form(scene: Scene, speaker: str) -> dict[str, Any]:
    shown = await succession.preview(await scene.actor("administrator"), _PLAN, MONDAY)
    return {"ke-hoach": plan_to_text(shown.plan), "dau-van-tay": shown.digest}


_TASK = {
    "short_name": "Việc mới",
    "full_text": "Việc mới.",
    "leads": [OWN],
    "deadline": "trước ngày 15/12/2025",
}
_DIRECTIVE = {
    "number": "55/NQ-CP", "kind": "resolution", "issued_on": "2025-11-20", "issuer": "Chính phủ",
    "abstract": "Về việc khác", "tasks": [_TASK],
}  # fmt: skip
_STEP = {
    "code": "before_4",
    "anchor": "before",
    "offset": 4,
    "unit": "working",
    "to": ["focal"],
    "wording": "soon",
}
_PERSON = {"name": "Người mới", "email": "moi@byt.example.vn", "role": "agency_officer", "agency": OWN}
_FILE = {"Content-Type": "text/plain"}
_CSV = {"Content-Type": "text/csv"}
_WEBHOOK = {"url": "http://127.0.0.1:9999/y", "kinds": ["assignment.assigned"]}
_PRINTED = "Cơ quan,Số\nBộ,1\nTổng,1"
_REPORT = {
    "name": "Quá hạn",
    "what": "overdue",
    "rhythm": "weekly",
    "day": 1,
    "hour": "07:30",
    "format": "xlsx",
}
_FORM_REPORT = {
    "lan-gui": "Q" * 16, "ten": "Quá hạn", "bang": "qua-han", "nhip": "tuan", "thu": "1", "gio": "07:30",
    "tep": "xlsx",
}  # fmt: skip
_FORM_PERSON = {
    "ten": "Người guest",
    "thu": "guest@byt.example.vn",
    "vai-tro": "agency_officer",
    "co-quan": OWN,
}
_FORM_AGENCY = {"ten": "Bộ Y tế", "ten-tat": "Bộ Y tế", "loai": "ministry", "cap-tren": "TREN"}
_PASSWORDS = {"mat-khau-moi": OTHER_PASSWORD, "nhap-lai": OTHER_PASSWORD}

_INSPECTION = "/inspections/{inspection_id}"
_NOTED = {"verdict": "noted", "text": "Ghi nhận."}
_INSPECTIONS_API: dict[str, Ask] = {
    "GET /inspections": Ask(),
    "POST /inspections": _json(
        title="Kiểm tra", held_on="2025-11-24", due_until="2025-12-31", agencies=[OWN]
    ),
    "GET /inspections/candidates": Ask(),
    f"GET {_INSPECTION}": Ask(),
    f"PATCH {_INSPECTION}": Ask(
        lambda ids: {"inspection_id": ids["inspection.planned"]}, json=lambda ids: {"place": "Phòng 2"}
    ),
    f"POST {_INSPECTION}/cancel": _json(reason="Trùng lịch."),
    f"GET {_INSPECTION}/agenda": Ask(),
    f"POST {_INSPECTION}/explanations": _at("inspection_id", "inspection.planned"),
    f"POST {_INSPECTION}/freeze": _at("inspection_id", "inspection.planned"),
    f"GET {_INSPECTION}/items": Ask(),
    f"GET {_INSPECTION}/addenda": Ask(),
    f"POST {_INSPECTION}/addenda": _json(text="Đính chính."),
    f"GET {_INSPECTION}/conclusions": Ask(),
    f"POST {_INSPECTION}/conclusions": _json(**_NOTED),
    f"GET {_INSPECTION}/conclusions/{{conclusion_id}}": Ask(),
    f"PUT {_INSPECTION}/conclusions/{{conclusion_id}}": _json(**_NOTED),
    f"DELETE {_INSPECTION}/conclusions/{{conclusion_id}}": Ask(),
    f"GET {_INSPECTION}/items/{{item_id}}/conclusion": Ask(),
    f"PUT {_INSPECTION}/items/{{item_id}}/conclusion": _json(**_NOTED),
    f"GET {_INSPECTION}/carry-out": Ask(),
    f"POST {_INSPECTION}/carry-out": Ask(
        lambda ids: {"inspection_id": ids["inspection.ready"]},
        json=lambda ids: {"number": "12/TB-TCT", "issued_on": "2025-11-24", "issuer": "Tổ công tác"},
    ),
    f"GET {_INSPECTION}/dossier": Ask(),
    f"GET {_INSPECTION}/notice": Ask(),
}

_API: dict[str, Ask] = {
    "GET /agencies": Ask(),
    "POST /agencies": _json(code="MOI", name="Cơ quan mới", short_name="Mới", kind="other"),
    "GET /agencies/{agency_id}": Ask(),
    "PATCH /agencies/{agency_id}": _json(short_name="Y tế"),
    "GET /assignments": Ask(),
    "POST /assignments/bulk": Ask(
        json=lambda ids: {"items": [{"assignment_id": str(ids["fresh"]), "action": "acknowledge"}]}
    ),
    "GET /assignments/{assignment_id}": Ask(),
    "POST /assignments/{assignment_id}/acknowledge": Ask(),
    "GET /assignments/{assignment_id}/attachments": _at("assignment_id", "acked"),
    "POST /assignments/{assignment_id}/attachments": Ask(
        lambda ids: {"assignment_id": ids["acked"]}, query="?name=a.txt", content=b"a", headers=_FILE
    ),
    "POST /assignments/{assignment_id}/commitment": _json("acked", committed_on="2025-12-20", cause="Chờ."),
    "POST /assignments/{assignment_id}/confirm": _json("reported"),
    "POST /assignments/{assignment_id}/deadline": _json("acked", due_on="2025-12-20", reason="Nhầm."),
    "GET /assignments/{assignment_id}/extensions": _at("assignment_id", "asked"),
    "POST /assignments/{assignment_id}/extensions": _json("acked", proposed_on="2025-12-31", reason="Chờ."),
    "GET /assignments/{assignment_id}/history": Ask(),
    "GET /assignments/{assignment_id}/reminders": Ask(),
    "GET /assignments/{assignment_id}/reports": _at("assignment_id", "reported"),
    "POST /assignments/{assignment_id}/reports": _json("acked", kind="progress", summary="Đang làm."),
    "POST /assignments/{assignment_id}/return": _json("reported", reason="Thiếu."),
    "POST /assignments/{assignment_id}/supersede": _json("fresh", reason="Thay."),
    "POST /assignments/{assignment_id}/transfer": _json("fresh", to_agency=OTHER, reason="Đúng chức năng."),
    "POST /assignments/{assignment_id}/withdraw": _json("fresh", reason="Thôi."),
    "GET /attachments/{attachment_id}": Ask(),
    "DELETE /attachments/{attachment_id}": Ask(),
    "GET /audit/heads": Ask(),
    "POST /deadlines/resolve": _json(phrase="trong quý III", issued_on="2025-03-07"),
    "GET /deliveries/{delivery_id}": Ask(),
    "POST /deliveries/{delivery_id}/replay": Ask(),
    "GET /directives": Ask(),
    "POST /directives": _json(**_DIRECTIVE),
    "GET /directives/{directive_id}": Ask(),
    "PATCH /directives/{directive_id}": _json(signer="Nguyễn Văn A"),
    "GET /directives/{directive_id}/tasks": Ask(),
    "POST /directives/{directive_id}/tasks": _json(tasks=[_TASK]),
    "POST /exports": _json(what="assignments", format="csv"),
    "GET /extensions/{extension_id}": Ask(),
    "POST /extensions/{extension_id}/decision": _json(grant=True, document="50/TB"),
    "GET /feeds": Ask(),
    "POST /feeds": Ask(),
    "GET /feeds/{feed_id}": Ask(),
    "PATCH /feeds/{feed_id}": _json(consolidated=True),
    "DELETE /feeds/{feed_id}": Ask(),
    "GET /history": Ask(query="?limit=200"),
    "POST /imports": Ask(query="?name=a.csv", content=TABLE.encode(), headers=_CSV),
    "GET /imports/{import_id}": Ask(),
    "POST /imports/{import_id}/confirmation": Ask(),
    "GET /assignments/{assignment_id}/indicators": _at("assignment_id", "acked"),
    "POST /assignments/{assignment_id}/indicators": _json(
        "acked", name="Dịch vụ công", unit="%", target="30", starts_on="2026-01-01", due_on="2026-12-31"
    ),
    "GET /reconciliations": Ask(),
    "POST /reconciliations": _json(as_of="2025-11-24", answer_by="2025-12-01"),
    "GET /reconciliations/preview": Ask(),
    "POST /reconciliations/{reconciliation_id}/close": Ask(),
    "GET /reconciliations/{reconciliation_id}/agencies/{agency_id}": Ask(),
    "POST /reconciliations/{reconciliation_id}/agencies/{agency_id}/answers": Ask(
        json=lambda ids: {"rest_agrees": True, "list_digest": ids["round.digest"]}
    ),
    "POST /reconciliations/{reconciliation_id}/settlements": Ask(
        json=lambda ids: {"item_id": str(ids["round.item"]), "settlement": "accepted"}
    ),
    "GET /indicators/{indicator_id}/readings": Ask(),
    "POST /indicators/{indicator_id}/readings": _json(figure="gần 20", as_of="2025-11-24", unit="% hồ sơ"),
    "GET /assignments/{assignment_id}/explanations": _at("assignment_id", "owed"),
    "POST /assignments/{assignment_id}/explanations": _json("owed", text="Vì thiếu người."),
    "GET /assignments/{assignment_id}/inside": _at("assignment_id", "passed"),
    "POST /assignments/{assignment_id}/inside": Ask(
        lambda ids: {"assignment_id": ids["acked"]},
        json=lambda ids: {"official_id": str(ids["people"]["colleague"])},
    ),
    "DELETE /assignments/{assignment_id}/inside": _at("assignment_id", "passed"),
    "POST /assignments/{assignment_id}/inside/notes": _json("passed", note="Đang làm."),
    "POST /assignments/{assignment_id}/inside/notes/{note_id}/share": _at("assignment_id", "passed"),
    "GET /assignments/{assignment_id}/shared-notes": _at("assignment_id", "passed"),
    "GET /me/optional-mail": Ask(),
    "PUT /me/optional-mail": _json(unwanted=[]),
    **_INSPECTIONS_API,
    "GET /jobs": Ask(),
    "GET /jobs/{job_id}": Ask(),
    "POST /reading-imports": Ask(query="?name=a.csv", content=READINGS.encode(), headers=_CSV),
    "GET /reading-imports/{sheet_id}": Ask(),
    "POST /reading-imports/{sheet_id}/confirmation": Ask(),
    "POST /jobs/{job_id}/cancel": _at("job_id", "job.waiting"),
    "GET /jobs/{job_id}/result": _at("job_id", "job.done"),
    "GET /ladders": Ask(),
    "POST /ladders/dry-run": _json(code="default"),
    "GET /ladders/{code}": Ask(),
    "POST /ladders/{code}/replan": _json(reason="Áp dụng bậc mới."),
    "POST /ladders/{code}/versions": _json(steps=[_STEP]),
    "GET /ladders/{code}/versions/{number}": Ask(),
    "GET /mandates/{mandate_id}": Ask(),
    "DELETE /mandates/{mandate_id}": Ask(),
    "GET /me": Ask(),
    "GET /officials": Ask(query="?limit=200"),
    "POST /officials": _json(**_PERSON),
    "GET /officials/{official_id}": Ask(),
    "PATCH /officials/{official_id}": Ask(
        lambda ids: {"official_id": ids["people"]["byt.focal"]}, json=lambda ids: {"language": "en"}
    ),
    "POST /officials/{official_id}/disable": Ask(),
    "POST /officials/{official_id}/enable": Ask(lambda ids: {"official_id": ids["people"]["disabled"]}),
    "POST /officials/{official_id}/invitation": Ask(),
    "GET /officials/{official_id}/mandates": Ask(),
    "POST /officials/{official_id}/mandates": _json(agency="HN", valid_from="2026-01-01"),
    "GET /outbox": Ask(query="?limit=200"),
    "POST /outbox/replay": _json(reason="Đã thông.", dry_run=True),
    "GET /outbox/{message_id}": Ask(),
    "POST /outbox/{message_id}/replay": _json(reason="Đã thông."),
    "GET /overdue": Ask(query="?as_of=2026-01-10"),
    "GET /sending": Ask(),
    "PUT /sending": _json(paused=True, reason="Bảo trì."),
    "POST /sending/test": Ask(),
    "GET /sessions": Ask(),
    "DELETE /sessions/{session_id}": Ask(),
    "GET /statistics": Ask(),
    "GET /statistics/assignments": Ask(),
    "GET /statistics/pace": Ask(),
    "GET /statistics/trend": Ask(),
    "GET /scheduled-reports": Ask(),
    "POST /scheduled-reports": Ask(json=lambda ids: _REPORT | {"readers": [str(ids["people"]["inspector"])]}),
    "GET /scheduled-reports/{scheduled_report_id}": Ask(),
    "PATCH /scheduled-reports/{scheduled_report_id}": _json(state="paused"),
    "DELETE /scheduled-reports/{scheduled_report_id}": Ask(),
    "GET /scheduled-reports/{scheduled_report_id}/letters": Ask(),
    "GET /scheduled-reports/{scheduled_report_id}/preview": Ask(),
    "POST /table-checks": Ask(query="?name=a.csv", content=_PRINTED.encode(), headers=_CSV),
    "GET /successions": Ask(),
    "POST /successions": Ask(prepare=_agreed),
    "POST /successions/preview": _json(**_PLAN_JSON),
    "GET /successions/recorded": Ask(),
    "GET /successions/{succession_id}": Ask(),
    "GET /tasks/{task_id}": Ask(),
    "PATCH /tasks/{task_id}": _json(product="Kế hoạch"),
    "GET /tokens": Ask(),
    "DELETE /tokens/current": Ask(),
    "POST /urges": Ask(json=lambda ids: {"assignment_ids": [str(ids["fresh"])]}),
    "GET /webhooks": Ask(),
    "POST /webhooks": _json(**_WEBHOOK),
    "GET /webhooks/{webhook_id}": Ask(),
    "PATCH /webhooks/{webhook_id}": _json(description="khác"),
    "DELETE /webhooks/{webhook_id}": Ask(),
    "GET /webhooks/{webhook_id}/deliveries": Ask(),
    "POST /webhooks/{webhook_id}/ping": Ask(),
    "POST /webhooks/{webhook_id}/secret": Ask(),
    "GET /working-days": Ask(query="?year=2025"),
    "POST /working-days/preview": _json(changes=[]),
    "GET /working-days/{day}": Ask(),
    "PUT /working-days/{day}": _json(kind="off", name="Nghỉ bù", document="1/TB"),
    "DELETE /working-days/{day}": Ask(lambda ids: {"day": "2026-01-01"}, query="?document=1/TB"),
    "POST /working-years": _json(year=2027, document="1/TB"),
}

_NEW_DIRECTIVE = {
    "so-ky-hieu": "66/NQ-CP", "loai": "resolution", "ngay-ban-hanh": "20/11/2025",
    "co-quan-ban-hanh": "Chính phủ", "trich-yeu": "Về việc khác",
}  # fmt: skip
_NEW_TASK = {
    "lan-gui": "Q" * 16, "lam": "ghi", "cac-viec": "1", "v1-ten": "Việc mới", "v1-chu-tri": "Bộ Y tế",
    "v1-han": "trước ngày 15/12/2025",
}  # fmt: skip
_PASSED = {"task_id": "task.passed", "internal_id": "internal", "note_id": "note"}
_UPLOAD = {"tep": ("bang.txt", b"mot hai ba", "text/plain")}
_PAST = "?ngay=24/11/2025"
_HERE = "/viec/{task_id}/{agency_code}"

_WORK_PAGES: dict[str, Ask] = {
    "GET /cho-xac-nhan": Ask(),
    "GET /cho-xac-nhan/{assignment_id}": _at("assignment_id", "reported"),
    "POST /cho-xac-nhan/{assignment_id}": _of(
        "assignment", "reported", {"assignment_id": "reported"}, quyet_dinh="xac-nhan"
    ),
    "POST /cho-xac-nhan/{assignment_id}/hoan-tac": _sent({"assignment_id": "judged"}),
    "GET /gia-han": Ask(),
    "GET /gia-han/{assignment_id}": _at("assignment_id", "asked"),
    "POST /gia-han/{assignment_id}": _of(
        "assignment",
        "asked",
        {"assignment_id": "asked"},
        quyet_dinh="dong-y",
        gia_han_den="31/12/2025",
        van_ban_gia_han="1/TB",
    ),
    "GET /don-doc/xem-truoc": Ask(query=lambda ids: f"?viec={ids['fresh']}"),
    "POST /don-doc": Ask(form=lambda ids: {"lan-gui": "Q" * 16, "cac-viec": str(ids["fresh"])}),
    "POST /don-doc/{urging_id}/hoan-tac": _sent({"urging_id": "urging"}),
    "GET /giai-trinh": Ask(),
    "GET /vi-sao": Ask(query=lambda ids: f"?viec={ids['fresh']}"),
    "GET /minh-chung/{attachment_id}": Ask(),
    "GET /bien-nhan/{number}": _at("number", "receipt"),
    "GET /noi-bo/{internal_id}": _at("internal_id", "internal"),
    "GET /viec.csv": Ask(query="?tinh-trang=tat-ca"),
    "GET /viec.xlsx": Ask(query="?tinh-trang=tat-ca"),
    "GET /viec/{task_id}/lich-su": Ask(),
    "GET /viec/{task_id}/lich-su.csv": Ask(),
    "GET /viec/{task_id}/lich-su.json": Ask(),
    "GET /viec/{task_id}/lich-su.xlsx": Ask(),
    "GET /viec/{task_id}/sua": Ask(),
    "POST /viec/{task_id}/sua": Ask(form=lambda ids: {"noi-lam": "Hà Nội"}, prepare=_task_stands),
    f"GET {_HERE}/chuyen": _at("task_id", "task.passed"),
    f"POST {_HERE}/chuyen": Ask(
        lambda ids: {"task_id": ids["task.acked"]},
        form=lambda ids: {"lan-gui": "Q" * 16, "nguoi-lam": ids["people"]["colleague"], "dang-giao": "0"},
    ),
    f"POST {_HERE}/chuyen/thu-lai": Ask(
        lambda ids: {"task_id": ids["task.passed"]},
        form=lambda ids: {"lan-gui": "Q" * 16, "dang-giao": ids["internal"]},
    ),
    f"POST {_HERE}/ghi-chu": _sent(_PASSED, noi_dung="Đang làm."),
    f"POST {_HERE}/ghi-chu/{{note_id}}/chia-se": _sent(_PASSED),
    f"GET {_HERE}/doi-han": Ask(),
    f"POST {_HERE}/doi-han": _work("acked", han_moi="19/12/2025", ly_do="Nhầm.", buoc="doi"),
    f"GET {_HERE}/giai-trinh": _at("task_id", "task.owed"),
    f"POST {_HERE}/giai-trinh": _sent({"task_id": "task.owed"}, giai_trinh="Vì thiếu người."),
    f"GET {_HERE}/giao-lai": Ask(),
    f"POST {_HERE}/giao-lai": _work("fresh", co_quan=OTHER, ly_do="Đúng chức năng."),
    f"GET {_HERE}/khoi-phuc": _at("task_id", "task.dropped"),
    f"POST {_HERE}/khoi-phuc": _work("dropped", ly_do="Vẫn cần."),
    f"GET {_HERE}/rut": Ask(),
    f"POST {_HERE}/rut": _work("fresh", cach="rut", ly_do="Thôi."),
    "POST /viec/hoan-tac/{assignment_id}": _sent({"assignment_id": "dropped"}),
    f"POST {_HERE}/tep": Ask(
        lambda ids: {"task_id": ids["task.acked"]}, form=lambda ids: {"lan-gui": "Q" * 16}, files=_UPLOAD
    ),
    "GET /van-ban/moi": Ask(),
    "POST /van-ban/moi": Ask(form=lambda ids: {**_NEW_DIRECTIVE, **_NEW_TASK}),
    "GET /van-ban/goi-y": Ask(query="?so=66/NQ-CP&ngay=20/11/2025&co-quan=BYT&han=15/12/2025"),
    "GET /van-ban/nhap": Ask(),
    "POST /van-ban/nhap": Ask(
        form=lambda ids: {
            "so-ky-hieu": "89/NQ-CP",
            "ngay-ban-hanh": "20/11/2025",
            "co-quan-ban-hanh": "Chính phủ",
        },
        files={"tep": ("bang.csv", TABLE.encode(), "text/csv")},
    ),
    "GET /van-ban/nhap/{import_id}": Ask(),
    "POST /van-ban/nhap/{import_id}": _sent({}, lam="ghi"),
    "GET /van-ban/{directive_id}/sua": Ask(),
    "POST /van-ban/{directive_id}/sua": _of(
        "directive",
        f"directive.{OWN}",
        {},
        co_quan_ban_hanh="Chính phủ",
        nguoi_ky="Nguyễn Văn A",
        trich_yeu="Về việc khác",
    ),
    "GET /van-ban/{directive_id}/them": Ask(),
    "POST /van-ban/{directive_id}/them": Ask(form=lambda ids: _NEW_TASK),
}

_FIGURE_PAGES: dict[str, Ask] = {
    "GET /tong-quan": Ask(),
    "GET /tong-quan/ban-in": Ask(),
    "GET /bao-cao": Ask(),
    "GET /bao-cao/co-quan": Ask(query=_PAST),
    "GET /bao-cao/co-quan.csv": Ask(query=_PAST),
    "GET /bao-cao/co-quan.xlsx": Ask(query=_PAST),
    "GET /bao-cao/danh-sach": Ask(query=_PAST),
    "GET /bao-cao/kiem-bieu": Ask(),
    "POST /bao-cao/kiem-bieu": Ask(
        form=lambda ids: {}, files={"tep": ("a.csv", _PRINTED.encode(), "text/csv")}
    ),
    "GET /bao-cao/lich-gui": Ask(),
    "POST /bao-cao/lich-gui": Ask(form=lambda ids: _FORM_REPORT | {"nguoi": ids["people"]["inspector"]}),
    "GET /bao-cao/lich-gui/moi": Ask(),
    "GET /bao-cao/lich-gui/{report_id}": _at("report_id", "scheduled_report"),
    "GET /bao-cao/lich-gui/{report_id}/ky/{day}": Ask(
        lambda ids: {"report_id": ids["scheduled_report"], "day": "2025-11-17"}
    ),
    "POST /bao-cao/lich-gui/{report_id}/ket-thuc": _sent({"report_id": "scheduled_report"}),
    "GET /bao-cao/lich-gui/{report_id}/sua": _at("report_id", "scheduled_report"),
    "POST /bao-cao/lich-gui/{report_id}/sua": Ask(
        lambda ids: {"report_id": ids["scheduled_report"]},
        form=lambda ids: _FORM_REPORT | {"nguoi": ids["people"]["inspector"], "phien-ban": 1},
    ),
    "POST /bao-cao/lich-gui/{report_id}/tam-dung": _sent({"report_id": "scheduled_report"}),
    "POST /bao-cao/lich-gui/{report_id}/tiep-tuc": _sent({"report_id": "scheduled_report"}),
    "GET /bao-cao/lich-gui/{report_id}/xem-thu": _at("report_id", "scheduled_report"),
    "GET /bao-cao/ty-le": Ask(query=_PAST),
    "GET /bao-cao/ty-le.csv": Ask(query=_PAST),
    "GET /bao-cao/ty-le.xlsx": Ask(query=_PAST),
    "GET /bao-cao/xu-huong": Ask(),
    "GET /lich": Ask(query="?thang=2025-12"),
    "GET /tim": Ask(query="?q=dấu của"),
}

_SESSION_PLAN = {
    "ten": "Kiểm tra",
    "ngay": "24/11/2025",
    "noi-dung": "tat-ca",
    "ngay-chot": "24/11/2025",
    "den-han-den": "31/12/2025",
    "co-quan": OWN,
    "lan-gui": "Q" * 16,
}
_SESSION = "/kiem-tra/{inspection_id}"


def _session(name: str, /, **fields: object) -> Ask:
    """A form of a session's page."""
    return _of("inspection", f"inspection.{name}", {"inspection_id": f"inspection.{name}"}, **fields)


_SESSION_PAGES: dict[str, Ask] = {
    "GET /kiem-tra": Ask(),
    "GET /kiem-tra/moi": Ask(),
    "POST /kiem-tra/moi": Ask(form=lambda ids: _SESSION_PLAN),
    f"GET {_SESSION}": Ask(),
    f"GET {_SESSION}/bo-sung": Ask(),
    f"POST {_SESSION}/bo-sung": _session("frozen", noi_dung="Đính chính."),
    f"GET {_SESSION}/giay-moi": _at("inspection_id", "inspection.planned"),
    f"POST {_SESSION}/giay-moi": _session("planned"),
    f"POST {_SESSION}/giay-moi/{{batch}}/hoan-tac": _sent({"batch": "inspection.batch"}),
    f"GET {_SESSION}/chot": _at("inspection_id", "inspection.planned"),
    f"POST {_SESSION}/chot": _session("planned"),
    f"GET {_SESSION}/chu-toa": Ask(),
    f"POST {_SESSION}/hoi": _session("planned"),
    **{
        f"GET {_SESSION}/{name}": Ask()
        for name in ("ho-so.docx", "ho-so.pdf", "ho-so.xlsx", "thong-bao.docx")
    },
    f"GET {_SESSION}/hop": Ask(),
    f"POST {_SESSION}/hop": _sent(
        {"inspection_id": "inspection.frozen"}, muc="1", loai="noted", ket_luan="Ghi nhận.", phien_ban="0"
    ),
    f"GET {_SESSION}/huy": Ask(),
    f"POST {_SESSION}/huy": _session("frozen", ly_do="Trùng lịch."),
    f"GET {_SESSION}/ket-luan": Ask(),
    f"POST {_SESSION}/ket-luan": _session(
        "ready", so="12/TB-TCT", ngay_ban_hanh="24/11/2025", co_quan_ban_hanh="Tổ công tác"
    ),
    f"POST {_SESSION}/ket-luan-chung": _session("frozen", loai="noted", ket_luan="Ghi nhận."),
    f"GET {_SESSION}/ket-luan/{{conclusion_id}}": Ask(),
    f"POST {_SESSION}/ket-luan/{{conclusion_id}}": _of(
        "inspection_conclusion", "inspection.conclusion", {}, loai="noted", ket_luan="Ghi nhận."
    ),
    f"POST {_SESSION}/ket-luan/{{conclusion_id}}/bo": _of(
        "inspection_conclusion", "inspection.conclusion", {}
    ),
    f"GET {_SESSION}/sua": _at("inspection_id", "inspection.planned"),
    f"POST {_SESSION}/sua": Ask(
        _at("inspection_id", "inspection.planned").at, form=lambda ids: {**_SESSION_PLAN, "phien-ban": "1"}
    ),
    f"GET {_SESSION}/xac-minh": Ask(),
}

_SYSTEM_PAGES: dict[str, Ask] = {
    "GET /he-thong": Ask(),
    "GET /he-thong/thu": Ask(),
    "GET /he-thong/gui-lai": Ask(query="?tinh-trang=khong-toi"),
    "POST /he-thong/gui-lai": Ask(
        query="?tinh-trang=khong-toi", form=lambda ids: {"lan-gui": "Q" * 16, "ly-do": "Đã thông."}
    ),
    "POST /he-thong/gui-thu": _sent({}, viec="tam-dung", ly_do="Bảo trì.", phien_ban="1"),
    "POST /he-thong/thu-nghiem": _sent({}),
    "POST /he-thong/viec-nen/{job_id}/huy": _sent({"job_id": "job.waiting"}),
    "GET /thu-da-gui/{outbox_id}": Ask(),
    "POST /thu-da-gui/{outbox_id}/gui-lai": Ask(
        form=lambda ids: {"lan-gui": "Q" * 16, "ly-do": "Đã thông."}, prepare=_letter_version
    ),
    "GET /thiet-lap": Ask(),
    "GET /thiet-lap/noi-ban-hanh": Ask(),
    "POST /thiet-lap/noi-ban-hanh": _sent(
        {},
        co_quan_chu_quan="Văn phòng",
        don_vi="Tổ",
        ky_hieu="T",
        ky_hieu_chu_quan="V",
        dia_danh="Hà Nội",
        chuc_danh_thong_bao="Tổ trưởng",
        chuc_danh_ho_so="Thư ký",
        phien_ban="0",
    ),
    "GET /thiet-lap/lich-lam-viec": Ask(),
    "GET /thiet-lap/lich-lam-viec/con-lai": Ask(),
    "POST /thiet-lap/lich-lam-viec/con-lai": _sent({}, can_cu="1/TB"),
    "GET /thiet-lap/lich-lam-viec/ngay": Ask(query="?tu-ngay=22/12/2025&loai=off"),
    "POST /thiet-lap/lich-lam-viec/ghi": _sent(
        {}, tu_ngay="22/12/2025", loai="off", ten="Nghỉ bù", can_cu="1/TB", phien_ban=days_version([None])
    ),
    "POST /thiet-lap/lich-lam-viec/nam": _sent({}, nam="2027", can_cu="1/TB"),
    "GET /thiet-lap/thang": Ask(),
    "GET /thiet-lap/thang/{code}": Ask(),
    "GET /thiet-lap/thang/{code}/ap-dung": Ask(),
    "POST /thiet-lap/thang/{code}/ap-dung": _sent({}, ly_do="Áp dụng bậc mới.", phien_ban="1"),
    "GET /thiet-lap/thang/{code}/ban/{number}": Ask(),
    "POST /thiet-lap/thang/{code}/luu": Ask(
        form=lambda ids: {
            "lan-gui": "Q" * 16,
            "phien-ban": "1",
            "dang-chay": "giu",
            "soan": ids["ladder.draft"],
        }
    ),
    "GET /thiet-lap/thang/{code}/xem-truoc": Ask(query=lambda ids: f"?{ids['ladder.draft']}&tu=1"),
}

_OWN_PAGES: dict[str, Ask] = {
    "GET /cach-xem": Ask(),
    "POST /cach-xem": _sent({}, ten="Việc quá hạn", truy_van="tinh-trang=qua-han"),
    "GET /cach-xem/{view_id}": Ask(),
    "POST /cach-xem/{view_id}": _form(ten="Tên khác"),
    "POST /cach-xem/{view_id}/khoi-phuc": _form(),
    "POST /cach-xem/{view_id}/len": _form(),
    "POST /cach-xem/{view_id}/xoa": _form(),
    "GET /cong-viec/{job_id}": Ask(),
    "POST /cong-viec/{job_id}/huy": _sent({"job_id": "job.waiting"}),
    "GET /cong-viec/{job_id}/tep": _at("job_id", "job.done"),
    "GET /tai-ve/bang/{name}": Ask(lambda ids: {"name": "viec.csv"}, query="?tinh-trang=tat-ca"),
    "POST /tai-ve/bang/{name}": Ask(
        lambda ids: {"name": "viec.csv"}, query="?tinh-trang=tat-ca", form=lambda ids: {"lan-gui": "Q" * 16}
    ),
    "GET /tai-ve/{job_id}": Ask(),
    "POST /tai-ve/{job_id}/huy": _sent({"job_id": "job.waiting"}),
    "GET /tai-ve/{job_id}/tep": _at("job_id", "job.done"),
    "POST /lich/dang-ky/{feed_id}/doi-dia-chi": _form(),
    "GET /phien": Ask(),
    "GET /phim-tat": Ask(),
    "GET /thiet-lap/webhook": Ask(),
    "POST /thiet-lap/webhook": _form(dia_chi="http://127.0.0.1:9999/y", su_kien="assignment.assigned"),
    "GET /thiet-lap/webhook/{webhook_id}": Ask(),
    "POST /thiet-lap/webhook/{webhook_id}/khoa-moi": _of("webhook", "webhook", {}),
    "POST /thiet-lap/webhook/{webhook_id}/thu": _form(),
    "POST /thiet-lap/webhook/{webhook_id}/gui-lai/{delivery_id}": _of("webhook_delivery", "delivery", {}),
    "POST /thiet-lap/webhook/{webhook_id}/trang-thai": _of("webhook", "webhook", {}, chay="0"),
    "POST /thiet-lap/webhook/{webhook_id}/xoa": _of("webhook", "webhook", {}),
    "POST /toi/thong-bao": Ask(form=lambda ids: {"ngon-ngu": "vi"}, prepare=_own_version),
}

_FIGURE = {"lan-gui": "Q" * 16, "so-lieu": "gần 20", "tinh-den": "24/11/2025", "minh-chung": "2/BYT"}
_TARGET = {
    "lan-gui": "Q" * 16, "ten": "Tỷ lệ kết nối", "don-vi": "%", "mau-so": "hồ sơ", "chieu": "at_least",
    "muc-tieu": "40", "tan-suat": "monthly", "bat-dau": "24/11/2025", "thoi-han": "31/12/2026",
}  # fmt: skip
_ROUND = "/doi-chieu/{round_id}"

_ROUND_PAGES: dict[str, Ask] = {
    "GET /doi-chieu": Ask(),
    "GET /doi-chieu/moi": Ask(),
    "POST /doi-chieu/moi": _sent({}, den_ngay="24/11/2025", tra_loi="01/12/2025"),
    "POST /doi-chieu/tu-mo": _sent({}, bat="1"),
    f"GET {_ROUND}": Ask(query=f"?co-quan={OWN}"),
    f"POST {_ROUND}": Ask(query=f"?co-quan={OWN}", form=lambda ids: {"lan-gui": "Q" * 16, "viec": "luu"}),
    f"POST {_ROUND}/giai-quyet": Ask(
        form=lambda ids: {"lan-gui": "Q" * 16, "muc": ids["round.item"], "cach": "dong-y"}
    ),
    f"POST {_ROUND}/dong": _sent({}, phien_ban="1"),
    f"GET {_ROUND}/khac-biet.xlsx": Ask(),
    f"GET {_ROUND}/khac-biet.csv": Ask(),
}

_TARGET_PAGES: dict[str, Ask] = {
    "GET /chi-tieu": Ask(),
    "GET /chi-tieu/nhap": Ask(),
    "POST /chi-tieu/nhap": Ask(form=lambda ids: {}, files={"tep": ("a.csv", READINGS.encode(), "text/csv")}),
    "GET /chi-tieu/nhap/mau.xlsx": Ask(),
    "GET /chi-tieu/nhap/{sheet_id}": Ask(),
    "POST /chi-tieu/nhap/{sheet_id}": Ask(form=lambda ids: {"lan-gui": "Q" * 16}),
    f"GET {_HERE}/chi-tieu/{{indicator_id}}": _at("task_id", "task.acked"),
    f"POST {_HERE}/chi-tieu/{{indicator_id}}": Ask(
        lambda ids: {"task_id": ids["task.acked"]}, form=lambda ids: _FIGURE
    ),
    "GET /viec/{task_id}/chi-tieu": _at("task_id", "task.acked"),
    "GET /viec/{task_id}/chi-tieu/moi": _at("task_id", "task.acked"),
    "POST /viec/{task_id}/chi-tieu/moi": Ask(
        lambda ids: {"task_id": ids["task.acked"]}, form=lambda ids: _TARGET | {"co-quan": ids["acked"]}
    ),
    f"GET {_HERE}/chi-tieu/{{indicator_id}}/sua": _at("task_id", "task.acked"),
    f"POST {_HERE}/chi-tieu/{{indicator_id}}/sua": Ask(
        lambda ids: {"task_id": ids["task.acked"]},
        form=lambda ids: _TARGET | {"ly-do": "Đổi.", "phien-ban": "1"},
    ),
    f"POST {_HERE}/chi-tieu/{{indicator_id}}/ket-thuc": Ask(
        lambda ids: {"task_id": ids["task.acked"]},
        form=lambda ids: {"lan-gui": "Q" * 16, "ly-do-ket-thuc": "Thôi.", "phien-ban": "1"},
    ),
}

_PAGES: dict[str, Ask] = {
    "GET /": Ask(),
    "GET /api/docs": Ask(),
    "GET /api/docs/{name}": Ask(lambda ids: {"name": "start.js"}),
    "GET /api/openapi.json": Ask(),
    "GET /api/problems": Ask(),
    "GET /api/problems/{code}": Ask(lambda ids: {"code": "not_found"}),
    "GET /bao-cao/qua-han": Ask(query="?ngay=10/01/2026"),
    "GET /bao-cao/qua-han.csv": Ask(query="?ngay=10/01/2026"),
    "GET /bao-cao/qua-han.json": Ask(query="?ngay=10/01/2026"),
    "GET /bao-cao/qua-han.xlsx": Ask(query="?ngay=10/01/2026"),
    "GET /calendars/{file}": Ask(lambda ids: {"file": f"{ids['feed.token']}.ics"}, is_by_link=True),
    "GET /can-xu-ly": Ask(),
    "GET /co-quan": Ask(),
    "POST /co-quan": _form(ma="MOI", ten="Mới", ten_tat="Mới", loai="other", lan_gui="Q" * 16),
    "GET /co-quan/ke-thua": Ask(),
    "POST /co-quan/ke-thua/thuc-hien": Ask(form=lambda ids: {}, prepare=_agreed_form),
    "POST /co-quan/ke-thua/xem-truoc": _form(van_ban="2/QĐ", ngay="24/11/2025", cu="SAP", moi=OTHER),
    "GET /co-quan/ke-thua/{succession_id}": Ask(),
    "GET /co-quan/moi": Ask(),
    "GET /co-quan/{agency_id}": Ask(),
    "GET /co-quan/{agency_id}/sua": Ask(),
    "POST /co-quan/{agency_id}/sua": Ask(form=lambda ids: _FORM_AGENCY, prepare=_agency_version),
    "GET /dang-nhap": Ask(),
    "POST /dang-nhap": _form(thu_dien_tu="focal@byt.example.vn", mat_khau=PASSWORD),
    "POST /dang-nhap-mot-lan": _form(),
    "GET /dang-nhap-mot-lan/ve": Ask(query="?code=a&state=b"),
    "GET /dang-nhap/ma": Ask(),
    "POST /dang-nhap/ma": _form(ma="000000"),
    "POST /dang-xuat": _form(),
    "GET /dat-lai-mat-khau/{token}": Ask(lambda ids: {"token": RESET_LINK}, is_by_link=True),
    "POST /dat-lai-mat-khau/{token}": Ask(
        lambda ids: {"token": RESET_LINK}, form=lambda ids: _PASSWORDS, is_by_link=True
    ),
    "POST /dong-ho/tien": _form(),
    "GET /favicon.ico": Ask(),
    "GET /lich/dang-ky": Ask(),
    "POST /lich/dang-ky": Ask(form=lambda ids: {"ten": "Lịch mới"}),
    "POST /lich/dang-ky/{feed_id}/thu-hoi": _form(),
    "GET /live": Ask(),
    "GET /loi-moi/{token}": Ask(lambda ids: {"token": ids["invitation.link"]}, is_by_link=True),
    "POST /loi-moi/{token}": Ask(
        lambda ids: {"token": ids["invitation.link"]}, form=lambda ids: _PASSWORDS, is_by_link=True
    ),
    "POST /loi-moi/{token}/dang-nhap-mot-lan": Ask(
        lambda ids: {"token": ids["invitation.link"]}, form=lambda ids: {}, is_by_link=True
    ),
    "GET /nguoi": Ask(),
    "POST /nguoi": _form(
        ten="Mới", thu="moi@byt.example.vn", vai_tro="agency_officer", co_quan=OWN, lan_gui="Q" * 16
    ),
    "GET /nguoi/moi": Ask(),
    "GET /nguoi/{official_id}": Ask(),
    "POST /nguoi/{official_id}": _person(**_FORM_PERSON),
    "POST /nguoi/{official_id}/hai-buoc": _person(),
    "POST /nguoi/{official_id}/khoa": _person(),
    "POST /nguoi/{official_id}/loi-moi": _person(),
    "POST /nguoi/{official_id}/mo": _person("disabled"),
    "POST /nguoi/{official_id}/thu": _person(thu="khac@byt.example.vn"),
    "POST /nguoi/{official_id}/uy-quyen": _person(lam_thay="HN", tu_ngay="01/01/2026"),
    "GET /quen-mat-khau": Ask(),
    "POST /quen-mat-khau": _form(thu_dien_tu="khong-ai@byt.example.vn"),
    "GET /ready": Ask(),
    "GET /static/{name}": Ask(lambda ids: {"name": "app.css"}),
    "GET /thu": Ask(),
    "GET /thu/cua/{outbox_id}": Ask(),
    "GET /thu/{letter_id}": Ask(),
    "GET /thu/{letter_id}/html": Ask(),
    "GET /thu/{letter_id}/nguon": Ask(),
    "GET /thu/{letter_id}/tep/{number}": Ask(),
    "GET /toi": Ask(),
    "POST /toi": Ask(form=lambda ids: {"ngon-ngu": "vi"}, prepare=_own_version),
    "GET /toi/bao-mat": Ask(),
    "GET /toi/bao-mat/dang-nhap-mot-lan": Ask(),
    "POST /toi/bao-mat/dang-nhap-mot-lan": _form(),
    "POST /toi/bao-mat/dang-nhap-mot-lan/{identity_id}/go": _form(),
    "GET /toi/bao-mat/hai-buoc": Ask(),
    "POST /toi/bao-mat/hai-buoc": _form(),
    "POST /toi/bao-mat/hai-buoc/xac-nhan": Ask(form=lambda ids: {}, prepare=_totp_begun),
    "POST /toi/bao-mat/ma-khoi-phuc": Ask(form=lambda ids: {}, prepare=_totp_held),
    "POST /toi/bao-mat/mat-khau": Ask(form=lambda ids: {"mat-khau-cu": PASSWORD, **_PASSWORDS}),
    "GET /toi/bao-mat/nhap-lai": Ask(),
    "POST /toi/bao-mat/nhap-lai": _form(mat_khau=PASSWORD),
    "POST /toi/bao-mat/phien/ket-thuc-khac": _form(),
    "POST /toi/bao-mat/phien/{session_id}/ket-thuc": _form(),
    "GET /toi/ma-truy-cap": Ask(),
    "POST /toi/ma-truy-cap": _form(ten="mã mới", so_ngay="30", pham_vi="read"),
    "POST /toi/ma-truy-cap/{token_id}/thu-hoi": _form(),
    "GET /toi/thong-bao": Ask(),
    "GET /tro-giup": Ask(),
    "POST /uy-quyen/{mandate_id}/thu-hoi": _form(),
    "GET /van-ban": Ask(),
    "GET /van-ban/{directive_id}": Ask(),
    "GET /viec": Ask(),
    "GET /viec/{task_id}": Ask(),
    "GET /viec/{task_id}/{agency_code}": Ask(),
    "GET /viec/{task_id}/{agency_code}/bao-cao": _at("task_id", "task.acked"),
    "POST /viec/{task_id}/{agency_code}/bao-cao": _work("acked", ket_qua="Xong.", so_van_ban="2/BYT"),
    "GET /viec/{task_id}/{agency_code}/gia-han": _at("task_id", "task.acked"),
    "POST /viec/{task_id}/{agency_code}/gia-han": _work("acked", de_nghi_den="31/12/2025", ly_do="Chờ."),
    "POST /viec/{task_id}/{agency_code}/nhan-viec": _work("fresh"),
    "POST /viec/{task_id}/{agency_code}/quyet-dinh-gia-han": Ask(
        lambda ids: {"task_id": ids["task.asked"]},
        form=lambda ids: {
            "lan-gui": "Q" * 16,
            "quyet-dinh": "dong-y",
            "gia-han-den": "31/12/2025",
            "van-ban-gia-han": "1/TB",
        },
        prepare=_asked_version,
    ),
    "GET /viec/{task_id}/{agency_code}/tien-do": _at("task_id", "task.acked"),
    "POST /viec/{task_id}/{agency_code}/tien-do": _work("acked", ket_qua="Đang làm.", loai="progress"),
    "POST /viec/{task_id}/{agency_code}/xac-nhan": _work("reported", quyet_dinh="xac-nhan"),
}

CALLS: dict[str, Ask] = {
    **{f"{key.split()[0]} {PREFIX}{key.split()[1]}": ask for key, ask in _API.items()},
    **_PAGES,
    **_WORK_PAGES,
    **_FIGURE_PAGES,
    **_SESSION_PAGES,
    **_SYSTEM_PAGES,
    **_OWN_PAGES,
    **_TARGET_PAGES,
    **_ROUND_PAGES,
}

_DIFFERENT: dict[tuple[str, str], Callable[[str], dict[str, Any]]] = {
    # A calendar link is made for one's own agency, or by the assigning side for all.
    (f"POST {PREFIX}/feeds", "json"): lambda who: {
        "name": "Lịch",
        "scope": "all" if who in SPEAKERS[1:5] else "own_agency",
    },
    ("POST /lich/dang-ky", "form"): lambda who: {"pham-vi": "all" if who in SPEAKERS[1:5] else "own_agency"},
}  # fmt: skip


def _different(route: str, part: str, speaker: str) -> dict[str, Any]:
    made = _DIFFERENT.get((route, part))
    return {} if made is None else made(speaker)


def _places(ids: Ids) -> dict[str, object]:
    """What stands in an address unless a call says otherwise: rows of the agency, things of its officer."""
    return {
        "agency_id": ids["agencies"][OWN], "assignment_id": ids["fresh"], "attachment_id": ids["attachment"],
        "code": "default", "number": 1, "day": "2026-04-30", "delivery_id": ids["delivery"],
        "directive_id": ids[f"directive.{OWN}"], "extension_id": ids["extension"], "feed_id": ids["feed"],
        "import_id": ids["import"], "job_id": ids["job.done"], "mandate_id": ids["mandate"],
        "official_id": ids["people"]["guest"], "message_id": ids["message"], "session_id": ids["session"],
        "succession_id": ids["succession"], "task_id": ids["task.fresh"], "webhook_id": ids["webhook"],
        "identity_id": ids["identity"], "token_id": ids["token"], "agency_code": OWN, "outbox_id": ids["message"],
        "letter_id": "00000001", "internal_id": ids["internal"], "note_id": ids["note"], "urging_id": ids["urging"],
        "view_id": ids["view"], "indicator_id": ids["indicator"], "inspection_id": ids["inspection.frozen"],
        "reconciliation_id": ids["round"], "round_id": ids["round"],
        "sheet_id": ids["sheet"], "scheduled_report_id": ids["scheduled_report"],
        "item_id": ids["inspection.item"], "conclusion_id": ids["inspection.conclusion"],
    }  # fmt: skip


# -- the calls -----------------------------------------------------------------------------------------


@dataclass
class Kept:
    """The scene and what brings it back, from the first test that builds it to the last."""

    hand: Hand
    scene: Scene
    back: str

    async def bring_back(self) -> None:
        """Every row as it was built."""
        await self.hand.bring_back(self.back)


_kept: dict[str, Kept] = {}


@pytest.fixture
async def kept(open_database: Settings, cluster: Cluster) -> Kept:
    access_scene.set_clock()
    dsn = open_database.owner_dsn()
    if dsn not in _kept:
        hand = hand_of(dsn)
        assert hand is not None
        await hand.bring_back(cluster.reset_sql)
        made = await access_scene.build(access_scene.make_app())
        _kept[dsn] = Kept(hand, made, await hand.keep("access_scene"))
    await _kept[dsn].bring_back()
    return _kept[dsn]


@pytest.fixture
def scene(kept: Kept) -> Scene:
    return kept.scene


def class_of(answer: httpx.Response) -> str:
    """The class of an answer, as the cells write it."""
    if answer.status_code == 303 and answer.headers["location"].partition("?")[0] == "/dang-nhap":
        return "->"
    return "ok" if answer.status_code < 400 else str(answer.status_code)


def content_of(answer: httpx.Response) -> str:
    """What can be read in an answer, also in a zipped table."""
    if answer.content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return "\n".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    return answer.text


async def ask(
    scene: Scene, route: str, speaker: str, *, absent: bool = False, body: object = ..., match: str = "*"
) -> httpx.Response:
    """Call a route as a speaker; `absent` for ids that no row has, `body` instead of the valid one."""
    call, operation = CALLS[route], ROUTES[route]
    method, path = route.split()
    places = {**_places(scene.ids), **call.at(scene.ids)}
    if absent:
        places |= {name: ABSENT for name in places if name.endswith("_id")}
    query = call.query if isinstance(call.query, str) else call.query(scene.ids)
    path = re.sub(r"\{(\w+)\}", lambda m: str(places[m[1]]), path) + query
    is_person = speaker not in ("nobody", "disabled")
    fresh = await call.prepare(scene, speaker) if call.prepare is not None and is_person else {}
    sent: dict[str, Any] = {"headers": dict(call.headers)}
    if call.content is not None:
        sent["content"] = call.content
    if operation is not None:
        if operation.is_change:
            sent["headers"]["If-Match"] = match
        if operation.needs_key:
            sent["headers"]["Idempotency-Key"] = "chia-khoa-1"
        if operation.body is not None:
            given = call.json(scene.ids) if call.json is not None else {}
            assert isinstance(given, dict)
            sent["json"] = {**given, **fresh, **_different(route, "json", speaker)}
            if body is not ...:
                sent["json"] = body
    elif call.form is not None:
        sent["form"] = {
            **call.form(scene.ids),
            **fresh,
            **_different(route, "form", speaker),
        }
        if body is not ...:
            sent["form"] = body
        sent["files"] = call.files
    return await scene.call(speaker, method, path, **sent)


def check_nothing_foreign(route: str, speaker: str, answer: httpx.Response) -> None:
    """Whatever the answer is, it shows no row, no person and no private thing that is not the speaker's to see."""
    text = content_of(answer)
    sees_as = "officer" if CALLS[route].is_by_link else speaker
    closed = (*foreign_marks(sees_as), *foreign_addresses(sees_as), *closed_marks(sees_as))
    shown = [mark for mark in closed if mark in text]
    assert not shown, f"{speaker} sees {shown} at {route}"
    is_whole_history = route.endswith("/history") and not foreign_marks(speaker)
    if speaker not in ("officer", "administrator") and not CALLS[route].is_by_link and not is_whole_history:
        assert PRIVATE not in text, f"{speaker} sees what is the officer's own at {route}"


def check_names_who_may(route: str, speaker: str, answer: httpx.Response) -> None:
    """A refusal says which roles may."""
    found = re.search(r"those who may: [^.<]+\.|Only these may open this page: [^.<]+\.", answer.text)
    assert found is not None, f"{route} refuses {speaker} without saying who may: {answer.text[:400]}"
    operation = ROUTES[route]
    if operation is not None:
        assert answer.json()["code"] == "not_permitted"


def _bare(answer: httpx.Response) -> tuple[int, str]:
    """An answer without what differs from request to request."""
    text = re.sub(r'value="[^"]*"|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+', "", answer.text)
    return answer.status_code, text


WITH_SIGN_ON = [route for route in ROUTES if "dang-nhap-mot-lan" in route]


@pytest.mark.anyio
@pytest.mark.parametrize("route", sorted(ROUTES))
async def test_every_speaker_gets_the_expected_answer(scene: Scene, kept: Kept, route: str) -> None:
    if route in WITH_SIGN_ON:
        async with oidc_provider() as provider:
            usual, scene.app = scene.app, access_scene.make_app(provider.base)
            try:
                await _check_route(scene, kept, route)
            finally:
                scene.app = usual
    else:
        await _check_route(scene, kept, route)


async def _check_route(scene: Scene, kept: Kept, route: str) -> None:
    wrong: dict[str, str] = {}
    for speaker in SPEAKERS:
        expected = ROWS[route][speaker]
        if expected == "-":
            continue
        answer = await ask(scene, route, speaker)
        got = class_of(answer)
        if got != expected:
            wrong[speaker] = f"{expected} expected, {got} came: {answer.text[-300:] if got != 'ok' else ''}"
        check_nothing_foreign(route, speaker, answer)
        if got == "403" == expected and route not in NOT_ABOUT_ROLES:
            check_names_who_may(route, speaker, answer)
        if not route.startswith("GET") and got in ("ok", "->"):
            await kept.bring_back()
    assert not wrong, f"{route}: {wrong}"


ROW_ROUTES = sorted(
    route
    for route, cells in ROWS.items()
    if "404" in cells.values() and route in ROUTES and re.search(r"\{\w+_id\}", route)
)


@pytest.mark.anyio
@pytest.mark.parametrize("route", ROW_ROUTES)
async def test_foreign_row_cannot_be_told_from_none(scene: Scene, route: str) -> None:
    """Whatever body and condition come with it: the answer is that to an id that no row has, and 404 for rows."""
    operation = ROUTES[route]
    variants: list[tuple[object, str]] = [(..., "*")]
    if operation is not None and operation.is_change:
        variants.append((..., STALE))
    if (operation is not None and operation.body is not None) or CALLS[route].form is not None:
        variants += [({}, "*"), ({"khong-co": "1"}, STALE)]
    strangers = [s for s in SPEAKERS if ROWS[route][s] == "404"]
    for speaker in (strangers[0], strangers[-1]):
        for body, match in variants:
            foreign = await ask(scene, route, speaker, body=body, match=match)
            nothing = await ask(scene, route, speaker, absent=True, body=body, match=match)
            assert _bare(foreign) == _bare(nothing), f"{speaker} tells a foreign row at {route}"
            if (
                operation is None
                or body is ...
                or not ROWS_OF_AGENCIES.isdisjoint(re.findall(r"{(\w+)_id", route))
            ):
                assert foreign.status_code == 404, f"{speaker} at {route}: {foreign.text[:300]}"

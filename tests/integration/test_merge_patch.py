"""Every PATCH is a merge patch: what is named is set, null empties or is refused, what is absent stays (A8)."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, get_args

import httpx
import msgspec
import pytest

from tests.api import DIRECTIVE, Api, running_api
from tracker.actions import webhooks
from tracker.api.endpoint import MERGE_PATCH, Operation
from tracker.api.v1 import v1_handlers
from tracker.settings import Settings, load

pytestmark = pytest.mark.anyio

PATCHES: dict[str, Operation] = {
    operation.id: operation
    for handler in v1_handlers
    if (operation := handler.opt["operation"]).method == "PATCH"
}
PATIENCE = 8
"""Patches of several fields that are tried of each kind."""


@dataclass
class Scene:
    """Something that can be patched: by whom, where, with which values.

    `emptied` is what null leaves; `needed` are nullable fields that a rule keeps filled; `changing` are not compared.
    """

    client: httpx.AsyncClient
    address: str
    values: dict[str, Any]
    emptied: object = None
    needed: frozenset[str] = frozenset()
    changing: frozenset[str] = field(default_factory=lambda: frozenset({"version", "changed_at"}))

    async def patch(self, body: dict[str, object]) -> httpx.Response:
        headers = {"If-Match": "*", "Content-Type": MERGE_PATCH}
        return await self.client.patch(self.address, content=json.dumps(body), headers=headers)

    async def stands(self) -> dict[str, Any]:
        shown: dict[str, Any] = (await self.client.get(self.address)).json()
        return {name: value for name, value in shown.items() if name not in self.changing}


async def _directive(api: Api) -> Scene:
    client = await api.client(api.world.secretariat)
    recorded = await api.recorded(signer="Nguyễn Văn A")
    values = {"issuer": "Thủ tướng Chính phủ", "signer": "Trần Thị B", "abstract": "Việc khác"}
    address = f"/api/v1/directives/{recorded['directive_id']}"
    return Scene(client, address, values, emptied="", needed=frozenset({"issuer", "abstract"}))


async def _task(api: Api) -> Scene:
    client = await api.client(api.world.secretariat)
    recorded = await api.recorded(tasks=[{**DIRECTIVE["tasks"][0], "product": "Báo cáo", "place": "Mục 1"}])
    values = {
        "short_name": "Đề án",
        "full_text": "Trình đề án.",
        "product": "Đề án",
        "place": "Mục 2",
        "report_to": "Văn phòng Chính phủ",
        "field": "Y tế",
    }
    address = f"/api/v1/tasks/{recorded['task_ids'][0]}"
    return Scene(client, address, values, emptied="", needed=frozenset({"short_name", "full_text"}))


async def _agency(api: Api) -> Scene:
    client = await api.client(api.world.administrator)
    made = await client.post(
        "/api/v1/agencies",
        json={"code": "CUC-A", "name": "Cục A", "short_name": "Cục A", "kind": "other", "parent": "BYT"},
    )
    assert made.status_code == 201, made.text
    values = {
        "name": "Cục B",
        "short_name": "B",
        "kind": "ministry",
        "name_en": "Department B",
        "parent": "BTC",
        "valid_from": "2020-01-01",
        "valid_to": "2030-12-31",
        "source": "Nghị định 1/2020/NĐ-CP",
    }
    return Scene(client, f"/api/v1/agencies/{made.json()['id']}", values)


async def _official(api: Api) -> Scene:
    client = await api.client(api.world.administrator)
    deputy = api.world.officials["byt.leader"]
    values = {
        "name": "Lê Thị C",
        "email": "c.lethi@byt.example.vn",
        "role": "agency_leader",
        "position": "Vụ trưởng",
        "agency": "BYT",
        "duty": "leader",
        "contact_order": 3,
        "language": "en",
        "absence": {"absent_from": "2026-12-21", "absent_to": "2026-12-31"},
        "deputy_id": str(deputy),
        "mailbox": "ok",
    }
    address = f"/api/v1/officials/{api.world.officials['byt.focal']}"
    return Scene(client, address, values, needed=frozenset({"agency"}))


async def _feed(api: Api) -> Scene:
    client = await api.client(api.world.agency)
    made = await client.post("/api/v1/feeds", json={"name": "Lịch", "scope": "own_agency", "alarm_days": [3]})
    values = {
        "name": "Lịch khác",
        "language": "en",
        "alarm_days": [5, 1],
        "with_cancelled": False,
        "consolidated": True,
    }
    return Scene(client, f"/api/v1/feeds/{made.json()['feed']['id']}", values)


async def _webhook(api: Api) -> Scene:
    client = await api.client(api.world.agency)
    made = await client.post(
        "/api/v1/webhooks", json={"url": "https://hooks.example.vn/a", "kinds": ["deadline.changed"]}
    )
    assert made.status_code == 201, made.text
    values = {
        "url": "https://hooks.example.vn/b",
        "kinds": ["assignment.assigned", "reminder.sent"],
        "description": "Trục liên thông",
        "state": "disabled",
    }
    # Why and since when it is off follows from the state.
    derived = frozenset({"version", "changed_at", "reason", "disabled_at"})
    return Scene(client, f"/api/v1/webhooks/{made.json()['webhook']['id']}", values, changing=derived)


SCENES: dict[str, Callable[[Api], Awaitable[Scene]]] = {
    "changeAgency": _agency,
    "editDirective": _directive,
    "editTask": _task,
    "changeFeed": _feed,
    "changeOfficial": _official,
    "changeWebhook": _webhook,
}


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        allowed = {"TRACKER_SECRET_KEY": "k" * 40, "TRACKER_WEBHOOK_HOSTS": "hooks.example.vn"}
        webhooks.use_sender(load(allowed))
        yield running
        webhooks.use_sender(load({"TRACKER_SECRET_KEY": "k" * 40}))


def nullable(operation: Operation) -> set[str]:
    """The fields that null empties, by the operation's declaration."""
    assert operation.body is not None
    return {f.encode_name for f in msgspec.structs.fields(operation.body) if NoneType in get_args(f.type)}


def fields_of(operation: Operation) -> list[str]:
    assert operation.body is not None
    return [f.encode_name for f in msgspec.structs.fields(operation.body)]


BOUND = {"changeInspection", "changeScheduledReport"}
"""Their fields hold each other (a topic and its directive, a table and its weeks), so none is set alone:
tests/integration/test_api_inspections.py and test_scheduled_reports_api.py patch them."""


def test_every_patch_has_a_scene() -> None:
    assert SCENES.keys() == PATCHES.keys() - BOUND


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_a_patch_without_fields_changes_nothing(api: Api, name: str) -> None:
    scene = await SCENES[name](api)
    before = await scene.client.get(scene.address)

    answer = await scene.patch({})

    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == before.headers["etag"]
    assert (await scene.client.get(scene.address)).content == before.content


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_each_field_is_set_alone(api: Api, name: str) -> None:
    scene = await SCENES[name](api)
    assert sorted(scene.values) == sorted(fields_of(PATCHES[name]))
    for changed, value in scene.values.items():
        before = await scene.stands()

        answer = await scene.patch({changed: value})

        assert answer.status_code == 200, (changed, answer.text)
        assert await scene.stands() == {**before, changed: value}, changed


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_null_empties_or_is_refused_and_never_passed_over(api: Api, name: str) -> None:
    scene = await SCENES[name](api)
    for emptied in fields_of(PATCHES[name]):
        await scene.patch(scene.values)
        before = await scene.stands()

        answer = await scene.patch({emptied: None})

        if emptied not in nullable(PATCHES[name]) or emptied in scene.needed:
            assert answer.status_code in (400, 422), (emptied, answer.text)
            assert answer.json()["errors"][0]["pointer"] == f"/{emptied}"
            assert await scene.stands() == before, emptied
        else:
            assert answer.status_code == 200, (emptied, answer.text)
            assert await scene.stands() == {**before, emptied: scene.emptied}, emptied


@pytest.mark.parametrize("name", sorted(SCENES))
async def test_any_choice_of_fields_leaves_the_others(api: Api, name: str) -> None:
    scene = await SCENES[name](api)
    chance = random.Random(7396)
    may_be_null = nullable(PATCHES[name]) - scene.needed
    for _ in range(PATIENCE):
        body: dict[str, object] = {}
        for changed, value in scene.values.items():
            match chance.choice(("set", "null", "absent")):
                case "set":
                    body[changed] = value
                case "null" if changed in may_be_null:
                    body[changed] = None
        before = await scene.stands()

        answer = await scene.patch(body)

        assert answer.status_code == 200, (body, answer.text)
        told = {changed: scene.emptied if value is None else value for changed, value in body.items()}
        assert await scene.stands() == {**before, **told}, body

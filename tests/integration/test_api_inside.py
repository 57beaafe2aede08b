"""By API what an agency does among its own: passing on, notes, explanations; and which mail one does without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from tests.api import DIRECTIVE, Api, running_api
from tests.world import MONDAY, add_official
from tracker import clock
from tracker.actions.urges import NewUrge, urge
from tracker.domain.urges import UrgeKind
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
ANSWER_BY = date(2025, 11, 28)


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    clock.set_offset(MONDAY - clock.utc_now())
    async with running_api(database) as running:
        yield running


async def given(api: Api) -> int:
    """An assignment of the ministry of health."""
    one = {**DIRECTIVE["tasks"][0], "cooperating": [], "deadline": "trước ngày 15/12/2025"}
    return int((await api.recorded(tasks=[one]))["assignment_ids"][0])


async def test_an_agency_passes_on_among_its_own_people(api: Api) -> None:
    officer = await api.client(api.world.agency)
    desk = await api.client(api.world.secretariat)
    place = f"/api/v1/assignments/{await given(api)}"
    colleague = await add_official(
        "Chuyên viên Sáu", "sau@byt.example.vn", "agency_officer", agency_id=api.world.agencies["BYT"]
    )
    stranger = api.world.officials["btc.focal"]

    before = await officer.get(f"{place}/inside")
    tag = {"If-Match": before.headers["etag"]}
    bare = await officer.post(f"{place}/inside", json={"official_id": str(colleague)})
    foreign = await officer.post(f"{place}/inside", json={"official_id": str(stranger)}, headers=tag)
    passed = await officer.post(
        f"{place}/inside",
        json={"official_id": str(colleague), "due_on": "2025-12-10", "note": "Làm trước phần báo cáo."},
        headers=tag,
    )
    stale = await officer.post(f"{place}/inside", json={"official_id": str(colleague)}, headers=tag)
    added = await officer.post(f"{place}/inside/notes", json={"note": "Hẹn chiều thứ Năm."})
    hidden = await desk.get(f"{place}/inside")
    shared = await officer.post(f"{place}/inside/notes/{added.json()['items'][0]['id']}/share")
    for_desk = await desk.get(f"{place}/shared-notes")
    taken = await officer.delete(f"{place}/inside", headers={"If-Match": passed.headers["etag"]})
    after = (await officer.get(f"{place}/inside")).json()

    assert before.json()["now"] is None
    assert str(colleague) in {c["official_id"] for c in before.json()["colleagues"]}
    assert (bare.status_code, foreign.status_code, stale.status_code) == (428, 422, 412)
    assert [(e["pointer"], e["code"]) for e in foreign.json()["errors"]] == [
        ("/official_id", "colleague_unknown")
    ]
    assert passed.status_code == 200
    assert passed.json()["now"]["due_on"] == "2025-12-10"
    assert [note["note"] for note in added.json()["items"]] == [
        "Hẹn chiều thứ Năm.",
        "Làm trước phần báo cáo.",
    ]
    assert (hidden.status_code, shared.status_code, taken.status_code) == (403, 204, 204)
    assert [note["note"] for note in for_desk.json()["items"]] == ["Hẹn chiều thứ Năm."]
    assert after["now"] is None
    assert after["story"][0]["ended_at"] is not None


async def test_an_agency_explains_once_what_it_owes(api: Api) -> None:
    officer = await api.client(api.world.agency)
    desk = await api.client(api.world.secretariat)
    assignment_id = await given(api)
    place = f"/api/v1/assignments/{assignment_id}/explanations"

    too_soon = await officer.post(place, json={"text": "Chưa ai hỏi."})
    asked = NewUrge([assignment_id], UrgeKind.EXPLANATION, "Vì sao chậm?", ANSWER_BY)
    await urge(api.world.secretariat, asked, clock.utc_now())
    owed = (await officer.get(place)).json()["items"]
    empty = await officer.post(place, json={"text": ""})
    not_theirs = await desk.post(place, json={"text": "Thay bộ."})
    done = await officer.post(place, json={"text": "Hai đơn vị góp ý chậm."})
    told = (await desk.get(place)).json()["items"]

    assert too_soon.status_code == 409
    assert "explanation_not_owed" in too_soon.json()["type"]
    assert [(x["is_owed"], x["answer_by"], x["sentence"]) for x in owed] == [
        (True, "2025-11-28", "Vì sao chậm?")
    ]
    assert (empty.status_code, not_theirs.status_code, done.status_code) == (400, 403, 204)
    assert [(x["is_owed"], x["answer"]) for x in told] == [(False, "Hai đơn vị góp ý chậm.")]


async def test_duty_mail_cannot_be_chosen_away(api: Api) -> None:
    officer = await api.client(api.world.agency)
    place = "/api/v1/me/optional-mail"

    before = await officer.get(place)
    tag = {"If-Match": before.headers["etag"]}
    duty = await officer.put(place, json={"unwanted": ["reminder"]}, headers=tag)
    chosen = await officer.put(place, json={"unwanted": ["copy", "receipt"]}, headers=tag)
    stale = await officer.put(place, json={"unwanted": []}, headers=tag)

    assert before.json() == {"offered": ["receipt", "confirmation", "copy"], "unwanted": []}
    assert (duty.status_code, duty.json()["errors"][0]["pointer"]) == (422, "/unwanted")
    assert chosen.json()["unwanted"] == ["copy", "receipt"]
    assert stale.status_code == 412
    assert (await officer.get(place)).json()["unwanted"] == ["copy", "receipt"]

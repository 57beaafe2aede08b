"""The walks of the architecture as their users take them: HTTP in, mail and calendar out, over days of a set clock.

The application, the database and the mail server are real; only the clock is set.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from tests.api import Api, running_api
from tests.world import add_agency, add_official
from tracker import clock
from tracker.domain.directory import Actor
from tracker.jobs import reminders
from tracker.jobs.worker import delivery_of, transport_of
from tracker.mailbox import LetterView, LocalMailbox
from tracker.settings import Settings, load

pytestmark = pytest.mark.anyio

PROVINCES = 63


def set_clock(day: date, hour: int, minute: int = 0) -> None:
    """From now on it is this time of this day in Viet Nam."""
    wanted = datetime(day.year, day.month, day.day, hour - 7, minute, tzinfo=UTC)
    clock.set_offset(wanted - (clock.utc_now() - clock.offset()))


@dataclass
class Service:
    """The service with a mailbox behind its mail server."""

    api: Api
    mailbox: LocalMailbox
    settings: Settings

    async def day(self) -> list[LetterView]:
        """Let the jobs tick once; the letters about tasks that arrived since the last time."""
        before = {letter.id for letter in self.mailbox.list_messages()}
        await reminders.run(clock.utc_now())
        await self.deliver()
        return [
            self.mailbox.read(x.id)
            for x in self.mailbox.list_messages()
            if x.id not in before and not x.key.startswith("account")
        ]

    async def deliver(self) -> None:
        """Send what waits."""
        transport = transport_of(self.settings)
        assert transport is not None
        await delivery_of(self.settings, transport).run()

    async def post(self, who: Actor, path: str, body: Any, version: str | None = None) -> httpx.Response:
        """A POST as this person; `version` is the ETag it builds on."""
        client = await self.api.client(who)
        headers = {} if version is None else {"If-Match": version}
        answer = await client.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer


@pytest.fixture
async def service(database: Settings, tmp_path: Path) -> AsyncIterator[Service]:
    """The service on 24/11/2025, 08:30, with real mail."""
    set_clock(date(2025, 11, 24), 8, 30)
    mailbox = LocalMailbox(tmp_path)
    await mailbox.start()
    settings = load(
        {
            "TRACKER_SMTP_HOST": "127.0.0.1",
            "TRACKER_SMTP_PORT": str(mailbox.port),
            "TRACKER_SMTP_SECURITY": "none",
            "TRACKER_SECRET_KEY": "k" * 40,
        }
    )
    try:
        async with running_api(database) as api:
            yield Service(api, mailbox, settings)
    finally:
        await mailbox.stop()


def directive(*leads: str, deadline: str, lead_classes: tuple[str, ...] = ()) -> dict[str, Any]:
    """A dispatch with one task."""
    return {
        "number": "221/CĐ-TTg",
        "kind": "dispatch",
        "issued_on": "2025-11-24",
        "issuer": "Thủ tướng Chính phủ",
        "abstract": "Khắc phục hậu quả mưa lũ",
        "tasks": [
            {
                "short_name": "Báo cáo thiệt hại và nhu cầu hỗ trợ",
                "full_text": "Tổng hợp thiệt hại, đề xuất hỗ trợ.",
                "leads": list(leads),
                "lead_classes": list(lead_classes),
                "deadline": deadline,
            }
        ],
    }


async def only_assignment(service: Service, who: Actor) -> tuple[str, str]:
    """The address and ETag of the one assignment that this person sees."""
    client = await service.api.client(who)
    (item,) = (await client.get("/api/v1/assignments")).json()["items"]
    path = f"/api/v1/assignments/{item['id']}"
    return path, (await client.get(path)).headers["ETag"]


async def test_a_directive_reaches_63_provinces_each_with_an_invitation(service: Service) -> None:
    for n in range(PROVINCES - 1):
        agency = await add_agency(f"T{n}", f"UBND tỉnh Thử {n}", "province")
        await add_official(f"Đầu mối {n}", f"dm{n}@tinh.example.vn", "agency_officer", "focal", agency)

    answer = await service.post(
        service.api.world.secretariat,
        "/api/v1/directives",
        directive(
            deadline="trước 17 giờ ngày 27/11/2025",
            lead_classes=("UBND các tỉnh, thành phố trực thuộc Trung ương",),
        ),
    )
    await service.deliver()

    letters = [service.mailbox.read(x.id) for x in service.mailbox.list_messages()]
    invited = [x for x in letters if x.calendar_method == "REQUEST"]
    assert len(answer.json()["assignment_ids"]) == PROVINCES
    assert len({x.letter.recipient for x in invited}) == PROVINCES
    (event,) = Calendar.from_ical(invited[0].calendar).walk("VEVENT")
    assert event.decoded("dtend") == datetime(2025, 11, 27, 10, 0, tzinfo=UTC)


async def test_days_pass_and_each_step_is_told_once_to_the_right_people(service: Service) -> None:
    world = service.api.world
    await service.post(
        world.secretariat, "/api/v1/directives", directive("BYT", deadline="trước ngày 28/11/2025")
    )
    told: dict[str, list[str]] = {}
    for day, hour in ((24, 9), (25, 7), (25, 8), (25, 15), (26, 8), (28, 8), (29, 8), (30, 8)):
        set_clock(date(2025, 11, day), hour, 1)
        told[f"{day}/11 {hour}h"] = sorted(x.letter.recipient for x in await service.day())
    for day in (1, 2, 5, 8):
        set_clock(date(2025, 12, day), 8, 1)
        told[f"{day}/12"] = sorted(x.letter.recipient for x in await service.day())

    focal, head = "focal@byt.example.vn", "head_of_office@byt.example.vn"
    assert told == {
        "24/11 9h": [focal, head],
        "25/11 7h": [],
        "25/11 8h": [focal, head],  # three working days before
        "25/11 15h": [],
        "26/11 8h": [],
        "28/11 8h": [focal, head],  # the day itself
        "29/11 8h": [],  # Saturday
        "30/11 8h": [],
        "1/12": [head, "officer@vpcp.example.vn"],
        "2/12": [],
        "5/12": ["leader@byt.example.vn", "member@vpcp.example.vn"],
        "8/12": [],
    }


async def test_completion_stops_reminders_and_takes_the_entry_out_of_every_calendar(service: Service) -> None:
    world = service.api.world
    await service.post(
        world.secretariat, "/api/v1/directives", directive("BYT", deadline="trước ngày 28/11/2025")
    )
    await service.deliver()
    path, version = await only_assignment(service, world.agency)

    set_clock(date(2025, 11, 26), 14)
    reported = await service.post(
        world.agency,
        f"{path}/reports",
        {"kind": "completion", "summary": "Đã gửi báo cáo", "evidence_number": "88/BYT-VP"},
        version,
    )
    set_clock(date(2025, 12, 1), 8, 5)
    while_waiting = await service.day()
    _, version = await only_assignment(service, world.secretariat)
    await service.post(world.secretariat, f"{path}/confirm", {}, version)
    await service.deliver()
    set_clock(date(2026, 1, 20), 8, 5)
    long_after = await service.day()

    kinds = {x.letter.key.split("-")[0] for x in while_waiting}
    cancels = [
        service.mailbox.read(x.id)
        for x in service.mailbox.list_messages()
        if service.mailbox.read(x.id).calendar_method == "CANCEL"
    ]
    assert reported.json()["receipt"].startswith("BC-2025-")
    assert kinds <= {"reported", "review"}, "the agency is not reminded while its report waits"
    assert [x.letter.recipient for x in cancels] == ["focal@byt.example.vn"]
    (event,) = Calendar.from_ical(cancels[0].calendar).walk("VEVENT")
    assert (event["status"], event.decoded("sequence") > 0) == ("CANCELLED", True)
    assert long_after == []
    listed = await (await service.api.client(world.secretariat)).get(
        "/api/v1/overdue", params={"as_of": "2026-01-20"}
    )
    assert listed.json()["totals"]["done_on_time"] == 1


async def test_a_calendar_client_polls_and_is_told_only_of_changes(service: Service) -> None:
    world = service.api.world
    await service.post(
        world.secretariat, "/api/v1/directives", directive("BYT", deadline="trước ngày 28/11/2025")
    )
    made = await service.post(world.agency, "/api/v1/feeds", {"name": "Việc của Bộ", "scope": "own_agency"})
    address = made.json()["url"]
    client = await service.api.client(None)

    first = await client.get(address)
    again = await client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    await service.deliver()
    path, version = await only_assignment(service, world.secretariat)
    await service.post(
        world.secretariat,
        f"{path}/deadline",
        {"due_on": "2025-12-05", "reason": "Theo kết luận mới", "document": "99/TB-VPCP"},
        version,
    )
    moved = await client.get(address, headers={"If-None-Match": first.headers["ETag"]})

    (before,) = Calendar.from_ical(first.content).walk("VEVENT")
    (after,) = Calendar.from_ical(moved.content).walk("VEVENT")
    assert (first.status_code, again.status_code, moved.status_code) == (200, 304, 200)
    assert (before["uid"], before.decoded("dtstart")) == (after["uid"], date(2025, 11, 28))
    assert after.decoded("dtstart") == date(2025, 12, 5)
    assert after.decoded("sequence") > before.decoded("sequence")
    await service.deliver()
    methods = [service.mailbox.read(x.id).calendar_method for x in service.mailbox.list_messages()]
    assert methods.count("REQUEST") == 2, "the invitation, and the one that moves it"

"""Scheduled reports: set up, sent once on working days with the reader's own rights, paused, ended."""

from __future__ import annotations

import asyncio
import email
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from email import policy
from email.message import EmailMessage

import pytest
from openpyxl import load_workbook

from tests.letters import text_of
from tests.web_scene import Scene, scene
from tests.world import MONDAY
from tracker.actions import scheduled_reports as actions
from tracker.db import scheduled_reports as db
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.scheduled_reports import Choices
from tracker.domain.errors import Invalid, NotFound, NotPermitted
from tracker.domain.scheduled_reports import FileFormat, Rhythm, Timing, What
from tracker.jobs import scheduled_reports as job
from tracker.jobs.worker import delivery_of, transport_of
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

FRIDAY = datetime(2025, 11, 21, 8, 0, tzinfo=UTC)
"""15:00 on the Friday before the scene's Monday."""
AT_TEN = datetime(2025, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture
async def made(database: Settings) -> AsyncIterator[Scene]:
    async with scene(database) as found:
        yield found


def choices(made: Scene, *people: str, **more: object) -> Choices:
    readers = tuple(made.world.officials[name] for name in people)
    plain = Choices(
        "Quá hạn hằng tuần", What.OVERDUE, Timing(Rhythm.WEEKLY, 1, time(7, 30)), FileFormat.XLSX, readers
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # the fields of Choices


async def messages() -> list[EmailMessage]:
    rows = await fetch("SELECT raw FROM outbox WHERE kind = 'scheduled_report' ORDER BY id")
    return [email.message_from_bytes(r["raw"], policy=policy.default) for r in rows]


async def outcomes() -> list[tuple[date, str]]:
    rows = await fetch("SELECT day, outcome FROM scheduled_report_letter ORDER BY day, id")
    return [(r["day"], r["outcome"]) for r in rows]


def titles(message: EmailMessage) -> str:
    (file,) = message.iter_attachments()
    content = file.get_payload(decode=True)
    assert isinstance(content, bytes)
    book = load_workbook(io.BytesIO(content))
    return "\n".join(
        str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if cell
    )


async def test_a_report_goes_once_with_each_readers_own_rights(made: Scene) -> None:
    world = made.world
    report = await actions.make(world.secretariat, choices(made, "inspector", "btc.focal"), FRIDAY)

    early = await job.run(datetime(2025, 11, 24, 0, 0, tzinfo=UTC))
    sent = await job.run(AT_TEN)
    again = await job.run(AT_TEN + timedelta(minutes=1))

    assert (early.queued, sent.queued, again.queued) == (0, 2, 0)
    assert await outcomes() == [(date(2025, 11, 24), "queued")] * 2
    letters = {str(m["To"]): m for m in await messages()}
    whole = next(m for to, m in letters.items() if "btc" not in to)
    own = next(m for to, m in letters.items() if "btc" in to)
    assert "Toàn văn của nhiệm vụ overdue." in titles(whole)
    assert "nhiệm vụ overdue" not in titles(own)
    assert "23/11/2025" in text_of(whole)
    assert "không có dòng nào" in text_of(own)
    (file,) = whole.iter_attachments()
    assert file.get_filename() == "qua-han-2025-11-23.xlsx"
    assert [line.way for line in await actions.list_letters(world.secretariat, report, 10)] == ["pending"] * 2


async def test_two_workers_make_one_letter(made: Scene) -> None:
    await actions.make(made.world.secretariat, choices(made, "inspector"), FRIDAY)

    runs = await asyncio.gather(job.run(AT_TEN), job.run(AT_TEN))

    assert sum(run.queued for run in runs) == 1
    assert len(await messages()) == 1


async def test_a_missed_day_is_made_up_for_once_and_says_so(made: Scene) -> None:
    since = datetime(2025, 11, 7, 8, 0, tzinfo=UTC)
    await actions.make(made.world.secretariat, choices(made, "inspector"), since)

    on_sunday = await job.run(datetime(2025, 11, 23, 3, 0, tzinfo=UTC))
    on_tuesday = await job.run(datetime(2025, 11, 25, 3, 0, tzinfo=UTC))

    assert (on_sunday.queued, on_tuesday.queued) == (0, 1)
    assert await outcomes() == [
        (date(2025, 11, 10), "missed"),
        (date(2025, 11, 17), "missed"),
        (date(2025, 11, 24), "queued"),
    ]
    (message,) = await messages()
    said = text_of(message)
    assert "gửi muộn" in str(message["Subject"])
    assert "thứ Hai 24/11/2025" in said
    assert "10/11/2025, 17/11/2025" in said


async def test_who_may_not_see_it_gets_nothing(made: Scene) -> None:
    world = made.world
    desk = world.secretariat
    with pytest.raises(Invalid, match="scheduled_reader_may_not"):
        await actions.make(desk, choices(made, "byt.focal", what=What.RATES), FRIDAY)
    with pytest.raises(NotPermitted):
        await actions.make(world.inspector, choices(made, "inspector"), FRIDAY)
    report = await actions.make(desk, choices(made, "member", "inspector", "byt.focal"), FRIDAY)
    away = await actions.make(desk, choices(made, "byt.focal", agency_codes=("BYT",)), FRIDAY)
    await execute("UPDATE official SET is_active = false WHERE id = $1", world.officials["member"])
    await execute("UPDATE official SET mailbox = 'dead' WHERE id = $1", world.officials["inspector"])
    await execute(
        "UPDATE official SET agency_id = $2 WHERE id = $1",
        world.officials["byt.focal"],
        world.agencies["BTC"],
    )

    await job.run(AT_TEN)

    told = {
        (one.report_id, one.official_id): one.outcome
        for n in (report, away)
        for one in await db.list_letters(n, 10)
    }
    assert told == {
        (report, world.officials["member"]): "inactive",
        (report, world.officials["inspector"]): "dead",
        (report, world.officials["byt.focal"]): "queued",
        (away, world.officials["byt.focal"]): "closed",
    }
    with pytest.raises(NotFound):
        await actions.own_file(world.leader, report, date(2025, 11, 24), AT_TEN, "vi")


async def test_whoever_moves_while_sending_is_paused_gets_no_letter(made: Scene) -> None:
    world = made.world
    report = await actions.make(world.secretariat, choices(made, "byt.focal", "inspector"), FRIDAY)
    await job.run(AT_TEN)
    await execute(
        "UPDATE official SET agency_id = $2 WHERE id = $1",
        world.officials["byt.focal"],
        world.agencies["BTC"],
    )

    transport = transport_of(made.settings)
    assert transport is not None
    await delivery_of(made.settings, transport).run()

    ways = {one.official_id: one.way for one in await actions.list_letters(world.secretariat, report, 10)}
    assert ways == {world.officials["byt.focal"]: "superseded", world.officials["inspector"]: "sent"}


async def test_pause_end_and_empty_reports(made: Scene) -> None:
    desk = made.world.secretariat
    paused = await actions.make(desk, choices(made, "inspector"), FRIDAY)
    await actions.pause(desk, paused, 1, FRIDAY)
    nothing = await actions.make(
        desk, choices(made, "btc.focal", leave_out_empty=True, agency_codes=("BTC",)), FRIDAY
    )

    await job.run(AT_TEN)
    await actions.resume(desk, paused, 2, AT_TEN)
    await job.run(AT_TEN + timedelta(minutes=5))

    assert await outcomes() == [(date(2025, 11, 24), "empty")]
    shown = await actions.get(desk, paused, AT_TEN)
    assert shown.coming.days[0] == date(2025, 12, 1)
    ended = await actions.end(desk, paused, None, AT_TEN)
    assert ended.state == "ended"
    with pytest.raises(actions.ScheduledReportEnded):
        await actions.resume(desk, paused, None, AT_TEN)
    assert [one.outcome for one in await actions.list_letters(desk, nothing, 5)] == ["empty"]
    verbs = await fetch("SELECT verb FROM history WHERE verb LIKE '%schedule%' ORDER BY id")
    assert [v["verb"] for v in verbs] == [
        "schedule_report",
        "pause_scheduled_report",
        "schedule_report",
        "resume_scheduled_report",
        "end_scheduled_report",
    ]


async def test_every_table_as_every_file(made: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = made.world.secretariat
    for what in What:
        for form in FileFormat:
            if form is FileFormat.PDF and what is not What.AGEING:
                continue  # the slow one: once is enough, docx is made of the same paper
            report = await actions.make(desk, choices(made, "inspector", what=what, form=form), FRIDAY)
            found = await actions.preview(desk, report, MONDAY, "vi")
            assert found.rows > 0
            assert found.document.name.endswith(f".{form.value}")
            assert found.document.content[:2] == (b"%P" if form is FileFormat.PDF else b"PK")
    monkeypatch.setattr(actions, "LARGEST_ATTACHMENT", 100)
    await job.run(AT_TEN)

    found_letters = await messages()
    assert len(found_letters) == 11
    for message in found_letters:
        assert list(message.iter_attachments()) == []
        assert "lớn hơn mức gửi được" in text_of(message)
    assert await fetchval("SELECT count(*) FROM scheduled_report_letter WHERE outcome = 'linked'") == 11

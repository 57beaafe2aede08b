"""Reconciliation on a real database: lists of a past day, answers, settlements, letters that go once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.web_scene import ADDRESS, Visitor, hidden_fields, scene
from tests.world import MONDAY
from tracker.actions import reconciliation
from tracker.actions.reconciliation import RoundClosed, RoundEmpty, RoundExists, Sent
from tracker.db import reconciliation as db
from tracker.db.engine import as_stranger, execute, fetch, fetchval, look_as
from tracker.db.switches import set_switch
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid, NotFound, NotPermitted, StaleVersion
from tracker.domain.reconciliation import Answer, Given, Settlement, digest_of
from tracker.jobs import reconciliation as job
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

TODAY, ANSWER_BY = date(2025, 11, 24), date(2025, 12, 1)


async def letters(agency: str = "") -> list[str]:
    """The keys of the letters that wait or have left, of one agency's people or of all."""
    rows = await fetch(
        "SELECT o.notify_key FROM outbox o JOIN official f ON f.id = o.recipient_id"
        " LEFT JOIN agency g ON g.id = f.agency_id"
        " WHERE o.kind = 'reconciliation' AND o.state <> 'superseded' AND ($1 = '' OR g.code = $1) ORDER BY o.id",
        agency,
    )
    return [row["notify_key"] for row in rows]


async def test_a_round_from_its_opening_to_its_close(database: Settings) -> None:
    async with scene(database) as made:
        world = made.world
        desk, agency = world.secretariat, world.agency
        with pytest.raises(Invalid) as future:
            await reconciliation.open_round(desk, TODAY + timedelta(days=1), TODAY, MONDAY)
        assert [(p.field, p.code) for p in future.value.problems] == [
            ("/as_of", "reconciliation_future_cut_off"),
            ("/answer_by", "reconciliation_answer_past"),
        ]
        with pytest.raises(RoundEmpty):
            await reconciliation.open_round(desk, date(2024, 1, 31), ANSWER_BY, MONDAY)
        with pytest.raises(NotPermitted):
            await reconciliation.open_round(world.member, TODAY, ANSWER_BY, MONDAY)
        assert await fetchval("SELECT count(*) FROM reconciliation") == 0

        shown = await reconciliation.preview(desk, TODAY, ANSWER_BY, MONDAY)
        round_id = await reconciliation.open_round(desk, TODAY, ANSWER_BY, MONDAY)

        asked = {a.code: a for a in await db.list_asked(round_id)}
        assert {own.code: len(own.items) for own in shown.lists} == {c: a.items for c, a in asked.items()}
        with pytest.raises(RoundExists):
            await reconciliation.open_round(desk, TODAY, ANSWER_BY, MONDAY)
        listed = await db.list_items(round_id, world.agencies["BYT"])
        by_task = {one.item.task_id: one for one in listed}
        of = {name: by_task.get(task_id) for name, task_id in made.tasks.items()}
        closed = {name for name, one in of.items() if one and not one.item.is_open}
        assert closed == {"done", "done_late", "withdrawn"}, closed
        assert asked["BYT"].digest == digest_of([one.item for one in listed])
        assert await letters("BYT")

        # An answer that is not whole takes nothing; each field is named.
        first, second, third = listed[0], listed[1], listed[2]
        wrong = [
            Given(first.id, Answer.DONE, day=TODAY + timedelta(days=9)),
            Given(second.id, Answer.OTHER),
            Given(10**9, Answer.AGREES),
        ]
        with pytest.raises(Invalid) as refused:
            await reconciliation.answer(agency, round_id, "BYT", Sent(wrong), MONDAY)
        assert [(p.field, p.code) for p in refused.value.problems] == [
            ("/answers/0/number", "reconciliation_number_needed"),
            ("/answers/0/day", "reconciliation_report_ahead"),
            ("/answers/1/word", "reconciliation_word_needed"),
            ("/answers/2/item_id", "reconciliation_item_unknown"),
            ("/answers", "reconciliation_unanswered"),
        ]
        with pytest.raises(Invalid):
            unseen = Sent([], rest_agrees=True, seen="0" * 64)
            await reconciliation.answer(agency, round_id, "BYT", unseen, MONDAY)
        with pytest.raises(NotPermitted):
            await reconciliation.answer(desk, round_id, "BYT", Sent([]), MONDAY)
        assert await fetchval("SELECT count(*) FROM reconciliation_answer") == 0

        said = [
            Given(first.id, Answer.DONE, "88/BC-BYT", TODAY, "Đã gửi <b>."),
            Given(second.id, Answer.OTHER_DEADLINE, day=date(2026, 1, 31)),
            Given(third.id, Answer.NOT_OURS, word="Của Bộ Tài chính."),
        ]
        whole = Sent(said, rest_agrees=True, seen=asked["BYT"].digest, version=1)
        taken = await reconciliation.answer(agency, round_id, "BYT", whole, MONDAY)
        assert (taken.changed, taken.differences) == (len(listed), 3)
        # Stop when answered: no letter of it leaves any more.
        assert await letters("BYT") == []
        with pytest.raises(StaleVersion):
            await reconciliation.answer(agency, round_id, "BYT", whole, MONDAY)

        differing, _ = await reconciliation.differences(desk, round_id)
        assert [one.id for one in differing] == [first.id, second.id, third.id]
        with pytest.raises(Invalid) as wordless:
            await reconciliation.settle(desk, round_id, first.id, Settlement.KEPT, " ", MONDAY)
        assert wordless.value.problems[0].code == "reconciliation_reason_needed"
        with pytest.raises(reconciliation.NothingToSettle):
            await reconciliation.settle(desk, round_id, listed[5].id, Settlement.ACCEPTED, "", MONDAY)
        await reconciliation.settle(desk, round_id, first.id, Settlement.KEPT, "Chưa có báo cáo.", MONDAY)
        seen = differing[1].said
        assert seen is not None

        # A correction is a further answer: what was settled of the one before does not settle it.
        again = Sent([Given(first.id, Answer.AGREES), Given(second.id, Answer.OTHER, word="Đang rà soát.")])
        taken = await reconciliation.answer(agency, round_id, "BYT", again, MONDAY)
        assert (taken.changed, taken.differences) == (2, 2)
        with pytest.raises(StaleVersion):
            await reconciliation.settle(
                desk, round_id, second.id, Settlement.ACCEPTED, "", MONDAY, answer_id=seen.id
            )
        await reconciliation.settle(desk, round_id, third.id, Settlement.ACCEPTED, "Giao lại.", MONDAY)
        figures = await reconciliation.figures(world.member, round_id, MONDAY)
        assert (figures.answered, figures.agreed, figures.differences, figures.settled) == (1, 0, 2, 1)
        assert figures.rates[0].numerator_name == "answered"
        assert (figures.rates[0].numerator, figures.rates[0].denominator) == (1, len(asked))

        found = await db.get_round(round_id)
        await reconciliation.close(desk, round_id, found.row_version, MONDAY)
        with pytest.raises(RoundClosed):
            await reconciliation.answer(agency, round_id, "BYT", Sent([]), MONDAY)
        await reconciliation.settle(desk, round_id, second.id, Settlement.KEPT, "Giữ hạn.", MONDAY)
        assert await letters() == []
        verbs = await fetch("SELECT DISTINCT verb FROM history WHERE verb LIKE '%reconciliation' ORDER BY 1")
        assert [row["verb"] for row in verbs] == [
            "answer_reconciliation",
            "close_reconciliation",
            "differ_in_reconciliation",
            "open_reconciliation",
            "settle_reconciliation",
        ]


async def test_a_list_tells_the_day_that_was_asked_for(database: Settings) -> None:
    async with scene(database) as made:
        # As of 31/10 nothing was closed yet, the extended task had its first date, later reports were not there.
        round_id = await reconciliation.open_round(
            made.world.secretariat, date(2025, 10, 31), ANSWER_BY, MONDAY
        )

        listed = await db.list_items(round_id, made.world.agencies["BYT"])
        of = {one.item.task_id: one.item for one in listed}
        assert all(one.item.is_open for one in listed)
        assert of[made.tasks["extended"]].due_on == date(2025, 11, 10)
        assert of[made.tasks["done"]].fine == "on_schedule"
        assert of[made.tasks["done_late"]].completed_on is None


async def test_each_reader_is_shown_a_round_as_it_concerns_them(database: Settings) -> None:
    async with scene(database) as made:
        world = made.world
        round_id = await reconciliation.open_round(world.secretariat, TODAY, ANSWER_BY, MONDAY)
        here = f"/doi-chieu/{round_id}"
        own = await db.list_items(round_id, world.agencies["BYT"])
        agency = await Visitor(made).sign_in(world.agency)
        page = await agency.get(here)
        assert page.text.count('type="radio"') == 5 * len(own)
        assert (await agency.get(f"{here}?co-quan=BTC")).status_code == 404
        assert (await agency.get(f"{here}/khac-biet.csv")).status_code == 403
        sent = f"{here}?co-quan=BYT"
        said = {f"tl-{own[0].id}": "da-xong", f"so-{own[0].id}": "=1+1", f"ngay-{own[0].id}": "20/11/2025"}
        hidden = hidden_fields(page.text, sent) | {"viec": "gui"}
        origin = {"Origin": ADDRESS}
        wrong = {**hidden, **said, f"tl-{own[1].id}": "la"}
        answer = await agency.client.post(sent, data=wrong, headers=origin)
        assert answer.status_code == 422
        assert "Không có cách trả lời" in answer.text
        assert 'value="=1+1"' in answer.text
        answer = await agency.client.post(sent, data={**hidden, **said, "con-lai": "1"}, headers=origin)
        assert answer.status_code == 303, answer.text

        desk = await Visitor(made).sign_in(world.secretariat)
        whole = await desk.get(here)
        assert "33,3 %" in whole.text
        assert "1/3" in whole.text
        table = (await desk.get(f"{here}/khac-biet.csv")).content.decode("utf-8-sig")
        assert "'=1+1" in table
        assert "20/11/2025" in table
        assert (await desk.get(f"{here}/khac-biet.xlsx")).content.startswith(b"PK")
        member = await Visitor(made).sign_in(world.member)
        read = await member.get(here)
        assert read.status_code == 200
        assert "giai-quyet" not in read.text


@asynccontextmanager
async def looking_as(actor: Actor) -> AsyncIterator[None]:
    """The database as it shows itself to this person."""
    with as_stranger():
        look_as(actor)
        yield


async def test_an_agency_sees_its_own_list_and_nobody_else_its_draft(database: Settings) -> None:
    async with scene(database) as made:
        world = made.world
        round_id = await reconciliation.open_round(world.secretariat, TODAY, ANSWER_BY, MONDAY)
        own = await db.list_items(round_id, world.agencies["BYT"])
        foreign = await db.list_items(round_id, world.agencies["BTC"])
        typed = {own[0].id: {"answer": "done", "day": "31/02/2026"}}

        async with looking_as(world.agency):
            assert await reconciliation.save_draft(world.agency, round_id, "BYT", typed, MONDAY) == 1
            kept = await db.list_items(round_id, world.agencies["BYT"])
            assert dict(kept[0].draft) == typed[own[0].id]
            assert await db.list_items(round_id, world.agencies["BTC"]) == []
            assert [a.code for a in await reconciliation.own_asked(world.agency, round_id)] == ["BYT"]
            with pytest.raises(NotFound):
                await reconciliation.asked_of(world.agency, round_id, "BTC")
            with pytest.raises(NotFound):
                await reconciliation.answer(world.agency, round_id, "BTC", Sent([]), MONDAY)
            with pytest.raises(Invalid):
                await reconciliation.save_draft(
                    world.agency, round_id, "BYT", {foreign[0].id: {"answer": "done"}}, MONDAY
                )
            with pytest.raises(NotPermitted):
                await reconciliation.figures(world.agency, round_id, MONDAY)
            digest = (await reconciliation.asked_of(world.agency, round_id, "BYT")).digest
            await reconciliation.answer(world.agency, round_id, "BYT", Sent([], True, digest), MONDAY)
        async with looking_as(world.secretariat):
            assert (await db.list_items(round_id, world.agencies["BYT"]))[0].draft == {}
            figures = await reconciliation.figures(world.secretariat, round_id, MONDAY)
            assert (figures.answered, figures.agreed, figures.differences) == (1, 1, 0)


def at(day: date, hour: int = 9) -> datetime:
    """An hour of a day in the official zone."""
    return datetime(day.year, day.month, day.day, hour - 7, tzinfo=UTC)


async def test_the_month_opens_once_is_caught_up_and_reminds_the_silent_once(database: Settings) -> None:
    async with scene(database) as made:
        await execute("DELETE FROM setting WHERE key = $1", reconciliation.SWITCH)
        await job.run(at(date(2025, 12, 1)))
        assert await fetchval("SELECT count(*) FROM reconciliation") == 0
        await set_switch(reconciliation.SWITCH, "2025-12")
        await job.run(at(date(2025, 11, 28)))
        await job.run(at(date(2025, 12, 1), 7))
        assert await fetchval("SELECT count(*) FROM reconciliation") == 0

        # Two workers at once, three days late.
        late = at(date(2025, 12, 4))
        await asyncio.gather(job.run(late), job.run(late))
        (found,) = await db.list_rounds(made.world.secretariat)
        assert (found.month, found.as_of, found.opened_by) == (date(2025, 12, 1), date(2025, 11, 30), None)
        assert found.answer_by == date(2025, 12, 11)
        covers = await letters()
        assert covers
        assert len(set(covers)) == len(covers)
        await job.run(late)
        assert await letters() == covers

        asked = await reconciliation.asked_of(made.world.agency, found.id, "BYT")
        await reconciliation.answer(
            made.world.agency, found.id, "BYT", Sent([], True, asked.digest), at(date(2025, 12, 5))
        )
        before = len(await letters())
        await job.run(at(date(2025, 12, 10)))
        first = await letters()
        assert len(first) > before
        assert not any("BYT" in key for key in first)
        # On a day off nothing goes; after an outage over two steps only the later one does.
        await job.run(at(date(2025, 12, 13)))
        assert await letters() == first
        await asyncio.gather(job.run(at(date(2025, 12, 18))), job.run(at(date(2025, 12, 18))))
        third = [key for key in await letters() if key not in first]
        assert third
        assert all("reminder_3" in key for key in third)
        told = await fetch(
            "SELECT DISTINCT step, verdict FROM reconciliation_letter l JOIN agency g ON g.id = l.agency_id"
            " WHERE g.code = 'HN' ORDER BY step"
        )
        assert [(row["step"], row["verdict"]) for row in told] == [
            ("cover", "sent"), ("reminder_1", "sent"), ("reminder_2", "superseded"), ("reminder_3", "sent")
        ]  # fmt: skip
        await job.run(at(date(2026, 1, 5)))
        assert len(await db.list_rounds(made.world.secretariat)) == 2

"""Statistics by API: equal to the overdue list and to the rule, with a list behind every figure."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest

from tests.api import Api, running_api
from tests.integration.test_overdue_rule import START, some_lives
from tracker.actions import statistics
from tracker.actions.notices import without_messages
from tracker.actions.overdue import facts_of
from tracker.actions.statistics import Question
from tracker.db.assignments import list_by_ids
from tracker.db.calendar import load_calendar
from tracker.db.statistics import HEADS
from tracker.domain.assignments import Fine, Knowledge, classify
from tracker.domain.directory import Actor
from tracker.domain.statistics import Buckets, Denominator, Rounding
from tracker.domain.tallies import Period
from tracker.settings import Settings

pytestmark = pytest.mark.anyio
DAYS = [START + timedelta(days=n) for n in (10, 40, 75, 110, 139)]


@pytest.fixture
async def api(database: Settings) -> AsyncIterator[Api]:
    async with running_api(database) as running:
        with without_messages():
            await some_lives(running.world, random.Random(7))
        yield running


async def get(api: Api, path: str, persona: str = "secretariat", **params: str) -> Any:
    """The answer to a question of a persona."""
    client = await api.client(getattr(api.world, persona))
    answer = await client.get(f"/api/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_figures_are_those_of_the_overdue_list_of_the_same_day(api: Api) -> None:
    for as_of in DAYS:
        told = await get(api, "statistics", as_of=str(as_of))
        listing = await get(api, "overdue", as_of=str(as_of))

        assert told["total"]["counts"] == listing["totals"]
        assert told["total"]["rate"] == listing["rate"]
        assert {r["key"]: r["figures"]["counts"] for r in told["items"]} == {
            a["code"]: a["buckets"] for a in listing["agencies"]
        }
        assert told["sound"] is True
        assert all(c["holds"] for r in told["items"] for c in r["figures"]["checks"])


async def test_every_head_adds_up_and_leads_to_its_list(api: Api) -> None:
    client = await api.client(api.world.secretariat)
    for head in HEADS:
        told = await get(api, "statistics", as_of=str(DAYS[2]), by=head, limit="200")

        assert told["rows"] == len(told["items"]) > 0
        for row in told["items"]:
            counts = row["figures"]["counts"]
            behind = (await client.get(f"{row['list']}&limit=200")).json()["items"]
            late = (await client.get(f"{row['list']}&bucket=open_overdue&limit=200")).json()["items"]
            found = Counter(i["bucket"] for i in behind)
            assert len(late) == counts["open_overdue"] == found["open_overdue"]
            assert found["done_late"] == counts["done_late"]
            beside = sum(counts[n] for n in ("standing", "withdrawn", "transferred", "superseded"))
            assert len(behind) == counts["total"] + beside
            if row["overdue"] is not None:
                listing = (await client.get(row["overdue"])).json()
                assert listing["totals"]["open_overdue"] == counts["open_overdue"]
        assert (head in ("agency", "directive")) == (told["items"][0]["overdue"] is not None)


async def test_figures_agree_with_the_rule_whatever_is_known(api: Api) -> None:
    rows = await list_by_ids(range(1, 100))
    facts, calendar = await facts_of(rows), await load_calendar()
    for as_of, knowledge in product(DAYS, Knowledge):
        statuses = [classify(facts[r.id], as_of, calendar, knowledge=knowledge) for r in rows]

        told = await statistics.statistics(api.world.secretariat, Question(as_of, knowledge=knowledge))

        assert told.total.count.buckets == Buckets.count(statuses), (as_of, knowledge)
        assert told.total.count.awaiting == sum(s.fine is Fine.AWAITING_CONFIRMATION for s in statuses)


async def test_trend_is_the_figures_of_each_week(api: Api) -> None:
    weeks = await get(api, "statistics/trend", as_of=str(DAYS[-1]), weeks="15")

    assert [p["as_of"] for p in weeks["items"]] == [
        str(DAYS[-1] - timedelta(weeks=back)) for back in range(14, -1, -1)
    ]
    for point in weeks["items"]:
        told = await get(api, "statistics", as_of=point["as_of"])
        assert point["figures"] == told["total"], point["as_of"]
    assert len((await get(api, "statistics/trend"))["items"]) == 12


async def test_of_many_trends_at_once_most_are_refused_and_none_holds_up_the_rest(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await api.client(api.world.secretariat)
    at_once, most, goes_on = 0, 0, asyncio.Event()
    reckon = statistics._trend

    async def slow(
        viewer: Actor, question: Question, weeks: int, step: Period
    ) -> list[tuple[date, statistics.Figures]]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await goes_on.wait()
        told = await reckon(viewer, question, weeks, step)
        at_once -= 1
        return told

    monkeypatch.setattr(statistics, "_trend", slow)
    monkeypatch.setattr(statistics, "PATIENCE_SECONDS", 0.2)
    path = "/api/v1/statistics/trend?weeks=53"
    asked = [asyncio.create_task(client.get(path)) for _ in range(8)]
    done, waiting = await asyncio.wait(asked, timeout=3)
    cheap = await client.get("/api/v1/assignments?limit=1")
    goes_on.set()
    last = await asyncio.gather(*waiting)

    refused = [task.result() for task in done]
    assert cheap.status_code == 200
    assert [a.status_code for a in last] == [200]
    assert [(a.status_code, a.json()["code"]) for a in refused] == [(503, "unavailable")] * 7
    assert all(int(a.headers["retry-after"]) > 0 for a in refused)
    assert most == 1
    assert (await client.get(path)).status_code == 200


async def test_span_keeps_what_was_given_in_it(api: Api) -> None:
    as_of = DAYS[-1]
    whole = await statistics.statistics(api.world.secretariat, Question(as_of))
    told = [
        await get(api, "statistics", as_of=str(as_of), **span)
        for span in ({"assigned_to": "2025-09-10"}, {"assigned_from": "2025-09-11"})
    ]

    added = [t["total"]["counts"]["total"] for t in told]
    assert sum(added) == whole.total.count.buckets.total
    assert told[0]["items"] == [] or told[0]["items"][0]["overdue"] is None
    assert told[0]["scope"] == {"assigned_to": "2025-09-10"}


async def test_agency_sees_its_own_figures_only(api: Api) -> None:
    own = await get(api, "statistics", "agency", as_of=str(DAYS[2]))
    foreign = await get(api, "statistics", "agency", as_of=str(DAYS[2]), agency="BTC")
    behind = await get(api, "statistics/assignments", "agency", as_of=str(DAYS[2]), by="agency", key="BTC")

    assert [r["key"] for r in own["items"]] == ["BYT"]
    assert (foreign["items"], behind["items"]) == ([], [])


async def test_pages_of_rows_and_of_the_list_behind(api: Api) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await get(api, "statistics", as_of=str(DAYS[2]), by="directive", limit="3", **cursor)
        seen += [r["key"] for r in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    listed: list[str] = []
    cursor = {}
    while True:
        page_behind = await get(api, "statistics/assignments", as_of=str(DAYS[2]), limit="7", **cursor)
        listed += [i["assignment_id"] for i in page_behind["items"]]
        if page_behind["next"] is None:
            break
        cursor = {"cursor": page_behind["next"]}

    assert len(seen) == len(set(seen)) == page["rows"]
    assert listed == sorted(set(listed), key=int)
    assert len(listed) >= page["total"]["counts"]["total"]


# -- rates -------------------------------------------------------------------------------------------------

PRINTED = Buckets(done_on_time=14068, done_late=1983, open_in_term=900, open_overdue=223)


@pytest.mark.parametrize(
    ("question", "percent"),
    [
        (Question(START), "98.63"),
        (Question(START, rounding=Rounding.TRUNCATED), "98.62"),
        (Question(START, numerator="open_overdue", rounding=Rounding.REMAINDER), "1.38"),
        (Question(START, denominator=Denominator.UNFINISHED, decimals=1), "19.9"),
        (Question(START, denominator=Denominator.TOTAL, numerator="open_overdue", decimals=0), "1"),
    ],
)
def test_rate_is_reckoned_as_it_was_asked(question: Question, percent: str) -> None:
    assert str(question.rate(PRINTED).value) == percent


async def test_numerator_must_be_part_of_its_denominator(api: Api) -> None:
    client = await api.client(api.world.secretariat)

    wrong = await client.get("/api/v1/statistics", params={"numerator": "done", "denominator": "unfinished"})
    unknown = await client.get("/api/v1/statistics", params={"denominator": "submitted"})
    reversed_span = await client.get(
        "/api/v1/statistics", params={"assigned_from": "2025-12-01", "assigned_to": "2025-11-01"}
    )
    too_many = await client.get("/api/v1/statistics/trend", params={"weeks": "54"})

    assert [e["code"] for e in wrong.json()["errors"]] == ["numerator_not_part"]
    assert (unknown.status_code, reversed_span.status_code, too_many.status_code) == (400, 422, 400)


# -- official tables ---------------------------------------------------------------------------------------


async def test_official_table_names_changes_ages_and_closings(api: Api) -> None:
    as_of = DAYS[3]
    told = await get(api, "statistics", as_of=str(as_of), by="block", compare="month")
    before = await get(api, "statistics", as_of=told["compared_with"], by="block")
    by_agency = await get(api, "statistics", as_of=str(as_of), block="ministries")
    pace = await get(api, "statistics/pace", as_of=str(as_of), ahead="12")
    behind = await get(
        api,
        "statistics/assignments",
        as_of=str(as_of),
        cell="done",
        confirmed_from=pace["confirmed_from"],
        confirmed_to=pace["confirmed_to"],
        limit="200",
    )

    change = told["total"]["change"]
    assert told["compared_with"] == "2025-11-20"
    assert change["before"] == before["total"]["rate"]
    assert [r["key"] for r in told["items"]] == ["ministries"]
    assert told["total"]["counts"] == by_agency["total"]["counts"]
    assert sum(told["total"]["ageing"].values()) == told["total"]["counts"]["open_overdue"] > 0
    assert told["last_days"] is None or told["last_days"]["without"]["denominator_name"] == "fallen_due"
    assert pace["confirmed"] == len(behind["items"]) > 0
    assert pace["total"] == [sum(row["weeks"][n] for row in pace["items"]) for n in range(12)]
    for cell in ("awaiting", "extended", "late_30", "outside"):
        listed = await get(api, "statistics/assignments", as_of=str(as_of), by="agency", key="BYT", cell=cell)
        row = next(r for r in by_agency["items"] if r["key"] == "BYT")["figures"]
        cells = {**row, **row["ageing"], "outside": row["counts"]["withdrawn"]}
        assert len(listed["items"]) == cells[cell], cell
    quarters = await get(api, "statistics", as_of=str(as_of), by="quarter", compare="quarter")
    following = [r for r in quarters["items"] if r["figures"]["change"] is not None]
    assert following
    by_key = {r["key"]: r["figures"]["rate"] for r in quarters["items"]}
    assert following[0]["figures"]["change"]["before"] == by_key["2025-Q3"]


async def test_what_cannot_be_asked_is_named(api: Api) -> None:
    client = await api.client(api.world.secretariat)
    for path, field, code in (
        ("statistics?as_of=2099-01-01", "/as_of", "as_of_future"),
        ("statistics/trend?as_of=2099-01-01", "/as_of", "as_of_future"),
        ("statistics/pace?as_of=2099-01-01", "/as_of", "as_of_future"),
        ("statistics/assignments?as_of=2099-01-01", "/as_of", "as_of_future"),
        ("statistics?field=Kh%C3%B4ng", "/field", "field_unknown"),
        ("statistics?due_from=2025-12-01&due_to=2025-11-01", "/due_from", "span_reversed"),
        ("statistics?agency=XYZ", "/agency/0", "agency_unknown"),
    ):
        answer = await client.get(f"/api/v1/{path}")
        assert answer.status_code == 422, path
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(field, code)], path
    for path in (
        "statistics?block=x",
        "statistics?by=x",
        "statistics/trend?step=x",
        "statistics/assignments?cell=x",
    ):
        answer = await client.get(f"/api/v1/{path}")
        assert answer.status_code == 400, path
        assert "x" in answer.text
    assert (await client.get("/api/v1/statistics?directive_id=999999")).status_code == 404

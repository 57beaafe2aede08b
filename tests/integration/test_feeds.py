"""Calendar links over HTTP: what they show to whom, and that a client never keeps an old calendar."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from litestar import Litestar
from litestar.types import ASGIApp

from tests.calendar_readers import (
    HAS_NODE,
    Read,
    by_uid,
    problems,
    read_icalendar,
    read_ics,
    read_vobject,
    read_with_node,
)
from tracker import clock
from tracker.actions import feeds
from tracker.actions.feeds import FeedChoices, FeedRevoked, Made, NewFeed
from tracker.actions.office import use_office
from tracker.api import calendars
from tracker.api.errors import problem_response
from tracker.api.security import guard
from tracker.db import feeds as feeds_db
from tracker.db.engine import execute, fetchrow, fetchval
from tracker.domain.directory import Actor, Role
from tracker.domain.errors import Invalid, NotFound, StaleVersion
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

NOW = datetime(2025, 11, 25, 2, 0, tzinfo=UTC)  # Tuesday, 09:00 in the official zone
TODAY = date(2025, 11, 25)


@dataclass
class World:
    """Two agencies with an officer each, a secretariat officer, and one directive with dated tasks."""

    app: ASGIApp
    client: httpx.AsyncClient
    first: int
    second: int
    directive: int
    other_directive: int
    ladder: int
    officer: Actor
    foreign_officer: Actor
    secretariat: Actor

    async def assign(
        self,
        agency: int,
        due_on: date | None = date(2025, 11, 28),
        *,
        due_time: time | None = None,
        name: str = "Báo cáo kết quả",
        directive: int | None = None,
        restricted: bool = False,
        sequence: int = 0,
    ) -> int:
        """A new dated assignment of its own task; its id."""
        directive = directive or self.directive
        task = await fetchval(
            "INSERT INTO task (directive_id, ordinal, short_name, full_text, restricted, search_key, changed_at)"
            " SELECT $1, 1 + count(*), $2, $2, $3, '', $4 FROM task WHERE directive_id = $1 RETURNING id",
            directive,
            name,
            restricted,
            NOW - timedelta(days=20),
        )
        assignment: int = await fetchval(
            "INSERT INTO assignment (task_id, directive_id, agency_id, part, due_kind, due_on, due_time,"
            " deadline_set_at, ladder_version_id, assigned_on, assigned_at, changed_at, sequence)"
            " VALUES ($1, $2, $3, 'lead', $4, $5, $6, $7, $8, $9, $7, $7, $10) RETURNING id",
            task,
            directive,
            agency,
            "dated" if due_on else "standing",
            due_on,
            due_time,
            NOW - timedelta(days=20),
            self.ladder,
            TODAY - timedelta(days=20),
            sequence,
        )
        return assignment

    async def close(self, assignment: int, state: str = "withdrawn", at: datetime = NOW) -> None:
        """End an assignment without a result."""
        await execute(
            "UPDATE assignment SET state = $2, closed_at = $3, changed_at = $3, sequence = sequence + 1 WHERE id = $1",
            assignment,
            state,
            at,
        )

    async def extend(self, assignment: int, due_on: date, at: datetime = NOW) -> None:
        """Move a deadline."""
        await execute(
            "UPDATE assignment SET due_on = $2, changed_at = $3, sequence = sequence + 1 WHERE id = $1",
            assignment,
            due_on,
            at,
        )

    async def link(self, owner: Actor, scope: str = "own_agency", **options: object) -> Made:
        """A link made by its owner."""
        scoped = {name: options.pop(name) for name in ("agency_ids", "directive_id") if name in options}
        choices = replace(FeedChoices("Việc của tôi"), **options)  # type: ignore[arg-type]  # a test's shorthand
        return await feeds.create(owner, NewFeed(choices, scope, **scoped), NOW)  # type: ignore[arg-type]  # same

    async def get(self, made: Made, query: str = "", **headers: str) -> httpx.Response:
        """The answer to a calendar client; header names with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(f"/calendars/{made.token}.ics{query}", headers=given)

    async def summaries(self, made: Made, query: str = "") -> list[str]:
        """The titles a client sees."""
        response = await self.get(made, query)
        assert response.status_code == 200
        assert problems(response.content) == []
        return [entry.summary for entry in read_icalendar(response.content)]


def set_clock(at: datetime) -> None:
    """The service's clock stands at `at` (and runs on)."""
    clock.set_offset(at - datetime.now(UTC))


async def _official(name: str, role: Role, agency: int | None) -> Actor:
    official = await fetchval(
        "INSERT INTO official (agency_id, full_name, email, role, search_key, sort_key)"
        " VALUES ($1, $2, $3, $4, '', '') RETURNING id",
        agency,
        name,
        f"{name.lower()}@example.vn",
        role.value,
    )
    return Actor(official, name, role, agency)


async def _agency(code: str, short_name: str) -> int:
    agency: int = await fetchval(
        "INSERT INTO agency (code, name, short_name, kind, search_key, sort_key)"
        " VALUES ($1, $2, $2, 'ministry', '', '') RETURNING id",
        code,
        short_name,
    )
    return agency


async def _directive(number: str) -> int:
    directive: int = await fetchval(
        "INSERT INTO directive (number, kind, issued_on, issuer, abstract, search_key, created_at, changed_at)"
        " VALUES ($1, 'resolution', '2025-11-03', 'Chính phủ', 'Trích yếu', '', $2, $2) RETURNING id",
        number,
        NOW - timedelta(days=20),
    )
    return directive


@pytest.fixture
async def world(database: Settings) -> AsyncIterator[World]:
    set_clock(NOW)
    ladder = await fetchval("INSERT INTO ladder (code, name) VALUES ('of-feeds', 'x') RETURNING id")
    version = await fetchval(
        "INSERT INTO ladder_version (ladder_id, version, in_force) VALUES ($1, 1, '[2020-01-01,)') RETURNING id",
        ladder,
    )
    first, second = await _agency("BCTX", "Bộ Công Thương"), await _agency("BTCX", "Bộ Tài chính")
    use_office(database)
    # The edge alone, behind the guard that every request passes; the pool is open already.
    edge = Litestar(calendars.routers, exception_handlers={Exception: problem_response}, openapi_config=None)
    app = guard(edge, hosts=frozenset({"127.0.0.1"}))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # the two libraries spell ASGI apart
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield World(
            app=app,
            client=client,
            first=first,
            second=second,
            directive=await _directive("17/NQ-CP"),
            other_directive=await _directive("18/NQ-CP"),
            ladder=version,
            officer=await _official("An", Role.AGENCY_OFFICER, first),
            foreign_officer=await _official("Binh", Role.AGENCY_OFFICER, second),
            secretariat=await _official("Chi", Role.SECRETARIAT, None),
        )


# What a client gets ----------------------------------------------------------------------------------------


async def test_calendar_is_served_with_validators_and_never_compressed(world: World) -> None:
    await world.assign(world.first)
    made = await world.link(world.officer)

    response = await world.get(made, accept_encoding="gzip, br")

    assert response.status_code == 200
    assert problems(response.content) == []
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    assert re.fullmatch(r'"[0-9a-f]{32}-event"', response.headers["etag"])
    assert response.headers["cache-control"] == "private, max-age=900, must-revalidate"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["content-disposition"].startswith("inline; filename=")
    assert parsedate_to_datetime(response.headers["last-modified"]) <= NOW + timedelta(seconds=5)
    assert "content-encoding" not in response.headers
    assert "set-cookie" not in response.headers
    assert f"SOURCE;VALUE=URI:{made.url}" in response.content.decode().replace("\r\n ", "")


async def test_unchanged_facts_give_the_same_bytes_and_304_without_rendering(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.assign(world.first)
    made = await world.link(world.officer, alarm_days=(3, 1))
    first = await world.get(made)
    set_clock(NOW + timedelta(hours=9))

    second = await world.get(made)
    monkeypatch.setattr(feeds, "render", None)  # whoever renders now fails
    by_tag = await world.get(made, if_none_match=f'"other", W/{first.headers["etag"]}')
    by_date = await world.get(made, if_modified_since=first.headers["last-modified"])

    assert second.content == first.content
    assert second.headers["etag"] == first.headers["etag"]
    for response in (by_tag, by_date):
        assert response.status_code == 304
        assert response.content == b""
        assert response.headers["etag"] == first.headers["etag"]
        assert response.headers["cache-control"] == "private, max-age=900, must-revalidate"


async def test_foreign_tag_decides_over_the_date_and_garbage_is_no_condition(world: World) -> None:
    made = await world.link(world.officer)
    first = await world.get(made)
    date_now = first.headers["last-modified"]

    assert (await world.get(made, if_none_match='"x"', if_modified_since=date_now)).status_code == 200
    assert (await world.get(made, if_none_match="garbage")).status_code == 200
    assert (await world.get(made, if_modified_since="yesterday")).status_code == 200
    assert (await world.get(made, if_modified_since="Fri, 01 Jan 2100 00:00:00 GMT")).status_code == 200
    assert (await world.get(made, if_none_match="*")).status_code == 304


async def test_head_has_the_headers_of_get_and_no_body(world: World) -> None:
    await world.assign(world.first)
    made = await world.link(world.officer)
    got = await world.get(made)

    head = await world.client.head(f"/calendars/{made.token}.ics")
    known = await world.client.head(
        f"/calendars/{made.token}.ics", headers={"if-none-match": got.headers["etag"]}
    )

    assert head.status_code == 200
    assert head.content == b""
    for name in ("etag", "last-modified", "content-type", "content-length", "cache-control"):
        assert head.headers[name] == got.headers[name]
    assert known.status_code == 304


async def test_todo_variant_is_another_representation(world: World) -> None:
    await world.assign(world.first, due_time=time(17))
    made = await world.link(world.officer)

    event, todo = await world.get(made), await world.get(made, "?as=todo&nocache=1")

    assert b"BEGIN:VTODO" in todo.content
    assert b"DUE:20251128T100000Z" in todo.content
    assert event.headers["etag"] != todo.headers["etag"]
    assert problems(todo.content) == []
    assert (await world.get(made, "?as=todo", if_none_match=event.headers["etag"])).status_code == 200


@pytest.mark.parametrize("query", ["?as=journal", "?as=", "?as=todo&as=event", "?as=%00"])
async def test_unknown_variant_is_refused(world: World, query: str) -> None:
    made = await world.link(world.officer)

    response = await world.get(made, query)

    assert response.status_code == 400
    assert response.headers["content-type"].startswith("application/problem+json")


# Who gets it -----------------------------------------------------------------------------------------------


async def test_token_is_kept_as_a_hash_only(world: World) -> None:
    made = await world.link(world.officer)

    row = await fetchrow("SELECT feed::text AS all_columns, token_hint FROM feed WHERE id = $1", made.feed.id)
    history = await fetchval("SELECT string_agg(history::text, '') FROM history")

    assert re.fullmatch(r"ddf_[a-z2-7]{32}", made.token)
    assert row is not None
    assert made.token not in row["all_columns"] + history
    assert row["token_hint"] == made.token[-4:]


async def test_wrong_revoked_or_orphaned_link_does_not_exist(world: World) -> None:
    made = await world.link(world.officer)
    revoked = await world.link(world.officer)
    await feeds.revoke(world.officer, revoked.feed.id, NOW)
    orphaned = await world.link(world.foreign_officer)
    await execute("UPDATE official SET is_active = false WHERE id = $1", world.foreign_officer.official_id)
    wrong = made.token[:-1] + ("a" if made.token[-1] != "a" else "b")

    paths = [wrong, revoked.token, orphaned.token, made.token.upper(), made.token + "a", "ddf_", "x%00"]
    answers = [await world.client.get(f"/calendars/{path}.ics") for path in paths]
    bare = await world.client.get(f"/calendars/{made.token}")

    for response in [*answers[:-1], bare]:
        assert response.status_code == 404
        assert response.headers["content-type"].startswith("application/problem+json")
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "ddf_" not in response.text
    assert answers[-1].status_code in (400, 404)
    assert {response.json()["detail"] for response in answers[:3]} == {answers[0].json()["detail"]}


@pytest.mark.parametrize("scope", ["own_agency", "agencies", "all", "directive"])
async def test_agency_sees_only_its_own_rows_whatever_the_link_says(world: World, scope: str) -> None:
    await world.assign(world.first, name="Việc của mình")
    await world.assign(world.second, name="Việc của người khác")
    made = await world.link(world.secretariat, "all")
    # A row made before the holder lost the wider view: what counts is the moment of the fetch.
    await execute(
        "UPDATE feed SET owner_id = $1, scope = $2, agency_ids = $3, directive_id = $4",
        world.officer.official_id,
        scope,
        [world.first, world.second] if scope == "agencies" else [],
        world.directive if scope == "directive" else None,
    )

    titles = await world.summaries(made)

    assert [title for title in titles if "Việc của mình" in title]
    assert not [title for title in titles if "người khác" in title]


async def test_scopes_choose_rows(world: World) -> None:
    await world.assign(world.first, name="A")
    await world.assign(world.second, name="B", directive=world.other_directive)

    everything = await world.link(world.secretariat, "all")
    chosen = await world.link(world.secretariat, "agencies", agency_ids=(world.second,))
    directive = await world.link(world.secretariat, "directive", directive_id=world.directive)
    sessions = await world.link(world.secretariat, "sessions")

    assert len(await world.summaries(everything)) == 2
    assert await world.summaries(chosen) == ["Trong hạn: Bộ Tài chính – B (18/NQ-CP)"]
    assert await world.summaries(directive) == ["Trong hạn: Bộ Công Thương – A (17/NQ-CP)"]
    assert await world.summaries(sessions) == []


async def test_transferred_official_sees_the_new_agency_at_the_next_fetch(world: World) -> None:
    await world.assign(world.first, name="A")
    await world.assign(world.second, name="B")
    made = await world.link(world.officer)
    before = await world.get(made)

    await execute("UPDATE official SET agency_id = $2 WHERE id = $1", world.officer.official_id, world.second)
    after = await world.get(
        made, if_none_match=before.headers["etag"], if_modified_since=before.headers["last-modified"]
    )
    by_date = await world.get(made, if_modified_since=before.headers["last-modified"])

    assert after.status_code == by_date.status_code == 200
    assert [one.summary for one in read_icalendar(after.content)] == [
        "Trong hạn: Bộ Tài chính – B (17/NQ-CP)"
    ]


async def test_restricted_task_is_not_named(world: World) -> None:
    await world.assign(world.first, name="Phương án riêng", restricted=True)
    made = await world.link(world.officer)

    response = await world.get(made)

    assert "Phương án" not in response.content.decode().replace("\r\n ", "")


async def test_undated_assignments_and_long_closed_ones_are_not_in_the_calendar(world: World) -> None:
    await world.assign(world.first, None, name="Thường xuyên")
    recent = await world.assign(world.first, date(2025, 9, 1), name="Mới đóng")
    old = await world.assign(world.first, date(2025, 8, 1), name="Đóng đã lâu")
    await world.close(recent, at=NOW - timedelta(days=89))
    await world.close(old, at=NOW - timedelta(days=92))
    made = await world.link(world.officer)

    assert await world.summaries(made) == ["Rút: Bộ Công Thương – Mới đóng (17/NQ-CP)"]
    assert await world.summaries(await world.link(world.officer, with_cancelled=False)) == []


# Validators under every kind of change -----------------------------------------------------------------------


async def test_last_modified_only_goes_forward(world: World) -> None:
    """Change, disappearance, reappearance, renaming, permission: the date moves on each time, and nobody keeps old."""
    kept = await world.assign(world.first, name="A")
    gone = await world.assign(world.first, name="B")
    made = await world.link(world.officer, with_cancelled=False)
    officer = world.officer.official_id
    changes: list[Callable[[], Awaitable[object]]] = [
        lambda: world.extend(kept, date(2025, 12, 5)),
        lambda: world.close(gone),
        lambda: execute("UPDATE assignment SET state = 'assigned', closed_at = NULL WHERE id = $1", gone),
        lambda: execute("DELETE FROM assignment WHERE id = $1", gone),
        lambda: execute("UPDATE task SET short_name = 'C', changed_at = $1", NOW),
        lambda: execute("UPDATE assignment SET due_time = '17:00' WHERE id = $1", kept),
        lambda: execute("UPDATE task SET field = 'Y tế'"),
        lambda: execute("UPDATE task SET restricted = true"),
        lambda: execute("UPDATE directive SET urgency = 'express'"),
        lambda: execute(
            "INSERT INTO working_day VALUES ('2025-12-05', 'off', 'x', 'x') ON CONFLICT DO NOTHING"
        ),
        lambda: execute("UPDATE agency SET code = 'BCTY' WHERE id = $1", world.first),
        lambda: execute("UPDATE directive SET number = '19/NQ-CP' WHERE id = $1", world.directive),
        lambda: execute("UPDATE agency SET short_name = 'Bộ CT' WHERE id = $1", world.first),
        lambda: execute("UPDATE official SET agency_id = $2 WHERE id = $1", officer, world.second),
        lambda: execute("UPDATE official SET agency_id = $2 WHERE id = $1", officer, world.first),
        lambda: feeds.change(world.officer, made.feed.id, FeedChoices("Tên mới"), 1, NOW),
    ]
    at = NOW
    last = await world.get(made)

    for change in changes:
        await change()
        at += timedelta(milliseconds=300)
        set_clock(at)
        headers = (
            {"if_modified_since": last.headers["last-modified"]} if "last-modified" in last.headers else {}
        )
        by_date = await world.get(made, **headers)
        by_tag = await world.get(made, if_none_match=last.headers["etag"])
        assert by_date.status_code == by_tag.status_code == 200
        assert by_date.headers["etag"] != last.headers["etag"]
        assert by_date.content != last.content
        previous = await fetchval("SELECT fingerprint_at FROM feed WHERE id = $1", made.feed.id)
        last = await world.get(made)
        assert previous == await fetchval("SELECT fingerprint_at FROM feed WHERE id = $1", made.feed.id)


async def test_two_changes_in_one_second_are_two_dates(world: World) -> None:
    made = await world.link(world.officer)
    seen = []

    for day in range(5):
        await world.assign(world.first, TODAY + timedelta(days=day))
        seen.append((await feeds.look(made.token, "event", NOW)).modified_at)

    assert seen == sorted(set(seen))
    assert all(at.microsecond == 0 for at in seen)


async def test_date_in_the_future_is_not_sent_and_not_believed(world: World) -> None:
    made = await world.link(world.officer)
    await execute(
        "UPDATE feed SET fingerprint_at = $2, fingerprint = 'x' WHERE id = $1",
        made.feed.id,
        NOW + timedelta(days=30),
    )

    response = await world.get(made)

    assert response.status_code == 200
    assert "last-modified" not in response.headers
    assert "etag" in response.headers


async def test_digest_of_the_look_is_that_of_the_rows(world: World) -> None:
    for day in range(6):
        await world.assign(
            world.first, TODAY + timedelta(days=day - 3), due_time=time(8) if day % 2 else None
        )
    made = await world.link(world.officer)
    since = NOW - timedelta(days=90)

    facts = await feeds_db.read_facts(world.officer, made.feed, NOW, since, 100)
    rows, of_rows = await feeds_db.list_rows(world.officer, made.feed, NOW, since, 100)

    assert facts == of_rows
    assert len(rows) == 6
    assert facts.overdue == 4  # three days past, and today's 08:00


async def test_becoming_overdue_changes_the_calendar_once(world: World) -> None:
    await world.assign(world.first, TODAY)
    await world.assign(world.first, TODAY + timedelta(days=1), due_time=time(17))
    made = await world.link(world.officer)
    tags, titles = [], []

    for at in (
        NOW,
        datetime(2025, 11, 25, 16, 59, 50, tzinfo=UTC),  # ten seconds before midnight
        datetime(2025, 11, 25, 17, 0, 0, tzinfo=UTC),
        datetime(2025, 11, 26, 9, 59, 50, tzinfo=UTC),
        datetime(2025, 11, 26, 10, 0, 1, tzinfo=UTC),
        datetime(2025, 12, 6, 10, 0, tzinfo=UTC),
    ):
        set_clock(at)
        response = await world.get(made)
        tags.append(response.headers["etag"])
        titles.append([one.summary.split(":")[0] for one in read_icalendar(response.content)])

    assert titles[0] == titles[1] == ["Trong hạn", "Trong hạn"]
    assert titles[2] == titles[3] == ["Quá hạn", "Trong hạn"]
    assert titles[4] == titles[5] == ["Quá hạn", "Quá hạn"]
    assert [tags[0] == tags[1], tags[1] == tags[2], tags[2] == tags[3]] == [True, False, True]
    assert [tags[3] == tags[4], tags[4] == tags[5]] == [False, True]


async def test_consolidated_entry_moves_with_the_day(world: World) -> None:
    await world.assign(world.first, TODAY - timedelta(days=10))
    made = await world.link(world.officer, consolidated=True)
    first = await world.get(made)
    set_clock(NOW + timedelta(days=1))

    second = await world.get(made, if_none_match=first.headers["etag"])

    assert second.status_code == 200
    said = [one for one in read_icalendar(second.content) if one.uid.startswith("overdue-")]
    assert [(one.summary, one.start) for one in said] == [("1 việc quá hạn", "2025-11-26")]


async def test_beyond_the_limit_the_oldest_go_and_the_counts_stay_true(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MOST_ENTRIES", 3)
    for day in range(1, 8):
        await world.assign(world.first, TODAY - timedelta(days=day))
    made = await world.link(world.officer, consolidated=True)

    response = await world.get(made)

    read = read_icalendar(response.content)
    assert problems(response.content) == []
    assert len([one for one in read if one.uid.startswith("task-")]) == 3
    assert [one.start for one in read if one.uid.startswith("cut-")] == ["2025-11-22"]
    assert [one.summary for one in read if one.uid.startswith("overdue-")] == ["7 việc quá hạn"]


# Making, changing, using ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "fields"),
    [
        (NewFeed(FeedChoices(""), "own_agency"), {"/name"}),
        (NewFeed(FeedChoices("a\x00b"), "own_agency"), {"/name"}),
        (NewFeed(FeedChoices("a", language="fr"), "own_agency"), {"/language"}),
        (NewFeed(FeedChoices("a", alarm_days=(-1, 61)), "own_agency"), {"/alarm_days/0", "/alarm_days/1"}),
        (NewFeed(FeedChoices("a", alarm_days=(1, 2, 3, 4, 5, 6)), "own_agency"), {"/alarm_days"}),
        (NewFeed(FeedChoices("a"), "everything"), {"/scope"}),
        (NewFeed(FeedChoices("a"), "agencies"), {"/agency_ids"}),
        (NewFeed(FeedChoices("a"), "agencies", agency_ids=(999_999,)), {"/agency_ids/0"}),
        (NewFeed(FeedChoices("a"), "directive"), {"/directive_id"}),
        (NewFeed(FeedChoices("a"), "directive", directive_id=999_999), {"/directive_id"}),
        (NewFeed(FeedChoices("a"), "all", directive_id=1), {"/directive_id"}),
    ],
)
async def test_bad_link_is_refused_with_every_problem(world: World, new: NewFeed, fields: set[str]) -> None:
    with pytest.raises(Invalid) as caught:
        await feeds.create(world.officer, new, NOW)

    assert {problem.field for problem in caught.value.problems} == fields
    assert await fetchval("SELECT count(*) FROM feed") == 0


async def test_agency_cannot_ask_for_what_it_cannot_see(world: World) -> None:
    await world.assign(world.second, directive=world.other_directive)

    for scope, options in (
        ("agencies", {"agency_ids": (world.first, world.second)}),
        ("directive", {"directive_id": world.other_directive}),
    ):
        with pytest.raises(Invalid):
            await world.link(world.officer, scope, **options)


async def test_link_is_changed_and_revoked_by_its_owner_only(world: World) -> None:
    made = await world.link(world.officer)

    changed = await feeds.change(
        world.officer, made.feed.id, FeedChoices("Tên mới", "en", (1, 3, 3), False, True), 1, NOW
    )
    with pytest.raises(StaleVersion):
        await feeds.change(world.officer, made.feed.id, FeedChoices("x"), 1, NOW)
    with pytest.raises(NotFound):
        await feeds.change(world.foreign_officer, made.feed.id, FeedChoices("x"), 2, NOW)
    with pytest.raises(NotFound):
        await feeds.revoke(world.foreign_officer, made.feed.id, NOW)
    await feeds.revoke(world.officer, made.feed.id, NOW)
    with pytest.raises(FeedRevoked):
        await feeds.revoke(world.officer, made.feed.id, NOW)
    with pytest.raises(FeedRevoked):
        await feeds.change(world.officer, made.feed.id, FeedChoices("x"), 3, NOW)

    assert (changed.name, changed.language, changed.alarm_days) == ("Tên mới", "en", (3, 1))
    assert (changed.with_cancelled, changed.consolidated, changed.row_version) == (False, True, 2)
    assert [feed.id for feed in await feeds.list_own(world.officer)] == [made.feed.id]
    assert await feeds.list_own(world.foreign_officer) == []
    assert (
        await fetchval("SELECT string_agg(verb, ' ' ORDER BY id) FROM history")
        == "create_feed change_feed revoke_feed"
    )


async def test_last_use_is_noted_once_a_minute(world: World) -> None:
    made = await world.link(world.officer)

    async def last_use(at: datetime, agent: str) -> tuple[datetime, str]:
        set_clock(at)
        await world.get(made, user_agent=agent)
        feed = await feeds_db.get_feed(world.officer, made.feed.id)
        assert feed.last_used_at is not None
        return feed.last_used_at, feed.last_user_agent

    first = await last_use(NOW, "Thunderbird/140 " + "x" * 500)
    soon = await last_use(NOW + timedelta(seconds=50), "Outlook")
    later = await last_use(NOW + timedelta(seconds=70), "Outlook")
    clock_set_back = await last_use(NOW - timedelta(days=1), "Google-Calendar-Importer")

    assert first[1].startswith("Thunderbird/140 xxx")
    assert len(first[1]) == 200
    assert soon == first
    assert later[1] == "Outlook"
    assert clock_set_back[1] == "Google-Calendar-Importer"


# Readers and a real client ---------------------------------------------------------------------------------------


async def _varied(world: World) -> Made:
    await world.assign(world.first, TODAY - timedelta(days=3), name="Quá hạn; đã lâu, \\ thật")
    await world.assign(world.first, TODAY + timedelta(days=3), due_time=time(17), name="Có giờ")
    await world.close(await world.assign(world.first, name="Đã rút"))
    await world.assign(world.first, date(2025, 11, 30), name="Chủ nhật “trong ngoặc”")
    return await world.link(world.officer, alarm_days=(3, 0), consolidated=True)


async def test_five_readers_agree_on_what_is_served(world: World) -> None:
    made = await _varied(world)
    data = (await world.get(made)).content

    meant = by_uid(read_icalendar(data))

    def plain(read: dict[str, Read]) -> dict[str, Read]:
        return {
            uid: replace(one, alarms=tuple(sorted(one.alarms)), categories=tuple(sorted(one.categories)))
            for uid, one in read.items()
        }

    assert len(meant) == 4
    assert by_uid(read_vobject(data)) == meant
    assert plain(by_uid(read_ics(data))) == plain(meant)
    if HAS_NODE:
        read = read_with_node([data])
        titles = {uid: (one.summary, one.start, one.end) for uid, one in meant.items()}
        for reader in ("ical.js", "node-ical"):
            found = {
                one["uid"]: (one["summary"], one["start"], one["end"])
                for one in read[reader][0]
                if one["uid"] in titles
            }
            assert found == titles


VDIRSYNCER = """
[general]
status_path = "{folder}/status"

[pair deadlines]
a = "remote"
b = "local"
collections = null

[storage remote]
type = "http"
url = "{url}"

[storage local]
type = "filesystem"
path = "{folder}/local"
fileext = ".ics"
"""


async def test_vdirsyncer_syncs_twice_and_the_second_time_changes_nothing(
    world: World, tmp_path: Path
) -> None:
    made = await _varied(world)
    (tmp_path / "local").mkdir()
    server = uvicorn.Server(
        uvicorn.Config(
            world.app, host="127.0.0.1", port=0, lifespan="off", log_level="warning", access_log=False
        )
    )
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        config = tmp_path / "config"
        config.write_text(
            VDIRSYNCER.format(folder=tmp_path, url=f"http://127.0.0.1:{port}/calendars/{made.token}.ics")
        )

        await _vdirsyncer(config, "discover")
        first = await _vdirsyncer(config, "sync")
        files = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in _items(tmp_path)}
        second = await _vdirsyncer(config, "sync")
        again = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in _items(tmp_path)}
        await execute(
            "UPDATE task SET short_name = 'Tên khác', row_version = row_version + 1 WHERE short_name = 'Có giờ'"
        )
        third = await _vdirsyncer(config, "sync")
    finally:
        server.should_exit = True
        await serving

    assert len(files) == 5  # four deadlines and the one overdue entry
    assert first.count("Copying (uploading) item") == 5
    assert again == files
    assert "Copying" not in second
    assert "Deleting" not in second
    # Its http storage does not believe in UIDs of feeds: a changed item goes and comes again.
    assert (third.count("Deleting item"), third.count("Copying (uploading) item")) == (1, 1)
    assert any(b"T\xc3\xaan kh\xc3\xa1c" in path.read_bytes() for path in _items(tmp_path))


def _items(folder: Path) -> list[Path]:
    return sorted((folder / "local").glob("*.ics"))


async def _vdirsyncer(config: Path, command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "vdirsyncer"),
        "-c",
        str(config),
        command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    return said.decode()

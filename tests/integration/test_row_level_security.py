"""The second net: what PostgreSQL itself shows to each role, whatever a query forgets."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from tests.conftest import as_owner
from tests.world import MONDAY, World, build_world, directive, task
from tracker.actions import assignments, directives, extensions, reports
from tracker.db import engine
from tracker.db.actors import find_actor
from tracker.db.engine import as_service, as_stranger, execute, fetchval, look_as
from tracker.db.rates import prune_buckets, take
from tracker.domain.drafts import NewExtension, NewReport
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

SECURED = (
    "assignment", "deadline_change", "directive", "extension", "history", "invitation", "outbox", "outbox_entry",
    "reminder", "report", "task",
)  # fmt: skip


async def _filled() -> World:
    """A world with rows of BYT and of BTC in every secured table."""
    world = await build_world()
    for number, lead in (("17/NQ-CP", "BYT"), ("18/NQ-CP", "BTC")):
        recorded = await directives.record(
            world.secretariat, directive(task(leads=(lead,)), number=number), MONDAY
        )
        (own,) = recorded.assignment_ids
        actor = world.agency if lead == "BYT" else world.other_agency
        await assignments.acknowledge(actor, own, None, MONDAY)
        await reports.submit(actor, own, None, NewReport("progress", "Đang làm."), MONDAY)
        ask = NewExtension("Chờ ý kiến.", MONDAY.date() + timedelta(days=60))
        await extensions.request(actor, own, None, ask, MONDAY)
    return world


async def _connected(settings: Settings) -> asyncpg.Connection[asyncpg.Record]:
    return await asyncpg.connect(settings.dsn())


async def test_application_account_is_neither_superuser_nor_owner(database: Settings) -> None:
    connection = await _connected(database)
    try:
        row = await connection.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,"
            " (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owned"
            " FROM pg_roles r WHERE rolname = session_user"
        )
        assert row is not None
        assert tuple(row) == (False, False, False, False, 0)
    finally:
        await connection.close()


async def test_raw_sql_without_a_viewer_sees_no_secured_row(database: Settings) -> None:
    await _filled()
    connection = await _connected(database)
    try:
        seen = {t: await connection.fetchval(f"SELECT count(*) FROM {t}") for t in SECURED}
    finally:
        await connection.close()

    held = {t: await fetchval(f"SELECT count(*) FROM {t}") for t in SECURED}
    assert set(seen.values()) == {0}
    assert all(held[t] > 0 for t in SECURED), held


async def test_raw_sql_of_an_agency_sees_its_rows_and_no_other(database: Settings) -> None:
    world = await _filled()
    with as_stranger():
        look_as(world.agency)
        agencies = await fetchval("SELECT array_agg(DISTINCT agency_id) FROM assignment")
        numbers = await fetchval("SELECT array_agg(number) FROM directive")
        foreign = {
            t: await fetchval(
                f"SELECT count(*) FROM {t} x JOIN assignment a ON a.id = x.assignment_id WHERE a.agency_id <> $1",
                world.agencies["BYT"],
            )
            for t in (
                "report",
                "extension",
                "history",
                "reminder",
                "outbox_entry",
                "invitation",
                "deadline_change",
            )
        }
        counts = {t: await fetchval(f"SELECT count(*) FROM {t}") for t in SECURED}

    assert agencies == [world.agencies["BYT"]]
    assert numbers == ["17/NQ-CP"]
    assert set(foreign.values()) == {0}
    for table in SECURED:
        assert 0 < counts[table] < await fetchval(f"SELECT count(*) FROM {table}"), table


async def test_agency_changes_no_foreign_row_by_raw_sql(database: Settings) -> None:
    world = await _filled()
    with as_stranger():
        look_as(world.agency)
        touched = await execute(
            "UPDATE assignment SET cause = 'x' WHERE agency_id = $1", world.agencies["BTC"]
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute("UPDATE assignment SET agency_id = $1", world.agencies["BTC"])
        removed = await execute("DELETE FROM assignment")
        edited = await execute("UPDATE task SET short_name = 'x'")

    assert (touched, removed, edited) == (0, 0, 0)
    assert await fetchval("SELECT count(*) FROM assignment WHERE cause = 'x'") == 0


async def test_parent_reads_below_and_changes_nothing_there(database: Settings) -> None:
    """Both ways: the agency above sees the one below, which sees only itself (attack case 52)."""
    world = await _filled()
    parent, child = world.agencies["BYT"], world.agencies["BTC"]
    await execute("UPDATE agency SET parent_id = $1 WHERE id = $2", parent, child)
    assert world.agency.official_id is not None
    assert world.other_agency.official_id is not None
    above = await find_actor(world.agency.official_id)
    below = await find_actor(world.other_agency.official_id)
    assert above is not None
    assert below is not None

    with as_stranger():
        look_as(above)
        seen = await fetchval("SELECT array_agg(DISTINCT agency_id ORDER BY agency_id) FROM assignment")
        touched = await execute("UPDATE assignment SET cause = 'x' WHERE agency_id = $1", child)
    with as_stranger():
        look_as(below)
        seen_below = await fetchval("SELECT array_agg(DISTINCT agency_id) FROM assignment")

    assert above.below == {child}
    assert seen == sorted([parent, child])
    assert touched == 0
    assert seen_below == [child]


async def test_what_follows_from_an_action_is_the_services_act(database: Settings) -> None:
    """Within an agency's transaction the service writes mail, and afterwards the agency is as blind as before."""
    world = await _filled()
    everything = await fetchval("SELECT count(*) FROM outbox")
    with as_stranger():
        look_as(world.agency)
        async with engine.transaction():
            before = await fetchval("SELECT count(*) FROM outbox")
            async with as_service():
                inside = await fetchval("SELECT count(*) FROM outbox")
            after = await fetchval("SELECT count(*) FROM outbox")

    assert inside == everything
    assert before == after < everything


async def test_failure_inside_the_services_act_leaves_no_wider_sight(database: Settings) -> None:
    world = await _filled()
    with as_stranger():
        look_as(world.agency)
        before = await fetchval("SELECT count(*) FROM assignment")
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with engine.transaction(), as_service():
                await fetchval("SELECT 1 / 0")
        assert await fetchval("SELECT count(*) FROM assignment") == before
        async with engine.transaction():
            with pytest.raises(asyncpg.DivisionByZeroError):
                async with engine.savepoint(), as_service():
                    await fetchval("SELECT 1 / 0")
            assert await fetchval("SELECT count(*) FROM assignment") == before


async def test_jobs_after_a_request_see_everything_again(database: Settings) -> None:
    world = await _filled()
    with as_stranger():
        look_as(world.agency)
        assert await fetchval("SELECT count(DISTINCT agency_id) FROM assignment") == 1

    assert await fetchval("SELECT count(DISTINCT agency_id) FROM assignment") == 2


async def test_mandate_gives_sight_between_its_days(database: Settings) -> None:
    world = await _filled()
    official = world.agency.official_id
    assert official is not None
    today = "(now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date"

    async def acts_for(
        valid_from: str, valid_to: str, revoked: str = "NULL", principal: str = "NULL"
    ) -> bool:
        await execute("DELETE FROM mandate")
        await execute(
            "INSERT INTO mandate (official_id, agency_id, on_behalf_of, valid_from, valid_to, granted_at, revoked_at)"
            f" VALUES ($1, $2, {principal}, {valid_from}, {valid_to}, now(), {revoked})",
            official,
            world.agencies["BTC"],
        )
        actor = await find_actor(official)
        assert actor is not None
        return world.agencies["BTC"] in actor.agency_ids

    boss = str(world.officials["btc.leader"])
    assert await acts_for(today, "NULL")
    assert await acts_for(today, today)
    assert not await acts_for(f"{today} + 1", "NULL")
    assert not await acts_for(f"{today} - 9", f"{today} - 1")
    assert not await acts_for(today, "NULL", revoked="now()")
    assert await acts_for(today, today, principal=boss)
    await execute("UPDATE official SET is_active = false WHERE id = $1", int(boss))
    # Nobody deputises for a person who has left.
    assert not await acts_for(today, today, principal=boss)


async def test_every_table_that_belongs_to_an_assignment_is_secured(database: Settings) -> None:
    """A new table with an assignment's id must have its policies."""
    rows = await engine.fetch(
        """
        SELECT c.relname AS name, c.relrowsecurity AS secured FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'assignment_id' AND a.attnum > 0
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
          -- Its owner's alone; what it says of a row that is no longer seen is left out when it is read.
          AND c.relname <> 'webhook_delivery'
        """
    )
    assert [r["name"] for r in rows if not r["secured"]] == []


async def test_full_text_index_stays_usable_for_the_desk(fresh_database: Settings) -> None:
    """A policy that is always true leaves no barrier that would keep the planner from the index."""
    world = await build_world()
    await as_owner(
        fresh_database,
        "INSERT INTO directive (number, kind, issued_on, issuer, abstract, search_key, created_at, changed_at)"
        " SELECT n::text, 'other', '2025-01-01', 'x', 'x', 'tu khoa ' || n, now(), now()"
        " FROM generate_series(1, 20000) n",
        "ANALYZE directive",
    )
    with as_stranger():
        look_as(world.secretariat)
        plan = await engine.fetch(
            "EXPLAIN SELECT id FROM directive WHERE to_tsvector('simple', search_key) @@ to_tsquery('simple', '777')"
        )
    assert any("directive_search" in r[0] for r in plan), plan


async def test_bucket_empties_and_fills_again(database: Settings) -> None:
    first = [await take("k", capacity=3, refill_seconds=3600) for _ in range(3)]
    refused = await take("k", capacity=3, refill_seconds=3600)
    await execute("UPDATE rate_bucket SET at = at - interval '1 hour' WHERE key = 'k'")
    again = await take("k", capacity=3, refill_seconds=3600)

    assert [t.allowed for t in first] == [True, True, True]
    assert [t.remaining for t in first] == [2, 1, 0]
    assert not refused.allowed
    assert 3590 <= refused.retry_after_seconds <= 3600
    assert again.allowed
    assert not (await take("k", capacity=3, refill_seconds=3600)).allowed


async def test_clock_set_back_fills_no_bucket(database: Settings) -> None:
    await take("k", capacity=1, refill_seconds=60)
    await execute("UPDATE rate_bucket SET at = at + interval '1 day'")

    assert not (await take("k", capacity=1, refill_seconds=60)).allowed


async def test_bucket_is_shared_under_concurrency(database: Settings) -> None:
    taken = await asyncio.gather(*(take("k", capacity=20, refill_seconds=3600) for _ in range(60)))

    assert sum(t.allowed for t in taken) == 20


async def test_old_buckets_are_forgotten(database: Settings) -> None:
    await take("old", capacity=1, refill_seconds=60)
    await take("new", capacity=1, refill_seconds=60)
    await execute("UPDATE rate_bucket SET at = now() - interval '2 days' WHERE key = 'old'")

    assert await prune_buckets() == 1
    assert await fetchval("SELECT count(*) FROM rate_bucket") == 1

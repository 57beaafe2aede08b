"""Three ways to say what somebody may see, over random small worlds: the table, the WHERE clause, PostgreSQL itself."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.world import MONDAY, add_agency, add_official, build_world, directive, task
from tracker.actions import directives
from tracker.db.actors import find_actor
from tracker.db.engine import as_stranger, execute, fetch, look_as
from tracker.db.visibility import visible_to
from tracker.domain.access import Subject, Verb, may
from tracker.domain.directory import AGENCY_ROLES, Role
from tracker.settings import Settings

pytestmark = pytest.mark.anyio

AGENCIES, PEOPLE, TASKS = 7, 14, 12


@pytest.mark.parametrize("seed", range(8))
async def test_table_clause_and_policies_agree_row_by_row(database: Settings, seed: int) -> None:
    dice = random.Random(seed)
    world = await build_world()
    codes = {f"A{n}": await add_agency(f"A{n}", f"Cơ quan {n}", "other") for n in range(AGENCIES)}
    ids = list(codes.values())
    for n, agency_id in enumerate(ids[1:], start=1):
        if dice.random() < 0.6:
            # Above stands one of those made before, so that the tree has no ring.
            await execute("UPDATE agency SET parent_id = $1 WHERE id = $2", dice.choice(ids[:n]), agency_id)
    people = []
    for n in range(PEOPLE):
        role = dice.choice([*Role, *AGENCY_ROLES, *AGENCY_ROLES])
        home = dice.choice(ids) if role in AGENCY_ROLES else None
        people.append(await add_official(f"Người {n}", f"n{n}@a.example.vn", role, None, home))
    today = datetime.now(UTC).date()
    for _ in range(PEOPLE):
        first = today + timedelta(days=dice.randint(-20, 10))
        await execute(
            "INSERT INTO mandate (official_id, agency_id, valid_from, valid_to, granted_at, revoked_at)"
            " VALUES ($1, $2, $3, $4, now(), $5)",
            dice.choice(people),
            dice.choice(ids),
            first,
            first + timedelta(days=dice.randint(0, 20)),
            datetime.now(UTC) if dice.random() < 0.2 else None,
        )
    for n in range(TASKS):
        leads = tuple(dice.sample(sorted(codes), dice.randint(1, 2)))
        await directives.record(world.secretariat, directive(task(leads=leads), number=f"{n}/NQ-CP"), MONDAY)
    rows = {r["id"]: r for r in await fetch("SELECT id, agency_id, directive_id FROM assignment")}
    parts: dict[int, set[int]] = {}
    for row in rows.values():
        parts.setdefault(row["directive_id"], set()).add(row["agency_id"])

    for official_id in people:
        actor = await find_actor(official_id)
        assert actor is not None
        by_table = {
            i for i, r in rows.items() if may(actor, Verb.READ, Subject.of_agency(r["agency_id"], id=i))
        }
        directives_by_table = {d for d, of in parts.items() if may(actor, Verb.READ, Subject.shared(of))}
        condition, arguments = visible_to(actor)
        by_clause = await fetch(f"SELECT a.id FROM assignment a WHERE {condition}", *arguments)
        with as_stranger():
            look_as(actor)
            by_policy = await fetch("SELECT id FROM assignment")
            directives_by_policy = await fetch("SELECT id FROM directive")
            changeable = await fetch("SELECT id FROM assignment FOR UPDATE")

        assert by_table == {r["id"] for r in by_clause} == {r["id"] for r in by_policy}, actor
        assert directives_by_table == {r["id"] for r in directives_by_policy}, actor
        if actor.role in AGENCY_ROLES:
            acted_for = {i for i, r in rows.items() if r["agency_id"] in actor.agency_ids}
            assert {r["id"] for r in changeable} == acted_for, actor


async def test_deputy_reads_what_stands_below_the_agency_acted_for(database: Settings) -> None:
    """Whoever stands in for an agency reads as its own people do, and acts for no other."""
    world = await build_world()
    agencies = world.agencies
    await execute("UPDATE agency SET parent_id = $1 WHERE id = $2", agencies["BYT"], agencies["HN"])
    other = world.other_agency.official_id
    await execute(
        "INSERT INTO mandate (official_id, agency_id, valid_from, granted_at) VALUES ($1, $2, '2025-01-01', now())",
        other,
        agencies["BYT"],
    )
    assert other is not None
    deputy = await find_actor(other)

    assert deputy is not None
    assert deputy.agency_ids == {agencies["BTC"], agencies["BYT"]}
    assert deputy.below == {agencies["HN"]}

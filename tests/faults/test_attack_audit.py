"""Attack cases 86 and 87: what a superuser of the database does to the history, and what `verify` tells of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import pytest

from tests.world import MONDAY, World, build_world
from tracker.actions import audit
from tracker.actions.audit import Verdict
from tracker.db import audit as audit_db
from tracker.db.audit import NewRow, append_history
from tracker.db.engine import execute, fetch, fetchval, run_with_retries, savepoint, transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.domain.audit import Anchor, Finding, Link, derive_key, microseconds, step
from tracker.domain.directory import SYSTEM
from tracker.jobs import audit as job
from tracker.settings import Secret, Settings

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
OURS = "k" * 40


@dataclass
class Told:
    """What a check told."""

    verdict: Verdict
    findings: list[Finding] = field(default_factory=list)

    def of(self, kind: str) -> list[Finding]:
        return [f for f in self.findings if f.kind == kind]

    @property
    def kinds(self) -> set[str]:
        return {f.kind.value for f in self.findings if not f.is_notice}


async def verify(anchors: Sequence[Anchor] = ()) -> Told:
    """Check the chain as `tracker audit verify` does."""
    told: list[Finding] = []
    verdict = await audit.verify(SYSTEM, list(anchors), told.append)
    assert verdict.is_intact == (not [f for f in told if not f.is_notice])
    return Told(verdict, told)


@pytest.fixture
async def superuser(database: Settings) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Somebody who may do anything to the database, and has switched the refusing triggers off."""
    connection = await asyncpg.connect(database.owner_dsn())
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


async def write(world: World, count: int = 10, start: int = 0) -> list[int]:
    """`count` changes in one transaction, so in one lane; their ids in the order of the chain."""
    entries = [HistoryEntry("edit_task", reason=f"lý do thứ {start + n}") for n in range(count)]
    async with transaction():
        await insert_history(world.secretariat, entries, NOW + timedelta(minutes=start))
    rows = await fetch("SELECT id FROM history WHERE verb = 'edit_task' ORDER BY lane, lane_seq")
    return [r["id"] for r in rows][-count:]


async def test_untouched_history_is_intact(database: Settings) -> None:
    """No finding, and every row read."""
    world = await build_world()
    await write(world)

    told = await verify([await audit.make_anchor(NOW, "")])

    assert told.findings == []
    assert told.verdict.rows == await fetchval("SELECT count(*) FROM history")


# -- the accounts of the program ------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["tracker_app", "tracker_desk", "tracker_agency"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history SET reason = 'x'",
        "DELETE FROM history",
        "TRUNCATE history CASCADE",
        "DELETE FROM audit_lane",
        "UPDATE audit_start SET unchained = 9",
    ],
)
async def test_case_87_program_cannot_change_history(database: Settings, role: str, statement: str) -> None:
    """The roles the program works as have no right to, whatever query is smuggled in."""
    connection = await asyncpg.connect(database.owner_dsn())
    try:
        await connection.execute(f"SET ROLE {role}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement", ["UPDATE history SET reason = 'x'", "DELETE FROM history", "TRUNCATE history"]
)
async def test_case_87_owner_is_refused_too(database: Settings, statement: str) -> None:
    """A slip of the owner's hand is stopped by the table itself."""
    connection = await asyncpg.connect(database.owner_dsn())
    try:
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(statement)
    finally:
        await connection.close()


# -- six kinds of tampering, and their variants ---------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "reason = 'khác'",
        "actor_name = 'người khác'",
        "actor_id = NULL",
        "verb = 'confirm'",
        "at = at - interval '1 day'",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "detail = '{\"a\": 1}'",
        "detail = '1.5'",
        "at = 'infinity'",
        "recorded_at = '-infinity'",
        "mac = sha256('x')",
    ],
)
@pytest.mark.parametrize("place", [0, 4, 9])
async def test_case_87_edit_is_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record], change: str, place: int
) -> None:
    """Whatever column is edited, in the first, a middle and the last row."""
    ids = await write(await build_world())

    await superuser.execute(f"UPDATE history SET {change} WHERE id = $1", ids[place])

    told = await verify()
    blamed = {id_ for f in told.findings for id_ in f.ids}
    assert ids[place] in blamed
    if not change.startswith("mac"):
        assert told.kinds == {"edited"}
        assert told.verdict.findings.total() == 1


async def test_case_87_row_under_another_number_is_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Its number is what other places refer to."""
    ids = await write(await build_world())
    await superuser.execute("ALTER TABLE history ALTER COLUMN id SET GENERATED BY DEFAULT")
    try:
        await superuser.execute("UPDATE history SET id = 1000000 WHERE id = $1", ids[4])
    finally:
        await superuser.execute("ALTER TABLE history ALTER COLUMN id SET GENERATED ALWAYS")

    assert [f.ids for f in (await verify()).of("edited")] == [(1_000_000,)]


async def test_case_87_every_edited_row_is_named(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Neighbours too, and none that was left alone."""
    ids = await write(await build_world(), 20)

    await superuser.execute(
        "UPDATE history SET reason = reason || '!' WHERE id = ANY($1::bigint[])", ids[3:6]
    )

    assert [f.ids for f in (await verify()).of("edited")] == [(i,) for i in ids[3:6]]


async def test_case_87_row_taken_out_of_the_middle_is_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The gap is told with its place."""
    ids = await write(await build_world())

    await superuser.execute("DELETE FROM history WHERE id = ANY($1::bigint[])", ids[4:6])

    told = await verify()
    assert told.kinds == {"deleted"}
    assert [(f.first, f.last, f.count) for f in told.of("deleted")] == [(5, 6, 2)]


async def test_case_87_row_taken_out_and_the_gap_closed_is_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Renumbering what follows, and the head, hides nothing."""
    ids = await write(await build_world())

    await superuser.execute("DELETE FROM history WHERE id = $1", ids[4])
    await superuser.execute("UPDATE history SET lane_seq = lane_seq - 1000 WHERE id > $1", ids[4])
    await superuser.execute("UPDATE history SET lane_seq = lane_seq + 999 WHERE id > $1", ids[4])
    await superuser.execute("UPDATE audit_lane SET seq = seq - 1 WHERE seq > 0")

    told = await verify()
    assert told.kinds == {"deleted"}
    assert told.of("deleted")[0].ids == (ids[5],)


async def test_case_87_forged_row_is_found_wherever_it_is_put(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Beside the chain, behind its end, and in its middle."""
    ids = await write(await build_world())
    forged = (
        "INSERT INTO history (at, recorded_at, actor_name, verb, lane, lane_seq, key_id, mac)"
        " SELECT at, recorded_at, 'Kẻ giả mạo', 'confirm', lane, $2, key_id, sha256('x') FROM history WHERE id = $1"
        " RETURNING id"
    )

    beside = await superuser.fetchval(
        "INSERT INTO history (at, actor_name, verb) VALUES (now(), 'Kẻ giả mạo', 'confirm') RETURNING id"
    )
    told = await verify()
    assert told.kinds == {"unchained"}
    assert told.of("unchained")[0].ids == (beside,)
    await superuser.execute("DELETE FROM history WHERE id = $1", beside)

    behind = await superuser.fetchval(forged, ids[-1], 11)
    told = await verify()
    assert told.kinds == {"inserted", "head"}
    assert told.of("inserted")[0].ids == (behind,)
    await superuser.execute("DELETE FROM history WHERE id = $1", behind)

    await superuser.execute("UPDATE history SET lane_seq = lane_seq + 1000 WHERE id > $1", ids[4])
    await superuser.execute("UPDATE history SET lane_seq = lane_seq - 999 WHERE id > $1", ids[4])
    await superuser.execute("UPDATE audit_lane SET seq = seq + 1 WHERE seq > 0")
    within = await superuser.fetchval(forged, ids[4], 6)
    told = await verify()
    assert told.kinds == {"inserted"}
    assert told.of("inserted")[0].ids == (within,)


async def test_case_87_second_row_at_one_place_is_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Where somebody dropped the unique constraint first."""
    ids = await write(await build_world())
    await superuser.execute("ALTER TABLE history DROP CONSTRAINT history_lane_unique")
    try:
        doubled = await superuser.fetchval(
            "INSERT INTO history (at, recorded_at, actor_name, verb, lane, lane_seq, key_id, mac)"
            " SELECT at, recorded_at, actor_name, verb, lane, lane_seq, key_id, mac FROM history WHERE id = $1"
            " RETURNING id",
            ids[3],
        )

        told = await verify()

        assert told.kinds == {"inserted"}
        assert told.of("inserted")[0].ids == (doubled,)
    finally:
        await superuser.execute("DELETE FROM history")
        await superuser.execute(
            "ALTER TABLE history ADD CONSTRAINT history_lane_unique UNIQUE (lane, lane_seq)"
        )


@pytest.mark.parametrize(("one", "other"), [(2, 7), (4, 5), (0, 9), (8, 9)])
@pytest.mark.parametrize(
    "what", ["lane_seq", "at, recorded_at, actor_id, actor_name, verb, reason, detail", "lane_seq, mac"]
)
async def test_case_87_rows_that_changed_places_are_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record], one: int, other: int, what: str
) -> None:
    """Their places, what they say, or places with their MACs; far apart, neighbours, and at the ends."""
    ids = await write(await build_world())
    columns = what.split(", ")

    rows = {r["id"]: r for r in await superuser.fetch("SELECT * FROM history")}
    pair = (ids[one], ids[other])
    if "lane_seq" in columns:
        await superuser.execute(
            "UPDATE history SET lane_seq = -lane_seq WHERE id = ANY($1::bigint[])", list(pair)
        )
    for id_, source in (pair, pair[::-1]):
        sets = ", ".join(f"{c} = ${n}" for n, c in enumerate(columns, start=2))
        await superuser.execute(
            f"UPDATE history SET {sets} WHERE id = $1", id_, *(rows[source][c] for c in columns)
        )

    told = await verify()
    assert "reordered" in told.kinds
    assert set(told.of("reordered")[0].ids) == set(pair)
    assert told.kinds <= {"reordered", "head"}


async def test_case_87_cut_off_tail_is_found_by_the_head(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Whoever forgets the head needs no anchor to be found."""
    ids = await write(await build_world())

    await superuser.execute("DELETE FROM history WHERE id = ANY($1::bigint[])", ids[-3:])

    told = await verify()
    assert told.kinds == {"truncated"}
    assert [(f.first, f.last, f.about) for f in told.of("truncated")] == [(8, 10, "head")]


async def test_case_87_cut_off_tail_with_its_head_is_found_by_the_anchor(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Without what was noted outside, the shorter chain is a sound one."""
    ids = await write(await build_world())
    anchor = await audit.make_anchor(NOW, "")

    await superuser.execute("DELETE FROM history WHERE id = ANY($1::bigint[])", ids[-3:])
    await superuser.execute(
        "UPDATE audit_lane l SET seq = h.lane_seq, mac = h.mac FROM history h WHERE h.id = $1 AND l.lane = h.lane",
        ids[-4],
    )

    assert (await verify()).kinds == set()
    told = await verify([anchor])
    assert told.kinds == {"truncated", "head"}
    assert [(f.first, f.last, f.about) for f in told.of("truncated")] == [(8, 10, "anchor")]


async def test_case_87_everything_taken_away_is_found_by_the_anchor(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """All rows, and the heads as on the first day."""
    await write(await build_world())
    anchor = await audit.make_anchor(NOW, "")

    await superuser.execute("TRUNCATE history")
    await superuser.execute("UPDATE audit_lane SET seq = 0, mac = decode(repeat('00', 32), 'hex')")

    assert "truncated" in (await verify([anchor])).kinds


async def test_case_87_head_that_was_moved_or_taken_away_is_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """A false head would let new rows hang in the air."""
    await write(await build_world())

    await superuser.execute("UPDATE audit_lane SET mac = sha256('x') WHERE seq > 0")
    assert (await verify()).kinds == {"head"}

    await superuser.execute("UPDATE audit_lane SET seq = 3 WHERE seq > 0")
    assert (await verify()).kinds == {"head"}

    await superuser.execute("DELETE FROM audit_lane WHERE seq > 0")
    assert (await verify()).kinds == {"head"}


@pytest.mark.parametrize("length", [10, 200])
@pytest.mark.parametrize("has_own_name", [False, True])
async def test_case_87_chain_rewritten_without_the_key_is_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record], length: int, has_own_name: bool
) -> None:
    """From the third row on everything is made anew, heads and all, with a key of the forger's own."""
    ids = await write(await build_world(), length)
    theirs = derive_key(b"guessed" * 10)
    names = "id, at, recorded_at, actor_id, actor_name, verb, directive_id, task_id, assignment_id, reason, detail"

    rows = await superuser.fetch(
        f"SELECT {names}, lane, lane_seq, key_id, mac FROM history ORDER BY lane_seq"
    )
    previous = rows[1]["mac"]
    for row in rows[2:]:
        values = {**dict(row), "detail": json.loads(row["detail"]), "reason": "Không có gì"}
        values |= {c: microseconds(row[c]) for c in ("at", "recorded_at")}
        if has_own_name:
            values["key_id"] = theirs.id
        previous = step(theirs.secret, previous, Link(**values))
        await superuser.execute(
            "UPDATE history SET reason = $2, key_id = $3, mac = $4 WHERE id = $1",
            row["id"], values["reason"], values["key_id"], previous,
        )  # fmt: skip
    await superuser.execute("UPDATE audit_lane SET mac = $1 WHERE seq > 0", previous)

    told = await verify()
    if has_own_name:
        assert [f.ids[0] for f in told.of("bad_key")] == ids[2:]
    else:
        assert told.kinds <= {"rewritten", "edited"}
        assert sum(f.count for f in told.of("rewritten") + told.of("edited")) == length - 2


async def test_case_87_rewriting_with_a_stolen_key_is_found_by_the_anchor(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The chain is sound again; what was noted before is not in it."""
    world = await build_world()
    await write(world)
    anchor = await audit.make_anchor(NOW, "")

    await superuser.execute("TRUNCATE history")
    await superuser.execute("UPDATE audit_lane SET seq = 0, mac = decode(repeat('00', 32), 'hex')")
    await superuser.close()
    async with transaction():
        await append_history([NewRow(NOW, None, "system", "edit_task", reason="Khác") for _ in range(12)])

    assert (await verify()).kinds == set()
    assert await fetchval("SELECT count(*) FROM history") == 12
    assert (await verify([anchor])).kinds & {"rewritten", "truncated"}


# -- anchors ---------------------------------------------------------------------------------------------


async def test_case_87_forged_and_missing_anchors_are_found(database: Settings) -> None:
    """An anchor cannot be written by hand, and one between two cannot be taken out."""
    await write(await build_world())
    first = await audit.make_anchor(NOW, "")
    second = await audit.make_anchor(NOW + timedelta(days=1), first.seal)
    third = await audit.make_anchor(NOW + timedelta(days=2), second.seal)

    assert (await verify([first, second, third])).kinds == set()
    assert (await verify([third])).kinds == set()
    assert (await verify([first, third])).kinds == {"anchor"}
    assert (await verify([replace(first, total=9), second])).kinds == {"anchor"}


async def test_day_has_one_anchor_and_each_auditor_one_mail(database: Settings) -> None:
    """However often the job ticks; the file is nobody else's to read."""
    await write(await build_world())
    settings = replace(database, audit_mail=("kiemtoan@example.vn", "thanhtra@example.vn"))

    for hours in (0, 1, 2, 24, 25):
        await job.run(NOW + timedelta(hours=hours), settings)

    path = job.anchors_in(settings.data_dir)
    anchors = job.read_anchors(path)
    assert [a.at for a in anchors] == [NOW, NOW + timedelta(hours=24)]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (await verify(anchors)).kinds == set()
    mails = await fetch("SELECT address, subject, raw FROM outbox WHERE kind = 'audit_anchor' ORDER BY id")
    assert [m["address"] for m in mails] == list(settings.audit_mail) * 2
    assert mails[0]["subject"] == "Mốc neo nhật ký ngày 22/11/2026"


async def test_line_that_a_crash_left_unfinished_is_passed_over(database: Settings) -> None:
    """The next anchor begins a line of its own and points at the last whole one."""
    first = (await job.run(NOW, database)).anchor
    assert first is not None
    path = job.anchors_in(database.data_dir)
    with path.open("a") as file:
        file.write('{"at": "2026-')

    second = (await job.run(NOW + timedelta(days=1), database)).anchor

    assert second is not None
    assert second.previous == first.seal
    assert json.loads(path.read_text().splitlines()[-1])["seal"] == second.seal
    with pytest.raises(job.BadAnchorFile):
        job.read_anchors(path)


# -- writing ---------------------------------------------------------------------------------------------


async def test_parallel_transactions_leave_an_intact_chain(database: Settings) -> None:
    """Forty at once over ten connections, each with several steps."""
    world = await build_world()

    async def one(n: int) -> None:
        async with transaction():
            for part in range(3):
                entry = HistoryEntry("edit_task", reason=f"{n}.{part}", detail={"số": n, "phần": [part]})
                await insert_history(world.secretariat, [entry] * (n % 4 + 1), NOW)
                await asyncio.sleep(0)

    before = await fetchval("SELECT count(*) FROM history")
    await asyncio.gather(*(run_with_retries(partial(one, n)) for n in range(40)))

    told = await verify()
    assert told.kinds == set()
    assert told.verdict.rows == before + 3 * sum(n % 4 + 1 for n in range(40))
    assert await fetchval("SELECT count(DISTINCT lane) FROM history") > 1


async def test_one_lane_left_serves_all(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """With sixty-three lanes held by others, writers wait for the last one in turn."""
    world = await build_world()
    held = await asyncpg.connect(database.owner_dsn())
    try:
        async with held.transaction():
            await held.execute("SELECT FROM audit_lane WHERE lane <> 17 FOR UPDATE")

            for n in range(3):
                await write(world, 1, n)

        assert {r["lane"] for r in await fetch("SELECT lane FROM history WHERE verb = 'edit_task'")} == {17}
    finally:
        await held.close()
    assert (await verify()).kinds == set()


async def test_writers_wait_for_whichever_lane_is_given_back_first(database: Settings) -> None:
    """One that is held for long by somebody else does not hold them up."""
    world = await build_world()
    held = [await asyncpg.connect(database.owner_dsn()) for _ in range(2)]
    try:
        async with held[0].transaction():
            await held[0].execute("SELECT FROM audit_lane WHERE lane <> 17 FOR UPDATE")
            brief = held[1].transaction()
            await brief.start()
            await held[1].execute("SELECT FROM audit_lane WHERE lane = 17 FOR UPDATE")

            writing = asyncio.create_task(write(world, 1))
            await asyncio.sleep(0.1)
            assert not writing.done()
            await brief.rollback()
            await writing

        assert await fetchval("SELECT lane FROM history WHERE verb = 'edit_task'") == 17
    finally:
        for connection in held:
            await connection.close()


async def test_what_is_rolled_back_leaves_no_gap(database: Settings) -> None:
    """A whole transaction, and a part of one."""
    world = await build_world()
    await write(world, 2)

    with pytest.raises(RuntimeError):
        async with transaction():
            await insert_history(world.secretariat, [HistoryEntry("confirm")], NOW)
            raise RuntimeError
    async with transaction():
        with pytest.raises(RuntimeError):
            async with savepoint():
                await insert_history(world.secretariat, [HistoryEntry("confirm")], NOW)
                raise RuntimeError
        await insert_history(world.secretariat, [HistoryEntry("return")], NOW)

    told = await verify()
    assert told.kinds == set()
    assert await fetchval("SELECT count(*) FROM history WHERE verb = 'confirm'") == 0
    assert await fetchval("SELECT count(*) FROM history WHERE verb = 'return'") == 1


async def test_case_86_clock_set_back_a_day_does_not_disturb_the_order(database: Settings) -> None:
    """The order is that of the places; that something is told of an earlier moment is no finding."""
    world = await build_world()
    for days in (0, -1, 0):
        async with transaction():
            entry = HistoryEntry("confirm", reason=f"{days}")
            await insert_history(world.secretariat, [entry], NOW + timedelta(days=days))

    assert (await verify()).kinds == set()


# -- keys ------------------------------------------------------------------------------------------------


async def test_rows_of_a_former_key_are_checked_with_it(database: Settings) -> None:
    """After a change of the secret, the old one in TRACKER_OLD_SECRET_KEYS; without it they are findings."""
    world = await build_world()
    await write(world, 3)
    audit_db.use_key(Secret("n" * 40), [Secret(OURS)])
    await write(world, 2, 3)

    assert (await verify()).kinds == set()

    audit_db.use_key(Secret("n" * 40))
    told = await verify()
    assert told.kinds == {"bad_key"}
    assert len(told.of("bad_key")) == await fetchval("SELECT count(*) FROM history") - 2


async def test_key_that_comes_back_is_a_notice(database: Settings) -> None:
    """It may be a process that was not restarted, or somebody with the old key."""
    world = await build_world()
    await write(world, 1)
    audit_db.use_key(Secret("n" * 40), [Secret(OURS)])
    await write(world, 1, 1)
    audit_db.use_key(Secret(OURS))
    await write(world, 1, 2)
    audit_db.use_key(Secret("n" * 40), [Secret(OURS)])

    told = await verify()

    assert told.kinds == set()
    assert len(told.of("older_key")) == 1


async def test_without_a_key_nothing_is_recorded(database: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that everybody knows would be worse than none."""
    world = await build_world()
    monkeypatch.setattr(audit_db, "_ring", None)

    with pytest.raises(audit_db.AuditKeyMissing):
        await insert_history(world.secretariat, [HistoryEntry("confirm")], MONDAY)


# -- the past --------------------------------------------------------------------------------------------


async def test_rows_from_before_the_chain_are_counted_and_anchored(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """They cannot be checked against a chain, but against an anchor: count, end and digest."""
    await superuser.execute(
        "INSERT INTO history (at, actor_name, verb) SELECT now(), 'trước kia', 'confirm' FROM generate_series(1, 5)"
    )
    await superuser.execute(
        "UPDATE audit_start SET unchained = 5, last_unchained_id = (SELECT max(id) FROM history WHERE lane IS NULL)"
    )
    await write(await build_world())
    anchor = await audit.make_anchor(NOW, "")

    told = await verify([anchor])
    assert told.kinds == set()
    assert told.verdict.unchained == 5

    await superuser.execute("UPDATE history SET reason = 'sửa' WHERE id = (SELECT min(id) FROM history)")
    assert (await verify()).kinds == set()
    assert (await verify([anchor])).kinds == {"past"}

    await superuser.execute("DELETE FROM history WHERE id = (SELECT min(id) FROM history)")
    assert (await verify()).kinds == {"past"}


async def test_moving_the_beginning_hides_no_forged_row(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Whoever declares a forged row older than the chain contradicts every anchor."""
    await write(await build_world())
    anchor = await audit.make_anchor(NOW, "")

    await superuser.execute(
        "INSERT INTO history (at, actor_name, verb) VALUES (now(), 'Kẻ giả mạo', 'confirm')"
    )
    await superuser.execute(
        "UPDATE audit_start SET unchained = 1, last_unchained_id = (SELECT max(id) FROM history)"
    )

    assert (await verify([anchor])).kinds == {"past"}


async def test_row_in_a_lane_that_there_is_not_is_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Every lane is read, not only those that have a head."""
    ids = await write(await build_world())
    await superuser.execute("ALTER TABLE history DROP CONSTRAINT history_lane_known")
    try:
        await superuser.execute("UPDATE history SET lane = 99, lane_seq = 1 WHERE id = $1", ids[-1])

        told = await verify()

        assert {"truncated", "head"} <= told.kinds
        assert 99 in {f.lane for f in told.findings}
    finally:
        await superuser.execute("DELETE FROM history")
        await superuser.execute(
            "ALTER TABLE history ADD CONSTRAINT history_lane_known CHECK (lane BETWEEN 0 AND 63)"
        )


async def test_row_whose_columns_were_emptied_is_found(
    database: Settings, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Where somebody dropped what forbids it; the check itself goes on."""
    ids = await write(await build_world())
    await superuser.execute(
        "ALTER TABLE history DROP CONSTRAINT history_chained, ALTER COLUMN actor_name DROP NOT NULL"
    )
    try:
        await superuser.execute("UPDATE history SET lane_seq = NULL WHERE id = $1", ids[2])
        await superuser.execute("UPDATE history SET mac = NULL, actor_name = NULL WHERE id = $1", ids[6])

        told = await verify()

        assert {"unchained", "deleted"} <= told.kinds
        assert {ids[2], ids[6]} <= {id_ for f in told.findings for id_ in f.ids}
    finally:
        await superuser.execute("DELETE FROM history")
        await superuser.execute(
            "ALTER TABLE history ALTER COLUMN actor_name SET NOT NULL, ADD CONSTRAINT history_chained CHECK"
            " ((lane IS NULL) = (lane_seq IS NULL) AND (lane IS NULL) = (key_id IS NULL)"
            " AND (lane IS NULL) = (mac IS NULL))"
        )


async def test_execute_helper_reaches_the_same_refusal(database: Settings) -> None:
    """Also through the program's own pool."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute("UPDATE history SET reason = 'x'")

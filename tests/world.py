"""A small ministry-sized world for tests: a directory, a calendar, a ladder, and the people of each role."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from tests.rows import pristine_hand
from tracker.actions.ladders import ensure_default
from tracker.db.calendar import insert_days, insert_years
from tracker.db.engine import execute, fetchval
from tracker.domain.directory import Actor, Role
from tracker.domain.drafts import NewDirective, NewTask
from tracker.domain.search import search_key, sort_key

MONDAY = datetime(2025, 11, 24, 2, 0, tzinfo=UTC)
"""09:00 on Monday 24/11/2025 in Viet Nam."""


@dataclass(frozen=True)
class World:
    """Ids by code and actors by persona."""

    agencies: dict[str, int]
    officials: dict[str, int]
    secretariat: Actor
    head: Actor
    member: Actor
    agency: Actor
    leader: Actor
    other_agency: Actor
    inspector: Actor
    administrator: Actor


async def add_agency(code: str, name: str, kind: str, valid_to: date | None = None) -> int:
    """One agency."""
    agency_id: int = await fetchval(
        "INSERT INTO agency (code, name, short_name, kind, valid_to, search_key, sort_key)"
        " VALUES ($1, $2, $2, $3, $4, $5, $6) RETURNING id",
        code, name, kind, valid_to, search_key(name), sort_key(name),
    )  # fmt: skip
    return agency_id


async def add_official(
    name: str,
    email: str,
    role: str,
    duty: str | None = None,
    agency_id: int | None = None,
    language: str = "vi",
) -> int:
    """One official."""
    official_id: int = await fetchval(
        "INSERT INTO official (agency_id, full_name, email, role, duty, language, search_key, sort_key)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        agency_id, name, email, role, duty, language, search_key(name), sort_key(name),
    )  # fmt: skip
    return official_id


_kept: dict[int, tuple[World, str]] = {}


async def build_world() -> World:
    """Four agencies with people, a secretariat, the calendar of 2025 and 2026, the default ladder.

    Built once for each server and copied aside; brought back for each test that has written nothing before.
    """
    hand = pristine_hand()
    if hand is None or not await hand.stands("pristine"):
        return await _build_world()
    if id(hand) not in _kept:
        _kept[id(hand)] = await _build_world(), await hand.keep("world")
    world, back = _kept[id(hand)]
    await hand.bring_back(back)
    return replace(world, agencies=dict(world.agencies), officials=dict(world.officials))


async def _build_world() -> World:
    await insert_years([(year, "test", True) for year in (2019, 2020, 2024, 2025, 2026)])
    await insert_days([(date(2026, 1, 1), "off", "Tết Dương lịch", "test", False)])
    await ensure_default("Chung")
    agencies = {
        "BYT": await add_agency("BYT", "Bộ Y tế", "ministry"),
        "BTC": await add_agency("BTC", "Bộ Tài chính", "ministry"),
        "HN": await add_agency("HN", "UBND thành phố Hà Nội", "province"),
        "BKH": await add_agency("BKH", "Bộ Kế hoạch và Đầu tư", "ministry", date(2025, 2, 28)),
    }
    await execute(
        "INSERT INTO agency_succession (predecessor_id, successor_id, effective_on) VALUES ($1, $2, '2025-03-01')",
        agencies["BKH"],
        agencies["BTC"],
    )
    people: dict[str, int] = {}
    for code in ("BYT", "BTC", "HN"):
        low = code.lower()
        for duty, role in (
            ("focal", "agency_officer"),
            ("head_of_office", "agency_officer"),
            ("leader", "agency_leader"),
        ):
            people[f"{low}.{duty}"] = await add_official(
                f"{duty} {code}", f"{duty}@{low}.example.vn", role, duty, agencies[code]
            )
    assigning: tuple[tuple[str, str, str | None], ...] = (
        ("officer", "secretariat", "secretariat_officer"),
        ("head", "secretariat", "secretariat_head"),
        ("member", "member", "member"),
        ("inspector", "inspector", None),
        ("admin", "administrator", None),
    )
    for name, role, held in assigning:
        people[name] = await add_official(f"Người {name}", f"{name}@vpcp.example.vn", role, held)

    def actor(key: str, role: Role, agency: str | None = None) -> Actor:
        return Actor(people[key], key, role, agencies[agency] if agency else None)

    return World(
        agencies=agencies,
        officials=people,
        secretariat=actor("officer", Role.SECRETARIAT),
        head=actor("head", Role.SECRETARIAT),
        member=actor("member", Role.MEMBER),
        agency=actor("byt.focal", Role.AGENCY_OFFICER, "BYT"),
        leader=actor("byt.leader", Role.AGENCY_LEADER, "BYT"),
        other_agency=actor("btc.focal", Role.AGENCY_OFFICER, "BTC"),
        inspector=actor("inspector", Role.INSPECTOR),
        administrator=actor("admin", Role.ADMINISTRATOR),
    )


def directive(
    *tasks: NewTask,
    number: str = "17/NQ-CP",
    issued_on: date = date(2025, 11, 20),
    submission_id: str | None = None,
) -> NewDirective:
    """A resolution with these tasks."""
    return NewDirective(
        number=number,
        kind="resolution",
        issued_on=issued_on,
        issuer="Chính phủ",
        abstract="Một số nhiệm vụ trọng tâm phát triển Chính phủ điện tử",
        tasks=tasks,
        submission_id=submission_id,
    )


def task(
    deadline: str = "trước ngày 15/12/2025",
    leads: tuple[str, ...] = ("BYT",),
    cooperating: tuple[str, ...] = (),
    short_name: str = "Kế hoạch thực hiện Nghị quyết",
    **more: object,
) -> NewTask:
    """A task of one ministry, due in three weeks."""
    return NewTask(
        short_name=short_name,
        full_text=f"{short_name} của bộ, trình cấp có thẩm quyền.",
        leads=leads,
        cooperating=cooperating,
        deadline=deadline,
        **more,  # type: ignore[arg-type]  # fields of NewTask by name
    )

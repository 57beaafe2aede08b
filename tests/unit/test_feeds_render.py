"""Calendar entries: what they say, when they change, and that five independent readers agree."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

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
from tracker.domain.assignments import (
    OUTSIDE_STATES,
    Acceptance,
    Completion,
    DeadlineVersion,
    DueKind,
    Facts,
    Fine,
    State,
    classify,
)
from tracker.domain.calendar_uid import entry_uid, parent_uid, session_uid
from tracker.domain.inspections import State as SessionState
from tracker.domain.inspections import Topic
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_now
from tracker.feeds.content import clean, clean_line, line
from tracker.feeds.entries import (
    CANCELLED,
    DONE,
    Component,
    EntryStatus,
    FeedEntry,
    FeedOptions,
    SessionEntry,
    entry_status,
)
from tracker.feeds.join import LIMIT_OCTETS, FeedPlace, build
from tracker.feeds.render import alarm_at, render_entry, title

DATA = Path(__file__).parent.parent / "data"
HOST = "dondoc.example"
PLACE = FeedPlace(
    uid="7f1d2a3c-0000-4000-8000-000000000001",
    host=HOST,
    source_url=f"https://{HOST}/calendars/ddf_{'a' * 32}.ics",
    page_url=f"https://{HOST}/lich",
)
TODAY = date(2025, 11, 25)
OPTIONS = FeedOptions("Việc của Bộ Công Thương")


def entry(number: int = 1, **changes: object) -> FeedEntry:
    """A deadline on Friday 28/11/2025, changed by `changes`."""
    base = FeedEntry(
        uid=entry_uid(UUID(int=number), HOST),
        parent_uid=parent_uid(UUID(int=1000 + number), HOST),
        directive_number="17/NQ-CP",
        short_name="Kế hoạch chính quyền điện tử, giai đoạn 2025; bản 2",
        agency="Bộ Công Thương",
        status=EntryStatus.IN_TERM,
        due_on=date(2025, 11, 28),
        due_time=None,
        version=3,
        created_at=datetime(2025, 11, 3, 2, 0, tzinfo=UTC),
        changed_at=datetime(2025, 11, 10, 8, 15, 30, 999_000, tzinfo=UTC),
        url=f"https://{HOST}/viec/{number}",
        categories=("17/NQ-CP", "Chính phủ điện tử, một cửa"),
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]  # a test's shorthand


SITUATIONS = (
    entry(1),
    entry(2, due_time=time(17), due_on=date(2025, 11, 27), urgency="express"),
    entry(3, status=EntryStatus.OVERDUE, due_on=date(2025, 11, 2), off_day=True, version=4),
    entry(4, status=EntryStatus.WITHDRAWN, version=5),
    entry(5, status=EntryStatus.DONE_LATE, done_at=datetime(2025, 11, 20, 3, 0, tzinfo=UTC)),
    entry(6, status=EntryStatus.AWAITING_CONFIRMATION, started=True),
    entry(7, restricted=True, categories=("18/NQ-CP",), directive_number="18/NQ-CP"),
    entry(8, status=EntryStatus.RETURNED, started=True, urgency="urgent"),
)


def unfolded(data: bytes) -> str:
    return data.decode().replace("\r\n ", "")


def property_of(data: bytes, name: str) -> str:
    found = re.search(rf"^{name}(?:;[^:\r\n]*)?:(.*)\r$", unfolded(data), re.MULTILINE)
    assert found, f"{name} is missing"
    return found[1]


# What an entry says ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "vi", "en"),
    [
        (EntryStatus.IN_TERM, "Trong hạn", "On schedule"),
        (EntryStatus.OVERDUE, "Quá hạn", "Overdue"),
        (EntryStatus.AWAITING_CONFIRMATION, "Chờ xác nhận", "Awaiting confirmation"),
        (EntryStatus.RETURNED, "Bị trả lại", "Returned"),
        (EntryStatus.DONE_ON_TIME, "Xong đúng hạn", "Done on time"),
        (EntryStatus.DONE_LATE, "Xong, trễ hạn", "Done late"),
        (EntryStatus.WITHDRAWN, "Rút", "Withdrawn"),
        (EntryStatus.TRANSFERRED, "Giao lại", "Transferred"),
        (EntryStatus.SUPERSEDED, "Thay thế", "Superseded"),
    ],
)
def test_title_begins_with_status_and_agency(status: EntryStatus, vi: str, en: str) -> None:
    one = entry(status=status)

    assert title(one, "vi").startswith(f"{vi}: Bộ Công Thương – ")
    assert title(one, "en").startswith(f"{en}: Bộ Công Thương – ")


def test_no_word_of_an_entry_counts_days() -> None:
    said = " ".join(title(entry(status=status), "vi") for status in EntryStatus)

    assert not re.search(r"\d+ ngày", said)


def test_whole_day_ends_before_the_next_day() -> None:
    data = render_entry(entry(), OPTIONS)

    assert b"DTSTART;VALUE=DATE:20251128\r\nDTEND;VALUE=DATE:20251129\r\n" in data


def test_hour_deadline_is_the_end_of_its_block_in_utc() -> None:
    data = render_entry(entry(due_time=time(17)), OPTIONS)

    assert b"DTSTART:20251128T093000Z\r\nDTEND:20251128T100000Z\r\n" in data


def test_cancelled_entry_says_so_and_does_not_ring() -> None:
    data = render_entry(entry(status=EntryStatus.TRANSFERRED), dataclasses.replace(OPTIONS, alarms=(1,)))

    assert property_of(data, "STATUS") == "CANCELLED"
    assert b"VALARM" not in data


def test_restricted_entry_names_directive_and_agency_only() -> None:
    for component in ("event", "todo"):
        data = render_entry(entry(restricted=True), dataclasses.replace(OPTIONS, component=component))

        assert "chính quyền điện tử" not in unfolded(data)
        assert property_of(data, "SUMMARY") == "Trong hạn: Bộ Công Thương – 17/NQ-CP"
        assert property_of(data, "CLASS") == "CONFIDENTIAL"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "NEEDS-ACTION"),
        ({"started": True}, "IN-PROCESS"),
        ({"status": EntryStatus.AWAITING_CONFIRMATION, "started": True}, "IN-PROCESS"),
        ({"status": EntryStatus.OVERDUE}, "NEEDS-ACTION"),
        ({"status": EntryStatus.DONE_LATE, "done_at": datetime(2025, 11, 20, tzinfo=UTC)}, "COMPLETED"),
        ({"status": EntryStatus.WITHDRAWN, "started": True}, "CANCELLED"),
    ],
)
def test_todo_status_follows_the_work(changes: dict[str, Any], status: str) -> None:
    data = render_entry(entry(**changes), dataclasses.replace(OPTIONS, component="todo"))

    assert property_of(data, "STATUS") == status
    assert property_of(data, "DUE") == "20251128"
    assert (b"\r\nCOMPLETED:20251120T000000Z\r\n" in data) == (status == "COMPLETED")


def test_alarms_ring_at_eight_and_two_hours_before_an_early_hour() -> None:
    assert alarm_at(entry(), 0) == datetime(2025, 11, 28, 1, 0, tzinfo=UTC)
    assert alarm_at(entry(), 3) == datetime(2025, 11, 25, 1, 0, tzinfo=UTC)
    assert alarm_at(entry(due_time=time(9)), 0) == datetime(2025, 11, 28, 0, 0, tzinfo=UTC)


# When an entry changes ---------------------------------------------------------------------------------


def test_becoming_overdue_changes_title_sequence_and_stamp_once() -> None:
    before = entry()
    after = entry(status=EntryStatus.OVERDUE)

    assert (before.sequence, after.sequence) == (6, 7)
    assert after.stamped_at == datetime(2025, 11, 28, 17, 0, tzinfo=UTC)  # midnight in the official zone
    assert before.stamped_at == before.changed_at
    by_hour = entry(status=EntryStatus.OVERDUE, due_time=time(17))
    assert by_hour.stamped_at == datetime(2025, 11, 28, 10, tzinfo=UTC)


def test_extension_after_becoming_overdue_has_a_higher_sequence() -> None:
    overdue = entry(status=EntryStatus.OVERDUE)
    extended = entry(version=overdue.version + 1, due_on=date(2025, 12, 15))

    assert extended.sequence > overdue.sequence


def test_same_facts_give_the_same_bytes_on_any_day() -> None:
    options = dataclasses.replace(OPTIONS, alarms=(3, 1))

    first = build(SITUATIONS, options, PLACE, TODAY)
    later = build(reversed(SITUATIONS), options, PLACE, TODAY + timedelta(days=200))

    assert first == later


def test_uid_is_shared_by_feeds_and_invitations_and_never_by_agencies() -> None:
    data = build(SITUATIONS, OPTIONS, PLACE, TODAY)

    uids = re.findall(r"^UID:(.*)\r$", unfolded(data), re.MULTILINE)

    assert uids == sorted(set(uids), key=uids.index)
    assert entry_uid(UUID(int=1), HOST) in uids


# The calendar around the entries -------------------------------------------------------------------------


def test_header_tells_name_refresh_colour_and_source() -> None:
    data = build(SITUATIONS, FeedOptions("Bộ A, Bộ B; \\ khác\r\nEND:VCALENDAR"), PLACE, TODAY)

    assert property_of(data, "NAME") == "Bộ A\\, Bộ B\\; \\\\ khác END:VCALENDAR"
    assert property_of(data, "X-WR-CALNAME") == property_of(data, "NAME")
    assert b"\r\nREFRESH-INTERVAL;VALUE=DURATION:PT1H\r\nX-PUBLISHED-TTL:PT1H\r\n" in data
    assert property_of(data, "COLOR") == "steelblue"
    assert property_of(data, "SOURCE") == PLACE.source_url
    assert re.fullmatch(r"-//[^/]+//[^/0-9]+//(VI|EN)", property_of(data, "PRODID"))
    assert b"METHOD:PUBLISH" in data
    assert b"TZID" not in data
    assert problems(data) == []


def test_cancelled_entries_are_left_out_by_choice() -> None:
    options = dataclasses.replace(OPTIONS, with_cancelled=False)

    data = build(SITUATIONS, options, PLACE, TODAY)

    assert b"STATUS:CANCELLED" not in data
    assert data.count(b"BEGIN:VEVENT") == len(SITUATIONS) - 1


@pytest.mark.parametrize("component", ["event", "todo"])
def test_consolidated_entry_counts_what_is_overdue_today(component: Component) -> None:
    options = dataclasses.replace(OPTIONS, consolidated=True, component=component)
    late = [entry(n, status=EntryStatus.OVERDUE, due_on=date(2025, 11, 1)) for n in range(1, 31)]

    data = build(late, options, PLACE, TODAY)

    read = [one for one in read_icalendar(data) if one.uid.startswith("overdue-")]
    assert [one.summary for one in read] == ["30 việc quá hạn"]
    assert (read[0].start or read[0].due) == "2025-11-25"
    assert "và 10 việc khác" in read[0].description
    assert problems(data) == []


def test_nothing_overdue_needs_no_consolidated_entry() -> None:
    options = dataclasses.replace(OPTIONS, consolidated=True)

    assert build([entry()], options, PLACE, TODAY) == build([entry()], OPTIONS, PLACE, TODAY)


def test_empty_calendar_is_valid_and_read_as_empty() -> None:
    data = build([], OPTIONS, PLACE, TODAY)

    assert problems(data) == []
    assert read_icalendar(data) == read_vobject(data) == read_ics(data) == []


def test_ten_thousand_tasks_stay_below_the_limit_and_the_oldest_go_first() -> None:
    first_day = date(1998, 1, 1)
    many = [
        entry(n, due_on=first_day + timedelta(days=n), short_name="Xây dựng đề án " * 6)
        for n in range(10_000)
    ]
    closed = [entry(20_000 + n, status=EntryStatus.DONE_ON_TIME, due_on=date(2030, 1, 1)) for n in range(50)]

    data = build([*closed, *many], dataclasses.replace(OPTIONS, alarms=(3,)), PLACE, TODAY)

    assert len(data) <= LIMIT_OCTETS
    assert len(data) > LIMIT_OCTETS * 0.98
    assert problems(data) == []
    read = read_icalendar(data)
    kept = [one for one in read if one.uid.startswith("task-")]
    notice = [one for one in read if one.uid.startswith("cut-")]
    assert kept[-1].start == (first_day + timedelta(days=9_999)).isoformat()
    assert not any(one.uid == closed[0].uid for one in kept), "closed entries go before open ones"
    assert len(notice) == 1
    assert notice[0].start == kept[0].start
    assert f"{10_050 - len(kept)} việc cũ hơn" in notice[0].description


# Golden files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "entries", "options"),
    [
        ("feed_event_vi.ics", SITUATIONS, dataclasses.replace(OPTIONS, alarms=(3, 0))),
        (
            "feed_todo_en.ics",
            SITUATIONS,
            FeedOptions("Ministry of Industry and Trade", "en", "todo", consolidated=True),
        ),
        ("feed_empty.ics", (), OPTIONS),
    ],
)
def test_golden_file(name: str, entries: tuple[FeedEntry, ...], options: FeedOptions) -> None:
    assert build(entries, options, PLACE, TODAY) == (DATA / name).read_bytes()


# Properties ------------------------------------------------------------------------------------------------

NASTY = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            "ăâđêôơưẠẵỆữ\\;,:\"'=\r\n\t\x00\x07\x0b\x0c\x7f\x85\u2028\u2029\ufeff\u200b\u202e🇻🇳\ud800 aZ0^"
        ),
        st.characters(),
    ),
    min_size=0,
    max_size=60,
)
INSTANTS = st.datetimes(datetime(2016, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ENTRIES = st.builds(
    FeedEntry,
    uid=st.uuids(version=4).map(lambda uuid: entry_uid(uuid, HOST)),
    parent_uid=st.uuids(version=4).map(lambda uuid: parent_uid(uuid, HOST)),
    directive_number=NASTY,
    short_name=NASTY,
    agency=NASTY,
    status=st.sampled_from(EntryStatus),
    due_on=st.dates(date(2016, 1, 1), date(2099, 12, 31)),
    due_time=st.none() | st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    version=st.integers(1, 10_000),
    created_at=INSTANTS,
    changed_at=INSTANTS,
    url=NASTY.map(lambda text: "https://dondoc.example/viec/" + text),
    off_day=st.booleans(),
    started=st.booleans(),
    restricted=st.booleans(),
    urgency=st.sampled_from(["normal", "urgent", "very_urgent", "express"]),
    done_at=st.none() | INSTANTS,
    categories=st.lists(NASTY, max_size=3).map(tuple),
)
OPTION_SETS = st.builds(
    FeedOptions,
    name=NASTY,
    language=st.sampled_from(["vi", "en"]),
    component=st.sampled_from(["event", "todo"]),
    alarms=st.lists(st.integers(0, 30), max_size=3, unique=True).map(tuple),
    with_cancelled=st.booleans(),
    consolidated=st.booleans(),
)
CALENDARS = st.tuples(st.lists(ENTRIES, max_size=4, unique_by=lambda one: one.uid), OPTION_SETS)
RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def expected(one: FeedEntry, options: FeedOptions) -> Read:
    """What every reader must find for `one`: computed from the facts, apart from the code that renders."""
    is_event = options.component == "event"
    timed = (
        None if one.due_time is None else datetime.combine(one.due_on, one.due_time, UTC) - timedelta(hours=7)
    )
    day = one.due_on.isoformat()
    next_day = (one.due_on + timedelta(days=1)).isoformat()
    at = f"{timed:%Y-%m-%dT%H:%M:%SZ}" if timed else None
    half = f"{timed - timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}" if timed else None
    if is_event:
        status = "CANCELLED" if one.status in CANCELLED else "CONFIRMED"
    elif one.status in CANCELLED:
        status = "CANCELLED"
    elif one.status in DONE:
        status = "COMPLETED"
    else:
        status = "IN-PROCESS" if one.started else "NEEDS-ACTION"
    data = unfolded(render_entry(one, options))
    url = re.search(r"^URL:(.*)\r$", data, re.MULTILINE)
    description = re.search(r"^DESCRIPTION:(.*)\r$", data, re.MULTILINE)
    assert url
    assert description
    rings = one.status in (EntryStatus.IN_TERM, EntryStatus.RETURNED)
    return Read(
        kind="vevent" if is_event else "vtodo",
        uid=one.uid,
        summary=title(one, options.language),
        description=re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), description[1]),
        start=(half or day) if is_event else None,
        end=(at or next_day) if is_event else None,
        due=None if is_event else at or day,
        status=status,
        sequence=2 * one.version + (one.status is EntryStatus.OVERDUE),
        url=url[1],
        categories=tuple(word for word in map(clean_line, one.categories) if word),
        alarms=tuple(f"{alarm_at(one, days):%Y-%m-%dT%H:%M:%SZ}" for days in options.alarms) if rings else (),
    )


def expected_entries(entries: list[FeedEntry], options: FeedOptions) -> dict[str, Read]:
    return {
        one.uid: expected(one, options)
        for one in entries
        if options.with_cancelled or one.status not in CANCELLED
    }


@given(CALENDARS)
@settings(max_examples=1_000, deadline=None, suppress_health_check=RELAXED)
def test_every_calendar_keeps_the_rules_of_the_format(calendar: tuple[list[FeedEntry], FeedOptions]) -> None:
    entries, options = calendar

    assert problems(build(entries, options, PLACE, TODAY)) == []


@given(CALENDARS)
@settings(max_examples=150, deadline=None, suppress_health_check=RELAXED)
def test_icalendar_and_vobject_read_what_was_meant(calendar: tuple[list[FeedEntry], FeedOptions]) -> None:
    entries, options = calendar
    data = build(entries, options, PLACE, TODAY)

    meant = expected_entries(entries, options)

    assert by_uid(read_icalendar(data)) == meant
    assert by_uid(read_vobject(data)) == meant


@given(CALENDARS)
@settings(max_examples=40, deadline=None, suppress_health_check=RELAXED)
def test_ics_reads_what_was_meant(calendar: tuple[list[FeedEntry], FeedOptions]) -> None:
    entries, options = calendar
    data = build(entries, options, PLACE, TODAY)

    # ics keeps categories as a set, alarms unordered and a to-do's day as its midnight.
    def told(read: Read) -> Read:
        categories = tuple(sorted(set(read.categories))) if read.kind == "vevent" else ()
        due = read.due and read.due.removesuffix("T00:00:00Z")
        return dataclasses.replace(read, categories=categories, alarms=tuple(sorted(read.alarms)), due=due)

    assert {uid: told(one) for uid, one in by_uid(read_ics(data)).items()} == {
        uid: told(one) for uid, one in expected_entries(entries, options).items()
    }


def told_by_node(entry: dict[str, Any], alarms: tuple[str, ...] | None = None) -> Read:
    triggers = tuple(alarm["trigger"] for alarm in entry["alarms"]) if alarms is None else alarms
    return Read(**{**entry, "categories": tuple(entry["categories"]), "alarms": triggers})


def without_backslash_n(read: Read) -> Read:
    """node-ical 0.27 takes an escaped backslash before an n for a newline: leave such places out."""

    def neutral(value: str) -> str:
        return re.sub(r"\\\\*[nN]|\\\\*\n", "", value)

    return dataclasses.replace(
        read,
        summary=neutral(read.summary),
        description=neutral(read.description),
        categories=tuple(map(neutral, read.categories)),
    )


def without_backslash(one: FeedEntry) -> FeedEntry:
    return dataclasses.replace(one, categories=tuple(word.replace("\\", "") for word in one.categories))


@pytest.mark.skipif(not HAS_NODE, reason="node and its packages are not installed")
@given(st.lists(CALENDARS, min_size=25, max_size=25))
@settings(max_examples=8, deadline=None, suppress_health_check=RELAXED, phases=[Phase.generate])
def test_ical_js_and_node_ical_read_what_was_meant(
    calendars: list[tuple[list[FeedEntry], FeedOptions]],
) -> None:
    # ical.js 2.2 does not see the end of a category that ends with a backslash.
    calendars = [([without_backslash(one) for one in entries], options) for entries, options in calendars]

    read = read_with_node([build(entries, options, PLACE, TODAY) for entries, options in calendars])

    for index, (entries, options) in enumerate(calendars):
        meant = expected_entries(entries, options)
        by_ical_js = by_uid([told_by_node(one) for one in read["ical.js"][index]])
        # node-ical does not hand on alarms.
        by_node_ical = by_uid([told_by_node(one, alarms=()) for one in read["node-ical"][index]])
        assert by_ical_js == meant
        assert {uid: without_backslash_n(one) for uid, one in by_node_ical.items()} == {
            uid: without_backslash_n(dataclasses.replace(one, alarms=())) for uid, one in meant.items()
        }


@given(NASTY)
def test_cleaned_text_has_no_control_characters(value: str) -> None:
    cleaned = clean(value)

    cleaned.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", cleaned)
    assert clean(cleaned) == cleaned


@given(st.text(alphabet="aạ🇻", min_size=0, max_size=400))
def test_folding_is_undone_by_unfolding(value: str) -> None:
    folded = line("SUMMARY", value)

    assert all(len(raw) <= 75 for raw in folded.split(b"\r\n"))
    assert unfolded(folded) == f"SUMMARY:{value}\r\n"


def test_own_validator_sees_what_must_never_be() -> None:
    good = build([entry(), entry(2)], dataclasses.replace(OPTIONS, alarms=(1,)), PLACE, TODAY)

    broken = {
        "bare": good.replace(b"\r\n", b"\n", 1),
        "UID twice": good.replace(entry(2).uid.encode(), entry(1).uid.encode()),
        "TRIGGER": good.replace(b"TRIGGER;VALUE=DATE-TIME:", b"TRIGGER:"),
        "floats": good.replace(b"DTSTART;VALUE=DATE:20251128", b"DTSTART:20251128T090000"),
        "without DTSTAMP": re.sub(rb"DTSTAMP:.*\r\n", b"", good, count=1),
        "control": good.replace(b"COLOR:", b"COLOR:\x07"),
        "not after": good.replace(b"DTEND;VALUE=DATE:20251129", b"DTEND;VALUE=DATE:20251128"),
        "long": good.replace(b"COLOR:", b"COLOR:" + b"x" * 80),
        "character": good.replace(
            "thứ Sáu".encode(), "thứ S".encode() + "á".encode()[:1] + b"\r\n " + "á".encode()[1:]
        ),
        "PRODID": re.sub(rb"PRODID:.*\r\n", b"", good),
    }

    assert problems(good) == []
    assert all(problems(data) for data in broken.values()), [
        name for name in broken if not problems(broken[name])
    ]


def test_golden_files_are_read_by_icalendar_without_errors() -> None:
    for path in DATA.glob("feed_*.ics"):
        calendar = Calendar.from_ical(path.read_bytes())

        assert not [error for component in calendar.walk() for error in component.errors]


# The status is that of the pages ---------------------------------------------------------------------------

FINE = {
    Fine.ON_SCHEDULE: EntryStatus.IN_TERM,
    Fine.DUE_SOON: EntryStatus.IN_TERM,
    Fine.DUE_TODAY: EntryStatus.IN_TERM,
    Fine.OVERDUE: EntryStatus.OVERDUE,
    Fine.AWAITING_CONFIRMATION: EntryStatus.AWAITING_CONFIRMATION,
    Fine.RETURNED: EntryStatus.RETURNED,
    Fine.DONE_ON_TIME: EntryStatus.DONE_ON_TIME,
    Fine.DONE_LATE: EntryStatus.DONE_LATE,
    Fine.WITHDRAWN: EntryStatus.WITHDRAWN,
    Fine.TRANSFERRED: EntryStatus.TRANSFERRED,
    Fine.SUPERSEDED: EntryStatus.SUPERSEDED,
}
NOW = datetime(2025, 11, 28, 10, 0, tzinfo=UTC)  # 17:00 in the official zone


@given(
    state=st.sampled_from(State),
    due_on=st.dates(date(2025, 11, 26), date(2025, 11, 30)),
    due_time=st.sampled_from([None, time(8), time(16, 59), time(17), time(17, 1)]),
    reported_at=st.datetimes(datetime(2025, 11, 26), datetime(2025, 11, 28, 9), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_status_is_the_one_that_classify_gives(
    state: State, due_on: date, due_time: time | None, reported_at: datetime
) -> None:
    assigned_at = datetime(2025, 11, 1, tzinfo=UTC)
    decided = reported_at + timedelta(minutes=1)
    completions: tuple[Completion, ...] = ()
    if state is State.CONFIRMED:
        completions = (Completion(reported_at, Acceptance.APPROVED, decided),)
    elif state is State.REPORTED:
        completions = (Completion(reported_at),)
    elif state is State.RETURNED:
        completions = (Completion(reported_at, Acceptance.RETURNED, decided),)
    facts = Facts(
        assigned_at=assigned_at,
        due_kind=DueKind.DATED,
        deadlines=(DeadlineVersion(1, assigned_at, due_on, due_time),),
        acknowledged_at=None if state is State.ASSIGNED else assigned_at,
        progress_at=(assigned_at,) if state is State.IN_PROGRESS else (),
        completions=completions,
        closed_as=state if state in OUTSIDE_STATES else None,
        closed_at=decided if state in OUTSIDE_STATES else None,
    )
    reported = civil_now(reported_at).replace(tzinfo=None)
    completed_on = reported.date() if state is State.CONFIRMED else None
    completed_time = reported.time() if completed_on else None

    fine = classify(facts, NOW, WorkCalendar(days={}, years=frozenset({2025}))).fine

    assert entry_status(state, due_on, due_time, completed_on, completed_time, NOW) == FINE[fine]


# Sessions ----------------------------------------------------------------------------------------------------


def session(number: int = 1, **changes: Any) -> SessionEntry:
    """A session on Friday 28/11/2025 at 14:00."""
    base = SessionEntry(
        uid=session_uid(UUID(int=number), HOST),
        title="Kiểm tra chuyển đổi số; đợt 2, Bộ Y tế",
        state=SessionState.PLANNED,
        held_on=date(2025, 11, 28),
        held_at=time(14),
        ends_at=time(16, 30),
        place="Phòng họp A, tầng 2",
        chair="Lê Minh Khôi",
        topic=Topic.DIRECTIVE,
        topic_of="17/NQ-CP",
        agencies=("Bộ Y tế", "Bộ Tài chính"),
        explain_by=date(2025, 11, 26),
        version=2,
        created_at=datetime(2025, 11, 3, 2, 0, tzinfo=UTC),
        changed_at=datetime(2025, 11, 10, 8, 15, tzinfo=UTC),
        concluded_at=None,
        url=f"https://{HOST}/kiem-tra/{number}",
    )
    return dataclasses.replace(base, **changes)


SESSIONS = (
    session(1),
    session(2, held_at=None, ends_at=None, place=""),
    session(3, ends_at=None, state=SessionState.CANCELLED),
    session(
        4, state=SessionState.CONCLUDED, concluded_at=datetime(2025, 11, 29, tzinfo=UTC), topic=Topic.ALL
    ),
    session(5, state=SessionState.FROZEN, topic=Topic.FIELD, topic_of="Y tế", agencies=(), chair=""),
)


@pytest.mark.parametrize("component", ["event", "todo"])
def test_sessions_are_read_alike_by_every_reader(component: Component) -> None:
    options = dataclasses.replace(OPTIONS, component=component, alarms=(0, 1))

    data = build(SESSIONS, options, PLACE, TODAY)

    assert problems(data) == []
    assert build(SESSIONS[::-1], options, PLACE, TODAY) == data
    read = {one.uid: one for one in read_icalendar(data)}
    assert read == {one.uid: one for one in read_vobject(data)}
    assert len(read) == 5
    first = read[session_uid(UUID(int=1), HOST)]
    assert first.summary == "Kiểm tra chuyển đổi số; đợt 2, Bộ Y tế"
    assert "Hạn giải trình: hết thứ Tư 26/11/2025" in first.description
    assert first.alarms == ("2025-11-28T01:00:00Z", "2025-11-27T01:00:00Z")
    if component == "event":
        # ics.py keeps alarms in a set.
        alike = {
            one.uid: dataclasses.replace(one, alarms=tuple(sorted(one.alarms))) for one in read_ics(data)
        }
        assert alike == {
            uid: dataclasses.replace(one, alarms=tuple(sorted(one.alarms))) for uid, one in read.items()
        }
        assert (first.start, first.end) == ("2025-11-28T07:00:00Z", "2025-11-28T09:30:00Z")
        assert read[session_uid(UUID(int=2), HOST)].start == "2025-11-28"
        assert read[session_uid(UUID(int=3), HOST)].end == "2025-11-28T08:00:00Z"
    else:
        assert first.due == "2025-11-28T07:00:00Z"
    assert read[session_uid(UUID(int=3), HOST)].status == "CANCELLED"
    assert read[session_uid(UUID(int=3), HOST)].summary.startswith("Đã hủy: ")
    assert read[session_uid(UUID(int=4), HOST)].alarms == ()
    assert b"LOCATION:Ph" in data


def test_called_off_sessions_are_left_out_where_the_link_wants_none() -> None:
    data = build(SESSIONS, dataclasses.replace(OPTIONS, with_cancelled=False), PLACE, TODAY)

    assert session_uid(UUID(int=3), HOST) not in {one.uid for one in read_icalendar(data)}


def test_very_many_sessions_stay_within_the_limit_and_say_so() -> None:
    many = [
        session(n, place="Phòng " * 150, held_on=date(2025, 1, 1) + timedelta(days=n)) for n in range(1, 700)
    ]

    data = build(many, OPTIONS, PLACE, TODAY)

    assert len(data) <= LIMIT_OCTETS
    assert problems(data) == []
    assert any(one.uid.startswith("cut-") for one in read_icalendar(data))

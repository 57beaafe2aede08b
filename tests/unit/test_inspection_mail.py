"""Invitations to sessions as calendars read them, who is told of which change, when an explanation is recalled."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import icalendar
import pytest
import vobject  # type: ignore[import-untyped]  # ships no types
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.mail_samples import GROUP, OFFICE, SESSION, SESSION_URL, TO, session_event, uid
from tracker.domain.calendar_uid import session_uid
from tracker.domain.explaining import Reminding, remind_now
from tracker.domain.inspection_letters import Facts, Held, Invitee, Letter, Method, Seat, decide
from tracker.domain.workdays import DayMark, WorkCalendar
from tracker.domain.zone import OFFICIAL_ZONE, at_official
from tracker.mail.compose import render, session_invitation
from tracker.mail.contexts import SessionInvited
from tracker.mail.message import Mailbox, to_bytes

# --- the calendar part ---


def lines_of(data: bytes) -> list[str]:
    """Unfolded content lines."""
    return data.decode().replace("\r\n ", "").split("\r\n")


def event_of(data: bytes) -> Any:
    """The one VEVENT, by the icalendar package."""
    (event,) = icalendar.Calendar.from_ical(data).walk("VEVENT")
    assert not event.errors
    return event


def test_a_session_stands_at_its_hours_in_the_zone_that_the_file_describes() -> None:
    lines = lines_of(session_event(SESSION).to_calendar())

    assert "METHOD:REQUEST" in lines
    assert f"UID:{session_uid(uid(2001), OFFICE.domain)}" in lines
    assert "DTSTART;TZID=Asia/Ho_Chi_Minh:20251205T140000" in lines
    assert "DTEND;TZID=Asia/Ho_Chi_Minh:20251205T163000" in lines
    zone = lines.index("BEGIN:VTIMEZONE")
    assert lines[zone + 1] == "TZID:Asia/Ho_Chi_Minh"
    assert zone < lines.index("BEGIN:VEVENT")
    assert "LOCATION:Phòng họp 201\\, trụ sở Chính phủ" in lines
    assert "TRANSP:OPAQUE" in lines
    assert 'ORGANIZER;CN="Đôn Đốc – Văn phòng Chính phủ":mailto:dondoc@vpcp.example.vn' in lines
    (attendee,) = [line for line in lines if line.startswith("ATTENDEE")]
    assert attendee.endswith(
        ';PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN="Nguyễn Thị Minh Hà":mailto:vanthu@moh.example.vn'
    )
    event = event_of(session_event(SESSION).to_calendar())
    assert event["DTSTART"].dt == datetime(2025, 12, 5, 14, tzinfo=OFFICIAL_ZONE)


def test_without_hours_it_is_a_day_that_blocks_nobody_and_without_an_end_an_hour() -> None:
    day = lines_of(session_event(replace(SESSION, held_at=None, ends_at=None)).to_calendar())
    open_end = lines_of(session_event(replace(SESSION, ends_at=None)).to_calendar())

    assert "DTSTART;VALUE=DATE:20251205" in day
    assert "DTEND;VALUE=DATE:20251206" in day
    assert "TRANSP:TRANSPARENT" in day
    assert "BEGIN:VTIMEZONE" not in day
    assert "DTEND;TZID=Asia/Ho_Chi_Minh:20251205T150000" in open_end


def test_a_cancellation_names_the_same_event() -> None:
    asked = lines_of(session_event(SESSION).to_calendar())
    over = lines_of(session_event(SESSION, "CANCEL", 3).to_calendar())

    assert "METHOD:CANCEL" in over
    assert "STATUS:CANCELLED" in over
    assert "SEQUENCE:3" in over
    assert [x for x in asked if x.startswith(("UID", "DTSTART;"))] == [
        x for x in over if x.startswith(("UID", "DTSTART;"))
    ]


hostile = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("\x00\x07\r\n\x0b\u2028;,:\\\"'")), max_size=120
)


@given(title=hostile, place=hostile, chair=hostile, name=hostile, held_at=st.none() | st.times())
@settings(max_examples=100, deadline=None)
def test_any_text_is_one_event_that_parsers_read_alike(
    title: str, place: str, chair: str, name: str, held_at: time | None
) -> None:
    at = None if held_at is None else held_at.replace(second=0, microsecond=0, fold=0)
    facts = replace(GROUP, title="Buổi " + title, place=place, chair=chair, held_at=at, ends_at=None)
    addressing = replace(TO, recipient=Mailbox(name, "a@moh.example.vn"))
    made = session_invitation(
        facts, addressing, "vi", method="REQUEST", inspection_uid=uid(1), sequence=0, url=SESSION_URL,
        stamped_at=TO.sent_at,
    )  # fmt: skip

    data = made.to_calendar()

    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028]", data.decode())
    event = event_of(data)
    (other,) = vobject.readOne(data.decode()).contents["vevent"]
    assert str(event["SUMMARY"]) == other.summary.value
    assert event["DTSTART"].dt < event["DTEND"].dt
    message = render(
        "session_invited", SessionInvited(facts, Seat.CHAIR, SESSION_URL, invitation=made), "vi", addressing
    )
    assert b"method=REQUEST" in to_bytes(message)
    assert message.references == (f"<session-{uid(1)}@{OFFICE.domain}>",)


# --- who is told ---

TODAY = date(2025, 11, 24)
CHAIR = Invitee(1, Seat.CHAIR, GROUP)
FOCAL = Invitee(2, Seat.AGENCY, SESSION, 7)


def held(*letters: Letter) -> dict[int, Held]:
    """What people hold once these letters have arrived, in order."""
    return {
        x.official_id: Held(
            x.official_id, x.agency_id, x.facts if x.method is Method.REQUEST else None, x.sequence
        )
        for x in letters
    }


def test_everybody_is_asked_once_and_asked_again_nobody_is() -> None:
    letters = decide([CHAIR, FOCAL], {}, 0, TODAY)

    assert [(x.official_id, x.method, x.sequence) for x in letters] == [(1, "REQUEST", 0), (2, "REQUEST", 0)]
    assert decide([CHAIR, FOCAL], held(*letters), 0, TODAY) == ()


def test_only_those_whom_a_change_concerns_are_told() -> None:
    before = held(*decide([CHAIR, FOCAL], {}, 0, TODAY))
    explain = replace(FOCAL, facts=replace(SESSION, explain_by=date(2025, 12, 1)))
    wider = replace(CHAIR, facts=replace(GROUP, agencies=(*GROUP.agencies, "UBND thành phố Hà Nội")))
    member = Invitee(3, Seat.MEMBER, GROUP)

    assert [x.official_id for x in decide([CHAIR, explain], before, 0, TODAY)] == [2]
    assert [x.official_id for x in decide([wider, FOCAL], before, 0, TODAY)] == [1]
    assert [x.official_id for x in decide([CHAIR, FOCAL, member], before, 0, TODAY)] == [3]
    (told,) = decide([CHAIR], before, 0, TODAY)
    assert (told.official_id, told.method, told.sequence, told.facts) == (2, "CANCEL", 1, SESSION)


def test_nobody_hears_of_a_day_that_has_passed_unless_they_expect_another() -> None:
    over = replace(SESSION, held_on=TODAY - timedelta(days=1))
    gone = {2: Held(2, 7, over, 0)}

    assert decide([replace(FOCAL, facts=over)], {}, 0, TODAY) == ()
    assert decide([replace(FOCAL, facts=replace(over, place="B"))], gone, 0, TODAY) == ()
    assert decide([], gone, 0, TODAY) == ()
    assert len(decide([replace(FOCAL, facts=over)], held(*decide([FOCAL], {}, 0, TODAY)), 0, TODAY)) == 1


@given(seed=st.integers(0, 10_000))
@settings(max_examples=200, deadline=None)
def test_a_client_that_follows_the_rules_ends_with_what_should_be_held_whatever_the_order(seed: int) -> None:
    dice = random.Random(seed)
    standing: dict[int, Held] = {}
    mailed: list[Letter] = []
    wanted: list[Invitee] = []
    for sequence in range(6):
        place = dice.choice("ABC")
        wanted = [
            Invitee(i, Seat.MEMBER, replace(GROUP, place=place)) for i in range(4) if dice.random() < 0.6
        ]
        letters = decide(wanted, standing, sequence, TODAY)
        standing |= held(*letters)
        mailed += letters
    pairs = [(x.official_id, x.sequence) for x in mailed]
    assert len(pairs) == len(set(pairs))

    dice.shuffle(mailed)
    calendars: dict[int, Letter] = {}
    for letter in [*mailed, *dice.sample(mailed, len(mailed) // 2)]:
        seen = calendars.get(letter.official_id)
        if seen is None or letter.sequence > seen.sequence:
            calendars[letter.official_id] = letter
    shown = {i: x.facts for i, x in calendars.items() if x.method is Method.REQUEST}
    assert shown == {x.official_id: x.facts for x in wanted}


def test_facts_are_kept_whole() -> None:
    for facts in (SESSION, GROUP, replace(SESSION, held_at=None, ends_at=None, explain_by=None)):
        assert Facts.from_json(facts.as_json()) == facts


# --- reminders ---

CALENDAR = WorkCalendar({date(2025, 12, 3): DayMark("off", "Ngày nghỉ thử", "test")}, frozenset({2025}))
ASKED = at_official(date(2025, 11, 24), time(9))


def at(day: int, hour: int = 8, month: int = 12) -> datetime:
    """An hour of the official zone."""
    return at_official(date(2025, month, day), time(hour))


@pytest.mark.parametrize(
    ("now", "step"),
    [
        (at(28, 8, 11), None),  # Friday: Monday is the day before Tuesday the 2nd
        (at(1, 7), None),
        (at(1), "before"),
        (at(1, 17), "before"),
        (at(1, 18), None),
        (at(2), "on"),
        (at(2, 19), None),
        (at(3, 10), None),  # a day off
        (at(4, 7), None),
        (at(4), "after"),
        (at(30), "after"),
    ],
)
def test_an_explanation_is_reminded_of_on_working_days_within_hours(now: datetime, step: str | None) -> None:
    found = remind_now(date(2025, 12, 2), ASKED, (), now, CALENDAR)

    assert (found and found.step) == step


def test_after_an_outage_only_the_newest_step_is_given() -> None:
    found = remind_now(date(2025, 12, 2), ASKED, {"before"}, at(9), CALENDAR)
    slept = remind_now(date(2025, 12, 2), ASKED, (), at(9), CALENDAR)

    assert found == Reminding("after", at(4), (("on", at(2)),))
    assert slept == Reminding("after", at(4), (("before", at(1)), ("on", at(2))))
    assert remind_now(date(2025, 12, 2), ASKED, {"after"}, at(9), CALENDAR) is None


def test_a_step_that_came_before_the_request_is_covered_by_it() -> None:
    assert remind_now(date(2025, 12, 2), at(1, 9), (), at(1, 10), CALENDAR) is None
    assert remind_now(date(2025, 12, 2), at(2, 9), (), at(2, 10), CALENDAR) is None
    found = remind_now(date(2025, 12, 2), at(2, 9), (), at(4), CALENDAR)
    assert found == Reminding("after", at(4))


def test_the_day_itself_comes_though_it_be_a_day_off() -> None:
    found = remind_now(date(2025, 11, 29), ASKED, (), at(29, 8, 11), CALENDAR)

    assert found == Reminding("on", at(29, 8, 11), (("before", at(28, 8, 11)),))
    assert TO.sent_at.tzinfo is UTC

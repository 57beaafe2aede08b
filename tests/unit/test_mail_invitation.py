"""Invitations: what iMIP asks for, read back by other parsers, and a calendar client that follows them."""

import email
import random
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from email.policy import default
from typing import Any
from uuid import UUID

import icalendar
import ics  # type: ignore[import-untyped]  # ships no types
import pytest
import vobject  # type: ignore[import-untyped]  # ships no types
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.mail_samples import NEW_TASK, OFFICE, TO, invitation, new_tasks, task_line, uid
from tracker.domain.calendar_uid import entry_uid
from tracker.mail.compose import deadline_invitation, render
from tracker.mail.invitation import Invitation, to_calendar
from tracker.mail.message import Mailbox, to_bytes

BASE = invitation(task_line(1))


def lines_of(data: bytes) -> list[str]:
    """Unfolded content lines."""
    return data.decode().replace("\r\n ", "").split("\r\n")


def event_of(data: bytes) -> Any:
    """The one VEVENT, by the icalendar package."""
    calendar = icalendar.Calendar.from_ical(data)
    (event,) = calendar.walk("VEVENT")
    return event


def test_a_request_names_organizer_attendee_and_day() -> None:
    lines = lines_of(to_calendar(BASE))

    assert "METHOD:REQUEST" in lines
    assert f"UID:{entry_uid(uid(1001), OFFICE.domain)}" in lines
    assert "SEQUENCE:0" in lines
    assert "DTSTAMP:20251125T010000Z" in lines
    assert "DTSTART;VALUE=DATE:20251215" in lines
    assert "DTEND;VALUE=DATE:20251216" in lines
    assert "STATUS:CONFIRMED" in lines
    assert "TRANSP:TRANSPARENT" in lines
    assert 'ORGANIZER;CN="Đôn Đốc – Văn phòng Chính phủ":mailto:dondoc@vpcp.example.vn' in lines
    (attendee,) = [line for line in lines if line.startswith("ATTENDEE")]
    assert attendee.endswith(":mailto:vanthu@moh.example.vn")
    for parameter in (
        "ROLE=REQ-PARTICIPANT",
        "PARTSTAT=NEEDS-ACTION",
        "RSVP=TRUE",
        'CN="Nguyễn Thị Minh Hà"',
    ):
        assert parameter in attendee
    assert not any(re.match("DTSTART.*TZID|BEGIN:VTIMEZONE|RRULE", line) for line in lines)


def test_an_hour_deadline_is_the_half_hour_that_ends_with_it() -> None:
    lines = lines_of(to_calendar(replace(BASE, due_on=date(2025, 11, 27), due_time=time(17))))

    assert "DTSTART:20251127T093000Z" in lines
    assert "DTEND:20251127T100000Z" in lines


def test_a_cancellation_has_the_same_uid_and_no_alarm() -> None:
    alarm = datetime(2025, 12, 14, 1, tzinfo=UTC)
    request = replace(BASE, alarms_at=(alarm,))
    cancel = replace(request, method="CANCEL", sequence=1)

    asked, taken_back = lines_of(to_calendar(request)), lines_of(to_calendar(cancel))

    assert "TRIGGER;VALUE=DATE-TIME:20251214T010000Z" in asked
    assert "METHOD:CANCEL" in taken_back
    assert "STATUS:CANCELLED" in taken_back
    assert "SEQUENCE:1" in taken_back
    assert "BEGIN:VALARM" not in taken_back
    assert [x for x in asked if x.startswith("UID")] == [x for x in taken_back if x.startswith("UID")]


def test_a_mail_carries_the_invitation_last_and_as_a_file() -> None:
    message = render("assigned", new_tasks(1, invitation=invitation(NEW_TASK.line)), "vi", TO)

    read = email.message_from_bytes(to_bytes(message), policy=default)

    parts = [part.get_content_type() for part in read.walk() if not part.is_multipart()]
    assert parts == ["text/plain", "text/html", "text/calendar", "application/ics"]
    calendar: Any
    file: Any
    calendar, file = list(read.walk())[-2:]
    assert calendar.get_param("method") == "REQUEST"
    assert calendar.get_payload(decode=True) == file.get_payload(decode=True)
    event = event_of(calendar.get_payload(decode=True))
    assert event["ORGANIZER"] == f"mailto:{read['From'].addresses[0].addr_spec}"
    assert event["ATTENDEE"] == f"mailto:{read['To'].addresses[0].addr_spec}"


def test_there_is_no_invitation_to_a_task_without_a_date() -> None:
    line = task_line(1, due_on=None)

    made = deadline_invitation(
        line, TO, "vi", method="REQUEST", assignment_uid=uid(1), sequence=0, stamped_at=TO.sent_at
    )

    assert made is None


hostile = st.text(
    st.one_of(st.characters(), st.sampled_from("\x00\x07\r\n\x0b\u2028;,:\\\"'\ud800")), max_size=120
)


@given(
    summary=hostile,
    description=hostile,
    name=hostile,
    on=st.dates(date(2018, 1, 1), date(2037, 12, 30)),
    at=st.none() | st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
@settings(max_examples=150, deadline=None)
def test_any_text_is_one_event_that_parsers_read_alike(
    summary: str, description: str, name: str, on: date, at: time | None
) -> None:
    made = replace(
        BASE,
        summary="Hạn: " + summary,
        description=description,
        due_on=on,
        due_time=at,
        attendee=Mailbox(name, "a@moh.example.vn"),
    )

    data = to_calendar(made)

    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028]", data.decode())
    event = event_of(data)
    (other,) = vobject.readOne(data.decode()).contents["vevent"]
    assert str(event["SUMMARY"]) == other.summary.value
    assert event["ATTENDEE"] == "mailto:a@moh.example.vn"
    assert event["DTSTART"].dt == other.dtstart.value
    assert event["DTSTART"].dt < event["DTEND"].dt


def test_the_ics_package_reads_it_too() -> None:
    (event,) = ics.Calendar(to_calendar(BASE).decode()).events

    assert event.name == BASE.summary
    assert event.begin.date() == date(2025, 12, 15)


# --- a client that follows RFC 5546 --------------------------------------------------------------------------


@dataclass
class Client:
    """A calendar that takes invitations: the higher SEQUENCE wins, then the later DTSTAMP (RFC 5546 §2.1.5)."""

    entries: dict[str, tuple[tuple[int, datetime], str, date]]

    def receive(self, data: bytes) -> None:
        """Take in one iTIP object."""
        calendar: Any = icalendar.Calendar.from_ical(data)
        event = event_of(data)
        version = (int(event["SEQUENCE"]), event["DTSTAMP"].dt)
        known = self.entries.get(str(event["UID"]))
        if known is None or known[0] < version:
            self.entries[str(event["UID"])] = (version, str(calendar["METHOD"]), event["DTSTART"].dt)

    @property
    def shown(self) -> dict[str, date]:
        """The days of what is not cancelled."""
        return {key: day for key, (_, method, day) in self.entries.items() if method == "REQUEST"}


def story(number: int, random_: random.Random) -> list[Invitation]:
    """What is mailed about one task: invited, moved a few times, perhaps cancelled."""
    mails = [replace(BASE, assignment_uid=UUID(int=number))]
    for _ in range(random_.randrange(4)):
        last = mails[-1]
        mails.append(
            replace(
                last,
                sequence=last.sequence + 1,
                stamped_at=last.stamped_at + timedelta(days=1),
                due_on=last.due_on + timedelta(days=random_.randrange(1, 60)),
            )
        )
    if random_.random() < 0.5:
        mails.append(replace(mails[-1], method="CANCEL", sequence=mails[-1].sequence + 1))
    return mails


@pytest.mark.parametrize("seed", range(20))
def test_a_client_ends_with_the_open_tasks_in_whatever_order_mails_arrive(seed: int) -> None:
    chance = random.Random(seed)
    stories = [story(number, chance) for number in range(1, 8)]
    mails = [mail for told in stories for mail in told]
    mails += chance.choices(mails, k=5)
    chance.shuffle(mails)

    client = Client({})
    for mail in mails:
        client.receive(to_calendar(mail))

    last = [told[-1] for told in stories]
    assert client.shown == {
        entry_uid(m.assignment_uid, m.host): m.due_on for m in last if m.method == "REQUEST"
    }

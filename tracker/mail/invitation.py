"""A deadline as a mailed invitation (iMIP, RFC 6047), which later moves or cancels itself.

The UID is that of the feeds, so a client that meets a deadline by both ways knows that it is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from uuid import UUID

from tracker.domain.calendar_uid import entry_uid
from tracker.domain.zone import at_official
from tracker.feeds.content import clean_line, day, line, text_line, title_line, uri, utc
from tracker.mail.message import Mailbox

PRODUCT = "-//Don Doc//Deadlines//VI"
# An hour deadline is drawn as the half hour that ends with it, as in the feeds.
BLOCK = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Invitation:
    """One deadline for one recipient's calendar.

    `sequence` grows with each REQUEST and CANCEL of the same `assignment_uid`; `stamped_at` is the instant
    of the change, never of the sending, so that a repeated mail carries the same bytes.
    `due_on` is inclusive; `due_time` is of the official zone. `alarms_at` are instants.
    """

    method: Literal["REQUEST", "CANCEL"]
    assignment_uid: UUID
    host: str
    sequence: int
    stamped_at: datetime
    due_on: date
    due_time: time | None
    summary: str
    description: str
    url: str
    organizer: Mailbox
    attendee: Mailbox
    alarms_at: tuple[datetime, ...] = ()


def to_calendar(invitation: Invitation) -> bytes:
    """The iTIP object: one VEVENT, CRLF, folded at 75 octets; the same invitation gives the same bytes."""
    cancelled = invitation.method == "CANCEL"
    lines = [
        line("BEGIN", "VCALENDAR"),
        line("PRODID", PRODUCT),
        line("VERSION", "2.0"),
        line("CALSCALE", "GREGORIAN"),
        line("METHOD", invitation.method),
        line("BEGIN", "VEVENT"),
        line("UID", entry_uid(invitation.assignment_uid, invitation.host)),
        line("SEQUENCE", str(invitation.sequence)),
        line("DTSTAMP", utc(invitation.stamped_at)),
        line("LAST-MODIFIED", utc(invitation.stamped_at)),
        *_span(invitation),
        title_line("SUMMARY", invitation.summary),
        text_line("DESCRIPTION", invitation.description),
        line("URL", uri(invitation.url)),
        # Bare mailto: and exactly the identity of the From header: Gmail shows nothing otherwise.
        line(f"ORGANIZER;CN={quoted(invitation.organizer.name)}", f"mailto:{invitation.organizer.address}"),
        line(
            "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE"
            f";CN={quoted(invitation.attendee.name)}",
            f"mailto:{invitation.attendee.address}",
        ),
        line("STATUS", "CANCELLED" if cancelled else "CONFIRMED"),
        line("TRANSP", "TRANSPARENT"),
        line("X-MICROSOFT-CDO-BUSYSTATUS", "FREE"),
        *(() if cancelled else (_alarm(instant, invitation.summary) for instant in invitation.alarms_at)),
        line("END", "VEVENT"),
        line("END", "VCALENDAR"),
    ]
    return b"".join(lines)


def _span(invitation: Invitation) -> tuple[bytes, bytes]:
    if invitation.due_time is None:
        after = invitation.due_on + timedelta(days=1)  # DTEND is exclusive (RFC 5545 §3.6.1)
        return line("DTSTART;VALUE=DATE", day(invitation.due_on)), line("DTEND;VALUE=DATE", day(after))
    deadline = at_official(invitation.due_on, invitation.due_time)
    return line("DTSTART", utc(deadline - BLOCK)), line("DTEND", utc(deadline))


def _alarm(instant: datetime, summary: str) -> bytes:
    # Without VALUE=DATE-TIME readers take the trigger for a duration and refuse the whole calendar.
    return b"".join(
        (
            line("BEGIN", "VALARM"),
            line("ACTION", "DISPLAY"),
            title_line("DESCRIPTION", summary),
            line("TRIGGER;VALUE=DATE-TIME", utc(instant)),
            line("END", "VALARM"),
        )
    )


def quoted(name: str) -> str:
    """A parameter value; a double quote cannot stand in one (RFC 5545 §3.2)."""
    return '"' + clean_line(name).replace('"', "'") + '"'

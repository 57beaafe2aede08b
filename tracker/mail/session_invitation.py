"""An inspection session as a mailed invitation (iMIP, RFC 6047), which later moves or cancels itself.

Unlike a deadline it is held at an hour of the wall clock and blocks the time of who is invited.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal
from uuid import UUID

from tracker.domain.calendar_uid import session_uid
from tracker.feeds.content import line, text_line, title_line, uri, utc
from tracker.feeds.zone import VTIMEZONE, span_lines
from tracker.mail.invitation import quoted
from tracker.mail.message import Mailbox

PRODUCT = "-//Don Doc//Sessions//VI"


@dataclass(frozen=True, slots=True)
class SessionInvitation:
    """One session for one person's calendar.

    `sequence` grows with each REQUEST and CANCEL to the same person; `stamped_at` is the instant of the change, never
    of the sending. Hours are of the official zone; without them the session is drawn as the whole day.
    """

    method: Literal["REQUEST", "CANCEL"]
    inspection_uid: UUID
    host: str
    sequence: int
    stamped_at: datetime
    held_on: date
    held_at: time | None
    ends_at: time | None
    place: str
    summary: str
    description: str
    url: str
    organizer: Mailbox
    attendee: Mailbox

    def to_calendar(self) -> bytes:
        """The iTIP object: one VEVENT, CRLF, folded at 75 octets; the same invitation gives the same bytes."""
        is_timed = self.held_at is not None
        lines = [
            line("BEGIN", "VCALENDAR"),
            line("PRODID", PRODUCT),
            line("VERSION", "2.0"),
            line("CALSCALE", "GREGORIAN"),
            line("METHOD", self.method),
            *([VTIMEZONE] if is_timed else []),
            line("BEGIN", "VEVENT"),
            line("UID", session_uid(self.inspection_uid, self.host)),
            line("SEQUENCE", str(self.sequence)),
            line("DTSTAMP", utc(self.stamped_at)),
            line("LAST-MODIFIED", utc(self.stamped_at)),
            *span_lines(self.held_on, self.held_at, self.ends_at),
            title_line("SUMMARY", self.summary),
            text_line("DESCRIPTION", self.description),
            *([title_line("LOCATION", self.place)] if self.place.strip() else []),
            line("URL", uri(self.url)),
            # Bare mailto: and exactly the identity of the From header: Gmail shows nothing otherwise.
            line(f"ORGANIZER;CN={quoted(self.organizer.name)}", f"mailto:{self.organizer.address}"),
            line(
                "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE"
                f";CN={quoted(self.attendee.name)}",
                f"mailto:{self.attendee.address}",
            ),
            line("STATUS", "CANCELLED" if self.method == "CANCEL" else "CONFIRMED"),
            line("TRANSP", "OPAQUE" if is_timed else "TRANSPARENT"),
            line("X-MICROSOFT-CDO-BUSYSTATUS", "BUSY" if is_timed else "FREE"),
            line("END", "VEVENT"),
            line("END", "VCALENDAR"),
        ]
        return b"".join(lines)

"""The hours of a meeting as calendars draw them: in Viet Nam's time, with the zone described in the file.

A deadline is an instant and stands in UTC; a meeting is held by the clock on the wall (RFC 5545 §3.6.5: a zone that
is named must be described).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from tracker.feeds.content import day, line

ZONE = "Asia/Ho_Chi_Minh"
UNSTATED = timedelta(hours=1)
"""How long a meeting is drawn whose end is not stated."""

VTIMEZONE = (
    b"BEGIN:VTIMEZONE\r\nTZID:Asia/Ho_Chi_Minh\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
    b"TZOFFSETFROM:+0700\r\nTZOFFSETTO:+0700\r\nTZNAME:+07\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)


def span_lines(held_on: date, held_at: time | None, ends_at: time | None) -> tuple[bytes, bytes]:
    """DTSTART and DTEND of a meeting: its hours in the official zone, or the whole day where they are not stated."""
    if held_at is None:
        after = held_on + timedelta(days=1)  # DTEND is exclusive (RFC 5545 §3.6.1)
        return line("DTSTART;VALUE=DATE", day(held_on)), line("DTEND;VALUE=DATE", day(after))
    begins = datetime.combine(held_on, held_at)
    ends = begins + UNSTATED if ends_at is None else datetime.combine(held_on, ends_at)
    return (
        line(f"DTSTART;TZID={ZONE}", f"{begins:%Y%m%dT%H%M%S}"),
        line(f"DTEND;TZID={ZONE}", f"{ends:%Y%m%dT%H%M%S}"),
    )

"""A calendar part read back: what a mail client shows of an invitation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from icalendar import Calendar


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """One entry; `starts` is a civil date for a whole day, else an instant."""

    uid: str
    sequence: int
    summary: str
    description: str
    starts: date | datetime
    is_cancelled: bool


def read_events(text: str) -> tuple[str, tuple[ReadEvent, ...]]:
    """The method of a calendar and its entries; nothing for a text that is no calendar."""
    try:
        calendar = Calendar.from_ical(text)
    except ValueError:
        return "", ()
    method = str(calendar.get("METHOD", ""))
    events = []
    for event in calendar.walk("VEVENT"):
        starts = event.get("DTSTART")
        if starts is None:
            continue
        events.append(
            ReadEvent(
                uid=str(event.get("UID", "")),
                sequence=int(event.get("SEQUENCE", 0)),
                summary=str(event.get("SUMMARY", "")),
                description=str(event.get("DESCRIPTION", "")),
                starts=starts.dt,
                is_cancelled=method == "CANCEL" or str(event.get("STATUS", "")) == "CANCELLED",
            )
        )
    return method, tuple(events)

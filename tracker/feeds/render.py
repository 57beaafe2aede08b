"""One entry → the bytes of one VEVENT or VTODO, remembered because the same entry gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from tracker.domain.zone import at_official
from tracker.feeds.content import clean_line, day, escape, line, text_line, title_line, uri, utc
from tracker.feeds.entries import AnyEntry, Component, EntryStatus, FeedEntry, FeedOptions
from tracker.i18n import Language, text

CACHED_ENTRIES = 10_000
"""Rendered entries kept in one process, about 1 KB each."""

ALARM_AT = time(8)
"""When an alarm of a whole day rings, official zone."""

SHORT_NOTICE = timedelta(hours=2)
"""How long before an hour deadline the alarm of the day itself rings."""

BLOCK = timedelta(minutes=30)
"""An hour deadline is drawn as the half hour that ends with it: some clients hide an event without length."""

PRIORITIES = {"express": 1, "very_urgent": 3, "urgent": 5}


def render_entry(entry: FeedEntry, options: FeedOptions) -> bytes:
    """The component of `entry`, CRLF ended; the same entry and options give the same bytes on any day."""
    return _rendered(entry, options.language, options.component, options.alarms)


@lru_cache(maxsize=CACHED_ENTRIES)
def _rendered(entry: FeedEntry, language: Language, component: Component, alarms: tuple[int, ...]) -> bytes:
    lines = _todo(entry, language) if component == "todo" else _event(entry, language)
    kind = "VTODO" if component == "todo" else "VEVENT"
    return b"".join(
        (
            line("BEGIN", kind),
            *lines,
            *(
                alarm(entry, days, title(entry, language), language)
                for days in (alarms if _rings(entry) else ())
            ),
            line("END", kind),
        )
    )


def forget_rendered() -> None:
    """Empty the memory of rendered entries: for measurements of what a new process does."""
    _rendered.cache_clear()


def title(entry: FeedEntry, language: Language) -> str:
    """The title: status first, then the agency, then what is asked; a restricted task is not named."""
    key = "feeds.title_restricted" if entry.restricted else "feeds.title"
    return clean_line(
        text(
            language,
            key,
            status=text(language, f"feeds.status.{entry.status}"),
            agency=entry.agency,
            task=entry.short_name,
            directive=entry.directive_number,
        )
    )


def weekday_and_date(on: date, language: Language) -> dict[str, str]:
    """The parameters `weekday` and `date` of a sentence."""
    return {
        "weekday": text(language, f"feeds.weekday.{on.weekday()}"),
        "date": f"{on.day:02d}/{on.month:02d}/{on.year:04d}",
    }


def _description(entry: FeedEntry, language: Language) -> str:
    when = weekday_and_date(entry.due_on, language)
    parts = [
        text(language, "feeds.detail.agency", agency=entry.agency),
        text(language, "feeds.detail.directive", directive=entry.directive_number),
        text(language, "feeds.detail.due_day", **when)
        if entry.due_time is None
        else text(language, "feeds.detail.due_time", time=f"{entry.due_time:%H:%M}", **when),
    ]
    if entry.off_day:
        parts.append(text(language, "feeds.detail.off_day"))
    if entry.urgency in PRIORITIES:
        word = text(language, f"feeds.urgency.{entry.urgency}")
        parts.append(text(language, "feeds.detail.urgency", urgency=word))
    parts.append(text(language, "feeds.detail.open", url=uri(entry.url)))
    return "\n".join(parts)


def _common(entry: FeedEntry, language: Language) -> Iterator[bytes]:
    """What an event and a to-do share."""
    yield line("UID", entry.uid)
    yield line("DTSTAMP", utc(entry.stamped_at))
    yield line("CREATED", utc(entry.created_at))
    yield line("LAST-MODIFIED", utc(entry.stamped_at))
    yield line("SEQUENCE", str(entry.sequence))
    yield title_line("SUMMARY", title(entry, language))
    yield text_line("DESCRIPTION", _description(entry, language))
    yield line("URL", uri(entry.url))
    if categories := [escape(word) for word in map(clean_line, entry.categories) if word]:
        yield line("CATEGORIES", ",".join(categories))
    if entry.urgency in PRIORITIES:
        yield line("PRIORITY", str(PRIORITIES[entry.urgency]))
    if entry.restricted:
        yield line("CLASS", "CONFIDENTIAL")
    yield line("RELATED-TO;RELTYPE=PARENT", entry.parent_uid)


def _event(entry: FeedEntry, language: Language) -> Iterator[bytes]:
    yield from _common(entry, language)
    if entry.due_time is None:
        # DTEND is exclusive: the day itself is still on time (RFC 5545 §3.6.1).
        yield line("DTSTART;VALUE=DATE", day(entry.due_on))
        yield line("DTEND;VALUE=DATE", day(entry.due_on + timedelta(days=1)))
    else:
        deadline = at_official(entry.due_on, entry.due_time)
        yield line("DTSTART", utc(deadline - BLOCK))
        yield line("DTEND", utc(deadline))
    yield line("STATUS", "CANCELLED" if entry.cancelled else "CONFIRMED")
    yield line("TRANSP", "TRANSPARENT")


def _todo(entry: FeedEntry, language: Language) -> Iterator[bytes]:
    yield from _common(entry, language)
    if entry.due_time is None:
        yield line("DUE;VALUE=DATE", day(entry.due_on))
    else:
        yield line("DUE", utc(at_official(entry.due_on, entry.due_time)))
    if entry.done:
        yield line("COMPLETED", utc(entry.done_at or entry.changed_at))
        yield line("PERCENT-COMPLETE", "100")
    yield line("STATUS", _todo_status(entry))


def _todo_status(entry: FeedEntry) -> str:
    if entry.cancelled:
        return "CANCELLED"
    if entry.done:
        return "COMPLETED"
    return "IN-PROCESS" if entry.started else "NEEDS-ACTION"


def _rings(entry: FeedEntry) -> bool:
    """Only for what the agency still owes: an alarm of the past would ring at every new subscription."""
    return entry.status in (EntryStatus.IN_TERM, EntryStatus.RETURNED)


def alarm_at(entry: AnyEntry, days: int) -> datetime:
    """When the alarm `days` before the deadline rings; for an hour deadline at least two hours before it."""
    rings_at = at_official(entry.due_on - timedelta(days=days), ALARM_AT)
    if entry.due_time is None:
        return rings_at
    return min(rings_at, at_official(entry.due_on, entry.due_time) - SHORT_NOTICE)


def alarm(entry: AnyEntry, days: int, titled: str, language: Language) -> bytes:
    """What rings so many days before an entry."""
    key = {0: "feeds.alarm.today", 1: "feeds.alarm.tomorrow"}.get(days, "feeds.alarm.days")
    said = text(language, key, days=days, title=titled)
    return b"".join(
        (
            line("BEGIN", "VALARM"),
            line("UID", f"alarm-{days}-{entry.uid}"),
            line("ACTION", "DISPLAY"),
            # Without VALUE=DATE-TIME readers take the trigger for a duration and refuse the whole file.
            line("TRIGGER;VALUE=DATE-TIME", utc(alarm_at(entry, days))),
            title_line("DESCRIPTION", said),
            line("END", "VALARM"),
        )
    )

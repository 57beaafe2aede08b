"""Rendered entries → one calendar: header, limit, what was left out, and what is overdue as one entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from tracker.domain.zone import at_official
from tracker.feeds.content import clean_line, day, line, text_line, title_line, uri, utc
from tracker.feeds.entries import AnyEntry, EntryStatus, FeedEntry, FeedOptions, SessionEntry
from tracker.feeds.render import render_entry, title
from tracker.feeds.sessions import render_session
from tracker.feeds.zone import VTIMEZONE
from tracker.i18n import text

LIMIT_OCTETS = 900_000
"""The most a feed may weigh: Google refuses calendars over 1 MB."""

MOST_ENTRIES = 2_500
"""More entries than fit into the limit, whatever they say; no reader needs to load more."""

CLOSED_DAYS = 90
"""How long a closed deadline stays in a feed."""

NAMED_OVERDUE = 20
"""How many tasks the one overdue entry names before it says "and N more"."""

REFRESH = "PT1H"
NOTICE_OCTETS = 4_000
"""Room for the notice that entries were left out."""

# A calendar must hold a component (RFC 5545 §3.6); an empty feed has no deadline, so it holds its zone.
EMPTY = VTIMEZONE


@dataclass(frozen=True, slots=True)
class FeedPlace:
    """Where a feed lives: its own address, the page that shows all, and the name its notices are known by."""

    uid: str
    host: str
    source_url: str
    page_url: str


def header(options: FeedOptions, place: FeedPlace) -> bytes:
    """From BEGIN:VCALENDAR to the first component."""
    name = clean_line(options.name)
    description = text(options.language, "feeds.calendar.description")
    return b"".join(
        (
            line("BEGIN", "VCALENDAR"),
            line("VERSION", "2.0"),
            line("PRODID", f"-//Don Doc//Calendar feed//{options.language.upper()}"),
            line("CALSCALE", "GREGORIAN"),
            line("METHOD", "PUBLISH"),
            title_line("NAME", name),
            title_line("X-WR-CALNAME", name),
            text_line("DESCRIPTION", description),
            text_line("X-WR-CALDESC", description),
            line("REFRESH-INTERVAL;VALUE=DURATION", REFRESH),
            line("X-PUBLISHED-TTL", REFRESH),
            line("COLOR", options.color),
            line("SOURCE;VALUE=URI", uri(place.source_url)),
            line("URL", uri(place.page_url)),
        )
    )


def join(head: bytes, parts: Iterable[bytes]) -> bytes:
    """A whole calendar; one without parts is valid and empty."""
    body = b"".join(parts) or EMPTY
    return b"".join((head, body, b"END:VCALENDAR\r\n"))


def build(
    entries: Iterable[AnyEntry],
    options: FeedOptions,
    place: FeedPlace,
    as_of: date,
    *,
    left_out: bool = False,
    overdue_count: int | None = None,
) -> bytes:
    """The calendar of `entries` as it reads on `as_of`, never above LIMIT_OCTETS.

    `left_out`: the caller already left older entries away.
    `overdue_count`: how many are overdue in all, where that is more than `entries` hold.
    """
    wanted = sorted(
        (entry for entry in entries if options.with_cancelled or not entry.cancelled),
        key=_keep_order,
        reverse=True,
    )
    head = header(options, place)
    last = _overdue_entry(wanted, overdue_count or 0, options, place, as_of) if options.consolidated else b""
    kept = _fitting(wanted, options, LIMIT_OCTETS - NOTICE_OCTETS - len(head) - len(last))
    cut = len(wanted) - len(kept)
    first = b""
    if kept and (cut or left_out):
        first = _cut_notice([entry for entry, _ in kept], None if left_out else cut, options, place)
    kept.sort(key=lambda pair: _file_order(pair[0]))
    # Hours of the wall clock name their zone, which must be described (RFC 5545 §3.6.5); deadlines stand in UTC.
    zone = VTIMEZONE if any(isinstance(entry, SessionEntry) and entry.held_at for entry, _ in kept) else b""
    return join(head, (zone, first, *(rendered for _, rendered in kept), last))


def _keep_order(entry: AnyEntry) -> tuple[bool, date, str]:
    """What is kept longest sorts last: open before closed, then the later deadline."""
    return (entry.open, entry.due_on, entry.uid)


def _file_order(entry: AnyEntry) -> tuple[date, time, str]:
    return (entry.due_on, entry.due_time or time(0), entry.uid)


def _fitting(wanted: Sequence[AnyEntry], options: FeedOptions, room: int) -> list[tuple[AnyEntry, bytes]]:
    """The longest beginning of `wanted` that fits into `room` octets, rendered."""
    kept: list[tuple[AnyEntry, bytes]] = []
    for entry in wanted:
        rendered = _rendered(entry, options)
        room -= len(rendered)
        if room < 0:
            break
        kept.append((entry, rendered))
    return kept


def _rendered(entry: AnyEntry, options: FeedOptions) -> bytes:
    if isinstance(entry, SessionEntry):
        return render_session(entry, options)
    return render_entry(entry, options)


def _cut_notice(kept: Sequence[AnyEntry], cut: int | None, options: FeedOptions, place: FeedPlace) -> bytes:
    """An entry on the first day that is kept, where a reader who looks back meets the gap."""
    first = min(entry.due_on for entry in kept)
    stamped_at = max(entry.stamped_at for entry in kept)
    key = "feeds.cut.detail_many" if cut is None else "feeds.cut.detail"
    return _notice(
        f"cut-{place.uid}@{place.host}",
        text(options.language, "feeds.cut.title"),
        text(options.language, key, count=cut, url=uri(place.page_url)),
        first,
        stamped_at,
        options,
        place,
    )


def _overdue_entry(
    entries: Sequence[AnyEntry], count: int, options: FeedOptions, place: FeedPlace, as_of: date
) -> bytes:
    """One entry on `as_of` that names what is overdue, longest first; nothing when nothing is."""
    overdue = [e for e in entries if isinstance(e, FeedEntry) and e.status is EntryStatus.OVERDUE]
    if not overdue:
        return b""
    language = options.language
    count = max(count, len(overdue))
    named = sorted(overdue, key=_file_order)[:NAMED_OVERDUE]
    said = ["– " + title(entry, language) for entry in named]
    if count > len(named):
        said.append(text(language, "feeds.overdue.more", count=count - len(named)))
    said.append(text(language, "feeds.overdue.open", url=uri(place.page_url)))
    key = "feeds.overdue.title_one" if count == 1 else "feeds.overdue.title"
    stamped_at = max(at_official(as_of, time(0)), *(entry.stamped_at for entry in overdue))
    return _notice(
        f"overdue-{place.uid}@{place.host}",
        text(language, key, count=count),
        "\n".join(said),
        as_of,
        stamped_at,
        options,
        place,
    )


def _notice(
    uid: str,
    summary: str,
    description: str,
    on: date,
    stamped_at: datetime,
    options: FeedOptions,
    place: FeedPlace,
) -> bytes:
    """An entry of the feed itself. SEQUENCE counts the days since 2000: it moves with its day."""
    is_todo = options.component == "todo"
    kind = "VTODO" if is_todo else "VEVENT"
    dates = (
        (line("DUE;VALUE=DATE", day(on)), line("STATUS", "NEEDS-ACTION"))
        if is_todo
        else (
            line("DTSTART;VALUE=DATE", day(on)),
            line("DTEND;VALUE=DATE", day(on + timedelta(days=1))),
            line("STATUS", "CONFIRMED"),
            line("TRANSP", "TRANSPARENT"),
        )
    )
    return b"".join(
        (
            line("BEGIN", kind),
            line("UID", uid),
            line("DTSTAMP", utc(stamped_at)),
            line("LAST-MODIFIED", utc(stamped_at)),
            line("SEQUENCE", str(max(0, (on - date(2000, 1, 1)).days))),
            title_line("SUMMARY", summary),
            text_line("DESCRIPTION", description),
            line("URL", uri(place.page_url)),
            *dates,
            line("END", kind),
        )
    )

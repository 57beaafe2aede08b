"""One inspection session → the bytes of one VEVENT or VTODO, remembered because the same entry gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from tracker.domain.inspections import State
from tracker.domain.zone import at_official
from tracker.feeds.content import clean_line, day, line, text_line, title_line, uri, utc
from tracker.feeds.entries import Component, FeedOptions, SessionEntry
from tracker.feeds.render import alarm, weekday_and_date
from tracker.feeds.zone import span_lines
from tracker.i18n import Language, text

CACHED_ENTRIES = 1_000
"""Rendered sessions kept in one process."""


def render_session(entry: SessionEntry, options: FeedOptions) -> bytes:
    """The component of `entry`, CRLF ended; the same entry and options give the same bytes on any day."""
    return _rendered(entry, options.language, options.component, options.alarms)


@lru_cache(maxsize=CACHED_ENTRIES)
def _rendered(
    entry: SessionEntry, language: Language, component: Component, alarms: tuple[int, ...]
) -> bytes:
    kind = "VTODO" if component == "todo" else "VEVENT"
    titled = session_title(entry, language)
    return b"".join(
        (
            line("BEGIN", kind),
            *_common(entry, titled, language),
            *(_todo(entry) if component == "todo" else _event(entry)),
            *(alarm(entry, days, titled, language) for days in (alarms if entry.open else ())),
            line("END", kind),
        )
    )


def session_title(entry: SessionEntry, language: Language) -> str:
    """The title, with what has become of a session that is no longer to be held."""
    key = {State.CANCELLED: "feeds.session.cancelled", State.CONCLUDED: "feeds.session.concluded"}
    return clean_line(text(language, key.get(entry.state, "feeds.session.title"), title=entry.title))


def _description(entry: SessionEntry, language: Language) -> str:
    topic = text(language, f"feeds.session.topic.{entry.topic}", of=entry.topic_of)
    parts = [text(language, "feeds.session.scope", topic=topic)]
    if entry.chair:
        parts.append(text(language, "feeds.session.chair", chair=entry.chair))
    if entry.agencies:
        parts.append(text(language, "feeds.session.agencies", agencies=", ".join(entry.agencies)))
    if entry.explain_by is not None and entry.open:
        parts.append(text(language, "feeds.session.explain", **weekday_and_date(entry.explain_by, language)))
    parts.append(text(language, "feeds.session.open", url=uri(entry.url)))
    return "\n".join(parts)


def _common(entry: SessionEntry, titled: str, language: Language) -> Iterator[bytes]:
    yield line("UID", entry.uid)
    yield line("DTSTAMP", utc(entry.stamped_at))
    yield line("CREATED", utc(entry.created_at))
    yield line("LAST-MODIFIED", utc(entry.stamped_at))
    yield line("SEQUENCE", str(entry.version))
    yield title_line("SUMMARY", titled)
    yield text_line("DESCRIPTION", _description(entry, language))
    if clean_line(entry.place):
        yield title_line("LOCATION", entry.place)
    yield line("URL", uri(entry.url))


def _event(entry: SessionEntry) -> Iterator[bytes]:
    yield from span_lines(entry.held_on, entry.held_at, entry.ends_at)
    yield line("STATUS", "CANCELLED" if entry.cancelled else "CONFIRMED")
    # The mailed invitation is what blocks the time of who takes part; whoever only reads along is free.
    yield line("TRANSP", "TRANSPARENT")


def _todo(entry: SessionEntry) -> Iterator[bytes]:
    if entry.held_at is None:
        yield line("DUE;VALUE=DATE", day(entry.held_on))
    else:
        yield line("DUE", utc(at_official(entry.held_on, entry.held_at)))
    if entry.state is State.CONCLUDED:
        yield line("COMPLETED", utc(entry.concluded_at or entry.changed_at))
        yield line("PERCENT-COMPLETE", "100")
    statuses = {State.CANCELLED: "CANCELLED", State.CONCLUDED: "COMPLETED", State.FROZEN: "IN-PROCESS"}
    yield line("STATUS", statuses.get(entry.state, "NEEDS-ACTION"))

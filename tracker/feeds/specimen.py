"""What tells one way of rendering from another: the digest of a specimen that holds every kind of line."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import cache
from typing import get_args

from tracker.domain.inspections import State as SessionState
from tracker.domain.inspections import Topic
from tracker.feeds.entries import Component, EntryStatus, FeedEntry, FeedOptions, SessionEntry
from tracker.feeds.join import FeedPlace, build
from tracker.i18n import LANGUAGES

_AT = datetime(2025, 11, 3, 2, 0, tzinfo=UTC)
_ENTRY = FeedEntry(
    uid="task",
    parent_uid="whole",
    directive_number="1/NQ-CP",
    short_name="a, b; c",
    agency="d",
    status=EntryStatus.IN_TERM,
    due_on=date(2025, 11, 28),
    due_time=None,
    version=1,
    created_at=_AT,
    changed_at=_AT,
    url="https://host.example/",
    off_day=True,
    urgency="express",
    done_at=_AT,
    categories=("e, f", "g"),
)
_KINDS = (
    *(replace(_ENTRY, status=status) for status in EntryStatus),
    replace(_ENTRY, due_time=time(17), urgency="urgent", started=True),
    replace(_ENTRY, restricted=True, urgency="very_urgent"),
)
_SESSIONS = tuple(
    SessionEntry(
        uid=f"session-{state}",
        title="i",
        state=state,
        held_on=date(2025, 11, 28),
        held_at=held_at,
        ends_at=None,
        place="j",
        chair="k",
        topic=topic,
        topic_of="l",
        agencies=("m", "n"),
        explain_by=date(2025, 11, 27),
        version=1,
        created_at=_AT,
        changed_at=_AT,
        concluded_at=None,
        url="https://host.example/",
    )
    for state, topic, held_at in zip(
        SessionState,
        (Topic.ALL, Topic.DIRECTIVE, Topic.FIELD, Topic.ALL),
        (time(14), None, time(8), None),
        strict=True,
    )
)
_PLACE = FeedPlace("feed", "host.example", "https://host.example/calendar.ics", "https://host.example/lich")


@cache
def format_version() -> str:
    """A digest that changes whenever the words or the code of a release give other bytes for the same facts.

    Part of every feed's entity tag, so that nobody has to remember to raise a number.
    """
    digest = hashlib.sha256()
    for language in LANGUAGES:
        for component in get_args(Component):
            options = FeedOptions("h", language, component, alarms=(0, 1, 3), consolidated=True)
            digest.update(build((*_KINDS, *_SESSIONS), options, _PLACE, date(2025, 12, 1), left_out=True))
            digest.update(build((), options, _PLACE, date(2025, 12, 1)))
    return digest.hexdigest()[:16]

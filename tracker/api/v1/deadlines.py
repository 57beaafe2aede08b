"""Deadlines: what an official phrase comes to, with the computation in words."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import NoQuery
from tracker.api.v1.shapes import TIMEZONE, Day
from tracker.db.calendar import load_calendar
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.deadlines import resolve
from tracker.domain.errors import Invalid
from tracker.domain.phrases import parse
from tracker.domain.text import clean_text
from tracker.domain.workdays import CalendarUnknown
from tracker.words import render_words


class PhraseIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A phrase, and the day its directive was issued; "ngày làm việc" counts from receipt where that is said."""

    phrase: Annotated[str, Meta(min_length=1, max_length=lengths.DEADLINE)]
    issued_on: Day
    received_on: Day | None = None


class Resolution(Struct):
    """What a phrase comes to; `undecided` says why there is no date."""

    kind: str
    due_on: date | None
    due_time: str | None
    timezone: str
    starts_on: date | None
    recurrence: str | None
    words: str
    undecided: str | None
    off_day: bool | None
    before_issue: bool


@endpoint(
    "POST",
    "/deadlines/resolve",
    id="resolveDeadline",
    summary="Resolve a deadline phrase",
    tag="Deadlines",
    verb=Verb.READ,
    body=PhraseIn,
    answer=Resolution,
    has_tag=False,
    refusals=("invalid",),
    description="Writes nothing.",
    example={"phrase": "trong quý III", "issued_on": "2019-03-07"},
)
async def resolve_deadline(call: Call[NoQuery, PhraseIn]) -> Reply:
    """The date a phrase comes to, and how it was found."""
    body = call.body
    phrase = clean_text(body.phrase, "/phrase", lengths.DEADLINE, allow_newlines=True)
    try:
        found = resolve(
            parse(phrase, body.issued_on), body.issued_on, await load_calendar(), received_on=body.received_on
        )
    except CalendarUnknown as error:
        raise Invalid.one("/phrase", "calendar_unknown", phrase, year=error.year) from None
    return Reply(
        Resolution(
            kind=found.kind.value,
            due_on=found.due_on,
            due_time=None if found.due_time is None else f"{found.due_time:%H:%M}",
            timezone=TIMEZONE,
            starts_on=found.starts_on,
            recurrence=found.recurrence,
            words=render_words(found.words, call.language),
            undecided=None if found.undecided is None else render_words(found.undecided, call.language),
            off_day=found.off_day,
            before_issue=found.before_issue,
        )
    )


handlers = [resolve_deadline]

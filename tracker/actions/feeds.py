"""Calendar links: making, changing and revoking them, and serving what they show: walk (d)."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from tracker.actions.office import assignment_url, office
from tracker.db import feed_sessions
from tracker.db import feeds as feeds_db
from tracker.db.engine import look_as, transaction
from tracker.db.feed_sessions import SessionRow
from tracker.db.feeds import Facts, Feed, FeedRow, FeedScope
from tracker.db.history import HistoryEntry, insert_history
from tracker.domain import lengths
from tracker.domain.access import Subject, Verb, require
from tracker.domain.assignments import State
from tracker.domain.calendar_uid import entry_uid, parent_uid, session_uid
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem, StaleVersion
from tracker.domain.text import clean_text
from tracker.domain.zone import at_official, civil_day
from tracker.feeds.entries import AnyEntry, Component, FeedEntry, FeedOptions, SessionEntry, entry_status
from tracker.feeds.join import CLOSED_DAYS, MOST_ENTRIES, FeedPlace, build
from tracker.feeds.render import CACHED_ENTRIES
from tracker.feeds.specimen import format_version
from tracker.i18n import LANGUAGES, Language

PREFIX = "ddf_"
TOKEN = re.compile(r"ddf_[a-z2-7]{32}")
"""The form of a token, 160 bits behind the prefix: also the pattern for scanners of leaked secrets."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 32
MOST_FEEDS = 50
"""Links in use that one person may have."""
MOST_AGENCIES = 200
MOST_ALARMS = 5
LONGEST_ALARM_DAYS = 60
LONGEST_USER_AGENT = 200
USE_IS_NOTED_EVERY = timedelta(minutes=1)
MOST_SESSIONS = 500
"""Sessions that one link shows, the latest days first."""
RENDERED_IN_PLACE = 400
"""More entries than this are joined in a thread, so that other requests go on meanwhile."""

_STARTED = frozenset({State.IN_PROGRESS, State.REPORTED, State.RETURNED})


class FeedRevoked(Conflict):
    """The link has been revoked; params: revoked_at."""

    code = "feed_revoked"


class TooManyFeeds(Conflict):
    """The person has as many links in use as anybody may; params: limit."""

    code = "too_many_feeds"


# Links -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FeedChoices:
    """What the holder of a link may change later; `alarm_days` are days before the deadline."""

    name: str
    language: str = "vi"
    alarm_days: Sequence[int] = ()
    with_cancelled: bool = True
    consolidated: bool = False


@dataclass(frozen=True)
class NewFeed:
    """A link that is asked for; its scope stays as it was made."""

    choices: FeedChoices
    scope: str
    agency_ids: Sequence[int] = ()
    directive_id: int | None = None


@dataclass(frozen=True)
class Made:
    """A fresh link; `token` is shown now and never again."""

    feed: Feed
    token: str

    @property
    def url(self) -> str:
        """The address to subscribe to."""
        return feed_url(self.token)


def new_token() -> str:
    """A token nobody can guess."""
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def hash_of(token: str) -> bytes:
    """What is kept of a token; a fast hash serves because there is nothing to guess in 160 random bits.

    >>> hash_of("ddf_x").hex()[:12]
    '59db151f35c5'
    """
    return hashlib.sha256(token.encode()).digest()


def feed_url(token: str) -> str:
    """The address of a link."""
    return f"{office().url}/calendars/{token}.ics"


async def create(actor: Actor, new: NewFeed, now: datetime) -> Made:
    """Make a link for the actor. Raises Invalid with every problem, TooManyFeeds."""
    if actor.official_id is None:
        raise Invalid.one("/owner", "feed_needs_person")
    require(actor, Verb.MANAGE_FEEDS, Subject.owned_by(actor.official_id))
    problems: list[Problem] = []
    choices = _checked(new.choices, problems)
    await _check_scope(actor, new, problems)
    if problems or choices is None:
        raise Invalid(problems)
    token = new_token()
    async with transaction():
        if await feeds_db.count_live_feeds(actor.official_id) >= MOST_FEEDS:
            raise TooManyFeeds(limit=MOST_FEEDS)
        feed_id = await feeds_db.insert_feed(
            actor.official_id,
            hash_of(token),
            token[-4:],
            name=choices.name,
            scope=FeedScope(new.scope),
            agency_ids=sorted(set(new.agency_ids)),
            directive_id=new.directive_id,
            language=choices.language,
            alarm_days=choices.alarms,
            with_cancelled=choices.with_cancelled,
            consolidated=choices.consolidated,
            now=now,
        )
        await _remember(actor, "create_feed", feed_id, choices.name, now, scope=new.scope)
        feed = await feeds_db.get_feed(actor, feed_id)
    return Made(feed, token)


async def list_own(actor: Actor) -> list[Feed]:
    """The actor's links, newest first, revoked ones too, so that their last use can be seen."""
    require(actor, Verb.READ)
    return await feeds_db.list_feeds(actor, actor.official_id)


async def get(actor: Actor, feed_id: int) -> Feed:
    """One link the actor may know of. Raises NotFound."""
    require(actor, Verb.READ)
    return await feeds_db.get_feed(actor, feed_id)


async def change(actor: Actor, feed_id: int, choices: FeedChoices, version: int, now: datetime) -> Feed:
    """Rename a link or set its options. Raises NotFound, Invalid, FeedRevoked, StaleVersion."""
    feed = await feeds_db.get_feed(actor, feed_id)
    require(actor, Verb.MANAGE_FEEDS, Subject.owned_by(feed.owner_id, id=feed_id))
    problems: list[Problem] = []
    options = _checked(choices, problems)
    if problems or options is None:
        raise Invalid(problems)
    if feed.revoked_at is not None:
        raise FeedRevoked(revoked_at=feed.revoked_at)
    async with transaction():
        changed = await feeds_db.update_feed(
            feed_id,
            version,
            name=options.name,
            language=options.language,
            alarm_days=options.alarms,
            with_cancelled=options.with_cancelled,
            consolidated=options.consolidated,
            now=now,
        )
        if not changed:
            raise StaleVersion(current=(await feeds_db.get_feed(actor, feed_id)).row_version)
        await _remember(actor, "change_feed", feed_id, options.name, now)
        return await feeds_db.get_feed(actor, feed_id)


async def revoke(actor: Actor, feed_id: int, now: datetime) -> None:
    """End a link at once. Raises NotFound, or FeedRevoked when it has ended already."""
    feed = await feeds_db.get_feed(actor, feed_id)
    require(actor, Verb.MANAGE_FEEDS, Subject.owned_by(feed.owner_id, id=feed_id))
    async with transaction():
        if not await feeds_db.mark_revoked(feed_id, now):
            raise FeedRevoked(revoked_at=feed.revoked_at)
        await _remember(actor, "revoke_feed", feed_id, feed.name, now)


async def rotate(actor: Actor, feed_id: int, now: datetime) -> Made:
    """Give a link another address; the old one ends at once. Raises NotFound, or FeedRevoked when it has ended."""
    feed = await feeds_db.get_feed(actor, feed_id)
    require(actor, Verb.MANAGE_FEEDS, Subject.owned_by(feed.owner_id, id=feed_id))
    if feed.owner_id != actor.official_id:
        # Who sees the address reads what its owner may see: nobody else is ever shown one.
        raise NotFound(noun="feed", id=feed_id)
    token = new_token()
    async with transaction():
        if not await feeds_db.replace_token(feed_id, hash_of(token), token[-4:], now):
            raise FeedRevoked(revoked_at=feed.revoked_at)
        await _remember(actor, "rotate_feed", feed_id, feed.name, now)
        return Made(await feeds_db.get_feed(actor, feed_id), token)


async def _remember(
    actor: Actor, verb: str, feed_id: int, name: str, now: datetime, **detail: object
) -> None:
    entry = HistoryEntry(verb, detail={"feed": feed_id, "name": name, **detail})
    await insert_history(actor, [entry], now)


def _checked(choices: FeedChoices, problems: list[Problem]) -> FeedOptions | None:
    """The choices as options; None, and the problems, when something is wrong."""
    before = len(problems)
    name, language = choices.name, choices.language
    try:
        name = clean_text(choices.name, "/name", lengths.FEED_NAME)
    except Invalid as invalid:
        problems.extend(invalid.problems)
    if language not in LANGUAGES:
        problems.append(Problem("/language", "not_a_choice", language, {"allowed": ", ".join(LANGUAGES)}))
    for index, days in enumerate(choices.alarm_days):
        if not 0 <= days <= LONGEST_ALARM_DAYS:
            limits = {"least": 0, "most": LONGEST_ALARM_DAYS}
            problems.append(Problem(f"/alarm_days/{index}", "out_of_range", days, limits))
    alarms = tuple(sorted(set(choices.alarm_days), reverse=True))
    if len(alarms) > MOST_ALARMS:
        problems.append(Problem("/alarm_days", "too_many", len(alarms), {"limit": MOST_ALARMS}))
    if len(problems) > before:
        return None
    known: Language = "en" if language == "en" else "vi"
    return FeedOptions(
        name=name,
        language=known,
        alarms=alarms,
        with_cancelled=choices.with_cancelled,
        consolidated=choices.consolidated,
    )


async def _check_scope(actor: Actor, new: NewFeed, problems: list[Problem]) -> None:
    """The scope is known, complete, and holds nothing the actor may not see."""
    if new.scope not in set(FeedScope):
        problems.append(Problem("/scope", "not_a_choice", new.scope, {"allowed": ", ".join(FeedScope)}))
        return
    if new.scope == FeedScope.OWN_AGENCY and actor.agency_id is None:
        problems.append(Problem("/scope", "feed_without_agency", new.scope))
    if new.scope != FeedScope.AGENCIES and new.agency_ids:
        problems.append(
            Problem("/agency_ids", "feed_scope_mismatch", new.scope, {"scope": FeedScope.AGENCIES})
        )
    if new.scope != FeedScope.DIRECTIVE and new.directive_id is not None:
        problems.append(
            Problem("/directive_id", "feed_scope_mismatch", new.scope, {"scope": FeedScope.DIRECTIVE})
        )
    if new.scope == FeedScope.AGENCIES:
        problems += await _agency_problems(actor, new.agency_ids)
    if new.scope == FeedScope.DIRECTIVE and new.directive_id is None:
        problems.append(Problem("/directive_id", "feed_without_directive", None, {"scope": new.scope}))
    elif (
        new.scope == FeedScope.DIRECTIVE
        and new.directive_id is not None
        and not await feeds_db.sees_directive(actor, new.directive_id)
    ):
        problems.append(Problem("/directive_id", "unknown_directive", new.directive_id))


async def _agency_problems(actor: Actor, agency_ids: Sequence[int]) -> list[Problem]:
    if not 1 <= len(agency_ids) <= MOST_AGENCIES:
        limits = {"least": 1, "most": MOST_AGENCIES}
        return [Problem("/agency_ids", "out_of_range", len(agency_ids), limits)]
    known = await feeds_db.known_agencies(agency_ids)
    if actor.role in AGENCY_ROLES:
        known &= actor.visible_agency_ids
    return [
        Problem(f"/agency_ids/{index}", "unknown_agency", agency_id)
        for index, agency_id in enumerate(agency_ids)
        if agency_id not in known
    ]


# Serving ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """A link as it stands at `now`, before anything is rendered.

    `tag` names the exact bytes of this calendar; `modified_at` never goes back and moves with every change.
    """

    feed: Feed
    viewer: Actor
    token: str
    component: Component
    now: datetime
    tag: str
    modified_at: datetime
    facts: Facts
    overdue: int

    @property
    def is_use_worth_noting(self) -> bool:
        """Whether the last use was noted long enough ago."""
        last = self.feed.last_used_at
        return last is None or not timedelta() <= self.now - last < USE_IS_NOTED_EVERY


@dataclass(frozen=True)
class Served:
    """A whole calendar with its validators."""

    body: bytes
    tag: str
    modified_at: datetime


async def look(
    token: str,
    component: Component,
    now: datetime,
    admit: Callable[[int], Awaitable[None]] | None = None,
) -> Look:
    """The link behind `token` and its validators. Raises NotFound, whatever is wrong with the token.

    `admit` is asked with the link's id before anything is read for it, and may refuse.
    """
    found = await feeds_db.find_by_token(hash_of(token)) if TOKEN.fullmatch(token) else None
    if found is None:
        raise NotFound(noun="feed")
    feed, viewer = found
    if admit is not None:
        await admit(feed.id)
    look_as(viewer)
    if feed.scope is FeedScope.SESSIONS:
        _, facts = await feed_sessions.list_sessions(viewer, feed, _closed_since(now), MOST_SESSIONS)
    else:
        facts = await feeds_db.read_facts(viewer, feed, now, _closed_since(now), MOST_ENTRIES)
    fingerprint, overdue = await _fingerprint(viewer, feed, facts, now)
    modified_at = await _modified_at(feed, fingerprint, now)
    tag = _tag(fingerprint, component)
    return Look(feed, viewer, token, component, now, tag, modified_at, facts, overdue)


async def render(looked: Look) -> Served:
    """The calendar of a link that was looked at; rows are read only where an entry is not known yet."""
    entries = [_known.get(_key(fact)) for fact in looked.facts.rows]
    known = [entry for entry in entries if entry is not None]
    if len(known) == len(entries):
        return Served(_body(known, looked), looked.tag, looked.modified_at)
    looked, fresh = await _read(looked)
    if len(fresh) <= RENDERED_IN_PLACE:
        return Served(_body(fresh, looked), looked.tag, looked.modified_at)
    return Served(await asyncio.to_thread(_body, fresh, looked), looked.tag, looked.modified_at)


async def _read(looked: Look) -> tuple[Look, list[AnyEntry]]:
    """All entries from one reading, and the look as of that reading: somebody may have changed a row since."""
    feed, viewer, now = looked.feed, looked.viewer, looked.now
    entries: list[AnyEntry]
    if feed.scope is FeedScope.SESSIONS:
        since = _closed_since(now)
        sessions, facts = await feed_sessions.list_sessions(viewer, feed, since, MOST_SESSIONS)
        entries = [_session(session) for session in sessions]
    else:
        rows, facts = await feeds_db.list_rows(viewer, feed, now, _closed_since(now), MOST_ENTRIES)
        entries = [_entry(row, now) for row in rows]
    for fact, entry in zip(facts.rows, entries, strict=True):
        _known.keep(_key(fact), entry)
    if facts != looked.facts:
        fingerprint, overdue = await _fingerprint(viewer, feed, facts, now)
        tag = _tag(fingerprint, looked.component)
        modified_at = await feeds_db.mark_fingerprint(feed.id, fingerprint, now)
        looked = replace(looked, tag=tag, modified_at=modified_at, facts=facts, overdue=overdue)
    return looked, entries


_Key = tuple[str, str, str]


class _Memory:
    """The entries last shown, by the digest of their facts; the least recently used go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[_Key, AnyEntry] = OrderedDict()

    def get(self, key: _Key) -> AnyEntry | None:
        """The entry of these facts, if it is remembered."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def keep(self, key: _Key, entry: AnyEntry) -> None:
        """Remember an entry."""
        self._entries[key] = entry
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)


_known = _Memory(CACHED_ENTRIES)


def _key(fact: str) -> _Key:
    """Facts, and the addresses that stand in every entry."""
    return office().url, office().domain, fact


async def note_use(feed_id: int, user_agent: str, now: datetime) -> None:
    """Remember when and by what a link was last read."""
    said = "".join(mark for mark in user_agent if mark.isprintable())[:LONGEST_USER_AGENT]
    await feeds_db.mark_used(feed_id, said, now)


def _closed_since(now: datetime) -> datetime:
    """The start of the day from which closed deadlines are shown, so that the window moves once a day."""
    return at_official(civil_day(now) - timedelta(days=CLOSED_DAYS), time(0))


async def _fingerprint(viewer: Actor, feed: Feed, facts: Facts, now: datetime) -> tuple[str, int]:
    """What the bytes of a feed follow from, as a digest; and how many deadlines are overdue in all."""
    overdue = facts.overdue
    if feed.consolidated and facts.left_out:
        overdue = await feeds_db.count_overdue(viewer, feed, now)
    today = civil_day(now).isoformat() if feed.consolidated and overdue else ""
    digest = hashlib.sha256("".join(facts.rows).encode()).hexdigest()
    of_rows = (digest, str(facts.left_out), str(overdue) if feed.consolidated else "", today)
    of_link = (format_version(), str(feed.id), str(feed.row_version), office().url, office().domain)
    return hashlib.sha256("\n".join((*of_link, *of_rows)).encode()).hexdigest()[:32], overdue


def _tag(fingerprint: str, component: Component) -> str:
    return f"{fingerprint}-{component}"


async def _modified_at(feed: Feed, fingerprint: str, now: datetime) -> datetime:
    if feed.fingerprint == fingerprint and feed.fingerprint_at is not None:
        return feed.fingerprint_at
    return await feeds_db.mark_fingerprint(feed.id, fingerprint, now)


def _body(entries: Sequence[AnyEntry], looked: Look) -> bytes:
    feed = looked.feed
    options = FeedOptions(
        name=feed.name,
        language=feed.language,
        component=looked.component,
        alarms=feed.alarm_days,
        with_cancelled=feed.with_cancelled,
        consolidated=feed.consolidated,
    )
    place = FeedPlace(
        uid=f"feed-{feed.id}",
        host=office().domain,
        source_url=feed_url(looked.token) + ("?as=todo" if looked.component == "todo" else ""),
        page_url=f"{office().url}/{'kiem-tra' if feed.scope is FeedScope.SESSIONS else 'lich'}",
    )
    left_out, overdue = looked.facts.left_out, looked.overdue
    return build(entries, options, place, civil_day(looked.now), left_out=left_out, overdue_count=overdue)


def _entry(row: FeedRow, now: datetime) -> FeedEntry:
    host = office().domain
    words = (row.agency_short_name, row.directive_number) + (() if row.restricted else (row.field,))
    return FeedEntry(
        uid=entry_uid(row.uid, host),
        parent_uid=parent_uid(row.task_uid, host),
        directive_number=row.directive_number,
        short_name=row.short_name,
        agency=row.agency_short_name,
        status=entry_status(row.state, row.due_on, row.due_time, row.completed_on, row.completed_time, now),
        due_on=row.due_on,
        due_time=row.due_time,
        version=row.version,
        created_at=row.created_at,
        changed_at=row.changed_at,
        url=assignment_url(row.task_id, row.agency_code),
        off_day=row.is_off_day,
        started=row.state in _STARTED,
        restricted=row.restricted,
        urgency=row.urgency,
        done_at=row.confirmed_at,
        categories=tuple(word for word in words if word),
    )


def _session(row: SessionRow) -> SessionEntry:
    return SessionEntry(
        uid=session_uid(row.uid, office().domain),
        title=row.title,
        state=row.state,
        held_on=row.held_on,
        held_at=row.held_at,
        ends_at=row.ends_at,
        place=row.place,
        chair=row.chair,
        topic=row.topic,
        topic_of=row.topic_of,
        agencies=row.agencies,
        explain_by=row.explain_by,
        version=row.version,
        created_at=row.created_at,
        changed_at=row.changed_at,
        concluded_at=row.concluded_at,
        url=f"{office().url}/kiem-tra/{row.id}",
    )

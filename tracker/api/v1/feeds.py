"""Feeds: your calendar links. The address holds a secret and is shown once, when the link is made."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tracker.actions import feeds as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery, changes_of, id_of
from tracker.api.v1.shapes import check_version
from tracker.db.feeds import Feed as FeedValue
from tracker.domain import lengths
from tracker.domain.access import Verb

ScopeName = Literal["own_agency", "agencies", "all", "directive", "sessions"]
AlarmDays = Annotated[list[Annotated[int, Meta(ge=0, le=60)]], Meta(max_length=5)]
Name = Annotated[str, Meta(min_length=1, max_length=lengths.FEED_NAME)]


class FeedIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A link that is asked for; `alarm_days` are days before the deadline."""

    name: Name
    scope: ScopeName
    agency_ids: Annotated[list[Id], Meta(max_length=200)] = []
    directive_id: Id | None = None
    language: Literal["vi", "en"] = "vi"
    alarm_days: AlarmDays = []
    with_cancelled: bool = True
    consolidated: bool = False


class FeedPatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be changed of a link; its scope stays as it was made."""

    name: Name | UnsetType = UNSET
    language: Literal["vi", "en"] | UnsetType = UNSET
    alarm_days: AlarmDays | UnsetType = UNSET
    with_cancelled: bool | UnsetType = UNSET
    consolidated: bool | UnsetType = UNSET


class Feed(Struct):
    """A link; of its secret only the last four characters are known."""

    id: Id
    name: str
    hint: str
    scope: ScopeName
    agency_ids: list[Id]
    directive_id: Id | None
    language: Literal["vi", "en"]
    alarm_days: list[int]
    with_cancelled: bool
    consolidated: bool
    created_at: datetime
    changed_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_user_agent: str


class NewFeed(Struct):
    """A fresh link: `url` is shown now and never again; null where a request is repeated."""

    feed: Feed
    url: str | None


class FeedList(Struct):
    """Your links, newest first."""

    items: list[Feed]


def shown(feed: FeedValue) -> Feed:
    """A link as the API gives it."""
    return Feed(
        id=str(feed.id),
        name=feed.name,
        hint=feed.token_hint,
        scope=feed.scope.value,
        agency_ids=[str(i) for i in feed.agency_ids],
        directive_id=None if feed.directive_id is None else str(feed.directive_id),
        language=feed.language,
        alarm_days=list(feed.alarm_days),
        with_cancelled=feed.with_cancelled,
        consolidated=feed.consolidated,
        created_at=feed.created_at,
        changed_at=feed.changed_at,
        revoked_at=feed.revoked_at,
        last_used_at=feed.last_used_at,
        last_user_agent=feed.last_user_agent,
    )


@endpoint(
    "GET", "/feeds", id="listFeeds", summary="List your feeds", tag="Feeds", verb=Verb.READ, answer=FeedList
)
async def list_feeds(call: Call[NoQuery, NoBody]) -> Reply:
    """Every link of yours, revoked ones too, with its last use."""
    return Reply(FeedList([shown(feed) for feed in await actions.list_own(call.actor)]))


@endpoint(
    "POST",
    "/feeds",
    id="createFeed",
    summary="Make a calendar link",
    tag="Feeds",
    verb=Verb.MANAGE_FEEDS,
    body=FeedIn,
    answer=NewFeed,
    status=201,
    has_tag=False,
    refusals=("invalid", "too_many_feeds"),
    example={"name": "Lịch của tôi", "scope": "own_agency", "alarm_days": [3]},
    links={
        "read": {"operationId": "getFeed", "parameters": {"feed_id": "$response.body#/feed/id"}},
    },
)
async def create_feed(call: Call[NoQuery, FeedIn]) -> Reply:
    """A link for your calendar; it shows only what you may see whenever it is fetched."""
    body = call.body
    choices = actions.FeedChoices(
        name=body.name,
        language=body.language,
        alarm_days=body.alarm_days,
        with_cancelled=body.with_cancelled,
        consolidated=body.consolidated,
    )
    new = actions.NewFeed(
        choices=choices,
        scope=body.scope,
        agency_ids=[id_of(i) for i in body.agency_ids],
        directive_id=None if body.directive_id is None else id_of(body.directive_id),
    )
    made = await actions.create(call.actor, new, call.now)
    feed = shown(made.feed)
    return Reply(
        NewFeed(feed, made.url),
        location=f"/api/v1/feeds/{made.feed.id}",
        # The address is a secret: the database keeps its hash, and nowhere else the address itself.
        kept=NewFeed(feed, None),
    )


@endpoint(
    "GET",
    "/feeds/{feed_id}",
    id="getFeed",
    summary="Read a feed",
    tag="Feeds",
    verb=Verb.READ,
    answer=Feed,
    refusals=("not_found",),
    links={
        name: {
            "operationId": operation,
            "parameters": {"feed_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        }
        for name, operation in (("change", "changeFeed"), ("revoke", "revokeFeed"))
    },
)
async def get_feed(call: Call[NoQuery, NoBody]) -> Reply:
    """One link of yours."""
    feed = await actions.get(call.actor, call.ids["feed_id"])
    return Reply(shown(feed), row_version=feed.row_version)


@endpoint(
    "PATCH",
    "/feeds/{feed_id}",
    id="changeFeed",
    summary="Change a feed",
    tag="Feeds",
    verb=Verb.MANAGE_FEEDS,
    body=FeedPatch,
    answer=Feed,
    is_change=True,
    refusals=("not_found", "invalid", "feed_revoked"),
    example={"name": "Lịch cơ quan", "alarm_days": [1, 3]},
)
async def change_feed(call: Call[NoQuery, FeedPatch]) -> Reply:
    """Rename a link, or set what it shows."""
    feed = await actions.get(call.actor, call.ids["feed_id"])
    check_version(feed.row_version, call.version)
    stands = actions.FeedChoices(
        name=feed.name,
        language=feed.language,
        alarm_days=feed.alarm_days,
        with_cancelled=feed.with_cancelled,
        consolidated=feed.consolidated,
    )
    choices = replace(stands, **changes_of(call.body))
    if choices != stands:
        feed = await actions.change(call.actor, feed.id, choices, feed.row_version, call.now)
    return Reply(shown(feed), row_version=feed.row_version)


@endpoint(
    "DELETE",
    "/feeds/{feed_id}",
    id="revokeFeed",
    summary="Revoke a feed",
    tag="Feeds",
    verb=Verb.MANAGE_FEEDS,
    status=204,
    is_change=True,
    refusals=("not_found", "feed_revoked"),
)
async def revoke_feed(call: Call[NoQuery, NoBody]) -> Reply:
    """End a link at once."""
    feed = await actions.get(call.actor, call.ids["feed_id"])
    check_version(feed.row_version, call.version)
    await actions.revoke(call.actor, feed.id, call.now)
    return Reply(None)


handlers = [list_feeds, create_feed, get_feed, change_feed, revoke_feed]

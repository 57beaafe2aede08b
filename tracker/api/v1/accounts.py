"""Accounts: invite a person, switch them off and on; what they were given ends with it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from tracker import clock
from tracker.actions import accounts
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery
from tracker.api.v1.officials import Official, shown
from tracker.api.v1.shapes import check_version
from tracker.db import reads_api
from tracker.domain.access import Verb


class Invitation(Struct):
    """A link to set a password went to this address; only the person's mailbox sees it."""

    official_id: Id
    email: str
    expires_at: datetime


@endpoint(
    "POST",
    "/officials/{official_id}/invitation",
    id="inviteOfficial",
    summary="Invite an official",
    tag="Directory",
    verb=Verb.MANAGE_PEOPLE,
    answer=Invitation,
    status=201,
    is_change=True,
    has_tag=False,
    refusals=("not_found", "session_needed", "person_inactive", "account_exists"),
    description="Mails the person a one-time link to set a password; links made before end.",
)
async def invite_official(call: Call[NoQuery, NoBody]) -> Reply:
    """A one-time link, which is in the person's mail and in no answer: whoever holds it becomes that person."""
    view = await reads_api.get_official_view(call.actor, call.ids["official_id"])
    check_version(view.row_version, call.version)
    invited = await accounts.invite(call.actor, view.id, _real(call))
    return Reply(Invitation(str(view.id), view.email, invited.expires_at))


@endpoint(
    "POST",
    "/officials/{official_id}/disable",
    id="disableOfficial",
    summary="Disable an official",
    tag="Directory",
    verb=Verb.MANAGE_PEOPLE,
    answer=Official,
    is_change=True,
    refusals=("not_found", "already_switched", "last_administrator"),
    description="At once: sessions, tokens, calendar links and links in mails are dead, and no mail goes there.",
)
async def disable_official(call: Call[NoQuery, NoBody]) -> Reply:
    """The person may no longer do anything here."""
    view = await reads_api.get_official_view(call.actor, call.ids["official_id"])
    check_version(view.row_version, call.version)
    await accounts.disable(call.actor, view.id, _real(call))
    view = await reads_api.get_official_view(call.actor, view.id)
    return Reply(shown(view), row_version=view.row_version)


@endpoint(
    "POST",
    "/officials/{official_id}/enable",
    id="enableOfficial",
    summary="Enable an official",
    tag="Directory",
    verb=Verb.MANAGE_PEOPLE,
    answer=Official,
    is_change=True,
    refusals=("not_found", "session_needed", "already_switched"),
    description="The person signs in as before; tokens and calendar links that ended stay dead.",
)
async def enable_official(call: Call[NoQuery, NoBody]) -> Reply:
    """The person is in office again."""
    view = await reads_api.get_official_view(call.actor, call.ids["official_id"])
    check_version(view.row_version, call.version)
    await accounts.enable(call.actor, view.id, _real(call))
    view = await reads_api.get_official_view(call.actor, view.id)
    return Reply(shown(view), row_version=view.row_version)


def _real(call: Call[NoQuery, NoBody]) -> datetime:
    """The machine's time: accounts do not live by the demonstration's clock."""
    return call.now - clock.offset()


handlers = [invite_official, disable_official, enable_official]

"""Which mail one does without; duty mail is not among what can be chosen."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from msgspec import Meta, Struct

from tracker.actions import unwanted_mail as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import NoBody, NoQuery
from tracker.domain.access import Verb
from tracker.domain.directory import Actor
from tracker.domain.unwanted_mail import OptionalMail, offered_to

Kind = Annotated[str, Meta(min_length=1, max_length=40)]


class OptionalMailChoice(Struct):
    """The kinds that the person can do without, and those that they do without."""

    offered: list[str]
    unwanted: list[str]


class OptionalMailIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Exactly what one does without from now on."""

    unwanted: Annotated[list[Kind], Meta(max_length=len(OptionalMail))]


def _reply(actor: Actor, unwanted: Collection[OptionalMail]) -> Reply:
    kinds = sorted(kind.value for kind in unwanted)
    offered = [kind.value for kind in offered_to(actor.role)]
    return Reply(OptionalMailChoice(offered, kinds), row_version=actions.version_of_choice(unwanted))


@endpoint(
    "GET",
    "/me/optional-mail",
    id="getOptionalMail",
    summary="Read which mail you do without",
    tag="Directory",
    verb=Verb.READ,
    answer=OptionalMailChoice,
)
async def get_optional_mail(call: Call[NoQuery, NoBody]) -> Reply:
    """What can be switched off, and what is."""
    return _reply(call.actor, await actions.list_own(call.actor))


@endpoint(
    "PUT",
    "/me/optional-mail",
    id="chooseMail",
    summary="Choose which mail you do without",
    tag="Directory",
    verb=Verb.EDIT_SELF,
    body=OptionalMailIn,
    answer=OptionalMailChoice,
    is_change=True,
    refusals=("invalid",),
    example={"unwanted": []},
)
async def choose_mail(call: Call[NoQuery, OptionalMailIn]) -> Reply:
    """All of the choice at once."""
    await actions.choose(call.actor, call.body.unwanted, call.now, version=call.version)
    return _reply(call.actor, await actions.list_own(call.actor))


handlers = [get_optional_mail, choose_mail]

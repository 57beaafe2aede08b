"""Your API tokens. They are made and revoked by a person; a token may only list them, and end itself."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from tracker.actions import tokens as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery
from tracker.db.tokens import ApiToken
from tracker.domain.access import Verb


class Token(Struct):
    """A token; of the secret only its last four characters are known."""

    id: Id
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_ip: str
    allowed_networks: list[str]


class TokenList(Struct):
    """Your tokens, newest first."""

    items: list[Token]


def _shown(token: ApiToken) -> Token:
    return Token(
        id=str(token.id),
        name=token.name,
        hint=token.hint,
        scopes=list(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        last_used_at=token.last_used_at,
        last_used_ip=token.last_used_ip,
        allowed_networks=list(token.allowed_networks),
    )


@endpoint(
    "GET",
    "/tokens",
    id="listTokens",
    summary="List your tokens",
    tag="Tokens",
    verb=Verb.READ,
    answer=TokenList,
)
async def list_tokens(call: Call[NoQuery, NoBody]) -> Reply:
    """Every token of yours, revoked ones too, with its last use."""
    return Reply(TokenList([_shown(token) for token in await actions.list_own(call.actor)]))


@endpoint(
    "DELETE",
    "/tokens/current",
    id="revokeCurrentToken",
    summary="Revoke the token in use",
    tag="Tokens",
    verb=Verb.READ,
    status=204,
    description="Whoever holds a leaked token may make it worthless at once; the next request is a 401.",
)
async def revoke_current_token(call: Call[NoQuery, NoBody]) -> Reply:
    """End the token this request is made with."""
    await actions.revoke_self(call.bearer, call.now)
    return Reply(None)


handlers = [list_tokens, revoke_current_token]

"""`tracker token`: make, list and revoke API tokens."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker import clock, terminal
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.cli import Subparsers
    from tracker.domain.directory import Official

LONGEST_DAYS = 3650


def register(subparsers: Subparsers) -> None:
    """Add the command and what it can do."""
    from tracker.domain.access import Scope

    parser = subparsers.add_parser(
        "token", help=words("cli_token_help"), description=words("cli_token_about")
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=words("cli_command"))
    create = verbs.add_parser(
        "create", help=words("cli_token_create_help"), description=words("cli_token_create_about")
    )
    create.add_argument("--official", required=True, metavar="EMAIL", help=words("cli_token_official"))
    create.add_argument(
        "--scope",
        required=True,
        action="extend",
        type=_scopes,
        metavar="|".join(scope.value for scope in Scope),
        help=words("cli_token_scope"),
    )
    create.add_argument("--name", required=True, help=words("cli_token_name"))
    create.add_argument("--days", type=int, metavar="N", help=words("cli_token_days", most=LONGEST_DAYS))
    create.add_argument("--json", action="store_true", help=words("cli_json"))
    create.set_defaults(run=run_create)
    listed = verbs.add_parser(
        "list", help=words("cli_token_list_help"), description=words("cli_token_list_help")
    )
    listed.add_argument("--official", metavar="EMAIL", help=words("cli_token_of"))
    listed.add_argument("--json", action="store_true", help=words("cli_json"))
    listed.set_defaults(run=run_list)
    revoke = verbs.add_parser(
        "revoke", help=words("cli_token_revoke_help"), description=words("cli_token_revoke_help")
    )
    revoke.add_argument("id", type=terminal.identifier, metavar="ID", help=words("cli_token_id"))
    revoke.add_argument("--json", action="store_true", help=words("cli_json"))
    revoke.set_defaults(run=run_revoke)


def _scopes(given: str) -> list[str]:
    """One scope, or several with commas between them."""
    from tracker.domain.access import Scope

    known = [scope.value for scope in Scope]
    found = [part.strip() for part in given.split(",") if part.strip()]
    for part in found or [given]:
        if part not in known:
            choices = ", ".join(known)
            raise argparse.ArgumentTypeError(words("cli_token_scope_unknown", value=part, choices=choices))
    return found


async def run_create(arguments: argparse.Namespace) -> int:
    """Make a token and print its secret, this once. Raises Invalid."""
    from tracker.actions import tokens
    from tracker.domain.directory import SYSTEM
    from tracker.domain.errors import Invalid

    if arguments.days is not None and not 1 <= arguments.days <= LONGEST_DAYS:
        raise Invalid.one("--days", "out_of_range", arguments.days, least=1, most=LONGEST_DAYS)
    async with terminal.connected():
        official = await _official(arguments.official)
        now = clock.utc_now()
        expires_at = None if arguments.days is None else now + timedelta(days=arguments.days)
        new = tokens.NewToken(official.id, arguments.name, arguments.scope, expires_at)
        made = await tokens.create(SYSTEM, new, now)
    if arguments.json:
        terminal.print_json(
            {
                "id": str(made.token.id),
                "token": made.secret,
                "official": official.email,
                "name": made.token.name,
                "scopes": list(made.token.scopes),
                "expires_at": made.token.expires_at,
            }
        )
        return Exit.DONE
    say("cli_token_made", id=made.token.id, name=made.token.name, official=official.name)
    print(made.secret, flush=True)
    say("cli_token_once")
    return Exit.DONE


async def _official(email: str) -> Official:
    """The official with this address. Raises Invalid."""
    from tracker.db.directory import find_official_by_email
    from tracker.domain.errors import Invalid

    official = await find_official_by_email(email)
    if official is None:
        raise Invalid.one("--official", "official_unknown", email)
    return official


async def run_list(arguments: argparse.Namespace) -> int:
    """Print every token, newest first, without secrets. Raises Invalid for an unknown address."""
    from tracker.actions import tokens
    from tracker.domain.directory import SYSTEM
    from tracker.refusals import shown

    async with terminal.connected():
        found = await tokens.list_own(SYSTEM)
        if arguments.official is not None:
            official = await _official(arguments.official)
            found = [token for token in found if token.official_id == official.id]
    if arguments.json:
        terminal.print_json(
            [
                {
                    "id": str(token.id),
                    "official": token.official_name,
                    "name": token.name,
                    "hint": token.hint,
                    "scopes": list(token.scopes),
                    "created_at": token.created_at,
                    "expires_at": token.expires_at,
                    "revoked_at": token.revoked_at,
                    "last_used_at": token.last_used_at,
                }
                for token in found
            ]
        )
        return Exit.DONE
    for token in found:
        state = "revoked" if token.revoked_at else "used" if token.last_used_at else "unused"
        say(
            f"cli_token_{state}",
            id=token.id,
            official=token.official_name,
            name=token.name,
            hint=token.hint,
            scopes=", ".join(token.scopes),
            revoked=shown(token.revoked_at),
            used=shown(token.last_used_at),
        )
    if not found:
        say("cli_token_none")
    return Exit.DONE


async def run_revoke(arguments: argparse.Namespace) -> int:
    """End a token at once. Raises NotFound, TokenRevoked."""
    from tracker.actions import tokens
    from tracker.domain.directory import SYSTEM

    async with terminal.connected():
        await tokens.revoke(SYSTEM, arguments.id, clock.utc_now())
    if arguments.json:
        terminal.print_json({"revoked": str(arguments.id)})
        return Exit.DONE
    say("cli_token_ended", id=arguments.id)
    return Exit.DONE

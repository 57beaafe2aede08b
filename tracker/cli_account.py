"""`tracker account`: the first administrator's link, invitations, a lost second factor, who has an account."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tracker import clock, terminal
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.cli import Subparsers
    from tracker.db.accounts import AccountRow
    from tracker.domain.directory import Official


def register(subparsers: Subparsers) -> None:
    """Add the command and what it can do."""
    parser = subparsers.add_parser(
        "account", help=words("cli_account_help"), description=words("cli_account_about")
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=words("cli_command"))
    first = verbs.add_parser(
        "first-admin", help=words("cli_account_first_help"), description=words("cli_account_first_about")
    )
    first.add_argument("--email", required=True, metavar="EMAIL", help=words("cli_account_email"))
    first.add_argument("--name", required=True, help=words("cli_account_name"))
    first.add_argument("--json", action="store_true", help=words("cli_json"))
    first.set_defaults(run=run_first)
    invite = verbs.add_parser(
        "invite", help=words("cli_account_invite_help"), description=words("cli_account_invite_about")
    )
    invite.add_argument("email", metavar="EMAIL", help=words("cli_account_email"))
    invite.add_argument("--json", action="store_true", help=words("cli_json"))
    invite.set_defaults(run=run_invite)
    reset = verbs.add_parser(
        "reset-second-factor",
        help=words("cli_account_reset_help"),
        description=words("cli_account_reset_about"),
    )
    reset.add_argument("email", metavar="EMAIL", help=words("cli_account_email"))
    reset.add_argument("--json", action="store_true", help=words("cli_json"))
    reset.set_defaults(run=run_reset)
    listed = verbs.add_parser(
        "list", help=words("cli_account_list_help"), description=words("cli_account_list_help")
    )
    listed.add_argument("--json", action="store_true", help=words("cli_json"))
    listed.set_defaults(run=run_list)


async def run_first(arguments: argparse.Namespace) -> int:
    """Print the link, this once. Raises FirstAdministratorExists, Invalid."""
    from tracker.actions import accounts
    from tracker.refusals import shown

    async with terminal.connected():
        made = await accounts.first_administrator(arguments.email, arguments.name, clock.utc_now())
    if arguments.json:
        terminal.print_json({"email": arguments.email, "url": made.url, "expires_at": made.expires_at})
        return Exit.DONE
    say("cli_account_link", name=arguments.name, email=arguments.email, until=shown(made.expires_at))
    print(made.url, flush=True)
    say("cli_account_link_warning")
    return Exit.DONE


async def run_invite(arguments: argparse.Namespace) -> int:
    """Queue an invitation; the link goes to the person and is not printed. Raises Invalid, AccountExists."""
    from tracker.actions import accounts
    from tracker.domain.directory import SYSTEM
    from tracker.refusals import shown

    async with terminal.connected():
        official = await _official(arguments.email)
        made = await accounts.invite(SYSTEM, official.id, clock.utc_now())
    if arguments.json:
        terminal.print_json({"invited": official.email, "expires_at": made.expires_at})
        return Exit.DONE
    say("cli_account_invited", email=official.email, until=shown(made.expires_at))
    return Exit.DONE


async def run_reset(arguments: argparse.Namespace) -> int:
    """Take a second factor away. Raises Invalid for an unknown address."""
    from tracker.actions import accounts
    from tracker.domain.directory import SYSTEM

    async with terminal.connected():
        official = await _official(arguments.email)
        there_was = await accounts.reset_second_factor(SYSTEM, official.id, clock.utc_now())
    if arguments.json:
        terminal.print_json({"official": official.email, "had_second_factor": there_was})
        return Exit.DONE
    say("cli_account_factor_gone" if there_was else "cli_account_factor_none", name=official.name)
    return Exit.DONE


async def run_list(arguments: argparse.Namespace) -> int:
    """Print every account, without secrets."""
    from tracker.actions import accounts
    from tracker.domain.directory import SYSTEM
    from tracker.refusals import shown

    async with terminal.connected():
        found = await accounts.list_accounts(SYSTEM)
    if arguments.json:
        terminal.print_json(
            [
                {
                    "official_id": str(row.official_id),
                    "email": row.email,
                    "name": row.name,
                    "role": row.role.value,
                    "is_active": row.is_active,
                    "has_password": row.has_password,
                    "has_second_factor": row.has_second_factor,
                    "invited_until": row.invited_until,
                    "last_signed_in_at": row.last_signed_in_at,
                }
                for row in found
            ]
        )
        return Exit.DONE
    if not found:
        say("cli_account_none")
        return Exit.DONE
    headings = [
        words(f"cli_account_col_{name}") for name in ("email", "name", "role", "state", "factor", "seen")
    ]
    rows = [
        [
            row.email,
            row.name,
            words(f"role.{row.role.value}"),
            _state(row),
            words("cli_account_yes" if row.has_second_factor else "cli_account_no"),
            shown(row.last_signed_in_at),
        ]
        for row in found
    ]
    print(terminal.table(headings, rows), flush=True)
    return Exit.DONE


def _state(row: AccountRow) -> str:
    from tracker.refusals import shown

    if not row.is_active:
        return words("cli_account_state_off")
    if row.has_password:
        return words("cli_account_state_ready")
    if row.invited_until is not None:
        return words("cli_account_state_invited", until=shown(row.invited_until))
    return words("cli_account_state_waiting")


async def _official(email: str) -> Official:
    """The official with this address. Raises Invalid."""
    from tracker.db.directory import find_official_by_email
    from tracker.domain.errors import Invalid

    official = await find_official_by_email(email)
    if official is None:
        raise Invalid.one("EMAIL", "official_unknown", email)
    return official

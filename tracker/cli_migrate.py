"""`tracker migrate`: bring the schema to the newest form."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tracker import terminal
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.cli import Subparsers
    from tracker.settings import Settings


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "migrate", help=words("cli_migrate_help"), description=words("cli_migrate_about")
    )
    parser.add_argument("--check", action="store_true", help=words("cli_migrate_check"))
    parser.add_argument("--json", action="store_true", help=words("cli_json"))
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Migrate, or with --check only tell what is missing (then Exit.FAILED when something is)."""
    from tracker.db.migrate import load_migrations, migrate, pending
    from tracker.process import database_server

    async with database_server(terminal.settings()) as settings:
        descriptions = {m.id: m.description for m in load_migrations()}
        if arguments.check:
            missing = await pending(settings)
            if arguments.json:
                terminal.print_json({"pending": missing})
            elif missing:
                for id_ in missing:
                    say("cli_migrate_pending", id=id_, description=descriptions[id_])
            else:
                say("cli_migrate_nothing")
            return Exit.FAILED if missing else Exit.DONE
        done = await migrate(settings)
        await _seed(settings)
    if arguments.json:
        terminal.print_json({"applied": done.applied, "already": done.already, "unknown": done.unknown})
        return Exit.DONE
    for id_ in done.applied:
        say("cli_migrate_applied", id=id_, description=descriptions[id_])
    if not done.applied:
        say("cli_migrate_nothing")
    for id_ in done.unknown:
        say("cli_migrate_unknown", id=id_)
    return Exit.DONE


async def _seed(settings: Settings) -> None:
    """What every installation starts with, where it is missing."""
    from tracker.actions.seed import ensure_seed
    from tracker.db import engine

    await engine.open_pool(settings)
    try:
        await ensure_seed()
    finally:
        await engine.close_pool()

"""`tracker outbox`: what waits or failed, sending it again, and the switch that stops all sending."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tracker import clock, terminal
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.cli import Subparsers
    from tracker.db.outbox import StoredMessage

STATES = ("pending", "sending", "sent", "failed", "superseded", "held")
ROWS = 50


def register(subparsers: Subparsers) -> None:
    """Add the command and what it can do."""
    parser = subparsers.add_parser(
        "outbox", help=words("cli_outbox_help"), description=words("cli_outbox_about")
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=words("cli_command"))
    listed = verbs.add_parser(
        "list", help=words("cli_outbox_list_help"), description=words("cli_outbox_list_help")
    )
    listed.add_argument("--state", choices=STATES, help=words("cli_outbox_state"))
    listed.add_argument("--limit", type=int, default=ROWS, metavar="N", help=words("cli_outbox_limit"))
    listed.set_defaults(run=run_list)
    replay = verbs.add_parser(
        "replay", help=words("cli_outbox_replay_help"), description=words("cli_outbox_replay_about")
    )
    replay.add_argument("id", nargs="?", type=terminal.identifier, help=words("cli_outbox_id"))
    replay.add_argument("--state", choices=("failed", "held"), help=words("cli_outbox_state"))
    replay.add_argument("--reason", required=True, help=words("cli_outbox_reason"))
    replay.add_argument("--dry-run", action="store_true", help=words("cli_outbox_dry_run"))
    replay.set_defaults(run=run_replay)
    for name in ("pause", "resume"):
        switch = verbs.add_parser(
            name, help=words(f"cli_outbox_{name}_help"), description=words(f"cli_outbox_{name}_help")
        )
        switch.add_argument("--reason", required=True, help=words("cli_outbox_reason"))
        switch.set_defaults(run=run_switch)
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help=words("cli_json"))


async def run_list(arguments: argparse.Namespace) -> int:
    """Print messages, newest first, and what waits in all."""
    from tracker.actions import outbox
    from tracker.db.outbox import OutboxFilter
    from tracker.domain.directory import SYSTEM
    from tracker.domain.errors import Invalid

    if not 1 <= arguments.limit <= 1000:
        raise Invalid.one("--limit", "out_of_range", arguments.limit, least=1, most=1000)
    async with terminal.connected():
        found = await outbox.list_messages(SYSTEM, OutboxFilter(state=arguments.state), arguments.limit)
        stands = await outbox.sending(SYSTEM)
    if arguments.json:
        terminal.print_json({"sending_paused": stands.is_paused, "messages": [_as_json(m) for m in found]})
        return Exit.DONE
    for message in found:
        reply = f"{message.reply_code or ''} {message.reply_text or message.reason}".strip()
        print(
            f"{message.id}  {words(f'cli_message_{message.state}')}  {message.address}  {message.subject}"
            + (f"  ({reply})" if reply else "")
        )
    if not found:
        say("cli_outbox_none")
    say("cli_outbox_waiting", **{n: getattr(stands.backlog, n) for n in ("pending", "failed", "held")})
    if stands.is_paused:
        say("cli_outbox_is_paused", reason=stands.reason or "–")
    return Exit.DONE


def _as_json(message: StoredMessage) -> dict[str, object]:
    return {
        "id": str(message.id),
        "kind": message.kind,
        "state": message.state,
        "address": message.address,
        "subject": message.subject,
        "attempts": message.attempts,
        "reply_code": message.reply_code,
        "reply": message.reply_text,
        "reason": message.reason,
        "decided_at": message.decided_at,
        "sent_at": message.sent_at,
    }


async def run_replay(arguments: argparse.Namespace) -> int:
    """Put one message back, or all that failed or are held. Raises NotFound and what `replay` refuses."""
    from tracker.actions import outbox
    from tracker.db.outbox import OutboxFilter
    from tracker.domain.directory import SYSTEM

    async with terminal.connected():
        now = clock.utc_now()
        if arguments.id is not None and not arguments.dry_run:
            opened = await outbox.replay(SYSTEM, arguments.id, None, arguments.reason, None, now)
            message = opened.message
            if arguments.json:
                terminal.print_json(_as_json(message))
            else:
                say("cli_outbox_again", id=message.id, address=message.address)
            return Exit.DONE
        if arguments.id is not None:
            message = (await outbox.open_message(SYSTEM, arguments.id)).message
            again, refused, left = int(message.state in ("failed", "held") and message.is_rendered), 0, 0
        else:
            done = await outbox.replay_matching(
                SYSTEM,
                OutboxFilter(state=arguments.state),
                arguments.reason,
                now,
                dry_run=arguments.dry_run,
            )
            again, refused, left = len(done.again), len(done.refused), done.left
    if arguments.json:
        terminal.print_json({"dry_run": arguments.dry_run, "again": again, "refused": refused, "left": left})
    else:
        key = "cli_outbox_would_replay" if arguments.dry_run else "cli_outbox_replayed"
        say(key, again=again, refused=refused, left=left)
    return Exit.DONE


async def run_switch(arguments: argparse.Namespace) -> int:
    """Stop all sending, or let it go on."""
    from tracker.actions import outbox
    from tracker.domain.directory import SYSTEM

    paused = arguments.verb == "pause"
    async with terminal.connected():
        stands = await outbox.switch_sending(SYSTEM, paused, arguments.reason, None, clock.utc_now())
    if arguments.json:
        terminal.print_json({"sending_paused": stands.is_paused, "reason": stands.reason})
    else:
        say("cli_outbox_is_paused" if paused else "cli_outbox_is_resumed", reason=stands.reason)
    return Exit.DONE

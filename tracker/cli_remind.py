"""`tracker remind`, `tracker deliver`, `tracker explain`: what the jobs do by themselves, by hand and in words."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tracker import terminal
from tracker.i18n import has
from tracker.refusals import shown
from tracker.terminal import Exit, say, words

if TYPE_CHECKING:
    from tracker.actions.explain import Explanation
    from tracker.actions.reminders import Foreseen
    from tracker.cli import Subparsers
    from tracker.domain.recipients import Audience
    from tracker.settings import Settings


def register(subparsers: Subparsers) -> None:
    """Add the commands."""
    remind = subparsers.add_parser(
        "remind", help=words("cli_remind_help"), description=words("cli_remind_about")
    )
    remind.add_argument("--as-of", type=instant, metavar="T", help=words("cli_remind_as_of"))
    remind.add_argument("--dry-run", action="store_true", help=words("cli_remind_dry_run"))
    remind.add_argument("--json", action="store_true", help=words("cli_json"))
    remind.set_defaults(run=run_remind)
    deliver = subparsers.add_parser(
        "deliver", help=words("cli_deliver_help"), description=words("cli_deliver_about")
    )
    deliver.add_argument("--json", action="store_true", help=words("cli_json"))
    deliver.set_defaults(run=run_deliver)
    explain = subparsers.add_parser(
        "explain", help=words("cli_explain_help"), description=words("cli_explain_about")
    )
    explain.add_argument("assignment", type=terminal.identifier, help=words("cli_explain_assignment"))
    explain.add_argument("--json", action="store_true", help=words("cli_json"))
    explain.set_defaults(run=run_explain)


def instant(given: str) -> datetime:
    """An instant: ISO 8601 with or without zone (then the official one), or a date for its 08:00.

    >>> instant("2025-11-24").isoformat()
    '2025-11-24T01:00:00+00:00'
    """
    from tracker.domain.moments import DIGEST_TIME
    from tracker.domain.rules import FIRST_YEAR, LAST_YEAR
    from tracker.domain.zone import OFFICIAL_ZONE

    try:
        if len(given) == 10:
            given += f"T{DIGEST_TIME:%H:%M}"
        parsed = datetime.fromisoformat(given)
        if not FIRST_YEAR <= parsed.year <= LAST_YEAR:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(
            words("cli_remind_bad_instant", value=shown(given), first=FIRST_YEAR, last=LAST_YEAR)
        ) from None
    zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=OFFICIAL_ZONE)
    return zoned.astimezone(UTC)


@asynccontextmanager
async def _service() -> AsyncIterator[Settings]:
    """The database open, the office and the clock as the service has them."""
    from tracker.actions import demo_clock
    from tracker.actions.audit import use_audit_key
    from tracker.actions.office import use_office
    from tracker.db.engine import close_pool, open_pool
    from tracker.process import database_server, with_secret_key

    async with database_server(terminal.settings()) as settings:
        settings = with_secret_key(settings)
        await open_pool(settings)
        try:
            use_office(settings)
            use_audit_key(settings)
            await demo_clock.follow()
            yield settings
        finally:
            await close_pool()


async def run_remind(arguments: argparse.Namespace) -> int:
    """Sweep once, or say what a sweep would do."""
    from tracker import clock
    from tracker.actions.reminders import foresee
    from tracker.jobs import reminders
    from tracker.jobs.worker import hours_of

    async with _service() as settings:
        now = arguments.as_of or clock.utc_now()
        hours = hours_of(settings)
        if arguments.dry_run:
            _print_foreseen(await foresee(now, hours), now, as_json=arguments.json)
            return Exit.DONE
        swept = await reminders.run(now, hours)
    if arguments.json:
        terminal.print_json({"now": now, **swept.as_json()})
    else:
        say("cli_remind_done", **swept.as_json())
    return Exit.DONE


def _print_foreseen(foreseen: list[Foreseen], now: datetime, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(
            {
                "now": now,
                "reminders": [
                    {
                        "assignment_id": str(f.assignment_id),
                        "directive": f.directive_number,
                        "task": f.short_name,
                        "agency": f.agency_name,
                        "step": f.step_code,
                        "occurrence": f.occurrence,
                        "verdict": f.verdict.value,
                        "reason": f.reason,
                        "moment": f.moment,
                        "recipients": _people_json(f.people),
                    }
                    for f in foreseen
                ],
            }
        )
        return
    if not foreseen:
        say("cli_remind_nothing", now=_shown(now))
        return
    headings = [
        words(f"cli_remind_column_{name}") for name in ("agency", "task", "step", "verdict", "people")
    ]
    rows = [
        (
            f.agency_name,
            f"{f.directive_number}: {f.short_name}",
            _step(f.step_code, f.occurrence),
            f"{words(f'cli_verdict_{f.verdict.value}')}: {_reason(f.verdict.value, f.reason)}",
            _people(f.people),
        )
        for f in foreseen
    ]
    print(terminal.table(headings, rows))


def _reason(verdict: str, reason: str) -> str:
    key = f"reason.{'yes' if verdict == 'send' else 'no'}.{reason}"
    return words(key) if has(key) else reason


def _people(people: Audience) -> str:
    return "; ".join(f"{r.official.name} <{r.official.email}>" for r in people.recipients)


def _people_json(people: Audience) -> list[dict[str, object]]:
    return [
        {
            "name": r.official.name,
            "address": r.official.email,
            "duty": r.duty.value,
            "copy": r.is_copy,
            "route": r.route.value,
        }
        for r in people.recipients
    ]


def _shown(moment: datetime) -> str:
    from tracker.domain.zone import civil_now

    return f"{civil_now(moment):%H:%M %d/%m/%Y}"


async def run_deliver(arguments: argparse.Namespace) -> int:
    """Send what waits in the outbox."""
    from tracker import clock
    from tracker.jobs.quarantine import Quarantine
    from tracker.jobs.worker import delivery_of, transport_of

    async with _service() as settings:
        transport = transport_of(settings)
        if transport is None:
            terminal.complain(words("cli_deliver_no_relay"))
            return Exit.CONFIG
        quarantine = Quarantine(settings)
        await quarantine.before(clock.utc_now())
        counts = await delivery_of(settings, transport).run_and_beat()
        await quarantine.after(counts.sent)
    if arguments.json:
        terminal.print_json(counts.as_json())
    else:
        say("cli_deliver_done", **counts.as_json())
        if counts.paused:
            say("cli_deliver_paused")
        if counts.relay_down:
            say("cli_deliver_relay_down")
    return Exit.UNAVAILABLE if counts.relay_down else Exit.DONE


async def run_explain(arguments: argparse.Namespace) -> int:
    """Tell one assignment: what was sent, why, why not, what comes next."""
    from tracker import clock
    from tracker.actions.explain import explain
    from tracker.domain.directory import SYSTEM
    from tracker.jobs.worker import hours_of

    async with _service() as settings:
        told = await explain(SYSTEM, arguments.assignment, clock.utc_now(), hours_of(settings))
    if arguments.json:
        terminal.print_json(explanation_json(told))
    else:
        _print_explanation(told)
    return Exit.DONE


def explanation_json(told: Explanation) -> dict[str, object]:
    """The explanation as plain JSON values; ids are strings."""
    row = told.assignment
    return {
        "assignment_id": str(row.id),
        "directive": row.directive_number,
        "task": row.short_name,
        "agency": row.agency_name,
        "state": row.state.value,
        "status": told.status.fine.value,
        "bucket": told.status.bucket.value,
        "days": told.days,
        "due_on": row.due_on,
        "due_time": row.due_time,
        "original_due_on": row.original_due_on,
        "sending_paused": told.is_paused,
        "reminders": [
            {
                "step": r.step_code,
                "occurrence": r.occurrence,
                "deadline_version": r.deadline_version,
                "recipient": r.recipient_name,
                "address": r.message_address,
                "verdict": r.verdict,
                "reason": r.reason,
                "moment": r.moment,
                "decided_at": r.decided_at,
                "message": r.message_state,
                "sent_at": r.sent_at,
                "reply_code": r.reply_code,
                "reply": r.reply_text,
            }
            for r in told.reminders
        ],
        "decisions": [
            {
                "step": d.moment.step.code,
                "occurrence": d.moment.occurrence,
                "at": d.at,
                "verdict": d.verdict.value,
                "reason": d.reason.value,
                "recipients": _people_json(told.foreseen[d.moment.key]),
            }
            for d in (*told.decisions, *told.review)
        ],
    }


def _step(code: str, occurrence: int) -> str:
    """The step of a ladder in words; a step of somebody's own ladder by its code."""
    step = words(f"cli_step_{code}") if has(f"cli_step_{code}") else code
    return words("cli_step_again", step=step, count=occurrence) if occurrence > 1 else step


def _print_explanation(told: Explanation) -> None:
    row = told.assignment
    print(f"{row.directive_number}: {row.short_name}")
    print(f"{row.agency_name}: {words(f'cli_status_{told.status.fine.value}', days=told.days)}")
    if row.due_on is not None:
        hour = f" {row.due_time:%H:%M}" if row.due_time else ""
        say("cli_explain_due", due=f"{row.due_on:%d/%m/%Y}{hour}")
    print()
    say("cli_explain_told")
    for r in told.reminders:
        who = (
            f"{r.recipient_name} <{r.message_address}>" if r.message_address else words("cli_explain_nobody")
        )
        state = words(f"cli_message_{r.message_state}") if r.message_state else _reason("skip", r.reason)
        reply = f" ({r.reply_code} {r.reply_text})" if r.reply_code else ""
        print(f"  {_shown(r.decided_at)}  {_step(r.step_code, r.occurrence)}  {who}: {state}{reply}")
    if not told.reminders:
        say("cli_explain_none")
    print()
    say("cli_explain_next")
    for d in (*told.decisions, *told.review):
        when = _shown(d.at) if d.at else "–"
        step = _step(d.moment.step.code, d.moment.occurrence)
        people = _people(told.foreseen[d.moment.key])
        print(f"  {when}  {step}  {_reason(d.verdict.value, d.reason.value)}  {people}")

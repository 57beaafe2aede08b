"""`tracker doctor`: looks at everything the service depends on, and says how to put right what is not."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import smtplib
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from tracker import clock, safety, terminal
from tracker.domain.errors import TrackerError
from tracker.domain.zone import civil_day
from tracker.settings import Settings, is_loopback
from tracker.terminal import Exit, words

if TYPE_CHECKING:
    from tracker.cli import Subparsers

OLDEST_POSTGRESQL = 150000
SKEW_SECONDS = 2.0
SMTP_SECONDS = 10.0
OUTBOX_SECONDS = 600.0
FREE_BYTES = 1_000_000_000
ANCHOR_AGE = timedelta(days=2)

Verdict = Literal["ok", "warning", "fault"]
_MARKS: dict[Verdict, str] = {"ok": "✓", "warning": "!", "fault": "✗"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, in a sentence, and what to do about it where it is not well."""

    check: str
    verdict: Verdict
    words: str
    fix: str = ""


@dataclass(frozen=True)
class _Look:
    """Makes the findings of one check; `doctor_<check>_<code>` is the sentence, `…_fix` the remedy."""

    check: str
    shared: dict[str, object] = field(default_factory=dict)

    def found(self, verdict: Verdict, code: str, **params: object) -> Finding:
        key = f"doctor_{self.check}_{code}"
        known = {**self.shared, **params}
        return Finding(
            self.check,
            verdict,
            words(key, **known),
            "" if verdict == "ok" else words(f"{key}_fix", **known),
        )


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor", help=words("cli_doctor_help"), description=words("cli_doctor_about")
    )
    parser.add_argument("--json", action="store_true", help=words("cli_json"))
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """Print every finding; Exit.FAILED when one is a fault."""
    settings = terminal.settings()
    findings = []
    # Closed here and now: whoever reads on only the first lines leaves it in the middle.
    async with aclosing(examine(settings)) as examined:
        async for finding in examined:
            findings.append(finding)
            if not arguments.json:
                print(f"{_MARKS[finding.verdict]} {finding.words}", flush=True)
                if finding.fix:
                    print(f"    {finding.fix}", flush=True)
    faults = sum(f.verdict == "fault" for f in findings)
    warnings = sum(f.verdict == "warning" for f in findings)
    if arguments.json:
        terminal.print_json({"findings": [asdict(f) for f in findings], "settings": settings.shown()})
    else:
        terminal.say("doctor_summary", checks=len(findings), faults=faults, warnings=warnings)
    return Exit.FAILED if faults else Exit.DONE


async def examine(settings: Settings) -> AsyncGenerator[Finding, None]:
    """Every finding, one after another; what cannot be looked at for want of a database is left out."""
    for check in (look_at_disk, look_at_address):
        for finding in check(settings):
            yield finding
    for finding in await look_at_mail_server(settings):
        yield finding
    for finding in await look_at_sign_on(settings):
        yield finding
    for finding in look_at_watching(settings):
        yield finding
    async with aclosing(_look_into_database(settings)) as found:
        async for finding in found:
            yield finding


async def _look_into_database(settings: Settings) -> AsyncGenerator[Finding, None]:
    from tracker.db import engine
    from tracker.db.account_used import read_account
    from tracker.db.migrate import pending
    from tracker.process import database_server

    look = _Look("database")
    try:
        async with database_server(settings) as connected:
            missing = await pending(connected)
            await engine.open_pool(connected, wait_seconds=5)
            try:
                for finding in await look_at_database():
                    yield finding
                yield look_at_migrations(missing)
                for finding in look_at_safety(connected, await read_account(connected)):
                    yield finding
                if not missing:
                    checks: tuple[Callable[[Settings], Awaitable[list[Finding]]], ...] = (
                        look_at_calendar,
                        look_at_jobs,
                        look_at_outbox,
                        look_at_agencies,
                        look_at_second_factors,
                        look_at_sealed,
                    )
                    for check in checks:
                        for finding in await check(connected):
                            yield finding
            finally:
                await engine.close_pool()
    except TrackerError as refused:
        yield look.found("fault", "silent", reason=terminal.error_words(refused.code, refused.params))
    except Exception as error:
        # Whatever the driver says is the finding: the doctor must not fall ill himself.
        yield look.found("fault", "silent", reason=f"{type(error).__name__}: {error}")


# -- the machine ---------------------------------------------------------------------------------------


def look_at_disk(settings: Settings) -> list[Finding]:
    """Whether the data folder can be written, has room, and keeps the key to itself."""
    look = _Look("disk", {"folder": str(settings.data_dir.absolute())})
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        return [look.found("fault", "closed")]
    free = shutil.disk_usage(folder).free
    found = [
        look.found("ok", "room", gigabytes=free // 1_000_000_000)
        if free >= FREE_BYTES
        else look.found("fault", "full", megabytes=free // 1_000_000)
    ]
    with suppress(FileNotFoundError):
        if (settings.data_dir / "secret_key").stat().st_mode & 0o077:
            found.append(look.found("fault", "open_key"))
    return found


def look_at_address(settings: Settings) -> list[Finding]:
    """Whether the links in mails can lead anywhere."""
    parts = urlsplit(settings.address)
    host = parts.hostname or ""
    look = _Look("address", {"address": settings.address, "host": host})
    if is_loopback(host):
        return [look.found("warning", "loopback")]
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return [look.found("fault", "unknown")]
    if parts.scheme != "https":
        return [look.found("warning", "clear")]
    return [look.found("ok", "good")]


def look_at_safety(settings: Settings, account: safety.DatabaseFacts) -> list[Finding]:
    """What is unsafe where others reach the service: a fault unless somebody accepted it."""
    if not safety.is_production(settings):
        return [Finding("safety", "ok", words("doctor_safety_alone"))]
    found = safety.risks(settings, account)
    refused = safety.refused(found, settings)
    told = [
        Finding(
            "safety",
            "fault" if risk in refused else "warning",
            words(f"risk_{risk.code}", **risk.params),
            words("doctor_safety_risk_fix", variable=risk.variable, code=risk.code),
        )
        for risk in found
    ]
    return told or [Finding("safety", "ok", words("doctor_safety_good"))]


async def look_at_mail_server(settings: Settings) -> list[Finding]:
    """Whether the relay answers, offers encryption with a certificate that holds, and takes the password."""
    look = _Look("smtp", {"host": settings.smtp_host, "port": settings.smtp_port})
    if settings.smtp_host is None:
        return [look.found("warning", "none")]
    return [await asyncio.to_thread(_try_mail_server, settings, look)]


async def look_at_sign_on(settings: Settings) -> list[Finding]:
    """Whether the identity provider answers as the one that is set, and publishes keys that serve."""
    from tracker.actions.sign_on import CALLBACK_PATH
    from tracker.domain.claims import Cause, SignOnRefused
    from tracker.sign_on.config import config_of
    from tracker.sign_on.provider import Provider

    config = config_of(settings, CALLBACK_PATH)
    if config is None:
        return []
    look = _Look("sign_on", {"issuer": config.issuer})
    try:
        keys = await Provider(config).count_keys()
    except SignOnRefused as refused:
        if refused.cause is Cause.DISCOVERY_ISSUER:
            return [look.found("fault", "issuer", told=refused.detail)]
        return [look.found("fault", "silent", reason=f"{refused.cause.value} {refused.detail}".strip())]
    if not keys:
        return [look.found("fault", "no_keys")]
    return [look.found("ok", "good", keys=keys)]


def look_at_watching(settings: Settings) -> list[Finding]:
    """Whether somebody outside would notice: auditors who get the anchors, and a watch on the sweeps."""
    from tracker.jobs.audit import anchors_in, last_anchor

    look = _Look("watch", {"path": str(anchors_in(settings.data_dir).absolute())})
    is_production = safety.is_production(settings)
    found = []
    if is_production and not settings.audit_mail:
        found.append(look.found("warning", "no_auditor"))
    if is_production and settings.ping_url is None:
        found.append(look.found("warning", "no_ping"))
    last = last_anchor(anchors_in(settings.data_dir))
    if last is None:
        return [*found, look.found("warning", "no_anchor")] if is_production else found
    age = clock.utc_now() - last.at
    if age > ANCHOR_AGE:
        found.append(look.found("warning", "old_anchor", days=age.days))
    return found or [look.found("ok", "good")]


def _try_mail_server(settings: Settings, look: _Look) -> Finding:
    from tracker.jobs.worker import relay_of

    relay = relay_of(settings)
    assert relay is not None
    try:
        context = relay.tls_context()
        plain = relay.security != "tls"
        server = (
            smtplib.SMTP(relay.host, relay.port, "localhost", SMTP_SECONDS)
            if plain
            else smtplib.SMTP_SSL(relay.host, relay.port, "localhost", timeout=SMTP_SECONDS, context=context)
        )
        with server:
            server.ehlo()
            if relay.security == "starttls":
                server.starttls(context=context)
                server.ehlo()
            if relay.user is not None and relay.password is not None:
                server.login(relay.user, relay.password)
            server.noop()
    except ssl.SSLCertVerificationError as refused:
        return look.found("fault", "certificate", reason=refused.verify_message)
    except smtplib.SMTPNotSupportedError:
        return look.found("fault", "no_encryption")
    except smtplib.SMTPAuthenticationError as refused:
        return look.found("fault", "password", reason=f"{refused.smtp_code}")
    except (OSError, smtplib.SMTPException) as failed:
        return look.found("fault", "silent", reason=str(failed) or type(failed).__name__)
    return look.found("ok", "good", security=relay.security)


# -- the database --------------------------------------------------------------------------------------


async def look_at_database() -> list[Finding]:
    """Version, writability, encoding, durability, and whether it agrees with this machine about the time."""
    from tracker.db.engine import fetchrow

    row = await fetchrow(
        """
        SELECT current_setting('server_version_num')::int AS number,
               split_part(current_setting('server_version'), ' ', 1) AS version,
               pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool AS read_only,
               current_setting('server_encoding') AS encoding,
               current_setting('fsync')::bool AND current_setting('full_page_writes')::bool AS durable,
               current_setting('max_connections')::int AS connections,
               clock_timestamp() AS at
        """
    )
    assert row is not None
    here = clock.utc_now() - clock.offset()
    look = _Look("database", {"version": row["version"]})
    found = []
    if row["number"] < OLDEST_POSTGRESQL:
        found.append(look.found("fault", "old"))
    if row["encoding"] != "UTF8":
        found.append(look.found("fault", "encoding", encoding=row["encoding"]))
    if row["read_only"]:
        found.append(look.found("fault", "read_only"))
    if not row["durable"]:
        found.append(look.found("fault", "not_durable"))
    if not found:
        found.append(look.found("ok", "good", connections=row["connections"]))
    skew = abs((row["at"].astimezone(UTC) - here).total_seconds())
    clocks = _Look("clock", {"seconds": f"{skew:.1f}"})
    found.append(clocks.found("warning", "apart") if skew > SKEW_SECONDS else clocks.found("ok", "together"))
    return found


def look_at_migrations(missing: tuple[str, ...]) -> Finding:
    """Whether the schema is that of this program."""
    look = _Look("migrations", {"missing": ", ".join(missing)})
    return look.found("fault", "missing") if missing else look.found("ok", "good")


async def look_at_calendar(settings: Settings) -> list[Finding]:
    """Whether deadlines of this year and the next can be computed, and on confirmed days."""
    from tracker.db.engine import fetch

    year = civil_day(clock.utc_now()).year
    rows = await fetch("SELECT year, confirmed FROM working_year")
    confirmed = {row["year"]: row["confirmed"] for row in rows}
    look = _Look("calendar")
    found = []
    for wanted in (year, year + 1):
        if wanted not in confirmed:
            verdict: Verdict = "fault" if wanted == year else "warning"
            found.append(look.found(verdict, "missing", year=wanted))
        elif not confirmed[wanted]:
            found.append(look.found("warning", "projected", year=wanted))
    return found or [look.found("ok", "good", first=year, second=year + 1)]


async def look_at_jobs(settings: Settings) -> list[Finding]:
    """Whether somebody sweeps and delivers: each job at three of its periods."""
    from tracker.db.switches import list_heartbeats

    periods = {"reminders": settings.sweep_seconds}
    if settings.smtp_host is not None:
        periods["outbox"] = settings.deliver_seconds
    ages = {beat.name: beat.age_seconds for beat in await list_heartbeats()}
    found = []
    for name, period in periods.items():
        look = _Look("jobs", {"job": words(f"doctor_job_{name}")})
        if name not in ages:
            found.append(look.found("warning", "never"))
        elif ages[name] > max(3 * period, 60):
            found.append(look.found("fault", "late", minutes=int(ages[name] // 60)))
        else:
            found.append(look.found("ok", "alive", seconds=int(ages[name])))
    return found


async def look_at_outbox(settings: Settings) -> list[Finding]:
    """Whether messages leave, and how many were given up."""
    from tracker.db.engine import fetchrow
    from tracker.db.switches import is_sending_paused

    row = await fetchrow(
        """
        SELECT count(*) FILTER (WHERE state = 'pending') AS waiting,
               count(*) FILTER (WHERE state = 'failed') AS failed,
               count(*) FILTER (WHERE state = 'held') AS held,
               coalesce(extract(epoch FROM now() - min(next_attempt_at)
                   FILTER (WHERE state = 'pending')), 0)::float8 AS oldest
        FROM outbox WHERE state IN ('pending', 'failed', 'held')
        """
    )
    assert row is not None
    look = _Look("outbox", {"waiting": row["waiting"], "failed": row["failed"], "held": row["held"]})
    found = []
    if await is_sending_paused():
        found.append(look.found("warning", "paused"))
    elif row["oldest"] > OUTBOX_SECONDS:
        found.append(look.found("fault", "stuck", minutes=int(row["oldest"] // 60)))
    if row["failed"]:
        found.append(look.found("warning", "failed"))
    if row["held"]:
        found.append(look.found("warning", "held"))
    return found or [look.found("ok", "good")]


async def look_at_agencies(settings: Settings) -> list[Finding]:
    """Whether mail reaches somebody at every agency that exists."""
    from tracker.db.reads_settings import count_reach

    reach = await count_reach(civil_day(clock.utc_now()))
    look = _Look(
        "agencies", {"count": reach.lacking, "total": reach.existing, "busy": reach.lacking_with_work}
    )
    if reach.lacking:
        return [look.found("warning", "lacking")]
    return [look.found("ok", "good")] if reach.existing else []


async def look_at_second_factors(settings: Settings) -> list[Finding]:
    """Whether everybody who can change everything has a second factor."""
    from tracker.actions.accounts import list_accounts
    from tracker.actions.sessions import MUST_HAVE_SECOND_FACTOR
    from tracker.domain.directory import SYSTEM

    mighty = [a for a in await list_accounts(SYSTEM) if a.is_active and a.role in MUST_HAVE_SECOND_FACTOR]
    lacking = [a.email for a in mighty if not a.has_second_factor]
    look = _Look("factors", {"count": len(lacking), "people": ", ".join(lacking[:10])})
    if lacking:
        return [look.found("warning", "lacking")]
    return [look.found("ok", "good", total=len(mighty))] if mighty else []


async def look_at_sealed(settings: Settings) -> list[Finding]:
    """Whether the keys that are set open what is sealed: second factors and the secrets of webhooks."""
    from tracker.actions.sealed import count_sealed
    from tracker.actions.sealing import use_key
    from tracker.domain.directory import SYSTEM
    from tracker.process import with_secret_key

    # The doctor makes no key where there is none.
    has_key = settings.secret_key is not None or (settings.data_dir / "secret_key").exists()
    if has_key:
        use_key(with_secret_key(settings))
    sealed = await count_sealed(SYSTEM, has_key=has_key)
    look = _Look("sealed", {"total": sealed.total})
    if sealed.closed:
        return [
            look.found(
                "fault", "closed", factors=sealed.closed_second_factors, webhooks=sealed.closed_webhooks
            )
        ]
    return [look.found("ok", "good")] if sealed.total else []

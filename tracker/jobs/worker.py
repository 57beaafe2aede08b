"""The worker of one process: the jobs, the way out for mail, and their orderly end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta

from tracker import clock
from tracker.actions import demo_clock
from tracker.actions.audit import use_audit_key
from tracker.actions.webhooks import use_sender
from tracker.db.switches import beat
from tracker.domain.moments import Hours
from tracker.jobs import (
    audit,
    heartbeat,
    housekeeping,
    long_work,
    outbox,
    reconciliation,
    reminders,
    scheduled_reports,
)
from tracker.jobs.long_work import LongWork
from tracker.jobs.outbox import Delivery
from tracker.jobs.quarantine import Quarantine
from tracker.jobs.scheduler import Job, Metronome
from tracker.jobs.webhooks import NAME as WEBHOOKS
from tracker.jobs.webhooks import WebhookDelivery
from tracker.mail.return_path import return_path
from tracker.mail.smtp import Relay, SmtpTransport
from tracker.mail.transport import Transport
from tracker.settings import Settings

FAIL_POINT = "DONDOC_FAIL_POINT"
"""Set by the fault tests alone: the name of the point at which this process kills itself."""


def relay_of(settings: Settings) -> Relay | None:
    """The mail server that the settings name; None where messages wait in the outbox."""
    if settings.smtp_host is None:
        return None
    return Relay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password.reveal() if settings.smtp_password else None,
        ca_file=settings.smtp_ca_file,
        local_hostname=settings.mail_domain,
        send_seconds=settings.smtp_timeout_seconds,
        final_reply_seconds=settings.smtp_final_reply_seconds,
    )


def delivery_of(settings: Settings, transport: Transport) -> Delivery:
    """The outbox worker that these settings describe. Needs the secret key of the return paths."""
    assert settings.secret_key is not None
    secret = settings.secret_key.reveal().encode()
    address = f"bounce@{settings.mail_domain}"
    return Delivery(
        transport=transport,
        return_path=lambda outbox_id: return_path(outbox_id, address, secret),
        clock=clock.utc_now,
        connections=settings.smtp_connections,
        fail_point=_fail_point(),
    )


def _fail_point() -> Callable[[str], None]:
    wanted = os.environ.get(FAIL_POINT, "")

    def reached(name: str) -> None:
        if name == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def hours_of(settings: Settings) -> Hours:
    """When reminders may go."""
    return Hours(digest=settings.digest_time)


class Worker:
    """The jobs of one process; any number of processes may run one."""

    def __init__(self, settings: Settings, transport: Transport | None) -> None:
        self.delivery = None if transport is None else delivery_of(settings, transport)
        if settings.secret_key is not None:
            use_sender(settings)
            use_audit_key(settings)
        self.webhooks = WebhookDelivery(fail_point=_fail_point())
        self.quarantine = Quarantine(settings)
        self.long_work = LongWork(clock.utc_now, fail_point=_fail_point())
        self._grace = timedelta(seconds=settings.shutdown_seconds)
        hours = hours_of(settings)

        async def sweep(now: datetime) -> None:
            await reminders.run(now, hours)
            await heartbeat.ping(settings.ping_url)

        async def reports(now: datetime) -> None:
            await scheduled_reports.run(now, hours)

        async def reconcile(now: datetime) -> None:
            await reconciliation.run(now, hours)

        async def anchor(now: datetime) -> None:
            await audit.run(now, settings)

        jobs = [
            Job(reminders.NAME, timedelta(seconds=settings.sweep_seconds), sweep),
            Job(scheduled_reports.NAME, timedelta(seconds=settings.sweep_seconds), reports),
            Job(reconciliation.NAME, timedelta(seconds=settings.sweep_seconds), reconcile),
            Job(housekeeping.NAME, timedelta(hours=1), housekeeping.run),
            Job(audit.NAME, timedelta(hours=1), anchor),
        ]
        jobs.append(Job(outbox.NAME, timedelta(seconds=settings.deliver_seconds), self._deliver))
        jobs.append(Job(WEBHOOKS, timedelta(seconds=settings.deliver_seconds), self._call))
        # As many hands as jobs may run at once: each works one after the other.
        jobs += [
            Job(f"{long_work.NAME} {hand}", timedelta(seconds=long_work.LOOK_SECONDS), self.long_work.run)
            for hand in range(1, long_work.AT_ONCE + 1)
        ]
        self.metronome = Metronome(tuple(jobs), before=demo_clock.follow)

    async def _deliver(self, now: datetime) -> None:
        await self.quarantine.before(now)
        if self.delivery is None:
            # Nothing can leave, and the age of the outbox says so; the job itself is alive.
            await beat(outbox.NAME, {"relay": "none"})
        else:
            counts = await self.delivery.run_and_beat()
            await self.quarantine.after(counts.sent)

    async def _call(self, now: datetime) -> None:
        await self.quarantine.before(now)
        counts = await self.webhooks.run_and_beat()
        await self.quarantine.after(counts.sent)

    def start(self) -> None:
        """Begin to tick."""
        self.metronome.start()

    async def stop(self) -> None:
        """Claim nothing more, finish what is in flight, give the rest back."""
        if self.delivery is not None:
            self.delivery.stop.set()
        self.webhooks.stop.set()
        self.long_work.stop.set()
        await self.metronome.stop(self._grace)


def transport_of(settings: Settings) -> Transport | None:
    """The way out that the settings name; None where messages wait in the outbox."""
    relay = relay_of(settings)
    return None if relay is None else SmtpTransport(relay)

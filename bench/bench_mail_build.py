"""How many messages a second are rendered and built, against the standard library's EmailMessage.

Run: python -m bench.bench_mail_build [--seconds 2]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from tests.unit.mail_samples import SAMPLES, TO
from tracker.domain.zone import civil_now
from tracker.mail.compose import render
from tracker.mail.message import Mailbox, Message, to_bytes


def by_email_message(message: Message) -> bytes:
    """The same message by the standard library's object tree."""
    made = EmailMessage(policy=SMTP)
    made["From"] = _address(message.sender)
    made["To"] = _address(message.recipient)
    made["Subject"] = message.subject
    made["Date"] = format_datetime(civil_now(message.sent_at))
    made["Message-ID"] = message.message_id
    made.set_content(message.text)
    made.add_alternative(message.html, subtype="html")
    return made.as_bytes()


def _address(mailbox: Mailbox) -> Address:
    return Address(mailbox.name, addr_spec=mailbox.address)


def rate(work: Callable[[], object], seconds: float) -> float:
    """Runs a second, by processor time, so that neighbours on the machine do not count."""
    runs = 0
    begun = time.process_time()
    while (spent := time.process_time() - begun) < seconds:
        work()
        runs += 1
    return runs / spent


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=2)
    seconds = arguments.parse_args().seconds
    columns = ("HTML octets", "render/s", "build/s", "both/s", "EmailMessage/s", "times")
    print(f"{'mail':<12}" + "".join(f"{column:>16}" for column in columns))
    for name in ("digest_one", "digest", "assigned", "returned"):
        kind, context = SAMPLES[name]
        message = render(kind, context, "vi", TO)
        rendering = rate(lambda: render(kind, context, "vi", TO), seconds)  # noqa: B023  # called at once
        building = rate(lambda: to_bytes(message), seconds)  # noqa: B023
        standard = rate(lambda: by_email_message(message), seconds)  # noqa: B023
        both = 1 / (1 / rendering + 1 / building)
        size = len(message.html.encode())
        figures = (size, rendering, building, both, standard, building / standard)
        print(f"{name:<12}" + "".join(f"{figure:>16,.0f}" for figure in figures))


if __name__ == "__main__":
    main()

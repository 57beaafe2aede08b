"""Who sends and from which address: set once when the service starts, the same in every mail."""

from __future__ import annotations

from functools import cache

from tracker import i18n
from tracker.mail.contexts import Office
from tracker.mail.message import Mailbox
from tracker.settings import Settings, load

_office: Office | None = None
_relay: str = ""


def office_of(settings: Settings) -> Office:
    """The office that these settings describe."""
    name = settings.mail_from_name or i18n.text("vi", "mail.product")
    return Office(
        name=name,
        sender=Mailbox(name, settings.mail_from),
        reply_to=Mailbox(name, settings.mail_reply_to) if settings.mail_reply_to else None,
        domain=settings.mail_domain,
        url=settings.address,
    )


def use_office(settings: Settings) -> None:
    """From now on this process sends as these settings say."""
    global _office, _relay
    _office = office_of(settings)
    _relay = f"{settings.smtp_host}:{settings.smtp_port}" if settings.smtp_host else ""


def office() -> Office:
    """The office in use; that of the default settings where none was set."""
    return _office or _default_office()


@cache
def _default_office() -> Office:
    return office_of(load({}))


def relay_name() -> str:
    """The mail server that this process sends through, as people name it; empty where there is none."""
    return _relay


def assignment_url(task_id: int, agency_code: str) -> str:
    """The page of one assignment: the one link that a mail leads to."""
    return f"{office().url}/viec/{task_id}/{agency_code}"

"""The development sign-in of the demonstration: a signed cookie that says who the visitor plays.

It proves nothing about a person, so it exists only in the demonstration; otherwise no cookie is believed.
The real sign-in is another layer; pages only ask for `Session.official_id`.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

ABSOLUTE_LIFE = timedelta(hours=12)
NOTICE_LIFE = timedelta(minutes=2)


@dataclass(frozen=True)
class Session:
    """Who visits; `id` is fresh at each sign-in and binds the tokens of forms."""

    id: str
    official_id: int | None
    started_at: datetime


@dataclass(frozen=True)
class Notice:
    """What the page after a form says it did: a catalogue key and its parameters."""

    key: str
    params: dict[str, str]


class Signer:
    """Signs small values with one key; the purpose is part of what is signed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mac(self, purpose: str, value: str) -> str:
        """The authentication code of a value for one purpose."""
        code = hmac.digest(self._key, f"{purpose}\0{value}".encode(), "sha256")
        return base64.urlsafe_b64encode(code).decode().rstrip("=")

    def sign(self, purpose: str, value: dict[str, object]) -> str:
        """A text that only this key can have made."""
        body = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
        return f"{body}.{self.mac(purpose, body)}"

    def read(self, purpose: str, signed: str) -> dict[str, object] | None:
        """The value of a signed text; None when anything about it is wrong."""
        body, _, code = signed.partition(".")
        if not signed.isascii() or not hmac.compare_digest(code, self.mac(purpose, body)):
            return None
        decoded: dict[str, object] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return decoded


def new_session(official_id: int | None, now: datetime) -> Session:
    """A session that nobody has seen before; `now` is real time, not the demonstration's."""
    return Session(secrets.token_urlsafe(18), official_id, now)


def to_cookie(signer: Signer, session: Session) -> str:
    """The cookie value of a session."""
    return signer.sign(
        "session", {"id": session.id, "who": session.official_id, "at": session.started_at.timestamp()}
    )


def from_cookie(signer: Signer, cookie: str, now: datetime) -> Session | None:
    """The session of a cookie value; None for one that we did not make or that is too old."""
    value = signer.read("session", cookie)
    if value is None:
        return None
    who, at = value["who"], value["at"]
    started_at = datetime.fromtimestamp(float(str(at)), now.tzinfo)
    if started_at > now + timedelta(seconds=1) or now - started_at > ABSOLUTE_LIFE:
        return None
    return Session(str(value["id"]), None if who is None else int(str(who)), started_at)


def form_token(signer: Signer, session: Session) -> str:
    """The token that a form of this session carries: bound to the session, worthless in another."""
    return signer.mac("form", session.id)


def is_form_token(signer: Signer, session: Session, given: str) -> bool:
    """Whether a form came from a page of this very session."""
    return given.isascii() and hmac.compare_digest(given, form_token(signer, session))


def notice_to_cookie(signer: Signer, notice: Notice, now: datetime) -> str:
    """The cookie value of a notice for the next page."""
    return signer.sign("notice", {"key": notice.key, "params": notice.params, "at": now.timestamp()})


def notice_from_cookie(signer: Signer, cookie: str, now: datetime) -> Notice | None:
    """The notice of a cookie value, once and for a short while."""
    value = signer.read("notice", cookie)
    if value is None or now.timestamp() - float(str(value["at"])) > NOTICE_LIFE.total_seconds():
        return None
    params = value["params"]
    assert isinstance(params, dict)
    return Notice(str(value["key"]), {str(name): str(text) for name, text in params.items()})

"""What a browser carries: the session's token, the binding of a visitor who has not signed in, the notice of a form.

Who somebody is stands in the database (`actions.sessions`); the cookies here only lead there.
All are signed, so that what we did not make is refused without asking the database.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.actions.sessions import PREFIX

ANONYMOUS_LIFE = timedelta(hours=12)
NOTICE_LIFE = timedelta(minutes=2)


@dataclass(frozen=True)
class Session:
    """Who visits. `binding` is what the tokens of forms belong to, `id` that of the row of who has signed in."""

    binding: str
    id: int | None = None
    official_id: int | None = None


@dataclass(frozen=True)
class Notice:
    """What the page after a form says it did: a catalogue key, its parameters, and where a form takes it back."""

    key: str
    params: dict[str, str]
    undo: str = ""


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


def cookies_named(headers: Iterable[tuple[bytes, bytes]], name: str) -> list[str]:
    """Every value that a cookie of this name has in a request; a browser sends two when somebody slipped in another.

    >>> cookies_named([(b"cookie", b"a=1; b=2; a=3")], "a")
    ['1', '3']
    """
    wanted = name.encode("ascii")
    found = []
    for header, value in headers:
        if header.lower() == b"cookie":
            for pair in value.split(b";"):
                key, _, given = pair.strip().partition(b"=")
                if key == wanted:
                    found.append(given.strip(b'"').decode("latin-1"))
    return found


def token_to_cookie(signer: Signer, token: str) -> str:
    """The cookie value of a session's token."""
    return f"{token}.{signer.mac('session', token)}"


def token_from_cookie(signer: Signer, cookie: str) -> str | None:
    """The session's token of a cookie value; None for one that we did not make."""
    token, _, code = cookie.partition(".")
    if not token.startswith(PREFIX) or not cookie.isascii():
        return None
    return token if hmac.compare_digest(code, signer.mac("session", token)) else None


def signed_in(signer: Signer, token: str, session_id: int, official_id: int) -> Session:
    """The session of a token; the tokens of forms change with it."""
    return Session(signer.mac("binding", token), session_id, official_id)


def anonymous() -> Session:
    """A visitor whom nobody has seen before."""
    return Session(secrets.token_urlsafe(18))


def anonymous_to_cookie(signer: Signer, session: Session, now: datetime) -> str:
    """The cookie value of a visitor who has not signed in."""
    return signer.sign("anonymous", {"id": session.binding, "at": now.timestamp()})


def anonymous_from_cookie(signer: Signer, cookie: str, now: datetime) -> Session | None:
    """The visitor of a cookie value; None for one that we did not make or that is too old."""
    value = signer.read("anonymous", cookie)
    if value is None:
        return None
    age = now.timestamp() - float(str(value["at"]))
    return Session(str(value["id"])) if -1 <= age <= ANONYMOUS_LIFE.total_seconds() else None


def form_token(signer: Signer, session: Session) -> str:
    """The token that a form of this session carries: bound to the session, worthless in another."""
    return signer.mac("form", session.binding)


def masked(token: str) -> str:
    """The token under a mask of this page's own, so that what is zipped with it says nothing about it.

    A page's length would otherwise tell, letter by letter, whether a guess in the address is in the token too.
    """
    plain = token.encode("ascii")
    mask = secrets.token_bytes(len(plain))
    hidden = bytes(a ^ b for a, b in zip(plain, mask, strict=True))
    return base64.urlsafe_b64encode(mask + hidden).decode().rstrip("=")


def _unmasked(given: str) -> str:
    """What `masked` hid; anything else comes back as it is, and is no token."""
    try:
        both = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
    except ValueError:
        return given
    mask, hidden = both[: len(both) // 2], both[len(both) // 2 :]
    if len(mask) != len(hidden):
        return given
    return bytes(a ^ b for a, b in zip(mask, hidden, strict=True)).decode("latin-1")


def is_form_token(signer: Signer, session: Session, given: str) -> bool:
    """Whether a form came from a page of this very session; the token as it is, or as a page masks it."""
    if not given.isascii():
        return False
    expected = form_token(signer, session).encode("ascii")
    is_plain = hmac.compare_digest(given.encode("ascii"), expected)
    return is_plain or hmac.compare_digest(_unmasked(given).encode("latin-1"), expected)


def notice_to_cookie(signer: Signer, notice: Notice, now: datetime) -> str:
    """The cookie value of a notice for the next page."""
    return signer.sign(
        "notice", {"key": notice.key, "params": notice.params, "undo": notice.undo, "at": now.timestamp()}
    )


def notice_from_cookie(signer: Signer, cookie: str, now: datetime) -> Notice | None:
    """The notice of a cookie value, once and for a short while."""
    value = signer.read("notice", cookie)
    if value is None or now.timestamp() - float(str(value["at"])) > NOTICE_LIFE.total_seconds():
        return None
    params = value["params"]
    assert isinstance(params, dict)
    return Notice(
        str(value["key"]), {str(name): str(text) for name, text in params.items()}, str(value["undo"])
    )

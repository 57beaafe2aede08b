"""What the pages need besides the request: settings, the signing key and, in the demonstration, its mailbox."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar import Request

from tracker.settings import Settings
from tracker.web.session import Signer

if TYPE_CHECKING:
    from tracker.mailbox import LocalMailbox

WebRequest = Request[Any, Any, Any]


@dataclass(frozen=True)
class WebState:
    """Made once by the composition root; `after_step` is what follows a step of the demonstration's clock."""

    settings: Settings
    signer: Signer
    is_demonstration: bool = False
    mailbox: LocalMailbox | None = None
    after_step: Callable[[], Awaitable[None]] | None = None

    @property
    def is_secure(self) -> bool:
        """Whether users come over https, so that cookies may demand it."""
        return self.settings.address.startswith("https://")

    @property
    def session_cookie(self) -> str:
        """The name of the session cookie; the `__Host-` prefix is only possible over https."""
        return self.cookie_named("dondoc")

    @property
    def device_cookie(self) -> str:
        """The name of the cookie by which a device is known that has signed in before; it signs nobody in."""
        return self.cookie_named("thiet-bi")

    @property
    def code_cookie(self) -> str:
        """The name of the cookie between the password and the code."""
        return self.cookie_named("cho-ma")

    def cookie_named(self, name: str) -> str:
        """A name that no other host and no plain connection can set, where there is https."""
        return f"__Host-{name}" if self.is_secure else name


def make_state(
    settings: Settings,
    *,
    is_demonstration: bool,
    mailbox: LocalMailbox | None,
    after_step: Callable[[], Awaitable[None]] | None,
) -> WebState:
    """The state for one process; the settings must carry a key."""
    assert settings.secret_key is not None, "settings without a key: see process.with_secret_key"
    key = hashlib.sha256(b"pages" + settings.secret_key.reveal().encode()).digest()
    return WebState(settings, Signer(key), is_demonstration, mailbox, after_step)


def state_of(request: WebRequest) -> WebState:
    """The state of the application that serves this request."""
    state: WebState = request.app.state["web"]
    return state

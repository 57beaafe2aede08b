"""Applications to borrow: making one takes longer than most tests, furnishing one takes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tracker.app import Service, create_app
from tracker.mailbox import LocalMailbox
from tracker.process import with_secret_key
from tracker.settings import Settings

_idle: list[Service] = []


@contextmanager
def borrowed_app(
    settings: Settings, *, is_demonstration: bool = False, mailbox: LocalMailbox | None = None
) -> Iterator[Service]:
    """An application that nobody else uses meanwhile, as `create_app` would make it."""
    app = _idle.pop() if _idle else create_app(settings)
    app.furnish(with_secret_key(settings), is_demonstration=is_demonstration, mailbox=mailbox)
    try:
        yield app
    finally:
        _idle.append(app)

"""Connections that keep the service waiting: bounded in time and number, so that slow clients shut out nobody.

uvicorn bounds the pause between two requests, but neither the time a request's head may take nor how many
connections may sit idle; beyond `limit_concurrency` it answers 503 to everybody (attack case 81).
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""From the first octet (or the connection) to the end of the head."""
MOST_WAITING = 250
"""Connections without a whole request; the one that has waited longest makes room."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with an end to patience."""

    head_seconds = HEAD_SECONDS
    most_waiting = MOST_WAITING

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self.waits_since = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether it is the client's turn: no request yet, the last one answered, or a body still to come."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request; make room where too many wait."""
        super().connection_made(transport)
        self.waits_since = self.loop.time()
        self._await_head()
        waiting = [c for c in self.connections if isinstance(c, PatientProtocol) and c.is_waiting]
        if len(waiting) > self.most_waiting:
            min(waiting, key=lambda c: c.waits_since).drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; the head's time runs from its first octet and is not prolonged by the next ones."""
        was_answered = self.cycle is None or self.cycle.response_complete
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            if self._head_timer is None and not self.transport.is_closing():
                self._await_head()
        else:
            self._stop_waiting()
            if was_answered:
                self.waits_since = self.loop.time()

    def on_response_complete(self) -> None:
        """The next wait begins."""
        self.waits_since = self.loop.time()
        super().on_response_complete()

    def drop(self) -> None:
        """Hang up without a word."""
        self._stop_waiting()
        self.transport.abort()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self.drop)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

"""A pool that goes from test to test: a new connection reads the catalogue of every table it meets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tracker.db import engine
from tracker.settings import Settings


class KeptPool:
    """The pool of the last test in this loop, as long as it is sound."""

    def __init__(self) -> None:
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    @asynccontextmanager
    async def open(self, settings: Settings) -> AsyncIterator[None]:
        """Inside, the pool is open; of what was begun inside nothing goes on."""
        before = asyncio.all_tasks()
        if self._pool is not None and not self._pool.is_closing():
            engine.DB.pool = self._pool
        else:
            await engine.open_pool(settings)
            self._pool = engine.DB.pool
        try:
            yield
        finally:
            await _end(asyncio.all_tasks() - before)
            await self._take_back()

    async def close(self) -> None:
        """Close it for good."""
        if self._pool is not None and not self._pool.is_closing():
            engine.DB.pool = self._pool
            await engine.close_pool()
        self._pool = None

    async def _take_back(self) -> None:
        if engine.DB.pool is not self._pool:
            await engine.close_pool()  # a test has opened another one
        elif self._pool is not None and self._pool.get_idle_size() < self._pool.get_size():
            self._pool.terminate()  # somebody still holds a connection
        engine.DB.pool = None


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel tasks that a test has left behind; that which waits for this fixture to end is the runner's own."""
    left = {task for task in tasks if "_call_in_runner_task" not in str(task.get_coro())}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=5)

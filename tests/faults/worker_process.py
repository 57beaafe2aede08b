"""A worker as a process of its own, for the tests that kill it: `python -m tests.faults.worker_process`."""

from __future__ import annotations

import os

from tracker.db.engine import close_pool, open_pool
from tracker.jobs.worker import delivery_of, transport_of
from tracker.process import run
from tracker.settings import load


async def main() -> None:
    """Deliver what is due, once."""
    settings = load({k: v for k, v in os.environ.items() if k.startswith("TRACKER_")})
    await open_pool(settings)
    try:
        transport = transport_of(settings)
        assert transport is not None
        await delivery_of(settings, transport).run()
    finally:
        await close_pool()


if __name__ == "__main__":
    run(main())

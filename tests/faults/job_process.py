"""A hand for long work as a process of its own, for the tests that kill it: `python -m tests.faults.job_process`."""

from __future__ import annotations

import os

from tracker.db.engine import close_pool, open_pool
from tracker.jobs.worker import Worker
from tracker.process import run
from tracker.settings import load


async def main() -> None:
    """Do what waits, once."""
    settings = load({k: v for k, v in os.environ.items() if k.startswith("TRACKER_")})
    await open_pool(settings)
    try:
        await Worker(settings, None).long_work.run()
    finally:
        await close_pool()


if __name__ == "__main__":
    run(main())

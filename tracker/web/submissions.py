"""A form sent twice is one submission: the answer is kept beside the effect, in one transaction."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable

from tracker.api.errors import Refusal
from tracker.db.engine import enclosing_transaction, run_with_retries
from tracker.db.idempotency import find_answer, insert_answer, try_lock_key
from tracker.web.forms import Form
from tracker.web.page import Page

_SUBMISSION = re.compile(r"[A-Za-z0-9_-]{16}")


async def said_before(page: Page, form: Form) -> str | None:
    """What this submission was answered, if it was carried out already: nothing of it need be done again."""
    official_id = page.actor.official_id
    if official_id is None:
        return None
    kept = await find_answer(official_id, f"form:{form.text('lan-gui')}")
    return None if kept is None else kept.body.decode()


async def once(page: Page, form: Form, work: Callable[[], Awaitable[str]]) -> str:
    """Do `work` and return what it says; the same submission again returns the same without doing it again.

    Raises Refusal for a submission id that no form of ours has, or that is being worked on at this moment.
    """
    submission = form.text("lan-gui")
    official_id = page.actor.official_id
    if not _SUBMISSION.fullmatch(submission) or official_id is None:
        raise Refusal("bad_request")
    key = f"form:{submission}"
    fingerprint = hashlib.sha256(
        f"{page.request.scope['path']}\0{sorted(form.values.items())}".encode()
    ).digest()

    async def attempt() -> str:
        async with enclosing_transaction():
            if not await try_lock_key(official_id, key):
                raise Refusal("idempotency_in_flight", headers={"Retry-After": "1"})
            kept = await find_answer(official_id, key)
            if kept is not None:
                return kept.body.decode()
            said = await work()
            await insert_answer(official_id, key, fingerprint, 303, {}, said.encode())
            return said

    return await run_with_retries(attempt)

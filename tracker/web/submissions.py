"""A form sent twice is one submission: the answer is kept beside the effect, in one transaction.

Sent again with other words, as after the browser's way back, it is no second sending of the same: that is told, and
what was typed stays to be sent once more.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable

from tracker.api.errors import Refusal
from tracker.db.engine import Isolation, enclosing_transaction, run_with_retries
from tracker.db.idempotency import find_answer, insert_answer, try_lock_key
from tracker.domain.errors import Invalid
from tracker.web.forms import Form, new_submission
from tracker.web.page import Page

_SUBMISSION = re.compile(r"[A-Za-z0-9_-]{16}")
_LOOKS, _PAUSE = 50, 0.1
"""How often, and after how many seconds each, one looks whether the first of two sendings has ended."""


def _fingerprint(page: Page, form: Form) -> bytes:
    return hashlib.sha256(f"{page.request.scope['path']}\0{form.sent}".encode()).digest()


async def said_before(page: Page, form: Form) -> str | None:
    """What this submission was answered, if it was carried out already: nothing of it need be done again."""
    official_id = page.actor.official_id
    if official_id is None:
        return None
    kept = await find_answer(official_id, f"form:{form.text('lan-gui')}")
    return None if kept is None or kept.request_hash != _fingerprint(page, form) else kept.body.decode()


async def once(
    page: Page, form: Form, work: Callable[[], Awaitable[str]], isolation: Isolation = "read_committed"
) -> str:
    """Do `work` and return what it says; the same submission again returns the same without doing it again.

    `isolation` is what the transaction of `work` asks for.

    Raises Invalid where the submission was carried out with other words, and gives the form a new id: sent once more
    it counts. Raises Refusal for an id that no form of ours has, or that is still being worked on.
    """
    submission = form.text("lan-gui")
    official_id = page.actor.official_id
    if not _SUBMISSION.fullmatch(submission) or official_id is None:
        raise Refusal("bad_request")
    key = f"form:{submission}"
    fingerprint = _fingerprint(page, form)

    async def attempt() -> str | None:
        async with enclosing_transaction(isolation):
            if not await try_lock_key(official_id, key):
                return None
            kept = await find_answer(official_id, key)
            if kept is not None:
                if kept.request_hash != fingerprint:
                    form.values["lan-gui"] = new_submission()
                    raise Invalid.one("", "form_sent_before", None)
                return kept.body.decode()
            said = await work()
            await insert_answer(official_id, key, fingerprint, 303, {}, said.encode())
            return said

    for _ in range(_LOOKS):
        # Pressed twice: the second sending waits for what the first is answered.
        if (said := await run_with_retries(attempt)) is not None:
            return said
        await asyncio.sleep(_PAUSE)
    raise Refusal("idempotency_in_flight", headers={"Retry-After": "1"})

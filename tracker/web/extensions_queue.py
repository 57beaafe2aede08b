"""Requests for more time that wait for the assigning side: granted, or refused with a reason."""

from __future__ import annotations

from litestar import Response, post
from litestar.params import FromPath

from tracker.actions import extensions as extension_actions
from tracker.db.extensions import find_pending_extension
from tracker.domain.access import Verb, require
from tracker.domain.drafts import ExtensionDecision
from tracker.web.assignments import carry_out, read, show, subject_of
from tracker.web.forms import read_form
from tracker.web.page import open_page
from tracker.web.standing import path_of
from tracker.web.state import WebRequest


@post("/viec/{task_id:str}/{agency_code:str}/quyet-dinh-gia-han", include_in_schema=False)
async def decide_extension(
    request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]
) -> Response[bytes]:
    """Grant the waiting request, or refuse it."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    require(page.actor, Verb.DECIDE_EXTENSION, subject_of(row))
    extension = await find_pending_extension(row.id)
    grants = form.text("quyet-dinh") == "dong-y"
    decision = ExtensionDecision(
        grant=grants,
        granted_on=form.date("gia-han-den") if grants else None,
        document=form.text("van-ban-gia-han"),
        reason=form.text("ly-do"),
    )

    async def work() -> str:
        if extension is None:
            raise extension_actions.ExtensionDecided(state="decided", decided_at=row.changed_at)
        await extension_actions.decide(page.actor, extension.id, form.version(), decision, page.now)
        return "granted" if grants else "refused"

    fields = {"/granted_on": "gia-han-den", "/document": "van-ban-gia-han", "/reason": "ly-do"}
    names = {"gia-han-den": "extend.until", "van-ban-gia-han": "extend.document", "ly-do": "extend.answer"}
    done = await carry_out(page, row, form, work, fields, names)
    if isinstance(done, str):
        return page.see(path_of(row), f"notice.extension_{done}", agency=row.agency_short_name)
    fresh = await read(page, task_id, agency_code)
    return await show(page, fresh, form, stale=done[1], status=done[0])


routes = [decide_extension]

"""Reports that wait for the assigning side: confirmed, or returned with a reason."""

from __future__ import annotations

from litestar import Response, post
from litestar.params import FromPath

from tracker.actions import assignments as assignment_actions
from tracker.domain.access import Verb, require
from tracker.web.assignments import carry_out, read, show, subject_of
from tracker.web.forms import read_form
from tracker.web.page import open_page
from tracker.web.standing import path_of
from tracker.web.state import WebRequest


@post("/viec/{task_id:str}/{agency_code:str}/xac-nhan", include_in_schema=False)
async def judge(request: WebRequest, task_id: FromPath[str], agency_code: FromPath[str]) -> Response[bytes]:
    """Confirm the waiting report, or return it with a reason."""
    page = await open_page(request)
    row = await read(page, task_id, agency_code)
    form = await read_form(page)
    require(page.actor, Verb.CONFIRM, subject_of(row))
    note = form.text("y-kien")
    confirms = form.text("quyet-dinh") == "xac-nhan"
    if not confirms and not note:
        form.refuse("y-kien", "form_return_needs_reason")

    async def work() -> str:
        decide = assignment_actions.confirm if confirms else assignment_actions.return_for_rework
        await decide(page.actor, row.id, form.version(), note, page.now)
        return "confirmed" if confirms else "returned"

    fields = {"/note": "y-kien", "/reason": "y-kien"}
    done = await carry_out(page, row, form, work, fields, {"y-kien": "confirm.note"})
    if isinstance(done, str):
        return page.see(path_of(row), f"notice.{done}", agency=row.agency_short_name)
    fresh = await read(page, task_id, agency_code)
    return await show(page, fresh, form, stale=done[1], status=done[0])


routes = [judge]

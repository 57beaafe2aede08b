"""Inviting to an inspection session: what exactly would go to whom, sending it, taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import inspection_mail as actions
from tracker.db import inspections as db
from tracker.db.inspections import Inspection
from tracker.domain.access import Verb, require
from tracker.domain.errors import NotFound
from tracker.domain.inspection_letters import Method
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.inspection_invited import missing_of
from tracker.web.inspections import PATH, address, attempt, read
from tracker.web.page import Page, open_page
from tracker.web.state import WebRequest


@dataclass(frozen=True)
class LetterView:
    """One letter: to whom and as what, and how it reads."""

    who: str
    seat: str
    agency: str
    address: str
    what: str
    subject: str
    text: str


@get(PATH + "/{inspection_id:str}/giay-moi", include_in_schema=False)
async def before_inviting(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """What exactly goes to whom, and whom can no letter reach?"""
    page = await open_page(request)
    found = await read(page, inspection_id)
    require(page.actor, Verb.INSPECT)
    return await _show(page, found, Form({}))


async def _show(page: Page, found: Inspection, form: Form, *, status: int = 200) -> Response[bytes]:
    page.shown_path = address(found, "giay-moi")
    told = await actions.preview(page.actor, found.id, page.now)
    letters = []
    for seen in told.letters:
        is_over = seen.letter.method is Method.CANCEL
        what = "cancel" if is_over else "update" if seen.letter.previous else "new"
        seat = seen.letter.seat.value if seen.letter.seat is not None else "none"
        letters.append(
            LetterView(
                seen.person.name,
                page.s(f"invite.seat.{seat}"),
                seen.agency_name,
                seen.person.email,
                page.s(f"invite.what.{what}"),
                seen.subject,
                seen.text,
            )
        )
    return page.render(
        "inspection-invite.html",
        status=status,
        x=found,
        form=form,
        letters=letters,
        missing=missing_of(page, told.unreached),
        hold=int(actions.HOLD.total_seconds()),
        is_paused=page.is_sending_paused,
        submission=new_submission(),
    )


@post(PATH + "/{inspection_id:str}/giay-moi", include_in_schema=False)
async def invite(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """Send what was looked at; nothing leaves before it can no longer be taken back."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    form = await read_form(page)
    require(page.actor, Verb.INSPECT)

    async def work() -> str:
        sent = await actions.invite(page.actor, found.id, form.version(), page.now)
        return f"{sent.batch} {len(sent.letters)}"

    done = await attempt(page, form, work, {})
    if isinstance(done, int):
        return await _show(page, await db.get_inspection(found.id), form, status=done)
    batch, count = done.split()
    if count == "0":
        return page.see(address(found), "notice.session_invited_none")
    return page.see(
        address(found),
        "notice.session_invited",
        undo=f"{address(found, 'giay-moi')}/{batch}/hoan-tac",
        count=count,
        seconds=int(actions.HOLD.total_seconds()),
    )


@post(PATH + "/{inspection_id:str}/giay-moi/{batch:str}/hoan-tac", include_in_schema=False)
async def undo(request: WebRequest, inspection_id: FromPath[str], batch: FromPath[str]) -> Response[bytes]:
    """Take back every letter of one sending, while none has left."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    await read_form(page)
    require(page.actor, Verb.INSPECT)
    try:
        wanted = UUID(batch)
    except ValueError:
        raise NotFound(noun="invitation") from None
    count = await actions.undo(page.actor, found.id, wanted, page.now)
    return page.see(address(found), "notice.session_uninvited", count=count)


routes = [before_inviting, invite, undo]

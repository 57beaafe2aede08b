"""Who issues papers here: what stands in their heads, symbols, signatures, and the notice's own sentences."""

from __future__ import annotations

from dataclasses import asdict

from litestar import Response, get, post

from tracker.actions import issuer as actions
from tracker.domain.access import Verb, require
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.domain.issuer import CLOSING_FIELDS, LONGEST, LONGEST_SENTENCE, OPENING_FIELDS, Issuer
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page
from tracker.web.state import WebRequest
from tracker.web.submissions import once

PATH = "/thiet-lap/noi-ban-hanh"
_FIELDS = {
    "parent": "co-quan-chu-quan",
    "body": "don-vi",
    "parent_code": "ky-hieu-chu-quan",
    "code": "ky-hieu",
    "city": "dia-danh",
    "notice_signer": "chuc-danh-thong-bao",
    "dossier_signer": "chuc-danh-ho-so",
    "notice_opening": "mo-dau",
    "notice_closing": "ket-thuc",
}


@get(PATH, include_in_schema=False)
async def issuer(request: WebRequest) -> Response[bytes]:
    """How do our papers name us?"""
    page = await open_page(request)
    require(page.actor, Verb.MANAGE_ISSUER)
    return await _show(page, None)


async def _show(page: Page, form: Form | None, *, status: int = 200) -> Response[bytes]:
    page.shown_path = PATH
    stands, version = await actions.read_issuer()
    if form is None:
        form = Form({_FIELDS[name]: value for name, value in asdict(stands).items()})
    if page.kept is not None:
        form.fill(page.kept)
    return page.render(
        "issuer.html",
        status=status,
        form=form,
        version=version,
        stands=stands,
        most=LONGEST,
        longest=LONGEST_SENTENCE,
        opening=", ".join(f"{{{name}}}" for name in OPENING_FIELDS),
        closing=", ".join(f"{{{name}}}" for name in CLOSING_FIELDS),
        submission=new_submission(),
    )


@post(PATH, include_in_schema=False)
async def set_issuer(request: WebRequest) -> Response[bytes]:
    """From now on papers name us so."""
    page = await open_page(request)
    form = await read_form(page)
    require(page.actor, Verb.MANAGE_ISSUER)
    new = Issuer(**{name: form.text(field) for name, field in _FIELDS.items()})

    async def work() -> str:
        await actions.set_issuer(page.actor, form.version(), new, page.now)
        return "set"

    try:
        await once(page, form, work)
    except Invalid as error:
        form.take(error, {f"/{name}": field for name, field in _FIELDS.items()} | {"": ""})
        return await _show(page, form, status=422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, dict(error.params)))
        return await _show(page, form, status=409)
    return page.see(PATH, "notice.issuer_set")


routes = [issuer, set_issuer]

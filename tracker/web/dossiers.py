"""The papers of an inspection session as files: the dossier, whole or of one agency, and the draft of the notice."""

from __future__ import annotations

from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromPath

from tracker.actions import dossiers
from tracker.db.inspections import Inspection
from tracker.documents.paper import Document
from tracker.domain.access import Verb, require
from tracker.web.inspections import PATH, read
from tracker.web.page import open_page
from tracker.web.state import WebRequest


def _file(document: Document) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{document.name}"'}
    return Response(content=document.content, media_type=document.media_type, headers=headers)


MOST_ITEMS = 400
"""Items of a dossier that is made while one waits, some four seconds; a longer one is made by a worker."""


def item_count(found: Inspection) -> int:
    """How many items the frozen agenda has."""
    return 0 if found.totals is None else sum(found.totals["all"].values())


async def _dossier(
    request: WebRequest, inspection_id: str, format: dossiers.DossierFormat
) -> Response[bytes]:
    page = await open_page(request)
    found = await read(page, inspection_id)
    require(page.actor, Verb.INSPECT)
    agency = page.query.get("co-quan")
    if item_count(found) > MOST_ITEMS:
        query = {"buoi": str(found.id), **({"co-quan": agency} if agency else {})}
        return page.see(f"/tai-ve/bang/ho-so.{format}?{urlencode(query)}")
    return _file(await dossiers.dossier(page.actor, found.id, format, agency, page.language))


@get(PATH + "/{inspection_id:str}/ho-so.docx", include_in_schema=False)
async def dossier_docx(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """The dossier, to be edited."""
    return await _dossier(request, inspection_id, "docx")


@get(PATH + "/{inspection_id:str}/ho-so.pdf", include_in_schema=False)
async def dossier_pdf(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """The dossier, to be handed on."""
    return await _dossier(request, inspection_id, "pdf")


@get(PATH + "/{inspection_id:str}/ho-so.xlsx", include_in_schema=False)
async def dossier_xlsx(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """The rows of the dossier, to be computed with."""
    return await _dossier(request, inspection_id, "xlsx")


@get(PATH + "/{inspection_id:str}/thong-bao.docx", include_in_schema=False)
async def notice_docx(request: WebRequest, inspection_id: FromPath[str]) -> Response[bytes]:
    """The notice of conclusions, with gaps for what the signature brings."""
    page = await open_page(request)
    found = await read(page, inspection_id)
    require(page.actor, Verb.INSPECT)
    return _file(await dossiers.notice_draft(page.actor, found.id, "docx", page.language))


routes = [dossier_docx, dossier_pdf, dossier_xlsx, notice_docx]

"""Tables that a page hands over as files: made from what the page shows, sent as an attachment."""

from __future__ import annotations

from collections.abc import Iterable

from litestar import Response

from tracker.documents.paper import Document
from tracker.documents.tables_model import Column, Row, Table, at_hand
from tracker.domain.zone import civil_now
from tracker.web.page import Page


def send(document: Document) -> Response[bytes]:
    """The file as an attachment."""
    return Response(
        content=document.content,
        media_type=document.media_type,
        headers={"Content-Disposition": f'attachment; filename="{document.name}"'},
    )


def as_of_words(page: Page) -> str:
    """The present moment, for what is true now."""
    local = civil_now(page.now)
    return page.s("export.as_of", hour=f"{local:%H:%M}", day=f"{local:%d/%m/%Y}")


def table_at_hand(
    page: Page,
    name: str,
    title: str,
    columns: Iterable[Column],
    rows: Iterable[Row],
    *,
    as_of: str = "",
    scope: Iterable[str] = (),
    notes: Iterable[str] = (),
    foot: Row | None = None,
) -> Table:
    """A table whose rows a page has read; `name` is the file's, its day is added."""
    found = list(rows)
    return Table(
        name=f"{name}-{page.today:%Y-%m-%d}",
        title=title,
        sheet=title,
        as_of=as_of or as_of_words(page),
        made_on=page.today,
        language=page.language,
        columns=tuple(columns),
        rows=at_hand(found),
        total=len(found),
        scope=tuple(scope),
        notes=tuple(notes),
        foot=foot,
    )

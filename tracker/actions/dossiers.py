"""The papers of an inspection session: its dossier and the draft of its notice, from what was frozen alone."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tracker.actions.inspections import InspectionMoved, header_of
from tracker.actions.issuer import issuer_of
from tracker.db import directory as directory_db
from tracker.db import inspections as db
from tracker.db import reads_dossiers as reads
from tracker.db.engine import in_transaction, transaction
from tracker.db.inspections import Concluded, FrozenItem, Inspection
from tracker.documents import dossier as dossier_paper
from tracker.documents import dossier_xlsx
from tracker.documents import notice as notice_paper
from tracker.documents.dossier import Decision, Dossier, Remark
from tracker.documents.notice import NoticeDraft
from tracker.documents.paper import DOCX_TYPE, PDF_TYPE, Document
from tracker.documents.paper_docx import to_docx
from tracker.documents.paper_pdf import to_pdf
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid
from tracker.domain.inspections import Frozen, Topic
from tracker.domain.inspections import freeze as freeze_items
from tracker.domain.zone import civil_day
from tracker.i18n import DEFAULT_LANGUAGE, Language, text

PaperFormat = Literal["docx", "pdf"]
DossierFormat = Literal["docx", "pdf", "xlsx"]
DOSSIER_FORMATS: tuple[DossierFormat, ...] = ("docx", "pdf", "xlsx")
NOTICE_FORMATS: tuple[PaperFormat, ...] = ("docx", "pdf")


async def dossier(
    actor: Actor,
    inspection_id: int,
    format: DossierFormat,
    agency_code: str | None = None,
    language: Language = DEFAULT_LANGUAGE,
) -> Document:
    """The dossier of a frozen session, whole or of one of its agencies.

    Raises NotFound, InspectionMoved before the freeze, Invalid for another agency or an unknown format.
    """
    require(actor, Verb.INSPECT)
    if format not in DOSSIER_FORMATS:
        raise Invalid.one("/format", "not_a_choice", format, allowed=", ".join(DOSSIER_FORMATS))
    read = await _read(inspection_id)
    if agency_code is not None and agency_code not in read.found.agency_codes:
        raise Invalid.one("/agency", "inspection_agency_foreign", agency_code)
    made = replace(_dossier(read, agency_code, language), office=await issuer_of(language))
    name = f"{text(language, 'document.file.dossier')}-{inspection_id}"
    if agency_code is not None:
        name += f"-{safe_name(agency_code)}"
    name += f"-{read.found.held_on:%Y-%m-%d}.{format}"
    # Off the loop: a second of work, of which typst lets others run.
    if format == "xlsx":
        content = await asyncio.to_thread(dossier_xlsx.to_xlsx, made)
        return Document(name, XLSX_TYPE, content)
    content = await asyncio.to_thread(lambda: _PAPERS[format][1](dossier_paper.to_paper(made)))
    return Document(name, _PAPERS[format][0], content)


async def notice_draft(
    actor: Actor,
    inspection_id: int,
    format: PaperFormat = "docx",
    language: Language = DEFAULT_LANGUAGE,
) -> Document:
    """The notice of conclusions: with gaps for number and day until it is signed, as signed afterwards.

    Raises NotFound, InspectionMoved before the freeze, Invalid for an unknown format.
    """
    require(actor, Verb.INSPECT)
    if format not in NOTICE_FORMATS:
        raise Invalid.one("/format", "not_a_choice", format, allowed=", ".join(NOTICE_FORMATS))
    read = await _read(inspection_id)
    made = replace(_notice(read, language), office=await issuer_of(language))
    name = f"{text(language, 'document.file.notice')}-{inspection_id}-{read.found.held_on:%Y-%m-%d}.{format}"
    content = await asyncio.to_thread(lambda: _PAPERS[format][1](notice_paper.to_paper(made)))
    return Document(name, _PAPERS[format][0], content)


XLSX_TYPE = dossier_xlsx.MEDIA_TYPE
_PAPERS: Mapping[str, tuple[str, Callable[..., bytes]]] = {
    "docx": (DOCX_TYPE, to_docx),
    "pdf": (PDF_TYPE, to_pdf),
}


def safe_name(words: str) -> str:
    """A part of a file's name that any system and any header takes: letters of ASCII, digits, hyphens.

    >>> safe_name("Bộ Y tế / ../../x\\r\\n"), safe_name("Đ")
    ('Bo-Y-te-x', 'D')
    """
    plain = unicodedata.normalize("NFD", words.replace("Đ", "D").replace("đ", "d"))
    return re.sub(r"[^A-Za-z0-9]+", "-", plain.encode("ascii", "ignore").decode()).strip("-")[:40] or "x"


# --- what is read ---


@dataclass(frozen=True)
class _Read:
    """A frozen session with all that its papers tell; `frozen` has the digest that its rows give now."""

    found: Inspection
    frozen: Frozen
    items: list[FrozenItem]
    addenda: list[db.Addendum]
    conclusions: list[Concluded]
    names: Mapping[int, str]
    topic_number: str
    notice: reads.SignedNotice | None


async def _read(inspection_id: int) -> _Read:
    if in_transaction():
        return await _read_all(inspection_id)
    async with transaction("repeatable_read", readonly=True):
        return await _read_all(inspection_id)


async def _read_all(inspection_id: int) -> _Read:
    found = await db.get_inspection(inspection_id)
    if found.frozen_at is None:
        raise InspectionMoved(state=found.state.value)
    items = await db.list_items(inspection_id)
    people = {*found.member_ids, *(i for i in (found.chair_id, found.secretary_id) if i is not None)}
    officials = await directory_db.get_officials(people)
    return _Read(
        found,
        freeze_items([row.item for row in items], header_of(found), found.agency_codes),
        items,
        await db.list_addenda(inspection_id),
        await db.list_conclusions(inspection_id),
        {official.id: official.name for official in officials.values()},
        await reads.find_number(found.directive_id) if found.directive_id is not None else "",
        await reads.find_notice(inspection_id),
    )


def _dossier(read: _Read, agency_code: str | None, language: Language) -> Dossier:
    found = read.found
    assert found.frozen_at is not None
    of_agency = dict(zip(found.agency_codes, found.agency_names, strict=True))
    chosen = of_agency if agency_code is None else {agency_code: of_agency[agency_code]}
    rows = [row for row in read.items if row.item.agency_code in chosen]
    places = {row.id: row.position for row in rows}
    return Dossier(
        title=found.title,
        held_on=found.held_on,
        as_of=found.as_of,
        due_until=found.due_until,
        frozen_on=civil_day(found.frozen_at),
        digest=read.frozen.digest,
        check_code=read.frozen.check_code,
        agency_names=chosen,
        items=tuple((row.position, row.item) for row in rows),
        held_at=found.held_at,
        place=found.place,
        topic=_topic(read, language),
        chair=_name(read, found.chair_id),
        secretary=_name(read, found.secretary_id),
        members=tuple(read.names[i] for i in found.member_ids if i in read.names),
        addenda=tuple(
            Remark(places.get(a.item_id or 0), a.text, a.added_by_name, civil_day(a.added_at))
            for a in read.addenda
            if a.item_id is None or a.item_id in places
        ),
        conclusions=_decisions(read, places, chosen),
        is_of_one=agency_code is not None,
        language=language,
    )


def _decisions(read: _Read, places: Mapping[int, int], agencies: Mapping[str, str]) -> tuple[Decision, ...]:
    """The conclusions on these items, and those of the whole session or of these agencies."""
    return tuple(
        Decision(places.get(c.item_id or 0), c.agency_code, c.verdict, c.text, c.due_on)
        for c in read.conclusions
        if (c.item_id in places if c.item_id is not None else c.agency_code in ("", *agencies))
    )


def _topic(read: _Read, language: Language) -> str:
    match read.found.topic:
        case Topic.ALL:
            return text(language, "document.dossier.topic_all")
        case Topic.DIRECTIVE:
            return text(language, "document.dossier.topic_directive", number=read.topic_number)
        case Topic.FIELD:
            return text(language, "document.dossier.topic_field", field=read.found.field)


def _name(read: _Read, official_id: int | None) -> str:
    return read.names.get(official_id, "") if official_id is not None else ""


def _notice(read: _Read, language: Language) -> NoticeDraft:
    found, signed = read.found, read.notice
    assert found.frozen_at is not None
    of_agency = dict(zip(found.agency_codes, found.agency_names, strict=True))
    places = {row.id: row.position for row in read.items}
    return NoticeDraft(
        title=found.title,
        held_on=found.held_on,
        digest=read.frozen.digest,
        check_code=read.frozen.check_code,
        agency_names=of_agency,
        items={row.position: row.item for row in read.items},
        conclusions=_decisions(read, places, of_agency),
        made_on=found.held_on,
        place=found.place,
        chair=_name(read, found.chair_id),
        number=signed.number if signed else "",
        issued_on=signed.issued_on if signed else None,
        issuer=signed.issuer if signed else "",
        signer=signed.signer if signed else "",
        language=language,
    )

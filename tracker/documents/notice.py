"""The notice of conclusions (thông báo kết luận): a draft made of what a session concluded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from tracker.documents.dossier import Decision
from tracker.documents.paper import (
    ROMAN,
    Block,
    Heading,
    Line,
    Paper,
    Signature,
    number_line,
    paper_day,
    place_and_day,
    short_day,
    usual_issuer,
)
from tracker.domain.inspections import AgendaItem
from tracker.domain.issuer import CLOSING_FIELDS, Issuer, fill
from tracker.i18n import Language, text


@dataclass(frozen=True, slots=True)
class NoticeDraft:
    """What a notice says. Without `number` and `issued_on` it is a draft with gaps for both.

    `items` are the frozen items by their place on the agenda, `agency_names` by code in the order of the agenda.
    """

    title: str
    held_on: date
    digest: str
    check_code: str
    agency_names: Mapping[str, str]
    items: Mapping[int, AgendaItem]
    conclusions: tuple[Decision, ...]
    made_on: date
    place: str = ""
    chair: str = ""
    number: str = ""
    issued_on: date | None = None
    issuer: str = ""
    signer: str = ""
    language: Language = "vi"
    office: Issuer | None = None

    def word(self, key: str, **params: object) -> str:
        """A sentence of the catalogue in the language of the notice."""
        return text(self.language, f"document.{key}", **params)


def to_paper(draft: NoticeDraft) -> Paper:
    """The notice in the layout of Decree 30: general words, conclusions by agency, closing words."""
    office = draft.office or usual_issuer(draft.language)
    return Paper(
        language=draft.language,
        parent=office.parent.upper(),
        body=(draft.issuer or office.body).upper(),
        number=number_line(draft.number, draft.word("notice.symbol", code=office.code), draft.language),
        place=place_and_day(draft.issued_on, draft.language, office.city),
        title=draft.word("notice.title"),
        about=draft.word("notice.about", title=draft.title),
        blocks=tuple(_text(draft, office)),
        foot=draft.word("notice.foot", code=draft.check_code, digest=draft.digest),
        made_on=draft.issued_on or draft.made_on,
        receivers=tuple(
            draft.word(f"receiver.{key}", code=office.code)
            for key in ("chair", "members", "agencies", "kept_notice")
        ),
        signature=Signature(office.notice_signer, draft.signer or draft.chair),
    )


def _text(draft: NoticeDraft, office: Issuer) -> Iterator[Block]:
    agencies = "; ".join(draft.agency_names.values())
    day = paper_day(draft.held_on, draft.language)
    told = {
        "day": day,
        "place": draft.place,
        "chair": draft.chair,
        "title": draft.title,
        "agencies": agencies,
    }
    if office.notice_opening:
        yield Line(fill(office.notice_opening, "/notice_opening", told))
    else:
        place = draft.word("notice.place", place=draft.place) if draft.place else ""
        chair = draft.word("notice.chair", name=draft.chair) if draft.chair else ""
        yield Line(
            draft.word(
                "notice.opening", day=day, place=place, chair=chair, title=draft.title, agencies=agencies
            )
        )
    yield Line(draft.word("notice.hence"))
    parts = 0
    for code, name in draft.agency_names.items():
        own = [d for d in draft.conclusions if d.agency_code == code]
        if not own:
            continue
        yield Heading(f"{ROMAN[parts]}. {name}" if parts < len(ROMAN) else f"{parts + 1}. {name}")
        parts += 1
        yield from (Line(_clause(draft, number, d)) for number, d in enumerate(own, 1))
    whole = [d for d in draft.conclusions if d.agency_code not in draft.agency_names]
    if whole:
        head = draft.word("notice.whole")
        yield Heading(f"{ROMAN[parts]}. {head}" if parts < len(ROMAN) else f"{parts + 1}. {head}")
        yield from (Line(_clause(draft, number, d)) for number, d in enumerate(whole, 1))
    if not draft.conclusions:
        yield Line(draft.word("notice.none"))
    known = {name: told[name] for name in CLOSING_FIELDS}
    if office.notice_closing:
        yield Line(fill(office.notice_closing, "/notice_closing", known))
    else:
        yield Line(draft.word("notice.closing"))


def _clause(draft: NoticeDraft, number: int, decision: Decision) -> str:
    item = draft.items.get(decision.position) if decision.position is not None else None
    about = draft.word("notice.on", title=item.title) if item is not None else ""
    if item is not None and item.directive_number:
        about = draft.word("notice.on_directive", title=item.title, directive=_cited(item, draft.language))
    ordered = draft.word(
        f"notice.verdict.{decision.verdict.value}", day=short_day(decision.due_on), text=decision.text.strip()
    )
    return f"{number}. {about}{ordered}"


def _cited(item: AgendaItem, language: Language) -> str:
    if item.directive_issued_on is None:
        return item.directive_number
    return text(
        language,
        "overdue_directive",
        number=item.directive_number,
        day=short_day(item.directive_issued_on),
    )

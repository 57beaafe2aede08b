"""The dossier of an inspection session: the frozen agenda as a paper, for the whole session or one agency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time

from tracker.documents.paper import (
    Annex,
    Bars,
    Block,
    Column,
    Grid,
    Heading,
    Labelled,
    Line,
    Paper,
    Row,
    Signature,
    number_line,
    place_and_day,
    short_day,
    usual_issuer,
)
from tracker.domain.inspections import AgendaItem, ItemKind, Totals, Verdict
from tracker.domain.issuer import Issuer
from tracker.i18n import Language, has, text

AGES = ((1, 7), (8, 30), (31, 90), (91, None))
"""How many days late, both ends inclusive: the classes of the ageing."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What was added to an item, or to the whole (`position` None), after the freeze."""

    position: int | None
    text: str
    by: str
    on: date


@dataclass(frozen=True, slots=True)
class Decision:
    """What the session concluded on an item, or as a whole (`position` None)."""

    position: int | None
    agency_code: str
    verdict: Verdict
    text: str
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything a dossier says; days are civil days. Items come with their places on the whole agenda.

    `agency_names` are those of the dossier in the order of the agenda, by code; `check_code` and `digest` those of
    the whole session, also where the dossier is of one agency.
    """

    title: str
    held_on: date
    as_of: date
    due_until: date
    frozen_on: date
    digest: str
    check_code: str
    agency_names: Mapping[str, str]
    items: tuple[tuple[int, AgendaItem], ...]
    held_at: time | None = None
    place: str = ""
    topic: str = ""
    chair: str = ""
    secretary: str = ""
    members: tuple[str, ...] = ()
    addenda: tuple[Remark, ...] = ()
    conclusions: tuple[Decision, ...] = ()
    is_of_one: bool = False
    language: Language = "vi"
    office: Issuer | None = None

    @property
    def issuer(self) -> Issuer:
        """Who issues the dossier."""
        return self.office or usual_issuer(self.language)

    def word(self, key: str, **params: object) -> str:
        """A sentence of the catalogue in the language of the dossier."""
        return text(self.language, f"document.{key}", **params)

    def kind(self, kind: ItemKind) -> str:
        """What items of a kind are called."""
        return self.word(f"kind.{kind.value}")

    def of_kind(self, *kinds: ItemKind) -> list[tuple[int, AgendaItem]]:
        """The items of some kinds, in the order of the agenda."""
        return [(position, item) for position, item in self.items if item.kind in kinds]

    def totals(self, agency_code: str | None = None) -> Totals:
        """How many items of each kind, of one agency or of all."""
        counts: dict[str, int] = {}
        for _, item in self.items:
            if agency_code in (None, item.agency_code):
                counts[item.kind.value] = counts.get(item.kind.value, 0) + 1
        return Totals(**counts)

    @property
    def foot(self) -> str:
        """What every page prints at its bottom."""
        return self.word(
            "foot", day=short_day(self.as_of), code=self.check_code, digest=self.digest, items=len(self.items)
        )


def to_paper(dossier: Dossier) -> Paper:
    """The dossier in the layout of Decree 30: cover and text, then its annexes."""
    one = next(iter(dossier.agency_names.values()), "") if dossier.is_of_one else ""
    about = dossier.word("dossier.about_one", title=dossier.title, agency=one) if one else dossier.title
    office = dossier.issuer
    return Paper(
        language=dossier.language,
        parent=office.parent.upper(),
        body=office.body.upper(),
        number=number_line("", dossier.word("dossier.symbol", code=office.code), dossier.language),
        place=place_and_day(dossier.frozen_on, dossier.language, office.city),
        title=dossier.word("dossier.title"),
        about=about,
        blocks=tuple(_text(dossier)),
        foot=dossier.foot,
        made_on=dossier.frozen_on,
        receivers=_receivers(dossier),
        signature=Signature(office.dossier_signer, dossier.secretary),
        annexes=tuple(_annexes(dossier)),
    )


def _receivers(dossier: Dossier) -> tuple[str, ...]:
    named = [dossier.word("receiver.chair"), dossier.word("receiver.members")]
    kept = dossier.word("receiver.kept", code=dossier.issuer.code)
    return (*named, dossier.word("receiver.agencies"), kept)


# --- the text ---


def _text(dossier: Dossier) -> Iterator[Block]:
    yield Heading(dossier.word("dossier.part_session"))
    yield from _session(dossier)
    yield Heading(dossier.word("dossier.part_figures"))
    totals = dossier.totals()
    yield Line(
        dossier.word(
            "dossier.figures",
            day=short_day(dossier.as_of),
            until=short_day(dossier.due_until),
            all=totals.all,
            **{kind.value: getattr(totals, kind.value) for kind in ItemKind},
        )
    )
    yield totals_grid(dossier)
    kinds = [kind for kind in ItemKind if getattr(totals, kind.value)]
    if len(dossier.agency_names) > 1 and totals.all:
        yield Bars(
            dossier.word("chart.agencies"),
            tuple(dossier.kind(kind) for kind in kinds),
            tuple(
                (name, tuple(getattr(dossier.totals(code), kind.value) for kind in kinds))
                for code, name in dossier.agency_names.items()
            ),
        )
    late = [item for _, item in dossier.of_kind(ItemKind.OVERDUE)]
    if late:
        yield Line(_lateness(dossier, late))
        yield Bars(
            dossier.word("chart.ages"),
            ("",),
            tuple((_age_words(dossier, low, high), (count,)) for (low, high), count in ages(late)),
        )
    explained = sum(1 for item in late if item.explanation)
    if late:
        yield Line(
            dossier.word(
                "dossier.explained", explained=explained, all=len(late), silent=len(late) - explained
            )
        )
    yield Line(dossier.word("dossier.see"))
    whole = [d for d in dossier.conclusions if d.position is None]
    if whole:
        yield Heading(dossier.word("dossier.part_whole"))
        yield from (Line(f"- {verdict_words(d, dossier.language)}") for d in whole)


def _session(dossier: Dossier) -> Iterator[Block]:
    at = dossier.word("dossier.hour", hour=f"{dossier.held_at:%H:%M}") if dossier.held_at else ""
    yield Line(dossier.word("dossier.held", at=at, day=short_day(dossier.held_on)).replace("  ", " "))
    for key, value in (
        ("place", dossier.place),
        ("topic", dossier.topic),
        ("chair", dossier.chair),
        ("secretary", dossier.secretary),
        ("members", "; ".join(dossier.members)),
        ("agencies", "; ".join(dossier.agency_names.values())),
    ):
        if value:
            yield Line(dossier.word(f"dossier.{key}", value=value))


def _lateness(dossier: Dossier, late: Sequence[AgendaItem]) -> str:
    worst = max(late, key=lambda item: item.days)
    return dossier.word(
        "dossier.lateness",
        days=worst.days,
        title=worst.title,
        agency=worst.agency_name,
        extended=sum(1 for item in late if item.extensions > 1),
        returned=sum(1 for item in late if item.returned),
    )


def ages(late: Iterable[AgendaItem]) -> list[tuple[tuple[int, int | None], int]]:
    """How many items fall into each class of `AGES`."""
    days = [item.days for item in late]
    return [
        ((low, high), sum(1 for d in days if max(d, 1) >= low and (high is None or d <= high)))
        for low, high in AGES
    ]


def _age_words(dossier: Dossier, low: int, high: int | None) -> str:
    return dossier.word("age.over", low=low - 1) if high is None else dossier.word("age", low=low, high=high)


def totals_grid(dossier: Dossier) -> Grid:
    """The totals by agency and kind, and their sum."""
    columns = (
        Column(dossier.word("column.number"), 8, "centre"),
        Column(dossier.word("column.agency"), 30),
        *(Column(dossier.kind(kind), 12, "centre") for kind in ItemKind),
        Column(dossier.word("column.all"), 10, "centre"),
    )
    rows = [
        Row((str(number), name, *_figures(dossier.totals(code))))
        for number, (code, name) in enumerate(dossier.agency_names.items(), 1)
    ]
    if len(rows) > 1:
        rows.append(Row(("", dossier.word("total"), *_figures(dossier.totals())), "total"))
    return Grid(columns, tuple(rows), dossier.word("none"))


def _figures(totals: Totals) -> tuple[str, ...]:
    return (*(str(getattr(totals, kind.value)) for kind in ItemKind), str(totals.all))


# --- the annexes ---

LATE_COLUMNS = (
    ("number", 7),
    ("task", 33),
    ("directive", 14),
    ("lead", 14),
    ("due_on", 14),
    ("original_due_on", 14),
    ("days_late", 8),
    ("extensions", 7),
    ("last_report", 18),
    ("cause", 16),
    ("commitment", 14),
)
"""The official five of the overdue annex, then ours."""

OTHER_COLUMNS = (
    ("number", 7),
    ("task", 37),
    ("directive", 15),
    ("due_on", 13),
    ("days", 10),
    ("state", 14),
    ("last_report", 24),
    ("cause", 20),
)
_CENTRED = frozenset({"number", "due_on", "original_due_on", "days_late", "extensions", "commitment", "days"})


def _annexes(dossier: Dossier) -> Iterator[Annex]:
    cut_off = dossier.word("cut_off", day=short_day(dossier.as_of))
    yield Annex(dossier.word("annex.overdue"), cut_off, (late_grid(dossier),), is_landscape=True)
    others = dossier.of_kind(ItemKind.DUE_SOON, ItemKind.TARGET, ItemKind.REQUEST, ItemKind.STANDING)
    if others:
        yield Annex(dossier.word("annex.others"), cut_off, (others_grid(dossier),), is_landscape=True)
    if dossier.items:
        yield Annex(dossier.word("annex.history"), cut_off, tuple(_histories(dossier)))
        yield Annex(dossier.word("annex.evidence"), cut_off, (evidence_grid(dossier),), is_landscape=True)
    if dossier.addenda:
        frozen = dossier.word("annex.addenda_under", day=short_day(dossier.frozen_on))
        yield Annex(dossier.word("annex.addenda"), frozen, (addenda_grid(dossier),))


def _columns(dossier: Dossier, keys: Sequence[tuple[str, int]]) -> tuple[Column, ...]:
    return tuple(
        Column(dossier.word(f"column.{key}"), width, "centre" if key in _CENTRED else "left")
        for key, width in keys
    )


def _grouped(
    dossier: Dossier, items: Iterable[tuple[int, AgendaItem]], keys: Sequence[tuple[str, int]]
) -> tuple[Row, ...]:
    by_agency: dict[str, list[tuple[int, AgendaItem]]] = {}
    for position, item in items:
        by_agency.setdefault(item.agency_code, []).append((position, item))
    rows = []
    for code, own in by_agency.items():
        name = dossier.agency_names.get(code, own[0][1].agency_name)
        rows.append(Row((dossier.word("group", name=name, count=len(own)),), "group"))
        rows += [Row(tuple(cell(dossier, position, item, key) for key, _ in keys)) for position, item in own]
    return tuple(rows)


def late_grid(dossier: Dossier) -> Grid:
    """The overdue annex with its official columns, by agency."""
    items = dossier.of_kind(ItemKind.OVERDUE)
    return Grid(
        _columns(dossier, LATE_COLUMNS), _grouped(dossier, items, LATE_COLUMNS), dossier.word("none_overdue")
    )


def others_grid(dossier: Dossier) -> Grid:
    """What else is on the agenda, by kind."""
    rows: list[Row] = []
    for kind in ItemKind:
        items = dossier.of_kind(kind)
        if kind is ItemKind.OVERDUE or not items:
            continue
        rows.append(Row((dossier.word("group", name=dossier.kind(kind), count=len(items)),), "group"))
        for position, item in items:
            cells = [cell(dossier, position, item, key) for key, _ in OTHER_COLUMNS]
            if not dossier.is_of_one:
                cells[1] = f"{cells[1]} ({item.agency_name})"
            rows.append(Row(tuple(cells)))
    return Grid(_columns(dossier, OTHER_COLUMNS), tuple(rows), dossier.word("none"))


def cell(dossier: Dossier, position: int, item: AgendaItem, key: str) -> str:
    """One cell of a table of items; `number` is the item's place on the agenda of the session."""
    match key:
        case "number":
            return str(position)
        case "task":
            return item.full_text or item.title
        case "directive":
            return directive_words(item, dossier.language)
        case "lead":
            return item.agency_name
        case "due_on":
            at = f"{item.due_time:%H:%M} " if item.due_time and item.due_on else ""
            return at + short_day(item.due_on)
        case "original_due_on":
            return short_day(item.original_due_on)
        case "days_late":
            return str(item.days)
        case "days":
            return dossier.word(f"days.{item.kind.value}", days=item.days)
        case "extensions":
            return str(item.extensions)
        case "last_report":
            return ": ".join(filter(None, (short_day(item.last_report_on), item.last_report)))
        case "cause":
            return item.cause
        case "commitment":
            return short_day(item.committed_on)
        case "state":
            known = f"export.status.{item.status}"
            if item.figures:
                return item.figures
            return text(dossier.language, known) if has(known) else item.figures
    raise KeyError(key)


def directive_words(item: AgendaItem, language: Language) -> str:
    """The directive as an annex cites it: number and date."""
    if item.directive_issued_on is None:
        return item.directive_number
    day = short_day(item.directive_issued_on)
    return text(language, "overdue_directive", number=item.directive_number, day=day)


def _histories(dossier: Dossier) -> Iterator[Block]:
    remarks: dict[int, list[Remark]] = {}
    for remark in dossier.addenda:
        if remark.position is not None:
            remarks.setdefault(remark.position, []).append(remark)
    decided = {d.position: d for d in dossier.conclusions if d.position is not None}
    agency = ""
    for position, item in dossier.items:
        if item.agency_name != agency:
            agency = item.agency_name
            yield Heading(agency)
        yield Heading(dossier.word("item", number=position, title=item.title), 2)
        yield from (Labelled(dossier.word(f"fact.{key}"), said) for key, said in facts(dossier, item))
        for remark in remarks.get(position, ()):
            yield Labelled(
                dossier.word("fact.addendum", day=short_day(remark.on), name=remark.by), remark.text
            )
        if position in decided:
            yield Labelled(
                dossier.word("fact.conclusion"), verdict_words(decided[position], dossier.language)
            )


def facts(dossier: Dossier, item: AgendaItem) -> Iterator[tuple[str, str]]:
    """The history of an item as far as it was frozen: the name of each fact, and the fact."""
    late = item.kind is ItemKind.OVERDUE
    days = dossier.word(f"days.{item.kind.value}", days=item.days)
    if late and item.days == 0 and item.due_time is not None:
        days = dossier.word("days.overdue_hour", time=f"{item.due_time:%H:%M}")
    yield "kind", f"{dossier.kind(item.kind)} ({days})"
    if item.directive_number:
        yield "given", directive_words(item, dossier.language)
    if item.full_text and item.full_text != item.title:
        yield "task", item.full_text
    if item.product:
        yield "product", item.product
    if item.cooperating:
        yield "cooperating", "; ".join(item.cooperating)
    if item.due_on is not None:
        moved = item.original_due_on not in (None, item.due_on)
        key = "due_moved" if moved else "due_kept"
        yield (
            "due",
            dossier.word(
                f"dossier.{key}",
                day=short_day(item.due_on),
                first=short_day(item.original_due_on),
                times=item.extensions,
            ),
        )
    if item.figures:
        yield "figures", item.figures
    reported = ": ".join(filter(None, (short_day(item.last_report_on), item.last_report)))
    if reported:
        yield "report", reported
    if item.returned:
        yield "returned", dossier.word("dossier.returned", times=item.returned)
    if item.cause:
        yield "cause", item.cause
    if item.committed_on is not None:
        yield "commitment", short_day(item.committed_on)
    if item.explanation:
        by = dossier.word(
            "dossier.explained_by", name=item.explained_by, day=short_day(item.explained_on)
        ).strip()
        yield "explanation", f"{item.explanation}\n({by})"
    elif late:
        yield "explanation", dossier.word("dossier.no_explanation")
    if item.last_concluded:
        said = _earlier_words(item.last_concluded, dossier.language)
        yield "earlier", ": ".join(filter(None, (short_day(item.last_concluded_on), said)))


def _earlier_words(said: str, language: Language) -> str:
    """An earlier conclusion was frozen as "verdict: words"."""
    verdict, _, rest = said.partition(": ")
    if verdict in {v.value for v in Verdict}:
        return f"{text(language, f'document.verdict.{verdict}')}. {rest}"
    return said


def verdict_words(decision: Decision, language: Language) -> str:
    """A conclusion as a sentence: what it is, its day, its words."""
    head = text(language, f"document.verdict.{decision.verdict.value}")
    if decision.due_on is not None:
        head = text(language, "document.verdict_by", verdict=head, day=short_day(decision.due_on))
    return f"{head}: {decision.text}" if decision.text else head


EVIDENCE_COLUMNS = (
    ("number", 6),
    ("item", 24),
    ("directive", 16),
    ("last_report", 22),
    ("file", 24),
    ("size", 9),
    ("given", 17),
    ("checksum", 20),
)
"""What each item rests on; a file in each row, the item in the first of them."""


def evidence_grid(dossier: Dossier) -> Grid:
    """What each item rests on: the directive, the last report, and the files that its reports came with."""
    rows = []
    for position, item in dossier.items:
        reported = ": ".join(filter(None, (short_day(item.last_report_on), item.last_report)))
        head = (
            str(position),
            item.title,
            directive_words(item, dossier.language),
            reported or dossier.word("no_report"),
        )
        if not item.files:
            rows.append(Row((*head, dossier.word("no_file"), "", "", "")))
        for number, file in enumerate(item.files):
            given = "\n".join(filter(None, (short_day(file.on), file.by)))
            rows.append(
                Row((
                    *(head if number == 0 else ("", "", "", "")), file.name, size_words(file.size, dossier.language),
                    given, " ".join(file.sha256[n : n + 16] for n in range(0, 64, 16)),
                ))
            )  # fmt: skip
    columns = tuple(
        Column(dossier.word(f"column.{key}"), width, "centre" if key in {"number", "size"} else "left")
        for key, width in EVIDENCE_COLUMNS
    )
    return Grid(columns, tuple(rows), dossier.word("none"))


def size_words(size: int, language: Language) -> str:
    """The size of a file as people say it.

    >>> size_words(900, "vi"), size_words(123_456, "vi"), size_words(2_345_678, "vi"), size_words(2_345_678, "en")
    ('900 B', '121 KB', '2,2 MB', '2.2 MB')
    """
    if size < 1024:
        return f"{size} B"
    if size < 1024 * 1024:
        return f"{round(size / 1024)} KB"
    words = f"{size / 1024 / 1024:.1f} MB"
    return words.replace(".", ",") if language == "vi" else words


def addenda_grid(dossier: Dossier) -> Grid:
    """The corrections since the freeze, oldest first; what was frozen stands as it was."""
    columns = (
        Column(dossier.word("column.on"), 14, "centre"),
        Column(dossier.word("column.item_number"), 10, "centre"),
        Column(dossier.word("column.addendum"), 52),
        Column(dossier.word("column.by"), 22),
    )
    rows = tuple(
        Row((
            short_day(r.on), dossier.word("whole") if r.position is None else str(r.position), r.text, r.by,
        ))
        for r in dossier.addenda
    )  # fmt: skip
    return Grid(columns, rows)

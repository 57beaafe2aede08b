"""From a table to tasks: every row read, every problem named with its row, its column and what was expected."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tracker.domain.drafts import NewTask
from tracker.domain.errors import Invalid, Problem
from tracker.domain.phrases import parse
from tracker.domain.rules import Kind
from tracker.domain.search import search_key
from tracker.domain.text import clean_text
from tracker.intake.charged import Charge, Names, charge_helpers, charge_leads
from tracker.intake.citations import Cited, KnownDocument, read_citation
from tracker.intake.columns import Column, Heading, body, find_heading
from tracker.intake.days import looks_like_date, read_date
from tracker.intake.tables import Cell, Row, Table, column_letters, is_blank, shown

SHORT_NAME = 90
_YES = frozenset({"co", "x", "yes", "y", "true", "1", "dung"})
_YEAR = re.compile(r"(?:19|20|21)\d{2}")
_NUMBERED = re.compile(r"\d{1,5}[.)]?")


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong in one place of a table; `column` is the header as the file writes it."""

    row: int
    column: str
    code: str
    value: object = None
    params: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """One row as a task of a document; `document.issued_on` may still be unknown."""

    row: int
    document: Cited
    task: NewTask


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every row that does not say it itself."""

    document: str = ""
    issued_on: date | None = None
    issuer: str = ""
    kind: str = ""
    abstract: str = ""
    confirm_early: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A table as understood: drafts in the order of rows, problems that stop it, remarks that do not."""

    drafts: tuple[Draft, ...]
    problems: tuple[RowProblem, ...]
    remarks: tuple[RowProblem, ...]
    heading: Heading


def read_rows(
    table: Table,
    names: Names,
    known: Mapping[str, KnownDocument],
    defaults: Defaults,
    progress: Callable[[int, int], None] | None = None,
) -> Reading:
    """Every row of `table` as a task. Nothing is guessed: what is unclear is a problem.

    Raises Unreadable when there is no header row, or when it is merged.
    """
    heading = find_heading(table)
    rows = _filled(table, body(table, heading))
    reader = _Reader(table, heading, names, known, defaults)
    for position, row in enumerate(rows, start=1):
        reader.take(row)
        if progress is not None:
            progress(position, len(rows))
    formulas = [
        RowProblem(
            f.row, _title_at(heading, f.column), "import_formula", f.text, {"cell": _name(f.row, f.column)}
        )
        for f in table.formulas
        if f.row >= heading.row
    ]
    # A cell with a formula was read as empty: the formula is the error, not the emptiness.
    spoiled = {(f.row, f.column) for f in formulas}
    problems = [p for p in reader.problems if (p.row, p.column) not in spoiled]
    numbering = check_numbering(
        [(row.number, heading.text(row, Column.ORDINAL)) for row in rows], heading.title(Column.ORDINAL)
    )
    return Reading(
        tuple(reader.drafts),
        tuple(sorted([*formulas, *problems], key=lambda p: p.row)),
        (*reader.remarks, *numbering),
        heading,
    )


def _title_at(heading: Heading, column: int) -> str:
    place = next((c for c, p in heading.places.items() if p == column - 1), None)
    return heading.titles[place] if place else column_letters(column)


def _name(row: int, column: int) -> str:
    return f"{column_letters(column)}{row}"


def _filled(table: Table, rows: Sequence[Row]) -> list[Row]:
    """Rows with the value of a cell that was merged downwards in each row it covers."""
    covers = [(t, left, b, r) for t, left, b, r in table.merged if b > t]
    if not covers:
        return list(rows)
    values = {row.number: row for row in table.rows}
    filled = []
    for row in rows:
        cells = list(row.cells)
        for top, left, bottom, right in covers:
            if top < row.number <= bottom and top in values:
                for column in range(left, right + 1):
                    cells.extend([None] * (column - len(cells)))
                    if is_blank(cells[column - 1]):
                        cells[column - 1] = values[top].cell(left - 1)
        filled.append(replace(row, cells=tuple(cells)))
    return filled


class _Reader:
    """Takes one row after the other; remembers the section and what has been seen."""

    def __init__(
        self,
        table: Table,
        heading: Heading,
        names: Names,
        known: Mapping[str, KnownDocument],
        defaults: Defaults,
    ) -> None:
        self.table, self.heading, self.names, self.known, self.defaults = (
            table,
            heading,
            names,
            known,
            defaults,
        )
        self.drafts: list[Draft] = []
        self.problems: list[RowProblem] = []
        self.remarks: list[RowProblem] = []
        self.section = ""
        self.seen: dict[str, int] = {}

    def take(self, row: Row) -> None:
        """Read one row: a section heading, a repetition of the header, or a task."""
        title = self._section_title(row)
        if title is not None:
            self.section = title
            return
        found: list[Problem] = []
        draft = self._task(row, found)
        for problem in found:
            self.problems.append(self.place(row.number, problem))
        if draft is None or found:
            return
        key = draft.task.import_key or ""
        if key in self.seen:
            remark = RowProblem(
                row.number,
                self.heading.title(Column.TASK),
                "import_row_twice",
                None,
                {"first": self.seen[key]},
            )
            self.remarks.append(remark)
            return
        self.seen[key] = row.number
        self.drafts.append(draft)

    def place(self, row: int, problem: Problem) -> RowProblem:
        """A problem with the row and the header of its column."""
        column = Column(problem.field.removeprefix("/"))
        return RowProblem(row, self.heading.title(column), problem.code, problem.value, problem.params)

    def _section_title(self, row: Row) -> str | None:
        """The words of a line that only heads the lines below it ("II. Về dữ liệu"); None for a task."""
        filled = [(place, shown(cell).strip()) for place, cell in enumerate(row.cells) if not is_blank(cell)]
        ordinal_at = self.heading.places.get(Column.ORDINAL)
        ordinal = self.heading.text(row, Column.ORDINAL)
        if [t for _, t in filled] == [str(n) for n in range(1, len(filled) + 1)] and len(filled) > 2:
            return self.section  # the line "1 2 3 4 5" that numbers the columns
        words = [text for place, text in filled if place != ordinal_at]
        if not _NUMBERED.fullmatch(ordinal) and len(words) == 1:
            return words[0]
        if ordinal and not words and not _NUMBERED.fullmatch(ordinal):
            return ordinal
        return None

    def _task(self, row: Row, found: list[Problem]) -> Draft | None:
        text = self.heading.text
        full_text = self._required(row, Column.TASK, found)
        document = self._document(row, found)
        issued_on = document.issued_on if document else None
        leads = self._leads(row, issued_on, found)
        helpers = charge_helpers(
            text(row, Column.COOPERATING), leads, issued_on, self.names, f"/{Column.COOPERATING}"
        )
        found.extend(helpers.problems)
        self._tell_left_out(row, helpers)
        deadline, due_on = self._due(row, found)
        if deadline and due_on is None and issued_on and parse(deadline, issued_on).kind is Kind.NONE:
            title = self.heading.title(Column.DUE)
            self.remarks.append(RowProblem(row.number, title, "import_no_deadline", deadline, {}))
        short_name = text(row, Column.SHORT_NAME) or shorten(full_text)
        if len(short_name) > SHORT_NAME:
            params = {"max_length": SHORT_NAME, "length": len(short_name)}
            found.append(Problem(f"/{Column.SHORT_NAME}", "text_too_long", short_name[:60] + "…", params))
        if document is None:
            return None
        task = NewTask(
            short_name=short_name,
            full_text=full_text,
            leads=leads.codes,
            lead_classes=(leads.by_class,) if leads.by_class else (),
            lead_words=leads.words,
            cooperating=helpers.codes,
            deadline=deadline,
            due_on=due_on,
            product=text(row, Column.PRODUCT),
            place=text(row, Column.PLACE),
            report_to=text(row, Column.REPORT_TO),
            field=text(row, Column.FIELD) or self.section,
            officer_email=text(row, Column.OFFICER),
            early_due_confirmed=self.defaults.confirm_early
            or search_key(text(row, Column.CONFIRM_EARLY)) in _YES,
            import_key=row_key(document.number, full_text, text(row, Column.LEAD), deadline),
        )
        return Draft(row.number, document, task)

    def _required(self, row: Row, column: Column, found: list[Problem]) -> str:
        value = self.heading.text(row, column)
        if not value:
            found.append(Problem(f"/{column}", "import_required", None, {}))
            return ""
        try:
            return clean_text(value, f"/{column}", 20_000, allow_newlines=True)
        except Invalid as error:
            found.extend(error.problems)
            return ""

    def _document(self, row: Row, found: list[Problem]) -> Cited | None:
        field = f"/{Column.DOCUMENT}"
        text = self.heading.text(row, Column.DOCUMENT) or self.defaults.document
        if not text:
            found.append(Problem(field, "import_document_missing", None, {}))
            return None
        cited = read_citation(text, self.known, field)
        if isinstance(cited, Problem):
            found.append(cited)
            return None
        issued_on = cited.issued_on
        cell = self.heading.cell(row, Column.ISSUED_ON)
        if not is_blank(cell):
            read = read_date(cell, f"/{Column.ISSUED_ON}", is_1904=self.table.is_1904)
            if isinstance(read, Problem):
                found.append(read)
                return None
            issued_on = read
        issued_on = issued_on or self.defaults.issued_on
        if issued_on is None:
            found.append(Problem(field, "import_document_date", text, {"number": cited.number}))
        return replace(
            cited,
            issued_on=issued_on,
            kind=self.defaults.kind or cited.kind,
            issuer=self.heading.text(row, Column.ISSUER) or cited.issuer or self.defaults.issuer,
            abstract=self.heading.text(row, Column.ABSTRACT) or cited.abstract or self.defaults.abstract,
        )

    def _leads(self, row: Row, issued_on: date | None, found: list[Problem]) -> Charge:
        field = f"/{Column.LEAD}"
        text = self.heading.text(row, Column.LEAD)
        if not text:
            found.append(Problem(field, "lead_missing", None, {}))
            return Charge()
        members = self.heading.text(row, Column.LEAD_MEMBERS)
        leads = charge_leads(text, members, issued_on, self.names, field)
        found.extend(leads.problems)
        if leads.is_empty and not leads.problems:
            found.append(Problem(field, "import_agency_unknown", text, {"words": text}))
        return leads

    def _tell_left_out(self, row: Row, helpers: Charge) -> None:
        if helpers.left_out:
            words = "; ".join(helpers.left_out)
            title = self.heading.title(Column.COOPERATING)
            self.remarks.append(RowProblem(row.number, title, "import_left_out", words, {}))

    def _due(self, row: Row, found: list[Problem]) -> tuple[str, date | None]:
        """The deadline as written, and its date where it is one."""
        cell: Cell = self.heading.cell(row, Column.DUE)
        if is_blank(cell):
            return "", None
        if not isinstance(cell, str) or looks_like_date(cell):
            if isinstance(cell, int | float) and _YEAR.fullmatch(shown(cell)):
                return shown(cell), None  # "2026": a year, which the phrases understand
            read = read_date(cell, f"/{Column.DUE}", is_1904=self.table.is_1904)
            if isinstance(read, Problem):
                found.append(read)
                return "", None
            return (shown(cell).strip() if isinstance(cell, str) else read.strftime("%d/%m/%Y")), read
        return " ".join(cell.split()), None


def row_key(number: str, task: str, lead: str, deadline: str) -> str:
    """What makes two rows one task: a second import of the same row finds it by this."""
    parts = (number.casefold(), *(search_key(part) for part in (task, lead, deadline)))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]


def shorten(text: str) -> str:
    """A name for screens out of a full text: its first clause, at most ninety characters, cut between words.

    >>> shorten("Xây dựng kế hoạch; báo cáo kết quả trước ngày 30/11/2025.")
    'Xây dựng kế hoạch'
    """
    line = " ".join(text.split())
    clause = re.split(r"[;.:]\s", line)[0].rstrip(".;,")
    if 12 <= len(clause) <= SHORT_NAME:
        return clause
    if len(line) <= SHORT_NAME:
        return line.rstrip(".;,")
    return line[: SHORT_NAME - 1].rsplit(" ", 1)[0].rstrip(".;,(") + "…"


def check_numbering(numbers: Iterable[tuple[int, str]], column: str) -> list[RowProblem]:
    """Remarks on the numbering of a list: a number twice, out of order, or missing. It may start again at 1.

    >>> [(r.code, r.value) for r in check_numbering([(2, "1"), (3, "4"), (4, "2"), (5, "2")], "STT")]
    [('import_number_missing', 3), ('import_number_order', 2), ('import_number_twice', 2)]
    """
    read = [(row, int(text.rstrip(".)"))) for row, text in numbers if _NUMBERED.fullmatch(text)]
    runs: list[list[tuple[int, int]]] = []
    for row, number in read:
        if number == 1 or not runs:
            runs.append([])
        runs[-1].append((row, number))
    remarks: list[RowProblem] = []
    for run in runs:
        used = {number for _, number in run}
        seen: set[int] = set()
        highest = run[0][1] - 1
        for row, number in run:
            for missing in range(highest + 1, number):
                if missing not in used:
                    remarks.append(RowProblem(row, column, "import_number_missing", missing, {}))
            if number in seen:
                remarks.append(RowProblem(row, column, "import_number_twice", number, {}))
            elif number < highest:
                remarks.append(RowProblem(row, column, "import_number_order", number, {"before": highest}))
            seen.add(number)
            highest = max(highest, number)
    return remarks

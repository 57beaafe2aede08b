"""Which column is which: headers of the official tables and of our own form, in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tracker.domain.search import search_key
from tracker.intake.tables import Cell, Row, Table, column_letters, refuse, shown


class Column(StrEnum):
    """What a column of an imported table means."""

    ORDINAL = "ordinal"
    TASK = "task"
    SHORT_NAME = "short_name"
    DOCUMENT = "document"
    ISSUED_ON = "issued_on"
    ISSUER = "issuer"
    ABSTRACT = "abstract"
    LEAD = "lead"
    LEAD_MEMBERS = "lead_members"
    COOPERATING = "cooperating"
    DUE = "due"
    PRODUCT = "product"
    PLACE = "place"
    REPORT_TO = "report_to"
    FIELD = "field"
    OFFICER = "officer"
    CONFIRM_EARLY = "confirm_early"
    NOTE = "note"


# docs/import.md shows these to users; the first header of each line is the form's own.
HEADERS: Mapping[Column, tuple[str, ...]] = {
    Column.ORDINAL: ("STT", "TT", "Số TT", "Số thứ tự", "No", "No.", "#"),
    Column.TASK: (
        "Nhiệm vụ",
        "Tên nhiệm vụ",
        "Nội dung nhiệm vụ",
        "Nội dung",
        "Nội dung/Trích yếu",
        "Trích yếu nội dung",
        "Tên nhiệm vụ/dự án",
        "Task",
        "Full text",
        "full_text",
    ),
    Column.SHORT_NAME: ("Tên gọn", "Tên ngắn", "Short name", "short_name"),
    Column.DOCUMENT: (
        "Văn bản giao nhiệm vụ",
        "Văn bản giao",
        "Ký hiệu VB",
        "Số, ký hiệu",
        "Số ký hiệu",
        "Số/ký hiệu văn bản",
        "Ký hiệu văn bản",
        "Directive",
        "Document",
        "Number",
        "assigning_document",
    ),
    Column.ISSUED_ON: ("Ngày ký", "Ngày ban hành", "Ngày văn bản", "Issued on", "Date", "issued_on"),
    Column.ISSUER: ("Cơ quan ban hành", "Nơi gửi", "Nơi ban hành", "Issuer"),
    Column.ABSTRACT: ("Trích yếu văn bản", "Trích yếu", "Abstract"),
    Column.LEAD: (
        "Cơ quan chủ trì thực hiện",
        "Cơ quan chủ trì",
        "Đơn vị chủ trì",
        "Đơn vị thực hiện",
        "Cơ quan thực hiện",
        "Chủ trì",
        "Lead",
        "Lead agency",
        "Leads",
    ),
    Column.LEAD_MEMBERS: ("Cơ quan cụ thể", "Mã cơ quan cụ thể", "Members", "lead_members"),
    Column.COOPERATING: ("Cơ quan phối hợp", "Đơn vị phối hợp", "Phối hợp", "Co-operating", "Cooperating"),
    Column.DUE: (
        "Thời hạn hoàn thành",
        "Thời gian hoàn thành",
        "Thời hạn",
        "Hạn xử lý",
        "Hạn hoàn thành",
        "Thời gian triển khai",
        "Thời gian thực hiện",
        "Deadline",
        "Due",
        "Due on",
        "due_on",
    ),
    Column.PRODUCT: (
        "Kết quả",
        "Sản phẩm",
        "Kết quả dự kiến",
        "Sản phẩm, kết quả yêu cầu",
        "Product",
        "Result",
    ),
    Column.PLACE: ("Vị trí trong văn bản", "Điểm, khoản", "Mục", "Place"),
    Column.REPORT_TO: ("Nơi nhận báo cáo", "Báo cáo đến", "Báo cáo", "Report to", "report_to"),
    Column.FIELD: ("Lĩnh vực", "Chương trình", "Nhóm nhiệm vụ", "Field", "Programme"),
    Column.OFFICER: ("Chuyên viên theo dõi", "Thư điện tử chuyên viên", "Officer", "officer_email"),
    Column.CONFIRM_EARLY: ("Xác nhận hạn sớm", "Confirm early", "confirm_early"),
    Column.NOTE: (
        "Ghi chú",
        "KQ thực hiện/Ngày báo cáo",
        "KQ thực hiện",
        "Kết quả thực hiện",
        "Tiến độ",
        "Thời hạn gốc",
        "Số ngày quá hạn",
        "Số lần gia hạn",
        "Báo cáo gần nhất",
        "Nguyên nhân",
        "Cam kết",
        "Notes",
        "Status",
    ),
}

_PUNCTUATION = re.compile(r"[\s_/.,;:()\-]+")
_SCAN = 30
"""Rows in which a header is looked for: titles and the national motto may stand above it."""


def _key(header: str) -> str:
    """What two spellings of one header have in common."""
    return _PUNCTUATION.sub(" ", search_key(header)).strip()


_BY_KEY: dict[str, Column] = {_key(name): column for column, names in HEADERS.items() for name in names}


def column_of(header: str) -> Column | None:
    """What a header means; a remark in brackets or a footnote mark does not matter.

    >>> column_of("CƠ QUAN CHỦ TRÌ\\nTHỰC HIỆN"), column_of("Hạn xử lý (nếu có)")
    (<Column.LEAD: 'lead'>, <Column.DUE: 'due'>)
    """
    if not header.strip():
        return None
    return _BY_KEY.get(_key(header)) or _BY_KEY.get(_key(re.sub(r"\(.*?\)|\[.*?\]", " ", header)))


@dataclass(frozen=True, slots=True)
class Heading:
    """The header row of a table: where each meaning stands, and under which words."""

    row: int
    places: Mapping[Column, int]
    titles: Mapping[Column, str]
    unknown: tuple[str, ...] = ()

    def cell(self, row: Row, column: Column) -> Cell:
        """What `row` has under `column`; None where the table has no such column."""
        place = self.places.get(column)
        return None if place is None else row.cell(place)

    def text(self, row: Row, column: Column) -> str:
        """The same as trimmed text."""
        return shown(self.cell(row, column)).strip()

    def title(self, column: Column) -> str:
        """The header as the file writes it; the form's own header where the file has none."""
        return self.titles.get(column) or HEADERS[column][0]


def find_heading(table: Table) -> Heading:
    """The header row: the first that names the task and who leads or by when.

    Raises Unreadable when there is none, when it says one thing twice, or when it is merged.
    """
    best: tuple[int, Row, dict[Column, int]] | None = None
    for row in table.rows[:_SCAN]:
        found: dict[Column, int] = {}
        for place, cell in enumerate(row.cells):
            column = column_of(shown(cell)) if isinstance(cell, str) else None
            if column is not None and (column is Column.NOTE or column not in found):
                found[column] = place
        if best is None or len(found) > best[0]:
            best = (len(found), row, found)
        if Column.TASK in found and {Column.LEAD, Column.DUE} & found.keys():
            best = (len(found), row, found)
            break
    if best is None or Column.TASK not in best[2] or Column.LEAD not in best[2]:
        seen = ", ".join(shown(c).strip() for c in best[1].cells if shown(c).strip()) if best else ""
        needed = ", ".join(HEADERS[c][0] for c in (Column.TASK, Column.LEAD, Column.DUE))
        raise refuse("import_no_header", seen[:200], needed=needed)
    _, row, places = best
    _check_merged(table, row)
    titles = {c: " ".join(shown(row.cell(p)).split()) for c, p in places.items()}
    _check_twice(row)
    unknown = tuple(
        " ".join(shown(c).split()) for c in row.cells if shown(c).strip() and column_of(shown(c)) is None
    )
    return Heading(row.number, places, titles, unknown)


def _check_merged(table: Table, header: Row) -> None:
    for top, left, bottom, right in table.merged:
        if top <= header.number <= bottom:
            at = f"{column_letters(left)}{top}:{column_letters(right)}{bottom}"
            raise refuse("import_merged_header", at, range=at)


def _check_twice(header: Row) -> None:
    seen: dict[Column, str] = {}
    for cell in header.cells:
        column = column_of(shown(cell)) if isinstance(cell, str) else None
        if column is None or column is Column.NOTE:
            continue
        if column in seen:
            raise refuse("import_column_twice", shown(cell).strip(), first=seen[column])
        seen[column] = shown(cell).strip()


def body(table: Table, heading: Heading) -> Sequence[Row]:
    """The rows below the header that hold something."""
    return [r for r in table.rows if r.number > heading.row and not r.is_empty]

"""Dossiers, notices and lists as docx, pdf and xlsx: the layout of Decree 30, the same values, nothing that runs."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import docx
import openpyxl
import pytest
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dossier_samples import AGENCIES, STACKED, dossier, item, many, notice
from tests.unit.test_documents_overdue import listing
from tracker.documents import dossier as dossier_paper
from tracker.documents import notice as notice_paper
from tracker.documents import overdue_paper, statistics_paper
from tracker.documents.dossier import AGES, Dossier, ages
from tracker.documents.dossier_xlsx import to_xlsx
from tracker.documents.paper import Bars, Column, Grid, Paper, Row, paper_day, place_and_day, widths
from tracker.documents.paper_docx import to_docx
from tracker.documents.paper_pdf import FAMILIES, font_family, to_pdf
from tracker.documents.statistics_paper import FiguresLine, FiguresTable
from tracker.domain.inspections import ItemKind
from tracker.domain.statistics import Buckets, official_rate
from tracker.i18n import has

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    '{{7*7}} {% raw %} ${7*7} #{7*7} #read("/etc/passwd") $x^2$ *b* _i_ @ref \\u{1}',
    "</script></w:t></w:r></w:p>",
    "</style>",
    "]]>&amp;&#0;",
    "=cmd|'/C calc'!A0",
    "+1-1",
    "@SUM(A1)",
    "-2+3",
    "\t=1+1",
    "＝1+1",
    "nul\x00 bell\x07 vt\x0b ff\x0c esc\x1b fffe\ufffe ls\u2028 nel\x85",
    "x" * 300,
    STACKED,
)


def figures_table() -> FiguresTable:
    parts = (Buckets(10, 2, 5, 3, 1), Buckets(100, 20, 55, 31, 1, 2))
    lines = tuple(
        FiguresLine(n, b, official_rate(b)) for n, b in zip(("Bộ Y tế", "Bộ Tài chính"), parts, strict=True)
    )
    whole = parts[0] + parts[1]
    return FiguresTable(date(2025, 11, 24), "Cơ quan", lines, FiguresLine("", whole, official_rate(whole)))


def text_of(content: bytes) -> str:
    """Everything a docx says in its body, tables included."""
    body = docx.Document(io.BytesIO(content)).element.body
    return "\n".join("".join(t.text or "" for t in p.iter(qn("w:t"))) for p in body.iter(qn("w:p")))


def pdf_pages(content: bytes) -> list[str]:
    """The text of each page; skips where poppler is absent."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not here (as root: apt-get install poppler-utils)")
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
    return done.stdout.decode().split("\f")[:-1]


# --- the layout ---


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2020, 1, 5), "ngày 05 tháng 01 năm 2020"),
        (date(2020, 2, 29), "ngày 29 tháng 02 năm 2020"),
        (date(2020, 3, 1), "ngày 01 tháng 3 năm 2020"),
        (date(2025, 10, 10), "ngày 10 tháng 10 năm 2025"),
        (date(2025, 12, 31), "ngày 31 tháng 12 năm 2025"),
    ],
)
def test_the_place_and_the_date_keep_the_zeros_of_the_decree(day: date, words: str) -> None:
    assert paper_day(day) == words
    assert place_and_day(day, "vi") == f"Hà Nội, {words}"


@given(st.lists(st.integers(1, 60), min_size=1, max_size=14), st.integers(500, 20_000))
def test_the_widths_of_columns_add_up_to_the_page(shares: list[int], whole: int) -> None:
    made = widths([Column("", share) for share in shares], whole)

    assert sum(made) == whole
    assert all(width > 0 for width in made)


def test_a_docx_has_the_margins_the_font_and_the_running_lines_of_the_decree() -> None:
    of = many(12)
    made = docx.Document(io.BytesIO(to_docx(dossier_paper.to_paper(of))))

    assert made.styles["Normal"].font.name == "Times New Roman"
    for section in made.sections:
        margins = (section.top_margin, section.bottom_margin, section.left_margin, section.right_margin)
        assert [round(m.mm) for m in margins if m is not None] == [20, 20, 30, 15]
        sides = sorted(round(s.mm) for s in (section.page_width, section.page_height) if s is not None)
        assert sides == [210, 297]
        assert section.different_first_page_header_footer
        assert "".join(p.text for p in section.first_page_header.paragraphs) == ""
        assert "PAGE" in section.header._element.xml
        for foot in (section.footer, section.first_page_footer):
            assert of.check_code in foot.paragraphs[0].text
            assert of.digest in foot.paragraphs[0].text
    # The text, and each annex numbered apart.
    assert len(made.sections) == 1 + 5
    starts = [s._sectPr.find(qn("w:pgNumType")).get(qn("w:start")) for s in made.sections]
    assert starts == ["1"] * 6


def test_the_head_of_every_table_is_repeated_and_short_rows_stay_whole() -> None:
    made = docx.Document(io.BytesIO(to_docx(dossier_paper.to_paper(many(12)))))
    late = next(t for t in made.tables if "Nguyên nhân" in t.rows[0]._tr.xml)

    assert [row._tr.find(f".//{qn('w:tblHeader')}") is not None for row in late.rows][:3] == [
        True,
        False,
        False,
    ]
    assert all(row._tr.find(f".//{qn('w:cantSplit')}") is not None for row in late.rows)


def test_the_overdue_annex_has_the_official_columns_first() -> None:
    grid = dossier_paper.late_grid(many(12))

    assert [c.title for c in grid.columns] == [
        "STT", "Nhiệm vụ", "Văn bản giao nhiệm vụ", "Cơ quan chủ trì thực hiện", "Thời hạn hoàn thành",
        "Thời hạn gốc", "Số ngày quá hạn", "Số lần gia hạn", "Báo cáo gần nhất", "Nguyên nhân", "Cam kết",
    ]  # fmt: skip
    groups = [row.cells[0] for row in grid.rows if row.kind == "group"]
    assert all(any(name in group for name in AGENCIES.values()) for group in groups)


def test_docx_and_pdf_say_the_same() -> None:
    of = many(9)
    paper = dossier_paper.to_paper(of)

    written = text_of(to_docx(paper))
    pages = pdf_pages(to_pdf(paper))
    together = " ".join(" ".join(pages).replace("\u200b", "").split())

    for words in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        "Hà Nội, ngày 24 tháng 11 năm 2025",
        "HỒ SƠ KIỂM TRA",
        "- Các thành viên đoàn kiểm tra;",
        "Phụ lục I",
        "Phụ lục V",
        "Do thay đổi tổ chức bộ máy.",
        "Thời hạn mới, hạn 31/12/2025: Khẩn trương.",
        "Kết luận lần trước: 01/08/2025: Thời hạn mới. Hoàn thành trong quý III",
        "31/10/2025 (thời hạn gốc 30/09/2025; đã gia hạn 2 lần)",
    ):
        assert words in written
        assert words in together
    assert all(of.check_code in page and of.digest in page for page in pages)


def test_a_page_after_the_first_has_its_number_on_top_and_annexes_count_anew() -> None:
    pages = pdf_pages(to_pdf(dossier_paper.to_paper(many(60))))

    tops = [page.strip().splitlines()[0].strip() for page in pages]
    assert not tops[0].isdigit()
    begins = [
        n for n, page in enumerate(pages) if re.match(r"Phụ lục [IV]+$", page.strip().splitlines()[0].strip())
    ]
    assert len(begins) == 5
    for begin, end in zip(begins, [*begins[1:], len(pages)], strict=True):
        assert tops[begin + 1 : end] == [str(n) for n in range(2, end - begin + 1)]


# --- the dossier ---


def test_the_totals_of_the_table_equal_the_rows_of_the_annexes() -> None:
    of = many(40)

    table = dossier_paper.totals_grid(of)
    late = sum(1 for row in dossier_paper.late_grid(of).rows if row.kind == "row")
    others = sum(1 for row in dossier_paper.others_grid(of).rows if row.kind == "row")

    assert table.rows[-1].kind == "total"
    assert [int(cell) for cell in table.rows[-1].cells[2:]] == [late, 6, 5, 6, 5, 40]
    assert late + others == 40
    assert sum(count for _, count in ages([i for _, i in of.of_kind(ItemKind.OVERDUE)])) == late


def test_every_day_late_falls_into_one_class() -> None:
    for days in (0, 1, 7, 8, 30, 31, 90, 91, 5_000):
        assert sum(count for _, count in ages([replace(item(1), days=days)])) == 1
    assert AGES[-1][1] is None


def test_a_session_without_items_still_has_its_dossier() -> None:
    of = dossier()

    assert "Không có nhiệm vụ quá hạn." in text_of(to_docx(dossier_paper.to_paper(of)))
    assert to_pdf(dossier_paper.to_paper(of)).startswith(b"%PDF-")
    assert openpyxl.load_workbook(io.BytesIO(to_xlsx(of))).sheetnames == [
        "Tổng hợp", "Quá hạn", "Nội dung khác", "Diễn biến",
    ]  # fmt: skip


def test_the_same_values_give_the_same_bytes() -> None:
    paper = dossier_paper.to_paper(many(8))

    assert to_docx(paper) == to_docx(paper)
    assert to_pdf(paper) == to_pdf(paper)
    assert to_xlsx(many(8)) == to_xlsx(many(8))


def test_the_dossier_speaks_english_too() -> None:
    written = text_of(to_docx(dossier_paper.to_paper(many(8, "en"))))

    assert "INSPECTION DOSSIER" in written
    assert "Annex III" in written


def test_the_workbook_has_typed_cells_under_a_frozen_head() -> None:
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(many(20))))
    sheet = book["Quá hạn"]

    assert sheet.freeze_panes == "C5"
    assert [cell.value for cell in sheet[4]][:2] == ["STT", "Nhiệm vụ"]
    assert sheet["E5"].is_date
    assert isinstance(sheet["G5"].value, int)
    digest = many(20).items[0][1].digest
    assert digest in [cell.value for cell in book["Diễn biến"][5]]


# --- hostile texts ---


TEXTS = (
    "full_text", "product", "directive_number", "last_report", "cause", "explanation", "explained_by", "figures",
    "last_concluded", "status",
)  # fmt: skip


def hostile(words: str) -> Dossier:
    told: dict[str, object] = dict.fromkeys(TEXTS, words)
    made = item(1, "G18", ItemKind.OVERDUE, **told, cooperating=(words,))
    return dossier(made, item(2, "G18", ItemKind.TARGET, **told), title=words, place=words, chair=words)


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words(words: str) -> None:
    of = hostile(words)
    paper = dossier_paper.to_paper(of)

    shown = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\ufffe]", "", words).replace("\t", " ")
    assert shown in text_of(to_docx(paper))
    pdf = to_pdf(paper)
    assert pdf.startswith(b"%PDF-")
    assert b"/JavaScript" not in pdf
    assert b"/URI" not in pdf
    with zipfile.ZipFile(io.BytesIO(to_xlsx(of))) as package:
        assert package.testzip() is None
        for name in package.namelist():
            if name.startswith("xl/worksheets/sheet"):
                assert b"<f>" not in package.read(name)
                assert b"hyperlink" not in package.read(name)
    to_docx(notice_paper.to_paper(notice(of)))
    to_pdf(notice_paper.to_paper(notice(of)))


@settings(max_examples=8, deadline=None)
@given(st.text(max_size=60))
def test_any_text_gives_files_that_open(words: str) -> None:
    of = hostile(words)

    docx.Document(io.BytesIO(to_docx(dossier_paper.to_paper(of))))
    assert to_pdf(dossier_paper.to_paper(of)).startswith(b"%PDF-")
    openpyxl.load_workbook(io.BytesIO(to_xlsx(of)))


def test_a_word_that_no_column_holds_is_broken_instead_of_leaving_the_page() -> None:
    pages = pdf_pages(to_pdf(dossier_paper.to_paper(hostile("x" * 300))))

    assert max(len(run) for page in pages for run in re.findall("x+", page)) < 100


# --- the notice ---


def test_an_unsigned_notice_has_gaps_for_its_number_and_day() -> None:
    written = text_of(to_docx(notice_paper.to_paper(notice(many(12)))))

    assert "Số:        /TB-TCT" in written
    assert "Hà Nội, ngày      tháng      năm" in written
    assert "Về nhiệm vụ “Việc" in written
    assert "Khẩn trương. Hoàn thành chậm nhất ngày 31/12/2025." in written
    assert "II. Kết luận chung" in written


def test_a_signed_notice_has_both() -> None:
    signed = notice(many(12), "12/TB-TCT", date(2025, 12, 3))

    written = text_of(to_docx(notice_paper.to_paper(signed)))

    assert "Số: 12/TB-TCT" in written
    assert "Hà Nội, ngày 03 tháng 12 năm 2025" in written


# --- lists and figures ---


def test_the_overdue_list_is_a_paper_with_its_digest() -> None:
    listed = listing()
    paper = overdue_paper.to_paper(listed, "vi")

    written = text_of(to_docx(paper))

    assert listed.digest in paper.foot
    assert "Dữ liệu tính đến ngày 07/11/2025" in written
    assert "DANH SÁCH NHIỆM VỤ QUÁ HẠN THEO CƠ QUAN" in written
    assert "=HYPERLINK(1)" in written
    assert to_pdf(paper).startswith(b"%PDF-")


def test_a_table_of_figures_names_what_its_rate_is_of() -> None:
    paper = statistics_paper.to_paper(figures_table(), "vi")

    written = text_of(to_docx(paper))

    assert "79,52% = 132 đã hoàn thành / 166 đến hạn" in written
    assert "Các tổng đã được kiểm tra" in written
    table = next(block for block in paper.blocks if isinstance(block, Grid))
    assert [row.kind for row in table.rows] == ["row", "row", "total"]
    assert to_pdf(paper).startswith(b"%PDF-")


def test_every_sentence_of_a_paper_is_known() -> None:
    asked: set[str] = set()
    for path in Path(dossier_paper.__file__).parent.glob("*.py"):
        source = path.read_text("utf-8")
        asked |= {f"document.{key}" for key in re.findall(r'\.word\(\s*"([a-z_.]+)"', source)}
        asked |= set(re.findall(r'"(document\.[a-z_.]+[a-z])"', source))

    assert len(asked) > 60
    assert sorted(key for key in asked if not has(key)) == []


# --- as others read them ---


@pytest.mark.skipif(
    shutil.which("soffice") is None or shutil.which("pdftotext") is None,
    reason="LibreOffice is not here (as root: apt-get install libreoffice-writer libreoffice-calc poppler-utils)",
)
def test_libreoffice_opens_the_docx_and_the_workbook(tmp_path: Path) -> None:
    of = many(25)
    papers: dict[str, Paper] = {
        "dossier": dossier_paper.to_paper(of),
        "notice": notice_paper.to_paper(notice(of)),
        "list": overdue_paper.to_paper(listing(), "vi"),
        "hostile": dossier_paper.to_paper(hostile(HOSTILE[14])),
    }
    for name, paper in papers.items():
        (tmp_path / f"{name}.docx").write_bytes(to_docx(paper))
    (tmp_path / "book.xlsx").write_bytes(to_xlsx(of))
    files = [str(path) for path in sorted(tmp_path.iterdir())]
    home = f"-env:UserInstallation=file://{tmp_path}/home"

    subprocess.run(
        ["soffice", home, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path / "out"), *files],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip

    pages = {path.stem: pdf_pages(path.read_bytes()) for path in (tmp_path / "out").glob("*.pdf")}
    assert pages.keys() == {*papers, "book"}
    assert all(of.check_code in page for name in ("dossier", "book", "notice") for page in pages[name])
    assert pages["dossier"][1].split()[0] == "2"
    assert "Phụ lục I" in "".join(pages["dossier"])
    assert all(page.strip() for page in pages["dossier"])


def test_the_font_is_one_of_the_times_family_where_one_is_installed() -> None:
    assert font_family() in (*FAMILIES, "Libertinus Serif")
    assert Bars("", ("a",), ()).most == 1
    assert Row(("a",)).kind == "row"

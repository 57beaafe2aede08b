"""Dossiers and notices of real sessions: rights, what may be asked, that only what was frozen is told."""

from __future__ import annotations

import asyncio
import io

import docx
import openpyxl
import pytest

from tests.integration.test_inspections import AFTER, NOTICE, PLAN
from tests.integration.test_inspections import world as world
from tests.unit.test_documents_papers import text_of
from tests.world import MONDAY, World
from tracker.actions import inspections
from tracker.actions.dossiers import DOSSIER_FORMATS, dossier, notice_draft, safe_name
from tracker.actions.exports import overdue_bytes
from tracker.actions.inspections import InspectionMoved
from tracker.actions.overdue import overdue_list
from tracker.actions.papers import figures_table
from tracker.actions.statistics import Question, statistics
from tracker.db import inspections as db
from tracker.db.engine import execute
from tracker.documents import statistics_paper
from tracker.documents.paper_docx import to_docx
from tracker.domain.errors import Invalid, NotFound, NotPermitted
from tracker.domain.inspections import Conclusion, Verdict

pytestmark = pytest.mark.anyio


async def _frozen(world: World) -> int:
    inspection_id = await inspections.plan(world.secretariat, PLAN, MONDAY)
    await inspections.freeze(world.secretariat, inspection_id, 1, MONDAY)
    return inspection_id


async def test_a_dossier_tells_what_was_frozen_and_nothing_since(world: World) -> None:
    inspection_id = await _frozen(world)
    found = await db.get_inspection(inspection_id)
    before = {form: await dossier(world.inspector, inspection_id, form) for form in DOSSIER_FORMATS}

    await execute("UPDATE task SET short_name = 'Đổi tên', full_text = 'Đổi toàn văn'")
    after = {form: await dossier(world.inspector, inspection_id, form) for form in DOSSIER_FORMATS}

    assert after == before
    written = text_of(before["docx"].content)
    assert "có 5 nội dung cần kiểm tra: 3 nhiệm vụ quá hạn" in written
    assert "Phụ lục I" in written
    assert (
        found.digest
        in docx.Document(io.BytesIO(before["docx"].content)).sections[0].footer.paragraphs[0].text
    )
    assert before["pdf"].content.startswith(b"%PDF-")
    book = openpyxl.load_workbook(io.BytesIO(before["xlsx"].content))
    assert book["Quá hạn"].max_row == 4 + 3
    assert {form: made.name for form, made in before.items()} == {
        form: f"ho-so-kiem-tra-{inspection_id}-2025-12-02.{form}" for form in DOSSIER_FORMATS
    }


async def test_the_dossier_of_one_agency_names_no_item_of_another(world: World) -> None:
    inspection_id = await _frozen(world)
    items = await db.list_items(inspection_id)
    await inspections.add_addendum(world.secretariat, inspection_id, items[0].id, "Riêng của BYT", AFTER)
    await inspections.add_addendum(world.secretariat, inspection_id, items[3].id, "Riêng của BTC", AFTER)

    made = await dossier(world.secretariat, inspection_id, "docx", "BTC")
    written = text_of(made.content)

    assert made.name == f"ho-so-kiem-tra-{inspection_id}-BTC-2025-12-02.docx"
    assert "Riêng của BTC" in written
    assert "Riêng của BYT" not in written
    assert items[0].item.agency_name not in written
    # An item keeps its number of the whole agenda.
    assert f"4. {items[3].item.title}" in written


async def test_what_cannot_be_asked_is_refused(world: World) -> None:
    planned = await inspections.plan(world.secretariat, PLAN, MONDAY)

    with pytest.raises(InspectionMoved):
        await dossier(world.secretariat, planned, "docx")
    with pytest.raises(InspectionMoved):
        await notice_draft(world.secretariat, planned)
    with pytest.raises(NotFound):
        await dossier(world.secretariat, planned + 999, "pdf")
    await inspections.freeze(world.secretariat, planned, 1, MONDAY)
    with pytest.raises(Invalid) as refused:
        await dossier(world.secretariat, planned, "pdf", "HN")
    assert refused.value.problems[0].code == "inspection_agency_foreign"
    with pytest.raises(Invalid):
        await dossier(world.secretariat, planned, "exe")  # type: ignore[arg-type]
    for nobody in (world.agency, world.leader, world.member):
        with pytest.raises(NotPermitted):
            await dossier(nobody, planned, "pdf")
        with pytest.raises(NotPermitted):
            await notice_draft(nobody, planned)


async def test_the_notice_has_gaps_until_it_is_signed(world: World) -> None:
    inspection_id = await _frozen(world)
    items = await db.list_items(inspection_id)
    words = Conclusion(Verdict.NEW_DATE, "Khẩn trương hoàn thành.", PLAN.due_until)
    for row in items:
        told = words if row.item.kind.value == "overdue" else Conclusion(Verdict.NOTED, "Ghi nhận.")
        await inspections.conclude(world.secretariat, inspection_id, row.id, None, told, AFTER)

    draft = await notice_draft(world.secretariat, inspection_id)
    found = await db.get_inspection(inspection_id)
    await inspections.carry_out(world.head, inspection_id, found.row_version, NOTICE, AFTER)
    signed = await notice_draft(world.secretariat, inspection_id)

    assert draft.name == f"thong-bao-ket-luan-{inspection_id}-2025-12-02.docx"
    assert "Số:        /TB-TCT" in text_of(draft.content)
    written = text_of(signed.content)
    assert "Số: 12/TB-TCT" in written
    assert "Hà Nội, ngày 03 tháng 12 năm 2025" in written
    assert "Trần Văn Sơn" in written
    assert written.count("Khẩn trương hoàn thành. Hoàn thành chậm nhất ngày 31/12/2025.") == 3
    pdf = await notice_draft(world.secretariat, inspection_id, "pdf")
    assert pdf.content.startswith(b"%PDF-")


async def test_others_are_served_while_a_dossier_is_made(world: World) -> None:
    inspection_id = await _frozen(world)
    turns = 0

    making = asyncio.create_task(dossier(world.secretariat, inspection_id, "pdf"))
    while not making.done():
        turns += 1
        await asyncio.sleep(0)

    assert turns > 10
    assert making.result().media_type == "application/pdf"


async def test_official_lists_are_papers_with_the_rows_of_their_pages(world: World) -> None:
    day = PLAN.as_of
    rows = await overdue_list(world.inspector, day, ("BYT",))
    listed = overdue_bytes(rows, "docx", "vi")
    told = figures_table(await statistics(world.inspector, Question(day)), "Cơ quan", "(không tên)")
    figures = to_docx(statistics_paper.to_paper(told, "vi"))

    assert rows.digest in docx.Document(io.BytesIO(listed)).sections[0].footer.paragraphs[0].text
    assert "Có 2 nhiệm vụ quá hạn" in text_of(listed)
    assert "Các tổng đã được kiểm tra" in text_of(figures)
    assert overdue_bytes(rows, "pdf", "vi").startswith(b"%PDF-")


@pytest.mark.parametrize("words", ["../../etc/passwd", "a\r\nX: y", "CON", "Ủy ban", "", "…", "a" * 300])
def test_names_of_files_are_safe(words: str) -> None:
    made = safe_name(words)

    assert made
    assert made.isascii()
    assert len(made) <= 40
    assert not set(made) & set('/\\.:;"<>|?*\r\n ')

"""Who issues papers: what is asked for, and sentences with fields."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.dossier_samples import dossier, item, notice
from tracker.documents import dossier as dossier_paper
from tracker.documents import notice as notice_paper
from tracker.documents.paper import usual_issuer
from tracker.domain.errors import Invalid
from tracker.domain.issuer import NEEDED, check_issuer, fill

ISSUER = replace(
    usual_issuer("vi"),
    body="Ban Chỉ đạo",
    parent="Bộ Y tế",
    code="BCĐ",
    city="Huế",
    notice_signer="Trưởng ban",
)


def _codes(refused: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str, object]]:
    return [(p.field, p.code, p.value) for p in refused.value.problems]


@pytest.mark.parametrize("name", NEEDED)
def test_each_part_of_the_head_is_needed_and_named(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_issuer(replace(ISSUER, **{name: "  "}))

    assert [(p.field, p.code) for p in refused.value.problems] == [(f"/{name}", "required")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"code": "A/B"}, ("/code", "issuer_code", "A/B")),
        ({"parent_code": "A B"}, ("/parent_code", "issuer_code", "A B")),
        ({"notice_opening": "{title} {who}"}, ("/notice_opening", "issuer_field_unknown", "{who}")),
        ({"notice_opening": "Họp {day}."}, ("/notice_opening", "issuer_field_missing", "{title}")),
        ({"notice_closing": "{day}"}, ("/notice_closing", "issuer_field_unknown", "{day}")),
        ({"notice_closing": "{title"}, ("/notice_closing", "issuer_braces", "{title")),
        ({"notice_closing": "{title.x}"}, ("/notice_closing", "issuer_braces", "{title.x}")),
        ({"notice_closing": "{title!r:>9}"}, ("/notice_closing", "issuer_braces", "{title!r:>9}")),
        ({"notice_closing": "{} {0}"}, ("/notice_closing", "issuer_braces", "{} {0}")),
    ],
)
def test_what_no_paper_has_is_named(changes: dict[str, str], told: tuple[str, str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        check_issuer(replace(ISSUER, **changes))

    assert _codes(refused) == [told]


def test_an_empty_field_is_named_once_and_doubled_braces_are_braces() -> None:
    with pytest.raises(Invalid) as refused:
        fill("{chair}, {chair}, {title}", "/x", {"chair": " ", "title": "T"})

    assert _codes(refused) == [("/x", "issuer_field_empty", "{chair}")]
    assert fill("{{{title}}}", "/x", {"title": "{chair}"}) == "{{chair}}"


def test_papers_have_the_office_in_head_symbol_place_and_signature() -> None:
    of = dossier(item(1))

    paper = dossier_paper.to_paper(replace(of, office=ISSUER))
    drafted = notice_paper.to_paper(replace(notice(of), office=ISSUER))
    usual = dossier_paper.to_paper(of)

    assert (paper.parent, paper.body) == ("BỘ Y TẾ", "BAN CHỈ ĐẠO")
    assert paper.number.endswith("/HS-BCĐ")
    assert paper.place.startswith("Huế, ngày 24 tháng 11")
    assert paper.receivers[-1] == "- Lưu: VT, BCĐ."
    assert drafted.number.endswith("/TB-BCĐ")
    assert drafted.signature is not None
    assert drafted.signature.capacity == "Trưởng ban"
    assert (usual.body, usual.place[:6]) == ("TỔ CÔNG TÁC", "Hà Nội")


def test_a_notice_with_a_field_the_session_leaves_empty_is_refused_by_its_name() -> None:
    own = replace(
        ISSUER, notice_opening="Ngày {day}, {chair} chủ trì “{title}”.", notice_closing="Gửi {agencies}."
    )
    of = notice(dossier(item(1)))

    paper = notice_paper.to_paper(replace(of, office=own))
    with pytest.raises(Invalid) as refused:
        notice_paper.to_paper(replace(of, office=own, chair=""))

    said = [getattr(block, "text", "") for block in paper.blocks]
    assert any("Mai Tiến Dũng chủ trì “Kiểm tra" in line for line in said)
    assert said[-1].startswith("Gửi Bộ Tài chính; ")
    assert _codes(refused) == [("/notice_opening", "issuer_field_empty", "{chair}")]

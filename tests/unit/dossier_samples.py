"""Dossiers made up for tests and measurements: as many items as wanted, of every kind, with everything told."""

from __future__ import annotations

from datetime import date, time

from tracker.documents.dossier import Decision, Dossier, Remark
from tracker.documents.notice import NoticeDraft
from tracker.domain.inspections import AgendaItem, Evidence, ItemKind, Verdict, freeze
from tracker.i18n import Language

AGENCIES = {
    "G12": "Bộ Tài chính",
    "G18": "Bộ Y tế",
    "H79": "Ủy ban nhân dân Thành phố Hồ Chí Minh",
    "G10": "Bộ Nông nghiệp và Môi trường",
}
STACKED = "Nguyễn Thị Hằng, ẤẦẨẪẬ ấầẩẫậ ỄỆỂ ộổỗốồ ợởỡớờ ựửữứừ ỵỷỹýỳ đĐ"
_KINDS = (
    ItemKind.OVERDUE,
    ItemKind.OVERDUE,
    ItemKind.OVERDUE,
    ItemKind.DUE_SOON,
    ItemKind.REQUEST,
    ItemKind.STANDING,
    ItemKind.TARGET,
)


def item(
    number: int, agency: str = "G18", kind: ItemKind = ItemKind.OVERDUE, **changes: object
) -> AgendaItem:
    """One item with everything told; `changes` put other values in its place."""
    told: dict[str, object] = {
        "assignment_id": number,
        "full_text": f"Toàn văn việc {number}: kết nối, liên thông với Hệ thống thông tin báo cáo quốc gia",
        "product": "Báo cáo",
        "directive_number": "17/NQ-CP",
        "directive_issued_on": date(2019, 3, 7),
        "cooperating": ("Bộ Khoa học và Công nghệ",),
        "due_on": date(2025, 10, 31),
        "original_due_on": date(2025, 9, 30),
        "extensions": 2,
        "returned": 1,
        "status": "overdue",
        "last_report_on": date(2025, 11, 2),
        "last_report": "Đang lấy ý kiến các đơn vị",
        "cause": "Chờ hướng dẫn",
        "committed_on": date(2025, 12, 15),
        "explanation": "Do thay đổi tổ chức bộ máy." if number % 2 else "",
        "explained_on": date(2025, 11, 20),
        "explained_by": STACKED,
        "figures": "62% / 70%" if kind is ItemKind.TARGET else "",
        "last_concluded": "new_date: Hoàn thành trong quý III",
        "last_concluded_on": date(2025, 8, 1),
        "files": tuple(
            Evidence(
                f"Báo cáo {number}-{n} ẤẦ.pdf", 120_000 * n, f"{number:04x}" * 16, date(2025, 11, n), STACKED
            )
            for n in range(1, 1 + number % 3)
        ),
        **changes,
    }
    return AgendaItem(kind, agency, AGENCIES[agency], f"Việc {number}", 1 + number % 120, **told)  # type: ignore[arg-type]


def dossier(*items: AgendaItem, language: Language = "vi", **changes: object) -> Dossier:
    """A dossier of these items, frozen, with an addendum and a conclusion on the first."""
    frozen = freeze(items, {"id": 1}, list(AGENCIES))
    told: dict[str, object] = {
        "title": "Kiểm tra nhiệm vụ chuyển đổi số",
        "held_on": date(2025, 12, 2),
        "as_of": date(2025, 11, 24),
        "due_until": date(2025, 12, 31),
        "frozen_on": date(2025, 11, 24),
        "digest": frozen.digest,
        "check_code": frozen.check_code,
        "agency_names": AGENCIES,
        "items": tuple(enumerate(frozen.items, 1)),
        "held_at": time(8, 30),
        "place": "Phòng họp 204",
        "topic": "tất cả nhiệm vụ được giao",
        "chair": "Mai Tiến Dũng",
        "secretary": STACKED,
        "members": ("Trần Văn Sơn",),
        "language": language,
        **changes,
    }
    if items and "addenda" not in changes:
        told["addenda"] = (Remark(1, "Đã gửi báo cáo ngày 25/11/2025", "Lê Thị Thanh", date(2025, 11, 26)),)
        told["conclusions"] = (
            Decision(1, frozen.items[0].agency_code, Verdict.NEW_DATE, "Khẩn trương.", date(2025, 12, 31)),
            Decision(None, "", Verdict.NOTED, "Hoan nghênh."),
        )
    return Dossier(**told)  # type: ignore[arg-type]


def many(count: int, language: Language = "vi", first: int = 0) -> Dossier:
    """A dossier of `count` items numbered from `first`, spread over the agencies and the kinds."""
    codes = list(AGENCIES)
    items = [item(n, codes[n % len(codes)], _KINDS[n % len(_KINDS)]) for n in range(first, first + count)]
    return dossier(*items, language=language)


def notice(of: Dossier, number: str = "", issued_on: date | None = None) -> NoticeDraft:
    """The notice of that session."""
    return NoticeDraft(
        title=of.title,
        held_on=of.held_on,
        digest=of.digest,
        check_code=of.check_code,
        agency_names=of.agency_names,
        items=dict(of.items),
        conclusions=of.conclusions,
        made_on=of.held_on,
        place=of.place,
        chair=of.chair,
        number=number,
        issued_on=issued_on,
    )

"""One sample of every kind of mail, used by the golden files and the tests around them."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any, Literal
from uuid import UUID

from tracker.domain.assignments import Fine, Part
from tracker.domain.directory import Duty
from tracker.domain.inspection_letters import Facts, Seat
from tracker.domain.inspections import Topic
from tracker.mail.compose import deadline_invitation, session_invitation
from tracker.mail.contexts import (
    AccountChanged,
    AccountInvitation,
    Addressing,
    Assigned,
    Cancelled,
    Changed,
    ChangeLine,
    Confirmed,
    Context,
    DeadlineMoved,
    Digest,
    ExplanationDue,
    ExtensionDecided,
    ExtensionRequested,
    Inside,
    NewTask,
    Office,
    PasswordReset,
    Reconciliation,
    Reported,
    Returned,
    Review,
    ReviewLine,
    ScheduledReport,
    SessionCancelled,
    SessionInvited,
    TargetLine,
    TargetsDue,
    TaskLine,
    Trial,
    Undeliverable,
    Urge,
    WebhookOff,
)
from tracker.mail.invitation import Invitation
from tracker.mail.message import Attachment, Mailbox
from tracker.mail.session_invitation import SessionInvitation

OFFICE = Office(
    name="Văn phòng Chính phủ",
    sender=Mailbox("Đôn Đốc – Văn phòng Chính phủ", "dondoc@vpcp.example.vn"),
    reply_to=Mailbox("Bộ phận theo dõi", "theodoi@vpcp.example.vn"),
    domain="vpcp.example.vn",
    url="https://dondoc.vpcp.example.vn",
)
MORNING = datetime(2025, 11, 25, 1, 0, tzinfo=UTC)
TO = Addressing(
    OFFICE, Mailbox("Nguyễn Thị Minh Hà", "vanthu@moh.example.vn"), "sample-1", MORNING, Duty.FOCAL
)


def uid(number: int) -> UUID:
    """A fixed UUID for a number."""
    return UUID(int=0x0F8FAD5BD9CB469FA16570867728950E + number)


def task_line(number: int = 1, **changes: Any) -> TaskLine:
    """A task of the Ministry of Health that is on schedule; `changes` say otherwise."""
    values: dict[str, Any] = {
        "assignment_id": number,
        "task_uid": uid(number),
        "url": f"{OFFICE.url}/viec/{number}/bo-y-te",
        "directive_number": "17/NQ-CP",
        "short_name": "Kế hoạch cung cấp dịch vụ công trực tuyến mức độ 4 lĩnh vực khám, chữa bệnh",
        "agency_name": "Bộ Y tế",
        "due_on": date(2025, 12, 15),
        "fine": Fine.ON_SCHEDULE,
    }
    return TaskLine(**{**values, **changes})


def overdue(number: int = 1, **changes: Any) -> TaskLine:
    """The same 25 days late."""
    late: dict[str, Any] = {"fine": Fine.OVERDUE, "days": 25, "due_on": date(2025, 10, 31)}
    return task_line(number, **{"wording": "overdue", **late, **changes})


def invitation(line: TaskLine, method: str = "REQUEST", sequence: int = 0) -> Invitation:
    """The invitation for a line, with fixed stamps."""
    made = deadline_invitation(
        line,
        TO,
        "vi",
        method="CANCEL" if method == "CANCEL" else "REQUEST",
        assignment_uid=uid(1000 + line.assignment_id),
        sequence=sequence,
        stamped_at=MORNING,
    )
    assert made is not None
    return made


MANY = Digest(
    lines=(
        task_line(
            5,
            wording="coming",
            due_on=date(2025, 12, 9),
            short_name="Báo cáo kết quả sắp xếp đơn vị sự nghiệp công lập",
            next_on=date(2025, 12, 4),
            next_to=(Duty.FOCAL, Duty.HEAD_OF_OFFICE),
        ),
        overdue(
            1,
            urgency="urgent",
            original_due_on=date(2025, 9, 30),
            committed_on=date(2025, 12, 10),
            next_on=date(2025, 12, 1),
            next_to=(Duty.LEADER,),
        ),
        overdue(
            2,
            days=3,
            due_on=date(2025, 11, 22),
            directive_number="214/CĐ-TTg",
            short_name="Rà soát nhu cầu thuốc, vật tư y tế sau bão số 13",
            extension_pending=True,
            extension_to=date(2025, 12, 5),
            late_since=date(2025, 11, 23),
        ),
        task_line(
            3,
            fine=Fine.DUE_TODAY,
            due_on=date(2025, 11, 25),
            due_time=time(17),
            directive_number="1819/QĐ-TTg",
            short_name="Gửi số liệu hồ sơ trực tuyến tháng 11",
            wording="today",
        ),
        task_line(
            4,
            fine=Fine.DUE_SOON,
            days=3,
            due_on=date(2025, 11, 28),
            directive_number="33/CT-TTg",
            short_name="Kế hoạch bảo đảm an toàn thực phẩm dịp Tết",
            wording="soon",
        ),
    ),
    agency_name="Bộ Y tế",
    url=f"{OFFICE.url}/viec?co-quan=bo-y-te",
)

NEW_TASK = NewTask(
    task_line(1, urgency="urgent"),
    full_text="Bộ Y tế chủ trì xây dựng và ban hành kế hoạch, gửi Văn phòng Chính phủ tổng hợp.",
    product="Quyết định ban hành kế hoạch",
    report_to="Văn phòng Chính phủ",
    deadline_words="15 ngày làm việc kể từ ngày ký 24/11/2025",
)


def new_tasks(count: int, **changes: Any) -> Assigned:
    """A directive that gives one agency `count` tasks."""
    tasks = [NEW_TASK]
    for number in range(2, count + 1):
        line = task_line(number, urgency="urgent", short_name=f"Nhiệm vụ thứ {number}", part=Part.COOPERATING)
        tasks.append(NewTask(line, product="Báo cáo"))
    values: dict[str, Any] = {
        "agency_name": "Bộ Y tế",
        "directive_number": "17/NQ-CP",
        "directive_abstract": "Nhiệm vụ, giải pháp trọng tâm phát triển Chính phủ điện tử",
        "issued_on": date(2025, 11, 24),
        "issuer": "Chính phủ",
        "signer": "Thủ tướng Chính phủ",
        "url": f"{OFFICE.url}/viec/1/bo-y-te",
        "tasks": tuple(tasks),
    }
    return Assigned(**{**values, **changes})


SECRETARY = "Trần Quốc Bảo"
MOVED = task_line(1, due_on=date(2025, 12, 31), original_due_on=date(2025, 12, 15))

TARGETS_URL = f"{OFFICE.url}/chi-tieu"
TARGET = TargetLine(
    "Hồ sơ giải quyết trực tuyến",
    "Cung cấp dịch vụ công trực tuyến",
    "17/NQ-CP",
    "13,5 % hồ sơ tính đến 30/09/2025; thiếu số liệu 1 kỳ: 10/2025",
    "missing",
    f"{OFFICE.url}/viec/1/BYT/chi-tieu/7",
)
EXPLANATION_STEPS: tuple[Literal["before", "on", "after", "moved"], ...] = ("before", "on", "after", "moved")
SESSION = Facts(
    title="Kiểm tra việc thực hiện nhiệm vụ chuyển đổi số tại Bộ Y tế",
    topic=Topic.DIRECTIVE,
    topic_of="17/NQ-CP",
    held_on=date(2025, 12, 5),
    held_at=time(14),
    ends_at=time(16, 30),
    place="Phòng họp 201, trụ sở Chính phủ",
    chair="Lê Minh Khôi",
    explain_by=date(2025, 12, 2),
)
GROUP = replace(SESSION, explain_by=None, agencies=("Bộ Y tế", "Bộ Tài chính"))
SESSION_URL = f"{OFFICE.url}/kiem-tra/12"


def session_event(facts: Facts, method: str = "REQUEST", sequence: int = 0) -> SessionInvitation:
    """The invitation to a session, with fixed stamps."""
    return session_invitation(
        facts,
        TO,
        "vi",
        method="CANCEL" if method == "CANCEL" else "REQUEST",
        inspection_uid=uid(2001),
        sequence=sequence,
        url=SESSION_URL,
        stamped_at=MORNING,
    )


MOVED_SESSION = replace(SESSION, held_on=date(2025, 12, 8), held_at=time(8, 30), ends_at=None, place="")

WEEKLY = ScheduledReport(
    name="Danh sách quá hạn hằng tuần",
    what="overdue",
    day=date(2025, 11, 24),
    rows=74,
    url=f"{OFFICE.url}/bao-cao/lich-gui/7/ky/2025-11-24",
    file_name="qua-han-2025-11-23.docx",
    size=48_112,
    attachment=Attachment("qua-han-2025-11-23.docx", "application/vnd.ms-word", b"PK"),
    next_on=date(2025, 12, 1),
)

SAMPLES: dict[str, tuple[str, Context]] = {
    "assigned": ("assigned", new_tasks(1, invitation=invitation(NEW_TASK.line))),
    "assigned_many": ("assigned", new_tasks(3)),
    "deadline_moved": (
        "deadline_moved",
        DeadlineMoved(
            MOVED,
            previous_on=date(2025, 12, 15),
            document="1102/VPCP-KSTT",
            reason="Chờ Bộ Khoa học và Công nghệ công bố chuẩn kết nối.",
            decided_by=SECRETARY,
            invitation=invitation(MOVED, sequence=1),
        ),
    ),
    "digest": ("digest", MANY),
    "digest_one": ("digest", Digest((overdue(1, urgency="urgent"),), "Bộ Y tế", MANY.url)),
    "digest_restricted": ("digest", Digest((overdue(1, restricted=True),), "Bộ Y tế", MANY.url)),
    "digest_member": (
        "digest",
        Digest(
            (
                overdue(1, days=45, due_on=date(2025, 10, 11), wording="inspection"),
                overdue(
                    6,
                    days=44,
                    due_on=date(2025, 10, 12),
                    agency_name="UBND tỉnh Phú Thọ",
                    wording="inspection",
                    short_name="Trung tâm phục vụ hành chính công cấp tỉnh",
                ),
            ),
            "",
            f"{OFFICE.url}/tong-quan",
        ),
    ),
    "review": (
        "review",
        Review(
            (
                ReviewLine(
                    task_line(1, fine=Fine.AWAITING_CONFIRMATION, days=4),
                    date(2025, 11, 19),
                    "Đã ban hành Quyết định 3120/QĐ-BYT ngày 18/11/2025.",
                ),
                ReviewLine(
                    task_line(
                        6,
                        fine=Fine.AWAITING_CONFIRMATION,
                        days=3,
                        agency_name="UBND tỉnh Phú Thọ",
                        short_name="Trung tâm phục vụ hành chính công cấp tỉnh",
                    ),
                    date(2025, 11, 20),
                ),
            ),
            f"{OFFICE.url}/cho-xac-nhan",
        ),
    ),
    "reported": (
        "reported",
        Reported(
            task_line(1, fine=Fine.AWAITING_CONFIRMATION),
            "completion",
            "BC-2025-000418",
            "Nguyễn Thị Minh Hà",
            MORNING,
            "Đã ban hành kế hoạch.\nGửi kèm quyết định và danh mục dịch vụ.",
            "3120/QĐ-BYT ngày 18/11/2025",
        ),
    ),
    "returned": (
        "returned",
        Returned(
            overdue(1, fine=Fine.RETURNED),
            "BC-2025-000418",
            date(2025, 11, 19),
            SECRETARY,
            "Quyết định chưa có phụ lục danh mục dịch vụ; cần bổ sung rồi báo cáo lại.",
        ),
    ),
    "confirmed": (
        "confirmed",
        Confirmed(
            task_line(1, fine=Fine.DONE_ON_TIME),
            "BC-2025-000418",
            date(2025, 11, 18),
            SECRETARY,
            invitation(task_line(1), "CANCEL", 2),
        ),
    ),
    "extension_requested": (
        "extension_requested",
        ExtensionRequested(
            overdue(1),
            date(2025, 12, 31),
            "Nguyễn Thị Minh Hà",
            MORNING,
            "Chưa có chuẩn kết nối để tích hợp.",
            asked_late=True,
            granted_before=1,
        ),
    ),
    "extension_granted": (
        "extension_decided",
        ExtensionDecided(
            MOVED,
            True,
            date(2025, 12, 31),
            SECRETARY,
            "1102/VPCP-KSTT",
            "Lý do chính đáng.",
            invitation(MOVED, sequence=1),
        ),
    ),
    "extension_refused": (
        "extension_decided",
        ExtensionDecided(overdue(1), False, date(2025, 12, 31), SECRETARY, "", "Đã gia hạn một lần."),
    ),
    "cancelled": (
        "cancelled",
        Cancelled(
            task_line(1, fine=Fine.TRANSFERRED),
            SECRETARY,
            "Chuyển theo phân công mới.",
            "88/TB-VPCP",
            "Bộ Khoa học và Công nghệ",
            invitation(task_line(1), "CANCEL", 2),
        ),
    ),
    "changed": (
        "changed",
        Changed(
            (
                ChangeLine(task_line(1, fine=Fine.DONE_ON_TIME), "confirmed"),
                ChangeLine(
                    overdue(2, fine=Fine.RETURNED), "returned", "Thiếu phụ lục; bổ sung rồi báo cáo lại."
                ),
                ChangeLine(MOVED, "deadline_moved", "Theo công văn 1102/VPCP-KSTT."),
            ),
            SECRETARY,
            f"{OFFICE.url}/viec",
            had_invitations=True,
        ),
    ),
    "urge": (
        "urge",
        Urge(
            (overdue(1), task_line(4, fine=Fine.DUE_SOON, days=3, due_on=date(2025, 11, 28))),
            "Bộ Y tế",
            SECRETARY,
            MANY.url,
            "Phó Thủ tướng hỏi tiến độ trong phiên họp sáng thứ Năm.",
        ),
    ),
    "urge_explanation": (
        "urge",
        Urge((overdue(1, urgency="urgent"),), "Bộ Y tế", SECRETARY, MANY.url, answer_by=date(2025, 11, 28)),
    ),
    "session_invited": (
        "session_invited",
        SessionInvited(SESSION, Seat.AGENCY, SESSION_URL, "Bộ Y tế", 4, invitation=session_event(SESSION)),
    ),
    "session_invited_chair": (
        "session_invited",
        SessionInvited(GROUP, Seat.CHAIR, SESSION_URL, invitation=session_event(GROUP)),
    ),
    "session_changed": (
        "session_invited",
        SessionInvited(
            MOVED_SESSION,
            Seat.AGENCY,
            SESSION_URL,
            "Bộ Y tế",
            1,
            SESSION,
            session_event(MOVED_SESSION, sequence=1),
        ),
    ),
    "session_called_off": (
        "session_cancelled",
        SessionCancelled(
            SESSION,
            "called_off",
            f"{OFFICE.url}/kiem-tra",
            "Tập trung ứng phó bão số 13.",
            "Bộ Y tế",
            session_event(SESSION, "CANCEL", 1),
        ),
    ),
    "session_taken_out": (
        "session_cancelled",
        SessionCancelled(
            GROUP, "taken_out", f"{OFFICE.url}/kiem-tra", invitation=session_event(GROUP, "CANCEL", 1)
        ),
    ),
    **{
        f"explanation_{step}": (
            "explanation_due",
            ExplanationDue(
                (overdue(1, wording=""),)
                if step == "on"
                else (overdue(1, wording=""), overdue(2, wording="", days=3, due_on=date(2025, 11, 22))),
                "Bộ Y tế",
                SESSION.title,
                SESSION.held_on,
                date(2025, 12, 2),
                step,
                SESSION_URL,
                date(2025, 11, 28) if step == "moved" else None,
            ),
        )
        for step in EXPLANATION_STEPS
    },
    "undeliverable": (
        "undeliverable",
        Undeliverable(
            "UBND tỉnh Phú Thọ",
            "Lê Văn Đức",
            "vanthu@phutho.example.vn",
            "[Quá hạn 25 ngày] 17/NQ-CP – Trung tâm phục vụ hành chính công cấp tỉnh",
            "550 5.1.1 <vanthu@phutho.example.vn>: Recipient address rejected: User unknown",
            MORNING,
            f"{OFFICE.url}/co-quan/25",
            "Chánh Văn phòng (cvp@phutho.example.vn)",
        ),
    ),
    "targets_due": (
        "targets_due",
        TargetsDue(
            "Bộ Y tế", (TARGET, replace(TARGET, what="behind", name="Dịch vụ đã tích hợp")), TARGETS_URL, 2
        ),
    ),
    "digest_targets": (
        "digest",
        replace(MANY, targets=(TARGET, replace(TARGET, restricted=True))),
    ),
    "targets_due_restricted": (
        "targets_due",
        TargetsDue("Bộ Y tế", (replace(TARGET, restricted=True),), TARGETS_URL),
    ),
    "inside_passed": ("inside", Inside("passed", 1, f"{OFFICE.url}/noi-bo/7")),
    "inside_due": ("inside", Inside("due", 3, f"{OFFICE.url}/viec")),
    "reconciliation": (
        "reconciliation",
        Reconciliation(
            "Bộ Y tế",
            date(2025, 11, 1),
            date(2025, 10, 31),
            date(2025, 11, 28),
            12,
            3,
            f"{OFFICE.url}/doi-chieu/4?co-quan=BYT",
        ),
    ),
    "reconciliation_again": (
        "reconciliation",
        Reconciliation(
            "Bộ Y tế",
            date(2025, 11, 1),
            date(2025, 10, 31),
            date(2025, 11, 21),
            1,
            0,
            f"{OFFICE.url}/doi-chieu/4?co-quan=BYT",
            is_reminder=True,
            days_over=2,
        ),
    ),
    "webhook_off": (
        "webhook_off",
        WebhookOff("https://tich-hop.bo.example.vn/don-doc", False, MORNING, OFFICE.url),
    ),
    "webhook_gone": (
        "webhook_off",
        WebhookOff("https://tich-hop.bo.example.vn/don-doc", True, MORNING, OFFICE.url),
    ),
    "scheduled_report": ("scheduled_report", WEEKLY),
    "scheduled_report_late": (
        "scheduled_report",
        replace(WEEKLY, is_late=True, missed=(date(2025, 11, 10), date(2025, 11, 17)), rows=0),
    ),
    "scheduled_report_linked": (
        "scheduled_report",
        replace(WEEKLY, what="due", file_name="sap-den-han-2025-11-24.pdf", size=7_340_032, attachment=None),
    ),
    "test": ("test", Trial(SECRETARY, "mail.vpcp.example.vn:587", OFFICE.url)),
    "account_invitation": (
        "account_invitation",
        AccountInvitation(
            "vanthu@moh.example.vn",
            SECRETARY,
            f"{OFFICE.url}/loi-moi/ddl_{'x' * 32}",
            datetime(2025, 12, 2, 1, 0, tzinfo=UTC),
        ),
    ),
    "password_reset": (
        "password_reset",
        PasswordReset(
            "vanthu@moh.example.vn",
            f"{OFFICE.url}/dat-lai-mat-khau/ddl_{'x' * 32}",
            datetime(2025, 11, 25, 2, 0, tzinfo=UTC),
        ),
    ),
    "account_changed": (
        "account_changed",
        AccountChanged("password_changed", MORNING, f"{OFFICE.url}/toi/bao-mat", "203.0.113.7"),
    ),
    "account_changed_token": (
        "account_changed",
        AccountChanged(
            "token_made", MORNING, f"{OFFICE.url}/toi/bao-mat", "", SECRETARY, "Cổng báo cáo <Bộ Y tế>"
        ),
    ),
    "account_changed_operator": (
        "account_changed",
        AccountChanged("second_factor_reset", MORNING, f"{OFFICE.url}/toi/bao-mat", is_by_operator=True),
    ),
}

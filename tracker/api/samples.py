"""Example answers for the document: one small story in the fields' own names, as their schemas have them.

An agency has an assignment of a resolution, asks for more time, reports. Nobody in it exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DAY = "2026-11-20"
_INSTANT = "2026-11-20T02:15:00Z"
_TEXT = "…"

_BY_FIELD: dict[str, object] = {
    "Agency.code": "G18",
    "Agency.name": "Bộ Y tế",
    "Agency.name_en": "Ministry of Health",
    "Agency.short_name": "Bộ Y tế",
    "AgencyRef.code": "G18",
    "AgencyRef.name": "Bộ Y tế",
    "Attachment.name": "88-KH-BYT.pdf",
    "ChainPlace.mac": "9f2c" * 16,
    "Delivery.kind": "assignment.assigned",
    "Feed.name": "Lịch của bộ",
    "Header.name": "Subject",
    "Header.value": "Sắp đến hạn: Kế hoạch số hóa kết quả",
    "HistoryItem.detail": {"due_on": ["2026-12-15", "2026-12-31"]},
    "Change.detail": {"due_on": ["2026-12-15", "2026-12-31"]},
    "LaneHead.mac": "9f2c" * 16,
    "Named.code": "G18",
    "Named.name": "Bộ Y tế",
    "Official.name": "Lê Thị Huyền",
    "Official.position": "Chuyên viên",
    "OutboxMessage.kind": "ladder",
    "OverdueAgency.name": "Bộ Y tế",
    "OverdueAgency.code": "G18",
    "OverdueList.scope": {},
    "Report.percent": 100,
    "Resolution.kind": "dated",
    "RowFault.code": "import_bad_date",
    "RowFault.column": "Ngày hết hạn",
    "RowFault.detail": "Không đọc được ngày “31/02/2026”.",
    "RowFault.expected": "ngày/tháng/năm, ví dụ 30/11/2026",
    "RowFault.value": "31/02/2026",
    "StatisticsPage.scope": {},
    "Token.name": "Hệ thống văn bản của bộ",
    "Trend.scope": {},
    "WorkingDay.name": "Tết Dương lịch",
    "WorkingDay.day": "2026-01-01",
    "UrgeMessage.message_id": "17",
    "Webhook.description": "Hệ thống văn bản của bộ",
}
_BY_NAME: dict[str, object] = {
    "abstract": "Một số nhiệm vụ trọng tâm phát triển Chính phủ điện tử",
    "actor": "Nguyễn Thị Bích Thảo",
    "address": "huyen.lethi@byt.vn.example",
    "agency": "G18",
    "agency_code": "G18",
    "alarm_days": [3],
    "answer": "",
    "by": "agency",
    "cause": "Cần lấy ý kiến của địa phương.",
    "carried_out_by": "Bùi Quốc Trung",
    "changed_by": "Bùi Quốc Trung",
    "close_reason": "",
    "code": "before_5",
    "created_by": "Nguyễn Thị Bích Thảo",
    "deadline": "trước ngày 15/12/2026",
    "deadline_phrase": "trước ngày 15/12/2026",
    "denominator_name": "fallen_due",
    "detail": _TEXT,
    "digest": "5b1e" * 16,
    "directive": "17/NQ-CP",
    "directive_number": "17/NQ-CP",
    "document": "1102/VPCP-KSTT",
    "deadline_document": "17/NQ-CP",
    "due_on": "2026-12-15",
    "due_words": "Ngày 15/12/2026, ghi rõ trong văn bản.",
    "duty": "focal",
    "email": "huyen.lethi@byt.vn.example",
    "evidence_number": "88/KH-BYT",
    "field": "Chính phủ điện tử",
    "file_name": "nhiem-vu.xlsx",
    "full_text": "Kế hoạch của bộ, trình cấp có thẩm quyền.",
    "group": "0f1d3c52-8a0e-4f0e-9c57-2d7c1f4b9a10",
    "group_id": "0f1d3c52-8a0e-4f0e-9c57-2d7c1f4b9a10",
    "hint": "x7Qa",
    "index": 0,
    "instance": "urn:uuid:7b1f1c0a-53c1-4a9e-8f55-1f0d0a6f2f11",
    "ip": "203.0.113.7",
    "issuer": "Chính phủ",
    "key": "G18",
    "knowledge": "as_known_now",
    "label": "Bộ Y tế",
    "ladder": "default",
    "language": "vi",
    "last_report": "Đã xong dự thảo.",
    "last_report_summary": "Đã xong dự thảo.",
    "last_used_ip": "203.0.113.7",
    "last_user_agent": "Thunderbird/140",
    "lead": "Bộ Y tế",
    "list": "/api/v1/statistics/assignments?as_of=2026-11-20&agency=G18",
    "media_type": "application/pdf",
    "message_id": "<17.before_5.1@dondoc.example>",
    "name": "Lê Thị Huyền",
    "number": "17/NQ-CP",
    "numerator_name": "done_on_time",
    "percent": "95.0",
    "place": "Phụ lục I, mục 3",
    "pointer": "/due_on",
    "position": "Chuyên viên",
    "predecessor": "G04",
    "product": "Kế hoạch",
    "programme": "",
    "reason": "Theo công văn 1102/VPCP-KSTT",
    "receipt": "BC-17-1",
    "recipient": "huyen.lethi@byt.vn.example",
    "relay": "smtp.example:587",
    "route": "self",
    "scopes": ["read", "report"],
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",  # nosec B105  # an example in the document
    "sha256": "c3ab" * 16,
    "short_name": "Kế hoạch thực hiện Nghị quyết",
    "signer": "Nguyễn Văn A",
    "size": 48213,
    "source": "17/NQ-CP",
    "stage": "reading",
    "state": "sent",
    "step": "before_5",
    "subject": "Sắp đến hạn: Kế hoạch thực hiện Nghị quyết",
    "summary": "Đã ban hành kế hoạch.",
    "task": "Kế hoạch thực hiện Nghị quyết",
    "text": "Kính gửi Bộ Y tế, …",
    "timezone": "Asia/Ho_Chi_Minh",
    "title": _TEXT,
    "uid": "6a4e1d0e-7b0c-4f9a-8d6e-0d9c6c1f2a33",
    "url": "/api/v1/attachments/17",
    "user_agent": "Firefox/145",
    "verb": "edit_deadline",
    "version": 3,
    "words": "Ngày 15/12/2026, ghi rõ trong văn bản.",
    "year": 2026,
}
_EMPTY = frozenset(
    {
        "closed_at",
        "commitment",
        "disabled_at",
        "next",
        "problem",
        "recurrence",
        "revoked_at",
        "transferred_to",
    }
)
"""Fields that are null in the story."""
_KINDS: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


def sample(schema: Mapping[str, Any], components: Mapping[str, Any], field: str = "") -> Any:
    """A value that fits `schema`; `field` is its place, "Struct.name"."""
    name = field.partition(".")[2]
    if "$ref" in schema:
        kind = schema["$ref"].rpartition("/")[2]
        return _object(kind, components)
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
        if name in _EMPTY and len(choices) < len(schema["anyOf"]):
            return None
        return sample(choices[0], components, field)
    if "const" in schema:
        return schema["const"]
    given = _BY_FIELD.get(field, _BY_NAME.get(name))
    if given is not None and _fits(given, schema):
        return given
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return next(choice for choice in schema["enum"] if choice is not None)
    return _plain(schema, components, field)


def _object(kind: str, components: Mapping[str, Any]) -> Any:
    schema = components[kind]
    if "properties" not in schema:
        return sample(schema, components)
    return {name: sample(inner, components, f"{kind}.{name}") for name, inner in schema["properties"].items()}


def _fits(given: object, schema: Mapping[str, Any]) -> bool:
    if "enum" in schema:
        return given in schema["enum"]
    if "format" in schema:
        return schema["format"] == "date" and _is_day(given)
    kind = _KINDS.get(schema.get("type", ""))
    return kind is not None and type(given) is kind


def _is_day(given: object) -> bool:
    return isinstance(given, str) and len(given) == 10 and given[4] == given[7] == "-"


def _plain(schema: Mapping[str, Any], components: Mapping[str, Any], field: str) -> Any:
    match schema.get("type"):
        case "array":
            items = schema.get("items", {})
            return [sample(items, components, field)] if items else []
        case "object":
            values = schema.get("additionalProperties")
            return {"G18": sample(values, components)} if isinstance(values, dict) and values else {}
        case "string":
            return {"date": _DAY, "date-time": _INSTANT}.get(schema.get("format", ""), _TEXT)
        case "integer":
            return max(int(schema.get("minimum", 1)), 1)
        case "boolean":
            return False
        case _:
            return None

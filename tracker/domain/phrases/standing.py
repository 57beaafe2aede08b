"""Tasks without a day: standing ones, and those whose time stands in another document."""

from __future__ import annotations

import re

from tracker.domain.phrases.reading import Reading
from tracker.domain.rules import Unsure

_STANDING = re.compile(
    r"(?<!chi )(?<!chi dau tu )\b(?:thuong xuyen|lien tuc|nhung nam tiep theo|cac nam tiep theo|nhung nam sau|"
    r"cac nam sau|nam tiep theo|xuyen suot|trong suot qua trinh|khong xac dinh thoi han|lau dai)\b"
)
_IF_ANY = re.compile(r"[^;.]{0,60}?\(\s*neu co\s*\)")
_ELSEWHERE = re.compile(
    r"\btheo\s+(?:dung\s+)?(?:tien do|ke hoach|lo trinh|quy dinh|yeu cau|thoi han|thoi gian|chuong trinh|chi dao|"
    r"huong dan|han dinh|tung|phan ky)\b"
)


def is_standing(reading: Reading) -> bool:
    """Whether the phrase, or part of it, has no end: "thường xuyên", "và những năm tiếp theo".

    "(nếu có)" after it means that nobody is bound; recurrent spending (chi thường xuyên) is something else.
    """
    return any(not _IF_ANY.match(reading.plain, match.end()) for match in reading.find(_STANDING))


def elsewhere(reading: Reading) -> Unsure | None:
    """A deadline that another document sets: "theo tiến độ được giao"."""
    match = _ELSEWHERE.search(reading.plain)
    if match is None:
        return None
    return Unsure("deadline_elsewhere", reading.cased[match.start() :].strip(" .;~")[:120])

"""The agency whose name is nearest to what somebody typed: a suggestion, never a decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from difflib import SequenceMatcher

from tracker.domain.addressees import name_key
from tracker.domain.directory import Agency

_LEAST = 0.62
"""Below this likeness a suggestion would mislead more often than it helps."""


def nearest_agency(words: str, agencies: Sequence[Agency], on: date) -> Agency | None:
    """The agency that exists on `on` and is named most like `words`; None when none comes near.

    >>> from tracker.domain.directory import AgencyKind
    >>> health = Agency(1, "BYT", "Bộ Y tế", AgencyKind.MINISTRY)
    >>> nearest_agency("bo y te te", [health], date(2025, 11, 24)) == health
    True
    >>> nearest_agency("Hội Chữ thập đỏ", [health], date(2025, 11, 24)) is None
    True
    """
    wanted = name_key(words)
    if not wanted or len(wanted) > 200:
        return None
    best: tuple[float, Agency] | None = None
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    for agency in agencies:
        if not agency.is_valid_on(on):
            continue
        for name in (agency.name, agency.code, *agency.aliases):
            matcher.set_seq1(name_key(name))
            if matcher.real_quick_ratio() < _LEAST or matcher.quick_ratio() < _LEAST:
                continue
            likeness = matcher.ratio()
            if likeness >= _LEAST and (best is None or likeness > best[0]):
                best = likeness, agency
    return None if best is None else best[1]

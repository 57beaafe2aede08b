"""The sentences of refusals: a code with its parameters, in the reader's language, for every edge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time

from tracker.domain.wording import Sentence
from tracker.domain.zone import civil_now
from tracker.i18n import Language, catalogue

LONGEST_VALUE_SHOWN = 120
_DUTIES_IN = {"duty_not_of_role": ("value", "allowed")}
"""Parameters that hold codes of duties: sentences call duties by their words."""
_STATES_IN = {"inspection_moved": "insp.state"}
"""Sentences that name a state, and where its words stand."""
_ALSO_CALLED = {"allowed": "choices", "least": "low", "most": "high"}


class _Parameters(dict[str, str]):
    """Parameters of a sentence; one that is missing leaves a dash, never an exception inside an error."""

    def __missing__(self, key: str) -> str:
        return "–"


def sentence(language: Language, code: str, params: Mapping[str, object]) -> str:
    """What a code means here; a code without a sentence stands for itself.

    The key is the code, or `error.` and the code where a sentence of another area has its name.

    >>> sentence("en", "not_a_code", {})
    'not_a_code'
    >>> sentence("vi", "duty_not_of_role", {"role": "Thành viên", "value": "focal", "allowed": ("member",)})
    'Vai trò Thành viên không giữ nhiệm vụ đầu mối; được chọn: thành viên Tổ công tác.'
    >>> sentence("vi", "inspection_moved", {"state": "concluded"})
    'Buổi kiểm tra đang ở bước “Đã kết luận”, không làm được việc này nữa.'
    """
    catalogued = catalogue(language)
    known = catalogued.get(f"error.{code}") or catalogued.get(code)
    if known is None:
        return code
    given = _Parameters(
        {
            name: sentence(language, value.key, value.params) if isinstance(value, Sentence) else shown(value)
            for name, value in params.items()
        }
    )
    for name in _DUTIES_IN.get(code, ()):
        given[name] = ", ".join(catalogued.get(f"duty.{duty}", duty) for duty in given[name].split(", "))
    if code in _STATES_IN and "state" in given:
        given["state"] = catalogued.get(f"{_STATES_IN[code]}.{given['state']}", given["state"])
    for name, other in _ALSO_CALLED.items():
        if other in given:
            given.setdefault(name, given[other])
    return known.format_map(given)


def shown(value: object) -> str:
    """A parameter as a sentence shows it: dates as Vietnamese papers write them, long texts cut.

    >>> shown(date(2025, 11, 3)), shown(("A", "B"))
    ('03/11/2025', 'A, B')
    """
    match value:
        case None:
            return ""
        case datetime():
            return f"{civil_now(value) if value.tzinfo else value:%d/%m/%Y %H:%M}"
        case date():
            return f"{value.day:02d}/{value.month:02d}/{value.year:04d}"
        case time():
            return f"{value:%H:%M}"
        case str():
            printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
            cut = printable[:LONGEST_VALUE_SHOWN]
            return cut if len(printable) <= LONGEST_VALUE_SHOWN else cut + "…"
        case list() | tuple() | set() | frozenset():
            items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
            return shown(", ".join(shown(item) for item in items))
        case _:
            return shown(str(value))

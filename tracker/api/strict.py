"""Requests are taken literally: nothing unknown, nothing said twice, no text for a number, every fault named.

Litestar would coerce "3" to 3 and stop at the first fault (traps 8, 58), so bodies and queries are read here.
"""

from __future__ import annotations

import itertools
import json
import re
import types
import typing
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, time
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct, UnsetType

from tracker.api.errors import Refusal
from tracker.domain.errors import Problem
from tracker.domain.text import endless_marks, shortened
from tracker.domain.wording import Sentence, say

T = TypeVar("T", bound=Struct)

FORM = "form"
"""In a pattern's `extra`: the key of the words that tell what the pattern asks for."""
ID_PATTERN = r"^[1-9][0-9]{0,17}$"
EARLIEST_DATE = date(1945, 9, 2)
LATEST_DATE = date(2199, 12, 31)
MOST_PROBLEMS = 50
MOST_ITEMS = 1000
_BEYOND = {"date_out_of_range", "number_out_of_range"}

Id = Annotated[
    str,
    Meta(
        pattern=ID_PATTERN,
        description="An identifier; opaque digits.",
        examples=["17"],
        extra={FORM: "form.id"},
    ),
]
ClockTime = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="Time of day in the official zone, HH:MM.",
        examples=["17:00"],
        extra={FORM: "form.clock"},
    ),
]
Flag = Annotated[Literal["true", "false"], Meta(description="`true` or `false`.")]
Limit = Annotated[
    str,
    Meta(
        pattern=r"^([1-9][0-9]?|1[0-9]{2}|200)$",
        description="How many rows a page holds, 1 to 200.",
        extra_json_schema={"x-integer": [1, 200]},
        extra={FORM: "form.limit"},
    ),
]
Cursor = Annotated[
    str,
    Meta(
        max_length=1000,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Where to go on; taken from `next` of a page.",
        extra={FORM: "form.cursor"},
    ),
]
PRINTABLE = r"^[^\u0000-\u001f\u007f]*$"
Words = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=PRINTABLE,
        description="Words to look for; diacritics do not matter.",
        extra={FORM: "form.printable"},
    ),
]


PATH_TEXTS: dict[str, tuple[str, str]] = {
    "code": (r"^[a-z][a-z0-9_-]{0,59}$", "default"),
    "day": (r"^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$", "2026-01-02"),
}
"""The parameters of a path that are no identifiers: their pattern and an example."""


class NoQuery(Struct, forbid_unknown_fields=True):
    """No query parameters."""


class NoBody(Struct, forbid_unknown_fields=True):
    """An empty object, or nothing."""


def id_of(text: str) -> int:
    """The number of an identifier. Raises Refusal not_found for anything that no identifier looks like.

    >>> id_of("17")
    17
    """
    # The regex of attack cases 9 and 10: no sign, no underscore, no other script's digits, no overflow.
    if not re.fullmatch(r"[1-9][0-9]{0,17}", text):
        raise Refusal("not_found")
    return int(text)


def path_text(name: str, text: str) -> str:
    """A parameter of a path that is no identifier. Raises Refusal not_found where it cannot be one."""
    if text.endswith("\n") or not re.fullmatch(PATH_TEXTS[name][0], text):
        raise Refusal("not_found")
    return text


def read_query(query: bytes, kind: type[T]) -> T:
    """The query parameters as `kind`; all of its fields are text. Raises Refusal naming every fault."""
    pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict")
    given = dict(pairs)
    problems = list(faults(given, kind, "", unknown="unknown_parameter"))
    if problems:
        raise _refusal(problems)
    return msgspec.convert(given, kind)


def read_body(body: bytes, kind: type[T]) -> T:
    """A JSON body as `kind`. Raises Refusal naming every fault."""
    try:
        value = json.loads(
            body.decode("utf-8") or "{}",
            object_pairs_hook=_without_repetition,
            parse_constant=_refuse_constant,
            parse_float=_number,
        )
        value = _composed(value)
        problems = list(itertools.islice(faults(value, kind, ""), MOST_PROBLEMS))
        if problems:
            raise _refusal(problems)
        return msgspec.convert(value, kind)
    except RecursionError:
        raise Refusal("too_deep") from None
    except json.JSONDecodeError as error:
        raise Refusal("bad_json", line=error.lineno, column=error.colno) from None
    except (UnicodeDecodeError, ValueError):
        # Not UTF-8, or an integer of more digits than Python converts.
        raise Refusal("bad_json", line=1, column=1) from None


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    seen: dict[str, object] = {}
    for key, value in pairs:
        if key in seen:
            raise Refusal("repeated_key", name=key)
        seen[key] = value
    return seen


def _number(written: str) -> float | int:
    """A number with a point or an exponent; JSON knows no kinds of numbers, so 7.0 is the integer 7."""
    value = float(written)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _composed(value: object) -> object:
    """Texts composed (NFC), as they are stored: some keyboards send more characters than are read."""
    match value:
        case str() if not value.isascii() and endless_marks(value) is None:
            composed = unicodedata.normalize("NFC", value)
            return composed if len(composed) <= len(value) else value
        case list():
            return [_composed(item) for item in value]
        case dict():
            return {key: _composed(item) for key, item in value.items()}
        case _:
            return value


def _refusal(problems: list[Problem]) -> Refusal:
    """400 for what is not of the documented form, 422 for what is of it and lies beyond what we hold."""
    beyond = all(problem.code in _BEYOND for problem in problems)
    return Refusal("invalid" if beyond else "invalid_request", problems=problems[:MOST_PROBLEMS])


def _refuse_constant(name: str) -> object:
    raise Refusal("bad_json", line=1, column=1, constant=name)


def _plain(kind: Any) -> Any:
    """A type without its annotation."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _alternatives(kind: Any) -> tuple[Any, ...]:
    """The members of a union, without null and unset."""
    bare = _plain(kind)
    if get_origin(bare) in (typing.Union, types.UnionType):
        return tuple(a for a in get_args(bare) if a not in (type(None), UnsetType))
    return (kind,)


def faults(value: object, kind: Any, pointer: str, unknown: str = "unknown_field") -> Iterator[Problem]:
    """Every way in which `value` is not a `kind`, each at its JSON pointer."""
    alternatives = _alternatives(kind)
    one = _plain(alternatives[0]) if len(alternatives) == 1 else None
    if isinstance(one, type) and issubclass(one, Struct) and isinstance(value, dict):
        yield from _faults_of_object(value, one, pointer, unknown)
    elif (
        one is not None
        and get_origin(one) is list
        and isinstance(value, list)
        and _fits_length(value, alternatives[0])
    ):
        (item,) = get_args(one)
        for index, element in enumerate(value):
            yield from faults(element, item, f"{pointer}/{index}")
    else:
        yield from _fault_of_value(value, kind, pointer)


def _fits_length(value: list[object], kind: Any) -> bool:
    return all(
        (m.max_length is None or len(value) <= m.max_length)
        and (m.min_length is None or len(value) >= m.min_length)
        for m in _metas(kind)
    )


@cache
def _fields(kind: type[Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The fields by the names they go by; the library reads the annotations anew at each call."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _faults_of_object(
    value: dict[str, object], kind: type[Struct], pointer: str, unknown: str
) -> Iterator[Problem]:
    known = _fields(kind)
    for name, given in value.items():
        at = f"{pointer}/{_escaped(name)}"
        if name not in known:
            yield Problem(at, unknown, name, {"known": ", ".join(known)})
        else:
            yield from faults(given, known[name].type, at)
    for name, field in known.items():
        if field.required and name not in value:
            yield Problem(f"{pointer}/{_escaped(name)}", "missing_field", None, {"name": name})


def _escaped(name: str) -> str:
    """A key inside a JSON pointer (RFC 6901 §3)."""
    return name[:100].replace("~", "~0").replace("/", "~1")


def _fault_of_value(value: object, kind: Any, pointer: str) -> Iterator[Problem]:
    if isinstance(value, str) and (_unwritable(value) or endless_marks(value) is not None):
        yield Problem(pointer, "unwritable_text", value)
        return
    if isinstance(value, str) and value.endswith("\n") and _has_pattern(kind):
        # The dollar of a pattern means the very end to JSON Schema, and "or before a last newline" to Python.
        yield _problem(pointer, "wrong_form", value, kind)
        return
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield _told(str(error), value, kind, pointer)
        return
    if isinstance(converted, date) and not EARLIEST_DATE <= converted <= LATEST_DATE:
        yield Problem(pointer, "date_out_of_range", value, {"from": EARLIEST_DATE, "to": LATEST_DATE})
    elif isinstance(converted, int) and not isinstance(converted, bool) and abs(converted) >= 2**53:
        yield Problem(pointer, "number_out_of_range", value)


def _metas(kind: Any) -> list[Meta]:
    return [m for m in get_args(kind)[1:] if isinstance(m, Meta)] if get_origin(kind) is Annotated else []


def _has_pattern(kind: Any) -> bool:
    return any(meta.pattern is not None for one in _alternatives(kind) for meta in _metas(one))


def _unwritable(value: str) -> bool:
    """NUL and lone surrogates, which no column can hold."""
    return "\0" in value or any("\ud800" <= c <= "\udfff" for c in value)


def _told(message: str, value: object, kind: Any, pointer: str) -> Problem:
    """The library's sentence as a code of ours with what was expected."""
    if "Invalid enum value" in message:
        return Problem(pointer, "not_a_choice", value, {"allowed": ", ".join(_choices(kind))})
    if "RFC3339" in message:
        return Problem(pointer, "not_a_date", value)
    if message.startswith("Expected `") and ", got `" in message:
        return _problem(pointer, "wrong_type", value, kind)
    if "of length" in message or re.search(r"[<>]=? ?-?[0-9]", message):
        return _problem(pointer, "out_of_bounds", value, kind)
    return _problem(pointer, "wrong_form", value, kind)


def _problem(pointer: str, code: str, value: object, kind: Any) -> Problem:
    """A fault whose sentence names the field, the value and the form in words."""
    params: dict[str, object] = {"expected": expected(kind)}
    if not pointer:
        params["field"] = say("form.whole_body")
    return Problem(pointer, code, _written(value), params)


def _written(value: object) -> str:
    """A value as its sender wrote it: shortened, and of a list or an object only its brackets."""
    match value:
        case str():
            return shortened(value)
        case list():
            return "[…]" if value else "[]"
        case dict():
            return "{…}" if value else "{}"
        case _:
            return shortened(json.dumps(value))


_PLAIN_FORMS: dict[Any, str] = {
    bool: "form.boolean",
    int: "form.integer",
    float: "form.decimal",
    date: "form.date",
    datetime: "form.instant",
    list: "form.list",
    str: "form.text",
}


def expected(kind: Any) -> Sentence:
    """What a field asks for, in words.

    >>> expected(Annotated[str, Meta(max_length=400)] | None)
    Sentence(key='form.text_up_to', params={'most': 400})
    """
    one = _alternatives(kind)[0]
    metas, bare = _metas(one), _plain(one)
    key = next((str(m.extra[FORM]) for m in metas if m.extra and FORM in m.extra), None)
    if key is not None:
        return say(key)
    if get_origin(bare) is Literal or hasattr(bare, "__members__"):
        return say("form.choice", allowed=", ".join(_choices(kind)))
    if isinstance(bare, type) and issubclass(bare, Struct):
        return say("form.object")
    key = _PLAIN_FORMS[get_origin(bare) or bare]
    least = next((bound for m in metas for bound in (m.ge, m.min_length) if bound is not None), None)
    most = next((bound for m in metas for bound in (m.le, m.max_length) if bound is not None), None)
    match least, most:
        case None, None:
            return say(key)
        case None, _:
            return say(f"{key}_up_to", most=_bound(most))
        case _, None:
            return say(f"{key}_from", least=_bound(least))
        case _:
            return say(f"{key}_between", least=_bound(least), most=_bound(most))


def _bound(bound: float | None) -> int | str:
    return bound if isinstance(bound, int) else str(bound)


def _choices(kind: Any) -> list[str]:
    found: list[str] = []
    for alternative in _alternatives(kind):
        bare = _plain(alternative)
        if get_origin(bare) is Literal:
            found += [str(choice) for choice in get_args(bare)]
        elif isinstance(bare, type) and hasattr(bare, "__members__"):
            found += [str(member.value) for member in bare]  # type: ignore[attr-defined]  # an Enum
    return found


def time_of(text: str | None) -> time | None:
    """The time a ClockTime writes."""
    return None if text is None else time.fromisoformat(text)


def texts_of(patch: Struct) -> dict[str, str]:
    """As `changes_of`, for a patch of texts: null empties a text."""
    return {name: "" if value is None else str(value) for name, value in changes_of(patch).items()}


def changes_of(patch: Struct) -> dict[str, Any]:
    """The fields a merge patch names, null included (RFC 7396: absent is not null)."""
    given = {name: getattr(patch, name) for name in patch.__struct_fields__}
    return {name: value for name, value in given.items() if not isinstance(value, UnsetType)}

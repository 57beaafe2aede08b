"""Requests are taken literally: nothing unknown, nothing said twice, no text for a number, every fault named.

Litestar would coerce "3" to 3 and stop at the first fault (traps 8, 58), so bodies and queries are read here.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterator
from datetime import date, time
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct, UnsetType

from tracker.api.errors import Refusal
from tracker.domain.errors import Problem

T = TypeVar("T", bound=Struct)

ID_PATTERN = r"^[1-9][0-9]{0,17}$"
EARLIEST_DATE = date(1945, 9, 2)
LATEST_DATE = date(2199, 12, 31)
MOST_PROBLEMS = 50
MOST_ITEMS = 1000
_BEYOND = {"date_out_of_range", "number_out_of_range"}

Id = Annotated[str, Meta(pattern=ID_PATTERN, description="An identifier; opaque digits.", examples=["17"])]
ClockTime = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="Time of day in the official zone, HH:MM.",
        examples=["17:00"],
    ),
]
Flag = Annotated[Literal["true", "false"], Meta(description="`true` or `false`.")]
Limit = Annotated[
    str,
    Meta(
        pattern=r"^([1-9][0-9]?|1[0-9]{2}|200)$",
        description="How many rows a page holds, 1 to 200.",
        extra_json_schema={"x-integer": [1, 200]},
    ),
]
Cursor = Annotated[
    str,
    Meta(
        max_length=1000,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Where to go on; taken from `next` of a page.",
    ),
]
PRINTABLE = r"^[^\u0000-\u001f\u007f]*$"
Words = Annotated[
    str,
    Meta(max_length=200, pattern=PRINTABLE, description="Words to look for; diacritics do not matter."),
]


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
        problems = list(faults(value, kind, ""))
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
    metas = [m for m in get_args(kind)[1:] if isinstance(m, Meta)] if get_origin(kind) is Annotated else []
    return all(
        (m.max_length is None or len(value) <= m.max_length)
        and (m.min_length is None or len(value) >= m.min_length)
        for m in metas
    )


def _faults_of_object(
    value: dict[str, object], kind: type[Struct], pointer: str, unknown: str
) -> Iterator[Problem]:
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
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
    if isinstance(value, str) and _unwritable(value):
        yield Problem(pointer, "unwritable_text", value)
        return
    if isinstance(value, str) and value.endswith("\n") and (pattern := _pattern_of(kind)):
        # The dollar of a pattern means the very end to JSON Schema, and "or before a last newline" to Python.
        yield Problem(pointer, "wrong_form", value, {"expected": pattern})
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


def _pattern_of(kind: Any) -> str | None:
    for alternative in _alternatives(kind):
        if get_origin(alternative) is Annotated:
            for meta in get_args(alternative)[1:]:
                if isinstance(meta, Meta) and meta.pattern is not None:
                    return meta.pattern
    return None


def _unwritable(value: str) -> bool:
    """NUL and lone surrogates, which no column can hold."""
    return "\0" in value or any("\ud800" <= c <= "\udfff" for c in value)


_WRONG_TYPE = re.compile(r"Expected `(?P<expected>[^`]+)`, got `(?P<got>[^`]+)`")
_PATTERN = re.compile(r"matching regex (?P<pattern>'.*'|\".*\")", re.DOTALL)
_BOUND = re.compile(r"(?P<what>of length|<=|>=|<|>) ?(?P<bound><?>?=? ?[0-9.-]+)")


def _told(message: str, value: object, kind: Any, pointer: str) -> Problem:
    """The library's sentence as a code of ours with what was expected."""
    shown = value if isinstance(value, str | int | float | bool) or value is None else type(value).__name__
    if match := _WRONG_TYPE.search(message):
        return Problem(pointer, "wrong_type", shown, {"expected": match["expected"], "got": match["got"]})
    if match := _PATTERN.search(message):
        return Problem(pointer, "wrong_form", shown, {"expected": match["pattern"].strip("'\"")})
    if "Invalid enum value" in message:
        choices = ", ".join(_choices(kind))
        return Problem(pointer, "not_a_choice", shown, {"allowed": choices})
    if "RFC3339" in message:
        return Problem(pointer, "not_a_date", shown)
    if match := _BOUND.search(message):
        return Problem(pointer, "out_of_bounds", shown, {"bound": match[0]})
    return Problem(pointer, "wrong_form", shown, {"expected": message.partition(" - at")[0]})


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

"""The edge's pure parts: literal parsing, entity tags, cursors, negotiation, canonical paths."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from tracker.api.conditional import EntityTag, parse_tags, version_tag, wanted_versions
from tracker.api.docs import operations_of
from tracker.api.endpoint import Operation
from tracker.api.errors import Refusal, encoded_problem
from tracker.api.negotiation import language_of, media_type_of
from tracker.api.pagination import Cursors
from tracker.api.security import check_path, check_query
from tracker.api.strict import (
    ClockTime,
    Id,
    _alternatives,
    _metas,
    _plain,
    expected,
    faults,
    read_body,
    read_query,
)
from tracker.api.v1 import v1_handlers
from tracker.api.v1.directives import DirectiveIn, TaskIn
from tracker.api.v1.shapes import PageQuery
from tracker.domain.drafts import NewDirective, NewTask
from tracker.domain.errors import Invalid, Problem
from tracker.domain.recording import judge
from tracker.i18n import LANGUAGES
from tracker.refusals import sentence
from tracker.shipped import shipped_calendar


class Inner(Struct, forbid_unknown_fields=True):
    """Something in a list."""

    code: Annotated[str, Meta(min_length=1, max_length=5)]
    kind: Literal["a", "b"] = "a"


class Outer(Struct, forbid_unknown_fields=True):
    """A shape with every kind of field."""

    name: str
    count: Annotated[int, Meta(ge=0, le=10)] | None = None
    flag: bool = False
    day: date | None = None
    inner: Annotated[list[Inner], Meta(max_length=3)] = []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20) | st.text("ab\n1", max_size=6) | st.just("2025-11-30"),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "count", "flag", "day", "inner", "code", "kind", "x"]), children
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_fault_is_found_exactly_where_the_shape_fits(value: Any) -> None:
    try:
        msgspec.convert(value, Outer)
        fits = True
    except msgspec.ValidationError:
        fits = False

    assert (list(faults(value, Outer, "")) == []) == fits


def refusal_of(work: Callable[[], object]) -> Refusal | None:
    """The refusal that `work` ends in, if it does."""
    try:
        work()
    except Refusal as refusal:
        return refusal
    return None


@given(JSON)
def test_reading_a_body_gives_the_shape_or_names_its_faults(value: Any) -> None:
    refusal = refusal_of(lambda: read_body(json.dumps(value).encode(), Outer))

    assert refusal is None or (refusal.code in ("invalid_request", "invalid") and refusal.problems)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read_body(body, Outer)
    except Refusal as refusal:
        status, _, document = encoded_problem(refusal, "en", "0")
        assert 400 <= status < 500
        json.loads(document)


def test_an_integer_may_be_written_with_a_point() -> None:
    assert read_body(b'{"name": "x", "count": 7.0}', Outer).count == 7


@given(st.lists(st.text(max_size=20), min_size=1, max_size=3), st.text(max_size=30))
def test_cursor_comes_back_for_its_list_only(position: list[str], listing: str) -> None:
    cursors = Cursors(b"k" * 32)
    cursor = cursors.make(listing, tuple(position))

    assert cursors.read(listing, cursor) == tuple(position)
    with pytest.raises(Refusal):
        cursors.read(listing + "x", cursor)
    with pytest.raises(Refusal):
        Cursors(b"j" * 32).read(listing, cursor)


@given(st.binary(max_size=40), st.integers(1, 10**9))
def test_version_is_read_back_from_its_tag(body: bytes, version: int) -> None:
    tag = version_tag(version, body)
    assert parse_tags(str(tag), "If-Match") == (tag,)
    assert wanted_versions(str(tag)) == frozenset({version})
    assert wanted_versions(f"W/{tag}") == frozenset()


@pytest.mark.parametrize("header", ["", "x", '"a', 'a"', '"a" "b"', '"a",,"b', "W/", 'w/"a"', '"a\x00"'])
def test_tags_that_are_none_are_refused(header: str) -> None:
    with pytest.raises(Refusal):
        parse_tags(header, "If-Match")


def test_several_tags() -> None:
    assert parse_tags('"a", W/"b"', "If-Match") == (EntityTag("a"), EntityTag("b", is_weak=True))


@given(st.text(max_size=60))
def test_any_preference_has_an_answer(header: str) -> None:
    assert language_of(header) in ("vi", "en")
    assert media_type_of(header, ["application/json"]) in ("application/json", None)


@given(st.binary(max_size=60))
def test_any_path_and_query_is_canonical_or_refused(raw: bytes) -> None:
    known = {None, "bad_path", "bad_query", "not_found", "repeated_parameter", "uri_too_long"}
    for refusal in (
        refusal_of(lambda: check_path(b"/" + raw)),
        refusal_of(lambda: check_query(raw, frozenset())),
    ):
        assert (refusal and refusal.code) in known


@pytest.mark.parametrize("path", [b"/viec/1/B%E1%BB%98", b"/a-b_c.d~e", b"/a@b:c", b"/%20"])
def test_usual_paths_pass(path: bytes) -> None:
    assert check_path(path).startswith("/")


def test_problem_of_a_rule_names_field_value_and_expectation() -> None:
    refused = Invalid(
        [Problem("/tasks/0/due_on", "extension_not_later", date(2025, 11, 3), {"due_on": date(2025, 12, 1)})]
    )

    status, headers, body = encoded_problem(refused, "vi", "7")

    told = json.loads(body)
    assert (status, headers["Content-Language"]) == (422, "vi")
    assert told["errors"][0]["pointer"] == "/tasks/0/due_on"
    assert "03/11/2025" in told["errors"][0]["detail"]
    assert "01/12/2025" in told["errors"][0]["detail"]


@given(st.dictionaries(st.sampled_from(["value", "agency", "limit", "known"]), st.text(max_size=300)))
def test_no_parameter_breaks_a_sentence(params: dict[str, str]) -> None:
    for code in ("unknown_field", "agency_abolished", "too_many", "not_found"):
        assert sentence("vi", code, params)


class Bounded(Struct, forbid_unknown_fields=True):
    """Bounds of every kind."""

    note: Annotated[str, Meta(max_length=400)] = ""
    percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    ids: Annotated[list[Id], Meta(min_length=1, max_length=2)] = []
    at: ClockTime | None = None


@pytest.mark.parametrize(
    ("body", "vietnamese", "english"),
    [
        (
            b"[]",
            "Nội dung yêu cầu: giá trị “[]” không đúng kiểu; cần một đối tượng JSON.",
            "The body: “[]” is of the wrong type; expected a JSON object.",
        ),
        (
            json.dumps({"note": "x" * 401}).encode(),
            f"/note: giá trị “{'x' * 59}…” ngoài giới hạn; cần văn bản không quá 400 ký tự.",
            f"/note: “{'x' * 59}…” is out of bounds; expected at most 400 characters.",
        ),
        (
            b'{"percent": 101}',
            "/percent: giá trị “101” ngoài giới hạn; cần số nguyên từ 0 đến 100.",
            "/percent: “101” is out of bounds; expected a whole number from 0 to 100.",
        ),
        (
            b'{"percent": true}',
            "/percent: giá trị “true” không đúng kiểu; cần số nguyên từ 0 đến 100.",
            "/percent: “true” is of the wrong type; expected a whole number from 0 to 100.",
        ),
        (
            b'{"ids": []}',
            "/ids: giá trị “[]” ngoài giới hạn; cần danh sách từ 1 đến 2 mục.",
            "/ids: “[]” is out of bounds; expected a list of 1 to 2 items.",
        ),
        (
            b'{"ids": ["x"]}',
            "/ids/0: giá trị “x” không đúng dạng; cần mã số gồm 1 đến 18 chữ số, không bắt đầu bằng 0.",
            "/ids/0: “x” has the wrong form; expected an identifier of 1 to 18 digits that does not begin with 0.",
        ),
        (
            b'{"at": "24:00"}',
            "/at: giá trị “24:00” không đúng dạng; cần giờ và phút từ 00:00 đến 23:59, ví dụ 17:00.",
            "/at: “24:00” has the wrong form; expected hours and minutes from 00:00 to 23:59, such as 17:00.",
        ),
    ],
)
def test_a_fault_of_form_names_field_value_and_form_in_words(
    body: bytes, vietnamese: str, english: str
) -> None:
    refusal = refusal_of(lambda: read_body(body, Bounded))

    assert refusal is not None
    told = [json.loads(encoded_problem(refusal, language, "0")[2])["errors"] for language in ("vi", "en")]
    assert [[error["detail"] for error in errors] for errors in told] == [[vietnamese], [english]]


def test_a_limit_out_of_range_is_told_in_words() -> None:
    refusal = refusal_of(lambda: read_query(b"limit=0", PageQuery))

    assert refusal is not None
    detail = json.loads(encoded_problem(refusal, "vi", "0")[2])["errors"][0]["detail"]
    assert detail == "/limit: giá trị “0” không đúng dạng; cần số nguyên từ 1 đến 200."


def test_a_decomposed_text_is_measured_as_it_is_read() -> None:
    body = json.dumps({"note": unicodedata.normalize("NFD", "ế" * 400)}).encode()

    assert read_body(body, Bounded).note == "ế" * 400


def fields_of(kind: Any) -> Iterator[Any]:
    """Every type that a value may have to fit below `kind`."""
    for one in _alternatives(kind):
        yield one
        bare = _plain(one)
        if isinstance(bare, type) and issubclass(bare, Struct):
            for field in msgspec.structs.fields(bare):
                yield from fields_of(field.type)
        elif get_origin(bare) is list:
            yield from fields_of(get_args(bare)[0])


@pytest.mark.parametrize("operation", operations_of(v1_handlers), ids=lambda operation: operation.id)
def test_every_field_that_is_taken_has_its_form_in_words(operation: Operation) -> None:
    kinds = [kind for kind in (operation.query, operation.body) if kind is not None]
    for kind in [found for one in kinds for found in fields_of(one)]:
        form = expected(kind)
        for language in LANGUAGES:
            words = sentence(language, form.key, form.params)
            assert words != form.key
            assert not set(words) & set("^$–")
        assert all(meta.pattern is None or meta.extra for meta in _metas(kind))


def too_long(kind: type[Struct], but: frozenset[str]) -> dict[str, int]:
    """The text fields of a shape with their documented lengths."""
    found = {}
    for field in msgspec.structs.fields(kind):
        most = [meta.max_length for meta in _metas(field.type) if meta.max_length is not None]
        if most and _plain(field.type) is str and field.name not in but:
            found[field.name] = most[0]
    return found


def test_documented_lengths_are_those_of_the_rules() -> None:
    task_lengths = too_long(TaskIn, frozenset({"officer_email"}))
    directive_lengths = too_long(DirectiveIn, frozenset())
    texts: dict[str, Any] = {name: "x" * (most + 1) for name, most in task_lengths.items()}
    directive: dict[str, Any] = {name: "x" * (most + 1) for name, most in directive_lengths.items()}
    new = NewDirective(
        kind="letter", issued_on=date(2025, 11, 20), tasks=(NewTask(leads=("A",), **texts),), **directive
    )

    with pytest.raises(Invalid) as refused:
        judge(new, [], shipped_calendar(), date(2025, 11, 24))

    assert len(task_lengths) >= 7
    assert len(directive_lengths) >= 4
    assert {p.field: p.params["max_length"] for p in refused.value.problems if p.code == "text_too_long"} == {
        f"/tasks/0/{name}": most for name, most in task_lengths.items()
    } | {f"/{name}": most for name, most in directive_lengths.items()}

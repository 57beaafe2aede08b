"""The edge's pure parts: literal parsing, entity tags, cursors, negotiation, canonical paths."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from tracker.api.conditional import EntityTag, parse_tags, version_tag, wanted_versions
from tracker.api.errors import Refusal, encoded_problem
from tracker.api.negotiation import language_of, media_type_of
from tracker.api.pagination import Cursors
from tracker.api.security import check_path, check_query
from tracker.api.strict import faults, read_body
from tracker.domain.errors import Invalid, Problem
from tracker.refusals import sentence


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

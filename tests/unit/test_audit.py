"""The canonical form of the history, one step of its chain, and the lane that is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.audit import (
    GENESIS,
    Anchor,
    Finding,
    Head,
    KeyRing,
    LaneCheck,
    Link,
    Note,
    Past,
    canonical,
    chained,
    derive_key,
    microseconds,
    plain,
    read_anchor,
    seal_of,
)

KEY = derive_key(b"k" * 40)
RING = KeyRing(KEY)

VIETNAMESE = st.text(
    alphabet=st.one_of(
        st.sampled_from('ăâđêôơưÀẢÃÁẠẰẲẴẮẶỀỂỄẾỆỘỠỨỰỳỷỹýỵ \u0301\u0309="\\/\n\t\u2028'),
        st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"),
    ),
    max_size=40,
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | VIETNAMESE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(VIETNAMESE, inner, max_size=4),
    max_leaves=12,
)
NUMBERS = st.integers(min_value=1, max_value=2**63 - 1)
LINKS = st.builds(
    Link,
    id=NUMBERS,
    at=st.integers(min_value=0, max_value=2**52),
    recorded_at=st.integers(min_value=0, max_value=2**52),
    actor_id=st.none() | NUMBERS,
    actor_name=VIETNAMESE,
    verb=VIETNAMESE,
    directive_id=st.none() | NUMBERS,
    task_id=st.none() | NUMBERS,
    assignment_id=st.none() | NUMBERS,
    reason=VIETNAMESE,
    detail=st.dictionaries(VIETNAMESE, JSONS, max_size=4),
    lane=st.integers(min_value=0, max_value=63),
    lane_seq=NUMBERS,
    key_id=st.just(KEY.id),
)


class Part(StrEnum):
    LEAD = "lead"


def link(n: int, **more: object) -> Link:
    """A plain row, recorded `n` minutes after 1970."""
    values: dict[str, object] = {
        "id": n,
        "at": 0,
        "recorded_at": n * 60_000_000,
        "actor_id": 1,
        "actor_name": "Nguyễn Thị Ánh",
        "verb": "confirm",
        "directive_id": None,
        "task_id": None,
        "assignment_id": None,
        "reason": f"lý do {n}",
        "detail": {},
        "lane": 0,
        "lane_seq": 0,
        "key_id": "",
    }
    return Link(**(values | more))  # type: ignore[arg-type]  # fields by name


def check(links: list[Link], head: Head | None = None, ring: KeyRing = RING) -> list[Finding]:
    """Everything a lane of these rows tells."""
    lane = LaneCheck(ring, 5)
    found = [finding for one in links for finding in lane.feed(one)]
    return found + lane.finish(head or Head(5, links[-1].lane_seq, links[-1].mac))


# -- the canonical form ----------------------------------------------------------------------------------


@given(LINKS)
def test_canonical_form_says_everything_and_reads_back(row: Link) -> None:
    """UTF-8 JSON with sorted keys, every column in it, and nothing lost on the way."""
    written = canonical(row)

    content = {name: value for name, value in row._asdict().items() if name != "mac"} | {"form": 1}
    assert written == json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert json.loads(written) == content


@given(JSONS)
def test_plain_leaves_what_json_keeps(value: object) -> None:
    assert plain(value) == value
    assert plain(json.loads(json.dumps(value))) == value


@pytest.mark.parametrize(
    ("given_value", "kept"),
    [
        (date(2025, 12, 15), "2025-12-15"),
        (datetime(2025, 12, 15, 8, tzinfo=UTC), "2025-12-15T08:00:00+00:00"),
        (Part.LEAD, "lead"),
        (1.5, "1.5"),
        (Decimal("0.10"), "0.10"),
        (float("nan"), "nan"),
        (UUID(int=7), str(UUID(int=7))),
        ({1: (True, None)}, {"1": [True, None]}),
        (b"x", "b'x'"),
    ],
)
def test_what_json_would_change_becomes_text(given_value: object, kept: object) -> None:
    assert plain(given_value) == kept
    assert json.loads(json.dumps(plain(given_value))) == kept


def test_microseconds_are_exact() -> None:
    """Where a float would have lost them."""
    instant = datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(instant)) == instant


# -- the chain -------------------------------------------------------------------------------------------


@given(st.lists(LINKS, min_size=1, max_size=8))
def test_chain_as_written_has_no_finding(rows: list[Link]) -> None:
    links = list(chained(rows, KEY, 5, 0, GENESIS))

    assert [f for f in check(links) if not f.is_notice] == []


@given(st.lists(LINKS, min_size=2, max_size=8), st.data())
def test_any_change_of_any_field_is_found(rows: list[Link], data: st.DataObject) -> None:
    """Whichever row, whichever column."""
    links = list(chained(rows, KEY, 5, 0, GENESIS))
    place = data.draw(st.integers(min_value=0, max_value=len(links) - 1))
    name = data.draw(st.sampled_from([f for f in Link._fields if f not in ("lane_seq", "mac", "key_id")]))
    other = getattr(data.draw(LINKS), name)
    if other == getattr(links[place], name) and type(other) is type(getattr(links[place], name)):
        return

    links[place] = links[place]._replace(**{name: other})

    assert [f for f in check(links) if not f.is_notice]


def test_case_86_clock_that_went_back_is_a_notice() -> None:
    """By a day; by a second it was only corrected."""
    rows = [link(2000), link(2001), link(2001 - 1440), link(2002)]
    rows[3] = rows[3]._replace(recorded_at=rows[2].recorded_at - 1_000_000)

    found = check(list(chained(rows, KEY, 5, 0, GENESIS)))

    assert [(f.kind, f.ids, f.about) for f in found] == [(Note.CLOCK_BACK, (561,), "86400")]


def test_many_rows_that_do_not_fit_are_told_as_a_run() -> None:
    """A lane of any length is read in constant memory."""
    links = [one._replace(reason="khác") for one in chained(map(link, range(1, 500)), KEY, 5, 0, GENESIS)]

    found = check(links)

    assert sum(f.count for f in found) == 499
    assert len(found) <= 25


def test_row_that_python_cannot_write_is_a_finding() -> None:
    """Somebody put a fraction where the program never does."""
    links = list(chained(map(link, range(1, 4)), KEY, 5, 0, GENESIS))
    links[1] = links[1]._replace(detail={"a": float("inf")})

    assert [f.ids for f in check(links)] == [(2,)]


# -- anchors ---------------------------------------------------------------------------------------------


def test_anchor_reads_back_from_its_line() -> None:
    anchor = Anchor(
        datetime(2026, 11, 22, 3, tzinfo=UTC), (Head(0, 4, bytes(32)),), 4, Past(2, 9, "ab"), KEY.id, "cd"
    )
    sealed = read_anchor(replace(anchor, seal=seal_of(anchor, KEY.secret)).line())

    assert sealed.is_sealed_by(RING)
    assert not sealed.is_sealed_by(KeyRing(derive_key(b"n" * 40)))
    assert sealed.content() == anchor.content()


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", "7", '{"form": 2}', '{"at": "', "[" * 100_000])
def test_anything_else_is_not_an_anchor(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_anchor(line)

"""The rule of succession: a plan against the directory, and where every piece goes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.assignments import Part
from tracker.domain.directory import Agency, AgencyKind
from tracker.domain.overdue import AgencyCount, OverdueRow, build
from tracker.domain.statistics import Buckets, total_of
from tracker.domain.succession import (
    Basis,
    Change,
    Heir,
    Holding,
    Kind,
    Link,
    Named,
    Plan,
    Resolved,
    allot,
    decide,
    destination,
    digest_of,
    handed_on_ids,
    reparented,
    resolve,
    rolled_up,
    successor_map,
)

DAY = date(2025, 7, 1)
TODAY = date(2025, 11, 24)
EVE = date(2025, 6, 30)


def agency(
    number: int, code: str, start: date | None = None, end: date | None = None, *successors: int
) -> Agency:
    """A province."""
    return Agency(number, code, f"Tỉnh {code}", AgencyKind.PROVINCE, start, end, (), successors)


AGENCIES = [
    agency(1, "A"),
    agency(2, "B"),
    agency(3, "C"),
    agency(4, "D"),
    agency(5, "NEW", DAY),
    agency(6, "GONE", None, date(2025, 3, 31), 3),
    agency(7, "LATER", date(2026, 1, 1)),
    agency(8, "ENDED", None, EVE, 3),
]


def plan(*changes: Change, **more: object) -> Plan:
    """A plan by the resolution."""
    return replace(Plan("202/2025/QH15", changes), **more)  # type: ignore[arg-type]


def change(predecessor: str, *heirs: str | Heir, on: date = DAY) -> Change:
    """An agency and its heirs."""
    return Change(predecessor, on, tuple(h if isinstance(h, Heir) else Heir(h) for h in heirs))


def solved(*changes: Change, **more: object) -> Resolved:
    """A plan that fits."""
    found, problems = resolve(plan(*changes, **more), AGENCIES, TODAY)
    assert found is not None, problems
    return found


# --- the plan --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ((), "/changes", "succession_empty"),
        ((change("X", "A"),), "/changes/0/predecessor", "agency_unknown"),
        ((change("A", "X"),), "/changes/0/heirs/0/code", "agency_unknown"),
        ((change("A", "B"), change("A", "C")), "/changes/1/predecessor", "succession_repeated"),
        ((change("A", "B", "B"),), "/changes/0/heirs/1/code", "succession_repeated"),
        ((change("A", "A"),), "/changes/0/heirs/0/code", "succession_own_heir"),
        ((change("A", "B"), change("B", "A", on=TODAY)), "/changes/0/predecessor", "succession_cycle"),
        ((change("A", "GONE"),), "/changes/0/heirs/0/code", "agency_abolished"),
        ((change("A", "LATER"),), "/changes/0/heirs/0/code", "agency_not_yet_founded"),
        ((change("A", "NEW", on=date(2025, 3, 1)),), "/changes/0/heirs/0/code", "agency_not_yet_founded"),
        ((change("GONE", "C"),), "/changes/0/effective_on", "succession_other_end"),
        ((change("NEW", "C"),), "/changes/0/effective_on", "agency_not_yet_founded"),
        ((change("A", "B", on=date(1, 1, 1)),), "/changes/0/effective_on", "date_out_of_range"),
        (
            (change("A", Heir("B", (), True), Heir("C", (), True)),),
            "/changes/0/heirs",
            "succession_two_defaults",
        ),
        (
            (change("A", "B", on=TODAY), change("B", "C", on=DAY)),
            "/changes/0/heirs/0/code",
            "succession_heir_ends_first",
        ),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(changes: tuple[Change, ...], field: str, code: str) -> None:
    found, problems = resolve(plan(*changes), AGENCIES, TODAY)

    assert found is None
    assert (field, code) in {(p.field, p.code) for p in problems}


def test_every_problem_is_named_at_once() -> None:
    _, problems = resolve(plan(change("X", "Y"), change("Z")), AGENCIES, TODAY)

    assert [p.field for p in problems] == [
        "/changes/0/predecessor",
        "/changes/0/heirs/0/code",
        "/changes/1/predecessor",
    ]


def test_a_choice_for_no_heir_is_refused() -> None:
    split = change("A", Heir("B", ("y tế",)), Heir("C"))

    found, problems = resolve(plan(split, choices={9: "D"}, people={3: "X"}), AGENCIES, TODAY)

    assert found is None
    assert [(p.field, p.code) for p in problems] == [
        ("/choices/9", "succession_not_an_heir"),
        ("/people/3", "succession_not_an_heir"),
    ]


def test_kinds_of_change() -> None:
    resolved = solved(
        change("A", "NEW"), change("B", "C"), change("D", on=DAY), change("ENDED", Heir("C"), Heir("NEW"))
    )

    kinds = {i: step.kind for i, step in resolved.steps.items()}
    assert kinds == {1: Kind.MERGE, 2: Kind.MERGE, 4: Kind.ABOLITION, 8: Kind.SPLIT}
    assert solved(change("A", "NEW")).steps[1].kind is Kind.RENAME


def test_an_agency_that_ends_as_the_directory_says_may_be_succeeded() -> None:
    assert solved(change("ENDED", "C")).targets == (3,)


# --- one piece of work -----------------------------------------------------------------------------------------


SPLIT = change("A", Heir("B", ("Viễn thông", "bưu chính")), Heir("C", ("báo chí",)), Heir("D", (), True))


@pytest.mark.parametrize(
    ("choice", "field", "goes_to", "basis"),
    [
        (None, "vien thong, cong nghe", 2, Basis.FIELD),
        (None, "bao chi", 3, Basis.FIELD),
        (None, "y te", 4, Basis.DEFAULT),
        (None, "", 4, Basis.DEFAULT),
        (2, "bao chi", 2, Basis.CHOICE),
    ],
)
def test_a_split_is_decided_by_choice_then_field_then_default(
    choice: int | None, field: str, goes_to: int, basis: Basis
) -> None:
    goal = destination(solved(SPLIT), 1, choice, field)

    assert (goal.agency_id, goal.basis) == (goes_to, basis)


def test_what_two_heirs_claim_asks_a_person() -> None:
    assert destination(solved(SPLIT), 1, None, "bao chi va buu chinh").asks == 1


def test_what_nobody_claims_asks_a_person_where_there_is_no_default() -> None:
    resolved = solved(change("A", Heir("B", ("y tế",)), Heir("C", ("thuế",))))

    assert destination(resolved, 1, None, "giao thong").asks == 1
    assert allot(resolved, {7: 1}).asked == (7,)
    assert allot(resolved, {7: 1}, {7: 3}).to == {7: 3}


def test_a_chain_is_followed_to_its_end() -> None:
    resolved = solved(change("A", "B"), change("B", "C", on=TODAY))

    assert destination(resolved, 1, None).agency_id == 3
    assert resolved.targets == (3,)
    assert resolved.final_heirs(1) == (3,)


def test_abolition_is_the_end() -> None:
    resolved = solved(change("A", "B"), change("B", on=TODAY))

    assert destination(resolved, 1, None).is_over
    assert allot(resolved, {7: 1}).ended == (7,)


# --- the same task held twice ----------------------------------------------------------------------------------


def holding(number: int, at: int = 1, part: Part = Part.LEAD, **more: object) -> Holding:
    """An open assignment of task 100."""
    plain = Holding(number, 100, 1, at, part, date(2025, 12, 15))
    return replace(plain, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("theirs", "own", "goes_on"),
    [
        (holding(1), holding(2, 3), 2),
        (holding(1), holding(2, 3, Part.COOPERATING), 1),
        (holding(1, part=Part.JOINT_LEAD), holding(2, 3), 2),
        (holding(1, due_on=date(2025, 12, 1)), holding(2, 3), 1),
        (holding(1), holding(2, 3, is_waiting=True), 1),
        (holding(1, is_waiting=True, due_on=date(2025, 12, 1)), holding(2, 3), 2),
        (holding(1), holding(2, 3, due_on=None), 1),
    ],
)
def test_the_stronger_of_two_parts_goes_on(theirs: Holding, own: Holding, goes_on: int) -> None:
    moves = decide(solved(change("A", "C")), [theirs], [own])

    assert [m.holding.id for m in moves.moved] == ([1] if goes_on == 1 else [])
    (absorbed,) = moves.absorbed
    assert (absorbed.holding.id, absorbed.into, absorbed.at) == (3 - goes_on, goes_on, 3)
    assert absorbed.is_own is (goes_on == 1)


def test_what_the_heir_has_finished_does_not_finish_the_predecessors_part() -> None:
    moves = decide(solved(change("A", "C")), [holding(1)], [holding(2, 3, is_closed=True)])

    assert [(m.holding.id, m.to) for m in moves.moved] == [(1, 3)]
    assert moves.absorbed == ()


def test_the_newest_occurrence_alone_makes_the_next() -> None:
    theirs = [
        holding(1, is_recurrent=True, occurrence=3, has_recurred=True),
        holding(2, is_recurrent=True, occurrence=4),
    ]
    own = [holding(3, 3, is_recurrent=True, occurrence=3, is_closed=True)]

    moves = decide(solved(change("A", "C")), theirs, own)

    assert {m.holding.id: m.stops_series for m in moves.moved} == {1: True, 2: False}
    assert moves.stopped == (3,)


def test_a_finished_series_goes_on_unless_the_heir_has_one() -> None:
    finished = holding(1, is_recurrent=True, is_closed=True)

    alone = decide(solved(change("A", "C")), [finished], [])
    beside = decide(solved(change("A", "C")), [finished], [holding(2, 3, is_recurrent=True)])

    assert [(m.to, m.stops_series) for m in alone.series] == [(3, False)]
    assert [(m.to, m.stops_series) for m in beside.series] == [(3, True)]


_PARTS = st.sampled_from(list(Part))
_DAYS = st.none() | st.dates(date(2025, 1, 1), date(2025, 12, 31))


@st.composite
def _facts(draw: st.DrawFn) -> tuple[Resolved, list[Holding], list[Holding]]:
    """A plan over six agencies, open assignments of those that end, rows that the others hold of the same tasks."""
    agencies = [agency(n, f"P{n}") for n in range(1, 7)]
    ending = draw(st.integers(1, 4))
    changes = []
    for number in range(1, ending + 1):
        # Later ones only, so that there is no cycle; the day rises with the number, so that chains are in order.
        heirs = draw(st.lists(st.integers(number + 1, 6), max_size=3, unique=True))
        default = draw(st.sampled_from([*heirs, 0])) if heirs else 0
        fields = st.sampled_from([(), ("y tế",), ("thuế", "đất")])
        shares = tuple(Heir(f"P{h}", draw(fields), h == default) for h in heirs)
        changes.append(Change(f"P{number}", date(2025, number, 1), shares))
    resolved, problems = resolve(Plan("x", tuple(changes)), agencies, TODAY)
    assert resolved is not None, problems
    held: list[Holding] = []
    seen: set[tuple[int, int, int]] = set()
    for number in range(draw(st.integers(0, 25))):
        at = draw(st.integers(1, 6))
        key = (draw(st.integers(1, 4)), draw(st.integers(1, 2)), at)
        if key in seen:
            continue
        seen.add(key)
        held.append(
            Holding(
                number + 1,
                key[0],
                key[1],
                at,
                draw(_PARTS),
                draw(_DAYS),
                field=draw(st.sampled_from(["", "Y tế", "Thuế"])),
                is_waiting=draw(st.booleans()),
                is_recurrent=draw(st.booleans()),
            )
        )
    theirs = [h for h in held if h.agency_id in resolved.steps]
    own = [h for h in held if h.agency_id in resolved.targets]
    return resolved, theirs, own


@given(_facts())
def test_every_open_assignment_has_one_fate_and_nothing_is_counted_twice(
    facts: tuple[Resolved, list[Holding], list[Holding]],
) -> None:
    resolved, theirs, own = facts

    moves = decide(resolved, theirs, own)

    fates = Counter([m.holding.id for m in moves.moved])
    fates.update(a.holding.id for a in moves.absorbed if not a.is_own)
    fates.update(h.id for h in moves.ended)
    fates.update(a.id for a in moves.asked)
    assert fates == Counter(h.id for h in theirs)
    # Afterwards: one open row per task, occurrence and agency, at agencies that stay.
    lost = {a.holding.id for a in moves.absorbed}
    after = [(m.to, *m.holding.place) for m in moves.moved]
    after += [(h.agency_id, *h.place) for h in own if h.id not in lost]
    assert len(after) == len(set(after))
    assert all(at not in resolved.steps for at, *_ in after)
    # What is closed in favour of another leads to one that goes on at the same agency.
    going = {m.holding.id: m.to for m in moves.moved} | {h.id: h.agency_id for h in own if h.id not in lost}
    assert all(going[a.into] == a.at for a in moves.absorbed)
    # The identity of counts.
    assert len(theirs) + len(own) == len(after) + len(moves.absorbed) + len(moves.ended) + len(moves.asked)


@given(_facts(), st.randoms(use_true_random=False))
def test_the_order_of_the_facts_does_not_matter(
    facts: tuple[Resolved, list[Holding], list[Holding]], shuffle: object
) -> None:
    resolved, theirs, own = facts
    other = list(theirs)
    shuffle.shuffle(other)  # type: ignore[attr-defined]

    assert decide(resolved, other, own) == decide(resolved, theirs, own)


@given(_facts())
def test_one_occurrence_of_a_series_makes_the_next(
    facts: tuple[Resolved, list[Holding], list[Holding]],
) -> None:
    resolved, theirs, own = facts

    moves = decide(resolved, theirs, own)

    lost = {a.holding.id for a in moves.absorbed}
    makers = Counter(
        (m.to, m.holding.task_id) for m in moves.moved if m.holding.is_recurrent and not m.stops_series
    )
    makers.update(
        (h.agency_id, h.task_id)
        for h in own
        if h.is_recurrent and h.id not in lost and h.id not in moves.stopped
    )
    assert all(count == 1 for count in makers.values())


# --- what hangs on an agency -----------------------------------------------------------------------------------


def test_agencies_below_move_to_the_heir_and_nobody_stands_below_itself() -> None:
    parents = {1: 4, 2: 1, 3: 1, 4: None, 5: 3, 6: None, 7: 2, 8: None}

    found, asked = reparented(solved(change("A", "C")), parents)

    # C was below A and moves up to where A stood; B goes below C.
    assert found == {2: 3, 3: 4}
    assert asked == ()


def test_an_heir_below_a_child_moves_that_child_up() -> None:
    parents: dict[int, int | None] = {1: None, 2: 1, 3: 2}

    found, _ = reparented(solved(change("A", "C")), parents)

    assert found == {2: None}


def test_agencies_below_a_split_one_ask_a_person() -> None:
    resolved = solved(change("A", Heir("B", ("x",)), Heir("C", ("y",))))

    assert reparented(resolved, {4: 1, 1: None})[1] == (4,)


def test_a_calendar_link_names_all_heirs_once() -> None:
    resolved = solved(change("A", "B", "C"), change("ENDED", "C"), change("D", on=DAY))

    assert handed_on_ids(resolved, [1, 8, 5]) == (2, 3, 5)
    assert handed_on_ids(resolved, [4]) == (4,)


def test_a_digest_tells_previews_apart() -> None:
    assert digest_of({"a": [1, DAY]}) == digest_of({"a": [1, DAY]})
    assert digest_of({"a": [1, 2]}) != digest_of({"a": [2, 1]})


# --- reading across --------------------------------------------------------------------------------------------


def test_figures_are_read_under_the_last_successor() -> None:
    links = [
        Link(1, 2, date(2025, 3, 1)),
        Link(2, 3, DAY),
        Link(4, 5, DAY),
        Link(4, 6, DAY, is_default=True),
        Link(7, 5, DAY),
        Link(7, 6, DAY),
    ]

    assert successor_map(links, EVE) == {1: 2}
    assert successor_map(links, DAY) == {1: 3, 2: 3, 4: 6}


def test_rolling_up_keeps_every_sum() -> None:
    counts = [
        AgencyCount("A", "Tỉnh A", Buckets(done_on_time=2, open_overdue=1), "a"),
        AgencyCount("B", "Tỉnh B", Buckets(open_in_term=4, open_overdue=1), "b"),
        AgencyCount("C", "Tỉnh C", Buckets(transferred=3), "c"),
    ]
    rows = [
        OverdueRow(n, code, "Việc", "1/NQ-CP", None, "", date(2025, 7, 1), 5)
        for n, code in ((1, "A"), (2, "B"))
    ]

    rolled, listed = rolled_up(counts, rows, {"A": Named("B", "Tỉnh B", "b"), "C": Named("B", "Tỉnh B", "b")})

    (only,) = rolled
    assert only.buckets == total_of(c.buckets for c in counts)
    assert build(listed, TODAY, rolled).totals == build(rows, TODAY, counts).totals
    assert rolled_up(counts, rows, {}) == (tuple(counts), tuple(rows))

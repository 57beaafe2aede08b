"""The permission table, cell by cell, and the two ways to be refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.db.visibility import visible_to
from tracker.domain.access import (
    ANYTHING,
    RIGHTS,
    OwnReport,
    Scope,
    ScopeMissing,
    Subject,
    Verb,
    may,
    require,
    roles_that_may,
    sees,
)
from tracker.domain.directory import AGENCY_ROLES, SYSTEM, Actor, Role
from tracker.domain.errors import NotFound, NotPermitted

OWN, FOREIGN, SECRETARIAT_HOME = 3, 4, 99
OWN_ROW = Subject.of_agency(OWN, id=10, reporter_id=500)
FOREIGN_ROW = Subject.of_agency(FOREIGN, id=11, reporter_id=501)


def actor(role: Role, scopes: frozenset[str] | None = None) -> Actor:
    return Actor(7, "somebody", role, OWN if role in AGENCY_ROLES else SECRETARIAT_HOME, scopes)


# One letter per role: Administrator, Secretariat, Member, agency Officer, agency Leader, Inspector.
# Capital: any row; small: rows of the own agency, or things of one's own; dot: never.
LETTERS = dict(zip(Role, "ASMOLI", strict=True))
TABLE: dict[Verb, str] = {
    Verb.READ: "ASMolI",
    Verb.LIST: "ASMolI",
    Verb.READ_HISTORY: "ASMolI",
    Verb.EXPORT: "ASMolI",
    Verb.RECORD_DIRECTIVE: "AS....",
    Verb.ASSIGN: "AS....",
    Verb.EDIT_TASK: "AS....",
    Verb.EDIT_DEADLINE: "AS....",
    Verb.WITHDRAW: "AS....",
    Verb.TRANSFER: "AS....",
    Verb.RECORD_COUNTS: "AS....",
    Verb.ACKNOWLEDGE: "...ol.",
    Verb.REPORT: "...ol.",
    Verb.REQUEST_EXTENSION: "...ol.",
    Verb.COMMIT: "...ol.",
    Verb.CONFIRM: ".SM...",
    Verb.RETURN: ".SM...",
    Verb.DECIDE_EXTENSION: ".S....",
    Verb.URGE: ".SM.l.",
    Verb.INSPECT: ".S...I",
    Verb.RECONCILE: ".S....",
    Verb.SCHEDULE_REPORTS: "AS....",
    Verb.MANAGE_LADDER: "AS....",
    Verb.MANAGE_ISSUER: "AS....",
    Verb.MANAGE_CALENDAR: "A.....",
    Verb.MANAGE_AGENCIES: "A.....",
    Verb.MANAGE_PEOPLE: "A.....",
    Verb.MANAGE_FEEDS: "Asmoli",
    Verb.MANAGE_TOKENS: "asmoli",
    Verb.MANAGE_WEBHOOKS: "asmoli",
    Verb.MANAGE_ACCOUNT: "asmoli",
    Verb.EDIT_SELF: "Asmoli",
    Verb.MANAGE_SESSIONS: "asmoli",
    Verb.READ_OPERATIONS: "AS....",
    Verb.RESEND: "AS....",
    Verb.MEND_ADDRESS: "AS....",
    Verb.OPERATE: "A.....",
}
PERSONAL = (
    Verb.MANAGE_FEEDS,
    Verb.MANAGE_TOKENS,
    Verb.MANAGE_WEBHOOKS,
    Verb.MANAGE_ACCOUNT,
    Verb.EDIT_SELF,
    Verb.MANAGE_SESSIONS,
)


def test_the_table_names_every_verb() -> None:
    assert set(TABLE) == set(Verb) == set(RIGHTS)


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("role", Role)
def test_cell(role: Role, verb: Verb) -> None:
    letter = TABLE[verb][list(Role).index(role)]
    own, foreign = (Subject.owned_by(7), Subject.owned_by(8)) if verb in PERSONAL else (OWN_ROW, FOREIGN_ROW)

    assert may(actor(role), verb, own) == (letter != ".")
    assert may(actor(role), verb, foreign) == letter.isupper()
    assert (role in roles_that_may(verb)) == (letter != ".")


@pytest.mark.parametrize("role", sorted(AGENCY_ROLES))
@pytest.mark.parametrize("verb", [v for v in Verb if v not in PERSONAL])
def test_a_foreign_row_cannot_be_told_from_one_that_is_not_there(role: Role, verb: Verb) -> None:
    with pytest.raises(NotFound) as refused:
        require(actor(role), verb, FOREIGN_ROW)

    assert refused.value.params == {"noun": "assignment", "id": 11}


def test_a_known_row_closed_to_the_actor_names_who_may() -> None:
    with pytest.raises(NotPermitted) as refused:
        require(actor(Role.AGENCY_OFFICER), Verb.CONFIRM, OWN_ROW)

    assert refused.value.params["allowed"] == ("secretariat", "member")
    with pytest.raises(NotPermitted):
        require(actor(Role.INSPECTOR), Verb.URGE, OWN_ROW)


def test_a_directive_is_known_to_every_agency_with_a_part_in_it() -> None:
    shared = Subject.shared((OWN, FOREIGN))

    assert may(actor(Role.AGENCY_OFFICER), Verb.READ, shared)
    assert not sees(actor(Role.AGENCY_OFFICER), Subject.shared((FOREIGN,)))


@pytest.mark.parametrize("verb", [Verb.CONFIRM, Verb.RETURN])
def test_nobody_judges_a_report_of_their_own_or_of_their_agency(verb: Verb) -> None:
    judge = actor(Role.SECRETARIAT)

    with pytest.raises(OwnReport):
        require(judge, verb, Subject.of_agency(FOREIGN, reporter_id=7))
    with pytest.raises(OwnReport):
        require(judge, verb, Subject.of_agency(SECRETARIAT_HOME, reporter_id=500))
    require(judge, verb, Subject.of_agency(FOREIGN, reporter_id=500))


def test_a_token_narrows_its_role() -> None:
    reader = actor(Role.SECRETARIAT, frozenset({Scope.READ}))

    require(reader, Verb.READ, OWN_ROW)
    with pytest.raises(ScopeMissing) as refused:
        require(reader, Verb.CONFIRM, OWN_ROW)
    assert refused.value.params["scope"] == "judge"


def test_a_token_never_makes_tokens() -> None:
    everything = frozenset(s.value for s in Scope)

    with pytest.raises(ScopeMissing):
        require(actor(Role.ADMINISTRATOR, everything), Verb.MANAGE_TOKENS, Subject.owned_by(7))


def test_another_persons_link_is_not_there() -> None:
    with pytest.raises(NotFound):
        require(actor(Role.SECRETARIAT), Verb.MANAGE_FEEDS, Subject.owned_by(8))
    require(actor(Role.ADMINISTRATOR), Verb.MANAGE_FEEDS, Subject.owned_by(8))


@pytest.mark.parametrize("verb", Verb)
def test_the_system_may_do_everything(verb: Verb) -> None:
    assert may(SYSTEM, verb, FOREIGN_ROW)


@pytest.mark.parametrize("role", Role)
def test_the_list_clause_says_the_same_as_the_table(role: Role) -> None:
    clause, args = visible_to(actor(role))

    shown = {row for row in (OWN, FOREIGN) if clause == "true" or args == [row]}
    assert shown == {row for row in (OWN, FOREIGN) if may(actor(role), Verb.LIST, Subject.of_agency(row))}


MANDATE, BELOW, ABOVE = 5, 6, 2
# A letter each for rows of the own agency, of one acted for by mandate, of one below, of one above, of a foreign one:
# d does it, r reads the row and is refused, a dot does not know of it.
HIERARCHY: dict[Verb, dict[Role, str]] = {
    verb: {Role.AGENCY_OFFICER: officer, Role.AGENCY_LEADER: leader}
    for verb, officer, leader in (
        (Verb.READ, "ddd..", "ddd.."),
        (Verb.READ_HISTORY, "ddd..", "ddd.."),
        (Verb.EXPORT, "ddd..", "ddd.."),
        (Verb.ACKNOWLEDGE, "ddr..", "ddr.."),
        (Verb.REPORT, "ddr..", "ddr.."),
        (Verb.REQUEST_EXTENSION, "ddr..", "ddr.."),
        (Verb.COMMIT, "ddr..", "ddr.."),
        (Verb.URGE, "rrr..", "ddd.."),
        (Verb.CONFIRM, "rrr..", "rrr.."),
        (Verb.DECIDE_EXTENSION, "rrr..", "rrr.."),
        (Verb.EDIT_DEADLINE, "rrr..", "rrr.."),
        (Verb.WITHDRAW, "rrr..", "rrr.."),
    )
}


@pytest.mark.parametrize("verb", HIERARCHY)
@pytest.mark.parametrize("role", sorted(AGENCY_ROLES))
def test_hierarchy_and_mandates(role: Role, verb: Verb) -> None:
    """One reads below and acts for the agencies of one's mandates; nobody sees the agency above."""
    who = Actor(7, "x", role, OWN, mandates=frozenset({MANDATE}), below=frozenset({BELOW}))

    for agency_id, letter in zip((OWN, MANDATE, BELOW, ABOVE, FOREIGN), HIERARCHY[verb][role], strict=True):
        row = Subject.of_agency(agency_id, id=1, reporter_id=500)
        assert sees(who, row) == (letter != "."), (agency_id, letter)
        assert may(who, verb, row) == (letter == "d"), (agency_id, letter)
        if letter == "r":
            with pytest.raises(NotPermitted):
                require(who, verb, row)


ACTORS = st.builds(
    Actor,
    official_id=st.integers(1, 20),
    name=st.just("x"),
    role=st.sampled_from(Role),
    agency_id=st.integers(1, 5),
    mandates=st.frozensets(st.integers(1, 5), max_size=2),
    below=st.frozensets(st.integers(1, 5), max_size=2),
    scopes=st.none() | st.frozensets(st.sampled_from([s.value for s in Scope])),
)
SUBJECTS = st.one_of(
    st.just(ANYTHING),
    st.builds(
        lambda a, r: Subject.of_agency(a, reporter_id=r), st.integers(1, 5), st.none() | st.integers(1, 20)
    ),
    st.builds(Subject.shared, st.frozensets(st.integers(1, 5))),
    st.builds(Subject.owned_by, st.integers(1, 20)),
)


@given(ACTORS, st.sampled_from(Verb), SUBJECTS)
def test_require_and_may_agree_and_what_may_be_done_is_seen(who: Actor, verb: Verb, what: Subject) -> None:
    if may(who, verb, what):
        require(who, verb, what)
        assert sees(who, what)
        assert who.role in roles_that_may(verb)
    else:
        with pytest.raises((NotFound, NotPermitted)):
            require(who, verb, what)


@given(ACTORS, st.sampled_from(Verb), SUBJECTS)
def test_scopes_never_widen(who: Actor, verb: Verb, what: Subject) -> None:
    whole = replace(who, scopes=None)

    assert may(whole, verb, what) or not may(who, verb, what)

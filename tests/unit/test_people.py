"""What may be recorded of people and agencies, and that a merge patch is one (RFC 7396)."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.actions.tokens import TOKEN, is_allowed, new_secret
from tracker.api.strict import read_body
from tracker.api.v1 import agencies, officials
from tracker.db.sessions import Method
from tracker.domain.access import Scope
from tracker.domain.directory import AGENCY_ROLES, Agency, AgencyKind, Duty, Official, Role
from tracker.domain.errors import Invalid
from tracker.domain.people import (
    DUTIES_OF,
    AgencyDraft,
    PersonDraft,
    checked_agency,
    checked_person,
    deputy_fault,
    is_cycle,
    parent_fault,
)
from tracker.i18n import LANGUAGES, Language, catalogue

PERSON = PersonDraft("Trần An", "an@byt.gov.vn", "agency_officer", agency="BYT", duty="focal")


def faults_of(draft: PersonDraft) -> set[tuple[str, str]]:
    """Field and code of everything that is wrong with a person."""
    try:
        checked_person(draft)
    except Invalid as invalid:
        return {(problem.field, problem.code) for problem in invalid.problems}
    return set()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("duty", [None, *Duty])
@pytest.mark.parametrize("agency", [None, "BYT"])
def test_role_agency_and_duty_go_together(role: Role, duty: Duty | None, agency: str | None) -> None:
    found = faults_of(replace(PERSON, role=role.value, duty=duty, agency=agency))

    assert (("/agency", "role_needs_agency") in found) == (role in AGENCY_ROLES and agency is None)
    assert (("/duty", "duty_not_of_role") in found) == (duty is not None and duty not in DUTIES_OF[role])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "\u200b"}, ("/name", "text_required")),
        ({"name": "x" * 121}, ("/name", "text_too_long")),
        ({"name": "a\u202eb"}, ("/name", "text_character")),
        ({"position": "a\x00"}, ("/position", "text_character")),
        ({"role": "king"}, ("/role", "not_a_choice")),
        ({"duty": "x"}, ("/duty", "not_a_choice")),
        ({"language": "fr"}, ("/language", "not_a_choice")),
        ({"contact_order": 0}, ("/contact_order", "out_of_range")),
        ({"contact_order": 1000}, ("/contact_order", "out_of_range")),
        ({"absent_from": date(2026, 1, 1)}, ("/absence/absent_to", "absence_half")),
        ({"absent_until": date(2026, 1, 1)}, ("/absence/absent_from", "absence_half")),
        (
            {"absent_from": date(2026, 1, 2), "absent_until": date(2026, 1, 1)},
            ("/absence/absent_to", "span_reversed"),
        ),
    ],
)
def test_one_fault_is_named_alone(changes: dict[str, Any], fault: tuple[str, str]) -> None:
    assert faults_of(replace(PERSON, **changes)) == {fault}


def test_a_day_of_absence_is_an_absence() -> None:
    assert faults_of(replace(PERSON, absent_from=date(2026, 1, 1), absent_until=date(2026, 1, 1))) == set()


@pytest.mark.parametrize(
    ("role", "agency_id", "deputy", "code"),
    [
        (Role.AGENCY_OFFICER, 3, Official(8, "B", "b@x.vn", Role.AGENCY_LEADER, 3), None),
        (Role.AGENCY_OFFICER, 3, Official(8, "B", "b@x.vn", Role.AGENCY_LEADER, 4), "deputy_elsewhere"),
        (Role.AGENCY_OFFICER, 3, Official(8, "B", "b@x.vn", Role.SECRETARIAT, 3), "deputy_elsewhere"),
        (Role.SECRETARIAT, None, Official(8, "B", "b@x.vn", Role.MEMBER), None),
        (Role.SECRETARIAT, None, Official(8, "B", "b@x.vn", Role.AGENCY_LEADER, 3), "deputy_elsewhere"),
        (Role.SECRETARIAT, None, Official(7, "B", "b@x.vn", Role.SECRETARIAT), "deputy_oneself"),
        (
            Role.SECRETARIAT,
            None,
            Official(8, "B", "b@x.vn", Role.MEMBER, is_active=False),
            "official_inactive",
        ),
        (Role.SECRETARIAT, None, None, "deputy_unknown"),
    ],
)
def test_a_deputy_is_of_the_same_side(
    role: Role, agency_id: int | None, deputy: Official | None, code: str | None
) -> None:
    fault = deputy_fault(7, role, agency_id, deputy, 8)

    assert (fault.code if fault else None) == code


@given(
    st.dictionaries(st.integers(1, 8), st.none() | st.integers(1, 8)), st.integers(1, 8), st.integers(1, 8)
)
def test_a_tree_stays_a_tree(drawn: dict[int, int | None], agency: int, parent: int) -> None:
    tree: dict[int, int | None] = {}
    for child, above in drawn.items():
        if above is not None and is_cycle(child, above, tree):
            above = None
        tree[child] = above

    refused = is_cycle(agency, parent, tree)
    after = {**tree, agency: parent}

    at: int | None = agency
    seen = set()
    while at is not None and at not in seen:
        seen.add(at)
        at = after.get(at)
    assert refused == (at is not None)


def test_a_parent_exists_on_the_day() -> None:
    old = Agency(1, "A", "A", AgencyKind.MINISTRY, None, date(2025, 2, 28))

    assert parent_fault(old, "A", date(2025, 2, 28)) is None
    gone, unknown = parent_fault(old, "A", date(2025, 3, 1)), parent_fault(None, "A", date(2025, 3, 1))
    assert (gone.code if gone else "", unknown.code if unknown else "") == (
        "parent_not_existing",
        "agency_unknown",
    )


def test_every_fault_of_an_agency_is_named() -> None:
    bad = AgencyDraft("a b", "", "", "kingdom", valid_from=date(2026, 1, 2), valid_until=date(2026, 1, 1))

    with pytest.raises(Invalid) as refused:
        checked_agency(bad)

    assert {p.field for p in refused.value.problems} == {
        "/code",
        "/name",
        "/short_name",
        "/kind",
        "/valid_to",
    }


# -- merge patches -------------------------------------------------------------------------------------


def merged(target: Any, patch: Any) -> Any:
    """MergePatch of RFC 7396 §2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = copy.deepcopy(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def person_document(draft: PersonDraft) -> dict[str, Any]:
    """A person as the API writes them; what is null is left out, as a merge patch knows no null."""
    document: dict[str, Any] = {
        "name": draft.name,
        "email": draft.email,
        "role": draft.role,
        "position": draft.position,
        "agency": draft.agency,
        "duty": draft.duty,
        "contact_order": draft.contact_order,
        "language": draft.language,
        "deputy_id": None if draft.deputy_id is None else str(draft.deputy_id),
    }
    days = {"absent_from": draft.absent_from, "absent_to": draft.absent_until}
    absence = {name: day.isoformat() for name, day in days.items() if day is not None}
    return {k: v for k, v in (document | {"absence": absence or None}).items() if v is not None}


days = st.dates(date(2000, 1, 1), date(2100, 1, 1)).map(date.isoformat)
names = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=20)
person_patches = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "email": st.just("moi@x.gov.vn"),
        "role": st.sampled_from([r.value for r in Role]),
        "position": names,
        "agency": st.none() | st.sampled_from(["BYT", "BTC"]),
        "duty": st.none() | st.sampled_from([d.value for d in Duty]),
        "contact_order": st.integers(1, 999),
        "language": st.sampled_from(["vi", "en"]),
        "absence": st.none() | st.fixed_dictionaries({}, optional={"absent_from": days, "absent_to": days}),
        "deputy_id": st.none() | st.integers(1, 10**6).map(str),
    },
)
stands = st.sampled_from(
    [
        PERSON,
        replace(
            PERSON,
            absent_from=date(2026, 1, 1),
            absent_until=date(2026, 1, 9),
            deputy_id=4,
            position="Vụ trưởng",
        ),
        PersonDraft("B", "b@x.vn", "inspector", language="en"),
    ]
)


@given(stands, person_patches)
def test_a_patch_of_a_person_is_a_merge_patch(before: PersonDraft, patch: dict[str, Any]) -> None:
    body = read_body(json.dumps(patch).encode(), officials.OfficialPatch)

    after = person_document(officials.patched(before, body))

    expected = merged(person_document(before), json.loads(json.dumps(patch)))
    if expected.get("absence") == {}:
        del expected["absence"]
    normal = dict(expected)
    for name in ("name", "position"):
        if name in patch:
            normal[name] = after[name]  # composed on the way in
    assert after == normal


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["Bộ A", "Bộ B"]),
            "short_name": st.sampled_from(["BA", "BB"]),
            "kind": st.sampled_from([k.value for k in AgencyKind]),
            "name_en": st.sampled_from(["", "Ministry"]),
            "parent": st.none() | st.sampled_from(["BYT", "BTC"]),
            "valid_from": days,
            "valid_to": st.none() | days,
            "source": st.sampled_from(["", "Nghị quyết 1"]),
        },
    ),
    st.sampled_from([None, "HN"]),
    st.sampled_from([None, date(2030, 1, 1)]),
)
def test_a_patch_of_an_agency_is_a_merge_patch(
    patch: dict[str, Any], parent: str | None, valid_until: date | None
) -> None:
    before = AgencyDraft("X", "Bộ X", "BX", "ministry", parent=parent, valid_until=valid_until)

    def document(draft: AgencyDraft) -> dict[str, Any]:
        values: dict[str, Any] = {
            "name": draft.name,
            "short_name": draft.short_name,
            "kind": draft.kind,
            "name_en": draft.name_en,
            "parent": draft.parent,
            "valid_from": draft.valid_from.isoformat(),
            "valid_to": None if draft.valid_until is None else draft.valid_until.isoformat(),
            "source": draft.source,
        }
        return {k: v for k, v in values.items() if v is not None}

    body = read_body(json.dumps(patch).encode(), agencies.AgencyPatch)

    assert document(agencies.patched(before, body)) == merged(document(before), patch)


# -- tokens --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_scope_kind_and_method_has_a_word(language: Language) -> None:
    asked = {f"scope.{scope}" for scope in Scope} | {f"agency_kind.{kind}" for kind in AgencyKind}
    asked |= {f"session.method.{method}" for method in get_args(Method)}

    assert sorted(asked - catalogue(language).keys()) == []


def test_a_secret_has_the_form_that_scanners_look_for_and_160_bits() -> None:
    secrets = {new_secret() for _ in range(200)}

    assert len(secrets) == 200
    assert all(TOKEN.fullmatch(secret) for secret in secrets)
    assert 62**32 > 2**160


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("203.0.113.7", [], True),
        ("203.0.113.7", ["203.0.113.7/32"], True),
        ("203.0.113.8", ["203.0.113.7/32"], False),
        ("203.0.113.8", ["198.51.100.0/24", "203.0.113.0/24"], True),
        ("::ffff:203.0.113.8", ["203.0.113.0/24"], True),
        ("2001:db8::1", ["2001:db8::/32"], True),
        ("2001:db9::1", ["2001:db8::/32"], False),
        ("203.0.113.8", ["2001:db8::/32"], False),
        ("testclient", ["0.0.0.0/0"], False),
        ("", ["0.0.0.0/0", "::/0"], False),
        ("203.0.113.8, 10.0.0.1", ["10.0.0.0/8"], False),
    ],
)
def test_a_token_is_used_from_its_networks_only(address: str, networks: list[str], allowed: bool) -> None:
    assert is_allowed(address, networks) == allowed

"""What the claims of an identity provider make of a person: by rule, without a provider."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tracker.domain.claims import (
    Cause,
    Expected,
    Mapped,
    SignOnRefused,
    judge,
    map_role,
    new_person,
    proves_second_factor,
    role_rules,
)
from tracker.domain.directory import Role
from tracker.settings import load
from tracker.sign_on.config import is_safe_address

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EXPECTED = Expected("https://sso.example", "dondoc", "nonce")
GOOD: dict[str, Any] = {
    "iss": "https://sso.example",
    "aud": "dondoc",
    "sub": "42",
    "nonce": "nonce",
    "iat": NOW.timestamp(),
    "exp": NOW.timestamp() + 300,
}
RULES = role_rules(
    [
        "dondoc-admin=administrator",
        "dondoc-thuky = secretariat",
        "CN=Chuyên viên,OU=BYT=agency_officer@G01",
        "canbo=agency_officer",
    ]
)


def test_good_claims_name_a_person() -> None:
    identity = judge({**GOOD, "aud": ["dondoc"], "azp": "dondoc", "email": "a@b.vn"}, EXPECTED, NOW)

    assert (identity.issuer, identity.subject, identity.label) == ("https://sso.example", "42", "a@b.vn")


@pytest.mark.parametrize(
    ("name", "seconds", "is_good"),
    [
        ("exp", -59, True),
        ("exp", -60, False),
        ("iat", 60, True),
        ("iat", 61, False),
        ("nbf", 60, True),
        ("nbf", 61, False),
    ],
)
def test_clocks_may_differ_by_sixty_seconds(name: str, seconds: int, is_good: bool) -> None:
    """The minute itself, and the second after it."""
    claims = {**GOOD, name: NOW.timestamp() + seconds}
    if is_good:
        judge(claims, EXPECTED, NOW)
        return
    with pytest.raises(SignOnRefused):
        judge(claims, EXPECTED, NOW)


def test_a_name_that_cannot_be_shown_is_not_shown() -> None:
    identity = judge({**GOOD, "preferred_username": "a\u202eb", "email": 7, "name": "Mận"}, EXPECTED, NOW)

    assert identity.label == "Mận"


@pytest.mark.parametrize(
    ("groups", "mapped"),
    [
        (["x", "dondoc-thuky"], Mapped(Role.SECRETARIAT, None)),
        ("dondoc-admin", Mapped(Role.ADMINISTRATOR, None)),
        (["CN=Chuyên viên,OU=BYT"], Mapped(Role.AGENCY_OFFICER, "G01")),
        (["canbo"], Mapped(Role.AGENCY_OFFICER, "H26")),
        (["dondoc-thuky", "dondoc-thuky"], Mapped(Role.SECRETARIAT, None)),
    ],
)
def test_role_comes_from_the_mapping(groups: object, mapped: Mapped) -> None:
    assert map_role({"groups": groups, "org": "H26"}, RULES, "groups", "org") == mapped


@pytest.mark.parametrize(
    ("groups", "cause"),
    [
        (["dondoc-thuky", "dondoc-admin"], Cause.ROLE_AMBIGUOUS),
        (["DONDOC-ADMIN"], Cause.ROLE_MISSING),
        (["dondoc-admin "], Cause.ROLE_MISSING),
        ([["dondoc-admin"]], Cause.ROLE_MISSING),
        ({"dondoc-admin": True}, Cause.ROLE_MISSING),
        ("x dondoc-admin", Cause.ROLE_MISSING),
        (None, Cause.ROLE_MISSING),
        (["canbo"], Cause.AGENCY_MISSING),
    ],
)
def test_role_that_is_none_or_two_is_refused(groups: object, cause: Cause) -> None:
    with pytest.raises(SignOnRefused) as refused:
        map_role({"groups": groups, "org": ["H26"]}, RULES, "groups", "org")

    assert refused.value.cause is cause


def test_claim_inside_others() -> None:
    claims = {"realm_access": {"roles": ["dondoc-admin"]}, "realm_access.x": 1}

    assert map_role(claims, RULES, "realm_access.roles", None).role is Role.ADMINISTRATOR
    with pytest.raises(SignOnRefused):
        map_role(claims, RULES, "realm_access.roles.0", None)


@pytest.mark.parametrize("verified", [False, None, "true", 1, "yes"])
def test_only_true_is_a_verified_address(verified: object) -> None:
    with pytest.raises(SignOnRefused) as refused:
        new_person({"name": "A", "email": "a@b.vn", "email_verified": verified})

    assert refused.value.cause is Cause.EMAIL_UNVERIFIED


@pytest.mark.parametrize(
    "email", [None, "", 5, "a", "a@b", "a b@c.vn", "a@b.vn\n", "a@b.vn>", "@b.vn", "a..b@c.vn"]
)
def test_what_is_no_address_is_none(email: object) -> None:
    with pytest.raises(SignOnRefused) as refused:
        new_person({"name": "A", "email": email, "email_verified": True})

    assert refused.value.cause is Cause.EMAIL_MISSING


@pytest.mark.parametrize("name", [None, "", " ", "a\0b", "x" * 5000, ["A"]])
def test_a_new_person_needs_a_name(name: object) -> None:
    with pytest.raises(SignOnRefused) as refused:
        new_person({"name": name, "email": "a@b.vn", "email_verified": True})

    assert refused.value.cause is Cause.NAME_MISSING


@pytest.mark.parametrize(
    ("claims", "is_proved"),
    [
        ({"amr": ["pwd", "otp"]}, True),
        ({"acr": "gold"}, True),
        ({"acr": "otp", "amr": ["gold"]}, False),
        ({"acr": ["gold"], "amr": "otp"}, False),
        ({"amr": [["otp"]]}, False),
        ({}, False),
    ],
)
def test_second_factor_counts_when_the_operator_named_its_value(
    claims: dict[str, Any], is_proved: bool
) -> None:
    assert proves_second_factor(claims, acr=("gold",), amr=("otp",)) is is_proved


def test_roles_of_the_setting_are_the_roles() -> None:
    """The settings cannot ask the domain, so they write the roles out; here they are held together."""
    written = ";".join(f"x={role}" for role in Role)

    assert {rule.role for rule in role_rules(load({"TRACKER_OIDC_ROLE_MAP": written}).oidc_role_map)} == set(
        Role
    )


@pytest.mark.parametrize(
    ("address", "is_safe"),
    [
        ("https://sso.example/token", True),
        ("http://127.0.0.1:9/token", True),
        ("http://[::1]:9/token", True),
        ("http://127.1/token", False),
        ("http://0/token", False),
        ("http://2130706433/", False),
        ("http://[::ffff:127.0.0.1]/", False),
        ("http://localhost.evil.example/", False),
        ("https://sso.example:99999/", False),
        ("https://sso.example/#x", False),
        ("https://a@sso.example/", False),
        ("https://ѕѕо.example/", False),
    ],
)
def test_addresses_of_discovery(address: str, is_safe: bool) -> None:
    assert is_safe_address(address, loopback_too=True) is is_safe

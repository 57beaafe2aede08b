"""What an identity provider says about a person, judged: is it meant for us, is it in force, who are they here.

The signature was checked before (`sign_on/tokens.py`); here are the values. Source: OpenID Connect Core 1.0 §3.1.3.7.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tracker.domain import lengths
from tracker.domain.directory import AGENCY_ROLES, Role
from tracker.domain.errors import Invalid
from tracker.domain.text import clean_text, shortened

LEEWAY = timedelta(seconds=60)
"""How far the provider's clock may be from ours, either way."""
_LATEST_SECONDS = 253_402_300_799  # the last second of the year 9999
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}"
)
_SUBJECT = re.compile(r"[\x20-\x7e]{1,255}")


class Cause(StrEnum):
    """Why a sign-on was refused: for the log and the history, never for the page."""

    # The way there and back.
    FLOW_UNKNOWN = "flow_unknown"
    OTHER_BROWSER = "other_browser"
    SESSION_CHANGED = "session_changed"
    TOO_OFTEN = "too_often"
    PROVIDER_REFUSED = "provider_refused"
    ISSUER_MIXED_UP = "issuer_mixed_up"
    CODE_MISSING = "code_missing"
    # The provider's answers.
    UNREACHABLE = "unreachable"
    ANSWER_STATUS = "answer_status"
    ANSWER_REDIRECTS = "answer_redirects"
    ANSWER_TOO_LARGE = "answer_too_large"
    ANSWER_FORM = "answer_form"
    DISCOVERY_ISSUER = "discovery_issuer"
    DISCOVERY_ADDRESS = "discovery_address"
    # The token.
    TOKEN_FORM = "token_form"  # nosec B105  # the name of a cause, no secret
    TOKEN_TYPE = "token_type"  # nosec B105  # the name of a cause, no secret
    ALGORITHM = "algorithm"
    KEY_UNKNOWN = "key_unknown"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    SUBJECT = "subject"
    AUDIENCE = "audience"
    AUTHORIZED_PARTY = "authorized_party"
    TIME_FORM = "time_form"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    ISSUED_IN_FUTURE = "issued_in_future"
    NONCE = "nonce"
    ACCESS_TOKEN_HASH = "access_token_hash"  # nosec B105  # the name of a cause, no secret
    # The person.
    NOT_LINKED = "not_linked"
    LINKED_TO_ANOTHER = "linked_to_another"
    HAS_ANOTHER_LINK = "has_another_link"
    OFFICIAL_INACTIVE = "official_inactive"
    INVITATION_VOID = "invitation_void"
    EMAIL_MISSING = "email_missing"
    EMAIL_UNVERIFIED = "email_unverified"
    EMAIL_TAKEN = "email_taken"
    NAME_MISSING = "name_missing"
    ROLE_MISSING = "role_missing"
    ROLE_AMBIGUOUS = "role_ambiguous"
    AGENCY_MISSING = "agency_missing"
    CLAIMS_REFUSED = "claims_refused"


class SignOnRefused(Exception):
    """A sign-on does not go through; `detail` says more to the operator and holds no token and no code."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(cause.value, detail)
        self.cause = cause
        self.detail = shortened(detail)


@dataclass(frozen=True)
class Expected:
    """What a token must carry to be the answer to our question."""

    issuer: str
    client_id: str
    nonce: str


@dataclass(frozen=True)
class Identity:
    """A person as a provider knows them; `issuer` and `subject` together are the only key.

    `label` is what they call themselves there, for showing only.
    """

    issuer: str
    subject: str
    label: str
    claims: Mapping[str, object]


def judge(claims: Mapping[str, object], expected: Expected, now: datetime) -> Identity:
    """The person behind a token whose signature is good; `now` is real time.

    Raises SignOnRefused with the first thing that is wrong.
    """
    if claims.get("iss") != expected.issuer:
        raise SignOnRefused(Cause.ISSUER, str(claims.get("iss")))
    _check_audience(claims, expected.client_id)
    _check_times(claims, now)
    if not isinstance(claims.get("nonce"), str) or claims["nonce"] != expected.nonce:
        raise SignOnRefused(Cause.NONCE)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise SignOnRefused(Cause.SUBJECT)
    return Identity(expected.issuer, subject, _label(claims), claims)


def _check_audience(claims: Mapping[str, object], client_id: str) -> None:
    """We are the audience; of several, and whenever a party is named, we are the one it was made for."""
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise SignOnRefused(Cause.AUDIENCE, str(audience))
    party = claims.get("azp")
    if (party is not None or len(audiences) > 1) and party != client_id:
        raise SignOnRefused(Cause.AUTHORIZED_PARTY, str(party))


def _check_times(claims: Mapping[str, object], now: datetime) -> None:
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    if _seconds(claims, "exp") <= at - leeway:
        raise SignOnRefused(Cause.EXPIRED)
    if _seconds(claims, "iat") > at + leeway:
        raise SignOnRefused(Cause.ISSUED_IN_FUTURE)
    if "nbf" in claims and _seconds(claims, "nbf") > at + leeway:
        raise SignOnRefused(Cause.NOT_YET_VALID)


def _seconds(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    # A bool is an int to Python; NaN fails the comparison.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST_SECONDS:
        raise SignOnRefused(Cause.TIME_FORM, name)
    return value


def _label(claims: Mapping[str, object]) -> str:
    """What to show for an identity on the page where it can be unlinked."""
    for name in ("preferred_username", "email", "name"):
        try:
            return clean_text(claims.get(name), f"/{name}", lengths.EMAIL)
        except Invalid:
            continue
    return ""


def half_hash(access_token: str, algorithm: str) -> bytes:
    """The left half of the token's hash, as `at_hash` carries it (OpenID Connect Core §3.1.3.6).

    The hash is that of the signature: Ed25519 signs with SHA-512, the others here with SHA-256.

    >>> half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256").hex()
    'efb42650fb633dfcd6b45d809e92bd45'
    """
    wide = algorithm in ("EdDSA", "Ed25519")
    digest = (hashlib.sha512 if wide else hashlib.sha256)(access_token.encode()).digest()
    return digest[: len(digest) // 2]


# -- the second factor ---------------------------------------------------------------------------------


def proves_second_factor(claims: Mapping[str, object], acr: Sequence[str], amr: Sequence[str]) -> bool:
    """Whether the provider asserts, in values that the operator named, that more than a password was asked.

    >>> proves_second_factor({"amr": ["pwd", "otp"]}, acr=(), amr=("otp", "hwk"))
    True
    >>> proves_second_factor({"acr": "1"}, acr=(), amr=())
    False
    """
    methods = claims.get("amr")
    given = [value for value in methods if isinstance(value, str)] if isinstance(methods, list) else []
    context = claims.get("acr")
    return (isinstance(context, str) and context in acr) or any(value in amr for value in given)


# -- roles ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RoleRule:
    """A value of the role claim and what it makes of a person; `agency_code` may come from another claim."""

    value: str
    role: Role
    agency_code: str | None = None


@dataclass(frozen=True)
class Mapped:
    """What the claims make of a person."""

    role: Role
    agency_code: str | None


def role_rules(written: Iterable[str]) -> tuple[RoleRule, ...]:
    """The rules of a mapping as the setting writes them: `value=role` or `value=role@AGENCY`.

    >>> role_rules(["CN=Don Doc,OU=Nhom=agency_officer@G01"])[0].agency_code
    'G01'
    """
    rules = []
    for rule in written:
        value, _, target = rule.rpartition("=")
        role, _, code = target.partition("@")
        rules.append(RoleRule(value.strip(), Role(role.strip()), code.strip() or None))
    return tuple(rules)


def claim(claims: Mapping[str, object], path: str) -> object:
    """A claim by its name, or inside others by dots: `realm_access.roles`; None when there is none.

    >>> claim({"realm_access": {"roles": ["a"]}}, "realm_access.roles"), claim({"a.b": 1}, "a.b")
    (['a'], 1)
    """
    if path in claims:
        return claims[path]
    found: object = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def map_role(
    claims: Mapping[str, object], rules: Sequence[RoleRule], role_claim: str, agency_claim: str | None
) -> Mapped:
    """The one role the claims give. Raises SignOnRefused for none, for several, and for a role without its agency."""
    given = claim(claims, role_claim)
    values = given if isinstance(given, list) else [given]
    held = {value for value in values if isinstance(value, str)}
    targets = {(rule.role, rule.agency_code) for rule in rules if rule.value in held}
    if not targets:
        raise SignOnRefused(Cause.ROLE_MISSING)
    if len(targets) > 1:
        raise SignOnRefused(Cause.ROLE_AMBIGUOUS, ", ".join(sorted(role for role, _ in targets)))
    role, code = targets.pop()
    if code is None and agency_claim is not None and role in AGENCY_ROLES:
        named = claim(claims, agency_claim)
        code = named if isinstance(named, str) else None
    if code is None and role in AGENCY_ROLES:
        raise SignOnRefused(Cause.AGENCY_MISSING)
    return Mapped(role, code)


@dataclass(frozen=True)
class NewPerson:
    """Somebody who is to be entered from their claims."""

    name: str
    email: str


def new_person(claims: Mapping[str, object]) -> NewPerson:
    """Name and address of a person who is not known yet. Raises SignOnRefused.

    Only `true` is a verified address: the text "true" and a missing word are not.
    """
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        raise SignOnRefused(Cause.EMAIL_MISSING)
    if claims.get("email_verified") is not True:
        raise SignOnRefused(Cause.EMAIL_UNVERIFIED)
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise SignOnRefused(Cause.EMAIL_MISSING, "form")
    try:
        name = clean_text(claims.get("name"), "/name", lengths.PERSON_NAME)
    except Invalid:
        raise SignOnRefused(Cause.NAME_MISSING) from None
    return NewPerson(name, email)

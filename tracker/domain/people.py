"""What may be recorded of a person and of an agency: names, and how role, agency, duty and deputy go together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from tracker.domain import lengths
from tracker.domain.directory import AGENCY_DUTIES, AGENCY_ROLES, Agency, AgencyKind, Duty, Official, Role
from tracker.domain.errors import Invalid, Problem
from tracker.domain.text import clean_text
from tracker.domain.wording import say
from tracker.domain.zone import EARLIEST_DAY

LONGEST_CONTACT_ORDER = 999
LANGUAGES = ("vi", "en")

DUTIES_OF: Mapping[Role, frozenset[Duty]] = {
    Role.ADMINISTRATOR: frozenset({Duty.SECRETARIAT_OFFICER, Duty.SECRETARIAT_HEAD}),
    Role.SECRETARIAT: frozenset({Duty.SECRETARIAT_OFFICER, Duty.SECRETARIAT_HEAD}),
    Role.MEMBER: frozenset({Duty.MEMBER}),
    Role.AGENCY_OFFICER: AGENCY_DUTIES,
    Role.AGENCY_LEADER: AGENCY_DUTIES,
    Role.INSPECTOR: frozenset(),
}
"""The duties a role can hold: an agency's steps go to the agency's people, the others to the assigning side."""


@dataclass(frozen=True, slots=True)
class PersonDraft:
    """A person as asked for; `agency` is a code, the absence has both its days or none, both inclusive."""

    name: str
    email: str
    role: str
    position: str = ""
    agency: str | None = None
    duty: str | None = None
    contact_order: int = 1
    language: str = "vi"
    absent_from: date | None = None
    absent_until: date | None = None
    deputy_id: int | None = None


@dataclass(frozen=True, slots=True)
class AgencyDraft:
    """An agency as asked for; `parent` is a code, `valid_until` inclusive."""

    code: str
    name: str
    short_name: str
    kind: str
    name_en: str = ""
    parent: str | None = None
    valid_from: date = EARLIEST_DAY
    valid_until: date | None = None
    source: str = ""


def checked_person(draft: PersonDraft) -> PersonDraft:
    """The draft with its texts composed and trimmed. Raises Invalid naming every fault that needs no look-up.

    >>> checked_person(PersonDraft(" Trần  An ", "an@moh.gov.vn", "inspector")).name
    'Trần An'
    """
    problems: list[Problem] = []
    draft = replace(
        draft,
        name=_text(draft.name, "/name", lengths.PERSON_NAME, problems),
        position=_text(draft.position, "/position", lengths.POSITION, problems, required=False),
    )
    problems += _faults_of_role(draft)
    if draft.language not in LANGUAGES:
        problems.append(Problem("/language", "not_a_choice", draft.language, {"allowed": LANGUAGES}))
    if not 1 <= draft.contact_order <= LONGEST_CONTACT_ORDER:
        bounds = {"least": 1, "most": LONGEST_CONTACT_ORDER}
        problems.append(Problem("/contact_order", "out_of_range", draft.contact_order, bounds))
    problems += _faults_of_absence(draft.absent_from, draft.absent_until)
    if problems:
        raise Invalid(problems)
    return draft


def _text(value: str, field: str, longest: int, problems: list[Problem], *, required: bool = True) -> str:
    if not required and not value.strip():
        return ""
    try:
        return clean_text(value, field, longest)
    except Invalid as invalid:
        problems.extend(invalid.problems)
        return value


def _faults_of_role(draft: PersonDraft) -> Iterable[Problem]:
    """Faults of role, agency and duty, and of what they are to each other."""
    if draft.role not in set(Role):
        yield Problem("/role", "not_a_choice", draft.role, {"allowed": ", ".join(Role)})
        return
    role = Role(draft.role)
    if role in AGENCY_ROLES and draft.agency is None:
        yield Problem("/agency", "role_needs_agency", None, {"role": say(f"role.{role}")})
    if draft.duty is None:
        return
    if draft.duty not in set(Duty):
        yield Problem("/duty", "not_a_choice", draft.duty, {"allowed": ", ".join(Duty)})
    elif Duty(draft.duty) not in DUTIES_OF[role]:
        allowed = ", ".join(duty for duty in Duty if duty in DUTIES_OF[role]) or "–"
        yield Problem(
            "/duty", "duty_not_of_role", draft.duty, {"role": say(f"role.{role}"), "allowed": allowed}
        )


def _faults_of_absence(start: date | None, end: date | None) -> Iterable[Problem]:
    if (start is None) != (end is None):
        field = "/absence/absent_from" if start is None else "/absence/absent_to"
        yield Problem(field, "absence_half", None)
    elif start is not None and end is not None and end < start:
        yield Problem("/absence/absent_to", "span_reversed", end, {"from": start, "to": end})


def deputy_fault(
    person_id: int | None, role: Role, agency_id: int | None, deputy: Official | None, deputy_id: int
) -> Problem | None:
    """Why somebody cannot be the deputy: a deputy reads the mail of the person, so both are of one side.

    An agency's official is deputised by somebody of the same agency, the others by the assigning side.
    `deputy` is None for a number that nobody has and for somebody whom the actor may not know of.
    """
    if deputy is None:
        return Problem("/deputy_id", "deputy_unknown", str(deputy_id))
    if deputy.id == person_id:
        return Problem("/deputy_id", "deputy_oneself", deputy.name)
    if not deputy.is_active:
        return Problem("/deputy_id", "official_inactive", str(deputy_id))
    if role in AGENCY_ROLES:
        fits = deputy.role in AGENCY_ROLES and deputy.agency_id == agency_id
    else:
        fits = deputy.role not in AGENCY_ROLES
    return None if fits else Problem("/deputy_id", "deputy_elsewhere", deputy.name)


def checked_agency(draft: AgencyDraft) -> AgencyDraft:
    """The draft with its texts composed and trimmed. Raises Invalid naming every fault that needs no look-up.

    >>> checked_agency(AgencyDraft("X1", "Bộ  Thử ", "BT", "ministry")).name
    'Bộ Thử'
    """
    problems: list[Problem] = []
    draft = replace(
        draft,
        code=_text(draft.code, "/code", lengths.AGENCY_CODE, problems),
        name=_text(draft.name, "/name", lengths.AGENCY_NAME, problems),
        short_name=_text(draft.short_name, "/short_name", lengths.AGENCY_SHORT_NAME, problems),
        name_en=_text(draft.name_en, "/name_en", lengths.AGENCY_NAME, problems, required=False),
        source=_text(draft.source, "/source", lengths.AGENCY_SOURCE, problems, required=False),
    )
    if not any(problem.field == "/code" for problem in problems) and not is_code(draft.code):
        problems.append(Problem("/code", "agency_code_form", draft.code))
    if draft.kind not in set(AgencyKind):
        problems.append(Problem("/kind", "not_a_choice", draft.kind, {"allowed": ", ".join(AgencyKind)}))
    if draft.valid_until is not None and draft.valid_until < draft.valid_from:
        params = {"from": draft.valid_from, "to": draft.valid_until}
        problems.append(Problem("/valid_to", "span_reversed", draft.valid_until, params))
    if problems:
        raise Invalid(problems)
    return draft


def is_code(code: str) -> bool:
    """Whether a code can stand in an address as it is: plain letters, digits, hyphens and underscores.

    >>> is_code("G10"), is_code("SYT-HN"), is_code("../x"), is_code("a b"), is_code("Đ")
    (True, True, False, False, False)
    """
    return code.isascii() and all(mark.isalnum() or mark in "-_" for mark in code) and code[0] not in "-_"


def is_cycle(agency_id: int, parent_id: int, parents: Mapping[int, int | None]) -> bool:
    """Whether `agency_id` would stand above itself with this parent; `parents` is the tree as it is.

    >>> is_cycle(1, 3, {3: 2, 2: 1, 1: None}), is_cycle(4, 3, {3: 2, 2: 1, 1: None})
    (True, False)
    """
    seen: set[int] = set()
    above: int | None = parent_id
    while above is not None and above not in seen:
        if above == agency_id:
            return True
        seen.add(above)
        above = parents.get(above)
    return False


def parent_fault(parent: Agency | None, code: str, on: date) -> Problem | None:
    """Why an agency cannot stand below this one: unknown, or not existing on `on`."""
    if parent is None:
        return Problem("/parent", "agency_unknown", code)
    if not parent.is_valid_on(on):
        return Problem(
            "/parent", "parent_not_existing", code, {"agency": parent.name, "valid_until": parent.valid_until}
        )
    return None

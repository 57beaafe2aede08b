"""Who may do what: the whole permission table.

A right depends on the actor's role, on whose row it is, and on the scopes of an API token.
A row the actor may not know of is NotFound, so that it cannot be told from one that does not exist;
a row that is known but closed to the actor is NotPermitted, naming the roles that may.
`db/visibility.py` says the same as a condition for lists. Source: docs/decisions/0015-permissions.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from tracker.domain.directory import AGENCY_ROLES, Actor, Role
from tracker.domain.errors import NotFound, NotPermitted


class Verb(StrEnum):
    """What can be done; the value stands in the history."""

    READ = "read"
    LIST = "list"
    READ_HISTORY = "read_history"
    EXPORT = "export"

    RECORD_DIRECTIVE = "record_directive"
    ASSIGN = "assign"
    EDIT_TASK = "edit_task"
    EDIT_DEADLINE = "edit_deadline"
    WITHDRAW = "withdraw"
    TRANSFER = "transfer"
    RECORD_COUNTS = "record_counts"

    ACKNOWLEDGE = "acknowledge"
    REPORT = "report"
    REQUEST_EXTENSION = "request_extension"
    COMMIT = "commit"

    CONFIRM = "confirm"
    RETURN = "return"
    DECIDE_EXTENSION = "decide_extension"

    URGE = "urge"
    INSPECT = "inspect"
    RECONCILE = "reconcile"
    SCHEDULE_REPORTS = "schedule_reports"

    MANAGE_LADDER = "manage_ladder"
    MANAGE_ISSUER = "manage_issuer"
    MANAGE_CALENDAR = "manage_calendar"
    MANAGE_AGENCIES = "manage_agencies"
    MANAGE_PEOPLE = "manage_people"
    EDIT_SELF = "edit_self"
    MANAGE_FEEDS = "manage_feeds"
    MANAGE_TOKENS = "manage_tokens"
    MANAGE_WEBHOOKS = "manage_webhooks"
    MANAGE_ACCOUNT = "manage_account"
    MANAGE_SESSIONS = "manage_sessions"
    READ_OPERATIONS = "read_operations"
    RESEND = "resend"
    MEND_ADDRESS = "mend_address"
    OPERATE = "operate"


class Scope(StrEnum):
    """What an API token may be used for; it narrows the role of its official and never widens it."""

    READ = "read"
    ASSIGN = "assign"
    REPORT = "report"
    JUDGE = "judge"
    URGE = "urge"
    FEEDS = "feeds"
    WEBHOOKS = "webhooks"
    MANAGE = "manage"
    OPERATE = "operate"


class OwnReport(NotPermitted):
    """Nobody confirms or returns a report of their own, or of their own agency; params: verb."""

    code = "own_report"


class ScopeMissing(NotPermitted):
    """The role may, but the API token was not made for it; params: verb, scope."""

    code = "scope_missing"


@dataclass(frozen=True, slots=True)
class Subject:
    """What it is done to.

    `agency_ids` are the agencies the row belongs to (an assignment: one; a directive or task: all that have
    an assignment in it); None when it is nobody's row.
    `owner_id` is the official whose feed or token it is, `reporter_id` who made the report to be judged.
    """

    noun: str = ""
    id: object = None
    agency_ids: frozenset[int] | None = None
    owner_id: int | None = None
    reporter_id: int | None = None

    @classmethod
    def of_agency(
        cls, agency_id: int, *, noun: str = "assignment", id: object = None, reporter_id: int | None = None
    ) -> Subject:
        """A row of one agency: an assignment, its reports, its extensions."""
        return cls(noun=noun, id=id, agency_ids=frozenset({agency_id}), reporter_id=reporter_id)

    @classmethod
    def shared(cls, agency_ids: Iterable[int], *, noun: str = "directive", id: object = None) -> Subject:
        """A row several agencies have a part in: a directive or a task."""
        return cls(noun=noun, id=id, agency_ids=frozenset(agency_ids))

    @classmethod
    def owned_by(cls, official_id: int, *, noun: str = "feed", id: object = None) -> Subject:
        """A row of one person: a feed or a token."""
        return cls(noun=noun, id=id, owner_id=official_id)


ANYTHING = Subject()
"""No particular row: the collection, or something still to be made."""

_EVERYBODY = frozenset(Role)
_ADMIN = frozenset({Role.ADMINISTRATOR})
_DESK = frozenset({Role.SECRETARIAT})
_RECORDERS = _ADMIN | _DESK
_JUDGES = _DESK | {Role.MEMBER}
_LEADER = frozenset({Role.AGENCY_LEADER})


@dataclass(frozen=True, slots=True)
class _Right:
    """Roles that may do it to any row, to rows of their agencies, to rows of agencies below, to their own rows;
    and the scope asked."""

    anywhere: frozenset[Role] = frozenset()
    own_agency: frozenset[Role] = frozenset()
    below: frozenset[Role] = frozenset()
    own: frozenset[Role] = frozenset()
    scope: Scope | None = None

    @property
    def roles(self) -> frozenset[Role]:
        return self.anywhere | self.own_agency | self.own


_READERS = _EVERYBODY - AGENCY_ROLES

RIGHTS: dict[Verb, _Right] = {
    Verb.READ: _Right(anywhere=_READERS, own_agency=AGENCY_ROLES, below=AGENCY_ROLES, scope=Scope.READ),
    Verb.LIST: _Right(anywhere=_READERS, own_agency=AGENCY_ROLES, below=AGENCY_ROLES, scope=Scope.READ),
    Verb.READ_HISTORY: _Right(
        anywhere=_READERS, own_agency=AGENCY_ROLES, below=AGENCY_ROLES, scope=Scope.READ
    ),
    Verb.EXPORT: _Right(anywhere=_READERS, own_agency=AGENCY_ROLES, below=AGENCY_ROLES, scope=Scope.READ),
    Verb.RECORD_DIRECTIVE: _Right(anywhere=_RECORDERS, scope=Scope.ASSIGN),
    Verb.ASSIGN: _Right(anywhere=_RECORDERS, scope=Scope.ASSIGN),
    Verb.EDIT_TASK: _Right(anywhere=_RECORDERS, scope=Scope.ASSIGN),
    Verb.EDIT_DEADLINE: _Right(anywhere=_RECORDERS, scope=Scope.ASSIGN),
    Verb.WITHDRAW: _Right(anywhere=_RECORDERS, scope=Scope.ASSIGN),
    Verb.TRANSFER: _Right(anywhere=_RECORDERS, scope=Scope.ASSIGN),
    Verb.RECORD_COUNTS: _Right(anywhere=_RECORDERS, scope=Scope.ASSIGN),
    Verb.ACKNOWLEDGE: _Right(own_agency=AGENCY_ROLES, scope=Scope.REPORT),
    Verb.REPORT: _Right(own_agency=AGENCY_ROLES, scope=Scope.REPORT),
    Verb.REQUEST_EXTENSION: _Right(own_agency=AGENCY_ROLES, scope=Scope.REPORT),
    Verb.COMMIT: _Right(own_agency=AGENCY_ROLES, scope=Scope.REPORT),
    Verb.CONFIRM: _Right(anywhere=_JUDGES, scope=Scope.JUDGE),
    Verb.RETURN: _Right(anywhere=_JUDGES, scope=Scope.JUDGE),
    Verb.DECIDE_EXTENSION: _Right(anywhere=_DESK, scope=Scope.JUDGE),
    Verb.URGE: _Right(anywhere=_JUDGES, own_agency=_LEADER, below=_LEADER, scope=Scope.URGE),
    Verb.INSPECT: _Right(anywhere=_DESK | {Role.INSPECTOR}, scope=Scope.ASSIGN),
    Verb.RECONCILE: _Right(anywhere=_DESK, scope=Scope.JUDGE),
    Verb.SCHEDULE_REPORTS: _Right(anywhere=_RECORDERS, scope=Scope.MANAGE),
    Verb.MANAGE_LADDER: _Right(anywhere=_RECORDERS, scope=Scope.MANAGE),
    Verb.MANAGE_ISSUER: _Right(anywhere=_RECORDERS, scope=Scope.MANAGE),
    Verb.MANAGE_CALENDAR: _Right(anywhere=_ADMIN, scope=Scope.MANAGE),
    Verb.MANAGE_AGENCIES: _Right(anywhere=_ADMIN, scope=Scope.MANAGE),
    Verb.MANAGE_PEOPLE: _Right(anywhere=_ADMIN, scope=Scope.MANAGE),
    # One's own language, absence and deputy; one's own web sessions, which a token may end and never begin.
    Verb.EDIT_SELF: _Right(anywhere=_ADMIN, own=_EVERYBODY, scope=Scope.MANAGE),
    Verb.MANAGE_SESSIONS: _Right(own=_EVERYBODY, scope=Scope.MANAGE),
    Verb.MANAGE_FEEDS: _Right(anywhere=_ADMIN, own=_EVERYBODY, scope=Scope.FEEDS),
    # Who holds the secret of a webhook or a token speaks as its owner: an administrator only switches the owner off.
    Verb.MANAGE_WEBHOOKS: _Right(own=_EVERYBODY, scope=Scope.WEBHOOKS),
    # No scope: a token never makes or revokes tokens.
    Verb.MANAGE_TOKENS: _Right(own=_EVERYBODY),
    # One's own password, second factor and sessions: nobody else's, and never with a token.
    Verb.MANAGE_ACCOUNT: _Right(own=_EVERYBODY),
    Verb.READ_OPERATIONS: _Right(anywhere=_RECORDERS, scope=Scope.READ),
    # One letter again, if asked to a colleague; a new address for a contact whose mail comes back and who signs in
    # nowhere: whoever signs in with an address gets another one from an administrator alone.
    Verb.RESEND: _Right(anywhere=_RECORDERS, scope=Scope.OPERATE),
    Verb.MEND_ADDRESS: _Right(anywhere=_RECORDERS, scope=Scope.MANAGE),
    Verb.OPERATE: _Right(anywhere=_ADMIN, scope=Scope.OPERATE),
}

_JUDGING = frozenset({Verb.CONFIRM, Verb.RETURN})


def roles_that_may(verb: Verb) -> tuple[Role, ...]:
    """The roles that may do `verb` to some row, in the order of Role."""
    return tuple(role for role in Role if role in RIGHTS[verb].roles)


def sees(actor: Actor, subject: Subject) -> bool:
    """Whether the actor may know that the row exists."""
    if actor.is_system:
        return True
    if subject.owner_id is not None:
        return subject.owner_id == actor.official_id or actor.role is Role.ADMINISTRATOR
    if actor.role in AGENCY_ROLES and subject.agency_ids is not None:
        return not actor.visible_agency_ids.isdisjoint(subject.agency_ids)
    return True


def may(actor: Actor, verb: Verb, subject: Subject = ANYTHING) -> bool:
    """Whether `actor` may do `verb` to `subject`.

    >>> officer = Actor(7, "x", Role.AGENCY_OFFICER, agency_id=3)
    >>> may(officer, Verb.REPORT, Subject.of_agency(3)), may(officer, Verb.REPORT, Subject.of_agency(4))
    (True, False)
    """
    return _refusal(actor, verb, subject) is None


def require(actor: Actor, verb: Verb, subject: Subject = ANYTHING) -> None:
    """Pass when `actor` may do `verb` to `subject`.

    Raises NotFound for a row the actor may not know of; OwnReport, ScopeMissing or NotPermitted otherwise.
    """
    refusal = _refusal(actor, verb, subject)
    if refusal is not None:
        raise refusal


def require_one(actor: Actor, verbs: Collection[Verb]) -> None:
    """Pass when `actor` may do one of `verbs` to some row of theirs: which, each row decides later.

    Raises ScopeMissing where the role may and the token was not made for it, else NotPermitted.
    """
    refusals = [refusal for verb in verbs if (refusal := _refusal(actor, verb, ANYTHING)) is not None]
    if len(refusals) == len(verbs):
        raise next((r for r in refusals if isinstance(r, ScopeMissing)), refusals[0])


def _refusal(actor: Actor, verb: Verb, subject: Subject) -> NotFound | NotPermitted | None:
    if actor.is_system:
        return None
    if not sees(actor, subject):
        return NotFound(noun=subject.noun, id=subject.id)
    right = RIGHTS[verb]
    if not _role_may(actor, right, subject):
        allowed = tuple(role.value for role in roles_that_may(verb))
        return NotPermitted(verb=verb.value, role=actor.role.value, allowed=allowed)
    if verb in _JUDGING and _is_own_report(actor, subject):
        return OwnReport(verb=verb.value)
    if actor.scopes is not None and (right.scope is None or right.scope.value not in actor.scopes):
        return ScopeMissing(verb=verb.value, scope=right.scope.value if right.scope else "")
    return None


def _role_may(actor: Actor, right: _Right, subject: Subject) -> bool:
    if actor.role in right.anywhere:
        return True
    # Without a particular row an agency's people and owners may begin: what they get is limited to their own.
    if actor.role in right.own_agency:
        if subject.agency_ids is None or not actor.agency_ids.isdisjoint(subject.agency_ids):
            return True
        return actor.role in right.below and not actor.below.isdisjoint(subject.agency_ids)
    return actor.role in right.own and subject.owner_id in (None, actor.official_id)


def _is_own_report(actor: Actor, subject: Subject) -> bool:
    """Confirmed by the assigning side only: neither by who reported nor by anybody of the agency charged."""
    if subject.reporter_id is not None and subject.reporter_id == actor.official_id:
        return True
    return subject.agency_ids is not None and not actor.agency_ids.isdisjoint(subject.agency_ids)

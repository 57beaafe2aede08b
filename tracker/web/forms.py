"""What a form sends: read by hand so that every problem is told at once and nothing typed is lost."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NoReturn, Self
from urllib.parse import parse_qsl, urlsplit

from tracker.actions import sessions
from tracker.api.errors import Refusal
from tracker.domain.errors import Invalid, NotPermitted, Problem
from tracker.domain.text import endless_marks
from tracker.domain.zone import is_in_range
from tracker.web.page import Page, SignInNeeded, local_path
from tracker.web.session import is_form_token, signed_in

MOST_FIELDS = 200
MOST_BYTES = 1_000_000
_SECRETS = frozenset({"mat-khau", "mat-khau-cu", "mat-khau-moi", "nhap-lai", "ma", "ma-moi"})
_OF_THE_FORM = frozenset({"lan-gui", "phien-ban"})
_FORM_TYPE = "application/x-www-form-urlencoded"
_DATE = re.compile(
    r"\s*([0-9]{1,2})\s*[/.-]\s*([0-9]{1,2})\s*[/.-]\s*([0-9]{4})\s*|\s*([0-9]{4})-([0-9]{2})-([0-9]{2})\s*"
)


class FormNotOurs(NotPermitted):
    """The form did not come from a page of this session: another site, or a page left open too long."""

    code = "form_not_ours"


@dataclass
class Form:
    """The fields as typed, and the problems found with them; `problems` maps a field to a catalogue sentence.

    `sent` is all that came, as it came: by it a form that was sent twice is told from one with other words.
    """

    values: dict[str, str]
    lists: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    sent: str = ""

    def seal(self) -> Self:
        """Note what came, before anything is done to it."""
        self.sent = repr(sorted(self.lists.items()))
        return self

    def text(self, name: str) -> str:
        """A field without surrounding space; "" when it is missing."""
        return self.values.get(name, "").strip()

    def many(self, name: str) -> list[str]:
        """All values of a field that may come several times."""
        return self.lists.get(name, [])

    def fill(self, kept: Mapping[str, list[str]]) -> None:
        """Take over what was typed before; the form is shown, nothing is checked yet."""
        for name, given in kept.items():
            if given:
                self.values[name], self.lists[name] = given[-1], list(given)

    def secret(self, name: str) -> str:
        """A password as typed; taken out, so that no page shows it again."""
        return self.values.pop(name, "")

    def has(self, name: str) -> bool:
        """Whether a box was ticked."""
        return name in self.values

    def refuse(self, name: str, code: str, **params: object) -> None:
        """Note a problem with a field."""
        self.problems.append(Problem(name, code, self.values.get(name, ""), params))

    def required(self, name: str, code: str) -> str:
        """A field that must not be empty."""
        given = self.text(name)
        if not given:
            self.refuse(name, code)
        return given

    def date(self, name: str, *, required: str | None = None) -> date | None:
        """A civil date typed as dd/mm/yyyy (or from a date field); a wrong one is noted."""
        given = self.text(name)
        if not given:
            if required:
                self.refuse(name, required)
            return None
        parsed = parse_date(given)
        if parsed is None:
            self.refuse(name, "form_bad_date", value=given[:40])
        return parsed

    def version(self) -> int:
        """The version of the row that the form was filled in over; 0, which no row has, when it does not tell."""
        given = self.text("phien-ban")
        return int(given) if re.fullmatch(r"[0-9]{1,9}", given) else 0

    def take(self, refused: Invalid, fields: dict[str, str]) -> None:
        """Take over an action's problems; `fields` maps its pointers to the names of this form."""
        for problem in refused.problems:
            name = fields.get(problem.field, fields.get("", ""))
            self.problems.append(Problem(name, problem.code, problem.value, problem.params))


def parse_date(given: str) -> date | None:
    """dd/mm/yyyy or an ISO date; None for what is no day.

    >>> parse_date("28/11/2025"), parse_date("2025-11-28"), parse_date("31/02/2026")
    (datetime.date(2025, 11, 28), datetime.date(2025, 11, 28), None)
    >>> parse_date("01/01/0001") is None
    True
    """
    match = _DATE.fullmatch(given)
    if not given.isascii() or match is None:
        return None
    day, month, year, iso_year, iso_month, iso_day = match.groups()
    numbers = (year, month, day) if year else (iso_year, iso_month, iso_day)
    try:
        read = date(*(int(number) for number in numbers))
    except ValueError:
        return None
    return read if is_in_range(read) else None


def new_submission() -> str:
    """The id of one filling-in of a form: sent twice, it is one submission."""
    return secrets.token_urlsafe(12)


async def read_form(
    page: Page,
    *,
    repeatable: frozenset[str] = frozenset(),
    most_fields: int = MOST_FIELDS,
    most_bytes: int = MOST_BYTES,
) -> Form:
    """The form of this request. Raises Refusal for a broken body, FormNotOurs for a foreign one.

    Raises SignInNeeded where the session ended while the form was filled in.
    """
    check_origin(page)
    if page.request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise Refusal("unsupported_media_type", expected=_FORM_TYPE)
    body = await page.request.body()
    if len(body) > most_bytes:
        raise Refusal("too_large", limit=most_bytes)
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=most_fields
        )
    except ValueError:
        raise Refusal("bad_request") from None
    # First whether it is ours at all: what follows costs more.
    check_token(page, [value for name, value in pairs if name == "_token"])
    values: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    came_from = ""
    for name, value in pairs:
        if name == "_token":
            continue
        if name == "_trang":
            came_from = value
            continue
        if "\0" in value or "\0" in name or endless_marks(value) is not None:
            raise Refusal("bad_request")
        if name in values and name not in repeatable and not page.has_ended:
            raise Refusal("repeated_parameter", name=name)
        # Composed on the way in: some keyboards send decomposed Vietnamese.
        value = unicodedata.normalize("NFC", value.replace("\r\n", "\n"))
        values[name] = value
        lists.setdefault(name, []).append(value)
    form = Form(values, lists).seal()
    if page.has_ended:
        await keep(page, form, came_from)
    return form


def check_token(page: Page, tokens: Sequence[str]) -> None:
    """Refuse a form that no page of this session made; a session that ran out still knows its own forms."""
    session = signed_in(page.state.signer, page.ended_token, 0, 0) if page.has_ended else page.session
    if len(tokens) == 1 and is_form_token(page.state.signer, session, tokens[0]):
        return
    if page.has_ended:
        raise SignInNeeded
    raise FormNotOurs()


async def keep(page: Page, form: Form, came_from: str) -> NoReturn:
    """Keep what came after the session's end and lead to the sign-in, from which the form is found again.

    Secrets are not kept. Raises SignInNeeded, always.
    """
    fields = {name: given for name, given in form.lists.items() if name not in _SECRETS}
    path = page.request.scope["path"]
    is_typed = any(any(given) for name, given in fields.items() if name not in _OF_THE_FORM)
    kept_id = await sessions.keep_form(page.ended_token, path, fields) if is_typed else None
    raise SignInNeeded(kept_id, local_path(came_from, ""))


def check_origin(page: Page) -> None:
    """Refuse a form that another site sent (attack cases 60 to 62)."""
    headers = page.request.headers
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise FormNotOurs()
    origin = headers.get("origin")
    if origin is None:
        return
    if origin == "null" and headers.get("sec-fetch-site") == "same-origin":
        # A page with a token in its address has the policy no-referrer, and its forms come without an origin.
        return
    ours = {headers.get("host", ""), urlsplit(page.state.settings.address).netloc}
    if urlsplit(origin).netloc not in ours or not urlsplit(origin).netloc:
        raise FormNotOurs()

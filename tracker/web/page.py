"""One page: who reads it, in which language, on which day, and the way its template becomes an answer."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qsl, quote, urlencode

from litestar import Response
from litestar.datastructures import Cookie
from markupsafe import Markup

from tracker import clock
from tracker.actions import sessions
from tracker.actions.sessions import SignedIn
from tracker.api.negotiation import language_of
from tracker.db import reads_web
from tracker.db.engine import look_as
from tracker.db.kept_forms import find_kept_form
from tracker.db.sessions import Session as Login
from tracker.db.switches import why_sending_is_paused
from tracker.domain.directory import AGENCY_ROLES, Actor, Role
from tracker.domain.errors import NotFound, Problem
from tracker.domain.zone import civil_day, civil_now
from tracker.i18n import LANGUAGES, Language, catalogue, text
from tracker.refusals import sentence as problem_sentence
from tracker.web import wording
from tracker.web.rendering import render
from tracker.web.session import (
    Notice,
    Session,
    anonymous,
    anonymous_from_cookie,
    anonymous_to_cookie,
    cookies_named,
    form_token,
    masked,
    notice_from_cookie,
    notice_to_cookie,
    signed_in,
    token_from_cookie,
    token_to_cookie,
)
from tracker.web.state import WebRequest, WebState, state_of

HTML = "text/html"
LANGUAGE_COOKIE = "ngon-ngu"
NOTICE_COOKIE = "thong-bao"
KEYS_COOKIE = "phim-tat"
KEPT_KEY = "giu"
_WORTH_ZIPPING = 2_000
# What stands on these is secret in itself, and their length must not tell it.
_SECRETS = frozenset(
    {
        "two-step.html",
        "recovery-codes.html",
        "me-tokens.html",
        "feeds.html",
        "webhook-secret.html",
        "webhook.html",
    }
)
_YEAR_SECONDS = 365 * 24 * 3600
_LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1500}")
_ID = re.compile(r"[1-9][0-9]{0,18}")
_HIGHEST_ID = 2**63 - 1


class SignInNeeded(Exception):
    """The page is for people who have signed in; `kept_id` is the form that came too late and is kept for them."""

    def __init__(self, kept_id: int | None = None, kept_from: str = "") -> None:
        super().__init__()
        self.kept_id = kept_id
        self.kept_from = kept_from


def parse_id(given: str) -> int:
    """An id in an address. Raises NotFound for what cannot be one.

    >>> parse_id("42")
    42
    """
    if not _ID.fullmatch(given) or int(given) > _HIGHEST_ID:
        raise NotFound(id=given[:40])
    return int(given)


def local_path(given: str | None, otherwise: str = "/") -> str:
    """`given` when it is a path of ours, so that nobody is sent elsewhere (attack case 69).

    >>> local_path("/viec/3?a=b"), local_path("//evil"), local_path("https:evil")
    ('/viec/3?a=b', '/', '/')
    """
    return given if given and _LOCAL_PATH.fullmatch(given) else otherwise


@runtime_checkable
class Fillable(Protocol):
    """A form that can be shown with what was typed before."""

    def fill(self, kept: Mapping[str, list[str]]) -> None:
        """Take over fields, each with all its values."""


@dataclass(frozen=True)
class Entry:
    """One entry of the navigation."""

    path: str
    label: str
    is_current: bool


@dataclass
class Page:
    """All that templates know besides their own values; also collects what the answer must carry.

    `visitor` is who reads. `enrolling` is who has signed in but must set up the second factor first: no page but
    that one knows them. `login` is the session in force, `has_ended` says that the browser came with one that is not.
    `kept` is what was typed into a form of this page when its session had ended.
    """

    request: WebRequest
    state: WebState
    language: Language
    session: Session
    visitor: reads_web.Visitor | None
    now: datetime
    login: Login | None = None
    enrolling: reads_web.Visitor | None = None
    has_ended: bool = False
    ended_token: str = ""
    kept: dict[str, list[str]] | None = None
    is_bound: bool = False
    notice: Notice | None = None
    is_sweep_late: bool = False
    is_sending_paused: bool = False
    pause_reason: str = ""
    icons: set[str] = field(default_factory=set)
    cookies: list[Cookie] = field(default_factory=list)
    status: int = 200
    shown_path: str | None = None

    # -- who and when ------------------------------------------------------------------------------

    @property
    def actor(self) -> Actor:
        """The reader. Raises SignInNeeded when there is none."""
        if self.visitor is None:
            raise SignInNeeded
        return self.visitor.actor

    @property
    def role(self) -> Role | None:
        """The reader's role."""
        return None if self.visitor is None else self.visitor.actor.role

    @property
    def is_agency(self) -> bool:
        """Whether the reader belongs to an agency that receives tasks."""
        return self.role in AGENCY_ROLES

    @property
    def is_secretariat(self) -> bool:
        """Whether the reader runs the secretariat's desk."""
        return self.role in (Role.SECRETARIAT, Role.ADMINISTRATOR)

    @cached_property
    def today(self) -> date:
        """The civil day in the official zone."""
        return civil_day(self.now)

    @property
    def clock_words(self) -> Markup:
        """The present moment in words, for the banner and the foot."""
        return self.moment(self.now)

    @property
    def is_demonstration(self) -> bool:
        """Whether this is the demonstration with its own clock."""
        return self.state.is_demonstration

    @property
    def has_mailbox(self) -> bool:
        """Whether the local mailbox can be read here."""
        return self.state.mailbox is not None

    # -- words -------------------------------------------------------------------------------------

    def t(self, key: str, /, **params: object) -> Markup:
        """A sentence of the catalogue; parameters are escaped."""
        return wording.sentence(self.language, key, **params)

    def s(self, key: str, /, **params: object) -> str:
        """A sentence as plain text, for values that a template escapes."""
        return text(self.language, key, **params)

    def word(self, group: str, value: object) -> str:
        """The word for one value of an enumeration; the value itself where the catalogue has none."""
        return catalogue(self.language).get(f"{group}.{value}", str(value))

    @property
    def vi(self) -> Markup:
        """The attribute that marks Vietnamese words on a page in another language."""
        return Markup("") if self.language == "vi" else Markup(' lang="vi"')

    def reason(self, side: str, code: str) -> str:
        """Why something was sent ("yes") or not ("no"), in one sentence."""
        return self.word(f"reason.{side}", code)

    def say(self, problem: Problem) -> str:
        """What is wrong with a field, in a sentence."""
        params = {"value": problem.value, "field": problem.field, **problem.params}
        return problem_sentence(self.language, problem.code, params)

    def day(self, day: date | None) -> Markup:
        """A date as tables write it."""
        return Markup("") if day is None else wording.time_tag(day.isoformat(), wording.short_day(day))

    def long_day(self, day: date | None) -> Markup:
        """A date with its weekday, for sentences."""
        if day is None:
            return Markup("")
        return wording.time_tag(day.isoformat(), wording.long_day(self.language, day))

    def opening_day(self, day: date) -> Markup:
        """A date with its weekday at the beginning of a sentence."""
        words = wording.long_day(self.language, day)
        return wording.time_tag(day.isoformat(), words[:1].upper() + words[1:])

    def weekday(self, day: date) -> str:
        """The weekday's name."""
        return wording.weekday(self.language, day)

    def clock(self, at: time) -> str:
        """A time of day."""
        return wording.clock(at)

    def moment(self, instant: datetime) -> Markup:
        """An instant: time first, then the day."""
        iso = civil_now(instant).isoformat(timespec="minutes")
        return wording.time_tag(iso, wording.moment(self.language, instant))

    def number(self, value: int) -> str:
        """A count with thousands marked."""
        return wording.number(self.language, value)

    def days(self, key: str, days: int) -> str:
        """A sentence about a number of days."""
        return wording.number_of_days(self.language, key, days)

    # -- addresses ---------------------------------------------------------------------------------

    @cached_property
    def query(self) -> dict[str, str]:
        """The query of the address; the guard has refused doubled keys and bad bytes."""
        raw = self.request.scope.get("query_string", b"").decode("ascii", "replace")
        return {k: v for k, v in parse_qsl(raw, keep_blank_values=False) if len(v) <= 500}

    def query_all(self, name: str) -> list[str]:
        """Every value of a key that may come several times."""
        raw = self.request.scope.get("query_string", b"").decode("ascii", "replace")
        return [value for key, value in parse_qsl(raw) if key == name and len(value) <= 500]

    @property
    def raw_query(self) -> str:
        """The query of the address as it came, without what only the page itself needs."""
        raw = self.request.scope.get("query_string", b"").decode("ascii", "replace")
        pairs = [
            (k, v) for k, v in parse_qsl(raw) if k not in ("lang", "sau", "trang", "ca") and len(v) <= 500
        ]
        return urlencode(pairs)

    @property
    def path(self) -> str:
        """The path of this page; a form that is shown again stands for the page it belongs to."""
        if self.shown_path is not None:
            return self.shown_path
        return quote(self.request.scope["path"], safe="/-._~")

    def address(self, /, **changes: object) -> str:
        """This page's address with some keys of the query changed; None or "" removes a key."""
        merged: dict[str, object] = {**self.query, **{k.replace("_", "-"): v for k, v in changes.items()}}
        kept = {k: str(v) for k, v in merged.items() if v not in (None, "")}
        return self.path + ("?" + urlencode(kept) if kept else "")

    @property
    def other_language(self) -> Language:
        """The language one could switch to."""
        return "en" if self.language == "vi" else "vi"

    @property
    def switch_address(self) -> str:
        """This page in the other language; a page that answered a form is read again as a page."""
        return self.address(lang=self.other_language)

    @property
    def entries(self) -> list[Entry]:
        """The navigation of this reader: only what they may open."""
        if self.visitor is None:
            return []
        paths = _NAVIGATION[self.visitor.actor.role]
        here = self.request.scope["path"]
        best = max((p for p in paths if here == p or here.startswith(p + "/")), key=len, default="")
        return [Entry(path, self.s(self._entry_key(path)), path == best) for path in paths]

    def _entry_key(self, path: str) -> str:
        if path == "/viec" and self.is_agency:
            return "nav.viec_agency"
        return f"nav.{path.strip('/').replace('/', '.')}"

    @property
    def home(self) -> str:
        """The reader's first page."""
        return "/" if self.visitor is None else _NAVIGATION[self.visitor.actor.role][0]

    @property
    def rest_seconds(self) -> int:
        """How long the session lasts if nothing more is asked of it."""
        return 0 if self.login is None else sessions.rest_seconds(self.login, real_now())

    @property
    def body_data(self) -> Markup:
        """What the script may know: whether keys are on, when the session ends, where keys lead."""
        if self.visitor is None:
            return Markup("")
        told = {
            "home": self.home,
            "directives": "/van-ban",
            "sessions": "/kiem-tra",
            "rest": str(self.rest_seconds),
        }
        if self.has_keys:
            told["keys"] = "1"
        return Markup("").join(Markup(' data-{}="{}"').format(name, value) for name, value in told.items())

    @property
    def has_keys(self) -> bool:
        """Whether keys of single letters are on: until the person says otherwise in `/toi`."""
        return self.cookie(KEYS_COOKIE) != "0"

    # -- forms -------------------------------------------------------------------------------------

    @cached_property
    def form_token(self) -> str:
        """The hidden token of every form on this page; a visitor's browser is told what it is bound to."""
        if not self.is_bound:
            self.is_bound = True
            value = anonymous_to_cookie(self.state.signer, self.session, real_now())
            self.set_cookie(self.state.session_cookie, value)
        return masked(form_token(self.state.signer, self.session))

    def hidden(self) -> Markup:
        """The hidden field that proves where a form came from."""
        return Markup(
            '<input type="hidden" name="_token" value="{}"><input type="hidden" name="_trang" value="{}">'
        ).format(self.form_token, self.address(**{KEPT_KEY: None, "lang": None}))

    # -- answers -----------------------------------------------------------------------------------

    def render(
        self,
        template: str,
        /,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> Response[bytes]:
        """The answer with a template's page."""
        if self.kept is not None:
            _fill(values, self.kept)
        body = render(template, {"page": self, "t": self.t, "say": self.say, **values})
        told = {"Content-Language": self.language, "Vary": "Cookie, Accept-Language, Accept-Encoding"}
        if (
            "gzip" in self.request.headers.get("accept-encoding", "")
            and template not in _SECRETS
            and len(body) > _WORTH_ZIPPING
        ):
            body = gzip.compress(body, 5, mtime=0)
            told["Content-Encoding"] = "gzip"
        return Response(
            content=body,
            status_code=status or self.status,
            media_type=HTML,
            headers={**told, **(headers or {})},
            cookies=self.cookies,
        )

    def see(
        self, address: str, notice: str | None = None, /, *, undo: str = "", **params: object
    ) -> Response[bytes]:
        """Go to `address` after a form (303), where `notice` says what was done and `undo` is where to take it back."""
        if notice is not None:
            value = Notice(notice, {name: str(given) for name, given in params.items()}, undo)
            signed = notice_to_cookie(self.state.signer, value, real_now())
            self.cookies.append(self._cookie(NOTICE_COOKIE, signed, max_age=120))
        return Response(
            content=b"", status_code=303, headers={"Location": address}, media_type=HTML, cookies=self.cookies
        )

    async def adopt(self, signed: SignedIn) -> None:
        """Go on as who has just signed in: with a fresh token, never what the browser came with (attack case 59)."""
        if self.login is not None:
            await sessions.replace(self.login)
        self._carry(signed.token, signed.session_id, signed.official_id)
        self.set_cookie(self.state.device_cookie, signed.device, max_age=_YEAR_SECONDS)

    async def renew(self) -> None:
        """Another token for the same session, after a change of password or second factor."""
        if self.login is None:
            raise SignInNeeded
        self._carry(await sessions.renew(self.login.id), self.login.id, self.login.official_id)

    def forget(self) -> None:
        """Go on as somebody unknown, after signing out."""
        self.session = anonymous()
        self.__dict__.pop("form_token", None)
        self.login = self.visitor = self.enrolling = None
        self.is_bound = False
        self.set_cookie(self.state.session_cookie, "", max_age=0)

    def _carry(self, token: str, session_id: int, official_id: int) -> None:
        self.__dict__.pop("form_token", None)
        self.session = signed_in(self.state.signer, token, session_id, official_id)
        self.is_bound = True
        self.set_cookie(self.state.session_cookie, token_to_cookie(self.state.signer, token))

    def cookie(self, name: str) -> str:
        """A cookie's value; empty when it is missing, or doubled, as no browser of ours would send it."""
        values = cookies_named(self.request.scope["headers"], name)
        return values[0] if len(values) == 1 else ""

    def set_cookie(self, name: str, value: str, max_age: int | None = None) -> None:
        """Have the answer set a cookie that no script reads."""
        self.cookies = [cookie for cookie in self.cookies if cookie.key != name]
        self.cookies.append(self._cookie(name, value, max_age))

    @property
    def ip(self) -> str:
        """Where the request came from; behind trusted proxies uvicorn has put the client's own address there."""
        client = self.request.client
        return client.host if client else ""

    @property
    def user_agent(self) -> str:
        """What the browser calls itself, as a list of sessions shows it."""
        told = self.request.headers.get("user-agent", "")
        return "".join(mark if mark.isprintable() else " " for mark in told)

    def _cookie(self, name: str, value: str, max_age: int | None = None) -> Cookie:
        return Cookie(
            key=name,
            value=value,
            max_age=max_age,
            path="/",
            secure=self.state.is_secure,
            httponly=True,
            samesite="lax",
        )


_DESK = (
    "/can-xu-ly",
    "/van-ban",
    "/cho-xac-nhan",
    "/kiem-tra",
    "/bao-cao",
    "/lich",
    "/co-quan",
    "/thiet-lap",
)
_AGENCY = ("/viec", "/van-ban", "/lich", "/bao-cao/qua-han", "/toi/thong-bao")
_NAVIGATION: dict[Role, tuple[str, ...]] = {
    Role.ADMINISTRATOR: (
        "/can-xu-ly",
        "/van-ban",
        "/kiem-tra",
        "/bao-cao",
        "/lich",
        "/co-quan",
        "/nguoi",
        "/thiet-lap",
        "/he-thong",
    ),
    Role.SECRETARIAT: _DESK,
    Role.MEMBER: ("/tong-quan", "/viec", "/cho-xac-nhan", "/kiem-tra", "/bao-cao", "/lich"),
    Role.INSPECTOR: ("/bao-cao", "/kiem-tra", "/viec", "/van-ban", "/lich"),
    Role.AGENCY_OFFICER: _AGENCY,
    Role.AGENCY_LEADER: (_AGENCY[0], "/tong-quan", *_AGENCY[1:]),
}


def real_now() -> datetime:
    """The machine's time, whatever the demonstration plays: sessions live by it."""
    return clock.utc_now() - clock.offset()


def _language(request: WebRequest, visitor: reads_web.Visitor | None) -> Language:
    for wanted in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        for language in LANGUAGES:
            if wanted == language:
                return language
    if visitor is not None:
        return visitor.actor.language
    return language_of(request.headers.get("accept-language"))


async def open_page(request: WebRequest) -> Page:
    """The page of a request: believes only sessions that are in force, and people who are still in office."""
    state = state_of(request)
    page = Page(request, state, "vi", anonymous(), None, clock.utc_now())
    await _recognise(page)
    page.language = _language(request, page.visitor or page.enrolling)
    if request.query_params.get("lang") in LANGUAGES:
        page.cookies.append(page._cookie(LANGUAGE_COOKIE, page.language, max_age=_YEAR_SECONDS))
    if cookie := request.cookies.get(NOTICE_COOKIE):
        page.notice = notice_from_cookie(state.signer, cookie, real_now())
        page.cookies.append(page._cookie(NOTICE_COOKIE, "", max_age=0))
    if page.visitor is not None and not page.is_agency:
        page.is_sweep_late = await reads_web.is_sweep_late(3 * state.settings.sweep_seconds)
        reason = await why_sending_is_paused()
        page.is_sending_paused, page.pause_reason = reason is not None, reason or ""
    if (
        page.visitor is not None
        and _ID.fullmatch(kept := page.query.get(KEPT_KEY, ""))
        and int(kept) <= _HIGHEST_ID
    ):
        page.kept = await find_kept_form(page.visitor.actor.official_id or 0, int(kept))
    return page


def _fill(values: Mapping[str, object], kept: Mapping[str, list[str]]) -> None:
    """Put what was kept into the forms of a page."""
    for value in values.values():
        if isinstance(value, Fillable):
            value.fill(kept)


async def _recognise(page: Page) -> None:
    """Find out who visits. A cookie that stands there twice is nobody's (attack case 65)."""
    state = page.state
    cookie = page.cookie(state.session_cookie)
    if not cookie:
        return
    token = token_from_cookie(state.signer, cookie)
    if token is None:
        known = anonymous_from_cookie(state.signer, cookie, real_now())
        if known is not None:
            page.session, page.is_bound = known, True
        return
    login = await sessions.find(token, real_now())
    # Whoever is played in the demonstration proved nothing, and is nobody anywhere else.
    is_played = login is not None and login.method == "demonstration"
    person = None
    if login is not None and (state.is_demonstration or not is_played):
        person = await reads_web.find_visitor(login.official_id)
    if login is None or person is None:
        page.has_ended, page.ended_token = True, token
        return
    page.session, page.is_bound = signed_in(state.signer, token, login.id, login.official_id), True
    page.login = login
    if sessions.needs_enrolment(login):
        page.enrolling = person
    else:
        page.visitor = person
        look_as(person.actor)


async def open_plain_page(request: WebRequest) -> Page:
    """A page without a reader, for an error that may be the database's: asks nobody."""
    return Page(
        request,
        state_of(request),
        _language(request, None),
        anonymous(),
        None,
        clock.utc_now(),
        is_bound=True,
    )

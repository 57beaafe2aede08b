"""Attack case 67 and its neighbours: an identity provider, or somebody between it and us, plays every dirty trick.

Each trick goes through the pages as a browser would, and ends at the same refusal: no session, no link, no person.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import cache
from html import unescape
from typing import Any

import httpx
import pytest

from tests.oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    DROP,
    SUBJECT,
    OidcProvider,
    encoded,
    oct_of,
    oidc_provider,
    rsa,
    signed_with_client_secret,
    signed_with_public_key,
    stranger,
    unsigned,
    weak_rsa,
)
from tests.world import add_official
from tracker.app import Service, create_app
from tracker.db import identities
from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.claims import Cause
from tracker.settings import Secret, Settings, load
from tracker.sign_on import fetch as asking
from tracker.sign_on import provider as providers
from tracker.web.page import real_now

pytestmark = [
    pytest.mark.anyio,
    # EdDSA has a new name, and a weak key is made on purpose.
    pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning"),
]

ADDRESS = "http://127.0.0.1:8080"
START, BACK = "/dang-nhap-mot-lan", "/dang-nhap-mot-lan/ve"
REFUSED = "Chưa đăng nhập được bằng Cổng SSO"
NOW = int(time.time())


class Browser:
    """A person's browser: begins at our sign-in, signs in at the provider, comes back."""

    def __init__(self, service: Service, provider: OidcProvider) -> None:
        self.provider = provider
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=service, raise_app_exceptions=False),
            base_url=ADDRESS,
            headers={"Accept": "text/html", "Accept-Language": "vi"},
            timeout=30,
        )

    async def begin(self, **fields: str) -> str:
        """Press the button; the address at the provider."""
        page = await self.client.get("/dang-nhap")
        token = re.search(r'name="_token" value="([^"]+)"', page.text)
        assert token is not None, page.text
        answer = await self.client.post(
            START, data={"_token": token[1], **fields}, headers={"Origin": ADDRESS}
        )
        assert answer.status_code == 200, answer.text
        link = re.search(r'<a class="btn primary" href="([^"]+)"', answer.text)
        assert link is not None, answer.text
        address = unescape(link[1])
        assert answer.headers["refresh"] == f"0; url={address}"
        return address

    async def come_back(self, answer: dict[str, str]) -> httpx.Response:
        """Follow the provider's redirect to our callback address."""
        return await self.client.get(BACK, params=answer, headers={"Sec-Fetch-Site": "cross-site"})

    async def sign_in(self, **claims: object) -> httpx.Response:
        """All of it."""
        return await self.come_back(self.provider.authorize(await self.begin(), **claims))


@dataclass
class Case:
    """The service beside the provider; one person is linked."""

    provider: OidcProvider
    service: Service
    member: int
    settings: Settings

    def browser(self) -> Browser:
        return Browser(self.service, self.provider)

    async def last_cause(self) -> str:
        """The precise cause, as the history keeps it."""
        found = await fetchval(
            "SELECT detail->>'cause' FROM history WHERE verb = 'refuse_sign_on' ORDER BY id DESC LIMIT 1"
        )
        return str(found)

    async def is_refused(self, answer: httpx.Response, cause: Cause) -> None:
        """The same page as ever, no session; the precise cause where only the operator reads it."""
        refused_page(answer)
        assert await self.last_cause() == cause
        assert await fetchval("SELECT count(*) FROM web_session") == 0


def refused_page(answer: httpx.Response) -> None:
    assert answer.status_code == 403, answer.text[:500]
    assert REFUSED in answer.text
    assert "Chỉ chủ tài khoản mới liên kết được" in answer.text
    assert "content-security-policy" in answer.headers


@cache
def application() -> Service:
    """One application for all tests: making it takes longer than a test."""
    return create_app(load({"TRACKER_SECRET_KEY": "k" * 40}))


def serving(settings: Settings) -> Service:
    """The application under the settings of this test."""
    service = application()
    service.state["web"] = replace(service.state["web"], settings=settings)
    return service


@pytest.fixture
async def provider() -> AsyncIterator[OidcProvider]:
    async with oidc_provider() as running:
        yield running


@pytest.fixture
async def case(database: Settings, provider: OidcProvider) -> Case:
    member = await add_official("Người member", "member@vpcp.example.vn", "member")
    await add_official("Người admin", "admin@vpcp.example.vn", "administrator")
    settings = replace(
        database,
        secret_key=Secret("k" * 40),
        oidc_issuer=provider.base,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=Secret(CLIENT_SECRET),
        oidc_name="Cổng SSO",
    )
    await link(provider.base, SUBJECT, member)
    return Case(provider, serving(settings), member, settings)


async def link(issuer: str, subject: str, official_id: int) -> None:
    linked = await identities.insert_identity(official_id, issuer, subject, "x", "person", real_now())
    assert linked


def is_signed_in(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and "dondoc=" in answer.headers.get("set-cookie", "")


async def test_the_good_walk_signs_in(case: Case) -> None:
    """Without a trick the same browser gets in, and the provider found nothing to refuse."""
    answer = await case.browser().sign_in()

    assert is_signed_in(answer), answer.text
    assert case.provider.refused == []
    assert await case.last_cause() == "None"


# -- the token -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_case_67_good_signatures_are_taken(case: Case, algorithm: str) -> None:
    case.provider.tricks.algorithm = algorithm

    assert is_signed_in(await case.browser().sign_in())


async def test_case_67_algorithm_none(case: Case) -> None:
    case.provider.tricks.token = unsigned

    await case.is_refused(await case.browser().sign_in(), Cause.ALGORITHM)


@pytest.mark.parametrize("spelled", ["None", "NONE", "nOnE", "", " none"])
async def test_case_67_algorithm_none_in_other_letters(case: Case, spelled: str) -> None:
    case.provider.tricks.token = lambda header, claims: re.sub(
        r"^[^.]+", encoded(json.dumps({**header, "alg": spelled}).encode()), unsigned(header, claims)
    )

    await case.is_refused(await case.browser().sign_in(), Cause.ALGORITHM)


async def test_case_67_hs256_with_the_public_key(case: Case) -> None:
    case.provider.tricks.token = signed_with_public_key

    await case.is_refused(await case.browser().sign_in(), Cause.ALGORITHM)


async def test_case_67_hs256_with_the_client_secret(case: Case) -> None:
    case.provider.tricks.token = signed_with_client_secret

    await case.is_refused(await case.browser().sign_in(), Cause.ALGORITHM)


async def test_case_67_shared_secret_among_the_keys(case: Case) -> None:
    """A secret that the provider publishes by mistake is no key."""
    case.provider.tricks.jwks = {"keys": [{**oct_of(b"k" * 32), "kid": "rsa-1"}]}

    await case.is_refused(await case.browser().sign_in(), Cause.KEY_UNKNOWN)


async def test_case_67_algorithm_of_another_kind_of_key(case: Case) -> None:
    """ES256 in the header, the kid of the RSA key."""
    case.provider.tricks.algorithm = "ES256"
    case.provider.tricks.header = {"kid": "rsa-1"}

    await case.is_refused(await case.browser().sign_in(), Cause.KEY_UNKNOWN)


async def test_case_67_algorithm_outside_the_list(case: Case) -> None:
    case.provider.tricks.algorithm = "RS512"

    await case.is_refused(await case.browser().sign_in(), Cause.ALGORITHM)


async def test_case_67_signature_of_a_stranger(case: Case) -> None:
    """The right kid, another key."""
    case.provider.tricks.key = stranger()

    await case.is_refused(await case.browser().sign_in(), Cause.SIGNATURE)


async def test_case_67_weak_key(case: Case) -> None:
    case.provider.published = [weak_rsa()]
    case.provider.tricks.key = weak_rsa()

    await case.is_refused(await case.browser().sign_in(), Cause.KEY_UNKNOWN)


def tampered(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Signed for somebody else, then changed."""
    from joserfc import jwt

    token = jwt.encode(header, {**claims, "sub": "nobody"}, rsa())
    head, _, signature = token.split(".")
    return f"{head}.{encoded(json.dumps(claims).encode())}.{signature}"


async def test_case_67_claims_changed_after_signing(case: Case) -> None:
    case.provider.tricks.token = tampered

    await case.is_refused(await case.browser().sign_in(), Cause.SIGNATURE)


@pytest.mark.parametrize(
    "kid", ["../../../../etc/passwd", "/dev/null", "' OR 1=1--", "rsa-1\0", "http://a/", "x" * 9000]
)
async def test_case_67_kid_traversal(case: Case, kid: str) -> None:
    """A kid is looked up among the published keys and nowhere else."""
    case.provider.tricks.header = {"kid": kid}

    await case.is_refused(await case.browser().sign_in(), Cause.KEY_UNKNOWN)
    assert set(case.provider.asked) == {"/.well-known/openid-configuration", "/jwks", "/token"}


async def test_case_67_kid_that_is_no_text(case: Case) -> None:
    case.provider.tricks.token = lambda header, claims: unsigned({**header}, claims).replace(
        encoded(json.dumps({**header, "alg": "none"}).encode()),
        encoded(json.dumps({**header, "kid": ["rsa-1"]}).encode()),
    )

    await case.is_refused(await case.browser().sign_in(), Cause.KEY_UNKNOWN)


async def test_case_67_unknown_kid_asks_once_more_and_not_every_time(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that changed its keys is asked again; strangers cannot make us knock at every attempt."""
    assert is_signed_in(await case.browser().sign_in())
    case.provider.tricks.header = {"kid": "rsa-2"}
    refused_page(await case.browser().sign_in())
    assert case.provider.asked["/jwks"] == 1

    monkeypatch.setattr(providers, "ASK_AGAIN_SECONDS", 0.0)
    case.provider.tricks.jwks = {"keys": [{**rsa().as_dict(private=False), "kid": "rsa-2"}]}

    assert is_signed_in(await case.browser().sign_in())
    assert case.provider.asked["/jwks"] == 2


async def test_case_67_no_kid_among_several_keys(case: Case) -> None:
    """Without a kid there must be one key that fits."""
    case.provider.published = [rsa(), stranger()]
    case.provider.tricks.header = {"kid": DROP}

    await case.is_refused(await case.browser().sign_in(), Cause.KEY_UNKNOWN)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
async def test_case_67_key_brought_in_the_header(case: Case, name: str) -> None:
    """The attacker's key, its address or its certificate in the header means nothing."""
    case.provider.tricks.key = stranger()
    case.provider.tricks.header = {
        name: {
            "jwk": stranger().as_dict(private=False),
            "jku": f"{case.provider.base}/evil-jwks",
            "x5u": f"{case.provider.base}/evil-cert",
            "x5c": ["MIIB"],
        }[name]
    }

    await case.is_refused(await case.browser().sign_in(), Cause.SIGNATURE)
    assert set(case.provider.asked) == {"/.well-known/openid-configuration", "/jwks", "/token"}


async def test_case_67_critical_header_nobody_understands(case: Case) -> None:
    from joserfc import jwt

    def critical(header: dict[str, Any], claims: dict[str, Any]) -> str:
        token = jwt.encode(header, claims, rsa())
        _, payload, signature = token.split(".")
        return (
            f"{encoded(json.dumps({**header, 'crit': ['b64x'], 'b64x': 1}).encode())}.{payload}.{signature}"
        )

    case.provider.tricks.token = critical

    await case.is_refused(await case.browser().sign_in(), Cause.SIGNATURE)


@pytest.mark.parametrize("kind", ["at+jwt", "logout+jwt", "JOSE+JSON", 7])
async def test_case_67_token_of_another_type(case: Case, kind: object) -> None:
    case.provider.tricks.token = lambda header, claims: unsigned({**header}, claims).replace(
        encoded(json.dumps({**header, "alg": "none"}).encode()),
        encoded(json.dumps({**header, "typ": kind}).encode()),
    )

    await case.is_refused(await case.browser().sign_in(), Cause.TOKEN_TYPE)


@pytest.mark.parametrize(
    "token", [DROP, None, 7, "", "a.b.c", "a.b", "....", "é.é.é", "x" * 70_000, {"a": 1}, "[" * 60_000]
)
async def test_case_67_no_token_at_all(case: Case, token: object) -> None:
    case.provider.tricks.answer = {"id_token": token}

    await case.is_refused(await case.browser().sign_in(), Cause.TOKEN_FORM)


# -- the claims ----------------------------------------------------------------------------------------

CLAIMS: list[tuple[str, dict[str, object], Cause]] = [
    ("wrong audience", {"aud": "another"}, Cause.AUDIENCE),
    ("no audience", {"aud": DROP}, Cause.AUDIENCE),
    ("audience of the wrong type", {"aud": {CLIENT_ID: 1}}, Cause.AUDIENCE),
    ("audience in other letters", {"aud": CLIENT_ID.upper()}, Cause.AUDIENCE),
    ("several audiences and no party", {"aud": [CLIENT_ID, "another"]}, Cause.AUTHORIZED_PARTY),
    ("made for another party", {"azp": "another"}, Cause.AUTHORIZED_PARTY),
    ("several audiences, another party", {"aud": [CLIENT_ID, "b"], "azp": "b"}, Cause.AUTHORIZED_PARTY),
    ("wrong issuer", {"iss": "https://evil.example"}, Cause.ISSUER),
    ("no issuer", {"iss": DROP}, Cause.ISSUER),
    ("issuer with a slash more", {"iss": "{base}/"}, Cause.ISSUER),
    ("issuers in a list", {"iss": ["{base}"]}, Cause.ISSUER),
    ("wrong nonce", {"nonce": "of-another-flow"}, Cause.NONCE),
    ("missing nonce", {"nonce": DROP}, Cause.NONCE),
    ("empty nonce", {"nonce": ""}, Cause.NONCE),
    ("nonce that is no text", {"nonce": True}, Cause.NONCE),
    ("expired", {"exp": NOW - 120}, Cause.EXPIRED),
    ("no expiry", {"exp": DROP}, Cause.TIME_FORM),
    ("expiry as text", {"exp": "9999999999"}, Cause.TIME_FORM),
    ("expiry true", {"exp": True}, Cause.TIME_FORM),
    ("endless expiry", {"exp": 1e30}, Cause.TIME_FORM),
    ("issued in the future", {"iat": NOW + 3600}, Cause.ISSUED_IN_FUTURE),
    ("not issued", {"iat": DROP}, Cause.TIME_FORM),
    ("not yet valid", {"nbf": NOW + 3600}, Cause.NOT_YET_VALID),
    ("valid from a word", {"nbf": "soon"}, Cause.TIME_FORM),
    ("no subject", {"sub": DROP}, Cause.SUBJECT),
    ("empty subject", {"sub": ""}, Cause.SUBJECT),
    ("subject that is a number", {"sub": 1}, Cause.SUBJECT),
    ("subject that is a list", {"sub": [SUBJECT]}, Cause.SUBJECT),
    ("endless subject", {"sub": "s" * 256}, Cause.SUBJECT),
    ("subject with NUL", {"sub": f"{SUBJECT}\0"}, Cause.SUBJECT),
    ("subject with a look-alike", {"sub": SUBJECT.replace("0", "О")}, Cause.SUBJECT),
    ("subject in other letters", {"sub": SUBJECT.upper()}, Cause.NOT_LINKED),
    ("another subject", {"sub": "nobody"}, Cause.NOT_LINKED),
    ("hash of another access token", {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, Cause.ACCESS_TOKEN_HASH),
    ("hash that is no text", {"at_hash": 5}, Cause.ACCESS_TOKEN_HASH),
]


@pytest.mark.parametrize(("claims", "cause"), [c[1:] for c in CLAIMS], ids=[c[0] for c in CLAIMS])
async def test_case_67_wrong_claim(case: Case, claims: dict[str, object], cause: Cause) -> None:
    base = case.provider.base
    filled = json.loads(
        json.dumps({k: v for k, v in claims.items() if v is not DROP}).replace("{base}", base)
    )
    case.provider.tricks.claims = {**filled, **{k: v for k, v in claims.items() if v is DROP}}

    await case.is_refused(await case.browser().sign_in(), cause)


@pytest.mark.parametrize(("name", "seconds"), [("exp", -20), ("iat", 50), ("nbf", 50)])
async def test_case_67_clocks_may_differ_by_a_minute(case: Case, name: str, seconds: int) -> None:
    case.provider.tricks.claims = {name: int(time.time()) + seconds}

    assert is_signed_in(await case.browser().sign_in())


async def test_case_67_token_without_a_hash_of_the_access_token(case: Case) -> None:
    case.provider.tricks.claims = {"at_hash": DROP}

    assert is_signed_in(await case.browser().sign_in())


async def test_case_67_unverified_address_links_nothing(case: Case) -> None:
    """`email_verified=false` with the address of somebody known."""
    answer = await case.browser().sign_in(sub="new", email="admin@vpcp.example.vn", email_verified=False)

    await case.is_refused(answer, Cause.NOT_LINKED)


async def test_case_67_verified_address_links_nothing_either(case: Case) -> None:
    answer = await case.browser().sign_in(sub="new", email="admin@vpcp.example.vn", email_verified=True)

    await case.is_refused(answer, Cause.NOT_LINKED)
    assert await fetchval("SELECT count(*) FROM external_identity") == 1


async def test_case_67_same_subject_and_address_from_a_second_issuer(case: Case) -> None:
    """A second provider with the same subject and address is somebody else."""
    async with oidc_provider() as second:
        settings = replace(case.settings, oidc_issuer=second.base)
        browser = Browser(serving(settings), second)

        answer = await browser.sign_in(email="member@vpcp.example.vn", email_verified=True)

    await case.is_refused(answer, Cause.NOT_LINKED)


async def test_case_67_disabled_official(case: Case) -> None:
    await execute("UPDATE official SET is_active = false WHERE id = $1", case.member)

    await case.is_refused(await case.browser().sign_in(), Cause.OFFICIAL_INACTIVE)


# -- the way there and back ----------------------------------------------------------------------------


async def test_case_67_replayed_code(case: Case) -> None:
    """A code that was used, brought with a fresh state."""
    used = case.provider.authorize(await case.browser().begin())
    browser = case.browser()
    fresh = case.provider.authorize(await browser.begin())
    other = case.browser()
    assert not is_signed_in(await other.come_back({**used, "state": "x"}))
    case.provider._codes.pop(used["code"])

    answer = await browser.come_back({**fresh, "code": used["code"]})

    await case.is_refused(answer, Cause.ANSWER_STATUS)
    assert case.provider.refused == ["invalid_grant"]


async def test_case_67_injected_code_of_another_person(case: Case) -> None:
    """The attacker's own fresh code in the victim's answer: PKCE stops it at the provider, the nonce with us."""
    attacker = case.provider.authorize(await case.browser().begin())
    victim = case.browser()
    own = case.provider.authorize(await victim.begin())

    answer = await victim.come_back({**own, "code": attacker["code"]})

    await case.is_refused(answer, Cause.ANSWER_STATUS)
    assert case.provider.refused == ["invalid_grant"]


async def test_case_67_replayed_state(case: Case) -> None:
    """The whole answer twice, as from the history of the browser."""
    browser = case.browser()
    address = await browser.begin()
    cookie = dict(browser.client.cookies)
    answer = case.provider.authorize(address)
    assert is_signed_in(await browser.come_back(answer))
    again = case.browser()
    again.client.cookies.update(cookie)

    refused_page(await again.come_back(answer))
    assert await fetchval("SELECT count(*) FROM sign_on_flow") == 0


async def test_case_62_state_of_another_browser(case: Case) -> None:
    """Login CSRF: the attacker's answer in the victim's browser, with and without a sign-on of the victim's own."""
    attacker = case.provider.authorize(await case.browser().begin())
    victim = case.browser()
    refused_page(await victim.come_back(attacker))
    await victim.begin()

    refused_page(await victim.come_back(attacker))
    assert case.provider.asked["/token"] == 0


async def test_case_62_sign_on_begun_by_another_site(case: Case) -> None:
    """A form of another site cannot begin: no token of ours, and its origin shows."""
    browser = case.browser()
    await browser.client.get("/dang-nhap")

    no_token = await browser.client.post(START, data={"tiep": "/"}, headers={"Origin": ADDRESS})
    foreign = await browser.client.post(
        START, data={"_token": "x"}, headers={"Origin": "https://evil.example"}
    )

    assert (no_token.status_code, foreign.status_code) == (403, 403)
    assert await fetchval("SELECT count(*) FROM sign_on_flow") == 0


async def test_case_67_answer_after_ten_minutes(case: Case) -> None:
    browser = case.browser()
    answer = case.provider.authorize(await browser.begin())
    await execute("UPDATE sign_on_flow SET expires_at = now() - interval '1 second'")

    refused_page(await browser.come_back(answer))
    assert case.provider.asked["/token"] == 0


@pytest.mark.parametrize("answer", [{}, {"code": "x"}, {"state": ""}, {"code": "x", "state": "y" * 5000}])
async def test_case_67_answer_without_a_state(case: Case, answer: dict[str, str]) -> None:
    refused_page(await case.browser().come_back(answer))


async def test_case_67_state_twice(case: Case) -> None:
    browser = case.browser()
    good = case.provider.authorize(await browser.begin())

    answer = await browser.client.get(f"{BACK}?code={good['code']}&state={good['state']}&state=x")

    assert answer.status_code == 400


async def test_case_67_error_answer_of_the_provider(case: Case) -> None:
    browser = case.browser()
    good = case.provider.authorize(await browser.begin())

    answer = await browser.come_back({"error": "<script>access_denied", "state": good["state"]})

    await case.is_refused(answer, Cause.PROVIDER_REFUSED)
    assert "access_denied" not in answer.text


async def test_case_67_answer_without_a_code(case: Case) -> None:
    browser = case.browser()
    good = case.provider.authorize(await browser.begin())

    await case.is_refused(await browser.come_back({"state": good["state"]}), Cause.CODE_MISSING)


async def test_case_67_answer_of_another_issuer(case: Case) -> None:
    """The mix-up of RFC 9207: a code of an honest provider sent to a dishonest one."""
    browser = case.browser()
    good = case.provider.authorize(await browser.begin())

    await case.is_refused(
        await browser.come_back({**good, "iss": "https://evil.example"}), Cause.ISSUER_MIXED_UP
    )
    assert case.provider.asked["/token"] == 0


async def test_case_67_provider_that_names_itself_must(case: Case) -> None:
    case.provider.tricks.discovery = {"authorization_response_iss_parameter_supported": True}
    browser = case.browser()
    good = case.provider.authorize(await browser.begin())
    await case.is_refused(await browser.come_back(good), Cause.ISSUER_MIXED_UP)

    good = case.provider.authorize(await browser.begin())
    assert is_signed_in(await browser.come_back({**good, "iss": case.provider.base}))


@pytest.mark.parametrize(
    "away", ["//evil", "/\\evil", "https:evil", "https://evil.example/", "javascript:alert(1)"]
)
async def test_case_69_next_page_is_ours(case: Case, away: str) -> None:
    browser = case.browser()

    answer = await browser.come_back(case.provider.authorize(await browser.begin(tiep=away)))

    assert answer.headers["location"] == "/tong-quan"


# -- the provider's answers ----------------------------------------------------------------------------


async def test_case_67_ten_megabytes_of_token(case: Case) -> None:
    case.provider.tricks.body = b'{"id_token": "' + b"x" * 10_000_000 + b'"}'

    await case.is_refused(await case.browser().sign_in(), Cause.ANSWER_TOO_LARGE)


async def test_case_67_compressed_answer(case: Case) -> None:
    """A bomb cannot go off: nothing compressed was asked for, and nothing is unpacked."""
    import gzip

    case.provider.tricks.body = gzip.compress(b"0" * 10_000_000)
    case.provider.tricks.headers = ("Content-Encoding: gzip",)

    await case.is_refused(await case.browser().sign_in(), Cause.ANSWER_FORM)


async def test_case_67_hanging_token_endpoint(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "WHOLE_SECONDS", 0.3)
    case.provider.tricks.hang_at = "/token"

    began = asyncio.get_running_loop().time()
    await case.is_refused(await case.browser().sign_in(), Cause.UNREACHABLE)
    assert asyncio.get_running_loop().time() - began < 5


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_case_67_redirecting_token_endpoint(case: Case, status: int) -> None:
    """Our secret and the code do not follow to another address."""
    case.provider.tricks.status = status
    case.provider.tricks.headers = (f"Location: {case.provider.base}/elsewhere",)

    await case.is_refused(await case.browser().sign_in(), Cause.ANSWER_REDIRECTS)
    assert case.provider.asked["/elsewhere"] == 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_case_67_error_of_the_token_endpoint(case: Case, status: int) -> None:
    case.provider.tricks.status = status

    await case.is_refused(await case.browser().sign_in(), Cause.ANSWER_STATUS)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'"text"'])
async def test_case_67_answer_that_is_no_object(case: Case, body: bytes) -> None:
    case.provider.tricks.body = body

    await case.is_refused(await case.browser().sign_in(), Cause.ANSWER_FORM)


@pytest.mark.parametrize("jwks", [{"a": 1}, {"keys": {}}, {"keys": [{}] * 1000}])
async def test_case_67_keys_that_are_none(case: Case, jwks: dict[str, Any]) -> None:
    case.provider.tricks.jwks = jwks

    await case.is_refused(await case.browser().sign_in(), Cause.ANSWER_FORM)


async def test_case_67_broken_keys_beside_a_good_one(case: Case) -> None:
    broken: list[object] = [
        7,
        {},
        {"kty": "RSA"},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"},
        {"kty": "RSA", "n": 5},
    ]
    case.provider.tricks.jwks = {"keys": [*broken, rsa().as_dict(private=False)]}

    assert is_signed_in(await case.browser().sign_in())


async def begin_is_refused(case: Case) -> None:
    """A provider that cannot be believed gets nobody sent to it."""
    browser = case.browser()
    page = await browser.client.get("/dang-nhap")
    token = re.search(r'name="_token" value="([^"]+)"', page.text)
    assert token is not None
    answer = await browser.client.post(START, data={"_token": token[1]}, headers={"Origin": ADDRESS})
    refused_page(answer)
    assert "refresh" not in answer.headers
    assert await fetchval("SELECT count(*) FROM sign_on_flow") == 0


@pytest.mark.parametrize("issuer", ["https://evil.example", None, 7, "{base}/"])
async def test_case_67_discovery_of_another_issuer(case: Case, issuer: object) -> None:
    case.provider.tricks.discovery = {
        "issuer": issuer.replace("{base}", case.provider.base) if isinstance(issuer, str) else issuer
    }

    await begin_is_refused(case)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/jwks",
        "http://sso.example/jwks",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "javascript:alert(1)",
        "https://good@evil.example/",
        "https://",
        "https://a.example/\r\nX: y",
        "http://127.0.0.1.evil.example/",
        "http://[::ffff:10.0.0.1]/",
        "",
        None,
    ],
)
async def test_case_79_discovery_leads_to_no_other_network(case: Case, name: str, address: object) -> None:
    """SSRF: https, or this machine because the issuer is on it too; nothing else is called or sent to."""
    case.provider.tricks.discovery = {name: address}

    await begin_is_refused(case)


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 64}.example", "-.example", "xn--0.example"])
async def test_case_79_host_that_cannot_be_one(case: Case, host: str) -> None:
    """Some names fail only where they are looked up."""
    case.provider.tricks.discovery = {"token_endpoint": f"https://{host}/token"}

    await case.is_refused(await case.browser().sign_in(), Cause.UNREACHABLE)


async def test_case_67_provider_that_is_down(case: Case) -> None:
    await case.provider.stop()

    await begin_is_refused(case)


# -- what is kept and shown ----------------------------------------------------------------------------


async def test_case_90_no_secret_in_log_history_or_page(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """Neither code, state, token, verifier nor our secret stands anywhere afterwards."""
    caplog.set_level("DEBUG")
    case.provider.tricks.claims = {"nonce": "wrong"}
    browser = case.browser()
    address = await browser.begin()
    brought = case.provider.authorize(address)
    flow = (await fetch("SELECT nonce, verifier, state_hash FROM sign_on_flow"))[0]
    answer = await browser.come_back(brought)
    refused_page(answer)

    records = "\n".join(str(vars(record)) for record in caplog.records if record.name != "httpx")
    stored = str([dict(row) for row in await fetch("SELECT * FROM history")])
    for secret in (brought["code"], brought["state"], flow["nonce"], flow["verifier"], CLIENT_SECRET):
        assert secret not in records
        assert secret not in stored
        assert secret not in answer.text
    assert flow["state_hash"] == hashlib.sha256(brought["state"].encode()).digest()
    assert "'cause': 'nonce'" in records


async def test_without_a_provider_there_is_no_sign_on(database: Settings) -> None:
    """No button, and 404 on every address."""
    service = create_app(replace(database, secret_key=Secret("k" * 40)))
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=service), base_url=ADDRESS, headers={"Accept": "text/html"}
    )

    page = await client.get("/dang-nhap")
    assert START not in page.text
    assert (await client.get(BACK)).status_code == 404
    assert (await client.post(START, headers={"Origin": ADDRESS})).status_code == 404
    assert (await client.get("/toi/bao-mat/dang-nhap-mot-lan")).status_code == 404

"""An identity provider on this machine that can play every dirty trick: discovery, keys, codes, tokens.

It keeps to the rules unless a test tells it otherwise, and checks what the service sends as strictly as a good one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

CLIENT_ID = "dondoc"
CLIENT_SECRET = "bí mật: của/đơn+vị"
SUBJECT = "f3b7c1d0-0001"
DROP = object()
"""In place of a claim: leave it out."""

Json = dict[str, Any]


@cache
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"})


@cache
def weak_rsa() -> RSAKey:
    return RSAKey.generate_key(1024, {"kid": "weak", "use": "sig"})


@cache
def stranger() -> RSAKey:
    """A key the provider never publishes."""
    return RSAKey.generate_key(2048, {"kid": "rsa-1"})


@cache
def ec() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig"})


@cache
def ed() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": "ed-1", "use": "sig"})


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def by_hand(header: Json, claims: Json, sign: Callable[[bytes], bytes]) -> str:
    """A token that no library would make."""
    signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(sign(signed.encode()))}"


def unsigned(header: Json, claims: Json) -> str:
    """alg none."""
    return by_hand({**header, "alg": "none"}, claims, lambda _: b"")


def signed_with_public_key(header: Json, claims: Json) -> str:
    """HS256 with the text of the public key as the secret: RFC 8725 §2.1."""
    secret = rsa().as_pem(private=False)
    return by_hand({**header, "alg": "HS256"}, claims, lambda text: hmac.digest(secret, text, "sha256"))


def signed_with_client_secret(header: Json, claims: Json) -> str:
    """HS256 as the standard allows and we do not."""
    secret = CLIENT_SECRET.encode()
    return by_hand({**header, "alg": "HS256"}, claims, lambda text: hmac.digest(secret, text, "sha256"))


@dataclass
class Granted:
    """A code that was given out."""

    nonce: str | None
    challenge: str
    redirect_uri: str
    claims: Json


@dataclass
class Tricks:
    """What the provider does differently; each field is one lever."""

    claims: Json = field(default_factory=dict)
    header: Json = field(default_factory=dict)
    algorithm: str = "RS256"
    key: RSAKey | ECKey | OKPKey | None = None
    token: Callable[[Json, Json], object] | None = None
    discovery: Json = field(default_factory=dict)
    jwks: Json | None = None
    answer: Json = field(default_factory=dict)
    status: int = 200
    headers: tuple[str, ...] = ()
    body: bytes | None = None
    hang_at: str = ""


class OidcProvider:
    """The provider; `base` is its address and its issuer."""

    def __init__(self) -> None:
        self.tricks = Tricks()
        self.published: list[RSAKey | ECKey | OKPKey] = [rsa(), ec(), ed()]
        self.asked: Counter[str] = Counter()
        self.refused: list[str] = []
        self.base = ""
        self.person: Json = {"sub": SUBJECT, "name": "Trần Thị Mận", "preferred_username": "man.tt"}
        self._codes: dict[str, Granted] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    # -- the person's browser at the provider ----------------------------------------------------------

    def authorize(self, address: str, **claims: object) -> dict[str, str]:
        """What the person brings back to our callback after signing in there."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.base}/authorize", address
        asked = dict(parse_qsl(parts.query, strict_parsing=True))
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        assert len(asked["state"]) >= 32
        assert len(asked["nonce"]) >= 32
        code = secrets.token_urlsafe(24)
        self._codes[code] = Granted(
            asked["nonce"], asked["code_challenge"], asked["redirect_uri"], {**self.person, **claims}
        )
        return {"code": code, "state": asked["state"]}

    # -- the server ------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.split("\r\n")
            headers = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in lines if x)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            path = line.split(" ")[1]
            self.asked[path] += 1
            if self.tricks.hang_at == path:
                await reader.read()  # until the other side has had enough
                return
            status, extra, answer = self._answer(path, headers, body)
            writer.write(
                f"HTTP/1.1 {status} x\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n".encode()
                + b"".join(f"{name}\r\n".encode() for name in (*extra, "Content-Type: application/json"))
                + b"\r\n"
                + answer
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str, headers: Json, body: bytes) -> tuple[int, tuple[str, ...], bytes]:
        if path == "/.well-known/openid-configuration":
            return 200, (), json.dumps(self._discovery()).encode()
        if path == "/jwks":
            return 200, (), json.dumps(self.tricks.jwks or self.jwks()).encode()
        if path.startswith("/authorize?"):
            brought = self.authorize(self.base + path)
            back = dict(parse_qsl(urlsplit(path).query))["redirect_uri"]
            return 302, (f"Location: {back}?{urlencode(brought)}",), b""
        if path == "/token":
            if self.tricks.body is not None or self.tricks.status != 200:
                return (
                    self.tricks.status,
                    self.tricks.headers,
                    b"{}" if self.tricks.body is None else self.tricks.body,
                )
            return self._token(headers, dict(parse_qs(body.decode(), strict_parsing=True)))
        return 404, (), b"{}"

    def _discovery(self) -> Json:
        return {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/jwks",
            "response_types_supported": ["code"],
            **self.tricks.discovery,
        }

    def jwks(self) -> Json:
        return {"keys": [key.as_dict(private=False) for key in self.published]}

    def _token(self, headers: Json, form: dict[str, list[str]]) -> tuple[int, tuple[str, ...], bytes]:
        problem, granted = self._judge(headers, {name: values[0] for name, values in form.items()})
        if granted is None:
            self.refused.append(problem)
            return 400, (), json.dumps({"error": problem}).encode()
        access_token = secrets.token_urlsafe(24)
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self._id_token(granted, access_token),
            **self.tricks.answer,
        }
        return 200, (), json.dumps({k: v for k, v in answer.items() if v is not DROP}).encode()

    def _judge(self, headers: Json, form: dict[str, str]) -> tuple[str, Granted | None]:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        pair = base64.b64decode(given).decode().split(":") if scheme == "Basic" else []
        if [unquote_plus(part) for part in pair] != [CLIENT_ID, CLIENT_SECRET]:
            return "invalid_client", None
        if form.get("grant_type") != "authorization_code" or "client_secret" in form:
            return "unsupported_grant_type", None
        granted = self._codes.pop(form.get("code", ""), None)
        if granted is None or form.get("redirect_uri") != granted.redirect_uri:
            return "invalid_grant", None
        if encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest()) != granted.challenge:
            return "invalid_grant", None
        return "", granted

    def _id_token(self, granted: Granted, access_token: str) -> object:
        now = int(time.time())
        digest = (hashlib.sha512 if self.tricks.algorithm == "EdDSA" else hashlib.sha256)(
            access_token.encode()
        ).digest()
        claims: Json = {
            "iss": self.base,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": granted.nonce,
            "at_hash": encoded(digest[: len(digest) // 2]),
            **granted.claims,
            **self.tricks.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not DROP}
        kinds: dict[str, RSAKey | ECKey | OKPKey] = {"ES256": ec(), "EdDSA": ed()}
        key = self.tricks.key or kinds.get(self.tricks.algorithm, rsa())
        header = {"alg": self.tricks.algorithm, "typ": "JWT", "kid": key.kid, **self.tricks.header}
        header = {name: value for name, value in header.items() if value is not DROP}
        if self.tricks.token is not None:
            return self.tricks.token(header, claims)
        return jwt.encode(header, claims, key, default_type=None, registry=_ANYTHING)


_ANYTHING = jws.JWSRegistry(
    algorithms=["RS256", "PS256", "ES256", "EdDSA", "RS512"], strict_check_header=False
)


@asynccontextmanager
async def oidc_provider() -> AsyncIterator[OidcProvider]:
    """A provider that runs in the test's loop."""
    provider = OidcProvider()
    await provider.start()
    try:
        yield provider
    finally:
        await provider.stop()


def oct_of(secret: bytes) -> Json:
    """A shared secret as somebody might publish it by mistake."""
    return dict(OctKey.import_key(secret).as_dict(private=True))

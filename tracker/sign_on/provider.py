"""The provider as we use it: where to send people, and what became of the code they brought back."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote_plus, urlsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.jwk import Key

from tracker.domain.claims import Cause, Expected, Identity, SignOnRefused, judge
from tracker.settings import is_loopback
from tracker.sign_on.config import Config, is_safe_address
from tracker.sign_on.fetch import Question, ask
from tracker.sign_on.tokens import (
    Published,
    check_access_token,
    choose_key,
    public_keys,
    read_claims,
    read_header,
)

KEPT_SECONDS = 3600.0
"""How long discovery and keys are believed without asking again."""
ASK_AGAIN_SECONDS = 60.0
"""An unknown key makes us ask for the keys again, at most this often: strangers must not make us knock."""


@dataclass(frozen=True)
class Metadata:
    """What we use of the discovery document."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    names_itself: bool


@dataclass(frozen=True)
class Secrets:
    """What only this attempt knows: the state and the nonce come back, the verifier never leaves us in clear."""

    state: str
    nonce: str
    verifier: str


def new_secrets() -> Secrets:
    """Fresh values that nobody can guess."""
    return Secrets(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))


class Provider:
    """One provider; what it published is remembered for a while, by this process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._on_this_machine = is_loopback(urlsplit(config.issuer).hostname or "")
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[tuple[Published, ...], float] | None = None

    async def metadata(self) -> Metadata:
        """Discovery, from memory or asked for. Raises SignOnRefused."""
        if self._metadata is None or _now() - self._metadata[1] > KEPT_SECONDS:
            address = self.config.issuer.rstrip("/") + "/.well-known/openid-configuration"
            self._metadata = self._read(await ask(Question(address), self.config.ca_file)), _now()
        return self._metadata[0]

    def _read(self, document: Mapping[str, object]) -> Metadata:
        if document.get("issuer") != self.config.issuer:
            raise SignOnRefused(Cause.DISCOVERY_ISSUER, str(document.get("issuer")))
        addresses: list[str] = []
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            address = document.get(name)
            if not is_safe_address(address, loopback_too=self._on_this_machine):
                raise SignOnRefused(Cause.DISCOVERY_ADDRESS, name)
            addresses.append(str(address))
        names_itself = document.get("authorization_response_iss_parameter_supported") is True
        authorization, token, keys = addresses
        return Metadata(authorization, token, keys, names_itself)

    async def address(self, chosen: Secrets, language: str) -> str:
        """Where to send the person. Raises SignOnRefused when the provider does not answer."""
        metadata = await self.metadata()
        address: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            self.config.client_id,
            "code",
            redirect_uri=self.config.redirect_uri,
            scope=" ".join(self.config.scopes),
            state=chosen.state,
            nonce=chosen.nonce,
            code_challenge=create_s256_code_challenge(chosen.verifier),
            code_challenge_method="S256",
            acr_values=" ".join(self.config.acr_values) or None,
            ui_locales=language,
        )
        return address

    async def count_keys(self) -> int:
        """How many keys the provider publishes, by discovery. Raises SignOnRefused when one of the two fails."""
        return len(await self._published(await self.metadata(), KEPT_SECONDS))

    async def check_answer(self, answer: Mapping[str, str]) -> str:
        """The code of the answer at our callback address. Raises SignOnRefused.

        An answer that names another issuer was mixed up on the way (RFC 9207).
        """
        metadata = await self.metadata()
        issuer = answer.get("iss")
        if issuer != self.config.issuer and (issuer is not None or metadata.names_itself):
            raise SignOnRefused(Cause.ISSUER_MIXED_UP, issuer or "")
        if "error" in answer:
            raise SignOnRefused(Cause.PROVIDER_REFUSED, answer["error"])
        if not answer.get("code"):
            raise SignOnRefused(Cause.CODE_MISSING)
        return answer["code"]

    async def redeem(self, code: str, nonce: str, verifier: str, now: datetime) -> Identity:
        """Whom a code stands for; `now` is real time. Raises SignOnRefused."""
        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.config.redirect_uri,
            "code_verifier": verifier,
        }
        # client_secret_basic encodes both before they are joined (RFC 6749 §2.3.1).
        credentials = quote_plus(self.config.client_id), quote_plus(self.config.client_secret.reveal())
        answer = await ask(Question(metadata.token_endpoint, form, credentials), self.config.ca_file)
        token = answer.get("id_token")
        algorithm, kid = read_header(token)
        key = await self._key(metadata, algorithm, kid)
        # A signature takes a fraction of a millisecond: no thread is needed.
        claims = read_claims(str(token), key, algorithm)
        identity = judge(claims, Expected(self.config.issuer, self.config.client_id, nonce), now)
        check_access_token(claims, answer.get("access_token"), algorithm)
        return identity

    async def _key(self, metadata: Metadata, algorithm: str, kid: str | None) -> Key:
        """The published key of a token; an unknown one is looked for once more, since providers change keys."""
        key = choose_key(await self._published(metadata, KEPT_SECONDS), algorithm, kid)
        if key is None:
            key = choose_key(await self._published(metadata, ASK_AGAIN_SECONDS), algorithm, kid)
        if key is None:
            raise SignOnRefused(Cause.KEY_UNKNOWN, kid or "")
        return key

    async def _published(self, metadata: Metadata, longest: float) -> tuple[Published, ...]:
        if self._keys is None or _now() - self._keys[1] > longest:
            self._keys = public_keys(await ask(Question(metadata.jwks_uri), self.config.ca_file)), _now()
        return self._keys[0]


def _now() -> float:
    """The loop's own clock: it only measures, and nobody can set it back."""
    return asyncio.get_running_loop().time()


@lru_cache(maxsize=8)
def provider_of(config: Config) -> Provider:
    """The provider of a registration, with what this process remembers of it."""
    return Provider(config)

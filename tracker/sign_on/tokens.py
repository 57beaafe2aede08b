"""An ID token and the keys it may be signed with: only algorithms of our list, only keys the provider publishes."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from tracker.domain.claims import Cause, SignOnRefused, half_hash

ALGORITHMS: Mapping[str, str] = {
    "RS256": "RSA",
    "PS256": "RSA",
    "ES256": "EC",
    "EdDSA": "OKP",
    "Ed25519": "OKP",
}
"""What a token may be signed with, and the kind of key it takes: signatures only, never `none` nor a shared secret."""

SHORTEST_RSA_BITS = 2048
LONGEST_TOKEN = 64_000
MOST_KEYS = 50
_TYPES = {None, "JWT"}


class _Registry(jws.JWSRegistry):
    """joserfc's limits, wide enough for a header that carries a certificate we do not look at."""

    max_header_length = 16_000


_REGISTRY = _Registry(algorithms=list(ALGORITHMS), strict_check_header=False)


@dataclass(frozen=True)
class Published:
    """One public key of the provider."""

    kid: str | None
    key: Key
    algorithm: str | None

    def serves(self, algorithm: str) -> bool:
        """Whether tokens of this algorithm may be signed with it."""
        return self.key.key_type == ALGORITHMS[algorithm] and self.algorithm in (None, algorithm)


def public_keys(document: Mapping[str, object]) -> tuple[Published, ...]:
    """The usable keys of a JWKS; others (secrets, encryption, short, unreadable) are passed over.

    Raises SignOnRefused for what is no key set.
    """
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise SignOnRefused(Cause.ANSWER_FORM, "keys")
    return tuple(key for entry in listed if (key := _published(entry)) is not None)


def _published(entry: object) -> Published | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    kid, algorithm = entry.get("kid"), entry.get("alg")
    if not isinstance(kid, str | None) or not isinstance(algorithm, str | None):
        return None
    if entry.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    # Only what the key is made of: the rest of an entry means nothing to us.
    bare = {name: value for name, value in entry.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        key = jwk.import_key(bare)
    except (JoseError, ValueError, TypeError):
        return None
    return Published(kid, key, algorithm) if _is_strong(key) else None


def _is_strong(key: Key) -> bool:
    match key:
        case RSAKey():
            return key.raw_value.key_size >= SHORTEST_RSA_BITS
        case ECKey():
            return key.curve_name == "P-256"
        case OKPKey():
            return key.curve_name == "Ed25519"
        case _:
            return False


def read_header(token: object) -> tuple[str, str | None]:
    """Algorithm and key id of a token. Raises SignOnRefused; nothing else of its header is believed."""
    if not isinstance(token, str) or not token.isascii() or len(token) > LONGEST_TOKEN:
        raise SignOnRefused(Cause.TOKEN_FORM)
    try:
        header = jws.extract_compact(token.encode(), registry=_REGISTRY).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise SignOnRefused(Cause.TOKEN_FORM) from None
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise SignOnRefused(Cause.ALGORITHM, str(algorithm))
    if (kind.upper() if isinstance(kind, str) else kind) not in _TYPES:
        raise SignOnRefused(Cause.TOKEN_TYPE, str(kind))
    if not isinstance(kid, str | None):
        raise SignOnRefused(Cause.KEY_UNKNOWN)
    return algorithm, kid


def choose_key(keys: Iterable[Published], algorithm: str, kid: str | None) -> Key | None:
    """The one published key a token may be checked with; a token without a key id needs a provider with one key."""
    fitting = [key for key in keys if key.serves(algorithm) and (kid is None or key.kid == kid)]
    return fitting[0].key if len(fitting) == 1 else None


def read_claims(token: str, key: Key, algorithm: str) -> dict[str, object]:
    """The claims of a token that `key` has signed. Raises SignOnRefused."""
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        return dict(jwt.decode(token, key, registry=registry).claims)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise SignOnRefused(Cause.SIGNATURE, type(error).__name__) from None


def check_access_token(claims: Mapping[str, object], access_token: object, algorithm: str) -> None:
    """Hold `at_hash`, where there is one, against the access token that came with it. Raises SignOnRefused."""
    given = claims.get("at_hash")
    if given is None:
        return
    if not isinstance(given, str) or not isinstance(access_token, str):
        raise SignOnRefused(Cause.ACCESS_TOKEN_HASH)
    right = base64.urlsafe_b64encode(half_hash(access_token, algorithm)).rstrip(b"=")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), right):
        raise SignOnRefused(Cause.ACCESS_TOKEN_HASH)

"""The second factor: one-time codes by the clock (TOTP, RFC 6238) and recovery codes, stored sealed or hashed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp

from tracker import i18n
from tracker.actions.sealing import seal, sealed_anew, unseal

STEP_SECONDS = 30
DRIFT_STEPS = 1
"""A phone's clock may be half a minute off; the code before and the one after are taken too."""

RECOVERY_CODES = 10
_RECOVERY_BYTES = 15
_CODE = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(r"[a-z2-7]{24}")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person copies into their phone, as text and as the address that a QR code holds."""

    secret: str
    uri: str


def new_sealed_secret(official_id: int) -> bytes:
    """A fresh secret of 160 bits, as it is stored."""
    return seal(pyotp.random_base32().encode(), _purpose(official_id))


def enrolment(sealed: bytes, official_id: int, email: str) -> Enrolment | None:
    """A stored secret as it is shown; None when its key is gone."""
    secret = _opened(sealed, official_id)
    if secret is None:
        return None
    issuer = i18n.text("vi", "mail.product")
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer))


def secret_anew(sealed: bytes, official_id: int) -> bytes | None:
    """A stored secret that a former key sealed, under the present one; None where nothing needs to change."""
    return sealed_anew(sealed, _purpose(official_id))


def is_readable(sealed: bytes, official_id: int) -> bool:
    """Whether a key of this process opens a stored secret."""
    return _opened(sealed, official_id) is not None


def matching_step(sealed: bytes, official_id: int, code: str, now: datetime) -> int | None:
    """The time step whose code this is, within the drift; None for a wrong one.

    A step is used once: the caller claims it.
    """
    secret = _opened(sealed, official_id)
    if secret is None or not _CODE.fullmatch(code):
        return None
    present = int(now.timestamp()) // STEP_SECONDS
    totp = pyotp.HOTP(secret)
    found = None
    for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.at(step), code):
            found = step
    return found


def clean_code(given: str) -> str:
    """A code as typed or pasted, without the blanks and hyphens that make it readable.

    >>> clean_code(" 123 456 "), clean_code("ABCD-EFGH")
    ('123456', 'abcdefgh')
    """
    return re.sub(r"[\s-]", "", given).lower()


def is_recovery_code(code: str) -> bool:
    """Whether a cleaned code has the form of a recovery code."""
    return _RECOVERY.fullmatch(code) is not None


def new_recovery_codes() -> tuple[str, ...]:
    """Codes of 120 random bits each, in groups of four letters and digits."""
    made = []
    for _ in range(RECOVERY_CODES):
        text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
        made.append("-".join(text[at : at + 4] for at in range(0, len(text), 4)))
    return tuple(made)


def recovery_hash(code: str) -> bytes:
    """What is kept of a recovery code; a fast hash serves because there is nothing to guess in 120 random bits."""
    return hashlib.sha256(b"recovery\0" + clean_code(code).encode()).digest()


def _purpose(official_id: int) -> str:
    # Bound to the person: a sealed secret copied into another's row opens nothing.
    return f"totp {official_id}"


def _opened(sealed: bytes, official_id: int) -> str | None:
    plain = unseal(sealed, _purpose(official_id))
    return None if plain is None else plain.decode()

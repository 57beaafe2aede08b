"""How we stand to the identity provider: who it is, who we are to it, what we ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tracker.settings import Secret, Settings, is_loopback


@dataclass(frozen=True)
class Config:
    """One provider and our registration there."""

    issuer: str
    client_id: str
    client_secret: Secret
    redirect_uri: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    acr_values: tuple[str, ...] = ()
    ca_file: Path | None = None


def config_of(settings: Settings, callback_path: str) -> Config | None:
    """The registration that the settings describe; None when there is none, and so no single sign-on."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.oidc_client_secret is None:
        return None
    return Config(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        redirect_uri=settings.address + callback_path,
        scopes=settings.oidc_scopes,
        acr_values=settings.oidc_mfa_acr,
        ca_file=settings.oidc_ca_file,
    )


def is_safe_address(address: object, *, loopback_too: bool) -> bool:
    """Whether we may call an address of the discovery document: https, or this machine when the issuer is on it.

    >>> is_safe_address("https://a.vn/token", loopback_too=False)
    True
    >>> is_safe_address("http://169.254.169.254/", loopback_too=True)
    False
    """
    if not isinstance(address, str) or len(address) > 2000 or not address.isascii():
        return False
    if any(mark <= " " or mark in '\\"<>' for mark in address):
        return False
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and loopback_too and is_loopback(host))

"""What must not be when others than this machine reach the service: production refuses to start on it.

The service counts as in production as soon as it listens to, or its links lead to, more than this machine.
Each risk has a code; an operator may accept one by naming it in TRACKER_ACCEPTED_RISKS, and `tracker doctor`
then still warns of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tracker.settings import PREFIX, Settings, is_loopback

# A proxy's word about the client's address is believed; from too many networks anybody could give it.
WIDEST_PROXY_NETWORK = {4: 16, 6: 48}
_ENCRYPTING = frozenset({"require", "verify-ca", "verify-full"})


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The account the application works as."""

    user: str
    is_superuser: bool
    bypasses_row_security: bool
    owns_tables: bool


@dataclass(frozen=True, slots=True)
class Risk:
    """One unsafe thing: its code, the variable that would mend it, and what the sentence says of it."""

    code: str
    variable: str
    params: dict[str, object] = field(default_factory=dict)


def is_production(settings: Settings) -> bool:
    """Whether more than this machine can reach the service.

    >>> is_production(Settings()), is_production(Settings(public_url="https://dondoc.example.vn"))
    (False, True)
    """
    public = urlsplit(settings.address).hostname or ""
    return not (is_loopback(settings.host) and is_loopback(public))


def risks(
    settings: Settings, database: DatabaseFacts | None = None, *, is_demonstration: bool = False
) -> tuple[Risk, ...]:
    """Everything unsafe about running so in production, accepted or not; nothing on one machine alone."""
    if not is_production(settings):
        return ()
    return (
        *_of_the_address(settings),
        *_of_secrets(settings),
        *_of_the_database(settings, database),
        *([Risk("demonstration", "--demo")] if is_demonstration else []),
    )


def refused(found: tuple[Risk, ...], settings: Settings) -> tuple[Risk, ...]:
    """The risks that nobody has accepted: the service does not start on them."""
    return tuple(risk for risk in found if risk.code not in settings.accepted_risks)


def _of_the_address(settings: Settings) -> Iterator[Risk]:
    if urlsplit(settings.address).scheme != "https":
        yield Risk("plain_http", PREFIX + "PUBLIC_URL", {"address": settings.address})
    if "*" in settings.allowed_hosts:
        yield Risk("any_host", PREFIX + "ALLOWED_HOSTS")
    for given in settings.trusted_proxies:
        network = ipaddress.ip_network(given)
        if network.prefixlen < WIDEST_PROXY_NETWORK[network.version]:
            yield Risk("any_proxy", PREFIX + "TRUSTED_PROXIES", {"network": given})
    if settings.webhook_plain_http:
        yield Risk("plain_webhooks", PREFIX + "WEBHOOK_PLAIN_HTTP")
    if settings.log_level == "debug":
        yield Risk("debug_log", PREFIX + "LOG_LEVEL")


def _of_secrets(settings: Settings) -> Iterator[Risk]:
    path = settings.data_dir / "secret_key"
    try:
        mode = path.stat().st_mode & 0o077
    except OSError:
        return
    if settings.secret_key is None and mode:
        yield Risk("open_key", PREFIX + "SECRET_KEY_FILE", {"path": str(path)})


def _of_the_database(settings: Settings, database: DatabaseFacts | None) -> Iterator[Risk]:
    if settings.database_url is not None and not _is_private(settings.dsn()):
        yield Risk("plain_database", PREFIX + "DATABASE_URL")
    if database is None:
        return
    if database.is_superuser or database.bypasses_row_security or database.owns_tables:
        yield Risk("mighty_account", PREFIX + "DATABASE_URL", {"user": database.user})


def _is_private(dsn: str) -> bool:
    """Whether nobody on the way to the database can listen: this machine, or encryption that is demanded.

    >>> _is_private("postgresql://u@db.example/x?sslmode=verify-full"), _is_private("postgresql://u@db.example/x")
    (True, False)
    """
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    if query.get("sslmode", [""])[-1] in _ENCRYPTING:
        return True
    named = parts.netloc.rpartition("@")[2]
    hosts = [h for group in (named, *query.get("host", [])) for h in group.split(",") if h]
    return all(h.startswith("/") or is_loopback(_without_port(h)) for h in hosts)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host

"""Every setting of the service: typed, checked at start, taken from the environment, redacted when printed.

A variable is named `TRACKER_` and the field in capitals.
`DATABASE_URL` serves when `TRACKER_DATABASE_URL` is not set.
A secret may be given as a file: `TRACKER_SMTP_PASSWORD_FILE=/run/secrets/smtp`.
What is wrong is told in codes; the sentences are in the catalogue `settings.json`.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from datetime import time
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

PREFIX = "TRACKER_"
FILE_SUFFIX = "_FILE"

SmtpSecurity = Literal["starttls", "tls", "none"]
LogFormat = Literal["json", "text"]


class Secret:
    """A text that never shows itself: `reveal()` is the only way to it.

    >>> Secret("hunter2")
    Secret(***)
    >>> f"{Secret('hunter2')}"
    '***'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one line that needs it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True)
class BadSetting:
    """One wrong variable: its name, its value (redacted where secret) and the code of what was expected."""

    variable: str
    value: str
    expected: str
    params: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        known = "".join(f", {name}={value}" for name, value in self.params.items())
        return f"{self.variable}={self.value!r}: {self.expected}{known}"


class SettingsError(ValueError):
    """The service must not start; `problems` names every wrong variable, not only the first."""

    def __init__(self, problems: Iterable[BadSetting]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class _Refused(Exception):
    """A parser's way to say what it expected."""

    def __init__(self, expected: str, **params: object) -> None:
        self.expected = expected
        self.params = params
        super().__init__(expected)


def _text(max_length: int = 500) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if not raw.strip() or len(raw) > max_length or any(ord(c) < 32 or ord(c) == 127 for c in raw):
            raise _Refused("line", max=max_length)
        return raw.strip()

    return parse


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", raw) or not low <= int(raw) <= high:
            raise _Refused("integer", low=low, high=high)
        return int(raw)

    return parse


def _boolean(raw: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if raw.lower() not in known:
        raise _Refused("boolean")
    return known[raw.lower()]


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in allowed:
            raise _Refused("choice", allowed=", ".join(allowed))
        return raw

    return parse


def _path(raw: str) -> Path:
    if not raw.strip() or "\0" in raw:
        raise _Refused("path")
    return Path(raw).expanduser()


def _existing_file(raw: str) -> Path:
    path = _path(raw)
    if not path.is_file():
        raise _Refused("existing_file")
    return path


def _existing_folder(raw: str) -> Path:
    path = _path(raw)
    if not path.is_dir():
        raise _Refused("existing_folder")
    return path


def _clock_time(raw: str) -> time:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", raw):
        raise _Refused("clock_time")
    return time.fromisoformat(raw)


def _web_address(raw: str) -> str:
    try:
        parts = urlsplit(raw)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        raise _Refused("web_address") from None
    if (
        not port_is_good
        or parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.username is not None
        or parts.query
        or parts.fragment
        or re.search(r"[\s\x00-\x1f]", raw)
    ):
        raise _Refused("web_address")
    return raw.rstrip("/")


def _issuer(raw: str) -> str:
    # Compared letter by letter with what the provider says, so nothing is taken off it.
    if urlsplit(_web_address(raw)).scheme != "https" and not is_loopback(urlsplit(raw).hostname or ""):
        raise _Refused("issuer")
    return raw


def _values(raw: str) -> tuple[str, ...]:
    values = tuple(part.strip() for part in raw.split(",") if part.strip())
    if not values or len(raw) > 1000 or any(c <= " " or ord(c) > 126 for value in values for c in value):
        raise _Refused("values")
    return values


_OIDC_ROLES = "administrator|secretariat|member|agency_officer|agency_leader|inspector"
_ROLE_RULE = re.compile(rf"\s*\S.{{0,300}}\s*=\s*(?:{_OIDC_ROLES})\s*(?:@\s*[^\s@;]{{1,60}}\s*)?")


def _role_map(raw: str) -> tuple[str, ...]:
    rules = tuple(part.strip() for part in raw.split(";") if part.strip())
    wrong = next((rule for rule in rules if not _ROLE_RULE.fullmatch(rule)), None)
    if not rules or wrong is not None:
        raise _Refused("role_map", rule=wrong or "", roles=_OIDC_ROLES.replace("|", ", "))
    return rules


def _database_url(raw: str) -> Secret:
    try:
        parts = urlsplit(raw)
    except ValueError:
        raise _Refused("database_url") from None
    has_host = bool(parts.netloc.rpartition("@")[2]) or "host=" in parts.query
    if parts.scheme not in {"postgresql", "postgres"} or not has_host or len(parts.path) < 2 or " " in raw:
        raise _Refused("database_url")
    return Secret(raw)


def _secret(min_length: int = 1) -> Callable[[str], Secret]:
    def parse(raw: str) -> Secret:
        if len(raw) < min_length or "\0" in raw:
            raise _Refused("secret", min=min_length)
        return Secret(raw)

    return parse


def _secrets(min_length: int) -> Callable[[str], tuple[Secret, ...]]:
    one = _secret(min_length)

    def parse(raw: str) -> tuple[Secret, ...]:
        return tuple(one(part) for part in re.split(r"[,\s]+", raw) if part)

    return parse


# One address without a display name; the mail layer builds the header itself.
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
)


def _mail_address(raw: str) -> str:
    if not _ADDRESS.fullmatch(raw) or ".." in raw:
        raise _Refused("mail_address")
    return raw


def _mail_addresses(raw: str) -> tuple[str, ...]:
    return tuple(_mail_address(part) for part in re.split(r"[,;\s]+", raw) if part)


def _host(raw: str) -> str:
    bare = raw.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    if not re.fullmatch(r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.?)*", raw):
        raise _Refused("host")
    return raw


def _hosts(raw: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in raw.split(",") if part.strip())
    if not names:
        raise _Refused("host")
    return tuple(name if name == "*" else _host(name) for name in names)


def _listed_hosts(raw: str) -> tuple[str, ...]:
    names = tuple(part.strip().lower() for part in raw.split(",") if part.strip())
    return tuple(f".{_host(name[1:])}" if name.startswith(".") else _host(name) for name in names)


def _codes(raw: str) -> tuple[str, ...]:
    codes = tuple(part.strip() for part in raw.split(",") if part.strip())
    if not codes or not all(re.fullmatch(r"[a-z_]{3,40}", code) for code in codes):
        raise _Refused("codes")
    return codes


def _networks(raw: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(part.strip())) for part in raw.split(",") if part.strip())
    except ValueError:
        raise _Refused("networks") from None


def _setting(default: Any, parse: Callable[[str], Any], about: str, *, secret: bool = False) -> Any:
    metadata = MappingProxyType({"parse": parse, "about": about, "secret": secret})
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """All settings; the defaults run the whole service on one machine with nothing configured."""

    database_url: Secret | None = _setting(
        None, _database_url, "PostgreSQL to use; without it the embedded server is started.", secret=True
    )
    database_owner_url: Secret | None = _setting(
        None,
        _database_url,
        "Account that owns the schema, for migrations only; default: the one above.",
        secret=True,
    )
    data_dir: Path = _setting(Path("var"), _path, "Folder of everything the service keeps on disk.")
    postgres_bin: Path | None = _setting(
        None, _existing_folder, "Folder with `postgres` and `initdb` for the embedded server."
    )
    pool_min: int = _setting(1, _integer(0, 200), "Connections to the database kept open.")
    pool_max: int = _setting(10, _integer(1, 200), "Most connections to the database per process.")
    host: str = _setting("127.0.0.1", _host, "Address to listen on.")
    port: int = _setting(8080, _integer(1, 65535), "Port to listen on.")
    public_url: str | None = _setting(
        None, _web_address, "Address that users open, for links in mails; default: host and port."
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (), _hosts, "Host names answered besides the one of the public address; comma-separated."
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (), _networks, "Networks whose X-Forwarded-* headers are believed; comma-separated."
    )
    secret_key: Secret | None = _setting(
        None,
        _secret(32),
        "Key of signed tokens, 32 characters or more; default: made once in the data folder.",
        secret=True,
    )
    old_secret_keys: tuple[Secret, ...] | None = _setting(
        None,
        _secrets(32),
        "Former values of the key above, newest first, for what they sealed and signed; comma-separated.",
        secret=True,
    )
    audit_mail: tuple[str, ...] = _setting(
        (), _mail_addresses, "Auditors who get the day's anchor of the history by mail; comma-separated."
    )
    language: str = _setting("vi", _choice("vi", "en"), "Language of people who have not chosen one.")
    smtp_host: str | None = _setting(
        None, _host, "Mail server that takes our messages; without it messages wait in the outbox."
    )
    smtp_port: int = _setting(25, _integer(1, 65535), "Port of the mail server.")
    smtp_security: SmtpSecurity = _setting(
        "starttls",
        _choice("starttls", "tls", "none"),
        "`starttls` and `tls` demand encryption; `none` is for a server on this machine only.",
    )
    smtp_ca_file: Path | None = _setting(None, _existing_file, "Certificates to trust besides the system's.")
    smtp_user: str | None = _setting(None, _text(), "User name at the mail server.")
    smtp_password: Secret | None = _setting(None, _secret(), "Password at the mail server.", secret=True)
    smtp_connections: int = _setting(4, _integer(1, 50), "Connections to the mail server at once.")
    smtp_timeout_seconds: int = _setting(
        120, _integer(1, 3600), "Longest time for one message, whatever the server does."
    )
    smtp_final_reply_seconds: int = _setting(
        600, _integer(1, 3600), "Longest wait for the answer after the final dot (RFC 5321 §4.5.3.2.6)."
    )
    mail_from: str = _setting("dondoc@localhost", _mail_address, "Address the messages come from.")
    mail_from_name: str | None = _setting(None, _text(120), "Name shown beside it; default: the product's.")
    mail_reply_to: str | None = _setting(None, _mail_address, "Monitored mailbox that answers go to.")
    oidc_issuer: str | None = _setting(
        None, _issuer, "Identity provider for single sign-on, exactly as it names itself; https."
    )
    oidc_client_id: str | None = _setting(None, _text(), "Our name at the identity provider.")
    oidc_client_secret: Secret | None = _setting(
        None, _secret(), "Our secret at the identity provider.", secret=True
    )
    oidc_name: str | None = _setting(None, _text(60), "Name of the identity provider on the button.")
    oidc_ca_file: Path | None = _setting(
        None, _existing_file, "Certificates to trust for the identity provider besides the system's."
    )
    oidc_scopes: tuple[str, ...] = _setting(
        ("openid", "profile", "email"), _values, "Scopes asked for; comma-separated."
    )
    oidc_role_claim: str = _setting("groups", _text(), "Claim that holds groups or roles; dots lead inside.")
    oidc_agency_claim: str | None = _setting(
        None, _text(), "Claim that holds the agency's code, for rules that name none."
    )
    oidc_role_map: tuple[str, ...] = _setting(
        (), _role_map, "Roles from that claim: `value=role` or `value=role@AGENCY`, separated by `;`."
    )
    oidc_create_people: bool = _setting(
        False, _boolean, "Enter unknown people from their claims, with the role of the mapping."
    )
    oidc_follow_roles: bool = _setting(
        False, _boolean, "Set role and agency from the claims at every single sign-on."
    )
    oidc_mfa_acr: tuple[str, ...] = _setting(
        (), _values, "Values of `acr` that prove a second factor; they are also asked for; comma-separated."
    )
    oidc_mfa_amr: tuple[str, ...] = _setting(
        (), _values, "Values of `amr` that prove a second factor; comma-separated."
    )
    digest_time: time = _setting(time(8), _clock_time, "When the day's reminders go out, official zone.")
    due_soon_days: int = _setting(3, _integer(0, 60), "Working days before a deadline that count as soon.")
    sweep_seconds: int = _setting(60, _integer(1, 3600), "Pause between two sweeps for due reminders.")
    deliver_seconds: int = _setting(5, _integer(1, 3600), "Pause between two looks into the outbox.")
    shutdown_seconds: int = _setting(30, _integer(1, 600), "Time for work in flight after SIGTERM.")
    ping_url: str | None = _setting(
        None, _web_address, "Address called after each sweep (dead-man's switch)."
    )
    webhook_hosts: tuple[str, ...] = _setting(
        (),
        _listed_hosts,
        "Hosts that webhooks may call, each whole or as `.suffix`; without it there are no webhooks.",
    )
    webhook_networks: tuple[str, ...] = _setting(
        (), _networks, "Inner networks that webhooks may reach besides the Internet; comma-separated."
    )
    webhook_ca_file: Path | None = _setting(
        None, _existing_file, "Certificates that webhook receivers may show besides the system's."
    )
    webhook_plain_http: bool = _setting(
        False, _boolean, "Whether webhooks may call `http://` on this machine; for trials only."
    )
    api_per_minute: int = _setting(
        600, _integer(1, 1_000_000), "Requests to the API that one token may make in a minute."
    )
    feed_per_minute: int = _setting(
        60, _integer(1, 1_000_000), "Times in a minute that one calendar link may be read."
    )
    clamd_host: str | None = _setting(
        None, _host, "Virus scanner (clamd) asked about every file; without it only the built-in checks."
    )
    clamd_port: int = _setting(3310, _integer(1, 65535), "Port of the virus scanner.")
    accepted_risks: tuple[str, ...] = _setting(
        (),
        _codes,
        "Unsafe settings accepted in production, by their codes (docs/security.md); comma-separated.",
    )
    log_level: str = _setting(
        "info", _choice("debug", "info", "warning", "error"), "Least important line that is logged."
    )
    log_format: LogFormat = _setting("json", _choice("json", "text"), "Form of the log lines.")

    @property
    def address(self) -> str:
        """The address users open, without a final slash."""
        if self.public_url:
            return self.public_url
        shown = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # nosec B104  # compares, binds nothing
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}"

    @property
    def mail_domain(self) -> str:
        """The right side of Message-ID, References and return paths."""
        return self.mail_from.rpartition("@")[2]

    def dsn(self) -> str:
        """The database address; a process calls this after the embedded server is up."""
        if self.database_url is None:
            raise LookupError("no database address: start the embedded server first")
        return self.database_url.reveal()

    def owner_dsn(self) -> str:
        """The address of the account that may change the schema."""
        return self.dsn() if self.database_owner_url is None else self.database_owner_url.reveal()

    def with_database(self, dsn: str, owner_dsn: str | None = None) -> Settings:
        """The same settings on another database: the embedded server's, or a test's."""
        owner = None if owner_dsn is None else Secret(owner_dsn)
        return replace(self, database_url=Secret(dsn), database_owner_url=owner)

    def shown(self) -> dict[str, str]:
        """Variable → value for logs and `doctor`, secrets as `***`."""
        return {variable_of(f): _shown(f, getattr(self, f.name)) for f in fields(self)}

    def __repr__(self) -> str:
        inside = ", ".join(f"{f.name}={_shown(f, getattr(self, f.name))}" for f in fields(self))
        return f"Settings({inside})"


def variable_of(setting: Field[Any]) -> str:
    """The environment variable of one field."""
    return PREFIX + setting.name.upper()


def default_of(setting: Field[Any]) -> str:
    """The default of one field as docs/settings.md shows it; empty when there is none."""
    value = None if setting.default is MISSING else setting.default
    return "" if value in (None, ()) else _plain(value)


def about(setting: Field[Any]) -> str:
    """What one field is for, a sentence."""
    return str(setting.metadata["about"])


def is_secret(setting: Field[Any]) -> bool:
    """Whether the field may be given as a file and is never printed."""
    return bool(setting.metadata["secret"])


def load(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment. Raises SettingsError naming every wrong variable.

    >>> load({"TRACKER_PORT": "9000"}).port
    9000
    """
    problems: list[BadSetting] = []
    values: dict[str, Any] = {}
    settings = {variable_of(f): f for f in fields(Settings)}
    for variable, setting in settings.items():
        try:
            raw = _raw_value(environment, variable, setting)
            if raw is not None:
                values[setting.name] = setting.metadata["parse"](raw)
        except _Refused as refused:
            source = variable if variable in environment else _source(environment, variable)
            shown = (
                "***" if is_secret(setting) and source in (variable, "DATABASE_URL") else environment[source]
            )
            problems.append(BadSetting(source, shown, refused.expected, refused.params))
    problems += _unknown(environment, settings)
    if not problems:
        made = Settings(**values)
        problems += _contradictions(made)
        if not problems:
            return made
    raise SettingsError(problems)


def _raw_value(environment: Mapping[str, str], variable: str, setting: Field[Any]) -> str | None:
    """The text given for a setting: directly, by file for a secret, or by DATABASE_URL."""
    direct = environment.get(variable)
    if not is_secret(setting):
        return direct
    path = environment.get(variable + FILE_SUFFIX)
    if direct is not None and path is not None:
        raise _Refused("not_both", other=variable + FILE_SUFFIX)
    if path is not None:
        try:
            return Path(path).read_text("utf-8").strip()
        except (OSError, ValueError):
            raise _Refused("readable_file") from None
    if direct is None and variable == PREFIX + "DATABASE_URL":
        return environment.get("DATABASE_URL")
    return direct


def _source(environment: Mapping[str, str], variable: str) -> str:
    """Which variable the value came from."""
    return variable + FILE_SUFFIX if variable + FILE_SUFFIX in environment else "DATABASE_URL"


def _unknown(environment: Mapping[str, str], settings: Mapping[str, Field[Any]]) -> list[BadSetting]:
    """A mistyped name must not be passed over in silence."""
    known = [*settings, *(v + FILE_SUFFIX for v, f in settings.items() if is_secret(f))]
    bare = [variable.removeprefix(PREFIX) for variable in known]
    problems = []
    for variable in sorted(environment):
        if variable.startswith(PREFIX) and variable not in known:
            near = difflib.get_close_matches(variable.removeprefix(PREFIX), bare, n=1)
            # The value is not shown: a mistyped name may be a secret's.
            expected, params = ("unknown_near", {"near": PREFIX + near[0]}) if near else ("unknown", {})
            problems.append(BadSetting(variable, "***", expected, params))
    return problems


def _contradictions(settings: Settings) -> list[BadSetting]:
    """Values that are good alone and wrong together."""
    problems = []
    if settings.pool_min > settings.pool_max:
        problems.append(
            BadSetting(
                PREFIX + "POOL_MIN", str(settings.pool_min), "at_most_pool_max", {"max": settings.pool_max}
            )
        )
    if settings.smtp_security == "none" and settings.smtp_host and not is_loopback(settings.smtp_host):
        # Bar N14: no message and no password goes over a network in clear.
        problems.append(
            BadSetting(
                PREFIX + "SMTP_SECURITY", "none", "encryption_beyond_loopback", {"host": settings.smtp_host}
            )
        )
    if (settings.smtp_user is None) != (settings.smtp_password is None):
        problems.append(BadSetting(PREFIX + "SMTP_USER", settings.smtp_user or "", "user_and_password"))
    return problems + _sign_on_contradictions(settings)


def _sign_on_contradictions(settings: Settings) -> list[BadSetting]:
    problems = []
    registration = (settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)
    if any(registration) and not all(registration):
        problems.append(BadSetting(PREFIX + "OIDC_ISSUER", settings.oidc_issuer or "", "whole_registration"))
    if "openid" not in settings.oidc_scopes:
        problems.append(BadSetting(PREFIX + "OIDC_SCOPES", ",".join(settings.oidc_scopes), "scope_openid"))
    if settings.oidc_create_people and not settings.oidc_role_map:
        problems.append(BadSetting(PREFIX + "OIDC_CREATE_PEOPLE", "true", "needs_role_map"))
    if settings.oidc_follow_roles and not settings.oidc_role_map:
        problems.append(BadSetting(PREFIX + "OIDC_FOLLOW_ROLES", "true", "needs_role_map"))
    return problems


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("mail.example")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _plain(value: object) -> str:
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)


def _shown(setting: Field[Any], value: object) -> str:
    if value is None:
        return ""
    return "***" if is_secret(setting) else _plain(value)

"""Settings: defaults that run, one clear line for each wrong one, and no secret ever shown."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tracker import terminal
from tracker.cli import main
from tracker.i18n import catalogue
from tracker.settings import (
    Secret,
    Settings,
    SettingsError,
    about,
    default_of,
    is_secret,
    load,
    variable_of,
)

ROOT = Path(__file__).parents[2]

BAD = [
    ("a port that is a word", {"TRACKER_PORT": "http"}, "TRACKER_PORT", "integer"),
    ("port zero", {"TRACKER_PORT": "0"}, "TRACKER_PORT", "integer"),
    ("a port too high", {"TRACKER_PORT": "65536"}, "TRACKER_PORT", "integer"),
    ("an empty port", {"TRACKER_PORT": ""}, "TRACKER_PORT", "integer"),
    ("a port with underscore", {"TRACKER_PORT": "8_080"}, "TRACKER_PORT", "integer"),
    ("a port in Arabic digits", {"TRACKER_PORT": "٨٠٨٠"}, "TRACKER_PORT", "integer"),
    ("400 digits", {"TRACKER_PORT": "1" * 400}, "TRACKER_PORT", "integer"),
    ("a host with a space", {"TRACKER_HOST": "my host"}, "TRACKER_HOST", "host"),
    ("a public address without scheme", {"TRACKER_PUBLIC_URL": "dondoc.gov.vn"}, "TRACKER_PUBLIC_URL", "web_address"),
    ("a public address by ftp", {"TRACKER_PUBLIC_URL": "ftp://a.vn"}, "TRACKER_PUBLIC_URL", "web_address"),
    ("a password in the address", {"TRACKER_PUBLIC_URL": "https://u:p@a.vn"}, "TRACKER_PUBLIC_URL", "web_address"),
    ("a query in the address", {"TRACKER_PUBLIC_URL": "https://a.vn/?x=1"}, "TRACKER_PUBLIC_URL", "web_address"),
    ("a bad port in the address", {"TRACKER_PUBLIC_URL": "https://a.vn:99999"}, "TRACKER_PUBLIC_URL", "web_address"),
    ("a broken address", {"TRACKER_PUBLIC_URL": "https://a.vn\r\nX: y"}, "TRACKER_PUBLIC_URL", "web_address"),
    ("another database", {"TRACKER_DATABASE_URL": "mysql://a/b"}, "TRACKER_DATABASE_URL", "database_url"),
    ("a database without name", {"DATABASE_URL": "postgresql://a"}, "DATABASE_URL", "database_url"),
    ("a database without host", {"DATABASE_URL": "postgresql:///b"}, "DATABASE_URL", "database_url"),
    ("an unknown security", {"TRACKER_SMTP_SECURITY": "ssl"}, "TRACKER_SMTP_SECURITY", "choice"),
    (
        "mail in clear over the network",
        {"TRACKER_SMTP_HOST": "mail.gov.vn", "TRACKER_SMTP_SECURITY": "none"},
        "TRACKER_SMTP_SECURITY",
        "encryption_beyond_loopback",
    ),
    ("a user without password", {"TRACKER_SMTP_USER": "u"}, "TRACKER_SMTP_USER", "user_and_password"),
    ("a sender with a display name", {"TRACKER_MAIL_FROM": "A <a@b.vn>"}, "TRACKER_MAIL_FROM", "mail_address"),
    ("a smuggled address", {"TRACKER_MAIL_FROM": "a@b> AUTH=<x@y"}, "TRACKER_MAIL_FROM", "mail_address"),
    ("a sender name of two lines", {"TRACKER_MAIL_FROM_NAME": "a\nb"}, "TRACKER_MAIL_FROM_NAME", "line"),
    ("a time out of the day", {"TRACKER_DIGEST_TIME": "24:00"}, "TRACKER_DIGEST_TIME", "clock_time"),
    ("a time without zero", {"TRACKER_DIGEST_TIME": "7:30"}, "TRACKER_DIGEST_TIME", "clock_time"),
    ("an unknown language", {"TRACKER_LANGUAGE": "fr"}, "TRACKER_LANGUAGE", "choice"),
    ("a level that is none", {"TRACKER_LOG_LEVEL": "loud"}, "TRACKER_LOG_LEVEL", "choice"),
    ("a missing certificate file", {"TRACKER_SMTP_CA_FILE": "/nowhere"}, "TRACKER_SMTP_CA_FILE", "existing_file"),
    ("a missing folder of programs", {"TRACKER_POSTGRES_BIN": "/nowhere"}, "TRACKER_POSTGRES_BIN", "existing_folder"),
    ("a network that is none", {"TRACKER_TRUSTED_PROXIES": "10.0.0.0/33"}, "TRACKER_TRUSTED_PROXIES", "networks"),
    ("hosts that are none", {"TRACKER_ALLOWED_HOSTS": " , "}, "TRACKER_ALLOWED_HOSTS", "host"),
    (
        "more kept than allowed",
        {"TRACKER_POOL_MIN": "20", "TRACKER_POOL_MAX": "5"},
        "TRACKER_POOL_MIN",
        "at_most_pool_max",
    ),
    ("a short key", {"TRACKER_SECRET_KEY": "short"}, "TRACKER_SECRET_KEY", "secret"),
    ("a missing secret file", {"TRACKER_SECRET_KEY_FILE": "/nowhere"}, "TRACKER_SECRET_KEY_FILE", "readable_file"),
    ("a mistyped name", {"TRACKER_SMPT_HOST": "a"}, "TRACKER_SMPT_HOST", "unknown_near"),
    ("a name that is none", {"TRACKER_XYZZY": "a"}, "TRACKER_XYZZY", "unknown"),
    ("an issuer in clear", {"TRACKER_OIDC_ISSUER": "http://sso.gov.vn"}, "TRACKER_OIDC_ISSUER", "issuer"),
    ("an issuer alone", {"TRACKER_OIDC_ISSUER": "https://sso.gov.vn"}, "TRACKER_OIDC_ISSUER", "whole_registration"),
    ("scopes without openid", {"TRACKER_OIDC_SCOPES": "email"}, "TRACKER_OIDC_SCOPES", "scope_openid"),
    ("a scope of two words", {"TRACKER_OIDC_SCOPES": "openid email"}, "TRACKER_OIDC_SCOPES", "values"),
    ("a role that is none", {"TRACKER_OIDC_ROLE_MAP": "a=king"}, "TRACKER_OIDC_ROLE_MAP", "role_map"),
    ("a rule of half", {"TRACKER_OIDC_ROLE_MAP": "a=member;=member"}, "TRACKER_OIDC_ROLE_MAP", "role_map"),
    ("people without roles", {"TRACKER_OIDC_CREATE_PEOPLE": "true"}, "TRACKER_OIDC_CREATE_PEOPLE", "needs_role_map"),
    ("roles without a map", {"TRACKER_OIDC_FOLLOW_ROLES": "true"}, "TRACKER_OIDC_FOLLOW_ROLES", "needs_role_map"),
    ("a file where none may be", {"TRACKER_PORT_FILE": "/etc/hostname"}, "TRACKER_PORT_FILE", "unknown_near"),
]  # fmt: skip


def test_nothing_configured_runs() -> None:
    """The defaults are a whole service on one machine."""
    settings = load({"PATH": "/bin", "HOME": "/root"})

    assert settings.address == "http://127.0.0.1:8080"
    assert settings.database_url is None
    assert settings.mail_domain == "localhost"


@pytest.mark.parametrize(
    ("environment", "variable", "expected"), [b[1:] for b in BAD], ids=[b[0] for b in BAD]
)
def test_bad_setting_is_named(environment: dict[str, str], variable: str, expected: str) -> None:
    """A wrong value is refused, and the refusal names the variable and what is expected."""
    with pytest.raises(SettingsError) as refused:
        load(environment)

    assert [(p.variable, p.expected) for p in refused.value.problems] == [(variable, expected)]


@pytest.mark.parametrize("environment", [b[1] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_setting_stops_the_command_with_one_line(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 78, one line on standard error with variable, value and expectation, nothing started."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    code = main(["--language", "en", "migrate"])

    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert (code, printed.out, len(lines)) == (78, "", 1)
    assert re.match(r"(TRACKER_[A-Z_]+|DATABASE_URL)='.*' cannot be used: .{10,}\.$", lines[0])


def test_all_wrong_settings_are_told_at_once() -> None:
    """Three mistakes are three lines, not three starts."""
    with pytest.raises(SettingsError) as refused:
        load({"TRACKER_PORT": "x", "TRACKER_LANGUAGE": "x", "TRACKER_OTHER": "x"})

    assert len(refused.value.problems) == 3


def test_secret_comes_from_a_file(tmp_path: Path) -> None:
    """A secret's file is read and its final line break dropped; both at once is refused."""
    file = tmp_path / "password"
    file.write_text("mật khẩu\n", "utf-8")

    settings = load({"TRACKER_SMTP_USER": "u", "TRACKER_SMTP_PASSWORD_FILE": str(file)})

    assert settings.smtp_password == Secret("mật khẩu")
    with pytest.raises(SettingsError, match="not_both"):
        load({"TRACKER_SMTP_PASSWORD": "a", "TRACKER_SMTP_PASSWORD_FILE": str(file)})


def test_own_database_variable_wins() -> None:
    """TRACKER_DATABASE_URL goes before the common DATABASE_URL."""
    common, own = "postgresql://a/common", "postgresql://a/own"

    assert load({"DATABASE_URL": common}).dsn() == common
    assert load({"DATABASE_URL": common, "TRACKER_DATABASE_URL": own}).dsn() == own


def test_secrets_are_never_shown() -> None:
    """Neither repr, str, format, the list for logs nor an error shows a secret."""
    secret = "hunter2-hunter2-hunter2-hunter2-hunter2"
    settings = load(
        {
            "TRACKER_DATABASE_URL": f"postgresql://u:{secret}@db/tracker",
            "TRACKER_SECRET_KEY": secret,
            "TRACKER_SMTP_USER": "u",
            "TRACKER_SMTP_PASSWORD": secret,
        }
    )
    with pytest.raises(SettingsError) as refused:
        load({"TRACKER_DATABASE_URL": f"mysql://{secret}", "TRACKER_SMTP_PASWORD": secret})

    shown = [repr(settings), str(settings), f"{settings}", str(settings.shown()), str(refused.value)]
    shown += [terminal.bad_setting_words(problem) for problem in refused.value.problems]
    assert not [text for text in shown if "hunter2" in text]


def test_password_in_a_bad_database_file_is_not_shown(tmp_path: Path) -> None:
    """Of a wrong secret in a file the path is shown, not the text."""
    file = tmp_path / "url"
    file.write_text("mysql://hunter2")

    with pytest.raises(SettingsError) as refused:
        load({"TRACKER_DATABASE_URL_FILE": str(file)})

    assert "hunter2" not in str(refused.value)
    assert refused.value.problems[0].value == str(file)


def test_settings_cannot_be_changed() -> None:
    """A running service has the settings it started with."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        load({}).port = 1  # type: ignore[misc]  # that is the test


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"TRACKER_HOST": "0.0.0.0"}, "http://127.0.0.1:8080"),
        ({"TRACKER_HOST": "::1", "TRACKER_PORT": "80"}, "http://[::1]:80"),
        ({"TRACKER_PUBLIC_URL": "https://dondoc.gov.vn/"}, "https://dondoc.gov.vn"),
    ],
)
def test_address_that_users_open(environment: dict[str, str], address: str) -> None:
    """Links lead to the public address, else to where the service listens."""
    assert load(environment).address == address


def test_every_expectation_has_a_sentence() -> None:
    """Both catalogues know every code a bad setting may carry."""
    source = (ROOT / "tracker" / "settings.py").read_text("utf-8")
    codes = set(re.findall(r'_Refused\("(\w+)"', source))
    codes |= {
        "unknown",
        "unknown_near",
        "at_most_pool_max",
        "encryption_beyond_loopback",
        "user_and_password",
        "whole_registration",
        "scope_openid",
        "needs_role_map",
    }

    for language in ("vi", "en"):
        missing = [c for c in codes if f"setting_expects_{c}" not in catalogue(language)]
        assert missing == []


def test_documentation_lists_every_setting() -> None:
    """docs/settings.md has one row per variable with its default and its sentence, and no other variable."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `TRACKER_")]

    expected = [
        f"| `{variable_of(f)}` | {f'`{default_of(f)}`' if default_of(f) else ''} |"
        f" {about(f)}{' Secret.' if is_secret(f) else ''} |"
        for f in dataclasses.fields(Settings)
    ]
    assert rows == expected

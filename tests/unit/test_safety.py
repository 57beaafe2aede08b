"""What production refuses to start on, and what one machine alone may do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tracker.i18n import LANGUAGES, catalogue
from tracker.safety import DatabaseFacts, refused, risks
from tracker.settings import Secret, Settings, load

PUBLIC = {"TRACKER_PUBLIC_URL": "https://dondoc.example.vn"}
MODEST = DatabaseFacts("dondoc", False, False, False)


def codes(settings: Settings, account: DatabaseFacts | None = MODEST, *, demo: bool = False) -> set[str]:
    return {risk.code for risk in risks(settings, account, is_demonstration=demo)}


def made(tmp_path: Path, **changes: str) -> Settings:
    return load({**PUBLIC, "TRACKER_DATA_DIR": str(tmp_path), **changes})


def test_safe_settings_have_no_risk(tmp_path: Path) -> None:
    assert codes(made(tmp_path)) == set()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"TRACKER_PUBLIC_URL": "http://dondoc.example.vn"}, "plain_http"),
        ({"TRACKER_ALLOWED_HOSTS": "*"}, "any_host"),
        ({"TRACKER_TRUSTED_PROXIES": "0.0.0.0/0"}, "any_proxy"),
        ({"TRACKER_TRUSTED_PROXIES": "10.0.0.0/8"}, "any_proxy"),
        ({"TRACKER_WEBHOOK_PLAIN_HTTP": "true"}, "plain_webhooks"),
        ({"TRACKER_LOG_LEVEL": "debug"}, "debug_log"),
        ({"TRACKER_DATABASE_URL": "postgresql://u:p@db.example.vn/x"}, "plain_database"),
        ({"TRACKER_DATABASE_URL": "postgresql://u:p@127.0.0.1,10.0.0.9/x"}, "plain_database"),
    ],
)
def test_each_risk_is_found(tmp_path: Path, changes: dict[str, str], code: str) -> None:
    assert codes(made(tmp_path, **changes)) == {code}


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u@127.0.0.1:5432/x",
        "postgresql://u@[::1]:5432/x",
        "postgresql://u@/x?host=/run/postgresql",
        "postgresql://u@db.example.vn/x?sslmode=require",
    ],
)
def test_private_ways_to_the_database_are_none(tmp_path: Path, dsn: str) -> None:
    assert codes(made(tmp_path, TRACKER_DATABASE_URL=dsn)) == set()


@pytest.mark.parametrize(
    "mighty",
    [
        replace(MODEST, is_superuser=True),
        replace(MODEST, bypasses_row_security=True),
        replace(MODEST, owns_tables=True),
    ],
)
def test_mighty_database_account_is_a_risk(tmp_path: Path, mighty: DatabaseFacts) -> None:
    assert codes(made(tmp_path), mighty) == {"mighty_account"}


def test_demonstration_beyond_this_machine_is_a_risk(tmp_path: Path) -> None:
    assert codes(made(tmp_path), demo=True) == {"demonstration"}


def test_key_file_that_others_read_is_a_risk(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.write_text("k" * 40)
    path.chmod(0o644)

    assert codes(made(tmp_path)) == {"open_key"}
    assert codes(replace(made(tmp_path), secret_key=Secret("k" * 40))) == set()
    path.chmod(0o600)
    assert codes(made(tmp_path)) == set()


def test_one_machine_alone_may_do_all_of_it() -> None:
    alone = load({"TRACKER_ALLOWED_HOSTS": "*", "TRACKER_LOG_LEVEL": "debug"})

    assert codes(alone, DatabaseFacts("postgres", True, True, True), demo=True) == set()


def test_accepted_risk_is_still_told_and_no_longer_refused(tmp_path: Path) -> None:
    settings = made(tmp_path, TRACKER_LOG_LEVEL="debug", TRACKER_ACCEPTED_RISKS="debug_log")
    found = risks(settings, MODEST)

    assert [risk.code for risk in found] == ["debug_log"]
    assert refused(found, settings) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_risk_has_a_sentence(language: str) -> None:
    known = {key.removeprefix("risk_") for key in catalogue(language) if key.startswith("risk_")}

    assert known == {
        "plain_http", "any_host", "any_proxy", "plain_webhooks", "debug_log", "open_key", "plain_database",
        "mighty_account", "demonstration",
    }  # fmt: skip

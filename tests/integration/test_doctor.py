"""`tracker doctor`: every fault is found, told in a sentence, and comes with a remedy."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP

from tests.identity_scene import enrol, stage
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, oidc_provider
from tracker import cli_doctor, clock, terminal
from tracker.actions.audit import use_audit_key
from tracker.actions.sealing import use_key
from tracker.cli_doctor import Finding, examine
from tracker.db import engine
from tracker.i18n import LANGUAGES, catalogue
from tracker.jobs import audit as audit_job
from tracker.process import with_secret_key
from tracker.settings import Secret, Settings

pytestmark = pytest.mark.anyio
SOURCE = Path(cli_doctor.__file__).read_text("utf-8")


@pytest.fixture(autouse=True)
def _in_english() -> None:
    terminal.speak("en")


async def findings_of(settings: Settings) -> dict[str, list[Finding]]:
    """The findings by check; the doctor opens a pool of his own."""
    by_check: dict[str, list[Finding]] = {}
    async for finding in examine(settings):
        by_check.setdefault(finding.check, []).append(finding)
    return by_check


@asynccontextmanager
async def smtp_server() -> AsyncIterator[int]:
    """A mail server on this machine without encryption; its port."""

    class Nobody:
        """Takes nothing."""

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Nobody(), hostname="localhost"), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_fresh_database_is_examined(fresh_database: Settings) -> None:
    """On a migrated database without anything in it: what is missing is told, nothing else."""
    await engine.close_pool()

    found = await findings_of(fresh_database)

    assert [f.verdict for f in found["migrations"]] == ["ok"]
    assert [f.verdict for f in found["clock"]] == ["ok"]
    assert [f.verdict for f in found["calendar"]] == ["fault", "warning"]
    assert [f.verdict for f in found["jobs"]] == ["warning"]
    assert [f.verdict for f in found["outbox"]] == ["ok"]
    assert "fsync" in found["database"][0].words


async def test_missing_migration_is_found(empty_database: Settings) -> None:
    """An unmigrated database is a fault, and what depends on the schema is not looked at."""
    found = await findings_of(empty_database)

    assert [f.verdict for f in found["migrations"]] == ["fault"]
    assert "tracker migrate" in found["migrations"][0].fix
    assert "calendar" not in found


async def test_projected_year_and_dead_job_are_found(fresh_database: Settings) -> None:
    """A year that nobody confirmed is a warning; a job that stopped is a fault."""
    await engine.execute(
        "INSERT INTO working_year (year, source, confirmed) SELECT y, 't', false FROM generate_series(2018, 2040) y"
    )
    await engine.execute("INSERT INTO heartbeat (name, at) VALUES ('reminders', now() - interval '1 hour')")
    await engine.close_pool()

    found = await findings_of(fresh_database)

    assert [f.verdict for f in found["calendar"]] == ["warning", "warning"]
    assert [(f.verdict, "60 minutes" in f.words) for f in found["jobs"]] == [("fault", True)]


async def test_paused_and_failed_mail_is_found(fresh_database: Settings) -> None:
    """A pause and messages given up are told with their numbers."""
    await engine.execute("INSERT INTO setting (key, value) VALUES ('sending_paused', 'true')")
    await engine.execute(
        "INSERT INTO outbox (kind, notify_key, address, language, message_id, subject, raw, state, decided_at)"
        " VALUES ('digest', 'k', 'a@b.vn', 'vi', 'm', 's', 'r', 'failed', now())"
    )
    await engine.close_pool()

    found = await findings_of(fresh_database)

    assert [f.verdict for f in found["outbox"]] == ["warning", "warning"]
    assert "1 messages could not be delivered" in found["outbox"][1].words


async def test_read_only_database_is_found(cluster: object, fresh_database: Settings) -> None:
    """A database that takes no writes is a fault."""
    await engine.close_pool()
    connection = await asyncpg.connect(fresh_database.owner_dsn())
    await connection.execute("ALTER DATABASE fresh SET default_transaction_read_only = on")
    await connection.close()

    found = await findings_of(fresh_database)

    assert any("read-only" in f.words for f in found["database"])


async def test_silent_database_is_one_finding(settings: Settings) -> None:
    """Without a database the doctor says so and ends."""
    found = await findings_of(replace(settings, database_url=Secret("postgresql://x@127.0.0.1:1/x")))

    assert [f.verdict for f in found["database"]] == ["fault"]
    assert "migrations" not in found


async def test_mail_server_without_encryption_is_a_fault(settings: Settings) -> None:
    """A relay that does not offer STARTTLS gets no mail, and the doctor says why (bar N14)."""
    async with smtp_server() as port:
        demanding = replace(settings, smtp_host="127.0.0.1", smtp_port=port)
        refused = await cli_doctor.look_at_mail_server(demanding)
        good = await cli_doctor.look_at_mail_server(replace(demanding, smtp_security="none"))

    assert [(f.verdict, "STARTTLS" in f.fix) for f in refused] == [("fault", True)]
    assert [f.verdict for f in good] == ["ok"]


async def test_open_key_file_is_a_fault(settings: Settings) -> None:
    """A key that others can read is told with the command that closes it."""
    settings.data_dir.mkdir()
    (settings.data_dir / "secret_key").write_text("k" * 40)
    (settings.data_dir / "secret_key").chmod(0o644)

    found = cli_doctor.look_at_disk(settings)

    assert [f.verdict for f in found] == ["ok", "fault"]
    assert "chmod 600" in found[1].fix


async def test_identity_provider_is_tried(settings: Settings) -> None:
    """Discovery and keys are asked for; another name, and silence, are faults."""
    async with oidc_provider() as provider:
        here = replace(
            settings,
            oidc_issuer=provider.base,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=Secret(CLIENT_SECRET),
        )
        good = await cli_doctor.look_at_sign_on(here)
        other = await cli_doctor.look_at_sign_on(replace(here, oidc_issuer=provider.base + "/"))
    silent = await cli_doctor.look_at_sign_on(here)

    assert [f.verdict for f in good] == ["ok"]
    assert [(f.verdict, provider.base in f.words) for f in other] == [("fault", True)]
    assert [f.verdict for f in silent] == ["fault"]
    assert await cli_doctor.look_at_sign_on(settings) == []


async def test_nobody_watching_is_a_warning_in_production(database: Settings) -> None:
    """Without auditors, a watch and an anchor; an anchor of three days ago is old."""
    production = replace(database, public_url="https://dondoc.example.vn")
    alone = cli_doctor.look_at_watching(database)
    found = cli_doctor.look_at_watching(production)
    watched = replace(production, audit_mail=("a@b.vn",), ping_url="https://watch.example.vn/1")
    use_audit_key(with_secret_key(database))
    await audit_job.run(clock.utc_now() - timedelta(days=3), watched)
    old = cli_doctor.look_at_watching(watched)
    await audit_job.run(clock.utc_now(), watched)

    assert alone == []
    assert [f.verdict for f in found] == ["warning"] * 3
    assert "TRACKER_AUDIT_MAIL" in found[0].fix
    assert "TRACKER_PING_URL" in found[1].fix
    assert [(f.verdict, "3 days" in f.words) for f in old] == [("warning", True)]
    assert [f.verdict for f in cli_doctor.look_at_watching(watched)] == ["ok"]


async def test_missing_second_factors_and_keys_are_found(database: Settings) -> None:
    """Who has none is named; a key that is gone is a fault until it is among the former ones."""
    key = Secret("k" * 40)
    async with stage(replace(database, secret_key=key)) as made:
        await enrol(made, made.world.administrator)
        lacking = await cli_doctor.look_at_second_factors(database)
        await enrol(made, made.world.secretariat)
        complete = await cli_doctor.look_at_second_factors(database)
        newer = replace(database, secret_key=Secret("n" * 40))
        lost = await cli_doctor.look_at_sealed(newer)
        keyless = await cli_doctor.look_at_sealed(replace(database, secret_key=None))
        known = await cli_doctor.look_at_sealed(replace(newer, old_secret_keys=(key,)))
        use_key(made.settings)

    assert [(f.verdict, made.email(made.world.secretariat) in f.words) for f in lacking] == [
        ("warning", True)
    ]
    assert [f.verdict for f in complete] == ["ok"]
    assert [f.verdict for f in (*lost, *keyless, *known)] == ["fault", "fault", "ok"]
    assert "TRACKER_OLD_SECRET_KEYS" in lost[0].fix


def test_json_holds_findings_and_settings_without_secrets(
    cluster: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    """--json is one document; the exit code tells whether there was a fault."""
    from tracker.cli import main

    monkeypatch.setenv("TRACKER_DATABASE_URL", "postgresql://x:hunter2@127.0.0.1:1/x")

    code = main(["--language", "en", "doctor", "--json"])

    printed = json.loads(capsys.readouterr().out)
    assert code == 1
    assert {f["verdict"] for f in printed["findings"]} >= {"fault"}
    assert printed["settings"]["TRACKER_DATABASE_URL"] == "***"


def test_every_finding_has_a_sentence_and_every_fault_a_remedy() -> None:
    """Both catalogues know each code the source can bring up."""
    checks = "disk|address|smtp|sign_on|watch|database|clock|migrations|calendar|jobs|outbox|factors|sealed"
    known = {key for key in catalogue("en") if re.match(rf"doctor_({checks})_", key) and "_job_" not in key}
    codes = set(re.findall(r'found\(\s*(?:"(?:ok|warning|fault)"|verdict),\s*"(\w+)"', SOURCE))

    for language in LANGUAGES:
        assert known <= set(catalogue(language))
    for key in known:
        if key.endswith("_fix"):
            assert key.removesuffix("_fix") in known
    assert {re.sub(rf"doctor_({checks})_", "", k) for k in known if not k.endswith("_fix")} == codes

"""`tracker doctor`: every fault is found, told in a sentence, and comes with a remedy."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP

from tracker import cli_doctor, terminal
from tracker.cli_doctor import Finding, examine
from tracker.db import engine
from tracker.i18n import LANGUAGES, catalogue
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
    checks = "disk|address|smtp|database|clock|migrations|calendar|jobs|outbox"
    known = {key for key in catalogue("en") if re.match(rf"doctor_({checks})_", key) and "_job_" not in key}
    codes = set(re.findall(r'found\(\s*(?:"(?:ok|warning|fault)"|verdict),\s*"(\w+)"', SOURCE))

    for language in LANGUAGES:
        assert known <= set(catalogue(language))
    for key in known:
        if key.endswith("_fix"):
            assert key.removesuffix("_fix") in known
    assert {re.sub(rf"doctor_({checks})_", "", k) for k in known if not k.endswith("_fix")} == codes

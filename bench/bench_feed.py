"""How long a calendar feed of 300 entries takes: unchanged (304), whole, and rendered for the first time.

    python -m bench.bench_feed                       1,000,000 assignments, 500 agencies, 200,000 open
    python -m bench.bench_feed --assignments 100000  a smaller house, for a quick look

Starts a PostgreSQL of its own and the service as a process of its own, asks over loopback HTTP on one
connection, and compares with the bars, with an answer that does nothing, and with icalendar as renderer.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time as timing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import uvicorn
from icalendar import Calendar, Event

from tracker.actions.feeds import hash_of, new_token
from tracker.app import Service, create_app
from tracker.db.embedded import EmbeddedPostgres
from tracker.db.migrate import migrate
from tracker.domain.zone import civil_day
from tracker.feeds.entries import EntryStatus, FeedEntry, FeedOptions
from tracker.feeds.join import FeedPlace, build
from tracker.feeds.render import forget_rendered
from tracker.settings import load

ENTRIES = 300
ROUNDS = 400

FILL = """
INSERT INTO ladder (code, name) VALUES ('bench', 'bench');
INSERT INTO ladder_version (ladder_id, version, in_force)
    SELECT id, 1, '[2000-01-01,)' FROM ladder WHERE code = 'bench';
INSERT INTO agency (code, name, short_name, kind, search_key, sort_key)
    SELECT 'B' || n, 'Cơ quan ' || n, 'Cơ quan ' || n, 'other', '', '' FROM generate_series(1, 500) n;
INSERT INTO agency (code, name, short_name, kind, search_key, sort_key)
    VALUES ('BENCH', 'Ủy ban nhân dân tỉnh Phú Thọ', 'UBND tỉnh Phú Thọ', 'province', '', '');
INSERT INTO directive (number, kind, issued_on, issuer, abstract, search_key, created_at, changed_at)
    SELECT n || '/NQ-CP', 'resolution', current_date - 400, 'Chính phủ', 'Trích yếu', '', now(), now()
    FROM generate_series(1, greatest(1, {assignments} / 100)) n;
INSERT INTO task (directive_id, ordinal, short_name, full_text, search_key, changed_at)
    SELECT d.id, n, 'Báo cáo kết quả thực hiện nhiệm vụ được giao, phần ' || n, 'x', '', now()
    FROM (SELECT id FROM directive ORDER BY id) d, generate_series(1, 10) n;
WITH base AS (
    SELECT (SELECT min(id) FROM task) AS task, (SELECT min(id) FROM directive) AS directive,
        (SELECT min(id) FROM agency WHERE code = 'B1') AS agency,
        (SELECT id FROM ladder_version ORDER BY id DESC LIMIT 1) AS ladder
)
INSERT INTO assignment (task_id, directive_id, agency_id, part, state, closed_at, due_kind, due_on, deadline_set_at,
        ladder_version_id, assigned_on, assigned_at, changed_at)
    SELECT task + i / 10, directive + i / 100, agency + i % 500, 'lead',
        CASE WHEN (i / 500) % 5 = 0 THEN 'assigned' ELSE 'withdrawn' END,
        CASE WHEN (i / 500) % 5 = 0 THEN NULL ELSE now() - (i % 400) * interval '1 day' END,
        'dated', current_date + (i * 7919 % 400)::int - 200, now(), ladder, current_date - 300, now(), now()
    FROM base, generate_series(0, {assignments} - 1) i;
WITH base AS (
    SELECT (SELECT id FROM agency WHERE code = 'BENCH') AS agency,
        (SELECT id FROM ladder_version ORDER BY id DESC LIMIT 1) AS ladder
), chosen AS (
    SELECT id, directive_id, row_number() OVER (ORDER BY id) - 1 AS i FROM task ORDER BY id LIMIT 2000
)
INSERT INTO assignment (task_id, directive_id, agency_id, part, state, closed_at, due_kind, due_on, deadline_set_at,
        ladder_version_id, assigned_on, assigned_at, changed_at)
    SELECT id, directive_id, agency, 'lead', CASE WHEN i < 250 THEN 'assigned' ELSE 'withdrawn' END,
        CASE WHEN i < 250 THEN NULL WHEN i < 300 THEN now() - interval '10 days' ELSE now() - interval '200 days' END,
        'dated', current_date + (i * 7919 % 400)::int - 200, now(), ladder, current_date - 300, now(), now()
    FROM base, chosen;
INSERT INTO official (agency_id, full_name, email, role, search_key, sort_key)
    SELECT id, 'bench', 'bench@example.vn', 'agency_officer', '', '' FROM agency WHERE code = 'BENCH';
ANALYZE;
"""


def app() -> Service:
    """The whole service as the environment sets it: what the served process runs."""
    return create_app(load(dict(os.environ)))


def serve(port: int) -> None:
    """Run the service on loopback until it is told to stop."""
    uvicorn.run(
        "bench.bench_feed:app",
        factory=True,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
    )


async def prepare(dsn: str, assignments: int) -> str:
    """Migrate, fill, and make a link of the agency with 300 entries; its token."""
    await migrate(load({}).with_database(dsn))
    connection = await asyncpg.connect(dsn)
    try:
        started = timing.perf_counter()
        await connection.execute(FILL.format(assignments=assignments), timeout=900)
        print(f"{assignments:,} assignments laid in {timing.perf_counter() - started:.0f} s")
        token = new_token()
        await connection.execute(
            "INSERT INTO feed (owner_id, name, token_hash, token_hint, scope, created_at, changed_at)"
            " SELECT id, 'bench', $1, 'xxxx', 'own_agency', now(), now() FROM official"
            " WHERE email = 'bench@example.vn'",
            hash_of(token),
        )
        return token
    finally:
        await connection.close()


class Client:
    """One kept-alive connection that times its requests."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def get(
        self, path: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes, float]:
        """Status, headers, body, and the milliseconds it took."""
        started = timing.perf_counter()
        self.connection.request("GET", path, headers=headers or {})
        response = self.connection.getresponse()
        body = response.read()
        took = (timing.perf_counter() - started) * 1000
        return response.status, {k.lower(): v for k, v in response.getheaders()}, body, took


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    return statistics.quantiles(values, n=100)[round(share * 100) - 1]


def row(name: str, values: list[float], bar: float | None = None) -> None:
    """One line of the table."""
    p50, p95 = percentile(values, 0.5), percentile(values, 0.95)
    verdict = "" if bar is None else f"{bar:7.1f}  {'met' if p95 < bar else 'MISSED'}"
    print(f"{name:<40}{min(values):9.2f}{p50:9.2f}{p95:9.2f}  {verdict}")


def repeated(work: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each round."""
    took = []
    for _ in range(rounds):
        started = timing.perf_counter()
        work()
        took.append((timing.perf_counter() - started) * 1000)
    return took


def specimen() -> list[FeedEntry]:
    """300 entries in memory."""
    now = datetime.now(UTC)
    return [
        FeedEntry(
            uid=f"task-{n}@bench",
            parent_uid=f"whole-{n}@bench",
            directive_number=f"{n}/NQ-CP",
            short_name="Báo cáo kết quả thực hiện nhiệm vụ được giao, phần 1",
            agency="UBND tỉnh Phú Thọ",
            status=EntryStatus.IN_TERM,
            due_on=civil_day(now) + timedelta(days=n),
            due_time=None,
            version=n,
            created_at=now,
            changed_at=now,
            url=f"https://bench/viec/{n}",
            categories=("UBND tỉnh Phú Thọ", f"{n}/NQ-CP"),
        )
        for n in range(ENTRIES)
    ]


def with_icalendar(entries: list[FeedEntry], options: FeedOptions) -> bytes:
    """The same calendar by way of icalendar's parser and writer, for comparison."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "bench")
    for entry in entries:
        event = Event()
        event.add("uid", entry.uid)
        event.add("dtstamp", entry.stamped_at)
        event.add("created", entry.created_at)
        event.add("last-modified", entry.stamped_at)
        event.add("sequence", entry.sequence)
        event.add("summary", f"{entry.agency} – {entry.short_name} ({entry.directive_number})")
        event.add("description", f"{entry.agency}\n{entry.directive_number}\n{entry.url}")
        event.add("dtstart", entry.due_on)
        event.add("dtend", entry.due_on + timedelta(days=1))
        event.add("url", entry.url)
        event.add("categories", list(entry.categories))
        event.add("status", "CONFIRMED")
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def in_process() -> None:
    """Rendering alone, with nothing remembered and with everything remembered."""
    entries, options = specimen(), FeedOptions("bench")
    place = FeedPlace("bench", "bench", "https://bench/x.ics", "https://bench/lich")
    today = civil_day(datetime.now(UTC))

    def cold() -> None:
        forget_rendered()
        build(entries, options, place, today)

    row("rendered anew, in process", repeated(cold, 40))
    row("joined from the cache, in process", repeated(lambda: build(entries, options, place, today), 100))
    row("icalendar 7.3 instead, in process", repeated(lambda: with_icalendar(entries, options), 10))


def over_http(port: int, token: str) -> None:
    """The three answers that a client can get, on one connection."""
    client, path = Client(port), f"/calendars/{token}.ics"
    status, headers, body, first = client.get(path)
    assert status == 200, (status, body)
    found = body.count(b"BEGIN:VEVENT")
    assert found == ENTRIES, found
    known = {"If-None-Match": headers["etag"]}
    for _ in range(20):  # past the plans that PostgreSQL makes anew
        client.get(path)
        assert client.get(path, known)[0] == 304
    nothing = [client.get("/live")[3] for _ in range(ROUNDS)]
    unchanged = [client.get(path, known)[3] for _ in range(ROUNDS)]
    whole = [client.get(path)[3] for _ in range(ROUNDS)]
    assert client.get(path)[2] == body, "the same facts must give the same bytes"
    row("an answer that does nothing", nothing)
    row("304, nothing changed", unchanged, 5.0)
    row(f"whole, {len(body) / 1024:.0f} KB", whole, 15.0)
    print(f"{'whole, the first of the process':<40}{first:9.2f}")


def main() -> None:
    """Lay the data, start the service, ask, print."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--assignments", type=int, default=1_000_000)
    arguments.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.serve:
        serve(chosen.serve)
        return
    with tempfile.TemporaryDirectory(prefix="tracker-bench-") as folder:
        Path(folder).chmod(0o755)  # as root, the server runs under an account that must get in
        with EmbeddedPostgres(Path(folder) / "pg", durable=False) as server:
            token = asyncio.run(prepare(server.dsn(), chosen.assignments))
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.bench_feed", "--serve", str(port)],
                env={
                    **os.environ,
                    "TRACKER_DATABASE_URL": server.dsn(),
                    "TRACKER_DATA_DIR": folder,
                    "TRACKER_FEED_PER_MINUTE": "1000000",
                },
            )
            try:
                _wait_for(port)
                load = os.getloadavg()[0]
                print(
                    f"\n{ENTRIES} entries; {os.cpu_count()} cores, load {load:.1f} before the first request"
                )
                print(f"{'ms':<40}{'best':>9}{'p50':>9}{'p95':>9}  {'bar p95':>7}")
                over_http(port, token)
                in_process()
            finally:
                process.terminate()
                process.wait(20)


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            timing.sleep(0.1)
    raise SystemExit("the service did not start")


if __name__ == "__main__":
    main()

"""A storm of sign-ins: 100 people give their password at once, while somebody else goes on reading pages.

Hashing a password takes some 50 ms of a core on purpose. Hashed on the event loop, 100 of them would stop every
other request for five seconds; beside it, in threads that give way, they may not be felt.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.million import HEADING, line, run
from tracker import clock
from tracker.actions.hashing import hash_password
from tracker.actions.seed import seed
from tracker.cli_up import _listen
from tracker.db.accounts import mark_password, put_account
from tracker.db.demo import insert_officials
from tracker.db.embedded import EmbeddedPostgres
from tracker.db.engine import close_pool, fetch, open_pool
from tracker.db.migrate import migrate
from tracker.settings import Settings, load

PEOPLE = 100
PASSWORD = "trăng rằm soi lối ngõ"
PAGE_BAR = 200


def _email(number: int) -> str:
    return f"nguoi{number}@bench.example.vn"


async def _fill(settings: Settings) -> None:
    """People of the working group with one password: one who reads, a hundred who come at once."""
    await migrate(settings)
    await open_pool(settings)
    try:
        await seed()
        await insert_officials(
            [
                {
                    "full_name": f"Người {number}",
                    "position": "",
                    "email": _email(number),
                    "role": "member",
                    "duty": None,
                }
                for number in range(PEOPLE + 1)
            ]
        )
        hashed = await hash_password(PASSWORD)
        for row in await fetch("SELECT id FROM official"):
            await put_account(row["id"], clock.utc_now())
            await mark_password(row["id"], hashed, clock.utc_now())
    finally:
        await close_pool()


class _Person:
    """A browser of its own, at an address of its own."""

    def __init__(self, address: str, number: int) -> None:
        self.number = number
        self.client = httpx.AsyncClient(
            base_url=address,
            headers={"Accept": "text/html", "X-Forwarded-For": f"203.0.113.{number}", "Origin": address},
            timeout=60,
        )

    async def open_form(self) -> None:
        """Read the page with the form."""
        html = (await self.client.get("/dang-nhap")).text
        self.token = re.findall(r'name="_token" value="([^"]+)"', html)[0]

    async def sign_in(self) -> float:
        """Give the password; how many milliseconds it took."""
        fields = {"_token": self.token, "thu-dien-tu": _email(self.number), "mat-khau": PASSWORD}
        began = time.perf_counter()
        answer = await self.client.post("/dang-nhap", data=fields)
        assert answer.status_code == 303, (answer.status_code, answer.text[:500])
        return (time.perf_counter() - began) * 1000

    async def read(self) -> float:
        """Read a page that needs a session; how many milliseconds it took."""
        began = time.perf_counter()
        answer = await self.client.get("/viec")
        assert answer.status_code == 200, answer.status_code
        return (time.perf_counter() - began) * 1000


async def _measure(address: str) -> None:
    reader = _Person(address, 0)
    await reader.open_form()
    await reader.sign_in()
    calm = [await reader.read() for _ in range(100)]
    crowd = [_Person(address, number) for number in range(1, PEOPLE + 1)]
    for person in crowd:
        await person.open_form()
    storm = asyncio.gather(*(person.sign_in() for person in crowd))
    began = time.perf_counter()
    meanwhile = []
    while not storm.done():
        meanwhile.append(await reader.read())
        await asyncio.sleep(0.02)
    took = time.perf_counter() - began
    print(HEADING)
    print(line("a page before the storm", calm, PAGE_BAR))
    print(line(f"a page during it ({len(meanwhile)} read)", meanwhile, PAGE_BAR))
    print(line(f"{PEOPLE} sign-ins at once, {PEOPLE / took:.0f} a second", await storm, 10_000))


async def _until_up(address: str) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(300):
            try:
                if (await client.get(address + "/live")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError("the service did not start")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tracker-bench-sign-in-"))
    folder.chmod(0o755)  # as root, the server runs under an account that must get in
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _service(settings: Settings) -> Iterator[str]:
    """The service as a process of its own, behind a proxy that is believed; its address."""
    listening, settings = _listen(settings, may_move=True)
    listening.close()
    environment = {
        **os.environ,
        "TRACKER_DATA_DIR": str(settings.data_dir),
        "TRACKER_DATABASE_URL": settings.dsn(),
        "TRACKER_PORT": str(settings.port),
        "TRACKER_TRUSTED_PROXIES": "127.0.0.0/8",
        "TRACKER_LOG_LEVEL": "error",
    }
    process = subprocess.Popen([sys.executable, "-m", "tracker", "serve"], env=environment)
    try:
        yield settings.address
    finally:
        process.terminate()
        process.wait(30)


async def measure() -> None:
    """Print the table."""
    with _folder() as folder, EmbeddedPostgres(folder / "postgres") as server:
        settings = load({"TRACKER_DATA_DIR": str(folder)}).with_database(server.dsn())
        await _fill(settings)
        with _service(settings) as address:
            await _until_up(address)
            await _measure(address)


if __name__ == "__main__":
    run(measure)

"""Files of the pages go over the line zipped, to whoever takes them so."""

from __future__ import annotations

import gzip

import httpx
import pytest

from tests.api import application
from tracker.web.rendering import static_files

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ["app.css", "app.js"])
async def test_a_file_is_zipped_for_who_takes_it_and_plain_for_the_rest(name: str) -> None:
    transport = httpx.ASGITransport(app=application())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        plain = await client.get(f"/static/{name}", headers={"Accept-Encoding": "identity"})
        async with client.stream("GET", f"/static/{name}", headers={"Accept-Encoding": "gzip, br"}) as zipped:
            sent = b"".join([part async for part in zipped.aiter_raw()])

    assert "content-encoding" not in plain.headers
    assert plain.content == static_files()[name][0]
    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) == len(sent) < len(plain.content) / 2
    assert gzip.decompress(sent) == plain.content
    for answer in (plain, zipped):
        assert "accept-encoding" in answer.headers["vary"].lower()
        assert "immutable" in answer.headers["cache-control"]

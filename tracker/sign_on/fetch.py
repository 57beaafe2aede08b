"""Asking the provider: bounded in time and size, no redirect followed, no proxy of the surroundings used."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import httpx

from tracker.domain.claims import Cause, SignOnRefused

WHOLE_SECONDS = 10.0
CONNECT_SECONDS = 4.0
LONGEST_ANSWER = 256 * 1024


@dataclass(frozen=True)
class Question:
    """One request: a GET, or a POST of a form with our credentials."""

    address: str
    form: Mapping[str, str] | None = None
    credentials: tuple[str, str] | None = None


@lru_cache(maxsize=4)
def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """The system's certificates and those of the setting; TLS 1.2 or later, names checked."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


async def ask(question: Question, ca_file: Path | None = None) -> dict[str, object]:
    """The JSON object of an answer with status 200. Raises SignOnRefused, whatever the other side does."""
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            body = await _body(question, ca_file)
    except TimeoutError:
        raise SignOnRefused(Cause.UNREACHABLE, "timeout") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        # ValueError: a host name that cannot be one is found out late, by the resolver.
        raise SignOnRefused(Cause.UNREACHABLE, type(error).__name__) from None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise SignOnRefused(Cause.ANSWER_FORM, "json") from None
    if not isinstance(value, dict):
        raise SignOnRefused(Cause.ANSWER_FORM, "object")
    return value


async def _body(question: Question, ca_file: Path | None) -> bytes:
    # Without compression nothing can grow in our hands; what is compressed all the same is refused.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    auth = httpx.BasicAuth(*question.credentials) if question.credentials else None
    async with (
        httpx.AsyncClient(
            verify=_trust(ca_file),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(WHOLE_SECONDS, connect=CONNECT_SECONDS),
        ) as client,
        client.stream(
            "GET" if question.form is None else "POST",
            question.address,
            data=None if question.form is None else dict(question.form),
            headers=headers,
            auth=auth,
        ) as answer,
    ):
        if 300 <= answer.status_code < 400:
            raise SignOnRefused(Cause.ANSWER_REDIRECTS, str(answer.status_code))
        if answer.status_code != 200:
            raise SignOnRefused(Cause.ANSWER_STATUS, str(answer.status_code))
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise SignOnRefused(Cause.ANSWER_FORM, "compressed")
        collected = bytearray()
        async for part in answer.aiter_raw():
            collected += part
            if len(collected) > LONGEST_ANSWER:
                raise SignOnRefused(Cause.ANSWER_TOO_LARGE)
        return bytes(collected)

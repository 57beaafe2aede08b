"""The transport in memory, the signed return path, and DKIM."""

import subprocess
import unicodedata
from pathlib import Path

import dkim  # type: ignore[import-untyped]  # ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.mail_samples import SAMPLES, TO
from tracker.mail.addresses import check_address
from tracker.mail.compose import render
from tracker.mail.message import to_bytes
from tracker.mail.return_path import outbox_id_of, return_path
from tracker.mail.signature import signer
from tracker.mail.transport import Accepted, MemoryTransport, Outcome, Rejected, TryLater, reply_text

BOUNCES, SECRET = "bounce@vpcp.example.vn", b"a secret of this installation"


@given(outbox_id=st.integers(1, 2**63 - 1))
def test_a_return_path_leads_back_to_its_message(outbox_id: int) -> None:
    address = return_path(outbox_id, BOUNCES, SECRET)

    assert check_address(address) == address
    assert outbox_id_of(address, SECRET) == outbox_id
    assert outbox_id_of(address.upper(), SECRET) == outbox_id
    assert outbox_id_of(address, b"another secret") is None


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "bounce@vpcp.example.vn",
        "bounce+1@x.vn",
        "bounce+1.00000000000000000000@x.vn",
        "+1.a@x",
        "a\n+1.b@c",
    ],
)
def test_a_forged_return_path_leads_nowhere(forged: str) -> None:
    assert outbox_id_of(forged, SECRET) is None


@given(st.text(max_size=2000))
def test_a_servers_words_are_one_printable_line(words: str) -> None:
    shown = reply_text(words)

    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert len(shown) <= 500


@pytest.mark.anyio
async def test_the_transport_in_memory_answers_as_told() -> None:
    answers: dict[str, Outcome] = {
        "dead@x.vn": Rejected(550, "5.1.1 unknown"),
        "lost@x.vn": TryLater("no answer", maybe_delivered=True),
        "down@x.vn": TryLater("refused", relay_down=True),
    }
    transport = MemoryTransport(lambda recipient: answers.get(recipient, Accepted(250, "ok")))

    async with transport.session() as session:
        outcomes = [await session.send("b@x.vn", to, b"data") for to in [*answers, "good@x.vn"]]

    assert outcomes == [*answers.values(), Accepted(250, "ok")]
    assert [delivery.recipient for delivery in transport.taken] == ["lost@x.vn", "good@x.vn"]


@pytest.fixture(scope="module")
def dkim_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A private key, and the DNS record that goes with it."""
    folder = tmp_path_factory.mktemp("dkim")
    key = folder / "key.pem"
    try:
        _run("openssl", "genrsa", "-traditional", "-out", str(key), "2048")
        public = _run("openssl", "rsa", "-in", str(key), "-pubout", "-outform", "PEM")
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    record = b"".join(line for line in public.split(b"\n") if line and not line.startswith(b"-"))
    return Path(key).read_bytes(), b"v=DKIM1; k=rsa; p=" + record


def _run(*arguments: str) -> bytes:
    return subprocess.run(arguments, check=True, capture_output=True).stdout


def _verifies(data: bytes, record: bytes) -> bool:
    return bool(dkim.verify(data, dnsfunc=lambda name, **_: record))


def test_a_signature_verifies_and_survives_refolding(dkim_key: tuple[bytes, bytes]) -> None:
    key, record = dkim_key
    data = to_bytes(render(*SAMPLES["assigned"], "vi", TO))

    signed = signer("vpcp.example.vn", "s1", key)(data) + data
    refolded = signed.replace(b"?=\r\n =?", b"?=\r\n\t =?").replace(b"Subject: ", b"Subject:  ")

    assert signed.startswith(b"DKIM-Signature: ")
    assert b"\n" not in signed.replace(b"\r\n", b"")
    assert _verifies(signed, record)
    assert refolded != signed
    assert _verifies(refolded, record)


@pytest.mark.parametrize("added", [b"Subject: other\r\n", b"From: x@y.vn\r\n", b"Date: now\r\n"])
def test_a_second_header_breaks_the_signature(dkim_key: tuple[bytes, bytes], added: bytes) -> None:
    key, record = dkim_key
    data = to_bytes(render(*SAMPLES["returned"], "vi", TO))

    signed = signer("vpcp.example.vn", "s1", key)(data) + added + data

    assert not _verifies(signed, record)

"""What a mail server may do to us, played by a scripted server: every case ends as the value it should.

The names S1 to S26 are those of the fault matrix; times are shrunk by the Relay's settings, nothing sleeps long.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.mail_samples import SAMPLES, TO
from tracker.mail.compose import render
from tracker.mail.message import to_bytes
from tracker.mail.smtp import MESSAGES_PER_CONNECTION, Relay, SmtpTransport
from tracker.mail.transport import Accepted, Outcome, Rejected, TryLater

pytestmark = pytest.mark.anyio

SENDER, RECIPIENT = "bounce+1.ab@vpcp.example.vn", "vanthu@moh.example.vn"
DATA = b"Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n"
HANG, CLOSE, RESET = object(), object(), object()
HELLO = b"250-relay\r\n250 ENHANCEDSTATUSCODES\r\n"


@dataclass
class Server:
    """A scripted SMTP server: `answers` by verb; a list is used up in turn, its last entry stays."""

    answers: dict[str, Any]
    tls: ssl.SSLContext | None = None
    commands: list[str] = field(default_factory=list)
    stored: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    DEFAULTS = {  # noqa: RUF012  # read only
        "greeting": b"220 relay\r\n",
        "EHLO": HELLO,
        "HELO": b"250 relay\r\n",
        "MAIL": b"250 2.1.0 ok\r\n",
        "RCPT": b"250 2.1.5 ok\r\n",
        "DATA": b"354 go\r\n",
        "body": b"250 2.0.0 queued as 1\r\n",
        "RSET": b"250 ok\r\n",
        "QUIT": b"221 bye\r\n",
        "STARTTLS": b"220 go\r\n",
        "AUTH": b"235 in\r\n",
    }

    def __post_init__(self) -> None:
        self.answers = {**self.DEFAULTS, **self.answers}

    def verbs(self) -> list[str]:
        """The verbs seen, in order."""
        return [command.split()[0].upper() for command in self.commands]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            try:
                await self._answer("greeting", writer)
                while line := await reader.readline():
                    self.commands.append(line.decode("utf-8", "replace").strip())
                    verb = self.verbs()[-1]
                    await self._answer(verb, writer)
                    if verb == "DATA" and self._went_ahead():
                        self.stored.append(await self._body(reader))
                        await self._answer("body", writer)
                    elif verb == "STARTTLS" and self.tls is not None:
                        await writer.start_tls(self.tls)
                    elif verb == "QUIT":
                        break
            finally:
                writer.close()

    def _went_ahead(self) -> bool:
        answer = self.answers["DATA"]
        return isinstance(answer, bytes) and answer.startswith(b"354")

    async def _body(self, reader: asyncio.StreamReader) -> bytes:
        if self.answers["body"] is CLOSE:
            await reader.readline()
            raise ConnectionResetError
        return (await reader.readuntil(b"\r\n.\r\n"))[: -len(b".\r\n")]

    async def _answer(self, verb: str, writer: asyncio.StreamWriter) -> None:
        answer = self.answers.get(verb, b"502 what?\r\n")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer is HANG:
            await asyncio.sleep(30)
        elif answer is CLOSE:
            raise ConnectionResetError
        elif answer is RESET:
            handle = writer.get_extra_info("socket")
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            raise ConnectionResetError
        elif callable(answer):
            await answer(writer)
        else:
            writer.write(answer)
            await writer.drain()


@asynccontextmanager
async def serving(
    tls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None, **answers: Any
) -> AsyncIterator[Server]:
    """A scripted server on a port of its own; its conversations end with the test."""
    server = Server(answers, tls)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=implicit)
    server.port = listening.sockets[0].getsockname()[1]
    before = asyncio.all_tasks()
    try:
        yield server
    finally:
        listening.close()
        conversations = {t for t in asyncio.all_tasks() - before if "Server.serve" in str(t.get_coro())}
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


def relay(server: Server, **changes: Any) -> Relay:
    """A relay in clear with short times."""
    quick = Relay("127.0.0.1", server.port, "none", send_seconds=2, connect_seconds=1, quit_seconds=0.2)
    return replace(quick, **changes)


def impatient(server: Server) -> SmtpTransport:
    """A transport that gives up after a third of a second."""
    return SmtpTransport(relay(server, send_seconds=0.3))


async def send(server: Server, data: bytes = DATA, recipient: str = RECIPIENT, **changes: Any) -> Outcome:
    """One message to the scripted server."""
    return await SmtpTransport(relay(server, **changes)).send(SENDER, recipient, data)


# --- refusals and silences, one after another ----------------------------------------------------------------


def slowly(text: bytes) -> Callable[[asyncio.StreamWriter], Any]:
    """An answer that comes a byte at a time."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        for position in range(len(text)):
            writer.write(text[position : position + 1])
            await writer.drain()
            await asyncio.sleep(0.05)

    return drip


async def endless(writer: asyncio.StreamWriter) -> None:
    """100 MB of reply lines, or as many as anybody reads."""
    for _ in range(100_000_000 // 65_520):
        writer.write(b"250-" + b"x" * 74 + b"\r\n" + b"250-more\r\n" * 6_544)
        await writer.drain()


async def late_greeting(writer: asyncio.StreamWriter) -> None:
    """A greeting after a while."""
    await asyncio.sleep(0.3)
    writer.write(b"220 here at last\r\n")


LATER = {"relay_down": False, "maybe_delivered": False}
DOWN = {"relay_down": True, "maybe_delivered": False}
MAYBE = {"relay_down": False, "maybe_delivered": True}

CASES: dict[str, tuple[dict[str, Any], type[Outcome], dict[str, Any]]] = {
    "S3 silence": ({"greeting": HANG}, TryLater, DOWN),
    "S4 late greeting": ({"greeting": late_greeting}, Accepted, {"code": 250}),
    "S5 greeting 554": ({"greeting": b"554 no\r\n"}, TryLater, DOWN),
    "S6 greeting 421": ({"greeting": b"421 busy\r\n"}, TryLater, DOWN),
    "S7 HELO only": ({"EHLO": b"502 what?\r\n"}, Accepted, {"code": 250}),
    "neither EHLO nor HELO": ({"EHLO": b"502 no\r\n", "HELO": b"502 no\r\n"}, TryLater, DOWN),
    "EHLO hangs": ({"EHLO": HANG}, TryLater, DOWN),
    "S12 MAIL 451": ({"MAIL": b"451 4.3.0 later\r\n"}, TryLater, LATER),
    "S12 MAIL 550": ({"MAIL": b"550 5.7.1 not you\r\n"}, TryLater, DOWN),
    "S12 MAIL 552": ({"MAIL": b"552 5.3.4 too big\r\n"}, Rejected, {"code": 552, "about": "message"}),
    "MAIL 530": ({"MAIL": b"530 5.7.0 sign in first\r\n"}, TryLater, DOWN),
    "MAIL 421": ({"MAIL": b"421 4.3.2 closing\r\n"}, TryLater, DOWN),
    "MAIL hangs": ({"MAIL": HANG}, TryLater, DOWN),
    "S13 RCPT 450": ({"RCPT": b"450 4.2.0 greylisted\r\n"}, TryLater, LATER),
    "S14 RCPT 550": ({"RCPT": b"550 5.1.1 unknown\r\n"}, Rejected, {"code": 550, "about": "recipient"}),
    "RCPT 421": ({"RCPT": b"421 4.7.0 too many connections\r\n"}, TryLater, DOWN),
    "RCPT closes": ({"RCPT": CLOSE}, TryLater, LATER),
    "RCPT hangs": ({"RCPT": HANG}, TryLater, LATER),
    "DATA 451": ({"DATA": b"451 later\r\n"}, TryLater, LATER),
    "DATA 554": ({"DATA": b"554 no\r\n"}, Rejected, {"code": 554, "about": "message"}),
    "DATA hangs": ({"DATA": HANG}, TryLater, LATER),
    "S16 close in the body": ({"body": CLOSE}, TryLater, MAYBE),
    "S17 final 451": ({"body": b"451 4.3.0 later\r\n"}, TryLater, LATER),
    "S17 final 452": ({"body": b"452 4.3.1 disk\r\n"}, TryLater, LATER),
    "S17 final 554": ({"body": b"554 5.7.1 spam\r\n"}, Rejected, {"code": 554, "about": "message"}),
    "final 421": ({"body": b"421 4.3.2 closing\r\n"}, TryLater, DOWN),
    "S18 final never": ({"body": HANG}, TryLater, MAYBE),
    "S19 stored, then reset": ({"body": RESET}, TryLater, MAYBE),
    "final nonsense": ({"body": b"what?\r\n"}, TryLater, MAYBE),
    "final 999": ({"body": b"999 what?\r\n"}, TryLater, MAYBE),
    "S20 421 on QUIT": ({"QUIT": b"421 gone\r\n"}, Accepted, {"code": 250}),
    "S20 reset on QUIT": ({"QUIT": RESET}, Accepted, {"code": 250}),
    "S20 hang on QUIT": ({"QUIT": HANG}, Accepted, {"code": 250}),
    "S21 slow loris": ({"MAIL": slowly(b"250 " + b"x" * 200)}, TryLater, DOWN),
    "S21 slow final": ({"body": slowly(b"250 " + b"x" * 200)}, TryLater, MAYBE),
    "S22 endless reply": ({"EHLO": endless}, TryLater, DOWN),
    "S22 endless final reply": ({"body": endless}, TryLater, MAYBE),
    "S23 extra reply after RCPT": ({"RCPT": b"250 ok\r\n250 ok\r\n"}, TryLater, LATER),
    "S23 answer before the dot": (
        {"DATA": b"354 go\r\n250 queued\r\n", "body": b"451 not really\r\n"},
        TryLater,
        LATER,
    ),
    "S23 extra final reply": ({"body": b"250 queued\r\n250 queued\r\n"}, Accepted, {"code": 250}),
}


@pytest.mark.parametrize("name", CASES)
async def test_every_fault_ends_as_a_value_in_time(name: str) -> None:
    answers, kind, expected = CASES[name]
    begun = time.monotonic()

    async with serving(**answers) as server:
        outcome = await send(server, send_seconds=0.7, connect_seconds=0.5)

    assert time.monotonic() - begun < 1.6
    assert isinstance(outcome, kind), outcome
    assert {key: getattr(outcome, key) for key in expected} == expected, outcome
    assert outcome.text
    assert outcome.text.isprintable()
    assert len(outcome.text) <= 500


async def test_s1_a_refused_connection_is_the_relays_fault() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        outcome = await send(Server({}, port=taken.getsockname()[1]))

    assert isinstance(outcome, TryLater)
    assert outcome.relay_down


async def test_s2_a_port_that_never_accepts_costs_only_the_connect_time() -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = hole.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        begun = time.monotonic()

        outcome = await send(Server({}, port=port), connect_seconds=0.3)

        for one in waiting:
            one.close()
    assert time.monotonic() - begun < 1
    assert isinstance(outcome, TryLater)
    assert outcome.relay_down


async def test_s15_one_recipient_per_message_so_a_partial_refusal_cannot_look_like_success() -> None:
    answers = [b"250 ok\r\n", b"550 5.1.1 unknown\r\n", b"451 4.2.0 later\r\n", b"250 ok\r\n"]

    async with serving(RCPT=answers) as server, SmtpTransport(relay(server)).session() as session:
        outcomes = [await session.send(SENDER, f"{n}@moh.example.vn", DATA) for n in "abcd"]

    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, TryLater, Accepted]
    assert server.connections == 1
    assert len(server.stored) == 2


async def test_s24_a_reply_cannot_forge_a_log_line() -> None:
    reply = b"550 5.1.1 no\x1b[31m user\r\tINFO sent " + b"\xff\xe2\x80\xa8 x" * 300 + b"\r\n"

    async with serving(RCPT=reply) as server:
        outcome = await send(server)

    assert isinstance(outcome, Rejected)
    assert outcome.text.isprintable()
    assert outcome.text.startswith("5.1.1 no [31m user INFO sent")
    assert len(outcome.text) == 500


async def test_s25_a_foreign_local_part_goes_only_where_it_can() -> None:
    async with serving() as plain, serving(EHLO=b"250-relay\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n") as able:
        refused = await send(plain, recipient="ễ@moh.example.vn")
        taken = await send(able, recipient="ễ@moh.example.vn")

    assert isinstance(refused, Rejected)
    assert refused.about == "recipient"
    assert "address unsupported by relay" in refused.text
    assert "MAIL" not in plain.verbs()
    assert isinstance(taken, Accepted)
    assert any(command.startswith("RCPT TO:<ễ@moh.example.vn>") for command in able.commands)
    assert any("SMTPUTF8" in command for command in able.commands if command.startswith("MAIL"))


async def test_an_international_domain_goes_in_ascii() -> None:
    async with serving() as server:
        assert isinstance(await send(server, recipient="vanthu@bộ.vn"), Accepted)

    assert "RCPT TO:<vanthu@xn--b-8xm.vn>" in server.commands


async def test_s26_our_messages_need_no_8bitmime_and_others_are_not_sent_without_it() -> None:
    ours = to_bytes(render(*SAMPLES["assigned"], "vi", TO))

    async with serving() as plain, serving(EHLO=b"250-relay\r\n250 8BITMIME\r\n") as able:
        assert isinstance(await send(plain, ours), Accepted)
        refused = await send(plain, "Subject: ễ\r\n\r\n".encode())
        taken = await send(able, "Subject: ễ\r\n\r\n".encode())

    assert isinstance(refused, Rejected)
    assert refused.about == "message"
    assert len(plain.stored) == 1
    assert isinstance(taken, Accepted)
    assert any("BODY=8BITMIME" in command for command in able.commands)


@pytest.mark.parametrize(
    "address", ["a@b> AUTH=<x@y.vn", '"a b"@c.vn', "a" * 320 + "@c.vn", "@r.vn:a@c.vn", "a\r\nDATA@c.vn", ""]
)
async def test_smuggling_addresses_never_reach_the_wire(address: str) -> None:
    async with serving() as server:
        as_recipient = await send(server, recipient=address)
        as_sender = await SmtpTransport(relay(server)).send(address, RECIPIENT, DATA)

    assert isinstance(as_recipient, Rejected)
    assert as_recipient.about == "recipient"
    assert isinstance(as_sender, Rejected)
    assert as_sender.about == "message"
    assert server.connections == 0


async def test_dsn_is_asked_for_where_it_is_offered() -> None:
    offered = b"250-relay\r\n250-SIZE 1000000\r\n250 DSN\r\n"

    async with serving(EHLO=offered) as able, serving() as plain:
        for server in (able, plain):
            transport = SmtpTransport(relay(server))
            await transport.send(SENDER, RECIPIENT, DATA, envelope_id="digest 1+2=3")

    assert f"MAIL FROM:<{SENDER}> SIZE={len(DATA)} RET=HDRS ENVID=digest+201+2B2+3D3" in able.commands
    assert f"RCPT TO:<{RECIPIENT}> NOTIFY=FAILURE,DELAY" in able.commands
    assert f"MAIL FROM:<{SENDER}>" in plain.commands
    assert f"RCPT TO:<{RECIPIENT}>" in plain.commands


async def test_dots_are_stuffed_and_lines_end_with_crlf() -> None:
    async with serving() as server:
        await send(server)

    assert server.stored == [b"Subject: x\r\n\r\n..dot\r\n...\r\nend\r\n"]


async def test_n12_the_wait_after_the_final_dot_is_its_own_setting() -> None:
    async def queued(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.6)
        writer.write(b"250 queued\r\n")

    async with serving(body=queued) as server:
        hasty = await send(server, send_seconds=0.3)
        patient = await send(server, send_seconds=0.3, final_reply_seconds=2)

    assert isinstance(hasty, TryLater)
    assert hasty.maybe_delivered
    assert isinstance(patient, Accepted)


async def test_a_hang_costs_one_message_and_not_those_after_it() -> None:
    answers = [HANG, b"250 ok\r\n"]

    async with serving(RCPT=answers) as server, impatient(server).session() as session:
        outcomes = [await session.send(SENDER, f"{n}@moh.example.vn", DATA) for n in "abc"]

    assert [type(outcome) for outcome in outcomes] == [TryLater, Accepted, Accepted]
    assert server.connections == 2


async def test_a_connection_is_used_for_at_most_fifty_messages() -> None:
    async with serving() as server, SmtpTransport(relay(server)).session() as session:
        for _ in range(MESSAGES_PER_CONNECTION + 1):
            assert isinstance(await session.send(SENDER, RECIPIENT, DATA), Accepted)

    assert server.connections == 2


@pytest.mark.parametrize("farewell", [b"421 4.4.2 idle\r\n", CLOSE])
async def test_a_connection_closed_between_messages_is_opened_again(farewell: object) -> None:
    answers = [b"250 ok\r\n", farewell, b"250 ok\r\n"]

    async with serving(MAIL=answers) as server, SmtpTransport(relay(server)).session() as session:
        outcomes = [await session.send(SENDER, RECIPIENT, DATA) for _ in range(3)]

    assert [type(outcome) for outcome in outcomes] == [Accepted] * 3
    assert server.connections == 2


async def test_a_session_without_messages_opens_nothing() -> None:
    async with serving() as server, SmtpTransport(relay(server)).session():
        pass

    assert server.connections == 0


async def test_a_cancelled_send_leaves_no_connection_behind() -> None:
    asked = asyncio.Event()

    async def never(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(30)

    async with serving(RCPT=never) as server, SmtpTransport(relay(server)).session() as session:
        sending = asyncio.create_task(session.send(SENDER, RECIPIENT, DATA))
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    assert "QUIT" not in server.verbs()


# --- encryption ----------------------------------------------------------------------------------------------

NAMES = {"good": "127.0.0.1", "wrong_name": "other.example"}


@dataclass(frozen=True)
class Certificates:
    """A throw-away authority with a good, an expired, a misnamed and a self-signed certificate."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The file to trust."""
        return self.folder / "ca.pem"

    def server(self, name: str) -> ssl.SSLContext:
        """A server's side with one of the certificates."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made by openssl for this run only."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def request(name: str, subject: str, alternative: str) -> None:
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={subject}")  # fmt: skip
        (folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")

    def issue(name: str, days: str) -> None:
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem")  # fmt: skip

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "2", "-subj", "/CN=throw-away")  # fmt: skip
    for name, address, days in (
        ("good", "IP:127.0.0.1", "1"),
        ("wrong_name", "DNS:other.example", "1"),
        ("expired", "IP:127.0.0.1", "-1"),
    ):
        request(name, name, address)
        issue(name, days)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "self_signed.key",
            "-out", "self_signed.pem", "-days", "1", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1")  # fmt: skip
    return Certificates(folder)


OFFERS_TLS = [b"250-relay\r\n250 STARTTLS\r\n", b"250-relay\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n"]
SIGNED_IN: dict[str, Any] = {"user": "dondoc", "password": "correct horse battery"}


def wire_of(server: Server) -> str:
    """Everything that the server could read."""
    return "\n".join(server.commands)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_with_a_good_certificate_it_signs_in_and_sends(
    certificates: Certificates, security: Any
) -> None:
    context = certificates.server("good")
    hello = list(OFFERS_TLS) if security == "starttls" else OFFERS_TLS[1]
    both = {"tls": context} if security == "starttls" else {"implicit": context}

    async with serving(**both, EHLO=hello) as server:
        outcome = await send(server, security=security, ca_file=certificates.authority, **SIGNED_IN)

    assert isinstance(outcome, Accepted), outcome
    assert [verb for verb in server.verbs() if verb == "AUTH"] == ["AUTH"]
    assert len(server.stored) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("certificate", ["wrong_name", "expired", "self_signed"])
async def test_s10_a_bad_certificate_gets_nothing(
    certificates: Certificates, certificate: str, security: Any
) -> None:
    context = certificates.server(certificate)
    both = {"tls": context} if security == "starttls" else {"implicit": context}

    async with serving(**both, EHLO=list(OFFERS_TLS)) as server:
        outcome = await send(server, security=security, ca_file=certificates.authority, **SIGNED_IN)

    assert isinstance(outcome, TryLater), outcome
    assert outcome.relay_down
    assert "ertificate" in outcome.text or "CERTIFICATE" in outcome.text
    assert not {"AUTH", "MAIL", "DATA"} & set(server.verbs())


async def test_s8_without_starttls_no_password_and_no_message_go_in_clear(certificates: Certificates) -> None:
    async with serving(EHLO=b"250-relay\r\n250 AUTH PLAIN LOGIN\r\n") as server:
        outcome = await send(server, security="starttls", ca_file=certificates.authority, **SIGNED_IN)

    assert isinstance(outcome, TryLater)
    assert outcome.relay_down
    assert not {"AUTH", "MAIL", "DATA"} & set(server.verbs())
    assert server.stored == []


@pytest.mark.parametrize(
    "answer", [b"220 go\r\n\x00garbage\r\n", b"454 not now\r\n", b"220 go\r\n250 injected\r\n"]
)
async def test_s9_garbage_after_starttls_gets_nothing(certificates: Certificates, answer: bytes) -> None:
    async def then_garbage(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.write(b"\x16\x03garbage\r\n" * 20)

    async with serving(EHLO=list(OFFERS_TLS), STARTTLS=then_garbage) as server:
        outcome = await send(server, security="starttls", ca_file=certificates.authority, **SIGNED_IN)

    assert isinstance(outcome, TryLater)
    assert outcome.relay_down
    assert not any(name in wire_of(server) for name in ("AUTH", "MAIL", "DATA"))


@pytest.mark.parametrize("answer", [b"535 5.7.8 wrong\r\n", b"454 4.7.0 later\r\n", b"421 closing\r\n", HANG])
async def test_s11_a_refused_sign_in_is_tried_once_and_loses_nothing(
    certificates: Certificates, answer: object
) -> None:
    async with serving(tls=certificates.server("good"), EHLO=list(OFFERS_TLS), AUTH=answer) as server:
        outcome = await send(
            server, security="starttls", ca_file=certificates.authority, send_seconds=1, **SIGNED_IN
        )

    assert isinstance(outcome, TryLater)
    assert outcome.relay_down
    assert server.verbs().count("AUTH") == 1
    assert "MAIL" not in server.verbs()
    assert "correct horse" not in outcome.text


def test_clear_text_beyond_this_machine_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ValueError, match="in clear"):
        Relay("mail.example.vn", 25, "none")
    with pytest.raises(ValueError, match="password"):
        Relay("127.0.0.1", 25, "none", user="a", password="b")

    assert Relay("mail.example.vn", 25, "none", allow_clear=True).tls_context() is None
    assert "hunter2" not in repr(Relay("127.0.0.1", user="a", password="hunter2"))


# --- real servers --------------------------------------------------------------------------------------------


@pytest.fixture
def smtp_sink() -> Iterator[tuple[int, Path]]:
    """Postfix's smtp-sink, keeping each message as a file."""
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        pytest.skip("postfix is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="smtp-sink-"))
    folder.chmod(0o777)  # as root it drops to another user
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    process = subprocess.Popen([program, *user, "-d", str(folder / "%M."), f"127.0.0.1:{port}", "10"])
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            break
        time.sleep(0.02)
    yield port, folder
    process.kill()
    process.wait()
    shutil.rmtree(folder)


async def test_postfix_takes_our_messages_as_they_are(smtp_sink: tuple[int, Path]) -> None:
    port, folder = smtp_sink
    messages = [to_bytes(render(kind, context, "vi", TO)) for kind, context in SAMPLES.values()]

    async with SmtpTransport(Relay("127.0.0.1", port, "none", send_seconds=10)).session() as session:
        outcomes = [await session.send(SENDER, RECIPIENT, data) for data in messages]

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    kept = [path.read_bytes().replace(b"\r\n", b"\n") for path in folder.iterdir()]
    for data in messages:
        assert any(data.replace(b"\r\n", b"\n").strip() in one for one in kept)

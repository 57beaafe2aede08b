"""Attack cases 79 and 80: a webhook leads nowhere but to its receiver, and no receiver can hold the service up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tests.receivers import Authority, Receiver, answer, make_authority, receiving
from tracker.domain.net import UnsafeAddress, is_address_allowed, is_host_listed, read_url
from tracker.webhooks.sender import Sender

pytestmark = pytest.mark.anyio

EVERY_HOST = (".vn", ".example", ".com", "localhost", "127.0.0.1", "::1", "169.254.169.254", "10.0.0.1")
HOST = "hooks.example"


@dataclass
class Names:
    """A resolver that gives its answers one after the other, as a rebinding attacker's does."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


def plain(total_seconds: float = 5.0) -> Sender:
    """A sender that may call this machine in clear, for receivers that misbehave."""
    return Sender(hosts=("127.0.0.1",), plain_http=True, total_seconds=total_seconds)


# -- 79: addresses that lead inside --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.1/", "webhook_url_numeric"),
        ("https://0/", "webhook_url_numeric"),
        ("https://2130706433/", "webhook_url_numeric"),
        ("https://0x7f000001/", "webhook_url_numeric"),
        ("https://0x7f.0.0.1/", "webhook_url_numeric"),
        ("https://0177.0.0.1/", "webhook_url_numeric"),
        ("https://017700000001/", "webhook_url_numeric"),
        ("https://127.0.0.1./", "webhook_url_numeric"),
        ("https://[::1]/", "webhook_address_refused"),
        ("https://[::]/", "webhook_host_not_listed"),
        ("https://[::ffff:127.0.0.1]/", "webhook_host_not_listed"),
        ("https://[fd00::1]/", "webhook_host_not_listed"),
        ("https://[fe80::1%25eth0]/", "webhook_url_host"),
        ("https://127.0.0.1/", "webhook_address_refused"),
        ("https://169.254.169.254/latest/meta-data", "webhook_address_refused"),
        ("https://10.0.0.1/", "webhook_address_refused"),
        ("file:///etc/passwd", "webhook_url_scheme"),
        ("gopher://hooks.example:70/_GET", "webhook_url_scheme"),
        ("http://hooks.example/", "webhook_url_scheme"),
        ("ftp://hooks.example/", "webhook_url_scheme"),
        ("javascript://hooks.example/%0aalert(1)", "webhook_url_scheme"),
        ("https:hooks.example/", "webhook_url_form"),
        ("//hooks.example/", "webhook_url_form"),
        ("https://good.example@evil.invalid/", "webhook_url_userinfo"),
        ("https://good.example:pw@evil.invalid/", "webhook_url_userinfo"),
        ("https://good.example%40evil.invalid/", "webhook_url_host"),
        ("https://evil.invalid#@good.example/", "webhook_url_form"),
        ("https://evil.invalid\\@good.example/", "webhook_url_userinfo"),
        ("https://evil.invalid\\.good.example/", "webhook_url_host"),
        ("https://hooks.example\\@10.0.0.1/", "webhook_url_userinfo"),
        ("https://hooks。example/", "webhook_url_form"),
        ("https://①②⑦.⓪.⓪.①/", "webhook_url_form"),
        ("https://ｌocalhost/", "webhook_url_form"),
        ("https://hooks.example:22/", "webhook_url_port"),
        ("https://hooks.example:0/", "webhook_url_port"),
        ("https://hooks.example:99999/", "webhook_url_port"),
        ("https://hooks.example:/", "webhook_url_host"),
        ("https://hooks..example/", "webhook_url_host"),
        ("https://-hooks.example/", "webhook_url_host"),
        ("https://hooks_.example/", "webhook_url_host"),
        ("https:///path", "webhook_url_host"),
        ("https://hooks.example/a b", "webhook_url_form"),
        ("https://hooks.example/a\r\nHost: evil", "webhook_url_form"),
        ("https://hooks.example/\0", "webhook_url_form"),
        ("https://hooks.example/" + "a" * 2000, "webhook_url_form"),
        ("", "webhook_url_form"),
        ("https://evilhooks.invalid/", "webhook_host_not_listed"),
        ("https://example/", "webhook_host_not_listed"),
        ("https://localhost.evil.invalid/", "webhook_host_not_listed"),
    ],
)
async def test_case_79_addresses_that_are_refused_before_any_name_is_asked(url: str, code: str) -> None:
    names = Names([["93.184.216.34"]])
    sender = Sender(hosts=EVERY_HOST, resolver=names)

    with pytest.raises(UnsafeAddress) as refused:
        sender.target(url)
    sent = await sender.post(url, b"{}", {})

    assert refused.value.code == code
    assert (sent.status, sent.reason) == (None, code)
    assert names.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "100.64.0.1", "100.127.255.255", "169.254.169.254", "168.63.129.16", "192.0.0.170", "192.0.2.1",
        "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "fc00::1", "fd00:ec2::254",
        "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1",
        "5f00::1", "127.1", "0x7f.1", "", "localhost",
    ],
)  # fmt: skip
async def test_case_79_names_that_lead_inside_are_refused(address: str) -> None:
    names = Names([[address]])
    sender = Sender(hosts=(HOST,), resolver=names)

    sent = await sender.post(f"https://{HOST}/", b"{}", {})

    assert not is_address_allowed(address)
    assert sent.reason == "webhook_address_refused"
    assert names.asked == [HOST]


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_case_79_the_internet_is_allowed(address: str) -> None:
    assert is_address_allowed(address)


async def test_case_79_one_inner_address_among_outer_ones_refuses_all(authority: Authority) -> None:
    sender = Sender(hosts=(HOST,), resolver=Names([["8.8.8.8", "10.0.0.1"]]))

    assert (await sender.post(f"https://{HOST}/", b"{}", {})).reason == "webhook_address_refused"


async def test_case_79_rebinding_the_connection_goes_where_the_first_answer_led(authority: Authority) -> None:
    async with (
        receiving(tls=authority.server(HOST)) as first,
        receiving(Receiver(), tls=authority.server(HOST), host="127.0.0.2") as second,
    ):
        names = Names([["127.0.0.1"], ["127.0.0.2"]])
        sender = Sender(
            hosts=(HOST,), networks=("127.0.0.1/32",), ca_file=authority.file, resolver=names, plain_http=True
        )

        sent = await sender.post(f"https://{HOST}:{first.port}/hook", b"{}", {})
        # The name now leads to 127.0.0.2, which is not in the listed network.
        again = await sender.post(f"https://{HOST}:{first.port}/hook", b"{}", {})

    assert sent.status == 204
    assert names.asked == [HOST, HOST]
    assert (first.connections, second.connections) == (1, 0)
    assert again.reason == "webhook_address_refused"
    # Right name for the certificate and for the receiver, though the connection went to a number.
    assert first.server_names == [HOST]
    assert first.requests[0].headers["host"] == f"{HOST}:{first.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_case_79_and_80_redirects_are_failures(status: int) -> None:
    async with receiving() as inner, receiving() as receiver:
        receiver.answers = [answer(status, Location=f"http://127.0.0.1:{inner.port}/latest/meta-data")]

        sent = await plain().post(f"http://127.0.0.1:{receiver.port}/", b"{}", {})

    assert sent.status == status
    assert (receiver.connections, inner.connections) == (1, 0)


async def test_case_79_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        sent = await plain().post(f"http://127.0.0.1:{receiver.port}/", b"{}", {})

    assert sent.status == 204
    assert (proxy.connections, receiver.connections) == (0, 1)


async def test_case_79_clear_text_reaches_this_machine_only() -> None:
    sender = Sender(hosts=(HOST,), networks=("10.0.0.0/8",), plain_http=True, resolver=Names([["10.0.0.1"]]))

    assert (await sender.post(f"http://{HOST}:8080/", b"{}", {})).reason == "webhook_address_refused"
    sender = Sender(hosts=(HOST,), plain_http=True, resolver=Names([["8.8.8.8"]]))
    assert (await sender.post(f"http://{HOST}:8080/", b"{}", {})).reason == "webhook_address_refused"


def test_case_79_without_a_list_there_are_no_webhooks() -> None:
    with pytest.raises(UnsafeAddress) as refused:
        Sender().target(f"https://{HOST}/")

    assert refused.value.code == "webhooks_off"
    assert not is_host_listed("gov.vn", (".gov.vn",))
    assert read_url("https://Hooks.Example/").host == HOST


# -- 80: receivers that misbehave ----------------------------------------------------------------------


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drip_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def flood_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: " + b"y" * 60_000 + b"\r\n")
        await writer.drain()


async def flood_interim(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)
        await writer.drain()


async def drip_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01\x02 not http\r\n\r\n")


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (hang, "timeout"),
        (drip_head, "timeout"),
        (flood_head, "protocol"),
        (flood_interim, "protocol"),
        (garbage, "protocol"),
        (hang_up, "connection protocol"),
    ],
)
async def test_case_80_receiver_that_gives_no_answer(behave: object, reason: str) -> None:
    async with receiving(Receiver(behave=behave)) as receiver:  # type: ignore[arg-type]  # a function as parametrised
        began = time.monotonic()

        sent = await plain(total_seconds=1.0).post(f"http://127.0.0.1:{receiver.port}/", b"{}", {})

    assert sent.status is None
    assert sent.reason in reason.split()
    assert time.monotonic() - began < 3


async def test_case_80_ten_gigabytes_are_not_read() -> None:
    sent_bytes = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent_bytes
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent_bytes += 65_536

    async with receiving(Receiver(behave=flood)) as receiver:
        sent = await plain().post(f"http://127.0.0.1:{receiver.port}/", b"{}", {})

    assert sent.status == 200
    assert len(sent.text) == 65_536
    assert sent_bytes < 20_000_000, "the receiver was cut off"


async def test_case_80_an_endless_answer_does_not_undo_its_status() -> None:
    async with receiving(Receiver(behave=drip_body)) as receiver:
        sent = await plain().post(f"http://127.0.0.1:{receiver.port}/", b"{}", {})

    assert sent.status == 200
    assert sent.text.startswith("xx")


async def test_case_80_nobody_listens() -> None:
    async with receiving() as receiver:
        port = receiver.port

    assert (await plain().post(f"http://127.0.0.1:{port}/", b"{}", {})).reason == "connection"


@pytest.mark.parametrize(
    ("names", "days", "is_self_signed"),
    [(("other.example",), 30, False), ((HOST,), -1, False), ((HOST,), 30, True), (("127.0.0.1",), 30, False)],
    ids=["another name", "run out", "self-signed", "the address instead of the name"],
)
async def test_case_80_bad_certificates(
    authority: Authority, names: tuple[str, ...], days: int, is_self_signed: bool
) -> None:
    context = authority.server(*names, days=days, is_self_signed=is_self_signed)
    async with receiving(tls=context) as receiver:
        sender = Sender(
            hosts=(HOST,), networks=("127.0.0.0/8",), ca_file=authority.file, resolver=Names([["127.0.0.1"]]),
            plain_http=True,
        )  # fmt: skip

        sent = await sender.post(f"https://{HOST}:{receiver.port}/", b"{}", {})

    assert (sent.status, sent.reason) == (None, "tls")
    assert receiver.requests == []


async def test_case_80_receiver_that_speaks_no_tls(authority: Authority) -> None:
    async with receiving() as receiver:
        sender = Sender(
            hosts=(HOST,), networks=("127.0.0.0/8",), resolver=Names([["127.0.0.1"]]), plain_http=True,
            total_seconds=2.0,
        )  # fmt: skip

        sent = await sender.post(f"https://{HOST}:{receiver.port}/", b"{}", {})

    assert sent.status is None
    assert receiver.requests == []


async def test_case_80_retry_after_is_read() -> None:
    async with receiving() as receiver:
        receiver.answers = [answer(503, Retry_After="120"), answer(429, Retry_After="never")]
        url = f"http://127.0.0.1:{receiver.port}/"

        assert (await plain().post(url, b"{}", {})).retry_after == timedelta(seconds=120)
        assert (await plain().post(url, b"{}", {})).retry_after is None


async def test_well_behaved_receiver_gets_what_is_sent(authority: Authority) -> None:
    async with receiving(tls=authority.server(HOST)) as receiver:
        receiver.answers = [answer(200, "đã nhận".encode())]
        sender = Sender(
            hosts=(".example",), networks=("127.0.0.0/8",), ca_file=authority.file,
            resolver=Names([["127.0.0.1"]]), plain_http=True,
        )  # fmt: skip

        sent = await sender.post(f"https://{HOST}:{receiver.port}/a?b=c", b'{"x":1}', {"webhook-id": "msg_1"})

    assert (sent.status, sent.text) == (200, "đã nhận")
    assert receiver.requests[0].head == "POST /a?b=c HTTP/1.1"
    assert receiver.requests[0].body == b'{"x":1}'
    assert receiver.requests[0].headers["webhook-id"] == "msg_1"
    assert receiver.requests[0].headers["content-type"] == "application/json"

"""Messages as bytes: whatever the text, a strict parser reads back exactly what was meant."""

import email
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracker.mail.message import (
    Attachment,
    CalendarPart,
    Mailbox,
    Message,
    body_text,
    header_text,
    message_id,
    thread_root,
    to_bytes,
)

WEIRD = "\x00\r\n\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029\u202e\ud800\x7f\t "
VIETNAMESE = "Đôn đốc thực hiện Nghị quyết số 17/NQ-CP: ễ ặ ữ ẵ ợ"
texts = st.text(st.one_of(st.characters(), st.sampled_from(WEIRD), st.sampled_from(VIETNAMESE)), max_size=300)

BASE = Message(
    sender=Mailbox("Đôn Đốc", "dondoc@vpcp.example.vn"),
    recipient=Mailbox("Nguyễn Văn A", "a@moh.example.vn"),
    reply_to=Mailbox("Theo dõi", "theodoi@vpcp.example.vn"),
    subject="[Quá hạn 3 ngày] 17/NQ-CP – Kế hoạch",
    text="Kính gửi,\n\nNội dung.\n",
    html="<p>Nội dung</p>",
    message_id="<k-1@vpcp.example.vn>",
    key="k-1",
    sent_at=datetime(2025, 11, 25, 1, tzinfo=UTC),
    references=(thread_root("9a", "vpcp.example.vn"),),
)


def parse(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def squeezed(name: str) -> str:
    """Without spaces: Python 3.11 shows one between two encoded words of a name, against RFC 2047 §6.2."""
    return name.replace(" ", "")


def content(part: Any) -> str:
    """The text of a part with LF line ends."""
    text: str = part.get_content()
    return text.replace("\r\n", "\n").rstrip("\n")


def assert_sound(data: bytes) -> EmailMessage:
    """Bars M1 and M13: what every message must satisfy on the wire."""
    assert data.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    assert max(map(len, data.split(b"\r\n"))) <= 998
    head = data.partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78
    message = parse(data)
    for part in message.walk():
        assert part.defects == []
        for name, value in part.items():
            assert not getattr(value, "defects", ()), name
    names = [name.lower() for name in message.keys()]  # noqa: SIM118  # a message's own order, with doubles
    assert len(names) == len(set(names))
    return message


@given(subject=texts, name=texts, body=texts, html=texts)
@example(subject="a\r\nBcc: x@y.vn", name='Lê, "Đức" <x@y.vn>; \\', body=".\r\n..\n=_a\n--=_a", html="")
@example(subject="=?utf-8?b?YQ==?=", name="=?utf-8?q?a?=", body="\u2028", html="\ud800")
@example(subject="a" * 300, name="b" * 300, body=" \t\n" * 9, html="x" * 5000)
@settings(max_examples=300, deadline=None)
def test_any_text_survives_and_nothing_is_injected(subject: str, name: str, body: str, html: str) -> None:
    message = replace(
        BASE, subject=subject, recipient=Mailbox(name, "a@moh.example.vn"), text=body, html=html
    )

    read = assert_sound(to_bytes(message))

    assert read["Subject"] == header_text(subject)
    (to,) = read["To"].addresses
    assert to.addr_spec == "a@moh.example.vn"
    assert squeezed(to.display_name) == squeezed(header_text(name))
    assert read["Bcc"] is None
    plain = read.get_body(("plain",))
    page = read.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert content(plain) == body_text(body).rstrip("\n")
    assert content(page) == body_text(html).rstrip("\n")


@pytest.mark.parametrize(
    "name",
    [
        "Nguyễn Văn A, Vụ trưởng",
        "a;b",
        'Say "hi"',
        "a <x@y.vn>",
        "a@b",
        "(comment)",
        "back\\slash",
        "A. B.",
        "Bộ",
    ],
)
def test_a_name_never_becomes_a_second_recipient(name: str) -> None:
    read = assert_sound(to_bytes(replace(BASE, recipient=Mailbox(name, "a@moh.example.vn"))))

    assert [(a.display_name, a.addr_spec) for a in read["To"].addresses] == [(name, "a@moh.example.vn")]


def test_a_long_vietnamese_name_is_folded_and_whole() -> None:
    name = "Ban Chỉ đạo cải cách hành chính của Chính phủ – Bộ phận giúp việc thường trực"

    data = to_bytes(replace(BASE, recipient=Mailbox(name, "a@moh.example.vn")))

    assert_sound(data)
    phrase = email.message_from_bytes(data)["To"].rpartition("<")[0].strip()
    assert str(make_header(decode_header(phrase))) == name


def test_headers_say_who_when_and_that_a_machine_wrote() -> None:
    read = assert_sound(to_bytes(BASE))

    assert read["From"].addresses[0].addr_spec == "dondoc@vpcp.example.vn"
    assert read["Reply-To"].addresses[0].addr_spec == "theodoi@vpcp.example.vn"
    assert read["Message-ID"] == "<k-1@vpcp.example.vn>"
    assert read["References"] == "<task-9a@vpcp.example.vn>"
    assert read["X-Notify-Key"] == "k-1"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert read["Precedence"] is None
    assert read["Date"].endswith("+0700")
    assert parsedate_to_datetime(read["Date"]) == BASE.sent_at
    assert read["Content-Language"] == "vi"


def test_structure_without_and_with_a_calendar() -> None:
    calendar = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
    with_calendar = replace(
        BASE,
        calendar=CalendarPart("REQUEST", calendar),
        attachments=(Attachment("invite.ics", "application/ics", calendar),),
    )

    plain = assert_sound(to_bytes(BASE))
    full = assert_sound(to_bytes(with_calendar))

    assert [p.get_content_type() for p in plain.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert [p.get_content_type() for p in full.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    part, attached = list(full.walk())[4:]
    assert part.get_param("method") == "REQUEST"
    assert part.get_param("charset") == "UTF-8"
    assert part.get_payload(decode=True) == attached.get_payload(decode=True) == calendar
    assert attached.get_filename() == "invite.ics"


def test_an_attachment_keeps_a_vietnamese_name() -> None:
    attachment = Attachment('Phụ lục "1".pdf', "application/pdf", b"%PDF")

    read = assert_sound(to_bytes(replace(BASE, attachments=(attachment,))))

    assert [p.get_filename() for p in read.iter_attachments()] == ['Phụ lục "1".pdf']


def test_the_same_message_gives_the_same_bytes() -> None:
    assert to_bytes(BASE) == to_bytes(replace(BASE))


def test_several_threads_are_all_named() -> None:
    roots = tuple(thread_root(f"{number:032x}", "vpcp.example.vn") for number in range(10))

    read = assert_sound(to_bytes(replace(BASE, references=roots)))

    assert read["References"].split() == list(roots)


def test_a_local_part_beyond_ascii_stands_as_it_is() -> None:
    data = to_bytes(replace(BASE, recipient=Mailbox("Ễ", "ễ@moh.example.vn")))

    assert "<ễ@moh.example.vn>".encode() in data


@pytest.mark.parametrize("key", ["", "a b", "a\r\nb", ".a", "a.", "a..b", "a<b>", "ễ"])
def test_a_message_id_is_refused_when_it_would_not_parse(key: str) -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        message_id(key, "vpcp.example.vn")

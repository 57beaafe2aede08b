"""Forms with files: what comes is limited while it comes, judged before it is kept, and nothing typed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from tracker.api.errors import Refusal
from tracker.settings import Settings
from tracker.web import uploads
from tracker.web.forms import Form, FormNotOurs
from tracker.web.page import Page
from tracker.web.session import Signer, anonymous, form_token
from tracker.web.uploads import UploadedFile, read_upload_form

BOUNDARY = "bien-gioi-abc123"


class Sent:
    """A request with a body in pieces."""

    def __init__(self, body: bytes, content_type: str, piece: int) -> None:
        self.headers = {"content-type": content_type, "host": "127.0.0.1:8080"}
        self.scope = {"path": "/van-ban/nhap", "query_string": b""}
        self.body, self.piece = body, piece

    async def stream(self) -> AsyncIterator[bytes]:
        """The body, piece by piece."""
        for start in range(0, len(self.body), self.piece):
            yield self.body[start : start + self.piece]


class Reader:
    """What a page knows when a form comes."""

    def __init__(self, sent: Sent) -> None:
        self.request = sent
        self.session = anonymous()
        self.has_ended = False
        self.state = type("State", (), {"signer": Signer(b"k" * 32), "settings": Settings()})()


def part(name: str, content: bytes, file_name: str | None = None, media_type: str = "text/csv") -> bytes:
    """One part as browsers write it."""
    head = f'Content-Disposition: form-data; name="{name}"'
    if file_name is not None:
        head += f'; filename="{file_name}"\r\nContent-Type: {media_type}'
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def read(
    *parts: bytes,
    end: bytes = END,
    token: bool = True,
    content_type: str = f"multipart/form-data; boundary={BOUNDARY}",
    piece: int = 7,
    most_bytes: int = 1000,
    **options: Any,
) -> tuple[Form, list[UploadedFile]]:
    """What the reader makes of a body."""
    sent = Sent(b"", content_type, piece)
    page = Reader(sent)
    own = part("_token", form_token(page.state.signer, page.session).encode()) if token else b""
    sent.body = own + b"".join(parts) + end
    reading = read_upload_form(cast(Page, page), most_files=1, most_bytes=most_bytes, **options)
    return asyncio.run(reading)


@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_fields_and_file_come_whole_however_they_are_cut(piece: int) -> None:
    form, files = read(
        part("bang", "Nhiệm vụ\r\nBộ Y tế".encode()),
        part("tep", b"a;b\r\n--bien\r\n", "Phụ lục.csv"),
        piece=piece,
    )

    assert form.values == {"bang": "Nhiệm vụ\nBộ Y tế"}
    assert files == [UploadedFile("tep", "Phụ lục.csv", "text/csv", b"a;b\r\n--bien\r\n")]
    assert form.problems == []


def test_decomposed_vietnamese_is_composed() -> None:
    form, _ = read(part("bang", "Bộ Y tế".encode()))

    assert form.text("bang") == "Bộ Y tế"


def test_no_file_chosen_is_no_file() -> None:
    _, files = read(part("tep", b"", ""))

    assert files == []


def test_too_large_a_file_is_left_out_and_the_rest_is_kept() -> None:
    form, files = read(part("tep", b"x" * 1001, "to.csv"), part("ghi-chu", b"con day"))

    assert files == []
    assert [(p.field, p.code, p.params["file"]) for p in form.problems] == [
        ("tep", "upload_too_large", "to.csv")
    ]
    assert form.text("ghi-chu") == "con day"


def test_more_files_than_allowed_are_left_out() -> None:
    form, files = read(*(part("tep", b"x", f"{n}.csv") for n in range(3)))

    assert [file.name for file in files] == ["0.csv"]
    assert [p.code for p in form.problems] == ["upload_too_many"]


def test_a_file_before_the_token_is_nobodys_form() -> None:
    with pytest.raises(FormNotOurs):
        read(part("tep", b"x", "a.csv"), token=False)


def test_no_token_is_nobodys_form() -> None:
    with pytest.raises(FormNotOurs):
        read(part("bang", b"x"), token=False)


@pytest.mark.parametrize(
    ("parts", "end"),
    [
        ((part("bang", b"x"),), b""),
        ((part("bang", b"x"),), f"--{BOUNDARY}".encode()),
        ((part("bang", b"\xff\xfe"),), END),
        ((part("bang", b"a\0b"),), END),
        ((f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nx\r\n".encode(),), END),
        ((f"--{BOUNDARY}\r\n{'X-A: b' * 2000}\r\n\r\nx\r\n".encode(),), END),
        (tuple(part(f"o-{n}", b"x") for n in range(300)), END),
    ],
    ids=[
        "no end",
        "half an end",
        "not utf-8",
        "nul",
        "no name",
        "long header",
        "many parts",
    ],
)
def test_broken_body_is_refused(parts: tuple[bytes, ...], end: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read(*parts, end=end)

    assert refused.value.code == "bad_request"


def test_a_field_twice_is_refused_unless_it_may_come_twice() -> None:
    twice = (part("ma", b"1"), part("ma", b"2"))
    with pytest.raises(Refusal) as refused:
        read(*twice)
    form, _ = read(*twice, repeatable=frozenset({"ma"}))

    assert refused.value.code == "repeated_parameter"
    assert form.many("ma") == ["1", "2"]


def test_endless_text_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        read(part("bang", b"x" * 60), part("khac", b"x" * 60), most_text=150)

    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=a", uploads.MULTIPART + ";"],
)
def test_another_media_type_is_refused(content_type: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(content_type=content_type)

    assert refused.value.code in ("unsupported_media_type", "bad_request")

"""A form with files (multipart/form-data), read as it comes: fields as any form has them, files beside them.

The token is judged before the first file is taken; what is too large is dropped while it comes and noted as a
problem of its field, so that the rest of what was typed is not lost.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from multipart import (  # type: ignore[import-untyped]  # it ships no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from tracker.api.errors import Refusal
from tracker.domain.text import endless_marks
from tracker.web.forms import MOST_BYTES, MOST_FIELDS, Form, check_origin, check_token, keep
from tracker.web.page import Page

MULTIPART = "multipart/form-data"
LARGEST_BODY = 12_000_000
"""What one request may carry in all, as everywhere here; a route that takes files says so to its framework with
`request_max_body_size=LARGEST_BODY`."""
_LONGEST_NAME = 100
_LONGEST_FILE_NAME = 1000
_LONGEST_HEADER = 4096


@dataclass(frozen=True)
class UploadedFile:
    """A file as a browser sent it: nothing of it is believed yet, neither its name nor its type."""

    field: str
    name: str
    media_type: str
    content: bytes


@dataclass
class _Part:
    """One part while it comes."""

    name: str
    file_name: str | None
    media_type: str
    room: int
    content: bytearray = field(default_factory=bytearray)
    is_too_large: bool = False

    def take(self, chunk: bytes | bytearray) -> None:
        if self.is_too_large or len(self.content) + len(chunk) > self.room:
            self.is_too_large = True
            self.content.clear()
            return
        self.content += chunk


async def read_upload_form(
    page: Page,
    *,
    most_files: int,
    most_bytes: int,
    most_text: int = MOST_BYTES,
    repeatable: frozenset[str] = frozenset(),
) -> tuple[Form, list[UploadedFile]]:
    """The form of this request and its files, at most `most_files` of at most `most_bytes` each.

    More or larger ones are left out and noted as problems of their field (upload_too_many, upload_too_large).
    Raises Refusal for a broken or endless body, FormNotOurs for a foreign one; SignInNeeded where the session
    ended meanwhile: the fields are kept, the files are not.
    """
    check_origin(page)
    media_type, options = parse_options_header(page.request.headers.get("content-type", ""))
    if media_type.strip().lower() != MULTIPART:
        raise Refusal("unsupported_media_type", expected=MULTIPART)
    reader = _Reader(page, most_files, most_bytes, most_text, repeatable)
    try:
        with PushMultipartParser(
            options.get("boundary", ""),
            max_header_size=_LONGEST_HEADER,
            max_header_count=4,
            max_segment_count=MOST_FIELDS + most_files + 10,
        ) as parser:
            async for chunk in page.request.stream():
                if chunk:
                    for event in parser.parse(chunk):
                        reader.take(event)
    except (MultipartError, UnicodeError):
        # Also a body that ends before its last boundary: what came is not what was sent.
        raise Refusal("bad_request") from None
    return await reader.finish()


class _Reader:
    """Gathers the parts of one body."""

    def __init__(
        self, page: Page, most_files: int, most_bytes: int, most_text: int, repeatable: frozenset[str]
    ) -> None:
        self.page, self.most_files, self.most_bytes = page, most_files, most_bytes
        self.text_room, self.repeatable = most_text, repeatable
        self.form = Form({})
        self.files: list[UploadedFile] = []
        self.is_ours = False
        self.came_from = ""
        self.part: _Part | None = None

    def take(self, event: MultipartSegment | bytearray | bytes | None) -> None:
        """One event of the parser: a part begins, goes on, or ends (None)."""
        if isinstance(event, MultipartSegment):
            self.part = self._begin(event)
        elif event is not None:
            assert self.part is not None
            self.part.take(event)
            if self.part.is_too_large and self.part.file_name is None:
                raise Refusal("too_large", limit=self.text_room)
        elif self.part is not None:
            self._end(self.part)
            self.part = None

    def _begin(self, segment: MultipartSegment) -> _Part:
        name = segment.name or ""
        if segment.disposition != "form-data" or not name or len(name) > _LONGEST_NAME or "\0" in name:
            raise Refusal("bad_request")
        if segment.filename is None:
            return _Part(name, None, "", self.text_room)
        if not self.is_ours:
            check_token(self.page, [])
        return _Part(name, segment.filename[:_LONGEST_FILE_NAME], segment.content_type or "", self.most_bytes)

    def _end(self, part: _Part) -> None:
        if part.file_name is None:
            self._keep_text(part.name, part.content.decode("utf-8"))
        elif part.is_too_large:
            self.form.refuse(
                part.name, "upload_too_large", file=part.file_name, most=self.most_bytes // 1_000_000
            )
        elif part.file_name or part.content:
            if len(self.files) >= self.most_files:
                if not any(p.code == "upload_too_many" for p in self.form.problems):
                    self.form.refuse(part.name, "upload_too_many", most=self.most_files)
                return
            self.files.append(UploadedFile(part.name, part.file_name, part.media_type, bytes(part.content)))

    def _keep_text(self, name: str, value: str) -> None:
        self.text_room -= len(value)
        if name == "_token":
            check_token(self.page, [value] if not self.is_ours else [])
            self.is_ours = True
            return
        if name == "_trang":
            self.came_from = value
            return
        if "\0" in value or endless_marks(value) is not None:
            raise Refusal("bad_request")
        if name in self.form.values and name not in self.repeatable:
            raise Refusal("repeated_parameter", name=name[:40])
        # Composed on the way in: some keyboards send decomposed Vietnamese.
        composed = unicodedata.normalize("NFC", value.replace("\r\n", "\n"))
        self.form.values[name] = composed
        self.form.lists.setdefault(name, []).append(composed)

    async def finish(self) -> tuple[Form, list[UploadedFile]]:
        """Everything has come."""
        if not self.is_ours:
            check_token(self.page, [])
        if self.page.has_ended:
            await keep(self.page, self.form, self.came_from)
        return self.form.seal(), self.files

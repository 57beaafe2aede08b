"""Every kind of mail in both languages: golden files, and the bars that no template may break.

`UPDATE_GOLDEN=1` writes the files anew; look at them in a browser before committing.
"""

import os
import re
from dataclasses import replace
from datetime import date, time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.mail_samples import (
    MANY,
    OFFICE,
    SAMPLES,
    TO,
    invitation,
    new_tasks,
    overdue,
    task_line,
    uid,
)
from tests.unit.test_mail_message import assert_sound, content
from tracker.domain.assignments import Fine
from tracker.domain.ladders import DEFAULT_STEPS, Anchor, Step
from tracker.i18n import LANGUAGES, Language, catalogue, has
from tracker.mail.compose import MAX_HTML, by_lateness, lines_of, render, section_of
from tracker.mail.contexts import (
    KINDS,
    Changed,
    Digest,
    ExplanationDue,
    NewTask,
    Returned,
    Review,
    ReviewLine,
    Urge,
)
from tracker.mail.message import Mailbox, to_bytes

GOLDEN = Path(__file__).parent.parent / "data" / "mails"
CASES = [(name, language) for name in SAMPLES for language in LANGUAGES]
ALLOWED = frozenset(
    "html head meta title style body div table tr td p h1 h2 b a span".split()  # noqa: SIM905
)


CHOSEN_BY_VALUE = (
    "inside.lead.",
    "inside.subject.",
    "changed.what.", "account_changed.what.", "account_changed.subject.",
    "tag.urgency.", "tag.received.", "tag.withdrawn", "tag.transferred", "tag.superseded", "status.", "weekday.",
    "month.", "duty.", "part.", "step.", "section.", "short.", "reported.title.", "reported.intro.",
    "cancelled.title.", "scheduled.what.",
    "session.intro.", "session.label.", "session.topic.", "session.over", "explanation_due.intro.",
)  # fmt: skip


class Page(HTMLParser):
    """What a page is made of: tags with attributes, text without style, links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def links(self) -> list[str]:
        return [str(attributes.get("href")) for tag, attributes in self.tags if tag == "a"]


@pytest.mark.parametrize(("name", "language"), CASES)
def test_golden(name: str, language: Language) -> None:
    kind, context = SAMPLES[name]
    message = render(kind, context, language, TO)
    made = {"txt": f"{message.subject}\n\n{message.text}", "html": message.html}
    for ending, text in made.items():
        path = GOLDEN / f"{name}.{language}.{ending}"
        if os.environ.get("UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")

        assert text == path.read_text("utf-8")


@pytest.mark.parametrize(("name", "language"), CASES)
def test_every_mail_is_sound_on_the_wire(name: str, language: Language) -> None:
    kind, context = SAMPLES[name]
    message = render(kind, context, language, TO)

    read = assert_sound(to_bytes(message))

    assert read["Subject"] == message.subject
    assert len(message.subject) <= 150
    assert content(read.get_body(("plain",))) == message.text.rstrip("\n")
    assert (read.get_content_type() == "multipart/mixed") == bool(message.attachments)


@pytest.mark.parametrize(("name", "language"), CASES)
def test_html_needs_nothing_from_elsewhere(name: str, language: Language) -> None:
    kind, context = SAMPLES[name]
    html = render(kind, context, language, TO).html
    page = Page(html)

    assert len(html.encode()) <= MAX_HTML
    assert {tag for tag, _ in page.tags} <= ALLOWED
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    assert len(style[1].encode()) <= 8_000
    assert not re.search(r"flex|grid|@import|url\(|javascript:|http-equiv", html)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert '<meta name="color-scheme" content="light dark">' in html
    assert f'<html lang="{language}">' in html
    assert all(link.startswith(OFFICE.url) for link in page.links)
    assert sum('class="go"' in line for line in html.split("\n")) == 1
    assert min(float(size) for size in re.findall(r"font-size:(\d+)px", html)) >= 14


@pytest.mark.parametrize(("name", "language"), CASES)
def test_text_says_all_that_html_says(name: str, language: Language) -> None:
    kind, context = SAMPLES[name]
    message = render(kind, context, language, TO)
    page = Page(message.html)

    for link in page.links:
        assert link in message.text
    for line in lines_of(context):
        assert line.directive_number in message.text
        assert line.directive_number in page.text
    assert "{" not in message.text + message.subject
    assert "mail." not in re.sub(r"\S+@\S+|https?://\S+|mail\.vpcp\.example\.vn:587", "", message.text)


def test_every_kind_has_a_sample_and_its_templates() -> None:
    folder = Path(__file__).parent.parent.parent / "tracker" / "mail" / "templates"

    assert {kind for kind, _ in SAMPLES.values()} == set(KINDS)
    assert {entry.name for entry in folder.iterdir() if entry.is_dir()} == set(KINDS)
    for kind in KINDS:
        assert {f.name for f in (folder / kind).iterdir()} == {"subject.txt", "body.txt", "body.html"}


def test_both_languages_know_the_same_sentences_with_the_same_parameters() -> None:
    vi, en = catalogue("vi"), catalogue("en")
    keys = {key for key in vi if key.startswith("mail.")}

    assert keys == {key for key in en if key.startswith("mail.")}
    for key in keys:
        fields = re.compile(r"{(\w+)[:}]")
        assert sorted(fields.findall(vi[key])) == sorted(fields.findall(en[key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_left_over(language: Language) -> None:
    root = Path(__file__).parent.parent.parent / "tracker"
    sources = [
        *(root / "mail").rglob("*.py"),
        *(root / "mail").rglob("*.html"),
        *(root / "mail").rglob("*.txt"),
    ]
    code = "\n".join(path.read_text("utf-8") for path in sources)

    unused = []
    for key in catalogue(language):
        if not key.startswith("mail."):
            continue
        name = key.removeprefix("mail.").removesuffix("_one")
        if not name.startswith(CHOSEN_BY_VALUE) and not re.search(rf"[\"']{re.escape(name)}[\"']", code):
            unused.append(key)
    assert unused == []


def test_a_title_full_of_markup_is_text_in_both_bodies() -> None:
    title = "A < B & \"C\" <script>alert(1)</script> {{7*7}} 'x'"
    digest = Digest((overdue(short_name=title),), "Bộ & <b>", MANY.url)

    message = render("digest", digest, "vi", TO)

    assert title in message.text
    assert "<script>" not in message.html
    assert "{{7*7}}" in message.html
    assert title in Page(message.html).text


hostile = st.text(max_size=120)


@given(title=hostile, number=hostile, agency=hostile, reason=hostile, name=hostile)
@settings(max_examples=60, deadline=None)
def test_any_text_gives_a_sound_mail(title: str, number: str, agency: str, reason: str, name: str) -> None:
    line = overdue(short_name=title, directive_number=number, agency_name=agency)
    to = replace(TO, recipient=Mailbox(name, "a@moh.example.vn"))
    returned = Returned(line, "BC-1", date(2025, 11, 20), name, reason)

    for kind, context in (("digest", Digest((line,), agency, OFFICE.url)), ("returned", returned)):
        message = render(kind, context, "vi", to)

        assert_sound(to_bytes(message))
        assert len(message.subject) <= 150
        assert {tag for tag, _ in Page(message.html).tags} <= ALLOWED


# --- subjects ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"urgency": "urgent"}, "[Khẩn][Quá hạn 25 ngày] 17/NQ-CP – Kế hoạch"),
        ({"urgency": "express", "days": 1}, "[Hỏa tốc][Quá hạn 1 ngày] 17/NQ-CP – Kế hoạch"),
        ({"days": 0, "due_time": time(17)}, "[Quá hạn từ 17:00 hôm nay] 17/NQ-CP – Kế hoạch"),
        ({"days": 1500}, "[Quá hạn 1.500 ngày] 17/NQ-CP – Kế hoạch"),
        ({"fine": Fine.DUE_TODAY}, "[Hôm nay] 17/NQ-CP – Kế hoạch"),
        ({"fine": Fine.DUE_SOON, "days": 3}, "[Còn 3 ngày làm việc] 17/NQ-CP – Kế hoạch"),
        ({"fine": Fine.ON_SCHEDULE}, "[Trong hạn] 17/NQ-CP – Kế hoạch"),
        ({"restricted": True}, "[Quá hạn 25 ngày] 17/NQ-CP"),
    ],
)
def test_the_subject_names_urgency_status_and_task(changes: dict[str, Any], subject: str) -> None:
    line = overdue(**{"short_name": "Kế hoạch", **changes})

    assert render("digest", Digest((line,), "Bộ Y tế", MANY.url), "vi", TO).subject == subject


def test_a_long_name_is_cut_at_a_word_in_the_subject_only() -> None:
    name = "Rà soát, sửa đổi các quy định về kết nối, chia sẻ dữ liệu giữa các cơ sở dữ liệu quốc gia"

    message = render("digest", Digest((overdue(short_name=name),), "Bộ Y tế", MANY.url), "vi", TO)

    stem = message.subject.partition(" – ")[2]
    assert len(stem) <= 60
    assert stem.endswith("…")
    assert name.startswith(stem[:-1])
    assert name in message.text


def test_mails_of_one_task_share_subject_stem_and_thread() -> None:
    mails = [render(*SAMPLES[name], "vi", TO) for name in ("assigned", "returned", "confirmed", "digest_one")]

    assert len({mail.subject.rpartition("] ")[2] for mail in mails}) == 1
    assert {mail.references for mail in mails} == {(f"<task-{uid(1)}@{OFFICE.domain}>",)}


def test_a_digest_of_many_tasks_belongs_to_no_thread() -> None:
    lines = tuple(overdue(number) for number in range(1, 12))

    assert len(render("digest", Digest(lines[:10], "", MANY.url), "vi", TO).references) == 10
    assert render("digest", Digest(lines, "", MANY.url), "vi", TO).references == ()


# --- restricted tasks ----------------------------------------------------------------------------------------

SECRET = "bí mật của nhiệm vụ"


def _restricted(context: Any) -> Any:
    """The sample with its first task restricted and its secret in every free text."""
    secrets: dict[str, Any] = {
        name: SECRET
        for name in ("reason", "summary", "evidence", "directive_abstract")
        if hasattr(context, name)
    }
    hide: dict[str, Any] = {"restricted": True, "short_name": SECRET}
    if hasattr(context, "tasks"):
        tasks = [NewTask(replace(t.line, **hide), SECRET, SECRET, t.report_to, SECRET) for t in context.tasks]
        secrets["tasks"] = tuple(tasks)
    elif isinstance(context, Review):
        secrets["lines"] = tuple(
            replace(e, line=replace(e.line, **hide), summary=SECRET) for e in context.lines
        )
    elif isinstance(context, Changed):
        secrets["lines"] = tuple(
            replace(e, line=replace(e.line, **hide), reason=SECRET) for e in context.lines
        )
    elif isinstance(context, Digest | Urge | ExplanationDue):
        secrets["lines"] = tuple(replace(e, **hide) for e in context.lines)
    else:
        secrets["line"] = replace(context.line, **hide)
    changed = replace(context, **secrets)
    if getattr(changed, "invitation", None):
        line = lines_of(changed)[0]
        changed = replace(changed, invitation=invitation(line))
    return changed


WITHOUT_TASKS = (
    "session_invited",
    "session_cancelled",
    "undeliverable",
    "inside",
    "targets_due",
    "reconciliation",
    "test",
    "webhook_off",
    "scheduled_report",
    "account_invitation",
    "password_reset",
    "account_changed",
)


@pytest.mark.parametrize(
    ("name", "language"),
    [(n, la) for n, la in CASES if SAMPLES[n][0] not in WITHOUT_TASKS],
)
def test_a_restricted_task_is_reference_and_link_only(name: str, language: Language) -> None:
    kind, context = SAMPLES[name]
    context = _restricted(context)

    message = render(kind, context, language, TO)

    calendar = message.calendar.data.decode() if message.calendar else ""
    unfolded = calendar.replace("\r\n ", "")
    assert SECRET not in message.subject + message.text + message.html + unfolded
    line = lines_of(context)[0]
    assert line.directive_number in message.text
    assert line.url in message.text


def test_one_restricted_task_does_not_hide_the_others() -> None:
    entries = (
        ReviewLine(
            task_line(1, fine=Fine.AWAITING_CONFIRMATION, restricted=True), date(2025, 11, 20), SECRET
        ),
        ReviewLine(task_line(2, fine=Fine.AWAITING_CONFIRMATION), date(2025, 11, 20), "đã ban hành"),
    )

    text = render("review", Review(entries, MANY.url), "vi", TO).text

    assert SECRET not in text
    assert "đã ban hành" in text


# --- digests -------------------------------------------------------------------------------------------------


def test_a_digest_is_ordered_by_lateness() -> None:
    assert [line.assignment_id for line in by_lateness(MANY.lines)] == [1, 2, 3, 4, 5]
    assert [section_of(line) for line in by_lateness(MANY.lines)] == [
        "overdue",
        "overdue",
        "today",
        "soon",
        "coming",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_digest_of_400_lines_is_cut_and_says_so(language: Language) -> None:
    name = "Rà soát, sửa đổi các quy định về kết nối, chia sẻ dữ liệu giữa các cơ sở dữ liệu quốc gia"
    lines = tuple(
        overdue(
            n,
            days=n,
            short_name=name,
            agency_name="Ủy ban nhân dân Thành phố Hồ Chí Minh",
            committed_on=date(2025, 12, 1),
            extension_pending=True,
            wording=("overdue", "escalated")[n % 2],
        )
        for n in range(1, 401)
    )

    message = render("digest", Digest(lines, "", MANY.url), language, TO)

    shown = sum(line.url in message.html for line in lines)
    assert len(message.html.encode()) <= MAX_HTML
    assert 20 < shown < 120
    rest = str(400 - len(re.findall(r'class="chip', message.html)))
    assert re.search(rf"(và|and) {rest} (việc khác|more)", message.text)
    assert MANY.url in message.text
    assert "(400)" in message.text


def test_long_lists_of_new_tasks_and_reports_are_cut_too() -> None:
    assigned = new_tasks(1)
    long = replace(assigned.tasks[0], full_text="Nội dung dài. " * 200)
    many = replace(assigned, tasks=(long,) * 150)
    entry = ReviewLine(task_line(1, fine=Fine.AWAITING_CONFIRMATION), date(2025, 11, 20), "Tóm tắt. " * 200)

    for kind, context in (("assigned", many), ("review", Review((entry,) * 150, MANY.url))):
        message = render(kind, context, "vi", TO)

        assert len(message.html.encode()) <= MAX_HTML
        assert "việc khác" in message.text


def test_an_instruction_common_to_a_section_is_said_once() -> None:
    text = render("digest", MANY, "vi", TO).text

    assert text.count("Giải trình nguyên nhân chậm") == 1


def test_a_ladder_may_bring_its_own_sentence() -> None:
    line = overdue(wording="Báo cáo Bộ trưởng trước 15:00.")

    assert "Báo cáo Bộ trưởng trước 15:00." in render("digest", Digest((line,), "", MANY.url), "vi", TO).text


def test_a_pending_extension_changes_the_words_and_the_reminder_stays() -> None:
    plain = render("digest", Digest((overdue(),), "", MANY.url), "vi", TO).text
    pending = render("digest", Digest((overdue(extension_pending=True),), "", MANY.url), "vi", TO).text

    assert "Đang xin gia hạn" not in plain
    assert "Đang xin gia hạn" in pending
    assert "Giải trình" in pending


def test_an_empty_digest_is_refused() -> None:
    with pytest.raises(ValueError, match="without a line"):
        render("digest", Digest((), "Bộ Y tế", MANY.url), "vi", TO)


def test_a_context_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="Digest"):
        render("digest", SAMPLES["returned"][1], "vi", TO)


@pytest.mark.parametrize("step", DEFAULT_STEPS, ids=lambda s: s.code)
def test_every_step_of_the_default_ladder_says_what_to_do(step: Step) -> None:
    if step.anchor is not Anchor.ASSIGNED:
        assert has(f"mail.step.{step.wording}")

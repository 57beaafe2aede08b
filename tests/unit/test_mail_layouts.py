"""Mails that share a layout are, to the letter, what a rendering of their own would give."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.mail_samples import SAMPLES, TO
from tracker.i18n import LANGUAGES, Language
from tracker.mail.compose import render
from tracker.mail.contexts import Assigned
from tracker.mail.layouts import Layouts
from tracker.mail.message import Mailbox

NAMES = (
    "Bộ Y tế",
    'Bộ "A" & <B>',
    "UBND tỉnh Đắk Lắk's",
    "{{7*7}} %s \\1",
    "Mark4f1c",
    "  hai  khoảng  trống ",
    "",
)


def assigned(agency: str, url: str) -> Assigned:
    """The sample of one new task, for another agency."""
    _, context = SAMPLES["assigned"]
    assert isinstance(context, Assigned)
    (task,) = context.tasks
    line = replace(task.line, agency_name=agency, url=url)
    return replace(context, agency_name=agency, url=url, tasks=(replace(task, line=line),))


@pytest.mark.parametrize("language", LANGUAGES)
def test_shared_layout_equals_a_rendering_of_its_own(language: Language) -> None:
    layouts = Layouts()
    for number, name in enumerate(NAMES * 2):
        context = assigned(name, f"https://dondoc.example/viec/{number}/A&B")
        if number % 2:
            context = replace(context, invitation=None)
        to = replace(TO, recipient=Mailbox(NAMES[number % 3], f"a{number}@example.vn"))

        shared = render("assigned", context, language, to, layouts)

        assert shared == render("assigned", context, language, to)


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_no_name_breaks_out_of_its_mark(agency: str, person: str) -> None:
    layouts = Layouts()
    render("assigned", assigned("Bộ Y tế", "https://dondoc.example/1"), "vi", TO, layouts)
    to = replace(TO, recipient=Mailbox(person, "a@example.vn"))
    context = assigned(agency, "https://dondoc.example/2")

    assert render("assigned", context, "vi", to, layouts) == render("assigned", context, "vi", to)

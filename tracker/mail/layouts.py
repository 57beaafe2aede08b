"""One layout for mails that differ only in whom they name: a directive reaches sixty agencies in the same words.

The words are laid out once with marks in place of agency, person and address, and the marks are filled in for each
mail. A test holds the result to what a rendering of its own gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from markupsafe import escape

from tracker.i18n import Language
from tracker.mail.contexts import Addressing, Assigned
from tracker.mail.message import Mailbox, header_text

_AGENCY, _PERSON, _URL = "Mark4f1cAgency", "Mark4f1cPerson", "https://mark4f1c.invalid/here"

Parts = tuple[str, str, str]
"""Subject, text and HTML."""


class Layouts:
    """The layouts of one run of mails; forgotten with it."""

    def __init__(self) -> None:
        self._known: dict[object, Parts] = {}

    def fill(
        self,
        context: Assigned,
        language: Language,
        addressing: Addressing,
        lay_out: Callable[[Assigned, Addressing], Parts],
    ) -> Parts:
        """The mail's parts, from the layout that it shares with others; laid out when it is the first of them."""
        name = header_text(addressing.recipient.name)
        if not _is_common(context) or not name:
            return lay_out(context, addressing)
        marked = _marked(context)
        invited = context.invitation is not None
        key = (marked, language, addressing.office, addressing.sent_at, addressing.duty, invited)
        if key not in self._known:
            somebody = replace(addressing, recipient=Mailbox(_PERSON, "somebody@mark.invalid"))
            self._known[key] = lay_out(replace(marked, invitation=context.invitation), somebody)
        subject, text, html = self._known[key]
        values = ((_AGENCY, context.agency_name), (_PERSON, name), (_URL, context.url))
        for mark, value in values:
            text = text.replace(mark, value)
            html = html.replace(mark, str(escape(value)))
        return subject, text, html


def _is_common(context: Assigned) -> bool:
    """Whether agency and address are all that is this mail's own: one task, nothing hidden."""
    if len(context.tasks) != 1:
        return False
    line = context.tasks[0].line
    return (
        not line.restricted
        and line.agency_name == context.agency_name == header_text(context.agency_name)
        and line.url == context.url
    )


def _marked(context: Assigned) -> Assigned:
    task = context.tasks[0]
    line = replace(task.line, agency_name=_AGENCY, url=_URL, assignment_id=0)
    return replace(context, agency_name=_AGENCY, url=_URL, tasks=(replace(task, line=line),), invitation=None)

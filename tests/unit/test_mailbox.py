"""The demonstration's mailbox: what goes in by SMTP can be read, and outlives the process."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.mail_samples import SAMPLES, TO
from tracker.domain.errors import NotFound
from tracker.mail.compose import render
from tracker.mail.message import to_bytes
from tracker.mail.smtp import Relay, SmtpTransport
from tracker.mail.transport import Accepted
from tracker.mailbox import LocalMailbox

pytestmark = pytest.mark.anyio


async def deliver(mailbox: LocalMailbox, *names: str, to: str = "vanthu@moh.example.vn") -> None:
    """Send samples to the mailbox by SMTP."""
    async with SmtpTransport(Relay("127.0.0.1", mailbox.port, "none")).session() as session:
        for name in names:
            kind, context = SAMPLES[name]
            data = to_bytes(render(kind, context, "vi", TO))
            assert isinstance(await session.send("bounce+1.ab@vpcp.example.vn", to, data), Accepted)


async def test_a_letter_is_shown_as_a_mail_program_shows_it(tmp_path: Path) -> None:
    mailbox = LocalMailbox(tmp_path)
    await mailbox.start()
    await deliver(mailbox, "assigned")
    await mailbox.stop()
    message = render(*SAMPLES["assigned"], "vi", TO)

    (letter,) = mailbox.list_messages()
    view = mailbox.read(letter.id)

    assert (letter.subject, letter.recipient) == (message.subject, "vanthu@moh.example.vn")
    assert letter.recipient_name == "Nguyễn Thị Minh Hà"
    assert letter.sent_at == TO.sent_at
    assert letter.received_at is not None
    assert letter.key == "sample-1"
    assert letter.has_calendar
    assert mailbox.find("sample-1") == letter
    assert mailbox.find("sample-2") is None
    assert view.letter == letter
    assert view.text.replace("\r\n", "\n") == message.text
    assert view.html.replace("\r\n", "\n") == message.html
    assert view.calendar_method == "REQUEST"
    assert "BEGIN:VEVENT" in view.calendar
    assert [(e.file_name, e.content_type) for e in view.attachments] == [("invite.ics", "application/ics")]
    assert message.calendar is not None
    assert view.attachments[0].data == message.calendar.data
    assert ("X-Notify-Key", "sample-1") in view.headers
    assert view.source.endswith(to_bytes(message))


async def test_letters_are_newest_first_and_go_on_after_a_restart(tmp_path: Path) -> None:
    first = LocalMailbox(tmp_path)
    await first.start()
    await deliver(first, "assigned", "digest")
    await first.stop()

    second = LocalMailbox(tmp_path)
    await second.start()
    await deliver(second, "returned", to="cvp@moh.example.vn")
    await second.stop()

    letters = second.list_messages()
    assert [letter.id for letter in letters] == ["00000003", "00000002", "00000001"]
    assert second.count() == 3
    assert [letter.id for letter in second.list_messages(limit=1)] == ["00000003"]
    assert [letter.id for letter in second.list_messages(before="00000003")] == ["00000002", "00000001"]
    assert [letter.id for letter in second.list_messages(to="CVP@")] == ["00000003"]


async def test_many_connections_at_once_lose_nothing(tmp_path: Path) -> None:
    mailbox = LocalMailbox(tmp_path)
    await mailbox.start()

    await asyncio.gather(*(deliver(mailbox, "returned", "confirmed") for _ in range(8)))
    await mailbox.stop()

    assert mailbox.count() == 16
    assert len({letter.id for letter in mailbox.list_messages()}) == 16


@pytest.mark.parametrize("letter_id", ["00000009", "", "../../etc/passwd", "0000000a", "00000001.eml"])
async def test_an_unknown_letter_is_not_found(tmp_path: Path, letter_id: str) -> None:
    mailbox = LocalMailbox(tmp_path)
    await mailbox.start()
    await mailbox.stop()

    with pytest.raises(NotFound):
        mailbox.read(letter_id)


def test_a_mailbox_that_never_ran_is_empty(tmp_path: Path) -> None:
    assert LocalMailbox(tmp_path).list_messages() == []

"""Dates, deadlines, statuses and counts as a mail says them, in one language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache

from tracker.domain.assignments import Fine
from tracker.domain.directory import Duty
from tracker.domain.zone import civil_now
from tracker.i18n import Language, text
from tracker.mail.contexts import TaskLine

# A colour never stands alone: each tone has a sign that any mail program shows, and the word follows.
TONES: dict[Fine, tuple[str, str]] = {
    Fine.OVERDUE: ("late", "▲"),
    Fine.DUE_TODAY: ("soon", "◆"),
    Fine.DUE_SOON: ("soon", "◇"),
    Fine.AWAITING_CONFIRMATION: ("wait", "■"),
    Fine.DONE_ON_TIME: ("done", "✓"),
    Fine.DONE_LATE: ("plain", "✓"),
    Fine.RETURNED: ("plain", "←"),
    Fine.WITHDRAWN: ("plain", "–"),
    Fine.TRANSFERRED: ("plain", "–"),
    Fine.SUPERSEDED: ("plain", "–"),
}
PLAIN_TONE = ("plain", "○")


@dataclass(frozen=True, slots=True)
class Speech:
    """The words of one language."""

    language: Language

    def say(self, key: str, **params: object) -> str:
        """The sentence `mail.{key}`."""
        if not params:
            return _bare(self.language, key)
        return text(self.language, f"mail.{key}", **params)

    def count(self, key: str, count: int, **params: object) -> str:
        """The sentence for a number of things; one has its own where languages need it."""
        if count == 1:
            return self.say(f"{key}_one", count=1, days=1, **params)
        shown = self.number(count)
        return self.say(key, count=shown, days=shown, **params)

    def number(self, value: int) -> str:
        """1.173 in Vietnamese, 1,173 in English."""
        grouped = f"{value:,}"
        return grouped.replace(",", ".") if self.language == "vi" else grouped

    def civil(self, on: date) -> str:
        """28/11/2025, or 28 November 2025."""
        return _civil(self, on)

    def day(self, on: date) -> str:
        """The date with its weekday."""
        return _day(self, on)

    def moment(self, instant: datetime) -> str:
        """The hour first, then the day, in the official zone."""
        local = civil_now(instant)
        return self.say("moment", time=f"{local:%H:%M}", day=self.day(local.date()))

    def meeting(self, on: date, begins: time | None, ends: time | None) -> str:
        """A meeting's hours and day; the day alone where no hour is stated."""
        if begins is None:
            return self.day(on)
        if ends is None:
            return self.say("moment", time=f"{begins:%H:%M}", day=self.day(on))
        return self.say("session.hours", begins=f"{begins:%H:%M}", ends=f"{ends:%H:%M}", day=self.day(on))

    def due(self, on: date | None, at: time | None = None) -> str:
        """A deadline; the day itself is on time."""
        if on is None:
            return self.say("due.none")
        if at is None:
            return self.say("due.day", day=self.day(on))
        return self.say("due.time", time=f"{at:%H:%M}", day=self.day(on))

    def status(self, line: TaskLine) -> str:
        """The timeliness of one assignment, as on the pages."""
        key = f"status.{line.fine}"
        if line.fine is Fine.OVERDUE and line.days == 0 and line.due_time is not None:
            return self.say("status.overdue_today", time=f"{line.due_time:%H:%M}")
        if line.fine is Fine.DUE_TODAY and line.due_time is not None:
            return self.say("status.due_today_time", time=f"{line.due_time:%H:%M}")
        if line.fine is Fine.AWAITING_CONFIRMATION and line.days == 0:
            return self.say("status.awaiting_confirmation_new")
        if line.fine is Fine.DUE_SOON and line.days == 0:
            return self.say("status.due_soon_none")
        if line.fine in _COUNTED:
            return self.count(key, line.days)
        return self.say(key)

    def duties(self, duties: tuple[Duty, ...]) -> str:
        """Duties in words, joined."""
        words = [self.say(f"duty.{duty}") for duty in duties]
        if len(words) < 2:
            return "".join(words)
        return self.say("and", left=", ".join(words[:-1]), right=words[-1])


# A morning's ten thousand digests speak of a few hundred days in a few hundred sentences.
@lru_cache(maxsize=2048)
def _bare(language: Language, key: str) -> str:
    return text(language, f"mail.{key}")


@lru_cache(maxsize=8192)
def _civil(speech: Speech, on: date) -> str:
    return speech.say("date", day=on.day, month=speech.say(f"month.{on.month}"), year=f"{on.year:04d}")


@lru_cache(maxsize=8192)
def _day(speech: Speech, on: date) -> str:
    return speech.say("day", weekday=speech.say(f"weekday.{on.weekday()}"), date=speech.civil(on))


_COUNTED = frozenset({Fine.OVERDUE, Fine.DUE_SOON, Fine.AWAITING_CONFIRMATION, Fine.DONE_LATE})

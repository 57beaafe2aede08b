"""What the package carries in `data/`: the working calendar as it was when this version was built."""

from functools import cache
from importlib.resources import files

from tracker.domain.workdays import WorkCalendar, parse_calendar


@cache
def shipped_calendar() -> WorkCalendar:
    """The working calendar of `data/working_days.csv`; the database's copy is the one in force."""
    return parse_calendar(
        files("tracker").joinpath("data", "working_days.csv").read_text("utf-8").splitlines()
    )

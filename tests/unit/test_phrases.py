"""The phrase parser against the published phrases, several hundred spellings, and nonsense."""

from __future__ import annotations

import json
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracker.domain.deadlines import DeadlineRule, Kind, OnDay, Resolution, resolve
from tracker.domain.phrases import parse
from tracker.domain.phrases.reading import read
from tracker.domain.workdays import CalendarUnknown
from tracker.shipped import shipped_calendar
from tracker.words import render_words

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT.parent / "shared" / "data" / "deadline_phrases.json"
VARIANTS = [
    json.loads(line)
    for line in (ROOT / "tests" / "data" / "deadline_variants.jsonl").read_text("utf-8").splitlines()
]
# The directive's next sentence names the two dates; this phrase alone does not.
DATES_NOT_IN_PHRASE = 102


def answer(phrase: str, issued: str) -> Resolution:
    """The phrase parsed and resolved with the shipped calendar."""
    day = date.fromisoformat(issued if len(issued) == 10 else f"{issued}-01-01")
    return resolve(parse(phrase, day), day, shipped_calendar())


def as_published(found: Resolution) -> tuple[str | None, str | None, str | None]:
    """Day, time and recurrence as the published table writes them."""
    return (
        found.due_on.isoformat() if found.due_on else None,
        found.due_time.strftime("%H:%M") if found.due_time else None,
        found.recurrence,
    )


def published() -> list[Any]:
    """The rows of the published table, or one skipped case where it is absent."""
    if not PUBLISHED.exists():
        return [
            pytest.param({}, marks=pytest.mark.skip(reason=f"{PUBLISHED.name} is not beside the checkout"))
        ]
    return [pytest.param(row, id=str(row["id"])) for row in json.loads(PUBLISHED.read_text("utf-8"))]


@pytest.mark.parametrize("row", published())
def test_published_phrase_resolves_as_published(row: dict[str, Any]) -> None:
    """Each real phrase gives the day, hour and recurrence of the table."""
    found = answer(row["phrase"], row["issued"])

    if row["id"] == DATES_NOT_IN_PHRASE:
        assert found.recurrence == "FREQ=MONTHLY;INTERVAL=6"
        return
    recurrence = "STANDING" if row["recurrence"] == "THUONG_XUYEN" else row["recurrence"]
    assert as_published(found) == (row["resolves_to"], row["time"], recurrence)
    if found.due_on and found.due_on.year in shipped_calendar().years:
        assert found.off_day == row["nonworking"]


@pytest.mark.parametrize("row", VARIANTS, ids=[f"{n}:{row['phrase'][:40]}" for n, row in enumerate(VARIANTS)])
def test_variant_resolves(row: dict[str, Any]) -> None:
    """Spellings, orders and families beyond the published table, composed and decomposed."""
    expected = (row["due_on"], row["due_time"], row["recurrence"])

    composed = answer(unicodedata.normalize("NFC", row["phrase"]), row["issued"])
    decomposed = answer(unicodedata.normalize("NFD", row["phrase"]), row["issued"])

    assert as_published(composed) == expected
    assert decomposed == composed
    assert (composed.undecided is not None) == row["undecided"]


@pytest.mark.parametrize(
    "row", [row for row in VARIANTS if row["due_on"]], ids=lambda row: row["phrase"][:40]
)
def test_case_and_blanks_do_not_matter(row: dict[str, Any]) -> None:
    """Capitals, doubled and non-breaking blanks give the same day."""
    phrase = row["phrase"].replace(" ", "\u00a0 ").upper()

    assert as_published(answer(phrase, row["issued"]))[:2] == (row["due_on"], row["due_time"])


def test_every_variant_is_explained_in_both_languages() -> None:
    """No rule lacks its words, and none asks the catalogues for a missing one."""
    for row in VARIANTS:
        found = answer(row["phrase"], row["issued"])
        for language in ("vi", "en"):
            words = render_words(found.words + (found.undecided or ()), language)
            assert words, row["phrase"]


def test_rules_survive_storage() -> None:
    """A rule written as JSON and read back is the same rule."""
    for row in VARIANTS:
        rule = parse(row["phrase"], date.fromisoformat(row["issued"]))

        assert DeadlineRule.from_json(json.loads(json.dumps(rule.to_json()))) == rule


def test_cited_documents_are_no_deadlines() -> None:
    """Dates of documents, meetings already held and figures are passed over."""
    found = answer(
        "theo Nghị quyết số 71/NQ-CP ngày 01/4/2025 và Công điện 158/CĐ-TTg ngày 04 tháng 09 năm 2025",
        "2025-11-20",
    )

    assert found.due_on is None
    assert found.kind is Kind.NONE


def test_document_number_with_cyrillic_letters_is_a_citation() -> None:
    """A number typed with look-alike letters is still a number."""
    assert answer("thực hiện Nghị quyết 71/NQ-СР ngày 01/4/2025", "2025-11-20").due_on is None


def test_window_opens_and_closes() -> None:
    """A window gives both days, and the last one is the deadline."""
    found = answer("từ ngày 15 đến ngày 31 tháng 12 năm 2025", "2025-11-28")

    assert (found.kind, found.starts_on, found.due_on) == (
        Kind.WINDOW,
        date(2025, 12, 15),
        date(2025, 12, 31),
    )


def test_window_over_new_year_takes_the_earlier_year_for_its_start() -> None:
    """The year stands only at the end."""
    found = answer("từ ngày 20/12 đến ngày 10/01/2026", "2025-11-28")

    assert (found.starts_on, found.due_on) == (date(2025, 12, 20), date(2026, 1, 10))


def test_precise_rules_of_two_dates_a_year() -> None:
    """The summary pairs the lists; the exact rules stand beside it."""
    found = answer("định kỳ 6 tháng, trước ngày 15 tháng 6 và trước ngày 01 tháng 12", "2025-01-09")

    assert found.recurrence == "FREQ=YEARLY;BYMONTH=6,12;BYMONTHDAY=15,1"
    assert found.recurrences == ("FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=15", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=1")


def test_year_of_last_year_is_read_as_a_misprint_and_marked() -> None:
    """Long past as written, soon ahead with the year of issue: understood so, and never silently."""
    found = answer("trong tháng 3 năm 2019", "2020-03-04")

    assert (found.due_on, found.written_on, found.before_issue) == (
        date(2020, 3, 31),
        date(2019, 3, 31),
        True,
    )
    assert "31/03/2019" in render_words(found.words)


@pytest.mark.parametrize(
    ("phrase", "issued", "due_on"),
    [
        ("trong tháng 12 năm 2025", "2026-01-05", date(2025, 12, 31)),
        ("trước ngày 14/11/2025", "2025-11-16", date(2025, 11, 14)),
        ("trước ngày 30/11/2019", "2020-12-04", date(2019, 11, 30)),
    ],
)
def test_day_before_the_issue_is_kept_and_marked(phrase: str, issued: str, due_on: date) -> None:
    """A conclusion issued after its meeting, or a year nobody can guess: the day stays as written."""
    found = answer(phrase, issued)

    assert (found.due_on, found.before_issue, found.written_on) == (due_on, True, None)


def test_several_dates_are_remarked() -> None:
    """The first limit is the deadline; the second is not lost in silence."""
    rule = parse("trình trước ngày 15/12/2025 và ban hành trước ngày 31/12/2025", date(2025, 11, 20))

    assert rule.term == OnDay(15, 12, 2025)
    assert "note_several_dates" in rule.notes


def test_too_long_a_text_is_undecided() -> None:
    """A whole page is not a phrase."""
    assert answer("trước ngày 15/12/2025 " * 200, "2025-11-20").kind is Kind.UNDECIDED


VOCABULARY = """
trước sau trong ngày tháng năm quý tuần hằng mỗi định kỳ kể từ đến hết cuối đầu giữa 1 5 15 31 12 13 2025 9999
/ - . , ; ( ) : I II IV thứ sáu Chủ nhật làm việc giờ 17h30 15:00 Tết Nguyên đán âm lịch mùng rằm Giêng Bính Ngọ
khi phiên họp Chính phủ thường xuyên nếu có giai đoạn 2030 6 tháng ký ban hành nhận 71/NQ-CP Luật vòng chậm nhất
hoàn thành và 0 99 00 của tiếp theo này tới mai nay sáng chiều
"""
WORDS = st.sampled_from(VOCABULARY.split())


@given(
    st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=14).map(" ".join), st.lists(WORDS).map("".join)),
    st.dates(date(2000, 1, 1), date(2100, 12, 31)),
)
@example("Tết 9999", date(2025, 11, 20))
@example("ngày 00/00/0000", date(2025, 11, 20))
@example("\ud800 ngày 15", date(2025, 11, 20))
def test_no_phrase_breaks_the_parser(phrase: str, issued_on: date) -> None:
    """Whatever is written comes to a rule that can be stored, resolved and explained."""
    rule = parse(phrase, issued_on)

    assert DeadlineRule.from_json(rule.to_json()) == rule
    try:
        found = resolve(rule, issued_on, shipped_calendar())
    except CalendarUnknown:
        return
    assert found.due_on or found.recurrence or found.undecided
    render_words(found.words + (found.undecided or ()))


@given(st.text(max_size=60))
def test_reading_keeps_its_three_forms_aligned(phrase: str) -> None:
    """What is crossed out in one form is at the same place in the others."""
    reading = read(phrase)

    assert len(reading.cased) == len(reading.shown) == len(reading.plain)


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_any_written_date_is_found_in_every_form(due_on: date, issued_on: date) -> None:
    """Six ways to write a date come to the same day, or to its marked misprint."""
    day, month, year = due_on.day, due_on.month, due_on.year
    forms = [
        f"trước ngày {day:02d}/{month:02d}/{year}",
        f"{day}-{month}-{year}",
        f"ngày {day:02d} tháng {month:02d} năm {year}",
        f"chậm nhất ngày {day}.{month}.{year}",
        f"Ngày {day} tháng {month}/{year}",
        due_on.isoformat(),
    ]

    for form in forms:
        found = resolve(parse(form, issued_on), issued_on, shipped_calendar())
        assert due_on in (found.due_on, found.written_on), form


@pytest.mark.parametrize(
    ("phrase", "named"),
    [
        ("trong 99999 ngày kể từ ngày ký", "99999 ngày"),
        ("chậm nhất sau 1000 ngày làm việc kể từ ngày nhận được văn bản", "1000 ngày làm việc"),
        ("trước 25 giờ ngày 5/12/2025", "25:00"),
        ("trước 17 giờ 75 phút ngày 05/12/2025", "17:75"),
        ("trước 25:70 ngày 5/12/2025", "25:70"),
        ("trong quý V", "quý V"),
        ("hoàn thành trong quý 5 năm 2026", "quý 5 năm 2026"),
    ],
)
def test_impossible_amounts_times_and_quarters_stay_undecided(phrase: str, named: str) -> None:
    """No day is invented, and no other meaning."""
    found = resolve(parse(phrase, date(2025, 11, 24)), date(2025, 11, 24), shipped_calendar())

    assert (found.kind, found.due_on, found.recurrence) == (Kind.UNDECIDED, None, None)
    assert named in render_words(found.undecided or (), "vi")


@pytest.mark.parametrize("phrase", ["trước 24 giờ ngày 05/12/2025", "trước 17h30 ngày 5/12/2025"])
def test_times_a_clock_shows_are_kept(phrase: str) -> None:
    assert resolve(parse(phrase, date(2025, 11, 24)), date(2025, 11, 24), shipped_calendar()).due_time

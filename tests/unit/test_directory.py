"""Agencies over time, and the words of directives that charge them."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.addressees import expand_class, find_agency, name_key, read_addressees
from tracker.domain.directory import SYSTEM, Agency, AgencyKind, Official, Role, check_exists, successors_of

MERGED = date(2025, 2, 28)
BORDERS = date(2025, 6, 30)
TODAY = date(2025, 11, 24)
THEN = date(2019, 8, 29)


def agency(
    id: int,
    name: str,
    kind: AgencyKind,
    valid_from: date | None = None,
    valid_until: date | None = None,
    aliases: tuple[str, ...] = (),
    successors: tuple[int, ...] = (),
) -> Agency:
    return Agency(id, f"A{id:02}", name, kind, valid_from, valid_until, aliases, successors)


M, N, G = AgencyKind.MINISTRY, AgencyKind.MINISTERIAL, AgencyKind.GOVERNMENT_AGENCY
P, C = AgencyKind.PROVINCE, AgencyKind.CORPORATION
AGENCIES = (
    agency(1, "Bộ Y tế", M, aliases=("BYT",)),
    agency(2, "Bộ Tài chính", M),
    agency(3, "Bộ Nội vụ", M),
    agency(4, "Bộ Văn hóa, Thể thao và Du lịch", M),
    agency(5, "Bộ Khoa học và Công nghệ", M),
    agency(6, "Bộ Kế hoạch và Đầu tư", M, None, MERGED, successors=(2,)),
    agency(7, "Bộ Nông nghiệp và Phát triển nông thôn", M, None, MERGED, successors=(8,)),
    agency(8, "Bộ Nông nghiệp và Môi trường", M, date(2025, 3, 1)),
    agency(10, "Ngân hàng Nhà nước Việt Nam", N, aliases=("NHNN",)),
    agency(11, "Thanh tra Chính phủ", N),
    agency(12, "Văn phòng Chính phủ", N, aliases=("VPCP",)),
    agency(20, "Đài Truyền hình Việt Nam", G),
    agency(21, "Thông tấn xã Việt Nam", G),
    agency(30, "UBND thành phố Hà Nội", P),
    agency(31, "UBND Thành phố Hồ Chí Minh", P, aliases=("TP.HCM",)),
    agency(32, "UBND tỉnh Phú Thọ", P, None, BORDERS, successors=(36,)),
    agency(33, "UBND tỉnh Vĩnh Phúc", P, None, BORDERS, successors=(36,)),
    agency(34, "UBND tỉnh Lào Cai", P),
    agency(35, "UBND tỉnh Đắk Lắk", P),
    agency(36, "UBND tỉnh Phú Thọ", P, date(2025, 7, 1)),
    agency(40, "Tập đoàn Điện lực Việt Nam", C, aliases=("EVN",)),
    agency(41, "Tập đoàn Công nghiệp - Viễn thông Quân đội", C, aliases=("Viettel",)),
    agency(50, "Văn phòng Trung ương Đảng", AgencyKind.PARTY),
    agency(51, "Tòa án nhân dân tối cao", AgencyKind.COURT),
    agency(52, "Văn phòng Chủ tịch nước", AgencyKind.OTHER),
)


def ids(phrase: str, on: date = TODAY) -> list[int]:
    return [a.id for a in read_addressees(phrase, AGENCIES, on).members]


MINISTRIES = [1, 2, 3, 4, 5, 8]
MINISTERIAL = [10, 11, 12]
GOVERNMENT = [20, 21]
PROVINCES = [30, 31, 34, 35, 36]
CORPORATIONS = [40, 41]


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("các bộ, ngành, địa phương", MINISTRIES + MINISTERIAL + GOVERNMENT + PROVINCES),
        ("Các Bộ ngành và các địa phương", MINISTRIES + MINISTERIAL + GOVERNMENT + PROVINCES),
        ("các bộ, cơ quan ngang bộ, cơ quan thuộc Chính phủ", MINISTRIES + MINISTERIAL + GOVERNMENT),
        ("Các bộ, cơ quan ngang bộ", MINISTRIES + MINISTERIAL),
        ("các bộ", MINISTRIES),
        ("Các bộ, cơ quan", MINISTRIES + MINISTERIAL + GOVERNMENT),
        ("các bộ, cơ quan Trung ương và địa phương", MINISTRIES + MINISTERIAL + GOVERNMENT + PROVINCES),
        ("UBND các tỉnh, thành phố trực thuộc Trung ương", PROVINCES),
        ("Ủy ban nhân dân các tỉnh, thành phố trực thuộc TW", PROVINCES),
        ("UBND các tỉnh/ thành phố", PROVINCES),
        ("34 tỉnh, thành phố", PROVINCES),
        ("Các thành phố trực thuộc Trung ương", [30, 31]),
        ("UBND 06 thành phố trực thuộc trung ương", [30, 31]),
        ("các địa phương chủ trì", PROVINCES),
        ("các tập đoàn, tổng công ty", CORPORATIONS),
        ("Chủ tịch Hội đồng thành viên, Tổng giám đốc các Tập đoàn, Tổng công ty", CORPORATIONS),
        (
            "Bộ trưởng, Thủ trưởng cơ quan ngang bộ, Thủ trưởng cơ quan thuộc Chính phủ, Chủ tịch Ủy ban nhân dân "
            "các tỉnh, thành phố trực thuộc Trung ương",
            MINISTRIES + MINISTERIAL + GOVERNMENT + PROVINCES,
        ),
    ],
)
def test_a_class_expands_to_its_members_of_the_day(phrase: str, expected: list[int]) -> None:
    read = read_addressees(phrase, AGENCIES, TODAY)

    assert [a.id for a in read.members] == expected
    assert read.is_class
    assert not read.unknown
    assert not read.narrowed
    assert [a.id for a in expand_class(phrase, AGENCIES, TODAY)] == expected


def test_a_class_has_the_members_of_its_own_day() -> None:
    before = Counter(a.kind for a in expand_class("các bộ, ngành, địa phương", AGENCIES, THEN))

    assert before == {M: 7, N: 3, G: 2, P: 6}


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("Bộ trưởng Bộ Y tế", [1]),
        ("BYT", [1]),
        ("Bộ Tài chính, Bộ Văn hoá, Thể thao và Du lịch", [2, 4]),
        ("Bộ trưởng các Bộ: Tài chính, Nội vụ, Bộ Y tế.", [1, 2, 3]),
        ("Các Bộ: Văn hóa, Thể thao và Du lịch, Khoa học và Công nghệ", [4, 5]),
        ("các Bộ Tài chính, Nội vụ, Khoa học và Công nghệ", [2, 3, 5]),
        ("Thống đốc Ngân hàng Nhà nước Việt Nam", [10]),
        ("Tổng Thanh tra Chính phủ", [11]),
        ("Bộ trưởng, Chủ nhiệm Văn phòng Chính phủ", [12]),
        ("Chủ tịch UBND tỉnh Phú Thọ", [36]),
        ("UBND các tỉnh, thành phố: Hồ Chí Minh, Hà Nội", [30, 31]),
        ("Chủ tịch UBND các tỉnh Đắk Lắk, Lào Cai và Phú Thọ", [34, 35, 36]),
        ("Hà Nội", [30]),
        ("UBND TP. Hồ Chí Minh", [31]),
        ("EVN", [40]),
        ("Chủ tịch kiêm Tổng giám đốc Tập đoàn Công nghiệp – Viễn thông Quân đội", [41]),
        ("Tổng giám đốc: Đài truyền hình Việt Nam, Thông tấn xã Việt Nam;", [20, 21]),
        ("Văn phòng Trung ương Đảng, Văn phòng Chủ tịch nước, Văn phòng Chính phủ", [12, 50, 52]),
        ("Tòa án nhân dân tối cao", [51]),
    ],
)
def test_names_lists_and_titles_are_read(phrase: str, expected: list[int]) -> None:
    read = read_addressees(phrase, AGENCIES, TODAY)

    assert [a.id for a in read.members] == expected
    assert not read.is_class
    assert not read.unknown
    assert expand_class(phrase, AGENCIES, TODAY) == ()


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("các bộ, ngành, địa phương liên quan", []),
        ("các địa phương có đảo", []),
        ("Bộ Y tế và các cơ quan liên quan", [1]),
        ("các bộ, ngành và các cơ quan, tổ chức có liên quan", MINISTRIES + MINISTERIAL + GOVERNMENT),
    ],
)
def test_a_limit_only_a_person_can_apply_is_not_expanded(phrase: str, expected: list[int]) -> None:
    read = read_addressees(phrase, AGENCIES, TODAY)

    assert [a.id for a in read.members] == expected
    assert read.narrowed
    assert not read.unknown


def test_what_is_not_understood_comes_back() -> None:
    read = read_addressees("Bộ Y tế, các ngân hàng thương mại cổ phần", AGENCIES, TODAY)

    assert [a.id for a in read.members] == [1]
    assert read.unknown == ("ngan hang thuong mai co phan",)


def test_an_abolished_agency_names_its_successor() -> None:
    read = read_addressees("Bộ Kế hoạch và Đầu tư", AGENCIES, TODAY)
    problem = check_exists(read.former[0], AGENCIES, TODAY, "/tasks/0/lead")

    assert read.members == ()
    assert problem is not None
    assert (problem.field, problem.code) == ("/tasks/0/lead", "agency_abolished")
    assert problem.params["successors"] == "Bộ Tài chính (A02)"
    assert check_exists(read.former[0], AGENCIES, THEN, "/lead") is None


def test_the_same_name_is_the_agency_of_the_day() -> None:
    assert find_agency("UBND tỉnh Phú Thọ", AGENCIES, THEN) == AGENCIES[15]
    assert find_agency("UBND tỉnh Phú Thọ", AGENCIES, TODAY) == AGENCIES[19]
    assert find_agency("các bộ", AGENCIES, TODAY) is None
    assert find_agency("Bộ Y tế, Bộ Nội vụ", AGENCIES, TODAY) is None


def test_an_agency_not_yet_founded_is_refused() -> None:
    problem = check_exists(AGENCIES[7], AGENCIES, THEN, "/lead")

    assert problem is not None
    assert problem.code == "agency_not_yet_founded"


def test_successors_are_followed_through_chains_and_splits() -> None:
    first = agency(1, "Một", M, None, date(2000, 1, 1), successors=(2, 3))
    second = agency(2, "Hai", M, None, date(2010, 1, 1), successors=(4, 1))
    third, fourth = agency(3, "Ba", M), agency(4, "Bốn", M)

    assert {a.id for a in successors_of(first, (first, second, third, fourth), TODAY)} == {3, 4}
    assert successors_of(third, (third,), TODAY) == (third,)


def test_spellings_of_one_name_have_one_key() -> None:
    keys = {
        name_key(n) for n in ("Uỷ ban nhân dân tỉnh Hoà Bình", "UBND tỉnh Hòa Bình", "ubnd  tỉnh Hòa Bình ;")
    }

    assert keys == {"ubnd tinh hoa binh"}


def test_absence_has_both_ends_inclusive() -> None:
    person = Official(1, "A", "a@x.vn", Role.AGENCY_OFFICER, absent_from=TODAY, absent_until=TODAY)

    assert person.is_absent_on(TODAY)
    assert not person.is_absent_on(date(2025, 11, 25))
    assert SYSTEM.is_system


@given(st.text(max_size=200))
def test_any_text_is_read_to_its_end(text: str) -> None:
    read = read_addressees(text, AGENCIES, TODAY)

    assert all(a.is_valid_on(TODAY) for a in read.members)
    assert not any(a.is_valid_on(TODAY) for a in read.former)


@given(st.lists(st.sampled_from([a for a in AGENCIES if a.is_valid_on(TODAY)]), min_size=1, unique=True))
def test_any_list_of_names_is_read_back(listed: list[Agency]) -> None:
    phrase = ", ".join(a.name for a in listed[:-1]) + (" và " if listed[1:] else "") + listed[-1].name

    assert set(ids(phrase)) == {a.id for a in listed}


@given(st.sampled_from(AGENCIES), st.dates(date(2019, 1, 1), date(2026, 12, 31)))
def test_successors_exist_on_the_day(one: Agency, day: date) -> None:
    assert all(heir.is_valid_on(day) for heir in successors_of(one, AGENCIES, day))

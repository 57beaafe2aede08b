"""Addresses: what is taken, in which form, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.errors import Invalid
from tracker.i18n import LANGUAGES, text
from tracker.mail.addresses import check_address, parse_address


@pytest.mark.parametrize(
    ("given_address", "stored"),
    [
        ("vanthu@moh.gov.vn", "vanthu@moh.gov.vn"),
        (" vanthu@moh.gov.vn ", "vanthu@moh.gov.vn"),
        ("Van.Thu+x@MOH.GOV.VN", "Van.Thu+x@moh.gov.vn"),
        ("a@bộ.vn", "a@xn--b-8xm.vn"),
        ("ai@localhost", "ai@localhost"),
        ("ễ@moh.gov.vn", "ễ@moh.gov.vn"),
    ],
)
def test_good_addresses_are_stored_in_one_form(given_address: str, stored: str) -> None:
    assert check_address(given_address) == stored


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("", "address_form"),
        ("a", "address_form"),
        ("@b.vn", "address_form"),
        ("a@", "address_form"),
        ("a@b> AUTH=<x@y.vn", "address_form"),
        ("a@b.vn> AUTH=<", "address_domain"),
        ('"a b"@c.vn', "address_form"),
        ("a b@c.vn", "address_form"),
        ("a@b@c.vn", "address_form"),
        ("@relay.vn:a@c.vn", "address_form"),
        ("A <a@c.vn>", "address_form"),
        ("a@c.vn,b@c.vn", "address_form"),
        ("a\r\nRCPT TO:<x@y.vn", "address_form"),
        ("a\x00@c.vn", "address_form"),
        (".a@c.vn", "address_form"),
        ("a..b@c.vn", "address_form"),
        ("a＠b@c.vn", "address_form"),
        ("a@c.vn\r\n", "address_domain"),
        ("a@[127.0.0.1]", "address_domain"),
        ("a@127.0.0.1", "address_domain"),
        ("a@-c.vn", "address_domain"),
        ("a@c..vn", "address_domain"),
        ("a@server", "address_domain"),
        ("a@straße.de", "address_domain"),
        ("a@c_d.vn", "address_domain"),
        ("a@" + "b" * 64 + ".vn", "address_domain"),
        ("a" * 65 + "@c.vn", "address_too_long"),
        ("a" * 60 + "@" + ".".join(["b" * 60] * 5), "address_domain"),
        ("a" * 60 + "@" + ".".join(["b" * 60] * 3) + "." + "c" * 20, "address_too_long"),
    ],
)
def test_bad_addresses_are_refused_by_reason(address: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_address(address, "/officials/0/email")

    (problem,) = refused.value.problems
    assert (problem.code, problem.field) == (code, "/officials/0/email")
    for language in LANGUAGES:
        assert text(language, problem.code, value=problem.value, **problem.params)


@given(st.text(max_size=80) | st.from_regex(r"[a-z .<>\"\\\r\n@=]{1,30}@[a-z.\-<>@ ]{1,30}", fullmatch=True))
def test_nothing_taken_can_break_out_of_a_command(address: str) -> None:
    try:
        taken = check_address(address)
    except Invalid:
        return

    assert taken.count("@") == 1
    assert not set(taken) & set('<>" \t\r\n\x00,;:\\()[]')
    assert taken.isprintable()
    assert taken.rpartition("@")[2].isascii()
    assert check_address(taken) == taken


def test_a_foreign_local_part_asks_for_smtputf8() -> None:
    assert parse_address("ễ@moh.gov.vn").needs_smtputf8
    assert not parse_address("e@bộ.vn").needs_smtputf8

"""Which e-mail addresses are taken: strict, because an address ends up inside SMTP commands and headers."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from tracker.domain.errors import Invalid

MAX_ADDRESS_OCTETS = 254
MAX_LOCAL_OCTETS = 64
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
# IDNA 2003, as the standard library has it, maps these to other names than IDNA 2008: better none than wrong.
_DEVIATIONS = frozenset("ßς\u200c\u200d")


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address; the domain is in its ASCII form, lower case."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a relay with SMTPUTF8 can carry it (RFC 6531)."""
        return not self.local.isascii()


@lru_cache(maxsize=10_000)
def parse_address(value: str, field: str = "/email") -> Address:
    """The bare address in `value`, or Invalid naming `field`, the reason and the value.

    No display name, no quoted local part, no route, no address literal, no control or space:
    what RFC 5321 allows beyond that nobody uses, and it is how addresses smuggle commands.

    >>> str(parse_address("van.thu@bộytế.vn"))
    'van.thu@xn--byt-9jzwf.vn'
    """
    local, at, domain = value.strip(" ").rpartition("@")
    if not at or not local or not domain:
        raise Invalid.one(field, "address_form", value)
    _check_local(local, value, field)
    address = Address(local, _ascii_domain(domain, value, field))
    if len(str(address).encode()) > MAX_ADDRESS_OCTETS:
        raise Invalid.one(field, "address_too_long", value, limit=MAX_ADDRESS_OCTETS)
    return address


def check_address(value: str, field: str = "/email") -> str:
    """The address in the form in which it is stored and sent."""
    return str(parse_address(value, field))


def _check_local(local: str, value: str, field: str) -> None:
    if len(local.encode("utf-8", "replace")) > MAX_LOCAL_OCTETS:
        raise Invalid.one(field, "address_too_long", value, limit=MAX_LOCAL_OCTETS)
    for atom in local.split("."):
        plain = "".join("x" if _is_foreign_letter(letter) else letter for letter in atom)
        if not _ATOM.fullmatch(plain):
            raise Invalid.one(field, "address_form", value)
    if unicodedata.normalize("NFKC", local).count("@"):
        raise Invalid.one(field, "address_form", value)


def _is_foreign_letter(letter: str) -> bool:
    return not letter.isascii() and unicodedata.category(letter)[0] in "LMN"


def _ascii_domain(domain: str, value: str, field: str) -> str:
    if any(not (letter in "-." or letter.isascii() or _is_foreign_letter(letter)) for letter in domain):
        raise Invalid.one(field, "address_domain", value)
    if len(domain) > MAX_ADDRESS_OCTETS or _DEVIATIONS & set(domain):
        raise Invalid.one(field, "address_domain", value)
    try:
        ascii_domain = unicodedata.normalize("NFC", domain).encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise Invalid.one(field, "address_domain", value) from None
    labels = ascii_domain.split(".")
    well_formed = all(_LABEL.fullmatch(label) for label in labels)
    if not well_formed or labels[-1].isdigit() or len(ascii_domain) > 253:
        raise Invalid.one(field, "address_domain", value)
    if len(labels) < 2 and ascii_domain != "localhost":
        raise Invalid.one(field, "address_domain", value)
    return ascii_domain

"""Which addresses this service may call on somebody's behalf: rules against being sent inside (SSRF). Pure.

An address is read by one strict grammar, so that no two readers can take it for two hosts.
Source: attack cases 79 and 80, OWASP ASVS 5.0 1.3.6; the special networks are those of the IANA registries
(RFC 6890, RFC 8190).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_URL = 2_000
# Ports on which no service of another kind answers; a proxy in front of a receiver uses these.
PORTS = frozenset({443, 8443})
PLAIN_PORT_FROM = 1024

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)(?P<fragment>#.*)?"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
# 127.1, 2130706433, 0x7f.0.0.1, 0177.0.0.1: forms that old resolvers read as addresses.
_NUMERIC = re.compile(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)(?:\.(?:0[xX][0-9A-Fa-f]*|[0-9]+))*")

_FORBIDDEN: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "168.63.129.16/32",  # a cloud's metadata outside the private networks
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_FORBIDDEN_IPV6: tuple[IPv6Network, ...] = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, benchmarks, ORCHID and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver's address, taken apart: `host` in lower case, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme == "https"

    @property
    def host_header(self) -> str:
        """The value of Host (RFC 9110 §7.2)."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == (443 if self.is_secure else 80) else f"{shown}:{self.port}"

    @property
    def address(self) -> Address | None:
        """The host as an address, where it is one."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


class UnsafeAddress(ValueError):
    """The address is not one we call; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_url(url: str, *, plain_http: bool = False) -> Target:
    """The parts of a receiver's address. Raises UnsafeAddress.

    `plain_http` also takes http, with any unprivileged port: for receivers on this machine only.

    >>> read_url("https://hooks.example.vn/don-doc?x=1").host
    'hooks.example.vn'
    >>> read_url("https://good.example.vn@evil.example/")
    Traceback (most recent call last):
        ...
    tracker.domain.net.UnsafeAddress: webhook_url_userinfo
    """
    named = _URL.fullmatch(url) if len(url) <= LONGEST_URL else None
    if named is None or not url.isascii():
        raise UnsafeAddress("webhook_url_form")
    scheme = named["scheme"].lower()
    if scheme != "https" and not (plain_http and scheme == "http"):
        raise UnsafeAddress("webhook_url_scheme")
    authority = named["authority"]
    if "@" in authority:
        raise UnsafeAddress("webhook_url_userinfo")
    if named["fragment"] or not _PATH.fullmatch(named["rest"]):
        raise UnsafeAddress("webhook_url_form")
    host, port = _split(authority, 443 if scheme == "https" else 80)
    if port not in PORTS and not (plain_http and port >= PLAIN_PORT_FROM):
        raise UnsafeAddress("webhook_url_port")
    rest = named["rest"]
    return Target(scheme, host, port, rest if rest.startswith("/") else f"/{rest}")


def _split(authority: str, default_port: int) -> tuple[str, int]:
    """Host and port of an authority without userinfo."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]{2,45})\](?::([0-9]{1,5}))?", authority)
    plain = re.fullmatch(r"([^:\[\]]+)(?::([0-9]{1,5}))?", authority)
    named = bracketed or plain
    if named is None:
        raise UnsafeAddress("webhook_url_host")
    host, port = named[1].lower(), int(named[2] or default_port)
    if bracketed is not None:
        try:
            return str(IPv6Address(host)), port
        except ValueError:
            raise UnsafeAddress("webhook_url_host") from None
    if _NUMERIC.fullmatch(host.rstrip(".")):
        try:
            return str(IPv4Address(host)), port
        except ValueError:
            raise UnsafeAddress("webhook_url_numeric") from None
    if not _HOST.fullmatch(host):
        raise UnsafeAddress("webhook_url_host")
    return host, port


def is_host_listed(host: str, listed: Iterable[str]) -> bool:
    """Whether a host is on the operator's list, by its whole name or by a `.suffix`.

    >>> is_host_listed("a.gov.vn", [".gov.vn"]), is_host_listed("gov.vn.evil", [".gov.vn"])
    (True, False)
    """
    return any(host.endswith(name) if name.startswith(".") else host == name for name in listed)


def is_address_allowed(address: str, networks: Iterable[str] = ()) -> bool:
    """Whether a receiver's resolved address is on the public Internet, or in a network the operator listed.

    An IPv4 address inside an IPv6 one is judged as the IPv4 address it leads to.

    >>> is_address_allowed("8.8.8.8"), is_address_allowed("::ffff:127.0.0.1"), is_address_allowed("nonsense")
    (True, False, False)
    >>> is_address_allowed("10.1.2.3", ["10.1.0.0/16"])
    True
    """
    try:
        # A scope ("fe80::1%eth0") belongs to a link, never to the Internet.
        found = ip_address(address)
    except ValueError:
        return False
    inner = _embedded(found)
    judged = found if inner is None else inner
    if any(judged in ip_network(network) for network in networks):
        return True
    if isinstance(judged, IPv4Address):
        return not any(judged in network for network in _FORBIDDEN)
    return judged in _GLOBAL_IPV6 and not any(judged in network for network in _FORBIDDEN_IPV6)


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address carries: mapped, compatible, NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    packed = int(address)
    if packed >> 32 == 0 or address in IPv6Network("64:ff9b::/96"):
        return IPv4Address(packed & 0xFFFFFFFF)
    return None

"""No webhook of ours reaches into our own network: the address really connected to is checked,
after name resolution.

So it holds against DNS rebinding, decimal and mapped addresses alike (RELIABILITY, Security). The
demo allows its own sink.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any

import aiohttp

from shared.people.addresses import is_web_port

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is assigned as global unicast (IANA). What is outside wraps an IPv4 address in an old or
local way (`::a.b.c.d`, 64:ff9b:1::/48), is of a site (fec0::/10), or is nobody's.
"""
_NOBODYS = (
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays to 6to4 (RFC 7526)
    ipaddress.IPv6Network("3fff::/20"),  # for documentation (RFC 9637)
)


class ForbiddenAddress(OSError):
    """A destination that is not on the public internet. Its errno is EACCES, which aiohttp passes
    on.
    """

    def __init__(self, address: str) -> None:
        super().__init__(
            errno.EACCES, f"{address} is not a public address; webhooks go to public addresses only"
        )


class ForbiddenPort(OSError):
    """A port at which something else than a web server listens. Its errno is EACCES."""

    def __init__(self, port: int) -> None:
        super().__init__(errno.EACCES, f"port {port} is of another service; webhooks go to others")


def is_public(address: str) -> bool:
    """Whether a literal IP address is on the public internet; addresses that wrap an IPv4 one count
    as that one.
    """
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        # The IPv4 address that is really reached decides.
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            found = inner
    if isinstance(found, ipaddress.IPv6Address) and found not in _UNICAST:
        return False
    if any(found in net for net in _NOBODYS if net.version == found.version):
        return False
    return found.is_global and not found.is_multicast


def make_guarded_socket(info: Any) -> socket.socket:
    """A socket for aiohttp's connector (`socket_factory`). Raises ForbiddenAddress and
    ForbiddenPort.
    """
    # After name resolution, right before connecting: a name that resolves anew cannot slip by.
    family, kind, proto, _, address = info
    if not is_public(str(address[0])):
        raise ForbiddenAddress(str(address[0]))
    if not is_web_port(int(address[1])):
        raise ForbiddenPort(int(address[1]))
    return socket.socket(family=family, type=kind, proto=proto)


def connector(*, allow_private: bool, limit: int = 100) -> aiohttp.TCPConnector:
    """The connector for everything that is sent to addresses other people chose."""
    return aiohttp.TCPConnector(
        limit=limit, socket_factory=None if allow_private else make_guarded_socket
    )


def is_forbidden(error: aiohttp.ClientConnectorError) -> bool:
    """Whether the guard was what kept us from connecting."""
    return error.os_error.errno == errno.EACCES

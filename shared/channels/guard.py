"""No webhook of ours reaches into our own network: the address really connected to is checked, after name resolution.

So it holds against DNS rebinding, decimal and mapped addresses alike (RELIABILITY, Security). The demo allows its own sink.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any

import aiohttp

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class ForbiddenAddress(OSError):
    """A destination that is not on the public internet. Its errno is EACCES, which aiohttp passes on."""

    def __init__(self, address: str) -> None:
        super().__init__(errno.EACCES, f"{address} is not a public address; webhooks go to public addresses only")


def is_public(address: str) -> bool:
    """Whether a literal IP address is on the public internet; addresses that wrap an IPv4 one count as that one."""
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def guarded_socket(info: Any) -> socket.socket:
    """A socket for aiohttp's connector (`socket_factory`). Raises ForbiddenAddress."""
    family, kind, proto, _, address = info
    if not is_public(str(address[0])):
        raise ForbiddenAddress(str(address[0]))
    return socket.socket(family=family, type=kind, proto=proto)


def connector(*, allow_private: bool, limit: int = 100) -> aiohttp.TCPConnector:
    """The connector for everything that is sent to addresses other people chose."""
    return aiohttp.TCPConnector(limit=limit, socket_factory=None if allow_private else guarded_socket)


def is_forbidden(error: aiohttp.ClientConnectorError) -> bool:
    """Whether the guard was what kept us from connecting."""
    return error.os_error.errno == errno.EACCES

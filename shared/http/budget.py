"""How much a stranger may cost a server of ours: the limits, and who counts as one stranger."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

_SPARE_DESCRIPTORS = 256
"""Kept for files and for our own connections to Kafka, MongoDB and intake."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Budget:
    """Limits of one server. Times are seconds, sizes bytes.

    `connections` in all and `each` from one peer (an IPv6 peer is its /64); `trusted` peers have
    no limit of their own. `idle` is longer than load balancers keep a connection (60), so that it
    is they who close it. A body must come at `body_floor` bytes a second after `body_grace`;
    an answer of which nothing is read for `unread` ends the connection.
    """

    connections: int = 2000
    each: int = 400
    trusted: tuple[Network, ...] = ()
    idle: float = 75.0
    head: float = 10.0
    head_bytes: int = 32 * 1024
    body_grace: float = 10.0
    body_floor: float = 16 * 1024
    unread: float = 30.0
    linger: float = 2.0
    look_every: float = 1.0

    def is_over(self, age: float, body: int) -> bool:
        """Whether a body of which `body` bytes came in `age` seconds is too slow."""
        return age > self.body_grace + body / self.body_floor


def within_descriptors(wanted: int) -> int:
    """`wanted` connections, or as many as this process has file descriptors for (at least 16)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # "No limit" is no number to set: then only what is wanted is asked for.
    most = hard if hard != resource.RLIM_INFINITY else max(soft, wanted + _SPARE_DESCRIPTORS)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(16, min(wanted, most - _SPARE_DESCRIPTORS))


def networks_in(text: str) -> tuple[Network, ...]:
    """Comma-separated addresses and networks; `*` is everybody. Raises ValueError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    # Both families: the one wildcard means every peer.
    if "*" in names:
        return ip_network("0.0.0.0/0"), ip_network("::/0")
    return tuple(ip_network(name, strict=False) for name in names)


def peer_of(host: str) -> str:
    """Who counts as one: an IPv4 address, the /64 of an IPv6 address."""
    # One customer of a provider has a whole /64 of IPv6, so single addresses would be no limit. The
    # part after % names a network card of this machine.
    if ":" not in host:
        return host
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    # An IPv4 client on a socket of both families: its IPv4 address counts.
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or ip_network((int(found) >> 64 << 64, 64)))

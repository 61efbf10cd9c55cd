"""Relays that hand us other people's mail, and whose address a mail is judged by. Pure.

SPF asks whether an address may send for a domain (RFC 7208). Behind a relay, the address of the
connection is the relay's, so SPF says nothing. A relay in `SIGNALBOX_TRUSTED_RELAYS` can name the
true client, by the PROXY protocol or by Postfix's XCLIENT
(https://www.postfix.org/XCLIENT_README.html). Where it does not, no address is known: SPF is
`none`, and DKIM alone can vouch. The Received header that a relay writes is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

OFFERS = "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
_NAMES = frozenset(OFFERS.split()[1:])
# What Postfix writes where it does not know, or does not know just now.
_UNKNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")


@dataclass(frozen=True)
class Relays:
    """`networks`: the relays that are trusted. `proxy`: they begin with the PROXY protocol."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    proxy: bool = False

    def has(self, address: str) -> bool:
        """Whether this is the address of a trusted relay."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        # `::ffff:192.0.2.1` is the IPv4 address, and networks are written as such.
        if found.version == 6 and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self.networks)


def relays_of(text: str, *, proxy: bool) -> Relays:
    """From addresses and networks, with commas between them. Raises ValueError."""
    return Relays(
        tuple(ip_network(each.strip(), strict=False) for each in text.split(",") if each.strip()),
        proxy,
    )


class RelayedClient(NamedTuple):
    """What a relay says of the true client. Empty: it does not say or does not know."""

    address: str = ""
    helo: str = ""


def read_xclient(arg: str | None) -> RelayedClient | None:
    """The client that `XCLIENT arg` names; None where it cannot be read."""
    attributes: dict[str, str] = {}
    for word in (arg or "").split():
        name, mark, value = word.partition("=")
        # An unknown attribute may change what the others mean: then nothing is read.
        if not mark or name.upper() not in _NAMES:
            return None
        attributes[name.upper()] = _decode(value)
    if not attributes:
        return None
    # Postfix writes IPv6 addresses with a prefix.
    address = _read_attribute(attributes, "ADDR").upper().removeprefix("IPV6:").lower()
    try:
        return RelayedClient(
            str(ip_address(address)) if address else "", _read_attribute(attributes, "HELO")
        )
    except ValueError:
        return None


def address_to_judge(direct: str, named: RelayedClient | None, relays: Relays) -> str:
    """The address that SPF is asked about: that of the connection, or the one its relay named.
    Empty where only the relay knows it.
    """
    if not relays.has(direct):
        return direct
    # Silence of the relay means no address, never its own: that would vouch for everybody.
    return named.address if named is not None else ""


def _read_attribute(attributes: Mapping[str, str], name: str) -> str:
    value = attributes.get(name, "")
    return "" if value.upper() in _UNKNOWN else value


def _decode(value: str) -> str:
    """RFC 3461 xtext."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), value)

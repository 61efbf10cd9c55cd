"""DNS as mail authentication needs it: TXT, A, AAAA, MX and PTR, with every wait bounded.

`Resolver` has two implementations: the real one, and a zone in a file, which the demo and the tests
hand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
import yaml

Kind = Literal["TXT", "A", "AAAA", "MX", "PTR"]
LOOKUP_MOST = 2.0
"""Seconds for one question."""


class NoAnswerInTime(Exception):
    """DNS is away or answers with a failure: a temporary error, never a 'no'."""


class Resolver(Protocol):
    """Answers in plain text: TXT joined, A and AAAA as addresses, MX as host names by preference,
    PTR as host names.
    """

    async def lookup(self, name: str, kind: Kind) -> tuple[str, ...]:
        """Empty: no such name or no such record. Raises NoAnswerInTime."""


class DnsZone:
    """A fixed zone: name → kind → values. What is not in it does not exist."""

    def __init__(self, records: Mapping[str, Mapping[str, list[str]]]) -> None:
        self._records = {
            (name.lower().rstrip("."), kind): tuple(values)
            for name, kinds in records.items()
            for kind, values in kinds.items()
        }

    @classmethod
    def of(cls, path: Path) -> DnsZone:
        """From YAML. Raises OSError and yaml.YAMLError: a wrong setting stops the start."""
        return cls(yaml.safe_load(path.read_text()) or {})

    async def lookup(self, name: str, kind: Kind) -> tuple[str, ...]:
        return self._records.get((name.lower().rstrip("."), kind), ())


class Internet:
    """The machine's own name servers (`/etc/resolv.conf`), or those of `resolver`, through
    dnspython, with its cache.
    """

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._resolver = resolver

    async def lookup(self, name: str, kind: Kind) -> tuple[str, ...]:
        try:
            asked = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return ()  # such a name cannot exist
        try:
            # Made at the first question: reading `resolv.conf` can fail, and the start must not.
            if self._resolver is None:
                self._resolver = dns.asyncresolver.Resolver()
                self._resolver.cache = dns.resolver.LRUCache(10_000)
            answer = await self._resolver.resolve(
                asked, kind, lifetime=LOOKUP_MOST, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            # Only "no such name" is a no; everything else may be different a moment later.
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise NoAnswerInTime(f"{kind} {name}: {type(error).__name__}") from error
        if answer.rrset is None:
            return ()
        # One record may come in several strings of 255 bytes (RFC 7208 section 3.3).
        if kind == "TXT":
            return tuple(
                b"".join(record.strings).decode("utf-8", "replace") for record in answer.rrset
            )
        if kind == "MX":
            return tuple(
                str(record.exchange).rstrip(".")
                for record in sorted(answer.rrset, key=lambda record: record.preference)
            )
        return tuple(str(record).rstrip(".") for record in answer.rrset)


class Unreachable:
    """No DNS at all, as in a demo without a zone: nothing is known, so nobody is vouched for."""

    async def lookup(self, name: str, kind: Kind) -> tuple[str, ...]:
        return ()


def resolver_of(zone: Path | None, *, demo: bool) -> Resolver:
    """`SIGNALBOX_DNS_ZONE` → that zone; without one the Internet, or, in the demo, nothing."""
    if zone is not None:
        return DnsZone.of(zone)
    # A demo must not ask name servers about the addresses people try out.
    return Unreachable() if demo else Internet()

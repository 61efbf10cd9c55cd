"""Whether the DNS records that mail needs are published: MX, SPF and DMARC of the support address's
domain, and the key of a DKIM selector. Each is asked for as it stands now; nothing is kept.

Sources: RFC 5321 section 5 (MX), 7208 section 4.5 (SPF), 7489 section 6.6.3 (DMARC), 6376 section
3.6.2 (DKIM).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.resolver

# A page waits for it, so it is shorter than the resolver's own patience.
ANSWER_WITHIN_S = 4.0
# Letters, digits, hyphens, dots and underscores, as they stand in names of DNS.
SELECTOR = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")

Kind = Literal["MX", "TXT"]
Look = Callable[[str, Kind], Awaitable[Sequence[str] | None]]
"""(name, kind) → the values of the records; none of them: empty; None: DNS did not answer."""


class DnsRecordCheck(NamedTuple):
    """`state`: good, missing, wrong or unknown. `found`: what is published; `said`: a sentence."""

    what: str
    name: str
    state: str
    said: str
    found: tuple[str, ...] = ()


async def look_up(
    name: str, kind: Kind, resolver: dns.asyncresolver.Resolver | None = None
) -> Sequence[str] | None:
    """The real DNS, by the resolvers of this machine where none is given. Strings of one TXT record
    are joined.
    """
    resolver = resolver or dns.asyncresolver.Resolver()
    try:
        # A name without such a record is an answer here, and no error.
        answer = await resolver.resolve(
            name, kind, lifetime=ANSWER_WITHIN_S, raise_on_no_answer=False
        )
    except dns.resolver.NXDOMAIN:
        return ()
    except (dns.exception.DNSException, OSError):
        return None
    # Shown as people know it: number and server.
    if kind == "MX":
        return [f"{one.preference} {one.exchange}" for one in answer]
    return [b"".join(one.strings).decode("utf-8", "replace") for one in answer]


async def records_of(domain: str, selector: str = "", look: Look = look_up) -> list[DnsRecordCheck]:
    """Of `domain`; DKIM only with the selector that the relay signs with."""
    asked: list[tuple[str, Kind]] = [(domain, "MX"), (domain, "TXT"), (f"_dmarc.{domain}", "TXT")]
    key = f"{selector}._domainkey.{domain}"
    if selector:
        asked.append((key, "TXT"))
    # All at once: each may take the whole time.
    mx, own, dmarc, *keys = await asyncio.gather(*(look(name, kind) for name, kind in asked))
    found = [
        judge_mx(domain, mx),
        judge_one("SPF", domain, own, "v=spf1"),
        judge_one("DMARC", f"_dmarc.{domain}", dmarc, "v=DMARC1"),
    ]
    return [*found, judge_dkim(key, keys[0])] if selector else found


def judge_mx(name: str, values: Sequence[str] | None) -> DnsRecordCheck:
    """`0 .` says that the domain takes no mail (RFC 7505). Pure."""
    if values is None:
        return _unknown("MX", name)
    if not values:
        return DnsRecordCheck("MX", name, "missing", "Customers' mail does not come in.")
    # One such record is enough: others then send nothing at all.
    if any(value.split()[-1] == "." for value in values):
        return DnsRecordCheck("MX", name, "wrong", "It says that no mail is taken.", tuple(values))
    return DnsRecordCheck("MX", name, "good", "Mail is led to a server.", tuple(values))


def judge_one(what: str, name: str, values: Sequence[str] | None, begins: str) -> DnsRecordCheck:
    """There must be one record of the kind: two count as none. Pure."""
    if values is None:
        return _unknown(what, name)
    ours = tuple(value for value in values if _is_of(value, begins))
    if not ours:
        return DnsRecordCheck(what, name, "missing", f"No TXT record begins with {begins}.")
    if len(ours) > 1:
        # RFC 7208 section 4.5: with two records there is no result.
        return DnsRecordCheck(what, name, "wrong", "There are two; others then read none.", ours)
    return DnsRecordCheck(what, name, "good", "It is published.", ours)


def judge_dkim(name: str, values: Sequence[str] | None) -> DnsRecordCheck:
    """An empty `p=` is a key that was taken back. Pure."""
    if values is None:
        return _unknown("DKIM", name)
    # A key without a version counts as well (RFC 6376, section 3.6.1).
    keys = tuple(value for value in values if re.search(r"(^|;)\s*p\s*=", value))
    if not keys:
        return DnsRecordCheck("DKIM", name, "missing", "No key is published under this selector.")
    if any(re.search(r"(^|;)\s*p\s*=\s*(;|$)", value) for value in keys):
        return DnsRecordCheck("DKIM", name, "wrong", "The key was taken back (p= is empty).", keys)
    return DnsRecordCheck("DKIM", name, "good", "A key is published.", keys)


def _is_of(value: str, begins: str) -> bool:
    """The version stands alone or before a space or semicolon."""
    rest = value[len(begins) :]
    return value[: len(begins)].lower() == begins.lower() and (not rest or rest[0] in " ;\t")


def _unknown(what: str, name: str) -> DnsRecordCheck:
    return DnsRecordCheck(
        what, name, "unknown", "DNS did not answer in time. Look again in a moment."
    )

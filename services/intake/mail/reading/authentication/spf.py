"""SPF (RFC 7208): may this address send for that domain? Ten questions to DNS at most, two of them
in vain (section 4.6.4).
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from services.intake.mail.reading.authentication.dns import Kind, NoAnswerInTime, Resolver
from services.intake.mail.reading.authentication.spf_record import BadRecord, parse_record
from services.intake.mail.reading.models import Verdict
from shared.people.folding import fold_address

# RFC 7208 section 4.6.4; its limits keep a record from making us ask the whole world.
LOOKUPS_MOST = 10
VOID_MOST = 2
HOSTS_MOST = 10
QUALIFIERS: dict[str, Verdict] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}

# The two masks of "dual-cidr": one slash for IPv4, two for IPv6.
_CIDR = re.compile(r"^(?P<domain>.*?)(?:/(?P<four>\d{1,2}))?(?://(?P<six>\d{1,3}))?$")
# Section 7.2: letter, number of labels, reverse, delimiters; or an escaped sign.
_MACRO = re.compile(r"%(?:\{([slodiphcrtvSLODIPHCRTV])(\d{0,3})(r?)([.\-+,/_=]*)\}|(.))", re.DOTALL)

Ip = IPv4Address | IPv6Address


class Spf(NamedTuple):
    """The verdict, the domain it is about and why."""

    verdict: Verdict
    domain: str
    reason: str


@dataclass
class _Check:
    """One evaluation. `sender` is the MAIL FROM, `helo` what the client called itself."""

    ip: Ip
    sender: str
    helo: str
    resolver: Resolver
    lookups: int = field(default=0)
    void: int = field(default=0)
    own_name: str = "unknown"

    async def ask(self, name: str, kind: Kind) -> tuple[str, ...]:
        answer = await self.resolver.lookup(name, kind)
        if not answer:
            # Only mechanisms count here; the record itself may be missing without harm.
            self.void += 1
            if self.void > VOID_MOST:
                raise BadRecord("more than two questions to DNS had no answer")
        return answer

    def count(self) -> None:
        self.lookups += 1
        if self.lookups > LOOKUPS_MOST:
            raise BadRecord("more than ten questions to DNS")

    async def host(self, domain: str) -> tuple[Verdict, str]:
        """`check_host` of the RFC: the verdict and the term that gave it."""
        records = [
            text
            for text in await self.resolver.lookup(domain, "TXT")
            if re.match(r"v=spf1(?: |$)", text, re.IGNORECASE)
        ]
        if not records:
            return "none", f"{domain} has no SPF record"
        # Section 4.5: with several records nobody knows which one is meant.
        if len(records) > 1:
            raise BadRecord(f"{domain} has several SPF records")
        record = parse_record(records[0])
        for term in record.terms:
            if await self._matches(term.name, term.argument, domain):
                return QUALIFIERS[term.qualifier], f"{term.text} of {domain}"
        # The redirect is only asked where no term matched (section 6.1).
        if not record.redirect:
            return "neutral", f"{domain} does not say"
        self.count()
        verdict, why = await self.host(await self.expanded(record.redirect, domain))
        # Section 6.1: a redirect to nothing is an error of the record.
        if verdict == "none":
            raise BadRecord(f"{domain} redirects to a domain without a record")
        return verdict, why

    async def _matches(self, name: str, argument: str, domain: str) -> bool:
        if name == "all":
            return True
        if name in ("ip4", "ip6"):
            return self._in_network(argument, 4 if name == "ip4" else 6)
        # `all`, `ip4` and `ip6` cost no question, so they are answered above.
        self.count()
        if name == "include":
            verdict, _ = await self.host(await self.expanded(argument, domain))
            # Section 5.2: a pass matches, and a missing record is an error.
            if verdict == "none":
                raise BadRecord(f"{domain} includes a domain without a record")
            return verdict == "pass"
        if name == "exists":
            return bool(await self.ask(await self.expanded(argument, domain), "A"))
        if name == "ptr":
            return await self._has_name_under(
                await self.expanded(argument, domain) if argument else domain
            )
        if name in ("a", "mx"):
            parts = _CIDR.match(argument)
            assert parts is not None  # it matches everything
            target = await self.expanded(parts["domain"], domain) if parts["domain"] else domain
            length = int(parts["four"] or 32) if self.ip.version == 4 else int(parts["six"] or 128)
            hosts = await self.ask(target, "MX") if name == "mx" else (target,)
            # Section 4.6.4: more than ten hosts of an MX make the record an error.
            if len(hosts) > HOSTS_MOST:
                raise BadRecord(f"{target} has too many mail servers")
            return await self._one_of(hosts, length)
        raise BadRecord(f"unknown mechanism {name[:40]!r}")

    async def _one_of(self, hosts: tuple[str, ...], length: int) -> bool:
        for host in hosts:
            for address in await self.ask(host, "A" if self.ip.version == 4 else "AAAA"):
                try:
                    if self.ip in ip_network(f"{address}/{length}", strict=False):
                        return True
                except ValueError as error:
                    raise BadRecord(f"no such network: {address}/{length}") from error
        return False

    async def _has_name_under(self, domain: str) -> bool:
        return any(_is_under(name, domain) for name in await self._own_names())

    async def _own_names(self) -> list[str]:
        """The names of the address that lead back to it (section 5.5): none where DNS does not
        answer, and without those for which it does not. That is no error of the whole check.
        """
        kind: Kind = "A" if self.ip.version == 4 else "AAAA"
        try:
            found = await self.ask(self.ip.reverse_pointer, "PTR")
        except NoAnswerInTime:
            return []
        names = []
        # Names beyond ten are left out, as the section says, and do no harm.
        for name in found[:HOSTS_MOST]:
            with contextlib.suppress(NoAnswerInTime):
                if any(_is_address(each, self.ip) for each in await self.ask(name, kind)):
                    names.append(name.lower().rstrip("."))
        return names

    async def expanded(self, text: str, domain: str) -> str:
        """`expand`, with the name of the address where the text asks for it (`%{p}`)."""
        # Counted like a mechanism: finding the name asks DNS several times.
        if re.search(r"%\{p", text, re.IGNORECASE):
            self.count()
            names = await self._own_names()
            same = [name for name in names if name == domain.lower()]
            under = [name for name in names if _is_under(name, domain)]
            self.own_name = next(iter([*same, *under, *names]), "unknown")
        return self.expand(text, domain)

    def _in_network(self, argument: str, version: int) -> bool:
        try:
            network = ip_network(argument, strict=False)
        except ValueError as error:
            raise BadRecord(f"no such network: {argument[:60]!r}") from error
        if network.version != version:
            raise BadRecord(f"{argument[:60]!r} is not of IPv{version}")
        return self.ip in network

    def expand(self, text: str, domain: str) -> str:
        """Section 7: `%{d}` and its kin. The name is cut from the left to 253 characters."""
        local, _, sender_domain = self.sender.rpartition("@")
        # IPv6 is written one hex digit a label.
        dotted = (
            str(self.ip) if self.ip.version == 4 else ".".join(self.ip.exploded.replace(":", ""))
        )
        values = {
            "s": self.sender,
            "l": local,
            "o": sender_domain,
            "d": domain,
            "i": dotted,
            "p": self.own_name,
            "h": self.helo,
            "v": "in-addr" if self.ip.version == 4 else "ip6",
            "c": str(self.ip),
            # Section 7.2 has `r`, `t` and `c` in explanations only, which are not read here.
            "r": "unknown",
            "t": "0",
        }

        def one(match: re.Match[str]) -> str:
            letter, digits, reverse, delimiters, other = match.groups()
            if other is not None:
                if other not in "%_-":
                    raise BadRecord("a macro that is none")
                return {"%": "%", "_": " ", "-": "%20"}[other]
            parts = re.split("[" + re.escape(delimiters or ".") + "]", values[letter.lower()])
            if reverse:
                parts.reverse()
            if digits:
                parts = parts[-int(digits) :] if int(digits) else parts
            return ".".join(parts)

        # Cut at whole labels, so what is left is a name.
        name = _MACRO.sub(one, text).rstrip(".")
        while len(name) > 253 and "." in name:
            name = name.partition(".")[2]
        if not name or len(name) > 253:
            raise BadRecord("a name that cannot be")
        return name


def _is_under(name: str, domain: str) -> bool:
    lowered = name.lower().rstrip(".")
    return lowered == domain.lower() or lowered.endswith("." + domain.lower())


def _is_address(text: str, ip: Ip) -> bool:
    try:
        return ip_address(text) == ip
    except ValueError:
        return False


async def check(peer: str, mail_from: str, helo: str, resolver: Resolver) -> Spf:
    """SPF of MAIL FROM, or of HELO for the null sender. Never raises; DNS in trouble is
    `temperror`.
    """
    # Section 2.4: for the null sender HELO is checked, as postmaster of it.
    sender = mail_from or f"postmaster@{helo}"
    domain = fold_address(sender.rpartition("@")[2]).rstrip(".")
    try:
        ip = ip_address(peer)
    except ValueError:
        return Spf("none", domain, "the client's address is not known")
    # A dual-stack socket gives IPv4 addresses in this form; records name them as IPv4.
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if not re.fullmatch(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+", domain):
        return Spf("none", domain, "the envelope names no domain")
    try:
        verdict, why = await _Check(
            ip, sender if "@" in sender else f"postmaster@{sender}", helo, resolver
        ).host(domain)
    except BadRecord as error:
        return Spf("permerror", domain, str(error))
    except NoAnswerInTime as error:
        return Spf("temperror", domain, str(error))
    return Spf(verdict, domain, why)

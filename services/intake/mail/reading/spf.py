"""SPF (RFC 7208): may this address send for that domain? Ten questions to DNS at most, two of them in vain (section 4.6.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from services.intake.mail.reading.names import Kind, NoAnswerInTime, Resolver
from services.intake.mail.reading.shape import Verdict

LOOKUPS_MOST = 10
VOID_MOST = 2
HOSTS_MOST = 10
RECORD_MOST = 4096
QUALIFIERS: dict[str, Verdict] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}

_TERM = re.compile(r"([+\-~?]?)([A-Za-z][A-Za-z0-9_.-]*)(?:([:=/])(.*))?", re.DOTALL)
_MODIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*=")
_CIDR = re.compile(r"^(?P<domain>.*?)(?:/(?P<four>\d{1,2}))?(?://(?P<six>\d{1,3}))?$")
_MACRO = re.compile(r"%(?:\{([slodiphcrtvSLODIPHCRTV])(\d{0,3})(r?)([.\-+,/_=]*)\}|(.))", re.DOTALL)

Ip = IPv4Address | IPv6Address


class Spf(NamedTuple):
    """The verdict, the domain it is about and why."""

    verdict: Verdict
    domain: str
    reason: str


class _PermError(Exception):
    """The record is wrong, or asks for too much."""


@dataclass
class _Check:
    """One evaluation. `sender` is the MAIL FROM, `helo` what the client called itself."""

    ip: Ip
    sender: str
    helo: str
    resolver: Resolver
    lookups: int = field(default=0)
    void: int = field(default=0)

    async def ask(self, name: str, kind: Kind) -> tuple[str, ...]:
        answer = await self.resolver.lookup(name, kind)
        if not answer:
            self.void += 1
            if self.void > VOID_MOST:
                raise _PermError("more than two questions to DNS had no answer")
        return answer

    def count(self) -> None:
        self.lookups += 1
        if self.lookups > LOOKUPS_MOST:
            raise _PermError("more than ten questions to DNS")

    async def host(self, domain: str) -> tuple[Verdict, str]:
        """`check_host` of the RFC: the verdict and the term that gave it."""
        records = [text for text in await self.resolver.lookup(domain, "TXT") if re.match(r"v=spf1(?: |$)", text, re.IGNORECASE)]
        if not records:
            return "none", f"{domain} has no SPF record"
        if len(records) > 1 or len(records[0]) > RECORD_MOST:
            raise _PermError(f"{domain} has several SPF records, or one too large")
        redirect = ""
        for term in records[0].split(" ")[1:]:
            if not term:
                continue
            if _MODIFIER.match(term):
                name, _, value = term.partition("=")
                if name.lower() == "redirect":
                    redirect = value
                continue
            if (verdict := await self._mechanism(term, domain)) is not None:
                return verdict, f"{term} of {domain}"
        if not redirect:
            return "neutral", f"{domain} does not say"
        self.count()
        verdict, why = await self.host(self.expand(redirect, domain))
        if verdict == "none":
            raise _PermError(f"{domain} redirects to a domain without a record")
        return verdict, why

    async def _mechanism(self, term: str, domain: str) -> Verdict | None:
        parsed = _TERM.fullmatch(term)
        if parsed is None:
            raise _PermError(f"unknown term {term[:40]!r}")
        qualifier, name, mark, value = parsed.groups()
        argument = ("/" + value if mark == "/" else value) or ""
        matched = await self._matches(name.lower(), argument, domain)
        return QUALIFIERS[qualifier or "+"] if matched else None

    async def _matches(self, name: str, argument: str, domain: str) -> bool:
        if name == "all":
            return True
        if name in ("ip4", "ip6"):
            return self._in_network(argument, 4 if name == "ip4" else 6)
        self.count()
        if name == "include":
            verdict, _ = await self.host(self.expand(argument, domain))
            if verdict == "none":
                raise _PermError(f"{domain} includes a domain without a record")
            return verdict == "pass"
        if name == "exists":
            return bool(await self.ask(self.expand(argument, domain), "A"))
        if name == "ptr":
            return await self._named_under(self.expand(argument, domain) if argument else domain)
        if name in ("a", "mx"):
            parts = _CIDR.match(argument)
            assert parts is not None  # it matches everything
            target = self.expand(parts["domain"], domain) if parts["domain"] else domain
            length = int(parts["four"] or 32) if self.ip.version == 4 else int(parts["six"] or 128)
            hosts = await self.ask(target, "MX") if name == "mx" else (target,)
            if len(hosts) > HOSTS_MOST:
                raise _PermError(f"{target} has too many mail servers")
            return await self._one_of(hosts, length)
        raise _PermError(f"unknown mechanism {name[:40]!r}")

    async def _one_of(self, hosts: tuple[str, ...], length: int) -> bool:
        for host in hosts:
            for address in await self.ask(host, "A" if self.ip.version == 4 else "AAAA"):
                try:
                    if self.ip in ip_network(f"{address}/{length}", strict=False):
                        return True
                except ValueError as error:
                    raise _PermError(f"no such network: {address}/{length}") from error
        return False

    async def _named_under(self, domain: str) -> bool:
        kind: Kind = "A" if self.ip.version == 4 else "AAAA"
        for name in (await self.ask(self.ip.reverse_pointer, "PTR"))[:HOSTS_MOST]:
            lowered = name.lower().rstrip(".")
            under = lowered == domain.lower() or lowered.endswith("." + domain.lower())
            if under and str(self.ip) in await self.ask(name, kind):
                return True
        return False

    def _in_network(self, argument: str, version: int) -> bool:
        try:
            network = ip_network(argument, strict=False)
        except ValueError as error:
            raise _PermError(f"no such network: {argument[:60]!r}") from error
        if network.version != version:
            raise _PermError(f"{argument[:60]!r} is not of IPv{version}")
        return self.ip in network

    def expand(self, text: str, domain: str) -> str:
        """Section 7: `%{d}` and its kin. The name is cut from the left to 253 characters."""
        local, _, sender_domain = self.sender.rpartition("@")
        dotted = str(self.ip) if self.ip.version == 4 else ".".join(self.ip.exploded.replace(":", ""))
        values = {
            "s": self.sender, "l": local, "o": sender_domain, "d": domain, "i": dotted, "p": "unknown",
            "h": self.helo, "v": "in-addr" if self.ip.version == 4 else "ip6", "c": str(self.ip), "r": "unknown", "t": "0",
        }  # fmt: skip

        def one(match: re.Match[str]) -> str:
            letter, digits, reverse, delimiters, other = match.groups()
            if other is not None:
                if other not in "%_-":
                    raise _PermError("a macro that is none")
                return {"%": "%", "_": " ", "-": "%20"}[other]
            parts = re.split("[" + re.escape(delimiters or ".") + "]", values[letter.lower()])
            if reverse:
                parts.reverse()
            if digits:
                parts = parts[-int(digits) :] if int(digits) else parts
            return ".".join(parts)

        name = _MACRO.sub(one, text).rstrip(".")
        while len(name) > 253 and "." in name:
            name = name.partition(".")[2]
        if not name or len(name) > 253:
            raise _PermError("a name that cannot be")
        return name


async def check(peer: str, mail_from: str, helo: str, resolver: Resolver) -> Spf:
    """SPF of MAIL FROM, or of HELO for the null sender. Never raises; DNS in trouble is `temperror`."""
    sender = mail_from or f"postmaster@{helo}"
    domain = sender.rpartition("@")[2].lower().rstrip(".")
    try:
        ip = ip_address(peer)
    except ValueError:
        return Spf("none", domain, "the client's address is not known")
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if not re.fullmatch(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+", domain):
        return Spf("none", domain, "the envelope names no domain")
    try:
        verdict, why = await _Check(ip, sender if "@" in sender else f"postmaster@{sender}", helo, resolver).host(domain)
    except _PermError as error:
        return Spf("permerror", domain, str(error))
    except NoAnswerInTime as error:
        return Spf("temperror", domain, str(error))
    return Spf(verdict, domain, why)

"""Who vouches for a mail: SPF and DKIM, put together by DMARC (RFC 7489). Foreign Authentication-Results play no part.

The alignment is our own, with the public suffix list that authheaders ships: authheaders 0.16.3 reads the domain of
`x@bank.example-evil.org` as `bank.example`, which lets a stranger's SPF vouch for the bank.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.resources
from collections.abc import Awaitable, Callable, Sequence

from publicsuffix2 import PublicSuffixList

from services.intake.mail.reading.names import NoAnswerInTime, Resolver
from services.intake.mail.reading.shape import Authentication, Envelope, Reading, Verdict
from services.intake.mail.reading.signatures import Verified, key_name
from services.intake.mail.reading.spf import Spf, check

BUDGET = 5.0
"""Seconds for all of DNS."""

Verify = Callable[[dict[str, str]], Awaitable[list[Verified]]]


@functools.cache
def _suffixes() -> PublicSuffixList:
    with importlib.resources.files("authheaders").joinpath("public_suffix_list.txt").open(encoding="utf-8") as lines:
        return PublicSuffixList(lines)


def prepare() -> None:
    """Read the public suffix list now (0.2 s), not while a mail waits."""
    _suffixes()


@functools.lru_cache(maxsize=4096)
def organisation(domain: str) -> str:
    """The organisational domain: `mail.example.co.uk` → `example.co.uk`."""
    found: str | None = _suffixes().get_public_suffix(domain)
    return found or domain


def aligned(of: str, domain: str, *, strict: bool) -> bool:
    """Whether a pass for `of` speaks for the From domain `domain` (RFC 7489 section 3.1)."""
    if not of or not domain:
        return False
    return of == domain or (not strict and organisation(of) == organisation(domain))


async def judge(envelope: Envelope, reading: Reading, resolver: Resolver, verify: Verify) -> Authentication:
    """`verify` checks the signatures against the keys it is given, in the limited child. Never raises for what a mail says."""
    if reading.sender is None:
        return Authentication(reason="there is no From address that could be vouched for")
    try:
        async with asyncio.timeout(BUDGET):
            spf, (keys, unasked), (record, found_at) = await asyncio.gather(
                check(envelope.peer, envelope.mail_from, envelope.helo, resolver),
                _keys(reading, resolver),
                _policy(reading.sender.domain, resolver),
            )
    except (TimeoutError, NoAnswerInTime) as error:
        return Authentication(
            dkim="temperror", spf="temperror", dmarc="temperror", reason=f"DNS did not answer in time: {error}".rstrip(": ")
        )
    signed = await verify(keys) if keys else []
    return _together(reading.sender.domain, spf, signed, unasked, record, found_at)


async def _keys(reading: Reading, resolver: Resolver) -> tuple[dict[str, str], list[str]]:
    """The keys that were found, and the names DNS gave no answer for."""
    names = sorted({key_name(signature.domain, signature.selector) for signature in reading.signatures})

    async def one(name: str) -> tuple[str, ...] | None:
        try:
            return await resolver.lookup(name, "TXT")
        except NoAnswerInTime:
            return None

    answers = dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
    keys = {
        name: next(text for text in texts if "p=" in text) for name, texts in answers.items() if texts and any("p=" in t for t in texts)
    }
    return keys, [name for name, texts in answers.items() if texts is None]


async def _policy(domain: str, resolver: Resolver) -> tuple[dict[str, str], str]:
    """The DMARC record for the From domain, or for its organisation, and where it stood; empty where there is none."""
    for host in dict.fromkeys((domain, organisation(domain))):
        records = [text for text in await resolver.lookup(f"_dmarc.{host}", "TXT") if text.replace(" ", "").startswith("v=DMARC1")]
        if len(records) == 1:  # several count as none (section 6.6.3)
            pairs = (tag.partition("=") for tag in records[0].split(";"))
            return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}, host
    return {}, ""


def _together(
    domain: str, spf: Spf, signed: Sequence[Verified], unasked: Sequence[str], record: dict[str, str], found_at: str
) -> Authentication:
    dkim = _best(signed, unasked)
    if not record or not ("p" in record or "rua" in record):
        return Authentication(dkim=dkim, spf=spf.verdict, reason=f"{domain} has no DMARC record")
    by_dkim = next((s.domain for s in signed if s.verdict == "pass" and aligned(s.domain, domain, strict=record.get("adkim") == "s")), None)
    if by_dkim:
        return Authentication(dkim=dkim, spf=spf.verdict, dmarc="pass", aligned=True, reason=f"DKIM of {by_dkim}")
    if spf.verdict == "pass" and aligned(spf.domain, domain, strict=record.get("aspf") == "s"):
        return Authentication(dkim=dkim, spf=spf.verdict, dmarc="pass", aligned=True, reason=f"SPF: {spf.reason}")
    failures = [f"SPF {spf.verdict} for {spf.domain or 'nobody'} ({spf.reason})"]
    failures += [f"DKIM {s.verdict} for {s.domain}" + (f" ({s.reason})" if s.reason else "") for s in signed]
    failures += [f"DKIM temperror ({name})" for name in unasked]
    verdict: Verdict = "temperror" if spf.verdict == "temperror" or unasked else "fail"
    return Authentication(
        dkim=dkim, spf=spf.verdict, dmarc=verdict, reason=f"nothing speaks for {domain} ({found_at}): {'; '.join(failures)}"[:500]
    )


def _best(signed: Sequence[Verified], unasked: Sequence[str]) -> Verdict:
    """One word for all signatures: a pass counts, then what may still become one."""
    found = [one.verdict for one in signed]
    if "pass" in found:
        return "pass"
    if unasked:
        return "temperror"
    return found[0] if found else "none"

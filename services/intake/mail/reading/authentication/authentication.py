"""Who vouches for a mail: SPF and DKIM, put together by DMARC (RFC 7489). Foreign
Authentication-Results play no part.

The alignment is our own, with the public suffix list of `publicsuffixlist`, which has a release
each week: authheaders 0.16.3 has an old list, and reads the domain of `x@bank.example-evil.org` as
`bank.example`, which lets a stranger's SPF vouch for the bank.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence

from publicsuffixlist import PublicSuffixList

from services.intake.mail.reading.authentication.dns import NoAnswerInTime, Resolver
from services.intake.mail.reading.authentication.signatures import SignatureCheck, key_name
from services.intake.mail.reading.authentication.spf import Spf, check
from services.intake.mail.reading.models import Authentication, Envelope, MailContent, Verdict

BUDGET = 5.0
"""Seconds for all of DNS."""

Verify = Callable[[dict[str, str]], Awaitable[list[SignatureCheck]]]


@functools.cache
def _suffixes() -> PublicSuffixList:
    # A suffix that the list does not know counts as one label, as its rules say.
    return PublicSuffixList(accept_unknown=True)


def prepare() -> None:
    """Read the public suffix list now (0.2 s), not while a mail waits."""
    _suffixes()


@functools.lru_cache(maxsize=4096)
def organisation(domain: str) -> str:
    """The organisational domain: `mail.example.co.uk` → `example.co.uk`. A public suffix is its
    own: nobody under `github.io` speaks for `github.io`.
    """
    found: str | None = _suffixes().privatesuffix(domain)
    return found or domain


def is_aligned(of: str, domain: str, *, strict: bool) -> bool:
    """Whether a pass for `of` speaks for the From domain `domain` (RFC 7489 section 3.1)."""
    if not of or not domain:
        return False
    return of == domain or (not strict and organisation(of) == organisation(domain))


async def judge(
    envelope: Envelope, reading: MailContent, resolver: Resolver, verify: Verify
) -> Authentication:
    """`verify` checks the signatures against the keys it is given, in the limited child. Never
    raises for what a mail says.
    """
    if reading.sender is None:
        return Authentication(reason="there is no From address that could be vouched for")
    try:
        # All three at once: the budget is for the mail and not for each question.
        async with asyncio.timeout(BUDGET):
            spf, (keys, unasked), (record, found_at) = await asyncio.gather(
                check(envelope.peer, envelope.mail_from, envelope.helo, resolver),
                _keys(reading, resolver),
                _policy(reading.sender.domain, resolver),
            )
    except (TimeoutError, NoAnswerInTime) as error:
        return Authentication(
            dkim="temperror",
            spf="temperror",
            dmarc="temperror",
            reason=f"DNS did not answer in time: {error}".rstrip(": "),
        )
    # Only now, with the keys at hand: the child has no way to DNS.
    signed = await verify(keys) if keys else []
    return _combine_verdicts(reading.sender.domain, spf, signed, unasked, record, found_at)


async def _keys(reading: MailContent, resolver: Resolver) -> tuple[dict[str, str], list[str]]:
    """The keys that were found, and the names DNS gave no answer for."""
    names = sorted(
        {key_name(signature.domain, signature.selector) for signature in reading.signatures}
    )

    async def one(name: str) -> tuple[str, ...] | None:
        try:
            return await resolver.lookup(name, "TXT")
        except NoAnswerInTime:
            return None

    # Each name once, however many signatures use it.
    answers = dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
    # Other TXT records may stand under the same name; a key has `p=`.
    keys = {
        name: next(text for text in texts if "p=" in text)
        for name, texts in answers.items()
        if texts and any("p=" in t for t in texts)
    }
    return keys, [name for name, texts in answers.items() if texts is None]


async def _policy(domain: str, resolver: Resolver) -> tuple[dict[str, str], str]:
    """The DMARC record for the From domain, or for its organisation, and where it stood; empty
    where there is none.
    """
    # The domain itself first, then its organisation (RFC 7489 section 6.6.3).
    for host in dict.fromkeys((domain, organisation(domain))):
        records = [
            text
            for text in await resolver.lookup(f"_dmarc.{host}", "TXT")
            if text.replace(" ", "").startswith("v=DMARC1")
        ]
        if len(records) == 1:  # several count as none (section 6.6.3)
            pairs = (tag.partition("=") for tag in records[0].split(";"))
            return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}, host
    return {}, ""


def _combine_verdicts(
    domain: str,
    spf: Spf,
    signed: Sequence[SignatureCheck],
    unasked: Sequence[str],
    record: dict[str, str],
    found_at: str,
) -> Authentication:
    dkim = _best(signed, unasked)
    # RFC 7489 section 6.6.3: a record without a policy and without a report address is ignored.
    if not record or not ("p" in record or "rua" in record):
        return Authentication(dkim=dkim, spf=spf.verdict, reason=f"{domain} has no DMARC record")
    strict = record.get("adkim") == "s"
    good = [
        s for s in signed if s.verdict == "pass" and is_aligned(s.domain, domain, strict=strict)
    ]
    # Of several good signatures the one that covers most headers.
    best = min(good, key=lambda s: len(s.unsigned), default=None)
    by_spf = spf.verdict == "pass" and is_aligned(
        spf.domain, domain, strict=record.get("aspf") == "s"
    )
    # SPF vouches for the whole mail, so it goes before a signature that leaves headers out.
    if best is not None and not (best.unsigned and by_spf):
        left_out = f"; not signed, so not used: {', '.join(best.unsigned)}" if best.unsigned else ""
        return Authentication(
            dkim=dkim,
            spf=spf.verdict,
            dmarc="pass",
            aligned=True,
            reason=f"DKIM of {best.domain}{left_out}",
            unsigned=best.unsigned,
        )
    if by_spf:
        return Authentication(
            dkim=dkim, spf=spf.verdict, dmarc="pass", aligned=True, reason=f"SPF: {spf.reason}"
        )
    failures = [f"SPF {spf.verdict} for {spf.domain or 'nobody'} ({spf.reason})"]
    failures += [
        f"DKIM {s.verdict} for {s.domain}" + (f" ({s.reason})" if s.reason else "") for s in signed
    ]
    failures += [f"DKIM temperror ({name})" for name in unasked]
    # While DNS was silent nobody can say "fail": asked later, the answer may be a pass.
    verdict: Verdict = "temperror" if spf.verdict == "temperror" or unasked else "fail"
    return Authentication(
        dkim=dkim,
        spf=spf.verdict,
        dmarc=verdict,
        reason=f"nothing speaks for {domain} ({found_at}): {'; '.join(failures)}"[:500],
    )


def _best(signed: Sequence[SignatureCheck], unasked: Sequence[str]) -> Verdict:
    """One word for all signatures: a pass counts, then what may still become one."""
    found = [one.verdict for one in signed]
    if "pass" in found:
        return "pass"
    if unasked:
        return "temperror"
    return found[0] if found else "none"

"""DKIM (RFC 6376, RFC 8463) through dkimpy, in the limited child: canonicalising and the keys'
arithmetic cost what a stranger chooses.

Stricter than the RFC where it lets a stranger speak for a domain: a signature over a part of the
body (`l=`) vouches for nothing, since anybody may add the rest; SHA-1 does not count (RFC 8301),
nor does a key under 1024 bits. What a good signature vouches for is said in `coverage`.

ARC (RFC 8617) is left out on purpose: a chain says what its last sealer saw, so it is worth what
that sealer is, and anybody may seal. Forwarded mail whose DKIM signature broke on the way opens a
ticket that its sender confirms by a link.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import dkim
import dkim.crypto
from dkim.util import InvalidTagValueList, parse_tag_value

from services.intake.mail.reading.authentication import coverage
from services.intake.mail.reading.authentication.ed25519 import SignedMessage
from services.intake.mail.reading.models import Signature, Verdict

# Real mail has two or three; each one costs a question to DNS and arithmetic.
SIGNATURES_MOST = 5
ROTTEN = (
    dkim.DKIMException,
    InvalidTagValueList,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    ArithmeticError,
    AssertionError,
)
"""What dkimpy raises for hostile headers and keys."""


def _octets(number: int, length: int = -1) -> bytes:
    """RFC 8017's I2OSP; `length` negative: as few as hold it. dkimpy's own goes byte by byte, a
    third of a verification's time.
    """
    if length < 0:
        return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
    return (number & ((1 << 8 * length) - 1)).to_bytes(length, "big")


# For the whole process: dkimpy looks the function up at each call.
dkim.crypto.int2str = _octets


class SignatureCheck(NamedTuple):
    """What one signature is worth. `unsigned`: headers that are there, that the reader uses and
    that a good signature does not cover; the mail is to be read without them.
    """

    domain: str
    selector: str
    verdict: Verdict
    reason: str
    unsigned: tuple[str, ...] = ()


def key_name(domain: str, selector: str) -> str:
    """Where the key is in DNS."""
    return f"{selector}._domainkey.{domain}"


def signatures_of(values: list[bytes]) -> tuple[Signature, ...]:
    """The signatures whose keys are to be asked for, from the values of the DKIM-Signature headers,
    the first `SIGNATURES_MOST`.
    """
    found = []
    for value in values[:SIGNATURES_MOST]:
        try:
            tags = parse_tag_value(value)
            domain, selector = (
                tags[b"d"].decode("ascii").lower(),
                tags[b"s"].decode("ascii").lower(),
            )
        except ROTTEN:
            # A signature that cannot be parsed asks for no key; `verify` names what is wrong with
            # it.
            continue
        if 0 < len(domain) <= 253 and 0 < len(selector) <= 63:
            found.append(Signature(domain=domain, selector=selector))
    return tuple(found)


def verify(raw: bytes, keys: Mapping[str, str]) -> list[SignatureCheck]:
    """Every signature of `raw` against `keys` (`key_name` → TXT); one whose key is not there
    fails.
    """
    try:
        verifier = SignedMessage(raw)
    except ROTTEN as error:
        return [
            SignatureCheck(
                "", "", "permerror", f"the headers cannot be verified: {type(error).__name__}"
            )
        ]
    count = sum(name.lower() == b"dkim-signature" for name, _ in verifier.headers)
    # Computed once for all signatures: it is about the message.
    repaired = coverage.differs(raw, verifier.headers, verifier.body)
    return [
        _verify_one(verifier, index, keys, repaired=repaired)
        for index in range(min(count, SIGNATURES_MOST))
    ]


def _verify_one(
    verifier: dkim.DKIM, index: int, keys: Mapping[str, str], *, repaired: bool
) -> SignatureCheck:
    # Emptied, or the tags of the signature before would speak for this one.
    verifier.signature_fields = {}

    def key_of(name: bytes, timeout: float = 0) -> bytes | None:
        # The keys were asked for before: nothing here waits for DNS.
        found = keys.get(name.decode("ascii").rstrip(".").lower())
        return found.encode() if found else None

    reason = "the signature does not match"
    try:
        good = verifier.verify(index, dnsfunc=key_of)
    except ROTTEN as error:
        good, reason = False, f"{type(error).__name__}: {error}"[:200]
    tags = verifier.signature_fields
    domain = tags.get(b"d", b"").decode("ascii", "replace").lower()
    selector = tags.get(b"s", b"").decode("ascii", "replace").lower()
    # Checked after the arithmetic, since only then the tags are parsed.
    if b"l" in tags:
        return SignatureCheck(domain, selector, "permerror", "l= signs a part of the body only")
    if tags.get(b"a", b"").lower() == b"rsa-sha1":
        return SignatureCheck(
            domain, selector, "permerror", "SHA-1 signs nothing any more (RFC 8301)"
        )
    # The signature is right, but about other bytes than those that are read here.
    if good and repaired:
        return SignatureCheck(
            domain, selector, "permerror", "the headers had to be repaired to be read"
        )
    if good:
        return _judge_coverage(verifier, domain, selector)
    if key_name(domain, selector) not in keys:
        return SignatureCheck(domain, selector, "permerror", "there is no such key in DNS")
    return SignatureCheck(domain, selector, "fail", reason)


def _judge_coverage(verifier: dkim.DKIM, domain: str, selector: str) -> SignatureCheck:
    """What a good signature is worth, by the headers it covers."""
    fields = coverage.fields_of(verifier.headers)
    signs = [name.decode("latin-1").strip().lower() for name in verifier.include_headers]
    missing = coverage.find_unsigned(fields, signs)
    if why := coverage.why_not_enough(fields, verifier.body, missing):
        return SignatureCheck(domain, selector, "permerror", why)
    return SignatureCheck(domain, selector, "pass", "", coverage.list_ignored(missing))

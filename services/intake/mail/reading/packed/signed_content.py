"""S/MIME that is signed and not encrypted (RFC 8551 section 3.5.2) → the message within.

The signature is not checked: who wrote a mail is DMARC's word (docs/decisions/0010). Our own few
steps through CMS (RFC 5652 section 5.1), since `cryptography` does not give the content and
`asn1crypto` takes quadratic time for one in pieces, as OpenSSL writes it.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

# The object identifiers of signed data and plain data (RFC 5652 sections 4 and 5).
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_DATA = bytes.fromhex("2a864886f70d010701")
# Tags of BER that occur on the way to the content.
_SEQUENCE, _SET, _INTEGER, _OID, _OCTETS = 0x30, 0x31, 0x02, 0x06, 0x04
_OCTETS_IN_PIECES, _EXPLICIT = 0x24, 0xA0
_PIECES_MOST = 250_000
"""Of 1,000 bytes, as OpenSSL writes them, they are far more than a message may have."""
_PEM = re.compile(rb"-----BEGIN (?:PKCS7|CMS)-----\s+([A-Za-z0-9+/=\s]+)-----END")


class _Value(NamedTuple):
    """One value of BER: its tag, and where its content begins and ends. `end` -1: open until the
    two zero bytes.
    """

    tag: int
    start: int
    end: int


class _Broken(ValueError):
    """No BER, or no signed content."""


def signed_content(der: bytes) -> bytes | None:
    """The content that was signed; None where it is encrypted, missing or broken."""
    # Some mailers send the text form with its dashes.
    if found := _PEM.search(der):
        der = binascii.a2b_base64(found[1])
    try:
        # Down the structure: ContentInfo, SignedData, version, algorithms, and the content in it.
        at = _enter(der, 0, _SEQUENCE)
        oid = _value(der, at, _OID)
        if der[oid.start : oid.end] != _SIGNED_DATA:
            return None
        at = _enter(der, _enter(der, oid.end, _EXPLICIT), _SEQUENCE)
        at = _value(der, at, _INTEGER).end
        at = _after(der, _value(der, at, _SET))
        oid = _value(der, _enter(der, at, _SEQUENCE), _OID)
        if der[oid.start : oid.end] != _DATA:
            return None
        return _octets(der, _enter(der, oid.end, _EXPLICIT)) or None
    except _Broken:
        # Anything unexpected: the part stays a file as it is.
        return None


def _read(der: bytes, at: int) -> _Value:
    if at + 2 > len(der):
        raise _Broken
    tag, size = der[at], der[at + 1]
    start = at + 2
    # The indefinite form: it ends at two zero bytes.
    if size == 0x80:
        return _Value(tag, start, -1)
    if size > 0x80:
        # At most four bytes of length: more would be larger than any mail.
        start += size & 0x7F
        if size > 0x84 or start > len(der):
            raise _Broken
        size = int.from_bytes(der[at + 2 : start], "big")
    if start + size > len(der):
        raise _Broken
    return _Value(tag, start, start + size)


def _value(der: bytes, at: int, tag: int) -> _Value:
    found = _read(der, at)
    if found.tag != tag:
        raise _Broken
    return found


def _enter(der: bytes, at: int, tag: int) -> int:
    return _value(der, at, tag).start


def _after(der: bytes, value: _Value) -> int:
    """Behind a value, which may be open: then it holds values of a known length alone."""
    if value.end >= 0:
        return value.end
    at = value.start
    while der[at : at + 2] != b"\0\0":
        at = _after_open(der, _read(der, at))
    return at + 2


def _after_open(der: bytes, value: _Value) -> int:
    if value.end >= 0:
        return value.end
    at = value.start
    # One level of open values is enough for real mail, and recursion could be driven deep.
    while der[at : at + 2] != b"\0\0":
        inner = _read(der, at)
        if inner.end < 0:
            raise _Broken
        at = inner.end
    return at + 2


def _octets(der: bytes, at: int) -> bytes:
    """An octet string, whole or in pieces. One pass."""
    value = _read(der, at)
    if value.tag == _OCTETS and value.end >= 0:
        return der[value.start : value.end]
    if value.tag != _OCTETS_IN_PIECES:
        raise _Broken
    pieces: list[bytes] = []
    at = value.start
    while (at < value.end) if value.end >= 0 else der[at : at + 2] != b"\0\0":
        piece = _value(der, at, _OCTETS)
        if piece.end < 0 or len(pieces) >= _PIECES_MOST:
            raise _Broken
        pieces.append(der[piece.start : piece.end])
        at = piece.end
    return b"".join(pieces)

"""DKIM with Ed25519 (RFC 8463). dkimpy knows it through PyNaCl alone; here `cryptography` does the
arithmetic, the rest is dkimpy's.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dkim.util import parse_tag_value

ALGORITHM = b"ed25519-sha256"
# RFC 8032: a public key of Ed25519 has 32 bytes.
_KEY_BYTES = 32
_KEY_BITS = 256


class SignedMessage(dkim.DKIM):  # type: ignore[misc]
    """A message whose signatures may be of either kind."""

    def verify_sig(
        self,
        sig: dict[bytes, bytes],
        include: list[bytes],
        header: Any,
        dnsfunc: Callable[..., bytes | None],
    ) -> bool:
        """What `dkim.DKIM.verify` asks once the header is in order. Raises what dkimpy raises."""
        # RSA stays dkimpy's own.
        if sig.get(b"a") != ALGORITHM:
            return bool(super().verify_sig(sig, include, header, dnsfunc))
        self.pk = key = _Key(dnsfunc(sig[b"s"] + b"._domainkey." + sig[b"d"] + b".") or b"")
        self.keysize, self.ktag, self.seqtlsrpt = _KEY_BITS, b"ed25519", False
        return bool(self.verify_sig_process(sig, include, header, dnsfunc)) and key.matched


class _Key:
    """A public key as dkimpy asks one. It would look for PyNaCl's exception, so what was found is
    kept in `matched`.
    """

    matched = False

    def __init__(self, record: bytes) -> None:
        """From its TXT record (RFC 6376 section 3.6.1, RFC 8463 section 4). Raises
        KeyFormatError.
        """
        tags = parse_tag_value(record)
        # The defaults of RFC 6376 section 3.6.1: a key for every service and every hash.
        services = tags.get(b"s", b"*").replace(b" ", b"").split(b":")
        hashes = tags.get(b"h", b"sha256").replace(b" ", b"").split(b":")
        if (
            tags.get(b"v", b"DKIM1") != b"DKIM1"
            or tags.get(b"k") != b"ed25519"
            or b"sha256" not in hashes
        ):
            raise dkim.KeyFormatError("no Ed25519 key")
        if not {b"*", b"email"} & set(services):
            raise dkim.KeyFormatError("a key for something else than mail")
        try:
            raw = base64.b64decode(b"".join(tags.get(b"p", b"").split()), validate=True)
        except binascii.Error as error:
            raise dkim.KeyFormatError("the key is no base64") from error
        if len(raw) != _KEY_BYTES:
            raise dkim.KeyFormatError(f"an Ed25519 key has {_KEY_BYTES} bytes, this has {len(raw)}")
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def verify(self, digest: bytes, signature: bytes) -> None:
        try:
            self._key.verify(signature, digest)
        except InvalidSignature:
            # Not raised: dkimpy would not know the exception, and `matched` says it.
            return
        self.matched = True

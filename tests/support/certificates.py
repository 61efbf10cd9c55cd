"""Authorities and certificates for tests, made anew each time."""

from __future__ import annotations

from dataclasses import dataclass

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True)
class Pair:
    """A certificate (with what leads to its authority) and its key, PEM."""

    cert: str
    key: str


class Authority:
    """Gives certificates out; `cert` is its own, PEM."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self.cert = self._authority.cert_pem.bytes().decode()

    def for_server(self, *names: str) -> Pair:
        """Of a server under these host names and addresses."""
        return _pair(self._authority.issue_cert(*names))

    def for_client(self, name: str) -> Pair:
        """Of somebody whom servers know as `CN=name`."""
        return _pair(self._authority.issue_cert(f"{name}.client.test", common_name=name))


def _pair(made: trustme.LeafCert) -> Pair:
    key = load_pem_private_key(made.private_key_pem.bytes(), None)
    # PKCS#8: the one form that Java reads
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair("".join(part.bytes().decode() for part in made.cert_chain_pems), pem.decode())

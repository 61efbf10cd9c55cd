"""The address of the client, which the portal tells intake: intake itself sees the portal's.

The header is sealed with the installation's secret, so nobody else can name an address.
"""

from __future__ import annotations

import hmac

from shared.http.budget import peer_of

HEADER = "x-signalbox-client"
# A seal made for anything else with the same secret fits nothing here.
_PURPOSE = b"signalbox.client\0"


def vouch(host: str, secret: str | None) -> str:
    """The value of the header for a client at `host`; empty where there is no secret."""
    return f"{host} {_seal(host, secret)}" if secret else ""


def client_of(vouched: str | None, secret: str | None, host: str) -> str:
    """Who asks, as one peer (`budget.peer_of`): the client somebody vouched for, else `host`."""
    named, _, seal = (vouched or "").partition(" ")
    # Without a secret nobody can vouch: the header of a stranger is left out.
    if secret and seal and hmac.compare_digest(seal.encode(), _seal(named, secret).encode()):
        return peer_of(named)
    return peer_of(host)


def _seal(host: str, secret: str) -> str:
    return hmac.digest(secret.encode(), _PURPOSE + host.encode(), "sha256").hex()

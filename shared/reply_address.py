"""The address by which one person answers one ticket: `support+<ticket>.<seal>@<domain>`. Pure.

The seal is an HMAC-SHA256 over ticket and person, 20 characters of base32 (100 bits). It is bound to the person it was made
for, so the address of A is no good to B, and it is written in lower case, because not every mail server keeps the case.
A local part has at most 64 characters (RFC 5321, section 4.5.3.1.1); this one has 59 with a mailbox of seven.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_SEAL = 20
_TAGGED = re.compile(r"(tkt_[a-z2-7]{26})\.([a-z2-7]{20})", re.IGNORECASE)


def reply_address(secret: bytes, mailbox: str, ticket: str, person: str) -> str:
    """Where `person` (an e-mail address) answers `ticket`; `mailbox` is our support address."""
    local, _, domain = mailbox.partition("@")
    return f"{local}+{ticket}.{_seal(secret, ticket, person)}@{domain}"


def ticket_in(mailbox: str, address: str) -> tuple[str, str] | None:
    """Ticket and seal of a reply address of ours; None for any other. The seal is not checked here."""
    local, _, domain = mailbox.lower().partition("@")
    given, _, at = address.lower().rpartition("@")
    if at != domain or not given.startswith(f"{local}+"):
        return None
    found = _TAGGED.fullmatch(given[len(local) + 1 :])
    return (found[1], found[2]) if found else None


def is_made_for(secret: bytes, ticket: str, seal: str, person: str) -> bool:
    """Whether the seal is that of `ticket` for `person`. Compares in constant time."""
    return hmac.compare_digest(seal.lower().encode(), _seal(secret, ticket, person).encode())


def _seal(secret: bytes, ticket: str, person: str) -> str:
    hasher = hmac.new(secret, digestmod=hashlib.sha256)
    for part in ("signalbox-reply", ticket, person.lower()):
        raw = part.encode()
        hasher.update(b"%d:" % len(raw))
        hasher.update(raw)
    return base64.b32encode(hasher.digest()).decode().lower()[:_SEAL]

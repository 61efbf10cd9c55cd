"""The address by which one person answers one ticket, `support+<ticket>.<seal>@<domain>`, or one
page, `support+pg_<hash>.<seal>@…`. Pure.

The seal is an HMAC-SHA256 over ticket and person, 20 characters of base32 (100 bits). It is bound
to the person it was made for, so the address of A is no good to B, and it is written in lower case,
because not every mail server keeps the case. A local part has at most 64 characters (RFC 5321,
section 4.5.3.1.1); this one has 59 with a mailbox of seven. A page's id does not fit beside the
seal, so its address has the id's second half, the hash of the obligation; the lane stands in our
Message-ID.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from shared.people.folding import fold_address

_SEAL = 20
_OF_PAGES = "signalbox-page-reply"
_PAGE = re.compile(r"pg_([a-z2-7]{26})\.([a-z2-7]{20})", re.IGNORECASE)
_TAGGED = re.compile(r"(tkt_[a-z2-7]{26})\.([a-z2-7]{20})", re.IGNORECASE)


def reply_address(secret: bytes, mailbox: str, ticket: str, person: str) -> str:
    """Where `person` (an e-mail address) answers `ticket`; `mailbox` is our support address."""
    local, _, domain = mailbox.partition("@")
    return f"{local}+{ticket}.{_seal(secret, ticket, person)}@{domain}"


def page_reply_address(secret: bytes, mailbox: str, page: str, person: str) -> str:
    """Where `person` (their name in the on-call document) answers `page`, a page id."""
    local, _, domain = mailbox.partition("@")
    # The second half of the id, see the module.
    owed = page.rpartition(".")[2]
    return f"{local}+pg_{owed}.{_seal(secret, owed, person, _OF_PAGES)}@{domain}"


def ticket_in(mailbox: str, address: str) -> tuple[str, str] | None:
    """Ticket and seal of a reply address of ours; None for any other. The seal is not checked
    here.
    """
    return _parse_tagged(_TAGGED, mailbox, address)


def page_in(mailbox: str, address: str) -> tuple[str, str] | None:
    """The second half of a page's id, and the seal, of the address a page is answered at; None for
    any other.
    """
    return _parse_tagged(_PAGE, mailbox, address)


def _parse_tagged(shape: re.Pattern[str], mailbox: str, address: str) -> tuple[str, str] | None:
    local, _, domain = fold_address(mailbox).partition("@")
    # Folded: mail servers change the case, and the mailbox may be written in another one.
    given, _, at = fold_address(address).rpartition("@")
    if at != domain or not given.startswith(f"{local}+"):
        return None
    found = shape.fullmatch(given[len(local) + 1 :])
    return (found[1], found[2]) if found else None


def is_made_for(secret: bytes, ticket: str, seal: str, person: str) -> bool:
    """Whether the seal is that of `ticket` for `person`. Compares in constant time."""
    return hmac.compare_digest(seal.lower().encode(), _seal(secret, ticket, person).encode())


def is_page_made_for(secret: bytes, owed: str, seal: str, person: str) -> bool:
    """The same for the second half of a page's id."""
    return hmac.compare_digest(
        seal.lower().encode(), _seal(secret, owed, person, _OF_PAGES).encode()
    )


def _seal(secret: bytes, ticket: str, person: str, purpose: str = "signalbox-reply") -> str:
    hasher = hmac.new(secret, digestmod=hashlib.sha256)
    # The purpose first: a seal for a page is none for a ticket.
    for part in (purpose, ticket, fold_address(person)):
        raw = part.encode()
        hasher.update(b"%d:" % len(raw))
        hasher.update(raw)
    return base64.b32encode(hasher.digest()).decode().lower()[:_SEAL]

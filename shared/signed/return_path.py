"""Where reports about one notice go: `bot+<notice>.<seal>@<domain>`, the envelope sender of that
mail alone. Pure.

Anybody can write a delivery report, and a notice's id can be computed by whoever knows the fact and
the recipient. The seal (HMAC-SHA256, 20 characters of base32) cannot: a report that comes to this
address, or quotes it, is of somebody who had the mail.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

from shared.people.folding import fold_address

_SEAL = 20
_TAGGED = re.compile(r"(ntc_[a-z2-7]{26})\.([a-z2-7]{20})", re.IGNORECASE)
_LOCAL_MOST = 64
"""RFC 5321, section 4.5.3.1.1."""


def return_path(secret: bytes, bot: str, notice: str) -> str:
    """The envelope sender of `notice`; plain `bot` where there is no secret, or no room in the
    local part.
    """
    local, _, domain = bot.partition("@")
    tagged = f"{local}+{notice}.{_seal(secret, notice)}"
    # Without a seal reports still come, but prove nothing.
    return f"{tagged}@{domain}" if secret and len(tagged) <= _LOCAL_MOST else bot


def is_return_path(bot: str, address: str) -> bool:
    """Whether it has the form. The seal is not checked."""
    return _parse_address(bot, address) is not None


def proven_notice(secret: bytes, bot: str, addresses: Iterable[str]) -> str | None:
    """The notice whose return path is among `addresses`. Compares in constant time."""
    for address in addresses:
        found = _parse_address(bot, address)
        # The first that is genuine; others may stand in the report as quoted text.
        if found is not None and hmac.compare_digest(
            found[1].encode(), _seal(secret, found[0]).encode()
        ):
            return found[0]
    return None


def _parse_address(bot: str, address: str) -> tuple[str, str] | None:
    local, _, domain = bot.lower().partition("@")
    given, _, at = fold_address(address).rpartition("@")
    if at != domain or not given.startswith(f"{local}+"):
        return None
    found = _TAGGED.fullmatch(given[len(local) + 1 :])
    return (found[1], found[2]) if found else None


def _seal(secret: bytes, notice: str) -> str:
    hasher = hmac.new(secret, b"signalbox-return:" + notice.encode(), hashlib.sha256)
    return base64.b32encode(hasher.digest()).decode().lower()[:_SEAL]

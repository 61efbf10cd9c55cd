"""Whom an erasure is about, and what stands in their place. Pure."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from shared.people.folding import fold_address

ERASED = "[erased]"
"""Where a text stood."""
DOMAIN = "erased.invalid"
"""RFC 2606: no such domain will ever exist, so nothing is ever sent there."""


def pseudonym_of(address: str, secret: str) -> str:
    """`erased-<10 hex digits>`: always the same for one address of one installation; nobody without
    its secret can guess the way back.
    """
    return (
        "erased-"
        + hmac.new(
            secret.encode(), b"erased:" + fold_address(address.strip()).encode(), hashlib.sha256
        ).hexdigest()[:10]
    )


class PersonToErase(BaseModel):
    """`address` in lower case; `names` as they were found beside it. What is theirs: tickets,
    messages by their key on topic `mail` (also those that others sent to tickets of theirs, since
    these quote), their files by hash, their attachments.
    """

    model_config = ConfigDict(frozen=True)

    address: str
    pseudonym: str
    names: frozenset[str] = frozenset()
    tickets: frozenset[str] = frozenset()
    mails: frozenset[str] = frozenset()
    blobs: frozenset[str] = frozenset()
    attachments: frozenset[str] = frozenset()

    @property
    def stand_in(self) -> str:
        """The address that stands in the place of theirs."""
        return f"{self.pseudonym}@{DOMAIN}"

    def is_them(self, value: object) -> bool:
        return isinstance(value, str) and fold_address(value.strip()) == self.address

    def is_named(self, text: str) -> bool:
        """Whether the address, or the full name, stands in `text`."""
        return any(pattern.search(text) for pattern, _ in self._patterns)

    def stands_in(self, raw: bytes) -> bool:
        """The same of bytes that are no text: what stands beside them there says nothing."""
        # Full names alone: one word may be part of anything in bytes.
        low = raw.lower()
        full = (name for name in self.names if " " in name)
        return any(
            each.lower().encode() in low
            for each in (self.address, quote(self.address, safe=""), *full)
        )

    def replaced(self, text: str) -> str:
        """`text` with the pseudonym where the address or a full name stood, however it is
        written.
        """
        for pattern, stand_in in self._patterns:
            text = pattern.sub(stand_in, text)
        return text

    @property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return _patterns(self.address, self.stand_in, self.pseudonym, tuple(sorted(self.names)))


@functools.lru_cache(maxsize=64)
def _patterns(
    address: str, stand_in: str, pseudonym: str, names: tuple[str, ...]
) -> tuple[tuple[re.Pattern[str], str], ...]:
    # Three forms: as it is, as in a URL, and as in a return path (`name=domain`).
    local, _, domain = address.partition("@")
    found = [
        # not inside a longer address: joann@x.example is somebody else
        (rf"(?<![A-Za-z0-9._%+-]){re.escape(address)}(?![A-Za-z0-9-]|\.[A-Za-z0-9])", stand_in),
        (re.escape(quote(address, safe="")), quote(stand_in, safe="")),
        (
            (
                rf"(?<![A-Za-z0-9._%-]){re.escape(local)}={re.escape(domain)}(?![A-Za-z0-9-]|\."
                r"[A-Za-z0-9])"
            ),
            stand_in.replace("@", "="),
        ),
    ]
    # One word alone may be any word ("Will"); where it stands in a field for names it is replaced
    # all the same (`erasing.py`).
    for name in names:
        words = name.split()
        if len(words) > 1:
            found.append(
                (r"(?<!\w)" + r"\s+".join(re.escape(word) for word in words) + r"(?!\w)", pseudonym)
            )
    return tuple(
        # A backslash in the replacement would be read as a reference to a group.
        (re.compile(pattern, re.IGNORECASE), by.replace("\\", r"\\"))
        for pattern, by in found
    )

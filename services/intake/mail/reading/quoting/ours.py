"""Who we are, for telling a quotation of our own mail from everything else that is quoted. Pure.

Three things prove that a quotation is ours: an address of ours in the lines above it, our name
there, and the last lines of our own mails inside it (`services/notifier/templates/layout.txt`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

_FOOTER = re.compile(
    r"Signalbox\s{0,3}·\s{0,3}tkt_[a-z2-7]{26}"
    r"|Open the ticket\W{1,4}https?://[^\s>]{1,300}/tickets/tkt_[a-z2-7]{26}"
)
"""The last lines of a notice: the link to the ticket, and the ticket's id."""
# Marks of direction and of no width, which programs put around names and addresses.
_BIDI = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
LINE_MOST = 600
"""Characters of a line that are looked at; the rest of it goes where its beginning goes."""


class OwnNames(BaseModel):
    """`addresses`: where our mail comes from and where answers go (lower case, no name).
    `names`: the display names of our mail, such as `Signalbox Support`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def with_addresses(self, addresses: Iterable[str]) -> OwnNames:
        """With `addresses` too. A tagged address (`support+tkt_…@…`) stands for its mailbox."""
        # A mail to a tagged address came to our mailbox, so replies quote the mailbox.
        plain = [_without_tag(each.lower()) for each in addresses if "@" in each]
        return OwnNames(addresses=(*self.addresses, *plain), names=self.names)


NOBODY = OwnNames()


class OwnNameFinder:
    """Looks for us in lines."""

    def __init__(self, ours: OwnNames) -> None:
        self._address, self._name = _patterns(ours)

    def names_us(self, line: str) -> bool:
        """Whether an address or a name of ours stands in it."""
        return self.has_address(line) or self.has_name(line)

    def has_address(self, line: str) -> bool:
        return self._address is not None and self._address.search(normalise_line(line)) is not None

    def has_name(self, line: str) -> bool:
        return self._name is not None and self._name.search(normalise_line(line)) is not None

    def is_bracketed(self, text: str) -> bool:
        """Whether our address stands in brackets, as programs write it and people seldom do."""
        found = self._address.search(normalise_line(text)) if self._address is not None else None
        if found is None:
            return False
        # Some programs write the brackets apart from the address.
        before, after = (
            normalise_line(text)[: found.start()].rstrip(),
            normalise_line(text)[found.end() :].lstrip(),
        )
        return before.endswith(("<", "[", "(", "mailto:", "＜")) or after.startswith(
            (">", "]", ")")
        )

    def without_us(self, text: str) -> str:
        """The text without our addresses: the digits in them are no date."""
        return (
            self._address.sub(" ", normalise_line(text))
            if self._address is not None
            else normalise_line(text)
        )


def is_footer(line: str) -> bool:
    """Whether it is one of the last lines of a notice of ours."""
    return _FOOTER.search(line[:LINE_MOST]) is not None


def normalise_line(line: str) -> str:
    """What of a line is compared: no marks of direction, no emphasis, not too long."""
    return _BIDI.sub("", line[:LINE_MOST]).replace("*", "")


def _without_tag(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


@lru_cache(maxsize=64)
def _patterns(ours: OwnNames) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    mailboxes = []
    for address in dict.fromkeys(ours.addresses):
        local, _, domain = address.rpartition("@")
        mailboxes.append(rf"{re.escape(local)}(?:\+[\w.=+-]{{1,120}})?@{re.escape(domain)}")
    names = [re.escape(name) for name in dict.fromkeys(ours.names) if name.strip()]
    return (
        # Whole words, and the whole domain: `support@example.com.evil` is not ours.
        re.compile(rf"(?<![\w.+-])(?:{'|'.join(mailboxes)})(?![\w-]|\.\w)", re.IGNORECASE)
        if mailboxes
        else None,
        re.compile(rf"(?<!\w)(?:{'|'.join(names)})(?!\w)") if names else None,
    )

"""aiosmtpd's session, with what costs it most done cheaply: a message read in pieces instead of
lines, plain addresses by one pattern.

What counts as the end of a message is RFC 5321's and nothing else: CR LF, a dot, CR LF. A line feed
or a carriage return by itself ends no line, so nothing that other servers read otherwise (SMTP
smuggling) is a second message here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from aiosmtpd.smtp import SMTP

from shared.errors import Refused
from shared.http.in_flight import InFlight

BUFFERED_MOST = 256 * 1024
"""Bytes of one connection that wait to be read, and the longest line of a command; twice as many
stop the sender.
"""
TOO_LARGE = "552 Error: Too much mail data"
BUSY = "452 4.3.1 Too much mail at once, come again later"
# As much as there is; the buffer's limit bounds it.
_ALL = 1 << 30
# The end of a message on the wire, and the line of the dot in it.
_END = b"\r\n.\r\n"
_DOT_LINE = _END[2:]
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
_PLAIN = re.compile(
    rf"<({_ATOM}(?:\.{_ATOM}){{0,20}}"
    rf"@[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{0,20}})>((?: .*)?)"
)
"""An address as nearly all are; any other is left to the parser of the standard library, which
takes 20 times as long.
"""


class Session(SMTP):
    """One connection. Lines of a message may be of any length: RFC 5321 asks for 1,000, real mail
    has longer ones.
    """

    line_length_limit = BUFFERED_MOST
    in_flight = InFlight(1 << 40)
    """The messages of all sessions together; set by who makes a session."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 (aiosmtpd's name)
        """As aiosmtpd has it, but for the reading."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        if arg:
            await self.push("501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        # Counted until the answer is out: the message is in memory that long.
        with self.in_flight.body() as count:
            content = await self._content(self.data_size_limit or float("inf"), count)
            if isinstance(content, str):
                status = content
            else:
                self.envelope.content = self.envelope.original_content = remove_dot_stuffing(
                    content
                )
                status = await self._call_handler_hook("DATA")
            self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(status)

    async def _content(self, most: float, count: Callable[[int], None]) -> bytes | str:
        """What comes before the dot's line; a reply where it is more than `most` bytes, or more
        than there is room for: nothing of that is kept, but its end is waited for (RFC 5321
        section 4.2.5).
        """
        content, refusal = bytearray(), ""
        size, before = 0, b"\r\n"  # the message begins on a line of its own
        while True:
            come = await self._reader.read(_ALL)
            if not come:
                raise ConnectionResetError
            seam = before + come
            end = seam.find(_END)
            # Only up to the end: what follows are the next commands.
            own = come if end < 0 else come[: end + len(_END) - len(before)]
            size += len(own)
            # Once refused it stays so, but reading goes on: the sender listens only after the end.
            if not refusal:
                refusal = TOO_LARGE if size - len(_DOT_LINE) > most else _room_for(own, count)
            if refusal:
                content.clear()
            else:
                content += own
            if end >= 0:
                if len(own) < len(come):
                    self._reader.feed_data(
                        come[len(own) :]
                    )  # all was read, so the next commands stand where they stood
                return refusal or bytes(content[: -len(_DOT_LINE)])
            # The end may be cut in two by the network: the last four bytes are looked at again.
            before = seam[1 - len(_END) :]

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        # Anything unusual goes the slow way, so nothing is read differently.
        plain = _PLAIN.fullmatch(arg)
        if plain is None:
            found: tuple[str | None, str | None] = super()._getaddr(arg)
            return found
        if self.local_part_limit and plain[1].index("@") > self.local_part_limit:
            return None, None
        return plain[1], plain[2]


def _room_for(piece: bytes, count: Callable[[int], None]) -> str:
    """Count a piece of a message; a reply where there is no room for it."""
    try:
        count(len(piece))
    except Refused:
        return BUSY
    return ""


def remove_dot_stuffing(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2: the dot that a line begins with was put there by the sender."""
    if content.startswith(b"."):
        # After the first line every other one begins behind a CR LF.
        content = content[1:]
    return content.replace(b"\r\n.", b"\r\n") if b"\r\n." in content else content

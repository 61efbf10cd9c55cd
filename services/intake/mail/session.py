"""aiosmtpd's session, with what costs it most done cheaply: a message read in pieces instead of lines, plain addresses by one pattern.

What counts as the end of a message is RFC 5321's and nothing else: CR LF, a dot, CR LF. A line feed or a carriage return by itself
ends no line, so nothing that other servers read otherwise (SMTP smuggling) is a second message here.
"""

from __future__ import annotations

import re

from aiosmtpd.smtp import SMTP

BUFFERED_MOST = 256 * 1024
"""Bytes of one connection that wait to be read, and the longest line of a command; twice as many stop the sender."""
_ALL = 1 << 30
_END = b"\r\n.\r\n"
_DOT_LINE = _END[2:]
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
_PLAIN = re.compile(rf"<({_ATOM}(?:\.{_ATOM}){{0,20}}@[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{0,20}})>((?: .*)?)")
"""An address as nearly all are; any other is left to the parser of the standard library, which takes 20 times as long."""


class Session(SMTP):
    """One connection. Lines of a message may be of any length: RFC 5321 asks for 1,000, real mail has longer ones."""

    line_length_limit = BUFFERED_MOST

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
        content = await self._content(self.data_size_limit or float("inf"))
        if content is None:
            await self.push("552 Error: Too much mail data")
            self._set_post_data_state()  # type: ignore[no-untyped-call]
            return
        self.envelope.content = self.envelope.original_content = undotted(content)
        status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(status)

    async def _content(self, most: float) -> bytes | None:
        """What comes before the dot's line; None where it is more than `most` bytes: nothing of that is kept, but its end is waited
        for (RFC 5321 section 4.2.5)."""
        content = bytearray()
        size, before = 0, b"\r\n"  # the message begins on a line of its own
        while True:
            come = await self._reader.read(_ALL)
            if not come:
                raise ConnectionResetError
            seam = before + come
            end = seam.find(_END)
            own = come if end < 0 else come[: end + len(_END) - len(before)]
            size += len(own)
            if size - len(_DOT_LINE) > most:
                content.clear()
            else:
                content += own
            if end >= 0:
                if len(own) < len(come):
                    self._reader.feed_data(come[len(own) :])  # all was read, so the next commands stand where they stood
                return bytes(content[: -len(_DOT_LINE)]) if size - len(_DOT_LINE) <= most else None
            before = seam[1 - len(_END) :]

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        plain = _PLAIN.fullmatch(arg)
        if plain is None:
            found: tuple[str | None, str | None] = super()._getaddr(arg)
            return found
        if self.local_part_limit and plain[1].index("@") > self.local_part_limit:
            return None, None
        return plain[1], plain[2]


def undotted(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2: the dot that a line begins with was put there by the sender."""
    if content.startswith(b"."):
        content = content[1:]
    return content.replace(b"\r\n.", b"\r\n") if b"\r\n." in content else content

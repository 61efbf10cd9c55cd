"""Who is at the other end of an SMTP connection, and whether it speaks SMTP at all.

A client that speaks before it is greeted (RFC 5321 section 3.1), or speaks HTTP, is turned away:
mail servers do neither, and what a web browser was made to send must not become mail. A trusted
relay may name the client it speaks for (`relays`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from services.intake.mail.smtp.relays import RelayedClient, Relays, address_to_judge, read_xclient
from services.intake.mail.smtp.session import Session

# A trusted relay sends its line at once.
_PROXY_WITHIN_S = 5.0
_POSTMASTER = re.compile(r"(\s*TO:\s*<postmaster)(>.*)", re.IGNORECASE)

TurnedAway = Callable[[str], None]
"""Counts what was turned away, by its reason."""


class PeerSession(Session):
    """The protocol from the first byte to the greeting, and the commands that are about the
    peer.
    """

    def __init__(
        self, handler: Any, relays: Relays, delay: float, turned_away: TurnedAway, **options: Any
    ) -> None:
        super().__init__(handler, **options)
        self.relays, self._delay, self._turned_away = relays, delay, turned_away
        self._spoke = asyncio.Event()
        self._direct = ""
        self._named: RelayedClient | None = None

    @property
    def address(self) -> str:
        """The client's address, as far as it is known (`address_to_judge`)."""
        return address_to_judge(self._direct, self._named, self.relays)

    @property
    def helo(self) -> str:
        """What the client called itself: to the relay, where that says."""
        own = str(getattr(self.session, "host_name", None) or "")
        return (self._named.helo if self._named is not None else "") or own

    @property
    def is_relay(self) -> bool:
        """Whether a trusted relay is at the other end."""
        return self.relays.has(self._direct)

    def begin(self, address: str) -> None:
        """A connection from `address` was made."""
        self._direct = address
        self._proxy_timeout = _PROXY_WITHIN_S if self.relays.proxy and self.is_relay else None

    def set_address(self, address: str) -> None:
        """The PROXY protocol named the address of the connection; empty: its own."""
        self._direct = address or self._direct

    def data_received(self, data: bytes) -> None:
        self._spoke.set()
        super().data_received(data)

    async def _handle_client(self) -> None:
        """As aiosmtpd has it, for clients that wait for the greeting. Behind the PROXY protocol it
        is the handler that asks `is_patient`.
        """
        if self._proxy_timeout is None and not await self.is_patient():
            return
        await super()._handle_client()

    async def is_patient(self) -> bool:
        """Whether the client says nothing until it is greeted; else it is turned away."""
        # Without a delay nobody is tested.
        if self._delay <= 0:
            return True
        self._spoke.clear()
        if not self._reader._buffer:  # type: ignore[attr-defined]  # what came with PROXY's line
            try:
                async with asyncio.timeout(self._delay):
                    await self._spoke.wait()
            except TimeoutError:
                return True
        await self._end("talk-before-greeting", "554 5.5.0 Wait for the greeting before you speak")
        return False

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 (aiosmtpd's name)
        """`<postmaster>` without a domain is ours (RFC 5321 section 4.5.1)."""
        bare = _POSTMASTER.fullmatch(arg or "")
        await super().smtp_RCPT(f"{bare[1]}@{self.hostname}{bare[2]}" if bare else arg)

    async def smtp_XCLIENT(self, arg: str | None) -> None:  # noqa: N802
        """The client a trusted relay speaks for; then the session begins anew."""
        if not self.is_relay:
            await self.push("550 5.7.0 Not from here")
            return
        # In the middle of a mail the client behind it cannot change.
        if self.envelope is not None and self.envelope.mail_from is not None:
            await self.push("503 5.5.1 Not within a mail")
            return
        named = read_xclient(arg)
        if named is None:
            await self.push("501 5.5.4 Syntax: XCLIENT name=value ...")
            return
        # What the connection said of itself before was about the relay.
        self._named = named
        assert self.session is not None
        self.session.host_name = None  # EHLO comes again
        self._set_rset_state()  # type: ignore[no-untyped-call]
        await self.push(f"220 {self.hostname} {self.__ident__}")

    async def _http(self, arg: str | None) -> None:
        """A web browser, or somebody who makes one send mail."""
        await self._end("http", "554 5.5.1 This is no web server")
        raise asyncio.CancelledError  # nothing of what it sent besides is a command

    smtp_GET = smtp_POST = smtp_PUT = smtp_HEAD = smtp_PATCH = _http  # noqa: N815
    smtp_DELETE = smtp_OPTIONS = smtp_CONNECT = smtp_TRACE = smtp_PRI = _http  # noqa: N815

    async def _end(self, why: str, answer: str) -> None:
        self._turned_away(why)
        await self.push(answer)
        if self.transport is not None:
            self.transport.close()

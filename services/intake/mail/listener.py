"""The SMTP side: who may connect how often, whom mail is taken for, and 250 only for what is durable here.

It relays nothing and tells nobody which addresses exist: mail is taken for our own few, everything else is refused alike, and
VRFY says neither yes nor no. What is wrong with one message or connection ends at most that connection.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Handed
from aiosmtpd.smtp import Session as Connected
from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from services.intake.mail.case import Names
from services.intake.mail.reading.shape import MESSAGE_MOST, Envelope
from services.intake.mail.room import MailRoom
from services.intake.mail.session import Session
from shared.clock import Clock
from shared.errors import Refused
from shared.ids import derive

log = structlog.get_logger()

COMMANDS_MOST = {"MAIL": 200, "DATA": 200, "RSET": 200, "RCPT": 2_000, "*": 50}
"""Of each command on one connection; then 421, and the sender connects again."""
RECIPIENTS_MOST = 100
AWAY = "451 4.3.0 It could not be stored just now; send it again"

CONNECTIONS = Gauge("signalbox_smtp_connections", "SMTP connections that are open")
TURNED_AWAY = Metric("signalbox_smtp_refused_total", "What the SMTP listener did not take", ["why"])


@dataclass
class Limits:
    """`connections` in all, `each` from one address; `seconds` without a command, or for one message, end a connection."""

    connections: int = 200
    each: int = 50
    seconds: float = 120.0
    open: int = 0
    by_peer: Counter[str] = field(default_factory=Counter)

    def admits(self, peer: str) -> bool:
        return self.open < self.connections and self.by_peer[peer] < self.each

    def came(self, peer: str) -> None:
        self.open += 1
        self.by_peer[peer] += 1
        CONNECTIONS.set(self.open)

    def went(self, peer: str) -> None:
        self.open -= 1
        self.by_peer[peer] -= 1
        if not self.by_peer[peer]:
            del self.by_peer[peer]
        CONNECTIONS.set(self.open)


class _Connection(Session):
    """The protocol, behind the limits on connections."""

    def __init__(self, limits: Limits, handler: Handler, **options: Any) -> None:
        super().__init__(handler, **options)
        self._limits = limits
        self._counted: str | None = None

    def connection_made(self, transport: Any) -> None:
        peer = _address(transport.get_extra_info("peername"))
        if self._counted is None and not self._limits.admits(peer):
            TURNED_AWAY.labels("too-many-connections").inc()
            transport.write(b"421 4.7.0 Too many connections, come again later\r\n")
            transport.close()
            return
        if self._counted is None:
            self._counted = peer
            self._limits.came(peer)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._counted is not None:
            self._limits.went(self._counted)
            self._counted = None
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._counted is not None else False


class Handler:
    """What aiosmtpd asks us; the names are its own."""

    def __init__(self, room: MailRoom, names: Names, clock: Clock) -> None:
        self._room, self._names, self._clock = room, names, clock

    async def handle_EHLO(self, _: SMTP, session: Connected, handed: Handed, name: str, offers: list[str]) -> list[str]:  # noqa: N802
        """Commands may come without waiting for each answer (RFC 2920), as mail servers send them where they may."""
        session.host_name = name
        return [*offers[:-1], "250-PIPELINING", offers[-1]]

    async def handle_RCPT(self, _: SMTP, session: Connected, handed: Handed, address: str, options: list[str]) -> str:  # noqa: N802
        if len(handed.rcpt_tos) >= RECIPIENTS_MOST:
            return "452 4.5.3 Too many recipients"
        if not self._names.takes(address):
            TURNED_AWAY.labels("not-for-us").inc()
            return "550 5.7.1 Not an address we take mail for"
        handed.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _: SMTP, session: Connected, handed: Handed) -> str:  # noqa: N802
        """250 when the message is on the disk. The sender is told to come again where it is not."""
        raw = handed.content if isinstance(handed.content, bytes) else (handed.content or "").encode()
        envelope = Envelope(
            mail_from=_clean(handed.mail_from).removeprefix("<>"), rcpt_to=tuple(map(_clean, handed.rcpt_tos)), peer=_address(session.peer),
            helo=_clean(session.host_name)[:255], received_at=self._clock.now(),
        )  # fmt: skip
        try:
            delivery = await self._room.take(raw, envelope, "smtp", derive("dlv", secrets.token_hex(16)))
        except Refused as refusal:
            TURNED_AWAY.labels(refusal.code).inc()
            return AWAY
        except OSError as error:
            TURNED_AWAY.labels("disk").inc()
            log.critical("mail cannot be stored", error=str(error))
            return AWAY
        return f"250 2.0.0 Taken as {delivery.id}"

    async def handle_exception(self, error: Exception) -> str:
        """A bug is for the log; the sender keeps the message."""
        TURNED_AWAY.labels("bug").inc()
        log.critical("the SMTP listener met a bug", exc_info=error)
        return AWAY


async def listen(
    room: MailRoom, names: Names, clock: Clock, *, host: str, port: int, hostname: str, limits: Limits, tls: ssl.SSLContext | None = None
) -> asyncio.Server:
    """A server that takes connections when this returns. STARTTLS is offered where there is a certificate."""
    handler = Handler(room, names, clock)
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {
        "data_size_limit": MESSAGE_MOST, "enable_SMTPUTF8": True, "hostname": hostname, "ident": "Signalbox", "timeout": limits.seconds,
        "command_call_limit": COMMANDS_MOST, "auth_exclude_mechanism": ["LOGIN", "PLAIN"], "tls_context": tls, "loop": loop,
    }  # fmt: skip
    make: Callable[[], SMTP] = lambda: _Connection(limits, handler, **options)  # noqa: E731 (a factory, as asyncio wants it)
    return await loop.create_server(make, host, port)


def _address(peer: Any) -> str:
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def _clean(text: str | None) -> str:
    """As it stands on the wire, without the bytes that are no UTF-8 (aiosmtpd keeps them as lone surrogates) and without controls."""
    if not text or (text.isascii() and text.isprintable()):
        return (text or "")[:320]
    raw = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in raw if char.isprintable())[:320]

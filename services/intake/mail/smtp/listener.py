"""The SMTP side: who may connect how often, who mail is taken for, and 250 only for what is
durable here.

It relays nothing and tells nobody which addresses exist: mail is taken for our own few, everything
else is refused alike, and VRFY says neither yes nor no. What is wrong with one message or
connection ends at most that connection.
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
from aiosmtpd.proxy_protocol import ProxyData
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Handed
from aiosmtpd.smtp import Session as Connected
from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from services.intake.mail.admission.case import MailIdentity
from services.intake.mail.queue.queue import MailQueue
from services.intake.mail.reading.models import MESSAGE_MOST, Envelope
from services.intake.mail.smtp.peer import PeerSession
from services.intake.mail.smtp.relays import OFFERS as XCLIENT
from services.intake.mail.smtp.relays import Relays
from shared.clock import Clock
from shared.errors import Refused
from shared.http.budget import peer_of
from shared.http.in_flight import InFlight
from shared.ids import derive

log = structlog.get_logger()

COMMANDS_MOST = {"MAIL": 200, "DATA": 200, "RSET": 200, "RCPT": 2_000, "*": 50}
"""Of each command on one connection; then 421, and the sender connects again."""
# RFC 5321 section 4.5.3.1.8 asks for at least this many.
RECIPIENTS_MOST = 100
NO_RELAYS = Relays()
IN_FLIGHT_MOST = 96 * 1024 * 1024
"""Bytes in memory of all messages that come at the same time."""
# A temporary refusal: the sender's server keeps the message and comes again.
AWAY = "451 4.3.0 It could not be stored just now; send it again"

CONNECTIONS = Gauge("signalbox_smtp_connections", "SMTP connections that are open")
TURNED_AWAY = Metric("signalbox_smtp_refused_total", "What the SMTP listener did not take", ["why"])


@dataclass
class SmtpLimits:
    """`connections` in all, `each` from one peer (`shared.http.budget.peer_of`); `seconds` without
    a command, or for one message, end a connection, and so does a `session` of so many seconds
    whatever is sent in it. `in_flight`: the messages that come at the same time.
    """

    connections: int = 200
    each: int = 50
    seconds: float = 120.0
    greeting: float = 0.2
    """Seconds a client waits for the greeting."""
    session: float = 1800.0
    in_flight: InFlight = field(default_factory=lambda: InFlight(IN_FLIGHT_MOST))
    open: int = 0
    by_peer: Counter[str] = field(default_factory=Counter)

    def may_connect(self, peer: str) -> bool:
        return self.open < self.connections and self.by_peer[peer] < self.each

    def add_connection(self, peer: str) -> None:
        self.open += 1
        self.by_peer[peer] += 1
        CONNECTIONS.set(self.open)

    def remove_connection(self, peer: str) -> None:
        self.open -= 1
        self.by_peer[peer] -= 1
        if not self.by_peer[peer]:
            del self.by_peer[peer]
        CONNECTIONS.set(self.open)


class _Connection(PeerSession):
    """The protocol, behind the limits on connections."""

    def __init__(
        self, limits: SmtpLimits, relays: Relays, handler: Handler, **options: Any
    ) -> None:
        super().__init__(
            handler, relays, limits.greeting, lambda why: TURNED_AWAY.labels(why).inc(), **options
        )
        self._limits = limits
        self.in_flight = limits.in_flight
        self._counted: str | None = None
        self._ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        # By network for IPv6, so that one host cannot come as many peers.
        address = _address(transport.get_extra_info("peername"))
        peer = peer_of(address)
        # Told before the greeting, and closed: a full house costs no protocol.
        if self._counted is None and not self._limits.may_connect(peer):
            TURNED_AWAY.labels("too-many-connections").inc()
            transport.write(b"421 4.7.0 Too many connections, come again later\r\n")
            transport.close()
            return
        # STARTTLS calls this a second time for the same connection; it is counted once.
        if self._counted is None:
            self._counted = peer
            self._limits.add_connection(peer)
            self.begin(address)
            # A session that stays busy on purpose would never meet the timeout between commands.
            self._ending = self.loop.call_later(self._limits.session, self._end_session)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        # Who was turned away was never counted.
        if self._counted is not None:
            self._limits.remove_connection(self._counted)
            if self._ending is not None:
                self._ending.cancel()
            self._counted = None
            super().connection_lost(error)

    def _end_session(self) -> None:
        TURNED_AWAY.labels("long-session").inc()
        wire: Any = self.transport
        if wire is not None:
            wire.write(b"421 4.4.2 This session is too long, connect again\r\n")
            wire.close()

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._counted is not None else False


class Handler:
    """What aiosmtpd asks us; the names are its own."""

    def __init__(self, room: MailQueue, names: MailIdentity, clock: Clock) -> None:
        self._room, self._names, self._clock = room, names, clock

    async def handle_PROXY(  # noqa: N802
        self, server: PeerSession, session: Connected, handed: Handed, proxied: ProxyData
    ) -> bool:
        """The address a trusted relay speaks for. A health check of the relay names none."""
        server.set_address(str(proxied.src_addr) if proxied.src_port is not None else "")
        return await server.is_patient()

    async def handle_EHLO(  # noqa: N802
        self, server: PeerSession, session: Connected, handed: Handed, name: str, offers: list[str]
    ) -> list[str]:
        """Commands may come without waiting for each answer (RFC 2920), as mail servers send them
        where they may.
        """
        session.host_name = name
        # XCLIENT is offered to relays alone; a stranger need not know of it.
        more = ["250-PIPELINING", *([XCLIENT] if server.is_relay else [])]
        return [*offers[:-1], *more, offers[-1]]

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, session: Connected, handed: Handed, address: str, options: list[str]
    ) -> str:
        if len(handed.rcpt_tos) >= RECIPIENTS_MOST:
            return "452 4.5.3 Too many recipients"
        # The same answer for every address that is not ours: nobody can try out names.
        if not self._names.takes(address):
            TURNED_AWAY.labels("not-for-us").inc()
            return "550 5.7.1 Not an address we take mail for"
        handed.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, server: PeerSession, session: Connected, handed: Handed
    ) -> str:
        """250 when the message is on the disk. The sender is told to come again where it is not."""
        raw = (
            handed.content if isinstance(handed.content, bytes) else (handed.content or "").encode()
        )
        # The null sender as an empty text.
        envelope = Envelope(
            mail_from=_clean(handed.mail_from).removeprefix("<>"),
            rcpt_to=tuple(map(_clean, handed.rcpt_tos)),
            peer=server.address,
            helo=_clean(server.helo)[:255],
            received_at=self._clock.now(),
        )
        try:
            delivery = await self._room.take(
                # A new id each time: a sender that comes again after a lost 250 makes a new
                # delivery of the same message.
                raw,
                envelope,
                "smtp",
                derive("dlv", secrets.token_hex(16)),
            )
        except Refused as refusal:
            # The code goes into the metrics; the sender hears only that it should come again.
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
    room: MailQueue,
    names: MailIdentity,
    clock: Clock,
    *,
    host: str,
    port: int,
    hostname: str,
    limits: SmtpLimits,
    relays: Relays = NO_RELAYS,
    tls: ssl.SSLContext | None = None,
) -> asyncio.Server:
    """A server that takes connections when this returns. STARTTLS is offered where there is a
    certificate.
    """
    handler = Handler(room, names, clock)
    loop = asyncio.get_running_loop()
    # No AUTH: with both mechanisms left out there is nothing to offer.
    options: dict[str, Any] = {
        "data_size_limit": MESSAGE_MOST,
        "enable_SMTPUTF8": True,
        "hostname": hostname,
        "ident": "Signalbox",
        "timeout": limits.seconds,
        "command_call_limit": COMMANDS_MOST,
        "auth_exclude_mechanism": ["LOGIN", "PLAIN"],
        "tls_context": tls,
        "loop": loop,
    }
    # asyncio calls a factory for each connection.
    make: Callable[[], SMTP] = lambda: _Connection(limits, relays, handler, **options)  # noqa: E731
    return await loop.create_server(make, host, port)


def _address(peer: Any) -> str:
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def _clean(text: str | None) -> str:
    """As it stands on the wire, without the bytes that are no UTF-8 (aiosmtpd keeps them as lone
    surrogates) and without controls.
    """
    if not text or (text.isascii() and text.isprintable()):
        return (text or "")[:320]
    raw = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char for char in raw if char.isprintable())[:320]

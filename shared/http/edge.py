"""What strangers may cost an HTTP server of ours before anybody knows who they are: connections,
bytes of headers, and time.

uvicorn itself has no limit for slow headers, slow bodies, unread answers or connections of one
peer. `protocol_within` gives it a protocol that has them. Times are checked by one timer for all
connections, so a request costs a few assignments.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from enum import Enum, auto
from ipaddress import ip_address
from typing import Any, ClassVar

from prometheus_client import Counter as Metric
from prometheus_client import Gauge
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.errors import Refused
from shared.http import problems
from shared.http.budget import Budget, peer_of

CONNECTIONS = Gauge("signalbox_http_connections", "HTTP connections that are open")
TURNED_AWAY = Metric("signalbox_http_turned_away_total", "Connections ended by a limit", ["why"])

_SMALL_REST = 64 * 1024
"""So many bytes of a body that nobody wants are read, to keep the connection."""
# So many bytes of an unwanted body are thrown away; beyond, reading stops and the timer ends it.
_LINGER_BYTES = 1 << 20
_OVERHEAD_BYTES, _OVERHEAD_EACH = 512 * 1024, 8
"""Around a chunked body: bytes that are not the body (chunk sizes, trailers), in all and for each
byte of it.
"""
# Requests that a client may send on one connection before it reads an answer.
_PIPELINED_MOST = 64
# Seconds before a slow body counts as dripping: less says nothing about a mobile network.
_SOME_TIME = 1.0


class ConnectionState(Enum):
    """What a connection waits for."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    LINGER = auto()
    CLOSED = auto()


# Parts in which the client is the one who is late. ANSWER is missing: there the server is at work.
_WAITING = frozenset({ConnectionState.IDLE, ConnectionState.HEAD, ConnectionState.LINGER})


class Edge:
    """The connections of one server."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        # Both in the order in which the connections began to wait for their clients.
        self._open: dict[GuardedProtocol, str] = {}
        self._of: defaultdict[str, dict[GuardedProtocol, None]] = defaultdict(dict)
        self._looking: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: GuardedProtocol, host: str) -> bool:
        """Count a new connection. Where there is no room, the connection that waits longest for
        its client makes room; False where all are at work.
        """
        peer = peer_of(host)
        # The limit of one peer first: a crowd from one address pushes out its own connections, not
        # those of others.
        is_many = len(self._of.get(peer, ())) >= self.budget.each and not self._is_trusted(host)
        if is_many and not self._make_room(peer):
            return False
        if len(self._open) >= self.budget.connections and not self._make_room(None):
            return False
        self._open[connection] = peer
        self._of[peer][connection] = None
        CONNECTIONS.inc()
        # The timer runs only while there are connections.
        if self._looking is None:
            self._looking = connection.loop.call_later(
                self.budget.look_every, self._look, connection.loop
            )
        return True

    def forget(self, connection: GuardedProtocol) -> None:
        """A connection ended; twice is once."""
        peer = self._open.pop(connection, None)
        if peer is None:
            return
        CONNECTIONS.dec()
        del self._of[peer][connection]
        if not self._of[peer]:
            del self._of[peer]

    def put_last(self, connection: GuardedProtocol) -> None:
        """It has begun to wait for its client: it makes room after all others that wait."""
        peer = self._open.pop(connection, None)
        if peer is not None:
            self._open[connection] = peer
            of_peer = self._of[peer]
            del of_peer[connection]
            of_peer[connection] = None

    def _is_trusted(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.budget.trusted)

    def _make_room(self, peer: str | None) -> bool:
        those = self._open if peer is None else self._of[peer]
        found = next((each for each in those if each.part in _WAITING), None)
        if found is None:  # a body that drips is no better
            found = next((each for each in those if each.is_dripping()), None)
        if found is None:
            return False
        TURNED_AWAY.labels("no room for idle").inc()
        found.drop()
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        # A copy: what is looked at may be dropped and leave the dictionary.
        for connection in list(self._open):
            connection.look(now)
        self._looking = (
            loop.call_later(self.budget.look_every, self._look, loop) if self._open else None
        )


class _LingeringTransport:
    """A transport that is closed in two steps: what was written is sent, and the client has a
    moment to read it although its body is not wanted. Closed at once, TCP could drop the answer.
    """

    def __init__(self, transport: asyncio.Transport, linger: Callable[[], None]) -> None:
        self._transport, self.close = transport, linger
        self.write, self.is_closing = transport.write, transport.is_closing


# In the order in which `ConnectionState` lists them.
_IDLE, _HEAD, _BODY, _ANSWER, _LINGER, _CLOSED = ConnectionState
_plain = HttpToolsProtocol
"""Every request passes here: these names are found faster than `ConnectionState.IDLE` and `super()`."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol within a budget. `edge` is set by `protocol_within`."""

    edge: ClassVar[Edge]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.part = ConnectionState.CLOSED
        self.since = 0.0
        self._raw = self._chunk = self._body = 0
        self._guarded: RequestResponseCycle | None = None
        self._refusal: Refused | None = None
        self._stalled_at, self._unsent = 0.0, -1
        # Kept as attributes of the connection: every request asks for them.
        self._now, self._head_most = self.loop.time, self.edge.budget.head_bytes

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer = transport.get_extra_info("peername")
        host = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        # uvicorn's `connection_made` is not called: it would count the connection as open.
        if not self.edge.admit(self, host):
            TURNED_AWAY.labels("too many connections").inc()
            transport.write(_answer_of(_busy()))
            transport.close()
            return
        self.part, self.since = _IDLE, self._now()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.part = _CLOSED
        self.edge.forget(self)
        # A connection that was turned away never had a transport of uvicorn's.
        if self.transport is not None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.part is _CLOSED:
            return
        self._chunk = len(data)
        if self.part is _LINGER:
            self._raw += self._chunk
            # Not closed here: `look` gives the client its moment to read the answer.
            if self._raw > _LINGER_BYTES:
                self.flow.pause_reading()
            return
        # The callbacks below run inside this call and move `part`.
        _plain.data_received(self, data)
        if self.part is _HEAD:
            self._raw += self._chunk
            if self._raw > self._head_most:
                self._refuse(_long_head(self._head_most), "long headers")
        elif self.part is _BODY:
            self._raw += self._chunk
            # A chunk of one byte costs several bytes: honest clients stay far below eight for each.
            if self._raw > _OVERHEAD_BYTES + _OVERHEAD_EACH * self._body:
                self._refuse(_make_malformed(), "a body of overhead")
            # Once for each request, when the first piece of its body has come.
            elif self._guarded is not self.cycle:
                self._guard(self.cycle)

    # What the parser calls.

    def on_message_begin(self) -> None:
        self.part, self.since, self._raw = _HEAD, self._now(), 0
        _plain.on_message_begin(self)

    def on_headers_complete(self) -> None:
        most = self._head_most
        # These bytes may be more than headers (a body in the same packet): count exactly before
        # saying no.
        if self._raw + self._chunk > most:
            length = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if length > most:
                self._refusal = _long_head(most)
                raise ValueError("long headers")  # uvicorn answers by `send_400_response`
        if len(self.pipeline) >= _PIPELINED_MOST:
            self._refusal = _make_malformed()
            raise ValueError("too many requests at once")
        # A request without a body passes BODY as well: `on_message_complete` follows at once.
        self.part, self.since, self._raw, self._body = _BODY, self._now(), 0, 0
        _plain.on_headers_complete(self)

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        _plain.on_body(self, body)

    def on_message_complete(self) -> None:
        self.part = _ANSWER
        _plain.on_message_complete(self)
        # An answer may end before its body has come. Else `on_response_complete` does this.
        if self.cycle.response_complete:
            self.part, self.since = _IDLE, self._now()
            self.edge.put_last(self)

    def on_response_complete(self) -> None:
        if self.part is _LINGER:
            self.server_state.total_requests += 1
            self.flow.resume_reading()
            return
        _plain.on_response_complete(self)
        if self.part is _ANSWER and self.cycle.response_complete:
            self.part, self.since = _IDLE, self._now()
            self.edge.put_last(self)

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal or _make_malformed(), "malformed")

    # Limits.

    def drop(self) -> None:
        """End the connection, whatever is in it."""
        self.edge.forget(self)
        self.part = ConnectionState.CLOSED
        # No clean close: that would wait until the client has read.
        self.transport.abort()

    def is_dripping(self) -> bool:
        """Whether a body has come more slowly than the floor for some time, be it within grace."""
        if self.part is not ConnectionState.BODY or self.flow.read_paused:
            return False
        age = self.loop.time() - self.since
        return age > _SOME_TIME and self._body < age * self.edge.budget.body_floor

    def look(self, now: float) -> None:
        """End the connection where it has waited for its client too long. Called every now and
        then.
        """
        budget, age = self.edge.budget, now - self.since
        if self.flow.write_paused and self._is_unread(now):
            TURNED_AWAY.labels("unread answer").inc()
            self.drop()
        elif self.part is ConnectionState.IDLE and age > budget.idle:
            TURNED_AWAY.labels("idle").inc()
            self.drop()
        elif self.part is ConnectionState.HEAD and age > budget.head:
            self._refuse(_late(f"within {budget.head:g} seconds"), "slow headers")
        elif self.part is ConnectionState.LINGER and age > budget.linger:
            self.drop()
        elif self.part is ConnectionState.BODY:
            if self.flow.read_paused:  # we are the slow ones
                # Our application does not read: the client cannot send faster, so this time does
                # not count.
                self.since += budget.look_every
            elif budget.is_over(age, self._body):
                self._refuse(_late(f"at {budget.body_floor:g} bytes a second"), "slow body")

    def _is_unread(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._stalled_at = unsent, now
        return now - self._stalled_at > self.edge.budget.unread

    def _refuse(self, refusal: Refused, why: str) -> None:
        """Answer, unless an answer has begun, and end the connection."""
        TURNED_AWAY.labels(why).inc()
        cycle = self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        # Bytes of a second answer inside the first would corrupt both: only ending is left.
        if is_answering and (
            cycle.response_started or self.pipeline or self.part is ConnectionState.HEAD
        ):
            self.drop()
            return
        # The application waits for a body that will not be read: it is told that the client has
        # gone.
        if is_answering:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_answer_of(refusal))
        self._linger()

    def _linger(self) -> None:
        if self.part is ConnectionState.LINGER or self.transport.is_closing():
            return
        # `write_eof` sends what is written and leaves our reading side open.
        self.part, self.since, self._raw = ConnectionState.LINGER, self.loop.time(), 0
        self.flow.resume_reading()
        self.transport.write_eof()

    def _guard(self, cycle: RequestResponseCycle) -> None:
        """A request whose body is not here yet: where it is answered before a large body came, the
        connection ends with the answer, and the body is not read.
        """
        self._guarded = cycle
        send = cycle.send

        async def send_early(message: Any) -> None:
            if message["type"] == "http.response.start" and self._is_much_to_come(cycle):
                cycle.keep_alive = False
                cycle.transport = _LingeringTransport(self.transport, self._linger)  # type: ignore[assignment]
            await send(message)

        cycle.send = send_early  # type: ignore[method-assign]

    def _is_much_to_come(self, cycle: RequestResponseCycle) -> bool:
        if not cycle.more_body:
            return False
        # Without a length (chunked) nobody can tell how much follows: assume a lot.
        for name, value in cycle.scope["headers"]:
            if name == b"content-length":
                return int(value) - self._body > _SMALL_REST
        return True


def protocol_within(budget: Budget) -> type[GuardedProtocol]:
    """The class for `uvicorn.Config(http=…)`: all its connections share the budget."""
    # uvicorn makes one protocol for each connection without arguments, so the shared budget is in
    # the class.
    return type("ProtocolWithinBudget", (GuardedProtocol,), {"edge": Edge(budget)})


def _answer_of(refusal: Refused) -> bytes:
    """A whole HTTP answer, for who is not yet in a request."""
    answer = problems.of_refused(refusal)
    lines: Sequence[bytes] = [
        b"HTTP/1.1 %d \r\n" % answer.status_code,
        *(b"%s: %s\r\n" % header for header in answer.raw_headers),
        b"connection: close\r\n\r\n",
    ]
    return b"".join(lines) + bytes(answer.body)


def _busy() -> Refused:
    return Refused("busy", "There are too many connections.", status=503, extra={"retry_after": 2})


def _long_head(most: int) -> Refused:
    return Refused("headers-too-large", f"Headers may have {most} bytes.", status=431)


def _make_malformed() -> Refused:
    return Refused("bad-request", "This is not an HTTP request we understand.", status=400)


def _late(how: str) -> Refused:
    return Refused("request-timeout", f"The request did not come {how}.", status=408)

"""The network part of all our Kafka clients: it talks to whichever server answers.

aiokafka's own asks one server at a time and waits for the whole request timeout, connects to one
server at a time under one lock, and asks for offsets at an old leader without ever asking who leads
now (aiokafka 0.14, client.py and consumer/fetcher.py). One server of three that hangs then stops a
client for as long as it hangs, although Kafka itself goes on after 9 s. Here

* the servers of the address list are asked all at once, and the first answer counts;
* who leads what is asked of one server, and of the next one after `HEDGE_S` without an answer;
* a server that does not answer a connection or a request in its short time is not asked anything
  that others can answer, for `AVOID_S`;
* while a server is silent, who leads what is asked every second; one that the others no longer list
  is left at once, and what waited for its answer goes to whoever leads now;
* the times are in order: connect < answer < a long answer (`request_timeout_ms`) < the caller's;
* an answer "I am not the leader" makes us ask who is, whatever the question was.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection, CloseReason, create_conn
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NotLeaderForPartitionError,
    ReplicaNotAvailableError,
    RequestTimedOutError,
    StaleLeaderEpochCodeError,
    StaleMetadata,
)
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

T = TypeVar("T")

log = structlog.get_logger()

CONNECT_S = 2.0
"""For a connection with everything that belongs to it: TCP, TLS, the login, the versions."""
ANSWER_S = 3.0
"""For a question that a broker answers from memory."""
LONG_ANSWER_S = 7.0
"""For what a broker may hold back: a fetch, a commit (Kafka's own bound for that one is 5 s)."""
WRITE_TRY_S = 4.0
"""How long a leader waits for the other copies before it says so, and the write is tried again. An
idempotent producer may: what was written already is acknowledged, and not written twice.
"""
# Long enough for a healthy server to answer; short beside `ANSWER_S`, which a hanging one costs.
HEDGE_S = 0.5
AVOID_S = 10.0
METADATA_AGE_MS = 5000
"""Who leads what is asked again so often, at the latest."""
SILENCE_AGE_MS = 1000
"""The same while a server is silent: it leads until the others have given it up."""

# Questions that a broker answers from memory (`ANSWER_S`), and those it may hold back
# (`LONG_ANSWER_S`). Any other request has the client's own bound.
_SHORT = (
    FindCoordinatorRequest,
    HeartbeatRequest,
    InitProducerIdRequest,
    MetadataRequest,
    OffsetFetchRequest,
    OffsetRequest,
)
_HELD_BACK = (FetchRequest, OffsetCommitRequest)
# Error codes that mean "ask who leads now". aiokafka does not look for them in answers about
# offsets.
_MOVED = frozenset(
    error.errno
    for error in (
        NotLeaderForPartitionError,
        LeaderNotAvailableError,
        ReplicaNotAvailableError,
        StaleLeaderEpochCodeError,
    )
)
_COMMITS = 2
"""A connection of its own, beside aiokafka's two. A broker answers one connection in order, and a
commit that waits for a copy that hangs would hold the heartbeats back until the session ends."""

# What a server that is away or hangs can raise; all else is a bug and goes up.
ANYTHING = (KafkaError, OSError, TimeoutError)


async def first_answer(asks: Sequence[Callable[[], Awaitable[T]]], hedge: float) -> T:
    """The first value that any of `asks` gives. The next one is begun when one failed, or after
    `hedge` seconds without a value. Raises the last error where all have failed.
    """
    left, running = list(asks), set[asyncio.Future[T]]()
    error: BaseException = KafkaConnectionError("there is no server to ask")
    try:
        while left or running:
            # Ask one more server each turn. With none left to ask, wait for the answers without a
            # bound: each one has its own.
            if left:
                running.add(asyncio.ensure_future(left.pop(0)()))
            done, running = await asyncio.wait(
                running, timeout=hedge if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            # cancelled: by the library, the question alone and not us
            failures = {one: one.exception() for one in done if not one.cancelled()}
            for one, failure in failures.items():
                if failure is None:
                    return one.result()
                if not isinstance(failure, ANYTHING):
                    raise failure
                error = failure
        raise error
    # Losers may hold a connection: let each end before the caller goes on.
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def seconds_for(request: object, longest: float) -> float:
    """How long the answer to a request may take. `longest` is the client's own bound, for what
    has no shorter one (joining a group, changing topics).
    """
    if isinstance(request, _SHORT):
        return min(ANSWER_S, longest)
    if isinstance(request, _HELD_BACK):
        return min(LONG_ANSWER_S, longest)
    if isinstance(request, ProduceRequest):  # the broker itself answers after WRITE_TRY_S
        return min(WRITE_TRY_S + CONNECT_S, longest)
    return longest


def says_moved(request: object, answer: Any) -> bool:
    """Whether an answer about offsets says that another server leads the partition by now.
    aiokafka looks for that in the other answers itself.
    """
    return isinstance(request, OffsetRequest) and any(
        error_code in _MOVED for _, parts in answer.topics for _, error_code, *_ in parts
    )


class Client(AIOKafkaClient):  # type: ignore[misc]
    """See the module. aiokafka makes its client itself and takes none: `talk_to_any` puts this one
    in its place.
    """

    _silent: dict[Any, float]
    """Node → until when others are asked first."""
    _connecting: dict[Any, asyncio.Lock]
    _failed: dict[Any, float]
    """(node, group) → when a connection could not be made."""
    _usual_age_ms: int

    # Called in place of `__init__`, which ran as that of aiokafka's class. See `talk_to_any`.
    def prepare(self) -> None:
        self._silent, self._connecting, self._failed = {}, {}, {}
        self._usual_age_ms = self._metadata_max_age_ms

    def get_random_node(self) -> Any:
        """A server for a question that every one can answer; None where none is known."""
        nodes = self._nodes()
        return nodes[0] if nodes else None

    def _nodes(self) -> list[Any]:
        """All known servers in a random order, the silent ones last."""
        nodes = [broker.nodeId for broker in self.cluster.brokers()]
        if ("bootstrap", ConnectionGroup.DEFAULT) in self._conns:
            nodes.append("bootstrap")
        random.shuffle(nodes)
        now = time.monotonic()
        return sorted(nodes, key=lambda node: self._silent.get(node, 0.0) > now)

    async def bootstrap(self) -> None:
        """Ask all servers of the address list at once. Raises KafkaConnectionError."""
        await self._ask_addresses(None, self.cluster)
        # aiokafka starts this task in its own `bootstrap`, which this method replaces.
        if getattr(self, "_sync_task", None) is None:
            self._sync_task = asyncio.create_task(self._md_synchronizer())

    async def _ask_addresses(self, topics: Iterable[str] | None, into: Any) -> None:
        opened: list[AIOKafkaConnection] = []

        async def ask(host: str, port: int) -> tuple[AIOKafkaConnection, Any]:
            connection = await self._connect(host, port)
            opened.append(connection)
            request = MetadataRequest([] if topics is None else list(topics) or None)
            return connection, await self._answer(connection, request)

        asks = [functools.partial(ask, host, port) for host, port, _ in self.hosts]
        try:
            connection, metadata = await first_answer(asks, 0.0)
            into.update_metadata(metadata)
            # A cluster without topics may name no servers: this connection is all there is then.
            if not self.cluster.brokers():
                self._conns["bootstrap", ConnectionGroup.DEFAULT] = connection
                opened.remove(connection)
        except ANYTHING as error:
            where = ", ".join(f"{host}:{port}" for host, port, _ in self.hosts)
            raise KafkaConnectionError(f"no answer from {where}: {error!r}") from error
        # These connections are for the question alone. Later requests open their own, by node.
        finally:
            for each in opened:
                each.close()

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> bool:
        """aiokafka's synchronizer and its look at all topics call this; whether it is new now."""
        request = MetadataRequest(list(topics) if topics else None)

        async def ask(node: Any) -> Any:
            connection = await self._get_conn(node)
            if connection is None:
                raise NodeNotReadyError(f"no connection to node {node}")
            try:
                return await self._answer(connection, request)
            except TimeoutError:
                self._note_silence(node, "no answer")
                connection.close()
                raise

        try:
            asks = [functools.partial(ask, node) for node in self._nodes()]
            metadata = await first_answer(asks, HEDGE_S)
        except ANYTHING:
            try:  # all have moved, or all hang: the address list may name one that answers
                await self._ask_addresses(topics or (), cluster_metadata)
            except KafkaError as error:
                cluster_metadata.failed_update(error)
                return False
            return True
        if not metadata.brokers:  # the topic is being made just now
            return False
        cluster_metadata.update_metadata(metadata)
        if cluster_metadata is self.cluster:
            self._leave_who_is_gone()
        # Real servers are known by now: the connection of the address list has served.
        if ("bootstrap", ConnectionGroup.DEFAULT) in self._conns and self.cluster.brokers():
            self._conns.pop(("bootstrap", ConnectionGroup.DEFAULT)).close()
        return True

    async def _get_conn(
        self, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False
    ) -> AIOKafkaConnection | None:
        """An open connection; None where there is none in its time. Servers wait for themselves
        alone, not for each other.
        """
        where, begun = (node_id, group), time.monotonic()
        async with self._connecting.setdefault(where, asyncio.Lock()):
            if self._failed.get(where, 0.0) > begun:
                return None  # whoever was before us in the row has just tried
            known = self._conns.get(where)
            if known is not None and known.connected():
                return known
            # A connection that was closed must not be found again.
            self._conns.pop(where, None)
            try:
                broker = self.cluster.broker_metadata(node_id)
                if broker is None:
                    raise StaleMetadata(f"node {node_id} is not in the metadata")
                connection = await self._connect(
                    broker.host, broker.port, on_close=self._on_connection_closed
                )
            except ANYTHING as error:
                self._failed[where] = time.monotonic()
                self._note_silence(node_id, repr(error))
                # Perhaps the server has left: ask the others who leads now.
                self.force_metadata_update()
                return None
            self._conns[where] = connection
            return connection

    async def send(
        self, node_id: Any, request: Any, *, group: Any = ConnectionGroup.DEFAULT
    ) -> Any:
        """As aiokafka's, each kind of request in its own time. Raises KafkaError."""
        if isinstance(request, OffsetCommitRequest):
            group = _COMMITS
        connection = await self._get_conn(node_id, group=group)
        if connection is None:
            raise NodeNotReadyError(f"no connection to node {node_id}")
        try:
            answer = await self._answer(connection, request)
        except TimeoutError as error:
            self._note_silence(node_id, f"no answer to {type(request).__name__}")
            # A late answer would be taken for that of the next request: the connection cannot be
            # used again.
            connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
            raise RequestTimedOutError(f"node {node_id} does not answer") from error
        self._silent.pop(node_id, None)
        if says_moved(request, answer):
            self.force_metadata_update()
        return answer

    async def _answer(self, connection: AIOKafkaConnection, request: Any) -> Any:
        patience = seconds_for(request, self._request_timeout_ms / 1000)
        async with asyncio.timeout(patience):
            return await connection.send(request)

    async def _connect(
        self, host: str, port: int, on_close: Callable[..., None] | None = None
    ) -> AIOKafkaConnection:
        async with asyncio.timeout(CONNECT_S):
            return await create_conn(
                host,
                port,
                client_id=self._client_id,
                # of the connection itself, so longer than any of ours
                request_timeout_ms=self._request_timeout_ms + 1000 * int(LONG_ANSWER_S),
                ssl_context=self._ssl_context,
                security_protocol=self._security_protocol,
                on_close=on_close,
                max_idle_ms=self._connections_max_idle_ms,
                sasl_mechanism=self._sasl_mechanism,
                sasl_plain_username=self._sasl_plain_username,
                sasl_plain_password=self._sasl_plain_password,
                sasl_kerberos_service_name=self._sasl_kerberos_service_name,
                sasl_kerberos_domain_name=self._sasl_kerberos_domain_name,
                sasl_oauth_token_provider=self._sasl_oauth_token_provider,
            )

    def _leave_who_is_gone(self) -> None:
        """Close what is open to servers that are not listed: Kafka fences one that hangs. A write
        that waits there is tried again elsewhere, under the same number.
        """
        listed = {broker.nodeId for broker in self.cluster.brokers()}
        # Closing makes what waits there fail with a retriable error, and aiokafka asks the new
        # leader.
        for where in [where for where in self._conns if where[0] not in {*listed, "bootstrap"}]:
            self._conns.pop(where).close()
        now = time.monotonic()
        self._silent = {node: until for node, until in self._silent.items() if until > now}
        # No listed server is silent any more: ask as seldom as usual again.
        if not self._silent.keys() & listed:
            self._metadata_max_age_ms = self._usual_age_ms

    def _note_silence(self, node: Any, why: str) -> None:
        self._metadata_max_age_ms = min(SILENCE_AGE_MS, self._usual_age_ms)
        now = time.monotonic()
        # One line a silence, not one a request.
        if self._silent.get(node, 0.0) < now:
            log.warning("a Kafka server is silent", node=node, client=self._client_id, why=why)
        self._silent[node] = now + AVOID_S


def talk_to_any(kafka: AIOKafkaConsumer | AIOKafkaProducer | AIOKafkaAdminClient) -> None:
    """Make its network part one of ours, before its start."""
    if isinstance(kafka, AIOKafkaProducer):
        client, sender = kafka.client, kafka._sender
        longest = client._request_timeout_ms
        # Shorter than the client's own bound, so that a write has time for a second try at another
        # leader.
        sender._request_timeout_ms = int(min(1000 * WRITE_TRY_S, 0.8 * longest))
    else:
        client = kafka._client
    # aiokafka has no parameter for the client. Changing its class after it was built and before it
    # starts needs no copy of its constructors. `prepare` adds the fields that ours has beside.
    client.__class__ = Client
    client.prepare()

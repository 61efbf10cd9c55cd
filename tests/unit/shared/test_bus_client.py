"""Whichever server answers counts, and each kind of question has its own patience."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError, NotLeaderForPartitionError
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest
from aiokafka.protocol.metadata import MetadataRequest, MetadataResponse_v1
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest

from shared.bus import Producer
from shared.bus.client import (
    ANSWER_S,
    CONNECT_S,
    LONG_ANSWER_S,
    METADATA_AGE_MS,
    SILENCE_AGE_MS,
    WRITE_TRY_S,
    first_answer,
    says_moved,
    seconds_for,
    talk_to_any,
)
from shared.bus.connection import PATIENCE_S
from shared.bus.consumer import SESSION_TIMEOUT_S
from shared.bus.progress.overseer import END_S, NOTICE_S
from shared.errors import Unavailable
from shared.spine.runtime import Limits
from tests.support.waiting import stretched

pytestmark = pytest.mark.costly

Ask = Callable[[], Awaitable[str]]


class Servers:
    """What each one does, in the order in which they are asked; who was asked, who was left."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.left: list[str] = []

    def answers(self, name: str) -> Ask:
        return self._ask(name, lambda: asyncio.sleep(0))

    def fails(self, name: str) -> Ask:
        async def failing() -> None:
            raise KafkaConnectionError(name)

        return self._ask(name, failing)

    def hangs(self, name: str) -> Ask:
        return self._ask(name, lambda: asyncio.Event().wait())

    def has_a_bug(self, name: str) -> Ask:
        async def failing() -> None:
            raise ZeroDivisionError(name)

        return self._ask(name, failing)

    def _ask(self, name: str, work: Callable[[], Awaitable[object]]) -> Ask:
        async def ask() -> str:
            self.asked.append(name)
            try:
                await work()
            except asyncio.CancelledError:
                self.left.append(name)
                raise
            return name

        return ask


@pytest.mark.parametrize("hedge", [0.0, 0.05])
async def test_the_first_answer_counts_and_nobody_waits_for_the_others(hedge: float) -> None:
    servers = Servers()
    asks = [servers.hangs("a"), servers.fails("b"), servers.answers("c"), servers.hangs("d")]
    assert await first_answer(asks, hedge) == "c"
    assert servers.left[0] == "a", "what still ran was cancelled"


async def test_a_server_that_answers_is_asked_alone() -> None:
    servers = Servers()
    assert await first_answer([servers.answers("a"), servers.answers("b")], 5.0) == "a"
    assert servers.asked == ["a"]


async def test_a_failure_asks_the_next_one_at_once() -> None:
    servers = Servers()
    begun = time.monotonic()
    assert await first_answer([servers.fails("a"), servers.answers("b")], 60.0) == "b"
    assert time.monotonic() - begun < stretched(1.0)


async def test_where_all_fail_the_last_failure_is_told() -> None:
    servers = Servers()
    with pytest.raises(KafkaConnectionError, match="b"):
        await first_answer([servers.fails("a"), servers.fails("b")], 60.0)
    with pytest.raises(KafkaConnectionError, match="no server"):
        await first_answer([], 60.0)


async def test_a_bug_is_not_a_server_that_is_away() -> None:
    servers = Servers()
    with pytest.raises(ZeroDivisionError):
        await first_answer([servers.has_a_bug("a"), servers.answers("b")], 60.0)


@pytest.mark.parametrize(
    ("request_of", "seconds"),
    [
        (MetadataRequest([]), ANSWER_S),
        (HeartbeatRequest("g", 1, "m"), ANSWER_S),
        (OffsetRequest(-1, 0, []), ANSWER_S),
        (FetchRequest(500, 1, 1, 0, [], rack_id=""), LONG_ANSWER_S),
        (OffsetCommitRequest("g", 1, "m", -1, []), LONG_ANSWER_S),
        (ProduceRequest(None, -1, 4000, []), WRITE_TRY_S + CONNECT_S),
        (JoinGroupRequest("g", 6000, 25000, "", None, "consumer", []), 30.0),
    ],
)
def test_each_question_has_its_patience(request_of: Any, seconds: float) -> None:
    assert seconds_for(request_of, 30.0) == seconds
    assert seconds_for(request_of, 1.0) == 1.0, "never longer than the client's own"


def test_the_times_are_in_order() -> None:
    """Each one inside the next: equal ones, nested, all end at the same moment, and nobody tries
    again.
    """
    inner_to_outer = [CONNECT_S, ANSWER_S, SESSION_TIMEOUT_S, LONG_ANSWER_S, NOTICE_S, PATIENCE_S]
    assert inner_to_outer == sorted(set(inner_to_outer))
    assert WRITE_TRY_S + CONNECT_S < LONG_ANSWER_S
    assert 2 * PATIENCE_S <= END_S, "two writes of a batch may each wait for a failover"
    assert Limits().stall >= END_S


@dataclass
class Offsets:
    """An answer about offsets, as aiokafka decodes it."""

    code: int
    topics: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.topics = [("t", [(0, 0, -1, 7), (1, self.code, -1, -1)])]


@pytest.mark.parametrize(
    ("code", "moved"), [(0, False), (6, True), (5, True), (9, True), (1, False)]
)
def test_an_old_leader_is_noticed(code: int, moved: bool) -> None:
    assert NotLeaderForPartitionError.errno == 6
    assert says_moved(OffsetRequest(-1, 0, []), Offsets(code)) is moved
    assert not says_moved(MetadataRequest([]), Offsets(code)), "its codes are aiokafka's to read"


class Connection:
    """What is open to a server."""

    def __init__(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


async def client_that_knows(*nodes: int) -> Any:
    kafka = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1", metadata_max_age_ms=METADATA_AGE_MS)
    talk_to_any(kafka)
    brokers = [(node, "127.0.0.1", 9000 + node, None) for node in nodes]
    kafka._client.cluster.update_metadata(MetadataResponse_v1(brokers, 0, []))
    return kafka._client


async def test_a_server_that_is_not_listed_is_left_at_once() -> None:
    client = await client_that_knows(1, 3)
    opened = {node: Connection() for node in (1, 2, 3, "bootstrap")}
    client._conns = {(node, 0): connection for node, connection in opened.items()}
    client._leave_who_is_gone()
    assert [node for node, connection in opened.items() if not connection.is_open] == [2]
    assert (2, 0) not in client._conns


async def test_while_a_server_is_silent_its_leaders_are_asked_for_more_often() -> None:
    client = await client_that_knows(1, 2)
    client._note_silence(2, "no answer")
    client._leave_who_is_gone()
    assert client._metadata_max_age_ms == SILENCE_AGE_MS
    assert client._nodes()[-1] == 2, "others are asked first"
    client.cluster.update_metadata(MetadataResponse_v1([(1, "127.0.0.1", 9001, None)], 0, []))
    client._leave_who_is_gone()
    assert client._metadata_max_age_ms == METADATA_AGE_MS, "it is fenced, there is nothing to see"


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """Takes connections and never says a word, as a frozen broker does."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    yield f"{host}:{port}"
    server.close()
    for writer in held:
        writer.close()


async def test_servers_that_all_hang_are_given_up_together(silent: str) -> None:
    producer = Producer(",".join([silent] * 5), "p-", "test")
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="no answer from"):
        await producer.start()
    assert time.monotonic() - begun < stretched(CONNECT_S + 1)
    await producer.stop()

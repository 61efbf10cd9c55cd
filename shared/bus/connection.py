"""What all clients share: bounded waits, and how a record of aiokafka becomes a message of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from socket import gaierror
from typing import TypeVar

from aiokafka import ConsumerRecord
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from shared.bus.access.security import find_refusal, in_words
from shared.errors import Unavailable
from shared.topics import ERASING
from shared.wire import Message

T = TypeVar("T")

# Asking why Kafka refuses us comes on top of a call that has failed: it must stay short.
_ASK_WHY_S = 2.0
BACKOFF_MS = 250
"""Between tries to reach a broker that is away."""
PATIENCE_S = 40.0
"""How long a call lasts at most: a failover of Kafka takes 9 to 15 s, and a client that is slow to
notice it some more. Where a caller waits for less, it says so.
"""


async def wait_for_kafka(what: str, waiting: Awaitable[T], timeout: float) -> T:
    """The awaited value, or `Unavailable` when Kafka fails or does not answer in `timeout`
    seconds.
    """
    try:
        async with asyncio.timeout(timeout):  # not wait_for: it makes a task of every call
            return await waiting
    except TimeoutError as error:
        raise Unavailable("kafka", f"{what}: no answer in {timeout:g} s") from error
    except (KafkaError, OSError) as error:
        raise Unavailable("kafka", f"{what}: {in_words(error)}") from error


async def connect(address: str, starting: Awaitable[None], timeout: float) -> None:
    """Start a client. Raises Unavailable, whose words say what Kafka has against us where it is
    there and does not let us in.
    """
    try:
        await wait_for_kafka("connecting", starting, timeout)
    except Unavailable as error:
        if isinstance(_first_cause(error), TimeoutError | ConnectionRefusedError | gaierror):
            raise  # nobody is there to ask
        # aiokafka says only "no connection" for a wrong login. A second, plain connection finds the
        # words.
        if why := await find_refusal(address, timeout=min(timeout, _ASK_WHY_S)):
            raise Unavailable("kafka", why) from error
        raise


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


async def look_for(client: AIOKafkaClient, topic: str, timeout: float) -> bool:
    """Whether there is a topic with this full name. Raises Unavailable, also where we may not know:
    a topic that somebody may not describe is in no list of topics.
    """
    request = MetadataRequest([topic], False)
    answer = await wait_for_kafka(
        f"looking for {topic}", client.send(client.get_random_node(), request), timeout
    )
    code = answer.topics[0][0]
    # A topic without a leader yet is there all the same. Other codes (no right to look) are no
    # answer: guessing "no" would make the topic twice.
    if code == UnknownTopicOrPartitionError.errno:
        return False
    if code in (0, LeaderNotAvailableError.errno):
        return True
    raise Unavailable("kafka", f"looking for {topic}: {in_words(for_code(code)(topic))}")


async def refuse_while_erasing(client: AIOKafkaClient, prefix: str, timeout: float) -> None:
    """Raises Unavailable where an erasure is under way (`cli/erase`): asked at each connection, so
    it costs no record anything.
    """
    if await look_for(client, prefix + ERASING, timeout):
        raise Unavailable(
            "kafka",
            (
                "an erasure is under way and its topics may be half made anew; run `signalbox "
                "erase` to its end"
            ),
        )


async def let_end(ending: Coroutine[None, None, None], patience: float) -> bool:
    """True: it ended by itself. A task of its own, because aiokafka's stop() lets the cancellation
    of its inner tasks out.
    """
    task = asyncio.ensure_future(ending)
    await asyncio.wait({task}, timeout=patience)
    if not task.done():
        task.cancel()
        return False
    return not task.cancelled() and task.exception() is None


def message_of(prefix: str, record: ConsumerRecord[bytes | None, bytes | None]) -> Message:
    return Message(
        # No broken record raises here: a key that is no UTF-8 and a missing value are for the
        # reader of the message to refuse.
        record.topic[len(prefix) :],
        record.partition,
        record.offset,
        (record.key or b"").decode("utf-8", "replace"),
        record.value or b"",
        dict(record.headers),
        record.timestamp / 1000,
    )

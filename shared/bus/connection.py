"""What all clients share: bounded waits, and how a record of aiokafka becomes a message of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Coroutine
from typing import TypeVar

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from shared.errors import Unavailable
from shared.topics import ERASING
from shared.wire import Message

T = TypeVar("T")

BACKOFF_MS = 250
"""Between tries to reach a broker that is away."""


async def bounded(what: str, waiting: Awaitable[T], timeout: float) -> T:
    """The awaited value, or `Unavailable` when Kafka fails or does not answer in `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):  # not wait_for: it makes a task of every call
            return await waiting
    except TimeoutError as error:
        raise Unavailable("kafka", f"{what}: no answer in {timeout:g} s") from error
    except (KafkaError, OSError) as error:
        raise Unavailable("kafka", f"{what}: {error!r}") from error


def refuse_while_erasing(prefix: str, topics: Collection[str]) -> None:
    """Raises Unavailable where an erasure is under way (`cli/erase`): asked at each connection, so it costs no record anything."""
    if prefix + ERASING in topics:
        raise Unavailable("kafka", "an erasure is under way and its topics may be half made anew; run `signalbox erase` to its end")


async def let_end(ending: Coroutine[None, None, None], patience: float) -> bool:
    """True: it ended by itself. A task of its own, because aiokafka's stop() lets the cancellation of its inner tasks out."""
    task = asyncio.ensure_future(ending)
    await asyncio.wait({task}, timeout=patience)
    if not task.done():
        task.cancel()
        return False
    return not task.cancelled() and task.exception() is None


def message_of(prefix: str, record: ConsumerRecord[bytes | None, bytes | None]) -> Message:
    return Message(
        record.topic[len(prefix) :], record.partition, record.offset,
        (record.key or b"").decode("utf-8", "replace"), record.value or b"", dict(record.headers), record.timestamp / 1000,
    )  # fmt: skip

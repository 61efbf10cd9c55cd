"""Kafka: the only package that knows aiokafka. Topics are logical names here; the prefix is added at this door.

Defaults that lose data or hang are closed off (LIBRARIES.md): acks=all and idempotence, no auto-commit, earliest, explicit
offsets, every wait bounded. A dependency that does not answer in its time raises `Unavailable`.
"""

from __future__ import annotations

from shared.bus.admin import Admin, lag
from shared.bus.consumer import SESSION_TIMEOUT_S, Consumer
from shared.bus.producer import BATCH_BYTES, Producer, in_batches, partition_of, weight
from shared.bus.reader import Reader
from shared.wire import Batch, Message, Record, headers_for, record_for

__all__ = [
    "BATCH_BYTES",
    "SESSION_TIMEOUT_S",
    "Admin",
    "Batch",
    "Consumer",
    "Message",
    "Producer",
    "Reader",
    "Record",
    "headers_for",
    "in_batches",
    "lag",
    "partition_of",
    "record_for",
    "weight",
]

"""Kafka: the only package that knows aiokafka. Topics are logical names here; the prefix is added
at this door.

Defaults that lose data or hang are closed off (LIBRARIES.md): acks=all and idempotence, no
auto-commit, earliest, explicit offsets, every wait bounded. A dependency that does not answer in
its time raises `Unavailable`.
"""

from __future__ import annotations

from shared.bus.access.security import LoginRefused, client_options, log_in
from shared.bus.access.users import set_password
from shared.bus.admin import Admin, TopicSettings, lag
from shared.bus.connection import PATIENCE_S
from shared.bus.consumer import SESSION_TIMEOUT_S, Consumer
from shared.bus.creating import CLUSTERS_OWN
from shared.bus.producer import BATCH_BYTES, Producer, in_batches, partition_of, weight
from shared.bus.progress.overseer import END_S, Overseer
from shared.bus.reader import Reader
from shared.wire import Batch, Message, Record, headers_for, record_for

__all__ = [
    "BATCH_BYTES",
    "CLUSTERS_OWN",
    "END_S",
    "PATIENCE_S",
    "SESSION_TIMEOUT_S",
    "Admin",
    "Batch",
    "Consumer",
    "LoginRefused",
    "Message",
    "Overseer",
    "Producer",
    "Reader",
    "Record",
    "TopicSettings",
    "client_options",
    "headers_for",
    "in_batches",
    "lag",
    "log_in",
    "partition_of",
    "record_for",
    "set_password",
    "weight",
]

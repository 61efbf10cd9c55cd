"""Batches of records as the broker writes them to its files."""

from __future__ import annotations

from aiokafka.record.default_records import (  # writes what the broker writes
    DefaultRecordBatchBuilder,
)

OF = 3
"""Records of a batch."""


def a_batch(first: int) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10_000,
    )
    for i in range(OF):
        builder.append(i, 1_700_000_000_000, b"k", b"value-%d" % (first + i), [])
    raw = bytearray(builder.build())
    raw[:8] = first.to_bytes(8, "big")
    return bytes(raw)

"""A long log on all cores: each process takes some partition numbers, and what it found is put
together afterwards.

A share that fails fails the whole: half a proof is none.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import structlog

T = TypeVar("T")

WORTH_IT = 20_000
"""Requests in the log; below, starting a process takes longer than it saves."""


def spread(
    job: Callable[[Sequence[int]], T], partitions: int, requests: int, processes: int | None = None
) -> list[T]:
    """`job` over all partition numbers: once, or in several processes (None: as many as there are
    cores where it is worth it).

    `job` and its answer are pickled. What a job raises is raised here; a process that dies raises
    BrokenProcessPool.
    """
    processes = min(processes or (os.cpu_count() or 1 if requests >= WORTH_IT else 1), partitions)
    shares = [range(partitions)[first::processes] for first in range(processes)]
    if processes == 1:
        return [job(shares[0])]
    with ProcessPoolExecutor(
        # "spawn": a fork would copy the Kafka client's open connections.
        processes,
        multiprocessing.get_context("spawn"),
        initializer=_begin,
    ) as pool:
        return list(pool.map(job, shares))


def _begin() -> None:
    gc.disable()  # what a decision leaves behind has no cycles, so looking for them only costs time
    quietly()


def quietly() -> None:
    """Only what matters, and on standard error: standard output is the report's."""
    structlog.configure(
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )

"""A long log on all cores: each process takes some partition numbers, and what it found is put together afterwards."""

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


def spread(job: Callable[[Sequence[int]], T], partitions: int, requests: int) -> list[T]:
    """`job` over all partition numbers: once, or in as many processes as there are cores. `job` and its answer are pickled."""
    processes = min(os.cpu_count() or 1, partitions) if requests >= WORTH_IT else 1
    shares = [range(partitions)[first::processes] for first in range(processes)]
    if processes == 1:
        return [job(shares[0])]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin) as pool:
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

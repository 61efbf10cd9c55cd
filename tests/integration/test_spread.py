"""A long log in several processes: every partition once, and a share that fails fails the whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool

import pytest

from cli.proof.parallel import WORTH_IT, spread
from shared.errors import Unavailable


def _who(share: Sequence[int]) -> tuple[int, list[int]]:
    return os.getpid(), list(share)


def _away(share: Sequence[int]) -> None:
    if 1 in share:
        raise Unavailable("kafka", "asking for offsets")


def _dies(share: Sequence[int]) -> None:
    if 1 in share:
        os._exit(9)


def test_every_partition_is_somebodys_once() -> None:
    found = spread(_who, 5, 0, processes=2)
    assert sorted(number for _, share in found for number in share) == [0, 1, 2, 3, 4]
    assert len(found) == 2 and os.getpid() not in {process for process, _ in found}


def test_a_short_log_is_read_here() -> None:
    assert spread(_who, 8, WORTH_IT - 1) == [(os.getpid(), list(range(8)))]


def test_no_more_processes_than_partitions() -> None:
    assert spread(_who, 1, WORTH_IT * 9, processes=4) == [(os.getpid(), [0])]


def test_what_a_share_raises_is_raised_here_as_it_was() -> None:
    with pytest.raises(Unavailable, match=r"^kafka is not available: asking for offsets$"):
        spread(_away, 4, 0, processes=2)


def test_a_process_that_dies_is_not_passed_over() -> None:
    with pytest.raises(BrokenProcessPool):
        spread(_dies, 4, 0, processes=2)

"""`make bench`: the whole chain's figures. They judge nothing: the table says which goals are met."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.chain import footprint, latency_figures, throughput
from tests.support.stack import Stack, running

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def quiet_stack() -> Iterator[Stack]:
    """A stack of its own with the real clock, so that nothing else is running on it."""
    with running(clock=False, env={"SIGNALBOX_RATE_LIMIT": "1000000/minute"}) as stack:
        yield stack


def test_figures_of_the_chain(quiet_stack: Stack) -> None:
    print()
    for figures in (footprint, latency_figures, throughput):
        for figure in figures(quiet_stack):
            print(figure, flush=True)

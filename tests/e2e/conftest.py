"""The one stack of the journeys, and what asks it. It ends with the last test of this folder, so
that it costs nothing while the same process does other files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.desk import Desk, FarEnd
from tests.support.stack import ClockHand, Stack, running


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """All services with the demo's data, on Kafka and MongoDB of their own."""
    with running() as up:
        yield up


@pytest.fixture(scope="package")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """What is run beside the one stack uses the environment's engines, or else the stack's."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    return given or str(request.getfixturevalue("stack").kafka)


@pytest.fixture(scope="package")
def mongodb_uri(request: pytest.FixtureRequest) -> str:
    given = os.environ.get("MONGODB_URI")
    return given or str(request.getfixturevalue("stack").mongodb)


@pytest.fixture(scope="package")
def desk(stack: Stack) -> Desk:
    return Desk(stack)


@pytest.fixture(scope="package")
def far_end(stack: Stack) -> FarEnd:
    return FarEnd(stack.sink)


@pytest.fixture
def clock(stack: Stack) -> ClockHand:
    return stack.clock

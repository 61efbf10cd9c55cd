"""One stack for everything that needs one, started when first asked for; quick tests first, whatever the random order within.

`make test` runs two processes of pytest-xdist, one for each lane. Most of a test with a stack is waiting, and the unit tests and those
with engines of their own fit into that. What shares a stack stays in one process and is never run beside itself.

Benchmarks run only when asked for (`make bench`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.desk import Desk, FarEnd
from tests.support.stack import ClockHand, Stack, running

ORDER = ("unit", "contract", "integration", "e2e", "chaos")
HERE = Path(__file__).parent

settings.register_profile("any-machine", deadline=None)  # how long one example takes says more about the machine than about us
settings.load_profile("any-machine")


class Lanes(LoadScopeScheduling):
    """A lane is one piece of work, done in one process and in its order: the journeys at the one stack, or everything else."""

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else "elsewhere"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    return Lanes(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "bench" not in (config.option.markexpr or ""):
        benches = [item for item in items if item.get_closest_marker("bench")]
        config.hook.pytest_deselected(items=benches)
        items[:] = [item for item in items if item not in benches]

    def rank(item: pytest.Item) -> int:
        """The browser's tests come last: Playwright keeps an event loop running in this thread, where no other may run then."""
        parts = item.path.relative_to(HERE).parts
        return ORDER.index(parts[0]) if parts[0] in ORDER and "browser" not in parts else len(ORDER)

    items.sort(key=rank)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """All services with the demo's data, on Kafka and MongoDB of their own."""
    with running() as up:
        yield up


@pytest.fixture(scope="session")
def engine() -> Iterator[Stack]:
    """Kafka and MongoDB alone, for tests that start the parts they are about themselves."""
    with running("--only", "engines") as up:
        yield up


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """A broker for integration tests: the environment's, or else the engine's (each test has a topic prefix of its own)."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    return given or str(request.getfixturevalue("engine").kafka)


@pytest.fixture(scope="session")
def mongodb_uri(request: pytest.FixtureRequest) -> str:
    """A MongoDB for integration tests: the environment's, or else the engine's (each test has a database of its own)."""
    given = os.environ.get("MONGODB_URI")
    return given or str(request.getfixturevalue("engine").mongodb)


@pytest.fixture(scope="session")
def desk(stack: Stack) -> Desk:
    return Desk(stack)


@pytest.fixture(scope="session")
def far_end(stack: Stack) -> FarEnd:
    return FarEnd(stack.sink)


@pytest.fixture
def clock(stack: Stack) -> ClockHand:
    return stack.clock

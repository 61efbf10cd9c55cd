"""One stack for everything that needs one, started when first asked for; quick tests first,
whatever the random order within.

`make test` runs two processes of pytest-xdist. One begins with the journeys at the one stack, the
other with what shares an engine; of the files that need neither each takes the next one as soon as
it is free, so both end together. What shares a stack stays in one process and is never run beside
itself.

Benchmarks run only when asked for (`make bench`), and so do tests marked `long` (`make long`, `make
chaos`): those that take minutes, and those that judge figures which a busy machine would miss. A
file that is named on the command line runs whole.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.examples import choose_profile
from tests.support.once import compile_templates_once, read_authorities_once
from tests.support.stack import Stack, running

ORDER = ("unit", "contract", "integration", "e2e", "chaos", "monitors")
LONG = ("journeys", "engines")
HERE = Path(__file__).parent
IS_LONG = os.environ.get("SIGNALBOX_CHAOS") == "long"

pytest_plugins = ["tests.support.file_times"]
choose_profile()
read_authorities_once()
compile_templates_once()


class Lanes(LoadScopeScheduling):
    """A lane is one piece of work, done in one process and in its order. They are given out in the
    order of the items (see pytest_collection_modifyitems).
    """

    def _split_scope(self, nodeid: str) -> str:
        return lane_of(nodeid)


def lane_of(nodeid: str) -> str:
    """The journeys at the one stack, what shares an engine, or else a file of its own."""
    file = nodeid.partition("::")[0]
    if file.startswith("tests/e2e/"):
        return "journeys"
    if file.startswith(("tests/integration/", "tests/chaos/", "tests/monitors/")):
        return "engines"
    return file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    config.option.loadscopereorder = False
    return Lanes(config, log)


def is_wanted(config: pytest.Config, item: pytest.Item) -> bool:
    """Whether this run is for the test: what is marked `bench` or `long` wants to be asked for."""
    asked = config.option.markexpr or ""
    if item.get_closest_marker("bench") and "bench" not in asked:
        return False
    if item.get_closest_marker("long") is None or "long" in asked or IS_LONG:
        return True
    named = {Path(arg.partition("::")[0]).name for arg in config.invocation_params.args}
    return item.path.name in named


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if not is_wanted(config, item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]

    tests_of = Counter(lane_of(item.nodeid) for item in items)

    def rank(item: pytest.Item) -> tuple[int, int]:
        """In one process quick tests come first. In several the long lanes do, then the files with
        the most tests. Browsers are the last of the journeys: one is started for all of them.
        """
        parts = item.path.relative_to(HERE).parts
        place = ORDER.index(parts[0]) if parts[0] in ORDER else len(ORDER)
        lane = lane_of(item.nodeid)
        if not hasattr(config, "workerinput"):
            return place, "browser" in parts
        if lane in LONG:
            return LONG.index(lane), 10 * place + ("browser" in parts)
        return len(LONG), -tests_of[lane]

    items.sort(key=rank)


@pytest.fixture(scope="session")
def engine() -> Iterator[Stack]:
    """Kafka and MongoDB alone, for tests that start the parts they are about themselves."""
    with running("--only", "engines") as up:
        yield up


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """A broker for integration tests: the environment's, or else the engine's (each test has a
    topic prefix of its own).
    """
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    return given or str(request.getfixturevalue("engine").kafka)


@pytest.fixture(scope="session")
def mongodb_uri(request: pytest.FixtureRequest) -> str:
    """A MongoDB for integration tests: the environment's, or else the engine's (each test has a
    database of its own).
    """
    given = os.environ.get("MONGODB_URI")
    return given or str(request.getfixturevalue("engine").mongodb)

"""`make bench`: how quickly news for many goes out, from the fact to the last mail at a local far
end.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.bench.table import Figure
from tests.integration.test_courier import Office, an_office, eventually
from tests.integration.test_fan_out import happens, people, subscribe, update

pytestmark = pytest.mark.bench

MANY = int(os.environ.get("SIGNALBOX_BENCH_NOTICES", "2000"))


@pytest.fixture
async def office(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(kafka_bootstrap, mongodb_uri, tmp_path) as made:
        yield made


def _received(office: Office) -> int:
    """The number of the last receipt, of whatever kind: nothing else is going on."""
    last = office.far.receipts.since(-1)
    return last[0]["n"] if last else 0


def counter(office: Office, wanted: int) -> Callable[[], bool]:
    """Whether so many mails more have come. The far end runs in this process, so looking must cost
    nothing.
    """
    begin = _received(office)
    return lambda: _received(office) - begin >= wanted


def cpu_s(pid: int) -> float:
    """Seconds of processor time the process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def test_notices_per_second(office: Office) -> None:
    await subscribe(office, people(MANY))
    courier = await office.start_courier()
    await happens(office, update("warm"))
    await eventually(counter(office, MANY), 180, "the first news")
    before, spent, begun = resident_mb(courier.pid), cpu_s(courier.pid), time.monotonic()
    await happens(office, update("measured"))
    await eventually(counter(office, MANY), 180, "the measured news")
    took = time.monotonic() - begun
    print()
    print(
        Figure(
            f"news for {MANY}: notices recorded, sent and said",
            MANY / took,
            "notices/s",
            goal=300,
            low=False,
        )
    )
    print(
        Figure(
            "of the courier's own processor time", MANY / (cpu_s(courier.pid) - spent), "notices/s"
        )
    )
    print(Figure("the courier's memory grew by", resident_mb(courier.pid) - before, "MiB"))

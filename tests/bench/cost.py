"""What a ticket costs each process, as a ratio to what it costs a bare FastAPI endpoint on the same
broker in the same run; and what each process holds in memory.

    python -m tests.bench.cost [--record WHY]

Processor time, not the clock on the wall; medians of rounds in which the bare endpoint and the
chain take turns. So other work on the machine changes little. `tests/bench/record.json` is what
`tests/integration/test_cost.py` holds the figures to; `--record` writes it, and WHY goes into it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.bus import Admin
from shared.storage.store import Store
from shared.topics import REQUESTS
from tests.bench.intake import answers, free_port, load
from tests.bench.table import Figure
from tests.support.stack import Stack, running

RECORD = Path(__file__).with_name("record.json")
ROUNDS, TICKETS, BARE = 3, 400, 800
CLIENTS = 16
WORSE = 1.25
"""So many times the recorded figure is too much."""
SLACK_COST, SLACK_MB = 0.15, 6.0
"""Above that, for processes that hardly work: their timers count as much as their tickets."""
ENGINES = frozenset({"kafka", "mongod", "sink"})
"""Programs that are not services of ours."""
WITHIN_S = 120.0
PREFIX, DATABASE = "signalbox-", "signalbox"


@dataclass(frozen=True)
class Costs:
    """`cpu`: process → CPU time of one ticket, in CPU times of the bare endpoint's. `bare`: that,
    in µs. `memory`: process → MB of its own, its children included.
    """

    cpu: Mapping[str, float]
    bare: float
    memory: Mapping[str, float]


def seconds_of(pid: int) -> float:
    """CPU seconds of a process so far, in nanoseconds' steps: /proc/PID/stat counts in hundredths."""
    ran = 0
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                ran += int((thread / "schedstat").read_text().split()[0])
    return ran / 1e9


def family_of(pid: int) -> list[int]:
    """The process and all that came of it."""
    found = [pid]
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += family_of(int(child))
    return found


def own_memory(pid: int) -> float:
    """MB of a process and its children that no file holds. Pages that they share count once
    (`Pss_Anon` of proc(5)); those of libraries do not, which other programs may share.
    """
    total = 0
    for each in family_of(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon"))
    return total / 1024


class TooBusy(Exception):
    """The bare endpoint itself takes more than twice the recorded time: then batches are smaller,
    caches colder, and nothing can be said of the services.
    """


async def measure(stack: Stack, rounds: int = ROUNDS, most: float = math.inf) -> Costs:
    """A few rounds on a running stack. Raises TooBusy where the bare endpoint needs more than
    `most` µs for a ticket.
    """
    pids = {name: int(entry["pid"]) for name, entry in stack.processes().items()}
    port = int(stack.intake.rpartition(":")[2])
    spent: dict[str, list[float]] = {name: [] for name in pids}
    bare: list[float] = []
    store = Store(stack.mongodb, DATABASE)
    try:
        async with _bare(stack.kafka) as (bare_port, bare_pid):
            await load(bare_port, BARE, CLIENTS)
            before = seconds_of(bare_pid)
            await load(bare_port, BARE, CLIENTS)
            needed = 1e6 * (seconds_of(bare_pid) - before) / BARE
            if needed > most:
                raise TooBusy(f"the bare endpoint takes {needed:.0f} µs, not {most:.0f} at most")
            await _through_the_chain(store, port)
            idle = await _idle(pids)
            for _ in range(rounds):
                before = seconds_of(bare_pid)
                await load(bare_port, BARE, CLIENTS)
                bare.append((seconds_of(bare_pid) - before) / BARE)
                began, at = time.monotonic(), {name: seconds_of(pid) for name, pid in pids.items()}
                await _through_the_chain(store, port)
                passed = time.monotonic() - began
                for name, pid in pids.items():
                    worked = seconds_of(pid) - at[name] - passed * idle[name]
                    spent[name].append(max(0.0, worked) / TICKETS)
    finally:
        store.close()
    yardstick = statistics.median(bare)
    return Costs(
        {name: statistics.median(each) / yardstick for name, each in spent.items()},
        1e6 * yardstick,
        {name: own_memory(pid) for name, pid in pids.items() if name not in ENGINES},
    )


@contextlib.asynccontextmanager
async def _bare(bootstrap: str) -> AsyncIterator[tuple[int, int]]:
    """The bare endpoint on a topic of its own: port and pid."""
    prefix, port = f"bench-cost-{secrets.token_hex(3)}-", free_port()
    async with Admin(bootstrap, prefix) as admin:
        await admin.create_topic(REQUESTS.name, 8)
        env = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "SIGNALBOX_TOPIC_PREFIX": prefix,
            "SIGNALBOX_INTAKE_PORT": str(port),
        }
        command = (sys.executable, "-m", "tests.bench.intake", "--bare")
        server = await asyncio.create_subprocess_exec(*command, env=env)
        try:
            await answers(port)
            yield port, server.pid
        finally:
            server.terminate()
            await server.wait()
            await admin.delete_all()


async def _through_the_chain(store: Store, port: int) -> None:
    """Tickets, until all are in the view and nobody is owed a notice. The wait ends by what was
    done, not by a quiet moment: on a busy machine there are many.
    """
    before = await store["tickets"].count({})
    await load(port, TICKETS, CLIENTS)
    async with asyncio.timeout(WITHIN_S):
        while await store["tickets"].count({}) < before + TICKETS:
            await asyncio.sleep(0.1)
        while await store["outbox"].count({"open": True}):
            await asyncio.sleep(0.1)


async def _idle(pids: Mapping[str, int], seconds: float = 2.0) -> dict[str, float]:
    """CPU seconds a second, while nothing happens."""
    before = {name: seconds_of(pid) for name, pid in pids.items()}
    await asyncio.sleep(seconds)
    return {name: (seconds_of(pid) - before[name]) / seconds for name, pid in pids.items()}


def recorded() -> Costs:
    kept = json.loads(RECORD.read_text())
    return Costs(kept["cpu"], kept["bare"], kept["memory"])


def judge(now: Costs, before: Costs) -> dict[str, str]:
    """What is worse than the record by a quarter → a sentence about it. Pure. A process that the
    record does not know is not judged.
    """
    found = {}
    for name, cost in now.cpu.items():
        was = before.cpu.get(name)
        if was is not None and cost > WORSE * was + SLACK_COST:
            found[f"cpu of {name}"] = f"a ticket takes {cost:.2f} of the bare one's, was {was}"
    for name, size in now.memory.items():
        was = before.memory.get(name)
        if was is not None and size > WORSE * was + SLACK_MB:
            found[f"memory of {name}"] = f"it holds {size:.0f} MB of its own, was {was}"
    return found


def figures_of(costs: Costs) -> list[Figure]:
    found = [Figure("bare endpoint, CPU", costs.bare, "µs/ticket")]
    for name, cost in sorted(costs.cpu.items(), key=lambda pair: -pair[1]):
        found.append(Figure(f"{name}: CPU of a ticket, in the bare endpoint's", cost, "times"))
    if (intake := costs.cpu.get("intake")) is not None:
        share = 100 / max(intake, 1e-9)
        found.append(Figure("intake's share of the bare endpoint, CPU", share, "%", 60, low=False))
    ours = [cost for name, cost in costs.cpu.items() if name not in ENGINES]
    found.append(Figure("all services: CPU of a ticket, in the bare one's", sum(ours), "times"))
    for name, size in sorted(costs.memory.items(), key=lambda pair: -pair[1]):
        found.append(Figure(f"{name}: memory of its own", size, "MB"))
    total = sum(costs.memory.values())
    return [*found, Figure("all Python services with children: memory of their own", total, "MB")]


@contextlib.contextmanager
def stack_of_its_own() -> Iterator[Stack]:
    """A stack whose limits of rate are out of the way."""
    with running(clock=False, env={"SIGNALBOX_RATE_LIMIT": "1000000000/minute"}) as stack:
        yield stack


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", metavar="WHY", help="write the record, with the reason")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    with stack_of_its_own() as stack:
        found = asyncio.run(measure(stack, chosen.rounds))
    for figure in figures_of(found):
        print(figure)
    for what, sentence in (judge(found, recorded()) if RECORD.exists() else {}).items():
        print(f"WORSE: {what}: {sentence}")
    if chosen.record:
        kept = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        kept |= {
            "why": chosen.record,
            "bare": round(found.bare, 1),
            "cpu": {name: round(cost, 2) for name, cost in sorted(found.cpu.items())},
            "memory": {name: round(size, 1) for name, size in sorted(found.memory.items())},
        }
        RECORD.write_text(json.dumps(kept, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

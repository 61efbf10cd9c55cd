"""The faults, one function each: it makes the fault, waits, and ends it. Raises nothing by itself.

`Fault.within` are its goals in seconds: `routing` from the fault's begin until every partition
routes again, `page` and `notice` from the client's request to the far end, at the worst.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pymongo import MongoClient

from shared.settings import StoreSettings
from tests.cluster import engines
from tests.cluster.cluster import Cluster

PAGE_S, NOTICE_S = 20.0, 30.0


@dataclass(frozen=True)
class Fault:
    """`least`: seconds of traffic after it began. `failures`: how many first tries may fail; None
    where that is not looked at.
    """

    title: str
    make: Callable[[Cluster], Awaitable[None]]
    routing: float = 15.0
    least: float = 25.0
    failures: int | None = None
    after: float = 10.0


async def hang(cluster: Cluster, name: str, seconds: float) -> None:
    """Stop a process as a frozen machine does: it keeps its connections, and says nothing."""
    cluster.signal(name, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        cluster.signal(name, signal.SIGCONT)


def broker_hangs(seconds: float) -> Callable[[Cluster], Awaitable[None]]:
    async def make(cluster: Cluster) -> None:
        await hang(cluster, _a_broker(cluster), seconds)

    return make


async def broker_is_killed(cluster: Cluster) -> None:
    cluster.signal(_a_broker(cluster), signal.SIGKILL)


async def controller_is_killed(cluster: Cluster) -> None:
    cluster.signal(f"kafka-{engines.controller(cluster.nodes)}", signal.SIGKILL)


async def leaders_move_while_copies_join(cluster: Cluster) -> None:
    """A broker that ends in order hands its partitions over at once; meanwhile members change."""
    joining = ["router-1", "front-1", "pager-1", "courier-1"]
    await cluster.supervisor.stop(joining)
    programs = [cluster.supervisor.children[name].program for name in joining]
    cluster.signal(_a_broker(cluster), signal.SIGTERM)
    await asyncio.sleep(1.0)
    cluster.supervisor.start(programs)
    await cluster.wait_ready(*joining)


async def mongod_is_killed(cluster: Cluster) -> None:
    cluster.signal(await _primary(cluster), signal.SIGKILL)


async def mongod_hangs(cluster: Cluster) -> None:
    await hang(cluster, await _primary(cluster), 30.0)


async def copies_come_and_go(cluster: Cluster) -> None:
    """One copy of each worker ends by force or in order, one after the other."""
    for place, name in enumerate(("router-1", "pager-0", "front-1", "courier-0", "sla-1")):
        cluster.signal(name, signal.SIGKILL if place % 2 else signal.SIGTERM)
        await asyncio.sleep(3.0)


async def everything_restarts_in_turn(cluster: Cluster) -> None:
    """Workers, brokers and mongods, each when the one before is back."""
    for name in cluster.workers():
        old = cluster.signal(name, signal.SIGTERM)
        await _wait_for_another(cluster, name, old)
        await cluster.wait_ready(name)


async def database_is_dropped(cluster: Cluster) -> None:
    def drop() -> None:
        with MongoClient(engines.mongodb_uri(cluster.mongods)) as client:
            client.drop_database(StoreSettings().mongodb_database)

    await asyncio.to_thread(drop)


async def _wait_for_another(cluster: Cluster, name: str, old: int) -> None:
    while cluster.supervisor.children[name].pid in (None, old):
        await asyncio.sleep(0.05)


def _a_broker(cluster: Cluster) -> str:
    """One that is not the controller: the first of those."""
    leader = engines.controller(cluster.nodes)
    return next(node.name for node in cluster.nodes if node.node != leader)


async def _primary(cluster: Cluster) -> str:
    place = await asyncio.to_thread(engines.primary, cluster.mongods)
    assert place is not None
    return f"mongod-{place + 1}"


FAULTS: dict[str, Fault] = {
    "hang-30": Fault("a broker hangs for 30 s", broker_hangs(30), routing=20, least=45),
    "kill": Fault("a broker is killed", broker_is_killed),
    "leaders": Fault("leaders move while copies join", leaders_move_while_copies_join),
    "controller": Fault("the controller is killed", controller_is_killed),
    "hang-60": Fault("a broker hangs for 60 s", broker_hangs(60), routing=20, least=75),
    "hang-100": Fault("a broker hangs for 100 s", broker_hangs(100), routing=20, least=115),
    "copies": Fault("copies end and come back", copies_come_and_go),
    "mongo-kill": Fault("MongoDB's primary is killed", mongod_is_killed),
    "mongo-hang": Fault("MongoDB's primary hangs for 30 s", mongod_hangs, least=45),
    "rolling": Fault("every worker restarts in turn", everything_restarts_in_turn, failures=0),
    "dropped": Fault("the database is dropped", database_is_dropped),
}
"""In the order in which they are tried."""

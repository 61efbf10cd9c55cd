"""Signalbox as people run it: engines in threes, workers in twos, a balancer before the servers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from cli.settings import CommandSettings
from cli.topics.command import create_missing
from cli.up import stack
from cli.up.start import make_secrets
from cli.up.supervise import Program, Supervisor
from deploy.demo.seed import seed
from shared.errors import Unavailable
from shared.settings import load
from tests.cluster import engines
from tests.cluster.balancer import Balancer

HOST = "127.0.0.1"
COPIES = {
    "intake": 2,
    "router": 2,
    "sla": 2,
    "front": 2,
    "pager": 2,
    "courier": 2,
    "portal": 2,
    "projector": 1,
    "pulse": 1,
    "status": 1,
}
"""How many of each. The first copy of a service is `router-0`, and that is its instance too."""
SERVERS = ("intake", "portal")


@dataclass
class Cluster:
    """Everything that runs, by name. `kill` and the like send signals to one process by its pid."""

    data: Path
    supervisor: Supervisor
    nodes: list[engines.Broker]
    mongods: list[int]
    ready_urls: dict[str, str]
    intake: str
    portal: str
    sink: str

    @property
    def kafka(self) -> str:
        return ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def signal(self, name: str, how: signal.Signals) -> int:
        """Send it; the pid it went to."""
        pid = self.supervisor.children[name].pid
        assert pid is not None, f"{name} does not run"
        os.kill(pid, how)
        return pid

    def restarts(self) -> dict[str, int]:
        """How often each program has been started again."""
        return {name: child.restarts for name, child in self.supervisor.children.items()}

    def workers(self) -> list[str]:
        """The copies of our services, in the order of their start."""
        return [name for name in self.ready_urls if name != "sink"]

    async def wait_ready(self, *names: str, within: float = 120.0) -> None:
        """Until each of these says so. AssertionError with the answer of one that does not."""
        end = time.monotonic() + within
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            for name in names:
                said = "nothing"
                while said != "":
                    assert time.monotonic() < end, f"{name} is not ready: {said}"
                    try:
                        async with http.get(self.ready_urls[name]) as answer:
                            said = "" if answer.status == 200 else await answer.text()
                    except (aiohttp.ClientError, TimeoutError) as error:
                        said = repr(error)
                    await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def running(data: Path, base: int, tell: Callable[[str], None]) -> AsyncIterator[Cluster]:
    """Start everything, seeded with the demo's people; stop it at the end. `base`: the first of 90
    ports that are free.
    """
    logs, settings = data / "logs", load(CommandSettings)
    logs.mkdir(parents=True)
    nodes, mongods = engines.brokers(data, base), [base + 10 + place for place in range(3)]
    names = {"intake": base + 20, "portal": base + 21, "sink": base + 22, "sink-smtp": base + 23}
    supervisor = Supervisor(data / "up.json", lambda name, what: tell(f"  {name}: {what}"))
    cluster = Cluster(data, supervisor, nodes, mongods, {}, *_urls(names))
    try:
        supervisor.start(await engines.kafka_programs(nodes, settings.cache_dir, logs))
        supervisor.start(engines.mongod_programs(data, settings.cache_dir, mongods, logs))
        topics = settings.model_copy(update={"topic_replication": 3})
        await _until(lambda: _has_topics(cluster.kafka, topics))
        await _until(lambda: asyncio.to_thread(engines.make_replica_set, mongods))
        await _until(lambda: _has_primary(mongods))
        make_secrets(data)
        programs = service_programs(cluster, names, base + 30)
        supervisor.start(programs)
        await _until(lambda: _is_seeded(cluster.kafka, settings.topic_prefix, cluster.sink))
        async with contextlib.AsyncExitStack() as balancers:
            for server in SERVERS:
                ports = [each.ports[server] for each in programs if server in each.ports]
                await balancers.enter_async_context(Balancer(names[server], ports))
            late = {f"{service}-0" for service in stack.LATE}
            await cluster.wait_ready(*(set(cluster.workers()) - late))
            yield cluster
    finally:
        engines_of = [n for n in supervisor.children if n.startswith(("kafka", "mongod"))]
        for name in supervisor.children:
            with contextlib.suppress(AssertionError, ProcessLookupError):
                cluster.signal(name, signal.SIGCONT)
        await supervisor.stop([n for n in supervisor.children if n not in engines_of])
        await supervisor.stop(engines_of)


def _urls(names: dict[str, int]) -> tuple[str, str, str]:
    intake, portal, sink = (f"http://{HOST}:{names[name]}" for name in ("intake", "portal", "sink"))
    return intake, portal, sink


def service_programs(cluster: Cluster, names: dict[str, int], first: int) -> list[Program]:
    """The demo's far end and every copy of every service. Each copy has a folder of its own, as a
    pod has; all have one secret. Fills in `cluster.ready_urls`.
    """
    env = stack.environment(
        os.environ,
        ports=names,
        data=cluster.data,
        kafka=cluster.kafka,
        mongodb=engines.mongodb_uri(cluster.mongods),
        demo=True,
        clock_file=None,
    )
    env["SIGNALBOX_DRAIN"] = "5"  # the balancer looks every half second
    programs = [_program("sink", "sink", env, cluster, {"sink": names["sink"]})]
    for service, copies in COPIES.items():
        for number in range(copies):
            name, port = f"{service}-{number}", first
            first += 1
            own = {
                **env,
                "SIGNALBOX_INSTANCE": name,
                "SIGNALBOX_DATA_DIR": str(cluster.data / name),
            }
            setting = {each.name: each.setting for each in stack.PORTS}.get(service)
            own[setting or "SIGNALBOX_METRICS_PORT"] = str(port)
            cluster.ready_urls[name] = f"http://{HOST}:{port}/readyz"
            programs.append(_program(service, name, own, cluster, {service: port}))
    return programs


def _program(
    service: str, name: str, env: dict[str, str], cluster: Cluster, ports: dict[str, int]
) -> Program:
    return Program(
        name=name,
        argv=(sys.executable, "-m", *stack.SERVICES[service]),
        env=env,
        cwd=stack.ROOT,
        log=cluster.data / "logs" / f"{name}.log",
        ports=ports,
        grace=15,
        niceness=stack.NICENESS.get(service, 0),
        alive_url=None if service == "sink" else f"http://{HOST}:{ports[service]}/livez",
    )


async def _has_topics(kafka: str, settings: CommandSettings) -> bool:
    try:
        await create_missing(kafka, settings)
    except Unavailable:
        return False
    return True


async def _is_seeded(kafka: str, prefix: str, sink: str) -> bool:
    try:
        await seed(kafka, prefix, sink)
    except Unavailable:
        return False
    return True


async def _has_primary(ports: list[int]) -> bool:
    return await asyncio.to_thread(engines.primary, ports) is not None


async def _until(look: Callable[[], Awaitable[bool]], within: float = 120.0) -> None:
    end = time.monotonic() + within
    while not await look():
        assert time.monotonic() < end, "the engines did not come up"
        await asyncio.sleep(0.2)

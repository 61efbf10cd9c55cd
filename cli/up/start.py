"""The order in which `signalbox up` brings everything to life, and how it knows that each part
answers.

Kafka and MongoDB side by side → topics → all services and the demo's data side by side. Stopping
goes the other way: services first, so that none of them ends on an error, then MongoDB and Kafka.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from cli.settings import CommandSettings
from cli.topics.command import create_missing, is_being_erased
from cli.up import stack
from cli.up.alerts_secret import NAME as ALERTS_SECRET
from cli.up.alerts_secret import make_alerts_secret
from cli.up.screen import Screen
from cli.up.supervise import BAD_CONFIGURATION, Child, Program, Supervisor, tail
from deploy.demo.seed import seed
from deploy.embedded import broker, mongo
from deploy.embedded.commands import CannotPrepare
from deploy.embedded.secret import make_secret
from shared.errors import Unavailable
from shared.kafka.access import hide_password
from shared.settings import names_files

# Seconds between two looks at whether a part answers.
LOOK_AGAIN = 0.05
TRIES = 5  # a program that died this often before it was ready will not become so


class StartFailed(Exception):
    """Something did not come up; the text says what, and shows the end of its log."""


class TookTooLong(StartFailed):
    """It runs, and is not ready."""


@dataclass
class StartPlan:
    """Everything `up` was asked for, decided; `kafka` and `mongodb` are None where they are to be
    embedded.
    """

    data: Path
    settings: CommandSettings
    services: tuple[str, ...]
    ports: dict[str, int]
    demo: bool
    lived_in: bool
    kafka: str | None
    mongodb: str | None
    clock_file: Path | None
    patience: float
    environ: dict[str, str] = field(repr=False)

    @functools.cached_property
    def kafka_address(self) -> str:
        """With the password, where there is one. Raises CannotPrepare."""
        return self.kafka or broker.address(self.ports["kafka"], self.kafka_log)

    @property
    def kafka_log(self) -> Path:
        """Where the embedded broker keeps its log."""
        return self.data / "kafka" / "log"

    @functools.cached_property
    def mongodb_address(self) -> str:
        """As `kafka_address`."""
        return self.mongodb or mongo.uri(self.ports["mongod"], self.data / "mongodb")

    @property
    def files_address(self) -> str:
        """Where files are kept: where the environment says; a folder, where MongoDB is embedded;
        else empty, which is a database of theirs.
        """
        if names_files(self.environ):
            return self.settings.files
        return str(self.data / "files") if self.mongodb is None else ""

    @property
    def env(self) -> dict[str, str]:
        """What every service gets."""
        return stack.environment(
            self.environ,
            ports=self.ports,
            data=self.data,
            kafka=self.kafka_address,
            mongodb=self.mongodb_address,
            demo=self.demo,
            clock_file=self.clock_file,
            files=self.files_address,
        )


async def bring_up(plan: StartPlan, supervisor: Supervisor, screen: Screen) -> None:
    """Start everything and return when all of it answers. Raises StartFailed."""
    (plan.data / "logs").mkdir(parents=True, exist_ok=True)
    make_secrets(plan.data)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        # Kafka and MongoDB do not need each other; every service needs both.
        await side_by_side(_kafka(plan, supervisor, screen), _mongod(plan, supervisor, screen))
        supervisor.start(
            stack.service_programs(plan.services, env=plan.env, ports=plan.ports, data=plan.data)
        )
        steps = [_service(name, plan, supervisor, screen, http) for name in plan.services]
        await side_by_side(*steps, *([_demo(plan, screen)] if plan.demo and plan.services else []))


def make_secrets(data: Path) -> None:
    """What the services of one installation share, made where it is missing: the secret that
    signs sessions and tokens, and the one that monitors sign alerts with.
    """
    make_alerts_secret(data / ALERTS_SECRET)
    make_secret(data / "secret")


async def side_by_side(*steps: Coroutine[Any, Any, None]) -> None:
    """Do all at once. The first failure cancels the others; StartFailed says what failed."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except ExceptionGroup as failures:
        # Failures that can be told in words end the start; a bug among them shows its traceback.
        planned, bugs = failures.split((StartFailed, CannotPrepare, OSError))
        if bugs is not None or planned is None:
            raise
        raise StartFailed("\n\n".join(str(failure) for failure in planned.exceptions)) from None


async def _kafka(plan: StartPlan, supervisor: Supervisor, screen: Screen) -> None:
    began, child, is_open = time.monotonic(), None, plan.kafka is not None
    if plan.kafka is None:
        screen.step("kafka", "fetching")
        jars = await broker.fetch_jars(plan.settings.cache_dir)
        screen.step("kafka", "starting")
        ports = stack.ports_of("kafka", plan.ports)
        argv = await broker.prepare(
            jars=jars,
            data=plan.kafka_log,
            port=ports["kafka"],
            controller_port=ports["kafka-controller"],
        )
        child = _start_engine("kafka", argv, plan, supervisor)

    async def topics_are_there() -> bool:
        nonlocal is_open
        # Another program may answer on the port: its answer counts for nothing.
        if child is not None and not child.owns(plan.ports["kafka"]):
            return False
        try:
            # Once for each start: opening sets the passwords of a broker that is new.
            is_open = is_open or await broker.let_us_in(plan.ports["kafka"], plan.kafka_log)
            if not is_open:
                return False
            # Its topics may be half made anew: starting services on them would lose records.
            if await is_being_erased(plan.kafka_address, plan.settings):
                if plan.services:
                    raise StartFailed(
                        "an erasure was begun and not ended: run `signalbox up --only "
                        "engines`, and `signalbox erase` again"
                    )
                return True
            await create_missing(plan.kafka_address, plan.settings)
        except Unavailable:
            return False
        return True

    where = hide_password(plan.kafka_address)
    await _until(topics_are_there, f"kafka at {where}", child, plan.patience)
    screen.step("kafka", "ready", time.monotonic() - began)


async def _mongod(plan: StartPlan, supervisor: Supervisor, screen: Screen) -> None:
    if plan.mongodb is not None:
        return  # its services say in their readiness whether it answers
    began, port = time.monotonic(), plan.ports["mongod"]
    screen.step("mongod", "starting")
    argv = mongo.prepare(cache=plan.settings.cache_dir, data=plan.data / "mongodb", port=port)
    child = _start_engine("mongod", argv, plan, supervisor)

    async def takes_writes() -> bool:
        # A member that has no primary yet answers, but takes no writes.
        return child.owns(port) and await mongo.is_primary(port, plan.data / "mongodb")

    await _until(takes_writes, "mongod", child, plan.patience)
    screen.step("mongod", "ready", time.monotonic() - began)


def _start_engine(
    name: str, argv: tuple[str, ...], plan: StartPlan, supervisor: Supervisor
) -> Child:
    program = Program(
        name,
        argv,
        {**plan.environ, **broker.LOCALE},
        cwd=plan.data,
        log=plan.data / "logs" / f"{name}.log",
        ports=stack.ports_of(name, plan.ports),
        # Kafka and MongoDB close their files in this time; a kill costs a long recovery.
        grace=15,
    )
    supervisor.start([program])
    return supervisor.children[name]


async def _service(
    name: str, plan: StartPlan, supervisor: Supervisor, screen: Screen, http: aiohttp.ClientSession
) -> None:
    began, url = time.monotonic(), stack.readiness_url(name, plan.ports)
    child, port = supervisor.children[name], stack.readiness_port(name, plan.ports)
    screen.step(name, "starting")

    async def says_ready() -> bool:
        if not child.owns(port):  # whatever answers there is another program's
            return False
        try:
            async with http.get(url) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    try:
        await _until(says_ready, name, child, plan.patience)
    except TookTooLong:
        if name not in stack.LATE:
            raise
        screen.step(name, "not ready yet; the rest does not wait for it", time.monotonic() - began)
        return
    screen.step(name, "ready", time.monotonic() - began)


async def _demo(plan: StartPlan, screen: Screen) -> None:
    """While the services start: they follow the directory and the policies as these come."""
    began = time.monotonic()
    sink_url = plan.env.get("SIGNALBOX_SINK_URL")
    more = [sink_url] if sink_url else []

    async def is_seeded() -> bool:
        try:
            keep = {"on-call"} if plan.lived_in else set()  # the history has made a rota of it
            await seed(plan.kafka_address, plan.settings.topic_prefix, *more, keep=keep)
        except Unavailable:  # a busy machine; seeding may be repeated
            return False
        return True

    await _until(is_seeded, "the demo's data", None, plan.patience)
    screen.step("demo", "ready", time.monotonic() - began)


async def _until(
    probe: Callable[[], Awaitable[bool]], name: str, child: Child | None, patience: float
) -> None:
    """Ask `probe` until it says yes. StartFailed when `child` keeps dying, TookTooLong after
    `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while not await probe():
        # A wrong configuration does not get better; dying again and again means the same.
        if child is not None and (child.exit_code == BAD_CONFIGURATION or child.restarts >= TRIES):
            raise StartFailed(f"{name} ended with exit code {child.exit_code}{_log_of(child)}")
        if time.monotonic() > deadline:
            raise TookTooLong(f"{name} was not ready within {patience:.0f} s{_log_of(child)}")
        await asyncio.sleep(LOOK_AGAIN)


def _log_of(child: Child | None) -> str:
    if child is None:
        return ""
    end = tail(child.program.log)
    if child.program.name == "mongod":
        end = mongo.explain(end, child.program.log.parents[1] / "mongodb")
    return f"; the end of {child.program.log}:\n{end}"


async def stop_all(plan: StartPlan, supervisor: Supervisor) -> None:
    """Services, then mongod, then Kafka; each is gone when this returns."""
    # Services first: none of them ends on an error because its engine is gone.
    await supervisor.stop(plan.services)
    await supervisor.stop(["mongod"])
    await supervisor.stop(["kafka"])
    supervisor.remove_state()

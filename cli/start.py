"""The order in which `signalbox up` brings everything to life, and how it knows that each part answers.

Kafka and MongoDB side by side → topics → all services and the demo's data side by side. Stopping goes the other way:
services first, so that none of them ends on an error, then MongoDB and Kafka.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from cli import stack
from cli.screen import Screen
from cli.settings import CommandSettings
from cli.supervise import BAD_CONFIGURATION, Child, Program, Supervisor, tail
from cli.topics import create_missing, is_being_erased
from deploy.demo.seed import seed
from deploy.embedded import broker, mongo
from deploy.embedded.commands import CannotPrepare
from shared.errors import Unavailable

LOOK_AGAIN = 0.05
TRIES = 5  # a program that died this often before it was ready will not become so


class StartFailed(Exception):
    """Something did not come up; the text says what, and shows the end of its log."""


class TookTooLong(StartFailed):
    """It runs, and is not ready."""


@dataclass
class Plan:
    """Everything `up` was asked for, decided; `kafka` and `mongodb` are None where they are to be embedded."""

    data: Path
    settings: CommandSettings
    services: tuple[str, ...]
    ports: dict[str, int]
    demo: bool
    kafka: str | None
    mongodb: str | None
    clock_file: Path | None
    patience: float
    environ: dict[str, str] = field(repr=False)

    @property
    def kafka_address(self) -> str:
        return self.kafka or f"{stack.HOST}:{self.ports['kafka']}"

    @property
    def mongodb_address(self) -> str:
        return self.mongodb or mongo.uri(self.ports["mongod"])

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
        )


def write_secret_once(path: Path) -> None:
    """The key that signs sessions and tokens of this installation; made at its first start, readable by its owner alone."""
    with contextlib.suppress(FileExistsError), os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))


async def bring_up(plan: Plan, supervisor: Supervisor, screen: Screen) -> None:
    """Start everything and return when all of it answers. Raises StartFailed."""
    (plan.data / "logs").mkdir(parents=True, exist_ok=True)
    write_secret_once(plan.data / "secret")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        await side_by_side(_kafka(plan, supervisor, screen), _mongod(plan, supervisor, screen))
        supervisor.start(stack.service_programs(plan.services, env=plan.env, ports=plan.ports, data=plan.data))
        steps = [_service(name, plan, supervisor, screen, http) for name in plan.services]
        await side_by_side(*steps, *([_demo(plan, screen)] if plan.demo and plan.services else []))


async def side_by_side(*steps: Coroutine[Any, Any, None]) -> None:
    """Do all at once. The first failure cancels the others; StartFailed says what failed."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except ExceptionGroup as failures:
        planned, bugs = failures.split((StartFailed, CannotPrepare))
        if bugs is not None or planned is None:
            raise
        raise StartFailed("\n\n".join(str(failure) for failure in planned.exceptions)) from None


async def _kafka(plan: Plan, supervisor: Supervisor, screen: Screen) -> None:
    began, child = time.monotonic(), None
    if plan.kafka is None:
        screen.step("kafka", "fetching")
        jars = await broker.fetch_jars(plan.settings.cache_dir)
        screen.step("kafka", "starting")
        ports = stack.ports_of("kafka", plan.ports)
        argv = await broker.prepare(
            jars=jars, data=plan.data / "kafka" / "log", port=ports["kafka"], controller_port=ports["kafka-controller"]
        )
        child = _start_engine("kafka", argv, plan, supervisor)

    async def topics_are_there() -> bool:
        try:
            if await is_being_erased(plan.kafka_address, plan.settings):
                if plan.services:
                    raise StartFailed("an erasure was begun and not ended: run `signalbox up --only engines`, and `signalbox erase` again")
                return True
            await create_missing(plan.kafka_address, plan.settings)
        except Unavailable:
            return False
        return True

    await _until(topics_are_there, f"kafka at {plan.kafka_address}", child, plan.patience)
    screen.step("kafka", "ready", time.monotonic() - began)


async def _mongod(plan: Plan, supervisor: Supervisor, screen: Screen) -> None:
    if plan.mongodb is not None:
        return  # its services say in their readiness whether it answers
    began, port = time.monotonic(), plan.ports["mongod"]
    screen.step("mongod", "starting")
    argv = mongo.prepare(cache=plan.settings.cache_dir, data=plan.data / "mongodb", port=port)
    child = _start_engine("mongod", argv, plan, supervisor)
    await _until(lambda: mongo.is_primary(port), "mongod", child, plan.patience)
    screen.step("mongod", "ready", time.monotonic() - began)


def _start_engine(name: str, argv: tuple[str, ...], plan: Plan, supervisor: Supervisor) -> Child:
    log = plan.data / "logs" / f"{name}.log"
    ports = stack.ports_of(name, plan.ports)
    supervisor.start([Program(name, argv, plan.environ, cwd=plan.data, log=log, ports=ports, grace=15)])
    return supervisor.children[name]


async def _service(name: str, plan: Plan, supervisor: Supervisor, screen: Screen, http: aiohttp.ClientSession) -> None:
    began, url = time.monotonic(), stack.readiness_url(name, plan.ports)
    screen.step(name, "starting")

    async def says_ready() -> bool:
        try:
            async with http.get(url) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    try:
        await _until(says_ready, name, supervisor.children[name], plan.patience)
    except TookTooLong:
        if name not in stack.LATE:
            raise
        screen.step(name, "not ready yet; the rest does not wait for it", time.monotonic() - began)
        return
    screen.step(name, "ready", time.monotonic() - began)


async def _demo(plan: Plan, screen: Screen) -> None:
    """While the services start: they follow the directory and the policies as these come."""
    began = time.monotonic()
    sink_url = plan.env.get("SIGNALBOX_SINK_URL")
    await seed(plan.kafka_address, plan.settings.topic_prefix, *([sink_url] if sink_url else []))
    screen.step("demo", "ready", time.monotonic() - began)


async def _until(probe: Callable[[], Awaitable[bool]], name: str, child: Child | None, patience: float) -> None:
    """Ask `probe` until it says yes. StartFailed when `child` keeps dying, TookTooLong after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not await probe():
        if child is not None and (child.exit_code == BAD_CONFIGURATION or child.restarts >= TRIES):
            raise StartFailed(f"{name} ended with exit code {child.exit_code}{_log_of(child)}")
        if time.monotonic() > deadline:
            raise TookTooLong(f"{name} was not ready within {patience:.0f} s{_log_of(child)}")
        await asyncio.sleep(LOOK_AGAIN)


def _log_of(child: Child | None) -> str:
    return "" if child is None else f"; the end of {child.program.log}:\n{tail(child.program.log)}"


async def stop_all(plan: Plan, supervisor: Supervisor) -> None:
    """Services, then mongod, then Kafka; each is gone when this returns."""
    await supervisor.stop(plan.services)
    await supervisor.stop(["mongod"])
    await supervisor.stop(["kafka"])
    supervisor.state_file.unlink(missing_ok=True)

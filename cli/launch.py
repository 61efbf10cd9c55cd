"""Behind `signalbox up`: from its options to a plan, and the life of the supervisor until somebody stops it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cli import stack
from cli.ports import free_port, is_taken
from cli.screen import Screen, screen_for
from cli.settings import CommandSettings
from cli.start import Plan, StartFailed, bring_up, stop_all
from cli.supervise import Supervisor
from shared.settings import load

DEMO_LOGINS = (
    "Log in with any of these and the password demo (API token demo-<name>):",
    "  requesters  free  premium  enterprise  legacy  premier  stranger",
    "  staff       agent  agent2  reviewer  csa  ops  admin",
    "  on call     primary  secondary  lead",
    "  providers   redisco  mailgrid  logdrain",
)


@dataclass(frozen=True)
class Options:
    """The command line, as `up` documents it."""

    demo: bool
    only: tuple[str, ...]
    without: tuple[str, ...]
    port_base: int | None
    free_ports: bool
    clock_file: Path | None
    data_dir: Path
    patience: float
    as_json: bool


def launch(options: Options) -> int:
    """Run until Ctrl-C, SIGTERM or SIGHUP; the exit code."""
    screen = screen_for(as_json=options.as_json)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it shouts at every look at a broker that is still starting
    try:
        data = options.data_dir.resolve()
        data.mkdir(parents=True, exist_ok=True)
        with only_one(data):  # before the ports are looked at: the other one has them
            return asyncio.run(_run(plan_for(options, data), screen))
    except (StartFailed, stack.UnknownName) as problem:
        screen.failed(str(problem))
        return 1


def plan_for(options: Options, data: Path) -> Plan:
    """Everything decided before anything is started. StartFailed names every port that cannot be had."""
    settings, environ = load(CommandSettings), dict(os.environ)
    kafka, mongodb = environ.get("KAFKA_BOOTSTRAP_SERVERS") or None, environ.get("MONGODB_URI") or None
    services = stack.chosen(only=options.only, without=options.without, demo=options.demo)
    embedded = [name for name, given in (("kafka", kafka), ("mongod", mongodb)) if given is None]
    ports = stack.assign_ports((*services, *embedded), environ, options.port_base)
    taken = {number for number in ports.values() if is_taken(number)}
    if options.free_ports:
        ports = {name: free_port() if number in taken else number for name, number in ports.items()}
        taken = set()
    if lines := stack.conflict_lines(ports, taken):
        raise StartFailed("\n".join([*lines, "or let `signalbox up --free-ports` choose others, or move all with `--port-base`"]))
    return Plan(
        data=data,
        settings=settings,
        services=services,
        ports=ports,
        demo=options.demo,
        kafka=kafka,
        mongodb=mongodb,
        clock_file=options.clock_file,
        patience=options.patience,
        environ=environ,
    )


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the data directory. The kernel lets go of the lock when the process ends, however it ends."""
    with (data / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartFailed(f"another `signalbox up` runs on {data}; stop it, or give this one its own with --data-dir") from None
        yield


async def _run(plan: Plan, screen: Screen) -> int:
    began, stop, loop = time.monotonic(), asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    supervisor = Supervisor(plan.data / "up.json", screen.step)
    start = asyncio.create_task(bring_up(plan, supervisor, screen))
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not start.done():
            return 0
        start.result()
        supervisor.is_ready(addresses(plan))
        took = time.monotonic() - began
        screen.finished({"seconds": round(took, 2), "state_file": str(supervisor.state_file), **supervisor.state()}, summary(plan, took))
        await asked
        return 0
    finally:
        for task in (start, asked):
            task.cancel()
        await asyncio.gather(start, asked, return_exceptions=True)
        screen.step("everything", "stopping")
        await stop_all(plan, supervisor)
        screen.step("everything", "stopped")
        screen.close()


def addresses(plan: Plan) -> dict[str, str]:
    """Where people and programs find things."""
    found: dict[str, str] = {name: f"http://{stack.HOST}:{plan.ports[name]}" for name in ("portal", "intake", "sink") if name in plan.ports}
    if "smtp" in plan.ports:
        found["smtp"] = f"{stack.HOST}:{plan.ports['smtp']}"
    return found | {"kafka": plan.kafka_address, "mongodb": plan.mongodb_address}


def summary(plan: Plan, took: float) -> list[str]:
    """What a person reads when everything is up."""
    lines = [f"Signalbox is up after {took:.1f} s.", ""]
    lines += [f"  {name:<8} {address}" for name, address in addresses(plan).items()]
    lines += ["", f"Logs are in {os.path.relpath(plan.data / 'logs')}. Ctrl-C stops everything.", ""]
    return lines + (list(DEMO_LOGINS) if plan.demo else [])

"""Behind `signalbox up`: from its options to a plan, and the life of the supervisor until somebody
stops it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from cli.client import ProblemAnswered
from cli.settings import STATE_FILE, CommandSettings
from cli.up import stack
from cli.up.history_writing import write_history
from cli.up.ports import free_port, is_taken
from cli.up.screen import Screen, screen_for
from cli.up.setup_link import ask_for_link, lacks_administrator
from cli.up.start import StartFailed, StartPlan, bring_up, stop_all
from cli.up.supervise import Supervisor
from deploy.demo.directory import SINK
from deploy.embedded.commands import CannotPrepare
from shared.kafka.access import hide_password
from shared.settings import load, names_kafka, names_mongodb

# Kafka keeps several files open for each partition.
NEEDED_FILES, WANTED_FILES = 1_024, 65_536

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
    lived_in: bool
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
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL
    )  # it shouts at every look at a broker that is still starting
    try:
        allow_open_files()
        data = private_folder(options.data_dir.resolve())
        with only_one(data):  # before the ports are looked at: the other one has them
            plan = plan_for(options, data)
            keep_demo_apart(data, demo=options.demo)
            return asyncio.run(_run(plan, screen))
    # What an operator can mend, in one line; anything else is a bug and shows its traceback.
    except (StartFailed, CannotPrepare, stack.UnknownName) as problem:
        screen.failed(str(problem))
        return 1
    except OSError as problem:
        where = problem.filename or options.data_dir
        screen.failed(f"{where} cannot be used: {problem.strerror or problem}")
        return 1


def allow_open_files() -> None:
    """Raise the limit of open files as far as this user may. StartFailed where it is too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < NEEDED_FILES:
        raise StartFailed(
            f"a process may open only {hard} files here, and Kafka and MongoDB need "
            f"{NEEDED_FILES}: raise the hard limit (`ulimit -Hn`)"
        )
    # Never lower than it was.
    wanted = max(soft, WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def keep_demo_apart(data: Path, *, demo: bool) -> None:
    """A folder that the demo has run in is the demo's for good: everybody knows its passwords and
    tokens. Raises StartFailed.
    """
    mark = data / "demo"
    if demo:
        mark.touch()
    elif mark.exists():
        raise StartFailed(
            f"{data} holds the demo's people, and everybody knows their passwords. Start with "
            "--demo, or give the real installation a folder of its own with --data-dir"
        )


def private_folder(data: Path) -> Path:
    """Make the data folder, or close it to others: the log, mails and password hashes are in it.
    All that is made from here on, by whatever is started, is private too. Raises OSError.
    """
    # For everything that is started from here on, too.
    os.umask(0o077)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if data.stat().st_uid == os.getuid():
        data.chmod(0o700)
    return data


def plan_for(options: Options, data: Path) -> StartPlan:
    """Everything decided before anything is started. StartFailed names every port that cannot be
    had.
    """
    settings, environ = load(CommandSettings), dict(os.environ)
    kafka = settings.kafka_bootstrap_servers if names_kafka(environ) else None
    mongodb = settings.mongodb_uri if names_mongodb(environ) else None
    services = stack.choose_services(only=options.only, without=options.without, demo=options.demo)
    # Ports of an engine are only needed where it runs here.
    embedded = [name for name, given in (("kafka", kafka), ("mongod", mongodb)) if given is None]
    ports = stack.assign_ports((*services, *embedded), environ, options.port_base)
    # Asked before anything is started, so that all conflicts are told together.
    taken = {number for number in ports.values() if is_taken(number)}
    if options.free_ports:
        ports = {name: free_port() if number in taken else number for name, number in ports.items()}
        taken = set()
    if lines := stack.conflict_lines(ports, taken):
        raise StartFailed(
            "\n".join(
                [
                    *lines,
                    (
                        "or let `signalbox up --free-ports` choose others, or move all with "
                        "`--port-base`"
                    ),
                ]
            )
        )
    return StartPlan(
        data=data,
        settings=settings,
        services=services,
        ports=ports,
        demo=options.demo,
        lived_in=options.lived_in,
        kafka=kafka,
        mongodb=mongodb,
        clock_file=options.clock_file,
        patience=options.patience,
        environ=environ,
    )


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the data directory. The kernel lets go of the lock when the process ends, however it
    ends.
    """
    with (data / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartFailed(
                f"another `signalbox up` runs on {data}; stop it, or give this one its own "
                "with --data-dir"
            ) from None
        yield


async def _run(plan: StartPlan, screen: Screen) -> int:
    began, stop, loop = time.monotonic(), asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    supervisor = Supervisor(plan.data / STATE_FILE, screen.step)
    # Both at once: Ctrl-C during the start stops what runs already.
    start = asyncio.create_task(bring_up(plan, supervisor, screen))
    asked = asyncio.create_task(stop.wait())
    tasks: list[asyncio.Task[object]] = [start, asked]
    try:
        await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not start.done():
            return 0
        start.result()
        supervisor.mark_ready(addresses(plan))
        took, link = time.monotonic() - began, await set_up_link(plan)
        screen.finished(
            {
                "seconds": round(took, 2),
                "state_file": str(supervisor.state_file),
                **supervisor.state(),
                "addresses": mask_addresses(plan),
                **({"set_up": link} if link else {}),
            },
            summary(plan, took, link),
        )
        if plan.lived_in and {"intake", "router"} <= set(plan.services):
            here = addresses(plan)
            history = write_history(here["intake"], here.get("sink", SINK), plan.data, screen)
            tasks.append(asyncio.create_task(history))
        await asked
        return 0
    # First our own tasks: none of them may start something while all is being stopped.
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        screen.step("everything", "stopping")
        await stop_all(plan, supervisor)
        screen.step("everything", "stopped")
        screen.close()


def addresses(plan: StartPlan) -> dict[str, str]:
    """Where people and programs find things."""
    found: dict[str, str] = {
        name: f"http://{stack.HOST}:{plan.ports[name]}"
        for name in ("portal", "status", "intake", "sink")
        if name in plan.ports
    }
    if "smtp" in plan.ports:
        found["smtp"] = f"{stack.HOST}:{plan.ports['smtp']}"
    found |= {"kafka": plan.kafka_address, "mongodb": plan.mongodb_address}
    return found | ({"files": plan.files_address} if plan.files_address else {})


def mask_addresses(plan: StartPlan) -> dict[str, str]:
    """The same for screens and logs, without passwords."""
    return {name: hide_password(address) for name, address in addresses(plan).items()}


def read_secret(plan: StartPlan) -> str:
    """What signs links here. Raises OSError."""
    given, path = plan.environ.get("SIGNALBOX_SECRET"), plan.env.get("SIGNALBOX_SECRET_FILE")
    return given or Path(path or plan.data / "secret").read_text().strip()


async def set_up_link(plan: StartPlan) -> str | None:
    """Where the first administrator begins, for as long as there is none."""
    # The demo has its administrators.
    if plan.demo or not {"intake", "portal"} <= set(plan.services):
        return None
    here = addresses(plan)
    try:
        if not await lacks_administrator(here["intake"]):
            return None
        made = await ask_for_link(here["intake"], read_secret(plan), None)
    except (aiohttp.ClientError, OSError, ProblemAnswered):
        return None  # `signalbox admin create` says why
    return here["portal"] + str(made["path"])


def summary(plan: StartPlan, took: float, link: str | None = None) -> list[str]:
    """What a person reads when everything is up."""
    lines = [f"Signalbox is up after {took:.1f} s.", ""]
    lines += [f"  {name:<8} {address}" for name, address in mask_addresses(plan).items()]
    # Only where something was hidden.
    if mask_addresses(plan) != addresses(plan):
        lines += ["", f"Passwords are in {os.path.relpath(plan.data / STATE_FILE)}."]
    lines += [
        "",
        f"Logs are in {os.path.relpath(plan.data / 'logs')}. Ctrl-C stops everything.",
        "",
    ]
    if link:
        lines += ["Nobody administers it yet. Begin here, within 24 hours:", "", f"  {link}", ""]
    return lines + (list(DEMO_LOGINS) if plan.demo else [])

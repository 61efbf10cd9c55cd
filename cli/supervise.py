"""Keeping programs alive: start, restart with a growing pause, stop in order, leave nothing behind.

A child dies with its supervisor even if that is killed outright: the kernel sends it SIGKILL (PR_SET_PDEATHSIG). Every
part of Signalbox must survive SIGKILL anyway, so nothing gentler is needed, and nothing gentler is certain.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
ALIVE_LONG_ENOUGH = 30.0
BAD_CONFIGURATION = 78  # EX_CONFIG of sysexits.h: starting it again cannot help
LOG_LIMIT, LOGS_KEPT = 10_000_000, 3
LOOK_EVERY, ANSWER_WITHIN, MISSES = 2.0, 10.0, 3
"""A program that answered once and then is silent so often is stuck: it is ended, and started again, within 45 s (R17)."""
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: the child may not import


@dataclass(frozen=True)
class Program:
    """What to run. `grace` is how many seconds SIGTERM gets before SIGKILL; `niceness` above 0 gives way to the others.

    `alive_url` answers anything at all while the process turns.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    ports: Mapping[str, int] = field(default_factory=dict)
    grace: float = 8.0
    niceness: int = 0
    alive_url: str | None = None


def next_pause(previous: float, alive: float) -> float:
    """Seconds to wait before the next start, from the last pause (0: none yet) and how long the program lived."""
    if previous == 0 or alive >= ALIVE_LONG_ENOUGH:
        return FIRST_PAUSE
    return min(previous * 2, LONGEST_PAUSE)


def rotate(log: Path, *, limit: int = LOG_LIMIT, kept: int = LOGS_KEPT) -> None:
    """Move a log that grew past `limit` bytes to `.1`, the older ones up; only `kept` old ones stay."""
    if not log.exists() or log.stat().st_size < limit:
        return
    for number in range(kept - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.replace(log.with_name(f"{log.name}.1"))


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for a message to a human."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def _give_way(niceness: int) -> None:
    """Linux groups processes by session where it is a desktop's kernel, and then only the niceness of the group counts."""
    if niceness:
        os.nice(niceness)
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(niceness))


class Child:
    """One program and the process that runs it at the moment."""

    def __init__(self, program: Program, on_change: Callable[[Child], None]) -> None:
        self.program = program
        self.restarts = 0
        self.why = ""  # words for an end that was ours
        self.look_every, self.answer_within = LOOK_EVERY, ANSWER_WITHIN
        self.exit_code: int | None = None  # of the last process that ended
        self.started_at: datetime | None = None
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """None while it is between two lives."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    def start(self) -> None:
        """Begin to keep it alive."""
        self._task = asyncio.create_task(self._keep_alive(), name=f"keep {self.program.name} alive")

    async def stop(self) -> None:
        """SIGTERM, then after the grace SIGKILL, both to everything the program started; returns when it is gone."""
        self._stopping.set()
        if self._task is None:
            return
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self._task}, timeout=self.program.grace)
        if not done:
            self._signal(signal.SIGKILL)
        await self._task

    async def _keep_alive(self) -> None:
        loop, pause = asyncio.get_running_loop(), 0.0
        while not self._stopping.is_set():
            began = loop.time()
            await self._spawn()
            self.why = ""
            if self._stopping.is_set():  # it was asked to stop while it was being born
                self._signal(signal.SIGTERM)
            assert self._process is not None
            watching = asyncio.create_task(self._watch())
            self.exit_code = await self._process.wait()
            watching.cancel()
            self._signal(signal.SIGKILL)  # what it left behind in its process group
            self._on_change(self)
            pause = next_pause(pause, loop.time() - began)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            if not self._stopping.is_set():
                self.restarts += 1

    async def _watch(self) -> None:
        """End the process when it no longer turns: stopped, deadlocked, or busy without end."""
        url = self.program.alive_url
        if url is None:
            return
        missed: int | None = None  # not counted before the first answer: it may take long to start
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.answer_within)) as http:
            while missed is None or missed < MISSES:
                await asyncio.sleep(self.look_every)
                if await _answers(http, url):
                    missed = 0
                elif missed is not None:
                    missed += 1
        self.why = ", it no longer answered"
        self._signal(signal.SIGKILL)

    async def _spawn(self) -> None:
        program, supervisor = self.program, os.getpid()

        def die_with_supervisor() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            _give_way(program.niceness)
            if os.getppid() != supervisor:  # it died between the fork and the line above
                os._exit(1)

        rotate(program.log)
        with program.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *program.argv,
                env=program.env,
                cwd=program.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the supervisor, which knows the order
                preexec_fn=die_with_supervisor,
            )
        self.started_at = datetime.now(UTC)
        self._on_change(self)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url):
            return True
    except (aiohttp.ClientError, TimeoutError):
        return False


class Supervisor:
    """All children and the state file that tells others their names, pids and ports.

    The file is replaced in one step at every start and end of a process:
    `{"pid", "ready", "addresses": {name: url}, "processes": [{"name", "pid", "ports", "restarts", "started_at"}]}`.
    """

    def __init__(self, state_file: Path, tell: Callable[[str, str], None]) -> None:
        self.state_file = state_file
        self._tell = tell  # of a program's name and "restarted"
        self.children: dict[str, Child] = {}
        self.addresses: dict[str, str] = {}
        self.ready = False

    def start(self, programs: Iterable[Program]) -> None:
        """Start programs side by side."""
        for program in programs:
            child = self.children[program.name] = Child(program, self._changed)
            child.start()

    async def stop(self, names: Iterable[str]) -> None:
        """Stop the named programs side by side; names never started are passed over."""
        await asyncio.gather(*(self.children[name].stop() for name in names if name in self.children))

    def is_ready(self, addresses: Mapping[str, str]) -> None:
        """From now on the state file says `ready`, and where things are."""
        self.addresses, self.ready = dict(addresses), True
        self.write_state()

    def _changed(self, child: Child) -> None:
        self.write_state()
        if child.restarts and child.pid is not None:
            self._tell(child.program.name, f"restarted (exit code {child.exit_code}{child.why}, restart {child.restarts})")

    def state(self) -> dict[str, Any]:
        """What the state file says."""
        return {
            "pid": os.getpid(),
            "ready": self.ready,
            "addresses": self.addresses,
            "processes": [
                {
                    "name": name,
                    "pid": child.pid,
                    "ports": dict(child.program.ports),
                    "restarts": child.restarts,
                    "started_at": child.started_at.isoformat() if child.started_at else None,
                }
                for name, child in self.children.items()
            ],
        }

    def write_state(self) -> None:
        """Replace the state file."""
        fresh = self.state_file.with_name(self.state_file.name + ".new")
        fresh.write_bytes(orjson.dumps(self.state(), option=orjson.OPT_INDENT_2))
        fresh.replace(self.state_file)

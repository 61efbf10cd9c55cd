"""Keeping programs alive: start, restart with a growing pause, stop in order, leave nothing behind.

A child dies with its supervisor even if that is killed outright: the kernel sends it SIGKILL
(PR_SET_PDEATHSIG). Every part of Signalbox must survive SIGKILL anyway, so nothing gentler is
needed, and nothing gentler is certain.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
import orjson
from yarl import URL

from cli.up.ports import listens

# Seconds. A program that lived for `ALIVE_LONG_ENOUGH` begins with the short pause again.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
ALIVE_LONG_ENOUGH = 30.0
BAD_CONFIGURATION = 78  # EX_CONFIG of sysexits.h: starting it again cannot help
# Bytes of a log, and how many old ones stay.
LOG_LIMIT, LOGS_KEPT = 10_000_000, 3
WRITE_AGAIN = 1.0  # seconds until the state file is tried again
LOOK_EVERY, ANSWER_WITHIN, MISSES = 2.0, 10.0, 3
"""A program that answered once and then is silent so often is stuck: it is ended, and started
again, within 45 s (R17).
"""
# From the kernel's include/uapi/linux/prctl.h.
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: the child may not import


@dataclass(frozen=True)
class Program:
    """What to run. `grace` is how many seconds SIGTERM gets before SIGKILL; `niceness` above 0
    gives way to the others.

    `alive_url` answers anything at all while the process turns. Only an answer from the process
    itself counts: it must be the one that listens on the address's port.
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
    """Seconds to wait before the next start, from the last pause (0: none yet) and how long the
    program lived.
    """
    if previous == 0 or alive >= ALIVE_LONG_ENOUGH:
        return FIRST_PAUSE
    return min(previous * 2, LONGEST_PAUSE)


def rotate(log: Path, *, limit: int = LOG_LIMIT, kept: int = LOGS_KEPT) -> None:
    """Move a log that grew past `limit` bytes to `.1`, the older ones up; only `kept` old ones
    stay.
    """
    if not log.exists() or log.stat().st_size < limit:
        return
    # From the oldest on, so that none is overwritten before it has moved.
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
        # 8 KiB are enough for twelve lines of usual length.
        file.seek(max(0, log.stat().st_size - 8192))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def _open_log(log: Path) -> BinaryIO:
    """The log to append to. /dev/null where the disk does not let us: a program without a log is
    better than none.
    """
    try:
        rotate(log)
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def _give_way(niceness: int) -> None:
    """Linux groups processes by session where it is a desktop's kernel, and then only the niceness
    of the group counts.
    """
    if niceness:
        os.nice(niceness)
        # Not every kernel has groups of sessions.
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(niceness))


class Child:
    """One program and the process that runs it at the moment."""

    def __init__(self, program: Program, on_change: Callable[[Child], None]) -> None:
        self.program = program
        self.restarts = 0
        self.why = ""  # words for an end that was ours
        self.trouble = ""  # why it could not be started the last time
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

    def owns(self, port: int) -> bool:
        """Whether its process is the one that answers on the port."""
        return self.pid is not None and listens(self.pid, port)

    def start(self) -> None:
        """Begin to keep it alive."""
        name = f"keep {self.program.name} alive"
        self._task = asyncio.create_task(self._keep_alive(), name=name)
        self._task.add_done_callback(self._start_again_after_a_bug)

    def _start_again_after_a_bug(self, ended: asyncio.Task[None]) -> None:
        """Only `stop` may end the keeping. After a bug of ours it goes on with the same process."""
        if ended.cancelled() or self._stopping.is_set():
            return
        if (error := ended.exception()) is not None:
            self.trouble = f"keeping it alive failed: {error!r}"
            asyncio.get_running_loop().call_later(FIRST_PAUSE, self.start)

    async def stop(self) -> None:
        """SIGTERM, then after the grace SIGKILL, both to everything the program started; returns
        when it is gone.
        """
        self._stopping.set()
        if self._task is None:
            return
        # To the whole group: a program may have started others.
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self._task}, timeout=self.program.grace)
        if not done:
            self._signal(signal.SIGKILL)
        await asyncio.wait({self._task})
        if self._process is not None:  # the keeper may have ended by a bug, before its process
            self._signal(signal.SIGKILL)
            await self._process.wait()

    async def _keep_alive(self) -> None:
        loop, pause = asyncio.get_running_loop(), 0.0
        while not self._stopping.is_set():
            began = loop.time()
            if await self._is_running():
                await self._wait_for_its_end()
            # A program that could not be started counts as one that died at once.
            pause = next_pause(pause, loop.time() - began)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            if not self._stopping.is_set():
                self.restarts += 1

    async def _is_running(self) -> bool:
        """Start the process, unless one runs. False where the machine did not let us (no memory,
        no descriptors, a disk that takes nothing): it is tried again after the pause.
        """
        try:
            if self.pid is None:
                await self._spawn()
        except (OSError, subprocess.SubprocessError) as error:
            self.trouble = f"it could not be started: {error}"
            self._on_change(self)
            return False
        self.trouble = ""
        return True

    async def _wait_for_its_end(self) -> None:
        assert self._process is not None
        self.why = ""
        if self._stopping.is_set():  # it was asked to stop while it was being born
            self._signal(signal.SIGTERM)
        watching = asyncio.create_task(self._watch())
        self.exit_code = await self._process.wait()
        watching.cancel()
        # A killed program may leave children behind, which hold its ports.
        self._signal(signal.SIGKILL)  # what it left behind in its process group
        self._on_change(self)

    async def _watch(self) -> None:
        """End the process when it no longer turns: stopped, deadlocked, or busy without end."""
        url = self.program.alive_url
        if url is None:
            return
        missed: int | None = None  # not counted before the first answer: it may take long to start
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.answer_within)
        ) as http:
            while missed is None or missed < MISSES:
                await asyncio.sleep(self.look_every)
                # An answer from another program on this port would hide that ours is stuck.
                if self.owns(URL(url).port or 80) and await _answers(http, url):
                    missed = 0
                elif missed is not None:
                    missed += 1
        self.why = ", it no longer answered"
        # SIGKILL: a process that does not turn would not handle anything gentler.
        self._signal(signal.SIGKILL)

    async def _spawn(self) -> None:
        program, supervisor = self.program, os.getpid()

        # Runs in the child between fork and exec: nothing may be imported or locked here.
        def die_with_supervisor() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            _give_way(program.niceness)
            if os.getppid() != supervisor:  # it died between the fork and the line above
                os._exit(1)

        with _open_log(program.log) as log:
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

    The file is replaced in one step at every start and end of a process: `{"pid", "ready",
    "addresses": {name: url}, "processes": [{"name", "pid", "ports", "restarts", "started_at",
    "trouble"}]}`. `ready`: everything answered once, and every process runs now.

    Where the file cannot be written (a full disk) the programs are kept alive all the same, and it
    is tried again every second.
    """

    def __init__(self, state_file: Path, tell: Callable[[str, str], None]) -> None:
        self.state_file = state_file
        self._tell = tell  # of a program's name and "restarted"
        self.children: dict[str, Child] = {}
        self.addresses: dict[str, str] = {}
        self.ready = False
        self._told_of_disk = False
        self._again: asyncio.TimerHandle | None = None

    def start(self, programs: Iterable[Program]) -> None:
        """Start programs side by side."""
        for program in programs:
            child = self.children[program.name] = Child(program, self._note_change)
            child.start()

    async def stop(self, names: Iterable[str]) -> None:
        """Stop the named programs side by side; names never started are passed over."""
        await asyncio.gather(
            *(self.children[name].stop() for name in names if name in self.children)
        )

    def mark_ready(self, addresses: Mapping[str, str]) -> None:
        """From now on the state file says `ready`, and where things are."""
        self.addresses, self.ready = dict(addresses), True
        self._write_or_try_again()

    def _note_change(self, child: Child) -> None:
        self._write_or_try_again()
        if child.trouble:
            self._tell(child.program.name, child.trouble)
        elif child.restarts and child.pid is not None:
            self._tell(
                child.program.name,
                f"restarted (exit code {child.exit_code}{child.why}, restart {child.restarts})",
            )

    def state(self) -> dict[str, Any]:
        """What the state file says."""
        return {
            "pid": os.getpid(),
            # Between two lives of a program it is not ready.
            "ready": self.ready and all(child.pid for child in self.children.values()),
            "addresses": self.addresses,
            "processes": [
                {
                    "name": name,
                    "pid": child.pid,
                    "ports": dict(child.program.ports),
                    "restarts": child.restarts,
                    "started_at": child.started_at.isoformat() if child.started_at else None,
                    "trouble": child.trouble,
                }
                for name, child in self.children.items()
            ],
        }

    def _write_or_try_again(self) -> None:
        # This write says everything: the one that was planned is not needed.
        if self._again is not None:
            self._again.cancel()
            self._again = None
        try:
            self.write_state()
        except OSError as error:
            if not self._told_of_disk:
                self._tell("the state file", f"cannot be written: {error}")
            self._told_of_disk = True
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(WRITE_AGAIN, self._write_or_try_again)
            return
        self._told_of_disk = False

    def remove_state(self) -> None:
        """Everything has stopped: nothing is said any more."""
        if self._again is not None:
            self._again.cancel()
        with contextlib.suppress(OSError):
            self.state_file.unlink(missing_ok=True)

    def write_state(self) -> None:
        """Replace the state file. Raises OSError."""
        # Written beside and renamed: a reader never sees half a file.
        fresh = self.state_file.with_name(self.state_file.name + ".new")
        fresh.write_bytes(orjson.dumps(self.state(), option=orjson.OPT_INDENT_2))
        fresh.replace(self.state_file)

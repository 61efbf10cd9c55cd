"""Warm children that read mail: each is given a few mails at a time, and one that overruns or dies
is replaced.

What a child had not answered when it ended is given to the next; only the mail it was at fails.
Mails that wait behind a slow one are offered to a child that is free. A child is started anew after
`SERVED_MOST` mails, so that no heap grows old enough to fail a mail that a fresh one reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from services.intake.mail.reading.child import ANSWER, HEAD, NO_MEMORY
from services.intake.mail.reading.limits import CPU, WALL
from services.intake.mail.reading.models import Unreadable
from shared.errors import Unavailable

ROOT = Path(__file__).resolve().parents[4]
CHILD = ("-m", "services.intake.mail.reading.child")
# Fresh often enough that no heap grows old, seldom enough that starts cost nothing.
SERVED_MOST = 5000
TICKS = os.sysconf("SC_CLK_TCK")
LINE_MOST = 30.0
"""Seconds a mail waits for a free child before the caller is told to come again."""
PATIENCE = 8.0
"""Seconds more for a child that was not given the processor: what a busy machine owes is not the
mail's fault.
"""
START_MOST = 20.0
"""Seconds a child may take to start: a busy machine's, not a mail's fault."""
TOGETHER_MOST, TOGETHER_BYTES = 8, 512 * 1024
"""Mails a child is given at a time: a wake-up of each side costs more than a short mail."""
# Between two looks at a child: a fraction of its wall clock.
LOOK_EVERY_S = 0.25


@dataclass(frozen=True)
class ReadFailure:
    """The child did not answer: why, and what it last said."""

    why: Unreadable
    detail: str


@dataclass(frozen=True)
class ChildAnswer:
    """The JSON and the bytes behind it."""

    answer: bytes
    contents: bytes


@dataclass(frozen=True, eq=False)
class _Job:
    """`since`: seconds of the loop's clock."""

    job: bytes
    head: bytes
    raw: bytes
    since: float
    done: asyncio.Future[ChildAnswer | ReadFailure]

    def finish(self, said: ChildAnswer | ReadFailure) -> None:
        """The first word counts: a job may have been given to two children."""
        if not self.done.done():
            self.done.set_result(said)

    def refuse(self, error: Unavailable) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _Child:
    """`at` of the jobs it was given last are answered, the last at `since` (the loop's clock)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.served = 0
        self.at, self.since = 0, 0.0

    @classmethod
    async def start(cls, program: Sequence[str]) -> _Child:
        """Nothing of our environment goes with it: secrets are in there."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            # Warnings would fill the pipe that carries its last words.
            "-W",
            "ignore",
            *program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
            cwd="/",
        )
        child = cls(process)
        # The empty first answer says that its imports are done.
        try:
            async with asyncio.timeout(START_MOST):
                await child._answer()
        except (TimeoutError, EOFError, OSError) as error:
            words = "" if isinstance(error, TimeoutError) else await child.last_words()
            await child.end()
            raise Unavailable(
                "mail reader", f"its child does not start: {words or 'too slow'}"
            ) from error
        except asyncio.CancelledError:
            await child.end()
            raise
        return child

    async def work(self, jobs: Sequence[_Job]) -> None:
        """All of them, each told as soon as it is answered. Raises EOFError (as
        `IncompleteReadError`) or OSError when the child dies.
        """
        sink = self.process.stdin
        assert sink is not None
        self.at, self.since = 0, asyncio.get_running_loop().time()
        # Nobody waits until all is written: a child that answers while we only wrote would wait for
        # us.
        sink.writelines(
            [
                piece
                for job in jobs
                for piece in (HEAD.pack(job.job, len(job.head), len(job.raw)) + job.head, job.raw)
            ]
        )
        for job in jobs:
            job.finish(await self._answer())
            self.at, self.since = self.at + 1, asyncio.get_running_loop().time()
            self.served += 1

    async def _answer(self) -> ChildAnswer:
        source = self.process.stdout
        assert source is not None
        answer, contents = ANSWER.unpack(await source.readexactly(ANSWER.size))
        said = await source.readexactly(answer + contents)
        return ChildAnswer(said[:answer], said[answer:]) if contents else ChildAnswer(said, b"")

    def cpu_seconds(self) -> float:
        """Processor time so far; 0 for a child that is gone."""
        try:
            # From /proc, since `resource` knows only children that have ended.
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        # User and system time, counted behind the name in brackets.
        return (int(fields[11]) + int(fields[12])) / TICKS

    async def last_words(self) -> str:
        """The last line of its traceback."""
        assert self.process.stderr is not None
        lines = (await self.process.stderr.read(64 * 1024)).decode("utf-8", "replace").split("\n")
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class Pool:
    """`async with Pool(2) as pool: await pool.do(job, head, raw)`. Children are started at once,
    and anew when next wanted.
    """

    def __init__(
        self, size: int = 2, *, wall: float = WALL, program: Sequence[str] = CHILD
    ) -> None:
        """`program` is what Python runs: another one in the tests of children that fail."""
        self._size, self._wall, self._program = size, wall, program
        self._jobs: deque[_Job] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._living: set[_Child] = set()
        self._at_work: set[_Job] = set()
        self._workers: list[asyncio.Task[None]] = []
        self.replaced = 0

    async def __aenter__(self) -> Self:
        self._workers = [asyncio.create_task(self._serve()) for _ in range(self._size)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Told first: whoever waits must hear that it was the end, and not a fault of the mail.
        for job in (*self._at_work, *self._jobs):
            job.finish(ReadFailure(Unreadable.STOPPED, "the reader is being stopped"))
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for child in list(self._living):
            await self._end_child(child)

    async def do(self, job: bytes, head: bytes, raw: bytes) -> ChildAnswer | ReadFailure:
        """Raises Unavailable when no child is free for `LINE_MOST` seconds or none starts, and
        nothing for what is in `raw`.
        """
        loop = asyncio.get_running_loop()
        asked = _Job(job, head, raw, loop.time(), loop.create_future())
        self._jobs.append(asked)
        self._wake()
        return await asked.done

    async def _serve(self) -> None:
        """One child after the other, for as long as the pool lives."""
        child: _Child | None = None
        with contextlib.suppress(
            Unavailable
        ):  # one that does not start now is tried, and complained of, when a mail wants it
            child = await self._start_child()
        while True:
            jobs = await self._next()
            try:
                child = child or await self._start_child()
            except Unavailable as error:
                # The callers hear it: the mail stays in the bag and is tried again.
                for job in jobs:
                    job.refuse(error)
                continue
            self._at_work.update(jobs)
            try:
                lives = await self._run_jobs(child, jobs)
            finally:
                self._at_work.difference_update(jobs)
            if lives and child.served >= SERVED_MOST:
                # Old: the next mail gets a fresh one.
                await self._end_child(child)
            child = child if child in self._living else None

    async def _next(self) -> list[_Job]:
        """A fair share of what waits; one at least."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._jobs:
                waiter: asyncio.Future[None] = loop.create_future()
                self._idle.append(waiter)
                await waiter
            # The waiting mails are shared among the children; one mail at least, however large.
            share, size, found = (
                min(TOGETHER_MOST, -(-len(self._jobs) // self._size)),
                0,
                list[_Job](),
            )
            while (
                self._jobs
                and len(found) < share
                and (not found or size + len(self._jobs[0].raw) <= TOGETHER_BYTES)
            ):
                job = self._jobs.popleft()
                if loop.time() - job.since > LINE_MOST:
                    job.refuse(Unavailable("mail reader", f"no child was free for {LINE_MOST:g} s"))
                elif not job.done.done():
                    found.append(job)
                    size += len(job.raw)
            if found:
                return found

    async def _run_jobs(self, child: _Child, jobs: Sequence[_Job]) -> bool:
        """Whether the child lives on. The mail it failed at is told so; what it did not come to is
        given to the next.
        """
        work = asyncio.ensure_future(child.work(jobs))
        # A child that dies and one that is too slow both cost only the mail they were at.
        try:
            failed = await self._watch_work(child, work, jobs)
        except (EOFError, OSError):
            failed = await self._find_cause_of_death(child)
        finally:
            work.cancel()
            await asyncio.wait({work})
        if failed is None:
            return True
        jobs[child.at].finish(failed)
        await self._end_child(child)
        self._give_back(jobs[child.at + 1 :])
        return False

    async def _watch_work(
        self, child: _Child, work: asyncio.Future[None], jobs: Sequence[_Job]
    ) -> ReadFailure | None:
        """None when all is done, else what is wrong with the mail it is at. Raises what
        `_Child.work` raises.
        """
        loop = asyncio.get_running_loop()
        offered, half = False, (-1, 0.0, 0.0)
        # A look now and then, until it is done or too slow.
        while True:
            await asyncio.wait({work}, timeout=min(LOOK_EVERY_S, self._wall / 4))
            if work.done():
                work.result()
                return None
            waited = loop.time() - child.since
            # Its caller has gone: nobody needs the answer.
            if jobs[child.at].done.cancelled():
                return ReadFailure(Unreadable.CRASHED, "nobody waits for it any more")
            # Others have nothing to do: they get what waits behind this mail.
            if not offered and self._idle:
                offered = True
                self._give_back(jobs[child.at + 1 :])
            if waited < self._wall / 2:
                continue
            # From half of its time on it is measured how much processor it was given.
            if half[0] != child.at:
                half = child.at, child.cpu_seconds(), loop.time()
            if waited < self._wall:
                continue
            had = child.cpu_seconds() - half[1]
            if (
                had >= (loop.time() - half[2]) / 2 or waited >= self._wall + PATIENCE
            ):  # else it did not get to run: the machine's fault
                return ReadFailure(Unreadable.TOO_SLOW, f"no answer in {self._wall:g} s")

    async def _start_child(self) -> _Child:
        child = await _Child.start(self._program)
        self._living.add(child)
        return child

    def _give_back(self, jobs: Sequence[_Job]) -> None:
        self._jobs.extendleft(reversed(jobs))
        for _ in jobs:
            self._wake()

    def _wake(self) -> None:
        """One who has nothing to do."""
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _find_cause_of_death(self, child: _Child) -> ReadFailure:
        words = ""
        with contextlib.suppress(TimeoutError):
            # A dead child closes the pipe at once; a second is for one that is about to die.
            async with asyncio.timeout(1):
                words = await child.last_words()
                await child.process.wait()
        status = child.process.returncode
        if status == NO_MEMORY or "MemoryError" in words:
            return ReadFailure(Unreadable.TOO_MUCH_MEMORY, words or "the memory limit")
        if status == -signal.SIGXCPU:
            return ReadFailure(Unreadable.TOO_SLOW, f"no answer in {CPU} s of processor time")
        return ReadFailure(Unreadable.CRASHED, words or f"the child ended with {status}")

    async def _end_child(self, child: _Child) -> None:
        self._living.discard(child)
        self.replaced += 1
        await child.end()

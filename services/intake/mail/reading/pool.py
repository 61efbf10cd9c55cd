"""Warm children that read mail: one job a child at a time, and a child that overruns or dies is replaced.

A child is started anew after `SERVED_MOST` mails, so that no heap grows old enough to fail a mail that a fresh one reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from services.intake.mail.reading.child import ANSWER, HEAD, NO_MEMORY
from services.intake.mail.reading.limits import CPU, WALL
from services.intake.mail.reading.shape import Unreadable
from shared.errors import Unavailable

ROOT = Path(__file__).resolve().parents[4]
CHILD = ("-m", "services.intake.mail.reading.child")
SERVED_MOST = 5000
TICKS = os.sysconf("SC_CLK_TCK")
LINE_MOST = 30.0
"""Seconds a mail waits for a free child before the caller is told to come again."""
PATIENCE = 8.0
"""Seconds more for a child that was not given the processor: what a busy machine owes is not the mail's fault."""
START_MOST = 20.0
"""Seconds a child may take to start: a busy machine's, not a mail's fault."""


@dataclass(frozen=True)
class Failed:
    """The child did not answer: why, and what it last said."""

    why: Unreadable
    detail: str


@dataclass(frozen=True)
class Answered:
    """The JSON and the bytes behind it."""

    answer: bytes
    contents: bytes


class _Child:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.served = 0

    @classmethod
    async def start(cls, program: Sequence[str]) -> _Child:
        """Nothing of our environment goes with it: secrets are in there."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", *program,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}, cwd="/",
        )  # fmt: skip
        child = cls(process)
        try:
            async with asyncio.timeout(START_MOST):
                await child.answer()
        except (TimeoutError, EOFError, OSError) as error:
            words = "" if isinstance(error, TimeoutError) else await child.last_words()
            await child.end()
            raise Unavailable("mail reader", f"its child does not start: {words or 'too slow'}") from error
        except asyncio.CancelledError:
            await child.end()
            raise
        return child

    async def do(self, job: bytes, head: bytes, raw: bytes) -> Answered:
        """Raises EOFError (as `IncompleteReadError`) or OSError when the child dies."""
        sink = self.process.stdin
        assert sink is not None
        sink.write(HEAD.pack(job, len(head), len(raw)) + head)
        sink.write(raw)
        await sink.drain()
        answered = await self.answer()
        self.served += 1
        return answered

    async def answer(self) -> Answered:
        source = self.process.stdout
        assert source is not None
        answer, contents = ANSWER.unpack(await source.readexactly(ANSWER.size))
        return Answered(await source.readexactly(answer), await source.readexactly(contents))

    def cpu_seconds(self) -> float:
        """Processor time so far; 0 for a child that is gone."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
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
    """`async with Pool(2) as pool: await pool.do(job, head, raw)`. Children are started at once, and anew when next wanted."""

    def __init__(self, size: int = 2, *, wall: float = WALL, program: Sequence[str] = CHILD) -> None:
        """`program` is what Python runs: another one in the tests of children that fail."""
        self._size, self._wall, self._program = size, wall, program
        self._free: asyncio.LifoQueue[_Child | None] = asyncio.LifoQueue()
        self._living: set[_Child] = set()
        self._stopping = False
        self._warming: list[asyncio.Task[None]] = []
        self.replaced = 0

    async def __aenter__(self) -> Self:
        for _ in range(self._size):
            self._free.put_nowait(None)
        self._warming = [asyncio.create_task(self._warm()) for _ in range(self._size)]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping = True
        for task in self._warming:
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)
        for child in list(self._living):
            await self._bury(child)

    async def _warm(self) -> None:
        """A child that does not start now is tried, and complained of, when a mail wants it."""
        with contextlib.suppress(Unavailable):
            async with self._lent():
                pass

    async def do(self, job: bytes, head: bytes, raw: bytes) -> Answered | Failed:
        """Raises Unavailable when no child is free for `LINE_MOST` seconds, and nothing for what is in `raw`."""
        async with self._lent() as child:
            begun = child.cpu_seconds()
            work = asyncio.ensure_future(child.do(job, head, raw))
            try:
                done, _ = await asyncio.wait({work}, timeout=self._wall)
                if not done and child.cpu_seconds() - begun < self._wall / 2:  # it did not get to run: the machine's fault
                    done, _ = await asyncio.wait({work}, timeout=PATIENCE)
                if done:
                    return work.result()
                await self._bury(child)
                return Failed(Unreadable.TOO_SLOW, f"no answer in {self._wall:g} s")
            except (EOFError, OSError):
                return await self._post_mortem(child)
            except asyncio.CancelledError:
                await self._bury(child)  # it is in the middle of a mail nobody waits for
                raise
            finally:
                work.cancel()
                await asyncio.wait({work})

    @contextlib.asynccontextmanager
    async def _lent(self) -> AsyncIterator[_Child]:
        try:
            async with asyncio.timeout(LINE_MOST):
                child = await self._free.get()
        except TimeoutError as error:
            raise Unavailable("mail reader", f"no child was free for {LINE_MOST:g} s") from error
        try:
            if child is None:
                child = await _Child.start(self._program)
                self._living.add(child)
            yield child
        finally:
            if child is not None and child in self._living and child.served >= SERVED_MOST:
                await self._bury(child)
            self._free.put_nowait(child if child in self._living else None)

    async def _post_mortem(self, child: _Child) -> Failed:
        words = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                words = await child.last_words()
                await child.process.wait()
        status = child.process.returncode
        await self._bury(child)
        if self._stopping:
            return Failed(Unreadable.STOPPED, "the reader is being stopped")
        if status == NO_MEMORY or "MemoryError" in words:
            return Failed(Unreadable.TOO_MUCH_MEMORY, words or "the memory limit")
        if status == -signal.SIGXCPU:
            return Failed(Unreadable.TOO_SLOW, f"no answer in {CPU} s of processor time")
        return Failed(Unreadable.CRASHED, words or f"the child ended with {status}")

    async def _bury(self, child: _Child) -> None:
        self._living.discard(child)
        self.replaced += 1
        await child.end()

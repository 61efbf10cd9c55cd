"""Keeps the files of the status page as the log has it. Kafka alone is needed to change them, and nothing to serve them.

The status process is the page's writer. The portal's is its deputy: where nobody has written for a while (it has a disk of its
own, or the writer is gone) it writes, and stops when somebody else does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from pydantic import ValidationError

from services.portal.status.board import Board, Told, board, take
from services.portal.status.drawing import Drawing, Files
from shared import topics
from shared.bus import Reader
from shared.clock import Clock
from shared.errors import Poisonous, Unavailable
from shared.events import Component, PolicyPublished, StatusFact
from shared.policy import COMPONENTS, ComponentsPolicy
from shared.replica import Replica
from shared.wire import Message

log = structlog.get_logger()

NAME = "portal.status"
TICK_S = 10.0
"""Durations of what is open grow, and what is written says that it is of now."""
GATHER_S = 0.05
ABSENT_S = 45.0
"""A deputy writes when nobody else has for so long."""


class Facts:
    """What the page is made of, folded as it is read."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self.components: tuple[Component, ...] = ()
        self.known_from: datetime | None = None
        self._version = 0

    def copy(self) -> Facts:
        """As they stand, for another thread."""
        made = Facts()
        made.told, made.components, made.known_from = dict(self.told), self.components, self.known_from
        return made

    def on_status(self, message: Message) -> None:
        fact = _event(message)
        if isinstance(fact, StatusFact):
            self.told[fact.key] = take(self.told.get(fact.key), fact)

    def on_policy(self, message: Message) -> None:
        """The newest `components`; what is published first is when this installation began."""
        found = _event(message)
        if not isinstance(found, PolicyPublished):
            return
        self.known_from = found.at if self.known_from is None else min(self.known_from, found.at)
        if found.key == COMPONENTS and found.version >= self._version:
            try:
                self.components = tuple(part.known for part in ComponentsPolicy.model_validate(found.document).components)
            except ValidationError as error:
                log.error("the status page keeps the components it knows", version=found.version, error=str(error))
            self._version = found.version

    def board(self, now: datetime, heard_at: datetime) -> Board:
        began = [one.turns[0][0] for one in self.told.values() if one.turns]
        if self.known_from is not None:
            began.append(self.known_from)
        return board(self.told.values(), self.components, known_from=min(began, default=None), now=now, heard_at=heard_at)


class Writer:
    """`await run()` until cancelled. `folder` is made; a disk that fails is tried again."""

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        prefix: str,
        clock: Clock,
        *,
        base: str,
        name: str,
        is_deputy: bool = False,
        tick: float = TICK_S,
    ) -> None:
        self._folder, self._bootstrap, self._prefix, self._clock = folder, bootstrap, prefix, clock
        self._drawing, self._name, self._is_deputy, self._tick = Drawing(base), name, is_deputy, tick
        self._facts = Facts()
        self._changed = asyncio.Event()
        self._replicas = (
            Replica("status", bootstrap, prefix, on_change=self._then(self._facts.on_status)),
            Replica("policies", bootstrap, prefix, on_change=self._then(self._facts.on_policy)),
        )
        self._heard = 0.0
        self._wrote_last = False

    def _then(self, fold: Callable[[Message], None]) -> Callable[[Message], None]:
        def on_change(message: Message) -> None:
            fold(message)
            self._changed.set()

        return on_change

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Write in the background. Where that ends by a bug, what was written is served on, and shows how old it is."""
        writing = asyncio.create_task(self.run())
        writing.add_done_callback(_ended)
        try:
            yield
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def run(self) -> None:
        """See the class. What is on disk already stays until the log has been read."""
        async with contextlib.AsyncExitStack() as stack:
            for replica in self._replicas:
                await stack.enter_async_context(replica)
            for replica in self._replicas:
                await _caught_up(replica)
            self._heard = _mono()
            listening = asyncio.create_task(self._keep_asking())
            stack.callback(listening.cancel)
            while True:
                self._changed.clear()
                await self._write()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), self._tick)
                    await asyncio.sleep(GATHER_S)

    async def _keep_asking(self) -> None:
        """Whether the log still answers, and has been read to its end: an untold page is not a calm one."""
        while True:
            reader = Reader(self._bootstrap, self._prefix, client_id="status-page", timeout=5.0)
            try:
                await reader.start()
                while True:
                    await asyncio.sleep(self._tick)
                    replica = self._replicas[0]
                    places = [(replica.topic, p) for p in range(await reader.partitions(replica.topic))]
                    ends = await reader.ends(places)
                    if replica.has_read({partition: end for (_, partition), end in ends.items()}):
                        self._heard = _mono()
            except Unavailable as error:
                log.warning("the status page hears nothing from the log", error=str(error))
            finally:
                await reader.stop()
            await asyncio.sleep(min(self._tick, 2.0))

    async def _write(self) -> None:
        if self._is_deputy and await asyncio.to_thread(self._somebody_else_writes):
            self._wrote_last = False
            return
        now = self._clock.now()
        heard_at = now - timedelta(seconds=max(0.0, _mono() - self._heard))
        if not self._wrote_last:
            self._drawing.forget()
        assets = {} if self._wrote_last else self._drawing.assets
        found = await asyncio.to_thread(self._drawn, self._facts.copy(), now, heard_at)  # who reads the page does not wait for it
        try:
            await asyncio.to_thread(put, self._folder, {**assets, **found, "writer": self._name.encode()})
            self._wrote_last = True
        except OSError as error:
            self._wrote_last = False
            log.error("the status page cannot be written", folder=str(self._folder), error=str(error))

    def _drawn(self, facts: Facts, now: datetime, heard_at: datetime) -> Files:
        return self._drawing.files(facts.board(now, heard_at))

    def _somebody_else_writes(self) -> bool:
        mark = self._folder / "writer"
        try:
            return mark.read_bytes() != self._name.encode() and time.time() - mark.stat().st_mtime < ABSENT_S
        except OSError:
            return False


def put(folder: Path, files: Files) -> None:
    """Each file whole or not at all, also for who reads meanwhile and after a loss of power. Raises OSError."""
    for name, content in files.items():
        path = folder / name
        if name != "writer" and path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


def _ended(writing: asyncio.Task[None]) -> None:
    if not writing.cancelled() and (error := writing.exception()) is not None:
        log.critical("the status page is not written any more", exc_info=error)


async def _caught_up(replica: Replica) -> None:
    while True:
        with contextlib.suppress(Unavailable):
            await replica.caught_up(timeout=30)
            return


def _event(message: Message) -> object:
    if not message.value:
        return None
    try:
        return topics.read(message.value, message.headers.get("ce_type"))
    except Poisonous as error:
        log.error("the status page leaves a record out", topic=message.topic, key=message.key, error=str(error))
        return None


def _mono() -> float:
    return asyncio.get_running_loop().time()

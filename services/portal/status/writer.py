"""Keeps the files of the status page as the log has it. Kafka alone is needed to change them, and
nothing to serve them.

The status process is the page's writer. The portal's is its deputy: where nobody has written for a
while (it has a disk of its own, or the writer is gone) it writes, and stops when somebody else
does.
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

from services.portal.status.board import Board, BoardEntry, board, take
from services.portal.status.drawing import Drawing, Files
from shared import topics
from shared.bus import Reader
from shared.clock import Clock
from shared.errors import Poisonous, Unavailable
from shared.events import Component, PolicyPublished, StatusFact
from shared.policy import COMPONENTS, ComponentsPolicy
from shared.process.background import Background
from shared.spine.replica import Replica
from shared.wire import Message

log = structlog.get_logger()

NAME = "portal.status"
TICK_S = 10.0
"""Durations of what is open grow, and what is written says that it is of now."""
# What comes in together is drawn once.
GATHER_S = 0.05
ABSENT_S = 45.0
"""A deputy writes when nobody else has for so long."""


class Facts:
    """What the page is made of, folded as it is read."""

    def __init__(self) -> None:
        self.told: dict[str, BoardEntry] = {}
        self.components: tuple[Component, ...] = ()
        self.known_from: datetime | None = None
        self._version = 0

    # The maps are copied, and what is in them never changes.
    def copy(self) -> Facts:
        """As they stand, for another thread."""
        made = Facts()
        made.told, made.components, made.known_from = (
            dict(self.told),
            self.components,
            self.known_from,
        )
        return made

    def on_status(self, message: Message) -> None:
        fact = _event(message)
        if isinstance(fact, StatusFact):
            self.told[fact.key] = take(self.told.get(fact.key), fact)

    def on_policy(self, message: Message) -> None:
        """The newest `components` (of two with one version the first); what is published first is
        when this installation began.
        """
        found = _event(message)
        if not isinstance(found, PolicyPublished):
            return
        # The earliest: records of several documents come in any order.
        self.known_from = found.at if self.known_from is None else min(self.known_from, found.at)
        if found.key == COMPONENTS and found.version > self._version:
            try:
                self.components = tuple(
                    part.known
                    for part in ComponentsPolicy.model_validate(
                        found.document, extra="ignore"
                    ).components
                )
            except ValidationError as error:
                # An older release may read a newer log: the page goes on with what it knows.
                log.error(
                    "the status page keeps the components it knows",
                    version=found.version,
                    error=str(error),
                )
            # Also after an error: an older document must not come back.
            self._version = found.version

    def board(self, now: datetime, heard_at: datetime) -> Board:
        # The first fact that the public saw may be older than the first policy.
        began = [one.turns[0][0] for one in self.told.values() if one.turns]
        if self.known_from is not None:
            began.append(self.known_from)
        return board(
            self.told.values(),
            self.components,
            known_from=min(began, default=None),
            now=now,
            heard_at=heard_at,
        )


class StatusPageWriter:
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
        self._drawing, self._name, self._is_deputy, self._tick = (
            Drawing(base),
            name,
            is_deputy,
            tick,
        )
        self._facts = Facts()
        self._changed = asyncio.Event()
        # Two topics, whole: the page is made of all that is in them.
        self._replicas = (
            Replica(
                "status", bootstrap, prefix, on_change=self._fold_and_wake(self._facts.on_status)
            ),
            Replica(
                "policies", bootstrap, prefix, on_change=self._fold_and_wake(self._facts.on_policy)
            ),
        )
        # When the log was last read to its end, on a clock that only goes forward.
        self._heard = 0.0
        self._wrote_last = False

    def _fold_and_wake(self, fold: Callable[[Message], None]) -> Callable[[Message], None]:
        def on_change(message: Message) -> None:
            fold(message)
            self._changed.set()

        return on_change

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Write in the background. Where that ends by a bug, it is started again; meanwhile what
        was written is served on, and shows how old it is.
        """
        background = Background()
        background.start({"the status page": self.run})
        try:
            yield
        finally:
            await background.stop()

    async def run(self) -> None:
        """See the class. What is on disk already stays until the log has been read."""
        async with contextlib.AsyncExitStack() as stack:
            for replica in self._replicas:
                await stack.enter_async_context(replica)
            # Before anything is written: half a log would make a page that says too little.
            for replica in self._replicas:
                await _wait_until_read(replica)
            self._heard = _mono()
            listening = asyncio.create_task(self._keep_asking())
            stack.callback(listening.cancel)
            while True:
                self._changed.clear()
                await self._write()
                # A change is drawn at once, and without one the durations grow tick by tick.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), self._tick)
                    await asyncio.sleep(GATHER_S)

    async def _keep_asking(self) -> None:
        """Whether the log still answers, and has been read to its end: an untold page is not a calm
        one.
        """
        while True:
            reader = Reader(self._bootstrap, self._prefix, client_id="status-page", timeout=5.0)
            try:
                await reader.start()
                while True:
                    await asyncio.sleep(self._tick)
                    replica = self._replicas[0]
                    # The topic of incidents is enough: a policy that is late misleads nobody.
                    places = [
                        (replica.topic, p) for p in range(await reader.partitions(replica.topic))
                    ]
                    ends = await reader.ends(places)
                    if replica.has_read({partition: end for (_, partition), end in ends.items()}):
                        self._heard = _mono()
            except Unavailable as error:
                log.warning("the status page hears nothing from the log", error=str(error))
            finally:
                await reader.stop()
            await asyncio.sleep(min(self._tick, 2.0))

    async def _write(self) -> None:
        # Another process keeps the page; ours must not undo what it writes.
        if self._is_deputy and await asyncio.to_thread(self._somebody_else_writes):
            self._wrote_last = False
            return
        now = self._clock.now()
        # What is missing between then and now is not known to be calm.
        heard_at = now - timedelta(seconds=max(0.0, _mono() - self._heard))
        # Somebody else may have written in between: compare with nothing, draw all.
        if not self._wrote_last:
            self._drawing.forget()
        assets = {} if self._wrote_last else self._drawing.assets
        found = await asyncio.to_thread(
            self._draw_files, self._facts.copy(), now, heard_at
        )  # who reads the page does not wait for it
        try:
            await _run_to_end(self._put, {**assets, **found})
            self._wrote_last = True
        except OSError as error:
            # Tried again at the next tick; the old page stays readable.
            self._wrote_last = False
            log.error(
                "the status page cannot be written", folder=str(self._folder), error=str(error)
            )

    def _put(self, files: Files) -> None:
        """The mark comes last. A deputy looks once more before it: writing takes a while."""
        put(self._folder, files, self._name)
        if not (self._is_deputy and self._somebody_else_writes()):
            put(self._folder, {"writer": self._name.encode()}, self._name)

    def _draw_files(self, facts: Facts, now: datetime, heard_at: datetime) -> Files:
        return self._drawing.files(facts.board(now, heard_at))

    def _somebody_else_writes(self) -> bool:
        mark = self._folder / "writer"
        # By the age of the mark, on the clock of the disk that both see.
        try:
            return (
                mark.read_bytes() != self._name.encode()
                and time.time() - mark.stat().st_mtime < ABSENT_S
            )
        except OSError:
            return False


async def _run_to_end(work: Callable[[Files], None], files: Files) -> None:
    """In a thread, which has ended when this ends: a writer that stops leaves no thread behind that
    writes after it, and keeps its deputy waiting.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work, files))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def put(folder: Path, files: Files, by: str = "") -> None:
    """Each file whole or not at all, also for who reads meanwhile and after a loss of power. `by`:
    who writes; two at once (of two containers with the same process number) disturb no file of
    each other. Raises OSError.
    """
    for name, content in files.items():
        path = folder / name
        # The writer's mark is written again and again: its time is what counts.
        if (
            name != "writer"
            and path.is_file()
            and path.stat().st_size == len(content)
            and path.read_bytes() == content
        ):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)  # public: another program may serve them
        # Hidden, so that no server shows it, and in the same folder, so that it can be renamed.
        fresh = path.with_name(f".{path.name}.{os.getpid()}{by}")
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            # On disk before it has its name: after a loss of power there is the old file or the
            # new.
            os.fsync(file.fileno())
        fresh.chmod(0o644)
        fresh.replace(path)


async def _wait_until_read(replica: Replica) -> None:
    while True:
        # The log is away: there is nothing to do but wait, and the old page is served meanwhile.
        with contextlib.suppress(Unavailable):
            await replica.caught_up(timeout=30)
            return


def _event(message: Message) -> object:
    if not message.value:
        return None
    try:
        return topics.read(message.value, message.headers.get("ce_type"))
    except Poisonous as error:
        # One record that cannot be read must not stop the page.
        log.error(
            "the status page leaves a record out",
            topic=message.topic,
            key=message.key,
            error=str(error),
        )
        return None


def _mono() -> float:
    return asyncio.get_running_loop().time()

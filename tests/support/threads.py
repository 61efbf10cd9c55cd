"""Which thread work ran in: a question that a busy machine answers as well as a quiet one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from services.intake.turns import Turns
from shared.process.workers import Workers

T = TypeVar("T")


class SeenWorkers(Workers):
    """Real workers that remember the threads their work ran in."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[threading.Thread] = []

    async def run(self, work: Callable[[], T], *, size: int | None = None) -> T:
        def seen() -> T:
            self.threads.append(threading.current_thread())
            return work()

        return await super().run(seen, size=size)


class SeenTurns(Turns):
    """Likewise."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[threading.Thread] = []

    async def run(self, work: Callable[[], T], **about: Any) -> T:
        def seen() -> T:
            self.threads.append(threading.current_thread())
            return work()

        return await super().run(seen, **about)

"""Parts beside a server: one that ends is started again, and is named until it runs."""

import asyncio
from collections.abc import Callable

from shared.process.background import Background
from tests.support.waiting import eventually


async def until(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(eventually, condition)


class Part:
    """Fails in its first `failures` lives, then runs."""

    def __init__(self, failures: int) -> None:
        self.lives, self._failures = 0, failures
        self.is_running = False

    async def run(self) -> None:
        self.lives += 1
        if self.lives <= self._failures:
            raise OSError(28, "No space left on device")
        self.is_running = True
        try:
            await asyncio.Event().wait()
        finally:
            self.is_running = False


async def test_a_part_that_ends_is_named_and_started_again() -> None:
    part, other = Part(failures=1), Part(failures=0)
    background = Background()
    background.start({"the part": part.run, "another": other.run})
    await until(lambda: part.lives == 1)
    assert "the part has ended: OSError" in (await background.unwell() or "")
    await until(lambda: part.is_running)
    assert part.lives == 2
    assert other.lives == 1
    await background.stop()
    assert not part.is_running
    assert not other.is_running


async def test_stopping_ends_a_part_that_waits_to_be_started_again() -> None:
    part = Part(failures=10**6)
    background = Background()
    background.start({"the part": part.run})
    await until(lambda: part.lives == 1)
    await background.stop()
    lives = part.lives
    await asyncio.sleep(0)
    assert part.lives == lives


async def test_a_part_that_returns_has_ended_too() -> None:
    lives = 0

    async def returns() -> None:
        nonlocal lives
        lives += 1

    background = Background()
    background.start({"it": returns})
    await until(lambda: lives >= 2)
    assert await background.unwell() == "it has ended: None"
    await background.stop()

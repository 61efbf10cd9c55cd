"""The spool against a log that comes and goes: everything accepted arrives, in order, and nobody
waits long.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.intake.spool.draining import Write
from services.intake.spool.spool import OPENS_AFTER, Spool
from shared.errors import Poisonous, Refused, Unavailable
from shared.wire import Record

pytestmark = pytest.mark.costly

NOW = datetime(2026, 11, 22, tzinfo=UTC)


class HandClock:
    tick = timedelta(0)

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class FakeLog:
    """Kafka: there, away (refuses), or silent (never answers). `poison` it never takes."""

    def __init__(self) -> None:
        self.state = "there"
        self.written: list[str] = []
        self.poison = "poison"
        self.takes_and_says_nothing = False

    async def send(self, record: Record) -> int:
        await self._answer(record)
        if record.key == self.poison:
            raise Poisonous("too large")
        self.written.append(record.key)
        return len(self.written)

    async def send_many(self, records: Sequence[Record]) -> dict[tuple[str, int], int]:
        await self._answer(*records)
        if any(record.key == self.poison for record in records):
            raise Poisonous("too large")
        self.written += [record.key for record in records]
        return {(record.topic, 0): len(self.written) for record in records}

    async def ping(self) -> None:
        await self._answer()

    async def _answer(self, *records: Record) -> None:
        if self.takes_and_says_nothing:
            self.written += [record.key for record in records]
        if self.state == "silent":
            await asyncio.sleep(60)
        await asyncio.sleep(0)
        if self.state == "away":
            raise Unavailable("kafka", "refused")


def submission(number: int | str) -> list[Record]:
    return [Record("requests", str(number), b"{}")]


@contextlib.asynccontextmanager
async def spool(
    tmp_path: Path, log: FakeLog, *, running: bool = True, **options: object
) -> AsyncIterator[Spool]:
    found = Spool(tmp_path, log, log, options.pop("clock", HandClock()), patience=0.2, **options)  # type: ignore[arg-type]
    await found.open()
    task = asyncio.create_task(found.run()) if running else None
    try:
        yield found
    finally:
        if task:
            task.cancel()
            await asyncio.wait({task})
        await found.close()


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not look():
            await asyncio.sleep(0.01)


async def test_with_kafka_there_nothing_touches_the_disk(tmp_path: Path) -> None:
    log = FakeLog()
    async with spool(tmp_path, log) as found:
        assert [await found.publish(submission(n)) for n in range(3)] == ["logged"] * 3
        assert found.trouble() is None
    assert log.written == ["0", "1", "2"]
    assert list(tmp_path.glob("*/*.journal")) == []


@pytest.mark.parametrize("state", ["away", "silent"])
async def test_with_kafka_away_it_is_kept_and_drained_in_order(tmp_path: Path, state: str) -> None:
    log = FakeLog()
    async with spool(tmp_path, log) as found:
        log.state = state
        assert [await found.publish(submission(n)) for n in range(50)] == ["spooled"] * 50
        assert found.depth == 50
        assert found.away_since() is not None
        assert "on this machine's disk only" in str(found.trouble())
        if state == "silent":
            return  # the drain still waits for its answer; it is bounded by the producer
        log.state = "there"
        await until(lambda: found.depth == 0)
        assert log.written == [str(n) for n in range(50)]
        assert (await found.publish(submission("last")), log.written[-1]) == ("logged", "last")
        assert found.away_since() is None
        assert found.trouble() is None


async def test_one_slow_write_goes_to_the_disk_alone(tmp_path: Path) -> None:
    log = FakeLog()
    async with spool(tmp_path, log, running=False) as found:
        log.state = "silent"
        assert await found.publish(submission("slow")) == "spooled"
        log.state = "there"
        assert await found.publish(submission("other")) == "logged"
        assert await found.publish(submission("slow")) == "spooled", "it overtakes nothing"
        assert found.away_since() is None
        assert log.written == ["other"]
        task = asyncio.create_task(found.run())
        await until(lambda: found.depth == 0)
        assert await found.publish(submission("slow")) == "logged"
        task.cancel()
        await asyncio.wait({task})
    assert log.written == ["other", "slow", "slow", "slow"]


async def test_some_slow_writes_in_a_row_mean_that_kafka_is_away(tmp_path: Path) -> None:
    log = FakeLog()
    async with spool(tmp_path, log, running=False) as found:
        for number in range(OPENS_AFTER):
            assert found.away_since() is None
            log.state = "silent"
            await found.publish(submission(number))
        assert found.away_since() is not None
        log.state = "there"
        assert await found.publish(submission("other")) == "spooled", "until the spool is empty"


async def test_slow_writes_with_good_ones_between_do_not(tmp_path: Path) -> None:
    log = FakeLog()
    async with spool(tmp_path, log, running=False) as found:
        for number in range(2 * OPENS_AFTER):
            log.state = "silent"
            assert await found.publish(submission(f"slow {number}")) == "spooled"
            log.state = "there"
            assert await found.publish(submission(f"good {number}")) == "logged"
        assert found.away_since() is None


async def test_only_the_first_few_wait(tmp_path: Path) -> None:
    log = FakeLog()
    async with spool(tmp_path, log, running=False) as found:
        log.state = "silent"
        begun = time.monotonic()
        for number in range(OPENS_AFTER):
            await found.publish(submission(number))
        first = time.monotonic() - begun
        for number in range(OPENS_AFTER, 20):
            await found.publish(submission(number))
        rest = time.monotonic() - begun - first
        assert first >= 0.2 * OPENS_AFTER
        assert rest < 0.2 * 15, "they went straight to the disk"


async def test_while_something_is_left_everything_goes_through_the_spool(tmp_path: Path) -> None:
    log = FakeLog()
    log.state = "away"
    async with spool(tmp_path, log, running=False) as found:
        await found.publish(submission(0))
    log.state = "there"
    async with spool(tmp_path, log, running=False) as found:
        assert found.depth == 1
        assert await found.publish(submission(1)) == "spooled"
    assert log.written == []
    async with spool(tmp_path, log) as found:
        await until(lambda: found.depth == 0)
    assert log.written == ["0", "1"]


async def test_a_write_without_word_may_have_been_taken_and_comes_again(tmp_path: Path) -> None:
    log = FakeLog()
    log.state, log.takes_and_says_nothing = "away", True
    async with spool(tmp_path, log, running=False) as found:
        assert await found.publish(submission(0)) == "spooled"
    log.state, log.takes_and_says_nothing = "there", False
    async with spool(tmp_path, log) as found:
        await until(lambda: found.depth == 0)
    assert log.written == ["0", "0"], "the same id twice: readers take the first"


async def test_many_at_once_share_an_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    synced, really = [], os.fdatasync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        really(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    log = FakeLog()
    log.state = "away"
    async with spool(tmp_path, log, running=False) as found:
        await found.publish(submission("first"))
        assert set(await asyncio.gather(*(found.publish(submission(n)) for n in range(500)))) == {
            "spooled"
        }
    assert len(synced) < 20


async def test_a_full_disk_refuses_and_points_at_the_status_page(tmp_path: Path) -> None:
    log, free = FakeLog(), [0.5]
    async with spool(tmp_path, log, free=lambda _: free[0]) as found:
        log.state, free[0] = "away", 0.049
        with pytest.raises(Refused) as refused:
            await found.publish(submission(0))
        assert (refused.value.code, refused.value.status) == ("disk-full", 503)
        assert refused.value.extra["retry_after"]
        assert "/status" in refused.value.detail
        assert found.depth == 0
        log.state = "there"
        await until(lambda: found.away_since() is None)
        assert await found.publish(submission(0)) == "logged", "Kafka needs no room here"


async def test_copies_make_room_first(tmp_path: Path) -> None:
    log, free = FakeLog(), [0.5]
    async with spool(
        tmp_path, log, free=lambda _: free[0] + 0.5 * (not list(tmp_path.glob("*/*.drained")))
    ) as found:
        log.state = "away"
        await found.publish(submission(0))
        log.state = "there"
        await until(lambda: found.depth == 0)
        log.state, free[0] = "away", 0.01
        assert await found.publish(submission(1)) == "spooled"


async def test_what_kafka_never_takes_is_set_aside_and_holds_nobody_up(tmp_path: Path) -> None:
    log = FakeLog()
    async with spool(tmp_path, log) as found:
        log.state = "away"
        for key in ("0", "poison", "2"):
            await found.publish(submission(key))
        log.state = "there"
        await until(lambda: found.depth == 0)
        assert log.written == ["0", "2"]
        assert "refuses" in str(found.trouble())
        assert list(tmp_path.glob("*/aside.journal"))


async def test_absence_is_noticed_without_a_submission(tmp_path: Path) -> None:
    log, clock = FakeLog(), HandClock()
    log.state = "away"
    async with spool(tmp_path, log, clock=clock) as found:
        await until(lambda: found.away_since() is not None)
        assert found.away_since() == NOW


async def test_a_busy_intake_leaves_the_spool_again(tmp_path: Path) -> None:
    log = FakeLog()
    async with spool(tmp_path, log) as found:
        log.state = "away"
        await found.publish(submission("first"))
        log.state = "there"

        async def goes_on(name: int) -> int:
            """Without a pause, until one of its own is logged again; how many."""
            for number in range(20_000):
                if await found.publish(submission(f"{name}-{number}")) == "logged":
                    return number + 1
            raise AssertionError("it never left the spool")

        counts = await asyncio.gather(*map(goes_on, range(8)))
        for name, count in enumerate(counts):
            assert [key for key in log.written if key.startswith(f"{name}-")] == [
                f"{name}-{number}" for number in range(count)
            ]


class Told:
    """What stands before the tickets."""

    def __init__(self) -> None:
        self.due = True

    async def tell(self, directory: Path | None, write: Write) -> None:
        if self.due:
            await write([Record("urgent", "paged", b"{}")])
            self.due = False


async def test_what_was_paged_directly_is_read_by_the_front_before_its_tickets_are_drained(
    tmp_path: Path,
) -> None:
    log, read, asked = FakeLog(), dict[tuple[str, int], int](), list[int]()

    async def read_by_front() -> dict[tuple[str, int], int]:
        asked.append(1)
        if len(asked) == 2:
            raise Unavailable("kafka")
        return read

    async with spool(tmp_path, log, read_by_front=read_by_front) as found:
        log.state = "away"
        await found.publish(submission("ticket"))
        found.first(Told())
        log.state = "there"
        await until(lambda: len(asked) > 3)
        assert log.written == ["paged"]
        assert await found.publish(submission("next")) == "spooled"
        read["urgent", 0] = 1
        await until(lambda: found.depth == 0)
    assert log.written == ["paged", "ticket", "next"]

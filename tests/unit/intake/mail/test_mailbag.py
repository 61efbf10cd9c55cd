"""The mailbag: durable before it is taken, taken up after a crash, gone when nobody needs it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from services.intake.mail.queue import mailbag as module
from services.intake.mail.queue.delivery import Delivery
from services.intake.mail.queue.mailbag import Mailbag
from services.intake.mail.queue.segment import Segment
from shared.errors import Refused
from tests.support.mails import envelope
from tests.support.shelf import Shelf

pytestmark = pytest.mark.costly


def delivery(number: int, raw: bytes) -> Delivery:
    return Delivery(
        id=f"dlv_{number}",
        digest=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
        via="smtp",
        envelope=envelope(),
    )


def mails(count: int, size: int = 100) -> list[tuple[Delivery, bytes]]:
    raws = [b"%05d" % number * (size // 5) for number in range(count)]
    return [(delivery(number, raw), raw) for number, raw in enumerate(raws)]


async def opened(folder: Path, files: Shelf | None = None, free: float = 0.5) -> Mailbag:
    bag = Mailbag(folder / "bag", files, free=lambda _: free)
    await bag.open()
    return bag


async def put(bag: Mailbag, some: Sequence[tuple[Delivery, bytes]]) -> list[str]:
    told: list[str] = []
    await asyncio.gather(
        *(bag.add(one, raw, lambda one=one: told.append(one.id)) for one, raw in some)
    )  # type: ignore[misc]
    return told


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not look():
            await asyncio.sleep(0.01)


def synced() -> float:
    """How many groups were written so far, of all bags of this process."""
    (metric,) = module.FSYNC.collect()
    return next(sample.value for sample in metric.samples if sample.name.endswith("_count"))


def files_in(folder: Path) -> list[Path]:
    return sorted((folder / "bag").rglob("*.mail"))


async def test_what_comes_together_shares_writes_and_is_found_again_in_its_order(
    tmp_path: Path,
) -> None:
    bag, some = await opened(tmp_path), mails(200)
    writes = synced()
    assert await put(bag, some) == [one.id for one, _ in some]
    assert synced() - writes <= 2
    for one, raw in some:
        assert await bag.raw_of(one) == raw
    assert bag.in_hand == 200
    await bag.close()
    again = await opened(tmp_path)
    assert [one.id for one in again.left()] == [one.id for one, _ in some]
    assert [await again.raw_of(one) for one in again.left()] == [raw for _, raw in some]
    await again.close()


async def test_after_a_crash_what_was_done_is_not_done_again(tmp_path: Path) -> None:
    bag, some = await opened(tmp_path), mails(10)
    await put(bag, some)
    for one, _ in some[:7]:
        bag.done(one)
    await bag.close()
    again = await opened(tmp_path)
    assert [one.id for one in again.left()] == [one.id for one, _ in some[7:]]
    await again.close()


async def test_only_what_is_known_to_be_plain_goes_as_it_came(tmp_path: Path) -> None:
    shelf, some = Shelf(), mails(3)
    bag = Mailbag(tmp_path / "bag", shelf, safe=lambda raw: b"safe " + raw, free=lambda _: 0.5)
    await bag.open()
    await put(bag, some)
    bag.plain(some[1][0])
    moving = asyncio.create_task(bag.run())
    for one, _ in some[:2]:
        bag.done(one)
    await until(lambda: len(shelf.kept) == 2)
    assert [shelf.kept.get(one.digest) for one, _ in some] == [
        b"safe " + some[0][1],
        some[1][1],
        None,
    ]
    assert await bag.raw_of(some[2][0]) == some[2][1], (
        "what is not done is worked on as it came, and here alone"
    )
    moving.cancel()
    await bag.close()


async def test_a_delivery_that_is_handed_in_again_is_kept_once(tmp_path: Path) -> None:
    shelf = Shelf()
    bag, (one, other) = await opened(tmp_path, shelf), mails(2, 100_000)
    under_its_key = (one[0].model_copy(update={"digest": other[0].digest}), other[1])
    for each in (one, one, under_its_key):
        await put(bag, [each])
    assert [await bag.raw_of(each[0]) for each in (one, under_its_key)] == [one[1], other[1]]
    running = asyncio.create_task(bag.run())
    for each in (one, under_its_key, one):
        bag.done(each[0])
    (path,) = files_in(tmp_path)
    await until(lambda: len(shelf.kept) == 2 and path.stat().st_size < 100)
    running.cancel()
    await asyncio.wait({running})
    await bag.close()


async def test_each_process_has_its_own_and_takes_up_what_nobody_has(tmp_path: Path) -> None:
    first, second = await opened(tmp_path), await opened(tmp_path)
    one, two = mails(2)
    await put(first, [one])
    await put(second, [two])
    assert [path.parent.name for path in files_in(tmp_path)] == ["0", "1"]
    await second.close()
    await first.close()
    third = await opened(tmp_path)
    assert {left.id for left in third.left()} == {"dlv_0", "dlv_1"}
    fourth = await opened(tmp_path)
    assert not fourth.left()
    await fourth.close()
    for left in third.left():
        third.done(left)
    await third.close()
    fifth = await opened(tmp_path)
    assert not fifth.left()
    await fifth.close()


async def test_more_processes_than_slots_do_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOTS", 1)
    bag = await opened(tmp_path)
    with pytest.raises(OSError, match="in use"):
        await opened(tmp_path)
    await bag.close()


async def test_bytes_go_to_gridfs_together_and_their_file_is_emptied(tmp_path: Path) -> None:
    shelf = Shelf()
    bag, some = await opened(tmp_path, shelf), mails(150)
    running = asyncio.create_task(bag.run())
    await put(bag, some)
    for one, _ in some:
        bag.done(one)
    (path,) = files_in(tmp_path)
    await until(lambda: len(shelf.kept) == 150 and path.stat().st_size < 100)
    assert max(shelf.calls) == 100
    assert await bag.get(some[3][0].digest) == some[3][1]
    await put(bag, mails(151)[150:])
    assert bag.in_hand == 1
    running.cancel()
    await asyncio.wait({running})
    await bag.close()


async def test_while_gridfs_is_away_the_bytes_are_here(tmp_path: Path) -> None:
    shelf = Shelf(away=True)
    bag, some = await opened(tmp_path, shelf), mails(3)
    await put(bag, some)
    for one, _ in some:
        bag.done(one)
    await bag.close()
    assert not shelf.kept
    again = await opened(tmp_path, shelf)
    assert not again.left()
    assert await again.get(some[1][0].digest) == some[1][1]
    shelf.away = False
    running = asyncio.create_task(again.run())
    await until(lambda: len(shelf.kept) == 3 and not files_in(tmp_path))
    running.cancel()
    await asyncio.wait({running})
    await again.close()


async def test_files_are_begun_anew_and_go_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 10_000)
    shelf = Shelf()
    bag, some = await opened(tmp_path, shelf), mails(30, 5000)
    for each in some:
        await put(bag, [each])
    assert len(files_in(tmp_path)) > 5
    running = asyncio.create_task(bag.run())
    for one, _ in some[1:]:
        bag.done(one)
    await until(lambda: len(files_in(tmp_path)) == 2)
    assert await bag.raw_of(some[0][0]) == some[0][1]
    running.cancel()
    await asyncio.wait({running})
    await bag.close()


@pytest.mark.parametrize("cut", [1, 60, 150])
async def test_a_torn_end_was_never_told(tmp_path: Path, cut: int) -> None:
    bag, some = await opened(tmp_path), mails(2)
    for each in some:
        await put(bag, [each])
    await bag.close()
    (path,) = files_in(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    again = await opened(tmp_path)
    assert [one.id for one in again.left()] == ["dlv_0"]
    await put(again, some[1:])
    assert again.in_hand == 2
    await again.close()


async def test_damage_costs_what_is_damaged_and_the_file_is_kept_for_a_human(
    tmp_path: Path,
) -> None:
    shelf = Shelf()
    bag, some = await opened(tmp_path, shelf), mails(3)
    for each in some:
        await put(bag, [each])
    await bag.close()
    (path,) = files_in(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[raw.index(some[1][1]) + 3] ^= 1
    path.write_bytes(raw)
    again = await opened(tmp_path, shelf)
    assert [one.id for one in again.left()] == ["dlv_0", "dlv_2"]
    for one in again.left():
        again.done(one)
    running = asyncio.create_task(again.run())
    await until(lambda: not files_in(tmp_path))
    running.cancel()
    await asyncio.wait({running})
    assert [path.suffix for path in (tmp_path / "bag" / "0").iterdir() if path.name != "lock"] == [
        ".damaged"
    ]
    await again.close()


async def test_no_message_can_look_like_a_delivery(tmp_path: Path) -> None:
    """The bytes of another bag's file, frames and all, in a message; and then its own frame is
    damaged.
    """
    other = await opened(tmp_path / "other")
    await put(other, mails(1))
    await other.close()
    (frames,) = files_in(tmp_path / "other")
    bag = await opened(tmp_path)
    raw = frames.read_bytes()
    await put(bag, [(delivery(7, raw), raw)])
    await bag.close()
    (path,) = files_in(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    again = await opened(tmp_path)
    assert not again.left()
    await again.close()


async def test_a_disk_that_is_nearly_full_takes_nothing(tmp_path: Path) -> None:
    bag = await opened(tmp_path, free=0.04)
    with pytest.raises(Refused, match="NOT taken"):
        await put(bag, mails(1))
    assert not files_in(tmp_path)
    await bag.close()


async def test_a_write_that_fails_is_said_and_the_next_goes_to_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag, some = await opened(tmp_path), mails(3)
    await put(bag, some[:1])
    with monkeypatch.context() as broken:
        broken.setattr(Segment, "append", _no_space)
        with pytest.raises(OSError, match="No space"):
            await put(bag, some[1:2])
    await put(bag, some[2:])
    assert len(files_in(tmp_path)) == 2
    await bag.close()
    again = await opened(tmp_path)
    assert [one.id for one in again.left()] == ["dlv_0", "dlv_2"]
    await again.close()


async def test_a_caller_that_gives_up_leaves_a_delivery_that_is_done(tmp_path: Path) -> None:
    bag, told = await opened(tmp_path), list[str]()
    (one, raw) = mails(1)[0]
    adding = asyncio.create_task(bag.add(one, raw, lambda: told.append(one.id)))
    await asyncio.sleep(0)
    adding.cancel()
    await asyncio.wait({adding})
    await until(lambda: told == ["dlv_0"])
    await bag.close()


def _no_space(*_: object) -> list[int]:
    raise OSError(28, "No space left on device")

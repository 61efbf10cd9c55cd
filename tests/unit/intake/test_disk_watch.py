"""A disk in trouble pages ops as itself, once, whatever Kafka and the disk itself do; and its
recovery is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.outage.decisions import event_for
from services.intake.outage.disk_episode import (
    OVER_AFTER,
    PAGE_AFTER,
    DiskEpisode,
    about_disk,
    pages,
    step,
)
from services.intake.outage.journal import PageLog
from services.intake.outage.paging import Paging
from services.intake.spool.disk_watch import DiskWatch
from services.notifier.front.rules import on_paged_directly
from shared import events as e
from shared.channels import Accepted, ChannelContext, PageMessage
from shared.policy.on_call.document import Channel
from shared.topics import read
from shared.wire import Record
from tests.unit.intake.test_direct import FakeSpool, HandClock, Known, policy, until

pytestmark = pytest.mark.costly

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FULL = "the disk is nearly full"


@given(st.lists(st.booleans(), max_size=60))
def test_an_episode_begins_at_once_and_ends_only_when_the_disk_stays_well(
    looks: list[bool],
) -> None:
    episode: DiskEpisode | None = None
    for number, is_bad in enumerate(looks):
        now = NOW + timedelta(seconds=2 * number)
        before, episode = episode, step(episode, FULL if is_bad else None, now)
        if is_bad:
            assert episode is not None
            assert episode.since == (before.since if before else now)
        elif before is not None:
            bad = max(i for i in range(number) if looks[i])
            well_for = timedelta(seconds=2 * (number - bad - 1))
            assert (episode is None) == (well_for >= OVER_AFTER)
        else:
            assert episode is None
        assert pages(episode, now) == (
            is_bad and episode is not None and now - episode.since >= PAGE_AFTER
        )


class Disk:
    """The disk, as a test says it is."""

    def __init__(self) -> None:
        self.seen: str | None = None

    def look(self, _: Path) -> str | None:
        return self.seen


class Rig:
    """Intake's own paging with a disk by hand. `told`: what the log was told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.spool, self.clock, self.disk = (
            folder,
            FakeSpool(folder),
            HandClock(),
            Disk(),
        )
        self.spool.since = None
        self.watch = DiskWatch([folder], self.clock, look=self.disk.look)
        self.got: list[PageMessage] = []
        self.told: list[e.PagedDirectly] = []
        line: Any = type("Line", (), {"secret": b"a secret of sixteen", "now": self.clock.now})()
        self.paging = Paging(
            self.spool,
            Known(),
            line,
            "http://portal",
            self.clock,
            channels={Channel.WEBHOOK: self.send},
            watch=self.watch,
            node="node-1",
        )

    async def send(self, _: ChannelContext, __: str, summons: PageMessage) -> Any:
        self.got.append(summons)
        return Accepted("200")

    @contextlib.asynccontextmanager
    async def runs(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.paging.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def passes(self, seconds: float, seen: str | None) -> None:
        """A look every two seconds, all of which see `seen`."""
        self.disk.seen = seen
        for _ in range(int(seconds / 2)):
            await self.watch.look()
            self.clock.at += timedelta(seconds=2)
        await self.watch.look()

    async def tells(self) -> None:
        async def write(records: Sequence[Record]) -> None:
            for record in records:
                event = read(record.value or b"")
                assert isinstance(event, e.PagedDirectly)
                self.told.append(event)

        await self.paging.tell(None, write)

    async def is_recorded(self, what: Callable[[Any], bool]) -> None:
        await until(lambda: any(map(what, self.paging._pages.values())))


async def test_ops_are_paged_once_with_kafka_well_and_the_end_is_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    async with rig.runs():
        await rig.passes(8, FULL)
        await asyncio.sleep(0.6)  # two looks of the pager's
        assert rig.got == [], "ten seconds pass first"
        await rig.passes(4, FULL)
        await until(lambda: rig.got)
        assert (rig.got[0].person, rig.got[0].ticket_id) == ("boss", "")
        assert FULL in rig.got[0].subject and "node-1" in rig.got[0].subject
        await rig.is_recorded(lambda page: page.tries and page.tries[-1].outcome == "accepted")
        await rig.tells()
        await rig.tells()
        assert [len(event.attempts) for event in rig.told] == [1], "told once, then the pager's"
        await rig.passes(6, None)
        await rig.passes(6, FULL)
        await rig.tells()
        assert (len(rig.got), len(rig.told)) == (1, 1), "a disk that flaps is one episode"
        await rig.passes(12, None)
        await rig.is_recorded(lambda page: page.over_at is not None)
        await rig.tells()
        first, last = rig.told
        assert (last.page, last.attempts, last.over_at is not None) == (first.page, (), True)
        assert first.id != last.id
        assert not PageLog.is_left_over(tmp_path)
        await rig.passes(20, FULL)
        await until(lambda: len(rig.got) == 2)
        assert rig.got[0].dedup_key != rig.got[1].dedup_key, "another episode, another page"


async def test_with_kafka_away_it_escalates_until_the_disk_is_well(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    async with rig.runs():
        await rig.passes(12, FULL)
        await rig.is_recorded(lambda page: page.tries and page.tries[-1].outcome == "accepted")
        rig.clock.at += timedelta(minutes=6)
        await until(lambda: len(rig.got) == 2)
        assert rig.got[0].dedup_key != rig.got[1].dedup_key
        await rig.passes(12, None)
        await rig.is_recorded(lambda page: page.over_at is not None)
        rig.clock.at += timedelta(hours=1)
        await rig.passes(2, None)
        await rig.tells()
        assert len(rig.got) == 2
        (event,) = rig.told
        assert event.over_at is not None
        assert [made.outcome for made in event.attempts] == ["accepted", "accepted"]


async def test_after_a_restart_it_is_one_page_and_its_end_is_still_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    async with rig.runs():
        await rig.passes(12, FULL)
        await rig.is_recorded(lambda page: page.tries and page.tries[-1].outcome == "accepted")
        await rig.tells()
    assert PageLog.is_left_over(tmp_path), "what is not over is not put aside"
    again = Rig(tmp_path)
    again.clock.at = rig.clock.at
    async with again.runs():
        await until(lambda: again.paging._pages)
        await again.passes(20, FULL)
        await asyncio.sleep(0.6)
        await again.tells()
        assert (again.got, again.told) == ([], [])
        await again.passes(12, None)
        await again.is_recorded(lambda page: page.over_at is not None)
        await again.tells()
    assert [event.page for event in again.told] == [rig.told[0].page]


def test_what_the_front_makes_of_it() -> None:
    trouble = DiskEpisode(NOW, FULL)
    page = about_disk(trouble, "node-1", (), policy(), "support", {})
    other = about_disk(trouble, "node-2", (), policy(), "support", {})
    assert page.page != other.page, "another machine's disk is another trouble"
    assert about_disk(trouble, "node-1", (page,), policy(), "support", {}).page != page.page
    told = event_for(page, NOW)
    over = event_for(page.model_copy(update={"told": True, "over_at": NOW}), NOW)
    assert [type(event) for event in on_paged_directly(told)] == [e.DirectPageSeen]
    (solved,) = on_paged_directly(over)
    assert isinstance(solved, e.SolveSeen)
    assert (solved.obligations, solved.reason) == ((page.obligation,), "the disk is well again")

"""Intake paging by itself: who is tried and when (pure), and that each step is on the disk before
the next (with a fake far end).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.intake.domain import DeskRules
from services.intake.outage.decisions import (
    OutagePage,
    about_kafka,
    about_ticket,
    after_a_restart,
    event_for,
    find_changed_pages,
    next_try,
    settle_try,
)
from services.intake.outage.journal import PageLog
from services.intake.outage.lock import OutageLock
from services.intake.outage.paging import Paging
from shared import events as e
from shared.channels import Accepted, ChannelContext, PageMessage, Rejected, TryLater
from shared.errors import Unavailable
from shared.ids import dedup_key, obligation_id, page_id
from shared.policy import DeskPolicy, OnCallPolicy
from shared.policy.on_call.document import Channel
from shared.topics import read
from shared.wire import Record, record_for
from tests.unit.intake.building import POLICIES

pytestmark = pytest.mark.costly

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(minutes=2)


def policy(*methods: str, ops: bool = True) -> OnCallPolicy:
    """Everybody has these methods."""
    each = [
        {"name": name, "channel": "webhook", "address": f"https://x/{name}", "verified": True}
        for name in methods or ("phone",)
    ]
    document: dict[str, Any] = {
        "people": {
            name: {"email": f"{name}@x.example", "methods": each}
            for name in ("primary", "secondary", "lead", "boss")
        },
        "schedules": {},
        "escalation": {
            "support": {
                "steps": [{"person": who, "wait": "5m"} for who in ("primary", "secondary")],
                "repeat": 0,
                "fallback": "lead",
            },
            **(
                {"ops": {"steps": [{"person": "boss", "wait": "5m"}], "fallback": "lead"}}
                if ops
                else {}
            ),
        },
    }
    return OnCallPolicy.model_validate(document)


def ticket(key: str = "tkt_1", lane: str = "lane_a", *, pages: bool = True) -> e.OpenTicket:
    actor = e.Actor(email="premier@example.com", name="P", roles=(e.Role.REQUESTER,), via=e.Via.API)
    return e.OpenTicket(
        id=f"req_{key}",
        key=key,
        at=LONG_AGO,
        actor=actor,
        policy={"default": 1},
        subject="Down",
        body="x",
        app="shop",
        admission=e.Admission(plan=e.Plan.PREMIER),
        lane=lane,
        pages=pages,
    )


def owed(key: str = "tkt_1", lane: str = "lane_a") -> OutagePage:
    return about_ticket(ticket(key, lane), "support")


def tried(page: OutagePage | None) -> tuple[str, str, int, int]:
    assert page is not None
    made = page.tries[-1]
    return made.to, made.method, made.step, made.tries


def test_it_has_the_ids_the_pager_would_give() -> None:
    page = owed()
    assert page.obligation == obligation_id("tkt_1", "req_tkt_1")
    assert page.page == page_id("lane_a", page.obligation)
    made = next_try(page, policy(), NOW)
    assert made is not None
    assert made.tries[-1].dedup_key == dedup_key(page.page, 1)


def test_the_first_of_a_lane_pages_and_the_others_join_until_somebody_acknowledges() -> None:
    first, second = find_changed_pages([owed("tkt_1"), owed("tkt_2"), owed("tkt_3", "lane_b")], {})
    assert (first.ticket_id, first.joined, second.ticket_id) == (
        "tkt_1",
        (owed("tkt_2").obligation,),
        "tkt_3",
    )
    known = {page.page: page for page in (first, second)}
    assert find_changed_pages([owed("tkt_1"), owed("tkt_2")], known) == []
    taken = {first.page: first.model_copy(update={"acknowledged": True})}
    assert [
        page.ticket_id for page in find_changed_pages([owed("tkt_2"), owed("tkt_4")], taken)
    ] == ["tkt_4"]


def test_the_course_of_a_page() -> None:
    page = next_try(owed(), policy("phone", "mail"), NOW)
    assert tried(page) == ("primary", "phone", 1, 1)
    assert page is not None
    assert next_try(page, policy("phone", "mail"), NOW) is None, "it is under way"
    refused = settle_try(page, "refused", "", "no", NOW)
    assert tried(next_try(refused, policy("phone", "mail"), NOW)) == ("primary", "mail", 1, 1)
    assert tried(next_try(refused, policy("phone"), NOW)) == ("secondary", "phone", 2, 1)
    later = settle_try(page, "try-later", "", "503", NOW)
    assert next_try(later, policy(), NOW + timedelta(seconds=0.9)) is None
    assert tried(next_try(later, policy(), NOW + timedelta(seconds=1))) == (
        "primary",
        "phone",
        1,
        2,
    )
    accepted = settle_try(page, "accepted", "200", "", NOW)
    assert next_try(accepted, policy(), NOW + timedelta(minutes=4, seconds=59)) is None
    assert tried(next_try(accepted, policy(), NOW + timedelta(minutes=5))) == (
        "secondary",
        "phone",
        2,
        1,
    )
    for over in ({"acknowledged": True}, {"told": True}):
        assert (
            next_try(accepted.model_copy(update=over), policy(), NOW + timedelta(minutes=5)) is None
        )


def test_after_three_tries_without_a_receipt_the_next_way_is_gone() -> None:
    page, now = owed(), NOW
    seen = []
    for _ in range(7):
        found = next_try(page, policy(), now)
        assert found is not None
        seen.append(tried(found))
        page, now = settle_try(found, "unknown", "", "silence", now), now + timedelta(minutes=1)
    assert [(to, n) for to, _, _, n in seen] == [
        (to, n) for to in ("primary", "secondary") for n in (1, 2, 3)
    ] + [("lead", 1)]


def test_the_fallback_is_not_rung_without_a_pause() -> None:
    page, now = owed(), NOW
    count = 0
    while now < NOW + timedelta(minutes=30):
        found = next_try(page, policy(), now)
        if found is not None:
            page, count = settle_try(found, "refused", "", "no", now), count + 1
        now += timedelta(seconds=10)
    assert [made.to for made in page.tries] == ["primary", "secondary", "lead", "lead"]
    assert count == 4


def test_ops_are_told_under_one_key_by_all_processes() -> None:
    one = about_kafka(NOW, policy(), "support", {})
    other = about_kafka(NOW + timedelta(seconds=40), policy(), "support", {})
    assert one.page == other.page
    assert one.escalation == "ops"
    assert about_kafka(NOW, policy(ops=False), "support", {}).escalation == "support"
    assert tried(next_try(one, policy(), NOW))[0] == "boss"


def test_a_try_without_an_outcome_is_unknown_after_a_restart_and_told_so() -> None:
    page = next_try(owed(), policy(), NOW)
    assert page is not None
    assert event_for(page, NOW).attempts[0].outcome == "unknown"
    again = after_a_restart(page, NOW)
    assert tried(next_try(again, policy(), NOW + timedelta(seconds=1))) == (
        "primary",
        "phone",
        1,
        2,
    )
    assert event_for(page, NOW).id == event_for(page, NOW + timedelta(minutes=1)).id, (
        "the same state makes the same event"
    )


class HandClock:
    tick = timedelta(0)
    at = NOW

    def now(self) -> datetime:
        return self.at


class FakeSpool:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.since: datetime | None = LONG_AGO
        self.held: list[Record] = []

    def away_since(self) -> datetime | None:
        return self.since

    def notable(self) -> list[Record]:
        return self.held

    def holds(self, *events: e.Event) -> None:
        self.held += [record_for("urgent", event, "intake") for event in events]


class Known:
    def rules(self) -> DeskRules:
        return DeskRules(
            DeskPolicy.model_validate(POLICIES["default"]), {"default": 1, "on-call": 1}
        )

    def on_call(self) -> OnCallPolicy | None:
        return policy()


class FarEnd:
    """Answers each summons, and looks at what stands in the diary at that moment."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.got, self.recorded = directory, list[PageMessage](), list[str]()
        self.answer: Any = Accepted("200")
        self.holding = asyncio.Event()
        self.holding.set()

    async def send(self, _: ChannelContext, address: str, summons: PageMessage) -> Any:
        self.got.append(summons)
        self.recorded.append(PageLog(self.directory).read()[summons.page_id].tries[-1].outcome)
        await self.holding.wait()
        return self.answer

    def keys(self) -> list[str]:
        return [summons.dedup_key for summons in self.got]


@contextlib.asynccontextmanager
async def paging(
    spool: FakeSpool, far_end: FarEnd, clock: HandClock, *, tells_ops: bool = True
) -> AsyncIterator[Paging]:
    line: Any = type("Line", (), {"secret": b"a secret of sixteen", "now": clock.now})()
    channels = {Channel.WEBHOOK: far_end.send}
    found = Paging(
        spool, Known(), line, "http://portal", clock, channels=channels, tells_ops=lambda: tells_ops
    )
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not look():
            await asyncio.sleep(0.01)


async def test_each_step_is_on_the_disk_before_the_next(tmp_path: Path) -> None:
    spool, far_end = FakeSpool(tmp_path), FarEnd(tmp_path)
    spool.holds(
        ticket("tkt_1"),
        ticket("tkt_2"),
        ticket("tkt_3", "lane_b"),
        ticket("tkt_4", "lane_c", pages=False),
    )
    async with paging(spool, far_end, HandClock()):
        await until(lambda: len(far_end.got) == 3)
        await until(
            lambda: (
                {page.tries[-1].outcome for page in PageLog(tmp_path).read().values() if page.tries}
                == {"accepted"}
            )
        )
    assert set(far_end.recorded) == {"pending"}
    assert {(summons.person, summons.ticket_id) for summons in far_end.got} == {
        ("boss", ""),
        ("primary", "tkt_1"),
        ("primary", "tkt_3"),
    }
    assert len(set(far_end.keys())) == 3


async def test_where_another_process_tells_ops_only_the_tickets_page(tmp_path: Path) -> None:
    spool, far_end = FakeSpool(tmp_path), FarEnd(tmp_path)
    spool.holds(ticket("tkt_1"), ticket("tkt_2", "lane_b"))
    async with paging(spool, far_end, HandClock(), tells_ops=False):
        await until(lambda: len(far_end.got) == 2)
        await until(
            lambda: (
                {page.tries[-1].outcome for page in PageLog(tmp_path).read().values()}
                == {"accepted"}
            )
        )
    assert [(summons.person, summons.ticket_id) for summons in far_end.got] == [
        ("primary", "tkt_1"),
        ("primary", "tkt_2"),
    ]


def test_one_process_at_a_time_tells_ops(tmp_path: Path) -> None:
    path = tmp_path / "intake" / "ops.lock"
    with OutageLock(path) as second:
        with OutageLock(path) as first:
            assert [first.is_ours(), second.is_ours(), first.is_ours()] == [True, False, True]
        assert second.is_ours(), "the first has ended"


async def test_half_a_minute_passes_first(tmp_path: Path) -> None:
    spool, far_end, clock = FakeSpool(tmp_path), FarEnd(tmp_path), HandClock()
    spool.since = NOW
    spool.holds(ticket())
    async with paging(spool, far_end, clock):
        clock.at = NOW + timedelta(seconds=29)
        await asyncio.sleep(0.6)
        assert far_end.got == []
        clock.at = NOW + timedelta(seconds=30)
        await until(lambda: len(far_end.got) == 2)


async def test_a_restart_repeats_nobody_who_was_reached_and_whoever_may_not_have_been(
    tmp_path: Path,
) -> None:
    spool, far_end = FakeSpool(tmp_path), FarEnd(tmp_path)
    spool.holds(ticket("tkt_1"))
    async with paging(spool, far_end, HandClock()):
        await until(lambda: len(far_end.got) == 2)
        await until(
            lambda: all(
                page.tries[-1].outcome == "accepted" for page in PageLog(tmp_path).read().values()
            )
        )
    cut = {page.page: page for page in PageLog(tmp_path).read().values() if page.ticket_id}
    pending = next_try(owed("tkt_5", "lane_z"), policy(), NOW)
    assert pending is not None
    PageLog(tmp_path).write([pending], 0.0)
    spool.holds(ticket("tkt_5", "lane_z"))
    clock = HandClock()
    async with paging(spool, far_end, clock), asyncio.timeout(30):
        while len(far_end.got) < 3:
            clock.at += timedelta(seconds=1)
            await asyncio.sleep(0.05)
    assert (far_end.got[-1].ticket_id, far_end.got[-1].tries) == ("tkt_5", 2)
    assert far_end.got[-1].dedup_key == pending.tries[-1].dedup_key
    assert len(cut) == 1


async def test_the_log_is_told_once_with_what_became_of_it(tmp_path: Path) -> None:
    spool, far_end = FakeSpool(tmp_path), FarEnd(tmp_path)
    spool.holds(ticket("tkt_1"))
    told: list[Record] = []

    async def write(records: Sequence[Record]) -> None:
        told.extend(records)

    async def fails(_: Sequence[Record]) -> None:
        raise Unavailable("kafka", "gone again")

    async with paging(spool, far_end, HandClock()) as found:
        far_end.holding.clear()
        await until(lambda: len(far_end.got) == 2)
        telling = asyncio.create_task(found.tell(None, fails))
        await asyncio.sleep(0.05)
        assert not telling.done(), "a send under way is waited for"
        far_end.holding.set()
        with pytest.raises(Unavailable):
            await telling
        await found.tell(None, write)
        spool.since = None
        await found.tell(None, write)
    events = [read(record.value or b"") for record in told]
    assert {event.key for event in events if event} == {"tkt_1", e.KAFKA_AWAY}
    assert {record.topic for record in told} == {"urgent"}
    assert len(events) == 2
    for event in events:
        assert isinstance(event, e.PagedDirectly)
        assert [attempt.outcome for attempt in event.attempts] == ["accepted"]
    assert not PageLog.is_left_over(tmp_path)


@pytest.mark.parametrize("answer", [Rejected("410"), TryLater("503")])
async def test_a_far_side_that_does_not_take_it_is_passed_by(tmp_path: Path, answer: Any) -> None:
    spool, far_end, clock = FakeSpool(tmp_path), FarEnd(tmp_path), HandClock()
    far_end.answer = answer
    spool.holds(ticket("tkt_1"))
    async with paging(spool, far_end, clock):
        async with asyncio.timeout(30):
            while ("secondary", "tkt_1") not in {
                (summons.person, summons.ticket_id) for summons in far_end.got
            }:
                clock.at += timedelta(seconds=2)
                await asyncio.sleep(0.02)


async def test_an_acknowledgement_that_waits_in_the_spool_counts_here(tmp_path: Path) -> None:
    spool, far_end, clock = FakeSpool(tmp_path), FarEnd(tmp_path), HandClock()
    spool.holds(ticket("tkt_1"))
    async with paging(spool, far_end, clock):
        await until(lambda: len(far_end.got) == 2)
        page = owed("tkt_1").page
        spool.holds(e.Acknowledge(id="r", key=page, at=NOW, actor=ticket().actor, policy={}))
        await until(lambda: PageLog(tmp_path).read()[page].acknowledged)
        clock.at = NOW + timedelta(minutes=6)
        await until(lambda: len(far_end.got) == 3)
    assert [summons.person for summons in far_end.got if summons.ticket_id] == ["primary"]

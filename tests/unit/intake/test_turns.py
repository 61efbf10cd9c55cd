"""Whose text is read next, and what it counts as."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from services.intake.http.door import COST_S, Allowance, too_many
from services.intake.turns import SHORT, Turns
from shared.errors import Refused
from tests.support.costly import costly_ticket
from tests.support.waiting import stretched
from tests.unit.intake.building import Bench
from tests.unit.intake.test_http import call

pytestmark = pytest.mark.costly

LONG = SHORT + 1


def busy(seconds: float) -> None:
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass


class Order:
    """Work that writes down when it ran; the first piece holds its thread until told."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.ran: list[str] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def ask(
        self, name: str, account: str, *, pages: bool = False, costs: float = 0.0
    ) -> asyncio.Task[None]:
        def work() -> None:
            self.ran.append(name)
            if name == "held":
                self.begun.set()
                self.go.wait(30)
            busy(costs)

        return asyncio.ensure_future(self.turns.run(work, size=LONG, account=account, pages=pages))


async def test_the_account_that_used_least_is_next() -> None:
    order = Order()
    held = order.ask("held", "flood")
    await asyncio.to_thread(order.begun.wait, 30)
    flood = [order.ask(f"flood {n}", "flood", costs=0.02) for n in range(3)]
    others = [order.ask(name, name) for name in ("a", "b")]
    await asyncio.sleep(0)
    order.go.set()
    await asyncio.gather(held, *flood, *others)
    assert order.ran.index("a") < order.ran.index("flood 1")
    assert order.ran.index("b") < order.ran.index("flood 1")
    assert [name for name in order.ran if "flood" in name] == ["flood 0", "flood 1", "flood 2"]


async def test_what_pages_waits_for_nothing_else() -> None:
    """Not even for work that is running: one thread is kept for it."""
    order = Order()
    held, waiting = order.ask("held", "flood"), order.ask("later", "flood")
    await asyncio.to_thread(order.begun.wait, 30)
    await order.ask("urgent", "premier", pages=True)
    assert order.ran == ["held", "urgent"]
    order.go.set()
    await asyncio.gather(held, waiting)


async def test_what_work_raises_is_raised_and_the_next_has_its_turn() -> None:
    turns = Turns()
    with pytest.raises(KeyError):
        await turns.run(lambda: {}["nothing"], size=LONG)
    assert await turns.run(lambda: 1, size=LONG) == 1


async def test_who_goes_away_is_passed_over() -> None:
    order = Order()
    held, gone, last = (order.ask(name, "x") for name in ("held", "gone", "last"))
    await asyncio.to_thread(order.begun.wait, 30)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    order.go.set()
    await asyncio.gather(held, last)
    assert order.ran == ["held", "last"]


async def test_nothing_begins_that_may_not() -> None:
    def refused() -> None:
        raise too_many("no", 1)

    with pytest.raises(Refused):
        await Turns().run(lambda: 1, size=LONG, may_begin=refused)


@pytest.mark.costly
@pytest.mark.parametrize("size", [1, LONG])
async def test_work_is_charged_by_what_it_took(size: int) -> None:
    turns, allowance = Turns(), Allowance("100/minute")
    turns.charge = allowance.charge
    allowance.draw("a", time.monotonic())
    await turns.run(lambda: busy(5 * COST_S), size=size, account="a")
    share = allowance.draw("a", time.monotonic())
    assert 100 - 2 - 50 <= share.left <= 100 - 2 - 5, "one more for each 10 ms"
    assert allowance.draw("b", time.monotonic()).left == 99


@pytest.mark.long
async def test_a_flood_of_costly_texts_keeps_no_emergency_waiting() -> None:
    """R22: 110 of the costliest texts of one account, all at once; another's urgent is in the log
    within 5 s, and the flood is soon told to wait.
    """
    bench = Bench(rate="600/minute")
    flood = [
        asyncio.ensure_future(call(bench, "POST", "/v1/tickets", costly_ticket(), "demo-free"))
        for _ in range(110)
    ]
    took = []
    for n in range(10):
        begun = time.monotonic()
        body = "x" if n % 2 else "It says at=error code=H12. " * 2_000
        urgent = {"subject": "Down", "body": body, "app": "premier-production"}
        answer = await call(
            bench, "POST", "/v1/tickets", {**urgent, "priority": "urgent"}, "demo-premier"
        )
        took.append(time.monotonic() - begun)
        assert answer.status_code == 202, answer.text
        assert answer.json()["suggestions"] == []
    assert max(took) < stretched(5), took
    statuses = [answer.status_code for answer in await asyncio.gather(*flood)]
    assert set(statuses) == {202, 429}, "a limit counts what requests cost"
    assert len(bench.log.on("urgent")) == 10


async def test_who_used_up_the_rate_by_costly_texts_can_still_have_an_emergency() -> None:
    bench = Bench(rate="2/minute")
    ticket = {"app": "premier-production", "priority": "urgent"}
    answers = [
        await call(bench, "POST", "/v1/tickets", {**costly_ticket(), **more}, "demo-premier")
        for more in ({}, {}, ticket, ticket)
    ]
    assert [answer.status_code for answer in answers] == [202, 429, 202, 202]


async def test_the_loop_goes_on_while_a_costly_text_is_read() -> None:
    """It has its turns: how long each takes is the machine's."""
    bench, turns = Bench(), 0
    reading = asyncio.ensure_future(call(bench, "POST", "/v1/tickets", costly_ticket()))
    longest, since = 0.0, time.monotonic()
    while not reading.done():
        await asyncio.sleep(0)
        now = time.monotonic()
        longest, since, turns = max(longest, now - since), now, turns + 1
    assert (await reading).status_code == 202
    assert turns > 20
    assert longest < stretched(0.25), "one call held the interpreter"

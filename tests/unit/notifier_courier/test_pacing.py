"""Breaker, back-off and destinations; time is an argument, or the loop's, which the test moves."""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.courier import ledger
from services.notifier.courier.breaker import BACKOFFS, Breaker, BreakerLimits
from services.notifier.courier.destinations import Destination, SendLimits
from services.notifier.courier.ledger import AttemptResult, OwedNotice
from shared.channels.outcome import Accepted, Outcome, Rejected, TryLater

AT = datetime(2026, 3, 3, 10, tzinfo=UTC)
LIMITS = BreakerLimits(failures=5, open_for=30, longest=600)


def failed(breaker: Breaker, times: int, now: float) -> Breaker:
    for _ in range(times):
        breaker = breaker.began().failed(now)
    return breaker


def test_it_opens_at_the_fifth_failure_in_a_row() -> None:
    breaker = failed(Breaker(LIMITS), 4, 0)
    assert breaker.wait(0) == 0
    assert failed(breaker.succeeded(), 4, 0).wait(0) == 0
    assert failed(breaker, 1, 100).wait(100) == 30


def test_half_open_lets_one_through_and_doubles_up_to_ten_minutes() -> None:
    breaker, now, pauses = failed(Breaker(LIMITS), 5, 0), 0.0, []
    for _ in range(7):
        pause = breaker.wait(now)
        assert pause is not None
        pauses.append(pause)
        now += pause
        assert breaker.wait(now) == 0
        breaker = breaker.began()
        assert breaker.wait(now) is None, "a second one must wait for the probe"
        breaker = breaker.failed(now)
    assert pauses == [30, 60, 120, 240, 480, 600, 600]
    closed = breaker.began().succeeded()
    assert closed.wait(now) == 0
    assert failed(closed, 5, now).wait(now) == 30, "a success forgets how often it had opened"


def test_sends_under_way_when_it_opened_do_not_prolong_it() -> None:
    breaker = failed(Breaker(LIMITS), 5, 0)
    assert breaker.failed(10) == breaker


@given(
    kind=st.sampled_from(sorted(BACKOFFS)),
    tries=st.integers(1, 10_000),
    hours=st.integers(0, 200),
    notice=st.text(),
)
def test_waits_grow_to_a_bound_and_end(kind: str, tries: int, hours: int, notice: str) -> None:
    backoff, age = BACKOFFS[kind], timedelta(hours=hours)
    wait = backoff.after(tries, age, notice)
    assert (wait is None) == (age >= backoff.give_up)
    if wait is not None:
        assert backoff.first * 0.89 <= wait <= backoff.longest * 1.11
        assert wait == backoff.after(tries, age, notice)


def owed(number: int, destination: str = "webhook:x") -> OwedNotice:
    return OwedNotice(
        f"ntc_{number}",
        "fct",
        "tkt",
        "webhook",
        "provider:x",
        "ticket.assigned",
        destination,
        {},
        "http://x",
        AT,
    )


class Remembering:
    """Stands in for the outbox: keeps what it was told."""

    def __init__(self) -> None:
        self.attempts: list[str] = []
        self.settled: list[tuple[str, Outcome]] = []
        self.recorded: list[asyncio.Future[None]] = []

    async def attempt(self, one: OwedNotice) -> None:
        one.tries += 1
        one.recorded = True
        self.attempts.append(one.id)

    def settle(
        self, one: OwedNotice, outcome: Outcome
    ) -> tuple[AttemptResult, asyncio.Future[None]]:
        self.settled.append((one.id, outcome))
        one.recorded = False
        self.recorded.append(asyncio.get_running_loop().create_future())
        return ledger.settle(one, outcome, AT), self.recorded[-1]


class FastLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer when nothing is ready: hours pass in no time, in
    the right order.
    """

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        self._at = 0.0

    def time(self) -> float:
        return self._at

    def _run_once(self) -> None:
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0].cancelled():
            heapq.heappop(timers)._scheduled = False  # type: ignore[attr-defined]
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
        if not self._ready and timers:  # type: ignore[attr-defined]
            self._at = max(self._at, timers[0].when())
        super()._run_once()  # type: ignore[misc]


def in_fast_time(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        runner.run(work())


async def sending(
    send: Callable[[OwedNotice], Awaitable[Outcome]],
    notices: list[OwedNotice],
    seconds: float,
    slots: int = 2,
) -> Remembering:
    memory = Remembering()
    destination = Destination("webhook:x", SendLimits(slots, 10, LIMITS), send, memory)  # type: ignore[arg-type]
    running = asyncio.ensure_future(destination.run())
    for one in notices:
        destination.put(one)
    await asyncio.sleep(seconds)
    running.cancel()
    return memory


def test_a_held_slot_is_free_when_the_outcome_is_recorded() -> None:
    async def scenario() -> None:
        memory = Remembering()

        async def send(one: OwedNotice) -> Outcome:
            return Accepted("ok")

        destination = Destination("bulk", SendLimits(2, 10, LIMITS, held=True), send, memory)  # type: ignore[arg-type]
        running = asyncio.ensure_future(destination.run())
        for number in range(5):
            destination.put(owed(number))
        await asyncio.sleep(60)
        assert len(memory.settled) == 2, "a kill now would leave two in doubt, not five"
        memory.recorded[0].set_result(None)
        await asyncio.sleep(60)
        assert len(memory.settled) == 3
        running.cancel()

    in_fast_time(scenario)


def test_in_order_and_never_more_at_once_than_slots() -> None:
    async def scenario() -> None:
        at_once, most, began = 0, 0, []

        async def send(one: OwedNotice) -> Outcome:
            nonlocal at_once, most
            at_once, began[len(began) :] = at_once + 1, [one.id]
            most = max(most, at_once)
            await asyncio.sleep(1)
            at_once -= 1
            return Accepted("ok")

        memory = await sending(send, [owed(n) for n in range(7)], 60)
        assert most == 2
        assert began == [f"ntc_{n}" for n in range(7)]
        assert len(memory.settled) == 7
        assert memory.attempts == [], "the first attempt was recorded with the obligation"

    in_fast_time(scenario)


def test_a_dead_destination_is_let_be_and_then_everything_arrives_once() -> None:
    async def scenario() -> None:
        calls: list[tuple[float, str]] = []

        async def send(one: OwedNotice) -> Outcome:
            now = asyncio.get_running_loop().time()
            calls.append((now, one.id))
            return Accepted("ok") if now > 3600 else TryLater("503")

        notices = [owed(n) for n in range(20)]
        memory = await sending(send, notices, 4 * 3600)
        delivered = [notice for notice, outcome in memory.settled if isinstance(outcome, Accepted)]
        assert sorted(delivered) == sorted(one.id for one in notices)
        while_dead = [at for at, _ in calls if at <= 3600]
        assert len(while_dead) < 20, "twenty notices, yet only the probes knock"
        assert len(memory.attempts) == len(calls) - len(notices), (
            "every try but the first of each was recorded before it"
        )

    in_fast_time(scenario)


def test_a_hanging_send_ends_after_its_time_as_unknown() -> None:
    async def scenario() -> None:
        async def send(_: OwedNotice) -> Outcome:
            await asyncio.sleep(1e6)
            return Accepted("never")

        memory = await sending(send, [owed(1)], 11)
        ((_, outcome),) = memory.settled
        assert type(outcome).__name__ == "Unknown"

    in_fast_time(scenario)


def test_a_refusal_is_final_and_no_fault_of_the_destination() -> None:
    async def scenario() -> None:
        async def send(_: OwedNotice) -> Outcome:
            return Rejected("410")

        memory = await sending(send, [owed(n) for n in range(9)], 1)
        assert len(memory.settled) == 9, "the breaker stays closed"

    in_fast_time(scenario)


def test_what_was_not_begun_is_given_back() -> None:
    async def scenario() -> None:
        async def send(_: OwedNotice) -> Outcome:
            await asyncio.sleep(5)
            return Accepted("ok")

        memory = Remembering()
        destination = Destination("webhook:x", SendLimits(2, 10, LIMITS), send, memory)  # type: ignore[arg-type]
        running = asyncio.ensure_future(destination.run())
        for n in range(6):
            destination.put(owed(n))
        await asyncio.sleep(1)
        left = await destination.stop(10)
        running.cancel()
        assert sorted(one.id for one in left) == [f"ntc_{n}" for n in range(2, 6)]
        assert sorted(notice for notice, _ in memory.settled) == ["ntc_0", "ntc_1"]

    in_fast_time(scenario)


@pytest.mark.parametrize(
    ("outcome", "age", "kind", "phase"),
    [
        (Accepted("250"), timedelta(0), "NoticeDelivered", "delivered"),
        (Rejected("410"), timedelta(0), "NoticeFailed", "failed"),
        (TryLater("503"), timedelta(0), "NoticeFailed", "waiting"),
        (TryLater("503"), timedelta(hours=72), "NoticeFailed", "failed"),
    ],
)
def test_what_an_outcome_means(outcome: Outcome, age: timedelta, kind: str, phase: str) -> None:
    settled = ledger.settle(owed(1), outcome, AT + age)
    assert (settled.fact.type, settled.fact.seq, settled.change["$set"]["phase"]) == (
        kind,
        3,
        phase,
    )
    assert (settled.again is None) == (phase != "waiting")
    assert ("open" in settled.change.get("$unset", {})) == (phase != "waiting")


def test_facts_of_a_notice_have_fixed_places() -> None:
    one = owed(1)
    _, (first, second) = ledger.document_of(one)
    third = ledger.settle(one, TryLater("x"), AT).fact
    assert third.id == ledger.settle(one, TryLater("y"), AT).fact.id
    one.tries = 2
    fourth, fifth = ledger.make_attempted(one, AT), ledger.make_interrupted(one, AT)
    assert [fact.seq for fact in (first, second, third, fourth, fifth)] == [1, 2, 3, 4, 5]
    assert len({fact.id for fact in (first, second, third, fourth, fifth)}) == 5

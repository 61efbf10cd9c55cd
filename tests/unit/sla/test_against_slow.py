"""Whatever happens to a ticket, its clocks say what a slow second implementation says that counts
minutes one by one.

Tickets live through both daylight saving nights and observed holidays, on calendars with odd
windows; priority and policy change under them. `CALENDAR_EXAMPLES=10000` for all.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.directory import policies
from shared.events import Audience, Plan, Priority, Status
from shared.lifecycle import Move, after
from shared.policy import DESK, DeskPolicy
from tests.support.examples import examples
from tests.unit.sla import watching as say
from tests.unit.sla.slow import CALENDARS, MINUTE, Slow, SlowClock, starts
from tests.unit.sla.watching import Watch, every, rebuilt

EXAMPLES = int(os.environ.get("CALENDAR_EXAMPLES") or examples(100))
NAMES = {"always": 0, "business": 1, "night": 3, "daily": 4}
PERCENTS = (
    50,
    75,
    90,
)  # of targets that are whole multiples of twenty minutes: every warning falls on a minute


@cache
def version(number: int) -> DeskPolicy:
    """Three policies: other targets, on other calendars, and one that promises less."""
    on = {
        1: ("business", "always", "night"),
        2: ("night", "daily", "business"),
        3: ("always", "business", "always"),
    }[number]
    minutes = {"urgent": 20, "high": 60, "normal": 240, "low": 720}

    def targets(times: int, calendar: str) -> list[dict[str, Any]]:
        made = every("1m", calendar, Plan.PREMIER)
        return [{**target, "within": f"{minutes[target['priority']] * times}m"} for target in made]

    return DeskPolicy.model_validate(
        {
            **policies()[DESK],
            "calendars": {name: CALENDARS[place].model_dump() for name, place in NAMES.items()},
            "targets": [
                *targets(1, on[0]),
                *every("12h", "business", *(plan for plan in Plan if plan is not Plan.PREMIER)),
            ],
            "next_reply": targets(1, on[1]) if number < 3 else [],
            "resolution": targets(3, on[2]),
            "provider_answer": {"within": "4h", "calendar": on[1]},
            "reopen_window": "12h",
            "warn_at": PERCENTS,
        }
    )


SLOW = {name: Slow(CALENDARS[place]) for name, place in NAMES.items()}


class SlowTicket:
    """The clocks of one ticket, counted minute by minute."""

    def __init__(self, at: datetime, priority: Priority) -> None:
        self.now, self.priority, self.version = at, priority, 1
        self.clocks: dict[str, SlowClock] = {}
        self.said: dict[str, list[tuple[object, ...]]] = defaultdict(list)
        self.start("initial-response")
        self.start("resolution")

    def start(self, name: str) -> None:
        policy = version(self.version)
        if name == "auto-close":
            self._begin(name, "always", policy.reopen_window)
        elif name == "provider-answer":
            self._begin(name, policy.provider_answer.calendar, policy.provider_answer.within)
        elif (target := policy.promise(name, Plan.PREMIER, self.priority)) is not None:
            self._begin(name, target.calendar, target.within)

    def _begin(self, name: str, calendar: str, target: timedelta) -> None:
        self.clocks[name] = SlowClock(
            SLOW[calendar], target // MINUTE, self.now, said=self.said[name]
        )
        self.clocks[name].touch()
        self.said[name].append(("Started",))

    def wait(self, until: datetime) -> None:
        """Up to `until`, what is due at that very instant not yet said."""
        while self.now < until:
            self.now += MINUTE
            for clock in self.clocks.values():
                clock.minute()
            if self.now < until:
                self.look()

    def look(self) -> None:
        for name, clock in list(self.clocks.items()):
            clock.look(
                () if name == "auto-close" else PERCENTS,
                "RanOut" if name == "auto-close" else "Breached",
            )
            if name == "provider-answer" and clock.state == "breached":
                del self.clocks[name]
            if name == "auto-close" and clock.state == "breached":
                self.clocks.clear()

    def meet(self, *names: str) -> None:
        for name in names:
            clock = self.clocks.get(name)
            if clock is None or clock.state == "met":
                continue
            clock.said.append(("Met", clock.state == "breached", clock.ran))
            if name == "resolution" and clock.state != "breached":
                clock.state = "met"
            else:
                del self.clocks[name]

    def stop(self, name: str, reason: str) -> None:
        if name in self.clocks:
            clock = self.clocks.pop(name)
            clock.said.append(("Stopped", reason, clock.ran))

    def wait_for_customer(self) -> None:
        clock = self.clocks.get("resolution")
        if clock is not None and clock.state == "running":
            clock.state = "paused"
            clock.said.append(("Paused", clock.ran))

    def go_on(self) -> None:
        clock = self.clocks.get("resolution")
        if clock is not None and clock.state in ("paused", "met"):
            clock.state = "running"
            clock.touch()
            clock.said.append(("Resumed", clock.ran))

    def asked(self) -> None:
        if not {"initial-response", "next-reply"} & set(self.clocks):
            self.start("next-reply")

    def review(self, priority: Priority, number: int) -> None:
        self.priority, self.version = priority, number
        for name in ("initial-response", "next-reply", "resolution"):
            clock = self.clocks.get(name)
            if clock is None or clock.state not in ("running", "paused"):
                continue
            target = version(number).promise(name, Plan.PREMIER, priority)
            if target is None:
                self.stop(name, "not-promised")
                continue
            clock.calendar, clock.target = SLOW[target.calendar], target.within // MINUTE
            missed_at = clock.reached.get(clock.target, min(clock.reached.values()))
            clock.touch()
            if clock.target <= clock.ran and clock.state == "running":
                clock.reached[clock.target] = missed_at
            clock.said.append(("Retargeted", clock.ran))


class Ticket:
    """A ticket living both ways at once: what the router would say of it goes to `Watch`, the same
    in plain words to the slow one.
    """

    def __init__(self, at: datetime, priority: Priority) -> None:
        self.at, self.priority, self.version, self.provider = at, priority, 1, ""
        self.status = Status.NEW
        self.watch = Watch(
            say.priority_set(priority=priority, at=at), versions={n: version(n) for n in (1, 2, 3)}
        )
        self.slow = SlowTicket(at, priority)

    def pass_time(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)
        self.watch.run(self.at - timedelta(microseconds=1))
        self.slow.wait(self.at)

    def settle(self) -> None:
        """What is due at this instant comes after what was said at it."""
        self.watch.run(self.at)
        self.slow.look()

    def tell(self, fact: Any) -> None:
        self.watch.take(
            fact.model_copy(update={"policy": {DESK: self.version}, "priority": self.priority})
        )

    def reply(
        self, side: str, move: Move, audience: Audience = Audience.EVERYONE, automatic: bool = False
    ) -> None:
        status = after(self.status, move)
        if status is None or (side == "provider" and not self.provider):
            return
        if self.status is Status.SOLVED and status is Status.OPEN:
            self.reopen("customer")
        self.status = status
        self.tell(say.reply(self.at, side, audience, automatic, status))
        if automatic:
            return
        if move is Move.ANSWER:
            self.slow.meet("initial-response", "next-reply")
        if side == "provider":
            self.slow.meet("provider-answer")
        if side == "customer":
            self.slow.asked()
        if status is Status.PENDING:
            self.slow.wait_for_customer()
        elif status in (Status.NEW, Status.OPEN):
            self.slow.go_on()

    def assign(self, provider: str) -> None:
        if self.status is Status.SOLVED or provider == self.provider:
            return
        self.tell(say.assigned(self.at, provider or None, self.provider or None))
        self.slow.stop("provider-answer", "moved")
        if provider:
            self.slow.start("provider-answer")
        self.provider = provider

    def review(self, priority: Priority, number: int) -> None:
        if self.status is Status.SOLVED or priority is self.priority:
            return
        self.priority, self.version = priority, number
        self.tell(say.reviewed(priority, self.at))
        self.slow.review(priority, number)

    def solve(self, side: str) -> None:
        if self.status is Status.SOLVED or (side == "provider" and not self.provider):
            return
        self.status = Status.SOLVED
        self.tell(say.solved(self.at, side))
        self.slow.meet("initial-response", "next-reply", "resolution")
        if side == "provider":
            self.slow.meet("provider-answer")
        self.slow.stop("provider-answer", "solved")
        self.slow.start("auto-close")

    def reopen(self, side: str) -> None:
        if self.status is not Status.SOLVED:
            return
        self.status = Status.OPEN
        self.tell(say.reopened(self.at, side))
        self.slow.stop("auto-close", "reopened")
        self.slow.go_on()
        if side == "customer":
            self.slow.asked()

    def is_closed(self) -> bool:
        return self.status is Status.SOLVED and "auto-close" not in self.slow.clocks

    def said(self) -> dict[str, list[tuple[object, ...]]]:
        """What `Watch` said, in the slow one's words."""
        found: dict[str, list[tuple[object, ...]]] = defaultdict(list)
        for fact in self.watch.log:
            word = fact.type.removeprefix("Clock")
            more: dict[str, tuple[object, ...]] = {
                "Started": (),
                "Warned": (getattr(fact, "percent", 0), fact.at),
                "Breached": (getattr(fact, "due_at", None),),
                "RanOut": (getattr(fact, "due_at", None),),
                "Met": (getattr(fact, "late", None),),
                "Stopped": (getattr(fact, "reason", None),),
            }
            minutes = (fact.ran // MINUTE,) if hasattr(fact, "ran") else ()
            found[fact.clock].append((word, *more.get(word, ()), *minutes))
        return found


ACTS = st.one_of(
    st.tuples(
        st.just("reply"),
        st.sampled_from(
            [("customer", Move.CUSTOMER_REPLY), ("staff", Move.ANSWER), ("provider", Move.ANSWER)]
        ),
    ),
    st.tuples(st.just("reply"), st.just(("provider", Move.INTERNAL, Audience.PROVIDER))),
    st.tuples(
        st.just("reply"),
        st.sampled_from(["customer", "staff"]).map(
            lambda side: (side, Move.AUTOMATIC, Audience.EVERYONE, True)
        ),
    ),
    st.tuples(st.just("assign"), st.sampled_from([("redisco",), ("mailgrid",), ("",)])),
    st.tuples(st.just("review"), st.tuples(st.sampled_from(list(Priority)), st.integers(1, 3))),
    st.tuples(st.just("solve"), st.sampled_from([("staff",), ("provider",), ("customer",)])),
    st.tuples(st.just("reopen"), st.sampled_from([("staff",), ("customer",)])),
    st.tuples(st.just("settle"), st.just(())),
)
GAPS = st.one_of(
    st.integers(1, 90), st.sampled_from([10, 15, 18, 20, 60, 120, 240, 720]), st.integers(1, 1600)
)
STEPS = st.lists(st.tuples(GAPS, ACTS), min_size=1, max_size=12)


@settings(max_examples=EXAMPLES)
@given(at=starts, priority=st.sampled_from(list(Priority)), steps=STEPS)
def test_the_clocks_say_what_the_slow_one_says(
    at: datetime, priority: Priority, steps: list[Any]
) -> None:
    ticket = Ticket(at, priority)
    for gap, (act, arguments) in steps:
        ticket.pass_time(gap)
        if ticket.is_closed():
            break
        getattr(ticket, act)(*arguments)
        ticket.settle()
    assert ticket.said() == ticket.slow.said
    assert rebuilt(ticket.watch) == ticket.watch.row
    causes = [fact.cause for fact in ticket.watch.log if fact.cause.startswith("tmr_")]
    assert len(causes) == len(set(causes)), "no firing twice"

"""A small domain with everything the spine offers: several facts a decision, timers, side effects.
No service's words.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import ValidationError

from shared import ids
from shared.errors import Poisonous
from shared.events.envelope import Event, Fact, Instant, Value
from shared.spine.rows import Row
from shared.spine.work import Effect, Work, type_name
from shared.wire import Message

FACTS_A_COUNT = 3


class Count(Event):
    """A request: count, ring at `due_at` where there is one, and send something out where asked."""

    type: Literal["Count"] = "Count"
    due_at: Instant | None = None
    send: bool = False
    text: str = ""


class Sent(Event):
    """The outcome of a side effect."""

    type: Literal["Sent"] = "Sent"
    effect: str


class Counted(Fact):
    type: Literal["Counted"] = "Counted"
    number: int
    due_at: Instant | None = None
    owes: str | None = None
    text: str = ""


class Noted(Fact):
    type: Literal["Noted"] = "Noted"
    text: str = ""


class Rang(Fact):
    type: Literal["Rang"] = "Rang"
    due_at: Instant
    timer: str


class Delivered(Fact):
    type: Literal["Delivered"] = "Delivered"
    effect: str


class Timer(Value):
    name: str
    due_at: Instant


class Tally(Row):
    """`timers` still to ring, `owed` still to be sent."""

    number: int = 0
    timers: tuple[Timer, ...] = ()
    owed: tuple[str, ...] = ()


__all__ = [
    "EVENTS",
    "FACTS_A_COUNT",
    "WORK",
    "Count",
    "Counted",
    "Delivered",
    "Event",
    "Fact",
    "Noted",
    "Rang",
    "Sent",
    "Tally",
    "parse",
    "parse_fact",
]

EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (Count, Sent, Counted, Noted, Rang, Delivered)
}


def parse(message: Message) -> Event:
    try:
        return EVENTS[type_name(message)].read(message.value)
    except (KeyError, ValidationError) as error:
        raise Poisonous(f"not ours: {error}") from error


def parse_fact(message: Message) -> Fact:
    event = parse(message)
    assert isinstance(event, Fact)
    return event


def decide(row: Tally | None, event: Event, now: datetime) -> Sequence[Fact]:
    if isinstance(event, Sent):
        return [Delivered(at=now, effect=event.effect)]
    assert isinstance(event, Count)
    if event.text == "bug":
        raise RuntimeError("asked to fail")
    number = (row.number if row else 0) + 1
    owes = ids.derive("eff", event.id) if event.send else None
    return [
        Counted(at=event.at, number=number, due_at=event.due_at, owes=owes, text=event.text),
        *(Noted(at=event.at, text=event.text) for _ in range(FACTS_A_COUNT - 1)),
    ]


def evolve(row: Tally | None, fact: Fact) -> Tally:
    row = row or Tally()
    match fact:
        case Counted():
            timers = (
                (*row.timers, Timer(name=fact.cause, due_at=fact.due_at))
                if fact.due_at
                else row.timers
            )
            return row.model_copy(
                update={
                    "number": fact.number,
                    "timers": timers,
                    "owed": (*row.owed, fact.owes) if fact.owes else row.owed,
                }
            )
        case Rang():
            return row.model_copy(
                update={"timers": tuple(timer for timer in row.timers if timer.name != fact.timer)}
            )
        case Delivered():
            return row.model_copy(
                update={"owed": tuple(effect for effect in row.owed if effect != fact.effect)}
            )
    return row


def due_at(row: Tally) -> datetime | None:
    return min((timer.due_at for timer in row.timers), default=None)


def fire(row: Tally, now: datetime) -> Sequence[Fact]:
    return [
        Rang(
            at=now,
            due_at=timer.due_at,
            timer=timer.name,
            cause=ids.firing_id(timer.name, "ring", timer.due_at),
        )
        for timer in row.timers
        if timer.due_at <= now
    ]


@dataclass(frozen=True)
class Send(Effect):
    key: str


def effects(row: Tally) -> Sequence[Send]:
    return [Send(id=effect, destination="far", key="") for effect in row.owed]


async def perform(effect: Send) -> Event:
    """The far side takes a few milliseconds."""
    await asyncio.sleep(random.uniform(0.001, 0.02))
    return Sent(
        id=ids.derive("out", effect.id), at=datetime.fromtimestamp(0).astimezone(), effect=effect.id
    )


WORK: Work[Tally] = Work(
    name="tally",
    input="in",
    outputs=("out",),
    row=Tally,
    decide=decide,
    evolve=evolve,
    due_at=due_at,
    fire=fire,
    effects=effects,
    perform=perform,
    parse=parse,
    read_fact=parse_fact,
    topic_of=lambda fact: "out",
)

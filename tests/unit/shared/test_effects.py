"""Side effects in flight, and the guard against a burst of dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import Unavailable
from shared.spine.burst import Burst, Halted
from shared.spine.effects import PER_DESTINATION, Effects
from shared.spine.runtime import caught
from shared.spine.work import Effect
from tests.chaos.spine.domain import Event, Sent

NOW = datetime(2026, 11, 20, tzinfo=UTC)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def sent(effect: Effect) -> Event:
    return Sent(id=f"out-{effect.id}", at=NOW, effect=effect.id)


async def test_an_effect_is_started_once_until_its_outcome_is_decided() -> None:
    begun: list[str] = []

    async def perform(effect: Effect) -> Event:
        begun.append(effect.id)
        return await sent(effect)

    effects = Effects(perform, caught, lambda: None)
    effect = Effect("e1", "far")
    effects.start(0, "k", effect)
    effects.start(0, "k", effect)
    await until(lambda: bool(effects.outcomes))
    effects.start(0, "k", effect)
    (outcome,) = effects.take()
    assert begun == ["e1"]
    effects.settle(outcome, [])
    effects.start(0, "k", effect)
    await until(lambda: len(begun) == 2)


async def test_an_effect_owed_still_after_its_outcome_does_not_begin_again() -> None:
    begun: list[str] = []

    async def perform(effect: Effect) -> Event:
        begun.append(effect.id)
        return await sent(effect)

    effects = Effects(perform, caught, lambda: None)
    effect = Effect("e1", "far")
    effects.start(0, "k", effect)
    await until(lambda: bool(effects.outcomes))
    effects.settle(effects.take()[0], [effect])
    effects.start(0, "k", effect)
    await asyncio.sleep(0)
    assert begun == ["e1"]


async def test_a_slow_destination_holds_up_nobody_else() -> None:
    never = asyncio.Event()
    begun: list[str] = []

    async def perform(effect: Effect) -> Event:
        begun.append(effect.destination)
        if effect.destination == "slow":
            await never.wait()
        return await sent(effect)

    effects = Effects(perform, caught, lambda: None)
    for i in range(100):
        effects.start(0, "k", Effect(f"s{i}", "slow"))
    effects.start(0, "k", Effect("q", "quick"))
    await until(lambda: bool(effects.outcomes))
    assert begun.count("slow") == PER_DESTINATION
    assert effects.take()[0].effect.destination == "quick"
    await effects.stop(patience=0)


async def test_what_is_away_is_tried_again_and_a_bug_five_times() -> None:
    tries: dict[str, int] = {}

    async def perform(effect: Effect) -> Any:
        tries[effect.id] = tries.get(effect.id, 0) + 1
        if effect.id == "bug":
            raise RuntimeError
        if tries[effect.id] < 8:
            raise Unavailable("far side")
        return await sent(effect)

    effects = Effects(perform, caught, lambda: None, first_pause=0.001)
    effects.start(0, "k", Effect("away", "a"))
    effects.start(0, "k", Effect("bug", "b"))
    await until(lambda: len(effects.outcomes) == 2)
    assert {outcome.effect.id: outcome.event is not None for outcome in effects.take()} == {
        "away": True,
        "bug": False,
    }
    assert tries == {"away": 8, "bug": 5}


def test_a_burst_is_counted_within_its_window() -> None:
    burst = Burst(limit=10, window=60)
    burst.add(6, 0)
    burst.add(4, 30)
    burst.add(5, 61)
    with pytest.raises(Halted):
        burst.add(2, 62)

"""Tickets as the demo's customers would write them: the same `seed` always makes the same ones.
Pure.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from deploy.demo.directory import HERE

# How many of a hundred; the name of a plan is also that of its demo account.
PLANS = {"free": 40, "premium": 22, "enterprise": 18, "legacy": 8, "premier": 12}
STAGES = {"production": 60, "staging": 22, "development": 18}
PRIORITIES = {None: 40, "low": 10, "normal": 25, "high": 18, "urgent": 7}
"""How many in a hundred. Free accounts never ask for a priority: they are not offered any."""


@dataclass(frozen=True)
class StoryStep:
    """What happens to the ticket next: `action` is the last part of the path, `who` a demo
    identity.
    """

    who: str
    action: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Story:
    """A ticket and what follows it. `key` is the Idempotency-Key: seeding again makes no second
    one.
    """

    key: str
    who: str
    fields: dict[str, Any]
    steps: tuple[StoryStep, ...] = field(default=())


@functools.cache
def texts() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HERE / "texts.yaml").read_text())
    return found


def stories(count: int, seed: int = 1) -> Iterator[Story]:
    """`count` tickets; the first ones of a larger count are the same."""
    for number in range(count):
        # A generator of its own for each ticket: a larger count leaves the first ones as they are.
        yield _story(random.Random(f"{seed}:{number}"), f"seed-{seed}-{number}")


def _pick(rng: random.Random, weights: dict[Any, int]) -> Any:
    return rng.choices(list(weights), list(weights.values()))[0]


def _story(rng: random.Random, key: str) -> Story:
    who, stage = _pick(rng, PLANS), _pick(rng, STAGES)
    text = rng.choice(texts()["tickets"])
    words = _words(rng, f"{who}-{stage}")
    ticket: dict[str, Any] = {
        "subject": text["subject"].format(**words),
        "body": text["body"].format(**words),
        "kind": text["kind"],
        "app": words["app"],
    }
    named = "addon" in text and rng.random() < 0.5
    if named:
        ticket["addon"] = text["addon"]
    # Drawn in any case of the same order: adding a draw would change all tickets after it.
    priority = _pick(rng, PRIORITIES) if who != "free" and text["kind"] == "problem" else None
    if priority:
        ticket["priority"] = priority
    if priority == "urgent":
        ticket["urgent"] = {name: said.format(**words) for name, said in texts()["urgent"].items()}
    return Story(
        key, who, ticket, tuple(_steps(rng, who, text, words, text["addon"] if named else None))
    )


def _steps(
    rng: random.Random, who: str, text: dict[str, str], words: dict[str, Any], provider: str | None
) -> Iterator[StoryStep]:
    """About a third have not been looked at yet, a third wait for somebody, a third are solved."""
    helper = provider or (
        "csa" if text["kind"] == "architecture" else rng.choice(("agent", "agent2"))
    )
    # Chances: an internal note, no answer yet, thanks, and a solution.
    if rng.random() < 0.15:
        yield StoryStep(
            "agent",
            "replies",
            {"body": rng.choice(texts()["notes"]).format(**words), "audience": "staff"},
        )
    if rng.random() < 0.35:
        return
    yield StoryStep(
        helper, "replies", {"body": text["answer"].format(**words), "audience": "everyone"}
    )
    if rng.random() < 0.6:
        yield StoryStep(
            who,
            "replies",
            {"body": rng.choice(texts()["thanks"]).format(**words), "audience": "everyone"},
        )
    if rng.random() < 0.55:
        yield StoryStep(helper, "solve", {"resolution": text["resolution"].format(**words)})


def _words(rng: random.Random, app: str) -> dict[str, Any]:
    return {
        "app": app,
        "time": f"{rng.randrange(24):02}:{rng.randrange(60):02}",
        "minutes": rng.randrange(2, 50),
        "count": rng.randrange(2, 60),
        "percent": rng.randrange(2, 60),
        "ms": rng.randrange(120, 2400),
        "version": f"{rng.randrange(12, 400)}",
        "dyno": rng.choice(("Standard-1X", "Standard-2X", "Performance-M")),
        "region": rng.choice(("Europe", "Oregon", "Frankfurt", "Dublin", "Tokyo", "Virginia")),
        "code": rng.randrange(10, 28),
    }

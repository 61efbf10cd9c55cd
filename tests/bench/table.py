"""How figures are shown: a name, a value, the goal and whether it was met; the same lines as JSON with --json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`goal` is an upper bound where `low` is true, else a lower one; None where there is nothing to meet."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    low: bool = True

    @property
    def is_met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value <= self.goal if self.low else self.value >= self.goal

    def __str__(self) -> str:
        goal = "" if self.goal is None else f"goal {'≤' if self.low else '≥'} {self.goal:g}  {'met' if self.is_met else 'NOT MET'}"
        return f"{self.name:<58} {self.value:>10,.1f} {self.unit:<10} {goal}"


def at_share(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lies (nearest rank); nan of nothing."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else float("nan")

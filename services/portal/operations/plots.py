"""From a report's numbers to a picture with axes: round numbers, days, and where everything stands.
Pure.

Places are percent of the plot's width and height, so that one drawing fits a phone and a desk;
texts keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

INTERVALS = 5
"""At most so many between the lowest and the highest number of an axis."""
DAYS_NAMED = 4
"""At most so many days are written below; as many fit on a phone."""
_EVERY = (1, 2, 7, 14, 21, 28)
"""Days from one that is written to the next: days, or whole weeks."""
_GAP = 0.2
"""Of a bar's place, what stays free."""


@dataclass(frozen=True)
class Tick:
    """A number of the value axis. `at`: percent of its length, from zero on."""

    text: str
    at: float


@dataclass(frozen=True)
class Bar:
    """`at` and `thick`: along the axis of days or names; `long`: along the values, all in percent.
    `says`: label and value in words.
    """

    label: str
    value: str
    at: float
    thick: float
    long: float
    says: str


@dataclass(frozen=True)
class DayName:
    """A day that is written below its bar. `at`: percent of the width."""

    text: str
    at: float
    anchor: Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Plot:
    """`days` empty: bars lie, each under its name. `says`: what it shows, for who cannot see it."""

    title: str
    unit: str
    says: str
    ticks: list[Tick]
    bars: list[Bar]
    days: list[DayName]


def plot_of(title: str, bars: Sequence[tuple[str, float]], unit: str) -> Plot | None:
    """None where there is nothing to see. `bars`: labels, ISO days or names, with their values.
    `unit`: what is counted; minutes (`min`) are drawn as hours where they are many.
    """
    most = max((value for _, value in bars), default=0)
    if most <= 0:
        return None
    # Hours from four hours on: people do not think in hundreds of minutes.
    divisor = 60 if unit.startswith("min") and most > 4 * 60 else 1
    unit = unit.replace("min", "hours" if divisor > 1 else "minutes", 1)
    ticks = round_ticks(most / divisor, is_share=unit.startswith("percent"))
    # The plot ends at a round number above the highest bar.
    top = ticks[-1]
    place = 100 / len(bars)
    drawn = [
        Bar(
            label=label,
            value=_number(value / divisor),
            at=round((number + _GAP / 2) * place, 3),
            thick=round(place * (1 - _GAP), 3),
            long=round(100 * value / divisor / top, 3),
            says=f"{label}: {_number(value / divisor)} {unit}",
        )
        for number, (label, value) in enumerate(bars)
    ]
    highest = max(bars, key=lambda each: each[1])
    says = (
        # Said in words too: whoever does not see the picture gets its sense.
        f"{len(bars)} bars, {bars[0][0]} to {bars[-1][0]}, from 0 to {_number(top)} {unit}. "
        f"The highest is {highest[0]} with {_number(most / divisor)}. The table has each."
    )
    return Plot(
        title=title,
        unit=unit,
        says=says,
        ticks=[Tick(_number(value), round(100 * value / top, 3)) for value in ticks],
        bars=drawn,
        days=_name_days([label for label, _ in bars]),
    )


def round_ticks(most: float, *, is_share: bool = False) -> list[float]:
    """Numbers from 0 to `most` or just above, evenly apart by 1, 2 or 5 times a power of ten;
    counts are never cut in parts. `is_share`: 0 to 100 in any case.
    """
    if is_share:
        return [0, 25, 50, 75, 100]
    rough = most / INTERVALS
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    # A hair of room, since division of floats may end just above.
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough * (1 - 1e-9))
    # Counts have no halves.
    step = max(step, 1)
    return [number * step for number in range(math.ceil(most / step - 1e-9) + 1)]


def _name_days(labels: Sequence[str]) -> list[DayName]:
    """The last day and, back from there, some of the others; none where the labels are no days."""
    try:
        days = [date.fromisoformat(label) for label in labels]
    except ValueError:
        return []
    count = len(days)
    # Few enough to stand side by side; whole weeks as soon as single days do not fit.
    every = next((n for n in _EVERY if count <= n * DAYS_NAMED), _EVERY[-1])
    named = []
    # From the last day back: today is what people look for.
    for number in range(count - 1, -1, -every):
        at = round((number + 0.5) * 100 / count, 3)
        anchor: Literal["start", "middle", "end"] = "middle"
        # A name near the edge stays within the plot.
        if at > 92:
            anchor, at = "end", 100
        elif at < 8:
            anchor, at = "start", 0
        named.append(DayName(f"{days[number].day} {days[number]:%b}", at, anchor))
    return named[::-1]


def _number(value: float) -> str:
    """`1,250`; with one digit after the point where it is below ten and no whole number."""
    return f"{value:,.0f}" if value >= 10 or float(value).is_integer() else f"{value:.1f}"

"""Which facts count for which figure, purely. `pulse.py` keeps the windows.

A figure is a sum over a window, but for the time to route, which is told as its mean and its 95th
percentile. The latter is read from counts by bound, so it is the bound the 95th of a hundred stayed
under, not the exact value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from shared import events as e

OPENED, SOLVED, REPLIES, PAGES = "tickets-opened", "tickets-solved", "replies", "pages-opened"
MET, BREACHED, BREACHED_HOURLY = "clocks-met", "clocks-breached", "clocks-breached-hourly"
ROUTED_MEAN, ROUTED_P95 = "time-to-route", "time-to-route-p95"
_ROUTED_SUM, _ROUTED_N, _ROUTED_LE = "routed-seconds", "routed", "routed-le-"

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds. Slower than the last counts under none; the percentile is then told as twice
the last.
"""

ALL = "all"

# Each of these has a case in `points`.
COUNTED = frozenset(
    kind.__name__
    for kind in (
        e.TicketOpened,
        e.TicketRouted,
        e.TicketSolved,
        e.ReplyAdded,
        e.ClockMet,
        e.ClockBreached,
        e.PageOpened,
    )
)
"""The facts that count; the others are not even parsed."""


class Point(NamedTuple):
    """Add `value` to `counter` of `group` in the window around `at`."""

    counter: str
    group: str
    at: datetime
    value: float = 1.0


def points(fact: e.Event, written_at: datetime) -> list[Point]:
    """What a fact adds; `written_at` is when its author wrote it to Kafka, by the same clock as the
    fact's `at`.
    """
    match fact:
        case e.TicketOpened():
            return [Point(OPENED, ALL, fact.at)]
        case e.TicketRouted():
            # Clocks of two machines may make it less than nothing.
            took = max(0.0, (written_at - fact.at).total_seconds())
            # The first bound that it stays under; none for what is slower than all.
            slot = [
                Point(f"{_ROUTED_LE}{bound:g}", ALL, fact.at) for bound in BOUNDS if took <= bound
            ][:1]
            return [
                # Opened by queue is known only here: a ticket has none before it is routed.
                Point(OPENED, fact.queue, fact.at),
                Point(_ROUTED_SUM, ALL, fact.at, took),
                Point(_ROUTED_N, ALL, fact.at),
                *slot,
            ]
        case e.TicketSolved():
            return [Point(SOLVED, ALL, fact.at)]
        case e.ReplyAdded():
            return [Point(REPLIES, fact.side, fact.at)]
        case e.ClockMet():
            # When it was met and not when somebody noticed, so that figures of the past stay put.
            return [Point(MET, _choose_group(fact), fact.met_at)]
        case e.ClockBreached():
            return [
                Point(BREACHED, _choose_group(fact), fact.due_at),
                Point(BREACHED_HOURLY, _choose_group(fact), fact.due_at),
            ]
        # A test page says nothing about the load.
        case e.PageOpened() if not fact.test_of:
            return [Point(PAGES, ALL, fact.at)]
        case _:
            return []


def _choose_group(fact: e.ClockFact) -> str:
    """Promises to customers are counted together, each of the other clocks by itself."""
    return ALL if fact.clock in e.PROMISES else fact.clock


def figures_of(counter: str) -> tuple[str, ...]:
    """The figures to compute again when a counter moved."""
    # Both are made of the same counters.
    return (ROUTED_MEAN, ROUTED_P95) if counter.startswith("routed") else (counter,)


def value_of(figure: str, read: Callable[[str], float]) -> float:
    """The figure of one group and window; `read(counter)` gives the sums."""
    return _DERIVED[figure](read) if figure in _DERIVED else read(figure)


def _mean(read: Callable[[str], float]) -> float:
    return read(_ROUTED_SUM) / read(_ROUTED_N) if read(_ROUTED_N) else 0.0


def _p95(read: Callable[[str], float]) -> float:
    """Each counter holds those between the bound before and its own."""
    total = read(_ROUTED_N)
    if not total:
        return 0.0
    under = accumulate(read(f"{_ROUTED_LE}{bound:g}") for bound in BOUNDS)
    return next(
        (bound for bound, n in zip(BOUNDS, under, strict=True) if n >= 0.95 * total), 2 * BOUNDS[-1]
    )


# Figures that are no plain sum.
_DERIVED: Mapping[str, Callable[[Callable[[str], float]], float]] = {
    ROUTED_MEAN: _mean,
    ROUTED_P95: _p95,
}

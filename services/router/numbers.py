"""What the router tells Prometheus about tickets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from prometheus_client import Histogram

from shared.events import Event, Fact, OpenTicket, TicketRouted

R = TypeVar("R")
Decide = Callable[[R, Event, datetime], Sequence[Fact]]

TIME_TO_ROUTE = Histogram(
    "signalbox_time_to_route_seconds",
    "From a ticket accepted by intake to its queue decided",
    # Seconds: fine below one, where routing belongs, coarse above, where it only waits.
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300),
)


def measure_routing(decide: Decide[R]) -> Decide[R]:
    """`decide`, which also observes how long each new ticket waited for its queue. Imported tickets
    came long ago, and are left out.
    """

    def decide_and_measure(row: R, event: Event, now: datetime) -> Sequence[Fact]:
        facts = decide(row, event, now)
        # Facts without TicketRouted are a refusal, or a repeat that decides nothing.
        if (
            isinstance(event, OpenTicket)
            and not event.imported
            and any(isinstance(fact, TicketRouted) for fact in facts)
        ):
            # Clocks of two machines can differ: a negative time counts as none.
            TIME_TO_ROUTE.observe(max(0.0, (now - event.at).total_seconds()))
        return facts

    return decide_and_measure

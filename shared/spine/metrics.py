"""What the spine tells Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from shared.spine.draft import Turn
from shared.spine.recovery import PartitionState
from shared.spine.rows import R

HANDLED = Counter(
    "signalbox_handled_total", "Messages, outcomes and firings decided", ["worker", "what"]
)
FACTS = Counter("signalbox_facts_total", "Facts published", ["worker"])
LETTERS = Counter("signalbox_dead_letters_total", "Dead letters written", ["worker"])
TURN = Histogram(
    "signalbox_turn_seconds", "One turn: decide, publish, remember, commit", ["worker"]
)
LATE = Histogram(
    "signalbox_firing_late_seconds",
    "From due to fired",
    ["worker"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
PARKED = Gauge("signalbox_parked_keys", "Keys that wait for a human", ["worker"])
ROWS = Gauge("signalbox_rows", "Rows kept", ["worker"])
LAG = Gauge(
    "signalbox_lag", "Messages not yet decided, over the partitions of this process", ["worker"]
)


def record_turn(worker: str, draft: Turn[R], seconds: float) -> None:
    """A turn has been committed."""
    for what, count in draft.counts.items():
        HANDLED.labels(worker, what).inc(count)
    FACTS.labels(worker).inc(len(draft.facts))
    LETTERS.labels(worker).inc(len(draft.letters))
    TURN.labels(worker).observe(seconds)
    for late in draft.lateness:
        LATE.labels(worker).observe(late)


def record_holdings(worker: str, parts: Iterable[PartitionState], lag: int) -> None:
    """What the worker holds now."""
    held = list(parts)
    LAG.labels(worker).set(lag)
    ROWS.labels(worker).set(sum(len(part.rows) for part in held))
    PARKED.labels(worker).set(sum(len(part.rows.parked) for part in held))

"""Partitions of the log that cannot be read in this process, for readiness, metrics and pages.

One damaged partition stands still; the others go on. Who reads (`shared/bus/around.py`) notes it
here and takes it back when it can be read again. A loss that reading went on after is noted for a
while (`note_loss`), so that it is seen and pages.
"""

from __future__ import annotations

import time

from prometheus_client import Counter, Gauge

Place = tuple[str, int]
"""(topic, partition)"""

DAMAGED = Gauge(
    "signalbox_damaged_partitions",
    "1 where a partition of the log cannot be read here",
    ["topic", "partition"],
)

LOSSES = Counter(
    "signalbox_log_losses_total",
    "Times that records were gone before they were read here, and reading went on after them",
    ["topic", "partition"],
)

LOSS_SHOWN_S = 900.0
"""A loss is shown for so long."""

# One process, one state: several readers note here what one page of readiness shows.
_standing: dict[Place, str] = {}
_losses: dict[Place, tuple[str, float]] = {}


def note(place: Place, text: str) -> bool:
    """A partition cannot be read; `text` says where and why. True where that is news."""
    is_new = _standing.get(place) != text
    _standing[place] = text
    DAMAGED.labels(place[0], str(place[1])).set(1)
    return is_new


def clear(place: Place) -> bool:
    """It can be read. True where that is news."""
    if _standing.pop(place, None) is None:
        return False
    DAMAGED.labels(place[0], str(place[1])).set(0)
    return True


def note_loss(place: Place, text: str) -> None:
    """Records are gone, reading goes on after them; `text` says which."""
    _losses[place] = (text, time.monotonic() + LOSS_SHOWN_S)
    LOSSES.labels(place[0], str(place[1])).inc()


def list_damage() -> dict[Place, str]:
    """What cannot be read now, and what was lost lately, and why."""
    moment = time.monotonic()
    for place in [place for place, (_, until) in _losses.items() if until <= moment]:
        del _losses[place]
    # Damage that stands wins over a loss that is past.
    return {**{place: text for place, (text, _) in _losses.items()}, **_standing}


def forget() -> None:
    """Nothing stands: for tests."""
    for place in list(_standing):
        clear(place)
    _losses.clear()


def trouble() -> str | None:
    """One sentence for operators; None where everything can be read."""
    found = list_damage()
    if not found:
        return None
    told = "; ".join(
        f"{topic}/{partition} ({why})" for (topic, partition), why in sorted(found.items())
    )
    return f"damaged partitions, see docs/runbooks/damaged-partition.md: {told}"

"""When to try a destination, and when to let it be: breaker and back-off as values in, values out.
Seconds are of a monotonic clock.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """Opens after `failures` in a row, for `open_for` seconds, doubling up to `longest`
    (RELIABILITY, dead destination).
    """

    failures: int = 5
    open_for: float = 30.0
    longest: float = 600.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """Closed: everything passes. Open until `until`: nothing. After that half-open: one try
    decides.

    `opened` counts how often it opened since the last success; `probing` is set while the one try
    is under way.
    """

    limits: BreakerLimits = BreakerLimits()
    failures: int = 0
    opened: int = 0
    until: float | None = None
    probing: bool = False

    def wait(self, now: float) -> float | None:
        """Seconds until a try may begin: 0 now, None while another's probe must come back first."""
        # Closed.
        if self.until is None:
            return 0.0
        # Open: not before its time.
        if now < self.until:
            return self.until - now
        # Half-open: one try at a time.
        return None if self.probing else 0.0

    def began(self) -> Breaker:
        """A try begins (only where `wait` said 0)."""
        return replace(self, probing=self.until is not None)

    def succeeded(self) -> Breaker:
        return Breaker(self.limits)

    def failed(self, now: float) -> Breaker:
        """A try failed. Those still under way when it opened do not prolong it."""
        # It opened while this try was under way.
        if self.until is not None and not self.probing:
            return self
        failures = self.failures + 1
        # Closed, and not often enough yet.
        if self.until is None and failures < self.limits.failures:
            return replace(self, failures=failures)
        # Each opening in a row is twice as long as the one before.
        pause = min(self.limits.open_for * 2**self.opened, self.limits.longest)
        return replace(
            self, failures=failures, opened=self.opened + 1, until=now + pause, probing=False
        )

    @property
    def state(self) -> str:
        return "closed" if self.until is None else "half-open" if self.probing else "open"


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first` × `factor`^n up to `longest`, ± 10 % by the notice's id, until the notice is older
    than `give_up`.
    """

    first: timedelta
    factor: float
    longest: timedelta
    give_up: timedelta

    def after(self, tries: int, age: timedelta, notice: str) -> timedelta | None:
        """How long to wait after the failed try number `tries` (1, 2…); None: given up, a human
        sees it.
        """
        if age >= self.give_up:
            return None
        # The exponent is bounded, so that no number of tries overflows.
        plain = min(
            self.first.total_seconds() * self.factor ** min(tries - 1, 64),
            self.longest.total_seconds(),
        )
        # By the notice's id and not by chance: the same notice waits the same time after a restart.
        spread = hashlib.sha256(f"{notice}:{tries}".encode()).digest()[0] / 255
        return timedelta(seconds=plain * (0.9 + 0.2 * spread))


BACKOFFS = {
    # Fast at first, seldom later: a receiver that is down for days is asked every two hours.
    "webhook": Backoff(timedelta(seconds=5), 3, timedelta(hours=2), timedelta(hours=72)),
    "mail": Backoff(timedelta(seconds=15), 2, timedelta(minutes=15), timedelta(days=5)),
}
"""By notice kind (RELIABILITY: webhooks 72 h, mail every 15 min at the slowest for 5 days)."""

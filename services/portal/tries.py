"""Password guessing is slowed down, and nobody is locked out by it.

Tries are counted by account and address, by address, and by account over all addresses (a guesser may have many). A browser
that has signed in to the account before shows a device cookie and is counted by that alone, so the person guessed at still
gets in, from the guesser's own network too (OWASP, "Device cookies"). Counts are per process and in memory.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from shared.errors import Refused

DEVICE_COOKIE = "signalbox_device"
PER_ACCOUNT_AND_ADDRESS = RateLimitItemPerMinute(8)
PER_ADDRESS = RateLimitItemPerMinute(120)
PER_ACCOUNT = RateLimitItemPerHour(200)
PER_DEVICE = RateLimitItemPerMinute(8)


class Tries:
    """`secret` seals the device cookies; without one there are none."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, email: str, address: str, device: str | None) -> None:
        """Count one try. Raises Refused `too-many-tries` (429)."""
        if self.is_known(email, device):
            within = self._hit(PER_DEVICE, "device", str(device))
        else:
            within = (
                self._hit(PER_ADDRESS, "address", address)
                and self._hit(PER_ACCOUNT_AND_ADDRESS, "both", email, address)
                and self._hit(PER_ACCOUNT, "account", email)
            )
        if not within:
            raise Refused("too-many-tries", "too many tries; wait a minute", status=429, extra={"retry_after": 60})

    def forgive(self, email: str, address: str, device: str | None) -> None:
        """They got in: their tries are over."""
        self._limiter.clear(PER_ACCOUNT_AND_ADDRESS, "both", email, address)
        if device:
            self._limiter.clear(PER_DEVICE, "device", device)

    def device_for(self, email: str) -> str | None:
        """A new cookie for a browser that has signed in to the account."""
        drawn = secrets.token_urlsafe(12)
        return f"{drawn}.{self._seal(drawn, email)}" if self._secret else None

    def is_known(self, email: str, device: str | None) -> bool:
        """Whether the cookie says that this browser signed in to the account before."""
        drawn, _, seal = (device or "").partition(".")
        return bool(self._secret and seal) and hmac.compare_digest(seal.encode(), self._seal(drawn, email).encode())

    def _hit(self, rate: RateLimitItem, *who: str) -> bool:
        return self._limiter.hit(rate, *who)

    def _seal(self, drawn: str, email: str) -> str:
        return hmac.new((self._secret or "").encode(), f"signalbox.device\0{drawn}\0{email}".encode(), hashlib.sha256).hexdigest()

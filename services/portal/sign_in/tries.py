"""Password guessing is slowed down, and nobody is locked out by it.

Tries are counted by account and address, by address, and by account over all addresses (a guesser
may have many). A browser that has signed in to the account before shows a device cookie and is
counted by that alone, so the person guessed at still gets in, from the guesser's own network too
(OWASP, "Device cookies"). Counts are per process and in memory; where there are several copies of
the process, each gives its share.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from shared.errors import Refused

DEVICE_COOKIE = "signalbox_device"
# Few enough to be of no use to a guesser, and enough for somebody who mistypes.
PER_ACCOUNT_AND_ADDRESS = RateLimitItemPerMinute(8)
PER_ADDRESS = RateLimitItemPerMinute(120)
PER_ACCOUNT = RateLimitItemPerHour(200)
PER_DEVICE = RateLimitItemPerMinute(8)
CODES_PER_ACCOUNT, CODES_PER_DEVICE = RateLimitItemPerHour(30), RateLimitItemPerHour(30)
"""Codes of the second step: three of a million are good at a time, so that few tries are safe."""


LEAST = 3
"""Tries that every copy gives, however many there are: people mistype."""


class Tries:
    """`secret` seals the device cookies; without one there are none. Each of `copies` processes
    gives its share of the tries.
    """

    def __init__(self, secret: str | None, copies: int = 1) -> None:
        self._secret, self._copies = secret, copies
        # Exact at every instant: a fixed window would allow twice as many around its end.
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, email: str, address: str, device: str | None) -> None:
        """Count one try. Raises Refused `too-many-tries` (429)."""
        # By the cookie alone, so that guessing at their account does not count against them.
        if self.is_known(email, device):
            within = self._hit(PER_DEVICE, "device", str(device))
        else:
            within = (
                # The address first: where it is over its limit, no account pays for it.
                self._hit(PER_ADDRESS, "address", address)
                and self._hit(PER_ACCOUNT_AND_ADDRESS, "both", email, address)
                and self._hit(PER_ACCOUNT, "account", email)
            )
        if not within:
            raise Refused(
                "too-many-tries",
                "too many tries; wait a minute",
                status=429,
                extra={"retry_after": 60},
            )

    def take_code(self, email: str, device: str | None) -> None:
        """Count one code of the second step, by somebody who knows the password. Raises Refused
        `too-many-tries` (429).
        """
        is_known = self.is_known(email, device)
        # The person has given the password already: only guessing the code is left to slow down.
        rate, who = (
            (CODES_PER_DEVICE, ("code-device", str(device)))
            if is_known
            else (CODES_PER_ACCOUNT, ("code", email))
        )
        if not self._hit(rate, *who):
            raise Refused(
                "too-many-tries",
                "too many codes; wait an hour, or use a browser you have logged in with before",
                status=429,
                extra={"retry_after": 3600},
            )

    def forgive(self, email: str, address: str, device: str | None) -> None:
        """They got in: their tries are over."""
        # The counts over all addresses stay: others may be guessing just now.
        self._limiter.clear(self._share(PER_ACCOUNT_AND_ADDRESS), "both", email, address)
        if device:
            self._limiter.clear(self._share(PER_DEVICE), "device", device)

    def device_for(self, email: str) -> str | None:
        """A new cookie for a browser that has signed in to the account."""
        drawn = secrets.token_urlsafe(12)
        return f"{drawn}.{self._seal(drawn, email)}" if self._secret else None

    def is_known(self, email: str, device: str | None) -> bool:
        """Whether the cookie says that this browser signed in to the account before."""
        drawn, _, seal = (device or "").partition(".")
        # In constant time, since the seal is a secret.
        return bool(self._secret and seal) and hmac.compare_digest(
            seal.encode(), self._seal(drawn, email).encode()
        )

    def _hit(self, rate: RateLimitItem, *who: str) -> bool:
        return self._limiter.hit(self._share(rate), *who)

    def _share(self, rate: RateLimitItem) -> RateLimitItem:
        """What this copy gives of it. The key of a count has the amount in it."""
        return type(rate)(max(LEAST, math.ceil(rate.amount / self._copies)))

    def _seal(self, drawn: str, email: str) -> str:
        return hmac.new(
            (self._secret or "").encode(),
            f"signalbox.device\0{drawn}\0{email}".encode(),
            hashlib.sha256,
        ).hexdigest()

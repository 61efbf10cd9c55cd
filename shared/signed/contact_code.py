"""The code that proves a contact method reaches its person: derived, so nothing is stored and
nothing of it stands in the log. Pure.

It is bound to person, method, channel, address and time: whoever changes the address has to prove
the new one.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from shared.policy.on_call.document import ContactMethod

GOOD_FOR = timedelta(minutes=15)
"""At least; a code begins with the step of five minutes it is made in, so up to five minutes
more.
"""
DIGITS = 8

_STEP = timedelta(minutes=5)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def code_for(secret: bytes, person: str, method: ContactMethod, asked_at: datetime) -> str:
    """Eight digits. The same arguments give the same code."""
    return _code(secret, person, method, _step(asked_at))


def fits(secret: bytes, person: str, method: ContactMethod, given: str, now: datetime) -> bool:
    """Whether `given` was made for this very method not longer than GOOD_FOR ago. Compares in
    constant time.

    A step ahead counts as well: the clock of whoever asked may be a little before ours.
    """
    # From the oldest step that is still good to one ahead.
    steps = range(_step(now) - GOOD_FOR // _STEP, _step(now) + 2)
    # All steps are tried, so that the time tells nothing.
    found = [
        hmac.compare_digest(_code(secret, person, method, step).encode(), given.encode())
        for step in steps
    ]
    return any(found)


def is_over(asked_at: datetime, now: datetime) -> bool:
    """Whether a code asked for then is of no use any more."""
    return now - asked_at > GOOD_FOR


def _step(at: datetime) -> int:
    return (at - _EPOCH) // _STEP


def _code(secret: bytes, person: str, method: ContactMethod, step: int) -> str:
    hasher = hmac.new(secret, digestmod=hashlib.sha256)
    for part in (
        "signalbox-contact-code",
        person,
        method.name,
        method.channel.value,
        method.address,
        str(step),
    ):
        raw = part.encode()
        hasher.update(b"%d:" % len(raw))
        # The length before each part: no two lists of parts give the same bytes.
        hasher.update(raw)
    # 64 bits modulo 10^8: all codes are as good as equally likely.
    return f"{int.from_bytes(hasher.digest()[:8], 'big') % 10**DIGITS:0{DIGITS}d}"

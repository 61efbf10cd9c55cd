"""Waiting for a condition, with a bound and a message; the only place of the tests where time
passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

STRETCH = 5
LONGEST_PAUSE_S = 0.2


def stretched(seconds: float) -> float:
    """A bound in real seconds as it is held here: other tests run beside. The figures themselves
    are `make chaos`'s and `make bench`'s.
    """
    return STRETCH * seconds


def eventually(
    look: Callable[[], T], *, within: float = 30.0, every: float = 0.02, what: str = ""
) -> T:
    """The first truthy value of `look`, or AssertionError with the last thing seen. An
    AssertionError inside counts as not yet.

    What takes long is looked at less often: looking costs the stack the time that it needs.
    """
    end = time.monotonic() + within
    last: object = None
    while True:
        try:
            found = look()
            if found:
                return found
            last = found
        except AssertionError as error:
            last = error
        if time.monotonic() >= end:
            raise AssertionError(
                f"not within {within} s{': ' + what if what else ''}; last seen: {last!r}"
            )
        time.sleep(every)
        every = min(1.3 * every, max(every, LONGEST_PAUSE_S))

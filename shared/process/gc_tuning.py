"""The collector's manners. What we handle is freed by its counts; cycles are rare, so looking for
them seldom is enough.
"""

from __future__ import annotations

import gc


def spare_what_lives() -> None:
    """Call once a process has imported and built what stays for its life. That is never looked at
    again, and cycles are looked for after 50,000 new containers instead of 700: a batch made the
    collector walk all rows and events again and again, for an eighth of the router's time."""
    # In this order: what is garbage now must not be frozen with the rest.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)

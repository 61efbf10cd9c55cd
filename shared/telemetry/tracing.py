"""Trace context (W3C Trace Context): which request something belongs to, from the browser's call to
the last notice.

A trace id is 32 hex digits. It comes with a request in `traceparent`, or is drawn here; it goes
with every record in the Kafka header of that name, and stands in the answer's header `X-Trace-Id`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

HEADER = "X-Trace-Id"
# Version, trace id, span id, flags. "ff" as the version is forbidden, all zeros mean none.
_FORM = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)
_ZERO = "0" * 32
# Ids drawn in one call.
_AT_ONCE = 256
_pool: list[str] = []


class Trace(NamedTuple):
    """One span of a trace. `parent` is the span it belongs to, "" where it begins the trace."""

    trace_id: str
    span_id: str
    flags: str = "01"
    parent: str = ""

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def child(self) -> Trace:
        """A new span of this trace."""
        return Trace(self.trace_id, _draw()[:16], self.flags, self.span_id)


def parse(traceparent: str | bytes | None) -> Trace | None:
    """The span that `traceparent` names; None where it is missing, malformed or all zero."""
    if not traceparent:
        return None
    if isinstance(traceparent, bytes):
        traceparent = traceparent.decode("ascii", "replace")
    found = _FORM.fullmatch(traceparent)
    # A malformed header begins a new trace, as the standard asks. It is never an error.
    if found is None or found[1] == _ZERO or found[2] == _ZERO[:16] or traceparent[:2] == "ff":
        return None
    return Trace(found[1], found[2], found[3])


def derive_trace(text: str) -> Trace:
    """A span whose ids come from `text`: handling the same thing again is the same trace."""
    drawn = hashlib.sha256(text.encode()).hexdigest()
    return Trace(drawn[:32], drawn[32:48])


def begin(traceparent: str | bytes | None = None) -> Trace:
    """A new span: of the caller's trace, or of a new one where `traceparent` names none."""
    if (caller := parse(traceparent)) is not None:
        return caller.child()
    drawn = _draw()
    return Trace(drawn[:32], drawn[32:])


def _draw() -> str:
    """48 random hex digits. Many are drawn at once: asking the kernel costs as much as the rest of
    a request's bookkeeping.
    """
    # No lock: `pop` is atomic, and an empty pool only draws anew.
    try:
        return _pool.pop()
    except IndexError:
        drawn = secrets.token_hex(24 * _AT_ONCE)
        _pool.extend(drawn[at : at + 48] for at in range(48, len(drawn), 48))
        return drawn[:48]

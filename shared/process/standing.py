"""Consumers and replicas of this process that are behind and do not move, for readiness.

`shared/bus/progress/overseer.py` notes them here and takes them back when they go on.
"""

from __future__ import annotations

_standing: dict[str, str] = {}


def note(consumer: str, text: str | None) -> None:
    """Which partition of a consumer does not move, in words; None: all do."""
    if text is None:
        _standing.pop(consumer, None)
    else:
        _standing[consumer] = text


def trouble() -> str | None:
    """One sentence for operators; None where everybody gets on."""
    if not _standing:
        return None
    told = "; ".join(f"{consumer}: {text}" for consumer, text in sorted(_standing.items()))
    return f"no progress, see docs/runbooks/no-progress.md: {told}"

"""What `signalbox doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    """`state` is ok, warning (something will not work, the rest will) or missing (`up` cannot
    start). `advice` says what to do.
    """

    name: str
    state: str
    found: str
    advice: str = ""

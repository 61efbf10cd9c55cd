"""What the demo published (passwords and tokens that stand in the README) is worth nothing without
the demo. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FIELD, DEMO = "origin", "demo"
_MARK = b'"origin":"demo"'
"""As the log's JSON has it. Inside a text the quotes would be escaped, so no text looks like it."""


def mark(document: dict[str, Any]) -> dict[str, Any]:
    """The document, known for the demo's from now on."""
    return {**document, FIELD: DEMO}


def is_void(*, demo: bool) -> Callable[[bytes], bool]:
    """Which records of topic `directory` are worth nothing in an installation that is the demo, or
    is not: `Replica`'s `is_void`.
    """
    # Bytes are searched and no JSON is read: this runs for every record of the directory.
    return (lambda _: False) if demo else (lambda value: _MARK in value)

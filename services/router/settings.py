"""Settings of the router."""

from __future__ import annotations

from shared.settings import Settings


class RouterSettings(Settings):
    """Everything the router needs is what every process needs."""

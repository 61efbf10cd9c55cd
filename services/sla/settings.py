"""Settings of sla."""

from __future__ import annotations

from shared.settings import Settings


class SlaSettings(Settings):
    """Everything sla needs is what every process needs."""

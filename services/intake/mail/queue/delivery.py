"""One handing-over of a message, as it is kept until the log says what became of it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.intake.mail.reading.models import Envelope
from shared.telemetry.tracing import Trace, derive_trace


class Delivery(BaseModel):
    """One handing-over of message `digest` (its SHA-256, by which the raw message is found)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    digest: str
    size: int
    via: Literal["smtp", "api"]
    envelope: Envelope

    @property
    def key(self) -> str:
        """Tells it from another: a gateway may hand in other bytes under the same
        Idempotency-Key.
        """
        return f"{self.id}.{self.digest}"


def trace_of(delivery: Delivery) -> Trace:
    """One message is one trace, however often it is handed over or handled."""
    return derive_trace(f"mail:{delivery.digest}")

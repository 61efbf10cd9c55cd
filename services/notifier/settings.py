"""Settings of the notifier's processes."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.settings import PagingSettings


class NotifierSettings(PagingSettings):
    """`SIGNALBOX_<NAME>`. The secret is needed: it signs webhooks and acknowledgement links."""

    secret: SecretStr = Field(description="signs links and webhooks; at least 16 characters", min_length=16)
    mail_name: str = "Signalbox Support"
    mail_slots: int = Field(4, ge=1, le=64, description="connections to the relay")
    webhook_slots: int = Field(2, ge=1, le=64, description="sends at once to one provider")
    notice_timeout: float = Field(10.0, gt=0, description="seconds for one send in all")
    breaker_open_for: float = Field(30.0, gt=0, description="seconds a failing destination is let be at first")

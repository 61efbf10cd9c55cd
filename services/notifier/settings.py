"""Settings of the notifier's processes."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.settings import PagingSettings, SendingSettings, Settings, StoreSettings


class FrontSettings(Settings):
    """Everything the front needs is what every process needs."""


class PagerSettings(PagingSettings):
    """The secret is needed: it signs acknowledgement links."""

    secret: SecretStr = Field(description="signs links; at least 16 characters", min_length=16)


class CourierSettings(SendingSettings, StoreSettings):
    """The secret is needed: it signs webhooks and links."""

    secret: SecretStr = Field(
        description="signs links and webhooks; at least 16 characters", min_length=16
    )
    mail_slots: int = Field(
        8,
        ge=1,
        le=64,
        description="connections to the relay; one that takes 0.3 s a mail keeps up with 17 "
        "tickets/s",
    )
    bulk_slots: int = Field(
        12,
        ge=1,
        le=64,
        description="connections to the relay for mail to many; so many may come twice after a "
        "kill",
    )
    webhook_slots: int = Field(2, ge=1, le=64, description="sends at once to one provider")
    notice_timeout: float = Field(10.0, gt=0, description="seconds for one send in all")
    mail_answers_hourly: int = Field(
        0,
        ge=0,
        description="automatic mails to one address within an hour; 0: 60, in the demo 100,000",
    )
    breaker_open_for: float = Field(
        30.0, gt=0, description="seconds a failing destination is let be at first"
    )

    @property
    def answers_hourly(self) -> int:
        """The demo's few people open tickets by the thousand in benches."""
        return self.mail_answers_hourly or (100_000 if self.demo else 60)

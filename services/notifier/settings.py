"""Settings of the notifier's processes."""

from __future__ import annotations

from pydantic import AliasChoices, Field, SecretStr

from shared.settings import MailSettings


class NotifierSettings(MailSettings):
    """`SIGNALBOX_<NAME>`. The secret is needed: it signs webhooks and acknowledgement links."""

    secret: SecretStr = Field(description="signs links and webhooks; at least 16 characters", min_length=16)
    portal_url: str = Field("http://127.0.0.1:8000", pattern=r"^https?://", description="where people reach the portal")
    allow_private_webhooks: bool = Field(False, description="let webhooks go to private addresses; the demo does")
    pagerduty_url: str = Field("https://events.pagerduty.com/v2/enqueue", pattern=r"^https?://")
    relay_host: str = Field("127.0.0.1", description="the SMTP relay for mail out")
    relay_port: int = Field(8026, ge=1, le=65535, validation_alias=AliasChoices("SIGNALBOX_RELAY_PORT", "SIGNALBOX_SINK_SMTP_PORT"))

    mail_name: str = "Signalbox Support"
    mail_slots: int = Field(4, ge=1, le=64, description="connections to the relay")
    webhook_slots: int = Field(2, ge=1, le=64, description="sends at once to one provider")
    notice_timeout: float = Field(10.0, gt=0, description="seconds for one send in all")
    breaker_open_for: float = Field(30.0, gt=0, description="seconds a failing destination is let be at first")

    @property
    def private_webhooks_allowed(self) -> bool:
        """The demo's far end listens on this machine."""
        return self.allow_private_webhooks or self.demo

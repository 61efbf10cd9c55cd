"""Settings of the auditor."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator
from standardwebhooks.webhooks import Webhook

from shared.settings import Settings


class AuditorSettings(Settings):
    """`SIGNALBOX_<NAME>`. Findings page ops by intake's `POST /v1/alerts`, with the token or else
    signed with the secret that intake has too. With neither, the dead-man's address is no longer
    asked while there are findings, so that whoever expects it pages. With none of the three the
    auditor can tell nobody, and is not ready.
    """

    intake_url: str = Field(
        "http://127.0.0.1:8001", pattern=r"^https?://", description="where alerts go"
    )
    auditor_token: SecretStr | None = Field(
        None, description="a token of an ops account: findings page ops by POST /v1/alerts"
    )
    alerts_secret: SecretStr | None = Field(
        None,
        description="whsec_…, the same as intake's: alerts are signed where there is no token",
    )
    deadman_url: str | None = Field(
        None, pattern=r"^https?://", description="asked (GET) every 30 s while all is well"
    )
    receipts_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="where a far end lists what it got, as /demo/outbox does",
    )
    probes: str = Field(
        "", description="name=URL of services that must be ready, separated by blanks"
    )
    # A timer that fires a little late is no loss, and must wake nobody.
    settle: float = Field(10.0, ge=0, description="seconds a finding must stand before it is told")

    @field_validator("alerts_secret")
    @classmethod
    def _can_sign(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            secret = value.get_secret_value()
            # Say so at the start, and not when the first finding is to be told.
            if not secret.startswith("whsec_"):
                raise ValueError("it begins with whsec_")
            # Raises ValueError for a secret that is not base64.
            Webhook(secret)
        return value

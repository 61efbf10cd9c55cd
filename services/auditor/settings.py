"""Settings of the auditor."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.settings import Settings


class AuditorSettings(Settings):
    """`SIGNALBOX_<NAME>`. Without a token findings stand in its own list and metrics only; without a dead-man's address nobody
    hears when the auditor itself is gone: `/readyz` says both."""

    intake_url: str = Field("http://127.0.0.1:8001", pattern=r"^https?://", description="where alerts go")
    auditor_token: SecretStr | None = Field(None, description="a token of an ops account: findings page ops by POST /v1/alerts")
    deadman_url: str | None = Field(None, pattern=r"^https?://", description="asked (GET) every 30 s while all is well")
    receipts_url: str | None = Field(None, pattern=r"^https?://", description="where a far end lists what it got, as /demo/outbox does")
    probes: str = Field("", description="name=URL of services that must be ready, separated by blanks")
    settle: float = Field(10.0, ge=0, description="seconds a finding must stand before it is told")

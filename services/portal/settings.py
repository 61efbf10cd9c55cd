"""What the portal's processes need to know beside the shared settings."""

from __future__ import annotations

from pydantic import Field, SecretStr, model_validator

from shared.settings import Settings


class PortalSettings(Settings):
    """Ports and addresses; durations are seconds."""

    portal_port: int = Field(8000, ge=0, le=65535)
    status_port: int = Field(8002, ge=0, le=65535, description="where the status page is served on its own")
    public_url: str = Field("", alias="SIGNALBOX_PORTAL_URL", description="the address people use; https makes cookies secure")
    intake_url: str = "http://127.0.0.1:8001"
    sink_url: str = "http://127.0.0.1:8025"
    trusted_proxies: str = Field("", description="addresses or networks, comma-separated, whose X-Forwarded-For is believed")
    oidc_issuer: str = Field(
        "", pattern=r"^$|^https://|^http://(127\.0\.0\.1|localhost)[:/]", description="empty: no sign-in by a provider"
    )
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    oidc_label: str = Field("single sign-on", max_length=60, description="what the button calls the provider")
    session_hours: int = Field(12, ge=1, le=24 * 30)
    stream_heartbeat: float = Field(15.0, gt=0)
    max_body: int = Field(262_144, ge=1024, description="bytes a passed-on request may have")
    projector_batch: int = Field(2000, ge=1, le=10_000)

    @model_validator(mode="after")
    def _knows_where_to_come_back_to(self) -> PortalSettings:
        if self.oidc_issuer and not (self.oidc_client_id and self.public_url):
            raise ValueError("SIGNALBOX_OIDC_ISSUER needs SIGNALBOX_OIDC_CLIENT_ID and SIGNALBOX_PORTAL_URL beside it")
        return self

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

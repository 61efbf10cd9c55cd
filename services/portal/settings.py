"""What the portal's processes need to know beside the shared settings."""

from __future__ import annotations

from pydantic import Field, SecretStr, model_validator

from shared.events import Role
from shared.settings import (
    EdgeSettings,
    FilesSettings,
    RelaySettings,
    Settings,
    SigningSettings,
    SupportSettings,
)


class PulseSettings(Settings):
    """Everything the figures need is what every process needs."""


class StatusSettings(EdgeSettings):
    """What the status page reads, which must stand with everything else down."""

    status_port: int = Field(
        8002, ge=0, le=65535, description="where the status page is served on its own"
    )
    public_url: str = Field(
        "",
        alias="SIGNALBOX_PORTAL_URL",
        description="the address people use; https makes cookies secure",
    )


class ProjectorSettings(FilesSettings):
    """What turns the log into views."""

    projector_batch: int = Field(
        2000, ge=1, le=10_000, description="records written together at most"
    )


class PortalSettings(
    StatusSettings,
    ProjectorSettings,
    SigningSettings,
    SupportSettings,
    RelaySettings,
):
    """What the web process reads. Durations are seconds."""

    portal_port: int = Field(8000, ge=0, le=65535, description="where pages and the API are served")
    intake_url: str = Field("http://127.0.0.1:8001", description="where writes are passed on to")
    sink_url: str = Field("http://127.0.0.1:8025", description="where the demo's far end is")
    oidc_issuer: str = Field(
        "",
        pattern=r"^$|^https://|^http://(127\.0\.0\.1|localhost)[:/]",
        description="empty: no sign-in by a provider",
    )
    oidc_client_id: str = Field("", description="our id at the provider")
    oidc_client_secret: SecretStr | None = Field(None, description="our secret at the provider")
    oidc_label: str = Field(
        "single sign-on", max_length=60, description="what the button calls the provider"
    )
    oidc_roles: dict[str, tuple[Role, ...]] = Field(
        {},
        description='roles by group of the provider, as JSON: {"support-team": ["agent"]}',
    )
    oidc_scope: str = Field(
        "openid email",
        pattern=r"^openid( [\x21\x23-\x5b\x5d-\x7e]+)*$",
        description="what is asked of the provider; some say groups only with a scope of their own",
    )
    oidc_groups_claim: str = Field(
        "groups", min_length=1, max_length=200, description="the claim that lists the groups"
    )
    second_step_required: bool = Field(
        False, description="staff who log in with a password need a second step"
    )
    session_hours: int = Field(12, ge=1, le=24 * 30, description="a sign-in lasts so long")
    stream_heartbeat: float = Field(
        15.0, gt=0, description="between two signs of life on a live stream"
    )
    undo_seconds: int = Field(
        10,
        ge=0,
        le=60,
        description="a reply can be taken back in the browser so long; 0: it goes at once",
    )
    max_body: int = Field(262_144, ge=1024, description="bytes a passed-on request may have")

    @model_validator(mode="after")
    def _check_sign_in_settings(self) -> PortalSettings:
        if self.oidc_issuer and not (self.oidc_client_id and self.public_url):
            raise ValueError(
                "SIGNALBOX_OIDC_ISSUER needs SIGNALBOX_OIDC_CLIENT_ID and SIGNALBOX_PORTAL_URL "
                "beside it"
            )
        return self

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

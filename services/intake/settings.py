"""Intake's settings: `SIGNALBOX_INTAKE_PORT` and so on, beside those every service has."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from services.intake.http.signatures import key_of
from services.intake.mail.smtp.relays import relays_of
from shared.settings import EdgeSettings, FilesSettings, PagingSettings, SigningSettings

# In the demo a few accounts do everything.
_DEMO_RATE = "60000/minute"


class SmtpSettings(PagingSettings, EdgeSettings, FilesSettings, SigningSettings):
    """What both of intake's processes read. `rate_limit` is per account, as `limits` writes it
    (`600/minute`); the demo's few accounts share a larger one.
    """

    intake_port: int = Field(8001, ge=0, le=65535, description="where tickets are taken in by HTTP")
    rate_limit: str = Field(
        "",
        description=(
            "requests of one account, such as 600/minute; empty: that, in the demo 60000/minute"
        ),
    )
    clamav: str = Field(
        "",
        pattern=r"^$|^\S+:\d+$",
        description="host:port of a clamd that looks at attachments; empty: nobody does",
    )
    global_rate_limit: str = Field("5000/second", description="of all accounts together")
    accept_timeout: float = Field(
        1.5,
        gt=0,
        description="seconds Kafka may take to acknowledge before a submission goes to the spool",
    )
    view_budget: float = Field(
        0.05,
        ge=0,
        description="seconds an answer may wait for MongoDB to refuse early; 0 never asks it",
    )
    dns_zone: Path | None = Field(
        None,
        description=(
            "a zone file asked instead of DNS about who sends mail for whom; demo and tests"
        ),
    )
    smtp_port: int = Field(2525, ge=0, le=65535, description="where mail is taken in")
    smtp_connections: int = Field(
        200, ge=1, description="SMTP connections at the same time, in all"
    )
    smtp_connections_each: int = Field(50, ge=1, description="from one address")
    smtp_timeout: float = Field(
        120.0,
        gt=0,
        description="seconds without a command, or for one message, that end a connection",
    )
    smtp_greeting_delay: float = Field(
        0.2,
        ge=0,
        le=30,
        description=(
            "seconds before the greeting; who speaks meanwhile is turned away. 0: nobody is"
        ),
    )
    trusted_relays: str = Field(
        "",
        description="addresses and networks, with commas, of mail relays that hand mail in: their "
        "XCLIENT is believed, and SPF is never asked about them",
    )
    smtp_proxy_protocol: bool = Field(
        False, description="the trusted relays begin each connection with the PROXY protocol"
    )
    smtp_session: float = Field(
        1800.0, gt=0, description="seconds that end a connection, whatever is sent in it"
    )
    subscriptions_hourly: int = Field(
        30, ge=1, description="status subscriptions one client address may ask for within an hour"
    )
    smtp_certificate: Path | None = Field(
        None, description="PEM file with certificate and key: STARTTLS is offered"
    )
    mail_readers: int = Field(2, ge=1, le=16, description="child processes that read mail")
    mail_tickets_hourly: int = Field(
        20,
        ge=1,
        description="tickets one sender may open by mail within an hour; more are quarantined",
    )
    mail_replies_hourly: int = Field(
        60, ge=1, description="replies one sender may mail within an hour; more are quarantined"
    )

    @field_validator("rate_limit", "global_rate_limit")
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        # Imported here: needed only where a rate is set.
        from limits import parse

        # Only to find out now and not at the first request whether it can be read.
        if value:
            parse(value)
        return value

    @field_validator("trusted_relays")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        relays_of(value, proxy=False)
        return value

    @property
    def rate(self) -> str:
        return self.rate_limit or (_DEMO_RATE if self.demo else "600/minute")

    @property
    def subscription_rate(self) -> str:
        """Of one client address; the demo's visitors all have the same."""
        return f"{self.subscriptions_hourly * (100 if self.demo else 1)}/hour"

    @property
    def directory_file(self) -> Path:
        return self.data_dir / "intake" / "directory.sqlite"

    @property
    def incidents_file(self) -> Path:
        return self.data_dir / "intake" / "incidents.json"

    @property
    def policies_file(self) -> Path:
        return self.data_dir / "intake" / "policies.json"

    @property
    def watch_file(self) -> Path:
        """Decides which of this machine's processes pages ops while Kafka is away."""
        return self.data_dir / "intake" / "ops.lock"

    @property
    def spool_dir(self) -> Path:
        return self.data_dir / "intake" / "spool"

    @property
    def attachments_dir(self) -> Path:
        return self.data_dir / "intake" / "attachments"

    @property
    def blobs_dir(self) -> Path:
        return self.data_dir / "intake" / "blobs"

    @property
    def keys_file(self) -> Path:
        return self.data_dir / "intake" / "idempotency.sqlite"

    @property
    def answers_file(self) -> Path:
        return self.data_dir / "intake" / "answers.sqlite"

    def mail_dir(self, process: str) -> Path:
        """What `api` or `smtp` keeps of mail that is not in the log yet."""
        return self.data_dir / "intake" / f"mail-{process}"


class IntakeSettings(SmtpSettings):
    """What `api` reads besides."""

    alerts_secret: SecretStr | None = Field(
        None, description="whsec_…: monitors that sign /v1/alerts instead of showing a token"
    )

    @field_validator("alerts_secret")
    @classmethod
    def _is_a_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key_of(value.get_secret_value())
        return value

    @property
    def alert_key(self) -> bytes | None:
        """What signed alerts are checked with; None: a token is needed."""
        return key_of(self.alerts_secret.get_secret_value()) if self.alerts_secret else None

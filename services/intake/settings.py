"""Intake's settings: `SIGNALBOX_INTAKE_PORT` and so on, beside those every service has."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from shared.settings import Settings

_DEMO_RATE = "60000/minute"


class IntakeSettings(Settings):
    """`rate_limit` is per account, as `limits` writes it (`600/minute`); the demo's few accounts share a larger one."""

    intake_port: int = Field(8001, ge=0, le=65535)
    portal_url: str = Field("http://127.0.0.1:8000", pattern=r"^https?://", description="where people reach the portal")
    rate_limit: str = ""
    accept_timeout: float = Field(1.5, gt=0, description="seconds Kafka may take to acknowledge before a submission goes to the spool")
    view_budget: float = Field(0.05, ge=0, description="seconds an answer may wait for MongoDB to refuse early; 0 never asks it")
    dns_zone: Path | None = Field(None, description="a zone file asked instead of DNS about who sends mail for whom; demo and tests")

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        from limits import parse

        if value:
            parse(value)
        return value

    @property
    def rate(self) -> str:
        return self.rate_limit or (_DEMO_RATE if self.demo else "600/minute")

    @property
    def directory_file(self) -> Path:
        return self.data_dir / "intake" / "directory.sqlite"

    @property
    def policies_file(self) -> Path:
        return self.data_dir / "intake" / "policies.json"

    @property
    def spool_dir(self) -> Path:
        return self.data_dir / "intake" / "spool"

    @property
    def blobs_dir(self) -> Path:
        return self.data_dir / "intake" / "blobs"

    @property
    def keys_file(self) -> Path:
        return self.data_dir / "intake" / "idempotency.sqlite"

"""Settings every service shares; a service's own `settings.py` derives its class from `Settings`.

Read from the environment only (`SIGNALBOX_<NAME>`, and `KAFKA_BOOTSTRAP_SERVERS`, `MONGODB_URI` as everybody calls them).
Every variable may instead be given as `<NAME>_FILE`, a file that holds the value, as secrets are mounted. All that is
wrong is said at once, in plain words, and the process ends with 78 (`EX_CONFIG`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "SIGNALBOX_"
EX_CONFIG = 78

S = TypeVar("S", bound="Settings")


class Settings(BaseSettings):
    """What every process needs to know. Durations are seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS", "SIGNALBOX_KAFKA_BOOTSTRAP_SERVERS")
    )
    mongodb_uri: str = Field(
        "mongodb://127.0.0.1:27017/?replicaSet=rs0", validation_alias=AliasChoices("MONGODB_URI", "SIGNALBOX_MONGODB_URI")
    )
    mongodb_database: str = "signalbox"
    topic_prefix: str = "signalbox-"
    data_dir: Path = Path(".data")
    secret: SecretStr | None = Field(None, description="signs sessions, links and internal tokens; at least 16 characters", min_length=16)
    clock_file: Path | None = None
    instance: str | None = Field(None, description="a name that outlives restarts and is unique in a consumer group")
    metrics_port: int = Field(0, ge=0, le=65535, description="0: no health server")
    bind: str = "127.0.0.1"
    demo: bool = False
    log_level: str = Field("info", pattern=r"(?i)^(debug|info|warning|error)$")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments beat variables, a variable beats its `_FILE`."""
        return init_settings, env_settings, _FileSource(settings_cls)


class MailSettings(Settings):
    """Who we are by mail, for the processes that take mail in and send it out."""

    support_address: str = Field(
        "support@signalbox.example",
        pattern=r"^[a-z0-9.-]{1,12}@[a-z0-9.-]+$",
        description="where tickets are mailed to; also the domain of Reply-To",
    )
    mail_from: str = Field("bot@notifications.signalbox.example", pattern=r"^[^@\s]+@[^@\s]+$", description="the bot's address")
    mail_domain: str = Field("notifications.signalbox.example", pattern=r"^[a-z0-9.-]+$", description="right-hand side of our Message-IDs")
    pager_mail_from: str = Field("pager@signalbox.example", pattern=r"^[^@\s]+@[^@\s]+$")


class PagingSettings(MailSettings):
    """What people are woken through: the pager's, and intake's when Kafka is away."""

    portal_url: str = Field("http://127.0.0.1:8000", pattern=r"^https?://", description="where people reach the portal")
    allow_private_webhooks: bool = Field(False, description="let webhooks go to private addresses; the demo does")
    pagerduty_url: str = Field("https://events.pagerduty.com/v2/enqueue", pattern=r"^https?://")
    twilio_url: str = Field("https://api.twilio.com", pattern=r"^https?://")
    twilio_account: str = Field("", pattern=r"^(AC[0-9a-f]{32})?$", description="the account's SID, for text messages and calls")
    twilio_token: SecretStr | None = Field(None, description="its auth token; also what Twilio signs its requests to us with")
    twilio_from: str = Field("", pattern=r"^(\+[1-9][0-9]{6,14}|MG[0-9a-f]{32})?$", description="our number, or a messaging service")
    relay_host: str = Field("127.0.0.1", description="the SMTP relay for mail out")
    relay_port: int = Field(8026, ge=1, le=65535, validation_alias=AliasChoices("SIGNALBOX_RELAY_PORT", "SIGNALBOX_SINK_SMTP_PORT"))

    @property
    def private_webhooks_allowed(self) -> bool:
        """The demo's far end listens on this machine."""
        return self.allow_private_webhooks or self.demo


def variables_of(cls: type[BaseSettings], field: str) -> list[str]:
    """The environment variables that set `field`, the customary one first."""
    alias = cls.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [alias] if isinstance(alias, str) else [f"{PREFIX}{field.upper()}"]


class _FileSource(PydanticBaseSettingsSource):
    """`<VARIABLE>_FILE` for every field."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        variables = variables_of(self.settings_cls, field_name)
        for variable in variables:
            path = os.environ.get(f"{variable}_FILE")
            if path:
                return Path(path).read_text().strip(), variables[0] if len(variables) > 1 else field_name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                values[key] = value
        return values


def problems_in(cls: type[BaseSettings], environ: Mapping[str, str]) -> list[str]:
    """What is wrong with the environment for these settings, one sentence each; empty if they can be built."""
    unreadable = []
    for name in cls.model_fields:
        for variable in variables_of(cls, name):
            path = environ.get(f"{variable}_FILE")
            if path and not os.access(path, os.R_OK):
                unreadable.append(f"{variable}_FILE names {path}, which cannot be read")
    if unreadable:
        return unreadable
    try:
        cls()
    except ValidationError as error:
        return [_in_words(cls, problem["loc"], problem["msg"]) for problem in error.errors()]
    return []


def _in_words(cls: type[BaseSettings], location: tuple[int | str, ...], message: str) -> str:
    first = str(location[0]) if location else ""
    if not first:
        return message.removeprefix("Value error, ")
    variable = variables_of(cls, first)[0] if first in cls.model_fields else first
    return f"{variable}: {message[:1].lower()}{message[1:]}"


def load(cls: type[S]) -> S:
    """The settings, or every problem on standard error and exit code 78."""
    problems = problems_in(cls, os.environ)
    if problems:
        _refuse(problems)
    return cls()


def _refuse(problems: list[str]) -> NoReturn:
    sys.stderr.write("The configuration cannot be used:\n" + "".join(f"  - {problem}\n" for problem in problems))
    raise SystemExit(EX_CONFIG)

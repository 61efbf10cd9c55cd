"""Settings every service shares; a service's own `settings.py` derives its class from `Settings`.

Read from the environment only (`SIGNALBOX_<NAME>`, and `KAFKA_BOOTSTRAP_SERVERS`, `MONGODB_URI` as
everybody calls them). Every variable may instead be given as `<NAME>_FILE`, a file that holds the
value, as secrets are mounted. All that is wrong is said at once, in plain words, and the process
ends with 78 (`EX_CONFIG`).
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.kafka.access import hide_password
from shared.kafka.settings import KafkaSettings

PREFIX = "SIGNALBOX_"
EX_CONFIG = 78

S = TypeVar("S", bound="Settings")


class Settings(KafkaSettings):
    """What every process needs to know. Durations are seconds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    topic_prefix: str = Field(
        "signalbox-",
        validation_alias=AliasChoices("SIGNALBOX_TOPIC_PREFIX", "KAFKA_PREFIX"),
        description="names of all topics begin with it",
    )
    data_dir: Path = Field(Path(".data"), description="where a process keeps its files")
    clock_file: Path | None = Field(
        None, description="steers the clock by the offset in this file; for tests"
    )
    instance: str | None = Field(
        None, description="a name that outlives restarts and is unique in a consumer group"
    )
    metrics_port: int = Field(0, ge=0, le=65535, description="0: no health server")
    bind: str = Field("127.0.0.1", description="the address that servers listen at")
    demo: bool = Field(
        False, description="the demo: its people and passwords, its far end, webhooks to loopback"
    )
    log_level: str = Field(
        "info",
        pattern=r"(?i)^(debug|info|warning|error)$",
        description="debug, info, warning or error",
    )

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
        # No .env file: what a process runs with must be seen in its environment.
        return init_settings, env_settings, _FileSource(settings_cls)


class StoreSettings(Settings):
    """For the processes that use MongoDB. TLS, users and certificates are options of the URI."""

    mongodb_uri: str = Field(
        "mongodb://127.0.0.1:27017/?replicaSet=rs0",
        validation_alias=AliasChoices("MONGODB_URI", "SIGNALBOX_MONGODB_URI"),
        repr=False,
        description="MongoDB, with login and TLS as its URI says it",
    )
    mongodb_database: str = Field("signalbox", description="views, outbox and sessions")

    @field_validator("mongodb_uri")
    @classmethod
    def _is_a_uri(cls, value: str) -> str:
        from pymongo.errors import PyMongoError
        from pymongo.uri_parser import parse_uri

        # Reading such a URI would ask DNS.
        if value.startswith("mongodb+srv://"):
            return value  # its servers are in DNS: that may be away
        try:
            # `parse_uri` warns of options it does not know; they are no reason not to start.
            with warnings.catch_warnings(action="ignore"):
                parse_uri(value, warn=True)
        except (PyMongoError, ValueError, OSError) as error:
            raise ValueError(f"it cannot be used: {hide_password(str(error))}") from error
        return value


class FilesSettings(StoreSettings):
    """For the processes that keep or show files: attachments, and mail as it came."""

    files: str = Field(
        "",
        repr=False,
        description="where attachments and mail as it came are kept: a folder (/path), "
        "mongodb://…/database or s3://bucket/prefix?endpoint=https://…&region=…; empty: the "
        "database <SIGNALBOX_MONGODB_DATABASE>-files of MONGODB_URI (`signalbox up` with a MongoDB "
        "of its own: <data folder>/files)",
    )
    files_key_id: str = Field(
        "",
        validation_alias=AliasChoices("AWS_ACCESS_KEY_ID", "SIGNALBOX_FILES_KEY_ID"),
        repr=False,
        description="key id for s3://; empty: roles and files, as Amazon's own tools find them",
    )
    files_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("AWS_SECRET_ACCESS_KEY", "SIGNALBOX_FILES_KEY"),
        description="the key itself",
    )

    @field_validator("files")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        from shared.files.address import read_address

        # Only its form is checked: an extra that is missing is told where the files are opened.
        read_address(value, "", "")
        return value


class SigningSettings(Settings):
    """For the processes that sign, or check what is signed."""

    secret: SecretStr | None = Field(
        None,
        description="signs sessions, links and internal tokens; at least 16 characters",
        min_length=16,
    )


class EdgeSettings(Settings):
    """What strangers may cost a server before it knows who they are."""

    connections: int = Field(
        2000, ge=16, description="HTTP connections of one server at the same time, in all"
    )
    connections_each: int = Field(
        400, ge=4, description="from one address (IPv6: one /64) that is no trusted proxy"
    )
    copies: int = Field(
        1,
        ge=1,
        le=1000,
        description="how many of this process a balancer spreads requests over: the limits that"
        " protect people are divided by it",
    )
    drain: float = Field(
        5.0,
        ge=0,
        le=120,
        description="seconds between `not ready` and closing, when asked to stop",
    )
    public_metrics: bool = Field(
        False, description="show /metrics at the port for everybody too; the demo does"
    )
    trusted_proxies: str = Field(
        "", description="addresses or networks, comma-separated, whose X-Forwarded-For is believed"
    )

    @property
    def metrics_are_public(self) -> bool:
        """Whether the port for everybody shows /metrics."""
        return self.public_metrics or self.demo

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for name in value.split(","):
            if name.strip() not in ("", "*"):
                ip_network(name.strip(), strict=False)
        return value


class SupportSettings(Settings):
    """Where people write to."""

    support_address: str = Field(
        "support@signalbox.example",
        pattern=r"^[a-z0-9.-]{1,12}@[a-z0-9.-]+$",
        description="where tickets are mailed to; also the domain of Reply-To",
    )


class MailSettings(SupportSettings):
    """Who we are by mail, for the processes that take mail in and send it out."""

    mail_from: str = Field(
        "bot@notifications.signalbox.example",
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="the bot's address",
    )
    mail_name: str = Field("Signalbox Support", description="the bot's name, beside its address")
    mail_domain: str = Field(
        "notifications.signalbox.example",
        pattern=r"^[a-z0-9.-]+$",
        description="right-hand side of our Message-IDs",
    )
    pager_mail_from: str = Field(
        "pager@signalbox.example",
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="the sender of pages by mail",
    )


class RelaySettings(Settings):
    """Where mail goes out. The portal says whether it is set."""

    relay_host: str = Field("127.0.0.1", description="the SMTP relay for mail out")
    relay_port: int = Field(
        8026,
        ge=1,
        le=65535,
        validation_alias=AliasChoices("SIGNALBOX_RELAY_PORT", "SIGNALBOX_SINK_SMTP_PORT"),
        description="its port",
    )


class SendingSettings(MailSettings, RelaySettings):
    """What mail and webhooks go out through."""

    portal_url: str = Field(
        "http://127.0.0.1:8000", pattern=r"^https?://", description="where people reach the portal"
    )
    allow_private_webhooks: bool = Field(
        False, description="let webhooks go to private addresses; the demo does"
    )

    @property
    def private_webhooks_allowed(self) -> bool:
        """The demo's far end listens on this machine."""
        return self.allow_private_webhooks or self.demo


class PagingSettings(SendingSettings):
    """What people are woken through: the pager's, and intake's when Kafka is away."""

    pagerduty_url: str = Field(
        "https://events.pagerduty.com/v2/enqueue",
        pattern=r"^https?://",
        description="where pages by PagerDuty go (Events v2)",
    )
    twilio_url: str = Field(
        "https://api.twilio.com",
        pattern=r"^https?://",
        description="where text messages and calls go",
    )
    twilio_account: str = Field(
        "",
        pattern=r"^(AC[0-9a-f]{32})?$",
        description="the account's SID, for text messages and calls",
    )
    twilio_token: SecretStr | None = Field(
        None, description="its auth token; also what Twilio signs its requests to us with"
    )
    twilio_from: str = Field(
        "",
        pattern=r"^(\+[1-9][0-9]{6,14}|MG[0-9a-f]{32})?$",
        description="our number, or a messaging service",
    )


def names_kafka(environ: Mapping[str, str]) -> bool:
    """Whether the environment says where Kafka is."""
    return _is_given(environ, Settings, "kafka_bootstrap_servers", "kafka_url")


def names_mongodb(environ: Mapping[str, str]) -> bool:
    """Whether the environment says where MongoDB is."""
    return _is_given(environ, StoreSettings, "mongodb_uri")


def names_files(environ: Mapping[str, str]) -> bool:
    """Whether the environment says where files are kept."""
    return _is_given(environ, FilesSettings, "files")


def _is_given(environ: Mapping[str, str], cls: type[BaseSettings], *fields: str) -> bool:
    return any(
        environ.get(f"{variable}{end}")
        for field in fields
        for variable in variables_of(cls, field)
        for end in ("", "_FILE")
    )


def kafka_variables() -> frozenset[str]:
    """Every variable that `Settings` makes Kafka's address of."""
    return frozenset(
        f"{variable}{end}"
        for field in KafkaSettings.model_fields
        for variable in variables_of(Settings, field)
        for end in ("", "_FILE")
    )


def secrets_of(cls: type[BaseSettings]) -> frozenset[str]:
    """The variables that hold secrets, or may hold one within an address."""
    return frozenset(
        variables_of(cls, name)[0]
        for name, field in cls.model_fields.items()
        # `repr=False` marks fields whose address may hold a password.
        if SecretStr in (field.annotation, *get_args(field.annotation)) or not field.repr
    )


def variables_of(cls: type[BaseSettings], field: str) -> list[str]:
    """The environment variables that set `field`, the customary one first."""
    alias = cls.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    # No alias: the usual prefix.
    return [alias] if isinstance(alias, str) else [f"{PREFIX}{field.upper()}"]


class _FileSource(PydanticBaseSettingsSource):
    """`<VARIABLE>_FILE` for every field."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        variables = variables_of(self.settings_cls, field_name)
        for variable in variables:
            path = os.environ.get(f"{variable}_FILE")
            if path:
                return (
                    Path(path).read_text().strip(),
                    # pydantic finds a field with aliases by its first alias, any other by its own
                    # name.
                    variables[0] if len(variables) > 1 else field_name,
                    False,
                )
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                values[key] = value
        return values


def problems_in(cls: type[BaseSettings], environ: Mapping[str, str]) -> list[str]:
    """What is wrong with the environment for these settings, one sentence each; empty if they can
    be built.
    """
    unreadable = []
    for name in cls.model_fields:
        for variable in variables_of(cls, name):
            path = environ.get(f"{variable}_FILE")
            if path and not os.access(path, os.R_OK):
                unreadable.append(f"{variable}_FILE names {path}, which cannot be read")
    # Before anything is built: pydantic would tell of a missing value, and not of the file.
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
        # A mistake of the settings together names its variables in its own words.
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
    sys.stderr.write(
        "The configuration cannot be used:\n" + "".join(f"  - {problem}\n" for problem in problems)
    )
    raise SystemExit(EX_CONFIG)

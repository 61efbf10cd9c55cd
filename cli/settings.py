"""What the commands read from the environment beside what every service reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from shared.kafka.access import read_access
from shared.settings import (
    FilesSettings,
    SigningSettings,
    names_files,
    names_kafka,
    names_mongodb,
    variables_of,
)

STATE_FILE = "up.json"
"""In the data folder, while `signalbox up` runs: what runs, and where, with passwords."""


def cache_beside(root: Path) -> Path:
    """Where Kafka's jars are kept: in the clone, or in the user's own cache where the package was
    installed and `root` is no clone.
    """
    if (root / "pyproject.toml").is_file():
        return root / ".cache"
    return Path.home() / ".cache" / "signalbox"


class CommandSettings(FilesSettings, SigningSettings):
    """`topic_partitions` is fixed when a topic is made: keys are spread by it. Copies and how many
    of them must have a write are the cluster's own unless they are said here.

    Kafka, MongoDB and files are those of the environment, else those of the `signalbox up` that
    runs on the data folder.
    """

    cache_dir: Path = Field(
        cache_beside(Path(__file__).resolve().parents[1]),
        description="Kafka's jars, shared by all data directories",
    )
    topic_partitions: int = Field(
        8, ge=1, le=200, description="partitions of a new topic; fixed once it is made"
    )
    topic_replication: int | None = Field(
        None, ge=1, le=7, description="copies of each topic; unset: as the cluster makes them"
    )
    topic_min_insync: int | None = Field(
        None, ge=1, le=7, description="copies that must have a write; unset: as the cluster says"
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: Any, **named: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # What the environment says wins over what runs here.
        given = super().settings_customise_sources(settings_cls, *sources, **named)
        return (*given, _RunningSource(settings_cls))


class _RunningSource(PydanticBaseSettingsSource):
    """The engines of the `signalbox up` that runs on the data folder."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        folder = Path(os.environ.get("SIGNALBOX_DATA_DIR") or ".data")
        try:
            # Anything may be wrong with the file, and it may be gone: then nothing runs here.
            addresses = json.loads((folder / STATE_FILE).read_bytes())["addresses"]
            engines = {
                "kafka_bootstrap_servers": read_access(addresses["kafka"]).address,
                "mongodb_uri": str(addresses["mongodb"]),
                **({"files": str(addresses["files"])} if addresses.get("files") else {}),
            }
        except (OSError, ValueError, LookupError, AttributeError, TypeError):
            return {}  # nothing runs there
        given = {
            "kafka_bootstrap_servers": names_kafka(os.environ),
            "mongodb_uri": names_mongodb(os.environ),
            # With a MongoDB of one's own, files are there, and not in the data folder.
            "files": names_files(os.environ) or names_mongodb(os.environ),
        }
        return {self._key(field): address for field, address in engines.items() if not given[field]}

    def _key(self, field: str) -> str:
        """A field with several variables is set by the first of them, any other by its name."""
        variables = variables_of(self.settings_cls, field)
        return variables[0] if len(variables) > 1 else field

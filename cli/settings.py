"""What the commands read from the environment beside what every service reads."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.settings import Settings


class CommandSettings(Settings):
    """`topic_partitions` is fixed when a topic is made: keys are spread by it."""

    cache_dir: Path = Field(Path(__file__).resolve().parents[1] / ".cache", description="Kafka's jars, shared by all data directories")
    topic_partitions: int = Field(8, ge=1, le=200)
    topic_replication: int = Field(1, ge=1, le=7)

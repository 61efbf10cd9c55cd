"""The shelf for enterprise customers: `deploy/resources.yaml`, links by heading (after the
Enterprise Portal of seed 001).
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

HERE = Path(__file__).resolve().parents[2] / "deploy" / "resources.yaml"


class Resource(BaseModel):
    """A link; one without an address is announced and not there yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=3, max_length=90)
    url: str = Field("", pattern=r"^(/[a-z]\S*|https://\S+)?$")
    note: str = Field("", max_length=160)


class LinkGroup(BaseModel):
    """A heading with its links."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    links: tuple[Resource, ...] = Field(min_length=1)


_SHELVES = TypeAdapter(tuple[LinkGroup, ...])


def read_resources(path: Path = HERE) -> tuple[LinkGroup, ...]:
    """All of it, in the file's order. Raises ValueError."""
    return _SHELVES.validate_python(yaml.safe_load(path.read_text("utf-8")))

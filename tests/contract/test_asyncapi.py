"""docs/asyncapi.json and the picture in ARCHITECTURE.md say what the tables say."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import orjson
import pytest

from cli import picture
from shared import asyncapi

pytestmark = pytest.mark.costly

ROOT = Path(__file__).parents[2]


def test_the_checked_in_document_is_todays() -> None:
    assert (ROOT / "docs" / "asyncapi.json").read_bytes() == asyncapi.render_document(), (
        "run: python -m shared.asyncapi > docs/asyncapi.json"
    )


def test_the_document_is_valid_asyncapi() -> None:
    schema = orjson.loads((Path(__file__).parent / "asyncapi-3.1.0.schema.json").read_bytes())
    errors = list(jsonschema_rs.validator_for(schema).iter_errors(asyncapi.document()))
    assert not errors, [f"{error.instance_path}: {error.message[:200]}" for error in errors[:5]]


def test_the_document_can_be_wrong() -> None:
    schema = orjson.loads((Path(__file__).parent / "asyncapi-3.1.0.schema.json").read_bytes())
    broken = {**asyncapi.document(), "channels": {"requests": {"address": 3}}}
    assert not jsonschema_rs.validator_for(schema).is_valid(broken)


def test_the_picture_is_todays() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    assert picture.redrawn(page) == page, (
        "run: python -m cli.picture and paste it into ARCHITECTURE.md"
    )

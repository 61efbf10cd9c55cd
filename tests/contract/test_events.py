"""Published events keep parsing for ever: one example file per event and version, never edited once
released.
"""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError

from shared import events as e
from shared.errors import Poisonous
from shared.topics import EVENTS, read

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_parses_and_loses_nothing(path: Path) -> None:
    raw = path.read_bytes()
    event = read(raw)
    assert event is not None
    again = json.loads(event.wire())
    for field, value in json.loads(raw).items():
        assert again[field] == value, field


def test_every_event_has_an_example() -> None:
    assert {path.name.partition(".")[0] for path in EXAMPLES} == set(EVENTS)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_a_field_of_tomorrow_is_ignored_when_read_and_refused_when_built(name: str) -> None:
    raw = orjson.loads((Path(__file__).parent / "examples" / f"{name}.v1.json").read_bytes())
    tomorrow = {**raw, "of_tomorrow": 1}
    assert read(orjson.dumps(tomorrow), f"dev.signalbox.{name}".encode()) == EVENTS[
        name
    ].model_validate(raw)
    with pytest.raises(ValidationError):
        EVENTS[name].model_validate(tomorrow)


def test_an_unknown_type_is_no_error_and_rubbish_is_poison() -> None:
    assert read(b'{"type": "OfTomorrow"}') is None
    for raw in (b"", b"[]", b"{}", b"\xff", b'{"type":"OpenTicket"}'):
        with pytest.raises(Poisonous):
            read(raw)


def test_an_instant_without_zone_cannot_be_built() -> None:
    with pytest.raises(ValidationError, match="zone"):
        e.AckAsked(id="r", key="l", at="2026-01-01T00:00:00", page="l.x", by="a", via="link")  # type: ignore[arg-type]

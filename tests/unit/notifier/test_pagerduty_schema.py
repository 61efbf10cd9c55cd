"""What we send PagerDuty, held against what it publishes of its Events API v2.

The schema is written from developer.pagerduty.com, "Send an Event" (Events API V2), and its OpenAPI
document (github.com/PagerDuty/api-schema, reference/events-v2/openapiv3.json): fields, kinds and
required ones are theirs. The lengths are from "Overview" and "Alert events" there: summary 1,024
characters, dedup_key 255. Stricter than theirs in one thing: a field it does not name is an error
here, for PagerDuty drops it silently.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema_rs
import orjson
import pytest

from shared.channels import PageMessage
from shared.channels.pagerduty import body_of
from tests.unit.notifier.test_channels import STAND_DOWN, SUMMONS

_TEXT = {"type": "string"}
_LINK = {
    "type": "object",
    "properties": {"href": {**_TEXT, "format": "uri"}, "text": _TEXT},
    "required": ["href"],
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["routing_key", "event_action"],
    "properties": {
        "routing_key": {**_TEXT, "minLength": 1},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {**_TEXT, "maxLength": 255},
        "client": _TEXT,
        "client_url": {**_TEXT, "format": "uri"},
        "links": {"type": "array", "items": _LINK},
        "images": {"type": "array"},
        "payload": {
            "type": "object",
            "additionalProperties": False,
            "required": ["summary", "severity", "source"],
            "properties": {
                "summary": {**_TEXT, "minLength": 1, "maxLength": 1024},
                "source": {**_TEXT, "minLength": 1},
                "severity": {"enum": ["critical", "warning", "error", "info"]},
                "timestamp": {**_TEXT, "format": "date-time"},
                "component": _TEXT,
                "group": _TEXT,
                "class": _TEXT,
                "custom_details": {"type": "object"},
            },
        },
    },
    "allOf": [
        {
            "if": {"properties": {"event_action": {"const": "trigger"}}},
            "then": {"required": ["payload"]},
            "else": {"required": ["dedup_key"]},
        }
    ],
}
VALIDATOR = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)
_LONG_PAGE = "ops-" + "x" * 60 + "." + "a" * 26


@pytest.mark.parametrize(
    "summons",
    [
        SUMMONS,
        STAND_DOWN,
        replace(SUMMONS, app=None, began="2025-03-03 03:00 UTC"),
        replace(
            SUMMONS, subject="\u00e9" * 5000, page_id=_LONG_PAGE, dedup_key=f"{_LONG_PAGE}.r10s12"
        ),
    ],
    ids=["page", "stand-down", "no app", "long"],
)
def test_every_body_is_one_pagerduty_takes(summons: PageMessage) -> None:
    assert (
        list(
            VALIDATOR.iter_errors(
                orjson.loads(body_of(summons, "e93facc04764012d7bfb002500d5d1a6"))
            )
        )
        == []
    )


@pytest.mark.parametrize(
    "broken",
    [
        {"event_action": "fire"},
        {"payload": None},
        {"severity": "critical"},
        {"dedup_key": "k" * 256},
        {"client_url": "no url"},
    ],
)
def test_the_schema_says_so_when_it_would_not(broken: dict[str, Any]) -> None:
    body = {**orjson.loads(body_of(SUMMONS, "key")), **broken}
    assert not VALIDATOR.is_valid(
        {name: value for name, value in body.items() if value is not None}
    )

"""The AsyncAPI 3.1 document, made from `shared/topics.py` and the event models;
`docs/asyncapi.json` is its checked-in copy.

`python -m shared.asyncapi` prints it; a test compares the copy and validates it against AsyncAPI's
published schema.
"""

from __future__ import annotations

import sys
from typing import Any

import orjson
from pydantic.json_schema import models_json_schema

from shared.events import Event
from shared.topics import PUBLIC, Topic

_HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "the event's id: the same on every repeat"},
        "ce_type": {"type": "string", "description": "dev.signalbox.<event>"},
        "ce_source": {"type": "string", "description": "/signalbox/<service>"},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C Trace Context"},
    },
}


def document(prefix: str = "signalbox-") -> dict[str, Any]:
    """The whole document as plain JSON values, for topics named with `prefix`."""
    # By name, so that the document changes only where events do.
    kinds: list[type[Event]] = sorted(
        {kind for topic in PUBLIC for kind in topic.events}, key=lambda kind: kind.__name__
    )
    _, schemas = models_json_schema(
        [(kind, "validation") for kind in kinds], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Signalbox",
            "version": "1",
            "description": (
                "Requests go in, facts come out. One writer per topic; keyed so that "
                "all of one aggregate stays in order."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, prefix) for topic in PUBLIC},
        "operations": dict(_operations()),
        "components": {
            "schemas": schemas["$defs"],
            "messages": {kind.__name__: _message(kind) for kind in kinds},
            "messageTraits": {"cloudevent": {"headers": _HEADERS}},
        },
    }


def _channel(topic: Topic, prefix: str) -> dict[str, Any]:
    return {
        "address": prefix + topic.name,
        "description": (
            f"Key: {topic.key}. Author: {topic.author}. Readers: {', '.join(topic.readers)}."
        ),
        "messages": {
            kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}
            for kind in topic.events
        },
        "bindings": {"kafka": {"topicConfiguration": {"cleanup.policy": [topic.cleanup]}}},
    }


def _message(kind: type[Event]) -> dict[str, Any]:
    # The first paragraph of the docstring; it is written for readers of this document.
    summary = " ".join((kind.__doc__ or "").partition("\n\n")[0].split())
    return {
        "name": kind.__name__,
        **({"summary": summary} if summary else {}),
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }


def _operations() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for topic in PUBLIC:
        # A topic without events of ours has nothing to describe.
        if not topic.events:
            continue
        channel = {"$ref": f"#/channels/{topic.name}"}
        found.append(
            (f"{topic.author}.writes.{topic.name}", {"action": "send", "channel": channel})
        )
        found += [
            (f"{reader}.reads.{topic.name}", {"action": "receive", "channel": channel})
            for reader in topic.readers
        ]
    return found


def render_document() -> bytes:
    """The document as it stands in `docs/asyncapi.json`."""
    # Sorted: the order of fields in the models must not show up as a change.
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(render_document())

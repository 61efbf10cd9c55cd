"""Documents as another version of Signalbox would write them: full ones, ones with a field more in
each part, ones with no optional field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

TOMORROW = "of_tomorrow"
"""A field that no model has."""

_TEXTS = {
    "date-time": "2026-11-30T08:00:00Z",
    "date": "2026-11-30",
    "time": "08:00:00",
    "duration": "PT30M",
    "uri": "https://example.com/x",
}
_LIKE = ("x", "a@example.com", "https://example.com/x", "$argon2id$x", "0" * 64)
"""Texts to try where a pattern is asked for."""
_MOST_DEPTH = 12

Schema = Mapping[str, Any]


def schema_of(model: Any) -> Schema:
    """The JSON schema of what is read: a model, or any type."""
    return TypeAdapter(model).json_schema(mode="validation")


def sample(model: Any, *, only_required: bool = False) -> Any:
    """A JSON value that fits the schema of `model`: each field is there, each list and each map has
    one entry. With `only_required` the optional fields are left out, at every depth.
    """
    schema = schema_of(model)
    return _sample(schema, schema, only_required, 0)


def add_field(model: Any, document: Any) -> tuple[Any, int]:
    """The document with a field of tomorrow in each part that is a model, and how many those are."""
    schema = schema_of(model)
    places: list[str] = []
    return _add(schema, schema, document, places), len(places)


def _resolve(part: Schema, root: Schema) -> Schema:
    while "$ref" in part:
        part = root["$defs"][part["$ref"].rpartition("/")[2]]
    return part


def _choices(part: Schema) -> list[Schema]:
    found = part.get("anyOf") or part.get("oneOf") or part.get("allOf") or []
    return [each for each in found if each.get("type") != "null"] or list(found)


def _sample(part: Schema, root: Schema, only_required: bool, depth: int) -> Any:
    part = _resolve(part, root)
    if "const" in part:
        return part["const"]
    if "enum" in part:
        return part["enum"][0]
    if choices := _choices(part):
        return _sample(choices[0], root, only_required, depth)
    match part.get("type"):
        case "object":
            return _sample_object(part, root, only_required, depth + 1)
        case "array":
            return _sample_array(part, root, only_required, depth + 1)
        case "string":
            return _sample_text(part)
        case "integer" | "number":
            return part.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
    return "x"


def _sample_text(part: Schema) -> str:
    if "pattern" in part:
        return next(text for text in _LIKE if re.search(part["pattern"], text))
    return _TEXTS.get(part.get("format", ""), "x" * max(1, part.get("minLength", 1)))


def _sample_object(part: Schema, root: Schema, only_required: bool, depth: int) -> Any:
    if "properties" in part:
        required = part.get("required", ())
        return {
            name: field["default"]
            if isinstance(field.get("default"), str)
            else _sample(field, root, only_required, depth)
            for name, field in part["properties"].items()
            if name in required or not (only_required or depth > _MOST_DEPTH)
        }
    if only_required or depth > _MOST_DEPTH:
        return {}
    names = part.get("propertyNames", {})
    key = str(_sample(names, root, only_required, depth)) if names else "1"
    values = part.get("additionalProperties")
    held = _sample(values, root, only_required, depth) if isinstance(values, dict) else 1
    return {key: held}


def _sample_array(part: Schema, root: Schema, only_required: bool, depth: int) -> Any:
    if "prefixItems" in part:
        return [_sample(each, root, only_required, depth) for each in part["prefixItems"]]
    if (only_required or depth > _MOST_DEPTH) and not part.get("minItems"):
        return []
    return [_sample(part.get("items", {}), root, only_required, depth)] * max(
        1, part.get("minItems", 1)
    )


def _add(part: Schema, root: Schema, document: Any, places: list[str]) -> Any:
    part = _resolve(part, root)
    if choices := _choices(part):
        fitting = [each for each in choices if _fits(_resolve(each, root), document)]
        return _add(fitting[0], root, document, places) if fitting else document
    if isinstance(document, dict) and part.get("type") == "object":
        fields, values = part.get("properties"), part.get("additionalProperties")
        if fields is None:
            inner = values if isinstance(values, dict) else {}
            return {key: _add(inner, root, held, places) for key, held in document.items()}
        places.append(part.get("title", ""))
        known = {
            key: _add(fields.get(key, {}), root, held, places) for key, held in document.items()
        }
        return {**known, TOMORROW: {"deep": [1]}}
    if isinstance(document, list) and part.get("type") == "array":
        firsts = part.get("prefixItems", [])
        return [
            _add(firsts[i] if i < len(firsts) else part.get("items", {}), root, held, places)
            for i, held in enumerate(document)
        ]
    return document


def _fits(part: Schema, document: Any) -> bool:
    """Whether this choice may be what the document is."""
    if part.get("type") == "object" and "properties" in part and isinstance(document, dict):
        names = set(document)
        return names <= set(part["properties"]) and names.issuperset(part.get("required", ()))
    kinds = {"object": dict, "array": list, "string": str}
    return isinstance(document, kinds.get(part.get("type", ""), object))

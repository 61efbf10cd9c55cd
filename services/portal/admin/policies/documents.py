"""Policy documents on their way into force, as a page shows them: as text, what differs, what their
fields are. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml
from pydantic import ValidationError

from shared.errors import FAULTS
from shared.policy import BRAND, COMPONENTS, DESK, MACROS, ON_CALL, OnCallPolicy
from shared.policy.writing.differences import find_differences, handovers
from shared.policy.writing.documents import MODELS

Document = Mapping[str, Any]

WIDTH = 100
# Changes that a page lists; the number of the rest is said.
MOST_CHANGES = 300
# Levels of fields that are listed: a bound for schemas that contain themselves.
_DEEPEST = 5


@dataclass(frozen=True)
class DocumentInfo:
    """What a document is, in words. `decides`: a what-if has something to say."""

    name: str
    title: str
    what: str
    decides: bool = True
    has_shipped: bool = True


# In the order of the list. Every document that intake takes has its line.
ABOUT: dict[str, DocumentInfo] = {
    DESK: DocumentInfo(
        DESK,
        "Hours, targets and routing",
        "Opening hours and holidays, what is promised by plan and priority, where tickets go.",
    ),
    ON_CALL: DocumentInfo(
        ON_CALL,
        "On call",
        "People and how to reach them, schedules, who is tried in which order.",
        has_shipped=False,
    ),
    COMPONENTS: DocumentInfo(
        COMPONENTS,
        "Components",
        "The parts that an incident can affect, and alerts that wake nobody.",
        decides=False,
    ),
    MACROS: DocumentInfo(
        MACROS,
        "Texts for replies",
        "What staff and providers put into a reply, and what is done with it.",
        decides=False,
    ),
    BRAND: DocumentInfo(
        BRAND,
        "Names",
        "What you call your desk, its queues and the plans.",
        decides=False,
        has_shipped=False,
    ),
}
"""Document → what it is. Every one of `MODELS` has its line."""


def text_of(document: Document) -> str:
    """The document as YAML, short collections on one line. `shared.yaml_text` reads the same
    from it.
    """
    return str(
        yaml.safe_dump(
            dict(document),
            sort_keys=False,
            allow_unicode=True,
            width=WIDTH,
            # Lists and mappings without others in them stay on one line.
            default_flow_style=None,
        )
    )


def changes_between(
    name: str, before: Document | None, after: Document, now: datetime
) -> dict[str, Any] | None:
    """`{changes: [{path, old, new}], more, rota: [Handover]}`; None where there was none before.

    What cannot be read any more counts as changing nothing: then there is no difference to show.
    """
    if before is None:
        return None
    model = MODELS[name]
    try:
        old = model.model_validate(before, extra="ignore")
        new = model.model_validate(after, extra="ignore")
        found = [
            {"path": path, "old": format_value(was), "new": format_value(shall)}
            for path, was, shall in find_differences(old, new)
        ]
        # Who takes over when, which no list of fields shows.
        rota: list[Any] = []
        if isinstance(old, OnCallPolicy) and isinstance(new, OnCallPolicy):
            rota = handovers(old, new, now)
    except (ValidationError, *FAULTS):
        return {"changes": [], "more": 0, "rota": []}
    more = max(0, len(found) - MOST_CHANGES)
    return {"changes": found[:MOST_CHANGES], "more": more, "rota": rota}


def format_value(value: Any) -> str:
    """A value in words, on one line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(format_value(each) for each in value) or "nothing"
        case dict():
            said = ", ".join(f"{name}: {format_value(held)}" for name, held in value.items())
            return said or "nothing"
        case _:
            return str(value)


@dataclass(frozen=True)
class DocumentField:
    """A field of a document: `path` from its beginning, its type in words, whether it must be
    there.
    """

    path: str
    shape: str
    is_needed: bool


def fields_of_document(name: str) -> list[DocumentField]:
    """Every field, in the order of the model."""
    schema = MODELS[name].model_json_schema()
    return list(_fields(schema, schema.get("$defs", {}), "", 0))


def words_of_document(name: str) -> str:
    """The first paragraph of what its model says of itself."""
    return " ".join((MODELS[name].__doc__ or "").split("\n\n")[0].split())


def _fields(
    schema: Mapping[str, Any], known: Mapping[str, Any], path: str, depth: int
) -> Iterator[DocumentField]:
    # What must be there is marked for whoever writes a document by hand.
    needed = set(schema.get("required", ()))
    for field, inner in schema.get("properties", {}).items():
        here = f"{path}.{field}" if path else field
        resolved, mark = _inside(inner, known)
        yield DocumentField(f"{here}{mark}", _shape(inner, known), field in needed)
        if depth < _DEEPEST and resolved is not None:
            yield from _fields(resolved, known, f"{here}{mark}", depth + 1)


def _inside(
    schema: Mapping[str, Any], known: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, str]:
    """The object within a list, a mapping or an alternative, and how its place is written."""
    schema = _resolve_ref(schema, known)
    if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        inner, mark = _inside(schema["items"], known)
        return inner, f"[]{mark}" if inner is not None else ""
    if isinstance(schema.get("additionalProperties"), Mapping):
        inner, mark = _inside(schema["additionalProperties"], known)
        return inner, f".NAME{mark}" if inner is not None else ""
    return (schema, "") if "properties" in schema else (None, "")


def _resolve_ref(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        return _resolve_ref(known[schema["$ref"].rpartition("/")[2]], known)
    # "Or nothing" is no shape of its own.
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return _resolve_ref(options[0], known) if options else schema


def _shape(schema: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    schema = _resolve_ref(schema, known)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    # In the words of people who write YAML, and not of those who write schemas.
    match schema.get("type"):
        case "array":
            return f"list of {_shape(schema.get('items', {}), known)}"
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            return f"names, each with {_shape(schema['additionalProperties'], known)}"
        case "object":
            return "fields"
        case "string" if schema.get("format") in ("duration", "date-time", "time"):
            return {
                "duration": "span, such as 30m, 4h, 2d",
                "date-time": "instant with its zone",
                "time": "time, such as 09:00",
            }[schema["format"]]
        case "string":
            return "text"
        case "integer" | "number":
            return "number"
        case "boolean":
            return "true or false"
        case _:
            return "text"

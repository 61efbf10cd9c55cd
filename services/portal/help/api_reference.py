"""`/docs`: what the OpenAPI document says, as a page. Pure; no script, and nothing of another host.

In goes the document (OpenAPI 3.1), out come groups of operations by their tag, and the shapes that
their answers have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

# In this order on the page; other methods are not described.
_METHODS = ("get", "post", "put", "patch", "delete")
_SCHEMAS = "#/components/schemas/"
_JSON = "application/json"


class MemberField(NamedTuple):
    """A parameter, or a member of a body or an answer. `kind` is its type in words; `shapes` names
    the shapes in it.
    """

    name: str
    kind: str
    is_required: bool
    description: str
    shapes: tuple[str, ...] = ()


class ResponseInfo(NamedTuple):
    """What is answered with `status`: a JSON document of `shape`, or a problem with one
    of `codes`.
    """

    status: str
    meaning: str
    shape: str
    codes: tuple[str, ...]


class Operation(NamedTuple):
    """`id` is its anchor on the page; `example` is a body as JSON; `who` may call it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    who: str
    parameters: tuple[MemberField, ...]
    body: tuple[MemberField, ...]
    example: str
    replies: tuple[ResponseInfo, ...]


class Group(NamedTuple):
    """The operations of one tag, in the order of their addresses."""

    name: str
    description: str
    operations: tuple[Operation, ...]


class ShapeShown(NamedTuple):
    """What an answer has."""

    name: str
    description: str
    fields: tuple[MemberField, ...]


def groups_of(document: Mapping[str, Any]) -> list[Group]:
    """Everything under `paths`, in the order of the document's tags; what has no tag comes last,
    by the first word of its path.
    """
    # The document's order of tags is the page's.
    tags = {tag["name"]: str(tag.get("description") or "") for tag in document.get("tags", ())}
    found: dict[str, list[Operation]] = {name: [] for name in tags}
    schemas = document.get("components", {}).get("schemas", {})
    for path, methods in sorted(document.get("paths", {}).items()):
        words = [word for word in path.split("/") if word and word != "v1"]
        # Parameters that all methods of an address have.
        shared = methods.get("parameters", ())
        for method in _METHODS:
            if method in methods:
                said = methods[method]
                name = next(iter(said.get("tags", ())), words[0] if words else "/")
                made = _operation(method, path, said, shared, schemas)
                found.setdefault(name, []).append(made)
    return [
        Group(name, tags.get(name, ""), tuple(operations))
        for name, operations in found.items()
        if operations
    ]


def shapes_of(document: Mapping[str, Any]) -> list[ShapeShown]:
    """The shapes of all answers, and those in them, by name."""
    # From the shapes of answers on to those within them; shapes of requests stand with their calls.
    schemas = document.get("components", {}).get("schemas", {})
    waiting = [
        reply.shape
        for group in groups_of(document)
        for operation in group.operations
        for reply in operation.replies
        if reply.shape
    ]
    found: dict[str, ShapeShown] = {}
    while waiting:
        name = waiting.pop()
        schema = schemas.get(name)
        if name in found or schema is None:
            continue
        fields = tuple(_members(schema, schemas))
        found[name] = ShapeShown(name, str(schema.get("description") or ""), fields)
        waiting += [each for field in fields for each in field.shapes] + list(
            _find_schema_names(schema)
        )
    # A shape without members says nothing beyond its name.
    return [found[name] for name in sorted(found) if found[name].fields]


def _operation(
    method: str, path: str, said: Mapping[str, Any], shared: Any, schemas: Mapping[str, Any]
) -> Operation:
    # The anchor lasts as long as the address: people keep links to it.
    anchor = f"{method}-{path}".replace("/", "-").replace("{", "").replace("}", "")
    body = said.get("requestBody") or {}
    example = body.get("content", {}).get(_JSON, {}).get("example")
    return Operation(
        anchor,
        method.upper(),
        path,
        str(said.get("summary") or ""),
        str(said.get("description") or ""),
        _who(said.get("security")),
        tuple(_parameters([*shared, *said.get("parameters", ())], schemas)),
        tuple(_body(body, schemas)),
        "" if example is None else orjson.dumps(example, option=orjson.OPT_INDENT_2).decode(),
        tuple(
            _reply(str(status), answer)
            for status, answer in sorted(said.get("responses", {}).items())
        ),
    )


def _who(security: Any) -> str:
    # Absent, empty and given mean three things here (OpenAPI 3.1, "Security Requirement Object").
    if security is None:
        return ""
    return "With or without a token." if security else "No token is needed."


def _reply(status: str, answer: Mapping[str, Any]) -> ResponseInfo:
    schema = answer.get("content", {}).get(_JSON, {}).get("schema", {})
    codes = tuple(map(str, answer.get("x-problem-codes", ())))
    # Codes say more than the sentence that every refusal has.
    meaning = "" if codes else str(answer.get("description") or "")
    return ResponseInfo(status, meaning, next(iter(_find_schema_names(schema)), ""), codes)


def _parameters(
    given: list[Mapping[str, Any]], schemas: Mapping[str, Any]
) -> Iterator[MemberField]:
    for one in given:
        if "name" in one:
            where = f"{kind_of(one.get('schema', {}), schemas)}, in the {one.get('in', 'query')}"
            is_required = bool(one.get("required"))
            yield MemberField(
                str(one["name"]), where, is_required, str(one.get("description") or "")
            )


def _body(body: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[MemberField]:
    """The members of the JSON body; of several shapes those of each, with its name before them."""
    schema = body.get("content", {}).get(_JSON, {}).get("schema", {})
    shapes = schema.get("anyOf") or schema.get("oneOf") or [schema]
    # A body may be one of several shapes; each is shown with its name.
    for shape in shapes:
        name = str(shape.get("$ref", "")).removeprefix(_SCHEMAS)
        start = f"{name}." if len(shapes) > 1 and name else ""
        for field in _members(schemas.get(name, shape), schemas):
            yield field._replace(name=start + field.name, shapes=())


def _members(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[MemberField]:
    needed = schema.get("required", ())
    for member, held in schema.get("properties", {}).items():
        said = str(held.get("description") or "")
        yield MemberField(
            member, kind_of(held, schemas), member in needed, said, tuple(_find_schema_names(held))
        )


def _find_schema_names(schema: Mapping[str, Any]) -> Iterator[str]:
    """The schemas that `schema` refers to itself, not through others."""
    if "$ref" in schema:
        yield str(schema["$ref"]).removeprefix(_SCHEMAS)
    # Also in what is combined, and then in lists and mappings.
    for several in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(several, ()):
            yield from _find_schema_names(each)
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), Mapping):
            yield from _find_schema_names(schema[inner])


def kind_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """A schema's type in a few words; of an enumeration its words."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(_SCHEMAS)
        # Of an enumeration the words say more than its name.
        words = schemas.get(name, {}).get("enum")
        return name if words is None else ", ".join(map(str, words))
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            # Each type once: two shapes may have the same words.
            return " or ".join(dict.fromkeys(kind_of(each, schemas) for each in schema[several]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}), schemas)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"each name to {kind_of(schema['additionalProperties'], schemas)}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)

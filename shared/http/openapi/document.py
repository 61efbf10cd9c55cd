"""OpenAPI documents, completed: parameters of the path, how to sign in, how we refuse, and what is
said about each call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from shared.http.openapi.calls import Call, Calls, Pending, by_status, schemas_of, usual_refusals
from shared.http.openapi.tags import TAGS
from shared.http.problems import MEDIA_TYPE

_PROBLEM = {
    "type": "object",
    "description": (
        "RFC 9457. `type` is stable; `detail` says what to do; `errors` names each "
        "mistake with its JSON pointer."
    ),
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^/problems/[a-z0-9-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_IS_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REFUSED = {"description": "A problem document", "content": _IS_PROBLEM}
_UNPROCESSABLE = "422"
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")
"""How FastAPI describes a 422. Ours are problem documents."""
_ID = {"type": "string", "minLength": 1, "maxLength": 300}
# A path item has other members too (`parameters`, `summary`), which are no operations.
_VERBS = frozenset({"get", "put", "post", "delete"})
_JSON = "application/json"
_MEANINGS = {
    ("get", "200"): "The answer",
    ("get", "202"): "The answer does not hold request `after` yet; ask again in a moment",
    ("write", "200"): "Done",
    ("write", "201"): "Made",
    ("write", "202"): "Recorded; its outcome follows in a moment",
}
_ABOUT = (
    "Send `Authorization: Bearer <token>`. Send an `Idempotency-Key` with every write: the "
    "same key and body within 48 hours have one effect. Every refusal is a problem document "
    "(RFC 9457); go by the last part of its `type`."
)


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The same document, completed in place; doing it twice changes nothing."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API token of /account"}
    }
    document["security"] = [{"bearer": []}]
    document["info"] = {**document.get("info", {}), "description": _ABOUT}
    for path, item in document.get("paths", {}).items():
        names = re.findall(r"\{(\w+)\}", path)
        for verb, operation in item.items():
            if verb not in _VERBS:
                continue
            # FastAPI leaves out parameters of the path that a route reads from the request by
            # itself.
            said = {
                each.get("name")
                for each in operation.get("parameters", [])
                if each.get("in") == "path"
            }
            missing = [
                {"name": name, "in": "path", "required": True, "schema": _ID}
                for name in names
                if name not in said
            ]
            if missing:
                operation["parameters"] = [*missing, *operation.get("parameters", [])]
            answers = operation.setdefault("responses", {})
            if _UNPROCESSABLE in answers and answers[_UNPROCESSABLE].get("content") != _IS_PROBLEM:
                # Only FastAPI's own description is replaced: one of ours names its codes.
                answers[_UNPROCESSABLE] = _REFUSED
            if _JSON in operation.get("requestBody", {}).get("content", {}):
                answers.setdefault("415", _REFUSED)
            answers.setdefault("default", _REFUSED)
    # Nothing points to these any more.
    for name in _OF_FASTAPI:
        components["schemas"].pop(name, None)
    # Only tags with calls, in the order of the table.
    used = {tag for operation in operations_of(document) for tag in operation.get("tags", ())}
    document["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items() if name in used
    ]
    return document


def operations_of(document: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Every operation of the document."""
    for item in document.get("paths", {}).values():
        yield from (operation for verb, operation in item.items() if verb in _VERBS)


def describe(document: dict[str, Any], calls: Calls) -> dict[str, Any]:
    """`document`, completed in place with what `calls` says; doing it twice changes nothing. A
    route that `calls` does not name stays as it is.
    """
    shapes, schemas = schemas_of(calls)
    document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
    for path, item in document.get("paths", {}).items():
        for verb, operation in item.items():
            call = calls.get(f"{verb.upper()} {path}")
            if call is not None:
                _describe(operation, verb, path, call, shapes)
    return complete(document)


def _describe(
    operation: dict[str, Any], verb: str, path: str, call: Call, shapes: dict[Any, Any]
) -> None:
    operation["summary"], operation["tags"] = call.summary, [call.tag]
    if call.who == "anybody":
        # Empty: no token is asked for. With an empty entry in it: with or without a token.
        operation["security"] = []
    elif call.who == "either":
        operation["security"] = [{}, {"bearer": []}]
    if call.query:
        names = {field.name for field in call.query}
        others = [one for one in operation.get("parameters", ()) if one.get("name") not in names]
        operation["parameters"] = [*others, *(field.parameter() for field in call.query)]
    body = operation.get("requestBody", {}).get("content", {})
    if call.example is not None and _JSON in body:
        body[_JSON]["example"] = call.example
    answers = operation.setdefault("responses", {})
    # A copy: statuses are added below.
    for status, answer in list(answers.items()):
        if not status.startswith("2"):
            continue
        answer["description"] = _MEANINGS["get" if verb == "get" else "write", status]
        if verb == "get" and status == "202":
            answer["content"] = {_JSON: {"schema": shapes[Pending]}}
        elif call.answer is not None:
            answer["content"] = {_JSON: {"schema": shapes[call.answer]}}
        else:
            answer["content"] = {call.media: {"schema": {"type": "string"}}}
    # Asked before the 422 of FastAPI is overwritten below.
    refusals = [
        *(["422 invalid"] if _has_checked_parameters(answers) else []),
        *usual_refusals(verb, call, has_body=_JSON in body, has_ids="{" in path),
        *call.refuses,
    ]
    for status, codes in by_status(refusals).items():
        named = ", ".join(f"`{code}`" for code in codes)
        answers[status] = {
            "description": f"A problem document: {named}",
            "content": _IS_PROBLEM,
            "x-problem-codes": codes,
        }


def _has_checked_parameters(answers: dict[str, Any]) -> bool:
    """FastAPI answers 422 here by itself, or it was said before that it does."""
    found = answers.get(_UNPROCESSABLE)
    if found is None:
        return False
    return found["content"] != _IS_PROBLEM or "invalid" in found.get("x-problem-codes", ())

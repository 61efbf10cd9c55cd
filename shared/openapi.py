"""What our OpenAPI documents say beyond what FastAPI finds out: parameters of the path, how to sign in, and how we refuse."""

from __future__ import annotations

import re
from typing import Any

from shared.problems import MEDIA_TYPE

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `type` is stable; `detail` says what to do; `errors` names each mistake with its JSON pointer.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^/problems/[a-z0-9-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
_REFUSED = {"description": "A problem document", "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_ID = {"type": "string", "minLength": 1, "maxLength": 300}
_VERBS = frozenset({"get", "put", "post", "delete"})


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The same document, completed in place; doing it twice changes nothing."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "description": "An API token of /account"}}
    document["security"] = [{"bearer": []}]
    for path, item in document.get("paths", {}).items():
        names = re.findall(r"\{(\w+)\}", path)
        for verb, operation in item.items():
            if verb not in _VERBS:
                continue
            said = {each.get("name") for each in operation.get("parameters", []) if each.get("in") == "path"}
            missing = [{"name": name, "in": "path", "required": True, "schema": _ID} for name in names if name not in said]
            if missing:
                operation["parameters"] = [*missing, *operation.get("parameters", [])]
            operation.setdefault("responses", {}).setdefault("default", _REFUSED)
    return document

"""JSON answers: views are plain documents already, so they go straight to bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.responses import Response


class Json(Response):
    """A document as JSON. Nothing here is for shared caches: it is what one person may see."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(
            content,
            status_code,
            # Over the defaults, so that an answer may allow more.
            {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
        )

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def answer_list(found: Mapping[Any, Any], path: str, given: dict[str, Any]) -> Json:
    """A page of a list `{items, next}`, with the address of the next one: `path` as it was asked,
    from the cursor `next` on.
    """
    if found["next"] is None:
        return Json(found)
    following = urlencode(
        {
            # Filters go along, or the next page would be another list's.
            **{name: value for name, value in given.items() if value is not None},
            "cursor": found["next"],
        }
    )
    return Json(found, headers={"Link": f'<{path}?{following}>; rel="next"'})

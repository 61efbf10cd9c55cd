"""Serving the status page from disk. Nothing else is asked: no Kafka, no MongoDB, no session."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.portal.status import v3
from services.portal.status.drawing import POLICY
from shared.errors import Refused, Unavailable

FOLDER = "status-page"
"""Below SIGNALBOX_DATA_DIR."""

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "public, max-age=3, stale-if-error=86400",
}
"""Public, so any page may read it; a cache before us may go on showing it for a day while we do not
answer.
"""

# Only for addresses with the mark of their content.
_FOR_GOOD = "public, max-age=31536000, immutable"
# The others are guessed; these are not known to every system.
_TYPES = {
    ".html": "text/html",
    ".json": "application/json",
    ".atom": "application/atom+xml",
    ".woff2": "font/woff2",
}
_LIGHTS = "v1/status.json"


class StatusFiles:
    """What lies in `folder`. Safe for concurrent use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._known: tuple[tuple[int, int], dict[str, Any]] | None = None

    def answer(self, request: Request) -> Response:
        """The file at the request's path, with `/index.html` or `.json` added where it has no
        ending.

        Raises Refused `not-found`; Unavailable where no page was ever written.
        """
        path = request.url.path.strip("/")
        # The one address whose query changes the answer.
        if path == "api/v3/issues" or path == "api/v3/issues.json":
            return self._issues(request)
        found = self._find(path)
        if found is None:
            # Nothing at all was written: that is our fault, and not the address.
            if not (self.folder / _LIGHTS).is_file():
                raise Unavailable("status-page", "it has not been written yet")
            raise Refused("not-found", "There is nothing here.", status=404)
        stat = found.stat()
        tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
        headers = {**HEADERS, "ETag": tag}
        # A new content has a new address.
        if "v" in request.query_params and path.startswith("status/static/"):
            headers["Cache-Control"] = _FOR_GOOD
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(found.read_bytes(), media_type=_type(found), headers=headers)

    def lights(self) -> Mapping[str, Any] | None:
        """`GET /v1/status` as it was last written; None where it never was. Cheap: it reads the
        file only when it changed.
        """
        path = self.folder / _LIGHTS
        try:
            stat = path.stat()
            # By number too: a file that is replaced within one tick of the clock is another one.
            seen = (stat.st_mtime_ns, stat.st_ino)
            if self._known is None or self._known[0] != seen:
                self._known = seen, orjson.loads(path.read_bytes())
        except OSError:
            return None
        return self._known[1]

    async def unready(self) -> str | None:
        """A telemetry check: whether there is a page to serve."""
        return None if (self.folder / _LIGHTS).is_file() else "no status page has been written yet"

    def _issues(self, request: Request) -> Response:
        path = self._find("api/v3/issues")
        if path is None:
            raise Unavailable("status-page", "it has not been written yet")
        asked = request.query_params
        chosen = v3.select_entries(
            orjson.loads(path.read_bytes()), asked.get("since"), asked.get("limit")
        )
        return Response(orjson.dumps(chosen), media_type="application/json", headers=HEADERS)

    def _find(self, path: str) -> Path | None:
        parts = path.split("/")
        # No way out of the folder, and nothing hidden (the writer's temporary files).
        if not all(
            part and not part.startswith(".") and "\\" not in part and "\x00" not in part
            for part in parts
        ):
            return None
        plain = self.folder.joinpath(*parts)
        for candidate in (plain, plain.with_name(f"{plain.name}.json"), plain / "index.html"):
            # A longer name is refused by file systems with an error of its own.
            if len(candidate.name) < 200 and candidate.is_file():
                return candidate
        return None


def _type(path: Path) -> str:
    return (
        _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )

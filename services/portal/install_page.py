"""What makes the pages a program on a phone: the manifest, the service worker and the page it shows
without a connection. No page is kept on the device but that one.
"""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.web.json_answers import Json
from services.portal.web.render import HEADERS, STATIC
from services.portal.web.visitors import Drawn

OFFLINE = "/offline"
# What the page without a connection needs to look like ours.
STYLES = ("vendor/pico.min.css", "tokens.css", "app.css")
_AN_HOUR = {"Cache-Control": "public, max-age=3600"}
# The dark bar of the pages (`tokens.css`).
_COLOUR = "#111c27"

router = APIRouter(include_in_schema=False)


@router.get("/manifest.webmanifest")
async def manifest(screens: Drawn) -> Response:
    """Begins with the pages: it is there for whoever is on call."""
    icons = [
        {"src": screens.static(f"icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
        for size in (192, 512)
    ]
    # Cut to a shape by the phone, so its picture has room around it.
    masked = {"src": screens.static("icon-mask.png"), "sizes": "512x512", "type": "image/png"}
    response = Json(
        {
            "id": "/pages",
            "name": "Signalbox",
            "short_name": "Signalbox",
            "description": "Pages to whoever is on call",
            "start_url": "/pages",
            "scope": "/",
            "display": "standalone",
            "background_color": _COLOUR,
            "theme_color": _COLOUR,
            "icons": [*icons, {**masked, "purpose": "maskable"}],
            # What somebody on call wants to reach with one press.
            "shortcuts": [
                {"name": "Open pages", "url": "/pages"},
                {"name": "Who is on call", "url": "/on-call"},
            ],
        }
    )
    response.headers["Content-Type"] = "application/manifest+json"
    response.headers.update(_AN_HOUR)
    return response


@router.get("/sw.js")
async def service_worker(screens: Drawn) -> Response:
    """Its name of what is kept changes with any of the files, so nothing old stays."""
    # The offline page and its styles, and nothing of anybody's.
    shell = [OFFLINE, *(screens.static(name) for name in STYLES)]
    known = hashlib.sha256(
        b"".join((STATIC / name).read_bytes() for name in STYLES)
        + screens.text("offline.html").encode()
    )
    text = screens.text("sw.js", name=f"offline-{known.hexdigest()[:12]}", shell=shell)
    # Asked for each time: an old worker would keep old files.
    headers = {**HEADERS, "Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
    return Response(text, media_type="text/javascript; charset=utf-8", headers=headers)


@router.get(OFFLINE)
async def offline(request: Request, screens: Drawn) -> Response:
    return Response(screens.text("offline.html"), media_type="text/html", headers=HEADERS)

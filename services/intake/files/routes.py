"""The address files are uploaded to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from email.message import Message
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from services.intake.files.attachments import MOST_BYTES, Attachments
from services.intake.http.door import RequestGate
from services.intake.http.masking import masking_notes_of_file
from services.intake.http.responses import respond_json
from shared.errors import Refused

UNSCANNED = "{name} could not be scanned for viruses just now. It was taken, and is marked so."
# A large file over a slow line; a message or a form has less.
_WITHIN_S = 120.0
_ANY_BYTES: dict[str, Any] = {
    "parameters": [
        {
            "name": "name",
            "in": "query",
            "schema": {"type": "string", "maxLength": 300},
            "description": "the file's name",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
}


def install(app: FastAPI, files: Attachments | None, door: RequestGate) -> None:
    """Put the route on the application; None: this installation takes no files."""

    async def upload(request: Request) -> Response:
        actor, now = door.who(request, "write")
        if files is None:
            raise Refused("no-attachments", "This installation takes no attachments.", status=503)
        # The announced length first: most files that are too large are refused before they come.
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > MOST_BYTES:
            raise Refused("too-large", f"A file may have {MOST_BYTES} bytes.", status=413)
        # The name in the address wins: a header is hard to write for names beyond ASCII.
        name = request.query_params.get("name") or name_in(
            request.headers.get("content-disposition", "")
        )
        try:
            async with asyncio.timeout(_WITHIN_S):
                kept = await files.keep(_chunks(request), name[:300], actor.email, now)
        except TimeoutError as error:
            raise Refused(
                "request-timeout",
                f"The file did not come within {_WITHIN_S:g} seconds.",
                status=408,
            ) from error
        about = {field: kept[field] for field in ("name", "type", "size", "scan", "masked")}
        warnings = masking_notes_of_file(kept["name"], kept["masked"])
        if kept["scan"] == "unscanned":
            warnings = [*warnings, UNSCANNED.format(name=kept["name"])]
        return respond_json(201, {"id": kept["_id"], **about, "warnings": warnings})

    app.add_api_route(
        "/v1/attachments",
        upload,
        methods=["POST"],
        name="upload-attachment",
        status_code=201,
        openapi_extra=_ANY_BYTES,
    )


def name_in(disposition: str) -> str:
    """The file name of a Content-Disposition header, `filename*` before `filename` (RFC 6266);
    empty where there is none.
    """
    # The extended form has its character set; the plain one is left to the standard parser.
    extended = re.search(r"(?i)filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", disposition)
    if extended:
        return unquote(extended[1], errors="replace")
    header = Message()
    # Line breaks in a header's value could begin another header.
    header["Content-Disposition"] = disposition.replace("\r", " ").replace("\n", " ")
    return header.get_filename("") or ""


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise Refused("bad-request", "The file broke off.", status=400) from error

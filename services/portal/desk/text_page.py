"""What belongs to messages on pages: a preview of what one writes, and the pictures attached to
them.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.tickets.attachments import attachment, download, has_preview
from services.portal.web.form_body import fields_of
from services.portal.web.read_your_write import retry_until_found
from services.portal.web.render import HEADERS
from services.portal.web.visitors import Parts, Who, not_found
from shared.markup import message_html

router = APIRouter(include_in_schema=False)

MOST_PREVIEWED = 200_000
"""Bytes of a form that is previewed; the limit of what is sent is intake's."""


@router.post("/preview")
async def preview(request: Request, actor: Who, portal: Parts) -> Response:
    """The text as it will be shown, by the function that shows it. Nothing is kept."""
    fields = await fields_of(request, min(MOST_PREVIEWED, portal.settings.max_body))
    # In a thread: a hostile text takes long, and nobody else should wait for it.
    html = await asyncio.to_thread(message_html, fields.get("body", ""))
    return Response(
        html or "<p>Nothing to show yet.</p>",
        headers={**HEADERS, "Content-Type": "text/html; charset=utf-8"},
    )


@router.get("/attachments/{attachment_id}/picture")
async def picture(attachment_id: str, actor: Who, portal: Parts) -> Response:
    """An attached picture, to whoever may download it. 404 for anything else."""
    found = await retry_until_found(
        lambda: attachment(portal.store, portal.descriptions, actor, attachment_id)
    )
    # The same answer as for none, so that nothing is learned from it.
    if found is None or not has_preview(found):
        raise not_found()
    return await download(portal.files, found, is_shown=True)

"""The JSON reads of mail that came in (DESIGN section 7): what became of each message, the sums, one message, its raw bytes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.portal.answers import Json, listed
from services.portal.mail import Mails
from services.portal.visitors import Parts, Who, not_found

router = APIRouter(prefix="/v1")


@router.get("/mail")
async def list_mail(
    actor: Who,
    portal: Parts,
    state: str | None = None,
    cause: str | None = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Staff: messages, the latest first, and the sums over all deliveries."""
    found = await Mails(portal.store).listed(actor, state=state, cause=cause, cursor=cursor, limit=limit)
    if found is None:
        raise not_found()
    return listed(found, "/v1/mail", {"state": state, "cause": cause, "limit": limit})


@router.get("/mail/{message_id}")
async def get_mail(message_id: str, actor: Who, portal: Parts) -> Response:
    found = await Mails(portal.store).message(actor, message_id)
    if found is None:
        raise not_found()
    return Json(found)


@router.get("/mail/{message_id}/raw", responses={200: {"content": {"message/rfc822": {}}}})
async def get_raw_mail(message_id: str, actor: Who, portal: Parts) -> Response:
    """The message as it came, to be saved and never shown: it may hold anything. 404 while it lies on intake's disk only."""
    raw = await Mails(portal.store).raw(actor, message_id)
    if raw is None:
        raise not_found()
    headers = {
        "Content-Disposition": f'attachment; filename="{message_id[:16]}.eml"', "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; sandbox",
    }  # fmt: skip
    return Response(raw, media_type="message/rfc822", headers=headers)

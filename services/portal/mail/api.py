"""The JSON reads of mail that came in (DESIGN section 7): what became of each message, the sums,
one message, its raw bytes.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.portal.mail.reads import MailReads
from services.portal.web.json_answers import Json, answer_list
from services.portal.web.read_your_write import retry_until_found
from services.portal.web.visitors import Parts, Who, not_found
from shared.access import may_see_desk

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
    found = await MailReads(portal.store, portal.files).listed(
        actor, state=state, cause=cause, cursor=cursor, limit=limit
    )
    if found is None:
        raise not_found()
    return answer_list(found, "/v1/mail", {"state": state, "cause": cause, "limit": limit})


@router.get("/mail/{message_id}")
async def get_mail(message_id: str, actor: Who, portal: Parts) -> Response:
    # Asked first, or a stranger could wait for an id and learn whether there is one.
    if not may_see_desk(actor):
        raise not_found()
    found = await retry_until_found(
        lambda: MailReads(portal.store, portal.files).message(actor, message_id)
    )
    if found is None:
        raise not_found()
    return Json(found)


@router.get("/mail/{message_id}/raw", responses={200: {"content": {"message/rfc822": {}}}})
async def get_raw_mail(message_id: str, actor: Who, portal: Parts) -> Response:
    """The message as it came, to be saved and never shown: it may hold anything. 503 with
    Retry-After while it lies on intake's disk only.
    """
    if not may_see_desk(actor):
        raise not_found()
    now = portal.clock.now()
    raw = await retry_until_found(
        lambda: MailReads(portal.store, portal.files).raw(actor, message_id, now)
    )
    if raw is None:
        raise not_found()
    headers = {
        "Content-Disposition": f'attachment; filename="{message_id[:16]}.eml"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        # Even where a browser opens it, nothing in it may run or load.
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(raw, media_type="message/rfc822", headers=headers)

"""The page behind a link that shares a ticket: it asks, and joins on POST only. Mail scanners and previews open links too."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.after import AFTER_S
from services.portal.screens import see_other
from services.portal.visitors import Drawn, Parts, Who

router = APIRouter(include_in_schema=False)


@router.get("/share/{token}")
async def confirm(token: str, request: Request, actor: Who, screens: Drawn) -> Response:
    """Says what joining means. Nothing of the ticket is shown before, not even whether there is one."""
    return screens.page(request, "share.html", actor=actor, place="tickets")


@router.post("/share/{token}")
async def join(token: str, request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Joins, and goes to the ticket; a link that is no longer good is gone (410)."""
    ticket_id = token.partition(".")[0]
    answer = await portal.intake.forward(actor, "POST", f"/v1/tickets/{ticket_id}/join", {"share_token": token})
    if not answer.is_accepted:
        gone = answer.status in (404, 410, 422)
        return screens.error(request, 410 if gone else answer.status, "share-gone" if gone else "", str(answer.json.get("detail") or ""))
    request_id = str(answer.json["request_id"])
    await portal.hub.settled(request_id, AFTER_S)
    became = await portal.queries.request(actor, request_id)
    if became and became["state"] == "refused" and became["code"] != "already-joined":
        status = 410 if became["code"] == "share-gone" else 403
        return screens.error(request, status, str(became["code"]), str(became["reason"]))
    already = became is not None and became["state"] == "refused"
    return see_other(f"/tickets/{ticket_id}" + ("" if already else f"?after={request_id}"))

"""The JSON read of disabled webhooks. They are enabled by `POST /v1/endpoints/{id}/enable`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from services.portal.operations.endpoints import list_disabled
from services.portal.web.json_answers import Json
from services.portal.web.visitors import Parts, Who, not_found
from shared.access import may_see_desk
from shared.people.subscriptions import KIND

router = APIRouter(prefix="/v1")


@router.get("/endpoints")
async def list_disabled_webhooks(actor: Who, portal: Parts) -> Response:
    """Webhooks that answered 410 Gone and are left alone: all of them for staff, a provider's own
    for its users.
    """
    if not (may_see_desk(actor) or actor.provider):
        raise not_found()
    ids = portal.directory.ids(KIND)
    return Json({"items": list_disabled(portal.directory, ids, actor)})

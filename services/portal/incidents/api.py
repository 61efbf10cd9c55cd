"""The JSON reads of incidents, maintenances and announcements. What is public needs no login: it is
what the status page says.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from services.portal.incidents.reads import IncidentReads
from services.portal.web.json_answers import Json, answer_list
from services.portal.web.read_your_write import AFTER_S, After
from services.portal.web.visitors import Parts, Visitor, Who, not_found

router = APIRouter(prefix="/v1")


def incidents_of(request: Request) -> IncidentReads:
    """The dependency: made once per process."""
    found = request.app.state.incidents
    assert isinstance(found, IncidentReads)
    return found


Reads = Annotated[IncidentReads, Depends(incidents_of)]
State = Annotated[str, Query(max_length=10)]
Cursor = Annotated[str | None, Query(max_length=500)]
Limit = Annotated[int, Query(ge=1, le=200)]


async def _list(
    family: str, actor: Any, reads: IncidentReads, state: str, cursor: str | None, limit: int
) -> Response:
    found = await reads.listed(actor, family, state=state, cursor=cursor, limit=limit)
    return answer_list(found, f"/v1/{family}", {"state": state, "limit": limit})


@router.get("/incidents")
async def list_incidents(
    actor: Visitor, reads: Reads, state: State = "all", cursor: Cursor = None, limit: Limit = 50
) -> Response:
    return await _list("incidents", actor, reads, state, cursor, limit)


@router.get("/maintenances")
async def list_maintenances(
    actor: Visitor, reads: Reads, state: State = "all", cursor: Cursor = None, limit: Limit = 50
) -> Response:
    return await _list("maintenances", actor, reads, state, cursor, limit)


@router.get("/announcements")
async def list_announcements(
    actor: Who, reads: Reads, state: State = "all", cursor: Cursor = None, limit: Limit = 50
) -> Response:
    return await _list("announcements", actor, reads, state, cursor, limit)


@router.get(
    "/incidents/{key}",
    responses={202: {"description": "the view does not hold request `after` yet"}},
)
@router.get(
    "/maintenances/{key}",
    responses={202: {"description": "the view does not hold request `after` yet"}},
)
@router.get(
    "/announcements/{key}",
    responses={202: {"description": "the view does not hold request `after` yet"}},
)
async def get_incident(
    key: str, actor: Visitor, portal: Parts, reads: Reads, after: After = None
) -> Response:
    if actor is None:
        after = None  # strangers are not waited with: they have made no request
    if after is not None and not await portal.hub.settled(after, AFTER_S):
        return Json({"state": "pending", "id": key, "request_id": after}, 202)
    found = await reads.one(actor, key)
    if found is None:
        raise not_found()
    return Json(found)


@router.get("/incidents/{key}/events")
async def get_events(key: str, actor: Who, reads: Reads) -> Response:
    found = await reads.events(actor, key)
    # An id without facts and one that is not for the actor are answered alike.
    if not found:
        raise not_found()
    return Json(
        {
            "items": [
                {name: entry[name] for name in ("id", "seq", "type", "at", "by", "cause", "data")}
                for entry in found
            ]
        }
    )

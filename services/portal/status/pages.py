"""The status page and its JSON on the portal's own address, straight from disk: no Kafka, no
MongoDB, no session.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import Response

from services.portal.status.files import StatusFiles
from services.portal.status.v3 import MOST_ISSUES

router = APIRouter()


def install(app: FastAPI, files: StatusFiles) -> None:
    """These routes, over `files`."""
    app.state.status_files = files
    app.include_router(router)


def _files(request: Request) -> StatusFiles:
    found = request.app.state.status_files
    assert isinstance(found, StatusFiles)
    return found


@router.get("/v1/status")
async def get_status(request: Request) -> Response:
    """Anyone may ask: the lights, the open incidents with their updates, maintenances under way and
    planned, the components.
    """
    return _files(request).answer(request)


@router.get("/api/v3/current-status", tags=["Heroku Status v3"])
async def current_status(request: Request) -> Response:
    """As the Heroku Status API of 2012 had it."""
    return _files(request).answer(request)


@router.get("/api/v3/issues", tags=["Heroku Status v3"])
async def list_issues(
    request: Request,
    since: Annotated[str | None, Query(max_length=40, description="a date, or an instant")] = None,
    limit: Annotated[
        int | None, Query(ge=1, le=MOST_ISSUES, description="at most so many, the latest first")
    ] = None,
) -> Response:
    """As the Heroku Status API of 2012 had it."""
    return _files(request).answer(request)


@router.get("/api/v3/issues/{issue_id}", tags=["Heroku Status v3"])
async def one_issue(request: Request, issue_id: str) -> Response:
    """As the Heroku Status API of 2012 had it."""
    return _files(request).answer(request)


@router.get("/v1/status.json", include_in_schema=False)
@router.get("/api/v3/current-status.json", include_in_schema=False)
@router.get("/status", include_in_schema=False)
@router.get("/status/{rest:path}", include_in_schema=False)
async def from_disk(request: Request) -> Response:
    return _files(request).answer(request)

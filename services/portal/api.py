"""The JSON reads of DESIGN section 7, and the way in for writes, which go on to intake as they came."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from services.portal.after import AFTER_S, After
from services.portal.answers import Json, listed
from services.portal.attachments import attachment, download
from services.portal.listing import Asked
from services.portal.stream import event_stream
from services.portal.visitors import Parts, Who, not_found
from shared.errors import Refused
from shared.instants import is_of_ours

SHIFTS_AHEAD = timedelta(days=14)

router = APIRouter(prefix="/v1")

Shape = dict[str, Any]


def _found(what: Any) -> Any:
    """404 where the actor may see nothing: the same answer as where there is nothing."""
    if what is None:
        raise not_found()
    return what


@router.get("/tickets")
async def list_tickets(
    actor: Who,
    portal: Parts,
    queue: str | None = None,
    status: str | None = None,
    priority: str | None = None,
    provider: str | None = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    order: str | None = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    asked = Asked(queue, status, priority, provider, q, order, cursor, limit)
    found = await portal.queries.tickets(actor, asked)
    given = {"queue": queue, "status": status, "priority": priority, "provider": provider, "q": q, "order": order, "limit": limit}
    return listed(found, "/v1/tickets", given)


@router.get("/tickets/{ticket_id}", responses={202: {"description": "the view does not hold request `after` yet"}})
async def get_ticket(ticket_id: str, actor: Who, portal: Parts, after: After = None) -> Response:
    if after is not None and not await portal.hub.settled(after, AFTER_S):
        return Json({"state": "pending", "ticket_id": ticket_id, "request_id": after}, 202)
    return Json(_found(await portal.queries.ticket(actor, ticket_id)))


@router.get("/tickets/{ticket_id}/events")
async def get_events(
    ticket_id: str, actor: Who, portal: Parts, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 500
) -> Response:
    items = _found(await portal.queries.timeline(actor, ticket_id, after=cursor, limit=limit))
    return Json({"items": items, "next": items[-1]["order"] if len(items) == limit else None})


@router.get("/tickets/{ticket_id}/explain")
async def get_explanation(ticket_id: str, actor: Who, portal: Parts) -> Response:
    return Json(_found(await portal.queries.explain(actor, ticket_id)))


@router.get("/tickets/{ticket_id}/clocks")
async def get_clocks(ticket_id: str, actor: Who, portal: Parts) -> Response:
    return Json({"items": _found(await portal.queries.clocks(actor, ticket_id))})


@router.get("/requests/{request_id}")
async def get_request(request_id: str, actor: Who, portal: Parts) -> Response:
    found = await portal.queries.request(actor, request_id)
    if found is None:
        await portal.hub.settled(request_id, AFTER_S / 2)
        found = await portal.queries.request(actor, request_id)
    return Json(_found(found))


@router.get("/pages")
async def list_pages(
    actor: Who,
    portal: Parts,
    state: str | None = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Response:
    found = _found(await portal.desk.pages(actor, state=state, limit=limit, cursor=cursor))
    return listed(found, "/v1/pages", {"state": state, "limit": limit})


@router.get("/pages/{page_id}", responses={202: {"description": "the view does not hold request `after` yet"}})
async def get_page(page_id: str, actor: Who, portal: Parts, after: After = None) -> Response:
    if after is not None and not await portal.hub.settled(after, AFTER_S):
        return Json({"state": "pending", "page_id": page_id, "request_id": after}, 202)
    return Json(_found(await portal.desk.page(actor, page_id)))


@router.get("/pages/{page_id}/certificate")
async def get_certificate(page_id: str, actor: Who, portal: Parts) -> Response:
    return Json(_found(await portal.desk.certificate(actor, page_id)))


@router.get("/on-call")
async def get_on_call(actor: Who, portal: Parts, at: datetime | None = None) -> Response:
    moment = _zoned(at, "at") or portal.clock.now()
    return Json({"at": moment.isoformat(), "items": _found(await portal.rota.on_call(actor, moment))})


@router.get("/on-call/shifts")
async def get_shifts(actor: Who, portal: Parts, since: datetime | None = None, until: datetime | None = None) -> Response:
    """Who is on call when: from now for 14 days, unless asked otherwise."""
    begins = _zoned(since, "since") or portal.clock.now()
    ends = _zoned(until, "until") or begins + SHIFTS_AHEAD
    return Json({"items": _found(await portal.rota.shifts(actor, begins, ends))})


@router.get("/on-call/coverage")
async def get_coverage(actor: Who, portal: Parts) -> Response:
    """What the next 90 days leave open: uncovered minutes, people no page can reach, single points."""
    return Json({"items": _found(await portal.rota.coverage(actor, portal.clock.now()))})


@router.get("/on-call/load")
async def get_load(actor: Who, portal: Parts) -> Response:
    """Whom the pages of the last 30 days woke: how often, how often at night, how soon they acknowledged."""
    return Json({"items": _found(await portal.rota.load(actor, portal.clock.now()))})


def _zoned(at: datetime | None, name: str) -> datetime | None:
    if at is not None and (at.tzinfo is None or not is_of_ours(at)):
        raise Refused("bad-parameter", f"{name} needs a zone and a year of ours, such as 2026-11-22T10:00:00Z")
    return at


@router.get("/dashboard")
async def get_dashboard(actor: Who, portal: Parts) -> Response:
    return Json(_found(await portal.desk.dashboard(actor, portal.clock.now())))


@router.get("/stream", response_class=StreamingResponse)
async def get_stream(
    request: Request,
    actor: Who,
    portal: Parts,
    ticket: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-sent events `ticket` and `page`; `Last-Event-ID` resumes. With `?ticket=` those of one ticket."""
    last = int(last_event_id) if last_event_id and last_event_id.isdecimal() and len(last_event_id) < 19 else None
    events = portal.hub.feed(portal.sessions.asking(request), ticket=ticket, last=last, heartbeat=portal.settings.stream_heartbeat)
    return event_stream(events)


@router.get("/attachments/{attachment_id}", response_class=Response)
async def get_attachment(attachment_id: str, actor: Who, portal: Parts) -> Response:
    """A download, as the ticket that names it allows."""
    return await download(portal.store, _found(await attachment(portal.store, actor, attachment_id)))


@router.post("/attachments", include_in_schema=False)
async def upload(request: Request, portal: Parts) -> Response:
    """Intake's to take, passed on as it comes."""
    actor = None if request.headers.get("authorization") else await portal.sessions.actor(request)
    return await portal.intake.pass_on_file(request, actor)


def _is_signed(request: Request) -> bool:
    """By a machine that has no token: intake checks it."""
    return "webhook-signature" in request.headers or "x-twilio-signature" in request.headers


@router.get("/tokens", include_in_schema=False)
@router.get("/people/{person}/methods", include_in_schema=False)
@router.get("/directory/{path:path}", include_in_schema=False)
@router.get("/policies", include_in_schema=False)
@router.get("/policies/{path:path}", include_in_schema=False)
@router.api_route("/{path:path}", methods=["POST", "PUT", "DELETE"], include_in_schema=False)
async def pass_on(request: Request, portal: Parts) -> Response:
    """Intake's to answer. A bearer token goes on as it is, so does a monitor's signature; a signed-in browser gets one minted.

    Subscriptions are anybody's: a link's token is what counts.
    """
    is_anybodys = request.url.path.startswith("/v1/subscriptions")
    proves_itself = is_anybodys or request.headers.get("authorization") or _is_signed(request)
    actor = None if proves_itself else await portal.sessions.actor(request)
    return await portal.intake.pass_on(request, actor)

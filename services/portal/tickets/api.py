"""The JSON reads of DESIGN section 7, and the way in for writes, which go on to intake as they
came.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from services.portal.account.notifications import list_stopped_mail
from services.portal.desk.homes import DeskTab
from services.portal.desk.listing import ListQuery
from services.portal.desk.reads import DeskQuery, count_homes, list_home
from services.portal.on_call.asks_reads import read_asks
from services.portal.tickets.attachments import attachment, download
from services.portal.web.json_answers import Json, answer_list
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import AFTER_S, After, retry_until_found
from services.portal.web.stream import event_stream
from services.portal.web.visitors import Parts, Who, not_found
from shared.access import may_see_desk
from shared.errors import Refused
from shared.events import Actor
from shared.instants import is_of_ours

SHIFTS_AHEAD = timedelta(days=14)

router = APIRouter(prefix="/v1")
to_intake = APIRouter(prefix="/v1", include_in_schema=False)
"""Every write, and the reads that intake answers. Included last: our own routes come first."""

Shape = dict[str, Any]


_PENDING: dict[int | str, dict[str, Any]] = {
    202: {"description": "the view does not hold request `after` yet"}
}


async def _answer_pending(portal: Portal, after: str | None, **about: str) -> Response | None:
    """202 while the view does not hold request `after`; None: it does, or none was named."""
    if after is None or await portal.hub.settled(after, AFTER_S):
        return None
    return Json({"state": "pending", **about, "request_id": after}, 202)


def _require_found(what: Any) -> Any:
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
    home: DeskTab | None = None,
    owner: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """`home`, for staff: one of the desk's lists in its order, with `owner` (`mine`, `nobody` or an
    address), `queue` and `priority`; its counts are those of all homes.
    """
    if home is not None:
        return await _list_home(actor, portal, home, queue, owner, priority, cursor)
    asked = ListQuery(queue, status, priority, provider, q, order, cursor, limit)
    found = await portal.queries.tickets(actor, asked)
    # What was asked for goes into the link to the next page of the list.
    given = {
        "queue": queue,
        "status": status,
        "priority": priority,
        "provider": provider,
        "q": q,
        "order": order,
        "limit": limit,
    }
    return answer_list(found, "/v1/tickets", given)


async def _list_home(
    actor: Actor,
    portal: Portal,
    home: DeskTab,
    queue: str | None,
    owner: str | None,
    priority: str | None,
    cursor: str | None,
) -> Response:
    if not may_see_desk(actor):
        raise Refused("bad-parameter", "home is for our staff", status=422)
    wanted = DeskQuery(home, queue or "", owner or "", priority or "", cursor)
    found = await list_home(portal.store, actor, wanted)
    counted = await count_homes(portal.store, actor, wanted.queue, wanted.owner)
    counts = {name.value: n for name, n in counted.items()}
    given = {"home": home.value, "queue": queue, "owner": owner, "priority": priority}
    return answer_list({**found, "counts": counts}, "/v1/tickets", given)


@router.get(
    "/tickets/{ticket_id}",
    responses=_PENDING,
)
async def get_ticket(ticket_id: str, actor: Who, portal: Parts, after: After = None) -> Response:
    if (pending := await _answer_pending(portal, after, ticket_id=ticket_id)) is not None:
        return pending
    found = _require_found(await portal.queries.ticket(actor, ticket_id))
    return Json({**found, "mail_stopped": list_stopped_mail(found, portal.directory, actor)})


@router.get("/tickets/{ticket_id}/events", responses=_PENDING)
async def get_events(
    ticket_id: str,
    actor: Who,
    portal: Parts,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    after: After = None,
) -> Response:
    if (pending := await _answer_pending(portal, after, ticket_id=ticket_id)) is not None:
        return pending
    items = _require_found(
        await portal.queries.timeline(actor, ticket_id, after=cursor, limit=limit)
    )
    return Json({"items": items, "next": items[-1]["order"] if len(items) == limit else None})


@router.get("/tickets/{ticket_id}/explain", responses=_PENDING)
async def get_explanation(
    ticket_id: str, actor: Who, portal: Parts, after: After = None
) -> Response:
    if (pending := await _answer_pending(portal, after, ticket_id=ticket_id)) is not None:
        return pending
    return Json(_require_found(await portal.queries.explain(actor, ticket_id)))


@router.get("/tickets/{ticket_id}/clocks", responses=_PENDING)
async def get_clocks(ticket_id: str, actor: Who, portal: Parts, after: After = None) -> Response:
    if (pending := await _answer_pending(portal, after, ticket_id=ticket_id)) is not None:
        return pending
    return Json({"items": _require_found(await portal.queries.clocks(actor, ticket_id))})


@router.get("/requests/{request_id}")
async def get_request(request_id: str, actor: Who, portal: Parts) -> Response:
    found = await portal.queries.request(actor, request_id)
    # It may be accepted and on its way: wait for the projector, half as long as `after` does.
    if found is None:
        await portal.hub.settled(request_id, AFTER_S / 2)
        found = await portal.queries.request(actor, request_id)
    return Json(_require_found(found))


@router.get("/pages")
async def list_pages(
    actor: Who,
    portal: Parts,
    state: str | None = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Response:
    found = _require_found(await portal.desk.pages(actor, state=state, limit=limit, cursor=cursor))
    return answer_list(found, "/v1/pages", {"state": state, "limit": limit})


@router.get(
    "/pages/{page_id}",
    responses=_PENDING,
)
async def get_page(page_id: str, actor: Who, portal: Parts, after: After = None) -> Response:
    if (pending := await _answer_pending(portal, after, page_id=page_id)) is not None:
        return pending
    return Json(_require_found(await portal.desk.page(actor, page_id)))


@router.get("/pages/{page_id}/certificate", responses=_PENDING)
async def get_certificate(page_id: str, actor: Who, portal: Parts, after: After = None) -> Response:
    if (pending := await _answer_pending(portal, after, page_id=page_id)) is not None:
        return pending
    return Json(_require_found(await portal.desk.certificate(actor, page_id)))


@router.get("/on-call")
async def get_on_call(actor: Who, portal: Parts, at: datetime | None = None) -> Response:
    moment = _check_zone(at, "at") or portal.clock.now()
    return Json(
        {
            "at": moment.isoformat(),
            "items": _require_found(await portal.rota.on_call(actor, moment)),
        }
    )


@router.get("/on-call/shifts")
async def get_shifts(
    actor: Who, portal: Parts, since: datetime | None = None, until: datetime | None = None
) -> Response:
    """Who is on call when: from now for 14 days, unless asked otherwise."""
    begins = _check_zone(since, "since") or portal.clock.now()
    ends = _check_zone(until, "until") or begins + SHIFTS_AHEAD
    return Json({"items": _require_found(await portal.rota.shifts(actor, begins, ends))})


@router.get("/on-call/coverage")
async def get_coverage(actor: Who, portal: Parts) -> Response:
    """What the next 90 days leave open: uncovered minutes, people no page can reach, single points."""
    return Json({"items": _require_found(await portal.rota.coverage(actor, portal.clock.now()))})


@router.get("/on-call/asks")
async def get_asks(actor: Who, portal: Parts) -> Response:
    """Who asks for cover of which shift, how it stands, and what the caller can do about it."""
    return Json({"items": _require_found(await read_asks(portal.rota, actor, portal.clock.now()))})


@router.get("/on-call/load")
async def get_load(actor: Who, portal: Parts) -> Response:
    """Whom the pages of the last 30 days woke: how often, how often at night, how soon they
    acknowledged.
    """
    return Json({"items": _require_found(await portal.rota.load(actor, portal.clock.now()))})


def _check_zone(at: datetime | None, name: str) -> datetime | None:
    if at is not None and (at.tzinfo is None or not is_of_ours(at)):
        raise Refused(
            "bad-parameter", f"{name} needs a zone and a year of ours, such as 2026-11-22T10:00:00Z"
        )
    return at


@router.get("/dashboard")
async def get_dashboard(actor: Who, portal: Parts) -> Response:
    return Json(_require_found(await portal.desk.dashboard(actor, portal.clock.now())))


@router.get("/stream", response_class=StreamingResponse)
async def get_stream(
    request: Request,
    actor: Who,
    portal: Parts,
    ticket: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-sent events `ticket` and `page`; `Last-Event-ID` resumes. With `?ticket=` those of one
    ticket.
    """
    last = (
        # At most 18 digits, which MongoDB's numbers of 64 bits hold.
        int(last_event_id)
        if last_event_id and last_event_id.isdecimal() and len(last_event_id) < 19
        else None
    )
    events = portal.hub.feed(
        portal.sessions.asking(request),
        ticket=ticket,
        last=last,
        heartbeat=portal.settings.stream_heartbeat,
    )
    return event_stream(events)


@router.get("/attachments/{attachment_id}", response_class=Response)
async def get_attachment(attachment_id: str, actor: Who, portal: Parts) -> Response:
    """A download, as the ticket that names it allows. 503 with Retry-After while it is not stored
    yet.
    """
    found = await retry_until_found(
        lambda: attachment(portal.store, portal.descriptions, actor, attachment_id)
    )
    return await download(portal.files, _require_found(found))


@router.post("/attachments", include_in_schema=False)
async def upload(request: Request, portal: Parts) -> Response:
    """Intake's to take, passed on as it comes."""
    # With a token, intake itself looks who it is.
    actor = None if request.headers.get("authorization") else await portal.sessions.actor(request)
    return await portal.intake.pass_on_file(request, actor)


_FOR_SURE = (
    "/v1/tokens",
    "/v1/account",
    "/v1/directory",
    "/v1/policies",
    "/v1/people",
    "/v1/invitations",
)
"""Who may what, and by which secret: a session that is only remembered is not enough for these."""


_ANYBODYS = (
    "/v1/subscriptions",
    "/v1/setup",
    "/v1/password-resets",
    "/v1/passwords",
    "/v1/invitations/accept",
)


def _is_signed(request: Request) -> bool:
    """By a machine that has no token: intake checks it."""
    return "webhook-signature" in request.headers or "x-twilio-signature" in request.headers


# Reads are named one by one: what is not in this list never reaches intake.
@to_intake.get("/tokens", include_in_schema=False)
@to_intake.get("/invitations", include_in_schema=False)
@to_intake.get("/views", include_in_schema=False)
@to_intake.get("/people/{person}/methods", include_in_schema=False)
@to_intake.get("/directory/{path:path}", include_in_schema=False)
@to_intake.get("/policies", include_in_schema=False)
@to_intake.get("/policies/{path:path}", include_in_schema=False)
@to_intake.api_route("/{path:path}", methods=["POST", "PUT", "DELETE"], include_in_schema=False)
async def pass_on(request: Request, portal: Parts) -> Response:
    """Intake's to answer. A bearer token goes on as it is, so does a monitor's signature; a
    signed-in browser gets one minted.

    Subscriptions, passwords and the set-up are anybody's: a link's token, or the installation's
    secret, is what counts.
    """
    path: str = request.scope["path"]
    is_anybodys = path.startswith(_ANYBODYS)
    proves_itself = is_anybodys or request.headers.get("authorization") or _is_signed(request)
    actor = None
    # Whoever proves it by other means needs no session.
    if not proves_itself:
        must_be_sure = path.startswith(_FOR_SURE)
        actor = await portal.sessions.actor(request, confirmed=must_be_sure)
    return await portal.intake.pass_on(request, actor)

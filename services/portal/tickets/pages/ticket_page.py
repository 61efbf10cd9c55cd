"""Tickets as people see them: my tickets, on to the next, and the page of one ticket."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.account.notifications import list_stopped_mail
from services.portal.desk.composing import macros_for, next_for
from services.portal.desk.listing import ListQuery
from services.portal.people.reads import read_panel
from services.portal.tickets.attachments import describe_attachments, files_of
from services.portal.tickets.copied import read_copied
from services.portal.tickets.forms import actions_for, audiences_for, removable_people
from services.portal.tickets.incident_links import is_linkable, links_of
from services.portal.tickets.reads import read_ticket
from services.portal.tickets.seen_texts import insight_of
from services.portal.web.filters import FactView, short_id
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import AFTER_S, is_request
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts, Who, not_found
from services.portal.web.words import OPENED_FOR, draft_of, notes_of, outcome_of, tabs_of_own
from shared.access import Standing, may_handle_pages
from shared.asks import MAY
from shared.errors import Unavailable
from shared.events import Actor
from shared.ids import is_ticket

router = APIRouter(include_in_schema=False)


@router.get("/tickets")
async def own_tickets(
    request: Request,
    actor: Who,
    portal: Parts,
    screens: Drawn,
    status: str = "live",
    cursor: str | None = None,
    q: str | None = None,
) -> Response:
    """A customer's, or a provider's. Staff have the queue."""
    if actor.is_staff:
        return see_other("/queue")
    found = await portal.queries.tickets(
        actor, ListQuery(status=None if status == "all" else status, cursor=cursor, q=q)
    )
    return screens.page(
        request,
        "tickets.html",
        actor=actor,
        place="tickets",
        found=found,
        side="provider" if actor.provider else "customer",
        tabs=tabs_of_own(found["counts"], status),
        filtered=(status != "live" and found["counts"]["total"] > 0) or cursor is not None,
        base_href="/tickets",
        more_href=f"/tickets?status={status}&cursor={found['next']}",
    )


@router.get("/tickets/next")
async def next_ticket(request: Request, actor: Who, portal: Parts) -> Response:
    """On to the next: the one of the list that one came from, or the first that waits for us."""
    if not actor.is_staff:
        return see_other("/tickets")
    query = request.query_params
    before, wanted = query.get("not", ""), query.get("next", "")
    found = wanted if is_ticket(wanted) else await next_for(portal, actor, before)
    if found is None:
        return see_other("/queue")
    told = {"sent": query.get("sent", ""), "on": before} if query.get("sent") else {}
    return see_other(f"/tickets/{found}{'?' + urlencode(told) if told else ''}")


@router.get("/tickets/{ticket_id}")
async def ticket_page(
    ticket_id: str,
    request: Request,
    actor: Who,
    portal: Parts,
    screens: Drawn,
    after: str | None = None,
) -> Response:
    try:
        # Who has just sent something waits a bounded time, and is told that it is safe.
        async with asyncio.timeout(None if after is None else 3 * AFTER_S):
            return await _ticket_after(ticket_id, request, actor, portal, screens, after)
    except (Unavailable, TimeoutError):
        if after is None:
            raise  # what was just sent is safe all the same, and said so
        notes = [
            *notes_of(request.query_params),
            "Our views are away just now, so it is shown later; it is worked on meanwhile.",
        ]
        return screens.page(
            request,
            "received.html",
            actor=actor,
            place="tickets",
            status=202,
            ticket_id=ticket_id,
            notes=notes,
        )


async def _ticket_after(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    after: str | None,
) -> Response:
    outcome = await _find_sent_outcome(request, actor, portal) if after is None else None
    # `after`: what was sent from this ticket's page, or what opened the ticket.
    if after is not None and is_request(after):
        is_there = await portal.hub.settled(after, AFTER_S)
        outcome = outcome_of(
            await portal.queries.request(actor, after) if is_there else None, after, ticket_id
        )
        notes = notes_of(request.query_params)
        # The browser keeps drafts by what the form was for: name the right one to clear.
        if outcome and outcome["clears"] == "new-ticket":
            told = {"requester": request.query_params.get("for", "")}
            told["follows"] = request.query_params.get("on", "")
            outcome |= OPENED_FOR if told["requester"] and actor.is_staff else {}
            outcome["clears"] = draft_of(told)
        if outcome and notes:
            outcome["text"] = " ".join((outcome["text"], *notes))
        # Not in the views yet: say that it was received, in place of a 404.
        if not is_there and await portal.queries.ticket(actor, ticket_id) is None:
            return screens.page(
                request,
                "received.html",
                actor=actor,
                place="tickets",
                status=202,
                ticket_id=ticket_id,
                notes=notes,
            )
    return await draw_ticket(ticket_id, request, actor, portal, screens, outcome=outcome)


async def _find_sent_outcome(
    request: Request, actor: Actor, portal: Portal
) -> dict[str, Any] | None:
    """What became of a reply to the ticket that one comes from; its draft is done with."""
    sent, on = request.query_params.get("sent", ""), request.query_params.get("on", "")
    if not (is_request(sent) and is_ticket(on)):
        return None
    is_there = await portal.hub.settled(sent, AFTER_S)
    found = outcome_of(await portal.queries.request(actor, sent) if is_there else None, sent, on)
    return found and {**found, "text": f"{found['text']} (ticket {short_id(on)})".strip()}


async def draw_ticket(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    *,
    status: int = 200,
    **context: Any,
) -> Response:
    """The ticket's page, with what the caller adds for the template. Raises Refused where the actor
    may not see the ticket, and Unavailable.
    """
    all_facts = request.query_params.get("earlier") == "all"
    view = await read_ticket(portal.queries, actor, ticket_id, all_facts=all_facts)
    if view is None:
        raise not_found()
    ticket = view.ticket
    is_staff = ticket["standing"] == "staff"
    may_link = Standing(ticket["standing"]) in MAY["LinkIncident"] and is_linkable(ticket)
    app = portal.directory.get("apps", ticket["app"] or "") or {}
    actions = actions_for(ticket, actor)
    # Only for those who handle pages; others do not even learn their ids.
    page_ids = ticket.get("pages", []) if is_staff and may_handle_pages(actor) else []
    # One round of reads: none of these needs another one's answer.
    (
        (files, links, pages, said, macros, copied),
        behind,
        (followed, merges, words),
        _,
    ) = await asyncio.gather(
        asyncio.gather(
            describe_attachments(portal.descriptions, view.timeline),
            links_of(portal.store, ticket, app.get("addons") or ()),
            asyncio.gather(*(portal.desk.page(actor, name) for name in page_ids)),
            insight_of(ticket),
            macros_for(portal, ticket, actor),
            read_copied(portal, ticket, actor, is_offered="ask" in actions),
        ),
        read_panel(portal.store, portal.directory, ticket),
        asyncio.gather(
            portal.queries.find_related_tickets(actor, ticket),
            portal.queries.merges(actor, ticket),
            portal.queries.last_words(ticket.get("merged", [])),
        ),
        # Not a read: makes the messages' HTML in a thread meanwhile.
        screens.messages.prepare(view.timeline),
    )
    await screens.messages.prepare(words.values())
    return screens.page(
        request,
        "ticket.html",
        actor=actor,
        place="queue" if is_staff else "tickets",
        status=status,
        ticket=ticket,
        unreached=list_stopped_mail(ticket, portal.directory, actor),
        timeline=[
            {
                **fact,
                "data": FactView(fact["data"]),
                "files": files_of(fact, files),
                "words": words.get(fact["data"].get("merged", "")),
            }
            for fact in view.timeline
        ],
        earlier=view.earlier,
        all_facts=all_facts,
        macros=macros,
        undo_seconds=portal.settings.undo_seconds,
        decisions=view.decisions,
        pages=[page for page in pages if page],
        actions=actions,
        copied=copied,
        removable=removable_people(ticket, actor),
        audiences=audiences_for(
            ticket, screens.provider_name(ticket["provider"] or ""), screens.brand.desk
        ),
        providers=list_providers(portal) if is_staff else [],
        colleagues=portal.colleagues.list_others(actor) if is_staff else [],
        insight=said,
        behind=behind,
        followed=followed,
        merges=merges,
        links=links,
        may_link=may_link,
        idempotency_key=secrets.token_urlsafe(12),
        **context,
    )


def list_providers(portal: Portal) -> list[dict[str, Any]]:
    found = [
        {"slug": slug, "name": doc.get("name") or slug}
        for slug, doc in portal.directory.all("providers").items()
    ]
    return sorted(found, key=lambda provider: str(provider["name"]))

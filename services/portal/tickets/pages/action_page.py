"""Everything that can be done on a ticket's page, and what is shown after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.desk.composing import do_after, read_extra_actions
from services.portal.tickets.collisions import ANSWERED, find_written_since, read_seen
from services.portal.tickets.forms import (
    action_document,
    is_left,
    problems_by_field,
    real_action,
)
from services.portal.tickets.pages.sending import key_of, send_to_intake, status_of
from services.portal.tickets.pages.ticket_page import draw_ticket
from services.portal.web.filters import FactView
from services.portal.web.intake_client import IntakeAnswer
from services.portal.web.json_answers import Json
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import AFTER_S
from services.portal.web.render import PageRenderer, see_other, wants_data
from services.portal.web.uploads import form_of
from services.portal.web.visitors import Drawn, Parts, Who, not_found
from services.portal.web.words import outcome_of
from shared.errors import Unavailable
from shared.events import Actor

_REPLIED = frozenset({"body"})

router = APIRouter(include_in_schema=False)


@router.post("/tickets/{ticket_id}/{action}")
async def act(
    ticket_id: str, action: str, request: Request, actor: Who, portal: Parts, screens: Drawn
) -> Response:
    sent = await form_of(request, portal.intake, actor, portal.settings.max_body)
    fields = sent.fields
    if sent.wrong:
        errors = {"files": sent.wrong}
        return await draw_ticket(
            ticket_id, request, actor, portal, screens, values=fields, errors=errors, status=422
        )
    action = real_action(action, fields)
    # What others wrote meanwhile is shown before anything is sent.
    if action == "replies" and (newer := await _newer(ticket_id, actor, portal, fields)):
        return await _draw_conflict(ticket_id, request, actor, portal, screens, fields, newer)
    document = action_document(action, fields)
    # An empty checklist is nobody's reply.
    if action == "checklist" and not document["body"]:
        return see_other(f"/tickets/{ticket_id}#checklist")
    called = (
        "replies" if action == "checklist" else action
    )  # its answers are a reply like any other
    answer = await send_to_intake(
        portal, actor, f"/v1/tickets/{ticket_id}/{called}", sent.with_files(document), fields
    )
    # Only sharing answers with an address.
    if answer.is_accepted and "url" in answer.json:
        return await _show_share_link(ticket_id, request, actor, portal, screens, answer)
    if answer.is_accepted:
        asked = str(answer.json["request_id"])
        # The router may have seen an answer that the views did not hold yet.
        if document.get("seen") and await _is_too_late(portal, actor, asked):
            newer = await _newer(ticket_id, actor, portal, fields)
            return await _draw_conflict(ticket_id, request, actor, portal, screens, fields, newer)
        if action == "replies":
            return await _finish_reply(ticket_id, request, actor, portal, screens, fields, answer)
        # Whoever left sees the ticket no more.
        if action == "remove" and is_left(fields, actor):
            return see_other("/tickets")
        return see_other(f"/tickets/{ticket_id}?after={asked}")
    if answer.status == 404:
        raise not_found()
    # A script of ours asked: it shows the problem itself.
    if wants_data(request):
        return Json(answer.json, status_of(answer))
    problems = problems_by_field(answer.json, _REPLIED if action == "replies" else frozenset())
    # A reply's text goes back into its field; a button has no field to stand beside.
    if action == "replies":
        return await draw_ticket(
            ticket_id,
            request,
            actor,
            portal,
            screens,
            values=fields,
            errors=problems,
            status=status_of(answer),
        )
    outcome = {
        "tone": "bad",
        "title": "That was not done.",
        "text": " ".join(problems.values()),
        "clears": None,
    }
    return await draw_ticket(
        ticket_id, request, actor, portal, screens, outcome=outcome, status=status_of(answer)
    )


async def _newer(
    ticket_id: str, actor: Actor, portal: Portal, fields: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    """What others wrote since the form was drawn; nothing while the views are away: the router
    looks, too.
    """
    seen = read_seen(fields)
    if seen is None:
        return []
    try:
        said = await portal.queries.list_messages_since(actor, ticket_id, seen)
    except Unavailable:
        return []
    newer = find_written_since(said, seen, actor.email)
    return [{**entry, "data": FactView(entry["data"])} for entry in newer]


async def _is_too_late(portal: Portal, actor: Actor, request_id: str) -> bool:
    """Whether the router refused a reply because of another that it had taken just before."""
    try:
        if not await portal.hub.settled(request_id, AFTER_S):
            return False
        became = await portal.queries.request(actor, request_id)
    except Unavailable:
        # Not known whether it was refused: the ticket's page will say.
        return False
    return became is not None and became["code"] == ANSWERED


async def _draw_conflict(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    fields: Mapping[str, str],
    newer: list[Mapping[str, Any]],
) -> Response:
    """Nothing was sent: somebody else wrote meanwhile. The text is kept."""
    if wants_data(request):
        detail = "Somebody answered while you wrote. Look first, then send it again."
        return Json({"detail": detail}, 409)
    return await draw_ticket(
        ticket_id, request, actor, portal, screens, values=fields, newer=newer, status=409
    )


async def _finish_reply(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    fields: Mapping[str, str],
    answer: IntakeAnswer,
) -> Response:
    """The reply is taken; what else was asked for is done now, and one sees it, or the
    next ticket.
    """

    async def ask(action: str, document: Mapping[str, Any], end: str) -> IntakeAnswer:
        # A key of its own, derived from the reply's: sent twice, each is still done once.
        key = {"idempotency_key": f"{key_of(fields)[:180]}-{end}"}
        return await send_to_intake(
            portal, actor, f"/v1/tickets/{ticket_id}/{action}", document, key
        )

    last, problem = await do_after(ask, read_extra_actions(fields))
    request_id = str(answer.json["request_id"])
    if wants_data(request):
        return Json({"request_id": request_id, "after": last, "problem": problem}, 202)
    # The reply is out, so this is said as such and not as a failure.
    if problem:
        outcome = {"tone": "bad", "title": "Your reply was sent.", "text": problem, "clears": None}
        return await draw_ticket(ticket_id, request, actor, portal, screens, outcome=outcome)
    if fields.get("then") == "next" and actor.is_staff:
        query = {"not": ticket_id, "next": fields.get("next_ticket", ""), "sent": request_id}
        return see_other(f"/tickets/next?{urlencode(query)}")
    return see_other(f"/tickets/{ticket_id}?after={last or request_id}#newest")


async def _show_share_link(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    answer: IntakeAnswer,
) -> Response:
    """The link is shown once, here: nobody keeps it."""
    request_id = str(answer.json["request_id"])
    # The link must not be handed out before the router has granted it.
    await portal.hub.settled(request_id, AFTER_S)
    became = await portal.queries.request(actor, request_id)
    if became and became["state"] == "refused":
        outcome = outcome_of(became, request_id, ticket_id)
    else:
        text = (
            "Registered colleagues who open it can join, for 30 days. Copy it now: it is not shown "
            "again."
        )
        outcome = {
            "tone": "good",
            "title": "Here is the link.",
            "text": text,
            "clears": None,
            "link": str(answer.json["url"]),
        }
    return await draw_ticket(ticket_id, request, actor, portal, screens, outcome=outcome)

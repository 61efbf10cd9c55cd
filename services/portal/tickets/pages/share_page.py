"""The pages behind a link that shares a ticket, and behind the two links of a mail that asks somebody
to take part: they ask, and act on POST only. Mail scanners and previews open links too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.tickets.forms import in_words
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import AFTER_S
from services.portal.web.render import see_other
from services.portal.web.visitors import Drawn, Parts, Who
from shared.errors import Refused, Unavailable
from shared.events import Actor, Via
from shared.signed import links
from shared.signed.shares import check_token, make_gone_refusal

_TICKET = re.compile(r"tkt_[a-z2-7]{26}")
_NOT_VALID = "This link is not valid, or no longer. Have them ask you again."

router = APIRouter(include_in_schema=False)


@router.get("/share/{token}")
async def confirm(
    token: str, request: Request, actor: Who, portal: Parts, screens: Drawn
) -> Response:
    """Says what joining means, or that the link is gone (410). Nothing of the ticket is shown
    before, not even whether there is one: a link that was not made here is gone, too.
    """
    ticket_id, secret = token.partition(".")[0], portal.settings.secret
    try:
        # Without a secret no link can be told from another: joining decides.
        if secret is not None:
            hashed = check_token(secret.get_secret_value(), ticket_id, token)
            if not await _is_good(portal, ticket_id, hashed):
                raise make_gone_refusal()
    except Refused as refused:
        return screens.error(request, refused.status, refused.code, refused.detail)
    return screens.page(request, "share.html", actor=actor, place="tickets")


async def _is_good(portal: Portal, ticket_id: str, hashed: str) -> bool:
    """Whether the view knows the link and nothing that ended it. Yes while the view is away, or has
    not read of it yet: joining decides.
    """
    said = {"ticket": ticket_id, "type": {"$in": ["TicketShared", "ShareRevoked", "TicketClosed"]}}
    try:
        facts = await portal.store["timeline"].find(said, order=[("order", 1)], limit=2000)
    except Unavailable:
        # A doubt must not turn anybody away.
        return True
    now, made = portal.clock.now(), False
    # In the order of the log: whatever ended sharing after the link was made ended the link.
    for fact in facts:
        if fact["type"] != "TicketShared":
            if made:
                return False
        elif fact["data"]["token_hash"] == hashed:
            made = datetime.fromisoformat(fact["data"]["expires_at"]) > now
            if not made:
                return False
    return True


@router.post("/share/{token}")
async def join(token: str, request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Joins, and goes to the ticket; a link that is no longer good is gone (410)."""
    ticket_id = token.partition(".")[0]
    answer = await portal.intake.forward(
        actor, "POST", f"/v1/tickets/{ticket_id}/join", {"share_token": token}
    )
    if not answer.is_accepted:
        # All three are the same to whoever has the link: it is of no use any more.
        gone = answer.status in (404, 410, 422)
        return screens.error(
            request,
            410 if gone else answer.status,
            "share-gone" if gone else "",
            in_words(answer.json),
        )
    request_id = str(answer.json["request_id"])
    await portal.hub.settled(request_id, AFTER_S)
    became = await portal.queries.request(actor, request_id)
    # Who is in the ticket already just goes there.
    if became and became["state"] == "refused" and became["code"] != "already-joined":
        status = 410 if became["code"] == "share-gone" else 403
        return screens.error(request, status, str(became["code"]), str(became["reason"]))
    already = became is not None and became["state"] == "refused"
    return see_other(f"/tickets/{ticket_id}" + ("" if already else f"?after={request_id}"))


@router.get("/tickets/{ticket_id}/take-part")
async def ask_page(
    ticket_id: str,
    request: Request,
    portal: Parts,
    screens: Drawn,
    token: str = "",
    answer: str = "",
) -> Response:
    """Says what taking part means. The link is the key: no login, and nothing of the ticket is
    shown, not even its subject. `answer`: `no` puts that button first.
    """
    person = _person(portal, ticket_id, token)
    if person is None:
        return screens.error(request, 403, "link-not-valid", _NOT_VALID)
    return screens.page(
        request,
        "ask.html",
        person=person,
        ticket_id=ticket_id,
        says_no=answer == "no",
        done="",
        problem="",
    )


@router.post("/tickets/{ticket_id}/take-part")
async def answer_ask(
    ticket_id: str, request: Request, portal: Parts, screens: Drawn, token: str = ""
) -> Response:
    """Answers for the person the link was made for. Whether they are asked at all the router decides."""
    person = _person(portal, ticket_id, token)
    if person is None:
        return screens.error(request, 403, "link-not-valid", _NOT_VALID)
    agree = (await fields_of(request, portal.settings.max_body)).get("answer") == "yes"
    sent = {"agree": agree, "token": token}
    path = f"/v1/tickets/{ticket_id}/answer-ask"
    said = await portal.intake.forward(None, "POST", path, sent)
    problem = "" if said.is_accepted else in_words(said.json, "It could not be recorded.")
    status = said.status if problem else 200
    if not problem:
        became = await _find_outcome(portal, person, str(said.json["request_id"]))
        # Whoever takes part already has what they asked for.
        if became and became["state"] == "refused" and became["code"] != "already-joined":
            status, problem = 409, str(became["reason"])
    return screens.page(
        request,
        "ask.html",
        status=status,
        person=person,
        ticket_id=ticket_id,
        says_no=not agree,
        done="" if problem else "yes" if agree else "no",
        problem=problem,
    )


async def _find_outcome(portal: Portal, person: str, request_id: str) -> Mapping[str, Any] | None:
    """What became of the answer; None where the views do not say in time."""
    asker = Actor(email=person, roles=(), via=Via.WEB)
    try:
        await portal.hub.settled(request_id, AFTER_S)
        return await portal.queries.request(asker, request_id)
    except Unavailable:
        # The answer is in the log; only its outcome cannot be shown yet.
        return None


def _person(portal: Portal, ticket_id: str, token: str) -> str | None:
    """Whom a link's token was made for; None where it is not valid."""
    secret = portal.settings.secret
    if not _TICKET.fullmatch(ticket_id) or secret is None:
        return None
    key, now = secret.get_secret_value().encode(), portal.clock.now()
    link = links.verify(key, token, links.TAKE_PART, ticket_id, now)
    return link.person if link else None

"""Mail that came in, for staff: what became of each, why, and letting it out of quarantine. And the
page of a confirming link.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.mail.reads import MailReads
from services.portal.mail.text import MOST_RAW, text_of
from services.portal.projector.mail import STATES
from services.portal.tickets.forms import in_words
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import AFTER_S, is_request
from services.portal.web.render import see_other
from services.portal.web.visitors import Drawn, Parts, Staff, not_found
from services.portal.web.words import href
from shared.errors import Refused, Unavailable
from shared.events import Actor
from shared.signed import links

_TICKET = re.compile(r"tkt_[a-z2-7]{26}")
_LABELS = {
    "": "Everything",
    "received": "In hand",
    "ticketed": "Tickets",
    "threaded": "Replies",
    "quarantined": "Quarantine",
    "duplicate": "Came twice",
}

router = APIRouter(include_in_schema=False)


@router.get("/ops/mail")
async def mail_page(
    request: Request,
    actor: Staff,
    portal: Parts,
    screens: Drawn,
    state: str = "",
    cause: str = "",
    cursor: str = "",
) -> Response:
    found = await MailReads(portal.store, portal.files).listed(
        actor, state=state or None, cause=cause or None, cursor=cursor or None
    )
    if found is None:
        raise not_found()
    counts: dict[str, Any] = found["counts"]
    # "Received" counts every delivery; the tab is for those still in hand.
    shown = {"": None, "received": counts["in_hand"], **{name: counts[name] for name in STATES[1:]}}
    tabs = [
        {
            "href": href("/ops/mail", {"state": key}),
            "label": label,
            "n": shown[key],
            "current": key == state,
        }
        for key, label in _LABELS.items()
    ]
    more = href("/ops/mail", {"state": state, "cause": cause, "cursor": found["next"] or ""})
    return screens.page(
        request,
        "mail.html",
        actor=actor,
        place="ops",
        found=found,
        tabs=tabs,
        more_href=more,
        state=state,
        cause=cause,
    )


@router.get("/ops/mail/{message_id}")
async def message_page(
    message_id: str,
    request: Request,
    actor: Staff,
    portal: Parts,
    screens: Drawn,
    after: str = "",
    problem: str = "",
) -> Response:
    # Just released: wait, so that the page shows what became of it.
    if is_request(after):
        await _wait_until_settled(portal, after)
    message = await MailReads(portal.store, portal.files).message(actor, message_id)
    if message is None:
        raise not_found()
    return screens.page(
        request,
        "message.html",
        actor=actor,
        place="ops",
        message=message,
        text=await _text(portal, actor, message),
        released=is_request(after),
        # From the address bar: cut, and escaped by the template.
        problem=problem[:500],
        idempotency_key=secrets.token_urlsafe(12),
    )


async def _text(portal: Portal, actor: Actor, message: dict[str, Any]) -> str | None:
    """What a held message says. None of others: their words are the ticket's."""
    # A held message is no ticket, so it can be read only here.
    if message["state"] != "quarantined" or message["size"] > MOST_RAW:
        return None
    try:
        raw = await MailReads(portal.store, portal.files).raw(
            actor, message["id"], portal.clock.now()
        )
    except (Unavailable, Refused):
        # The page says the rest without it.
        return None
    # In a worker: a mail may be large and built to be slow.
    return await portal.desk.workers.run(lambda: text_of(raw or b""))


@router.post("/ops/mail/{message_id}/release")
async def release(message_id: str, request: Request, actor: Staff, portal: Parts) -> Response:
    given = await fields_of(request, portal.settings.max_body)
    account = given.get("account", "").strip()
    own = given.get("idempotency_key") or secrets.token_urlsafe(6)
    answer = await portal.intake.forward(
        actor,
        "POST",
        f"/v1/mail/{message_id}/release",
        {"account": account} if account else {},
        # A key of the form: sent twice it is one; what is held again can be released again.
        idempotency_key=f"release-{message_id}-{account}-{own}"[:255],
    )
    if answer.is_accepted:
        return see_other(
            href(f"/ops/mail/{message_id}", {"after": str(answer.json.get("request_id", ""))})
        )
    return see_other(
        href(
            f"/ops/mail/{message_id}",
            {"problem": in_words(answer.json, "It was not released.")},
        )
    )


@router.get("/tickets/{ticket_id}/confirm")
async def confirm_page(
    ticket_id: str, request: Request, portal: Parts, screens: Drawn, token: str = ""
) -> Response:
    """The link of a confirmation mail: says what it is about and shows a button. Reading it changes
    nothing (mail scanners read links).
    """
    # The link is the key: no login, and nothing is read before it is checked.
    person = _person(portal, ticket_id, token)
    if person is None:
        return screens.error(
            request,
            403,
            "link-not-valid",
            "This link is not valid, or no longer. Log in to see your tickets.",
        )
    return screens.page(
        request, "confirm.html", ticket_id=ticket_id, person=person, done=False, problem=""
    )


@router.post("/tickets/{ticket_id}/confirm")
async def confirm(
    ticket_id: str, request: Request, portal: Parts, screens: Drawn, token: str = ""
) -> Response:
    """Confirms for the person the link was made for. Needs neither a login nor MongoDB."""
    person = _person(portal, ticket_id, token)
    if person is None:
        return screens.error(
            request,
            403,
            "link-not-valid",
            "This link is not valid, or no longer. Log in to see your tickets.",
        )
    path = f"/v1/tickets/{ticket_id}/confirm"
    # A sender is confirmed once for a ticket.
    answer = await portal.intake.forward(
        None, "POST", path, {"token": token}, idempotency_key=f"confirm-{ticket_id}"
    )
    problem = "" if answer.is_accepted else in_words(answer.json, "It could not be recorded.")
    status = answer.status if problem else 200
    return screens.page(
        request,
        "confirm.html",
        status=status,
        ticket_id=ticket_id,
        person=person,
        done=not problem,
        problem=problem,
    )


def _person(portal: Portal, ticket_id: str, token: str) -> str | None:
    """Whom a link's token was made for; None where it is not valid."""
    secret = portal.settings.secret
    if not _TICKET.fullmatch(ticket_id) or secret is None:
        return None
    link = links.verify(
        secret.get_secret_value().encode(),
        token,
        links.CONFIRM_SENDER,
        ticket_id,
        portal.clock.now(),
    )
    return link.person if link else None


async def _wait_until_settled(portal: Portal, request_id: str) -> None:
    try:
        await portal.hub.settled(request_id, AFTER_S)
    except Unavailable:
        # It is shown as it was a moment ago.
        return

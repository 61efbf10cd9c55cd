"""The addresses of mail: a gateway hands a message in, staff let one out of quarantine, a sender
confirms the mail was theirs.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated

from fastapi import FastAPI, Request
from pydantic import StringConstraints
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from services.intake.domain import RequestContext, ask, refuse_early
from services.intake.forms import Form
from services.intake.http.door import RequestGate, read_object
from services.intake.http.responses import read_path_id, respond, respond_accepted, trace_of
from services.intake.mail.reading.models import MESSAGE_MOST, Envelope
from services.intake.mail.wiring import MailParts
from services.intake.shell import SOURCE, Answer, Intake
from shared.access import may_hand_in_mail, may_see_desk
from shared.errors import Refused
from shared.events import Actor, ConfirmSender, Via
from shared.ids import derive
from shared.people.folding import fold_address
from shared.people.identity import actor_of, is_active
from shared.signed import links
from shared.topics import REQUESTS
from shared.wire import record_for

_TICKET = re.compile(r"tkt_[a-z2-7]{26}")
_MESSAGE = re.compile(r"[0-9a-f]{64}")
# RFC 5321 section 4.5.3.1: 100 recipients must be taken; 320 is the longest address.
_MOST_RECIPIENTS, _LONGEST = 100, 320
# More than for JSON: a message may have many megabytes.
_BODY_WITHIN_S = 60.0

Write = Callable[..., None]
"""`services.intake.app`'s way to say a route whose body is a form."""


class ConfirmSenderForm(Form):
    """`token`: that of the link in the confirmation mail; it says who confirms, and no bearer is
    needed.
    """

    token: Annotated[str, StringConstraints(max_length=1000)] | None = None


class ReleaseMailForm(Form):
    """Nothing need be said: who releases a message vouches for its sender. `account`: the address
    in whose name it comes in, where the sender has no account.
    """

    account: Annotated[str, StringConstraints(max_length=320)] = ""


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    return [ConfirmSenderForm, ReleaseMailForm]


def install(
    app: FastAPI, intake: Intake, door: RequestGate, write: Write, mail: MailParts | None
) -> None:
    """Put the routes on the application; without `mail` only confirming is possible here."""

    async def confirm(request: Request) -> Response:
        ticket = read_path_id(request, "ticket_id", _TICKET)
        # Two ways: a signed-in sender, or whoever holds the link of the confirmation mail.
        if "authorization" in request.headers:
            body, asked = await door.asked(request)
            form = await door.fill(ConfirmSenderForm, body, asked.actor.email)
        else:
            body = await read_object(request)
            form, now = await door.fill(ConfirmSenderForm, body), door.clock.now()
            # A wrong link counts against strangers, never against the ticket.
            with door.count_attempts(ticket):
                actor = _find_link_actor(intake, ticket, form, now)
            asked = door.under_key(request, body, actor, now)
        return await respond_accepted(
            "confirm", asked, _confirm(intake, ticket, form, asked, trace_of(request))
        )

    write(
        app,
        "POST",
        "/v1/tickets/{ticket_id}/confirm",
        confirm,
        ConfirmSenderForm,
        name="ticket-confirm",
    )
    if mail is None:
        return

    async def hand_in(request: Request) -> Response:
        actor, now = door.who(request, "mail")
        # A token that is good for mail is not enough: the role decides too.
        if not may_hand_in_mail(actor):
            raise Refused("forbidden", "Mail is handed in by mail gateways and staff.", status=403)
        envelope = _envelope(request, actor, now)
        # The bytes count against all large bodies in memory, until the answer is out.
        with door.in_flight.body() as count:
            raw = await _message(request, count)
            asked = door.under_key(request, {}, actor, now)
            return await respond_accepted("mail", asked, _hand_in(mail, raw, envelope, asked))

    async def release(request: Request) -> Response:
        digest = read_path_id(request, "message_id", _MESSAGE)
        body, asked = await door.asked(request)
        form = await door.fill(ReleaseMailForm, body, asked.actor.email)
        # 404 and not 403: who may not see the desk need not know which messages exist.
        if not may_see_desk(asked.actor):
            raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
        released = mail.desk.release(digest, asked.actor, form.account.strip())
        return await respond("release", asked, released, 202)

    message = {
        "required": True,
        "content": {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}},
    }
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
            "description": words,
        }
        for name, words in (
            ("from", "the envelope sender; empty or absent: the null sender"),
            ("to", "an envelope recipient, as often as there are any"),
            ("ip", "the address of the client the gateway had the message from, for SPF"),
            ("helo", "the name that client gave itself"),
        )
    ]
    app.add_api_route(
        "/v1/mail",
        hand_in,
        methods=["POST"],
        name="hand-in-mail",
        status_code=202,
        openapi_extra={"requestBody": message, "parameters": parameters},
    )
    write(
        app, "POST", "/v1/mail/{message_id}/release", release, ReleaseMailForm, name="release-mail"
    )


async def _hand_in(
    mail: MailParts, raw: bytes, envelope: Envelope, asked: RequestContext
) -> Answer:
    """The same way as SMTP: 202 when it is durable here; its outcome is told by `GET
    /v1/mail`.
    """
    # Without a key each call is a delivery of its own; its message may still be a repeat.
    drawn = secrets.token_hex(16) if asked.drawn else ""
    delivery_id = derive("dlv", asked.actor.email, asked.idempotency_key, drawn)
    delivery = await mail.room.take(raw, envelope, "api", delivery_id)
    return {
        "id": delivery.digest,
        "delivery_id": delivery.id,
        "accepted": "stored",
        "links": {"self": f"/v1/mail/{delivery.digest}"},
    }


def _envelope(request: Request, gateway: Actor, now: datetime) -> Envelope:
    """What the gateway says around the message. It vouches for the client's address only, never for
    the sender.
    """
    query = request.query_params
    peer = query.get("ip", "")
    if peer:
        # Normalised here, so that SPF compares one form of an address.
        try:
            peer = str(ip_address(peer))
        except ValueError as error:
            raise Refused("invalid", "ip is an IP address.") from error
    recipients = query.getlist("to")
    # Printable only: these texts go into the log and onto screens.
    if len(recipients) > _MOST_RECIPIENTS or any(
        len(text) > _LONGEST or not text.isprintable() for text in query.values()
    ):
        raise Refused(
            "invalid",
            f"At most {_MOST_RECIPIENTS} recipients, and {_LONGEST} printable characters each.",
        )
    return Envelope(
        mail_from=query.get("from", ""),
        rcpt_to=tuple(recipients),
        peer=peer,
        helo=query.get("helo", ""),
        received_at=now,
        authenticated_as=gateway.email,
    )


async def _message(request: Request, count: Callable[[int], None]) -> bytes:
    """The raw message, counted as it comes. Raises Refused 400, 408, 413, 415, 503."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip().lower()
        != "message/rfc822"
    ):
        raise Refused(
            "unsupported-media-type", "Send the raw message as message/rfc822.", status=415
        )
    # The announced length first, then what really comes: the length may be a lie.
    too_large = Refused("too-large", f"A message may have {MESSAGE_MOST} bytes.", status=413)
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MESSAGE_MOST:
        raise too_large
    raw = bytearray()
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            async for chunk in request.stream():
                if len(raw) + len(chunk) > MESSAGE_MOST:
                    raise too_large
                count(len(chunk))
                raw += chunk
    except TimeoutError as error:
        raise Refused(
            "request-timeout",
            f"The message did not come within {_BODY_WITHIN_S:g} seconds.",
            status=408,
        ) from error
    except ClientDisconnect as error:
        raise Refused("bad-request", "The message broke off.", status=400) from error
    if not raw:
        raise Refused("invalid", "There is no message in the body.")
    return bytes(raw)


def _find_link_actor(intake: Intake, ticket: str, form: ConfirmSenderForm, now: datetime) -> Actor:
    """Whom the link was made for. Raises Refused `unauthenticated` where it is forged, expired or
    of another ticket.
    """
    # One question for three faults: forged, expired, or made for another ticket.
    link = (
        form.token
        and intake.secret
        and links.verify(intake.secret.encode(), form.token, links.CONFIRM_SENDER, ticket, now)
    )
    account = intake.reference.get("accounts", fold_address(link.person)) if link else None
    if account is None or not is_active(account):
        raise Refused(
            "unauthenticated",
            "This link is not valid, or no longer. Sign in to confirm on the ticket's page.",
            status=401,
        )
    return actor_of(account, Via.WEB)


async def _confirm(
    intake: Intake, ticket: str, form: ConfirmSenderForm, asked: RequestContext, trace: str
) -> Answer:
    """Whether the ticket waits for it the router says; whose it is not to do is told at once where
    the view knows.
    """
    # A mail of a moment ago may not be in the view; then the router alone decides.
    seen = await intake.view.ticket(ticket) if intake.view else None
    if seen is not None:
        who = seen.standing_of(asked.actor)
        refuse_early(who, asked.actor, ConfirmSender, form, seen.status)
    request = ask(ConfirmSender, ticket, form, asked, intake.reference.rules().stamp)
    where = await intake.publish([record_for(REQUESTS.name, request, SOURCE, trace)])
    return {
        "ticket_id": ticket,
        "request_id": request.id,
        "accepted": where,
        "links": {
            "self": f"/v1/tickets/{ticket}",
            "web": f"/tickets/{ticket}",
            "request": f"/v1/requests/{request.id}",
        },
    }

"""The address by which somebody who was asked to take part in a ticket answers: signed in, or by
the link of the mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.domain import RequestContext, ask
from services.intake.forms import AnswerAskForm
from services.intake.http.door import RequestGate, read_object
from services.intake.http.responses import read_path_id, respond_accepted, trace_of
from services.intake.shell import SOURCE, Answer, Intake, answer_accepted, claim
from shared.errors import Refused
from shared.events import Actor, AnswerAsk, Via
from shared.people.folding import fold_address
from shared.people.identity import actor_of, is_active
from shared.signed import links
from shared.topics import REQUESTS
from shared.wire import record_for

_TICKET = re.compile(r"tkt_[a-z2-7]{26}")


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put the route on the application."""

    async def answer(request: Request) -> Response:
        ticket = read_path_id(request, "ticket_id", _TICKET)
        # Two ways: somebody signed in answers for themselves, else the link says who it is.
        if "authorization" in request.headers:
            body, asked = await door.asked(request)
            form = await door.fill(AnswerAskForm, body, asked.actor.email)
        else:
            body = await read_object(request)
            form, now = await door.fill(AnswerAskForm, body), door.clock.now()
            # A wrong link counts against strangers, never against the ticket.
            with door.count_attempts(ticket):
                actor = _find_person(intake, ticket, form, now)
            asked = door.under_key(request, body, actor, now)
        return await respond_accepted(
            "answer-ask", asked, _record_answer(intake, ticket, form, asked, trace_of(request))
        )

    write(
        app,
        "POST",
        "/v1/tickets/{ticket_id}/answer-ask",
        answer,
        AnswerAskForm,
        name="ticket-answer-ask",
    )


def _find_person(intake: Intake, ticket: str, form: AnswerAskForm, now: datetime) -> Actor:
    """Whom the link was made for. Raises Refused `unauthenticated` where it is forged, expired or
    of another ticket, `no-such-account` where somebody without an account wants to take part.
    """
    link = (
        form.token
        and intake.secret
        and links.verify(intake.secret.encode(), form.token, links.TAKE_PART, ticket, now)
    )
    if not link:
        raise Refused(
            "unauthenticated",
            "This link is not valid, or no longer. Have them ask you again.",
            status=401,
        )
    account = intake.reference.get("accounts", fold_address(link.person))
    if account is not None and is_active(account):
        return actor_of(account, Via.WEB)
    # To say no takes no account; whoever reads a ticket must be known.
    if form.agree:
        raise Refused(
            "no-such-account",
            f"Nobody is registered as {link.person}. Get an account for this address first, then "
            "open the link of the mail again.",
        )
    return Actor(email=fold_address(link.person), roles=(), via=Via.WEB)


async def _record_answer(
    intake: Intake, ticket: str, form: AnswerAskForm, asked: RequestContext, trace: str
) -> Answer:
    """Whether they were asked at all the router says."""
    request = ask(AnswerAsk, ticket, form, asked, intake.reference.rules().stamp)
    claim(intake.keys, request, asked)
    where = await intake.publish([record_for(REQUESTS.name, request, SOURCE, trace)])
    return answer_accepted("ticket", request, where, ())

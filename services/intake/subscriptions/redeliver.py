"""`POST /v1/notices/{id}/redeliver`: send a notice once more, under the same id."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.domain import RequestContext
from services.intake.forms import Form
from services.intake.http.door import RequestGate
from services.intake.http.responses import read_path_id, respond_accepted, trace_of
from services.intake.shell import SOURCE, Answer, Intake
from services.intake.world.portal_view import SentNotice
from shared.access import may_see_desk
from shared.errors import Refused
from shared.events import Actor, RedeliverNotice
from shared.ids import request_id
from shared.topics import REQUESTS
from shared.wire import record_for

_NOTICE = re.compile(r"ntc_[a-z2-7]{26}")


class RedeliverForm(Form):
    """Nothing need be said."""


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put the route on the application."""

    async def redeliver(request: Request) -> Response:
        notice = read_path_id(request, "notice_id", _NOTICE)
        body, asked = await door.asked(request)
        await door.fill(RedeliverForm, body, asked.actor.email)
        return await respond_accepted(
            "redeliver", asked, _redeliver(intake, notice, asked, trace_of(request))
        )

    write(
        app,
        "POST",
        "/v1/notices/{notice_id}/redeliver",
        redeliver,
        RedeliverForm,
        name="redeliver-notice",
    )


def check(actor: Actor, found: SentNotice | None) -> None:
    """Staff may ask it of every notice, a provider of its own webhooks: others do not exist. Raises
    Refused 404, 409.
    """
    # A provider may repeat its own webhooks; mails and other people's webhooks are none of theirs.
    own = (
        found is not None
        and actor.provider is not None
        and found.to == f"provider:{actor.provider}"
        and found.kind == "webhook"
    )
    if found is None or not (may_see_desk(actor) or own):
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
    # Still under way: the courier tries by itself.
    if found.state not in ("delivered", "failed"):
        raise Refused(
            "not-over",
            f"It is {found.state or 'on its way'}: only what was delivered or given up is sent "
            "once more.",
            status=409,
        )
    # The text of a mail is not kept after it has gone.
    if found.kind == "mail" and found.state == "delivered":
        raise Refused(
            "delivered",
            "A mail that was delivered is in their mailbox; its text is not kept here.",
            status=409,
        )


async def _redeliver(intake: Intake, notice: str, asked: RequestContext, trace: str) -> Answer:
    if intake.view is None:
        raise Refused(
            "no-view",
            "This installation looks at no view, so it cannot tell which notices there are.",
            status=503,
        )
    check(asked.actor, await intake.view.notice(notice))
    event = RedeliverNotice(
        # From the key: a repeat asks for the same delivery.
        id=request_id(notice, "RedeliverNotice", asked.idempotency_key, asked.actor.email),
        key=notice,
        at=asked.at,
        actor=asked.actor,
    )
    await intake.write(record_for(REQUESTS.name, event, SOURCE, trace))
    return {"notice_id": notice, "request_id": event.id, "accepted": "logged"}

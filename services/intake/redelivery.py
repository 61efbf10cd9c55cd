"""`POST /v1/notices/{id}/redeliver`: send a notice once more, under the same id."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.answering import named, taken, trace_of
from services.intake.api import SOURCE, Answer, Intake
from services.intake.domain import Asked
from services.intake.door import Door
from services.intake.forms import Form, fill
from services.intake.view import Sent
from shared.access import may_see_desk
from shared.errors import Refused
from shared.events import Actor, RedeliverNotice
from shared.ids import request_id
from shared.topics import REQUESTS
from shared.wire import record_for

_NOTICE = re.compile(r"ntc_[a-z2-7]{26}")


class RedeliverForm(Form):
    """Nothing need be said."""


def install(app: FastAPI, intake: Intake, door: Door, write: Callable[..., None]) -> None:
    """Put the route on the application."""

    async def redeliver(request: Request) -> Response:
        notice = named(request, "notice_id", _NOTICE)
        body, asked = await door.asked(request)
        fill(RedeliverForm, body)
        return await taken("redeliver", asked, _redeliver(intake, notice, asked, trace_of(request)))

    write(app, "POST", "/v1/notices/{notice_id}/redeliver", redeliver, RedeliverForm, name="redeliver-notice")


def check(actor: Actor, found: Sent | None) -> None:
    """Staff may ask it of every notice, a provider of its own webhooks: others do not exist. Raises Refused 404, 409."""
    own = found is not None and actor.provider is not None and found.to == f"provider:{actor.provider}" and found.kind == "webhook"
    if found is None or not (may_see_desk(actor) or own):
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
    if found.state not in ("delivered", "failed"):
        raise Refused(
            "not-over", f"It is {found.state or 'on its way'}: only what was delivered or given up is sent once more.", status=409
        )
    if found.kind == "mail" and found.state == "delivered":
        raise Refused("delivered", "A mail that was delivered is in their mailbox; its text is not kept here.", status=409)


async def _redeliver(intake: Intake, notice: str, asked: Asked, trace: str) -> Answer:
    if intake.view is None:
        raise Refused("no-view", "This installation looks at no view, so it cannot tell which notices there are.", status=503)
    check(asked.actor, await intake.view.notice(notice))
    event = RedeliverNotice(
        id=request_id(notice, "RedeliverNotice", asked.idempotency_key, asked.actor.email), key=notice, at=asked.at, actor=asked.actor
    )
    await intake.write(record_for(REQUESTS.name, event, SOURCE, trace))
    return {"notice_id": notice, "request_id": event.id, "accepted": "logged"}

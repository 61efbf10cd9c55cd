"""`POST` and `DELETE /v1/heartbeats/{name}`: something of the caller's runs, or need not be expected any more."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.answering import done, named, trace_of
from services.intake.api import SOURCE, Answer, Intake
from services.intake.domain import Asked
from services.intake.door import Door
from services.intake.forms import fill
from services.intake.heartbeats import HeartbeatForm, Names, heartbeat
from shared.errors import Refused
from shared.topics import REQUESTS
from shared.wire import record_for

_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)


def install(app: FastAPI, intake: Intake, door: Door, write: Callable[..., None]) -> None:
    """Put the routes on the application."""

    names = Names()

    async def beat(request: Request) -> Response:
        name = named(request, "name", _NAME)
        body, asked = await door.asked(request)
        form = fill(HeartbeatForm, body)
        names.note(asked.actor.email, name)
        return await done("heartbeat", asked, _recorded(intake, name, form.every, asked, trace_of(request)), 202)

    async def end(request: Request) -> Response:
        name = named(request, "name", _NAME)
        actor, now = door.who(request, "write")
        asked = door.under_key(request, {}, actor, now)
        names.end(actor.email, name)
        return await done("heartbeat", asked, _recorded(intake, name, None, asked, trace_of(request)), 202)

    write(app, "POST", "/v1/heartbeats/{name}", beat, HeartbeatForm, name="heartbeat")
    app.add_api_route("/v1/heartbeats/{name}", end, methods=["DELETE"], name="end-heartbeat", status_code=202)


async def _recorded(intake: Intake, name: str, every: timedelta | None, asked: Asked, trace: str) -> Answer:
    account = intake.reference.directory.account(asked.actor.email)
    if account is None:
        raise Refused("unauthenticated", "This account is not registered.", status=401)
    event = heartbeat(name, every, account.plan, intake.reference.rules().policy, asked)
    await intake.write(record_for(REQUESTS.name, event, SOURCE, trace))
    return {"name": name, "expected_until": (asked.at + every * 1.5).isoformat() if every else None}

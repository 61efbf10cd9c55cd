"""`POST` and `DELETE /v1/heartbeats/{name}`: something of the caller's runs, or need not be
expected any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.domain import RequestContext
from services.intake.heartbeats.forms import HeartbeatForm, HeartbeatNames, heartbeat
from services.intake.http.door import RequestGate
from services.intake.http.responses import read_path_id, respond, trace_of
from services.intake.shell import SOURCE, Answer, Intake
from shared.errors import Refused
from shared.topics import REQUESTS
from shared.wire import record_for

_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put the routes on the application."""

    names = HeartbeatNames()

    async def beat(request: Request) -> Response:
        name = read_path_id(request, "name", _NAME)
        body, asked = await door.asked(request)
        form = await door.fill(HeartbeatForm, body, asked.actor.email)
        return await respond(
            "heartbeat",
            asked,
            _record_heartbeat(intake, name, form.every, asked, trace_of(request), names),
            202,
        )

    async def end(request: Request) -> Response:
        name = read_path_id(request, "name", _NAME)
        actor, now = door.who(request, "write")
        asked = door.under_key(request, {}, actor, now)
        names.end(actor.email, name)
        return await respond(
            "heartbeat", asked, _record_heartbeat(intake, name, None, asked, trace_of(request)), 202
        )

    write(app, "POST", "/v1/heartbeats/{name}", beat, HeartbeatForm, name="heartbeat")
    app.add_api_route(
        "/v1/heartbeats/{name}", end, methods=["DELETE"], name="end-heartbeat", status_code=202
    )


async def _record_heartbeat(
    intake: Intake,
    name: str,
    every: timedelta | None,
    asked: RequestContext,
    trace: str,
    names: HeartbeatNames | None = None,
) -> Answer:
    account = intake.reference.directory.account(asked.actor.email)
    if account is None:
        raise Refused("unauthenticated", "This account is not registered.", status=401)
    event = heartbeat(name, every, account.plan, intake.reference.rules().policy, asked)
    # Counted before it is written, so that a name too many is never watched; and only once the
    # account may have one at all.
    if names is not None:
        names.note(asked.actor.email, name)
    # Straight into the log: a heartbeat that waits in the spool would come too late to count.
    await intake.write(record_for(REQUESTS.name, event, SOURCE, trace))
    # One and a half times the interval: so late one may come before somebody is paged.
    return {"name": name, "expected_until": (asked.at + every * 1.5).isoformat() if every else None}

"""The addresses of incidents, maintenances, announcements and alerts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake import alerts, incidents, signed
from services.intake.answering import done, named, taken, trace_of
from services.intake.api import ON_THIS_DISK, SOURCE, Answer, Intake
from services.intake.domain import Asked
from services.intake.door import Door, read_raw
from services.intake.forms import Form, fill
from services.intake.incident_forms import ACTIONS, OPENINGS, Family, MessageForm
from shared import events as e
from shared.access import runs_incidents
from shared.errors import Refused
from shared.events import Actor, Role, Via
from shared.strict_json import canonical
from shared.strict_json import parse as parse_json
from shared.topics import REQUESTS
from shared.wire import record_for

_IDS: dict[Family, re.Pattern[str]] = {
    "incidents": re.compile(r"inc_[a-z2-7]{26}"),
    "maintenances": re.compile(r"(mnt|ann)_[a-z2-7]{26}"),
    "announcements": re.compile(r"ann_[a-z2-7]{26}"),
}

MONITOR = Actor(email="monitor", name="Monitor", roles=(Role.OPS,), via=Via.API)
"""Who a signed request is of: it has no account, and may raise alerts."""

Write = Callable[..., None]
"""`services.intake.app`'s way to say a route whose body is a form."""


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    opening = [form for _, _, form in OPENINGS.values()]
    return [*opening, *(form for actions in ACTIONS.values() for _, form in actions.values()), MessageForm]


def install(app: FastAPI, intake: Intake, door: Door, write: Write, alert_key: bytes | None = None) -> None:
    """Put the routes on the application. `alert_key`: what signed alerts are checked with; None: a token is needed."""
    for family, (_, _, form) in OPENINGS.items():
        write(app, "POST", f"/v1/{family}", _beginning(intake, door, family, form), form, name=f"{family}-begin")
        for action, (kind, acting) in ACTIONS[family].items():
            path = f"/v1/{family}/{{key}}/{action}"
            write(app, "POST", path, _acting(intake, door, family, action), acting, name=f"{family}-{action}-{kind.__name__}")
    write(app, "POST", "/v1/incidents/{key}/message", _telling(intake, door), MessageForm, name="incidents-message")
    app.add_api_route("/v1/alerts", _alerting(intake, door, alert_key), methods=["POST"], status_code=202, name="raise-alerts")


def _beginning(intake: Intake, door: Door, family: Family, form: type[Form]) -> Callable[[Request], Awaitable[Response]]:
    async def begin(request: Request) -> Response:
        body, asked = await door.asked(request)
        return await taken(family, asked, incidents.begin(intake, family, fill(form, body), asked, trace_of(request)))

    return begin


def _acting(intake: Intake, door: Door, family: Family, action: str) -> Callable[[Request], Awaitable[Response]]:
    kind, form = ACTIONS[family][action]

    async def act(request: Request) -> Response:
        key = named(request, "key", _IDS[family])
        body, asked = await door.asked(request)
        doing = incidents.act(intake, family, key, kind, fill(form, body), asked, trace_of(request))
        return await taken(f"{family}-{action}", asked, doing)

    return act


def _telling(intake: Intake, door: Door) -> Callable[[Request], Awaitable[Response]]:
    async def tell(request: Request) -> Response:
        key = named(request, "key", _IDS["incidents"])
        body, asked = await door.asked(request)
        return await taken(
            "incidents-message", asked, incidents.tell_linked(intake, key, fill(MessageForm, body), asked, trace_of(request))
        )

    return tell


def _alerting(intake: Intake, door: Door, alert_key: bytes | None) -> Callable[[Request], Awaitable[Response]]:
    async def alert(request: Request) -> Response:
        """By a token of an account that runs incidents, or by a signature over the body."""
        now = door.clock.now()
        actor = door.who(request, "write")[0] if request.headers.get("authorization") else None
        if actor is None:
            if alert_key is None:
                raise Refused("unauthenticated", "Send a token as `Authorization: Bearer …`.", status=401)
            # Counted once it has proved who it is: a stranger must not be able to use up what the monitor may send.
            raw = await read_raw(request)
            signed.check(alert_key, request.headers, raw, now)
            door.count(MONITOR.email)
            actor = MONITOR
        else:
            raw = await read_raw(request)
        if not runs_incidents(actor):
            raise Refused("forbidden", "Alerts come from monitors: a token of ops is needed.", status=403)
        body: dict[str, Any] = parse_json(raw) if raw else {}
        digest = hashlib.sha256(canonical(body)).hexdigest()
        asked = Asked(actor, now, request.headers.get("idempotency-key") or digest, digest)
        return await done("alerts", asked, raise_alerts(intake, body, asked, trace_of(request)), 202)

    return alert


async def raise_alerts(intake: Intake, body: dict[str, Any], asked: Asked, trace: str) -> Answer:
    """POST /v1/alerts."""
    reference = intake.reference
    known = intake.incidents
    found = alerts.raised(alerts.read(body), asked, reference.components(), reference.stamp(), known.of_alert, known.silencing)
    where = await intake.publish([record_for(REQUESTS.name, request, SOURCE, trace) for request in found.requests])
    return {
        "incident_id": found.incident,
        "alerts": [_told(request) for request in found.requests],
        "accepted": where,
        "warnings": [] if where == "logged" else [ON_THIS_DISK],
        "links": {"self": f"/v1/incidents/{found.incident}"},
    }


def _told(request: e.RaiseAlert) -> Answer:
    return {
        "request_id": request.id, "fingerprint": request.fingerprint, "status": request.status, "severity": request.severity.value,
        "pages": request.pages and request.status == "firing",
    }  # fmt: skip

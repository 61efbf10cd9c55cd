"""The addresses of incidents, maintenances, announcements and alerts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.forms import Form
from services.intake.http.door import RequestGate
from services.intake.http.responses import read_path_id, respond_accepted, trace_of
from services.intake.incidents import shell as incidents
from services.intake.incidents.alert_door import AlertEndpoint
from services.intake.incidents.forms import ACTIONS, OPENINGS, Family, MessageForm
from services.intake.shell import Intake

# What an id of each family looks like; announced maintenances are moved as maintenances too.
_IDS: dict[Family, re.Pattern[str]] = {
    "incidents": re.compile(r"inc_[a-z2-7]{26}"),
    "maintenances": re.compile(r"(mnt|ann)_[a-z2-7]{26}"),
    "announcements": re.compile(r"ann_[a-z2-7]{26}"),
}

Write = Callable[..., None]
"""`services.intake.app`'s way to say a route whose body is a form."""


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    opening = [form for _, _, form in OPENINGS.values()]
    return [
        *opening,
        *(form for actions in ACTIONS.values() for _, form in actions.values()),
        MessageForm,
    ]


def install(
    app: FastAPI, intake: Intake, door: RequestGate, write: Write, alert_key: bytes | None = None
) -> None:
    """Put the routes on the application. `alert_key`: what signed alerts are checked with; None: a
    token is needed.
    """
    # From the tables in `forms.py`: a new action there has its address at once.
    for family, (_, _, form) in OPENINGS.items():
        write(
            app,
            "POST",
            f"/v1/{family}",
            _make_begin_endpoint(intake, door, family, form),
            form,
            name=f"{family}-begin",
        )
        for action, (kind, acting) in ACTIONS[family].items():
            path = f"/v1/{family}/{{key}}/{action}"
            write(
                app,
                "POST",
                path,
                _make_action_endpoint(intake, door, family, action),
                acting,
                name=f"{family}-{action}-{kind.__name__}",
            )
    write(
        app,
        "POST",
        "/v1/incidents/{key}/message",
        _make_message_endpoint(intake, door),
        MessageForm,
        name="incidents-message",
    )
    # No form: the door of monitors reads the body itself, and refuses none.
    app.add_api_route(
        "/v1/alerts",
        AlertEndpoint(intake, door, alert_key).__call__,
        methods=["POST"],
        status_code=202,
        name="raise-alerts",
    )


def _make_begin_endpoint(
    intake: Intake, door: RequestGate, family: Family, form: type[Form]
) -> Callable[[Request], Awaitable[Response]]:
    async def begin(request: Request) -> Response:
        body, asked = await door.asked(request)
        return await respond_accepted(
            family,
            asked,
            incidents.begin(
                intake,
                family,
                await door.fill(form, body, asked.actor.email),
                asked,
                trace_of(request),
            ),
        )

    return begin


def _make_action_endpoint(
    intake: Intake, door: RequestGate, family: Family, action: str
) -> Callable[[Request], Awaitable[Response]]:
    kind, form = ACTIONS[family][action]

    async def act(request: Request) -> Response:
        key = read_path_id(request, "key", _IDS[family])
        body, asked = await door.asked(request)
        doing = incidents.act(
            intake,
            family,
            key,
            kind,
            await door.fill(form, body, asked.actor.email),
            asked,
            trace_of(request),
        )
        return await respond_accepted(f"{family}-{action}", asked, doing)

    return act


def _make_message_endpoint(
    intake: Intake, door: RequestGate
) -> Callable[[Request], Awaitable[Response]]:
    async def tell(request: Request) -> Response:
        key = read_path_id(request, "key", _IDS["incidents"])
        body, asked = await door.asked(request)
        return await respond_accepted(
            "incidents-message",
            asked,
            incidents.tell_linked(
                intake,
                key,
                await door.fill(MessageForm, body, asked.actor.email),
                asked,
                trace_of(request),
            ),
        )

    return tell

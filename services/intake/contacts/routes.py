"""`/v1/people/{person}/methods`: one's own ways to be paged, and the code that proves each of
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.intake.contacts import shell as contacting
from services.intake.contacts.methods import ConfirmForm, MethodForm
from services.intake.contacts.shell import CodeRateLimit
from services.intake.http.door import RequestGate
from services.intake.http.responses import read_path_id, respond, respond_json, trace_of
from services.intake.shell import Intake

FORMS: tuple[type[BaseModel], ...] = (MethodForm, ConfirmForm)
# A name of a person as the document has it: anything but controls, blanks and slashes.
_WORD = re.compile(r"[^\x00-\x20\x7f/]{1,100}")


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put the routes on the application."""
    # One for all calls here, so that sending and trying are counted together.
    pace = CodeRateLimit(copies=door.copies)

    async def list_methods(request: Request) -> Response:
        actor, _ = door.who(request, "read")
        return respond_json(
            200, contacting.list_methods(intake, read_path_id(request, "person", _WORD), actor)
        )

    async def add(request: Request) -> Response:
        person = read_path_id(request, "person", _WORD)
        body, asked = await door.asked(request)
        return await respond(
            "contact",
            asked,
            contacting.add(
                intake,
                person,
                await door.fill(MethodForm, body, asked.actor.email),
                asked,
                trace_of(request),
            ),
        )

    async def remove(request: Request) -> Response:
        person, name = read_path_id(request, "person", _WORD), read_path_id(request, "name", _WORD)
        actor, now = door.who(request, "write")
        asked = door.under_key(request, {}, actor, now)
        return await respond(
            "contact", asked, contacting.remove(intake, person, name, asked, trace_of(request))
        )

    async def put_first(request: Request) -> Response:
        person, name = read_path_id(request, "person", _WORD), read_path_id(request, "name", _WORD)
        _, asked = await door.asked(request)
        return await respond(
            "contact", asked, contacting.put_first(intake, person, name, asked, trace_of(request))
        )

    async def verify(request: Request) -> Response:
        person, name = read_path_id(request, "person", _WORD), read_path_id(request, "name", _WORD)
        _, asked = await door.asked(request)
        return await respond(
            "contact",
            asked,
            contacting.verify(intake, person, name, pace, asked, trace_of(request)),
            202,
        )

    async def confirm(request: Request) -> Response:
        person, name = read_path_id(request, "person", _WORD), read_path_id(request, "name", _WORD)
        body, asked = await door.asked(request)
        form = await door.fill(ConfirmForm, body, asked.actor.email)
        return await respond(
            "contact",
            asked,
            contacting.confirm(intake, person, name, form, pace, asked, trace_of(request)),
        )

    every, one = "/v1/people/{person}/methods", "/v1/people/{person}/methods/{name}"
    app.add_api_route(every, list_methods, methods=["GET"], name="list-contact-methods")
    write(app, "POST", every, add, MethodForm, name="add-contact-method", status=200)
    app.add_api_route(one, remove, methods=["DELETE"], name="remove-contact-method")
    app.add_api_route(f"{one}/first", put_first, methods=["POST"], name="try-contact-method-first")
    app.add_api_route(
        f"{one}/verify", verify, methods=["POST"], name="verify-contact-method", status_code=202
    )
    write(
        app,
        "POST",
        f"{one}/confirm",
        confirm,
        ConfirmForm,
        name="confirm-contact-method",
        status=200,
    )

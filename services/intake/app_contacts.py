"""`/v1/people/{person}/methods`: one's own ways to be paged, and the code that proves each of them."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.intake import contacting
from services.intake.answering import answered, done, named, trace_of
from services.intake.api import Intake
from services.intake.contacting import Pace
from services.intake.contacts import ConfirmForm, MethodForm
from services.intake.door import Door
from services.intake.forms import fill

FORMS: tuple[type[BaseModel], ...] = (MethodForm, ConfirmForm)
_WORD = re.compile(r"[^\x00-\x20\x7f/]{1,100}")


def install(app: FastAPI, intake: Intake, door: Door, write: Callable[..., None]) -> None:
    """Put the routes on the application."""
    pace = Pace()

    async def listed(request: Request) -> Response:
        actor, _ = door.who(request, "read")
        return answered(200, contacting.listed(intake, named(request, "person", _WORD), actor))

    async def add(request: Request) -> Response:
        person = named(request, "person", _WORD)
        body, asked = await door.asked(request)
        return await done("contact", asked, contacting.add(intake, person, fill(MethodForm, body), asked, trace_of(request)))

    async def remove(request: Request) -> Response:
        person, name = named(request, "person", _WORD), named(request, "name", _WORD)
        actor, now = door.who(request, "write")
        asked = door.under_key(request, {}, actor, now)
        return await done("contact", asked, contacting.remove(intake, person, name, asked, trace_of(request)))

    async def put_first(request: Request) -> Response:
        person, name = named(request, "person", _WORD), named(request, "name", _WORD)
        _, asked = await door.asked(request)
        return await done("contact", asked, contacting.put_first(intake, person, name, asked, trace_of(request)))

    async def verify(request: Request) -> Response:
        person, name = named(request, "person", _WORD), named(request, "name", _WORD)
        _, asked = await door.asked(request)
        return await done("contact", asked, contacting.verify(intake, person, name, pace, asked, trace_of(request)), 202)

    async def confirm(request: Request) -> Response:
        person, name = named(request, "person", _WORD), named(request, "name", _WORD)
        body, asked = await door.asked(request)
        form = fill(ConfirmForm, body)
        return await done("contact", asked, contacting.confirm(intake, person, name, form, pace, asked, trace_of(request)))

    every, one = "/v1/people/{person}/methods", "/v1/people/{person}/methods/{name}"
    app.add_api_route(every, listed, methods=["GET"], name="list-contact-methods")
    write(app, "POST", every, add, MethodForm, name="add-contact-method", status=200)
    app.add_api_route(one, remove, methods=["DELETE"], name="remove-contact-method")
    app.add_api_route(f"{one}/first", put_first, methods=["POST"], name="try-contact-method-first")
    app.add_api_route(f"{one}/verify", verify, methods=["POST"], name="verify-contact-method", status_code=202)
    write(app, "POST", f"{one}/confirm", confirm, ConfirmForm, name="confirm-contact-method", status=200)

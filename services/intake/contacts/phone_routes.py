"""`POST /v1/channels/twilio/sms` and `/voice`: somebody acknowledges a page by replying to it, or
by pressing 1.

A repeat of the same message or call has the same request id, so it has no effect. Nobody's token is
asked: the signature says that it is Twilio, and the number, or the signed link in the call's
address, says who acknowledges.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.contacts import phone
from services.intake.domain import RequestContext
from services.intake.forms import AcknowledgeForm
from services.intake.http.door import RequestGate, digest_of, read_form
from services.intake.http.responses import trace_of
from services.intake.pages import shell as pages_shell
from services.intake.shell import Intake
from shared.errors import Refused, Unavailable
from shared.events import Actor, Role, Via

_PAGE = re.compile(r"[\w-]{1,100}\.[a-z2-7]{26}", re.ASCII)
_FORM = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
    }
}
_GATEWAY = "twilio"
"""Whose allowance its requests count on."""


def install(app: FastAPI, intake: Intake, door: RequestGate) -> None:
    """Put the routes on the application."""

    async def text(request: Request) -> Response:
        form = await _read_signed_form(request, intake, door)
        words = await _by_text(intake, door, form, trace_of(request))
        return Response(phone.answer_to_text(words), media_type="text/xml")

    async def call(request: Request) -> Response:
        form = await _read_signed_form(request, intake, door)
        words = await _by_key(intake, door, form, request.query_params, trace_of(request))
        return Response(phone.answer_to_call(words), media_type="text/xml")

    for name, endpoint in (("sms", text), ("voice", call)):
        path = f"/v1/channels/twilio/{name}"
        app.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            name=f"twilio-{name}",
            # FastAPI's contract would promise JSON otherwise.
            response_class=Response,
            openapi_extra=_FORM,
        )


async def _read_signed_form(request: Request, intake: Intake, door: RequestGate) -> dict[str, str]:
    """The form, once its signature is good: over the address people reach us by, for a proxy may
    have passed it on.
    """
    form = parse_qs(await read_form(request), keep_blank_values=True)
    query = f"?{request.url.query}" if request.url.query else ""
    # The address that Twilio called, and not the one that reached us behind a proxy.
    url = f"{intake.portal_url.rstrip('/')}{request.url.path}{query}"
    with door.count_attempts(_GATEWAY):
        phone.check(intake.phone_token, url, form, request.headers.get("x-twilio-signature", ""))
    return {name: values[0] for name, values in form.items()}


async def _by_text(intake: Intake, door: RequestGate, form: Mapping[str, str], trace: str) -> str:
    names = phone.find_names_at(intake.reference.on_call(), form.get("From", ""))
    if not names:
        return "This number is not known here. Use the link of the message."
    try:
        # The view says what is open; without it nobody can tell which page is meant.
        waiting = await intake.view.list_waiting_pages(names) if intake.view else []
    except Unavailable:
        return "Which page this is cannot be looked up just now. Use the link of the message."
    page, words = phone.choose_page(form.get("Body", ""), waiting)
    if page is None:
        return words
    # One number of several people: the first by name stands for them.
    person = intake.reference.person(min(names))
    assert person is not None, "the name is from the same document"
    actor = Actor(email=person.email, name=min(names), roles=(Role.ON_CALL,), via=Via.API)
    return await _acknowledge_page(
        intake,
        page,
        _make_context(intake, door, actor, form, "MessageSid"),
        words,
        trace,
        via_link=False,
    )


async def _by_key(
    intake: Intake, door: RequestGate, form: Mapping[str, str], query: Mapping[str, str], trace: str
) -> str:
    page = query.get("page", "")
    if not _PAGE.fullmatch(page):
        raise Refused("not-found", "There is no such page.", status=404)
    now = door.clock.now()
    actor = pages_shell.find_link_actor(
        intake, page, AcknowledgeForm(token=query.get("token", "")), now
    )
    # Any other key, or none, acknowledges nothing.
    if form.get("Digits") != "1":
        return "Not acknowledged. The next person will be paged."
    words = "Acknowledged. Nobody else will be woken for it."
    return await _acknowledge_page(
        intake,
        page,
        _make_context(intake, door, actor, form, "CallSid", now),
        words,
        trace,
        via_link=True,
    )


async def _acknowledge_page(
    intake: Intake, page: str, asked: RequestContext, words: str, trace: str, *, via_link: bool
) -> str:
    try:
        await pages_shell.act_on_page(
            intake, page, "acknowledge", AcknowledgeForm(), asked, trace, via_link=via_link
        )
    except Unavailable:
        # Said in words: whoever is on the phone reads no status code.
        return "This could not be recorded just now. Please try again."
    return words


def _make_context(
    intake: Intake,
    door: RequestGate,
    actor: Actor,
    form: Mapping[str, str],
    sid: str,
    now: datetime | None = None,
) -> RequestContext:
    """Under the id Twilio gave the message or the call."""
    said: dict[str, Any] = {"sid": form.get(sid, "")}
    return RequestContext(
        actor,
        now or door.clock.now(),
        # Twilio's own id: a message that comes again asks for the same.
        f"twilio-{form.get(sid, '')[:64]}",
        digest_of(said, intake.secret),
    )

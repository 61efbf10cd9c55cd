"""The addresses of pages: acknowledge one, with a token or by a signed link, and all else."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.forms import (
    PAGE_ACTIONS,
    AcknowledgeForm,
    Form,
)
from services.intake.http.door import RequestGate, read_object
from services.intake.http.gate_route import Endpoint
from services.intake.http.responses import (
    read_path_id,
    respond_accepted,
    trace_of,
)
from services.intake.pages import shell as pages_shell
from services.intake.shell import Intake

# What the id of a page looks like: anything else is answered like an unknown one.
_PAGE = re.compile(r"[\w-]{1,100}\.[a-z2-7]{26}", re.ASCII)


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put them on the application; `write` adds one."""

    def make_page_endpoint(action: str, form: type[Form]) -> Endpoint:
        async def act(request: Request) -> Response:
            page = read_path_id(request, "page_id", _PAGE)
            body, asked = await door.asked(request)
            return await respond_accepted(
                action,
                asked,
                pages_shell.act_on_page(
                    intake,
                    page,
                    action,
                    await door.fill(form, body, asked.actor.email),
                    asked,
                    trace_of(request),
                ),
            )

        return act

    async def acknowledge(request: Request) -> Response:
        """With a bearer, or with the token of a signed link in the body."""
        if "authorization" in request.headers:
            return await make_page_endpoint("acknowledge", AcknowledgeForm)(request)
        page = read_path_id(request, "page_id", _PAGE)
        body = await read_object(request)
        form, now = await door.fill(AcknowledgeForm, body), door.clock.now()
        # A wrong link counts against strangers.
        with door.count_attempts(page):
            actor = pages_shell.find_link_actor(intake, page, form, now)
        asked = door.under_key(request, body, actor, now)
        return await respond_accepted(
            "acknowledge",
            asked,
            pages_shell.act_on_page(
                intake, page, "acknowledge", form, asked, trace_of(request), via_link=True
            ),
        )

    for action, (_, form) in PAGE_ACTIONS.items():
        endpoint = acknowledge if action == "acknowledge" else make_page_endpoint(action, form)
        write(app, "POST", f"/v1/pages/{{page_id}}/{action}", endpoint, form, name=f"page-{action}")

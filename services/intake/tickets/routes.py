"""The addresses of tickets: open one, and every action on one."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.forms import (
    TICKET_ACTIONS,
    Form,
    TicketForm,
)
from services.intake.http.door import RequestGate
from services.intake.http.gate_route import Endpoint
from services.intake.http.responses import (
    read_path_id,
    respond_accepted,
    trace_of,
)
from services.intake.shell import Intake
from services.intake.tickets import shell as tickets_shell
from services.intake.turns import SHORT
from shared.process.workers import size_of

# What the id of a ticket looks like: anything else is answered like an unknown one.
_TICKET = re.compile(r"tkt_[a-z2-7]{26}")


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put them on the application; `write` adds one."""

    async def open_ticket(request: Request) -> Response:
        body, asked = await door.asked(request)
        # Short texts are read at once; only long ones are asked about before they are read.
        size = size_of(body)
        is_short = size <= SHORT and not asked.over
        pages = not is_short and tickets_shell.will_page(intake, body, asked)
        form = await door.fill(TicketForm, body, asked.actor.email, pages=pages, size=size)
        opening = tickets_shell.open_ticket(
            intake, door.turns, form, asked, trace_of(request), size=size, pages=pages
        )
        return await respond_accepted("open", asked, opening)

    def make_ticket_endpoint(action: str, form: type[Form]) -> Endpoint:
        async def act(request: Request) -> Response:
            ticket = read_path_id(request, "ticket_id", _TICKET)
            body, asked = await door.asked(request)
            return await respond_accepted(
                action,
                asked,
                tickets_shell.act_on_ticket(
                    intake,
                    ticket,
                    action,
                    await door.fill(form, body, asked.actor.email),
                    asked,
                    trace_of(request),
                ),
            )

        return act

    write(app, "POST", "/v1/tickets", open_ticket, TicketForm, name="open-ticket")
    for action, (_, form) in TICKET_ACTIONS.items():
        write(
            app,
            "POST",
            f"/v1/tickets/{{ticket_id}}/{action}",
            make_ticket_endpoint(action, form),
            form,
            name=f"ticket-{action}",
        )

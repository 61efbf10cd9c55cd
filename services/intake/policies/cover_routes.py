"""`/v1/on-call/{schedule}/asks`: cover for a shift is asked for, accepted, declined, withdrawn."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.intake.http.door import RequestGate
from services.intake.http.responses import read_path_id, respond, trace_of
from services.intake.policies import cover_shell
from services.intake.policies.cover import AskForm
from services.intake.shell import Intake
from shared.policy.on_call.cover import AskStep

FORMS: tuple[type[BaseModel], ...] = (AskForm,)
_ASK = re.compile(r"ask_[a-z2-7]{26}")


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put the routes on the application."""

    async def ask(request: Request) -> Response:
        body, asked = await door.asked(request)
        form = await door.fill(AskForm, body, asked.actor.email)
        schedule = request.path_params["schedule"]
        return await respond(
            "policy",
            asked,
            cover_shell.ask_cover(intake, schedule, form, asked, trace_of(request)),
        )

    def answering(step: AskStep) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            ask_id, schedule = read_path_id(request, "ask", _ASK), request.path_params["schedule"]
            _, asked = await door.asked(request)
            return await respond(
                "policy",
                asked,
                cover_shell.answer_ask(intake, schedule, ask_id, step, asked, trace_of(request)),
            )

        return answer

    every = "/v1/on-call/{schedule}/asks"
    write(app, "POST", every, ask, AskForm, name="ask-for-cover", status=200)
    for step in AskStep:
        app.add_api_route(
            f"{every}/{{ask}}/{step.value}",
            answering(step),
            methods=["POST"],
            name=f"{step.value}-cover",
        )

"""The addresses of policies: write one, try it on the past, read it; and taking a turn on call."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake import shell
from services.intake.http.door import RequestGate, read_object
from services.intake.http.gate_route import Endpoint
from services.intake.http.preconditions import etag_of_policy
from services.intake.http.responses import (
    respond,
    respond_json,
    trace_of,
    with_etag,
)
from services.intake.policies import shell as policies_shell
from services.intake.policies.check import MODELS
from services.intake.policies.rota import OverrideForm, SwapForm
from services.intake.policies.simulate import WhatIfs, window_of
from services.intake.shell import Intake
from shared.errors import Refused


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put them on the application; `write` adds one."""
    what_ifs = WhatIfs()

    async def put_policy(request: Request) -> Response:
        body, asked = await door.asked(request, "admin")
        # A note goes into the log, so it has an end.
        note = request.query_params.get("note", "")[:500]
        return await respond(
            "policy",
            asked,
            policies_shell.put_policy(
                intake,
                request.path_params["name"],
                body,
                note,
                asked,
                trace_of(request),
                if_match=request.headers.get("if-match"),
            ),
        )

    def make_stand_in_endpoint(form: type[OverrideForm] | type[SwapForm]) -> Endpoint:
        async def stand_in(request: Request) -> Response:
            body, asked = await door.asked(request)
            schedule = request.path_params["schedule"]
            return await respond(
                "policy",
                asked,
                policies_shell.stand_in(
                    intake,
                    schedule,
                    await door.fill(form, body, asked.actor.email),
                    asked,
                    trace_of(request),
                ),
            )

        return stand_in

    async def what_if(request: Request) -> Response:
        actor, now = door.who(request, "admin")
        shell.admins_only(actor)
        since, until = window_of(request.query_params, now)
        return respond_json(
            200,
            await what_ifs.ask(
                request.path_params["name"], await read_object(request), since, until
            ),
        )

    async def get_policy(request: Request) -> Response:
        actor, _ = door.who(request, "read")
        version = request.query_params.get("version")
        if version is not None and not re.fullmatch(r"[0-9]{1,9}", version):
            raise Refused("invalid", "A version is a number.")
        name = request.path_params["name"]
        found = policies_shell.get_policy(intake, name, int(version) if version else None, actor)
        return with_etag(respond_json(200, found), etag_of_policy(name, found["version"]))

    async def list_versions(request: Request) -> Response:
        actor, _ = door.who(request, "read")
        return respond_json(
            200, policies_shell.list_versions(intake, request.path_params["name"], actor)
        )

    write(
        app,
        "PUT",
        "/v1/policies/{name}",
        put_policy,
        *MODELS.values(),
        name="put-policy",
        status=200,
    )
    write(
        app,
        "POST",
        "/v1/policies/{name}/simulate",
        what_if,
        *MODELS.values(),
        name="simulate-policy",
        status=200,
    )
    write(
        app,
        "POST",
        "/v1/on-call/{schedule}/overrides",
        make_stand_in_endpoint(OverrideForm),
        OverrideForm,
        name="override-shift",
        status=200,
    )
    write(
        app,
        "POST",
        "/v1/on-call/{schedule}/swaps",
        make_stand_in_endpoint(SwapForm),
        SwapForm,
        name="swap-shift",
        status=200,
    )
    app.add_api_route("/v1/policies/{name}", get_policy, methods=["GET"], name="get-policy")
    app.add_api_route(
        "/v1/policies/{name}/versions", list_versions, methods=["GET"], name="list-policy-versions"
    )

"""The addresses of reference data: write a document, and take one away."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.intake.directory import shell as directory_shell
from services.intake.http.door import RequestGate
from services.intake.http.responses import (
    respond,
    trace_of,
)
from services.intake.shell import Intake
from services.intake.world.directory import DOCUMENTS


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put them on the application; `write` adds one."""

    async def put_document(request: Request) -> Response:
        body, asked = await door.asked(request, "admin")
        kind, doc_id = request.path_params["kind"], request.path_params["doc_id"]
        return await respond(
            "directory",
            asked,
            directory_shell.put_document(
                intake,
                kind,
                doc_id,
                body,
                asked,
                trace_of(request),
                if_match=request.headers.get("if-match"),
            ),
        )

    async def remove_document(request: Request) -> Response:
        actor, now = door.who(request, "admin")
        # No body: `who` and `under_key` do what `asked` does for the others.
        asked = door.under_key(request, {}, actor, now)
        kind, doc_id = request.path_params["kind"], request.path_params["doc_id"]
        return await respond(
            "directory",
            asked,
            directory_shell.put_document(
                intake,
                kind,
                doc_id,
                None,
                asked,
                trace_of(request),
                if_match=request.headers.get("if-match"),
            ),
        )

    write(
        app,
        "PUT",
        "/v1/directory/{kind}/{doc_id:path}",
        put_document,
        *DOCUMENTS.values(),
        name="put-document",
        status=200,
    )
    app.add_api_route(
        "/v1/directory/{kind}/{doc_id:path}",
        remove_document,
        methods=["DELETE"],
        name="remove-document",
    )

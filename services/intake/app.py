"""The HTTP side: which address is which call of `api.py`, and the pages that operators ask."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue, models_json_schema
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import request_response
from starlette.types import ASGIApp

from services.intake import (
    api,
    app_accounts,
    app_contacts,
    app_files,
    app_heartbeats,
    app_incidents,
    app_mail,
    app_phone,
    app_subscriptions,
    redelivery,
)
from services.intake.accounts import Accounts
from services.intake.answering import answered, done, named, taken, trace_of
from services.intake.api import Intake
from services.intake.directory import DOCUMENTS
from services.intake.door import Door, Share, read_object
from services.intake.forms import PAGE_ACTIONS, TICKET_ACTIONS, AcknowledgeForm, Form, TicketForm, fill
from services.intake.heartbeats import HeartbeatForm
from services.intake.imports import ImportForm
from services.intake.loading import DirectoryForm
from services.intake.mail.wiring import Mail
from services.intake.policies import MODELS
from services.intake.rota import OverrideForm, SwapForm
from services.intake.tokens import PasswordForm, TokenForm
from services.intake.what_if import WhatIfs, window_of
from shared import problems, telemetry
from shared.errors import Refused
from shared.openapi import complete
from shared.telemetry import Check

_TICKET = re.compile(r"tkt_[a-z2-7]{26}")
_PAGE = re.compile(r"[\w-]{1,100}\.[a-z2-7]{26}", re.ASCII)
_REF = "#/components/schemas/{model}"

JsonSchemas = dict[type[BaseModel], JsonSchemaValue]
Endpoint = Callable[[Request], Awaitable[Response]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class _DoorRoute(APIRoute):
    """Endpoints take the request as it is and answer with a response: the door does what FastAPI's dependencies would, at a
    fraction of their time. FastAPI keeps the contract, Starlette serves it.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(_with_its_share(endpoint))


def _with_its_share(endpoint: Endpoint) -> Endpoint:
    """Every answer of the door says what is left of the caller's rate (draft-ietf-httpapi-ratelimit-headers-09)."""

    async def answer(request: Request) -> Response:
        try:
            response = await endpoint(request)
        except Refused as error:
            response = problems.of_refused(error)
        share: Share | None = getattr(request.state, "share", None)
        if share is not None:
            response.headers["RateLimit"] = f'"account";r={share.left};t={math.ceil(share.resets_in)}'
        return response

    return answer


class _App(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Errors become problems, and no more: there are no uploads, dependencies or middlewares to clean up after."""
        return Starlette.build_middleware_stack(self)

    def openapi(self) -> dict[str, Any]:
        """With the shapes of the bodies, which FastAPI does not see: the door reads them."""
        found = super().openapi()
        found.setdefault("components", {}).setdefault("schemas", {}).update(_contract()[1])
        return complete(found)


@functools.cache
def _contract() -> tuple[JsonSchemas, dict[str, Any]]:
    """JSON Schemas of all bodies, and what they refer to."""
    acting = [form for _, form in (*TICKET_ACTIONS.values(), *PAGE_ACTIONS.values())]
    others: tuple[type[BaseModel], ...] = (
        HeartbeatForm,
        redelivery.RedeliverForm,
        OverrideForm,
        SwapForm,
        TokenForm,
        PasswordForm,
        DirectoryForm,
        ImportForm,
        *DOCUMENTS.values(),
        *MODELS.values(),
        *app_contacts.FORMS,
    )
    forms: dict[type[BaseModel], None] = dict.fromkeys(
        (TicketForm, *acting, *app_incidents.forms(), *app_mail.forms(), *app_subscriptions.forms(), *others)
    )
    shapes, definitions = models_json_schema([(form, "validation") for form in forms], ref_template=_REF)
    return {form: shapes[form, "validation"] for form in forms}, definitions["$defs"]


def build(
    intake: Intake,
    door: Door,
    checks: Mapping[str, Check],
    lifespan: Lifespan | None = None,
    accounts: Accounts | None = None,
    troubles: Mapping[str, Check] | None = None,
    alert_key: bytes | None = None,
    mail: Mail | None = None,
) -> FastAPI:
    """The application. `lifespan` starts and stops what `intake` works with; `troubles` are told beside `checks` and leave it ready."""
    app = _App(title="Signalbox intake", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.router.route_class = _DoorRoute
    problems.install(app)
    _tickets(app, intake, door)
    _pages(app, intake, door)
    _reference(app, intake, door)
    app_accounts.install(app, intake, accounts or Accounts(), door, _write)
    app_incidents.install(app, intake, door, _write, alert_key)
    app_heartbeats.install(app, intake, door, _write)
    app_contacts.install(app, intake, door, _write)
    app_mail.install(app, intake, door, _write, mail)
    app_files.install(app, intake.files, door)
    app_phone.install(app, intake, door)
    app_subscriptions.install(app, intake, door, _write)
    redelivery.install(app, intake, door, _write)
    _operations(app, checks, troubles or {})
    return app


def _tickets(app: FastAPI, intake: Intake, door: Door) -> None:
    async def open_ticket(request: Request) -> Response:
        body, asked = await door.asked(request)
        return await taken("open", asked, api.open_ticket(intake, fill(TicketForm, body), asked, trace_of(request)))

    def acting(action: str, form: type[Form]) -> Endpoint:
        async def act(request: Request) -> Response:
            ticket = named(request, "ticket_id", _TICKET)
            body, asked = await door.asked(request)
            return await taken(action, asked, api.act_on_ticket(intake, ticket, action, fill(form, body), asked, trace_of(request)))

        return act

    _write(app, "POST", "/v1/tickets", open_ticket, TicketForm, name="open-ticket")
    for action, (_, form) in TICKET_ACTIONS.items():
        _write(app, "POST", f"/v1/tickets/{{ticket_id}}/{action}", acting(action, form), form, name=f"ticket-{action}")


def _pages(app: FastAPI, intake: Intake, door: Door) -> None:
    def acting(action: str, form: type[Form]) -> Endpoint:
        async def act(request: Request) -> Response:
            page = named(request, "page_id", _PAGE)
            body, asked = await door.asked(request)
            return await taken(action, asked, api.act_on_page(intake, page, action, fill(form, body), asked, trace_of(request)))

        return act

    async def acknowledge(request: Request) -> Response:
        """With a bearer, or with the token of a signed link in the body."""
        if "authorization" in request.headers:
            return await acting("acknowledge", AcknowledgeForm)(request)
        page = named(request, "page_id", _PAGE)
        body = await read_object(request)
        form, now = fill(AcknowledgeForm, body), door.clock.now()
        with door.proving(page):
            actor = api.linked_actor(intake, page, form, now)
        asked = door.under_key(request, body, actor, now)
        return await taken(
            "acknowledge", asked, api.act_on_page(intake, page, "acknowledge", form, asked, trace_of(request), via_link=True)
        )

    for action, (_, form) in PAGE_ACTIONS.items():
        endpoint = acknowledge if action == "acknowledge" else acting(action, form)
        _write(app, "POST", f"/v1/pages/{{page_id}}/{action}", endpoint, form, name=f"page-{action}")


def _reference(app: FastAPI, intake: Intake, door: Door) -> None:
    what_ifs = WhatIfs()

    async def put_document(request: Request) -> Response:
        body, asked = await door.asked(request, "admin")
        kind, doc_id = request.path_params["kind"], request.path_params["doc_id"]
        return await done("directory", asked, api.put_document(intake, kind, doc_id, body, asked, trace_of(request)))

    async def remove_document(request: Request) -> Response:
        actor, now = door.who(request, "admin")
        asked = door.under_key(request, {}, actor, now)
        kind, doc_id = request.path_params["kind"], request.path_params["doc_id"]
        return await done("directory", asked, api.put_document(intake, kind, doc_id, None, asked, trace_of(request)))

    async def put_policy(request: Request) -> Response:
        body, asked = await door.asked(request, "admin")
        note = request.query_params.get("note", "")[:500]
        return await done("policy", asked, api.put_policy(intake, request.path_params["name"], body, note, asked, trace_of(request)))

    def standing_in(form: type[OverrideForm] | type[SwapForm]) -> Endpoint:
        async def stand_in(request: Request) -> Response:
            body, asked = await door.asked(request)
            schedule = request.path_params["schedule"]
            return await done("policy", asked, api.stand_in(intake, schedule, fill(form, body), asked, trace_of(request)))

        return stand_in

    async def what_if(request: Request) -> Response:
        actor, now = door.who(request, "admin")
        api.admins_only(actor)
        since, until = window_of(request.query_params, now)
        return answered(200, await what_ifs.ask(request.path_params["name"], await read_object(request), since, until))

    async def get_policy(request: Request) -> Response:
        actor, _ = door.who(request, "read")
        version = request.query_params.get("version")
        if version is not None and not re.fullmatch(r"[0-9]{1,9}", version):
            raise Refused("invalid", "A version is a number.")
        return answered(200, api.get_policy(intake, request.path_params["name"], int(version) if version else None, actor))

    async def list_versions(request: Request) -> Response:
        actor, _ = door.who(request, "read")
        return answered(200, api.list_versions(intake, request.path_params["name"], actor))

    _write(app, "PUT", "/v1/directory/{kind}/{doc_id:path}", put_document, *DOCUMENTS.values(), name="put-document", status=200)
    app.add_api_route("/v1/directory/{kind}/{doc_id:path}", remove_document, methods=["DELETE"], name="remove-document")
    _write(app, "PUT", "/v1/policies/{name}", put_policy, *MODELS.values(), name="put-policy", status=200)
    _write(app, "POST", "/v1/policies/{name}/simulate", what_if, *MODELS.values(), name="simulate-policy", status=200)
    _write(app, "POST", "/v1/on-call/{schedule}/overrides", standing_in(OverrideForm), OverrideForm, name="override-shift", status=200)
    _write(app, "POST", "/v1/on-call/{schedule}/swaps", standing_in(SwapForm), SwapForm, name="swap-shift", status=200)
    app.add_api_route("/v1/policies/{name}", get_policy, methods=["GET"], name="get-policy")
    app.add_api_route("/v1/policies/{name}/versions", list_versions, methods=["GET"], name="list-policy-versions")


def _operations(app: FastAPI, checks: Mapping[str, Check], troubles: Mapping[str, Check]) -> None:
    async def live(_: Request) -> Response:
        return answered(200, {"status": "ok"})

    async def ready(_: Request) -> Response:
        status, found = await telemetry.verdict(checks)
        told = (await telemetry.verdict(troubles))[1]
        well = all(said == "ok" for said in told.values())
        word = "not ready" if status != 200 else "ok" if well else "degraded"
        return answered(status, {"status": word, "checks": found, "troubles": told})

    async def metrics(_: Request) -> Response:
        body, kind = telemetry.metrics_text()
        return Response(body, media_type=None, headers={"Content-Type": kind})

    for path, endpoint in (("/livez", live), ("/readyz", ready), ("/healthz", ready), ("/metrics", metrics)):
        app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False)


def _write(app: FastAPI, method: str, path: str, endpoint: Endpoint, *forms: type[BaseModel], name: str, status: int = 202) -> None:
    """A route whose body is one of `forms`. The body is read by the door, so the contract is told to OpenAPI here."""
    shapes = [_contract()[0][form] for form in forms]
    body = {"required": True, "content": {"application/json": {"schema": shapes[0] if len(shapes) == 1 else {"oneOf": shapes}}}}
    app.add_api_route(path, endpoint, methods=[method], name=name, status_code=status, openapi_extra={"requestBody": body})

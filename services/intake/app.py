"""The HTTP side: which address is which call of a `shell.py`, and the pages that operators ask."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue, models_json_schema
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute, request_response
from starlette.types import ASGIApp

from services.intake import shell
from services.intake.accounts import invitation_routes as app_invitations
from services.intake.accounts import password_routes as app_passwords
from services.intake.accounts import routes as app_accounts
from services.intake.accounts import second_step_routes as app_second_step
from services.intake.accounts import set_up_routes as app_set_up
from services.intake.accounts.provider_roles import ProviderRolesForm
from services.intake.accounts.shell import Accounts
from services.intake.accounts.tokens import PasswordForm, PreferencesForm, TokenForm
from services.intake.answers.calls import CALLS
from services.intake.contacts import phone_routes as app_phone
from services.intake.contacts import routes as app_contacts
from services.intake.directory import shell as directory_shell
from services.intake.directory.load import DirectoryForm
from services.intake.files import routes as app_files
from services.intake.forms import (
    PAGE_ACTIONS,
    TICKET_ACTIONS,
    AcknowledgeForm,
    Form,
    TicketForm,
)
from services.intake.heartbeats import routes as app_heartbeats
from services.intake.heartbeats.forms import HeartbeatForm
from services.intake.http.answers import AnsweredBefore, Remembered
from services.intake.http.door import AllowanceLeft, RequestGate, read_object
from services.intake.http.preconditions import etag_of_policy
from services.intake.http.responses import (
    read_path_id,
    respond,
    respond_accepted,
    respond_json,
    trace_of,
    with_etag,
)
from services.intake.http.straight import DirectRoutes
from services.intake.incidents import routes as app_incidents
from services.intake.mail import routes as app_mail
from services.intake.mail.wiring import MailParts
from services.intake.pages import shell as pages_shell
from services.intake.policies import cover_routes as app_cover
from services.intake.policies import shell as policies_shell
from services.intake.policies.check import MODELS
from services.intake.policies.rota import OverrideForm, SwapForm
from services.intake.policies.simulate import WhatIfs, window_of
from services.intake.shell import Intake
from services.intake.subscriptions import redeliver as redelivery
from services.intake.subscriptions import routes as app_subscriptions
from services.intake.subscriptions import try_outs
from services.intake.tickets import saved_views
from services.intake.tickets import shell as tickets_shell
from services.intake.tickets.imports import ImportForm
from services.intake.turns import SHORT
from services.intake.world.directory import DOCUMENTS
from shared.errors import Refused
from shared.http import problems
from shared.http.answer_headers import AnswerHeaders
from shared.http.habits import HttpHabits, of_routes
from shared.http.openapi.document import describe
from shared.process.workers import size_of
from shared.telemetry import logs as telemetry
from shared.telemetry.logs import Check
from shared.telemetry.route_metrics import RouteMeters

# What ids look like: anything else in an address is answered like an unknown one.
_TICKET = re.compile(r"tkt_[a-z2-7]{26}")
_PAGE = re.compile(r"[\w-]{1,100}\.[a-z2-7]{26}", re.ASCII)
_REF = "#/components/schemas/{model}"

JsonSchemas = dict[type[BaseModel], JsonSchemaValue]
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


# One signature for all endpoints: FastAPI reads it once instead of taking each function apart.
_SIGNATURE = inspect.Signature(
    [inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)],
    return_annotation=Response,
)


class _GateRoute(APIRoute):
    """Endpoints take the request as it is and answer with a response: the door does what FastAPI's
    dependencies would, at a fraction of their time. FastAPI keeps the contract, Starlette serves
    it.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.answer = _with_its_share(endpoint)
        if inspect.isfunction(endpoint):  # all the same: FastAPI need not work out each
            endpoint.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
        super().__init__(path, endpoint, **options)
        # FastAPI's own handling of bodies and dependencies is passed by.
        self.app = request_response(self.answer)

    def get_route_handler(self) -> Endpoint:
        return self.answer


def _answer_of(route: BaseRoute) -> Endpoint | None:
    return route.answer if isinstance(route, _GateRoute) else None


def _with_its_share(endpoint: Endpoint) -> Endpoint:
    """Every answer of the door says what is left of the caller's rate
    (draft-ietf-httpapi-ratelimit-headers-09), and is remembered under its Idempotency-Key.
    """

    async def answer(request: Request) -> Response:
        response: Response | None = None
        try:
            response = await endpoint(request)
        except AnsweredBefore as before:
            # The same request again: its answer, and nothing is done.
            response = _again(request, before.found)
        except Refused as error:
            response = problems.of_refused(error)
        finally:
            # Also after a refusal or a bug: the key must not stay claimed.
            door: RequestGate = request.app.state.door
            door.answered(request, response)
        # Requests that never reached the door's count have no share to tell.
        share: AllowanceLeft | None = getattr(request.state, "share", None)
        if share is not None:
            response.headers["RateLimit"] = (
                f'"account";r={share.left};t={math.ceil(share.resets_in)}'
            )
        return response

    return answer


def _again(request: Request, found: Remembered) -> Response:
    headers = {"Idempotency-Key": request.headers.get("idempotency-key", "")}
    if found.etag:
        headers["ETag"] = found.etag
    return Response(found.body, found.status, headers, "application/json")


class _App(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Errors become problems, and no more: there are no uploads, dependencies or middlewares to
        clean up after.
        """
        return Starlette.build_middleware_stack(self)

    def openapi(self) -> dict[str, Any]:
        """With the shapes of the bodies, which FastAPI does not see: the door reads them."""
        if self.openapi_schema is None:
            found = super().openapi()
            found.setdefault("components", {}).setdefault("schemas", {}).update(_contract()[1])
            self.openapi_schema = describe(found, CALLS)
        return self.openapi_schema


# Made once: the schemas of all forms take a while.
@functools.cache
def _contract() -> tuple[JsonSchemas, dict[str, Any]]:
    """JSON Schemas of all bodies, and what they refer to."""
    # From the tables of actions, so that no form can be forgotten.
    acting = [form for _, form in (*TICKET_ACTIONS.values(), *PAGE_ACTIONS.values())]
    others: tuple[type[BaseModel], ...] = (
        HeartbeatForm,
        redelivery.RedeliverForm,
        *try_outs.FORMS,
        OverrideForm,
        SwapForm,
        TokenForm,
        PasswordForm,
        PreferencesForm,
        ProviderRolesForm,
        DirectoryForm,
        ImportForm,
        *DOCUMENTS.values(),
        *MODELS.values(),
        *app_contacts.FORMS,
        *app_cover.FORMS,
    )
    # A dict keeps the order and names each form once.
    forms: dict[type[BaseModel], None] = dict.fromkeys(
        (
            TicketForm,
            *acting,
            *app_incidents.forms(),
            *app_invitations.forms(),
            *app_mail.forms(),
            *app_passwords.forms(),
            *app_second_step.forms(),
            *app_set_up.forms(),
            *app_subscriptions.forms(),
            *saved_views.forms(),
            *others,
        )
    )
    shapes, definitions = models_json_schema(
        [(form, "validation") for form in forms], ref_template=_REF
    )
    return {form: shapes[form, "validation"] for form in forms}, definitions["$defs"]


def build(
    intake: Intake,
    door: RequestGate,
    checks: Mapping[str, Check],
    lifespan: Lifespan | None = None,
    accounts: Accounts | None = None,
    troubles: Mapping[str, Check] | None = None,
    alert_key: bytes | None = None,
    mail: MailParts | None = None,
    wishing: app_subscriptions.Rates | None = None,
    *,
    public_metrics: bool = False,
) -> FastAPI:
    """The application. `lifespan` starts and stops what `intake` works with; `troubles` are told
    beside `checks` and leave it ready; `wishing` are the rates of strangers' subscriptions;
    `public_metrics`: /metrics is shown here too.
    """
    app = _App(
        title="Signalbox intake",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    # Before the routes are added: each of them is made of this class.
    app.router.route_class = _GateRoute
    app.state.door = door
    # The last one that is added is the outermost: meters see all of it.
    app.add_middleware(DirectRoutes, routes=lambda: app.router.routes, answer_of=_answer_of)
    app.add_middleware(HttpHabits, methods_at=of_routes(app))
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RouteMeters)
    problems.install(app)
    _tickets(app, intake, door)
    _pages(app, intake, door)
    _reference(app, intake, door)
    of_accounts = accounts or Accounts()
    app_accounts.install(app, intake, of_accounts, door, _write)
    app_set_up.install(app, intake, of_accounts, door, _write)
    app_invitations.install(app, intake, of_accounts, door, _write)
    app_second_step.install(app, intake, of_accounts, door, _write)
    app_passwords.install(app, intake, of_accounts, door, _write)
    app_incidents.install(app, intake, door, _write, alert_key)
    app_heartbeats.install(app, intake, door, _write)
    app_contacts.install(app, intake, door, _write)
    app_cover.install(app, intake, door, _write)
    app_mail.install(app, intake, door, _write, mail)
    app_files.install(app, intake.files, door)
    app_phone.install(app, intake, door)
    saved_views.install(app, intake, door, _write)
    app_subscriptions.install(app, intake, door, _write, wishing)
    redelivery.install(app, intake, door, _write)
    try_outs.install(app, intake, door, _write)
    _operations(app, checks, troubles or {}, public_metrics=public_metrics)
    return app


def _tickets(app: FastAPI, intake: Intake, door: RequestGate) -> None:
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

    _write(app, "POST", "/v1/tickets", open_ticket, TicketForm, name="open-ticket")
    for action, (_, form) in TICKET_ACTIONS.items():
        _write(
            app,
            "POST",
            f"/v1/tickets/{{ticket_id}}/{action}",
            make_ticket_endpoint(action, form),
            form,
            name=f"ticket-{action}",
        )


def _pages(app: FastAPI, intake: Intake, door: RequestGate) -> None:
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
        _write(
            app, "POST", f"/v1/pages/{{page_id}}/{action}", endpoint, form, name=f"page-{action}"
        )


def _reference(app: FastAPI, intake: Intake, door: RequestGate) -> None:
    what_ifs = WhatIfs()

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

    _write(
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
    _write(
        app,
        "PUT",
        "/v1/policies/{name}",
        put_policy,
        *MODELS.values(),
        name="put-policy",
        status=200,
    )
    _write(
        app,
        "POST",
        "/v1/policies/{name}/simulate",
        what_if,
        *MODELS.values(),
        name="simulate-policy",
        status=200,
    )
    _write(
        app,
        "POST",
        "/v1/on-call/{schedule}/overrides",
        make_stand_in_endpoint(OverrideForm),
        OverrideForm,
        name="override-shift",
        status=200,
    )
    _write(
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


def _operations(
    app: FastAPI,
    checks: Mapping[str, Check],
    troubles: Mapping[str, Check],
    *,
    public_metrics: bool,
) -> None:
    async def live(_: Request) -> Response:
        return respond_json(200, {"status": "ok"})

    async def ready(_: Request) -> Response:
        status, found = await telemetry.verdict(checks)
        # Troubles are told and leave it ready: a load balancer must not take it away for them.
        told = (await telemetry.verdict(troubles))[1]
        well = all(said == "ok" for said in told.values())
        word = "not ready" if status != 200 else "ok" if well else "degraded"
        lacking = telemetry.not_set_up({**found, **told})
        body = {"status": word, "checks": found, "troubles": told, "not_set_up": lacking}
        return respond_json(status, body)

    async def metrics(_: Request) -> Response:
        body, kind = telemetry.metrics_text()
        return Response(body, media_type=None, headers={"Content-Type": kind})

    places = {"/livez": live, "/readyz": ready, "/healthz": ready}
    if public_metrics:
        places["/metrics"] = metrics
    for path, endpoint in places.items():
        app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False)


def _write(
    app: FastAPI,
    method: str,
    path: str,
    endpoint: Endpoint,
    *forms: type[BaseModel],
    name: str,
    status: int = 202,
) -> None:
    """A route whose body is one of `forms`. The body is read by the door, so the contract is told
    to OpenAPI here.
    """
    shapes = [_contract()[0][form] for form in forms]
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": shapes[0] if len(shapes) == 1 else {"oneOf": shapes}}
        },
    }
    app.add_api_route(
        path,
        endpoint,
        methods=[method],
        name=name,
        status_code=status,
        openapi_extra={"requestBody": body},
    )

"""The HTTP side: which address is which call of a `shell.py`, and the pages that operators ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import ASGIApp

from services.intake.accounts import invitation_routes as app_invitations
from services.intake.accounts import password_routes as app_passwords
from services.intake.accounts import routes as app_accounts
from services.intake.accounts import second_step_routes as app_second_step
from services.intake.accounts import set_up_routes as app_set_up
from services.intake.accounts.shell import Accounts
from services.intake.answers.calls import CALLS
from services.intake.bodies import add_write, describe_bodies
from services.intake.contacts import phone_routes as app_phone
from services.intake.contacts import routes as app_contacts
from services.intake.directory import routes as app_directory
from services.intake.files import routes as app_files
from services.intake.heartbeats import routes as app_heartbeats
from services.intake.http.door import RequestGate
from services.intake.http.gate_route import GateRoute, answer_of
from services.intake.http.responses import (
    respond_json,
)
from services.intake.http.straight import DirectRoutes
from services.intake.incidents import routes as app_incidents
from services.intake.mail import routes as app_mail
from services.intake.mail.wiring import MailParts
from services.intake.pages import routes as app_pages
from services.intake.policies import cover_routes as app_cover
from services.intake.policies import routes as app_policies
from services.intake.shell import Intake
from services.intake.subscriptions import redeliver as redelivery
from services.intake.subscriptions import routes as app_subscriptions
from services.intake.subscriptions import try_outs
from services.intake.tickets import ask_routes as app_asks
from services.intake.tickets import routes as app_tickets
from services.intake.tickets import saved_views
from shared.http import problems
from shared.http.answer_headers import AnswerHeaders
from shared.http.habits import HttpHabits, of_routes
from shared.http.openapi.document import describe
from shared.telemetry import logs as telemetry
from shared.telemetry.logs import Check
from shared.telemetry.route_metrics import RouteMeters

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class _IntakeApp(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Errors become problems, and no more: there are no uploads, dependencies or middlewares to
        clean up after.
        """
        return Starlette.build_middleware_stack(self)

    def openapi(self) -> dict[str, Any]:
        """With the shapes of the bodies, which FastAPI does not see: the door reads them."""
        if self.openapi_schema is None:
            found = super().openapi()
            found.setdefault("components", {}).setdefault("schemas", {}).update(
                describe_bodies()[1]
            )
            self.openapi_schema = describe(found, CALLS)
        return self.openapi_schema


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
    app = _IntakeApp(
        title="Signalbox intake",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    # Before the routes are added: each of them is made of this class.
    app.router.route_class = GateRoute
    app.state.door = door
    # The last one that is added is the outermost: meters see all of it.
    app.add_middleware(DirectRoutes, routes=lambda: app.router.routes, answer_of=answer_of)
    app.add_middleware(HttpHabits, methods_at=of_routes(app))
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RouteMeters)
    problems.install(app)
    app_tickets.install(app, intake, door, add_write)
    app_pages.install(app, intake, door, add_write)
    app_directory.install(app, intake, door, add_write)
    app_policies.install(app, intake, door, add_write)
    of_accounts = accounts or Accounts()
    app_accounts.install(app, intake, of_accounts, door, add_write)
    app_set_up.install(app, intake, of_accounts, door, add_write)
    app_invitations.install(app, intake, of_accounts, door, add_write)
    app_second_step.install(app, intake, of_accounts, door, add_write)
    app_passwords.install(app, intake, of_accounts, door, add_write)
    app_incidents.install(app, intake, door, add_write, alert_key)
    app_heartbeats.install(app, intake, door, add_write)
    app_contacts.install(app, intake, door, add_write)
    app_cover.install(app, intake, door, add_write)
    app_mail.install(app, intake, door, add_write, mail)
    app_asks.install(app, intake, door, add_write)
    app_files.install(app, intake.files, door)
    app_phone.install(app, intake, door)
    saved_views.install(app, intake, door, add_write)
    app_subscriptions.install(app, intake, door, add_write, wishing)
    redelivery.install(app, intake, door, add_write)
    try_outs.install(app, intake, door, add_write)
    _operations(app, checks, troubles or {}, public_metrics=public_metrics)
    return app


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

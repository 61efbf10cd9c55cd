"""Wiring of the portal's web process, by hand, in reading order. The projector's is
`projector/app.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.portal import pages
from services.portal.account import notifications_page as pages_notifications
from services.portal.answers.calls import CALLS
from services.portal.desk.colleagues import Colleagues
from services.portal.desk.presence import Presence
from services.portal.help import api as api_articles
from services.portal.help.api_reference import groups_of, shapes_of
from services.portal.incidents import api as api_incidents
from services.portal.incidents.reads import IncidentReads
from services.portal.mail import api as api_mail
from services.portal.on_call import ledger_api as api_ledger
from services.portal.on_call.reads import NewestOnCall, RotaReads
from services.portal.operations import endpoints_api as api_endpoints
from services.portal.operations import reports_page as pages_reports
from services.portal.operations.lags import Lags
from services.portal.operations.reads import OperationsReads
from services.portal.published import PublishedPolicies
from services.portal.search import pages as pages_search
from services.portal.settings import PortalSettings
from services.portal.sign_in.oidc import OidcProvider, SignIn
from services.portal.sign_in.second_step import SecondSteps
from services.portal.sign_in.session import RefuseForeign, Sessions
from services.portal.status.serve import writer_for
from services.portal.tickets import api
from services.portal.tickets.queries import Queries
from services.portal.web.intake_client import IntakeClient
from services.portal.web.json_answers import Json
from services.portal.web.parts import Portal
from services.portal.web.stream import Hub
from services.portal.web.visitors import Drawn, Perhaps
from shared.clock import Clock, clock_from
from shared.errors import Unavailable
from shared.files import Descriptions, open_files
from shared.http import problems
from shared.http.answer_headers import AnswerHeaders
from shared.http.compression import CompressionMiddleware
from shared.http.habits import HttpHabits, MethodsAt, find_methods
from shared.http.openapi.document import complete, describe
from shared.http.server import config_within
from shared.people.demo_origin import is_void
from shared.people.token_use import TokenUse
from shared.process.background import Background
from shared.process.serving import budget_of, serve_until_stopped
from shared.spine.replica import OnChange, Replica
from shared.storage.store import Store
from shared.telemetry.logs import Check, metrics_text, verdict
from shared.telemetry.route_metrics import RouteMeters
from shared.wire import Message

# Long enough to cost nothing, and short enough after a database was dropped.
_INDEX_AGAIN_S = 600.0


def make_app(settings: PortalSettings) -> FastAPI:
    """The web application. Nothing connects before it starts; it starts with Kafka, MongoDB and
    intake away.
    """
    clock = clock_from(settings)
    store = Store(settings.mongodb_uri, settings.mongodb_database)
    files = open_files(settings, store)
    queries = Queries(store, clock)
    hub = Hub(store, queries)
    colleagues = Colleagues()

    # One pass over the records feeds both: a second replica would read the topic twice.
    def on_directory(message: Message) -> None:
        colleagues.take(message)
        _ask_feeds(hub, message.key)

    directory = Replica(
        "directory",
        settings.kafka_bootstrap_servers,
        settings.topic_prefix,
        on_change=on_directory,
        is_void=is_void(demo=settings.demo),
    )
    # Policies are followed in memory too, so that pages need no MongoDB for them.
    on_call, published = NewestOnCall(), PublishedPolicies()
    policies = Replica(
        "policies",
        settings.kafka_bootstrap_servers,
        settings.topic_prefix,
        on_change=_all(on_call.take, published.take),
    )
    lags = Lags(settings.kafka_bootstrap_servers, settings.topic_prefix)
    # Without it nobody can write while signed in here, and there are no second steps.
    secret = settings.secret.get_secret_value() if settings.secret else None
    uses = TokenUse(store)
    lasts = timedelta(hours=settings.session_hours)
    second_steps = SecondSteps(
        store, directory, clock, secret, required=settings.second_step_required
    )
    sessions = Sessions(
        store,
        directory,
        clock,
        secret,
        lasts=lasts,
        secure=settings.is_https,
        uses=uses,
        on_end=hub.ask_again,
        copies=settings.copies,
        needs_second=second_steps.is_required,
    )
    intake = IntakeClient(
        settings.intake_url, settings.sink_url, clock, secret, max_body=settings.max_body
    )
    sign_in = _sign_in(settings, store, clock)
    # The two are asked at each use: the replica may have read more by then.
    rota = RotaReads(store, lambda: on_call.policy, lambda: on_call.edition)
    portal = Portal(
        settings,
        clock,
        store,
        directory,
        queries,
        OperationsReads(store, queries, lags),
        rota,
        hub,
        sessions,
        intake,
        second_steps,
        files,
        Descriptions(files),
        sign_in,
        published,
        uses,
        colleagues,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Replicas first: pages that come early should find the directory.
        await directory.start()
        await policies.start()
        # Not waited for: it tries again until MongoDB is there.
        indexing = asyncio.create_task(_index_sessions(store))
        background = Background()
        background.start(
            {"the stream": hub.run, "uses of tokens": uses.run, "sessions": sessions.run}
        )
        try:
            # Writes the status page only while its own process does not.
            async with writer_for(
                settings, name=f"portal-{settings.instance or os.getpid()}", is_deputy=True
            ).at_work():
                yield
        finally:
            # In the reverse order: nothing is closed that another part still uses.
            indexing.cancel()
            await asyncio.gather(indexing, return_exceptions=True)
            await background.stop()
            await policies.stop()
            await directory.stop()
            await lags.close()
            await intake.close()
            if sign_in is not None:
                await sign_in.close()
            await files.close()
            store.close()

    # Its own pages of documentation are off: `/docs` is ours, and `/openapi.json` has intake's
    # calls.
    app = FastAPI(
        title="Signalbox",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.portal = portal
    # The one that is added last sees a request first.
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(RefuseForeign)
    app.add_middleware(HttpHabits, methods_at=_methods_at(app, intake))
    app.add_middleware(AnswerHeaders, https=settings.is_https)
    app.add_middleware(RouteMeters)
    # Before the pages: they take the handlers over for browsers.
    problems.install(app)
    app.state.incidents = IncidentReads(store, clock)
    app.include_router(api_incidents.router)
    app.include_router(api_mail.router)
    app.include_router(api_endpoints.router)
    app.include_router(api_ledger.router)
    app.include_router(pages_notifications.api)
    app.include_router(pages_search.api)
    app.include_router(pages_reports.api)
    app.include_router(api.router)
    app.include_router(api_articles.router)
    # Last of the API: it takes whatever is left below /v1.
    app.include_router(api.to_intake)
    pages.install(app, portal)
    _health(app, portal)
    _document(app, portal)
    return app


def _methods_at(app: FastAPI, intake: IntakeClient) -> MethodsAt:
    """The methods of our own routes, and those that intake takes at an address we pass on."""

    async def methods_at(path: str) -> frozenset[str]:
        own = [
            route
            for route in app.router.routes
            # It takes any address, so it would say yes to all.
            if getattr(route, "original_router", None) is not api.to_intake
        ]
        found = find_methods(own, path)
        return found | await intake.methods(path) if path.startswith("/v1/") else found

    return methods_at


def checks_of(portal: Portal) -> dict[str, Check]:
    """What must be well for the portal to be ready."""
    # Kafka and intake are absent: without them pages are read and writes are refused with a reason.
    return {"mongodb": portal.store.unready, "directory": portal.directory.unready}


def _health(app: FastAPI, portal: Portal) -> None:
    checks = checks_of(portal)

    @app.get("/livez", include_in_schema=False)
    async def live() -> Response:
        return Json({"status": "ok"})

    @app.get("/readyz", include_in_schema=False)
    @app.get("/healthz", include_in_schema=False)
    async def ready() -> Response:
        status, found = await verdict(checks)
        return Json({"status": "ok" if status == 200 else "not ready", "checks": found}, status)

    async def metrics() -> Response:
        body, kind = metrics_text()
        return Response(body, media_type=kind)

    # Only where the operator says so, or in the demo: the port is everybody's.
    if portal.settings.metrics_are_public:
        app.get("/metrics", include_in_schema=False)(metrics)


def _document(app: FastAPI, portal: Portal) -> None:
    """One OpenAPI document for the origin, our reads and intake's writes, and `/docs`: a page of
    it.
    """
    # Kept before it is replaced by ours, which is made of it.
    made = app.openapi

    @functools.cache
    def own() -> dict[str, Any]:
        return describe(made(), CALLS)

    app.openapi = own  # type: ignore[method-assign]
    # FastAPI adds the address by itself; ours answers with intake's calls in it.
    app.router.routes = [
        route for route in app.router.routes if getattr(route, "path", "") != "/openapi.json"
    ]

    async def both() -> tuple[dict[str, Any], bool]:
        """The document, and whether intake's part is in it."""
        document: dict[str, Any] = dict(await asyncio.to_thread(own))  # half a second, once
        theirs = await portal.intake.openapi()
        paths = {path: dict(methods) for path, methods in document.get("paths", {}).items()}
        # Where both answer an address, our description of a method counts.
        for path, methods in theirs.get("paths", {}).items():
            if path.startswith("/v1/"):
                paths[path] = {**methods, **paths.get(path, {})}
        schemas = {
            **theirs.get("components", {}).get("schemas", {}),
            **document.get("components", {}).get("schemas", {}),
        }
        whole = complete(
            {
                **document,
                "paths": paths,
                "components": {**document.get("components", {}), "schemas": schemas},
            }
        )
        return whole, bool(theirs)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return Json((await both())[0])

    @app.get("/docs", include_in_schema=False)
    async def reference(request: Request, actor: Perhaps, screens: Drawn) -> Response:
        whole, is_whole = await both()
        return screens.page(
            request,
            "api_docs.html",
            actor=actor,
            place="help",
            groups=groups_of(whole),
            # Named once more below: the page links only to shapes that it shows.
            shapes=(shapes := shapes_of(whole)),
            shown={shape.name for shape in shapes},
            is_whole=is_whole,
        )


def _sign_in(settings: PortalSettings, store: Store, clock: Clock) -> SignIn | None:
    """The OpenID provider's, where one is configured."""
    if not settings.oidc_issuer:
        return None
    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
    address = f"{settings.public_url.rstrip('/')}/login/oidc/callback"
    return SignIn(
        OidcProvider(
            settings.oidc_issuer,
            settings.oidc_client_id,
            secret,
            address,
            settings.oidc_groups_claim,
            settings.oidc_scope,
        ),
        store,
        clock,
    )


def _all(*takers: OnChange) -> OnChange:
    def take(message: Message) -> None:
        for taker in takers:
            taker(message)

    return take


def _ask_feeds(hub: Hub, key: str) -> None:
    """A document of the directory changed that says who somebody is or what they may."""
    kind, _, doc_id = key.partition(":")
    # Also credentials: a changed password ends sessions.
    if kind in ("accounts", "credentials"):
        hub.ask_again(doc_id.lower())
    elif kind == "tokens":  # whose it was, a removed one no longer says
        hub.ask_again(None)


async def _index_sessions(store: Store) -> None:
    """MongoDB removes sessions that are over; recognising them does not depend on it. Again now and
    then: somebody may have dropped the database.
    """
    while True:
        # An index that stands already costs nothing.
        try:
            await store["sessions"].index([("expires_at", 1)], expireAfterSeconds=0)
            await store["sessions"].index([("email", 1)])
            # By their own time: a row is gone soon after it counts no more.
            await store["used_codes"].index([("expires_at", 1)], expireAfterSeconds=0)
            await store["sign_ins"].index([("expires_at", 1)], expireAfterSeconds=0)
            await Presence(store).index()
            await asyncio.sleep(_INDEX_AGAIN_S)
        except Unavailable:
            # Soon, since it stands for MongoDB being away.
            await asyncio.sleep(2)


async def run_web(settings: PortalSettings) -> int:
    """Serve until SIGTERM or SIGINT, then 0; open streams are cut after two seconds, browsers
    reconnect by themselves.
    """
    app = make_app(settings)
    config = config_within(
        budget_of(settings),
        app,
        settings.bind,
        settings.portal_port,
        loop="uvloop",
        log_level="warning",
        # Streams never end by themselves.
        timeout_graceful_shutdown=2,
        # Addresses are counted, so a header is believed only from proxies that were named.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
    )
    return await serve_until_stopped(config, settings, checks_of(app.state.portal))

"""Wiring of the portal's processes, by hand, in reading order."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.responses import Response

from services.portal import api, api_articles, api_incidents, api_ledger, api_mail, pages, pages_notifications
from services.portal.answers import Json
from services.portal.desk import Desk
from services.portal.incidents import IncidentReads
from services.portal.lags import Lags
from services.portal.oidc import Provider, SignIn
from services.portal.projector import GROUP, SOURCES, Projector
from services.portal.proxy import Intake
from services.portal.queries import Queries
from services.portal.rota import NewestOnCall, Rota
from services.portal.session import RefuseForeign, Sessions
from services.portal.settings import PortalSettings
from services.portal.status.serve import writer_for
from services.portal.stream import Hub
from services.portal.wiring import Portal
from shared import problems
from shared.bus import Consumer, Producer
from shared.clock import Clock, clock_from
from shared.errors import Unavailable
from shared.openapi import complete
from shared.replica import Replica
from shared.serving import serve_until_stopped
from shared.store import Store
from shared.telemetry import metrics_text, serve_health, verdict
from shared.token_use import TokenUse

log = structlog.get_logger()


def make_app(settings: PortalSettings) -> FastAPI:
    """The web application. Nothing connects before it starts; it starts with Kafka, MongoDB and intake away."""
    clock = clock_from(settings)
    store = Store(settings.mongodb_uri, settings.mongodb_database)
    directory = Replica("directory", settings.kafka_bootstrap_servers, settings.topic_prefix)
    on_call = NewestOnCall()
    policies = Replica("policies", settings.kafka_bootstrap_servers, settings.topic_prefix, on_change=on_call.take)
    lags = Lags(settings.kafka_bootstrap_servers, settings.topic_prefix)
    secret = settings.secret.get_secret_value() if settings.secret else None
    queries = Queries(store, clock)
    hub = Hub(store, queries)
    uses = TokenUse(store)
    lasts = timedelta(hours=settings.session_hours)
    sessions = Sessions(store, directory, clock, secret, lasts=lasts, secure=settings.is_https, uses=uses)
    intake = Intake(settings.intake_url, settings.sink_url, clock, secret, max_body=settings.max_body)
    sign_in = _sign_in(settings, store, clock)
    rota = Rota(store, lambda: on_call.policy)
    portal = Portal(settings, clock, store, directory, queries, Desk(store, queries, lags), rota, hub, sessions, intake, sign_in)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await directory.start()
        await policies.start()
        background = [asyncio.create_task(hub.run()), asyncio.create_task(_index_sessions(store)), asyncio.create_task(uses.run())]
        try:
            async with writer_for(settings, name=f"portal-{settings.instance or os.getpid()}", is_deputy=True).at_work():
                yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await policies.stop()
            await directory.stop()
            await lags.close()
            await intake.close()
            if sign_in is not None:
                await sign_in.close()
            store.close()

    app = FastAPI(title="Signalbox", version="1", lifespan=lifespan, docs_url="/docs", redoc_url=None)
    app.state.portal = portal
    app.add_middleware(RefuseForeign)
    problems.install(app)
    app.state.incidents = IncidentReads(store, clock)
    app.include_router(api_incidents.router)
    app.include_router(api_mail.router)
    app.include_router(api_ledger.router)
    app.include_router(pages_notifications.api)
    app.include_router(api.router)
    app.include_router(api_articles.router)
    pages.install(app, portal)
    _health(app, portal)
    _document(app, portal)
    return app


def _health(app: FastAPI, portal: Portal) -> None:
    checks = {"mongodb": portal.store.unready, "directory": portal.directory.unready}

    @app.get("/livez", include_in_schema=False)
    async def live() -> Response:
        return Json({"status": "ok"})

    @app.get("/readyz", include_in_schema=False)
    @app.get("/healthz", include_in_schema=False)
    async def ready() -> Response:
        status, found = await verdict(checks)
        return Json({"status": "ok" if status == 200 else "not ready", "checks": found}, status)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        body, kind = metrics_text()
        return Response(body, media_type=kind)


def _document(app: FastAPI, portal: Portal) -> None:
    """One OpenAPI document for the origin: our reads and intake's writes."""
    own = app.openapi
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", "") != "/openapi.json"]

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        document: dict[str, Any] = dict(own())
        theirs = await portal.intake.openapi()
        paths = {path: dict(methods) for path, methods in document.get("paths", {}).items()}
        for path, methods in theirs.get("paths", {}).items():
            if path.startswith("/v1/"):
                paths[path] = {**methods, **paths.get(path, {})}
        schemas = {**theirs.get("components", {}).get("schemas", {}), **document.get("components", {}).get("schemas", {})}
        return Json(complete({**document, "paths": paths, "components": {**document.get("components", {}), "schemas": schemas}}))


def _sign_in(settings: PortalSettings, store: Store, clock: Clock) -> SignIn | None:
    """The OpenID provider's, where one is configured."""
    if not settings.oidc_issuer:
        return None
    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
    address = f"{settings.public_url.rstrip('/')}/login/oidc/callback"
    return SignIn(Provider(settings.oidc_issuer, settings.oidc_client_id, secret, address), store, clock)


async def _index_sessions(store: Store) -> None:
    """MongoDB removes sessions that are over; recognising them does not depend on it."""
    while True:
        try:
            await store["sessions"].index([("expires_at", 1)], expireAfterSeconds=0)
            await store["sessions"].index([("email", 1)])
            await store["sign_ins"].index([("expires_at", 1)], expireAfterSeconds=0)
            return
        except Unavailable:
            await asyncio.sleep(2)


async def run_web(settings: PortalSettings) -> int:
    """Serve until SIGTERM or SIGINT, then 0; open streams are cut after two seconds, browsers reconnect by themselves."""
    config = uvicorn.Config(
        make_app(settings), host=settings.bind, port=settings.portal_port, loop="uvloop", http="httptools", access_log=False,
        log_config=None, log_level="warning", timeout_graceful_shutdown=2, server_header=False,
        proxy_headers=bool(settings.trusted_proxies), forwarded_allow_ips=settings.trusted_proxies or None,
    )  # fmt: skip
    return await serve_until_stopped(config)


def make_projector(settings: PortalSettings) -> tuple[Projector, Producer]:
    """The projector and the producer of its dead letters, which the caller stops."""
    store = Store(settings.mongodb_uri, settings.mongodb_database, timeout_ms=2000)
    names = [topic.name for topic in SOURCES]
    bootstrap, prefix = settings.kafka_bootstrap_servers, settings.topic_prefix
    consumer = Consumer(bootstrap, prefix, GROUP, names, instance=settings.instance, max_records=settings.projector_batch)
    producer = Producer(bootstrap, prefix, GROUP)
    return Projector(store, consumer, producer), producer


async def run_projector(settings: PortalSettings, stopping: asyncio.Event) -> int:
    """Project until `stopping` is set. 1 where Kafka or MongoDB could not be reached: start it again."""
    projector, producer = make_projector(settings)
    health = await serve_health(settings.metrics_port, {"projector": projector.unready}, host=settings.bind)
    running = asyncio.create_task(projector.run())
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        projector.stop()
        await running
        return 0
    except Unavailable as error:
        log.error("ending, to start again", error=str(error))
        return 1
    finally:
        waiting.cancel()
        await producer.stop()
        if health is not None:
            await health.cleanup()

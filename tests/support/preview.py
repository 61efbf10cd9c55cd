"""The pages over sample data: real MongoDB, the real views, no Kafka and no other service. For
looking at them, and for tests.

    python -m tests.support.preview 18100        # then http://127.0.0.1:18100, everybody's password
    is `demo`

It uses `MONGODB_URI` and a database of its own, which it empties first.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from pymongo import ReplaceOne

from deploy.demo.directory import documents, policies
from deploy.demo.seed import credentials
from services.portal import pages
from services.portal.desk.colleagues import Colleagues
from services.portal.help import api as api_articles
from services.portal.incidents import api as api_incidents
from services.portal.incidents.reads import IncidentReads
from services.portal.on_call.reads import RotaReads
from services.portal.operations import reports_page as pages_reports
from services.portal.operations.reads import OperationsReads
from services.portal.projector import shelving
from services.portal.projector.batch import Fold, list_needed_docs, parse
from services.portal.projector.loop import prepare, recount
from services.portal.published import PublishedPolicies
from services.portal.search import pages as pages_search
from services.portal.settings import PortalSettings
from services.portal.sign_in.second_step import SecondSteps
from services.portal.sign_in.session import RefuseForeign, Sessions
from services.portal.status.drawing import Drawing
from services.portal.status.files import FOLDER
from services.portal.status.writer import Facts, put
from services.portal.tickets import api
from services.portal.tickets.queries import Queries
from services.portal.web.intake_client import IntakeClient
from services.portal.web.parts import Portal
from services.portal.web.stream import Hub
from shared import events as e
from shared.clock import SystemClock
from shared.files import Descriptions, open_files
from shared.http import problems
from shared.spine.replica import Replica
from shared.storage.store import Store
from shared.wire import Message
from tests.support.showcase import Log, showcase
from tests.support.waiting import eventually

SECRET = "a secret for tests only"


class KnownDirectory(Replica):
    """The directory without Kafka."""

    def __init__(self, found: Mapping[tuple[str, str], dict[str, Any]]) -> None:
        super().__init__("directory", "nowhere:1", "")
        self._found = dict(found)

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None:
        return self._found.get((kind, doc_id))

    def all(self, kind: str | None = None) -> dict[str, dict[str, Any]]:
        return {name: doc for (of, name), doc in self._found.items() if of == kind}


class Lags:
    async def by_process(self) -> Mapping[str, int]:
        return {"router": 0, "sla": 12, "front": 0, "pager": 0, "courier": 1840, "projector": 3}


def directory() -> KnownDirectory:
    known = list(documents())
    return KnownDirectory(
        {(str(doc.kind), doc.id): doc.body for doc in (*known, *credentials(known))}
    )


async def fill(store: Store, known: KnownDirectory, now: datetime, log: Log | None = None) -> None:
    """The views, as the projector would have made them of the log."""
    await store.drop()
    await prepare(store)
    reference: Log = [
        (
            "directory",
            e.DirectoryRecorded(
                key=f"{kind}:{name}", at=now, kind=kind, doc_id=name, document=document
            ),
        )  # type: ignore[arg-type]
        for kind in ("accounts", "apps", "providers")
        for name, document in known.all(kind).items()
    ]
    reference += [
        ("policies", e.PolicyPublished(key=name, at=now, version=1, document=doc))
        for name, doc in policies().items()
    ]
    await fold(store, reference + (showcase(now) if log is None else log))


async def fold(store: Store, log: Log) -> None:
    """Fold more of the log into the views."""
    messages = [
        Message(topic, 0, n, event.key, orjson.dumps(event.model_dump(mode="json")), {}, 0.0)
        for n, (topic, event) in enumerate(log)
    ]
    events, poison = parse(messages)
    assert not poison, poison
    docs = {
        (collection, name): await store[collection].find_one({"_id": name})
        for collection, name in list_needed_docs(events)
    }
    newest = await store["timeline"].find({}, order=[("feed", -1)], limit=1)
    changes = Fold(docs, newest[0]["feed"] if newest else 0).take(events)
    for found in (changes.replaced, changes.inserted):
        for collection, made in found.items():
            await store[collection].bulk(
                [
                    ReplaceOne({"_id": name}, doc, upsert=True)
                    for name, doc in made.items()
                    if doc is not None
                ]
            )
    for counted, n in (await recount(store, [0])).items():
        await store["counts"].replace(
            {"_id": counted.id}, {"_id": counted.id, **counted._asdict(), "n": n}
        )
    await shelving.begin(store)


def staff_of(known: KnownDirectory) -> Colleagues:
    """As the replica would have told of them."""
    found = Colleagues()
    for email, document in known.all("accounts").items():
        value = orjson.dumps({"document": document})
        found.take(Message("directory", 0, 0, f"accounts:{email}", value, {}, 0.0))
    return found


def make_portal(settings: PortalSettings, known: KnownDirectory) -> Portal:
    clock, secret = SystemClock(), SECRET
    store = Store(settings.mongodb_uri, settings.mongodb_database)
    queries = Queries(store, clock)
    sessions = Sessions(store, known, clock, secret, lasts=timedelta(hours=1), secure=False)
    intake = IntakeClient(
        settings.intake_url, settings.sink_url, clock, secret, max_body=settings.max_body
    )
    desk, rota = OperationsReads(store, queries, Lags()), RotaReads(store, lambda: None)
    second_steps = SecondSteps(store, known, clock, secret, required=False)
    files = open_files(settings, store)
    return Portal(
        settings,
        clock,
        store,
        known,
        queries,
        desk,
        rota,
        Hub(store, queries),
        sessions,
        intake,
        second_steps,
        files,
        Descriptions(files),
        colleagues=staff_of(known),
        published=published(clock.now()),
    )


def published(now: datetime) -> PublishedPolicies:
    """The policies without Kafka."""
    found = PublishedPolicies()
    for name, document in policies().items():
        event = e.PolicyPublished(key=name, at=now, version=1, document=document)
        found.take(Message("policies", 0, 0, name, event.wire(), {}, 0.0))
    return found


def make_app(portal: Portal, lifespan: Any = None) -> FastAPI:
    app = FastAPI(lifespan=lifespan)
    app.state.portal = portal
    app.add_middleware(RefuseForeign)
    problems.install(app)
    app.state.incidents = IncidentReads(portal.store, portal.clock)
    app.include_router(api_incidents.router)
    app.include_router(pages_search.api)
    app.include_router(pages_reports.api)
    app.include_router(api.router)
    app.include_router(api_articles.router)
    app.include_router(api.to_intake)
    pages.install(app, portal)
    return app


def filled(settings: PortalSettings, log: Callable[[datetime], Log] = showcase) -> FastAPI:
    """The pages, their views filled with the showcase (or another log) when the application starts
    and dropped when it ends.
    """
    known = directory()
    folder = tempfile.TemporaryDirectory(prefix="signalbox-preview-")
    portal = make_portal(settings.model_copy(update={"data_dir": Path(folder.name)}), known)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        now = portal.clock.now()
        await fill(portal.store, known, now, log(now))
        put_status_page(Path(folder.name) / FOLDER, log(now), now)
        following = asyncio.create_task(portal.hub.run())
        yield
        following.cancel()
        await portal.intake.close()
        await portal.store.drop()
        portal.store.close()
        folder.cleanup()

    return make_app(portal, lifespan)


@contextlib.contextmanager
def served(
    mongodb_uri: str, database: str, log: Callable[[datetime], Log] = showcase
) -> Iterator[str]:
    """The pages' address, served from a thread."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = PortalSettings(
        portal_port=port,
        mongodb_uri=mongodb_uri,
        mongodb_database=database,
        demo=True,
        secret=SECRET,
        intake_url="http://127.0.0.1:9",
        sink_url="http://127.0.0.1:9",
    )
    server = uvicorn.Server(
        uvicorn.Config(
            filled(settings, log),
            host="127.0.0.1",
            port=port,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started, within=30, what="the preview is up")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def put_status_page(folder: Path, log: Log, now: datetime) -> None:
    """The status page, as its writer would have made it of the log, and of policies of 80 days ago."""
    facts = Facts()
    for name, document in policies().items():
        published = e.PolicyPublished(
            key=name, at=now - timedelta(days=80), version=1, document=document
        )
        facts.on_policy(Message("policies", 0, 0, name, published.wire(), {}, 0.0))
    for topic, event in log:
        if topic == "status":
            facts.on_status(Message(topic, 0, 0, event.key, event.wire(), {}, 0.0))
    drawing = Drawing("")
    put(folder, {**drawing.assets, **drawing.files(facts.board(now, now))})


def main(port: int) -> None:
    settings = PortalSettings(
        portal_port=port,
        mongodb_database="pages_preview",
        demo=True,
        intake_url=f"http://127.0.0.1:{port + 1}",
        sink_url=f"http://127.0.0.1:{port + 3}",
        secret=SECRET,
    )
    uvicorn.run(
        filled(settings), host="127.0.0.1", port=port, access_log=False, timeout_graceful_shutdown=1
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 18100)

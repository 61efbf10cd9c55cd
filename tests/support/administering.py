"""The administration's pages over a real intake in the same process: no Kafka, no MongoDB, no port.

async with Office() as office:
    answer = await office.get("/admin")                       # as admin@example.com
    answer = await office.post("/admin/begin", name="default")
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from services.portal import pages
from services.portal.on_call.calendar_feed import Edition
from services.portal.on_call.reads import RotaReads
from services.portal.operations.reads import OperationsReads
from services.portal.published import PublishedPolicies
from services.portal.settings import PortalSettings
from services.portal.sign_in.second_step import SecondSteps
from services.portal.sign_in.session import RefuseForeign, Sessions
from services.portal.tickets.queries import Queries
from services.portal.web.intake_client import IntakeAnswer, IntakeClient
from services.portal.web.parts import Portal
from services.portal.web.stream import Hub
from shared.errors import Unavailable
from shared.events import Via
from shared.http import problems
from shared.people.identity import mint
from shared.policy import ON_CALL, OnCallPolicy
from shared.policy.book import Version
from shared.policy.writing.documents import MODELS
from shared.storage.store import Store
from tests.unit.intake.building import NOW, SECRET, Bench, Log, StandingClock


class KnownDirectory:
    """The directory as the log of the bench holds it now."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.get, self.ids, self.wait_until = log.get, log.ids, log.wait_until

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        found = ((doc_id, self._log.get(kind, doc_id)) for doc_id in self._log.ids(kind))
        return {doc_id: document for doc_id, document in found if document is not None}


class KnownPolicies(PublishedPolicies):
    """The policies as the log of the bench holds them now."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._policies = log.policies

    def newest(self, name: str) -> Version | None:
        found = self._policies.get(name)
        if found is None:
            return None
        return Version(found, MODELS[name].model_validate(found.document, extra="ignore"))

    def policy(self, name: str) -> Any:
        found = self.newest(name)
        return found.policy if found else None


class AwayStore:
    """MongoDB, which does not answer."""

    def __getitem__(self, name: str) -> AwayStore:
        return self

    async def find(self, *_: Any, **__: Any) -> Any:
        raise Unavailable("mongodb", "there is none here")

    find_one = count = aggregate = update_all = find


class InnerIntake(IntakeClient):
    """Intake's application, asked in this process."""

    def __init__(self, bench: Bench, settings: PortalSettings) -> None:
        super().__init__("", "", StandingClock(), SECRET, max_body=settings.max_body)
        self._bench = bench

    def _session(self) -> Any:
        return None

    async def not_set_up(self) -> list[str] | None:
        said = self._bench.log.administrators.lacks()
        return [said] if said else []

    async def _ask(
        self, session: Any, method: str, path: str, headers: Mapping[str, str], body: Any, **_: Any
    ) -> IntakeAnswer:
        transport = httpx.ASGITransport(app=self._bench.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
            found = await client.request(method, path, content=body, headers=dict(headers))
        return IntakeAnswer(found.status_code, dict(found.headers), found.content)


def application(bench: Bench, **settings: Any) -> FastAPI:
    """The portal's pages over this bench. Every page that needs MongoDB fails."""
    given = PortalSettings.model_construct(
        **{
            **PortalSettings.model_construct().model_dump(),
            "secret": SecretStr(SECRET),
            **settings,
        }
    )
    clock, directory = StandingClock(), cast(Any, KnownDirectory(bench.log))
    published = KnownPolicies(bench.log)
    store = cast(Store, AwayStore())
    queries = Queries(store, clock)

    def on_call() -> OnCallPolicy | None:
        return cast(OnCallPolicy | None, published.policy(ON_CALL))

    def edition() -> Edition | None:
        found = published.newest(ON_CALL)
        return Edition(found.number, found.published.at) if found else None

    portal = Portal(
        given,
        clock,
        store,
        directory,
        queries,
        OperationsReads(store, queries, cast(Any, None)),
        RotaReads(store, on_call, edition),
        Hub(store, queries),
        Sessions(store, directory, clock, SECRET, lasts=timedelta(hours=1), secure=False),
        InnerIntake(bench, given),
        SecondSteps(store, directory, clock, SECRET, required=False),
        cast(Any, None),
        cast(Any, None),
        published=published,
    )
    app = FastAPI()
    app.state.portal = portal
    app.add_middleware(RefuseForeign)
    problems.install(app)
    pages.install(app, portal)
    return app


class Office:
    """Somebody at a browser; `who` is whom each call is by."""

    def __init__(self, bench: Bench | None = None, **settings: Any) -> None:
        self.bench = bench or Bench()
        self.app = application(self.bench, **settings)

    async def __aenter__(self) -> Office:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://portal")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, path: str, who: str = "admin") -> httpx.Response:
        return await self._client.get(path, headers=headers_of(who))

    async def post(self, path: str, who: str = "admin", **fields: Any) -> httpx.Response:
        """`fields`: names with two underscores have a dot in the form."""
        named = {name.replace("__", "."): value for name, value in fields.items()}
        return await self.send(path, named, who)

    async def send(
        self, path: str, fields: Mapping[str, Any], who: str = "admin"
    ) -> httpx.Response:
        form = {"content-type": "application/x-www-form-urlencoded"}
        return await self._client.post(
            path, content=urlencode(fields), headers=headers_of(who) | form
        )


def headers_of(who: str) -> dict[str, str]:
    bearer = mint(f"{who}@example.com", Via.WEB, SECRET, NOW)
    return {"accept": "text/html", "authorization": f"Bearer {bearer}"}
